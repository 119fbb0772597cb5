import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compileFaultShim } from '../support/fault-shim.ts';
import { incomingNames, walk } from '../support/keepsake.ts';
import { createVolume, volumePrograms } from '../support/loop-volume.ts';
import { needPrograms, needRoot } from '../support/requirements.ts';
import {
  backup,
  backupAsProcess,
  backupWithoutPrivilege,
  brokenPairs,
  expectAllSaved,
  expectOnlyWhole,
  makeScene,
  megabyte,
  writePair,
  writePhoto,
} from './scene.ts';

// Without this, one bad spot on a card could stop the whole import, or put the readable part of a photo into the library.
test('a file that cannot be read to its end is reported, the others are saved, and it is saved once it can be read', async (context) => {
  needPrograms(context, 'cc');
  using shim = compileFaultShim();
  using scene = makeScene();
  for (let index = 1; index <= 5; index += 1) writePhoto(join(scene.source, `IMG_${index}.JPG`), 3 * megabyte);
  const truth = await walk(scene.source);
  const environment = shim.environment({ read: { path: 'card/IMG_3.JPG', afterBytes: 2 * megabyte + 77 } });

  const first = await backupAsProcess(scene, { environment });
  expect(first).toMatchObject({ exitCode: 2, report: { found: 5, imported: 4, failed: 1, complete: false } });
  expect(first.report?.failures).toMatchObject([{ path: 'IMG_3.JPG', code: 'SOURCE_READ_FAILED' }]);
  const saved = await expectOnlyWhole(scene.library, truth);
  expect(saved.map(({ path }) => path)).not.toContain('2024/2024-07-14/IMG_3.JPG');
  expect(await incomingNames(scene.library)).toEqual([]);

  const second = await backupAsProcess(scene);
  expect(second).toMatchObject({ exitCode: 0, report: { known: 4, imported: 1, complete: true } });
  await expectAllSaved(scene.library, truth);
});

// Without this, a Live Photo of which one half was unreadable once would stay in two places for good.
for (const half of ['HEIC', 'MOV'] as const) {
  test(`a pair whose ${half} cannot be read at first is together under one name in the end`, async (context) => {
    needPrograms(context, 'cc');
    using shim = compileFaultShim();
    using scene = makeScene();
    writePair(join(scene.source, 'DCIM/100APPLE/IMG_0001'));
    writePhoto(join(scene.source, 'DCIM/100APPLE/IMG_0002.JPG'));
    const truth = await walk(scene.source);

    const first = await backupAsProcess(scene, {
      environment: shim.environment({ read: { path: `IMG_0001.${half}` } }),
    });
    expect(first).toMatchObject({ exitCode: 2, report: { imported: 2, failed: 1 } });
    await expectOnlyWhole(scene.library, truth);

    expect(await backupAsProcess(scene)).toMatchObject({ exitCode: 0, report: { imported: 1, known: 2 } });
    expect(brokenPairs(await expectAllSaved(scene.library, truth), truth)).toEqual([]);
  });
}

// Without this, the shim above could differ from what a real disk does: here it is a real one that ends too soon.
test('files on the bad part of a real disk are reported and those on its good part are saved', async (context) => {
  needRoot(context);
  needPrograms(context, ...volumePrograms.ext4);
  await using card = await createVolume('ext4', 64);
  using scene = makeScene({ source: card.path });
  for (let index = 1; index <= 6; index += 1) writePhoto(join(card.path, `DCIM/IMG_${index}.JPG`), 5 * megabyte);
  const truth = await walk(card.path);
  await card.remount();
  card.loseBytesFrom(24 * megabyte);

  const first = await backup(scene);
  expect(first.exitCode).toBe(2);
  expect(first.report?.failed).toBeGreaterThan(0);
  expect(first.report?.imported).toBeGreaterThan(0);
  expect(new Set(first.report?.failures.map(({ code }) => code))).toEqual(new Set(['SOURCE_READ_FAILED']));
  await expectOnlyWhole(scene.library, truth);
  expect(await incomingNames(scene.library)).toEqual([]);

  await card.heal();
  expect(await backup(scene)).toMatchObject({ exitCode: 0, report: { complete: true } });
  await expectAllSaved(scene.library, truth);
});

// Without this, one folder that may not be read could hide all others, or be taken for an empty one.
test('a folder without permission is reported by name and the rest is saved', async (context) => {
  needRoot(context);
  needPrograms(context, 'setpriv');
  using scene = makeScene();
  writePhoto(join(scene.source, 'open/IMG_1.JPG'));
  writePhoto(join(scene.source, 'closed/IMG_2.JPG'));
  writePhoto(join(scene.source, 'IMG_3.JPG'));
  const truth = await walk(scene.source);
  chmodSync(join(scene.source, 'closed'), 0o000);
  chmodSync(join(scene.source, 'IMG_3.JPG'), 0o000);
  const first = await backupWithoutPrivilege(scene);
  expect(first).toMatchObject({ exitCode: 2, report: { imported: 1, failed: 2, complete: false } });
  expect(first.report?.failures.map(({ path, code }) => `${path} ${code}`).sort()).toEqual([
    'IMG_3.JPG SOURCE_READ_FAILED',
    'closed SOURCE_READ_FAILED',
  ]);

  chmodSync(join(scene.source, 'closed'), 0o755);
  chmodSync(join(scene.source, 'IMG_3.JPG'), 0o644);
  expect(await backupWithoutPrivilege(scene)).toMatchObject({ exitCode: 0, report: { imported: 2, known: 1 } });
  await expectAllSaved(scene.library, truth);
});
