// Brings one file of a source into incoming/: the steps `stage` and `times` of durable-write and the beginning of `flush-file`.
// Promises that a staged file is whole, or gone, or, where a resume record was left, gone on from without believing more of it
// than is on the disk.

import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import type { ByteReader, EntryState } from '../domain/byte-reader.ts';
import { AgentError, endsSource, isAgentError } from '../domain/errors.ts';
import type { AbsolutePath, ContentHash } from '../domain/ids.ts';
import {
  asWriteError,
  digest,
  filePermissions,
  hashRange,
  type StepObserver,
  timeForSystem,
  writeAll,
} from './durable-write.ts';
import type { FileThread } from './file-thread.ts';
import type { FlushableFile, FlushQueue } from './flush-queue.ts';

/** Two buffers of this size per file being staged: one is read into while the other is hashed and written. */
export const copyBufferBytes = 512 * 1024;
/** The start of a file that is hashed on its own, to recognise an entry again without reading all of it. */
export const headBytes = 64 * 1024;
/** What is smaller is held in memory whole, in a buffer of this size, before it is written. */
const smallFileBytes = 64 * 1024;
/** A file at least this large leaves a resume record each time this much more of it has reached the disk. */
export const checkpointBytes = 64 * 1024 * 1024;
/** A source that ends within a file of which at least this much has come leaves a resume record right there. */
export const resumeBytesMin = 512 * 1024;
/** Copy buffers, used again and again: allocating two for each file costs a third of the CPU time of a copy (measured). */
export class BufferPool {
  readonly #free = new Map<number, Buffer[]>();

  /** Large enough to see the end of a small file of that size, else of `copyBufferBytes`. */
  take(fileBytes: number): Buffer {
    const sizeBytes = isSmallFile(fileBytes) ? smallFileBytes : copyBufferBytes;
    return this.#free.get(sizeBytes)?.pop() ?? Buffer.allocUnsafeSlow(sizeBytes);
  }

  /** Only when no read or write uses it any more. */
  giveBack(buffer: Buffer): void {
    const free = this.#free.get(buffer.length);
    if (free === undefined) this.#free.set(buffer.length, [buffer]);
    else free.push(buffer);
  }
}

export function isSmallFile(fileBytes: number): boolean {
  return fileBytes < smallFileBytes;
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
  /** Writes what fits into one buffer. Undefined: that is written through the pool, too. */
  readonly fileThread?: FileThread | undefined;
  /** An earlier partial at `path` to go on from, if the entry still starts and goes on as it did then. */
  readonly resumeFrom?: StagingProgress | undefined;
  /** Called when another `checkpointBytes` are on the disk. */
  readonly onCheckpoint?: ((progress: StagingProgress) => Promise<void>) | undefined;
  readonly checkpointBytes?: number | undefined;
  readonly onBytes?: ((bytes: number) => void) | undefined;
  readonly observeStep: StepObserver;
  readonly signal: AbortSignal;
}

/**
 * Steps `stage` and `times` for one file, and the beginning of `flush-file`. Returns `refused`, having written nothing, if `inspectHead` did not
 * want it. On any failure the partial is removed, unless a checkpoint was reported for it; then it stays for a later run to
 * resume. If the source itself ends, one is reported then.
 * @throws AgentError SOURCE_ENTRY_CHANGING if size or time differ at the end; the reader's errors; write errors (see `writeError`).
 */
export async function stageFile(request: StageRequest): Promise<StagedFile | 'refused'> {
  const { path, signal } = request;
  const first = request.buffers.take(request.expected.sizeBytes);
  let second: Buffer | undefined;
  const keep = { partial: request.resumeFrom !== undefined };
  let handle: FileHandle | undefined;
  try {
    const resumed = request.resumeFrom === undefined ? undefined : await reopenPartial(request, request.resumeFrom);
    handle = resumed?.handle;
    keep.partial = resumed !== undefined;
    await using reader = await request.open(resumed?.position ?? 0);
    const firstBytes = await fill(reader, first, signal);
    if (resumed === undefined) {
      const head = first.subarray(0, firstBytes);
      if ((await request.inspectHead?.(head)) === false) return 'refused';
      const { fileThread } = request;
      const isWhole = firstBytes < first.length;
      if (isWhole && fileThread !== undefined) return await stageWhole({ request, fileThread, reader, bytes: head });
      request.observeStep('stage');
      handle = await open(path, 'wx+', filePermissions);
    }
    if (handle === undefined) throw new Error('no staged file is open');
    second = request.buffers.take(request.expected.sizeBytes);
    const buffers = [first, second] as const;
    const copied = await copyInto({ handle, request, reader, buffers, firstBytes, resumed, keep });
    request.observeStep('times');
    const time = timeForSystem(request.expected.modifiedAtNs);
    await handle.utimes(time, time);
    return { path, ...copied, flushed: beginFlush(request, handle) };
  } catch (error) {
    // The failure below is the one to report; a close that fails as well adds nothing.
    await handle?.close().catch(() => undefined);
    const failure = asWriteError(error, 'A new file in your photo folder', signal);
    // A failed fsync reports once and then claims success (measured): that partial is bad, it is never flushed again.
    const resumable = keep.partial && !isAgentError(failure, 'SOURCE_ENTRY_CHANGING', 'LIBRARY_WRITE_FAILED');
    if (!resumable && handle !== undefined) await rm(path, { force: true }).catch(() => undefined); // else swept at the next start
    throw failure;
  } finally {
    request.buffers.giveBack(first); // `copyInto` has waited for its last write
    if (second !== undefined) request.buffers.giveBack(second);
  }
}

/** What is in memory whole: nothing is written before the source has confirmed it. */
async function stageWhole(whole: {
  readonly request: StageRequest;
  readonly fileThread: FileThread;
  readonly reader: ByteReader;
  readonly bytes: Uint8Array;
}): Promise<StagedFile> {
  const { request, bytes } = whole;
  const { path, expected, signal } = request;
  const sizeBytes = bytes.length;
  if (sizeBytes > expected.sizeBytes) throw changing('it grew while it was read');
  assertUnchanged(expected, sizeBytes, await whole.reader.state(signal));
  const headHash = digest(createHash('sha256').update(bytes.subarray(0, headBytes)));
  const hash = sizeBytes <= headBytes ? headHash : digest(createHash('sha256').update(bytes));
  request.observeStep('stage');
  request.observeStep('times');
  const file = await whole.fileThread.create(path, bytes, expected.modifiedAtNs);
  request.onBytes?.(sizeBytes);
  return { path, sizeBytes, hash, headHash, flushed: beginFlush(request, file) };
}

function beginFlush(request: StageRequest, file: FlushableFile): Promise<void> {
  const flushed = request.flushes.flush(file, () => request.observeStep('flush-file'));
  flushed.catch(() => undefined); // awaited before the file is journalled; this only keeps Node.js from calling it unhandled
  return flushed;
}

/** @throws AgentError SOURCE_ENTRY_CHANGING */
function assertUnchanged(expected: EntryState, readBytes: number, after: EntryState): void {
  if (
    readBytes !== expected.sizeBytes ||
    after.sizeBytes !== readBytes ||
    after.modifiedAtNs !== expected.modifiedAtNs
  ) {
    throw changing('its size or time changed while it was read');
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
  let isAtEnd = false;
  try {
    for (let turn = 0; ; turn += 1) {
      const buffer = turn % 2 === 0 ? buffers[0] : buffers[1];
      const filled: number = turn === 0 ? copy.firstBytes : isAtEnd ? 0 : await fill(reader, buffer, signal);
      isAtEnd = filled < buffer.length;
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
  } catch (error) {
    if (endsSource(error) && position - (resumed?.position ?? 0) >= resumeBytesMin)
      await checkpoint.end(position, writing);
    throw error;
  } finally {
    await writing.catch(() => undefined);
    await checkpoint.settle();
  }
  checkpoint.throwIfFailed();
  assertUnchanged(expected, position, await reader.state(signal));
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

  /** Nothing more will come: flushes what was written, `position` bytes once `writing` is done, and reports it. */
  async end(position: number, writing: Promise<void>): Promise<void> {
    try {
      await writing;
      await this.settle();
      this.throwIfFailed();
      await this.#handle.datasync();
      await this.#report(position);
    } catch (error) {
      this.#failure ??= error; // the end of the source is what is told; without a report here the earlier one holds
    }
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
