// What the owner removes must be out of the way and nothing more: a photo that is lost here is lost by our own hand, and one that
// comes back by itself makes them remove it again and again.
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import type { DriveId, RelativePath, RemovalId } from '../../../src/domain/ids.ts';
import type { LibraryFile } from '../../../src/library/catalog/copies-store.ts';
import { findMismatch } from '../../../src/library/catalog-match.ts';
import { trashFolder } from '../../../src/library/library.ts';
import { appendManifest, manifestVersion } from '../../../src/library/manifest.ts';
import { recordMoves } from '../../../src/library/moves.ts';
import type { PlannedAsset } from '../../../src/library/planned-asset.ts';
import { recoverLibrary } from '../../../src/library/recovery.ts';
import { type RemovalContext, removeFiles, takeBackFiles } from '../../../src/library/removal.ts';
import { removalLogPath } from '../../../src/library/removal-log.ts';
import { emptyOldTrash, emptyTrash } from '../../../src/library/trash.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { hashOf, importId, plannedAsset, plannedResource, sampleSource } from '../../contract/sample-plans.ts';
import { walk } from '../../support/keepsake.ts';
import { type LibraryScene, openLibraryScene, silentLog } from './library-scene.ts';

const day = '2024/2024-07-14';
const removal = { id: '20240801-101112-aaaaaa' as RemovalId, atMs: Date.parse('2024-08-01T10:11:12Z') };
const { signal } = new AbortController();
const dayMs = 24 * 3600 * 1000;

const pair = [
  plannedResource(`${day}/IMG_1.HEIC`),
  plannedResource(`${day}/IMG_1.MOV`, { role: 'pairedVideo' }),
  plannedResource(`${day}/IMG_1.AAE`, { role: 'adjustments' }),
];

/** Two photos, filed as an import does it; each file holds its own path. */
async function openFiled(...more: readonly PlannedAsset[]): Promise<LibraryScene> {
  const at = await openLibraryScene();
  const plans = [
    plannedAsset(pair, { assetId: 'pair' as PlannedAsset['assetId'] }),
    plannedAsset([plannedResource(`${day}/IMG_2.JPG`)], { assetId: 'single' as PlannedAsset['assetId'] }),
    ...more,
  ];
  at.catalog.beginImport({ importId, source: sampleSource, startedAtMs: 1000 });
  for (const { path } of plans.flatMap(({ resources }) => resources)) put(at, path);
  const header = { version: manifestVersion, importId, source: sampleSource, startedAt: new Date(1000).toISOString() };
  at.catalog.record(importId, plans, await appendManifest(at.library.folders.imports, header, plans));
  at.catalog.closeImport(importId);
  return at;
}

function put(at: LibraryScene, path: string, bytes: string = path): void {
  mkdirSync(dirname(join(at.root, path)), { recursive: true });
  writeFileSync(join(at.root, path), bytes);
  utimesSync(join(at.root, path), 1.7e9, 1.7e9);
}

function contextOf(at: LibraryScene, change: { readonly hardLinks?: boolean } = {}): RemovalContext {
  const library = { ...at.library, abilities: { ...at.library.abilities, ...change } };
  return { library, catalog: at.catalog, observeStep: () => undefined, signal };
}

function filesOf(at: LibraryScene, assetId: string): readonly LibraryFile[] {
  return at.catalog.copies.filesOfAsset(assetId as LibraryFile['assetId']);
}

function removed(at: LibraryScene) {
  const [found] = at.catalog.copies.removals();
  if (found === undefined) throw new Error('nothing is removed');
  return found;
}

async function recover(at: LibraryScene): Promise<void> {
  await recoverLibrary({ library: at.library, catalog: at.catalog, clock: systemClock, log: silentLog, signal });
}

const paths = async (at: LibraryScene) => (await walk(at.root)).map(({ path }) => path);
const inTrash = (at: LibraryScene, path: string) => join(trashFolder(at.library.folders), removal.id, path);
const allOfPair = pair.map(({ path }) => path);

for (const hardLinks of [true, false]) {
  test(`A photo is removed with all of its files, and comes back as it was (hard links: ${hardLinks})`, async () => {
    await using at = await openFiled();
    const before = await walk(at.root);
    const context = contextOf(at, { hardLinks });
    const result = await removeFiles(context, removal, filesOf(at, 'pair'));
    expect(result).toMatchObject({ wereGone: 0, failed: [] });
    expect(await paths(at)).toEqual([`${day}/IMG_2.JPG`]);
    for (const path of allOfPair) expect(readFileSync(inTrash(at, path), 'utf8')).toBe(path);
    expect(statSync(trashFolder(at.library.folders)).mode & 0o777).toBe(0o700);
    expect(at.catalog.summarize()).toMatchObject({ assets: 1, resources: 1 });
    const back = await takeBackFiles(context, removed(at), at.catalog.copies.removedFiles(removal.id));
    expect(back).toMatchObject({ onDrivesOnly: [], kept: [], forgotten: [], failed: [] });
    expect(await walk(at.root)).toEqual(before);
    expect(at.catalog.copies.removals()).toEqual([]);
    expect(at.catalog.summarize()).toMatchObject({ assets: 2, resources: 4 });
  });
}

test('Its bytes stay known and its names stay free for it', async () => {
  await using at = await openFiled();
  await removeFiles(contextOf(at), removal, filesOf(at, 'pair'));
  expect(at.catalog.findOriginal(hashOf(`${day}/IMG_1.HEIC`))).toBe('pair');
  expect(at.catalog.isPathTaken(`${day}/IMG_1.HEIC` as RelativePath)).toBe(true);
  expect(at.catalog.isStemTaken(`${day}/img_1`)).toBe(true);
});

test('If another file has one of its names by now, all of the photo stays in the trash', async () => {
  await using at = await openFiled();
  await removeFiles(contextOf(at), removal, filesOf(at, 'pair'));
  put(at, `${day}/IMG_1.MOV`, 'somebody else');
  const files = at.catalog.copies.removedFiles(removal.id);
  const back = await takeBackFiles(contextOf(at), removed(at), files);
  expect(back).toMatchObject({ back: [], kept: [`${day}/IMG_1.MOV`], failed: [] });
  expect(readFileSync(join(at.root, day, 'IMG_1.MOV'), 'utf8')).toBe('somebody else');
  for (const path of allOfPair) expect(existsSync(inTrash(at, path))).toBe(true);
  rmSync(join(at.root, day, 'IMG_1.MOV'));
  expect((await takeBackFiles(contextOf(at), removed(at), files)).back).toHaveLength(3);
});

test('What its owner put back by hand is back, moved or copied', async () => {
  for (const byHand of [renameSync, (from: string, to: string) => writeFileSync(to, readFileSync(from))]) {
    await using at = await openFiled();
    await removeFiles(contextOf(at), removal, filesOf(at, 'single'));
    byHand(inTrash(at, `${day}/IMG_2.JPG`), join(at.root, day, 'IMG_2.JPG'));
    const back = await takeBackFiles(contextOf(at), removed(at), at.catalog.copies.removedFiles(removal.id));
    expect(back.back.map(({ path }) => path)).toEqual([`${day}/IMG_2.JPG`]);
    expect(at.catalog.copies.removals()).toEqual([]);
  }
});

test('A photo of which one file cannot be moved stays, whole', async () => {
  await using at = await openFiled();
  rmSync(join(at.root, day, 'IMG_1.MOV'));
  mkdirSync(join(at.root, day, 'IMG_1.MOV'));
  const files = [...filesOf(at, 'pair'), ...filesOf(at, 'single')];
  const result = await removeFiles(contextOf(at), removal, files);
  expect(result.failed).toMatchObject([{ path: `${day}/IMG_1.MOV`, error: { code: 'LIBRARY_UNSUITABLE' } }]);
  expect(result.removed.map(({ path }) => path)).toEqual([`${day}/IMG_2.JPG`]);
  expect(await paths(at)).toEqual([`${day}/IMG_1.AAE`, `${day}/IMG_1.HEIC`]);
});

test('A file that left the library before is removed without one, and copies of it go', async () => {
  await using at = await openFiled();
  const drive = 'drive-1' as DriveId;
  const files = filesOf(at, 'pair');
  at.catalog.copies.recordCopied(
    drive,
    files.map((file) => ({ ...file, isOurs: true, copiedAtMs: 1, readBackAtMs: 1 })),
  );
  rmSync(join(at.root, day, 'IMG_1.AAE'));
  at.catalog.copies.setFinding({
    place: 'library',
    path: `${day}/IMG_1.AAE` as RelativePath,
    kind: 'missing',
    foundAtMs: 1,
  });
  const result = await removeFiles(contextOf(at), removal, files);
  expect(result).toMatchObject({ wereGone: 1, failed: [] });
  expect(at.catalog.copies.findings('library')).toEqual([]);
  expect(
    at.catalog.copies
      .copiesToRemove(drive)
      .map(({ path }) => path)
      .sort(),
  ).toEqual([...allOfPair].sort());
  // Taken back, it is where the drive still has it, and missing here.
  const back = await takeBackFiles(contextOf(at), removed(at), at.catalog.copies.removedFiles(removal.id));
  expect(back.onDrivesOnly.map(({ path }) => path)).toEqual([`${day}/IMG_1.AAE`]);
  expect(back.back).toHaveLength(2);
  expect(at.catalog.copies.copiesToRemove(drive)).toEqual([]);
});

test('A catalogue made anew knows what was removed, what was taken back, and what its owner deleted for good', async () => {
  await using at = await openFiled();
  const late = { ...removal, id: 'late' as RemovalId };
  await removeFiles(contextOf(at), removal, filesOf(at, 'pair'));
  await removeFiles(contextOf(at), late, filesOf(at, 'single'));
  const same = async () => {
    const again = await at.rebuilt();
    expect(again.summarize()).toEqual(at.catalog.summarize());
    expect(again.copies.removals()).toEqual(at.catalog.copies.removals());
    for (const { path } of pair) expect(again.copies.file(path)).toEqual(at.catalog.copies.file(path));
    for (const { entry } of pair) expect(again.findEntry(entry.sourceId, entry.path)).toBeDefined();
    expect(await findMismatch(at.library, again)).toBeUndefined();
  };
  await same();
  await takeBackFiles(contextOf(at), removed(at), at.catalog.copies.removedFiles(removal.id));
  await same();
  await removeFiles(contextOf(at), { ...removal, id: 'again' as RemovalId }, filesOf(at, 'pair'));
  await same();
  await emptyTrash({ ...contextOf(at), nowMs: removal.atMs + 5 });
  expect(at.catalog.copies.removals().every(({ emptiedAtMs }) => emptiedAtMs === removal.atMs + 5)).toBe(true);
  await same();
});

test('A catalogue of before a removal learns it at the next start; a library of before makes a catalogue anew', async () => {
  await using at = await openFiled();
  const older = await at.rebuilt();
  await removeFiles(contextOf(at), removal, filesOf(at, 'pair'));
  expect(await findMismatch(at.library, older)).toBeUndefined();
  await recoverLibrary({ library: at.library, catalog: older, clock: systemClock, log: silentLog, signal });
  expect(older.copies.removals()).toEqual(at.catalog.copies.removals());
  rmSync(removalLogPath(at.library.folders));
  expect(await findMismatch(at.library, older)).toMatchObject({ reason: 'removalsCut' });
});

test('Emptied by its owner, nothing comes back from the trash, and no source brings it back; taken back, a source may', async () => {
  await using at = await openFiled();
  await removeFiles(contextOf(at), removal, filesOf(at, 'pair'));
  const emptied = await emptyTrash({ ...contextOf(at), nowMs: removal.atMs + 1 });
  expect(emptied).toMatchObject({ files: 3, removals: [{ id: removal.id }] });
  expect(readdirSync(trashFolder(at.library.folders))).toEqual([]);
  expect(at.catalog.findOriginal(hashOf(`${day}/IMG_1.HEIC`))).toBe('pair');
  await recover(at);
  expect(at.catalog.copies.removals()).toMatchObject([{ files: 3, emptiedAtMs: removal.atMs + 1 }]);
  const back = await takeBackFiles(contextOf(at), removed(at), at.catalog.copies.removedFiles(removal.id));
  expect(back.forgotten).toHaveLength(3);
  expect(at.catalog.findOriginal(hashOf(`${day}/IMG_1.HEIC`))).toBeUndefined();
  const [first] = pair;
  expect(at.catalog.findEntry(sampleSource.id, first?.entry.path as never)).toBeUndefined();
  const again = await at.rebuilt();
  expect(again.findOriginal(hashOf(`${day}/IMG_1.HEIC`))).toBeUndefined();
  expect(again.copies.removals()).toEqual([]);
});

test('By itself the trash is emptied after ninety days, and never of what is proven nowhere else', async () => {
  const twin = plannedAsset([plannedResource(`${day}/twin.MOV`, { bytes: `${day}/IMG_1.MOV` })]);
  await using at = await openFiled(twin);
  put(at, `${day}/twin.MOV`, `${day}/IMG_1.MOV`);
  await removeFiles(contextOf(at), removal, [...filesOf(at, 'pair'), ...filesOf(at, 'single')]);
  const { copies } = at.catalog;
  const empty = (days: number) => emptyOldTrash({ ...contextOf(at), nowMs: removal.atMs + days * dayMs });
  const copied = { ...copies.file(`${day}/IMG_1.HEIC`), isOurs: true, copiedAtMs: 1, removedBy: removal.id } as never;
  copies.recordCopied('unread' as DriveId, [copied]);
  expect(await empty(89)).toEqual({ files: 0, bytes: 0 });
  expect((await empty(91)).files, 'the movie is in the library once more').toBe(1);
  expect(existsSync(inTrash(at, `${day}/IMG_1.MOV`))).toBe(false);
  copies.recordCopied('read' as DriveId, [{ ...(copied as object), readBackAtMs: removal.atMs } as never]);
  expect((await empty(91 + 365)).files, 'a proof of long ago').toBe(0);
  expect((await empty(92)).files).toBe(1);
  expect(existsSync(inTrash(at, `${day}/IMG_1.HEIC`))).toBe(false);
  expect(existsSync(inTrash(at, `${day}/IMG_2.JPG`)), 'the last copy').toBe(true);
  // What lies in the library under another name is read, not believed.
  const other = await openFiled(twin);
  put(other, `${day}/twin.MOV`, 'not what it was');
  await removeFiles(contextOf(other), removal, filesOf(other, 'pair'));
  expect((await emptyOldTrash({ ...contextOf(other), nowMs: removal.atMs + 91 * dayMs })).files).toBe(0);
  await other[Symbol.asyncDispose]();
});

test('A file that its owner renames to the name of a removed one takes that name; the removed one keeps its place in the trash', async () => {
  await using at = await openFiled();
  await removeFiles(contextOf(at), removal, filesOf(at, 'single'));
  const [from] = filesOf(at, 'pair').filter(({ role }) => role === 'original');
  if (from === undefined) throw new Error('it is there');
  renameSync(join(at.root, from.path), join(at.root, day, 'IMG_2.JPG'));
  const move = { from, to: `${day}/IMG_2.JPG` as RelativePath };
  const at2 = Date.parse('2024-09-01');
  await recordMoves({ ...at, moves: [move], importId: '20240901-000000-aaaaaa' as never, nowMs: at2 });
  expect(at.catalog.copies.file(`${day}/IMG_2.JPG`)).toMatchObject({ assetId: 'pair' });
  expect(removed(at)).toMatchObject({ files: 1 });
  const again = await at.rebuilt();
  expect(again.copies.file(`${day}/IMG_2.JPG`)).toMatchObject({ assetId: 'pair' });
  expect(again.findOriginal(hashOf(`${day}/IMG_2.JPG`))).toBe('single');
  const files = at.catalog.copies.removedFiles(removal.id);
  expect(await takeBackFiles(contextOf(at), removed(at), files)).toMatchObject({ kept: [`${day}/IMG_2.JPG`] });
});

test('A file moved and then removed goes from a drive that knows it by its former name', async () => {
  await using at = await openFiled();
  const drive = 'drive-1' as DriveId;
  const [from] = filesOf(at, 'single');
  if (from === undefined) throw new Error('it is there');
  at.catalog.copies.recordCopied(drive, [{ ...from, isOurs: true, copiedAtMs: 1 }]);
  mkdirSync(join(at.root, 'best'));
  renameSync(join(at.root, from.path), join(at.root, 'best/x.jpg'));
  await recordMoves({
    ...at,
    moves: [{ from, to: 'best/x.jpg' as RelativePath }],
    importId: '20240901-000000-aaaaaa' as never,
    nowMs: 2000,
  });
  expect(at.catalog.copies.copiesToRemove(drive)).toEqual([]);
  await removeFiles(contextOf(at), removal, filesOf(at, 'single'));
  expect(at.catalog.copies.copiesToRemove(drive)).toEqual([{ path: from.path, removedBy: removal.id }]);
});

test('What a phone no longer has is counted as kept only if it is', async () => {
  await using at = await openFiled();
  const { photos } = at.catalog;
  using seen = photos.seen(sampleSource.id);
  expect(seen.countGone({ exceptBelow: undefined })).toBe(2);
  await removeFiles(contextOf(at), removal, filesOf(at, 'pair'));
  expect(seen.countGone({ exceptBelow: undefined })).toBe(1);
});

test('A removal of very many photos is written in lines of a bearable length, each with whole photos', async () => {
  const many = Array.from({ length: 1500 }, (_, index) => {
    const stem = `2024/${'long name '.repeat(15)}${index}`;
    return plannedAsset([plannedResource(`${stem}.HEIC`), plannedResource(`${stem}.MOV`, { role: 'pairedVideo' })]);
  });
  await using at = await openFiled(...many);
  const files = many.flatMap(({ assetId }) => filesOf(at, assetId));
  const { removed: gone } = await removeFiles(contextOf(at), removal, files);
  expect(gone).toHaveLength(3000);
  const lines = readFileSync(removalLogPath(at.library.folders), 'utf8').trimEnd().split('\n');
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThan(300_000);
  expect(lines.length).toBeGreaterThan(4);
  for (const line of lines.slice(1, -1)) expect(JSON.parse(line).files.length % 2).toBe(0);
  expect((await at.rebuilt()).copies.removals()).toEqual(at.catalog.copies.removals());
});

/** Ends the work when a step begins, as a kill would: what was on the disk and in the catalogue by then is all there is. */
function stopAt(step: string, nth = 1): RemovalContext['observeStep'] {
  let left = nth;
  return (each) => {
    if (each !== step) return;
    left -= 1;
    if (left === 0) throw new Error('killed');
  };
}

const steps = ['publish', 'flush-folder', 'unstage', 'manifest', 'record'] as const;
for (const hardLinks of [true, false]) {
  for (const step of steps) {
    if (step === 'unstage' && !hardLinks) continue;
    test(`Killed before "${step}", a removal is finished at the next start, and so is an undo (hard links: ${hardLinks})`, async () => {
      await using at = await openFiled();
      const before = await walk(at.root);
      const nth = step === 'publish' || step === 'unstage' ? 2 : 1;
      const context = () => ({ ...contextOf(at, { hardLinks }), observeStep: stopAt(step, nth) });
      await expect(removeFiles(context(), removal, filesOf(at, 'pair'))).rejects.toThrow('killed');
      const lost = await at.rebuilt();
      await recoverLibrary({ library: at.library, catalog: lost, clock: systemClock, log: silentLog, signal });
      await recover(at);
      await recover(at);
      expect(await paths(at)).toEqual([`${day}/IMG_2.JPG`]);
      for (const path of allOfPair) expect(readFileSync(inTrash(at, path), 'utf8')).toBe(path);
      for (const catalog of [at.catalog, lost]) {
        expect(catalog.copies.removals()).toMatchObject([{ id: removal.id, files: 3, removedAtMs: removal.atMs }]);
      }
      const files = at.catalog.copies.removedFiles(removal.id);
      await expect(takeBackFiles(context(), removed(at), files)).rejects.toThrow('killed');
      const lostAgain = await at.rebuilt();
      await recoverLibrary({ library: at.library, catalog: lostAgain, clock: systemClock, log: silentLog, signal });
      await recover(at);
      expect(await walk(at.root)).toEqual(before);
      for (const catalog of [at.catalog, lostAgain]) expect(catalog.copies.removals()).toEqual([]);
    });
  }
}

test('Killed while it was emptied, the trash is emptied at the next start', async () => {
  for (const step of ['unstage', 'manifest', 'record']) {
    await using at = await openFiled();
    await removeFiles(contextOf(at), removal, filesOf(at, 'pair'));
    const context = { ...contextOf(at), observeStep: stopAt(step), nowMs: removal.atMs + 1 };
    await expect(emptyTrash(context)).rejects.toThrow('killed');
    await recover(at);
    expect(readdirSync(trashFolder(at.library.folders))).toEqual([]);
    expect(at.catalog.copies.removals()).toMatchObject([{ emptiedAtMs: removal.atMs + 1 }]);
  }
});

test('What a crash left without hard links, an empty file under the new name, is not taken for the photo', async () => {
  await using at = await openFiled();
  const context = { ...contextOf(at, { hardLinks: false }), observeStep: stopAt('publish') };
  await expect(removeFiles(context, removal, filesOf(at, 'single'))).rejects.toThrow('killed');
  mkdirSync(dirname(inTrash(at, `${day}/IMG_2.JPG`)), { recursive: true });
  writeFileSync(inTrash(at, `${day}/IMG_2.JPG`), '');
  const library = { ...at.library, abilities: { ...at.library.abilities, hardLinks: false } };
  await recoverLibrary({ library, catalog: at.catalog, clock: systemClock, log: silentLog, signal });
  expect(readFileSync(inTrash(at, `${day}/IMG_2.JPG`), 'utf8')).toBe(`${day}/IMG_2.JPG`);
});

test('A file that took the name of one that a killed removal had moved is not moved after it', async () => {
  await using at = await openFiled();
  const context = { ...contextOf(at), observeStep: stopAt('manifest') };
  await expect(removeFiles(context, removal, filesOf(at, 'single'))).rejects.toThrow('killed');
  put(at, `${day}/IMG_2.JPG`, 'a new picture of that name');
  await recover(at);
  expect(readFileSync(join(at.root, day, 'IMG_2.JPG'), 'utf8')).toBe('a new picture of that name');
  expect(readFileSync(inTrash(at, `${day}/IMG_2.JPG`), 'utf8')).toBe(`${day}/IMG_2.JPG`);
  expect(removed(at)).toMatchObject({ files: 1 });
});

test('A list of removals that names files outside the library, or of ours, is refused and kept', async () => {
  for (const path of [
    '../x.jpg',
    '/etc/passwd',
    '.keepsake/library.json',
    '.KEEPSAKE/library.json',
    'a//b',
    'a/./b',
    '',
  ]) {
    await using at = await openFiled();
    const file = { path, hash: 'sha256:0', size: 1, asset: 'pair' };
    const line = { remove: 'x', at: '2024-08-01T00:00:00.000Z', files: [file] };
    const text = `{"version":1}\n${JSON.stringify(line)}\n`;
    writeFileSync(removalLogPath(at.library.folders), text);
    await expect(recover(at)).rejects.toMatchObject({ code: 'LIBRARY_DAMAGED' });
    expect(readFileSync(removalLogPath(at.library.folders), 'utf8')).toBe(text);
    expect((await walk(at.root)).length).toBe(4);
  }
});

test('A list of a newer version is refused, and a torn last line counts for nothing', async () => {
  await using at = await openFiled();
  writeFileSync(removalLogPath(at.library.folders), '{"version":2}\n');
  await expect(recover(at)).rejects.toMatchObject({ code: 'LIBRARY_TOO_NEW' });
  writeFileSync(removalLogPath(at.library.folders), '{"version":1}\n{"remove":"x","at":"2024-');
  await recover(at);
  expect((await walk(at.root)).length).toBe(4);
  await removeFiles(contextOf(at), removal, filesOf(at, 'pair'));
  expect((await at.rebuilt()).copies.removals()).toMatchObject([{ files: 3 }]);
});

test('A second name of a photo outside the library is not touched', async () => {
  await using at = await openFiled();
  const elsewhere = join(at.folder, 'elsewhere.jpg');
  linkSync(join(at.root, day, 'IMG_2.JPG'), elsewhere);
  await removeFiles(contextOf(at), removal, filesOf(at, 'single'));
  await emptyTrash({ ...contextOf(at), nowMs: removal.atMs });
  expect(readFileSync(elsewhere, 'utf8')).toBe(`${day}/IMG_2.JPG`);
});
