// What the owner is reminded of now: asks what is overdue and what was told when, remembers that it is told, and words it.

import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { AbsolutePath } from '../domain/ids.ts';
import { describeOverdue } from '../domain/overdue-words.ts';
import { decideReminders, nothingTold, type ReminderState } from '../domain/reminders.ts';
import type { Need } from '../domain/status.ts';
import type { CatalogStore } from '../library/catalog/catalog-store.ts';
import { writeSmallFile } from '../platform/durable-write.ts';
import type { Device } from './devices.ts';
import type { EnrolledDrive } from './drive-register.ts';
import { overdueOf } from './drive-status.ts';

/** Of an object that only we write; one that cannot be read begins anew, which at worst tells a thing once more. */
const stateSchema = z.looseObject({ lastLeapMs: z.number(), told: z.record(z.string(), z.looseObject({})) });

export interface RemindOptions {
  /** state/reminders.json */
  readonly path: AbsolutePath;
  readonly catalog: CatalogStore;
  readonly devices: readonly Device[];
  readonly drives: readonly EnrolledDrive[];
  readonly nowMs: number;
  readonly timeZone: string;
}

export interface Reminding {
  readonly sentences: readonly Need[];
  /** Look again then, rather than at the usual time. */
  readonly lookAgainInMs?: number;
}

/** @throws AgentError as `writeSmallFile`: nothing is told that cannot be remembered. */
export async function remind(options: RemindOptions): Promise<Reminding> {
  const { path, catalog, devices, drives, nowMs, timeZone } = options;
  const state = await loadState(path);
  const report = overdueOf({
    ...{ catalog, summary: catalog.summarize(), devices, drives, nowMs },
    connected: new Set(),
    remembered: state.datesAheadSinceMs === undefined ? {} : { datesAheadSinceMs: state.datesAheadSinceMs },
  });
  const decision = decideReminders({ report, state, nowMs, localHour: hourIn(timeZone, nowMs) });
  await writeSmallFile(path, `${JSON.stringify(decision.state)}\n`, 0o600);
  return {
    sentences: decision.tell.map(describeOverdue),
    ...(decision.lookAgainInMs === undefined ? {} : { lookAgainInMs: decision.lookAgainInMs }),
  };
}

async function loadState(path: AbsolutePath): Promise<ReminderState> {
  try {
    return stateSchema.parse(JSON.parse(await readFile(path, 'utf8'))) as unknown as ReminderState;
  } catch {
    return nothingTold; // none yet, or none that can be read
  }
}

function hourIn(timeZone: string, nowMs: number): number {
  const hour = new Intl.DateTimeFormat('en', { hour: 'numeric', hourCycle: 'h23', timeZone }).format(nowMs);
  return Number(hour);
}
