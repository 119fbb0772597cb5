// A lossless WebP of one flat colour, with EXIF if asked for.
import { ascii, bytes, riffChunk } from './bytes.ts';
import { type ExifFields, makeExif } from './exif.ts';
import { type Seed, seedComment, seededColour } from './seeded.ts';

export interface WebpOptions extends ExifFields {
  readonly seed: Seed;
}

const side = 16;
const exifFlag = 0x08;

export function makeWebp({ seed, ...exifFields }: WebpOptions): Buffer {
  const exif = makeExif(exifFields);
  return riffChunk(
    'RIFF',
    ascii('WEBP'),
    riffChunk('VP8X', bytes(exif === undefined ? 0 : exifFlag, 0, 0, 0, side - 1, 0, 0, side - 1, 0, 0)),
    riffChunk('VP8L', flatPicture(seed)),
    ...(exif === undefined ? [] : [riffChunk('EXIF', exif)]),
    riffChunk('seed', ascii(seedComment(seed))), // Readers skip chunks they do not know.
  );
}

/**
 * VP8L (WebP Lossless Bitstream Specification): each channel's prefix code has a single symbol, which takes no bits to
 * say, so the pixels themselves are empty.
 */
function flatPicture(seed: Seed): Buffer {
  const { red, green, blue } = seededColour(seed);
  const fields: [value: number, bitCount: number][] = [
    [0x2f, 8], // Signature
    [side - 1, 14],
    [side - 1, 14],
    [0, 1 + 3], // Alpha unused, version 0
    [0, 1 + 1 + 1], // No transform, no colour cache, one set of codes
    ...[green, red, blue, 255].flatMap((symbol): [number, number][] => [
      [0b101, 3], // A simple code, one symbol, eight bits long
      [symbol, 8],
    ]),
    [0b0001, 4], // Distances: a simple code, one symbol, one bit long, 0
  ];
  // Bits fill each byte from its lowest: write them backwards, then cut bytes from the end.
  const bits = fields.reduce((all, [value, bitCount]) => value.toString(2).padStart(bitCount, '0') + all, '');
  const packed: number[] = [];
  for (let to = bits.length; to > 0; to -= 8) packed.push(Number.parseInt(bits.slice(Math.max(0, to - 8), to), 2));
  return Buffer.from(packed);
}
