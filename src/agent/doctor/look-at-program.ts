// Whether Keepsake itself is whole: its runtime, its database, its age, and the programs it asks.

import { existsSync, realpathSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import * as v from 'valibot';
import { dayMs } from '../../domain/safety.ts';
import { findTrayProgram } from '../../notify/tray/tray-program.ts';
import { runCommand } from '../../platform/bounded-command.ts';
import type { Finding } from './check.ts';
import type { DoctorContext } from './context.ts';
import * as words from './words.ts';

/** iPhones get a new system each autumn. */
const oldDays = 365;
/** npm gives files of a package a date of long ago: that says nothing. */
const datesFromMs = Date.UTC(2020, 0);

/** This install: the folder with bin/. From src/agent/doctor and from dist/agent/doctor alike. */
const installFolder = resolve(import.meta.dirname, '../../..');

export async function lookAtRuntime(): Promise<Finding> {
  const { version } = process;
  const pinned = await findPinned();
  const details = { node: version, platform: process.platform, arch: process.arch };
  if (pinned === undefined) return { result: 'advice', ...words.runtime.missing(version), details };
  const isOwn = realpathSync(pinned) === realpathSync(process.execPath);
  return isOwn
    ? { result: 'pass', ...words.runtime.own(version), details }
    : { result: 'advice', ...words.runtime.other(version), details };
}

/** The launcher's own choice: it is plain JavaScript without types. */
async function findPinned(): Promise<string | undefined> {
  const launcher: unknown = await import(pathToFileURL(join(installFolder, 'bin/with-node.js')).href);
  if (typeof launcher !== 'object' || launcher === null || !('findPinnedNode' in launcher)) return undefined;
  const found: unknown = typeof launcher.findPinnedNode === 'function' ? launcher.findPinnedNode() : undefined;
  return typeof found === 'string' && existsSync(found) ? found : undefined;
}

/** In the system's temporary folder: what Keepsake keeps is not touched. */
export async function lookAtDatabase(): Promise<Finding> {
  try {
    await writeDatabase(':memory:');
  } catch (error) {
    return { result: 'fail', ...words.database.fails, details: { code: codeOf(error) } };
  }
  // From here on it is the disk.
  let folder: string | undefined;
  try {
    folder = await mkdtemp(join(tmpdir(), 'keepsake-doctor-'));
    const sqlite = await writeDatabase(join(folder, 'trial.db'));
    return { result: 'pass', ...words.database.works, details: { sqlite } };
  } catch (error) {
    const code = codeOf(error);
    return { result: 'fail', ...words.database.noTemporary(code), details: { code } };
  } finally {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }
}

/** And reads it: SQLite's version. */
async function writeDatabase(path: string): Promise<string> {
  const { default: Database } = await import('better-sqlite3');
  const database = new Database(path);
  try {
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
    database.exec('CREATE TABLE trial (value TEXT); INSERT INTO trial VALUES (sqlite_version())');
    return v.parse(v.object({ value: v.string() }), database.prepare('SELECT value FROM trial').get()).value;
  } finally {
    database.close();
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
}

export async function readVersion(): Promise<string> {
  const text = await readFile(join(installFolder, 'package.json'), 'utf8');
  return v.parse(v.object({ version: v.string() }), JSON.parse(text)).version;
}

export async function lookAtVersion({ nowMs }: DoctorContext): Promise<Finding> {
  const version = await readVersion();
  const dates = await Promise.all(
    ['package.json', 'bin/keepsake.js', 'dist/cli/main.js', 'src/cli/main.ts'].map((name) =>
      stat(join(installFolder, name)).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      ),
    ),
  );
  const newestMs = Math.max(...dates);
  if (newestMs < datesFromMs) return { result: 'skipped', ...words.version.unknown(version), details: { version } };
  const days = Math.max(0, Math.floor((nowMs - newestMs) / dayMs));
  const details = { version, days };
  return days > oldDays
    ? { result: 'advice', ...words.version.old(version, days), details }
    : { result: 'pass', ...words.version.recent(version, days), details };
}

export async function lookAtExiftool(): Promise<Finding> {
  const program = await import('exiftool-vendored').then(
    ({ exiftoolPath }) => exiftoolPath(),
    () => 'exiftool',
  );
  const answer = await runCommand(program, ['-ver']);
  const said = answer === 'stuck' ? undefined : answer.stdout.toString('utf8').trim();
  if (answer === 'stuck' || answer.exitCode !== 0 || said === undefined || !/^[\d.]+$/.test(said)) {
    const exitCode = answer === 'stuck' ? null : answer.exitCode;
    return { result: 'advice', ...words.exiftool.missing, details: { exitCode } };
  }
  return { result: 'pass', ...words.exiftool.works, details: { exiftool: said } };
}

export async function lookAtMountWatch(): Promise<Finding> {
  if (process.platform !== 'linux') return { result: 'skipped', ...words.mountWatch.notNeeded };
  const answer = await runCommand('findmnt', ['--noheadings', '--output', 'TARGET', '/']);
  return answer !== 'stuck' && answer.exitCode === 0
    ? { result: 'pass', ...words.mountWatch.works }
    : { result: 'advice', ...words.mountWatch.missing };
}

/** As the loader would find them: any library that the helper needs may be the one that is missing. */
export async function lookAtIconLibraries(): Promise<Finding> {
  const program = findTrayProgram();
  if (program === undefined || !existsSync(program)) return { result: 'skipped', ...words.iconLibraries.noProgram };
  if (process.platform !== 'linux') return { result: 'skipped', ...words.iconLibraries.notNeeded };
  const missing = await findMissingLibraries(program);
  if (missing === undefined) return { result: 'skipped', ...words.iconLibraries.unknown };
  return missing.length === 0
    ? { result: 'pass', ...words.iconLibraries.works }
    : {
        ...{ result: 'advice', ...words.iconLibraries.missing(missing[0] ?? '') },
        details: { missing: missing.join(' ') },
      };
}

/** ldd(1): `libgtk-3.so.0 => not found`. Undefined: there is none here, or it does not know this kind of program. */
async function findMissingLibraries(program: string): Promise<readonly string[] | undefined> {
  const answer = await runCommand('ldd', [program]);
  if (answer === 'stuck' || answer.exitCode !== 0) return undefined;
  return [...answer.stdout.toString('utf8').matchAll(/^\s*(\S+) => not found$/gm)].map(([, name]) => name ?? '');
}
