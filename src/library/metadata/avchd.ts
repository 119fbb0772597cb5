// When a camcorder's AVCHD clip (MTS, M2TS) was recorded: the camera repeats it in the video stream, in a message
// called MDPM.
// Promises to look at the bytes given and no further; nothing in them makes it throw or repeat itself. (Layout as in
// exiftool's H264.pm, 13.59; times seen in a Sony ILCE-7M3's file.)
import { parseWallClock, type WallClock } from './calendar.ts';

const signature = Buffer.from('17ee8c60f84d11d98cd60800200c9a664d44504d', 'hex'); // A UUID, then "MDPM".
/** Occurrences tried. One that a packet's border cuts is passed over: the next comes half a second later. */
const occurrencesMax = 64;
/** A message has a handful of entries; the date's are among the first ten. */
const entriesMax = 32;
const entryBytes = 5;
const yearMonthTag = 0x18;
const dayTimeTag = 0x19;

/**
 * Reads the time in `start`, the first part of a transport stream. Without an offset: the camera's is not to be
 * trusted.
 */
export function readAvchdDate(start: Uint8Array): WallClock | undefined {
  const bytes = Buffer.from(start.buffer, start.byteOffset, start.byteLength);
  const packetBytes = packetLength(bytes);
  let at = bytes.indexOf(signature);
  for (let tried = 0; at >= 0 && tried < occurrencesMax; tried++) {
    const packetEnd = (Math.floor(at / packetBytes) + 1) * packetBytes;
    const found = readEntries(withoutEscapes(bytes.subarray(at + signature.length, packetEnd)));
    if (found !== undefined) return found;
    at = bytes.indexOf(signature, at + signature.length);
  }
  return undefined;
}

/** Blu-ray's variant has a time stamp of four bytes before each packet of 188. */
function packetLength(bytes: Buffer): number {
  return bytes[4] === 0x47 && bytes[196] === 0x47 ? 192 : 188;
}

/** H.264 puts a 3 after two zeros, lest the content look like a start code (ITU-T H.264, 7.4.1). */
function withoutEscapes(content: Buffer): Buffer {
  return Buffer.from(content.toString('latin1').replaceAll('\0\0\x03', '\0\0'), 'latin1');
}

/** A count, then a tag and four bytes each. Year, month, day and time are decimal digits, two to the byte. */
function readEntries(content: Buffer): WallClock | undefined {
  const count = Math.min(content[0] ?? 0, entriesMax);
  let yearMonth: string | undefined;
  for (let index = 0; index < count; index++) {
    const at = 1 + index * entryBytes;
    if (at + entryBytes > content.length) return undefined;
    const digits = content.toString('hex', at + 1, at + entryBytes);
    if (content[at] === yearMonthTag) yearMonth = `${digits.slice(2, 6)}:${digits.slice(6, 8)}`; // The first byte is a zone.
    if (content[at] !== dayTimeTag || yearMonth === undefined) continue;
    const [day, hour, minute, second] = digits.match(/../g) ?? [];
    return parseWallClock(`${yearMonth}:${day} ${hour}:${minute}:${second}`);
  }
  return undefined;
}
