// A list comes from a drive that may be anybody's: what it names must never lead out of the copy, nor be taken for what it is not.

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isPathOfPhoto, parseChecksumLine, readChecksumList } from '../../../src/copies/checksum-list.ts';
import type { AbsolutePath } from '../../../src/domain/ids.ts';
import { temporaryFolder } from '../../support/keepsake.ts';

const zeros = '0'.repeat(64);
const { signal } = new AbortController();

test('Paths that lead elsewhere are refused', () => {
  for (const path of [
    '',
    '/a',
    'a//b',
    './a',
    'a/..',
    '../a',
    'a\u0000b',
    '.keepsake/x',
    '.keepsake',
    `${'x/'.repeat(3000)}y`,
  ])
    expect(isPathOfPhoto(path), JSON.stringify(path)).toBe(false);
  for (const path of ['a', '2024/2024-07-14/IMG 1.JPG', '..a', 'a\\b', 'a\nb', 'x/.keepsake'])
    expect(isPathOfPhoto(path), JSON.stringify(path)).toBe(true);
});

test('Lines are what sha256sum writes, or nothing', () => {
  expect(parseChecksumLine(`${zeros}  a b`)).toEqual({ path: 'a b', hash: `sha256:${zeros}` });
  expect(parseChecksumLine(`${zeros} *a`)?.path).toBe('a');
  expect(parseChecksumLine(`${zeros}  a\\nb`)?.path, 'not escaped without the mark').toBe('a\\nb');
  expect(parseChecksumLine(`\\${zeros}  a\\nb\\\\c\\r`)?.path).toBe('a\nb\\c\r');
  for (const line of [`${zeros} a`, `${zeros}0  a`, zeros, '', `\\${zeros}  a\\x`, `\\${zeros}  a\\`, `${zeros}  ../a`])
    expect(parseChecksumLine(line), line).toBeUndefined();
});

test('A list that sha256sum wrote is read whole, with names that it escapes', async () => {
  using scratch = temporaryFolder();
  const names = ['plain', 'with blank', 'line\nbreak', 'back\\slash', 'ünïcode'];
  mkdirSync(join(scratch.path, 'd'));
  for (const name of names) writeFileSync(join(scratch.path, 'd', name), name);
  const text = execFileSync('sha256sum', ['--', ...names.map((name) => `d/${name}`)], { cwd: scratch.path });
  const path = join(scratch.path, 'list') as AbsolutePath;
  writeFileSync(path, `${text}nonsense\n${zeros}  ../x\n${'y'.repeat(100_000)}\n${zeros}  last without an end`);
  const list = await readChecksumList(path, signal);
  if (list === 'none' || list === 'unreadable') throw new Error(list);
  expect([...list.hashes.keys()].sort()).toEqual([...names.map((name) => `d/${name}`), 'last without an end'].sort());
  expect(list.badLines).toBe(3);
  expect(list.refused[0]).toBe('nonsense');
  expect(await readChecksumList(join(scratch.path, 'none') as AbsolutePath, signal)).toBe('none');
  expect(await readChecksumList(scratch.path as AbsolutePath, signal)).toBe('unreadable');
});
