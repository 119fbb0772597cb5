// What an import did, file by file as it happens, and at the end as the report that the owner and `--json` see.

import type { AgentError } from '../domain/errors.ts';
import type { ImportId, SourcePath } from '../domain/ids.ts';
import type { CatalogSource, ImportCounts, PhotosAccount } from '../library/catalog/catalog-store.ts';
import type { FileOutcome } from '../library/staging.ts';
import type { DeletedPhoto, Guidance, PhotosGuide } from './photos-guide.ts';
import type { Survey } from './survey.ts';

/** Beyond this many, failures and other files are counted but no longer named. */
const namedMax = 100_000;

export interface ReportedFailure {
  readonly path: string;
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
}

/** JSON keys are the command line's contract (architecture.md §4). Counts are of files. */
export interface ImportReport extends ImportCounts {
  readonly importId: ImportId;
  readonly source: CatalogSource;
  readonly durationMs: number;
  /** What the owner calls photos and videos, of those imported: a Live Photo is one, and two files. */
  readonly newPhotos: number;
  /** Every photo the source shows is accounted for: saved now or before. */
  readonly complete: boolean;
  readonly failures: readonly ReportedFailure[];
  readonly notMediaPaths: readonly string[];
  /** What stopped it before its end, if anything did. */
  readonly stopped?: ReportedFailure;
  readonly dryRun?: true;
  /** Left out: what the phone or Mac has under "Recently Deleted" and forgets by itself. */
  readonly recentlyDeleted?: readonly DeletedPhoto[];
  /** In a dry run: those of the new files that the library very likely has already, from another source. */
  readonly alike?: AlikeFiles;
}

export interface AlikeFiles {
  readonly files: number;
  readonly bytes: number;
  /** Only some of the files were looked at, since each costs a phone's battery and its owner's patience. */
  readonly isEstimate?: true;
  /** The source that most of them came from. */
  readonly mostFrom?: string;
}

export class ImportTally {
  found = 0;
  known = 0;
  imported = 0;
  duplicates = 0;
  notMedia = 0;
  deferred = 0;
  failed = 0;
  /** Of those that failed: listed, but not on the device. */
  iCloudOnly = 0;
  bytes = 0;
  readonly failures: ReportedFailure[] = [];
  readonly notMediaPaths: string[] = [];

  /** Set once the source was listed to its end, if it keeps a list of its photos. */
  guide: PhotosGuide | undefined;
  photos: PhotosAccount | undefined;

  takeSurvey(survey: Survey): void {
    this.found = survey.found;
    this.known = survey.known;
    for (const path of survey.notFiles) this.settle(path, { kind: 'notMedia', reason: 'other' });
    for (const { path, error } of survey.unreadable) this.settle(path, { kind: 'failed', error });
  }

  /** @param counts as the guide said of it. */
  settle(path: SourcePath, outcome: FileOutcome, counts?: Guidance['counts']): void {
    if (outcome.kind === 'imported' || outcome.kind === 'duplicate') this.guide?.isSaved(counts);
    if (outcome.kind === 'notMedia') this.guide?.isNone(path, counts);
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
        if (outcome.error.code === 'SOURCE_ENTRY_NOT_DOWNLOADED') {
          this.iCloudOnly += 1;
          this.guide?.isNotThere(path, counts);
        }
        this.#name(path, outcome.error);
        break;
    }
  }

  #name(path: SourcePath, error: AgentError): void {
    if (this.failures.length < namedMax) this.failures.push(reportFailure(path, error));
  }

  counts(): ImportCounts {
    const { found, imported, known, duplicates, notMedia, deferred, failed, bytes } = this;
    const { photos } = this;
    const iCloudOnly = photos?.iCloudOnly ?? this.iCloudOnly;
    const counts = { found, imported, known, duplicates, notMedia, deferred, failed, iCloudOnly, bytes };
    return photos === undefined ? counts : { ...counts, photos };
  }
}

/** Every photo the source shows is in the library, and nothing keeps us from knowing it. */
export function isAccountedFor({ failed, deferred, iCloudOnly, photos }: ImportCounts): boolean {
  if (failed + deferred + iCloudOnly > 0) return false;
  return (
    photos === undefined || (photos.list !== 'unreadable' && photos.unknown === 0 && photos.saved >= photos.onDevice)
  );
}

/** Puts the report together. */
export function reportImport(facts: {
  readonly importId: ImportId;
  readonly source: CatalogSource;
  readonly tally: ImportTally;
  readonly durationMs: number;
  readonly newPhotos: number;
  readonly complete: boolean;
  readonly stop: AgentError | undefined;
}): ImportReport {
  const { importId, source, tally, durationMs, newPhotos, complete, stop } = facts;
  return {
    importId,
    source,
    ...tally.counts(),
    durationMs,
    newPhotos,
    complete,
    failures: tally.failures,
    ...(tally.guide === undefined ? {} : { recentlyDeleted: tally.guide.deleted }),
    notMediaPaths: tally.notMediaPaths,
    ...(stop === undefined ? {} : { stopped: reportFailure('', stop) }),
  };
}

export function reportFailure(path: string, error: AgentError): ReportedFailure {
  return { path, code: error.code, message: error.message, remedy: error.remedy };
}
