// What an iPhone's own list of its photos adds to an import: what is only in iCloud, what is private, deleted, shared, or stored under
// another name. Without these an owner would be told that all is saved while most of a life is elsewhere.
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeScene, type Scene } from '../fault/scene.ts';
import { configureAgent, devicesOf, startAgent, statusOf } from '../support/agent.ts';
import { makePhoneScene, type PhoneScene } from '../support/iphone/phone-scene.ts';
import { type ImportJson, keepsake, walk } from '../support/keepsake.ts';
import { readManifests } from '../support/manifests.ts';
import { makeHeic } from '../support/media/heic.ts';
import { makeJpeg } from '../support/media/jpeg.ts';
import { makeMov } from '../support/media/quicktime.ts';
import { addDatabase, fillListedPhone, findPhoneListing, readPhoneListing } from '../support/photos/listed-phone.ts';
import { type DescribedAsset, makePhotosDatabase } from '../support/photos/make-photos-database.ts';

const operationOpen = 0x0d;
const operationRead = 0x0f;
const operationReadFolder = 0x03;
const operationDeviceInfo = 0x0b;
let changedAtMs = 1.7e12;
const day = 24 * 3600 * 1000;
const uuid = '3A1B2C3D-0000-4000-8000-00000000000';

function makeSavingScene(): Scene {
  const scene = makeScene();
  configureAgent(scene.home, { library: scene.library, cardRoots: [], timeZone: 'Europe/Berlin' });
  return scene;
}

/** One import, after its owner said yes with these flags. */
async function save(scene: Scene, at: PhoneScene, flags: readonly string[] = [], backupFlags: readonly string[] = []) {
  const home = { home: scene.home, environment: at.environment };
  const [device] = await devicesOf(scene.home, at.environment);
  const id = device?.id ?? '';
  await keepsake(['enroll', id, ...flags], home);
  const answer = await keepsake(['backup', id, '--json', ...backupFlags], home);
  const [report] = (JSON.parse(answer.stdout) as { imports: ImportJson[] }).imports;
  if (report === undefined) throw new Error(answer.stderr);
  return { report, exitCode: answer.exitCode, id };
}

async function words(scene: Scene, at: PhoneScene): Promise<string> {
  return (await keepsake(['status'], { home: scene.home, environment: at.environment })).stdout;
}

/** Photos with a list that has them all. Returns what was described, for tests that change it. */
function shoot(at: PhoneScene, wishes: readonly Partial<DescribedAsset>[]): readonly DescribedAsset[] {
  const assets = wishes.map((wish, index): DescribedAsset => {
    const name = `IMG_${String(index + 1).padStart(4, '0')}.JPG`;
    const bytes = makeJpeg({ seed: name, dateTimeOriginal: '2024-07-14T10:11:12' });
    const asset = { folder: 'DCIM/100APPLE', name, sizeBytes: bytes.length, ...wish } as DescribedAsset;
    if (asset.original !== 'iCloudOnly')
      at.phone.files.addBytes(`${asset.folder}/${asset.name}`, bytes, new Date(1.7e12));
    return asset;
  });
  addDatabase(at.phone.files, makePhotosDatabase({ generation: 'ios18', assets }));
  return assets;
}

test('The tree of a real phone with iCloud Photos: what is on it is saved, what is not is counted and told', async (context) => {
  const path = findPhoneListing();
  if (path === undefined) return context.skip('the listing of a real phone is not here');
  using scene = makeSavingScene();
  await using at = await makePhoneScene();
  const { truth } = fillListedPhone(at.phone.files, { listing: readPhoneListing(path), wal: true });
  const { report, exitCode } = await save(scene, at);
  expect(exitCode, 'not all of it is saved').toBe(2);
  const isTrashed = (photo: string) => truth.trashed.includes(photo);
  const here = truth.onDevice.filter((photo) => !isTrashed(photo));
  const away = truth.iCloudOnly.filter((photo) => !isTrashed(photo));
  expect(report).toMatchObject({
    complete: false,
    failed: 0,
    iCloudOnly: away.length,
    photos: {
      list: 'read',
      onDevice: here.length,
      saved: here.length,
      iCloudOnly: away.length,
      unknown: 0,
      sharedNotSaved: truth.sharedAlbum.length,
      recentlyDeleted: truth.trashed.filter((photo) => truth.onDevice.includes(photo)).length,
      usesICloudPhotos: true,
    },
  });
  const status = await statusOf(scene.home, undefined, at.environment);
  expect(status).toMatchObject({
    state: 'needsYou',
    sources: [{ complete: false, onDevice: here.length, iCloudOnly: away.length, unknown: 0 }],
  });
  const said = await words(scene, at);
  expect(said).toContain(
    `${here.length} of ${here.length + away.length} photos are saved. ${away.length} are only in iCloud.`,
  );
  expect(said).toContain(
    `${truth.sharedAlbum.length} photos others shared with you are not in your photo folder. Keep them too? (smaller copies)`,
  );
  // Each original that is on the phone and was not deleted, once, and nothing reduced.
  const wanted = truth.originalFiles.filter(
    (file) => !isTrashed(file) && !truth.livePhotos.some(({ still, movie }) => movie === file && isTrashed(still)),
  );
  const origins = new Set((await readManifests(scene.library)).map(({ source }) => source.path));
  for (const file of wanted) expect(origins, file).toContain(file);
  for (const file of truth.trashed) expect(origins, file).not.toContain(file);
  expect([...origins].filter((origin) => /Thumbnails|Metadata|CloudSharing/.test(origin))).toEqual([]);

  const again = await save(scene, at);
  expect(again.report).toMatchObject({ imported: 0, photos: report['photos'] });
});

test('"Download and Keep Originals" is the way out if they fit on the phone, and another if not', async () => {
  using scene = makeSavingScene();
  await using at = await makePhoneScene();
  shoot(at, [{}, { original: 'iCloudOnly', sizeBytes: 20e9 }, { original: 'iCloudOnly', sizeBytes: 22e9 }]);
  await save(scene, at);
  expect(await words(scene, at)).toMatch(
    /1 of 3 photos is saved\. 2 are only in iCloud\. They need 42 GB, and 64 GB are free on the iPhone\. .*"Download and Keep Originals"/,
  );
  shoot(at, [{}, { original: 'iCloudOnly', sizeBytes: 60e9 }, { original: 'iCloudOnly', sizeBytes: 22e9 }]);
  await save(scene, at);
  const said = await words(scene, at);
  expect(said).toMatch(/They need 82 GB, and only 64 GB are free on the iPhone\. With a Mac: .* privacy\.apple\.com/);
  expect(said).not.toContain('Keep Originals');
  expect(said).toContain('iCloud holds 5 GB and Google 15 GB');
  expect(said).toContain('a photo deleted on it is deleted in iCloud and on your other devices too');
});

test('Hidden photos go into a folder that only their owner can open, and their names are nobody else’s business', async () => {
  using scene = makeSavingScene();
  await using at = await makePhoneScene();
  shoot(at, [{}, { hidden: true }]);
  const { report } = await save(scene, at);
  expect(report).toMatchObject({ imported: 2, complete: true, photos: { onDevice: 2, saved: 2, privateNotSaved: 0 } });
  const paths = (await walk(scene.library)).map(({ path }) => path);
  expect(paths.filter((path) => path.endsWith('.JPG')).sort()).toEqual([
    '2024/2024-07-14/IMG_0001.JPG',
    'hidden/2024/2024-07-14/IMG_0002.JPG',
  ]);
  expect(statSync(join(scene.library, 'hidden')).mode & 0o777).toBe(0o700);
  expect(await words(scene, at)).not.toContain('IMG_0002');
});

test('Hidden photos that their owner does not want saved are counted, not forgotten', async () => {
  using scene = makeSavingScene();
  await using at = await makePhoneScene();
  shoot(at, [{}, { hidden: true }, { hidden: true, original: 'iCloudOnly' }]);
  const { report } = await save(scene, at, ['--hidden', 'leave']);
  expect(report).toMatchObject({
    imported: 1,
    complete: true,
    photos: { onDevice: 1, privateNotSaved: 2, iCloudOnly: 0 },
  });
  expect(readdirSync(scene.library)).not.toContain('hidden');
  expect(await words(scene, at)).toContain('2 private, not saved, as you chose.');
});

test('Recently deleted photos are listed with the days that are left, and kept when their owner says so', async () => {
  using scene = makeSavingScene();
  await using at = await makePhoneScene();
  const now = Date.now();
  shoot(at, [{}, { trashedAtMs: now - 10.5 * day }, { trashedAtMs: Date.UTC(2120, 0, 1) }]);
  const { report, id } = await save(scene, at);
  expect(report).toMatchObject({ imported: 1, complete: true, photos: { onDevice: 1, recentlyDeleted: 2 } });
  expect(report['recentlyDeleted']).toEqual([
    { name: 'IMG_0002.JPG', daysLeft: 20 },
    { name: 'IMG_0003.JPG', daysLeft: 30 },
  ]);
  expect(await words(scene, at)).toContain(
    `2 photos were deleted on it lately and are not saved. It forgets the first in 20 days. To keep these: keepsake backup ${id} --keep-recently-deleted`,
  );
  expect((await save(scene, at, [], ['--keep-recently-deleted'])).report).toMatchObject({ imported: 2 });
  expect((await save(scene, at)).report, 'they are in the library now').toMatchObject({
    photos: { recentlyDeleted: 0 },
  });
});

test('Photos that others shared are asked about, and filed apart if they are wanted', async () => {
  using scene = makeSavingScene();
  await using at = await makePhoneScene();
  const shared = { folder: 'PhotoData/PhotoCloudSharingData/123/abc/100CLOUD', savedAssetType: 4 } as const;
  shoot(at, [{}, shared, shared]);
  const { report, id } = await save(scene, at);
  expect(report).toMatchObject({ found: 1, imported: 1, complete: true, photos: { onDevice: 1, sharedNotSaved: 2 } });
  expect(await words(scene, at)).toContain(
    `2 photos others shared with you are not in your photo folder. Keep them too? (smaller copies) To keep them: keepsake enroll ${id} --shared save.`,
  );
  expect((await save(scene, at, ['--shared', 'leave'])).report).toMatchObject({ photos: { sharedNotSaved: 2 } });
  expect(await statusOf(scene.home, undefined, at.environment)).toMatchObject({ state: 'idle', needsYou: [] });
  expect((await save(scene, at, ['--shared', 'save'])).report).toMatchObject({
    imported: 2,
    photos: { onDevice: 1, sharedNotSaved: 0 },
  });
  const paths = (await walk(scene.library)).map(({ path }) => path);
  expect(paths.filter((path) => path.startsWith('shared with me/2024/'))).toHaveLength(2);
});

test('A photo stored under a UUID gets the name it was taken under, with both halves and its edit', async () => {
  using scene = makeSavingScene();
  await using at = await makePhoneScene();
  const folder = 'PhotoData/CPLAssets/group12';
  const live = { dateTimeOriginal: '2024-07-14T10:11:12', contentIdentifier: `${uuid}9` };
  const still = makeHeic({ seed: 'still', make: 'Apple', ...live });
  const movie = makeMov({
    seed: 'movie',
    brand: 'qt  ',
    creationDate: '2024-07-14T10:11:12+0200',
    contentIdentifier: `${uuid}9`,
    mdatBytes: 3000,
  });
  at.phone.files.addBytes(`${folder}/${uuid}1.HEIC`, still, new Date(1.7e12));
  at.phone.files.addBytes(`${folder}/${uuid}1.MOV`, movie, new Date(1.7e12));
  at.phone.files.addBytes(
    `PhotoData/Mutations/${folder}/${uuid}1/Adjustments/FullSizeRender.jpg`,
    makeJpeg({ seed: 'edit' }),
    new Date(1.7e12),
  );
  const video = makeMov({ seed: 'lone', brand: 'qt  ', createDateUtc: '2024-12-31T23:30:00Z', mdatBytes: 2000 });
  at.phone.files.addBytes(`${folder}/${uuid}2.MOV`, video, new Date(1.7e12));
  const png = makeJpeg({ seed: 'no date' });
  at.phone.files.addBytes(`${folder}/${uuid}3.JPG`, png, new Date(1.7e12));
  const base = { folder, savedAssetType: 6 } as const;
  addDatabase(
    at.phone.files,
    makePhotosDatabase({
      generation: 'ios15',
      assets: [
        {
          ...base,
          name: `${uuid}1.HEIC`,
          originalName: 'IMG_3582.HEIC',
          live: `${uuid}9`,
          sizeBytes: still.length,
          edited: true,
        },
        {
          ...base,
          name: `${uuid}2.MOV`,
          originalName: 'IMG_9000.MOV',
          kind: 'video',
          sizeBytes: video.length,
          offsetSeconds: -5 * 3600,
        },
        {
          ...base,
          name: `${uuid}3.JPG`,
          originalName: 'Beach.JPG',
          sizeBytes: png.length,
          takenAtMs: Date.UTC(2023, 0, 1, 2),
          offsetSeconds: -8 * 3600,
        },
      ],
    }),
  );
  const { report } = await save(scene, at);
  expect(report).toMatchObject({ imported: 5, complete: true, photos: { onDevice: 3, saved: 3 } });
  const paths = (await walk(scene.library)).map(({ path }) => path).filter((path) => /^\d{4}\//.test(path));
  expect(paths.sort()).toEqual([
    '2022/2022-12-31/Beach.JPG',
    '2024/2024-07-14/IMG_3582.HEIC',
    '2024/2024-07-14/IMG_3582.MOV',
    '2024/2024-07-14/IMG_E3582.JPG',
    '2024/2024-12-31/IMG_9000.MOV',
  ]);
  const captured = Object.fromEntries(
    (await readManifests(scene.library)).map(({ path, captured }) => [path, captured]),
  );
  expect(captured['2022/2022-12-31/Beach.JPG']).toEqual({
    basis: 'photosList',
    local: '2022-12-31T18:00:00',
    offsetMinutes: -480,
    offsetBasis: 'photosList',
  });
  expect(captured['2024/2024-12-31/IMG_9000.MOV']).toEqual({
    basis: 'quicktime',
    local: '2024-12-31T18:30:00',
    offsetMinutes: -300,
    offsetBasis: 'photosList',
  });
});

test('What was deleted on the phone stays in the library, and it is said that it does', async () => {
  using scene = makeSavingScene();
  await using at = await makePhoneScene();
  shoot(at, [{}, {}, {}]);
  await save(scene, at);
  at.phone.files.remove('DCIM/100APPLE/IMG_0002.JPG');
  shoot(at, [{}]);
  at.phone.files.remove('DCIM/100APPLE/IMG_0003.JPG');
  const { report } = await save(scene, at);
  expect(report).toMatchObject({ imported: 0, complete: true, photos: { onDevice: 1, keptAfterDeletion: 2 } });
  expect(await words(scene, at)).toContain('2 photos that are no longer on "');
  expect((await walk(scene.library)).filter(({ path }) => path.endsWith('.JPG'))).toHaveLength(3);
});

test('A list that disagrees with the files is believed in neither direction', async () => {
  using scene = makeSavingScene();
  await using at = await makePhoneScene();
  const [first] = shoot(at, [{}, {}, { original: 'iCloudOnly' }]);
  at.phone.files.remove('DCIM/100APPLE/IMG_0002.JPG'); // the list says that it is here
  at.phone.files.addBytes(
    'DCIM/100APPLE/IMG_0003.JPG',
    makeJpeg({ seed: 'reduced' }).subarray(0, -1),
    new Date(1.7e12),
  ); // in iCloud, it says
  at.phone.files.addBytes('DCIM/100APPLE/IMG_0099.JPG', makeJpeg({ seed: 'not in it' }), new Date(1.7e12));
  at.phone.files.addBytes(
    'PhotoData/Thumbnails/V2/DCIM/100APPLE/IMG_0100.JPG/5003.JPG',
    Buffer.from('small'),
    new Date(1.7e12),
  );
  const { report, exitCode } = await save(scene, at);
  expect(first).toBeDefined();
  expect(report).toMatchObject({ imported: 3, complete: false, photos: { unknown: 2 } });
  expect(exitCode).toBe(2);
  expect(await words(scene, at)).toContain('2 photos could not be found on it, so they are not saved.');
});

test('Without a list, thumbnails still tell of photos that are not there, and what cannot be told is said', async () => {
  using scene = makeSavingScene();
  await using at = await makePhoneScene();
  at.phone.files.addBytes('DCIM/100APPLE/IMG_0001.JPG', makeJpeg({ seed: 1 }), new Date(1.7e12));
  expect((await save(scene, at)).report).toMatchObject({
    complete: true,
    photos: { list: 'absent', onDevice: 1, unknown: 0 },
  });
  expect(await words(scene, at)).toContain(
    'Photos that were deleted lately, or are hidden, cannot be told from others',
  );
  at.phone.files.addBytes(
    'PhotoData/Thumbnails/V2/DCIM/100APPLE/IMG_0002.HEIC/5003.JPG',
    Buffer.from('small'),
    new Date(1.7e12),
  );
  expect((await save(scene, at)).report).toMatchObject({
    complete: false,
    photos: { list: 'absent', onDevice: 1, unknown: 1 },
  });
});

test('A list is copied again only when it has changed', async () => {
  using scene = makeSavingScene();
  await using at = await makePhoneScene();
  const opened = () => at.phone.counters.byOperation.get(operationOpen) ?? 0;
  shoot(at, [{}, {}]);
  await save(scene, at);
  const before = opened();
  await save(scene, at);
  expect(opened() - before, 'to look at its beginning, and at no photo').toBe(1);
  shoot(at, [{}, {}, {}]);
  expect((await save(scene, at)).report).toMatchObject({ imported: 1, photos: { onDevice: 3 } });
});

test('The agent tells of photos that are only in iCloud, and again only when they have grown by a tenth', async () => {
  using scene = makeSavingScene();
  await using at = await makePhoneScene();
  const away = (count: number) => [{}, ...Array.from({ length: count }, () => ({ original: 'iCloudOnly' as const }))];
  shoot(at, away(20));
  await using agent = await startAgent({ home: scene.home, environment: at.environment });
  await agent.hears('is connected for the first time');
  const [device] = await devicesOf(scene.home);
  const enrolled = await keepsake(['enroll', device?.id ?? ''], { home: scene.home });
  expect(enrolled.stdout).toContain(
    'Photos that are hidden on it are saved too, in a folder "hidden" that only you can open.',
  );
  await agent.hears('20 are only in iCloud.');
  expect(await statusOf(scene.home)).toMatchObject({ state: 'needsYou', needsYou: [{ code: 'ICLOUD_ONLY' }] });

  const again = async (count: number) => {
    at.phone.detach();
    shoot(at, away(count));
    const so = agent.said.length;
    at.daemon.attach(at.phone);
    await agent.hears('nothing new was saved', so);
    await agent.hears('was disconnected', so).catch(() => undefined);
    return agent.said.slice(so);
  };
  expect(await again(21), 'one more is no news').not.toContain('only in iCloud');
  const so = agent.said.length;
  await again(22);
  await agent.hears('22 are only in iCloud.', so);
  expect(await agent.stop()).toBe(0);
});

// Whatever is wrong with a list: the photos are saved, and nobody is told that they are all there are.
test.for<[string, (at: PhoneScene) => void]>([
  ['is empty', (at) => at.phone.files.addBytes('PhotoData/Photos.sqlite', Buffer.alloc(0))],
  ['is of 2 GB', (at) => at.phone.files.addSynthetic('PhotoData/Photos.sqlite', 2e9, new Date(1.7e12))],
  ['is a folder', (at) => at.phone.files.makeFolder('PhotoData/Photos.sqlite')],
  [
    'may not be read',
    (at) =>
      at.phone.faults.add(
        { kind: 'status', status: 10 },
        { operation: operationOpen, path: 'PhotoData/Photos.sqlite', times: 99 },
      ),
  ],
  [
    'cannot be read',
    (at) =>
      at.phone.faults.add(
        { kind: 'status', status: 20 },
        { operation: operationRead, path: 'PhotoData/Photos.sqlite', times: 99 },
      ),
  ],
  [
    'changes all the time',
    (at) =>
      at.phone.faults.add(
        {
          kind: 'act',
          act: () => {
            const file = at.phone.files.file('PhotoData/Photos.sqlite');
            changedAtMs += 1000;
            if (file === undefined) return;
            at.phone.files.addBytes('PhotoData/Photos.sqlite', file.read(0, file.sizeBytes), new Date(changedAtMs));
          },
        },
        { operation: operationRead, path: 'PhotoData/Photos.sqlite', times: 1000 },
      ),
  ],
  [
    'is of an unknown kind',
    (at) =>
      addDatabase(
        at.phone.files,
        makePhotosDatabase({
          generation: 'ios18',
          assets: [],
          afterwards: (database) => database.exec('DROP TABLE ZASSET'),
        }),
      ),
  ],
])('A list that %s costs no photo, and it is said what cannot be told', async ([, spoil]) => {
  using scene = makeSavingScene();
  await using at = await makePhoneScene();
  shoot(at, [{}, {}]);
  at.phone.files.remove('PhotoData/Photos.sqlite');
  addDatabase(at.phone.files, makePhotosDatabase({ generation: 'ios18', assets: [] }));
  spoil(at);
  const { report, exitCode } = await save(scene, at);
  expect(report).toMatchObject({
    imported: 2,
    failed: 0,
    complete: false,
    photos: { list: 'unreadable', onDevice: 2, saved: 2 },
  });
  expect(exitCode).toBe(2);
  expect(await words(scene, at)).toContain(
    'Whether some are only in iCloud, were deleted lately, or are hidden, cannot be told.',
  );
  const scratch = join(scene.home, 'state/scratch');
  expect(existsSync(scratch) ? readdirSync(scratch) : [], 'no copy stays behind').toEqual([]);
});

test('What a phone cannot say about thumbnails and room costs no photo', async () => {
  for (const operation of [operationDeviceInfo, operationReadFolder]) {
    using scene = makeSavingScene();
    await using at = await makePhoneScene();
    shoot(at, [{}, {}]);
    const path = operation === operationReadFolder ? 'PhotoData/Thumbnails/V2' : '';
    at.phone.faults.add({ kind: 'raw', reply: () => Buffer.alloc(40, 7) }, { operation, path, times: 9 });
    const { report } = await save(scene, at);
    expect(report).toMatchObject({ imported: 2, complete: true, photos: { list: 'read', onDevice: 2, saved: 2 } });
    // Without a list the thumbnails are all that could tell of more.
    at.phone.files.remove('PhotoData/Photos.sqlite');
    expect((await save(scene, at)).report).toMatchObject({ complete: false, photos: { list: 'unreadable' } });
  }
});

test('The copy of the catalogue in the library has no names of private photos, and a preview leaves out what saving leaves out', async () => {
  using scene = makeSavingScene();
  await using at = await makePhoneScene();
  shoot(at, [{}, { hidden: true, caption: 'a secret' }, { trashedAtMs: Date.now() }]);
  await save(scene, at, ['--hidden', 'leave']);
  const snapshot = readFileSync(join(scene.library, '.keepsake/catalog-backup/catalog.db'));
  expect(snapshot.includes('IMG_0001')).toBe(true);
  expect(snapshot.includes('a secret')).toBe(false);
  shoot(at, [{}, { hidden: true }, { trashedAtMs: Date.now() }, {}]);
  const { report } = await save(scene, at, [], ['--dry-run']);
  expect(report).toMatchObject({ found: 2, imported: 1, known: 1 });
});

test('A folder "hidden" that others could look into is closed to them before a private photo lies in it', async () => {
  using scene = makeSavingScene();
  await using at = await makePhoneScene();
  mkdirSync(join(scene.library, 'hidden'), { recursive: true, mode: 0o755 });
  shoot(at, [{ hidden: true }]);
  expect((await save(scene, at)).report).toMatchObject({ imported: 1 });
  expect(statSync(join(scene.library, 'hidden')).mode & 0o777).toBe(0o700);
});

test('A photo whose own name reads like that of an edit stays the original', async () => {
  using scene = makeSavingScene();
  await using at = await makePhoneScene();
  const folder = 'PhotoData/CPLAssets/group1';
  shoot(at, [{ folder, name: `${uuid}5.JPG`, originalName: 'IMG_E1234.JPG' }]);
  at.phone.files.addBytes(
    `PhotoData/Mutations/${folder}/${uuid}5/Adjustments/FullSizeRender.jpg`,
    makeJpeg({ seed: 'edit' }),
    new Date(1.7e12),
  );
  await save(scene, at);
  const filed = await readManifests(scene.library);
  expect(filed.map(({ role, source }) => [role, source.path]).sort()).toEqual([
    ['edited', `${folder}/${uuid}5-edited.JPG`],
    ['original', `${folder}/${uuid}5.JPG`],
  ]);
});

test('A copy that a killed import left goes with the next one, whether the list has changed or not', async () => {
  using scene = makeSavingScene();
  await using at = await makePhoneScene();
  shoot(at, [{}]);
  await save(scene, at);
  const scratch = join(scene.home, 'state/scratch');
  for (const [name, hoursAgo] of [
    ['photos-killed', 2],
    ['photos-at-work', 0],
  ] as const) {
    mkdirSync(join(scratch, name));
    const then = new Date(Date.now() - hoursAgo * 3_600_000);
    utimesSync(join(scratch, name), then, then);
  }
  await save(scene, at);
  expect(readdirSync(scratch)).toEqual(['photos-at-work']);
});
