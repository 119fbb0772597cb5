// Adopts a folder for whoever asks: makes sure that it lies in the library, opens what the job needs, and lets go of the
// library between two batches so that a card can be saved meanwhile.

import { realpath, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { AgentError, isAgentError } from '../domain/errors.ts';
import type { AbsolutePath, LibraryId } from '../domain/ids.ts';
import type { ImportProgress } from '../domain/progress.ts';
import { type HeldLibrary, type HoldLibrary, runAdoption } from '../jobs/adopt-job.ts';
import { previewAdoption } from '../jobs/adopt-preview.ts';
import type { AdoptReport } from '../jobs/adopt-report.ts';
import { assertNotInCloud } from '../jobs/import-safety.ts';
import type { Pace } from '../jobs/pace.ts';
import { adoptedKind, adoptionLockPath } from '../library/adoption.ts';
import type { CatalogStore } from '../library/catalog/catalog-store.ts';
import { openCatalog } from '../library/catalog/sqlite-catalog.ts';
import { openKnownLibraries } from '../library/known-libraries.ts';
import { libraryFolders, openLibrary, readLibraryId } from '../library/library.ts';
import { openMetadataReader } from '../library/metadata/read-metadata.ts';
import { recoverLibrary } from '../library/recovery.ts';
import { type Clock, systemClock } from '../platform/clock.ts';
import type { StepObserver } from '../platform/durable-write.ts';
import { type ExclusiveLock, waitForExclusiveLock } from '../platform/exclusive-lock.ts';
import { type Log, openLog } from '../platform/log.ts';
import { nearestExisting, statOrUndefined } from '../platform/volume.ts';
import { type FolderSource, openFolderSource } from '../sources/folder/folder-source.ts';
import type { Config } from './config.ts';
import { openLibraryCatalog } from './open-catalog.ts';
import { catalogPath, type KeepsakePaths, makeStateFolders } from './paths.ts';

/** How often, and for how long in all, a library that another process holds is asked for again. A large card takes hours. */
const busyPollMs = 250;
/** A status looks whether a folder is being adopted, which takes an instant. */
const lookMsMax = 1000;
const busyWaitMsMax = 6 * 60 * 60_000;

/** What tests replace; `Seams` of the composition has all of them. */
export interface AdoptSeams {
  readonly clock?: Clock;
  readonly observeStep?: StepObserver;
  readonly batchFilesMax?: number;
  readonly batchBytesMax?: number;
  readonly wrapSource?: (source: FolderSource) => FolderSource;
}

/** Runs `work` when the library is free, and lets nobody else at it meanwhile. An agent that has a queue gives its own. */
export type LibraryTurn = <T>(work: () => Promise<T>) => Promise<T>;

export interface AdoptRequest {
  /** Absolute, as the owner named it. */
  readonly folder: string;
  /** Of the library; need not be one yet. */
  readonly root: AbsolutePath;
  readonly settings: Pick<Config, 'timeZone' | 'allowCloudFolder' | 'logLevel'>;
  readonly paths: KeepsakePaths;
  readonly seams?: AdoptSeams;
  /** The owner said that a new library should begin where one was remembered. */
  readonly createAnew?: boolean;
  readonly dryRun: boolean;
  readonly onProgress: (progress: ImportProgress) => void;
  readonly pace?: Pace | undefined;
  readonly turn?: LibraryTurn | undefined;
  /** Of the agent. */
  readonly sharedLog?: Log | undefined;
  readonly signal: AbortSignal;
}

export interface AdoptResult extends AdoptReport {
  /** Files that needed a program this machine lacks to tell when they were taken. */
  readonly missingProgram?: 'exiftool';
}

/**
 * Makes what lies in `folder` a part of the library, where it is. What stops it midway is in the report.
 * @throws AgentError for what cannot start: SOURCE_MISSING, ADOPT_OUTSIDE_LIBRARY, LIBRARY_BUSY, and as `openLibrary`.
 */
export async function adoptFolder(request: AdoptRequest): Promise<AdoptResult> {
  const { settings, paths, seams = {}, dryRun, onProgress, signal } = request;
  const clock = seams.clock ?? systemClock;
  const opened = await openFolderSource(request.folder);
  const root = await findRoot(request.root, opened.root);
  if (!settings.allowCloudFolder) await assertNotInCloud(root);
  const source = seams.wrapSource?.(opened) ?? opened;
  if (dryRun) {
    using catalog = await openForReading(root, paths);
    return await previewAdoption({ source, root, catalog, clock, onProgress, signal });
  }
  makeStateFolders(paths);
  await using openedLog = openLog({ folder: paths.logs, level: settings.logLevel, shared: request.sharedLog });
  await using metadata = openMetadataReader();
  const { log } = openedLog;
  using holder = new LibraryHolder({ request, root, clock, log });
  const report = await runAdoption({
    source,
    root,
    hold: holder.hold,
    metadata,
    clock,
    log,
    timeZone: settings.timeZone,
    pace: request.pace,
    onProgress,
    observeStep: seams.observeStep ?? (() => undefined),
    batchFilesMax: seams.batchFilesMax,
    batchBytesMax: seams.batchBytesMax,
    signal,
  });
  return { ...report, ...(metadata.unavailable === undefined ? {} : { missingProgram: metadata.unavailable }) };
}

/** The library's real path. @throws AgentError ADOPT_OUTSIDE_LIBRARY, LIBRARY_UNSUITABLE if `folder` is on another disk. */
async function findRoot(root: AbsolutePath, folder: AbsolutePath): Promise<AbsolutePath> {
  const nearest = await nearestExisting(root);
  const real = join(await realpath(nearest), relative(nearest, root)) as AbsolutePath;
  const isInside = folder === real || folder.startsWith(real.endsWith(sep) ? real : real + sep);
  const { own } = libraryFolders(real);
  if (!isInside || folder === own || folder.startsWith(own + sep)) throw outside(real, folder);
  if ((await stat(folder)).dev !== (await stat(real)).dev) {
    throw new AgentError('LIBRARY_UNSUITABLE', `"${folder}" in your photo folder leads to another disk.`, {
      remedy: 'Put that folder itself into your photo folder, or save a copy of it with keepsake backup.',
    });
  }
  return real;
}

function outside(root: AbsolutePath, folder: AbsolutePath): AgentError {
  return new AgentError(
    'ADOPT_OUTSIDE_LIBRARY',
    `"${folder}" does not lie in your photo folder "${root}", and only what does can become part of it as it is.`,
    {
      remedy: [
        'There are three ways. Move that folder into your photo folder and adopt it there.',
        `Or make it your photo folder: keepsake config set library "${folder}", then keepsake adopt "${folder}".`,
        `Or leave it where it is and save a copy of its photos: keepsake backup "${folder}".`,
      ].join(' '),
    },
  );
}

/** Makes nothing, not even the library: without one, everything is new. */
async function openForReading(root: AbsolutePath, paths: KeepsakePaths): Promise<CatalogStore> {
  const id = await readLibraryId(root);
  const path = id === undefined ? undefined : catalogPath(paths, id);
  if (id === undefined || path === undefined || (await statOrUndefined(path)) === undefined) {
    return openCatalog({ path: ':memory:', libraryId: '' as LibraryId });
  }
  return openCatalog({ path, libraryId: id, readOnly: true });
}

/** Opens the library for one slice of work after the other. One adoption of a library at a time, from its first slice on. */
class LibraryHolder implements Disposable {
  readonly #request: AdoptRequest;
  readonly #root: AbsolutePath;
  readonly #clock: Clock;
  readonly #log: Log;
  #adopting: ExclusiveLock | undefined;

  constructor(options: { request: AdoptRequest; root: AbsolutePath; clock: Clock; log: Log }) {
    this.#request = options.request;
    this.#root = options.root;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  [Symbol.dispose](): void {
    this.#adopting?.release();
  }

  readonly hold: HoldLibrary = async (work) => {
    const turn: LibraryTurn = this.#request.turn ?? ((slice) => slice());
    const sinceMs = this.#clock.monotonicMs();
    for (;;) {
      try {
        return await turn(() => this.#open(work));
      } catch (error) {
        // At the beginning the owner is told; later there is work that is worth waiting with. Not within the turn: others
        // of this process are not to wait for another one's import.
        const isPatient = this.#adopting !== undefined && this.#clock.monotonicMs() - sinceMs < busyWaitMsMax;
        if (!isPatient || !isAgentError(error, 'LIBRARY_BUSY')) throw error;
        await this.#clock.wait(busyPollMs, this.#request.signal);
      }
    }
  };

  async #open<T>(work: (held: HeldLibrary) => Promise<T>): Promise<T> {
    const { paths, createAnew = false, signal } = this.#request;
    const [clock, log] = [this.#clock, this.#log];
    const isFirst = this.#adopting === undefined;
    await using library = await openLibrary({
      root: this.#root,
      known: openKnownLibraries(paths.knownLibraries),
      createAnew: createAnew && isFirst,
    });
    this.#adopting ??= await takeAdoptionLock(library.folders.own);
    using catalog = await openLibraryCatalog({ library, paths, log, signal });
    // Our own import is open all the while, and only somebody else's was cut off.
    if (isFirst || isInDisorder(catalog)) await recoverLibrary({ library, catalog, clock, log, signal });
    return await work({ library, catalog });
  }
}

/** A crash of another process since our last slice, or a commit of ours that failed midway. */
function isInDisorder(catalog: CatalogStore): boolean {
  const isForeign = (id: ReturnType<CatalogStore['unfinishedImports']>[number]) =>
    catalog.importOrigin(id).source.kind !== adoptedKind;
  return catalog.journalled().length > 0 || catalog.unfinishedImports().some(isForeign);
}

async function takeAdoptionLock(ownFolder: AbsolutePath): Promise<ExclusiveLock> {
  const lock = await waitForExclusiveLock(adoptionLockPath(ownFolder), lookMsMax);
  if (lock !== undefined) return lock;
  throw new AgentError('LIBRARY_BUSY', 'A folder of this photo folder is being adopted right now.', {
    remedy: 'Wait until that is done, then run "keepsake adopt" again.',
  });
}
