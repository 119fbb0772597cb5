// Fills an empty catalogue from what lies in the library: the manifests, the files they name, the list of what was removed, and
// sources.json. A file that is gone, and was not removed, is left out, so that its source entry is new again; what can no longer be
// borne out is not called complete.

import { join } from 'node:path';
import type { AssetId, ContentHash, ImportId, SourceId } from '../domain/ids.ts';
import type { Log } from '../platform/log.ts';
import { statOrUndefined } from '../platform/volume.ts';
import type { CatalogStore, SourceHistory } from './catalog/catalog-store.ts';
import type { Library } from './library.ts';
import { listManifests, type ManifestFile, type ManifestHeader, readManifest, readManifestHeader } from './manifest.ts';
import type { PlannedAsset } from './planned-asset.ts';
import { noteLog } from './removal.ts';
import { type RemovedByLog, readRemovalLog } from './removal-log.ts';
import { historyPath, readHistory } from './source-history.ts';

/** Lines recorded in one transaction. */
const linesPerTransaction = 1000;

export interface RebuildOptions {
  readonly library: Library;
  /** Empty. */
  readonly catalog: CatalogStore;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface RebuildCounts {
  readonly imports: number;
  /** Files that a manifest names and that are not in the library, under that name and of that size, nor anywhere else in it. */
  readonly missing: number;
  /** Files that were removed by their owner, and are known so that no source brings them back. */
  readonly removed: number;
}

/** @throws AgentError LIBRARY_GONE, LIBRARY_DAMAGED (a manifest that cannot be read), LIBRARY_TOO_NEW; the signal's reason. */
export async function rebuildCatalog(options: RebuildOptions): Promise<RebuildCounts> {
  const { library, catalog, log } = options;
  const manifests = await readHeaders(await listManifests(library.folders.imports));
  const lost = new LostFiles();
  const removals = await readRemovalLog(library.folders);
  const begun = new Set<ImportId>();
  for (const { file, header } of manifests) {
    if (!begun.has(header.importId)) {
      begun.add(header.importId);
      const { importId, source, startedAt } = header;
      catalog.beginImport({ importId, source, startedAtMs: Date.parse(startedAt) });
      catalog.closeImport(importId);
    }
    await takeManifest(options, { file, header, lost, removals });
  }
  for (const { id, atMs } of removals?.emptied ?? []) catalog.copies.noteEmptied(id, atMs);
  // What is not known to be done is recovery's, which comes next.
  if (removals !== undefined) noteLog(catalog, removals.doneBytes);
  const missing = lost.stillLost(catalog);
  await takeHistory(options, new Set(missing.flatMap(({ sourceIds }) => sourceIds)));
  const removed = catalog.copies.removals().reduce((sum, { files }) => sum + files, 0);
  const counts = { imports: begun.size, missing: missing.length, removed };
  log.info(counts, 'made the catalogue anew from the manifests');
  return counts;
}

interface HeadedManifest {
  readonly file: ManifestFile;
  readonly header: ManifestHeader;
}

/** In the order in which the imports were begun, which their ids tell to the second only. Nothing in a torn header counts. */
async function readHeaders(files: readonly ManifestFile[]): Promise<readonly HeadedManifest[]> {
  const headed: HeadedManifest[] = [];
  for (const file of files) {
    const header = await readManifestHeader(file.path);
    if (header !== undefined) headed.push({ file, header });
  }
  return headed.sort((one, other) => Date.parse(one.header.startedAt) - Date.parse(other.header.startedAt));
}

async function takeManifest(
  { library, catalog, signal }: RebuildOptions,
  of: HeadedManifest & { readonly lost: LostFiles; readonly removals: RemovedByLog | undefined },
): Promise<void> {
  const { file, header, lost, removals } = of;
  let lines: PlannedAsset[] = [];
  const record = async () => {
    signal.throwIfAborted();
    const areThere = await Promise.all(lines.map((plan) => isThere(library, plan))); // the disk is asked for all at once
    // Of a library that was unplugged every file would seem gone, and be saved a second time.
    await library.assertPresent();
    const borneOut = lines.flatMap((line, index): readonly PlannedAsset[] => {
      const plan = areThere[index] === true ? line : asRemoved(line, removals);
      if (plan === undefined) lost.add(line);
      if (plan !== undefined) lost.found(plan);
      return plan === undefined || lost.hasBytesOf(plan) ? [] : [plan];
    });
    catalog.record(header.importId, borneOut);
    lines = [];
  };
  for await (const { plan } of readManifest(file.path)) {
    lines.push(plan);
    if (lines.length === linesPerTransaction) await record();
  }
  await record();
  catalog.noteManifest(file.id, file.sizeBytes); // by the file's name, which a copy of a manifest has of its own
}

/** True if the library has the file that a line names, in its size; a line without one names bytes of other lines. */
async function isThere(library: Library, { resources }: PlannedAsset): Promise<boolean> {
  const [resource] = resources;
  if (resource === undefined) return true;
  return (await statOrUndefined(join(library.folders.root, resource.path)))?.size === resource.sizeBytes;
}

/** A file that is not there because its owner removed it. Undefined: that is not why. */
function asRemoved(plan: PlannedAsset, removals: RemovedByLog | undefined): PlannedAsset | undefined {
  const [resource] = plan.resources;
  const removedBy = resource === undefined ? undefined : removals?.find(resource.path, resource.hash);
  if (resource === undefined || removedBy === undefined) return undefined;
  return { ...plan, resources: [{ ...resource, removedBy }] };
}

/** Files that were saved and are gone, by their bytes: those may be in the library again, from a later import. */
class LostFiles {
  readonly #byHash = new Map<ContentHash, { readonly assetIds: Set<AssetId>; readonly sourceIds: Set<SourceId> }>();
  readonly #byName = new Map<string, ContentHash>();

  add(plan: PlannedAsset): void {
    for (const { path, hash, entry } of plan.resources) {
      const lost = this.#byHash.get(hash) ?? { assetIds: new Set(), sourceIds: new Set() };
      this.#byHash.set(hash, lost);
      lost.assetIds.add(plan.assetId);
      this.#byName.set(`${plan.assetId} ${path}`, hash);
      lost.sourceIds.add(entry.sourceId);
    }
  }

  found(plan: PlannedAsset): void {
    for (const { path, hash } of plan.resources) {
      this.#byHash.delete(hash);
      // Its owner edited it: under its own name it is another one by now, and not lost.
      const before = this.#byName.get(`${plan.assetId} ${path}`);
      if (before !== undefined) this.#byHash.delete(before);
    }
  }

  /** The same bytes under another name of the source: known only as long as the library has them. */
  hasBytesOf({ assetId, duplicates }: PlannedAsset): boolean {
    return duplicates.some(({ hash }) => this.#byHash.get(hash)?.assetIds.has(assetId) === true);
  }

  stillLost(catalog: CatalogStore): readonly { readonly sourceIds: readonly SourceId[] }[] {
    return [...this.#byHash]
      .filter(([hash]) => catalog.findOriginal(hash) === undefined)
      .map(([, { sourceIds }]) => ({ sourceIds: [...sourceIds] }));
  }
}

/**
 * What the library remembers of its sources. That a source is saved in full is believed only if nothing it gave is missing
 * and all the manifests it left are there.
 */
async function takeHistory(
  { library, catalog, log }: RebuildOptions,
  incomplete: ReadonlySet<SourceId>,
): Promise<void> {
  const history = await readHistory(library);
  if (history === undefined) {
    const isThere = (await statOrUndefined(historyPath(library))) !== undefined;
    log.warn({ isThere }, 'when each source was last saved is not known any more');
    return;
  }
  const manifests = new Map(catalog.sourceHistory().map((source) => [source.id, source.manifests]));
  catalog.restoreHistory(
    history.map((source): SourceHistory => {
      const isBorneOut = !incomplete.has(source.id) && (manifests.get(source.id) ?? 0) >= source.manifests;
      if (isBorneOut || source.lastImport === undefined) return source;
      return { ...source, lastImport: { ...source.lastImport, complete: false } };
    }),
  );
}
