// A real baseline JPEG (ITU-T T.81) of one flat colour, with EXIF if asked for. Any decoder shows it.
import { ascii, bytes, join, uint16 } from './bytes.ts';
import { type ExifFields, makeExif } from './exif.ts';
import { type Seed, seedComment, seededColour, seededPieces } from './seeded.ts';

export interface JpegOptions extends ExifFields {
  readonly seed: Seed;
  /** Seeded bytes in APP15 segments before the picture, to make a big file. Each 65,533 of them cost 4 bytes more. */
  readonly paddingBytes?: number;
  readonly width?: number;
  readonly height?: number;
}

const segmentBytesMax = 0xffff - 2;

export function makeJpeg({ seed, paddingBytes = 0, width = 16, height = 16, ...exifFields }: JpegOptions): Buffer {
  const exif = makeExif(exifFields);
  return join(
    bytes(0xff, 0xd8), // SOI
    ...(exif === undefined ? [] : [segment(0xe1, ascii('Exif\0\0'), exif)]),
    segment(0xfe, ascii(seedComment(seed))),
    ...paddingSegments(seed, paddingBytes),
    ...flatPicture({ seed, width, height }),
    bytes(0xff, 0xd9), // EOI
  );
}

function segment(marker: number, ...content: readonly Uint8Array[]): Buffer {
  const body = join(...content);
  return join(bytes(0xff, marker), uint16(body.length + 2), body);
}

function paddingSegments(seed: Seed, paddingBytes: number): Buffer[] {
  const padding = join(...seededPieces(`padding ${seed}`, paddingBytes));
  const segments: Buffer[] = [];
  for (let at = 0; at < padding.length; at += segmentBytesMax) {
    segments.push(segment(0xef, padding.subarray(at, at + segmentBytesMax)));
  }
  return segments;
}

/**
 * Only the first block of each component says anything: with a quantiser of 8, a DC coefficient of `sample - 128` is a
 * flat block of exactly that sample. All other blocks differ from it by nothing.
 */
function flatPicture({ seed, width, height }: { seed: Seed; width: number; height: number }): Buffer[] {
  const componentIds = [1, 2, 3];
  const blocks = Math.ceil(width / 8) * Math.ceil(height / 8);
  return [
    segment(0xdb, bytes(0), Buffer.alloc(64, 8)), // DQT
    segment(
      0xc0, // SOF0: 8 bits per sample, three components without subsampling
      bytes(8),
      uint16(height, width),
      bytes(componentIds.length, ...componentIds.flatMap((id) => [id, 0x11, 0])),
    ),
    // DHT. DC: nine codes of four bits, code = category. AC: one code of one bit, end of block.
    segment(0xc4, bytes(0x00, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ...dcCategories)),
    segment(0xc4, bytes(0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)),
    segment(0xda, bytes(componentIds.length, ...componentIds.flatMap((id) => [id, 0x00]), 0, 63, 0)), // SOS
    entropyCoded(scanBits(levels(seed), blocks)),
  ];
}

const dcCategories = [0, 1, 2, 3, 4, 5, 6, 7, 8] as const;
const endOfBlock = '0';

/** The seed's colour as Y, Cb, Cr (JFIF), each less 128. */
function levels(seed: Seed): number[] {
  const { red, green, blue } = seededColour(seed);
  const luma = 0.299 * red + 0.587 * green + 0.114 * blue;
  return [luma - 128, 0.564 * (blue - luma), 0.713 * (red - luma)].map((level) =>
    Math.max(-128, Math.min(127, Math.round(level))),
  );
}

function scanBits(firstLevels: readonly number[], blocks: number): string {
  const first = firstLevels.map((level) => dcBits(level) + endOfBlock).join('');
  const unchanged = firstLevels.map(() => dcBits(0) + endOfBlock).join('');
  return first + unchanged.repeat(blocks - 1);
}

/** T.81 F.1.2.1: the category's code, then as many bits of the value (ones' complement when negative). */
function dcBits(level: number): string {
  const category = level === 0 ? 0 : 32 - Math.clz32(Math.abs(level));
  const value = level < 0 ? level + 2 ** category - 1 : level;
  const code = category.toString(2).padStart(4, '0');
  return category === 0 ? code : code + value.toString(2).padStart(category, '0');
}

/** Bits to bytes: the last one filled with ones, and a zero after each 0xFF so that none looks like a marker. */
function entropyCoded(bits: string): Buffer {
  const packed: number[] = [];
  for (let at = 0; at < bits.length; at += 8) {
    const value = Number.parseInt(bits.slice(at, at + 8).padEnd(8, '1'), 2);
    packed.push(value);
    if (value === 0xff) packed.push(0);
  }
  return Buffer.from(packed);
}
