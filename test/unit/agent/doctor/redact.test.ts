// A report goes to somebody else: what it says of people, places and devices cannot be taken back.
import { expect, test } from 'vitest';
import { redactLine } from '../../../../src/agent/doctor/bundle.ts';
import { openRedactor } from '../../../../src/agent/doctor/redact.ts';

const redactor = openRedactor({
  paths: ['/home/anna', '/home/anna/Bilder/Unsere Fotos', '/media/anna/BLAUE PLATTE'],
  things: [
    { standIn: 'phone-1', names: ['iphone-0123456789ab', "Müller's iPhone"] },
    { standIn: 'phone-2', names: ['iphone-ba9876543210', 'Opa "Hannes" (alt)'] },
    { standIn: 'drive-1', names: ['9b2f8c1e-0000-4000-8000-1234567890ab', 'Blaue Platte'] },
    { standIn: 'user', names: ['anna'] },
  ],
});

test.for<readonly [string, string]>([
  ["Photos from Müller's iPhone were last saved 15 days ago.", 'Photos from phone-1 were last saved 15 days ago.'],
  ['MU\u0308LLER\u2019S phone of Muller, mu\u0308ller', 'phone-1\u2019S phone of Muller, phone-1'],
  ['"Opa "Hannes" (alt)" is locked', '"phone-2" is locked'],
  ['The copy on "Blaue Platte" can be written', 'The copy on "drive-1" can be written'],
  ['iphone-0123456789ab and iphone-ffffffffffff', 'phone-1 and id-N'],
  ['/home/anna/Bilder/x.db is gone', 'path-N is gone'],
  ['/home/anna/Bilder/Unsere Fotos/2020/x.jpg, /home/annabel/y', 'path-N, path-N'],
  ['/home/anna is full; /media/anna/blaue platte too', 'path-N is full; path-N too'],
  ['"/srv/Tante Erna/Fotos" is gone', '"path-N" is gone'],
  ['in /srv/erna/a.txt, and C:\\Users\\Erna\\b', 'in path-N, and path-N'],
  ['file:///home/erna/x and https://ntfy.sh/secret-topic', 'address-N and address-N'],
  ['00008110-001A2B3C4D5E801E', 'id-N'],
  ['udid 0123456789abcdef0123456789abcdef01234567', 'udid id-N'],
  ['serial F2LZK9ABCDEF1234', 'serial id-N'],
  ['at 192.168.1.20 or aa:bb:cc:dd:ee:ff', 'at address-N or address-N'],
  ['erna@example.org', 'address-N'],
  ['IMG_0001.JPG and Oma am Strand.heic', 'file-N and Oma am file-N'],
  ['Unsere Fotos and Bilder', 'folder folder and folder'],
  ['The phone "Erna" is locked', 'The phone "…" is locked'],
  ['tap "Trust" when it asks; run: keepsake doctor', 'tap "Trust" when it asks; run: keepsake doctor'],
])('%s', ([text, expected]) => {
  expect(redactor.text(text).replace(/(path|id|address|file)-\d+/g, '$1-N')).toBe(expected);
});

test('Names of settings may stand in quotes, and nothing else that is not known to be ours', () => {
  const { text } = openRedactor({ paths: [], things: [], plainQuotes: ['schedule'] });
  expect(text('"schedule" is not understood; there is no setting "Erna"')).toBe(
    '"schedule" is not understood; there is no setting "…"',
  );
});

test('The same thing has the same stand-in everywhere, and another thing another one', () => {
  const [one, other, again] = ['/srv/a/b', '/srv/a/c', '/srv/a/b'].map((path) => redactor.text(path));
  expect(one).toBe(again);
  expect(one).not.toBe(other);
  expect(redactor.id('iphone-0123456789ab')).toBe('phone-1');
  expect(redactor.id('whatever it is')).toBe(redactor.id('whatever it is'));
  expect(redactor.id('whatever it is')).not.toContain('whatever');
});

test('Of a line of the log, numbers, codes and our own words are left, and nothing that could be a name', () => {
  const line = JSON.stringify({
    ...{ level: 50, time: '2026-03-01T10:00:00.000Z', pid: 7, sourceId: 'iphone-0123456789ab', imported: 3 },
    ...{ name: 'Erna', error: 'Error: ENOENT /srv/erna/x', counts: { Erna: 1 }, codes: ['Erna'], msg: 'a part failed' },
    err: {
      ...{ type: 'AgentError', message: 'Erna.jpg could not be read', code: 'SOURCE_READ_FAILED' },
      stack:
        'Error: Erna.jpg\n    at read (file:///home/erna/keepsake/src/jobs/import-job.ts:74:3)\n    at Erna (/home/erna/x.ts:1)',
    },
  });
  expect(JSON.parse(redactLine(line, redactor))).toEqual({
    ...{ level: 50, time: '2026-03-01T10:00:00.000Z', pid: 7, sourceId: 'phone-1', imported: 3 },
    ...{ name: '…', error: '…', counts: '…', codes: '1 of them', msg: 'a part failed' },
    err: { type: 'AgentError', code: 'SOURCE_READ_FAILED', at: ['src/jobs/import-job.ts:74'] },
  });
  const own = { msg: 'Erna.jpg is gone', err: { type: 'Error', message: 'Erna.jpg is gone' } };
  expect(redactLine(JSON.stringify(own), redactor)).not.toContain('Erna');
  for (const foreign of ['Erna was here', '"Erna"', '["Erna"]', 'null']) {
    expect(redactLine(foreign, redactor)).not.toContain('Erna');
  }
});
