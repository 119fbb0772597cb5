// Brings the files of one candidate group into incoming/: decides by the first bytes what each is, copies what is wanted,
// reads its metadata. Touches no final name. Groups may be staged at the same time.

import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ByteReader, EntryState } from '../domain/byte-reader.ts';
import { AgentError, isAgentError, systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath } from '../domain/ids.ts';
import type { Content, MediaMetadata } from '../domain/media.ts';
import type { Clock } from '../platform/clock.ts';
import { type StepObserver, unstageFile, writeError } from '../platform/durable-write.ts';
import type { FileThread } from '../platform/file-thread.ts';
import type { FlushQueue } from '../platform/flush-queue.ts';
import {
  type BufferPool,
  checkpointBytes,
  headBytes,
  resumeBytesMin,
  type StagedFile,
  stageFile,
} from '../platform/stage-file.ts';
import type { Candidate } from './grouping.ts';
import { dropProgress, loadProgress, type StagingIdentity, saveProgress, stagedName } from './incoming.ts';
import type { Shelf } from './layout.ts';
import type { Library } from './library.ts';
import { identifyContent } from './metadata/content.ts';
import { googleSidecarBytesMax, parseGoogleSidecar } from './metadata/google-sidecar.ts';
import type { MetadataReader } from './metadata/read-metadata.ts';
import type { Room } from './room.ts';

/** A file of a source, as the library needs it: facts, and a way to its bytes. */
export interface IncomingFile {
  readonly identity: StagingIdentity;
  /** Last part of the path, as it was, or the name that its photo was taken under. */
  readonly name: string;
  readonly key: string;
  /** When the file itself, as a copy, came to be or was last changed, where the filesystem tells. */
  readonly bornAtMs?: number;
  readonly changedAtMs?: number;
  readonly open: (offsetBytes: number, signal: AbortSignal) => Promise<ByteReader>;
  /** What the list that its device keeps knows of it. */
  readonly listed?: { readonly takenAtMs?: number; readonly offsetMinutes?: number };
  /** Set if it is not to be filed among the others. */
  readonly shelf?: Shelf;
  /** Whether its photo is counted by it, and how; for whoever the outcome is reported to. */
  readonly counts?: 'listed' | 'unlisted';
  /**
   * Set for a file that was modified moments ago: someone may still be writing it. It is looked at again at this moment
   * (monotonic), and is filed only if it is as it was.
   */
  readonly settlesAtMonotonicMs?: number;
}

export interface StagedCandidate extends Candidate {
  readonly file: IncomingFile;
  readonly staged: StagedFile;
  /** File name in incoming/. */
  readonly stagedName: string;
  /** Large enough that a resume record may lie beside it. */
  readonly isResumable: boolean;
  readonly sidecarTakenAtMs?: number;
}

export type NotMediaReason = 'other' | 'empty' | 'orphanSidecar';

/** What became of one file. Each file of an import has exactly one. */
export type FileOutcome =
  | { readonly kind: 'imported'; readonly sizeBytes: number }
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'notMedia'; readonly reason: NotMediaReason }
  | { readonly kind: 'deferred'; readonly error: AgentError }
  | { readonly kind: 'failed'; readonly error: AgentError };

export interface StagedGroup {
  readonly candidates: readonly StagedCandidate[];
  readonly settled: readonly { readonly file: IncomingFile; readonly outcome: FileOutcome }[];
}

export interface StagingOptions {
  readonly library: Library;
  readonly metadata: MetadataReader;
  readonly room: Room;
  readonly clock: Clock;
  readonly buffers: BufferPool;
  readonly flushes: FlushQueue;
  readonly fileThread: FileThread;
  readonly observeStep: StepObserver;
  readonly onBytes: (bytes: number) => void;
  /** For tests: how often a large file leaves a resume record. */
  readonly checkpointBytes?: number | undefined;
  readonly signal: AbortSignal;
}

/**
 * Stages a group. A file that cannot be read or written is reported and the others go on without it; one that is still
 * being written defers the whole group, since its halves belong together.
 * @throws AgentError for what stops the import: LIBRARY_FULL, LIBRARY_GONE, LIBRARY_READ_ONLY, SOURCE_GONE; the signal's reason.
 */
export async function stageGroup(options: StagingOptions, files: readonly IncomingFile[]): Promise<StagedGroup> {
  const candidates: StagedCandidate[] = [];
  const settled: { file: IncomingFile; outcome: FileOutcome }[] = [];
  let deferral: AgentError | undefined;
  for (const file of files) {
    if (deferral !== undefined) break;
    try {
      const result = await stageOne(options, file);
      if (result.kind === 'staged') candidates.push(result.candidate);
      else settled.push({ file, outcome: { kind: 'notMedia', reason: result.reason } });
    } catch (error) {
      if (isAgentError(error, 'SOURCE_ENTRY_CHANGING')) deferral = error;
      else if (
        isAgentError(
          error,
          'SOURCE_READ_FAILED',
          'SOURCE_ENTRY_VANISHED',
          'SOURCE_ENTRY_NOT_DOWNLOADED',
          'LIBRARY_WRITE_FAILED',
          'FILE_TOO_LARGE',
        )
      ) {
        settled.push({ file, outcome: { kind: 'failed', error } });
      } else throw error;
    }
  }
  if (deferral === undefined) return { candidates, settled };
  await discard(options.library, candidates);
  const error = deferral;
  const rest = files.filter((file) => !settled.some((each) => each.file === file));
  return {
    candidates: [],
    settled: [...settled, ...rest.map((file) => ({ file, outcome: { kind: 'deferred', error } as const }))],
  };
}

/** Removes the staged names of files that will not be filed, or that have their final names by now. */
export async function discard(
  library: Library,
  candidates: readonly StagedCandidate[],
  fileThread?: FileThread,
): Promise<void> {
  await Promise.all(candidates.map(({ staged }) => unstageFile(staged.path, fileThread)));
  for (const { isResumable, stagedName: name } of candidates) {
    if (isResumable) await dropProgress(library.folders.incoming, name);
  }
}

type OneResult =
  | { readonly kind: 'staged'; readonly candidate: StagedCandidate }
  | { readonly kind: 'refused'; readonly reason: NotMediaReason };

async function stageOne(options: StagingOptions, file: IncomingFile): Promise<OneResult> {
  const { library, signal } = options;
  const { incoming } = library.folders;
  const { sizeBytes, modifiedAtNs } = file.identity;
  const name = stagedName(file.identity);
  const path = join(incoming, name) as AbsolutePath;
  const step = options.checkpointBytes ?? checkpointBytes;
  const isResumable = sizeBytes >= Math.min(step, resumeBytesMin);
  let content: Content | undefined;
  using claim = await options.room.claim(sizeBytes);
  const staged = await stageFile({
    path,
    expected: { sizeBytes, modifiedAtNs },
    buffers: options.buffers,
    flushes: options.flushes,
    fileThread: options.fileThread,
    open: (offset) => file.open(offset, signal),
    inspectHead: async (head) => {
      content = await identifyContent(head.subarray(0, headBytes), { name: file.name, sizeBytes });
      return content.kind !== 'other' && content.kind !== 'empty';
    },
    resumeFrom: isResumable ? await loadProgress(incoming, name) : undefined,
    onCheckpoint: isResumable
      ? (progress) =>
          saveProgress(incoming, name, {
            ...progress,
            sourceId: file.identity.sourceId,
            savedAtMs: options.clock.nowMs(),
          })
      : undefined,
    checkpointBytes: step,
    onBytes: (bytes) => {
      claim.wrote(bytes);
      options.onBytes(bytes);
    },
    observeStep: options.observeStep,
    signal,
  });
  if (staged === 'refused') return { kind: 'refused', reason: content?.kind === 'empty' ? 'empty' : 'other' };
  content ??= await identifyContent(await readHead(path), { name: file.name, sizeBytes });
  await assertSettled(options, file, path);
  const facts = { file, name: file.name, content, staged, stagedName: name, isResumable };
  if (content.kind === 'photo' || content.kind === 'video') {
    const metadata = await readMetadata(options, path, { mime: content.mime, sizeBytes });
    return { kind: 'staged', candidate: { ...facts, metadata } };
  }
  const isGoogle =
    content.kind === 'sidecar' && content.sidecar === 'googleMetadata' && sizeBytes <= googleSidecarBytesMax;
  const takenAtMs = isGoogle ? parseGoogleSidecar(await readFile(path))?.photoTakenTimeMs : undefined;
  return {
    kind: 'staged',
    candidate: { ...facts, metadata: {}, ...(takenAtMs === undefined ? {} : { sidecarTakenAtMs: takenAtMs }) },
  };
}

/** @throws AgentError LIBRARY_WRITE_FAILED and its like if what was just staged cannot be read: it is not a good copy. */
async function readMetadata(
  options: StagingOptions,
  path: AbsolutePath,
  facts: { readonly mime: string; readonly sizeBytes: number },
): Promise<MediaMetadata> {
  const { signal } = options;
  try {
    return await options.metadata.read(path, { ...facts, signal });
  } catch (error) {
    await unstageFile(path);
    if (signal.aborted) throw signal.reason;
    throw systemErrorCode(error) === undefined ? error : writeError(error, 'A new file in your photo folder');
  }
}

async function readHead(path: string): Promise<Uint8Array> {
  await using handle = await open(path, 'r');
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(headBytes), 0, headBytes, 0);
  return buffer.subarray(0, bytesRead);
}

/** A copy can be quicker than the camera or program that is still writing: give it a moment, then ask again. */
async function assertSettled(options: StagingOptions, file: IncomingFile, path: AbsolutePath): Promise<void> {
  if (file.settlesAtMonotonicMs === undefined) return;
  const waitMs = file.settlesAtMonotonicMs - options.clock.monotonicMs();
  if (waitMs > 0) await options.clock.wait(waitMs, options.signal);
  await using reader = await file.open(0, options.signal);
  const now: EntryState = await reader.state(options.signal);
  if (now.sizeBytes === file.identity.sizeBytes && now.modifiedAtNs === file.identity.modifiedAtNs) return;
  await unstageFile(path);
  throw new AgentError('SOURCE_ENTRY_CHANGING', 'A file was not saved yet: it is still being written.', {
    remedy: 'Save again when that is done.',
  });
}
