import assert from 'node:assert/strict';
import { test } from 'node:test';

import { explicitOptions, toggled } from '../src/settings';

test('only what the user has set is sent, section by section', () => {
  const options = explicitOptions([
    { key: 'completion.enable', globalValue: false },
    { key: 'completion.max_tokens' },
    { key: 'engine.threads', globalValue: 0 },
  ]);
  assert.deepEqual(options, { completion: { enable: false }, engine: { threads: 0 } });
});

test('a key without a section is no option', () => {
  assert.deepEqual(explicitOptions([{ key: 'enable', globalValue: true }]), {});
});

test('a language is put in and taken out again', () => {
  assert.deepEqual(toggled(['go'], 'rust'), ['go', 'rust']);
  assert.deepEqual(toggled(['go', 'rust'], 'go'), ['rust']);
});
