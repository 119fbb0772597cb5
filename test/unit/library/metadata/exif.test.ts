// The date of nearly every photo comes through here. A tag mistaken for another, or read from the wrong place, misfiles
// thousands.
import { deflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import {
  type EmbeddedMetadata,
  findInHeif,
  findInJpeg,
  findInJpegXl,
  findInPng,
  findInWebp,
  tiffBytesMax,
} from '../../../../src/library/metadata/embedded-metadata.ts';
import { parseAppleMakerNote, readExif } from '../../../../src/library/metadata/exif.ts';
import type { PositionalReader } from '../../../../src/library/metadata/positional-reader.ts';
import { readXmpDate } from '../../../../src/library/metadata/xmp.ts';
import { threadCpuMs } from '../../../support/cpu-time.ts';
import { ascii, box, bytes, fullBox, join, uint16, uint32 } from '../../../support/media/bytes.ts';
import { type ExifFields, makeExif } from '../../../support/media/exif.ts';
import { makeHeic } from '../../../support/media/heic.ts';
import { makeJpeg } from '../../../support/media/jpeg.ts';
import { makePng } from '../../../support/media/png.ts';
import { makeXmpPacket } from '../../../support/media/sidecars.ts';
import { asciiEntry, makeDirectory, makeTiff, type TiffEntry } from '../../../support/media/tiff.ts';
import { makeWebp } from '../../../support/media/webp.ts';
import { memoryFile, sparseFile } from './fixtures/memory-file.ts';

const identifier = 'DC121C25-1A7C-4FEC-BB42-99FB89A4719D';
const fields: ExifFields = {
  dateTimeOriginal: '2024-07-14T10:11:12',
  subSec: '345',
  offset: '+02:00',
  digitized: '2024-07-14T10:11:13',
  modifyDate: '2024-08-01T00:00:00',
  make: 'Apple',
  model: 'iPhone 15',
  serial: 'S-1',
  contentIdentifier: identifier.toLowerCase(),
};
const expected = {
  takenAt: { local: '2024-07-14T10:11:12.345', offsetMinutes: 120, basis: 'exif' },
  make: 'Apple',
  model: 'iPhone 15',
  cameraSerial: 'S-1',
  contentIdentifier: identifier,
};
const appleXmp = makeXmpPacket({ 'photoshop:DateCreated': '2015-09-27T16:29:28' });

type Find = (reader: PositionalReader) => Promise<EmbeddedMetadata>;

async function readFile(find: Find, file: Uint8Array) {
  return readExif(await find(memoryFile(file)));
}

function readBlock(block: ExifFields, xmp?: string) {
  const tiff = makeExif(block, 'little');
  return readExif({ ...(tiff && { tiff }), ...(xmp !== undefined && { xmp }) });
}

describe('where the formats keep it', () => {
  const heifEnd = (options: { seed: number } & ExifFields) =>
    makeHeic({ ...options, exifAt: 'end', imageBytes: 3_000_000 });
  test.for<[string, Find, (options: { seed: number } & ExifFields) => Uint8Array]>([
    ['JPEG', findInJpeg, makeJpeg],
    ['PNG', findInPng, makePng],
    ['WebP', findInWebp, makeWebp],
    ['HEIC', findInHeif, makeHeic],
    ['HEIC with EXIF as its last bytes', findInHeif, heifEnd],
  ])('%s', async ([, find, make]) => {
    const file = memoryFile(make({ seed: 1, ...fields }));
    expect(readExif(await find(file))).toEqual(expected);
    expect(file.readBytes).toBeLessThan(64 * 1024);
    expect(await readFile(find, make({ seed: 1 }))).toEqual({});
  });

  test('A JPEG with padding, other segments and XMP first', async () => {
    const segment = (marker: number, ...content: Uint8Array[]) =>
      join(bytes(0xff, marker), uint16(2 + join(...content).length), ...content);
    const xmp = segment(0xe1, ascii('http://ns.adobe.com/xap/1.0/\0'), Buffer.from(appleXmp));
    const exif = segment(0xe1, ascii('Exif\0\0'), makeExif(fields) ?? Buffer.alloc(0));
    const start = join(
      bytes(0xff, 0xd8),
      segment(0xe0, ascii('JFIF\0')),
      xmp,
      bytes(0xff, 0xff, 0xff),
      segment(0xe2, Buffer.alloc(60_000)),
    );
    expect(await readFile(findInJpeg, join(start, exif, bytes(0xff, 0xda)))).toEqual(expected);
    expect(await readFile(findInJpeg, join(start, bytes(0xff, 0xda, 0, 0), exif))).toEqual({
      takenAt: { local: '2015-09-27T16:29:28', basis: 'exif' },
    });
  });

  test('A PNG with XMP, plain or compressed, before or after the pixels', async () => {
    expect(
      (await readFile(findInPng, makePng({ seed: 1, xmpDateCreated: '2015-09-27T16:29:28' }))).takenAt?.local,
    ).toBe('2015-09-27T16:29:28');
    const chunk = (type: string, content: Uint8Array) => join(uint32(content.length), ascii(type), content, uint32(0));
    const compressed = join(ascii('XML:com.adobe.xmp\0\x01\0en\0\0'), deflateSync(appleXmp));
    const signature = makePng({ seed: 1 }).subarray(0, 8);
    const late = join(
      signature,
      chunk('IDAT', Buffer.alloc(100_000)),
      chunk('iTXt', compressed),
      chunk('IEND', bytes()),
    );
    expect((await readFile(findInPng, late)).takenAt?.local).toBe('2015-09-27T16:29:28');
    const bomb = join(ascii('XML:com.adobe.xmp\0\x01\0\0\0'), deflateSync(Buffer.alloc(50_000_000)));
    expect(await readFile(findInPng, join(signature, chunk('iTXt', bomb)))).toEqual({});
  });

  test('A HEIC with XMP only, and one that keeps its items within the tables', async () => {
    const item = (id: number, type: string, contentType = '') =>
      fullBox('infe', { version: 2 }, uint16(id, 0), ascii(`${type}\0${contentType}\0`));
    const exif = join(uint32(6), ascii('Exif\0\0'), makeExif(fields) ?? Buffer.alloc(0));
    const infos = fullBox('iinf', {}, uint16(2), item(1, 'Exif'), item(2, 'mime', 'application/rdf+xml'));
    // Version 1, offsets and lengths of four bytes; construction method 1: in `idat`.
    const place = (id: number, start: number, length: number) => join(uint16(id, 1, 0, 1), uint32(start, length));
    const xmpBytes = Buffer.from(appleXmp);
    const file = (...places: Buffer[]) => {
      const locations = fullBox('iloc', { version: 1 }, bytes(0x44, 0x00), uint16(places.length), ...places);
      return join(
        box('ftyp', ascii('heic'), uint32(0)),
        fullBox('meta', {}, fullBox('hdlr', {}), infos, locations, box('idat', exif, xmpBytes)),
      );
    };
    const xmpPlace = place(2, exif.length, xmpBytes.length);
    expect(await readFile(findInHeif, file(place(1, 0, exif.length), xmpPlace))).toEqual(expected);
    expect(await readFile(findInHeif, file(xmpPlace))).toEqual({
      takenAt: { local: '2015-09-27T16:29:28', basis: 'exif' },
    });
    expect(await readFile(findInHeif, file(place(1, 0xffff, 0xffffffff)))).toEqual({});
  });

  test('A JPEG XL in its container', async () => {
    const exif = box('Exif', uint32(0), makeExif(fields) ?? Buffer.alloc(0));
    expect(
      await readFile(findInJpegXl, join(box('JXL ', uint32(0x0d0a870a)), box('jxlc', Buffer.alloc(9)), exif)),
    ).toEqual(expected);
  });

  test('A TIFF file is its own block, with XMP in a tag', () => {
    expect(readExif({ tiff: makeTiff([asciiEntry(0x010f, 'Epson')], 'big') })).toEqual({ make: 'Epson' });
    const packet: TiffEntry = { tag: 700, value: { type: 'byte', values: [...Buffer.from(appleXmp)] } };
    expect(readExif({ tiff: makeTiff([packet], 'little') })).toEqual({
      takenAt: { local: '2015-09-27T16:29:28', basis: 'exif' },
    });
  });
});

describe('which date is taken', () => {
  const original = { dateTimeOriginal: '2024-07-14T10:11:12' };
  const unusable = [
    '0000:00:00 00:00:00',
    '    :  :     :  :  ',
    '',
    ':07:04 16:24:01',
    '1601:06:06 16:39:33',
    '2023:02:30 10:00:00',
    '2105:01:01 00:00:00',
  ];

  test('DateTimeOriginal before all others', () => {
    const xmp = makeXmpPacket({ 'exif:DateTimeOriginal': '2001-01-01T01:01:01' });
    expect(
      readBlock({ ...original, digitized: '2002-02-02T02:02:02', modifyDate: '2003-03-03T03:03:03' }, xmp).takenAt,
    ).toEqual({
      local: '2024-07-14T10:11:12',
      basis: 'exif',
    });
  });

  test.for(unusable)("Instead of %j: XMP's original, its creation, then the digitisation", (dateTimeOriginal) => {
    const block = { dateTimeOriginal, digitized: '2002-02-02T02:02:02', modifyDate: '2003-03-03T03:03:03' };
    const xmp = makeXmpPacket({
      'photoshop:DateCreated': '2001-01-01',
      'exif:DateTimeOriginal': '2000-01-01T01:01:01.5+01:00',
    });
    expect(readBlock(block, xmp).takenAt).toEqual({ local: '2000-01-01T01:01:01.5', offsetMinutes: 60, basis: 'exif' });
    expect(readBlock(block, makeXmpPacket({ 'photoshop:DateCreated': '2001-01-01' })).takenAt?.local).toBe(
      '2001-01-01T12:00:00',
    );
    expect(readBlock(block, 'no packet').takenAt).toEqual({ local: '2002-02-02T02:02:02', basis: 'exif' });
    expect(readBlock({ ...block, digitized: '2002-12-08T12:00:00' }).takenAt).toBeUndefined();
  });

  test('ModifyDate never', () => {
    expect(readBlock({ modifyDate: '2003-03-03T03:03:03' })).toEqual({});
  });

  test('The offset of the original, else that which some cameras write for all three; blank ones are none', () => {
    const offsetOf = (block: ExifFields) => readBlock({ ...original, ...block }).takenAt?.offsetMinutes;
    expect(offsetOf({ offset: '-03:00', offsetTimeOnly: '+01:00' })).toBe(-180);
    expect(offsetOf({ offsetTimeOnly: '+05:45' })).toBe(345);
    expect(offsetOf({ offset: '   :  ', offsetTimeOnly: '+01:00' })).toBe(60);
    expect(offsetOf({ offset: '+25:00' })).toBeUndefined();
    expect(offsetOf({})).toBeUndefined();
  });

  test('The fraction as written, and blanks as none', () => {
    const localOf = (subSec: string) => readBlock({ ...original, subSec }).takenAt?.local;
    expect([localOf('00'), localOf('023460'), localOf('5')]).toEqual(
      ['.00', '.023460', '.5'].map((fraction) => `2024-07-14T10:11:12${fraction}`),
    );
    for (const subSec of ['   ', 'x', '-1']) expect(localOf(subSec)).toBe('2024-07-14T10:11:12');
  });
});

test('XMP properties are read as attributes and as elements, and only under their own names', () => {
  expect(readXmpDate('<rdf:Description exif:DateTimeOriginal="2001-01-01T01:01:01"/>')?.local).toBe(
    '2001-01-01T01:01:01',
  );
  expect(readXmpDate("<rdf:Description\n exif:DateTimeOriginal = '2001-01-01T01:01:01'/>")?.local).toBe(
    '2001-01-01T01:01:01',
  );
  expect(readXmpDate('<exif:DateTimeOriginal>\n2001-01-01T01:01:01</exif:DateTimeOriginal>')?.local).toBe(
    '2001-01-01T01:01:01',
  );
  expect(readXmpDate('<x notexif:DateTimeOriginal="2001-01-01T01:01:01"/>')).toBeUndefined();
  expect(readXmpDate('<xmp:CreateDate>2001-01-01T01:01:01</xmp:CreateDate>')).toBeUndefined();
  expect(readXmpDate('exif:DateTimeOriginal'.repeat(100_000))).toBeUndefined();
  expect(readXmpDate(' exif:DateTimeOriginal='.repeat(100_000) + ' '.repeat(100_000))).toBeUndefined();
});

describe("Apple's maker note", () => {
  const header = join(ascii('Apple iOS\0'), bytes(0, 1), ascii('MM'));
  const note = (entries: TiffEntry[]) => join(header, makeDirectory(entries, { at: header.length, order: 'big' }));
  const entry = (tag: number, type: number, count: number, value: number) =>
    join(uint16(tag, type), uint32(count, value));
  const raw = (...entries: Buffer[]) => join(header, uint16(entries.length), ...entries, uint32(0));

  test('gives the content identifier in upper case', () => {
    const others = [asciiEntry(0x0001, 'x'), asciiEntry(0x0010, 'other'), asciiEntry(0x0012, 'y')];
    expect(parseAppleMakerNote(note([...others, asciiEntry(0x0011, identifier.toLowerCase())]))).toBe(identifier);
    expect(parseAppleMakerNote(raw(entry(0x0011, 2, 3, 0x61620000)))).toBe('AB');
  });

  test('without it, damaged, or of another maker gives nothing', () => {
    for (const bytesOfNote of [
      Buffer.alloc(0),
      header,
      join(ascii('Nikon\0'), Buffer.alloc(40)),
      note([asciiEntry(0x0010, 'other')]),
      note([asciiEntry(0x0011, 'has spaces and = signs')]),
      raw(entry(0x0011, 2, 36, 0xffffffff)),
      raw(entry(0x0011, 2, 36, 20)),
      raw(entry(0x0011, 2, 0xffffffff, 0)),
      raw(entry(0x0011, 7, 36, 14)),
      join(header, uint16(0xffff)),
      join(header, uint16(0xffff), entry(1, 1, 1, 1)),
    ]) {
      expect(parseAppleMakerNote(bytesOfNote)).toBeUndefined();
    }
  });
});

describe('what a hostile block cannot do', () => {
  /** `count` entries of `tag` that all claim the whole block as their value. */
  function greedy(entries: readonly (readonly [tag: number, type: number])[], blockBytes: number): Buffer {
    const block = Buffer.alloc(blockBytes, 0x41);
    block.write('MM\0*', 'latin1');
    block.writeUInt32BE(8, 4);
    block.writeUInt16BE(entries.length, 8);
    for (const [index, [tag, type]] of entries.entries()) {
      join(uint16(tag, type), uint32(blockBytes - 70_000, 60_000)).copy(block, 10 + 12 * index);
    }
    return block;
  }

  test('make the reader look at more than its limit', () => {
    const far = Buffer.alloc(tiffBytesMax + 4096);
    makeTiff([], 'big').copy(far);
    far.writeUInt32BE(tiffBytesMax + 16, 4);
    makeDirectory([asciiEntry(0x010f, 'Epson')], { at: tiffBytesMax + 16, order: 'big' }).copy(far, tiffBytesMax + 16);
    expect(readExif({ tiff: far })).toEqual({});
  });

  test('take long or throw with values that overlap, directories that loop, and counts beyond the end', () => {
    const beforeMs = threadCpuMs();
    const text = Array.from(
      { length: 4_000 },
      (_, index) => [[0x010f, 0x0110, 0x9003, 0x9004][index % 4] ?? 0, 2] as const,
    );
    expect(readExif({ tiff: greedy(text, tiffBytesMax) }).takenAt).toBeUndefined();
    expect(
      readExif({
        tiff: greedy(
          [
            [0x010f, 2],
            [0x927c, 7],
            [700, 1],
          ],
          tiffBytesMax,
        ),
      }).takenAt,
    ).toBeUndefined();
    const loop = join(ascii('MM\0*'), uint32(8), uint16(1), uint16(0x8769, 4), uint32(1, 8), uint32(8));
    expect(readExif({ tiff: loop })).toEqual({});
    const beyond = join(
      ascii('MM\0*'),
      uint32(8),
      uint16(1),
      uint16(0x9003, 2),
      uint32(0xffffffff, 0xfffffff0),
      uint32(0),
    );
    expect(readExif({ tiff: beyond })).toEqual({});
    expect(threadCpuMs() - beforeMs).toBeLessThan(5_000);
  });

  test('have a table of items that takes no room count for ever', async () => {
    const table = (version: number) =>
      fullBox('iloc', { version }, bytes(0, 0), uint32(0xffffffff), Buffer.alloc(200_000, 0xff));
    const infos = fullBox('iinf', {}, uint16(1), fullBox('infe', { version: 2 }, uint16(1, 0), ascii('Exif\0')));
    for (const version of [0, 1, 2, 255]) {
      const beforeMs = threadCpuMs();
      expect(await readFile(findInHeif, fullBox('meta', {}, infos, table(version)))).toEqual({});
      expect(threadCpuMs() - beforeMs).toBeLessThan(1_000);
    }
  });

  test('have chunks without end, or a chunk of 4 GB, read to their end', async () => {
    const png = makePng({ seed: 1 }).subarray(0, 8);
    const chunk = join(uint32(0xfffffff0), ascii('eXIf'), makeExif(fields) ?? Buffer.alloc(0));
    const file = sparseFile(2 ** 34, [{ at: 0, bytes: join(png, chunk) }]);
    expect(readExif(await findInPng(file))).toEqual(expected);
    expect(file.readBytes).toBeLessThan(2 * tiffBytesMax);
    const zeros = sparseFile(2 ** 34, [{ at: 0, bytes: png }]);
    expect(await findInPng(zeros)).toEqual({});
    expect(await findInWebp(zeros)).toEqual({});
    expect(zeros.reads).toBeLessThan(50_000);
  });
});
