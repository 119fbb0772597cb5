// .keepsake/copy.json on a drive: which copy of which library this is, and on which filesystem it was begun. A marker that was
// copied to another disk says so by itself: the filesystem is another one.

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import * as v from 'valibot';
import { AgentError, systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath, DriveId, LibraryId } from '../domain/ids.ts';
import { writeSmallFile } from '../platform/durable-write.ts';
import { instant, textUpTo } from '../platform/shapes.ts';

export const copyFormatVersion = 1;
const idPattern = /^[\w-]{1,64}$/;
export const markerLengthMax = 64 * 1024;

export interface CopyFolders {
  /** `<drive>/Keepsake/<library name>`: the same tree as the library's. */
  readonly root: AbsolutePath;
  readonly own: AbsolutePath;
  readonly marker: AbsolutePath;
  readonly incoming: AbsolutePath;
  /** The library's own records: they are what a restored library is made from. */
  readonly imports: AbsolutePath;
  readonly trash: AbsolutePath;
  /** Files that are not what was saved. */
  readonly quarantine: AbsolutePath;
  /** Earlier versions of files that Keepsake did not write, and what was in the way of ours. */
  readonly versions: AbsolutePath;
  /** Everything in the copy, for `sha256sum -c`. */
  readonly checksums: AbsolutePath;
  readonly readMe: AbsolutePath;
}

export const readMeName = 'READ ME FIRST.html';
/** Below this folder of a drive are the copies, one for each library. */
export const copiesFolderName = 'Keepsake';
export const ownFolderName = '.keepsake';

export function copyFolders(root: string): CopyFolders {
  const own = join(root, ownFolderName);
  const below = (name: string) => join(own, name) as AbsolutePath;
  return {
    root: root as AbsolutePath,
    own: own as AbsolutePath,
    marker: below('copy.json'),
    incoming: below('incoming'),
    imports: below('imports'),
    trash: below('trash'),
    quarantine: below('quarantine'),
    versions: below('versions'),
    checksums: below('copy.sha256'),
    readMe: join(root, readMeName) as AbsolutePath,
  };
}

export interface DriveMarker {
  readonly id: DriveId;
  readonly libraryId: LibraryId;
  readonly name: string;
  /** Of the filesystem it was begun on; absent where that has none (network shares). */
  readonly filesystemUuid?: string;
  readonly addedAt: string;
}

const schema = v.object({
  id: v.pipe(v.string(), v.regex(idPattern)),
  libraryId: v.pipe(v.string(), v.regex(idPattern)),
  formatVersion: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  name: textUpTo(200),
  filesystemUuid: v.optional(textUpTo(200)),
  addedAt: instant,
});

/**
 * Undefined: there is none.
 * @throws AgentError DRIVE_DAMAGED if it cannot be read, DRIVE_TOO_NEW.
 */
export async function readMarker(folders: CopyFolders): Promise<DriveMarker | undefined> {
  const text = await readBounded(folders.marker).catch((error: unknown) => {
    if (['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) return undefined;
    throw damaged(folders, error);
  });
  return text === undefined ? undefined : parseMarker(folders, text);
}

/** A drive is somebody's: its mark may be a link, a pipe that nobody fills, or have no end. @throws system errors. */
async function readBounded(path: string): Promise<string> {
  await using handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  if (!(await handle.stat()).isFile()) throw new Error('not a file');
  const into = Buffer.alloc(markerLengthMax + 1);
  let length = 0;
  for (let count = 1; count > 0 && length < into.length; length += count)
    count = (await handle.read(into, length, into.length - length, length)).bytesRead;
  return into.toString('utf8', 0, length);
}

/** @throws AgentError DRIVE_DAMAGED, DRIVE_TOO_NEW. */
export function parseMarker(folders: CopyFolders, text: string): DriveMarker {
  if (text.length > markerLengthMax) throw damaged(folders);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw damaged(folders, error);
  }
  const parsed = v.safeParse(schema, value);
  if (!parsed.success) throw damaged(folders, new v.ValiError(parsed.issues));
  const { id, libraryId, formatVersion, name, filesystemUuid, addedAt } = parsed.output;
  if (formatVersion > copyFormatVersion) {
    throw new AgentError('DRIVE_TOO_NEW', `The copy "${folders.root}" was written by a newer Keepsake.`, {
      remedy: 'Install the newer Keepsake again. Nothing was changed.',
    });
  }
  return {
    id: id as DriveId,
    libraryId: libraryId as LibraryId,
    name,
    ...(filesystemUuid === undefined ? {} : { filesystemUuid }),
    addedAt,
  };
}

/** @throws AgentError as `writeSmallFile`. */
export async function writeMarker(folders: CopyFolders, marker: DriveMarker): Promise<void> {
  const { id, libraryId, name, filesystemUuid, addedAt } = marker;
  const value = { id, libraryId, formatVersion: copyFormatVersion, name, filesystemUuid, addedAt };
  await writeSmallFile(folders.marker, `${JSON.stringify(value, undefined, 2)}\n`);
}

function damaged(folders: CopyFolders, cause?: unknown): AgentError {
  return new AgentError('DRIVE_DAMAGED', `"${folders.marker}" does not say which copy this is.`, {
    remedy: `Keep the folder "${basename(folders.root)}" on that drive as it is, and add the drive again: keepsake drives add. What is right in it is used.`,
    cause,
  });
}
