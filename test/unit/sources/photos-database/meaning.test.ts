// What the columns mean, where the sample libraries have no example: libraries are made with it.

import { Buffer } from 'node:buffer';
import { buildBinary } from 'plist';
import { expect, test } from 'vitest';
import type { PhotosAsset } from '../../../../src/domain/photos-asset.ts';
import { modelVersionOf } from '../../../../src/sources/photos-database/model-version.ts';
import { ios13, type Layout, type MadeLibrary, makeLibrary, uuidOf } from './made-library.ts';
import { makePrivateFolder, readAll, type WholeLibrary } from './private-copy.ts';

async function read(library: MadeLibrary, layout?: Layout): Promise<WholeLibrary> {
  using copy = makePrivateFolder();
  makeLibrary(copy.path, library, layout && { layout });
  return await readAll(copy.path);
}

/** What is said of a photo of which nothing is known. */
function bare(key: number): PhotosAsset {
  return {
    uuid: uuidOf(key),
    kind: 'unknown',
    origin: 'own',
    original: 'unknown',
    isHidden: false,
    isFavorite: false,
    isShown: true,
    isEdited: false,
    albums: [],
  };
}

const originalSubtype = 1;
const movieSubtype = 18;

// Without this, a phone that frees its room would look as if photos were lost, or worse, thumbnails be taken for them.
test('Where an original is, is said by its own resource only', async () => {
  const resource = (
    ZASSET: number,
    ZLOCALAVAILABILITY: number,
    ZREMOTEAVAILABILITY: number,
    ZDATASTORESUBTYPE = 1,
  ) => ({
    ...{
      ZASSET,
      ZDATASTORESUBTYPE,
      ZRESOURCETYPE: 0,
      ZLOCALAVAILABILITY,
      ZREMOTEAVAILABILITY,
      ZDATALENGTH: 1000 + ZASSET,
    },
  });
  const { assets } = await read({
    assets: Array.from({ length: 8 }, () => ({ ZKIND: 0 })),
    attributes: [{ ZASSET: 3, ZORIGINALFILESIZE: 77 }],
    resources: [
      ...[resource(1, 1, 0), resource(2, 1, 1), resource(3, -1, 1), resource(4, -1, 0), resource(5, -32768, 0)],
      resource(6, 1, 1, 5), // a small JPEG, here
      ...[resource(7, -1, 1), resource(7, 1, 1)],
      ...[resource(8, -1, 1), resource(8, -32768, 0)],
    ],
  });
  expect(assets.map(({ original, originalBytes }) => [original, originalBytes])).toEqual([
    ['here', 1001],
    ['here', 1002],
    ['iCloudOnly', 77],
    ['unknown', 1004],
    ['unknown', 1005],
    ['unknown', undefined],
    ['here', 1007],
    ['unknown', 1008],
  ]);
});

test('A Live Photo tells of its moving half, another photo does not', async () => {
  const halves = (ZASSET: number, local: number, remote: number) => [
    {
      ZASSET,
      ZDATASTORESUBTYPE: originalSubtype,
      ZRESOURCETYPE: 0,
      ZLOCALAVAILABILITY: 1,
      ZREMOTEAVAILABILITY: remote,
    },
    {
      ...{ ZASSET, ZDATASTORESUBTYPE: movieSubtype, ZRESOURCETYPE: 3, ZDATALENGTH: 55 },
      ...{ ZLOCALAVAILABILITY: local, ZREMOTEAVAILABILITY: remote },
    },
  ];
  const { assets } = await read({
    assets: [
      { ZKIND: 0, ZKINDSUBTYPE: 2, ZMEDIAGROUPUUID: 'abcd-01' },
      { ZKIND: 0, ZKINDSUBTYPE: 2 },
      { ZKIND: 0, ZKINDSUBTYPE: 2 },
      { ZKIND: 0, ZKINDSUBTYPE: 0 },
      { ZKIND: 1, ZKINDSUBTYPE: 2 },
    ],
    resources: [...halves(1, 1, 0), ...halves(2, -1, 1), ...halves(4, 1, 0), ...halves(5, 1, 0)],
  });
  expect(assets.map(({ pairedVideo, pairedVideoBytes, liveId }) => [pairedVideo, pairedVideoBytes, liveId])).toEqual([
    ['here', 55, 'ABCD-01'],
    ['iCloudOnly', 55, undefined],
    ['unknown', undefined, undefined],
    [undefined, undefined, undefined],
    [undefined, undefined, undefined],
  ]);
});

// Without this, a single damaged byte could keep a photo from being saved.
test('A photo is in Recently Deleted only if the state and the moment say so', async () => {
  const in2023 = 700_000_000;
  const { assets } = await read({
    assets: [
      { ZTRASHEDSTATE: 1, ZTRASHEDDATE: in2023 },
      { ZTRASHEDSTATE: 1, ZTRASHEDDATE: 3_769_172_687.68586 },
      ...[{ ZTRASHEDSTATE: 1 }, { ZTRASHEDDATE: in2023 }, { ZTRASHEDSTATE: 2, ZTRASHEDDATE: in2023 }],
      ...[
        { ZTRASHEDSTATE: 1, ZTRASHEDDATE: 'soon' },
        { ZTRASHEDSTATE: 1, ZTRASHEDDATE: 1e300 },
      ],
      ...[
        { ZTRASHEDSTATE: 1, ZTRASHEDDATE: Number.POSITIVE_INFINITY },
        { ZTRASHEDSTATE: 1, ZTRASHEDDATE: -1e9 },
      ],
    ],
  });
  expect(assets.map(({ trashedAtMs }) => trashedAtMs && new Date(trashedAtMs).toISOString())).toEqual([
    '2023-03-08T20:26:40.000Z',
    '2120-06-10T16:24:47.686Z',
    ...Array.from({ length: 7 }, () => undefined),
  ]);
});

test('Moments and zones that cannot be are not told', async () => {
  const taken = [
    0,
    -5_000_000_000,
    -5_600_000_000,
    3_769_172_687,
    1e300,
    Number.NEGATIVE_INFINITY,
    'NaN',
    123_456_789_012_345,
  ];
  const offsets = [-18_000, 34_200, 0, 50_400, -43_200, 54_060, 1e300, 'CET'];
  const { assets } = await read({
    assets: taken.map((ZDATECREATED) => ({ ZDATECREATED })),
    attributes: offsets.map((ZTIMEZONEOFFSET, index) => ({ ZASSET: index + 1, ZTIMEZONEOFFSET })),
  });
  expect(assets.map(({ takenAtMs }) => takenAtMs && new Date(takenAtMs).toISOString())).toEqual([
    '2001-01-01T00:00:00.000Z',
    '1842-07-23T15:06:40.000Z',
    ...Array.from({ length: 6 }, () => undefined),
  ]);
  expect(assets.map(({ offsetMinutes }) => offsetMinutes)).toEqual([
    -300,
    570,
    0,
    840,
    -720,
    undefined,
    undefined,
    undefined,
  ]);
});

test('Whose a photo is, is told by how it was saved and by its scope', async () => {
  const { assets } = await read({
    assets: [
      ...[{ ZSAVEDASSETTYPE: 3 }, { ZSAVEDASSETTYPE: 6, ZBUNDLESCOPE: 0 }, { ZSAVEDASSETTYPE: 10 }, {}],
      ...[{ ZSAVEDASSETTYPE: 4 }, { ZSAVEDASSETTYPE: 3, ZBUNDLESCOPE: 2 }],
      ...[{ ZSAVEDASSETTYPE: 12 }, { ZBUNDLESCOPE: 3 }],
    ],
  });
  expect(assets.map(({ origin }) => origin)).toEqual([
    ...['own', 'own', 'own', 'own'],
    ...['sharedAlbum', 'sharedAlbum'],
    ...['sharedWithYou', 'sharedWithYou'],
  ]);
});

test('Of a burst, the takes that the owner or the phone has chosen are picks', async () => {
  const types = [2, 4, 6, 8, 16, 20, 24, 0, 32, 'x'];
  const { assets } = await read({
    assets: [
      ...types.map((ZAVALANCHEPICKTYPE) => ({ ZAVALANCHEUUID: 'B-1', ZAVALANCHEPICKTYPE, ZVISIBILITYSTATE: 2 })),
      { ZAVALANCHEPICKTYPE: 8, ZVISIBILITYSTATE: 1 },
    ],
  });
  expect(assets.map(({ isBurstPick }) => isBurstPick)).toEqual([
    ...[false, true, false, true, true, true, true, undefined, undefined, undefined],
    undefined,
  ]);
  expect(assets.map(({ isShown }) => isShown)).toEqual([...types.map(() => false), true]);
});

test('iCloud Photos is on if a photo of the owner takes part; not if only shared ones do; unknown without photos', async () => {
  const uses = async (...assets: NonNullable<MadeLibrary['assets']>) => (await read({ assets })).facts.usesICloudPhotos;
  expect(await uses({ ZCLOUDLOCALSTATE: 0 }, { ZCLOUDLOCALSTATE: 1, ZSAVEDASSETTYPE: 6 })).toBe(true);
  expect(await uses({ ZCLOUDLOCALSTATE: 0 }, { ZCLOUDLOCALSTATE: 1, ZSAVEDASSETTYPE: 4 })).toBe(false);
  expect(await uses({ ZCLOUDLOCALSTATE: 1, ZBUNDLESCOPE: 3 })).toBeUndefined();
  expect(await uses()).toBeUndefined();
});

test('The caption is what is written below the photo, else its title; in one line', async () => {
  const { assets } = await read({
    assets: [{}, {}, {}, {}],
    attributes: [
      { ZASSET: 1, ZTITLE: 'Title', ZASSETDESCRIPTION: 1 },
      { ZASSET: 2, ZTITLE: ' Title ', ZASSETDESCRIPTION: 2 },
      { ZASSET: 3, ZTITLE: '\u001b[2J', ZASSETDESCRIPTION: 9 },
      { ZASSET: 4, ZTITLE: '' },
    ],
    descriptions: [
      { Z_PK: 1, ZLONGDESCRIPTION: 'Two\r\nlines\u0000 and \u0007more 😀' },
      { Z_PK: 2, ZLONGDESCRIPTION: '\n' },
    ],
  });
  expect(assets.map(({ caption }) => caption)).toEqual(['Two lines and more 😀', 'Title', '[2J', undefined]);
});

test('A name or folder that leads elsewhere is none', async () => {
  const names = ['../IMG.HEIC', '..', '.', 'a/b', 'a\\b', 'a\u0000b', 'a\nb', '', 'x'.repeat(256), 'IMG..1.HEIC'];
  const folders = [
    '/private',
    '../x',
    'DCIM/../x',
    'DCIM//x',
    'DCIM/',
    '',
    'C:\\x',
    './DCIM',
    'x/'.repeat(300),
    'DCIM/100APPLE',
  ];
  const { assets } = await read({
    assets: names.map((ZFILENAME, index) => ({ ZFILENAME, ZDIRECTORY: folders[index] ?? null })),
    attributes: names.map((ZORIGINALFILENAME, index) => ({ ZASSET: index + 1, ZORIGINALFILENAME })),
  });
  const last = { ...bare(10), name: 'IMG..1.HEIC', originalName: 'IMG..1.HEIC', folder: 'DCIM/100APPLE' };
  expect(assets).toEqual([...names.slice(0, -1).map((_, index) => bare(index + 1)), last]);
});

test('Albums have their folders before them; deleted, nameless and automatic ones are none', async () => {
  const { assets } = await read({
    assets: [{}, {}],
    albums: [
      { Z_PK: 1, ZKIND: 3999 },
      { Z_PK: 2, ZKIND: 4000, ZTITLE: 'Family', ZPARENTFOLDER: 1 },
      { Z_PK: 3, ZKIND: 2, ZTITLE: 'Summer 2023', ZPARENTFOLDER: 2, ZTRASHEDSTATE: 0 },
      { Z_PK: 4, ZKIND: 1505, ZTITLE: 'Shared' },
      { Z_PK: 5, ZKIND: 2, ZTITLE: 'Deleted', ZTRASHEDSTATE: 1 },
      { Z_PK: 6, ZKIND: 2, ZTITLE: null },
      { Z_PK: 7, ZKIND: 1506, ZTITLE: 'Import' },
      { Z_PK: 8, ZKIND: 2, ZTITLE: 'Summer 2023', ZPARENTFOLDER: 2 },
    ],
    albumEntries: [...[3, 4, 5, 6, 7, 8, 99].map((album) => [album, 1] as const), [3, 2], [3, 99]],
  });
  expect(assets.map(({ albums }) => albums)).toEqual([['Family/Summer 2023', 'Shared'], ['Family/Summer 2023']]);
});

test('The tables of iOS 13 are read, and what they do not have is not told', async () => {
  const { assets, facts } = await read(
    {
      assets: [
        { ZDIRECTORY: 'DCIM/100APPLE', ZFILENAME: 'IMG_0001.HEIC', ZKIND: 0, ZHASADJUSTMENTS: 1, ZCLOUDLOCALSTATE: 0 },
      ],
      albums: [{ Z_PK: 7, ZKIND: 2, ZTITLE: 'Garden' }],
      albumEntries: [[7, 1]],
    },
    ios13,
  );
  expect(facts).toEqual({ usesICloudPhotos: false });
  expect(assets).toEqual([
    {
      ...bare(1),
      folder: 'DCIM/100APPLE',
      name: 'IMG_0001.HEIC',
      kind: 'photo',
      isEdited: true,
      albums: ['Garden'],
    },
  ]);
});

test('The version is found in a binary property list, and in nothing else', () => {
  const binary = (value: object) => Buffer.from(buildBinary(value as Parameters<typeof buildBinary>[0]));
  const plist = binary({ Before: [1, { PLModelVersion: 5 }], PLModelVersion: 19320, Text: 'PLModelVersion' });
  expect(modelVersionOf(plist)).toBe(19320);
  expect(modelVersionOf(binary({ PLModelVersion: '19320' }))).toBeUndefined();
  expect(modelVersionOf(binary([{ PLModelVersion: 19320 }]))).toBeUndefined();
  expect(modelVersionOf(Buffer.from('<plist/>'))).toBeUndefined();
  for (let length = 0; length < plist.length; length += 1) modelVersionOf(plist.subarray(0, length));
  for (let at = 0; at < plist.length * 8; at += 1) {
    const damaged = Buffer.from(plist);
    damaged.writeUInt8(damaged.readUInt8(at >> 3) ^ (1 << (at & 7)), at >> 3);
    expect(['number', 'undefined']).toContain(typeof modelVersionOf(damaged));
  }
});
