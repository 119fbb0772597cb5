// What sysfs tells of the disk behind a mount: can it be taken out, how large is it, what is it called. Reads attributes of
// the kernel only, never the disk, so it cannot be held up by one.

import { readdir, readFile, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Mount } from '../platform/volume.ts';

const sectorBytes = 512; // /sys/class/block/*/size counts these, whatever the disk's own sectors are
const stackedMax = 8;
const modelCharsMax = 100;

export interface BlockDevice {
  /** Sysfs folders of the whole disks below it: several for a RAID, one for a partition or a LUKS container. */
  readonly disks: readonly string[];
  /** A number that no disk before it had since the machine started (`diskseq`, from Linux 5.15 on). */
  readonly sequence?: string;
  readonly isRemovable: boolean;
  readonly sizeBytes?: number;
  readonly model?: string;
}

/** Undefined if the mount has no block device: network, memory, and FUSE that does not name one. */
export async function readBlockDevice(mount: Mount, sysRoot = '/sys'): Promise<BlockDevice | undefined> {
  const node = await findNode(mount, sysRoot);
  if (node === undefined) return undefined;
  const disks = await wholeDisks(node, sysRoot);
  const sectors = Number(await attribute(node, 'size'));
  const model = await modelOf(disks[0] ?? node);
  const sequence = await attribute(disks[0] ?? node, 'diskseq');
  const removable = await Promise.all(disks.map((disk) => isRemovableDisk(disk, sysRoot)));
  return {
    disks,
    ...(sequence === undefined ? {} : { sequence }),
    isRemovable: removable.length > 0 && removable.every(Boolean),
    ...(Number.isSafeInteger(sectors) && sectors > 0 ? { sizeBytes: sectors * sectorBytes } : {}),
    ...(model === undefined ? {} : { model }),
  };
}

/** By number where the filesystem is the kernel's; by name for FUSE and btrfs, whose numbers are made up. */
async function findNode(mount: Mount, sysRoot: string): Promise<string | undefined> {
  if (!mount.deviceNumber.startsWith('0:')) {
    const node = await realpath(join(sysRoot, 'dev/block', mount.deviceNumber)).catch(() => undefined);
    if (node !== undefined) return node;
  }
  if (!mount.device.startsWith('/dev/')) return undefined;
  const device = await realpath(mount.device).catch(() => mount.device);
  return await realpath(join(sysRoot, 'class/block', basename(device))).catch(() => undefined);
}

/** From a partition to its disk, and through device-mapper and RAID to what they lie on. */
async function wholeDisks(node: string, sysRoot: string, depth = 0): Promise<readonly string[]> {
  const slaves = depth < stackedMax ? await readdir(join(node, 'slaves')).catch(() => []) : [];
  if (slaves.length > 0) {
    const below = slaves.map(async (name) => {
      const slave = await realpath(join(sysRoot, 'class/block', name)).catch(() => undefined);
      return slave === undefined ? [] : await wholeDisks(slave, sysRoot, depth + 1);
    });
    return [...new Set((await Promise.all(below)).flat())];
  }
  return [(await attribute(node, 'partition')) === undefined ? node : dirname(node)];
}

async function isRemovableDisk(disk: string, sysRoot: string): Promise<boolean> {
  // A desktop that opens an image of a card mounts it that way (udisks), and so do these tests.
  if (/^loop\d+$/.test(basename(disk))) return true;
  if ((await attribute(disk, 'removable')) === '1') return true;
  // eMMC is on the same bus as SD cards, and soldered in (Documentation/ABI: mmc "type").
  if (disk.includes('/mmc_host/')) return ((await attribute(disk, 'device/type')) ?? '').startsWith('SD');
  // A USB disk says it is not removable: its platters are not. Nor does Memory Stick or FireWire say so.
  if (/\/(usb\d+|memstick\d*|fw\d+)\//.test(disk)) return true;
  // Thunderbolt and CFexpress are PCI, whose ports say what can be pulled (Documentation/ABI/testing/sysfs-devices-removable).
  for (let folder = dirname(disk); folder.length > sysRoot.length; folder = dirname(folder)) {
    if ((await attribute(folder, 'removable')) === 'removable') return true;
  }
  return false;
}

async function modelOf(disk: string): Promise<string | undefined> {
  const parts = await Promise.all(['vendor', 'model', 'name'].map((name) => attribute(disk, `device/${name}`)));
  const text = parts.filter((part) => part !== undefined && !/^0x/.test(part)).join(' ');
  // What a device says of itself is as hostile as any file name.
  const printable = text
    .replace(/\p{C}+/gu, ' ')
    .replace(/\s+/g, ' ')
    .trim();
  return printable.slice(0, modelCharsMax) || undefined;
}

async function attribute(folder: string, name: string): Promise<string | undefined> {
  const text = await readFile(join(folder, name), 'utf8').catch(() => undefined); // not there is an answer
  return text?.trim();
}
