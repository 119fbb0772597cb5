import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compileFaultShim } from '../support/fault-shim.ts';
import { incomingNames, walk } from '../support/keepsake.ts';
import { needPrograms } from '../support/requirements.ts';
import {
  backupAsProcess,
  brokenPairs,
  expectAllSaved,
  expectOnlyWhole,
  makeScene,
  writePair,
  writePhoto,
} from './scene.ts';

// Without this, a photo whose bytes never reached the disk could be called saved: Linux tells of a failed write once, and a
// second fsync "succeeds".
test('a file whose flush fails is not in the library, the others are, and the next run saves it', async (context) => {
  needPrograms(context, 'cc');
  using shim = compileFaultShim();
  using scene = makeScene();
  for (let index = 1; index <= 5; index += 1) writePhoto(join(scene.source, `IMG_${index}.JPG`));
  const truth = await walk(scene.source);

  const first = await backupAsProcess(scene, { environment: shim.environment({ flush: { path: '.part', nth: 3 } }) });
  expect(first).toMatchObject({ exitCode: 2, report: { imported: 4, failed: 1, complete: false } });
  expect(first.report?.failures).toMatchObject([{ code: 'LIBRARY_WRITE_FAILED' }]);
  const failed = first.report?.failures[0]?.path;
  const saved = await expectOnlyWhole(scene.library, truth);
  expect(saved.map(({ path }) => path)).not.toContain(`2024/2024-07-14/${failed}`);
  expect(saved).toHaveLength(4);
  expect(await incomingNames(scene.library)).toEqual([]);

  expect(await backupAsProcess(scene)).toMatchObject({
    exitCode: 0,
    report: { imported: 1, known: 4, complete: true },
  });
  await expectAllSaved(scene.library, truth);
});

// Without this, an import could go on after the disk refused to keep names, and record what a power cut takes away.
for (const nth of [1, 2]) {
  test(`a folder that cannot be flushed (the ${nth === 1 ? 'first' : 'second'} of them) stops the import, and the next run puts all in order`, async (context) => {
    needPrograms(context, 'cc');
    using shim = compileFaultShim();
    using scene = makeScene();
    for (let index = 1; index <= 4; index += 1) writePhoto(join(scene.source, `IMG_${index}.JPG`));
    writePair(join(scene.source, 'IMG_9'));
    const truth = await walk(scene.source);

    const environment = shim.environment({ flush: { path: 'library/2024', nth } });
    const first = await backupAsProcess(scene, { environment });
    expect(first).toMatchObject({ exitCode: 4, code: 'LIBRARY_WRITE_FAILED' });
    await expectOnlyWhole(scene.library, truth);

    expect(await backupAsProcess(scene)).toMatchObject({ exitCode: 0, report: { complete: true, failed: 0 } });
    expect(brokenPairs(await expectAllSaved(scene.library, truth), truth)).toEqual([]);
  });
}

// Without this, a manifest that did not reach the disk could be believed, and a library could not be read without its catalogue.
test('a manifest that cannot be flushed stops the import, and the next run puts all in order', async (context) => {
  needPrograms(context, 'cc');
  using shim = compileFaultShim();
  using scene = makeScene();
  writePair(join(scene.source, 'IMG_9'));
  const truth = await walk(scene.source);
  const first = await backupAsProcess(scene, { environment: shim.environment({ flush: { path: '.jsonl' } }) });
  expect(first).toMatchObject({ exitCode: 4, code: 'LIBRARY_WRITE_FAILED' });
  await expectOnlyWhole(scene.library, truth);

  expect(await backupAsProcess(scene)).toMatchObject({ exitCode: 0, report: { complete: true, known: 2 } });
  expect(brokenPairs(await expectAllSaved(scene.library, truth), truth)).toEqual([]);
});
