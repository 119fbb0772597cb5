// The phone's doorman: says who it is, pairs, starts a session and the services. One connection serves a few questions and is
// closed: the phone hangs up after ten idle seconds by itself. Facts: docs/iphone.md, "lockdown".

import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { AgentError } from '../../domain/errors.ts';
import { protocolError } from './afc-packet.ts';
import type { PairRecord } from './pair-record.ts';
import { decodePlist, encodePlist, type PlistDictionary, type PlistValue } from './plist-codec.ts';
import { FrameReader, type Framing } from './plist-socket.ts';
import { secureTunnel } from './secure-tunnel.ts';

export const lockdownPort = 62078;
const answerMsMax = 20_000;
const lockdownType = 'com.apple.mobile.lockdown';
const framing: Framing = { headerBytes: 4, bodyBytes: (header) => header.readUInt32BE(0) };

/** The phone said no, in one of its words. */
export class LockdownRefusal extends Error {
  readonly word: string;

  constructor(request: string, word: string) {
    super(`lockdown refused ${request}: ${word}`);
    this.name = 'LockdownRefusal';
    this.word = word;
  }
}

export interface ServicePort {
  readonly port: number;
  readonly isSecure: boolean;
}

export class Lockdown implements Disposable {
  #socket: Duplex;
  readonly #tunnel: Socket;
  #frames: FrameReader;

  /** @param tunnel to `lockdownPort`; it is this connection's from here on. */
  constructor(tunnel: Socket) {
    this.#tunnel = tunnel;
    this.#socket = tunnel;
    this.#frames = new FrameReader(tunnel, framing);
  }

  [Symbol.dispose](): void {
    this.#socket.on('error', () => undefined); // hanging up on somebody who is gone
    this.#socket.destroy();
    this.#tunnel.destroy();
  }

  /**
   * @throws LockdownRefusal; AgentError SOURCE_GONE, PHONE_STALLED, PHONE_PROTOCOL; the signal's reason.
   */
  async ask(request: string, parameters: PlistDictionary, signal: AbortSignal): Promise<PlistDictionary> {
    const body = encodePlist({ Label: 'keepsake', Request: request, ...parameters });
    const header = Buffer.alloc(framing.headerBytes);
    header.writeUInt32BE(body.length);
    this.#socket.write(Buffer.concat([header, body]));
    const answer = decodePlist((await this.#frames.next(answerMsMax, signal)).body);
    const { Error: word, Result: result } = answer;
    if (typeof word === 'string') throw new LockdownRefusal(request, word.slice(0, wordCharsMax));
    if (word !== undefined || result === 'Failure') throw new LockdownRefusal(request, 'Failure');
    return answer;
  }

  /** @throws AgentError PHONE_PROTOCOL if it is something else: an iPhone that is being restored answers here too. */
  async assertIsPhone(signal: AbortSignal): Promise<void> {
    const { Type: type } = await this.ask('QueryType', {}, signal);
    if (type !== lockdownType) throw protocolError('it is not running as usual');
  }

  /** Undefined for what it has not, or does not tell before it is unlocked. */
  async value(key: string, signal: AbortSignal): Promise<PlistValue | undefined> {
    try {
      return (await this.ask('GetValue', { Key: key }, signal))['Value'];
    } catch (error) {
      if (error instanceof LockdownRefusal && ['MissingValue', 'GetProhibited'].includes(error.word)) return undefined;
      throw error;
    }
  }

  /** From here on all is said over TLS, if the phone wants that. @throws as `secureTunnel`, and LockdownRefusal. */
  async startSession(record: PairRecord, signal: AbortSignal): Promise<void> {
    const { EnableSessionSSL: isSecure } = await this.ask(
      'StartSession',
      { HostID: record.hostId, SystemBUID: record.systemBuid },
      signal,
    );
    if (isSecure !== true) return;
    this.#frames.release();
    this.#socket = await secureTunnel(this.#tunnel, record, signal);
    this.#frames = new FrameReader(this.#socket, framing);
  }

  /** @param escrowBag opens services of a phone that was locked after its first unlocking. */
  async startService(service: string, escrowBag: Uint8Array | undefined, signal: AbortSignal): Promise<ServicePort> {
    const bag = escrowBag === undefined ? {} : { EscrowBag: escrowBag };
    const { Port: port, EnableServiceSSL: isSecure } = await this.ask(
      'StartService',
      { Service: service, ...bag },
      signal,
    );
    if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65_535) {
      throw protocolError('it started a service without saying where');
    }
    return { port, isSecure: isSecure === true };
  }
}

const wordCharsMax = 100;

/** What the phone's words mean to its owner. Undefined: nothing we know. */
export function explainWord(word: string, cause: unknown): AgentError | undefined {
  const known = words[word];
  return known === undefined ? undefined : new AgentError(known[0], known[1], { remedy: known[2], cause });
}

type Explained = readonly [AgentError['code'], string, string];

const locked: Explained = [
  'PHONE_LOCKED',
  'The iPhone is locked.',
  'Unlock it once with its code. Saving then begins by itself.',
];
const forgotten: Explained = [
  'PHONE_NOT_PAIRED',
  'The iPhone does not know this computer any more.',
  'Unlock the iPhone, and tap "Trust" when it asks.',
];
const managed: Explained = [
  'PHONE_MANAGED',
  'This iPhone is looked after by a company or school, which forbids computers to read from it.',
  'Ask them whether they can allow it.',
];

const words: Readonly<Record<string, Explained>> = {
  PasswordProtected: locked,
  EscrowLocked: locked,
  PairingDialogResponsePending: [
    'PHONE_TRUST_PENDING',
    'The iPhone asks whether it should trust this computer.',
    'Tap "Trust" on the iPhone and enter its code. Saving then begins by itself.',
  ],
  UserDeniedPairing: [
    'PHONE_TRUST_DENIED',
    'On the iPhone somebody tapped "Don\'t Trust".',
    'To save its photos unplug it, plug it in again, and tap "Trust".',
  ],
  PairingProhibitedOverThisConnection: [
    'PHONE_NEEDS_CABLE',
    'This iPhone is connected by Wi-Fi.',
    'Connect it with its cable to save its photos.',
  ],
  MCProtected: managed,
  MCChallengeRequired: managed,
  ServiceProhibited: managed,
  InvalidHostID: forgotten,
  MissingHostID: forgotten,
  InvalidPairRecord: forgotten,
  MissingPairRecord: forgotten,
  ServiceLimit: [
    'PHONE_BUSY',
    'The iPhone is busy with other programs on this computer.',
    'Close other programs that show its photos. Keepsake tries again by itself.',
  ],
};
