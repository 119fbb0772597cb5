// Without these, a copy that has gone bad could pass for good, a good one be named bad, or a repair spread the damage.

import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { contents, copyScene, flipBit, type MirrorJson, type VerifyJson } from '../support/copies.ts';
import { walk } from '../support/keepsake.ts';
import { createVolume, needVolumes } from '../support/loop-volume.ts';
import { makeJpeg } from '../support/media/jpeg.ts';
import { seededRandom } from '../support/seeded-random.ts';

function inOrder(findings: VerifyJson['findings']): readonly string[] {
  return findings.map(({ drive, path, kind }) => `${drive} ${path} ${kind}`).sort();
}

test('50 flipped bits, 20 deletions and 10 truncations on either side are found exactly, and repaired bit for bit', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 200, sizeBytes: 6000 });
  await using volume = await createVolume('ext4', 100);
  const drive = await scene.addDrive(volume);
  await scene.json<MirrorJson>(['mirror']);
  await scene.run(['pause']);
  const saved = await walk(scene.library);
  const paths = saved.map(({ path }) => path);
  const random = seededRandom(6);
  const left = paths.map((path) => ({ path, order: random() })).sort((one, other) => one.order - other.order);
  const take = (count: number) => left.splice(0, count).map(({ path }) => path);
  const expected: { drive: string; path: string; kind: string }[] = [];
  const bad: { readonly file: string; readonly quarantine: string; readonly bytes: Buffer }[] = [];
  for (const [place, root] of [
    ['library', scene.library],
    [drive.id, drive.root],
  ] as const) {
    const damage = (count: number, kind: string, act: (file: string) => void) => {
      for (const path of take(count)) {
        act(join(root, path));
        expected.push({ drive: place, path, kind });
        if (kind !== 'missing')
          bad.push({
            file: path,
            quarantine: join(root, '.keepsake/quarantine'),
            bytes: readFileSync(join(root, path)),
          });
      }
    };
    damage(50, 'corrupt', flipBit);
    damage(20, 'missing', (file) => rmSync(file));
    damage(10, 'corrupt', (file) => truncateSync(file, 3000));
  }
  await volume.remount();
  const found = await scene.json<VerifyJson>(['verify', '--all']);
  expect(found).toMatchObject({
    exitCode: 2,
    checked: 400,
    ok: 240,
    missing: 40,
    corrupt: 120,
    unknown: 0,
    repaired: 0,
  });
  expect(inOrder(found.findings)).toEqual(inOrder(expected));
  const wouldRepair = await scene.json<VerifyJson>(['verify', '--repair', '--dry-run']);
  expect(wouldRepair).toMatchObject({ exitCode: 2, repaired: 160, unrepairable: 0 });
  const repaired = await scene.json<VerifyJson>(['verify', '--repair']);
  expect(repaired).toMatchObject({ exitCode: 0, repaired: 160, unrepairable: 0 });
  expect(await walk(scene.library), 'the library is as it was, with its times').toEqual(saved);
  expect(await contents(drive.root)).toEqual(await contents(scene.library));
  for (const { file, quarantine, bytes } of bad) {
    const [run = ''] = readdirSync(quarantine);
    expect(readFileSync(join(quarantine, run, file)).equals(bytes), `${file} is set aside as it was found`).toBe(true);
  }
  expect(await scene.json<VerifyJson>(['verify', '--all'])).toMatchObject({ exitCode: 0, ok: 400, findings: [] });
});

test('With both copies damaged nothing is repaired, and exactly those photos are named', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 9 });
  await using volume = await createVolume('ext4', 50);
  const { root } = await scene.addDrive(volume);
  await scene.json(['mirror']);
  const [both, one] = ['2020/2020-01-01/IMG_0001.JPG', '2020/2020-01-02/IMG_0004.JPG'];
  for (const path of [join(scene.library, both), join(root, both), join(scene.library, one)]) flipBit(path);
  const before = [scene.library, root].map((place) => readFileSync(join(place, both)));
  const repaired = await scene.json<VerifyJson>(['verify', '--all', '--repair']);
  expect(repaired).toMatchObject({ exitCode: 2, repaired: 1, unrepairable: 2 });
  expect(repaired.withoutGoodCopy.map(({ path }) => path)).toEqual([both, both]);
  expect(
    [scene.library, root].map((place) => readFileSync(join(place, both))),
    'left as they are',
  ).toEqual(before);
  const { stdout } = await scene.run(['verify', '--repair']);
  expect(stdout).toContain('no good copy could be reached');
  expect(stdout).toContain(both);
});

test('A picture that another program changed keeps both versions: the one that was saved and the changed one beside it', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 3 });
  await using volume = await createVolume('ext4', 50);
  const { root } = await scene.addDrive(volume);
  await scene.json(['mirror']);
  const path = '2020/2020-01-01/IMG_0001.JPG';
  const original = readFileSync(join(scene.library, path));
  const edited = makeJpeg({ seed: 'edited', dateTimeOriginal: '2020-01-01T12:00:00' });
  writeFileSync(join(scene.library, path), edited);
  const found = await scene.json<VerifyJson>(['verify', '--all']);
  expect(found.findings).toEqual([{ drive: 'library', path, kind: 'changed' }]);
  await scene.json(['mirror']);
  expect(readFileSync(join(root, path)).equals(original), 'the copy of the original stays').toBe(true);
  expect(await scene.json<VerifyJson>(['verify', '--repair'])).toMatchObject({ exitCode: 0, repaired: 1 });
  expect(readFileSync(join(scene.library, path)).equals(original)).toBe(true);
  expect(readFileSync(join(scene.library, path.replace('.JPG', ' (changed).JPG'))).equals(edited)).toBe(true);
  await scene.json(['mirror']);
  expect(await contents(root), 'and the changed one is copied too').toEqual(await contents(scene.library));
});

test('Files on a drive that nobody knows are named and left alone', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 3 });
  await using volume = await createVolume('ext4', 50);
  const { id, root } = await scene.addDrive(volume);
  await scene.json(['mirror']);
  mkdirSync(join(root, 'holiday'));
  writeFileSync(join(root, 'holiday/letter.txt'), 'mine');
  const found = await scene.json<VerifyJson>(['verify', '--all', '--repair']);
  expect(found).toMatchObject({ exitCode: 0, unknown: 1, repaired: 0, unrepairable: 0 });
  expect(found.findings).toEqual([{ drive: id, path: 'holiday/letter.txt', kind: 'unknown' }]);
  expect(readFileSync(join(root, 'holiday/letter.txt'), 'utf8')).toBe('mine');
});

test('Blocks that cannot be read are found, and the file is put right from the other copy', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 3, sizeBytes: 3_000_000 });
  await using volume = await createVolume('ext4', 50);
  const { id, root } = await scene.addDrive(volume);
  await scene.json(['mirror']);
  const path = '2020/2020-01-01/IMG_0002.JPG';
  // Where on the disk its last blocks are: everything from there on is gone.
  const extents = execFileSync('filefrag', ['-v', join(root, path)], { encoding: 'utf8' });
  const last = /^\s*\d+:\s+\d+\.\.\s*\d+:\s+(\d+)\.\.\s*(\d+)/m.exec(extents);
  await volume.remount();
  volume.loseBytesFrom((Number(last?.[2] ?? 0) - 10) * Number(/blocks? of (\d+) bytes/.exec(extents)?.[1] ?? 4096));
  const found = await scene.json<VerifyJson>(['verify', '--all']);
  expect(found.findings.filter((finding) => finding.path === path)).toEqual([{ drive: id, path, kind: 'unreadable' }]);
  await volume.heal();
  const repaired = await scene.json<VerifyJson>(['verify', '--all', '--repair']);
  expect(repaired.exitCode).toBe(0);
  expect(await contents(root)).toEqual(await contents(scene.library));
});

test('A clock that was set back a year does not keep anything from being checked', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 6 });
  const nowMs = Date.now();
  const at = (offsetMs: number) => ({
    seams: {
      clock: {
        nowMs: () => nowMs + offsetMs,
        monotonicMs: () => performance.now(),
        wait: async (durationMs: number) => await new Promise<void>((done) => setTimeout(done, durationMs)),
      },
    },
  });
  expect(await scene.json<VerifyJson>(['verify', '--all'], at(0))).toMatchObject({ checked: 6 });
  expect(await scene.json<VerifyJson>(['verify'], at(0)), 'nothing is due').toMatchObject({ checked: 0 });
  flipBit(join(scene.library, '2020/2020-01-01/IMG_0000.JPG'));
  const backThen = await scene.json<VerifyJson>(['verify', '--all'], at(-365 * 86_400_000));
  expect(backThen).toMatchObject({ checked: 6, corrupt: 1 });
  expect(await scene.json<VerifyJson>(['verify'], at(181 * 86_400_000))).toMatchObject({ checked: 6 });
});

test('A touched file is the same file: its time alone says nothing', async () => {
  using scene = await copyScene({ photos: 3 });
  const path = join(scene.library, '2020/2020-01-01/IMG_0000.JPG');
  utimesSync(path, 1.8e9, 1.8e9);
  expect(statSync(path).mtimeMs).toBe(1.8e12);
  expect(await scene.json<VerifyJson>(['verify', '--all'])).toMatchObject({ exitCode: 0, ok: 3, findings: [] });
});
