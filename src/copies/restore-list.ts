// What there is to give back: what lies in the tree, joined with what is known of it from the catalogue and from the list on the
// drive. A file that is known and not there is part of the answer, so that nothing is left out without a word.

import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath, AssetId, ContentHash, RelativePath } from '../domain/ids.ts';
import type { ResourceRole } from '../domain/media.ts';
import type { CopiesStore, LibraryFile } from '../library/catalog/copies-store.ts';
import type { ChecksumList } from './checksum-list.ts';
import { copyFolders } from './drive-marker.ts';
import type { RestoreSource } from './restore-source.ts';
import { depthMax, listFolder, type TreeFile, type TreeFolder, walkTree } from './tree.ts';

export interface StoredFile {
  readonly path: RelativePath;
  readonly sizeBytes: number;
  /** As it lies there. */
  readonly seenAtNs: bigint;
  /** As it was saved, which is what it gets: drives keep times more coarsely, and copying by hand loses them. */
  readonly modifiedAtNs: bigint;
  /** What its bytes may be. None: nobody knows, and it cannot be proven. */
  readonly hashes: readonly ContentHash[];
  readonly assetId?: AssetId;
  readonly role?: ResourceRole;
}

/** Known, and not there. */
export interface AbsentFile {
  readonly path: RelativePath;
  readonly hash: ContentHash;
  readonly assetId?: AssetId;
}

export interface StoredTree {
  readonly files: readonly StoredFile[];
  readonly absent: readonly AbsentFile[];
  /** Links, what is neither file nor folder, names that are no text, and what lies too deep: not given back, and named. */
  readonly odd: readonly string[];
}

/** As many as a source may have entries. */
const filesMax = 5_000_000;
const oddMax = 10_000;
const trashFoldersMax = 1000;

export interface ListOptions {
  readonly source: RestoreSource;
  readonly copies: CopiesStore;
  /** `copies` names files where they are now. Else it also has the names that they had before they were moved. */
  readonly isUpToDate: boolean;
  /** Of a drive. */
  readonly checksums?: ChecksumList | undefined;
  /** The owner removed what had these bytes under this name. */
  readonly isRemoved: (path: RelativePath, hash: ContentHash) => boolean;
  readonly onListed: (files: number) => void;
  readonly signal: AbortSignal;
}

/** @throws AgentError DRIVE_GONE, LIBRARY_GONE; system errors of folders that cannot be read; the signal's reason. */
export async function listStored(options: ListOptions): Promise<StoredTree> {
  const { source, copies, checksums } = options;
  const files: StoredFile[] = [];
  const odd: string[] = [];
  const seen = new Set<string>();
  const listed = new Map<string, RelativePath>();
  for (const path of checksums?.hashes.keys() ?? []) if (!isPlain(path)) listed.set(path.normalize('NFC'), path);
  for await (const folder of walkSource(options, odd)) {
    const rows = new Map(copies.filesIn(folder.path).map((row) => [row.path.normalize('NFC'), row]));
    for (const file of folder.files.values()) {
      const form = file.path.normalize('NFC');
      const row = knownBy(folder, file, rows.get(form));
      const name = checksums?.hashes.has(file.path) === true ? file.path : listed.get(form);
      const listedPath = knownBy(folder, file, name === undefined ? undefined : { path: name })?.path;
      if (row !== undefined) seen.add(row.path);
      if (listedPath !== undefined) seen.add(listedPath);
      files.push(joinFacts(file, row, checksums, listedPath));
    }
    if (files.length > filesMax) throw new Error(`there are more than ${filesMax} files in "${source.root}"`);
    options.onListed(files.length);
  }
  await source.assertPresent();
  return { files, absent: await findAbsent(options, files, seen), odd: odd.slice(0, oddMax) };
}

/** True for plain ASCII, which has one form only. */
function isPlain(path: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: this is where ASCII begins
  return /^[\u0000-\u007f]*$/.test(path);
}

/** Some filesystems give names back decomposed. Where both forms are there, each is what it is called exactly. */
function knownBy<Known extends { readonly path: RelativePath }>(
  folder: TreeFolder,
  file: TreeFile,
  known: Known | undefined,
): Known | undefined {
  if (known === undefined || known.path === file.path) return known;
  return folder.files.has(known.path) ? undefined : known;
}

function joinFacts(
  file: TreeFile,
  row: LibraryFile | undefined,
  checksums: ChecksumList | undefined,
  listedPath: RelativePath | undefined,
): StoredFile {
  const { path, sizeBytes, modifiedAtNs: seenAtNs } = file;
  const listedHash = listedPath === undefined ? undefined : checksums?.hashes.get(listedPath);
  // A copy that was cut off leaves a list that is older than what it copied last: of a file that is newer it says nothing.
  const isOlder = row === undefined && checksums !== undefined && seenAtNs > checksums.writtenAtNs;
  const hashes = [row?.hash, isOlder ? undefined : listedHash].filter((hash) => hash !== undefined);
  return {
    ...{ path, sizeBytes, seenAtNs, modifiedAtNs: row?.modifiedAtNs ?? seenAtNs, hashes: [...new Set(hashes)] },
    ...(row === undefined ? {} : { assetId: row.assetId, role: row.role }),
  };
}

/** The folders, and in `odd` what is in them and is no file. A drive's links are not followed: they may lead anywhere. */
async function* walkSource({ source, signal }: ListOptions, odd: string[]): AsyncGenerator<TreeFolder> {
  const { root, kind } = source;
  const links: string[] = [];
  for await (const folder of walkTree(root, signal)) {
    const { path } = folder;
    if (links.some((link) => path.startsWith(`${link}/`))) continue;
    if (kind === 'drive' && path !== '' && (await lstat(join(root, path))).isSymbolicLink()) {
      links.push(path);
      odd.push(path);
      continue;
    }
    for (const each of folder.odd) if (odd.length < oddMax) odd.push(each);
    if (path.split('/').length >= depthMax) {
      for (const name of (await listFolder(root, path)).folders) odd.push(`${path}/${name}`);
    }
    yield folder;
  }
}

/**
 * What is known and was not seen. Not among them is what was removed on purpose, nor, where the list does not name it either, the
 * former name of a file that was moved.
 */
async function findAbsent(
  options: ListOptions,
  files: readonly StoredFile[],
  seen: ReadonlySet<string>,
): Promise<readonly AbsentFile[]> {
  const { source, copies, isUpToDate, checksums, isRemoved } = options;
  const given = new Set(files.flatMap(({ hashes }) => hashes));
  const absent = new Map<RelativePath, AbsentFile>();
  for (const folder of copies.folders()) {
    for (const { path, hash, assetId } of copies.filesIn(folder)) {
      if (seen.has(path)) continue;
      const isListed = isUpToDate || checksums?.hashes.has(path) === true;
      if (!isListed && (given.has(hash) || isRemoved(path, hash))) continue;
      absent.set(path, { path, hash, assetId });
    }
  }
  for (const [path, hash] of checksums?.hashes ?? []) {
    if (!seen.has(path) && !absent.has(path)) absent.set(path, { path, hash });
  }
  const trash = absent.size === 0 ? [] : await listTrash(source.root);
  const left: AbsentFile[] = [];
  for (const file of absent.values()) if (!(await isInTrash(trash, file.path))) left.push(file);
  return left;
}

async function listTrash(root: AbsolutePath): Promise<readonly string[]> {
  const { trash } = copyFolders(root);
  const names = await readdir(trash).catch((error: unknown) => {
    if (systemErrorCode(error) !== undefined) return []; // nothing was ever removed, or nothing can be said of it
    throw error;
  });
  return names.slice(-trashFoldersMax).map((name) => join(trash, name));
}

/** A copy that was cut off after a removal has a list that still names what is in the trash by now. */
async function isInTrash(trash: readonly string[], path: RelativePath): Promise<boolean> {
  for (const folder of trash) {
    if ((await lstat(join(folder, path)).catch(() => undefined))?.isFile() === true) return true;
  }
  return false;
}
