// Plans as an import would make them, for tests of what keeps and finishes them.
import { createHash, randomUUID } from 'node:crypto';
import type { AssetId, ContentHash, ImportId, RelativePath, SourceId, SourcePath } from '../../src/domain/ids.ts';
import type { ResourceRole } from '../../src/domain/media.ts';
import type { CatalogSource } from '../../src/library/catalog/catalog-store.ts';
import { candidateKey, nameParts } from '../../src/library/grouping.ts';
import type { KnownCopy, PlannedAsset, PlannedResource } from '../../src/library/planned-asset.ts';

export const sourceId = 'folder-0123456789ab' as SourceId;
export const sampleSource: CatalogSource = { id: sourceId, kind: 'folder', name: 'Mum\'s "card"\n' };
export const importId = '20240714-101112-abcdef' as ImportId;

export function hashOf(bytes: string | Buffer): ContentHash {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}` as ContentHash;
}

interface ResourceOptions {
  readonly role?: ResourceRole;
  /** The file's bytes. Without them they are its path. */
  readonly bytes?: string | Buffer;
  readonly modifiedAtNs?: bigint;
  readonly sourcePath?: SourcePath;
}

/** A resource filed at `path`; its source entry has the same name, in `DCIM`. */
export function plannedResource(path: string, options: ResourceOptions = {}): PlannedResource {
  const { role = 'original', bytes = path, modifiedAtNs = 1_700_000_000_123_456_789n } = options;
  const name = path.slice(path.lastIndexOf('/') + 1);
  const hash = hashOf(bytes);
  const sizeBytes = Buffer.byteLength(bytes);
  const sourcePath = options.sourcePath ?? (`DCIM/${name}` as SourcePath);
  const key = candidateKey(name);
  return {
    role,
    path: path as RelativePath,
    hash,
    sizeBytes,
    modifiedAtNs,
    originalName: name,
    entry: { sourceId, path: sourcePath, key, sizeBytes, modifiedAtNs, headHash: hash },
    staged: `${createHash('sha256').update(sourcePath).digest('hex').slice(0, 40)}.part`,
  };
}

export function duplicateOf(sourceName: string, bytes: string | Buffer): KnownCopy {
  const { entry, hash, staged } = plannedResource(`x/${sourceName}`, { bytes });
  return { entry, hash, staged };
}

/** A new photo of 14 July 2024, unless `facts` say otherwise. */
export function plannedAsset(resources: readonly PlannedResource[], facts: Partial<PlannedAsset> = {}): PlannedAsset {
  const path = resources[0]?.path ?? '2024/2024-07-14/none.jpg';
  const slash = path.lastIndexOf('/');
  return {
    assetId: randomUUID() as AssetId,
    isNew: true,
    kind: 'photo',
    date: { basis: 'exif', local: '2024-07-14T10:11:12', offsetMinutes: 120 },
    folder: path.slice(0, slash) as RelativePath,
    stem: nameParts(path.slice(slash + 1)).stem,
    suffix: 1,
    resources,
    duplicates: [],
    ...facts,
  };
}
