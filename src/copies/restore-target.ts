// The folder that photos are given back to: whether it may be one, what its disk can do, and a folder of ours in it where files
// wait until they are whole. Nothing in it is ever overwritten; what an interrupted run left of ours goes with the next one.

import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { lstat, readdir, readFile, realpath, rm, rmdir, stat, unlink } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import * as v from 'valibot';
import { AgentError, systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath, RelativePath } from '../domain/ids.ts';
import { flushFolder, makeFolders, writeError, writeSmallFile } from '../platform/durable-write.ts';
import { type ExclusiveLock, takeExclusiveLock } from '../platform/exclusive-lock.ts';
import {
  type FolderAbilities,
  findMount,
  nearestExisting,
  probeAbilities,
  readMounts,
  statOrUndefined,
} from '../platform/volume.ts';
import { isPathOfPhoto } from './checksum-list.ts';
import { ownFolderName } from './drive-marker.ts';
import { asRestoreError, unsuitable } from './restore-errors.ts';

export interface RestoreTarget extends AsyncDisposable {
  readonly root: AbsolutePath;
  readonly abilities: FolderAbilities;
  /** Files larger than this cannot be in it. */
  readonly fileBytesMax: number;
  /** A name in the folder of ours that was not given out before. */
  nextStaged(): AbsolutePath;
  /**
   * Notes which staged file is about to get which name, where that takes an empty placeholder: an interrupted run's are known by
   * it, and removed. Nothing to do where there are hard links.
   */
  noteNames(names: readonly { readonly staged: AbsolutePath; readonly to: RelativePath }[]): Promise<void>;
  /** @throws AgentError RESTORE_FAILED if it is no longer at its path. */
  assertPresent(): Promise<void>;
}

const stagingPrefix = '.keepsake-restore-';
const stagingPattern = /^\.keepsake-restore-[0-9a-f]{12}$/;
const partPattern = /^\d{1,9}\.part$/;
const namesName = 'names.json';
const lockName = 'lock';
/** A folder without a lock is one that has just been made, or one whose maker was ended before it could take the lock. */
const unlockedAgeMsMin = 60_000;
const namesBytesMax = 4 * 1024 * 1024;
/** FAT keeps sizes in 32 bits (Microsoft, FAT specification, 6.7). */
const fatFileBytesMax = 2 ** 32 - 1;
const fatFilesystems = /^(vfat|msdos|fuse\.fusefat|fusefat|msdosfs|fat)/;
/** Beside a library's or a copy's marker, which may be damaged: what both have. */
const ownNames = ['library.json', 'copy.json', 'imports'];

/** Its real path, whether it exists or not. Changes nothing. @throws AgentError RESTORE_UNSUITABLE. */
export async function findTarget(to: string): Promise<AbsolutePath> {
  const nearest = await nearestExisting(to).catch((error: unknown) => {
    const code = systemErrorCode(error);
    if (code === undefined) throw error;
    throw unsuitable(`"${to}" cannot be reached (${code}).`, 'Name a folder that you may write to.');
  });
  const root = join(await realpath(nearest), relative(nearest, to)) as AbsolutePath;
  const facts = await statOrUndefined(nearest);
  if (facts?.isDirectory() !== true) throw unsuitable(`"${nearest}" is a file, not a folder.`, 'Name another folder.');
  for (let folder: string = root; ; folder = dirname(folder)) {
    for (const name of ownNames) {
      if ((await lstat(join(folder, ownFolderName, name)).catch(() => undefined)) === undefined) continue;
      throw unsuitable(
        `"${to}" is in a photo folder of Keepsake, or in a copy of one: "${folder}".`,
        'Name a folder outside of it, a new one for instance: nothing is mixed up then.',
      );
    }
    if (folder === dirname(folder)) return root;
  }
}

/**
 * Makes the folder if need be, and in it one of ours. `root` is as `findTarget` found it.
 * @throws AgentError RESTORE_FULL, RESTORE_FAILED, FILE_IN_THE_WAY.
 */
export async function openRestoreTarget(root: AbsolutePath): Promise<RestoreTarget> {
  try {
    return await openTarget(root);
  } catch (error) {
    const code = systemErrorCode(error);
    // A full disk refuses the lock's file too, and SQLite has a name of its own for it.
    const cause = code?.startsWith('SQLITE_FULL') === true ? Object.assign(new Error(code), { code: 'ENOSPC' }) : error;
    throw asRestoreError(code === undefined ? error : writeError(cause, `"${root}"`), root);
  }
}

async function openTarget(root: AbsolutePath): Promise<RestoreTarget> {
  const nearest = (await nearestExisting(root)) as AbsolutePath;
  const parents = await makeFolders({ root: nearest, folder: root });
  for (const parent of parents) await flushFolder(parent);
  await sweepLeftovers(root);
  const staging = join(root, `${stagingPrefix}${randomBytes(6).toString('hex')}`) as AbsolutePath;
  mkdirSync(staging, { mode: 0o700 });
  const lock = takeExclusiveLock(join(staging, lockName));
  if (lock === undefined) throw new Error(`somebody else has "${staging}"`);
  try {
    const abilities = await probeAbilities(staging);
    const { dev } = await stat(root);
    const filesystem = findMount(await readMounts(), root)?.filesystem ?? '';
    let next = 0;
    return {
      ...{ root, abilities },
      fileBytesMax: fatFilesystems.test(filesystem) ? fatFileBytesMax : Number.MAX_SAFE_INTEGER,
      nextStaged: () => {
        next += 1;
        return join(staging, `${next}.part`) as AbsolutePath;
      },
      noteNames: async (names) => {
        if (abilities.hardLinks) return;
        const entries = names.map(({ staged, to }) => ({ part: relative(staging, staged), to }));
        await writeSmallFile(join(staging, namesName) as AbsolutePath, JSON.stringify(entries));
      },
      assertPresent: async () => {
        const facts = await stat(staging).catch(() => undefined);
        if (facts?.dev !== dev) {
          throw new AgentError('RESTORE_FAILED', `"${root}" is no longer there.`, {
            remedy: 'Connect its disk again, then run the same command again: it goes on from here.',
          });
        }
      },
      [Symbol.asyncDispose]: async () => {
        // Whatever cannot be removed, from a disk that was pulled for one, goes when the next run begins.
        await clearStaging(root, staging, lock).catch(() => undefined);
      },
    };
  } catch (error) {
    await clearStaging(root, staging, lock).catch(() => undefined); // the first failure is the one to report
    throw error;
  }
}

/** What a run that was ended by force left. Another one that is under way has its lock, and is left alone. */
async function sweepLeftovers(root: AbsolutePath): Promise<void> {
  for (const entry of await readdir(root, { withFileTypes: true })) {
    if (!entry.isDirectory() || !stagingPattern.test(entry.name)) continue;
    const staging = join(root, entry.name) as AbsolutePath;
    const lockPath = join(staging, lockName);
    if ((await statOrUndefined(lockPath)) === undefined) {
      const facts = await statOrUndefined(staging);
      if (facts === undefined || Date.now() - facts.mtimeMs < unlockedAgeMsMin) continue;
    }
    const lock = takeExclusiveLock(lockPath);
    if (lock !== undefined) await clearStaging(root, staging, lock);
  }
}

/** Removes what is ours by name, one by one: whatever else somebody put there stays, and so does the folder then. */
async function clearStaging(root: AbsolutePath, staging: AbsolutePath, lock: ExclusiveLock): Promise<void> {
  try {
    const names = await readdir(staging);
    await removePlaceholders(root, staging, names);
    for (const name of names) {
      const isOurs = partPattern.test(name) || name.startsWith('probe-') || name.startsWith(namesName);
      if (isOurs) await rm(join(staging, name), { force: true });
    }
  } finally {
    lock.release();
  }
  for (const name of [lockName, `${lockName}-journal`]) await rm(join(staging, name), { force: true });
  await rmdir(staging).catch((error: unknown) => {
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(systemErrorCode(error) ?? '')) throw error;
  });
}

const namesSchema = v.array(
  v.object({ part: v.pipe(v.string(), v.regex(partPattern)), to: v.pipe(v.string(), v.check(isPathOfPhoto)) }),
);

/** An empty file under a name whose bytes are still staged: the run was ended between the two steps of publishing it. */
async function removePlaceholders(root: AbsolutePath, staging: string, names: readonly string[]): Promise<void> {
  if (!names.includes(namesName)) return;
  const path = join(staging, namesName);
  const facts = await stat(path);
  const text = facts.size > namesBytesMax ? '' : await readFile(path, 'utf8');
  const parsed = v.safeParse(namesSchema, parseJson(text));
  if (!parsed.success) return; // torn: nothing was published after it
  const staged = new Set(names);
  for (const { part, to } of parsed.output) {
    const final = join(root, to);
    if (!staged.has(part) || !final.startsWith(root + sep)) continue;
    const there = await lstat(final).catch(() => undefined);
    if (there?.isFile() === true && there.size === 0) await unlink(final);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
