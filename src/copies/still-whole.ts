// Whether a file that another program changed is still a whole picture: from its structure, without decoding it. Promises to end
// on any bytes after a bounded number of reads, never to throw because of them, and never to call whole what ends too early as far
// as its format tells. A byte that changed inside the compressed picture is seen only where the format has checksums (PNG).

import { crc32 } from 'node:zlib';

/**
 * - `whole`: every part that the file names is there, to its end.
 * - `broken`: it ends too early, or its structure makes no sense.
 * - `cannotTell`: a format that we do not know, or that does not say where it ends.
 */
export type Wholeness = 'whole' | 'broken' | 'cannotTell';

/** The bytes from `offsetBytes` on, fewer only where the file ends. What it throws is passed on. */
export type ReadAt = (offsetBytes: number, lengthBytes: number) => Promise<Uint8Array>;

/** What is read of one file at most. Larger JPEGs and PNGs, the formats that are read throughout, do not exist. */
const readBytesMax = 2 ** 30;
const readsMax = 50_000;
/** Looks at a place in the file: a GIF has one for every 255 bytes, a JPEG one for each piece. */
const stepsMax = 4_000_000;
const pieceBytes = 256 * 1024;
const boxesMax = 4096;
const directoriesMax = 64;
const entriesMax = 2000;
const rangesMax = 200_000;
const imagesMax = 64;
/** Bytes that some programs leave between two parts of a JPEG; decoders skip them. */
const strayBytesMax = 64 * 1024;

/** Formats that we would know from their first bytes: a file of that name that does not begin so is broken. */
const knownExtensions =
  /^\.?(jpe?g|png|apng|gif|webp|avi|hei[cf]s?|hif|avif|mov|mp4|m4v|3gp|3g2|qt|cr3|tiff?|dng|cr2|nef|nrw|arw|sr2|pef|orf|rw2|raf|bmp)$/i;

/** `extension` with or without its dot; it only decides about bytes that are of no format we know. */
export async function isWholePicture(read: ReadAt, sizeBytes: number, extension = ''): Promise<Wholeness> {
  const file = new FileBytes(read, sizeBytes);
  try {
    const check = checkFor(await file.bytes(0, 16), sizeBytes);
    if (check !== undefined) return await check(file);
    return sizeBytes === 0 || knownExtensions.test(extension) ? 'broken' : 'cannotTell';
  } catch (error) {
    if (error === endsEarly) return 'broken';
    if (error === overBudget) return 'cannotTell';
    throw error;
  }
}

const endsEarly = new Error('the file ends early');
const overBudget = new Error('too much to read');

/** Bytes of the file as far as they are needed. Throws `endsEarly` and `overBudget`, which never leave this file. */
class FileBytes {
  readonly sizeBytes: number;
  readonly #read: ReadAt;
  #readsLeft = readsMax;
  #bytesLeft = readBytesMax;
  #stepsLeft = stepsMax;
  #piece: Uint8Array = new Uint8Array(0);
  #pieceStart = 0;

  constructor(read: ReadAt, sizeBytes: number) {
    this.#read = read;
    this.sizeBytes = sizeBytes;
  }

  /** Up to `length` bytes, fewer only at the end of the file. */
  async bytes(offset: number, length: number): Promise<Uint8Array> {
    const wanted = Math.max(0, Math.min(length, this.sizeBytes - offset));
    if (wanted === 0) return new Uint8Array(0);
    if (this.#readsLeft <= 0 || wanted > this.#bytesLeft) throw overBudget;
    this.#readsLeft -= 1;
    this.#bytesLeft -= wanted;
    const bytes = await this.#read(offset, wanted);
    if (bytes.length < wanted) throw endsEarly; // it became shorter while it was read
    return bytes.length > wanted ? bytes.subarray(0, wanted) : bytes;
  }

  async view(offset: number, length: number): Promise<DataView> {
    const bytes = await this.bytes(offset, length);
    if (bytes.length < length) throw endsEarly;
    return new DataView(bytes.buffer, bytes.byteOffset, length);
  }

  /** From `offset` on, as much as is at hand or worth a read; empty at the end. For reading on and on. */
  async next(offset: number): Promise<Uint8Array> {
    this.#stepsLeft -= 1;
    if (this.#stepsLeft < 0) throw overBudget;
    const from = offset - this.#pieceStart;
    if (from >= 0 && from < this.#piece.length) return this.#piece.subarray(from);
    this.#piece = await this.bytes(offset, pieceBytes);
    this.#pieceStart = offset;
    return this.#piece;
  }

  /** One byte, by way of `next`. */
  async byte(offset: number): Promise<number> {
    const [byte] = await this.next(offset);
    if (byte === undefined) throw endsEarly;
    return byte;
  }

  /** Big-endian, by way of `next`. */
  async number(offset: number, length: 2 | 4): Promise<number> {
    let value = 0;
    for (let index = 0; index < length; index += 1) value = value * 256 + (await this.byte(offset + index));
    return value;
  }

  /** By way of `next`. */
  async text(offset: number, length: number): Promise<string> {
    let text = '';
    for (let index = 0; index < length; index += 1) text += String.fromCharCode(await this.byte(offset + index));
    return text;
  }

  isInside(start: number, length: number): boolean {
    return start >= 0 && length >= 0 && start + length <= this.sizeBytes;
  }
}

type Check = (file: FileBytes) => Promise<Wholeness>;

function checkFor(head: Uint8Array, sizeBytes: number): Check | undefined {
  const text = latin1(head, 0, 16);
  if (text.startsWith('\xff\xd8')) return checkJpeg;
  if (text.startsWith('\x89PNG')) return checkPng;
  if (text.startsWith('GIF8')) return checkGif;
  if (text.startsWith('RIFF')) return checkRiff;
  if (text.startsWith('FUJIFILMCCD-RAW')) return checkRaf;
  if (/^(II\*\0|MM\0\*|IIR[OS]|MMOR|IIU\0)/.test(text)) return checkTiff;
  if (text.startsWith('BM') && sizeBytes >= 26) return checkBitmap;
  // The first box of HEIC, AVIF, MOV, MP4, CR3, JPEG XL and JPEG 2000; QuickTime files of old have no `ftyp`.
  if (/^(ftyp|moov|mdat|wide|free|skip|pnot|jP {2}|JXL )/.test(text.slice(4))) return checkBoxes;
  return undefined;
}

function latin1(bytes: Uint8Array, start: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(start, start + length));
}

// JPEG (ITU-T T.81, Annex B)

async function checkJpeg(file: FileBytes): Promise<Wholeness> {
  const first = await walkJpeg(file, 0);
  if (first === undefined) return 'broken';
  for (const { start, length } of first.otherImages) if (!file.isInside(start, length)) return 'broken';
  return await checkAfterJpeg(file, first.end);
}

/**
 * What follows the end of the picture: nothing, filling, further JPEGs (CIPA DC-007, "Multi-Picture Format": previews, depth,
 * gain maps) or the movie of a motion photo. Decoders stop before it; so do we before what we do not know.
 */
async function checkAfterJpeg(file: FileBytes, end: number): Promise<Wholeness> {
  let position = end;
  for (let images = 0; images < imagesMax; images += 1) {
    const behind = await skipFilling(file, position);
    // A movie's first box begins with its size, whose zeros look like filling.
    const start = Math.max(position, behind - 3);
    const head = latin1(await file.bytes(start, 12), 0, 12);
    const movieAt = head.indexOf('ftyp') - 4;
    if (movieAt >= 0) {
      const movie = await walkBoxes(file, start + movieAt);
      return movie.isCut || !movie.types.has('moov') ? 'broken' : 'whole';
    }
    if (!head.startsWith('\xff\xd8\xff', behind - start)) return 'whole';
    const image = await walkJpeg(file, behind);
    if (image === undefined) return 'broken';
    position = image.end;
  }
  return 'cannotTell';
}

async function skipFilling(file: FileBytes, start: number): Promise<number> {
  for (let position = start; ; ) {
    const piece = await file.next(position);
    const used = piece.findIndex((byte) => byte !== 0 && byte !== 0xff);
    if (piece.length === 0) return position;
    if (used === -1) position += piece.length;
    // 0xff may already be the next picture's first byte.
    else return position + (used > 0 && piece[used] === 0xd8 && piece[used - 1] === 0xff ? used - 1 : used);
  }
}

interface JpegEnd {
  readonly end: number;
  readonly otherImages: readonly Range[];
}

interface Range {
  readonly start: number;
  readonly length: number;
}

/** Undefined if what begins at `start` is not a JPEG from SOI to EOI with a frame and a scan in it. */
async function walkJpeg(file: FileBytes, start: number): Promise<JpegEnd | undefined> {
  let position = start + 2;
  let hasFrame = false;
  let hasScan = false;
  let otherImages: readonly Range[] = [];
  for (;;) {
    const marker = await findMarker(file, position, hasScan ? file.sizeBytes : strayBytesMax);
    if (marker === undefined) return undefined;
    position = marker.end;
    const { code } = marker;
    if (code === 0xd9) return hasFrame && hasScan ? { end: position, otherImages } : undefined;
    if (code === 0x01 || (code >= 0xd0 && code <= 0xd7)) continue;
    if (code < 0xc0 || code === 0xd8) return undefined; // reserved: the bytes before are not what they were
    const length = await file.number(position, 2);
    if (length < 2 || !file.isInside(position, length)) return undefined;
    // SOF0 to SOF15, but for DHT, JPG and DAC
    if (code >= 0xc0 && code <= 0xcf && code !== 0xc4 && code !== 0xc8 && code !== 0xcc) hasFrame = true;
    if (code === 0xe2 && start === 0)
      otherImages = (await multiPictures(file, position + 2, length - 2)) ?? otherImages;
    if (code === 0xda) {
      if (!hasFrame) return undefined;
      hasScan = true;
    }
    position += length;
  }
}

/**
 * The next marker from `start` on, not further away than `withinBytes`. In a scan, 0xff is followed by 0 where it is data
 * (B.1.1.5), so this also finds the scan's end.
 */
async function findMarker(
  file: FileBytes,
  start: number,
  withinBytes: number,
): Promise<{ code: number; end: number } | undefined> {
  let position = start;
  while (position - start <= withinBytes) {
    const piece = await file.next(position);
    if (piece.length === 0) return undefined;
    let at = piece.indexOf(0xff);
    while (at !== -1) {
      if (position + at + 1 >= file.sizeBytes) return undefined;
      const code = piece[at + 1] ?? (await file.byte(position + at + 1));
      const isData = code === 0 || (code >= 0xd0 && code <= 0xd7);
      if (!isData && code !== 0xff) return { code, end: position + at + 2 };
      const from = at + (isData ? 2 : 1);
      at = piece.indexOf(0xff, from);
      if (at === -1 && from > piece.length) position += 1; // its second byte was in the next piece
    }
    position += piece.length;
  }
  return undefined;
}

/** The other pictures of a Multi-Picture file: tag 0xb002 of its index, 16 bytes each (CIPA DC-007, 5.2.3). */
async function multiPictures(file: FileBytes, start: number, length: number): Promise<readonly Range[] | undefined> {
  const bytes = await file.bytes(start, length);
  if (latin1(bytes, 0, 4) !== 'MPF\0' || bytes.length < 14) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + 4, bytes.length - 4);
  const little = view.getUint8(0) === 0x49;
  const directory = view.getUint32(4, little);
  const isInside = (offset: number, size: number) => offset + size <= view.byteLength;
  if (!isInside(directory, 2)) return undefined;
  const count = view.getUint16(directory, little);
  const images: Range[] = [];
  for (let index = 0; index < count && isInside(directory + 2 + index * 12, 12); index += 1) {
    const entry = directory + 2 + index * 12;
    if (view.getUint16(entry, little) !== 0xb002) continue;
    const table = view.getUint32(entry + 8, little);
    const tableBytes = Math.min(view.getUint32(entry + 4, little), imagesMax * 16);
    // The first is the one that this index is in; its offset is 0.
    for (let at = table + 16; at + 16 <= table + tableBytes && isInside(at, 16); at += 16) {
      images.push({ start: start + 4 + view.getUint32(at + 8, little), length: view.getUint32(at + 4, little) });
    }
  }
  return images;
}

// PNG (W3C, "Portable Network Graphics", 5 and 11)

async function checkPng(file: FileBytes): Promise<Wholeness> {
  if ((await file.text(0, 8)) !== '\x89PNG\r\n\x1a\n') return 'broken'; // what carried it took it for text
  let position = 8;
  const types = new Set<string>();
  for (;;) {
    const length = await file.number(position, 4);
    const end = position + 8 + length;
    if (!file.isInside(end, 4)) return 'broken';
    const type = await file.text(position + 4, 4);
    if (!/^[A-Za-z]{4}$/.test(type) || (types.size === 0 && type !== 'IHDR')) return 'broken';
    types.add(type);
    let sum = 0;
    for (let at = position + 4; at < end; ) {
      const piece = await file.next(at);
      if (piece.length === 0) return 'broken';
      const inside = piece.subarray(0, end - at);
      sum = crc32(inside, sum);
      at += inside.length;
    }
    if ((await file.number(end, 4)) !== sum) return 'broken';
    position = end + 4;
    if (type === 'IEND') return types.has('IDAT') ? 'whole' : 'broken';
  }
}

// GIF (CompuServe, "GIF89a Specification", 18 to 27)

async function checkGif(file: FileBytes): Promise<Wholeness> {
  const colorTableBytes = (flags: number) => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0);
  let position = 13 + colorTableBytes(await file.byte(10));
  let hasImage = false;
  for (;;) {
    const kind = await file.byte(position);
    if (kind === 0x3b) return hasImage ? 'whole' : 'broken';
    if (kind === 0x21) position += 2;
    else if (kind === 0x2c) {
      position += 11 + colorTableBytes(await file.byte(position + 9));
      hasImage = true;
    } else return 'broken';
    for (let size = -1; size !== 0; position += size + 1) size = await file.byte(position);
  }
}

// RIFF: WebP (RFC 9649) and AVI (Microsoft, "AVI RIFF File Reference")

async function checkRiff(file: FileBytes): Promise<Wholeness> {
  const kind = latin1(await file.bytes(8, 4), 0, 4);
  let position = 0;
  let hasContent = false;
  // An AVI over 1 GB goes on in further parts, "AVIX".
  for (let parts = 0; parts < imagesMax && position < file.sizeBytes; parts += 1) {
    const head = await file.bytes(position, 12);
    if (position > 0 && latin1(head, 0, 4) !== 'RIFF') break; // something behind it, which no reader looks at
    if (head.length < 12) return 'broken';
    const size = viewOf(head).getUint32(4, true);
    if (size === 0) return 'cannotTell'; // the recording was never finished
    const end = position + 8 + size;
    if (size < 4 || end > file.sizeBytes) return 'broken';
    const content = await riffContent(file, position + 12, end);
    if (content === undefined) return 'broken';
    hasContent ||= content;
    position = end + (size % 2);
  }
  if (!/^(WEBP|AVI )$/.test(kind)) return 'cannotTell';
  return hasContent ? 'whole' : 'broken';
}

/** Whether there is a picture or a film among the chunks; undefined if they do not fit. */
async function riffContent(file: FileBytes, start: number, end: number): Promise<boolean | undefined> {
  let found = false;
  let chunks = 0;
  for (let position = start; position < end; chunks += 1) {
    if (chunks >= boxesMax) throw overBudget;
    const head = await file.bytes(position, 12);
    if (head.length < 8) return undefined;
    const type = latin1(head, 0, 4);
    const size = viewOf(head).getUint32(4, true);
    if (position + 8 + size > end) return undefined;
    found ||= /^(VP8[ L]|ANMF)$/.test(type) || (type === 'LIST' && latin1(head, 8, 4) === 'movi');
    position += 8 + size + (size % 2);
  }
  return found;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

// Boxes: HEIC, AVIF (ISO/IEC 23008-12), MOV, MP4, 3GP (14496-12), CR3, JPEG XL, JPEG 2000

async function checkBoxes(file: FileBytes): Promise<Wholeness> {
  const { types, isCut, isOpen } = await walkBoxes(file, 0);
  if (isCut) return 'broken';
  if (types.has('jxlc') || types.has('jxlp') || types.has('jp2c')) return isOpen ? 'cannotTell' : 'whole';
  if (types.has('JXL ') || types.has('jP  ')) return 'broken';
  const hasIndex = types.has('moov') || types.has('meta') || types.has('moof');
  const hasMedia = types.has('mdat') || types.has('idat');
  if (!hasIndex || !hasMedia) return 'broken';
  // A last box without a size goes to the end of the file, wherever that is.
  return isOpen ? 'cannotTell' : 'whole';
}

interface TopBoxes {
  readonly types: ReadonlySet<string>;
  /** A box goes on where the file ends, or something is there that is no box. */
  readonly isCut: boolean;
  /** The last box has no size of its own. */
  readonly isOpen: boolean;
}

async function walkBoxes(file: FileBytes, start: number): Promise<TopBoxes> {
  const types = new Set<string>();
  let position = start;
  for (let boxes = 0; position < file.sizeBytes; boxes += 1) {
    if (boxes >= boxesMax) throw overBudget;
    const head = await file.bytes(position, 16);
    const type = latin1(head, 4, 4);
    const short = head.length < 8 ? 0 : viewOf(head).getUint32(0);
    if (!/^[\x20-\x7e\xa9]{4}$/.test(type) || (short === 1 && head.length < 16)) {
      // Filling at the end, as some cameras leave it, is no box and no harm.
      const isFilling = (await skipFilling(file, position)) >= file.sizeBytes;
      return { types, isCut: !isFilling, isOpen: false };
    }
    types.add(type);
    if (short === 0) return { types, isCut: false, isOpen: true };
    const size = short === 1 ? Number(viewOf(head).getBigUint64(8)) : short;
    if (size < (short === 1 ? 16 : 8) || position + size > file.sizeBytes) return { types, isCut: true, isOpen: false };
    position += size;
  }
  return { types, isCut: false, isOpen: false };
}

// TIFF 6.0 and the RAW formats built on it: DNG, CR2, NEF, ARW, PEF, ORF, RW2

const tiffTags = { subDirectories: 0x14a, exif: 0x8769, gps: 0x8825 };
/** Offsets and their lengths: strips, tiles, a JPEG, the picture of RW2. */
const tiffRanges: readonly (readonly [offsets: number, lengths: number])[] = [
  [0x111, 0x117],
  [0x144, 0x145],
  [0x201, 0x202],
];
const panasonicOffset = 0x118;
/** Bytes of one value, by type (TIFF 6.0, section 2; 13 is IFD of its supplement). */
const typeBytes = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4];

interface TiffWalk {
  readonly file: FileBytes;
  readonly little: boolean;
  readonly waiting: number[];
  readonly seen: Set<number>;
  rangesLeft: number;
  hasPicture: boolean;
}

interface TiffEntry {
  readonly type: number;
  readonly count: number;
  /** Where its values are. */
  readonly at: number;
}

async function checkTiff(file: FileBytes): Promise<Wholeness> {
  const head = await file.view(0, 8);
  const little = head.getUint8(0) === 0x49;
  const walk: TiffWalk = {
    ...{ file, little, waiting: [head.getUint32(4, little)], seen: new Set(), rangesLeft: rangesMax },
    hasPicture: false,
  };
  for (let next = walk.waiting.pop(); next !== undefined; next = walk.waiting.pop()) {
    if (next === 0 || walk.seen.has(next)) continue;
    if (walk.seen.size >= directoriesMax) return 'cannotTell';
    walk.seen.add(next);
    if (!(await walkDirectory(walk, next))) return 'broken';
  }
  return walk.hasPicture ? 'whole' : 'cannotTell';
}

/** False if something that it names is not in the file. */
async function walkDirectory(walk: TiffWalk, start: number): Promise<boolean> {
  const { file, little } = walk;
  const count = (await file.view(start, 2)).getUint16(0, little);
  if (count === 0 || !file.isInside(start, 2 + count * 12)) return false;
  if (count > entriesMax) throw overBudget;
  const table = await file.view(start + 2, count * 12);
  const entries = new Map<number, TiffEntry>();
  for (let index = 0; index < count; index += 1) {
    const tag = table.getUint16(index * 12, little);
    const type = table.getUint16(index * 12 + 2, little);
    const values = table.getUint32(index * 12 + 4, little);
    const bytes = (typeBytes[type] ?? 0) * values;
    const at = bytes <= 4 ? start + 2 + index * 12 + 8 : table.getUint32(index * 12 + 8, little);
    if (!walk.file.isInside(at, bytes)) return false;
    entries.set(tag, { type, count: values, at });
  }
  for (const tag of Object.values(tiffTags)) {
    const offsets = await tiffValues(walk, entries.get(tag));
    if (offsets.some((offset) => offset >= file.sizeBytes)) return false;
    walk.waiting.push(...offsets);
  }
  for (const [offsetTag, lengthTag] of tiffRanges) {
    const offsets = await tiffValues(walk, entries.get(offsetTag));
    const lengths = await tiffValues(walk, entries.get(lengthTag));
    for (const [index, offset] of offsets.entries()) {
      if (!walk.file.isInside(offset, lengths[index] ?? 0)) return false;
      walk.hasPicture ||= (lengths[index] ?? 0) > 0;
    }
  }
  const [panasonic] = await tiffValues(walk, entries.get(panasonicOffset));
  if (panasonic !== undefined && panasonic > file.sizeBytes) return false;
  const nextAt = start + 2 + count * 12;
  if (file.isInside(nextAt, 4)) walk.waiting.push((await file.view(nextAt, 4)).getUint32(0, little));
  return true;
}

/** Whole numbers of an entry; none if it is not there, or not of that kind. */
async function tiffValues(walk: TiffWalk, entry: TiffEntry | undefined): Promise<readonly number[]> {
  if (entry === undefined || ![3, 4, 13].includes(entry.type)) return [];
  walk.rangesLeft -= entry.count;
  if (walk.rangesLeft < 0) throw overBudget;
  const size = typeBytes[entry.type] ?? 0;
  const view = await walk.file.view(entry.at, entry.count * size);
  return Array.from({ length: entry.count }, (_, index) =>
    size === 2 ? view.getUint16(index * size, walk.little) : view.getUint32(index * size, walk.little),
  );
}

// Fujifilm RAF: a fixed header with offset and length of preview, description and picture, as exiftool's FujiFilm.pm reads it

async function checkRaf(file: FileBytes): Promise<Wholeness> {
  const head = await file.view(84, 24);
  const parts = [0, 8, 16].map((at) => ({ start: head.getUint32(at), length: head.getUint32(at + 4) }));
  if (parts.some(({ start, length }) => !file.isInside(start, length))) return 'broken';
  return (parts[2]?.length ?? 0) > 0 ? 'whole' : 'cannotTell';
}

// BMP: its header says how long the file is

async function checkBitmap(file: FileBytes): Promise<Wholeness> {
  const size = (await file.view(2, 4)).getUint32(0, true);
  if (size < 26) return 'cannotTell'; // several programs write 0
  return size <= file.sizeBytes ? 'whole' : 'broken';
}
