// `PLModelVersion` out of the binary property list of a Core Data store: a whole number in the top dictionary. Anything else is
// undefined. The format: CFBinaryPList.c of Apple's CoreFoundation.

import type { Buffer } from 'node:buffer';

const key = 'PLModelVersion';
const trailerBytes = 32;
/** Some 30 keys are usual. */
const keysMax = 1_000;

export function modelVersionOf(plist: Buffer): number | undefined {
  try {
    return readModelVersion(plist);
  } catch (error) {
    if (error instanceof RangeError) return undefined; // a number of the file pointed out of the file
    throw error;
  }
}

function readModelVersion(plist: Buffer): number | undefined {
  if (plist.length < 8 + trailerBytes || plist.toString('latin1', 0, 6) !== 'bplist') return undefined;
  const trailer = plist.subarray(plist.length - trailerBytes);
  const offsetBytes = trailer.readUInt8(6);
  const referenceBytes = trailer.readUInt8(7);
  const topObject = trailer.readUInt32BE(20); // 64 bits; the upper half is 0 in any file that fits here
  const offsetTable = trailer.readUInt32BE(28);
  const offsetOf = (object: number) => plist.readUIntBE(offsetTable + object * offsetBytes, offsetBytes);

  const dictionary = readLength(plist, offsetOf(topObject), 0xd);
  if (dictionary === undefined || dictionary.length > keysMax) return undefined;
  for (let index = 0; index < dictionary.length; index += 1) {
    const reference = dictionary.start + index * referenceBytes;
    const text = readLength(plist, offsetOf(plist.readUIntBE(reference, referenceBytes)), 0x5);
    if (text?.length !== key.length) continue;
    if (plist.toString('latin1', text.start, text.start + text.length) !== key) continue;
    const value = offsetOf(plist.readUIntBE(reference + dictionary.length * referenceBytes, referenceBytes));
    return readInteger(plist, value);
  }
  return undefined;
}

/** Where the content of an object of this type begins, and its length; undefined if it is of another type. */
function readLength(plist: Buffer, at: number, type: number): { start: number; length: number } | undefined {
  const marker = plist.readUInt8(at);
  if (marker >> 4 !== type) return undefined;
  if ((marker & 0xf) !== 0xf) return { start: at + 1, length: marker & 0xf };
  const length = readInteger(plist, at + 1);
  return length === undefined ? undefined : { start: at + 2 + integerBytes(plist, at + 1), length };
}

function readInteger(plist: Buffer, at: number): number | undefined {
  if (plist.readUInt8(at) >> 4 !== 0x1) return undefined;
  const bytes = integerBytes(plist, at);
  if (bytes > 8) return undefined;
  return bytes === 8 ? Number(plist.readBigInt64BE(at + 1)) : plist.readUIntBE(at + 1, bytes);
}

function integerBytes(plist: Buffer, at: number): number {
  return 2 ** (plist.readUInt8(at) & 0xf);
}
