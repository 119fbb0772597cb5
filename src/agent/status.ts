// One snapshot of how things stand, folded from what the catalogue knows. Every surface renders this; none computes its own.

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { isAgentError } from '../domain/errors.ts';
import type { AbsolutePath, ImportId, SourceId } from '../domain/ids.ts';
import type { OverdueReport } from '../domain/overdue.ts';
import type { Need, SourceStatus, Status } from '../domain/status.ts';
import { adoptedKind, adoptionLockPath } from '../library/adoption.ts';
import type { SourceSummary } from '../library/catalog/catalog-store.ts';
import { openCatalog } from '../library/catalog/sqlite-catalog.ts';
import { seemsOfAnotherState } from '../library/catalog-match.ts';
import { libraryFolders, readLibraryId } from '../library/library.ts';
import { listManifests } from '../library/manifest.ts';
import { movedKind } from '../library/moves.ts';
import type { Clock } from '../platform/clock.ts';
import { waitForExclusiveLock } from '../platform/exclusive-lock.ts';
import type { Device } from './devices.ts';
import type { DriveRegister, EnrolledDrive } from './drive-register.ts';
import { readCopies } from './drive-status.ts';
import type { UnusableDrive } from './drives.ts';
import { catalogPath, type KeepsakePaths } from './paths.ts';
import { readPause } from './pause.ts';
import { describePhotos } from './photos-words.ts';

export interface StatusOptions {
  readonly paths: KeepsakePaths;
  readonly root: AbsolutePath;
  readonly clock: Clock;
  readonly devices: readonly Device[];
  readonly drives: DriveRegister;
  /** Disks with the mark of a copy that cannot be used. */
  readonly unusable: readonly UnusableDrive[];
}

/** @throws AgentError CATALOG_DAMAGED, CATALOG_TOO_NEW, LIBRARY_DAMAGED, LIBRARY_TOO_NEW. */
export async function readStatus({ paths, root, clock, devices, drives, unusable }: StatusOptions): Promise<Status> {
  const empty: Status = {
    state: 'neverSaved',
    library: root,
    sources: [],
    drives: [],
    photos: { assets: 0, inLibrary: 0, safe: 0, elsewhere: 0 },
    jobs: [],
    needsYou: [],
    notes: [],
    agent: 'notRunning',
    newDevices: [],
    undelivered: [],
  };
  const id = await readLibraryId(root);
  if (id === undefined) return empty;
  const path = catalogPath(paths, id);
  const { own, imports: manifests } = libraryFolders(root);
  if (statSync(path, { throwIfNoEntry: false }) === undefined) {
    const isUsed = (await listManifests(manifests)).length > 0;
    return isUsed ? { ...empty, state: 'needsYou', needsYou: [listMissing] } : empty;
  }
  using catalog = openCatalog({ path, libraryId: id, readOnly: true });
  const summary = catalog.summarize();
  const nowMs = clock.nowMs();
  const enrolled = (await drives.list(id).catch(ignoreDamaged)).filter(({ state }) => state === 'enrolled');
  const copies = readCopies({
    ...{ catalog, summary, drives: enrolled, devices, nowMs },
    connected: new Set(devices.flatMap((device) => (device.connected ? [device.id] : []))),
  });
  const pause = await readPause(paths.pause, nowMs);
  const sources = summary.sources.flatMap((source) => {
    if (source.kind === movedKind) return [];
    if (source.kind === adoptedKind) return []; // photos that lay in the library: nothing to connect, nothing to fall behind
    const device = devices.find(({ id }) => id === source.id);
    return device?.decision === 'retired' ? [] : [{ ...source, name: device?.name ?? source.name }];
  });
  for (const { id: device, kind, name, decision } of devices) {
    const isListed = decision !== 'always' || sources.some((source) => source.id === device);
    // Photos are to be saved from it, and nothing was yet: it must not be missing from the list of what there is.
    if (!isListed) sources.push({ id: device as SourceId, kind, name });
  }
  /** Whatever is not saved of it yet is not to be. */
  const isLeftAlone = ({ id: device }: SourceSummary) =>
    devices.some((each) => each.id === device && each.decision === 'never');
  const isAdoption = (importId: ImportId) => catalog.importOrigin(importId).source.kind === adoptedKind;
  const seen = catalog.unfinishedImports();
  const isImporting = seen.some((importId) => !isAdoption(importId)) && (await isLocked(join(own, 'lock')));
  const isAdopting = seen.some(isAdoption) && (await isLocked(adoptionLockPath(own)));
  // One that came to its end between the two looks was not interrupted.
  const unfinished = new Set(catalog.unfinishedImports());
  const running = seen.filter((importId) => unfinished.has(importId));
  const imports = running.filter((importId) => !isAdoption(importId));
  const isSaving = isImporting || isAdopting;
  const about = sources.flatMap((source) => {
    const account = source.lastImport?.counts.photos;
    return account === undefined ? [] : [describePhotos({ ...source, account })];
  });
  const needsYou = [
    ...(!isSaving && (await seemsOfAnotherState(manifests, catalog)) ? [listOutdated] : []),
    ...(imports.length > 0 && !isImporting ? [interrupted] : []),
    ...(running.length > imports.length && !isAdopting ? [adoptionInterrupted] : []),
    ...sources.flatMap((source) => (isLeftAlone(source) ? [] : needOf(source))),
    ...about.flatMap(({ needsYou }) => needsYou),
    ...unusable.map(({ code, message, remedy }) => ({ code, message, remedy })),
    ...copies.needsYou,
    ...devices.flatMap(({ advice }) => advice ?? []).slice(0, 1), // what this computer lacks, once for all of them
    ...summary.sources.filter(({ kind }) => kind === adoptedKind).flatMap((source) => needOfAdoption(source)),
  ];
  return {
    ...empty,
    state: isSaving
      ? 'saving'
      : needsYou.length > 0
        ? 'needsYou'
        : sources.length === 0 && summary.assets === 0
          ? 'neverSaved'
          : 'idle',
    sources: sources.map((source) => describeSource(source, copies.report)),
    drives: copies.drives,
    photos: {
      ...{ assets: summary.assets, inLibrary: summary.assets },
      ...{ safe: copies.safety.safe, elsewhere: copies.safety.elsewhere },
    },
    ...(pause === undefined
      ? {}
      : { pausedUntil: pause.untilMs === undefined ? null : new Date(pause.untilMs).toISOString() }),
    jobs: [
      ...(isImporting ? imports.slice(-1).map((importId) => ({ kind: 'import', importId }) as const) : []),
      ...(isAdopting ? running.filter(isAdoption).map((importId) => ({ kind: 'adoption', importId }) as const) : []),
    ],
    needsYou,
    notes: [...copies.notes, ...about.flatMap(({ notes }) => notes)],
  };
}

/** It is told with the drives that cannot be used. */
function ignoreDamaged(error: unknown): readonly EnrolledDrive[] {
  if (isAgentError(error, 'STATE_DAMAGED')) return [];
  throw error;
}

const remake = 'It is made anew from your photo folder when photos are saved next, or by "keepsake rebuild".';

const listMissing: Need = {
  code: 'CATALOG_MISSING',
  message: 'The list of saved photos is not on this computer. Your photos are not affected.',
  remedy: remake,
};

const listOutdated: Need = {
  code: 'CATALOG_OUTDATED',
  message: 'The list of saved photos and your photo folder are not of the same day. Your photos are not affected.',
  remedy: remake,
};

const interrupted: Need = {
  code: 'INTERRUPTED',
  message: 'Saving was interrupted before its end.',
  remedy: 'Connect the same card or folder and save again: it goes on where it stopped.',
};

const adoptionInterrupted: Need = {
  code: 'INTERRUPTED',
  message: 'Adopting a folder was interrupted before its end.',
  remedy: 'Run "keepsake adopt" again: it goes on where it stopped.',
};

function describeSource(source: SourceSummary, report: OverdueReport): SourceStatus {
  const counts = source.lastImport?.counts;
  const photos = counts?.photos;
  const [iCloudOnly, unknown] = [counts?.iCloudOnly ?? 0, photos?.unknown ?? 0];
  const files = counts === undefined ? 0 : counts.found - counts.notMedia;
  return {
    id: source.id,
    name: source.name,
    kind: source.kind,
    lastSuccessAt: source.lastSuccessAtMs === undefined ? null : new Date(source.lastSuccessAtMs).toISOString(),
    complete: (source.lastImport?.complete ?? false) && iCloudOnly + unknown === 0,
    onDevice: photos?.onDevice ?? files,
    iCloudOnly,
    unknown,
    saved: photos?.saved ?? (counts === undefined ? 0 : files - counts.failed - counts.deferred),
    overdue: report.overdue.some((overdue) => 'sourceId' in overdue && overdue.sourceId === source.id),
  };
}

function needOf(source: SourceSummary): readonly Need[] {
  const last = source.lastImport;
  if (last === undefined || last.complete) return [];
  const { failed, deferred, iCloudOnly, photos } = last.counts;
  const isTold =
    photos !== undefined &&
    failed + deferred === 0 &&
    photos.saved >= photos.onDevice &&
    (iCloudOnly + photos.unknown > 0 || photos.list === 'unreadable');
  if (isTold) return []; // by what is said of its photos
  const open = failed + deferred;
  const what = open === 0 ? 'Not everything' : `${open} ${open === 1 ? 'file' : 'files'}`;
  return [
    {
      code: 'SOURCE_INCOMPLETE',
      message: `${what} on "${source.name}" could ${open === 0 ? '' : 'not '}be saved yet.`,
      remedy: 'Save it again. If it stays so, look at the list that saving prints.',
    },
  ];
}

function needOfAdoption({ lastImport }: SourceSummary): readonly Need[] {
  if (lastImport === undefined || lastImport.complete) return [];
  const open = lastImport.counts.failed + lastImport.counts.deferred;
  const what = open === 0 ? 'Not everything' : `${open} ${open === 1 ? 'file' : 'files'}`;
  return [
    {
      code: 'ADOPTION_INCOMPLETE',
      message: `${what} in your photo folder could ${open === 0 ? '' : 'not '}be adopted yet.`,
      remedy: 'Run "keepsake adopt" again. If it stays so, look at the list that it prints.',
    },
  ];
}

/** Two who look at one moment are not to take each other for one who writes. */
const lookMsMax = 60;

/** True if a Keepsake holds this lock right now. Whoever wants it at this moment waits for the end of the look. */
async function isLocked(path: string): Promise<boolean> {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return false;
  try {
    const lock = await waitForExclusiveLock(path, lookMsMax);
    lock?.release();
    return lock === undefined;
  } catch (error) {
    if (isAgentError(error)) throw error;
    return false; // a library that cannot be written is not being written
  }
}
