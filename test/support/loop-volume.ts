// A disk of a test's own: an image file, mounted. It can fill up, turn read-only, be pulled and come back elsewhere. Needs
// root. Nothing outlives the test: every loop device frees itself with its last mount, and mounts that a killed test run
// left behind go when the next one begins.

import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { open, rename, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestContext } from 'vitest';
import { systemErrorCode } from '../../src/domain/errors.ts';
import { patience } from './patience.ts';
import { needLinux, needPrograms, needRoot } from './requirements.ts';

export type Filesystem = 'ext4' | 'exfat' | 'vfat' | 'ntfs' | 'tmpfs';

/** What has to be installed for each, for `needPrograms`. The kernel's own exFAT and FAT are not needed: FUSE stands in. */
export const volumePrograms: Readonly<Record<Filesystem, readonly string[]>> = {
  ext4: ['mkfs.ext4', 'losetup'],
  exfat: ['mkfs.exfat', 'mount.exfat-fuse', 'losetup'],
  vfat: ['mkfs.vfat', 'fusefat'],
  ntfs: ['mkfs.ntfs', 'ntfs-3g', 'losetup'],
  tmpfs: [],
};

/** Skips, with its reason, unless disks with these filesystems can be made here. */
export function needVolumes(context: TestContext, ...filesystems: readonly Filesystem[]): void {
  needLinux(context, 'mounts filesystems');
  needRoot(context);
  for (const filesystem of filesystems) needPrograms(context, ...volumePrograms[filesystem]);
}

const folderPrefix = 'keepsake-volume-';
const uuidFolder = '/dev/disk/by-uuid';

export interface LoopVolume extends AsyncDisposable {
  readonly filesystem: Filesystem;
  /** Where it is mounted, or was last. Stays there as an empty folder while it is not. */
  readonly path: string;
  /** A folder for a further mount point; it lies on the system's disk. */
  folder(name: string): string;
  /** Takes the disk away while files on it may be open. Synchronous, so that it can happen inside a step of the product. */
  pull(): void;
  /** As `pull`, and what is still open can read no more than is in memory already. Takes ext4 from `mount` to work again. */
  pullForGood(): void;
  /** Waits until nobody has anything of it open any more, then mounts it, at `path` or elsewhere. */
  mount(path?: string): Promise<void>;
  /** Everything of the image from this byte on is gone: reading there fails with EIO, except what is in memory already. */
  loseBytesFrom(offsetBytes: number): void;
  /** Mounts it again with all its bytes. */
  heal(): Promise<void>;
  /** ext4 only: what the kernel does when such a disk reports an error. (An ordinary remount is refused while files are open.) */
  turnReadOnly(): void;
  /** Unmounts and mounts again with nothing in memory, read-only if asked. */
  remount(options?: { readonly readOnly?: boolean }): Promise<void>;
  /** ext4 only: gives the filesystem a larger disk. Waits as `mount` does. */
  grow(megabytes: number): Promise<void>;
  /** Names the device by its UUID, as udev does on a desktop, so that a volume is recognised at any mount point. */
  announceUuid(): void;
}

export async function createVolume(filesystem: Filesystem, megabytes: number): Promise<LoopVolume> {
  releaseAbandoned();
  const home = mkdtempSync(join(tmpdir(), `${folderPrefix}${process.pid}-`));
  const volume = new ImageVolume(filesystem, home);
  try {
    await volume.format(megabytes);
    await volume.mount();
  } catch (error) {
    await volume[Symbol.asyncDispose]();
    throw error;
  }
  return volume;
}

function run(command: string, ...args: readonly string[]): string {
  return execFileSync(command, [...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
}

/** Between finding a free device and taking it, another test may take it. */
function freeLoopDevice(image: string): string {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return run('losetup', '--find', '--show', image);
    } catch (error) {
      if (attempt === 5) throw error;
    }
  }
}

class ImageVolume implements LoopVolume {
  readonly filesystem: Filesystem;
  readonly #home: string;
  readonly #image: string;
  #path: string;
  #megabytes = 0;
  #isMounted = false;
  #isWiped = false;
  #announced: string | undefined;

  constructor(filesystem: Filesystem, home: string) {
    this.filesystem = filesystem;
    this.#home = home;
    this.#image = join(home, 'image');
    this.#path = join(home, 'disk');
  }

  get path(): string {
    return this.#path;
  }

  folder(name: string): string {
    const path = join(this.#home, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  async format(megabytes: number): Promise<void> {
    this.#megabytes = megabytes;
    if (this.filesystem === 'tmpfs') return;
    await (await open(this.#image, 'wx')).close();
    await truncate(this.#image, megabytes * 2 ** 20);
    const options: Readonly<Record<string, readonly string[]>> = {
      // Without the blocks that are set aside for root a full disk is as full for the tests as for the owner.
      ext4: ['-q', '-m', '0'],
      exfat: [],
      vfat: ['-F', '32'],
      ntfs: ['-F', '-Q', '-q'],
    };
    run(`mkfs.${this.filesystem}`, ...(options[this.filesystem] ?? []), this.#image);
  }

  async mount(path = this.#path): Promise<void> {
    // Also by somebody else: the product ejects drives.
    if (this.#isMounted && mountsBelow(this.#home).includes(this.#path)) throw new Error(`${this.#path} is mounted`);
    await this.#settle();
    this.#path = path;
    mkdirSync(path, { recursive: true });
    this.#attach([]);
  }

  #attach(options: readonly string[]): void {
    const path = this.#path;
    if (this.filesystem === 'tmpfs') run('mount', '-t', 'tmpfs', '-o', `size=${this.#megabytes}m`, 'none', path);
    else if (this.filesystem === 'vfat') run('fusefat', '-o', 'rw+', this.#image, path);
    else {
      const device = freeLoopDevice(this.#image);
      try {
        if (this.filesystem === 'exfat') run('mount.exfat-fuse', ...options, device, path);
        else if (this.filesystem === 'ntfs') run('ntfs-3g', ...options, device, path);
        else run('mount', '-t', 'ext4', ...options, device, path);
      } finally {
        run('losetup', '--detach', device); // takes effect when the mount goes, whoever ends it
      }
    }
    this.#isMounted = true;
  }

  pull(): void {
    if (!this.#isMounted) return;
    run('umount', '--lazy', this.#path);
    this.#isMounted = false;
    this.#forgetUuid();
  }

  pullForGood(): void {
    this.loseBytesFrom(0);
    this.pull();
  }

  loseBytesFrom(offsetBytes: number): void {
    run('cp', '--sparse=always', this.#image, `${this.#image}.saved`);
    run('truncate', `--size=${offsetBytes}`, this.#image);
    this.#isWiped = true;
  }

  async heal(): Promise<void> {
    this.pull();
    await this.mount();
  }

  async #settle(): Promise<void> {
    if (this.filesystem === 'tmpfs') return;
    const deadline = performance.now() + patience.timeout;
    while (this.#isInUse()) {
      if (performance.now() > deadline) throw new Error('somebody still has files of this volume open');
      await sleep(5); // the kernel tells nobody when the last file was closed
    }
    if (this.#isWiped) await rename(`${this.#image}.saved`, this.#image);
    this.#isWiped = false;
  }

  #isInUse(): boolean {
    if (this.filesystem === 'vfat') return processesNaming(this.#image).length > 0;
    return run('losetup', '--associated', this.#image) !== '';
  }

  turnReadOnly(): void {
    run('mount', '-o', 'remount,abort', this.#path);
  }

  async remount(options: { readonly readOnly?: boolean } = {}): Promise<void> {
    await this.#unmount();
    this.#isMounted = false;
    await this.#settle();
    this.#attach(options.readOnly === true ? ['-o', 'ro'] : []);
  }

  /** Somebody may be looking at it at this moment, such as the agent of another test, which looks at every disk. */
  async #unmount(): Promise<void> {
    const deadline = performance.now() + patience.timeout;
    for (;;) {
      try {
        return void run('umount', this.#path);
      } catch (error) {
        if (performance.now() > deadline) throw error;
        await sleep(20); // the kernel tells nobody when they are gone
      }
    }
  }

  async grow(megabytes: number): Promise<void> {
    await this.#unmount();
    this.#isMounted = false;
    await this.#settle();
    await truncate(this.#image, megabytes * 2 ** 20);
    run('e2fsck', '-f', '-p', this.#image);
    run('resize2fs', this.#image);
    this.#attach([]);
  }

  announceUuid(): void {
    const device = run('findmnt', '--noheadings', '--output', 'SOURCE', '--mountpoint', this.#path);
    const uuid = run('blkid', '--output', 'value', '--match-tag', 'UUID', '--probe', this.#image);
    mkdirSync(uuidFolder, { recursive: true });
    this.#announced = join(uuidFolder, uuid);
    rmSync(this.#announced, { force: true });
    symlinkSync(`../../${basename(device)}`, this.#announced);
  }

  #forgetUuid(): void {
    if (this.#announced !== undefined) rmSync(this.#announced, { force: true });
    this.#announced = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#forgetUuid();
    for (const path of mountsBelow(this.#home).reverse()) run('umount', '--lazy', path);
    rmSync(this.#home, { recursive: true, force: true });
  }
}

function mountsBelow(folder: string): string[] {
  return (
    readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      // Blanks, newlines and backslashes in a name stand there as octal numbers (proc(5)).
      .map((line) =>
        (line.split(' ')[4] ?? '').replace(/\\([0-7]{3})/g, (_, digits) => String.fromCharCode(parseInt(digits, 8))),
      )
      .filter((path) => path.startsWith(`${folder}/`))
  );
}

/** The ids of processes that have `text` as an argument. */
function processesNaming(text: string): readonly string[] {
  return readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0').includes(text);
    } catch {
      return false; // it has just ended
    }
  });
}

/** What a test run left that was ended by force: its process is gone, its mounts are not. */
function releaseAbandoned(): void {
  for (const name of readdirSync(tmpdir())) {
    const owner = name.startsWith(folderPrefix) ? name.slice(folderPrefix.length).split('-')[0] : undefined;
    if (owner === undefined || existsSync(`/proc/${owner}`)) continue;
    const folder = join(tmpdir(), name);
    for (const path of mountsBelow(folder).reverse()) {
      try {
        run('umount', '--lazy', path);
      } catch (error) {
        if (mountsBelow(folder).includes(path)) throw error; // else a test beside this one was quicker
      }
    }
    rmSync(folder, { recursive: true, force: true });
  }
  if (!existsSync(uuidFolder)) return;
  for (const name of readdirSync(uuidFolder)) {
    const device = join(uuidFolder, linkOrNothing(join(uuidFolder, name)));
    const isOurs = /^\/dev\/loop\d+$/.test(device) && !existsSync(`/sys/block/${basename(device)}/loop/backing_file`);
    if (isOurs) rmSync(join(uuidFolder, name), { force: true });
  }
}

/** Where a link points; nowhere, if a test beside this one has removed it by now. */
function linkOrNothing(path: string): string {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return '';
    throw error;
  }
}
