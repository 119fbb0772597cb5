// Copies the database of a Photos library into a private folder while the device or program that it belongs to goes on writing it:
// main file and write-ahead log of the same moment, or nothing. Only reads where it lies, and never opens it there as a database: SQLite's
// locks do not reach a phone, and its readers write. Facts: docs/photos-database.md.

import { createHash } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ByteReader, EntryState } from '../../domain/byte-reader.ts';
import { AgentError, endsSource, isAgentError } from '../../domain/errors.ts';
import type { AbsolutePath } from '../../domain/ids.ts';
import { writeAll } from '../../platform/durable-write.ts';

/** What is larger would take minutes over a cable, for knowledge that the photos can do without. */
export const mainBytesMax = 1024 ** 3;
export const logBytesMax = 512 * 1024 ** 2;
/** So often it is copied in all, as long as it changes meanwhile. */
export const copyTriesMax = 4;
const pieceBytes = 1024 ** 2;
/** The database header of SQLite (sqlite.org/fileformat2, section 1.3): its counters change when the file is written. */
const mainHeadBytes = 100;
/** The header of a write-ahead log (section 4.1): its salts change when the log starts again from its beginning. */
const logHeadBytes = 32;

const main = { name: 'Photos.sqlite', bytesMax: mainBytesMax, headBytes: mainHeadBytes } as const;
const log = { name: 'Photos.sqlite-wal', bytesMax: logBytesMax, headBytes: logHeadBytes } as const;

export type DatabaseFileName = 'Photos.sqlite' | 'Photos.sqlite-wal';

/** Where the database lies. Both are asked by name every time: nothing is kept. */
export interface DatabaseFiles {
  /**
   * Undefined: there is no such file.
   * @throws AgentError PHOTOS_LIST_UNREADABLE (a link, or anything else that is no file, too), SOURCE_READ_FAILED, SOURCE_GONE, PHONE_…;
   *   the signal's reason.
   */
  describe(name: DatabaseFileName, signal: AbortSignal): Promise<EntryState | undefined>;
  /** @throws AgentError SOURCE_ENTRY_VANISHED, SOURCE_READ_FAILED, SOURCE_GONE, PHONE_…; the signal's reason. */
  open(name: DatabaseFileName, offsetBytes: number, signal: AbortSignal): Promise<ByteReader>;
}

/**
 * Another text whenever the database may have changed. Undefined: there is none.
 * @throws AgentError PHOTOS_LIST_UNREADABLE, or what ends the source; the signal's reason.
 */
export async function stampOf(files: DatabaseFiles, signal: AbortSignal): Promise<string | undefined> {
  for (let tries = 1; ; tries += 1) {
    try {
      const seen = await look(files, signal);
      return seen === undefined ? undefined : createHash('sha256').update(seen.facts).digest('hex');
    } catch (error) {
      if (!isChange(error)) throw asUnreadable(error, signal);
      if (tries === copyTriesMax) throw unreadableList('It comes and goes.', error);
    }
  }
}

/**
 * Copies the main file, then its log if it has one, into an empty folder. The copy is for reading once and is not flushed. Whatever this
 * ends with but success, the folder is left empty.
 * @throws AgentError PHOTOS_LIST_UNREADABLE: none there, too large, ever changing, unreadable; what ends the source; system errors of the
 *   folder; the signal's reason.
 */
export async function copyDatabase(files: DatabaseFiles, folder: AbsolutePath, signal: AbortSignal): Promise<void> {
  for (let tries = 1; tries <= copyTriesMax; tries += 1) {
    let isWhole = false;
    try {
      isWhole = await copyOnce(files, folder, signal);
      if (isWhole) return;
    } catch (error) {
      if (!isChange(error)) throw asUnreadable(error, signal);
    } finally {
      if (!isWhole) await removeCopies(folder);
    }
  }
  throw unreadableList('It was being written all the time.');
}

/** False: what was copied is not of one moment. */
async function copyOnce(files: DatabaseFiles, folder: AbsolutePath, signal: AbortSignal): Promise<boolean> {
  const before = await look(files, signal);
  if (before === undefined) throw unreadableList('It is not there.');
  const copy = (name: DatabaseFileName, sizeBytes: number) => copyFile({ files, name, sizeBytes, folder, signal });
  if (!(await copy(main.name, before.mainBytes))) return false;
  if (before.logBytes !== undefined && !(await copy(log.name, before.logBytes))) return false;
  const after = await look(files, signal);
  return after?.facts === before.facts;
}

interface Look {
  readonly mainBytes: number;
  /** Absent: there is no log. */
  readonly logBytes?: number;
  /** Sizes, times and beginnings of both. */
  readonly facts: string;
}

async function look(files: DatabaseFiles, signal: AbortSignal): Promise<Look | undefined> {
  const [mainFacts, logFacts] = [await lookAt(files, main, signal), await lookAt(files, log, signal)];
  if (mainFacts === undefined) return undefined;
  return {
    mainBytes: mainFacts.sizeBytes,
    ...(logFacts === undefined ? {} : { logBytes: logFacts.sizeBytes }),
    facts: `${mainFacts.facts} ${logFacts?.facts}`,
  };
}

async function lookAt(
  files: DatabaseFiles,
  { name, bytesMax, headBytes }: typeof main | typeof log,
  signal: AbortSignal,
): Promise<{ readonly sizeBytes: number; readonly facts: string } | undefined> {
  const state = await files.describe(name, signal);
  if (state === undefined) return undefined;
  const { sizeBytes, modifiedAtNs } = state;
  if (sizeBytes > bytesMax) throw unreadableList(`"${name}" has more than ${bytesMax} bytes.`);
  const head = Buffer.alloc(headBytes);
  let filled = 0;
  await using reader = await files.open(name, 0, signal);
  while (filled < headBytes) {
    const count = await reader.read(head.subarray(filled), signal);
    if (count === 0) break;
    filled += count;
  }
  return { sizeBytes, facts: `${sizeBytes}:${modifiedAtNs}:${head.toString('hex', 0, filled)}` };
}

/** False if the file has more or fewer bytes than it was said to have. No more than one piece beyond them is read. */
async function copyFile(options: {
  readonly files: DatabaseFiles;
  readonly name: DatabaseFileName;
  readonly sizeBytes: number;
  readonly folder: AbsolutePath;
  readonly signal: AbortSignal;
}): Promise<boolean> {
  const { files, name, sizeBytes, folder, signal } = options;
  await using reader = await files.open(name, 0, signal);
  await using copy: FileHandle = await open(join(folder, name), 'wx', 0o600);
  const piece = Buffer.allocUnsafe(pieceBytes);
  for (let position = 0; ; ) {
    const count = await reader.read(piece, signal);
    if (count === 0) return position === sizeBytes;
    if (position + count > sizeBytes) return false;
    await writeAll(copy, piece.subarray(0, count), position);
    position += count;
  }
}

async function removeCopies(folder: AbsolutePath): Promise<void> {
  for (const { name } of [main, log]) await rm(join(folder, name), { force: true });
}

/** A file that was there a moment ago: the log goes when the last program closes the database, and comes back when one opens it. */
function isChange(error: unknown): boolean {
  return isAgentError(error, 'SOURCE_ENTRY_VANISHED');
}

/** What is true of one file elsewhere is true of the list here. What ends the source, system errors and aborts pass. */
function asUnreadable(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted || !isAgentError(error) || endsSource(error)) return error;
  return error.code === 'PHOTOS_LIST_UNREADABLE' ? error : unreadableList('It could not be read.', error);
}

/** @param why a sentence for the log. */
export function unreadableList(why: string, cause?: unknown): AgentError {
  return new AgentError(
    'PHOTOS_LIST_UNREADABLE',
    `The list that the Photos app keeps of its photos could not be copied. ${why}`,
    {
      remedy:
        'There is nothing to do: the photos themselves are not affected, and the list is looked at again next time.',
      cause,
    },
  );
}
