// A photo that its owner removes has to stay removed, on every card, drive and computer, and has to come back when they want it
// back. Without these it would return with the next card, be repaired as if it were lost, or be gone for good.

import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { fillUp, makeScene, type Scene, writeFile, writePair, writePhoto } from '../fault/scene.ts';
import { adopt } from '../support/adopting.ts';
import { contents, copyScene, type MirrorJson, type VerifyJson } from '../support/copies.ts';
import { backupJson, type WalkedFile, walk } from '../support/keepsake.ts';
import { createVolume, needVolumes } from '../support/loop-volume.ts';
import { deleteCatalog, rebuild, statusOf } from '../support/lost-catalog.ts';
import { makeJpeg } from '../support/media/jpeg.ts';
import { makeMov } from '../support/media/quicktime.ts';
import { makeDng } from '../support/media/raw.ts';
import { seededUuid } from '../support/media/seeded.ts';
import { makeAae } from '../support/media/sidecars.ts';
import { remove, removeJson } from '../support/removing.ts';

const pairDay = '2024/2024-07-15';
const photoDay = '2024/2024-07-14';

interface Removed {
  readonly removalId: string;
  readonly photos: number;
  readonly files: number;
  readonly wereGone: number;
  readonly drives: number;
  readonly failures: readonly unknown[];
}

/** A card with a Live Photo, its sidecar, and three photos; saved. */
async function savedScene(): Promise<Scene & { readonly dcim: string }> {
  const scene = makeScene();
  const dcim = join(scene.source, 'DCIM/100APPLE');
  writePair(join(dcim, 'IMG_1'));
  writeFile(join(dcim, 'IMG_1.AAE'), makeAae('one'));
  for (const name of ['IMG_2.JPG', 'IMG_3.JPG', 'IMG_4.JPG']) writePhoto(join(dcim, name));
  await save(scene);
  return { ...scene, dcim };
}

async function save(scene: Scene, source: string = scene.source) {
  const { json, exitCode } = await backupJson([source], scene);
  const [report] = json.imports;
  if (report === undefined) throw new Error(JSON.stringify(json));
  return { ...report, exitCode };
}

const paths = async (root: string) => (await walk(root)).map(({ path }: WalkedFile) => path);
const trashOf = (root: string) => join(root, '.keepsake/trash');

test('A removed photo is not saved again, from its card or from a copy of it, and taken back it is where it was', async () => {
  using scene = await savedScene();
  const before = await walk(scene.library);
  const removed = await removeJson<Removed>(scene, ['IMG_1.MOV']);
  expect(removed).toMatchObject({ exitCode: 0, photos: 1, files: 3, wereGone: 0, drives: 0, failures: [] });
  expect(await paths(scene.library)).toEqual(
    before.map(({ path }) => path).filter((path) => !path.startsWith(pairDay)),
  );
  expect(await statusOf(scene)).toMatchObject({ photos: { inLibrary: 3 } });
  expect(await save(scene)).toMatchObject({ exitCode: 0, found: 6, known: 6, imported: 0, complete: true });
  const copy = join(scene.path, 'copy');
  cpSync(scene.source, copy, { recursive: true, preserveTimestamps: true });
  expect(await save(scene, copy)).toMatchObject({ exitCode: 0, duplicates: 6, imported: 0, complete: true });
  expect(await removeJson(scene, ['--undo'])).toMatchObject({ exitCode: 0, photos: 1, files: 3, kept: [] });
  expect(await walk(scene.library)).toEqual(before);
  expect(await save(scene, copy)).toMatchObject({ known: 6, imported: 0 });
});

test('Without its catalogue, on another computer, the library still knows what was removed, and can take it back', async () => {
  using scene = await savedScene();
  const before = await walk(scene.library);
  await removeJson(scene, ['IMG_1*', 'IMG_3.JPG']);
  deleteCatalog(scene);
  expect(await save(scene)).toMatchObject({ known: 6, imported: 0, complete: true });
  expect(await statusOf(scene)).toMatchObject({ photos: { inLibrary: 2 } });
  expect(await rebuild(scene)).toMatchObject({ assets: 2, files: 2, missing: 0, removed: 4 });
  const elsewhere = { ...scene, home: join(scene.path, 'other-home') };
  mkdirSync(elsewhere.home);
  expect(await save(elsewhere)).toMatchObject({ known: 6, imported: 0 });
  expect(await removeJson(elsewhere, ['--undo'])).toMatchObject({ exitCode: 0, photos: 2, files: 4 });
  expect(await walk(scene.library)).toEqual(before);
});

test('What only belongs to a removed photo stays away, and comes with it when it is taken back', async () => {
  using scene = await savedScene();
  await removeJson(scene, ['IMG_2.JPG']);
  writeFile(join(scene.dcim, 'IMG_2.AAE'), makeAae('late'));
  expect(await save(scene)).toMatchObject({ exitCode: 0, known: 6, duplicates: 1, imported: 0, complete: true });
  writeFile(join(scene.dcim, 'IMG_1.AAE'), makeAae('another edit of a photo that is there'), 1.71e9);
  expect(await save(scene)).toMatchObject({ known: 5, duplicates: 1, imported: 1 });
  await removeJson(scene, ['--undo']);
  expect(await save(scene)).toMatchObject({ known: 6, imported: 1 });
  expect(await paths(scene.library)).toContain(`${photoDay}/IMG_2.AAE`);
});

test('A picture that was never removed is saved, whatever it belongs to', async () => {
  using scene = makeScene();
  const dcim = join(scene.source, 'DCIM/100APPLE');
  const contentIdentifier = seededUuid(join(dcim, 'live'));
  const camera = { make: 'Canon', model: 'R5', cameraSerial: '1', dateTimeOriginal: '2024-07-14T10:11:12' } as const;
  writePair(join(dcim, 'live'));
  renameSync(join(dcim, 'live.MOV'), join(scene.path, 'live.MOV'));
  writeFile(join(dcim, 'RAW_1.JPG'), makeJpeg({ seed: 'raw', ...camera }));
  writePhoto(join(dcim, 'IMG_5.JPG'));
  await save(scene);
  await removeJson(scene, ['2024']);
  expect(await paths(scene.library)).toEqual([]);
  renameSync(join(scene.path, 'live.MOV'), join(dcim, 'live.MOV'));
  writeFile(join(dcim, 'RAW_1.DNG'), makeDng({ seed: 'raw', ...camera }));
  writeFile(join(dcim, 'IMG_E5.JPG'), makeJpeg({ seed: 'edited' }));
  writeFile(join(dcim, 'other.MOV'), makeMov({ seed: 'new', brand: 'qt  ', contentIdentifier, mdatBytes: 10 }));
  const saved = await save(scene);
  expect(saved).toMatchObject({ exitCode: 0, found: 7, known: 3, imported: 4, complete: true });
  expect((await paths(scene.library)).length).toBe(4);
  expect(await save(scene)).toMatchObject({ known: 7, imported: 0 });
  // All of it on another card: the removed ones are recognised, the others are there.
  const copy = join(scene.path, 'copy');
  cpSync(scene.source, copy, { recursive: true, preserveTimestamps: true });
  expect(await save(scene, copy)).toMatchObject({ imported: 0, duplicates: 7 });
});

test('What its owner puts back and adopts is part of the library again; another file in its place becomes one', async () => {
  using scene = await savedScene();
  const kept = readFileSync(join(scene.library, photoDay, 'IMG_2.JPG'));
  await removeJson(scene, ['IMG_2.JPG', 'IMG_3.JPG', 'IMG_4.JPG']);
  writeFile(join(scene.library, photoDay, 'IMG_2.JPG'), kept);
  writeFile(join(scene.library, photoDay, 'IMG_3.JPG'), makeJpeg({ seed: 'another picture' }));
  writeFile(
    join(scene.library, photoDay, 'IMG_4.xmp'),
    Buffer.from('<x:xmpmeta xmlns:x="adobe:ns:meta/"></x:xmpmeta>'),
  );
  const adopted = await adopt(scene);
  expect(adopted).toMatchObject({ adopted: 2, duplicates: 0, notMedia: 1, failed: 0, changed: 0 });
  const expected = { photos: { inLibrary: 3 } };
  expect(await statusOf(scene)).toMatchObject(expected);
  await rebuild(scene);
  expect(await statusOf(scene)).toMatchObject(expected);
  expect(await save(scene)).toMatchObject({ imported: 0, known: 6 });
  expect(await removeJson(scene, ['--list'])).toMatchObject({ removals: [{ photos: 2, files: 2, inTrash: 2 }] });
  const undone = await removeJson(scene, ['--undo']);
  expect(undone).toMatchObject({ exitCode: 2, photos: 1, kept: [`${photoDay}/IMG_3.JPG`] });
  expect(await removeJson(scene, ['--list'])).toMatchObject({ removals: [{ photos: 1, files: 1, inTrash: 1 }] });
});

test('What is asked for is said before it is done, and every answer says what to do next', async () => {
  using scene = await savedScene();
  const before = await walk(scene.library);
  const dry = await remove(scene, ['2024-07-14', '--dry-run']);
  expect(dry).toMatchObject({ exitCode: 0, stderr: '' });
  expect(dry.stdout).toMatch(/3 photos and videos .* would be removed[\s\S]*IMG_2\.JPG[\s\S]*without --dry-run/);
  expect(await walk(scene.library)).toEqual(before);
  expect(existsSync(join(scene.library, '.keepsake/removed.jsonl'))).toBe(false);
  const done = await remove(scene, ['2024-07-14']);
  expect(done.stdout).toMatch(
    /3 photos and videos were removed from your photo folder\.\nThey stay in its trash for 90 days\. To take that back: keepsake remove --undo\n/,
  );
  const list = await remove(scene, ['--list']);
  const [id = ''] = readdirSync(trashOf(scene.library));
  expect(list.stdout).toMatch(new RegExp(`3 photos and videos .*in the trash until .*\\n {2}${id}\\n.*--undo ID`));
  for (const [args, code] of [
    [['2024-07-14'], 'USAGE'],
    [[], 'USAGE'],
    [['--list', '--undo'], 'USAGE'],
    [['--undo', 'nothing'], 'USAGE'],
    [['--empty-trash', '--dry-run'], 'USAGE'],
    [['--missing'], 'USAGE'],
  ] as const) {
    expect(await remove(scene, args), args.join(' ')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining(code),
    });
  }
  const undone = await remove(scene, ['--undo', id]);
  expect(undone.stdout).toBe('3 photos and videos are back in your photo folder, under the names they had.\n');
  expect(await walk(scene.library)).toEqual(before);
  await remove(scene, ['IMG_2.JPG']);
  const emptied = await remove(scene, ['--empty-trash']);
  expect(emptied.stdout).toMatch(
    /1 file .* was deleted from the trash of your photo folder\. That cannot be taken back\./,
  );
  expect(readdirSync(trashOf(scene.library))).toEqual([]);
  expect(await save(scene)).toMatchObject({ imported: 0 });
  const tooLate = await remove(scene, ['--undo']);
  expect(tooLate).toMatchObject({ exitCode: 2 });
  expect(tooLate.stdout).toMatch(/cannot be put back\. It was emptied on .*[\s\S]*they are saved again/);
  expect(await save(scene)).toMatchObject({ imported: 1 });
  expect((await walk(scene.library)).map(({ sha256 }) => sha256).sort()).toEqual(
    before.map(({ sha256 }) => sha256).sort(),
  );
});

test('In a folder of the library a name means the file there, and absolute paths mean what they say', async () => {
  using scene = await savedScene();
  writePhoto(join(scene.dcim, '../101APPLE/IMG_2.JPG'));
  writeFile(
    join(scene.dcim, '../102APPLE/IMG_2.JPG'),
    makeJpeg({ seed: 'other day', dateTimeOriginal: '2024-08-01T10:00:00' }),
  );
  await save(scene);
  const workingFolder = join(scene.library, '2024/2024-08-01');
  const dryRun = (args: readonly string[], call = {}) =>
    removeJson<{ paths: readonly string[] }>({ ...scene, ...call }, [...args, '--dry-run']);
  expect((await dryRun(['IMG_2.JPG'])).paths).toHaveLength(3);
  expect((await dryRun(['IMG_2.JPG'], { workingFolder })).paths).toEqual(['2024/2024-08-01/IMG_2.JPG']);
  expect((await dryRun(['.'], { workingFolder: join(workingFolder, '..') })).paths).toHaveLength(8);
  expect((await dryRun([join(scene.library, photoDay)])).paths).toHaveLength(4);
});

const trashed = (root: string) =>
  existsSync(trashOf(root))
    ? readdirSync(trashOf(root), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length
    : 0;

test('On drives the copies follow, those of a drive that was away too; nothing repairs them, and an undo brings all back', async (context) => {
  needVolumes(context, 'ext4', 'exfat');
  using scene = await copyScene({ photos: 30 });
  await using one = await createVolume('ext4', 100);
  await using other = await createVolume('exfat', 100);
  const roots = [(await scene.addDrive(one)).root, (await scene.addDrive(other)).root];
  await scene.json(['mirror']);
  const before = await contents(scene.library);
  other.pull();
  const removed = await removeJson<Removed>(scene, ['2020-01-01..2020-01-02', 'IMG_0029.JPG']);
  expect(removed).toMatchObject({ exitCode: 0, photos: 7, drives: 2 });
  expect(await scene.json<MirrorJson>(['mirror'])).toMatchObject({
    copies: [{ removed: 7, copied: 0, complete: true }],
  });
  expect(trashed(roots[0] ?? '')).toBe(7);
  await other.mount();
  expect(trashed(roots[1] ?? '')).toBe(0);
  expect(await scene.json<MirrorJson>(['mirror'])).toMatchObject({
    copies: [
      { removed: 0, copied: 0 },
      { removed: 7, copied: 0 },
    ],
  });
  const left = await contents(scene.library);
  expect(left).toHaveLength(23);
  for (const root of roots) {
    expect(await contents(root)).toEqual(left);
    expect(trashed(root)).toBe(7);
  }
  expect(await scene.json<VerifyJson>(['verify', '--all', '--repair'])).toMatchObject({
    exitCode: 0,
    repaired: 0,
    findings: [],
  });
  expect(await contents(scene.library)).toEqual(left);
  expect(await scene.json(['rebuild'])).toMatchObject({ files: 23, missing: 0, removed: 7 });
  expect(await removeJson(scene, ['--undo'])).toMatchObject({ exitCode: 0, photos: 7 });
  expect(await contents(scene.library)).toEqual(before);
  expect(await scene.json<MirrorJson>(['mirror'])).toMatchObject({ exitCode: 0 });
  for (const root of roots) expect(await contents(root)).toEqual(before);
});

test('An undo moves on the drives what is in their trash, without copying', async (context) => {
  needVolumes(context, 'ext4', 'exfat');
  using scene = await copyScene({ photos: 9 });
  await using one = await createVolume('ext4', 100);
  await using other = await createVolume('exfat', 100);
  const roots = [(await scene.addDrive(one)).root, (await scene.addDrive(other)).root];
  await scene.json(['mirror']);
  const before = await contents(scene.library);
  await removeJson(scene, ['2020-01-01']);
  await scene.json(['mirror']);
  await removeJson(scene, ['--undo']);
  const back = await scene.json<MirrorJson>(['mirror']);
  expect(back.copies).toMatchObject([
    { copied: 0, bytes: 0, complete: true },
    { copied: 0, bytes: 0, complete: true },
  ]);
  for (const root of roots) {
    expect(await contents(root)).toEqual(before);
    expect(trashed(root)).toBe(0);
  }
});

test('The trash is emptied on every drive, and on one that was away when it is connected next', async (context) => {
  needVolumes(context, 'ext4', 'exfat');
  using scene = await copyScene({ photos: 9 });
  await using one = await createVolume('ext4', 100);
  await using other = await createVolume('exfat', 100);
  const roots = [(await scene.addDrive(one)).root, (await scene.addDrive(other)).root];
  await scene.json(['mirror']);
  await removeJson(scene, ['2020-01-01']);
  other.pull();
  const emptied = await removeJson(scene, ['--empty-trash']);
  expect(emptied).toMatchObject({ exitCode: 0, files: 3, drives: [{ files: 3 }], drivesLater: 1 });
  expect(trashed(roots[0] ?? '')).toBe(0);
  expect(await contents(roots[0] ?? '')).toHaveLength(6);
  await other.mount();
  await scene.json(['mirror']);
  expect(trashed(roots[1] ?? '')).toBe(0);
  expect(await contents(roots[1] ?? '')).toHaveLength(6);
});

test('What left in a file manager and was meant to is removed everywhere; taken back, a drive puts it back', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 60 });
  await using one = await createVolume('ext4', 100);
  const { root } = await scene.addDrive(one);
  await scene.json(['mirror']);
  const before = await contents(scene.library);
  rmSync(join(scene.library, '2020/2020-01-01'), { recursive: true });
  rmSync(join(scene.library, '2020/2020-01-05/IMG_0012.JPG'));
  expect(await scene.json<VerifyJson>(['verify', '--all'])).toMatchObject({ missing: 4 });
  const confirmed = await removeJson<Removed>(scene, ['--missing', '2020/2020-01-01']);
  expect(confirmed).toMatchObject({ exitCode: 0, files: 3, wereGone: 3, drives: 1 });
  expect(await scene.json<VerifyJson>(['verify', '--all'])).toMatchObject({ missing: 1 });
  await scene.json(['mirror']);
  expect(trashed(root)).toBe(3);
  expect(await scene.json(['backup', scene.card])).toMatchObject({ imports: [{ imported: 0 }] });
  const undone = await removeJson<{ onDrivesOnly: readonly string[] }>(scene, ['--undo']);
  expect(undone).toMatchObject({ exitCode: 2, files: 0 });
  expect(undone.onDrivesOnly).toHaveLength(3);
  await scene.json(['mirror']);
  expect(trashed(root)).toBe(0);
  expect(await scene.json<VerifyJson>(['verify', '--all', '--repair'])).toMatchObject({ repaired: 4 });
  expect(await contents(scene.library)).toEqual(before);
});

test('A disk that is full but for a few kilobytes can be helped by emptying the trash', async (context) => {
  needVolumes(context, 'ext4');
  await using volume = await createVolume('ext4', 30);
  using scene = makeScene({ library: join(volume.path, 'photos') });
  writePhoto(join(scene.source, 'IMG_1.JPG'), 2_000_000);
  await save(scene);
  await removeJson(scene, ['2024']);
  fillUp(join(volume.path, 'filler'), 16 * 1024);
  expect(await removeJson(scene, ['--empty-trash'])).toMatchObject({ exitCode: 0, files: 1, removals: 1 });
  expect(readdirSync(trashOf(scene.library))).toEqual([]);
  expect(await rebuild(scene)).toMatchObject({ files: 0, removed: 1 });
  expect(await removeJson(scene, ['--list'])).toMatchObject({
    removals: [{ emptiedAt: expect.any(String), inTrash: 0 }],
  });
});

test("A private photo is nobody else's in the trash either", async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 3 });
  await using one = await createVolume('ext4', 50);
  const { root } = await scene.addDrive(one);
  const hidden = join(scene.library, 'hidden/2020/secret.jpg');
  mkdirSync(dirname(hidden), { recursive: true, mode: 0o700 });
  writeFileSync(hidden, makeJpeg({ seed: 'secret' }));
  await scene.run(['adopt', scene.library]);
  await scene.json(['mirror']);
  await removeJson(scene, ['secret.jpg']);
  await scene.json(['mirror']);
  for (const place of [scene.library, root]) {
    expect(trashed(place)).toBe(1);
    expect(statSync(trashOf(place)).mode & 0o077).toBe(0);
  }
});
