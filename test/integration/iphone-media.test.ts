// What is taken from an iPhone, and under which names: real photos as from a card, edits beside their originals, nothing reduced,
// nothing twice, and what is in iCloud only said to be.
import { readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { makeScene, type Scene } from '../fault/scene.ts';
import { configureAgent, devicesOf, statusOf } from '../support/agent.ts';
import { FakeIphone } from '../support/iphone/fake-iphone.ts';
import { makePhoneScene, type PhoneScene, phoneTruth } from '../support/iphone/phone-scene.ts';
import { type ImportJson, keepsake, walk } from '../support/keepsake.ts';
import { readManifests } from '../support/manifests.ts';
import { makeHeic } from '../support/media/heic.ts';
import { makeJpeg } from '../support/media/jpeg.ts';
import { makeMov } from '../support/media/quicktime.ts';
import { makeAae } from '../support/media/sidecars.ts';
import { findTestMedia } from '../support/requirements.ts';

const contentIdentifier = '11111111-2222-4333-8444-555555555555';
const ioError = 20;
const operationOpen = 0x0d;

/** Enrolls all that are connected, and saves from them. */
async function save(scene: Scene, at: PhoneScene): Promise<readonly ImportJson[]> {
  const home = { home: scene.home, environment: at.environment };
  for (const { id, decision } of await devicesOf(scene.home, at.environment)) {
    if (decision === 'ask') await keepsake(['enroll', id], home);
  }
  const { stdout } = await keepsake(['backup', '--json'], home);
  return (JSON.parse(stdout) as { imports: ImportJson[] }).imports;
}

async function makeSavingScene(): Promise<Scene> {
  const scene = makeScene();
  configureAgent(scene.home, { library: scene.library, cardRoots: [], timeZone: 'Europe/Berlin' });
  return scene;
}

/** An iPhone's folders, with an edit, a Live Photo that was edited, photos from iCloud, and all kinds of reduced copies. */
function fill(phone: FakeIphone): void {
  const { files } = phone;
  const takenAt = '2024-07-14T10:11:12';
  const live = { dateTimeOriginal: takenAt, make: 'Apple', model: 'iPhone 15', contentIdentifier };
  files.addBytes('DCIM/100APPLE/IMG_0001.JPG', makeJpeg({ seed: 'one', dateTimeOriginal: takenAt }));
  files.addBytes('DCIM/100APPLE/IMG_0002.HEIC', makeHeic({ seed: 'live', ...live }));
  files.addBytes(
    'DCIM/100APPLE/IMG_0002.MOV',
    makeMov({
      seed: 'live',
      brand: 'qt  ',
      creationDate: '2024-07-14T10:11:12+0200',
      contentIdentifier,
      mdatBytes: 3000,
    }),
  );
  const edits = 'PhotoData/Mutations/DCIM/100APPLE';
  files.addBytes(
    `${edits}/IMG_0001/Adjustments/FullSizeRender.jpg`,
    makeJpeg({ seed: 'edit', dateTimeOriginal: takenAt }),
  );
  files.addBytes(`${edits}/IMG_0001/Adjustments/Adjustments.plist`, makeAae('one'));
  files.addBytes(`${edits}/IMG_0001/Adjustments/SubstandardFullSizeRender.jpg`, makeJpeg({ seed: 'small edit' }));
  files.addBytes(`${edits}/IMG_0002/Adjustments/FullSizeRender.heic`, makeHeic({ seed: 'edited live', ...live }));
  const cloud = 'PhotoData/CPLAssets/group253';
  files.addBytes(
    `${cloud}/72A34728-7BF8-4F70-A0DE-48C3853D87F2.JPG`,
    makeJpeg({ seed: 'cloud', dateTimeOriginal: '2019-05-06T07:08:09' }),
  );
  files.addBytes(
    `PhotoData/Mutations/${cloud}/72A34728-7BF8-4F70-A0DE-48C3853D87F2/Adjustments/FullSizeRender.jpg`,
    makeJpeg({ seed: 'cloud edit', dateTimeOriginal: '2019-05-06T07:08:09' }),
  );
  for (const reduced of [
    'PhotoData/Thumbnails/V2/DCIM/100APPLE/IMG_0001.JPG/5003.JPG',
    'PhotoData/Metadata/DCIM/100APPLE/IMG_0009.JPG',
    'PhotoData/PhotoCloudSharingData/17/AB/100CLOUD/IMG_0001.JPG',
    'DCIM/.MISC/Incoming/IMG_0003.JPG',
    'PhotoData/Other.sqlite',
    'Downloads/picture.jpg',
  ]) {
    files.addBytes(reduced, makeJpeg({ seed: reduced }));
  }
}

test('Edits lie beside their originals under the names people know, and no reduced copy is taken for a photo', async () => {
  using scene = await makeSavingScene();
  await using at = await makePhoneScene();
  fill(at.phone);
  const [report] = await save(scene, at);
  expect(report).toMatchObject({ found: 8, imported: 8, notMedia: 0, failed: 0, iCloudOnly: 0, complete: true });
  expect((await walk(scene.library)).map(({ path }) => path)).toEqual(
    [
      '2019/2019-05-06/72A34728-7BF8-4F70-A0DE-48C3853D87F2-edited.JPG',
      '2019/2019-05-06/72A34728-7BF8-4F70-A0DE-48C3853D87F2.JPG',
      '2024/2024-07-14/IMG_0001.AAE',
      '2024/2024-07-14/IMG_0001.JPG',
      '2024/2024-07-14/IMG_0002.HEIC',
      '2024/2024-07-14/IMG_0002.MOV',
      '2024/2024-07-14/IMG_E0001.JPG',
      '2024/2024-07-14/IMG_E0002.HEIC',
    ].toSorted(),
  );
  const filed = await readManifests(scene.library);
  const roles = (id: string | undefined) =>
    filed
      .filter(({ asset }) => asset.id === id)
      .map(({ role }) => role)
      .sort();
  const assetOf = (name: string) => filed.find(({ path }) => path?.endsWith(name))?.asset.id;
  expect(roles(assetOf('IMG_0001.JPG'))).toEqual(['adjustments', 'edited', 'original']);
  expect(roles(assetOf('IMG_0002.HEIC'))).toEqual(['edited', 'original', 'pairedVideo']);
  expect(roles(assetOf('87F2.JPG'))).toEqual(['edited', 'original']);
  expect((await statusOf(scene.home)).photos.assets).toBe(3);
});

test('An edit that is made later joins its original, and nothing else is read again', async () => {
  using scene = await makeSavingScene();
  await using at = await makePhoneScene();
  const { files, counters } = at.phone;
  files.addBytes('DCIM/100APPLE/IMG_0001.JPG', makeJpeg({ seed: 'one', dateTimeOriginal: '2024-07-14T10:11:12' }));
  await save(scene, at);
  counters.bytesRead = 0;
  const [calm] = await save(scene, at);
  expect([calm?.known, counters.bytesRead], 'a second time nothing is read').toEqual([1, 0]);
  const edit = makeJpeg({ seed: 'edit', dateTimeOriginal: '2024-07-14T10:11:12' });
  files.addBytes('PhotoData/Mutations/DCIM/100APPLE/IMG_0001/Adjustments/FullSizeRender.jpg', edit);
  expect(await save(scene, at)).toMatchObject([{ imported: 1, known: 1, complete: true }]);
  expect(counters.bytesRead).toBe(edit.length);
  expect((await walk(scene.library)).map(({ path }) => path)).toEqual([
    '2024/2024-07-14/IMG_0001.JPG',
    '2024/2024-07-14/IMG_E0001.JPG',
  ]);
  expect(new Set((await readManifests(scene.library)).map(({ asset }) => asset.id)).size).toBe(1);
});

test('A phone that was renamed, restored or replaced brings no second copies', async () => {
  using scene = await makeSavingScene();
  await using at = await makePhoneScene({ name: 'Old' });
  fill(at.phone);
  await save(scene, at);
  const before = await walk(scene.library);
  at.phone.name = "Anna's";
  expect(await save(scene, at)).toMatchObject([{ imported: 0, known: 8 }]);
  const replaced = new FakeIphone({ name: 'New' });
  replaced.answersTrust = 'trusted';
  fill(replaced);
  replaced.files.addBytes(
    'DCIM/101APPLE/IMG_1000.JPG',
    makeJpeg({ seed: 'new', dateTimeOriginal: '2024-08-01T10:00:00' }),
  );
  at.phone.detach();
  at.daemon.attach(replaced);
  expect(await save(scene, at)).toMatchObject([{ imported: 1, duplicates: 8, complete: true }]);
  expect((await walk(scene.library)).map(({ path }) => path)).toEqual(
    [...before.map(({ path }) => path), '2024/2024-08-01/IMG_1000.JPG'].toSorted(),
  );
});

test('A photo that is in iCloud only is counted as that, and the others are saved', async () => {
  using scene = await makeSavingScene();
  await using at = await makePhoneScene();
  fill(at.phone);
  at.phone.faults.add(
    { kind: 'status', status: ioError },
    { operation: operationOpen, path: 'DCIM/100APPLE/IMG_0001.JPG', times: 99 },
  );
  const [report] = await save(scene, at);
  expect(report).toMatchObject({ imported: 7, failed: 1, iCloudOnly: 1, complete: false });
  expect(report?.failures).toMatchObject([{ path: 'DCIM/100APPLE/IMG_0001.JPG', code: 'SOURCE_ENTRY_NOT_DOWNLOADED' }]);
  const status = await statusOf(scene.home);
  expect(status.sources).toMatchObject([{ complete: false, iCloudOnly: 1 }]);
  at.phone.faults.clear();
  expect(await save(scene, at)).toMatchObject([{ imported: 1, complete: true, iCloudOnly: 0 }]);
});

test('Real photos of iPhones come as from a card: the same bytes under the same days for the same reasons', async (context) => {
  const media = findTestMedia();
  if (media === undefined) return context.skip('needs the folder of real media (KEEPSAKE_TEST_MEDIA)');
  using scene = await makeSavingScene();
  using card = await makeSavingScene();
  await using at = await makePhoneScene();
  at.phone.files.addFolder('DCIM', join(media, 'dcim'));
  expect(readdirSync(join(media, 'dcim')).length).toBeGreaterThan(1);
  const [fromPhone] = await save(scene, at);
  const answer = await keepsake(['backup', join(media, 'dcim'), '--json'], { home: card.home });
  const [fromCard] = (JSON.parse(answer.stdout) as { imports: ImportJson[] }).imports;
  const { found, imported, duplicates, notMedia } = fromCard ?? ({} as ImportJson);
  expect(fromPhone).toMatchObject({ found, imported, duplicates, notMedia, failed: 0, complete: true });
  expect(await walk(scene.library)).toEqual(await walk(card.library));
  const reasons = async (library: string) =>
    (await readManifests(library))
      .map(({ path, captured }) => `${dirname(path ?? '')} ${path} ${captured?.basis}`)
      .toSorted();
  expect(await reasons(scene.library)).toEqual(await reasons(card.library));
  const bytesRead = at.phone.counters.bytesRead;
  expect(bytesRead).toBe(
    phoneTruth(at.phone).reduce((sum, { path }) => sum + statSync(join(media, path.replace('DCIM', 'dcim'))).size, 0),
  );
  expect(await save(scene, at)).toMatchObject([{ imported: 0, notMedia }]);
});
