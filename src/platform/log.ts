// The log: for whoever helps the owner. It carries ids, codes, counts and durations, never the name of a photo: those live
// in the import reports, which are the owner's data.

import { mkdirSync } from 'node:fs';
import { type Logger, pino } from 'pino';
import { createStream } from 'rotating-file-stream';

export type Log = Logger;

const fileSizeMax = '5M';
const filesMax = 5;

export interface OpenLog extends AsyncDisposable {
  readonly log: Log;
}

export interface LogOptions {
  readonly folder: string;
  readonly level: string;
  /** The log this process has open already: two writers would rotate the file under each other. It stays open. */
  readonly shared?: Log | undefined;
}

/** For a command that has none open, and says nothing that would be looked for. */
export function silentLog(): Log {
  return pino({ level: 'silent' });
}

/** Opens `folder`/keepsake.log (folder 0700, files 0600), rotated at 5 MB, five old files kept. */
export function openLog(options: LogOptions): OpenLog {
  if (options.shared !== undefined) return { log: options.shared, [Symbol.asyncDispose]: async () => undefined };
  mkdirSync(options.folder, { recursive: true, mode: 0o700 });
  const stream = createStream('keepsake.log', {
    path: options.folder,
    size: fileSizeMax,
    maxFiles: filesMax,
    mode: 0o600,
  });
  // A full or read-only state disk must not end an import: without a listener a stream error ends the process. The failure
  // is not hidden, since the catalogue on the same disk reports it.
  stream.on('error', () => undefined);
  const log = pino(
    { level: options.level, base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime },
    stream,
  );
  return {
    log,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => stream.end(() => resolve())),
  };
}
