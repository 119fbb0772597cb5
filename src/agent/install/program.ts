// What a start at login runs: the pinned Node.js and the entry of this very install, both by absolute path, no shell, no PATH.
// A login item that names what a version manager put into the PATH dies at its next upgrade.

import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { AgentError } from '../../domain/errors.ts';
import type { Environment } from '../paths.ts';

export interface Program {
  /** Where this Keepsake is installed: the folder with bin/, systemd/ and launchd/. */
  readonly folder: string;
  readonly version: string;
  /** Absolute path of the pinned Node.js, its flags, absolute path of the entry. A command's name follows. */
  readonly command: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string>>;
}

/** As bin/keepsake.js starts it (a test compares the two): started with these, the launcher has nothing to start anew. */
const nodeFlags = ['--max-semi-space-size=8', '--heap-growing-percent=50'];
const nodeEnvironment = { UV_THREADPOOL_SIZE: '12' };

/** So that a running agent can be told from one in a terminal. */
export const startedAtLogin = { KEEPSAKE_STARTED_BY: 'login' } as const;

/** For the programs that Keepsake asks: findmnt, exiftool, notify-send, rclone. The last ones are NixOS's and Homebrew's. */
const pathOfHelpers: Partial<Record<NodeJS.Platform, string>> = {
  linux: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin',
  darwin: '/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin:/opt/homebrew/bin',
};

/** Where Keepsake and its helpers look for what is the owner's. A session at login may not know what a shell profile sets. */
const carriedFolders = ['XDG_CONFIG_HOME', 'XDG_DATA_HOME', 'XDG_STATE_HOME', 'XDG_CACHE_HOME'];

/**
 * The Keepsake that this code belongs to.
 * @throws AgentError SERVICE_PATH_UNSUITABLE if it lies where it will not stay, or its path cannot be written into a file.
 */
export async function findProgram(platform: NodeJS.Platform): Promise<Program> {
  const folder = resolve(import.meta.dirname, '../../..'); // from src/agent/install and from dist/agent/install alike
  const entry = join(folder, 'bin/keepsake.js');
  const runtime = await pinnedRuntime(folder);
  if (folder.includes(`${sep}_npx${sep}`)) {
    throw unsuitable(
      `This Keepsake lies in "${folder}", which npm empties from time to time.`,
      'Install Keepsake first',
    );
  }
  const program = {
    ...{ folder, version: readVersion(folder) },
    command: [runtime, ...nodeFlags, entry] as [string, ...string[]],
    environment: { PATH: pathOfHelpers[platform] ?? '/usr/bin:/bin', ...nodeEnvironment, ...startedAtLogin },
  };
  for (const path of [folder, ...program.command]) assertWritable(path);
  return program;
}

/** What of the caller's environment a start at login has to know: where things are, if not in the usual places. */
export function carriedEnvironment(environment: Environment): Readonly<Record<string, string>> {
  const carried: Record<string, string> = {};
  const home = environment['KEEPSAKE_HOME'] ?? '';
  if (home !== '') carried['KEEPSAKE_HOME'] = resolve(environment['INIT_CWD'] ?? '.', home);
  for (const key of carriedFolders) {
    const folder = environment[key] ?? '';
    if (isAbsolute(folder)) carried[key] = folder; // others are to be ignored (XDG Base Directory Specification)
  }
  const phones = environment['USBMUXD_SOCKET_ADDRESS'] ?? '';
  if (phones !== '') carried['USBMUXD_SOCKET_ADDRESS'] = phones;
  for (const value of Object.values(carried)) assertWritable(value);
  return carried;
}

export function homeFolder(environment: Environment): string {
  const home = environment['HOME'] ?? '';
  return isAbsolute(home) ? home : homedir();
}

/** The launcher's own choice: it is plain JavaScript without types. */
async function pinnedRuntime(folder: string): Promise<string> {
  const launcher: unknown = await import(pathToFileURL(join(folder, 'bin/with-node.js')).href);
  if (typeof launcher === 'object' && launcher !== null && 'findPinnedNode' in launcher) {
    const found: unknown = typeof launcher.findPinnedNode === 'function' ? launcher.findPinnedNode() : undefined;
    if (typeof found === 'string' && existsSync(found)) return found;
  }
  return process.execPath; // this process runs on it: without it, the launcher would not have come this far
}

function readVersion(folder: string): string {
  const { version }: { version?: unknown } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return String(version);
}

/** No file format that starts programs has a way to write a line break, and none of them has to be trusted with one. */
function assertWritable(text: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  if (!/[\u0000-\u001f\u007f\ufffd]/.test(text) && text.isWellFormed()) return;
  throw unsuitable(
    `The name "${text}" has characters in it that a start at login cannot be told of.`,
    'Rename that folder',
  );
}

function unsuitable(message: string, first: string): AgentError {
  return new AgentError('SERVICE_PATH_UNSUITABLE', message, { remedy: `${first}, then run: keepsake install` });
}
