// The catalogue as a SQLite file. Every commit is on the disk when it returns (WAL with synchronous = FULL). A newer schema
// is refused, a migration is preceded by a snapshot, and a file that cannot be read is kept and reported, never replaced.

import { existsSync, rmSync } from 'node:fs';
import Database from 'better-sqlite3';
import { AgentError } from '../../domain/errors.ts';
import type {
  AssetId,
  ContentHash,
  ImportId,
  LibraryId,
  RelativePath,
  RemovalId,
  SourceId,
  SourcePath,
} from '../../domain/ids.ts';
import type { AssetKind, CaptureDate, DateBasis, ResourceRole } from '../../domain/media.ts';
import { type PlannedAsset, type PlannedResource, planFromJson, planToJson } from '../planned-asset.ts';
import { foldName } from '../portable-name.ts';
import { type AssetSearch, openAssetSearch } from './asset-search.ts';
import type {
  CatalogAsset,
  CatalogStore,
  CatalogSummary,
  EntryFacts,
  FiledResource,
  FinishedImport,
  ImportCounts,
  KnownEntry,
  SourceHistory,
  SourceSummary,
} from './catalog-store.ts';
import { type CopiesStore, openCopiesStore } from './copies-store.ts';
import { catalogMigrations } from './migrations.ts';
import { foldedStemOf } from './path-keys.ts';
import { openPhotosStore, type PhotosStore, type Statements } from './photos-store.ts';
import { displacedKey, displaceRemoved } from './removal-records.ts';

export interface OpenCatalogOptions {
  /** `state/catalogs/ID.db`. Its folder must exist. */
  readonly path: string;
  readonly libraryId: LibraryId;
  readonly readOnly?: boolean;
  /** For tests of the mechanism. */
  readonly migrations?: readonly string[];
}

/** For ordering: an asset that the owner removed comes after those that are there. */
const isGoneInSql =
  'NOT EXISTS (SELECT 1 FROM resource AS own WHERE own.asset_id = asset.id AND own.removed_by IS NULL)';
const busyTimeoutMs = 5000;
const cacheKibibytes = 8192;

/** What two assets must not share. */
export function stemKeyOf(path: string): string {
  return foldedStemOf(path);
}

/** The folder part of a source path, without a trailing slash; '' at the root. */
export function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/**
 * @throws AgentError CATALOG_TOO_NEW, CATALOG_DAMAGED (also if it belongs to another library), STATE_WRITE_FAILED; to read
 * only, also CATALOG_MISSING (there is none, or one of an older version).
 */
export function openCatalog(options: OpenCatalogOptions): CatalogStore {
  if (options.readOnly === true && !existsSync(options.path)) {
    throw new AgentError('CATALOG_MISSING', `There is no list of saved photos "${options.path}".`, {
      remedy: 'Save your photos once; the list is then made from your photo folder.',
    });
  }
  return translateErrors(options.path, () => {
    const database = new Database(options.path, {
      timeout: busyTimeoutMs,
      readonly: options.readOnly ?? false,
      fileMustExist: options.readOnly ?? false,
    });
    try {
      database.pragma('foreign_keys = ON');
      database.pragma(`cache_size = -${cacheKibibytes}`);
      assertNotNewer(database, options); // before WAL is chosen, which would already change the file
      if (options.readOnly !== true) {
        database.pragma('journal_mode = WAL');
        database.pragma('synchronous = FULL');
      }
      migrate(database, options);
      claim(database, options);
      return new SqliteCatalog(database, options);
    } catch (error) {
      database.close();
      throw error;
    }
  });
}

function versionOf(database: Database.Database): number {
  return Number(database.pragma('user_version', { simple: true }));
}

function assertNotNewer(database: Database.Database, options: OpenCatalogOptions): void {
  if (versionOf(database) <= (options.migrations ?? catalogMigrations).length) return;
  throw new AgentError(
    'CATALOG_TOO_NEW',
    `The list of saved photos "${options.path}" was written by a newer Keepsake.`,
    {
      remedy: 'Install the newer Keepsake again. Nothing was changed.',
    },
  );
}

function migrate(database: Database.Database, options: OpenCatalogOptions): void {
  const migrations = options.migrations ?? catalogMigrations;
  const version = versionOf(database);
  if (version === migrations.length) return;
  if (options.readOnly === true) {
    throw new AgentError('CATALOG_MISSING', `The list of saved photos "${options.path}" is of an older version.`, {
      remedy: 'Save your photos once; the list is then brought up to date.',
    });
  }
  for (let next = version; next < migrations.length; next += 1) {
    if (version > 0) {
      const snapshot = `${options.path}.before-v${next + 1}`;
      rmSync(snapshot, { force: true }); // left by an attempt that did not get further than this line
      database.prepare('VACUUM INTO ?').run(snapshot);
    }
    database.transaction(() => {
      database.exec(migrations[next] ?? '');
      database.pragma(`user_version = ${next + 1}`);
    })();
  }
}

function claim(database: Database.Database, options: OpenCatalogOptions): void {
  const row = database.prepare<[], { id: string }>('SELECT id FROM library').get();
  if (row === undefined && options.readOnly !== true) {
    database.prepare('INSERT INTO library (id) VALUES (?)').run(options.libraryId);
  } else if (row !== undefined && row.id !== options.libraryId) {
    throw new AgentError(
      'CATALOG_DAMAGED',
      `The list of saved photos "${options.path}" belongs to another photo folder.`,
      {
        remedy:
          'Run "keepsake rebuild": the list is made anew from your photo folder, and the old one is kept beside it.',
      },
    );
  }
}

/** Gives SQLite's errors our codes. Which is which: https://www.sqlite.org/rescode.html */
function translateErrors<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof Database.SqliteError)) throw error;
    if (/^SQLITE_(CORRUPT|NOTADB|SCHEMA|ERROR|MISMATCH)/.test(error.code)) {
      throw new AgentError('CATALOG_DAMAGED', `The list of saved photos "${path}" cannot be read (${error.code}).`, {
        remedy:
          'Run "keepsake rebuild": the list is made anew from your photo folder, and the old one is kept beside it.',
        cause: error,
      });
    }
    if (/^SQLITE_(FULL|IOERR|READONLY|CANTOPEN|PERM|BUSY)/.test(error.code)) {
      throw new AgentError(
        'STATE_WRITE_FAILED',
        `The list of saved photos "${path}" cannot be written (${error.code}).`,
        {
          remedy:
            'Check that there is room on the disk of your home folder and that you may write there, then save again.',
          cause: error,
        },
      );
    }
    throw error;
  }
}

type EntryRow = EntryFacts & { readonly path: SourcePath };
type Row = Record<string, string | bigint | null>;

class SqliteCatalog implements CatalogStore {
  readonly libraryId: LibraryId;
  readonly photos: PhotosStore;
  readonly copies: CopiesStore;
  readonly search: AssetSearch;
  readonly #database: Database.Database;
  readonly #path: string;
  readonly #prepared = new Map<string, Database.Statement>();
  readonly #statements: Statements;

  constructor(database: Database.Database, options: OpenCatalogOptions) {
    this.#database = database;
    this.#path = options.path;
    this.libraryId = options.libraryId;
    database.defaultSafeIntegers(true); // times are 64-bit nanoseconds
    const statements: Statements = {
      database,
      get: (sql, ...values) => this.#get(sql, ...values),
      all: (sql, ...values) => this.#all(sql, ...values),
      run: (sql, ...values) => this.#run(sql, ...values),
      transaction: (action) => this.#transaction(action),
    };
    this.#statements = statements;
    this.photos = openPhotosStore(statements);
    this.copies = openCopiesStore(statements);
    this.search = openAssetSearch(statements);
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }

  findEntry(sourceId: SourceId, path: SourcePath): KnownEntry | undefined {
    const row = this.#get(
      'SELECT size_bytes, modified_at_ns, head_hash FROM source_entry WHERE source_id = ? AND path = ?',
      sourceId,
      path,
    );
    if (row === undefined) return undefined;
    return {
      sizeBytes: Number(row['size_bytes']),
      modifiedAtNs: row['modified_at_ns'] as bigint,
      headHash: row['head_hash'] as ContentHash,
    };
  }

  findEntriesBelow(
    query: Parameters<CatalogStore['findEntriesBelow']>[0],
  ): ReadonlyMap<SourcePath, EntryFacts> | undefined {
    const { sourceId, folder, entriesMax } = query;
    // One stretch of the primary key, so that nothing is looked up one by one. '0' is the character after '/'; a blob comes
    // after any text (sqlite.org/datatype3.html, 4.1).
    const [after, before] = folder === '' ? ['', Buffer.alloc(0)] : [`${folder}/`, `${folder}0`];
    // Columns named and typed as the answer has them: of 100,000 rows each conversion would be felt. Sizes are exact in a REAL.
    const rows: readonly unknown[] = this.#all(
      `SELECT path, CAST(size_bytes AS REAL) AS sizeBytes, modified_at_ns AS modifiedAtNs FROM source_entry
       WHERE source_id = ? AND path > ? AND path < ? LIMIT ?`,
      ...[sourceId, after, before, entriesMax + 1],
    );
    if (rows.length > entriesMax) return undefined;
    return new Map((rows as readonly EntryRow[]).map((row) => [row.path, row]));
  }

  findAlike({ sizeBytes, headHash }: { sizeBytes: number; headHash: ContentHash }): SourceId | undefined {
    const row = this.#get(
      'SELECT source_id FROM source_entry WHERE head_hash = ? AND size_bytes = ? LIMIT 1',
      headHash,
      BigInt(sizeBytes),
    );
    return row?.['source_id'] as SourceId | undefined;
  }

  shiftEntryTimes(sourceId: SourceId, paths: readonly SourcePath[], shiftNs: bigint): void {
    this.#transaction(() => {
      for (const path of paths) {
        this.#run(
          'UPDATE source_entry SET modified_at_ns = modified_at_ns + ? WHERE source_id = ? AND path = ?',
          shiftNs,
          sourceId,
          path,
        );
      }
    });
  }

  findOriginal(hash: ContentHash): AssetId | undefined {
    // Sorted here: there is hardly ever more than one, and SQLite sets up its sorter even for none (50 µs, measured).
    const rows = this.#all(
      `SELECT asset_id, role, removed_by FROM resource WHERE hash = ? AND role IN ('original', 'alternate', 'pairedVideo')`,
      hash,
    );
    const rank = (row: Row) => (row['removed_by'] === null ? 0 : 2) + (row['role'] === 'original' ? 0 : 1);
    return rows.toSorted((a, b) => rank(a) - rank(b))[0]?.['asset_id'] as AssetId | undefined;
  }

  getAsset(assetId: AssetId): CatalogAsset | undefined {
    const row = this.#get('SELECT * FROM asset WHERE id = ?', assetId);
    if (row === undefined) return undefined;
    const resources = this.#all(
      'SELECT role, path, hash, size_bytes, removed_by FROM resource WHERE asset_id = ? ORDER BY path_key',
      assetId,
    );
    return {
      assetId,
      kind: row['kind'] as AssetKind,
      date: dateFromRow(row),
      folder: row['folder'] as RelativePath,
      stem: String(row['stem']),
      suffix: Number(row['suffix']),
      ...(row['live_id'] === null ? {} : { liveId: String(row['live_id']) }),
      ...(row['camera'] === null ? {} : { camera: String(row['camera']) }),
      resources: resources.map((resource) => ({
        role: resource['role'] as ResourceRole,
        path: resource['path'] as RelativePath,
        hash: resource['hash'] as ContentHash,
        sizeBytes: Number(resource['size_bytes']),
        ...(resource['removed_by'] === null ? {} : { removedBy: resource['removed_by'] as RemovalId }),
      })),
    };
  }

  findAssetsByKey(query: { sourceId: SourceId; folder: string; key: string }): readonly AssetId[] {
    return this.#all(
      `SELECT asset_id FROM source_entry WHERE source_id = ? AND folder = ? AND candidate_key = ?
       GROUP BY asset_id ORDER BY min(path)`,
      query.sourceId,
      query.folder,
      query.key,
    ).map((row) => row['asset_id'] as AssetId);
  }

  findAssetByLiveId(query: { sourceId: SourceId; folder: string; liveId: string }): AssetId | undefined {
    const row = this.#get(
      `SELECT asset.id FROM asset JOIN source_entry ON source_entry.asset_id = asset.id
       WHERE live_id = ? AND source_id = ? AND source_entry.folder = ? ORDER BY ${isGoneInSql}, source_entry.path LIMIT 1`,
      query.liveId,
      query.sourceId,
      query.folder,
    );
    return row?.['id'] as AssetId | undefined;
  }

  findAssetByExposure(query: { camera: string; local: string; stem: string }): AssetId | undefined {
    const row = this.#get(
      `SELECT id FROM asset WHERE camera = ? AND captured_local = ? AND stem = ? AND kind = 'photo'
       ORDER BY ${isGoneInSql} LIMIT 1`,
      query.camera,
      query.local,
      query.stem,
    );
    return row?.['id'] as AssetId | undefined;
  }

  findFiled(path: RelativePath): FiledResource | undefined {
    const row = this.#get('SELECT * FROM resource WHERE path_key = ?', foldName(path));
    if (row === undefined) return undefined;
    return {
      assetId: row['asset_id'] as AssetId,
      role: row['role'] as ResourceRole,
      path: row['path'] as RelativePath,
      hash: row['hash'] as ContentHash,
      sizeBytes: Number(row['size_bytes']),
      modifiedAtNs: row['modified_at_ns'] as bigint,
      ...(row['removed_by'] === null ? {} : { removedBy: row['removed_by'] as RemovalId }),
    };
  }

  findFiledByStem(stemKey: string): readonly AssetId[] {
    return this.#all(
      'SELECT asset_id FROM resource WHERE stem_key = ? AND removed_by IS NULL GROUP BY asset_id ORDER BY min(path_key)',
      stemKey,
    ).map((row) => row['asset_id'] as AssetId);
  }

  findFiledByLiveId(query: { folder: string; liveId: string }): AssetId | undefined {
    const rows = this.#all(
      `SELECT asset.id, path FROM asset JOIN resource ON resource.asset_id = asset.id
       WHERE live_id = ? AND removed_by IS NULL ORDER BY path`,
      query.liveId,
    );
    return rows.find((row) => folderOf(String(row['path'])) === query.folder)?.['id'] as AssetId | undefined;
  }

  isStemTaken(stemKey: string, except?: AssetId): boolean {
    return (
      this.#get('SELECT 1 FROM resource WHERE stem_key = ? AND asset_id <> ? LIMIT 1', stemKey, except ?? '') !==
      undefined
    );
  }

  isPathTaken(path: RelativePath): boolean {
    return this.#get('SELECT 1 FROM resource WHERE path_key = ?', foldName(path)) !== undefined;
  }

  beginImport(options: Parameters<CatalogStore['beginImport']>[0]): void {
    const { importId, source, startedAtMs } = options;
    this.#transaction(() => {
      this.#run(
        `INSERT INTO source (id, kind, name) VALUES (?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, name = excluded.name`,
        source.id,
        source.kind,
        source.name,
      );
      this.#run(
        `INSERT INTO import (id, source_id, started_at_ms, state) VALUES (?, ?, ?, 'running')`,
        importId,
        source.id,
        startedAtMs,
      );
    });
  }

  countAssets(importId: ImportId): number {
    const row = this.#get('SELECT count(DISTINCT asset_id) AS amount FROM resource WHERE import_id = ?', importId);
    return Number(row?.['amount'] ?? 0);
  }

  importOrigin(importId: ImportId): ReturnType<CatalogStore['importOrigin']> {
    const row = this.#get(
      `SELECT source.id, kind, name, started_at_ms FROM import JOIN source ON source.id = source_id WHERE import.id = ?`,
      importId,
    );
    if (row === undefined) throw new Error(`there is no import ${importId}`);
    const source = { id: row['id'] as SourceId, kind: String(row['kind']), name: String(row['name']) };
    return { source, startedAtMs: Number(row['started_at_ms']) };
  }

  finishImport(importId: ImportId, result: FinishedImport): void {
    this.#transaction(() => {
      this.#run(
        `UPDATE import SET state = 'finished', finished_at_ms = ?, is_complete = ?, counts = ? WHERE id = ?`,
        result.finishedAtMs,
        result.complete ? 1 : 0,
        JSON.stringify(result.counts),
        importId,
      );
      if (result.succeeded ?? result.complete) {
        this.#run(
          'UPDATE source SET last_success_at_ms = ? WHERE id = (SELECT source_id FROM import WHERE id = ?)',
          result.finishedAtMs,
          importId,
        );
      }
    });
  }

  hasEntriesOf(sourceId: SourceId): boolean {
    return this.#get('SELECT 1 FROM source_entry WHERE source_id = ? LIMIT 1', sourceId) !== undefined;
  }

  isLastImportFinished(sourceId: SourceId): boolean {
    const row = this.#get('SELECT state FROM import WHERE source_id = ? ORDER BY rowid DESC LIMIT 1', sourceId);
    return row?.['state'] === 'finished';
  }

  latestImport(): ImportId | undefined {
    return this.#get('SELECT id FROM import ORDER BY rowid DESC LIMIT 1')?.['id'] as ImportId | undefined;
  }

  unfinishedImports(): readonly ImportId[] {
    return this.#all(`SELECT id FROM import WHERE state = 'running' ORDER BY id`).map((row) => row['id'] as ImportId);
  }

  closeImport(importId: ImportId): void {
    this.#transaction(() => {
      this.#run(`UPDATE import SET state = 'interrupted' WHERE id = ? AND state = 'running'`, importId);
    });
  }

  journal(importId: ImportId, plans: readonly PlannedAsset[]): void {
    this.#transaction(() => {
      for (const plan of plans) {
        this.#run(
          'INSERT INTO journal (asset_id, import_id, plan) VALUES (?, ?, ?)',
          plan.assetId,
          importId,
          planToJson(plan),
        );
      }
    });
  }

  journalled(): readonly { readonly importId: ImportId; readonly plan: PlannedAsset }[] {
    return this.#all('SELECT import_id, plan FROM journal ORDER BY id').map((row) => ({
      importId: row['import_id'] as ImportId,
      plan: planFromJson(String(row['plan'])),
    }));
  }

  record(importId: ImportId, plans: readonly PlannedAsset[], manifestBytes?: number): void {
    this.#transaction(() => {
      for (const plan of plans) this.#recordAsset(importId, plan);
      if (manifestBytes !== undefined) this.#noteManifest(importId, manifestBytes);
      else this.#run('UPDATE manifest SET size_bytes = NULL WHERE id = ?', importId);
    });
  }

  hasImport(importId: ImportId): boolean {
    return this.#get('SELECT 1 FROM import WHERE id = ?', importId) !== undefined;
  }

  manifests(): ReadonlyMap<ImportId, number | undefined> {
    return new Map(
      this.#all('SELECT id, size_bytes FROM manifest').map((row) => [
        row['id'] as ImportId,
        row['size_bytes'] === null ? undefined : Number(row['size_bytes']),
      ]),
    );
  }

  noteManifest(id: ImportId, sizeBytes: number): void {
    this.#transaction(() => this.#noteManifest(id, sizeBytes));
  }

  #noteManifest(id: ImportId, sizeBytes: number): void {
    this.#run(
      `INSERT INTO manifest (id, size_bytes) VALUES (?, ?)
       ON CONFLICT (id) DO UPDATE SET size_bytes = excluded.size_bytes`,
      id,
      sizeBytes,
    );
  }

  sourceHistory(): readonly SourceHistory[] {
    return this.#all(
      `SELECT *, (SELECT count(*) FROM import JOIN manifest ON manifest.id = import.id WHERE source_id = source.id) AS manifests
       FROM source ORDER BY id`,
    ).map((row): SourceHistory => {
      const { id, kind, name, lastSuccessAtMs, lastImport } = this.#summarizeSource(row);
      const last = this.#lastFinished(id);
      return {
        ...{ id, kind, name },
        ...(lastSuccessAtMs === undefined ? {} : { lastSuccessAtMs }),
        ...(lastImport === undefined || last === undefined
          ? {}
          : {
              lastImport: {
                importId: last['id'] as ImportId,
                startedAtMs: Number(last['started_at_ms']),
                ...lastImport,
              },
            }),
        manifests: Number(row['manifests']),
      };
    });
  }

  restoreHistory(history: readonly SourceHistory[]): void {
    this.#transaction(() => {
      for (const { id, kind, name, lastSuccessAtMs, lastImport } of history) {
        // The name is that of the last import, be it one that was killed and of which only a manifest tells.
        this.#run(
          `INSERT INTO source (id, kind, name, last_success_at_ms) VALUES (?, ?, ?, ?)
           ON CONFLICT (id) DO UPDATE SET last_success_at_ms = excluded.last_success_at_ms`,
          ...[id, kind, name, lastSuccessAtMs ?? null],
        );
        this.#run(
          `UPDATE source SET kind = ?, name = ?
           WHERE id = ? AND NOT EXISTS (SELECT 1 FROM import WHERE source_id = source.id AND started_at_ms > ?)`,
          ...[kind, name, id, lastImport?.startedAtMs ?? 0],
        );
        if (lastImport === undefined) continue;
        const { importId, startedAtMs, finishedAtMs, complete, counts } = lastImport;
        this.#run(
          `INSERT INTO import (id, source_id, started_at_ms, finished_at_ms, is_complete, counts, state)
           VALUES (?, ?, ?, ?, ?, ?, 'finished')
           ON CONFLICT (id) DO UPDATE SET finished_at_ms = excluded.finished_at_ms, is_complete = excluded.is_complete,
             counts = excluded.counts, state = excluded.state WHERE source_id = excluded.source_id`,
          ...[importId, id, startedAtMs, finishedAtMs, complete ? 1 : 0, JSON.stringify(counts)],
        );
      }
    });
  }

  isWhole(): boolean {
    const answer = translateErrors(this.#path, () => this.#database.pragma('integrity_check(1)', { simple: true }));
    return answer === 'ok';
  }

  forgetJournal(assetIds: readonly AssetId[]): void {
    this.#transaction(() => {
      for (const assetId of assetIds) this.#run('DELETE FROM journal WHERE asset_id = ?', assetId);
    });
  }

  isEmpty(): boolean {
    return (
      this.#get('SELECT 1 FROM import LIMIT 1') === undefined && this.#get('SELECT 1 FROM asset LIMIT 1') === undefined
    );
  }

  summarize(): CatalogSummary {
    const totals = this.#get(
      `SELECT count(DISTINCT asset_id) AS assets, count(*) AS resources, coalesce(sum(size_bytes), 0) AS bytes
       FROM resource WHERE removed_by IS NULL`,
    );
    return {
      assets: Number(totals?.['assets'] ?? 0),
      resources: Number(totals?.['resources'] ?? 0),
      bytes: Number(totals?.['bytes'] ?? 0),
      sources: this.#all('SELECT * FROM source ORDER BY name, id').map((row) => this.#summarizeSource(row)),
    };
  }

  snapshotTo(path: string): void {
    translateErrors(path, () => {
      if (existsSync(path)) throw new Error(`a snapshot never replaces a file: ${path}`);
      this.#database.prepare('VACUUM INTO ?').run(path);
      if (this.#get('SELECT 1 FROM photos_list LIMIT 1') === undefined) return;
      const snapshot = new Database(path);
      try {
        // Names of private and deleted photos are for this computer; and the device tells them again.
        snapshot.exec('DELETE FROM photos_list; DELETE FROM photos_asset; VACUUM');
      } finally {
        snapshot.close();
      }
    });
  }

  #recordAsset(importId: ImportId, plan: PlannedAsset): void {
    if (plan.isNew) {
      const { date } = plan;
      this.#run(
        `INSERT INTO asset (id, kind, captured_local, captured_offset_minutes, date_basis, folder, stem, suffix, live_id, camera, offset_basis)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
        plan.assetId,
        plan.kind,
        date.basis === 'undated' ? null : date.local,
        date.basis === 'undated' ? null : (date.offsetMinutes ?? null),
        date.basis,
        plan.folder,
        plan.stem,
        plan.suffix,
        plan.liveId ?? null,
        plan.camera ?? null,
        date.basis === 'undated' ? null : (date.offsetBasis ?? null),
      );
    }
    // Also after the insert: in a rebuild every line comes as new, and a later one may be the first with an identifier.
    if (plan.liveId !== undefined) {
      this.#run('UPDATE asset SET live_id = ? WHERE id = ? AND live_id IS NULL', plan.liveId, plan.assetId);
    }
    if (plan.becomesPairedVideo !== undefined) {
      // With all of its copies: an adopted tree may have the same movie at several paths.
      this.#run(
        `UPDATE resource SET role = 'pairedVideo' WHERE asset_id = ? AND hash = (SELECT hash FROM resource WHERE path_key = ?)`,
        plan.assetId,
        foldName(plan.becomesPairedVideo),
      );
      this.#run(`UPDATE asset SET kind = 'photo' WHERE id = ?`, plan.assetId);
    }
    for (const resource of plan.resources) this.#recordResource(importId, plan, resource);
    for (const { entry } of [...plan.resources, ...plan.duplicates]) {
      this.#run(
        `INSERT OR REPLACE INTO source_entry
           (source_id, path, folder, candidate_key, size_bytes, modified_at_ns, head_hash, asset_id)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
        entry.sourceId,
        entry.path,
        folderOf(entry.path),
        entry.key,
        entry.sizeBytes,
        entry.modifiedAtNs,
        entry.headHash,
        plan.assetId,
      );
    }
    this.#run('DELETE FROM journal WHERE asset_id = ?', plan.assetId);
  }

  #recordResource(importId: ImportId, plan: PlannedAsset, resource: PlannedResource): void {
    const pathKey = foldName(resource.path);
    const { removedBy } = resource;
    if (removedBy !== undefined)
      this.#run('INSERT OR IGNORE INTO removal (id, removed_at_ms) VALUES (?, ?)', removedBy.id, removedBy.atMs);
    const before = this.#get('SELECT asset_id, hash, removed_by FROM resource WHERE path_key = ?', pathKey);
    const isSame = before?.['asset_id'] === plan.assetId && before['hash'] === resource.hash;
    if (before !== undefined && before['removed_by'] !== null && removedBy === undefined) {
      // The owner has put it, or another file, where the removed one was, and says that it belongs to the library.
      if (isSame)
        this.#run('UPDATE resource SET removed_by = NULL, path = ? WHERE path_key = ?', resource.path, pathKey);
      else displaceRemoved(this.#statements, resource.path);
    }
    if (isSame) return;
    const isTaken = removedBy !== undefined && before !== undefined;
    const key = isTaken ? displacedKey(removedBy.id, resource.path) : pathKey;
    const isAdded = this.#run(
      `INSERT INTO resource (path_key, stem_key, asset_id, role, path, hash, size_bytes, modified_at_ns, original_name, import_id, removed_by)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (path_key) DO NOTHING`,
      ...[key, isTaken ? key : stemKeyOf(resource.path), plan.assetId, resource.role, resource.path, resource.hash],
      ...[resource.sizeBytes, resource.modifiedAtNs, resource.originalName, importId, removedBy?.id ?? null],
    );
    if (isAdded === 0 && !isTaken) this.#passOn(importId, plan, resource);
  }

  /**
   * In a rebuild a later import may have filed another asset under a name: the file of the earlier one had gone, or its photo
   * would not have been new. What is there is the later one's, and an asset without files is none.
   */
  #passOn(importId: ImportId, plan: PlannedAsset, resource: PlannedResource): void {
    const pathKey = foldName(resource.path);
    const former = this.#get('SELECT asset_id FROM resource WHERE path_key = ?', pathKey)?.['asset_id'] as AssetId;
    if (former === plan.assetId) {
      // The owner edited it and said so: it is these bytes by now.
      const { hash, sizeBytes, modifiedAtNs } = resource;
      this.#run(
        'UPDATE resource SET hash = ?, size_bytes = ?, modified_at_ns = ?, checked_at_ms = NULL WHERE path_key = ? AND hash <> ?',
        ...[hash, sizeBytes, modifiedAtNs, pathKey, hash],
      );
      return;
    }
    this.#run(
      `UPDATE resource SET asset_id = ?, role = ?, path = ?, hash = ?, size_bytes = ?, modified_at_ns = ?, original_name = ?,
         import_id = ? WHERE path_key = ?`,
      ...[plan.assetId, resource.role, resource.path, resource.hash, resource.sizeBytes, resource.modifiedAtNs],
      ...[resource.originalName, importId, pathKey],
    );
    if (this.#get('SELECT 1 FROM resource WHERE asset_id = ?', former) !== undefined) return;
    this.#run('UPDATE source_entry SET asset_id = ? WHERE asset_id = ?', plan.assetId, former);
    this.#run('DELETE FROM asset WHERE id = ?', former);
  }

  #summarizeSource(row: Row): SourceSummary {
    const last = this.#lastFinished(row['id'] as SourceId);
    return {
      id: row['id'] as SourceId,
      kind: String(row['kind']),
      name: String(row['name']),
      ...(row['last_success_at_ms'] === null ? {} : { lastSuccessAtMs: Number(row['last_success_at_ms']) }),
      ...(last === undefined
        ? {}
        : {
            lastImport: {
              finishedAtMs: Number(last['finished_at_ms']),
              complete: last['is_complete'] === 1n,
              counts: JSON.parse(String(last['counts'])) as ImportCounts,
            },
          }),
    };
  }

  #lastFinished(sourceId: SourceId): Row | undefined {
    return this.#get(
      `SELECT * FROM import WHERE source_id = ? AND state = 'finished' ORDER BY started_at_ms DESC LIMIT 1`,
      sourceId,
    );
  }

  #statement(sql: string): Database.Statement {
    let statement = this.#prepared.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#prepared.set(sql, statement);
    }
    return statement;
  }

  #get(sql: string, ...values: (string | bigint | number | null)[]): Row | undefined {
    return translateErrors(this.#path, () => this.#statement(sql).get(...values) as Row | undefined);
  }

  #all(sql: string, ...values: (string | bigint | number | null | Uint8Array)[]): readonly Row[] {
    return translateErrors(this.#path, () => this.#statement(sql).all(...values) as Row[]);
  }

  /** Returns how many rows it changed. */
  #run(sql: string, ...values: (string | bigint | number | null)[]): number {
    return translateErrors(this.#path, () => this.#statement(sql).run(...values).changes);
  }

  #transaction(action: () => void): void {
    translateErrors(this.#path, () => this.#database.transaction(action).immediate());
  }
}

function dateFromRow(row: Row): CaptureDate {
  const basis = row['date_basis'] as DateBasis;
  if (basis === 'undated') return { basis };
  const offset = row['captured_offset_minutes'];
  return {
    basis,
    local: String(row['captured_local']),
    ...(offset === null || offset === undefined ? {} : { offsetMinutes: Number(offset) }),
    ...(row['offset_basis'] === 'photosList' ? { offsetBasis: 'photosList' } : {}),
  };
}
