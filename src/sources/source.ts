// What photos are saved from. A source can be listed and read; there is no way to write to it or delete from it, so no bug
// can. What it says is untrusted: names, sizes and numbers are bounded here and checked again where bytes are read.

import type { ByteReader } from '../domain/byte-reader.ts';
import type { AgentError } from '../domain/errors.ts';
import type { AbsolutePath, SourceId, SourcePath } from '../domain/ids.ts';

export type SourceKind = 'folder' | 'card' | 'iphone' | 'photosLibrary';

/** A source with more entries than this is refused: something is wrong with it, or it is made to exhaust us. */
export const entriesMax = 5_000_000;
/** Deeper folders are reported, not read. */
export const depthMax = 64;

export interface SourceFile {
  readonly kind: 'file';
  readonly path: SourcePath;
  readonly sizeBytes: number;
  readonly modifiedAtNs: bigint;
  /** Birth and last change of the file as a copy; absent where the filesystem does not keep them (FAT, exFAT, most of FUSE). */
  readonly bornAtMs?: number;
  readonly changedAtMs?: number;
  /** An edit, shown as if it lay beside its original, which may not be there. */
  readonly isEdit?: true;
}

export type SourceEntry =
  | SourceFile
  /** A link, socket, device or pipe: never opened. */
  | { readonly kind: 'notAFile'; readonly path: SourcePath }
  /** A folder or entry that could not be listed. */
  | { readonly kind: 'unreadable'; readonly path: SourcePath; readonly error: AgentError };

/** The database that a device or program keeps of its photos beside them. It adds knowledge, never photos. */
export interface PhotosList {
  /** What the folders in the list lie below: '' on a phone, `originals` in a library of a Mac. */
  readonly filesBelow: string;
  /** Where copies of other people's photos lie. Whether they are listed is decided when the source is opened. */
  readonly sharedBelow?: string;
  /**
   * Another text whenever the list may have changed. Undefined: there is none.
   * @throws AgentError PHOTOS_LIST_UNREADABLE, SOURCE_GONE; the signal's reason.
   */
  stamp(signal: AbortSignal): Promise<string | undefined>;
  /**
   * Copies it as `Photos.sqlite`, with its `-wal` if it has one, into an empty folder: both of the same moment, or an error.
   * @throws AgentError PHOTOS_LIST_UNREADABLE (also: too large, ever changing), SOURCE_GONE; the signal's reason.
   */
  copyInto(folder: AbsolutePath, signal: AbortSignal): Promise<void>;
  /**
   * Where the originals are or were of which there are thumbnails, some hundreds at a time.
   * @throws AgentError PHOTOS_LIST_UNREADABLE: they cannot be gone through; SOURCE_GONE, PHONE_…; the signal's reason.
   */
  thumbnails(signal: AbortSignal): AsyncIterable<readonly SourcePath[]>;
  /** Undefined where it does not tell. */
  space(signal: AbortSignal): Promise<{ readonly freeBytes: number; readonly totalBytes: number } | undefined>;
}

export interface Source extends AsyncDisposable {
  readonly id: SourceId;
  readonly kind: SourceKind;
  /** What the owner knows it by. */
  readonly name: string;
  /**
   * Lists everything below, some hundreds of entries at a time, in no particular order.
   * @throws AgentError SOURCE_GONE, SOURCE_TOO_LARGE; the signal's reason.
   */
  list(signal: AbortSignal): AsyncIterable<readonly SourceEntry[]>;
  /**
   * Opens a file for reading from `offsetBytes`.
   * @param listedBytes its size as it was listed: a source that would have to ask for it first then does not.
   * @throws AgentError SOURCE_ENTRY_VANISHED, SOURCE_READ_FAILED, SOURCE_GONE; the signal's reason.
   */
  open(path: SourcePath, offsetBytes: number, signal: AbortSignal, listedBytes?: number): Promise<ByteReader>;
  /** Absent: it keeps none. */
  readonly photosList?: PhotosList;
}
