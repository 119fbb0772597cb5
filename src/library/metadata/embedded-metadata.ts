// Where each still format keeps its EXIF block and its XMP packet.
// Promises to hand over at most `tiffBytesMax` and `xmpBytesMax` bytes, and to read little more than those from files
// of any size. The limit is what makes the EXIF parser safe: see `exif`.
import { inflateSync } from 'node:zlib';
import { readHeifItems } from './heif-items.ts';
import { boxes, openBoxes } from './iso-boxes.ts';
import { latin1, type PositionalReader, readRange, viewOf } from './positional-reader.ts';
import { xmpBytesMax } from './xmp.ts';

/** `tiff` is an EXIF block from its byte order mark on; `xmp` a packet's text, perhaps cut. */
export interface EmbeddedMetadata {
  readonly tiff?: Uint8Array;
  readonly xmp?: string;
}

/**
 * A JPEG cannot hold more than 64 KB; elsewhere EXIF with a preview reaches some hundred. Also what is read of a TIFF
 * file.
 */
export const tiffBytesMax = 1024 * 1024;
/** Segments or chunks looked at. PNG cuts its pixels into chunks of 8 KB and more, and EXIF may follow them. */
export const segmentCountMax = 16_384;

type Find = (reader: PositionalReader) => Promise<EmbeddedMetadata>;

/** JPEG (ITU-T T.81, annex B): EXIF and XMP are each the first APP1 segment of that name. */
export const findInJpeg: Find = async (reader) => {
  const found: Found = {};
  let position = 2;
  for (let count = 0; count < segmentCountMax && !isComplete(found); count++) {
    const header = await readRange(reader, { start: position, end: reader.sizeBytes }, 4);
    const [mark, marker = 0] = header;
    if (header.length < 4 || mark !== 0xff || isEndOfSegments(marker)) break;
    const lengthBytes = viewOf(header).getUint16(2);
    if (marker === 0xff)
      position += 1; // Padding.
    else if (lengthBytes < 2) break;
    else {
      const content = { start: position + 4, end: position + 2 + lengthBytes };
      if (marker === 0xe1) keepApp1(found, await readRange(reader, content, lengthBytes));
      position = content.end;
    }
  }
  return found;
};

interface Found {
  tiff?: Uint8Array;
  xmp?: string;
}

function isComplete({ tiff, xmp }: Found): boolean {
  return tiff !== undefined && xmp !== undefined;
}

/** Start of scan and end of image: nothing of interest follows. */
function isEndOfSegments(marker: number): boolean {
  return marker === 0xda || marker === 0xd9;
}

const xmpHeader = 'http://ns.adobe.com/xap/1.0/\0';

function keepApp1(found: Found, content: Uint8Array): void {
  if (latin1(content, 0, 4) === 'Exif') keepTiff(found, content);
  else if (latin1(content, 0, xmpHeader.length) === xmpHeader) keepXmp(found, content.subarray(xmpHeader.length));
}

/** PNG (third edition): eXIf holds EXIF, an iTXt of this name XMP; both may come after the pixels. */
export const findInPng: Find = async (reader) => {
  const found: Found = {};
  let position = 8;
  for (let count = 0; count < segmentCountMax && !isComplete(found); count++) {
    const header = await readRange(reader, { start: position, end: reader.sizeBytes }, 8);
    if (header.length < 8) break;
    const content = { start: position + 8, end: position + 8 + viewOf(header).getUint32(0) };
    const type = latin1(header, 4, 4);
    if (type === 'eXIf') keepTiff(found, await readRange(reader, content, tiffBytesMax));
    else if (type === 'iTXt') keepXmp(found, textOfItxt(await readRange(reader, content, xmpBytesMax)));
    else if (type === 'IEND') break;
    position = content.end + 4; // A checksum, which is the copy's business.
  }
  return found;
};

const pngXmpKeyword = 'XML:com.adobe.xmp\0';

/** Keyword, compression flag and method, language, translated keyword, text. */
function textOfItxt(content: Uint8Array): Uint8Array | undefined {
  if (latin1(content, 0, pngXmpKeyword.length) !== pngXmpKeyword) return undefined;
  const isCompressed = content[pngXmpKeyword.length] === 1;
  const languageEnd = content.indexOf(0, pngXmpKeyword.length + 2);
  const keywordEnd = languageEnd < 0 ? -1 : content.indexOf(0, languageEnd + 1);
  if (keywordEnd < 0) return undefined;
  const text = content.subarray(keywordEnd + 1);
  return isCompressed ? inflateWithin(text, xmpBytesMax) : text;
}

function inflateWithin(bytes: Uint8Array, bytesMax: number): Uint8Array | undefined {
  try {
    return inflateSync(bytes, { maxOutputLength: bytesMax });
  } catch {
    return undefined; // Damaged, or larger than any packet worth reading.
  }
}

/** WebP (RFC 9649): RIFF chunks of even length. */
export const findInWebp: Find = async (reader) => {
  const found: Found = {};
  let position = 12;
  for (let count = 0; count < segmentCountMax && !isComplete(found); count++) {
    const header = await readRange(reader, { start: position, end: reader.sizeBytes }, 8);
    if (header.length < 8) break;
    const lengthBytes = viewOf(header).getUint32(4, true);
    const content = { start: position + 8, end: position + 8 + lengthBytes };
    const type = latin1(header, 0, 4);
    if (type === 'EXIF') keepTiff(found, await readRange(reader, content, tiffBytesMax));
    else if (type === 'XMP ') keepXmp(found, await readRange(reader, content, xmpBytesMax));
    position = content.end + (lengthBytes % 2);
  }
  return found;
};

/** HEIC, HEIF and AVIF. */
export const findInHeif: Find = async (reader) => {
  const found: Found = {};
  const { exif, xmp } = await readHeifItems(reader, tiffBytesMax);
  if (exif !== undefined) keepTiff(found, exif);
  keepXmp(found, xmp?.subarray(0, xmpBytesMax));
  return found;
};

/**
 * JPEG XL in its container (ISO/IEC 18181-2). Boxes compressed with Brotli are left alone; a bare codestream has none.
 */
export const findInJpegXl: Find = async (reader) => {
  const found: Found = {};
  for await (const box of boxes(openBoxes(reader), { start: 0, end: reader.sizeBytes })) {
    if (box.type === 'Exif') keepTiff(found, await readRange(reader, box, tiffBytesMax));
    else if (box.type === 'xml ') keepXmp(found, await readRange(reader, box, xmpBytesMax));
    if (isComplete(found)) break;
  }
  return found;
};

/** How an EXIF block and a TIFF file begin. */
export const byteOrderMarks = ['II*\0', 'MM\0*'] as const;
const prefixBytesMax = 64;

/**
 * The block begins with its byte order mark. What precedes it (`Exif\0\0`, an offset, or both) differs between formats,
 * and between those who write them, so it is looked for.
 */
function keepTiff(found: Found, bytes: Uint8Array): void {
  const start = latin1(bytes, 0, prefixBytesMax);
  const at = byteOrderMarks.map((mark) => start.indexOf(mark)).filter((index) => index >= 0);
  if (at.length > 0) found.tiff ??= bytes.slice(Math.min(...at));
}

function keepXmp(found: Found, bytes: Uint8Array | undefined): void {
  if (bytes !== undefined) found.xmp ??= new TextDecoder().decode(bytes);
}
