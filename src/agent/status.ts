// One snapshot of how things stand, folded from what the catalogue knows. Every surface renders this; none computes its own.

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { isAgentError } from '../domain/errors.ts';
import type { AbsolutePath } from '../domain/ids.ts';
import type { SourceSummary } from '../library/catalog/catalog-store.ts';
import { openCatalog } from '../library/catalog/sqlite-catalog.ts';
import { libraryFolders, readLibraryId } from '../library/library.ts';
import type { Clock } from '../platform/clock.ts';
import { takeExclusiveLock } from '../platform/exclusive-lock.ts';
import { catalogPath, type KeepsakePaths } from './paths.ts';

export interface SourceStatus {
  readonly id: string;
  readonly name: string;
  readonly kind: string;
  /** ISO 8601, UTC; null: never saved in full. */
  readonly lastSuccessAt: string | null;
  readonly complete: boolean;
  /** Photos and other files of a photo that the source showed last time. */
  readonly onDevice: number;
  readonly iCloudOnly: number;
  readonly unknown: number;
  readonly overdue: boolean;
}

/** What the owner has to do, one thing each. */
export interface Need {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
}

export interface Status {
  readonly state: 'neverSaved' | 'saving' | 'needsYou' | 'idle';
  readonly library: AbsolutePath;
  readonly sources: readonly SourceStatus[];
  readonly drives: readonly [];
  readonly photos: { readonly assets: number; readonly inLibrary: number; readonly safe: number };
  readonly jobs: readonly { readonly kind: 'import'; readonly importId: string }[];
  readonly needsYou: readonly Need[];
}

export interface StatusOptions {
  readonly paths: KeepsakePaths;
  readonly root: AbsolutePath;
  readonly clock: Clock;
}

/** @throws AgentError CATALOG_DAMAGED, CATALOG_TOO_NEW, LIBRARY_DAMAGED, LIBRARY_TOO_NEW. */
export async function readStatus({ paths, root }: StatusOptions): Promise<Status> {
  const empty: Status = {
    state: 'neverSaved',
    library: root,
    sources: [],
    drives: [],
    photos: { assets: 0, inLibrary: 0, safe: 0 },
    jobs: [],
    needsYou: [],
  };
  const id = await readLibraryId(root);
  if (id === undefined) return empty;
  const path = catalogPath(paths, id);
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return empty;
  using catalog = openCatalog({ path, libraryId: id, readOnly: true });
  const summary = catalog.summarize();
  const running = catalog.unfinishedImports();
  const isSaving = running.length > 0 && isLocked(root);
  const needsYou = [
    ...(running.length > 0 && !isSaving ? [interrupted] : []),
    ...summary.sources.flatMap((source) => needOf(source)),
  ];
  return {
    ...empty,
    state: isSaving
      ? 'saving'
      : needsYou.length > 0
        ? 'needsYou'
        : summary.sources.length === 0
          ? 'neverSaved'
          : 'idle',
    sources: summary.sources.map(describeSource),
    photos: { assets: summary.assets, inLibrary: summary.assets, safe: 0 },
    jobs: isSaving ? running.slice(-1).map((importId) => ({ kind: 'import', importId })) : [],
    needsYou,
  };
}

const interrupted: Need = {
  code: 'INTERRUPTED',
  message: 'Saving was interrupted before its end.',
  remedy: 'Connect the same card or folder and save again: it goes on where it stopped.',
};

function describeSource(source: SourceSummary): SourceStatus {
  const counts = source.lastImport?.counts;
  return {
    id: source.id,
    name: source.name,
    kind: source.kind,
    lastSuccessAt: source.lastSuccessAtMs === undefined ? null : new Date(source.lastSuccessAtMs).toISOString(),
    complete: source.lastImport?.complete ?? false,
    onDevice: counts === undefined ? 0 : counts.found - counts.notMedia,
    iCloudOnly: counts?.iCloudOnly ?? 0,
    unknown: 0,
    overdue: false,
  };
}

function needOf(source: SourceSummary): readonly Need[] {
  const last = source.lastImport;
  if (last === undefined || last.complete) return [];
  const open = last.counts.failed + last.counts.deferred;
  const what = open === 0 ? 'Not everything' : `${open} ${open === 1 ? 'file' : 'files'}`;
  return [
    {
      code: 'SOURCE_INCOMPLETE',
      message: `${what} on "${source.name}" could not be saved yet.`,
      remedy: 'Save it again. If it stays so, look at the list that saving prints.',
    },
  ];
}

/** True if a Keepsake holds the library right now. */
function isLocked(root: AbsolutePath): boolean {
  const path = join(libraryFolders(root).own, 'lock');
  try {
    const lock = takeExclusiveLock(path);
    lock?.release();
    return lock === undefined;
  } catch (error) {
    if (isAgentError(error)) throw error;
    return false; // a library that cannot be written is not being written
  }
}
