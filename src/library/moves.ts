// What the owner moved, renamed or edited in the library: followed in the catalogue, and written down as a manifest, so that a catalogue
// made anew finds the photos where they are now.

import type { ImportId, RelativePath, SourceId, SourcePath } from '../domain/ids.ts';
import type { CatalogStore } from './catalog/catalog-store.ts';
import type { LibraryFile } from './catalog/copies-store.ts';
import { nameParts } from './grouping.ts';
import type { Library } from './library.ts';
import { appendManifest, manifestVersion, writeChecksums } from './manifest.ts';
import type { PlannedAsset } from './planned-asset.ts';

/** Not a source that anything was saved from. */
export const movedKind = 'moved';

export interface MovedFile {
  readonly from: LibraryFile;
  /** The same path, if it was edited where it is. */
  readonly to: RelativePath;
  /** What it holds by now, where its owner said that it was edited on purpose. */
  readonly edited?: Pick<LibraryFile, 'hash' | 'sizeBytes' | 'modifiedAtNs'>;
}

/**
 * Written down first: after a crash in between, the catalogue is found not to be of the library's present state, and made anew.
 * @throws AgentError for the library's disk, as `appendManifest`; STATE_WRITE_FAILED.
 */
export async function recordMoves(options: {
  readonly library: Library;
  readonly catalog: CatalogStore;
  readonly moves: readonly MovedFile[];
  readonly importId: ImportId;
  readonly nowMs: number;
}): Promise<void> {
  const { library, catalog, moves, importId, nowMs } = options;
  if (moves.length === 0) return;
  const startedAt = new Date(nowMs).toISOString();
  const source = { id: movedKind as SourceId, kind: movedKind, name: movedKind };
  const plans = moves.flatMap((move) => planOf(catalog, move));
  await library.assertPresent();
  const header = { version: manifestVersion, importId, source, startedAt };
  const manifestBytes = await appendManifest(library.folders.imports, header, plans);
  for (const { from, to } of moves) if (to !== from.path) catalog.copies.moveFile(from.path, to);
  catalog.record(importId, plans, manifestBytes);
  await writeChecksums(library.folders.imports, importId);
}

function planOf(catalog: CatalogStore, { from, to, edited }: MovedFile): readonly PlannedAsset[] {
  const asset = catalog.getAsset(from.assetId);
  if (asset === undefined) return [];
  const { hash, sizeBytes, modifiedAtNs } = edited ?? from;
  const { role } = from;
  const slash = to.lastIndexOf('/');
  const isPrimary = role === 'original' && to !== from.path;
  const place = isPrimary
    ? { folder: to.slice(0, Math.max(0, slash)) as RelativePath, stem: nameParts(to.slice(slash + 1)).stem, suffix: 1 }
    : {};
  const { resources: __, ...facts } = asset;
  const entry = {
    sourceId: movedKind as SourceId,
    path: to as string as SourcePath,
    key: movedKind,
    sizeBytes,
    modifiedAtNs,
    headHash: hash,
  };
  const resource = {
    role,
    path: to,
    hash,
    sizeBytes,
    modifiedAtNs,
    originalName: nameOf(from.path),
    entry,
    staged: '',
  };
  return [{ ...facts, ...place, isNew: false, resources: [resource], duplicates: [] }];
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
