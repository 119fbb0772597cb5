// The order in which entries come back decides what a video or sidecar finds there already; one that does not come back is
// never saved.
import { expect, test } from 'vitest';
import type { SourcePath } from '../../../src/domain/ids.ts';
import { EntrySpool } from '../../../src/jobs/entry-spool.ts';
import { seededRandom } from '../../support/media/seeded.ts';

function spooled(paths: readonly string[]): EntrySpool {
  const spool = new EntrySpool();
  for (const [index, path] of paths.entries())
    spool.add({ path: path as SourcePath, sizeBytes: index, modifiedAtNs: BigInt(index) });
  return spool;
}

function groupsOf(paths: readonly string[]): string[][] {
  using spool = spooled(paths);
  return [...spool.groups()].map((group) => group.map(({ path }) => path));
}

test('An entry comes back as it was added', () => {
  using spool = new EntrySpool();
  const facts = { bornAtMs: 1.5, changedAtMs: -2.25, settlesAtMonotonicMs: 1234.5 };
  const times = [2n ** 63n - 1n, -(2n ** 63n), 0n];
  for (const [index, modifiedAtNs] of times.entries())
    spool.add({
      path: `D/E/${index}'"\u2028.JPG` as SourcePath,
      sizeBytes: 2 ** 52,
      modifiedAtNs,
      ...(index === 0 ? facts : {}),
    });
  const entries = [...spool.groups()].flat();
  expect(entries.map(({ modifiedAtNs }) => modifiedAtNs)).toEqual(times);
  expect(entries[0]).toEqual({
    ...{
      path: `D/E/0'"\u2028.JPG`,
      folder: 'D/E',
      name: `0'"\u2028.JPG`,
      key: `0'"\u2028`,
      sizeBytes: 2 ** 52,
      modifiedAtNs: times[0],
    },
    ...facts,
  });
  expect(Object.keys(entries[1] ?? {})).not.toContain('bornAtMs');
  expect([spool.count, spool.bytes]).toEqual([3, 3 * 2 ** 52]);
});

test('By folder; in it stills before lone videos before lone sidecars; by key; by path', () => {
  expect(
    groupsOf([
      'b/z.AAE',
      'b/y.MOV',
      'b/x.JPG',
      'b/y2.JPG',
      'b/x.MOV',
      'b/a.AAE',
      'a/1.MOV',
      'top.jpg',
      'b/x.AAE',
      'b/c/1.jpg',
      'b c/1.jpg',
    ]),
  ).toEqual([
    ['top.jpg'],
    ['a/1.MOV'],
    ['b/x.AAE', 'b/x.JPG', 'b/x.MOV'],
    ['b/y2.JPG'],
    ['b/y.MOV'],
    ['b/a.AAE'],
    ['b/z.AAE'],
    ['b c/1.jpg'],
    ['b/c/1.jpg'],
  ]);
});

test('All groups of a folder come together, so that its end can be told', () => {
  const random = seededRandom('spool');
  const paths = Array.from(
    { length: 2000 },
    (_, index) =>
      `${['', 'a/', 'a/b/', 'a b/', 'A/'][Math.floor(random() * 5)]}${index}.${['jpg', 'mov', 'aae'][index % 3]}`,
  );
  const folders = groupsOf(paths).map(([path = '']) => path.slice(0, Math.max(0, path.lastIndexOf('/'))));
  const changes = folders.filter((folder, index) => index === 0 || folder !== folders[index - 1]);
  expect(new Set(changes).size).toBe(changes.length);
});

test('A sidecar whose name Google cut short comes with its photo, in its own folder only', () => {
  const photo = `${'a very long name of a photo from the holidays 2019'}.jpg`;
  const cut = `${photo.slice(0, 46)}.json`;
  expect(groupsOf([`D/${photo}`, `D/${cut}`, `E/${cut}`])).toEqual([[`D/${cut}`, `D/${photo}`], [`E/${cut}`]]);
  expect(groupsOf([`D/${photo.toUpperCase()}`, `D/${cut}`])).toHaveLength(1);
});

test('A short JSON, or one that is whole, is not taken for a cut one', () => {
  expect(groupsOf(['D/photo.jpg', 'D/pho.json'])).toHaveLength(2);
  const photo = `${'x'.repeat(44)}1.jpg`;
  expect(groupsOf([`D/${photo}`, `D/${'x'.repeat(44)}2.jpg.json`])).toHaveLength(2);
});

test('More files of one stem than a group holds come as several groups, none left out', () => {
  const paths = Array.from({ length: 200 }, (_, index) => `D/IMG_1.x${String(index).padStart(3, '0')}`);
  const groups = groupsOf(paths);
  expect(groups.map((group) => group.length)).toEqual([64, 64, 64, 8]);
  expect(groups.flat()).toEqual(paths);
});

test('A hundred thousand entries come back, each once, and are not held in memory', () => {
  const total = 100_000;
  using spool = new EntrySpool();
  const before = process.memoryUsage().rss;
  for (let index = 0; index < total; index += 1)
    spool.add({
      path: `DCIM/${index % 100}/IMG_${index}_${'long name '.repeat(10)}.JPG` as SourcePath,
      sizeBytes: 1,
      modifiedAtNs: BigInt(index),
    });
  let seen = 0;
  let sum = 0n;
  let peak = 0;
  for (const group of spool.groups()) {
    for (const { modifiedAtNs } of group) {
      seen += 1;
      sum += modifiedAtNs;
    }
    if (seen % 10_000 === 0) peak = Math.max(peak, process.memoryUsage().rss - before);
  }
  expect([seen, sum]).toEqual([total, (BigInt(total) * BigInt(total - 1)) / 2n]);
  expect(peak / 1e6, 'MB; the rows alone would be some 40').toBeLessThan(150);
});
