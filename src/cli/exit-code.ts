// Exit codes are a contract (architecture.md §4): 0 done, 1 usage or configuration, 2 done but something failed, 3 could not
// start, 4 stopped midway and consistent, 70 a fault of ours, 130 interrupted and consistent.

import type { BackupResult, Keepsake } from '../agent/control.ts';
import type { ErrorCode } from '../domain/errors.ts';

export type ExitCode = 0 | 1 | 2 | 3 | 4 | 70 | 130;

const configurationCodes: readonly string[] = [
  'USAGE',
  'DEVICE_UNKNOWN',
  'ADOPT_OUTSIDE_LIBRARY',
  'NAME_UNSUITABLE',
  'CONFIG_UNREADABLE',
  'CONFIG_INVALID',
  'LIBRARY_UNSUITABLE',
  'LIBRARY_IN_CLOUD_FOLDER',
  'LIBRARY_ON_CARD',
  'LIBRARY_OVERLAPS_SOURCE',
  'DRIVE_UNSUITABLE',
  'DRIVE_UNKNOWN',
  'RESTORE_UNSUITABLE',
  'SERVICE_WRONG_USER',
  'SERVICE_PATH_UNSUITABLE',
  'REPORT_NOT_WRITTEN',
] satisfies ErrorCode[];

/** For what was thrown before anything was saved. */
export function exitCodeOfError(code: string): ExitCode {
  if (configurationCodes.includes(code)) return 1;
  if (code === 'INTERRUPTED') return 130;
  if (['COPY_BRAKED', 'FILE_CORRUPT'].includes(code)) return 2;
  return ['LIBRARY_FULL', 'DRIVE_FULL', 'RESTORE_FULL'].includes(code) ? 4 : 3;
}

export function exitCodeOfCopies(copies: BackupResult['copies']): ExitCode {
  const stops = copies.flatMap(({ stopped }) => (stopped === undefined ? [] : [stopped.code]));
  if (stops.some((code) => code !== 'COPY_BRAKED')) return 4;
  return copies.every(({ complete }) => complete) ? 0 : 2;
}

/** What nobody knows on a drive is left alone, and is no fault of any photo. */
export function exitCodeOfVerify(result: Awaited<ReturnType<Keepsake['verify']>>): ExitCode {
  const { missing, corrupt, unreadable, changed, repaired, unrepairable, stops, dryRun } = result;
  if (stops.length > 0) return 4;
  const bad = missing + corrupt + unreadable + changed;
  return unrepairable > 0 || bad > (dryRun ? 0 : repaired) ? 2 : 0;
}

export function exitCodeOfBackup({ imports, copies, copyFailure }: BackupResult): ExitCode {
  const stops = imports.flatMap(({ stopped }) => (stopped === undefined ? [] : [stopped.code]));
  if (stops.includes('INTERRUPTED')) return 130;
  if (stops.includes('LIBRARY_TOO_SMALL') && imports.every(({ imported }) => imported === 0)) return 3; // nothing was begun
  if (stops.length > 0) return 4;
  // What is still being written, or only in iCloud, is not saved yet: the truthful answer to "is all of it saved?" is no.
  const isLeft = imports.some(
    ({ failed, deferred, photos, complete }) => failed + deferred > 0 || (photos !== undefined && !complete),
  );
  const ofCopies = copyFailure === undefined ? exitCodeOfCopies(copies) : 4;
  return ofCopies !== 0 ? ofCopies : isLeft ? 2 : 0;
}

export function exitCodeOfAdoption(result: Awaited<ReturnType<Keepsake['adopt']>>): ExitCode {
  if (result.stopped !== undefined) return result.stopped.code === 'INTERRUPTED' ? 130 : 4;
  return result.changed + result.deferred + result.failed > 0 ? 2 : 0;
}
