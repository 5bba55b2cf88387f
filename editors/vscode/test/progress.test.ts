import assert from 'node:assert/strict';
import { test } from 'node:test';

import { progressOf } from '../src/progress';

test('a bar says how far its file is', () => {
  const line = 'model.gguf:  12%|█▏        | 59.0M/491M [00:05<00:38, 11.2MB/s]';
  assert.deepEqual(progressOf(line, ''), { message: 'model.gguf: 12 % (59.0M/491M)', percent: 12 });
});

test('a bar without a title, and one in plain letters, belong to what was said before', () => {
  const shown = progressOf(' 50%|#####     | 5.0/10.0 [00:01<00:01]', 'Reading');
  assert.deepEqual(shown, { message: 'Reading: 50 % (5.0/10.0)', percent: 50 });
});

test('what pip counts belongs to the package that was named', () => {
  const shown = progressOf('Progress 41943040 of 83886080', 'Downloading part 2 of 6.');
  assert.deepEqual(shown, { message: 'Downloading part 2 of 6. 50 % of 84 MB', percent: 50 });
  assert.equal(progressOf('Progress 0 of 0', 'x').percent, 0);
});

test('everything else is shown as it is, but not for ever', () => {
  assert.deepEqual(progressOf('  Building the engine. ', ''), { message: 'Building the engine.' });
  assert.equal(progressOf('x'.repeat(500), '').message.length, 120);
});
