// Who is here, decided from one look after the other. Something is announced only when two looks that lie apart agree about
// it: a card is mounted before its folders show, and a watched folder is written to file by file. Pure: time is handed in.

import type { SourceId } from '../domain/ids.ts';
import type { AttachedDevice } from './attached-devices.ts';

export type DeviceEvent =
  /** Settled. Also once for each device that is there at the start. */
  | { readonly kind: 'arrived'; readonly device: AttachedDevice }
  | { readonly kind: 'left'; readonly id: SourceId }
  /** Something changed at the top of a watched folder, and has settled. */
  | { readonly kind: 'touched'; readonly device: AttachedDevice };

/** A folder that never comes to rest is announced after this all the same: files still being written are deferred later on. */
export const restlessMsMax = 10 * 60_000;

interface Settling {
  readonly device: AttachedDevice;
  readonly firstSeenMs: number;
  readonly unchangedSinceMs: number;
}

export class Roster {
  readonly #settleMs: number;
  readonly #present = new Map<SourceId, AttachedDevice>();
  readonly #settling = new Map<SourceId, Settling>();

  constructor(settleMs: number) {
    this.#settleMs = settleMs;
  }

  /** What a look at `nowMs` (monotonic) means, and when to look again for something to settle; undefined if nothing has to. */
  saw(
    devices: readonly AttachedDevice[],
    nowMs: number,
  ): { readonly events: readonly DeviceEvent[]; readonly lookAgainInMs?: number } {
    const seen = new Map(devices.map((device) => [device.id, device]));
    const events: DeviceEvent[] = [];
    for (const [id, known] of this.#present) {
      const now = seen.get(id);
      if (now !== undefined && isSamePlace(now, known)) continue;
      this.#present.delete(id);
      events.push({ kind: 'left', id });
    }
    for (const id of this.#settling.keys()) if (!seen.has(id)) this.#settling.delete(id);
    let lookAgainInMs: number | undefined;
    for (const device of seen.values()) {
      const known = this.#present.get(device.id);
      if (known !== undefined && (known.isRemovable || known.listing === device.listing)) {
        this.#settling.delete(device.id);
        continue;
      }
      const settling = this.#settle(device, nowMs);
      const restlessMs = nowMs - settling.firstSeenMs;
      const leftMs = this.#settleMs - (nowMs - settling.unchangedSinceMs);
      // Never at its first sight, whatever the limits: one look can fall between two files.
      if (restlessMs > 0 && (leftMs <= 0 || restlessMs >= restlessMsMax)) {
        this.#settling.delete(device.id);
        this.#present.set(device.id, device);
        events.push({ kind: known === undefined ? 'arrived' : 'touched', device });
        continue;
      }
      this.#settling.set(device.id, settling);
      // The longer something is restless, the less often it is worth a look.
      const waitMs = restlessMs > 2 * this.#settleMs ? Math.max(leftMs, restlessMs / 2) : leftMs;
      lookAgainInMs = Math.min(lookAgainInMs ?? waitMs, waitMs);
    }
    return { events, ...(lookAgainInMs === undefined ? {} : { lookAgainInMs: Math.max(lookAgainInMs, 1) }) };
  }

  #settle(device: AttachedDevice, nowMs: number): Settling {
    const before = this.#settling.get(device.id);
    if (before === undefined || !isSamePlace(before.device, device)) {
      return { device, firstSeenMs: nowMs, unchangedSinceMs: nowMs };
    }
    const isUnchanged = before.device.listing === device.listing;
    return { ...before, device, unchangedSinceMs: isUnchanged ? before.unchangedSinceMs : nowMs };
  }
}

function isSamePlace(one: AttachedDevice, other: AttachedDevice): boolean {
  return one.root === other.root && one.mountId === other.mountId;
}
