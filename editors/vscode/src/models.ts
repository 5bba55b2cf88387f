// The models there are, as `fimbul models list --json` tells them.
//
// Knows nothing about VS Code, so that it can be tested without it.

/** One row of the list. */
export interface Model {
  name: string;
  licence: string;
  bytes: number | null;
  note: string;
  /** Where its file is; null if it is not on this machine. */
  path: string | null;
  used: boolean;
  /** Whether the machine's policy lets it be used. */
  allowed: boolean;
}

/** What the user chooses from. */
export interface ModelChoice {
  name: string;
  label: string;
  description: string;
  detail: string;
  isHere: boolean;
}

/** Return what can be chosen, what is on this machine first; throws if the text is no such list. */
export function modelChoices(json: string): ModelChoice[] {
  const models = JSON.parse(json) as Model[];
  const choices = models
    .filter((model) => model.allowed)
    .map((model) => ({
      name: model.name,
      label: `${model.used ? '$(check) ' : ''}${model.name}`,
      description: [size(model.bytes), model.licence, model.path ? 'on this machine' : 'to be fetched']
        .filter(Boolean)
        .join(', '),
      detail: model.note,
      isHere: model.path !== null,
    }));
  return [...choices.filter((one) => one.isHere), ...choices.filter((one) => !one.isHere)];
}

function size(bytes: number | null): string {
  if (bytes === null) {
    return '';
  }
  return bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
