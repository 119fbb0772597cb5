// The date decides the folder a photo will lie in for decades: each rule, and each reason to distrust, has to hold
// alone.
import { expect, test } from 'vitest';
import { type CaptureFacts, decideCaptureDate, showInstant } from '../../../src/library/capture-date.ts';

const nowMs = Date.parse('2026-11-23T12:00:00Z');
const dayMs = 24 * 60 * 60 * 1000;

function decide(facts: Partial<CaptureFacts>) {
  return decideCaptureDate({
    metadata: {},
    kind: 'photo',
    fileName: 'IMG_0001.JPG',
    modifiedAtMs: Date.parse('2020-01-02T03:04:05Z'),
    nowMs,
    timeZone: 'Europe/Berlin',
    ...facts,
  });
}

const everything = {
  metadata: {
    takenAt: { local: '2019-07-04T16:24:01.25', offsetMinutes: -420, basis: 'exif' },
    takenAtUtcMs: Date.parse('2018-07-04T22:30:00Z'),
  },
  sidecarTakenAtMs: Date.parse('2017-12-31T23:30:00.5Z'),
  fileName: 'IMG_20160101_010101.jpg',
} as const satisfies Partial<CaptureFacts>;

test("The file's own local time comes first and is kept as it is", () => {
  expect(decide(everything)).toEqual({ basis: 'exif', local: '2019-07-04T16:24:01.25', offsetMinutes: -420 });
  expect(decide({ metadata: { takenAt: { local: '2019-07-04T16:24:01', basis: 'quicktime' } } })).toEqual({
    basis: 'quicktime',
    local: '2019-07-04T16:24:01',
  });
});

test('Then its instant, the sidecar, the name and the modification time, each in the given zone', () => {
  const { takenAtUtcMs } = everything.metadata;
  expect(decide({ ...everything, metadata: { takenAtUtcMs } })).toEqual({
    basis: 'quicktime',
    local: '2018-07-05T00:30:00',
    offsetMinutes: 120,
  });
  expect(decide({ ...everything, metadata: {} })).toEqual({
    basis: 'sidecar',
    local: '2018-01-01T00:30:00.500',
    offsetMinutes: 60,
  });
  expect(decide({ fileName: everything.fileName })).toEqual({ basis: 'fileName', local: '2016-01-01T01:01:01' });
  expect(decide({ fileName: 'PXL_20210101_235959123.jpg' })).toEqual({
    basis: 'fileName',
    local: '2021-01-02T00:59:59.123',
    offsetMinutes: 60,
  });
  expect(decide({})).toEqual({ basis: 'mtime', local: '2020-01-02T04:04:05', offsetMinutes: 60 });
});

test('A modification time is believed only between 1990 and tomorrow', () => {
  expect(decide({ modifiedAtMs: Date.UTC(1990, 0, 1) }).basis).toBe('mtime');
  expect(decide({ modifiedAtMs: Date.UTC(1990, 0, 1) - 1 })).toEqual({ basis: 'undated' });
  expect(decide({ modifiedAtMs: nowMs + dayMs }).basis).toBe('mtime');
  expect(decide({ modifiedAtMs: nowMs + dayMs + 1 })).toEqual({ basis: 'undated' });
  for (const modifiedAtMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 8.64e15 + 1]) {
    expect(decide({ modifiedAtMs })).toEqual({ basis: 'undated' });
  }
});

test("A modification time within a minute of the copy's birth or change only says when it was copied", () => {
  const modifiedAtMs = Date.parse('2020-01-02T03:04:05Z');
  for (const apartMs of [-60_000, 0, 60_000]) {
    expect(decide({ modifiedAtMs, bornAtMs: modifiedAtMs + apartMs })).toEqual({ basis: 'undated' });
    expect(decide({ modifiedAtMs, changedAtMs: modifiedAtMs + apartMs })).toEqual({ basis: 'undated' });
  }
  expect(decide({ modifiedAtMs, bornAtMs: modifiedAtMs + 60_001, changedAtMs: modifiedAtMs - 60_001 }).basis).toBe(
    'mtime',
  );
  expect(decide({ modifiedAtMs, bornAtMs: modifiedAtMs + 60_001, changedAtMs: modifiedAtMs })).toEqual({
    basis: 'undated',
  });
});

test.for([
  ['2024-03-31T00:59:59Z', 'Europe/Berlin', '2024-03-31T01:59:59', 60],
  ['2024-03-31T01:00:00Z', 'Europe/Berlin', '2024-03-31T03:00:00', 120],
  ['2024-10-27T00:30:00Z', 'Europe/Berlin', '2024-10-27T02:30:00', 120],
  ['2024-10-27T01:30:00Z', 'Europe/Berlin', '2024-10-27T02:30:00', 60],
  ['2024-11-03T05:59:59Z', 'America/New_York', '2024-11-03T01:59:59', -240],
  ['2024-11-03T06:00:00Z', 'America/New_York', '2024-11-03T01:00:00', -300],
  ['2024-04-13T20:35:31Z', 'Asia/Kathmandu', '2024-04-14T02:20:31', 345],
  ['2024-10-05T15:30:00Z', 'Australia/Lord_Howe', '2024-10-06T02:30:00', 660],
  ['2023-12-31T23:59:59.999Z', 'UTC', '2023-12-31T23:59:59.999', 0],
  ['2024-01-01T00:00:00Z', 'Pacific/Kiritimati', '2024-01-01T14:00:00', 840],
  ['2024-01-01T00:00:00Z', 'Pacific/Pago_Pago', '2023-12-31T13:00:00', -660],
  ['1969-12-31T23:59:59.250Z', 'UTC', '1969-12-31T23:59:59.250', 0],
  ['1889-12-31T23:06:32Z', 'Europe/Berlin', '1890-01-01T00:00:00', 53],
] as const)('%s in %s is shown as %s', ([instant, timeZone, local, offsetMinutes]) => {
  expect(showInstant(Date.parse(instant), timeZone)).toEqual({ local, offsetMinutes });
});

test('The zone of the machine plays no part', () => {
  const shown = (zone: string) => {
    const before = process.env['TZ'];
    process.env['TZ'] = zone;
    try {
      return [new Date(0).getTimezoneOffset(), decide({ timeZone: 'Asia/Tokyo' })] as const;
    } finally {
      if (before === undefined) delete process.env['TZ'];
      else process.env['TZ'] = before;
    }
  };
  const [hereOffset, here] = shown('America/Los_Angeles');
  const [thereOffset, there] = shown('Asia/Kolkata');
  expect(hereOffset).not.toBe(thereOffset);
  expect(here).toEqual(there);
});
