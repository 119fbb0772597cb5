// Brings what the catalogue knows of a device's own list of photos up to date: copies the list into a private folder if it has
// changed, has it read there by a process of its own, and keeps what it says. An import waits for it no longer than stated here,
// and whatever is wrong with a list costs knowledge, never a photo.

import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { endsSource, isAgentError, systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath } from '../domain/ids.ts';
import type { CatalogStore } from '../library/catalog/catalog-store.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { statOrUndefined } from '../platform/volume.ts';
import { openPhotosDatabase } from '../sources/photos-database/photos-database.ts';
import type { PhotosList, Source } from '../sources/source.ts';

/** Copying and reading together: the list of 50,000 photos takes some ten seconds over a slow cable. */
const refreshTimeoutMs = 120_000;
/** A copy of this age was left by a process that was killed: it has private things in it and goes. */
const abandonedAfterMs = 3600 * 1000;

export interface ListOptions {
  readonly source: Source;
  readonly catalog: CatalogStore;
  /** A private folder of ours; made if it is missing. */
  readonly scratch: AbsolutePath;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** What the catalogue has is of the device's list as it is now; there is no list; or it could not be read. */
export type ListState = 'read' | 'absent' | 'unreadable';

/** @throws AgentError SOURCE_GONE, PHONE_…: the device itself; CATALOG_…, STATE_…; the signal's reason. */
export async function refreshPhotosList(options: ListOptions & { readonly list: PhotosList }): Promise<ListState> {
  const { source, catalog, clock, log, list } = options;
  const timeout = AbortSignal.timeout(refreshTimeoutMs);
  const signal = AbortSignal.any([options.signal, timeout]);
  try {
    await sweepAbandoned(options.scratch, clock.nowMs());
    const stamp = await list.stamp(signal);
    if (stamp === undefined) return 'absent';
    if (catalog.photos.reading(source.id)?.stamp === stamp) return 'read';
    await using scratch = await makeScratch(options.scratch);
    await list.copyInto(scratch.folder, signal);
    await using database = await openPhotosDatabase({
      path: join(scratch.folder, 'Photos.sqlite') as AbsolutePath,
      signal,
    });
    using draft = catalog.photos.draft(source.id);
    for await (const assets of database.assets()) draft.add(assets);
    draft.publish({ stamp, readAtMs: clock.nowMs(), facts: database.facts });
    return 'read';
  } catch (error) {
    if (options.signal.aborted) throw error;
    // A full or failing disk of our own is as good a reason to go on without.
    const isLists =
      timeout.aborted || isAgentError(error, 'PHOTOS_LIST_UNREADABLE', 'STATE_WRITE_FAILED') || systemErrorCode(error);
    if (!isLists || endsSource(error)) throw error;
    log.warn({ sourceId: source.id, error: String(error) }, 'the list of photos could not be read');
    return 'unreadable';
  }
}

async function makeScratch(parent: AbsolutePath): Promise<AsyncDisposable & { folder: AbsolutePath }> {
  await mkdir(parent, { recursive: true, mode: 0o700 });
  const folder = (await mkdtemp(join(parent, 'photos-'))) as AbsolutePath; // 0700 (POSIX mkdtemp)
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}

async function sweepAbandoned(parent: AbsolutePath, nowMs: number): Promise<void> {
  if ((await statOrUndefined(parent)) === undefined) return;
  for (const name of await readdir(parent)) {
    const path = join(parent, name);
    const facts = await statOrUndefined(path);
    if (facts !== undefined && nowMs - facts.mtimeMs > abandonedAfterMs)
      await rm(path, { recursive: true, force: true });
  }
}
