// One import: everything new on a source goes, group by group, into the library. Reads as the table of contents of the path
// of a byte: survey, stage, add, commit, finish. Whatever stops it leaves a library that is whole and a source untouched.

import { randomBytes } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AgentError, isAgentError } from '../domain/errors.ts';
import type { AbsolutePath, ImportId } from '../domain/ids.ts';
import type { CatalogStore } from '../library/catalog/catalog-store.ts';
import { sweepIncoming } from '../library/incoming.ts';
import { Ingest } from '../library/ingest.ts';
import type { Layout } from '../library/layout.ts';
import type { Library } from '../library/library.ts';
import { writeChecksums } from '../library/manifest.ts';
import { identifyContent } from '../library/metadata/content.ts';
import type { MetadataReader } from '../library/metadata/read-metadata.ts';
import type { Room } from '../library/room.ts';
import { type FileOutcome, type IncomingFile, stageGroup } from '../library/staging.ts';
import type { Clock } from '../platform/clock.ts';
import { flushFolder, headBytes, type StepObserver, writeError } from '../platform/durable-write.ts';
import type { Log } from '../platform/log.ts';
import type { Source } from '../sources/source.ts';
import type { SpooledEntry } from './entry-spool.ts';
import { type ImportReport, ImportTally, reportFailure } from './import-report.ts';
import { mapOrdered } from './map-ordered.ts';
import { type Survey, surveySource } from './survey.ts';

/** Groups staged at once: enough that reading, hashing, writing and flushing overlap, few enough that memory stays small. */
const stagingConcurrency = 6;

export interface ImportProgress {
  readonly phase: 'looking' | 'saving';
  readonly files: number;
  readonly filesTotal: number;
  readonly bytes: number;
  readonly bytesTotal: number;
  /** The file under way. */
  readonly name: string;
}

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
  readonly dryRun: boolean;
  readonly onProgress: (progress: ImportProgress) => void;
  readonly observeStep: StepObserver;
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
  if (!options.dryRun) catalog.beginImport({ importId, source: origin, startedAtMs });
  log.info({ importId, sourceId: source.id, dryRun: options.dryRun }, 'import begins');
  let stop: AgentError | undefined;
  try {
    using survey = await surveySource({ ...options, onListed: (count) => options.onProgress(lookingAt(count)) });
    tally.found = survey.found;
    tally.known = survey.known;
    for (const path of survey.notFiles) tally.settle(path, { kind: 'notMedia', reason: 'other' });
    for (const { path, error } of survey.unreadable) tally.settle(path, { kind: 'failed', error });
    if (options.dryRun) await previewSurvey(options, survey, tally);
    else await saveSurvey({ options, survey, tally, importId, startedAtMs });
  } catch (error) {
    stop = asStop(error, options.signal);
  }
  const counts = tally.counts();
  const isComplete = stop === undefined && tally.failed === 0 && tally.deferred === 0;
  if (!options.dryRun) {
    const failure = await finish({ options, importId, isComplete, counts, stop });
    stop ??= failure;
  }
  const complete = isComplete && stop === undefined;
  const durationMs = Math.round(clock.monotonicMs() - startedMonotonicMs);
  log.info({ importId, ...counts, complete, durationMs, stopped: stop?.code }, 'import ends');
  return {
    importId,
    source: origin,
    ...counts,
    durationMs,
    complete,
    failures: tally.failures,
    notMediaPaths: tally.notMediaPaths,
    ...(stop === undefined ? {} : { stopped: reportFailure('', stop) }),
    ...(options.dryRun ? { dryRun: true } : {}),
  };
}

function makeImportId(nowMs: number): ImportId {
  const time = new Date(nowMs).toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
  return `${time}-${randomBytes(3).toString('hex')}` as ImportId;
}

function lookingAt(count: number): ImportProgress {
  return { phase: 'looking', files: count, filesTotal: 0, bytes: 0, bytesTotal: 0, name: '' };
}

/** What ends an import early and is expected: our own errors, and being asked to stop. */
function asStop(error: unknown, signal: AbortSignal): AgentError {
  if (error instanceof AgentError) return error;
  if (!signal.aborted) throw error;
  return new AgentError('INTERRUPTED', 'Saving was stopped before its end. What was saved is whole.', {
    remedy: 'Save again to go on.',
    cause: error,
  });
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
  const ingest = new Ingest({
    ...options,
    importId: job.importId,
    source: { id: source.id, kind: source.kind, name: source.name },
    startedAtMs: job.startedAtMs,
    report: (file, outcome) => {
      tally.settle(file.identity.path, outcome);
      progress.fileDone();
    },
  });
  const stage = async (entries: readonly SpooledEntry[]) => {
    signal.throwIfAborted();
    progress.begin(entries[0]?.name ?? '');
    const files = entries.map((entry) => incomingFile(source, entry));
    return { folder: entries[0]?.folder, staged: await stageGroup({ ...options, onBytes: progress.addBytes }, files) };
  };
  let folder: string | undefined;
  try {
    for await (const group of mapOrdered(survey.spool.groups(), stagingConcurrency, stage)) {
      if (folder !== undefined && group.folder !== folder) await ingest.endFolder();
      folder = group.folder;
      await ingest.add(group.staged);
    }
    await ingest.endFolder();
  } catch (error) {
    // A source that was pulled, an owner who wants to stop, a disk that the next file does not fit on: none says anything
    // against what is staged already, so it is filed.
    if (signal.aborted || isAgentError(error, 'SOURCE_GONE', 'LIBRARY_FULL')) await ingest.commit();
    throw error;
  }
  await ingest.commit();
}

function incomingFile(source: Source, entry: SpooledEntry): IncomingFile {
  const { path, key, name, sizeBytes, modifiedAtNs, bornAtMs, changedAtMs, settlesAtMonotonicMs } = entry;
  return {
    identity: { sourceId: source.id, path, sizeBytes, modifiedAtNs },
    name,
    key,
    ...(bornAtMs === undefined ? {} : { bornAtMs }),
    ...(changedAtMs === undefined ? {} : { changedAtMs }),
    ...(settlesAtMonotonicMs === undefined ? {} : { settlesAtMonotonicMs }),
    open: (offsetBytes, signal) => source.open(path, offsetBytes, signal),
  };
}

/** A dry run reads only the first bytes of each new file, to say what would be saved. */
async function previewSurvey(options: ImportOptions, survey: Survey, tally: ImportTally): Promise<void> {
  const progress = new Progress(options.onProgress, survey);
  for (const group of survey.spool.groups()) {
    for (const entry of group) {
      progress.begin(entry.name);
      const outcome = await previewEntry(options, entry);
      tally.settle(entry.path, outcome);
      progress.fileDone();
    }
  }
}

async function previewEntry(options: ImportOptions, entry: SpooledEntry): Promise<FileOutcome> {
  try {
    await using reader = await options.source.open(entry.path, 0, options.signal);
    const head = Buffer.alloc(headBytes);
    const filled = await reader.read(head, options.signal);
    const content = await identifyContent(head.subarray(0, filled), { name: entry.name, sizeBytes: entry.sizeBytes });
    if (content.kind === 'other' || content.kind === 'empty') return { kind: 'notMedia', reason: content.kind };
    return { kind: 'imported', sizeBytes: entry.sizeBytes };
  } catch (error) {
    if (!isAgentError(error) || error.code === 'SOURCE_GONE') throw error;
    return { kind: 'failed', error };
  }
}

/**
 * Closes the import whatever its end: checksums, leftovers, and a snapshot of the catalogue in the library.
 * Returns what went wrong with that, if nothing had gone wrong before.
 */
async function finish(job: {
  readonly options: ImportOptions;
  readonly importId: ImportId;
  readonly isComplete: boolean;
  readonly counts: ReturnType<ImportTally['counts']>;
  readonly stop: AgentError | undefined;
}): Promise<AgentError | undefined> {
  const { options, importId, isComplete, counts } = job;
  const { library, catalog, clock } = options;
  // A library or catalogue that cannot be written is left as it is: recovery does the rest at the next start.
  const stopCode = job.stop?.code ?? '';
  if (stopCode !== 'LIBRARY_FULL' && /^(LIBRARY|CATALOG|STATE)_/.test(stopCode)) return undefined;
  try {
    await sweepIncoming({
      folder: library.folders.incoming,
      nowMs: clock.nowMs(),
      keep: journalledNames(catalog),
      ...(isComplete ? { finishedSource: options.source.id } : {}),
    });
    await writeChecksums(library.folders.imports, importId);
    if (catalog.journalled().length > 0) return undefined; // recovery finishes and closes this import
    catalog.finishImport(importId, { finishedAtMs: clock.nowMs(), counts, complete: isComplete });
    if (counts.imported > 0) await backUpCatalog(library, catalog);
    return undefined;
  } catch (error) {
    if (isAgentError(error)) return error;
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

/** A consistent copy of the catalogue in the library, in case this computer is lost; the manifests alone would do as well. */
async function backUpCatalog(library: Library, catalog: CatalogStore): Promise<void> {
  const path = join(library.folders.catalogBackup, 'catalog.db');
  const next = `${path}.new`;
  await rm(next, { force: true });
  catalog.snapshotTo(next);
  try {
    await rename(next, path);
  } catch (error) {
    throw writeError(error, `"${path}"`);
  }
  await flushFolder(library.folders.catalogBackup as AbsolutePath);
}

/** Folds what happens into a progress line, without holding on to any of it. */
class Progress {
  readonly #show: (progress: ImportProgress) => void;
  readonly #filesTotal: number;
  readonly #bytesTotal: number;
  #files = 0;
  #bytes = 0;
  #name = '';

  constructor(show: (progress: ImportProgress) => void, survey: Survey) {
    this.#show = show;
    this.#filesTotal = survey.spool.count;
    this.#bytesTotal = survey.spool.bytes;
  }

  begin(name: string): void {
    this.#name = name;
    this.#update();
  }

  readonly addBytes = (bytes: number): void => {
    this.#bytes += bytes;
    this.#update();
  };

  fileDone(): void {
    this.#files += 1;
    this.#update();
  }

  #update(): void {
    this.#show({
      phase: 'saving',
      files: this.#files,
      filesTotal: this.#filesTotal,
      bytes: this.#bytes,
      bytesTotal: this.#bytesTotal,
      name: this.#name,
    });
  }
}
