// One iPhone on the cable: who it is, whether it lets us in, and the connections over which its files are read. The order of
// questions is that of docs/iphone.md, "Sequence".

import type { Socket } from 'node:net';
import { AgentError, isAgentError } from '../../domain/errors.ts';
import { type AfcClient, AfcRefusal, openAfcClient } from './afc.ts';
import { AfcConnection } from './afc-connection.ts';
import { afcStatus, protocolError } from './afc-packet.ts';
import { explainWord, Lockdown, LockdownRefusal, lockdownPort } from './lockdown.ts';
import { type PairRecord, readPairRecord } from './pair-record.ts';
import type { PairingKeys } from './pairing-keys.ts';
import { secureTunnel } from './secure-tunnel.ts';
import type { Usbmux, UsbmuxDevice } from './usbmux.ts';

const afcService = 'com.apple.afc';
const textCharsMax = 200;

/** What a phone tells about itself to whoever asks, locked or not. */
export interface PhoneIdentity {
  /** As its owner calls it: "Mum's iPhone". */
  readonly name: string;
  /** Apple's name of the model, such as `iPhone15,2`. */
  readonly model: string;
  readonly systemVersion: string;
}

/** Two ways to its files: so that a question about one file does not wait behind the bytes of others. */
export interface PhoneFiles extends Disposable {
  readonly questions: AfcClient;
  readonly bytes: AfcClient;
}

export interface PhoneOptions {
  readonly usbmux: Usbmux;
  readonly device: UsbmuxDevice;
  readonly signal: AbortSignal;
}

/** Asks without being known to it. @throws AgentError PHONE_…, SOURCE_GONE, USBMUXD_MISSING; the signal's reason. */
export async function identifyPhone(options: PhoneOptions): Promise<PhoneIdentity> {
  return await withLockdown(options, async (lockdown) => {
    const text = async (key: string) => {
      const value = await lockdown.value(key, options.signal);
      return typeof value === 'string' ? value.slice(0, textCharsMax) : '';
    };
    return {
      name: (await text('DeviceName')) || 'iPhone',
      model: await text('ProductType'),
      systemVersion: await text('ProductVersion'),
    };
  });
}

/**
 * Tells whether its photos could be read now, without pairing.
 * @throws AgentError PHONE_NOT_PAIRED, PHONE_LOCKED, … what keeps it from that; as `identifyPhone` otherwise.
 */
export async function probePhone(options: PhoneOptions): Promise<void> {
  assertCable(options.device);
  await withSession(options, async () => undefined);
}

/**
 * Opens its files. A phone that does not know this computer is asked to, which shows a dialog on it.
 * @throws AgentError PHONE_TRUST_PENDING while the dialog is open; PHONE_LOCKED, PHONE_TRUST_DENIED, PHONE_MANAGED, PHONE_BUSY,
 *   PHONE_IMPOSTOR, PHONE_NEEDS_CABLE, PHONE_STALLED, PHONE_PROTOCOL, SOURCE_GONE, USBMUXD_MISSING; the signal's reason.
 */
export async function openPhoneFiles(options: PhoneOptions & { readonly keys: PairingKeys }): Promise<PhoneFiles> {
  assertCable(options.device);
  try {
    return await openFiles(options);
  } catch (error) {
    if (!isAgentError(error, 'PHONE_NOT_PAIRED')) throw error;
  }
  const { pair } = await import('./pairing.ts'); // certificates: 3 MB of code that only this needs
  await withLockdown(options, (lockdown) => pair({ ...options, lockdown }, options.signal));
  return await openFiles(options);
}

async function openFiles(options: PhoneOptions): Promise<PhoneFiles> {
  const { device, usbmux, signal } = options;
  return await withSession(options, async (lockdown, record) => {
    const open = async (): Promise<AfcConnection> => {
      const { port, isSecure } = await lockdown.startService(afcService, record.escrowBag, signal);
      const tunnel = await usbmux.connect(device.deviceId, port, signal);
      return new AfcConnection(isSecure ? await secureTunnel(tunnel, record, signal) : tunnel);
    };
    const questions = await open();
    try {
      await assertReadable(openAfcClient(questions), signal);
      const bytes = await open();
      return {
        questions: openAfcClient(questions),
        bytes: openAfcClient(bytes),
        [Symbol.dispose]: () => {
          questions.close();
          bytes.close();
        },
      };
    } catch (error) {
      questions.close();
      throw error;
    }
  });
}

/** A phone that was locked meanwhile may open its door and then show nothing. */
async function assertReadable(client: AfcClient, signal: AbortSignal): Promise<void> {
  try {
    await client.info(Buffer.from('DCIM'), signal);
  } catch (error) {
    if (!(error instanceof AfcRefusal)) throw error;
    if (error.status === afcStatus.permissionDenied) throw explainWord('PasswordProtected', error);
    // Without any photos it has no such folder.
  }
}

async function withSession<T>(
  options: PhoneOptions,
  work: (lockdown: Lockdown, record: PairRecord) => Promise<T>,
): Promise<T> {
  const { usbmux, device, signal } = options;
  const bytes = await usbmux.readPairRecord(device.udid, signal);
  if (bytes === undefined) {
    throw new AgentError('PHONE_NOT_PAIRED', 'The iPhone does not know this computer yet.', {
      remedy: 'Unlock the iPhone, and tap "Trust" when it asks.',
    });
  }
  const record = readPairRecord(bytes);
  return await withLockdown(options, async (lockdown) => {
    await lockdown.assertIsPhone(signal);
    await lockdown.startSession(record, signal);
    return await work(lockdown, record);
  });
}

async function withLockdown<T>(options: PhoneOptions, work: (lockdown: Lockdown) => Promise<T>): Promise<T> {
  const { usbmux, device, signal } = options;
  const tunnel: Socket = await usbmux.connect(device.deviceId, lockdownPort, signal);
  using lockdown = new Lockdown(tunnel);
  try {
    return await work(lockdown);
  } catch (error) {
    if (!(error instanceof LockdownRefusal)) throw error;
    throw explainWord(error.word, error) ?? protocolError(`it said "${error.word}"`, error);
  }
}

function assertCable({ connection }: UsbmuxDevice): void {
  if (connection === 'usb') return;
  throw new AgentError('PHONE_NEEDS_CABLE', 'This iPhone is connected by Wi-Fi.', {
    remedy: 'Connect it with its cable to save its photos.',
  });
}
