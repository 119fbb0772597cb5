// What the catalogue knows of copies: which file lies on which drive and when it was proven there, what is wrong with files
// anywhere, and what the owner removed. The drives hold the files; all of this can be found out again by reading them.

import type { FindingKind, Place } from '../../domain/copies.ts';
import type { AssetId, ContentHash, DriveId, RelativePath, SourceId } from '../../domain/ids.ts';
import type { FileCopies, FileCopy } from '../../domain/safety.ts';
import { nameParts } from '../grouping.ts';
import { foldName } from '../portable-name.ts';
import { contentsMark, noteContents } from './drive-contents.ts';
import { type CopiedFile, copiedFileOf, type LibraryFile, libraryFileOf, number, type Row } from './file-rows.ts';
import { foldedStemOf } from './path-keys.ts';
import type { Statements } from './photos-store.ts';
import { displaceRemoved, openRemovalRecords, type RemovalRecords } from './removal-records.ts';

export type { CopiedFile, LibraryFile } from './file-rows.ts';

export interface Finding {
  readonly place: Place;
  readonly path: RelativePath;
  readonly kind: FindingKind;
  readonly foundAtMs: number;
  /** The owner said that this is as it should be: it no longer stops copying. */
  readonly isAccepted: boolean;
}

export interface DriveFacts {
  /** When all of the library was last copied there, each file read back. */
  readonly lastCopiedAtMs?: number;
  /** When the last of its files that was due was checked. */
  readonly lastCheckedAtMs?: number;
}

export interface WaitingFiles {
  readonly files: number;
  readonly bytes: number;
  /** When the first of them was saved. */
  readonly sinceMs?: number;
}

/** One file of the library with all its copies, for what is computed of how safe it is. */
export interface FileWithCopies extends FileCopies {
  readonly assetId: AssetId;
  readonly path: RelativePath;
}

/** Files last checked before `beforeMs`, or never, or, by a clock that was wrong, after `nowMs`. */
export interface DueQuery {
  readonly beforeMs: number;
  readonly nowMs: number;
  readonly limit: number;
}

/** All methods throw AgentError as those of the catalogue do. */
export interface CopiesStore extends RemovalRecords {
  /** Folders with files of the library in them, '' for its root, in the order of their names. Removed files do not count. */
  folders(): readonly RelativePath[];
  /** The files that lie in this folder itself, by path. */
  filesIn(folder: string): readonly LibraryFile[];
  /** Also one that is removed. Compared but for case and accents. */
  file(path: string): LibraryFile | undefined;
  filesOfSize(sizeBytes: number): readonly LibraryFile[];
  filesOfAsset(assetId: AssetId): readonly LibraryFile[];
  /** Its time in the library is another by now, and its bytes are the same. */
  noteTouched(path: RelativePath, modifiedAtNs: bigint): void;
  /** The owner moved or renamed it. */
  moveFile(from: RelativePath, to: RelativePath): void;
  noteChecked(paths: readonly RelativePath[], atMs: number): void;
  /** Those never checked first, then the oldest. */
  dueLibraryFiles(query: DueQuery): readonly LibraryFile[];

  drive(id: DriveId): DriveFacts;
  noteDrive(id: DriveId, facts: DriveFacts): void;
  /** Forgets a drive with all that was known of its files. */
  forgetDrive(id: DriveId): void;
  copiedFolders(id: DriveId): readonly RelativePath[];
  copiedIn(id: DriveId, folder: string): readonly CopiedFile[];
  copied(id: DriveId, path: string): CopiedFile | undefined;
  /** Files on this drive with these bytes. */
  copiedByHash(id: DriveId, hash: ContentHash): readonly CopiedFile[];
  copiedCount(id: DriveId): number;
  /** Another text after anything was put on the drive, taken away or moved there. */
  contentsMark(id: DriveId): string;
  allCopied(id: DriveId): Iterable<CopiedFile>;
  recordCopied(id: DriveId, files: readonly CopiedFile[]): void;
  forgetCopied(id: DriveId, paths: readonly RelativePath[]): void;
  /** Read again just now, and right. */
  noteCopiedChecked(id: DriveId, paths: readonly RelativePath[], atMs: number): void;
  /** Looked at just now, and not right: what is wrong is a finding. */
  noteCopiedBad(id: DriveId, paths: readonly RelativePath[], atMs: number): void;
  dueCopies(id: DriveId, query: DueQuery): readonly CopiedFile[];
  /** What the library has and the drive has not. */
  waiting(id: DriveId): WaitingFiles;

  /** Of all files there, when the one that was proven longest ago was proven: saved, read back or checked. */
  oldestProofMs(place: Place): number | undefined;
  /** Copied there and not read back yet. */
  unread(id: DriveId): { readonly files: number; readonly oldestAtMs?: number };

  findings(place?: Place): readonly Finding[];
  finding(place: Place, path: string): Finding | undefined;
  setFinding(finding: Omit<Finding, 'isAccepted'>): void;
  clearFinding(place: Place, path: RelativePath): void;
  /** What is gone or was changed is so on purpose: from now on it does not stop copying. What is damaged is never meant. */
  acceptFindings(place: Place): void;

  /** Every file that is not removed, those of one asset together. */
  filesWithCopies(): Iterable<FileWithCopies>;
  /** The assets that came from this source. */
  assetsOf(sourceId: SourceId): readonly AssetId[];

  note(name: string): string | undefined;
  setNote(name: string, value: string): void;
}

type Value = string | number | bigint | null;

/** Bytes of one size and different content are rare among photos; more than this are not looked through for a move. */
const sameSizeMax = 100;
/** Everything before the last slash, with it; '' for a name alone. */
const folderInSql = `rtrim(path, replace(path, '/', ''))`;

/** SQLite joins 64 tables at most (sqlite.org/limits.html). */
const joinedDrivesMax = 60;

export function openCopiesStore(statements: Statements): CopiesStore {
  const { get, all, run, transaction, database } = statements;
  const folderRange = (folder: string): readonly [string, string] =>
    folder === '' ? ['', '\u{10ffff}'] : [`${folder}/`, `${folder}0`];
  const isDirectly = (folder: string) => (row: { readonly path: string }) =>
    row.path.lastIndexOf('/') === (folder === '' ? -1 : folder.length);
  return {
    folders: () =>
      all(`SELECT DISTINCT ${folderInSql} AS folder FROM resource WHERE removed_by IS NULL ORDER BY folder`).map(
        folderOfRow,
      ),
    filesIn: (folder) => {
      // The root alone: its range would be the whole library.
      const rows =
        folder === ''
          ? all(`SELECT * FROM resource WHERE instr(path, '/') = 0 AND removed_by IS NULL ORDER BY path`)
          : all(
              'SELECT * FROM resource WHERE path_key > ? AND path_key < ? AND removed_by IS NULL ORDER BY path',
              ...folderRange(foldName(folder)),
            );
      return rows.map(libraryFileOf).filter(isDirectly(folder));
    },
    file: (path) => optional(get('SELECT * FROM resource WHERE path_key = ?', foldName(path)), libraryFileOf),
    filesOfSize: (sizeBytes) =>
      all(
        `SELECT * FROM resource WHERE size_bytes = ? AND removed_by IS NULL LIMIT ${sameSizeMax}`,
        BigInt(sizeBytes),
      ).map(libraryFileOf),
    filesOfAsset: (assetId) =>
      all('SELECT * FROM resource WHERE asset_id = ? ORDER BY path_key', assetId).map(libraryFileOf),
    noteTouched: (path, modifiedAtNs) => {
      run('UPDATE resource SET modified_at_ns = ? WHERE path_key = ?', modifiedAtNs, foldName(path));
    },
    moveFile: (from, to) => {
      transaction(() => {
        const slash = to.lastIndexOf('/');
        const folder = to.slice(0, Math.max(0, slash));
        const { stem } = nameParts(to.slice(slash + 1));
        displaceRemoved(statements, to);
        run(
          'UPDATE resource SET path = ?, path_key = ?, stem_key = ? WHERE path_key = ?',
          ...[to, foldName(to), foldedStemOf(to), foldName(from)],
        );
        // What comes later and belongs to it lies beside it from now on.
        run(
          `UPDATE asset SET folder = ?, stem = ?, suffix = 1
           WHERE id = (SELECT asset_id FROM resource WHERE path_key = ? AND role = 'original')`,
          ...[folder, stem, foldName(to)],
        );
      });
    },
    noteChecked: (paths, atMs) => {
      transaction(() => {
        for (const path of paths) run('UPDATE resource SET checked_at_ms = ? WHERE path_key = ?', atMs, foldName(path));
      });
    },
    dueLibraryFiles: ({ beforeMs, nowMs, limit }) =>
      all(
        `SELECT * FROM resource WHERE (checked_at_ms IS NULL OR checked_at_ms < ? OR checked_at_ms > ?) AND removed_by IS NULL
         ORDER BY checked_at_ms LIMIT ?`,
        ...[beforeMs, nowMs, limit],
      ).map(libraryFileOf),

    drive: (id) => {
      const row = get('SELECT * FROM drive WHERE id = ?', id);
      return {
        ...number('lastCopiedAtMs', row?.['last_copied_at_ms']),
        ...number('lastCheckedAtMs', row?.['last_checked_at_ms']),
      };
    },
    noteDrive: (id, { lastCopiedAtMs, lastCheckedAtMs }) => {
      run(
        `INSERT INTO drive (id, last_copied_at_ms, last_checked_at_ms) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET
           last_copied_at_ms = coalesce(excluded.last_copied_at_ms, last_copied_at_ms),
           last_checked_at_ms = coalesce(excluded.last_checked_at_ms, last_checked_at_ms)`,
        ...[id, lastCopiedAtMs ?? null, lastCheckedAtMs ?? null],
      );
    },
    forgetDrive: (id) => {
      transaction(() => {
        run('DELETE FROM copied WHERE drive_id = ?', id);
        run('DELETE FROM finding WHERE place = ?', id);
        run('DELETE FROM drive WHERE id = ?', id);
      });
    },
    copiedFolders: (id) =>
      all(
        `SELECT DISTINCT ${folderInSql} AS folder FROM copied WHERE drive_id = ? AND removed_by IS NULL ORDER BY folder`,
        id,
      ).map(folderOfRow),
    copiedIn: (id, folder) => {
      const rows =
        folder === ''
          ? all(`SELECT * FROM copied WHERE drive_id = ? AND instr(path, '/') = 0 AND removed_by IS NULL`, id)
          : all(
              'SELECT * FROM copied WHERE drive_id = ? AND path > ? AND path < ? AND removed_by IS NULL ORDER BY path',
              ...[id, ...folderRange(folder)],
            );
      return rows.map(copiedFileOf).filter(isDirectly(folder));
    },
    copied: (id, path) => optional(get('SELECT * FROM copied WHERE drive_id = ? AND path = ?', id, path), copiedFileOf),
    copiedByHash: (id, hash) =>
      all('SELECT * FROM copied WHERE hash = ? AND drive_id = ? AND removed_by IS NULL', hash, id).map(copiedFileOf),
    copiedCount: (id) =>
      Number(get('SELECT count(*) AS files FROM copied WHERE drive_id = ? AND removed_by IS NULL', id)?.['files'] ?? 0),
    contentsMark: (id) => contentsMark(statements, id),
    allCopied: (id) =>
      rowsOf('SELECT * FROM copied WHERE drive_id = ? AND removed_by IS NULL ORDER BY path', id, copiedFileOf),
    recordCopied: (id, files) => {
      transaction(() => {
        if (files.length > 0) noteContents(statements, id);
        for (const file of files) {
          run(
            `INSERT OR REPLACE INTO copied
               (drive_id, path, hash, size_bytes, modified_at_ns, is_ours, copied_at_ms, read_back_at_ms, checked_at_ms, removed_by)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
            ...[id, file.path, file.hash, file.sizeBytes, file.modifiedAtNs, file.isOurs ? 1 : 0, file.copiedAtMs],
            ...[file.readBackAtMs ?? null, file.checkedAtMs ?? null, file.removedBy ?? null],
          );
        }
      });
    },
    forgetCopied: (id, paths) => {
      transaction(() => {
        noteContents(statements, id);
        for (const path of paths) run('DELETE FROM copied WHERE drive_id = ? AND path = ?', id, path);
      });
    },
    noteCopiedChecked: (id, paths, atMs) => {
      transaction(() => {
        for (const path of paths) {
          run(
            `UPDATE copied SET checked_at_ms = ?, read_back_at_ms = coalesce(read_back_at_ms, ?)
             WHERE drive_id = ? AND path = ?`,
            ...[atMs, atMs, id, path],
          );
        }
      });
    },
    noteCopiedBad: (id, paths, atMs) => {
      transaction(() => {
        for (const path of paths)
          run('UPDATE copied SET checked_at_ms = ? WHERE drive_id = ? AND path = ?', atMs, id, path);
      });
    },
    dueCopies: (id, { beforeMs, nowMs, limit }) =>
      all(
        `SELECT * FROM copied WHERE drive_id = ? AND (checked_at_ms IS NULL OR checked_at_ms < ? OR checked_at_ms > ?)
           AND removed_by IS NULL ORDER BY checked_at_ms LIMIT ?`,
        ...[id, beforeMs, nowMs, limit],
      ).map(copiedFileOf),
    waiting: (id) => {
      const row = get(
        `SELECT count(*) AS files, total(size_bytes) AS bytes, min(import.started_at_ms) AS since_ms
         FROM resource LEFT JOIN import ON import.id = import_id
         WHERE removed_by IS NULL AND NOT EXISTS (SELECT 1 FROM copied
           WHERE drive_id = ? AND copied.path = resource.path AND copied.hash = resource.hash AND copied.removed_by IS NULL)`,
        id,
      );
      return {
        files: Number(row?.['files'] ?? 0),
        bytes: Number(row?.['bytes'] ?? 0),
        ...number('sinceMs', row?.['since_ms']),
      };
    },

    oldestProofMs: (place) => {
      const row =
        place === 'library'
          ? get(
              `SELECT min(coalesce(checked_at_ms, import.started_at_ms)) AS at_ms
               FROM resource LEFT JOIN import ON import.id = import_id WHERE removed_by IS NULL`,
            )
          : get(
              `SELECT min(coalesce(checked_at_ms, read_back_at_ms)) AS at_ms FROM copied
               WHERE drive_id = ? AND removed_by IS NULL`,
              place,
            );
      return number('atMs', row?.['at_ms']).atMs;
    },
    unread: (id) => {
      const row = get(
        `SELECT count(*) AS files, min(copied_at_ms) AS at_ms FROM copied
         WHERE drive_id = ? AND read_back_at_ms IS NULL AND removed_by IS NULL`,
        id,
      );
      return { files: Number(row?.['files'] ?? 0), ...number('oldestAtMs', row?.['at_ms']) };
    },

    findings: (place) =>
      (place === undefined
        ? all('SELECT * FROM finding ORDER BY place, path')
        : all('SELECT * FROM finding WHERE place = ? ORDER BY path', place)
      ).map(findingOf),
    finding: (place, path) =>
      optional(get('SELECT * FROM finding WHERE place = ? AND path = ?', place, path), findingOf),
    setFinding: ({ place, path, kind, foundAtMs }) => {
      // What the owner accepted stays accepted as long as it is that, and what is still so was found when it was found first. What
      // was found to be cut off, beside a copy of it, is not called changed by who has no copy to compare it with.
      run(
        `INSERT INTO finding (place, path, kind, found_at_ms) VALUES (?, ?, ?, ?)
         ON CONFLICT (place, path) DO UPDATE SET
           is_accepted = CASE WHEN finding.kind = excluded.kind THEN is_accepted ELSE 0 END,
           kind = CASE WHEN finding.kind = 'corrupt' AND excluded.kind = 'changed' THEN 'corrupt' ELSE excluded.kind END`,
        ...[place, path, kind, foundAtMs],
      );
    },
    clearFinding: (place, path) => {
      run('DELETE FROM finding WHERE place = ? AND path = ?', place, path);
    },
    acceptFindings: (place) => {
      run(`UPDATE finding SET is_accepted = 1 WHERE place = ? AND kind IN ('changed', 'missing')`, place);
    },

    ...openRemovalRecords(statements),

    filesWithCopies: function* () {
      const drives = all('SELECT DISTINCT drive_id FROM copied LIMIT ?', joinedDrivesMax).map(
        (row) => row['drive_id'] as DriveId,
      );
      const columns = drives.map(
        (_, drive) => `, c${drive}.copied_at_ms, c${drive}.read_back_at_ms, c${drive}.checked_at_ms,
          (SELECT kind FROM finding WHERE place = c${drive}.drive_id AND finding.path = resource.path)`,
      );
      // Files and copies lie in the order of their paths, so files are gone through in that order, copies are found by their primary
      // key, and what is left is sorted (that is what the + is for). Left alone, SQLite takes the indexes by asset and by hash, which are in
      // no order: that takes five times as long.
      const joins = drives.map(
        (_, drive) => `LEFT JOIN copied AS c${drive} INDEXED BY sqlite_autoindex_copied_1
          ON c${drive}.drive_id = ? AND c${drive}.path = resource.path
          AND c${drive}.hash = resource.hash AND c${drive}.removed_by IS NULL`,
      );
      const statement = database
        .prepare<Value[], readonly (string | number | null)[]>(
          `SELECT asset_id, resource.path, import.started_at_ms, resource.checked_at_ms,
             (SELECT kind FROM finding WHERE place = 'library' AND finding.path = resource.path)${columns.join('')}
           FROM resource LEFT JOIN import ON import.id = import_id ${joins.join(' ')}
           WHERE resource.removed_by IS NULL ORDER BY +asset_id`,
        )
        .safeIntegers(false) // moments in milliseconds
        .raw();
      for (const row of statement.iterate(...drives)) {
        const [assetId, path, savedAtMs, checkedAtMs, finding] = row;
        const copies: FileCopy[] = [];
        for (let drive = 0, at = 5; drive < drives.length; drive += 1, at += 4) {
          const copiedAtMs = row[at];
          if (typeof copiedAtMs !== 'number') continue;
          copies.push({
            driveId: drives[drive] as DriveId,
            copiedAtMs,
            ...(row[at + 1] === null ? {} : { readBackAtMs: row[at + 1] as number }),
            ...(row[at + 2] === null ? {} : { checkedAtMs: row[at + 2] as number }),
            ...(row[at + 3] === null ? {} : { finding: row[at + 3] as FindingKind }),
          });
        }
        yield {
          assetId: assetId as AssetId,
          path: path as RelativePath,
          savedAtMs: Number(savedAtMs ?? 0),
          ...(checkedAtMs === null ? {} : { checkedAtMs: checkedAtMs as number }),
          ...(finding === null ? {} : { finding: finding as FindingKind }),
          copies,
        };
      }
    },
    assetsOf: (sourceId) =>
      all('SELECT DISTINCT asset_id FROM source_entry WHERE source_id = ?', sourceId).map(
        (row) => row['asset_id'] as AssetId,
      ),

    note: (name) => optional(get('SELECT value FROM note WHERE name = ?', name), (row) => String(row['value'])),
    setNote: (name, value) => {
      run('INSERT OR REPLACE INTO note (name, value) VALUES (?, ?)', name, value);
    },
  };

  /** Row by row: there may be very many. Nothing may be written while they are gone through. */
  function* rowsOf<Result>(sql: string, value: Value | undefined, read: (row: Row) => Result): Generator<Result> {
    const statement = database.prepare<Value[], Row>(sql).safeIntegers(true);
    for (const row of value === undefined ? statement.iterate() : statement.iterate(value)) yield read(row);
  }
}

function optional<Given, Result>(value: Given | undefined, read: (value: Given) => Result): Result | undefined {
  return value === undefined ? undefined : read(value);
}

function folderOfRow(row: Row): RelativePath {
  return String(row['folder']).replace(/\/$/, '') as RelativePath;
}

function findingOf(row: Row): Finding {
  return {
    place: row['place'] as Place,
    path: row['path'] as RelativePath,
    kind: row['kind'] as FindingKind,
    foundAtMs: Number(row['found_at_ms']),
    isAccepted: row['is_accepted'] === 1n,
  };
}
