// What a phone's or a Mac's own list says of its photos, as the catalogue keeps it: each photo with what it is to the owner and
// where its original was found to be. Knowledge only: it can be read again from the device, and no photo depends on it.

import type Database from 'better-sqlite3';
import type { SourceId } from '../../domain/ids.ts';
import type { PhotosAsset, PhotosLibraryFacts } from '../../domain/photos-asset.ts';

/** What a photo is to the owner: it decides whether and where it is filed. */
export type PhotosScope = 'own' | 'hidden' | 'recentlyDeleted' | 'sharedAlbum' | 'sharedWithYou';
/** Where its original is, as the list and the files together say. */
export type PhotosPlace = 'onDevice' | 'iCloudOnly' | 'unknown';

export interface ListedPhoto {
  readonly asset: PhotosAsset;
  readonly scope: PhotosScope;
  readonly place: PhotosPlace;
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

export interface PhotosTally {
  readonly photos: number;
  /** Of their originals and moving halves, where the list has a size. */
  readonly bytes: number;
}

/** All methods throw AgentError as those of the catalogue do. */
export interface PhotosStore {
  /** Undefined: none was ever read of this source. */
  reading(sourceId: SourceId): ListReading | undefined;
  draft(sourceId: SourceId): ListDraft;
  /** The photos of one folder, by the name it has in the list or one that differs in case only. */
  inFolder(sourceId: SourceId, folder: string): readonly ListedPhoto[];
  folders(sourceId: SourceId): readonly string[];
  setPlaces(sourceId: SourceId, places: readonly { readonly asset: PhotosAsset; readonly place: PhotosPlace }[]): void;
  count(sourceId: SourceId, scope: PhotosScope, place?: PhotosPlace): PhotosTally;
  /** At most `max` of them, the first by folder and name. */
  list(sourceId: SourceId, scope: PhotosScope, max: number): readonly ListedPhoto[];
  /** How many photos of this source the library has, as files of one stem and folder are one. */
  countSaved(sourceId: SourceId): number;
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
    inFolder: (sourceId, folder) =>
      all(
        'SELECT scope, place, facts FROM photos_asset WHERE source_id = ? AND folder_key = ? ORDER BY name_key, uuid',
        ...[sourceId, foldPath(folder)],
      ).map(photoOf),
    folders: (sourceId) =>
      all('SELECT DISTINCT folder_key FROM photos_asset WHERE source_id = ?', sourceId).map((row) =>
        String(row['folder_key']),
      ),
    setPlaces: (sourceId, places) => {
      transaction(() => {
        for (const { asset, place } of places) {
          run(
            'UPDATE photos_asset SET place = ? WHERE source_id = ? AND folder_key = ? AND name_key = ? AND uuid = ?',
            ...[place, sourceId, ...keyOf(asset)],
          );
        }
      });
    },
    count: (sourceId, scope, place) => {
      const sum = 'SELECT count(*) AS photos, coalesce(sum(bytes), 0) AS bytes FROM photos_asset';
      const row =
        place === undefined
          ? get(`${sum} WHERE source_id = ? AND scope = ?`, sourceId, scope)
          : get(`${sum} WHERE source_id = ? AND scope = ? AND place = ?`, sourceId, scope, place);
      return { photos: Number(row?.['photos'] ?? 0), bytes: Number(row?.['bytes'] ?? 0) };
    },
    list: (sourceId, scope, max) =>
      all(
        `SELECT scope, place, facts FROM photos_asset WHERE source_id = ? AND scope = ?
         ORDER BY folder_key, name_key, uuid LIMIT ?`,
        ...[sourceId, scope, max],
      ).map(photoOf),
    countSaved: (sourceId) =>
      Number(
        get(
          `SELECT count(*) AS photos FROM (SELECT DISTINCT folder, candidate_key FROM source_entry WHERE source_id = ?)`,
          sourceId,
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
            'INSERT INTO temp.photos_draft VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
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

function keyOf({ folder, name, uuid }: PhotosAsset): readonly [string, string, string] {
  return [foldPath(folder ?? ''), foldPath(name ?? ''), uuid];
}

function bytesOf({ originalBytes, pairedVideoBytes }: PhotosAsset): number | null {
  return originalBytes === undefined ? null : originalBytes + (pairedVideoBytes ?? 0);
}

function photoOf(row: Row): ListedPhoto {
  return {
    asset: JSON.parse(String(row['facts'])) as PhotosAsset,
    scope: row['scope'] as PhotosScope,
    place: row['place'] as PhotosPlace,
  };
}
