// A name that one disk refuses stops the import, or later the copy; two names that a disk takes for one lose a photo.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { foldName, joinName, makePortable } from '../../../src/library/portable-name.ts';
import { temporaryFolder } from '../../support/keepsake.ts';
import { seededRandom } from '../../support/media/seeded.ts';

const suffixLongest = 9999;

function portable(stem: string, tail = '.jpg'): string {
  return joinName(makePortable({ stem, tail }), 1);
}

test('A plain name stays as it is', () => {
  for (const stem of ['IMG_1234', 'Ferien in Köln (3)', '写真', 'a.b.c', 'x~2', 'weiß', '👨‍👩‍👧'])
    expect(portable(stem)).toBe(`${stem}.jpg`);
});

test.for([
  ['a:b', 'a%3Ab.jpg'],
  ['a"b<c>d|e?f*g', 'a%22b%3Cc%3Ed%7Ce%3Ff%2Ag.jpg'],
  ['back\\slash', 'back%5Cslash.jpg'],
  ['sl/ash', 'sl%2Fash.jpg'],
  ['line\nbreak\u0007', 'line%0Abreak%07.jpg'],
  ['bad\ufffd', 'bad%EF%BF%BD.jpg'],
  ['half \ud83d', 'half %EF%BF%BD.jpg'],
  ['.hidden', '_.hidden.jpg'],
  ['', '_.jpg'],
  ['..', '_...jpg'],
  ['CON', 'CON_.jpg'],
  ['lpt9', 'lpt9_.jpg'],
  ['con.tar', 'con_.tar.jpg'],
  ['console', 'console.jpg'],
] as const)('%j is filed as %j', ([stem, filed]) => {
  expect(portable(stem)).toBe(filed);
});

test('A dot or a blank at the very end is written so that Windows keeps it', () => {
  expect(portable('notes.', '')).toBe('notes%2E');
  expect(portable('a', '.jpg ')).toBe('a.jpg%20');
  expect(portable('a ', '.jpg')).toBe('a .jpg');
});

test('Composed and decomposed letters are filed alike', () => {
  expect(portable('Ko\u0308ln')).toBe(portable('K\u00f6ln'));
});

test('A name of many trailing blanks is still short enough for every disk', () => {
  // Three characters for each blank: measured, ENAMETOOLONG at publishing stopped this and every later import.
  for (const filler of [' ', '.', '\u0001', '\ufffd']) {
    const parts = makePortable({ stem: `a${filler.repeat(254)}`, tail: '' });
    expect(Buffer.byteLength(joinName(parts, suffixLongest))).toBeLessThanOrEqual(255);
    expect(joinName(parts, 1)).not.toMatch(/[. ]$/);
  }
});

test('A cut name ends at a whole character', () => {
  expect(makePortable({ stem: '👨‍👩‍👧'.repeat(40), tail: '.jpg' }).stem.endsWith('👨‍👩‍👧')).toBe(true);
  expect(makePortable({ stem: 'a', tail: `.😀${'\ufffd'.repeat(5)}` }).tail.isWellFormed()).toBe(true);
});

const alphabet = [
  ...'aB.~ %-_()\\/:*?"<>|\n\r\t\u0000\u007f\u2028äöß',
  'e\u0301',
  '\ud83d\ude00',
  '\ud83d',
  '\ufffd',
  'CON',
  '.jpg',
];

test('Whatever the name, the filed one is taken by every disk and fits with its longest suffix', () => {
  const seed = 'portable 1';
  const random = seededRandom(seed);
  const pick = () => alphabet[Math.floor(random() * alphabet.length)] ?? '';
  for (let turn = 0; turn < 3000; turn += 1) {
    const stem = Array.from({ length: Math.floor(random() * 90) }, pick).join('');
    const tail = random() < 0.3 ? '' : `.${Array.from({ length: Math.floor(random() * 10) }, pick).join('')}`;
    const parts = makePortable({ stem, tail });
    const filed = joinName(parts, suffixLongest);
    const context = `seed ${seed}: ${JSON.stringify({ stem, tail, filed })}`;
    expect(Buffer.byteLength(filed), context).toBeLessThanOrEqual(255);
    expect(filed.isWellFormed(), context).toBe(true);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
    expect(filed, context).not.toMatch(/[<>:"/\\|?*\u0000-\u001f\u007f]|[. ]$|^\./);
    expect(joinName(parts, 1), context).not.toMatch(/[. ]$|^\.|^(con|prn|aux|nul)(\.|$)/i);
  }
});

test('The longest name can really be made on this disk', () => {
  using scratch = temporaryFolder();
  const parts = makePortable({ stem: `.${'ü'.repeat(300)}`, tail: `.${'x'.repeat(80)}` });
  mkdirSync(join(scratch.path, 'day'));
  writeFileSync(join(scratch.path, 'day', joinName(parts, suffixLongest)), '');
  expect(readdirSync(join(scratch.path, 'day'))).toHaveLength(1);
});

test.for([
  ['IMG.JPG', 'img.jpg'],
  ['Ko\u0308ln', 'k\u00f6ln'],
  ['STRASSE', 'straße'],
  ['ſ', 's'],
  ['Σ', 'ς'],
  ['\u212b', '\u00e5'],
  ['ﬁ', 'FI'],
] as const)('%j and %j are one name to some disk, so they are one to us', ([one, other]) => {
  expect(foldName(one)).toBe(foldName(other));
});

test('Names that no disk confuses stay apart', () => {
  const names = ['a', 'ä', 'b', 'a~2', 'a b', 'ab'];
  expect(new Set(names.map(foldName)).size).toBe(names.length);
});
