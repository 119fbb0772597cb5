// Writes a page of ours into a folder that photos are given back to: never over anything, and not twice.

import { open, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath, RelativePath } from '../domain/ids.ts';
import {
  asWriteError,
  filePermissions,
  flushFolders,
  makeFolders,
  publishFile,
  unstageFile,
} from '../platform/durable-write.ts';
import type { RestoreTarget } from './restore-target.ts';

const namesMax = 99;

/** @throws AgentError as the steps of durable-write. */
export async function writeText(target: RestoreTarget, path: RelativePath, text: string): Promise<void> {
  const staged = target.nextStaged();
  try {
    await using handle = await open(staged, 'wx', filePermissions);
    await handle.writeFile(text);
    await handle.sync();
  } catch (error) {
    throw asWriteError(error, `"${path}"`);
  }
  for (let count = 1; count <= namesMax; count += 1) {
    const final = join(target.root, nameOf(path, count)) as AbsolutePath;
    const folder = dirname(final) as AbsolutePath;
    const parents = await makeFolders({ root: target.root, folder });
    if ((await publishFile({ staged, final, hardLinks: target.abilities.hardLinks })) === 'published') {
      await flushFolders([...parents, folder]);
      if (target.abilities.hardLinks) await unstageFile(staged);
      return;
    }
    if ((await readIfThere(final)) === text) break; // of the run before
  }
  await rm(staged, { force: true });
}

function nameOf(path: string, count: number): string {
  if (count === 1) return path;
  const dot = path.lastIndexOf('.');
  return `${path.slice(0, dot)}~${count}${path.slice(dot)}`;
}

async function readIfThere(path: string): Promise<string | undefined> {
  return await readFile(path, 'utf8').catch((error: unknown) => {
    if (systemErrorCode(error) !== undefined) return undefined; // not a file that could be the same
    throw error;
  });
}
