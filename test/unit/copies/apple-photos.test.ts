// Without these, what is prepared for Apple Photos could tear Live Photos apart, pair strangers, or drop what Photos cannot take.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type PhotosAsset, type PhotosFile, planForApplePhotos } from '../../../src/copies/apple-photos.ts';
import { describeApplePhotos, listLeftOut } from '../../../src/copies/apple-photos-page.ts';
import type { ContentHash, RelativePath } from '../../../src/domain/ids.ts';
import type { ResourceRole } from '../../../src/domain/media.ts';

function file(path: string, role?: ResourceRole, hash = path): PhotosFile {
  return { path: path as RelativePath, role, hash: hash as ContentHash };
}

function asset(files: readonly PhotosFile[], of: Partial<PhotosAsset> = {}): PhotosAsset {
  return { isHidden: false, takenAt: '2024-07-14T10:00:00', files, ...of };
}

function placesOf(plan: ReturnType<typeof planForApplePhotos>): readonly string[] {
  return plan.groups.flat().map(({ path, to }) => `${path} -> ${to}`);
}

test('A Live Photo with its edit stays together under the names that Photos knows', () => {
  const plan = planForApplePhotos([
    asset([
      file('2024/IMG_0001.heic', 'original'),
      file('2024/img_0001.mov', 'pairedVideo'),
      file('2024/IMG_0001.aae', 'adjustments'),
      file('2024/IMG_E0001.HEIC', 'edited'),
      file('2024/IMG_E0001.MOV', 'editedVideo'),
      file('2024/IMG_O0001.AAE', 'adjustments'),
    ]),
  ]);
  expect(placesOf(plan)).toEqual([
    '2024/IMG_0001.heic -> For Photos on a Mac 001/IMG_0001.HEIC',
    '2024/img_0001.mov -> For Photos on a Mac 001/IMG_0001.MOV',
    '2024/IMG_0001.aae -> For Photos on a Mac 001/IMG_0001.AAE',
    '2024/IMG_E0001.HEIC -> For Photos on a Mac 001/IMG_E0001.HEIC',
    '2024/IMG_E0001.MOV -> For Photos on a Mac 001/IMG_E0001.MOV',
    '2024/IMG_O0001.AAE -> For Photos on a Mac 001/IMG_O0001.AAE',
  ]);
});

test('An edit without its AAE, or of another camera, is a photo of its own beside it', () => {
  const plan = planForApplePhotos([
    asset([file('IMG_0001.HEIC', 'original'), file('IMG_E0001.HEIC', 'edited')]),
    asset([file('wedding.jpeg', 'original'), file('wedding.AAE', 'adjustments'), file('wedding-edited.jpg', 'edited')]),
  ]);
  expect(placesOf(plan).map((line) => line.split('/').at(-1))).toEqual([
    'IMG_0001.HEIC',
    'IMG_0001-edited.HEIC',
    'wedding.JPG',
    'wedding.AAE',
    'wedding-edited.JPG',
  ]);
});

test('Only what is one JPEG and nothing else is for iCloud.com; hidden photos are apart; RAW and JPEG stay together', () => {
  const plan = planForApplePhotos([
    asset([file('a.jpeg', 'original')]),
    asset([file('b.HEIC', 'original')]),
    asset([file('c.JPG', 'original'), file('c.MOV', 'pairedVideo')]),
    asset([file('d.JPG', 'original'), file('d.DNG', 'alternate')]),
    asset([file('hidden/e.JPG', 'original')], { isHidden: true }),
    asset([file('film.MOV', 'original')]),
  ]);
  expect(plan.folders).toEqual(['For iCloud.com or Photos 001', 'For Photos on a Mac 001', 'Hidden photos 001']);
  expect(placesOf(plan)).toEqual([
    'a.jpeg -> For iCloud.com or Photos 001/a.JPG',
    'b.HEIC -> For Photos on a Mac 001/b.HEIC',
    'c.JPG -> For Photos on a Mac 001/c.JPG',
    'c.MOV -> For Photos on a Mac 001/c.MOV',
    'd.JPG -> For Photos on a Mac 001/d.JPG',
    'd.DNG -> For Photos on a Mac 001/d.DNG',
    'film.MOV -> For Photos on a Mac 001/film.MOV',
    'hidden/e.JPG -> Hidden photos 001/e.JPG',
  ]);
});

test('What Photos cannot take is kept apart with its reason, and bytes that are there twice are given once', () => {
  const plan = planForApplePhotos([
    asset([
      file('x/a.JPG', 'original', 'same'),
      file('x/copy of a.JPG', 'original', 'same'),
      file('x/a.xmp', 'xmp'),
      file('x/a.JPG.json', 'googleMetadata'),
    ]),
    asset([file('x/b.mkv', 'original'), file('x/b.AAE', 'adjustments'), file('x/b.THM', 'thumbnail')]),
    asset([file('notes/list.txt')]),
  ]);
  expect(placesOf(plan)).toEqual(['x/a.JPG -> For iCloud.com or Photos 001/a.JPG']);
  expect(plan.same).toEqual([{ path: 'x/copy of a.JPG', as: 'x/a.JPG' }]);
  expect(plan.leftOut.map(({ to }) => to)).toEqual(
    [
      'Not for Photos/notes/list.txt',
      'Not for Photos/x/a.xmp',
      'Not for Photos/x/a.JPG.json',
      'Not for Photos/x/b.mkv',
      'Not for Photos/x/b.THM',
      'Not for Photos/x/b.AAE',
    ].toSorted(
      (one, other) => plan.leftOut.findIndex(({ to }) => to === one) - plan.leftOut.findIndex(({ to }) => to === other),
    ),
  );
  expect(listLeftOut(plan)).toMatch(/x\/b\.mkv\n {4}Photos does not know/);
  expect(listLeftOut(planForApplePhotos([]))).toBeUndefined();
});

test('Equal names of different days never look like one photo, and the suffix of the library goes where it is not needed', () => {
  const pair = (day: string, suffix?: string) =>
    asset(
      [file(`${day}/IMG_1${suffix ?? ''}.HEIC`, 'original'), file(`${day}/IMG_1${suffix ?? ''}.MOV`, 'pairedVideo')],
      { takenAt: `${day}T10:00:00`, suffix },
    );
  expect(placesOf(planForApplePhotos([pair('2024-01-01', '~2')]))[1]).toMatch(/\/IMG_1\.MOV$/);
  const names = placesOf(planForApplePhotos([pair('2024-01-02'), pair('2024-01-01', '~2')]));
  expect(names.map((line) => line.split('/').at(-1))).toEqual([
    'IMG_1.HEIC',
    'IMG_1.MOV',
    'IMG_1~2.HEIC',
    'IMG_1~2.MOV',
  ]);
  expect(names[0], 'by date').toMatch(/^2024-01-01/);
});

test('Whatever there is: each file goes somewhere once, no folder is too full, pairs and only pairs share a stem', () => {
  const name = fc.constantFrom('IMG_0001', 'IMG_0002', 'IMG_E0001', 'a', 'a-edited', 'b~2');
  const anyAsset = fc.record({
    stem: name,
    shape: fc.constantFrom('jpeg', 'heic', 'live', 'edited', 'raw', 'text', 'video'),
    day: fc.integer({ min: 10, max: 28 }),
    isHidden: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(anyAsset, { maxLength: 60 }), (shapes) => {
      const assets = shapes.map(({ stem, shape, day, isHidden }, index): PhotosAsset => {
        const start = `${index}/${stem}`;
        const files: Record<string, readonly PhotosFile[]> = {
          jpeg: [file(`${start}.jpg`, 'original')],
          heic: [file(`${start}.HEIC`, 'original')],
          live: [file(`${start}.HEIC`, 'original'), file(`${start}.MOV`, 'pairedVideo')],
          edited: [
            file(`${start}.HEIC`, 'original'),
            file(`${start}.AAE`, 'adjustments'),
            file(`${index}/edit/IMG_E0001.HEIC`, 'edited'),
          ],
          raw: [file(`${start}.jpg`, 'original'), file(`${start}.dng`, 'alternate')],
          text: [file(`${start}.txt`)],
          video: [file(`${start}.mp4`, 'original')],
        };
        return asset(files[shape] ?? [], { isHidden, takenAt: `2024-01-${day}T00:00:00` });
      });
      const plan = planForApplePhotos(assets, 5);
      const given = [...plan.groups.flat(), ...plan.leftOut];
      expect(given.map(({ path }) => path).sort()).toEqual(
        assets.flatMap(({ files }) => files.map(({ path }) => path)).sort(),
      );
      expect(new Set(given.map(({ to }) => to.toLowerCase())).size).toBe(given.length);
      const perFolder = Map.groupBy(plan.groups.flat(), ({ to }) => to.slice(0, to.indexOf('/')));
      for (const files of perFolder.values()) expect(files.length).toBeLessThanOrEqual(5);
      expect([...perFolder.keys()].sort()).toEqual([...plan.folders].sort());
      const stemOf = (to: string) =>
        to
          .slice(0, to.lastIndexOf('.'))
          .replace(/IMG_E(?=\d)/, 'IMG_')
          .toLowerCase();
      const owners = new Map<string, number>();
      plan.groups.forEach((group, index) => {
        expect(new Set(group.map(({ to }) => to.slice(0, to.indexOf('/')))).size).toBe(1);
        for (const { to } of group) {
          expect(owners.get(stemOf(to)) ?? index).toBe(index);
          owners.set(stemOf(to), index);
        }
      });
    }),
    { numRuns: 200 },
  );
});

test('The page tells the steps for what is there, without scripts and without anything from elsewhere', () => {
  const page = describeApplePhotos(
    planForApplePhotos([
      asset([file('a.jpg', 'original')]),
      asset([file('b.HEIC', 'original')]),
      asset([file('c.xyz')]),
    ]),
  );
  expect(page).toMatch(/Import All New Photos/);
  expect(page).toMatch(/the folder <code>For iCloud\.com or Photos 001<\/code>/);
  expect(page).toMatch(/1 file is in the folder <code>Not for Photos<\/code>/);
  expect(page).not.toMatch(/<script|https?:|Hidden photos/);
  expect(page, 'the same again for the same photos').toBe(
    describeApplePhotos(
      planForApplePhotos([
        asset([file('a.jpg', 'original')]),
        asset([file('b.HEIC', 'original')]),
        asset([file('c.xyz')]),
      ]),
    ),
  );
});
