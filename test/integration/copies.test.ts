// Without these, a copy could lack photos, have wrong bytes, spread a mistake from the library, or be overwritten by one.

import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { addPhotos, contents, copyScene, flipBit, type MirrorJson } from '../support/copies.ts';
import { keepsake } from '../support/keepsake.ts';
import { createVolume, needVolumes } from '../support/loop-volume.ts';

/** Everything on a drive, with times and what is ours: to see that nothing was touched. */
function snapshot(root: string): readonly string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return `${path} ${statSync(path).mtimeMs} ${statSync(path).ino} ${readFileSync(path).toString('base64')}`;
    })
    .sort();
}

test.for(['ext4', 'exfat', 'ntfs', 'vfat'] as const)(
  'A library is copied to a drive on %s, read back from it, and the copy checks with sha256sum alone',
  async (filesystem, context) => {
    needVolumes(context, filesystem);
    using scene = await copyScene({ photos: 12 });
    writeFileSync(join(scene.library, '2020/2020-01-01/notes.txt'), 'from another program');
    await using volume = await createVolume(filesystem, 100);
    const { root } = await scene.addDrive(volume);
    const first = await scene.json<MirrorJson>(['mirror']);
    expect(first).toMatchObject({ exitCode: 0, copies: [{ copied: 13, readBack: 13, failed: 0, complete: true }] });
    await volume.remount(); // nothing of it comes from memory
    expect(await contents(root)).toEqual(await contents(scene.library));
    execFileSync('sha256sum', ['-c', '--quiet', '.keepsake/copy.sha256'], { cwd: root });
    for (const name of readdirSync(join(root, '.keepsake/imports')).filter((each) => each.endsWith('.sha256')))
      execFileSync('sha256sum', ['-c', '--quiet', join('.keepsake/imports', name)], { cwd: root });
    expect(readFileSync(join(root, 'READ ME FIRST.html'), 'utf8')).toMatch(/13 files/);
    expect(readdirSync(join(root, '.keepsake/incoming'))).toEqual([]);
    const again = await scene.json<MirrorJson>(['mirror']);
    expect(again).toMatchObject({ exitCode: 0, copies: [{ copied: 0, bytes: 0, failed: 0, complete: true }] });
    addPhotos(scene.card, { from: 12, count: 3 });
    const backup = await scene.json<MirrorJson>(['backup', scene.card]);
    expect(backup, 'saving copies what is new').toMatchObject({ exitCode: 0, copies: [{ copied: 3, readBack: 3 }] });
    expect(await contents(root)).toEqual(await contents(scene.library));
  },
);

test('What the owner moves and renames is moved on the drive, without copying, and found again after a rebuild', async (context) => {
  needVolumes(context, 'ext4', 'exfat');
  using scene = await copyScene({ photos: 40 });
  await using one = await createVolume('ext4', 100);
  await using other = await createVolume('exfat', 100);
  const drives = [await scene.addDrive(one), await scene.addDrive(other)];
  await scene.json(['mirror']);
  mkdirSync(join(scene.library, 'Best of/2020'), { recursive: true });
  renameSync(join(scene.library, '2020/2020-01-02'), join(scene.library, 'Best of/2020/New Year'));
  renameSync(join(scene.library, '2020/2020-01-01/IMG_0000.JPG'), join(scene.library, 'Best of/first.JPG'));
  const moved = await scene.json<MirrorJson>(['mirror']);
  expect(moved.copies).toMatchObject([
    { moved: 4, copied: 0, bytes: 0, complete: true },
    { moved: 4, copied: 0, bytes: 0, complete: true },
  ]);
  for (const { root } of drives) expect(await contents(root)).toEqual(await contents(scene.library));
  expect((await scene.json<{ missing: number }>(['rebuild'])).missing).toBe(0);
  const card = await scene.json<{ imports: { imported: number }[] }>(['backup', scene.card]);
  expect(card.imports, 'a photo that was moved is not saved again').toMatchObject([{ imported: 0 }]);
  const verified = await scene.json<{ findings: unknown[] }>(['verify', '--all']);
  expect(verified.findings).toEqual([]);
});

test('A file that Keepsake did not write is copied again when it changes, and the version before stays on the drive', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 3 });
  await using volume = await createVolume('ext4', 50);
  const { root } = await scene.addDrive(volume);
  const sidecar = join(scene.library, '2020/2020-01-01/IMG_0000.xmp');
  writeFileSync(sidecar, 'rating 1');
  await scene.json(['mirror']);
  writeFileSync(sidecar, 'rating 5, and more');
  rmSync(join(scene.library, '2020/2020-01-01/nothing'), { force: true });
  expect(await scene.json<MirrorJson>(['mirror'])).toMatchObject({ copies: [{ copied: 1, complete: true }] });
  expect(readFileSync(join(root, '2020/2020-01-01/IMG_0000.xmp'), 'utf8')).toBe('rating 5, and more');
  const [run = ''] = readdirSync(join(root, '.keepsake/versions'));
  expect(readFileSync(join(root, '.keepsake/versions', run, '2020/2020-01-01/IMG_0000.xmp'), 'utf8')).toBe('rating 1');
  rmSync(sidecar);
  await scene.json(['mirror']);
  expect(existsSync(join(root, '2020/2020-01-01/IMG_0000.xmp')), 'a deletion does not spread').toBe(true);
});

test('What somebody copied to the drive by hand is adopted where it is right, and set aside where it is not', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 9 });
  await using volume = await createVolume('ext4', 50);
  const byHand = join(volume.path, 'Keepsake/library');
  for (const year of readdirSync(scene.library).filter((name) => name !== '.keepsake'))
    cpSync(join(scene.library, year), join(byHand, year), { recursive: true });
  writeFileSync(join(byHand, '2020/2020-01-01/IMG_0001.JPG'), 'not this picture');
  const { root } = await scene.addDrive(volume);
  expect(root).toBe(byHand);
  expect(await scene.json<MirrorJson>(['mirror'])).toMatchObject({
    exitCode: 0,
    copies: [{ adopted: 8, copied: 1, readBack: 9, complete: true }],
  });
  expect(await contents(root)).toEqual(await contents(scene.library));
  const aside = join(root, '.keepsake/versions');
  const [run = ''] = readdirSync(aside);
  expect(readFileSync(join(aside, run, '2020/2020-01-01/IMG_0001.JPG'), 'utf8')).toBe('not this picture');
});

test('4 % changed or gone passes and is not copied onward; 6 % brakes, and nothing on the drive is touched', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 100 });
  await using volume = await createVolume('ext4', 100);
  const { root } = await scene.addDrive(volume);
  await scene.json(['mirror']);
  const before = await contents(root);
  const file = (index: number) =>
    join(
      scene.library,
      new Date(Date.UTC(2020, 0, 1 + Math.floor(index / 3)))
        .toISOString()
        .slice(0, 10)
        .replace(/^(\d{4})/, '$1/$1'),
      `IMG_${String(index).padStart(4, '0')}.JPG`,
    );
  for (const index of [0, 1]) writeFileSync(file(index), `encrypted, pay here ${index}`);
  for (const index of [2, 3]) rmSync(file(index));
  addPhotos(scene.card, { from: 100, count: 2 });
  const passes = await scene.json<MirrorJson>(['backup', scene.card]);
  expect(passes.copies).toMatchObject([{ copied: 2, failed: 0 }]);
  const after = await contents(root);
  expect(
    before.filter((line) => !after.includes(line)),
    'every good copy stays',
  ).toEqual([]);
  for (const index of [4, 5, 6]) {
    writeFileSync(`${file(index)}.locked`, `pay here ${index}`);
    rmSync(file(index));
  }
  const untouched = snapshot(root);
  const braked = await scene.json<MirrorJson>(['mirror']);
  expect(braked).toMatchObject({ exitCode: 2, copies: [{ copied: 0, stopped: { code: 'COPY_BRAKED' } }] });
  expect(snapshot(root)).toEqual(untouched);
  const accepted = await scene.json<MirrorJson>(['mirror', '--accept-changes']);
  expect(accepted.copies, 'with the three files of the other program').toMatchObject([{ copied: 3, failed: 0 }]);
  expect(
    before.filter((line) => !after.includes(line)),
    'what was accepted is still on the drive',
  ).toEqual([]);
  expect(await scene.json<MirrorJson>(['mirror'])).toMatchObject({ exitCode: 0, copies: [{ copied: 0 }] });
});

test('A file of the library whose bytes are not those that were saved is never copied onward', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 6 });
  await using volume = await createVolume('ext4', 50);
  const { root } = await scene.addDrive(volume);
  const path = '2020/2020-01-01/IMG_0001.JPG';
  flipBit(join(scene.library, path));
  const mirror = await scene.json<MirrorJson>(['mirror']);
  expect(mirror).toMatchObject({
    exitCode: 2,
    copies: [{ copied: 5, failed: 1, complete: false, failures: [{ path, code: 'FILE_CORRUPT' }] }],
  });
  expect(existsSync(join(root, path))).toBe(false);
  expect((await scene.json<{ needsYou: { code: string }[] }>(['status'])).needsYou.map(({ code }) => code)).toContain(
    'FILES_DAMAGED',
  );
});

test('Two names that differ in case only: a drive that ignores case gets the first, and the other is named', async (context) => {
  needVolumes(context, 'exfat', 'ext4');
  using scene = await copyScene({ photos: 3 });
  for (const name of ['Notes.txt', 'notes.txt']) writeFileSync(join(scene.library, name), `I am ${name}`);
  writeFileSync(join(scene.library, '2020/2020-01-01/img_0000.jpg'), 'a twin of a photo');
  await using exfat = await createVolume('exfat', 50);
  await using ext4 = await createVolume('ext4', 50);
  const drives = [await scene.addDrive(exfat), await scene.addDrive(ext4)];
  for (const round of [1, 2]) {
    const { copies } = await scene.json<MirrorJson>(['mirror']);
    const ignoring = copies.find(({ driveId }) => driveId === drives[0]?.id);
    expect(ignoring?.failures.map(({ path, code }) => `${path} ${code}`).sort(), `round ${round}`).toEqual([
      '2020/2020-01-01/img_0000.jpg NAME_UNSUITABLE',
      'notes.txt NAME_UNSUITABLE',
    ]);
    expect(copies.find(({ driveId }) => driveId === drives[1]?.id)).toMatchObject({ failed: 0 });
  }
  expect(existsSync(join(drives[0]?.root ?? '', '.keepsake/versions')), 'nothing is set aside in turns').toBe(false);
  expect(readFileSync(join(drives[0]?.root ?? '', 'Notes.txt'), 'utf8')).toBe('I am Notes.txt');
});

test('A library behind a link, with a year behind another, is copied like any other', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 3 });
  await using volume = await createVolume('ext4', 50);
  const { root } = await scene.addDrive(volume);
  const elsewhere = join(dirname(scene.library), 'years');
  mkdirSync(elsewhere);
  renameSync(join(scene.library, '2020'), join(elsewhere, '2020'));
  symlinkSync(join(elsewhere, '2020'), join(scene.library, '2020'));
  const link = join(dirname(scene.library), 'link');
  symlinkSync(scene.library, link);
  const answer = await keepsake(['mirror', '--library', link, '--json'], { home: scene.home });
  expect(JSON.parse(answer.stdout)).toMatchObject({ copies: [{ copied: 3, complete: true }] });
  expect((await contents(root)).length).toBe(3);
});

test('A photo that lies on the drive, changed by hand, is left as it is and named, until a repair', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 3 });
  await using volume = await createVolume('ext4', 50);
  const { root } = await scene.addDrive(volume);
  await scene.json(['mirror']);
  const path = '2020/2020-01-01/IMG_0002.JPG';
  writeFileSync(join(root, path), 'edited on the drive');
  for (const _ of [1, 2]) {
    const { copies } = await scene.json<MirrorJson>(['mirror']);
    expect(copies).toMatchObject([{ copied: 0, failed: 1, failures: [{ path, code: 'FILE_CORRUPT' }] }]);
  }
  expect(readFileSync(join(root, path), 'utf8')).toBe('edited on the drive');
  expect(await scene.json(['verify', '--repair'])).toMatchObject({ exitCode: 0, repaired: 1 });
  expect(await contents(root)).toEqual(await contents(scene.library));
  expect(await scene.json<MirrorJson>(['mirror'])).toMatchObject({ exitCode: 0, copies: [{ complete: true }] });
});
