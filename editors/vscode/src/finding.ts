// Where the server is: in the setting, on PATH, in the project's Python, or in our own environment.
//
// Knows nothing about VS Code, so that it can be tested without it.

import { accessSync, constants, statSync } from 'node:fs';
import * as path from 'node:path';

/** How the server is started, and what says so. */
export interface Found {
  command: string;
  args: string[];
  from: 'setting' | 'path' | 'python' | 'own';
}

/** Everything that decides where the server is looked for. */
export interface Places {
  /** The user's setting: a program and its arguments; empty if there is none. */
  setting: readonly string[];
  /** The variable PATH. */
  path: string;
  /** The Python that is chosen for the folder, if there is one. */
  python?: string | undefined;
  /** The folder of the environment that the extension makes. */
  own: string;
  platform: NodeJS.Platform;
}

const SERVE = ['serve'];

/** Return the first server there is; undefined if there is none. */
export function findServer(places: Places): Found | undefined {
  const [program, ...args] = places.setting;
  if (program) {
    return { command: program, args: args.length ? args : SERVE, from: 'setting' };
  }
  for (const folder of places.path.split(path.delimiter).filter((one) => path.isAbsolute(one))) {
    const command = path.join(folder, programName(places.platform));
    if (isProgram(command, places.platform)) {
      return { command, args: SERVE, from: 'path' };
    }
  }
  if (places.python) {
    const command = path.join(path.dirname(places.python), programName(places.platform));
    if (isProgram(command, places.platform)) {
      return { command, args: SERVE, from: 'python' };
    }
  }
  const command = inEnvironment(places.own, 'fimbul', places.platform);
  return isProgram(command, places.platform) ? { command, args: SERVE, from: 'own' } : undefined;
}

/** Return the path of a program in a Python environment. */
export function inEnvironment(folder: string, name: string, platform: NodeJS.Platform): string {
  return platform === 'win32'
    ? path.join(folder, 'Scripts', `${name}.exe`)
    : path.join(folder, 'bin', name);
}

/** What has to be run to make our own environment with the server in it. */
export function installation(
  own: string,
  python: string,
  what: string,
  platform: NodeJS.Platform,
): { command: string; args: string[] }[] {
  return [
    { command: python, args: ['-m', 'venv', own] },
    {
      command: inEnvironment(own, 'python', platform),
      args: ['-m', 'pip', 'install', '--progress-bar', 'off', '--upgrade', what],
    },
  ];
}

function programName(platform: NodeJS.Platform): string {
  return platform === 'win32' ? 'fimbul.exe' : 'fimbul';
}

function isProgram(file: string, platform: NodeJS.Platform): boolean {
  try {
    accessSync(file, platform === 'win32' ? constants.F_OK : constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
