// A folder as a source: a camera card, a stick, any tree of files. Reads only, follows no link, opens no device or pipe, and
// tells a file that cannot be read from a disk that is gone.

import { createHash } from 'node:crypto';
import { type BigIntStats, constants, type Dirent, lstatSync } from 'node:fs';
import { type FileHandle, lstat, open, opendir, realpath, stat } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import type { ByteReader, EntryState } from '../../domain/byte-reader.ts';
import { AgentError, systemErrorCode } from '../../domain/errors.ts';
import type { AbsolutePath, SourceId, SourcePath } from '../../domain/ids.ts';
import { runCommand } from '../../platform/bounded-command.ts';
import { readMacVolume } from '../../platform/mac-volume.ts';
import { filesystemUuid, findMount, type Mount, readMounts, statOrUndefined } from '../../platform/volume.ts';
import { depthMax, entriesMax, type Source, type SourceEntry, type SourceKind } from '../source.ts';
import { cameraFolders, isCameraOverGvfs } from './camera-folders.ts';
import { type Described, findNotDownloaded } from './placeholders.ts';
import { bytesFromPath, isUnescaped, nameFromLatin1 } from './source-path.ts';

const listChunk = 256;
/** What answered within this time did so from memory, and so will its neighbours. */
const quickMs = 2;
/** For this long at a time they are then asked without a round through the thread pool for each. */
const blockingMsMax = 20;
/** Folders that systems keep on every volume for themselves: bins, search indexes, and Keepsake's own. */
const systemFolders = new Set([
  '.Trashes',
  '.Trash',
  '.Spotlight-V100',
  '.fseventsd',
  '.DocumentRevisions-V100',
  '.TemporaryItems',
  'System Volume Information',
  '$RECYCLE.BIN',
  '.keepsake',
]);
/** What fits in 64 bits, in which times are kept: until 2262. Disks can hold, and damaged ones do hold, later ones. */
const timeNsMax = 2n ** 63n - 1n;

/** Filesystems whose birth and change times say when a copy was made. FAT and exFAT have none, FUSE drivers make them up. */
const honestFilesystems = new Set([
  'ext2',
  'ext3',
  'ext4',
  'btrfs',
  'xfs',
  'zfs',
  'f2fs',
  'tmpfs',
  'overlay',
  'apfs',
  'hfs',
]);
export interface FolderSource extends Source {
  readonly root: AbsolutePath;
  /** True for a whole card: its root is where a volume is mounted. */
  readonly isVolumeRoot: boolean;
}

/** @throws AgentError SOURCE_MISSING if `path` is not a folder that can be read. */
export async function openFolderSource(path: string): Promise<FolderSource> {
  const facts = await statOrUndefined(path).catch(() => undefined);
  if (facts === undefined || !facts.isDirectory()) {
    throw new AgentError('SOURCE_MISSING', `There is no folder "${path}".`, {
      remedy: 'Check the name, connect the card or drive, then save again.',
    });
  }
  const root = (await realpath(path)) as AbsolutePath;
  const mount = findMount(await readMounts(), root);
  const isVolumeRoot = root !== '/' && (await stat(join(root, '..'))).dev !== facts.dev;
  const isCard = (isVolumeRoot || isCameraOverGvfs(root, mount)) && (await hasCameraFolder(root));
  const kind: SourceKind = isCard ? 'card' : 'folder';
  const honestTimes = mount === undefined ? !root.startsWith('/Volumes/') : honestFilesystems.has(mount.filesystem);
  const tree = new FolderTree({ root, dev: facts.dev, honestTimes });
  return {
    id: sourceIdOf({ root, kind, mount, uuid: await uuidOf({ root, isVolumeRoot, mount }) }),
    kind,
    name: basename(root) || root,
    root,
    isVolumeRoot,
    list: (signal) => tree.list(signal),
    open: (entry, offsetBytes, signal) => tree.open(entry, offsetBytes, signal),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** True if the folder looks like the top of a camera card. */
export async function hasCameraFolder(root: string): Promise<boolean> {
  for (const name of cameraFolders) {
    const facts = await lstat(join(root, name)).catch(() => undefined); // not there, or not for us: not a card for us
    if (facts?.isDirectory() === true) return true;
  }
  return false;
}

/** The same card in another reader or at another mount point is the same source, where its filesystem's UUID is known. */
export function sourceIdOf(facts: {
  /** Without links in it. */
  readonly root: string;
  readonly kind: SourceKind;
  readonly mount: Mount | undefined;
  readonly uuid: string | undefined;
}): SourceId {
  const { root, kind, uuid } = facts;
  const below = facts.mount === undefined ? '' : relative(facts.mount.mountPoint, root);
  const place = uuid === undefined ? root : `${uuid}:${below}`;
  return `${kind}-${createHash('sha256').update(place).digest('hex').slice(0, 12)}` as SourceId;
}

async function uuidOf(place: { root: string; isVolumeRoot: boolean; mount: Mount | undefined }) {
  if (place.mount !== undefined) return await filesystemUuid(place.mount);
  // macOS has no mount table to read; only for a whole volume is it asked.
  if (process.platform !== 'darwin' || !place.isVolumeRoot) return undefined;
  const volume = await readMacVolume(place.root, runCommand);
  return volume === 'stuck' ? undefined : volume?.uuid;
}

/** The package in which a Mac's Photos keeps its photos, beside many reduced copies of them. */
export const photosLibraryName = /\.photoslibrary$/i;

function photosLibrary(path: string): AgentError {
  return new AgentError('SOURCE_READ_FAILED', 'The library of Photos in this folder was not looked into.', {
    remedy: `It is saved on its own: keepsake backup "${path}"`,
  });
}

class FolderTree {
  readonly #root: string;
  /** Ends in a slash. */
  readonly #prefix: string;
  readonly #dev: number;
  readonly #honestTimes: boolean;

  constructor(facts: { root: string; dev: number; honestTimes: boolean }) {
    this.#root = facts.root;
    this.#prefix = facts.root.endsWith('/') ? facts.root : `${facts.root}/`;
    this.#dev = facts.dev;
    this.#honestTimes = facts.honestTimes;
  }

  async *list(signal: AbortSignal): AsyncGenerator<readonly SourceEntry[]> {
    // An explicit stack: one open folder at a time, however deep the tree.
    const waiting: { path: string; depth: number }[] = [{ path: '', depth: 0 }];
    let count = 0;
    for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
      for await (const names of this.#readNames(folder.path, signal)) {
        signal.throwIfAborted();
        count += names.length;
        if (count > entriesMax) throw tooLarge(`it has more than ${entriesMax} files`);
        const entries: SourceEntry[] = [];
        const described = await this.#describeAll(folder.path, names);
        for (const found of await findNotDownloaded(this.#root, described)) {
          if (found.kind !== 'folder') entries.push(found);
          else if (folder.depth < depthMax) waiting.push({ path: found.path, depth: folder.depth + 1 });
          else
            entries.push({
              kind: 'unreadable',
              path: found.path,
              error: tooLarge('its folders are nested too deeply'),
            });
        }
        yield entries;
      }
    }
    await this.#assertPresent();
  }

  /** Yields a folder's names in chunks, or one `unreadable` mark for a folder that cannot be read. */
  async *#readNames(folder: string, signal: AbortSignal): AsyncGenerator<readonly (string | AgentError)[]> {
    let chunk: string[] = [];
    try {
      // latin1: one character for each byte of a name, whatever they mean.
      await using directory = await opendir(this.#place(folder), { encoding: 'latin1', bufferSize: listChunk });
      for (let isEnd = false; !isEnd; chunk = []) {
        const beganMs = performance.now();
        let entry = await directory.read();
        signal.throwIfAborted();
        // The first reading brought `listChunk` entries; the others wait in this process.
        const isQuick = performance.now() - beganMs < quickMs;
        for (let count = 1; entry !== null && count <= listChunk; count += 1) {
          const name = nameFromLatin1(entry.name);
          if (!isSystemFolder(name, entry, folder === '')) chunk.push(name);
          if (count < listChunk) entry = isQuick ? directory.readSync() : await directory.read();
        }
        isEnd = entry === null;
        yield chunk;
      }
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const failure = await this.#explain(error, 'A folder');
      if (failure.code === 'SOURCE_GONE' || (folder === '' && chunk.length === 0)) throw failure;
      yield [...chunk, failure]; // what could be read of it counts
    }
  }

  /**
   * Asks about the first name without blocking: where a disk hangs, it hangs there. If it answered at once the others are asked
   * in passing, at a third of what the thread pool costs (measured 2026-11, Linux), and the clock is watched meanwhile.
   */
  async #describeAll(folder: string, names: readonly (string | AgentError)[]): Promise<readonly Described[]> {
    const [first, ...others] = names;
    if (first === undefined) return [];
    const beganMs = performance.now();
    const described = [await this.#describe(folder, first)];
    const answeredMs = performance.now();
    const blockUntilMs = answeredMs - beganMs < quickMs ? answeredMs + blockingMsMax : 0;
    for (const [index, name] of others.entries()) {
      if (performance.now() > blockUntilMs) {
        described.push(...(await Promise.all(others.slice(index).map((each) => this.#describe(folder, each)))));
        break;
      }
      described.push(this.#describeNow(folder, name) ?? (await this.#describe(folder, name)));
    }
    return described;
  }

  /** Undefined if something is wrong, which `#describe` then finds out. */
  #describeNow(folder: string, name: string | AgentError): Described | undefined {
    if (name instanceof AgentError) return undefined;
    const path = pathOf(folder, name);
    try {
      return this.#entryOf(path, lstatSync(this.#place(path), { bigint: true }));
    } catch {
      return undefined; // asked again, and then for the reason
    }
  }

  async #describe(folder: string, name: string | AgentError): Promise<Described> {
    if (name instanceof AgentError) return { kind: 'unreadable', path: folder as SourcePath, error: name };
    const path = pathOf(folder, name);
    let stats: BigIntStats;
    try {
      stats = await lstat(this.#place(path), { bigint: true });
    } catch (error) {
      const failure = await this.#explain(error, 'A file');
      if (failure.code === 'SOURCE_GONE') throw failure;
      return { kind: 'unreadable', path, error: failure };
    }
    return this.#entryOf(path, stats);
  }

  #entryOf(path: SourcePath, stats: BigIntStats): Described {
    if (stats.isDirectory() && photosLibraryName.test(path))
      return { kind: 'unreadable', path, error: photosLibrary(String(this.#place(path))) };
    if (stats.isDirectory()) return { kind: 'folder', path };
    if (!stats.isFile()) return { kind: 'notAFile', path };
    return {
      kind: 'file',
      path,
      sizeBytes: Number(stats.size),
      modifiedAtNs: boundTime(stats.mtimeNs),
      ...(stats.blocks === 0n ? { hasNoBlocks: true } : {}),
      ...(this.#honestTimes ? { bornAtMs: Number(stats.birthtimeMs), changedAtMs: Number(stats.ctimeMs) } : {}),
    };
  }

  async open(path: SourcePath, offsetBytes: number, signal: AbortSignal): Promise<ByteReader> {
    signal.throwIfAborted();
    // No link is followed and no pipe waited for, whatever has taken the file's place since it was listed.
    const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
    let handle: FileHandle | undefined;
    try {
      handle = await open(this.#place(path), flags);
      if (!(await handle.stat()).isFile()) {
        throw Object.assign(new Error('it is no longer a file'), { code: 'ENOENT' });
      }
      return new FolderFileReader(handle, offsetBytes, (error) => this.#explain(error, 'A file'));
    } catch (error) {
      await handle?.close().catch(() => undefined); // the first failure is the one to report
      throw await this.#explain(error, 'A file');
    }
  }

  /** Where it is, for the system: in bytes only where text does not say the same. */
  #place(path: string): string | Buffer {
    if (isUnescaped(path as SourcePath)) return this.#prefix + path;
    return Buffer.concat([Buffer.from(this.#prefix), bytesFromPath(path as SourcePath)]);
  }

  async #assertPresent(): Promise<void> {
    const facts = await statOrUndefined(this.#root).catch(() => undefined);
    if (facts?.dev !== this.#dev) throw gone(this.#root);
  }

  /** One bad file, or everything gone? The world is asked again: an error alone does not tell. */
  async #explain(error: unknown, what: string): Promise<AgentError> {
    const code = systemErrorCode(error);
    const facts = await statOrUndefined(this.#root).catch(() => undefined);
    if (facts?.dev !== this.#dev || code === 'ENODEV' || code === 'ENXIO') return gone(this.#root, error);
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') {
      return new AgentError('SOURCE_ENTRY_VANISHED', `${what} was listed and is no longer there.`, {
        remedy: 'If you did not remove it, save again.',
        cause: error,
      });
    }
    const isForbidden = code === 'EACCES' || code === 'EPERM';
    return new AgentError('SOURCE_READ_FAILED', `${what} could not be read (${code ?? String(error)}).`, {
      remedy: isForbidden
        ? 'Make it readable for you, then save again.'
        : 'Clean the contacts or try another reader, then save again. If it stays unreadable, the card or disk is failing.',
      cause: error,
    });
  }
}

class FolderFileReader implements ByteReader {
  readonly #handle: FileHandle;
  readonly #explain: (error: unknown) => Promise<AgentError>;
  #position: number;

  constructor(handle: FileHandle, position: number, explain: (error: unknown) => Promise<AgentError>) {
    this.#handle = handle;
    this.#position = position;
    this.#explain = explain;
  }

  async read(into: Uint8Array, signal: AbortSignal): Promise<number> {
    signal.throwIfAborted();
    try {
      const { bytesRead } = await this.#handle.read(into, 0, into.length, this.#position);
      this.#position += bytesRead;
      return bytesRead;
    } catch (error) {
      throw await this.#explain(error);
    }
  }

  async state(signal: AbortSignal): Promise<EntryState> {
    signal.throwIfAborted();
    try {
      const stats = await this.#handle.stat({ bigint: true });
      return { sizeBytes: Number(stats.size), modifiedAtNs: boundTime(stats.mtimeNs) };
    } catch (error) {
      throw await this.#explain(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}

function pathOf(folder: string, name: string): SourcePath {
  return (folder === '' ? name : `${folder}/${name}`) as SourcePath;
}

function boundTime(ns: bigint): bigint {
  if (ns > timeNsMax) return timeNsMax;
  return ns < -timeNsMax ? -timeNsMax : ns;
}

/** By name, and only if it is a folder: a photo may be called anything. */
function isSystemFolder(name: string, entry: Dirent, isTop: boolean): boolean {
  if (entry.isFile()) return false;
  // Deeper down it is somebody's own folder, of rescued photos perhaps.
  if (name === 'lost+found') return isTop;
  return systemFolders.has(name) || name.startsWith('.Trash-');
}

function gone(root: string, cause?: unknown): AgentError {
  return new AgentError('SOURCE_GONE', `"${root}" is no longer connected.`, {
    remedy: 'Connect it again and save again: what is missing is then saved. Nothing was lost.',
    cause,
  });
}

function tooLarge(why: string): AgentError {
  return new AgentError('SOURCE_TOO_LARGE', `This source cannot be saved as a whole: ${why}.`, {
    remedy: 'Save its folders one by one.',
  });
}
