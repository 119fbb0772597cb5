// Movies are the largest files and the only halves of Live Photos without EXIF: a date or identifier missed here
// separates the pair.
import { expect, test } from 'vitest';
import { keyCountMax, keysBytesMax, readMovieFacts, valueBytesMax } from '../../../../src/library/metadata/iso-bmff.ts';
import { boxCountMax } from '../../../../src/library/metadata/iso-boxes.ts';
import { ascii, box, bytes, fullBox, join, uint16, uint32, uint64 } from '../../../support/media/bytes.ts';
import { makeMov } from '../../../support/media/quicktime.ts';
import { memoryFile, sparseFile } from './fixtures/memory-file.ts';

const identifier = 'C3754624-A05F-474D-9F16-E9C47B5F892D';
const fileType = box('ftyp', ascii('qt  '), uint32(0));
/** 2019-07-24T08:25:57Z, and the same counted from 1904. */
const createdAtMs = Date.parse('2019-07-24T08:25:57Z');
const macSeconds = createdAtMs / 1000 + 2_082_844_800;

function read(...parts: Uint8Array[]) {
  return readMovieFacts(memoryFile(join(...parts)));
}

function mvhd(seconds: number, version: 0 | 1 = 0): Buffer {
  const time = version === 0 ? uint32(seconds, seconds) : uint64(seconds, seconds);
  return fullBox('mvhd', { version }, time, Buffer.alloc(88));
}

function key(name: string): Buffer {
  return join(uint32(8 + name.length), ascii('mdta'), ascii(name));
}

function item(number: number, text: string): Buffer {
  return join(uint32(24 + text.length), uint32(number), box('data', uint32(1, 0), ascii(text)));
}

const appleKeys = [
  'com.apple.quicktime.content.identifier',
  'com.apple.quicktime.creationdate',
  'x',
  'com.apple.quicktime.make',
];
const keysBox = fullBox('keys', {}, uint32(appleKeys.length), ...appleKeys.map(key));
const listBox = box(
  'ilst',
  item(1, identifier.toLowerCase()),
  item(2, '2019-12-29T19:01:14-0800'),
  item(3, 'y'),
  item(4, 'Apple'),
);
const handler = fullBox('hdlr', {}, uint32(0), ascii('mdta'), Buffer.alloc(14));
const appleFacts = {
  recordedAt: { local: '2019-12-29T19:01:14', offsetMinutes: -480 },
  contentIdentifier: identifier,
  make: 'Apple',
};

test.for([
  { moovLast: true, headerVersion: 0 },
  { moovLast: false, headerVersion: 1 },
] as const)('Everything an iPhone writes is read (%j)', async (variant) => {
  const movie = makeMov({
    seed: 1,
    brand: 'qt  ',
    creationDate: '2024-07-14T10:11:12+0200',
    createDateUtc: '2024-07-14T08:11:15Z',
    contentIdentifier: identifier,
    make: 'Apple',
    model: 'iPhone 15',
    ...variant,
  });
  expect(await readMovieFacts(memoryFile(movie))).toEqual({
    createdAtMs: Date.parse('2024-07-14T08:11:15Z'),
    recordedAt: { local: '2024-07-14T10:11:12', offsetMinutes: 120 },
    contentIdentifier: identifier,
    make: 'Apple',
    model: 'iPhone 15',
  });
});

test('QuickTime writes `meta` plainly, MP4 with a version in front, and some put it into `udta`', async () => {
  expect(await read(fileType, box('moov', box('meta', handler, keysBox, listBox)))).toEqual(appleFacts);
  expect(await read(fileType, box('moov', fullBox('meta', {}, handler, keysBox, listBox)))).toEqual(appleFacts);
  expect(await read(fileType, box('moov', box('udta', fullBox('meta', {}, handler, keysBox, listBox))))).toEqual(
    appleFacts,
  );
});

test("User data gives date and camera where Apple's keys are missing, and yields to them where they are not", async () => {
  const text = (type: string, content: string) => box(type, uint16(content.length, 0x15c7), ascii(content));
  const userData = box(
    'udta',
    text('\xa9day', '2010-08-13T21:00:01+0100'),
    text('\xa9mak', 'Canon'),
    text('\xa9mod', 'IXUS'),
    uint32(0), // QuickTime ends the list so.
  );
  const facts = { recordedAt: { local: '2010-08-13T21:00:01', offsetMinutes: 60 }, make: 'Canon', model: 'IXUS' };
  expect(await read(box('moov', userData))).toEqual(facts);
  expect(await read(box('moov', userData, box('meta', handler, keysBox, listBox)))).toEqual({
    ...facts,
    ...appleFacts,
  });
  expect(await read(box('moov', box('udta', box('date', ascii('2018-02-07T10:15:08-0500')))))).toEqual({
    recordedAt: { local: '2018-02-07T10:15:08', offsetMinutes: -300 },
  });
  for (const release of ['2010', '2010-08-13'])
    expect(await read(box('moov', box('udta', text('\xa9day', release))))).toEqual({});
});

test('The creation time is read in both widths, and clocks that were never set count as none', async () => {
  expect(await read(box('moov', mvhd(macSeconds)))).toEqual({ createdAtMs });
  expect(await read(box('moov', mvhd(macSeconds, 1)))).toEqual({ createdAtMs });
  const first = Date.UTC(1990, 0, 1) / 1000 + 2_082_844_800;
  expect(await read(box('moov', mvhd(first)))).toEqual({ createdAtMs: Date.UTC(1990, 0, 1) });
  for (const garbage of [0, 1, first - 1, 1_563_956_757]) expect(await read(box('moov', mvhd(garbage)))).toEqual({});
  expect(await read(box('moov', mvhd(2 ** 52, 1)))).toEqual({});
});

test('A header at the end of a 6 GB file is found by some tens of small reads', async () => {
  const mediaBytes = 6 * 1024 ** 3;
  const start = join(fileType, uint32(1), ascii('mdat'), uint64(mediaBytes));
  const moov = box(
    'moov',
    mvhd(macSeconds),
    box('trak', Buffer.alloc(500_000)),
    box('meta', handler, keysBox, listBox),
  );
  const moovAt = fileType.length + mediaBytes;
  const file = sparseFile(moovAt + moov.length, [
    { at: 0, bytes: start },
    { at: moovAt, bytes: moov },
  ]);
  expect(await readMovieFacts(file)).toEqual({ createdAtMs, ...appleFacts });
  expect(file.reads).toBeLessThan(50);
  expect(file.readBytes).toBeLessThan(8 * 1024);
});

test("A file that is cut within its header keeps what is whole of Apple's keys, but not the bare instant", async () => {
  const moov = box('moov', mvhd(macSeconds), box('meta', handler, keysBox, listBox), box('trak', Buffer.alloc(1000)));
  expect(await read(moov)).toEqual({ createdAtMs, ...appleFacts });
  expect(await read(moov.subarray(0, -500))).toEqual(appleFacts);
  expect(await read(moov.subarray(0, 120))).toEqual({});
});

test("A CR3 gives its two directories, bounded, and no box of another owner is taken for Canon's", async () => {
  const canon = Buffer.from('85c0b687820f11e08111f4ce462b6a48', 'hex');
  const blocks = [
    box('CNCV', ascii('CanonCR3')),
    box('CMT1', ascii('II*\0first')),
    box('CMT2', ascii('II*\0second')),
    box('CMT3'),
  ];
  const { tiffBlocks } = await read(box('moov', box('uuid', canon, ...blocks), mvhd(0)));
  expect(tiffBlocks?.map((block) => Buffer.from(block).toString('latin1'))).toEqual(['II*\0first', 'II*\0second']);
  expect(await read(box('moov', box('uuid', Buffer.alloc(16), ...blocks)))).toEqual({});
  const huge = join(uint32(0x7fffffff), ascii('CMT1'), Buffer.alloc(2 * 1024 * 1024));
  const [block] = (await read(join(uint32(0x7fffffff), ascii('moov'), box('uuid', canon, huge)))).tiffBlocks ?? [];
  expect(block?.length).toBe(256 * 1024);
});

test('Sizes that cannot be do no harm: 2^63 bytes, 0, less than a header, beyond the parent', async () => {
  const moov = box('moov', mvhd(macSeconds));
  expect(await read(join(uint32(1), ascii('mdat'), uint32(0x7fffffff, 0xffffffff)), moov)).toEqual({});
  expect(await read(join(uint32(1), ascii('moov'), uint32(0x7fffffff, 0xffffffff)), mvhd(macSeconds))).toEqual({});
  expect(await read(join(uint32(1), ascii('moov')))).toEqual({});
  expect(await read(join(uint32(0), ascii('moov')), mvhd(macSeconds))).toEqual({ createdAtMs });
  for (const size of [2, 7]) expect(await read(join(uint32(size), ascii('free')), moov)).toEqual({});
  expect(await read(box('moov', join(uint32(0xffffffff), ascii('meta')), mvhd(macSeconds)))).toEqual({});
});

test('Boxes without end are given up after a fixed number', async () => {
  const many = Buffer.concat(Array.from({ length: boxCountMax }, () => box('free')));
  expect(await read(many.subarray(8), box('moov', mvhd(macSeconds)))).toEqual({});
  expect(await read(many.subarray(16), box('moov', mvhd(macSeconds)))).toEqual({ createdAtMs });
  const file = memoryFile(join(many, many, many));
  await readMovieFacts(file);
  expect(file.reads).toBe(boxCountMax);
});

test('A table of keys that claims four thousand million entries is read as far as it goes', async () => {
  const names = (count: number) => Array.from({ length: count }, (_, index) => key(`k${index}`));
  const table = (...entries: Buffer[]) => fullBox('keys', {}, uint32(0xffffffff), ...entries);
  const find = (keys: Buffer, number: number) =>
    read(box('moov', box('meta', handler, keys, box('ilst', item(number, '2019-12-29T19:01:14')))));
  const wanted = key('com.apple.quicktime.creationdate');
  const found = { recordedAt: { local: '2019-12-29T19:01:14' } };
  expect(await find(table(...names(keyCountMax - 1), wanted), keyCountMax)).toEqual(found);
  expect(await find(table(...names(keyCountMax), wanted), keyCountMax + 1)).toEqual({});
  expect(await find(table(key('x'.repeat(keysBytesMax)), wanted), 2)).toEqual({});
  expect(await find(table(join(uint32(4), ascii('mdta')), wanted), 2)).toEqual({});
  expect(await find(table(join(uint32(0xffffffff), ascii('mdta')), wanted), 2)).toEqual({});
  expect(await find(table(wanted), 0xffffffff)).toEqual({});
});

test('A value may be long, empty or not what its key says', async () => {
  const find = (text: string | Buffer, number = 1) =>
    read(box('moov', box('meta', handler, keysBox, box('ilst', item(number, text.toString('latin1'))))));
  expect(await find('x'.repeat(valueBytesMax * 4), 1)).toEqual({});
  expect((await find('x'.repeat(valueBytesMax * 4), 4)).make?.length).toBeLessThan(valueBytesMax);
  expect(await find('', 1)).toEqual({});
  expect(await find('not a date', 2)).toEqual({});
  expect(await find(bytes(0xff, 0xfe), 1)).toEqual({});
  expect(await read(box('moov', box('meta', handler, keysBox, box('ilst', join(uint32(8), uint32(1))))))).toEqual({});
});
