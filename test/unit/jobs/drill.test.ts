// Without these, the way back could be untried for years, tried every day, or a drill call photos good that it never gave back.

import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import type { AbsolutePath, DriveId, LibraryId } from '../../../src/domain/ids.ts';
import { drillNote, isDrillDue, readDrillNote, runDrill, sample } from '../../../src/jobs/drill-job.ts';
import { openCatalog } from '../../../src/library/catalog/sqlite-catalog.ts';
import { flipBit } from '../../support/copies.ts';
import { temporaryFolder } from '../../support/keepsake.ts';
import { createVolume, volumePrograms } from '../../support/loop-volume.ts';
import { libraryIdOf } from '../../support/lost-catalog.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { needLinux, needPrograms, needRoot } from '../../support/requirements.ts';
import { familyScene } from '../../support/restoring.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const dayMs = 86_400_000;
const nowMs = Date.UTC(2026, 10, 25);

function noteAt(atMs: number, failures = 0): string {
  const failed = Array.from({ length: failures }, () => ({ drive: 'd', path: 'p', code: 'FILE_CORRUPT' }));
  return JSON.stringify({ atMs, files: 3, failed });
}

test('A drill is due without one, 90 days after the last, and a week after one that failed', () => {
  expect(isDrillDue(undefined, nowMs)).toBe(true);
  expect(isDrillDue(noteAt(nowMs - 89 * dayMs), nowMs)).toBe(false);
  expect(isDrillDue(noteAt(nowMs - 90 * dayMs), nowMs)).toBe(true);
  expect(isDrillDue(noteAt(nowMs - 6 * dayMs, 1), nowMs)).toBe(false);
  expect(isDrillDue(noteAt(nowMs - 7 * dayMs, 1), nowMs)).toBe(true);
});

test('A clock that was wrong puts no drill off, and a note that cannot be read is none', () => {
  expect(isDrillDue(noteAt(nowMs + 400 * dayMs), nowMs), 'recorded in a year that has not come').toBe(true);
  for (const note of ['', 'x', '{}', '{"atMs":"1"}', '[]', 'null']) expect(isDrillDue(note, nowMs), note).toBe(true);
  expect(readDrillNote(noteAt(5))).toEqual({ atMs: 5, files: 3, failed: [] });
});

test('Samples are of the asked size, without repetition, and everything has its chance', () => {
  const random = seededRandom(7);
  const counts = new Map<number, number>();
  for (let round = 0; round < 2000; round += 1) {
    const picked = sample(
      Array.from({ length: 10 }, (_, index) => index),
      3,
      random,
    );
    expect(new Set(picked).size).toBe(3);
    for (const each of picked) counts.set(each, (counts.get(each) ?? 0) + 1);
  }
  for (let index = 0; index < 10; index += 1) expect(Math.abs((counts.get(index) ?? 0) - 600)).toBeLessThan(100);
  expect(sample([1, 2], 5, random)).toEqual([1, 2]);
});

test('A drill gives photos back from each drive, records what came of it, and leaves nothing behind', async (context) => {
  needLinux(context, 'mounts filesystems');
  needRoot(context);
  needPrograms(context, ...volumePrograms.ext4);
  using scene = await familyScene();
  await using volume = await createVolume('ext4', 64);
  const { id, root } = await scene.addDrive(volume);
  await scene.json(['mirror']);
  using scratch = temporaryFolder();
  const path = join(scene.home, 'state/catalogs', `${libraryIdOf(scene)}.db`);
  using catalog = openCatalog({ path, libraryId: libraryIdOf(scene) as LibraryId });
  const clock = new ManualClock();
  const drives = [{ id: id as DriveId, root: root as AbsolutePath }];
  const drill = async (assetsPerDrive: number) =>
    await runDrill({
      ...{ catalog, drives, clock, assetsPerDrive },
      scratch: join(scratch.path, 'scratch') as AbsolutePath,
      log: pino({ level: 'silent' }),
      random: seededRandom(1),
      signal: new AbortController().signal,
    });
  mkdirSync(join(scratch.path, 'scratch/drill-killed'), { recursive: true });
  const all = await drill(20);
  expect(all).toEqual({ atMs: clock.nowMs(), files: 17, failed: [] });
  expect(readDrillNote(catalog.copies.note(drillNote))).toEqual(all);
  expect(readdirSync(join(scratch.path, 'scratch'))).toEqual([]);
  expect((await drill(3))?.files).toBeLessThan(10);

  flipBit(join(root, '2024/2024-07-12/IMG_0002.MOV'));
  rmSync(join(root, '2024/2024-07-13/IMG_0003.HEIC'));
  const bad = await drill(20);
  expect(bad?.files).toBe(15);
  expect(bad?.failed.map(({ path: each, code, drive }) => `${drive} ${code} ${each}`).sort()).toEqual([
    `${id} FILE_CORRUPT 2024/2024-07-12/IMG_0002.MOV`,
    `${id} FILE_CORRUPT 2024/2024-07-13/IMG_0003.HEIC`,
  ]);
  volume.pull();
  const before = catalog.copies.note(drillNote);
  expect(await drill(20), 'not tried, hence not recorded').toBeUndefined();
  expect(catalog.copies.note(drillNote)).toBe(before);
});
