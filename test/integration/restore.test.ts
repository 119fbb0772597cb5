// Without these, a backup could turn out to be none on the day it is needed: photos left out without a word, damaged ones given as
// good, or something of the owner's overwritten by what is given back.

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { isAgentError } from '../../src/domain/errors.ts';
import { flipBit } from '../support/copies.ts';
import { createVolume, type LoopVolume, needVolumes } from '../support/loop-volume.ts';
import { emptyPlace, familyScene, restore, treeOf, writeOld } from '../support/restoring.ts';

/** A drive with a copy of the family's photos, and nothing else left: no library, no catalogue, no state. */
async function onlyADrive(volume: LoopVolume): Promise<{ readonly root: string; readonly tree: readonly string[] }> {
  using scene = await familyScene();
  const { root } = await scene.addDrive(volume);
  const { exitCode, copies } = await scene.json<{ copies: readonly { failed: number }[] }>(['mirror']);
  if (exitCode !== 0) throw new Error(JSON.stringify(copies));
  return { root, tree: await treeOf(scene.library) };
}

function leftovers(folder: string): readonly string[] {
  return readdirSync(folder).filter((name) => name.startsWith('.keepsake'));
}

/** Mounts it again, so that nothing of it comes from memory. Agents of other tests look at every disk there is, and hold it up. */
async function forgetMemory(volume: LoopVolume): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await volume.remount();
    } catch (error) {
      if (attempt === 50 || !String(error).includes('busy')) throw error;
      await sleep(100); // nobody is told when the last file was closed
    }
  }
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return await promise.then(
    () => 'nothing',
    (error: unknown) => (isAgentError(error) ? error.code : String(error)),
  );
}

test.for(['ext4', 'exfat', 'ntfs'] as const)(
  'With only a drive on %s left, everything comes back bit for bit, with its times, from the mount path alone',
  async (filesystem, context) => {
    needVolumes(context, filesystem);
    await using volume = await createVolume(filesystem, 100);
    const { tree } = await onlyADrive(volume);
    await forgetMemory(volume);
    using place = emptyPlace();
    const result = await restore({ ...place, from: volume.path });
    expect(result).toMatchObject({ restored: tree.length, already: 0, failed: 0, failures: [] });
    expect(await treeOf(place.to)).toEqual(tree);
    expect(leftovers(place.to)).toEqual([]);
    expect(result.unprovenPaths, 'the drive has a checksum of every file').toEqual([]);
    const again = await restore({ ...place, from: volume.path });
    expect(again).toMatchObject({ restored: 0, already: tree.length, failed: 0, bytes: 0 });
    expect(await treeOf(place.to)).toEqual(tree);
  },
);

test('The folder may lie on a disk without hard links, and a dry run says the same and writes nothing', async (context) => {
  needVolumes(context, 'ext4', 'exfat');
  await using volume = await createVolume('ext4', 100);
  await using other = await createVolume('exfat', 100);
  const { tree, root } = await onlyADrive(volume);
  writeOld(root, 'who: "me"?.txt', 'a name that exFAT does not take');
  using place = emptyPlace();
  const to = join(other.path, 'back');
  const looked = await restore({ ...place, to, from: root, dryRun: true });
  expect(looked).toMatchObject({ dryRun: true, restored: tree.length + 1, failed: 0, from: root, to });
  expect(existsSync(to)).toBe(false);
  const result = await restore({ ...place, to, from: join(root, '.keepsake') });
  expect(result).toMatchObject({ restored: tree.length, failed: 1, unproven: 0 });
  expect(result.failures).toMatchObject([{ code: 'NAME_UNSUITABLE', path: 'who: "me"?.txt' }]);
  const withoutTimes = (lines: readonly string[]) => lines.map((line) => line.replace(/ \d+$/, ''));
  expect(withoutTimes(await treeOf(to))).toEqual(withoutTimes(tree));
  expect(leftovers(to)).toEqual([]);
});

test('What is damaged or missing on the drive is named and not given; what nobody noted is given and said', async (context) => {
  needVolumes(context, 'ext4');
  await using volume = await createVolume('ext4', 100);
  const { root, tree } = await onlyADrive(volume);
  flipBit(join(root, '2024/2024-07-12/IMG_0002.MOV'));
  rmSync(join(root, '2024/2024-07-13/IMG_0003.HEIC'));
  writeFileSync(join(root, '2024/2024-07-14/IMG_0004.HEIC'), 'short');
  writeOld(root, 'put there by hand.txt', 'by whoever');
  symlinkSync('/etc/passwd', join(root, 'link.JPG'));
  symlinkSync(join(volume.path, 'lost+found'), join(root, 'linked'));
  // Moved on the drive by hand: its bytes are known.
  mkdirSync(join(root, 'best'));
  renameSync(join(root, '2023/2023-12-24/RAW_1.DNG'), join(root, 'best/RAW.DNG'));
  using place = emptyPlace();
  const result = await restore({ ...place, from: volume.path });
  const failed = result.failures.map(({ path, code }) => `${code} ${path}`).sort();
  expect(failed).toEqual([
    'FILE_CORRUPT 2024/2024-07-12/IMG_0002.MOV',
    'FILE_CORRUPT 2024/2024-07-13/IMG_0003.HEIC',
    'FILE_CORRUPT 2024/2024-07-14/IMG_0004.HEIC',
    'NAME_UNSUITABLE link.JPG',
    'NAME_UNSUITABLE linked',
  ]);
  expect(result).toMatchObject({ restored: tree.length - 3 + 1, failed: 5, unproven: 1 });
  expect(result.unprovenPaths).toEqual(['put there by hand.txt']);
  expect(existsSync(join(place.to, '2024/2024-07-12/IMG_0002.MOV'))).toBe(false);
  expect(existsSync(join(place.to, 'best/RAW.DNG'))).toBe(true);
});

test('A drive whose records are lost, damaged or hostile still gives its photos, and nothing outside', async (context) => {
  needVolumes(context, 'ext4');
  await using volume = await createVolume('ext4', 100);
  const { root, tree } = await onlyADrive(volume);
  const manifest = readdirSync(join(root, '.keepsake/imports')).find((name) => name.endsWith('.jsonl')) ?? '';
  const text = readFileSync(join(root, '.keepsake/imports', manifest), 'utf8');
  const [header = '', line = ''] = text.split('\n');
  const evil = { ...JSON.parse(line), path: '../../evil.JPG', hash: `sha256:${'0'.repeat(64)}` };
  const wild = { ...JSON.parse(line), path: 'wild.JPG', modifiedAtNs: '9'.repeat(400), size: -1 };
  writeFileSync(join(root, '.keepsake/copy.json'), '{ torn');
  writeFileSync(join(root, '.keepsake/imports/20990101-000000-aaaaaa.jsonl'), `${header}\nnot json\n`);
  writeFileSync(join(root, '.keepsake/imports', manifest), `${text}${JSON.stringify(evil)}\n${JSON.stringify(wild)}\n`);
  const list = readFileSync(join(root, '.keepsake/copy.sha256'), 'utf8');
  const zeros = '0'.repeat(64);
  writeFileSync(
    join(root, '.keepsake/copy.sha256'),
    `${list}${zeros}  /etc/passwd\n${zeros}  a/../../b\n${zeros}  .keepsake/copy.json\nnonsense\n`,
  );
  using place = emptyPlace();
  const damaged = await restore({ ...place, from: volume.path });
  expect(await treeOf(place.to)).toEqual(tree);
  expect(damaged.failures.map(({ path, code }) => `${code} ${path}`).sort()).toEqual([
    'DRIVE_DAMAGED .keepsake',
    'LIBRARY_DAMAGED .keepsake/imports/20990101-000000-aaaaaa.jsonl',
  ]);
  expect(readdirSync(place.path).sort()).toEqual(['back', 'home']);

  // Without any record: as it lies there, and none of it proven.
  rmSync(join(root, '.keepsake/imports'), { recursive: true });
  rmSync(join(root, '.keepsake/copy.sha256'));
  using bare = emptyPlace();
  const unproven = await restore({ ...bare, from: volume.path });
  expect(unproven).toMatchObject({ restored: tree.length, failed: 0, unproven: tree.length });
  const namesOf = (lines: readonly string[]) => lines.map((each) => each.replace(/ \d+$/, ''));
  expect(namesOf(await treeOf(bare.to))).toEqual(namesOf(tree));
});

test('Nothing that is there is overwritten: the whole photo gets another name, and a second run the same one', async (context) => {
  needVolumes(context, 'ext4');
  await using volume = await createVolume('ext4', 100);
  const { tree } = await onlyADrive(volume);
  using place = emptyPlace();
  const day = join(place.to, '2024/2024-07-11');
  mkdirSync(day, { recursive: true });
  writeFileSync(join(day, 'IMG_0001.MOV'), 'mine');
  for (const run of ['first', 'second']) {
    const result = await restore({ ...place, from: volume.path });
    expect(result, run).toMatchObject({ failed: 0 });
    expect(result.restored + result.already, run).toBe(tree.length);
    expect(readFileSync(join(day, 'IMG_0001.MOV'), 'utf8')).toBe('mine');
    expect(readdirSync(day).sort()).toEqual([
      'IMG_0001.MOV',
      'IMG_0001.xmp',
      'IMG_0001~2.JPG', // the other photo of that name keeps its own
      'IMG_0001~3.AAE',
      'IMG_0001~3.HEIC',
      'IMG_0001~3.MOV',
      'IMG_E0001~3.HEIC',
    ]);
  }
});

test('A full disk stops it, what is there is whole, and with room the same command goes on', async (context) => {
  needVolumes(context, 'ext4');
  await using volume = await createVolume('ext4', 100);
  const { tree } = await onlyADrive(volume);
  await using small = await createVolume('ext4', 8);
  const ballast = join(small.path, 'ballast');
  using place = emptyPlace();
  const to = join(small.path, 'back');
  mkdirSync(to);
  const { freeBytes } = await import('../../src/platform/volume.ts').then(({ readSpace }) => readSpace(small.path));
  writeFileSync(ballast, new Uint8Array(freeBytes - 900_000));
  const full = await restore({ ...place, to, from: volume.path });
  expect(full).toMatchObject({ stopped: { code: 'RESTORE_FULL' }, failed: 0 });
  const there = await treeOf(to);
  expect(there.length).toBe(full.restored);
  for (const line of there) expect(tree).toContain(line);
  expect(leftovers(to)).toEqual([]);
  rmSync(ballast);
  const rest = await restore({ ...place, to, from: volume.path });
  expect(rest).toMatchObject({ already: there.length, restored: tree.length - there.length, failed: 0 });
  expect(await treeOf(to)).toEqual(tree);
});

test('Photos are named by day, name, folder and device, on a computer that knows none of them', async (context) => {
  needVolumes(context, 'ext4');
  await using volume = await createVolume('ext4', 100);
  await onlyADrive(volume);
  const named = async (...queries: readonly string[]) => {
    using place = emptyPlace();
    const result = await restore({ ...place, from: volume.path, queries });
    expect(result).toMatchObject({ failed: 0 });
    return (await treeOf(place.to)).map((line) => line.split(' ')[0]);
  };
  const day = ['IMG_0002.HEIC', 'IMG_0002.MOV', 'IMG_0002~2.JPG'].map((name) => `2024/2024-07-12/${name}`);
  expect(await named('2024-07-12')).toEqual(day);
  expect(await named('2024/2024-07-12')).toEqual(day);
  expect(await named('IMG_0002.MOV'), 'the whole Live Photo').toEqual(day.slice(0, 2));
  expect(await named('RAW_1.*')).toEqual(['2023/2023-12-24/RAW_1.DNG', '2023/2023-12-24/RAW_1.JPG']);
  expect(await named('notes/')).toEqual(['notes/ünïcode,']);
  expect((await named('card')).length, 'the device they came from').toBe(17);
  using place = emptyPlace();
  expect(await codeOf(restore({ ...place, from: volume.path, queries: ['1999'] }))).toBe('USAGE');
  expect(await codeOf(restore({ ...place, from: volume.path, queries: ['2024'], all: true }))).toBe('USAGE');
  expect(existsSync(place.to)).toBe(false);
});

test('From the library itself: with its catalogue, and without', async () => {
  using scene = await familyScene();
  const tree = await treeOf(scene.library);
  using place = emptyPlace();
  const known = await restore({ ...place, home: scene.home, root: scene.library });
  expect(known).toMatchObject({ restored: tree.length, failed: 0, unproven: 2 });
  expect(await treeOf(place.to)).toEqual(tree);
  flipBit(join(scene.library, '2024/2024-07-12/IMG_0002.MOV'));
  rmSync(join(scene.library, '2024/2024-07-13/IMG_0003.HEIC'));
  for (const home of [scene.home, place.home]) {
    rmSync(place.to, { recursive: true });
    const result = await restore({ ...place, home, root: scene.library });
    expect(result).toMatchObject({ restored: tree.length - 2, failed: 2, unproven: 2 });
    expect(result.failures.map(({ path }) => path).sort()).toEqual([
      '2024/2024-07-12/IMG_0002.MOV',
      '2024/2024-07-13/IMG_0003.HEIC',
    ]);
  }
});

test('Folders that may not be restored to, and drives that are none, are refused before anything is written', async (context) => {
  needVolumes(context, 'ext4');
  await using volume = await createVolume('ext4', 100);
  using scene = await familyScene();
  const { root } = await scene.addDrive(volume);
  await scene.json(['mirror']);
  using place = emptyPlace();
  const refusals = [scene.library, join(scene.library, '2024'), join(root, 'new'), join(scene.library, '.keepsake/x')];
  for (const to of refusals)
    expect(await codeOf(restore({ ...place, to, from: volume.path })), to).toBe('RESTORE_UNSUITABLE');
  writeFileSync(join(place.path, 'file'), '');
  expect(await codeOf(restore({ ...place, to: join(place.path, 'file/in'), from: volume.path }))).toBe(
    'RESTORE_UNSUITABLE',
  );
  expect(await codeOf(restore({ ...place, from: join(place.path, 'nowhere') }))).toBe('DRIVE_MISSING');
  expect(await codeOf(restore({ ...place, from: volume.folder('unplugged') }))).toBe('DRIVE_MISSING');
  expect(await codeOf(restore({ ...place, from: 'no-such-drive' }))).toBe('DRIVE_MISSING');
  expect(await codeOf(restore({ ...place }))).toBe('LIBRARY_MISSING');
  // By its id, as the drives are listed; and of two copies on one drive the one that is named.
  const findDriveRoot = async (id: string) => (id === 'blue' ? (volume.path as never) : undefined);
  expect(await restore({ ...place, from: 'blue', context: { findDriveRoot } })).toMatchObject({ failed: 0 });
  mkdirSync(join(volume.path, 'Keepsake/Another/.keepsake/imports'), { recursive: true });
  expect(await codeOf(restore({ ...place, from: volume.path }))).toBe('RESTORE_UNSUITABLE');
  expect(await restore({ ...place, from: root })).toMatchObject({ restored: 0, failed: 0 });
});

test('A link in the folder restored to leads nowhere, and other runs’ leftovers go while those under way stay', async () => {
  using scene = await familyScene();
  using place = emptyPlace();
  mkdirSync(place.to);
  symlinkSync(join(scene.library, '2024'), join(place.to, '2024'));
  const stale = join(place.to, '.keepsake-restore-0123456789ab');
  mkdirSync(stale);
  writeFileSync(join(stale, '1.part'), 'half');
  writeFileSync(join(stale, '2.part'), 'whole');
  writeFileSync(join(stale, 'names.json'), JSON.stringify([{ part: '2.part', to: 'undated/torn.JPG' }]));
  writeFileSync(join(stale, 'lock'), '');
  mkdirSync(join(place.to, 'undated'));
  writeFileSync(join(place.to, 'undated/torn.JPG'), ''); // a placeholder, left by a kill on a disk without hard links
  writeFileSync(join(place.to, 'undated/mine.JPG'), '');
  const result = await restore({ ...place, home: scene.home, root: scene.library });
  expect(new Set(result.failures.map(({ code }) => code))).toEqual(new Set(['FILE_IN_THE_WAY']));
  expect(result.failures.every(({ path }) => path.startsWith('2024/'))).toBe(true);
  expect(leftovers(place.to)).toEqual([]);
  expect(readdirSync(join(place.to, 'undated'))).toContain('mine.JPG');
  expect(readdirSync(join(place.to, 'undated'))).not.toContain('torn.JPG');
});

test('Stopped by its owner it leaves whole files only, and goes on the next time', async () => {
  using scene = await familyScene();
  const tree = await treeOf(scene.library);
  using place = emptyPlace();
  const stop = new AbortController();
  const onProgress = ({ bytes }: { readonly bytes: number }) => {
    if (bytes > 700_000) stop.abort();
  };
  const stopped = await restore({ ...place, home: scene.home, root: scene.library, signal: stop.signal, onProgress });
  expect(stopped).toMatchObject({ stopped: { code: 'INTERRUPTED' } });
  for (const line of await treeOf(place.to)) expect(tree).toContain(line);
  expect(leftovers(place.to)).toEqual([]);
  await restore({ ...place, home: scene.home, root: scene.library });
  expect(await treeOf(place.to)).toEqual(tree);
});

test('For Apple Photos: pairs whole in numbered folders, lone JPEGs apart, and a list of what Photos cannot take', async () => {
  using scene = await familyScene();
  using place = emptyPlace();
  const wish = { ...place, home: scene.home, root: scene.library, forApplePhotos: true };
  const result = await restore(wish);
  expect(result).toMatchObject({
    failed: 0,
    forApplePhotos: { folders: ['For iCloud.com or Photos 001', 'For Photos on a Mac 001'], notForPhotos: 2, same: 0 },
  });
  const mac = readdirSync(join(place.to, 'For Photos on a Mac 001'));
  for (let index = 1; index <= 4; index += 1)
    expect(mac).toEqual(expect.arrayContaining([`IMG_000${index}.HEIC`, `IMG_000${index}.MOV`]));
  expect(mac).toEqual(expect.arrayContaining(['IMG_0001.AAE', 'IMG_E0001.HEIC', 'RAW_1.DNG', 'RAW_1.JPG']));
  expect(readdirSync(join(place.to, 'For iCloud.com or Photos 001')).sort()).toEqual(
    [1, 2, 3, 4].map((index) => `IMG_000${index}.JPG`),
  );
  const page = readFileSync(join(place.to, 'READ ME FIRST.html'), 'utf8');
  expect(page).toMatch(/File<\/strong>, then <strong>Import/);
  expect(page).not.toMatch(/<script|https?:/);
  expect(readFileSync(join(place.to, 'Not for Photos/Why these files are here.txt'), 'utf8')).toMatch(/IMG_0001\.xmp/);
  const before = await treeOf(place.to);
  expect(await restore(wish)).toMatchObject({ restored: 0, failed: 0 });
  expect(await treeOf(place.to), 'a second run changes nothing').toEqual(before);
});

test('A drive that is pulled stops it, nothing is called missing for that, and the same command goes on', async (context) => {
  needVolumes(context, 'ext4');
  await using volume = await createVolume('ext4', 100);
  const { tree } = await onlyADrive(volume);
  using place = emptyPlace();
  const onProgress = ({ bytes }: { readonly bytes: number }) => {
    if (bytes > 700_000) volume.pull();
  };
  const pulled = await restore({ ...place, from: volume.path, onProgress, context: { batchFilesMax: 4 } });
  expect(pulled).toMatchObject({ stopped: { code: 'DRIVE_GONE' }, failed: 0 });
  for (const line of await treeOf(place.to)) expect(tree).toContain(line);
  await volume.mount();
  expect(await restore({ ...place, from: volume.path })).toMatchObject({ failed: 0 });
  expect(await treeOf(place.to)).toEqual(tree);
});

test('A disk that is pulled while photos are given back to it stops it, and nothing is written to its empty folder', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await familyScene();
  await using target = await createVolume('ext4', 100);
  using place = emptyPlace();
  const to = join(target.path, 'back');
  const wish = { ...place, to, home: scene.home, root: scene.library };
  const onProgress = ({ bytes }: { readonly bytes: number }) => {
    if (bytes > 700_000) target.pull();
  };
  const pulled = await restore({ ...wish, onProgress, context: { batchFilesMax: 4 } });
  expect(pulled).toMatchObject({ stopped: { code: 'RESTORE_FAILED' }, failed: 0 });
  expect(readdirSync(target.path)).toEqual([]);
  await target.mount();
  expect(await restore(wish)).toMatchObject({ failed: 0 });
  expect(await treeOf(to)).toEqual(await treeOf(scene.library));
  expect(leftovers(to)).toEqual([]);
});

test('What a disk formatted as FAT32 cannot hold is named, and the rest is given back', async (context) => {
  needVolumes(context, 'ext4', 'vfat');
  await using volume = await createVolume('ext4', 100);
  const { root, tree } = await onlyADrive(volume);
  writeFileSync(join(root, 'film.MOV'), '');
  truncateSync(join(root, 'film.MOV'), 2 ** 32);
  await using fat = await createVolume('vfat', 64);
  using place = emptyPlace();
  const result = await restore({ ...place, to: join(fat.path, 'back'), from: root });
  expect(result.failures.map(({ code, path }) => `${code} ${path}`)).toContain('FILE_TOO_LARGE film.MOV');
  expect(result.restored + result.failed).toBe(tree.length + 1);
  expect(result.restored, 'but for names that this driver does not take').toBeGreaterThanOrEqual(tree.length - 1);
});

test('What was removed on purpose, moved, or filed under a name twice is not called missing', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await familyScene();
  await using volume = await createVolume('ext4', 100);
  const { root } = await scene.addDrive(volume);
  await scene.json(['mirror']);
  mkdirSync(join(scene.library, 'best'));
  renameSync(join(scene.library, '2024/2024-07-12/IMG_0002.HEIC'), join(scene.library, 'best/two.HEIC'));
  renameSync(join(scene.library, '2024/2024-07-12/IMG_0002.MOV'), join(scene.library, 'best/two.MOV'));
  await scene.json(['mirror']);
  using place = emptyPlace();
  const result = await restore({ ...place, from: root });
  expect(result).toMatchObject({ failed: 0, unproven: 0 });
  expect(await treeOf(place.to)).toEqual(await treeOf(scene.library));
  // As if the copy had been cut off before its list was written anew.
  rmSync(join(root, '.keepsake/copy.sha256'));
  using again = emptyPlace();
  expect(await restore({ ...again, from: root })).toMatchObject({ restored: result.restored, failed: 0 });
});
