import assert from 'node:assert/strict';
import { test } from 'node:test';

import { adapterChoices, whyNone, type Adapter } from '../src/adapters';

function adapter(name: string, more: Partial<Adapter> = {}): Adapter {
  const rest = { id: '0123456789abcdef', created: '2026-11-28T01:02:03Z', used: false, message: '' };
  return { name, ...rest, ...more };
}

test('the newest comes first, and the one in use can be left or rolled back', () => {
  const adapters = [adapter('mine@1', { created: '2026-11-27T01:02:03Z' }), adapter('mine@2', { used: true })];
  const choices = adapterChoices({ folder: '/work', adapters });
  assert.deepEqual(choices.map((one) => one.action), ['use', 'use', 'rollback', 'off']);
  assert.equal(choices[0]?.label, '$(check) mine@2');
  assert.equal(choices[1]?.description, '2026-11-27, 0123456789ab');
});

test('what does not fit cannot be chosen, and it is said why', () => {
  const found = { folder: '/work', adapters: [adapter('other@1', { message: 'It is for other.' })] };
  assert.deepEqual(adapterChoices(found), []);
  assert.match(whyNone(found), /No adapter fits \/work\. It is for other\./);
  assert.match(whyNone({ folder: '/work', adapters: [] }), /fimbul-models train/);
});
