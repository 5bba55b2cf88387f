import assert from 'node:assert/strict';
import { test } from 'node:test';

import { inFull, referencesPage, type Reference } from '../src/references';

const MIT: Reference = {
  project: 'wheel:a 1.0',
  path: 'a/b.py',
  line: 7,
  licence: 'MIT',
  licenceClass: 'permissive',
  link: '',
  index: 'public',
  likeness: 'verbatim',
  tokens: 70,
};

test('a place is told with its licence, and with its link where there is one', () => {
  assert.equal(inFull([MIT]), '70 tokens the same as in wheel:a 1.0, a/b.py:7 (MIT; permissive; index public)');
  const other = { ...MIT, licence: '', likeness: 'renamed', link: 'https://code.example/a' };
  const [line, link] = inFull([other]).split('\n');
  assert.match(line ?? '', /the same but for names as in .*no known licence/);
  assert.equal(link, '    https://code.example/a');
});

test('the page has what there is, and says where there is nothing', () => {
  const page = referencesPage([MIT], { text: 'here', references: [{}] }, { text: '', references: [] });
  assert.match(page, /last suggestion in this file resembles:\n\n70 tokens/);
  assert.match(page, /Accepted in this file, and alike:\n\nhere/);
  assert.doesNotMatch(page, /all files/);
  assert.match(referencesPage(undefined, undefined, undefined), /Nothing is known/);
});
