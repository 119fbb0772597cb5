// What the independent check remembers from one day to the next: when it saw the agent run, since when something is so, and what it
// told when.

import { z } from 'zod';
import { nothingTold, type ReminderState } from '../../domain/reminders.ts';
import type { Environment, KeepsakePaths } from '../paths.ts';
import { type MemoryOptions, readMemory } from '../small-memory.ts';

const remindersSchema = z.custom<ReminderState>(
  (value) =>
    z.looseObject({ lastLeapMs: z.number(), told: z.record(z.string(), z.looseObject({})) }).safeParse(value).success,
);

const schema = z.object({
  /** When this check ran last. */
  lookedAtMs: z.number(),
  /** Then the agent was there and answered. */
  wasAgentWell: z.boolean(),
  /** So often in a row it was well, and had not reminded since the time before. */
  idleChecks: z.number(),
  /** When the agent was last seen running. */
  agentSeenAtMs: z.number().optional(),
  /** A list of photos that contradicts itself, by its file: one made anew is another. */
  damagedCatalog: z.object({ path: z.string(), inode: z.number() }).optional(),
  /** By the findings' keys. */
  sinceMs: z.record(z.string(), z.number()),
  reminders: remindersSchema,
});

export type CheckMemory = z.infer<typeof schema>;

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
