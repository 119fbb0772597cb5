// The only code that creates files in a library or a copy. It promises that a published file is complete, on the disk, and
// never took the place of another; whatever is killed or loses power on the way leaves nothing half-named.
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
import { type FileHandle, link, mkdir, open, rename, rm, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ByteReader, EntryState } from '../domain/byte-reader.ts';
import { AgentError, type ErrorCode, isAgentError, systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath, ContentHash } from '../domain/ids.ts';
import type { FlushQueue } from './flush-queue.ts';

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

/** Two buffers of this size per file being staged: one is read into while the other is hashed and written. */
export const copyBufferBytes = 512 * 1024;
/** The start of a file that is hashed on its own, to recognise an entry again without reading all of it. */
export const headBytes = 64 * 1024;
/** A file at least this large leaves a resume record each time this much more of it has reached the disk. */
export const checkpointBytes = 64 * 1024 * 1024;
const folderFlushConcurrency = 4;
const filePermissions = 0o644;
const folderPermissions = 0o755;

/** Copy buffers, used again and again: allocating two for each file costs a third of the CPU time of a copy (measured). */
export class BufferPool {
  readonly #free: Buffer[] = [];

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(copyBufferBytes);
  }

  /** Only when no read or write uses it any more. */
  giveBack(buffer: Buffer): void {
    this.#free.push(buffer);
  }
}

export interface StagedFile {
  readonly path: AbsolutePath;
  readonly sizeBytes: number;
  readonly hash: ContentHash;
  /** Hash of the first `headBytes`. */
  readonly headHash: ContentHash;
  /** Step `flush-file`, under way. Rejects with the system's error: the file is bad then, and must be removed. */
  readonly flushed: Promise<void>;
}

/** How far a large file had come. `durableBytes` of the partial are on the disk. */
export interface StagingProgress {
  readonly durableBytes: number;
  readonly headHash: ContentHash;
}

export interface StageRequest {
  readonly path: AbsolutePath;
  /** What the source said when it listed the entry. */
  readonly expected: EntryState;
  /** Opens the entry at `offsetBytes`. Called more than once when resuming. */
  readonly open: (offsetBytes: number) => Promise<ByteReader>;
  /** Sees the first bytes (up to `copyBufferBytes`) before anything is written. False: the file is not wanted. */
  readonly inspectHead?: ((head: Uint8Array) => Promise<boolean>) | undefined;
  readonly buffers: BufferPool;
  readonly flushes: FlushQueue;
  /** An earlier partial at `path` to go on from, if the entry still starts and goes on as it did then. */
  readonly resumeFrom?: StagingProgress | undefined;
  /** Called when another `checkpointBytes` are on the disk. */
  readonly onCheckpoint?: ((progress: StagingProgress) => Promise<void>) | undefined;
  readonly checkpointBytes?: number | undefined;
  readonly onBytes?: ((bytes: number) => void) | undefined;
  readonly observeStep: StepObserver;
  readonly signal: AbortSignal;
}

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

/** Passes our own errors and aborts through and names everything else. */
function asWriteError(error: unknown, what: string, signal?: AbortSignal): unknown {
  if (error instanceof AgentError) return error;
  if (signal?.aborted === true) return signal.reason;
  return writeError(error, what);
}

/**
 * Steps `stage` and `times` for one file, and the beginning of `flush-file`. Returns `refused`, having written nothing, if `inspectHead` did not
 * want it. On any failure or abort the partial is removed, unless a checkpoint was reported for it; then it stays for a
 * later run to resume.
 * @throws AgentError SOURCE_ENTRY_CHANGING if size or time differ at the end; the reader's errors; write errors (see `writeError`).
 */
export async function stageFile(request: StageRequest): Promise<StagedFile | 'refused'> {
  const { path, signal } = request;
  const buffers = [request.buffers.take(), request.buffers.take()] as const;
  const keep = { partial: request.resumeFrom !== undefined };
  let handle: FileHandle | undefined;
  try {
    const resumed = request.resumeFrom === undefined ? undefined : await reopenPartial(request, request.resumeFrom);
    handle = resumed?.handle;
    keep.partial = resumed !== undefined;
    await using reader = await request.open(resumed?.position ?? 0);
    const firstBytes = await fill(reader, buffers[0], signal);
    if (resumed === undefined) {
      if ((await request.inspectHead?.(buffers[0].subarray(0, firstBytes))) === false) return 'refused';
      request.observeStep('stage');
      handle = await open(path, 'wx+', filePermissions);
    }
    if (handle === undefined) throw new Error('no staged file is open');
    const copied = await copyInto({ handle, request, reader, buffers, firstBytes, resumed, keep });
    request.observeStep('times');
    await setModifiedTime(handle, request.expected.modifiedAtNs);
    const flushed = request.flushes.flush(handle, () => request.observeStep('flush-file'));
    flushed.catch(() => undefined); // awaited before the file is journalled; this only keeps Node.js from calling it unhandled
    return { path, ...copied, flushed };
  } catch (error) {
    // The failure below is the one to report; a close that fails as well adds nothing.
    await handle?.close().catch(() => undefined);
    const failure = asWriteError(error, 'A new file in your photo folder', signal);
    // A failed fsync reports once and then claims success (measured): that partial is bad, it is never flushed again.
    const resumable = keep.partial && !isAgentError(failure, 'SOURCE_ENTRY_CHANGING', 'LIBRARY_WRITE_FAILED');
    if (!resumable && handle !== undefined) await rm(path, { force: true }).catch(() => undefined); // else swept at the next start
    throw failure;
  } finally {
    for (const buffer of buffers) request.buffers.giveBack(buffer); // `copyInto` has waited for its last write
  }
}

interface ReopenedPartial {
  readonly handle: FileHandle;
  readonly position: number;
  readonly hash: Hash;
  readonly headHash: ContentHash;
}

/** Opens the partial and hashes what it has, or removes it if the source no longer begins and goes on like it. */
async function reopenPartial(request: StageRequest, from: StagingProgress): Promise<ReopenedPartial | undefined> {
  const handle = await open(request.path, 'r+');
  try {
    if (await partialStillMatches(handle, request, from)) {
      const hash = createHash('sha256');
      await hashRange(handle, hash, from.durableBytes, request.signal);
      await handle.truncate(from.durableBytes);
      request.onBytes?.(from.durableBytes);
      return { handle, position: from.durableBytes, hash, headHash: from.headHash };
    }
  } catch (error) {
    await handle.close().catch(() => undefined); // the first failure is the one to report
    throw error;
  }
  await handle.close();
  await rm(request.path);
  return undefined;
}

interface CopyRequest {
  readonly handle: FileHandle;
  readonly request: StageRequest;
  readonly reader: ByteReader;
  readonly buffers: readonly [Buffer, Buffer];
  /** How much of `buffers[0]` is filled already. */
  readonly firstBytes: number;
  readonly resumed: ReopenedPartial | undefined;
  readonly keep: { partial: boolean };
}

/** Reads into one buffer while the other is written; hashes each in between. */
async function copyInto(copy: CopyRequest): Promise<Omit<StagedFile, 'path' | 'flushed'>> {
  const { handle, request, reader, buffers, resumed } = copy;
  const { expected, signal } = request;
  const hash = resumed?.hash ?? createHash('sha256');
  let headHash = resumed?.headHash;
  let position = resumed?.position ?? 0;
  const step = request.checkpointBytes ?? checkpointBytes;
  const checkpoint = new Checkpointer(handle, step, position, async (durableBytes) => {
    if (headHash === undefined || request.onCheckpoint === undefined) return;
    await request.onCheckpoint({ durableBytes, headHash });
    copy.keep.partial = true;
  });
  let writing: Promise<void> = Promise.resolve();
  try {
    for (let turn = 0; ; turn += 1) {
      const buffer = turn % 2 === 0 ? buffers[0] : buffers[1];
      const filled = turn === 0 ? copy.firstBytes : await fill(reader, buffer, signal);
      await writing;
      if (filled === 0) break;
      const chunk = buffer.subarray(0, filled);
      writing = writeAll(handle, chunk, position);
      writing.catch(() => undefined); // Awaited above or below; this only keeps Node.js from calling it unhandled.
      hash.update(chunk);
      headHash ??= digest(createHash('sha256').update(chunk.subarray(0, headBytes)));
      position += filled;
      request.onBytes?.(filled);
      if (position > expected.sizeBytes) throw changing('it grew while it was read');
      if (expected.sizeBytes >= step) checkpoint.advance(position);
    }
  } finally {
    await writing.catch(() => undefined);
    await checkpoint.settle();
  }
  checkpoint.throwIfFailed();
  const after = await reader.state(signal);
  if (position !== expected.sizeBytes || after.sizeBytes !== position || after.modifiedAtNs !== expected.modifiedAtNs) {
    throw changing('its size or time changed while it was read');
  }
  return { sizeBytes: position, hash: digest(hash), headHash: headHash ?? digest(createHash('sha256')) };
}

/** Flushes in the background while copying goes on, and reports how much is certainly on the disk. */
class Checkpointer {
  readonly #handle: FileHandle;
  readonly #stepBytes: number;
  readonly #report: (durableBytes: number) => Promise<void>;
  #nextBytes: number;
  #running: Promise<void> | undefined;
  #failure: unknown;

  constructor(
    handle: FileHandle,
    stepBytes: number,
    startBytes: number,
    report: (durableBytes: number) => Promise<void>,
  ) {
    this.#handle = handle;
    this.#stepBytes = stepBytes;
    this.#report = report;
    this.#nextBytes = startBytes + stepBytes;
  }

  /** `position` bytes were handed to the system; the last write may still be under way, so it counts one buffer less. */
  advance(position: number): void {
    const writtenBytes = position - copyBufferBytes;
    if (writtenBytes < this.#nextBytes || this.#running !== undefined) return;
    this.#nextBytes = writtenBytes + this.#stepBytes;
    this.#running = this.#handle
      .datasync()
      .then(() => this.#report(writtenBytes))
      .catch((error: unknown) => {
        this.#failure ??= error; // thrown by `throwIfFailed`: fsync tells of an error only once
      })
      .finally(() => {
        this.#running = undefined;
      });
  }

  /** Waits for the flush under way. */
  async settle(): Promise<void> {
    await this.#running;
  }

  /** @throws what a flush failed with. */
  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

function changing(how: string): AgentError {
  return new AgentError('SOURCE_ENTRY_CHANGING', `A file was not saved yet: ${how}.`, {
    remedy: 'It is still being written. Save again when that is done.',
  });
}

/** Reads until `buffer` is full or the file ends, so that writes are large whatever the source delivers at a time. */
async function fill(reader: ByteReader, buffer: Buffer, signal: AbortSignal): Promise<number> {
  let filled = 0;
  while (filled < buffer.length) {
    signal.throwIfAborted();
    const count = await reader.read(buffer.subarray(filled), signal);
    if (count === 0) break;
    filled += count;
  }
  return filled;
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const result = await handle.write(bytes, written, bytes.length - written, position + written);
    written += result.bytesWritten;
  }
}

/** True if the source still begins as the partial does and still agrees with the partial's last bytes. */
async function partialStillMatches(handle: FileHandle, request: StageRequest, from: StagingProgress): Promise<boolean> {
  const { size } = await handle.stat();
  if (size < from.durableBytes || from.durableBytes > request.expected.sizeBytes) return false;
  const tailStart = Math.max(0, from.durableBytes - headBytes);
  for (const start of [0, tailStart]) {
    const length = Math.min(headBytes, from.durableBytes - start);
    const ours = Buffer.alloc(length);
    const { bytesRead } = await handle.read(ours, 0, length, start);
    await using reader = await request.open(start);
    const theirs = Buffer.alloc(length);
    const filled = await fill(reader, theirs, request.signal);
    if (bytesRead !== length || filled !== length || !ours.equals(theirs)) return false;
  }
  return true;
}

async function hashRange(handle: FileHandle, hash: Hash, endBytes: number, signal: AbortSignal): Promise<void> {
  const buffer = Buffer.allocUnsafe(copyBufferBytes);
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

async function setModifiedTime(handle: FileHandle, modifiedAtNs: bigint): Promise<void> {
  // Negative *numbers* silently mean "now" (measured); a Date keeps times before 1970, to the millisecond. Numbers are
  // seconds as a double: exact to about a quarter of a microsecond in this century.
  const time = modifiedAtNs < 0n ? new Date(Math.round(Number(modifiedAtNs) / 1e6)) : Number(modifiedAtNs) / 1e9;
  await handle.utimes(time, time);
}

/**
 * Step `publish` for one file: gives the staged file its final name without ever replacing what has that name.
 * Returns `taken` if something else has it, `refused` if the filesystem cannot hold such a name. The folder must exist.
 */
export async function publishFile(options: {
  readonly staged: AbsolutePath;
  readonly final: AbsolutePath;
  readonly hardLinks: boolean;
}): Promise<'published' | 'taken' | 'refused'> {
  const { staged, final } = options;
  try {
    if (options.hardLinks) {
      await link(staged, final);
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
export async function unstageFile(staged: AbsolutePath): Promise<void> {
  try {
    await unlink(staged);
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
}): Promise<readonly AbsolutePath[]> {
  const missing: AbsolutePath[] = [];
  try {
    for (let folder = options.folder; folder !== options.root; folder = dirname(folder) as AbsolutePath) {
      if (await isFolder(folder)) break;
      missing.unshift(folder);
    }
    for (const folder of missing) {
      await mkdir(folder, { mode: folderPermissions }).catch((error: unknown) => {
        if (systemErrorCode(error) !== 'EEXIST') throw error;
      });
    }
  } catch (error) {
    throw asWriteError(error, `The folder "${options.folder}"`);
  }
  return missing.map((folder) => dirname(folder) as AbsolutePath);
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
 */
export async function appendLines(
  path: AbsolutePath,
  lines: readonly string[],
  options: { readonly firstLine?: string } = {},
): Promise<void> {
  try {
    await using handle = await open(path, constants.O_RDWR | constants.O_CREAT, filePermissions);
    const { size } = await handle.stat();
    const end = await endOfLastLine(handle, size);
    if (end < size) await handle.truncate(end);
    const all = end === 0 && options.firstLine !== undefined ? [options.firstLine, ...lines] : lines;
    await writeAll(handle, Buffer.from(all.map((line) => `${line}\n`).join('')), end);
    await handle.sync();
    if (end === 0) await flushFolder(dirname(path) as AbsolutePath);
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
