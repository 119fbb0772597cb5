// What every catalogue has to do, whatever it is made of. Without it a photo could be taken for known that is not, or an
// interrupted import be forgotten.
import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { AssetId, ImportId, LibraryId, RelativePath, SourceId, SourcePath } from '../../src/domain/ids.ts';
import type { CatalogStore, FinishedImport } from '../../src/library/catalog/catalog-store.ts';
import { stemKeyOf } from '../../src/library/catalog/sqlite-catalog.ts';
import type { PlannedAsset } from '../../src/library/planned-asset.ts';
import {
  duplicateOf,
  hashOf,
  importId,
  plannedAsset,
  plannedResource,
  sampleSource,
  sourceId,
} from './sample-plans.ts';

export interface CatalogUnderTest extends Disposable {
  /** Opens it, again if it was open before. */
  open(): CatalogStore;
}

export const libraryId = '11111111-2222-4333-8444-555555555555' as LibraryId;
const day = '2024/2024-07-14';
const counts = {
  found: 9,
  imported: 2,
  known: 1,
  duplicates: 1,
  notMedia: 2,
  deferred: 1,
  failed: 2,
  iCloudOnly: 0,
  bytes: 2 ** 40,
};

/** A catalogue in which an import is under way. */
function begun(under: CatalogUnderTest): CatalogStore {
  const catalog = under.open();
  catalog.beginImport({ importId, source: sampleSource, startedAtMs: 1000 });
  return catalog;
}

function livePhoto(): PlannedAsset {
  return plannedAsset(
    [
      plannedResource(`${day}/IMG_1.HEIC`),
      plannedResource(`${day}/IMG_1.MOV`, { role: 'pairedVideo' }),
      plannedResource(`${day}/IMG_1.AAE`, { role: 'adjustments' }),
    ],
    { liveId: 'LIVE', camera: 'Apple|iPhone|1' },
  );
}

export function describeCatalogStore(name: string, make: () => CatalogUnderTest): void {
  describe(name, () => {
    test('A new one is empty and belongs to its library', () => {
      using under = make();
      using catalog = under.open();
      expect(catalog.libraryId).toBe(libraryId);
      expect(catalog.isEmpty()).toBe(true);
      expect(catalog.summarize()).toEqual({ assets: 0, resources: 0, bytes: 0, sources: [] });
      expect(catalog.journalled()).toEqual([]);
      expect(catalog.unfinishedImports()).toEqual([]);
      expect(catalog.findEntry(sourceId, 'DCIM/x' as SourcePath)).toBeUndefined();
      expect(catalog.getAsset(randomUUID() as AssetId)).toBeUndefined();
      expect(catalog.findOriginal(hashOf('x'))).toBeUndefined();
      expect(() => catalog.importOrigin(importId)).toThrow();
    });

    test('What was recorded is there, also after it was closed and opened again', () => {
      using under = make();
      const plan = livePhoto();
      begun(under).record(importId, [plan]);
      using catalog = under.open();
      expect(catalog.isEmpty()).toBe(false);
      const { assetId, kind, date, folder, stem, suffix, liveId, camera } = plan;
      expect(catalog.getAsset(assetId)).toEqual({
        ...{ assetId, kind, date, folder, stem, suffix, liveId, camera },
        resources: plan.resources
          .map(({ role, path, hash, sizeBytes }) => ({ role, path, hash, sizeBytes }))
          .sort((one, other) => (one.path < other.path ? -1 : 1)),
      });
      for (const { entry } of plan.resources) {
        const { sizeBytes, modifiedAtNs, headHash } = entry;
        expect(catalog.findEntry(sourceId, entry.path)).toEqual({ sizeBytes, modifiedAtNs, headHash });
      }
      expect(catalog.summarize()).toMatchObject({ assets: 1, resources: 3 });
    });

    test('Recording the same again changes nothing', () => {
      using under = make();
      using catalog = begun(under);
      const plan = livePhoto();
      catalog.record(importId, [plan]);
      const [asset, summary] = [catalog.getAsset(plan.assetId), catalog.summarize()];
      catalog.record(importId, [plan, plan]);
      expect([catalog.getAsset(plan.assetId), catalog.summarize()]).toEqual([asset, summary]);
    });

    test('Times are kept to the nanosecond, also before 1970 and as far as 64 bits go', () => {
      using under = make();
      const times = [0n, -1n, 1_700_000_000_123_456_789n, -5_000_000_000_000_000_001n, 2n ** 63n - 1n, -(2n ** 63n)];
      const plans = times.map((modifiedAtNs, index) =>
        plannedAsset([plannedResource(`${day}/t${index}.jpg`, { modifiedAtNs })]),
      );
      begun(under).record(importId, plans);
      using catalog = under.open();
      expect(
        plans.map(({ resources }) => catalog.findEntry(sourceId, resources[0]?.entry.path as SourcePath)?.modifiedAtNs),
      ).toEqual(times);
    });

    test('An entry is known by its exact path and its source', () => {
      using under = make();
      using catalog = begun(under);
      const paths = [
        'DCIM/a.jpg',
        'DCIM/A.JPG',
        'DCIM/a.jpg ',
        'dcim/a.jpg',
        'a\u0308',
        '\u00e4',
        "'; --",
        'DCIM/\\xFF',
        'x\u2028y',
        '100%_.jpg',
      ];
      for (const [index, path] of paths.entries())
        catalog.record(importId, [
          plannedAsset([
            plannedResource(`${day}/p${index}.jpg`, { sourcePath: path as SourcePath, bytes: 'x'.repeat(index + 1) }),
          ]),
        ]);
      expect(paths.map((path) => catalog.findEntry(sourceId, path as SourcePath)?.sizeBytes)).toEqual(
        paths.map((_, index) => index + 1),
      );
      expect(catalog.findEntry('folder-other' as SourceId, 'DCIM/a.jpg' as SourcePath)).toBeUndefined();
      expect(catalog.findEntry(sourceId, 'DCIM/_.jpg' as SourcePath)).toBeUndefined();
    });

    test('Everything below a folder is found at once, nothing beside it, and no more than was asked for', () => {
      using under = make();
      using catalog = begun(under);
      const below = ['D/a.jpg', 'D/b/c.jpg', 'D/0', 'D/\u{10ffff}', 'D/\\xFF'];
      const beside = ['D', 'D0', 'D.jpg', 'D-/a.jpg', 'd/a.jpg', 'Da/a.jpg', 'C/D/a.jpg', '\u{10ffff}\u{10ffff}'];
      const all = [...below, ...beside];
      for (const [index, path] of all.entries()) {
        const options = { sourcePath: path as SourcePath, modifiedAtNs: 2n ** 62n + BigInt(index), bytes: path };
        catalog.record(importId, [plannedAsset([plannedResource(`${day}/p${index}.jpg`, options)])]);
      }
      const find = (folder: string, entriesMax = 100) => catalog.findEntriesBelow({ sourceId, folder, entriesMax });
      expect([...(find('D')?.keys() ?? [])].sort()).toEqual(below.toSorted());
      expect([...(find('')?.keys() ?? [])].sort()).toEqual(all.toSorted());
      for (const [path, facts] of find('') ?? []) {
        const { sizeBytes, modifiedAtNs } = catalog.findEntry(sourceId, path) ?? {};
        expect(facts).toMatchObject({ sizeBytes, modifiedAtNs });
      }
      expect(find('D/b')?.size).toBe(1);
      expect(find('E')?.size).toBe(0);
      expect(find('D', below.length)?.size).toBe(below.length);
      expect(find('D', below.length - 1), 'too many to be held at once').toBeUndefined();
      expect(catalog.findEntriesBelow({ sourceId: 'folder-other' as SourceId, folder: '', entriesMax: 1 })?.size).toBe(
        0,
      );
    });

    test('An entry that changed on the source is known in its newer state', () => {
      using under = make();
      using catalog = begun(under);
      catalog.record(importId, [plannedAsset([plannedResource(`${day}/a.jpg`, { bytes: 'old' })])]);
      const newer = plannedResource(`${day}/a~2.jpg`, {
        bytes: 'newer',
        sourcePath: 'DCIM/a.jpg' as SourcePath,
        modifiedAtNs: 5n,
      });
      catalog.record(importId, [plannedAsset([newer])]);
      expect(catalog.findEntry(sourceId, newer.entry.path)).toEqual({
        sizeBytes: 5,
        modifiedAtNs: 5n,
        headHash: hashOf('newer'),
      });
      expect(catalog.findOriginal(hashOf('old')), 'the older bytes are still in the library').toBeDefined();
    });

    test('Shifted times are corrected for the named entries only', () => {
      using under = make();
      using catalog = begun(under);
      const all = ['a', 'b', 'c'].map((name) => plannedResource(`${day}/${name}.jpg`, { modifiedAtNs: 100n }));
      catalog.record(
        importId,
        all.map((resource) => plannedAsset([resource])),
      );
      catalog.shiftEntryTimes(
        sourceId,
        ['DCIM/a.jpg', 'DCIM/b.jpg', 'DCIM/none.jpg'] as SourcePath[],
        -3_600_000_000_000n,
      );
      expect(all.map(({ entry }) => catalog.findEntry(sourceId, entry.path)?.modifiedAtNs)).toEqual([
        -3_599_999_999_900n,
        -3_599_999_999_900n,
        100n,
      ]);
      catalog.shiftEntryTimes('folder-other' as SourceId, ['DCIM/c.jpg' as SourcePath], 7n);
      expect(catalog.findEntry(sourceId, 'DCIM/c.jpg' as SourcePath)?.modifiedAtNs).toBe(100n);
    });

    test('Bytes are found by what was captured, not by sidecars and edits', () => {
      using under = make();
      using catalog = begun(under);
      const roles = [
        'original',
        'alternate',
        'pairedVideo',
        'edited',
        'editedVideo',
        'adjustments',
        'xmp',
        'googleMetadata',
        'thumbnail',
        'lowResolution',
      ] as const;
      const plan = plannedAsset(roles.map((role) => plannedResource(`${day}/${role}.jpg`, { role })));
      catalog.record(importId, [plan]);
      const found = roles.filter((role) => catalog.findOriginal(hashOf(`${day}/${role}.jpg`)) === plan.assetId);
      expect(found).toEqual(['original', 'alternate', 'pairedVideo']);
    });

    test('Of two assets with the same bytes the one whose primary they are is found', () => {
      using under = make();
      using catalog = begun(under);
      const pair = plannedAsset([
        plannedResource(`${day}/a.jpg`),
        plannedResource(`${day}/a.mov`, { role: 'pairedVideo', bytes: 'movie' }),
      ]);
      const lone = plannedAsset([plannedResource(`${day}/z.mov`, { bytes: 'movie' })], { kind: 'video' });
      catalog.record(importId, [pair, lone]);
      expect(catalog.findOriginal(hashOf('movie'))).toBe(lone.assetId);
    });

    test('Assets are found by folder and key of their source, also through a duplicate', () => {
      using under = make();
      using catalog = begun(under);
      const plan = plannedAsset([plannedResource(`${day}/IMG_1.HEIC`, { bytes: 'x' })], {
        duplicates: [duplicateOf('IMG_E9.HEIC', 'x')],
      });
      catalog.record(importId, [plan]);
      const find = (folder: string, key: string, source = sourceId) =>
        catalog.findAssetsByKey({ sourceId: source, folder, key });
      expect(find('DCIM', 'img_1')).toEqual([plan.assetId]);
      expect(catalog.findEntry(sourceId, 'DCIM/IMG_E9.HEIC' as SourcePath)).toBeDefined();
      for (const nothing of [find('', 'img_1'), find('DCIM', 'img_2'), find('DCIM', 'img_1', 'other' as SourceId)])
        expect(nothing).toEqual([]);
    });

    test('A Live Photo is found by its identifier in its own folder only', () => {
      using under = make();
      using catalog = begun(under);
      const plan = livePhoto();
      catalog.record(importId, [plan]);
      expect(catalog.findAssetByLiveId({ sourceId, folder: 'DCIM', liveId: 'LIVE' })).toBe(plan.assetId);
      for (const other of [{ folder: 'DCIM/x' }, { liveId: 'live' }, { sourceId: 'other' as SourceId }])
        expect(catalog.findAssetByLiveId({ sourceId, folder: 'DCIM', liveId: 'LIVE', ...other })).toBeUndefined();
    });

    test('A photo is found by camera, moment and stem, all three', () => {
      using under = make();
      using catalog = begun(under);
      const plan = plannedAsset([plannedResource(`${day}/DSC_1.NEF`)], { camera: 'N|D|1' });
      catalog.record(importId, [plan]);
      const query = { camera: 'N|D|1', local: '2024-07-14T10:11:12', stem: 'DSC_1' };
      expect(catalog.findAssetByExposure(query)).toBe(plan.assetId);
      for (const other of [{ camera: 'N|D|2' }, { local: '2024-07-14T10:11:13' }, { stem: 'DSC_2' }])
        expect(catalog.findAssetByExposure({ ...query, ...other })).toBeUndefined();
    });

    test('A name or stem that another asset has is taken, however it is spelt', () => {
      using under = make();
      using catalog = begun(under);
      const plan = plannedAsset([plannedResource(`${day}/K\u00f6ln.JPG`)]);
      catalog.record(importId, [plan]);
      for (const spelling of [`${day}/K\u00f6ln.JPG`, `${day}/ko\u0308LN.jpg`])
        expect(catalog.isPathTaken(spelling as RelativePath)).toBe(true);
      expect(catalog.isPathTaken(`${day}/K\u00f6ln.MOV` as RelativePath)).toBe(false);
      const stem = stemKeyOf(`${day}/k\u00f6ln.mov`);
      expect([
        catalog.isStemTaken(stem),
        catalog.isStemTaken(stem, plan.assetId),
        catalog.isStemTaken(stem, randomUUID() as AssetId),
      ]).toEqual([true, false, true]);
    });

    test('A lone video that turns out to be half of a Live Photo becomes one', () => {
      using under = make();
      using catalog = begun(under);
      const video = plannedAsset([plannedResource(`${day}/IMG_2.MOV`)], { kind: 'video', liveId: 'L' });
      const { assetId } = video;
      const still = plannedAsset([plannedResource(`${day}/IMG_2.HEIC`)], {
        ...{ assetId, isNew: false, liveId: 'L', becomesPairedVideo: `${day}/IMG_2.MOV` as RelativePath },
      });
      catalog.record(importId, [video]);
      catalog.record(importId, [still]);
      const asset = catalog.getAsset(assetId);
      expect(asset?.kind).toBe('photo');
      expect(asset?.resources.map(({ role, path }) => `${path.slice(-4)} ${role}`)).toEqual([
        'HEIC original',
        '.MOV pairedVideo',
      ]);
    });

    test('An asset learns its Live Photo identifier from a file that joins it, and keeps the first', () => {
      using under = make();
      using catalog = begun(under);
      const plan = plannedAsset([plannedResource(`${day}/a.NEF`)]);
      const later = (name: string, liveId: string) =>
        plannedAsset([plannedResource(`${day}/${name}`, { role: 'alternate' })], {
          assetId: plan.assetId,
          isNew: false,
          liveId,
        });
      catalog.record(importId, [plan, later('a.HEIC', 'FIRST'), later('a.JPG', 'SECOND')]);
      expect(catalog.getAsset(plan.assetId)?.liveId).toBe('FIRST');
    });

    test('What is journalled waits, in order, until it is recorded or taken back', () => {
      using under = make();
      const plans = ['a', 'b', 'c'].map((name) =>
        plannedAsset([plannedResource(`${day}/${name}.jpg`, { modifiedAtNs: -1n })]),
      );
      begun(under).journal(importId, plans);
      using catalog = under.open();
      expect(catalog.journalled()).toEqual(plans.map((plan) => ({ importId, plan })));
      expect(catalog.getAsset(plans[0]?.assetId as AssetId), 'journalled is not recorded').toBeUndefined();
      expect(catalog.findEntry(sourceId, 'DCIM/a.jpg' as SourcePath)).toBeUndefined();
      catalog.record(importId, plans.slice(0, 1));
      catalog.forgetJournal([plans[1]?.assetId as AssetId]);
      expect(catalog.journalled()).toEqual([{ importId, plan: plans[2] }]);
    });

    test('A batch is recorded whole or not at all', () => {
      using under = make();
      const good = plannedAsset([plannedResource(`${day}/good.jpg`)]);
      // A later file for an asset that nobody recorded.
      const bad = plannedAsset([plannedResource(`${day}/bad.jpg`)], { isNew: false });
      const before = begun(under);
      before.journal(importId, [good]);
      expect(() => before.record(importId, [good, bad])).toThrow();
      using catalog = under.open();
      expect(catalog.getAsset(good.assetId)).toBeUndefined();
      expect(catalog.journalled()).toHaveLength(1);
      expect(catalog.isPathTaken(`${day}/good.jpg` as RelativePath)).toBe(false);
    });

    test('A manifest is remembered with its size until something is recorded without one', () => {
      using under = make();
      using catalog = begun(under);
      expect([catalog.hasImport(importId), catalog.hasImport('x' as ImportId)]).toEqual([true, false]);
      catalog.record(importId, [livePhoto()], 700);
      catalog.noteManifest('a copy of it' as ImportId, 700);
      expect(catalog.manifests()).toEqual(
        new Map([
          ['a copy of it', 700],
          [importId, 700],
        ]),
      );
      expect(catalog.sourceHistory()).toEqual([{ ...sampleSource, manifests: 1 }]);
      catalog.record(importId, []);
      expect(catalog.manifests().get(importId)).toBeUndefined();
      expect(catalog.manifests().has(importId), 'there is one all the same').toBe(true);
    });

    test('What is remembered of a source can be taken over by another catalogue, whose later imports it keeps', () => {
      using under = make();
      using other = make();
      const from = begun(under);
      from.finishImport(importId, { finishedAtMs: 3000, counts, complete: true });
      const history = from.sourceHistory();
      const last = { importId, startedAtMs: 1000, finishedAtMs: 3000, counts, complete: true };
      expect(history).toEqual([{ ...sampleSource, lastSuccessAtMs: 3000, lastImport: last, manifests: 0 }]);
      const to = other.open();
      const killed = '20250101-000000-000000' as ImportId;
      to.beginImport({ importId, source: { ...sampleSource, name: 'old' }, startedAtMs: 1000 });
      to.closeImport(importId);
      to.restoreHistory(history);
      expect(to.summarize()).toEqual(from.summarize());
      to.beginImport({ importId: killed, source: { ...sampleSource, name: 'new' }, startedAtMs: 5000 });
      to.restoreHistory(history);
      expect(to.summarize().sources).toEqual([{ ...from.summarize().sources[0], name: 'new' }]);
      expect(to.unfinishedImports()).toEqual([killed]);
    });

    test('A name that a later import gave to another asset is that asset’s, and one without files is none', () => {
      using under = make();
      using catalog = begun(under);
      const [former, later] = [livePhoto(), plannedAsset([plannedResource(`${day}/lone.jpg`)])];
      const gone = plannedAsset([
        plannedResource(`${day}/lone.jpg`, { bytes: 'older', sourcePath: 'x' as SourcePath }),
      ]);
      catalog.record(importId, [former, gone]);
      catalog.record(importId, [later, plannedAsset([plannedResource(`${day}/IMG_1.MOV`)])]);
      expect(catalog.getAsset(gone.assetId)).toBeUndefined();
      expect(catalog.getAsset(later.assetId)?.resources).toHaveLength(1);
      expect(catalog.findOriginal(hashOf('older'))).toBeUndefined();
      expect(catalog.getAsset(former.assetId)?.resources).toHaveLength(2);
      expect(catalog.summarize()).toMatchObject({ assets: 3, resources: 4 });
    });

    test('An import is unfinished from its beginning until it is finished or closed', () => {
      using under = make();
      const other = '20250101-000000-000000' as ImportId;
      begun(under).beginImport({ importId: other, source: sampleSource, startedAtMs: 2000 });
      using catalog = under.open();
      expect(catalog.unfinishedImports()).toEqual([importId, other]);
      expect(catalog.importOrigin(other)).toEqual({ source: sampleSource, startedAtMs: 2000 });
      catalog.closeImport(other);
      expect(catalog.unfinishedImports()).toEqual([importId]);
      catalog.finishImport(importId, { finishedAtMs: 3000, counts, complete: true });
      catalog.closeImport(importId);
      expect(catalog.unfinishedImports()).toEqual([]);
      expect(catalog.summarize().sources[0]?.lastImport, 'closing does not undo a finish').toBeDefined();
    });

    test('A file of the library is found by its path, however case and accents are spelt, and by its stem', () => {
      using under = make();
      const plan = livePhoto();
      begun(under).record(importId, [plan]);
      using catalog = under.open();
      const [still] = plan.resources;
      const { role, path, hash, sizeBytes, modifiedAtNs } = still as PlannedAsset['resources'][number];
      const filed = { assetId: plan.assetId, role, path, hash, sizeBytes, modifiedAtNs };
      expect(catalog.findFiled(path)).toEqual(filed);
      expect(catalog.findFiled(path.toLowerCase() as RelativePath), 'with the path as it is').toEqual(filed);
      expect(catalog.findFiled(`${day}/IMG_2.HEIC` as RelativePath)).toBeUndefined();
      expect(catalog.findFiledByStem(stemKeyOf(`${day}/img_1.xmp`)), 'once').toEqual([plan.assetId]);
      expect(catalog.findFiledByStem(stemKeyOf(`${day}/IMG_2.xmp`))).toEqual([]);
    });

    test('A Live Photo is found by its identifier in the folder of the library that has a file of it, and in no other', () => {
      using under = make();
      const plan = livePhoto();
      const root = plannedAsset([plannedResource('top.MOV')], { liveId: 'TOP' });
      begun(under).record(importId, [plan, root]);
      using catalog = under.open();
      expect(catalog.findFiledByLiveId({ folder: day, liveId: 'LIVE' })).toBe(plan.assetId);
      expect(catalog.findFiledByLiveId({ folder: '', liveId: 'TOP' })).toBe(root.assetId);
      for (const folder of ['2024', `${day}/deeper`, ''])
        expect(catalog.findFiledByLiveId({ folder, liveId: 'LIVE' })).toBeUndefined();
      expect(catalog.findFiledByLiveId({ folder: day, liveId: 'OTHER' })).toBeUndefined();
    });

    test('The latest import is the one that was begun last, whatever the clock said', () => {
      using under = make();
      using catalog = under.open();
      expect(catalog.latestImport()).toBeUndefined();
      for (const id of ['20250102-000000-000000', '20240101-000000-000000'] as ImportId[]) {
        catalog.beginImport({ importId: id, source: sampleSource, startedAtMs: 1000 });
        expect(catalog.latestImport()).toBe(id);
      }
    });

    test('A movie that becomes the moving half of a still becomes it with all of its copies', () => {
      using under = make();
      using catalog = begun(under);
      const movie = plannedResource('a/m.MOV', { bytes: 'movie' });
      const plan = plannedAsset([movie, plannedResource('b/copy.MOV', { bytes: 'movie' })], { kind: 'video' });
      const still = plannedResource('a/m.HEIC');
      catalog.record(importId, [plan]);
      catalog.record(importId, [{ ...plan, isNew: false, resources: [still], becomesPairedVideo: movie.path }]);
      const asset = catalog.getAsset(plan.assetId);
      expect(asset?.kind).toBe('photo');
      expect(asset?.resources.map(({ role }) => role).sort()).toEqual(['original', 'pairedVideo', 'pairedVideo']);
    });

    test('Only a complete import counts as a success, and an incomplete one does not take the last success back', () => {
      using under = make();
      using catalog = begun(under);
      const finish = (id: ImportId, result: FinishedImport) => {
        catalog.finishImport(id, result);
        return catalog.summarize().sources;
      };
      const first = { finishedAtMs: 3000, counts, complete: false };
      expect(finish(importId, first)).toEqual([{ ...sampleSource, lastImport: first }]);
      const [second, third] = ['20250101-000000-000000', '20250102-000000-000000'] as ImportId[] as [
        ImportId,
        ImportId,
      ];
      catalog.beginImport({ importId: second, source: { ...sampleSource, name: 'new name' }, startedAtMs: 4000 });
      const complete = { finishedAtMs: 5000, counts, complete: true };
      expect(finish(second, complete)).toEqual([
        { ...sampleSource, name: 'new name', lastSuccessAtMs: 5000, lastImport: complete },
      ]);
      catalog.beginImport({ importId: third, source: sampleSource, startedAtMs: 6000 });
      const incomplete = { finishedAtMs: 7000, counts, complete: false };
      expect(finish(third, incomplete)).toEqual([{ ...sampleSource, lastSuccessAtMs: 5000, lastImport: incomplete }]);
    });
  });
}
