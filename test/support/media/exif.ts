// The EXIF block of a still picture, as a camera or an iPhone writes it. JPEG, PNG, HEIC and WebP carry the same block.
import { ascii, bytes, join } from './bytes.ts';
import { asciiEntry, type ByteOrder, makeDirectory, makeTiff, type TiffEntry } from './tiff.ts';

export interface ExifFields {
  /** `YYYY-MM-DDTHH:MM:SS` is written the EXIF way; any other text (`0000:00:00 00:00:00`, blanks) as it is. */
  readonly dateTimeOriginal?: string;
  /** Digits after the decimal point of the second, as text: `500`. */
  readonly subSec?: string;
  /** OffsetTimeOriginal, `+02:00`. */
  readonly offset?: string;
  /** OffsetTime (that of ModifyDate), `+02:00`: some phones write only this one. */
  readonly offsetTimeOnly?: string;
  /** DateTimeDigitized. */
  readonly digitized?: string;
  /** DateTime of IFD0, which editors overwrite. */
  readonly modifyDate?: string;
  readonly make?: string;
  readonly model?: string;
  /** BodySerialNumber. */
  readonly serial?: string;
  /** Apple's Live Photo identifier; brings an Apple maker note with it. */
  readonly contentIdentifier?: string;
}

/** Tags of EXIF 2.32, tables 4, 7 and 8; the maker note's tag as in real iPhone files. */
const tags = {
  make: 0x010f,
  model: 0x0110,
  modifyDate: 0x0132,
  exifDirectory: 0x8769,
  exifVersion: 0x9000,
  dateTimeOriginal: 0x9003,
  digitized: 0x9004,
  offsetTime: 0x9010,
  offsetTimeOriginal: 0x9011,
  makerNote: 0x927c,
  subSecTimeOriginal: 0x9291,
  bodySerialNumber: 0xa431,
  appleMakerNoteVersion: 0x0001,
  appleContentIdentifier: 0x0011,
} as const;

/** The block without any wrapper (`Exif\0\0` and the like), or undefined where no field is given: then there is no EXIF. */
export function makeExif(fields: ExifFields, order: ByteOrder = 'big'): Buffer | undefined {
  const image = exifImageEntries(fields);
  const exif = exifDirectoryEntries(fields);
  if (image.length === 0 && exif.length === 0) return undefined;
  const version: TiffEntry = { tag: tags.exifVersion, value: { type: 'undefined', bytes: ascii('0232') } };
  return makeTiff(
    [...image, { tag: tags.exifDirectory, value: { type: 'directory', entries: [version, ...exif] } }],
    order,
  );
}

/** What belongs into IFD0. */
export function exifImageEntries(fields: ExifFields): TiffEntry[] {
  return textEntries([
    [tags.make, fields.make],
    [tags.model, fields.model],
    [tags.modifyDate, fields.modifyDate && exifDate(fields.modifyDate)],
  ]);
}

/** What belongs into the Exif directory. */
export function exifDirectoryEntries(fields: ExifFields): TiffEntry[] {
  const entries = textEntries([
    [tags.dateTimeOriginal, fields.dateTimeOriginal && exifDate(fields.dateTimeOriginal)],
    [tags.digitized, fields.digitized && exifDate(fields.digitized)],
    [tags.offsetTime, fields.offsetTimeOnly],
    [tags.offsetTimeOriginal, fields.offset],
    [tags.subSecTimeOriginal, fields.subSec],
    [tags.bodySerialNumber, fields.serial],
  ]);
  if (fields.contentIdentifier === undefined) return entries;
  const makerNote = makeAppleMakerNote(fields.contentIdentifier);
  return [...entries, { tag: tags.makerNote, value: { type: 'undefined', bytes: makerNote } }];
}

/**
 * Apple's maker note: a signature, `MM`, and a big-endian directory at byte 14 whose offsets count from the note's start,
 * whatever the byte order around it. Seen so in the iPhone files under shared/media.
 */
function makeAppleMakerNote(contentIdentifier: string): Buffer {
  const signature = join(ascii('Apple iOS\0'), bytes(0, 1), ascii('MM'));
  const entries: TiffEntry[] = [
    { tag: tags.appleMakerNoteVersion, value: { type: 'signedLong', values: [14] } },
    asciiEntry(tags.appleContentIdentifier, contentIdentifier),
  ];
  return join(signature, makeDirectory(entries, { at: signature.length, order: 'big' }));
}

function exifDate(date: string): string {
  return date.replace(/^(\d{4})-(\d{2})-(\d{2})T(\d{2}:\d{2}:\d{2})$/, '$1:$2:$3 $4');
}

function textEntries(candidates: readonly (readonly [tag: number, text: string | undefined])[]): TiffEntry[] {
  return candidates.flatMap(([tag, text]) => (text === undefined ? [] : [asciiEntry(tag, text)]));
}
