// What is wrong with what Keepsake keeps, and what is overdue: settings, photo folder, list of photos, devices, drives, pause, room.
// Read from the files themselves, so that it holds without an agent; writes nothing but a file to see whether that can be done. What
// cannot be read is itself a finding and hides none of the others.

import { open, readFile, realpath, rm, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import * as v from 'valibot';
import { type AgentError, type ErrorCode, isAgentError, systemErrorCode } from '../../domain/errors.ts';
import type { AbsolutePath, LibraryId } from '../../domain/ids.ts';
import type { Overdue } from '../../domain/overdue.ts';
import { describeClockInDoubt, describeOverdue } from '../../domain/overdue-words.ts';
import { dayMs } from '../../domain/safety.ts';
import type { Need } from '../../domain/status.ts';
import { openCatalog } from '../../library/catalog/sqlite-catalog.ts';
import { openKnownLibraries } from '../../library/known-libraries.ts';
import { libraryFolders, readLibraryId } from '../../library/library.ts';
import { listManifests } from '../../library/manifest.ts';
import { runCommand } from '../../platform/bounded-command.ts';
import { instant } from '../../platform/shapes.ts';
import { nearestExisting, readSpace, statOrUndefined } from '../../platform/volume.ts';
import { type Config, loadConfig } from '../config.ts';
import { type Device, openDeviceRegister } from '../devices.ts';
import { type EnrolledDrive, openDriveRegister } from '../drive-register.ts';
import { lastingNeeds, overdueOf } from '../drive-status.ts';
import { type Finding, ownFinding } from '../finding.ts';
import { catalogPath, defaultLibrary, type Environment, type KeepsakePaths } from '../paths.ts';
import { readPause } from '../pause.ts';
import { loadReminders } from '../reminding.ts';
import { readMemory } from '../small-memory.ts';
import { type CheckMemory, checkMemory } from './check-memory.ts';
import * as words from './check-words.ts';

/** A pause that was forgotten. */
const pausedDaysMax = 14;
/** Below this, the list of photos and what belongs to it may not get written any more. */
const homeBytesMin = 500e6;
/** A drive that is not always connected is away for a day or two without anything being wrong. */
const driveAwayDays = 3;
/** Where systems mount what can be unplugged. */
const mountRoots = ['/media', '/run/media', '/mnt', '/Volumes'];

export interface RecordsLook {
  readonly findings: readonly Finding[];
  /** Undefined: they cannot be read. */
  readonly settings: Config | undefined;
  readonly isPaused: boolean;
  readonly isClockInDoubt: boolean;
  readonly datesAheadSinceMs?: number;
  /** Found to contradict itself; undefined if not, or not looked for. */
  readonly damagedCatalog?: CheckMemory['damagedCatalog'];
}

export interface RecordsLookOptions {
  readonly paths: KeepsakePaths;
  readonly environment: Environment;
  readonly nowMs: number;
  /** Read the whole list of photos, which takes a second for 100,000 of them. Else what the last thorough look found holds. */
  readonly isThorough: boolean;
}

export async function lookAtRecords(options: RecordsLookOptions): Promise<RecordsLook> {
  const { paths, environment, nowMs } = options;
  const findings: Finding[] = [];
  const note = (error: unknown) => void findings.push(byError(error));
  const settings = await loadConfig(paths.config).catch((error: unknown) => void note(error));
  const pause = await readPause(paths.pause, nowMs);
  const isWritable = await canWrite(paths.state);
  findings.push(
    ...(isWritable ? [] : [ownFinding(words.stateNotWritable, 'serious')]),
    ...(await aboutRoom(paths)),
    ...(pause === undefined ? [] : await aboutPause(paths.pause, nowMs)),
  );
  const devices = await openDeviceRegister(paths.devices, () => nowMs)
    .list([])
    .catch((error: unknown) => void note(error));
  const drives = await openDriveRegister(paths.drives, () => nowMs)
    .all()
    .catch((error: unknown) => void note(error));
  const rest = { settings, isPaused: pause !== undefined };
  if (settings === undefined) return { findings, ...rest, isClockInDoubt: false };
  const root = settings.library ?? defaultLibrary(environment);
  const library = await lookAtLibrary(root, { ...options, devices: devices ?? [], drives: drives ?? [] });
  const ofLibrary = isWritable ? library.findings : library.findings.filter(({ code }) => !unsure.includes(code));
  return { ...rest, ...library, findings: [...findings, ...ofLibrary] };
}

/** On a disk that takes nothing, SQLite cannot open a list that was left in order: that says nothing of the list. */
const unsure: readonly string[] = ['CATALOG_DAMAGED', 'STATE_WRITE_FAILED'] satisfies ErrorCode[];

/** By doing it: rights, a full disk and one that turned read-only all show in this alone. */
async function canWrite(state: AbsolutePath): Promise<boolean> {
  if ((await statOrUndefined(state)) === undefined) return true; // nothing was ever written there
  const path = join(state, `.check-${process.pid}`);
  try {
    await using file = await open(path, 'w', 0o600);
    await file.writeFile('Can this be written?\n');
    await file.sync();
    return true;
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    return false;
  } finally {
    await rm(path, { force: true }).catch(() => undefined); // then it cannot be written either
  }
}

type LibraryLook = Omit<RecordsLook, 'settings' | 'isPaused'>;

const calm = { isClockInDoubt: false };

async function lookAtLibrary(
  root: AbsolutePath,
  options: RecordsLookOptions & { readonly devices: readonly Device[]; readonly drives: readonly EnrolledDrive[] },
): Promise<LibraryLook> {
  const { paths } = options;
  // In a process of its own: a disk that hangs would hold ours for good, and nobody would be told of it.
  const isStuck = (await runCommand('stat', ['--', libraryFolders(root).marker])) === 'stuck';
  if (isStuck) return { findings: [ownFinding(words.librarySilent, 'serious')], ...calm };
  let id: LibraryId | undefined;
  try {
    id = await readLibraryId(root);
    if (id === undefined) return { findings: await aboutMissing(root, paths), ...calm };
  } catch (error) {
    return { findings: [byError(error)], ...calm };
  }
  const path = catalogPath(paths, id);
  try {
    if ((await statOrUndefined(path)) !== undefined) return await readRecords(path, id, options);
    const isUsed = (await listManifests(libraryFolders(root).imports)).length > 0;
    return { findings: isUsed ? [ownFinding(words.listMissing, 'serious')] : [], ...calm };
  } catch (error) {
    if (!isAgentError(error)) throw error;
    const damaged = error.code === 'CATALOG_DAMAGED' ? ownFinding(words.listDamaged, 'serious') : byError(error);
    return { findings: [damaged], ...calm };
  }
}

/** A folder that was never a library is none that is missing. */
async function aboutMissing(root: AbsolutePath, paths: KeepsakePaths): Promise<readonly Finding[]> {
  // By its real path: that is how it is remembered.
  const nearest = await nearestExisting(root);
  const real = join(await realpath(nearest), relative(nearest, root)) as AbsolutePath;
  if ((await openKnownLibraries(paths.knownLibraries).idAt(real)) === undefined) return [];
  const isOnDrive = mountRoots.some((folder) => real.startsWith(folder + sep));
  const found = ownFinding(words.libraryMissing(root, isOnDrive), 'remind');
  return [{ ...found, ...(isOnDrive ? { tellAfterDays: driveAwayDays } : {}) }];
}

async function readRecords(
  path: string,
  id: LibraryId,
  options: Parameters<typeof lookAtLibrary>[1],
): Promise<LibraryLook> {
  const { paths, environment, nowMs, isThorough, devices } = options;
  using catalog = openCatalog({ path, libraryId: id, readOnly: true });
  const { ino: inode } = await stat(path);
  const { datesAheadSinceMs: remembered } = await loadReminders(paths.reminders);
  const memory = await readMemory(checkMemory(paths, environment));
  const sinceMs = remembered ?? memory?.reminders.datesAheadSinceMs;
  const drives = options.drives.filter(({ libraryId, state }) => libraryId === id && state === 'enrolled');
  const report = overdueOf({
    ...{ catalog, summary: catalog.summarize(), devices, drives, nowMs, connected: new Set() },
    remembered: sinceMs === undefined ? {} : { datesAheadSinceMs: sinceMs },
  });
  const before = memory?.damagedCatalog;
  const isDamaged = isThorough ? !catalog.isWhole() : before?.path === path && before.inode === inode;
  const inDoubt = report.isClockInDoubt ? [describeClockInDoubt(new Date(nowMs).toISOString().slice(0, 10))] : [];
  return {
    findings: [
      ...(isDamaged ? [ownFinding(words.listDamaged, 'serious')] : []),
      ...inDoubt.map((need) => ownFinding(need, 'remind')),
      ...report.overdue.map(byOverdue),
      ...lastingNeeds({ catalog, drives }).map((need) => ({ ...ownFinding(need, 'serious'), isAgents: true })),
    ],
    isClockInDoubt: report.isClockInDoubt,
    ...(report.datesAheadSinceMs === undefined ? {} : { datesAheadSinceMs: report.datesAheadSinceMs }),
    ...(isDamaged ? { damagedCatalog: { path, inode } } : {}),
  };
}

function byOverdue(overdue: Overdue): Finding {
  const { key, level, ageDays: days } = overdue;
  const because = 'visits' in overdue ? overdue.visits?.codes : undefined;
  return {
    ...{ ...describeOverdue(overdue), key, level, days, isAgents: true },
    ...('name' in overdue ? { name: overdue.name } : {}),
    ...(because === undefined ? {} : { because }),
  };
}

/** @throws what is not expected. */
function byError(error: unknown): Finding {
  if (!isAgentError(error)) throw error;
  const { code, message, remedy }: AgentError = error;
  return ownFinding({ code, message, remedy }, 'serious');
}

const pauseSchema = v.object({ since: instant });

async function aboutPause(path: AbsolutePath, nowMs: number): Promise<readonly Finding[]> {
  const days = await readFile(path, 'utf8').then(
    (text) => Math.floor((nowMs - Date.parse(v.parse(pauseSchema, JSON.parse(text)).since)) / dayMs),
    () => 0, // taken back just now
  );
  if (days < pausedDaysMax) return [];
  const need: Need = words.pausedForLong(days);
  return [{ ...ownFinding(need, 'remind'), days }];
}

async function aboutRoom(paths: KeepsakePaths): Promise<readonly Finding[]> {
  const { freeBytes } = await readSpace(await nearestExisting(paths.state));
  return freeBytes < homeBytesMin ? [ownFinding(words.diskNearlyFull(freeBytes), 'serious')] : [];
}
