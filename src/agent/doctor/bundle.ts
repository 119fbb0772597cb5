// A report for whoever helps the owner: what doctor found, versions, settings, counts and ages, the end of the log. Made of what is known
// to be harmless, field by field, and gone over once more for names and places. Never takes the place of a file that is there.

import { constants } from 'node:fs';
import { access, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { hostname, release, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import * as v from 'valibot';
import { AgentError, systemErrorCode } from '../../domain/errors.ts';
import type { Status } from '../../domain/status.ts';
import { defaultLayout } from '../../library/layout.ts';
import { recordOf } from '../../platform/shapes.ts';
import { statOrUndefined } from '../../platform/volume.ts';
import { configKeys } from '../config.ts';
import { homeFolder } from '../install/program.ts';
import { defaultLibrary } from '../paths.ts';
import type { Detail } from './check.ts';
import { type DoctorContext, statusOf } from './context.ts';
import type { DoctorResult } from './doctor.ts';
import { newestSaveMs } from './look-at-records.ts';
import { type KnownThing, openRedactor, type Redactor } from './redact.ts';
import { type ArchiveFile, packTarGz } from './ustar.ts';
import * as words from './words.ts';

const logLinesMax = 2000;
const logBytesMax = 1024 * 1024;
const stackLinesMax = 12;
const folderName = 'keepsake-report';
const filesMax = 1000;

/** Before anything is tried, so that nobody waits in vain. @throws AgentError REPORT_NOT_WRITTEN */
export async function assertFree(path: string): Promise<void> {
  const facts = await statOrUndefined(path).catch((error: unknown) => {
    throw notWritten(path, error);
  });
  if (facts !== undefined) throw taken(path);
  await access(dirname(path), constants.W_OK | constants.X_OK).catch((error: unknown) => {
    throw notWritten(path, error);
  });
}

/** What was begun is removed if it cannot be ended. @throws AgentError REPORT_NOT_WRITTEN */
export async function writeBundle(path: string, bytes: Uint8Array): Promise<void> {
  let isOurs = false;
  try {
    await using file = await open(path, 'wx', 0o600);
    isOurs = true;
    await file.writeFile(bytes);
    await file.sync();
  } catch (error) {
    if (isOurs) await rm(path, { force: true }).catch(() => undefined); // the failure is the one to report
    throw systemErrorCode(error) === 'EEXIST' ? taken(path) : notWritten(path, error);
  }
}

function taken(path: string): AgentError {
  return new AgentError('REPORT_NOT_WRITTEN', `There is something at "${path}" already. It was left as it is.`, {
    remedy: 'Choose another name for the report.',
  });
}

function notWritten(path: string, cause: unknown): AgentError {
  return new AgentError('REPORT_NOT_WRITTEN', `"${path}" could not be written (${systemErrorCode(cause)}).`, {
    remedy: 'Choose a folder that you may write to and that has room.',
    cause,
  });
}

/** The whole report as a .tar.gz. @throws the signal's reason. */
export async function makeBundle(context: DoctorContext, result: DoctorResult): Promise<Buffer> {
  const redactor = openRedactor(await whatIsKnown(context));
  const file = (name: string, value: unknown): ArchiveFile => ({
    name: `${folderName}/${name}`,
    text: `${JSON.stringify(value, undefined, 2)}\n`,
  });
  return packTarGz(
    [
      { name: `${folderName}/READ ME.txt`, text: words.reportReadMe },
      file('doctor.json', describeResult(result, redactor)),
      file('versions.json', describeVersions(result)),
      file('settings.json', describeSettings(context)),
      file('state.json', await describeState(context, redactor)),
      file('status.json', describeStatus(await statusOf(context), redactor)),
      { name: `${folderName}/log.txt`, text: await describeLog(context, redactor) },
    ],
    context,
  );
}

async function whatIsKnown({ devices, drives, settings, keepsake, environment, strangers }: DoctorContext) {
  const things: KnownThing[] = [];
  const counts = new Map<string, number>();
  const add = (kind: string, names: readonly (string | undefined)[]) => {
    const number = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, number);
    things.push({ standIn: `${kind}-${number}`, names: names.filter((name) => name !== undefined) });
  };
  for (const { id, kind, name } of devices ?? []) add(kind === 'iphone' ? 'phone' : kind, [id, name]);
  for (const { id, name, filesystemUuid, diskKey } of drives ?? []) add('drive', [id, name, filesystemUuid, diskKey]);
  const libraries = await readKnownLibraries(keepsake.paths.knownLibraries);
  for (const id of new Set(Object.values(libraries))) add('library', [id]);
  add('helper', [settings?.helperName]);
  for (const name of strangers) add('stranger', [name]);
  const home = homeFolder(environment);
  things.push({ standIn: 'user', names: [userName(), environment['USER'] ?? ''] });
  things.push({ standIn: 'computer', names: [hostname(), hostname().split('.')[0] ?? ''] });
  const paths = [
    ...[home, keepsake.paths.state, keepsake.paths.config, keepsake.paths.logs],
    ...Object.keys(libraries),
    ...(settings === undefined ? [] : [settings.library, ...settings.cardRoots, ...settings.watchedFolders]),
    ...(drives ?? []).flatMap(({ root, folder }) => [root, folder]),
  ];
  return { things, paths, plainQuotes: configKeys };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return ''; // a user without an entry in the system's list
  }
}

async function readKnownLibraries(path: string): Promise<Readonly<Record<string, string>>> {
  try {
    return v.parse(recordOf(v.string()), JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return {}; // there is none, or it is damaged, which does not keep anybody from a report
  }
}

function describeVersions({ version }: DoctorResult) {
  const { platform, arch, versions } = process;
  return { keepsake: version, node: versions.node, platform, arch, system: release() };
}

/** Its words are gone over; its other fields say nothing of anybody. */
function describeResult({ ok, version, checks }: DoctorResult, redactor: Redactor) {
  const redact = (detail: Detail) => (typeof detail === 'string' ? redactor.text(detail) : detail);
  return {
    ...{ ok, version },
    checks: checks.map(({ id, title, result, meaning, nextStep, details }) => ({
      ...{ id, title: redactor.text(title), result, meaning: redactor.text(meaning) },
      ...(nextStep === undefined ? {} : { nextStep: redactor.text(nextStep) }),
      ...(details === undefined
        ? {}
        : { details: Object.fromEntries(Object.entries(details).map(([key, detail]) => [key, redact(detail)])) }),
    })),
  };
}

/** A word or code of ours, whatever the file says that it was read from. */
function wordOf(text: string): string {
  return /^[\w.-]{1,40}$/.test(text) && !/\d{3}/.test(text) ? text : '…';
}

/** Whether they are set; values only of those that say nothing of anybody. */
function describeSettings({ settings, environment }: DoctorContext) {
  if (settings === undefined) return { readable: false };
  const { library, layout, reserveBytes, timeZone, allowCloudFolder, cardRoots, watchedFolders, schedule, logLevel } =
    settings;
  return {
    readable: true,
    libraryIsSet: library !== defaultLibrary(environment),
    layout: layout === defaultLayout ? 'usual' : 'own',
    reserveBytes: reserveBytes ?? null,
    timeZoneOffsetMinutes: offsetOf(timeZone),
    ...{ allowCloudFolder, schedule, logLevel },
    cardRoots: cardRoots.length,
    watchedFolders: watchedFolders.length,
    helperUrlIsSet: settings.helperUrl !== undefined,
    helperCommandIsSet: settings.helperCommand.length > 0,
  };
}

/** A zone is named after a place. */
function offsetOf(timeZone: string): number {
  const parts = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' }).formatToParts(new Date());
  const [, sign, hours, minutes] =
    /GMT([+-])(\d+):(\d+)/.exec(parts.find(({ type }) => type === 'timeZoneName')?.value ?? '') ?? [];
  return (sign === '-' ? -1 : 1) * (Number(hours ?? 0) * 60 + Number(minutes ?? 0));
}

async function describeState(context: DoctorContext, { id: standIn }: Redactor) {
  const { devices, drives, keepsake, nowMs } = context;
  const look = await context.list().catch(() => undefined); // said by its own check
  const newestMs = await newestSaveMs(context);
  return {
    list: typeof look === 'object' ? { photos: look.photos, files: look.files, bytes: look.bytes } : null,
    hoursSinceSaved: newestMs === undefined ? null : hours(nowMs - newestMs),
    devices: (devices ?? []).map(({ id, kind, decision, lastSeenAt, visits }) => ({
      ...{ id: standIn(id), kind: wordOf(kind), decision, hoursSinceSeen: hours(nowMs - Date.parse(lastSeenAt)) },
      visitsInVain: (visits ?? []).map(({ code }) => wordOf(code)),
    })),
    drives: (drives ?? []).map(({ id, state, filesystem, diskKind, isElsewhere, lastSeenAt }) => ({
      ...{
        id: standIn(id),
        state,
        filesystem: wordOf(filesystem),
        diskKind,
        isElsewhere,
        hoursSinceSeen: hours(nowMs - Date.parse(lastSeenAt)),
      },
    })),
    readable: { devices: devices !== undefined, drives: drives !== undefined },
    files: await describeFiles(keepsake.paths.state, nowMs),
  };
}

/** Those of our own names; the others are counted. */
async function describeFiles(folder: string, nowMs: number) {
  const names = await readdir(folder).catch(() => []); // there is none yet
  const files = [];
  for (const name of names.slice(0, filesMax)) {
    if (!/^[a-z]+\.(json|lock)$|^stopped$/.test(name)) continue;
    const facts = await stat(join(folder, name)).catch(() => undefined); // gone in the meantime
    if (facts !== undefined) files.push({ name, bytes: facts.size, hoursOld: hours(nowMs - facts.mtimeMs) });
  }
  return { known: files, others: names.length - files.length };
}

/** Numbers and codes; words would name things. */
function describeStatus(status: Status | undefined, { id: standIn }: Redactor) {
  if (status === undefined) return { agent: 'notRunning' };
  const { state, agent, photos, pausedUntil, icon } = status;
  return {
    ...{ state, agent, photos, isPaused: pausedUntil !== undefined },
    icon: icon === undefined ? null : icon.shown ? { shown: true } : { shown: false, code: icon.reason.code },
    sources: status.sources.map(
      ({ id, kind, lastSuccessAt, complete, onDevice, saved, iCloudOnly, unknown, overdue }) => ({
        ...{
          id: standIn(id),
          kind: wordOf(kind),
          lastSuccessAt,
          complete,
          onDevice,
          saved,
          iCloudOnly,
          unknown,
          overdue,
        },
      }),
    ),
    drives: status.drives.map(
      ({ id, connected, lastCopiedAt, lastCheckedAt, missing, overdue, isElsewhere, problems }) => ({
        ...{ id: standIn(id), connected, lastCopiedAt, lastCheckedAt, missing, overdue, isElsewhere, problems },
      }),
    ),
    jobs: status.jobs.map(({ kind }) => wordOf(kind)),
    newDevices: status.newDevices.map(({ kind }) => wordOf(kind)),
    needsYou: status.needsYou.map(({ code }) => wordOf(code)),
    notes: status.notes.map(({ code }) => wordOf(code)),
    undelivered: status.undelivered.map(({ code }) => wordOf(code)),
  };
}

function hours(durationMs: number): number {
  return Math.round(durationMs / 3_600_000);
}

async function describeLog({ keepsake }: DoctorContext, redactor: Redactor): Promise<string> {
  const text = await readEnd(join(keepsake.paths.logs, 'keepsake.log')).catch(() => ''); // there is none yet
  const lines = text.split('\n').filter((line) => line !== '');
  return lines
    .slice(-logLinesMax)
    .map((line) => `${redactLine(line, redactor)}\n`)
    .join('');
}

async function readEnd(path: string): Promise<string> {
  await using file = await open(path, 'r');
  const { size } = await file.stat();
  const from = Math.max(0, size - logBytesMax);
  const buffer = Buffer.alloc(size - from);
  const { bytesRead } = await file.read(buffer, 0, buffer.length, from);
  const text = buffer.toString('utf8', 0, bytesRead);
  return from === 0 ? text : text.slice(text.indexOf('\n') + 1); // half a line at its beginning
}

/** Texts that are ours, or ids; any other may be a name. */
const ownTexts = new Set(['msg', 'code', 'kind', 'event', 'stopped', 'part', 'time', 'step', 'state', 'reason', 'key']);
const ids = new Set(['importId', 'sourceId', 'device', 'drive', 'removal', 'assetId', 'id']);

/** A line that is none of ours is left out: what is in it nobody knows. */
export function redactLine(line: string, redactor: Redactor): string {
  let entry: unknown;
  try {
    entry = JSON.parse(line);
  } catch {
    return '(a line that is not of the log)';
  }
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return '(a line that is not of the log)';
  const { err, msg }: { err?: { message?: unknown } | null; msg?: unknown } = entry;
  // Where nobody said what happened, the logger takes the error's own words, which may name a file.
  const isOfError = typeof msg === 'string' && err?.message === msg;
  const kept = Object.entries(isOfError ? { ...entry, msg: '…' } : entry).flatMap(
    ([key, value]): [string, unknown][] => {
      if (typeof value === 'number' || typeof value === 'boolean' || value === null) return [[key, value]];
      if (key === 'time') return [[key, typeof value === 'string' && /^[\dT:.Z-]+$/.test(value) ? value : '…']];
      if (typeof value === 'string')
        return [[key, ids.has(key) ? redactor.id(value) : ownTexts.has(key) ? redactor.text(value) : '…']];
      if (key === 'err') return [[key, errorOf(value)]];
      return [[key, Array.isArray(value) ? `${value.length} of them` : '…']];
    },
  );
  return JSON.stringify(Object.fromEntries(kept.map(([key, value]) => [redactor.text(key), value])));
}

/** Of an error its kind, its code and where in our own code it was; its message may name a file. */
function errorOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return '…';
  const { type, code, stack } = value as Readonly<Record<string, unknown>>;
  const frames = typeof stack === 'string' ? [...stack.matchAll(/\b((?:src|dist)\/[\w/-]+\.[jt]s:\d+)/g)] : [];
  return {
    type: typeof type === 'string' && /^\w+$/.test(type) ? type : '…',
    ...(typeof code === 'string' && /^[A-Z][A-Z0-9_]+$/.test(code) ? { code } : {}),
    at: frames.slice(0, stackLinesMax).map(([, frame]) => frame),
  };
}
