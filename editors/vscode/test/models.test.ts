import assert from 'node:assert/strict';
import { test } from 'node:test';

import { modelChoices, type Model } from '../src/models';

function model(name: string, more: Partial<Model> = {}): Model {
  const rest = { licence: 'MIT', bytes: 491_400_064, note: '', path: null, used: false, allowed: true };
  return { name, ...rest, ...more };
}

test('what is here comes first, and the one that serves is marked', () => {
  const list = [model('far', { bytes: 1_600_000_000 }), model('near', { path: '/m', used: true })];
  const [first, second] = modelChoices(JSON.stringify(list));
  assert.equal(first?.label, '$(check) near');
  assert.equal(first?.description, '491 MB, MIT, on this machine');
  assert.equal(second?.isHere, false);
  assert.equal(second?.description, '1.6 GB, MIT, to be fetched');
});

test('what a policy forbids cannot be chosen, and a size may be unknown', () => {
  const list = [model('no', { allowed: false }), model('yes', { bytes: null })];
  const choices = modelChoices(JSON.stringify(list));
  assert.deepEqual(choices.map((one) => one.name), ['yes']);
  assert.equal(choices[0]?.description, 'MIT, to be fetched');
});

test('what is no list is an error', () => {
  assert.throws(() => modelChoices('no model'));
});
