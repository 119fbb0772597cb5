// Property lists as the phone and its daemon speak them, bounded: what comes from outside can neither make the parser recurse or
// expand without end, nor hand us a type we did not ask for (each caller checks the shape).

import { build, parse } from 'plist';
import { protocolError } from './afc-packet.ts';

export type PlistValue =
  | string
  | number
  | bigint
  | boolean
  | Date
  | Uint8Array
  | null
  | readonly PlistValue[]
  | { readonly [key: string]: PlistValue };
export type PlistDictionary = { readonly [key: string]: PlistValue };

/** Deeper than this is no message of a phone; shallower cannot exhaust the stack. */
const depthMax = 64;
/** A value that a binary list refers to again and again counts each time. */
const valuesMax = 100_000;

export function encodePlist(value: PlistDictionary): Buffer {
  return Buffer.from(build(value as Parameters<typeof build>[0]));
}

/** @throws AgentError PHONE_PROTOCOL for anything but a dictionary. */
export function decodePlist(bytes: Uint8Array): PlistDictionary {
  try {
    const isBinary = Buffer.from(bytes.subarray(0, 8)).toString('latin1') === 'bplist00';
    if (isBinary) assertBounded(bytes);
    const value: unknown = isBinary ? parse(bytes) : parseQuietly(boundedXml(bytes));
    if (isDictionary(value)) return value;
  } catch (error) {
    throw protocolError('a message could not be read', error);
  }
  throw protocolError('a message is not what messages are');
}

/**
 * The XML parser below plist prints what it dislikes, with the phone's own characters, to a terminal that believes them. While it
 * runs, and nothing else does, nobody prints.
 */
function parseQuietly(xml: string): unknown {
  const { error, warn } = console;
  console.error = () => undefined;
  console.warn = () => undefined;
  try {
    return parse(xml);
  } finally {
    console.error = error;
    console.warn = warn;
  }
}

export function isDictionary(value: unknown): value is PlistDictionary {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array) &&
    !(value instanceof Date)
  );
}

/** Old phones put control characters into texts, which no XML parser takes; libimobiledevice replaces them by blanks too. */
function boundedXml(bytes: Uint8Array): string {
  const text = Buffer.from(bytes)
    .toString('utf8')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this looks for
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, ' ')
    .trim();
  if (!text.startsWith('<')) throw new Error('it is no XML');
  // Entities of one's own are how small texts become large ones; no plist has any (PropertyList-1.0.dtd).
  if (text.includes('<!ENTITY')) throw new Error('it defines entities');
  let depth = 0;
  for (const [tag] of text.matchAll(/<(\/?)(?:dict|array)\b[^>]*>/g)) {
    if (tag.endsWith('/>')) continue;
    depth += tag.startsWith('</') ? -1 : 1;
    if (depth > depthMax) throw new Error('it is nested too deeply');
  }
  return text;
}

/**
 * Walks a binary list as the parser will, and refuses what refers to itself, is too deep, or would become too large: a hundred
 * bytes can refer to each other so that they expand to gigabytes. Format: CFBinaryPList.c (Apple, CoreFoundation).
 */
function assertBounded(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const trailer = view.byteLength - 32;
  const [offsetBytes, referenceBytes] = [view.getUint8(trailer + 6), view.getUint8(trailer + 7)];
  const count = numberAt(view, trailer + 8, 8);
  const tableAt = numberAt(view, trailer + 24, 8);
  if (count > view.byteLength) throw new Error('it has more values than bytes');
  let values = 0;
  const visit = (index: number, depth: number): void => {
    values += 1;
    if (values > valuesMax || depth > depthMax) throw new Error('it expands too far');
    let at = numberAt(view, tableAt + index * offsetBytes, offsetBytes);
    const marker = view.getUint8(at);
    at += 1;
    const kind = marker >> 4;
    if (kind !== 0xa && kind !== 0xd) return;
    let size = marker & 0x0f;
    if (size === 0x0f) {
      const sizeBytes = 1 << (view.getUint8(at) & 0x0f);
      size = numberAt(view, at + 1, sizeBytes);
      at += 1 + sizeBytes;
    }
    const references = kind === 0xd ? 2 * size : size;
    if (references > valuesMax) throw new Error('it expands too far');
    for (let each = 0; each < references; each += 1) {
      visit(numberAt(view, at + each * referenceBytes, referenceBytes), depth + 1);
    }
  };
  visit(numberAt(view, trailer + 16, 8), 0);
}

function numberAt(view: DataView, at: number, sizeBytes: number): number {
  if (![1, 2, 4, 8].includes(sizeBytes)) throw new Error('a number has an impossible size');
  let number = 0;
  for (let index = 0; index < sizeBytes; index += 1) number = number * 256 + view.getUint8(at + index);
  return number;
}
