// What an adoption would do, without doing it: lists the folder, reads the first bytes of what the catalogue does not have,
// and writes nothing.

import { type AgentError, isAgentError } from '../domain/errors.ts';
import type { AbsolutePath } from '../domain/ids.ts';
import type { ImportProgress } from '../domain/progress.ts';
import type { CatalogStore } from '../library/catalog/catalog-store.ts';
import { identifyContent } from '../library/metadata/content.ts';
import type { Clock } from '../platform/clock.ts';
import { headBytes } from '../platform/stage-file.ts';
import type { FolderSource } from '../sources/folder/folder-source.ts';
import { asStop } from './adopt-job.ts';
import { inLibraryWords } from './adopt-read.ts';
import { type AdoptedFileOutcome, type AdoptReport, AdoptTally } from './adopt-report.ts';
import { listFolder, Place, sortOut } from './adopt-survey.ts';
import type { SpooledEntry } from './entry-spool.ts';
import { lookingAt } from './import-job.ts';
import { Progress } from './import-progress.ts';

export interface AdoptPreviewOptions {
  readonly source: FolderSource;
  readonly root: AbsolutePath;
  /** Open for reading. */
  readonly catalog: CatalogStore;
  readonly clock: Clock;
  readonly onProgress: (progress: ImportProgress) => void;
  readonly signal: AbortSignal;
}

/** In the report `adopted` counts what would be read; which of it has the bytes of a photo known already only those can tell. */
export async function previewAdoption(options: AdoptPreviewOptions): Promise<AdoptReport> {
  const { source, root, clock, onProgress } = options;
  const startedMonotonicMs = clock.monotonicMs();
  const tally = new AdoptTally();
  const place = new Place(root, source.root);
  let stop: AgentError | undefined;
  try {
    const onListed = (count: number) => onProgress(lookingAt(count));
    using listed = await listFolder({ ...options, place, tally, onListed });
    using fresh = await sortOut(listed, { ...options, place, tally });
    const progress = new Progress(onProgress, { spool: fresh });
    for (const entry of fresh.entries()) {
      progress.begin(entry.name);
      tally.settle(place.sourcePath(entry.path), await previewEntry(options, entry));
      progress.filesDone(1);
    }
  } catch (error) {
    stop = asStop(error, options.signal);
  }
  const durationMs = Math.round(clock.monotonicMs() - startedMonotonicMs);
  return tally.report({ importId: undefined, folder: source.root, library: root, durationMs, stop, dryRun: true });
}

async function previewEntry(options: AdoptPreviewOptions, entry: SpooledEntry): Promise<AdoptedFileOutcome> {
  try {
    await using reader = await options.source.open(entry.path, 0, options.signal);
    const head = Buffer.alloc(headBytes);
    const filled = await reader.read(head, options.signal);
    const content = await identifyContent(head.subarray(0, filled), entry);
    if (content.kind === 'other' || content.kind === 'empty') return { kind: 'notMedia' };
    return { kind: 'adopted', sizeBytes: entry.sizeBytes };
  } catch (error) {
    if (!isAgentError(error) || error.code === 'SOURCE_GONE') throw inLibraryWords(error);
    return { kind: 'failed', error };
  }
}
