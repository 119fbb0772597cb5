// Whether Keepsake may do things by itself: a small file in the state folder, so that a pause outlives a restart.

import { readFile, rm } from 'node:fs/promises';
import { z } from 'zod';
import { systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath } from '../domain/ids.ts';
import { writeSmallFile } from '../platform/durable-write.ts';

/** Longer than this was set by a clock that was wrong, or forgotten. */
const pauseMsMax = 366 * 86_400_000;
const aheadMsMax = 86_400_000;
const schema = z.object({ until: z.iso.datetime().nullable(), since: z.iso.datetime() });

export interface Pause {
  /** Until it is taken back, if absent. */
  readonly untilMs?: number;
}

/** Undefined: it may. A note that cannot be read is none: photos that are not saved are worse than one unasked. */
export async function readPause(path: AbsolutePath, nowMs: number): Promise<Pause | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    return undefined;
  }
  const parsed = schema.safeParse(parseOrUndefined(text));
  if (!parsed.success) return undefined;
  // Begun tomorrow or later: the clock was set back, and a pause of two hours would last until it has caught up.
  if (parsed.data.until !== null && Date.parse(parsed.data.since) - nowMs > aheadMsMax) return undefined;
  if (parsed.data.until === null) return {};
  const untilMs = Date.parse(parsed.data.until);
  return untilMs > nowMs && untilMs - nowMs <= pauseMsMax ? { untilMs } : undefined;
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @throws AgentError as `writeSmallFile`. */
export async function writePause(path: AbsolutePath, pause: Pause & { readonly nowMs: number }): Promise<void> {
  const { untilMs, nowMs } = pause;
  const until = untilMs === undefined ? null : new Date(Math.min(untilMs, nowMs + pauseMsMax)).toISOString();
  await writeSmallFile(path, `${JSON.stringify({ until, since: new Date(nowMs).toISOString() })}\n`, 0o600);
}

export async function clearPause(path: AbsolutePath): Promise<void> {
  await rm(path, { force: true });
}
