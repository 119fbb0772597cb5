// Which assets the catalogue has of a day, in a folder, under a name, from a device. What the owner removed is not found: an
// asset without a file in the library is none.

import type { AssetId, SourceId } from '../../domain/ids.ts';
import type { Statements } from './photos-store.ts';

/** All methods throw AgentError as those of the catalogue do. Names and paths come folded, and are compared so. */
export interface AssetSearch {
  /** Taken from one day to another, both of them with it: `YYYY-MM-DD`, by the clock where it was taken. */
  takenBetween(days: { readonly first: string; readonly last: string }): readonly AssetId[];
  undated(): readonly AssetId[];
  /** With this file, or with a file in this folder of the library, however deep. */
  at(pathKey: string): readonly AssetId[];
  /** With a file of which this holds; it may be told `originalName` apart from the path. */
  ofFiles(holds: (file: { readonly pathKey: string; readonly originalName: string }) => boolean): readonly AssetId[];
  from(sourceId: SourceId): readonly AssetId[];
  /** Every asset, in the order of its first path. */
  inOrder(): readonly AssetId[];
}

export function openAssetSearch({ all, database }: Statements): AssetSearch {
  const idsOf = (rows: readonly Record<string, unknown>[]) => rows.map((row) => row['asset_id'] as AssetId);
  const isThere = 'EXISTS (SELECT 1 FROM resource WHERE resource.asset_id = asset.id AND removed_by IS NULL)';
  return {
    takenBetween: ({ first, last }) =>
      idsOf(
        all(
          `SELECT id AS asset_id FROM asset WHERE substr(captured_local, 1, 10) BETWEEN ? AND ? AND ${isThere}`,
          ...[first, last],
        ),
      ),
    undated: () => idsOf(all(`SELECT id AS asset_id FROM asset WHERE date_basis = 'undated' AND ${isThere}`)),
    at: (pathKey) =>
      idsOf(
        // '0' is the character after '/': one stretch of the primary key.
        all(
          `SELECT DISTINCT asset_id FROM resource
           WHERE (path_key = ? OR (path_key > ? AND path_key < ?)) AND removed_by IS NULL`,
          ...[pathKey, `${pathKey}/`, `${pathKey}0`],
        ),
      ),
    ofFiles: (holds) => {
      const found = new Set<AssetId>();
      const rows = database
        .prepare<[], { asset_id: AssetId; path_key: string; original_name: string }>(
          'SELECT asset_id, path_key, original_name FROM resource WHERE removed_by IS NULL',
        )
        .iterate();
      for (const { asset_id, path_key, original_name } of rows) {
        if (holds({ pathKey: path_key, originalName: original_name })) found.add(asset_id);
      }
      return [...found];
    },
    from: (sourceId) =>
      idsOf(
        all(
          `SELECT DISTINCT asset_id FROM source_entry WHERE source_id = ? AND EXISTS
             (SELECT 1 FROM resource WHERE resource.asset_id = source_entry.asset_id AND removed_by IS NULL)`,
          sourceId,
        ),
      ),
    inOrder: () =>
      idsOf(
        all(
          'SELECT asset_id FROM resource WHERE removed_by IS NULL GROUP BY asset_id ORDER BY min(path_key), asset_id',
        ),
      ),
  };
}
