// Copies the library to its drives: looks at the library once, stops if too much of it is not what it was, and then brings each
// drive up to date, folder by folder, the newest first.

import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { type CopyReport, CopyTally } from '../copies/copy-report.ts';
import { CopyRun } from '../copies/copy-run.ts';
import type { Drive } from '../copies/drive.ts';
import { emptyDriveTrash } from '../copies/empty-trash.ts';
import { followRemovals } from '../copies/follow-removals.ts';
import { type LibrarySurvey, surveyLibrary } from '../copies/library-survey.ts';
import { mustBrake, planFolder, type WantedFile } from '../copies/plan.ts';
import { listFolder, type TreeFile } from '../copies/tree.ts';
import { AgentError, isAgentError, systemErrorCode } from '../domain/errors.ts';
import type { DriveId, RelativePath } from '../domain/ids.ts';
import type { CatalogStore } from '../library/catalog/catalog-store.ts';
import type { CopiedFile } from '../library/catalog/copies-store.ts';
import { shelfFolders } from '../library/layout.ts';
import { type Library, trashFolder } from '../library/library.ts';
import { type MovedFile, recordMoves } from '../library/moves.ts';
import { foldName } from '../library/portable-name.ts';
import { emptyOldTrash } from '../library/trash.ts';
import type { Clock } from '../platform/clock.ts';
import { DiskReader } from '../platform/disk-reread.ts';
import { hashFile, type StepObserver } from '../platform/durable-write.ts';
import type { Log } from '../platform/log.ts';
import { copyManifests, listContents } from './copy-records.ts';
import { asStop, makeImportId } from './import-job.ts';

export interface CopyProgress {
  readonly driveId: DriveId;
  readonly driveName: string;
  readonly files: number;
  readonly filesTotal: number;
  readonly bytes: number;
  readonly bytesTotal: number;
  readonly path: string;
}

/** A drive that is attached; it is opened when its turn comes. */
export interface TargetDrive {
  readonly id: DriveId;
  readonly name: string;
  /** Before it is opened. @throws AgentError INTERRUPTED if its owner is taking it out. */
  use(): DriveUse;
  open(): Promise<Drive>;
}

/** Somebody reads from a drive or writes to it, until this is disposed. */
export interface DriveUse extends Disposable {
  /** Aborts with the reason when its owner wants to take it out. */
  readonly letGo: AbortSignal;
}

export interface CopyJobOptions {
  readonly library: Library;
  readonly catalog: CatalogStore;
  readonly drives: readonly TargetDrive[];
  /** The owner has looked at what is lost or changed in the library, and says that it is as it should be. */
  readonly acceptChanges: boolean;
  readonly clock: Clock;
  readonly log: Log;
  readonly onProgress: (progress: CopyProgress) => void;
  readonly observeStep: StepObserver;
  readonly signal: AbortSignal;
}

/**
 * What stops one drive is in its report, and the next one is gone on with.
 * @throws AgentError LIBRARY_GONE and others for the library itself; the signal's reason.
 */
export async function copyToDrives(options: CopyJobOptions): Promise<readonly CopyReport[]> {
  const { library, catalog, drives, acceptChanges } = options;
  if (drives.length === 0) return [];
  const seen = await lookAtLibrary(options);
  const survey = acceptChanges ? await takeAsMeant(options, seen) : seen;
  const reports: CopyReport[] = [];
  for (const target of drives) reports.push(await copyToDrive(options, target, survey));
  await library.assertPresent();
  await emptyOldTrash({ library, catalog, nowMs: options.clock.nowMs(), signal: options.signal });
  return reports;
}

/** What is not as it was saved becomes a finding, and what was moved is followed. Nothing of it is believed of an unplugged library. */
export async function lookAtLibrary(
  options: Pick<CopyJobOptions, 'library' | 'catalog' | 'clock' | 'log' | 'signal'>,
): Promise<LibrarySurvey> {
  const { library, catalog, clock, log, signal } = options;
  const { copies } = catalog;
  const survey = await surveyLibrary({ root: library.folders.root, copies, reader: new DiskReader(), signal }).catch(
    async (error: unknown) => {
      await library.assertPresent();
      throw error;
    },
  );
  await library.assertPresent();
  const nowMs = clock.nowMs();
  if (survey.moves.length > 0) log.info({ files: survey.moves.length }, 'files were moved in the library');
  await recordMoves({ library, catalog, moves: survey.moves, importId: makeImportId(nowMs), nowMs });
  for (const { path } of copies.findings('library')) if (!survey.bad.has(path)) copies.clearFinding('library', path);
  for (const [path, kind] of survey.bad) copies.setFinding({ place: 'library', path, kind, foundAtMs: nowMs });
  if (survey.bad.size > 0) log.warn({ files: survey.bad.size }, 'files of the library are not as they were saved');
  return survey;
}

/**
 * The owner says that what is changed is meant: whole pictures that were edited are the photos from now on, and are copied; what is
 * gone stays on the drives, and is not asked about again. What is damaged is never meant.
 */
async function takeAsMeant(options: CopyJobOptions, survey: LibrarySurvey): Promise<LibrarySurvey> {
  const { library, catalog, clock, signal } = options;
  const { copies } = catalog;
  const edits: MovedFile[] = [];
  const bad = new Map(survey.bad);
  for (const path of survey.bad.keys()) {
    // As it was noted: a check that had a copy to compare with may know that it is no edit, but cut off.
    const isEdit = copies.finding('library', path)?.kind === 'changed';
    const from = isEdit ? copies.file(path) : undefined;
    if (from === undefined) continue;
    const place = join(library.folders.root, path);
    try {
      const [{ hash, sizeBytes }, { mtimeNs }] = [await hashFile(place, signal), await lstat(place, { bigint: true })];
      edits.push({ from, to: path, edited: { hash, sizeBytes, modifiedAtNs: mtimeNs } });
      bad.delete(path);
    } catch (error) {
      if (signal.aborted || systemErrorCode(error) === undefined) throw error; // what cannot be read any more stays a finding
    }
  }
  const nowMs = clock.nowMs();
  await recordMoves({ library, catalog, moves: edits, importId: makeImportId(nowMs), nowMs });
  for (const { to } of edits) copies.clearFinding('library', to);
  copies.acceptFindings('library');
  return { ...survey, bad };
}

async function copyToDrive(options: CopyJobOptions, target: TargetDrive, survey: LibrarySurvey): Promise<CopyReport> {
  const { catalog, clock, log } = options;
  const startedAtMs = clock.monotonicMs();
  const tally = new CopyTally();
  let stop: AgentError | undefined;
  let signal = options.signal;
  try {
    assertNoBrake(options, target, survey);
    using use = target.use();
    signal = AbortSignal.any([options.signal, use.letGo]);
    const drive = await target.open();
    const suspects = new Set(catalog.copies.findings(target.id).map(({ path }) => path));
    await bringUpToDate({ ...options, signal, drive, survey, tally, suspects }).catch(async (error: unknown) => {
      // The nearest reason for whatever went wrong: it was pulled.
      if (!signal.aborted && !isAgentError(error)) await drive.assertPresent();
      throw error;
    });
  } catch (error) {
    if (options.signal.aborted) throw error;
    const failure = signal.aborted
      ? asStop(error, signal)
      : isAgentError(error)
        ? error
        : asReadFailure(error, target.name);
    if (failure === undefined || failure.code.startsWith('LIBRARY_')) throw error;
    stop = failure;
  }
  const durationMs = Math.round(clock.monotonicMs() - startedAtMs);
  const report = tally.report({ driveId: target.id, driveName: target.name, durationMs, stop });
  if (report.complete) catalog.copies.noteDrive(target.id, { lastCopiedAtMs: clock.nowMs() });
  const { copied, adopted, moved, readBack, failed, stopped } = report;
  log.info({ drive: target.id, copied, adopted, moved, readBack, failed, code: stopped?.code }, 'copied to a drive');
  return report;
}

/** By its own name, what the system says of a drive that cannot be read. */
function asReadFailure(error: unknown, driveName: string): AgentError | undefined {
  const code = systemErrorCode(error);
  if (code === undefined) return undefined;
  return new AgentError('DRIVE_READ_FAILED', `The drive "${driveName}" cannot be read (${code}).`, {
    remedy: 'Unplug it, plug it in again, and copy once more. If it happens again, the drive may be failing.',
    cause: error,
  });
}

/** @throws AgentError COPY_BRAKED; nothing on the drive was touched then. */
function assertNoBrake({ catalog }: CopyJobOptions, target: TargetDrive, survey: LibrarySurvey): void {
  const { copies } = catalog;
  let lost = 0;
  for (const path of survey.bad.keys()) {
    if (copies.finding('library', path)?.isAccepted === true) continue;
    const copy = copies.copied(target.id, path);
    // What lies in the drive's trash was removed on purpose, and comes back when it is taken back.
    if (copy?.isOurs === true && copy.removedBy === undefined) lost += 1;
  }
  const copied = copies.copiedCount(target.id);
  if (!mustBrake({ lost, copied })) return;
  throw new AgentError(
    'COPY_BRAKED',
    `${lost} of the ${copied} files that "${target.name}" has a copy of are gone or changed in your photo folder. Copying has stopped before anything was touched.`,
    {
      remedy:
        'Look at your photo folder. To get them back: keepsake verify --repair. If you changed them on purpose: keepsake mirror --accept-changes',
    },
  );
}

type DriveCopy = CopyJobOptions & {
  readonly drive: Drive;
  readonly survey: LibrarySurvey;
  readonly tally: CopyTally;
  /** Files on the drive that something was known to be wrong with when this run began. Asked once, not for each of 100,000. */
  readonly suspects: ReadonlySet<string>;
};

async function bringUpToDate(options: DriveCopy): Promise<void> {
  const { library, catalog, drive, survey, tally, clock, observeStep, signal } = options;
  const { copies } = catalog;
  const runId = makeImportId(clock.nowMs());
  tally.odd = survey.odd;
  const waiting = copies.waiting(drive.id);
  const run = new CopyRun({
    ...{ drive, copies, clock, tally, runId, observeStep, signal },
    libraryRoot: library.folders.root,
    ownersOnly: shelfFolders.hidden as RelativePath,
    assertLibrary: () => library.assertPresent(),
    onProgress: ({ files, bytes, path }) =>
      options.onProgress({
        ...{ driveId: drive.id, driveName: drive.name, files, bytes, path },
        filesTotal: Math.max(files, waiting.files),
        bytesTotal: Math.max(bytes, waiting.bytes),
      }),
  });
  const records = { library, drive, copies, signal };
  const places = { root: library.folders.root, trash: trashFolder(library.folders) };
  const emptyTrash = () => emptyDriveTrash({ drive, copies, library: places, nowMs: clock.nowMs(), signal });
  await emptyTrash(); // first: it makes room
  await followRemovals({ drive, copies, tally, ownersOnly: shelfFolders.hidden, observeStep, signal });
  if (tally.removed > 0) await emptyTrash(); // what was removed, and emptied since, while this drive was away
  await copyManifests(records); // before the photos: a drive that gets full can then still be read by a computer that knows nothing
  try {
    for (const folder of foldersOf(options)) {
      signal.throwIfAborted();
      await run.perform(await planOne(options, folder, run));
    }
    await run.finish();
  } catch (error) {
    // Also so that nothing is open any more on a drive that is to be taken out.
    if (signal.aborted) await run.commitStaged().catch(() => undefined);
    if (!isAgentError(error, 'DRIVE_FULL')) throw error;
    // What is whole already is kept and listed, where there is still room for that.
    await run.commitStaged().catch(() => undefined);
    await listContents({ ...records, nowMs: clock.nowMs() }).catch(() => undefined);
    throw error;
  }
  failWhatIsBad(options);
  await listContents({ ...records, nowMs: clock.nowMs() });
}

/** What is bad in the library and not on the drive is not copied: then the copy is not complete. */
function failWhatIsBad({ catalog, drive, survey, tally }: DriveCopy): void {
  const { copies } = catalog;
  for (const [path, kind] of survey.bad) {
    const file = copies.file(path);
    if (file === undefined || copies.finding('library', path)?.isAccepted === true) continue;
    if (copies.copied(drive.id, path)?.hash === file.hash) continue;
    tally.fail(
      path,
      new AgentError(
        'FILE_CORRUPT',
        `"${path}" in your photo folder is not as it was saved (${kind}), and was not copied.`,
        {
          remedy: 'To look for a good copy and put it back: keepsake verify --repair',
        },
      ),
    );
  }
}

/** Folders are named by year and day: the newest photos come first, which may be nowhere else. */
function foldersOf({ catalog, survey }: DriveCopy): readonly string[] {
  const folders = new Set<string>(catalog.copies.folders());
  for (const folder of survey.others.keys()) folders.add(folder);
  return [...folders].sort().reverse();
}

async function planOne(options: DriveCopy, folder: string, run: CopyRun): Promise<ReturnType<typeof planFolder>> {
  const { catalog, drive, survey, tally } = options;
  const { copies } = catalog;
  const wanted: WantedFile[] = copies.filesIn(folder).filter(({ path }) => !survey.bad.has(path));
  for (const other of survey.others.get(folder) ?? []) if (isNameable(options, other.path)) wanted.push(other);
  if (!(await run.isReal(folder))) {
    for (const { path } of wanted) tally.fail(path, inTheWay(drive.name, folder));
    return [];
  }
  const listed = await listFolder(drive.folders.root, folder).catch(async (error: unknown) => {
    await drive.assertPresent();
    const failure = asReadFailure(error, drive.name);
    if (failure === undefined) throw error;
    // One folder that the drive does not give keeps only what belongs there from being copied.
    for (const { path } of wanted) tally.fail(path, failure);
    return undefined;
  });
  if (listed === undefined) return [];
  const seen = inComposedForm(listed.files);
  return planFolder({
    ...{ wanted, seen, fileBytesMax: drive.fileBytesMax },
    copied: copies.copiedIn(drive.id, folder),
    movable: (hash) => copies.copiedByHash(drive.id, hash).filter((file) => isLeft(options, file)),
    isSuspect: ({ path, readBackAtMs }) => readBackAtMs === undefined || options.suspects.has(path),
  });
}

function inTheWay(driveName: string, folder: string): AgentError {
  return new AgentError(
    'FILE_IN_THE_WAY',
    `On the drive "${driveName}" a link or a file has the name of the folder "${folder}".`,
    {
      remedy: 'Move or rename it on the drive, then copy again.',
    },
  );
}

/** Some filesystems (HFS+) give names back decomposed; ours are composed, and open the same file. */
function inComposedForm(files: ReadonlyMap<RelativePath, TreeFile>): ReadonlyMap<RelativePath, TreeFile> {
  const composed = new Map(files);
  for (const [path, file] of files) {
    const form = path.normalize('NFC') as RelativePath;
    if (!composed.has(form)) composed.set(form, file);
  }
  return composed;
}

/** True if the library has nothing of these bytes under this name any more. */
function isLeft({ catalog, survey }: DriveCopy, { path, hash }: CopiedFile): boolean {
  const folder = path.slice(0, Math.max(0, path.lastIndexOf('/')));
  if (survey.others.get(folder)?.some((other) => other.path === path) === true) return false;
  const file = catalog.copies.file(path);
  return (file === undefined || file.hash !== hash) && !survey.bad.has(path);
}

/** Of two names that differ in case only, a drive that ignores case can hold one. Ours never do. */
function isNameable({ catalog, drive, tally, survey }: DriveCopy, path: RelativePath): boolean {
  if (drive.abilities.caseSensitive) return true;
  const twin = catalog.copies.file(path)?.path ?? twinOf(survey, path);
  if (twin === undefined || twin === path) return true;
  tally.fail(
    path,
    new AgentError('NAME_UNSUITABLE', `The drive "${drive.name}" cannot hold both "${path}" and "${twin}".`, {
      remedy: 'Their names differ in capital letters or accents only. Rename one of them in your photo folder.',
    }),
  );
  return false;
}

const twins = new WeakMap<LibrarySurvey, Map<string, RelativePath>>();

/** The first file that Keepsake did not write under this name or one that differs in case only. */
function twinOf(survey: LibrarySurvey, path: RelativePath): RelativePath | undefined {
  let first = twins.get(survey);
  if (first === undefined) {
    first = new Map();
    twins.set(survey, first);
    const paths = [...survey.others.values()].flat().map((file) => file.path);
    for (const each of paths.sort()) if (!first.has(foldName(each))) first.set(foldName(each), each);
  }
  return first.get(foldName(path));
}
