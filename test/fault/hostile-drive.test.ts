// Without these, a drive on which somebody made links, put other things where photos belong, or which cannot hold a name, could
// have photos deleted from the library, pass for a copy when it is none, or keep all other photos from being copied.

import { spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type CopyScene, contents, copyScene, flipBit, type MirrorJson, type VerifyJson } from '../support/copies.ts';
import { finished, projectRoot } from '../support/keepsake.ts';
import { createVolume, needVolumes } from '../support/loop-volume.ts';
import { needPrograms } from '../support/requirements.ts';

const day = '2020/2020-01-01';
const photo = `${day}/IMG_0000.JPG`;

/** The photos of a library, with times and which file each is: to see that nothing was touched. */
function snapshot(root: string): readonly string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('/.keepsake'))
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return `${path} ${statSync(path).mtimeMs} ${statSync(path).ino} ${readFileSync(path).toString('base64')}`;
    })
    .sort();
}

interface Asked {
  readonly exitCode: number;
  readonly error?: { readonly code: string };
  readonly copies?: MirrorJson['copies'];
}

interface StatusJson {
  readonly photos: { readonly safe: number; readonly assets: number };
  readonly drives: readonly { readonly lastCopiedAt?: string | null }[];
}

async function safePhotos(scene: CopyScene): Promise<number> {
  return (await scene.json<StatusJson>(['status'])).photos.safe;
}

test.for(['incoming', 'versions', 'quarantine', 'trash', 'imports'])(
  'A link to the library in the place of .keepsake/%s on a drive is refused: nothing is deleted or written through it',
  async (name, context) => {
    needVolumes(context, 'ext4');
    using scene = await copyScene({ photos: 9 });
    await using volume = await createVolume('ext4', 32);
    const { root } = await scene.addDrive(volume);
    await scene.json(['mirror']);
    rmSync(join(root, '.keepsake', name), { recursive: true, force: true });
    symlinkSync(join(scene.library, day), join(root, '.keepsake', name));
    flipBit(join(root, '2020/2020-01-02/IMG_0003.JPG'));
    writeFileSync(join(scene.library, '2020/2020-01-03/notes.txt'), 'to be copied');
    const before = snapshot(scene.library);
    for (const args of [['verify'], ['mirror'], ['verify', '--all', '--repair'], ['safe-to-delete']]) {
      const answer = await scene.json<Asked>(args);
      expect(snapshot(scene.library), args.join(' ')).toEqual(before);
      expect(answer.error?.code ?? 'none', args.join(' ')).toMatch(/^(none|DRIVE_DAMAGED)$/);
      if (args[0] === 'mirror' && answer.error === undefined)
        expect(answer).toMatchObject({
          exitCode: 4,
          copies: [{ complete: false, stopped: { code: 'DRIVE_DAMAGED' } }],
        });
    }
    rmSync(join(root, '.keepsake', name));
    expect(await scene.json(['verify', '--all', '--repair']), 'without the link').toMatchObject({ exitCode: 0 });
    expect(await scene.json(['mirror'])).toMatchObject({ exitCode: 0, copies: [{ complete: true }] });
  },
);

test('What is in incoming on a drive and is not ours is not swept away', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 3 });
  await using volume = await createVolume('ext4', 32);
  const { root } = await scene.addDrive(volume);
  await scene.json(['mirror']);
  const film = join(root, '.keepsake/incoming/film.mov');
  writeFileSync(film, 'dragged here by its owner');
  writeFileSync(join(root, '.keepsake/incoming/1.part'), 'half a photo');
  expect(await scene.json(['mirror'])).toMatchObject({ exitCode: 0 });
  expect(readdirSync(join(root, '.keepsake/incoming'))).toEqual(['film.mov']);
});

test('A year on the drive that is a link to the year of the library is no copy of it, and nothing is written through it', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 9 });
  await using volume = await createVolume('ext4', 32);
  const { root } = await scene.addDrive(volume);
  symlinkSync(join(scene.library, '2020'), join(root, '2020'));
  writeFileSync(join(scene.library, 'readme.txt'), 'at the top');
  const before = snapshot(scene.library);
  const mirror = await scene.json<MirrorJson>(['mirror']);
  expect(mirror).toMatchObject({ exitCode: 2, copies: [{ copied: 1, adopted: 0, failed: 9, complete: false }] });
  expect(new Set(mirror.copies[0]?.failures.map(({ code }) => code))).toEqual(new Set(['FILE_IN_THE_WAY']));
  expect(await safePhotos(scene)).toBe(0);
  expect(await scene.json(['safe-to-delete', 'card'])).toMatchObject({ exitCode: 2, safe: 0, notSafe: 9 });
  expect(snapshot(scene.library)).toEqual(before);
  expect(lstatSync(join(root, '2020')).isSymbolicLink(), 'it is left as it is').toBe(true);
});

test('A year of a copy that is replaced by a link to the library is found, and is not repaired through the link', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 9 });
  await using volume = await createVolume('ext4', 32);
  const { id, root } = await scene.addDrive(volume);
  await scene.json(['mirror']);
  expect(await safePhotos(scene)).toBe(9);
  rmSync(join(root, '2020'), { recursive: true });
  symlinkSync(join(scene.library, '2020'), join(root, '2020'));
  const whole = snapshot(scene.library);
  expect(await scene.json(['safe-to-delete', 'card']), 'it is on one disk').toMatchObject({ exitCode: 2, safe: 0 });
  const found = await scene.json<VerifyJson>(['verify', '--all']);
  expect(found).toMatchObject({ exitCode: 2, ok: 9 });
  expect(found.findings.filter(({ drive }) => drive === id)).toHaveLength(9);
  expect(found.unknown).toBe(0);
  expect(await safePhotos(scene)).toBe(0);
  expect(await scene.json(['verify', '--repair'])).toMatchObject({ exitCode: 2 });
  expect(await scene.json(['mirror'])).toMatchObject({ exitCode: 2, copies: [{ complete: false }] });
  expect(snapshot(scene.library)).toEqual(whole);
  flipBit(join(scene.library, photo));
  const damaged = snapshot(scene.library);
  // The link gives the same bad bytes: there is no good copy, and nothing of the library is set aside.
  expect(await scene.json(['verify', '--all', '--repair'])).toMatchObject({ exitCode: 2, repaired: 0 });
  expect(snapshot(scene.library)).toEqual(damaged);
});

test('A copy that becomes a link to the library, or to another place, is not used', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 3 });
  await using volume = await createVolume('ext4', 32);
  const { root } = await scene.addDrive(volume);
  await scene.json(['mirror']);
  const before = snapshot(scene.library);
  rmSync(root, { recursive: true });
  symlinkSync(scene.library, root);
  const mirror = await scene.json<Asked>(['mirror']);
  expect(mirror.exitCode).not.toBe(0);
  expect(await scene.json(['safe-to-delete', 'card'])).toMatchObject({ exitCode: 2, safe: 0 });
  expect(snapshot(scene.library)).toEqual(before);
  expect(existsSync(join(scene.library, '.keepsake/copy.json'))).toBe(false);
});

test('A disk with the mark of a drive that names no filesystem is not that drive, where the disk itself has a name', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 3 });
  await using volume = await createVolume('ext4', 32);
  await using other = await createVolume('ext4', 32);
  const { root } = await scene.addDrive(volume);
  const { filesystemUuid, ...unnamed } = JSON.parse(readFileSync(join(root, '.keepsake/copy.json'), 'utf8')) as {
    readonly filesystemUuid?: string;
  };
  expect(filesystemUuid).toMatch(/\w/);
  const there = join(other.path, 'Keepsake/library');
  mkdirSync(join(there, '.keepsake'), { recursive: true });
  writeFileSync(join(there, '.keepsake/copy.json'), JSON.stringify(unnamed));
  volume.pull();
  const answer = await scene.json<Asked>(['mirror']);
  expect(answer).toMatchObject({ exitCode: 3, error: { code: 'DRIVE_IMPOSTOR' } });
  expect(await contents(there), 'it got nothing').toEqual([]);
  expect(await safePhotos(scene)).toBe(0);
  await volume.mount();
  expect(await scene.json(['mirror'])).toMatchObject({ exitCode: 0, copies: [{ copied: 3, complete: true }] });
});

test('A folder whose name a drive refuses is named, and all the rest is copied', async (context) => {
  needVolumes(context, 'exfat');
  using scene = await copyScene({ photos: 9 });
  const refused = ['Summer 12:30/list.txt', 'What?/list.txt'];
  for (const path of refused) {
    mkdirSync(join(scene.library, path, '..'), { recursive: true });
    writeFileSync(join(scene.library, path), 'x');
  }
  writeFileSync(join(scene.library, day, 'Who?.txt'), 'x');
  await using volume = await createVolume('exfat', 32);
  const { root } = await scene.addDrive(volume);
  for (const copied of [9, 0]) {
    const mirror = await scene.json<MirrorJson>(['mirror']);
    expect(mirror).toMatchObject({ exitCode: 2, copies: [{ copied, failed: 3, complete: false }] });
    expect(mirror.copies[0]?.stopped).toBe(undefined);
    expect(mirror.copies[0]?.failures.map(({ path, code }) => `${path} ${code}`).sort()).toEqual(
      [`${day}/Who?.txt`, ...refused].map((path) => `${path} NAME_UNSUITABLE`).sort(),
    );
  }
  expect(await contents(root)).toEqual((await contents(scene.library)).filter((line) => line.endsWith('.JPG')));
  expect(await safePhotos(scene)).toBe(9);
});

/** A root that has given up the right to look into everything: it owns a folder and is locked out all the same. */
async function unprivileged<Result>(
  scene: CopyScene,
  ...args: readonly string[]
): Promise<Result & { exitCode: number }> {
  const command = [process.execPath, join(projectRoot, 'bin/keepsake.js'), ...args, '--json'];
  const child = spawn('setpriv', ['--bounding-set=-dac_override,-dac_read_search', '--inh-caps=-all', ...command], {
    env: { ...process.env, XDG_RUNTIME_DIR: '', HOME: scene.home, KEEPSAKE_HOME: scene.home },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const { exitCode, stdout, stderr } = await finished(child);
  if (stdout === '') throw new Error(stderr);
  return { ...JSON.parse(stdout), exitCode };
}

test('A folder of the drive that cannot be read keeps only what belongs there from being copied, and a check names it', async (context) => {
  needVolumes(context, 'ext4');
  needPrograms(context, 'setpriv');
  using scene = await copyScene({ photos: 60 });
  await using volume = await createVolume('ext4', 32);
  const { id, root } = await scene.addDrive(volume);
  // The newest: all others come after it.
  const newest = join(root, '2020/2020-01-20');
  mkdirSync(newest, { recursive: true });
  chmodSync(newest, 0o000);
  const mirror = await unprivileged<MirrorJson>(scene, 'mirror');
  expect(mirror).toMatchObject({ exitCode: 2, copies: [{ copied: 57, failed: 3, complete: false }] });
  expect(mirror.copies[0]?.failures.map(({ code }) => code)).toEqual(Array(3).fill('DRIVE_READ_FAILED'));
  chmodSync(newest, 0o755);
  expect(await scene.json(['mirror'])).toMatchObject({ exitCode: 0, copies: [{ copied: 3, complete: true }] });
  chmodSync(newest, 0o000);
  const found = await unprivileged<VerifyJson>(scene, 'verify', '--all');
  expect(found).toMatchObject({ exitCode: 2, checked: 120, ok: 117, unreadable: 3 });
  expect(found.findings.map(({ drive }) => drive)).toEqual([id, id, id]);
  chmodSync(newest, 0o755);
  expect(await scene.json(['verify', '--all'])).toMatchObject({ exitCode: 0, findings: [] });
});

test('A file of another program that the library does not give is named for itself, and all the rest is copied', async (context) => {
  needVolumes(context, 'ext4');
  needPrograms(context, 'setpriv');
  using scene = await copyScene({ photos: 9 });
  await using volume = await createVolume('ext4', 32);
  const { root } = await scene.addDrive(volume);
  const [own, other] = [join(scene.library, '2020/2020-01-03/notes.txt'), join(root, '2020/2020-01-03/notes.txt')];
  mkdirSync(join(root, '2020/2020-01-03'), { recursive: true });
  writeFileSync(own, 'the same');
  writeFileSync(other, 'the same');
  chmodSync(own, 0o000);
  const mirror = await unprivileged<MirrorJson>(scene, 'mirror');
  expect(mirror).toMatchObject({
    exitCode: 2,
    copies: [{ copied: 9, failed: 1, failures: [{ code: 'FILE_CORRUPT' }] }],
  });
  chmodSync(own, 0o644);
  expect(await scene.json(['mirror'])).toMatchObject({ exitCode: 0, copies: [{ adopted: 1, complete: true }] });
});

test('A folder of the library that cannot be read is named file by file, and all the rest is copied', async (context) => {
  needVolumes(context, 'ext4');
  needPrograms(context, 'setpriv');
  using scene = await copyScene({ photos: 60 });
  await using volume = await createVolume('ext4', 32);
  const { root } = await scene.addDrive(volume);
  chmodSync(join(scene.library, day), 0o000);
  try {
    const mirror = await unprivileged<MirrorJson>(scene, 'mirror');
    expect(mirror).toMatchObject({ exitCode: 2, copies: [{ copied: 57, failed: 3, complete: false }] });
    expect(mirror.copies[0]?.failures.map(({ path }) => path).sort()).toEqual(
      [0, 1, 2].map((index) => `${day}/IMG_000${index}.JPG`),
    );
    const found = await scene.json<{ problems: number } & StatusJson>(['status']);
    expect(found.photos.safe).toBe(57);
  } finally {
    chmodSync(join(scene.library, day), 0o755);
  }
  expect(await scene.json(['mirror'])).toMatchObject({
    exitCode: 0,
    copies: [{ copied: 3, failed: 0, complete: true }],
  });
  expect(await contents(root)).toEqual(await contents(scene.library));
  expect(await scene.json(['verify', '--all'])).toMatchObject({ exitCode: 0, findings: [] });
});

test.for(['drive', 'library'] as const)(
  'A folder in the place of a photo, on the %s, is reported by a check, which goes on with the others',
  async (place, context) => {
    needVolumes(context, 'ext4');
    using scene = await copyScene({ photos: 30 });
    await using volume = await createVolume('ext4', 32);
    const { id, root } = await scene.addDrive(volume);
    await scene.json(['mirror']);
    const there = join(place === 'drive' ? root : scene.library, photo);
    rmSync(there);
    mkdirSync(there);
    writeFileSync(join(there, 'inside.txt'), 'the owner’s');
    flipBit(join(root, '2020/2020-01-05/IMG_0012.JPG'));
    const found = await scene.json<VerifyJson>(['verify', '--all']);
    expect(found).toMatchObject({ exitCode: 2, checked: 60, ok: 58, corrupt: 1 });
    const finding = found.findings.find(({ path }) => path === photo);
    expect(finding?.drive).toBe(place === 'drive' ? id : 'library');
    expect(finding?.kind, 'not right, by whichever word').toMatch(/^(unreadable|missing)$/);
    const repaired = await scene.json<VerifyJson>(['verify', '--repair']);
    expect(repaired.repaired, 'the other one is put right in any case').toBeGreaterThanOrEqual(1);
    expect(existsSync(join(root, '2020/2020-01-05/IMG_0012.JPG'))).toBe(true);
    const kept = readdirSync(place === 'drive' ? root : scene.library, { recursive: true }).map(String);
    expect(kept.some((path) => path.endsWith('IMG_0000.JPG/inside.txt'))).toBe(true);
    const lastly = await scene.json<VerifyJson>(['verify', '--all', '--repair']);
    expect([0, 2], 'no crash').toContain(lastly.exitCode);
    if (repaired.exitCode === 0)
      expect(readFileSync(there).equals(readFileSync(join(scene.library, photo)))).toBe(true);
  },
);

test('A file on the drive where the library has a folder is in the way of that folder only', async (context) => {
  needVolumes(context, 'ext4', 'exfat');
  for (const filesystem of ['ext4', 'exfat'] as const) {
    using scene = await copyScene({ photos: 15 });
    await using volume = await createVolume(filesystem, 32);
    const { root } = await scene.addDrive(volume);
    mkdirSync(join(root, '2020'));
    writeFileSync(join(root, '2020/2020-01-03'), 'a file of its owner');
    const mirror = await scene.json<MirrorJson>(['mirror']);
    expect(mirror).toMatchObject({ exitCode: 2, copies: [{ copied: 12, failed: 3, complete: false }] });
    expect(mirror.copies[0]?.stopped).toBe(undefined);
    expect(mirror.copies[0]?.failures.map(({ path, code }) => `${path} ${code}`).sort()).toEqual(
      [6, 7, 8].map((index) => `2020/2020-01-03/IMG_000${index}.JPG FILE_IN_THE_WAY`),
    );
    expect(readFileSync(join(root, '2020/2020-01-03'), 'utf8')).toBe('a file of its owner');
    expect(await safePhotos(scene)).toBe(12);
    rmSync(join(root, '2020/2020-01-03'));
    expect(await scene.json(['mirror'])).toMatchObject({ exitCode: 0, copies: [{ copied: 3, complete: true }] });
  }
});
