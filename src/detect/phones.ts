// The iPhones that are connected, and how each stands to us. The daemon tells of comings and goings; whether a phone lets us in is
// asked again while its owner may be doing something about it, and not at all while there is nothing to wait for.

import { AgentError, isAgentError } from '../domain/errors.ts';
import type { SourceId } from '../domain/ids.ts';
import { type PhoneState, phoneStateOf } from '../domain/phone-state.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { phoneSourceId } from '../sources/iphone/iphone-source.ts';
import type { PairingKeys } from '../sources/iphone/pairing-keys.ts';
import { identifyPhone, openPhoneFiles, probePhone } from '../sources/iphone/phone.ts';
import { preferCable, type Usbmux, type UsbmuxDevice } from '../sources/iphone/usbmux.ts';

export interface AttachedPhone {
  readonly id: SourceId;
  readonly kind: 'iphone';
  /** As its owner calls it. Anything can be in it: whoever shows it makes it printable. */
  readonly name: string;
  /** Apple's name of the model, such as `iPhone15,2`; empty if it did not tell. */
  readonly model: string;
  readonly state: PhoneState;
  /** What its owner can do, unless it is ready. */
  readonly advice?: { readonly code: string; readonly message: string; readonly remedy: string };
  readonly device: UsbmuxDevice;
}

export type PhoneEvent =
  /** New, or its state or name has changed. */
  { readonly kind: 'seen'; readonly phone: AttachedPhone } | { readonly kind: 'left'; readonly id: SourceId };

export interface PhoneOptions {
  readonly usbmux: Usbmux;
  /** True if the phone may be asked for trust, which shows a dialog on it: its owner has said yes to it. */
  readonly mayPair: (id: SourceId) => Promise<boolean>;
  readonly keys: PairingKeys;
}

/** The daemon is looked for again after this long, twice as long each time, up to a minute. */
const firstPauseMs = 1000;
const pauseMsMax = 60_000;
/** A phone that waits for its owner is asked this often, for so long; after that each minute. */
const askAgainMs = 2000;
const patienceMs = 10 * 60_000;
const identifyTriesMax = 5;

/** How they stand at this moment. Without the daemon there are none. @throws the signal's reason. */
export async function lookForPhones(options: PhoneOptions, signal: AbortSignal): Promise<readonly AttachedPhone[]> {
  let devices: readonly UsbmuxDevice[];
  try {
    devices = await options.usbmux.listDevices(signal);
  } catch (error) {
    if (isAgentError(error)) return [];
    throw error;
  }
  const phones = await Promise.all(preferCable(devices).map((device) => describe(options, device, signal)));
  return phones.filter((phone) => phone !== undefined);
}

/** Undefined: it has gone meanwhile. */
async function describe(
  options: PhoneOptions,
  device: UsbmuxDevice,
  signal: AbortSignal,
): Promise<AttachedPhone | undefined> {
  const id = phoneSourceId(device.udid);
  const asked = { usbmux: options.usbmux, keys: options.keys, device, signal };
  let identity = { name: 'iPhone', model: '' };
  try {
    identity = await identifyPhone(asked);
    if (await options.mayPair(id)) (await openPhoneFiles(asked))[Symbol.dispose]();
    else await probePhone(asked);
    return { id, kind: 'iphone', ...identity, state: 'ready', device };
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    const state = phoneStateOf(error.code);
    if (state === undefined) return undefined;
    const { code, message, remedy } = error;
    return { id, kind: 'iphone', ...identity, state, advice: { code, message, remedy }, device };
  }
}

export interface PhoneWatchOptions extends PhoneOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly onEvent: (event: PhoneEvent) => void;
}

/** Watches until it is told to stop. `askAgain` is for when something about a phone has changed on our side. */
export class PhoneWatch {
  readonly #options: PhoneWatchOptions;
  readonly #attached = new Map<number, UsbmuxDevice>();
  readonly #phones = new Map<SourceId, AttachedPhone>();
  /** Ends the waiting for a phone's owner; one for each phone that is asked again and again. */
  readonly #asking = new Map<SourceId, AbortController>();

  constructor(options: PhoneWatchOptions) {
    this.#options = options;
  }

  /** Rejects with the signal's reason; whatever else happens is part of watching. */
  async run(signal: AbortSignal): Promise<void> {
    const { usbmux, clock, log } = this.#options;
    let pauseMs = firstPauseMs;
    for (;;) {
      signal.throwIfAborted();
      try {
        await usbmux.listen((event) => {
          pauseMs = firstPauseMs;
          if (event.kind === 'attached') this.#attach(event.device, signal);
          else if (event.kind === 'detached') this.#detach(event.deviceId, signal);
          else this.#askAbout(this.#attached.get(event.deviceId), signal);
        }, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (!isAgentError(error)) throw error;
        if (error.code !== 'USBMUXD_MISSING') log.warn({ code: error.code }, 'the daemon for iPhones hung up');
      } finally {
        for (const deviceId of [...this.#attached.keys()]) this.#detach(deviceId, signal);
      }
      await clock.wait(pauseMs, signal);
      pauseMs = Math.min(2 * pauseMs, pauseMsMax);
    }
  }

  /** Whatever it answers is told, be it what it answered before. */
  askAgain(id: SourceId, signal: AbortSignal): void {
    const phone = this.#phones.get(id);
    if (phone === undefined) return;
    this.#phones.set(id, { ...phone, state: 'connected' });
    this.#askAbout(phone.device, signal);
  }

  #attach(device: UsbmuxDevice, signal: AbortSignal): void {
    this.#attached.set(device.deviceId, device);
    const known = this.#phones.get(phoneSourceId(device.udid));
    if (known !== undefined && known.device.connection === 'usb' && device.connection === 'network') return;
    this.#askAbout(device, signal);
  }

  #detach(deviceId: number, signal: AbortSignal): void {
    const device = this.#attached.get(deviceId);
    this.#attached.delete(deviceId);
    if (device === undefined) return;
    const id = phoneSourceId(device.udid);
    const [other] = [...this.#attached.values()].filter(({ udid }) => udid === device.udid);
    if (other === undefined) {
      this.#asking.get(id)?.abort();
      if (this.#phones.delete(id)) this.#options.onEvent({ kind: 'left', id });
    } else if (this.#phones.get(id)?.device.deviceId === deviceId) this.#askAbout(other, signal);
  }

  #askAbout(device: UsbmuxDevice | undefined, signal: AbortSignal): void {
    if (device === undefined) return;
    const id = phoneSourceId(device.udid);
    this.#asking.get(id)?.abort();
    const stop = new AbortController();
    this.#asking.set(id, stop);
    this.#keepAsking(device, AbortSignal.any([signal, stop.signal])).catch((error: unknown) => {
      if (!stop.signal.aborted && !signal.aborted)
        this.#options.log.error({ err: error }, 'a phone could not be asked');
    });
  }

  /** Until it is ready, or nothing its owner does could change its answer. @throws the signal's reason. */
  async #keepAsking(device: UsbmuxDevice, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const sinceMs = clock.monotonicMs();
    for (let tries = 1; ; tries += 1) {
      const phone = await describe(this.#options, device, signal);
      signal.throwIfAborted();
      if (phone !== undefined) this.#show(phone);
      if (phone?.state === 'ready' || phone?.state === 'needsCable') return;
      // The first words after plugging in may go unheard; after that the daemon tells when it is gone.
      if (phone === undefined && tries >= identifyTriesMax) return;
      const isRecent = clock.monotonicMs() - sinceMs < patienceMs;
      await clock.wait(isRecent ? askAgainMs : pauseMsMax, signal);
    }
  }

  #show(phone: AttachedPhone): void {
    const before = this.#phones.get(phone.id);
    this.#phones.set(phone.id, phone);
    const isSame =
      before !== undefined &&
      before.state === phone.state &&
      before.name === phone.name &&
      before.device.deviceId === phone.device.deviceId;
    if (!isSame) this.#options.onEvent({ kind: 'seen', phone });
  }
}
