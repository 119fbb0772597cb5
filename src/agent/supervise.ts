// Keeps one long-lived part of the agent running: a part that fails is started again, later and later, and never takes the
// others with it.

import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';

const firstPauseMs = 1000;
const pauseMsMax = 5 * 60_000;
/** A part that ran this long before it failed starts again as quickly as after its first failure. */
const steadyMs = 10 * 60_000;
/** Once may be chance. After this many failures in a row the owner has to know: what the part does is not being done. */
const failuresToTell = 3;

export interface SupervisedPart {
  readonly name: string;
  /** Runs until the signal aborts; whatever it ends with before that, it is started again. */
  readonly run: (signal: AbortSignal, isUp: () => void) => Promise<void>;
}

export interface Surroundings {
  readonly clock: Clock;
  readonly log: Log;
  /** Called when the part keeps failing, once, and when it has run steadily again. */
  readonly onTrouble: (isInTrouble: boolean) => void;
}

export interface Supervision {
  /** Resolves when the part has said that it is up, or has failed for the first time: others do not wait for it forever. */
  readonly begun: Promise<void>;
  /** Resolves when the signal has aborted and the part has ended. */
  readonly ended: Promise<void>;
}

/** Neither promise rejects. */
export function supervise(part: SupervisedPart, surroundings: Surroundings, signal: AbortSignal): Supervision {
  const { promise: begun, resolve: isUp } = Promise.withResolvers<void>();
  return { begun, ended: keepRunning(part, surroundings, { signal, isUp }) };
}

async function keepRunning(
  part: SupervisedPart,
  { clock, log, onTrouble }: Surroundings,
  { signal, isUp }: { readonly signal: AbortSignal; readonly isUp: () => void },
): Promise<void> {
  let pauseMs = firstPauseMs;
  let failures = 0;
  while (!signal.aborted) {
    const beganMs = clock.monotonicMs();
    const run = new AbortController();
    if (failures >= failuresToTell) {
      const isSteady = clock.wait(steadyMs, AbortSignal.any([signal, run.signal]));
      isSteady.then(
        () => {
          failures = 0;
          onTrouble(false);
        },
        () => undefined, // it ended before
      );
    }
    try {
      await part.run(signal, isUp);
      if (signal.aborted) return;
      log.warn({ part: part.name }, 'a part ended by itself');
    } catch (error) {
      if (signal.aborted) return;
      log.error({ part: part.name, err: error }, 'a part failed');
    } finally {
      run.abort();
      isUp();
    }
    if (clock.monotonicMs() - beganMs > steadyMs) {
      pauseMs = firstPauseMs;
      failures = 0;
    }
    failures += 1;
    if (failures === failuresToTell) onTrouble(true);
    await clock.wait(pauseMs, signal).catch(() => undefined); // aborted: the loop ends
    pauseMs = Math.min(pauseMs * 2, pauseMsMax);
  }
}
