// Without these, a copy could go to a disk that is no drive of the owner's, or to two that are one, or be believed in where
// there is none; and a drive that was his all along would be copied to anew, or never again.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { configureAgent } from '../support/agent.ts';
import { addPhotos, type CopyScene, contents, copyScene, flipBit, type MirrorJson } from '../support/copies.ts';
import { temporaryFolder } from '../support/keepsake.ts';
import { createVolume, type LoopVolume, needVolumes } from '../support/loop-volume.ts';
import { makeJpeg } from '../support/media/jpeg.ts';
import { patience } from '../support/patience.ts';
import { needPrograms } from '../support/requirements.ts';

/** Everything on a disk, with times and what is ours: to see that nothing was touched. */
function snapshot(root: string): readonly string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter(({ name }) => name !== 'lost+found')
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      const { mtimeMs, ino } = statSync(path);
      return `${path} ${mtimeMs} ${ino} ${entry.isFile() ? readFileSync(path).toString('base64') : ''}`;
    })
    .sort();
}

interface Failed {
  readonly error: { readonly code: string; readonly message: string; readonly remedy: string };
}
interface StatusJson {
  readonly drives: readonly { id: string; name: string; connected: boolean; missing: number }[];
  readonly photos: { readonly assets: number; readonly safe: number };
  readonly needsYou: readonly { readonly code: string; readonly remedy: string }[];
}
const codesOf = ({ needsYou }: StatusJson) => needsYou.map(({ code }) => code);

/** Refused, with these, and with something that the owner can do. */
async function expectRefusal(scene: CopyScene, args: readonly string[], code: string, exitCode: number): Promise<void> {
  const answer = await scene.json<Failed>(args);
  expect(answer, args.join(' ')).toMatchObject({ exitCode, error: { code, remedy: expect.stringMatching(/\w+/) } });
}

/** A library at a place of the test's choice, with some photos in it. */
async function sceneAt(library: string, photos: number): Promise<CopyScene> {
  const scene = await copyScene({ photos: 0 });
  configureAgent(scene.home, { library });
  addPhotos(scene.card, { from: 0, count: photos });
  const saved = await scene.run(['backup', scene.card]);
  if (saved.exitCode !== 0) throw new Error(saved.stdout + saved.stderr);
  return { ...scene, library };
}

test('What cannot be a drive for copies is refused for what it is, and nothing is left on it', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 3 });
  using other = await copyScene({ photos: 3 });
  await using volume = await createVolume('ext4', 16);
  const refuse = async (path: string, code: string, exitCode: number) => {
    await expectRefusal(scene, ['drives', 'add', path], code, exitCode);
    expect(existsSync(join(path, 'Keepsake')), path).toBe(false);
  };
  const beside = join(dirname(scene.library), 'beside');
  mkdirSync(beside);
  await refuse(beside, 'DRIVE_UNSUITABLE', 1);
  await refuse(scene.library, 'DRIVE_UNSUITABLE', 1);
  await refuse(join(scene.library, '2020'), 'DRIVE_UNSUITABLE', 1);
  await refuse(dirname(scene.library), 'DRIVE_UNSUITABLE', 1);
  await refuse(join(volume.path, 'not there'), 'DRIVE_MISSING', 3);
  writeFileSync(join(volume.path, 'file'), '');
  await refuse(join(volume.path, 'file'), 'DRIVE_UNSUITABLE', 1);
  for (const [name, isInside] of [
    ['DCIM', false],
    ['DCIM', true],
    ['Backups.backupdb', false],
    ['2026-06-17-172230.previous', true],
  ] as const) {
    mkdirSync(join(volume.path, name));
    mkdirSync(join(volume.path, 'a folder'), { recursive: true });
    await refuse(isInside ? join(volume.path, 'a folder') : volume.path, 'DRIVE_UNSUITABLE', 1);
    rmdirSync(join(volume.path, name));
  }
  cpSync(other.library, join(volume.path, 'library'), { recursive: true });
  await refuse(join(volume.path, 'library'), 'DRIVE_UNSUITABLE', 1);
  expect(await scene.json(['drives', 'list'])).toMatchObject({ drives: [], unusable: [] });
  expect(await scene.json<Failed>(['mirror'])).toMatchObject({ exitCode: 3, error: { code: 'DRIVE_MISSING' } });
});

test('A folder where drives are mounted, with none there, is a drive that is missing', async (context) => {
  needVolumes(context);
  using scene = await copyScene({ photos: 1 });
  for (const place of ['/mnt', '/media']) {
    if (!existsSync(place)) continue;
    const folder = mkdtempSync(join(place, 'keepsake-test-'));
    try {
      await expectRefusal(scene, ['drives', 'add', folder], 'DRIVE_MISSING', 3);
      expect(readdirSync(folder)).toEqual([]);
    } finally {
      rmdirSync(folder);
    }
  }
});

test('A drive that cannot be written, or has no room for its mark, is not added', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 1 });
  await using volume = await createVolume('ext4', 8);
  await volume.remount({ readOnly: true });
  await expectRefusal(scene, ['drives', 'add', volume.path], 'DRIVE_READ_ONLY', 3);
  await volume.remount();
  const ballast = join(volume.path, 'film.mov');
  for (const bytes of [2 ** 16, 512])
    expect(() => {
      for (;;) writeFileSync(ballast, Buffer.alloc(bytes, 1), { flag: 'a' });
    }).toThrow('ENOSPC');
  await expectRefusal(scene, ['drives', 'add', volume.path], 'DRIVE_FULL', 4);
  expect(await scene.json(['drives', 'list'])).toMatchObject({ drives: [] });
  rmSync(ballast);
  const { root } = await scene.addDrive(volume);
  expect(await scene.json<MirrorJson>(['mirror'])).toMatchObject({ exitCode: 0, copies: [{ copied: 1 }] });
  expect(await contents(root)).toEqual(await contents(scene.library));
});

test('Another disk under the name of a drive gets nothing', async (context) => {
  needVolumes(context, 'ext4', 'exfat');
  using scene = await copyScene({ photos: 3 });
  await using drive = await createVolume('ext4', 32);
  await using stranger = await createVolume('exfat', 32);
  const { root } = await scene.addDrive(drive, '--name', 'Blue');
  await scene.json(['mirror']);
  drive.pull();
  stranger.pull();
  await stranger.mount(drive.path);
  for (const isAlike of [false, true]) {
    if (isAlike) mkdirSync(root, { recursive: true });
    addPhotos(scene.card, { from: isAlike ? 6 : 3, count: 3 });
    const before = snapshot(stranger.path);
    expect(await scene.json<MirrorJson>(['backup', scene.card])).toMatchObject({ exitCode: 0, copies: [] });
    await expectRefusal(scene, ['mirror'], 'DRIVE_MISSING', 3);
    await expectRefusal(scene, ['mirror', 'Blue'], 'DRIVE_MISSING', 3);
    expect(snapshot(stranger.path)).toEqual(before);
    expect(await scene.json<StatusJson>(['status'])).toMatchObject({ drives: [{ connected: false }] });
  }
  stranger.pull();
  await drive.mount();
  expect(await scene.json<MirrorJson>(['mirror'])).toMatchObject({
    exitCode: 0,
    copies: [{ copied: 6, complete: true }],
  });
  expect(await contents(root)).toEqual(await contents(scene.library));
});

test('A drive that was copied onto another disk does not make that one a drive, until it is added; then both are', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 6 });
  await using drive = await createVolume('ext4', 32);
  await using copied = await createVolume('ext4', 32);
  const { id, root } = await scene.addDrive(drive, '--name', 'Blue');
  await scene.json(['mirror']);
  execFileSync('cp', ['-a', join(drive.path, 'Keepsake'), copied.path]);
  const before = snapshot(copied.path);
  addPhotos(scene.card, { from: 6, count: 3 });
  const saved = await scene.json<MirrorJson>(['backup', scene.card]);
  expect(saved, 'the drive itself is used').toMatchObject({ exitCode: 0, copies: [{ driveId: id, copied: 3 }] });
  expect(await scene.json(['mirror'])).toMatchObject({
    exitCode: 0,
    copies: [{ driveId: id }],
    unusable: [{ code: 'DRIVE_IMPOSTOR', name: 'Blue' }],
  });
  expect(codesOf(await scene.json<StatusJson>(['status']))).toContain('DRIVE_IMPOSTOR');
  drive.pull();
  await expectRefusal(scene, ['mirror'], 'DRIVE_IMPOSTOR', 3);
  expect(snapshot(copied.path)).toEqual(before);
  await drive.mount();
  const second = await scene.json<{ id: string; root: string; hadCopy: boolean }>([
    ...['drives', 'add', copied.path, '--name', 'Red'],
  ]);
  expect(second).toMatchObject({ exitCode: 0, hadCopy: true });
  expect(second.id).not.toBe(id);
  addPhotos(scene.card, { from: 9, count: 3 });
  const both = await scene.json<MirrorJson>(['backup', scene.card]);
  expect(both.copies.toSorted((one, two) => one.copied - two.copied)).toMatchObject([
    { driveId: id, copied: 3, adopted: 0, complete: true },
    { driveId: second.id, copied: 6, adopted: 6, complete: true },
  ]);
  for (const each of [root, second.root]) expect(await contents(each)).toEqual(await contents(scene.library));
  const status = await scene.json<StatusJson>(['status']);
  expect(codesOf(status)).toEqual([]);
  expect(status.drives).toMatchObject([
    { connected: true, missing: 0 },
    { connected: true, missing: 0 },
  ]);
});

/** The disk of a volume once more, block by block, mounted beside it. It goes with the volume. */
function cloneOf(volume: LoopVolume): string {
  execFileSync('sync', ['--file-system', volume.path]);
  const [image, clone] = [join(dirname(volume.path), 'image'), join(dirname(volume.path), 'clone of the image')];
  execFileSync('cp', ['--sparse=always', image, clone]);
  const path = volume.folder('clone');
  execFileSync('mount', ['-o', 'loop', clone, path]);
  return path;
}

test('Of two disks that are one block by block neither is used while both are there', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 3 });
  await using drive = await createVolume('ext4', 16);
  const { id, root } = await scene.addDrive(drive, '--name', 'Blue');
  await scene.json(['mirror']);
  const clone = cloneOf(drive);
  addPhotos(scene.card, { from: 3, count: 3 });
  const before = [snapshot(drive.path), snapshot(clone)];
  expect(await scene.json<MirrorJson>(['backup', scene.card])).toMatchObject({ exitCode: 0, copies: [] });
  await expectRefusal(scene, ['mirror'], 'DRIVE_AMBIGUOUS', 3);
  expect([snapshot(drive.path), snapshot(clone)]).toEqual(before);
  const status = await scene.json<StatusJson>(['status']);
  expect(codesOf(status)).toContain('DRIVE_AMBIGUOUS');
  await vi.waitFor(() => execFileSync('umount', [clone]), patience); // agents of other tests look at every disk
  expect(await scene.json<MirrorJson>(['mirror'])).toMatchObject({ exitCode: 0, copies: [{ driveId: id, copied: 3 }] });
  expect(await contents(root)).toEqual(await contents(scene.library));
  expect(codesOf(await scene.json<StatusJson>(['status']))).toEqual([]);
});

test('The same drive shown at two places is one drive', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 3 });
  await using drive = await createVolume('ext4', 16);
  const { root } = await scene.addDrive(drive);
  execFileSync('mount', ['--bind', drive.path, drive.folder('again')]);
  expect(await scene.json<MirrorJson>(['mirror'])).toMatchObject({
    exitCode: 0,
    copies: [{ copied: 3, complete: true }],
  });
  expect(await contents(root)).toEqual(await contents(scene.library));
});

/** A disk of two partitions, both ext4, mounted. */
function partitionedDisk() {
  const scratch = temporaryFolder();
  const run = (command: string, ...args: readonly string[]) => execFileSync(command, [...args], { encoding: 'utf8' });
  const image = join(scratch.path, 'image');
  const [first, sectors] = [2048, 40_960];
  // A DOS partition table: entries of 16 bytes at 446, each with its kind, first sector and count; its own number at 440.
  const table = Buffer.alloc(512);
  table.writeUInt32LE(0x5eedf00d, 440);
  for (const index of [0, 1]) {
    table.writeUInt8(0x83, 446 + index * 16 + 4);
    table.writeUInt32LE(first + index * sectors, 446 + index * 16 + 8);
    table.writeUInt32LE(sectors, 446 + index * 16 + 12);
  }
  table.writeUInt16LE(0xaa55, 510);
  writeFileSync(image, table);
  truncateSync(image, 48 * 2 ** 20);
  const loop = run('losetup', '--find', '--show', image).trim();
  const paths: string[] = [];
  const made: string[] = [];
  const dispose = () => {
    for (const path of paths) execFileSync('umount', ['--lazy', path], { stdio: 'ignore' });
    for (const number of ['1', '2']) execFileSync('delpart', [loop, number]);
    for (const device of made) rmSync(device, { force: true });
    run('losetup', '--detach', loop);
    scratch[Symbol.dispose]();
  };
  for (const number of [1, 2]) {
    const device = `${loop}p${number}`;
    // The kernel here reads no partition tables by itself; what it is told counts the same.
    run('addpart', loop, `${number}`, `${first + (number - 1) * sectors}`, `${sectors}`);
    if (!existsSync(device)) {
      const numbers = readFileSync(`/sys/class/block/${basename(device)}/dev`, 'utf8')
        .trim()
        .split(':');
      run('mknod', device, 'b', ...numbers);
      made.push(device);
    }
    run('mkfs.ext4', '-q', device);
    const path = join(scratch.path, `partition ${number}`);
    mkdirSync(path);
    run('mount', device, path);
    paths.push(path);
  }
  return { paths: paths as [string, string], [Symbol.dispose]: dispose };
}

test('Two partitions of one disk are one place: photos on both are not safe before they are on a second disk', async (context) => {
  needVolumes(context, 'ext4');
  needPrograms(context, 'addpart', 'delpart', 'lsblk', 'blkid');
  using disk = partitionedDisk();
  await using drive = await createVolume('ext4', 32);
  using scene = await sceneAt(join(disk.paths[0], 'Photos'), 3);
  const added = await scene.json<{ notes: string[] }>(['drives', 'add', disk.paths[1], '--name', 'Second partition']);
  expect(added).toMatchObject({ exitCode: 0, notes: [expect.stringMatching(/does not count as a second place/)] });
  expect(await scene.json<MirrorJson>(['mirror'])).toMatchObject({
    exitCode: 0,
    copies: [{ copied: 3, complete: true }],
  });
  const safe = async () => (await scene.json<StatusJson>(['status'])).photos;
  expect(await safe()).toMatchObject({ assets: 3, safe: 0 });
  expect(await scene.json(['safe-to-delete', 'card'])).toMatchObject({ exitCode: 2, safe: 0, notSafe: 3 });
  await scene.addDrive(drive);
  expect(await scene.json<MirrorJson>(['mirror'])).toMatchObject({ exitCode: 0 });
  expect(await safe()).toMatchObject({ assets: 3, safe: 3 });
  expect(await scene.json(['safe-to-delete', 'card'])).toMatchObject({ exitCode: 0, safe: 3, notSafe: 0 });
});

test.for([
  ['is damaged', (marker: string) => writeFileSync(marker, '{"id": "half a ma'), 'DRIVE_DAMAGED'],
  ['was removed', (marker: string) => rmSync(marker), 'DRIVE_MISSING'],
] as const)(
  'A copy whose mark %s is left as it is and named; added again, it is the drive it was, with what is right in it',
  async ([, spoil, code], context) => {
    needVolumes(context, 'ext4');
    using scene = await copyScene({ photos: 6 });
    await using drive = await createVolume('ext4', 32);
    const { root } = await scene.addDrive(drive, '--name', 'Blue');
    await scene.json(['mirror']);
    spoil(join(root, '.keepsake/copy.json'));
    writeFileSync(join(root, '2020/2020-01-01/IMG_0000.JPG'), 'not this picture');
    const before = snapshot(drive.path);
    await expectRefusal(scene, ['mirror'], code, 3);
    if (code === 'DRIVE_DAMAGED') expect(codesOf(await scene.json<StatusJson>(['status']))).toContain(code);
    expect(snapshot(drive.path)).toEqual(before);
    expect((await scene.addDrive(drive, '--name', 'Blue')).root).toBe(root);
    expect(await scene.json<MirrorJson>(['mirror'])).toMatchObject({ copies: [{ bytes: expect.any(Number) }] });
    await scene.json(['verify', '--all', '--repair']);
    expect(await contents(root)).toEqual(await contents(scene.library));
    const kept = readdirSync(join(root, '.keepsake'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.startsWith('IMG_0000'))
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'));
    expect(kept, 'what was in its place is set aside').toEqual(['not this picture']);
    expect((await scene.json<StatusJson>(['drives', 'list'])).drives, 'there is one drive, as before').toMatchObject([
      { name: 'Blue', connected: true, missing: 0 },
    ]);
    expect(await scene.json<MirrorJson>(['mirror', drive.path])).toMatchObject({
      exitCode: 0,
      copies: [{ copied: 0 }],
    });
  },
);

test('A drive that was forgotten stays so when it comes back, counts for nothing, and can be added again', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 3 });
  await using drive = await createVolume('ext4', 32);
  const { id, root } = await scene.addDrive(drive, '--name', 'Blue');
  await scene.json(['mirror']);
  expect((await scene.json<StatusJson>(['status'])).photos.safe).toBe(3);
  expect(await scene.json(['drives', 'forget', 'Blue'])).toMatchObject({ exitCode: 0, id });
  await volumeComesBack(drive);
  addPhotos(scene.card, { from: 3, count: 3 });
  const before = snapshot(drive.path);
  expect(await scene.json<MirrorJson>(['backup', scene.card])).toMatchObject({ exitCode: 0, copies: [] });
  await expectRefusal(scene, ['mirror'], 'DRIVE_MISSING', 3);
  await expectRefusal(scene, ['mirror', 'Blue'], 'DRIVE_UNKNOWN', 1);
  await expectRefusal(scene, ['drives', 'forget', 'Blue'], 'DRIVE_UNKNOWN', 1);
  expect(await scene.json<StatusJson>(['status'])).toMatchObject({ drives: [], photos: { safe: 0 }, needsYou: [] });
  expect(snapshot(drive.path)).toEqual(before);
  expect(await scene.addDrive(drive)).toMatchObject({ id, root });
  expect(await scene.json<MirrorJson>(['mirror'])).toMatchObject({
    exitCode: 0,
    copies: [{ copied: 3, complete: true }],
  });
  expect((await scene.json<StatusJson>(['status'])).photos.safe).toBe(6);
});

async function volumeComesBack(volume: LoopVolume): Promise<void> {
  volume.pull();
  await volume.mount();
}

test('A drive that is mounted elsewhere is the same drive, and is found by its name and by its new path', async (context) => {
  needVolumes(context, 'exfat');
  using scene = await copyScene({ photos: 3 });
  await using drive = await createVolume('exfat', 32);
  const { id } = await scene.addDrive(drive, '--name', 'Blue');
  await scene.json(['mirror']);
  drive.pull();
  await drive.mount(drive.folder('another, with ünïcode'));
  addPhotos(scene.card, { from: 3, count: 3 });
  expect(await scene.json<MirrorJson>(['backup', scene.card])).toMatchObject({ copies: [{ driveId: id, copied: 3 }] });
  expect(await scene.json<MirrorJson>(['mirror', drive.path])).toMatchObject({
    exitCode: 0,
    copies: [{ driveId: id }],
  });
  expect(await contents(join(drive.path, 'Keepsake/library'))).toEqual(await contents(scene.library));
  expect((await scene.json<StatusJson>(['drives', 'list'])).drives).toMatchObject([
    { id, connected: true, missing: 0 },
  ]);
});

test('After this computer has forgotten everything a drive is taken back in by its mark, and nothing is copied again', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 6 });
  await using drive = await createVolume('ext4', 32);
  const { id, root } = await scene.addDrive(drive, '--name', 'Blue');
  await scene.json(['mirror']);
  const before = await contents(root);
  const state = readdirSync(scene.home, { recursive: true, withFileTypes: true });
  const lost = state.filter((entry) => ['catalogs', 'drives.json'].includes(entry.name));
  expect(lost.map(({ name }) => name).sort()).toEqual(['catalogs', 'drives.json']);
  for (const { parentPath, name } of lost) rmSync(join(parentPath, name), { recursive: true });
  const mirror = await scene.json<MirrorJson>(['mirror']);
  expect(mirror).toMatchObject({
    exitCode: 0,
    copies: [{ driveId: id, driveName: 'Blue', copied: 0, adopted: 6, readBack: 6, bytes: 0, complete: true }],
  });
  expect(await contents(root)).toEqual(before);
  expect(await scene.json<StatusJson>(['status'])).toMatchObject({
    drives: [{ id, name: 'Blue', connected: true, missing: 0 }],
    photos: { assets: 6, safe: 6 },
  });
});

test('Drives of two libraries on one disk do not mix, and each library knows its own', async (context) => {
  needVolumes(context, 'ext4');
  using mine = await copyScene({ photos: 3 });
  using yours = await copyScene({ photos: 0 });
  addPhotos(yours.card, { from: 50, count: 4 });
  await yours.run(['backup', yours.card]);
  await using drive = await createVolume('ext4', 32);
  const one = await mine.addDrive(drive);
  const other = await yours.addDrive(drive);
  expect(other.root).not.toBe(one.root);
  expect(other.id).not.toBe(one.id);
  expect(await mine.json<MirrorJson>(['mirror'])).toMatchObject({ exitCode: 0, copies: [{ copied: 3 }] });
  expect(await yours.json<MirrorJson>(['mirror'])).toMatchObject({ exitCode: 0, copies: [{ copied: 4 }] });
  expect(await contents(one.root)).toEqual(await contents(mine.library));
  expect(await contents(other.root)).toEqual(await contents(yours.library));
});

test('A drive is let go of when nothing uses it, and not while somebody does', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 3 });
  await using drive = await createVolume('ext4', 16);
  const { root } = await scene.addDrive(drive, '--name', 'Blue');
  await scene.json(['mirror']);
  // Another process that stands in a folder of the drive, as a terminal does.
  const user = spawn('cat', { cwd: root, stdio: ['pipe', 'ignore', 'ignore'] });
  try {
    await once(user, 'spawn');
    await expectRefusal(scene, ['drives', 'eject', 'Blue'], 'DRIVE_BUSY', 3);
    expect((await contents(root)).length, 'it is still there').toBe(3);
  } finally {
    user.stdin.end();
    await once(user, 'close');
  }
  // Programs of other tests may copy the machine's mounts for a moment, and hold this one with them.
  await expect
    .poll(() => scene.run(['drives', 'eject', 'Blue']), { ...patience, interval: 200 })
    .toMatchObject({ exitCode: 0, stdout: 'You can unplug "Blue" now.\n' });
  expect(readdirSync(drive.path), 'it is unmounted').toEqual([]);
  await expectRefusal(scene, ['drives', 'eject', 'Blue'], 'DRIVE_MISSING', 3);
  await expectRefusal(scene, ['drives', 'eject', 'Green'], 'DRIVE_UNKNOWN', 1);
  expect((await scene.json<StatusJson>(['drives', 'list'])).drives).toMatchObject([{ connected: false, missing: 0 }]);
});

test('Of two drives that take turns each gets what it lacks when it comes, also where names were given away meanwhile', async (context) => {
  needVolumes(context, 'ext4', 'exfat');
  using scene = await copyScene({ photos: 6 });
  await using blue = await createVolume('ext4', 32);
  await using red = await createVolume('exfat', 32);
  const first = await scene.addDrive(blue, '--name', 'Blue');
  const second = await scene.addDrive(red, '--name', 'Red', '--elsewhere');
  expect((await scene.json<MirrorJson>(['mirror'])).copies).toMatchObject([{ copied: 6 }, { copied: 6 }]);
  red.pull();
  // A photo is renamed, and another one of that day gets the name that it had.
  const day = join(scene.library, '2020/2020-01-01');
  renameSync(join(day, 'IMG_0001.JPG'), join(day, 'Best of all.JPG'));
  expect(await scene.json<MirrorJson>(['mirror'])).toMatchObject({
    copies: [{ driveId: first.id, moved: 1, copied: 0 }],
  });
  const later = join(scene.card, 'DCIM/101APPLE/IMG_0001.JPG');
  mkdirSync(dirname(later));
  writeFileSync(later, makeJpeg({ seed: 'later', dateTimeOriginal: '2020-01-01T18:00:00' }));
  utimesSync(later, 1.61e9, 1.61e9);
  expect(await scene.json<MirrorJson>(['backup', scene.card])).toMatchObject({
    copies: [{ driveId: first.id, copied: 1 }],
  });
  expect(readdirSync(day)).toContain('IMG_0001.JPG');
  expect(await scene.json<StatusJson>(['status'])).toMatchObject({
    drives: [
      { name: 'Blue', connected: true, missing: 0 },
      { name: 'Red', connected: false, missing: 2 },
    ],
  });
  blue.pull();
  await red.mount();
  const turn = await scene.json<MirrorJson>(['mirror']);
  expect(turn).toMatchObject({ exitCode: 0, copies: [{ driveId: second.id, moved: 1, copied: 1, complete: true }] });
  expect(await contents(second.root)).toEqual(await contents(scene.library));
  await blue.mount();
  expect((await scene.json<MirrorJson>(['mirror'])).copies).toMatchObject([{ copied: 0 }, { copied: 0 }]);
  expect(await scene.json(['verify', '--all'])).toMatchObject({ exitCode: 0, findings: [], checked: 21 });
});

test('When the disk of the library is pulled nothing on the drive is touched, and no photo is called missing', async (context) => {
  needVolumes(context, 'ext4');
  await using disk = await createVolume('ext4', 48);
  await using drive = await createVolume('ext4', 48);
  using scene = await sceneAt(join(disk.path, 'Photos'), 12);
  const { root } = await scene.addDrive(drive);
  await scene.json(['mirror']);
  const before = snapshot(drive.path);
  disk.pull();
  const gone = await scene.json<Failed>(['mirror']);
  expect(gone.exitCode).toBe(3);
  expect(gone.error.code).toMatch(/^LIBRARY_(MISSING|GONE)$/);
  expect(snapshot(drive.path)).toEqual(before);
  expect(readdirSync(disk.path)).toEqual([]);
  await disk.mount();
  addPhotos(scene.card, { from: 12, count: 12 });
  const { exitCode } = await scene.json(['backup', scene.card, '--library', scene.library]);
  expect(exitCode).toBe(0);
  const saved = await contents(scene.library);
  for (const step of [1, 5, 20]) {
    rmSync(root, { recursive: true });
    await scene.addDrive(drive);
    let left = step;
    const observeStep = () => {
      left -= 1;
      if (left === 0) disk.pull();
    };
    const cut = await scene.json<Partial<Failed> & Partial<MirrorJson>>(['mirror'], { seams: { observeStep } });
    expect(cut.error?.code ?? cut.copies?.[0]?.stopped?.code, `at step ${step}`).toBe('LIBRARY_GONE');
    expect(readdirSync(disk.path)).toEqual([]);
    await disk.mount();
    expect((await contents(root)).filter((line) => !saved.includes(line))).toEqual([]);
    expect(codesOf(await scene.json<StatusJson>(['status']))).toEqual([]);
  }
  expect(await scene.json<MirrorJson>(['mirror'])).toMatchObject({ exitCode: 0, copies: [{ complete: true }] });
  expect(await contents(root)).toEqual(saved);
});

test.for([
  ['was found damaged', true],
  ['was written to by hand', false],
] as const)(
  'A copy that %s does not pass for a good one because its photo gets another name',
  async ([, isFound], context) => {
    needVolumes(context, 'ext4');
    using scene = await copyScene({ photos: 3 });
    await using drive = await createVolume('ext4', 32);
    const { root } = await scene.addDrive(drive);
    await scene.json(['mirror']);
    const [path, renamed] = ['2020/2020-01-01/IMG_0001.JPG', '2020/2020-01-01/Renamed.JPG'];
    flipBit(join(root, path));
    if (isFound) expect(await scene.json(['verify', '--all'])).toMatchObject({ corrupt: 1 });
    else utimesSync(join(root, path), 1.75e9, 1.75e9);
    renameSync(join(scene.library, path), join(scene.library, renamed));
    await scene.json(['mirror']);
    const isRight = readFileSync(join(root, renamed)).equals(readFileSync(join(scene.library, renamed)));
    const { photos } = await scene.json<StatusJson>(['status']);
    expect(photos.safe, 'as many as are right on two disks').toBe(isRight ? 3 : 2);
    await scene.json(['verify', '--all', '--repair']);
    expect((await contents(root)).filter((line) => !line.endsWith('IMG_0001.JPG'))).toEqual(
      await contents(scene.library),
    );
  },
);

test('A file of another program whose copy was only touched is not copied again', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 1 });
  await using drive = await createVolume('ext4', 32);
  const { root } = await scene.addDrive(drive);
  writeFileSync(join(scene.library, 'notes.txt'), 'from another program');
  await scene.json(['mirror']);
  utimesSync(join(root, 'notes.txt'), 1.75e9, 1.75e9);
  for (const round of [1, 2]) {
    const { copies } = await scene.json<MirrorJson>(['mirror']);
    expect(copies, `round ${round}`).toMatchObject([{ copied: 0, failed: 0, complete: true }]);
  }
  expect(existsSync(join(root, '.keepsake/versions')), 'and nothing is set aside').toBe(false);
});

test('A photo that lay in the library before it was saved from a card is on the drive in both places', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 1 });
  await using drive = await createVolume('ext4', 32);
  const { root } = await scene.addDrive(drive);
  addPhotos(scene.card, { from: 1, count: 1 });
  mkdirSync(join(scene.library, 'by hand'));
  cpSync(join(scene.card, 'DCIM/100APPLE/IMG_0001.JPG'), join(scene.library, 'by hand/IMG_0001.JPG'));
  await scene.json(['mirror']);
  const saved = await scene.json<MirrorJson>(['backup', scene.card]);
  expect(saved).toMatchObject({ exitCode: 0, copies: [{ complete: true }] });
  expect(await contents(root)).toEqual(await contents(scene.library));
});
