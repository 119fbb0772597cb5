// An iPhone as a source: the photos and videos of its owner, edits beside their originals, everything else left out. Reads only.
// Nothing of it is believed: names are bounded, links are not followed, and a photo counts as read when its size says so.

import { createHash } from 'node:crypto';
import type { ByteReader, EntryState } from '../../domain/byte-reader.ts';
import { AgentError } from '../../domain/errors.ts';
import type { SourceId, SourcePath } from '../../domain/ids.ts';
import { bytesFromPath, nameFromBytes } from '../folder/source-path.ts';
import { depthMax, entriesMax, type Source, type SourceEntry } from '../source.ts';
import { type AfcFileInfo, AfcRefusal, explainRefusal } from './afc.ts';
import { afcStatus } from './afc-packet.ts';
import { AfcReader, PiecePool } from './afc-reader.ts';
import { mediaRoots, placeOf, sharedRoot } from './media-paths.ts';
import type { PairingKeys } from './pairing-keys.ts';
import { openPhoneFiles, type PhoneFiles } from './phone.ts';
import { openPhonePhotosList } from './phone-photos-list.ts';
import { preferCable, type Usbmux } from './usbmux.ts';

/** Questions about single files that wait for their answer at the same time. */
const questionsMax = 512;
/** Files open at the same time. A phone has a limit of its own and says "no resources" beyond it. */
const handlesMax = 12;
/** How long to wait for a handle of ours to be free again after it said so, and how often. */
const handleWaitMs = 250;
const handleTriesMax = 40;
const nameBytesMax = 255;
/** Edits are kept in mind by the names they are filed under. A phone with more has them left out, and said so. */
const editsMax = 200_000;
const noEnd = new AbortController().signal;

/** The same phone whatever it is called, and whatever it was restored from. The UDID itself is nobody's business. */
export function phoneSourceId(udid: string): SourceId {
  return `iphone-${createHash('sha256').update(udid.toLowerCase()).digest('hex').slice(0, 12)}` as SourceId;
}

/**
 * The phone of this id, if it is connected. It may be asked for trust.
 * @throws AgentError as `openPhoneFiles`.
 */
export async function openPhone(options: {
  readonly usbmux: Usbmux;
  readonly keys: PairingKeys;
  readonly id: SourceId;
  readonly name: string;
  /** Also list what others shared with its owner. */
  readonly listsShared?: boolean;
  readonly signal: AbortSignal;
}): Promise<Source | undefined> {
  const { id, name, signal, usbmux } = options;
  const devices = preferCable(await usbmux.listDevices(signal));
  const device = devices.find(({ udid }) => phoneSourceId(udid) === id);
  if (device === undefined) return undefined;
  const files = await openPhoneFiles({ ...options, device });
  return openIphoneSource({ udid: device.udid, name, files, listsShared: options.listsShared ?? false });
}

/** @param files of the phone; the source closes them when it is disposed of. */
export function openIphoneSource(options: {
  readonly udid: string;
  readonly name: string;
  readonly files: PhoneFiles;
  readonly listsShared?: boolean;
}): Source {
  const { files, listsShared = false } = options;
  const tree = new PhoneTree(files, listsShared ? [...mediaRoots, sharedRoot] : mediaRoots);
  const open: Source['open'] = (...of) => tree.open(...of);
  return {
    id: phoneSourceId(options.udid),
    kind: 'iphone',
    name: options.name,
    list: (signal) => tree.list(signal),
    open,
    photosList: openPhonePhotosList({ files, open }),
    [Symbol.asyncDispose]: async () => options.files[Symbol.dispose](),
  };
}

type Found = { readonly path: SourcePath; readonly info: AfcFileInfo } | SourceEntry;

class PhoneTree {
  readonly #files: PhoneFiles;
  readonly #roots: readonly string[];
  readonly #pool = new PiecePool();
  /** Where an edit lies, by the path it is shown under. */
  readonly #edits = new Map<SourcePath, SourcePath>();
  /** What was seen of the open files, so that `state` knows what it compares with. */
  #handles = 0;
  readonly #waitingForHandle: (() => void)[] = [];

  constructor(files: PhoneFiles, roots: readonly string[]) {
    this.#files = files;
    this.#roots = roots;
  }

  async *list(signal: AbortSignal): AsyncIterable<readonly SourceEntry[]> {
    this.#edits.clear();
    /** Names of real files that an edit could be shown under: those keep them. */
    const taken = new Set<SourcePath>();
    let count = 0;
    for (const root of this.#roots) {
      const waiting: { path: SourcePath; depth: number }[] = [{ path: root as SourcePath, depth: 0 }];
      for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
        for await (const chunk of this.#listFolder(folder.path, folder.depth === 0, signal)) {
          const entries: SourceEntry[] = [];
          for (const found of chunk) {
            count += 1;
            if ('kind' in found) entries.push(found);
            else if (found.info.kind === 'folder') {
              if (folder.depth < depthMax) waiting.push({ path: found.path, depth: folder.depth + 1 });
              else
                entries.push({
                  kind: 'unreadable',
                  path: found.path,
                  error: tooLarge('its folders are nested too deeply'),
                });
            } else this.#addFile(found.path, found.info, { entries, taken });
          }
          if (count > entriesMax) throw tooLarge(`it shows more than ${entriesMax} files`);
          yield entries;
        }
      }
    }
  }

  #addFile(path: SourcePath, info: AfcFileInfo, into: { entries: SourceEntry[]; taken: Set<SourcePath> }): void {
    const place = placeOf(path);
    if (place.kind === 'none') return;
    if (info.kind !== 'file') {
      into.entries.push({ kind: 'notAFile', path });
      return;
    }
    const facts = { kind: 'file', sizeBytes: info.sizeBytes, modifiedAtNs: info.modifiedAtNs } as const;
    if (place.kind === 'original') {
      if (/(?:\/IMG_E\d+\.|-edited\.|\.AAE$)/i.test(path)) into.taken.add(path);
      into.entries.push({ ...facts, path });
      return;
    }
    if (this.#edits.size >= editsMax) {
      into.entries.push({ kind: 'unreadable', path, error: tooLarge(`it has more than ${editsMax} edits`) });
      return;
    }
    const isFree = !into.taken.has(place.presentedAs) && !this.#edits.has(place.presentedAs);
    const shown = isFree ? place.presentedAs : path;
    this.#edits.set(shown, path);
    into.entries.push({ ...facts, path: shown, isEdit: true });
  }

  async *#listFolder(path: SourcePath, isRoot: boolean, signal: AbortSignal): AsyncGenerator<readonly Found[]> {
    let names: readonly Buffer[];
    try {
      names = await this.#files.questions.list(bytesFromPath(path), signal);
    } catch (error) {
      if (!(error instanceof AfcRefusal)) throw error;
      if (isRoot && error.status === afcStatus.notFound) return; // a phone without edits, or without iCloud, has no such folder
      if (isRoot && error.status === afcStatus.permissionDenied) throw locked(error);
      yield [{ kind: 'unreadable', path, error: explainRefusal(error, 'A folder') }];
      return;
    }
    const chunks = Math.ceil(names.length / questionsMax);
    const describe = (index: number) => {
      const chunk = names.slice(index * questionsMax, (index + 1) * questionsMax);
      const described = Promise.all(chunk.map((name) => this.#describe(path, name, signal)));
      described.catch(() => undefined); // heard where it is waited for
      return described;
    };
    let next = chunks === 0 ? undefined : describe(0);
    for (let index = 0; next !== undefined; index += 1) {
      const current = next;
      next = index + 1 < chunks ? describe(index + 1) : undefined; // asked before the last ones are answered
      yield await current;
    }
  }

  async #describe(folder: SourcePath, name: Buffer, signal: AbortSignal): Promise<Found> {
    if (name.length > nameBytesMax || name.includes(slash)) {
      const path = `${folder}/${nameFromBytes(name.subarray(0, nameBytesMax)).replaceAll('/', '%2F')}` as SourcePath;
      return { kind: 'unreadable', path, error: impossibleName() };
    }
    const path = `${folder}/${nameFromBytes(name)}` as SourcePath;
    try {
      return { path, info: await this.#files.questions.info(bytesFromPath(path), signal) };
    } catch (error) {
      if (!(error instanceof AfcRefusal)) throw error;
      await this.#assertUnlocked(error, signal);
      return { kind: 'unreadable', path, error: explainRefusal(error, 'A file') };
    }
  }

  /** One file that may not be read, or all of them? Asked again, of a folder that every phone shows. @throws AgentError PHONE_LOCKED */
  async #assertUnlocked(refusal: AfcRefusal, signal: AbortSignal): Promise<void> {
    if (refusal.status !== afcStatus.permissionDenied) return;
    try {
      await this.#files.questions.info(Buffer.from('DCIM'), signal);
    } catch (error) {
      if (error instanceof AfcRefusal && error.status === afcStatus.permissionDenied) throw locked(error);
      throw error;
    }
  }

  async open(
    shown: SourcePath,
    offsetBytes: number,
    signal: AbortSignal,
    listedBytes: number | undefined,
  ): Promise<ByteReader> {
    const path = bytesFromPath(this.#edits.get(shown) ?? shown);
    const describe = async (stop: AbortSignal): Promise<EntryState> => {
      try {
        // By the way its bytes come, and so in the same packet.
        const { sizeBytes, modifiedAtNs } = await this.#files.bytes.info(path, stop);
        return { sizeBytes, modifiedAtNs };
      } catch (error) {
        throw explain(error);
      }
    };
    // Asked at the same time: one round trip, not two.
    const [handle, info] = await Promise.all([
      this.#openHandle(path, signal),
      listedBytes === undefined
        ? describe(signal).catch((error: unknown) => ({ error }))
        : Promise.resolve({ sizeBytes: listedBytes }),
    ]);
    const onClosed = () => this.#freeHandle();
    try {
      if ('error' in info) throw info.error;
      if (offsetBytes > 0) await this.#files.bytes.seek(handle, offsetBytes, signal);
    } catch (error) {
      void this.#files.bytes.close(handle, noEnd).catch(() => undefined);
      onClosed();
      throw explain(error);
    }
    const expectedBytes = Math.max(0, info.sizeBytes - offsetBytes);
    return new AfcReader({
      client: this.#files.bytes,
      handle,
      pool: this.#pool,
      fromBytes: offsetBytes,
      expectedBytes,
      describe,
      explain,
      onClosed,
    });
  }

  async #openHandle(path: Uint8Array, signal: AbortSignal): Promise<bigint> {
    if (this.#handles >= handlesMax) await new Promise<void>((resolve) => this.#waitingForHandle.push(resolve));
    this.#handles += 1;
    try {
      for (let tries = 1; ; tries += 1) {
        try {
          return await this.#files.bytes.open(path, signal);
        } catch (error) {
          const isTemporary = error instanceof AfcRefusal && error.status === afcStatus.noResources;
          if (!isTemporary || tries === handleTriesMax) throw error;
          await new Promise((resolve) => setTimeout(resolve, handleWaitMs));
        }
      }
    } catch (error) {
      this.#freeHandle();
      if (error instanceof AfcRefusal) await this.#assertUnlocked(error, signal);
      throw explainOpening(error);
    }
  }

  #freeHandle(): void {
    this.#handles -= 1;
    this.#waitingForHandle.shift()?.();
  }
}

const slash = 0x2f;

function explain(error: unknown): unknown {
  return error instanceof AfcRefusal ? explainRefusal(error, 'A file') : error;
}

/** A file that is listed and cannot be opened is in iCloud only: some versions of iOS list those (ifuse issue 54). */
function explainOpening(error: unknown): unknown {
  const isElsewhere =
    error instanceof AfcRefusal && [afcStatus.readError, afcStatus.ioError].some((status) => status === error.status);
  if (!isElsewhere) return explain(error);
  return new AgentError('SOURCE_ENTRY_NOT_DOWNLOADED', 'A photo is not on the iPhone, only in iCloud.', {
    remedy:
      'On the iPhone, in Settings, Photos, choose "Download and Keep Originals", leave it on Wi-Fi for a night, and save again.',
    cause: error,
  });
}

function locked(cause: unknown): AgentError {
  return new AgentError('PHONE_LOCKED', 'The iPhone is locked.', {
    remedy: 'Unlock it once with its code. Saving then goes on by itself.',
    cause,
  });
}

function impossibleName(): AgentError {
  return new AgentError('SOURCE_READ_FAILED', 'A file has a name that no file can have.', {
    remedy: 'It cannot be saved. If you need it, share it from the app it belongs to.',
  });
}

function tooLarge(why: string): AgentError {
  return new AgentError('SOURCE_TOO_LARGE', `This iPhone cannot be saved as a whole: ${why}.`, {
    remedy: 'Look at it with somebody who knows about such things: something is wrong with it.',
  });
}
