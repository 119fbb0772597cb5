// One thing that doctor tries: what came of it, what that means for the owner and the one thing to do. Promises that whatever hangs or
// throws is an answer of its own, and keeps nobody else from answering.

import { isAgentError, systemErrorCode } from '../../domain/errors.ts';
import * as words from './words.ts';

/** `skipped`: it could not be tried, or there is nothing to try. `advice`: it works, and could work better. */
export type Outcome = 'pass' | 'advice' | 'fail' | 'skipped';

/** JSON keys as `doctor --json` prints them. */
export interface Check {
  readonly id: string;
  readonly title: string;
  readonly result: Outcome;
  /** What is so, and what that means. */
  readonly meaning: string;
  /** Absent where there is nothing to do. */
  readonly nextStep?: string;
  /** For whoever helps: codes and numbers. */
  readonly details?: Readonly<Record<string, Detail>>;
}

export type Detail = string | number | boolean | null;

/** What a try comes to; its id and title belong to who asked. */
export type Finding = Omit<Check, 'id' | 'title'>;

export interface Trial {
  readonly id: string;
  readonly title: string;
  readonly deadlineMs: number;
  readonly look: (signal: AbortSignal) => Promise<Finding>;
}

/** Never waits longer than its deadline. @throws the signal's reason. */
export async function tryOut({ id, title, deadlineMs, look }: Trial, signal: AbortSignal): Promise<Check> {
  const found = await within(deadlineMs, signal, look).catch((error: unknown) => {
    signal.throwIfAborted();
    return findingOf(error);
  });
  return { id, title, ...(found ?? { result: 'fail', ...words.noAnswer, details: { deadlineMs } }) };
}

/**
 * Undefined: it took longer; what it does is told to stop then. @throws what `look` throws, the signal's reason.
 */
export async function within<Value>(
  deadlineMs: number,
  signal: AbortSignal,
  look: (signal: AbortSignal) => Promise<Value>,
): Promise<Value | undefined> {
  signal.throwIfAborted();
  const stop = new AbortController();
  const ended = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => ended.resolve(undefined), deadlineMs);
  const abort = () => ended.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  const looking = look(AbortSignal.any([signal, stop.signal]));
  looking.catch(() => undefined); // one that is told to stop has nobody who hears of it any more
  try {
    return await Promise.race([looking, ended.promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
    stop.abort(new Error('it took too long'));
  }
}

/** What cannot be looked at is a finding: nobody may take it for well. */
export function findingOf(error: unknown): Finding {
  if (isAgentError(error)) {
    const { code, message, remedy } = error;
    return { result: 'fail', meaning: message, nextStep: remedy, details: { code } };
  }
  const name = systemErrorCode(error) ?? (error instanceof Error ? error.name : 'unknown');
  return { result: 'fail', ...words.couldNotLook, details: { error: name } };
}

export function isOk(checks: readonly Check[]): boolean {
  return checks.every(({ result }) => result !== 'fail');
}
