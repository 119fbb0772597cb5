// What the catalogue knows of the files that the owner removed: their rows stay, so that their bytes are known when a card is
// inserted again and their names are free for an undo. Whether one still lies in a trash, the disks say.

import type { Place } from '../../domain/copies.ts';
import type { AssetId, ContentHash, DriveId, RelativePath, RemovalId } from '../../domain/ids.ts';
import { foldName } from '../portable-name.ts';
import { noteContents } from './drive-contents.ts';
import { type CopiedFile, copiedFileOf, type LibraryFile, libraryFileOf } from './file-rows.ts';
import { foldedStemOf } from './path-keys.ts';
import type { Statements } from './photos-store.ts';

export interface Removal {
  readonly id: RemovalId;
  readonly removedAtMs: number;
  readonly files: number;
  /** What the owner calls a photo: a Live Photo is one. */
  readonly photos: number;
  readonly bytes: number;
  /** By the owner's word: it is to go from every trash. */
  readonly emptiedAtMs?: number;
}

export interface FileOfRemoval {
  readonly path: RelativePath;
  readonly removedBy: RemovalId;
}

/** All methods throw AgentError as those of the catalogue do. */
export interface RemovalRecords {
  /** Files of the library that are removed from now on; none of them is a finding any more. */
  markRemoved(
    files: readonly { readonly path: RelativePath; readonly hash: ContentHash }[],
    removal: { readonly id: RemovalId; readonly atMs: number },
  ): void;
  /** Files of a removal that are back under their names. One whose name another file has by now stays removed. */
  takeBack(id: RemovalId, paths: readonly RelativePath[]): void;
  /** Files of a removal that nobody has any more: whatever source still has them, they are new there. */
  forgetRemoved(id: RemovalId, paths: readonly RelativePath[]): void;
  noteEmptied(id: RemovalId, atMs: number): void;
  /** The oldest first. One of which every file was taken back is none. */
  removals(): readonly Removal[];
  /** Those of one asset together. */
  removedFiles(id: RemovalId): readonly LibraryFile[];
  /** Files of the library with these bytes that are not removed. */
  filesWithBytes(hash: ContentHash): readonly LibraryFile[];
  /** In the trash of a removal, wherever that is. */
  removedWithBytes(hash: ContentHash): readonly FileOfRemoval[];

  /** On this drive, and in the trash there. */
  removedCopies(id: DriveId): readonly CopiedFile[];
  /** Files on this drive that the owner removed from the library since, with the removal; also under a name of before. */
  copiesToRemove(id: DriveId): readonly FileOfRemoval[];
  /** Files in the trash of this drive that the owner took back since. */
  copiesToBringBack(id: DriveId): readonly FileOfRemoval[];
  markCopyRemoved(id: DriveId, path: RelativePath, removalId: RemovalId | undefined): void;
  /**
   * Drives with these bytes, in use or in their trash, read and right since then, and nothing is wrong with that file. What its owner
   * said is to go does not count.
   */
  provenOn(hash: ContentHash, query: { readonly sinceMs: number; readonly except?: Place }): readonly DriveId[];
  /** Drives with a copy of anything that this removal took. */
  drivesWith(id: RemovalId): readonly DriveId[];
}

const dayMs = 24 * 3600 * 1000;
/** What was removed stays in each trash for so long at least, unless its owner empties it. */
export const trashDays = 90;
/** A proof that a drive has something counts for so long. What lies in a trash is not checked again. */
export const trashProofMs = 365 * dayMs;

/** True if a file of this removal may go from a trash by itself, as long as it is not the last copy. */
export function isTrashDue({ removedAtMs, emptiedAtMs }: Removal, nowMs: number): boolean {
  return emptiedAtMs === undefined && nowMs - removedAtMs > trashDays * dayMs;
}

/** Rows of one file are few; of one removal all are wanted. */
const sameBytesMax = 100;

export function openRemovalRecords({ get, all, run, transaction }: Statements): RemovalRecords {
  return {
    markRemoved: (files, { id, atMs }) => {
      transaction(() => {
        run('INSERT OR IGNORE INTO removal (id, removed_at_ms) VALUES (?, ?)', id, atMs);
        for (const { path, hash } of files) {
          run(
            'UPDATE resource SET removed_by = ? WHERE path_key = ? AND hash = ? AND removed_by IS NULL',
            ...[id, foldName(path), hash],
          );
          run(`DELETE FROM finding WHERE place = 'library' AND path = ?`, path);
        }
      });
    },
    takeBack: (id, paths) => {
      transaction(() => {
        for (const path of paths) {
          // Its key is another one if somebody else had the name since, and that may have been removed too.
          displaceRemoved({ all, run }, path);
          run(
            `UPDATE OR IGNORE resource SET removed_by = NULL, path_key = ?, stem_key = ?
             WHERE path_key IN (?, ?) AND removed_by = ?`,
            ...[foldName(path), foldedStemOf(path), foldName(path), displacedKey(id, path), id],
          );
        }
        forgetEmptyRemovals();
      });
    },
    forgetRemoved: (id, paths) => {
      transaction(() => {
        for (const path of paths) {
          const row = [foldName(path), displacedKey(id, path), id] as const;
          const found = get('SELECT asset_id FROM resource WHERE path_key IN (?, ?) AND removed_by = ?', ...row);
          const assetId = found?.['asset_id'];
          run('DELETE FROM resource WHERE path_key IN (?, ?) AND removed_by = ?', ...row);
          if (typeof assetId !== 'string') continue;
          // All of the asset's entries: which of them brought this file is not kept. What is there is then met again as known.
          run('DELETE FROM source_entry WHERE asset_id = ?', assetId);
          run(
            'DELETE FROM asset WHERE id = ? AND NOT EXISTS (SELECT 1 FROM resource WHERE asset_id = asset.id)',
            assetId,
          );
        }
        forgetEmptyRemovals();
      });
    },
    noteEmptied: (id, atMs) => {
      run('UPDATE removal SET emptied_at_ms = ? WHERE id = ? AND emptied_at_ms IS NULL', atMs, id);
    },
    removals: () =>
      all(
        `SELECT removal.id, removed_at_ms, emptied_at_ms, count(*) AS files, count(DISTINCT asset_id) AS photos,
           total(size_bytes) AS bytes
         FROM removal JOIN resource ON removed_by = removal.id GROUP BY removal.id ORDER BY removed_at_ms, removal.id`,
      ).map((row) => ({
        id: row['id'] as RemovalId,
        removedAtMs: Number(row['removed_at_ms']),
        files: Number(row['files']),
        photos: Number(row['photos']),
        bytes: Number(row['bytes']),
        ...(row['emptied_at_ms'] === null ? {} : { emptiedAtMs: Number(row['emptied_at_ms']) }),
      })),
    removedFiles: (id) =>
      all('SELECT * FROM resource WHERE removed_by = ? ORDER BY asset_id, path', id).map(libraryFileOf),
    filesWithBytes: (hash) =>
      all(`SELECT * FROM resource WHERE hash = ? AND removed_by IS NULL LIMIT ${sameBytesMax}`, hash).map(
        libraryFileOf,
      ),
    removedWithBytes: (hash) =>
      all(
        `SELECT path, removed_by FROM resource WHERE hash = ? AND removed_by IS NOT NULL LIMIT ${sameBytesMax}`,
        hash,
      ).map(removedOf),

    removedCopies: (id) =>
      all('SELECT * FROM copied WHERE drive_id = ? AND removed_by IS NOT NULL ORDER BY path', id).map(copiedFileOf),
    copiesToRemove: (id) => [
      ...all(
        `SELECT copied.path, resource.removed_by FROM resource JOIN copied ON copied.path = resource.path
         WHERE resource.removed_by IS NOT NULL AND drive_id = ? AND copied.removed_by IS NULL AND copied.hash = resource.hash
           AND NOT EXISTS (SELECT 1 FROM resource AS own
             WHERE own.path = copied.path AND own.hash = copied.hash AND own.removed_by IS NULL)`,
        id,
      ).map(removedOf),
      // Moved by the owner and then removed, while the drive was away: there it has the name of before the move.
      ...all(
        `SELECT copied.path, min(resource.removed_by) AS removed_by FROM resource JOIN copied ON copied.hash = resource.hash
         WHERE resource.removed_by IS NOT NULL AND drive_id = ? AND copied.removed_by IS NULL AND is_ours = 1
           AND NOT EXISTS (SELECT 1 FROM resource AS moved WHERE moved.hash = copied.hash AND moved.removed_by IS NULL)
         GROUP BY copied.path`,
        id,
      )
        .map(removedOf)
        .filter(({ path }) => get('SELECT 1 FROM resource WHERE path_key = ?', foldName(path)) === undefined),
    ],
    copiesToBringBack: (id) =>
      all(
        `SELECT copied.path, copied.removed_by FROM copied JOIN resource ON resource.path = copied.path
         WHERE drive_id = ? AND copied.removed_by IS NOT NULL AND resource.removed_by IS NULL AND copied.hash = resource.hash`,
        id,
      ).map(removedOf),
    markCopyRemoved: (id, path, removalId) => {
      run('UPDATE copied SET removed_by = ? WHERE drive_id = ? AND path = ?', removalId ?? null, id, path);
      noteContents({ run }, id);
    },
    provenOn: (hash, { sinceMs, except = 'library' }) =>
      all(
        `SELECT DISTINCT drive_id FROM copied
         WHERE hash = ? AND drive_id <> ? AND max(coalesce(read_back_at_ms, 0), coalesce(checked_at_ms, 0)) >= ?
           AND NOT EXISTS (SELECT 1 FROM finding WHERE place = drive_id AND finding.path = copied.path)
           AND NOT EXISTS (SELECT 1 FROM removal WHERE emptied_at_ms IS NOT NULL AND (removal.id = copied.removed_by
             OR removal.id IN (SELECT removed_by FROM resource WHERE resource.path = copied.path AND resource.hash = copied.hash)))`,
        ...[hash, except, sinceMs],
      ).map((row) => row['drive_id'] as DriveId),
    drivesWith: (id) =>
      all(
        `SELECT DISTINCT drive_id FROM copied JOIN resource ON resource.hash = copied.hash WHERE resource.removed_by = ?`,
        id,
      ).map((row) => row['drive_id'] as DriveId),
  };

  function forgetEmptyRemovals(): void {
    run('DELETE FROM removal WHERE NOT EXISTS (SELECT 1 FROM resource WHERE removed_by = removal.id)');
  }
}

/**
 * Gives way to a file that has the name of a removed one: its row stays, under a key that no file of the library can have. Only
 * the owner does that, by moving or adopting a file; an import chooses another name.
 */
export function displaceRemoved({ all, run }: Pick<Statements, 'all' | 'run'>, path: RelativePath): void {
  const pathKey = foldName(path);
  for (const row of all('SELECT removed_by FROM resource WHERE path_key = ? AND removed_by IS NOT NULL', pathKey)) {
    const key = displacedKey(row['removed_by'] as RemovalId, path);
    run('UPDATE resource SET path_key = ?, stem_key = ? WHERE path_key = ?', key, key, pathKey);
  }
}

export function displacedKey(id: RemovalId, path: string): string {
  return `.keepsake/trash/${id}/${foldName(path)}`;
}

function removedOf(row: Readonly<Record<string, unknown>>): FileOfRemoval {
  return { path: row['path'] as RelativePath, removedBy: row['removed_by'] as RemovalId };
}

/** For what is asked of all files of an asset together. */
export function byAsset(files: readonly LibraryFile[]): ReadonlyMap<AssetId, readonly LibraryFile[]> {
  return Map.groupBy(files, ({ assetId }) => assetId);
}
