import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { FolderSource } from '../../src/sources/folder/folder-source.ts';
import { incomingNames, walk } from '../support/keepsake.ts';
import { createVolume, volumePrograms } from '../support/loop-volume.ts';
import { writeMov } from '../support/media/quicktime.ts';
import { needPrograms, needRoot } from '../support/requirements.ts';
import {
  appears,
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

/** Counts the bytes that are read of each file, and tells when one of them has come to `atBytes`. */
function watchReads(path: string, atBytes: number, reached: () => Promise<void>) {
  const bytes = { total: 0 };
  let isReached = false;
  const wrapSource = (source: FolderSource): FolderSource => ({
    ...source,
    open: async (entry, offsetBytes, signal) => {
      const reader = await source.open(entry, offsetBytes, signal);
      if (entry !== path) return reader;
      return {
        read: async (into, readSignal) => {
          if (bytes.total >= atBytes && !isReached) {
            isReached = true;
            await reached();
          }
          const count = await reader.read(into, readSignal);
          bytes.total += count;
          return count;
        },
        state: (stateSignal) => reader.state(stateSignal),
        [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose](),
      };
    },
  });
  return { bytes, wrapSource };
}

// Without this, a card pulled in the middle of a film could leave half of it in the library, or cost all of it again.
test('a card pulled in the middle of a large file is resumed inside that file, in another slot', async (context) => {
  needRoot(context);
  needPrograms(context, ...volumePrograms.ext4, 'blkid');
  await using card = await createVolume('ext4', 96);
  using scene = makeScene({ source: card.path });
  for (const name of ['IMG_1', 'IMG_2', 'IMG_4']) writePhoto(join(card.path, `DCIM/100APPLE/${name}.JPG`), megabyte);
  writePair(join(card.path, 'DCIM/101APPLE/IMG_5'));
  await writeMov(join(card.path, 'DCIM/100APPLE/IMG_3.MOV'), {
    seed: 'film',
    brand: 'qt  ',
    creationDate: '2024-07-14T12:00:00+0200',
    mdatBytes: 48 * megabyte,
  });
  const truth = await walk(card.path);
  await card.remount();
  card.announceUuid();

  const checkpointBytes = 4 * megabyte;
  const film = 'DCIM/100APPLE/IMG_3.MOV';
  const first = watchReads(film, 24 * megabyte, async () => {
    await appears(scene.library, '.resume');
    card.pullForGood();
  });
  const pulled = await backup(scene, { seams: { wrapSource: first.wrapSource, checkpointBytes } });
  expect(pulled).toMatchObject({ exitCode: 4, code: 'SOURCE_GONE', report: { failed: 0, complete: false } });
  expect(brokenPairs(await expectOnlyWhole(scene.library, truth), truth)).toEqual([]);
  const waiting = await incomingNames(scene.library);
  expect(waiting.map((name) => name.replace(/^.*\./, '')).sort(), 'a partial and how far it is').toEqual([
    'part',
    'resume',
  ]);
  const record = join(scene.library, '.keepsake/incoming', waiting.find((name) => name.endsWith('.resume')) ?? '');
  const { durableBytes } = JSON.parse(readFileSync(record, 'utf8')) as { durableBytes: number };
  expect(durableBytes).toBeGreaterThanOrEqual(checkpointBytes);

  const slot = card.folder('another-slot');
  await card.mount(slot);
  card.announceUuid();
  const second = watchReads(film, Number.POSITIVE_INFINITY, async () => undefined);
  const resumed = await backup(scene, { source: slot, seams: { wrapSource: second.wrapSource, checkpointBytes } });
  expect(resumed).toMatchObject({ exitCode: 0, report: { failed: 0, complete: true } });
  await expectAllSaved(scene.library, truth);
  const filmBytes = truth.find(({ path }) => path === film)?.sizeBytes ?? 0;
  // Read again: only 64 KiB at the file's start and before the place where it goes on, to compare.
  expect(second.bytes.total).toBeLessThanOrEqual(filmBytes - durableBytes + 128 * 1024);
});

// Without this, the empty folder that a pulled card leaves could pass for a card whose photos were all deleted.
test('a card pulled between files leaves a library that is in order, and the rest is saved when it is back', async (context) => {
  needRoot(context);
  needPrograms(context, ...volumePrograms.ext4);
  await using card = await createVolume('ext4', 48);
  using scene = makeScene({ source: card.path });
  for (let index = 10; index < 40; index += 1) writePhoto(join(card.path, `DCIM/IMG_${index}.JPG`), 100_000);
  writePair(join(card.path, 'DCIM/IMG_50'));
  const truth = await walk(card.path);

  const pulled = await backup(scene, { seams: atStep('stage', 12, () => card.pull()) });
  expect(pulled).toMatchObject({ exitCode: 4, code: 'SOURCE_GONE', report: { failed: 0, complete: false } });
  const saved = await expectOnlyWhole(scene.library, truth);
  expect(saved.length).toBe(pulled.report?.imported);
  expect(brokenPairs(saved, truth)).toEqual([]);
  expect(await incomingNames(scene.library)).toEqual([]);
  expect(readdirSync(card.path)).toEqual([]);

  await card.mount();
  expect(await backup(scene)).toMatchObject({ exitCode: 0, report: { known: saved.length, complete: true } });
  expect(brokenPairs(await expectAllSaved(scene.library, truth), truth)).toEqual([]);
});

// Without this, a card pulled while it is listed could be reported as saved in full.
test('a card pulled while it is looked through is not reported as saved', async (context) => {
  needRoot(context);
  needPrograms(context, ...volumePrograms.ext4);
  await using card = await createVolume('ext4', 24);
  using scene = makeScene({ source: card.path });
  for (let index = 0; index < 8; index += 1) writePhoto(join(card.path, `DCIM/${index}/IMG.JPG`));
  const truth = await walk(card.path);
  const wrapSource = (source: FolderSource): FolderSource => ({
    ...source,
    async *list(signal) {
      for await (const entries of source.list(signal)) {
        yield entries;
        card.pull();
      }
    },
  });
  expect(await backup(scene, { seams: { wrapSource } })).toMatchObject({ exitCode: 4, code: 'SOURCE_GONE' });
  await expectOnlyWhole(scene.library, []);
  await card.mount();
  expect(await backup(scene)).toMatchObject({ exitCode: 0, report: { imported: 8, complete: true } });
  await expectAllSaved(scene.library, truth);
});
