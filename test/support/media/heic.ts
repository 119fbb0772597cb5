// A HEIC (ISO/IEC 23008-12) with one image item and, if asked for, an Exif item. Its structure is right and its metadata
// readable; the image itself is filler where HEVC would be, so nothing can show it.
import { ascii, box, bytes, fullBox, join, uint16, uint32 } from './bytes.ts';
import { type ExifFields, makeExif } from './exif.ts';
import { type Seed, seededBytes } from './seeded.ts';

export interface HeicOptions extends ExifFields {
  readonly seed: Seed;
  /** Where the Exif item's bytes lie: before the image (as iPhones do) or as the last bytes of the file. */
  readonly exifAt?: 'start' | 'end';
  /** Seeded bytes of the image item. */
  readonly imageBytes?: number;
}

const imageItem = 1;
const exifItem = 2;
const side = 16;

export function makeHeic({ seed, exifAt = 'start', imageBytes = 512, ...exifFields }: HeicOptions): Buffer {
  const exif = makeExif(exifFields);
  const items: Item[] = [{ id: imageItem, type: 'hvc1', content: seededBytes(`image ${seed}`, imageBytes) }];
  if (exif !== undefined) {
    // Four bytes say how far the TIFF header is from here; what they skip is `Exif\0\0`.
    const content = join(uint32(6), ascii('Exif\0\0'), exif);
    const item: Item = { id: exifItem, type: 'Exif', content };
    if (exifAt === 'start') items.unshift(item);
    else items.push(item);
  }

  const fileType = box('ftyp', ascii('heic'), uint32(0), ascii('mif1heic'));
  // Locations count from the start of the file, so the length of what precedes them must be known: measure, then write.
  const contentAt = fileType.length + metaBox(items, 0).length + 8;
  return join(fileType, metaBox(items, contentAt), box('mdat', ...items.map((item) => item.content)));
}

interface Item {
  readonly id: number;
  readonly type: 'hvc1' | 'Exif';
  readonly content: Buffer;
}

function metaBox(items: readonly Item[], contentAt: number): Buffer {
  const byId = items.toSorted((a, b) => a.id - b.id);
  const describesImage = fullBox('iref', {}, box('cdsc', uint16(exifItem, 1, imageItem)));
  return fullBox(
    'meta',
    {},
    fullBox('hdlr', {}, uint32(0), ascii('pict'), uint32(0, 0, 0), bytes(0)),
    fullBox('pitm', {}, uint16(imageItem)),
    fullBox('iinf', {}, uint16(items.length), ...byId.map(itemEntry)),
    ...(items.length > 1 ? [describesImage] : []),
    box('iprp', box('ipco', decoderConfiguration(), imageSize()), imageProperties()),
    itemLocations(items, contentAt),
  );
}

/** Version 2; the picture's metadata is flagged as hidden. */
function itemEntry({ id, type }: Item): Buffer {
  const flags = type === 'Exif' ? 1 : 0;
  return fullBox('infe', { version: 2, flags }, uint16(id, 0), ascii(type), bytes(0));
}

/** Offsets and lengths of four bytes, no base offset; each item is one piece. */
function itemLocations(items: readonly Item[], contentAt: number): Buffer {
  let at = contentAt;
  const locations = items.map(({ id, content }) => {
    const location = join(uint16(id, 0, 0, 1), uint32(at, content.length));
    at += content.length;
    return location;
  });
  return fullBox('iloc', { version: 1 }, bytes(0x44, 0x00), uint16(items.length), ...locations);
}

function imageSize(): Buffer {
  return fullBox('ispe', {}, uint32(side, side));
}

/** Main profile, level 3, 4:2:0, eight bits, and no parameter sets (ISO/IEC 14496-15, 8.3.3.1). */
function decoderConfiguration(): Buffer {
  const profile = bytes(1, 0x01, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 90);
  return box('hvcC', profile, uint16(0xf000), bytes(0xfc, 0xfd, 0xf8, 0xf8), uint16(0), bytes(0x0f, 0));
}

/** The image item has properties 1 (essential) and 2. */
function imageProperties(): Buffer {
  return fullBox('ipma', {}, uint32(1), uint16(imageItem), bytes(2, 0x81, 0x02));
}
