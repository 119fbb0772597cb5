// Compares the library with what was saved into it, by names, sizes and times, and reads what looks different. What is not as it
// was saved is a finding; what the owner moved is recognised by its bytes; what Keepsake did not write is listed.

import { join } from 'node:path';
import type { FindingKind } from '../domain/copies.ts';
import { isAgentError, systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath, ContentHash, RelativePath } from '../domain/ids.ts';
import type { CopiesStore, LibraryFile } from '../library/catalog/copies-store.ts';
import type { DiskReader } from '../platform/disk-reread.ts';
import { hashFile } from '../platform/durable-write.ts';
import { judgeFile } from './judge-file.ts';
import { isSameTime, type TreeFile, walkTree } from './tree.ts';

export interface Move {
  readonly from: LibraryFile;
  readonly to: RelativePath;
}

export interface LibrarySurvey {
  /** Files that were saved and are not as they were. */
  readonly bad: ReadonlyMap<RelativePath, FindingKind>;
  /** By folder: files that Keepsake did not write. */
  readonly others: ReadonlyMap<string, readonly TreeFile[]>;
  readonly moves: readonly Move[];
  /** Links, and names that are no text: they cannot be copied, and are named. */
  readonly odd: readonly string[];
}

export interface SurveyOptions {
  readonly root: AbsolutePath;
  readonly copies: CopiesStore;
  readonly reader: DiskReader;
  readonly signal: AbortSignal;
}

/**
 * Changes nothing. Findings are not yet noted, nor moves followed: the library may have been unplugged meanwhile, which whoever
 * calls this asks before believing any of it.
 * @throws system errors of folders that cannot be read; the signal's reason.
 */
export async function surveyLibrary({ root, copies, reader, signal }: SurveyOptions): Promise<LibrarySurvey> {
  const bad = new Map<RelativePath, FindingKind>();
  const others = new Map<string, TreeFile[]>();
  const missing = new Map<RelativePath, LibraryFile>();
  const odd: string[] = [];
  const unreadable: string[] = [];
  const known = new Map(copies.findings('library').map(({ path, kind }) => [path, kind]));
  const unseen = new Set<string>(copies.folders());
  const touched: { readonly path: RelativePath; readonly modifiedAtNs: bigint }[] = [];
  for await (const folder of walkTree(root, signal)) {
    if (folder.isUnreadable === true) {
      unreadable.push(folder.path);
      continue;
    }
    unseen.delete(folder.path);
    odd.push(...folder.odd);
    const rest = new Map(folder.files);
    for (const file of copies.filesIn(folder.path)) {
      const seen = rest.get(file.path) ?? findAlike(rest, file.path);
      if (seen === undefined) {
        missing.set(file.path, file);
        continue;
      }
      rest.delete(seen.path);
      const before = known.get(file.path);
      const seemsRight = seen.sizeBytes === file.sizeBytes && isSameTime(seen.modifiedAtNs, file.modifiedAtNs);
      if (seemsRight && before === undefined) continue;
      // One with its time kept that was found bad by reading stays so until it is read again and right.
      const kind = await judgeFile(join(root, file.path) as AbsolutePath, { file, reader, signal });
      if (kind !== undefined) bad.set(file.path, kind);
      else if (!seemsRight) touched.push({ path: file.path, modifiedAtNs: seen.modifiedAtNs });
    }
    if (rest.size > 0) others.set(folder.path, [...rest.values()]);
  }
  for (const folder of unseen) {
    const isHidden = unreadable.some((each) => folder === each || folder.startsWith(`${each}/`));
    for (const file of copies.filesIn(folder)) {
      if (isHidden) bad.set(file.path, 'unreadable');
      else missing.set(file.path, file);
    }
  }
  const moves = await findMoves({ root, copies, missing, others, signal });
  for (const path of missing.keys()) bad.set(path, 'missing');
  for (const { path, modifiedAtNs } of touched) copies.noteTouched(path, modifiedAtNs);
  return { bad, others, moves, odd };
}

/** Some filesystems give names back decomposed (HFS+), which is the same name. */
function findAlike(files: ReadonlyMap<RelativePath, TreeFile>, path: string): TreeFile | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: plain ASCII has one form only
  if (/^[\u0000-\u007f]*$/.test(path)) return undefined;
  const form = path.normalize('NFC');
  return [...files.values()].find((file) => file.path.normalize('NFC') === form);
}

/** What is missing in one place and lies, byte for byte, in another was moved. Takes both out of their lists. */
async function findMoves(found: {
  readonly root: AbsolutePath;
  readonly copies: CopiesStore;
  readonly missing: Map<RelativePath, LibraryFile>;
  readonly others: Map<string, TreeFile[]>;
  readonly signal: AbortSignal;
}): Promise<readonly Move[]> {
  const { root, copies, missing, others, signal } = found;
  const bySize = Map.groupBy(missing.values(), ({ sizeBytes }) => sizeBytes);
  const moves: Move[] = [];
  for (const [folder, files] of others) {
    const left: TreeFile[] = [];
    for (const file of files) {
      const candidates = (bySize.get(file.sizeBytes) ?? []).filter(({ path }) => missing.has(path));
      const hash = candidates.length === 0 ? undefined : await hashIfReadable(join(root, file.path), signal);
      // Of equal bytes, such as those of two edits, the one of this name; and none under a name that another photo has but for case.
      const fitting = candidates.filter((candidate) => candidate.hash === hash);
      const namesake = copies.file(file.path);
      const isFree = namesake === undefined || fitting.some(({ path }) => path === namesake.path);
      const from = isFree ? (fitting.find(({ path }) => nameOf(path) === nameOf(file.path)) ?? fitting[0]) : undefined;
      if (from === undefined) left.push(file);
      else {
        missing.delete(from.path);
        moves.push({ from, to: file.path });
      }
    }
    if (left.length === 0) others.delete(folder);
    else others.set(folder, left);
  }
  return moves;
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

async function hashIfReadable(path: string, signal: AbortSignal): Promise<ContentHash | undefined> {
  try {
    return (await hashFile(path, signal)).hash;
  } catch (error) {
    if (signal.aborted || (systemErrorCode(error) === undefined && !isAgentError(error))) throw error;
    return undefined; // one that cannot be read is met again, and named, when it is copied
  }
}
