// The command `rebuild`: makes the catalogue of a library anew from the library alone, whatever became of the one there was.
// Reads the photo folder; changes no photo, and keeps the old catalogue beside the new one.

import { AgentError, isAgentError } from '../domain/errors.ts';
import type { AbsolutePath } from '../domain/ids.ts';
import { openCatalog } from '../library/catalog/sqlite-catalog.ts';
import { findMismatch } from '../library/catalog-match.ts';
import { openKnownLibraries } from '../library/known-libraries.ts';
import { libraryFolders, openLibrary, readLibraryId } from '../library/library.ts';
import { recoverLibrary } from '../library/recovery.ts';
import type { Clock } from '../platform/clock.ts';
import { type Log, openLog } from '../platform/log.ts';
import { statOrUndefined } from '../platform/volume.ts';
import { type LibraryCatalogOptions, makeCatalogAnew, openExisting } from './open-catalog.ts';
import { catalogPath, type KeepsakePaths, makeStateFolders } from './paths.ts';

export interface RebuildRequest {
  readonly root: AbsolutePath;
  readonly paths: KeepsakePaths;
  readonly settings: { readonly logLevel: string };
  readonly clock: Clock;
  /** Of the agent. */
  readonly sharedLog?: Log | undefined;
  readonly signal: AbortSignal;
}

export interface RebuildResult {
  readonly library: AbsolutePath;
  readonly assets: number;
  /** Files of photos that are recorded. */
  readonly files: number;
  readonly imports: number;
  /** Files that were saved once and are not in the library any more: they are saved again from a source that has them. */
  readonly missing: number;
  /** Files that their owner removed: no source brings them back. */
  readonly removed: number;
  readonly ms: number;
}

/**
 * @throws AgentError LIBRARY_MISSING (also for a folder that never was one: none is begun), LIBRARY_BUSY, LIBRARY_DAMAGED,
 * LIBRARY_TOO_NEW, LIBRARY_GONE, CATALOG_TOO_NEW, STATE_WRITE_FAILED; the signal's reason. The old catalogue then stays.
 */
export async function rebuildLibrary(request: RebuildRequest): Promise<RebuildResult> {
  const { root, paths, settings, clock, signal } = request;
  const startedMs = clock.monotonicMs();
  await assertIsLibrary(root);
  makeStateFolders(paths);
  await using openedLog = openLog({ folder: paths.logs, level: settings.logLevel, shared: request.sharedLog });
  const { log } = openedLog;
  await using library = await openLibrary({ root, known: openKnownLibraries(paths.knownLibraries) });
  const options = { library, paths, log, signal };
  await finishOld({ ...options, clock });
  const counts = await makeCatalogAnew(options);
  using catalog = openCatalog({ path: catalogPath(paths, library.id), libraryId: library.id });
  await recoverLibrary({ library, catalog, clock, log, signal });
  const { assets, resources } = catalog.summarize();
  const ms = Math.round(clock.monotonicMs() - startedMs);
  log.info({ assets, files: resources, ...counts, ms }, 'rebuilt');
  return { library: library.folders.root, assets, files: resources, ...counts, ms };
}

/** A library that lost its own identity is `openLibrary`'s to report; a folder without any of it is none. */
async function assertIsLibrary(root: AbsolutePath): Promise<void> {
  if ((await readLibraryId(root)) !== undefined) return;
  if ((await statOrUndefined(libraryFolders(root).imports)) !== undefined) return;
  throw new AgentError('LIBRARY_MISSING', `There is no photo folder of Keepsake at "${root}".`, {
    remedy: 'Connect its drive, or name the folder your photos are in: keepsake rebuild --library FOLDER',
  });
}

/**
 * If the old catalogue can be read and is of the library's present state, what a crash left in its journal is brought to its
 * end first, so that the manifests tell of it. Without that those photos are new again on their source, which is safe too.
 */
async function finishOld(options: LibraryCatalogOptions & { clock: Clock; signal: AbortSignal }): Promise<void> {
  const { library, log } = options;
  if ((await statOrUndefined(catalogPath(options.paths, library.id))) === undefined) return;
  try {
    using catalog = await openExisting(options);
    if (catalog.isEmpty() || (await findMismatch(library, catalog)) !== undefined) return;
    await recoverLibrary({ ...options, catalog });
  } catch (error) {
    if (!isAgentError(error, 'CATALOG_DAMAGED')) throw error; // what is damaged is what this command is for
    log.warn({ code: error.code }, 'the old catalogue cannot be read');
  }
}
