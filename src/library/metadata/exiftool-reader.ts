// The last resort for formats that our own readers do not know: exiftool, as one child process that is started when
// first needed.
// Promises that a machine without it, or without Perl, imports all the same; it then says so in `isMissing`.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { promisify } from 'node:util';
import type { ExifTool } from 'exiftool-vendored';
import type { AssetKind, MediaMetadata } from '../../domain/media.ts';
import { parseWallClock, type WallClock, withSeparateParts } from './calendar.ts';
import { after } from './deadline.ts';

export interface ExiftoolReader extends AsyncDisposable {
  /** True once it was needed and could not be started. It is not tried again. */
  readonly isMissing: boolean;
  /** What exiftool says of the file; nothing where it fails or is missing. Does not throw. */
  read(path: string, kind: AssetKind): Promise<MediaMetadata>;
}

export interface ExiftoolOptions {
  /** Absolute path of the program; by default the packaged one, else that on PATH. */
  readonly exiftoolPath?: string;
}

/** It skips through a large file in far less; a failing disk must not hold up the import for longer. */
const taskTimeoutMs = 30_000;
const spawnTimeoutMs = 30_000;
/** Start, task and some waiting for others: beyond it the library has lost the task. */
const answerTimeoutMs = 2 * (taskTimeoutMs + spawnTimeoutMs);
const closeTimeoutMs = 5_000;
/** An import has such files all at once or not at all; idle, it would hold 40 MB. */
const idleMsMax = 30_000;

/** CreateDate and CreationDate mean different things elsewhere, hence their groups. */
const readArgs = [
  '-DateTimeOriginal',
  '-SubSecTimeOriginal',
  '-OffsetTimeOriginal',
  '-OffsetTime',
  '-EXIF:CreateDate',
  '-ASF:CreationDate',
  '-Make',
  '-Model',
  '-SerialNumber',
  '-api',
  'LargeFileSupport=1',
];

export function openExiftoolReader(options: ExiftoolOptions): ExiftoolReader {
  let starting: Promise<ExifTool | undefined> | undefined;
  let isMissing = false;

  async function start(): Promise<ExifTool | undefined> {
    try {
      return await startExiftool(options);
    } catch {
      // Package, program or Perl missing: the import goes on without, and the caller can tell from `isMissing`.
      isMissing = true;
      return undefined;
    }
  }

  return {
    get isMissing() {
      return isMissing;
    },
    async read(path, kind) {
      starting ??= start();
      const exiftool = await starting;
      if (exiftool === undefined) return {};
      try {
        const tags = await within(answerTimeoutMs, exiftool.readRaw(path, { readArgs, useMWG: false }));
        return metadataFromTags(tags, kind);
      } catch {
        return {}; // It rejects on damage, on time-outs and on names that its protocol cannot carry: no metadata from here.
      }
    },
    async [Symbol.asyncDispose]() {
      const exiftool = await starting;
      if (exiftool !== undefined) await end(exiftool);
    },
  };
}

/** @throws if it is not there or does not run */
async function startExiftool(options: ExiftoolOptions): Promise<ExifTool> {
  const library = await import('exiftool-vendored');
  const program = options.exiftoolPath ?? (await library.exiftoolPath());
  // Tried once by hand: the library would go on starting a program that cannot run.
  await promisify(execFile)(program, ['-ver'], { timeout: spawnTimeoutMs, windowsHide: true });
  return new library.ExifTool({
    exiftoolPath: program,
    processFactory: () => spawnExiftool(program, library.DefaultExiftoolArgs),
    checkPerl: false,
    maxProcs: 1,
    taskRetries: 0,
    taskTimeoutMillis: taskTimeoutMs,
    spawnTimeoutMillis: spawnTimeoutMs,
    maxIdleMsPerProcess: idleMsMax,
  });
}

/**
 * The library's own way leaves a failed spawn (no memory, no process table entry) without a listener, which would end
 * the agent.
 */
async function spawnExiftool(program: string, args: readonly string[]): Promise<ChildProcess> {
  const child = spawn(program, args, { stdio: 'pipe', windowsHide: true, env: { ...process.env, LANG: 'C' } });
  await once(child, 'spawn');
  return child;
}

async function end(exiftool: ExifTool): Promise<void> {
  await within(closeTimeoutMs, exiftool.end(true)).catch(() => {}); // Nothing more can be done about a child that stays.
}

/** `work`, or undefined if it takes longer. */
async function within<Result>(durationMs: number, work: Promise<Result>): Promise<Result | undefined> {
  const { promise: deadline, cancel } = after(durationMs);
  try {
    return await Promise.race([work, deadline.then(() => undefined)]);
  } finally {
    cancel();
  }
}

/** Turns exiftool's JSON into what a file says of itself. */
export function metadataFromTags(tags: unknown, kind: AssetKind): MediaMetadata {
  if (typeof tags !== 'object' || tags === null) return {};
  const values = new Map<string, unknown>(Object.entries(tags));
  const text = (tag: string): string | undefined => {
    const value = values.get(tag);
    return typeof value === 'string' || typeof value === 'number' ? String(value).trim() || undefined : undefined;
  };
  const make = text('Make');
  const model = text('Model');
  const cameraSerial = text('SerialNumber');
  return {
    ...(kind === 'photo' ? photoTime(text) : videoTime(text)),
    ...(make !== undefined && { make }),
    ...(model !== undefined && { model }),
    ...(cameraSerial !== undefined && { cameraSerial }),
  };
}

type Lookup = (tag: string) => string | undefined;

function photoTime(text: Lookup): MediaMetadata {
  const time = parseWallClock(text('DateTimeOriginal') ?? '') ?? parseWallClock(text('CreateDate') ?? '');
  if (time === undefined) return {};
  const offset = text('OffsetTimeOriginal') ?? text('OffsetTime');
  return { takenAt: { ...withSeparateParts(time, { fraction: text('SubSecTimeOriginal'), offset }), basis: 'exif' } };
}

/** AVI keeps local time; Matroska and ASF keep UTC, which exiftool marks with a Z. */
function videoTime(text: Lookup): MediaMetadata {
  const written = text('DateTimeOriginal') ?? text('CreationDate') ?? '';
  const time = parseWallClock(written);
  if (time === undefined) return {};
  return written.endsWith('Z') ? { takenAtUtcMs: instantOf(time) } : { takenAt: { ...time, basis: 'quicktime' } };
}

function instantOf({ local }: WallClock): number {
  return Date.parse(`${local.slice(0, 23)}Z`);
}
