// State in another place than last time is a catalogue that is not found, and every photo saved again.
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { catalogPath, defaultLibrary, findPaths, makeStateFolders } from '../../../src/agent/paths.ts';
import type { LibraryId } from '../../../src/domain/ids.ts';
import { temporaryFolder } from '../../support/keepsake.ts';
import { needLinux } from '../../support/requirements.ts';

test('KEEPSAKE_HOME holds settings, state and logs', () => {
  const paths = findPaths({ KEEPSAKE_HOME: '/k' });
  expect(paths).toEqual({
    config: '/k/config.toml',
    devices: '/k/state/devices.json',
    drives: '/k/state/drives.json',
    notices: '/k/state/notices.json',
    shownNotices: '/k/state/notices-shown.json',
    check: '/k/state/check.json',
    helper: '/k/state/helper.json',
    pause: '/k/state/pause.json',
    reminders: '/k/state/reminders.json',
    schedule: '/k/state/schedule.json',
    scratch: '/k/state/scratch',
    agentLock: '/k/state/agent.lock',
    state: '/k/state',
    stopped: '/k/state/stopped',
    logs: '/k/logs',
    catalogs: '/k/state/catalogs',
    knownLibraries: '/k/state/libraries.json',
  });
  expect(catalogPath(paths, 'id' as LibraryId)).toBe('/k/state/catalogs/id.db');
});

test('A relative KEEPSAKE_HOME is meant from where npm was called', () => {
  expect(findPaths({ KEEPSAKE_HOME: 'k', INIT_CWD: '/somewhere' }).state).toBe('/somewhere/k/state');
});

test('Without one, or an empty one, the places of this system are used, and none of them is the working folder', () => {
  for (const environment of [{}, { KEEPSAKE_HOME: '' }]) {
    const paths = findPaths(environment);
    for (const path of Object.values(paths)) expect(path.startsWith('/')).toBe(true);
    expect(paths.state).toContain('keepsake');
    expect(paths.state.startsWith(process.cwd())).toBe(false);
  }
});

test('State is private to the owner', () => {
  using scratch = temporaryFolder();
  const paths = findPaths({ KEEPSAKE_HOME: join(scratch.path, 'k') });
  makeStateFolders(paths);
  makeStateFolders(paths);
  for (const folder of [paths.state, paths.catalogs]) expect(statSync(folder).mode & 0o777).toBe(0o700);
});

test('A file where state should be is an error with a remedy', () => {
  using scratch = temporaryFolder();
  writeFileSync(join(scratch.path, 'state'), '');
  expect(() => makeStateFolders(findPaths({ KEEPSAKE_HOME: scratch.path }))).toThrow(
    expect.objectContaining({ code: 'STATE_WRITE_FAILED' }),
  );
});

test("Photos go to the desktop's own pictures folder, if it has named one", (context) => {
  needLinux(context, 'its desktops name the folder');
  using scratch = temporaryFolder();
  const environment = { XDG_CONFIG_HOME: scratch.path };
  expect(defaultLibrary(environment)).toBe(join(homedir(), 'Pictures/Keepsake'));
  writeFileSync(join(scratch.path, 'user-dirs.dirs'), '# x\nXDG_PICTURES_DIR="$HOME/Bilder"\n');
  expect(defaultLibrary(environment)).toBe(join(homedir(), 'Bilder/Keepsake'));
  writeFileSync(join(scratch.path, 'user-dirs.dirs'), 'XDG_PICTURES_DIR="/data/Bilder"\n');
  expect(defaultLibrary(environment)).toBe('/data/Bilder/Keepsake');
  mkdirSync(join(scratch.path, 'other'));
  expect(defaultLibrary({ XDG_CONFIG_HOME: join(scratch.path, 'other') })).toBe(join(homedir(), 'Pictures/Keepsake'));
});
