// Brings a drive up to date with the library: carries out the plan of each folder by the durable steps, reads back what it wrote,
// and records only what was proven. Nothing on the drive is ever overwritten; what is in the way is set aside.

import { constants } from 'node:fs';
import { type FileHandle, lstat, open, rename, rm, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ByteReader, EntryState } from '../domain/byte-reader.ts';
import type { FindingKind } from '../domain/copies.ts';
import { AgentError, isAgentError, systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath, ContentHash, RelativePath } from '../domain/ids.ts';
import type { CopiedFile, CopiesStore } from '../library/catalog/copies-store.ts';
import type { Clock } from '../platform/clock.ts';
import { DiskReader } from '../platform/disk-reread.ts';
import { flushFolders, makeFolders, publishFile, type StepObserver, unstageFile } from '../platform/durable-write.ts';
import { FlushQueue } from '../platform/flush-queue.ts';
import { BufferPool, type StagedFile, stageFile } from '../platform/stage-file.ts';
import type { CopyTally } from './copy-report.ts';
import type { Drive } from './drive.ts';
import { asDriveError, endsDrive } from './drive-errors.ts';
import { judgeFile } from './judge-file.ts';
import { type CopyAction, isAsPut, type WantedFile } from './plan.ts';
import { folderOf, RealFolders } from './real-folders.ts';
import { isSameTime } from './tree.ts';

/** Files staged at one time: while one is flushed, others are read and written. */
const stagingConcurrency = 4;
/** Names that are tried for what is set aside. */
const attemptsMax = 100;
const batchFilesMax = 128;
const batchBytesMax = 512 * 1024 * 1024;

export interface CopyRunOptions {
  readonly libraryRoot: AbsolutePath;
  readonly drive: Drive;
  readonly copies: CopiesStore;
  readonly clock: Clock;
  readonly tally: CopyTally;
  /** A folder that nobody but its owner may look into. */
  readonly ownersOnly: RelativePath;
  /** Names the folder of what this run sets aside. */
  readonly runId: string;
  /** @throws AgentError LIBRARY_GONE */
  readonly assertLibrary: () => Promise<void>;
  readonly onProgress: (progress: { readonly files: number; readonly bytes: number; readonly path: string }) => void;
  readonly observeStep: StepObserver;
  readonly signal: AbortSignal;
}

interface StagedCopy {
  readonly file: WantedFile;
  readonly staged: StagedFile;
}

export class CopyRun {
  readonly #options: CopyRunOptions;
  readonly #buffers = new BufferPool();
  readonly #flushes = new FlushQueue();
  readonly #folders: RealFolders;
  #batch: StagedCopy[] = [];
  #batchBytes = 0;
  #waiting: WantedFile[] = [];
  #nextKey = 0;

  constructor(options: CopyRunOptions) {
    this.#options = options;
    this.#folders = new RealFolders(options.drive.folders.root);
  }

  /** True if nothing but folders has the names of this folder and those above it. */
  async isReal(folder: string): Promise<boolean> {
    return (await this.#folders.standing(folder)) !== 'otherwise';
  }

  /**
   * Carries out what was planned for one folder. Some of it is done with the next batch: call `finish` in the end.
   * @throws AgentError for what ends the drive or the library; a single file that fails is in the tally.
   */
  async perform(actions: readonly CopyAction[]): Promise<void> {
    for (const action of actions) {
      this.#options.signal.throwIfAborted();
      try {
        await this.#performOne(action);
      } catch (error) {
        this.#takeFailure(action.file.path, error);
      }
    }
  }

  /** Commits what is staged, and stages nothing more: the drive is full, say. @throws as `perform`. */
  async commitStaged(): Promise<void> {
    this.#waiting = [];
    await this.#commit();
    await this.#flushes.idle();
  }

  /** Commits what waits. @throws as `perform`. */
  async finish(): Promise<void> {
    await this.#stageWaiting();
    await this.#commit();
    await this.#flushes.idle();
  }

  async #performOne(action: CopyAction): Promise<void> {
    const { drive, copies, tally } = this.#options;
    const { file } = action;
    switch (action.kind) {
      case 'copy':
        return await this.#copy(file);
      case 'adopt':
        return (await this.#adopt(file, action.sizeBytes)) ? undefined : await this.#copy(file);
      case 'move':
        return await this.#move(file, action.from);
      case 'replace': {
        await this.#setAside(file.path);
        copies.forgetCopied(drive.id, [file.path]);
        return await this.#copy(file);
      }
      case 'examine':
        return await this.#examine(file, action.old);
      case 'tooLarge':
        tally.fail(
          file.path,
          new AgentError('FILE_TOO_LARGE', `"${file.path}" is too large for the drive "${drive.name}".`, {
            remedy:
              'Drives formatted as FAT32 hold no file of 4 GB or more. Use a drive formatted as exFAT, which holds every file.',
          }),
        );
    }
  }

  /** Staged together with others: one after the other, a flush would be waited for each time. */
  async #copy(file: WantedFile): Promise<void> {
    this.#waiting.push(file);
    if (this.#waiting.length >= stagingConcurrency * 2) await this.#stageWaiting();
  }

  async #stageWaiting(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    const failures: { readonly path: string; readonly error: unknown }[] = [];
    let isEnded = false;
    const worker = async () => {
      for (let file = waiting.shift(); file !== undefined && !isEnded; file = waiting.shift()) {
        try {
          await this.#stage(file);
        } catch (error) {
          failures.push({ path: file.path, error });
          isEnded ||= !isAgentError(error) || endsAll(error);
        }
      }
    };
    await Promise.all(Array.from({ length: stagingConcurrency }, worker));
    for (const { path, error } of failures) this.#takeFailure(path, error);
    if (this.#batch.length >= batchFilesMax || this.#batchBytes >= batchBytesMax) await this.#commit();
  }

  /** Steps `stage`, `times` and `flush-file`. What is not, byte for byte, what was saved goes no further. */
  async #stage(file: WantedFile): Promise<void> {
    const { libraryRoot, drive, observeStep, signal, tally } = this.#options;
    const { sizeBytes, modifiedAtNs } = file;
    this.#nextKey += 1;
    const key = `${this.#nextKey}.part`;
    const source = join(libraryRoot, file.path);
    let staged: StagedFile | 'refused';
    try {
      staged = await stageFile({
        path: join(drive.folders.incoming, key) as AbsolutePath,
        expected: { sizeBytes, modifiedAtNs },
        open: async () => await openLibraryFile(source, { sizeBytes, modifiedAtNs }),
        buffers: this.#buffers,
        flushes: this.#flushes,
        onBytes: (bytes) => {
          tally.bytes += bytes;
          this.#tell(file.path);
        },
        observeStep,
        signal,
      });
    } catch (error) {
      if (isAgentError(error, 'SOURCE_READ_FAILED')) throw await this.#libraryFailure(file, error);
      throw asDriveError(error, drive.name);
    }
    if (staged === 'refused') throw new Error('nothing refuses files of the library');
    if (file.hash !== undefined && staged.hash !== file.hash) {
      await staged.flushed.catch(() => undefined); // it goes anyway
      await rm(staged.path, { force: true });
      throw await this.#libraryFailure(file);
    }
    this.#batch.push({ file, staged });
    this.#batchBytes += staged.sizeBytes;
  }

  /** The library's own file is bad: noted, and never copied onward. */
  async #libraryFailure({ path, hash }: WantedFile, cause?: AgentError): Promise<AgentError> {
    const { copies, clock, assertLibrary } = this.#options;
    await assertLibrary(); // of an unplugged library every file is missing
    const code = systemErrorCode(cause?.cause);
    const kind: FindingKind =
      cause === undefined ? 'corrupt' : code === 'ENOENT' || code === 'ENOTDIR' ? 'missing' : 'unreadable';
    if (hash !== undefined) copies.setFinding({ place: 'library', path, kind, foundAtMs: clock.nowMs() });
    if (kind === 'corrupt') {
      return new AgentError('FILE_CORRUPT', `"${path}" in your photo folder is not as it was saved.`, {
        remedy: 'It was not copied. To look for a good copy and put it back: keepsake verify --repair',
      });
    }
    return new AgentError('FILE_CORRUPT', `"${path}" in your photo folder cannot be read (${code ?? 'changed'}).`, {
      remedy: 'It was not copied. To look for a good copy and put it back: keepsake verify --repair',
      cause,
    });
  }

  /** Steps `publish` to `unstage` for what is staged, and then what proves it: reading it back. */
  async #commit(): Promise<void> {
    const batch = this.#batch;
    this.#batch = [];
    this.#batchBytes = 0;
    if (batch.length === 0) return;
    const { drive, copies, clock, observeStep } = this.#options;
    const touched = new Set<AbsolutePath>();
    const published: StagedCopy[] = [];
    await drive.assertPresent();
    for (const copy of batch) {
      try {
        await copy.staged.flushed;
        observeStep('publish');
        await this.#publish(copy, touched);
        published.push(copy);
      } catch (error) {
        await rm(copy.staged.path, { force: true }).catch(() => undefined); // swept when the drive is opened next
        this.#takeFailure(copy.file.path, asFlushError(error, drive.name));
      }
    }
    observeStep('flush-folder');
    await this.#onDrive(() => flushFolders(touched));
    await drive.assertPresent();
    observeStep('record');
    const copiedAtMs = clock.nowMs();
    const rows = published.map(({ file, staged }) => rowOf(file, { hash: staged.hash, copiedAtMs }));
    copies.recordCopied(drive.id, rows);
    this.#options.tally.copied += rows.length;
    observeStep('unstage');
    if (drive.abilities.hardLinks)
      for (const { staged } of published) await this.#onDrive(() => unstageFile(staged.path));
    for (const { path } of rows) copies.clearFinding(drive.id, path);
    await this.#readBack(rows);
  }

  async #publish({ file, staged }: StagedCopy, touched: Set<AbsolutePath>): Promise<void> {
    const final = await this.#placeFor(file.path, touched);
    const { drive } = this.#options;
    const publish = () =>
      this.#onDrive(() => publishFile({ staged: staged.path, final, hardLinks: drive.abilities.hardLinks }));
    let result = await publish();
    if (result === 'taken') {
      // Since it was planned: another program, or an interrupted run whose end was not recorded.
      await this.#setAside(file.path);
      result = await publish();
    }
    if (result === 'published') return;
    throw new AgentError('NAME_UNSUITABLE', `The drive "${drive.name}" cannot hold a file named "${file.path}".`, {
      remedy: 'Use a drive formatted as exFAT, which takes all names, or rename the file in your photo folder.',
    });
  }

  /** Reads what was just written from the drive itself. Wrong bytes are a finding, and do not count as a copy. */
  async #readBack(rows: readonly CopiedFile[]): Promise<void> {
    const { drive, copies, clock, tally, signal } = this.#options;
    const reader = new DiskReader(); // a new one: what this batch wrote must not come from memory
    const proven: CopiedFile[] = [];
    for (const row of rows) {
      const path = join(drive.folders.root, row.path) as AbsolutePath;
      try {
        const reread = await reader.hash(path, { signal });
        if (reread.hash === row.hash) {
          proven.push({ ...row, readBackAtMs: clock.nowMs() });
          if (!reread.pastCache) tally.perhapsFromMemory += 1;
          continue;
        }
        await drive.assertPresent();
        copies.setFinding({ place: drive.id, path: row.path, kind: 'corrupt', foundAtMs: clock.nowMs() });
        tally.fail(row.path, notReadBack(drive.name, row.path));
      } catch (error) {
        if (signal.aborted || systemErrorCode(error) === undefined) throw error;
        await drive.assertPresent();
        copies.setFinding({ place: drive.id, path: row.path, kind: 'unreadable', foundAtMs: clock.nowMs() });
        tally.fail(row.path, notReadBack(drive.name, row.path, error));
      }
    }
    await drive.assertPresent();
    copies.recordCopied(drive.id, proven);
    tally.readBack += proven.length;
  }

  /** True if what lies there is right, and counts from now on. Else it is out of the way. */
  async #adopt(file: WantedFile, sizeBytes: number): Promise<boolean> {
    const { drive, copies, clock, tally, signal } = this.#options;
    const there = join(drive.folders.root, file.path) as AbsolutePath;
    if (sizeBytes === file.sizeBytes) {
      const reader = new DiskReader();
      const seen = await this.#onDrive(() => reader.hash(there, { signal }).catch(unreadable(signal)));
      const hash = file.hash ?? (await this.#hashInLibrary(file, reader));
      if (seen?.hash === hash) {
        await drive.assertPresent();
        const nowMs = clock.nowMs();
        // Its bytes may be on their way to the disk only, after a crash: flushed before it counts.
        await this.#flushThere(there);
        copies.recordCopied(drive.id, [{ ...rowOf(file, { hash, copiedAtMs: nowMs }), readBackAtMs: nowMs }]);
        copies.clearFinding(drive.id, file.path);
        tally.adopted += 1;
        tally.readBack += 1;
        if (!seen.pastCache) tally.perhapsFromMemory += 1;
        this.#tell(file.path);
        return true;
      }
    }
    const isPlaceholder = sizeBytes === 0 && file.sizeBytes > 0 && !drive.abilities.hardLinks;
    // Without hard links an interrupted run leaves an empty file under the name: ours, and nothing in it.
    if (isPlaceholder) await this.#onDrive(() => rm(there));
    else await this.#setAside(file.path);
    return false;
  }

  /** Of a file that Keepsake did not write. One that the library does not give is its failure, not the drive's. */
  async #hashInLibrary(file: WantedFile, reader: DiskReader): Promise<ContentHash> {
    const { libraryRoot, signal } = this.#options;
    const path = join(libraryRoot, file.path) as AbsolutePath;
    try {
      return (await reader.hash(path, { signal })).hash;
    } catch (error) {
      if (signal.aborted || systemErrorCode(error) === undefined) throw error;
      throw await this.#libraryFailure(file, notRead(path, error));
    }
  }

  async #flushThere(path: AbsolutePath): Promise<void> {
    await this.#onDrive(async () => {
      const handle = await open(path, constants.O_RDONLY);
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
      await flushFolders([dirname(path) as AbsolutePath]);
    });
  }

  /** Follows the owner: the file on the drive gets the name that the library's has now. */
  async #move(file: WantedFile, from: CopiedFile): Promise<void> {
    const { drive, copies, tally } = this.#options;
    const touched = new Set<AbsolutePath>();
    const old = join(drive.folders.root, from.path) as AbsolutePath;
    const facts = await lstat(old, { bigint: true }).catch(() => undefined);
    const there = facts?.isFile() === true ? { sizeBytes: Number(facts.size), modifiedAtNs: facts.mtimeNs } : undefined;
    // It may have been set aside for another file meanwhile, changed by hand, or found bad: then the library's is copied.
    const isSound =
      isAsPut(from, there) &&
      copies.copied(drive.id, from.path)?.hash === from.hash &&
      copies.finding(drive.id, from.path) === undefined;
    if (!isSound) return await this.#copy(file);
    const final = await this.#placeFor(file.path, touched);
    if ((await this.#onDrive(() => this.#rename(old, final))) === 'taken') return await this.#copy(file);
    touched.add(dirname(old) as AbsolutePath);
    await this.#onDrive(() => flushFolders(touched));
    await drive.assertPresent();
    copies.recordCopied(drive.id, [{ ...from, path: file.path }]);
    copies.forgetCopied(drive.id, [from.path]);
    copies.clearFinding(drive.id, from.path);
    tally.moved += 1;
    this.#tell(file.path);
  }

  /** It looks different than when it was put there. If its bytes are the same, that was all; if not, it is a finding. */
  async #examine(file: WantedFile, old: CopiedFile): Promise<void> {
    const { drive, copies, clock, tally, signal } = this.#options;
    const path = join(drive.folders.root, file.path) as AbsolutePath;
    const reader = new DiskReader();
    const kind = await judgeFile(path, { file: old, reader, signal });
    await drive.assertPresent();
    if (kind === undefined) {
      // Its time goes with it, on the drive as in the library. Where that cannot be set, it is read again next time.
      const time = new Date(Number(old.modifiedAtNs / 1_000_000n));
      await utimes(path, time, time).catch(() => undefined);
      if (old.readBackAtMs === undefined) {
        copies.recordCopied(drive.id, [{ ...old, readBackAtMs: clock.nowMs() }]);
        tally.readBack += 1;
      }
      copies.clearFinding(drive.id, file.path);
      return;
    }
    const size = (await lstat(path).catch(() => undefined))?.size;
    // Never proven, or the empty beginning of a file that was cut off: it was no copy, and is made anew.
    const isUnfinished = size === 0 && old.sizeBytes > 0 && !drive.abilities.hardLinks;
    if (old.readBackAtMs === undefined || isUnfinished) {
      if (isUnfinished) await this.#onDrive(() => rm(path));
      else if (size !== undefined) await this.#setAside(file.path);
      copies.forgetCopied(drive.id, [file.path]);
      return await this.#copy(file);
    }
    copies.setFinding({ place: drive.id, path: file.path, kind, foundAtMs: clock.nowMs() });
    throw new AgentError('FILE_CORRUPT', `"${file.path}" on the drive "${drive.name}" is not as it was copied.`, {
      remedy: 'It was left as it is. To put it right from your photo folder: keepsake verify --repair',
    });
  }

  /** Puts what lies under a name on the drive where nothing is lost and nothing is in the way. */
  async #setAside(path: RelativePath): Promise<void> {
    const { drive, runId } = this.#options;
    const touched = new Set<AbsolutePath>();
    const from = join(drive.folders.root, path) as AbsolutePath;
    await this.#onDrive(async () => {
      // A second one of this name in one run goes into a folder beside.
      for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
        const folder = attempt === 1 ? runId : `${runId}-${attempt}`;
        const to = join(drive.folders.versions, folder, path) as AbsolutePath;
        for (const parent of await makeFolders({ root: drive.folders.own, folder: dirname(to) as AbsolutePath }))
          touched.add(parent);
        touched.add(dirname(to) as AbsolutePath);
        if ((await this.#rename(from, to)) !== 'renamed') continue;
        touched.add(dirname(from) as AbsolutePath);
        await flushFolders(touched);
        return;
      }
      throw new AgentError('FILE_IN_THE_WAY', `"${path}" on the drive could not be set aside.`, {
        remedy: 'Move or rename that file on the drive, then copy again.',
      });
    });
  }

  /** Renames without ever replacing. */
  async #rename(from: AbsolutePath, to: AbsolutePath): Promise<'renamed' | 'taken'> {
    const result = await publishFile({ staged: from, final: to, hardLinks: this.#options.drive.abilities.hardLinks });
    if (result === 'refused') {
      throw new AgentError('FILE_IN_THE_WAY', `"${from}" could not be moved on the drive.`, {
        remedy: 'Move or rename that file on the drive, then copy again.',
      });
    }
    if (result === 'taken') return 'taken';
    if (this.#options.drive.abilities.hardLinks) await unstageFile(from);
    return 'renamed';
  }

  /** Where a file goes on the drive; its folders are there by then. Adds to `touched` what has to be flushed. */
  async #placeFor(path: RelativePath, touched: Set<AbsolutePath>): Promise<AbsolutePath> {
    const { drive } = this.#options;
    const { root } = drive.folders;
    const final = join(root, path) as AbsolutePath;
    const folder = dirname(final) as AbsolutePath;
    await this.#onDrive(() => this.#folders.assertNothingInTheWay(folderOf(path)));
    const ownersOnly = join(root, this.#options.ownersOnly) as AbsolutePath;
    const parents = await this.#onDrive(() => makeFolders({ root, folder, ownersOnly }));
    for (const parent of parents) touched.add(parent);
    touched.add(folder);
    return final;
  }

  async #onDrive<Result>(action: () => Promise<Result>): Promise<Result> {
    const { drive, signal } = this.#options;
    try {
      return await action();
    } catch (error) {
      if (signal.aborted) throw error;
      await drive.assertPresent();
      throw asDriveError(error, drive.name);
    }
  }

  /** @throws what is more than one file's failure. */
  #takeFailure(path: string, error: unknown): void {
    const { signal, tally } = this.#options;
    // What the drive answered has its name by now; what the library answered keeps its own.
    if (signal.aborted || !isAgentError(error) || endsAll(error)) throw error;
    tally.fail(path, error);
  }

  #tell(path: string): void {
    const { tally, onProgress } = this.#options;
    onProgress({ files: tally.copied + tally.adopted + tally.moved, bytes: tally.bytes, path });
  }
}

/** True for what makes going on senseless. */
function endsAll(error: AgentError): boolean {
  return endsDrive(error) || error.code.startsWith('LIBRARY_');
}

/** A failed flush comes as the system's own error. */
function asFlushError(error: unknown, driveName: string): unknown {
  const code = systemErrorCode(error);
  if (isAgentError(error) || code === undefined) return error;
  return new AgentError('DRIVE_WRITE_FAILED', `A file could not be written on the drive "${driveName}". (${code})`, {
    remedy: 'Unplug it, plug it in again, and copy once more. If it happens again, the drive may be failing.',
    cause: error,
  });
}

function notReadBack(driveName: string, path: string, cause?: unknown): AgentError {
  const code = systemErrorCode(cause);
  const what = code === undefined ? 'came back with other bytes' : `could not be read back (${code})`;
  return new AgentError('DRIVE_READ_FAILED', `"${path}" was copied to the drive "${driveName}" and ${what}.`, {
    remedy: 'It does not count as copied. If it happens again, the drive is failing: use another one.',
    cause,
  });
}

function unreadable(signal: AbortSignal): (error: unknown) => undefined {
  return (error) => {
    if (signal.aborted || systemErrorCode(error) === undefined) throw error;
    return undefined; // what cannot be read is not right
  };
}

function rowOf(file: WantedFile, { hash, copiedAtMs }: { hash: ContentHash; copiedAtMs: number }): CopiedFile {
  const { path, sizeBytes, modifiedAtNs } = file;
  return { path, hash, sizeBytes, modifiedAtNs, isOurs: file.hash !== undefined, copiedAtMs };
}

function notRead(path: string, cause: unknown): AgentError {
  return new AgentError(
    'SOURCE_READ_FAILED',
    `"${path}" cannot be read (${systemErrorCode(cause) ?? String(cause)}).`,
    {
      remedy: 'To look for a good copy and put it back: keepsake verify --repair',
      cause,
    },
  );
}

/** Its errors are SOURCE_READ_FAILED, so that they are not taken for those of the drive that is written to. */
async function openLibraryFile(path: string, listed: EntryState): Promise<ByteReader> {
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    throw notRead(path, error);
  }
  return {
    read: async (into) => {
      try {
        return (await handle.read(into, 0, into.length, null)).bytesRead;
      } catch (error) {
        throw notRead(path, error);
      }
    },
    state: async () => {
      const facts = await handle.stat({ bigint: true });
      // As coarse as filesystems keep times, the library's may differ from what was noted.
      const isSame = isSameTime(facts.mtimeNs, listed.modifiedAtNs);
      return { sizeBytes: Number(facts.size), modifiedAtNs: isSame ? listed.modifiedAtNs : facts.mtimeNs };
    },
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

/** Gives a record of ours, whole, to the drive, in the place of the one that was there. */
export async function replaceRecord(of: {
  readonly from: AbsolutePath;
  readonly to: AbsolutePath;
  readonly drive: Drive;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { from, to, drive, signal } = of;
  const facts = await lstat(from, { bigint: true });
  const state = { sizeBytes: Number(facts.size), modifiedAtNs: facts.mtimeNs };
  const flushes = new FlushQueue();
  try {
    const staged = await stageFile({
      ...{ path: join(drive.folders.incoming, 'record.part') as AbsolutePath, expected: state, signal, flushes },
      ...{ buffers: new BufferPool(), observeStep: () => undefined },
      open: async () => await openLibraryFile(from, state),
    });
    if (staged === 'refused') return;
    await staged.flushed;
    await rename(staged.path, to);
    await flushFolders([dirname(to) as AbsolutePath]);
  } catch (error) {
    if (isAgentError(error, 'SOURCE_READ_FAILED')) throw error;
    throw asDriveError(asFlushError(error, drive.name), drive.name);
  }
}
