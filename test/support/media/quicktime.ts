// MOV, MP4 and 3GP with a movie header, one track of one JPEG frame that players can show, Apple's metadata keys, and
// seeded filler. `writeMov` streams, so that a file may be larger than memory.
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { ascii, box, bytes, fullBox, join, uint16, uint32, uint64 } from './bytes.ts';
import { makeJpeg } from './jpeg.ts';
import { type Seed, seededPieces } from './seeded.ts';

export type MovBrand = 'qt  ' | 'mp42' | 'isom' | '3gp4';

export interface MovOptions {
  readonly seed: Seed;
  readonly brand: MovBrand;
  /** com.apple.quicktime.creationdate, written as it is: `2024-07-14T10:11:12+0200`. */
  readonly creationDate?: string;
  /** CreateDate of movie, track and media, `YYYY-MM-DDTHH:MM:SSZ`. Without it they are 0, which reads as 1904. */
  readonly createDateUtc?: string;
  readonly contentIdentifier?: string;
  readonly make?: string;
  readonly model?: string;
  /** Bytes of media data; at least the one frame. Beyond 4 GiB the box gets a 64-bit length. */
  readonly mdatBytes?: number;
  /** The movie header after the media data, as cameras write it. */
  readonly moovLast?: boolean;
  /** Version 1 has times of 64 bits. */
  readonly headerVersion?: 0 | 1;
}

export function makeMov(options: MovOptions): Buffer {
  return join(...movPieces(options));
}

/** Writes the same bytes as `makeMov` to a new file, in pieces. */
export async function writeMov(
  path: string | Buffer,
  options: MovOptions,
): Promise<{ sha256: string; sizeBytes: number }> {
  await using file = await open(path, 'wx');
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for (const piece of movPieces(options)) {
    hash.update(piece);
    await file.writeFile(piece); // Unlike `write`, it writes all of it.
    sizeBytes += piece.length;
  }
  return { sha256: hash.digest('hex'), sizeBytes };
}

function* movPieces(options: MovOptions): Generator<Uint8Array> {
  const { seed, brand, mdatBytes = 1024, moovLast = false } = options;
  const frame = makeJpeg({ seed: `frame ${seed}` });
  const mediaBytes = Math.max(mdatBytes, frame.length);
  const fileType = box('ftyp', ascii(brand), uint32(0), ascii(brand), ...compatibleBrands[brand].map(ascii));
  const mediaHeader = mediaDataHeader(mediaBytes);
  const frameAt = (movieBytes: number) => fileType.length + movieBytes + mediaHeader.length;

  // The movie says where the frame is, so where the movie comes first its own length must be known: measure, then write.
  const movie = movieBox(options, { at: frameAt(moovLast ? 0 : movieBox(options, { at: 0, frame }).length), frame });
  yield fileType;
  if (!moovLast) yield movie;
  yield mediaHeader;
  yield frame;
  yield* seededPieces(`media ${seed}`, mediaBytes - frame.length);
  if (moovLast) yield movie;
}

const compatibleBrands: Record<MovBrand, readonly string[]> = {
  'qt  ': [],
  mp42: ['isom'],
  isom: ['mp42'],
  '3gp4': ['isom'],
};

/** A length of 1 announces the real one in 64 bits. */
function mediaDataHeader(mediaBytes: number): Buffer {
  if (mediaBytes + 8 <= 0xffffffff) return join(uint32(mediaBytes + 8), ascii('mdat'));
  return join(uint32(1), ascii('mdat'), uint64(mediaBytes + 16));
}

interface Frame {
  readonly at: number;
  readonly frame: Buffer;
}

const timescale = 600;
const durationUnits = 3 * timescale;
const side = 16;
const identityMatrix = uint32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000);

function movieBox(options: MovOptions, frame: Frame): Buffer {
  return box('moov', movieHeader(options), track(options, frame), ...metadata(options));
}

function movieHeader(options: MovOptions): Buffer {
  return fullBox(
    'mvhd',
    { version: options.headerVersion ?? 0 },
    times(options, { between: uint32(timescale) }),
    uint32(0x10000), // Rate 1
    uint16(0x100, 0), // Full volume
    uint32(0, 0),
    identityMatrix,
    Buffer.alloc(24), // Preview, poster, selection, current time
    uint32(2), // Next track's id
  );
}

function track(options: MovOptions, frame: Frame): Buffer {
  const version = options.headerVersion ?? 0;
  const trackHeader = fullBox(
    'tkhd',
    { version, flags: 0xf }, // Enabled, in movie, preview and poster
    times(options, { between: uint32(1, 0) }),
    uint32(0, 0),
    uint16(0, 0, 0, 0),
    identityMatrix,
    uint32(side * 0x10000, side * 0x10000),
  );
  const mediaHeader = fullBox('mdhd', { version }, times(options, { between: uint32(timescale) }), uint16(0x55c4, 0));
  const information = box(
    'minf',
    fullBox('vmhd', { flags: 1 }, uint16(0, 0, 0, 0)),
    box('dinf', fullBox('dref', {}, uint32(1), fullBox('url ', { flags: 1 }))), // The media is in this file.
    sampleTable(frame),
  );
  return box('trak', trackHeader, box('mdia', mediaHeader, handler('vide', options.brand), information));
}

/** One sample in one chunk. */
function sampleTable({ at, frame }: Frame): Buffer {
  const description = box(
    'jpeg',
    Buffer.alloc(6),
    uint16(1), // Data reference
    Buffer.alloc(16),
    uint16(side, side),
    uint32(0x480000, 0x480000, 0), // 72 dpi
    uint16(1),
    Buffer.alloc(32), // Name of the compressor
    uint16(24, 0xffff),
  );
  return box(
    'stbl',
    fullBox('stsd', {}, uint32(1), description),
    fullBox('stts', {}, uint32(1, 1, durationUnits)),
    fullBox('stsc', {}, uint32(1, 1, 1, 1)),
    fullBox('stsz', {}, uint32(0, 1, frame.length)),
    fullBox('stco', {}, uint32(1, at)),
  );
}

function handler(type: 'vide' | 'mdta', brand: MovBrand): Buffer {
  const component = brand === 'qt  ' && type === 'vide' ? ascii('mhlr') : uint32(0);
  return fullBox('hdlr', {}, component, ascii(type), uint32(0, 0, 0), bytes(0));
}

/** Creation, modification, whatever lies between, duration: four bytes each, or eight in version 1. */
function times({ createDateUtc, headerVersion = 0 }: MovOptions, { between }: { between: Buffer }): Buffer {
  const uint = headerVersion === 0 ? uint32 : uint64;
  const created = createDateUtc === undefined ? 0 : secondsSince1904(createDateUtc);
  return join(uint(created, created), between, uint(durationUnits));
}

const secondsFrom1904To1970 = 2_082_844_800;

function secondsSince1904(utc: string): number {
  return Math.floor(Date.parse(utc) / 1000) + secondsFrom1904To1970;
}

/** Apple's metadata (QuickTime File Format, "Metadata"): a list of key names, and a list of values numbered like them. */
function metadata(options: MovOptions): Buffer[] {
  const values = [
    ['com.apple.quicktime.content.identifier', options.contentIdentifier],
    ['com.apple.quicktime.make', options.make],
    ['com.apple.quicktime.model', options.model],
    ['com.apple.quicktime.creationdate', options.creationDate],
  ].flatMap(([key, value]) => (key === undefined || value === undefined ? [] : [{ key, value }]));
  if (values.length === 0) return [];

  const utf8 = 1;
  const keys = values.map(({ key }) => box('mdta', ascii(key)));
  const items = values.map(({ value }, index) => {
    const data = box('data', uint32(utf8, 0), Buffer.from(value, 'utf8'));
    return join(uint32(8 + data.length, index + 1), data);
  });
  const content = [
    handler('mdta', options.brand),
    fullBox('keys', {}, uint32(keys.length), ...keys),
    box('ilst', ...items),
  ];
  // A plain box, as QuickTime has it: the versioned `meta` of the ISO formats is not read here by exiftool.
  return [box('meta', ...content)];
}
