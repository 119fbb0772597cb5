// Opens what work on the library needs, and lets go of it afterwards: its lock, its catalogue, the log.

import type { AbsolutePath } from '../domain/ids.ts';
import type { CatalogStore } from '../library/catalog/catalog-store.ts';
import { openKnownLibraries } from '../library/known-libraries.ts';
import { type Library, openLibrary } from '../library/library.ts';
import { recoverLibrary } from '../library/recovery.ts';
import type { Clock } from '../platform/clock.ts';
import { type Log, openLog } from '../platform/log.ts';
import type { Config } from './config.ts';
import { openLibraryCatalog } from './open-catalog.ts';
import { type KeepsakePaths, makeStateFolders } from './paths.ts';

export interface LibraryWorkOptions {
  readonly root: AbsolutePath;
  readonly settings: Pick<Config, 'logLevel'>;
  readonly paths: KeepsakePaths;
  readonly clock: Clock;
  readonly sharedLog: Log | undefined;
  readonly signal: AbortSignal;
}

export interface OpenLibraryWork {
  readonly library: Library;
  readonly catalog: CatalogStore;
  readonly log: Log;
}

/** @throws AgentError as `openLibrary`, `openLibraryCatalog` and `recoverLibrary`. */
export async function withLibrary<Result>(
  options: LibraryWorkOptions,
  work: (open: OpenLibraryWork) => Promise<Result>,
): Promise<Result> {
  const { root, settings, paths, clock, sharedLog, signal } = options;
  makeStateFolders(paths);
  await using openedLog = openLog({ folder: paths.logs, level: settings.logLevel, shared: sharedLog });
  const { log } = openedLog;
  await using library = await openLibrary({ root, known: openKnownLibraries(paths.knownLibraries) });
  using catalog = await openLibraryCatalog({ library, paths, log, signal });
  await recoverLibrary({ library, catalog, clock, log, signal });
  return await work({ library, catalog, log });
}
