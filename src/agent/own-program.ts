// This program once more, for what is better done in a process of its own: what it needs of memory goes with it.

import { execFile } from 'node:child_process';
import { AgentError, type ErrorCode, errorRetry } from '../domain/errors.ts';
import type { Status } from '../domain/status.ts';
import type { Environment } from './paths.ts';

/** How this program is started; the name of a command follows. */
export interface OwnProgram {
  readonly command: string;
  readonly args: readonly string[];
}

/** Hidden commands. Checks copies for a while. */
export const checkCommand = 'check-some';
/** How things stand by what is noted, whatever the agent does. */
export const snapshotCommand = 'snapshot';
const timeoutMs = 5 * 60_000;
/** Every problem is named in it, and they are few. */
const outputBytesMax = 32 * 1024 * 1024;

/**
 * The status that the catalogue gives. Counting what is safe among 100,000 photos takes 27 MB, which a process that stays would keep
 * (measured 2026-11).
 * @throws AgentError as `readStatus`; Error if the process fails.
 */
export async function readSnapshot(of: {
  readonly program: OwnProgram;
  readonly environment: Environment;
}): Promise<Status> {
  const { program, environment } = of;
  const output = await new Promise<string>((resolve, reject) => {
    execFile(
      program.command,
      [...program.args, snapshotCommand, '--json'],
      { env: { ...environment }, timeout: timeoutMs, maxBuffer: outputBytesMax, killSignal: 'SIGKILL' },
      // What went wrong is in what it printed, if it came that far.
      (error, stdout) => (stdout === '' && error !== null ? reject(error) : resolve(stdout)),
    );
  });
  const said = JSON.parse(output) as Status | { readonly error: { code: string; message: string; remedy: string } };
  if (!('error' in said)) return said;
  const { code, message, remedy } = said.error;
  if (!Object.hasOwn(errorRetry, code)) throw new Error(message);
  throw new AgentError(code as ErrorCode, message, { remedy });
}
