// When the owner is told of what is overdue: at most once in 3 days for each thing, less often the longer it goes on, at once when
// it becomes serious, never at night, and not at all while the clock is in doubt. Pure: it decides, someone else shows and stores.
// To keep its promise over a crash, store the new state first and show then: a reminder too few is better than one too many.

import type { OverdueLevel, OverdueReport } from './overdue.ts';
import { dayMs } from './safety.ts';

/** Days from one reminder of a thing to the next; from then on the last of them. The first is the least there may ever be. */
export const reminderDays = [3, 6, 12, 14] as const;

/** Local hours in which nobody is told anything, from the first up to but not including the second. */
export interface QuietHours {
  readonly fromHour: number;
  readonly untilHour: number;
}
export const nightHours: QuietHours = { fromHour: 21, untilHour: 9 };

/** A look that comes later than this after the one before it: the computer slept, was off, or its clock was set. */
const leapMsMin = 2 * 3_600_000;
/** After a leap of more than this, and at the very first look, the clock may be set right in a moment and the owner may be about to connect the phone. */
const absenceMsMin = 36 * 3_600_000;
const settleMs = 600_000;

interface SetBack {
  readonly byMs: number;
  readonly atMs: number;
}

/** What was told of one thing. */
export interface Told {
  /** By the steady time below, not by the clock. */
  readonly lastToldAtMs: number;
  /** Since it became overdue, or since it became serious. 0: it has recovered, and is kept only for the time of its last telling. */
  readonly timesTold: number;
  /** The highest it was told at. */
  readonly level: OverdueLevel;
}

/**
 * Everything that has to be remembered between two looks; JSON takes it as it is.
 * *Steady time* goes as the clock goes, but never back, and not along with a clock that is set wrong and right again.
 */
export interface ReminderState {
  /** By the clock. Absent, as steady time is: this is the first look ever. */
  readonly lastLookedAtMs?: number;
  readonly steadyMs?: number;
  /** The last leap forward: sleep, unless the clock goes back by as much. */
  readonly lastLeapMs: number;
  /** By how much the clock was set back, and at which steady time; until it leaps over that. */
  readonly setBack?: SetBack;
  /** Steady time at which the computer came back from an absence. */
  readonly cameBackAtMs?: number;
  /** Goes into the facts of the next look (`OverdueFacts`). */
  readonly datesAheadSinceMs?: number;
  readonly told: Readonly<Record<string, Told>>;
}

export const nothingTold: ReminderState = { lastLeapMs: 0, told: {} };

/** What can be told, and again: something overdue, or anything else that stays so until somebody does something. */
export interface StandingFact {
  /** The same as long as it is the same thing. */
  readonly key: string;
  readonly level: OverdueLevel;
}

export interface ReminderLook<Fact extends StandingFact> {
  readonly report: Omit<OverdueReport, 'overdue'> & {
    /** The most serious first. */
    readonly overdue: readonly Fact[];
  };
  readonly state: ReminderState;
  readonly nowMs: number;
  /** Local time of day in hours, 0 to 23; a fraction may follow. */
  readonly localHour: number;
  readonly quietHours?: QuietHours;
}

export interface ReminderDecision<Fact extends StandingFact> {
  /** The most serious first. */
  readonly tell: readonly Fact[];
  /** To be stored before anything is shown. */
  readonly state: ReminderState;
  /** Only after an absence: look again then, rather than at the usual time, in case the computer is not awake for long. */
  readonly lookAgainInMs?: number;
}

/** What to tell now. To be asked at least once an hour while the computer is awake. */
export function decideReminders<Fact extends StandingFact>({
  report,
  state,
  nowMs,
  localHour,
  quietHours = nightHours,
}: ReminderLook<Fact>): ReminderDecision<Fact> {
  const { time, unseen } = passTime(state, nowMs);
  const { steadyMs, cameBackAtMs } = time;
  const before = mapTold(state.told, (each) => {
    // What was told while the clock was set back was told after some of what passed unseen: after all of it, to be sure.
    const laterMs = unseen !== undefined && each.lastToldAtMs >= unseen.sinceMs ? unseen.byMs : 0;
    // What was told during a leap that is undone lies ahead: it was told just now.
    return { ...each, lastToldAtMs: Math.min(each.lastToldAtMs + laterMs, steadyMs) };
  });
  const ahead = report.datesAheadSinceMs === undefined ? {} : { datesAheadSinceMs: report.datesAheadSinceMs };
  const again = cameBackAtMs === undefined ? {} : { lookAgainInMs: cameBackAtMs + settleMs - steadyMs };
  if (report.isClockInDoubt) return { tell: [], state: { ...time, ...ahead, told: before }, ...again };
  const overdueKeys = new Set(report.overdue.map(({ key }) => key));
  // Until the computer has settled nothing is believed to have recovered either: the clock may be wrong for a moment.
  const isSettling = cameBackAtMs !== undefined;
  const told = mapTold(before, (each, key) => (isSettling || overdueKeys.has(key) ? each : recovered(each, steadyMs)));
  const tell =
    isSettling || isQuiet(localHour, quietHours)
      ? []
      : report.overdue.filter((each) => isToBeTold(each, told[each.key], steadyMs));
  const next = {
    ...told,
    ...Object.fromEntries(tell.map((each) => [each.key, nowTold(each, told[each.key], steadyMs)])),
  };
  return { tell, state: { ...time, ...ahead, told: next }, ...again };
}

function isToBeTold(overdue: StandingFact, told: Told | undefined, steadyMs: number): boolean {
  if (told === undefined) return true;
  const times = hasRisen(overdue, told) ? 0 : told.timesTold;
  // Told n times, the n-th interval has to pass; anew, the least.
  const days = reminderDays[Math.min(Math.max(times - 1, 0), reminderDays.length - 1)] ?? reminderDays[0];
  return steadyMs - told.lastToldAtMs >= days * dayMs;
}

function nowTold(overdue: StandingFact, told: Told | undefined, steadyMs: number): Told {
  const isAnew = told === undefined || told.timesTold === 0;
  const wasSerious = !isAnew && told.level === 'serious';
  return {
    lastToldAtMs: steadyMs,
    timesTold: isAnew || hasRisen(overdue, told) ? 1 : told.timesTold + 1,
    level: wasSerious ? 'serious' : overdue.level,
  };
}

function hasRisen(overdue: StandingFact, told: Told): boolean {
  return overdue.level === 'serious' && told.level === 'remind';
}

/** What is no longer overdue begins anew next time, but not within the least interval of when it was told. */
function recovered(told: Told, steadyMs: number): Told | undefined {
  if (steadyMs - told.lastToldAtMs >= reminderDays[0] * dayMs) return undefined;
  return { lastToldAtMs: told.lastToldAtMs, timesTold: 0, level: 'remind' };
}

/** True if `localHour` lies in them, also over midnight. Two equal hours: never. */
export function isQuiet(localHour: number, { fromHour, untilHour }: QuietHours): boolean {
  return fromHour <= untilHour
    ? localHour >= fromHour && localHour < untilHour
    : localHour >= fromHour || localHour < untilHour;
}

interface PassedTime {
  readonly time: Omit<ReminderState, 'told' | 'datesAheadSinceMs' | 'steadyMs'> & { readonly steadyMs: number };
  readonly unseen?: Unseen;
}

/** Where a clock that was set back is right again: what passed unseen, some of it before it was set back. */
interface Unseen {
  readonly sinceMs: number;
  readonly byMs: number;
}

/**
 * The clock cannot tell sleep from having been set forward, nor a wrong time from a right one. But a step back undoes the leap before
 * it, as far as it goes, and a leap over as much as the clock was set back undoes that: neither is time that passed. Where this is
 * wrong, time has passed that does not count, and a reminder comes later, once.
 */
function passTime(state: ReminderState, nowMs: number): PassedTime {
  const { lastLookedAtMs, steadyMs, lastLeapMs, cameBackAtMs } = state;
  if (lastLookedAtMs === undefined || steadyMs === undefined)
    return { time: { lastLookedAtMs: nowMs, steadyMs: nowMs, lastLeapMs: 0, cameBackAtMs: nowMs } };
  const passedMs = nowMs - lastLookedAtMs;
  const { unseen, ...moved } = moveTime({ ...state, steadyMs, passedMs });
  const backAtMs = Math.abs(passedMs) > absenceMsMin ? moved.steadyMs : cameBackAtMs;
  const isSettling = backAtMs !== undefined && moved.steadyMs >= backAtMs && moved.steadyMs - backAtMs < settleMs;
  const time = { lastLookedAtMs: nowMs, lastLeapMs, ...moved, ...(isSettling ? { cameBackAtMs: backAtMs } : {}) };
  return unseen === undefined ? { time } : { time, unseen };
}

function moveTime(from: {
  readonly steadyMs: number;
  readonly passedMs: number;
  readonly lastLeapMs: number;
  readonly setBack?: SetBack;
}): { readonly steadyMs: number; readonly lastLeapMs?: number; readonly setBack?: SetBack; readonly unseen?: Unseen } {
  const { steadyMs, passedMs, lastLeapMs, setBack } = from;
  const kept = setBack === undefined ? {} : { setBack };
  if (passedMs <= -leapMsMin) {
    const undoneMs = Math.min(lastLeapMs, -passedMs);
    const atMs = steadyMs - undoneMs;
    const added = { byMs: (setBack?.byMs ?? 0) - passedMs, atMs: Math.min(setBack?.atMs ?? atMs, atMs) };
    return { steadyMs: atMs, lastLeapMs: lastLeapMs - undoneMs, setBack: added };
  }
  if (passedMs < leapMsMin) return { steadyMs: steadyMs + Math.max(0, passedMs), ...kept };
  if (setBack === undefined || passedMs < setBack.byMs)
    return { steadyMs: steadyMs + passedMs, lastLeapMs: passedMs, ...kept };
  const byMs = passedMs - setBack.byMs;
  return { steadyMs: steadyMs + byMs, lastLeapMs: byMs, unseen: { sinceMs: setBack.atMs, byMs } };
}

function mapTold(
  told: ReminderState['told'],
  change: (told: Told, key: string) => Told | undefined,
): Record<string, Told> {
  return Object.fromEntries(
    Object.entries(told).flatMap(([key, each]) => {
      const changed = change(each, key);
      return changed === undefined ? [] : [[key, changed] as const];
    }),
  );
}
