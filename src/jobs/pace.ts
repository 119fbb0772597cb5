// How much of the time a long job may spend reading, so that it does not get in the way of what the owner waits for.

import type { Clock } from '../platform/clock.ts';

/** The share of the time that may go into reading, from 0 to 1. Asked again and again: it may change as other jobs come and go. */
export type Pace = () => number;

export const unpaced: Pace = () => 1;

/** Less than this would be standing still, and is taken for this. */
const shareMin = 0.01;
/** Rests are taken in pieces no longer than this, and the pace is asked before each: a job that has become free goes on. */
const pieceMsMax = 250;
/** Shorter rests cost more than they give. They add up until there is enough. */
const pieceMsMin = 5;

export class Pacer {
  readonly #pace: Pace;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  #workingSinceMs: number;
  #owedMs = 0;

  constructor(options: { readonly pace: Pace; readonly clock: Clock; readonly signal: AbortSignal }) {
    this.#pace = options.pace;
    this.#clock = options.clock;
    this.#signal = options.signal;
    this.#workingSinceMs = options.clock.monotonicMs();
  }

  /** What passed since the last rest was no reading: waiting for the library, say. */
  skip(): void {
    this.#workingSinceMs = this.#clock.monotonicMs();
  }

  /** Called between two reads: rests for as long as the pace asks for after what was read since. @throws the signal's reason. */
  async rest(): Promise<void> {
    const workedMs = Math.max(0, this.#clock.monotonicMs() - this.#workingSinceMs);
    const share = this.#share();
    this.#owedMs = share >= 1 ? 0 : this.#owedMs + workedMs * (1 / share - 1);
    while (this.#owedMs >= pieceMsMin && this.#share() < 1) {
      const pieceMs = Math.min(this.#owedMs, pieceMsMax);
      await this.#clock.wait(pieceMs, this.#signal);
      this.#owedMs -= pieceMs;
    }
    this.skip();
  }

  #share(): number {
    return Math.min(1, Math.max(shareMin, this.#pace()));
  }
}
