// A few small texts as one .tar.gz, which every system opens by itself (POSIX.1-1988, "ustar"; Windows since 2018). Pure.

import { gzipSync } from 'node:zlib';

const blockBytes = 512;
const nameBytesMax = 100;
/** Octal digits of a size: 8 GB, far more than a report has. */
const sizeBytesMax = 0o77777777777;

export interface ArchiveFile {
  /** ASCII, with `/` between folders. */
  readonly name: string;
  readonly text: string;
}

/** Owner, group and host are left out: they would say who sent it. @throws Error for a name or size beyond the format's. */
export function packTarGz(files: readonly ArchiveFile[], { nowMs }: { readonly nowMs: number }): Buffer {
  const parts: Buffer[] = [];
  for (const { name, text } of files) {
    const content = Buffer.from(text, 'utf8');
    parts.push(headerOf(name, content.length, nowMs), content);
    parts.push(Buffer.alloc((blockBytes - (content.length % blockBytes)) % blockBytes));
  }
  parts.push(Buffer.alloc(2 * blockBytes)); // the end of an archive
  return gzipSync(Buffer.concat(parts));
}

/** Places and lengths of the fields: POSIX.1-1988, 10.1.1. */
function headerOf(name: string, sizeBytes: number, nowMs: number): Buffer {
  if (Buffer.byteLength(name) > nameBytesMax || sizeBytes > sizeBytesMax) throw new Error(`cannot be packed: ${name}`);
  const header = Buffer.alloc(blockBytes);
  const octal = (value: number, digits: number) => `${value.toString(8).padStart(digits, '0')}\0`;
  header.write(name, 0);
  header.write(octal(0o600, 7), 100);
  header.write(octal(0, 7), 108);
  header.write(octal(0, 7), 116);
  header.write(octal(sizeBytes, 11), 124);
  header.write(octal(Math.max(0, Math.floor(nowMs / 1000)), 11), 136);
  header.write(' '.repeat(8), 148); // the checksum counts as blanks while it is made
  header.write('0', 156); // an ordinary file
  header.write('ustar\x0000', 257, 'latin1');
  const checksum = header.reduce((sum, byte) => sum + byte, 0);
  header.write(`${checksum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}
