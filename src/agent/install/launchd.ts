// Start at login on a Mac: two LaunchAgents in the owner's own folder, loaded into the desktop's domain. Written from
// launchd.plist(5) and launchctl(1) and tried against a launchctl of the tests' own: never on a Mac yet.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AgentError } from '../../domain/errors.ts';
import { askProgram, type ProgramAnswer } from '../../platform/service-manager.ts';
import type { Environment, KeepsakePaths } from '../paths.ts';
import type { FoundParts, RemovedParts, SetUp } from './login-way.ts';
import { placeOwnFile, readOwnFile, removeOwnFile } from './own-file.ts';
import { homeFolder, type Program } from './program.ts';
import { type LaunchLabel, launchLabels, renderPlist } from './render.ts';
import { pause } from './running-agent.ts';

const agentLabel = 'org.keepsake.agent';
const questionTimeoutMs = 15_000;
/** Above the property list's own ExitTimeOut. */
const unloadTimeoutMs = 30_000;
const askAgainMs = 250;
/** `bootstrap` right after `bootout` may fail while the old one ends: 5 (input/output error), 37 (operation in progress). */
const busyExitCodes = [5, 37];
const attemptsMax = 20;
/** launchctl(1), `error`: the domain does not support it: nobody is logged in to the desktop, as over SSH. */
const noDesktopExitCodes = [112, 113, 125];

interface Surroundings {
  readonly program: Program;
  readonly carried: Readonly<Record<string, string>>;
  readonly environment: Environment;
  readonly paths: KeepsakePaths;
}

export function plistPath(environment: Environment, label: LaunchLabel): string {
  return join(homeFolder(environment), 'Library/LaunchAgents', `${label}.plist`);
}

/** @throws AgentError SERVICE_FILE_FAILED, SERVICE_REFUSED, SERVICE_UNREACHABLE, SERVICE_START_FAILED */
export async function setUpLaunchd(surroundings: Surroundings): Promise<SetUp> {
  const { program, carried, environment, paths } = surroundings;
  await mkdir(paths.logs, { recursive: true, mode: 0o700 }); // launchd does not make it, and then does not start
  const keptAside: string[] = [];
  let isChanged = false;
  let isForNextLogin = false;
  for (const label of launchLabels) {
    const path = plistPath(environment, label);
    const placed = await placeOwnFile(path, renderPlist(label, { program, carried, logs: paths.logs }));
    isChanged ||= placed.isChanged;
    if (placed.keptAside !== undefined) keptAside.push(placed.keptAside);
    const isLoaded = (await readJob(environment, label)) !== undefined;
    if (isLoaded && placed.isChanged) await unload(environment, label);
    await launchctl(environment, 'enable', target(label)); // it may have been switched off in the system's settings
    if (!isLoaded || placed.isChanged) isForNextLogin = !(await load(environment, path)) || isForNextLogin;
  }
  // After a wanted stop it is loaded and does not run.
  if (!isForNextLogin && (await readJob(environment, agentLabel))?.pid === undefined) {
    await launchctl(environment, 'kickstart', target(agentLabel));
  }
  return { isChanged, keptAside, ...(isForNextLogin ? { isForNextLogin } : {}) };
}

/** False: nobody is logged in to the desktop, which is where it will be loaded by itself. */
async function load(environment: Environment, path: string): Promise<boolean> {
  let answer: ProgramAnswer | undefined;
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    answer = await launchctl(environment, 'bootstrap', domain(), path);
    if (answer.exitCode === 0) return true;
    if (noDesktopExitCodes.includes(answer.exitCode)) return false;
    if (!busyExitCodes.includes(answer.exitCode)) break;
    await pause(askAgainMs);
  }
  const [firstLine = ''] = (answer?.stderr ?? '').trim().split('\n');
  throw new AgentError('SERVICE_REFUSED', `This computer refused to start Keepsake at login (${firstLine}).`, {
    remedy: 'Log out, log in again and repeat what you did. If it stays so, show this line to whoever helps you.',
  });
}

async function unload(environment: Environment, label: LaunchLabel): Promise<boolean> {
  const wasRunning = (await readJob(environment, label))?.pid !== undefined;
  await launchctl(environment, 'bootout', target(label)); // returns before it has ended
  const deadline = performance.now() + unloadTimeoutMs;
  while ((await readJob(environment, label)) !== undefined && performance.now() < deadline) await pause(askAgainMs);
  return wasRunning;
}

export async function readLaunchd({ program, carried, environment, paths }: Surroundings): Promise<FoundParts> {
  const files: FoundParts['files'][number][] = [];
  let isCurrent = true;
  for (const label of launchLabels) {
    const path = plistPath(environment, label);
    const { state, text } = await readOwnFile(path);
    if (state !== 'missing') files.push({ path, state });
    if (text !== renderPlist(label, { program, carried, logs: paths.logs })) isCurrent = false;
  }
  const agent = await readJob(environment, agentLabel);
  const check = await readJob(environment, 'org.keepsake.check');
  const ended = agent?.lastExitCode;
  return {
    files,
    isCurrent,
    isEnabled: agent !== undefined,
    dailyCheck: check !== undefined,
    agent: agent?.pid === undefined ? 'stopped' : 'running',
    ...(agent?.pid === undefined ? {} : { pid: agent.pid }),
    ...(agent?.pid === undefined && ended !== undefined && ended !== 0 ? { trouble: `exit code ${ended}` } : {}),
  };
}

export async function removeLaunchd(environment: Environment): Promise<RemovedParts> {
  const removed: string[] = [];
  const keptAside: string[] = [];
  const left: string[] = [];
  let stopped = false;
  for (const label of launchLabels) {
    const path = plistPath(environment, label);
    const { state } = await readOwnFile(path);
    if (state !== 'foreign' && (await readJob(environment, label)) !== undefined) {
      stopped = (await unload(environment, label)) || stopped;
    }
    const outcome = await removeOwnFile(path);
    if (outcome.isRemoved) removed.push(path);
    if (outcome.isLeft) left.push(path);
    if (outcome.keptAside !== undefined) keptAside.push(outcome.keptAside);
  }
  return { removed, keptAside, left, stopped };
}

interface LaunchJob {
  readonly pid?: number;
  readonly lastExitCode?: number;
}

/** Undefined: it is not loaded. */
async function readJob(environment: Environment, label: LaunchLabel): Promise<LaunchJob | undefined> {
  const answer = await launchctl(environment, 'print', target(label));
  return answer.exitCode === 0 ? parseJob(answer.stdout) : undefined;
}

/**
 * Of what `launchctl print gui/UID/LABEL` shows, `pid = 4242` and `last exit code = 0`. The manual page says that this output
 * is no interface; nothing else tells, and what is not found only means "not running".
 */
export function parseJob(text: string): LaunchJob {
  const pid = /^\s*pid = (\d+)\s*$/m.exec(text)?.[1];
  const ended = /^\s*last exit code = (\d+)\b/m.exec(text)?.[1];
  return {
    ...(pid === undefined ? {} : { pid: Number(pid) }),
    ...(ended === undefined ? {} : { lastExitCode: Number(ended) }),
  };
}

/** @throws AgentError SERVICE_UNREACHABLE */
async function launchctl(environment: Environment, ...args: readonly string[]): Promise<ProgramAnswer> {
  const answer = await askProgram('launchctl', args, { environment, timeoutMs: questionTimeoutMs });
  if (answer !== 'stuck') return answer;
  throw new AgentError('SERVICE_UNREACHABLE', 'The part of this computer that starts programs does not answer.', {
    remedy: 'Restart the computer, then try again.',
  });
}

function domain(): string {
  return `gui/${process.getuid?.() ?? 0}`;
}

function target(label: LaunchLabel): string {
  return `${domain()}/${label}`;
}
