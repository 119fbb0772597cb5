// Refuses, before anything is written, a library that the source contains, that contains the source, that lies on the card
// itself, or that a cloud program keeps in step. Decides by device and inode, not by how paths are spelt.

import { realpath, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { AgentError } from '../domain/errors.ts';
import { isOnSystemVolume, nearestExisting, statOrUndefined, volumeRoot } from '../platform/volume.ts';

import { type FolderSource, hasCameraFolder } from '../sources/folder/folder-source.ts';

/** @throws AgentError LIBRARY_OVERLAPS_SOURCE, LIBRARY_ON_CARD. `libraryRoot` need not exist yet. */
export async function assertApart(source: FolderSource, libraryRoot: string): Promise<void> {
  const existing = await realpath(await nearestExisting(libraryRoot));
  const library = join(existing, relative(await nearestExisting(libraryRoot), libraryRoot));
  if (await isInside(library, source.root)) {
    throw new AgentError('LIBRARY_OVERLAPS_SOURCE', `Your photo folder "${library}" lies inside "${source.root}".`, {
      remedy: 'Choose a photo folder outside of what photos are saved from, or name a smaller folder to save from.',
    });
  }
  if (await isInside(source.root, library)) {
    throw new AgentError('LIBRARY_OVERLAPS_SOURCE', `"${source.root}" lies inside your photo folder "${library}".`, {
      remedy: 'Those photos are in your photo folder already. Name another folder to save from.',
    });
  }
  const sameVolume = (await stat(existing)).dev === (await stat(source.root)).dev;
  if (!sameVolume || (await isOnSystemVolume(source.root))) return;
  if (await hasCameraFolder(await volumeRoot(source.root))) {
    throw new AgentError(
      'LIBRARY_ON_CARD',
      `Your photo folder "${library}" is on the card that photos are saved from.`,
      {
        remedy: 'Choose a photo folder on this computer or on another drive: keepsake config set library FOLDER',
      },
    );
  }
}

/** True if `path`, or what exists of it, is `folder` or below it. */
async function isInside(path: string, folder: string): Promise<boolean> {
  const target = await statOrUndefined(folder);
  if (target === undefined) return false;
  for (let each = path; ; each = dirname(each)) {
    const facts = await statOrUndefined(each);
    if (facts?.dev === target.dev && facts.ino === target.ino) return true;
    if (each === dirname(each)) return false;
  }
}

/** Folders that a cloud program keeps in step, by the names these programs give them. */
const cloudFolder = /^(dropbox|onedrive|icloud ?drive|google ?drive)( ?[-(].*)?$/i;
const cloudParents = ['Library/Mobile Documents', 'Library/CloudStorage'];

/** @throws AgentError LIBRARY_IN_CLOUD_FOLDER. Such a program may replace originals by placeholders and spread deletions. */
export async function assertNotInCloud(libraryRoot: string): Promise<void> {
  const nearest = await nearestExisting(libraryRoot);
  for (const path of [libraryRoot, join(await realpath(nearest), relative(nearest, libraryRoot))]) {
    const byName =
      path.split('/').some((part) => cloudFolder.test(part)) ||
      cloudParents.some((part) => `${path}/`.includes(`/${part}/`));
    if (byName || (await hasDropboxMark(path))) {
      throw new AgentError(
        'LIBRARY_IN_CLOUD_FOLDER',
        `"${path}" is kept in step with the internet by another program.`,
        {
          remedy:
            'Such a program can remove photos from this computer. Choose another folder, or, if you are sure, run "keepsake config set allowCloudFolder true".',
        },
      );
    }
  }
}

async function hasDropboxMark(path: string): Promise<boolean> {
  for (let folder = path; ; folder = dirname(folder)) {
    if ((await statOrUndefined(join(folder, '.dropbox.cache')).catch(() => undefined))?.isDirectory() === true)
      return true;
    if (folder === dirname(folder)) return false;
  }
}
