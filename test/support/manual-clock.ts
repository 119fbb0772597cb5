// A clock that stands still until a test moves it. It moves from one sleeper to the next and waits each time until the one
// it woke sleeps again, so that hours pass in milliseconds and in order.

import type { Clock } from '../../src/platform/clock.ts';

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

export class ManualClock implements Clock {
  #monotonicMs = 0;
  #wallMs = Date.UTC(2026, 0, 1);
  readonly #sleepersMin: number;
  readonly #onMove: (nowMs: number) => void;
  readonly #sleepers = new Set<Sleeper>();
  #onSleep: () => void = () => undefined;

  /** How often somebody went to sleep. */
  sleeps = 0;

  /**
   * @param options.sleepers how many sleep when all is at rest; 1 if not given
   * @param options.onMove is told the wall clock's time whenever it changes
   */
  constructor(options: { readonly sleepers?: number; readonly onMove?: (nowMs: number) => void } = {}) {
    this.#sleepersMin = options.sleepers ?? 1;
    this.#onMove = options.onMove ?? (() => undefined);
    this.#onMove(this.#wallMs);
  }

  nowMs(): number {
    return this.#wallMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  /** The wall clock is set; or, for a time that lies ahead, the machine was asleep till then. Nobody wakes because of it. */
  setWall(nowMs: number): void {
    this.#wallMs = nowMs;
    this.#onMove(nowMs);
  }

  async wait(durationMs: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const abort = () => {
        this.#sleepers.delete(sleeper);
        reject(signal.reason);
      };
      const wake = () => {
        this.#sleepers.delete(sleeper);
        signal.removeEventListener('abort', abort);
        resolve();
      };
      const sleeper = { dueMs: this.#monotonicMs + durationMs, wake };
      signal.addEventListener('abort', abort, { once: true });
      this.#sleepers.add(sleeper);
      this.sleeps += 1;
      this.#onSleep();
    });
  }

  /** Waits until all sleep that should. */
  async resting(): Promise<void> {
    while (this.#sleepers.size < this.#sleepersMin) {
      await new Promise<void>((resolve) => {
        this.#onSleep = resolve;
      });
    }
  }

  /** Moves on by `durationMs`, waking sleepers on the way; returns when the last one woken sleeps again. */
  async advance(durationMs: number): Promise<void> {
    const untilMs = this.#monotonicMs + durationMs;
    for (;;) {
      await this.resting();
      const next = [...this.#sleepers].reduce((one, other) => (other.dueMs < one.dueMs ? other : one));
      if (next.dueMs > untilMs) break;
      this.#moveTo(Math.max(this.#monotonicMs, next.dueMs));
      next.wake();
    }
    this.#moveTo(untilMs);
  }

  #moveTo(monotonicMs: number): void {
    this.#wallMs += monotonicMs - this.#monotonicMs;
    this.#monotonicMs = monotonicMs;
    this.#onMove(this.#wallMs);
  }
}
