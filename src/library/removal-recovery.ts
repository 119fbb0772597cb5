// Follows the list of removals to its end after a crash: what was begun is done, and the catalogue is told what it has not taken in.
// A catalogue of before the last removals learns them in the same way. Running it twice changes nothing.

import type { Stats } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { isAgentError } from '../domain/errors.ts';
import type { RelativePath } from '../domain/ids.ts';
import { unstageFile } from '../platform/durable-write.ts';
import type { Log } from '../platform/log.ts';
import type { LibraryFile } from './catalog/copies-store.ts';
import {
  againRemoved,
  logDone,
  noteLog,
  pathInTrash,
  putBack,
  putIntoTrash,
  type RemovalContext,
  removalLogNote,
} from './removal.ts';
import { type LoggedFile, type RemovalStep, readRemovalSteps, removalLogBytes } from './removal-log.ts';
import { deleteRemoved } from './trash.ts';

type Context = Omit<RemovalContext, 'observeStep'> & { readonly log: Log };

/** @throws AgentError as `removeFiles`, and as `readRemovalSteps`. */
export async function finishRemovals(context: Context): Promise<void> {
  const { library, catalog, log, signal } = context;
  const sizeBytes = await removalLogBytes(library.folders);
  const knownBytes = Number(catalog.copies.note(removalLogNote) ?? 0);
  if (sizeBytes === undefined || sizeBytes === knownBytes) return;
  let open: RemovalStep[] = [];
  let doneBytes = knownBytes;
  for await (const { step, endsAt } of readRemovalSteps(library.folders, Math.min(knownBytes, sizeBytes))) {
    signal.throwIfAborted();
    open.push(step);
    if (step.kind !== 'done') continue;
    for (const each of open) await takeIn(context, each);
    open = [];
    doneBytes = endsAt;
  }
  if (open.length > 0) {
    log.info({ steps: open.length }, 'finishing a removal that a crash interrupted');
    const results = await carryOut(context, open);
    try {
      doneBytes = await logDone({ ...context, observeStep: () => undefined }, results);
    } catch (error) {
      // Else nobody could get at the trash that fills the disk. It is done once more at the next start.
      if (!isAgentError(error, 'LIBRARY_FULL')) throw error;
      log.warn({ code: error.code }, 'that a removal is finished cannot be written down');
    }
  }
  noteLog(catalog, doneBytes);
}

/** Tells the catalogue of a step that is done. */
async function takeIn({ library, catalog }: Context, step: RemovalStep): Promise<void> {
  const { copies } = catalog;
  switch (step.kind) {
    case 'remove': {
      const removed: LoggedFile[] = [];
      for (const file of step.files) {
        // One that lies under its name, and not in the trash, was put back by hand since.
        const isThere = await isFile(join(library.folders.root, file.path));
        if (!isThere || (await isFile(pathInTrash(library.folders, step.id, file.path)))) removed.push(file);
      }
      await library.assertPresent();
      return copies.markRemoved(removed, step);
    }
    case 'takeBack':
      return copies.takeBack(step.id, step.paths);
    case 'forget':
      return copies.forgetRemoved(step.id, step.paths);
    case 'empty':
      return copies.noteEmptied(step.id, step.atMs);
    case 'done':
  }
}

/** Does what is not known to be done, in the order in which it was wished for. Returns what the log has to be told of it. */
async function carryOut(context: Context, steps: readonly RemovalStep[]): Promise<readonly RemovalStep[]> {
  const { catalog } = context;
  const quiet: RemovalContext = { ...context, observeStep: () => undefined };
  const results: RemovalStep[] = [];
  for (const step of steps) {
    switch (step.kind) {
      case 'remove': {
        const files = step.files.map(({ path }) => catalog.copies.file(path)).filter(isOf(step.files));
        const { stayed } = await putIntoTrash(quiet, step.id, files);
        catalog.copies.markRemoved(
          files.filter(({ path }) => !stayed.has(path)),
          step,
        );
        if (stayed.size > 0) results.push({ kind: 'takeBack', id: step.id, paths: [...stayed] });
        break;
      }
      case 'takeBack':
        results.push(...(await carryOutReturn(quiet, step)));
        break;
      case 'forget':
        catalog.copies.forgetRemoved(step.id, step.paths);
        break;
      case 'empty':
        catalog.copies.noteEmptied(step.id, step.atMs);
        await deleteRemoved(quiet, step.id).catch((error: unknown) => {
          // What cannot be deleted must not keep the library shut. It stays until the trash is emptied once more.
          if (!isAgentError(error, 'LIBRARY_READ_ONLY', 'LIBRARY_WRITE_FAILED')) throw error;
          context.log.warn({ code: error.code }, 'a part of the trash cannot be deleted');
        });
        break;
      case 'done':
    }
  }
  return results;
}

/** The rows that are about the logged files, whether or not the catalogue was told before the crash that they are removed. */
function isOf(files: readonly LoggedFile[]): (file: LibraryFile | undefined) => file is LibraryFile {
  const hashes = new Map(files.map(({ path, hash }) => [path, hash]));
  return (file): file is LibraryFile => file !== undefined && hashes.get(file.path) === file.hash;
}

async function carryOutReturn(
  context: RemovalContext,
  step: { readonly id: LoggedRemoval['id']; readonly paths: readonly RelativePath[] },
): Promise<readonly RemovalStep[]> {
  const { catalog } = context;
  await dropSecondNames(context, step);
  const removal = catalog.copies.removals().find(({ id }) => id === step.id);
  if (removal === undefined) return [];
  const wanted = new Set(step.paths);
  const files = catalog.copies.removedFiles(step.id).filter(({ path }) => wanted.has(path));
  const { stayed } = await putBack(context, step.id, files, { isResumed: true });
  catalog.copies.takeBack(
    step.id,
    files.map(({ path }) => path).filter((path) => !stayed.has(path)),
  );
  return againRemoved(removal, files, stayed);
}

/** A catalogue made anew takes a file for back that has its name again; the one in the trash had still to go. */
async function dropSecondNames(
  { library, catalog }: RemovalContext,
  { id, paths }: { readonly id: LoggedRemoval['id']; readonly paths: readonly RelativePath[] },
): Promise<void> {
  for (const path of paths) {
    if (catalog.copies.file(path)?.removedBy !== undefined) continue;
    const trashed = pathInTrash(library.folders, id, path);
    const [one, other] = [await factsOf(join(library.folders.root, path)), await factsOf(trashed)];
    const isOne = one?.isFile() === true && one.ino === other?.ino && one.dev === other.dev;
    if (isOne && library.abilities.hardLinks) await unstageFile(trashed);
  }
}

async function factsOf(path: string): Promise<Stats | undefined> {
  return await lstat(path).catch(() => undefined);
}

type LoggedRemoval = Extract<RemovalStep, { readonly kind: 'takeBack' | 'forget' }>;

async function isFile(path: string): Promise<boolean> {
  return (await factsOf(path))?.isFile() === true;
}
