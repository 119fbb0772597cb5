// Reads when and by what a movie was made from an ISO base media file: MOV, MP4, 3GP, and Canon's CR3. (ISO/IEC
// 14496-12; Apple, "QuickTime File Format".)
// Promises to read a few kilobytes wherever they lie in the file, to allocate no more than its own limits whatever a
// box claims, and to return what it found when the file turns out damaged. Only an error of the reader itself is
// thrown.
import { parseWallClock, type WallClock } from './calendar.ts';
import { type Box, type BoxFile, boxes, openBoxes } from './iso-boxes.ts';
import { latin1, type PositionalReader, type Range, readRange, viewOf } from './positional-reader.ts';

export interface MovieFacts {
  /** When the movie header says it was created, milliseconds since 1970 UTC. */
  readonly createdAtMs?: number;
  /** Apple's creation date or the user data's: local time of recording. */
  readonly recordedAt?: WallClock;
  /** Apple's Live Photo content identifier, upper case. */
  readonly contentIdentifier?: string;
  readonly make?: string;
  readonly model?: string;
  /** Canon CR3: TIFF blocks holding the main and the EXIF directory (CMT1, CMT2). */
  readonly tiffBlocks?: readonly Uint8Array[];
}

/** Keys looked at, and the bytes of their table. Apple writes about ten. */
export const keyCountMax = 256;
export const keysBytesMax = 32 * 1024;
/** Longest value read. Dates, identifiers and names are shorter. */
export const valueBytesMax = 1024;
/** A CR3's directory block is some kilobytes. */
export const tiffBlockBytesMax = 256 * 1024;

/** Reads the first `moov` box, wherever it lies; at the end of a 6 GB file that takes some tens of small reads. */
export async function readMovieFacts(reader: PositionalReader): Promise<MovieFacts> {
  const file = openBoxes(reader);
  const facts: Found = {};
  for await (const box of boxes(file, { start: 0, end: reader.sizeBytes })) {
    if (box.type !== 'moov') continue;
    await readMoov(file, box, facts);
    // In a damaged header an instant without a zone is too weak a claim (exiftool gives none either); Apple's date says
    // what it is.
    if (box.isCut) facts.createdAtMs = undefined;
    break;
  }
  return compact(facts);
}

/** Collected on the way: Apple's keys count for more than user data. */
interface Found {
  createdAtMs?: number | undefined;
  keys?: AppleKeys | undefined;
  userData?: AppleKeys | undefined;
  tiffBlocks?: Uint8Array[] | undefined;
}

interface AppleKeys {
  recordedAt?: WallClock | undefined;
  contentIdentifier?: string | undefined;
  make?: string | undefined;
  model?: string | undefined;
}

function compact({ createdAtMs, keys, userData, tiffBlocks }: Found): MovieFacts {
  const recordedAt = keys?.recordedAt ?? userData?.recordedAt;
  const make = keys?.make ?? userData?.make;
  const model = keys?.model ?? userData?.model;
  return {
    ...(createdAtMs !== undefined && { createdAtMs }),
    ...(recordedAt !== undefined && { recordedAt }),
    ...(keys?.contentIdentifier !== undefined && { contentIdentifier: keys.contentIdentifier }),
    ...(make !== undefined && { make }),
    ...(model !== undefined && { model }),
    ...(tiffBlocks !== undefined && { tiffBlocks }),
  };
}

async function readMoov(file: BoxFile, moov: Range, found: Found): Promise<void> {
  for await (const box of boxes(file, moov)) {
    if (box.type === 'mvhd') found.createdAtMs ??= await readCreationTime(file, box);
    else if (box.type === 'meta') found.keys ??= await readMeta(file, box);
    else if (box.type === 'udta') await readUserData(file, box, found);
    else if (box.type === 'uuid') found.tiffBlocks ??= await readCanonBlocks(file, box);
  }
}

// --- moov/mvhd

/** Seconds from 1904-01-01, the Macintosh epoch, to 1970-01-01. */
const macEpochSeconds = 2_082_844_800;
/** Earlier is a clock that was never set, or an encoder that counted from 1970. */
const createdAtMsMin = Date.UTC(1990, 0, 1);
const createdAtMsMax = Date.UTC(2100, 0, 1) - 1;

async function readCreationTime(file: BoxFile, mvhd: Range): Promise<number | undefined> {
  const view = viewOf(await readRange(file.reader, mvhd, 12));
  if (view.byteLength < 8) return undefined;
  const isLong = view.getUint8(0) === 1;
  if (isLong && view.byteLength < 12) return undefined;
  const seconds = isLong ? Number(view.getBigUint64(4)) : view.getUint32(4);
  const createdAtMs = (seconds - macEpochSeconds) * 1000;
  return createdAtMs >= createdAtMsMin && createdAtMs <= createdAtMsMax ? createdAtMs : undefined;
}

// --- moov/meta: a table of names (`keys`), and values that refer to it by number (`ilst`)

const wantedKeys: Readonly<Record<string, keyof AppleKeys>> = {
  'com.apple.quicktime.creationdate': 'recordedAt',
  'com.apple.quicktime.content.identifier': 'contentIdentifier',
  'com.apple.quicktime.make': 'make',
  'com.apple.quicktime.model': 'model',
};

async function readMeta(file: BoxFile, meta: Box): Promise<AppleKeys | undefined> {
  const content = { start: meta.start + (await versionBytes(file, meta)), end: meta.end };
  let names: ReadonlyMap<number, keyof AppleKeys> = new Map();
  let found: AppleKeys | undefined;
  for await (const box of boxes(file, content)) {
    if (box.type === 'keys') names = wantedNumbers(await readRange(file.reader, box, keysBytesMax));
    else if (box.type === 'ilst' && names.size > 0) found ??= await readValues(file, box, names);
  }
  return found;
}

/** In MP4 `meta` begins with four bytes of version and flags; in QuickTime it does not, and its handler comes first. */
async function versionBytes(file: BoxFile, meta: Range): Promise<0 | 4> {
  return latin1(await readRange(file.reader, meta, 8), 4, 4) === 'hdlr' ? 0 : 4;
}

/** The numbers, counted from 1, of the keys that we want. */
function wantedNumbers(table: Uint8Array): ReadonlyMap<number, keyof AppleKeys> {
  const view = viewOf(table);
  const numbers = new Map<number, keyof AppleKeys>();
  let position = 8; // Version and flags, and a count that need not be true.
  for (let number = 1; number <= keyCountMax && position + 8 <= table.length; number++) {
    const lengthBytes = view.getUint32(position);
    if (lengthBytes < 8 || position + lengthBytes > table.length) break;
    const wanted = wantedKeys[latin1(table, position + 8, lengthBytes - 8)];
    if (wanted !== undefined && latin1(table, position + 4, 4) === 'mdta') numbers.set(number, wanted);
    position += lengthBytes;
  }
  return numbers;
}

async function readValues(file: BoxFile, ilst: Range, names: ReadonlyMap<number, keyof AppleKeys>): Promise<AppleKeys> {
  const found: AppleKeys = {};
  for await (const item of boxes(file, ilst)) {
    const name = names.get(numberOf(item.type));
    if (name === undefined) continue;
    for await (const data of boxes(file, item)) {
      if (data.type !== 'data') continue;
      const value = await readRange(file.reader, data, valueBytesMax); // Its first eight bytes are type and language.
      keep(found, name, new TextDecoder().decode(value.subarray(8)));
      break; // A value in further languages says the same.
    }
  }
  return found;
}

/** An item's type is its key's number, big-endian, where others have four letters. */
function numberOf(type: string): number {
  return viewOf(Buffer.from(type, 'latin1')).getUint32(0);
}

const namePattern = /^[\w-]{1,64}$/;

function keep(found: AppleKeys, name: keyof AppleKeys, value: string): void {
  const text = value.replaceAll('\0', ' ').trim();
  if (name === 'recordedAt') found.recordedAt ??= parseWallClock(text);
  else if (name === 'contentIdentifier') {
    if (namePattern.test(text)) found.contentIdentifier ??= text.toUpperCase();
  } else if (text !== '') found[name] ??= text;
}

// --- moov/udta: what cameras wrote before and beside Apple's keys

const userDataTypes: Readonly<Record<string, keyof AppleKeys>> = {
  '\xa9day': 'recordedAt',
  date: 'recordedAt', // Apple's 3GP; text without a header.
  '\xa9mak': 'make',
  '\xa9mod': 'model',
};

async function readUserData(file: BoxFile, udta: Range, found: Found): Promise<void> {
  const userData: AppleKeys = found.userData ?? {};
  for await (const box of boxes(file, udta)) {
    if (box.type === 'meta') found.keys ??= await readMeta(file, box);
    const name = userDataTypes[box.type];
    if (name === undefined) continue;
    const bytes = await readRange(file.reader, box, valueBytesMax);
    const text = new TextDecoder().decode(box.type.startsWith('\xa9') ? internationalText(bytes) : bytes);
    // A song's or a film's year of release stands in the same place: only a full time is a recording's.
    if (name !== 'recordedAt' || text.includes(':')) keep(userData, name, text);
  }
  found.userData = userData;
}

/** Length, language, text. */
function internationalText(bytes: Uint8Array): Uint8Array {
  return bytes.length < 4 ? bytes.subarray(0, 0) : bytes.subarray(4, 4 + viewOf(bytes).getUint16(0));
}

// --- moov/uuid: Canon's directories in CR3 (layout as documented by exiftool and by L. Clevy's canon_cr3)

const canonUuid = '85c0b687820f11e08111f4ce462b6a48';

async function readCanonBlocks(file: BoxFile, uuid: Range): Promise<Uint8Array[] | undefined> {
  const id = await readRange(file.reader, uuid, 16);
  if (Buffer.from(id).toString('hex') !== canonUuid) return undefined;
  const blocks: Uint8Array[] = [];
  for await (const box of boxes(file, { start: uuid.start + 16, end: uuid.end })) {
    if (box.type !== 'CMT1' && box.type !== 'CMT2') continue;
    blocks.push(await readRange(file.reader, box, tiffBlockBytesMax));
    if (blocks.length === 2) break;
  }
  return blocks;
}
