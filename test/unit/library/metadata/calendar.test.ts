// A date that does not exist, read as if it did, files a photo under a day on which it was not taken.
import { expect, test } from 'vitest';
import { parseOffset, parseWallClock, withSeparateParts } from '../../../../src/library/metadata/calendar.ts';

test.for([
  ['2019:07:04 16:24:01', { local: '2019-07-04T16:24:01' }],
  ['2019-07-04T16:24:01', { local: '2019-07-04T16:24:01' }],
  ['2019:07:04 16:24:01\0\0', { local: '2019-07-04T16:24:01' }],
  ['2008: 8:13  9: 5: 3', { local: '2008-08-13T09:05:03' }],
  ['2020-02-29T00:00:00Z', { local: '2020-02-29T00:00:00', offsetMinutes: 0 }],
  ['2019-12-29T19:01:14-0800', { local: '2019-12-29T19:01:14', offsetMinutes: -480 }],
  ['2024-04-14T02:20:31.25+05:45', { local: '2024-04-14T02:20:31.25', offsetMinutes: 345 }],
  ['2019-10-16T19:01+00:00', { local: '2019-10-16T19:01:00', offsetMinutes: 0 }],
  ['2014:09:21 16:00:56.123456789012', { local: '2014-09-21T16:00:56.123456789' }],
  ['1826:01:01 00:00:00', { local: '1826-01-01T00:00:00' }],
  ['2003-08-30', { local: '2003-08-30T12:00:00' }],
] as const)('%s is read', ([text, expected]) => {
  expect(parseWallClock(text)).toEqual(expected);
});

test.for([
  '',
  '0000:00:00 00:00:00',
  '    :  :     :  :  ',
  ':07:04 16:24:01',
  '1601:06:06 16:39:33',
  '1825:12:31 23:59:59',
  '2100:01:01 00:00:00',
  '2019:00:04 16:24:01',
  '2019:13:04 16:24:01',
  '2019:04:31 16:24:01',
  '2019:02:29 16:24:01',
  '1900:02:29 16:24:01',
  '2019:07:04 24:00:00',
  '2019:07:04 16:60:01',
  '2019:07:04 16:24:60',
  '2019:07:04 16',
  '2019:07:04 16:24:01 or so',
  '2019',
  '9'.repeat(1_000_000),
])('%j is no date', (text) => {
  expect(parseWallClock(text)).toBeUndefined();
});

test('An offset that no zone has is as good as none, and the date is kept', () => {
  expect(parseWallClock('2019-07-04T16:24:01+99:00')).toEqual({ local: '2019-07-04T16:24:01' });
  for (const text of ['', '   :  ', '+14:01', '-12:01', '+01:60', '0100', 'CEST'])
    expect(parseOffset(text)).toBeUndefined();
  expect([parseOffset('+14:00'), parseOffset('-1200'), parseOffset('-00:00')]).toEqual([840, -720, 0]);
});

test('Fraction and offset from tags of their own are added only where the time lacks them', () => {
  const bare = { local: '2019-07-04T16:24:01' };
  expect(withSeparateParts(bare, { fraction: '023', offset: '+02:00' })).toEqual({
    local: '2019-07-04T16:24:01.023',
    offsetMinutes: 120,
  });
  expect(withSeparateParts(bare, { fraction: '   ', offset: '  :  ' })).toEqual(bare);
  expect(withSeparateParts(bare, { fraction: '-1', offset: undefined })).toEqual(bare);
  const full = { local: '2019-07-04T16:24:01.5', offsetMinutes: 60 };
  expect(withSeparateParts(full, { fraction: '9', offset: '+02:00' })).toEqual(full);
});
