// Which of VS Code's settings are the user's own, and what of them the server is told.
//
// Knows nothing about VS Code, so that it can be tested without it.

/** One setting as VS Code keeps it: what it is by default, and what each layer says. */
export interface Inspected {
  key: string;
  globalValue?: unknown;
}

/**
 * Return the server's options that the user has set, section by section.
 *
 * Defaults stay out, since they would go before the user's own settings file; so does what a
 * workspace says, which has a file of its own (`.fimbul.toml`) that can only restrict.
 */
export function explicitOptions(settings: Iterable<Inspected>): Record<string, unknown> {
  const options: Record<string, Record<string, unknown>> = {};
  for (const { key, globalValue } of settings) {
    const [section, name] = key.split('.');
    if (section && name && globalValue !== undefined) {
      (options[section] ??= {})[name] = globalValue;
    }
  }
  return options;
}

/** Return `languages` with `language` put in, or taken out if it was there. */
export function toggled(languages: readonly string[], language: string): string[] {
  return languages.includes(language)
    ? languages.filter((one) => one !== language)
    : [...languages, language];
}
