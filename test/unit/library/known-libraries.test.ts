// Without this memory the empty folder of an unmounted drive becomes a new library, and every photo is saved once more.
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { AbsolutePath, LibraryId } from '../../../src/domain/ids.ts';
import { openKnownLibraries } from '../../../src/library/known-libraries.ts';
import { temporaryFolder } from '../../support/keepsake.ts';

const [here, there] = ['/photos', '/media/drive/photos'] as AbsolutePath[] as [AbsolutePath, AbsolutePath];
const [one, two] = ['id-1', 'id-2'] as LibraryId[] as [LibraryId, LibraryId];

function scene(): Disposable & { readonly path: AbsolutePath } {
  const scratch = temporaryFolder();
  return {
    path: join(scratch.path, 'libraries.json') as AbsolutePath,
    [Symbol.dispose]: () => scratch[Symbol.dispose](),
  };
}

test('What was remembered is known, also to the next process, and a path holds the latest', async () => {
  using at = scene();
  const known = openKnownLibraries(at.path);
  expect(await known.idAt(here)).toBeUndefined();
  await known.remember(here, one);
  await known.remember(there, one);
  await known.remember(here, two);
  const again = openKnownLibraries(at.path);
  expect([await again.idAt(here), await again.idAt(there)]).toEqual([two, one]);
  expect(statSync(at.path).mode & 0o777).toBe(0o600);
});

test('Remembering the same again does not touch the file', async () => {
  using at = scene();
  const known = openKnownLibraries(at.path);
  await known.remember(here, one);
  const before = statSync(at.path, { bigint: true });
  await known.remember(here, one);
  expect(statSync(at.path, { bigint: true })).toMatchObject({ ino: before.ino, mtimeNs: before.mtimeNs });
});

test.for(['', '{', '[]', 'null', '{"/photos":1}', '{"/photos":{"id":"x"}}', '\0\0\0'])(
  'A file that reads %j is reported and kept, never taken for "no libraries"',
  async (text) => {
    using at = scene();
    writeFileSync(at.path, text);
    const known = openKnownLibraries(at.path);
    await expect(known.idAt(here)).rejects.toMatchObject({ code: 'STATE_DAMAGED' });
    await expect(known.remember(here, one)).rejects.toMatchObject({ code: 'STATE_DAMAGED' });
    expect(readFileSync(at.path, 'utf8')).toBe(text);
  },
);

test('A folder in its place is damage too; a state folder that is gone cannot be written', async () => {
  using at = scene();
  mkdirSync(at.path);
  await expect(openKnownLibraries(at.path).idAt(here)).rejects.toMatchObject({ code: 'STATE_DAMAGED' });
  rmSync(join(at.path, '..'), { recursive: true });
  await expect(openKnownLibraries(at.path).remember(here, one)).rejects.toMatchObject({ code: 'STATE_WRITE_FAILED' });
});
