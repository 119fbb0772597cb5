// A crash in the middle of an import, and then the catalogue with its journal is lost, or an older one lies in its place. The
// photos that were half-way in are where a careless rebuild loses them, or files them under a second name.
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import type { DurableStep } from '../../src/platform/durable-write.ts';
import { finished, projectRoot, walk } from '../support/keepsake.ts';
import { createVolume, volumePrograms } from '../support/loop-volume.ts';
import { catalogOf, deleteCatalog, readLog, rebuild, start, statusOf, takeCopy } from '../support/lost-catalog.ts';
import { needPrograms, needRoot } from '../support/requirements.ts';
import {
  backup,
  backupKilledAt,
  brokenPairs,
  expectAllSaved,
  makeScene,
  type Scene,
  writePair,
  writePhoto,
} from './scene.ts';

function writeCard(scene: Scene, name = 'first'): void {
  for (const each of ['A', 'B', 'C', 'D', 'E']) writePhoto(join(scene.source, name, `${each}.JPG`));
  writePair(join(scene.source, name, 'PAIR'));
}

/** Saving the card makes the library whole, with every photo in it once; saving it once more finds everything known. */
async function expectWholeAgain(scene: Scene): Promise<void> {
  const truth = await walk(scene.source);
  expect(await backup(scene)).toMatchObject({ exitCode: 0, report: { failed: 0, complete: true } });
  const found = await expectAllSaved(scene.library, truth);
  expect(brokenPairs(found, truth)).toEqual([]);
  const again = await backup(scene);
  expect(again).toMatchObject({ report: { imported: 0, duplicates: 0, known: truth.length, complete: true } });
}

/** Kills a backup in batches of four, before the `nth` batch is recorded. */
async function killBeforeRecord(scene: Scene, nth: number): Promise<void> {
  const script = join(projectRoot, 'test/support/killable-backup.ts');
  const args = [script, scene.home, scene.library, scene.source, 'manifest..record', String(nth)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  expect(await finished(child)).toMatchObject({ signal: 'SIGKILL' });
}

const steps = ['journal', 'publish', 'flush-folder', 'manifest', 'record', 'unstage'] as const satisfies DurableStep[];

for (const step of steps) {
  test(`Killed before ${step}, then the catalogue is lost with its journal: nothing is missing, nothing is there twice`, async () => {
    using scene = makeScene();
    writeCard(scene);
    await backupKilledAt(scene, step);
    deleteCatalog(scene);
    await expectWholeAgain(scene);
  });

  test(`Killed before ${step}, then rebuilt: what was journalled is brought to its end first`, async () => {
    using scene = makeScene();
    writeCard(scene);
    await backupKilledAt(scene, step);
    const isJournalled = step !== 'journal';
    expect(await rebuild(scene)).toMatchObject({ files: isJournalled ? 7 : 0, missing: 0 });
    await expectWholeAgain(scene);
  });
}

test('On a disk without hard links too, what was published before the crash gets no second name', async (context) => {
  needRoot(context);
  needPrograms(context, ...volumePrograms.exfat);
  await using disk = await createVolume('exfat', 32);
  for (const [step, nth] of [
    ['publish', 3],
    ['flush-folder', 1],
  ] as const) {
    using scene = makeScene({ library: join(disk.path, step) });
    writeCard(scene);
    await backupKilledAt(scene, step, nth);
    deleteCatalog(scene);
    const truth = await walk(scene.source);
    await backup(scene);
    const found = (await walk(scene.library)).filter(({ sizeBytes }) => sizeBytes > 0);
    expect(found.map(({ sha256 }) => sha256).sort()).toEqual(truth.map(({ sha256 }) => sha256).sort());
  }
});

test('An older catalogue from the middle of a killed import, after that import was done: nothing again, the same status', async () => {
  using scene = makeScene();
  writeCard(scene);
  await backup(scene);
  writeCard(scene, 'second');
  await killBeforeRecord(scene, 1);
  const putBack = takeCopy(scene, join(scene.path, 'copy'));
  await backup(scene);
  const [status, before] = [await statusOf(scene), await walk(scene.library)];
  putBack();
  await start(scene);
  expect(await statusOf(scene)).toEqual(status);
  await expectWholeAgain(scene);
  expect(await walk(scene.library)).toEqual(before);
});

test('An older catalogue from an earlier batch of the import that was killed: its later batches are not saved again', async () => {
  using scene = makeScene();
  for (const name of ['one', 'two', 'three']) writeCard(scene, name);
  await killBeforeRecord(scene, 1);
  const putBack = takeCopy(scene, join(scene.path, 'copy'));
  await start(scene);
  await killBeforeRecord(scene, 2);
  putBack();
  await start(scene);
  expect(readLog(scene)).toContain('import begins');
  await expectWholeAgain(scene);
});

test('Only the file of an older catalogue is put back, beside the log of a killed process: never a mixture of both', async () => {
  using scene = makeScene();
  writeCard(scene);
  await backup(scene);
  const old = join(scene.path, 'old.db');
  copyFileSync(catalogOf(scene), old);
  for (let turn = 0; turn < 3; turn += 1) {
    writeCard(scene, `more ${turn}`);
    await backup(scene);
  }
  writeCard(scene, 'last');
  await killBeforeRecord(scene, 2); // the log has the page on which the manifests are remembered
  expect(statSync(`${catalogOf(scene)}-wal`).size).toBeGreaterThan(0);
  copyFileSync(old, catalogOf(scene));
  const first = await backup(scene);
  // SQLite played the log into the older file. That may show as damage or as another state, but it must show.
  const isDamaged = first.code === 'CATALOG_DAMAGED';
  expect(isDamaged || readLog(scene).includes('another state of the library')).toBe(true);
  if (isDamaged) await rebuild(scene);
  await expectWholeAgain(scene);
});

test('A rebuild that is stopped leaves the old catalogue in its place', async () => {
  using scene = makeScene();
  writeCard(scene);
  await backup(scene);
  const status = await statusOf(scene);
  await expect(rebuild(scene, AbortSignal.abort(new Error('stop')))).rejects.toThrow('stop');
  expect(await statusOf(scene)).toEqual(status);
  expect(existsSync(`${catalogOf(scene)}.before-rebuild`)).toBe(false);
  expect(await rebuild(scene)).toMatchObject({ files: 7 });
  expect(readdirSync(join(scene.home, 'state/catalogs')).filter((name) => name.includes('rebuilding'))).toEqual([]);
});

test('A damaged catalogue with the log of a killed process is set aside whole, and its log is not played into the new one', async () => {
  using scene = makeScene();
  writeCard(scene);
  await backup(scene);
  writeCard(scene, 'second');
  await backupKilledAt(scene, 'record');
  truncateSync(catalogOf(scene), 5000);
  expect(await rebuild(scene)).toMatchObject({ missing: 0 });
  expect(existsSync(`${catalogOf(scene)}.before-rebuild`)).toBe(true);
  await expectWholeAgain(scene);
});

test('A manifest cut off in its first line does not have the catalogue made anew at each start', async () => {
  using scene = makeScene();
  writeCard(scene);
  await backupKilledAt(scene, 'record');
  const folder = join(scene.library, '.keepsake/imports');
  const [name = ''] = readdirSync(folder).filter((each) => each.endsWith('.jsonl'));
  truncateSync(join(folder, name), 20);
  deleteCatalog(scene);
  await expectWholeAgain(scene);
  expect(readLog(scene).split('made the catalogue anew')).toHaveLength(2);
});

test('The copy of the catalogue in the library is renewed by a recovery that recorded something', async () => {
  using scene = makeScene();
  writeCard(scene);
  await backupKilledAt(scene, 'record');
  const path = join(scene.library, '.keepsake/catalog-backup/catalog.db');
  expect(existsSync(path)).toBe(false);
  await start(scene);
  const copy = new Database(path, { readonly: true });
  expect(copy.prepare('SELECT count(*) AS files FROM resource').get()).toEqual({ files: 7 });
  copy.close();
  rmSync(path);
  await start(scene);
  expect(existsSync(path), 'nothing was recorded: nothing to renew').toBe(false);
});
