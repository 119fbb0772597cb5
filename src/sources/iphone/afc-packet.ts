// AFC packets, as bytes: the language in which a phone's files are listed and read. Pure. Facts: docs/iphone.md, "AFC".

import { AgentError } from '../../domain/errors.ts';

export const magic = 'CFA6LPAA';
export const headerBytes = 40;

/** What is asked for. There is no name here for anything that writes, so no bug can ask for it. */
export const operations = {
  readFolder: 0x03,
  fileInfo: 0x0a,
  deviceInfo: 0x0b,
  open: 0x0d,
  read: 0x0f,
  seek: 0x11,
  close: 0x14,
} as const;

export type AfcOperation = keyof typeof operations;

/** Kinds of replies. */
export const replies = { status: 0x01, data: 0x02, opened: 0x0e } as const;

/** Status numbers that mean something to us; the others are reported by their number. */
export const afcStatus = {
  ok: 0,
  noResources: 3,
  readError: 4,
  notFound: 8,
  isFolder: 9,
  permissionDenied: 10,
  endOfData: 14,
  ioError: 20,
} as const;

export interface AfcHeader {
  /** Of all that follows the header. */
  readonly bodyBytes: number;
  readonly packetNumber: number;
  readonly operation: number;
}

/** A request that has arguments and no data: all of ours. */
export function encodeRequest(operation: AfcOperation, packetNumber: number, body: Uint8Array): Buffer {
  const packet = Buffer.allocUnsafe(headerBytes + body.length);
  packet.write(magic, 0, 'latin1');
  const length = BigInt(packet.length);
  packet.writeBigUInt64LE(length, 8);
  packet.writeBigUInt64LE(length, 16);
  packet.writeBigUInt64LE(BigInt(packetNumber), 24);
  packet.writeBigUInt64LE(BigInt(operations[operation]), 32);
  packet.set(body, headerBytes);
  return packet;
}

/**
 * @param header the first 40 bytes of a reply. Where its arguments end and its data begins does not matter to us.
 * @throws AgentError PHONE_PROTOCOL if it is none.
 */
export function decodeHeader(header: Buffer): AfcHeader {
  if (header.toString('latin1', 0, 8) !== magic) throw protocolError('a reply did not begin as one');
  const entire = header.readBigUInt64LE(8);
  const argumentsEnd = header.readBigUInt64LE(16);
  const packetNumber = header.readBigUInt64LE(24);
  const operation = header.readBigUInt64LE(32);
  if (argumentsEnd < BigInt(headerBytes) || argumentsEnd > entire)
    throw protocolError('the lengths of a reply disagree');
  if (entire > BigInt(Number.MAX_SAFE_INTEGER) || packetNumber > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw protocolError('a number in a reply is too large');
  }
  return {
    bodyBytes: Number(entire) - headerBytes,
    packetNumber: Number(packetNumber),
    operation: operation > 0xffffn ? -1 : Number(operation),
  };
}

/** A path as AFC takes it: bytes with a final zero. */
export function pathBody(path: Uint8Array): Buffer {
  return Buffer.concat([path, Buffer.of(0)]);
}

export function numbersBody(...numbers: readonly (number | bigint)[]): Buffer {
  const body = Buffer.allocUnsafe(8 * numbers.length);
  for (const [index, number] of numbers.entries()) body.writeBigInt64LE(BigInt(number), 8 * index);
  return body;
}

/** The names in a reply: each ends with a zero. `.` and `..` are left out. */
export function namesOf(body: Buffer): readonly Buffer[] {
  const names: Buffer[] = [];
  for (let start = 0; start < body.length; ) {
    const end = body.indexOf(0, start);
    const name = body.subarray(start, end === -1 ? body.length : end);
    const isSelf = (name.length === 1 || name.length === 2) && name.every((byte) => byte === 0x2e);
    if (name.length > 0 && !isSelf) names.push(name);
    if (end === -1) break;
    start = end + 1;
  }
  return names;
}

/** Keys and values of a reply, alternating, each with a final zero. A key without a value is left out. */
export function pairsOf(body: Buffer): ReadonlyMap<string, string> {
  const texts: string[] = [];
  for (let start = 0; start < body.length; ) {
    const end = body.indexOf(0, start);
    texts.push(body.toString('utf8', start, end === -1 ? body.length : end));
    if (end === -1) break;
    start = end + 1;
  }
  const pairs = new Map<string, string>();
  for (let index = 0; index + 1 < texts.length; index += 2) pairs.set(texts[index] ?? '', texts[index + 1] ?? '');
  return pairs;
}

/** Said of the phone's side: something that no phone should send. */
export function protocolError(what: string, cause?: unknown): AgentError {
  return new AgentError('PHONE_PROTOCOL', `The iPhone's answer could not be understood: ${what}.`, {
    remedy: 'Unplug it, plug it in again, and save again. If that does not help, restart the iPhone.',
    cause,
  });
}
