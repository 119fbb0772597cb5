// When the person who helps is told: when it is not as they were told last, once a month to say that it still works, and each day where
// their service counts on it. Not of what changes to and fro all day. Pure: it decides, someone else sends and stores.

import * as v from 'valibot';
import type { OverdueLevel } from '../../domain/overdue.ts';
import { dayMs } from '../../domain/safety.ts';
import { finite, recordOf } from '../../platform/shapes.ts';
import type { Finding } from '../finding.ts';
import { type HelperFact, type HelperMessage, helperFact } from './helper-message.ts';

export const summaryDays = 30;
/** Something that comes and goes all day is told this often in 24 hours, and then again when that has passed. */
export const changesPerDayMax = 4;
/** Short of a day: the check that runs once a day does so a little earlier or later. */
const aliveMs = 20 * 3_600_000;

const targetSchema = v.object({
  /** What was told last. Absent: nothing yet. */
  told: v.optional(v.object({ facts: recordOf(v.picklist(['remind', 'serious'])) })),
  lastSentAtMs: v.optional(finite),
  lastSummaryAtMs: v.optional(finite),
  /** Of changes, the latest last. */
  changesAtMs: v.array(finite),
  lastTriedAtMs: v.optional(finite),
  /** Since when nothing got through. */
  failing: v.optional(v.object({ sinceMs: finite, why: v.string() })),
});

export const helperMemorySchema = v.object({
  version: v.literal(1),
  /** Since when all was well, or was not. */
  state: v.optional(v.object({ isOk: v.boolean(), sinceMs: finite })),
  /** What is so now, by the findings' keys, and since when that was noticed. */
  sinceMs: recordOf(finite),
  /** By a digest of where it goes: another address is told anew. */
  targets: recordOf(targetSchema),
});

export type TargetMemory = v.InferOutput<typeof targetSchema>;
export type HelperMemory = v.InferOutput<typeof helperMemorySchema>;

export const nobodyTold: HelperMemory = { version: 1, sinceMs: {}, targets: {} };
export const nothingSent: TargetMemory = { changesAtMs: [] };

/** What is so now, with since when. */
export interface HelperLook {
  readonly memory: HelperMemory;
  readonly facts: readonly { readonly key: string; readonly level: OverdueLevel; readonly fact: HelperFact }[];
  readonly sinceMs: number;
}

export function lookForHelper(findings: readonly Finding[], before: HelperMemory, nowMs: number): HelperLook {
  const since = (key: string) => Math.min(before.sinceMs[key] ?? nowMs, nowMs);
  const sinceMs = Object.fromEntries(findings.map(({ key }) => [key, since(key)]));
  const facts = findings.flatMap((finding) => {
    const { key, level, tellAfterDays = 0 } = finding;
    const days = Math.floor((nowMs - since(key)) / dayMs);
    return days < tellAfterDays ? [] : [{ key, level, fact: helperFact(finding, days) }];
  });
  const isOk = facts.length === 0;
  const state = before.state?.isOk === isOk ? before.state : { isOk, sinceMs: nowMs };
  return { memory: { ...before, state, sinceMs }, facts, sinceMs: Math.min(state.sinceMs, nowMs) };
}

/** Undefined: nothing is to be sent. */
export function whatToSend(
  { facts }: Pick<HelperLook, 'facts'>,
  { told, lastSentAtMs, lastSummaryAtMs, changesAtMs }: TargetMemory,
  { nowMs, isAliveWanted }: { readonly nowMs: number; readonly isAliveWanted: boolean },
): Exclude<HelperMessage['kind'], 'test'> | undefined {
  const isNews =
    told === undefined
      ? facts.length > 0
      : isOtherState(facts, told.facts) || facts.some((each) => isNew(each, told.facts));
  const changesToday = changesAtMs.filter((atMs) => Math.abs(nowMs - atMs) < dayMs);
  if (isNews && changesToday.length < changesPerDayMax) return 'change';
  if (isNews) return undefined; // a summary would say the same
  // By distance: of a clock that was set back, none of these lies ahead for longer than it would take.
  if (lastSummaryAtMs === undefined || Math.abs(nowMs - lastSummaryAtMs) >= summaryDays * dayMs) return 'summary';
  const isDue = lastSentAtMs === undefined || Math.abs(nowMs - lastSentAtMs) >= aliveMs;
  return isAliveWanted && isDue ? 'alive' : undefined;
}

/** After it was sent. */
export function noteSent(
  { facts }: Pick<HelperLook, 'facts'>,
  before: TargetMemory,
  { kind, nowMs }: { readonly kind: HelperMessage['kind']; readonly nowMs: number },
): TargetMemory {
  const { failing: _, ...rest } = before;
  return {
    ...rest,
    told: { facts: Object.fromEntries(facts.map(({ key, level }) => [key, level])) },
    lastSentAtMs: nowMs,
    // Whatever was sent says how things stand: the month begins anew, but not with each sign of life.
    ...(kind === 'alive' ? {} : { lastSummaryAtMs: nowMs }),
    changesAtMs: [...before.changesAtMs, ...(kind === 'change' ? [nowMs] : [])].slice(-changesPerDayMax),
  };
}

/** What is over is forgotten, so that it is news when it comes again; that all is well is told before that. */
export function forgetOver({ facts }: Pick<HelperLook, 'facts'>, before: TargetMemory): TargetMemory {
  if (before.told === undefined || facts.length === 0) return before;
  const kept = Object.entries(before.told.facts).filter(([key]) => facts.some((each) => each.key === key));
  if (kept.length === 0) return before; // something else is so now: the change says it
  return { ...before, told: { facts: Object.fromEntries(kept) } };
}

type ToldFacts = Readonly<Record<string, OverdueLevel>>;

function isOtherState(facts: HelperLook['facts'], told: ToldFacts): boolean {
  return (facts.length === 0) !== (Object.keys(told).length === 0);
}

function isNew({ key, level }: HelperLook['facts'][number], told: ToldFacts): boolean {
  const before = told[key];
  return before === undefined || (before === 'remind' && level === 'serious');
}
