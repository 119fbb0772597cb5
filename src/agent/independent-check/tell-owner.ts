// Which of the findings the owner is shown now: by the rules of the agent's reminders, and only what the agent does not tell itself.
// Pure; someone else shows and stores.

import { decideReminders, type ReminderState } from '../../domain/reminders.ts';
import { dayMs } from '../../domain/safety.ts';
import type { Finding } from '../finding.ts';
import { withToldBy } from './told-elsewhere.ts';

export interface TellingFacts {
  readonly findings: readonly Finding[];
  /** The agent is there, answers, and has reminded of late: what is its own to tell, it tells. */
  readonly isAgentWell: boolean;
  /** Its owner wants not to be reminded; what is broken is told all the same. */
  readonly isPaused: boolean;
  readonly isClockInDoubt: boolean;
  readonly datesAheadSinceMs: number | undefined;
  /** By the findings' keys: since when each has been so. */
  readonly sinceMs: Readonly<Record<string, number>>;
  readonly told: ReminderState;
  readonly toldByAgent: ReminderState;
  readonly nowMs: number;
  /** Local, 0 to 23. */
  readonly localHour: number;
}

export interface Telling {
  readonly tell: readonly Finding[];
  /** To be stored before anything is shown. */
  readonly state: ReminderState;
}

export function decideTelling(facts: TellingFacts): Telling {
  const { isClockInDoubt, datesAheadSinceMs, nowMs, localHour } = facts;
  const report = {
    isClockInDoubt,
    ...(datesAheadSinceMs === undefined ? {} : { datesAheadSinceMs }),
    overdue: oneOfEachKey(facts.findings.filter((finding) => isOurs(finding, facts))).toSorted(seriousFirst),
  };
  const look = { report, localHour };
  const state = withToldBy(facts.told, facts.toldByAgent, nowMs);
  const now = decideReminders({ ...look, state, nowMs });
  if (now.lookAgainInMs === undefined) return { tell: now.tell, state: now.state };
  // After an absence the agent waits some minutes and looks again. This is not here in some minutes: it is as if it had looked
  // once before, so long ago.
  const before = decideReminders({ ...look, state, nowMs: nowMs - now.lookAgainInMs });
  const again = decideReminders({ ...look, state: before.state, nowMs });
  return { tell: [...before.tell, ...again.tell], state: again.state };
}

/** What could not be shown was not told: it is as it was before. */
export function untold(state: ReminderState, before: ReminderState, keys: readonly string[]): ReminderState {
  const told = { ...state.told };
  for (const key of keys) {
    const earlier = before.told[key];
    if (earlier === undefined) delete told[key];
    else told[key] = earlier;
  }
  return { ...state, told };
}

function isOurs({ key, isAgents, tellAfterDays = 0 }: Finding, facts: TellingFacts): boolean {
  if (isAgents && (facts.isAgentWell || facts.isPaused)) return false;
  return facts.nowMs - (facts.sinceMs[key] ?? facts.nowMs) >= tellAfterDays * dayMs;
}

function oneOfEachKey(findings: readonly Finding[]): readonly Finding[] {
  return [...new Map(findings.toReversed().map((finding) => [finding.key, finding])).values()].toReversed();
}

function seriousFirst(one: Finding, other: Finding): number {
  return Number(other.level === 'serious') - Number(one.level === 'serious');
}
