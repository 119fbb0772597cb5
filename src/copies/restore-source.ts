// Where photos are given back from: the library, or a copy of it on a drive that this computer may never have seen. Only read.
// What lies on a drive is somebody's word until its bytes have been compared.

import { lstat, readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { AgentError, isAgentError } from '../domain/errors.ts';
import type { AbsolutePath } from '../domain/ids.ts';
import { copiesFolderName, copyFolders, ownFolderName, readMarker } from './drive-marker.ts';
import { unsuitable } from './restore-errors.ts';

export interface RestoreSource {
  readonly kind: 'library' | 'drive';
  /** The folder with the years in it. */
  readonly root: AbsolutePath;
  /** What the owner calls it. */
  readonly name: string;
  /** @throws AgentError DRIVE_GONE, LIBRARY_GONE if it is no longer at its path: unplugged, or another disk in its place. */
  assertPresent(): Promise<void>;
}

/** More copies than these lie on no drive. */
const copiesMax = 1000;
/** What our own folder may have left in it for a tree to be known as ours, whatever else of it is damaged or lost. */
const ownNames = ['copy.json', 'library.json', 'copy.sha256', 'imports'];

/**
 * The copy at a path: of the drive, of its folder `Keepsake`, or of the copy itself. A copy whose marker is damaged counts.
 * @throws AgentError DRIVE_MISSING if there is none (an unplugged drive leaves an empty folder), RESTORE_UNSUITABLE for several.
 */
export async function findCopy(path: string): Promise<AbsolutePath> {
  const place = await realpath(path).catch(() => undefined);
  if (place === undefined) throw missing(`There is no "${path}".`);
  if (await isOurs(place)) return place as AbsolutePath;
  const above = dirname(place);
  if (basename(place) === ownFolderName && (await isOurs(above))) return above as AbsolutePath;
  const parents = [join(place, copiesFolderName), ...(basename(place) === copiesFolderName ? [place] : [])];
  const found: AbsolutePath[] = [];
  for (const parent of parents) {
    const entries = await readdir(parent, { withFileTypes: true }).catch(() => []); // no such folder: no copy in it
    for (const entry of entries.slice(0, copiesMax)) {
      const copy = join(parent, entry.name);
      if (entry.isDirectory() && (await isOurs(copy))) found.push(copy as AbsolutePath);
    }
  }
  const [only] = found;
  if (only === undefined) throw missing(`There is no copy of your photos at "${path}".`);
  if (found.length === 1) return only;
  const names = found.map((copy) => `"${basename(copy)}"`).join(', ');
  throw unsuitable(`There are several copies at "${path}": ${names}.`, `Say which one by its folder: --from "${only}"`);
}

/** @throws AgentError DRIVE_TOO_NEW, DRIVE_GONE, LIBRARY_GONE. */
export async function openRestoreSource(options: {
  readonly kind: RestoreSource['kind'];
  readonly root: AbsolutePath;
}): Promise<RestoreSource> {
  const { kind, root } = options;
  const dev = (await stat(root).catch(() => undefined))?.dev;
  const marker = await readMarker(copyFolders(root)).catch((error: unknown) => {
    if (isAgentError(error, 'DRIVE_DAMAGED')) return undefined; // what is right beside it is right
    throw error;
  });
  const name = marker?.name ?? basename(root);
  const assertPresent = async () => {
    // By path: a disk that was unmounted lazily goes on giving what is open, and its path is another disk's (measured).
    const facts = await stat(root).catch(() => undefined);
    if (facts !== undefined && facts.dev === dev && (await isOurs(root))) return;
    throw kind === 'drive'
      ? new AgentError('DRIVE_GONE', `The drive "${name}" is no longer connected.`, {
          remedy: 'Connect it, then run the same command again: it goes on where it stopped.',
        })
      : new AgentError('LIBRARY_GONE', `Your photo folder is no longer at "${root}".`, {
          remedy: 'Connect its drive, then run the same command again: it goes on where it stopped.',
        });
  };
  await assertPresent();
  return { kind, root, name, assertPresent };
}

async function isOurs(root: string): Promise<boolean> {
  for (const name of ownNames) {
    if ((await lstat(join(root, ownFolderName, name)).catch(() => undefined)) !== undefined) return true;
  }
  return false;
}

function missing(message: string): AgentError {
  return new AgentError('DRIVE_MISSING', message, {
    remedy: 'Connect the drive, and name it or the folder under which this computer shows it: --from FOLDER',
  });
}
