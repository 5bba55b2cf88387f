import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';

import { run } from '../src/process';

const PROGRAM = process.execPath;

test('what a program says comes line by line, a redrawn bar and a last line without end, too', async () => {
  const lines: string[] = [];
  const script = 'process.stdout.write("a\\nb 1\\rb 2\\r\\n\\nc")';
  await run(PROGRAM, ['-e', script], { onLine: (line) => lines.push(line) });
  assert.deepEqual(lines, ['a', 'b 1', 'b 2', 'c']);
});

test('the error stream can be kept apart', async () => {
  const [out, errors]: [string[], string[]] = [[], []];
  const script = 'console.log("result"); console.error("warning")';
  const onError = (line: string): void => void errors.push(line);
  await run(PROGRAM, ['-e', script], { onLine: (line) => out.push(line), onError });
  assert.deepEqual([out, errors], [['result'], ['warning']]);
});

test('a failure, a missing program and an end are told apart', async () => {
  const onLine = (): void => undefined;
  await assert.rejects(run(PROGRAM, ['-e', 'process.exit(3)'], { onLine }), /exit status 3/);
  await assert.rejects(run('/nowhere/fimbul', [], { onLine }), /does not start/);
  const endless = run(PROGRAM, ['-e', 'setInterval(() => {}, 1000)'], {
    onLine,
    onStart: (end) => setTimeout(end, 20),
  });
  await assert.rejects(endless, /was ended/);
});

test('what a program has started is ended with it', { skip: process.platform !== 'linux' }, async () => {
  const child = 'const c = require("child_process").spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);';
  const lines: string[] = [];
  const running = run(PROGRAM, ['-e', `${child} console.log(c.pid); setInterval(() => {}, 1000)`], {
    onLine: (line) => lines.push(line),
    onStart: (end) => void until(() => lines.length > 0).then(end),
  });
  await assert.rejects(running, /was ended/);
  const pid = Number(lines[0]);
  await until(() => !isRunning(pid));
});

test('letters that arrive in two pieces stay whole', async () => {
  const lines: string[] = [];
  const script = 'process.stdout.write(Buffer.from([0xe2, 0x96])); setTimeout(() => process.stdout.write(Buffer.from([0x88, 10])), 50)';
  await run(PROGRAM, ['-e', script], { onLine: (line) => lines.push(line) });
  assert.deepEqual(lines, ['█']);
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A zombie that nobody has waited for yet has no memory any more.
    return readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[0] !== '0';
  } catch {
    return false;
  }
}

async function until(wanted: () => boolean): Promise<void> {
  for (const end = Date.now() + 60_000; !wanted(); await wait(20)) {
    assert.ok(Date.now() < end, 'waited in vain');
  }
}
