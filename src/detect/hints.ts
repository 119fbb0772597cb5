// News from the system that something may have changed. A hint carries nothing and may be missing, late or false: the watch
// looks for itself, and once a minute without any. So nothing here is worth failing for.

import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { watch } from 'chokidar';
import type { AbsolutePath } from '../domain/ids.ts';
import { type Clock, systemClock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';

export interface HintSource {
  /** Runs until the signal aborts, then ends, with what it started ended too. */
  listen(onHint: () => void, signal: AbortSignal): Promise<void>;
}

const firstPauseMs = 1000;
const pauseMsMax = 10 * 60_000;
/** A helper that ran this long was well: its next failure is a first one. */
const steadyMs = 60_000;
const macVolumes = '/Volumes' as AbsolutePath;

/**
 * findmnt waits in poll(2) on the mount table and prints a line for each change; inotify does not see mounts.
 *
 * It ends with us whatever ends us: the shell waits for its standard input, which the kernel closes when this process is
 * gone, and then ends findmnt. (findmnt alone would notice a closed output only when the next disk is mounted. `setpriv
 * --pdeathsig` would save the shell, and is not everywhere.) Only findmnt holds the output, so that its end is seen too.
 */
const pollScript = `
"$1" --poll --noheadings --output ACTION &
poller=$!
exec >/dev/null 2>&1
read -r _
kill "$poller"
wait "$poller"
`;

export interface MountHintsOptions {
  readonly log: Log;
  readonly clock?: Clock;
  readonly platform?: NodeJS.Platform;
  /** What tests replace. */
  readonly findmnt?: string;
}

/** Linux: a supervised `findmnt --poll`. macOS: the folder of volumes. Elsewhere nothing: the watch looks once a minute. */
export function mountHints(options: MountHintsOptions): HintSource {
  const platform = options.platform ?? process.platform;
  if (platform === 'darwin') return folderHints([macVolumes]);
  return {
    listen: async (onHint, signal) => {
      if (platform === 'linux') await keepPolling(options, onHint, signal);
      if (!signal.aborted) await aborted(signal);
    },
  };
}

async function keepPolling(options: MountHintsOptions, onHint: () => void, signal: AbortSignal): Promise<void> {
  const { log, clock = systemClock } = options;
  let pauseMs = firstPauseMs;
  while (!signal.aborted) {
    const beganMs = clock.monotonicMs();
    const exitCode = await pollMounts(options.findmnt ?? 'findmnt', onHint, signal);
    if (signal.aborted) return;
    if (exitCode === 127) {
      log.info('findmnt is not installed: looking for cards once a minute');
      return;
    }
    if (clock.monotonicMs() - beganMs > steadyMs) pauseMs = firstPauseMs;
    log.warn({ exitCode, pauseMs }, 'findmnt ended; starting it again');
    onHint(); // what happened while nobody listened
    await clock.wait(pauseMs, signal).catch(() => undefined); // aborted: the loop ends
    pauseMs = Math.min(pauseMs * 2, pauseMsMax);
  }
}

/** Resolves with its exit code when findmnt and its shell have ended, which an abort makes them do. */
async function pollMounts(findmnt: string, onHint: () => void, signal: AbortSignal): Promise<number> {
  const child = spawn('/bin/sh', ['-c', pollScript, 'sh', findmnt], { cwd: '/', stdio: ['pipe', 'pipe', 'ignore'] });
  const end = () => child.stdin.end();
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  child.stdin.on('error', () => undefined); // the shell is gone: its exit code tells
  child.stdout.on('error', () => undefined);
  child.stdout.on('data', onHint);
  child.stdout.once('end', end); // findmnt is gone: the shell may go
  try {
    return await new Promise<number>((resolve) => {
      child.once('error', () => resolve(127));
      child.once('close', (code) => resolve(code ?? -1));
    });
  } finally {
    signal.removeEventListener('abort', end);
  }
}

/**
 * Hints about the top of each folder, whether it exists yet or not. Only the folder itself is watched, none of its files:
 * the look compares those. chokidar still lists the folder once, which for 20,000 files leaves this process 25 MB larger,
 * of which 0.3 MB are in use (1.6 MB if it keeps the files too; one inotify watch either way; measured 2026-11, chokidar 6).
 */
export function folderHints(folders: readonly AbsolutePath[]): HintSource {
  return {
    listen: async (onHint, signal) => {
      const watching = folders.map((folder) => watchFolder(folder, onHint));
      if (!signal.aborted) await aborted(signal);
      await Promise.all(watching.map((each) => each[Symbol.asyncDispose]()));
    },
  };
}

function watchFolder(folder: string, onHint: () => void): AsyncDisposable {
  const open = () => {
    const watcher = watch(folder, {
      depth: 0,
      ignoreInitial: true,
      // Not what is in it; but the way to it, which chokidar watches while the folder does not exist.
      ignored: (path) => path !== folder && dirname(path) === folder,
    });
    // `raw` is what the system said, before chokidar drops what it ignores.
    watcher.on('raw', onHint);
    watcher.on('all', (event) => {
      onHint();
      // A folder that goes and comes back is another one; chokidar 6 goes on watching the first (measured).
      if (event === 'addDir' || event === 'unlinkDir') renew();
    });
    // No more watches (ENOSPC), no rights, or gone in between: the look once a minute does without.
    watcher.on('error', () => undefined);
    return watcher;
  };
  let watcher = open();
  let isClosed = false;
  let closing: Promise<unknown> = Promise.resolve();
  const renew = () => {
    if (isClosed) return;
    const before = watcher;
    watcher = open();
    closing = closing.then(() => before.close());
  };
  return {
    [Symbol.asyncDispose]: async () => {
      isClosed = true;
      await closing;
      await watcher.close();
    },
  };
}

async function aborted(signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
