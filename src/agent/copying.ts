// Copies the library to drives and checks the copies, for whoever asks: finds the drives that are attached, opens what the jobs
// need, and lets go of the library between two slices of a check so that photos can be saved meanwhile.

import type { CopyReport } from '../copies/copy-report.ts';
import { type Drive, openDrive } from '../copies/drive.ts';
import type { Place } from '../domain/copies.ts';
import { AgentError, isAgentError } from '../domain/errors.ts';
import type { DriveId } from '../domain/ids.ts';
import type { SourceProgress } from '../domain/progress.ts';
import { copyToDrives, lookAtLibrary, type TargetDrive } from '../jobs/copy-job.ts';
import { drillNote, isDrillDue, runDrill } from '../jobs/drill-job.ts';
import { type Pace, Pacer, unpaced } from '../jobs/pace.ts';
import { concludeVerify, type VerifiedDrive, type VerifyReport, verifySlice } from '../jobs/verify-job.ts';
import type { Clock } from '../platform/clock.ts';
import { identifyDisk } from '../platform/disk-identity.ts';
import type { StepObserver } from '../platform/durable-write.ts';
import type { LibraryTurn } from './adopt.ts';
import { libraryDiskNote } from './drive-status.ts';
import type { DriveUses } from './drive-uses.ts';
import { type AttachedDrive, type Drives, type DrivesSeen, missing } from './drives.ts';
import { type LibraryWorkOptions, type OpenLibraryWork, withLibrary } from './library-work.ts';

/** A check lets go of the library this often. */
const sliceMsUsual = 15_000;

export interface MirrorWish {
  /** By id, name or path; none: all that are attached. */
  readonly drives: readonly string[];
  readonly library?: string | undefined;
  /** What is lost or changed in the library is as its owner wants it. */
  readonly acceptChanges: boolean;
  readonly onProgress: (progress: SourceProgress) => void;
  readonly signal: AbortSignal;
}

export interface MirrorResult {
  readonly copies: readonly CopyReport[];
  /** Disks with the mark of a copy that cannot be used, and why. */
  readonly unusable: DrivesSeen['unusable'];
}

/** @throws AgentError DRIVE_MISSING if none is attached, DRIVE_UNKNOWN; as `withLibrary`. */
export async function mirrorLibrary(
  options: LibraryWorkOptions & {
    readonly wish: MirrorWish;
    readonly drives: Drives;
    readonly observeStep: StepObserver;
  },
): Promise<MirrorResult> {
  const { wish, drives, signal } = options;
  return await withLibrary(options, async (open) => {
    const seen = await drives.see(open.library.id, signal);
    const wanted = await chooseDrives(options, open, seen);
    const copies = await copyTo({ ...options, uses: drives.uses }, open, wanted);
    return { copies, unusable: wish.drives.length === 0 ? seen.unusable : [] };
  });
}

/** Copies to these. @throws as `copyToDrives`. */
export async function copyTo(
  options: Pick<LibraryWorkOptions, 'clock' | 'signal'> & {
    readonly wish: Pick<MirrorWish, 'acceptChanges' | 'onProgress'>;
    readonly observeStep: StepObserver;
    readonly uses: DriveUses;
  },
  { library, catalog, log }: OpenLibraryWork,
  drives: readonly AttachedDrive[],
): Promise<readonly CopyReport[]> {
  const { clock, signal, wish, observeStep, uses } = options;
  if (drives.length === 0) return [];
  // For what is counted when nobody may ask the disk: a status must not wait for one.
  catalog.copies.setNote(libraryDiskNote, (await identifyDisk(library.folders.root)).key);
  return await copyToDrives({
    ...{ library, catalog, clock, log, observeStep, signal },
    acceptChanges: wish.acceptChanges,
    onProgress: ({ driveId, driveName, path, ...progress }) =>
      wish.onProgress({
        ...{ phase: 'saving', ...progress, name: path, sourceName: driveName, about: { drive: driveId } },
      }),
    drives: drives.map((attached) => targetOf(attached, uses)),
  });
}

/** To be written to. */
export function targetOf({ drive, root }: AttachedDrive, uses: DriveUses): TargetDrive {
  const { id, libraryId, name } = drive;
  return { id, name, use: () => uses.begin({ id, name }), open: () => openDrive({ id, libraryId, name, root }) };
}

async function chooseDrives(
  { wish, drives }: { readonly wish: MirrorWish; readonly drives: Drives },
  { library }: OpenLibraryWork,
  { attached, unusable }: DrivesSeen,
): Promise<readonly AttachedDrive[]> {
  if (wish.drives.length === 0) {
    if (attached.length > 0) return attached;
    const [problem] = unusable;
    if (problem !== undefined) throw new AgentError(problem.code, problem.message, { remedy: problem.remedy });
    const known = await drives.list(library.id);
    if (known.length > 0) throw missing(known.map(({ name }) => name).join('", "'));
    throw new AgentError('DRIVE_MISSING', 'No drive was added for copies of your photos.', {
      remedy: 'Connect one, and name its folder: keepsake drives add FOLDER',
    });
  }
  const chosen = new Map<DriveId, AttachedDrive>();
  for (const text of wish.drives) {
    const drive = await drives.find(library.id, text);
    const here = attached.find((each) => each.drive.id === drive.id);
    if (here === undefined) throw missing(drive.name);
    chosen.set(drive.id, here);
  }
  return [...chosen.values()];
}

export interface VerifyWish {
  /** All files, whenever they were checked last; else those that are due. */
  readonly all: boolean;
  readonly repair: boolean;
  readonly dryRun: boolean;
  readonly library?: string | undefined;
  readonly onProgress: (progress: VerifyProgress) => void;
  readonly signal: AbortSignal;
}

export interface VerifyProgress {
  readonly files: number;
  readonly bytes: number;
  readonly path: string;
}

export interface VerifyResult extends VerifyReport {
  /** By name: what was checked beside the library. */
  readonly drives: readonly string[];
  /** By name: drives with copies that are not connected. */
  readonly away: readonly string[];
  /** Drives that could not be read to the end. */
  readonly stops: readonly {
    readonly name: string;
    readonly code: string;
    readonly message: string;
    readonly remedy: string;
  }[];
}

/**
 * Checks until nothing is due, in slices.
 * @throws AgentError as `withLibrary`; LIBRARY_GONE; the signal's reason. What was checked by then is noted.
 */
export async function verifyLibrary(
  options: LibraryWorkOptions & {
    readonly wish: VerifyWish;
    readonly drives: Drives;
    readonly turn?: LibraryTurn | undefined;
    readonly pace?: Pace | undefined;
    readonly observeStep: StepObserver;
  },
): Promise<VerifyResult> {
  const { wish, clock, signal, observeStep } = options;
  const turn = options.turn ?? ((work) => work());
  const pacer = new Pacer({ pace: options.pace ?? unpaced, clock, signal });
  const startedAtMs = clock.nowMs();
  const beforeMs = wish.all ? startedAtMs : undefined;
  const latestMs = latestOf(clock, startedAtMs);
  const total = { checked: 0, bad: 0, files: 0, bytes: 0 };
  // What was moved is followed first, or each of its files would be gone in one place and unknown in another.
  await turn(() => withDrives(options, async ({ open }) => void (await lookAtLibrary({ ...open, clock, signal }))));
  /** By id: drives come with the same name. */
  const stops = new Map<Place, { readonly name: string; readonly error: AgentError }>();
  for (let isDone = false; !isDone; ) {
    pacer.skip();
    isDone = await turn(() =>
      withDrives(options, async ({ open, drives }) => {
        const left = drives.filter(({ drive }) => !stops.has(drive.id));
        const slice = await verifySlice({
          ...{ ...open, drives: left, clock, beforeMs, latestMs, signal, sliceMs: sliceMsUsual },
          rest: () => pacer.rest(),
          onChecked: (path, sizeBytes) => {
            total.files += 1;
            total.bytes += sizeBytes;
            wish.onProgress({ files: total.files, bytes: total.bytes, path });
          },
        });
        total.checked += slice.checked;
        total.bad += slice.bad;
        for (const { drive, name, error } of slice.stops) stops.set(drive, { name, error });
        return slice.isDone;
      }),
    );
  }
  return await turn(() =>
    withDrives({ ...options, isRepair: wish.repair && !wish.dryRun }, async ({ open, drives, away }) => {
      const { repair, dryRun } = wish;
      const report = await concludeVerify({ ...open, ...total, drives, clock, repair, dryRun, observeStep, signal });
      return {
        ...report,
        drives: drives.map(({ drive }) => drive.name),
        away,
        stops: [...stops.values()].map(({ name, error: { code, message, remedy } }) => ({
          name,
          code,
          message,
          remedy,
        })),
      };
    }),
  );
}

function latestOf(clock: Clock, startedAtMs: number): () => number {
  let latestMs = startedAtMs;
  return () => {
    latestMs = Math.max(latestMs, clock.nowMs());
    return latestMs;
  };
}

/** A share of the time for what nobody waits for: a disk that is read without pause is in everybody's way. */
const backgroundShare = 0.5;

/**
 * Checks for some seconds of what is due by the periods, and, if nothing is, tries each quarter whether photos can be given back.
 * True if nothing is due any more. @throws as `verifyLibrary`, RESTORE_FULL, RESTORE_FAILED.
 */
export async function checkSlice(options: LibraryWorkOptions & { readonly drives: Drives }): Promise<boolean> {
  const { clock, signal } = options;
  const pacer = new Pacer({ pace: () => backgroundShare, clock, signal });
  return await withDrives(options, async ({ open, drives }) => {
    pacer.skip();
    const slice = await verifySlice({
      ...{
        ...open,
        drives,
        clock,
        signal,
        sliceMs: sliceMsUsual,
        onChecked: () => undefined,
        latestMs: latestOf(clock, clock.nowMs()),
      },
      rest: () => pacer.rest(),
    });
    // Something is not where it was: perhaps it was moved.
    if (slice.bad > 0) await lookAtLibrary({ ...open, clock, signal });
    if (slice.isDone && drives.length > 0 && isDrillDue(open.catalog.copies.note(drillNote), clock.nowMs())) {
      const { catalog, log } = open;
      const copies = drives.map(({ drive }) => ({ id: drive.id, root: drive.folders.root }));
      await runDrill({ catalog, log, clock, signal, drives: copies, scratch: options.paths.scratch });
    }
    return slice.isDone;
  });
}

/** To be written to only for a repair; and one that cannot be written can still be read, and give good copies. */
async function openToCheck({ drive, root }: AttachedDrive, isRepair: boolean): Promise<Drive> {
  const { id, libraryId, name } = drive;
  const wanted = { id, libraryId, name, root };
  if (!isRepair) return await openDrive({ ...wanted, forReading: true });
  return await openDrive(wanted).catch(async (error: unknown) => {
    if (!isAgentError(error, 'DRIVE_READ_ONLY', 'DRIVE_FULL')) throw error;
    return await openDrive({ ...wanted, forReading: true });
  });
}

/** With every drive that is attached, open. One that cannot be opened is as good as away. */
async function withDrives<Result>(
  options: LibraryWorkOptions & { readonly drives: Drives; readonly isRepair?: boolean },
  work: (opened: {
    readonly open: OpenLibraryWork;
    readonly drives: readonly VerifiedDrive[];
    readonly away: readonly string[];
  }) => Promise<Result>,
): Promise<Result> {
  return await withLibrary(options, async (open) => {
    const { attached } = await options.drives.see(open.library.id, options.signal);
    const drives: VerifiedDrive[] = [];
    using uses = new DisposableStack();
    for (const each of attached) {
      try {
        uses.use(options.drives.uses.begin(each.drive));
        drives.push({ drive: await openToCheck(each, options.isRepair ?? false), isElsewhere: each.drive.isElsewhere });
      } catch (error) {
        if (!isAgentError(error)) throw error;
        open.log.warn({ drive: each.drive.id, code: error.code }, 'a drive cannot be opened');
      }
    }
    const here = new Set(drives.map(({ drive }) => drive.id));
    const away = (await options.drives.list(open.library.id)).filter(({ id }) => !here.has(id)).map(({ name }) => name);
    return await work({ open, drives, away });
  });
}
