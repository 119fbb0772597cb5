// The daemon that knows the iPhones on the cable: lists them, tells of comings and goings, opens tunnels to them and keeps their
// pair records. Each request has a socket of its own; after `connect` that socket is the tunnel. Facts: docs/iphone.md.

import { once } from 'node:events';
import { connect as connectSocket, type Socket } from 'node:net';
import { AgentError, systemErrorCode } from '../../domain/errors.ts';
import { protocolError } from './afc-packet.ts';
import { decodePlist, encodePlist, isDictionary, type PlistDictionary } from './plist-codec.ts';
import { FrameReader } from './plist-socket.ts';
import type { UsbmuxAddress } from './usbmux-address.ts';

const headerBytes = 16;
const plistVersion = 1;
const plistMessage = 8;
const libraryVersion = 3;
const answerMsMax = 10_000;
/** Numbers of a Result. For pair records the daemon gives an errno instead. */
const results = { ok: 0, unknownDevice: 2, refused: 3 } as const;
const udidPattern = /^[0-9a-zA-Z-]{8,64}$/;

export interface UsbmuxDevice {
  /** Of this attachment; another one after a replug or a restart of the daemon. */
  readonly deviceId: number;
  /** Of the phone, always with its dash. */
  readonly udid: string;
  readonly connection: 'usb' | 'network';
}

export type UsbmuxEvent =
  | { readonly kind: 'attached'; readonly device: UsbmuxDevice }
  | { readonly kind: 'detached'; readonly deviceId: number }
  /** Somebody, perhaps the daemon itself, has paired this phone with this computer. */
  | { readonly kind: 'paired'; readonly deviceId: number };

/** All methods throw AgentError USBMUXD_MISSING, SOURCE_GONE, PHONE_STALLED, PHONE_PROTOCOL; the signal's reason. */
export interface Usbmux {
  listDevices(signal: AbortSignal): Promise<readonly UsbmuxDevice[]>;
  /** A tunnel to a port of the phone. @throws AgentError SOURCE_GONE if the phone is not there, or nothing listens. */
  connect(deviceId: number, port: number, signal: AbortSignal): Promise<Socket>;
  /** This computer's id. */
  readBuid(signal: AbortSignal): Promise<string>;
  /** A credential for the phone's data: never logged, never kept. Undefined: not paired. */
  readPairRecord(udid: string, signal: AbortSignal): Promise<Uint8Array | undefined>;
  savePairRecord(device: UsbmuxDevice, record: Uint8Array, signal: AbortSignal): Promise<void>;
  /** Everything that is attached, then what changes, until the daemon hangs up (which it does when it ends). */
  listen(onEvent: (event: UsbmuxEvent) => void, signal: AbortSignal): Promise<void>;
}

export function openUsbmux(address: UsbmuxAddress): Usbmux {
  const ask = async (request: PlistDictionary, signal: AbortSignal): Promise<PlistDictionary> => {
    const conversation = await Conversation.begin(address, signal);
    try {
      return await conversation.ask(request, signal);
    } finally {
      conversation.socket.destroy();
    }
  };
  return {
    listDevices: async (signal) => {
      const { DeviceList: list } = await ask({ MessageType: 'ListDevices' }, signal);
      if (!Array.isArray(list)) throw protocolError('the daemon did not list its devices');
      return list.flatMap((entry: unknown) => {
        const device = isDictionary(entry) ? deviceOf(entry) : undefined;
        return device === undefined ? [] : [device];
      });
    },
    connect: async (deviceId, port, signal) => {
      const conversation = await Conversation.begin(address, signal);
      try {
        const swapped = ((port & 0xff) << 8) | (port >> 8);
        const answer = await conversation.ask(
          { MessageType: 'Connect', DeviceID: deviceId, PortNumber: swapped },
          signal,
        );
        const number = resultOf(answer);
        if (number !== results.ok) throw notConnected(number);
        return conversation.release();
      } catch (error) {
        conversation.socket.destroy();
        throw error;
      }
    },
    readBuid: async (signal) => {
      const { BUID: buid } = await ask({ MessageType: 'ReadBUID' }, signal);
      if (typeof buid !== 'string') throw protocolError('the daemon has no id for this computer');
      return buid;
    },
    readPairRecord: async (udid, signal) => {
      const { PairRecordData: data } = await ask({ MessageType: 'ReadPairRecord', PairRecordID: udid }, signal);
      return data instanceof Uint8Array ? data : undefined;
    },
    savePairRecord: async ({ udid, deviceId }, record, signal) => {
      const answer = await ask(
        { MessageType: 'SavePairRecord', PairRecordID: udid, PairRecordData: record, DeviceID: deviceId },
        signal,
      );
      const number = resultOf(answer);
      if (number !== results.ok) throw protocolError(`the daemon did not keep what it was given (${number})`);
    },
    listen: async (onEvent, signal) => {
      const conversation = await Conversation.begin(address, signal);
      try {
        const number = resultOf(await conversation.ask({ MessageType: 'Listen' }, signal));
        if (number !== results.ok) throw protocolError(`the daemon does not tell of devices (${number})`);
        for (;;) {
          const event = eventOf(await conversation.next(Number.POSITIVE_INFINITY, signal));
          if (event !== undefined) onEvent(event);
        }
      } finally {
        conversation.socket.destroy();
      }
    },
  };
}

/** A phone that is connected both ways is used over its cable. */
export function preferCable(devices: readonly UsbmuxDevice[]): readonly UsbmuxDevice[] {
  const byPhone = Map.groupBy(devices, ({ udid }) => udid.toLowerCase());
  return [...byPhone.values()].flatMap(
    (same) => same.find(({ connection }) => connection === 'usb') ?? same.slice(0, 1),
  );
}

class Conversation {
  readonly socket: Socket;
  readonly #frames: FrameReader;
  #tag = 0;

  private constructor(socket: Socket) {
    this.socket = socket;
    this.#frames = new FrameReader(socket, {
      headerBytes,
      bodyBytes: (header) => header.readUInt32LE(0) - headerBytes,
    });
  }

  static async begin(address: UsbmuxAddress, signal: AbortSignal): Promise<Conversation> {
    signal.throwIfAborted();
    const socket = connectSocket('path' in address ? address : { ...address, autoSelectFamily: true });
    socket.setNoDelay(true);
    const patience = AbortSignal.any([signal, AbortSignal.timeout(answerMsMax)]);
    try {
      await once(socket, 'connect', { signal: patience });
      return new Conversation(socket);
    } catch (error) {
      socket.on('error', () => undefined); // the first failure is the one to report
      socket.destroy();
      signal.throwIfAborted();
      throw daemonMissing(error);
    }
  }

  async ask(request: PlistDictionary, signal: AbortSignal): Promise<PlistDictionary> {
    const body = encodePlist({
      ...request,
      ClientVersionString: 'keepsake',
      ProgName: 'keepsake',
      kLibUSBMuxVersion: libraryVersion,
    });
    this.#tag += 1;
    const header = Buffer.alloc(headerBytes);
    for (const [index, number] of [headerBytes + body.length, plistVersion, plistMessage, this.#tag].entries()) {
      header.writeUInt32LE(number, 4 * index);
    }
    this.socket.write(Buffer.concat([header, body]));
    return await this.next(answerMsMax, signal);
  }

  async next(timeoutMs: number, signal: AbortSignal): Promise<PlistDictionary> {
    const { header, body } = await this.#frames.next(timeoutMs, signal);
    if (header.readUInt32LE(8) !== plistMessage) throw protocolError('the daemon speaks an older language');
    return decodePlist(body);
  }

  release(): Socket {
    this.#frames.release();
    return this.socket;
  }
}

function resultOf({ MessageType: type, Number: number }: PlistDictionary): number {
  if (type !== 'Result' || typeof number !== 'number') throw protocolError('the daemon answered something else');
  return number;
}

function eventOf(message: PlistDictionary): UsbmuxEvent | undefined {
  const { MessageType: type, DeviceID: deviceId } = message;
  if (type === 'Attached') {
    const device = deviceOf(message);
    return device === undefined ? undefined : { kind: 'attached', device };
  }
  if (typeof deviceId !== 'number') return undefined;
  if (type === 'Detached') return { kind: 'detached', deviceId };
  return type === 'Paired' ? { kind: 'paired', deviceId } : undefined; // what else it tells is none of ours
}

/** Undefined: nothing we could talk to. */
function deviceOf({ DeviceID: deviceId, Properties: properties }: PlistDictionary): UsbmuxDevice | undefined {
  if (typeof deviceId !== 'number' || !isDictionary(properties)) return undefined;
  const { SerialNumber: serial, ConnectionType: type } = properties;
  // It becomes part of messages and of names of our own: nothing but what such ids are made of.
  if (typeof serial !== 'string' || !udidPattern.test(serial)) return undefined;
  // Since 2018 ids have a dash after eight digits, which USB does not carry and old daemons leave out.
  const udid = /^[0-9A-Fa-f]{24}$/.test(serial) ? `${serial.slice(0, 8)}-${serial.slice(8)}` : serial;
  return { deviceId, udid, connection: type === 'Network' ? 'network' : 'usb' };
}

function notConnected(number: number): AgentError {
  const why = number === results.refused ? 'does not answer yet' : 'is no longer connected';
  return new AgentError('SOURCE_GONE', `The iPhone ${why}.`, {
    remedy: 'Connect it again: what is missing is then saved. Nothing was lost.',
    cause: `result ${number}`,
  });
}

/** What to say where no daemon is. */
export function daemonMissing(cause?: unknown): AgentError {
  const remedies: Partial<Record<NodeJS.Platform, string>> = {
    win32: 'Install the program "Apple Devices" from the Microsoft Store, then connect the iPhone again.',
    darwin: 'Restart the Mac, then connect the iPhone again.',
  };
  return new AgentError('USBMUXD_MISSING', 'This computer cannot talk to iPhones yet.', {
    remedy: remedies[process.platform] ?? 'Install it with: sudo apt install usbmuxd. Then connect the iPhone again.',
    cause: systemErrorCode(cause) ?? cause,
  });
}
