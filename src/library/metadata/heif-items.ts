// Finds the EXIF and XMP items of a HEIC, HEIF or AVIF file (ISO/IEC 14496-12, 8.11; ISO/IEC 23008-12, annex A).
// Promises to read only the `meta` box's tables and the two items themselves, each within a limit, wherever they lie in
// the file.
import { type Box, type BoxFile, boxes, openBoxes } from './iso-boxes.ts';
import { latin1, type PositionalReader, type Range, readRange, viewOf } from './positional-reader.ts';

export interface HeifItems {
  readonly exif?: Uint8Array;
  readonly xmp?: Uint8Array;
}

/** One entry of 20 bytes or so for each tile of a large photo, of which there are some hundreds. */
const locationsBytesMax = 256 * 1024;
const itemInfoBytesMax = 512;
/** Writers put EXIF in one piece. */
const extentsMax = 16;

/** `bytesMax` holds for each item. */
export async function readHeifItems(reader: PositionalReader, bytesMax: number): Promise<HeifItems> {
  const file = openBoxes(reader);
  for await (const box of boxes(file, { start: 0, end: reader.sizeBytes })) {
    if (box.type === 'meta') return readItems(file, box, bytesMax);
  }
  return {};
}

interface ItemNumbers {
  exif?: number;
  xmp?: number;
}

async function readItems(file: BoxFile, meta: Box, bytesMax: number): Promise<HeifItems> {
  let numbers: ItemNumbers = {};
  let locations: readonly ItemLocation[] = [];
  let itemData: Range = { start: 0, end: 0 };
  for await (const box of boxes(file, { start: meta.start + 4, end: meta.end })) {
    if (box.type === 'iinf') numbers = await readItemNumbers(file, box);
    else if (box.type === 'iloc') locations = parseLocations(await readRange(file.reader, box, locationsBytesMax));
    else if (box.type === 'idat') itemData = box;
  }
  const read = async (number: number | undefined): Promise<Uint8Array | undefined> => {
    const location = locations.find((each) => each.item === number);
    return location && readItem(file.reader, { location, itemData, bytesMax });
  };
  const [exif, xmp] = [await read(numbers.exif), await read(numbers.xmp)];
  return { ...(exif && { exif }), ...(xmp && { xmp }) };
}

async function readItemNumbers(file: BoxFile, itemInfo: Box): Promise<ItemNumbers> {
  const numbers: ItemNumbers = {};
  const [version] = await readRange(file.reader, itemInfo, 1);
  const entries = { start: itemInfo.start + (version === 0 ? 6 : 8), end: itemInfo.end };
  for await (const entry of boxes(file, entries)) {
    if (entry.type !== 'infe') continue;
    const bytes = await readRange(file.reader, entry, itemInfoBytesMax);
    const view = viewOf(bytes);
    const typeAt = bytes[0] === 2 ? 8 : 10; // Version 2 has item numbers of 16 bits, version 3 of 32.
    if (bytes[0] === undefined || bytes[0] < 2 || bytes.length < typeAt + 4) continue;
    const item = bytes[0] === 2 ? view.getUint16(4) : view.getUint32(4);
    const type = latin1(bytes, typeAt, 4);
    if (type === 'Exif') numbers.exif ??= item;
    if (type === 'mime' && latin1(bytes, typeAt + 4).includes('application/rdf+xml')) numbers.xmp ??= item;
    if (numbers.exif !== undefined && numbers.xmp !== undefined) break;
  }
  return numbers;
}

interface ItemLocation {
  readonly item: number;
  /** Offsets count from the start of the file, or of the `idat` box. */
  readonly isInItemData: boolean;
  readonly extents: readonly Range[];
}

/** Reads the `iloc` table as far as it makes sense. */
function parseLocations(table: Uint8Array): ItemLocation[] {
  const cursor = openCursor(table);
  const version = cursor.take(1);
  cursor.take(3);
  const sizes = cursor.take(2);
  const [offsetSize, lengthSize, baseSize] = [sizes >> 12, (sizes >> 8) & 15, (sizes >> 4) & 15];
  const indexSize = version === 0 ? 0 : sizes & 15;
  const wide = version < 2 ? 2 : 4;
  const count = cursor.take(wide);
  const locations: ItemLocation[] = [];
  while (locations.length < count) {
    const item = cursor.take(wide);
    const isInItemData = version > 0 && (cursor.take(2) & 15) === 1;
    cursor.take(2); // Data reference: always this file.
    const base = cursor.take(baseSize);
    const extentCount = cursor.take(2);
    const extents: Range[] = [];
    for (let index = 0; index < Math.min(extentCount, extentsMax); index++) {
      cursor.take(indexSize);
      const start = base + cursor.take(offsetSize);
      const lengthBytes = cursor.take(lengthSize);
      extents.push({ start, end: lengthBytes === 0 ? Number.POSITIVE_INFINITY : start + lengthBytes });
    }
    // The table may say that an extent takes no bytes and that there are billions: skipped by arithmetic, not by
    // counting.
    cursor.skip(Math.max(0, extentCount - extentsMax) * (indexSize + offsetSize + lengthSize));
    if (cursor.isPastEnd()) break;
    locations.push({ item, isInItemData, extents });
  }
  return locations;
}

interface Cursor {
  /** The next `sizeBytes` bytes as a number, 0 past the end. */
  take(sizeBytes: number): number;
  skip(sizeBytes: number): void;
  isPastEnd(): boolean;
}

function openCursor(bytes: Uint8Array): Cursor {
  let position = 0;
  return {
    take(sizeBytes) {
      let value = 0;
      for (let index = 0; index < sizeBytes; index++) value = value * 256 + (bytes[position + index] ?? 0);
      position += sizeBytes;
      return value;
    },
    skip(sizeBytes) {
      position += sizeBytes;
    },
    isPastEnd: () => position > bytes.length,
  };
}

async function readItem(
  reader: PositionalReader,
  { location, itemData, bytesMax }: { location: ItemLocation; itemData: Range; bytesMax: number },
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let leftBytes = bytesMax;
  for (const { start, end } of location.extents) {
    const range = location.isInItemData
      ? { start: itemData.start + start, end: Math.min(itemData.start + end, itemData.end) }
      : { start, end };
    const piece = await readRange(reader, range, leftBytes);
    pieces.push(piece);
    leftBytes -= piece.length;
  }
  return Buffer.concat(pieces);
}
