import type { ChildProcess } from 'node:child_process';
import { utimesSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compileFaultShim } from '../support/fault-shim.ts';
import { finished, incomingNames, walk } from '../support/keepsake.ts';
import { writeMov } from '../support/media/quicktime.ts';
import { patience } from '../support/patience.ts';
import { needPrograms } from '../support/requirements.ts';
import {
  appears,
  backup,
  brokenPairs,
  expectAllSaved,
  expectOnlyWhole,
  makeScene,
  megabyte,
  outcomeOf,
  type Scene,
  startBackup,
  writePair,
  writePhoto,
} from './scene.ts';

/** Resolves when the import is in the middle of its work. */
async function staging(scene: Scene, child: ChildProcess): Promise<void> {
  const ended = new AbortController();
  child.once('exit', () => ended.abort(new Error('it ended before it began to save')));
  await appears(scene.library, '.part', ended.signal);
}

// Without this, Ctrl-C or the end of a session could cost what was saved, or leave rubbish in the library for ever.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  test(`${signal} in the middle of an import ends it with 130, and the next run completes it`, async () => {
    using scene = makeScene();
    for (let index = 10; index < 40; index += 1) writePhoto(join(scene.source, `IMG_${index}.JPG`), 4 * megabyte);
    writePair(join(scene.source, 'IMG_50'));
    const truth = await walk(scene.source);
    const child = startBackup(scene);
    const end = finished(child);
    await staging(scene, child);
    child.kill(signal);
    const outcome = outcomeOf(await end);
    expect(outcome).toMatchObject({ exitCode: 130, code: 'INTERRUPTED', report: { complete: false, failed: 0 } });
    const saved = await expectOnlyWhole(scene.library, truth);
    expect(saved.length).toBe(outcome.report?.imported);
    expect(brokenPairs(saved, truth)).toEqual([]);
    expect(await incomingNames(scene.library)).toEqual([]);

    expect(await backup(scene)).toMatchObject({ exitCode: 0, report: { known: saved.length, complete: true } });
    expect(brokenPairs(await expectAllSaved(scene.library, truth), truth)).toEqual([]);
  });
}

// Without this, every interruption of a long film would begin it anew, and a film longer than the owner's patience never end.
test('an interrupted large file leaves one partial to go on from, and nothing once it is saved', async () => {
  using scene = makeScene();
  const film = { seed: 1, brand: 'qt  ', creationDate: '2024-07-14T10:00:00+0200', mdatBytes: 24 * megabyte } as const;
  await writeMov(join(scene.source, 'FILM.MOV'), film);
  writePhoto(join(scene.source, 'A.JPG'));
  utimesSync(join(scene.source, 'FILM.MOV'), 1.7e9, 1.7e9);
  const truth = await walk(scene.source);
  const stop = new AbortController();
  let bytes = 0;
  const checkpointBytes = 4 * megabyte;
  const outcome = await backup(scene, {
    signal: stop.signal,
    seams: {
      checkpointBytes,
      wrapSource: (source) => ({
        ...source,
        open: async (path, offsetBytes, signal) => {
          const reader = await source.open(path, offsetBytes, signal);
          return {
            read: async (into, readSignal) => {
              bytes += into.length;
              if (path === 'FILM.MOV' && bytes > 16 * megabyte && !stop.signal.aborted) {
                await appears(scene.library, '.resume');
                stop.abort();
              }
              return await reader.read(into, readSignal);
            },
            state: (stateSignal) => reader.state(stateSignal),
            [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose](),
          };
        },
      }),
    },
  });
  expect(outcome).toMatchObject({ exitCode: 130, code: 'INTERRUPTED' });
  await expectOnlyWhole(scene.library, truth);
  expect((await incomingNames(scene.library)).map((name) => name.replace(/^.*\./, '')).sort()).toEqual([
    'part',
    'resume',
  ]);
  expect(await backup(scene, { seams: { checkpointBytes } })).toMatchObject({
    exitCode: 0,
    report: { complete: true },
  });
  await expectAllSaved(scene.library, truth);
});

// Without this, a card that hangs could hold the terminal: the first Ctrl-C waits for it, and so would the second.
test('a second Ctrl-C ends a run at once that a hanging disk keeps from stopping', async (context) => {
  needPrograms(context, 'cc');
  using shim = compileFaultShim();
  using scene = makeScene();
  writePhoto(join(scene.source, 'A.JPG'));
  writePhoto(join(scene.source, 'HANGS.JPG'));
  const truth = await walk(scene.source);
  const child = startBackup(scene, { environment: shim.environment({ hang: 'card/HANGS.JPG' }) });
  const end = finished(child);
  await staging(scene, child);
  // What comes within a second of the first counts as the same Ctrl-C: launcher and terminal both deliver it.
  const impatience = setInterval(() => child.kill('SIGINT'), 100);
  const tooLate = setTimeout(() => child.kill('SIGKILL'), patience.timeout);
  const { exitCode, signal } = await end;
  clearInterval(impatience);
  clearTimeout(tooLate);
  expect(exitCode === 130 || signal === 'SIGINT', `ended with ${exitCode} or ${signal}`).toBe(true);

  await expectOnlyWhole(scene.library, truth);
  expect(await backup(scene)).toMatchObject({ exitCode: 0, report: { complete: true } });
  await expectAllSaved(scene.library, truth);
});
