// Which physical disk, or which server, is behind a folder: two copies on one disk are one copy. Promises the same key for every
// partition of a disk and at every attachment, as far as the disk can be told at all. Where in doubt two disks have one key,
// never one disk two. Asks programs that may be stuck or missing, and believes nothing of their output but its shape.

import { readdir, readlink, realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { AgentError } from '../domain/errors.ts';
import type { AbsolutePath } from '../domain/ids.ts';
import { type RunCommand, runCommand } from './bounded-command.ts';
import { filesystemUuid, findMount, type Mount, readMounts } from './volume.ts';

const devicesMax = 256;
const stackedMax = 16;
const idCharsMin = 4;
const idCharsMax = 100;
const modelCharsMax = 100;

export type DiskKind = 'disk' | 'network' | 'unknown';

export interface DiskIdentity {
  readonly kind: DiskKind;
  /**
   * Equal for volumes on the same disks. A volume over several disks (RAID, LVM, btrfs) has all of theirs, joined by `+`: ask
   * `shareDisk`. `unknown` for everything that nothing is known of: memory, images and folders that a program shows as a disk.
   * It may lie on any disk, also one that has a key of its own.
   */
  readonly key: string;
  /** `exfat`, `ntfs`, `ext4`, `nfs4`: as the disk itself says where the mount table only says `fuseblk`. */
  readonly filesystem: string;
  /** What the disk calls itself, made printable. Only where one disk is behind it, as `sizeBytes`. */
  readonly model?: string;
  /** Of the whole disk. */
  readonly sizeBytes?: number;
  /** `sdb`, `nvme0n1`: the whole disks, as this system calls them today. */
  readonly deviceNames: readonly string[];
}

const unknownKey = 'unknown';

/** Of two keys: true if losing one disk or server may lose both. */
export function shareDisk(oneKey: string, otherKey: string): boolean {
  if (oneKey === unknownKey || otherKey === unknownKey) return true;
  const disks = new Set(oneKey.split('+'));
  return otherKey.split('+').some((disk) => disks.has(disk));
}

/** @throws AgentError DRIVE_READ_FAILED if the disk does not answer; system errors if the path is not there. */
export async function identifyDisk(
  mountOrPath: Mount | AbsolutePath,
  run: RunCommand = runCommand,
): Promise<DiskIdentity> {
  if (process.platform === 'darwin') {
    return await identifyMacDisk(typeof mountOrPath === 'string' ? mountOrPath : mountOrPath.mountPoint, run);
  }
  const mount =
    typeof mountOrPath === 'string' ? findMount(await readMounts(), await realpath(mountOrPath)) : mountOrPath;
  return mount === undefined ? nobodyKnows('') : await identifyMount(mount, run);
}

async function identifyMount(mount: Mount, run: RunCommand): Promise<DiskIdentity> {
  const server = serverOf(mount.filesystem, mount.device);
  if (server !== undefined) return onServer(mount.filesystem, server);
  const devices = mount.filesystem === 'zfs' ? await devicesOfPool(mount.device, run) : await devicesOfMount(mount);
  if (devices.length === 0) return nobodyKnows(mount.filesystem);
  const nodes = await askLsblk(devices, run);
  const uuid = nodes[0]?.filesystemUuid ?? (await uuidOf(mount, run));
  const members = mount.filesystem === 'btrfs' && uuid !== undefined ? await btrfsMembers(uuid) : [];
  const disks = wholeDisks(members.length > 1 ? await askLsblk(members, run) : nodes);
  const [only, ...more] = disks;
  return {
    kind: 'disk',
    key: await keyOf(disks, uuid, run),
    filesystem: await filesystemOf(mount, nodes[0], run),
    ...(only === undefined || more.length > 0 ? {} : factsOf(only)),
    deviceNames: disks.map(({ name }) => name),
  };
}

/**
 * By what each disk is called; where one has no name of its own, by the UUID of the filesystem; and where that has none either,
 * as on the first disk of a virtual machine, by what the system calls the disk for as long as it is attached.
 */
async function keyOf(disks: readonly BlockNode[], uuid: string | undefined, run: RunCommand): Promise<string> {
  const ids = await Promise.all(disks.map((disk) => idOf(disk, run)));
  const known = ids.filter((id) => id !== undefined);
  if (known.length === ids.length) return joinIds(known);
  const kind = disks.some(({ type }) => type === 'loop') ? 'image' : 'disk';
  const id = meaningful(uuid);
  if (id !== undefined) return `${kind}:filesystem:${id}`;
  return joinIds(disks.map(({ name }) => `${kind}:device:${name.replace(/[^\w.-]/g, '_')}`));
}

function joinIds(ids: readonly string[]): string {
  return [...new Set(ids)].sort().join('+');
}

function factsOf({ model, sizeBytes }: BlockNode): { model?: string; sizeBytes?: number } {
  return { ...(model === undefined ? {} : { model }), ...(sizeBytes === undefined ? {} : { sizeBytes }) };
}

function nobodyKnows(filesystem: string): DiskIdentity {
  return { kind: 'unknown', key: unknownKey, filesystem, deviceNames: [] };
}

function onServer(filesystem: string, server: string): DiskIdentity {
  return { kind: 'network', key: `network:${server}`, filesystem, deviceNames: [] };
}

/** By number where the filesystem is the kernel's; by name for FUSE and btrfs, whose numbers are made up. */
async function devicesOfMount(mount: Mount): Promise<readonly string[]> {
  if (!mount.deviceNumber.startsWith('0:')) {
    const target = await readlink(join('/sys/dev/block', mount.deviceNumber)).catch(() => undefined);
    if (target !== undefined) return [join('/dev', basename(target).replaceAll('!', '/'))]; // `cciss!c0d0`
  }
  return mount.device.startsWith('/dev/') && mount.device !== '/dev/fuse' ? [mount.device] : [];
}

/** The disks of a ZFS pool; `pool/dataset` is what is mounted. From zpool-list(8); never run with ZFS by us. */
async function devicesOfPool(dataset: string, run: RunCommand): Promise<readonly string[]> {
  const pool = dataset.split('/')[0] ?? '';
  if (!/^[A-Za-z][\w.: -]*$/.test(pool)) return [];
  const answer = await ask(run, 'zpool', ['list', '-H', '-v', '-L', '-P', pool]);
  const devices = answer?.split('\n').map((line) => line.trim().split(/\s/)[0] ?? '') ?? [];
  return devices.filter((device) => /^\/dev\/[\w/-]+$/.test(device)).slice(0, stackedMax);
}

/** All disks of a btrfs, of which the mount table names one. Attributes of the kernel, readable by anyone. */
async function btrfsMembers(uuid: string): Promise<readonly string[]> {
  if (!/^[0-9a-f-]{36}$/.test(uuid)) return [];
  const names = await readdir(`/sys/fs/btrfs/${uuid}/devices`).catch(() => []);
  return names.slice(0, stackedMax).map((name) => `/dev/${name}`);
}

async function filesystemOf(mount: Mount, node: BlockNode | undefined, run: RunCommand): Promise<string> {
  if (!mount.filesystem.startsWith('fuse')) return mount.filesystem;
  if (node?.filesystem !== undefined) return node.filesystem;
  const device = (await devicesOfMount(mount))[0];
  const type = device === undefined ? undefined : await askBlkid('TYPE', device, run);
  return type !== undefined && /^[\w.-]{1,32}$/.test(type) ? type : mount.filesystem;
}

async function uuidOf(mount: Mount, run: RunCommand): Promise<string | undefined> {
  let isStuck = false;
  try {
    return await filesystemUuid(mount, async (command, args) => {
      const answer = await run(command, args);
      isStuck ||= answer === 'stuck';
      return answer;
    });
  } catch (error) {
    throw isStuck ? notAnswering() : error;
  }
}

/** What lsblk(8) says of one block device, and of those that it lies on. */
export interface BlockNode {
  /** `sdb1`, `dm-0` */
  readonly name: string;
  /** `disk`, `part`, `crypt`, `lvm`, `raid1`, `loop`, … */
  readonly type: string;
  readonly wwn?: string;
  readonly serial?: string;
  readonly tableUuid?: string;
  readonly filesystemUuid?: string;
  readonly filesystem?: string;
  readonly model?: string;
  readonly sizeBytes?: number;
  readonly below: readonly BlockNode[];
}

// Without NAME there is no tree (lsblk.c: it is the column that the tree is drawn in).
const lsblkColumns = 'NAME,KNAME,TYPE,WWN,SERIAL,PTUUID,UUID,FSTYPE,MODEL,SIZE';

async function askLsblk(devices: readonly string[], run: RunCommand): Promise<readonly BlockNode[]> {
  const args = ['--json', '--bytes', '--inverse', '--output', lsblkColumns, '--', ...devices];
  const answer = await run('lsblk', args);
  if (answer === 'stuck') throw notAnswering();
  // 64: "some specified devices found, some not found".
  const isAnswer = answer.exitCode === 0 || answer.exitCode === 64;
  const nodes = isAnswer ? parseLsblk(answer.stdout.toString('utf8')) : [];
  return nodes.length > 0 ? nodes : devices.map(namedOnly);
}

/** Without lsblk nothing is known but the name, which may be a partition's. */
function namedOnly(device: string): BlockNode {
  const name = basename(device);
  return { name, type: /^loop\d/.test(name) ? 'loop' : 'disk', below: [] };
}

/** Parses `lsblk --json --bytes --inverse`. What does not have the shape is left out. */
export function parseLsblk(text: string): readonly BlockNode[] {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    return [];
  }
  let left = devicesMax;
  const nodesOf = (list: unknown, depth: number): BlockNode[] => {
    if (!Array.isArray(list) || depth > stackedMax) return [];
    const nodes: BlockNode[] = [];
    for (const entry of list) {
      if (left <= 0) break;
      left -= 1;
      const node = nodeOf(entry, (children) => nodesOf(children, depth + 1));
      if (node !== undefined) nodes.push(node);
    }
    return nodes;
  };
  return nodesOf(isRecord(answer) ? answer['blockdevices'] : undefined, 0);
}

function nodeOf(entry: unknown, below: (children: unknown) => readonly BlockNode[]): BlockNode | undefined {
  if (!isRecord(entry)) return undefined;
  const name = textOf(entry['kname']);
  const type = textOf(entry['type']);
  if (name === undefined || type === undefined) return undefined;
  const size = Number(entry['size']); // a number, or before util-linux 2.33 text
  const facts = {
    wwn: textOf(entry['wwn']),
    serial: textOf(entry['serial']),
    tableUuid: textOf(entry['ptuuid']),
    filesystemUuid: textOf(entry['uuid']),
    filesystem: textOf(entry['fstype']),
    model: printable(textOf(entry['model'])),
    sizeBytes: Number.isSafeInteger(size) && size > 0 ? size : undefined,
  };
  const known = Object.entries(facts).filter(([, value]) => value !== undefined);
  return { name, type, ...Object.fromEntries(known), below: below(entry['children']) };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length > 4 * idCharsMax) return undefined;
  return value.trim() || undefined;
}

function printable(text: string | undefined): string | undefined {
  return text
    ?.replace(/\p{C}+/gu, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, modelCharsMax);
}

/** What everything lies on in the end, each once. */
function wholeDisks(nodes: readonly BlockNode[]): readonly BlockNode[] {
  const disks = new Map<string, BlockNode>();
  const descend = (node: BlockNode): void => {
    if (node.below.length === 0) disks.set(node.name, node);
    else node.below.forEach(descend);
  };
  nodes.forEach(descend);
  return [...disks.values()];
}

/**
 * The name of a disk: what is burnt into it, else what was written into its partition table.
 * A serial number may be the reader's or the enclosure's, for whatever is in it: two cards in one reader count as one disk.
 *
 * A loop device, which is an image file, counts as a disk of its own. That is not true: it lies on the disk of its file. But nobody
 * can tell which that is: the path that the kernel gives may be another mount namespace's, deleted, or on a share. It never has
 * the key of a real disk, not even of the one that it is a copy of.
 */
async function idOf(disk: BlockNode, run: RunCommand): Promise<string | undefined> {
  if (disk.type === 'loop') {
    const table = meaningful(disk.tableUuid) ?? (await tableUuidOf(disk, run));
    return table === undefined ? undefined : `image:table:${table}`;
  }
  const wwn = meaningful(disk.wwn);
  if (wwn !== undefined) return `disk:wwn:${wwn}`;
  const serial = meaningful(disk.serial);
  if (serial !== undefined) return `disk:serial:${serial}`;
  const table = meaningful(disk.tableUuid) ?? (await tableUuidOf(disk, run));
  return table === undefined ? undefined : `disk:table:${table}`;
}

/** Where no udev tells (a container), root may read the table itself. */
async function tableUuidOf(disk: BlockNode, run: RunCommand): Promise<string | undefined> {
  return meaningful(await askBlkid('PTUUID', `/dev/${disk.name}`, run));
}

async function askBlkid(tag: 'PTUUID' | 'TYPE', device: string, run: RunCommand): Promise<string | undefined> {
  const answer = await ask(run, 'blkid', ['--probe', '--output', 'value', '--match-tag', tag, '--', device]);
  return answer?.trim() || undefined;
}

/** Undefined if it failed or is not there. @throws AgentError DRIVE_READ_FAILED if it is stuck. */
async function ask(run: RunCommand, command: string, args: readonly string[]): Promise<string | undefined> {
  const answer = await run(command, args);
  if (answer === 'stuck') throw notAnswering();
  return answer.exitCode === 0 ? answer.stdout.toString('utf8') : undefined;
}

function notAnswering(): AgentError {
  return new AgentError('DRIVE_READ_FAILED', 'The drive does not answer.', {
    remedy: 'Take it out and plug it in again, or try another cable.',
  });
}

/** What makers write where they have no number: as good as nothing, the same on thousands of disks. */
const fillers = [
  '0123456789abcdef0123456789abcdef',
  '123456789abcdef',
  '1234567890',
  'defaultstring',
  'tobefilledbyoem',
];

/** Lower case, only letters, digits and `._:-`; undefined if it tells nothing. */
function meaningful(text: string | undefined): string | undefined {
  const id = text
    ?.toLowerCase()
    .trim()
    .replace(/[^a-z0-9._:-]+/g, '_')
    .slice(0, idCharsMax);
  const bare = id?.replace(/^0x/, '').replace(/[^a-z0-9]/g, '') ?? '';
  if (id === undefined || bare.length < idCharsMin || new Set(bare).size === 1) return undefined;
  return fillers.some((filler) => filler.startsWith(bare)) ? undefined : id;
}

/** Shares of the machine that this virtual one runs on: all on its disks, as far as can be told from in here. */
const hostFilesystems = /^(9p|virtiofs|vboxsf|vmhgfs|fuse\.vmhgfs-fuse|prl_fs)$/;
const networkFilesystems =
  /^(nfs4?|cifs|smb3|smbfs|afs|afpfs|webdav|ceph|coda|ncpfs|lustre|glusterfs|davfs|fuse\.(sshfs|rclone|davfs2?|s3fs|gcsfuse|curlftpfs|glusterfs|ceph|onedriver|google-drive-ocamlfuse))$/;

/**
 * The server of a share, without the share: `nas` for `//ann@NAS.local/photos`, `nas.local:/photos` and `https://nas/photos`.
 * A server that is mounted once by name and once by number has two. Undefined if it is no share.
 */
export function serverOf(filesystem: string, device: string): string | undefined {
  if (hostFilesystems.test(filesystem)) return 'host';
  if (!networkFilesystems.test(filesystem)) return undefined;
  const address = device.replace(/^(\w+#)?\w+:\/\//, '').replace(/^\/+/, '');
  const [authority = ''] = address.split('/');
  const place = authority.slice(authority.lastIndexOf('@') + 1);
  const name = /^\[([^\]]*)\]/.exec(place)?.[1] ?? place.split(/[:,]/)[0] ?? '';
  const server = name
    .toLowerCase()
    .replace(/[^a-z0-9._:-]+/g, '_')
    .replace(/(\._\w+\._tcp)?\.local\.?$|\.$/, '') // Bonjour's names, as macOS mounts them
    .slice(0, idCharsMax);
  return server === '' ? 'unnamed' : server;
}

/**
 * macOS, from diskutil(8) and printed examples; never run on a Mac by us. It does not tell serial numbers: the first partition's
 * UUID, which is the same for all partitions of a disk, stands for it.
 */
async function identifyMacDisk(path: string, run: RunCommand): Promise<DiskIdentity> {
  const info = await ask(run, '/usr/sbin/diskutil', ['info', '-plist', path]);
  const volume = info === undefined ? undefined : parseMacVolumeInfo(info);
  if (volume === undefined) {
    const mount = findMacMount((await ask(run, '/sbin/mount', [])) ?? '', path);
    const server = mount === undefined ? undefined : serverOf(mount.filesystem, mount.device);
    if (mount === undefined || server === undefined) return nobodyKnows(mount?.filesystem ?? '');
    return onServer(mount.filesystem, server);
  }
  const ids: (string | undefined)[] = [];
  for (const disk of volume.disks) {
    const list = await ask(run, '/usr/sbin/diskutil', ['list', '-plist', disk]);
    ids.push(list === undefined ? undefined : firstPartitionUuid(list));
  }
  const known = ids.filter((id) => id !== undefined);
  const isWhole = known.length === ids.length && known.length > 0;
  const uuid = meaningful(volume.uuid);
  const own = uuid === undefined ? unknownKey : `disk:filesystem:${uuid}`;
  const key = isWhole ? joinIds(known.map((id) => `disk:partition:${id}`)) : own;
  return {
    kind: key === unknownKey ? 'unknown' : 'disk',
    key,
    filesystem: volume.filesystem,
    ...(volume.model === undefined ? {} : { model: volume.model }),
    deviceNames: volume.disks,
  };
}

/** Parses `diskutil info -plist`. An APFS volume's own disk is made up: its physical stores are what it lies on. */
export function parseMacVolumeInfo(text: string):
  | {
      readonly disks: readonly string[];
      readonly uuid: string | undefined;
      readonly filesystem: string;
      readonly model: string | undefined;
    }
  | undefined {
  const string = (key: string) => plistStrings(text, key)[0];
  const stores = plistStrings(text, 'APFSPhysicalStore');
  const parents = stores.length > 0 ? stores : plistStrings(text, 'ParentWholeDisk').slice(0, 1);
  const disks = [
    ...new Set(parents.map((name) => /^disk\d{1,5}/.exec(name)?.[0]).filter((name) => name !== undefined)),
  ];
  if (disks.length === 0) return undefined;
  return {
    disks: disks.slice(0, stackedMax),
    uuid: string('VolumeUUID'),
    filesystem: string('FilesystemType') ?? '',
    model: printable(string('MediaName')) || undefined,
  };
}

/** From `diskutil list -plist diskN`: the first partition that has a UUID; without a GUID table, the first volume that has one. */
export function firstPartitionUuid(text: string): string | undefined {
  return meaningful(plistStrings(text, 'DiskUUID')[0] ?? plistStrings(text, 'VolumeUUID')[0]);
}

function plistStrings(text: string, key: string): readonly string[] {
  return [...text.matchAll(new RegExp(`<key>${key}</key>\\s*<string>([^<]{0,400})</string>`, 'g'))].map(
    ([, value]) => value ?? '',
  );
}

/** From mount(8) without arguments: `//ann@nas._smb._tcp.local/photos on /Volumes/photos (smbfs, nodev, …)`. */
export function findMacMount(text: string, path: string): { filesystem: string; device: string } | undefined {
  let found: { mountPoint: string; filesystem: string; device: string } | undefined;
  for (const line of text.split('\n')) {
    const [, device, mountPoint, filesystem] = /^(\S.*?) on (\/.*) \((\w+)[,)]/.exec(line) ?? [];
    if (device === undefined || mountPoint === undefined || filesystem === undefined) continue;
    const isAbove = mountPoint === '/' || path === mountPoint || path.startsWith(`${mountPoint}/`);
    if (isAbove && mountPoint.length >= (found?.mountPoint.length ?? 0)) found = { mountPoint, filesystem, device };
  }
  return found;
}
