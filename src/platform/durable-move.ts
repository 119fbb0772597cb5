// Gives files other names on their own disk, many at a time, without ever replacing one: into a trash, and out of it again. At
// any moment each file has at least one name that is on the disk; what a crash cut off is gone on with by doing the same again.

import type { Stats } from 'node:fs';
import { lstat, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type AgentError, isAgentError, systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath } from '../domain/ids.ts';
import { flushFolders, publishFile, type StepObserver, unstageFile, writeError } from './durable-write.ts';

export interface FileMove {
  readonly from: AbsolutePath;
  readonly to: AbsolutePath;
}

export type MoveOutcome =
  /** It has its new name, and that alone; also if it had before. */
  | { readonly kind: 'moved' }
  /** There is no such file under either name. */
  | { readonly kind: 'missing' }
  /** Something else has the new name. */
  | { readonly kind: 'taken' }
  | { readonly kind: 'failed'; readonly error: AgentError };

export interface MoveOptions {
  readonly hardLinks: boolean;
  /** Makes a folder with what is missing above it; returns the folders that have to be flushed for that. */
  readonly makeFolder: (folder: AbsolutePath) => Promise<readonly AbsolutePath[]>;
  /** True if an empty file under a new name can only be one that a crash within an earlier attempt left. */
  readonly mayReplaceEmpty: boolean;
  readonly observeStep: StepObserver;
}

/**
 * In the order of `moves`, whose names are all different. `publish` gives the new name, `flush-folder` makes it last, and only then
 * does `unstage` take the old one; without hard links `publish` is a rename, which does both.
 * @throws AgentError LIBRARY_GONE, or what a flush throws. Everything is then under one of its names, or both.
 */
export async function moveFiles(moves: readonly FileMove[], options: MoveOptions): Promise<readonly MoveOutcome[]> {
  const { hardLinks, observeStep } = options;
  const outcomes: MoveOutcome[] = [];
  const [arrivals, departures] = [new Set<AbsolutePath>(), new Set<AbsolutePath>()];
  const doubled: number[] = [];
  for (const [index, move] of moves.entries()) {
    const outcome = await giveName(move, options, arrivals);
    outcomes.push(outcome === 'doubled' ? { kind: 'moved' } : outcome);
    if (outcome === 'doubled') doubled.push(index);
    if (outcome === 'doubled' || outcome.kind === 'moved') {
      arrivals.add(dirname(move.to) as AbsolutePath);
      departures.add(dirname(move.from) as AbsolutePath);
    }
  }
  observeStep('flush-folder');
  await flushFolders(await existing(arrivals));
  if (hardLinks) {
    for (const index of doubled) {
      const move = moves[index] as FileMove;
      observeStep('unstage');
      const failure = await takeName(move.from);
      if (failure === undefined) continue;
      // A folder that may not be written to: it stays there, and there alone.
      await rm(move.to, { force: true });
      outcomes[index] = { kind: 'failed', error: failure };
    }
  }
  await flushFolders(await existing(departures));
  return outcomes;
}

/** `doubled`: it has both names. */
async function giveName(
  { from, to }: FileMove,
  { hardLinks, makeFolder, mayReplaceEmpty, observeStep }: MoveOptions,
  touched: Set<AbsolutePath>,
): Promise<MoveOutcome | 'doubled'> {
  try {
    const [source, target] = [await lstatOrUndefined(from), await lstatOrUndefined(to)];
    if (source?.isFile() !== true) return { kind: target?.isFile() === true ? 'moved' : 'missing' };
    if (target !== undefined) {
      if (hardLinks && target.ino === source.ino && target.dev === source.dev) return 'doubled';
      const isLeft = mayReplaceEmpty && !hardLinks && target.isFile() && target.size === 0 && source.size > 0;
      if (!isLeft) return { kind: 'taken' };
      await rm(to);
    }
    for (const parent of await makeFolder(dirname(to) as AbsolutePath)) touched.add(parent);
    observeStep('publish');
    switch (await publishFile({ staged: from, final: to, hardLinks })) {
      case 'published':
        return hardLinks ? 'doubled' : { kind: 'moved' };
      case 'taken':
        return { kind: 'taken' };
      case 'refused':
        return { kind: 'failed', error: writeError(new Error('a name that this disk does not take'), `"${to}"`) };
    }
  } catch (error) {
    return { kind: 'failed', error: failureOf(error, to) };
  }
}

/** What it was that kept the old name from going. */
async function takeName(path: AbsolutePath): Promise<AgentError | undefined> {
  try {
    await unstageFile(path);
    return undefined;
  } catch (error) {
    return failureOf(error, path);
  }
}

/** @throws what is more than one file's failure. */
function failureOf(error: unknown, path: string): AgentError {
  const known = isAgentError(error) || systemErrorCode(error) === undefined ? error : writeError(error, `"${path}"`);
  if (!isAgentError(known) || known.code === 'LIBRARY_GONE') throw known;
  return known;
}

async function lstatOrUndefined(path: string): Promise<Stats | undefined> {
  return await lstat(path).catch((error: unknown) => {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  });
}

/** The folder of a file that was moved before may be gone by now. */
async function existing(folders: ReadonlySet<AbsolutePath>): Promise<readonly AbsolutePath[]> {
  const there: AbsolutePath[] = [];
  for (const folder of folders) if ((await lstatOrUndefined(folder)) !== undefined) there.push(folder);
  return there;
}
