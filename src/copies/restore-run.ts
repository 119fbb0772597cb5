// Gives files back, by the durable steps: read and compared with what was saved, staged, flushed, published under a name that
// nothing has, read back. What is not, byte for byte, what was saved is named and not given. Files of one photo stay together.

import { constants } from 'node:fs';
import { type FileHandle, lstat, open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ByteReader } from '../domain/byte-reader.ts';
import { AgentError, isAgentError, systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath, ContentHash, RelativePath } from '../domain/ids.ts';
import { DiskReader } from '../platform/disk-reread.ts';
import { flushFolders, makeFolders, publishFile, type StepObserver, unstageFile } from '../platform/durable-write.ts';
import { FlushQueue } from '../platform/flush-queue.ts';
import { BufferPool, type StagedFile, stageFile } from '../platform/stage-file.ts';
import { asRestoreError, endsRestore } from './restore-errors.ts';
import type { StoredFile } from './restore-list.ts';
import type { RestoreTally } from './restore-report.ts';
import type { RestoreSource } from './restore-source.ts';
import type { RestoreTarget } from './restore-target.ts';

/** Files staged at one time: while one is flushed, others are read and written. */
const stagingConcurrency = 4;
const batchFilesMax = 128;
const batchBytesMax = 512 * 1024 * 1024;
/** Names tried for a photo whose name is taken. */
const suffixMax = 999;
/** How often a group begins anew because another program took its names meanwhile. */
const attemptsMax = 3;

export type GivenFile = Omit<StoredFile, 'assetId' | 'role'> & {
  /** Where it goes, from the target's root on. */
  readonly to: RelativePath;
};

/** The files of one photo: they keep one stem between them. */
export type GivenGroup = readonly GivenFile[];

/** How names are put together, which the library decides. */
export interface RestoreNaming {
  /** `IMG_1~2.JPG` for `IMG_1.JPG` and 1, `IMG_1~3.JPG` for `IMG_1~2.JPG` and 1: the `nth` name after its own. */
  nameAfter(path: RelativePath, nth: number): RelativePath;
  /** Paths with one of these may be taken for parts of one photo. */
  stemKey(path: string): string;
  /** As filesystems that ignore case and accents compare names. */
  fold(path: string): string;
}

export interface RestoreRunOptions {
  readonly source: RestoreSource;
  readonly target: RestoreTarget;
  readonly tally: RestoreTally;
  readonly naming: RestoreNaming;
  /** Stems of all that is to be given, by `naming.stemKey`: what is renamed takes none of them. */
  readonly plannedStems: ReadonlySet<string>;
  /** A folder of the target that nobody but its owner may look into. */
  readonly ownersOnly: RelativePath;
  /** Told of each file that is there by now, whole. */
  readonly onGiven: (file: GivenFile, hash: ContentHash) => void;
  readonly onProgress: (progress: { readonly files: number; readonly bytes: number; readonly path: string }) => void;
  readonly observeStep: StepObserver;
  /** Files published and read back together; smaller in tests. */
  readonly batchFilesMax?: number | undefined;
  readonly signal: AbortSignal;
}

interface Place {
  readonly file: GivenFile;
  readonly final: RelativePath;
}

interface StagedPlace extends Place {
  readonly staged: StagedFile;
}

/** A group on its way. It is published as a whole, but for files that turned out not to be what was saved. */
interface GroupWork {
  readonly group: GivenGroup;
  readonly attempt: number;
  readonly places: readonly Place[];
  readonly staged: StagedPlace[];
  unsettled: number;
}

export class RestoreRun {
  readonly #options: RestoreRunOptions;
  readonly #buffers = new BufferPool();
  readonly #flushes = new FlushQueue();
  /** Looks at what is there already. What this run writes is read back by readers of its own. */
  readonly #reader = new DiskReader();
  /** Names that this run has given out. */
  readonly #taken = new Set<string>();
  readonly #soundFolders = new Set<string>(['']);
  #waiting: { readonly group: GivenGroup; readonly attempt: number }[] = [];
  #waitingFiles = 0;
  #batch: GroupWork[] = [];
  #batchFiles = 0;
  #batchBytes = 0;

  constructor(options: RestoreRunOptions) {
    this.#options = options;
  }

  /**
   * Some of it is done with the next batch: call `finish` in the end.
   * @throws AgentError for what ends the restore (`endsRestore`), with what was whole by then published; a file that fails is in
   * the tally. The signal's reason.
   */
  async give(group: GivenGroup): Promise<void> {
    this.#waiting.push({ group, attempt: 1 });
    this.#waitingFiles += group.length;
    if (this.#waitingFiles >= stagingConcurrency * 2) await this.#stageWaiting();
  }

  /** @throws as `give`. */
  async finish(): Promise<void> {
    while (this.#waiting.length > 0 || this.#batch.length > 0) {
      await this.#stageWaiting();
      await this.#commit();
    }
    await this.#flushes.idle();
  }

  async #stageWaiting(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingFiles = 0;
    const works: GroupWork[] = [];
    const queue: { readonly work: GroupWork; readonly place: Place }[] = [];
    let ended: unknown;
    try {
      for (const { group, attempt } of waiting) {
        const work = await this.#place(group, attempt);
        if (work === undefined) continue;
        works.push(work);
        queue.push(...work.places.map((place) => ({ work, place })));
      }
    } catch (error) {
      ended = error;
    }
    const worker = async () => {
      for (let next = queue.shift(); next !== undefined && ended === undefined; next = queue.shift()) {
        const { work, place } = next;
        try {
          work.staged.push({ ...place, staged: await this.#stage(place) });
          work.unsettled -= 1;
        } catch (error) {
          try {
            await this.#takeFailure(place.file.path, error);
            work.unsettled -= 1;
          } catch (end) {
            ended ??= end;
          }
        }
      }
    };
    await Promise.all(Array.from({ length: stagingConcurrency }, worker));
    for (const work of works) {
      if (work.unsettled === 0) this.#addToBatch(work);
      else await this.#dropStaged(work); // half a pair is not given: the next run gives all of it
    }
    if (ended !== undefined) {
      // What is whole already is kept, where there is still somewhere to keep it.
      if (!this.#options.signal.aborted) await this.#commit().catch(() => undefined);
      throw ended;
    }
    const filesMax = this.#options.batchFilesMax ?? batchFilesMax;
    if (this.#batchFiles >= filesMax || this.#batchBytes >= batchBytesMax) await this.#commit();
  }

  #addToBatch(work: GroupWork): void {
    this.#batch.push(work);
    this.#batchFiles += work.staged.length;
    for (const { staged } of work.staged) this.#batchBytes += staged.sizeBytes;
  }

  async #dropStaged(work: GroupWork): Promise<void> {
    for (const { staged } of work.staged) {
      await staged.flushed.catch(() => undefined); // it goes anyway
      await rm(staged.path, { force: true }).catch(() => undefined); // else it goes when the target is let go
    }
  }

  /** Which names the files of a group get: their own, unless one of those belongs to a file with other bytes. */
  async #place(group: GivenGroup, attempt: number): Promise<GroupWork | undefined> {
    const { naming, plannedStems, tally, signal } = this.#options;
    try {
      for (let nth = 0; nth <= suffixMax; nth += 1) {
        signal.throwIfAborted();
        const places = group.map((file) => ({
          file,
          final: nth === 0 ? file.to : naming.nameAfter(file.to, nth),
        }));
        if (nth > 0 && places.some(({ final }) => plannedStems.has(naming.stemKey(final)))) continue;
        const there = await this.#lookAt(places);
        if (there === undefined) continue;
        for (const { final } of places) this.#taken.add(this.#nameKey(final));
        const left = places.filter(({ file }) => !there.has(file));
        return { group, attempt, places: left, staged: [], unsettled: left.length };
      }
      throw new AgentError('FILE_IN_THE_WAY', `Too many files there are called like "${group[0]?.to}".`, {
        remedy: 'Restore to a new, empty folder.',
      });
    } catch (error) {
      if (signal.aborted || !isAgentError(error) || endsRestore(error)) throw error;
      for (const { path } of group) tally.fail(path, error);
      return undefined;
    }
  }

  #nameKey(path: RelativePath): string {
    const { target, naming } = this.#options;
    return target.abilities.caseSensitive ? path : naming.fold(path);
  }

  /** The files of a group that are there already; undefined if a name belongs to something else. */
  async #lookAt(places: readonly Place[]): Promise<ReadonlySet<GivenFile> | undefined> {
    const { target, tally, onGiven } = this.#options;
    const same = new Map<GivenFile, ContentHash>();
    for (const { file, final } of places) {
      if (this.#taken.has(this.#nameKey(final))) return undefined;
      await this.#assertSound(final);
      const path = join(target.root, final) as AbsolutePath;
      const facts = await lstat(path).catch(() => undefined);
      if (facts === undefined) continue;
      const hash = facts.isFile() && facts.size === file.sizeBytes ? await this.#hashIfSame(file, path) : undefined;
      if (hash === undefined) return undefined;
      same.set(file, hash);
    }
    for (const [file, hash] of same) {
      tally.already += 1;
      tally.bytesRead += file.sizeBytes;
      onGiven(file, hash);
      this.#tell(file.path);
    }
    return new Set(same.keys());
  }

  /** A link in the folder given back to could lead into the library itself. @throws AgentError FILE_IN_THE_WAY */
  async #assertSound(final: RelativePath): Promise<void> {
    const { root } = this.#options.target;
    const slash = final.lastIndexOf('/');
    const folder = final.slice(0, Math.max(0, slash));
    if (this.#soundFolders.has(folder)) return;
    const parts = folder.split('/');
    for (let count = 1; count <= parts.length; count += 1) {
      const path = join(root, ...parts.slice(0, count));
      const facts = await lstat(path).catch(() => undefined);
      if (facts === undefined) break;
      if (facts.isDirectory()) continue;
      throw new AgentError('FILE_IN_THE_WAY', `"${path}" is not a folder, and a folder of that name is needed.`, {
        remedy: 'Move or rename it, or restore to a new, empty folder.',
      });
    }
    this.#soundFolders.add(folder);
  }

  /** The hash of what is there if those are the bytes to be given, proven or not. */
  async #hashIfSame(file: GivenFile, there: AbsolutePath): Promise<ContentHash | undefined> {
    const { source, signal } = this.#options;
    const read = async (path: AbsolutePath) =>
      (
        await this.#reader.hash(path, { signal }).catch((error: unknown) => {
          if (signal.aborted || systemErrorCode(error) === undefined) throw error;
          return undefined; // what cannot be read is not the same; if that is the source's, it is named when it is staged
        })
      )?.hash;
    const hash = await read(there);
    if (hash === undefined) return undefined;
    const wanted = file.hashes.length > 0 ? file.hashes : [await read(join(source.root, file.path) as AbsolutePath)];
    return wanted.includes(hash) ? hash : undefined;
  }

  /** Steps `stage`, `times` and `flush-file`. @throws AgentError FILE_CORRUPT for what is not what was saved. */
  async #stage({ file, final }: Place): Promise<StagedFile> {
    const { source, target, tally, observeStep, signal } = this.#options;
    if (file.sizeBytes > target.fileBytesMax) {
      throw new AgentError('FILE_TOO_LARGE', `"${final}" is too large for the disk of "${target.root}".`, {
        remedy:
          'Disks formatted as FAT32 hold no file of 4 GB or more. Restore to a disk formatted otherwise, as exFAT for instance.',
      });
    }
    let staged: StagedFile | 'refused';
    try {
      staged = await stageFile({
        path: target.nextStaged(),
        expected: { sizeBytes: file.sizeBytes, modifiedAtNs: file.modifiedAtNs },
        open: async () => await openStored(source, file),
        buffers: this.#buffers,
        flushes: this.#flushes,
        onBytes: (bytes) => {
          tally.bytesRead += bytes;
          this.#tell(file.path);
        },
        observeStep,
        signal,
      });
    } catch (error) {
      if (isAgentError(error, 'SOURCE_ENTRY_CHANGING')) throw changing(file.path, error);
      throw asRestoreError(error, target.root);
    }
    if (staged === 'refused') throw new Error('nothing refuses what is given back');
    if (file.hashes.length === 0 || file.hashes.includes(staged.hash)) return staged;
    await staged.flushed.catch(() => undefined); // it goes anyway
    await rm(staged.path, { force: true });
    throw new AgentError('FILE_CORRUPT', `"${file.path}" ${placeOf(source)} is not as it was saved.`, {
      remedy: elsewhere,
    });
  }

  /** Steps `publish` to `unstage`, and then what proves it: reading it back. */
  async #commit(): Promise<void> {
    const batch = this.#batch;
    this.#batch = [];
    this.#batchFiles = 0;
    this.#batchBytes = 0;
    if (batch.length === 0) return;
    const { target, observeStep } = this.#options;
    await target.assertPresent();
    const all = batch.flatMap(({ staged }) => staged);
    await this.#onTarget(() => target.noteNames(all.map(({ staged, final }) => ({ staged: staged.path, to: final }))));
    const touched = new Set<AbsolutePath>();
    const published: StagedPlace[] = [];
    for (const work of batch) published.push(...(await this.#publishGroup(work, touched)));
    observeStep('flush-folder');
    await this.#onTarget(() => flushFolders(touched));
    await target.assertPresent();
    observeStep('unstage');
    if (target.abilities.hardLinks)
      for (const { staged } of published) await this.#onTarget(() => unstageFile(staged.path));
    await this.#readBack(published);
  }

  async #publishGroup(work: GroupWork, touched: Set<AbsolutePath>): Promise<readonly StagedPlace[]> {
    const published: StagedPlace[] = [];
    let isTaken = false;
    for (const place of work.staged) {
      try {
        await place.staged.flushed.catch((error: unknown) => {
          throw notFlushed(this.#options.target.root, error);
        });
        this.#options.observeStep('publish');
        if (await this.#publish(place, touched)) published.push(place);
        else isTaken = true;
      } catch (error) {
        await rm(place.staged.path, { force: true }).catch(() => undefined); // else it goes when the target is let go
        await this.#takeFailure(place.file.path, error);
      }
    }
    if (!isTaken) return published;
    if (work.attempt >= attemptsMax) {
      const left = work.staged.filter((place) => !published.includes(place));
      for (const { file, final } of left) this.#options.tally.fail(file.path, inTheWay(final));
      return published;
    }
    // Another program took a name since it was looked at: the group begins anew, under names of its own.
    this.#waiting.push({ group: work.places.map(({ file }) => file), attempt: work.attempt + 1 });
    for (const { final } of work.places) this.#taken.delete(this.#nameKey(final));
    return published;
  }

  /** False if the name was taken meanwhile. */
  async #publish({ final, staged }: StagedPlace, touched: Set<AbsolutePath>): Promise<boolean> {
    const { target, ownersOnly: hidden } = this.#options;
    const { root } = target;
    const path = join(root, final) as AbsolutePath;
    const folder = dirname(path) as AbsolutePath;
    const ownersOnly = join(root, hidden) as AbsolutePath;
    try {
      for (const parent of await makeFolders({ root, folder, ownersOnly })) touched.add(parent);
      touched.add(folder);
      const result = await publishFile({ staged: staged.path, final: path, hardLinks: target.abilities.hardLinks });
      if (result === 'published') return true;
      await rm(staged.path, { force: true });
      if (result === 'taken') return false;
    } catch (error) {
      await target.assertPresent();
      // The disk takes files, as staging has just shown: it is this folder that may not be written.
      if (isAgentError(error, 'LIBRARY_READ_ONLY', 'LIBRARY_GONE')) throw inTheWay(final, error);
      if (isAgentError(error, 'LIBRARY_WRITE_FAILED') && isNameRefusal(error.cause)) throw refused(root, final);
      throw asRestoreError(error, root);
    }
    throw refused(root, final);
  }

  /** Reads what was just written from the disk itself. Wrong bytes do not stay: the next run tries again. */
  async #readBack(published: readonly StagedPlace[]): Promise<void> {
    const { target, tally, onGiven, signal } = this.#options;
    const reader = new DiskReader(); // a new one: what this batch wrote must not come from memory
    for (const { file, final, staged } of published) {
      const path = join(target.root, final) as AbsolutePath;
      const reread = await reader.hash(path, { signal }).catch(async (error: unknown) => {
        if (signal.aborted || systemErrorCode(error) === undefined) throw error;
        await target.assertPresent();
        return undefined;
      });
      if (reread?.hash !== staged.hash) {
        await rm(path, { force: true });
        tally.fail(file.path, notReadBack(target.root, final));
        continue;
      }
      tally.restored += 1;
      tally.bytes += reread.sizeBytes;
      if (!reread.pastCache) tally.perhapsFromMemory += 1;
      if (final !== file.to) tally.renamed += 1;
      onGiven(file, staged.hash);
      this.#tell(file.path);
    }
  }

  async #onTarget<Result>(action: () => Promise<Result>): Promise<Result> {
    const { target, signal } = this.#options;
    try {
      return await action();
    } catch (error) {
      if (signal.aborted) throw error;
      throw asRestoreError(error, target.root);
    }
  }

  /** @throws what is more than one file's failure. */
  async #takeFailure(path: string, error: unknown): Promise<void> {
    const { source, signal, tally } = this.#options;
    if (signal.aborted || !isAgentError(error) || endsRestore(error)) throw error;
    await source.assertPresent(); // of an unplugged drive every file seems bad
    tally.fail(path, error);
  }

  #tell(path: string): void {
    const { tally, onProgress } = this.#options;
    onProgress({ files: tally.restored + tally.already, bytes: tally.bytesRead, path });
  }
}

export const elsewhere =
  'It was not given back. Another copy may have it right: try "keepsake verify --repair", or restore from another drive.';

export function placeOf({ kind, name }: RestoreSource): string {
  return kind === 'library' ? 'in your photo folder' : `on the drive "${name}"`;
}

function changing(path: string, cause: unknown): AgentError {
  return new AgentError('SOURCE_ENTRY_CHANGING', `"${path}" changed while it was read.`, {
    remedy: 'It was not given back. Run the same command again when nothing writes to it any more.',
    cause,
  });
}

function inTheWay(path: string, cause?: unknown): AgentError {
  const code = isAgentError(cause) ? systemErrorCode(cause.cause) : undefined;
  const because = code === undefined ? '' : ` (${code})`;
  return new AgentError('FILE_IN_THE_WAY', `"${path}" cannot be written where it should go${because}.`, {
    remedy: 'Check that you may write to its folder, or restore to a new, empty folder.',
    cause,
  });
}

function refused(root: string, path: string): AgentError {
  return new AgentError('NAME_UNSUITABLE', `The disk of "${root}" cannot hold a file named "${path}".`, {
    remedy: 'Restore to a disk that takes all names, one of this computer for instance.',
  });
}

/** Of a folder's name; of a file's, `publishFile` tells. */
function isNameRefusal(cause: unknown): boolean {
  return ['EINVAL', 'EILSEQ', 'ENAMETOOLONG'].includes(systemErrorCode(cause) ?? '');
}

/** A failed flush comes as the system's own error. */
function notFlushed(root: string, error: unknown): unknown {
  if (isAgentError(error) || systemErrorCode(error) === undefined) return error;
  return new AgentError('RESTORE_FAILED', `A file could not be written to "${root}" (${systemErrorCode(error)}).`, {
    remedy: 'The disk may be failing: use another one. Run the same command again: it goes on from here.',
    cause: error,
  });
}

function notReadBack(root: string, path: string): AgentError {
  return new AgentError('RESTORE_FAILED', `"${path}" came back with other bytes from the disk of "${root}".`, {
    remedy: 'It is not there. Run the same command again; if it happens again, that disk is failing.',
  });
}

/** Its errors are those of the place given back from, so that they are not taken for those of the disk written to. */
async function openStored(source: RestoreSource, file: GivenFile): Promise<ByteReader> {
  const path = join(source.root, file.path);
  const notRead = (cause: unknown) =>
    new AgentError(
      source.kind === 'library' ? 'FILE_CORRUPT' : 'DRIVE_READ_FAILED',
      `"${file.path}" ${placeOf(source)} cannot be read (${systemErrorCode(cause) ?? String(cause)}).`,
      { remedy: elsewhere, cause },
    );
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    throw notRead(error);
  }
  return {
    read: async (into) => {
      try {
        return (await handle.read(into, 0, into.length, null)).bytesRead;
      } catch (error) {
        throw notRead(error);
      }
    },
    state: async () => {
      const { size, mtimeNs } = await handle.stat({ bigint: true });
      // It gets the time it was saved with; whether it changed meanwhile, the one it lies there with tells.
      return { sizeBytes: Number(size), modifiedAtNs: mtimeNs === file.seenAtNs ? file.modifiedAtNs : mtimeNs };
    },
    [Symbol.asyncDispose]: () => handle.close(),
  };
}
