// What has to be done so that a drive has what the library has: folder by folder, from what is wanted, what was put there and
// what is seen there. And the brake, which stops all of it when too much of the library is not what it was. Pure.

import type { ContentHash, RelativePath } from '../domain/ids.ts';
import type { CopiedFile } from '../library/catalog/copies-store.ts';
import { isSameTime, type TreeFile } from './tree.ts';

/** A file of the library that is as it should be, as far as names, sizes and times tell. */
export interface WantedFile {
  readonly path: RelativePath;
  readonly sizeBytes: number;
  readonly modifiedAtNs: bigint;
  /** Absent for a file that Keepsake did not write: what it holds is what it should hold. */
  readonly hash?: ContentHash;
}

export type CopyAction =
  /** It is not on the drive. */
  | { readonly kind: 'copy'; readonly file: WantedFile }
  /** Nobody knows what lies in its place: read it, take it if it is right, else set it aside and copy. */
  | { readonly kind: 'adopt'; readonly file: WantedFile; readonly sizeBytes: number }
  /** The drive has it under the name it had before. */
  | { readonly kind: 'move'; readonly file: WantedFile; readonly from: CopiedFile }
  /** Another file was put there under this name: set it aside and copy. */
  | { readonly kind: 'replace'; readonly file: WantedFile; readonly old: CopiedFile }
  /** What was put there looks different by now, or was not proven: read it. What is bad and was proven once is not touched. */
  | { readonly kind: 'examine'; readonly file: WantedFile; readonly old: CopiedFile }
  /** Larger than any file this filesystem can hold. */
  | { readonly kind: 'tooLarge'; readonly file: WantedFile };

export interface FolderPlan {
  readonly wanted: readonly WantedFile[];
  /** What was put into this folder of the drive, and not removed on purpose. */
  readonly copied: readonly CopiedFile[];
  readonly seen: ReadonlyMap<RelativePath, TreeFile>;
  /** Files on the drive with these bytes whose names the library no longer has. */
  readonly movable: (hash: ContentHash) => readonly CopiedFile[];
  /** True if this copy was never read back, or something is known to be wrong with it. */
  readonly isSuspect: (copy: CopiedFile) => boolean;
  readonly fileBytesMax: number;
}

/**
 * Moves first: what is renamed must not be set aside because another file has its name by now. What is on the drive and not wanted
 * stays where it is.
 */
export function planFolder({
  wanted,
  copied,
  seen,
  movable,
  isSuspect,
  fileBytesMax,
}: FolderPlan): readonly CopyAction[] {
  const byPath = new Map(copied.map((file) => [file.path, file]));
  const moves: CopyAction[] = [];
  const vacated = new Set<RelativePath>();
  for (const file of wanted) {
    if (file.hash === undefined || file.sizeBytes > fileBytesMax || byPath.has(file.path) || seen.has(file.path))
      continue;
    // Changed by hand on the drive, what lies there is not what was put there. Of equal bytes, the one of this name.
    const candidates = movable(file.hash).filter(
      (each) => !vacated.has(each.path) && (!byPath.has(each.path) || isAsPut(each, seen.get(each.path))),
    );
    const from = candidates.find((each) => nameOf(each.path) === nameOf(file.path)) ?? candidates[0];
    if (from === undefined) continue;
    vacated.add(from.path);
    moves.push({ kind: 'move', file, from });
  }
  const isMoved = new Set(moves.map(({ file }) => file.path));
  const others = wanted.flatMap((file): CopyAction[] => {
    if (isMoved.has(file.path)) return [];
    const old = vacated.has(file.path) ? undefined : byPath.get(file.path);
    const there = vacated.has(file.path) ? undefined : seen.get(file.path);
    if (file.sizeBytes > fileBytesMax) return [{ kind: 'tooLarge', file }];
    if (old !== undefined && isOf(old, file)) {
      if (there === undefined) return [{ kind: 'copy', file }];
      return isAsPut(old, there) && !isSuspect(old) ? [] : [{ kind: 'examine', file, old }];
    }
    if (there === undefined) return [{ kind: 'copy', file }];
    return [old === undefined ? { kind: 'adopt', file, sizeBytes: there.sizeBytes } : { kind: 'replace', file, old }];
  });
  return [...moves, ...others];
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** True if it looks as it did when it was put there. */
export function isAsPut(
  old: CopiedFile,
  there: { readonly sizeBytes: number; readonly modifiedAtNs: bigint } | undefined,
): boolean {
  return there?.sizeBytes === old.sizeBytes && isSameTime(there.modifiedAtNs, old.modifiedAtNs);
}

/** True if this copy was made of this file as it is now. */
function isOf(old: CopiedFile, file: WantedFile): boolean {
  if (file.hash !== undefined) return old.hash === file.hash;
  return old.sizeBytes === file.sizeBytes && isSameTime(old.modifiedAtNs, file.modifiedAtNs);
}

const brakeShare = 0.05;
const brakeFiles = 100;

/**
 * True if so much of what a drive has a copy of is lost or changed in the library that somebody has to look first: a program that
 * encrypts everything, a slip of the hand, or a disk that fails.
 */
export function mustBrake({ lost, copied }: { readonly lost: number; readonly copied: number }): boolean {
  return lost > brakeFiles || lost > brakeShare * copied;
}
