import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { takeExclusiveLock } from '../../src/platform/exclusive-lock.ts';
import { finished, walk } from '../support/keepsake.ts';
import { backup, expectAllSaved, makeScene, outcomeOf, startBackup, writePair, writePhoto } from './scene.ts';

// Without this, two runs could write to one library at once and give one name to two photos.
test('of two runs on one library one works and the other says that it is busy', async () => {
  using scene = makeScene();
  for (let index = 1; index <= 9; index += 1) writePhoto(join(scene.source, `IMG_${index}.JPG`));
  const truth = await walk(scene.source);
  let second: Promise<Awaited<ReturnType<typeof finished>>> | undefined;
  // The first waits inside a step until the second has ended: the second meets it for certain.
  const first = await backup(scene, {
    seams: {
      wrapSource: (source) => ({
        ...source,
        async *list(signal) {
          second = finished(startBackup(scene));
          await second;
          yield* source.list(signal);
        },
      }),
    },
  });
  expect(first).toMatchObject({ exitCode: 0, report: { imported: 9 } });
  expect(second && outcomeOf(await second)).toMatchObject({ exitCode: 3, code: 'LIBRARY_BUSY' });
  await expectAllSaved(scene.library, truth);
});

// Without this, a command could be sent away because the icon was counting photos at that moment.
test('a command that meets somebody who only looks waits until the look is over', async () => {
  using scene = makeScene();
  writePhoto(join(scene.source, 'IMG_1.JPG'));
  await backup(scene);
  writePhoto(join(scene.source, 'IMG_2.JPG'));
  let look: ReturnType<typeof takeExclusiveLock>;
  const outcome = await backup(scene, {
    seams: {
      wrapSource: (source) => {
        look = takeExclusiveLock(join(scene.library, '.keepsake/lock')); // right before the library is opened
        setTimeout(() => look?.release(), 150);
        return source;
      },
    },
  });
  expect(look).toBeDefined();
  expect(outcome).toMatchObject({ exitCode: 0, report: { imported: 1 } });
});

// Without this, two first runs at the same moment could begin two libraries in one folder, each unknown to the other.
test('two first runs at the same moment begin one library', async () => {
  using scene = makeScene();
  for (let index = 1; index <= 30; index += 1) writePhoto(join(scene.source, `IMG_${index}.JPG`));
  writePair(join(scene.source, 'PAIR'));
  const truth = await walk(scene.source);
  const ends = (await Promise.all([0, 1, 2].map(() => finished(startBackup(scene))))).map(outcomeOf);
  for (const { exitCode, code } of ends) expect([`0 ${undefined}`, '3 LIBRARY_BUSY']).toContain(`${exitCode} ${code}`);
  expect(
    ends.some(({ exitCode }) => exitCode === 0),
    'one of them works',
  ).toBe(true);
  const saved = ends.reduce((sum, { report }) => sum + (report?.imported ?? 0), 0);
  expect(saved).toBe(truth.length);
  await expectAllSaved(scene.library, truth);

  const { id } = JSON.parse(readFileSync(join(scene.library, '.keepsake/library.json'), 'utf8')) as { id: string };
  const remembered = JSON.parse(readFileSync(join(scene.home, 'state/libraries.json'), 'utf8')) as object;
  expect(Object.values(remembered)).toEqual([id]);
  expect(await backup(scene)).toMatchObject({ exitCode: 0, report: { known: truth.length } });
});

// Without this, a lock file that a crash or a copy left behind could lock the owner out of the library.
test('a lock file that nobody holds means nothing', async () => {
  using scene = makeScene();
  writePhoto(join(scene.source, 'IMG_1.JPG'));
  expect(await backup(scene)).toMatchObject({ exitCode: 0 });
  const lock = join(scene.library, '.keepsake/lock');
  renameSync(lock, `${lock}.old`);
  writeFileSync(lock, '');
  writePhoto(join(scene.source, 'IMG_2.JPG'));
  expect(await backup(scene)).toMatchObject({ exitCode: 0, report: { imported: 1 } });
});
