import { readFileSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compileFaultShim } from '../support/fault-shim.ts';
import { incomingNames, walk } from '../support/keepsake.ts';
import { createVolume, type Filesystem, volumePrograms } from '../support/loop-volume.ts';
import { writeCameraFolder, writeLivePairs } from '../support/media/camera-folder.ts';
import { needPrograms, needRoot } from '../support/requirements.ts';
import {
  atStep,
  backup,
  backupAsProcess,
  backupKilledAt,
  brokenPairs,
  expectAllSaved,
  expectOnlyWhole,
  makeScene,
  megabyte,
  writePair,
  writePhoto,
} from './scene.ts';

/** How far a filesystem's modification times may lie from the true ones, and the first it can hold at all. */
const clocks: Readonly<Record<'exfat' | 'vfat' | 'ntfs', { stepMs: number; fromMs: number }>> = {
  exfat: { stepMs: 1000, fromMs: Date.UTC(1980, 0, 2) },
  vfat: { stepMs: 2000, fromMs: Number.POSITIVE_INFINITY }, // the driver used here keeps no times at all (measured)
  ntfs: { stepMs: 1, fromMs: Number.NEGATIVE_INFINITY },
};
const megabytes = { exfat: 64, vfat: 128, ntfs: 64 } as const;

// Without this, a library on an ordinary USB drive could lack the photos whose names or times its filesystem does not like.
for (const filesystem of ['exfat', 'vfat', 'ntfs'] as const satisfies readonly Filesystem[]) {
  test(`a whole camera folder is saved to ${filesystem}, and is known the second time`, async (context) => {
    needRoot(context);
    needPrograms(context, ...volumePrograms[filesystem]);
    await using disk = await createVolume(filesystem, megabytes[filesystem]);
    using scene = makeScene({ library: join(disk.path, 'Photos') });
    // The FAT driver here refuses some names that FAT can hold, so its source has plain names and the odd ones below. What
    // one refused name does to an import is this file's last test.
    const write = filesystem === 'vfat' ? writeLivePairs : writeCameraFolder;
    const truth = await write(scene.source, { seed: filesystem });
    const odd = ['what?.JPG', 'a:b|c.JPG', 'tail .JPG', 'CON.JPG', 'quote".JPG', 'two\nlines.JPG', 'star*.JPG'];
    for (const name of odd) writePhoto(join(scene.source, 'odd', name));
    writePhoto(join(scene.source, 'odd/IMG_1.JPG'));
    writePhoto(join(scene.source, 'odd/img_1.jpg'));
    const others = await walk(join(scene.source, 'odd'));
    const all = [...truth, ...others];
    const media = [...truth.filter(({ expected }) => expected.kind !== 'notMedia'), ...others];

    const first = await backup(scene);
    expect(first).toMatchObject({ exitCode: 0, report: { found: all.length, failed: 0, deferred: 0, complete: true } });
    const found = await expectAllSaved(scene.library, media);
    const { stepMs, fromMs } = clocks[filesystem];
    const wrongTimes = found.filter(({ sha256, modifiedAtMs }) => {
      const times = all.filter((file) => file.sha256 === sha256).map((file) => file.modifiedAtMs);
      return times.every((time) => time >= fromMs && Math.abs(time - modifiedAtMs) > stepMs);
    });
    expect(wrongTimes, 'files whose time was not kept').toEqual([]);
    const livePairs = truth.filter(({ livePairWith, path }) => livePairWith !== undefined && !path.endsWith('.MOV'));
    const stemOf = (sha256: string | undefined) =>
      found.find((file) => file.sha256 === sha256)?.path.replace(/\.[^.]+$/, '');
    for (const still of livePairs) {
      const movie = truth.find(({ path }) => path === still.livePairWith);
      expect(stemOf(still.sha256), still.path).toBe(stemOf(movie?.sha256));
    }

    const second = await backup(scene);
    expect(second).toMatchObject({ exitCode: 0, report: { imported: 0, duplicates: 0, failed: 0, complete: true } });
    await expectAllSaved(scene.library, media);
  });
}

// Without this, one film that a FAT32 drive cannot hold could stop the import of everything else, or be lost without a word.
test('a film too large for the filesystem of the library is refused by name and the rest is saved', async (context) => {
  needPrograms(context, 'cc');
  using shim = compileFaultShim();
  using scene = makeScene();
  for (const name of ['A.JPG', 'LONG.JPG', 'Z.JPG']) {
    writePhoto(join(scene.source, name), name === 'LONG.JPG' ? 3 * megabyte : 1000);
  }
  const truth = await walk(scene.source);
  const environment = shim.environment({ sizeLimit: { path: '.part', bytes: 2 * megabyte } });
  const first = await backupAsProcess(scene, { environment });
  expect(first).toMatchObject({ exitCode: 2, report: { imported: 2, failed: 1 } });
  expect(first.report?.failures).toMatchObject([{ path: 'LONG.JPG', code: 'FILE_TOO_LARGE' }]);
  await expectAllSaved(
    scene.library,
    truth.filter(({ path }) => path !== 'LONG.JPG'),
  );
  expect(await backup(scene)).toMatchObject({ exitCode: 0, report: { imported: 1, known: 2 } });
  await expectAllSaved(scene.library, truth);
});

// Without this, a drive without hard links could keep an empty file in place of a photo after a crash, or lose the photo.
for (const filesystem of ['exfat', 'vfat'] as const) {
  for (const [step, nth] of [
    ['publish', 1],
    ['publish', 3],
    ['flush-folder', 1],
    ['manifest', 1],
    ['record', 1],
    ['unstage', 1],
  ] as const) {
    test(`on ${filesystem}, a run killed before the step ${step} (${nth}) is finished by the next one`, async (context) => {
      needRoot(context);
      needPrograms(context, ...volumePrograms[filesystem]);
      await using disk = await createVolume(filesystem, 64);
      using scene = makeScene({ library: join(disk.path, 'Photos') });
      writePhoto(join(scene.source, 'IMG_1.JPG'));
      writePair(join(scene.source, 'PAIR'));
      const truth = await walk(scene.source);
      await backupKilledAt(scene, step, nth);
      await expectOnlyWhole(scene.library, truth, { placeholders: step === 'publish' });
      expect(await backup(scene)).toMatchObject({ exitCode: 0, report: { found: 3, complete: true } });
      expect(brokenPairs(await expectAllSaved(scene.library, truth), truth)).toEqual([]);
      expect(await manifestProblems(scene.library)).toEqual([]);
    });
  }

  // Without this, the moment between placeholder and rename would be the one place where a crash leaves an empty photo.
  test(`on ${filesystem}, an empty placeholder that a crash left is given its photo`, async (context) => {
    needRoot(context);
    needPrograms(context, ...volumePrograms[filesystem]);
    await using disk = await createVolume(filesystem, 64);
    using scene = makeScene({ library: join(disk.path, 'Photos') });
    writePhoto(join(scene.source, 'IMG_1.JPG'));
    writePhoto(join(scene.source, 'IMG_2.JPG'));
    const truth = await walk(scene.source);
    await backupKilledAt(scene, 'publish', 2);
    // What the product would have made a moment later: killed between creating the name and renaming over it.
    writeFileSync(join(scene.library, '2024/2024-07-14/IMG_2.JPG'), '', { flag: 'wx' });
    expect(await backup(scene)).toMatchObject({ exitCode: 0, report: { complete: true } });
    const found = await expectAllSaved(scene.library, truth);
    expect(found.map(({ path }) => path)).toEqual(['2024/2024-07-14/IMG_1.JPG', '2024/2024-07-14/IMG_2.JPG']);
  });

  // Without this, an empty file that another program made could be taken for a placeholder and replaced.
  test(`on ${filesystem}, an empty file of another program keeps its name`, async (context) => {
    needRoot(context);
    needPrograms(context, ...volumePrograms[filesystem]);
    await using disk = await createVolume(filesystem, 64);
    using scene = makeScene({ library: join(disk.path, 'Photos') });
    writePhoto(join(scene.source, 'IMG_0.JPG'));
    expect(await backup(scene)).toMatchObject({ exitCode: 0 });
    writePhoto(join(scene.source, 'IMG_1.JPG'));
    writePhoto(join(scene.source, 'IMG_2.JPG'));
    const folder = join(scene.library, '2024/2024-07-14');
    writeFileSync(join(folder, 'IMG_1.JPG'), '');
    const seams = atStep('publish', 2, () => writeFileSync(join(folder, 'IMG_2.JPG'), '', { flag: 'wx' }));
    expect(await backup(scene, { seams })).toMatchObject({ exitCode: 0, report: { imported: 2, known: 1 } });
    const found = await walk(scene.library);
    expect(found.map(({ path, sizeBytes }) => `${path.slice(16)} ${sizeBytes === 0 ? 'empty' : 'photo'}`)).toEqual([
      'IMG_0.JPG photo',
      'IMG_1.JPG empty',
      'IMG_1~2.JPG photo',
      'IMG_2.JPG empty',
      'IMG_2~2.JPG photo',
    ]);
    expect(await incomingNames(scene.library)).toEqual([]);
  });
}

// Without this, one name that a drive's filesystem cannot hold would hold up every other photo, in this run and all later ones.
test('a photo whose name the disk cannot hold is filed under a plainer one, and does not hold up the others', async (context) => {
  needRoot(context);
  needPrograms(context, ...volumePrograms.vfat);
  await using disk = await createVolume('vfat', 64);
  using scene = makeScene({ library: join(disk.path, 'Photos') });
  for (const name of ['A.JPG', 'beach 🏖️ day.JPG', 'Z.JPG']) writePhoto(join(scene.source, name));
  expect(await backup(scene)).toMatchObject({ exitCode: 0, report: { imported: 3 } });
  expect((await walk(scene.library)).map(({ path }) => path)).toEqual([
    '2024/2024-07-14/A.JPG',
    '2024/2024-07-14/Z.JPG',
    expect.stringMatching(/^2024\/2024-07-14\/beach %F0%9F%8F%96.* day\.JPG$/),
  ]);
  expect(await backup(scene)).toMatchObject({ exitCode: 0, report: { imported: 0, known: 3 } });
});

/** Files of the library that no manifest names, or that a manifest names twice or wrongly. */
async function manifestProblems(library: string): Promise<readonly string[]> {
  const folder = join(library, '.keepsake/imports');
  const listed: string[] = [];
  for (const name of (await readdir(folder)).filter((each) => each.endsWith('.sha256'))) {
    listed.push(
      ...readFileSync(join(folder, name), 'utf8')
        .split('\n')
        .filter((line) => line !== ''),
    );
  }
  const actual = (await walk(library)).map(({ sha256, path }) => `${sha256}  ${path}`);
  return [
    ...listed.filter((line) => !actual.includes(line)).map((line) => `not there: ${line}`),
    ...actual.filter((line) => listed.filter((each) => each === line).length !== 1).map((line) => `not once: ${line}`),
  ];
}
