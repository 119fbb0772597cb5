// Removes photos, takes them back, lists what was removed, and empties the trash: what the command `remove` can do. Works through
// however many there are in portions, each of which is whole when the next begins.

import { CopyTally } from '../copies/copy-report.ts';
import type { Drive } from '../copies/drive.ts';
import { emptyDriveTrash } from '../copies/empty-trash.ts';
import { followRemovals } from '../copies/follow-removals.ts';
import { AgentError, isAgentError } from '../domain/errors.ts';
import type { AbsolutePath, RelativePath, RemovalId } from '../domain/ids.ts';
import type { CatalogStore } from '../library/catalog/catalog-store.ts';
import type { LibraryFile } from '../library/catalog/copies-store.ts';
import { byAsset, type Removal, trashDays } from '../library/catalog/removal-records.ts';
import { shelfFolders } from '../library/layout.ts';
import { type Library, trashFolder } from '../library/library.ts';
import type { FoundAssets } from '../library/query.ts';
import { renewBackup } from '../library/recovery.ts';
import { isGone, pathInTrash, removeFiles, takeBackFiles } from '../library/removal.ts';
import { emptyTrash } from '../library/trash.ts';
import type { Clock } from '../platform/clock.ts';
import type { StepObserver } from '../platform/durable-write.ts';
import type { Log } from '../platform/log.ts';
import { statOrUndefined } from '../platform/volume.ts';
import type { TargetDrive } from './copy-job.ts';
import { makeImportId } from './import-job.ts';

/** Files moved and recorded together: what a stop waits for. */
const filesAtOnce = 300;
/** Paths named in a report; all are counted. */
const namedMax = 1000;
const dayMs = 24 * 3600 * 1000;

export interface RemoveJobOptions {
  readonly library: Library;
  readonly catalog: CatalogStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly observeStep: StepObserver;
  readonly signal: AbortSignal;
}

export interface NamedFailure {
  readonly path: string;
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
}

export interface RemoveReport {
  /** Undefined if nothing was removed. */
  readonly removalId?: RemovalId;
  readonly dryRun: boolean;
  /** What the owner calls a photo or video: a Live Photo is one. */
  readonly photos: number;
  readonly files: number;
  readonly bytes: number;
  /** Of the files: had left the library before, and are not in its trash. */
  readonly wereGone: number;
  /** The first thousand. */
  readonly paths: readonly RelativePath[];
  /** How long they stay in the trash at least. */
  readonly trashDays: number;
  /** Drives that have copies of them, which go to the trash there when the drive is copied to next. */
  readonly drives: number;
  /** Their photos stay as they are. */
  readonly failures: readonly NamedFailure[];
  /** What ended it before its end. */
  readonly stopped?: Omit<NamedFailure, 'path'>;
}

/** @throws AgentError as `removeFiles` if that is so before anything was removed; anything that is not expected. */
export async function removeAssets(options: RemoveJobOptions, found: FoundAssets): Promise<RemoveReport> {
  return await removeAll(options, inPortions(filesOf(found)));
}

/** Those of one asset are never apart. */
function* inPortions(assets: Iterable<readonly LibraryFile[]>): Generator<readonly LibraryFile[]> {
  let portion: LibraryFile[] = [];
  for (const files of assets) {
    if (portion.length > 0 && portion.length + files.length > filesAtOnce) {
      yield portion;
      portion = [];
    }
    portion.push(...files);
  }
  if (portion.length > 0) yield portion;
}

function* filesOf(found: FoundAssets): Generator<readonly LibraryFile[]> {
  for (const { files } of found) yield files;
}

/**
 * Files that left the library in a file manager, which their owner says was meant: they are removed as they are, without their
 * other halves.
 */
export async function removeMissing(options: RemoveJobOptions, files: readonly LibraryFile[]): Promise<RemoveReport> {
  return await removeAll(options, inPortions(byAsset(files).values()));
}

/** What `removeAssets` would do. Touches nothing. */
export function previewRemoval(catalog: CatalogStore, found: FoundAssets | readonly LibraryFile[]): RemoveReport {
  const tally = new RemovalTally();
  const drives = new Set<string>();
  for (const files of 'count' in found ? filesOf(found) : [found]) {
    tally.add(files);
    for (const { hash } of files) for (const id of catalog.copies.provenOn(hash, { sinceMs: 0 })) drives.add(id);
  }
  return { ...tally.facts(), dryRun: true, drives: drives.size, failures: [] };
}

/** Files of the library that a check, or a copy, found missing, and that are not there now; in this folder, if one is given. */
export async function missingFiles(
  {
    library,
    catalog,
  }: { readonly library: Pick<Library, 'folders' | 'assertPresent'>; readonly catalog: CatalogStore },
  isWanted: (path: RelativePath) => boolean,
): Promise<readonly LibraryFile[]> {
  const missing: LibraryFile[] = [];
  for (const { path, kind } of catalog.copies.findings('library')) {
    if (kind !== 'missing' || !isWanted(path)) continue;
    const file = catalog.copies.file(path);
    if (file !== undefined && file.removedBy === undefined && (await isGone(library, path))) missing.push(file);
  }
  await library.assertPresent(); // of an unplugged library every file is gone
  return missing;
}

class RemovalTally {
  readonly failures: NamedFailure[] = [];
  files = 0;
  wereGone = 0;
  readonly #assetIds = new Set<string>();
  #bytes = 0;
  readonly #paths: RelativePath[] = [];

  add(files: readonly LibraryFile[]): void {
    for (const { assetId, path, sizeBytes } of files) {
      this.files += 1;
      this.#assetIds.add(assetId);
      this.#bytes += sizeBytes;
      if (this.#paths.length < namedMax) this.#paths.push(path);
    }
  }

  facts(): Omit<RemoveReport, 'dryRun' | 'drives' | 'failures'> {
    const { files, wereGone } = this;
    return { photos: this.#assetIds.size, files, bytes: this.#bytes, wereGone, paths: this.#paths, trashDays };
  }
}

async function removeAll(options: RemoveJobOptions, portions: Iterable<readonly LibraryFile[]>): Promise<RemoveReport> {
  const { catalog, clock, log, signal } = options;
  const atMs = clock.nowMs();
  const id = makeImportId(atMs) as string as RemovalId;
  const tally = new RemovalTally();
  let stop: AgentError | undefined;
  try {
    for (const files of portions) {
      signal.throwIfAborted();
      const { removed, wereGone, failed } = await removeFiles(options, { id, atMs }, files);
      tally.add(removed);
      tally.wereGone += wereGone;
      tally.failures.push(...failed.map(({ path, error }) => describe(path, error)));
    }
  } catch (error) {
    stop = asStop(error, signal);
    if (tally.files === 0) throw stop;
  }
  const removed = tally.files > 0;
  if (removed) await renewBackup(options);
  const facts = tally.facts();
  log.info({ removal: id, photos: facts.photos, files: facts.files, stopped: stop?.code }, 'removed');
  return {
    ...(removed ? { removalId: id } : {}),
    ...{ ...facts, dryRun: false, drives: catalog.copies.drivesWith(id).length, failures: tally.failures },
    ...(stop === undefined ? {} : { stopped: describeStop(stop) }),
  };
}

export interface TakeBackReport {
  readonly removalId: RemovalId;
  readonly removedAt: string;
  /** In the library again. */
  readonly photos: number;
  readonly files: number;
  readonly paths: readonly RelativePath[];
  /** Belong to the library again, but are only on a drive: a repair puts them back. */
  readonly onDrivesOnly: readonly RelativePath[];
  /** Another file has their name by now. They stay in the trash. */
  readonly kept: readonly RelativePath[];
  /** In no trash any more. A device that still has them brings them again. */
  readonly forgotten: number;
  /** When its owner emptied the trash since. */
  readonly emptiedAt?: string;
  readonly failures: readonly NamedFailure[];
  readonly stopped?: Omit<NamedFailure, 'path'>;
}

/**
 * Takes back all that one removal took; the last one, if none is named.
 * @throws AgentError USAGE if there is no such removal; as `removeAssets`.
 */
export async function takeBack(options: RemoveJobOptions, wanted: string | undefined): Promise<TakeBackReport> {
  const { catalog, clock, log, signal } = options;
  const removal = findRemoval(catalog, wanted);
  const assets = byAsset(catalog.copies.removedFiles(removal.id)).values();
  const total = { files: [] as LibraryFile[], onDrives: [] as LibraryFile[], kept: [] as RelativePath[] };
  const failures: NamedFailure[] = [];
  let forgotten = 0;
  let stop: AgentError | undefined;
  try {
    for (const files of inPortions(assets)) {
      signal.throwIfAborted();
      const result = await takeBackFiles(options, removal, files);
      total.files.push(...result.back);
      total.onDrives.push(...result.onDrivesOnly);
      total.kept.push(...result.kept);
      forgotten += result.forgotten.length;
      failures.push(...result.failed.map(({ path, error }) => describe(path, error)));
      for (const { path } of result.onDrivesOnly)
        catalog.copies.setFinding({ place: 'library', path, kind: 'missing', foundAtMs: clock.nowMs() });
    }
  } catch (error) {
    stop = asStop(error, signal);
    if (total.files.length === 0) throw stop;
  }
  await renewBackup(options);
  log.info({ removal: removal.id, files: total.files.length, kept: total.kept.length, forgotten }, 'taken back');
  return {
    removalId: removal.id,
    removedAt: new Date(removal.removedAtMs).toISOString(),
    photos: byAsset(total.files).size,
    files: total.files.length,
    paths: total.files.slice(0, namedMax).map(({ path }) => path),
    onDrivesOnly: total.onDrives.slice(0, namedMax).map(({ path }) => path),
    kept: total.kept.slice(0, namedMax),
    forgotten,
    ...(removal.emptiedAtMs === undefined ? {} : { emptiedAt: new Date(removal.emptiedAtMs).toISOString() }),
    failures,
    ...(stop === undefined ? {} : { stopped: describeStop(stop) }),
  };
}

function findRemoval(catalog: CatalogStore, wanted: string | undefined): Removal {
  const removals = catalog.copies.removals();
  const found = wanted === undefined ? removals.at(-1) : removals.find(({ id }) => id === wanted);
  if (found !== undefined) return found;
  if (removals.length === 0) {
    throw new AgentError('USAGE', 'Nothing is removed that could be taken back.', {
      remedy: 'There is nothing to do.',
    });
  }
  throw new AgentError('USAGE', `Nothing was removed under "${(wanted ?? '').slice(0, 100)}".`, {
    remedy: 'Look at what was removed, and when: keepsake remove --list',
  });
}

export interface ListedRemoval {
  readonly id: RemovalId;
  readonly removedAt: string;
  readonly photos: number;
  readonly files: number;
  readonly bytes: number;
  /** Of the files: in the trash of the library now. */
  readonly inTrash: number;
  /** From then on the trash may be emptied of it by itself, as far as the same bytes are somewhere else. */
  readonly keptUntil: string;
  /** By its owner's word. */
  readonly emptiedAt?: string;
}

/** The last one first. Changes nothing. */
export async function listRemovals(
  catalog: CatalogStore,
  folders: { readonly root: AbsolutePath; readonly own: AbsolutePath },
): Promise<readonly ListedRemoval[]> {
  const listed: ListedRemoval[] = [];
  for (const { id, removedAtMs, photos, files, bytes, emptiedAtMs } of catalog.copies.removals().toReversed()) {
    let inTrash = 0;
    for (const { path } of catalog.copies.removedFiles(id)) {
      if ((await statOrUndefined(pathInTrash(folders, id, path))) !== undefined) inTrash += 1;
    }
    listed.push({
      ...{ id, photos, files, bytes, inTrash },
      removedAt: new Date(removedAtMs).toISOString(),
      keptUntil: new Date(removedAtMs + trashDays * dayMs).toISOString(),
      ...(emptiedAtMs === undefined ? {} : { emptiedAt: new Date(emptiedAtMs).toISOString() }),
    });
  }
  return listed;
}

export interface EmptyTrashReport {
  readonly removals: number;
  /** Deleted from the trash of the library. */
  readonly files: number;
  readonly bytes: number;
  readonly drives: readonly {
    readonly name: string;
    readonly files: number;
    readonly bytes: number;
    readonly failure?: Omit<NamedFailure, 'path'>;
  }[];
  /** Other drives that have something of it: theirs goes when they are connected. */
  readonly drivesLater: number;
}

/**
 * By the owner's word: what is in the trash of the library and of these drives goes.
 * @throws AgentError as `emptyTrash`. What is wrong with a drive is in the report.
 */
export async function emptyAllTrash(
  options: RemoveJobOptions,
  drives: readonly TargetDrive[],
): Promise<EmptyTrashReport> {
  const { library, catalog, clock, log, signal } = options;
  const nowMs = clock.nowMs();
  const { files, bytes, removals } = await emptyTrash({ ...options, nowMs });
  const later = new Set(removals.flatMap(({ id }) => catalog.copies.drivesWith(id)));
  const emptied: EmptyTrashReport['drives'][number][] = [];
  for (const target of drives) {
    try {
      using _use = target.use();
      emptied.push({ name: target.name, ...(await emptyOneDrive(options, await target.open(), nowMs)) });
      later.delete(target.id);
    } catch (error) {
      if (signal.aborted || !isAgentError(error)) throw error;
      emptied.push({ name: target.name, files: 0, bytes: 0, failure: describeStop(error) });
    }
  }
  await library.assertPresent();
  await renewBackup(options);
  log.info({ removals: removals.length, files, bytes, drives: emptied.length }, 'the trash was emptied');
  return { removals: removals.length, files, bytes, drives: emptied, drivesLater: later.size };
}

async function emptyOneDrive(options: RemoveJobOptions, drive: Drive, nowMs: number) {
  const { library, catalog, observeStep, signal } = options;
  const { copies } = catalog;
  await followRemovals({
    ...{ drive, copies, observeStep, signal },
    tally: new CopyTally(),
    ownersOnly: shelfFolders.hidden,
  });
  const places = { root: library.folders.root, trash: trashFolder(library.folders) };
  return await emptyDriveTrash({ drive, copies, library: places, nowMs, signal });
}

/** What ends it early and is expected. @throws anything else. */
function asStop(error: unknown, signal: AbortSignal): AgentError {
  if (isAgentError(error)) return error;
  if (!signal.aborted) throw error;
  return new AgentError('INTERRUPTED', 'It was stopped before its end. What was done by then is whole.', {
    remedy: 'Run the same command again to go on.',
    cause: error,
  });
}

function describe(path: string, error: AgentError): NamedFailure {
  return { path, ...describeStop(error) };
}

function describeStop({ code, message, remedy }: AgentError): Omit<NamedFailure, 'path'> {
  return { code, message, remedy };
}
