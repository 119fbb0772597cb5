// What the owner is reminded of now: gathers what is overdue and what else stays wrong until somebody does something, asks what was
// told when, remembers that it is told, and words it.

import { readFile } from 'node:fs/promises';
import * as v from 'valibot';
import type { AbsolutePath } from '../domain/ids.ts';
import type { Standing } from '../domain/news.ts';
import type { Overdue } from '../domain/overdue.ts';
import { describeOverdue } from '../domain/overdue-words.ts';
import { decideReminders, nothingTold, type ReminderState } from '../domain/reminders.ts';
import type { Need } from '../domain/status.ts';
import type { CatalogStore } from '../library/catalog/catalog-store.ts';
import { writeSmallFile } from '../platform/durable-write.ts';
import { finite, recordOf } from '../platform/shapes.ts';
import type { Device } from './devices.ts';
import type { EnrolledDrive } from './drive-register.ts';
import { lastingNeeds, overdueOf } from './drive-status.ts';
import { withToldBy } from './independent-check/told-elsewhere.ts';

/** Of an object that only we write; one that cannot be read begins anew, which at worst tells a thing once more. */
const stateSchema = v.looseObject({ lastLeapMs: finite, told: recordOf(recordOf(v.unknown())) });

export interface RemindOptions {
  /** state/reminders.json */
  readonly path: AbsolutePath;
  readonly catalog: CatalogStore;
  readonly devices: readonly Device[];
  readonly drives: readonly EnrolledDrive[];
  /** What keeps failing in the agent. */
  readonly troubles: readonly Need[];
  /** By the daily check, while the agent did not run. */
  readonly toldByCheck: ReminderState;
  readonly nowMs: number;
  readonly timeZone: string;
}

export interface Reminding {
  /** To be told now. */
  readonly tell: readonly Standing[];
  /** Of everything that is so, whether it is told now or not. Undefined: unknown, because the clock is in doubt. */
  readonly keys?: readonly string[];
  /** Look again then, rather than at the usual time. */
  readonly lookAgainInMs?: number;
}

/** @throws AgentError as `writeSmallFile`: nothing is told that cannot be remembered. */
export async function remind(options: RemindOptions): Promise<Reminding> {
  const { path, catalog, devices, drives, nowMs, timeZone } = options;
  const state = withToldBy(await loadReminders(path), options.toldByCheck, nowMs);
  const report = overdueOf({
    ...{ catalog, summary: catalog.summarize(), devices, drives, nowMs },
    connected: new Set(),
    remembered: state.datesAheadSinceMs === undefined ? {} : { datesAheadSinceMs: state.datesAheadSinceMs },
  });
  const attached = new Set(drives.flatMap(({ id, attachedSince }) => (attachedSince === undefined ? [] : [id])));
  const facts: Standing[] = [
    ...report.overdue.map((overdue) => standingOf(overdue, attached)),
    ...together([...lastingNeeds({ catalog, drives }), ...options.troubles]),
  ];
  const decision = decideReminders({
    ...{ state, nowMs, localHour: hourIn(timeZone, nowMs) },
    report: { ...report, overdue: facts },
  });
  await writeSmallFile(path, `${JSON.stringify(decision.state)}\n`, 0o600);
  return {
    tell: decision.tell,
    ...(report.isClockInDoubt ? {} : { keys: facts.map(({ key }) => key) }),
    ...(decision.lookAgainInMs === undefined ? {} : { lookAgainInMs: decision.lookAgainInMs }),
  };
}

function standingOf(overdue: Overdue, attached: ReadonlySet<string>): Standing {
  const { key, level } = overdue;
  return {
    ...{ key, level, sentence: describeOverdue(overdue) },
    ...('name' in overdue ? { name: overdue.name } : {}),
    ...(overdue.kind === 'phoneNotSaved' ? { phone: overdue.sourceId } : {}),
    ...(overdue.kind === 'driveWaiting' && attached.has(overdue.driveId) ? { attachedDrive: overdue.driveId } : {}),
  };
}

/** One thing to tell for each kind: five folders with missing files are one worry, and status names them all. */
function together(needs: readonly Need[]): readonly Standing[] {
  const byCode = Map.groupBy(needs, ({ code }) => code);
  return [...byCode].flatMap(([code, [sentence]]) =>
    sentence === undefined ? [] : [{ key: `need:${code}`, level: 'serious' as const, sentence }],
  );
}

/** What was told when. A file that is not there, or cannot be read, is none. */
export async function loadReminders(path: AbsolutePath): Promise<ReminderState> {
  try {
    return v.parse(stateSchema, JSON.parse(await readFile(path, 'utf8'))) as unknown as ReminderState;
  } catch {
    return nothingTold; // none yet, or none that can be read
  }
}

/** 0 to 23. */
export function hourIn(timeZone: string, nowMs: number): number {
  const hour = new Intl.DateTimeFormat('en', { hour: 'numeric', hourCycle: 'h23', timeZone }).format(nowMs);
  return Number(hour);
}
