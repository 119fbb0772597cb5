// The steps of durable-write speak of the photo folder. On a drive the same failures have names and remedies of their own.

import { AgentError, type ErrorCode, isAgentError, systemErrorCode } from '../domain/errors.ts';

const byLibraryCode: Partial<Record<ErrorCode, { readonly code: ErrorCode; readonly remedy: string }>> = {
  LIBRARY_FULL: {
    code: 'DRIVE_FULL',
    remedy: 'Make room on it, or use a larger drive. What is on it already stays, and copying goes on from there.',
  },
  LIBRARY_READ_ONLY: {
    code: 'DRIVE_READ_ONLY',
    remedy: 'Check that the drive is not locked and that you may write to it. A worn-out drive also turns read-only.',
  },
  LIBRARY_GONE: { code: 'DRIVE_GONE', remedy: 'Connect it again: copying goes on where it stopped.' },
  LIBRARY_WRITE_FAILED: {
    code: 'DRIVE_WRITE_FAILED',
    remedy: 'Unplug it, plug it in again, and copy once more. If it happens again, the drive may be failing.',
  },
  LIBRARY_UNSUITABLE: {
    code: 'FILE_IN_THE_WAY',
    remedy: 'Move or rename that file on the drive, then copy again.',
  },
};

/** What went wrong on the drive, by its own name; anything else as it is. */
export function asDriveError(error: unknown, driveName: string): unknown {
  if (!isAgentError(error)) return error;
  const known = byLibraryCode[error.code];
  if (known === undefined) return error;
  const detail = systemErrorCode(error.cause);
  const message = messages[error.code]?.(driveName) ?? `On "${driveName}": ${error.message}`;
  return new AgentError(known.code, detail === undefined ? message : `${message} (${detail})`, {
    remedy: known.remedy,
    cause: error,
  });
}

const messages: Partial<Record<ErrorCode, (driveName: string) => string>> = {
  LIBRARY_FULL: (name) => `The drive "${name}" is full.`,
  LIBRARY_READ_ONLY: (name) => `The drive "${name}" cannot be written.`,
  LIBRARY_GONE: (name) => `The drive "${name}" is no longer connected.`,
  LIBRARY_WRITE_FAILED: (name) => `A file could not be written on the drive "${name}".`,
};

/** Runs what writes to a drive. @throws as `asDriveError`. */
export async function onDrive<Result>(driveName: string, action: () => Promise<Result>): Promise<Result> {
  try {
    return await action();
  } catch (error) {
    throw asDriveError(error, driveName);
  }
}

/** True if nothing more can be had from, or put on, the drive. */
export function endsDrive(error: unknown): boolean {
  return isAgentError(error, 'DRIVE_GONE', 'DRIVE_FULL', 'DRIVE_READ_ONLY', 'DRIVE_IMPOSTOR');
}
