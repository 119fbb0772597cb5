// Status says of every photo how safe it is from these rows, which one statement finds by a way of its own. Here they are found the slow way.
import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { findingKinds } from '../../../../src/domain/copies.ts';
import type { AssetId, DriveId } from '../../../../src/domain/ids.ts';
import { dayMs, type KnownDrive, type SafetyView, summarizeSafety } from '../../../../src/domain/safety.ts';
import type { FileWithCopies } from '../../../../src/library/catalog/copies-store.ts';
import { openCatalog } from '../../../../src/library/catalog/sqlite-catalog.ts';
import { foldName } from '../../../../src/library/portable-name.ts';
import { libraryId } from '../../../contract/catalog-store.ts';
import { temporaryFolder } from '../../../support/keepsake.ts';

const nowMs = Date.UTC(2026, 5, 1, 12);
const driveIds = ['blue', 'red', 'nas', 'forgotten'] as const;
// In another order than their keys, and with names beyond ASCII, whose order in UTF-8 is not that of UTF-16.
const paths = [
  '2024/B.jpg',
  '2024/a.jpg',
  '2024/a.mov',
  '2024/É.jpg',
  '2024/\u{1f431}.jpg',
  '2024/\uff21.jpg',
  'Z.jpg',
];
const view: SafetyView = {
  nowMs,
  library: { diskKey: 'computer', medium: 'builtIn' },
  drives: new Map(
    (['blue', 'red', 'nas'] as DriveId[]).map((driveId): [DriveId, KnownDrive] => [
      driveId,
      { driveId, diskKey: driveId, medium: driveId === 'nas' ? 'network' : 'external', isElsewhere: driveId === 'red' },
    ]),
  ),
};

const moment = fc.integer({ min: 0, max: 900 }).map((days) => nowMs - days * dayMs);
const hash = fc.constantFrom('sha256:1', 'sha256:2');
const removedBy = fc.option(fc.constant('removal'), { freq: 5 });
const anyResource = fc.record({
  path: fc.constantFrom(...paths),
  asset: fc.constantFrom('one', 'two', 'three'),
  hash,
  importId: fc.constantFrom('early', 'late', 'not known'),
  checkedAtMs: fc.option(moment),
  removedBy,
});
const anyCopied = fc.record({
  drive: fc.constantFrom(...driveIds),
  path: fc.constantFrom(...paths, 'elsewhere.jpg'),
  hash,
  copiedAtMs: moment,
  readBackAtMs: fc.option(moment, { freq: 3 }),
  checkedAtMs: fc.option(moment),
  removedBy,
});
const anyFinding = fc.record({
  place: fc.constantFrom('library' as const, ...driveIds),
  path: fc.constantFrom(...paths, 'elsewhere.jpg'),
  kind: fc.constantFrom(...findingKinds),
});
const anyCatalog = fc.record({
  resources: fc.uniqueArray(anyResource, { selector: ({ path }) => path, maxLength: 7, size: 'max' }),
  copied: fc.uniqueArray(anyCopied, { selector: ({ drive, path }) => `${drive} ${path}`, maxLength: 30, size: 'max' }),
  findings: fc.uniqueArray(anyFinding, { selector: ({ place, path }) => `${place} ${path}`, maxLength: 8 }),
  startedAtMs: fc.record({ early: moment, late: moment }),
});
type Facts = typeof anyCatalog extends fc.Arbitrary<infer Value> ? Value : never;

function computedSlowly({ resources, copied, findings, startedAtMs }: Facts): readonly FileWithCopies[] {
  const findingOf = (place: string, path: string) => {
    const found = findings.find((each) => each.place === place && each.path === path);
    return found === undefined ? {} : { finding: found.kind };
  };
  const at = <Name extends string>(name: Name, value: number | null) => (value === null ? {} : { [name]: value });
  return resources
    .filter((file) => file.removedBy === null)
    .map((file) => ({
      assetId: file.asset as AssetId,
      path: file.path as FileWithCopies['path'],
      savedAtMs: file.importId === 'not known' ? 0 : startedAtMs[file.importId as 'early' | 'late'],
      ...at('checkedAtMs', file.checkedAtMs),
      ...findingOf('library', file.path),
      copies: copied
        .filter((copy) => copy.removedBy === null && copy.path === file.path && copy.hash === file.hash)
        .map((copy) => ({
          ...{ driveId: copy.drive as string as DriveId, copiedAtMs: copy.copiedAtMs },
          ...at('readBackAtMs', copy.readBackAtMs),
          ...at('checkedAtMs', copy.checkedAtMs),
          ...findingOf(copy.drive, file.path),
        })),
    }));
}

/** Where nothing says in which order they come. */
function inOrder(files: readonly FileWithCopies[]): readonly FileWithCopies[] {
  return files
    .map((file) => ({ ...file, copies: file.copies.toSorted((a, b) => (a.driveId < b.driveId ? -1 : 1)) }))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

test('Every file comes with all that is known of its copies, those of one asset together', () => {
  using scratch = temporaryFolder();
  const path = join(scratch.path, 'c.db');
  using catalog = openCatalog({ path, libraryId });
  const database = new Database(path);
  try {
    database.pragma('synchronous = OFF');
    fc.assert(
      fc.property(anyCatalog, (facts) => {
        fill(database, facts);
        const files = [...catalog.copies.filesWithCopies()];
        const slowly = computedSlowly(facts);
        expect(inOrder(files)).toEqual(inOrder(slowly));
        const runs = files.filter(({ assetId }, n) => assetId !== files[n - 1]?.assetId);
        expect(runs.length, 'no asset comes twice').toBe(new Set(files.map(({ assetId }) => assetId)).size);
        expect(summarizeSafety(files, view)).toEqual(
          summarizeSafety(
            slowly.toSorted((a, b) => (a.assetId < b.assetId ? -1 : a.assetId > b.assetId ? 1 : 0)),
            view,
          ),
        );
      }),
      { numRuns: 300 },
    );
  } finally {
    database.close();
  }
});

function fill(database: Database.Database, { resources, copied, findings, startedAtMs }: Facts): void {
  const insert = (table: string, row: Record<string, string | number | null>) => {
    const names = Object.keys(row);
    database
      .prepare(`INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map((name) => `@${name}`).join(', ')})`)
      .run(row);
  };
  database.transaction(() => {
    for (const table of ['finding', 'copied', 'resource', 'asset', 'import', 'source'])
      database.prepare(`DELETE FROM ${table}`).run();
    insert('source', { id: 's', kind: 'folder', name: 's' });
    for (const [id, started_at_ms] of Object.entries(startedAtMs))
      insert('import', { id, source_id: 's', started_at_ms, state: 'finished' });
    for (const id of ['one', 'two', 'three'])
      insert('asset', { id, kind: 'photo', date_basis: 'exif', folder: '', stem: id, suffix: 1 });
    for (const file of resources) {
      insert('resource', {
        ...{ path_key: foldName(file.path), stem_key: 'x', asset_id: file.asset, role: 'original', path: file.path },
        ...{ hash: file.hash, size_bytes: 1, modified_at_ns: 1, original_name: 'x', import_id: file.importId },
        ...{ checked_at_ms: file.checkedAtMs, removed_by: file.removedBy },
      });
    }
    for (const copy of copied) {
      insert('copied', {
        ...{ drive_id: copy.drive, path: copy.path, hash: copy.hash, size_bytes: 1, modified_at_ns: 1, is_ours: 1 },
        ...{ copied_at_ms: copy.copiedAtMs, read_back_at_ms: copy.readBackAtMs },
        ...{ checked_at_ms: copy.checkedAtMs, removed_by: copy.removedBy },
      });
    }
    for (const finding of findings) insert('finding', { ...finding, found_at_ms: 1 });
  })();
}
