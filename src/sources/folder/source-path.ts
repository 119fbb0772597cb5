// Names as bytes and as text. Linux names are bytes: what is not UTF-8 is written as `\xNN`, and every text maps back to
// exactly the bytes it came from. Pure.

import { Buffer, isUtf8 } from 'node:buffer';
import type { SourcePath } from '../../domain/ids.ts';

/** One name as text. */
export function nameFromBytes(bytes: Buffer): string {
  if (isUtf8(bytes)) {
    const text = bytes.toString('utf8');
    // A name that happens to look like an escape gets its backslash escaped, so that no two names share a text.
    return text.includes('\\x') ? text.replaceAll('\\', '\\x5C') : text;
  }
  let text = '';
  for (let start = 0; start < bytes.length; ) {
    const length = utf8LengthAt(bytes, start);
    if (length === 0 || bytes[start] === 0x5c) {
      text += `\\x${(bytes[start] ?? 0).toString(16).toUpperCase().padStart(2, '0')}`;
      start += 1;
    } else {
      text += bytes.toString('utf8', start, start + length);
      start += length;
    }
  }
  return text;
}

/** Length of the valid UTF-8 sequence at `start`, 0 if there is none. */
function utf8LengthAt(bytes: Buffer, start: number): number {
  for (let length = 1; length <= 4 && start + length <= bytes.length; length += 1) {
    if (isUtf8(bytes.subarray(start, start + length))) return length;
  }
  return 0;
}

/** The bytes a path was made from. */
export function bytesFromPath(path: SourcePath): Buffer {
  if (!path.includes('\\x')) return Buffer.from(path);
  const parts = path.split(/\\x([0-9A-F]{2})/);
  return Buffer.concat(parts.map((part, index) => (index % 2 === 0 ? Buffer.from(part) : Buffer.from(part, 'hex'))));
}
