// What lies in a tree of photos: one folder at a time, names, sizes and times. Looks into nothing of ours. Follows a link only to
// a folder of the same disk, as saving does, and each folder once.

import { lstatSync, realpathSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath, RelativePath } from '../domain/ids.ts';
import { ownFolderName, readMeName } from './drive-marker.ts';

export const depthMax = 64;
/** In one folder. Beyond, the disk is not one that anybody keeps photos on. */
const entriesMax = 1_000_000;

export interface TreeFile {
  readonly path: RelativePath;
  readonly sizeBytes: number;
  readonly modifiedAtNs: bigint;
}

export interface TreeFolder {
  /** '' for the root. */
  readonly path: RelativePath;
  readonly files: ReadonlyMap<RelativePath, TreeFile>;
  /** Neither file nor folder, or with a name that is no text: named, never touched. */
  readonly odd: readonly string[];
  /** It cannot be read: what is in it is not known. */
  readonly isUnreadable?: true;
}

/** At the top of a library or copy; the page also while it is being written. */
const ownNames = new Set([ownFolderName, readMeName, `${readMeName}.new`]);

/** What programs of desktops write into every folder they show, or keep at the top of a disk: nobody's photos. */
const clutter =
  /^(\.DS_Store|\._.*|\.Spotlight-V100|\.Trashes|\.fseventsd|\.TemporaryItems|\.DocumentRevisions-V100|Thumbs\.db|desktop\.ini|\$RECYCLE\.BIN|System Volume Information|lost\+found|\.Trash-\d+|\.fuse_hidden.*|\.nfs.*)$/i;

/**
 * Every folder below `root`, each before those in it.
 * @throws system errors of a root that cannot be read; the signal's reason.
 */
export async function* walkTree(
  root: AbsolutePath,
  signal: AbortSignal,
  { links = 'follow' }: { readonly links?: 'follow' | 'ignore' } = {},
): AsyncGenerator<TreeFolder> {
  const waiting: { readonly path: string; readonly depth: number }[] = [{ path: '', depth: 0 }];
  const linked = links === 'follow' ? new Set<bigint>() : undefined;
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    signal.throwIfAborted();
    const listed = await listFolder(root, next.path, linked).catch((error: unknown) => {
      // Of the root nothing would be known at all; one folder that a disk does not give must not keep the others from being looked at.
      if (next.path === '' || systemErrorCode(error) === undefined) throw error;
      return undefined;
    });
    if (listed === undefined) {
      yield { path: next.path as RelativePath, files: new Map(), odd: [], isUnreadable: true };
      continue;
    }
    const { files, folders, odd } = listed;
    const below = folders.map((name) => (next.path === '' ? name : `${next.path}/${name}`));
    const isTooDeep = next.depth >= depthMax;
    yield { path: next.path as RelativePath, files, odd: isTooDeep ? [...odd, ...below] : odd };
    if (isTooDeep) continue;
    for (const name of folders.toSorted().reverse()) {
      waiting.push({ path: next.path === '' ? name : `${next.path}/${name}`, depth: next.depth + 1 });
    }
  }
}

/** One folder of a tree; one that is not there, or is a file, has nothing in it. Without `linked`, links are only named. */
export async function listFolder(
  root: AbsolutePath,
  folder: string,
  linked?: Set<bigint>,
): Promise<TreeFolder & { readonly folders: readonly string[] }> {
  const files = new Map<RelativePath, TreeFile>();
  const folders: string[] = [];
  const odd: string[] = [];
  const entries = await readdir(join(root, folder), { withFileTypes: true }).catch((error: unknown) => {
    if (['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) return [];
    throw error;
  });
  if (entries.length > entriesMax) throw new Error(`"${folder}" has more than ${entriesMax} entries`);
  for (const entry of entries) {
    const { name } = entry;
    if ((folder === '' && ownNames.has(name)) || clutter.test(name)) continue;
    const path = (folder === '' ? name : `${folder}/${name}`) as RelativePath;
    if (name.includes('\uFFFD')) odd.push(path);
    else if (entry.isDirectory() || (entry.isSymbolicLink() && isFolderHere(root, path, linked))) folders.push(name);
    else if (!entry.isFile()) odd.push(path);
    else {
      // Synchronous: the disk has just given the folder, and 100,000 questions through the thread pool take six times as long.
      const facts = lstatSync(join(root, path), { bigint: true, throwIfNoEntry: false });
      if (facts === undefined) continue; // it has just gone
      files.set(path, { path, sizeBytes: Number(facts.size), modifiedAtNs: facts.mtimeNs });
    }
  }
  return { path: folder as RelativePath, files, folders, odd };
}

/** A folder that a link leads to: outside the tree, on its disk, and not been to through another link. */
function isFolderHere(root: AbsolutePath, path: string, linked: Set<bigint> | undefined): boolean {
  if (linked === undefined) return false;
  const target = statSync(join(root, path), { bigint: true, throwIfNoEntry: false });
  if (target?.isDirectory() !== true || linked.has(target.ino)) return false;
  // What lies in the tree itself is listed in its own place.
  const place = realpathSync(join(root, path));
  if (place === root || place.startsWith(`${root}/`) || root.startsWith(`${place}/`)) return false;
  if (statSync(root, { bigint: true }).dev !== target.dev) return false;
  linked.add(target.ino);
  return true;
}

/** FAT knows times to two seconds, and shifts them by whole hours with the time zone: the same file all the same. */
const coarseNs = 2_000_000_000n;
const hourNs = 3_600_000_000_000n;
const zoneHoursMax = 26n;

/** True if two times of a file may be one, as different filesystems keep it. */
export function isSameTime(one: bigint, other: bigint): boolean {
  const apart = one > other ? one - other : other - one;
  if (apart <= coarseNs) return true;
  const hours = (apart + coarseNs) / hourNs;
  const rest = apart > hours * hourNs ? apart - hours * hourNs : hours * hourNs - apart;
  return hours <= zoneHoursMax && rest <= coarseNs;
}
