// A fake iPhone with the file tree of a real one: paths and times of an iOS 15 phone that uses iCloud Photos, from shared/media. What is
// in the files is made up, each by the generator of its type, and so is the database beside them. What an import must find is counted
// here from the listing alone, with nothing of src.

import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { buildBinary } from 'plist';
import type { PhoneFiles, PhonePath } from '../iphone/phone-files.ts';
import { makeHeic } from '../media/heic.ts';
import { makeJpeg } from '../media/jpeg.ts';
import { makePng } from '../media/png.ts';
import { makeMov } from '../media/quicktime.ts';
import { type Seed, seededBytes, seededRandom, seededUuid } from '../media/seeded.ts';
import { makeTiff } from '../media/tiff.ts';
import { findTestMedia } from '../requirements.ts';
import { type DescribedAsset, makePhotosDatabase, type PhotosDatabaseFiles } from './make-photos-database.ts';
import type { Generation } from './photos-schema.ts';

export interface ListedFile {
  readonly path: PhonePath;
  readonly modifiedAtMs: number;
}

/** Where the listing is on this machine, or undefined: a test without it is skipped. */
export function findPhoneListing(): string | undefined {
  const media = findTestMedia();
  if (media === undefined) return undefined;
  const path = resolve(media, 'ios_listing/ios15_phone_listing.tsv');
  return existsSync(path) ? path : undefined;
}

export function readPhoneListing(path: string): readonly ListedFile[] {
  const [, ...lines] = readFileSync(path, 'utf8').trimEnd().split('\n');
  return lines.map((line) => {
    const [file = '', modified = ''] = line.split('\t');
    return { path: file, modifiedAtMs: Number(modified) * 1000 };
  });
}

/** Paths as the phone has them; `DCIM/100APPLE/IMG_0001.HEIC`. Of a Live Photo the still's, unless the list is one of files. */
export interface ListedPhoneTruth {
  /** All files in DCIM and CPLAssets: what there is to copy. */
  readonly originalFiles: readonly PhonePath[];
  /** One path for each asset whose original is on the phone. */
  readonly onDevice: readonly PhonePath[];
  readonly livePhotos: readonly { readonly still: PhonePath; readonly movie: PhonePath }[];
  /** Where the original would be. There is no such file. */
  readonly iCloudOnly: readonly PhonePath[];
  /** The reduced copies below PhotoCloudSharingData. */
  readonly sharedAlbum: readonly PhonePath[];
  /** Some of `onDevice` and `iCloudOnly`, chosen by the seed. */
  readonly trashed: readonly PhonePath[];
  /** Others of them. */
  readonly hidden: readonly PhonePath[];
  /** Of `iCloudOnly`, those with an edit below Mutations. */
  readonly edited: readonly PhonePath[];
  /** Files below Thumbnails whose original is in neither DCIM nor CPLAssets: all of `iCloudOnly` and `sharedAlbum`. */
  readonly thumbnailsWithoutOriginal: readonly PhonePath[];
  /** Files below Metadata without an original of the same name. Eleven have one with another extension: `IMG_0033.PNG`. */
  readonly metadataWithoutOriginal: readonly PhonePath[];
  /** Every path of the listing but the database's own three. */
  readonly otherThanDatabase: readonly PhonePath[];
}

export interface ListedPhoneOptions {
  /** From `readPhoneListing`. */
  readonly listing: readonly ListedFile[];
  /** Chooses what is trashed and hidden, and the dates of what came from iCloud. */
  readonly seed?: Seed;
  /** `made` (left out) to fit, `none`, or these files. */
  readonly database?: 'made' | 'none' | PhotosDatabaseFiles;
  /** Of the made one. Left out: `ios15`, as the listing. */
  readonly generation?: Generation;
  /** The made one has a part in `-wal`. */
  readonly wal?: boolean;
}

export interface ListedPhone {
  readonly truth: ListedPhoneTruth;
  /** What the made database says, also if it was left out. */
  readonly assets: readonly DescribedAsset[];
  readonly database: PhotosDatabaseFiles | undefined;
}

export const databasePath = 'PhotoData/Photos.sqlite';

export function fillListedPhone(files: PhoneFiles, options: ListedPhoneOptions): ListedPhone {
  const { listing, seed = 1, database = 'made', generation = 'ios15', wal = false } = options;
  const truth = truthOf(listing, seed);
  const photos = planPhotos(listing, truth, seed);
  for (const file of listing) {
    if (!isDatabaseFile(file.path)) files.addBytes(file.path, contentOf(file, photos), new Date(file.modifiedAtMs));
  }
  const assets = describeAssets({ files, listing, truth, photos });
  const made = database === 'made' ? makePhotosDatabase({ generation, assets, wal }) : database;
  if (made === 'none') return { truth, assets, database: undefined };
  addDatabase(files, made, listing);
  return { truth, assets, database: made };
}

/** Puts these files where a phone has them, in the place of any before; their times are the listing's, or now. */
export function addDatabase(
  files: PhoneFiles,
  { main, wal, shm }: PhotosDatabaseFiles,
  listing: readonly ListedFile[] = [],
): void {
  for (const [path, content] of [
    [databasePath, main],
    [`${databasePath}-wal`, wal],
    [`${databasePath}-shm`, shm],
  ] as const) {
    const modifiedAtMs = listing.find((file) => file.path === path)?.modifiedAtMs ?? Date.now();
    if (content === undefined) files.remove(path);
    else files.addBytes(path, content, new Date(modifiedAtMs));
  }
}

function isDatabaseFile(path: PhonePath): boolean {
  return path.startsWith(databasePath);
}

const thumbnails = 'PhotoData/Thumbnails/V2/';
const metadata = 'PhotoData/Metadata/';
const mutations = 'PhotoData/Mutations/';
const sharedAlbums = 'PhotoData/PhotoCloudSharingData/';
const originalFolders = ['DCIM/', 'PhotoData/CPLAssets/'] as const;
const chosen = { trashedHere: 6, trashedAway: 2, hiddenHere: 4, hiddenAway: 2 };

function truthOf(listing: readonly ListedFile[], seed: Seed): ListedPhoneTruth {
  const paths = listing.map(({ path }) => path);
  const below = (folder: string) =>
    paths.filter((path) => path.startsWith(folder)).map((path) => path.slice(folder.length));
  const originalFiles = paths.filter((path) => originalFolders.some((folder) => path.startsWith(folder)));
  const present = new Set(originalFiles);
  const byStem = Map.groupBy(originalFiles, stemOf);
  const livePhotos = [...byStem.values()].flatMap((group) => {
    const still = group.find((path) => /\.(heic|jpe?g)$/i.test(path));
    const movie = group.find((path) => /\.mov$/i.test(path));
    return still === undefined || movie === undefined ? [] : [{ still, movie }];
  });
  const onDevice = originalFiles.filter((path) => !livePhotos.some(({ movie }) => movie === path));

  // Each original has a folder named like it, with the thumbnails in it.
  const thumbnailFolders = [...new Set(below(thumbnails).map((path) => path.slice(0, path.lastIndexOf('/'))))];
  const withoutOriginal = thumbnailFolders.filter((path) => !present.has(path));
  const iCloudOnly = withoutOriginal.filter((path) => !path.startsWith(sharedAlbums));
  const isTaken = new Set(withoutOriginal);
  const edits = new Set(below(mutations).map((path) => path.split('/').slice(0, -2).join('/')));

  const here = shuffled(onDevice, `here ${seed}`);
  const away = shuffled(iCloudOnly, `away ${seed}`);
  return {
    ...{ originalFiles, onDevice, livePhotos, iCloudOnly },
    sharedAlbum: paths.filter((path) => path.startsWith(sharedAlbums) && path.includes('/100CLOUD/')),
    trashed: [...here.slice(0, chosen.trashedHere), ...away.slice(0, chosen.trashedAway)],
    hidden: [
      ...here.slice(chosen.trashedHere, chosen.trashedHere + chosen.hiddenHere),
      ...away.slice(chosen.trashedAway, chosen.trashedAway + chosen.hiddenAway),
    ],
    edited: iCloudOnly.filter((path) => edits.has(stemOf(path))),
    thumbnailsWithoutOriginal: paths.filter(
      (path) =>
        path.startsWith(thumbnails) && isTaken.has(path.slice(thumbnails.length).split('/').slice(0, -1).join('/')),
    ),
    metadataWithoutOriginal: paths.filter(
      (path) => path.startsWith(metadata) && !present.has(path.slice(metadata.length)),
    ),
    otherThanDatabase: paths.filter((path) => !isDatabaseFile(path)),
  };
}

function stemOf(path: PhonePath): string {
  return path.replace(/\.[^./]*$/, '');
}

function shuffled<Value>(values: readonly Value[], seed: Seed): readonly Value[] {
  const random = seededRandom(seed);
  return values
    .map((value) => ({ value, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value);
}

/** The phone was set up in this zone, says its listing (`CreateDatabase_20230411-074547-07_00`). */
const offsetSeconds = -7 * 3600;
const offset = '-07:00';

interface PlannedPhoto {
  readonly takenAtMs: number;
  readonly liveId?: string;
}

/** By path of the original, of the moving halves too. What was taken on the phone was taken when its file was made. */
function planPhotos(
  listing: readonly ListedFile[],
  truth: ListedPhoneTruth,
  seed: Seed,
): ReadonlyMap<PhonePath, PlannedPhoto> {
  const modifiedAtMs = new Map(listing.map((file) => [file.path, file.modifiedAtMs]));
  const random = seededRandom(`dates ${seed}`);
  const iCloudPhotosOnMs = Date.parse('2023-04-15T14:00:07Z'); // The listing's cpl_enabled_marker.
  const planned = new Map<PhonePath, PlannedPhoto>();
  for (const path of [...truth.onDevice, ...truth.iCloudOnly, ...truth.sharedAlbum]) {
    const here = path.startsWith('DCIM/') ? modifiedAtMs.get(path) : undefined;
    const earlier = iCloudPhotosOnMs - Math.floor(random() * 1000 * 86_400) * 1000;
    planned.set(path, { takenAtMs: here ?? earlier });
  }
  for (const { still, movie } of truth.livePhotos) {
    const takenAtMs = planned.get(still)?.takenAtMs ?? 0;
    const liveId = seededUuid(`live ${still}`);
    planned.set(still, { takenAtMs, liveId });
    planned.set(movie, { takenAtMs: takenAtMs - 1000, liveId });
  }
  return planned;
}

/** Whatever the name promises, and none like another. */
function contentOf({ path, modifiedAtMs }: ListedFile, photos: ReadonlyMap<PhonePath, PlannedPhoto>): Buffer {
  const { takenAtMs, liveId } = photos.get(path) ?? { takenAtMs: modifiedAtMs };
  const local = new Date(takenAtMs + offsetSeconds * 1000).toISOString().slice(0, 19);
  const identifier = liveId === undefined ? {} : { contentIdentifier: liveId };
  const camera = { make: 'Apple', model: 'iPhone SE', ...identifier };
  switch (/\.([^./]*)$/.exec(path)?.[1]?.toLowerCase()) {
    case 'heic':
      return makeHeic({ seed: path, dateTimeOriginal: local, offset, ...camera });
    case 'jpg':
    case 'jpeg':
    case 'thm':
      return makeJpeg({ seed: path, dateTimeOriginal: local, offset, ...camera });
    case 'png':
      return makePng({ seed: path, xmpDateCreated: local });
    case 'mov':
      return makeMov({
        ...{ seed: path, brand: 'qt  ', moovLast: true, ...camera },
        creationDate: `${local}${offset.replace(':', '')}`,
        createDateUtc: new Date(takenAtMs).toISOString(),
      });
    case 'tiff':
      return Buffer.concat([makeTiff([], 'big'), seededBytes(path, 500)]);
    case 'plist':
      return Buffer.from(buildBinary({ path }));
    case 'sqlite':
      return Buffer.concat([Buffer.from('SQLite format 3\0', 'latin1'), seededBytes(path, 500)]);
    default:
      return seededBytes(path, 200);
  }
}

interface Described {
  readonly files: PhoneFiles;
  readonly listing: readonly ListedFile[];
  readonly truth: ListedPhoneTruth;
  readonly photos: ReadonlyMap<PhonePath, PlannedPhoto>;
}

function describeAssets({ files, listing, truth, photos }: Described): readonly DescribedAsset[] {
  const movies = new Map(truth.livePhotos.map(({ still, movie }) => [still, movie]));
  const trashed = new Set(truth.trashed);
  const hidden = new Set(truth.hidden);
  const edited = new Set(truth.edited);
  const newestMs = listing.reduce((newest, { modifiedAtMs }) => Math.max(newest, modifiedAtMs), 0);

  const common = (path: PhonePath, index: number): DescribedAsset => {
    const slash = path.lastIndexOf('/');
    return {
      folder: path.slice(0, slash),
      name: path.slice(slash + 1),
      takenAtMs: photos.get(path)?.takenAtMs ?? null,
      hidden: hidden.has(path),
      edited: edited.has(path),
      ...(trashed.has(path) ? { trashedAtMs: newestMs - (index + 1) * 3_600_000 } : {}),
    };
  };
  const own = (path: PhonePath, index: number): DescribedAsset => {
    const isFromCloud = !path.startsWith('DCIM/');
    const extension = /[^.]*$/.exec(path)?.[0];
    const liveId = photos.get(path)?.liveId;
    return {
      ...common(path, index),
      ...{ offsetSeconds, cloud: true, savedAssetType: isFromCloud ? 6 : 3 },
      ...(isFromCloud ? { originalName: `IMG_${String(1000 + index)}.${extension}` } : {}),
      ...(liveId === undefined ? {} : { live: liveId }),
    };
  };

  return [
    ...truth.onDevice.map((path, index): DescribedAsset => {
      const movie = movies.get(path);
      return {
        ...own(path, index),
        original: 'here',
        sizeBytes: files.file(path)?.sizeBytes ?? 0,
        ...(movie === undefined ? {} : { pairedVideoBytes: files.file(movie)?.sizeBytes ?? 0 }),
      };
    }),
    ...truth.iCloudOnly.map((path, index): DescribedAsset => {
      const at = truth.onDevice.length + index;
      return { ...own(path, at), original: 'iCloudOnly', sizeBytes: 2_000_000 + at };
    }),
    ...truth.sharedAlbum.map((path, index): DescribedAsset => {
      const at = truth.onDevice.length + truth.iCloudOnly.length + index;
      const album = path.split('/')[3] ?? '';
      return {
        ...common(path, at),
        savedAssetType: 4,
        originalName: `${seededUuid(`shared ${path}`)}.JPG`,
        albums: [`Shared ${album.slice(0, 4)}`],
      };
    }),
  ];
}
