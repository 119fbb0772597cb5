// Whether Keepsake starts, answers and reaches its owner: the login, the agent, the icon, a message, and a computer that is awake.

import process from 'node:process';
import { setTimeout } from 'node:timers/promises';
import { pino } from 'pino';
import { isAgentError } from '../../domain/errors.ts';
import { openNoticeService } from '../../notify/notices/notice-service.ts';
import { hasTray } from '../../notify/tray/tray-watcher.ts';
import { runCommand } from '../../platform/bounded-command.ts';
import { hasDisplay, readSessionEnvironment } from '../../platform/service-manager.ts';
import { hasOwner, openSessionBus } from '../../platform/session-bus.ts';
import { readLoginStatus } from '../install/install.ts';
import type { Environment } from '../paths.ts';
import type { Finding } from './check.ts';
import { type DoctorContext, statusOf } from './context.ts';
import * as words from './words.ts';

const slowAnswerMs = 3000;
const busTimeoutMs = 5000;
const messageService = 'org.freedesktop.Notifications';
const trialKey = 'doctor';

export async function lookAtLogin({ keepsake, environment }: DoctorContext): Promise<Finding> {
  const status = await readLoginStatus({ keepsake, environment }).catch((error: unknown) => {
    if (isAgentError(error, 'SERVICE_UNSUPPORTED')) return undefined;
    throw error;
  });
  if (status === undefined) return { result: 'skipped', ...words.login.unsupported };
  const { way, startsAtLogin, dailyCheck, isCurrent, agent, trouble } = status;
  const details = { way, startsAtLogin, dailyCheck, isCurrent, agent, hasTrouble: trouble !== undefined };
  // That is the owner's choice; what it costs is said.
  if (way === 'none') return { result: 'advice', ...words.login.notSetUp, details };
  if (!startsAtLogin) return { result: 'advice', ...words.login.switchedOff, details };
  if (trouble !== undefined && agent !== 'running') return { result: 'fail', ...words.login.trouble, details };
  if (!isCurrent) return { result: 'advice', ...words.login.outdated, details };
  return { result: 'pass', ...words.login.starts, details };
}

export async function lookAtAgent(context: DoctorContext): Promise<Finding> {
  const answer = await context.agent();
  switch (answer.kind) {
    case 'silent':
      return { result: 'fail', ...words.agent.silent };
    case 'failed': {
      const code = isAgentError(answer.error) ? answer.error.code : 'INTERNAL';
      // It runs; what it complains of is found by the check that is about it.
      return { result: 'pass', ...words.agent.answers(answer.afterMs), details: { afterMs: answer.afterMs, code } };
    }
    case 'answered': {
      const { afterMs } = answer;
      return afterMs > slowAnswerMs
        ? { result: 'advice', ...words.agent.slow, details: { afterMs } }
        : { result: 'pass', ...words.agent.answers(afterMs), details: { afterMs } };
    }
    case 'absent': {
      const { keepsake, environment } = context;
      const status = await readLoginStatus({ keepsake, environment }).catch(() => undefined); // said by its own check
      // Whoever has it start at login misses it; whoever starts it by hand may not want it now.
      return status?.startsAtLogin === true
        ? { result: 'fail', ...words.agent.absent }
        : { result: 'advice', ...words.agent.notStarted };
    }
  }
}

export async function lookAtIcon(context: DoctorContext): Promise<Finding> {
  const icon = (await statusOf(context))?.icon; // the agent has tried
  if (icon?.shown === true) return { result: 'pass', ...words.icon.shown };
  if (icon?.shown === false) {
    const { code, message, remedy } = icon.reason;
    return { result: 'advice', meaning: message, nextStep: remedy, details: { code } };
  }
  if (process.platform !== 'linux') return { result: 'skipped', ...words.icon.notTried };
  await using bus = await openSessionBus(await readSessionEnvironment(context.environment), {
    timeoutMs: busTimeoutMs,
  });
  if (bus === undefined) return { result: 'skipped', ...words.icon.noDesktop };
  return (await hasTray(bus))
    ? { result: 'pass', ...words.icon.possible }
    : { result: 'advice', ...words.icon.noPlace };
}

/** A real one, taken back after it could be seen. */
export async function lookAtNotification(context: DoctorContext, signal: AbortSignal): Promise<Finding> {
  const { environment, keepsake, quiet, limits } = context;
  if (quiet === true) return { result: 'skipped', ...words.notification.quiet };
  if (!(await hasDesktop(environment))) return { result: 'skipped', ...words.notification.noDesktop };
  await using notices = openNoticeService({
    ...{ environment, clock: keepsake.clock, log: pino({ level: 'silent' }) },
    onWish: () => undefined, // it has no buttons
  });
  const { title, body } = words.notification;
  try {
    await notices.show({ key: trialKey, title, body, buttons: [], weight: 'quiet' });
    await setTimeout(limits.messageMs, undefined, { signal });
  } catch (error) {
    if (!isAgentError(error, 'NOTICE_UNDELIVERED')) throw error;
    return { result: 'fail', ...words.notification.refused, details: { code: error.code } };
  } finally {
    await notices.withdraw(trialKey);
  }
  return { result: 'pass', ...words.notification.shown };
}

/** Over SSH, say, there may be a bus and nobody on it who shows anything: that is no fault. */
async function hasDesktop(environment: Environment): Promise<boolean> {
  if (process.platform !== 'linux') return true;
  const session = await readSessionEnvironment(environment);
  if (hasDisplay(session)) return true;
  await using bus = await openSessionBus(session, { timeoutMs: busTimeoutMs });
  return bus !== undefined && (await hasOwner(bus, messageService).catch(() => false));
}

/** While plugged in; on a battery it should. */
export async function lookAtPower(): Promise<Finding> {
  const minutes = process.platform === 'darwin' ? await readPmset() : await readLinuxIdle();
  if (minutes === undefined) return { result: 'skipped', ...words.power.unknown };
  return minutes === 'never'
    ? { result: 'pass', ...words.power.awake }
    : { result: 'advice', ...words.power.sleeps(minutes), details: { minutes } };
}

async function readPmset(): Promise<number | 'never' | undefined> {
  const text = await outputOf('/usr/bin/pmset', ['-g', 'custom']);
  return text === undefined ? undefined : parsePmsetSleep(text);
}

/** Pure. pmset(1), `-g custom`: a part for each source of power, in it `sleep MINUTES`, 0 for never. */
export function parsePmsetSleep(text: string): number | 'never' | undefined {
  const part = /^AC Power:\n((?:[ \t].*\n?)*)/m.exec(text)?.[1];
  const minutes = /^\s+sleep\s+(\d+)/m.exec(part ?? '')?.[1];
  return minutes === undefined ? undefined : Number(minutes) || 'never';
}

/** GNOME's own setting, and the system's, which acts without a desktop too. Others keep it elsewhere. */
async function readLinuxIdle(): Promise<number | 'never' | undefined> {
  const schema = 'org.gnome.settings-daemon.plugins.power';
  const [type, timeout, action] = await Promise.all([
    outputOf('gsettings', ['get', schema, 'sleep-inactive-ac-type']),
    outputOf('gsettings', ['get', schema, 'sleep-inactive-ac-timeout']),
    outputOf('busctl', [
      ...['--system', '--timeout=3', 'get-property', 'org.freedesktop.login1', '/org/freedesktop/login1'],
      ...['org.freedesktop.login1.Manager', 'IdleAction'],
    ]),
  ]);
  return judgeLinuxIdle({ type, timeout, action });
}

/** Pure. @param of what gsettings and busctl printed; undefined: they are not there. */
export function judgeLinuxIdle(of: {
  readonly type: string | undefined;
  readonly timeout: string | undefined;
  readonly action: string | undefined;
}): number | 'never' | undefined {
  const isSleep = (text: string) => /suspend|hibernate|shutdown|poweroff|halt/.test(text);
  if (of.type !== undefined && isSleep(of.type)) {
    const seconds = Number(/\d+$/.exec(of.timeout?.trim() ?? '')?.[0] ?? 0);
    if (seconds > 0) return Math.ceil(seconds / 60);
  }
  if (of.action !== undefined && isSleep(of.action)) return 0;
  return of.type === undefined ? undefined : 'never';
}

async function outputOf(command: string, args: readonly string[]): Promise<string | undefined> {
  const answer = await runCommand(command, args);
  return answer === 'stuck' || answer.exitCode !== 0 ? undefined : answer.stdout.toString('utf8');
}
