// Reads the database of a Photos library from a private copy, in a process of its own with limits: what a hostile database does
// there ends there. Reads only, and believes nothing that it has not looked at.

import { AgentError, isAgentError } from '../../domain/errors.ts';
import type { AbsolutePath } from '../../domain/ids.ts';
import type { PhotosAsset, PhotosLibraryFacts } from '../../domain/photos-asset.ts';
import { assetsMax } from './claims.ts';
import { lineBytesMax, parseMessage, type ReaderMessage } from './reader-message.ts';
import { type ReaderProcess, startReaderProcess } from './reader-process.ts';

export interface PhotosDatabaseOptions {
  /** The copy of `Photos.sqlite`, in a private folder of ours, writable; `Photos.sqlite-wal` lies beside it if there is one. */
  readonly path: AbsolutePath;
  /** For all of it, the caller's own work between two batches too: then the process is ended. */
  readonly timeoutMs?: number;
  readonly signal: AbortSignal;
  /** For tests: a module that takes the place of `reader-main`. */
  readonly readerMain?: string;
}

export interface PhotosDatabase extends AsyncDisposable {
  readonly facts: PhotosLibraryFacts;
  /** All assets, some hundreds at a time. Only once. */
  assets(): AsyncIterable<readonly PhotosAsset[]>;
}

/** 200,000 photos, a file of 1 GB, took 5 s from memory and 28 s from a disk (2026-11, two cores); there are slower computers. */
const timeoutMsUsual = 5 * 60_000;

/**
 * Looks up the schema of the copy, checks the tables that it will read (`PRAGMA quick_check`), and reads. The files are left as they are.
 * @throws AgentError PHOTOS_LIST_UNREADABLE, here or from `assets`: damaged, torn, empty, of an unknown version, too large, too slow;
 *   the signal's reason.
 */
export async function openPhotosDatabase(options: PhotosDatabaseOptions): Promise<PhotosDatabase> {
  const { path, signal, timeoutMs = timeoutMsUsual, readerMain } = options;
  signal.throwIfAborted();
  const reader = startReaderProcess({
    path,
    timeoutMs,
    lineBytesMax,
    signal,
    ...(readerMain !== undefined && { main: readerMain }),
  });
  try {
    const first = await nextMessage(reader, signal);
    if (!('facts' in first)) throw unreadable(new Error('the reading process began with something else than facts'));
    let isTaken = false;
    return {
      facts: first.facts,
      assets() {
        if (isTaken) throw new Error('the assets were read already');
        isTaken = true;
        return readBatches(reader, signal);
      },
      [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose](),
    };
  } catch (error) {
    await reader[Symbol.asyncDispose]();
    throw error;
  }
}

async function* readBatches(reader: ReaderProcess, signal: AbortSignal): AsyncGenerator<readonly PhotosAsset[]> {
  let count = 0;
  for (;;) {
    const message = await nextMessage(reader, signal);
    if ('assets' in message) {
      count += message.assets.length;
      if (count > assetsMax) throw unreadable(new Error(`the reading process told of more than ${assetsMax} photos`));
      yield message.assets;
    } else if ('end' in message && message.end.assets === count) {
      return;
    } else {
      throw unreadable(new Error('the reading process contradicts itself'));
    }
  }
}

async function nextMessage(
  reader: ReaderProcess,
  signal: AbortSignal,
): Promise<Exclude<ReaderMessage, { failed: string }>> {
  signal.throwIfAborted();
  let message: ReaderMessage | undefined;
  try {
    const line = await reader.nextLine();
    if (line === undefined) throw unreadable(reader.ending());
    message = parseMessage(line);
  } catch (error) {
    signal.throwIfAborted();
    throw isAgentError(error) ? error : unreadable(error);
  }
  if (message === undefined) throw unreadable(new Error('the reading process said something that is no message'));
  if ('failed' in message) throw unreadable(new Error(message.failed));
  return message;
}

function unreadable(cause: unknown): AgentError {
  return new AgentError(
    'PHOTOS_LIST_UNREADABLE',
    'The list that the Photos app keeps of its photos could not be read.',
    {
      remedy:
        'There is nothing to do: the photos themselves are not affected, and the list is looked at again next time.',
      cause,
    },
  );
}
