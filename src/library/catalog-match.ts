// Whether a catalogue is of the state that its library is in. One from before the last imports would have their photos saved
// twice; one from after them would take photos for saved that this library, restored from a copy, does not have. Compares
// names and sizes: a manifest is read only where these leave a doubt.

import { join } from 'node:path';
import type { AbsolutePath, ImportId } from '../domain/ids.ts';
import { statOrUndefined } from '../platform/volume.ts';
import type { CatalogStore } from './catalog/catalog-store.ts';
import type { Library } from './library.ts';
import { listManifests, type ManifestFile, readManifestHeader, readManifestTail } from './manifest.ts';
import type { PlannedAsset } from './planned-asset.ts';
import { removalLogNote } from './removal.ts';
import { removalLogBytes } from './removal-log.ts';
import { readHistory } from './source-history.ts';

export interface Mismatch {
  /** For the log: which of the two is older, and how that shows. */
  readonly reason: 'manifestUnknown' | 'manifestGrown' | 'manifestCut' | 'manifestGone' | 'laterImport' | 'removalsCut';
  readonly importId?: ImportId;
}

/**
 * The first thing in which the two disagree; undefined: they belong together. What a crash left for recovery is no
 * disagreement. Sizes that were not known and turn out to agree are noted.
 */
export async function findMismatch(library: Library, catalog: CatalogStore): Promise<Mismatch | undefined> {
  const known = new Map(catalog.manifests());
  for (const file of await listManifests(library.folders.imports)) {
    const reason = await compareManifest(library, catalog, { file, knownBytes: known.get(file.id) });
    if (reason !== undefined) return { reason, importId: file.id };
    known.delete(file.id);
  }
  const [gone] = known.keys();
  if (gone !== undefined) return { reason: 'manifestGone', importId: gone };
  // Lines that the catalogue has not taken in are recovery's; fewer than it took in are those of an older library.
  const removalBytes = (await removalLogBytes(library.folders)) ?? 0;
  if (removalBytes < Number(catalog.copies.note(removalLogNote) ?? 0)) return { reason: 'removalsCut' };
  // Imports that saved nothing leave no manifest, and the catalogue has them before sources.json has.
  const finished = new Set(catalog.sourceHistory().map(({ lastImport }) => lastImport?.importId));
  for (const { lastImport } of (await readHistory(library)) ?? []) {
    if (lastImport === undefined || finished.has(lastImport.importId)) continue;
    if (!isSuperseded(catalog, lastImport.startedAtMs, lastImport.importId))
      return { reason: 'laterImport', importId: lastImport.importId };
  }
  return undefined;
}

/** A guess from names alone, for whoever may only look. Says nothing of imports that are under way. */
export async function seemsOfAnotherState(importsFolder: AbsolutePath, catalog: CatalogStore): Promise<boolean> {
  const gone = new Set(catalog.manifests().keys());
  for (const { id, sizeBytes } of await listManifests(importsFolder)) {
    if (!gone.delete(id) && sizeBytes > 0 && !catalog.hasImport(id)) return true;
  }
  return gone.size > 0;
}

/** True if the catalogue had this import, and has a later one of the source: it is ahead of the file, not behind. */
function isSuperseded(catalog: CatalogStore, startedAtMs: number, importId: ImportId): boolean {
  if (!catalog.hasImport(importId)) return false;
  const { source } = catalog.importOrigin(importId);
  const last = catalog.sourceHistory().find(({ id }) => id === source.id)?.lastImport;
  return last !== undefined && last.startedAtMs >= startedAtMs;
}

async function compareManifest(
  library: Library,
  catalog: CatalogStore,
  { file, knownBytes }: { file: ManifestFile; knownBytes: number | undefined },
): Promise<Mismatch['reason'] | undefined> {
  if (knownBytes === file.sizeBytes) return undefined;
  if (knownBytes !== undefined && knownBytes > file.sizeBytes) return 'manifestCut';
  if (knownBytes === undefined && !catalog.hasImport(file.id)) {
    // A crash within its first line: nothing in it counts, and nothing was recorded.
    return (await readManifestHeader(file.path)) === undefined ? undefined : 'manifestUnknown';
  }
  // Either a crash came between `manifest` and `record`, and all that is new is in the journal, or the size was never noted.
  const open = catalog.journalled().filter(({ importId }) => importId === file.id);
  const journalled = new Set(open.map(({ plan }) => plan.assetId));
  for await (const plan of readManifestTail(file.path, knownBytes ?? 0)) {
    if (!journalled.has(plan.assetId) && !(await isRecorded(library, catalog, plan))) return 'manifestGrown';
  }
  // A manifest that recovery will go on with may have a torn last line, which it cuts off: it notes the size then.
  if (open.length === 0) catalog.noteManifest(file.id, file.sizeBytes);
  return undefined;
}

/** Whether the catalogue has what a line of a manifest says. A file that is not there need not be recorded either. */
async function isRecorded(library: Library, catalog: CatalogStore, plan: PlannedAsset): Promise<boolean> {
  const [resource] = plan.resources;
  const entry = (resource ?? plan.duplicates[0])?.entry;
  if (entry === undefined) return true;
  const isKnown = catalog.findEntry(entry.sourceId, entry.path) !== undefined;
  if (resource === undefined) return isKnown;
  const asset = catalog.getAsset(plan.assetId);
  if (isKnown && asset?.resources.some(({ path, hash }) => path === resource.path && hash === resource.hash) === true)
    return true;
  return (await statOrUndefined(join(library.folders.root, resource.path)))?.size !== resource.sizeBytes;
}
