import { appendFileSync, readFileSync, renameSync, rmSync, truncateSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { FolderSource } from '../../src/sources/folder/folder-source.ts';
import { incomingNames, walk } from '../support/keepsake.ts';
import { backup, brokenPairs, expectAllSaved, makeScene, megabyte, writePair, writePhoto } from './scene.ts';

const past = 1.7e9;

/** Runs `action` before the `nth` read of `path` (0: before it is opened). */
function during(path: string, nth: number, action: () => void) {
  let left = nth;
  const wrapSource = (source: FolderSource): FolderSource => ({
    ...source,
    open: async (entry, offsetBytes, signal) => {
      if (entry === path && left === 0) action();
      const reader = await source.open(entry, offsetBytes, signal);
      if (entry !== path) return reader;
      return {
        read: async (into, readSignal) => {
          left -= 1;
          if (left === 0) action();
          return await reader.read(into, readSignal);
        },
        state: (stateSignal) => reader.state(stateSignal),
        [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose](),
      };
    },
  });
  return { wrapSource };
}

const changes: readonly {
  readonly what: string;
  readonly nth: number;
  readonly change: (path: string) => void;
  readonly code: string;
}[] = [
  {
    what: 'grows while it is read',
    nth: 2,
    change: (path) => appendFileSync(path, 'more'),
    code: 'SOURCE_ENTRY_CHANGING',
  },
  {
    what: 'grows while it is read and keeps its time',
    nth: 2,
    change: (path) => {
      appendFileSync(path, Buffer.alloc(3 * megabyte));
      utimesSync(path, past, past);
    },
    code: 'SOURCE_ENTRY_CHANGING',
  },
  {
    what: 'shrinks while it is read',
    nth: 2,
    change: (path) => {
      truncateSync(path, 2 * megabyte);
      utimesSync(path, past, past);
    },
    code: 'SOURCE_ENTRY_CHANGING',
  },
  {
    what: 'is touched while it is read',
    nth: 2,
    change: (path) => utimesSync(path, past + 10, past + 10),
    code: 'SOURCE_ENTRY_CHANGING',
  },
  {
    what: 'grew between listing and reading',
    nth: 0,
    change: (path) => {
      appendFileSync(path, 'more');
      utimesSync(path, past, past);
    },
    code: 'SOURCE_ENTRY_CHANGING',
  },
  {
    what: 'was replaced between listing and reading',
    nth: 0,
    change: (path) => {
      writePhoto(`${path}.other`, 2 * megabyte, past + 3600);
      renameSync(`${path}.other`, path);
    },
    code: 'SOURCE_ENTRY_CHANGING',
  },
];

// Without this, a photo that a camera or a copy is still writing could be filed as a torn one and be known ever after.
for (const { what, nth, change, code } of changes) {
  test(`a file that ${what} is not saved now and is saved whole later`, async () => {
    using scene = makeScene();
    const path = join(scene.source, 'IMG_2.JPG');
    for (const name of ['IMG_1.JPG', 'IMG_2.JPG', 'IMG_3.JPG']) writePhoto(join(scene.source, name), 5 * megabyte);
    const others = (await walk(scene.source)).filter((file) => file.path !== 'IMG_2.JPG');

    const first = await backup(scene, { seams: during('IMG_2.JPG', nth, () => change(path)) });
    expect(first).toMatchObject({ exitCode: 2, report: { imported: 2, deferred: 1, complete: false } });
    expect(first.report?.failures).toMatchObject([{ path: 'IMG_2.JPG', code }]);
    await expectAllSaved(scene.library, others);

    utimesSync(path, past + 100, past + 100); // the writer is done, a while ago
    const truth = await walk(scene.source);
    expect(await backup(scene)).toMatchObject({ exitCode: 0, report: { imported: 1, known: 2, complete: true } });
    await expectAllSaved(scene.library, truth);
  });
}

// Without this, a file that was moved away while an import ran could stop it, or leave a part of itself.
test('a file that vanishes between listing and reading is reported and the others are saved', async () => {
  using scene = makeScene();
  const path = join(scene.source, 'IMG_2.JPG');
  for (const name of ['IMG_1.JPG', 'IMG_2.JPG', 'IMG_3.JPG']) writePhoto(join(scene.source, name), megabyte);
  const all = await walk(scene.source);
  const bytes = readFileSync(path);
  const first = await backup(scene, { seams: during('IMG_2.JPG', 0, () => rmSync(path)) });
  expect(first).toMatchObject({ exitCode: 2, report: { imported: 2, failed: 1 } });
  expect(first.report?.failures).toMatchObject([{ path: 'IMG_2.JPG', code: 'SOURCE_ENTRY_VANISHED' }]);
  await expectAllSaved(
    scene.library,
    all.filter((file) => file.path !== 'IMG_2.JPG'),
  );

  appendFileSync(path, bytes);
  utimesSync(path, past, past);
  expect(await backup(scene)).toMatchObject({ exitCode: 0, report: { imported: 1, known: 2 } });
  await expectAllSaved(scene.library, all);
});

// Without this, the still of a pair would be filed without its movie because the movie was still being written.
test('a pair whose movie is still being written waits as a whole', async () => {
  using scene = makeScene();
  writePair(join(scene.source, 'PAIR'), { movie: 4 * megabyte });
  const movie = join(scene.source, 'PAIR.MOV');
  const first = await backup(scene, { seams: during('PAIR.MOV', 2, () => appendFileSync(movie, 'more')) });
  expect(first).toMatchObject({ exitCode: 2, report: { imported: 0, deferred: 2 } });
  expect(await walk(scene.library)).toEqual([]);
  expect(await incomingNames(scene.library)).toEqual([]);

  utimesSync(movie, past, past);
  const truth = await walk(scene.source);
  expect(await backup(scene)).toMatchObject({ exitCode: 0, report: { imported: 2, complete: true } });
  expect(brokenPairs(await expectAllSaved(scene.library, truth), truth)).toEqual([]);
});

// Without this, a writer slower than our copy, pausing between two writes, would get the part it had written filed as a photo.
test('a file that was changed a moment ago is looked at again before it is saved', async () => {
  using scene = makeScene();
  const path = join(scene.source, 'IMG_1.JPG');
  writePhoto(path, megabyte);
  const whole = readFileSync(path);
  truncateSync(path, megabyte / 2);
  const clock = virtualClock();
  const now = clock.nowMs() / 1000;
  utimesSync(path, now, now);
  // The writer goes on while the import waits for the file to settle.
  clock.onWait = () => {
    appendFileSync(path, whole.subarray(megabyte / 2));
    utimesSync(path, now + 1, now + 1);
  };
  const first = await backup(scene, { seams: { clock } });
  expect(first).toMatchObject({ exitCode: 2, report: { imported: 0, deferred: 1 } });
  expect(await walk(scene.library)).toEqual([]);
  expect(await incomingNames(scene.library)).toEqual([]);

  clock.onWait = () => undefined;
  const truth = await walk(scene.source);
  expect(await backup(scene, { seams: { clock } })).toMatchObject({ exitCode: 0, report: { imported: 1 } });
  await expectAllSaved(scene.library, truth);
});

/** The time of this machine, except that waiting takes none of it. */
function virtualClock() {
  let skippedMs = 0;
  const clock = {
    onWait: (): void => undefined,
    nowMs: () => Date.now() + skippedMs,
    monotonicMs: () => performance.now() + skippedMs,
    wait: async (durationMs: number) => {
      clock.onWait();
      skippedMs += Math.ceil(durationMs);
    },
  };
  return clock;
}
