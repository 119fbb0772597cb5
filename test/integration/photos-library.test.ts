// The library of a Mac's Photos: what an owner who lets the Mac hold all originals has instead of a full iPhone. Without this its reduced
// copies would be saved as photos, under names nobody knows.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeScene } from '../fault/scene.ts';
import { backupJson, keepsake, walk } from '../support/keepsake.ts';
import { readManifests } from '../support/manifests.ts';
import { makePhotosLibrary } from '../support/photos/photos-library.ts';
import { findTestMedia } from '../support/requirements.ts';

test('A Photos library of a Mac comes with original names and pairs, and what is not in it is counted', async (context) => {
  const media = findTestMedia();
  if (media === undefined) return context.skip('the test media are not here');
  using scene = makeScene();
  const library = makePhotosLibrary(scene.path, media);
  const { json, exitCode } = await backupJson([library.path], { home: scene.home, library: scene.library });
  const [report] = json.imports;
  expect(report).toMatchObject({ failed: 0, notMedia: 0, complete: false, source: { kind: 'photosLibrary' } });
  expect(exitCode, 'the media set has some of its originals only').toBe(2);
  const { photos } = report ?? {};
  expect(photos).toMatchObject({ list: 'read', saved: photos?.onDevice, usesICloudPhotos: false });
  expect((photos?.onDevice ?? 0) + (photos?.iCloudOnly ?? 0) + (photos?.unknown ?? 0)).toBeGreaterThanOrEqual(18);
  const filed = await readManifests(scene.library);
  const pair = filed.filter(({ path }) => /IMG_3582\.(HEIC|MOV)$/i.test(path));
  expect(pair.map(({ role }) => role).sort()).toEqual(['original', 'pairedVideo']);
  expect(new Set(pair.map(({ asset }) => asset.id)).size).toBe(1);
  expect(
    filed.filter(({ path }) => /[0-9A-F]{8}-[0-9A-F]{4}/.test(path)),
    'no file has a name nobody knows',
  ).toEqual([]);
  const again = await backupJson([library.path], { home: scene.home, library: scene.library });
  expect(again.json.imports).toMatchObject([{ imported: 0, photos: { saved: photos?.saved } }]);
  const said = (await keepsake(['status', '--library', scene.library], { home: scene.home })).stdout;
  expect(said).toContain('Open Photos on the Mac and let it finish loading');
});

test('A Photos library inside a folder is not looked into, and it is said how to save it', async (context) => {
  const media = findTestMedia();
  if (media === undefined) return context.skip('the test media are not here');
  using scene = makeScene();
  const pictures = join(scene.path, 'Pictures');
  const library = makePhotosLibrary(pictures, media);
  const { json, exitCode } = await backupJson([pictures], { home: scene.home, library: scene.library });
  expect(exitCode).toBe(2);
  expect(json.imports).toMatchObject([{ imported: 0, failed: 1, complete: false }]);
  expect(json.imports[0]?.failures[0]?.remedy).toBe(`It is saved on its own: keepsake backup "${library.path}"`);
  expect((await walk(scene.library)).filter(({ path }) => !path.startsWith('.'))).toEqual([]);
});
