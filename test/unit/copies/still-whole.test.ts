// A file that differs from what was saved is repaired, unless another program changed it on purpose. Calling half a picture whole
// would keep the half and spread it; calling an edited picture broken would throw the owner's work away.
import { readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { assert, asyncProperty, constantFrom, integer, tuple, uint8Array } from 'fast-check';
import { expect, test } from 'vitest';
import { isWholePicture, type Wholeness } from '../../../src/copies/still-whole.ts';
import { makeAvi } from '../../support/media/avi.ts';
import { ascii, box, bytes, join as concat, uint16, uint32 } from '../../support/media/bytes.ts';
import { makeGif } from '../../support/media/gif.ts';
import { makeHeic } from '../../support/media/heic.ts';
import { makeJpeg } from '../../support/media/jpeg.ts';
import { makePng } from '../../support/media/png.ts';
import { makeMov } from '../../support/media/quicktime.ts';
import { makeDng } from '../../support/media/raw.ts';
import { makeWebp } from '../../support/media/webp.ts';
import { findTestMedia } from '../../support/requirements.ts';
import { seededRandom } from '../../support/seeded-random.ts';

async function judge(file: Uint8Array, extension = ''): Promise<Wholeness> {
  return await isWholePicture(async (offset, length) => file.subarray(offset, offset + length), file.length, extension);
}

const made: Readonly<Record<string, Buffer>> = {
  '.jpg': makeJpeg({ seed: 1, dateTimeOriginal: '2024-07-14T10:11:12', paddingBytes: 2000 }),
  '.png': makePng({ seed: 1, dateTimeOriginal: '2024-07-14T10:11:12' }),
  '.gif': makeGif({ seed: 1 }),
  '.webp': makeWebp({ seed: 1, dateTimeOriginal: '2024-07-14T10:11:12' }),
  '.avi': makeAvi({ seed: 1, dateTimeOriginal: '2024-07-14T10:11:12' }),
  '.heic': makeHeic({ seed: 1, dateTimeOriginal: '2024-07-14T10:11:12' }),
  '.mov': makeMov({ seed: 1, brand: 'qt  ', mdatBytes: 3000, moovLast: true }),
  '.mp4': makeMov({ seed: 1, brand: 'mp42', mdatBytes: 3000 }),
  '.3gp': makeMov({ seed: 1, brand: '3gp4', mdatBytes: 3000 }),
  '.dng': makeDng({ seed: 1, dateTimeOriginal: '2024-07-14T10:11:12' }),
};
const kinds = Object.entries(made);

test.for(kinds)('%s: all of it is whole, and nothing that is shorter', async ([extension, file]) => {
  expect(await judge(file, extension)).toBe('whole');
  expect(await judge(file), 'whatever it is called').toBe('whole');
  for (let length = 0; length < file.length; length += 1) {
    expect(await judge(file.subarray(0, length), extension), `${length} of ${file.length} bytes`).toBe('broken');
  }
});

test('Zeros instead of the second half, as a crash leaves them, are seen unless they lie where only a decoder looks', async () => {
  const seen: Record<string, Wholeness> = {};
  for (const [extension, file] of kinds) {
    seen[extension] = await judge(Buffer.from(file).fill(0, Math.floor(file.length / 2)), extension);
  }
  expect(seen).toEqual({
    ...{ '.jpg': 'broken', '.png': 'broken', '.gif': 'broken', '.webp': 'broken', '.avi': 'broken', '.mov': 'broken' },
    ...{ '.dng': 'broken', '.heic': 'whole', '.mp4': 'whole', '.3gp': 'whole' },
  });
});

test('PNG: not one byte of it may be another', async () => {
  const file = made['.png'] ?? Buffer.alloc(0);
  for (let at = 0; at < file.length; at += 1) {
    const changed = Buffer.from(file);
    changed[at] = (changed[at] ?? 0) ^ 0x10;
    expect(await judge(changed, '.png'), `byte ${at}`).toBe('broken');
  }
});

const jpeg = makeJpeg({ seed: 2 });

test('JPEG: what cameras and programs leave behind the picture is no harm, but has to be whole itself', async () => {
  const movie = makeMov({ seed: 1, brand: 'mp42', mdatBytes: 2000 });
  for (const after of [Buffer.alloc(5000), Buffer.alloc(3, 0xff), jpeg, concat(Buffer.alloc(7), jpeg), movie]) {
    expect(await judge(concat(jpeg, after))).toBe('whole');
  }
  expect(await judge(concat(jpeg, ascii('what some program knows of the picture')))).toBe('whole');
  expect(await judge(concat(jpeg, jpeg.subarray(0, -1)))).toBe('broken');
  expect(await judge(concat(jpeg, movie.subarray(0, -1)))).toBe('broken');
  expect(await judge(concat(jpeg, Buffer.alloc(2), Buffer.alloc(2, 0xff), jpeg.subarray(1, -5)))).toBe('broken');
});

test('JPEG: a Multi-Picture index that names a picture beyond the end', async () => {
  const withIndex = (secondBytes: number) => {
    const entry = (size: number, offset: number) => concat(uint32(0, size, offset), uint16(0, 0));
    const directory = concat(uint16(1), uint16(0xb002, 7), uint32(32, 26), uint32(0));
    const index = concat(ascii('MPF\0MM\0*'), uint32(8), directory, entry(jpeg.length, 0), entry(secondBytes, 700));
    const segment = concat(bytes(0xff, 0xe2), uint16(index.length + 2), index);
    return concat(jpeg.subarray(0, 2), segment, jpeg.subarray(2), Buffer.alloc(1000));
  };
  expect(await judge(withIndex(500))).toBe('whole');
  expect(await judge(withIndex(100_000))).toBe('broken');
});

/** A picture whose scan has these bytes in place of its own. */
function scanOf(...data: readonly Uint8Array[]): Buffer {
  const frame = concat(bytes(0xff, 0xc0), uint16(11), bytes(8), uint16(8, 8), bytes(1, 1, 0x11, 0));
  const header = concat(bytes(0xff, 0xda), uint16(8), bytes(1, 1, 0, 0, 63, 0));
  return concat(bytes(0xff, 0xd8), frame, header, ...data, bytes(0xff, 0xd9));
}

test('JPEG: the scan is read to its end, wherever its marks lie between two reads', async () => {
  expect(await judge(scanOf(bytes(1, 2, 0xff, 0, 0xff, 0xd0, 3, 0xff, 0xff)))).toBe('whole');
  expect(await judge(scanOf(bytes(1, 0xff, 0x3a, 2))), 'a marker that there is not').toBe('broken');
  expect(await judge(scanOf(bytes(1, 0xff, 0xd8, 2))), 'a second beginning').toBe('broken');
  for (let at = 262_080; at < 262_150; at += 1) {
    const filler = Buffer.alloc(at, 0x55);
    for (const data of [bytes(0xff, 0), bytes(0xff, 0xd3), bytes(0xff, 0xff, 0xff, 0)]) {
      expect(await judge(scanOf(filler, data, filler)), `${at}`).toBe('whole');
      expect(await judge(scanOf(filler, data)), `${at}, at the end`).toBe('whole');
      expect(await judge(scanOf(filler, data).subarray(0, -1)), `${at}, without its end`).toBe('broken');
    }
    expect(await judge(scanOf(filler, bytes(0xff, 0xff, 0x55))), `${at}, no marker`).toBe('broken');
  }
});

test('JPEG: without a frame or a scan there is no picture', async () => {
  expect(await judge(bytes(0xff, 0xd8, 0xff, 0xd9))).toBe('broken');
  expect(await judge(concat(bytes(0xff, 0xd8, 0xff, 0xda), uint16(8), bytes(1, 1, 0, 0, 63, 0, 0xff, 0xd9)))).toBe(
    'broken',
  );
  expect(await judge(Buffer.concat([bytes(0xff, 0xd8), Buffer.alloc(3_000_000, 0xff)]))).toBe('broken');
});

test('Boxes: sizes of 64 bits, to the end of the file, and of no sense', async () => {
  const [type, movie, media] = [box('ftyp', ascii('mp42')), box('moov', Buffer.alloc(20)), Buffer.alloc(50, 1)];
  const large = (size: bigint) => {
    const head = Buffer.alloc(16);
    head.writeUInt32BE(1, 0);
    head.write('mdat', 4, 'latin1');
    head.writeBigUInt64BE(size, 8);
    return concat(head, media);
  };
  expect(await judge(concat(type, movie, large(66n)))).toBe('whole');
  expect(await judge(concat(type, movie, large(67n)))).toBe('broken');
  expect(await judge(concat(type, movie, large(2n ** 64n - 1n)))).toBe('broken');
  expect(await judge(concat(type, movie, large(15n)))).toBe('broken');
  const open = concat(uint32(0), ascii('mdat'), media);
  expect(await judge(concat(type, movie, open)), 'it may have been longer').toBe('cannotTell');
  expect(await judge(concat(type, box('mdat', media))), 'nobody can play it').toBe('broken');
  expect(await judge(concat(type, movie))).toBe('broken');
  expect(await judge(concat(type, movie, box('mdat', media), Buffer.alloc(300))), 'filling').toBe('whole');
  expect(await judge(concat(type, movie, box('mdat', media), Buffer.alloc(300, 7)))).toBe('broken');
  expect(await judge(concat(type, ...Array.from({ length: 5000 }, () => box('free'))))).toBe('cannotTell');
  expect(await judge(concat(uint32(12), ascii('JXL '), uint32(0x0d0a870a), type, box('jxlc', media)))).toBe('whole');
});

test('TIFF: directories that go in circles, and what lies outside the file', async () => {
  const directory = (next: number, ...entries: readonly Buffer[]) =>
    concat(ascii('MM\0*'), uint32(8), uint16(entries.length), ...entries, uint32(next));
  const entry = (tag: number, value: number) => concat(uint16(tag, 4), uint32(1, value));
  const strip = (offset: number, length: number) => [entry(0x111, offset), entry(0x117, length)];
  expect(await judge(directory(8, ...strip(8, 20)))).toBe('whole');
  expect(await judge(directory(0, ...strip(8, 31)))).toBe('broken');
  expect(await judge(directory(0, ...strip(4_000_000_000, 1)))).toBe('broken');
  expect(await judge(directory(5000, ...strip(8, 20)))).toBe('broken');
  expect(await judge(directory(0, entry(0x8769, 5000), ...strip(8, 20)))).toBe('broken');
  expect(await judge(directory(0, entry(0x100, 1))), 'no picture that we understand').toBe('cannotTell');
  const huge = concat(uint16(0x111, 4), uint32(4_000_000_000, 8));
  expect(await judge(directory(0, huge))).toBe('broken');
});

test('GIF and RIFF: what is behind their end does not count; a film that was never finished cannot be told', async () => {
  for (const kind of ['.gif', '.webp', '.avi']) {
    expect(await judge(concat(made[kind] ?? Buffer.alloc(0), ascii('more')))).toBe('whole');
  }
  const unfinished = Buffer.from(made['.avi'] ?? []);
  unfinished.writeUInt32LE(0, 4);
  expect(await judge(unfinished, '.avi')).toBe('cannotTell');
});

test('What is not a picture that we know is broken if it is called one', async () => {
  expect(await judge(Buffer.alloc(5000), '.HEIC')).toBe('broken');
  expect(await judge(ascii('<html>not found</html>'), 'jpg')).toBe('broken');
  expect(await judge(ascii('<?xml version="1.0"?>'), '.xmp')).toBe('cannotTell');
  expect(await judge(Buffer.alloc(5000))).toBe('cannotTell');
  expect(await judge(Buffer.alloc(0), '.aae'), 'empty is never whole').toBe('broken');
  expect(await judge(jpeg, '.heic'), 'a JPEG that is called otherwise').toBe('whole');
});

test('An error of reading is the reader’s, and a file that is shorter than it was is broken', async () => {
  const failing = () => Promise.reject(new Error('EIO'));
  await expect(isWholePicture(failing, 1000, '.jpg')).rejects.toThrow('EIO');
  const shorter = async (offset: number, length: number) => jpeg.subarray(0, 100).subarray(offset, offset + length);
  expect(await isWholePicture(shorter, jpeg.length, '.jpg')).toBe('broken');
});

const beginnings = [
  '\xff\xd8\xff\xe0',
  '\xff\xd8',
  '\x89PNG\r\n\x1a\n',
  'GIF89a',
  'RIFF\x40\0\0\0WEBP',
  'RIFF\xff\xff\0\0AVI ',
];
const furtherBeginnings = [
  'MM\0*\0\0\0\x08',
  'II*\0\x08\0\0\0',
  '\0\0\0\x08ftyp',
  '\0\0\0\x01mdat',
  'FUJIFILMCCD-RAW ',
  'BM',
  '',
];

test('Ten thousand files of nonsense: always an answer, after few reads, all inside the file', async () => {
  const nonsense = tuple(constantFrom(...beginnings, ...furtherBeginnings), uint8Array({ maxLength: 400 })).map(
    ([begin, rest]) => Buffer.concat([Buffer.from(begin, 'latin1'), rest]),
  );
  const damaged = tuple(constantFrom(...Object.values(made)), integer(), integer({ min: 1, max: 255 }), integer()).map(
    ([file, where, mask, other]) => {
      const copy = Buffer.from(file);
      for (const at of [Math.abs(where) % copy.length, Math.abs(other) % copy.length]) {
        copy[at] = (copy[at] ?? 0) ^ mask;
      }
      return copy;
    },
  );
  for (const files of [nonsense, damaged]) {
    await assert(
      asyncProperty(files, async (file) => {
        let reads = 0;
        const read = async (offset: number, length: number) => {
          reads += 1;
          expect(offset >= 0 && length > 0 && offset + length <= file.length).toBe(true);
          return file.subarray(offset, offset + length);
        };
        expect(['whole', 'broken', 'cannotTell']).toContain(await isWholePicture(read, file.length));
        expect(reads).toBeLessThan(2 * file.length + 10);
      }),
      { numRuns: 5000 },
    );
  }
});

test('A file made to take for ever is given up', async () => {
  const forever = async (sizeBytes: number, piece: (offset: number, length: number) => Uint8Array) =>
    await isWholePicture(async (offset, length) => piece(offset, length), sizeBytes);
  const head = Buffer.concat([ascii('GIF89a'), Buffer.alloc(7), bytes(0x21, 0xf9)]);
  const blocks = (offset: number, length: number) =>
    new Uint8Array(length).fill(1).map((one, index) => head[offset + index] ?? one);
  expect(await forever(10 ** 12, blocks)).toBe('cannotTell');
  const boxes = (offset: number, length: number) => box(offset === 0 ? 'ftyp' : 'free').subarray(0, length);
  expect(await forever(10 ** 12, (offset, length) => Buffer.concat([boxes(offset, length), Buffer.alloc(16)]))).toBe(
    'cannotTell',
  );
});

/** Not whole to begin with, by their rows in truth.tsv or by exiftool -validate. */
const brokenMedia = [
  'cameras/motion_photo_pixel_synth.jpg', // no JPEG between its header and its movie
  'dates/badimage.jpeg', // "Missing JPEG SOS"
  'formats/exif.png', // "Bad CRC" of every chunk
  'raw/canon-r6.cr3', // cut
  'raw/fixture.cr3', // cut
  'raw/sony-zv-e10.arw', // cut
  'video/RIFF.avi', // cut: "Incorrect RIFF chunk size 1262 vs. 2767806"
];
const knownMedia = /\.(jpe?g|png|gif|webp|avif|hei[cf]|mov|mp4|3gp|avi|tiff?|dng|nef|arw|cr[23]|raf)$/i;

test('All real pictures and films are whole, and broken when they are cut at any place', async (context) => {
  const media = findTestMedia();
  if (media === undefined) return context.skip('needs the folder of real media (KEEPSAKE_TEST_MEDIA)');
  const paths = readFileSync(join(media, 'truth.tsv'), 'utf8')
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t')[0] ?? '')
    .filter((path) => knownMedia.test(path) && !path.startsWith('broken/'));
  expect(paths.length).toBeGreaterThan(90);
  const random = seededRandom(6);
  for (const path of paths) {
    const file = readFileSync(join(media, path));
    const isBroken = brokenMedia.includes(path);
    expect(await judge(file, extname(path)), path).toBe(isBroken ? 'broken' : 'whole');
    // Behind its picture this one has two kilobytes of what was in the camera's memory.
    const end = path === 'cameras/Ricoh DC-3Z (low res).jpg' ? 38_345 : file.length;
    for (let cut = 0; cut < 20; cut += 1) {
      const length = Math.floor(random() * end);
      expect(await judge(file.subarray(0, length), extname(path)), `${path} cut at ${length}`).toBe('broken');
    }
  }
});
