// `install`, `uninstall` and `install --status`: chooses how this computer starts programs at login, and does it. Leaves photo
// folder, drives, settings and records alone, whatever happens.

import { AgentError, isAgentError } from '../../domain/errors.ts';
import type { Need } from '../../domain/status.ts';
import type { Keepsake } from '../control.ts';
import type { Environment, KeepsakePaths } from '../paths.ts';
import { autostartFile, readAutostart, removeAutostart, setUpAutostart } from './autostart.ts';
import { checkWritable, touchAskedFolders } from './folder-access.ts';
import { readLaunchd, removeLaunchd, setUpLaunchd } from './launchd.ts';
import type { FoundParts, LoginFile, LoginWay, RemovedParts, SetUp } from './login-way.ts';
import { readOwnFile } from './own-file.ts';
import { carriedEnvironment, findProgram, type Program } from './program.ts';
import { isAgentThere } from './running-agent.ts';
import { findUserManager, readSystemd, removeSystemd, setUpSystemd, type UserManager } from './systemd.ts';

export interface InstallOptions {
  readonly environment: Environment;
  readonly keepsake: Pick<Keepsake, 'paths' | 'config' | 'drives'>;
  readonly platform?: NodeJS.Platform;
  /** Shows one notification, so that a Mac asks whether it may. Absent: none is shown. */
  readonly notify?: (title: string, body: string) => Promise<void>;
}

/** How things stand. */
export interface LoginStatus {
  /** `none`: nothing is set up. */
  readonly way: LoginWay | 'none';
  readonly startsAtLogin: boolean;
  /** The system looks once a day whether Keepsake does its work. */
  readonly dailyCheck: boolean;
  /** `runningElsewhere`: it was not started at login, but in a terminal window, say. */
  readonly agent: 'running' | 'starting' | 'runningElsewhere' | 'notRunning';
  readonly files: readonly LoginFile[];
  /** False: written by another Keepsake, for other folders, or changed since. `install` puts it right. */
  readonly isCurrent: boolean;
  readonly says?: string;
  readonly trouble?: string;
}

export interface InstallResult extends LoginStatus {
  readonly isChanged: boolean;
  readonly keptAside: readonly string[];
  readonly isForNextLogin: boolean;
  /** What should be looked after, now that somebody is there. */
  readonly needsYou: readonly Need[];
}

export interface UninstallResult {
  readonly removed: readonly string[];
  readonly keptAside: readonly string[];
  readonly left: readonly string[];
  readonly stopped: boolean;
  /** One that was not started at login goes on. */
  readonly agent: 'runningElsewhere' | 'notRunning';
  /** What is left on purpose. */
  readonly stays: {
    /** Absent if the settings cannot be read. */
    readonly library?: string;
    readonly settings: string;
    readonly records: string;
    readonly logs: string;
    readonly drives: readonly string[];
  };
}

/**
 * @throws AgentError SERVICE_UNSUPPORTED, SERVICE_WRONG_USER, SERVICE_PATH_UNSUITABLE, CONFIG_…: nothing was done. SERVICE_FILE_FAILED,
 * SERVICE_REFUSED, SERVICE_UNREACHABLE: asked again, it goes on. SERVICE_START_FAILED: it is set up, and does not run.
 */
export async function installAtLogin(options: InstallOptions): Promise<InstallResult> {
  const { environment, keepsake } = options;
  const place = await findPlace(options);
  await keepsake.config(); // a mistake in the settings is best put right now: with it, nothing would start
  const setUp = await setUpBy(place, () => isAgentThere(keepsake.paths, environment));
  const status = await readStatus(place);
  await options.notify?.('Keepsake', 'Keepsake starts by itself from now on. This is how it tells you something.');
  return {
    ...status,
    isChanged: setUp.isChanged,
    keptAside: setUp.keptAside,
    isForNextLogin: setUp.isForNextLogin ?? false,
    needsYou: await lookAround(options),
  };
}

/** @throws AgentError SERVICE_UNSUPPORTED, SERVICE_UNREACHABLE, SERVICE_FILE_FAILED */
export async function readLoginStatus(options: InstallOptions): Promise<LoginStatus> {
  return await readStatus(await findPlace(options));
}

/**
 * Ends what was started at login and removes what `install` wrote. Asked again, it finds nothing.
 * @throws AgentError SERVICE_UNSUPPORTED, SERVICE_WRONG_USER, SERVICE_FILE_FAILED, SERVICE_REFUSED, SERVICE_UNREACHABLE
 */
export async function uninstallFromLogin(options: InstallOptions): Promise<UninstallResult> {
  const { environment, keepsake } = options;
  const { paths } = keepsake;
  assertRightUser(environment);
  const drives = await driveNames(keepsake); // while the agent that knows them still answers
  const library = await libraryFolder(keepsake);
  const parts = await removeBy(options);
  const merged = (pick: (part: RemovedParts) => readonly string[]) => parts.flatMap(pick);
  return {
    removed: merged(({ removed }) => removed),
    keptAside: merged(({ keptAside }) => keptAside),
    left: merged(({ left }) => left),
    stopped: parts.some(({ stopped }) => stopped),
    agent: (await isAgentThere(paths, environment)) ? 'runningElsewhere' : 'notRunning',
    stays: {
      ...(library === undefined ? {} : { library }),
      settings: paths.config,
      records: paths.state,
      logs: paths.logs,
      drives,
    },
  };
}

/** This computer, its owner and this Keepsake, as the ways need them. */
interface Place {
  readonly way: LoginWay;
  readonly manager?: UserManager;
  readonly program: Program;
  readonly carried: Readonly<Record<string, string>>;
  readonly environment: Environment;
  readonly paths: KeepsakePaths;
}

async function findPlace({ environment, keepsake, platform = process.platform }: InstallOptions): Promise<Place> {
  if (platform !== 'linux' && platform !== 'darwin') throw unsupported(platform);
  assertRightUser(environment);
  const program = await findProgram(platform);
  const rest = { program, carried: carriedEnvironment(environment), environment, paths: keepsake.paths };
  if (platform === 'darwin') return { way: 'launchd', ...rest };
  const manager = await findUserManager(environment);
  return manager === undefined ? { way: 'autostart', ...rest } : { way: 'systemd', manager, ...rest };
}

async function setUpBy(place: Place, isHeld: () => Promise<boolean>): Promise<SetUp> {
  const { way, manager, environment, paths } = place;
  if (way === 'launchd') return await setUpLaunchd(place);
  if (manager === undefined) {
    const { files } = await readSystemd(undefined, place);
    if (files.some(({ state }) => state === 'ours')) throw notFromHere(); // both would start at the next login
    return await setUpAutostart(place);
  }
  // Of a time when there was no service manager, or it could not be reached.
  const old = await removeAutostart(environment, paths);
  const setUp = await setUpSystemd(manager, { ...place, isHeld });
  return {
    ...setUp,
    isChanged: setUp.isChanged || old.removed.length > 0,
    keptAside: [...old.keptAside, ...setUp.keptAside],
  };
}

async function readStatus(place: Place): Promise<LoginStatus> {
  const { way, manager, environment, paths } = place;
  const isThere = await isAgentThere(paths, environment);
  const autostart = (await readOwnFile(autostartFile(environment))).state !== 'missing';
  const found: { readonly way: LoginWay; readonly parts: FoundParts } =
    way === 'launchd'
      ? { way, parts: await readLaunchd(place) }
      : manager !== undefined || !autostart
        ? { way: 'systemd', parts: await readSystemd(manager, place) }
        : { way: 'autostart', parts: await readAutostart(place) };
  const { files, agent, isEnabled, dailyCheck, isCurrent, says, trouble } = found.parts;
  return {
    ...{ way: files.length === 0 ? 'none' : found.way, startsAtLogin: isEnabled, dailyCheck, files },
    agent: judgeAgent(agent, { isThere, isSetUp: files.length > 0 }),
    isCurrent: files.length > 0 && isCurrent,
    ...(says === undefined ? {} : { says }),
    ...(trouble === undefined ? {} : { trouble }),
  };
}

/** Whoever starts it at login knows only of the one it started. */
function judgeAgent(
  known: FoundParts['agent'],
  { isThere, isSetUp }: { readonly isThere: boolean; readonly isSetUp: boolean },
): LoginStatus['agent'] {
  if (known === 'running') return 'running';
  if (isThere) return known === 'unknown' && isSetUp ? 'running' : 'runningElsewhere';
  return known === 'starting' ? 'starting' : 'notRunning';
}

async function removeBy({ environment, keepsake, platform = process.platform }: InstallOptions) {
  if (platform === 'darwin') return [await removeLaunchd(environment)];
  if (platform !== 'linux') throw unsupported(platform);
  const manager = await findUserManager(environment);
  return [await removeSystemd(manager, environment), await removeAutostart(environment, keepsake.paths)];
}

/** Folders and drives, while whoever can put it right is at the computer. */
async function lookAround({ keepsake, environment, platform }: InstallOptions): Promise<readonly Need[]> {
  const { library } = await keepsake.config();
  const blocked = [await checkWritable(library, environment), ...(await touchAskedFolders(environment, platform))];
  const needs = blocked
    .filter((error) => error !== undefined)
    .map(({ code, message, remedy }) => ({ code, message, remedy }));
  try {
    const { unusable } = await keepsake.drives(undefined);
    return [...needs, ...unusable.map(({ code, message, remedy }) => ({ code, message, remedy }))];
  } catch (error) {
    if (!isAgentError(error)) throw error; // drives that cannot be looked for are said by `status`, and are no reason to fail
    return needs;
  }
}

/** Removing must work on a computer where nothing else does. */
async function libraryFolder(keepsake: InstallOptions['keepsake']): Promise<string | undefined> {
  try {
    return (await keepsake.config()).library;
  } catch (error) {
    if (!isAgentError(error)) throw error;
    return undefined;
  }
}

async function driveNames(keepsake: InstallOptions['keepsake']): Promise<readonly string[]> {
  try {
    return (await keepsake.drives(undefined)).drives.map(({ name }) => name);
  } catch (error) {
    if (!isAgentError(error)) throw error; // as above
    return [];
  }
}

function assertRightUser(environment: Environment): void {
  const { SUDO_USER: behind = '' } = environment;
  if (process.getuid?.() !== 0 || behind === '' || behind === 'root') return;
  throw new AgentError('SERVICE_WRONG_USER', 'This would be for the administrator, not for you.', {
    remedy: 'Run the same again without "sudo".',
  });
}

function unsupported(platform: string): AgentError {
  return new AgentError('SERVICE_UNSUPPORTED', `Keepsake cannot start by itself on this system (${platform}) yet.`, {
    remedy: 'Start it when you need it: keepsake agent',
  });
}

function notFromHere(): AgentError {
  return new AgentError(
    'SERVICE_UNREACHABLE',
    'Keepsake is set up to start at login already, but this cannot be changed from here.',
    {
      remedy: 'Log in at the computer itself, open a terminal window there, and run: keepsake install',
    },
  );
}
