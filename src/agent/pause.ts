// Whether Keepsake may do things by itself: a small file in the state folder, so that a pause outlives a restart.

import { readFile, rm } from 'node:fs/promises';
import * as v from 'valibot';
import { systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath } from '../domain/ids.ts';
import { writeSmallFile } from '../platform/durable-write.ts';
import { instant } from '../platform/shapes.ts';

/** Longer than this was set by a clock that was wrong, or forgotten. */
const pauseMsMax = 366 * 86_400_000;
const aheadMsMax = 86_400_000;
const schema = v.object({ until: v.nullable(instant), since: instant });

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
  const parsed = v.safeParse(schema, parseOrUndefined(text));
  if (!parsed.success) return undefined;
  // Begun tomorrow or later: the clock was set back, and a pause of two hours would last until it has caught up.
  if (parsed.output.until !== null && Date.parse(parsed.output.since) - nowMs > aheadMsMax) return undefined;
  if (parsed.output.until === null) return {};
  const untilMs = Date.parse(parsed.output.until);
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
