import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { walk } from '../support/keepsake.ts';
import { createVolume, type Filesystem, volumePrograms } from '../support/loop-volume.ts';
import { needPrograms, needRoot } from '../support/requirements.ts';
import {
  atStep,
  backup,
  brokenPairs,
  expectAllSaved,
  expectOnlyWhole,
  makeScene,
  megabyte,
  writePair,
  writePhoto,
} from './scene.ts';

const steps = ['stage', 'flush-file', 'journal', 'publish', 'flush-folder', 'manifest', 'record', 'unstage'] as const;

// Without this, photos could be written to the folder that a pulled drive leaves behind, which the next mount hides.
for (const filesystem of ['ext4', 'exfat'] as const satisfies readonly Filesystem[]) {
  for (const step of steps) {
    test(`a library on ${filesystem} that is pulled before the step ${step} gets no byte in its place, and is completed when it is back`, async (context) => {
      needRoot(context);
      needPrograms(context, ...volumePrograms[filesystem]);
      await using disk = await createVolume(filesystem, 48);
      using scene = makeScene({ library: disk.path });
      for (let index = 1; index <= 4; index += 1) writePhoto(join(scene.source, `IMG_${index}.JPG`), megabyte);
      writePair(join(scene.source, 'PAIR'));
      const truth = await walk(scene.source);

      const pulled = await backup(scene, { seams: atStep(step, 1, () => disk.pull()) });
      expect(pulled).toMatchObject({ exitCode: 4, code: 'LIBRARY_GONE' });
      expect(readdirSync(disk.path), 'the folder on the system disk').toEqual([]);
      expect(await backup(scene)).toMatchObject({ exitCode: 3, code: 'LIBRARY_MISSING' });
      expect(readdirSync(disk.path), 'the folder on the system disk').toEqual([]);

      await disk.mount();
      await expectOnlyWhole(scene.library, truth);
      expect(await backup(scene)).toMatchObject({ exitCode: 0, report: { found: 6, failed: 0, complete: true } });
      expect(brokenPairs(await expectAllSaved(scene.library, truth), truth)).toEqual([]);
    });
  }
}

// Without this, a drive that is pulled between two photos of one batch would get the folders of the rest in its place.
test('a library that is pulled in the middle of a batch gets no byte in its place', async (context) => {
  needRoot(context);
  needPrograms(context, ...volumePrograms.ext4);
  await using disk = await createVolume('ext4', 48);
  using scene = makeScene({ library: disk.path });
  for (let index = 1; index <= 4; index += 1) writePhoto(join(scene.source, `IMG_${index}.JPG`));
  writePair(join(scene.source, 'PAIR'));
  const truth = await walk(scene.source);
  expect(await backup(scene, { seams: atStep('publish', 3, () => disk.pull()) })).toMatchObject({
    code: 'LIBRARY_GONE',
  });
  expect(readdirSync(disk.path)).toEqual([]);
  await disk.mount();
  expect(await backup(scene)).toMatchObject({ exitCode: 0, report: { complete: true } });
  expect(brokenPairs(await expectAllSaved(scene.library, truth), truth)).toEqual([]);
});

// Without this, an owner who wants to begin anew at a remembered place would have no way to say so.
test('a new library is begun at the place of a missing one only when that is asked for', async (context) => {
  needRoot(context);
  needPrograms(context, ...volumePrograms.ext4);
  await using disk = await createVolume('ext4', 24);
  using scene = makeScene({ library: join(disk.path, 'Photos') });
  writePhoto(join(scene.source, 'IMG_1.JPG'));
  const truth = await walk(scene.source);
  expect(await backup(scene)).toMatchObject({ exitCode: 0 });
  disk.pull();

  expect(await backup(scene)).toMatchObject({ exitCode: 3, code: 'LIBRARY_MISSING' });
  expect(readdirSync(disk.path)).toEqual([]);
  mkdirSync(scene.library);
  expect(await backup(scene)).toMatchObject({ exitCode: 3, code: 'LIBRARY_MISSING' });
  expect(readdirSync(scene.library)).toEqual([]);
  expect(await backup(scene, { flags: ['--new-library'] })).toMatchObject({ exitCode: 0, report: { imported: 1 } });
  await expectAllSaved(scene.library, truth);
});
