// Walks beside the listing of a phone or a Mac's library and says of each file what the device's own list knows of it: a photo of
// the owner's, private, recently deleted, by another name. At the end it says where the photos are that the device shows: on it, only
// in iCloud, or nobody knows. The list is believed no further than the files bear it out.

import type { SourcePath } from '../domain/ids.ts';
import type { PhotosAsset } from '../domain/photos-asset.ts';
import type { CatalogStore, PhotosAccount } from '../library/catalog/catalog-store.ts';
import { foldPath, type ListedPhoto, type PhotosPlace } from '../library/catalog/photos-store.ts';
import { folderOf } from '../library/catalog/sqlite-catalog.ts';
import { candidateKey, extensionOf, isMediaName, nameParts } from '../library/grouping.ts';
import type { Shelf } from '../library/layout.ts';
import type { PhotosList, Source, SourceFile } from '../sources/source.ts';
import type { ListState } from './photos-list.ts';

/** Recently deleted photos that are named; beyond it they are counted. */
const namedMax = 1000;
/** Apple keeps what was deleted for thirty days (support.apple.com, "Delete or hide photos and videos"). */
export const trashDays = 30;
const dayMs = 24 * 3600 * 1000;

/** What the owner decided about photos that are not simply theirs to save. */
export interface PhotosChoices {
  readonly hidden: 'save' | 'leave';
  /** `ask`: nothing yet, so they are left and it is said. */
  readonly shared: 'save' | 'leave' | 'ask';
  /** This once: what the phone is about to forget. */
  readonly keepRecentlyDeleted: boolean;
}

export interface DeletedPhoto {
  readonly name: string;
  /** Until the phone forgets it. */
  readonly daysLeft: number;
}

/** What is known of one file beyond its path. */
export interface Guidance {
  readonly leaveOut?: 'recentlyDeleted' | 'private';
  /** Not filed among the others. */
  readonly shelf?: Shelf;
  /** The name it had when it was taken, where it is stored under another. */
  readonly givenName?: string;
  readonly takenAtMs?: number;
  readonly offsetMinutes?: number;
  /** The file by which its photo is counted. */
  readonly isPhoto: boolean;
}

export interface GuideOptions {
  readonly source: Source;
  readonly list: PhotosList;
  readonly state: ListState;
  readonly catalog: CatalogStore;
  readonly choices: PhotosChoices;
  readonly nowMs: number;
  /** A preview: nothing is written down. */
  readonly isPreview: boolean;
}

/** One folder while it is listed. */
interface Folder {
  readonly path: string;
  readonly listed: readonly ListedPhoto[];
  readonly byName: ReadonlyMap<string, ListedPhoto>;
  readonly byKey: ReadonlyMap<string, readonly ListedPhoto[]>;
  /** Files seen in it, by folded name. */
  readonly sizes: Map<string, number>;
  readonly savedKeys: Set<string>;
  /** Its originals have been listed before: what comes now are edits, shown beside them. */
  readonly isSecondLook: boolean;
}

export class PhotosGuide {
  readonly #options: GuideOptions;
  readonly #savedBefore: number;
  #folder: Folder | undefined;
  readonly #looked = new Set<string>();
  /** Photos that the list does not have, as `folder/key`. Without a list, all of them. */
  readonly #unlisted = new Set<string>();
  /** Of those: not on the device after all. */
  readonly #notThere = new Set<string>();
  #saved = 0;
  #seenSaved = 0;
  #orphans = 0;
  #space: { readonly freeBytes: number } | undefined;
  readonly #deleted = new Set<string>();
  #daysLeft: number | undefined;
  readonly deleted: DeletedPhoto[] = [];

  constructor(options: GuideOptions) {
    this.#options = options;
    this.#savedBefore = options.catalog.photos.countSaved(options.source.id);
  }

  /** @param isSaved the catalogue knows an entry of this path. */
  guide(entry: SourceFile, isSaved: boolean): Guidance {
    const folder = this.#enter(folderOf(entry.path));
    const name = entry.path.slice(entry.path.lastIndexOf('/') + 1);
    const folded = foldPath(name);
    const key = candidateKey(name);
    if (!folder.isSecondLook) folder.sizes.set(folded, entry.sizeBytes);
    if (isSaved && !folder.isSecondLook && !folder.savedKeys.has(key)) {
      folder.savedKeys.add(key);
      this.#seenSaved += 1;
    }
    const exact = folder.byName.get(folded);
    const kin = exact === undefined ? (folder.byKey.get(key) ?? []) : [exact];
    const { sharedBelow } = this.#options.list;
    if (sharedBelow !== undefined && entry.path.startsWith(`${sharedBelow}/`))
      return { shelf: 'shared', ...this.#know(name, kin), isPhoto: false };
    const isUnlisted = kin.length === 0 && isMediaName(name) && !folder.isSecondLook;
    const place = `${foldPath(folder.path)}/${key}`;
    const isPhoto = (exact !== undefined && exact.asset.origin === 'own') || (isUnlisted && !this.#unlisted.has(place));
    if (isUnlisted) this.#unlisted.add(place);
    return { ...this.#treat(kin, isSaved), ...this.#know(name, kin), isPhoto };
  }

  /** A file that counts as a photo is in the library. */
  saved(): void {
    this.#saved += 1;
  }

  /** A file that was listed could not be opened: it is in iCloud only. */
  isNotThere(path: SourcePath): void {
    const name = path.slice(path.lastIndexOf('/') + 1);
    const listed = this.#inFolder(folderOf(path)).find(({ asset }) => foldPath(asset.name ?? '') === foldPath(name));
    if (listed !== undefined) this.#place([{ asset: listed.asset, place: 'iCloudOnly' }]);
    const unlisted = `${foldPath(folderOf(path))}/${candidateKey(name)}`;
    if (this.#unlisted.has(unlisted)) this.#notThere.add(unlisted);
  }

  /**
   * The listing has come to its end: what it did not show is elsewhere.
   * @throws what the list's source throws.
   */
  async endListing(signal: AbortSignal): Promise<void> {
    this.#leave();
    const { catalog, source, list } = this.#options;
    this.#space = await list.space(signal);
    this.#orphans = await this.#countOrphans(signal);
    if (this.#options.state !== 'read') return;
    for (const folder of catalog.photos.folders(source.id)) {
      if (this.#looked.has(folder)) continue;
      this.#place(settlePlaces(catalog.photos.inFolder(source.id, folder), new Map()));
    }
  }

  /** After `endListing`; saving may have come to an early end. */
  account(): PhotosAccount {
    const { catalog, source, state, choices } = this.#options;
    const { photos } = catalog;
    const scopes = choices.hidden === 'save' ? (['own', 'hidden'] as const) : (['own'] as const);
    const count = (place: PhotosPlace) => {
      const tallies = state === 'read' ? scopes.map((scope) => photos.count(source.id, scope, place)) : [];
      return {
        photos: tallies.reduce((sum, each) => sum + each.photos, 0),
        bytes: tallies.reduce((sum, each) => sum + each.bytes, 0),
      };
    };
    const [onDevice, iCloudOnly, unknown] = [count('onDevice'), count('iCloudOnly'), count('unknown')];
    const all = (scope: 'hidden' | 'sharedAlbum') => (state === 'read' ? photos.count(source.id, scope).photos : 0);
    const here = onDevice.photos + this.#unlisted.size - this.#notThere.size;
    const facts = state === 'read' ? photos.reading(source.id)?.facts : undefined;
    return {
      list: state,
      onDevice: here,
      iCloudOnly: iCloudOnly.photos + this.#notThere.size,
      unknown: unknown.photos + this.#orphans,
      saved: Math.min(this.#saved, here),
      iCloudOnlyBytes: iCloudOnly.bytes,
      bytes: onDevice.bytes + iCloudOnly.bytes + unknown.bytes,
      recentlyDeleted: this.#deleted.size,
      ...(this.#daysLeft === undefined ? {} : { recentlyDeletedDaysLeft: this.#daysLeft }),
      privateNotSaved: choices.hidden === 'save' ? 0 : all('hidden'),
      sharedNotSaved: choices.shared === 'save' ? 0 : all('sharedAlbum'),
      isSharedDecided: choices.shared !== 'ask',
      keptAfterDeletion: Math.max(0, this.#savedBefore - this.#seenSaved),
      ...(this.#space === undefined ? {} : { freeBytes: this.#space.freeBytes }),
      ...(facts?.usesICloudPhotos === undefined ? {} : { usesICloudPhotos: facts.usesICloudPhotos }),
    };
  }

  /** Thumbnails of originals that neither the files nor the list have. */
  async #countOrphans(signal: AbortSignal): Promise<number> {
    const orphans = new Set<string>();
    for await (const paths of this.#options.list.thumbnails(signal)) {
      let folder: string | undefined;
      let keys: ReadonlySet<string> = new Set();
      for (const path of paths) {
        if (folder !== folderOf(path)) {
          folder = folderOf(path);
          keys = new Set(this.#inFolder(folder).map(({ asset }) => candidateKey(asset.name ?? '')));
        }
        const key = candidateKey(path.slice(path.lastIndexOf('/') + 1));
        const place = `${foldPath(folder)}/${key}`;
        if (!keys.has(key) && !this.#unlisted.has(place)) orphans.add(place);
      }
    }
    return orphans.size;
  }

  #enter(path: string): Folder {
    if (this.#folder?.path === path) return this.#folder;
    this.#leave();
    const listed = this.#inFolder(path);
    const byKey = Map.groupBy(
      listed.filter(({ asset }) => asset.name !== undefined),
      ({ asset }) => candidateKey(asset.name ?? ''),
    );
    this.#folder = {
      path,
      listed,
      byName: new Map(listed.map((photo) => [foldPath(photo.asset.name ?? ''), photo])),
      byKey,
      sizes: new Map(),
      savedKeys: new Set(),
      isSecondLook: this.#looked.has(this.#listedAs(path)),
    };
    return this.#folder;
  }

  #leave(): void {
    const folder = this.#folder;
    this.#folder = undefined;
    if (folder === undefined || folder.isSecondLook) return;
    this.#looked.add(this.#listedAs(folder.path));
    this.#place(settlePlaces(folder.listed, folder.sizes));
  }

  #listedAs(path: string): string {
    const { filesBelow } = this.#options.list;
    return foldPath(filesBelow !== '' && path.startsWith(`${filesBelow}/`) ? path.slice(filesBelow.length + 1) : path);
  }

  #inFolder(path: string): readonly ListedPhoto[] {
    const { catalog, source, state } = this.#options;
    return state === 'read' ? catalog.photos.inFolder(source.id, this.#listedAs(path)) : [];
  }

  #place(places: readonly { readonly asset: PhotosAsset; readonly place: PhotosPlace }[]): void {
    if (places.length > 0 && !this.#options.isPreview)
      this.#options.catalog.photos.setPlaces(this.#options.source.id, places);
  }

  /** Left out only if all that it can belong to is left out; private if any of it is. */
  #treat(kin: readonly ListedPhoto[], isSaved: boolean): Pick<Guidance, 'leaveOut' | 'shelf'> {
    const { choices, nowMs } = this.#options;
    const isDeleted = kin.length > 0 && kin.every(({ scope }) => scope === 'recentlyDeleted');
    if (isDeleted && !choices.keepRecentlyDeleted) {
      if (!isSaved) for (const { asset } of kin) this.#nameDeleted(asset, nowMs);
      return { leaveOut: 'recentlyDeleted' };
    }
    if (kin.some(({ asset }) => asset.isHidden))
      return choices.hidden === 'save' ? { shelf: 'hidden' } : { leaveOut: 'private' };
    return {};
  }

  #nameDeleted(asset: PhotosAsset, nowMs: number): void {
    if (this.#deleted.has(asset.uuid)) return;
    this.#deleted.add(asset.uuid);
    const endsAtMs = (asset.trashedAtMs ?? nowMs) + trashDays * dayMs;
    const daysLeft = Math.min(trashDays, Math.max(0, Math.ceil((endsAtMs - nowMs) / dayMs)));
    // A private one keeps its name to itself here too.
    const name = asset.isHidden ? 'private photo' : (asset.originalName ?? asset.name ?? 'photo');
    this.#daysLeft = Math.min(this.#daysLeft ?? trashDays, daysLeft);
    if (this.deleted.length < namedMax) this.deleted.push({ name, daysLeft });
  }

  #know(name: string, kin: readonly ListedPhoto[]): Pick<Guidance, 'givenName' | 'takenAtMs' | 'offsetMinutes'> {
    const [only] = kin;
    if (only === undefined || kin.length > 1) return {};
    const { originalName, name: storedName, takenAtMs, offsetMinutes } = only.asset;
    return {
      ...(originalName === undefined || storedName === undefined ? {} : renamed(name, storedName, originalName)),
      ...(takenAtMs === undefined ? {} : { takenAtMs }),
      ...(offsetMinutes === undefined ? {} : { offsetMinutes }),
    };
  }
}

const uuidStem = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/i;

/**
 * A file stored under a UUID gets the stem its photo had; whatever else it is called stays: `UUID-edited.JPG` becomes `IMG_E1234.JPG` or
 * `name-edited.JPG`. Names like IMG_1234 are what the owner knows.
 */
function renamed(name: string, storedName: string, originalName: string): { givenName?: string } {
  const stored = nameParts(storedName).stem;
  if (!uuidStem.test(stored) || !foldPath(name).startsWith(foldPath(stored))) return {};
  const original = nameParts(originalName).stem;
  const rest = name.slice(stored.length);
  const apple = /^([A-Z]{3}_)(\d{4})$/.exec(original);
  if (apple !== null && /^-edited\./i.test(rest))
    return { givenName: `${apple[1]}E${apple[2]}${rest.slice('-edited'.length)}` };
  return { givenName: `${original}${rest}` };
}

/** Where each photo of one folder is, given the files that are really in it; only what differs from what was known. */
function settlePlaces(
  listed: readonly ListedPhoto[],
  sizes: ReadonlyMap<string, number>,
): readonly { readonly asset: PhotosAsset; readonly place: PhotosPlace }[] {
  return listed.flatMap((photo) => {
    const place = placeOf(photo.asset, sizes);
    return place === photo.place ? [] : [{ asset: photo.asset, place }];
  });
}

export function placeOf(asset: PhotosAsset, sizes: ReadonlyMap<string, number>): PhotosPlace {
  const { name, original, originalBytes, pairedVideo } = asset;
  const elsewhere = (claim: PhotosAsset['original']) => (claim === 'iCloudOnly' ? 'iCloudOnly' : 'unknown');
  const sizeBytes = name === undefined ? undefined : sizes.get(foldPath(name));
  if (name === undefined || sizeBytes === undefined) return elsewhere(original);
  // A smaller file of that name is a reduced copy, whatever the list says.
  if (originalBytes !== undefined && sizeBytes < originalBytes) return elsewhere(original);
  if (pairedVideo === undefined) return 'onDevice';
  const hasMovie = sizes.has(foldPath(`${nameParts(name).stem}.MOV`));
  return hasMovie || extensionOf(name) === 'mov' ? 'onDevice' : elsewhere(pairedVideo);
}
