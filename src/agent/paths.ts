// Where Keepsake keeps its own things on this machine. KEEPSAKE_HOME puts all of it under one folder.

import { mkdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import envPaths from 'env-paths';
import { AgentError, systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath, LibraryId } from '../domain/ids.ts';

export interface KeepsakePaths {
  readonly config: AbsolutePath;
  readonly state: AbsolutePath;
  readonly logs: AbsolutePath;
  readonly catalogs: AbsolutePath;
  readonly knownLibraries: AbsolutePath;
  readonly devices: AbsolutePath;
  readonly drives: AbsolutePath;
  readonly pause: AbsolutePath;
  readonly reminders: AbsolutePath;
  /** There while the owner wants it not to run, until the next login. */
  readonly stopped: AbsolutePath;
  readonly notices: AbsolutePath;
  /** What is on the screen with buttons, to be found again after a crash. */
  readonly shownNotices: AbsolutePath;
  /** What the independent check remembers. */
  readonly check: AbsolutePath;
  /** What the person who helps was told. */
  readonly helper: AbsolutePath;
  readonly schedule: AbsolutePath;
  readonly agentLock: AbsolutePath;
  /** Where copies of a phone's list of photos are read. */
  readonly scratch: AbsolutePath;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export function findPaths(environment: Environment): KeepsakePaths {
  const home = environment['KEEPSAKE_HOME'];
  const standard = envPaths('keepsake', { suffix: '' });
  const root = home === undefined || home === '' ? undefined : resolve(environment['INIT_CWD'] ?? '.', home);
  const config = root ?? standard.config;
  const state = root === undefined ? standard.data : join(root, 'state');
  const logs = root === undefined ? standard.log : join(root, 'logs');
  return {
    config: join(config, 'config.toml') as AbsolutePath,
    state: state as AbsolutePath,
    logs: logs as AbsolutePath,
    catalogs: join(state, 'catalogs') as AbsolutePath,
    knownLibraries: join(state, 'libraries.json') as AbsolutePath,
    devices: join(state, 'devices.json') as AbsolutePath,
    drives: join(state, 'drives.json') as AbsolutePath,
    pause: join(state, 'pause.json') as AbsolutePath,
    notices: join(state, 'notices.json') as AbsolutePath,
    shownNotices: join(state, 'notices-shown.json') as AbsolutePath,
    stopped: join(state, 'stopped') as AbsolutePath,
    check: join(state, 'check.json') as AbsolutePath,
    helper: join(state, 'helper.json') as AbsolutePath,
    reminders: join(state, 'reminders.json') as AbsolutePath,
    schedule: join(state, 'schedule.json') as AbsolutePath,
    agentLock: join(state, 'agent.lock') as AbsolutePath,
    scratch: join(state, 'scratch') as AbsolutePath,
  };
}

export function catalogPath(paths: KeepsakePaths, id: LibraryId): string {
  return join(paths.catalogs, `${id}.db`);
}

/** Makes the folders for state, private to the owner. @throws AgentError STATE_WRITE_FAILED */
export function makeStateFolders(paths: KeepsakePaths): void {
  try {
    for (const folder of [paths.state, paths.catalogs]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new AgentError('STATE_WRITE_FAILED', `"${paths.state}" could not be made (${systemErrorCode(error)}).`, {
      remedy: 'Check that there is room on the disk of your home folder and that you may write there, then save again.',
      cause: error,
    });
  }
}

/** `~/Pictures/Keepsake`, in the owner's language where the desktop has named the pictures folder (xdg-user-dirs). */
export function defaultLibrary(environment: Environment): AbsolutePath {
  const home = homedir();
  let pictures = join(home, 'Pictures');
  if (process.platform === 'linux') {
    const folder = environment['XDG_CONFIG_HOME'] ?? join(home, '.config');
    const named = /^XDG_PICTURES_DIR="(.+)"$/m.exec(readIfThere(join(folder, 'user-dirs.dirs')))?.[1];
    if (named !== undefined) pictures = named.replace(/^\$HOME/, home);
  }
  return join(pictures, 'Keepsake') as AbsolutePath;
}

/** This file belongs to the desktop: if it is not there or not readable, the English name is as good a default. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
