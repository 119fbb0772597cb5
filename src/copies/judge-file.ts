// What is wrong with one file, if anything: reads all of it and compares it with what was saved.

import { type FileHandle, open } from 'node:fs/promises';
import { extname } from 'node:path';
import type { FindingKind } from '../domain/copies.ts';
import { systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath, ContentHash } from '../domain/ids.ts';
import type { DiskReader } from '../platform/disk-reread.ts';
import { isWholePicture } from './still-whole.ts';
import { isSameTime } from './tree.ts';

const comparedBytes = 256 * 1024;

export interface SavedFile {
  readonly hash: ContentHash;
  readonly sizeBytes: number;
  readonly modifiedAtNs: bigint;
}

/**
 * Undefined: it is byte for byte what was saved. Bytes that differ while the time is the one of then were not written by any
 * program that means well: `corrupt`. A picture that is whole and was written since is `changed`.
 * @throws what is no error of the file; the signal's reason.
 */
export async function judgeFile(
  path: AbsolutePath,
  {
    file,
    reader,
    peers = [],
    signal,
  }: {
    readonly file: SavedFile;
    readonly reader: DiskReader;
    /** Where else it may lie: a file that is the beginning of one of these was cut off, whatever it looks like. */
    readonly peers?: readonly AbsolutePath[];
    readonly signal: AbortSignal;
  },
): Promise<FindingKind | undefined> {
  try {
    const { hash } = await reader.hash(path, { signal });
    if (hash === file.hash) return undefined;
    await using handle = await open(path, 'r');
    const facts = await handle.stat({ bigint: true });
    if (isSameTime(facts.mtimeNs, file.modifiedAtNs)) return 'corrupt';
    const read = async (offset: number, length: number) => {
      const into = Buffer.alloc(length);
      const { bytesRead } = await handle.read(into, 0, length, offset);
      return into.subarray(0, bytesRead);
    };
    // What cannot be told, such as a RAW of a rare kind, was written since: both versions are kept.
    if ((await isWholePicture(read, Number(facts.size), extname(path))) === 'broken') return 'corrupt';
    // What some cameras write after the picture can be cut off, and the picture is still whole.
    const isCutOff = facts.size < file.sizeBytes && (await isBeginningOfOne(handle, Number(facts.size), peers));
    return isCutOff ? 'corrupt' : 'changed';
  } catch (error) {
    if (signal.aborted) throw error;
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return 'missing';
    if (code === undefined) throw error;
    return 'unreadable';
  }
}

async function isBeginningOfOne(
  handle: FileHandle,
  sizeBytes: number,
  peers: readonly AbsolutePath[],
): Promise<boolean> {
  for (const path of peers) {
    await using peer = await open(path, 'r').catch(() => undefined); // not there, or not to be read: the next
    if (peer !== undefined && (await isSameUpTo(sizeBytes, handle, peer).catch(() => false))) return true;
  }
  return false;
}

async function isSameUpTo(sizeBytes: number, one: FileHandle, other: FileHandle): Promise<boolean> {
  const [ours, theirs] = [Buffer.alloc(comparedBytes), Buffer.alloc(comparedBytes)];
  for (let position = 0; position < sizeBytes; ) {
    const length = Math.min(comparedBytes, sizeBytes - position);
    const [here, there] = [await one.read(ours, 0, length, position), await other.read(theirs, 0, length, position)];
    if (here.bytesRead === 0 || here.bytesRead !== there.bytesRead) return false;
    if (ours.compare(theirs, 0, here.bytesRead, 0, here.bytesRead) !== 0) return false;
    position += here.bytesRead;
  }
  return true;
}
