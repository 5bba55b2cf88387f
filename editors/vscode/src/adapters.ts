// The adapters there are, as the server's command `fimbul.adapters` tells them.
//
// Knows nothing about VS Code, so that it can be tested without it.

/** What the command answers. */
export interface Adapters {
  folder: string;
  adapters: Adapter[];
}

/** One adapter on this machine. */
export interface Adapter {
  id: string;
  name: string;
  created: string;
  used: boolean;
  /** Why it cannot be used in the folder; empty if it can. */
  message: string;
}

/** What the user chooses from: what the server is told to do. */
export interface AdapterChoice {
  label: string;
  description: string;
  detail: string;
  action: 'use' | 'off' | 'rollback';
  id: string;
}

/** Return what can be chosen in a folder: adapters that fit it, newest first, none, the one before. */
export function adapterChoices(found: Adapters): AdapterChoice[] {
  const fitting = found.adapters.filter((one) => one.message === '');
  const choices = [...fitting]
    .sort((one, other) => other.created.localeCompare(one.created))
    .map((one) => ({
      label: `${one.used ? '$(check) ' : ''}${one.name}`,
      description: `${one.created.slice(0, 10)}, ${one.id.slice(0, 12)}`,
      detail: '',
      action: 'use' as const,
      id: one.id,
    }));
  const isUsed = fitting.some((one) => one.used);
  const rest: AdapterChoice[] = [];
  if (isUsed) {
    rest.push({ label: '$(history) The one before', description: '', detail: '', action: 'rollback', id: '' });
    rest.push({ label: '$(circle-slash) None', description: '', detail: '', action: 'off', id: '' });
  }
  return [...choices, ...rest];
}

/** Return why there is nothing to choose from. */
export function whyNone(found: Adapters): string {
  const last = found.adapters.at(-1);
  return last
    ? `No adapter fits ${found.folder}. ${last.message}`
    : 'There are no adapters yet; `fimbul-models train` makes one of a repository.';
}
