// The one door through which an import asks about a file. If it hangs, dies or guesses, so does the import.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openMetadataReader } from '../../../../src/library/metadata/read-metadata.ts';
import { makeAvi } from '../../../support/media/avi.ts';
import { ascii, box, join as joinBytes, uint16, uint32 } from '../../../support/media/bytes.ts';
import { makeExif } from '../../../support/media/exif.ts';
import { makeGif } from '../../../support/media/gif.ts';
import { makeHeic } from '../../../support/media/heic.ts';
import { makeJpeg } from '../../../support/media/jpeg.ts';
import { makePng } from '../../../support/media/png.ts';
import { makeMov } from '../../../support/media/quicktime.ts';
import { makeDng } from '../../../support/media/raw.ts';
import { makeTiff } from '../../../support/media/tiff.ts';
import { makeWebp } from '../../../support/media/webp.ts';
import { patience } from '../../../support/patience.ts';

const signal = new AbortController().signal;
const noExiftool = { exiftoolPath: '/nonexistent/exiftool' };
const dateTimeOriginal = '2024-07-14T10:11:12';
const dated = { seed: 1, dateTimeOriginal };
const takenAt = { local: dateTimeOriginal, basis: 'exif' };

let folder: string;
let fileCount = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keepsake-metadata-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function write(content: Uint8Array): Promise<{ path: string; sizeBytes: number }> {
  fileCount += 1;
  const path = join(folder, `file ${fileCount}`);
  await writeFile(path, content);
  return { path, sizeBytes: content.length };
}

const raf = (() => {
  const preview = makeJpeg(dated);
  const header = Buffer.alloc(148);
  header.write('FUJIFILMCCD-RAW 0201');
  header.writeUInt32BE(header.length, 84);
  header.writeUInt32BE(preview.length, 88);
  return joinBytes(header, preview, Buffer.alloc(1000));
})();

const cr3 = (() => {
  const uuid = Buffer.from('85c0b687820f11e08111f4ce462b6a48', 'hex');
  const camera = makeExif({ make: 'Canon', model: 'R6' }, 'little') ?? Buffer.alloc(0);
  const exposure = makeTiff([{ tag: 0x9003, value: { type: 'ascii', text: '2024:07:14 10:11:12' } }], 'little');
  return joinBytes(
    box('ftyp', ascii('crx '), uint32(1)),
    box(
      'moov',
      box('uuid', uuid, box('CMT1', camera), box('CMT2', exposure)),
      box('mvhd', uint32(0, 3_800_000_000, 0)),
    ),
  );
})();

test.for<[string, Uint8Array, object]>([
  ['image/jpeg', makeJpeg(dated), { takenAt }],
  ['image/png', makePng(dated), { takenAt }],
  ['image/webp', makeWebp(dated), { takenAt }],
  ['image/heic', makeHeic({ ...dated, exifAt: 'end' }), { takenAt }],
  ['image/avif', makeHeic(dated), { takenAt }],
  ['image/x-adobe-dng', makeDng(dated), { takenAt, make: 'Canon', model: 'Canon EOS R5' }],
  ['image/x-fujifilm-raf', raf, { takenAt }],
  ['image/x-canon-cr3', cr3, { takenAt, make: 'Canon', model: 'R6' }],
  ['image/gif', makeGif({ seed: 1 }), {}],
  [
    'video/mp4',
    makeMov({ seed: 1, brand: 'isom', createDateUtc: '2024-07-14T10:11:12Z' }),
    { takenAtUtcMs: Date.parse('2024-07-14T10:11:12Z') },
  ],
  [
    'video/quicktime',
    makeMov({ seed: 1, brand: 'qt  ', creationDate: '2024-07-14T10:11:12+0200' }),
    { takenAt: { local: dateTimeOriginal, offsetMinutes: 120, basis: 'quicktime' } },
  ],
])('%s is read by our own readers, without exiftool', async ([mime, content, expected]) => {
  await using reader = openMetadataReader(noExiftool);
  const { path, sizeBytes } = await write(content);
  expect(await reader.read(path, { mime, sizeBytes, signal })).toEqual(expected);
  expect(reader.unavailable).toBeUndefined();
});

test('Everyday formats without a date are not given to exiftool', async () => {
  await using reader = openMetadataReader(noExiftool);
  for (const [mime, content] of [
    ['image/jpeg', makeJpeg({ seed: 1 })],
    ['image/png', makePng({ seed: 1 })],
    ['image/heic', makeHeic({ seed: 1 })],
    ['video/mp4', makeMov({ seed: 1, brand: 'isom' })],
  ] as const) {
    const { path, sizeBytes } = await write(content);
    expect(await reader.read(path, { mime, sizeBytes, signal })).toEqual({});
  }
  expect(reader.unavailable).toBeUndefined();
});

test('An AVI is read by exiftool; on a machine without it, it has no metadata and the reader says why', async () => {
  const { path, sizeBytes } = await write(makeAvi({ seed: 1, dateTimeOriginal }));
  const facts = { mime: 'video/x-msvideo', sizeBytes, signal };
  await using without = openMetadataReader(noExiftool);
  expect(await without.read(path, facts)).toEqual({});
  expect(without.unavailable).toBe('exiftool');
  expect(await without.read(path, facts)).toEqual({});

  await using reader = openMetadataReader();
  expect(await reader.read(path, facts)).toEqual({ takenAt: { local: dateTimeOriginal, basis: 'quicktime' } });
  expect(reader.unavailable).toBeUndefined();
  const broken = await write(ascii('RIFF but no more'));
  expect(await reader.read(broken.path, { ...facts, sizeBytes: broken.sizeBytes })).toEqual({});
});

test('A TIFF whose directory lies beyond what we read ourselves is read by exiftool', async () => {
  const far = 3_000_000;
  const exif = makeExif({ dateTimeOriginal, make: 'Epson' }, 'big') ?? Buffer.alloc(0);
  const file = Buffer.alloc(far + 4096);
  exif.copy(file, far - 8); // Its offsets count from 8 bytes earlier: rewritten below to count from the file's start.
  file.write('MM\0*', 'latin1');
  file.writeUInt32BE(far, 4);
  const entries = exif.readUInt16BE(8);
  for (let index = 0; index < entries; index++)
    file.writeUInt32BE(exif.readUInt32BE(10 + 12 * index + 8) + far - 8, far + 2 + 12 * index + 8);
  const exifAt = exif.readUInt32BE(8 + 2 + 12 * (entries - 1) + 8);
  for (let index = 0; index < exif.readUInt16BE(exifAt); index++) {
    const at = exifAt + 2 + 12 * index;
    if (exif.readUInt32BE(at + 4) > 4) file.writeUInt32BE(exif.readUInt32BE(at + 8) + far - 8, at + far - 8 + 8);
  }
  const { path, sizeBytes } = await write(file);
  await using reader = openMetadataReader();
  expect(await reader.read(path, { mime: 'image/tiff', sizeBytes, signal })).toMatchObject({ takenAt, make: 'Epson' });
});

test('Files that claim values of their whole length, and files of many gigabytes, cost neither memory nor the process', async () => {
  const blockBytes = 1024 * 1024;
  const bomb = Buffer.alloc(blockBytes, 0x41);
  joinBytes(ascii('MM\0*'), uint32(8), uint16(4)).copy(bomb);
  for (const [index, [tag, type]] of (
    [
      [0x010f, 2],
      [0x0110, 2],
      [0x02bc, 1],
      [0x927c, 7],
    ] as const
  ).entries()) {
    joinBytes(uint16(tag, type), uint32(blockBytes - 200, 100)).copy(bomb, 10 + 12 * index);
  }
  await using reader = openMetadataReader(noExiftool);
  const first = await write(bomb);
  await reader.read(first.path, { mime: 'image/tiff', sizeBytes: first.sizeBytes, signal });

  const rssBefore = process.memoryUsage.rss();
  for (const mime of [
    'image/jpeg',
    'image/png',
    'image/webp',
    'image/heic',
    'image/tiff',
    'image/x-fujifilm-raf',
    'video/mp4',
  ]) {
    const content = mime === 'image/tiff' ? bomb : makePng({ seed: 1 }).subarray(0, 8);
    const { path } = await write(content);
    const sizeBytes = 8 * 1024 ** 3;
    await truncate(path, sizeBytes);
    await reader.read(path, { mime, sizeBytes, signal });
  }
  expect(process.memoryUsage.rss() - rssBefore).toBeLessThan(80 * 1024 * 1024);
  const { path, sizeBytes } = await write(makeJpeg(dated));
  expect(await reader.read(path, { mime: 'image/jpeg', sizeBytes, signal })).toEqual({ takenAt });
});

test('A file that is gone is an error that says so, and one that shrank is read as far as it goes', async () => {
  await using reader = openMetadataReader(noExiftool);
  const facts = { mime: 'image/jpeg', sizeBytes: 1000, signal };
  await expect(reader.read(join(folder, 'missing'), facts)).rejects.toMatchObject({ code: 'ENOENT' });
  const { path } = await write(makeJpeg(dated).subarray(0, 20));
  expect(await reader.read(path, { ...facts, sizeBytes: 1_000_000 })).toEqual({});
});

test('A named pipe that nobody writes to does not hold up the import', async () => {
  const path = join(folder, 'pipe');
  await promisify(execFile)('mkfifo', [path]);
  await using reader = openMetadataReader(noExiftool);
  const read = reader.read(path, { mime: 'image/jpeg', sizeBytes: 1000, signal });
  await expect(read).rejects.toMatchObject({ code: 'ESPIPE' });
});

test('An aborted read rejects with the reason of the signal, before and during', async () => {
  await using reader = openMetadataReader(noExiftool);
  const { path, sizeBytes } = await write(makeJpeg(dated));
  const reason = new Error('unplugged');
  const aborted = { mime: 'image/jpeg', sizeBytes, signal: AbortSignal.abort(reason) };
  await expect(reader.read(path, aborted)).rejects.toBe(reason);
  const controller = new AbortController();
  const read = reader.read(path, { ...aborted, signal: controller.signal });
  controller.abort(reason);
  await expect(read).rejects.toBe(reason);
  expect(await reader.read(path, { ...aborted, signal })).toEqual({ takenAt });
});

test('A closed reader fails instead of answering "no metadata", whichever program would have read the file', async () => {
  const reader = openMetadataReader();
  const jpeg = await write(makeJpeg(dated));
  const avi = await write(makeAvi({ seed: 1, dateTimeOriginal }));
  const aviFacts = { mime: 'video/x-msvideo', sizeBytes: avi.sizeBytes, signal };
  await reader.read(avi.path, aviFacts);
  const during = expect(reader.read(avi.path, aviFacts)).rejects.toThrow('closed');
  await reader[Symbol.asyncDispose]();
  await during;
  await expect(reader.read(avi.path, aviFacts)).rejects.toThrow('closed');
  const jpegFacts = { mime: 'image/jpeg', sizeBytes: jpeg.sizeBytes, signal };
  await expect(reader.read(jpeg.path, jpegFacts)).rejects.toThrow('closed');
});

test('Files read at once get each their own metadata', async () => {
  await using reader = openMetadataReader(noExiftool);
  const models = Array.from({ length: 40 }, (_, index) => `model ${index}`);
  const files = await Promise.all(models.map((model) => write(makeJpeg({ seed: model, model }))));
  const found = await Promise.all(
    files.map(({ path, sizeBytes }) => reader.read(path, { mime: 'image/jpeg', sizeBytes, signal })),
  );
  expect(found).toEqual(models.map((model) => ({ model })));
});

test.for([true, false])(
  'The process ends by itself after worker and exiftool were used (disposed: %s)',
  async (isDisposed) => {
    const avi = await write(makeAvi({ seed: 1, dateTimeOriginal }));
    const jpeg = await write(makeJpeg(dated));
    const module = new URL('../../../../src/library/metadata/read-metadata.ts', import.meta.url);
    const script = `
    import { openMetadataReader } from ${JSON.stringify(module.href)};
    const signal = new AbortController().signal;
    const reader = openMetadataReader();
    const avi = await reader.read(${JSON.stringify(avi.path)}, { mime: 'video/x-msvideo', sizeBytes: ${avi.sizeBytes}, signal });
    const jpeg = await reader.read(${JSON.stringify(jpeg.path)}, { mime: 'image/jpeg', sizeBytes: ${jpeg.sizeBytes}, signal });
    ${isDisposed ? 'await reader[Symbol.asyncDispose]();' : ''}
    console.log(avi.takenAt.local, jpeg.takenAt.local);`;
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
      timeout: patience.timeout,
    });
    expect(stdout).toBe(`${dateTimeOriginal} ${dateTimeOriginal}\n`);
    expect(stderr).toBe('');
  },
);
