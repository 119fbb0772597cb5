// Turns a catalogue into one as an earlier version left it: the steps of library/catalog/migrations, backwards.

import Database from 'better-sqlite3';

/** Element n undoes what brought version n + 1 to version n + 2. */
const undo = [
  'DROP TABLE manifest',
  'DROP TABLE photos_list; DROP TABLE photos_asset; ALTER TABLE asset DROP COLUMN offset_basis',
  `DROP INDEX resource_by_size; DROP INDEX resource_by_check; DROP INDEX resource_removed;
   ALTER TABLE resource DROP COLUMN checked_at_ms; ALTER TABLE resource DROP COLUMN removed_by;
   DROP TABLE removal; DROP TABLE drive; DROP TABLE copied; DROP TABLE finding; DROP TABLE note`,
] as const;

export function makeCatalogOld(path: string, version: 1 | 2 | 3): void {
  const database = new Database(path);
  for (const step of undo.slice(version - 1).toReversed()) database.exec(step);
  database.pragma(`user_version = ${version}`);
  database.close();
}
