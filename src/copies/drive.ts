// A copy of the library on a drive, open: its folders, what its filesystem can do, and the certainty that it is still there. A
// folder that merely has the right path is not a copy: an unplugged drive leaves an empty one behind.

import { lstat, readdir, realpath, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AgentError, isAgentError, systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath, DriveId, LibraryId } from '../domain/ids.ts';
import { asWriteError, makeFolders } from '../platform/durable-write.ts';
import { type FolderAbilities, findMount, probeAbilities, readMounts, statOrUndefined } from '../platform/volume.ts';
import { asDriveError } from './drive-errors.ts';
import { type CopyFolders, copyFolders, readMarker } from './drive-marker.ts';

export interface Drive {
  readonly id: DriveId;
  readonly name: string;
  readonly folders: CopyFolders;
  readonly abilities: FolderAbilities;
  /** Files larger than this cannot be on it. */
  readonly fileBytesMax: number;
  /** @throws AgentError DRIVE_GONE if it is no longer at its path: unplugged, or another disk in its place. */
  assertPresent(): Promise<void>;
}

/** FAT32 keeps sizes in 32 bits (Microsoft, FAT specification, 6.7). */
const fatFileBytesMax = 2 ** 32 - 1;
const fatFilesystems = /^(vfat|msdos|fuse\.fusefat|msdosfs|fat)/;

export interface OpenDriveOptions {
  readonly id: DriveId;
  readonly libraryId: LibraryId;
  readonly name: string;
  /** `<drive>/Keepsake/<library name>` */
  readonly root: AbsolutePath;
  /** Nothing is written to it, and its abilities are not tried. */
  readonly forReading?: boolean;
}

/**
 * Opens a copy for writing, and clears away what an interrupted one left half written.
 * @throws AgentError DRIVE_GONE, DRIVE_DAMAGED, DRIVE_TOO_NEW, DRIVE_READ_ONLY, DRIVE_FULL, DRIVE_WRITE_FAILED.
 */
export async function openDrive(options: OpenDriveOptions): Promise<Drive> {
  const { id, libraryId, name, root } = options;
  const folders = copyFolders(root);
  const facts = await statOrUndefined(root).catch(() => undefined);
  const marker = await readMarker(folders);
  if (facts === undefined || marker?.id !== id || marker.libraryId !== libraryId) throw gone(name);
  await assertOwnFolders(folders, name);
  const isThere = () => assertPresent({ folders, id, name, dev: facts.dev });
  if (options.forReading === true) {
    const abilities = { hardLinks: false, caseSensitive: true };
    return { ...{ id, name, folders, abilities }, fileBytesMax: 0, assertPresent: isThere };
  }
  try {
    for (const folder of [folders.incoming, folders.imports]) await makeFolders({ root: folders.own, folder });
    for (const left of await readdir(folders.incoming))
      if (ourPartials.test(left)) await rm(join(folders.incoming, left), { force: true });
    const abilities = await probeAbilities(folders.incoming);
    const filesystem = findMount(await readMounts(), root)?.filesystem ?? '';
    return {
      ...{ id, name, folders, abilities },
      fileBytesMax: fatFilesystems.test(filesystem) ? fatFileBytesMax : Number.MAX_SAFE_INTEGER,
      assertPresent: isThere,
    };
  } catch (error) {
    await isThere(); // pulled at this moment, its folders are not there, or those of the system's disk are
    throw asDriveError(asWriteError(error, `The folder "${folders.own}"`), name);
  }
}

/** What copying and repairing stage, and what trying the filesystem's abilities leaves when it is killed. */
const ourPartials = /^(\d+\.part|record\.part|repair-[\w-]+\.part|probe-[0-9a-f]+-[ab])$/;

/** A drive is somebody's: behind a link in the place of one of our folders lies something else, such as the library. */
async function assertOwnFolders(folders: CopyFolders, name: string): Promise<void> {
  const { root, own, incoming, imports, trash, quarantine, versions } = folders;
  const real = await realpath(root).catch(() => undefined);
  if (real === undefined) throw gone(name); // pulled at this moment
  let isReal = real === root;
  for (const folder of [own, incoming, imports, trash, quarantine, versions]) {
    const facts = await lstat(folder).catch((error: unknown) => {
      if (systemErrorCode(error) === 'ENOENT') return undefined;
      throw error;
    });
    isReal &&= facts === undefined || facts.isDirectory();
  }
  if (isReal) return;
  throw new AgentError(
    'DRIVE_DAMAGED',
    `On the drive "${name}" a folder of Keepsake's own is a link to somewhere else.`,
    {
      remedy: `Remove that link from "${root}", then copy again. Nothing was changed.`,
    },
  );
}

async function assertPresent(expected: {
  readonly folders: CopyFolders;
  readonly id: DriveId;
  readonly name: string;
  readonly dev: number;
}): Promise<void> {
  const { folders, id, name, dev } = expected;
  // By path: a lazily unmounted disk lets open files "succeed", and a path then lands on the system disk (measured).
  const facts = await stat(folders.root).catch(() => undefined);
  const marker = await readMarker(folders).catch((error: unknown) => {
    if (isAgentError(error)) return undefined;
    throw error;
  });
  if (facts?.dev !== dev || marker?.id !== id) throw gone(name);
}

function gone(name: string): AgentError {
  return new AgentError('DRIVE_GONE', `The drive "${name}" is no longer connected.`, {
    remedy: 'Connect it again: copying goes on where it stopped.',
  });
}
