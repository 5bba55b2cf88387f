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

/** A setting such as `files.exclude` as VS Code keeps it: patterns, and whether they hold. */
export interface InspectedPatterns {
  defaultValue?: unknown;
  globalValue?: unknown;
  workspaceValue?: unknown;
  workspaceFolderValue?: unknown;
}

/**
 * Return the patterns that the user or a workspace excludes.
 *
 * A workspace only adds: what it would bring back stays excluded. Conditions (`when`) are no
 * exclusions, since the server knows nothing about other files.
 */
export function exclusions(settings: Iterable<InspectedPatterns>): string[] {
  const found = new Set<string>();
  for (const { defaultValue, globalValue, workspaceValue, workspaceFolderValue } of settings) {
    const own = { ...patterns(defaultValue), ...patterns(globalValue) };
    for (const layer of [own, patterns(workspaceValue), patterns(workspaceFolderValue)]) {
      for (const [pattern, value] of Object.entries(layer)) {
        if (value === true) {
          found.add(pattern);
        }
      }
    }
  }
  return [...found].sort();
}

function patterns(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** Return `languages` with `language` put in, or taken out if it was there. */
export function toggled(languages: readonly string[], language: string): string[] {
  return languages.includes(language)
    ? languages.filter((one) => one !== language)
    : [...languages, language];
}
