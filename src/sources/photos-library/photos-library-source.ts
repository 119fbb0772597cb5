// A Photos library of a Mac as a source: the originals in it, with edits beside them. Reads only, and only where the photos are:
// everything else in the package is reduced copies, caches and what Photos needs for itself.

import { lstat, realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { ByteReader } from '../../domain/byte-reader.ts';
import { AgentError, endsSource, isAgentError } from '../../domain/errors.ts';
import type { AbsolutePath, SourceId, SourcePath } from '../../domain/ids.ts';
import { type FolderSource, openFolderSource, photosLibraryName } from '../folder/folder-source.ts';
import type { Source, SourceEntry, SourceFile } from '../source.ts';
import { photosListOf } from './database-list.ts';
import { isAbsence, openFolderInside, unreadablePlace } from './folder-inside.ts';
import {
  companionPath,
  editPaths,
  isLikeAnEdit,
  isPlainName,
  originalsFolder,
  rendersFolder,
} from './library-paths.ts';

const listChunk = 256;
/** Files shown under another name than their own are kept in mind. Beyond, they are shown under their own: saved, but apart. */
const renamedMax = 500_000;
/** The same for names in one folder, of which Photos makes sixteen. */
const folderNamesMax = 500_000;

/**
 * True for what Photos of macOS 10.15 and later keeps photos in. Older libraries have other folders (`Masters`).
 * @throws AgentError SOURCE_READ_FAILED where it cannot be told: such a package must not be taken for an ordinary folder, for its
 *   reduced copies would be saved as photos.
 */
export async function isPhotosLibrary(folder: string): Promise<boolean> {
  try {
    const root = await realpath(folder);
    if (!photosLibraryName.test(root)) return false;
    const [originals, databaseFolder, database] = await Promise.all(
      [originalsFolder, 'database', 'database/Photos.sqlite'].map((below) => lstat(join(root, below))),
    );
    return originals?.isDirectory() === true && databaseFolder?.isDirectory() === true && database?.isFile() === true;
  } catch (error) {
    if (isAbsence(error)) return false;
    throw unreadablePlace(folder, error);
  }
}

/** @throws AgentError SOURCE_MISSING if `folder` is no Photos library; as `isPhotosLibrary`. */
export async function openPhotosLibrarySource(folder: string): Promise<Source> {
  if (!(await isPhotosLibrary(folder))) throw noLibrary(folder);
  const library = await openFolderSource(folder);
  const originals = await openFolderInside(library.root, originalsFolder);
  if (originals === undefined || originals === 'notAFolder') throw noLibrary(folder);
  const tree = new LibraryTree(library.root, originals);
  return {
    // The folder's own way of knowing it again: by the volume where that has an identity, else by its place.
    id: library.id.replace(/^[a-z]+/, 'photos') as SourceId,
    kind: 'photosLibrary',
    name: basename(library.root).replace(photosLibraryName, '') || library.name,
    list: (signal) => tree.list(signal),
    open: (path, offsetBytes, signal) => tree.open(path, offsetBytes, signal),
    photosList: photosListOf(library.root),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

class LibraryTree {
  readonly #root: AbsolutePath;
  readonly #originals: FolderSource;
  /** Where a file lies, by the path it is shown under if that is another. */
  readonly #renamed = new Map<SourcePath, SourcePath>();
  /** Paths of originals that an edit could be shown under too, lower case: those keep them. */
  readonly #taken = new Set<string>();

  constructor(root: AbsolutePath, originals: FolderSource) {
    this.#root = root;
    this.#originals = originals;
  }

  /** Edits come last: the folders that they are shown in have been listed by then. */
  async *list(signal: AbortSignal): AsyncGenerator<readonly SourceEntry[]> {
    this.#renamed.clear();
    this.#taken.clear();
    yield* this.#listOriginals(signal);
    yield* this.#listEdits(signal);
  }

  async *#listOriginals(signal: AbortSignal): AsyncGenerator<readonly SourceEntry[]> {
    // The folder source lists one folder after the other. Companions wait for the end of theirs: which names are free is known then.
    let folder: string | undefined;
    let waiting = new WaitingCompanions();
    for await (const chunk of this.#originals.list(signal)) {
      const entries: SourceEntry[] = [];
      for (const entry of chunk) {
        const original = inside(originalsFolder, entry);
        if (folderOf(original.path) !== folder) {
          if (entries.length > 0) yield entries.splice(0);
          yield* this.#showCompanions(waiting);
          folder = folderOf(original.path);
          waiting = new WaitingCompanions();
        }
        if (!waiting.take(original)) entries.push(this.#noteTaken(original));
      }
      yield entries;
    }
    yield* this.#showCompanions(waiting);
  }

  *#showCompanions(waiting: WaitingCompanions): Generator<readonly SourceEntry[]> {
    for (let start = 0; start < waiting.files.length; start += listChunk) {
      yield waiting.files
        .slice(start, start + listChunk)
        .map((file) => this.#noteTaken(this.#show(file, [companionPath(file.path)], (path) => waiting.isFree(path))));
    }
  }

  async *#listEdits(signal: AbortSignal): AsyncGenerator<readonly SourceEntry[]> {
    const path = rendersFolder as SourcePath;
    try {
      const renders = await openFolderInside(this.#root, rendersFolder);
      if (renders === undefined) return; // nothing was ever edited
      if (renders === 'notAFolder') {
        yield [{ kind: 'notAFile', path }];
        return;
      }
      for await (const chunk of renders.list(signal)) {
        const shown = chunk.flatMap((entry) => this.#showEdit(entry));
        yield shown.map((entry) => (entry.kind === 'file' ? { ...entry, isEdit: true } : entry));
      }
    } catch (error) {
      if (signal.aborted || !isAgentError(error) || endsSource(error)) throw error;
      yield [{ kind: 'unreadable', path, error }]; // the originals are listed already
    }
  }

  #showEdit(entry: SourceEntry): readonly SourceEntry[] {
    const file = inside(rendersFolder, entry);
    if (file.kind === 'unreadable') return [file];
    const paths = editPaths(entry.path);
    if (paths.length === 0) return [];
    if (file.kind !== 'file') return [file];
    const shown = this.#show(file, paths, (path) => !this.#taken.has(path.toLowerCase()));
    if (shown !== file) this.#taken.add(shown.path.toLowerCase());
    return [shown];
  }

  /** Under the first of `paths` that is free, else under its own. */
  #show(
    file: SourceFile,
    paths: readonly (SourcePath | undefined)[],
    isFree: (path: SourcePath) => boolean,
  ): SourceFile {
    if (this.#renamed.size >= renamedMax || this.#taken.size >= renamedMax) return file;
    const path = paths.find((each) => each !== undefined && !this.#renamed.has(each) && isFree(each));
    if (path === undefined) return file;
    this.#renamed.set(path, file.path);
    return { ...file, path };
  }

  #noteTaken<Entry extends SourceEntry>(entry: Entry): Entry {
    if (this.#taken.size < renamedMax && isLikeAnEdit(entry.path)) this.#taken.add(entry.path.toLowerCase());
    return entry;
  }

  async open(shown: SourcePath, offsetBytes: number, signal: AbortSignal): Promise<ByteReader> {
    const path = this.#renamed.get(shown) ?? shown;
    if (path.startsWith(`${originalsFolder}/`)) {
      return await this.#originals.open(path.slice(originalsFolder.length + 1) as SourcePath, offsetBytes, signal);
    }
    signal.throwIfAborted();
    const renders = path.startsWith(`${rendersFolder}/`) && (await openFolderInside(this.#root, rendersFolder));
    if (renders === false || renders === undefined || renders === 'notAFolder') {
      throw new AgentError('SOURCE_ENTRY_VANISHED', 'An edited photo was listed and is no longer there.', {
        remedy: 'If you did not remove it, save again.',
      });
    }
    return await renders.open(path.slice(rendersFolder.length + 1) as SourcePath, offsetBytes, signal);
  }
}

/** Of one folder: the parts of photos that are to be shown under their photo's stem, and the names that are not free for that. */
class WaitingCompanions {
  readonly files: SourceFile[] = [];
  readonly #names = new Set<string>();

  /** True: it waits. False: it is shown as it is. */
  take(entry: SourceEntry): boolean {
    if (this.#isFull()) return false;
    if (entry.kind !== 'file' || companionPath(entry.path) === undefined) {
      if (isPlainName(entry.path)) this.#names.add(entry.path.toLowerCase());
      return false;
    }
    this.files.push(entry);
    return true;
  }

  isFree(path: SourcePath): boolean {
    return !this.#isFull() && !this.#names.has(path.toLowerCase());
  }

  #isFull(): boolean {
    return this.#names.size + this.files.length >= folderNamesMax;
  }
}

function inside<Entry extends SourceEntry>(folder: string, entry: Entry): Entry {
  // The folder itself has an empty path.
  return { ...entry, path: (entry.path === '' ? folder : `${folder}/${entry.path}`) as SourcePath };
}

function folderOf(path: SourcePath): string {
  return path.slice(0, path.lastIndexOf('/'));
}

function noLibrary(folder: string): AgentError {
  return new AgentError('SOURCE_MISSING', `"${folder}" is no Photos library.`, {
    remedy:
      'Name the library itself: in Pictures on a Mac, usually "Photos Library". One of macOS 10.15 or later is needed.',
  });
}
