// The part of the sample source tree that is about dates: one file for each way of knowing when a photo was taken,
// and for each date that must not be believed. Names carry no date unless the name is the point.
import { makeAvi } from './avi.ts';
import { makeGif } from './gif.ts';
import { makeHeic } from './heic.ts';
import { makeJpeg } from './jpeg.ts';
import { makePng } from './png.ts';
import { makeMov } from './quicktime.ts';
import { makeDng } from './raw.ts';
import type { Seed } from './seeded.ts';
import { makeGoogleJson } from './sidecars.ts';
import type { SampleFile } from './source-tree.ts';
import { makeWebp } from './webp.ts';

/** Trustworthy, and like no other date here. */
const in2003 = '2003-05-06T07:08:09Z';
const byModifiedAt = {
  modifiedAt: in2003,
  expected: { kind: 'undatedOrFallback', basis: 'mtime', utc: in2003 },
} as const;
const undated = { kind: 'undatedOrFallback', basis: 'undated' } as const;

export function datedFiles(seed: Seed): SampleFile[] {
  return [
    ...exifDates(`exif ${seed}`),
    ...otherStills(`stills ${seed}`),
    ...movieDates(`movies ${seed}`),
    ...modificationTimes(`mtimes ${seed}`),
    ...fileNameDates(`names ${seed}`),
    ...googleDates(`google ${seed}`),
  ];
}

function exifDates(seed: Seed): SampleFile[] {
  const folder = 'DCIM/100MEDIA';
  return [
    {
      path: `${folder}/exif-offset.jpg`,
      content: makeJpeg({ seed: `offset ${seed}`, dateTimeOriginal: '2024-07-14T10:11:12', offset: '+02:00' }),
      expected: { kind: 'filed', local: '2024-07-14T10:11:12', basis: 'exif', offsetMinutes: 120 },
      note: 'DateTimeOriginal and OffsetTimeOriginal',
    },
    {
      path: `${folder}/exif-far-east.jpg`,
      content: makeJpeg({ seed: `far east ${seed}`, dateTimeOriginal: '2023-12-31T23:59:59', offset: '+14:00' }),
      expected: { kind: 'filed', local: '2023-12-31T23:59:59', basis: 'exif', offsetMinutes: 840 },
      note: 'fourteen hours before UTC: the local day, month and year must stay',
    },
    {
      path: `${folder}/exif-no-offset.jpg`,
      content: makeJpeg({
        seed: `no offset ${seed}`,
        dateTimeOriginal: '2019-03-21T11:04:22',
        modifyDate: '2021-01-02T03:04:05',
      }),
      expected: { kind: 'filed', local: '2019-03-21T11:04:22', basis: 'exif' },
      note: 'DateTimeOriginal without any offset; an editor changed ModifyDate',
    },
    {
      path: `${folder}/exif-offset-time-only.jpg`,
      content: makeJpeg({
        seed: `offset time ${seed}`,
        dateTimeOriginal: '2024-04-14T02:20:31',
        offsetTimeOnly: '+05:45',
      }),
      expected: { kind: 'filed', local: '2024-04-14T02:20:31', basis: 'exif' },
      note: 'OffsetTime but no OffsetTimeOriginal: whether the offset applies is open, the local time is not',
    },
    ...['018', '345'].map(
      (subSec, index): SampleFile => ({
        path: `${folder}/exif-burst-${index + 1}.jpg`,
        content: makeJpeg({ seed: `burst ${index} ${seed}`, dateTimeOriginal: '2016-10-09T14:44:18', subSec }),
        expected: { kind: 'filed', local: '2016-10-09T14:44:18', basis: 'exif' },
        note: `one of two pictures of the same second; SubSecTimeOriginal ${subSec}`,
      }),
    ),
    {
      path: `${folder}/exif-zero.jpg`,
      content: makeJpeg({
        seed: `zero ${seed}`,
        dateTimeOriginal: '0000:00:00 00:00:00',
        digitized: '0000:00:00 00:00:00',
      }),
      ...byModifiedAt,
      note: 'all EXIF dates are zero',
    },
    {
      path: `${folder}/exif-blank.jpg`,
      content: makeJpeg({ seed: `blank ${seed}`, dateTimeOriginal: '    :  :     :  :  ' }),
      ...byModifiedAt,
      note: 'the EXIF date is blank, which is how EXIF says "unknown"',
    },
    {
      path: `${folder}/IMG_20150612_163933.jpg`,
      content: makeJpeg({ seed: `1601 ${seed}`, dateTimeOriginal: '1601-06-06T16:39:33', model: 'Canon EOS 600D' }),
      expected: { kind: 'filed', local: '2015-06-12T16:39:33', basis: 'fileName' },
      note: 'EXIF says 1601, before photography: the file name decides',
    },
    {
      path: `${folder}/exif-digitized-only.jpg`,
      content: makeJpeg({ seed: `digitized ${seed}`, digitized: '2017-01-01T01:01:01' }),
      expected: { kind: 'filed', local: '2017-01-01T01:01:01', basis: 'exif' },
      note: 'DateTimeDigitized without DateTimeOriginal',
    },
    {
      path: `${folder}/IMG_20100203_040506.jpg`,
      content: makeJpeg({
        seed: `all differ ${seed}`,
        dateTimeOriginal: '2023-02-02T02:00:00',
        digitized: '2023-04-04T04:00:00',
        modifyDate: '2023-06-06T06:00:00',
      }),
      expected: { kind: 'filed', local: '2023-02-02T02:00:00', basis: 'exif' },
      note: 'every date differs, that of the name too: DateTimeOriginal wins',
    },
  ];
}

function otherStills(seed: Seed): SampleFile[] {
  const folder = 'DCIM/100MEDIA';
  return [
    {
      path: `${folder}/heic-exif-first.heic`,
      content: makeHeic({ seed: `first ${seed}`, dateTimeOriginal: '2021-08-06T11:32:22', offset: '-07:00' }),
      expected: { kind: 'filed', local: '2021-08-06T11:32:22', basis: 'exif', offsetMinutes: -420 },
      note: 'HEIC',
    },
    {
      path: `${folder}/heic-exif-last.heic`,
      content: makeHeic({
        seed: `last ${seed}`,
        dateTimeOriginal: '2020-05-04T18:39:11',
        exifAt: 'end',
        imageBytes: 3000,
      }),
      expected: { kind: 'filed', local: '2020-05-04T18:39:11', basis: 'exif' },
      note: 'the Exif item is the end of the file: readers of the beginning miss it',
    },
    {
      path: `${folder}/heic-no-exif.heic`,
      content: makeHeic({ seed: `bare heic ${seed}` }),
      ...byModifiedAt,
      note: 'HEIC without Exif',
    },
    {
      path: `${folder}/exif-chunk.png`,
      content: makePng({ seed: `eXIf ${seed}`, dateTimeOriginal: '2015-01-18T12:01:01' }),
      expected: { kind: 'filed', local: '2015-01-18T12:01:01', basis: 'exif' },
      note: 'PNG with an eXIf chunk',
    },
    {
      path: `${folder}/IMG_2908.PNG`,
      content: makePng({ seed: `xmp ${seed}`, xmpDateCreated: '2015-09-27T16:29:28' }),
      expected: { kind: 'filed', local: '2015-09-27T16:29:28', basis: 'exif' },
      note: "an iPhone's screenshot: the date is photoshop:DateCreated of an XMP packet inside",
    },
    {
      path: `${folder}/no-metadata.png`,
      content: makePng({ seed: `bare png ${seed}` }),
      ...byModifiedAt,
      note: 'PNG without metadata',
    },
    {
      path: `${folder}/exif-chunk.webp`,
      content: makeWebp({ seed: `webp ${seed}`, dateTimeOriginal: '2010-08-13T21:00:01' }),
      expected: { kind: 'filed', local: '2010-08-13T21:00:01', basis: 'exif' },
      note: 'WebP with EXIF',
    },
    {
      path: `${folder}/animation.gif`,
      content: makeGif({ seed: `gif ${seed}` }),
      ...byModifiedAt,
      note: 'GIF carries no date',
    },
    {
      path: `${folder}/raw-alone.dng`,
      content: makeDng({ seed: `dng ${seed}`, dateTimeOriginal: '2018-06-07T08:09:10', serial: '30001' }),
      expected: { kind: 'filed', local: '2018-06-07T08:09:10', basis: 'exif' },
      note: 'DNG without a JPEG',
    },
    {
      path: `${folder}/a-jpeg-inside.png`,
      content: makeJpeg({ seed: `misnamed jpeg ${seed}`, dateTimeOriginal: '2012-03-04T05:06:07' }),
      expected: { kind: 'filed', local: '2012-03-04T05:06:07', basis: 'exif' },
      note: 'JPEG content named .png',
    },
    {
      path: `${folder}/A-PNG-INSIDE.JPG`,
      content: makePng({ seed: `misnamed png ${seed}`, dateTimeOriginal: '2012-03-05T05:06:07' }),
      expected: { kind: 'filed', local: '2012-03-05T05:06:07', basis: 'exif' },
      note: 'PNG content named .JPG',
    },
    {
      path: `${folder}/truncated-after-exif.heic`,
      content: makeHeic({
        seed: `cut late ${seed}`,
        dateTimeOriginal: '2018-03-18T10:53:11',
        imageBytes: 3000,
      }).subarray(0, -2000),
      expected: { kind: 'filed', local: '2018-03-18T10:53:11', basis: 'exif' },
      note: 'a HEIC that lost its end, with its date still readable: it is kept',
    },
    {
      path: `${folder}/truncated-before-exif.heic`,
      content: makeHeic({
        seed: `cut early ${seed}`,
        dateTimeOriginal: '2018-03-18T10:53:12',
        exifAt: 'end',
        imageBytes: 3000,
      }).subarray(0, 2000),
      ...byModifiedAt,
      note: 'a HEIC that lost its end and its date with it: it is kept all the same',
    },
  ];
}

function movieDates(seed: Seed): SampleFile[] {
  const folder = 'DCIM/101MEDIA';
  return [
    {
      path: `${folder}/creation-date.mov`,
      content: makeMov({
        seed: `creation date ${seed}`,
        brand: 'qt  ',
        creationDate: '2019-02-12T15:27:12+0800',
        createDateUtc: '2024-03-01T09:00:00Z',
        moovLast: true,
      }),
      expected: { kind: 'filed', local: '2019-02-12T15:27:12', basis: 'quicktime', offsetMinutes: 480 },
      note: 'saved again in 2024: CreationDate says when it was taken, CreateDate when it was saved',
    },
    {
      path: `${folder}/creation-date-v1.mov`,
      content: makeMov({
        seed: `version 1 ${seed}`,
        brand: 'qt  ',
        creationDate: '2020-01-05T00:13:13-0800',
        createDateUtc: '2020-01-05T08:13:13Z',
        headerVersion: 1,
      }),
      expected: { kind: 'filed', local: '2020-01-05T00:13:13', basis: 'quicktime', offsetMinutes: -480 },
      note: 'movie header of version 1',
    },
    {
      path: `${folder}/create-date.mp4`,
      content: makeMov({ seed: `create date ${seed}`, brand: 'mp42', createDateUtc: '2019-02-15T21:13:20Z' }),
      expected: { kind: 'filedUtc', utc: '2019-02-15T21:13:20Z', basis: 'quicktime' },
      note: 'CreateDate only, in UTC',
    },
    {
      path: `${folder}/create-date-v1.mp4`,
      content: makeMov({
        seed: `create date v1 ${seed}`,
        brand: 'isom',
        createDateUtc: '2017-02-22T08:20:28Z',
        headerVersion: 1,
        moovLast: true,
      }),
      expected: { kind: 'filedUtc', utc: '2017-02-22T08:20:28Z', basis: 'quicktime' },
      note: 'CreateDate only, in UTC; movie header of version 1 behind the media data',
    },
    {
      path: `${folder}/epoch.3gp`,
      content: makeMov({ seed: `epoch ${seed}`, brand: '3gp4' }),
      ...byModifiedAt,
      note: 'CreateDate is 0, that is 1904: no date',
    },
    {
      path: `${folder}/idit.avi`,
      content: makeAvi({ seed: `idit ${seed}`, dateTimeOriginal: '2003-03-10T15:04:43' }),
      expected: { kind: 'filed', local: '2003-03-10T15:04:43' },
      note: 'AVI with an IDIT chunk, in local time',
    },
    {
      path: `${folder}/no-idit.avi`,
      content: makeAvi({ seed: `no idit ${seed}` }),
      ...byModifiedAt,
      note: 'AVI without a date',
    },
  ];
}

function modificationTimes(seed: Seed): SampleFile[] {
  const folder = 'DCIM/102MEDIA';
  const bare = (name: string): Pick<SampleFile, 'path' | 'content'> => ({
    path: `${folder}/${name}.jpg`,
    content: makeJpeg({ seed: `${name} ${seed}` }),
  });
  return [
    { ...bare('mtime'), ...byModifiedAt, note: 'nothing but the modification time' },
    { ...bare('mtime-1985'), modifiedAt: '1985-10-26T01:21:00Z', expected: undated, note: 'modified before 1990' },
    {
      ...bare('mtime-1980'),
      modifiedAt: '1980-01-01T00:00:00Z',
      expected: undated,
      note: "the first moment FAT knows: a camera's unset clock",
    },
    {
      ...bare('mtime-1965'),
      modifiedAt: '1965-04-03T02:01:00Z',
      expected: undated,
      note: 'modified before 1970, and no other date',
    },
    { ...bare('mtime-2090'), modifiedAt: '2090-01-01T00:00:00Z', expected: undated, note: 'modified in the future' },
    {
      path: `${folder}/dated-mtime-1965.jpg`,
      content: makeJpeg({ seed: `dated 1965 ${seed}`, dateTimeOriginal: '2004-09-11T16:23:02' }),
      modifiedAt: '1965-04-03T02:01:00Z',
      expected: { kind: 'filed', local: '2004-09-11T16:23:02', basis: 'exif' },
      note: 'dated by EXIF; its modification time, before 1970, must be kept',
    },
  ];
}

function fileNameDates(seed: Seed): SampleFile[] {
  const jpeg = (path: string, expected: SampleFile['expected'], note: string): SampleFile => ({
    path,
    content: makeJpeg({ seed: `${path} ${seed}` }),
    expected,
    note,
  });
  const png = (path: string, expected: SampleFile['expected'], note: string): SampleFile => ({
    ...jpeg(path, expected, note),
    content: makePng({ seed: `${path} ${seed}` }),
  });
  const local = (time: string) => ({ kind: 'filed', local: time, basis: 'fileName' }) as const;
  const utc = (time: string) => ({ kind: 'filedUtc', utc: time, basis: 'fileName' }) as const;
  const day = (date: string) => ({ kind: 'undatedOrFallback', basis: 'fileName', day: date }) as const;
  return [
    jpeg('DCIM/Camera/IMG_20170103_112233.jpg', local('2017-01-03T11:22:33'), 'Android'),
    {
      path: 'DCIM/Camera/VID_20180204_101112.mp4',
      content: makeMov({ seed: `VID ${seed}`, brand: 'isom' }),
      expected: local('2018-02-04T10:11:12'),
      note: 'Android video whose CreateDate is 0',
    },
    jpeg('DCIM/Camera/PXL_20230809_203029134.jpg', utc('2023-08-09T20:30:29Z'), "Google's Pixel names files in UTC"),
    png('DCIM/Screenshots/Screenshot_20190506-070809.png', local('2019-05-06T07:08:09'), 'Android screenshot'),
    png('DCIM/Screenshots/Screenshot 2021-02-03 at 14.15.16.png', local('2021-02-03T14:15:16'), 'macOS screenshot'),
    jpeg('DCIM/Camera/IMG-20200607-WA0012.jpg', day('2020-06-07'), 'WhatsApp on Android: the day only'),
    jpeg('DCIM/Camera/WhatsApp Image 2020-06-08 at 13.14.15.jpeg', local('2020-06-08T13:14:15'), 'WhatsApp, saved'),
    jpeg('DCIM/Camera/signal-2021-07-08-091011.jpg', local('2021-07-08T09:10:11'), 'Signal'),
    jpeg('DCIM/Camera/signal-2022-07-08-09-10-11-123.jpg', local('2022-07-08T09:10:11'), 'Signal, newer'),
    jpeg('DCIM/Camera/2014-05-06 07.08.09.jpg', local('2014-05-06T07:08:09'), 'Dropbox'),
    jpeg('DCIM/Camera/2013-05-06-07-08-09.jpg', local('2013-05-06T07:08:09'), 'dashes'),
    {
      ...jpeg('DCIM/Camera/IMG_20179945_996099.jpg', undated, 'digits that look like a date but are none'),
      ...byModifiedAt,
    },
  ];
}

/** Google cuts the name of a JSON file to 51 characters, `.json` included, whatever is lost by it. */
function googleJsonName(name: string): string {
  return `${name.slice(0, 46)}.json`;
}

function googleDates(seed: Seed): SampleFile[] {
  const folder = 'DCIM/Takeout/Google Photos/Photos from 2018';
  const longTitle = 'original_1d4caa6f-16c6-4c3d-901b-9387de10e528_Picnic on the hill.jpg';
  const withoutExif = [
    { name: 'Tulips.jpg', json: 'Tulips.jpg.json', note: 'photo name + .json' },
    {
      name: 'Beach.jpg',
      json: googleJsonName('Beach.jpg.supplemental-metadata'),
      note: 'photo name + .supplemental-metadata.json',
    },
    {
      name: 'Picnic by the old lake 01.jpeg',
      json: googleJsonName('Picnic by the old lake 01.jpeg.supplemental-metadata'),
      note: 'cut to .supplemental-me.json',
    },
    { name: 'IMG_4179.jpeg', json: 'IMG_4179.jpeg.json', note: 'the first of two photos of one name' },
    { name: 'IMG_4179(1).jpeg', json: 'IMG_4179.jpeg(1).json', note: 'the number follows the extension in the JSON' },
    {
      name: `${longTitle.slice(0, 47)}.jpg`,
      json: googleJsonName(longTitle),
      title: longTitle,
      note: 'the name of the JSON is cut to 46 characters, that of the photo to 47',
    },
  ];
  const firstTakenAtSeconds = Date.parse('2018-09-28T15:35:49Z') / 1000;
  const files = withoutExif.flatMap(({ name, json, title, note }, index): SampleFile[] => {
    const takenAtSeconds = firstTakenAtSeconds + index * 86_400;
    const utc = new Date(takenAtSeconds * 1000).toISOString().replace('.000', '');
    return [
      {
        path: `${folder}/${name}`,
        content: makeJpeg({ seed: `${name} ${seed}` }),
        expected: { kind: 'filedUtc', utc, basis: 'sidecar' },
        note: `no EXIF; its Google JSON has the date: ${note}`,
      },
      {
        path: `${folder}/${json}`,
        content: makeGoogleJson({ title: title ?? name.replace('(1)', ''), takenAtSeconds, seed: `${json} ${seed}` }),
        expected: { kind: 'withAsset', assetPath: `${folder}/${name}` },
        note: `Google JSON: ${note}`,
      },
    ];
  });
  return [
    ...files,
    {
      path: `${folder}/Pumpkins.jpg`,
      content: makeJpeg({ seed: `pumpkins ${seed}`, dateTimeOriginal: '2018-10-20T10:00:00' }),
      expected: { kind: 'filed', local: '2018-10-20T10:00:00', basis: 'exif' },
      note: 'has EXIF: it wins over the Google JSON, which says another day',
    },
    {
      path: `${folder}/Pumpkins.jpg.json`,
      content: makeGoogleJson({ title: 'Pumpkins.jpg', takenAtSeconds: firstTakenAtSeconds, seed: `pumpkins ${seed}` }),
      expected: { kind: 'withAsset', assetPath: `${folder}/Pumpkins.jpg` },
      note: 'Google JSON of a photo with EXIF',
    },
  ];
}
