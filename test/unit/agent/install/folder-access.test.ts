// On a Mac a refusal looks like any other error. Taken for a broken disk, an owner would buy one, instead of moving a switch.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  checkWritable,
  classifyBlockedAccess,
  touchAskedFolders,
} from '../../../../src/agent/install/folder-access.ts';
import { temporaryFolder } from '../../../support/keepsake.ts';

const mac = { platform: 'darwin', home: '/Users/mum' } as const;
const failure = (code: string) => Object.assign(new Error('no'), { code });

test.for([
  ['/Users/mum/Pictures/Keepsake', 'that folder'],
  ['/Users/mum/Desktop', 'that folder'],
  ['/Volumes/Blue drive/Keepsake', '"Removable Volumes"'],
] as const)(
  '"not permitted" about %s on a Mac is its privacy protection, and the remedy names the switch',
  ([path, name]) => {
    const error = classifyBlockedAccess({ path, error: failure('EPERM') }, mac);
    expect(error?.code).toBe('ACCESS_BLOCKED');
    expect(error?.remedy).toContain(`Files and Folders, switch on ${name}`);
  },
);

test('The library of a Mac’s Photos needs another switch', () => {
  const path = '/Users/mum/Pictures/Photos Library.photoslibrary/database';
  expect(classifyBlockedAccess({ path, error: failure('EPERM') }, mac)?.remedy).toContain('Full Disk Access');
});

test.for([
  ['other systems', '/home/mum/Pictures', 'EPERM', { platform: 'linux', home: '/home/mum' }],
  ['missing rights', '/Users/mum/Pictures', 'EACCES', mac],
  ['a folder that nobody asks about', '/Users/mum/Code', 'EPERM', mac],
  ['a name that only begins alike', '/Users/mum/Pictures of Anna', 'EPERM', mac],
  ['a disk that fails', '/Volumes/Blue drive', 'EIO', mac],
] as const)('It is not that: %s', ([, path, code, place]) => {
  expect(classifyBlockedAccess({ path, error: failure(code) }, place)).toBeUndefined();
});

test('A photo folder that can be made is no trouble; one below a file is', async () => {
  using folder = temporaryFolder();
  expect(await checkWritable(join(folder.path, 'Pictures/Keepsake'), {})).toBeUndefined();
  expect(await checkWritable('/dev/null/Keepsake', {})).toMatchObject({ code: 'LIBRARY_READ_ONLY' });
});

test('Looking into the folders that a Mac asks about finds nothing refused where nobody refuses', async () => {
  using home = temporaryFolder();
  mkdirSync(join(home.path, 'Pictures'));
  expect(await touchAskedFolders({ HOME: home.path }, 'darwin')).toEqual([]);
});
