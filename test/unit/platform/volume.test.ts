// A disk taken for another one, or believed to have hard links it lacks, is where photos get lost between two drives.
import { mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { AbsolutePath } from '../../../src/domain/ids.ts';
import {
  findMount,
  isOnSystemVolume,
  nearestExisting,
  parseMountTable,
  probeAbilities,
  readMounts,
  readSpace,
  statOrUndefined,
} from '../../../src/platform/volume.ts';
import { temporaryFolder } from '../../support/keepsake.ts';

const table = `22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:21 / /proc rw,nosuid - proc proc rw
40 22 8:17 / /media/ann/MY\\040CARD rw shared:9 master:2 - vfat /dev/sdb1 rw,uid=1000
41 22 8:18 / /media/ann/tab\\011and\\134slash rw - exfat /dev/sdc1 rw
42 22 0:50 / /mnt/nas rw - cifs //server/my\\040share rw
43 40 8:19 / /media/ann/MY\\040CARD/DCIM rw - ext4 /dev/sdd1 rw
44 22 8:20 / /mnt/nas rw - ext4 /dev/sde1 rw
short line
45 22 8:21 / /no/dash rw shared:3 ext4 /dev/sdf1 rw
46 22 0:51 / /home/a-b - rw - fuse.sshfs me@host:/x rw
`;

test('The mount table is read with its escapes, and a line that is not one is left out', () => {
  expect(parseMountTable(table).map(({ mountPoint, filesystem, device }) => [mountPoint, filesystem, device])).toEqual([
    ['/', 'ext4', '/dev/sda1'],
    ['/proc', 'proc', 'proc'],
    ['/media/ann/MY CARD', 'vfat', '/dev/sdb1'],
    ['/media/ann/tab\tand\\slash', 'exfat', '/dev/sdc1'],
    ['/mnt/nas', 'cifs', '//server/my share'],
    ['/media/ann/MY CARD/DCIM', 'ext4', '/dev/sdd1'],
    ['/mnt/nas', 'ext4', '/dev/sde1'],
    ['/home/a-b', 'fuse.sshfs', 'me@host:/x'],
  ]);
});

test('An empty or cut table is no mounts, not an error', () => {
  for (const text of ['', '\n\n', '22 1', '22 1 8:1 / / rw -']) expect(parseMountTable(text)).toEqual([]);
});

test.for([
  ['/', '/dev/sda1'],
  ['/home', '/dev/sda1'],
  ['/media/ann/MY CARD', '/dev/sdb1'],
  ['/media/ann/MY CARDS', '/dev/sda1'],
  ['/media/ann/MY CARD/DCIM/100APPLE', '/dev/sdd1'],
  ['/mnt/nas/photos', '/dev/sde1'],
] as const)('%s lies on %s: the nearest mount, and of two in one place the later', ([path, device]) => {
  expect(findMount(parseMountTable(table), path)?.device).toBe(device);
});

test('This machine has a mount for this folder', async () => {
  using scratch = temporaryFolder();
  if (process.platform === 'linux') expect(findMount(await readMounts(), scratch.path)).toBeDefined();
  const { freeBytes, totalBytes } = await readSpace(scratch.path);
  expect(totalBytes).toBeGreaterThan(freeBytes);
});

test('Probing finds what this disk can do and leaves nothing behind', async () => {
  using scratch = temporaryFolder();
  const abilities = await probeAbilities(scratch.path as AbsolutePath);
  if (process.platform === 'linux') expect(abilities).toEqual({ hardLinks: true, caseSensitive: true });
  expect(readdirSync(scratch.path)).toEqual([]);
});

test('Probing a folder that is not there is an error, not an answer', async () => {
  using scratch = temporaryFolder();
  await expect(probeAbilities(join(scratch.path, 'none') as AbsolutePath)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('The nearest existing folder is found above what is not there, also through a dangling link', async () => {
  using scratch = temporaryFolder();
  mkdirSync(join(scratch.path, 'a'));
  writeFileSync(join(scratch.path, 'file'), '');
  symlinkSync(join(scratch.path, 'nowhere'), join(scratch.path, 'dangling'));
  expect(await nearestExisting(join(scratch.path, 'a/b/c'))).toBe(join(scratch.path, 'a'));
  expect(await nearestExisting(join(scratch.path, 'dangling/b'))).toBe(scratch.path);
  expect(await statOrUndefined(join(scratch.path, 'file/below'))).toBeUndefined();
  expect(await isOnSystemVolume(join(scratch.path, 'a/b'))).toBe(statSync(scratch.path).dev === statSync('/').dev);
});
