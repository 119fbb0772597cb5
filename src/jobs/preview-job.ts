// What an import would do, without doing it: lists the source, reads the first bytes of each new file, and writes nothing.

import { isAgentError } from '../domain/errors.ts';
import type { CatalogStore } from '../library/catalog/catalog-store.ts';
import { identifyContent } from '../library/metadata/content.ts';
import type { FileOutcome } from '../library/staging.ts';
import type { Clock } from '../platform/clock.ts';
import { headBytes } from '../platform/stage-file.ts';
import type { Source } from '../sources/source.ts';
import type { SpooledEntry } from './entry-spool.ts';
import { asStop, lookingAt, makeImportId } from './import-job.ts';
import { type ImportProgress, Progress } from './import-progress.ts';
import { type ImportReport, ImportTally, reportImport } from './import-report.ts';
import { surveySource } from './survey.ts';

export interface PreviewOptions {
  readonly source: Source;
  readonly catalog: CatalogStore;
  readonly clock: Clock;
  readonly onProgress: (progress: ImportProgress) => void;
  readonly signal: AbortSignal;
}

/** In the report `imported` counts what would be copied; which of it turns out to be a duplicate only its bytes can tell. */
export async function previewImport(options: PreviewOptions): Promise<ImportReport> {
  const { source, clock } = options;
  const startedMonotonicMs = clock.monotonicMs();
  const tally = new ImportTally();
  let stop: ImportStop;
  try {
    const onListed = (count: number) => options.onProgress(lookingAt(count));
    using survey = await surveySource({ ...options, correctTimes: false, onListed });
    tally.takeSurvey(survey);
    const progress = new Progress(options.onProgress, survey);
    for (const entry of survey.spool.entries()) {
      progress.begin(entry.name);
      tally.settle(entry.path, await previewEntry(options, entry));
      progress.filesDone(1);
    }
  } catch (error) {
    stop = asStop(error, options.signal);
  }
  const durationMs = Math.round(clock.monotonicMs() - startedMonotonicMs);
  const origin = { id: source.id, kind: source.kind, name: source.name };
  const importId = makeImportId(clock.nowMs());
  return { ...reportImport({ importId, source: origin, tally, durationMs, complete: false, stop }), dryRun: true };
}

type ImportStop = Parameters<typeof reportImport>[0]['stop'];

async function previewEntry(options: PreviewOptions, entry: SpooledEntry): Promise<FileOutcome> {
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
