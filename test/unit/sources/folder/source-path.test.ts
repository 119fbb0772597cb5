// Two names with one text, or a text that leads back to other bytes, would read the wrong file or none.
import { expect, test } from 'vitest';
import type { SourcePath } from '../../../../src/domain/ids.ts';
import { bytesFromPath, nameFromBytes, nameFromLatin1 } from '../../../../src/sources/folder/source-path.ts';
import { seededBytes, seededRandom } from '../../../support/media/seeded.ts';
import { sourcePathOf } from '../../../support/media/source-tree.ts';

function expectRoundTrip(name: Buffer, context = ''): void {
  const text = nameFromBytes(name);
  expect(bytesFromPath(text as SourcePath), `${context} ${name.toString('hex')} ${text}`).toEqual(name);
  expect(nameFromLatin1(name.toString('latin1')), context).toBe(text);
  expect(text.isWellFormed(), context).toBe(true);
}

test('Every byte alone, and every byte after a letter or a backslash, comes back', () => {
  for (let byte = 1; byte < 256; byte += 1) {
    if (byte === 0x2f) continue;
    for (const before of ['', 'a', '\\', '\\x', '\\x4', 'ä']) {
      expectRoundTrip(Buffer.concat([Buffer.from(before), Buffer.from([byte])]));
      expectRoundTrip(Buffer.concat([Buffer.from([byte]), Buffer.from(before)]));
    }
  }
});

test('No two short names share a text', () => {
  const letters = [0x5c, 0x78, 0x46, 0x66, 0x35, 0x43, 0xff, 0xc3, 0xa4];
  const texts = new Map<string, string>();
  const visit = (name: number[]): void => {
    const hex = Buffer.from(name).toString('hex');
    const text = nameFromBytes(Buffer.from(name));
    expect(texts.get(text) ?? hex).toBe(hex);
    texts.set(text, hex);
    if (name.length < 5) for (const letter of letters) visit([...name, letter]);
  };
  for (const letter of letters) visit([letter]);
  expect(texts.size).toBeGreaterThan(60_000);
});

test('Random names come back, alone and inside a path', () => {
  const seed = 'source path 1';
  const random = seededRandom(seed);
  for (let turn = 0; turn < 3000; turn += 1) {
    const names = Array.from({ length: 1 + Math.floor(random() * 3) }, (_, index) => {
      const raw = seededBytes(`${seed} ${turn} ${index}`, 1 + Math.floor(random() * 12));
      const mixed = random() < 0.5 ? Buffer.concat([Buffer.from('\\x41é\\'), raw]) : raw;
      return Buffer.from(mixed.map((byte) => (byte === 0 || byte === 0x2f ? 0x5c : byte)));
    });
    for (const name of names) expectRoundTrip(name, `seed ${seed}:`);
    const path = names.map(nameFromBytes).join('/');
    const bytes = Buffer.from(names.map((name) => name.toString('latin1')).join('/'), 'latin1');
    expect(bytesFromPath(path as SourcePath), `seed ${seed}`).toEqual(bytes);
  }
});

test('A name that is not UTF-8 reads as the test media say it does', () => {
  for (const name of [
    Buffer.from('caf\xe9 \\ x', 'latin1'),
    Buffer.from('plain \\ ü.jpg'),
    Buffer.from([0xed, 0xa0, 0x80]),
  ])
    expect(nameFromBytes(name)).toBe(sourcePathOf(name));
});
