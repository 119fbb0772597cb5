// What the independent check remembers from one day to the next: when it saw the agent run, since when something is so, and what it
// told when.

import * as v from 'valibot';
import { nothingTold, type ReminderState } from '../../domain/reminders.ts';
import { finite, recordOf } from '../../platform/shapes.ts';
import type { Environment, KeepsakePaths } from '../paths.ts';
import { type MemoryOptions, readMemory } from '../small-memory.ts';

const remindersShape = v.looseObject({ lastLeapMs: finite, told: recordOf(recordOf(v.unknown())) });
const remindersSchema = v.custom<ReminderState>((value) => v.is(remindersShape, value));

const schema = v.object({
  /** When this check ran last. */
  lookedAtMs: finite,
  /** Then the agent was there and answered. */
  wasAgentWell: v.boolean(),
  /** So often in a row it was well, and had not reminded since the time before. */
  idleChecks: finite,
  /** When the agent was last seen running. */
  agentSeenAtMs: v.optional(finite),
  /** A list of photos that contradicts itself, by its file: one made anew is another. */
  damagedCatalog: v.optional(v.object({ path: v.string(), inode: finite })),
  /** By the findings' keys. */
  sinceMs: recordOf(finite),
  reminders: remindersSchema,
});

export type CheckMemory = v.InferOutput<typeof schema>;

export const nothingChecked: CheckMemory = {
  lookedAtMs: 0,
  wasAgentWell: false,
  idleChecks: 0,
  sinceMs: {},
  reminders: nothingTold,
};

/** state/check.json */
export function checkMemory(paths: KeepsakePaths, environment: Environment): MemoryOptions<CheckMemory> {
  return { paths, environment, path: paths.check, schema };
}

/** What the check told when, for whoever else tells: see `withToldBy`. */
export async function toldByCheck(paths: KeepsakePaths, environment: Environment): Promise<ReminderState> {
  return (await readMemory(checkMemory(paths, environment)))?.reminders ?? nothingTold;
}
