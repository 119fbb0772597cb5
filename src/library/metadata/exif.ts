// When a still was taken and by what, from its EXIF block and XMP packet (EXIF 2.32).
// Promises never to throw on bytes, and to take a time only from the moment of exposure or digitisation: ModifyDate is
// when somebody saved the file.
//
// ExifReader decodes values byte by byte into arrays, and a worker's heap limit is no full protection from what a file
// may claim: V8 ended the whole process over one 16 MB piece of metadata (Node 26.10, 2026-11). Hence it is only given
// blocks of at most `tiffBytesMax` (see `embedded-metadata`), from which it cannot make a single allocation of that
// order.
import ExifReader from 'exifreader';
import type { MediaMetadata } from '../../domain/media.ts';
import { parseWallClock, type WallClock, withSeparateParts } from './calendar.ts';
import { byteOrderMarks, type EmbeddedMetadata, tiffBytesMax } from './embedded-metadata.ts';
import { latin1 } from './positional-reader.ts';
import { readXmpDate, xmpBytesMax } from './xmp.ts';

const exifTags = [
  'Make',
  'Model',
  'BodySerialNumber',
  'DateTimeOriginal',
  'SubSecTimeOriginal',
  'OffsetTimeOriginal',
  'OffsetTime',
  'DateTimeDigitized',
  'SubSecTimeDigitized',
  'OffsetTimeDigitized',
] as const;
type ExifTag = (typeof exifTags)[number];

const textCharsMax = 128;
const appleMake = 'Apple';

/**
 * Reads an EXIF block, or the first `tiffBytesMax` bytes of a TIFF file, and an XMP packet. A TIFF file's own packet is
 * read where none is given; more than `tiffBytesMax` is not looked at.
 */
export function readExif({ tiff, xmp }: EmbeddedMetadata): MediaMetadata {
  const block = exactBuffer(isTiff(tiff) ? tiff.subarray(0, tiffBytesMax) : new Uint8Array());
  const exif = readExifTags(block, exifTags);
  const takenAt = findTakenAt(exif, () => xmp ?? readXmpOfTiff(block));
  const make = clean(exif('Make'));
  const model = clean(exif('Model'));
  const cameraSerial = clean(exif('BodySerialNumber'));
  // Some cameras' maker notes are 100 KB: ask only where Apple's can be.
  const mayBeApple = make === undefined || make === appleMake;
  const contentIdentifier = mayBeApple ? readContentIdentifier(block) : undefined;
  return {
    ...(takenAt !== undefined && { takenAt: { ...takenAt, basis: 'exif' as const } }),
    ...(contentIdentifier !== undefined && { contentIdentifier }),
    ...(make !== undefined && { make }),
    ...(model !== undefined && { model }),
    ...(cameraSerial !== undefined && { cameraSerial }),
  };
}

/** Keeps ExifReader from taking the block for one of the other formats it reads, whose parsers know fewer limits. */
function isTiff(bytes: Uint8Array | undefined): bytes is Uint8Array {
  return bytes !== undefined && byteOrderMarks.some((mark) => latin1(bytes, 0, 4) === mark);
}

/** Looks a tag up as text; undefined where it is absent or not text. */
type Lookup<Tag> = (tag: Tag) => string | undefined;

/** The first of these that is a real date. */
function findTakenAt(exif: Lookup<ExifTag>, findXmp: () => string): WallClock | undefined {
  return (
    readDate(exif, 'DateTimeOriginal', 'SubSecTimeOriginal', 'OffsetTimeOriginal') ??
    readXmpDate(findXmp()) ??
    readDate(exif, 'DateTimeDigitized', 'SubSecTimeDigitized', 'OffsetTimeDigitized')
  );
}

/** Written by some Android phones (2013 to 2016) into every photo, whatever the day. */
const androidConstant = '2002-12-08T12:00:00';

function readDate(
  exif: Lookup<ExifTag>,
  dateTag: ExifTag,
  fractionTag: ExifTag,
  offsetTag: ExifTag,
): WallClock | undefined {
  const time = parseWallClock(exif(dateTag) ?? '');
  if (time === undefined || time.local === androidConstant) return undefined;
  const withOwnParts = withSeparateParts(time, { fraction: exif(fractionTag), offset: exif(offsetTag) });
  // OffsetTime strictly belongs to ModifyDate, but some cameras write no other (and mean all three).
  return withSeparateParts(withOwnParts, { offset: exif('OffsetTime') });
}

function readExifTags(block: ArrayBuffer, tags: readonly ExifTag[]): Lookup<ExifTag> {
  const exif = load(block, tags);
  return (tag) => textOf(exif.get(tag));
}

/** Tag 700, which ExifReader calls ApplicationNotes, is the packet as bytes. */
function readXmpOfTiff(block: ArrayBuffer): string {
  const packet = tagValue(load(block, ['ApplicationNotes']).get('ApplicationNotes'));
  return Array.isArray(packet) ? new TextDecoder().decode(Uint8Array.from(packet.slice(0, xmpBytesMax))) : '';
}

function load(block: ArrayBuffer, tags: readonly string[]): ReadonlyMap<string, unknown> {
  try {
    return new Map<string, unknown>(
      Object.entries(ExifReader.load(block, { expanded: true, includeTags: { exif: [...tags] } }).exif ?? {}),
    );
  } catch {
    return new Map(); // It throws where there is no TIFF, and on damage: no metadata either way.
  }
}

/** Text is a list with one string per NUL-ended part. */
function textOf(tag: unknown): string | undefined {
  const value = tagValue(tag);
  return Array.isArray(value) && typeof value[0] === 'string' ? value[0] : undefined;
}

function tagValue(tag: unknown): unknown {
  return typeof tag === 'object' && tag !== null && 'value' in tag ? tag.value : undefined;
}

/** Readable text of bounded length, or undefined. */
function clean(text: string | undefined): string | undefined {
  const readable = text
    ?.replaceAll(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, textCharsMax);
  return readable === '' ? undefined : readable;
}

function exactBuffer(bytes: Uint8Array): ArrayBuffer {
  const { buffer, byteOffset, byteLength } = bytes;
  if (buffer instanceof ArrayBuffer && byteOffset === 0 && byteLength === buffer.byteLength) return buffer;
  return new Uint8Array(bytes).buffer;
}

// --- Apple's maker note: a header and one big-endian directory whose offsets count from the header

/** Entries looked at; Apple writes about forty. */
const makerNoteEntriesMax = 256;
const identifierBytesMax = 64;
const contentIdentifierTag = 0x0011;
const asciiType = 2;

function readContentIdentifier(block: ArrayBuffer): string | undefined {
  const makerNote = tagValue(load(block, ['MakerNote']).get('MakerNote'));
  return Array.isArray(makerNote) ? parseAppleMakerNote(Uint8Array.from(makerNote)) : undefined;
}

/**
 * The Live Photo content identifier, upper case, in the bytes of a MakerNote; undefined if it is not Apple's or has
 * none.
 */
export function parseAppleMakerNote(note: Uint8Array): string | undefined {
  const text = Buffer.from(note.buffer, note.byteOffset, note.byteLength);
  if (
    text.length < 16 ||
    text.toString('latin1', 0, 10) !== 'Apple iOS\0' ||
    text.toString('latin1', 12, 14) !== 'MM'
  ) {
    return undefined;
  }
  const count = Math.min(text.readUInt16BE(14), makerNoteEntriesMax);
  for (let index = 0; index < count; index++) {
    const entry = 16 + index * 12;
    if (entry + 12 > text.length) return undefined;
    if (text.readUInt16BE(entry) !== contentIdentifierTag) continue;
    const lengthBytes = text.readUInt32BE(entry + 4);
    if (text.readUInt16BE(entry + 2) !== asciiType || lengthBytes > identifierBytesMax) return undefined;
    const start = lengthBytes <= 4 ? entry + 8 : text.readUInt32BE(entry + 8);
    if (start + lengthBytes > text.length) return undefined;
    const identifier = text
      .toString('latin1', start, start + lengthBytes)
      .replaceAll('\0', '')
      .trim();
    return /^[\w-]+$/.test(identifier) ? identifier.toUpperCase() : undefined;
  }
  return undefined;
}
