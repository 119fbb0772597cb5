// Takes photos out of the library because their owner wants that, and puts them back: whole assets, into a trash on the same disk,
// never over another file. What is about to happen is written down first (removal-log); removal-recovery finishes what a crash
// cut off. The steps, by the names of platform/durable-write:
//   journal    lines in removed.jsonl, flushed. Crash: nothing was moved yet; recovery goes on from the lines.
//   publish, flush-folder, unstage    platform/durable-move. Crash: some files have their new names; recovery moves the others.
//   manifest   a line that all is done, flushed. Crash: recovery finds everything in place, and writes it.
//   record     the catalogue learns it. Crash: it learns it from the lines that it has not taken in.

import type { Stats } from 'node:fs';
import { lstat, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AgentError, systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath, RelativePath, RemovalId } from '../domain/ids.ts';
import { type FileMove, type MoveOutcome, moveFiles } from '../platform/durable-move.ts';
import { hashFile, makeFolders, type StepObserver, writeError } from '../platform/durable-write.ts';
import type { CatalogStore } from './catalog/catalog-store.ts';
import type { LibraryFile } from './catalog/copies-store.ts';
import { byAsset, type Removal } from './catalog/removal-records.ts';
import { shelfFolders } from './layout.ts';
import { type Library, type LibraryFolders, trashFolder } from './library.ts';
import { appendRemovalSteps, type RemovalStep } from './removal-log.ts';

/** How much of the log the catalogue has taken in: a note of it, in bytes. */
export const removalLogNote = 'removalLogBytes';

export interface RemovalContext {
  readonly library: Library;
  readonly catalog: CatalogStore;
  readonly observeStep: StepObserver;
  readonly signal: AbortSignal;
}

export interface FailedFile {
  readonly path: RelativePath;
  readonly error: AgentError;
}

export interface RemovedFiles {
  /** In the trash now or, those that had left the library before, removed without. */
  readonly removed: readonly LibraryFile[];
  /** Of those: had left before. */
  readonly wereGone: number;
  /** Each with its whole asset; those are as they were. */
  readonly failed: readonly FailedFile[];
}

/**
 * Removes files of the library, all given files of an asset or none. Not to be stopped midway: give it a few hundred at a time.
 * @throws AgentError LIBRARY_GONE, LIBRARY_FULL, LIBRARY_READ_ONLY, STATE_WRITE_FAILED; what was begun recovery finishes.
 */
export async function removeFiles(
  context: RemovalContext,
  removal: { readonly id: RemovalId; readonly atMs: number },
  files: readonly LibraryFile[],
): Promise<RemovedFiles> {
  const { library, catalog, observeStep } = context;
  const { fit, gone, failed } = await lookAt(library, files);
  if (fit.length === 0) return { removed: [], wereGone: 0, failed };
  observeStep('journal');
  await appendRemovalSteps(library.folders, [{ kind: 'remove', ...removal, files: fit }]);
  const { stayed, failed: unmoved } = await putIntoTrash(context, removal.id, fit);
  const logBytes = await logDone(
    context,
    stayed.size === 0 ? [] : [{ kind: 'takeBack', id: removal.id, paths: [...stayed] }],
  );
  const removed = fit.filter(({ path }) => !stayed.has(path));
  observeStep('record');
  catalog.copies.markRemoved(removed, removal);
  noteLog(catalog, logBytes);
  return { removed, wereGone: removed.filter(({ path }) => gone.has(path)).length, failed: [...failed, ...unmoved] };
}

export interface FilesTakenBack {
  /** In the library again, under their names. */
  readonly back: readonly LibraryFile[];
  /** Belong to the library again, and are only on a drive: a repair puts them back. */
  readonly onDrivesOnly: readonly LibraryFile[];
  /** Another file has one of the asset's names by now: all of it stays in the trash. */
  readonly kept: readonly RelativePath[];
  /** Not in any trash any more. They are forgotten, so that a device that still has them brings them again. */
  readonly forgotten: readonly LibraryFile[];
  readonly failed: readonly FailedFile[];
}

/**
 * Takes back files of one removal, all given files of an asset together. Not to be stopped midway either.
 * @throws AgentError as `removeFiles`.
 */
export async function takeBackFiles(
  context: RemovalContext,
  removal: Removal,
  files: readonly LibraryFile[],
): Promise<FilesTakenBack> {
  const { library, catalog, observeStep } = context;
  const sorted = await sortForReturn(context, removal, files);
  const moving = [...sorted.here, ...sorted.onDrivesOnly]; // one that is in no trash is not moved, and stays if its asset does
  const returning = [...moving, ...sorted.present];
  const steps: RemovalStep[] = [];
  if (returning.length > 0) steps.push({ kind: 'takeBack', id: removal.id, paths: pathsOf(returning) });
  if (sorted.forgotten.length > 0) steps.push({ kind: 'forget', id: removal.id, paths: pathsOf(sorted.forgotten) });
  if (steps.length === 0) return { back: [], onDrivesOnly: [], kept: sorted.kept, forgotten: [], failed: [] };
  observeStep('journal');
  await appendRemovalSteps(library.folders, steps);
  const { stayed, failed } = await putBack(context, removal.id, moving, { isResumed: false });
  const logBytes = await logDone(context, againRemoved(removal, returning, stayed));
  observeStep('record');
  const isBack = ({ path }: LibraryFile) => !stayed.has(path);
  const returned = returning.filter(isBack);
  catalog.copies.takeBack(removal.id, pathsOf(returned));
  catalog.copies.forgetRemoved(removal.id, pathsOf(sorted.forgotten));
  noteLog(catalog, logBytes);
  const { kept, forgotten, onDrivesOnly } = sorted;
  const back = [...sorted.here.filter(isBack), ...sorted.present];
  return { back, onDrivesOnly: onDrivesOnly.filter(isBack), kept, forgotten, failed };
}

/** What could not go back stays removed, and the log says so. */
export function againRemoved(
  { id, removedAtMs }: Pick<Removal, 'id' | 'removedAtMs'>,
  files: readonly LibraryFile[],
  stayed: ReadonlySet<RelativePath>,
): readonly RemovalStep[] {
  const left = files.filter(({ path }) => stayed.has(path));
  return left.length === 0 ? [] : [{ kind: 'remove', id, atMs: removedAtMs, files: left }];
}

/** Writes that all lines so far are done, after a few more that say how it ended. Returns the size of the log. */
export async function logDone(
  { library, observeStep }: RemovalContext,
  steps: readonly RemovalStep[],
): Promise<number> {
  await library.assertPresent();
  observeStep('manifest');
  return await appendRemovalSteps(library.folders, [...steps, { kind: 'done' }]);
}

export function noteLog(catalog: CatalogStore, logBytes: number): void {
  catalog.copies.setNote(removalLogNote, String(logBytes));
}

export function pathInTrash(folders: Pick<LibraryFolders, 'own'>, id: RemovalId, path: RelativePath): AbsolutePath {
  return join(trashFolder(folders), id, path) as AbsolutePath;
}

/** True if nothing has this name in the library. Whether the library is there, whoever believes this asks. */
export async function isGone({ folders }: Pick<Library, 'folders'>, path: RelativePath): Promise<boolean> {
  return (await factsOf(join(folders.root, path))) === undefined;
}

interface Looked {
  /** Can be removed. */
  readonly fit: readonly LibraryFile[];
  /** Of those: are not there. */
  readonly gone: ReadonlySet<RelativePath>;
  readonly failed: readonly FailedFile[];
}

async function lookAt(library: Library, files: readonly LibraryFile[]): Promise<Looked> {
  const { root, own } = library.folders;
  const { dev } = await stat(own);
  const fit: LibraryFile[] = [];
  const gone = new Set<RelativePath>();
  const failed: FailedFile[] = [];
  for (const asset of byAsset(files).values()) {
    const failures: FailedFile[] = [];
    for (const { path } of asset) {
      const facts = await factsOf(join(root, path));
      if (facts === undefined) gone.add(path);
      else if (facts instanceof AgentError) failures.push({ path, error: facts });
      else if (!facts.isFile() || facts.dev !== dev) failures.push({ path, error: notMovable(path) });
    }
    if (failures.length === 0) fit.push(...asset);
    failed.push(...failures);
  }
  await library.assertPresent(); // of an unplugged library every file is gone
  return { fit, gone, failed };
}

function notMovable(path: string): AgentError {
  return new AgentError('LIBRARY_UNSUITABLE', `"${path}" is a link, a folder, or on another disk.`, {
    remedy: 'Put the photo itself into your photo folder, or remove it in your file manager.',
  });
}

/** Undefined: there is nothing of that name. */
async function factsOf(path: string): Promise<Stats | AgentError | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === undefined) throw error;
    return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : writeError(error, `"${path}"`);
  }
}

interface Moved {
  /** Have the name they had. */
  readonly stayed: ReadonlySet<RelativePath>;
  readonly failed: readonly FailedFile[];
}

/** What is in the trash already under that name is it: recovery comes here with files that were moved before. */
export async function putIntoTrash(
  context: RemovalContext,
  id: RemovalId,
  files: readonly LibraryFile[],
): Promise<Moved> {
  const { library } = context;
  return await moveAssets(context, files, {
    forth: ({ path }) => ({
      from: join(library.folders.root, path) as AbsolutePath,
      to: pathInTrash(library.folders, id, path),
    }),
    isRefused: () => false,
    mayReplaceEmpty: true,
  });
}

/** @param how `isResumed`: an empty file under one of the names may be left from an attempt that was cut off. */
export async function putBack(
  context: RemovalContext,
  id: RemovalId,
  files: readonly LibraryFile[],
  { isResumed }: { readonly isResumed: boolean },
): Promise<Moved> {
  const { library } = context;
  return await moveAssets(context, files, {
    forth: ({ path }) => ({
      from: pathInTrash(library.folders, id, path),
      to: join(library.folders.root, path) as AbsolutePath,
    }),
    isRefused: (outcome) => outcome.kind === 'taken',
    mayReplaceEmpty: isResumed,
  });
}

/** Moves the files of each asset, or leaves them all where they are. */
async function moveAssets(
  context: RemovalContext,
  files: readonly LibraryFile[],
  how: {
    readonly forth: (file: LibraryFile) => FileMove;
    readonly isRefused: (outcome: MoveOutcome) => boolean;
    readonly mayReplaceEmpty: boolean;
  },
): Promise<Moved> {
  await context.library.assertPresent();
  const outcomes = await move(context, files.map(how.forth), how.mayReplaceEmpty);
  const stayed = new Set<RelativePath>();
  const failed: FailedFile[] = [];
  const byPath = new Map(files.map(({ path }, index) => [path, outcomes[index] as MoveOutcome]));
  const turnBack: LibraryFile[] = [];
  for (const asset of byAsset(files).values()) {
    const isBad = ({ path }: LibraryFile) => {
      const outcome = byPath.get(path);
      return outcome?.kind === 'failed' || (outcome !== undefined && how.isRefused(outcome));
    };
    if (!asset.some(isBad)) continue;
    for (const { path } of asset.filter(isBad)) {
      const outcome = byPath.get(path);
      stayed.add(path);
      failed.push({ path, error: outcome?.kind === 'failed' ? outcome.error : nameTaken(path) });
    }
    for (const file of asset) {
      if (stayed.has(file.path)) continue;
      if (byPath.get(file.path)?.kind === 'moved') turnBack.push(file);
      else stayed.add(file.path);
    }
  }
  const back = turnBack.map(how.forth).map(({ from, to }): FileMove => ({ from: to, to: from }));
  const turned = await move(context, back, true);
  for (const [index, { path }] of turnBack.entries()) if (turned[index]?.kind === 'moved') stayed.add(path);
  return { stayed, failed };
}

async function move(
  { library, observeStep }: RemovalContext,
  moves: readonly FileMove[],
  mayReplaceEmpty: boolean,
): Promise<readonly MoveOutcome[]> {
  if (moves.length === 0) return [];
  const { root, own } = library.folders;
  const trash = trashFolder(library.folders);
  const hidden = join(root, shelfFolders.hidden) as AbsolutePath;
  const outcomes = await moveFiles(moves, {
    hardLinks: library.abilities.hardLinks,
    makeFolder: async (folder) =>
      folder.startsWith(`${trash}/`)
        ? await makeFolders({ root: own, folder, ownersOnly: trash })
        : await makeFolders({ root, folder, ownersOnly: hidden }),
    mayReplaceEmpty,
    observeStep,
  });
  await library.assertPresent();
  return outcomes;
}

function nameTaken(path: string): AgentError {
  return new AgentError('FILE_IN_THE_WAY', `Another file is called "${path}" by now.`, {
    remedy: 'Move or rename that file, then take the photo back once more. It stays in the trash until then.',
  });
}

/** What can come back from where. */
async function sortForReturn(
  context: RemovalContext,
  removal: Removal,
  files: readonly LibraryFile[],
): Promise<{
  readonly here: readonly LibraryFile[];
  readonly present: readonly LibraryFile[];
  readonly onDrivesOnly: readonly LibraryFile[];
  readonly kept: readonly RelativePath[];
  readonly forgotten: readonly LibraryFile[];
}> {
  const here: LibraryFile[] = [];
  const present: LibraryFile[] = [];
  const onDrivesOnly: LibraryFile[] = [];
  const kept: RelativePath[] = [];
  const forgotten: LibraryFile[] = [];
  for (const asset of byAsset(files).values()) {
    const found: { readonly file: LibraryFile; readonly whereabouts: Whereabouts }[] = [];
    for (const file of asset) found.push({ file, whereabouts: await findRemoved(context, removal, file) });
    const taken = found.filter(({ whereabouts }) => whereabouts === 'taken');
    kept.push(...taken.map(({ file }) => file.path));
    if (taken.length > 0) continue;
    for (const { file, whereabouts } of found) {
      if (whereabouts === 'here') here.push(file);
      else if (whereabouts === 'present') present.push(file);
      else if (whereabouts === 'onDrive') onDrivesOnly.push(file);
      else forgotten.push(file);
    }
  }
  await context.library.assertPresent();
  return { here, present, onDrivesOnly, kept, forgotten };
}

type Whereabouts =
  /** In the library's trash. */
  | 'here'
  /** Its owner has put it back by hand. */
  | 'present'
  /** On a drive, in its trash or not yet. */
  | 'onDrive'
  | 'nowhere'
  /** Something else has its name. */
  | 'taken';

async function findRemoved(
  { library, catalog, signal }: RemovalContext,
  { id, emptiedAtMs }: Removal,
  file: LibraryFile,
): Promise<Whereabouts> {
  const filed = catalog.findFiled(file.path);
  if (filed !== undefined && filed.removedBy === undefined) return 'taken';
  const path = join(library.folders.root, file.path);
  const [trashed, present] = [await factsOf(pathInTrash(library.folders, id, file.path)), await factsOf(path)];
  const isInTrash = trashed !== undefined && !(trashed instanceof AgentError) && trashed.isFile();
  if (present !== undefined) {
    if (present instanceof AgentError || !present.isFile()) return 'taken';
    if (isInTrash && present.ino === trashed.ino && present.dev === trashed.dev) return 'here';
    const isSame = present.size === file.sizeBytes && (await hashFile(path, signal)).hash === file.hash;
    return isSame ? 'present' : 'taken';
  }
  if (isInTrash) return 'here';
  const isOnDrive = emptiedAtMs === undefined && catalog.copies.provenOn(file.hash, { sinceMs: 1 }).length > 0;
  return isOnDrive ? 'onDrive' : 'nowhere';
}

function pathsOf(files: readonly LibraryFile[]): readonly RelativePath[] {
  return files.map(({ path }) => path);
}
