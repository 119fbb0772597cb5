// The trash of a drive: what its owner said is to go, goes; what has been removed for more than ninety days goes as far as the same
// bytes are proven to be somewhere else. The last copy of anything goes by its owner's word alone.

import { lstat, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isAgentError, systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath, ContentHash, RemovalId } from '../domain/ids.ts';
import type { CopiedFile, CopiesStore } from '../library/catalog/copies-store.ts';
import { isTrashDue, type Removal, trashProofMs } from '../library/catalog/removal-records.ts';
import { asWriteError, flushFolder, hashFile, unstageFile } from '../platform/durable-write.ts';
import type { Drive } from './drive.ts';
import { onDrive } from './drive-errors.ts';

/** Files looked at in one go of the automatic emptying: each may have to be read somewhere else. The next go has the rest. */
const filesAtOnce = 1000;

export interface EmptyDriveTrashOptions {
  readonly drive: Drive;
  readonly copies: CopiesStore;
  /** Of the library, to make sure of bytes there. */
  readonly library: { readonly root: AbsolutePath; readonly trash: AbsolutePath };
  readonly nowMs: number;
  readonly signal: AbortSignal;
}

export interface EmptiedDriveTrash {
  readonly files: number;
  readonly bytes: number;
}

/**
 * After `followRemovals`, so that nothing is left behind. A folder in the trash that belongs to no removal stays.
 * @throws AgentError for the drive; the signal's reason. A crash leaves files that the next go deletes.
 */
export async function emptyDriveTrash(options: EmptyDriveTrashOptions): Promise<EmptiedDriveTrash> {
  const { drive, copies, nowMs, signal } = options;
  const total = { files: 0, bytes: 0 };
  const due: Removal[] = [];
  await drive.assertPresent();
  for (const removal of copies.removals()) {
    signal.throwIfAborted();
    const folder = join(drive.folders.trash, removal.id) as AbsolutePath;
    if ((await lstat(folder).catch(() => undefined))?.isDirectory() !== true) continue;
    if (removal.emptiedAtMs !== undefined) await deleteAll(options, removal.id, folder, total);
    else if (isTrashDue(removal, nowMs)) due.push(removal);
  }
  let looked = 0;
  for (const { id } of due) {
    for (const file of copies.removedCopies(drive.id)) {
      if (file.removedBy !== id) continue;
      signal.throwIfAborted();
      looked += 1;
      if (looked > filesAtOnce) return total;
      await deleteIfElsewhere(options, file, id, total);
    }
  }
  return total;
}

type Total = { files: number; bytes: number };

async function deleteAll(
  { drive, copies }: EmptyDriveTrashOptions,
  id: RemovalId,
  folder: AbsolutePath,
  total: Total,
): Promise<void> {
  await onDrive(drive.name, async () => {
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      total.files += 1;
      total.bytes += (await lstat(join(entry.parentPath, entry.name))).size;
    }
    await drive.assertPresent();
    // Forgotten first: what the catalogue believes to be here must be here, since others are deleted because of it.
    const gone = copies.removedCopies(drive.id).filter(({ removedBy }) => removedBy === id);
    copies.forgetCopied(
      drive.id,
      gone.map(({ path }) => path),
    );
    try {
      await rm(folder, { recursive: true, force: true });
    } catch (error) {
      throw asWriteError(error, `"${folder}"`);
    }
    await flushFolder(drive.folders.trash);
  });
}

async function deleteIfElsewhere(
  options: EmptyDriveTrashOptions,
  file: CopiedFile,
  id: RemovalId,
  total: Total,
): Promise<void> {
  const { drive, copies } = options;
  const path = join(drive.folders.trash, id, file.path) as AbsolutePath;
  if (!(await isElsewhere(options, file.hash))) return;
  await onDrive(drive.name, async () => {
    await drive.assertPresent();
    const facts = await lstat(path).catch(() => undefined);
    copies.forgetCopied(drive.id, [file.path]);
    if (facts?.isFile() !== true) return;
    await unstageFile(path);
    await flushFolder(dirname(path) as AbsolutePath);
    total.files += 1;
    total.bytes += facts.size;
  });
}

/** On another drive, as far as is known; in the library or its trash, read again for this. */
async function isElsewhere(options: EmptyDriveTrashOptions, hash: ContentHash): Promise<boolean> {
  const { drive, copies, library, nowMs, signal } = options;
  if (copies.provenOn(hash, { sinceMs: nowMs - trashProofMs, except: drive.id }).length > 0) return true;
  const candidates: string[] = [
    ...copies.filesWithBytes(hash).map(({ path }) => join(library.root, path)),
    ...copies.removedWithBytes(hash).map(({ path, removedBy }) => join(library.trash, removedBy, path)),
  ];
  for (const path of candidates) {
    const found = await hashFile(path, signal).catch((error: unknown) => {
      if (signal.aborted || (systemErrorCode(error) === undefined && !isAgentError(error))) throw error;
      return undefined; // what cannot be read proves nothing
    });
    if (found?.hash === hash) return true;
  }
  return false;
}
