import { join } from 'node:path';
import { expect, test } from 'vitest';
import { walk } from '../support/keepsake.ts';
import { createVolume, volumePrograms } from '../support/loop-volume.ts';
import { needPrograms, needRoot } from '../support/requirements.ts';
import {
  atStep,
  backup,
  brokenPairs,
  expectAllSaved,
  expectOnlyWhole,
  makeScene,
  writePair,
  writePhoto,
} from './scene.ts';

// Without this, a worn-out disk that locks itself could end in a crash report, or leave names that the catalogue denies.
for (const step of ['stage', 'journal', 'publish', 'flush-folder', 'manifest', 'record', 'unstage'] as const) {
  test(`a library whose disk turns read-only before the step ${step} stops the import, and is in order when it can be written again`, async (context) => {
    needRoot(context);
    needPrograms(context, ...volumePrograms.ext4);
    await using disk = await createVolume('ext4', 24);
    using scene = makeScene({ library: join(disk.path, 'Photos') });
    for (let index = 1; index <= 9; index += 1) writePhoto(join(scene.source, `IMG_${index}.JPG`));
    writePair(join(scene.source, 'PAIR'));
    const truth = await walk(scene.source);

    const nth = step === 'stage' ? 3 : 1;
    const first = await backup(scene, { seams: atStep(step, nth, () => disk.turnReadOnly()) });
    expect(first).toMatchObject({ exitCode: 4, code: 'LIBRARY_READ_ONLY' });
    await expectOnlyWhole(scene.library, truth);

    await disk.remount({ readOnly: true });
    expect(await backup(scene)).toMatchObject({ exitCode: 3, code: 'LIBRARY_READ_ONLY' });
    await disk.remount();
    expect(await backup(scene)).toMatchObject({ exitCode: 0, report: { found: 11, complete: true } });
    expect(brokenPairs(await expectAllSaved(scene.library, truth), truth)).toEqual([]);
  });
}

// Without this, a locked disk could be reported as a fault of Keepsake or as an empty place for a new library.
test('a library that was never begun on a read-only disk is refused with the reason', async (context) => {
  needRoot(context);
  needPrograms(context, ...volumePrograms.ext4);
  await using disk = await createVolume('ext4', 24);
  using scene = makeScene({ library: join(disk.path, 'Photos') });
  writePhoto(join(scene.source, 'IMG_1.JPG'));
  await disk.remount({ readOnly: true });
  expect(await backup(scene)).toMatchObject({ exitCode: 3, code: 'LIBRARY_READ_ONLY' });
});

// Without this, a card with its lock switched on could be refused, or need to be written to.
test('a read-only source is saved like any other', async (context) => {
  needRoot(context);
  needPrograms(context, ...volumePrograms.ext4);
  await using card = await createVolume('ext4', 24);
  using scene = makeScene({ source: card.path });
  writePair(join(card.path, 'DCIM/100APPLE/IMG_1'));
  const truth = await walk(card.path);
  await card.remount({ readOnly: true });
  expect(await backup(scene)).toMatchObject({ exitCode: 0, report: { imported: 2, complete: true } });
  await expectAllSaved(scene.library, truth);
});
