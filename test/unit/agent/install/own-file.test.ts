// Somebody's own changes to how things start are hours of work; overwritten, they are gone without a word.
import { lstatSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { placeOwnFile, readOwnFile, removeOwnFile } from '../../../../src/agent/install/own-file.ts';
import { renderDropIn } from '../../../../src/agent/install/render.ts';
import { temporaryFolder } from '../../../support/keepsake.ts';

const program = { folder: '/', version: '1', command: ['/node'] as [string], environment: {} };
const ours = renderDropIn(program, { KEEPSAKE_HOME: '/one' });
const newer = renderDropIn(program, { KEEPSAKE_HOME: '/two' });

test('A file that is not there is written, with its folders; the same once more is no change', async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, 'deep/down/keepsake.service');
  expect(await placeOwnFile(path, ours)).toEqual({ isChanged: true });
  const { mtimeMs, ino } = statSync(path);
  expect(await placeOwnFile(path, ours)).toEqual({ isChanged: false });
  expect(statSync(path)).toMatchObject({ mtimeMs, ino });
  expect(await placeOwnFile(path, newer)).toEqual({ isChanged: true });
  expect(readFileSync(path, 'utf8')).toBe(newer);
  expect(readdirSync(join(folder.path, 'deep/down'))).toEqual(['keepsake.service']);
});

test('What was changed in it, or is somebody else’s, is kept aside, however often', async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, 'keepsake.service');
  writeFileSync(path, `${ours}# mine\n`);
  expect(await readOwnFile(path)).toMatchObject({ state: 'edited' });
  expect(await placeOwnFile(path, newer)).toEqual({ isChanged: true, keptAside: `${path}.bak` });
  writeFileSync(path, 'not ours');
  expect(await readOwnFile(path)).toMatchObject({ state: 'foreign' });
  expect(await placeOwnFile(path, newer)).toEqual({ isChanged: true, keptAside: `${path}.bak2` });
  expect(readFileSync(`${path}.bak`, 'utf8')).toBe(`${ours}# mine\n`);
  expect(readFileSync(`${path}.bak2`, 'utf8')).toBe('not ours');
  expect(readFileSync(path, 'utf8')).toBe(newer);
});

test('A link to nothing, by which a start was forbidden, is kept aside as the link it is', async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, 'keepsake.service');
  symlinkSync('/dev/null', path);
  expect(await placeOwnFile(path, ours)).toEqual({ isChanged: true, keptAside: `${path}.bak` });
  expect(lstatSync(`${path}.bak`).isSymbolicLink()).toBe(true);
});

test('Removing takes ours, keeps aside what was changed in it, and does not touch what is somebody else’s', async () => {
  using folder = temporaryFolder();
  const [one, two, three] = ['one', 'two', 'three'].map((name) => join(folder.path, name)) as [string, string, string];
  writeFileSync(one, ours);
  writeFileSync(two, `${ours}# mine\n`);
  writeFileSync(three, 'not ours');
  expect(await removeOwnFile(one)).toEqual({ isRemoved: true });
  expect(await removeOwnFile(two)).toEqual({ isRemoved: true, keptAside: `${two}.bak` });
  expect(await removeOwnFile(three)).toEqual({ isRemoved: false, isLeft: true });
  expect(await removeOwnFile(one)).toEqual({ isRemoved: false });
  expect(readdirSync(folder.path).sort()).toEqual(['three', 'two.bak']);
});

test('A folder that cannot be written is said, with the file and what to do', async () => {
  using folder = temporaryFolder();
  writeFileSync(join(folder.path, 'autostart'), 'a file where a folder has to be');
  const path = join(folder.path, 'autostart/keepsake.desktop');
  await expect(placeOwnFile(path, ours)).rejects.toMatchObject({
    code: 'SERVICE_FILE_FAILED',
    message: expect.stringContaining(path),
  });
  mkdirSync(join(folder.path, 'a folder'));
  expect(await readOwnFile(join(folder.path, 'a folder'))).toEqual({ state: 'foreign' });
});
