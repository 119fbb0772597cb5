// A number mistaken for a date files a photo wrongly for good; a date not seen leaves it to its modification time.
import { expect, test } from 'vitest';
import { dateFromFileName } from '../../../../src/library/metadata/file-name-date.ts';
import { threadCpuMs } from '../../../support/cpu-time.ts';

test.for([
  ['IMG_20170101_010101.jpg', '2017-01-01T01:01:01'],
  ['IMG_20170101_010101_1.jpg', '2017-01-01T01:01:01'],
  ['IMG_20170101_010101123.jpg', '2017-01-01T01:01:01.123'],
  ['VID_20170101_010101.mp4', '2017-01-01T01:01:01'],
  ['20170101_010101.jpg', '2017-01-01T01:01:01'],
  ['20170101_010101(0).jpg', '2017-01-01T01:01:01'],
  ['PXL-like date_20170101_010101.jpg', '2017-01-01T01:01:01'],
  ['date_20170101_010101.jpg', '2017-01-01T01:01:01'],
  ['Screenshot_2017-01-01-01-01-01.png', '2017-01-01T01:01:01'],
  ['Screenshot_20240506-070809_Chrome.jpg', '2024-05-06T07:08:09'],
  ['Screenshot 2024-05-06 at 07.08.09.png', '2024-05-06T07:08:09'],
  ['Screenshot 2024-05-06 at 7.08.09 PM.png', '2024-05-06T19:08:09'],
  ['Screenshot 2024-05-06 at 12.08.09\u202fAM.png', '2024-05-06T00:08:09'],
  ['Screenshot 2024-05-06 at 12.08.09 PM (2).png', '2024-05-06T12:08:09'],
  ['WhatsApp Image 2017-01-01 at 01.01.01.jpeg', '2017-01-01T01:01:01'],
  ['WhatsApp Video 2017-01-01 at 01.01.01 (1).mp4', '2017-01-01T01:01:01'],
  ['IMG-20170101-WA0001.jpg', '2017-01-01T12:00:00'],
  ['VID-20170101-WA0001.mp4', '2017-01-01T12:00:00'],
  ['signal-2017-01-01-010101.jpg', '2017-01-01T01:01:01'],
  ['signal-2022-05-01-12-00-00-123.jpg', '2022-05-01T12:00:00'],
  ['2017-01-01 01.01.01.jpg', '2017-01-01T01:01:01'],
  ['2017-01-01_01-01-01.jpg', '2017-01-01T01:01:01'],
  ['20161301_010101 really 20170101_010101.jpg', '2017-01-01T01:01:01'],
] as const)('%s was taken at %s by local time', ([name, local]) => {
  expect(dateFromFileName(name)).toEqual({ local });
});

test('A Pixel names its files in UTC', () => {
  expect(dateFromFileName('PXL_20210101_235959123.jpg')).toEqual({ utcMs: Date.parse('2021-01-01T23:59:59.123Z') });
  expect(dateFromFileName('PXL_20210101_235959123.MP.jpg')).toEqual({ utcMs: Date.parse('2021-01-01T23:59:59.123Z') });
  expect(dateFromFileName('PXL_20210101_235959.mp4')).toEqual({ utcMs: Date.parse('2021-01-01T23:59:59Z') });
});

test.for([
  'IMG_1234.JPG',
  '1234567890_20170101.jpg',
  '120170101_010101.jpg',
  '20170101_0101012.jpg',
  '20170101_01010.jpg',
  '20170101.jpg',
  'IMG_20170132_010101.jpg',
  'IMG_20170229_010101.jpg',
  'IMG_20170101_250101.jpg',
  'IMG_19891231_235959.jpg',
  'IMG_21000101_010101.jpg',
  'IMG-20171301-WA0001.jpg',
  'MYIMG-20170101-WA0001.jpg',
  'Screenshot 2024-05-06 at 13.08.09 PM.png',
  'Screenshot 2024-05-06 at 0.08.09 AM.png',
  'invoice 2017-01-01.pdf',
  'FB_IMG_1483228861000.jpg',
  '12017-01-01-01-01-01.png',
  '',
])('%s says nothing', (name) => {
  expect(dateFromFileName(name)).toBeUndefined();
});

test('A name of a million characters costs nothing', () => {
  const beforeMs = threadCpuMs();
  for (const filler of ['1', '20170101_', '2017-01-01 ', 'IMG-'])
    dateFromFileName(filler.repeat(1_000_000 / filler.length));
  expect(threadCpuMs() - beforeMs).toBeLessThan(1_000);
});
