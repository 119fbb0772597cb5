// One import: everything new on a source goes, group by group, into the library. Reads as the table of contents of the path
// of a byte: survey, stage, add, commit, finish. Whatever stops it leaves a library that is whole and a source untouched.

import { randomBytes } from 'node:crypto';
import { AgentError, endsSource, isAgentError } from '../domain/errors.ts';
import type { AbsolutePath, ImportId } from '../domain/ids.ts';
import { OwnerStop } from '../domain/owner-stop.ts';
import type { ImportProgress } from '../domain/progress.ts';
import type { CatalogStore, ImportCounts } from '../library/catalog/catalog-store.ts';
import { backUpCatalog } from '../library/catalog-backup.ts';
import { sweepIncoming } from '../library/incoming.ts';
import { Ingest } from '../library/ingest.ts';
import type { Layout } from '../library/layout.ts';
import type { Library } from '../library/library.ts';
import { writeChecksums } from '../library/manifest.ts';
import type { MetadataReader } from '../library/metadata/read-metadata.ts';
import { inMegabytes, type Room } from '../library/room.ts';
import { keepHistory } from '../library/source-history.ts';
import { type IncomingFile, stageGroup } from '../library/staging.ts';
import type { Clock } from '../platform/clock.ts';
import { type StepObserver, writeError } from '../platform/durable-write.ts';
import { openFileThread } from '../platform/file-thread.ts';
import { FlushQueue } from '../platform/flush-queue.ts';
import type { Log } from '../platform/log.ts';
import { BufferPool, isSmallFile } from '../platform/stage-file.ts';
import type { Source } from '../sources/source.ts';
import type { SpooledEntry } from './entry-spool.ts';
import { Progress } from './import-progress.ts';
import { type ImportReport, ImportTally, isAccountedFor, reportImport } from './import-report.ts';
import { mapOrdered } from './map-ordered.ts';
import { type PhotosChoices, PhotosGuide } from './photos-guide.ts';
import { refreshPhotosList } from './photos-list.ts';
import { previewEntry } from './preview-entry.ts';
import { type Survey, surveySource } from './survey.ts';

/**
 * Groups staged at once: eight, so that reading, hashing, writing and flushing overlap while memory stays small and a pulled cable costs
 * little (docs/iphone.md, "In flight"); four times as many of small files, which wait more than they work. Six of them left a phone
 * of small photos waiting (measured). So did waiting for each commit: meanwhile another batch is staged, of 256 files (which are open
 * until they are flushed) or 1 GiB (which a kill undoes).
 */
const stagingLimits = {
  atOnce: 32,
  weigh: (entries: readonly SpooledEntry[]) => (entries.every(({ sizeBytes }) => isSmallFile(sizeBytes)) ? 1 : 4),
  waiting: {
    max: 256,
    weigh: (entries: readonly SpooledEntry[]) =>
      entries.reduce((sum, { sizeBytes }) => sum + 1 + sizeBytes / (4 * 1024 * 1024), 0),
  },
};

export interface ImportOptions {
  readonly source: Source;
  readonly library: Library;
  readonly catalog: CatalogStore;
  readonly layout: Layout;
  readonly metadata: MetadataReader;
  readonly room: Room;
  readonly clock: Clock;
  readonly log: Log;
  readonly timeZone: string;
  readonly onProgress: (progress: ImportProgress) => void;
  readonly observeStep: StepObserver;
  /** What the owner decided about photos that are not simply theirs to save, and a private folder to read a list of photos in. */
  readonly photos: { readonly choices: PhotosChoices; readonly scratch: AbsolutePath };
  /** Begin nothing if what is new does not fit. */
  readonly mustFit?: boolean | undefined;
  /** For tests: smaller batches and checkpoints. */
  readonly batchFilesMax?: number | undefined;
  readonly checkpointBytes?: number | undefined;
  readonly signal: AbortSignal;
}

/**
 * Saves what is new on `source`. Files that fail are in the report; what stops the whole import is in `report.stopped`.
 * @throws only what is not expected (an assertion, a bug).
 */
export async function runImport(options: ImportOptions): Promise<ImportReport> {
  const { source, catalog, clock, log } = options;
  const startedAtMs = clock.nowMs();
  const startedMonotonicMs = clock.monotonicMs();
  const importId = makeImportId(startedAtMs);
  const tally = new ImportTally();
  const origin = { id: source.id, kind: source.kind, name: source.name };
  catalog.beginImport({ importId, source: origin, startedAtMs });
  log.info({ importId, sourceId: source.id }, 'import begins');
  let stop: AgentError | undefined;
  try {
    const onListed = (count: number) => options.onProgress(lookingAt(count));
    using guide = await openGuide(options);
    using survey = await surveySource({ ...options, guide, correctTimes: true, onListed });
    tally.guide = guide;
    if (options.mustFit === true) await assertFits(options, survey);
    tally.takeSurvey(survey);
    try {
      await saveSurvey({ options, survey, tally, importId, startedAtMs });
      await guide?.measure(options.signal);
    } finally {
      tally.photos = guide?.account({ isListingWhole: survey.unreadable.length === 0 });
    }
  } catch (error) {
    stop = asStop(error, options.signal);
  }
  const counts = withLastAccount(options, tally.counts());
  const isAllSaved = stop === undefined && tally.deferred === 0 && tally.failed === tally.iCloudOnly;
  const isComplete = stop === undefined && isAccountedFor(counts);
  const failure = await finish({ options, importId, isComplete, isAllSaved, counts, stop });
  stop ??= failure;
  const complete = isComplete && stop === undefined;
  const durationMs = Math.round(clock.monotonicMs() - startedMonotonicMs);
  log.info({ importId, ...counts, complete, durationMs, stopped: stop?.code }, 'import ends');
  const newPhotos = counts.imported === 0 ? 0 : catalog.countAssets(importId);
  return reportImport({ importId, source: origin, tally, durationMs, newPhotos, complete, stop });
}

/** A phone pulled while it was looked through: what was true of its photos the last time is still the best that is known. */
function withLastAccount({ source, catalog }: ImportOptions, counts: ImportCounts): ImportCounts {
  if (source.photosList === undefined || counts.photos !== undefined) return counts;
  const last = catalog.summarize().sources.find(({ id }) => id === source.id)?.lastImport?.counts;
  return last?.photos === undefined ? counts : { ...counts, iCloudOnly: last.iCloudOnly, photos: last.photos };
}

/** Of a source that keeps a list of its photos. @throws what `refreshPhotosList` throws. */
async function openGuide(options: ImportOptions): Promise<PhotosGuide | undefined> {
  const { source, catalog, clock, photos } = options;
  const list = source.photosList;
  if (list === undefined) return undefined;
  const state = await refreshPhotosList({ ...options, list, scratch: photos.scratch });
  return new PhotosGuide({
    source,
    list,
    state,
    catalog,
    choices: photos.choices,
    nowMs: clock.nowMs(),
    isPreview: false,
  });
}

/** Sorts by time and is safe as a file name. */
export function makeImportId(nowMs: number): ImportId {
  const time = new Date(nowMs).toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
  return `${time}-${randomBytes(3).toString('hex')}` as ImportId;
}

export function lookingAt(count: number): ImportProgress {
  return { phase: 'looking', files: count, filesTotal: 0, bytes: 0, bytesTotal: 0, name: '' };
}

/** What ends an import early and is expected: our own errors, and being asked to stop. @throws anything else. */
export function asStop(error: unknown, signal: AbortSignal): AgentError {
  if (error instanceof AgentError) return error;
  if (!signal.aborted) throw error;
  const { message, remedy } =
    signal.reason instanceof OwnerStop
      ? signal.reason
      : { message: 'Saving was stopped before its end. What was saved is whole.', remedy: 'Save again to go on.' };
  return new AgentError('INTERRUPTED', message, { remedy, cause: error });
}

async function saveSurvey(job: {
  readonly options: ImportOptions;
  readonly survey: Survey;
  readonly tally: ImportTally;
  readonly importId: ImportId;
  readonly startedAtMs: number;
}): Promise<void> {
  const { options, survey, tally } = job;
  const { source, signal } = options;
  const progress = new Progress(options.onProgress, survey);
  await using fileThread = openFileThread();
  const ingest = new Ingest({
    ...options,
    fileThread,
    importId: job.importId,
    source: { id: source.id, kind: source.kind, name: source.name },
    startedAtMs: job.startedAtMs,
    report: (file, outcome) => tally.settle(file.identity.path, outcome, file.counts),
  });
  const buffers = new BufferPool();
  const flushes = new FlushQueue();
  let sourceEnd: unknown;
  const stage = async (entries: readonly SpooledEntry[]) => {
    signal.throwIfAborted();
    const isPrivate = entries[0]?.guidance?.shelf === 'hidden';
    progress.begin(isPrivate ? '' : (entries[0]?.name ?? ''));
    const files = entries.map((entry) => incomingFile(source, entry));
    try {
      const staged = await stageGroup({ ...options, buffers, flushes, fileThread, onBytes: progress.addBytes }, files);
      progress.filesDone(entries.length);
      return { folder: entries[0]?.folder, staged };
    } catch (error) {
      if (!endsSource(error)) throw error;
      sourceEnd ??= error; // the groups behind this one that are staged already are filed all the same
      return undefined;
    }
  };
  const groups = function* () {
    for (const group of survey.spool.groups()) {
      if (sourceEnd !== undefined) return;
      yield group;
    }
  };
  let folder: string | undefined;
  try {
    for await (const group of mapOrdered(groups(), stagingLimits, stage)) {
      if (group === undefined) continue;
      if (folder !== undefined && group.folder !== folder) await ingest.endFolder();
      folder = group.folder;
      await ingest.add(group.staged);
    }
    await ingest.endFolder();
  } catch (error) {
    // An owner who wants to stop, a disk that the next file does not fit on: neither says anything against what is staged
    // already, so it is filed.
    if (signal.aborted || isAgentError(error, 'LIBRARY_FULL')) await ingest.commit();
    throw error;
  } finally {
    await flushes.idle();
  }
  await ingest.commit();
  if (sourceEnd !== undefined) throw sourceEnd;
}

/** @throws AgentError LIBRARY_TOO_SMALL if the photos on the source do not fit on the library's disk. */
async function assertFits(options: ImportOptions, survey: Survey): Promise<void> {
  const { room, source } = options;
  if ((await room.shortage(survey.spool.bytes)) === undefined) return;
  let bytes = 0; // of photos alone, now that it matters: there may be a film archive beside them
  for (const entry of survey.spool.entries()) {
    const { outcome } = await previewEntry(options, entry);
    if (outcome.kind === 'imported') bytes += entry.sizeBytes;
  }
  const shortage = await room.shortage(bytes);
  if (shortage === undefined) return;
  const free = inMegabytes(Math.max(0, shortage.freeBytes - shortage.reserveBytes));
  throw new AgentError(
    'LIBRARY_TOO_SMALL',
    `The photos on "${source.name}" need ${inMegabytes(bytes)}, and there is room for ${free} on the disk of your photo folder. Nothing was begun.`,
    {
      remedy: 'Choose a photo folder on a larger drive: keepsake config set library FOLDER. Or make room on this one.',
    },
  );
}

function incomingFile(source: Source, entry: SpooledEntry): IncomingFile {
  const { path, key, sizeBytes, modifiedAtNs, bornAtMs, changedAtMs, settlesAtMonotonicMs, guidance } = entry;
  const { givenName, shelf, takenAtMs, offsetMinutes, counts } = guidance ?? {};
  return {
    identity: { sourceId: source.id, path, sizeBytes, modifiedAtNs },
    name: givenName ?? entry.name,
    key,
    ...(bornAtMs === undefined ? {} : { bornAtMs }),
    ...(changedAtMs === undefined ? {} : { changedAtMs }),
    ...(settlesAtMonotonicMs === undefined ? {} : { settlesAtMonotonicMs }),
    listed: {
      ...(takenAtMs === undefined ? {} : { takenAtMs }),
      ...(offsetMinutes === undefined ? {} : { offsetMinutes }),
    },
    ...(shelf === undefined ? {} : { shelf }),
    ...(counts === undefined ? {} : { counts }),
    open: (offsetBytes, signal) => source.open(path, offsetBytes, signal, sizeBytes),
  };
}

/**
 * Closes the import whatever its end: checksums, leftovers, what is known of the source, and a snapshot of the catalogue.
 * Returns what went wrong with that, if nothing had gone wrong before.
 */
async function finish(job: {
  readonly options: ImportOptions;
  readonly importId: ImportId;
  readonly isComplete: boolean;
  readonly isAllSaved: boolean;
  readonly counts: ReturnType<ImportTally['counts']>;
  readonly stop: AgentError | undefined;
}): Promise<AgentError | undefined> {
  const { options, importId, isComplete, isAllSaved, counts } = job;
  const { library, catalog, clock } = options;
  // A library or catalogue that cannot be written is left as it is: recovery does the rest at the next start.
  const stopCode = job.stop?.code ?? '';
  if (stopCode !== 'LIBRARY_FULL' && /^(LIBRARY|CATALOG|STATE)_/.test(stopCode)) return undefined;
  try {
    await sweepIncoming({
      folder: library.folders.incoming,
      nowMs: clock.nowMs(),
      keep: journalledNames(catalog),
      ...(isAllSaved ? { finishedSource: options.source.id } : {}),
    });
    await writeChecksums(library.folders.imports, importId);
    if (catalog.journalled().length > 0) return undefined; // recovery finishes and closes this import
    catalog.finishImport(importId, {
      finishedAtMs: clock.nowMs(),
      counts,
      complete: isComplete,
      succeeded: isAllSaved,
    });
    await keepHistory(options);
    if (counts.imported > 0) await backUpCatalog(library, catalog);
    return undefined;
  } catch (error) {
    if (isAgentError(error)) return error;
    // The library's disk went or failed after the last photo was recorded: no fault of ours either.
    if (error instanceof Error && 'syscall' in error) return writeError(error, 'The end of this import');
    throw error;
  }
}

/** Staged files that a journalled plan refers to: recovery needs them. */
function journalledNames(catalog: CatalogStore): ReadonlySet<string> {
  const plans = catalog.journalled().map(({ plan }) => plan);
  return new Set(
    plans.flatMap(({ resources, duplicates }) => [...resources, ...duplicates].map(({ staged }) => staged)),
  );
}
