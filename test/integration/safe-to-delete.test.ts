// This is the one answer on which photos are deleted. A yes that is wrong loses them for good, on the phone and in iCloud too.

import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, type TestContext, test } from 'vitest';
import { configureAgent, devicesOf } from '../support/agent.ts';
import { addPhotos, type CopyScene, copyScene, flipBit } from '../support/copies.ts';
import { makePhoneScene, type PhoneScene } from '../support/iphone/phone-scene.ts';
import { createVolume, type LoopVolume, volumePrograms } from '../support/loop-volume.ts';
import { makeJpeg } from '../support/media/jpeg.ts';
import { addDatabase } from '../support/photos/listed-phone.ts';
import { type DescribedAsset, makePhotosDatabase } from '../support/photos/make-photos-database.ts';
import { needLinux, needPrograms, needRoot } from '../support/requirements.ts';
import { familyScene } from '../support/restoring.ts';

const deletesElsewhere =
  'Deleting on this phone also deletes in iCloud and on your other devices, unless iCloud Photos is off.';
const neverDeletes = 'Keepsake itself never deletes anything on a phone or card.';

interface SafeJson {
  readonly safe: number;
  readonly notSafe: number;
  readonly notSaved: number;
  readonly drives: readonly string[];
  readonly devices: readonly {
    readonly photos: number;
    readonly deletesElsewhere: boolean;
    readonly notSafePaths: readonly string[];
  }[];
}

function needVolumes(context: TestContext): void {
  needLinux(context, 'mounts filesystems');
  needRoot(context);
  needPrograms(context, ...volumePrograms.ext4);
}

/** All files below these folders, with times and what is ours: to see that nothing was touched. */
function snapshot(...roots: readonly string[]): readonly string[] {
  return roots.flatMap((root) =>
    readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name !== 'lock')
      .map((entry) => {
        const path = join(entry.parentPath, entry.name);
        return `${path} ${statSync(path).mtimeMs} ${readFileSync(path).toString('base64')}`;
      })
      .sort(),
  );
}

test('Every half of every photo must be right on two disks, read now: a whole group, or not at all', async (context) => {
  needVolumes(context);
  using scene = await familyScene();
  await using drive = await createVolume('ext4', 48);
  const { root } = await scene.addDrive(drive, '--name', 'Blue');
  const ask = async () => await scene.json<SafeJson>(['safe-to-delete', 'card']);
  const before = await ask();
  expect(before, 'copied nowhere yet').toMatchObject({ exitCode: 2, safe: 0, drives: ['Blue'] });
  const { photos = 0, notSafePaths = [] } = before.devices[0] ?? {};
  expect(before.notSafe).toBe(photos);
  expect(notSafePaths).toHaveLength(photos);
  await scene.json(['mirror']);
  const untouched = snapshot(scene.card, scene.library, root);
  expect(await ask()).toMatchObject({ exitCode: 0, safe: photos, notSafe: 0, notSaved: 0 });
  expect(snapshot(scene.card, scene.library, root), 'asking deletes and changes nothing').toEqual(untouched);

  const still = '2024/2024-07-12/IMG_0002.HEIC';
  for (const [place, path, main] of [
    [root, '2024/2024-07-12/IMG_0002.MOV', still],
    [scene.library, '2024/2024-07-12/IMG_0002.MOV', still],
    [root, still, still],
    [root, '2024/2024-07-11/IMG_0001.AAE', '2024/2024-07-11/IMG_0001.HEIC'],
  ] as const) {
    const good = readFileSync(join(place, path));
    flipBit(join(place, path)); // its size and time are as they were: only reading tells
    const answer = await ask();
    expect(answer, path).toMatchObject({ exitCode: 2, safe: photos - 1, notSafe: 1 });
    expect(answer.devices[0]?.notSafePaths).toEqual([main]);
    writeFileSync(join(place, path), good);
  }
  rmSync(join(root, still));
  expect(await ask()).toMatchObject({ exitCode: 2, notSafe: 1 });
  drive.pull();
  expect(await ask(), 'what is not connected cannot be read').toMatchObject({ exitCode: 2, safe: 0, drives: [] });
  const { stdout } = await scene.run(['safe-to-delete', 'card']);
  expect(stdout).toMatch(/NOT safe to delete/);
  expect(stdout).toContain('Connect a drive with a copy, and ask again.');
  expect(stdout).toContain(neverDeletes);
});

test('A device that is not known, a folder, and a drive that was forgotten are no reason for a yes', async (context) => {
  needVolumes(context);
  using scene = await copyScene({ photos: 3 });
  await using drive = await createVolume('ext4', 32);
  await scene.addDrive(drive);
  await scene.json(['mirror']);
  expect(await scene.json(['safe-to-delete', 'card'])).toMatchObject({ exitCode: 0, safe: 3 });
  expect(await scene.json(['safe-to-delete', 'somebody']), 'who is not known').toMatchObject({
    ...{ exitCode: 1, error: { code: 'DEVICE_UNKNOWN' } },
  });
  const none = await scene.run(['safe-to-delete']);
  expect(none, 'a folder is no phone and no card').toMatchObject({ exitCode: 2 });
  addPhotos(scene.card, { from: 3, count: 2 });
  await scene.json(['backup', scene.card]);
  await scene.json(['drives', 'forget', drive.path]);
  expect(await scene.json(['safe-to-delete', 'card']), 'a forgotten drive does not count').toMatchObject({
    ...{ exitCode: 2, safe: 0, notSafe: 5 },
  });
});

/** A phone that was saved to a library with a drive, both up to date. */
async function savedPhone(
  at: PhoneScene,
  drive: LoopVolume,
  { assets, flags = [] }: { assets?: readonly Partial<DescribedAsset>[]; flags?: readonly string[] },
): Promise<{ scene: CopyScene; ask: () => Promise<SafeJson & { exitCode: number }>; words: () => Promise<string> }> {
  const scene = await copyScene({ photos: 0 });
  configureAgent(scene.home, { library: scene.library, cardRoots: [] });
  const described = (assets ?? [{}, {}]).map((wish, index): DescribedAsset => {
    const name = `IMG_${String(index + 1).padStart(4, '0')}.JPG`;
    const bytes = makeJpeg({ seed: name, dateTimeOriginal: '2024-07-14T10:11:12' });
    const asset = { folder: 'DCIM/100APPLE', name, sizeBytes: bytes.length, ...wish };
    if (asset.original !== 'iCloudOnly') at.phone.files.addBytes(`${asset.folder}/${name}`, bytes, new Date(1.7e12));
    return asset;
  });
  if (assets !== undefined) addDatabase(at.phone.files, makePhotosDatabase({ generation: 'ios18', assets: described }));
  const { environment } = at;
  const [device] = await devicesOf(scene.home, environment);
  await scene.run(['enroll', device?.id ?? '', ...flags], { environment });
  const saved = await scene.run(['backup', device?.id ?? ''], { environment });
  if (![0, 2].includes(saved.exitCode)) throw new Error(saved.stdout + saved.stderr);
  await scene.addDrive(drive);
  const mirror = await scene.run(['mirror']);
  if (mirror.exitCode !== 0) throw new Error(mirror.stdout + mirror.stderr);
  return {
    scene,
    ask: async () => await scene.json<SafeJson>(['safe-to-delete'], { environment }),
    words: async () => (await scene.run(['safe-to-delete'], { environment })).stdout,
  };
}

test('Of a phone the answer begins with what else a deletion deletes, unless iCloud Photos is known to be off', async (context) => {
  needVolumes(context);
  for (const [assets, isTold] of [
    [undefined, true], // it has no list, so nothing is known
    [[{ cloud: true }, { cloud: true }], true],
    [[{}, {}], false],
  ] as const) {
    await using at = await makePhoneScene({ name: "Mum's iPhone" });
    await using drive = await createVolume('ext4', 32);
    const { scene, ask, words } = await savedPhone(at, drive, assets === undefined ? {} : { assets });
    using _ = scene;
    expect(await ask()).toMatchObject({ exitCode: 0, safe: 2, devices: [{ deletesElsewhere: isTold }] });
    const text = await words();
    expect(text.startsWith(deletesElsewhere)).toBe(isTold);
    expect(text.includes(deletesElsewhere)).toBe(isTold);
    expect(text).toContain(`"Mum's iPhone": all 2 photos and videos that came from it are on two disks`);
    expect(text.trimEnd().endsWith(neverDeletes)).toBe(true);
    expect(
      at.phone.files.paths.filter((path) => path.endsWith('.JPG')),
      'nothing was deleted',
    ).toHaveLength(2);
  }
});

test.for<[string, readonly Partial<DescribedAsset>[], readonly string[]]>([
  ['that are hidden and were left, as its owner wished', [{}, { hidden: true }], ['--hidden', 'leave']],
  ['of which the original is only in iCloud', [{}, { original: 'iCloudOnly', sizeBytes: 5000, cloud: true }], []],
])('A phone with photos %s is not safe to be emptied', async ([, assets, flags], context) => {
  needVolumes(context);
  await using at = await makePhoneScene();
  await using drive = await createVolume('ext4', 32);
  const { scene, ask, words } = await savedPhone(at, drive, { assets, flags });
  using _ = scene;
  expect(await ask()).toMatchObject({ exitCode: 2, safe: 1, notSaved: 1 });
  expect(await words()).toContain('NOT safe to delete');
});
