// "keepsake remove 2024" must name the photos of 2024 and no others. A word that is taken for something else than its owner
// meant puts the wrong photos into the trash.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ImportId, RemovalId, SourceId, SourcePath } from '../../../src/domain/ids.ts';
import type { PlannedAsset } from '../../../src/library/planned-asset.ts';
import {
  findAssets,
  isBelow,
  matchesPattern,
  type ParseOptions,
  parseQueries,
  parseQuery,
} from '../../../src/library/query.ts';
import { importId, plannedAsset, plannedResource, sampleSource, sourceId } from '../../contract/sample-plans.ts';
import { threadCpuMs } from '../../support/cpu-time.ts';
import { type LibraryScene, openLibraryScene } from './library-scene.ts';

const usage = expect.objectContaining({ code: 'USAGE' });
const cardId = 'card-99' as SourceId;
const devices = [
  { id: sourceId, name: "Mum's iPhone" },
  { id: 'phone-1', name: 'Twin' },
  { id: 'phone-2', name: 'Twin' },
];

function photo(path: string, local: string | undefined, change: Partial<PlannedAsset> = {}): PlannedAsset {
  const date = local === undefined ? ({ basis: 'undated' } as const) : ({ basis: 'exif', local } as const);
  return plannedAsset([plannedResource(path)], { date, ...change });
}

/** Two years, a Live Photo, a name of its own on the source, an undated one, and one from another device. */
async function openFiled(): Promise<LibraryScene> {
  const at = await openLibraryScene();
  at.catalog.beginImport({ importId, source: sampleSource, startedAtMs: 1000 });
  const renamed = plannedResource('2024/2024-07-15/IMG_7~2.JPG');
  at.catalog.record(importId, [
    photo('2024/2024-07-15/IMG_9.JPG', '2024-07-15T23:59:59.9'),
    plannedAsset(
      [
        plannedResource('2024/2024-07-14/IMG_1.HEIC'),
        plannedResource('2024/2024-07-14/IMG_1.MOV', { role: 'pairedVideo' }),
        plannedResource('2024/2024-07-14/IMG_1.AAE', { role: 'adjustments' }),
      ],
      { date: { basis: 'exif', local: '2024-07-14T00:00:00' } },
    ),
    photo('2023/2023-12-31/Größe.jpg', '2023-12-31T12:00:00'),
    plannedAsset([{ ...renamed, originalName: 'Sommer.jpg' }], {
      date: { basis: 'exif', local: '2024-07-15T08:00:00' },
    }),
    photo('undated/scan.png', undefined),
  ]);
  const other = '20240801-101112-abcdef' as ImportId;
  at.catalog.beginImport({ importId: other, source: { id: cardId, kind: 'folder', name: 'EOS' }, startedAtMs: 2000 });
  const fromCard = plannedResource('2024/2024-08-01/DSC_1.JPG');
  const entry = { ...fromCard.entry, sourceId: cardId, path: 'DCIM/DSC_1.JPG' as SourcePath };
  at.catalog.record(other, [
    plannedAsset([{ ...fromCard, entry }], { date: { basis: 'exif', local: '2024-08-01T08:00:00' } }),
  ]);
  return at;
}

function find({ catalog }: LibraryScene, texts: readonly string[], options?: ParseOptions): readonly string[] {
  const found = [...findAssets(catalog, parseQueries(texts, options), { devices })];
  return found.map(({ files }) => files[0]?.path.replace(/.*\//, '') ?? '');
}

test('Days, months, years and ranges name what was taken then, to the last second', async () => {
  await using at = await openFiled();
  expect(find(at, ['2024-07-14'])).toEqual(['IMG_1.AAE']);
  expect(find(at, ['2024-07'])).toEqual(['IMG_1.AAE', 'IMG_7~2.JPG', 'IMG_9.JPG']);
  expect(find(at, ['2024'])).toHaveLength(4);
  expect(find(at, ['2023..2024-07-14'])).toEqual(['Größe.jpg', 'IMG_1.AAE']);
  expect(find(at, ['2024-07-15..2024-07'])).toEqual(['IMG_7~2.JPG', 'IMG_9.JPG']);
  expect(find(at, ['undated'])).toEqual(['scan.png']);
});

test('A photo comes with all of its files, however it is named', async () => {
  await using at = await openFiled();
  for (const text of ['IMG_1.MOV', '2024/2024-07-14', '2024/2024-07-14/IMG_1.AAE', '2024-07-14']) {
    const [found, ...others] = findAssets(at.catalog, [parseQuery(text)], { devices });
    expect(others).toEqual([]);
    expect(found?.files.map(({ path }) => path.slice(-5))).toEqual(['1.AAE', '.HEIC', '1.MOV']);
  }
});

test('Files and folders are named as the owner sees them, in any capitals, with or without the way there', async () => {
  await using at = await openFiled();
  expect(find(at, ['2024/2024-07-15/'])).toEqual(['IMG_7~2.JPG', 'IMG_9.JPG']);
  expect(find(at, ['./2023'])).toEqual(['Größe.jpg']);
  expect(find(at, ['2023/'])).toEqual(['Größe.jpg']);
  expect(find(at, ['GRÖSSE.JPG'])).toEqual(['Größe.jpg']);
  expect(find(at, ['gro\u0308ße.jpg'])).toEqual(['Größe.jpg']);
  expect(find(at, ['img_*'])).toEqual(['IMG_1.AAE', 'IMG_7~2.JPG', 'IMG_9.JPG']);
  expect(find(at, ['IMG_?.JPG'])).toEqual(['IMG_9.JPG']);
  expect(find(at, ['2024/*/IMG_9.JPG'])).toEqual(['IMG_9.JPG']);
  expect(find(at, ['2024/2024-07-1?'])).toEqual(['IMG_1.AAE', 'IMG_7~2.JPG', 'IMG_9.JPG']);
  expect(find(at, ['undated/'])).toEqual(['scan.png']);
  expect(find(at, ['Sommer.jpg'])).toEqual(['IMG_7~2.JPG']);
  const roots = ['/media/photos', '/'];
  expect(find(at, ['/media/photos/2024/2024-07-15/IMG_9.JPG'], { roots })).toEqual(['IMG_9.JPG']);
  expect(find(at, ['/media/photos'], { roots: ['/media/photos/'] })).toHaveLength(6);
});

test('A device is named by its id or by what it is called', async () => {
  await using at = await openFiled();
  expect(find(at, ['EOS'])).toEqual(['DSC_1.JPG']);
  expect(find(at, ['card-99'])).toEqual(['DSC_1.JPG']);
  expect(find(at, ["mum's iphone"])).toHaveLength(5);
  expect(() => find(at, ['Twin'])).toThrow(usage);
});

test('Several names are one wish, in the order of paths, each photo once', async () => {
  await using at = await openFiled();
  expect(find(at, ['undated', 'IMG_9.JPG', '2024-07-15', '2023'])).toEqual([
    'Größe.jpg',
    'IMG_7~2.JPG',
    'IMG_9.JPG',
    'scan.png',
  ]);
});

test('What could mean two things is asked back', async () => {
  await using at = await openFiled();
  const later = '20240901-101112-abcdef' as ImportId;
  const resource = plannedResource('EOS/a.jpg');
  at.catalog.beginImport({ importId: later, source: sampleSource, startedAtMs: 3000 });
  at.catalog.record(later, [plannedAsset([resource])]);
  expect(() => find(at, ['EOS'])).toThrow(
    expect.objectContaining({ code: 'USAGE', remedy: expect.stringMatching(/EOS\//) }),
  );
  expect(find(at, ['EOS/'])).toEqual(['a.jpg']);
});

test('What matches nothing is an error that shows how to name photos', async () => {
  await using at = await openFiled();
  for (const texts of [
    ['2022'],
    ['nothing.jpg'],
    ['2024', 'x*'],
    ['2024/2024-07-14/IMG_2.HEIC'],
    ['adopted'],
    ['moved'],
  ]) {
    expect(() => find(at, texts)).toThrow(
      expect.objectContaining({ code: 'USAGE', remedy: expect.stringContaining('2024-07-14') }),
    );
  }
});

test('What can mean nothing is refused before anything is looked at', () => {
  const refused = [
    '',
    '  ',
    '2024-02-30',
    '2024-13',
    '2024-07-14..2024-07-01',
    'a/../b',
    '/etc/passwd',
    'x\u0000',
    'y'.repeat(5000),
  ];
  for (const text of refused) expect(() => parseQuery(text, { roots: ['/media/photos'] })).toThrow(usage);
  expect(() => parseQueries([])).toThrow(usage);
  expect(() => parseQueries(Array.from({ length: 1001 }, () => '2024'))).toThrow(usage);
  expect(parseQuery('2024-02-29')).toMatchObject({ kind: 'days', first: '2024-02-29', last: '2024-02-29' });
  expect(parseQuery('2023-02')).toMatchObject({ first: '2023-02-01', last: '2023-02-28' });
});

test('A folder is that folder, not one whose name begins like it', () => {
  const isIn = isBelow('2024/2024-07-1');
  expect(['2024/2024-07-1/a.jpg', '2024/2024-07-1/deep/b.jpg', '2024/2024-07-1'].every(isIn)).toBe(true);
  expect(['2024/2024-07-14/a.jpg', '2024/a.jpg'].some(isIn)).toBe(false);
  expect(isBelow('/photos/Sommer', { roots: ['/photos'] })('sommer/x.jpg')).toBe(true);
  expect(isBelow('.')('anything')).toBe(true);
  for (const folder of ['', '../x', '/etc']) expect(() => isBelow(folder, { roots: ['/photos'] })).toThrow(usage);
});

test('What was removed is not found', async () => {
  await using at = await openFiled();
  const files = [...findAssets(at.catalog, [parseQuery('2024-07-14')], { devices })].flatMap((found) => found.files);
  at.catalog.copies.markRemoved(files, { id: 'r1' as RemovalId, atMs: 1 });
  expect(() => find(at, ['2024-07-14'])).toThrow(usage);
  expect(find(at, ['2024-07'])).toEqual(['IMG_7~2.JPG', 'IMG_9.JPG']);
});

test('Any text is either a query or refused, quickly', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
      try {
        expect(parseQuery(text, { roots: ['/library'] }).text).toBe(text);
      } catch (error) {
        expect(error).toEqual(usage);
      }
    }),
  );
  const beforeMs = threadCpuMs();
  expect(matchesPattern(`${'*a'.repeat(120)}b`, 'a'.repeat(255))).toBe(false);
  expect(threadCpuMs() - beforeMs).toBeLessThan(200);
});

test('A pattern matches as a regular expression of the same meaning would', () => {
  const letters = fc.constantFrom('a', 'b', '.');
  const patterns = fc.array(fc.constantFrom('a', 'b', '.', '*', '?'), { maxLength: 6 }).map((each) => each.join(''));
  const names = fc.array(letters, { maxLength: 8 }).map((each) => each.join(''));
  fc.assert(
    fc.property(patterns, names, (pattern, name) => {
      const source = pattern.replaceAll('.', '\\.').replaceAll('*', '.*').replaceAll('?', '.');
      expect(matchesPattern(pattern, name)).toBe(new RegExp(`^${source}$`).test(name));
    }),
  );
});
