// Takeout strips dates from many files: what is not read here is lost. What is read from the wrong JSON is a wrong
// date.
import { expect, test } from 'vitest';
import { googleSidecarBytesMax, parseGoogleSidecar } from '../../../../src/library/metadata/google-sidecar.ts';
import { makeGoogleAlbumJson, makeGoogleJson } from '../../../support/media/sidecars.ts';

function parse(value: unknown) {
  return parseGoogleSidecar(Buffer.from(JSON.stringify(value)));
}

test('Title and time of a photo are read', () => {
  const sidecar = makeGoogleJson({ title: 'IMG_1.jpg', takenAtSeconds: 1_538_174_149, seed: 1 });
  expect(parseGoogleSidecar(sidecar)).toEqual({ title: 'IMG_1.jpg', photoTakenTimeMs: 1_538_174_149_000 });
  const withMark = Buffer.concat([Buffer.from('\u{feff}'), sidecar]);
  expect(parseGoogleSidecar(withMark)).toEqual({ title: 'IMG_1.jpg', photoTakenTimeMs: 1_538_174_149_000 });
});

test('A scan of an old print has a time before 1970', () => {
  expect(parse({ title: 'a', photoTakenTime: { timestamp: '-1000000000' } })?.photoTakenTimeMs).toBe(
    -1_000_000_000_000,
  );
});

test.for([
  [{ timestamp: '0' }],
  [{ timestamp: '99999999999' }],
  [{ timestamp: '-9999999999' }],
  [{ timestamp: '1e9' }],
  [{ timestamp: '1538174149; DROP' }],
  [{ timestamp: null }],
  [{}],
  ['1538174149'],
  [null],
])('A time that cannot be is none: %j', ([photoTakenTime]) => {
  expect(parse({ title: 'a', photoTakenTime })).toEqual({ title: 'a' });
});

test('Other JSON is not a sidecar: an album, a list, text, and one that is too large', () => {
  expect(parseGoogleSidecar(makeGoogleAlbumJson({ title: 'Summer', seed: 1 }))).toBeUndefined();
  for (const value of [[], {}, 'photoTakenTime', 1, null, { title: 'a' }]) expect(parse(value)).toBeUndefined();
  expect(parseGoogleSidecar(Buffer.from('{"photoTakenTime":'))).toBeUndefined();
  expect(parseGoogleSidecar(Buffer.from('['.repeat(500_000)))).toBeUndefined();
  const large = Buffer.concat([
    makeGoogleJson({ title: 'a', takenAtSeconds: 1, seed: 1 }),
    Buffer.alloc(googleSidecarBytesMax, 32),
  ]);
  expect(parseGoogleSidecar(large)).toBeUndefined();
});
