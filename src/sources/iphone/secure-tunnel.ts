// TLS inside a tunnel, with the one phone that the pair record is about. Chains of trust mean nothing here (all certificates of
// a pairing have empty names); what counts is that the phone shows the certificate that it got when it was paired.

import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { AgentError } from '../../domain/errors.ts';
import type { PairRecord } from './pair-record.ts';

const handshakeMsMax = 10_000;

/**
 * Ends with a socket over which not a byte of ours was sent yet.
 * @throws AgentError PHONE_IMPOSTOR if it is not that phone, PHONE_NOT_PAIRED if the phone does not accept the record.
 */
export async function secureTunnel(socket: Socket, record: PairRecord, signal: AbortSignal): Promise<TLSSocket> {
  const secured = connectTls({
    socket,
    cert: record.hostCertificate,
    key: record.hostPrivateKey,
    rejectUnauthorized: false, // a chain cannot be checked: the certificate itself is, below
    checkServerIdentity: () => undefined,
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const stop = AbortSignal.any([signal, AbortSignal.timeout(handshakeMsMax)]);
  const abort = () => reject(stop.reason);
  const end = () => reject(new Error('the phone hung up'));
  secured.once('secureConnect', resolve);
  secured.once('error', reject);
  secured.once('close', end);
  stop.addEventListener('abort', abort, { once: true });
  try {
    await promise;
  } catch (error) {
    secured.on('error', () => undefined); // one failure is enough
    secured.destroy();
    signal.throwIfAborted();
    throw refused(error);
  } finally {
    secured.off('secureConnect', resolve);
    secured.off('error', reject);
    secured.off('close', end);
    stop.removeEventListener('abort', abort);
  }
  const shown = secured.getPeerX509Certificate();
  if (shown !== undefined && isThatPhone(shown, record)) return secured;
  secured.on('error', () => undefined);
  secured.destroy();
  throw new AgentError('PHONE_IMPOSTOR', 'What is connected does not prove that it is this iPhone. Nothing was read.', {
    remedy:
      'Unplug it and plug it in again, directly and not through anything else. If you did that, tell whoever helps you.',
  });
}

/** The record's own certificate, or another one for the same key: no examined phone shows the latter, and it proves as much. */
function isThatPhone(shown: X509Certificate, { deviceCertificate, devicePublicKey }: PairRecord): boolean {
  if (shown.raw.equals(deviceCertificate)) return true;
  return shown.publicKey.export({ type: 'spki', format: 'der' }).equals(devicePublicKey);
}

function refused(cause: unknown): AgentError {
  return new AgentError('PHONE_NOT_PAIRED', 'The iPhone does not know this computer any more.', {
    remedy: 'Unlock the iPhone, and tap "Trust" when it asks.',
    cause,
  });
}
