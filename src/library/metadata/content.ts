// What a file is, told from its first bytes.
// Promises an answer for any bytes, and that a name never makes a photo of something else or hides one: it only tells
// apart the kinds of sidecar, which are all text. Where the bytes are ambiguous it leans towards "media": importing too
// much loses nothing.
import type { Content } from '../../domain/media.ts';
import { isGooglePhotoMetadata, looksLikeGooglePhotoMetadata, parseJson } from './google-sidecar.ts';

/** More than this of `head` is not looked at. */
export const headBytesMax = 64 * 1024;
/** With fewer bytes (of a longer file) some types are not recognised. */
export const headBytesMin = 4100;

/**
 * Identifies a file by `head`, its first `headBytesMin` to `headBytesMax` bytes, or all of them where there are fewer.
 * `name` is the last part of its path. The mime type is file-type's, respelt where the field has a more common name for
 * it (see `respelt`): a NEF without Nikon's usual first tag is `image/tiff`, and any MPEG transport stream
 * `video/m2ts`.
 */
export async function identifyContent(
  head: Uint8Array,
  facts: { readonly name: string; readonly sizeBytes: number },
): Promise<Content> {
  if (facts.sizeBytes === 0) return { kind: 'empty' };
  const start = head.subarray(0, headBytesMax);
  return (
    mediaOf(ourMagic(start) ?? (await fileTypeMime(start)) ?? cutTiffMagic(start), start) ?? sidecarOf(start, facts)
  );
}

/** Spellings that differ from file-type's for no reason that matters here. */
const respelt: Readonly<Record<string, string>> = {
  'video/vnd.avi': 'video/x-msvideo',
  'video/mp2t': 'video/m2ts',
  'video/MP1S': 'video/mpeg',
  'video/MP2P': 'video/mpeg',
  'video/matroska': 'video/x-matroska',
  'image/mj2': 'video/mj2', // Motion JPEG 2000.
};

/** Videos that are not called so. An ASF whose streams lie beyond the head may be sound only; better one too many. */
const otherVideo = new Set(['application/mxf', 'application/vnd.ms-asf', 'application/vnd.rn-realmedia']);

function mediaOf(mime: string | undefined, start: Uint8Array): Content | undefined {
  if (mime === undefined) return undefined;
  // file-type takes four letters for a movie without a file type box: text such as "fat-free" has them too.
  if (mime === 'video/quicktime' && isText(start)) return undefined;
  const spelling = respelt[mime] ?? mime;
  if (spelling.startsWith('image/')) return { kind: 'photo', mime: spelling };
  if (spelling.startsWith('video/') || otherVideo.has(spelling)) return { kind: 'video', mime: spelling };
  return undefined;
}

async function fileTypeMime(start: Uint8Array): Promise<string | undefined> {
  const { fileTypeFromBuffer } = await import('file-type'); // with the first new file: looking for one starts quicker without it
  try {
    return (await fileTypeFromBuffer(start))?.mime;
  } catch {
    return undefined; // Its parsers give up on some malformed archives and containers by throwing: not recognised.
  }
}

interface Magic {
  readonly mime: string;
  readonly at: number;
  readonly text: string;
}

/** What file-type lacks, or knows only in one of its variants. Signatures as in exiftool's and libraw's tables. */
const magics: readonly Magic[] = [
  { mime: 'image/x-sigma-x3f', at: 0, text: 'FOVb' },
  { mime: 'image/x-minolta-mrw', at: 0, text: '\0MRM' },
  { mime: 'image/x-canon-crw', at: 6, text: 'HEAPCCDR' },
  { mime: 'image/x-olympus-orf', at: 0, text: 'IIRO' },
  { mime: 'image/x-olympus-orf', at: 0, text: 'IIRS' },
  { mime: 'image/x-olympus-orf', at: 0, text: 'MMOR' },
];

function ourMagic(start: Uint8Array): string | undefined {
  const magic = magics.find(({ at, text }) => hasText(start, at, text));
  if (magic !== undefined) return magic.mime;
  return isOldQuickTime(start) ? 'video/quicktime' : undefined;
}

/** QuickTime before the file type box (1991 to about 2003, and cheap cameras since) may begin with any of its boxes. */
const oldQuickTimeTypes = ['wide', 'mdat', 'moov', 'free', 'skip', 'pnot'] as const;

function isOldQuickTime(start: Uint8Array): boolean {
  return oldQuickTimeTypes.some((type) => hasText(start, 4, type)) && !isText(start);
}

/**
 * file-type follows the offset of the first directory and gives up where that lies beyond the head, as scanners write
 * it.
 */
function cutTiffMagic(start: Uint8Array): string | undefined {
  return ['II*\0', 'MM\0*', 'II+\0', 'MM\0+'].some((magic) => hasText(start, 0, magic)) ? 'image/tiff' : undefined;
}

function sidecarOf(start: Uint8Array, facts: { readonly name: string; readonly sizeBytes: number }): Content {
  const name = facts.name.toLowerCase();
  if (name.endsWith('.aae') && isPropertyList(start)) return { kind: 'sidecar', sidecar: 'adjustments' };
  if (name.endsWith('.xmp') && isXmp(start)) return { kind: 'sidecar', sidecar: 'xmp' };
  if (name.endsWith('.json') && isGoogleMetadata(start, facts.sizeBytes)) {
    return { kind: 'sidecar', sidecar: 'googleMetadata' };
  }
  return { kind: 'other' };
}

/** Apple's adjustments are a property list, XML or binary; nothing else of that form is called .aae. */
function isPropertyList(start: Uint8Array): boolean {
  return hasText(start, 0, 'bplist') || asciiOf(start).includes('<plist');
}

function isXmp(start: Uint8Array): boolean {
  const text = asciiOf(start);
  return text.includes('x:xmpmeta') || text.includes('rdf:RDF');
}

function isGoogleMetadata(start: Uint8Array, sizeBytes: number): boolean {
  const text = new TextDecoder().decode(start);
  return start.length >= sizeBytes ? isGooglePhotoMetadata(parseJson(text)) : looksLikeGooglePhotoMetadata(text);
}

/** The ASCII of a text in any encoding in use: UTF-16 becomes readable without its NULs. */
function asciiOf(start: Uint8Array): string {
  return Buffer.from(start.buffer, start.byteOffset, start.byteLength).toString('latin1').replaceAll('\0', '');
}

const textSampleBytes = 1024;

/** True if no byte could not stand in a text file. */
function isText(start: Uint8Array): boolean {
  return start.subarray(0, textSampleBytes).every((byte) => byte >= 0x20 || (byte >= 0x09 && byte <= 0x0d));
}

function hasText(start: Uint8Array, at: number, text: string): boolean {
  if (start.length < at + text.length) return false;
  for (let index = 0; index < text.length; index++) {
    if (start[at + index] !== text.charCodeAt(index)) return false;
  }
  return true;
}
