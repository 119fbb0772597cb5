// The few files that start Keepsake at login, among files of others. Promises that nothing is overwritten or removed that
// somebody else wrote or changed: it is kept aside under another name, and who asked is told of it.

import { link, lstat, mkdir, readFile, rm, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AgentError, systemErrorCode } from '../../domain/errors.ts';
import type { AbsolutePath } from '../../domain/ids.ts';
import { writeSmallFile } from '../../platform/durable-write.ts';
import { readMark } from './render.ts';

/** `foreign`: somebody else's, a link or a folder included. `edited`: ours, and changed since. */
export type OwnFileState = 'missing' | 'ours' | 'edited' | 'foreign';

export interface FoundFile {
  readonly state: OwnFileState;
  /** Absent of what is not a file that can be read. */
  readonly text?: string;
}

/** Larger is nothing that we wrote. */
const sizeBytesMax = 64 * 1024;
/** After so many that were kept aside, something else is wrong. */
const asideMax = 100;

export async function readOwnFile(path: string): Promise<FoundFile> {
  try {
    const facts = await lstat(path);
    if (!facts.isFile() || facts.size > sizeBytesMax) return { state: 'foreign' };
    const text = await readFile(path, 'utf8');
    const mark = readMark(text);
    return { state: mark === 'whole' ? 'ours' : mark === 'edited' ? 'edited' : 'foreign', text };
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT' || systemErrorCode(error) === 'ENOTDIR') return { state: 'missing' };
    throw cannot('read', path, error);
  }
}

export interface Placed {
  readonly isChanged: boolean;
  /** Where what was there before is now. */
  readonly keptAside?: string;
}

/** Puts `text` there, unless it is there already. @throws AgentError SERVICE_FILE_FAILED */
export async function placeOwnFile(path: string, text: string): Promise<Placed> {
  const found = await readOwnFile(path);
  if (found.text === text) return { isChanged: false };
  const keptAside = found.state === 'edited' || found.state === 'foreign' ? await keepAside(path) : undefined;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o755 });
    await writeSmallFile(path as AbsolutePath, text);
  } catch (error) {
    throw cannot('written', path, error);
  }
  return { isChanged: true, ...(keptAside === undefined ? {} : { keptAside }) };
}

export interface Removed {
  readonly isRemoved: boolean;
  readonly keptAside?: string;
  /** It is not ours and was not touched. */
  readonly isLeft?: true;
}

/** Removes what we wrote. What was changed since is kept aside. @throws AgentError SERVICE_FILE_FAILED */
export async function removeOwnFile(path: string): Promise<Removed> {
  const { state } = await readOwnFile(path);
  if (state === 'missing') return { isRemoved: false };
  if (state === 'foreign') return { isRemoved: false, isLeft: true };
  if (state === 'edited') return { isRemoved: true, keptAside: await keepAside(path) };
  await rm(path, { force: true }).catch((error: unknown) => {
    throw cannot('removed', path, error);
  });
  return { isRemoved: true };
}

/** Neither systemd nor launchd nor a desktop reads a name that ends so. Never takes another file's name. */
async function keepAside(path: string): Promise<string> {
  for (let count = 1; count <= asideMax; count += 1) {
    const aside = `${path}.bak${count === 1 ? '' : count}`;
    try {
      await link(path, aside); // EEXIST if there is one; a rename would replace it
      await unlink(path);
      return aside;
    } catch (error) {
      if (systemErrorCode(error) !== 'EEXIST') throw cannot('moved', path, error);
    }
  }
  throw cannot('moved', path, new Error('there are too many old ones'));
}

function cannot(what: string, path: string, cause: unknown): AgentError {
  const why = systemErrorCode(cause) ?? (cause instanceof AgentError ? cause.code : String(cause));
  return new AgentError('SERVICE_FILE_FAILED', `"${path}" could not be ${what} (${why}).`, {
    remedy: 'Check that there is room on the disk of your home folder and that you may write there, then try again.',
    cause,
  });
}
