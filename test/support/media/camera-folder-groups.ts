// The part of the sample source tree that is about what belongs together: Live Photos and their decoys, RAW with JPEG,
// edits, sidecars, and the small files that cameras write beside a video.
import { makeAvi } from './avi.ts';
import { makeJpeg } from './jpeg.ts';
import { livePair, movieHalf, stillHalf } from './live-photos.ts';
import { makeMov } from './quicktime.ts';
import { makeDng } from './raw.ts';
import { type Seed, seededUuid } from './seeded.ts';
import { makeAae, makeGoogleAlbumJson, makeGoogleJson, makeXmp } from './sidecars.ts';
import type { SampleFile } from './source-tree.ts';

export function groupedFiles(seed: Seed): SampleFile[] {
  return [
    ...livePhotos(`live ${seed}`),
    ...liveDecoys(`decoys ${seed}`),
    ...edits(`edits ${seed}`),
    ...rawAndJpeg(`raw ${seed}`),
    ...sidecars(`sidecars ${seed}`),
    ...besideVideos(`videos ${seed}`),
  ];
}

function livePhotos(seed: Seed): SampleFile[] {
  const folder = 'DCIM/100APPLE';
  return [
    ...livePair({
      stillPath: `${folder}/IMG_3001.HEIC`,
      moviePath: `${folder}/IMG_3001.MOV`,
      seed,
      local: '2025-01-05T09:27:06',
      note: 'Live Photo: same stem, same identifier',
    }),
    ...livePair({
      stillPath: `${folder}/IMG_3002.JPG`,
      moviePath: `${folder}/IMG_3002.MOV`,
      seed,
      local: '2025-01-06T00:00:01',
      note: "Live Photo as JPEG; its movie began the day before, and is filed under the still's day",
    }),
    ...livePair({
      stillPath: `${folder}/IMG_3003.HEIC`,
      moviePath: `${folder}/IMG_3053.MOV`,
      seed,
      local: '2025-01-07T09:27:06',
      note: 'Live Photo: differing stems in one folder, joined by the identifier',
    }),
    // The movies of these two lie under each other's name.
    ...livePair({
      stillPath: `${folder}/IMG_3004.HEIC`,
      moviePath: `${folder}/IMG_3005.MOV`,
      seed,
      local: '2025-01-08T09:27:06',
      note: 'Live Photo whose movie is swapped with that of IMG_3005: the identifier decides',
    }),
    ...livePair({
      stillPath: `${folder}/IMG_3005.HEIC`,
      moviePath: `${folder}/IMG_3004.MOV`,
      seed,
      local: '2025-01-09T09:27:06',
      note: 'Live Photo whose movie is swapped with that of IMG_3004: the identifier decides',
    }),
  ];
}

function liveDecoys(seed: Seed): SampleFile[] {
  const folder = 'DCIM/101APPLE';
  const nextFolder = 'DCIM/102APPLE';
  const identifier = (name: string) => ({ contentIdentifier: seededUuid(`${name} ${seed}`) });
  const still = (path: string, local: string, note: string, own = {}) => stillHalf({ path, seed, local, note, ...own });
  const movie = (path: string, local: string, note: string, own = {}) => movieHalf({ path, seed, local, note, ...own });

  const other = 'same stem, different identifiers: no pair';
  const none = 'same stem, no identifiers: no pair';
  const apart = 'same stem and identifier, but in two folders: no pair';
  return [
    still(`${folder}/IMG_3101.HEIC`, '2025-01-11T08:00:00', other, identifier('3101 still')),
    movie(`${folder}/IMG_3101.MOV`, '2025-01-12T08:00:00', other, identifier('3101 movie')),
    still(`${folder}/IMG_3102.HEIC`, '2025-01-13T08:00:00', none),
    movie(`${folder}/IMG_3102.MOV`, '2025-01-14T08:00:00', none),
    still(`${folder}/IMG_3103.HEIC`, '2025-01-15T08:00:00', apart, identifier('3103')),
    movie(`${nextFolder}/IMG_3103.MOV`, '2025-01-16T08:00:00', apart, identifier('3103')),
    still(`${folder}/IMG_3104.HEIC`, '2025-01-17T08:00:00', 'has an identifier, but no movie does', identifier('3104')),
    movie(`${folder}/IMG_3105.MOV`, '2025-01-18T08:00:00', 'has an identifier, but no still does', identifier('3105')),
  ];
}

/** An iPhone keeps the original, the edited rendition (with an identifier of its own), and what was done to each. */
function edits(seed: Seed): SampleFile[] {
  const folder = 'DCIM/103APPLE';
  const original = `${folder}/IMG_4001.HEIC`;
  const editedIdentifier = seededUuid(`edited ${seed}`);
  const local = '2025-01-20T10:19:38';
  const withOriginal = { kind: 'withAsset', assetPath: original } as const;
  return [
    ...livePair({
      stillPath: original,
      moviePath: `${folder}/IMG_4001.MOV`,
      seed,
      local,
      note: 'Live Photo with an edit',
    }),
    {
      path: `${folder}/IMG_4001.AAE`,
      content: makeAae(`current ${seed}`),
      expected: withOriginal,
      note: 'adjustments of the edit',
    },
    {
      path: `${folder}/IMG_O4001.AAE`,
      content: makeAae(`at capture ${seed}`),
      expected: withOriginal,
      note: 'adjustments made at capture: IMG_O belongs to IMG_',
    },
    {
      ...stillHalf({
        path: `${folder}/IMG_E4001.HEIC`,
        seed,
        local,
        contentIdentifier: editedIdentifier,
        note: 'edited rendition: IMG_E belongs to IMG_, though its identifier differs',
      }),
      expected: withOriginal,
    },
    {
      ...movieHalf({
        path: `${folder}/IMG_E4001.MOV`,
        seed,
        local,
        contentIdentifier: editedIdentifier,
        note: 'the moving half of the edited rendition',
      }),
      expected: withOriginal,
    },
    {
      path: `${folder}/IMG_4002.AAE`,
      content: makeAae(`orphan ${seed}`),
      expected: { kind: 'notMedia', reason: 'orphanSidecar' },
      note: 'adjustments of a photo that is not there',
    },
  ];
}

function rawAndJpeg(seed: Seed): SampleFile[] {
  const jpeg = (path: string, options: { local: string; serial: string; note: string }): SampleFile => ({
    path,
    content: makeJpeg({
      seed: `${path} ${seed}`,
      dateTimeOriginal: options.local,
      serial: options.serial,
      make: 'Canon',
      model: 'Canon EOS R5',
    }),
    expected: { kind: 'filed', local: options.local, basis: 'exif' },
    note: options.note,
  });
  const dng = (path: string, options: { local: string; serial: string; note: string }): SampleFile => ({
    ...jpeg(path, options),
    content: makeDng({ seed: `${path} ${seed}`, dateTimeOriginal: options.local, serial: options.serial }),
  });
  const besideJpeg = (assetPath: string) => ({ expected: { kind: 'withAsset', assetPath } }) as const;

  const oneFolder = { local: '2022-04-05T12:00:00', serial: '10001', note: 'RAW and JPEG of one exposure' };
  const slots = {
    ...oneFolder,
    local: '2022-04-06T12:00:00',
    note: 'one exposure, two card slots: serial, time and stem agree',
  };
  const bodies = { local: '2022-04-07T12:00:00', note: 'two cameras, one counter: serials differ, so no group' };
  return [
    jpeg('DCIM/100CANON/IMG_5001.JPG', oneFolder),
    { ...dng('DCIM/100CANON/IMG_5001.DNG', oneFolder), ...besideJpeg('DCIM/100CANON/IMG_5001.JPG') },
    jpeg('DCIM/100CANON/IMG_5002.JPG', slots),
    { ...dng('DCIM/200CANON/IMG_5002.DNG', slots), ...besideJpeg('DCIM/100CANON/IMG_5002.JPG') },
    jpeg('DCIM/100CANON/IMG_5003.JPG', { ...bodies, serial: '10001' }),
    dng('DCIM/200CANON/IMG_5003.DNG', { ...bodies, serial: '20002' }),
  ];
}

function sidecars(seed: Seed): SampleFile[] {
  const folder = 'DCIM/101CANON';
  const photo = (name: string, local: string): SampleFile => ({
    path: `${folder}/${name}`,
    content: makeJpeg({ seed: `${name} ${seed}`, dateTimeOriginal: local }),
    expected: { kind: 'filed', local, basis: 'exif' },
    note: 'has an XMP sidecar; EXIF wins over the date in it',
  });
  const xmp = (name: string, photoName: string): SampleFile => ({
    path: `${folder}/${name}`,
    content: makeXmp({ seed: `${name} ${seed}`, date: '1999-01-02T03:04:05' }),
    expected: { kind: 'withAsset', assetPath: `${folder}/${photoName}` },
    note: 'XMP sidecar',
  });
  return [
    photo('IMG_5101.jpg', '2022-05-01T08:00:00'),
    xmp('IMG_5101.jpg.xmp', 'IMG_5101.jpg'),
    photo('IMG_5102.JPG', '2022-05-02T08:00:00'),
    xmp('IMG_5102.xmp', 'IMG_5102.JPG'),
    {
      path: 'DCIM/Takeout/Google Photos/Pumpkin Farm/metadata.json',
      content: makeGoogleAlbumJson({ title: 'Pumpkin Farm', seed }),
      expected: { kind: 'notMedia', reason: 'albumMetadata' },
      note: 'Google JSON of an album',
    },
    {
      path: 'DCIM/Takeout/Google Photos/Pumpkin Farm/IMG_1994.cr2.json',
      content: makeGoogleJson({ title: 'IMG_1994.cr2', takenAtSeconds: 1_540_000_000, seed }),
      expected: { kind: 'notMedia', reason: 'orphanSidecar' },
      note: 'Google JSON of a photo that is not there',
    },
  ];
}

function besideVideos(seed: Seed): SampleFile[] {
  const goPro = 'DCIM/100GOPRO/GX010001.MP4';
  const goProFilm = { brand: 'mp42', createDateUtc: '2021-06-05T14:03:02Z' } as const;
  const avi = 'DCIM/102CANON/MVI_0001.AVI';
  return [
    {
      path: goPro,
      content: makeMov({ seed: `gopro ${seed}`, ...goProFilm, mdatBytes: 3000 }),
      expected: { kind: 'filedUtc', utc: goProFilm.createDateUtc, basis: 'quicktime' },
      note: 'GoPro video',
    },
    {
      path: 'DCIM/100GOPRO/GX010001.THM',
      content: makeJpeg({ seed: `gopro thumbnail ${seed}` }),
      expected: { kind: 'withAsset', assetPath: goPro },
      note: 'its thumbnail, a JPEG',
    },
    {
      path: 'DCIM/100GOPRO/GL010001.LRV',
      content: makeMov({ seed: `gopro low ${seed}`, ...goProFilm }),
      expected: { kind: 'withAsset', assetPath: goPro },
      note: 'its low-resolution copy, an MP4 whose name differs in the second letter',
    },
    {
      path: avi,
      content: makeAvi({ seed: `avi ${seed}`, dateTimeOriginal: '2005-08-17T10:48:58' }),
      expected: { kind: 'filed', local: '2005-08-17T10:48:58' },
      note: 'AVI of a small camera',
    },
    {
      path: 'DCIM/102CANON/MVI_0001.THM',
      content: makeJpeg({ seed: `avi thumbnail ${seed}`, dateTimeOriginal: '2005-08-17T10:48:58', make: 'Canon' }),
      expected: { kind: 'withAsset', assetPath: avi },
      note: 'its thumbnail, a JPEG with EXIF',
    },
  ];
}
