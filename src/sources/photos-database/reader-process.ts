// Runs the reading child within limits, and hands out what it says line by line. Promises that it ends: with its answer, with the
// time limit, with the signal, or when disposed of; and that it costs this process one line of memory.

import { Buffer } from 'node:buffer';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';

export interface ReaderProcessOptions {
  /** The database, in a folder of ours that holds nothing else. */
  readonly path: string;
  readonly timeoutMs: number;
  readonly lineBytesMax: number;
  readonly signal: AbortSignal;
  /** A module that speaks as `reader-main` does; tests bring one that lies. */
  readonly main?: string;
}

export interface ReaderProcess extends AsyncDisposable {
  readonly pid: number | undefined;
  /**
   * The next line, or undefined after the last.
   * @throws the signal's reason; an Error if time is up, if a line is too long, or if the process could not be started.
   */
  nextLine(): Promise<string | undefined>;
  /** How it ended, and the beginning of what it complained of. For the log. */
  ending(): Error;
}

const heapMebibytes = 32;
const semiSpaceMebibytes = 2;
const complaintBytesMax = 4_096;
/** A killed process is gone in milliseconds, unless it waits for a disk that does not answer. */
const closeTimeoutMs = 5_000;

export function startReaderProcess(options: ReaderProcessOptions): ReaderProcess {
  const { path, timeoutMs, lineBytesMax, signal } = options;
  const child = spawnReader(path, options.main ?? readerMain(), timeoutMs);
  const closed = once(child, 'close').catch(() => {}); // `error`, if it could not be started: the lines then just end
  const stopped = Promise.withResolvers<never>();
  stopped.promise.catch(() => {}); // it may be that nobody waits for a line
  const stop = (reason: unknown): void => {
    stopped.reject(reason);
    child.kill('SIGKILL');
  };
  const onAbort = (): void => stop(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  const timer = setTimeout(() => stop(new Error(`it took longer than ${timeoutMs} ms`)), timeoutMs);
  let startError: Error | undefined;
  child.on('error', (error) => {
    startError = error;
  });
  const complaints: Buffer[] = [];
  let complaintBytes = 0;
  child.stderr?.on('data', (piece: Buffer) => {
    if (complaintBytes < complaintBytesMax) complaints.push(piece.subarray(0, complaintBytesMax - complaintBytes));
    complaintBytes += piece.length;
  });
  const lines = readLines(child.stdout as Readable, lineBytesMax);

  return {
    pid: child.pid,
    async nextLine() {
      const line = await Promise.race([lines.next(), stopped.promise]);
      if (line.done !== true) return line.value;
      await Promise.race([closed, stopped.promise]); // so that `ending` knows
      if (startError !== undefined) throw startError;
      return undefined;
    },
    ending() {
      const how = child.signalCode ?? `exit code ${child.exitCode}`;
      return new Error(`the reading process ended with ${how}: ${Buffer.concat(complaints).toString('utf8').trim()}`);
    },
    async [Symbol.asyncDispose]() {
      signal.removeEventListener('abort', onAbort);
      clearTimeout(timer);
      stop(new Error('the list of photos was closed'));
      const deadline = Promise.withResolvers<void>();
      const giveUp = setTimeout(deadline.resolve, closeTimeoutMs);
      await Promise.race([closed, deadline.promise]);
      clearTimeout(giveUp);
      child.unref();
    },
  };
}

/**
 * The limits are several, each for what the others do not hold: V8's heap; Node's permissions (no other files, no processes, no
 * network); an environment with nothing in it; and the kernel's limit of processor time, for the child of a parent that was killed.
 */
function spawnReader(path: string, main: string, timeoutMs: number): ChildProcess {
  const folder = dirname(path);
  const command = [
    process.execPath,
    '--permission',
    `--allow-fs-read=${dirname(main)}`,
    `--allow-fs-read=${folder}`,
    `--allow-fs-write=${folder}`, // asked for by whoever opens a database so that its log is applied
    `--max-old-space-size=${heapMebibytes}`,
    `--max-semi-space-size=${semiSpaceMebibytes}`,
    main,
    path,
  ];
  const isWindows = process.platform === 'win32';
  const processorSecondsMax = Math.ceil(timeoutMs / 1000) + 10;
  const [program = '', ...args] = isWindows
    ? command
    : ['/bin/sh', '-c', `ulimit -t ${processorSecondsMax}; exec "$0" "$@"`, ...command];
  return spawn(program, args, {
    cwd: folder,
    // SQLite's own temporary files are made beside the copy, and go with it.
    env: {
      SQLITE_TMPDIR: folder,
      LC_ALL: 'C',
      ...(isWindows && { SystemRoot: process.env['SystemRoot'], TEMP: folder, TMP: folder }),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    windowsHide: true,
  });
}

function readerMain(): string {
  return join(import.meta.dirname, import.meta.url.endsWith('.ts') ? 'reader-main.ts' : 'reader-main.js'); // As built.
}

async function* readLines(stream: Readable, lineBytesMax: number): AsyncGenerator<string, undefined> {
  let pieces: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let rest = chunk;
    for (;;) {
      const end = rest.indexOf(0x0a);
      const piece = end === -1 ? rest : rest.subarray(0, end);
      bytes += piece.length;
      if (bytes > lineBytesMax) throw new Error(`the reading process said more than ${lineBytesMax} bytes in one line`);
      pieces.push(piece);
      if (end === -1) break;
      yield Buffer.concat(pieces).toString('utf8');
      pieces = [];
      bytes = 0;
      rest = rest.subarray(end + 1);
    }
  }
  return undefined; // half a line at the end is none: the parent misses the last message and knows
}
