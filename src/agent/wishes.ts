// Which devices still have to be saved from, and when to try again: at once, later and later, or when the owner has acted.

import { errorRetry, type Retry } from '../domain/errors.ts';
import type { SourceId } from '../domain/ids.ts';
import type { Clock } from '../platform/clock.ts';

const firstPauseMs = 60_000;
const pauseMsMax = 60 * 60_000;

interface Wish {
  /** Monotonic; the wish is served from then on. */
  dueMs: number;
  failures: number;
  /** `taken`: its turn will come. `begun`: what is new from now on may be missed. */
  state: 'waiting' | 'taken' | 'begun';
  /** It was wished for again after it had begun. */
  isRepeated: boolean;
}

export class Wishes {
  readonly #clock: Clock;
  readonly #wishes = new Map<SourceId, Wish>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** To be saved from at once. One whose turn is still to come is not served twice for that: a disk may be asleep. */
  add(id: SourceId): void {
    const wish = this.#wishes.get(id);
    if (wish?.state === 'begun') wish.isRepeated = true;
    else if (wish?.state !== 'taken')
      this.#wishes.set(id, { dueMs: this.#clock.monotonicMs(), failures: 0, state: 'waiting', isRepeated: false });
  }

  drop(id: SourceId): void {
    this.#wishes.delete(id);
  }

  /** Something changed that may end a failure: all that wait are due. */
  hurry(): void {
    for (const wish of this.#wishes.values()) wish.dueMs = Math.min(wish.dueMs, this.#clock.monotonicMs());
  }

  /** The devices that are due. Each is to be begun, and then settled. */
  takeDue(): readonly SourceId[] {
    const nowMs = this.#clock.monotonicMs();
    const due = [...this.#wishes].filter(([, wish]) => wish.state === 'waiting' && wish.dueMs <= nowMs);
    for (const [, wish] of due) wish.state = 'taken';
    return due.map(([id]) => id);
  }

  /** Its turn has come. False if it is not wished for any more: dropped, or served meanwhile. */
  begin(id: SourceId): boolean {
    const wish = this.#wishes.get(id);
    if (wish?.state !== 'taken') return false;
    wish.state = 'begun';
    return true;
  }

  /** It was tried; `code` says what went wrong, if anything did. */
  settle(id: SourceId, code: string | undefined): void {
    const wish = this.#wishes.get(id);
    if (wish?.state !== 'begun') return; // dropped; or dropped, and wished for anew
    const { isRepeated } = wish;
    wish.state = 'waiting';
    wish.isRepeated = false;
    const retry: Retry = code === undefined ? 'never' : (errorRetry[code as keyof typeof errorRetry] ?? 'later');
    // A source that returns arrives anew, a phone that has become ready is a new reason, and what can never be saved is not tried again.
    const isOver = code === undefined || ['never', 'when-source-returns', 'when-phone-ready'].includes(retry);
    if (isRepeated) this.#wishes.set(id, { ...wish, dueMs: this.#clock.monotonicMs() });
    else if (isOver) this.#wishes.delete(id);
    else {
      wish.failures += 1;
      wish.dueMs = this.#clock.monotonicMs() + pauseMs(retry, wish.failures);
    }
  }
}

function pauseMs(retry: Retry, failures: number): number {
  if (retry === 'when-volume-returns') return firstPauseMs; // to ask whether it is there costs nothing
  if (retry === 'after-owner-acts') return pauseMsMax;
  return Math.min(firstPauseMs * 2 ** (failures - 1), pauseMsMax);
}
