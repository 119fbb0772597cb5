// How a phone stands to us, in words that every surface can show. Pure.

import type { ErrorCode } from './errors.ts';

/**
 * - `connected`: seen, and not asked yet.
 * - `notPaired`: it does not know this computer, or has forgotten it.
 * - `notAnswering`: it says nothing, or nothing that can be understood.
 * - `saving`: photos are being saved from it right now.
 * - `noDaemon`: nothing on this computer talks to iPhones, so whether it is connected cannot be told.
 */
export type PhoneState =
  | 'connected'
  | 'locked'
  | 'waitingForTrust'
  | 'trustDenied'
  | 'notPaired'
  | 'needsCable'
  | 'managed'
  | 'impostor'
  | 'busy'
  | 'notAnswering'
  | 'noDaemon'
  | 'ready'
  | 'saving';

const byCode: Partial<Record<ErrorCode, PhoneState>> = {
  PHONE_LOCKED: 'locked',
  PHONE_TRUST_PENDING: 'waitingForTrust',
  PHONE_TRUST_DENIED: 'trustDenied',
  PHONE_NOT_PAIRED: 'notPaired',
  PHONE_NEEDS_CABLE: 'needsCable',
  PHONE_MANAGED: 'managed',
  PHONE_IMPOSTOR: 'impostor',
  PHONE_BUSY: 'busy',
  PHONE_STALLED: 'notAnswering',
  PHONE_PROTOCOL: 'notAnswering',
  USBMUXD_MISSING: 'noDaemon',
};

/** Undefined for what says nothing about the phone itself. */
export function phoneStateOf(code: ErrorCode): PhoneState | undefined {
  return byCode[code];
}
