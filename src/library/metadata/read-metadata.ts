// What a media file says of itself: when it was taken, by what, and which Live Photo it belongs to.
// Promises an answer for any file, however damaged or hostile, in bounded time and memory: our own parsers run in a
// worker that is replaced when a file hangs or kills it, exiftool in a process of its own. Only a file that cannot be
// read at all is an error.
import type { MediaMetadata } from '../../domain/media.ts';
import { untilAborted } from './deadline.ts';
import { type ExiftoolOptions, openExiftoolReader } from './exiftool-reader.ts';
import { formatOf } from './media-format.ts';
import { openParsingThread } from './parsing-thread.ts';

export interface MetadataReaderOptions extends ExiftoolOptions {
  /**
   * How long our own parsers may take for one file; default 10 s. After that the file has no metadata as far as they
   * go.
   */
  readonly timeoutMs?: number;
}

export interface MetadataReader extends AsyncDisposable {
  /**
   * Reads the file at `path`, whose content is of type `mime` (see `identifyContent`). Calls may overlap; files are
   * parsed one by one.
   * @throws the signal's reason at once when aborted (the file is let go soon after); an Error with the system's `code`
   *   if the file cannot be opened or read; an Error if the worker cannot start or the reader is closed.
   */
  read(
    path: string,
    facts: { readonly mime: string; readonly sizeBytes: number; readonly signal: AbortSignal },
  ): Promise<MediaMetadata>;
  /** Set once a file needed exiftool and this machine has none: such files are then dated by other means. */
  readonly unavailable: 'exiftool' | undefined;
}

const timeoutMsDefault = 10_000;

/** Starts nothing until it is needed. */
export function openMetadataReader(options: MetadataReaderOptions = {}): MetadataReader {
  const { timeoutMs = timeoutMsDefault, ...exiftoolOptions } = options;
  const thread = openParsingThread({ timeoutMs });
  const exiftool = openExiftoolReader(exiftoolOptions);
  let isClosed = false;
  return {
    get unavailable() {
      return exiftool.isMissing ? 'exiftool' : undefined;
    },
    async read(path, { mime, sizeBytes, signal }) {
      signal.throwIfAborted();
      const { native, asksExiftool } = formatOf(mime);
      const found = native === 'none' ? {} : await thread.read({ path, native, sizeBytes }, signal);
      if (!asksExiftool || found.takenAt !== undefined) return found;
      const kind = mime.startsWith('image/') ? 'photo' : 'video';
      const foundByExiftool = await untilAborted(exiftool.read(path, kind), signal);
      if (isClosed) throw new Error('the metadata reader is closed'); // "No metadata" would not be true.
      return { ...foundByExiftool, ...found };
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
      await Promise.all([thread[Symbol.asyncDispose](), exiftool[Symbol.asyncDispose]()]);
    },
  };
}
