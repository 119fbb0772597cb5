// A copy beside the backups of a Mac fills the disk on which that Mac expects room, and Time Machine says only "failed".
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { isTimeMachineVolume } from '../../../src/platform/time-machine.ts';
import { temporaryFolder } from '../../support/keepsake.ts';

function makeVolume(files: readonly string[]): Disposable & { readonly path: string } {
  const scratch = temporaryFolder();
  for (const file of files) {
    mkdirSync(join(scratch.path, dirname(file)), { recursive: true });
    writeFileSync(join(scratch.path, file), '');
  }
  return scratch;
}

test.for<[string, readonly string[], boolean]>([
  ['a disk of Mac OS X 10.5 to 10.15', ['Backups.backupdb/Mac of Ann/2019-07-14-101112/x'], true],
  ['a disk of macOS 11 and later', ['backup_manifest.plist', '2026-06-17-172230.previous/Data/x'], true],
  ['one whose first backup is being made', ['2026-06-17-172230.inprogress/x'], true],
  ['a share or a Time Capsule', ['Mac of Ann.sparsebundle/com.apple.TimeMachine.MachineID.plist'], true],
  ['a share of macOS 11 and later', ['Mac of Ann.backupbundle/com.apple.TimeMachine.MachineID.plist'], true],
  ['an empty disk', [], false],
  ['photos', ['DCIM/100APPLE/IMG_0001.HEIC', '2024-06-17/IMG.JPG', '2026-06-17-172230/x'], false],
  ['a disk that could be used, but is not', ['.com.apple.timemachine.supported', '.DS_Store'], false],
  ['a disk that shall not be used', ['.com.apple.timemachine.donotpresent'], false],
  ['somebody’s own disk image', ['Secrets.sparsebundle/Info.plist', 'Secrets.sparsebundle/bands/0'], false],
  ['a copy of such a disk in a folder', ['Old disk/Backups.backupdb/x'], false],
  ['names that are only alike', ['My Backups.backupdb', 'x2026-06-17-172230.previous', 'a.previous'], false],
])('%s', async ([, files, expected]) => {
  using volume = makeVolume(files);
  expect(await isTimeMachineVolume(volume.path)).toBe(expected);
});

test('A folder that is not there is an error, not a no', async () => {
  using volume = makeVolume([]);
  await expect(isTimeMachineVolume(join(volume.path, 'gone'))).rejects.toMatchObject({ code: 'ENOENT' });
});
