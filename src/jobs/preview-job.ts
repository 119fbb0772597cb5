// What an import would do, without doing it: lists the source, reads the first bytes of each new file, and writes nothing.

import { createHash } from 'node:crypto';
import type { ImportProgress } from '../domain/progress.ts';
import type { CatalogStore } from '../library/catalog/catalog-store.ts';
import type { Clock } from '../platform/clock.ts';
import { digest } from '../platform/durable-write.ts';
import type { Source } from '../sources/source.ts';
import type { SpooledEntry } from './entry-spool.ts';
import { asStop, lookingAt, makeImportId } from './import-job.ts';
import { Progress } from './import-progress.ts';
import { type AlikeFiles, type ImportReport, ImportTally, reportImport } from './import-report.ts';
import { type PhotosChoices, PhotosGuide } from './photos-guide.ts';
import { previewEntry } from './preview-entry.ts';
import { surveySource } from './survey.ts';

export interface PreviewOptions {
  readonly source: Source;
  readonly catalog: CatalogStore;
  readonly clock: Clock;
  readonly choices: PhotosChoices;
  readonly onProgress: (progress: ImportProgress) => void;
  readonly signal: AbortSignal;
}

/** Files of a phone whose beginning is looked at, spread over all of them. */
const samplesMax = 200;

/** In the report `imported` counts what would be copied; which of it turns out to be a duplicate only its bytes can tell. */
export async function previewImport(options: PreviewOptions): Promise<ImportReport> {
  const { source, clock } = options;
  const startedMonotonicMs = clock.monotonicMs();
  const tally = new ImportTally();
  const alike = new AlikeEntries(options.catalog);
  let stop: ImportStop;
  let newPhotos = 0;
  try {
    const onListed = (count: number) => options.onProgress(lookingAt(count));
    using guide = openGuide(options);
    using survey = await surveySource({ ...options, guide, correctTimes: false, onListed });
    tally.takeSurvey(survey);
    const progress = new Progress(options.onProgress, survey);
    newPhotos = survey.spool.groupCount();
    // A phone shows photos only, and reading the beginning of each of tens of thousands takes minutes: some stand for all.
    const stride = source.kind === 'iphone' ? Math.ceil(survey.spool.count / samplesMax) : 1;
    let index = 0;
    for (const entry of survey.spool.entries()) {
      progress.begin(entry.name);
      if (index % stride === 0) {
        const { outcome, head } = await previewEntry(options, entry);
        tally.settle(entry.path, outcome);
        if (outcome.kind === 'imported') alike.look(entry, head);
      } else tally.settle(entry.path, { kind: 'imported', sizeBytes: entry.sizeBytes });
      index += 1;
      progress.filesDone(1);
    }
    alike.standFor(stride);
  } catch (error) {
    stop = asStop(error, options.signal);
  }
  const durationMs = Math.round(clock.monotonicMs() - startedMonotonicMs);
  const origin = { id: source.id, kind: source.kind, name: source.name };
  const importId = makeImportId(clock.nowMs());
  const report = reportImport({ importId, source: origin, tally, durationMs, newPhotos, complete: false, stop });
  return { ...report, dryRun: true, alike: alike.facts() };
}

/** By the list as it was read last: a preview copies none. */
function openGuide({ source, catalog, clock, choices }: PreviewOptions): PhotosGuide | undefined {
  const list = source.photosList;
  if (list === undefined || catalog.photos.reading(source.id) === undefined) return undefined;
  return new PhotosGuide({
    ...{ source, list, catalog, choices },
    state: 'read',
    nowMs: clock.nowMs(),
    isPreview: true,
  });
}

/** New entries whose size and beginning the library has from another source: very likely the same photos. */
class AlikeEntries {
  readonly #catalog: CatalogStore;
  readonly #filesBySource = new Map<string, number>();
  #files = 0;
  #bytes = 0;
  #each = 1;

  constructor(catalog: CatalogStore) {
    this.#catalog = catalog;
  }

  look(entry: SpooledEntry, head: Uint8Array): void {
    const headHash = digest(createHash('sha256').update(head));
    const sourceId = this.#catalog.findAlike({ sizeBytes: entry.sizeBytes, headHash });
    if (sourceId === undefined) return;
    this.#files += 1;
    this.#bytes += entry.sizeBytes;
    this.#filesBySource.set(sourceId, (this.#filesBySource.get(sourceId) ?? 0) + 1);
  }

  /** Each one that was looked at stands for so many. */
  standFor(each: number): void {
    this.#each = Math.max(1, each);
  }

  facts(): AlikeFiles {
    const [most] = [...this.#filesBySource].toSorted(([, a], [, b]) => b - a);
    return {
      files: this.#files * this.#each,
      bytes: this.#bytes * this.#each,
      ...(this.#each > 1 ? { isEstimate: true } : {}),
      ...(most === undefined ? {} : { mostFrom: most[0] }),
    };
  }
}

type ImportStop = Parameters<typeof reportImport>[0]['stop'];
