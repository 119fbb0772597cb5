// Which files are to be given back: all, or those that the owner's words name, always the whole photo with all its files; and how
// their names are put together when another file has one of them.

import type { AbsentFile, StoredFile, StoredTree } from '../copies/restore-list.ts';
import type { GivenFile, GivenGroup, RestoreNaming } from '../copies/restore-run.ts';
import { AgentError, isAgentError } from '../domain/errors.ts';
import type { AssetId, RelativePath } from '../domain/ids.ts';
import type { CatalogStore } from '../library/catalog/catalog-store.ts';
import { stemKeyOf } from '../library/catalog/sqlite-catalog.ts';
import { nameParts } from '../library/grouping.ts';
import { foldName, joinName } from '../library/portable-name.ts';
import { findAssets, howToName, matchesPattern, type NamedDevice, type Query } from '../library/query.ts';

const suffixPattern = /^(.+)~(\d{1,4})$/s;

export const restoreNaming: RestoreNaming = {
  nameAfter: (path, nth) => {
    const slash = path.lastIndexOf('/');
    const { stem, tail } = nameParts(path.slice(slash + 1));
    const [, start = stem, number = '1'] = suffixPattern.exec(stem) ?? [];
    return (path.slice(0, slash + 1) + joinName({ stem: start, tail }, Number(number) + nth)) as RelativePath;
  },
  stemKey: stemKeyOf,
  fold: foldName,
};

/** What is chosen of a tree. @throws AgentError USAGE for a query that names nothing, or could mean two things. */
export function choose(
  tree: StoredTree,
  options: {
    readonly catalog: CatalogStore;
    /** Undefined: all. */
    readonly queries: readonly Query[] | undefined;
    readonly devices: readonly NamedDevice[];
  },
): StoredTree {
  const { catalog, queries, devices } = options;
  if (queries === undefined) return tree;
  const assets = new Set<AssetId>();
  const paths = new Set<RelativePath>();
  for (const query of queries) {
    // What Keepsake did not write is no photo, and has no date: it goes by its name and folder.
    const others = [...tree.files, ...tree.absent].filter(
      ({ assetId, path }) => assetId === undefined && isNamed(query, path),
    );
    for (const { path } of others) paths.add(path);
    try {
      for (const { asset } of findAssets(catalog, [query], { devices })) assets.add(asset.assetId);
    } catch (error) {
      if (others.length === 0 || !isAgentError(error, 'USAGE')) throw error;
    }
  }
  const isChosen = ({ assetId, path }: StoredFile | AbsentFile) =>
    assetId === undefined ? paths.has(path) : assets.has(assetId);
  const chosen = { files: tree.files.filter(isChosen), absent: tree.absent.filter(isChosen), odd: [] };
  if (chosen.files.length + chosen.absent.length > 0) return chosen;
  throw new AgentError('USAGE', 'None of the photos that were named is there any more.', { remedy: howToName });
}

function isNamed(query: Query, path: RelativePath): boolean {
  const parts = foldName(path).split('/');
  switch (query.kind) {
    case 'days':
    case 'undated':
      return false;
    case 'path':
      return (
        query.parts.length <= parts.length && query.parts.every((part, at) => matchesPattern(part, parts[at] ?? ''))
      );
    case 'name':
      return matchesPattern(query.pattern, parts.at(-1) ?? '');
  }
}

/** The files of one photo together, in the order of their paths; what belongs to none is alone. Each goes where it lies. */
export function groupFiles(files: readonly StoredFile[]): readonly GivenGroup[] {
  const byAsset = new Map<AssetId, GivenFile[]>();
  const groups: GivenFile[][] = [];
  for (const { assetId, role: _, ...file } of files.toSorted((one, other) => (one.path < other.path ? -1 : 1))) {
    const given = { ...file, to: file.path };
    const group = assetId === undefined ? undefined : byAsset.get(assetId);
    if (group !== undefined) group.push(given);
    else {
      const begun = [given];
      groups.push(begun);
      if (assetId !== undefined) byAsset.set(assetId, begun);
    }
  }
  return groups;
}
