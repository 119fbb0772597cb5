// The catalogue knows which photos are saved: one that is replaced because it could not be read, or written by a version
// that does not understand it, has them saved twice or never.
import { copyFileSync, existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { isAgentError } from '../../../../src/domain/errors.ts';
import type { LibraryId, SourcePath } from '../../../../src/domain/ids.ts';
import { catalogMigrations } from '../../../../src/library/catalog/migrations.ts';
import { folderOf, openCatalog, stemKeyOf } from '../../../../src/library/catalog/sqlite-catalog.ts';
import { type CatalogUnderTest, describeCatalogStore, libraryId } from '../../../contract/catalog-store.ts';
import { importId, plannedAsset, plannedResource, sampleSource, sourceId } from '../../../contract/sample-plans.ts';
import { temporaryFolder } from '../../../support/keepsake.ts';
import { makeCatalogOld } from '../../../support/old-catalog.ts';

describeCatalogStore('The catalogue in SQLite', (): CatalogUnderTest => {
  const scratch = temporaryFolder();
  let last: Disposable | undefined;
  return {
    open: () => {
      last?.[Symbol.dispose]();
      const catalog = openCatalog({ path: join(scratch.path, 'c.db'), libraryId });
      last = catalog;
      return catalog;
    },
    [Symbol.dispose]: () => {
      last?.[Symbol.dispose]();
      scratch[Symbol.dispose]();
    },
  };
});

const plan = plannedAsset([plannedResource('2024/2024-07-14/a.jpg')]);
const entryPath = 'DCIM/a.jpg' as SourcePath;

/** A catalogue file with one photo, closed. */
function filled(): Disposable & { readonly path: string; readonly folder: string } {
  const scratch = temporaryFolder();
  const path = join(scratch.path, 'c.db');
  using catalog = openCatalog({ path, libraryId });
  catalog.beginImport({ importId, source: sampleSource, startedAtMs: 1 });
  catalog.record(importId, [plan]);
  return { path, folder: scratch.path, [Symbol.dispose]: () => scratch[Symbol.dispose]() };
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (isAgentError(error)) return error.code;
    throw error;
  }
  return 'no failure';
}

test('What is committed is on the disk at once: write-ahead log, fully flushed', () => {
  using file = filled();
  using _catalog = openCatalog({ path: file.path, libraryId });
  const database = new Database(file.path);
  expect(database.pragma('journal_mode', { simple: true })).toBe('wal');
  database.close();
});

const second = 'ALTER TABLE asset ADD COLUMN rating INTEGER; UPDATE asset SET rating = 3;';

test('Before a migration the old catalogue is put aside, and it can be opened with its rows', () => {
  using file = filled();
  using newer = openCatalog({ path: file.path, libraryId, migrations: [...catalogMigrations, second] });
  expect(newer.getAsset(plan.assetId)).toBeDefined();
  const database = new Database(file.path, { readonly: true });
  expect(database.prepare('SELECT rating FROM asset').all()).toEqual([{ rating: 3 }]);
  database.close();

  const aside = `${file.path}.before-v${catalogMigrations.length + 1}`;
  using older = openCatalog({ path: aside, libraryId });
  expect(older.findEntry(sourceId, entryPath)).toBeDefined();
  expect(older.getAsset(plan.assetId)).toEqual(newer.getAsset(plan.assetId));
});

test('From version 3 to 4 nothing is lost, and every file is due for a check', () => {
  using file = filled();
  makeCatalogOld(file.path, 3);
  using newer = openCatalog({ path: file.path, libraryId });
  expect(newer.getAsset(plan.assetId)?.resources).toHaveLength(1);
  expect(newer.copies.dueLibraryFiles({ beforeMs: 0, nowMs: 0, limit: 10 })).toMatchObject([{ assetId: plan.assetId }]);
  expect(newer.copies.findings()).toEqual([]);
});

test('From version 2 to 3 nothing is lost', () => {
  using file = filled();
  makeCatalogOld(file.path, 2);
  using newer = openCatalog({ path: file.path, libraryId });
  expect(newer.getAsset(plan.assetId)).toMatchObject({ date: plan.date });
  expect(newer.findEntry(sourceId, entryPath)).toBeDefined();
  expect(newer.photos.reading(sourceId)).toBeUndefined();
});

test('From version 1 to 2 nothing is lost, a snapshot is kept, and the manifests are to be looked at', () => {
  using file = filled();
  makeCatalogOld(file.path, 1);
  expect(codeOf(() => openCatalog({ path: file.path, libraryId, readOnly: true }))).toBe('CATALOG_MISSING');
  using newer = openCatalog({ path: file.path, libraryId });
  expect(newer.getAsset(plan.assetId)?.resources).toHaveLength(1);
  expect(newer.findEntry(sourceId, entryPath)).toBeDefined();
  expect(newer.manifests()).toEqual(new Map([[importId, undefined]]));
  const older = new Database(`${file.path}.before-v2`, { readonly: true });
  expect(older.pragma('user_version', { simple: true })).toBe(1);
  expect(older.prepare('SELECT path FROM source_entry').all()).toEqual([{ path: entryPath }]);
  older.close();
});

test('A new catalogue is preceded by nothing', () => {
  using scratch = temporaryFolder();
  openCatalog({ path: join(scratch.path, 'c.db'), libraryId })[Symbol.dispose]();
  expect(readdirSync(scratch.path)).toEqual(['c.db']);
});

test('A catalogue whose parts contradict each other is not called whole', () => {
  using file = filled();
  {
    using catalog = openCatalog({ path: file.path, libraryId });
    expect(catalog.isWhole()).toBe(true);
  }
  const database = new Database(file.path);
  database.unsafeMode();
  database.pragma('writable_schema = ON');
  database.prepare("DELETE FROM sqlite_schema WHERE name = 'resource_by_hash'").run(); // its pages belong to nothing now
  database.close();
  using catalog = openCatalog({ path: file.path, libraryId });
  expect(catalog.isWhole()).toBe(false);
});

test('A migration that fails halfway leaves the catalogue as it was, and can be tried again', () => {
  using file = filled();
  const broken = [...catalogMigrations, `${second} INSERT INTO nowhere VALUES (1);`];
  for (let turn = 0; turn < 2; turn += 1)
    expect(codeOf(() => openCatalog({ path: file.path, libraryId, migrations: broken }))).toBe('CATALOG_DAMAGED');
  {
    using catalog = openCatalog({ path: file.path, libraryId });
    expect(catalog.getAsset(plan.assetId)).toBeDefined();
  }
  using catalog = openCatalog({ path: file.path, libraryId, migrations: [...catalogMigrations, second] });
  expect(catalog.getAsset(plan.assetId)).toBeDefined();
});

test('Of several migrations each has its own snapshot', () => {
  using file = filled();
  const third = 'CREATE TABLE more (id INTEGER) STRICT;';
  openCatalog({ path: file.path, libraryId, migrations: [...catalogMigrations, second, third] })[Symbol.dispose]();
  const snapshots = readdirSync(file.folder).filter((name) => name.includes('.before-v'));
  expect(snapshots).toEqual([
    `c.db.before-v${catalogMigrations.length + 1}`,
    `c.db.before-v${catalogMigrations.length + 2}`,
  ]);
});

test.for(['WAL', 'DELETE'])('A newer catalogue (%s) is refused and not a byte of it is changed', (journalMode) => {
  using file = filled();
  const database = new Database(file.path);
  database.pragma(`journal_mode = ${journalMode}`);
  database.pragma('user_version = 99');
  database.close();
  const before = readFileSync(file.path);
  for (const readOnly of [false, true])
    expect(codeOf(() => openCatalog({ path: file.path, libraryId, readOnly }))).toBe('CATALOG_TOO_NEW');
  expect(readFileSync(file.path).equals(before)).toBe(true);
});

test.for([
  ['text', (path: string) => writeFileSync(path, 'this is no database. '.repeat(400))],
  ['zeros', (path: string) => writeFileSync(path, Buffer.alloc(20_000))],
  ['only its first page', (path: string) => truncateSync(path, 4096)],
  ['half of it', (path: string) => truncateSync(path, Math.floor(readFileSync(path).length / 2))],
  ['a few bytes of it', (path: string) => truncateSync(path, 60)],
  [
    "another program's database",
    (path: string) => {
      writeFileSync(path, '');
      const database = new Database(path);
      database.exec('CREATE TABLE asset (title TEXT)');
      database.close();
    },
  ],
] as const)('A catalogue that is %s is reported as damaged and kept', ([, damage]) => {
  using file = filled();
  damage(file.path);
  const before = readFileSync(file.path);
  const use = () => {
    using catalog = openCatalog({ path: file.path, libraryId });
    catalog.summarize();
    catalog.findEntry(sourceId, entryPath);
    catalog.getAsset(plan.assetId);
  };
  expect(codeOf(use)).toBe('CATALOG_DAMAGED');
  expect(codeOf(use), 'also the second time').toBe('CATALOG_DAMAGED');
  expect(readFileSync(file.path).length).toBe(before.length);
});

test("Another library's catalogue is refused and kept", () => {
  using file = filled();
  const other = '99999999-2222-4333-8444-555555555555' as LibraryId;
  for (const readOnly of [false, true])
    expect(codeOf(() => openCatalog({ path: file.path, libraryId: other, readOnly }))).toBe('CATALOG_DAMAGED');
  using catalog = openCatalog({ path: file.path, libraryId });
  expect(catalog.getAsset(plan.assetId)).toBeDefined();
});

test('Reading one that is not there is an error and makes none', () => {
  using scratch = temporaryFolder();
  const path = join(scratch.path, 'c.db');
  expect(codeOf(() => openCatalog({ path, libraryId, readOnly: true }))).toBe('CATALOG_MISSING');
  expect(readdirSync(scratch.path)).toEqual([]);
});

test('Reading does not bring an older one up to date', () => {
  using file = filled();
  const migrations = [...catalogMigrations, second];
  const next = `${file.path}.before-v${migrations.length}`;
  expect(codeOf(() => openCatalog({ path: file.path, libraryId, readOnly: true, migrations }))).toBe('CATALOG_MISSING');
  expect(existsSync(next)).toBe(false);
});

test('A reader cannot write', () => {
  using file = filled();
  using catalog = openCatalog({ path: file.path, libraryId, readOnly: true });
  expect(codeOf(() => catalog.record(importId, [plan]))).toBe('STATE_WRITE_FAILED');
});

test('A folder that is not there is told as one that cannot be written', () => {
  using scratch = temporaryFolder();
  expect(() => openCatalog({ path: join(scratch.path, 'none/c.db'), libraryId })).toThrow();
});

test('A reader sees what was committed, and nothing else, while another writes', () => {
  using file = filled();
  using writer = openCatalog({ path: file.path, libraryId });
  using reader = openCatalog({ path: file.path, libraryId, readOnly: true });
  const next = plannedAsset([plannedResource('2024/2024-07-14/b.jpg')]);
  writer.journal(importId, [next]);
  expect(reader.journalled()).toHaveLength(1);
  expect(reader.getAsset(next.assetId)).toBeUndefined();
  writer.record(importId, [next]);
  expect(reader.getAsset(next.assetId)).toBeDefined();
  expect(reader.journalled()).toEqual([]);
});

test('Two writers never mix within a transaction: both ends up recorded', () => {
  using file = filled();
  using one = openCatalog({ path: file.path, libraryId });
  using other = openCatalog({ path: file.path, libraryId });
  for (let turn = 0; turn < 20; turn += 1) {
    one.record(importId, [plannedAsset([plannedResource(`2024/x/one${turn}.jpg`)])]);
    other.record(importId, [plannedAsset([plannedResource(`2024/x/other${turn}.jpg`)])]);
  }
  expect(one.summarize()).toMatchObject({ assets: 41, resources: 41 });
  expect(other.summarize()).toEqual(one.summarize());
});

test('A snapshot has everything that was committed, can be opened, and never takes the place of a file', () => {
  using file = filled();
  using catalog = openCatalog({ path: file.path, libraryId });
  catalog.journal(importId, [plannedAsset([plannedResource('2024/x/b.jpg')])]);
  const snapshot = join(file.folder, 'snapshot.db');
  catalog.snapshotTo(snapshot);
  catalog.record(importId, [plannedAsset([plannedResource('2024/x/c.jpg')])]);
  {
    using copy = openCatalog({ path: snapshot, libraryId });
    expect(copy.getAsset(plan.assetId)).toEqual(catalog.getAsset(plan.assetId));
    expect(copy.journalled()).toHaveLength(1);
    expect(copy.summarize().assets).toBe(1);
  }
  const before = readFileSync(snapshot);
  expect(() => catalog.snapshotTo(snapshot)).toThrow();
  expect(readFileSync(snapshot).equals(before)).toBe(true);
});

test('A copy of the file alone, taken after closing, is whole', () => {
  using file = filled();
  expect(readdirSync(file.folder)).toEqual(['c.db']);
  const copy = join(file.folder, 'copy.db');
  copyFileSync(file.path, copy);
  using catalog = openCatalog({ path: copy, libraryId });
  expect(catalog.getAsset(plan.assetId)).toBeDefined();
});

test('Folder and stem of a path', () => {
  expect([folderOf('a/b/c.jpg'), folderOf('c.jpg'), folderOf('/c.jpg')]).toEqual(['a/b', '', '']);
  expect(stemKeyOf('2024/X/IMG_1.HEIC')).toBe(stemKeyOf('2024/x/img_1.heic.xmp'));
  expect(stemKeyOf('2024/x/IMG_1.HEIC')).not.toBe(stemKeyOf('2024/x/IMG_1~2.HEIC'));
});
