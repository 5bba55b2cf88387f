import assert from 'node:assert/strict';
import { test } from 'node:test';

import { exclusions, explicitOptions, toggled } from '../src/settings';

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

test('what is excluded is a sorted list of patterns that hold', () => {
  const files = {
    defaultValue: { '**/.git': true, '**/.svn': true },
    globalValue: { '**/.svn': false, '**/*.js': { when: '$(basename).ts' } },
  };
  const search = { defaultValue: { '**/node_modules': true }, workspaceValue: null };
  assert.deepEqual(exclusions([files, search]), ['**/.git', '**/node_modules']);
  assert.deepEqual(exclusions([]), []);
});

test('a workspace excludes more and brings nothing back', () => {
  const files = {
    globalValue: { private: true },
    workspaceValue: { private: false, build: true },
    workspaceFolderValue: { 'gen/**': true, build: false },
  };
  assert.deepEqual(exclusions([files]), ['build', 'gen/**', 'private']);
});

test('a language is put in and taken out again', () => {
  assert.deepEqual(toggled(['go'], 'rust'), ['go', 'rust']);
  assert.deepEqual(toggled(['go', 'rust'], 'go'), ['rust']);
});
