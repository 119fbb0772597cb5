// Counts what was changed on a drive, so that its list is written anew only if it has become another one.

import type { DriveId } from '../../domain/ids.ts';
import type { Statements } from './photos-store.ts';

export function noteContents({ run }: Pick<Statements, 'run'>, id: DriveId): void {
  run(
    `INSERT INTO note (name, value) VALUES (?, '1') ON CONFLICT (name) DO UPDATE SET value = CAST(value AS INTEGER) + 1`,
    `contents ${id}`,
  );
}

/** Another text after anything was put on the drive, taken away or moved there. */
export function contentsMark({ get }: Pick<Statements, 'get'>, id: DriveId): string {
  return String(get('SELECT value FROM note WHERE name = ?', `contents ${id}`)?.['value'] ?? '0');
}
