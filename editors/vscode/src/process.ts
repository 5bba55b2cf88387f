// Programs that the user has agreed to run, with what they say, and a way to end them.

import { spawn, type ChildProcess } from 'node:child_process';

/** What a program is told to do, and where what it says goes. */
export interface Running {
  onLine: (line: string) => void;
  /** Called for what comes on the error stream; left out, it goes where the rest goes. */
  onError?: (line: string) => void;
  /** Called with what ends the program. */
  onStart?: (end: () => void) => void;
}

/** What makes fimbul's commands draw their bars, for us to read. */
const PROGRESS = { FIMBUL_PROGRESS: '1', PYTHONUNBUFFERED: '1' };

/** Run a program; throws if it does not start, fails or is ended. */
export function run(command: string, args: readonly string[], { onLine, onError, onStart }: Running): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...PROGRESS },
      // A group of its own, so that what it has started can be ended with it.
      detached: process.platform !== 'win32',
    });
    let isEnded = false;
    const streams = [lines(onLine), lines(onError ?? onLine)];
    child.stdout.on('data', streams[0]!.take);
    child.stderr.on('data', streams[1]!.take);
    onStart?.(() => {
      isEnded = true;
      end(child);
    });
    child.on('error', (error) => reject(new Error(`${command} does not start: ${error.message}`)));
    child.on('close', (code, signal) => {
      streams.forEach((one) => one.finish());
      if (isEnded || signal) {
        reject(new Error(`${command} was ended`));
      } else if (code === 0) {
        resolve();
      } else {
        reject(new Error(`${command} failed (exit status ${code})`));
      }
    });
  });
}

/** As Ctrl-C does in a terminal: the program keeps what has arrived, and its children end, too. */
function end(child: ChildProcess): void {
  if (process.platform === 'win32' || child.pid === undefined) {
    child.kill();
    return;
  }
  try {
    process.kill(-child.pid, 'SIGINT');
  } catch {
    // It has ended meanwhile.
  }
}

function lines(onLine: (line: string) => void): { take: (data: Buffer) => void; finish: () => void } {
  const decoder = new TextDecoder();
  let rest = '';
  return {
    take: (data) => {
      // A bar of progress is drawn over itself by carriage returns.
      const parts = (rest + decoder.decode(data, { stream: true })).split(/\r\n|\n|\r/);
      rest = parts.pop() ?? '';
      parts.filter((line) => line.trim()).forEach(onLine);
    },
    finish: () => {
      if (rest.trim()) {
        onLine(rest);
      }
    },
  };
}
