// What one photo of a device's own list comes to, given the files: where it is, and by which name and zone it is known. Pure.

import type { SourcePath } from '../domain/ids.ts';
import type { PhotosAsset } from '../domain/photos-asset.ts';
import { foldPath, type ListedPhoto, type Placing } from '../library/catalog/photos-store.ts';
import { isEditedName, nameParts } from '../library/grouping.ts';
import type { Guidance } from './photos-guide.ts';

/** A file of the source, or one that the library has from it. */
export interface SeenFile {
  readonly path: SourcePath;
  readonly sizeBytes: number;
}

/** What the list adds to a file that belongs to exactly one of its photos. */
export function know(
  name: string,
  kin: readonly ListedPhoto[],
): Pick<Guidance, 'givenName' | 'takenAtMs' | 'offsetMinutes'> {
  const [only] = kin;
  if (only === undefined || kin.length > 1) return {};
  const { originalName, name: storedName, takenAtMs, offsetMinutes } = only.asset;
  return {
    ...(originalName === undefined || storedName === undefined ? {} : renamed(name, storedName, originalName)),
    ...(takenAtMs === undefined ? {} : { takenAtMs }),
    ...(offsetMinutes === undefined ? {} : { offsetMinutes }),
  };
}

const uuidStem = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/i;

/**
 * A file stored under a UUID gets the stem its photo had; whatever else it is called stays: `UUID-edited.JPG` becomes `IMG_E1234.JPG` or
 * `name-edited.JPG`. Names like IMG_1234 are what the owner knows.
 */
function renamed(name: string, storedName: string, originalName: string): { givenName?: string } {
  const stored = nameParts(storedName).stem;
  if (!uuidStem.test(stored) || !foldPath(name).startsWith(foldPath(stored))) return {};
  if (isEditedName(originalName)) return {}; // it would be taken for an edit of itself
  const original = nameParts(originalName).stem;
  const rest = name.slice(stored.length);
  const apple = /^([A-Z]{3}_)(\d{4})$/.exec(original);
  if (apple !== null && /^-edited\./i.test(rest))
    return { givenName: `${apple[1]}E${apple[2]}${rest.slice('-edited'.length)}` };
  return { givenName: `${original}${rest}` };
}

/**
 * Where a photo is: on the device if its files are there in full; else in the library, if it had those before; else where the list says,
 * which is never believed to be here.
 * @param files in its folder now. @param savedIn what the library has of a folder of the list. Both by folded name.
 */
export function placePhoto(
  asset: PhotosAsset,
  files: ReadonlyMap<string, SeenFile>,
  savedIn: (folder: string) => ReadonlyMap<string, SeenFile>,
): Placing {
  const { name, folder, original, originalBytes, pairedVideo } = asset;
  const elsewhere = (claim: PhotosAsset['original']): Placing => ({
    asset,
    place: claim === 'iCloudOnly' ? 'iCloudOnly' : 'unknown',
  });
  if (name === undefined || folder === undefined) return elsewhere(original);
  const movieName = foldPath(`${nameParts(name).stem}.MOV`);
  const needsMovie = pairedVideo !== undefined && movieName !== foldPath(name);
  const movie = (there: ReadonlyMap<string, SeenFile>) => (needsMovie ? there.get(movieName) : undefined);
  const seen = files.get(foldPath(name));
  // A smaller file of that name is a reduced copy, whatever the list says.
  if (seen !== undefined && seen.sizeBytes >= (originalBytes ?? 0)) {
    const half = movie(files) ?? (needsMovie ? movie(savedIn(folder)) : undefined);
    if (needsMovie && half === undefined) return elsewhere(pairedVideo);
    const { path, sizeBytes } = seen;
    return { asset, place: 'onDevice', path, sizeBytes, ...(half === undefined ? {} : { moviePath: half.path }) };
  }
  const saved = savedIn(folder).get(foldPath(name));
  const isWhole = saved !== undefined && saved.sizeBytes === originalBytes;
  if (isWhole && (!needsMovie || movie(savedIn(folder)) !== undefined))
    return { asset, place: 'offloaded', path: saved.path, sizeBytes: saved.sizeBytes };
  return elsewhere(original);
}
