// Notices what arrives, leaves and changes. An event of the system is only a hint that wakes this loop; what is true is what a
// look finds. Without any hint it looks once a minute, and at rest does nothing else.

import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { AttachedDevice } from './attached-devices.ts';
import type { HintSource } from './hints.ts';
import { type DeviceEvent, Roster } from './roster.ts';

export type { DeviceEvent } from './roster.ts';

const tickMsUsual = 60_000;
const settleMsUsual = 2000;
/** Hints come in storms (a thousand files copied into a folder): looks are never closer than this. */
const lookGapMs = 250;

export interface DeviceWatchOptions {
  readonly look: (signal: AbortSignal) => Promise<readonly AttachedDevice[]>;
  readonly hints: HintSource;
  readonly clock: Clock;
  /** 60,000 if not given. */
  readonly tickMs?: number;
  /** 2,000 if not given. */
  readonly settleMs?: number;
  readonly onEvent: (event: DeviceEvent) => void;
  readonly log: Log;
}

/**
 * Runs until the signal aborts, then rejects with its reason; nothing of it is left running.
 * @throws what `look`, `onEvent` or the hints fail with, for whoever supervises this.
 */
export async function watchDevices(options: DeviceWatchOptions, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const scope = new AbortController();
  const stop = AbortSignal.any([signal, scope.signal]);
  const bell = new Bell(options.clock);
  const listening = options.hints
    .listen(() => bell.ring(), stop)
    .then(() => {
      if (!stop.aborted) options.log.warn('no more hints about devices: looking once a minute');
    });
  const looking = keepLooking(options, bell, stop);
  try {
    // Hints that end are missed, not needed; hints that fail are an error.
    await Promise.race([looking, listening.then(() => looking)]);
  } finally {
    scope.abort();
    await Promise.allSettled([looking, listening]);
    signal.throwIfAborted();
  }
}

async function keepLooking(options: DeviceWatchOptions, bell: Bell, stop: AbortSignal): Promise<void> {
  const { look, clock, onEvent, log } = options;
  const tickMs = options.tickMs ?? tickMsUsual;
  const roster = new Roster(options.settleMs ?? settleMsUsual);
  for (;;) {
    bell.calm(); // before the look: what happens during it is worth another one
    const beganMs = clock.monotonicMs();
    const devices = await look(stop);
    stop.throwIfAborted();
    // When the look began: what it found is at least that old.
    const { events, lookAgainInMs } = roster.saw(devices, beganMs);
    for (const event of events) {
      log.info({ event: event.kind, device: event.kind === 'left' ? event.id : event.device.id }, 'device');
      onEvent(event);
    }
    await bell.wait(Math.min(tickMs, lookAgainInMs ?? tickMs), stop);
    const gapMs = beganMs + lookGapMs - clock.monotonicMs();
    if (gapMs > 0) await clock.wait(gapMs, stop);
  }
}

/** Wakes one waiter early. Rung before anybody waits, it lets the next one through at once. */
class Bell {
  readonly #clock: Clock;
  #isRung = false;
  #wake: () => void = () => undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  ring(): void {
    this.#isRung = true;
    this.#wake();
  }

  calm(): void {
    this.#isRung = false;
  }

  /** @throws the signal's reason. */
  async wait(durationMs: number, signal: AbortSignal): Promise<void> {
    if (this.#isRung) return;
    const rung = new AbortController();
    this.#wake = () => rung.abort();
    try {
      await this.#clock.wait(durationMs, AbortSignal.any([signal, rung.signal]));
    } catch (error) {
      if (signal.aborted || !rung.signal.aborted) throw error;
    } finally {
      this.#wake = () => undefined;
    }
  }
}
