// The trash of the library: emptied when its owner says so, and of what is older than ninety days as far as the same bytes are
// proven to be somewhere else. The last copy of anything goes by its owner's word alone.

import { lstat, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isAgentError, systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath, RemovalId } from '../domain/ids.ts';
import { asWriteError, flushFolder, hashFile, type StepObserver, unstageFile } from '../platform/durable-write.ts';
import { statOrUndefined } from '../platform/volume.ts';
import type { CatalogStore } from './catalog/catalog-store.ts';
import { isTrashDue, type Removal, trashProofMs } from './catalog/removal-records.ts';
import { type Library, trashFolder } from './library.ts';
import { noteLog, pathInTrash } from './removal.ts';
import { appendRemovalSteps, type RemovalStep } from './removal-log.ts';

/** Files looked at in one go of the automatic emptying: each may have to be read somewhere else. The next go has the rest. */
const filesAtOnce = 1000;

export interface TrashContext {
  readonly library: Library;
  readonly catalog: CatalogStore;
  readonly nowMs: number;
  readonly signal: AbortSignal;
}

export interface EmptiedTrash {
  readonly files: number;
  readonly bytes: number;
}

/**
 * By the owner's word: everything in the trash of the library goes, and drives follow when they are connected next. What was removed
 * stays known, so that no card brings it back.
 * @throws AgentError LIBRARY_GONE, LIBRARY_READ_ONLY, LIBRARY_WRITE_FAILED, STATE_WRITE_FAILED; the signal's reason. Some of it is gone
 * then, and emptying once more goes on.
 */
export async function emptyTrash(
  context: TrashContext & { readonly observeStep: StepObserver },
): Promise<EmptiedTrash & { readonly removals: readonly Removal[] }> {
  const { library, catalog, nowMs, observeStep } = context;
  const removals = catalog.copies.removals().filter(({ emptiedAtMs }) => emptiedAtMs === undefined);
  const steps = removals.map(({ id }): RemovalStep => ({ kind: 'empty', id, atMs: nowMs }));
  await library.assertPresent();
  observeStep('journal');
  // A full disk must not keep its trash from being emptied: the lines then follow when there is room for them.
  const isLogged = await appendRemovalSteps(library.folders, steps).then(
    () => true,
    (error: unknown) => {
      if (isAgentError(error, 'LIBRARY_FULL')) return false;
      throw error;
    },
  );
  observeStep('unstage');
  const emptied = await deleteTrash(context);
  observeStep('manifest');
  await library.assertPresent();
  const logBytes = await appendRemovalSteps(library.folders, [...(isLogged ? [] : steps), { kind: 'done' }]);
  observeStep('record');
  for (const { id } of removals) catalog.copies.noteEmptied(id, nowMs);
  noteLog(catalog, logBytes);
  return { ...emptied, removals };
}

/** What one removal has left, after its owner said that it is to go. */
export async function deleteRemoved({ library, signal }: Omit<TrashContext, 'nowMs'>, id: RemovalId): Promise<void> {
  signal.throwIfAborted();
  await library.assertPresent();
  await deleteFolder(join(trashFolder(library.folders), id));
}

async function deleteFolder(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    throw asWriteError(error, `"${path}"`);
  }
}

async function deleteTrash({ library, signal }: TrashContext): Promise<EmptiedTrash> {
  const trash = trashFolder(library.folders);
  let [files, bytes] = [0, 0];
  if ((await lstat(trash).catch(() => undefined))?.isDirectory() !== true) return { files, bytes };
  for (const entry of await readdir(trash, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    files += 1;
    bytes += (await lstat(join(entry.parentPath, entry.name))).size;
  }
  for (const name of await readdir(trash)) {
    signal.throwIfAborted();
    await library.assertPresent();
    await deleteFolder(join(trash, name));
  }
  await flushFolder(trash);
  return { files, bytes };
}

/**
 * Deletes what has been in the trash for more than ninety days and is, byte for byte, in the library under another name or on a drive.
 * @throws AgentError LIBRARY_GONE, LIBRARY_READ_ONLY; the signal's reason.
 */
export async function emptyOldTrash(context: TrashContext): Promise<EmptiedTrash> {
  const { library, catalog, nowMs, signal } = context;
  let [files, bytes, looked] = [0, 0, 0];
  for (const removal of catalog.copies.removals()) {
    if (!isTrashDue(removal, nowMs)) continue;
    for (const { path, hash } of catalog.copies.removedFiles(removal.id)) {
      const trashed = pathInTrash(library.folders, removal.id, path);
      const facts = await statOrUndefined(trashed);
      if (facts === undefined) continue;
      signal.throwIfAborted();
      looked += 1;
      if (looked > filesAtOnce) return { files, bytes };
      const isOnDrive = catalog.copies.provenOn(hash, { sinceMs: nowMs - trashProofMs }).length > 0;
      if (!isOnDrive && !(await isInLibrary(context, hash))) continue;
      await library.assertPresent();
      await unstageFile(trashed);
      await flushFolder(dirname(trashed) as AbsolutePath);
      files += 1;
      bytes += facts.size;
    }
  }
  return { files, bytes };
}

/** Read again for this: nobody knows what became of it since it was saved. */
async function isInLibrary(
  { library, catalog, signal }: TrashContext,
  hash: Parameters<CatalogStore['findOriginal']>[0],
): Promise<boolean> {
  for (const { path } of catalog.copies.filesWithBytes(hash)) {
    const found = await hashFile(join(library.folders.root, path), signal).catch((error: unknown) => {
      if (signal.aborted || systemErrorCode(error) === undefined) throw error;
      return undefined;
    });
    if (found?.hash === hash) return true;
  }
  return false;
}
