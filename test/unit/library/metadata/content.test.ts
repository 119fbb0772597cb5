// A photo taken for something else would be left behind on a card that is then wiped.
import { expect, test } from 'vitest';
import { headBytesMax, identifyContent } from '../../../../src/library/metadata/content.ts';
import { makeAvi } from '../../../support/media/avi.ts';
import { ascii, box, bytes, join, uint32 } from '../../../support/media/bytes.ts';
import { makeGif } from '../../../support/media/gif.ts';
import { makeHeic } from '../../../support/media/heic.ts';
import { makeJpeg } from '../../../support/media/jpeg.ts';
import { makePng } from '../../../support/media/png.ts';
import { makeMov } from '../../../support/media/quicktime.ts';
import { makeDng } from '../../../support/media/raw.ts';
import { makeAae, makeGoogleAlbumJson, makeGoogleJson, makeXmp } from '../../../support/media/sidecars.ts';
import { makeTiff } from '../../../support/media/tiff.ts';
import { makeWebp } from '../../../support/media/webp.ts';

function identify(content: Uint8Array, name = 'x.bin', sizeBytes = content.length) {
  return identifyContent(content.subarray(0, headBytesMax), { name, sizeBytes });
}

const padding = Buffer.alloc(600, 0xaa);
const packet = (stride: 188 | 192) => Buffer.alloc(stride, 0).fill(0x47, stride - 188, stride - 187);

test.for<[string, string, Uint8Array]>([
  ['photo', 'image/jpeg', makeJpeg({ seed: 1 })],
  ['photo', 'image/png', makePng({ seed: 1 })],
  ['photo', 'image/gif', makeGif({ seed: 1 })],
  ['photo', 'image/webp', makeWebp({ seed: 1 })],
  ['photo', 'image/heic', makeHeic({ seed: 1 })],
  ['photo', 'image/x-adobe-dng', makeDng({ seed: 1 })],
  ['photo', 'image/tiff', makeTiff([], 'little')],
  ['photo', 'image/tiff', join(ascii('MM\0*'), uint32(3_000_000), padding)],
  ['photo', 'image/vnd.adobe.photoshop', join(ascii('8BPS'), bytes(0, 1), padding)],
  ['photo', 'image/x-sigma-x3f', join(ascii('FOVb'), padding)],
  ['photo', 'image/x-minolta-mrw', join(ascii('\0MRM'), padding)],
  ['photo', 'image/x-canon-crw', join(ascii('II'), bytes(0x1a, 0, 0, 0), ascii('HEAPCCDR'), padding)],
  ['photo', 'image/x-olympus-orf', join(ascii('IIRS'), bytes(8, 0, 0, 0), padding)],
  ['photo', 'image/x-olympus-orf', join(ascii('MMOR'), bytes(0, 0, 0, 8), padding)],
  ['photo', 'image/x-fujifilm-raf', join(ascii('FUJIFILMCCD-RAW 0201'), padding)],
  ['photo', 'image/x-canon-cr3', join(box('ftyp', ascii('crx '), uint32(1)), padding)],
  ['video', 'video/quicktime', makeMov({ seed: 1, brand: 'qt  ' })],
  ['video', 'video/mp4', makeMov({ seed: 1, brand: 'isom' })],
  ['video', 'video/3gpp', makeMov({ seed: 1, brand: '3gp4' })],
  ['video', 'video/x-msvideo', makeAvi({ seed: 1 })],
  ['video', 'video/m2ts', Buffer.concat([packet(188), packet(188), packet(188)])],
  ['video', 'video/m2ts', Buffer.concat([packet(192), packet(192), packet(192)])],
  ['video', 'video/mpeg', join(bytes(0, 0, 1, 0xba, 0x44), padding)],
  ['video', 'video/mpeg', join(bytes(0, 0, 1, 0xba, 0x21), padding)],
  ['video', 'video/mpeg', join(bytes(0, 0, 1, 0xb3, 0x14), padding)],
  ...(['wide', 'mdat', 'moov', 'free', 'skip', 'pnot'] as const).map((type): [string, string, Uint8Array] => [
    'video',
    'video/quicktime',
    join(box(type, bytes(0, 1, 2, 3)), padding),
  ]),
])('A %s of type %s is recognised by its content, whatever its name', async ([kind, mime, content]) => {
  for (const name of ['x.bin', 'x.txt', 'x.json', 'x.xmp', 'noname']) {
    expect(await identify(content, name)).toEqual({ kind, mime });
  }
  const cut = content.subarray(0, 4100);
  expect(await identify(cut, 'x.bin', 1e12)).toEqual({ kind, mime });
});

test('Sidecars need both their content and their name', async () => {
  expect(await identify(makeAae(1), 'IMG_1.AAE')).toEqual({ kind: 'sidecar', sidecar: 'adjustments' });
  expect(await identify(join(ascii('bplist00'), padding), 'IMG_1.aae')).toEqual({
    kind: 'sidecar',
    sidecar: 'adjustments',
  });
  expect(await identify(makeXmp({ seed: 1 }), 'IMG_1.CR3.xmp')).toEqual({ kind: 'sidecar', sidecar: 'xmp' });
  const wide = Buffer.from(makeXmp({ seed: 1 }).toString('utf8'), 'utf16le');
  expect(await identify(wide, 'IMG_1.XMP')).toEqual({ kind: 'sidecar', sidecar: 'xmp' });
  const google = makeGoogleJson({ title: 'IMG_1.jpg', takenAtSeconds: 1, seed: 1 });
  expect(await identify(google, 'IMG_1.jpg.supplemental-metadata.json')).toEqual({
    kind: 'sidecar',
    sidecar: 'googleMetadata',
  });

  for (const content of [makeAae(1), makeXmp({ seed: 1 }), google]) {
    expect(await identify(content, 'notes.txt')).toEqual({ kind: 'other' });
  }
  expect(await identify(ascii('not a plist'), 'IMG_1.AAE')).toEqual({ kind: 'other' });
  expect(await identify(ascii('not xmp'), 'IMG_1.xmp')).toEqual({ kind: 'other' });
  expect(await identify(makeGoogleAlbumJson({ title: 'Summer', seed: 1 }), 'metadata.json')).toEqual({ kind: 'other' });
  expect(await identify(ascii('{}'), 'shared_album_comments.json')).toEqual({ kind: 'other' });
  expect(await identify(ascii('[{"photoTakenTime":{}}]'), 'list.json')).toEqual({ kind: 'other' });
});

test('A Google sidecar longer than the head is recognised by how it begins', async () => {
  const google = makeGoogleJson({ title: 'IMG_1.jpg', takenAtSeconds: 1, seed: 1 });
  const long = join(google.subarray(0, -2), ascii(`,"people":["${'x'.repeat(headBytesMax)}"]}`));
  expect(await identify(long, 'IMG_1.jpg.json')).toEqual({ kind: 'sidecar', sidecar: 'googleMetadata' });
  const album = makeGoogleAlbumJson({ title: 'Summer', seed: 1 });
  const longAlbum = join(album.subarray(0, -2), ascii(`,"note":"${'x'.repeat(headBytesMax)}"}`));
  expect(await identify(longAlbum, 'metadata.json')).toEqual({ kind: 'other' });
});

test('Nothing is empty but what has no bytes', async () => {
  expect(await identify(Buffer.alloc(0), 'IMG_1.JPG')).toEqual({ kind: 'empty' });
  expect(await identify(Buffer.alloc(1), 'IMG_1.JPG')).toEqual({ kind: 'other' });
});

test('Text and programs are not media, even text that has the letters of a movie in the right place', async () => {
  for (const text of ['Fat-free recipe: …', 'the moov box', 'far wide open', 'hello']) {
    expect(await identify(Buffer.from(text), 'recipe.txt')).toEqual({ kind: 'other' });
  }
  expect(await identify(join(ascii('SQLite format 3\0'), padding), 'Photos.sqlite')).toEqual({ kind: 'other' });
  expect(await identify(join(bytes(0x7f), ascii('ELF'), padding), 'a.jpg')).toEqual({ kind: 'other' });
});
