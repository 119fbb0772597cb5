// Puts files right, in the library and on drives, from a copy that was read just now and is right. What was in the place is set
// aside: a bad file into quarantine, a picture that another program changed beside the one that was saved.

import { constants } from 'node:fs';
import { lstat, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Place } from '../domain/copies.ts';
import { AgentError, isAgentError, systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath, DriveId, RelativePath } from '../domain/ids.ts';
import type { CopiedFile, CopiesStore, Finding } from '../library/catalog/copies-store.ts';
import type { Clock } from '../platform/clock.ts';
import type { DiskReader } from '../platform/disk-reread.ts';
import { flushFolders, makeFolders, publishFile, type StepObserver, unstageFile } from '../platform/durable-write.ts';
import { FlushQueue } from '../platform/flush-queue.ts';
import { BufferPool, type StagedFile, stageFile } from '../platform/stage-file.ts';
import type { FolderAbilities } from '../platform/volume.ts';
import type { CheckedPlace } from './check.ts';
import type { SavedFile } from './judge-file.ts';
import { folderOf } from './real-folders.ts';

/** A place that can be written. */
export interface RepairablePlace extends CheckedPlace {
  readonly incoming: AbsolutePath;
  readonly quarantine: AbsolutePath;
  readonly abilities: FolderAbilities;
  /** Gives a failed write the name and remedy that it has at this place. */
  readonly asPlaceError: (error: unknown) => unknown;
}

export interface RepairOptions {
  readonly places: readonly RepairablePlace[];
  readonly copies: CopiesStore;
  readonly reader: DiskReader;
  readonly clock: Clock;
  /** Names the folder of what is set aside. */
  readonly runId: string;
  readonly dryRun: boolean;
  readonly observeStep: StepObserver;
  readonly signal: AbortSignal;
}

export type RepairOutcome =
  | { readonly kind: 'repaired'; readonly from: Place }
  /** No copy that can be reached is right. */
  | { readonly kind: 'noGoodCopy' }
  /** The place itself refused. */
  | { readonly kind: 'failed'; readonly error: AgentError };

/**
 * One finding, which must be of one of the places. A crash at any moment leaves the finding, and either the bad file or none
 * under the name: the next repair goes on from there.
 * @throws AgentError for what ends a place: LIBRARY_GONE, DRIVE_GONE; the signal's reason.
 */
export async function repairFile(options: RepairOptions, finding: Finding): Promise<RepairOutcome> {
  const { places, copies, dryRun, signal } = options;
  const target = places.find(({ place }) => place === finding.place);
  const saved = savedFile(copies, finding);
  if (target === undefined || saved === undefined) return { kind: 'noGoodCopy' };
  const good = await findGoodCopy(options, { target, path: finding.path, saved });
  if (good === undefined) return { kind: 'noGoodCopy' };
  if (dryRun) return { kind: 'repaired', from: good.place };
  try {
    await putRight(options, { target, finding, saved, good });
    return { kind: 'repaired', from: good.place };
  } catch (error) {
    if (signal.aborted) throw error;
    await target.assertPresent();
    const known = target.asPlaceError(error);
    if (!isAgentError(known)) throw known;
    return { kind: 'failed', error: known };
  }
}

/** What should be there. */
function savedFile(copies: CopiesStore, { place, path }: Finding): SavedFile | undefined {
  if (place === 'library') return copies.file(path);
  return copies.copied(place, path);
}

interface GoodCopy {
  readonly place: Place;
  readonly path: AbsolutePath;
}

/** Every file elsewhere that should have these bytes is read until one has. */
async function findGoodCopy(
  { places, copies, reader, signal }: RepairOptions,
  wanted: { readonly target: CheckedPlace; readonly path: RelativePath; readonly saved: SavedFile },
): Promise<GoodCopy | undefined> {
  const { target, path, saved } = wanted;
  for (const place of places) {
    if (place.place === target.place) continue;
    const paths =
      place.place === 'library'
        ? [path]
        : copiesWith(copies, place.place, { path, hash: saved.hash }).map((file) => file.path);
    for (const each of new Set(paths)) {
      if ((await place.folders?.standing(folderOf(each))) === 'otherwise') continue; // a link leads to no copy
      const file = join(place.root, each) as AbsolutePath;
      try {
        if ((await reader.hash(file, { signal })).hash === saved.hash) return { place: place.place, path: file };
      } catch (error) {
        if (signal.aborted || systemErrorCode(error) === undefined) throw error; // a bad one is not good: the next
      }
    }
  }
  return undefined;
}

function copiesWith(
  copies: CopiesStore,
  driveId: DriveId,
  { path, hash }: { readonly path: RelativePath; readonly hash: SavedFile['hash'] },
): readonly CopiedFile[] {
  const same = copies.copied(driveId, path);
  return [...(same?.hash === hash ? [same] : []), ...copies.copiedByHash(driveId, hash)];
}

async function putRight(
  options: RepairOptions,
  of: {
    readonly target: RepairablePlace;
    readonly finding: Finding;
    readonly saved: SavedFile;
    readonly good: GoodCopy;
  },
): Promise<void> {
  const { runId, observeStep, signal } = options;
  const { target, finding, saved, good } = of;
  const final = join(target.root, finding.path) as AbsolutePath;
  if ((await target.folders?.standing(folderOf(finding.path))) === 'otherwise') {
    throw new AgentError(
      'FILE_IN_THE_WAY',
      `"${finding.path}" could not be put back: a link or a file is in the place of its folder.`,
      {
        remedy: 'Move or rename it on the drive, and check again: keepsake verify --repair',
      },
    );
  }
  const touched = new Set<AbsolutePath>([dirname(final) as AbsolutePath]);
  const flushes = new FlushQueue();
  await makeFolders({ root: target.root, folder: target.incoming });
  const { size, mtimeNs } = await lstat(good.path, { bigint: true });
  const staged = await stageFile({
    ...{ path: join(target.incoming, `repair-${runId}.part`) as AbsolutePath, flushes, observeStep, signal },
    expected: { sizeBytes: Number(size), modifiedAtNs: saved.modifiedAtNs },
    buffers: new BufferPool(),
    open: () => openCopy(good.path, { listedNs: mtimeNs, givenNs: saved.modifiedAtNs }),
  });
  if (staged === 'refused') throw new Error('nothing refuses a copy');
  try {
    await publishGood(options, { target, finding, saved, staged, touched });
  } catch (error) {
    await unstageFile(staged.path).catch(() => undefined); // the first failure is the one to report
    throw error;
  }
}

/** The staged good copy takes the name; what had it is set aside first. */
async function publishGood(
  { copies, clock, reader, runId, observeStep, signal }: RepairOptions,
  of: {
    readonly target: RepairablePlace;
    readonly finding: Finding;
    readonly saved: SavedFile;
    readonly staged: StagedFile;
    readonly touched: Set<AbsolutePath>;
  },
): Promise<void> {
  const { target, finding, saved, staged, touched } = of;
  const { path } = finding;
  const final = join(target.root, path) as AbsolutePath;
  await staged.flushed;
  if (staged.hash !== saved.hash) {
    await unstageFile(staged.path);
    throw new AgentError('FILE_CORRUPT', `The good copy of "${path}" changed while it was read.`, {
      remedy: 'Check again: keepsake verify --repair',
    });
  }
  await target.assertPresent();
  await setAside({ target, finding, final, runId, touched });
  for (const parent of await makeFolders({ root: target.root, folder: dirname(final) as AbsolutePath }))
    touched.add(parent);
  observeStep('publish');
  const { hardLinks } = target.abilities;
  const result = await publishFile({ staged: staged.path, final, hardLinks });
  if (hardLinks) await unstageFile(staged.path);
  if (result !== 'published') {
    throw new AgentError('FILE_IN_THE_WAY', `"${path}" could not be put back: something else has its name.`, {
      remedy: 'Stop what else writes there, and check again: keepsake verify --repair',
    });
  }
  observeStep('flush-folder');
  await flushFolders(touched);
  await target.assertPresent();
  if ((await reader.hash(final, { signal })).hash !== saved.hash) {
    throw new AgentError('DRIVE_READ_FAILED', `"${path}" was put back and came back with other bytes.`, {
      remedy: 'The disk is failing: use another one.',
    });
  }
  observeStep('record');
  const nowMs = clock.nowMs();
  if (target.place === 'library') copies.noteChecked([path], nowMs);
  else copies.noteCopiedChecked(target.place, [path], nowMs);
  copies.clearFinding(target.place, path);
}

/** Where it lies until its owner has looked at it. Nothing is ever put in the place of something else. */
async function setAside(of: {
  readonly target: RepairablePlace;
  readonly finding: Finding;
  readonly final: AbsolutePath;
  readonly runId: string;
  readonly touched: Set<AbsolutePath>;
}): Promise<void> {
  const { target, finding, final, runId, touched } = of;
  const facts = await lstat(final).catch((error: unknown) => {
    if (['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) return undefined;
    throw error;
  });
  if (facts === undefined) return;
  const isVersion = finding.kind === 'changed';
  for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
    const suffix = attempt === 1 ? '' : ` ${attempt}`;
    const aside = isVersion
      ? join(target.root, changedName(finding.path, suffix))
      : join(target.quarantine, `${runId}${suffix}`, finding.path);
    const folder = dirname(aside) as AbsolutePath;
    for (const parent of await makeFolders({ root: target.root, folder })) touched.add(parent);
    touched.add(folder);
    const { hardLinks } = target.abilities;
    const result = await publishFile({ staged: final, final: aside as AbsolutePath, hardLinks });
    if (result !== 'published') continue;
    if (hardLinks) await unstageFile(final);
    // Before its name is given to the good one: a crash must not lose it.
    await flushFolders(touched);
    return;
  }
  throw new AgentError('FILE_IN_THE_WAY', `"${finding.path}" could not be set aside.`, {
    remedy: 'Check that you may write to that disk, and check again: keepsake verify --repair',
  });
}

const attemptsMax = 100;

/** `IMG_1234 (changed).JPG`, beside the one that was saved. */
function changedName(path: string, suffix: string): string {
  const slash = path.lastIndexOf('/') + 1;
  const dot = path.indexOf('.', slash + 1);
  const end = dot === -1 ? path.length : dot;
  return `${path.slice(0, end)} (changed${suffix})${path.slice(end)}`;
}

/** A reader of a copy that says the time which the file is to have, unless it changes while it is read. */
async function openCopy(
  path: AbsolutePath,
  { listedNs, givenNs }: { readonly listedNs: bigint; readonly givenNs: bigint },
) {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  return {
    read: async (into: Uint8Array) => (await handle.read(into, 0, into.length, null)).bytesRead,
    state: async () => {
      const { size, mtimeNs } = await handle.stat({ bigint: true });
      return { sizeBytes: Number(size), modifiedAtNs: mtimeNs === listedNs ? givenNs : mtimeNs };
    },
    [Symbol.asyncDispose]: () => handle.close(),
  };
}
