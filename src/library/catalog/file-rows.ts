// A file of the library and a file on a drive, as the catalogue's rows have them.

import type { AssetId, ContentHash, RelativePath, RemovalId } from '../../domain/ids.ts';
import type { ResourceRole } from '../../domain/media.ts';

/** A file of the library, as it was saved. */
export interface LibraryFile {
  readonly path: RelativePath;
  readonly hash: ContentHash;
  readonly sizeBytes: number;
  readonly modifiedAtNs: bigint;
  readonly assetId: AssetId;
  readonly role: ResourceRole;
  readonly checkedAtMs?: number;
  /** The removal that put it into the trash. */
  readonly removedBy?: RemovalId;
}

/** A file on a drive, as it was put there. */
export interface CopiedFile {
  readonly path: RelativePath;
  readonly hash: ContentHash;
  readonly sizeBytes: number;
  /** Of the file in the library, which the copy was given. */
  readonly modifiedAtNs: bigint;
  /** False for a file in the library that Keepsake did not write. */
  readonly isOurs: boolean;
  readonly copiedAtMs: number;
  readonly readBackAtMs?: number;
  readonly checkedAtMs?: number;
  readonly removedBy?: RemovalId;
}

export type Row = Readonly<Record<string, string | number | bigint | null>>;

export function libraryFileOf(row: Row): LibraryFile {
  return {
    path: row['path'] as RelativePath,
    hash: row['hash'] as ContentHash,
    sizeBytes: Number(row['size_bytes']),
    modifiedAtNs: row['modified_at_ns'] as bigint,
    assetId: row['asset_id'] as AssetId,
    role: row['role'] as ResourceRole,
    ...number('checkedAtMs', row['checked_at_ms']),
    ...(row['removed_by'] === null ? {} : { removedBy: row['removed_by'] as RemovalId }),
  };
}

export function copiedFileOf(row: Row): CopiedFile {
  return {
    path: row['path'] as RelativePath,
    hash: row['hash'] as ContentHash,
    sizeBytes: Number(row['size_bytes']),
    modifiedAtNs: row['modified_at_ns'] as bigint,
    isOurs: row['is_ours'] === 1n,
    copiedAtMs: Number(row['copied_at_ms']),
    ...number('readBackAtMs', row['read_back_at_ms']),
    ...number('checkedAtMs', row['checked_at_ms']),
    ...(row['removed_by'] === null ? {} : { removedBy: row['removed_by'] as RemovalId }),
  };
}

/** An optional number of a row, under its name. */
export function number<Name extends string>(
  name: Name,
  value: Row[string] | undefined,
): { readonly [key in Name]?: number } {
  return value === null || value === undefined ? {} : ({ [name]: Number(value) } as { [key in Name]: number });
}
