// Programs that the user has agreed to run, with what they say, and a way to end them.

import { spawn } from 'node:child_process';

/** What a program is told to do, and where what it says goes. */
export interface Running {
  onLine: (line: string) => void;
  /** Called with what ends the program. */
  onStart?: (end: () => void) => void;
}

/** Run a program; throws if it does not start, fails or is ended. */
export function run(command: string, args: readonly string[], { onLine, onStart }: Running): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let rest = '';
    const take = (data: Buffer): void => {
      // A bar of progress is drawn over itself by carriage returns.
      const lines = (rest + data.toString('utf8')).split(/\r\n|\n|\r/);
      rest = lines.pop() ?? '';
      lines.filter((line) => line.trim()).forEach(onLine);
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    onStart?.(() => child.kill());
    child.on('error', (error) => reject(new Error(`${command} does not start: ${error.message}`)));
    child.on('close', (code, signal) => {
      if (rest.trim()) {
        onLine(rest);
      }
      if (code === 0) {
        resolve();
      } else {
        reject(new Error(signal ? `${command} was ended` : `${command} failed (exit status ${code})`));
      }
    });
  });
}
