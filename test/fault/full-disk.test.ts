import { readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { incomingNames, walk } from '../support/keepsake.ts';
import { createVolume, volumePrograms } from '../support/loop-volume.ts';
import { needPrograms, needRoot } from '../support/requirements.ts';
import {
  atStep,
  backup,
  backupAsProcess,
  brokenPairs,
  expectAllSaved,
  expectOnlyWhole,
  fillUp,
  makeScene,
  megabyte,
  writePair,
  writePhoto,
} from './scene.ts';

const reserves = ['default', 'none'] as const;

for (const reserve of reserves) {
  const keeping = reserve === 'default' ? 'with the usual room kept free' : 'with no room kept free';

  // Without this, a photo cut off by a full disk could lie in the library as if it were whole, or the rest be given up.
  test(`a disk that another program fills in the middle of a file stops the import, and room lets it finish, ${keeping}`, async (context) => {
    needRoot(context);
    needPrograms(context, ...volumePrograms.ext4);
    await using disk = await createVolume('ext4', 40);
    using scene = makeScene({ library: join(disk.path, 'Photos'), ...(reserve === 'default' ? { reserve } : {}) });
    for (let index = 1; index <= 10; index += 1) writePhoto(join(scene.source, `IMG_${index}.JPG`), 2 * megabyte);
    const truth = await walk(scene.source);
    const ballast = join(disk.path, 'ballast');

    const full = await backup(scene, { seams: atStep('stage', 4, () => fillUp(ballast, 1.2 * megabyte)) });
    expect(full).toMatchObject({ exitCode: 4, code: 'LIBRARY_FULL' });
    await expectOnlyWhole(scene.library, truth);
    expect(await incomingNames(scene.library)).toEqual([]);

    rmSync(ballast);
    expect(await backup(scene)).toMatchObject({ exitCode: 0, report: { found: 10, failed: 0, complete: true } });
    await expectAllSaved(scene.library, truth);
  });

  // Without this, a source larger than the disk could leave a cut photo, or report more saved than is there.
  test(`a source that does not fit is saved as far as it does, and the rest on a larger disk, ${keeping}`, async (context) => {
    needRoot(context);
    needPrograms(context, ...volumePrograms.ext4, 'resize2fs');
    await using disk = await createVolume('ext4', 40);
    using scene = makeScene({ library: join(disk.path, 'Photos'), ...(reserve === 'default' ? { reserve } : {}) });
    for (let index = 1; index <= 12; index += 1) writePhoto(join(scene.source, `IMG_${index}.JPG`), 4 * megabyte);
    const truth = await walk(scene.source);

    const full = await backupAsProcess(scene);
    expect(full).toMatchObject({ exitCode: 4, code: 'LIBRARY_FULL' });
    const saved = await expectOnlyWhole(scene.library, truth);
    expect(saved.length, 'what fits is saved').toBe(full.report?.imported);
    expect(saved.length).toBeGreaterThan(0);
    expect(await incomingNames(scene.library)).toEqual([]);

    await disk.grow(80);
    expect(await backupAsProcess(scene)).toMatchObject({ exitCode: 0, report: { complete: true } });
    await expectAllSaved(scene.library, truth);
  });

  // Without this, a Live Photo could be torn apart for good by a disk that has room for its still only.
  test(`a pair of which only the still fits is not saved by half, and is whole once there is room, ${keeping}`, async (context) => {
    needRoot(context);
    needPrograms(context, ...volumePrograms.ext4);
    await using disk = await createVolume('ext4', 40);
    using scene = makeScene({ library: join(disk.path, 'Photos'), ...(reserve === 'default' ? { reserve } : {}) });
    writePhoto(join(scene.source, 'A.JPG'), megabyte);
    writePair(join(scene.source, 'B'), { still: megabyte, movie: 8 * megabyte });
    const truth = await walk(scene.source);
    const ballast = join(disk.path, 'ballast');
    fillUp(ballast, 6 * megabyte);

    const full = await backup(scene);
    expect(full).toMatchObject({ exitCode: 4, code: 'LIBRARY_FULL', report: { imported: 1 } });
    expect(brokenPairs(await expectOnlyWhole(scene.library, truth), truth)).toEqual([]);
    expect(await incomingNames(scene.library)).toEqual([]);

    rmSync(ballast);
    expect(await backup(scene)).toMatchObject({ exitCode: 0, report: { complete: true } });
    expect(brokenPairs(await expectAllSaved(scene.library, truth), truth)).toEqual([]);
  });

  // Without this, the same with the disk filling up during the movie itself, after it was found to fit.
  test(`a disk that fills up while a pair's movie is written leaves no half of it, ${keeping}`, async (context) => {
    needRoot(context);
    needPrograms(context, ...volumePrograms.ext4);
    await using disk = await createVolume('ext4', 40);
    using scene = makeScene({ library: join(disk.path, 'Photos'), ...(reserve === 'default' ? { reserve } : {}) });
    writePair(join(scene.source, 'B'), { still: megabyte, movie: 8 * megabyte });
    const truth = await walk(scene.source);
    const ballast = join(disk.path, 'ballast');

    const full = await backup(scene, { seams: atStep('stage', 2, () => fillUp(ballast, 3 * megabyte)) });
    expect(full).toMatchObject({ exitCode: 4, code: 'LIBRARY_FULL', report: { imported: 0 } });
    await expectOnlyWhole(scene.library, []);
    expect(await incomingNames(scene.library)).toEqual([]);

    rmSync(ballast);
    expect(await backup(scene)).toMatchObject({ exitCode: 0, report: { imported: 2, complete: true } });
    expect(brokenPairs(await expectAllSaved(scene.library, truth), truth)).toEqual([]);
  });
}

// Without this, a disk that is full when names, manifest or snapshot are due could end in a crash report, in a wrong
// advice, or in a library that contradicts its catalogue.
for (const step of ['journal', 'publish', 'flush-folder', 'manifest', 'record', 'unstage'] as const) {
  test(`a disk that is full to the last byte when the step ${step} begins loses nothing`, async (context) => {
    needRoot(context);
    needPrograms(context, ...volumePrograms.ext4);
    await using disk = await createVolume('ext4', 24);
    using scene = makeScene({ library: join(disk.path, 'Photos') });
    writePair(join(scene.source, 'A'));
    for (let index = 1; index <= 40; index += 1) writePhoto(join(scene.source, `IMG_${index}.JPG`));
    const truth = await walk(scene.source);
    const ballast = join(disk.path, 'ballast');

    const full = await backup(scene, { seams: atStep(step, 1, () => fillUp(ballast)) });
    expect(full).toMatchObject({ exitCode: 4, code: 'LIBRARY_FULL' });
    await expectOnlyWhole(scene.library, truth);
    const again = await backup(scene);
    expect(again).toMatchObject({ exitCode: 4, code: 'LIBRARY_FULL' });
    await expectOnlyWhole(scene.library, truth);

    rmSync(ballast);
    expect(await backup(scene)).toMatchObject({ exitCode: 0, report: { found: 42, failed: 0, complete: true } });
    expect(brokenPairs(await expectAllSaved(scene.library, truth), truth)).toEqual([]);
  });
}

// Without this, a library disk that is too full for the catalogue's snapshot would be blamed on the home folder, and half a
// snapshot would stay.
test('a disk without room for the snapshot of the catalogue says that the library is full and keeps every photo', async (context) => {
  needRoot(context);
  needPrograms(context, ...volumePrograms.ext4);
  await using disk = await createVolume('ext4', 24);
  using scene = makeScene({ library: join(disk.path, 'Photos') });
  for (let index = 1; index <= 40; index += 1) writePhoto(join(scene.source, `IMG_${index}.JPG`));
  const truth = await walk(scene.source);
  const ballast = join(disk.path, 'ballast');

  const full = await backup(scene, { seams: atStep('unstage', 1, () => fillUp(ballast, 24 * 1024)) });
  expect(full).toMatchObject({ exitCode: 4, code: 'LIBRARY_FULL' });
  await expectAllSaved(scene.library, truth);
  expect(readdirSync(join(scene.library, '.keepsake/catalog-backup'))).toEqual([]);

  rmSync(ballast);
  expect(await backup(scene)).toMatchObject({ exitCode: 0, report: { known: 40, complete: true } });
});

// Without this, a full disk could be mistaken for a broken library, or a library be begun by half.
test('a disk that is full before a library is begun says so, and takes one when there is room', async (context) => {
  needRoot(context);
  needPrograms(context, ...volumePrograms.ext4);
  await using disk = await createVolume('ext4', 24);
  using scene = makeScene({ library: join(disk.path, 'Photos') });
  writePhoto(join(scene.source, 'IMG_1.JPG'));
  const truth = await walk(scene.source);
  const ballast = join(disk.path, 'ballast');
  fillUp(ballast);

  expect(await backup(scene)).toMatchObject({ exitCode: 4, code: 'LIBRARY_FULL' });
  rmSync(ballast);
  expect(await backup(scene)).toMatchObject({ exitCode: 0, report: { imported: 1 } });
  await expectAllSaved(scene.library, truth);
});

// Without this, files that fit easily could be refused because those under way are counted twice.
test('everything that fits is saved in one run, however much of it is under way at once', async (context) => {
  needRoot(context);
  needPrograms(context, ...volumePrograms.ext4);
  await using disk = await createVolume('ext4', 64);
  using scene = makeScene({ library: join(disk.path, 'Photos') });
  const { bavail, bsize } = statfsSync(disk.path);
  const each = Math.floor((bavail * bsize - 2 * megabyte) / 3);
  for (const name of ['A.JPG', 'B.JPG', 'C.JPG']) writePhoto(join(scene.source, name), each);
  const truth = await walk(scene.source);
  expect(await backup(scene)).toMatchObject({ exitCode: 0, report: { imported: 3 } });
  await expectAllSaved(scene.library, truth);
});

// Without this, a full disk under the catalogue could lose track of photos, or save them twice next time.
for (const step of ['journal', 'record'] as const) {
  test(`a catalogue whose disk fills up before the step ${step} stops the import with a clear code and goes on later`, async (context) => {
    needRoot(context);
    await using disk = await createVolume('tmpfs', 4);
    using scene = makeScene();
    const home = { ...scene, home: disk.path };
    writeFileSync(join(home.home, 'config.toml'), 'reserve = "0 B"\n');
    for (let index = 1; index <= 40; index += 1) writePhoto(join(scene.source, `IMG_${index}.JPG`));
    writePair(join(scene.source, 'A'));
    const truth = await walk(scene.source);
    const ballast = join(disk.path, 'ballast');

    const full = await backup(home, { seams: atStep(step, 1, () => fillUp(ballast)) });
    expect(full).toMatchObject({ exitCode: 4, code: 'STATE_WRITE_FAILED' });
    await expectOnlyWhole(scene.library, truth);
    const again = await backup(home);
    expect([3, 4]).toContain(again.exitCode);
    expect(again.code).toBe('STATE_WRITE_FAILED');

    rmSync(ballast);
    expect(await backup(home)).toMatchObject({ exitCode: 0, report: { found: 42, complete: true } });
    expect(brokenPairs(await expectAllSaved(scene.library, truth), truth)).toEqual([]);
  });
}
