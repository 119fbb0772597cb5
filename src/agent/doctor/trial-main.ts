// Entry of a process of its own: writes, flushes, reads, links and renames one small file in a folder of ours on a disk, and removes it.
// By doing, since rights, a full disk, one that turned read-only and one that is failing show in nothing else. A disk that hangs holds
// this process, which can be left behind. Touches no file that it did not make; makes no folder.

import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, link, open, readdir, readFile, realpath, rename, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import process from 'node:process';
import { systemErrorCode } from '../../domain/errors.ts';
import type { TrialAnswer, TrialQuestion, TrialStep } from './trial.ts';

const trialBytes = 64 * 1024;
const markerBytesMax = 64 * 1024;
/** Whoever saves at this moment sweeps the folder, and our file with it. */
const attemptsMax = 3;
const trialName = /^probe-[0-9a-f]{12}-[ab]$/;
/** Nobody tries for so long: whoever made it was killed. */
const abandonedMs = 3_600_000;

process.stdout.write(JSON.stringify(await answer(JSON.parse(process.argv[2] ?? ''))));

async function answer({ root, marker, folders, alsoStat }: TrialQuestion): Promise<TrialAnswer> {
  const isThere = await isFolder(root);
  const nearest = isThere ? root : await nearestThere(root);
  const { bavail, blocks, bsize } = await statfs(nearest);
  const { dev } = await stat(nearest);
  const facts = {
    ...{ freeBytes: bavail * bsize, totalBytes: blocks * bsize },
    isOnSystemDisk: await isSystemDevice(dev),
    isWritable: (await isFolder(nearest)) && (await mayWrite(nearest)),
    realRoot: join(await realpath(nearest), relative(nearest, root)),
    modifiedMs: await Promise.all(alsoStat.map(async (path) => (await statOrNothing(path))?.mtimeMs ?? null)),
  };
  if (!isThere) return { state: 'noFolder', ...facts };
  const markerText = marker === undefined ? undefined : await readMarkerText(marker);
  if (marker !== undefined && markerText === undefined) return { state: 'noMarker', ...facts };
  for (const folder of folders) {
    if (!(await isFolder(folder))) continue;
    // Not through a link: behind one lies something else, such as the library.
    if ((await realpath(folder)) !== join(await realpath(root), relative(root, folder))) continue;
    if (marker === undefined) await sweep(folder);
    return { state: 'tried', ...facts, markerText, ...(await tryIn(folder)) };
  }
  return { state: 'noOwnFolder', ...facts, markerText };
}

/** Libraries and copies are swept by whoever opens them; a folder that is neither only by us. */
async function sweep(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name);
    const facts = trialName.test(name) ? await statOrNothing(path) : undefined;
    if (facts?.isFile() !== true || Date.now() - facts.mtimeMs < abandonedMs) continue;
    await rm(path, { force: true }).catch(() => undefined); // what the trial itself finds then says why
  }
}

async function tryIn(
  folder: string,
): Promise<{ readonly failed?: TrialStep; readonly code?: string; hardLinks: boolean }> {
  for (let attempt = 1; ; attempt += 1) {
    const tried = await tryOnce(folder);
    if (tried.code !== 'ENOENT' || attempt >= attemptsMax || !(await isFolder(folder))) return tried;
  }
}

async function tryOnce(
  folder: string,
): Promise<{ readonly failed?: TrialStep; readonly code?: string; hardLinks: boolean }> {
  // Names that whoever opens a library or a copy clears away, should this process be killed.
  const name = `probe-${randomBytes(6).toString('hex')}`;
  const [first, second] = [join(folder, `${name}-a`), join(folder, `${name}-b`)] as const;
  const bytes = randomBytes(trialBytes);
  const made: string[] = [];
  let step: TrialStep = 'write';
  let hardLinks = true;
  try {
    {
      await using file = await open(first, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600);
      made.push(first);
      await file.writeFile(bytes);
      step = 'flush';
      await file.sync();
    }
    step = 'read';
    if (!(await readFile(first)).equals(bytes)) return { failed: step, code: 'DIFFERENT', hardLinks };
    step = 'link';
    try {
      await link(first, second);
      made.push(second);
      // What a saved photo's safety rests on: a name that is taken stays whose it is.
      const again = await link(first, second).then(
        () => 'replaced',
        (error: unknown) => systemErrorCode(error) ?? 'unknown',
      );
      if (again !== 'EEXIST') return { failed: step, code: again, hardLinks };
      await rm(second);
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') throw error;
      hardLinks = false; // exFAT and FAT32 have none: files are then saved in another way
    }
    step = 'rename';
    await rename(first, second);
    made.push(second);
    if (!(await readFile(second)).equals(bytes)) return { failed: step, code: 'DIFFERENT', hardLinks };
    step = 'flush-folder';
    await flushFolder(folder);
    step = 'remove';
    await rm(second);
    return { hardLinks };
  } catch (error) {
    return { failed: step, code: systemErrorCode(error) ?? 'unknown', hardLinks };
  } finally {
    for (const path of made) await rm(path, { force: true }).catch(() => undefined); // `failed` says why
  }
}

/** Some filesystems cannot flush a folder (FUSE drivers: EINVAL, ENOSYS…): they are no worse for it here than when saving. */
async function flushFolder(folder: string): Promise<void> {
  await using handle = await open(folder, constants.O_RDONLY);
  await handle.sync().catch((error: unknown) => {
    if (['EIO', 'ENOSPC', 'EROFS', 'EDQUOT'].includes(systemErrorCode(error) ?? '')) throw error;
  });
}

async function readMarkerText(path: string): Promise<string | undefined> {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(markerBytesMax), 0, markerBytesMax, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) return undefined;
    return '';
  }
}

async function isFolder(path: string): Promise<boolean> {
  return (await statOrNothing(path))?.isDirectory() === true;
}

async function statOrNothing(path: string) {
  return await stat(path).catch(() => undefined);
}

async function nearestThere(path: string): Promise<string> {
  for (let above = path; ; above = dirname(above))
    if (above === dirname(above) || (await statOrNothing(above)) !== undefined) return above;
}

async function mayWrite(folder: string): Promise<boolean> {
  return await access(folder, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** macOS keeps the owner's files on a second volume of the same disk, mounted there. */
async function isSystemDevice(dev: number): Promise<boolean> {
  const system = [await statOrNothing('/'), await statOrNothing('/System/Volumes/Data')];
  return system.some((facts) => facts?.dev === dev);
}
