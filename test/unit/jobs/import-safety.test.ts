// A library inside what it is saved from would save itself, endlessly; one that a cloud program keeps in step can lose its
// originals to placeholders.
import { mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { assertApart, assertNotInCloud } from '../../../src/jobs/import-safety.ts';
import { openFolderSource } from '../../../src/sources/folder/folder-source.ts';
import { temporaryFolder } from '../../support/keepsake.ts';

const overlaps = { code: 'LIBRARY_OVERLAPS_SOURCE' };

/** Checks one against the other and expects that nothing was made. */
async function check(folder: string, { source, library }: { source: string; library: string }): Promise<void> {
  const before = readdirSync(folder, { recursive: true });
  const opened = await openFolderSource(join(folder, source));
  try {
    await assertApart(opened, library === '/' ? library : `${folder}/${library}`);
  } finally {
    expect(readdirSync(folder, { recursive: true })).toEqual(before);
  }
}

test('Side by side is fine, whatever the names begin with', async () => {
  using scratch = temporaryFolder();
  for (const name of ['card', 'card2', 'photos']) mkdirSync(join(scratch.path, name));
  for (const library of ['photos', 'card2', 'card-photos', 'new/not/yet/there'])
    await check(scratch.path, { source: 'card', library });
  await check(scratch.path, { source: 'card2', library: 'card' });
});

test.for([
  ['the same folder', 'card'],
  ['a folder in it', 'card/photos'],
  ['a folder in it that is not there yet', 'card/a/b/c'],
  ['with dots', 'card/../card/./photos'],
  ['with dots over a folder that is not there', 'none/../card/photos'],
  ['with doubled slashes', '/card//photos//'],
  ['by a link to it', 'link/photos'],
  ['by a link to a folder in it', 'inner link/photos'],
  ['by a link that is it', 'inner link'],
] as const)('A library inside the source is refused: %s', async ([, library]) => {
  using scratch = temporaryFolder();
  mkdirSync(join(scratch.path, 'card/photos'), { recursive: true });
  symlinkSync('card', join(scratch.path, 'link'));
  symlinkSync('card/photos', join(scratch.path, 'inner link'));
  await expect(check(scratch.path, { source: 'card', library })).rejects.toMatchObject(overlaps);
});

test('A source that is named by a link is seen as what it is', async () => {
  using scratch = temporaryFolder();
  mkdirSync(join(scratch.path, 'card/DCIM'), { recursive: true });
  symlinkSync('card', join(scratch.path, 'link'));
  await expect(check(scratch.path, { source: 'link', library: 'card/photos' })).rejects.toMatchObject(overlaps);
  await expect(check(scratch.path, { source: 'link/DCIM', library: 'card' })).rejects.toMatchObject(overlaps);
});

test.for([
  ['directly', 'photos/2024', 'photos'],
  ['its own folder', 'photos/.keepsake', 'photos'],
  ['by a link', 'link', 'photos'],
  ['a library named by a link', 'photos/2024', 'library link'],
] as const)('A source inside the library is refused: %s', async ([, source, library]) => {
  using scratch = temporaryFolder();
  for (const name of ['photos/2024', 'photos/.keepsake']) mkdirSync(join(scratch.path, name), { recursive: true });
  symlinkSync('photos/2024', join(scratch.path, 'link'));
  symlinkSync('photos', join(scratch.path, 'library link'));
  await expect(check(scratch.path, { source, library })).rejects.toMatchObject(overlaps);
});

test('A library at the root of everything, or a source there, overlaps all', async () => {
  using scratch = temporaryFolder();
  mkdirSync(join(scratch.path, 'card'));
  await expect(check(scratch.path, { source: 'card', library: '/' })).rejects.toMatchObject(overlaps);
  await expect(assertApart(await openFolderSource('/'), join(scratch.path, 'photos'))).rejects.toMatchObject(overlaps);
});

test('A folder with a DCIM on the disk of this computer is no card', async () => {
  using scratch = temporaryFolder();
  mkdirSync(join(scratch.path, 'DCIM/100APPLE'), { recursive: true });
  await check(scratch.path, { source: 'DCIM', library: 'photos' });
});

test.for([
  'Dropbox',
  'dropbox',
  'Dropbox (Personal)',
  'Dropbox-Contoso',
  'OneDrive',
  'OneDrive - Contoso',
  'OneDrive-Personal',
  'iCloud Drive',
  'iCloudDrive',
  'iCloud Drive (Archive)',
  'Google Drive',
  'GoogleDrive-me@example.com',
  'Library/Mobile Documents/com~apple~CloudDocs',
  'Library/CloudStorage/Box-Box',
  'Library/CloudStorage',
  'Library/Mobile Documents',
])('A library in %s is refused, there or not yet', async (name) => {
  using scratch = temporaryFolder();
  const refused = { code: 'LIBRARY_IN_CLOUD_FOLDER', remedy: expect.stringContaining('allowCloudFolder') };
  await expect(assertNotInCloud(join(scratch.path, name, 'Photos/Keepsake'))).rejects.toMatchObject(refused);
  await expect(assertNotInCloud(join(scratch.path, name))).rejects.toMatchObject(refused);
  mkdirSync(join(scratch.path, name), { recursive: true });
  symlinkSync(join(scratch.path, name), join(scratch.path, 'Pictures'));
  await expect(assertNotInCloud(join(scratch.path, 'Pictures/new'))).rejects.toMatchObject(refused);
  expect(readdirSync(join(scratch.path, name))).toEqual([]);
});

test('A folder that Dropbox marked is refused under any name', async () => {
  using scratch = temporaryFolder();
  mkdirSync(join(scratch.path, 'Team/.dropbox.cache'), { recursive: true });
  await expect(assertNotInCloud(join(scratch.path, 'Team/Photos'))).rejects.toMatchObject({
    code: 'LIBRARY_IN_CLOUD_FOLDER',
  });
});

test.for([
  'My Dropbox notes',
  'Dropboxes',
  'Dropbox.old',
  'not OneDrive',
  'Cloud Drive',
  'iCloud',
  'Google',
  'Library/Mobile',
  'CloudStorage',
  'Pictures/Keepsake',
])('A library in %s is fine', async (name) => {
  using scratch = temporaryFolder();
  mkdirSync(join(scratch.path, name), { recursive: true });
  await assertNotInCloud(join(scratch.path, name, 'Photos'));
});
