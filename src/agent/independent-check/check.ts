// `keepsake check`, as the system's timer runs it once a day: looks, without the agent, whether the agent is there and everything is
// as it should be, shows the owner what nobody else shows, and tells the one who helps. Needs neither settings nor photos nor a
// state folder that can be written; two at once tell nothing twice.

import { isAgentError } from '../../domain/errors.ts';
import type { Notice } from '../../domain/notice.ts';
import type { Need } from '../../domain/status.ts';
import type { Seams } from '../backup.ts';
import { composeKeepsake, type LocalKeepsake } from '../compose.ts';
import { type Finding, ownFinding } from '../finding.ts';
import { findHelperTrouble, tellHelper } from '../helper/tell-helper.ts';
import type { Environment } from '../paths.ts';
import { hourIn, loadReminders } from '../reminding.ts';
import { type Memory, openMemory, readMemory } from '../small-memory.ts';
import { type AgentLook, lookAtAgent } from './agent-presence.ts';
import { type CheckMemory, checkMemory, nothingChecked } from './check-memory.ts';
import { checkFailed } from './check-words.ts';
import { lookAtRecords, type RecordsLook } from './look-at-records.ts';
import { decideTelling, untold } from './tell-owner.ts';

/** So often in a row the agent may be found well without having reminded in between. */
const idleChecksMax = 3;

export interface CheckOptions {
  readonly environment: Environment;
  readonly seams?: Seams | undefined;
  readonly signal: AbortSignal;
  /** @throws AgentError if this desktop takes no notices. Absent: the desktop's own are used. */
  readonly showNotice?: (notice: Notice) => Promise<void>;
}

/** `--json` prints it as it is. */
export interface CheckResult {
  readonly ok: boolean;
  readonly findings: readonly Need[];
}

export interface CheckOutcome extends CheckResult {
  /** What went wrong in looking itself, for whoever mends Keepsake. */
  readonly mistakes: readonly unknown[];
}

/** @throws the signal's reason. Never for what it finds. */
export async function runIndependentCheck(options: CheckOptions): Promise<CheckOutcome> {
  const { environment, seams, signal } = options;
  const keepsake = composeKeepsake(environment, seams);
  const { paths, clock } = keepsake;
  using memory = await openMemory(checkMemory(paths, environment));
  // Another one is at it, and tells: this one only looks.
  const known =
    (memory === undefined ? await readMemory(checkMemory(paths, environment)) : memory.value) ?? nothingChecked;
  const { agent, records, findings, mistakes } = await lookAtAll({ keepsake, environment, known, signal });
  const { settings } = records;
  const helper = settings && { paths, environment, settings, clock, signal };
  if (helper !== undefined)
    await tellHelper({ ...helper, findFindings: async () => findings }).catch((error: unknown) => {
      if (signal.aborted) throw error;
      mistakes.push(error); // the owner is told all the same
    });
  const trouble = helper === undefined ? [] : await findHelperTrouble(helper);
  const all = [...findings, ...trouble.map((need) => ownFinding(need, 'remind'))];
  if (memory !== undefined) await tellOwner(all, { ...options, keepsake, memory, known, agent, records });
  const needs = all.map(({ code, message, remedy }) => ({ code, message, remedy }));
  return { ok: all.length === 0, findings: needs, mistakes };
}

/** Only looks: what the check would find now. @throws the signal's reason */
export async function findAllNow(options: Omit<CheckOptions, 'showNotice'>): Promise<readonly Finding[]> {
  const { environment, seams, signal } = options;
  const keepsake = composeKeepsake(environment, seams);
  const known = (await readMemory(checkMemory(keepsake.paths, environment))) ?? nothingChecked;
  return (await lookAtAll({ keepsake, environment, known, signal })).findings;
}

async function lookAtAll(options: {
  readonly keepsake: LocalKeepsake;
  readonly environment: Environment;
  readonly known: CheckMemory;
  readonly signal: AbortSignal;
}) {
  const { keepsake, environment, known, signal } = options;
  const { paths, clock } = keepsake;
  const mistakes: unknown[] = [];
  /** This is what is left when all else has failed: a mistake of its own must not keep it from telling the rest. */
  const despiteMistakes = async <Look>(look: Promise<Look>, none: Look): Promise<Look> => {
    try {
      return await look;
    } catch (error) {
      if (signal.aborted) throw error;
      mistakes.push(error);
      return none;
    }
  };
  const seenAtMs = known.agentSeenAtMs;
  const agent = await despiteMistakes<AgentLook>(lookAtAgent({ keepsake, environment, seenAtMs, signal }), {
    ...{ presence: 'absent', findings: [] },
  });
  const looking = lookAtRecords({ paths, environment, nowMs: clock.nowMs(), isThorough: true });
  const records = await despiteMistakes<RecordsLook>(looking, {
    ...{ findings: [], settings: undefined, isPaused: false, isClockInDoubt: false },
  });
  const failed = mistakes.length === 0 ? [] : [ownFinding(checkFailed, 'serious')];
  return { agent, records, findings: [...failed, ...agent.findings, ...records.findings], mistakes };
}

interface TellOwnerOptions extends CheckOptions {
  readonly keepsake: LocalKeepsake;
  readonly memory: Memory<CheckMemory>;
  readonly known: CheckMemory;
  readonly agent: AgentLook;
  readonly records: RecordsLook;
}

async function tellOwner(findings: readonly Finding[], options: TellOwnerOptions): Promise<void> {
  const { keepsake, memory, known, agent, records } = options;
  const nowMs = keepsake.clock.nowMs();
  // Without settings that can be read, the night is that of this computer.
  const timeZone = records.settings?.timeZone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  const toldByAgent = await loadReminders(keepsake.paths.reminders);
  const isWell = agent.presence === 'well';
  // It ran then and runs now, and has not looked in between, which it does once in an hour. A computer may have slept in between; that
  // it did so each time is as bad for its owner as an agent whose reminders do not work.
  const isIdle = isWell && known.wasAgentWell && (toldByAgent.lastLookedAtMs ?? nowMs) < known.lookedAtMs;
  const idleChecks = isIdle ? known.idleChecks + 1 : 0;
  const sinceMs = Object.fromEntries(
    findings.map(({ key }) => [key, Math.min(known.sinceMs[key] ?? nowMs, nowMs)] as const),
  );
  const telling = decideTelling({
    ...{ findings, sinceMs, nowMs, toldByAgent, told: known.reminders, localHour: hourIn(timeZone, nowMs) },
    ...{ isPaused: records.isPaused, isClockInDoubt: records.isClockInDoubt },
    datesAheadSinceMs: records.datesAheadSinceMs,
    isAgentWell: isWell && idleChecks < idleChecksMax,
  });
  const agentSeenAtMs = agent.presence === 'absent' ? known.agentSeenAtMs : nowMs;
  const next: CheckMemory = {
    ...{ lookedAtMs: nowMs, wasAgentWell: isWell && !records.isPaused, idleChecks, sinceMs, reminders: telling.state },
    ...(agentSeenAtMs === undefined ? {} : { agentSeenAtMs }),
    ...(records.damagedCatalog === undefined ? {} : { damagedCatalog: records.damagedCatalog }),
  };
  try {
    await memory.save(next);
  } catch (error) {
    if (!isAgentError(error, 'STATE_WRITE_FAILED')) throw error;
    return; // what cannot be remembered is not told on the desktop: it would be told every day
  }
  const failed = await showAll(telling.tell, options);
  if (failed.length > 0) {
    // Nobody saw them: they are due again tomorrow. The folder was written a moment ago; if it is full now, they wait 3 days.
    const reminders = untold(telling.state, known.reminders, failed);
    await memory.save({ ...next, reminders }).catch(() => undefined);
  }
}

/** Returns the keys of what could not be shown. */
async function showAll(findings: readonly Finding[], options: TellOwnerOptions): Promise<readonly string[]> {
  if (findings.length === 0) return [];
  await using desktop = await openDesktop(options);
  const failed: string[] = [];
  for (const finding of findings) {
    try {
      await desktop.show(noticeOf(finding));
    } catch (error) {
      if (!isAgentError(error)) throw error;
      failed.push(finding.key);
    }
  }
  return failed;
}

/** Without buttons, and to go away by itself: when somebody presses one, or all is well again, this process is gone. */
function noticeOf({ key, name, message, remedy }: Finding): Notice {
  const body = `${message} ${remedy}`.trim();
  return { key, title: name ?? 'Keepsake', body, buttons: [], weight: 'normal' };
}

interface Desktop extends AsyncDisposable {
  show(notice: Notice): Promise<void>;
}

async function openDesktop({ showNotice, environment, keepsake }: TellOwnerOptions): Promise<Desktop> {
  if (showNotice !== undefined) return { show: showNotice, [Symbol.asyncDispose]: async () => undefined };
  const { openNoticeService } = await import('../../notify/notices/notice-service.ts');
  const { pino } = await import('pino');
  // The agent has the log open, and two would rotate it under each other. What fails here is in what the check returns.
  const log = pino({ level: 'silent' });
  return openNoticeService({ environment, log, clock: keepsake.clock, onWish: () => undefined, isShortLived: true });
}
