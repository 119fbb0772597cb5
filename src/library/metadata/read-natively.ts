// Reads one file's metadata with our own readers. Runs in the metadata worker, where blocking is fine and a crash costs
// one file.
// Promises to read and hold a few megabytes at most, whatever the file's length. It throws system errors (the file
// cannot be opened or read), never on what the file contains.
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { assertNever } from '../../domain/assert.ts';
import type { MediaMetadata } from '../../domain/media.ts';
import { readAvchdDate } from './avchd.ts';
import { findInHeif, findInJpeg, findInJpegXl, findInPng, findInWebp, tiffBytesMax } from './embedded-metadata.ts';
import { readExif } from './exif.ts';
import { type MovieFacts, readMovieFacts } from './iso-bmff.ts';
import type { NativeReading } from './media-format.ts';
import { type PositionalReader, readRange, sliceOf, viewOf } from './positional-reader.ts';

/** The date comes again with every half second of an AVCHD clip, 1.5 MB at the most. */
const transportStreamBytes = 4 * 1024 * 1024;

export interface ReadRequest {
  readonly path: string;
  readonly native: Exclude<NativeReading, 'none'>;
  readonly sizeBytes: number;
}

/** @throws system errors, such as ENOENT and EIO */
export async function readNatively({ path, native, sizeBytes }: ReadRequest): Promise<MediaMetadata> {
  using file = openFile(path, sizeBytes);
  return await readFrom(file, native); // Awaited here, lest the file be closed before it is read.
}

async function readFrom(file: PositionalReader, native: ReadRequest['native']): Promise<MediaMetadata> {
  switch (native) {
    case 'jpeg':
      return readExif(await findInJpeg(file));
    case 'png':
      return readExif(await findInPng(file));
    case 'webp':
      return readExif(await findInWebp(file));
    case 'heif':
      return readExif(await findInHeif(file));
    case 'jpegXl':
      return readExif(await findInJpegXl(file));
    case 'tiff':
      return readExif({ tiff: await readStart(file, tiffBytesMax) });
    case 'rafPreview':
      return readRafPreview(file);
    case 'canonBoxes':
      return readCanonBoxes(file);
    case 'movie':
      return movieMetadata(await readMovieFacts(file));
    case 'transportStream':
      return streamMetadata(await readStart(file, transportStreamBytes));
    default:
      return assertNever(native);
  }
}

function readStart(file: PositionalReader, bytesMax: number): Promise<Uint8Array> {
  return readRange(file, { start: 0, end: file.sizeBytes }, bytesMax);
}

const rafHeaderBytes = 92;

/** A RAF's header tells where a complete JPEG lies in it, which carries the EXIF (layout as documented by exiftool). */
async function readRafPreview(file: PositionalReader): Promise<MediaMetadata> {
  const header = viewOf(await readStart(file, rafHeaderBytes));
  if (header.byteLength < rafHeaderBytes) return {};
  const [start, lengthBytes] = [header.getUint32(84), header.getUint32(88)];
  return readExif(await findInJpeg(sliceOf(file, { start, end: start + lengthBytes })));
}

/**
 * Two TIFF blocks: camera in the first, exposure in the second. The movie header's time is local time in a field for
 * UTC.
 */
async function readCanonBoxes(file: PositionalReader): Promise<MediaMetadata> {
  const { tiffBlocks = [] } = await readMovieFacts(file);
  return Object.assign({}, ...tiffBlocks.map((tiff) => readExif({ tiff })));
}

function movieMetadata(facts: MovieFacts): MediaMetadata {
  const { recordedAt, createdAtMs, contentIdentifier, make, model } = facts;
  return {
    ...(recordedAt !== undefined && { takenAt: { ...recordedAt, basis: 'quicktime' as const } }),
    ...(createdAtMs !== undefined && { takenAtUtcMs: createdAtMs }),
    ...(contentIdentifier !== undefined && { contentIdentifier }),
    ...(make !== undefined && { make }),
    ...(model !== undefined && { model }),
  };
}

function streamMetadata(start: Uint8Array): MediaMetadata {
  const recordedAt = readAvchdDate(start);
  return recordedAt === undefined ? {} : { takenAt: { ...recordedAt, basis: 'quicktime' } };
}

function openFile(path: string, sizeBytes: number): PositionalReader & Disposable {
  // Not to wait for a writer, should the path be a named pipe by now.
  const descriptor = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  return {
    sizeBytes,
    read: async (into, position) => readSync(descriptor, into, 0, into.length, position),
    [Symbol.dispose]: () => closeSync(descriptor),
  };
}
