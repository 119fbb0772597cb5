// Scripts and services act on these numbers: a wrong 0 says "all saved" about photos that are not.
import { expect, test } from 'vitest';
import type { BackupResult } from '../../../src/agent/control.ts';
import { exitCodeOfBackup, exitCodeOfError } from '../../../src/cli/exit-code.ts';
import { errorRetry } from '../../../src/domain/errors.ts';

const expected: Record<keyof typeof errorRetry, number> = {
  CONFIG_UNREADABLE: 1,
  CONFIG_INVALID: 1,
  USAGE: 1,
  AGENT_RUNNING: 3,
  AGENT_UNREACHABLE: 3,
  DEVICE_UNKNOWN: 1,
  FOLDER_NOT_SHOWN: 3,
  SESSION_BUS_FAILED: 3,
  NOTICE_UNDELIVERED: 3,
  HELPER_UNREACHABLE: 3,
  REPORT_NOT_WRITTEN: 1,
  LIBRARY_MISSING: 3,
  LIBRARY_GONE: 3,
  LIBRARY_READ_ONLY: 3,
  LIBRARY_FULL: 4,
  LIBRARY_TOO_SMALL: 3,
  LIBRARY_WRITE_FAILED: 3,
  LIBRARY_UNSUITABLE: 1,
  LIBRARY_IN_CLOUD_FOLDER: 1,
  LIBRARY_ON_CARD: 1,
  LIBRARY_OVERLAPS_SOURCE: 1,
  LIBRARY_TOO_NEW: 3,
  LIBRARY_DAMAGED: 3,
  LIBRARY_BUSY: 3,
  FILE_TOO_LARGE: 3,
  CATALOG_TOO_NEW: 3,
  CATALOG_DAMAGED: 3,
  CATALOG_MISSING: 3,
  STATE_DAMAGED: 3,
  STATE_WRITE_FAILED: 3,
  SOURCE_MISSING: 3,
  SOURCE_GONE: 3,
  SOURCE_READ_FAILED: 3,
  SOURCE_ENTRY_VANISHED: 3,
  SOURCE_ENTRY_CHANGING: 3,
  SOURCE_TOO_LARGE: 3,
  ADOPT_OUTSIDE_LIBRARY: 1,
  NAME_UNSUITABLE: 1,
  SOURCE_ENTRY_NOT_DOWNLOADED: 3,
  USBMUXD_MISSING: 3,
  PHONE_LOCKED: 3,
  PHONE_TRUST_PENDING: 3,
  PHONE_TRUST_DENIED: 3,
  PHONE_NOT_PAIRED: 3,
  PHONE_NEEDS_CABLE: 3,
  PHONE_MANAGED: 3,
  PHONE_IMPOSTOR: 3,
  PHONE_BUSY: 3,
  PHONE_STALLED: 3,
  PHONE_PROTOCOL: 3,
  PHOTOS_LIST_UNREADABLE: 3,
  DRIVE_MISSING: 3,
  DRIVE_GONE: 3,
  DRIVE_FULL: 4,
  DRIVE_READ_ONLY: 3,
  DRIVE_WRITE_FAILED: 3,
  DRIVE_READ_FAILED: 3,
  DRIVE_DAMAGED: 3,
  DRIVE_TOO_NEW: 3,
  DRIVE_UNSUITABLE: 1,
  DRIVE_UNKNOWN: 1,
  DRIVE_IMPOSTOR: 3,
  DRIVE_AMBIGUOUS: 3,
  DRIVE_BUSY: 3,
  DRIVE_EJECT_FAILED: 3,
  COPY_BRAKED: 2,
  FILE_CORRUPT: 2,
  FILE_IN_THE_WAY: 3,
  RESTORE_UNSUITABLE: 1,
  RESTORE_FULL: 4,
  RESTORE_FAILED: 3,
  SERVICE_UNSUPPORTED: 3,
  SERVICE_WRONG_USER: 1,
  SERVICE_PATH_UNSUITABLE: 1,
  SERVICE_FILE_FAILED: 3,
  SERVICE_REFUSED: 3,
  SERVICE_UNREACHABLE: 3,
  SERVICE_START_FAILED: 3,
  ACCESS_BLOCKED: 3,
  INTERRUPTED: 130,
};

test.for(Object.entries(expected))('Before anything was saved, %s ends in %i', ([code, exitCode]) => {
  expect(exitCodeOfError(code)).toBe(exitCode);
});

test('Every code has its line here', () => {
  expect(Object.keys(expected).sort()).toEqual(Object.keys(errorRetry).sort());
});

type Import = BackupResult['imports'][number];

function result(...imports: readonly { failed?: number; deferred?: number; stopped?: string }[]): BackupResult {
  const all = imports.map(({ failed = 0, deferred = 0, stopped }) => ({
    failed,
    deferred,
    ...(stopped === undefined ? {} : { stopped: { code: stopped, path: '', message: '', remedy: '' } }),
  }));
  return { imports: all as unknown as Import[], copies: [] } as unknown as BackupResult;
}

test.for([
  ['everything saved', result({}), 0],
  ['a file failed', result({}, { failed: 1 }), 2],
  ['a file is still being written', result({ deferred: 1 }, {}), 2],
  ['the disk was full', result({ stopped: 'LIBRARY_FULL', failed: 1 }), 4],
  ['the card was pulled', result({ stopped: 'SOURCE_GONE' }, {}), 4],
  ['the owner stopped it', result({ stopped: 'INTERRUPTED' }), 130],
  ['pulled, then stopped', result({ stopped: 'SOURCE_GONE' }, { stopped: 'INTERRUPTED', failed: 2 }), 130],
] as const)('%s: exit code', ([, backup, exitCode]) => {
  expect(exitCodeOfBackup(backup)).toBe(exitCode);
});
