// Whether the agent is there, answers, and is wanted at all: from the kernel's list of locks, its socket, what starts it at login and
// what was seen before. Asks the agent for nothing but a sign of life, and takes nothing from one that is just beginning.

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { uptime } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAgentError } from '../../domain/errors.ts';
import { dayMs } from '../../domain/safety.ts';
import { takeExclusiveLock } from '../../platform/exclusive-lock.ts';
import type { LocalKeepsake } from '../compose.ts';
import { type Finding, ownFinding } from '../finding.ts';
import { readLoginStatus } from '../install/install.ts';
import { doesAgentAnswer, findAgentPid } from '../install/running-agent.ts';
import type { Environment, KeepsakePaths } from '../paths.ts';
import * as words from './check-words.ts';

/** Whoever ran it within this, and does not any more, is told: it may have been started by hand each day. */
const seenDaysMax = 14;
/** A stop "until I log in again" that is older was forgotten. */
const stoppedDaysMax = 7;
/** An agent on a computer that has just woken is slow. Each attempt takes 6 s at most. */
const answerAttempts = 3;
/** After a login both may be due at once: on a Mac nothing puts the agent first. */
const startPatienceMs = process.platform === 'darwin' ? 30_000 : 1_500;
const lookAgainMs = 300;

export interface AgentLook {
  readonly presence: 'well' | 'silent' | 'absent';
  readonly findings: readonly Finding[];
}

export interface AgentLookOptions {
  readonly keepsake: LocalKeepsake;
  readonly environment: Environment;
  /** When it was last seen running. */
  readonly seenAtMs: number | undefined;
  readonly signal: AbortSignal;
}

/** Takes some seconds where it does not answer. @throws the signal's reason. */
export async function lookAtAgent(options: AgentLookOptions): Promise<AgentLook> {
  const { keepsake, environment, seenAtMs, signal } = options;
  const { paths, clock } = keepsake;
  const presence = await findPresence(paths, environment, signal);
  if (presence === 'well') return { presence, findings: [] };
  if (presence === 'silent') return { presence, findings: [ownFinding(words.agentSilent, 'serious')] };
  const nowMs = clock.nowMs();
  const stoppedDays = judgeStop(await readIfThere(paths.stopped), { nowMs, upMs: uptime() * 1000 });
  if (stoppedDays !== undefined && stoppedDays < stoppedDaysMax) return { presence, findings: [] };
  if (stoppedDays !== undefined) {
    const found = ownFinding(words.agentStoppedForLong(stoppedDays), 'remind');
    return { presence, findings: [{ ...found, days: stoppedDays }] };
  }
  const days = seenAtMs === undefined ? undefined : wholeDays(nowMs - seenAtMs);
  const isWanted = (days !== undefined && days < seenDaysMax) || (await startsAtLogin(options));
  if (!isWanted) return { presence, findings: [] };
  const found = ownFinding(words.agentNotRunning(days), 'serious');
  return { presence, findings: [{ ...found, ...(days === undefined ? {} : { days }) }] };
}

async function findPresence(
  paths: KeepsakePaths,
  environment: Environment,
  signal: AbortSignal,
): Promise<AgentLook['presence']> {
  const deadlineMs = performance.now() + startPatienceMs;
  let silentTimes = 0;
  for (;;) {
    if (await doesAgentAnswer(paths, environment)) return 'well';
    if (await isLockHeld(paths)) {
      silentTimes += 1;
      if (silentTimes >= answerAttempts) return 'silent';
    } else if (performance.now() >= deadlineMs || !existsSync(paths.agentLock)) return 'absent';
    await sleep(lookAgainMs, undefined, { signal });
  }
}

async function isLockHeld(paths: KeepsakePaths): Promise<boolean> {
  if (process.platform === 'linux') return (await findAgentPid(paths)) !== undefined;
  if (!existsSync(paths.agentLock)) return false;
  try {
    // No list of locks here: for an instant it has to be tried. An agent that begins just then is started once more.
    const lock = takeExclusiveLock(paths.agentLock);
    lock?.release();
    return lock === undefined;
  } catch {
    return false; // a state folder that cannot be read or written is found for itself
  }
}

/**
 * For how many whole days it has been stopped by its owner. Undefined: it is not, or that does not hold any more, because whoever
 * restarted the computer since has logged in since.
 * @param note state/stopped: when that was (ISO 8601)
 * @param upMs since the computer was started
 */
export function judgeStop(
  note: string | undefined,
  { nowMs, upMs }: { readonly nowMs: number; readonly upMs: number },
): number | undefined {
  if (note === undefined) return undefined;
  const stoppedMs = Date.parse(note.trim());
  // A note that cannot be read is one all the same, of just now; one that lies ahead is of a clock that was wrong.
  if (Number.isNaN(stoppedMs) || stoppedMs > nowMs) return 0;
  return stoppedMs < nowMs - upMs ? undefined : wholeDays(nowMs - stoppedMs);
}

async function readIfThere(path: string): Promise<string | undefined> {
  return await readFile(path, 'utf8').catch(() => undefined); // one that may not be read is as good as none
}

async function startsAtLogin({ keepsake, environment }: AgentLookOptions): Promise<boolean> {
  try {
    const status = await readLoginStatus({ keepsake, environment });
    // Started for other folders than these, it is not missed here.
    const isElsewhere = (environment['KEEPSAKE_HOME'] ?? '') !== '' && !status.isCurrent;
    return status.startsAtLogin && !isElsewhere;
  } catch (error) {
    // Who would know cannot be asked: then what was seen of it before has to do.
    if (isAgentError(error)) return false;
    throw error;
  }
}

function wholeDays(durationMs: number): number {
  return Math.max(0, Math.floor(durationMs / dayMs));
}
