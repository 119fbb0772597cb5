// Opens the catalogue of a library for writing. Where this machine has none, or one of another state of the library (an older
// copy, or the library itself restored), it is made anew from the library; the one that was there is kept under another name.

import { chmod, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AgentError, systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath } from '../domain/ids.ts';
import type { CatalogStore } from '../library/catalog/catalog-store.ts';
import { openCatalog } from '../library/catalog/sqlite-catalog.ts';
import { findMismatch } from '../library/catalog-match.ts';
import type { Library } from '../library/library.ts';
import { listManifests } from '../library/manifest.ts';
import { type RebuildCounts, rebuildCatalog } from '../library/rebuild-catalog.ts';
import { renewBackup } from '../library/recovery.ts';
import { keepHistory } from '../library/source-history.ts';
import { flushFolder } from '../platform/durable-write.ts';
import type { Log } from '../platform/log.ts';
import { statOrUndefined } from '../platform/volume.ts';
import { catalogPath, type KeepsakePaths } from './paths.ts';

export interface LibraryCatalogOptions {
  /** Open, hence locked: nobody else writes to its catalogue. */
  readonly library: Library;
  readonly paths: KeepsakePaths;
  readonly log: Log;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The library's catalogue, of the library's present state. `recoverLibrary` comes next.
 * @throws AgentError CATALOG_DAMAGED (`makeCatalogAnew` helps), CATALOG_TOO_NEW, STATE_WRITE_FAILED, and as `rebuildCatalog`.
 */
export async function openLibraryCatalog(options: LibraryCatalogOptions): Promise<CatalogStore> {
  const catalog = await openExisting(options);
  try {
    if (!(await needsRebuild(options, catalog))) return catalog;
  } catch (error) {
    catalog[Symbol.dispose]();
    throw error;
  }
  catalog[Symbol.dispose]();
  await makeCatalogAnew(options);
  return openCatalog({ path: catalogPath(options.paths, options.library.id), libraryId: options.library.id });
}

/**
 * Opens the catalogue of a library as it is, or an empty one.
 * @throws AgentError CATALOG_DAMAGED also if, after a crash, the file and its log are found not to be of one piece.
 */
export async function openExisting({ library, paths }: LibraryCatalogOptions): Promise<CatalogStore> {
  const path = catalogPath(paths, library.id);
  const afterCrash = ((await statOrUndefined(`${path}-wal`))?.size ?? 0) > 0;
  const catalog = openCatalog({ path, libraryId: library.id });
  try {
    await chmod(path, 0o600);
    // SQLite plays the log of a killed process into whatever file has the name: into an older copy put there since, too.
    if (afterCrash && !catalog.isWhole()) {
      throw new AgentError('CATALOG_DAMAGED', `The list of saved photos "${path}" contradicts itself.`, {
        remedy:
          'Run "keepsake rebuild": the list is made anew from your photo folder, and the old one is kept beside it.',
      });
    }
    return catalog;
  } catch (error) {
    catalog[Symbol.dispose]();
    throw error;
  }
}

async function needsRebuild({ library, log }: LibraryCatalogOptions, catalog: CatalogStore): Promise<boolean> {
  if (catalog.isEmpty()) return (await listManifests(library.folders.imports)).length > 0;
  const mismatch = await findMismatch(library, catalog);
  if (mismatch !== undefined) log.warn(mismatch, 'the catalogue is of another state of the library');
  return mismatch !== undefined;
}

/**
 * Makes the catalogue from the library and puts it in the place of the one that is there, of which one generation is kept as
 * ID.db.before-rebuild. Nobody may have the catalogue open. Whatever stops it, the old one stays.
 * @throws AgentError as `rebuildCatalog`, STATE_WRITE_FAILED.
 */
export async function makeCatalogAnew(options: LibraryCatalogOptions): Promise<RebuildCounts> {
  const { library, paths, log, signal = new AbortController().signal } = options;
  const path = catalogPath(paths, library.id);
  // Beside, because half a catalogue would look like a whole one at the next start, and photos it lacks be saved twice.
  const beside = `${path}.rebuilding`;
  let counts: RebuildCounts;
  await removeCatalog(beside); // of an attempt that failed
  {
    using catalog = openCatalog({ path: beside, libraryId: library.id });
    await chmod(beside, 0o600);
    counts = await rebuildCatalog({ library, catalog, log, signal });
    await keepHistory({ library, catalog, log });
    await renewBackup({ library, catalog, log });
  }
  try {
    await putAside(path);
    await rename(beside, path);
    await flushFolder(dirname(path) as AbsolutePath);
  } catch (error) {
    throw new AgentError('STATE_WRITE_FAILED', `"${path}" cannot be replaced (${systemErrorCode(error) ?? error}).`, {
      remedy: 'Check that there is room on the disk of your home folder and that you may write there, then try again.',
      cause: error,
    });
  }
  return counts;
}

/** A crash in here leaves no catalogue, which is made anew at the next start. */
async function putAside(path: string): Promise<void> {
  if (((await statOrUndefined(path))?.size ?? 0) === 0) {
    await removeCatalog(path); // nothing in it: the one that is kept from earlier may say more
    return;
  }
  const kept = `${path}.before-rebuild`;
  await removeCatalog(kept);
  await rename(path, kept);
  // Its log goes with it: SQLite would play it into the new file. A log without its file it removes.
  if ((await statOrUndefined(`${path}-wal`)) !== undefined) await rename(`${path}-wal`, `${kept}-wal`);
  await rm(`${path}-shm`, { force: true });
}

async function removeCatalog(path: string): Promise<void> {
  for (const ending of ['', '-wal', '-shm']) await rm(`${path}${ending}`, { force: true });
}
