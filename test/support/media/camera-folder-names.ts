// The part of the sample source tree that is about names and bytes: names that some file system or shell chokes on, names
// that meet, bytes that come twice, and files that are no media.
import { makeJpeg } from './jpeg.ts';
import type { Seed } from './seeded.ts';
import type { SampleFile } from './source-tree.ts';

export function oddlyNamedFiles(seed: Seed): SampleFile[] {
  return [
    ...oddNames(`odd ${seed}`),
    ...meetingNames(`meeting ${seed}`),
    ...duplicates(`twice ${seed}`),
    ...notMedia(),
  ];
}

/** Each photo has its own second of one day, so that only names can collide, never times. */
function photo(options: { path: string | Buffer; seed: Seed; second: number; note: string }): SampleFile {
  const { path, seed, second, note } = options;
  const local = `2022-05-06T10:00:${String(second).padStart(2, '0')}`;
  return {
    path,
    content: makeJpeg({ seed: `${second} ${seed}`, dateTimeOriginal: local }),
    expected: { kind: 'filed', local, basis: 'exif' },
    note,
  };
}

function oddNames(seed: Seed): SampleFile[] {
  const names: readonly (readonly [name: string, note: string])[] = [
    ['beach 🏖️ day.jpg', 'emoji'],
    [`it's "quoted".jpg`, 'quotes'],
    ['$(touch owned) `id` & ; !.jpg', 'shell characters'],
    ['line\nbreak.jpg', 'newline'],
    ['trailing dot.jpg.', 'trailing dot'],
    ['trailing space.jpg ', 'trailing space'],
    ['-rf.jpg', 'looks like an option'],
    ['CON.jpg', 'a device on Windows'],
    ['a:b?.jpg', 'characters that Windows and exFAT reserve'],
    [`${'ü'.repeat(125)}a.jpg`, '255 bytes, 130 characters: no room for a suffix'],
    ['no extension', 'no extension'],
  ];
  const odd = names.map(([name, note], index) => photo({ path: `DCIM/100NAMES/${name}`, seed, second: index, note }));
  const notUtf8 = photo({
    path: Buffer.from('DCIM/100NAMES/caf\xe9 \\ \xff.jpg', 'latin1'),
    seed,
    second: 30,
    note: 'Latin-1 and a lone 0xFF: not UTF-8; a backslash too',
  });
  return [...odd, { ...notUtf8, needs: 'anyBytesInNames' }];
}

function meetingNames(seed: Seed): SampleFile[] {
  const twin = (path: string, second: number, note: string): SampleFile => ({
    ...photo({ path, seed, second, note }),
    needs: 'exactNames',
  });
  return [
    twin('DCIM/101NAMES/caf\u00e9.jpg', 40, 'NFC; there is another of this name in NFD'),
    twin('DCIM/101NAMES/cafe\u0301.jpg', 41, 'NFD; there is another of this name in NFC'),
    twin('DCIM/101NAMES/IMG_6001.JPG', 42, 'there is another of this name in lower case'),
    twin('DCIM/101NAMES/img_6001.jpg', 43, 'there is another of this name in upper case'),
    photo({
      path: 'DCIM/101NAMES/IMG_8001.JPG',
      seed,
      second: 44,
      note: 'the counter wrapped: same name and day as in 102NAMES',
    }),
    photo({
      path: 'DCIM/102NAMES/IMG_8001.JPG',
      seed,
      second: 45,
      note: 'the counter wrapped: same name and day as in 101NAMES',
    }),
  ];
}

function duplicates(seed: Seed): SampleFile[] {
  const original = photo({ path: 'DCIM/102NAMES/IMG_8002.JPG', seed, second: 50, note: 'these bytes come twice' });
  return [
    original,
    {
      ...original,
      path: 'DCIM/102NAMES/IMG_8002 copy.JPG',
      expected: { kind: 'duplicateOf', path: 'DCIM/102NAMES/IMG_8002.JPG' },
      note: 'the same bytes under another name',
    },
  ];
}

function notMedia(): SampleFile[] {
  const text = Buffer.from('Shopping: film, batteries.\n');
  return [
    {
      path: 'DCIM/103NAMES/IMG_9001.JPG',
      content: Buffer.alloc(0),
      expected: { kind: 'notMedia', reason: 'empty' },
      note: 'zero bytes',
    },
    { path: 'DCIM/103NAMES/notes.txt', content: text, expected: { kind: 'notMedia', reason: 'text' }, note: 'text' },
  ];
}
