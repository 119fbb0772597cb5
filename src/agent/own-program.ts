// This program once more, for what is better done in a process of its own: what it needs of memory goes with it.

import { execFile } from 'node:child_process';
import { AgentError, type ErrorCode, errorRetry } from '../domain/errors.ts';
import type { Need, Status } from '../domain/status.ts';
import type { Environment } from './paths.ts';
import type { Reminding } from './reminding.ts';

/** How this program is started; the name of a command follows. */
export interface OwnProgram {
  readonly command: string;
  readonly args: readonly string[];
}

/** Hidden commands. Checks copies for a while. */
export const checkCommand = 'check-some';
/** How things stand by what is noted, whatever the agent does. */
export const snapshotCommand = 'snapshot';
/** What the owner is to be reminded of now; it counts as told. What keeps failing in the agent comes as JSON in `troublesKey`. */
export const remindCommand = 'remind';
export const troublesKey = 'KEEPSAKE_TROUBLES';
const timeoutMs = 2 * 60_000;
/** Every problem is named in it, and they are few. */
const outputBytesMax = 32 * 1024 * 1024;

interface OwnCall {
  readonly program: OwnProgram;
  readonly environment: Environment;
  /** Ends it at once. */
  readonly signal: AbortSignal;
}

/**
 * The status that the catalogue gives. Counting what is safe among 100,000 photos takes 27 MB, which a process that stays would keep
 * (measured 2026-11).
 * @throws AgentError as `readStatus`; Error if the process fails.
 */
export async function readSnapshot(call: OwnCall): Promise<Status> {
  return (await ask(call, snapshotCommand)) as Status;
}

/** Likewise 12 MB. @throws AgentError as `remind`; Error if the process fails. */
export async function remindElsewhere(call: OwnCall, troubles: readonly Need[]): Promise<Reminding> {
  const environment = { ...call.environment, [troublesKey]: JSON.stringify(troubles) };
  return (await ask({ ...call, environment }, remindCommand)) as Reminding;
}

/** Both ends are of one version: what one prints is what the other takes. */
async function ask({ program, environment, signal }: OwnCall, command: string): Promise<unknown> {
  const output = await new Promise<string>((resolve, reject) => {
    execFile(
      program.command,
      [...program.args, command, '--json'],
      { env: { ...environment }, timeout: timeoutMs, maxBuffer: outputBytesMax, killSignal: 'SIGKILL', signal },
      // What went wrong is in what it printed, if it came that far.
      (error, stdout) => (stdout === '' && error !== null ? reject(error) : resolve(stdout)),
    );
  });
  const said = JSON.parse(output) as object | { readonly error: { code: string; message: string; remedy: string } };
  if (!('error' in said)) return said;
  const { code, message, remedy } = said.error;
  if (!Object.hasOwn(errorRetry, code)) throw new Error(message);
  throw new AgentError(code as ErrorCode, message, { remedy });
}
