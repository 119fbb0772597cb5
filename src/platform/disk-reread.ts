// Reads whole files to prove what is on a disk, not what is still in this machine's memory, and says whether it could. Promises
// never to claim `pastCache` where memory may have answered. The disk's own memory, inside its case, cannot be passed.

import { createHash } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { type FileHandle, open, realpath, stat } from 'node:fs/promises';
import { systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath, ContentHash } from '../domain/ids.ts';
import { BoundedCommands } from './bounded-command.ts';
import { digest } from './durable-write.ts';
import { findMount, type Mount, readMounts } from './volume.ts';

/**
 * Two buffers of this size for a file, one read while the other is hashed. Measured 2026-11, a cold file of 1 GiB on ext4: two
 * 0.85 s, one 1.5 s; twice or four times the size, or four buffers, no different; `sha256sum` 3.2 s.
 */
const bufferBytes = 1024 * 1024;
const buffersPerFile = 2;
/** Files that may be read at one time with one set of buffers. The next one waits. */
const filesAtOnceMax = 2;
/** The unit of WebAssembly's memory, and a multiple of every disk's sectors that a direct read must begin at. */
const alignmentBytes = 64 * 1024;
/** Below this, telling the system to forget a file (two children, 5 to 10 ms) costs more than reading it. */
const dropBytesMin = 256 * 1024;
/** Writing back what a slow drive still has in memory takes its time. */
const dropTimeoutMs = 60_000;
/** File times are as coarse as this (FAT). */
const fileTimeStepMs = 2000;
const volumesMax = 64;

export interface RereadOptions {
  readonly signal: AbortSignal;
  /** Told of each piece that was read and hashed. */
  readonly onBytes?: (count: number) => void;
  /** Awaited between two pieces (1 MiB), to leave the disk to others. */
  readonly pauseBetween?: () => Promise<void>;
}

export interface Reread {
  readonly hash: ContentHash;
  readonly sizeBytes: number;
  /** True if every byte came from a disk of this machine. False: "read back, perhaps from memory". */
  readonly pastCache: boolean;
}

/** Reads one file. For many, share a `DiskReader`: it keeps its buffers and what it learned of the volume. */
export async function hashFromDisk(path: AbsolutePath, options: RereadOptions): Promise<Reread> {
  return await new DiskReader({ buffers: new AlignedBuffers(1) }).hash(path, options);
}

type Buffers = readonly [Uint8Array, Uint8Array];

/** What is needed of the WebAssembly JavaScript API; the type library for Node.js leaves it out. */
declare const WebAssembly: {
  readonly Memory: new (pages: {
    readonly initial: number;
    readonly maximum: number;
  }) => { readonly buffer: ArrayBuffer };
};

/** Memory for direct reads, which must begin on a page: WebAssembly's does, a Buffer's does not (EINVAL, measured 2026-11). */
export class AlignedBuffers {
  readonly #free: Buffers[] = [];
  readonly #waiting: ((buffers: Buffers) => void)[] = [];
  #unmade: number;

  constructor(filesAtOnce = filesAtOnceMax) {
    this.#unmade = filesAtOnce;
  }

  /** @throws the signal's reason. */
  async take(signal: AbortSignal): Promise<Buffers> {
    signal.throwIfAborted();
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#unmade > 0) {
      this.#unmade -= 1;
      return makeBuffers();
    }
    const turn = Promise.withResolvers<Buffers>();
    const abort = () => {
      this.#waiting.splice(this.#waiting.indexOf(turn.resolve), 1);
      turn.reject(signal.reason);
    };
    this.#waiting.push(turn.resolve);
    signal.addEventListener('abort', abort, { once: true });
    try {
      return await turn.promise;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  /** Only when no read into them is under way any more. */
  giveBack(buffers: Buffers): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(buffers);
    else next(buffers);
  }
}

function makeBuffers(): Buffers {
  const pages = (buffersPerFile * bufferBytes) / alignmentBytes;
  const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages });
  return [new Uint8Array(buffer, 0, bufferBytes), new Uint8Array(buffer, bufferBytes, bufferBytes)];
}

/**
 * How to read past memory on one volume.
 * - `direct`: the filesystem reads straight from the disk if asked to (O_DIRECT).
 * - `device`: a FUSE filesystem on a disk. A direct read does get past the memory of the file, but the program behind it reads the
 *   disk through the memory of the *device*: after a byte was changed underneath, exfat-fuse and ntfs-3g still gave the old one,
 *   and the new one once that memory was dropped too (measured 2026-11). Dropping it needs the right to read the device.
 * - `pages`: a direct read may quietly be an ordinary one (btrfs: compressed extents; NTFS: small files; ZFS before 2.3: always).
 *   The file is dropped from memory, and it is asked whether it is gone.
 * - `none`: the bytes are somebody else's to keep: a server, a program, memory itself.
 */
type Way = 'direct' | 'device' | 'pages' | 'none';

interface Volume {
  readonly way: Way;
  readonly device: string;
  /** O_DIRECT was refused: not tried again. */
  refusesDirect: boolean;
  /** When the device's memory was last dropped; `never` if that is not for us to do. */
  droppedAtMs: number | 'never' | undefined;
}

/**
 * Their direct reads go to the disk (Linux, fs/: iomap or blockdev_direct_IO). Not shown by any name: ext4 with `data=journal` or
 * a folder that it encrypts itself (fscrypt) reads through memory all the same.
 */
const directFilesystems = new Set(['ext2', 'ext3', 'ext4', 'xfs', 'exfat', 'vfat', 'msdos', 'hfsplus', 'jfs', 'udf']);
const pagesFilesystems = new Set(['btrfs', 'zfs', 'f2fs', 'bcachefs', 'ntfs', 'ntfs3', 'overlay', 'apfs', 'nilfs2']);

/**
 * Reads files of one run over one volume or several. On FUSE it promises `pastCache` for files that were written *before* it read
 * its first one there: create a new one after each batch that was copied. A share of buffers may be common to several.
 */
export class DiskReader {
  readonly #buffers: AlignedBuffers;
  readonly #commands: BoundedCommands;
  readonly #volumes = new Map<number, Volume>();

  constructor(options: { readonly buffers?: AlignedBuffers; readonly commands?: BoundedCommands } = {}) {
    this.#buffers = options.buffers ?? new AlignedBuffers();
    this.#commands = options.commands ?? new BoundedCommands(dropTimeoutMs);
  }

  /**
   * A symbolic link is not followed (ELOOP): on a copy it would vouch for a file that is somewhere else.
   * @throws system errors unchanged, or the signal's reason; once it has thrown, nothing is being read and the file is closed.
   */
  async hash(path: AbsolutePath, options: RereadOptions): Promise<Reread> {
    const buffers = await this.#buffers.take(options.signal);
    try {
      return await this.#hashWith(buffers, path, options);
    } finally {
      this.#buffers.giveBack(buffers);
    }
  }

  async #hashWith(buffers: Buffers, path: AbsolutePath, options: RereadOptions): Promise<Reread> {
    let opened = await openFile(path, process.platform === 'linux');
    try {
      const facts = await opened.handle.stat();
      // O_NONBLOCK at opening, so that a pipe of that name holds nobody up.
      if (!facts.isFile()) throw Object.assign(new Error(`not a file: ${path}`), { code: 'EISDIR' });
      const volume = await this.#volumeOf(path, facts);
      if (opened.isDirect && volume.refusesDirect) opened = await reopen(opened, path);
      else if (!opened.isDirect) volume.refusesDirect = true;
      const isDropped = await this.#dropMemory({ volume, path, facts, handle: opened.handle, signal: options.signal });
      let told = false;
      const reading = {
        ...options,
        onBytes: (count: number) => {
          told = true;
          options.onBytes?.(count);
        },
      };
      try {
        const { hash, sizeBytes } = await hashThrough(opened.handle, buffers, facts.size, reading);
        return { hash, sizeBytes, pastCache: isPastCache(volume.way, { isDirect: opened.isDirect, isDropped }) };
      } catch (error) {
        // Some filesystems take O_DIRECT at opening and refuse it at the first read.
        if (!opened.isDirect || told || systemErrorCode(error) !== 'EINVAL') throw error;
      }
      volume.refusesDirect = true;
      opened = await reopen(opened, path);
      const { hash, sizeBytes } = await hashThrough(opened.handle, buffers, facts.size, options);
      return { hash, sizeBytes, pastCache: isPastCache(volume.way, { isDirect: false, isDropped }) };
    } finally {
      await opened.handle.close();
    }
  }

  async #volumeOf(path: string, facts: Stats): Promise<Volume> {
    const known = this.#volumes.get(facts.dev);
    if (known !== undefined) return known;
    const mount = await mountOf(path, facts);
    const volume: Volume = {
      way: mount === undefined ? 'none' : await wayOf(mount),
      device: mount?.device ?? '',
      refusesDirect: false,
      droppedAtMs: undefined,
    };
    if (this.#volumes.size >= volumesMax) this.#volumes.clear();
    this.#volumes.set(facts.dev, volume);
    return volume;
  }

  /** True if nothing of the file is left in memory that a direct read would not pass anyway. */
  async #dropMemory(file: {
    readonly volume: Volume;
    readonly path: string;
    readonly facts: Stats;
    readonly handle: FileHandle;
    readonly signal: AbortSignal;
  }): Promise<boolean> {
    const { volume, facts, signal } = file;
    if (volume.way === 'device') return await this.#dropDevice(volume, facts, signal);
    if (volume.way !== 'pages' || facts.size < dropBytesMin) return false;
    await file.handle.datasync(); // what is not written yet cannot be dropped
    if (!(await this.#succeeds('dd', [`if=${file.path}`, 'iflag=nocache', 'count=0'], signal))) return false;
    // What somebody has mapped stays, without a word. fincore(1), of util-linux, counts the bytes that are still there.
    const left = await this.#run('fincore', ['--bytes', '--noheadings', '--output', 'RES', '--', file.path], signal);
    return left?.trim() === '0';
  }

  async #dropDevice(volume: Volume, facts: Stats, signal: AbortSignal): Promise<boolean> {
    if (volume.droppedAtMs === 'never') return false;
    const changedAtMs = Math.max(facts.mtimeMs, facts.ctimeMs) + fileTimeStepMs;
    if (volume.droppedAtMs !== undefined && changedAtMs < volume.droppedAtMs) return true;
    const startedAtMs = Date.now(); // compared with times of files, which come from this clock too
    // dd(1): "Request to drop cache for the whole file". Only what has been written back goes; sync(1) waits for that.
    const isDropped =
      (await this.#succeeds('sync', ['--data', '--', volume.device], signal)) &&
      (await this.#succeeds('dd', [`if=${volume.device}`, 'iflag=nocache', 'count=0'], signal));
    volume.droppedAtMs = isDropped ? startedAtMs : 'never';
    return isDropped;
  }

  async #succeeds(command: string, args: readonly string[], signal: AbortSignal): Promise<boolean> {
    return (await this.#run(command, args, signal)) !== undefined;
  }

  async #run(command: string, args: readonly string[], signal: AbortSignal): Promise<string | undefined> {
    const answer = await this.#commands.run([command, ...args].join('\0'), { command, args }, signal);
    return answer !== 'stuck' && answer.exitCode === 0 ? answer.stdout.toString('utf8') : undefined;
  }
}

function isPastCache(way: Way, read: { readonly isDirect: boolean; readonly isDropped: boolean }): boolean {
  switch (way) {
    case 'direct':
      return read.isDirect;
    case 'device':
      return read.isDirect && read.isDropped;
    case 'pages':
      return read.isDropped;
    case 'none':
      return false;
  }
}

interface OpenFile {
  readonly handle: FileHandle;
  readonly isDirect: boolean;
}

async function openFile(path: string, tryDirect: boolean): Promise<OpenFile> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  if (tryDirect) {
    try {
      return { handle: await open(path, flags | constants.O_DIRECT), isDirect: true };
    } catch (error) {
      if (systemErrorCode(error) !== 'EINVAL') throw error; // open(2): "The filesystem does not support the O_DIRECT flag"
    }
  }
  return { handle: await open(path, flags), isDirect: false };
}

/** The same without O_DIRECT. On failure the first one is still open, for whoever closes it. */
async function reopen(opened: OpenFile, path: string): Promise<OpenFile> {
  const ordinary = await openFile(path, false);
  await opened.handle.close();
  return ordinary;
}

async function mountOf(path: string, facts: Stats): Promise<Mount | undefined> {
  const mounts = await readMounts();
  const number = deviceNumber(facts.dev);
  // By number, whatever the path goes through; but btrfs gives each subvolume one that no mount has.
  return mounts.find((mount) => mount.deviceNumber === number) ?? findMount(mounts, await realpath(path));
}

/** `8:17`, as the mount table writes it (makedev(3); glibc's bits/sysmacros.h). */
function deviceNumber(dev: number): string {
  const bits = BigInt(dev);
  const major = ((bits >> 8n) & 0xfffn) | ((bits >> 32n) & 0xfffff000n);
  const minor = (bits & 0xffn) | ((bits >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}

async function wayOf(mount: Mount): Promise<Way> {
  const { filesystem, device } = mount;
  if (directFilesystems.has(filesystem)) return 'direct';
  if (pagesFilesystems.has(filesystem)) return 'pages';
  if (!/^fuse(blk|\.|$)/.test(filesystem) || !device.startsWith('/dev/')) return 'none';
  const node = await stat(device).catch(() => undefined);
  return node?.isBlockDevice() === true ? 'device' : 'none';
}

/**
 * Reads to the end, `sizeBytes` being what to expect. While one buffer is hashed the other is filled. A direct read must begin
 * at a multiple of the disk's sectors but may end with the file, wherever that is: the last count is just shorter.
 */
async function hashThrough(
  handle: FileHandle,
  buffers: Buffers,
  sizeBytes: number,
  options: RereadOptions,
): Promise<{ hash: ContentHash; sizeBytes: number }> {
  const hash = createHash('sha256');
  let position = 0;
  let reading = startRead(handle, buffers[0], 0);
  let next: Reading | undefined;
  try {
    for (;;) {
      options.signal.throwIfAborted();
      const other = reading.buffer === buffers[0] ? buffers[1] : buffers[0];
      const nextStart = reading.startBytes + bufferBytes;
      next = nextStart < sizeBytes ? startRead(handle, other, nextStart) : undefined;
      const count = await reading.count;
      // After a short read, its last sector is read once more: what is known of it is not hashed twice.
      const fresh = reading.buffer.subarray(position - reading.startBytes, count);
      hash.update(fresh);
      position += fresh.length;
      if (fresh.length > 0) options.onBytes?.(fresh.length);
      const isShort = count < bufferBytes;
      if (isShort && (position >= sizeBytes || fresh.length === 0)) break;
      await options.pauseBetween?.();
      if (isShort) {
        await next?.count;
        reading = startRead(handle, other, position - (position % alignmentBytes));
      } else {
        reading = next ?? startRead(handle, other, position);
      }
    }
  } finally {
    await Promise.allSettled([reading.count, next?.count]); // they write into buffers that the next file gets
  }
  return { hash: digest(hash), sizeBytes: position };
}

interface Reading {
  readonly buffer: Uint8Array;
  readonly startBytes: number;
  readonly count: Promise<number>;
}

function startRead(handle: FileHandle, buffer: Uint8Array, startBytes: number): Reading {
  const count = handle.read(buffer, 0, bufferBytes, startBytes).then(({ bytesRead }) => bytesRead);
  count.catch(() => undefined); // Awaited in its turn; this only keeps Node.js from calling it unhandled.
  return { buffer, startBytes, count };
}
