// Where the photos are that a phone shows, from its list and its files together. A mistake here tells an owner that all is saved while
// part of a life is elsewhere, or leaves a photo out that was only said to be deleted.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SourceId, SourcePath } from '../../../src/domain/ids.ts';
import type { PhotosAsset } from '../../../src/domain/photos-asset.ts';
import { isAccountedFor } from '../../../src/jobs/import-report.ts';
import { type PhotosChoices, PhotosGuide, placeOf } from '../../../src/jobs/photos-guide.ts';
import type { ListState } from '../../../src/jobs/photos-list.ts';
import { openCatalog } from '../../../src/library/catalog/sqlite-catalog.ts';
import type { Source, SourceFile } from '../../../src/sources/source.ts';
import { libraryId } from '../../contract/catalog-store.ts';

const { signal } = new AbortController();
const nowMs = Date.UTC(2026, 10, 25);
const dayMs = 24 * 3600 * 1000;
const usual: PhotosChoices = { hidden: 'save', shared: 'ask', keepRecentlyDeleted: false };
const id = 'iphone-1' as SourceId;

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

/** A phone with this list, these files and these thumbnails, looked through once; every file that is not left out is saved. */
async function look(wish: {
  readonly assets: readonly PhotosAsset[];
  readonly files: readonly SourceFile[];
  readonly thumbnails?: readonly string[];
  readonly state?: ListState;
  readonly choices?: Partial<PhotosChoices>;
  readonly save?: (path: string) => boolean;
}) {
  using catalog = openCatalog({ path: ':memory:', libraryId });
  {
    using draft = catalog.photos.draft(id);
    draft.add(wish.assets);
    draft.publish({ stamp: '1', readAtMs: nowMs, facts: { usesICloudPhotos: true } });
  }
  const list: NonNullable<Source['photosList']> = {
    filesBelow: '',
    stamp: async () => '1',
    copyInto: async () => undefined,
    thumbnails: async function* () {
      yield (wish.thumbnails ?? []) as SourcePath[];
    },
    space: async () => ({ freeBytes: 1e9, totalBytes: 2e9 }),
  };
  const source = { id, kind: 'iphone', name: 'phone', photosList: list } as unknown as Source;
  const choices = { ...usual, ...wish.choices };
  const guide = new PhotosGuide({
    source,
    list,
    state: wish.state ?? 'read',
    catalog,
    choices,
    nowMs,
    isPreview: false,
  });
  const leftOut: string[] = [];
  const guided = wish.files.map((each) => {
    const guidance = guide.guide(each, false);
    if (guidance.leaveOut !== undefined) leftOut.push(`${guidance.leaveOut} ${each.path}`);
    return { path: each.path, guidance };
  });
  await guide.endListing(signal);
  for (const { path, guidance } of guided) {
    if (guidance.leaveOut === undefined && guidance.isPhoto && (wish.save?.(path) ?? true)) guide.saved();
  }
  return {
    account: guide.account(),
    guided: new Map(guided.map((each) => [each.path as string, each.guidance])),
    leftOut,
    deleted: guide.deleted,
  };
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
  expect(placeOf(photo, new Map(Object.entries(files)))).toBe(place);
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
      file('DCIM/100APPLE/IMG_E0001.HEIC'),
      file('DCIM/100APPLE/IMG_E0002.HEIC'),
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
        const { account, leftOut } = await look({
          ...{ assets, files: paths, state, thumbnails: thumbs.map(({ folder, name }) => `${folder}/${name}`) },
          choices: { hidden: leaves ? 'leave' : 'save' },
        });
        const { onDevice, iCloudOnly, unknown, saved } = account;
        const isListed = (path: string) => assets.some(({ uuid }) => uuid === path);
        const isRead = state === 'read';
        const counted = isRead
          ? assets.filter((each) => each.trashedAtMs === undefined && !(leaves && each.isHidden)).length
          : 0;
        const unlisted = files.filter(({ at }) => !isRead || !isListed(`${at.folder}/${at.name}`)).length;
        const shown = new Set(files.map(({ at }) => `${at.folder}/${at.name}`));
        const orphans = thumbs
          .map(({ folder, name }) => `${folder}/${name}`)
          .filter((path) => !shown.has(path) && !(isRead && isListed(path))).length;
        expect(onDevice + iCloudOnly + unknown).toBe(counted + unlisted + orphans);
        expect(saved).toBeLessThanOrEqual(onDevice);
        if (!isRead) expect(leftOut).toEqual([]);
        for (const path of leftOut.filter((each) => each.startsWith('recentlyDeleted'))) {
          const stem = path.split(' ')[1]?.replace(/\.\w+$/, '');
          expect(assets.some((each) => each.uuid.startsWith(`${stem}.`) && each.trashedAtMs !== undefined)).toBe(true);
        }
        const counts = {
          found: 0,
          imported: 0,
          known: 0,
          duplicates: 0,
          notMedia: 0,
          deferred: 0,
          failed: 0,
          bytes: 0,
        };
        if (isAccountedFor({ ...counts, iCloudOnly, photos: account })) expect(iCloudOnly + unknown).toBe(0);
        const isAway =
          isRead &&
          assets.some((each) => each.trashedAtMs === undefined && !(leaves && each.isHidden) && !shown.has(each.uuid));
        if (isAway) expect(isAccountedFor({ ...counts, iCloudOnly, photos: account })).toBe(false);
      },
    ),
    { numRuns: 300 },
  );
});
