// Somebody between a phone and the computer.

import { generateKeyPairSync, webcrypto } from 'node:crypto';
import 'reflect-metadata';
import { cryptoProvider, PublicKey, X509CertificateGenerator } from '@peculiar/x509';
import type { FakeIphone } from './fake-iphone.ts';

/** A certificate that looks like the phone's and is another key's. */
export async function makeImpostor(): Promise<NonNullable<FakeIphone['impostor']>> {
  cryptoProvider.set(webcrypto as unknown as Crypto);
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const signingAlgorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  const der = privateKey.export({ type: 'pkcs8', format: 'der' });
  const certificate = await X509CertificateGenerator.create({
    serialNumber: '01',
    notAfter: new Date(Date.now() + 3.15e11),
    publicKey: new PublicKey(publicKey.export({ type: 'spki', format: 'der' })),
    signingKey: await webcrypto.subtle.importKey('pkcs8', der, signingAlgorithm, false, ['sign']),
    signingAlgorithm,
  });
  return { certificate: certificate.toString('pem'), key: privateKey };
}
