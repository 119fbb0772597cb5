// When to look at everything again: a cron pattern, asked of the wall clock each minute instead of trusting a long timer.
// What was missed while the machine slept or was off happens once, however often it was missed.

import { readFile } from 'node:fs/promises';
import { createTask, validate } from 'node-cron';
import * as v from 'valibot';
import type { AbsolutePath } from '../domain/ids.ts';
import { writeSmallFile } from '../platform/durable-write.ts';
import type { Log } from '../platform/log.ts';
import { instant } from '../platform/shapes.ts';

const stateSchema = v.object({ pattern: v.string(), timeZone: v.string(), nextAt: instant });

/** True for five fields as crontab(5) has them. */
export function isSchedule(pattern: string): boolean {
  return pattern.trim().split(/\s+/).length === 5 && validate(pattern);
}

export interface Schedule {
  /** True once for each time that has come since it last was, at most once per call. Remembers it before it says so. */
  isDue(): Promise<boolean>;
}

export interface ScheduleOptions {
  /** state/schedule.json: when the next time is. */
  readonly path: AbsolutePath;
  readonly pattern: string;
  /** IANA name: noon is the owner's noon, in summer and winter. */
  readonly timeZone: string;
  readonly nowMs: () => number;
  readonly log: Log;
}

export async function openSchedule(options: ScheduleOptions): Promise<Schedule> {
  const { path, pattern, timeZone, nowMs, log } = options;
  const task = createTask(pattern, () => undefined, { timezone: timeZone });
  /** node-cron tells this of a task that is started only; its timer, which a sleeping machine would hold up, is not used. */
  const upcomingMs = () => {
    void task.start();
    const next = task.getNextRun();
    void task.stop();
    return next?.getTime() ?? Number.POSITIVE_INFINITY;
  };
  let nextMs = await loadNext(options);
  const remember = async (ms: number) => {
    if (ms === nextMs || !Number.isFinite(ms)) return;
    nextMs = ms;
    const nextAt = new Date(ms).toISOString();
    await writeSmallFile(path, `${JSON.stringify({ pattern, timeZone, nextAt })}\n`, 0o600).catch((error: unknown) => {
      // Not remembered, it may happen once more after a restart: looking twice harms nobody, and the next write may do.
      log.warn({ err: error }, 'the schedule could not be noted');
    });
  };
  if (nextMs === undefined) await remember(upcomingMs());
  return {
    isDue: async () => {
      const upcoming = upcomingMs();
      const isDue = nextMs !== undefined && nowMs() >= nextMs;
      // A clock that was set back leaves a time far ahead: the pattern's own next time is never later than that.
      if (isDue || nextMs === undefined || upcoming < nextMs) await remember(upcoming);
      return isDue;
    },
  };
}

/** Undefined: nothing noted, or for another pattern. What cannot be read only costs one missed look. */
async function loadNext({ path, pattern, timeZone }: ScheduleOptions): Promise<number | undefined> {
  try {
    const noted = v.parse(stateSchema, JSON.parse(await readFile(path, 'utf8')));
    return noted.pattern === pattern && noted.timeZone === timeZone ? Date.parse(noted.nextAt) : undefined;
  } catch {
    return undefined;
  }
}
