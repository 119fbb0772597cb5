// The steps of durable-write speak of the photo folder. While photos are given back, the same failures are those of the folder
// they are given back to. What its disk refuses ends a restore; what is about one name does not.

import { AgentError, type ErrorCode, isAgentError, systemErrorCode } from '../domain/errors.ts';

const runAgain = 'Then run the same command again: it goes on from here.';

/** What went wrong where files are written to, by its own name; anything else as it is. */
export function asRestoreError(error: unknown, root: string): unknown {
  if (!isAgentError(error)) return error;
  const detail = systemErrorCode(error.cause);
  const because = detail === undefined ? '' : ` (${detail})`;
  const make = (code: ErrorCode, message: string, remedy: string) =>
    new AgentError(code, `${message}${because}`, { remedy, cause: error });
  switch (error.code) {
    case 'LIBRARY_FULL':
      return make(
        'RESTORE_FULL',
        `The disk of "${root}" is full.`,
        `Make room on it, or use a larger disk. ${runAgain}`,
      );
    case 'LIBRARY_GONE':
      return make('RESTORE_FAILED', `"${root}" is no longer there.`, `Connect its disk again. ${runAgain}`);
    case 'LIBRARY_READ_ONLY':
      return make('RESTORE_FAILED', `"${root}" cannot be written.`, `Check that you may write there. ${runAgain}`);
    case 'LIBRARY_WRITE_FAILED':
      return make(
        'RESTORE_FAILED',
        `A file could not be written to "${root}".`,
        `The disk may be failing: use another one if it happens again. ${runAgain}`,
      );
    case 'LIBRARY_UNSUITABLE':
      return make('FILE_IN_THE_WAY', error.message, `Move or rename that file. ${runAgain}`);
    default:
      return error;
  }
}

/** True if nothing more can be given back, from there or to there. */
export function endsRestore(error: unknown): boolean {
  return isAgentError(error, 'RESTORE_FULL', 'RESTORE_FAILED', 'DRIVE_GONE', 'LIBRARY_GONE');
}

export function unsuitable(message: string, remedy: string): AgentError {
  return new AgentError('RESTORE_UNSUITABLE', message, { remedy });
}
