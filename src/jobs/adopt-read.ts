// Reads the files of one candidate group where they lie: decides by the first bytes what each is, hashes in full what is a
// photo, video or sidecar, and reads its metadata. Opens for reading only.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AgentError, isAgentError, systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath, ContentHash, SourceId } from '../domain/ids.ts';
import type { Content, MediaMetadata } from '../domain/media.ts';
import type { AdoptedCandidate } from '../library/adoption.ts';
import { identifyContent } from '../library/metadata/content.ts';
import { googleSidecarBytesMax, parseGoogleSidecar } from '../library/metadata/google-sidecar.ts';
import type { MetadataReader } from '../library/metadata/read-metadata.ts';
import { digest } from '../platform/durable-write.ts';
import { type BufferPool, headBytes } from '../platform/stage-file.ts';
import { statOrUndefined } from '../platform/volume.ts';
import type { FolderSource } from '../sources/folder/folder-source.ts';
import type { AdoptedFileOutcome } from './adopt-report.ts';
import type { Place } from './adopt-survey.ts';
import type { SpooledEntry } from './entry-spool.ts';
import type { Pacer } from './pace.ts';

export interface AdoptReadOptions {
  readonly source: FolderSource;
  /** Of the adopted files in the catalogue: see `adoptedSourceId`. */
  readonly sourceId: SourceId;
  readonly root: AbsolutePath;
  readonly place: Place;
  readonly metadata: MetadataReader;
  readonly buffers: BufferPool;
  readonly pacer: Pacer;
  readonly onBytes: (bytes: number) => void;
  readonly signal: AbortSignal;
}

export interface ReadGroup {
  readonly entries: readonly SpooledEntry[];
  readonly candidates: readonly AdoptedCandidate[];
  readonly settled: readonly { readonly entry: SpooledEntry; readonly outcome: AdoptedFileOutcome }[];
  /** Files that were read in full, and their bytes. */
  readonly hashed: number;
  readonly hashedBytes: number;
}

/**
 * A file that cannot be read is settled as failed and the others go on without it; one that changes while it is read defers
 * all of its group, since they may belong together.
 * @throws AgentError LIBRARY_GONE; the signal's reason.
 */
export async function readGroup(options: AdoptReadOptions, entries: readonly SpooledEntry[]): Promise<ReadGroup> {
  const candidates: AdoptedCandidate[] = [];
  const settled: { entry: SpooledEntry; outcome: AdoptedFileOutcome }[] = [];
  let hashedBytes = 0;
  let hashed = 0;
  for (const [index, entry] of entries.entries()) {
    try {
      const candidate = await readOne(options, entry);
      if (candidate === undefined) settled.push({ entry, outcome: { kind: 'notMedia' } });
      else {
        candidates.push(candidate);
        hashed += 1;
        hashedBytes += entry.sizeBytes;
      }
    } catch (error) {
      if (isAgentError(error, 'SOURCE_ENTRY_CHANGING')) {
        const rest = [...entries.filter((each) => candidates.some(({ file }) => file.name === each.name))];
        rest.push(entry, ...entries.slice(index + 1));
        settled.push(...rest.map((each) => ({ entry: each, outcome: { kind: 'deferred', error } as const })));
        return { entries, candidates: [], settled, hashed, hashedBytes };
      }
      if (!isAgentError(error, 'SOURCE_READ_FAILED', 'SOURCE_ENTRY_VANISHED', 'LIBRARY_UNSUITABLE')) throw error;
      settled.push({ entry, outcome: { kind: 'failed', error: reworded(error) } });
    }
  }
  return { entries, candidates, settled, hashed, hashedBytes };
}

/** True if every file is still as it was listed. Asked just before they are recorded. */
export async function areUnchanged(source: FolderSource, entries: readonly SpooledEntry[]): Promise<boolean> {
  const { signal } = new AbortController(); // also when the adoption is being stopped: what was read is to be kept
  for (const entry of entries) {
    try {
      await using reader = await source.open(entry.path, 0, signal);
      const now = await reader.state(signal);
      if (now.sizeBytes !== entry.sizeBytes || now.modifiedAtNs !== entry.modifiedAtNs) return false;
    } catch (error) {
      if (isAgentError(error, 'SOURCE_READ_FAILED', 'SOURCE_ENTRY_VANISHED')) return false;
      throw inLibraryWords(error);
    }
  }
  return true;
}

export function changing(): AgentError {
  return new AgentError('SOURCE_ENTRY_CHANGING', 'A file was written to while it was looked at.', {
    remedy: 'Run "keepsake adopt" again when that is done.',
  });
}

/** Undefined: neither photo, video nor sidecar. */
async function readOne(options: AdoptReadOptions, entry: SpooledEntry): Promise<AdoptedCandidate | undefined> {
  const { place, root, signal } = options;
  const libraryPath = place.libraryPath(entry.path);
  if (libraryPath === undefined) throw new Error('a name that is no text was settled when it was listed');
  const path = join(root, libraryPath) as AbsolutePath;
  await assertOneVolume(root, path);
  const read = await hashEntry(options, entry);
  if (read === undefined) return undefined;
  const { content, hash, headHash } = read;
  const { name, key, sizeBytes, modifiedAtNs, bornAtMs, changedAtMs } = entry;
  const facts = {
    name,
    content,
    file: {
      identity: { sourceId: options.sourceId, path: place.sourcePath(entry.path), sizeBytes, modifiedAtNs },
      libraryPath,
      name,
      key,
      ...(bornAtMs === undefined ? {} : { bornAtMs }),
      ...(changedAtMs === undefined ? {} : { changedAtMs }),
    },
    staged: { hash, headHash },
  };
  try {
    if (content.kind === 'photo' || content.kind === 'video') {
      const metadata: MediaMetadata = await options.metadata.read(path, { mime: content.mime, sizeBytes, signal });
      return { ...facts, metadata };
    }
    const isGoogle =
      content.kind === 'sidecar' && content.sidecar === 'googleMetadata' && sizeBytes <= googleSidecarBytesMax;
    const takenAtMs = isGoogle ? parseGoogleSidecar(await readFile(path))?.photoTakenTimeMs : undefined;
    return { ...facts, metadata: {}, ...(takenAtMs === undefined ? {} : { sidecarTakenAtMs: takenAtMs }) };
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    const code = systemErrorCode(error);
    if (code === undefined) throw error;
    throw new AgentError('SOURCE_READ_FAILED', `A file could not be read (${code}).`, { remedy: '', cause: error });
  }
}

/** Hashes in one pass, or stops after the first bytes of what is no media. @throws as `Source.open` and `ByteReader.read`. */
async function hashEntry(
  options: AdoptReadOptions,
  entry: SpooledEntry,
): Promise<{ content: Content; hash: ContentHash; headHash: ContentHash } | undefined> {
  const { source, pacer, signal } = options;
  const buffer = options.buffers.take(entry.sizeBytes);
  try {
    await using reader = await source.open(entry.path, 0, signal);
    let filled = 0;
    for (let count = -1; count !== 0 && filled < headBytes; filled += count) {
      count = await reader.read(buffer.subarray(filled, headBytes), signal);
    }
    const head = buffer.subarray(0, filled);
    const content = await identifyContent(head, entry);
    if (content.kind === 'other' || content.kind === 'empty') return undefined;
    const headHash = digest(createHash('sha256').update(head));
    const hash = createHash('sha256').update(head);
    let position = filled;
    options.onBytes(filled);
    for (let count = filled; count !== 0; ) {
      await pacer.rest();
      count = await reader.read(buffer, signal);
      hash.update(buffer.subarray(0, count));
      position += count;
      options.onBytes(count);
      if (position > entry.sizeBytes) throw changing();
    }
    const now = await reader.state(signal);
    if (position !== entry.sizeBytes || now.sizeBytes !== position || now.modifiedAtNs !== entry.modifiedAtNs) {
      throw changing();
    }
    return { content, hash: digest(hash), headHash };
  } catch (error) {
    throw inLibraryWords(error);
  } finally {
    options.buffers.giveBack(buffer);
  }
}

/** A folder on another disk: unplugged, its photos would be gone from a library that is there. As for what is filed. */
async function assertOneVolume(root: AbsolutePath, path: AbsolutePath): Promise<void> {
  const [library, file] = [await statOrUndefined(root), await statOrUndefined(path)];
  if (library === undefined || file === undefined || library.dev === file.dev) return; // what is gone is met when opened
  throw new AgentError('LIBRARY_UNSUITABLE', 'This file lies on another disk than your photo folder.', { remedy: '' });
}

/** What is listed here is the library: that it is gone is no fault of a source. */
export function inLibraryWords(error: unknown): unknown {
  if (!isAgentError(error, 'SOURCE_GONE')) return error;
  return new AgentError('LIBRARY_GONE', 'The disk of your photo folder is no longer there.', {
    remedy: 'Connect it again, then run "keepsake adopt" again: it goes on where it stopped.',
    cause: error,
  });
}

function reworded(error: AgentError): AgentError {
  const remedy =
    error.code === 'LIBRARY_UNSUITABLE'
      ? 'Put that folder itself into your photo folder, then run "keepsake adopt" again.'
      : 'Make sure that it is there and readable for you, then run "keepsake adopt" again. If it stays so, its disk may be failing.';
  return new AgentError(error.code, error.message, { remedy, cause: error });
}
