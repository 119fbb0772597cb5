// What a claim about a photo may look like: the bounds of every text and number of a `PhotosAsset`. The child process that reads the
// database makes claims that keep to this, and the parent checks each of them again: what has read hostile bytes is not believed.

import type { PhotosAsset, PhotosLibraryFacts } from '../../domain/photos-asset.ts';

/** UUIDs of assets and bursts have 36 characters. */
const idLengthMax = 64;
/** The longest name of a file on APFS, in UTF-8 bytes; no text of that many bytes has more characters. */
const nameLengthMax = 255;
const folderLengthMax = 512;
const captionLengthMax = 8_000;
export const albumPathLengthMax = 1_000;
export const albumsPerAssetMax = 50;
/** More photos than any library is known to have; each costs the caller memory. */
export const assetsMax = 2_000_000;
/** The first photograph that exists is of 1826; after 2100 lie the dates of damaged columns. */
const takenAtMsMin = Date.UTC(1826, 0);
const takenAtMsMax = Date.UTC(2100, 0);
/** Some people set the date far ahead, so that nothing is ever purged (seen: 2120). */
const trashedAtMsMin = Date.UTC(2000, 0);
const trashedAtMsMax = Date.UTC(2200, 0);
/** Zones go from -12 to +14 hours; the local times of cities before there were zones, a little farther. */
const offsetMinutesMax = 15 * 60;

/** All texts together in bytes of JSON, four for a character, with room for what is around them. */
export const assetLineBytesMax = 512 * 1024;

export const isId = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= idLengthMax && /^[0-9A-Za-z-]+$/.test(value);

/** One part of a path that can be looked for in a folder and leads nowhere else. */
export const isName = (value: unknown): value is string =>
  isCleanText(value, nameLengthMax) && !/[/\\]/.test(value) && value !== '.' && value !== '..';

/** A folder below the library's own. A photo that only is linked to (on a Mac) has an absolute one, which is none of ours. */
export const isFolder = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= folderLengthMax && value.split('/').every(isName);

export const isCaption = (value: unknown): value is string => isCleanText(value, captionLengthMax);

export const isAlbumPath = (value: unknown): value is string => isCleanText(value, albumPathLengthMax);

export const isByteCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;

export const isTakenAt = (value: unknown): value is number => isIntegerIn(value, takenAtMsMin, takenAtMsMax);

export const isTrashedAt = (value: unknown): value is number => isIntegerIn(value, trashedAtMsMin, trashedAtMsMax);

export const isOffset = (value: unknown): value is number => isIntegerIn(value, -offsetMinutesMax, offsetMinutesMax);

export const isModelVersion = (value: unknown): value is number => isIntegerIn(value, 1, 10_000_000);

/** What an owner typed, in one line that is safe to print: without control characters and halves of characters. */
export function cleanText(text: string): string {
  return text
    .toWellFormed()
    .replace(/ ?\p{Cc}[\p{Cc} ]*/gu, ' ')
    .trim();
}

function isCleanText(value: unknown, lengthMax: number): value is string {
  return (
    typeof value === 'string' &&
    value.length > 0 &&
    value.length <= lengthMax &&
    value.isWellFormed() &&
    !/\p{Cc}/u.test(value)
  );
}

function isIntegerIn(value: unknown, min: number, max: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
}

const isBoolean = (value: unknown): value is boolean => typeof value === 'boolean';
const isOneOf =
  (...allowed: readonly string[]) =>
  (value: unknown): boolean =>
    typeof value === 'string' && allowed.includes(value);
const isPlace = isOneOf('here', 'iCloudOnly', 'unknown');

type Checks<Type> = { readonly [Key in keyof Type]-?: (value: unknown) => boolean };

const assetChecks: Checks<PhotosAsset> = {
  uuid: isId,
  folder: isFolder,
  name: isName,
  kind: isOneOf('photo', 'video', 'unknown'),
  origin: isOneOf('own', 'sharedAlbum', 'sharedWithYou'),
  isInSharedLibrary: isBoolean,
  original: isPlace,
  pairedVideo: isPlace,
  originalBytes: isByteCount,
  pairedVideoBytes: isByteCount,
  originalName: isName,
  takenAtMs: isTakenAt,
  offsetMinutes: isOffset,
  trashedAtMs: isTrashedAt,
  isHidden: isBoolean,
  isFavorite: isBoolean,
  isShown: isBoolean,
  isEdited: isBoolean,
  burstId: isId,
  isBurstPick: isBoolean,
  liveId: (value) => isId(value) && value === value.toUpperCase(),
  caption: isCaption,
  albums: (value) => Array.isArray(value) && value.length <= albumsPerAssetMax && value.every(isAlbumPath),
};
const assetKeysRequired = [
  'uuid',
  'kind',
  'origin',
  'original',
  'isHidden',
  'isFavorite',
  'isShown',
  'isEdited',
  'albums',
] as const satisfies readonly (keyof PhotosAsset)[];

const factsChecks: Checks<PhotosLibraryFacts> = { modelVersion: isModelVersion, usesICloudPhotos: isBoolean };

/** The asset, if `value` is one in every detail. */
export function parseAsset(value: unknown): PhotosAsset | undefined {
  return parseRecord<PhotosAsset>(value, assetChecks, assetKeysRequired);
}

export function parseFacts(value: unknown): PhotosLibraryFacts | undefined {
  return parseRecord<PhotosLibraryFacts>(value, factsChecks, []);
}

function parseRecord<Type>(
  value: unknown,
  checks: Checks<Type>,
  keysRequired: readonly (keyof Type & string)[],
): Type | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  for (const [key, entry] of Object.entries(value)) {
    if (!Object.hasOwn(checks, key) || !checks[key as keyof Type](entry)) return undefined;
  }
  return keysRequired.every((key) => Object.hasOwn(value, key)) ? (value as Type) : undefined;
}
