// What the columns of a Photos library mean (docs/photos-database.md). A column that is not there, or holds what nobody knows, is
// a claim that is not made.

import type { ClaimedPlace, PhotosAsset, PhotosOrigin } from '../../domain/photos-asset.ts';
import {
  cleanText,
  isByteCount,
  isCaption,
  isFolder,
  isId,
  isName,
  isOffset,
  isTakenAt,
  isTrashedAt,
} from './claims.ts';
import { numberOf, type Row, textOf } from './row.ts';

export interface AssetRows {
  readonly asset: Row;
  readonly attributes: Row | undefined;
  readonly resources: readonly Row[];
  readonly albums: readonly string[];
}

/** Seconds from 1970 to 2001, the zero of Core Data. */
const coreDataEpochSeconds = 978_307_200;
const kindSubtypeLive = 2;
const pickedByPhotos = 4;
const notPicked = 2;
const pickedByOwnerOrKey = 8 | 16;
export const storeSubtypeOriginal = 1;
export const storeSubtypePairedVideo = 18;
const resourceTypePairedVideo = 3;

/** Undefined for a row without an identifier: it says nothing that could be kept. */
export function assetOfRows({ asset, attributes, resources, albums }: AssetRows): PhotosAsset | undefined {
  const uuid = textOf(asset, 'uuid');
  if (!isId(uuid)) return undefined;
  const originals = resources.filter((row) => numberOf(row, 'storeSubtype') === storeSubtypeOriginal);
  const pairedVideos = resources.filter(
    (row) =>
      numberOf(row, 'storeSubtype') === storeSubtypePairedVideo &&
      numberOf(row, 'resourceType') === resourceTypePairedVideo,
  );
  const kind = kindOf(asset);
  const isLive = kind === 'photo' && numberOf(asset, 'kindSubtype') === kindSubtypeLive;
  const burstId = textOf(asset, 'burstId');
  return withoutUndefined({
    uuid,
    folder: claim(isFolder, textOf(asset, 'folder')),
    name: claim(isName, textOf(asset, 'name')),
    kind,
    origin: originOf(asset),
    isInSharedLibrary: flagOf(asset, 'sharedLibrary'),
    original: placeOf(originals),
    pairedVideo: isLive ? placeOf(pairedVideos) : undefined,
    originalBytes: claim(isByteCount, numberOf(attributes, 'bytes')) ?? bytesOf(originals),
    pairedVideoBytes: isLive ? bytesOf(pairedVideos) : undefined,
    originalName: claim(isName, textOf(attributes, 'originalName')),
    takenAtMs: claim(isTakenAt, instantOf(asset, 'taken')),
    offsetMinutes: claim(isOffset, minutesOf(attributes, 'offset')),
    trashedAtMs: numberOf(asset, 'trashed') === 1 ? claim(isTrashedAt, instantOf(asset, 'trashedAt')) : undefined,
    isHidden: numberOf(asset, 'hidden') === 1,
    isFavorite: numberOf(asset, 'favorite') === 1,
    isShown: numberOf(asset, 'visibility') !== 2,
    isEdited: (numberOf(asset, 'adjustments') ?? 0) > 0,
    burstId: claim(isId, burstId),
    isBurstPick: isId(burstId) ? isPicked(asset) : undefined,
    liveId: claim(isId, textOf(asset, 'liveId')?.toUpperCase()),
    caption: captionOf(attributes),
    albums,
  });
}

function kindOf(asset: Row): PhotosAsset['kind'] {
  const kind = numberOf(asset, 'kind');
  if (kind === 0) return 'photo';
  return kind === 1 ? 'video' : 'unknown';
}

function originOf(asset: Row): PhotosOrigin {
  const savedType = numberOf(asset, 'savedType');
  const scope = numberOf(asset, 'scope');
  if (savedType === 4 || scope === 2) return 'sharedAlbum';
  return savedType === 12 || scope === 3 ? 'sharedWithYou' : 'own';
}

/** Of several rows for one file the best is believed only if it says "here": then the file can be looked for. */
function placeOf(resources: readonly Row[]): ClaimedPlace {
  if (resources.some((row) => numberOf(row, 'local') === 1)) return 'here';
  const isInCloud = (row: Row) => numberOf(row, 'local') === -1 && numberOf(row, 'remote') === 1;
  return resources.length > 0 && resources.every(isInCloud) ? 'iCloudOnly' : 'unknown';
}

function bytesOf(resources: readonly Row[]): number | undefined {
  return resources.map((row) => numberOf(row, 'bytes')).find(isByteCount);
}

function isPicked(asset: Row): boolean | undefined {
  const bits = numberOf(asset, 'pickType');
  if (bits === undefined || !Number.isInteger(bits) || bits < 1 || bits > 31) return undefined;
  if ((bits & pickedByOwnerOrKey) !== 0) return true;
  return (bits & pickedByPhotos) !== 0 && (bits & notPicked) === 0;
}

/** What the owner wrote below the photo; else the title that a photo may have on a Mac. */
function captionOf(attributes: Row | undefined): string | undefined {
  const texts = [textOf(attributes, 'description'), textOf(attributes, 'title')];
  return texts.map((text) => (text === undefined ? '' : cleanText(text))).find(isCaption);
}

function flagOf(row: Row, column: string): boolean | undefined {
  const value = numberOf(row, column);
  return value === 0 || value === 1 ? value === 1 : undefined;
}

function instantOf(row: Row, column: string): number | undefined {
  const seconds = numberOf(row, column);
  return seconds === undefined ? undefined : Math.round((seconds + coreDataEpochSeconds) * 1000);
}

function minutesOf(row: Row | undefined, column: string): number | undefined {
  const seconds = numberOf(row, column);
  return seconds === undefined ? undefined : Math.round(seconds / 60) + 0; // never -0
}

function claim<Value>(isAllowed: (value: unknown) => value is Value, value: unknown): Value | undefined {
  return isAllowed(value) ? value : undefined;
}

type Claims = { readonly [Key in keyof Required<PhotosAsset>]: PhotosAsset[Key] | undefined };

function withoutUndefined(claims: Claims): PhotosAsset {
  return Object.fromEntries(
    Object.entries(claims).filter(([, value]) => value !== undefined),
  ) as unknown as PhotosAsset;
}
