// What an adoption did, file by file as it happens, and at the end as the report that the owner and `--json` see.

import type { AgentError } from '../domain/errors.ts';
import type { AbsolutePath, ImportId } from '../domain/ids.ts';
import type { ImportCounts } from '../library/catalog/catalog-store.ts';
import { type ReportedFailure, reportFailure } from './import-report.ts';

/** Beyond this many, files are counted but no longer named. */
const namedMax = 100_000;

export interface AdoptCounts {
  /** `adopted + duplicates + known + changed + notMedia + deferred + failed`, unless it was stopped. */
  readonly found: number;
  /** New to the library. In a dry run: would be, or would be duplicates. */
  readonly adopted: number;
  /** Part of the library now too, with the bytes of a photo it had: a second copy, or a card brought it first. */
  readonly duplicates: number;
  /** Were part of the library before. */
  readonly known: number;
  /** Are part of the library, and no longer as they were: left alone, for a check to look at. */
  readonly changed: number;
  readonly notMedia: number;
  /** Were written to meanwhile. */
  readonly deferred: number;
  readonly failed: number;
  /** Of what was adopted and of duplicates. */
  readonly bytes: number;
}

/** Counts are of files; paths are relative to the library. */
export interface AdoptReport extends AdoptCounts {
  /** The manifest that was written last; undefined in a dry run. */
  readonly importId?: ImportId;
  readonly folder: AbsolutePath;
  readonly library: AbsolutePath;
  /** Files read in full: what a run that was cut off did not have to repeat is not among them. */
  readonly hashed: number;
  readonly durationMs: number;
  /** Every photo in the folder is part of the library. */
  readonly complete: boolean;
  readonly failures: readonly ReportedFailure[];
  readonly changedPaths: readonly string[];
  readonly duplicatePaths: readonly string[];
  readonly notMediaPaths: readonly string[];
  readonly stopped?: ReportedFailure;
  readonly dryRun?: true;
}

export type AdoptedFileOutcome =
  | { readonly kind: 'adopted' | 'duplicate'; readonly sizeBytes: number }
  | { readonly kind: 'known' | 'changed' | 'notMedia' }
  | { readonly kind: 'deferred' | 'failed'; readonly error: AgentError };

export class AdoptTally {
  found = 0;
  hashed = 0;
  #adopted = 0;
  #duplicates = 0;
  #known = 0;
  #changed = 0;
  #notMedia = 0;
  #deferred = 0;
  #failed = 0;
  #bytes = 0;
  readonly #failures: ReportedFailure[] = [];
  readonly #changedPaths: string[] = [];
  readonly #duplicatePaths: string[] = [];
  readonly #notMediaPaths: string[] = [];

  settle(path: string, outcome: AdoptedFileOutcome): void {
    switch (outcome.kind) {
      case 'adopted':
        this.#adopted += 1;
        this.#bytes += outcome.sizeBytes;
        break;
      case 'duplicate':
        this.#duplicates += 1;
        this.#bytes += outcome.sizeBytes;
        name(this.#duplicatePaths, path);
        break;
      case 'known':
        this.#known += 1;
        break;
      case 'changed':
        this.#changed += 1;
        name(this.#changedPaths, path);
        break;
      case 'notMedia':
        this.#notMedia += 1;
        name(this.#notMediaPaths, path);
        break;
      case 'deferred':
        this.#deferred += 1;
        name(this.#failures, reportFailure(path, outcome.error));
        break;
      case 'failed':
        this.#failed += 1;
        name(this.#failures, reportFailure(path, outcome.error));
        break;
    }
  }

  /** Nothing is open: what was changed is part of the library, and whether it is sound is for a check to say. */
  get isComplete(): boolean {
    return this.#failed === 0 && this.#deferred === 0;
  }

  get recorded(): number {
    return this.#adopted + this.#duplicates;
  }

  /** As the catalogue keeps them for every import. */
  importCounts(): ImportCounts {
    return {
      found: this.found,
      imported: this.#adopted,
      known: this.#known + this.#changed,
      duplicates: this.#duplicates,
      notMedia: this.#notMedia,
      deferred: this.#deferred,
      failed: this.#failed,
      iCloudOnly: 0,
      bytes: this.#bytes,
    };
  }

  report(facts: {
    readonly importId: ImportId | undefined;
    readonly folder: AbsolutePath;
    readonly library: AbsolutePath;
    readonly durationMs: number;
    readonly stop: AgentError | undefined;
    readonly dryRun: boolean;
  }): AdoptReport {
    const { importId, folder, library, durationMs, stop, dryRun } = facts;
    return {
      ...(importId === undefined ? {} : { importId }),
      folder,
      library,
      found: this.found,
      adopted: this.#adopted,
      duplicates: this.#duplicates,
      known: this.#known,
      changed: this.#changed,
      notMedia: this.#notMedia,
      deferred: this.#deferred,
      failed: this.#failed,
      bytes: this.#bytes,
      hashed: this.hashed,
      durationMs,
      complete: !dryRun && stop === undefined && this.isComplete,
      failures: this.#failures,
      changedPaths: this.#changedPaths,
      duplicatePaths: this.#duplicatePaths,
      notMediaPaths: this.#notMediaPaths,
      ...(stop === undefined ? {} : { stopped: reportFailure('', stop) }),
      ...(dryRun ? { dryRun } : {}),
    };
  }
}

function name<T>(list: T[], item: T): void {
  if (list.length < namedMax) list.push(item);
}
