// Puts the library in order after a crash, before anything else is done with it: what was journalled is published to the
// end, leftovers in incoming/ go, manifests get their missing lines and checksums. Running it twice changes nothing.

import { lstat, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isAgentError, systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath, ImportId } from '../domain/ids.ts';
import type { Clock } from '../platform/clock.ts';
import { flushFolder, hashFile, makeFolders, publishFile, unstageFile } from '../platform/durable-write.ts';
import type { Log } from '../platform/log.ts';
import { statOrUndefined } from '../platform/volume.ts';
import type { CatalogStore } from './catalog/catalog-store.ts';
import { backUpCatalog } from './catalog-backup.ts';
import { dropProgress, sweepIncoming } from './incoming.ts';
import type { Library } from './library.ts';
import { appendManifest, manifestPath, manifestVersion, readManifest, writeChecksums } from './manifest.ts';
import type { PlannedAsset, PlannedResource } from './planned-asset.ts';
import { finishRemovals } from './removal-recovery.ts';
import { keepHistory } from './source-history.ts';

export interface RecoverOptions {
  readonly library: Library;
  readonly catalog: CatalogStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** @throws AgentError for what stops an import too (LIBRARY_FULL, LIBRARY_GONE, …); then nothing was taken back. */
export async function recoverLibrary(options: RecoverOptions): Promise<void> {
  const { library, catalog, log } = options;
  const open = catalog.journalled();
  const importIds = new Set([...catalog.unfinishedImports(), ...open.map(({ importId }) => importId)]);
  if (open.length > 0) log.info({ assets: open.length }, 'finishing what a crash interrupted');
  let recorded = 0;
  for (const importId of importIds) {
    const plans = open.filter((each) => each.importId === importId).map(({ plan }) => plan);
    recorded += await finishPlans(options, importId, plans);
    await writeChecksums(library.folders.imports, importId);
    catalog.closeImport(importId);
  }
  await finishRemovals(options);
  await sweepIncoming({ folder: library.folders.incoming, nowMs: options.clock.nowMs() });
  await keepHistory(options);
  if (recorded > 0) await renewBackup(options);
}

/**
 * The copy of the catalogue in the library is a convenience. On a disk without room for it the one from before stays, and the
 * library is not kept shut: what is wrong with the disk is told when something has to be saved there.
 */
export async function renewBackup(options: Omit<RecoverOptions, 'clock' | 'signal'>): Promise<void> {
  const { library, catalog, log } = options;
  try {
    await backUpCatalog(library, catalog);
  } catch (error) {
    if (!isAgentError(error, 'LIBRARY_FULL', 'LIBRARY_WRITE_FAILED', 'FILE_TOO_LARGE')) throw error;
    log.warn({ code: error.code }, 'the copy of the catalogue in the library is not renewed');
  }
}

/** Returns how many assets it recorded. */
async function finishPlans(
  options: RecoverOptions,
  importId: ImportId,
  plans: readonly PlannedAsset[],
): Promise<number> {
  if (plans.length === 0) return 0;
  const { library, catalog } = options;
  const finished: PlannedAsset[] = [];
  for (const plan of plans) {
    const resources: PlannedResource[] = [];
    for (const resource of plan.resources) {
      if (await finishResource(options, resource)) resources.push(resource);
    }
    // A file that cannot be finished is not recorded, so its source entry is new again and a later import joins it. The
    // same holds for its duplicates: they are known only if their bytes are there.
    const held = new Set([...resources, ...(catalog.getAsset(plan.assetId)?.resources ?? [])].map(({ hash }) => hash));
    const duplicates = plan.duplicates.filter(({ hash }) => held.has(hash));
    if (resources.length > 0 || duplicates.length > 0) finished.push({ ...plan, resources, duplicates });
    if (resources.length < plan.resources.length)
      options.log.warn({ assetId: plan.assetId }, 'part of an asset has to be saved again');
  }
  const folders = new Set(plans.map(({ folder }) => join(library.folders.root, folder)));
  for (const folder of folders) {
    for (let path = folder; path.startsWith(library.folders.root); path = dirname(path)) {
      if ((await statOrUndefined(path)) !== undefined) await flushFolder(path as AbsolutePath);
    }
  }
  await library.assertPresent();
  await appendMissingLines(options, importId, finished);
  const manifest = await statOrUndefined(manifestPath(library.folders.imports, importId));
  catalog.record(importId, finished, manifest?.size);
  catalog.forgetJournal(plans.map(({ assetId }) => assetId));
  for (const { staged } of plans.flatMap((plan) => [...plan.resources, ...plan.duplicates])) {
    await unstageFile(join(library.folders.incoming, staged) as AbsolutePath);
    await dropProgress(library.folders.incoming, staged);
  }
  return finished.length;
}

/** True if the file has, or now got, its final name with exactly the journalled bytes. */
async function finishResource(options: RecoverOptions, resource: PlannedResource): Promise<boolean> {
  const { folders, abilities } = options.library;
  const final = join(folders.root, resource.path) as AbsolutePath;
  const staged = join(folders.incoming, resource.staged) as AbsolutePath;
  const published = await lstat(final).catch(() => undefined);
  if (resource.isInPlace === true) {
    // Adopted where it lay. A file that cannot be read or is another by now is met again by the next adoption.
    if (published?.isFile() !== true || published.size !== resource.sizeBytes) return false;
    const found = await hashFile(final, options.signal).catch((error: unknown) => {
      if (options.signal.aborted || systemErrorCode(error) === undefined) throw error;
      return undefined;
    });
    return found?.hash === resource.hash;
  }
  if (published !== undefined) {
    if (published.isFile() && published.size === resource.sizeBytes) {
      // A second name of the staged file needs no reading; anything else is believed only after reading it.
      const waiting = await statOrUndefined(staged);
      if (abilities.hardLinks && waiting?.ino === published.ino && waiting.dev === published.dev) return true;
      if ((await hashFile(final, options.signal)).hash === resource.hash) return true;
    }
    // Ours is an empty placeholder, created just before a rename that did not happen. Anything else stays untouched.
    const isPlaceholder = !abilities.hardLinks && published.isFile() && published.size === 0 && resource.sizeBytes > 0;
    if (!isPlaceholder) return false;
    await rm(final);
  }
  const waiting = await statOrUndefined(staged);
  if (waiting?.size !== resource.sizeBytes || (await hashFile(staged, options.signal)).hash !== resource.hash)
    return false;
  const folder = dirname(final) as AbsolutePath;
  await options.library.assertPresent();
  try {
    for (const parent of await makeFolders({ root: folders.root, folder })) await flushFolder(parent);
    return (await publishFile({ staged, final, hardLinks: abilities.hardLinks })) === 'published';
  } catch (error) {
    // This one name cannot be made. It must not keep the library shut: the file is not recorded, so its source entry is
    // new again, and the next import either finds it another place or says why not.
    if (isAgentError(error, 'LIBRARY_WRITE_FAILED', 'FILE_TOO_LARGE')) return false;
    throw error;
  }
}

async function appendMissingLines(
  options: RecoverOptions,
  importId: ImportId,
  plans: readonly PlannedAsset[],
): Promise<void> {
  const { library, catalog } = options;
  const path = manifestPath(library.folders.imports, importId);
  const written = new Set<string>();
  if ((await statOrUndefined(path)) !== undefined) {
    for await (const { plan } of readManifest(path)) {
      for (const { entry } of [...plan.resources, ...plan.duplicates]) written.add(entry.path);
    }
  }
  const missing = plans
    .map((plan) => ({
      ...plan,
      resources: plan.resources.filter(({ entry }) => !written.has(entry.path)),
      duplicates: plan.duplicates.filter(({ entry }) => !written.has(entry.path)),
    }))
    .filter(({ resources, duplicates }) => resources.length + duplicates.length > 0);
  if (missing.length === 0) return;
  const { source, startedAtMs } = catalog.importOrigin(importId);
  await appendManifest(
    library.folders.imports,
    { version: manifestVersion, importId, source, startedAt: new Date(startedAtMs).toISOString() },
    missing,
  );
}

/**
 * Takes back what a plan has published so far, because one of its names turned out to be taken. Safe: the bytes still have
 * their staged name (hard links), or get it back (rename).
 */
export async function unpublish(library: Library, resources: readonly PlannedResource[]): Promise<void> {
  for (const resource of resources) {
    const final = join(library.folders.root, resource.path);
    const staged = join(library.folders.incoming, resource.staged);
    if (library.abilities.hardLinks) {
      const [published, waiting] = [await stat(final), await stat(staged)];
      if (published.ino === waiting.ino && published.dev === waiting.dev) await rm(final);
    } else {
      await rename(final, staged);
    }
  }
}
