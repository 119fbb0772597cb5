// One asset on its way into the library: what the journal, the manifest and the catalogue are told, in one shape.

import type { AssetId, ContentHash, RelativePath, RemovalId, SourceId, SourcePath } from '../domain/ids.ts';
import type { AssetKind, CaptureDate, ResourceRole } from '../domain/media.ts';

/** A file of a source as it was when its bytes were read: enough to know it again. */
export interface SourceEntryRecord {
  readonly sourceId: SourceId;
  readonly path: SourcePath;
  /** `candidateKey` of the name: files of one folder with one key may be one asset. */
  readonly key: string;
  readonly sizeBytes: number;
  readonly modifiedAtNs: bigint;
  readonly headHash: ContentHash;
}

export interface PlannedResource {
  readonly role: ResourceRole;
  readonly path: RelativePath;
  readonly hash: ContentHash;
  readonly sizeBytes: number;
  readonly modifiedAtNs: bigint;
  readonly originalName: string;
  readonly entry: SourceEntryRecord;
  /** File name in `incoming/`, where the bytes wait. */
  readonly staged: string;
  /** Adopted: the file was at `path` before, and is nobody's to publish, replace or take away. */
  readonly isInPlace?: true;
  /** In a rebuild: the owner removed it since. */
  readonly removedBy?: { readonly id: RemovalId; readonly atMs: number };
}

/** An entry whose bytes the library has: nothing is published for it. */
export interface KnownCopy {
  readonly entry: SourceEntryRecord;
  readonly hash: ContentHash;
  /** File name in `incoming/`, to be removed. */
  readonly staged: string;
}

export interface PlannedAsset {
  readonly assetId: AssetId;
  /** False if the resources join an asset that the catalogue has. */
  readonly isNew: boolean;
  readonly kind: AssetKind;
  readonly date: CaptureDate;
  /** Where it is filed and under which stem: a sidecar that comes later lies there too. */
  readonly folder: RelativePath;
  readonly stem: string;
  readonly suffix: number;
  readonly liveId?: string;
  /** Make, model and serial number of the camera, if all are known: joins RAW and JPEG across card slots. */
  readonly camera?: string;
  readonly resources: readonly PlannedResource[];
  readonly duplicates: readonly KnownCopy[];
  /** A lone video that turns out to be the moving half of this asset's still. */
  readonly becomesPairedVideo?: RelativePath;
}

/** JSON in which the 64-bit times are text. */
export function planToJson(plan: PlannedAsset): string {
  return JSON.stringify(plan, (_, value: unknown) => (typeof value === 'bigint' ? { ns: value.toString() } : value));
}

/** Reads what `planToJson` wrote. @throws SyntaxError on anything that is not JSON. */
export function planFromJson(json: string): PlannedAsset {
  return JSON.parse(json, (_, value: unknown) =>
    typeof value === 'object' && value !== null && 'ns' in value && typeof value.ns === 'string'
      ? BigInt(value.ns)
      : value,
  ) as PlannedAsset;
}
