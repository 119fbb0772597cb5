// The doorman of a fake phone: length-prefixed plists on a tunnel, TLS in place once a session begins. Written from docs/iphone.md
// alone, without a line of the client.

import { createPublicKey } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { build, parse } from 'plist';
import type { FakeIphone } from './fake-iphone.ts';

type Message = Record<string, unknown>;

export interface LockdownSurroundings {
  /** A new port on which the service waits for one tunnel. */
  readonly openService: (service: string, isSecure: { readonly hostId: string } | undefined) => number;
}

export function serveLockdown(phone: FakeIphone, tunnel: Socket, { openService }: LockdownSurroundings): void {
  let stream: Duplex = tunnel;
  let sessionHost: string | undefined;
  let rest: Buffer = Buffer.alloc(0);

  const onData = (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE(0)) {
      const length = rest.readUInt32BE(0);
      const request = parse(rest.subarray(4, 4 + length).toString('utf8')) as unknown as Message;
      rest = rest.subarray(4 + length);
      answer(request);
    }
  };
  stream.on('data', onData);
  stream.on('error', () => stream.destroy());

  function answer(request: Message): void {
    const reply = replyTo(request);
    const body = Buffer.from(build({ Request: request['Request'], ...reply } as never));
    const header = Buffer.alloc(4);
    header.writeUInt32BE(body.length);
    phone.cable.send(stream, phone.lockdownAnswers.shift() ?? Buffer.concat([header, body]));
    if (request['Request'] !== 'StartSession' || sessionHost === undefined) return;
    stream.off('data', onData);
    stream = secure(phone, tunnel, sessionHost);
    stream.on('data', onData);
  }

  function replyTo(request: Message): Message {
    switch (request['Request']) {
      case 'QueryType':
        return { Type: 'com.apple.mobile.lockdown' };
      case 'GetValue':
        return getValue(request['Key']);
      case 'Pair':
        return pair(request['PairRecord'] as Message);
      case 'ValidatePair':
        return phone.hosts.has(hostOf(request['PairRecord'])) ? {} : { Error: 'InvalidHostID' };
      case 'Unpair':
        phone.hosts.delete(hostOf(request['PairRecord']));
        return {};
      case 'StartSession':
        return startSession(String(request['HostID']));
      case 'StopSession':
        return {};
      case 'StartService':
        return startService(String(request['Service']));
      default:
        return { Error: 'InvalidService' };
    }
  }

  function getValue(key: unknown): Message {
    const values: Message = {
      DeviceName: phone.name,
      DeviceClass: 'iPhone',
      ProductType: phone.productType,
      ProductVersion: '17.5.1',
      UniqueDeviceID: phone.udid,
      WiFiAddress: '02:00:00:00:00:01',
      BuildVersion: '21F90',
      DevicePublicKey: Buffer.from(phone.keys.publicKey.export({ type: 'pkcs1', format: 'pem' })),
    };
    if (key === undefined) return { Value: values };
    const value = typeof key === 'string' ? values[key] : undefined;
    if (value !== undefined) return { Key: key, Value: value };
    return { Error: sessionHost === undefined ? 'GetProhibited' : 'MissingValue' };
  }

  function pair(record: Message): Message {
    if (phone.isNetwork) return { Error: 'PairingProhibitedOverThisConnection' };
    if (phone.isManaged) return { Error: 'MCProtected' };
    if (phone.isLocked) return { Error: 'PasswordProtected' };
    if (phone.trust === 'notAsked') phone.trust = phone.answersTrust ?? 'asking';
    if (phone.trust === 'asking') return { Error: 'PairingDialogResponsePending' };
    if (phone.trust === 'denied') return { Error: 'UserDeniedPairing' };
    const text = (key: string) => Buffer.from(record[key] as Uint8Array).toString('latin1');
    phone.hosts.set(hostOf(record), {
      host: text('HostCertificate'),
      root: text('RootCertificate'),
      device: text('DeviceCertificate'),
    });
    return { EscrowBag: Buffer.from('escrow of a fake phone') };
  }

  function startSession(hostId: string): Message {
    if (phone.isLocked) return { Error: 'PasswordProtected' };
    if (!phone.hosts.has(hostId)) return { Error: 'InvalidHostID' };
    sessionHost = hostId;
    return { SessionID: 'fake-session', EnableSessionSSL: true };
  }

  function startService(service: string): Message {
    if (phone.isBusy) return { Error: 'ServiceLimit' };
    if (sessionHost === undefined) return { Error: 'SessionInactive' };
    if (service !== 'com.apple.afc') return { Error: 'InvalidService' };
    return { Service: service, Port: openService(service, { hostId: sessionHost }), EnableServiceSSL: true };
  }
}

function hostOf(record: unknown): string {
  return String((record as Message | undefined)?.['HostID']);
}

/** The phone's end of TLS: it shows the certificate it got when it was paired, and wants to see the computer's. */
export function secure(phone: FakeIphone, tunnel: Socket, hostId: string): TLSSocket {
  const host = phone.hosts.get(hostId);
  const version = phone.tls === '1.2' ? 'TLSv1.2' : 'TLSv1.3';
  const shown = phone.impostor ?? { certificate: host?.device ?? '', key: phone.keys.privateKey };
  const secured = new TLSSocket(tunnel, {
    isServer: true,
    cert: shown.certificate,
    key: shown.key.export({ type: 'pkcs8', format: 'pem' }),
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: version,
    maxVersion: version,
  });
  secured.on('error', () => tunnel.destroy());
  secured.once('secure', () => {
    const certificate = secured.getPeerX509Certificate();
    const isKnown = [host?.host, host?.root].some(
      (pem) => pem !== undefined && certificate?.publicKey.equals(publicKeyOf(pem)) === true,
    );
    if (!isKnown) tunnel.destroy();
  });
  return secured;
}

function publicKeyOf(pem: string) {
  return createPublicKey(pem);
}
