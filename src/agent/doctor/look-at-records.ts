// Whether what Keepsake keeps on this computer is well: settings, folders, the list of photos and its copy; and whether the clock is.

import { lstat } from 'node:fs/promises';
import { dirname } from 'node:path';
import process from 'node:process';
import { dayMs } from '../../domain/safety.ts';
import { libraryFolders } from '../../library/library.ts';
import { listManifests } from '../../library/manifest.ts';
import { runCommand } from '../../platform/bounded-command.ts';
import { statOrUndefined } from '../../platform/volume.ts';
import { loadConfig } from '../config.ts';
import type { Finding } from './check.ts';
import { type DoctorContext, isLibraryAway } from './context.ts';
import * as words from './words.ts';

/** Keepsake is younger than this, and a clock that lost its battery begins long before. */
const yearMin = 2026;
const yearMax = 2100;
/** What photos were saved at; a clock that is put right by some minutes is no wrong one. */
const toleranceMs = dayMs;
/** The copy is renewed with every import: older than the list by more, it was not. */
const listCopyBehindMs = 7 * dayMs;

export async function lookAtSettings({ keepsake }: DoctorContext): Promise<Finding> {
  const { config } = keepsake.paths;
  await loadConfig(config); // what is wrong with them is said in words of their own
  const isThere = (await statOrUndefined(config)) !== undefined;
  return { result: 'pass', ...(isThere ? words.settings.valid : words.settings.none) };
}

/** Folders 0700, files 0600, and ours. The settings' folder may be open as long as its file is not. */
export async function lookAtFolders({ keepsake }: DoctorContext): Promise<Finding> {
  const { paths } = keepsake;
  const own = { state: paths.state, lists: paths.catalogs, logs: paths.logs, settings: paths.config };
  let found = 0;
  let open: { readonly path: string; readonly details: Readonly<Record<string, string>> } | undefined;
  for (const [what, path] of Object.entries({ ...own, aroundSettings: dirname(paths.config) })) {
    const facts = await lstat(path).catch(() => undefined); // nothing is kept there yet
    if (facts === undefined) continue;
    found += 1;
    const mode = facts.mode & 0o777;
    const details = { what, mode: mode.toString(8) };
    if (process.getuid !== undefined && facts.uid !== process.getuid())
      return { result: 'fail', ...words.folders.othersOwn(path), details };
    const needed = facts.isDirectory() ? 0o700 : 0o400;
    if (!facts.isSymbolicLink() && (mode & needed) !== needed)
      return { result: 'fail', ...words.folders.notWritable(path), details };
    // Of the folder around the settings only that nobody else may put anything there: in it may be other things of the owner's.
    const forbidden = what === 'aroundSettings' ? 0o022 : 0o077;
    if (process.platform !== 'win32' && !facts.isSymbolicLink() && (mode & forbidden) !== 0) open ??= { path, details };
  }
  if (found === 0) return { result: 'pass', ...words.folders.none };
  return open === undefined
    ? { result: 'pass', ...words.folders.private }
    : { result: 'advice', ...words.folders.open(open.path), details: open.details };
}

/** @throws AgentError STATE_DAMAGED, which says what is wrong with it. */
export async function lookAtDevices({ keepsake }: DoctorContext): Promise<Finding> {
  const known = (await keepsake.register.list([])).length;
  return { result: 'pass', ...words.devices.readable(known), details: { known } };
}

export async function lookAtList(context: DoctorContext): Promise<Finding> {
  const { settings } = context;
  if (settings === undefined) return words.withoutSettings;
  const look = await context.list();
  if (look === 'stuck') return { result: 'advice', ...words.list.slow };
  if (look === undefined) {
    const answer = await context.library();
    // Whether there should be one is seen in the library.
    if (typeof answer !== 'object' || (await isLibraryAway(context, answer))) return words.withoutLibrary;
    const isTried = answer.state === 'tried';
    const isUsed = isTried && (await listManifests(libraryFolders(settings.library).imports)).length > 0;
    return isUsed ? { result: 'fail', ...words.list.missing } : { result: 'skipped', ...words.list.none };
  }
  const { isWhole, photos, files } = look;
  const details = { photos, files };
  return isWhole
    ? { result: 'pass', ...words.list.whole(photos), details }
    : { result: 'fail', ...words.list.damaged, details };
}

export async function lookAtListCopy(context: DoctorContext): Promise<Finding> {
  const answer = await context.library();
  if (answer === undefined) return words.withoutSettings;
  if (typeof answer === 'string' || (await isLibraryAway(context, answer))) return words.withoutLibrary;
  const [copyMs] = answer.modifiedMs;
  const newestMs = await newestSaveMs(context);
  if (copyMs === undefined || copyMs === null) {
    return newestMs === undefined
      ? { result: 'skipped', ...words.listCopy.notYet }
      : { result: 'advice', ...words.listCopy.missing };
  }
  const days = Math.max(0, Math.floor((context.nowMs - copyMs) / dayMs));
  const isBehind = newestMs !== undefined && newestMs - copyMs > listCopyBehindMs;
  return isBehind
    ? { result: 'advice', ...words.listCopy.old(days), details: { days } }
    : { result: 'pass', ...words.listCopy.recent(days), details: { days } };
}

/** When photos were saved last. Undefined: never, or the list cannot be read. */
export async function newestSaveMs(context: DoctorContext): Promise<number | undefined> {
  const look = await context.list().catch(() => undefined); // said by its own check
  return typeof look === 'object' ? (look.newestSaveMs ?? undefined) : undefined;
}

export async function lookAtClock(context: DoctorContext): Promise<Finding> {
  const { nowMs } = context;
  const now = new Date(nowMs);
  const date = now.toISOString().slice(0, 10);
  const year = now.getUTCFullYear();
  if (year < yearMin || year > yearMax) return { result: 'fail', ...words.clock.wrongYear(date), details: { date } };
  const newestMs = await newestSaveMs(context);
  if (newestMs !== undefined && newestMs > nowMs + toleranceMs)
    return { result: 'fail', ...words.clock.behind(date), details: { date, daysBehind: (newestMs - nowMs) / dayMs } };
  const isSet = await isSetOverInternet();
  const details = { date, isSetOverInternet: isSet ?? null };
  return isSet === false
    ? { result: 'advice', ...words.clock.notSet, details }
    : { result: 'pass', ...words.clock.right, details };
}

/** Undefined: this system does not say. */
async function isSetOverInternet(): Promise<boolean | undefined> {
  if (process.platform !== 'linux') return undefined;
  const answer = await runCommand('timedatectl', ['show', '--property=NTPSynchronized', '--value']);
  if (answer === 'stuck' || answer.exitCode !== 0) return undefined;
  const said = answer.stdout.toString('utf8').trim();
  return said === 'yes' ? true : said === 'no' ? false : undefined;
}
