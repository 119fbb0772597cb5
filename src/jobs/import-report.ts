// What an import did, file by file as it happens, and at the end as the report that the owner and `--json` see.

import type { AgentError } from '../domain/errors.ts';
import type { ImportId, SourcePath } from '../domain/ids.ts';
import type { CatalogSource, ImportCounts } from '../library/catalog/catalog-store.ts';
import type { FileOutcome } from '../library/staging.ts';

/** Beyond this many, failures and other files are counted but no longer named. */
const namedMax = 100_000;

export interface ReportedFailure {
  readonly path: string;
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
}

/** JSON keys are the command line's contract (architecture.md §4). Counts are of files. */
export interface ImportReport {
  readonly importId: ImportId;
  readonly source: CatalogSource;
  readonly found: number;
  readonly imported: number;
  readonly known: number;
  readonly duplicates: number;
  readonly notMedia: number;
  readonly deferred: number;
  readonly failed: number;
  readonly iCloudOnly: number;
  readonly bytes: number;
  readonly durationMs: number;
  /** Every photo the source shows is accounted for: saved now or before. */
  readonly complete: boolean;
  readonly failures: readonly ReportedFailure[];
  readonly notMediaPaths: readonly string[];
  /** What stopped it before its end, if anything did. */
  readonly stopped?: ReportedFailure;
  readonly dryRun?: true;
}

export class ImportTally {
  found = 0;
  known = 0;
  imported = 0;
  duplicates = 0;
  notMedia = 0;
  deferred = 0;
  failed = 0;
  bytes = 0;
  readonly failures: ReportedFailure[] = [];
  readonly notMediaPaths: string[] = [];

  settle(path: SourcePath, outcome: FileOutcome): void {
    switch (outcome.kind) {
      case 'imported':
        this.imported += 1;
        this.bytes += outcome.sizeBytes;
        break;
      case 'duplicate':
        this.duplicates += 1;
        break;
      case 'notMedia':
        this.notMedia += 1;
        if (this.notMediaPaths.length < namedMax) this.notMediaPaths.push(path);
        break;
      case 'deferred':
        this.deferred += 1;
        this.#name(path, outcome.error);
        break;
      case 'failed':
        this.failed += 1;
        this.#name(path, outcome.error);
        break;
    }
  }

  #name(path: SourcePath, error: AgentError): void {
    if (this.failures.length < namedMax) this.failures.push(reportFailure(path, error));
  }

  get settled(): number {
    return this.known + this.imported + this.duplicates + this.notMedia + this.deferred + this.failed;
  }

  counts(): ImportCounts {
    const { found, imported, known, duplicates, notMedia, deferred, failed, bytes } = this;
    return { found, imported, known, duplicates, notMedia, deferred, failed, iCloudOnly: 0, bytes };
  }
}

export function reportFailure(path: string, error: AgentError): ReportedFailure {
  return { path, code: error.code, message: error.message, remedy: error.remedy };
}
