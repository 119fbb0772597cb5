// The list that a phone's Photos app keeps, over AFC: when it has changed, a copy of it, and what the thumbnails tell beside it.

import type { ByteReader } from '../../domain/byte-reader.ts';
import { AgentError } from '../../domain/errors.ts';
import type { SourcePath } from '../../domain/ids.ts';
import { bytesFromPath, nameFromBytes } from '../folder/source-path.ts';
import { copyDatabase, type DatabaseFiles, stampOf } from '../photos-database/copy-database.ts';
import type { PhotosList } from '../source.ts';
import { AfcRefusal } from './afc.ts';
import { afcStatus } from './afc-packet.ts';
import { originalOfThumbnails, sharedRoot, thumbnailsRoot } from './media-paths.ts';
import type { PhoneFiles } from './phone.ts';

/** Folders of thumbnails asked for at the same time. */
const foldersAtOnce = 64;
/** A phone has one such folder for some hundreds of photos; more than this is not gone through. */
const foldersMax = 100_000;
const depthMax = 6;

export function openPhonePhotosList(options: {
  readonly files: PhoneFiles;
  /** As `Source.open`. */
  readonly open: (path: SourcePath, offsetBytes: number, signal: AbortSignal) => Promise<ByteReader>;
}): PhotosList {
  const { files, open } = options;
  const pathOf = (name: string) => `PhotoData/${name}` as SourcePath;
  const database = (signal: AbortSignal): DatabaseFiles => ({
    describe: async (name) => {
      try {
        const info = await files.questions.info(bytesFromPath(pathOf(name)), signal);
        if (info.kind !== 'file') throw unreadable();
        return { sizeBytes: info.sizeBytes, modifiedAtNs: info.modifiedAtNs };
      } catch (error) {
        if (!(error instanceof AfcRefusal)) throw error;
        if (error.status === afcStatus.notFound) return undefined;
        throw unreadable(error);
      }
    },
    open: async (name, offsetBytes) => {
      try {
        return await open(pathOf(name), offsetBytes, signal);
      } catch (error) {
        // What may not be opened costs the list, not the photos.
        const isListed =
          error instanceof AgentError && error.code.startsWith('SOURCE_') && error.code !== 'SOURCE_GONE';
        throw isListed ? unreadable(error) : error;
      }
    },
  });
  return {
    filesBelow: '',
    sharedBelow: sharedRoot,
    stamp: (signal) => stampOf(database(signal), signal),
    copyInto: (folder, signal) => copyDatabase(database(signal), folder, signal),
    thumbnails: (signal) => listThumbnails(files, signal),
    space: (signal) => readSpace(files, signal),
  };
}

async function readSpace(files: PhoneFiles, signal: AbortSignal): ReturnType<PhotosList['space']> {
  try {
    const facts = await files.questions.deviceInfo(signal);
    const [freeBytes, totalBytes] = [Number(facts.get('FSFreeBytes')), Number(facts.get('FSTotalBytes'))];
    const isPlausible =
      [freeBytes, totalBytes].every(Number.isSafeInteger) && freeBytes >= 0 && freeBytes <= totalBytes;
    return isPlausible ? { freeBytes, totalBytes } : undefined;
  } catch (error) {
    if (error instanceof AfcRefusal) return undefined;
    throw error;
  }
}

/** Each original has a folder of its own name, below the same folders as the original (three listings of real phones). */
async function* listThumbnails(files: PhoneFiles, signal: AbortSignal): AsyncGenerator<readonly SourcePath[]> {
  let level: SourcePath[] = [thumbnailsRoot as SourcePath];
  let folders = 0;
  for (let depth = 0; depth < depthMax && level.length > 0; depth += 1) {
    const below: SourcePath[] = [];
    for (let at = 0; at < level.length; at += foldersAtOnce) {
      const some = level.slice(at, at + foldersAtOnce);
      folders += some.length;
      if (folders > foldersMax) throw unreadable();
      const listings = await Promise.all(some.map((folder) => listOrNothing(files, folder, signal)));
      for (const [index, names] of listings.entries()) {
        const found: SourcePath[] = [];
        for (const name of names) {
          const path = `${some[index]}/${name}` as SourcePath;
          const original = originalOfThumbnails(path);
          if (original === undefined) below.push(path);
          else if (original !== 'shared') found.push(original);
        }
        if (found.length > 0) yield found;
      }
    }
    level = below;
  }
}

/** No such folder; a file, where a folder was expected (ifuse, of reading a file as a folder). */
const nothingThere = [afcStatus.notFound, afcStatus.readError];

async function listOrNothing(files: PhoneFiles, folder: SourcePath, signal: AbortSignal): Promise<readonly string[]> {
  try {
    return (await files.questions.list(bytesFromPath(folder), signal)).map(nameFromBytes);
  } catch (error) {
    if (!(error instanceof AfcRefusal)) throw error;
    if (nothingThere.some((status) => status === error.status)) return [];
    throw unreadable(error);
  }
}

function unreadable(cause?: unknown): AgentError {
  return new AgentError('PHOTOS_LIST_UNREADABLE', "The iPhone's own list of its photos could not be read.", {
    remedy: 'Unlock the iPhone, leave it connected and save again. The photos that are on it are saved without it.',
    cause,
  });
}
