// Damaged files are the rule on old cards, and a hostile one must not stop an import: whatever is flipped or cut, the
// parsers answer, soon, and read within their limits. Mutations come from a seed that is shown on failure.
import { expect, test } from 'vitest';
import { readAvchdDate } from '../../../../src/library/metadata/avchd.ts';
import { headBytesMax, identifyContent } from '../../../../src/library/metadata/content.ts';
import {
  findInHeif,
  findInJpeg,
  findInJpegXl,
  findInPng,
  findInWebp,
} from '../../../../src/library/metadata/embedded-metadata.ts';
import { readExif } from '../../../../src/library/metadata/exif.ts';
import { parseGoogleSidecar } from '../../../../src/library/metadata/google-sidecar.ts';
import { readMovieFacts } from '../../../../src/library/metadata/iso-bmff.ts';
import { threadCpuMs } from '../../../support/cpu-time.ts';
import { makeHeic } from '../../../support/media/heic.ts';
import { makeJpeg } from '../../../support/media/jpeg.ts';
import { makePng } from '../../../support/media/png.ts';
import { makeMov } from '../../../support/media/quicktime.ts';
import { makeDng } from '../../../support/media/raw.ts';
import { seededRandom } from '../../../support/media/seeded.ts';
import { makeGoogleJson } from '../../../support/media/sidecars.ts';
import { makeWebp } from '../../../support/media/webp.ts';
import { memoryFile } from './fixtures/memory-file.ts';

const seed = process.env['KEEPSAKE_TEST_SEED'] ?? 'hostile';
const rounds = 400;
const parseMsMax = 1_000;

const fields = {
  seed: 1,
  dateTimeOriginal: '2024-07-14T10:11:12',
  make: 'Apple',
  model: 'iPhone 15',
  contentIdentifier: 'DC121C25-1A7C-4FEC-BB42-99FB89A4719D',
};
const samples: Readonly<Record<string, Buffer>> = {
  jpeg: makeJpeg(fields),
  png: makePng(fields),
  webp: makeWebp(fields),
  heic: makeHeic({ ...fields, exifAt: 'end' }),
  dng: makeDng(fields),
  mov: makeMov({
    ...fields,
    brand: 'qt  ',
    creationDate: '2024-07-14T10:11:12+0200',
    createDateUtc: '2024-07-14T08:11:12Z',
  }),
  mp4: makeMov({ ...fields, brand: 'isom', moovLast: true }),
  json: makeGoogleJson({ title: 'a.jpg', takenAtSeconds: 1_538_174_149, seed: 1 }),
};

test.for(Object.keys(samples))('No damage to a %s makes a parser throw, hang or read without end', async (name) => {
  const sample = samples[name] ?? Buffer.alloc(0);
  const random = seededRandom(`${seed} ${name}`);
  for (let round = 0; round < rounds; round++) {
    const file = damage(sample, random);
    const beforeMs = threadCpuMs();
    try {
      await parseEverySense(file);
    } catch (error) {
      throw new Error(`seed ${seed}, ${name}, round ${round}`, { cause: error });
    }
    expect(threadCpuMs() - beforeMs, `seed ${seed}, ${name}, round ${round}`).toBeLessThan(parseMsMax);
  }
});

/** Every parser, also those the file is not meant for: a wrong guess at its type must do no harm either. */
async function parseEverySense(file: Buffer): Promise<void> {
  for (const find of [findInJpeg, findInPng, findInWebp, findInHeif, findInJpegXl]) {
    const reader = memoryFile(file);
    readExif(await find(reader));
    expect(reader.reads).toBeLessThan(100_000);
  }
  const movie = memoryFile(file);
  const { tiffBlocks = [] } = await readMovieFacts(movie);
  expect(movie.reads).toBeLessThan(20_000);
  for (const tiff of [file, ...tiffBlocks]) readExif({ tiff });
  readAvchdDate(file);
  parseGoogleSidecar(file);
  for (const fileName of ['x.jpg', 'x.aae', 'x.xmp', 'x.json']) {
    await identifyContent(file.subarray(0, headBytesMax), { name: fileName, sizeBytes: file.length });
  }
}

/** Cuts, flips, extreme numbers where sizes, counts and offsets are, and pieces repeated in the wrong place. */
function damage(sample: Buffer, random: () => number): Buffer {
  const below = (limit: number) => Math.floor(random() * limit);
  let file = Buffer.from(sample);
  const strokes = 1 + below(6);
  for (let stroke = 0; stroke < strokes && file.length > 8; stroke++) {
    // Most metadata is near the start; half of the strokes go there.
    const at = below(random() < 0.5 ? Math.min(file.length - 8, 700) : file.length - 8);
    switch (below(5)) {
      case 0:
        file = file.subarray(0, at);
        break;
      case 1:
        file[at] = (file[at] ?? 0) ^ (1 << below(8));
        break;
      case 2:
        file.writeUInt32BE([0, 1, 0x7fffffff, 0xffffffff, 0xfffffff8, file.length][below(6)] ?? 0, at);
        break;
      case 3:
        file.writeUInt16BE([0, 1, 0x7fff, 0xffff][below(4)] ?? 0, at);
        break;
      default:
        file = Buffer.concat([file.subarray(0, at), file.subarray(below(at + 1), at), file.subarray(at)]);
    }
  }
  return file;
}
