// What a phone's or a Mac's own list says of its photos, as the catalogue keeps it: each photo with what it is to the owner and
// where its original was found to be. Knowledge only: it can be read again from the device, and no photo depends on it.

import type Database from 'better-sqlite3';
import type { SourceId, SourcePath } from '../../domain/ids.ts';
import type { PhotosAsset, PhotosLibraryFacts } from '../../domain/photos-asset.ts';

/** What a photo is to the owner: it decides whether and where it is filed. */
export type PhotosScope = 'own' | 'hidden' | 'recentlyDeleted' | 'sharedAlbum' | 'sharedWithYou';
/** Where its original is, as the list and the files together say. `offloaded`: no longer on the device, and saved before. */
export type PhotosPlace = 'onDevice' | 'offloaded' | 'iCloudOnly' | 'unknown';

export interface ListedPhoto {
  readonly asset: PhotosAsset;
  readonly scope: PhotosScope;
  readonly place: PhotosPlace;
  /** Of the files that were found to be it; as `Placing` has them. */
  readonly found?: { readonly path: SourcePath; readonly moviePath?: SourcePath; readonly sizeBytes: number };
}

/** One that a list was read from. */
export interface ListReading {
  /** As `PhotosList.stamp` had it. */
  readonly stamp: string;
  readonly readAtMs: number;
  readonly facts: PhotosLibraryFacts;
}

/** A list being read: nothing of it counts before `publish`, and what was there before stays if it is disposed of instead. */
export interface ListDraft extends Disposable {
  add(assets: readonly PhotosAsset[]): void;
  publish(reading: ListReading): void;
}

export interface Placing {
  readonly asset: PhotosAsset;
  readonly place: PhotosPlace;
  /** Of the files that are, or were, it: as the source shows them. */
  readonly path?: SourcePath;
  readonly moviePath?: SourcePath;
  readonly sizeBytes?: number;
}

export interface PhotosTally {
  readonly photos: number;
  /** Of their originals and moving halves, where the list has a size. Never more than a number can hold. */
  readonly bytes: number;
  readonly unsized: number;
}

/** The files that a source has shown so far; kept by SQLite, since there may be very many. */
export interface SeenFiles extends Disposable {
  add(paths: readonly SourcePath[]): void;
  has(path: SourcePath): boolean;
  /**
   * Assets of the library that came from this source, of which it shows no file any more and which it did not offload. What was removed
   * from the library is in neither.
   */
  countGone(options: { readonly exceptBelow: string | undefined }): number;
}

/** All methods throw AgentError as those of the catalogue do. */
export interface PhotosStore {
  /** Undefined: none was ever read of this source. */
  reading(sourceId: SourceId): ListReading | undefined;
  draft(sourceId: SourceId): ListDraft;
  seen(sourceId: SourceId): SeenFiles;
  /** The photos of one folder, or those of one name in it; both as the list has them, or different in case only. */
  inFolder(sourceId: SourceId, folder: string, name?: string): readonly ListedPhoto[];
  /** Folded (`foldPath`). */
  folders(sourceId: SourceId): readonly string[];
  setPlaces(sourceId: SourceId, places: readonly Placing[]): void;
  count(sourceId: SourceId, scope: PhotosScope, place?: PhotosPlace): PhotosTally;
  /**
   * Of those on the device, how many were saved as they are there, with both halves. One that its owner removed from the library since
   * counts: nothing of it is left to be saved.
   */
  countSaved(sourceId: SourceId, scope: PhotosScope): number;
}

type Value = string | number | bigint | null;
type Row = Record<string, Value>;

/** How the catalogue runs its statements. */
export interface Statements {
  get(sql: string, ...values: Value[]): Row | undefined;
  all(sql: string, ...values: Value[]): readonly Row[];
  run(sql: string, ...values: Value[]): number;
  transaction(action: () => void): void;
  readonly database: Database.Database;
}

/** No photo or video is larger; a list that says so lies. */
const bytesMax = 1e12;

/** Case and composition do not tell two files of a phone apart. */
export function foldPath(text: string): string {
  return text.normalize('NFC').toLowerCase();
}

export function scopeOf(asset: PhotosAsset): PhotosScope {
  if (asset.origin !== 'own') return asset.origin;
  if (asset.trashedAtMs !== undefined) return 'recentlyDeleted';
  return asset.isHidden ? 'hidden' : 'own';
}

export function openPhotosStore(statements: Statements): PhotosStore {
  const { get, all, run, transaction } = statements;
  return {
    reading: (sourceId) => {
      const row = get('SELECT stamp, read_at_ms, facts FROM photos_list WHERE source_id = ?', sourceId);
      if (row === undefined) return undefined;
      const facts = JSON.parse(String(row['facts'])) as PhotosLibraryFacts;
      return { stamp: String(row['stamp']), readAtMs: Number(row['read_at_ms']), facts };
    },
    draft: (sourceId) => openDraft(statements, sourceId),
    seen: (sourceId) => openSeen(statements, sourceId),
    inFolder: (sourceId, folder, name) => {
      const select = 'SELECT * FROM photos_asset WHERE source_id = ? AND folder_key = ?';
      const rows =
        name === undefined
          ? all(`${select} ORDER BY name_key, uuid`, sourceId, foldPath(folder))
          : all(`${select} AND name_key = ? ORDER BY uuid`, sourceId, foldPath(folder), foldPath(name));
      return rows.map(photoOf);
    },
    folders: (sourceId) =>
      all('SELECT DISTINCT folder_key FROM photos_asset WHERE source_id = ?', sourceId).map((row) =>
        String(row['folder_key']),
      ),
    setPlaces: (sourceId, places) => {
      transaction(() => {
        for (const { asset, place, path, moviePath, sizeBytes } of places) {
          run(
            `UPDATE photos_asset SET place = ?, path = ?, movie_path = ?, seen_bytes = ?
             WHERE source_id = ? AND folder_key = ? AND name_key = ? AND uuid = ?`,
            ...[place, path ?? null, moviePath ?? null, sizeBytes ?? null, sourceId, ...keyOf(asset)],
          );
        }
      });
    },
    count: (sourceId, scope, place) => {
      // `total` is a REAL: sizes that lie cannot overflow it.
      const sums =
        'SELECT count(*) AS photos, total(bytes) AS bytes, count(*) - count(bytes) AS unsized FROM photos_asset';
      const row =
        place === undefined
          ? get(`${sums} WHERE source_id = ? AND scope = ?`, sourceId, scope)
          : get(`${sums} WHERE source_id = ? AND scope = ? AND place = ?`, sourceId, scope, place);
      return {
        photos: Number(row?.['photos'] ?? 0),
        bytes: Math.min(Number(row?.['bytes'] ?? 0), Number.MAX_SAFE_INTEGER),
        unsized: Number(row?.['unsized'] ?? 0),
      };
    },
    countSaved: (sourceId, scope) =>
      Number(
        get(
          `SELECT count(*) AS photos FROM photos_asset AS photo
           JOIN source_entry AS entry ON entry.source_id = photo.source_id AND entry.path = photo.path
             AND entry.size_bytes = photo.seen_bytes
           WHERE photo.source_id = ? AND scope = ? AND place = 'onDevice' AND (movie_path IS NULL OR EXISTS
             (SELECT 1 FROM source_entry AS movie WHERE movie.source_id = photo.source_id AND movie.path = movie_path))`,
          ...[sourceId, scope],
        )?.['photos'] ?? 0,
      ),
  };
}

function openDraft({ run, transaction, database }: Statements, sourceId: SourceId): ListDraft {
  database.exec('DROP TABLE IF EXISTS temp.photos_draft');
  database.exec('CREATE TEMP TABLE photos_draft AS SELECT * FROM photos_asset WHERE 0');
  return {
    add: (assets) => {
      transaction(() => {
        for (const asset of assets) {
          const place = asset.original === 'iCloudOnly' ? 'iCloudOnly' : 'unknown'; // until its file is seen
          run(
            `INSERT INTO temp.photos_draft (source_id, folder_key, name_key, uuid, scope, place, bytes, facts)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
            ...[sourceId, ...keyOf(asset), scopeOf(asset), place, bytesOf(asset), JSON.stringify(asset)],
          );
        }
      });
    },
    publish: ({ stamp, readAtMs, facts }) => {
      transaction(() => {
        run('DELETE FROM photos_asset WHERE source_id = ?', sourceId);
        run('INSERT OR REPLACE INTO photos_asset SELECT * FROM temp.photos_draft');
        run(
          'INSERT OR REPLACE INTO photos_list (source_id, stamp, read_at_ms, facts) VALUES (?, ?, ?, ?)',
          ...[sourceId, stamp, readAtMs, JSON.stringify(facts)],
        );
      });
    },
    [Symbol.dispose]: () => {
      run('DELETE FROM temp.photos_draft');
    },
  };
}

function openSeen({ get, run, transaction, database }: Statements, sourceId: SourceId): SeenFiles {
  database.exec('DROP TABLE IF EXISTS temp.photos_seen');
  database.exec('CREATE TEMP TABLE photos_seen (path TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID');
  return {
    add: (paths) => {
      transaction(() => {
        for (const path of paths) run('INSERT OR IGNORE INTO temp.photos_seen (path) VALUES (?)', path);
      });
    },
    has: (path) => get('SELECT 1 FROM temp.photos_seen WHERE path = ?', path) !== undefined,
    countGone: ({ exceptBelow }) => {
      const [from, to] = exceptBelow === undefined ? ['', ''] : [`${exceptBelow}/`, `${exceptBelow}0`]; // '0' is the one after '/'
      // What was offloaded is as good as seen. Put among the seen, it is looked up there by the key: joined as it is, each entry would be
      // compared with each photo of the list (three minutes for 50,000 of them, measured).
      run(
        `INSERT OR IGNORE INTO temp.photos_seen SELECT path FROM photos_asset
         WHERE source_id = ? AND place = 'offloaded' AND path IS NOT NULL`,
        sourceId,
      );
      const row = get(
        `SELECT count(*) AS photos FROM (
           SELECT asset_id FROM source_entry AS entry WHERE source_id = ? AND NOT (path > ? AND path < ?)
           GROUP BY asset_id HAVING sum(EXISTS (SELECT 1 FROM temp.photos_seen AS seen WHERE seen.path = entry.path)) = 0
             AND EXISTS (SELECT 1 FROM resource WHERE resource.asset_id = entry.asset_id AND removed_by IS NULL))`,
        ...[sourceId, from, to],
      );
      return Number(row?.['photos'] ?? 0);
    },
    [Symbol.dispose]: () => {
      run('DELETE FROM temp.photos_seen');
    },
  };
}

function keyOf({ folder, name, uuid }: PhotosAsset): readonly [string, string, string] {
  return [foldPath(folder ?? ''), foldPath(name ?? ''), uuid];
}

function bytesOf({ originalBytes, pairedVideoBytes = 0 }: PhotosAsset): number | null {
  if (originalBytes === undefined) return null;
  return Math.min(originalBytes, bytesMax) + Math.min(pairedVideoBytes, bytesMax);
}

function photoOf(row: Row): ListedPhoto {
  return {
    asset: JSON.parse(String(row['facts'])) as PhotosAsset,
    scope: row['scope'] as PhotosScope,
    place: row['place'] as PhotosPlace,
    ...(row['path'] === null
      ? {}
      : {
          found: {
            path: row['path'] as SourcePath,
            sizeBytes: Number(row['seen_bytes']),
            ...(row['movie_path'] === null ? {} : { moviePath: row['movie_path'] as SourcePath }),
          },
        }),
  };
}
