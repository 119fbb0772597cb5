// One process at a time. Node.js has no flock, so an exclusive SQLite transaction on a tiny file stands in: the system
// frees it however its holder ends, SIGKILL included, and a file left behind means nothing.

import Database from 'better-sqlite3';

export interface ExclusiveLock extends Disposable {
  release(): void;
}

/** Takes the lock at `path` (created if need be), or returns undefined if another process has it. @throws what SQLite throws otherwise. */
export function takeExclusiveLock(path: string): ExclusiveLock | undefined {
  const database = new Database(path, { timeout: 0 });
  try {
    database.pragma('journal_mode = DELETE');
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (isBusy(error)) return undefined;
    throw error;
  }
  const release = () => {
    if (database.open) database.close();
  };
  return { release, [Symbol.dispose]: release };
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('SQLITE_BUSY');
}
