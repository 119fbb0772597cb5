// A folder taken for a library that it is not: photos land on the system disk under an empty mount point, or a library
// written by a newer version is spoilt by an older one.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { AbsolutePath, LibraryId } from '../../../src/domain/ids.ts';
import { openKnownLibraries } from '../../../src/library/known-libraries.ts';
import {
  type Library,
  libraryFolders,
  libraryFormatVersion,
  openLibrary,
  readLibraryId,
} from '../../../src/library/library.ts';
import { temporaryFolder } from '../../support/keepsake.ts';
import { needLinux } from '../../support/requirements.ts';

interface Scene extends Disposable {
  readonly folder: string;
  readonly root: AbsolutePath;
  readonly marker: string;
  open(options?: { readonly root?: string; readonly createAnew?: boolean }): Promise<Library>;
}

function scene(): Scene {
  const scratch = temporaryFolder();
  const root = join(scratch.path, 'photos') as AbsolutePath;
  const known = openKnownLibraries(join(scratch.path, 'libraries.json') as AbsolutePath);
  return {
    folder: scratch.path,
    root,
    marker: libraryFolders(root).marker,
    open: (options = {}) => openLibrary({ known, ...options, root: (options.root ?? root) as AbsolutePath }),
    [Symbol.dispose]: () => scratch[Symbol.dispose](),
  };
}

/** Opens and closes it. */
async function touch(at: Scene, options: Parameters<Scene['open']>[0] = {}): Promise<LibraryId> {
  await using library = await at.open(options);
  return library.id;
}

function rewriteMarker(at: Scene, change: Record<string, unknown>): string {
  const text = JSON.stringify({ ...JSON.parse(readFileSync(at.marker, 'utf8')), ...change });
  writeFileSync(at.marker, text);
  return text;
}

test('A library begins where nothing was, and is the same one when opened again', async () => {
  using at = scene();
  expect(await readLibraryId(at.root)).toBeUndefined();
  const id = await touch(at);
  expect(await touch(at)).toBe(id);
  expect(await readLibraryId(at.root)).toBe(id);
  expect(JSON.parse(readFileSync(at.marker, 'utf8'))).toEqual({ id, formatVersion: libraryFormatVersion });
  expect(readdirSync(libraryFolders(at.root).own).sort()).toEqual([
    'catalog-backup',
    'imports',
    'incoming',
    'library.json',
    'lock',
  ]);
  expect(readdirSync(libraryFolders(at.root).incoming)).toEqual([]);
});

test("A folder with the owner's own files becomes a library without touching them", async () => {
  using at = scene();
  mkdirSync(join(at.root, '2019'), { recursive: true });
  writeFileSync(join(at.root, '2019/mine.jpg'), 'mine');
  await touch(at);
  expect(readFileSync(join(at.root, '2019/mine.jpg'), 'utf8')).toBe('mine');
});

test('While one has it open, another is told so, by whatever path it comes', async () => {
  using at = scene();
  await using _library = await at.open();
  symlinkSync(at.root, join(at.folder, 'other way'));
  for (const root of [at.root, join(at.folder, 'other way'), `${at.root}/../photos`])
    await expect(at.open({ root })).rejects.toMatchObject({ code: 'LIBRARY_BUSY' });
});

test('A library that could not be opened is not left locked', async () => {
  using at = scene();
  await touch(at);
  writeFileSync(join(at.folder, 'libraries.json'), '{');
  await expect(at.open()).rejects.toMatchObject({ code: 'STATE_DAMAGED' });
  rmSync(join(at.folder, 'libraries.json'));
  await touch(at);
});

test('A newer library is refused and nothing in it changes', async () => {
  using at = scene();
  await touch(at);
  const text = rewriteMarker(at, { formatVersion: libraryFormatVersion + 1 });
  const before = readdirSync(libraryFolders(at.root).own);
  await expect(at.open()).rejects.toMatchObject({ code: 'LIBRARY_TOO_NEW' });
  await expect(at.open({ createAnew: true })).rejects.toMatchObject({ code: 'LIBRARY_TOO_NEW' });
  await expect(readLibraryId(at.root)).rejects.toMatchObject({ code: 'LIBRARY_TOO_NEW' });
  expect(readFileSync(at.marker, 'utf8')).toBe(text);
  expect(readdirSync(libraryFolders(at.root).own)).toEqual(before);
});

test.for([
  '',
  '{',
  'null',
  '[]',
  '42',
  '\0\0\0\0',
  '{"id":"x"}',
  '{"formatVersion":1}',
  '{"id":7,"formatVersion":1}',
  '{"id":"","formatVersion":1}',
  '{"id":"../../../x","formatVersion":1}',
  '{"id":"a/b","formatVersion":1}',
])('A marker that reads %j is damage: it is kept, and no new library begins', async (text) => {
  using at = scene();
  await touch(at);
  writeFileSync(at.marker, text);
  for (const createAnew of [false, true])
    await expect(at.open({ createAnew })).rejects.toMatchObject({ code: 'LIBRARY_DAMAGED' });
  expect(readFileSync(at.marker, 'utf8')).toBe(text);
});

test('A missing marker beside manifests is damage, not a new library', async () => {
  using at = scene();
  await touch(at);
  writeFileSync(join(libraryFolders(at.root).imports, '20240101-000000-aaaaaa.jsonl'), '');
  rmSync(at.marker);
  for (const createAnew of [false, true])
    await expect(at.open({ createAnew })).rejects.toMatchObject({ code: 'LIBRARY_DAMAGED' });
  expect(await readLibraryId(at.root)).toBeUndefined();
});

test('A missing marker beside an imports folder that cannot be looked into is damage as well', async () => {
  using at = scene();
  await touch(at);
  rmSync(at.marker);
  rmSync(libraryFolders(at.root).imports, { recursive: true });
  writeFileSync(libraryFolders(at.root).imports, 'a file');
  await expect(at.open()).rejects.toMatchObject({ code: expect.stringMatching(/^LIBRARY_/) });
  expect(await readLibraryId(at.root)).toBeUndefined();
});

test('A file, or something below a file, is no place for a library', async () => {
  using at = scene();
  writeFileSync(at.root, 'a file');
  await expect(at.open()).rejects.toMatchObject({ code: 'LIBRARY_UNSUITABLE' });
  await expect(at.open({ root: join(at.root, 'below') })).rejects.toMatchObject({
    code: expect.stringMatching(/^LIBRARY_/),
  });
  expect(readFileSync(at.root, 'utf8')).toBe('a file');
});

test('Where a library was and now is nothing, none begins unless the owner says so', async () => {
  using at = scene();
  const id = await touch(at);
  renameSync(at.root, join(at.folder, 'unplugged'));
  await expect(at.open()).rejects.toMatchObject({ code: 'LIBRARY_MISSING' });
  expect(readdirSync(at.folder).sort(), 'the folder is not made').toEqual(['libraries.json', 'unplugged']);
  mkdirSync(at.root); // the empty folder of an unmounted drive
  await expect(at.open()).rejects.toMatchObject({ code: 'LIBRARY_MISSING' });
  expect(readdirSync(at.root)).toEqual([]);
  expect(await touch(at, { createAnew: true })).not.toBe(id);
});

test('It is remembered by its real path: a link to the missing drive does not hide that it is missing', async () => {
  using at = scene();
  mkdirSync(join(at.folder, 'drive'));
  symlinkSync(join(at.folder, 'drive'), join(at.folder, 'link'));
  await touch(at, { root: join(at.folder, 'link/photos') });
  rmSync(join(at.folder, 'drive/photos'), { recursive: true });
  for (const root of ['link/photos', 'drive/photos'])
    await expect(at.open({ root: join(at.folder, root) })).rejects.toMatchObject({ code: 'LIBRARY_MISSING' });
});

test('A folder under /media or /mnt without a drive is not a new library', async (context) => {
  needLinux(context, 'where it mounts what can be unplugged');
  using at = scene();
  for (const root of ['/media/keepsake-test/photos', '/run/media/keepsake-test/photos'])
    await expect(at.open({ root })).rejects.toMatchObject({
      code: expect.stringMatching(/^LIBRARY_(MISSING|READ_ONLY)$/),
    });
});

test('A library that went away under us is noticed, and so is another in its place', async () => {
  using at = scene();
  await using library = await at.open();
  await library.assertPresent();
  renameSync(at.root, join(at.folder, 'away'));
  await expect(library.assertPresent()).rejects.toMatchObject({ code: 'LIBRARY_GONE' });
  mkdirSync(libraryFolders(at.root).own, { recursive: true });
  await expect(library.assertPresent()).rejects.toMatchObject({ code: 'LIBRARY_GONE' });
  writeFileSync(at.marker, JSON.stringify({ id: 'another', formatVersion: 1 }));
  await expect(library.assertPresent()).rejects.toMatchObject({ code: 'LIBRARY_GONE' });
  writeFileSync(at.marker, 'torn');
  await expect(library.assertPresent()).rejects.toMatchObject({ code: 'LIBRARY_GONE' });
  rmSync(at.root, { recursive: true });
  renameSync(join(at.folder, 'away'), at.root);
  await library.assertPresent();
});
