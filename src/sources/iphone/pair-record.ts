// What a phone and this computer know each other by. A pair record opens the phone's data: it stays in the daemon's hands, is
// never logged, and is held here only while a connection is made.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { AgentError } from '../../domain/errors.ts';
import { decodePlist, type PlistDictionary } from './plist-codec.ts';

export interface PairRecord {
  readonly hostId: string;
  readonly systemBuid: string;
  /** PEM. */
  readonly hostCertificate: string;
  readonly hostPrivateKey: string;
  /** DER of the certificate that the phone shows. */
  readonly deviceCertificate: Buffer;
  /** DER (SPKI) of that certificate's key. */
  readonly devicePublicKey: Buffer;
  readonly escrowBag: Uint8Array | undefined;
}

/** @throws AgentError PHONE_NOT_PAIRED for a record that cannot be used: pairing anew replaces it. */
export function readPairRecord(bytes: Uint8Array): PairRecord {
  try {
    const record = decodePlist(bytes);
    const { EscrowBag: escrowBag } = record;
    const hostPrivateKey = pemOf(record, 'HostPrivateKey');
    createPrivateKey(hostPrivateKey); // PKCS#1 and PKCS#8 both come; TLS is to fail here, not later
    const device = new X509Certificate(pemOf(record, 'DeviceCertificate'));
    return {
      hostId: textOf(record, 'HostID'),
      systemBuid: textOf(record, 'SystemBUID'),
      hostCertificate: pemOf(record, 'HostCertificate'),
      hostPrivateKey,
      deviceCertificate: device.raw,
      devicePublicKey: device.publicKey.export({ type: 'spki', format: 'der' }),
      escrowBag: escrowBag instanceof Uint8Array ? escrowBag : undefined,
    };
  } catch {
    // Not with its cause: the message of a parser may quote the record.
    throw new AgentError('PHONE_NOT_PAIRED', 'What this computer knows of the iPhone cannot be used.', {
      remedy: 'Unlock the iPhone, and tap "Trust" when it asks.',
    });
  }
}

function textOf(record: PlistDictionary, key: string): string {
  const value = record[key];
  if (typeof value !== 'string') throw new Error(`${key} is no text`);
  return value;
}

/** PEM text inside plist data; some tools keep it as text. */
function pemOf(record: PlistDictionary, key: string): string {
  const value = record[key];
  const text = value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value;
  if (typeof text !== 'string' || !text.includes('-----BEGIN')) throw new Error(`${key} is no PEM`);
  return text.replace(/\0+$/, '');
}
