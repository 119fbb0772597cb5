// The key pairs that a computer and a phone are paired with.

import { generateKeyPair, webcrypto } from 'node:crypto';
import { promisify } from 'node:util';

const keyBits = 2048;
export const signatureAlgorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } as const;

/** Keys for pairing: making them takes a moment, and a phone is asked again and again until its owner has answered. */
export class PairingKeys {
  #made: Promise<readonly [Keys, Keys]> | undefined;

  get(): Promise<readonly [Keys, Keys]> {
    this.#made ??= Promise.all([makeKeys(), makeKeys()]);
    return this.#made;
  }

  /** They belong to a phone now; the next one gets others. */
  forget(): void {
    this.#made = undefined;
  }
}

export interface Keys {
  readonly publicKey: Uint8Array;
  readonly pem: Buffer;
  readonly signingKey: webcrypto.CryptoKey;
}

async function makeKeys(): Promise<Keys> {
  const { publicKey, privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: keyBits });
  const der = privateKey.export({ type: 'pkcs8', format: 'der' });
  return {
    publicKey: publicKey.export({ type: 'spki', format: 'der' }),
    pem: Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' })),
    signingKey: await webcrypto.subtle.importKey('pkcs8', der, signatureAlgorithm, false, ['sign']),
  };
}
