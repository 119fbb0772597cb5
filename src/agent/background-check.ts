// Checks copies when nothing else is to be done, in a process of its own: what it needs of memory and processor goes with it, and it lets
// everything else go first. Ends when it is asked to, and with the agent; what was checked by then is noted.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { isAgentError } from '../domain/errors.ts';
import { lowerPriority } from '../platform/power.ts';
import type { LocalKeepsake } from './compose.ts';
import { checkCommand, type OwnProgram } from './own-program.ts';
import type { Environment } from './paths.ts';

/** Nothing is wrong, and there may be more to do. */
const moreToDo = 3;
/** It then asks whether it may go on: the notebook may have been unplugged. */
const runMsMax = 10 * 60_000;
/** It lets go within a slice's next file; a disk that hangs is why it may not. */
const stopTimeoutMs = 20_000;

/**
 * Runs until nothing is due any more (true), for some minutes, or until the signal aborts (false).
 * @throws Error if it ended in a way that is not expected.
 */
export async function checkInBackground(
  { program, environment }: { readonly program: OwnProgram; readonly environment: Environment },
  signal: AbortSignal,
): Promise<boolean> {
  if (signal.aborted) return false;
  const { command, args } = program;
  // Its input is ours: when we end, however that is, it ends.
  const child = spawn(command, [...args, checkCommand], {
    env: { ...environment },
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  child.stdin.on('error', () => undefined); // nothing is written to it
  let timer: NodeJS.Timeout | undefined;
  const stop = () => {
    child.kill('SIGTERM');
    timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    const [code, endedBy] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    if (code === 0) return true;
    if (signal.aborted || code === moreToDo) return false;
    throw new Error(`checking copies ended with ${code ?? endedBy}`);
  } finally {
    signal.removeEventListener('abort', stop);
    clearTimeout(timer);
  }
}

/** The other side: what the command does. Returns its exit code. @throws what is not expected. */
export async function checkSome(keepsake: LocalKeepsake, signal: AbortSignal): Promise<0 | typeof moreToDo> {
  await lowerPriority();
  const orphaned = new AbortController();
  process.stdin.once('close', () => orphaned.abort(new Error('nobody waits for it any more'))).resume();
  const stop = AbortSignal.any([signal, orphaned.signal]);
  const endMs = keepsake.clock.monotonicMs() + runMsMax;
  try {
    while (keepsake.clock.monotonicMs() < endMs) if (await keepsake.checkSome(stop)) return 0;
    return moreToDo;
  } catch (error) {
    if (stop.aborted || isAgentError(error, ...notNow)) return moreToDo;
    throw error;
  } finally {
    process.stdin.destroy();
  }
}

/** Its disk is away, or somebody else is at it. */
export const notNow = ['LIBRARY_MISSING', 'LIBRARY_GONE', 'DRIVE_GONE', 'LIBRARY_BUSY'] as const;
