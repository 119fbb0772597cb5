// Makes a phone and this computer known to each other: keys and certificates of our own, which the phone accepts once its owner
// has tapped "Trust". What comes of it goes to the daemon, so that other programs share it, and is not kept here.

import 'reflect-metadata'; // @peculiar/x509 needs it to be there first
import { createPublicKey, randomUUID, webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  cryptoProvider,
  KeyUsageFlags,
  KeyUsagesExtension,
  PublicKey,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { protocolError } from './afc-packet.ts';
import type { Lockdown } from './lockdown.ts';
import { type Keys, type PairingKeys, signatureAlgorithm } from './pairing-keys.ts';
import { encodePlist, type PlistDictionary } from './plist-codec.ts';
import type { Usbmux, UsbmuxDevice } from './usbmux.ts';

const validMs = 10 * 365 * 24 * 3_600_000;

/**
 * Asks the phone for trust, once. The dialog stays open on the phone when this has failed with PairingDialogResponsePending;
 * asking again, with another record too, is how one learns of the answer.
 * @throws LockdownRefusal in the phone's words; AgentError as `Lockdown.ask`.
 */
export async function pair(
  options: {
    readonly usbmux: Usbmux;
    readonly device: UsbmuxDevice;
    readonly lockdown: Lockdown;
    readonly keys: PairingKeys;
  },
  signal: AbortSignal,
): Promise<void> {
  const { usbmux, device, lockdown, keys } = options;
  // Before Pair: iOS 7 and later reconnect after it.
  const phoneKey = await lockdown.value('DevicePublicKey', signal);
  const wifiAddress = await lockdown.value('WiFiAddress', signal);
  if (!(phoneKey instanceof Uint8Array)) throw protocolError('it has no key to be paired with');
  const systemBuid = await usbmux.readBuid(signal);
  const made = await makeRecord(Buffer.from(phoneKey).toString('latin1'), await keys.get());
  const shown = { ...made.certificates, HostID: made.hostId, SystemBUID: systemBuid };
  const { EscrowBag: escrowBag } = await lockdown.ask(
    'Pair',
    { PairRecord: shown, ProtocolVersion: '2', PairingOptions: { ExtendedPairingErrors: true } },
    signal,
  );
  const record: PlistDictionary = {
    ...shown,
    ...made.privateKeys,
    ...(escrowBag instanceof Uint8Array ? { EscrowBag: escrowBag } : {}),
    ...(typeof wifiAddress === 'string' ? { WiFiMACAddress: wifiAddress } : {}),
  };
  await usbmux.savePairRecord(device, encodePlist(record), signal);
  keys.forget();
}

interface MadeRecord {
  readonly hostId: string;
  readonly certificates: PlistDictionary;
  readonly privateKeys: PlistDictionary;
}

/** Three certificates with empty names, as phones expect them: docs/iphone.md, "Pair record". */
async function makeRecord(phoneKeyPem: string, [root, host]: readonly [Keys, Keys]): Promise<MadeRecord> {
  cryptoProvider.set(webcrypto as unknown as Crypto);
  const phoneKey = createPublicKey(phoneKeyPem).export({ type: 'spki', format: 'der' });
  const issue = async (publicKey: Uint8Array, role: 'root' | 'host' | 'device') => {
    const key = new PublicKey(publicKey);
    const certificate = await X509CertificateGenerator.create({
      serialNumber: '01',
      notBefore: new Date(),
      notAfter: new Date(Date.now() + validMs),
      publicKey: key,
      signingKey: root.signingKey,
      signingAlgorithm: signatureAlgorithm,
      extensions: [
        new BasicConstraintsExtension(role === 'root', undefined, true),
        ...(role === 'root'
          ? []
          : [new KeyUsagesExtension(KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment, true)]),
        ...(role === 'device' ? [await SubjectKeyIdentifierExtension.create(key)] : []),
      ],
    });
    return Buffer.from(`${certificate.toString('pem')}\n`);
  };
  return {
    hostId: randomUUID().toUpperCase(),
    certificates: {
      RootCertificate: await issue(root.publicKey, 'root'),
      HostCertificate: await issue(host.publicKey, 'host'),
      DeviceCertificate: await issue(phoneKey, 'device'),
    },
    privateKeys: { RootPrivateKey: root.pem, HostPrivateKey: host.pem },
  };
}
