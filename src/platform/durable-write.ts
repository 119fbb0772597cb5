// The only code, with stage-file for its first three steps, that creates files in a library or a copy. It promises that a
// published file is complete, on the disk, and never took the place of another; whatever is killed or loses power on the way
// leaves nothing half-named.
//
// The named steps, in order, and what a crash after each leaves (recovery: library/recovery.ts; proof: test/fault/):
//   stage         bytes into incoming/KEY.part, hashed in the same pass. Crash: a partial. Removed at the next start, unless
//                 a resume record says how much of it is on the disk; then staging goes on from there.
//   times         modification time set on the staged file. Crash: as above.
//   flush-file    fsync. Crash: a complete staged file that nobody refers to yet. Removed; the source still has it.
//   journal       the catalogue notes what is about to get which name (one transaction per batch). Crash: staged files and a
//                 journal: recovery publishes the rest of the batch from them.
//   publish       hard link to the final name (EEXIST if it is taken); where there are no hard links an empty placeholder is
//                 created exclusively and the staged file renamed over it. Crash: some of the batch has its final names;
//                 recovery recognises them by content, publishes the rest, and removes a placeholder only if it is
//                 journalled and empty.
//   flush-folder  fsync of every folder that got a name, and of the parents of new folders. Crash: as publish.
//   manifest      lines appended to imports/ID.jsonl and flushed. Crash: recovery appends the lines that are missing.
//   record        the catalogue learns the assets and forgets the journal, in one transaction. Crash: nothing to do.
//   unstage       the staged name (by now a second link to the published file) goes. Crash: removed at the next start.

import { createHash, type Hash, randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { chmod, type FileHandle, link, mkdir, open, rename, rm, stat, unlink } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { AgentError, type ErrorCode, systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath, ContentHash } from '../domain/ids.ts';
import type { FileThread } from './file-thread.ts';

export const durableSteps = [
  'stage',
  'times',
  'flush-file',
  'journal',
  'publish',
  'flush-folder',
  'manifest',
  'record',
  'unstage',
] as const;
export type DurableStep = (typeof durableSteps)[number];

/** Told before each step begins. In the product it does nothing; crash tests end the process here. */
export type StepObserver = (step: DurableStep) => void;

const rereadBytes = 512 * 1024;
const folderFlushConcurrency = 4;
export const filePermissions = 0o644;
const folderPermissions = 0o755;
const ownersOnlyPermissions = 0o700;

/** Turns a failed write into what the owner can act on. `what` names the file. */
export function writeError(error: unknown, what: string): AgentError {
  const [code, remedy] = describeWriteError(systemErrorCode(error));
  return new AgentError(code, `${what} could not be written (${systemErrorCode(error) ?? String(error)}).`, {
    remedy,
    cause: error,
  });
}

function describeWriteError(code: string | undefined): [ErrorCode, string] {
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return ['LIBRARY_FULL', 'Make room on the disk of your photo folder, then save again. Nothing was lost.'];
    case 'EROFS':
    case 'EACCES':
    case 'EPERM':
      return [
        'LIBRARY_READ_ONLY',
        'Check that you may write to your photo folder and that its disk is not locked or worn out, then save again.',
      ];
    case 'ENOENT':
    case 'ENOTDIR':
    case 'ENODEV':
    case 'ENXIO':
    case 'ESTALE':
    case 'ENOTCONN':
      return ['LIBRARY_GONE', 'Connect the disk of your photo folder again, then save again.'];
    case 'EFBIG':
      return [
        'FILE_TOO_LARGE',
        'This disk cannot hold files this large (FAT32 stops at 4 GB). Use a disk formatted as exFAT.',
      ];
    default:
      return ['LIBRARY_WRITE_FAILED', 'Save again. If it happens again, the disk of your photo folder may be failing.'];
  }
}

/** A modification time as Node.js takes it. */
export function timeForSystem(modifiedAtNs: bigint): Date | number {
  // Negative *numbers* silently mean "now" (measured); a Date keeps times before 1970, to the millisecond. Numbers are
  // seconds as a double: exact to about a quarter of a microsecond in this century.
  return modifiedAtNs < 0n ? new Date(Math.round(Number(modifiedAtNs) / 1e6)) : Number(modifiedAtNs) / 1e9;
}

/** Passes our own errors and aborts through and names everything else. */
export function asWriteError(error: unknown, what: string, signal?: AbortSignal): unknown {
  if (error instanceof AgentError) return error;
  if (signal?.aborted === true) return signal.reason;
  return writeError(error, what);
}

export async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const result = await handle.write(bytes, written, bytes.length - written, position + written);
    written += result.bytesWritten;
  }
}

/** Adds the first `endBytes` of a file to a hash. @throws Error if it is shorter. */
export async function hashRange(handle: FileHandle, hash: Hash, endBytes: number, signal: AbortSignal): Promise<void> {
  const buffer = Buffer.allocUnsafe(rereadBytes);
  for (let position = 0; position < endBytes; ) {
    signal.throwIfAborted();
    const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, endBytes - position), position);
    if (bytesRead === 0) throw new Error('the partial is shorter than its resume record says');
    hash.update(buffer.subarray(0, bytesRead));
    position += bytesRead;
  }
}

export function digest(hash: Hash): ContentHash {
  return `sha256:${hash.digest('hex')}` as ContentHash;
}

/** Reads a whole file from the disk again and returns its hash and size. @throws system errors, or the signal's reason. */
export async function hashFile(path: string, signal: AbortSignal): Promise<{ hash: ContentHash; sizeBytes: number }> {
  await using handle = await open(path, constants.O_RDONLY);
  const { size } = await handle.stat();
  const hash = createHash('sha256');
  await hashRange(handle, hash, size, signal);
  return { hash: digest(hash), sizeBytes: size };
}

/**
 * Step `publish` for one file: gives the staged file its final name without ever replacing what has that name.
 * Returns `taken` if something else has it, `refused` if the filesystem cannot hold such a name. The folder must exist.
 */
export async function publishFile(options: {
  readonly staged: AbsolutePath;
  readonly final: AbsolutePath;
  readonly hardLinks: boolean;
  /** For many at once. */
  readonly fileThread?: Pick<FileThread, 'link'> | undefined;
}): Promise<'published' | 'taken' | 'refused'> {
  const { staged, final, fileThread } = options;
  try {
    if (options.hardLinks) {
      await (fileThread === undefined ? link(staged, final) : fileThread.link(staged, final));
      return 'published';
    }
    const placeholder = await open(final, 'wx', filePermissions);
    await placeholder.close();
    await rename(staged, final);
    return 'published';
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return 'taken';
    if (nameRefusals.has(systemErrorCode(error) ?? '') && (await takesOtherNames(dirname(final)))) return 'refused';
    throw asWriteError(error, `"${final}"`);
  }
}

function nameRefused(path: string, cause: unknown): AgentError {
  return new AgentError('NAME_UNSUITABLE', `The disk cannot hold a folder named "${path}".`, {
    remedy: 'Rename that folder in your photo folder, or use a drive formatted as exFAT, which takes more names.',
    cause,
  });
}

/** What drivers answer to a name they cannot hold, among other things: which one differs from driver to driver (measured). */
const nameRefusals = new Set(['EPERM', 'EACCES', 'EINVAL', 'EILSEQ', 'ENOENT', 'ENAMETOOLONG']);

/** Tells a name that is refused from a folder that is: a plain name is tried there. */
async function takesOtherNames(folder: string): Promise<boolean> {
  const path = join(folder, `keepsake-${randomBytes(6).toString('hex')}`);
  try {
    const handle = await open(path, 'wx', filePermissions);
    await handle.close();
    await rm(path);
    return true;
  } catch {
    return false; // the folder itself cannot be written; the first error says so
  }
}

/** Step `unstage`: removes staged names whose bytes have their final name by now. A name already gone is fine. */
export async function unstageFile(staged: AbsolutePath, fileThread?: Pick<FileThread, 'unlink'>): Promise<void> {
  try {
    await (fileThread === undefined ? unlink(staged) : fileThread.unlink(staged));
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw asWriteError(error, `"${staged}"`);
  }
}

/**
 * Creates `folder` and what is missing between `root` and it, never `root` itself (an unmounted drive must not come back
 * as a folder). Returns the folders that have to be flushed for the new names to last: each new folder's parent.
 */
export async function makeFolders(options: {
  readonly root: AbsolutePath;
  readonly folder: AbsolutePath;
  /** If `folder` is this one or lies in it, nobody but its owner may look into it. */
  readonly ownersOnly?: AbsolutePath;
}): Promise<readonly AbsolutePath[]> {
  const missing: AbsolutePath[] = [];
  try {
    for (let folder = options.folder; folder !== options.root; folder = dirname(folder) as AbsolutePath) {
      if (await isFolder(folder)) break;
      missing.unshift(folder);
    }
    for (const folder of missing) {
      const mode = folder === options.ownersOnly ? ownersOnlyPermissions : folderPermissions;
      await mkdir(folder, { mode }).catch(async (error: unknown) => {
        const code = systemErrorCode(error) ?? '';
        if (code === 'EEXIST') return;
        if (nameRefusals.has(code) && (await takesOtherNames(dirname(folder)))) throw nameRefused(folder, error);
        throw error;
      });
    }
    const { ownersOnly, folder } = options;
    const isPrivate = ownersOnly !== undefined && (folder === ownersOnly || folder.startsWith(`${ownersOnly}${sep}`));
    if (isPrivate) await keepToOwner(ownersOnly);
  } catch (error) {
    throw asWriteError(error, `The folder "${options.folder}"`);
  }
  return missing.map((folder) => dirname(folder) as AbsolutePath);
}

/** A folder of that name may have been there before. FAT and exFAT know no owners: there is nothing to be had there. */
async function keepToOwner(folder: AbsolutePath): Promise<void> {
  const { mode } = await stat(folder);
  if ((mode & 0o077) === 0) return;
  await chmod(folder, ownersOnlyPermissions).catch((error: unknown) => {
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL'].includes(systemErrorCode(error) ?? '')) throw error;
  });
}

/** @throws AgentError LIBRARY_UNSUITABLE if something else has that name. */
async function isFolder(path: string): Promise<boolean> {
  const stats = await stat(path).catch((error: unknown): Stats | undefined => {
    if (systemErrorCode(error) === 'ENOENT' || systemErrorCode(error) === 'ENOTDIR') return undefined;
    throw error;
  });
  if (stats === undefined || stats.isDirectory()) return stats !== undefined;
  throw new AgentError('LIBRARY_UNSUITABLE', `"${path}" is a file, and photos need a folder of that name.`, {
    remedy: 'Move or rename that file, then save again.',
  });
}

/** Step `flush-folder`: makes the names in a folder last. Some filesystems cannot; they say so with EINVAL and the like. */
export async function flushFolder(folder: AbsolutePath): Promise<void> {
  try {
    await using handle = await open(folder, constants.O_RDONLY);
    await handle.sync();
  } catch (error) {
    const code = systemErrorCode(error);
    // exFAT over FUSE, some network shares, Windows: a folder cannot be flushed there at all.
    if (code === 'EINVAL' || code === 'ENOTSUP' || code === 'EOPNOTSUPP' || code === 'EISDIR' || code === 'ENOSYS')
      return;
    if (process.platform === 'win32' && (code === 'EPERM' || code === 'EACCES')) return;
    throw asWriteError(error, `The folder "${folder}"`);
  }
}

/** Flushes folders a few at a time: a filesystem commits what waits together. */
export async function flushFolders(folders: Iterable<AbsolutePath>): Promise<void> {
  const waiting = [...folders];
  const worker = async () => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await flushFolder(next);
  };
  await Promise.all(Array.from({ length: folderFlushConcurrency }, worker));
}

/** Writes a small file of our own (never a photo) as a whole: temporary name, fsync, rename over, fsync of the folder. */
export async function writeSmallFile(path: AbsolutePath, text: string, permissions = filePermissions): Promise<void> {
  const temporary = `${path}.new` as AbsolutePath;
  try {
    await rm(temporary, { force: true });
    {
      await using handle = await open(temporary, 'wx', permissions);
      await handle.writeFile(text);
      await handle.sync();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined); // the first failure is the one to report
    throw asWriteError(error, `"${path}"`);
  }
  await flushFolder(dirname(path) as AbsolutePath);
}

/**
 * Appends to a file of our own and flushes it, and its folder if the file is new. A torn last line is cut off first.
 * `firstLine` is written before the others if the file has no whole line, be it new or torn within its first one.
 * Returns the size of the file, in bytes.
 */
export async function appendLines(
  path: AbsolutePath,
  lines: readonly string[],
  options: { readonly firstLine?: string } = {},
): Promise<number> {
  try {
    await using handle = await open(path, constants.O_RDWR | constants.O_CREAT, filePermissions);
    const { size } = await handle.stat();
    const end = await endOfLastLine(handle, size);
    if (end < size) await handle.truncate(end);
    const all = end === 0 && options.firstLine !== undefined ? [options.firstLine, ...lines] : lines;
    const bytes = Buffer.from(all.map((line) => `${line}\n`).join(''));
    await writeAll(handle, bytes, end);
    await handle.sync();
    if (end === 0) await flushFolder(dirname(path) as AbsolutePath);
    return end + bytes.length;
  } catch (error) {
    throw asWriteError(error, `"${path}"`);
  }
}

/** The offset after the last newline; what follows was cut off by a crash. */
async function endOfLastLine(handle: FileHandle, size: number): Promise<number> {
  const block = Buffer.alloc(64 * 1024);
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - block.length);
    const { bytesRead } = await handle.read(block, 0, end - start, start);
    const newline = block.subarray(0, bytesRead).lastIndexOf(0x0a);
    if (newline !== -1) return start + newline + 1;
    end = start;
  }
  return 0;
}
