import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';

import { findServer, inEnvironment, installation, type Places } from '../src/finding';

let root = '';

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'fimbul-finding-'));
});

afterEach(() => rmSync(root, { recursive: true }));

function program(...parts: string[]): string {
  const file = path.join(root, ...parts);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, '#!/bin/sh\n');
  chmodSync(file, 0o755);
  return file;
}

function places(more: Partial<Places> = {}): Places {
  return { setting: [], path: '', own: path.join(root, 'own'), platform: 'linux', ...more };
}

test('the setting goes first, with its own arguments or without', () => {
  program('bin', 'fimbul');
  const where = { path: path.join(root, 'bin') };
  const bare = findServer(places({ ...where, setting: ['/opt/fimbul'] }));
  assert.deepEqual(bare, { command: '/opt/fimbul', args: ['serve'], from: 'setting' });
  const full = findServer(places({ ...where, setting: ['python', '-m', 'x', 'serve'] }));
  assert.deepEqual(full?.args, ['-m', 'x', 'serve']);
});

test('then PATH, then the chosen Python, then our own environment', () => {
  assert.equal(findServer(places()), undefined);
  const own = program('own', 'bin', 'fimbul');
  assert.equal(findServer(places())?.command, own);
  const beside = program('venv', 'bin', 'fimbul');
  const python = path.join(root, 'venv', 'bin', 'python');
  assert.equal(findServer(places({ python }))?.command, beside);
  const onPath = program('bin', 'fimbul');
  const PATH = ['/nowhere', path.join(root, 'bin')].join(path.delimiter);
  assert.equal(findServer(places({ python, path: PATH }))?.command, onPath);
});

test('a folder of that name, a file that is no program, and relative places of PATH are passed over', () => {
  mkdirSync(path.join(root, 'a', 'fimbul'), { recursive: true });
  chmodSync(program('b', 'fimbul'), 0o644);
  const PATH = [path.join(root, 'a'), path.join(root, 'b'), '.', ''].join(path.delimiter);
  assert.equal(findServer(places({ path: PATH })), undefined);
});

test('the environment of Windows has other names', () => {
  assert.match(inEnvironment('own', 'fimbul', 'win32'), /Scripts.fimbul\.exe$/);
});

test('an installation makes the environment first', () => {
  const [first, second] = installation('/own', 'python3', 'fimbul', 'linux');
  assert.deepEqual(first, { command: 'python3', args: ['-m', 'venv', '/own'] });
  assert.equal(second?.command, '/own/bin/python');
  assert.equal(second?.args.at(-1), 'fimbul');
});
