import assert from 'node:assert/strict';
import { test } from 'node:test';

import { statusItem, type Own } from '../src/status';

const ON: Own = { off: '', snoozed: 0 };
const READY = { state: 'ready', model: 'm' };

test('a server that is ready names its model and what came last', () => {
  const shown = statusItem(READY, { reason: '', timings: { total: 41.6 } }, ON);
  assert.match(shown.text, /check/);
  assert.match(shown.tooltip, /ready: m/);
  assert.match(shown.tooltip, /Last suggestion \(42 ms\)/);
  assert.equal(shown.spoken, 'fimbul ready: m Last suggestion (42 ms).');
  assert.equal(shown.warns, false);
});

test('a silence comes with its sentence, but not one that only makes way for the next key', () => {
  const empty = statusItem(READY, { reason: 'empty', explanation: 'Nothing to add.' }, ON);
  assert.match(empty.tooltip, /Nothing shown: Nothing to add\./);
  const passing = statusItem(READY, { reason: 'superseded', explanation: 'A newer one.' }, ON);
  assert.doesNotMatch(passing.tooltip, /newer/);
});

test('what a suggestion resembles stands in the item, and what kept one back beside its reason', () => {
  const note = 'MIT: wheel:a 1.0';
  const shown = statusItem(READY, { reason: '', note }, ON);
  assert.equal(shown.text, `$(law) ${note}`);
  assert.match(shown.tooltip, /It resembles MIT: wheel:a 1\.0/);
  assert.doesNotMatch(statusItem(READY, { reason: '', note }, { off: 'Off.', snoozed: 0 }).text, /MIT/);
  const detail = 'GPL-3.0-only: sdist:b 2.0.';
  const blocked = statusItem(READY, { reason: 'resembles-code', explanation: 'Why.', detail }, ON);
  assert.match(blocked.tooltip, /Nothing shown: Why\.\n\nGPL-3\.0-only: sdist:b 2\.0\./);
  assert.match(blocked.text, /check/);
});

test('which indexes are compared with is said, and what is wrong with others', () => {
  const references = { indexes: ['public'], problems: ['x is damaged.'] };
  const shown = statusItem({ ...READY, references }, undefined, ON);
  assert.match(shown.tooltip, /published code: public\./);
  assert.match(shown.tooltip, /x is damaged\./);
});

test('the adapter over the model is named', () => {
  assert.match(statusItem({ ...READY, adapter: 'mine@2' }, undefined, ON).tooltip, /Adapter: mine@2\./);
  assert.doesNotMatch(statusItem({ ...READY, adapter: '' }, undefined, ON).tooltip, /Adapter/);
});

test('what does not work is a warning', () => {
  for (const state of ['failed', 'no-model', 'no-server']) {
    assert.equal(statusItem({ state, message: 'Why.' }, undefined, ON).warns, true);
  }
});

test('a server of the user is always named', () => {
  const engine = { runs: 'remote', server: 'https://completion.example' };
  assert.match(statusItem({ ...READY, engine }, undefined, ON).tooltip, /completion\.example/);
  const away = { ...engine, runs: 'fallback' };
  assert.match(statusItem({ ...READY, engine: away }, undefined, ON).tooltip, /this machine does/);
});

test('less work on battery is said, and so are switches and a snooze', () => {
  const status = { ...READY, effort: 'battery', effortMessage: 'On battery.' };
  assert.match(statusItem(status, undefined, ON).tooltip, /On battery\./);
  const off = statusItem(READY, undefined, { off: 'Switched off.', snoozed: 0 });
  assert.match(off.text, /slash/);
  assert.match(off.tooltip, /Switched off\./);
  const snoozed = statusItem(READY, undefined, { off: '', snoozed: 61_000 });
  assert.match(snoozed.tooltip, /2 minutes/);
});
