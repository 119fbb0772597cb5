// Time as a parameter. Persist and compare instants with `nowMs`; measure durations with `monotonicMs`, which never jumps.

import { setTimeout as sleep } from 'node:timers/promises';

export interface Clock {
  /** Wall clock: milliseconds since 1970 UTC. May jump. */
  nowMs(): number;
  /** Milliseconds since some moment; only differences mean anything. */
  monotonicMs(): number;
  /** Resolves after `durationMs`, or rejects with the signal's reason. */
  wait(durationMs: number, signal: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  wait: async (durationMs, signal) => {
    try {
      await sleep(durationMs, undefined, { signal });
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    }
  },
};
