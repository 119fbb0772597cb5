// The new entries of a source, between listing and saving. They wait in a temporary database that SQLite deletes by itself,
// so that memory stays small however many there are, and come back folder by folder in groups of one candidate key.

import Database from 'better-sqlite3';
import type { SourcePath } from '../domain/ids.ts';
import { candidateKey, candidateRank, googleNameLengthMax, sidecarTarget } from '../library/grouping.ts';
import type { Guidance } from './photos-guide.ts';

/** More files of one stem than this are taken as several groups. */
const groupSizeMax = 64;
const cacheKibibytes = 4096;

export interface SpooledEntry {
  readonly path: SourcePath;
  readonly folder: string;
  readonly name: string;
  readonly key: string;
  readonly sizeBytes: number;
  readonly modifiedAtNs: bigint;
  readonly bornAtMs?: number;
  readonly changedAtMs?: number;
  readonly settlesAtMonotonicMs?: number;
  /** What the device's own list adds. */
  readonly guidance?: Guidance;
}

interface Row {
  path: string;
  folder: string;
  name: string;
  key: string;
  size_bytes: bigint;
  modified_at_ns: bigint;
  born_at_ms: number | null;
  changed_at_ms: number | null;
  settles_at_ms: number | null;
  guidance: string | null;
}

export class EntrySpool implements Disposable {
  readonly #database: Database.Database;
  readonly #insert: Database.Statement;
  #pending: (readonly unknown[])[] = [];
  count = 0;
  bytes = 0;

  constructor() {
    this.#database = new Database(''); // an empty name: on disk, private, gone when closed
    this.#database.pragma('journal_mode = OFF');
    this.#database.pragma('synchronous = OFF');
    this.#database.pragma(`cache_size = -${cacheKibibytes}`);
    this.#database.exec(`CREATE TABLE entry (
      path TEXT NOT NULL, folder TEXT NOT NULL, name TEXT NOT NULL, lower_name TEXT NOT NULL, key TEXT NOT NULL,
      rank INTEGER NOT NULL, size_bytes INTEGER NOT NULL, modified_at_ns INTEGER NOT NULL,
      born_at_ms REAL, changed_at_ms REAL, settles_at_ms REAL, guidance TEXT
    ) STRICT`);
    this.#insert = this.#database.prepare('INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }

  add(entry: Omit<SpooledEntry, 'key' | 'name' | 'folder'>): void {
    const slash = entry.path.lastIndexOf('/');
    const name = entry.path.slice(slash + 1);
    this.count += 1;
    this.bytes += entry.sizeBytes;
    this.#pending.push([
      entry.path,
      entry.path.slice(0, Math.max(0, slash)),
      name,
      name.normalize('NFC').toLowerCase(),
      candidateKey(name),
      candidateRank(name),
      entry.sizeBytes,
      entry.modifiedAtNs,
      entry.bornAtMs ?? null,
      entry.changedAtMs ?? null,
      entry.settlesAtMonotonicMs ?? null,
      entry.guidance === undefined ? null : JSON.stringify(entry.guidance),
    ]);
    if (this.#pending.length >= 1000) this.#flush();
  }

  #flush(): void {
    const rows = this.#pending;
    this.#pending = [];
    this.#database.transaction(() => {
      for (const row of rows) this.#insert.run(...row);
    })();
  }

  /** All entries, in no particular order. */
  *entries(): Generator<SpooledEntry> {
    this.#flush();
    for (const row of this.#database.prepare<[], Row>('SELECT * FROM entry').safeIntegers(true).iterate())
      yield entryOf(row);
  }

  /** Photos and videos, as far as names tell. */
  groupCount(): number {
    this.#flush();
    const row = this.#database
      .prepare<[], { amount: number }>('SELECT count(*) AS amount FROM (SELECT 1 FROM entry GROUP BY folder, key)')
      .get();
    return row?.amount ?? 0;
  }

  /** Groups in the order they are to be saved: by folder, stills before lone videos before lone sidecars, by key, by path. */
  *groups(): Generator<readonly SpooledEntry[]> {
    this.#flush();
    this.#database.exec('CREATE INDEX entry_by_name ON entry (folder, lower_name)');
    this.#joinCutGoogleNames();
    // Without these two a flat folder costs the square of its files: 100,000 of them more than ten minutes (measured).
    this.#database.exec(`CREATE INDEX entry_by_key ON entry (folder, key, path);
      CREATE TABLE candidate_group AS
      SELECT folder, key, min(rank) AS rank FROM entry GROUP BY folder, key;
      CREATE INDEX group_in_order ON candidate_group (folder, rank, key)`);
    const rows = this.#database
      .prepare<[], Row>(
        `SELECT entry.* FROM candidate_group CROSS JOIN entry USING (folder, key)
         ORDER BY candidate_group.folder, candidate_group.rank, candidate_group.key, path`,
      )
      .safeIntegers(true)
      .iterate();
    let group: SpooledEntry[] = [];
    for (const row of rows) {
      const entry = entryOf(row);
      const [first] = group;
      const isSame = first !== undefined && first.folder === entry.folder && first.key === entry.key;
      if (group.length > 0 && (!isSame || group.length >= groupSizeMax)) {
        yield group;
        group = [];
      }
      group.push(entry);
    }
    if (group.length > 0) yield group;
  }

  /** Google cuts a sidecar's name at 46 characters: it belongs to the one photo here whose name goes on from there. */
  #joinCutGoogleNames(): void {
    const cut = this.#database
      .prepare<[number], { rowid: number; folder: string; lower_name: string }>(
        `SELECT rowid, folder, lower_name FROM entry WHERE lower_name LIKE '%.json' AND length(lower_name) >= ?`,
      )
      .all(googleNameLengthMax);
    const find = this.#database.prepare<[string, string, string, string], { key: string }>(
      `SELECT key FROM entry WHERE folder = ? AND lower_name >= ? AND lower_name < ? AND lower_name <> ?
       AND rank < 2 ORDER BY lower_name LIMIT 1`,
    );
    const update = this.#database.prepare('UPDATE entry SET key = ? WHERE rowid = ?');
    for (const { rowid, folder, lower_name: name } of cut) {
      if (sidecarTarget(name) !== undefined) continue;
      const start = name.slice(0, -'.json'.length);
      const found = find.get(folder, start, `${start}\u{10ffff}`, name);
      if (found !== undefined) update.run(found.key, rowid);
    }
  }
}

function entryOf(row: Row): SpooledEntry {
  return {
    path: row.path as SourcePath,
    folder: row.folder,
    name: row.name,
    key: row.key,
    sizeBytes: Number(row.size_bytes),
    modifiedAtNs: row.modified_at_ns,
    ...(row.born_at_ms === null ? {} : { bornAtMs: row.born_at_ms }),
    ...(row.changed_at_ms === null ? {} : { changedAtMs: row.changed_at_ms }),
    ...(row.settles_at_ms === null ? {} : { settlesAtMonotonicMs: row.settles_at_ms }),
    ...(row.guidance === null ? {} : { guidance: JSON.parse(row.guidance) as Guidance }),
  };
}
