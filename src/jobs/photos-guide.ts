// Walks beside the listing of a phone or a Mac's library and says of each file what the device's own list knows of it: a photo of
// the owner's, private, recently deleted, by another name. At the end it says where the photos are that the device shows: on it, only
// in iCloud, or nobody knows. The list is believed no further than the files bear it out.

import { isAgentError } from '../domain/errors.ts';
import type { SourcePath } from '../domain/ids.ts';
import type { PhotosAsset } from '../domain/photos-asset.ts';
import type { CatalogStore, PhotosAccount } from '../library/catalog/catalog-store.ts';
import {
  foldPath,
  type ListedPhoto,
  type PhotosPlace,
  type PhotosScope,
  type PhotosTally,
  type Placing,
  type SeenFiles,
} from '../library/catalog/photos-store.ts';
import { folderOf } from '../library/catalog/sqlite-catalog.ts';
import { candidateKey, isEditedName, isMediaName, isRawName, isVideoName } from '../library/grouping.ts';
import type { Shelf } from '../library/layout.ts';
import type { PhotosList, Source, SourceFile } from '../sources/source.ts';
import { know, placePhoto, type SeenFile } from './listed-photo.ts';
import type { ListState } from './photos-list.ts';

/** Recently deleted photos that are named; beyond it they are counted. */
const namedMax = 1000;
/** Apple keeps what was deleted for thirty days (support.apple.com, "Delete or hide photos and videos"). */
export const trashDays = 30;
const dayMs = 24 * 3600 * 1000;
/** For thumbnails and room, after the photos are saved. */
const measureTimeoutMs = 60_000;
/** Paths written down together. */
const seenAtOnce = 1000;
/** A folder of which the library has more is not compared with what it had: its photos count as the list says. */
const savedAtOnceMax = 200_000;

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
  /** The file by which its photo is counted: one that the list has, or one that it has not. */
  readonly counts?: 'listed' | 'unlisted';
}

export interface GuideOptions {
  readonly source: Source;
  readonly list: PhotosList;
  readonly state: ListState;
  readonly catalog: CatalogStore;
  readonly choices: PhotosChoices;
  readonly nowMs: number;
  /** A preview: nothing is written down, and there is no account. */
  readonly isPreview: boolean;
}

/** One folder of the list, while its files are looked at. */
interface Folder {
  readonly path: string;
  /** What the list has in it. Where it could not be read: what an earlier one had that was hidden, and that alone. */
  readonly byName: ReadonlyMap<string, readonly ListedPhoto[]>;
  readonly byKey: ReadonlyMap<string, readonly ListedPhoto[]>;
  /** By folded name. */
  readonly files: Map<string, SeenFile>;
  /** Keys of photos that the list does not have. */
  readonly unlisted: Set<string>;
}

export class PhotosGuide implements Disposable {
  readonly #options: GuideOptions;
  readonly #isRead: boolean;
  readonly #seen: SeenFiles | undefined;
  #seenPaths: SourcePath[] = [];
  #folder: Folder | undefined;
  /** Where the last edit belongs: edits come from elsewhere and say nothing of what is in that folder. */
  #folderOfEdit: Folder | undefined;
  readonly #listedFolders = new Set<string>();
  /** Photos that the list does not have: without one, all of them. */
  #unlisted = 0;
  #unlistedSaved = 0;
  #notThere = 0;
  readonly #deleted = new Set<string>();
  readonly #privateLeft = new Set<string>();
  #daysLeft: number | undefined;
  #orphans = { unknown: 0, offloaded: 0, areKnown: false };
  #space: { readonly freeBytes: number } | undefined;
  readonly deleted: DeletedPhoto[] = [];

  constructor(options: GuideOptions) {
    this.#options = options;
    this.#isRead = options.state === 'read';
    this.#seen = options.isPreview ? undefined : options.catalog.photos.seen(options.source.id);
  }

  [Symbol.dispose](): void {
    this.#seen?.[Symbol.dispose]();
  }

  /** @param isKnown the library has this very file. */
  guide(entry: SourceFile, isKnown: boolean): Guidance {
    this.#see(entry.path);
    const path = folderOf(entry.path);
    const name = entry.path.slice(entry.path.lastIndexOf('/') + 1);
    const folder = entry.isEdit === true ? this.#lookInto(path) : this.#enter(path);
    const folded = foldPath(name);
    if (entry.isEdit !== true) folder.files.set(folded, { path: entry.path, sizeBytes: entry.sizeBytes });
    const exact = folder.byName.get(folded) ?? [];
    const { sharedBelow } = this.#options.list;
    if (sharedBelow !== undefined && entry.path.startsWith(`${sharedBelow}/`))
      return { shelf: 'shared', ...know(name, exact) };
    const key = candidateKey(name);
    const near = folder.byKey.get(key) ?? [];
    const isCompanion =
      entry.isEdit === true ||
      !isMediaName(name) ||
      isEditedName(name) ||
      (isVideoName(name) && near.some(({ asset }) => asset.pairedVideo !== undefined));
    const kin = exact.length > 0 || !isCompanion ? exact : near;
    const treatment = this.#treat(kin, isKnown);
    if (treatment.leaveOut !== undefined) return treatment;
    const isOfTheList = this.#isRead && (kin.length > 0 || (isRawName(name) && near.length > 0));
    const isUnlisted = !isOfTheList && entry.isEdit !== true && isMediaName(name);
    const isFirst = isUnlisted && !folder.unlisted.has(key); // a still and its movie are one
    if (isFirst) {
      folder.unlisted.add(key);
      this.#unlisted += 1;
    }
    const isListed = this.#isRead && exact.some(({ asset }) => asset.origin === 'own');
    return {
      ...treatment,
      ...(this.#isRead ? know(name, kin) : {}),
      ...(isFirst ? { counts: 'unlisted' } : isListed ? { counts: 'listed' } : {}),
    };
  }

  /** A file that counts is in the library. Of what the list has, the catalogue knows it. */
  isSaved(counts: Guidance['counts']): void {
    if (counts === 'unlisted') this.#unlistedSaved += 1;
  }

  /** A file that counts was listed and could not be opened: it is in iCloud only. */
  isNotThere(path: SourcePath, counts: Guidance['counts']): void {
    if (counts === 'listed') this.#setPlace(path, 'iCloudOnly');
    else if (counts === 'unlisted') {
      this.#unlisted -= 1;
      this.#notThere += 1;
    }
  }

  /** A file that counts turned out to be no photo: the one that the list has is nowhere to be seen. */
  isNone(path: SourcePath, counts: Guidance['counts']): void {
    if (counts === 'listed') this.#setPlace(path, 'unknown');
    else if (counts === 'unlisted') this.#unlisted -= 1;
  }

  /** The listing has come to its end: what it did not show is elsewhere. */
  endListing(): void {
    this.#leave();
    this.#see();
    if (!this.#isRead) return;
    const { catalog, source } = this.#options;
    for (const folder of catalog.photos.folders(source.id)) {
      if (!this.#listedFolders.has(folder)) this.#place(catalog.photos.inFolder(source.id, folder), new Map());
    }
  }

  /**
   * Asks what adds to knowledge only, once the photos are saved: thumbnails, and the room on the device. What cannot be had in time is not
   * known.
   * @throws the signal's reason.
   */
  async measure(signal: AbortSignal): Promise<void> {
    const inTime = AbortSignal.any([signal, AbortSignal.timeout(measureTimeoutMs)]);
    try {
      this.#space = await this.#options.list.space(inTime);
      await this.#countOrphans(inTime);
    } catch (error) {
      if (signal.aborted || !(isAgentError(error) || inTime.aborted)) throw error;
      this.#orphans.areKnown = false;
    }
  }

  /** @param isListingWhole nothing of the source was unreadable: only then something can be said to be gone from it. */
  account({ isListingWhole }: { readonly isListingWhole: boolean }): PhotosAccount {
    const { catalog, source, state, choices, list } = this.#options;
    const { photos } = catalog;
    const wanted: readonly PhotosScope[] = choices.hidden === 'save' ? ['own', 'hidden'] : ['own'];
    const count = (scopes: readonly PhotosScope[], ...places: readonly PhotosPlace[]): PhotosTally => {
      const none = { photos: 0, bytes: 0, unsized: 0 };
      if (!this.#isRead) return none;
      const tallies = scopes.flatMap((scope) => places.map((place) => photos.count(source.id, scope, place)));
      return tallies.reduce((sum, each) => addTallies(sum, each), none);
    };
    const [onDevice, offloaded] = [count(wanted, 'onDevice'), count(wanted, 'offloaded')];
    const [iCloudOnly, unknown] = [count(wanted, 'iCloudOnly'), count(wanted, 'unknown')];
    const elsewhere = (scope: PhotosScope) => count([scope], 'iCloudOnly', 'unknown').photos;
    const savedListed = this.#isRead ? wanted.map((scope) => photos.countSaved(source.id, scope)) : [];
    const { freeBytes } = this.#space ?? {};
    const { usesICloudPhotos } = (this.#isRead ? photos.reading(source.id)?.facts : undefined) ?? {};
    const shared =
      elsewhere('sharedAlbum') + (choices.shared === 'save' ? 0 : count(['sharedAlbum'], 'onDevice').photos);
    const canTellGone = isListingWhole && state !== 'unreadable';
    return {
      list: state === 'absent' && !this.#orphans.areKnown ? 'unreadable' : state,
      onDevice: onDevice.photos + this.#unlisted,
      saved: savedListed.reduce((sum, each) => sum + each, this.#unlistedSaved),
      offloaded: offloaded.photos + this.#orphans.offloaded,
      iCloudOnly: iCloudOnly.photos + this.#notThere,
      unknown: unknown.photos + this.#orphans.unknown,
      iCloudOnlyBytes: iCloudOnly.bytes,
      iCloudOnlyUnsized: iCloudOnly.unsized + this.#notThere,
      bytes: [onDevice, offloaded, iCloudOnly, unknown].reduce(addTallies).bytes,
      recentlyDeleted: this.#deleted.size,
      ...(this.#daysLeft === undefined ? {} : { recentlyDeletedDaysLeft: this.#daysLeft }),
      recentlyDeletedElsewhere: elsewhere('recentlyDeleted'),
      privateNotSaved: choices.hidden === 'save' ? 0 : this.#privateLeft.size + elsewhere('hidden'),
      sharedNotSaved: shared,
      sharedChoice: choices.shared,
      keptAfterDeletion: canTellGone
        ? (this.#seen?.countGone({ exceptBelow: choices.shared === 'save' ? undefined : list.sharedBelow }) ?? 0)
        : 0,
      ...(freeBytes === undefined ? {} : { freeBytes }),
      ...(usesICloudPhotos === undefined ? {} : { usesICloudPhotos }),
    };
  }

  /** Thumbnails of originals that neither the files nor the list have: unknown, unless the library has them. */
  async #countOrphans(signal: AbortSignal): Promise<void> {
    const { catalog, source, list } = this.#options;
    const orphans = new Map<string, boolean>();
    for await (const paths of list.thumbnails(signal)) {
      let folder: string | undefined;
      let keys: ReadonlySet<string> = new Set();
      for (const path of paths) {
        if (folder !== folderOf(path)) {
          folder = folderOf(path);
          keys = new Set(this.#openFolder(folder).byKey.keys());
        }
        const key = candidateKey(path.slice(path.lastIndexOf('/') + 1));
        if (keys.has(key) || this.#seen?.has(path) === true) continue;
        const place = `${foldPath(folder)}/${key}`;
        const isSaved = catalog.findEntry(source.id, path) !== undefined;
        orphans.set(place, isSaved || orphans.get(place) === true);
      }
    }
    const offloaded = [...orphans.values()].filter((isSaved) => isSaved).length;
    this.#orphans = { unknown: orphans.size - offloaded, offloaded, areKnown: true };
  }

  #see(path?: SourcePath): void {
    if (path !== undefined) this.#seenPaths.push(path);
    if (path !== undefined && this.#seenPaths.length < seenAtOnce) return;
    this.#seen?.add(this.#seenPaths);
    this.#seenPaths = [];
  }

  #enter(path: string): Folder {
    if (this.#folder?.path === path) return this.#folder;
    this.#leave();
    this.#folder = this.#openFolder(path);
    return this.#folder;
  }

  #lookInto(path: string): Folder {
    if (this.#folderOfEdit?.path !== path) this.#folderOfEdit = this.#openFolder(path);
    return this.#folderOfEdit;
  }

  #openFolder(path: string): Folder {
    const listed = this.#inFolder(path).filter(({ asset }) => asset.name !== undefined);
    const usable = this.#isRead ? listed : listed.filter(({ asset }) => asset.isHidden);
    return {
      path,
      byName: Map.groupBy(usable, ({ asset }) => foldPath(asset.name ?? '')),
      byKey: Map.groupBy(usable, ({ asset }) => candidateKey(asset.name ?? '')),
      files: new Map(),
      unlisted: new Set(),
    };
  }

  #leave(): void {
    const folder = this.#folder;
    this.#folder = undefined;
    if (folder === undefined || !this.#isRead) return;
    this.#listedFolders.add(this.#listedAs(folder.path));
    this.#place(this.#inFolder(folder.path), folder.files);
  }

  /** Where each photo of one folder is, given the files that are really in it. Only what is news is written down. */
  #place(listed: readonly ListedPhoto[], files: ReadonlyMap<string, SeenFile>): void {
    const { catalog, source, isPreview } = this.#options;
    if (isPreview) return;
    const saved = new Map<string, ReadonlyMap<string, SeenFile>>();
    const savedIn = (folder: string) => {
      const known = saved.get(folder) ?? this.#savedIn(folder);
      saved.set(folder, known);
      return known;
    };
    const news = listed.flatMap((photo): Placing[] => {
      const placing = placePhoto(photo.asset, files, savedIn);
      return isNews(placing, photo) ? [placing] : [];
    });
    if (news.length > 0) catalog.photos.setPlaces(source.id, news);
  }

  /** What the library has of one folder of the list, by folded name. */
  #savedIn(folder: string): ReadonlyMap<string, SeenFile> {
    const { catalog, source, list } = this.#options;
    const path = list.filesBelow === '' ? folder : `${list.filesBelow}/${folder}`;
    const entries = catalog.findEntriesBelow({ sourceId: source.id, folder: path, entriesMax: savedAtOnceMax }) ?? [];
    return new Map(
      [...entries].map(([each, { sizeBytes }]) => [foldPath(each.slice(path.length + 1)), { path: each, sizeBytes }]),
    );
  }

  #setPlace(path: SourcePath, place: PhotosPlace): void {
    if (!this.#isRead || this.#options.isPreview) return;
    const { catalog, source } = this.#options;
    const name = path.slice(path.lastIndexOf('/') + 1);
    const found = catalog.photos.inFolder(source.id, this.#listedAs(folderOf(path)), name);
    catalog.photos.setPlaces(
      source.id,
      found.map(({ asset }) => ({ asset, place })),
    );
  }

  #listedAs(path: string): string {
    const { filesBelow } = this.#options.list;
    return foldPath(filesBelow !== '' && path.startsWith(`${filesBelow}/`) ? path.slice(filesBelow.length + 1) : path);
  }

  #inFolder(path: string): readonly ListedPhoto[] {
    const { catalog, source, state } = this.#options;
    return state === 'absent' ? [] : catalog.photos.inFolder(source.id, this.#listedAs(path));
  }

  /** Left out as deleted only if all that it can belong to is; private if any of it is. */
  #treat(kin: readonly ListedPhoto[], isKnown: boolean): Pick<Guidance, 'leaveOut' | 'shelf'> {
    const { choices, nowMs } = this.#options;
    const isDeleted = this.#isRead && kin.length > 0 && kin.every(({ scope }) => scope === 'recentlyDeleted');
    if (isDeleted && !choices.keepRecentlyDeleted) {
      if (!isKnown) for (const { asset } of kin) this.#nameDeleted(asset, nowMs);
      return { leaveOut: 'recentlyDeleted' };
    }
    const hidden = kin.filter(({ asset }) => asset.isHidden);
    if (hidden.length === 0) return {};
    if (choices.hidden === 'save') return { shelf: 'hidden' };
    if (!isKnown) for (const { asset } of hidden) this.#privateLeft.add(asset.uuid);
    return { leaveOut: 'private' };
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
}

function isNews({ place, path, moviePath, sizeBytes }: Placing, { place: before, found }: ListedPhoto): boolean {
  return place !== before || path !== found?.path || moviePath !== found?.moviePath || sizeBytes !== found?.sizeBytes;
}

function addTallies(one: PhotosTally, other: PhotosTally): PhotosTally {
  return {
    photos: one.photos + other.photos,
    bytes: Math.min(one.bytes + other.bytes, Number.MAX_SAFE_INTEGER),
    unsized: one.unsized + other.unsized,
  };
}
