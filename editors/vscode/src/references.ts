// What is said of published code that suggestions resemble. Knows nothing about VS Code.

/** A place in published code, as the server tells it. */
export interface Reference {
  project: string;
  path: string;
  line: number;
  licence: string;
  licenceClass: string;
  link: string;
  index: string;
  likeness: string;
  tokens: number;
}

/** Answer to `fimbul/references`. */
export interface References {
  text: string;
  references: unknown[];
}

/** Return one line for each place, its link below it. */
export function inFull(references: readonly Reference[]): string {
  return references
    .map((one) => {
      const how = one.likeness === 'verbatim' ? 'the same' : 'the same but for names';
      const licence = one.licence || 'no known licence';
      const line = `${one.tokens} tokens ${how} as in ${one.project}, ${one.path}:${one.line} (${licence}; ${one.licenceClass}; index ${one.index})`;
      return one.link ? `${line}\n    ${one.link}` : line;
    })
    .join('\n');
}

/** Return the page about a document: what the last suggestion resembles, and what was accepted. */
export function referencesPage(
  last: readonly Reference[] | undefined,
  here: References | undefined,
  everywhere: References | undefined,
): string {
  const parts: [string, string][] = [
    ['The last suggestion in this file resembles:', inFull(last ?? [])],
    ['Accepted in this file, and alike:', here?.text ?? ''],
    ['Accepted in all files, and alike:', everywhere?.text ?? ''],
  ];
  const told = parts.filter(([, text]) => text !== '').map(([title, text]) => `${title}\n\n${text}`);
  return told.length > 0
    ? `${told.join('\n\n')}\n`
    : 'Nothing is known to resemble published code. `fimbul references list` in a terminal says what is compared.\n';
}
