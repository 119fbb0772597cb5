// Which lines of Linux's mount table may be a card: by where they are, and by what can be seen through them. Pure: whether a
// disk is behind one, and a camera's folders in it, is asked elsewhere (block-device, probe).

import { findMount, type Mount } from '../platform/volume.ts';
import { gvfsFilesystem } from '../sources/folder/camera-folders.ts';

/** Where systems mount what was plugged in: udisks by its two build options, and by hand. */
const cardRoots = ['/media', '/run/media', '/mnt'];
/** Where the disk that the system runs from shows, also of a live system started from a stick or card. */
const systemPlaces = new Set([
  '/',
  '/boot',
  '/boot/efi',
  '/boot/firmware',
  '/efi',
  '/usr',
  '/home',
  '/var',
  '/nix',
  '/sysroot',
  '/cdrom',
  '/run/live/medium',
  '/run/initramfs/live',
  '/run/archiso/bootmnt',
]);
/** Filesystems that are not on a disk of this machine, told apart early: their servers may not answer. */
const networkFilesystems =
  /^(nfs4?|cifs|smb3|smbfs|9p|afs|ceph|coda|ncpfs|lustre|glusterfs|virtiofs|fuse\.(sshfs|rclone|davfs2?|s3fs|gcsfuse|curlftpfs|glusterfs|onedriver|google-drive-ocamlfuse|jmtpfs|ifuse))$/;
/** More mounts than this below the roots are not cards in readers. */
const candidatesMax = 64;

/**
 * Mounts that can be reached by their path: not those that something was mounted over later, itself or a folder above it.
 * Told by the tree that the ids make, since a path alone names whatever is on top.
 */
export function visibleMounts(mounts: readonly Mount[]): readonly Mount[] {
  const byId = new Map(mounts.map((mount) => [mount.id, mount]));
  const byParent = Map.groupBy(mounts, ({ parentId }) => parentId);
  const isReachable = (mount: Mount): boolean => {
    if (byParent.get(mount.id)?.some((above) => above.id !== mount.id && above.mountPoint === mount.mountPoint)) {
      return false;
    }
    const climbed = new Set<number>();
    for (let current: Mount | undefined = mount; current !== undefined; current = byId.get(current.parentId)) {
      if (climbed.has(current.id)) return false; // a table that goes in circles says nothing
      climbed.add(current.id);
      if (current.parentId === current.id) break;
      const { id, mountPoint } = current;
      const beside = byParent.get(current.parentId) ?? [];
      if (beside.some((other) => other.id !== id && isBelow(mountPoint, other.mountPoint))) return false;
    }
    return true;
  };
  return mounts.filter(isReachable);
}

export function isNetworkFilesystem(filesystem: string): boolean {
  return networkFilesystems.test(filesystem);
}

/** True if `path` lies below `folder`. */
export function isBelow(path: string, folder: string): boolean {
  return path !== folder && path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}

export interface Candidates {
  /** Each filesystem once, the way it was mounted first. */
  readonly cards: readonly Mount[];
  /** Where GNOME shows cameras on the cable. */
  readonly gvfs: readonly Mount[];
  /** Mounts on which the system itself is. */
  readonly system: readonly Mount[];
}

export function findCandidates(
  mounts: readonly Mount[],
  options: {
    readonly cardRoots: readonly string[];
    /** Without links in them. A volume that holds one of these is no card. */
    readonly ownRoots: readonly string[];
  },
): Candidates {
  const visible = visibleMounts(mounts);
  const roots = [...cardRoots, ...options.cardRoots];
  const system = mounts.filter(({ mountPoint }) => systemPlaces.has(mountPoint));
  const taken = new Set([...system, ...options.ownRoots.map((root) => findMount(visible, root))].map(volumeOf));
  const cards: Mount[] = [];
  for (const mount of visible) {
    if (cards.length >= candidatesMax) break;
    // A bind mount shows a part of what is mounted elsewhere. Btrfs's subvolumes look the same, and no camera writes btrfs.
    if (mount.folder !== '/' || networkFilesystems.test(mount.filesystem)) continue;
    // Neither a disk nor a file behind it: memory, and what the kernel or a program makes up.
    if (mount.deviceNumber.startsWith('0:') && !mount.device.startsWith('/')) continue;
    if (!roots.some((root) => mount.mountPoint === root || isBelow(mount.mountPoint, root))) continue;
    if (isUnnameable(mount.mountPoint) || taken.has(volumeOf(mount))) continue;
    taken.add(volumeOf(mount));
    cards.push(mount);
  }
  return { cards, gvfs: visible.filter(({ filesystem }) => filesystem === gvfsFilesystem), system };
}

/** One filesystem, however often it is mounted. */
function volumeOf(mount: Mount | undefined): string | undefined {
  return mount?.deviceNumber;
}

/**
 * Names that no path of ours can stand for: not UTF-8 (read as U+FFFD, it would lead elsewhere), not absolute, or with `..`
 * in them, which the kernel never writes.
 */
function isUnnameable(mountPoint: string): boolean {
  return mountPoint.includes('\uFFFD') || !mountPoint.startsWith('/') || /(^|\/)\.\.?(\/|$)/.test(mountPoint);
}
