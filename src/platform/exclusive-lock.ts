// One process at a time. Node.js has no flock, so an exclusive SQLite transaction on a tiny file stands in: the system
// frees it however its holder ends, SIGKILL included, and a file left behind means nothing.

import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';

const tryAgainMs = 20;

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

/**
 * The same, with patience: whoever only looks whether it is held has it for an instant, and nobody is to be sent away for that.
 * @param patienceMs what waiting may take at most
 */
export async function waitForExclusiveLock(path: string, patienceMs: number): Promise<ExclusiveLock | undefined> {
  const untilMs = performance.now() + patienceMs;
  for (;;) {
    const lock = takeExclusiveLock(path);
    if (lock !== undefined || performance.now() >= untilMs) return lock;
    await sleep(tryAgainMs);
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('SQLITE_BUSY');
}
