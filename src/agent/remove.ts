// The command `remove` for whoever asks: finds what the owner named, opens what the job needs, and lets go of it.

import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { AgentError } from '../domain/errors.ts';
import type { AbsolutePath } from '../domain/ids.ts';
import {
  type EmptyTrashReport,
  emptyAllTrash,
  type ListedRemoval,
  listRemovals,
  missingFiles,
  previewRemoval,
  type RemoveJobOptions,
  type RemoveReport,
  removeAssets,
  removeMissing,
  type TakeBackReport,
  takeBack,
} from '../jobs/remove-job.ts';
import type { CatalogStore } from '../library/catalog/catalog-store.ts';
import type { LibraryFile } from '../library/catalog/copies-store.ts';
import { openCatalog } from '../library/catalog/sqlite-catalog.ts';
import { libraryFolders, readLibraryId } from '../library/library.ts';
import {
  type FoundAssets,
  findAssets,
  isBelow,
  type NamedDevice,
  parseQueries,
  parseQuery,
  type Query,
} from '../library/query.ts';
import type { StepObserver } from '../platform/durable-write.ts';
import { targetOf } from './copying.ts';
import type { Drives } from './drives.ts';
import { type LibraryWorkOptions, withLibrary } from './library-work.ts';
import { catalogPath } from './paths.ts';

export type RemoveAction =
  /** @see parseQuery for how photos are named. */
  | { readonly kind: 'remove'; readonly queries: readonly string[]; readonly dryRun: boolean }
  /** Files that left the library in a file manager: in this folder, or anywhere. */
  | { readonly kind: 'missing'; readonly folder?: string | undefined; readonly dryRun: boolean }
  /** The removal with this id; else the last one. */
  | { readonly kind: 'undo'; readonly removal?: string | undefined }
  | { readonly kind: 'list' }
  | { readonly kind: 'emptyTrash' };

export interface RemoveWish {
  readonly action: RemoveAction;
  readonly library?: string | undefined;
  /** Where the owner's command line is: in a folder of the library, a name means the file there. */
  readonly workingFolder?: string | undefined;
  readonly signal: AbortSignal;
}

export type RemoveResult = { readonly library: AbsolutePath } & (
  | { readonly kind: 'removed'; readonly removed: RemoveReport }
  | { readonly kind: 'takenBack'; readonly takenBack: TakeBackReport }
  | { readonly kind: 'listed'; readonly removals: readonly ListedRemoval[] }
  | { readonly kind: 'emptied'; readonly emptied: EmptyTrashReport }
);

export interface RemoveOptions extends LibraryWorkOptions {
  readonly wish: Pick<RemoveWish, 'action' | 'workingFolder'>;
  /** Every device ever noticed, by its present name. */
  readonly devices: () => Promise<readonly NamedDevice[]>;
  readonly drives: Drives;
  readonly observeStep: StepObserver;
}

/**
 * What stops it midway is in the result.
 * @throws AgentError for what cannot start: USAGE, LIBRARY_MISSING, as `withLibrary`, CATALOG_MISSING for a dry run.
 */
export async function removePhotos(options: RemoveOptions): Promise<RemoveResult> {
  const { wish, clock, drives, observeStep, signal } = options;
  const { action } = wish;
  const root = await findLibrary(options.root);
  if (action.kind === 'list') {
    using catalog = await openForReading(options, root);
    return { library: root, kind: 'listed', removals: await listRemovals(catalog, libraryFolders(root)) };
  }
  if ((action.kind === 'remove' || action.kind === 'missing') && action.dryRun) {
    using catalog = await openForReading(options, root);
    const library = { folders: libraryFolders(root), assertPresent: async () => void (await findLibrary(root)) };
    const wanted = await chooseFiles(options, action, { library, catalog });
    return { library: root, kind: 'removed', removed: previewRemoval(catalog, wanted) };
  }
  return await withLibrary(options, async ({ library, catalog, log }): Promise<RemoveResult> => {
    const job: RemoveJobOptions = { library, catalog, clock, log, observeStep, signal };
    switch (action.kind) {
      case 'remove': {
        const found = await findNamed(options, action.queries, { root: library.folders.root, catalog });
        return { library: root, kind: 'removed', removed: await removeAssets(job, found) };
      }
      case 'missing': {
        const files = await findMissing(options, action.folder, job);
        return { library: root, kind: 'removed', removed: await removeMissing(job, files) };
      }
      case 'undo':
        return { library: root, kind: 'takenBack', takenBack: await takeBack(job, action.removal) };
      case 'emptyTrash': {
        const { attached } = await drives.see(library.id, signal);
        const targets = attached.map((each) => targetOf(each, drives.uses));
        return { library: root, kind: 'emptied', emptied: await emptyAllTrash(job, targets) };
      }
    }
  });
}

/** By its real path. A folder that never was a library is none: nothing is begun there. */
async function findLibrary(root: AbsolutePath): Promise<AbsolutePath> {
  if ((await readLibraryId(root)) !== undefined) return (await realpath(root)) as AbsolutePath;
  throw new AgentError('LIBRARY_MISSING', `There is no photo folder of Keepsake at "${root}".`, {
    remedy: 'Connect its drive, or name the folder your photos are in: keepsake remove --library FOLDER',
  });
}

async function openForReading({ paths }: RemoveOptions, root: AbsolutePath): Promise<CatalogStore> {
  const id = await readLibraryId(root);
  if (id === undefined) throw new Error(`the library at ${root} was there a moment ago`);
  return openCatalog({ path: catalogPath(paths, id), libraryId: id, readOnly: true });
}

type Present = Parameters<typeof missingFiles>[0];

async function chooseFiles(
  options: RemoveOptions,
  action: Extract<RemoveAction, { readonly kind: 'remove' | 'missing' }>,
  { library, catalog }: Present,
): Promise<FoundAssets | readonly LibraryFile[]> {
  if (action.kind === 'missing') return await findMissing(options, action.folder, { library, catalog });
  return await findNamed(options, action.queries, { root: library.folders.root, catalog });
}

async function findNamed(
  options: RemoveOptions,
  queries: readonly string[],
  { root, catalog }: { readonly root: AbsolutePath; readonly catalog: CatalogStore },
): Promise<FoundAssets> {
  const roots = [root, options.root];
  const parsed = parseQueries(queries, { roots }).map((query) => fromWorkingFolder(options, query, roots));
  return findAssets(catalog, parsed, { devices: await options.devices() });
}

/** Else `keepsake remove IMG_1.HEIC`, said in the folder of one day, would take those of all days. */
function fromWorkingFolder({ wish }: RemoveOptions, query: Query, roots: readonly string[]): Query {
  const { workingFolder } = wish;
  if (workingFolder === undefined || (query.kind !== 'name' && query.kind !== 'path')) return query;
  const path = resolve(workingFolder, query.text);
  const isInside = roots.some((root) => path.startsWith(`${root}/`) && workingFolder.startsWith(`${root}/`));
  return isInside && existsSync(path) ? parseQuery(path, { roots }) : query;
}

/** @throws AgentError USAGE if nothing is missing there. */
async function findMissing(
  options: RemoveOptions,
  folder: string | undefined,
  { library, catalog }: Present,
): Promise<readonly LibraryFile[]> {
  const roots = [library.folders.root, options.root];
  const isWanted = folder === undefined ? () => true : isBelow(folder, { roots });
  const files = await missingFiles({ library, catalog }, isWanted);
  if (files.length > 0) return files;
  throw new AgentError('USAGE', 'Nothing is known to be missing there.', {
    remedy: 'What is missing is found when your photos are copied or checked: keepsake verify',
  });
}
