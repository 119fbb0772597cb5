// The generated media carry the tests of dates, groups and imports. If a generator wrote something else than it says, those
// tests would prove nothing; so here independent readers, and our own look at the bytes, say what is in the files.
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ExifReader from 'exifreader';
import { fileTypeFromBuffer } from 'file-type';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeAvi } from '../../support/media/avi.ts';
import { writeCameraFolder, writeLivePairs } from '../../support/media/camera-folder.ts';
import { makeGif } from '../../support/media/gif.ts';
import { makeHeic } from '../../support/media/heic.ts';
import { makeJpeg } from '../../support/media/jpeg.ts';
import { makePng } from '../../support/media/png.ts';
import { type MovOptions, makeMov, writeMov } from '../../support/media/quicktime.ts';
import { makeDng } from '../../support/media/raw.ts';
import { makeAae, makeGoogleAlbumJson, makeGoogleJson, makeXmp } from '../../support/media/sidecars.ts';
import { sourcePathOf, type TruthRow } from '../../support/media/source-tree.ts';
import { makeWebp } from '../../support/media/webp.ts';

const contentIdentifier = 'DC121C25-1A7C-4FEC-BB42-99FB89A4719D';
const allFields = {
  dateTimeOriginal: '2024-07-14T10:11:12',
  subSec: '345',
  offset: '+02:00',
  digitized: '2024-07-14T10:11:13',
  modifyDate: '2024-08-01T00:00:00',
  make: 'Apple',
  model: 'iPhone 15',
  serial: 'S-1',
  contentIdentifier,
};

const stillMakers = {
  'image/jpeg': makeJpeg,
  'image/png': makePng,
  'image/webp': makeWebp,
  'image/heic': makeHeic,
  'image/x-adobe-dng': makeDng,
};

describe.each(Object.entries(stillMakers))('a still of type %s', (mime, make) => {
  test('says its type by its content', async () => {
    expect((await fileTypeFromBuffer(make({ seed: 1 })))?.mime).toBe(mime);
  });

  test('has every EXIF field that was asked for, as ExifReader reads it', () => {
    const tags = ExifReader.load(make({ seed: 1, ...allFields }));
    expect(tags.DateTimeOriginal?.value).toEqual(['2024:07:14 10:11:12']);
    expect(tags.SubSecTimeOriginal?.value).toEqual(['345']);
    expect(tags.OffsetTimeOriginal?.value).toEqual(['+02:00']);
    expect(tags.OffsetTime).toBeUndefined();
    expect(tags.DateTimeDigitized?.value).toEqual(['2024:07:14 10:11:13']);
    expect(tags.DateTime?.value).toEqual(['2024:08:01 00:00:00']);
    expect(tags.Make?.value).toEqual(['Apple']);
    expect(tags.Model?.value).toEqual(['iPhone 15']);
    expect(tags['BodySerialNumber']?.value).toEqual(['S-1']);
  });

  test("has Apple's maker note with the content identifier, and none unless asked for", () => {
    const note = makerNoteOf(make({ seed: 1, contentIdentifier }));
    expect(note?.toString('latin1', 0, 14)).toBe('Apple iOS\0\0\x01MM');
    expect(readAppleContentIdentifier(note)).toBe(contentIdentifier);
    expect(makerNoteOf(make({ seed: 1, dateTimeOriginal: '2024-07-14T10:11:12' }))).toBeUndefined();
  });

  test('can have OffsetTime alone, and dates that are no dates', () => {
    const tags = ExifReader.load(make({ seed: 1, offsetTimeOnly: '+05:45', dateTimeOriginal: '0000:00:00 00:00:00' }));
    expect(tags.OffsetTime?.value).toEqual(['+05:45']);
    expect(tags.OffsetTimeOriginal).toBeUndefined();
    expect(tags.DateTimeOriginal?.value).toEqual(['0000:00:00 00:00:00']);
  });
});

test('a still without fields has no EXIF at all', () => {
  for (const make of [makeJpeg, makePng, makeWebp, makeHeic]) {
    const file = make({ seed: 1 });
    expect(file.includes('Exif')).toBe(false);
    expect(file.includes('eXIf')).toBe(false);
    expect(file.includes('EXIF')).toBe(false);
  }
});

describe('a JPEG', () => {
  test('is a picture from SOI to EOI whose frame has the size that was asked for', () => {
    const file = makeJpeg({ seed: 1, width: 100, height: 50, ...allFields });
    const segments = jpegSegments(file);
    expect(segments.map(({ marker }) => marker)).toEqual([0xe1, 0xfe, 0xdb, 0xc0, 0xc4, 0xc4, 0xda]);
    const frame = segments.find(({ marker }) => marker === 0xc0)?.body;
    expect([frame?.readUInt16BE(1), frame?.readUInt16BE(3)]).toEqual([50, 100]);
    expect(file.readUInt16BE(file.length - 2)).toBe(0xffd9);
  });

  test('has no marker inside its picture, whatever the colour', () => {
    for (let seed = 0; seed < 300; seed += 1) {
      const file = makeJpeg({ seed });
      const scan = jpegSegments(file).find(({ marker }) => marker === 0xda);
      const picture = file.subarray(scan?.endsAt, -2);
      for (const [at, byte] of picture.entries()) if (byte === 0xff) expect(picture[at + 1]).toBe(0);
    }
  });

  test('grows by padding that readers skip', () => {
    const plain = makeJpeg({ seed: 1, ...allFields });
    const padded = makeJpeg({ seed: 1, paddingBytes: 200_000, ...allFields });
    expect(padded.length).toBe(plain.length + 200_000 + 4 * 4);
    expect(ExifReader.load(padded).DateTimeOriginal?.value).toEqual(['2024:07:14 10:11:12']);
  });
});

test('a PNG can have the date in an XMP packet alone', () => {
  const tags = ExifReader.load(makePng({ seed: 1, xmpDateCreated: '2015-09-27T16:29:28' }));
  expect(tags['DateCreated']?.value).toBe('2015-09-27T16:29:28');
  expect(tags.DateTimeOriginal).toBeUndefined();
});

test('a HEIC has its Exif before the image or at the very end of the file', () => {
  const atStart = makeHeic({ seed: 1, imageBytes: 3000, ...allFields });
  const atEnd = makeHeic({ seed: 1, imageBytes: 3000, exifAt: 'end', ...allFields });
  expect(atStart.indexOf('Exif\0\0MM')).toBeLessThan(600);
  expect(atEnd.indexOf('Exif\0\0MM')).toBeGreaterThan(3000);
  for (const file of [atStart, atEnd]) {
    expect(boxesOf(file).map(({ type }) => type)).toEqual(['ftyp', 'meta', 'mdat']);
    expect(ExifReader.load(file).DateTimeOriginal?.value).toEqual(['2024:07:14 10:11:12']);
    expect(readAppleContentIdentifier(makerNoteOf(file))).toBe(contentIdentifier);
  }
});

test('a GIF says its type and its size', async () => {
  const file = makeGif({ seed: 1 });
  expect((await fileTypeFromBuffer(file))?.mime).toBe('image/gif');
  expect(ExifReader.load(file)['Image Width']?.value).toBe(8);
});

describe('a movie', () => {
  const apple = { creationDate: '2024-07-14T10:11:12+0200', contentIdentifier, make: 'Apple', model: 'iPhone 15' };
  const all: MovOptions = { seed: 1, brand: 'qt  ', createDateUtc: '2024-09-01T01:02:03Z', ...apple };

  test.each([
    ['qt  ', 'video/quicktime'],
    ['mp42', 'video/mp4'],
    ['isom', 'video/mp4'],
    ['3gp4', 'video/3gpp'],
  ] as const)('of brand %s is %s by its content', async (brand, mime) => {
    expect((await fileTypeFromBuffer(makeMov({ ...all, brand })))?.mime).toBe(mime);
  });

  test("has Apple's keys and their values", () => {
    for (const brand of ['qt  ', 'mp42', 'isom', '3gp4'] as const) {
      expect(appleKeysOf(makeMov({ ...all, brand }))).toEqual({
        'com.apple.quicktime.content.identifier': contentIdentifier,
        'com.apple.quicktime.make': 'Apple',
        'com.apple.quicktime.model': 'iPhone 15',
        'com.apple.quicktime.creationdate': '2024-07-14T10:11:12+0200',
      });
    }
    expect(findBox(makeMov({ seed: 1, brand: 'qt  ' }), 'moov', 'meta')).toBeUndefined();
  });

  test('has its CreateDate in seconds since 1904, in 32 or 64 bits, or 0', () => {
    const seconds = Date.parse('2024-09-01T01:02:03Z') / 1000 + 2_082_844_800;
    expect(findBox(makeMov(all), 'moov', 'mvhd')?.readUInt32BE(4)).toBe(seconds);
    const version1 = findBox(makeMov({ ...all, headerVersion: 1 }), 'moov', 'mvhd');
    expect(version1?.readUInt8(0)).toBe(1);
    expect(version1?.readBigUInt64BE(4)).toBe(BigInt(seconds));
    expect(findBox(makeMov({ seed: 1, brand: 'mp42' }), 'moov', 'mvhd')?.readUInt32BE(4)).toBe(0);
  });

  test.each([false, true])('finds its one frame, a JPEG, where its table says (movie header last: %s)', (moovLast) => {
    const file = makeMov({ ...all, moovLast, mdatBytes: 2000 });
    const order = moovLast ? ['ftyp', 'mdat', 'moov'] : ['ftyp', 'moov', 'mdat'];
    expect(boxesOf(file).map(({ type }) => type)).toEqual(order);
    expect(findBox(file, 'mdat')?.length).toBe(2000);
    const table = ['moov', 'trak', 'mdia', 'minf', 'stbl'] as const;
    const at = findBox(file, ...table, 'stco')?.readUInt32BE(8) ?? 0;
    const sizeBytes = findBox(file, ...table, 'stsz')?.readUInt32BE(12) ?? 0;
    const frame = file.subarray(at, at + sizeBytes);
    expect([frame.readUInt16BE(0), frame.readUInt16BE(frame.length - 2)]).toEqual([0xffd8, 0xffd9]);
  });
});

test('an AVI says its type, and its date the way small cameras do', async () => {
  const file = makeAvi({ seed: 1, dateTimeOriginal: '2003-03-10T15:04:43' });
  expect((await fileTypeFromBuffer(file))?.mime).toBe('video/vnd.avi');
  expect(file.readUInt32LE(4)).toBe(file.length - 8);
  expect(file.includes('IDIT\x1a\0\0\0MON MAR 10 15:04:43 2003\n\0')).toBe(true);
  expect(makeAvi({ seed: 1 }).includes('IDIT')).toBe(false);
});

test('sidecars are what their programs read', () => {
  expect(makeAae(1).toString()).toContain('<key>adjustmentFormatIdentifier</key>\n\t<string>com.apple.photo</string>');
  expect(makeXmp({ seed: 1, date: '1999-01-02T03:04:05' }).toString()).toContain(
    '<exif:DateTimeOriginal>1999-01-02T03:04:05</exif:DateTimeOriginal>',
  );
  const google: unknown = JSON.parse(
    makeGoogleJson({ title: 'a.jpg', takenAtSeconds: 1562282641, seed: 1 }).toString(),
  );
  expect(google).toMatchObject({
    title: 'a.jpg',
    photoTakenTime: { timestamp: '1562282641', formatted: 'Jul 4, 2019, 11:24:01 PM UTC' },
  });
});

test('the same parameters give the same bytes, and another seed gives others', () => {
  const makers: readonly ((seed: number) => Buffer)[] = [
    ...Object.values(stillMakers).map((make) => (seed: number) => make({ seed, ...allFields })),
    (seed) => makeGif({ seed }),
    (seed) => makeAvi({ seed }),
    (seed) => makeMov({ seed, brand: 'qt  ' }),
    makeAae,
    (seed) => makeXmp({ seed }),
    (seed) => makeGoogleJson({ title: 'a.jpg', takenAtSeconds: 0, seed }),
    (seed) => makeGoogleAlbumJson({ title: 'a', seed }),
  ];
  for (const make of makers) {
    expect(make(1).equals(make(1))).toBe(true);
    expect(make(1).equals(make(2))).toBe(false);
  }
});

test('a path that is not UTF-8 has its odd bytes and backslashes escaped, name by name', () => {
  expect(sourcePathOf(Buffer.from('DCIM/caf\u00e9 \\ 🏖️.jpg'))).toBe('DCIM/caf\u00e9 \\ 🏖️.jpg');
  expect(sourcePathOf(Buffer.from('a\\b/\xe9\\\xff.jpg', 'latin1'))).toBe('a\\b/\\xE9\\x5C\\xFF.jpg');
  expect(sourcePathOf(Buffer.concat([Buffer.from('\u00e9'), Buffer.from([0xc3])]))).toBe('\u00e9\\xC3');
});

describe('on disk', () => {
  let root = '';
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'keepsake-media-'));
  });
  afterEach(async () => {
    await rm(root, { recursive: true, force: true });
  });

  test('a movie that is streamed has the bytes of the one made in memory', async () => {
    const options: MovOptions = { seed: 1, brand: 'qt  ', mdatBytes: 3 * 1024 * 1024 + 17, moovLast: true };
    const written = await writeMov(join(root, 'large.mov'), options);
    const file = await readFile(join(root, 'large.mov'));
    expect(file.equals(makeMov(options))).toBe(true);
    expect(written).toEqual({ sha256: sha256(file), sizeBytes: file.length });
  });

  test('the camera folder holds exactly what its truth table says', async () => {
    const rows = await writeCameraFolder(root, { seed: 1 });
    await expectFilesAsInTruth(root, rows);
    const kinds = new Set(rows.map(({ expected }) => expected.kind));
    expect(kinds).toEqual(new Set(['filed', 'filedUtc', 'undatedOrFallback', 'withAsset', 'notMedia', 'duplicateOf']));
  });

  test('the camera folder has bytes that come twice only where the truth table says so', async () => {
    const rows = await writeCameraFolder(root, { seed: 1 });
    const unique = new Set(rows.map((row) => row.sha256));
    expect(unique.size).toBe(rows.filter(({ expected }) => expected.kind !== 'duplicateOf').length);
  });

  test('the camera folder is the same for the same seed, and of other bytes for another', async () => {
    const rows = await writeCameraFolder(join(root, 'a'), { seed: 1 });
    expect(await writeCameraFolder(join(root, 'b'), { seed: 1 })).toEqual(rows);
    const others = await writeCameraFolder(join(root, 'c'), { seed: 2 });
    expect(others.map(({ path }) => path)).toEqual(rows.map(({ path }) => path));
    const same = others.filter((row, index) => row.sha256 === rows[index]?.sha256).map(({ path }) => path);
    expect(same).toEqual(['DCIM/103NAMES/IMG_9001.JPG', 'DCIM/103NAMES/notes.txt']);
  });

  test('of generated Live Photos, the pairs share an identifier and no decoy shares one within its folder', async () => {
    const rows = await writeLivePairs(root, { seed: 7, count: 20 });
    await expectFilesAsInTruth(root, rows);
    const stills = rows.filter(({ livePairWith, expected }) => livePairWith !== undefined && expected.kind === 'filed');
    expect(stills).toHaveLength(20);

    const identifiers = new Map<string, string | undefined>();
    for (const { path } of rows) identifiers.set(path, identifierIn(await readFile(join(root, path))));
    for (const { path, livePairWith = '' } of stills) {
      expect(identifiers.get(path)).toBeDefined();
      expect(identifiers.get(livePairWith)).toBe(identifiers.get(path));
    }
    const inFolders = rows
      .filter(({ livePairWith, path }) => livePairWith === undefined && identifiers.get(path) !== undefined)
      .map(({ path }) => `${path.slice(0, path.lastIndexOf('/'))} ${identifiers.get(path)}`);
    expect(inFolders.length).toBeGreaterThan(0);
    expect(new Set(inFolders).size).toBe(inFolders.length);
  });
});

/** Files, sizes, hashes and times are as in the table, and whatever a row refers to has a row. */
async function expectFilesAsInTruth(root: string, rows: readonly TruthRow[]): Promise<void> {
  const byPath = new Map(rows.map((row) => [row.path, row]));
  expect(byPath.size).toBe(rows.length);
  for (const row of rows) {
    const path = Buffer.concat([Buffer.from(`${root}/`), bytesOfPath(row.path)]);
    const { size, mtimeMs } = await stat(path);
    expect({ sha256: sha256(await readFile(path)), sizeBytes: size, modifiedAtMs: mtimeMs }).toEqual({
      sha256: row.sha256,
      sizeBytes: row.sizeBytes,
      modifiedAtMs: row.modifiedAtMs,
    });
    const { expected, livePairWith } = row;
    if (expected.kind === 'withAsset') expect(byPath.get(expected.assetPath)?.expected.kind).toMatch(/^filed/);
    if (expected.kind === 'duplicateOf') expect(byPath.get(expected.path)?.sha256).toBe(row.sha256);
    if (livePairWith !== undefined) expect(byPath.get(livePairWith)?.livePairWith).toBe(row.path);
  }
}

/** Enough for the sample tree, where only names that are not UTF-8 have a backslash. */
function bytesOfPath(path: string): Buffer {
  const parts = path.split(/\\x([0-9A-F]{2})/);
  return Buffer.concat(parts.map((part, index) => Buffer.from(part, index % 2 === 0 ? 'utf8' : 'hex')));
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function makerNoteOf(file: Buffer): Buffer | undefined {
  const tag: unknown = ExifReader.load(file)['MakerNote'];
  if (typeof tag !== 'object' || tag === null || !('value' in tag) || !Array.isArray(tag.value)) return undefined;
  return Buffer.from(tag.value);
}

/** Walks the maker note's directory: twelve bytes an entry, offsets from the start of the note. */
function readAppleContentIdentifier(note: Buffer | undefined): string | undefined {
  if (note === undefined) return undefined;
  const count = note.readUInt16BE(14);
  for (let at = 16; at < 16 + 12 * count; at += 12) {
    if (note.readUInt16BE(at) !== 0x11) continue;
    expect(note.readUInt16BE(at + 2)).toBe(2); // ASCII
    const start = note.readUInt32BE(at + 8);
    return note.toString('latin1', start, start + note.readUInt32BE(at + 4) - 1);
  }
  return undefined;
}

function identifierIn(file: Buffer): string | undefined {
  if (file.toString('latin1', 4, 12) === 'ftypqt  ') return appleKeysOf(file)['com.apple.quicktime.content.identifier'];
  return readAppleContentIdentifier(makerNoteOf(file));
}

interface Segment {
  readonly marker: number;
  readonly body: Buffer;
  readonly endsAt: number;
}

/** Up to and including the start of the scan. */
function jpegSegments(file: Buffer): Segment[] {
  expect(file.readUInt16BE(0)).toBe(0xffd8);
  const segments: Segment[] = [];
  for (let at = 2; segments.at(-1)?.marker !== 0xda; ) {
    expect(file.readUInt8(at)).toBe(0xff);
    const endsAt = at + 2 + file.readUInt16BE(at + 2);
    segments.push({ marker: file.readUInt8(at + 1), body: file.subarray(at + 4, endsAt), endsAt });
    at = endsAt;
  }
  return segments;
}

interface Box {
  readonly type: string;
  readonly body: Buffer;
}

/** The boxes that fill these bytes, to the last one. */
function boxesOf(content: Buffer): Box[] {
  const boxes: Box[] = [];
  for (let at = 0; at < content.length; ) {
    const sizeBytes = content.readUInt32BE(at);
    expect(sizeBytes).toBeGreaterThanOrEqual(8);
    expect(at + sizeBytes).toBeLessThanOrEqual(content.length);
    boxes.push({ type: content.toString('latin1', at + 4, at + 8), body: content.subarray(at + 8, at + sizeBytes) });
    at += sizeBytes;
  }
  return boxes;
}

function findBox(content: Buffer, ...path: readonly string[]): Buffer | undefined {
  const [first, ...rest] = path;
  if (first === undefined) return content;
  const found = boxesOf(content).find(({ type }) => type === first);
  return found && findBox(found.body, ...rest);
}

function appleKeysOf(file: Buffer): Record<string, string> {
  const keys = findBox(file, 'moov', 'meta', 'keys');
  const items = findBox(file, 'moov', 'meta', 'ilst');
  if (keys === undefined || items === undefined) return {};
  const names = boxesOf(keys.subarray(8)).map(({ body }) => body.toString('latin1'));
  expect(keys.readUInt32BE(4)).toBe(names.length);
  return Object.fromEntries(
    boxesOf(items).map(({ type, body }) => {
      const name = names[Buffer.from(type, 'latin1').readUInt32BE(0) - 1] ?? 'no such key';
      return [name, findBox(body, 'data')?.toString('utf8', 8) ?? ''];
    }),
  );
}
