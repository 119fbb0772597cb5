// What is known of the disk behind a path: room, kind, identity, and what its filesystem can do.

import { randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { link, lstat, open, readdir, readFile, readlink, realpath, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { AgentError, systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath } from '../domain/ids.ts';
import { type RunCommand, runCommand } from './bounded-command.ts';

const mountTablePath = '/proc/self/mountinfo';
const disksByUuid = '/dev/disk/by-uuid';

export interface Mount {
  readonly mountPoint: string;
  readonly filesystem: string;
  /** `/dev/sdb1`, or the name of a network share. */
  readonly device: string;
  /** Never the same for two mounts at one time; a volume that is mounted again gets another. */
  readonly id: number;
  /** The mount that this one stands on. */
  readonly parentId: number;
  /** `8:17`; begins with `0:` where no disk is behind it that the kernel knows of. */
  readonly deviceNumber: string;
  /** Which folder of the filesystem is mounted: `/`, except for bind mounts and subvolumes. */
  readonly folder: string;
}

/** Free and total bytes for an ordinary user on the volume that holds `path`. */
export async function readSpace(path: string): Promise<{ freeBytes: number; totalBytes: number }> {
  const facts = await statfs(path);
  return { freeBytes: facts.bavail * facts.bsize, totalBytes: facts.blocks * facts.bsize };
}

/**
 * Parses Linux's mount table (proc(5), /proc/pid/mountinfo): one mount a line, octal escapes for blanks in names, and the
 * filesystem's kind behind a lone dash. statfs says "FUSE" for exFAT, FAT and NTFS alike, so the kind is taken from here.
 */
export function parseMountTable(text: string): readonly Mount[] {
  const mounts: Mount[] = [];
  for (const line of text.split('\n')) {
    const fields = line.split(' ');
    const dash = fields.indexOf('-', 6);
    const [id, parentId, deviceNumber, folder, mountPoint] = fields;
    const [filesystem, device] = [fields[dash + 1], fields[dash + 2]];
    if (dash === -1 || mountPoint === undefined || filesystem === undefined || device === undefined) continue;
    mounts.push({
      mountPoint: unescapeOctal(mountPoint),
      filesystem,
      device: unescapeOctal(device),
      id: Number(id),
      parentId: Number(parentId),
      deviceNumber: deviceNumber ?? '',
      folder: unescapeOctal(folder ?? ''),
    });
  }
  return mounts;
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** All mounts, in order of mounting; none where the system has no mount table (macOS, Windows). */
export async function readMounts(): Promise<readonly Mount[]> {
  if (process.platform !== 'linux') return [];
  return parseMountTable(await readFile(mountTablePath, 'utf8'));
}

/** The mount that holds `path` (a real path): the longest mount point above it, the latest if several are stacked there. */
export function findMount(mounts: readonly Mount[], path: string): Mount | undefined {
  let found: Mount | undefined;
  for (const mount of mounts) {
    const isAbove = mount.mountPoint === '/' || path === mount.mountPoint || path.startsWith(`${mount.mountPoint}/`);
    if (isAbove && mount.mountPoint.length >= (found?.mountPoint.length ?? 0)) found = mount;
  }
  return found;
}

/** The nearest folder at or above `path` that exists. */
export async function nearestExisting(path: string): Promise<string> {
  for (let folder = path; ; folder = dirname(folder)) {
    if ((await statOrUndefined(folder)) !== undefined || folder === dirname(folder)) return folder;
  }
}

/** `stat`, with undefined for what is not there. */
export async function statOrUndefined(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** The folder at which the volume of `path` begins: the last one upwards on the same device. */
export async function volumeRoot(path: string): Promise<string> {
  let folder = await realpath(path);
  const { dev } = await stat(folder);
  for (;;) {
    const parent = dirname(folder);
    if (parent === folder || (await stat(parent)).dev !== dev) return folder;
    folder = parent;
  }
}

/** True if `path` lies on the volume that the system itself runs from. */
export async function isOnSystemVolume(path: string): Promise<boolean> {
  const { dev } = await stat(await nearestExisting(path));
  if ((await stat(sep)).dev === dev) return true;
  // macOS keeps the owner's files on a second volume of the same disk, mounted here (Apple, "About the read-only system volume").
  const data = process.platform === 'darwin' ? await statOrUndefined('/System/Volumes/Data') : undefined;
  return data?.dev === dev;
}

/**
 * A name for the filesystem on a device that survives replugging and a new mount point: its UUID, as udev tells it, else as
 * `lsblk` and `blkid` read it where this user may. Undefined where it cannot be known: network shares, and a blank number.
 * @throws AgentError SOURCE_READ_FAILED if the disk does not answer. "Unknown" would make another source of the same card.
 */
export async function filesystemUuid(mount: Mount, run: RunCommand = runCommand): Promise<string | undefined> {
  if (!mount.device.startsWith('/')) return undefined;
  const isDevice = mount.device.startsWith('/dev/');
  const device = isDevice ? await realpath(mount.device).catch(() => mount.device) : mount.device;
  const names = isDevice ? await readdir(disksByUuid).catch(() => []) : []; // no udev: the others are asked
  for (const uuid of names) {
    const target = await readlink(join(disksByUuid, uuid)).catch(() => undefined);
    if (target !== undefined && join(disksByUuid, target) === device) return meaningful(uuid);
  }
  // lsblk knows udev's database, also where /dev/disk is not shown; blkid reads disk and image itself.
  const questions: [string, readonly string[]][] = [
    ['blkid', ['--probe', '--output', 'value', '--match-tag', 'UUID', '--', device]],
  ];
  if (isDevice) questions.unshift(['lsblk', ['--nodeps', '--noheadings', '--output', 'UUID', '--', device]]);
  for (const [command, args] of questions) {
    const answer = await run(command, args);
    if (answer === 'stuck') {
      throw new AgentError('SOURCE_READ_FAILED', `The disk at "${mount.mountPoint}" does not answer.`, {
        remedy: 'Take it out and plug it in again, or try another reader.',
      });
    }
    const uuid = answer.exitCode === 0 ? meaningful(answer.stdout.toString('utf8').trim()) : undefined;
    if (uuid !== undefined) return uuid;
  }
  return undefined;
}

/** Cheap sticks come with a serial number of zeros: no name at all. */
function meaningful(uuid: string): string | undefined {
  return uuid.length <= 100 && /[1-9A-Fa-f]/.test(uuid) ? uuid : undefined;
}

export interface FolderAbilities {
  readonly hardLinks: boolean;
  readonly caseSensitive: boolean;
}

/** Tries in `folder` (of ours, writable) what its filesystem can do, and removes what it made. @throws system errors of writing. */
export async function probeAbilities(folder: AbsolutePath): Promise<FolderAbilities> {
  const name = `probe-${randomBytes(6).toString('hex')}`;
  const first = join(folder, `${name}-a`);
  const second = join(folder, `${name}-b`);
  try {
    await using handle = await open(first, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600);
    await handle.close();
    const hardLinks = await link(first, second).then(
      () => true,
      // Each filesystem names its refusal differently (EPERM, ENOTSUP, ENOSYS, EOPNOTSUPP, EMLINK): any refusal is a no.
      () => false,
    );
    const upper = await lstat(join(folder, `${name.toUpperCase()}-A`)).catch(() => undefined);
    return { hardLinks, caseSensitive: upper === undefined };
  } finally {
    await rm(first, { force: true });
    await rm(second, { force: true });
  }
}
