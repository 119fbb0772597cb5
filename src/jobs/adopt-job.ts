// Adopts a folder that is the library's root or lies in it: what is in there becomes part of the library where it is. Reads
// as the table of contents: list, sort out, read and record batch by batch, finish. Moves, renames and writes to nothing.
//
// The library is held only while the catalogue is asked or told something, never while the folder is listed or photos are
// read: a card can be saved in between. What it brings is found by its bytes when its turn comes here.

import { AgentError, isAgentError } from '../domain/errors.ts';
import type { AbsolutePath, ImportId, SourceId } from '../domain/ids.ts';
import type { ImportProgress } from '../domain/progress.ts';
import { Adoption, adoptedKind, adoptedSourceId } from '../library/adoption.ts';
import type { CatalogSource, CatalogStore } from '../library/catalog/catalog-store.ts';
import type { Library } from '../library/library.ts';
import { writeChecksums } from '../library/manifest.ts';
import type { MetadataReader } from '../library/metadata/read-metadata.ts';
import { renewBackup } from '../library/recovery.ts';
import { keepHistory } from '../library/source-history.ts';
import type { Clock } from '../platform/clock.ts';
import type { StepObserver } from '../platform/durable-write.ts';
import type { Log } from '../platform/log.ts';
import { BufferPool } from '../platform/stage-file.ts';
import type { FolderSource } from '../sources/folder/folder-source.ts';
import { areUnchanged, changing, inLibraryWords, type ReadGroup, readGroup } from './adopt-read.ts';
import { type AdoptReport, AdoptTally } from './adopt-report.ts';
import { listFolder, Place, sortOut } from './adopt-survey.ts';
import type { EntrySpool } from './entry-spool.ts';
import { lookingAt, makeImportId } from './import-job.ts';
import { Progress } from './import-progress.ts';
import { type Pace, Pacer, unpaced } from './pace.ts';

/** What a kill undoes at most, but for the group under way: as many files or bytes are read again. */
const batchFilesMaxDefault = 200;
const batchBytesMaxDefault = 2e9;

export interface HeldLibrary {
  readonly library: Library;
  readonly catalog: CatalogStore;
}

/**
 * Opens the library, in order after any crash, does `work`, and lets go of it. Others may have it in between. Waits for them
 * if need be.
 */
export type HoldLibrary = <T>(work: (held: HeldLibrary) => Promise<T>) => Promise<T>;

export interface AdoptOptions {
  /** Over the folder to adopt. */
  readonly source: FolderSource;
  /** Of the library: a real path, at or above that of `source`. */
  readonly root: AbsolutePath;
  readonly hold: HoldLibrary;
  readonly metadata: MetadataReader;
  readonly clock: Clock;
  readonly log: Log;
  readonly timeZone: string;
  readonly pace?: Pace | undefined;
  readonly onProgress: (progress: ImportProgress) => void;
  readonly observeStep: StepObserver;
  readonly batchFilesMax?: number | undefined;
  readonly batchBytesMax?: number | undefined;
  readonly signal: AbortSignal;
}

/**
 * Adopts `source`. Files that fail are in the report; what stops it before its end is in `report.stopped`, and running it
 * again goes on there.
 * @throws what opening the library for the first time throws, and what is not expected (an assertion, a bug).
 */
export async function runAdoption(options: AdoptOptions): Promise<AdoptReport> {
  const { source, root, clock, log } = options;
  const startedMonotonicMs = clock.monotonicMs();
  const tally = new AdoptTally();
  const job = new AdoptionJob(options, tally);
  await job.begin();
  let stop: AgentError | undefined;
  try {
    using fresh = await job.survey();
    await job.adopt(fresh);
  } catch (error) {
    stop = asStop(error, options.signal);
  }
  stop = (await job.finish(stop)) ?? stop;
  const durationMs = Math.round(clock.monotonicMs() - startedMonotonicMs);
  const { importId } = job;
  log.info({ importId, ...tally.importCounts(), durationMs, stopped: stop?.code }, 'adoption ends');
  return tally.report({ importId, folder: source.root, library: root, durationMs, stop, dryRun: false });
}

class AdoptionJob {
  readonly #options: AdoptOptions;
  readonly #tally: AdoptTally;
  readonly #place: Place;
  readonly #pacer: Pacer;
  #batch: ReadGroup[] = [];
  #importId: ImportId | undefined;
  #startedAtMs = 0;
  #sourceId: SourceId | undefined;

  constructor(options: AdoptOptions, tally: AdoptTally) {
    this.#options = options;
    this.#tally = tally;
    this.#place = new Place(options.root, options.source.root);
    this.#pacer = new Pacer({ pace: options.pace ?? unpaced, clock: options.clock, signal: options.signal });
  }

  get importId(): ImportId | undefined {
    return this.#importId;
  }

  async begin(): Promise<void> {
    const { hold, log } = this.#options;
    await hold(async (held) => {
      this.#sourceId = adoptedSourceId(held.library.id);
      await this.#continueImport(held);
    });
    log.info({ importId: this.#importId }, 'adoption begins');
  }

  /** What has to be read. The caller disposes of it. */
  async survey(): Promise<EntrySpool> {
    const { source, root, clock, signal, hold, onProgress } = this.#options;
    const [place, tally] = [this.#place, this.#tally];
    const onListed = (count: number) => onProgress(lookingAt(count));
    using listed = await listFolder({ source, place, tally, clock, onListed, signal });
    return await hold(({ catalog }) => sortOut(listed, { root, catalog, place, tally, signal }));
  }

  async adopt(fresh: EntrySpool): Promise<void> {
    const { signal, batchFilesMax = batchFilesMaxDefault, batchBytesMax = batchBytesMaxDefault } = this.#options;
    const progress = new Progress(this.#options.onProgress, { spool: fresh });
    const [place, pacer, buffers] = [this.#place, this.#pacer, new BufferPool()];
    const sourceId = this.#sourceId;
    if (sourceId === undefined) throw new Error('begin comes first');
    pacer.skip();
    let [files, bytes] = [0, 0];
    try {
      for (const entries of fresh.groups()) {
        signal.throwIfAborted();
        progress.begin(entries[0]?.name ?? '');
        const group = await readGroup(
          { ...this.#options, sourceId, place, pacer, buffers, onBytes: progress.addBytes },
          entries,
        );
        this.#settle(group);
        progress.filesDone(entries.length);
        if (group.candidates.length > 0) this.#batch.push(group);
        files += group.candidates.length;
        bytes += group.hashedBytes;
        if (files >= batchFilesMax || bytes >= batchBytesMax) {
          await this.#record();
          [files, bytes] = [0, 0];
        }
        await pacer.rest();
      }
    } catch (error) {
      // Being asked to stop says nothing against what was read. If it cannot be recorded now it is read again: nothing is
      // lost by that but time, and why we stop is the thing to report.
      if (signal.aborted) await this.#record().catch(() => undefined);
      throw error;
    }
    await this.#record();
  }

  /** Closes the import whatever its end. Returns what went wrong with that. */
  async finish(stop: AgentError | undefined): Promise<AgentError | undefined> {
    const { hold, clock, log, signal } = this.#options;
    // A library or catalogue that cannot be written is left as it is: recovery does the rest at the next start.
    if (/^(LIBRARY|CATALOG|STATE)_/.test(stop?.code ?? '')) return undefined;
    try {
      await hold(async (held) => {
        const { library, catalog } = held;
        const importId = await this.#continueImport(held);
        await writeChecksums(library.folders.imports, importId);
        if (catalog.journalled().length > 0) return; // recovery finishes and closes this import
        const complete = stop === undefined && this.#tally.isComplete;
        const counts = this.#tally.importCounts();
        catalog.finishImport(importId, { finishedAtMs: clock.nowMs(), counts, complete });
        await keepHistory({ library, catalog, log });
        if (this.#tally.recorded > 0) await renewBackup({ library, catalog, log });
      });
      return undefined;
    } catch (error) {
      if (isAgentError(error)) return error;
      if (signal.aborted) return undefined; // somebody else has the library, and we were asked not to wait
      throw error;
    }
  }

  #settle(group: ReadGroup): void {
    this.#tally.hashed += group.hashed;
    for (const { entry, outcome } of group.settled) this.#tally.settle(this.#place.sourcePath(entry.path), outcome);
  }

  async #record(): Promise<void> {
    const { hold, clock, signal } = this.#options;
    const groups = this.#batch;
    this.#batch = [];
    if (groups.length === 0) return;
    const settled = groups.flatMap(({ entries }) => entries.map((entry) => entry.settlesAtMonotonicMs ?? 0));
    const waitMs = settled.reduce((one, other) => Math.max(one, other), 0) - clock.monotonicMs();
    if (waitMs > 0 && settled.some((at) => at > 0)) await clock.wait(waitMs, signal);
    await hold(async (held) => {
      const adoption = await this.#beginBatch(held);
      for (const { entries, candidates } of groups) await this.#addIfUnchanged(adoption, { entries, candidates });
      await adoption.commit();
    });
    this.#pacer.skip();
  }

  async #beginBatch(held: HeldLibrary): Promise<Adoption> {
    const { timeZone, clock, observeStep } = this.#options;
    return new Adoption({
      ...held,
      importId: await this.#continueImport(held),
      source: this.#origin(held.library),
      startedAtMs: this.#startedAtMs,
      clock,
      timeZone,
      observeStep,
      report: ({ file }, outcome) => {
        const { path, sizeBytes } = file.identity;
        const isRecorded = outcome.kind === 'adopted' || outcome.kind === 'duplicate';
        this.#tally.settle(path, isRecorded ? { kind: outcome.kind, sizeBytes } : outcome);
      },
    });
  }

  /** Others could write to the files since they were read: while the batch filled up, or somebody else had the library. */
  async #addIfUnchanged(adoption: Adoption, group: Pick<ReadGroup, 'entries' | 'candidates'>): Promise<void> {
    const isOurs = (path: string) => group.candidates.some(({ file }) => file.identity.path === path);
    const entries = group.entries.filter(({ path }) => isOurs(this.#place.sourcePath(path)));
    if (await areUnchanged(this.#options.source, entries)) {
      await adoption.add(group.candidates);
      return;
    }
    for (const { path } of entries) {
      this.#tally.settle(this.#place.sourcePath(path), { kind: 'deferred', error: changing() });
    }
  }

  /**
   * The import that lines are written under now. A new one if another import began since: a rebuild reads manifests in the
   * order in which they were begun, and lines that build on what that import has filed must come after it.
   */
  async #continueImport({ library, catalog }: HeldLibrary): Promise<ImportId> {
    const latest = catalog.latestImport();
    if (this.#importId !== undefined && this.#importId === latest) return this.#importId;
    if (this.#importId !== undefined) {
      await writeChecksums(library.folders.imports, this.#importId);
      catalog.closeImport(this.#importId);
    }
    // Two can begin within a millisecond, and a clock may have been set back.
    const latestMs = latest === undefined ? 0 : catalog.importOrigin(latest).startedAtMs;
    this.#startedAtMs = Math.max(this.#options.clock.nowMs(), latestMs + 1);
    const importId = makeImportId(this.#startedAtMs);
    catalog.beginImport({ importId, source: this.#origin(library), startedAtMs: this.#startedAtMs });
    this.#importId = importId;
    return importId;
  }

  #origin(library: Library): CatalogSource {
    return { id: adoptedSourceId(library.id), kind: adoptedKind, name: this.#options.source.name };
  }
}

/** What ends it early and is expected: our own errors, and being asked to stop. @throws anything else. */
export function asStop(error: unknown, signal: AbortSignal): AgentError {
  const known = inLibraryWords(error);
  if (isAgentError(known)) return known;
  if (!signal.aborted) throw error;
  return new AgentError('INTERRUPTED', 'Adopting the folder was stopped before its end. What was done is kept.', {
    remedy: 'Run "keepsake adopt" again: it goes on where it stopped.',
    cause: error,
  });
}
