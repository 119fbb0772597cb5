// Start at login by the user's service manager (systemd --user): unit files in the owner's folder, or those of a package.
// Everything can be asked for twice; what is right already is not touched, and nothing is restarted without a reason.

import { lstat, readdir, readlink, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { AgentError } from '../../domain/errors.ts';
import { askProgram, withRuntimeFolder } from '../../platform/service-manager.ts';
import type { Environment } from '../paths.ts';
import type { FoundParts, RemovedParts, SetUp } from './login-way.ts';
import { placeOwnFile, readOwnFile, removeOwnFile } from './own-file.ts';
import { homeFolder, type Program } from './program.ts';
import { renderDropIn, renderUnit, unitNames } from './render.ts';

const agentUnit = 'keepsake.service';
const checkUnit = 'keepsake-check.service';
const checkTimer = 'keepsake-check.timer';
const enabledUnits = [agentUnit, checkTimer];
/** With their `.d` folder of settings. */
const services = [agentUnit, checkUnit];
const dropInName = 'keepsake-install.conf';
const wantsFolders = ['default.target.wants', 'graphical-session.target.wants', 'timers.target.wants'];

const questionTimeoutMs = 15_000;
/** Longer than the unit's own TimeoutStartSec and TimeoutStopSec together: the manager gives up first, and says why. */
const startTimeoutMs = 4 * 60_000;

export interface UserManager {
  readonly version: number;
  /** Where it looks for units, the first that has one wins. */
  readonly unitPaths: readonly string[];
  readonly environment: Environment;
}

/** Undefined: there is none, or it cannot be reached from here. @throws AgentError SERVICE_UNREACHABLE if it does not answer. */
export async function findUserManager(environment: Environment): Promise<UserManager | undefined> {
  const complete = withRuntimeFolder(environment);
  const args = ['--user', 'show', '--property=Version', '--property=UnitPath'];
  const answer = await askProgram('systemctl', args, { environment: complete, timeoutMs: questionTimeoutMs });
  if (answer === 'stuck') throw noAnswer();
  const { Version: version = '', UnitPath: unitPath = '' } = parseProperties(answer.stdout);
  if (answer.exitCode !== 0 || version === '') return undefined;
  const number = Number(/^\d+/.exec(version)?.[0] ?? '0');
  return { version: number, unitPaths: unitPath.split(' ').filter((path) => path !== ''), environment: complete };
}

/** Where this owner's own units are, also when the manager cannot be asked. */
export function unitFolder(environment: Environment, manager?: UserManager): string {
  const usual = join(homeFolder(environment), '.config/systemd/user');
  const named = environment['XDG_CONFIG_HOME'] ?? '';
  if (!named.startsWith('/')) return usual;
  const folder = join(named, 'systemd/user');
  // The manager has an environment of its own, and may never have heard of what a shell's profile sets. Its list of paths
  // cannot tell names with blanks from two names: there, what the owner says counts.
  const isKnown = manager === undefined || folder.includes(' ') || manager.unitPaths.includes(folder);
  return isKnown ? folder : usual;
}

/** The unit of a package, if one is installed. */
async function findPackagedUnit(manager: UserManager, folder: string): Promise<string | undefined> {
  const home = homeFolder(manager.environment);
  const { XDG_RUNTIME_DIR: runtime = '/run/user' } = manager.environment;
  for (const path of manager.unitPaths) {
    const isOwners = path === folder || path.startsWith(`${home}/`) || path.startsWith(`${runtime}/`);
    if (isOwners || !path.startsWith('/')) continue;
    const unit = join(path, agentUnit);
    if (await exists(unit)) return unit;
  }
  return undefined;
}

/**
 * Writes what is to be written, enables, and starts. `isHeld`: an agent runs that the manager did not start.
 * @throws AgentError SERVICE_FILE_FAILED, SERVICE_REFUSED, SERVICE_UNREACHABLE, SERVICE_START_FAILED (all is set up then, and
 * the manager goes on trying).
 */
export async function setUpSystemd(
  manager: UserManager,
  options: {
    readonly program: Program;
    readonly carried: Readonly<Record<string, string>>;
    readonly isHeld: () => Promise<boolean>;
  },
): Promise<SetUp> {
  const { program, carried } = options;
  const folder = unitFolder(manager.environment, manager);
  const packaged = await findPackagedUnit(manager, folder);
  const keptAside: string[] = [];
  let isChanged = false;
  const place = async (path: string, text: string | undefined) => {
    const placed = text === undefined ? await withdraw(path) : await placeOwnFile(path, text);
    isChanged ||= placed.isChanged;
    if (placed.keptAside !== undefined) keptAside.push(placed.keptAside);
  };
  const isOwn = packaged === undefined;
  for (const name of unitNames) {
    const text = renderUnit(name, { program, carried, systemdVersion: manager.version });
    await place(join(folder, name), isOwn ? text : undefined); // ours would hide the package's
  }
  for (const name of services) {
    const isNeeded = !isOwn && Object.keys(carried).length > 0;
    await place(join(folder, `${name}.d`, dropInName), isNeeded ? renderDropIn(program, carried) : undefined);
  }
  if (isChanged || (await needsReload(manager))) {
    await must(manager, 'daemon-reload');
    isChanged = true;
  }
  const before = await readUnit(manager, agentUnit);
  const timer = await readUnit(manager, checkTimer);
  // Again after a change: what a unit wants to be wanted by may have changed with it.
  if (isChanged) await must(manager, 'reenable', ...enabledUnits);
  else if (![before, timer].every((unit) => unit['UnitFileState'] === 'enabled')) {
    await must(manager, 'enable', ...enabledUnits);
  }
  await must(manager, isChanged ? 'restart' : 'start', checkTimer);
  const isRunning = before['ActiveState'] === 'active';
  if (!isRunning && (await options.isHeld())) {
    // It cannot begin while the other one runs: the manager tries again and again, and takes over when that one ends.
    await must(manager, '--no-block', 'start', agentUnit);
  } else if (!isRunning || isChanged) await start(manager, isRunning ? 'restart' : 'start');
  return { isChanged, keptAside, ...(packaged === undefined ? {} : { packaged }) };
}

/** What is not wanted there. What is not ours stays. */
async function withdraw(path: string): Promise<{ readonly isChanged: boolean; readonly keptAside?: string }> {
  const { isRemoved, keptAside } = await removeOwnFile(path);
  if (isRemoved) await removeIfEmpty(dirname(path));
  return { isChanged: isRemoved, ...(keptAside === undefined ? {} : { keptAside }) };
}

async function start(manager: UserManager, verb: 'start' | 'restart'): Promise<void> {
  const answer = await systemctl(manager, [verb, agentUnit], startTimeoutMs);
  if (answer !== 'stuck' && answer.exitCode === 0) return;
  const { Result: result = 'unknown', ExecMainStatus: status = '?' } = await readUnit(manager, agentUnit);
  const why = answer === 'stuck' ? 'it does not get ready' : `${result}, ${status}`;
  throw new AgentError('SERVICE_START_FAILED', `Keepsake is set up to start at login, but it did not start (${why}).`, {
    remedy: 'It is tried again by itself. To see what is wrong: keepsake doctor',
  });
}

export async function readSystemd(
  manager: UserManager | undefined,
  {
    program,
    carried,
    environment,
  }: {
    readonly program: Program;
    readonly carried: Readonly<Record<string, string>>;
    readonly environment: Environment;
  },
): Promise<FoundParts> {
  const folder = unitFolder(environment, manager);
  const files: FoundParts['files'][number][] = [];
  let isCurrent = true;
  const packaged = manager === undefined ? undefined : await findPackagedUnit(manager, folder);
  for (const name of unitNames) {
    const path = join(folder, name);
    const { state, text } = await readOwnFile(path);
    if (state !== 'missing') files.push({ path, state });
    const version = manager === undefined ? {} : { systemdVersion: manager.version };
    if (packaged === undefined && text !== renderUnit(name, { program, carried, ...version })) isCurrent = false;
    if (packaged !== undefined && state !== 'missing') isCurrent = false;
  }
  for (const name of services) {
    const path = join(folder, `${name}.d`, dropInName);
    const { state } = await readOwnFile(path);
    if (state !== 'missing') files.push({ path, state });
  }
  if (packaged !== undefined) files.push({ path: packaged, state: 'packaged' });
  if (manager === undefined) return { files, isCurrent, isEnabled: false, dailyCheck: false, agent: 'unknown' };
  const unit = await readUnit(manager, agentUnit);
  const timer = await readUnit(manager, checkTimer);
  const { ActiveState: active = '', SubState: sub = '', Result: result = '', StatusText: says = '' } = unit;
  const mainPid = Number(unit['MainPID'] ?? 0);
  const attempts = Number(unit['NRestarts'] ?? 0);
  // Between two attempts it says what was wrong, during one it says that nothing is.
  const failed = result === '' || result === 'success' ? undefined : `${result}, ${sub}`;
  const trouble = failed ?? (attempts > 0 ? `${attempts} attempts` : undefined);
  return {
    files,
    isCurrent,
    isEnabled: unit['UnitFileState'] === 'enabled',
    dailyCheck: timer['UnitFileState'] === 'enabled' && timer['ActiveState'] === 'active',
    agent: active === 'active' ? 'running' : active === 'activating' ? 'starting' : 'stopped',
    ...(mainPid > 0 ? { pid: mainPid } : {}),
    ...(says === '' ? {} : { says }),
    ...(trouble === undefined || active === 'active' ? {} : { trouble }),
  };
}

/** Stops, disables and removes what is ours. Works without the manager too, as far as files go. */
export async function removeSystemd(manager: UserManager | undefined, environment: Environment): Promise<RemovedParts> {
  const folder = unitFolder(environment, manager);
  const removed: string[] = [];
  const keptAside: string[] = [];
  const left: string[] = [];
  // A unit of that name which is not ours is not ours to stop either.
  const { state } = await readOwnFile(join(folder, agentUnit));
  const loaded = manager === undefined || state === 'foreign' ? [] : await loadedUnits(manager);
  let stopped = false;
  if (manager !== undefined && loaded.length > 0) {
    stopped = (await readUnit(manager, agentUnit))['ActiveState'] === 'active';
    await must(manager, 'disable', ...loaded);
    const answer = await systemctl(manager, ['stop', ...loaded, checkUnit], startTimeoutMs);
    if (answer === 'stuck') throw noAnswer();
    // When the timer last ran, which Persistent= keeps. It may never have run.
    await systemctl(manager, ['clean', '--what=state', checkTimer], questionTimeoutMs);
    await systemctl(manager, ['reset-failed', agentUnit, checkUnit], questionTimeoutMs); // fails where nothing had failed
  }
  const dropIns = services.map((name) => join(folder, `${name}.d`, dropInName));
  for (const path of [...unitNames.map((name) => join(folder, name)), ...dropIns]) {
    const outcome = await removeOwnFile(path);
    if (outcome.isLeft) left.push(path);
    if (outcome.isRemoved) removed.push(path);
    if (outcome.keptAside !== undefined) keptAside.push(outcome.keptAside);
    if (outcome.isRemoved && path.endsWith(dropInName)) await removeIfEmpty(dirname(path));
  }
  if (removed.length > 0) {
    await unlinkWants(folder);
    await removeIfEmpty(folder);
    await removeIfEmpty(dirname(folder));
  }
  if (manager !== undefined && removed.length > 0) await must(manager, 'daemon-reload');
  return { removed, keptAside, left, stopped };
}

/** Without the manager nobody else takes these away. With it, they are gone already. */
async function unlinkWants(folder: string): Promise<void> {
  for (const wants of wantsFolders) {
    const path = join(folder, wants);
    const names = await readdir(path).catch((): string[] => []); // most are not there
    for (const name of names.filter((each) => enabledUnits.includes(each))) {
      const target = await readlink(join(path, name)).catch(() => '');
      if (basename(target) === name && !(await exists(join(folder, name)))) await rm(join(path, name), { force: true });
    }
    await removeIfEmpty(path);
  }
}

async function removeIfEmpty(folder: string): Promise<void> {
  await rmdir(folder).catch(() => undefined); // something else is in it, or it was never there
}

/** Of those that get enabled, the ones that the manager has heard of. */
async function loadedUnits(manager: UserManager): Promise<readonly string[]> {
  const units = await Promise.all(
    enabledUnits.map(async (name) => ({ name, state: (await readUnit(manager, name))['LoadState'] })),
  );
  return units.filter(({ state = 'not-found' }) => state !== 'not-found').map(({ name }) => name);
}

async function needsReload(manager: UserManager): Promise<boolean> {
  const units = await Promise.all(unitNames.map((name) => readUnit(manager, name)));
  return units.some((unit) => unit['NeedDaemonReload'] === 'yes');
}

const unitProperties = [
  ...['LoadState', 'ActiveState', 'SubState', 'UnitFileState', 'MainPID', 'StatusText', 'Result', 'ExecMainStatus'],
  ...['NRestarts', 'NeedDaemonReload'],
];

async function readUnit(manager: UserManager, name: string): Promise<Readonly<Record<string, string>>> {
  const args = ['show', `--property=${unitProperties.join(',')}`, name];
  const answer = await systemctl(manager, args, questionTimeoutMs);
  if (answer === 'stuck') throw noAnswer();
  return parseProperties(answer.stdout);
}

function parseProperties(text: string): Readonly<Record<string, string>> {
  const lines = text.split('\n').map((line) => /^(\w+)=(.*)$/.exec(line));
  return Object.fromEntries(lines.flatMap((match) => (match === null ? [] : [[match[1], match[2]]])));
}

async function systemctl(manager: UserManager, args: readonly string[], timeoutMs: number) {
  return await askProgram('systemctl', ['--user', '--no-ask-password', ...args], {
    environment: manager.environment,
    timeoutMs,
  });
}

/** @throws AgentError SERVICE_REFUSED, SERVICE_UNREACHABLE */
async function must(manager: UserManager, ...args: readonly string[]): Promise<void> {
  const answer = await systemctl(manager, args, questionTimeoutMs);
  if (answer === 'stuck') throw noAnswer();
  if (answer.exitCode === 0) return;
  const [firstLine = ''] = answer.stderr.trim().split('\n');
  throw new AgentError('SERVICE_REFUSED', `This computer refused to start Keepsake at login (${firstLine}).`, {
    remedy: 'Log out, log in again and repeat what you did. If it stays so, show this line to whoever helps you.',
  });
}

function noAnswer(): AgentError {
  return new AgentError('SERVICE_UNREACHABLE', 'The part of this computer that starts programs does not answer.', {
    remedy: 'Restart the computer, then try again.',
  });
}

async function exists(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    () => false,
  );
}
