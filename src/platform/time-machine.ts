// Tells a disk that Apple's Time Machine keeps its backups on: no place for a copy of ours, which it would fill up or be filled
// up by. Looks only at names in the top folder, and into what is named as a backup's image. Says no where it cannot tell.

import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemErrorCode } from '../domain/errors.ts';
import { statOrUndefined } from './volume.ts';

/** Names looked at in the top folder. A disk of Time Machine's has a few hundred. */
const namesMax = 10_000;
/** Disk images looked into: one for each Mac that is backed up there. */
const imagesMax = 64;

/** One folder for each backup on APFS: `2026-06-17-172230.previous` (the latest ones), `.inprogress`, `.interrupted`, `.backup`. */
const apfsBackup = /^\d{4}-\d{2}-\d{2}-\d{6}\.(previous|inprogress|interrupted|backup)$/;
/** On a share or a Time Capsule each Mac has a disk image; the later name since macOS 11. */
const macImage = /\.(sparsebundle|backupbundle)$/;
/** What backupd writes beside the pieces of such an image. */
const imageMarkers = ['com.apple.TimeMachine.MachineID.plist', 'com.apple.TimeMachine.MachineID.bckup'];

/**
 * True if Time Machine has been writing to the volume with this top folder: `Backups.backupdb` (HFS+), `backup_manifest.plist` or
 * a backup's folder (APFS: eclecticlight.co 2021-03-22, "Time Machine to APFS"), or a Mac's disk image (shares).
 *
 * The marker `.com.apple.timemachine.supported` says only that a volume *may* be used, and is found on disks that never were
 * (it is in many programs' lists of files to skip); `.com.apple.timemachine.donotpresent` says that it shall not be. Neither counts.
 * @throws system errors of reading the folder.
 */
export async function isTimeMachineVolume(root: string): Promise<boolean> {
  const images: string[] = [];
  let names = 0;
  for await (const entry of await opendir(root)) {
    if (entry.name === 'Backups.backupdb' || entry.name === '.Backups.backupdb') return true;
    if (entry.name === 'backup_manifest.plist' || apfsBackup.test(entry.name)) return true;
    if (macImage.test(entry.name) && images.length < imagesMax) images.push(entry.name);
    names += 1;
    if (names >= namesMax) break;
  }
  for (const image of images) {
    for (const marker of imageMarkers) {
      if (await exists(join(root, image, marker))) return true;
    }
  }
  return false;
}

async function exists(path: string): Promise<boolean> {
  try {
    return (await statOrUndefined(path)) !== undefined;
  } catch (error) {
    if (systemErrorCode(error) === 'EACCES') return false; // another user's image: nothing to be known
    throw error;
  }
}
