// What is overdue, from facts and a clock: photos of a phone that were not saved for long, a drive with photos waiting, a check that
// is due, new copies that were not read back. Computed from the last verified success, never from "it ran", with the reason why not.
// Cards and folders are never overdue. What of this the owner is told, and when: `reminders.ts`; in which words: `overdue-words.ts`.

import type { ErrorCode } from './errors.ts';
import type { DriveId, SourceId } from './ids.ts';
import { ageMs, type ClockFacts, checkPeriodMs, dayMs, isAhead, isTooOld } from './safety.ts';

/** Days since the last verified success of a phone. */
const phoneDays = { remind: 14, serious: 30 } as const;
/** Days that photos wait for a drive; at twice that it is serious. */
const waitingDays = { atHome: 30, elsewhere: 90 } as const;
const seriousFactor = 2;
/** New copies are read back within this while their drive is attached and the computer awake. */
const readBackMsMax = dayMs;
/** A computer that has just woken has had no time to read back. */
const awakeMsMin = 3_600_000;
/** A clock that has run on for so long with dates ahead of it is believed, and the dates are not: silence must end some day. */
const doubtDaysMax = 14;
/** A snooze that ends later than this was set by a clock that was wrong. */
const snoozeDaysMax = 366;
/** A cable that comes loose and is put back is one visit. */
const sameVisitMs = 3_600_000;

export type OverdueLevel = 'remind' | 'serious';

/** Somebody connected it, and it did not come to a success. */
export interface Visit {
  readonly atMs: number;
  readonly code: ErrorCode;
}

/** A source as far as time is concerned. Give all: which of them can be overdue is decided here. */
export interface WatchedSource {
  readonly id: SourceId;
  readonly name: string;
  readonly kind: string;
  readonly decision: 'ask' | 'always' | 'never' | 'retired';
  /** When its owner said yes to it. */
  readonly enrolledAtMs: number;
  /**
   * When all that could be had from it was saved: the latest by date and the last that happened, which differ where a clock was
   * wrong for a while. Empty: never.
   */
  readonly successesAtMs: readonly number[];
  /** Those since the last success; earlier ones are ignored. */
  readonly visits: readonly Visit[];
  /** The owner asked for silence until then. */
  readonly snoozedUntilMs?: number;
  readonly isConnected: boolean;
}

/** A drive as far as time is concerned. */
export interface WatchedDrive {
  readonly id: DriveId;
  readonly name: string;
  readonly isElsewhere: boolean;
  readonly enrolledAtMs: number;
  /** When all of the library was last on it and read back. */
  readonly lastCopiedAtMs?: number;
  /** When it was last attached. */
  readonly lastSeenAtMs?: number;
  /** Since when it is attached: now less what the monotonic clock counted since. Absent: it is not. */
  readonly attachedSinceMs?: number;
  /** What the library has and it has not. Absent: nothing. */
  readonly waiting?: { readonly files: number; readonly oldestAtMs: number };
  /** What was copied to it and not read back yet. Absent: nothing. */
  readonly unread?: { readonly files: number; readonly oldestAtMs: number };
  /** Of all files on it, when the one that was proven longest ago was proven. Absent: there is none on it. */
  readonly oldestProvenAtMs?: number;
  /** Times that it was attached since and copying did not come to its end. */
  readonly visits: readonly Visit[];
}

/** With `datesAheadSinceMs` as the last report said it; nothing else has to be remembered between two looks. */
export interface OverdueFacts extends ClockFacts {
  /** Since when the computer is awake this time, likewise by the monotonic clock. Absent: for long. */
  readonly awakeSinceMs?: number;
  readonly sources: readonly WatchedSource[];
  readonly drives: readonly WatchedDrive[];
  /** Of all files in the library, when the one that was proven longest ago was proven: saved or checked. Absent: it is empty. */
  readonly libraryOldestProvenAtMs?: number;
}

/** Why not, from the visits since the last success. */
export interface VisitsSince {
  readonly count: number;
  /** Each code once, that of the last visit first. */
  readonly codes: readonly [ErrorCode, ...ErrorCode[]];
}

interface OverdueBase {
  /** The same as long as it is the same thing that is overdue: to remember what was told. */
  readonly key: string;
  readonly level: OverdueLevel;
  readonly ageDays: number;
}

export type Overdue = OverdueBase &
  (
    | {
        readonly kind: 'phoneNotSaved';
        readonly sourceId: SourceId;
        readonly name: string;
        /** What the age is counted from: the last success, or, where there was none since, its enrolment. */
        readonly since: 'lastSuccess' | 'enrolment';
        readonly isConnected: boolean;
        readonly visits?: VisitsSince;
      }
    | {
        readonly kind: 'driveWaiting';
        readonly driveId: DriveId;
        readonly name: string;
        readonly isElsewhere: boolean;
        readonly isAttached: boolean;
        readonly files: number;
        /** Days since it was last attached, if it is known and not attached now. */
        readonly unseenDays?: number;
        readonly visits?: VisitsSince;
      }
    | {
        readonly kind: 'driveCheckDue';
        readonly driveId: DriveId;
        readonly name: string;
        readonly isElsewhere: boolean;
        readonly isAttached: boolean;
      }
    | { readonly kind: 'libraryCheckDue' }
    | {
        readonly kind: 'copiesNotReadBack';
        readonly driveId: DriveId;
        readonly name: string;
        readonly files: number;
      }
  );

export interface OverdueReport {
  /** The clock lies before what it has noted itself: nothing can be called overdue by it. */
  readonly isClockInDoubt: boolean;
  /** To be kept and given to the next look; absent if all dates can be. */
  readonly datesAheadSinceMs?: number;
  /** The serious first, then what is overdue longest. Empty while the clock is in doubt. */
  readonly overdue: readonly Overdue[];
}

/** Everything that is overdue now. Pure: the same facts give the same report. */
export function findOverdue(facts: OverdueFacts): OverdueReport {
  const { nowMs } = facts;
  const sources = facts.sources.filter(({ kind, decision }) => kind === 'iphone' && decision === 'always');
  const sinceMs = datesAheadSince({ ...facts, sources });
  const isClockInDoubt = sinceMs !== undefined && nowMs - sinceMs < doubtDaysMax * dayMs;
  const ahead = sinceMs === undefined ? {} : { datesAheadSinceMs: sinceMs };
  if (isClockInDoubt) return { isClockInDoubt, ...ahead, overdue: [] };
  const clock: ClockFacts = { nowMs, ...ahead };
  const overdue = [
    ...sources.flatMap((source) => phoneNotSaved(source, clock)),
    ...facts.drives.flatMap((drive) => [
      ...driveWaiting(drive, clock),
      ...driveCheckDue(drive, clock),
      ...copiesNotReadBack(drive, clock, facts.awakeSinceMs),
    ]),
    ...libraryCheckDue(facts.libraryOldestProvenAtMs, clock),
  ];
  return { isClockInDoubt, ...ahead, overdue: overdue.toSorted(byWeight) };
}

function byWeight(one: Overdue, other: Overdue): number {
  if (one.level !== other.level) return one.level === 'serious' ? -1 : 1;
  return other.ageDays - one.ageDays;
}

/** Undefined if none of the dates lies ahead of the clock. */
function datesAheadSince({ nowMs, datesAheadSinceMs, ...facts }: OverdueFacts): number | undefined {
  // Successes only. That a device was seen is noted many times a day, and by every clock that is wrong for a minute.
  const dates = [
    facts.libraryOldestProvenAtMs,
    ...facts.sources.flatMap(({ enrolledAtMs, successesAtMs }) => [enrolledAtMs, ...successesAtMs]),
    ...facts.drives.flatMap((drive) => [
      drive.enrolledAtMs,
      drive.lastCopiedAtMs,
      drive.waiting?.oldestAtMs,
      drive.unread?.oldestAtMs,
      drive.oldestProvenAtMs,
    ]),
  ];
  if (!dates.some((atMs) => atMs !== undefined && isAhead(atMs, nowMs))) return undefined;
  // What was remembered lies ahead itself: the clock went back once more, and its time starts anew.
  return datesAheadSinceMs === undefined || datesAheadSinceMs > nowMs ? nowMs : datesAheadSinceMs;
}

function phoneNotSaved(source: WatchedSource, clock: ClockFacts): Overdue[] {
  const { id, name, enrolledAtMs, successesAtMs, isConnected } = source;
  if (isSnoozed(source.snoozedUntilMs, clock.nowMs)) return [];
  // A success dated before the enrolment was noted by a wrong clock: it was not before, so the enrolment bounds its age.
  const successAge = Math.min(...successesAtMs.map((atMs) => ageMs(atMs, clock)));
  const age = Math.min(successAge, ageMs(enrolledAtMs, clock));
  if (age < phoneDays.remind * dayMs) return [];
  return [
    {
      kind: 'phoneNotSaved',
      key: `phone:${id}`,
      level: age >= phoneDays.serious * dayMs ? 'serious' : 'remind',
      ageDays: wholeDays(age),
      sourceId: id,
      name,
      since: successAge === age ? 'lastSuccess' : 'enrolment',
      isConnected,
      ...visitsSince(source.visits, age, clock),
    },
  ];
}

function isSnoozed(untilMs: number | undefined, nowMs: number): boolean {
  return untilMs !== undefined && untilMs > nowMs && untilMs - nowMs <= snoozeDaysMax * dayMs;
}

function driveWaiting(drive: WatchedDrive, clock: ClockFacts): Overdue[] {
  const { id, name, isElsewhere, waiting, lastSeenAtMs } = drive;
  if (waiting === undefined || waiting.files === 0) return [];
  // Nothing waits for a drive from before it was enrolled, or from before all was on it.
  const since = [waiting.oldestAtMs, drive.enrolledAtMs, ...given(drive.lastCopiedAtMs)];
  const age = Math.min(...since.map((atMs) => ageMs(atMs, clock)));
  const limitMs = dayMs * (isElsewhere ? waitingDays.elsewhere : waitingDays.atHome);
  if (age < limitMs) return [];
  const isAttached = drive.attachedSinceMs !== undefined;
  return [
    {
      kind: 'driveWaiting',
      key: `driveWaiting:${id}`,
      level: age >= seriousFactor * limitMs ? 'serious' : 'remind',
      ageDays: wholeDays(age),
      driveId: id,
      name,
      isElsewhere,
      isAttached,
      files: waiting.files,
      ...(isAttached || lastSeenAtMs === undefined ? {} : { unseenDays: wholeDays(ageMs(lastSeenAtMs, clock)) }),
      ...visitsSince(drive.visits, age, clock),
    },
  ];
}

function driveCheckDue(drive: WatchedDrive, clock: ClockFacts): Overdue[] {
  const { id, name, isElsewhere, oldestProvenAtMs } = drive;
  if (oldestProvenAtMs === undefined) return [];
  const age = ageMs(oldestProvenAtMs, clock);
  if (age < checkPeriodMs(isElsewhere)) return [];
  return [
    {
      kind: 'driveCheckDue',
      key: `driveCheckDue:${id}`,
      level: isTooOld(age, isElsewhere) ? 'serious' : 'remind',
      ageDays: wholeDays(age),
      driveId: id,
      name,
      isElsewhere,
      isAttached: drive.attachedSinceMs !== undefined,
    },
  ];
}

function libraryCheckDue(oldestProvenAtMs: number | undefined, clock: ClockFacts): Overdue[] {
  if (oldestProvenAtMs === undefined) return [];
  const age = ageMs(oldestProvenAtMs, clock);
  if (age < checkPeriodMs(false)) return [];
  const level = isTooOld(age, false) ? 'serious' : 'remind';
  return [{ kind: 'libraryCheckDue', key: 'libraryCheckDue', level, ageDays: wholeDays(age) }];
}

/** Only while the drive is attached: in a drawer nothing can be read, and it is its check that falls due there. */
function copiesNotReadBack(drive: WatchedDrive, clock: ClockFacts, awakeSinceMs: number | undefined): Overdue[] {
  const { id, name, unread, attachedSinceMs } = drive;
  if (unread === undefined || unread.files === 0 || attachedSinceMs === undefined) return [];
  if (awakeSinceMs !== undefined && ageMs(awakeSinceMs, clock) < awakeMsMin) return [];
  const age = Math.min(ageMs(unread.oldestAtMs, clock), ageMs(attachedSinceMs, clock));
  if (age < readBackMsMax) return [];
  return [
    {
      kind: 'copiesNotReadBack',
      key: `copiesNotReadBack:${id}`,
      level: 'remind',
      ageDays: wholeDays(age),
      driveId: id,
      name,
      files: unread.files,
    },
  ];
}

/** Visits younger than the success, those in quick succession once with what came of the last. */
function visitsSince(
  visits: readonly Visit[],
  successAgeMs: number,
  clock: ClockFacts,
): { readonly visits?: VisitsSince } {
  const merged: Visit[] = [];
  let previousAtMs = -Infinity;
  for (const visit of visits.toSorted((one, other) => one.atMs - other.atMs)) {
    if (ageMs(visit.atMs, clock) >= successAgeMs) continue;
    if (visit.atMs - previousAtMs < sameVisitMs) merged.pop();
    merged.push(visit);
    previousAtMs = visit.atMs;
  }
  const [last, ...others] = [...new Set(merged.toReversed().map(({ code }) => code))];
  return last === undefined ? {} : { visits: { count: merged.length, codes: [last, ...others] } };
}

function wholeDays(durationMs: number): number {
  return Math.floor(durationMs / dayMs);
}

function given(atMs: number | undefined): readonly number[] {
  return atMs === undefined ? [] : [atMs];
}
