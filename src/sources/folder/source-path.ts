// Names as bytes and as text. Linux names are bytes: what is not UTF-8 is written as `\xNN`, and every text maps back to
// exactly the bytes it came from. Pure.

import { Buffer, isUtf8 } from 'node:buffer';
import type { SourcePath } from '../../domain/ids.ts';

/** What most names are made of: they are the same as bytes and as text. */
const otherThanPlain = /[^ -~]|\\x/;

/** One name as text, from its bytes as Node.js spells them in `latin1`: one character each. */
export function nameFromLatin1(bytes: string): string {
  return otherThanPlain.test(bytes) ? nameFromBytes(Buffer.from(bytes, 'latin1')) : bytes;
}

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

/** True if the path is the same as text and, in UTF-8, as bytes. */
export function isUnescaped(path: SourcePath): boolean {
  return !path.includes('\\x');
}

/** The bytes a path was made from. */
export function bytesFromPath(path: SourcePath): Buffer {
  if (isUnescaped(path)) return Buffer.from(path);
  const parts = path.split(/\\x([0-9A-F]{2})/);
  return Buffer.concat(parts.map((part, index) => (index % 2 === 0 ? Buffer.from(part) : Buffer.from(part, 'hex'))));
}
