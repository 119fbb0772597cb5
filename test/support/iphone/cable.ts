// The cable between a fake phone and the computer: what passes takes its time, and can be cut at any moment. With no latency and
// no limit it costs nothing.

import type { Duplex } from 'node:stream';

export interface CableOptions {
  /** Of a question and its answer. 0 if not given. */
  readonly roundTripMs?: number;
  /** Shared by all that goes from the phone to the computer. Unlimited if not given. */
  readonly bytesPerSecond?: number;
}

/** How long what comes in meanwhile may wait; and what is left when there is nothing else to do. */
const napMs = 0.1;
const idleMs = 0.3;
const never = new Int32Array(new SharedArrayBuffer(4));

interface Parcel {
  readonly dueMs: number;
  readonly stream: Duplex;
  readonly bytes: Buffer;
}

export class Cable {
  readonly #roundTripMs: number;
  readonly #bytesPerMs: number;
  /** In the order of their due times, since both latency and speed are the same for all. */
  readonly #onTheWay: Parcel[] = [];
  #freeAtMs = 0;
  #isPumping = false;

  constructor({ roundTripMs = 0, bytesPerSecond = Number.POSITIVE_INFINITY }: CableOptions = {}) {
    this.#roundTripMs = roundTripMs;
    this.#bytesPerMs = bytesPerSecond / 1000;
  }

  send(stream: Duplex, bytes: Buffer): void {
    if (this.#roundTripMs === 0 && this.#bytesPerMs === Number.POSITIVE_INFINITY) {
      stream.write(bytes);
      return;
    }
    const nowMs = performance.now();
    this.#freeAtMs = Math.max(nowMs, this.#freeAtMs) + bytes.length / this.#bytesPerMs;
    this.#onTheWay.push({ dueMs: this.#freeAtMs + this.#roundTripMs, stream, bytes });
    if (!this.#isPumping) this.#pump();
  }

  /** What was on its way is lost. */
  cut(): void {
    this.#onTheWay.length = 0;
  }

  #pump(): void {
    const nowMs = performance.now();
    let arrived = 0;
    for (const { dueMs, stream, bytes } of this.#onTheWay) {
      if (dueMs > nowMs) break;
      if (!stream.destroyed) stream.write(bytes);
      arrived += 1;
    }
    this.#onTheWay.splice(0, arrived);
    const next = this.#onTheWay[0];
    this.#isPumping = next !== undefined;
    if (next === undefined) return;
    // Below a millisecond a timer would be late. Turning the loop all the while would take a processor from whoever is measured.
    const leftMs = next.dueMs - nowMs;
    if (leftMs < 1) {
      if (leftMs > idleMs) Atomics.wait(never, 0, 0, napMs);
      setImmediate(() => this.#pump());
    } else setTimeout(() => this.#pump(), Math.floor(next.dueMs - nowMs));
  }
}
