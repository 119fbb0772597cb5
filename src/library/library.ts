// The library on disk: its identity, its folders, and the certainty that it is still there. Opening one takes its lock; a
// folder that merely has the right path is not a library.

import { randomUUID } from 'node:crypto';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { AgentError, isAgentError, systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath, LibraryId } from '../domain/ids.ts';
import { makeFolders, writeError, writeSmallFile } from '../platform/durable-write.ts';
import { type ExclusiveLock, waitForExclusiveLock } from '../platform/exclusive-lock.ts';
import {
  type FolderAbilities,
  isOnSystemVolume,
  nearestExisting,
  probeAbilities,
  statOrUndefined,
} from '../platform/volume.ts';
import type { KnownLibraries } from './known-libraries.ts';

export const libraryFormatVersion = 1;
/** Our folder inside the library; everything else there are photos in plain folders. */
export const ownFolderName = '.keepsake';
const markerName = 'library.json';
const idPattern = /^[\w-]{1,64}$/;
/** A status looks whether the lock is held, which takes an instant: longer on a slow disk and a busy computer. */
const lookMsMax = 1000;
/** Where systems mount what can be unplugged. A folder here that lies on the system's own disk is a drive that is missing. */
const mountRoots = ['/media', '/run/media', '/mnt', '/Volumes'];

export interface LibraryFolders {
  readonly root: AbsolutePath;
  readonly own: AbsolutePath;
  readonly incoming: AbsolutePath;
  readonly imports: AbsolutePath;
  readonly catalogBackup: AbsolutePath;
  readonly marker: AbsolutePath;
}

export interface Library extends AsyncDisposable {
  readonly id: LibraryId;
  readonly folders: LibraryFolders;
  readonly abilities: FolderAbilities;
  /** @throws AgentError LIBRARY_GONE if the library is no longer at its path: unplugged, or another disk in its place. */
  assertPresent(): Promise<void>;
}

export function libraryFolders(root: string): LibraryFolders {
  const own = join(root, ownFolderName);
  return {
    root: root as AbsolutePath,
    own: own as AbsolutePath,
    incoming: join(own, 'incoming') as AbsolutePath,
    imports: join(own, 'imports') as AbsolutePath,
    catalogBackup: join(own, 'catalog-backup') as AbsolutePath,
    marker: join(own, markerName) as AbsolutePath,
  };
}

/** What the owner removed; nobody else may look into it, since private photos may be among that. */
export function trashFolder({ own }: Pick<LibraryFolders, 'own'>): AbsolutePath {
  return join(own, 'trash') as AbsolutePath;
}

export interface OpenLibraryOptions {
  readonly root: AbsolutePath;
  readonly known: KnownLibraries;
  /** The owner said that a new library should begin where one was remembered. */
  readonly createAnew?: boolean;
}

/**
 * Opens the library at `root`, or begins one there if none was ever seen at that path.
 * @throws AgentError LIBRARY_MISSING, LIBRARY_TOO_NEW, LIBRARY_DAMAGED, LIBRARY_BUSY, LIBRARY_UNSUITABLE, LIBRARY_READ_ONLY, LIBRARY_FULL.
 */
export async function openLibrary(options: OpenLibraryOptions): Promise<Library> {
  const root = await findRoot(options);
  const folders = libraryFolders(root);
  await readMarker(folders); // a newer or damaged library is refused before anything is written to it
  await makeFolders({ root, folder: folders.own });
  const lock = await takeLock(join(folders.own, 'lock'));
  try {
    const marker = (await readMarker(folders)) ?? (await beginLibrary(folders));
    const abilities = await probe(folders);
    await options.known.remember(root, marker.id);
    const { dev } = await stat(root);
    return {
      id: marker.id,
      folders,
      abilities,
      assertPresent: () => assertPresent(folders, { id: marker.id, dev }),
      [Symbol.asyncDispose]: async () => lock.release(),
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** The id of the library at `root` without opening it, or undefined if there is none. @throws as `openLibrary`. */
export async function readLibraryId(root: string): Promise<LibraryId | undefined> {
  return (await readMarker(libraryFolders(root)))?.id;
}

async function findRoot(options: OpenLibraryOptions): Promise<AbsolutePath> {
  const facts = await statOrUndefined(options.root);
  if (facts !== undefined && !facts.isDirectory()) {
    throw new AgentError('LIBRARY_UNSUITABLE', `"${options.root}" is a file, not a folder.`, {
      remedy: 'Choose a folder for your photos: keepsake config set library FOLDER',
    });
  }
  // By its real path, also where it does not exist any more: that is how it is remembered.
  const nearest = await nearestExisting(options.root);
  const root = join(await realpath(nearest), relative(nearest, options.root)) as AbsolutePath;
  if (options.createAnew !== true) await assertNotAnEmptyMountPoint(root, options.known);
  // Not mkdir's `recursive`: on a read-only disk that says ENOENT (measured, Node.js 26.10), as if the disk were gone.
  await makeFolders({ root: (await nearestExisting(root)) as AbsolutePath, folder: root });
  return (await realpath(root)) as AbsolutePath;
}

async function assertNotAnEmptyMountPoint(root: AbsolutePath, known: KnownLibraries): Promise<void> {
  // What is remembered is read first: a first run beside this one makes the folder, and then remembers it.
  const id = await known.idAt(root);
  if ((await statOrUndefined(libraryFolders(root).own)) !== undefined) return;
  const missing = (why: string) =>
    new AgentError('LIBRARY_MISSING', `Your photo folder is not at "${root}": ${why}.`, {
      remedy: 'Connect its drive and save again. To begin a new, empty photo folder there, add --new-library.',
    });
  if (id !== undefined) throw missing('it was there before, now there is no library');
  const home = await nearestExisting(root);
  if (mountRoots.some((folder) => root.startsWith(folder + sep)) && (await isOnSystemVolume(home))) {
    throw missing('no drive is connected there');
  }
}

interface Marker {
  readonly id: LibraryId;
}

async function readMarker(folders: LibraryFolders): Promise<Marker | undefined> {
  const text = await readFile(folders.marker, 'utf8').catch((error: unknown) => {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new AgentError('LIBRARY_DAMAGED', `"${folders.marker}" cannot be read (${code ?? String(error)}).`, {
      remedy: 'Check the disk of your photo folder, then save again. Nothing was changed.',
      cause: error,
    });
  });
  if (text === undefined) return undefined;
  let value: { id?: unknown; formatVersion?: unknown } | null = null;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error; // what is not JSON is damaged, as below
  }
  // The id becomes part of a file name: a drive from elsewhere must not choose another folder by it.
  if (typeof value?.id !== 'string' || !idPattern.test(value.id) || typeof value.formatVersion !== 'number') {
    throw new AgentError('LIBRARY_DAMAGED', `"${folders.marker}" does not say which library this is.`, {
      remedy: 'Keep that file and ask for help with it. Your photos are not affected.',
    });
  }
  if (value.formatVersion > libraryFormatVersion) {
    throw new AgentError('LIBRARY_TOO_NEW', `The photo folder "${folders.root}" was written by a newer Keepsake.`, {
      remedy: 'Install the newer Keepsake again. Nothing was changed.',
    });
  }
  return { id: value.id as LibraryId };
}

async function beginLibrary(folders: LibraryFolders): Promise<Marker> {
  const manifests = await readdir(folders.imports).catch((): string[] => []); // no such folder: nothing was ever saved
  if (manifests.length > 0) {
    throw new AgentError('LIBRARY_DAMAGED', `"${folders.marker}" is missing from a photo folder that was in use.`, {
      remedy: `Restore that file from a copy of your photo folder, or ask for help. Your photos are not affected.`,
    });
  }
  await makeFolders({ root: folders.own, folder: folders.imports });
  const id = randomUUID() as LibraryId;
  // Last: a library exists from the moment this file has its name.
  await writeSmallFile(
    folders.marker,
    `${JSON.stringify({ id, formatVersion: libraryFormatVersion }, undefined, 2)}\n`,
  );
  return { id };
}

async function takeLock(path: string): Promise<ExclusiveLock> {
  let lock: ExclusiveLock | undefined;
  try {
    lock = await waitForExclusiveLock(path, lookMsMax);
  } catch (error) {
    const code = systemErrorCode(error) ?? '';
    if (code.startsWith('SQLITE_FULL'))
      throw writeError(Object.assign(new Error(code), { code: 'ENOSPC' }), `"${path}"`);
    throw new AgentError('LIBRARY_READ_ONLY', `"${path}" could not be written (${code || String(error)}).`, {
      remedy:
        'Check that you may write to your photo folder and that its disk is not locked or worn out, then save again.',
      cause: error,
    });
  }
  if (lock === undefined) {
    throw new AgentError('LIBRARY_BUSY', 'Another Keepsake is saving to this photo folder right now.', {
      remedy: 'Wait until it is done, then save again.',
    });
  }
  return lock;
}

async function probe(folders: LibraryFolders): Promise<FolderAbilities> {
  for (const folder of [folders.incoming, folders.catalogBackup]) await makeFolders({ root: folders.own, folder });
  try {
    return await probeAbilities(folders.incoming);
  } catch (error) {
    throw writeError(error, `The folder "${folders.own}"`);
  }
}

async function assertPresent(folders: LibraryFolders, expected: { id: LibraryId; dev: number }): Promise<void> {
  // A lazily unmounted disk lets open files "succeed", and a path then lands on the system disk (measured): ask by path.
  const facts = await statOrUndefined(folders.root).catch(() => undefined);
  const marker = await readMarker(folders).catch((error: unknown) => {
    if (isAgentError(error)) return undefined;
    throw error;
  });
  if (facts?.dev === expected.dev && marker?.id === expected.id) return;
  throw new AgentError('LIBRARY_GONE', `Your photo folder is no longer at "${folders.root}".`, {
    remedy: 'Connect its drive again, then save again. Nothing was lost.',
  });
}
