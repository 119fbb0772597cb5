// Tells the person who helps how things stand, if the owner wants that and there is something to tell. Called by the agent each hour
// and by the independent check each day, both at any time: what one of them sent, the other does not send again. What does not get
// through is tried again at the next call; the owner is told of it after a week.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAgentError } from '../../domain/errors.ts';
import { dayMs } from '../../domain/safety.ts';
import type { Need } from '../../domain/status.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Finding } from '../finding.ts';
import type { Environment, KeepsakePaths } from '../paths.ts';
import { type MemoryOptions, openMemory, readMemory } from '../small-memory.ts';
import { type HelperMessage, helperMessage } from './helper-message.ts';
import {
  forgetOver,
  type HelperLook,
  type HelperMemory,
  helperMemorySchema,
  lookForHelper,
  nobodyTold,
  noteSent,
  nothingSent,
  whatToSend,
} from './helper-policy.ts';
import { type HelperSettings, type HelperTarget, helperTargets } from './helper-target.ts';
import { helperUnreachable } from './helper-words.ts';
import { type SendResult, sendToHelper } from './send-to-helper.ts';

/** So long nothing may get through before the owner hears of it: helpers' servers have bad days too. */
const failingDaysMax = 7;

export interface HelperOptions {
  readonly paths: KeepsakePaths;
  readonly environment: Environment;
  readonly settings: HelperSettings;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly signal: AbortSignal;
}

/**
 * `nobody`: nobody helps. `busy`: another process is telling them. `unremembered`: nothing was sent, because it could not be noted
 * anywhere and would be sent again each hour.
 */
export type HelperOutcome = 'nobody' | 'busy' | 'nothingNew' | 'told' | 'failed' | 'unremembered';

/**
 * @param options.findFindings is asked only if somebody helps.
 * @throws the signal's reason, and what `findFindings` throws. Takes 10 s for an address and 30 s for a program at most.
 */
export async function tellHelper(
  options: HelperOptions & { readonly findFindings: () => Promise<readonly Finding[]> },
): Promise<HelperOutcome> {
  const targets = helperTargets(options.settings);
  if (targets.length === 0) return 'nobody';
  using memory = await openMemory(helperMemory(options));
  if (memory === undefined) return 'busy';
  const nowMs = options.clock.nowMs();
  const before = memory.value ?? nobodyTold;
  const look = lookForHelper(await options.findFindings(), before, nowMs);
  let next: HelperMemory = { ...look.memory, targets: onlyThese(before.targets, targets) };
  let [isTold, isFailed] = [false, false];
  try {
    for (const target of targets) {
      const id = targetId(target);
      const known = forgetOver(look, next.targets[id] ?? nothingSent);
      const isAliveWanted = target.kind === 'url' && target.service === 'healthchecks';
      const kind = whatToSend(look, known, { nowMs, isAliveWanted });
      next = { ...next, targets: { ...next.targets, [id]: known } };
      if (kind === undefined) continue;
      // Before anything is sent: what cannot be noted would be sent again at each call.
      const tried = { ...known, lastTriedAtMs: nowMs };
      next = { ...next, targets: { ...next.targets, [id]: tried } };
      await memory.save(next);
      const message = messageOf(look, kind);
      const result = await sendToHelper({ ...options, target, message });
      const after = result.isSent
        ? noteSent(look, tried, { kind, nowMs })
        : { ...tried, failing: { sinceMs: tried.failing?.sinceMs ?? nowMs, why: result.why } };
      next = { ...next, targets: { ...next.targets, [id]: after } };
      await memory.save(next);
      if (result.isSent) isTold = true;
      else isFailed = true;
    }
    if (JSON.stringify(next) !== JSON.stringify(before)) await memory.save(next);
  } catch (error) {
    if (isAgentError(error, 'STATE_WRITE_FAILED')) return isTold ? 'told' : 'unremembered';
    throw error;
  }
  return isFailed ? 'failed' : isTold ? 'told' : 'nothingNew';
}

/** What they would be told now if they were told now. */
export async function previewForHelper(options: HelperOptions, findings: readonly Finding[]): Promise<HelperMessage> {
  const before = (await readMemory(helperMemory(options))) ?? nobodyTold;
  return messageOf(lookForHelper(findings, before, options.clock.nowMs()), 'summary');
}

/** Sends a message that says that it is a test, now, to everybody who helps. In the order of `helperTargets`. */
export async function testHelper(options: HelperOptions): Promise<readonly SendResult[]> {
  const message = helperMessage({ kind: 'test', sinceMs: options.clock.nowMs(), version: ownVersion(), facts: [] });
  return await Promise.all(
    helperTargets(options.settings).map((target) => sendToHelper({ ...options, target, message })),
  );
}

/** When something was sent last, by any way. Undefined: nothing yet. */
export async function lastToldAtMs(options: HelperOptions): Promise<number | undefined> {
  const known = await readMemory(helperMemory(options));
  const sent = helperTargets(options.settings).flatMap(
    (target) => known?.targets[targetId(target)]?.lastSentAtMs ?? [],
  );
  return sent.length === 0 ? undefined : Math.max(...sent);
}

/** What the owner has to know if nothing got through for a week. For the check and for `status`. */
export async function findHelperTrouble(options: Omit<HelperOptions, 'signal'>): Promise<readonly Need[]> {
  const targets = helperTargets(options.settings);
  if (targets.length === 0) return [];
  const known = await readMemory(helperMemory(options));
  const nowMs = options.clock.nowMs();
  for (const target of targets) {
    const failing = known?.targets[targetId(target)]?.failing;
    const days = failing === undefined ? 0 : Math.floor((nowMs - failing.sinceMs) / dayMs);
    if (failing !== undefined && days >= failingDaysMax)
      return [helperUnreachable({ name: options.settings.helperName, days, why: failing.why })];
  }
  return [];
}

function messageOf({ facts, sinceMs }: HelperLook, kind: HelperMessage['kind']): HelperMessage {
  return helperMessage({ kind, sinceMs, version: ownVersion(), facts: facts.map(({ fact }) => fact) });
}

/** state/helper.json */
function helperMemory({
  paths,
  environment,
}: Pick<HelperOptions, 'paths' | 'environment'>): MemoryOptions<HelperMemory> {
  return { paths, environment, path: paths.helper, schema: helperMemorySchema };
}

function onlyThese(known: HelperMemory['targets'], targets: readonly HelperTarget[]): HelperMemory['targets'] {
  const ids = targets.map(targetId);
  return Object.fromEntries(Object.entries(known).filter(([id]) => ids.includes(id)));
}

function targetId(target: HelperTarget): string {
  const text = target.kind === 'url' ? [target.service, target.url.href] : [target.command, ...target.args];
  return createHash('sha256').update(JSON.stringify(text)).digest('hex').slice(0, 16);
}

function ownVersion(): string {
  const file = join(import.meta.dirname, '../../../package.json'); // from src/agent/helper and from dist/agent/helper alike
  const { version }: { version?: unknown } = JSON.parse(readFileSync(file, 'utf8'));
  return String(version);
}
