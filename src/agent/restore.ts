// Gives photos back for whoever asks: from the library, or from a drive on a computer that knows nothing of it. Only reads what it
// gives back from, and takes no lock: photos can be saved and copied meanwhile.

import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { RestoreReport } from '../copies/restore-report.ts';
import { findCopy, openRestoreSource, type RestoreSource } from '../copies/restore-source.ts';
import { findTarget } from '../copies/restore-target.ts';
import { AgentError, isAgentError } from '../domain/errors.ts';
import type { AbsolutePath } from '../domain/ids.ts';
import type { ImportProgress } from '../domain/progress.ts';
import { type RecordsOfTree, readRecordsOf, viewOfLibrary } from '../jobs/restore-catalog.ts';
import { restoreFiles } from '../jobs/restore-job.ts';
import type { CatalogStore } from '../library/catalog/catalog-store.ts';
import { openCatalog } from '../library/catalog/sqlite-catalog.ts';
import { findMismatch } from '../library/catalog-match.ts';
import { libraryFolders, readLibraryId } from '../library/library.ts';
import { howToName, type NamedDevice, parseQueries, type Query } from '../library/query.ts';
import type { StepObserver } from '../platform/durable-write.ts';
import { type Log, openLog } from '../platform/log.ts';
import { statOrUndefined } from '../platform/volume.ts';
import { catalogPath, type KeepsakePaths } from './paths.ts';

export type RestoreProgress = ImportProgress & { readonly sourceName: string };

export interface RestoreWish {
  /** Days, folders, names, devices, as the owner wrote them. */
  readonly queries: readonly string[];
  /** Everything; then no queries. */
  readonly all: boolean;
  /** A folder as the owner wrote it. It need not exist. */
  readonly to: string;
  /** A drive by its id or name, or a path: of the drive, or of the copy on it. Undefined: from the library. */
  readonly from?: string | undefined;
  readonly forApplePhotos: boolean;
  readonly dryRun: boolean;
  readonly library?: string | undefined;
  readonly onProgress: (progress: RestoreProgress) => void;
  readonly signal: AbortSignal;
}

export type RestoreResult = RestoreReport;

export interface RestoreContext {
  /** Of the library; need not be one. */
  readonly root: AbsolutePath;
  readonly paths: KeepsakePaths;
  readonly settings: { readonly logLevel: string };
  /** Paths that the owner wrote begin here. */
  readonly workingFolder: string;
  /** The path of a drive that is attached, or of the copy on it, by the drive's id or name. */
  readonly findDriveRoot: (idOrPath: string) => Promise<AbsolutePath | undefined>;
  /** As the owner calls them now. */
  readonly devices: () => Promise<readonly NamedDevice[]>;
  /** Of the agent. */
  readonly sharedLog?: Log | undefined;
  /** Only tests need these. */
  readonly observeStep?: StepObserver | undefined;
  readonly batchFilesMax?: number | undefined;
}

/**
 * What stops it midway is in the result.
 * @throws AgentError for what cannot start: USAGE, LIBRARY_MISSING, LIBRARY_TOO_NEW, DRIVE_MISSING, DRIVE_TOO_NEW,
 * RESTORE_UNSUITABLE, and as `restoreFiles`; the signal's reason.
 */
export async function restorePhotos(wish: RestoreWish, context: RestoreContext): Promise<RestoreResult> {
  const { to, forApplePhotos, dryRun, onProgress, signal } = wish;
  const source = await findSource(wish, context);
  const queries = readQueries(wish, source.root);
  const target = await findTarget(resolve(context.workingFolder, to)); // before anything is read, which takes a while
  using records = await openRecords(source, context.paths, signal);
  const options = {
    ...{ source, records, queries, forApplePhotos, dryRun, signal, to: target },
    devices: queries === undefined ? [] : await context.devices(),
    onProgress: (progress: ImportProgress) => onProgress({ ...progress, sourceName: source.name }),
    observeStep: context.observeStep ?? (() => undefined),
    batchFilesMax: context.batchFilesMax,
  };
  if (dryRun) return await restoreFiles(options);
  const { paths, settings, sharedLog } = context;
  await using openedLog = openLog({ folder: paths.logs, level: settings.logLevel, shared: sharedLog });
  return await restoreFiles({ ...options, log: openedLog.log });
}

function readQueries({ queries, all }: RestoreWish, root: string): readonly Query[] | undefined {
  if (!all && queries.length > 0) return parseQueries(queries, { roots: [root] });
  if (all && queries.length === 0) return undefined;
  throw new AgentError('USAGE', all ? 'All photos, or only some?' : 'Which photos are to be restored?', {
    remedy: all ? 'Leave out either --all or what you named.' : `All of them: add --all. ${howToName}`,
  });
}

async function findSource({ from }: RestoreWish, context: RestoreContext): Promise<RestoreSource> {
  if (from === undefined) return await openRestoreSource({ kind: 'library', root: await findLibrary(context.root) });
  const path = resolve(context.workingFolder, from);
  const isPath = existsSync(path) || from.includes('/');
  const place = isPath ? path : await context.findDriveRoot(from);
  if (place === undefined) {
    throw new AgentError('DRIVE_MISSING', `No drive "${from}" is connected.`, {
      remedy: 'Connect it, or name the folder under which this computer shows it: --from FOLDER',
    });
  }
  return await openRestoreSource({ kind: 'drive', root: await findCopy(place) });
}

async function findLibrary(root: AbsolutePath): Promise<AbsolutePath> {
  if ((await statOrUndefined(libraryFolders(root).own)) !== undefined) return (await realpath(root)) as AbsolutePath;
  throw new AgentError('LIBRARY_MISSING', `There is no photo folder of Keepsake at "${root}".`, {
    remedy: 'Connect its drive; or restore from a drive with a copy: keepsake restore --all --from DRIVE --to FOLDER',
  });
}

/** The library's own catalogue where it is of the library's present state; else what the records beside the photos say. */
async function openRecords(source: RestoreSource, paths: KeepsakePaths, signal: AbortSignal): Promise<RecordsOfTree> {
  const catalog = source.kind === 'library' ? await openOwnCatalog(source.root, paths) : undefined;
  if (catalog === undefined) return await readRecordsOf(source.root, signal);
  return {
    ...{ catalog, isUpToDate: true, failures: [], badLines: 0, isRemoved: () => false },
    [Symbol.dispose]: () => catalog[Symbol.dispose](),
  };
}

async function openOwnCatalog(root: AbsolutePath, paths: KeepsakePaths): Promise<CatalogStore | undefined> {
  let catalog: CatalogStore | undefined;
  try {
    const libraryId = await readLibraryId(root);
    if (libraryId === undefined) return undefined;
    catalog = openCatalog({ path: catalogPath(paths, libraryId), libraryId, readOnly: true });
    if ((await findMismatch(viewOfLibrary(root, libraryId), catalog)) === undefined) return catalog;
  } catch (error) {
    catalog?.[Symbol.dispose]();
    // Lost, damaged, or of another version: the photos and their records are what counts.
    const isLost = isAgentError(error) && (error.code.startsWith('CATALOG_') || error.code === 'LIBRARY_DAMAGED');
    if (isLost) return undefined;
    throw error;
  }
  catalog[Symbol.dispose]();
  return undefined;
}
