// The list that Photos on a Mac keeps of its own photos: the database in the library package. It is copied and then read elsewhere,
// never opened here.

import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { endsSource, isAgentError } from '../../domain/errors.ts';
import type { AbsolutePath, SourcePath } from '../../domain/ids.ts';
import { readSpace } from '../../platform/volume.ts';
import type { FolderSource } from '../folder/folder-source.ts';
import { copyDatabase, type DatabaseFiles, stampOf, unreadableList } from '../photos-database/copy-database.ts';
import type { PhotosList } from '../source.ts';
import { isAbsence, openFolderInside } from './folder-inside.ts';
import { originalsFolder, thumbnailSubject, thumbnailsFolder } from './library-paths.ts';

const databaseFolder = 'database';

/** @param root of the library, without links in it. */
export function photosListOf(root: AbsolutePath): PhotosList {
  const files = databaseFiles(root);
  return {
    filesBelow: originalsFolder,
    stamp: (signal) => stampOf(files, signal),
    copyInto: (folder, signal) => copyDatabase(files, folder, signal),
    thumbnails: (signal) => listThumbnails(root, signal),
    // It adds nothing but a number to a report: a disk that is gone is told of by the listing.
    space: () => readSpace(root).catch(() => undefined),
  };
}

function databaseFiles(root: AbsolutePath): DatabaseFiles {
  const openFolder = async (): Promise<FolderSource | undefined> => {
    const folder = await openFolderInside(root, databaseFolder);
    if (folder === 'notAFolder') throw unreadableList('Its folder is a link, or something else that is no folder.');
    return folder;
  };
  return {
    async describe(name, signal) {
      signal.throwIfAborted();
      if ((await openFolder()) === undefined) return undefined;
      try {
        const facts = await lstat(join(root, databaseFolder, name), { bigint: true });
        if (!facts.isFile()) throw unreadableList(`"${name}" is a link, or something else that is no file.`);
        return { sizeBytes: Number(facts.size), modifiedAtNs: facts.mtimeNs };
      } catch (error) {
        if (isAbsence(error)) return undefined;
        throw isAgentError(error) ? error : unreadableList(`"${name}" could not be looked at.`, error);
      }
    },
    async open(name, offsetBytes, signal) {
      const folder = await openFolder();
      if (folder === undefined) throw unreadableList('Its folder is gone.');
      return await folder.open(name as string as SourcePath, offsetBytes, signal);
    },
  };
}

/**
 * Photos keeps a thumbnail of each photo of the owner's in a folder of the same digit, whether the original is here or in iCloud only
 * (all 12 of a library with iCloud Photos of macOS 11, and 17 of one of macOS 15.7.2, are in its database as that file in that folder).
 * Those of shared albums lie elsewhere.
 */
async function* listThumbnails(root: AbsolutePath, signal: AbortSignal): AsyncGenerator<readonly SourcePath[]> {
  try {
    const folder = await openFolderInside(root, thumbnailsFolder);
    if (folder === undefined || folder === 'notAFolder') return;
    for await (const entries of folder.list(signal)) {
      yield entries.flatMap(({ kind, path }) => (kind === 'file' ? (thumbnailSubject(path) ?? []) : []));
    }
  } catch (error) {
    // Without the rest a report says less; no photo is saved or left out for it.
    if (signal.aborted || !isAgentError(error) || endsSource(error)) throw error;
  }
}
