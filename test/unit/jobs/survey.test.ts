// What is called known is not read again: called so wrongly it is a photo that is never saved. What is called new wrongly
// costs time, once.
import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import type { SourcePath } from '../../../src/domain/ids.ts';
import { type Survey, surveySource } from '../../../src/jobs/survey.ts';
import type { CatalogStore } from '../../../src/library/catalog/catalog-store.ts';
import { openCatalog } from '../../../src/library/catalog/sqlite-catalog.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { headBytes } from '../../../src/platform/stage-file.ts';
import { type FolderSource, openFolderSource } from '../../../src/sources/folder/folder-source.ts';
import { libraryId } from '../../contract/catalog-store.ts';
import { hashOf, importId, plannedAsset, plannedResource } from '../../contract/sample-plans.ts';
import { temporaryFolder } from '../../support/keepsake.ts';
import { seededBytes } from '../../support/media/seeded.ts';

const summerMs = Date.parse('2024-07-14T10:11:12Z');
const hourMs = 3_600_000;

interface SurveyWish {
  readonly correctTimes?: boolean;
  readonly knownAtOnceMax?: number;
}

interface Scene extends AsyncDisposable {
  readonly source: FolderSource;
  readonly catalog: CatalogStore;
  put(path: string, bytes: Buffer, modifiedAtMs?: number): void;
  /** Tells the catalogue that this file was saved as it is now. */
  record(path: string, bytes: Buffer, modifiedAtMs?: number): void;
  /** `known`, and the paths that are new. */
  survey(options?: SurveyWish): Promise<{ known: number; fresh: string[] }>;
  open(options?: SurveyWish): Promise<Survey>;
}

async function openScene(): Promise<Scene> {
  const scratch = temporaryFolder();
  const root = join(scratch.path, 'card');
  mkdirSync(root);
  const source = await openFolderSource(root);
  const catalog = openCatalog({ path: join(scratch.path, 'c.db'), libraryId });
  catalog.beginImport({ importId, source: { id: source.id, kind: 'folder', name: 'card' }, startedAtMs: 0 });
  const open: Scene['open'] = ({ correctTimes = true, ...wish } = {}) =>
    surveySource({
      ...wish,
      source,
      catalog,
      clock: systemClock,
      correctTimes,
      onListed: () => undefined,
      signal: new AbortController().signal,
    });
  let recorded = 0;
  return {
    source,
    catalog,
    open,
    put: (path, bytes, modifiedAtMs = summerMs) => {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), bytes);
      utimesSync(join(root, path), new Date(modifiedAtMs), new Date(modifiedAtMs));
    },
    record: (path, bytes, modifiedAtMs = summerMs) => {
      recorded += 1;
      const modifiedAtNs = BigInt(modifiedAtMs) * 1_000_000n;
      const resource = plannedResource(`2024/x/${recorded}.jpg`, { bytes, modifiedAtNs });
      const headHash = hashOf(bytes.subarray(0, headBytes));
      const entry = { ...resource.entry, sourceId: source.id, path: path as SourcePath, headHash };
      catalog.record(importId, [plannedAsset([{ ...resource, entry }])]);
    },
    survey: async (options) => {
      using survey = await open(options);
      return {
        known: survey.known,
        fresh: [...survey.spool.groups()]
          .flat()
          .map(({ path }) => path)
          .sort(),
      };
    },
    [Symbol.asyncDispose]: async () => {
      catalog[Symbol.dispose]();
      scratch[Symbol.dispose]();
    },
  };
}

const names = ['a', 'b', 'c', 'd'].map((letter) => `DCIM/${letter}.jpg`);
const bytesOf = (name: string) => seededBytes(name, 1000);

/** A card of four photos that were saved. */
async function savedScene(modifiedAtMs = summerMs): Promise<Scene> {
  const at = await openScene();
  for (const name of names) {
    at.put(name, bytesOf(name), modifiedAtMs);
    at.record(name, bytesOf(name), modifiedAtMs);
  }
  return at;
}

test('An entry of the same path, size and time is known, any other is new', async () => {
  await using at = await savedScene();
  at.put('DCIM/new.jpg', bytesOf('new'));
  at.put('DCIM/A.jpg', bytesOf('DCIM/a.jpg'));
  at.put('DCIM/b.jpg', seededBytes('b', 1001));
  at.put('DCIM/c.jpg', bytesOf('DCIM/c.jpg'), summerMs + 1);
  expect(await at.survey()).toEqual({ known: 2, fresh: ['DCIM/A.jpg', 'DCIM/b.jpg', 'DCIM/c.jpg', 'DCIM/new.jpg'] });
});

test.for([0, 1, 3, 4, 5])(
  'What is known is the same where only %i entries may be held at once',
  async (knownAtOnceMax) => {
    await using at = await savedScene();
    for (const name of ['top.jpg', 'DCIM/E/deep.jpg', 'E/DCIM/a.jpg', 'DCIM/new.jpg', 'DCIM-2/a.jpg'])
      at.put(name, bytesOf(name));
    at.record('top.jpg', bytesOf('top.jpg'));
    at.record('DCIM/E/deep.jpg', bytesOf('DCIM/E/deep.jpg'));
    expect(await at.survey({ knownAtOnceMax })).toEqual({
      known: 6,
      fresh: ['DCIM-2/a.jpg', 'DCIM/new.jpg', 'E/DCIM/a.jpg'],
    });
  },
);

test('Everything that was found is known, new, not a file or unreadable', async () => {
  await using at = await savedScene();
  at.put('DCIM/new.jpg', bytesOf('new'));
  mkdirSync(join(at.source.root, 'empty'));
  using survey = await at.open();
  expect(survey.found).toBe(5);
  expect(survey.found).toBe(survey.known + survey.spool.count + survey.notFiles.length + survey.unreadable.length);
});

test.for([1, -1, 2, 14])('All times shifted by %i h: all are known, and their times are corrected', async (hours) => {
  await using at = await savedScene();
  for (const name of names) at.put(name, bytesOf(name), summerMs + hours * hourMs);
  at.put('DCIM/new.jpg', bytesOf('new'), summerMs + hours * hourMs);
  expect(await at.survey()).toEqual({ known: 4, fresh: ['DCIM/new.jpg'] });
  const shiftedNs = BigInt(summerMs + hours * hourMs) * 1_000_000n;
  for (const name of names)
    expect(at.catalog.findEntry(at.source.id, name as SourcePath)?.modifiedAtNs).toBe(shiftedNs);
  expect(await at.survey()).toEqual({ known: 4, fresh: ['DCIM/new.jpg'] });
});

test('Where nothing may be written, the shift is understood but not corrected', async () => {
  await using at = await savedScene();
  for (const name of names) at.put(name, bytesOf(name), summerMs + hourMs);
  expect(await at.survey({ correctTimes: false })).toEqual({ known: 4, fresh: [] });
  expect(at.catalog.findEntry(at.source.id, names[0] as SourcePath)?.modifiedAtNs).toBe(BigInt(summerMs) * 1_000_000n);
});

test.for([
  ['one is as it was', (at: Scene) => at.put('DCIM/d.jpg', bytesOf('DCIM/d.jpg'))],
  ['one is shifted by another hour', (at: Scene) => at.put('DCIM/d.jpg', bytesOf('DCIM/d.jpg'), summerMs + 2 * hourMs)],
  ['one has other bytes', (at: Scene) => at.put('DCIM/d.jpg', bytesOf('another photo'), summerMs + hourMs)],
] as const)('A shift is not believed if %s: all that differ are new', async ([, change]) => {
  await using at = await savedScene();
  for (const name of names) at.put(name, bytesOf(name), summerMs + hourMs);
  change(at);
  const { fresh } = await at.survey();
  expect(fresh).toEqual(expect.arrayContaining(names.slice(0, 3)));
  expect(
    fresh.includes('DCIM/d.jpg') ||
      at.catalog.findEntry(at.source.id, 'DCIM/d.jpg' as SourcePath)?.modifiedAtNs === BigInt(summerMs) * 1_000_000n,
  ).toBe(true);
  expect(at.catalog.findEntry(at.source.id, names[0] as SourcePath)?.modifiedAtNs, 'nothing is corrected').toBe(
    BigInt(summerMs) * 1_000_000n,
  );
});

test('A time shifted by half an hour, or by more than any two zones differ, is another file', async () => {
  for (const shiftMs of [hourMs / 2, 27 * hourMs, 24 * 365 * hourMs, hourMs + 1]) {
    await using at = await savedScene();
    for (const name of names) at.put(name, bytesOf(name), summerMs + shiftMs);
    expect((await at.survey()).fresh).toEqual(names);
  }
});

test('Among many shifted files of equal sizes, a sample of other bytes makes all of them new', async () => {
  await using at = await openScene();
  const many = Array.from({ length: 40 }, (_, index) => `DCIM/${String(index).padStart(2, '0')}.jpg`);
  for (const name of many) {
    at.record(name, bytesOf(name));
    at.put(name, bytesOf(`other ${name}`), summerMs + hourMs); // a camera that numbers anew: all different
  }
  expect((await at.survey()).fresh).toEqual(many);
});

test.for(['2020-01-01T00:00:10Z', '2019-12-31T23:30:00Z', '2015-01-02T03:00:00Z'])(
  'A camera whose clock was reset (%s): the same name, size and time with other bytes is another photo',
  async (date) => {
    await using at = await savedScene(Date.parse(date));
    expect(await at.survey()).toEqual({ known: 4, fresh: [] });
    at.put('DCIM/b.jpg', bytesOf('another photo'), Date.parse(date));
    expect(await at.survey()).toEqual({ known: 3, fresh: ['DCIM/b.jpg'] });
  },
);

test('Of many photos of the default date, those with other bytes are new and no others', async () => {
  await using at = await openScene();
  const resetMs = Date.parse('2020-01-01T00:00:10Z');
  const many = Array.from({ length: 60 }, (_, index) => `DCIM/${String(index).padStart(2, '0')}.jpg`);
  const others = many.filter((_, index) => index % 7 === 3);
  for (const name of many) {
    at.record(name, bytesOf(name), resetMs);
    at.put(name, bytesOf(others.includes(name) ? `other ${name}` : name), resetMs);
  }
  expect(await at.survey()).toEqual({ known: many.length - others.length, fresh: others });
});

test('A photo of the default date that differs only behind its head is the one thing that is not seen', async () => {
  // A known limit: two photos with equal metadata and thumbnails in their first 64 KiB do not exist.
  await using at = await openScene();
  const at2020 = Date.parse('2020-01-01T00:00:10Z');
  const bytes = seededBytes('long', headBytes + 1000);
  at.record('a.jpg', bytes, at2020);
  const other = Buffer.from(bytes);
  other.writeUInt8((other[headBytes + 5] ?? 0) ^ 1, headBytes + 5);
  at.put('a.jpg', other, at2020);
  expect((await at.survey()).known).toBe(1);
  other.writeUInt8((other[headBytes - 5] ?? 0) ^ 1, headBytes - 5);
  at.put('a.jpg', other, at2020);
  expect((await at.survey()).fresh).toEqual(['a.jpg']);
});

test('A file that was changed moments ago, or seems to come from the future, is looked at again before it is filed', async () => {
  await using at = await openScene();
  const now = Date.now();
  for (const [name, ms] of [
    ['now', now],
    ['just now', now - 5000],
    ['soon', now + 5000],
    ['old', now - 60_000],
    ['far ahead', now + 3_600_000],
  ] as const)
    at.put(`${name}.jpg`, bytesOf(name), ms);
  using survey = await at.open();
  const settling = [...survey.spool.groups()]
    .flat()
    .filter(({ settlesAtMonotonicMs }) => settlesAtMonotonicMs !== undefined);
  expect(settling.map(({ name }) => name).sort()).toEqual(['just now.jpg', 'now.jpg', 'soon.jpg']);
});

test('What another source has saved is not known here', async () => {
  await using at = await openScene();
  at.put('a.jpg', bytesOf('a'));
  at.catalog.record(importId, [
    plannedAsset([
      plannedResource('2024/x/a.jpg', {
        bytes: bytesOf('a'),
        sourcePath: 'a.jpg' as SourcePath,
        modifiedAtNs: BigInt(summerMs) * 1_000_000n,
      }),
    ]),
  ]);
  expect((await at.survey()).fresh).toEqual(['a.jpg']);
});

test('A source that is gone ends the survey with an error, not with nothing new', async () => {
  await using at = await savedScene();
  rmSync(at.source.root, { recursive: true });
  await expect(at.survey()).rejects.toMatchObject({ code: 'SOURCE_GONE' });
});
