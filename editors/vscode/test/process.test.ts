import assert from 'node:assert/strict';
import { test } from 'node:test';

import { run } from '../src/process';

const PROGRAM = process.execPath;

test('what a program says comes line by line, a redrawn bar and a last line without end, too', async () => {
  const lines: string[] = [];
  const script = 'process.stdout.write("a\\nb 1\\rb 2\\r\\n\\nc")';
  await run(PROGRAM, ['-e', script], { onLine: (line) => lines.push(line) });
  assert.deepEqual(lines, ['a', 'b 1', 'b 2', 'c']);
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
