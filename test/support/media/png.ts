// A PNG of one flat colour, with EXIF (eXIf chunk) or an XMP packet as an iPhone's screenshots have it, or with neither.
import { crc32, deflateSync } from 'node:zlib';
import { ascii, bytes, join, uint32 } from './bytes.ts';
import { type ExifFields, makeExif } from './exif.ts';
import { type Seed, seedComment, seededColour } from './seeded.ts';
import { makeXmpPacket } from './sidecars.ts';

export interface PngOptions extends ExifFields {
  readonly seed: Seed;
  /** photoshop:DateCreated of an XMP packet, `YYYY-MM-DDTHH:MM:SS`. */
  readonly xmpDateCreated?: string;
  readonly width?: number;
  readonly height?: number;
}

const signature = bytes(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

export function makePng({ seed, xmpDateCreated, width = 16, height = 16, ...exifFields }: PngOptions): Buffer {
  const exif = makeExif(exifFields);
  const { red, green, blue } = seededColour(seed);
  const row = [0, ...Array.from({ length: width }, () => [red, green, blue]).flat()]; // Filter type 0 in front.
  const rows = Buffer.concat(Array.from({ length: height }, () => Buffer.from(row)));
  return join(
    signature,
    chunk('IHDR', uint32(width, height), bytes(8, 2, 0, 0, 0)), // 8 bits, RGB
    ...(exif === undefined ? [] : [chunk('eXIf', exif)]),
    ...(xmpDateCreated === undefined ? [] : [xmpChunk(xmpDateCreated)]),
    chunk('tEXt', ascii(`Comment\0${seedComment(seed)}`)),
    chunk('IDAT', deflateSync(rows, { level: 0 })), // Stored, so that the bytes do not depend on zlib's version.
    chunk('IEND'),
  );
}

function chunk(type: string, ...content: readonly Uint8Array[]): Buffer {
  const body = join(ascii(type), ...content);
  return join(uint32(body.length - 4), body, uint32(crc32(body)));
}

/** International text: keyword, uncompressed, no language, no translated keyword. */
function xmpChunk(dateCreated: string): Buffer {
  const packet = makeXmpPacket({ 'photoshop:DateCreated': dateCreated });
  return chunk('iTXt', ascii('XML:com.adobe.xmp\0\0\0\0\0'), Buffer.from(packet, 'utf8'));
}
