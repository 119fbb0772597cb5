import { mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { backupJson, temporaryFolder, walk } from '../support/keepsake.ts';
import { readManifests } from '../support/manifests.ts';
import { makeHeic } from '../support/media/heic.ts';
import { makeJpeg } from '../support/media/jpeg.ts';
import { makeMov } from '../support/media/quicktime.ts';
import { makeDng } from '../support/media/raw.ts';
import { makeAae } from '../support/media/sidecars.ts';

const date = '2024-07-14T10:11:12';
const contentIdentifier = '12345678-0000-4000-8000-123456789012';
const still = makeHeic({ seed: 'still', make: 'Apple', dateTimeOriginal: date, contentIdentifier });
const movie = makeMov({ seed: 'movie', brand: 'qt  ', contentIdentifier, creationDate: '2024-07-20T10:11:12+0200' });

/** Writes files, last modified a while ago, and saves the card. */
async function saveCard(root: string, files: Readonly<Record<string, Buffer>>, card = 'card', modifiedAt = 1.7e9) {
  for (const [path, content] of Object.entries(files)) {
    const full = join(root, card, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, content);
    utimesSync(full, modifiedAt, modifiedAt);
  }
  const library = join(root, 'library');
  const { json, exitCode } = await backupJson([join(root, card)], { home: join(root, 'home'), library });
  expect(exitCode).toBe(0);
  const manifests = await readManifests(library);
  const assets = [...Map.groupBy(manifests, ({ asset }) => asset.id).values()];
  return {
    report: json.imports[0],
    paths: (await walk(library)).map(({ path }) => path),
    assets: assets.map((files) => files.map(({ path }) => path.slice(path.lastIndexOf('/') + 1)).sort()).sort(),
  };
}

// Without these, what arrives in two imports (a second card, an edit made later, a half that could not be read) would be
// torn apart, filed twice, or left out.
test('the movie of a Live Photo that comes later lies beside its still, whatever its own date and name', async () => {
  using scratch = temporaryFolder();
  await saveCard(scratch.path, { 'DCIM/IMG_0001.HEIC': still });
  const { paths, assets } = await saveCard(scratch.path, { 'DCIM/IMG_7777.MOV': movie });
  expect(paths).toEqual(['2024/2024-07-14/IMG_0001.HEIC', '2024/2024-07-14/IMG_0001.MOV']);
  expect(assets).toEqual([['IMG_0001.HEIC', 'IMG_0001.MOV']]);
});

test('the still of a Live Photo that comes later joins its movie', async () => {
  using scratch = temporaryFolder();
  await saveCard(scratch.path, { 'DCIM/IMG_0001.MOV': movie });
  const { paths, assets } = await saveCard(scratch.path, { 'DCIM/IMG_0001.HEIC': still });
  expect(paths).toEqual(['2024/2024-07-20/IMG_0001.HEIC', '2024/2024-07-20/IMG_0001.MOV']);
  expect(assets).toEqual([['IMG_0001.HEIC', 'IMG_0001.MOV']]);
});

test('a movie that was saved alone from elsewhere does not keep a Live Photo apart', async () => {
  using scratch = temporaryFolder();
  await saveCard(scratch.path, { 'IMG_0001.MOV': movie }, 'desktop');
  const { assets } = await saveCard(scratch.path, { 'DCIM/IMG_0001.HEIC': still, 'DCIM/IMG_0001.MOV': movie });
  expect(assets).toContainEqual(['IMG_0001.HEIC', 'IMG_0001.MOV']);
});

test('an edit and its adjustments that come later belong to their photo', async () => {
  using scratch = temporaryFolder();
  await saveCard(scratch.path, { 'DCIM/IMG_0001.HEIC': still });
  const edit = makeHeic({ seed: 'edit', dateTimeOriginal: '2025-01-01T00:00:00' });
  const { assets } = await saveCard(scratch.path, { 'DCIM/IMG_E0001.HEIC': edit, 'DCIM/IMG_0001.AAE': makeAae('one') });
  expect(assets).toEqual([['IMG_0001.AAE', 'IMG_0001.HEIC', 'IMG_E0001.HEIC']]);
});

test('adjustments that changed are kept beside the earlier ones', async () => {
  using scratch = temporaryFolder();
  await saveCard(scratch.path, { 'DCIM/IMG_0001.HEIC': still, 'DCIM/IMG_0001.AAE': makeAae('one') });
  const { assets } = await saveCard(scratch.path, { 'DCIM/IMG_0001.AAE': makeAae('two') }, 'card', 1.71e9);
  expect(assets).toEqual([['IMG_0001.AAE', 'IMG_0001.HEIC', 'IMG_0001~2.AAE']]);
});

test('RAW and JPEG from the two slots of one camera are one photo, from two cameras they are two', async () => {
  using scratch = temporaryFolder();
  const shot = { dateTimeOriginal: date, subSec: '42', make: 'Nikon', model: 'Z 8', serial: '3001' };
  await saveCard(scratch.path, { 'DCIM/100NCZ_8/DSC_0001.DNG': makeDng({ seed: 1, ...shot }) }, 'slot-1');
  const slot2 = {
    'DCIM/100NCZ_8/DSC_0001.JPG': makeJpeg({ seed: 2, ...shot }),
    'DCIM/101NCZ_8/DSC_0001.JPG': makeJpeg({ seed: 3, ...shot, serial: '3002' }),
  };
  const { assets } = await saveCard(scratch.path, slot2, 'slot-2');
  expect(assets).toEqual([['DSC_0001.DNG', 'DSC_0001.JPG'], ['DSC_0001~2.JPG']]);
});

test('a photo that is renamed, moved or copied on its card is not saved a second time', async () => {
  using scratch = temporaryFolder();
  await saveCard(scratch.path, { 'DCIM/IMG_0001.HEIC': still, 'DCIM/IMG_0001.MOV': movie });
  mkdirSync(join(scratch.path, 'card/Holiday'));
  for (const ending of ['HEIC', 'MOV']) {
    renameSync(join(scratch.path, `card/DCIM/IMG_0001.${ending}`), join(scratch.path, `card/Holiday/beach.${ending}`));
  }
  const { report, paths } = await saveCard(scratch.path, { 'DCIM/copy.HEIC': still });
  expect(report).toMatchObject({ imported: 0, duplicates: 3 });
  expect(paths).toHaveLength(2);
});

test('when the catalogue is lost it is made again from the library, and nothing is saved twice', async () => {
  using scratch = temporaryFolder();
  const card = { 'DCIM/IMG_0001.HEIC': still, 'DCIM/IMG_0001.MOV': movie, 'DCIM/COPY.MOV': movie };
  const before = await saveCard(scratch.path, card);
  rmSync(join(scratch.path, 'home/state'), { recursive: true });
  const after = await saveCard(scratch.path, {});
  expect(after.report).toMatchObject({ imported: 0, duplicates: 0, known: 3, complete: true });
  expect(after.paths).toEqual(before.paths);
});
