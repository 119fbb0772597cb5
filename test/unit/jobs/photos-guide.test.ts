// Where the photos are that a phone shows, from its list and its files together. A mistake here tells an owner that all is saved while
// part of a life is elsewhere, or leaves a photo out that was only said to be deleted.
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { AssetId, SourceId, SourcePath } from '../../../src/domain/ids.ts';
import type { PhotosAsset } from '../../../src/domain/photos-asset.ts';
import { isAccountedFor } from '../../../src/jobs/import-report.ts';
import { placePhoto } from '../../../src/jobs/listed-photo.ts';
import { type PhotosChoices, PhotosGuide } from '../../../src/jobs/photos-guide.ts';
import type { ListState } from '../../../src/jobs/photos-list.ts';
import { openCatalog } from '../../../src/library/catalog/sqlite-catalog.ts';
import { candidateKey } from '../../../src/library/grouping.ts';
import type { Source, SourceFile } from '../../../src/sources/source.ts';
import { libraryId } from '../../contract/catalog-store.ts';
import { importId, plannedAsset, plannedResource } from '../../contract/sample-plans.ts';

const { signal } = new AbortController();
const nowMs = Date.UTC(2026, 10, 25);
const dayMs = 24 * 3600 * 1000;
const usual: PhotosChoices = { hidden: 'save', shared: 'ask', keepRecentlyDeleted: false };
const id = 'iphone-1' as SourceId;
const sharedBelow = 'PhotoData/PhotoCloudSharingData';

function asset(wish: Partial<PhotosAsset> & { readonly name: string }): PhotosAsset {
  return {
    ...{ uuid: wish.name, folder: 'DCIM/100APPLE', kind: 'photo', origin: 'own', original: 'here' },
    ...{ isHidden: false, isFavorite: false, isShown: true, isEdited: false, albums: [], originalBytes: 100 },
    ...wish,
  };
}

function file(path: string, sizeBytes = 100): SourceFile {
  return { kind: 'file', path: path as SourcePath, sizeBytes, modifiedAtNs: 0n };
}

function edit(path: string): SourceFile {
  return { ...file(path), isEdit: true };
}

interface Wish {
  readonly assets: readonly PhotosAsset[];
  readonly files: readonly SourceFile[];
  readonly thumbnails?: readonly string[];
  readonly state?: ListState;
  readonly choices?: Partial<PhotosChoices>;
  /** Which of the files that are not left out the import saves; all if not given. */
  readonly save?: (path: string) => boolean;
  /** Saved files that turn out to be no photos, or not there. */
  readonly none?: readonly string[];
  readonly isListingWhole?: boolean;
}

/** A phone and the catalogue of its photos, which may be looked through several times. */
function openPhone() {
  const catalog = openCatalog({ path: ':memory:', libraryId });
  catalog.beginImport({ importId, source: { id, kind: 'iphone', name: 'phone' }, startedAtMs: 0 });
  const assetIds = new Map<string, AssetId>();
  const record = ({ path, sizeBytes, modifiedAtNs }: SourceFile) => {
    const [folder, name] = [path.slice(0, path.lastIndexOf('/')), path.slice(path.lastIndexOf('/') + 1)];
    const planned = plannedResource(`filed/${folder}/${name}`, { sourcePath: path, modifiedAtNs });
    const stem = `${folder}/${candidateKey(name)}`;
    const assetId = assetIds.get(stem) ?? (randomUUID() as AssetId);
    assetIds.set(stem, assetId);
    const entry = { ...planned.entry, sourceId: id, sizeBytes };
    catalog.record(importId, [plannedAsset([{ ...planned, sizeBytes, entry }], { assetId })]);
  };
  const look = async (wish: Wish) => {
    {
      using draft = catalog.photos.draft(id);
      draft.add(wish.assets);
      draft.publish({ stamp: '1', readAtMs: nowMs, facts: { usesICloudPhotos: true } });
    }
    const list: NonNullable<Source['photosList']> = {
      filesBelow: '',
      sharedBelow,
      stamp: async () => '1',
      copyInto: async () => undefined,
      thumbnails: async function* () {
        yield (wish.thumbnails ?? []) as SourcePath[];
      },
      space: async () => ({ freeBytes: 1e9, totalBytes: 2e9 }),
    };
    const source = { id, kind: 'iphone', name: 'phone', photosList: list } as unknown as Source;
    const [state, choices] = [wish.state ?? 'read', { ...usual, ...wish.choices }];
    using guide = new PhotosGuide({ source, list, state, catalog, choices, nowMs, isPreview: false });
    const leftOut: string[] = [];
    const guided = wish.files.map((each) => {
      const isKnown = catalog.findEntry(id, each.path)?.sizeBytes === each.sizeBytes;
      const guidance = guide.guide(each, isKnown);
      if (guidance.leaveOut !== undefined) leftOut.push(`${guidance.leaveOut} ${each.path}`);
      return { file: each, guidance };
    });
    guide.endListing();
    for (const { file: each, guidance } of guided) {
      if (guidance.leaveOut !== undefined || !(wish.save?.(each.path) ?? true)) continue;
      if (wish.none?.includes(each.path) === true) {
        guide.isNone(each.path, guidance.counts);
        continue;
      }
      record(each);
      guide.isSaved(guidance.counts);
    }
    await guide.measure(signal);
    const account = guide.account({ isListingWhole: wish.isListingWhole ?? true });
    const counts = { found: 0, imported: 0, known: 0, duplicates: 0, notMedia: 0, deferred: 0, failed: 0, bytes: 0 };
    return {
      account,
      complete: isAccountedFor({ ...counts, iCloudOnly: account.iCloudOnly, photos: account }),
      guided: new Map(guided.map((each) => [each.file.path as string, each.guidance])),
      leftOut,
      deleted: guide.deleted,
    };
  };
  return { look, catalog, [Symbol.dispose]: () => catalog[Symbol.dispose]() };
}

/** The same, once. */
async function look(wish: Wish) {
  using phone = openPhone();
  return await phone.look(wish);
}

const live = asset({ name: 'IMG_1.HEIC', pairedVideo: 'here' });

test.for<[string, PhotosAsset, Readonly<Record<string, number>>, string]>([
  ['its file is there in full', asset({ name: 'IMG_1.HEIC' }), { 'img_1.heic': 100 }, 'onDevice'],
  [
    'its file is there, and the list says iCloud',
    asset({ name: 'IMG_1.HEIC', original: 'iCloudOnly' }),
    { 'img_1.heic': 100 },
    'onDevice',
  ],
  [
    'a smaller file is there, and the list says iCloud',
    asset({ name: 'IMG_1.HEIC', original: 'iCloudOnly' }),
    { 'img_1.heic': 99 },
    'iCloudOnly',
  ],
  ['a smaller file is there, and the list says here', asset({ name: 'IMG_1.HEIC' }), { 'img_1.heic': 99 }, 'unknown'],
  ['no file, and the list says here', asset({ name: 'IMG_1.HEIC' }), {}, 'unknown'],
  ['no file, and the list says iCloud', asset({ name: 'IMG_1.HEIC', original: 'iCloudOnly' }), {}, 'iCloudOnly'],
  ['no file, and the list says nothing', asset({ name: 'IMG_1.HEIC', original: 'unknown' }), {}, 'unknown'],
  ['both halves are there', live, { 'img_1.heic': 100, 'img_1.mov': 5 }, 'onDevice'],
  ['the moving half is missing', live, { 'img_1.heic': 100 }, 'unknown'],
  ['the moving half is in iCloud', { ...live, pairedVideo: 'iCloudOnly' }, { 'img_1.heic': 100 }, 'iCloudOnly'],
])('%s', ([, photo, files, place]) => {
  const there = new Map(
    Object.entries(files).map(([name, sizeBytes]) => [name, { path: name as SourcePath, sizeBytes }]),
  );
  expect(placePhoto(photo, there, () => new Map()).place).toBe(place);
});

test('What belongs to a photo is treated as it is: halves, sidecars and edits, in whatever folder they are listed', async () => {
  const { leftOut, guided, account, deleted } = await look({
    assets: [
      asset({ name: 'IMG_0001.HEIC', trashedAtMs: nowMs - 29.5 * dayMs, pairedVideo: 'here' }),
      asset({ name: 'IMG_0002.HEIC', isHidden: true }),
      asset({ name: 'IMG_0003.HEIC' }),
    ],
    files: [
      ...[
        'IMG_0001.HEIC',
        'IMG_0001.MOV',
        'IMG_0001.AAE',
        'img_0002.heic',
        'IMG_0002.AAE',
        'IMG_0003.HEIC',
        'IMG_0004.JPG',
      ].map((name) => file(`DCIM/100APPLE/${name}`)),
      file('DCIM/101APPLE/IMG_0001.HEIC'),
      edit('DCIM/100APPLE/IMG_E0001.HEIC'),
      edit('DCIM/100APPLE/IMG_E0002.HEIC'),
    ],
  });
  expect(leftOut).toEqual(
    ['IMG_0001.HEIC', 'IMG_0001.MOV', 'IMG_0001.AAE', 'IMG_E0001.HEIC'].map(
      (name) => `recentlyDeleted DCIM/100APPLE/${name}`,
    ),
  );
  const hidden = [...guided].filter(([, { shelf }]) => shelf === 'hidden').map(([path]) => path);
  expect(hidden).toEqual(['img_0002.heic', 'IMG_0002.AAE', 'IMG_E0002.HEIC'].map((name) => `DCIM/100APPLE/${name}`));
  expect(account).toMatchObject({
    onDevice: 4,
    saved: 4,
    recentlyDeleted: 1,
    recentlyDeletedDaysLeft: 1,
    iCloudOnly: 0,
    unknown: 0,
  });
  expect(deleted).toEqual([{ name: 'IMG_0001.HEIC', daysLeft: 1 }]);
});

test('A file that could be of a deleted photo or of another one is saved', async () => {
  const { leftOut } = await look({
    assets: [asset({ name: 'IMG_0001.HEIC', trashedAtMs: nowMs }), asset({ name: 'IMG_0001.PNG' })],
    files: ['IMG_0001.HEIC', 'IMG_0001.PNG', 'IMG_0001.AAE'].map((name) => file(`DCIM/100APPLE/${name}`)),
  });
  expect(leftOut).toEqual(['recentlyDeleted DCIM/100APPLE/IMG_0001.HEIC']);
});

test('Without a readable list nothing is left out, whatever an earlier one said', async () => {
  const { leftOut, account } = await look({
    assets: [
      asset({ name: 'IMG_0001.HEIC', trashedAtMs: nowMs }),
      asset({ name: 'IMG_0002.HEIC', original: 'iCloudOnly' }),
    ],
    files: [file('DCIM/100APPLE/IMG_0001.HEIC'), file('DCIM/100APPLE/IMG_0001.MOV')],
    thumbnails: ['DCIM/100APPLE/IMG_0001.HEIC', 'DCIM/100APPLE/IMG_0002.HEIC'],
    state: 'unreadable',
  });
  expect(leftOut).toEqual([]);
  expect(account).toMatchObject({ list: 'unreadable', onDevice: 1, iCloudOnly: 0, unknown: 1 });
});

test('A photo that shares nothing but its stem with a deleted one is saved, whether the list has it or not', async () => {
  const { leftOut, account } = await look({
    assets: [asset({ name: 'IMG_0002.JPG', trashedAtMs: nowMs })],
    files: ['IMG_0002.JPG', 'IMG_0002.PNG', 'IMG_0002.MOV'].map((name) => file(`DCIM/100APPLE/${name}`)),
  });
  expect(leftOut).toEqual(['recentlyDeleted DCIM/100APPLE/IMG_0002.JPG']);
  expect(account).toMatchObject({ onDevice: 1, saved: 1, recentlyDeleted: 1 });
});

test('Of two entries of the list for one file, the one that keeps it counts', async () => {
  const { leftOut, account } = await look({
    assets: [asset({ name: 'IMG_1.JPG', uuid: 'a' }), asset({ name: 'IMG_1.JPG', uuid: 'b', trashedAtMs: nowMs })],
    files: [file('DCIM/100APPLE/IMG_1.JPG')],
  });
  expect(leftOut).toEqual([]);
  expect(account).toMatchObject({ onDevice: 1, saved: 1 });
});

test('A deleted photo where another one was saved before is counted as what it is', async () => {
  using phone = openPhone();
  await phone.look({ assets: [asset({ name: 'IMG_1.JPG' })], files: [file('DCIM/100APPLE/IMG_1.JPG')] });
  const deleted = asset({ name: 'IMG_1.JPG', uuid: 'other', trashedAtMs: nowMs, originalBytes: 200 });
  const { account } = await phone.look({ assets: [deleted], files: [file('DCIM/100APPLE/IMG_1.JPG', 200)] });
  expect(account.recentlyDeleted).toBe(1);
});

test('What is no photo, or was not saved, keeps a phone from being complete', async () => {
  const assets = ['IMG_1.JPG', 'IMG_2.JPG'].map((name) => asset({ name }));
  const files = ['IMG_1.JPG', 'IMG_2.JPG'].map((name) => file(`DCIM/100APPLE/${name}`));
  const zeros = await look({ assets, files, none: ['DCIM/100APPLE/IMG_2.JPG'] });
  expect(zeros).toMatchObject({ complete: false, account: { onDevice: 1, saved: 1, unknown: 1 } });
  const failed = await look({ assets, files, save: (path) => path.endsWith('IMG_1.JPG') });
  expect(failed).toMatchObject({ complete: false, account: { onDevice: 2, saved: 1 } });
  const reduced = await look({
    assets,
    files: [file('DCIM/100APPLE/IMG_1.JPG', 99), files[1] as SourceFile],
    save: (path) => path.endsWith('IMG_1.JPG'),
  });
  expect(reduced, 'a reduced copy that is saved is not the photo').toMatchObject({
    account: { onDevice: 1, saved: 0, unknown: 1 },
  });
});

test('A photo that was saved before the phone let go of it is saved, not missing and not deleted', async () => {
  using phone = openPhone();
  const names = ['IMG_1.HEIC', 'IMG_2.HEIC', 'IMG_3.HEIC'];
  const files = [...names.map((name) => file(`DCIM/100APPLE/${name}`)), file('DCIM/100APPLE/IMG_3.MOV')];
  const assets = names.map((name) =>
    asset({ name, ...(name === 'IMG_3.HEIC' ? { pairedVideo: 'here' as const } : {}) }),
  );
  expect(await phone.look({ assets, files })).toMatchObject({ complete: true, account: { onDevice: 3, saved: 3 } });
  const away = assets.map((each) => ({ ...each, original: 'iCloudOnly' as const }));
  expect(
    await phone.look({ assets: [assets[0] as PhotosAsset, ...away.slice(1)], files: files.slice(0, 1) }),
  ).toMatchObject({
    complete: true,
    account: { onDevice: 1, saved: 1, offloaded: 2, iCloudOnly: 0, unknown: 0, keptAfterDeletion: 0 },
  });
  const changed = away.map((each) => ({ ...each, originalBytes: 101 }));
  expect(await phone.look({ assets: changed, files: [] }), 'another photo of the name').toMatchObject({
    account: { offloaded: 0, iCloudOnly: 3 },
  });
  expect(
    await phone.look({ assets: [], files: [], state: 'absent', thumbnails: ['DCIM/100APPLE/IMG_1.HEIC'] }),
  ).toMatchObject({
    account: { offloaded: 1, unknown: 0 },
  });
});

test('Only what is in no folder and no list of the phone any more is said to be kept', async () => {
  using phone = openPhone();
  const shared = `${sharedBelow}/1/a/100CLOUD/S.JPG`;
  const files = ['DCIM/100APPLE/IMG_1.JPG', 'DCIM/100APPLE/IMG_2.JPG', shared].map((path) => file(path));
  const assets = [asset({ name: 'IMG_1.JPG' }), asset({ name: 'IMG_2.JPG' })];
  await phone.look({ assets, files, choices: { shared: 'save' } });
  const rest = { assets: assets.slice(0, 1), files: files.slice(0, 1) };
  expect((await phone.look(rest)).account.keptAfterDeletion, 'the shared one was not asked for').toBe(1);
  expect((await phone.look({ ...rest, isListingWhole: false })).account.keptAfterDeletion).toBe(0);
  expect((await phone.look({ ...rest, state: 'unreadable' })).account.keptAfterDeletion).toBe(0);
});

test('An edit alone is not its photo, and hides no thumbnail', async () => {
  const wish = {
    assets: [],
    files: [edit('DCIM/100APPLE/IMG_E0500.JPG')],
    thumbnails: ['DCIM/100APPLE/IMG_0500.HEIC'],
  };
  expect(await look({ ...wish, state: 'absent' })).toMatchObject({
    complete: false,
    account: { onDevice: 0, unknown: 1 },
  });
  expect(await look(wish)).toMatchObject({ complete: false, account: { onDevice: 0, unknown: 1 } });
});

test('Private, deleted and shared photos are counted wherever they are', async () => {
  const shared = asset({
    name: 'S.JPG',
    folder: `${sharedBelow}/1/a/100CLOUD`,
    origin: 'sharedAlbum',
    original: 'unknown',
  });
  const assets = [
    asset({ name: 'IMG_1.JPG', isHidden: true, trashedAtMs: nowMs }),
    asset({ name: 'IMG_2.JPG', isHidden: true, original: 'iCloudOnly' }),
    asset({ name: 'IMG_3.JPG', trashedAtMs: nowMs, original: 'iCloudOnly' }),
    shared,
  ];
  const files = [file('DCIM/100APPLE/IMG_1.JPG')];
  const choices = { hidden: 'leave', keepRecentlyDeleted: true, shared: 'save' } as const;
  expect((await look({ assets, files, choices })).account).toMatchObject({
    ...{ onDevice: 0, iCloudOnly: 0, privateNotSaved: 2, recentlyDeleted: 0 },
    ...{ recentlyDeletedElsewhere: 1, sharedNotSaved: 1 },
  });
  const there = { assets: [shared], files: [file(`${sharedBelow}/1/a/100CLOUD/S.JPG`)] };
  expect((await look({ ...there, choices: { shared: 'save' } })).account.sharedNotSaved).toBe(0);
  expect((await look({ ...there, files: [] })).account.sharedNotSaved).toBe(1);
});

test('Private photos that were saved before they were to be left are not said to be missing', async () => {
  using phone = openPhone();
  const wish = { assets: [asset({ name: 'IMG_1.JPG', isHidden: true })], files: [file('DCIM/100APPLE/IMG_1.JPG')] };
  await phone.look(wish);
  expect((await phone.look({ ...wish, choices: { hidden: 'leave' } })).account.privateNotSaved).toBe(0);
});

test('One list that cannot be read does not bring private photos into the open', async () => {
  const wish = {
    assets: [
      asset({ name: 'IMG_1.HEIC', isHidden: true, pairedVideo: 'here' }),
      asset({ name: 'IMG_2.HEIC', trashedAtMs: nowMs }),
    ],
    files: ['IMG_1.HEIC', 'IMG_1.MOV', 'IMG_2.HEIC'].map((name) => file(`DCIM/100APPLE/${name}`)),
    state: 'unreadable',
  } as const;
  const left = await look({ ...wish, choices: { hidden: 'leave' } });
  expect(left.leftOut).toEqual(['private DCIM/100APPLE/IMG_1.HEIC', 'private DCIM/100APPLE/IMG_1.MOV']);
  expect(left.account).toMatchObject({ onDevice: 1, privateNotSaved: 1 });
  const { guided, account } = await look(wish);
  expect([...guided].map(([, { shelf }]) => shelf)).toEqual(['hidden', 'hidden', undefined]);
  expect(account).toMatchObject({ onDevice: 2, saved: 2 });
});

test('Sizes that lie overflow nothing', async () => {
  const assets = Array.from({ length: 1200 }, (_, index) =>
    asset({
      name: `IMG_${index}.JPG`,
      originalBytes: Number.MAX_SAFE_INTEGER,
      pairedVideoBytes: Number.MAX_SAFE_INTEGER,
      original: 'iCloudOnly',
    }),
  );
  const { account } = await look({
    assets: [...assets, ...assets.map((each) => ({ ...each, uuid: `${each.uuid}2` }))],
    files: [],
  });
  expect(Object.values(account).filter((value) => typeof value === 'number')).toSatisfy((values: number[]) =>
    values.every(Number.isSafeInteger),
  );
});

// Property: over any list and any files, nothing is counted twice or dropped, and "complete" needs every photo to be here.
test('Every photo of the list and every file is counted once, and nothing is complete while one is elsewhere', async () => {
  const names = Array.from({ length: 12 }, (_, index) => `IMG_${String(index).padStart(4, '0')}.HEIC`);
  const folders = ['DCIM/100APPLE', 'DCIM/101APPLE', 'PhotoData/CPLAssets/group1'];
  const place = fc.record({ folder: fc.constantFrom(...folders), name: fc.constantFrom(...names) });
  const claim = fc.constantFrom('here' as const, 'iCloudOnly' as const, 'unknown' as const);
  const listed = fc.uniqueArray(
    fc.record({
      at: place,
      original: claim,
      isHidden: fc.boolean(),
      isTrashed: fc.boolean(),
      pairedVideo: fc.option(claim, { nil: undefined }),
      bytes: fc.constantFrom(undefined, 100, 200),
    }),
    { selector: ({ at }) => `${at.folder}/${at.name}`, maxLength: 20 },
  );
  const present = fc.uniqueArray(fc.record({ at: place, hasMovie: fc.boolean() }), {
    selector: ({ at }) => `${at.folder}/${at.name}`,
    maxLength: 20,
  });
  const state = fc.constantFrom<ListState>('read', 'read', 'read', 'absent', 'unreadable');
  await fc.assert(
    fc.asyncProperty(
      listed,
      present,
      fc.uniqueArray(place, { selector: ({ folder, name }) => `${folder}/${name}`, maxLength: 6 }),
      state,
      fc.boolean(),
      async (list, files, thumbs, state, leaves) => {
        const assets = list.map(({ at, original, isHidden, isTrashed, pairedVideo, bytes }): PhotosAsset => {
          const { originalBytes: _, ...plain } = asset({ ...at, uuid: `${at.folder}/${at.name}`, original, isHidden });
          return {
            ...plain,
            ...(isTrashed ? { trashedAtMs: nowMs } : {}),
            ...(pairedVideo === undefined ? {} : { pairedVideo }),
            ...(bytes === undefined ? {} : { originalBytes: bytes }),
          };
        });
        const inOrder = files.toSorted((one, other) => (one.at.folder < other.at.folder ? -1 : 1));
        const paths = inOrder.flatMap(({ at, hasMovie }) => [
          file(`${at.folder}/${at.name}`),
          ...(hasMovie ? [file(`${at.folder}/${at.name.replace('HEIC', 'MOV')}`)] : []),
        ]);
        const { account, leftOut, complete } = await look({
          ...{ assets, files: paths, state, thumbnails: thumbs.map(({ folder, name }) => `${folder}/${name}`) },
          choices: { hidden: leaves ? 'leave' : 'save' },
        });
        const { onDevice, offloaded, iCloudOnly, unknown, saved } = account;
        const isRead = state === 'read';
        const find = (path: string) => assets.find(({ uuid }) => uuid === path);
        const isPrivate = (each: PhotosAsset | undefined) => leaves && state !== 'absent' && each?.isHidden === true;
        const counted = assets.filter((each) => isRead && each.trashedAtMs === undefined && !isPrivate(each)).length;
        // A file that the list does not have is a photo of its own, and so is a movie that belongs to nothing in it.
        const unlisted = files.filter(({ at, hasMovie }) => {
          const known = find(`${at.folder}/${at.name}`);
          const isMovieAlone = hasMovie && known?.pairedVideo === undefined;
          return isRead ? known === undefined || isMovieAlone : !isPrivate(known) || isMovieAlone;
        }).length;
        const shown = new Set(files.map(({ at }) => `${at.folder}/${at.name}`));
        const movies = new Set(files.filter(({ hasMovie }) => hasMovie).map(({ at }) => `${at.folder}/${at.name}`));
        const orphans = thumbs
          .map(({ folder, name }) => `${folder}/${name}`)
          .filter(
            (path) => !shown.has(path) && !(isRead ? find(path) : state === 'unreadable' && find(path)?.isHidden),
          );
        expect(onDevice + offloaded + iCloudOnly + unknown).toBe(counted + unlisted + orphans.length);
        expect(saved, 'all that is not left out was saved').toBe(onDevice);
        for (const path of leftOut) {
          const [why, file = ''] = path.split(' ');
          const owner = find(file.replace(/MOV$/, 'HEIC'));
          expect(why === 'private' ? isPrivate(owner) : isRead && owner?.trashedAtMs !== undefined, path).toBe(true);
        }
        const isAway = assets.some(
          (each) =>
            isRead &&
            each.trashedAtMs === undefined &&
            !isPrivate(each) &&
            (!shown.has(each.uuid) ||
              each.originalBytes === 200 ||
              (each.pairedVideo !== undefined && !movies.has(each.uuid))),
        );
        expect(complete).toBe(state !== 'unreadable' && !isAway && orphans.length === 0);
        if (complete) expect(iCloudOnly + unknown).toBe(0);
      },
    ),
    { numRuns: 1000 },
  );
});
