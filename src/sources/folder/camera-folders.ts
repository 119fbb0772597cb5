// What tells a camera's card from any other disk. The one definition, for what is plugged in and for what is named.

import { relative } from 'node:path';
import type { Mount } from '../../platform/volume.ts';

/**
 * Folders that cameras make, from the top of a card. FAT and exFAT do not tell upper case from lower, so `dcim` counts there.
 *   DCIM                          DCF, the rule of nearly every camera, phone, drone (JEITA CP-3461)
 *   AVCHD, PRIVATE/AVCHD          camcorders (AVCHD format, Sony and Panasonic)
 *   M4ROOT, PRIVATE/M4ROOT        Sony XAVC S
 *   MP_ROOT, XDROOT, BPAV         Sony: MP4 on Memory Stick; XAVC on XQD and SxS; XDCAM EX
 *   CONTENTS/CLIPS001             Canon XF
 *   XFVC                          Canon XF-AVC
 *   CONTENTS/CLIP, CLIPS/CONTENTS Panasonic P2, and with its halves the other way round
 *   SD_VIDEO                      JVC and Panasonic, MOD and TOD files
 */
export const cameraFolders = [
  'DCIM',
  'AVCHD',
  'PRIVATE/AVCHD',
  'M4ROOT',
  'PRIVATE/M4ROOT',
  'MP_ROOT',
  'XDROOT',
  'BPAV',
  'CONTENTS/CLIPS001',
  'XFVC',
  'CONTENTS/CLIP',
  'CLIPS/CONTENTS',
  'SD_VIDEO',
] as const;

/** GNOME's folder of what is not mounted by the kernel: one folder for each thing. */
export const gvfsFilesystem = 'fuse.gvfsd-fuse';
/** Cameras and phones on the cable. Not `afc:` (an iPhone, which has its own way in) and no network share. */
export const gvfsCameraPrefixes = ['gphoto2:', 'mtp:'] as const;

/** True if `root` lies in a camera that GNOME shows as a folder. */
export function isCameraOverGvfs(root: string, mount: Mount | undefined): boolean {
  if (mount?.filesystem !== gvfsFilesystem) return false;
  return gvfsCameraPrefixes.some((prefix) => relative(mount.mountPoint, root).startsWith(prefix));
}
