// Camera cards that are plugged in: what is mounted where systems mount removable disks and looks like a card inside.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readMounts } from '../../platform/volume.ts';
import { hasCameraFolder } from './folder-source.ts';

const removableRoots = ['/media/', '/run/media/', '/mnt/'];
const macVolumes = '/Volumes';

/** Mount points of cards, in order. A volume that this user may not read is left out. */
export async function findMountedCards(): Promise<readonly string[]> {
  const mounted =
    process.platform === 'darwin'
      ? (await readdir(macVolumes)).map((name) => join(macVolumes, name))
      : (await readMounts()).map(({ mountPoint }) => mountPoint).filter((path) => isRemovable(path));
  const cards: string[] = [];
  for (const path of new Set(mounted)) if (await hasCameraFolder(path)) cards.push(path);
  return cards.sort();
}

function isRemovable(path: string): boolean {
  return removableRoots.some((root) => path.startsWith(root)) || path === '/mnt';
}
