// Reads a list as sha256sum writes it, from a drive that may be anybody's: bounded, strict, and what is no path of a photo is
// refused, never followed.

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath, ContentHash, RelativePath } from '../domain/ids.ts';
import { ownFolderName } from './drive-marker.ts';

export interface ChecksumList {
  readonly hashes: ReadonlyMap<RelativePath, ContentHash>;
  /** A file that was written later is none that this list speaks of. */
  readonly writtenAtNs: bigint;
  /** Lines that are none, or name what is no path of a photo. The first of them are in `refused`. */
  readonly badLines: number;
  readonly refused: readonly string[];
}

const linesMax = 5_000_000;
const pathBytesMax = 4096;
/** A path with each character escaped, and the digits before it. */
const lineLengthMax = 2 * pathBytesMax + 80;
const refusedMax = 20;
const linePattern = /^(\\?)([0-9a-f]{64}) [ *](.+)$/;

/** True for a path within a tree: relative, of plain names, and not of our own folder. */
export function isPathOfPhoto(path: string): path is RelativePath {
  if (path === '' || path.includes('\u0000') || Buffer.byteLength(path) > pathBytesMax) return false;
  const parts = path.split('/');
  return parts[0] !== ownFolderName && parts.every((part) => part !== '' && part !== '.' && part !== '..');
}

/** One line without its end; undefined if it is none, or names what may not be named. Pure. */
export function parseChecksumLine(
  line: string,
): { readonly path: RelativePath; readonly hash: ContentHash } | undefined {
  const [, mark, digits, written = ''] = linePattern.exec(line) ?? [];
  if (digits === undefined) return undefined;
  const path = mark === '\\' ? unescapeName(written) : written;
  return path !== undefined && isPathOfPhoto(path) ? { path, hash: `sha256:${digits}` as ContentHash } : undefined;
}

/** GNU coreutils, "cksum output modes": a backslash, line feed or carriage return in a name is written as `\\`, `\n`, `\r`. */
function unescapeName(name: string): string | undefined {
  const escapes: Readonly<Record<string, string>> = { '\\\\': '\\', '\\n': '\n', '\\r': '\r' };
  if (/\\(?![\\nr])/.test(name.replaceAll('\\\\', ''))) return undefined;
  return name.replace(/\\[\\nr]/g, (written) => escapes[written] ?? written);
}

/** Undefined: there is none, or it cannot be read (`unreadable`). @throws the signal's reason. */
export async function readChecksumList(
  path: AbsolutePath,
  signal: AbortSignal,
): Promise<ChecksumList | 'none' | 'unreadable'> {
  const hashes = new Map<RelativePath, ContentHash>();
  const refused: string[] = [];
  let badLines = 0;
  let lines = 0;
  const take = (line: string) => {
    const entry = line.length > lineLengthMax ? undefined : parseChecksumLine(line);
    if (entry !== undefined) hashes.set(entry.path, entry.hash);
    else {
      badLines += 1;
      if (refused.length < refusedMax) refused.push(line.slice(0, 200));
    }
  };
  try {
    const { mtimeNs } = await stat(path, { bigint: true });
    let rest = '';
    for await (const chunk of createReadStream(path, { encoding: 'utf8', signal })) {
      const parts = `${rest}${chunk}`.split('\n');
      rest = (parts.pop() ?? '').slice(0, lineLengthMax + 1);
      for (const line of parts) take(line);
      lines += parts.length;
      if (lines > linesMax) return 'unreadable';
    }
    if (rest !== '') take(rest);
    return { hashes, writtenAtNs: mtimeNs, badLines, refused };
  } catch (error) {
    signal.throwIfAborted();
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return 'none';
    if (code === undefined) throw error;
    return 'unreadable'; // EIO, EACCES: the manifests still tell of each photo
  }
}
