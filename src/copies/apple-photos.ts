// Sorts photos into folders that Apple Photos and iCloud.com take, so that Live Photos come back whole. Only names and places are
// decided here; no byte is changed. What Photos cannot take goes into a folder of its own, with the reason. Pure.
//
// What is known of Photos and iCloud.com, and from where (looked up in November 2026; none of it could be tried here):
// - Photos makes a Live Photo of a still and a movie imported together, if both carry the same content identifier; names alone do
//   not do it (whexy.com, "Apple's Live Photo: Two Separated Files"; RhetTbull/makelive, README). We keep both in one folder under
//   one stem, as a camera roll has them.
// - A photo and its AAE of the same stem, imported together, come with their edit (RhetTbull/osxphotos, issue 1464). With the
//   edited rendition beside them the preview is right too, but only under Apple's own names: IMG_1234.HEIC, IMG_E1234.HEIC,
//   IMG_1234.AAE; one letter off and it fails (osxphotos, pull request 1113). IMG_O1234.AAE belongs to a portrait (issue 2043).
// - An AAE without its photo is an error (osxphotos, issue 1736). An edited rendition without an AAE is a photo of its own
//   (issue 1621).
// - A RAW and a JPEG of one stem, imported together, become one photo (matiaskorhonen/custom-photo-importer, README).
// - Formats: steilerDev/icloud-photos-sync, issue 140, what the app took; RAW as far as the Mac knows the camera.
// - iCloud.com takes JPEG only (Apple, iCloud User Guide, "mmb5dbaf376f", as quoted in picklepete/pyicloud, pull request 421) and no
//   videos (icloud-photos-downloader, issue 313), hence no Live Photo: that takes a Mac.
// - It does not say which of 800 photos failed (openradar 42656959), and Apple counts uploads by the thousand (support.apple.com,
//   HT202299): folders of 500 files can be done again one by one.

import type { ContentHash, RelativePath } from '../domain/ids.ts';
import type { ResourceRole } from '../domain/media.ts';

export const filesPerFolder = 500;

/** What the folders are called; a number follows. */
export const seriesNames = {
  web: 'For iCloud.com or Photos',
  mac: 'For Photos on a Mac',
  hidden: 'Hidden photos',
} as const;
type Series = keyof typeof seriesNames;

export const leftOutFolder = 'Not for Photos';

export interface PhotosFile {
  readonly path: RelativePath;
  /** Absent: Keepsake did not write it. */
  readonly role?: ResourceRole | undefined;
  readonly hash?: ContentHash | undefined;
}

export interface PhotosAsset {
  /** Local time, if it is known. */
  readonly takenAt?: string | undefined;
  readonly isHidden: boolean;
  /** What the library put behind its stem because another photo had its name: `~2`. */
  readonly suffix?: string | undefined;
  readonly files: readonly PhotosFile[];
}

export interface LeftOut {
  readonly path: RelativePath;
  readonly to: RelativePath;
  readonly why: string;
}

export interface ApplePhotosPlan {
  /** In the order in which they are to be given. */
  readonly groups: readonly (readonly { readonly path: RelativePath; readonly to: RelativePath }[])[];
  /** Folders to be imported, in this order. */
  readonly folders: readonly string[];
  readonly leftOut: readonly LeftOut[];
  /** Byte for byte another file of the same photo. */
  readonly same: readonly { readonly path: RelativePath; readonly as: RelativePath }[];
}

const jpegExtensions = new Set(['jpg', 'jpeg', 'jpe', 'jfif']);
const stillExtensions = new Set(
  'heic heif hif png gif tif tiff bmp webp psd jp2 dng cr2 cr3 crw nef nrw arw sr2 srf raf rw2 orf pef srw raw 3fr iiq x3f'.split(
    ' ',
  ),
);
const videoExtensions = new Set(['mov', 'mp4', 'm4v', '3gp', 'avi']);
const usualExtension: Readonly<Record<string, string>> = { jpeg: 'JPG', jpe: 'JPG', jfif: 'JPG', tiff: 'TIF' };

/** Names that Photos knows to belong together: with an E those of edits, with an O those of portraits. */
const appleName = /^IMG_(\d{4,5})$/i;
const appleEdited = /^IMG_E\d{4,5}$/i;
const appleOriginal = /^IMG_O\d{4,5}$/i;

const reasons: Readonly<Partial<Record<ResourceRole, string>>> = {
  xmp: 'Photos does not read it: another program wrote it about the photo of that name.',
  googleMetadata: 'Photos does not read it: Google Photos wrote it about the photo of that name.',
  thumbnail: 'A small preview that a camera made of the video of that name.',
  lowResolution: 'A small version that a camera made of the video of that name.',
};
const unknownFormat = 'Photos does not know this kind of file.';
const lonelyAdjustments = 'An edit of a photo that is not here.';

/** Sorted by the time they were taken; those without one come last. */
export function planForApplePhotos(assets: readonly PhotosAsset[], filesMax: number = filesPerFolder): ApplePhotosPlan {
  const groups: { path: RelativePath; to: RelativePath }[][] = [];
  const leftOut: LeftOut[] = [];
  const same: { path: RelativePath; as: RelativePath }[] = [];
  const shelves = {
    web: new Shelf(seriesNames.web, filesMax),
    mac: new Shelf(seriesNames.mac, filesMax),
    hidden: new Shelf(seriesNames.hidden, filesMax),
  } satisfies Record<Series, Shelf>;
  for (const asset of assets.toSorted(byTime)) {
    const sorted = sortFiles(asset);
    same.push(...sorted.same);
    for (const { path, why } of sorted.leftOut)
      leftOut.push({ path, to: `${leftOutFolder}/${path}` as RelativePath, why });
    if (sorted.parts.length === 0) continue;
    const shelf = shelves[seriesOf(asset, sorted.parts)];
    const { folder, stem } = shelf.placeFor(sorted);
    const names = namesFor(sorted, stem);
    groups.push(names.map(({ path, name }) => ({ path, to: `${folder}/${name}` as RelativePath })));
  }
  const folders = Object.values(shelves).flatMap((shelf) => shelf.folders);
  return { groups, folders, leftOut, same };
}

function byTime(one: PhotosAsset, other: PhotosAsset): number {
  const [first, second] = [one, other].map(({ takenAt = '\uffff', files }) => `${takenAt} ${files[0]?.path ?? ''}`) as [
    string,
    string,
  ];
  return first < second ? -1 : first > second ? 1 : 0;
}

/** iCloud.com takes what is one JPEG and nothing else. */
function seriesOf({ isHidden }: PhotosAsset, parts: readonly Part[]): Series {
  if (isHidden) return 'hidden';
  const [only] = parts;
  return parts.length === 1 && only !== undefined && jpegExtensions.has(only.extension) ? 'web' : 'mac';
}

interface Part {
  readonly path: RelativePath;
  readonly role: ResourceRole | undefined;
  readonly stem: string;
  /** Lower case, without a dot. */
  readonly extension: string;
}

interface SortedFiles {
  /** The stem of the photo itself, without the library's suffix. */
  readonly stem: string;
  readonly parts: readonly Part[];
  readonly leftOut: readonly { readonly path: RelativePath; readonly why: string }[];
  readonly same: readonly { readonly path: RelativePath; readonly as: RelativePath }[];
}

const primaryRoles: readonly (ResourceRole | undefined)[] = ['original', undefined];

function sortFiles({ files, suffix }: PhotosAsset): SortedFiles {
  const parts: Part[] = [];
  const leftOut: { path: RelativePath; why: string }[] = [];
  const same: { path: RelativePath; as: RelativePath }[] = [];
  const byHash = new Map<ContentHash, RelativePath>();
  for (const { path, role, hash } of files) {
    const first = hash === undefined ? undefined : byHash.get(hash);
    if (first !== undefined) {
      same.push({ path, as: first });
      continue;
    }
    if (hash !== undefined) byHash.set(hash, path);
    const { stem, extension } = splitName(path, suffix);
    const reason = role === undefined ? undefined : reasons[role];
    if (reason !== undefined) leftOut.push({ path, why: reason });
    else if (role !== 'adjustments' && !isTaken(extension)) leftOut.push({ path, why: unknownFormat });
    else parts.push({ path, role, stem, extension });
  }
  const primary = parts.find(({ role }) => primaryRoles.includes(role));
  const stem = primary?.stem ?? parts[0]?.stem ?? '';
  if (primary !== undefined) return { stem, parts, leftOut, same };
  const lonely = parts.filter(({ role }) => role === 'adjustments');
  for (const { path } of lonely) leftOut.push({ path, why: lonelyAdjustments });
  return { stem, parts: parts.filter((part) => !lonely.includes(part)), leftOut, same };
}

function isTaken(extension: string): boolean {
  return jpegExtensions.has(extension) || stillExtensions.has(extension) || videoExtensions.has(extension);
}

function splitName(path: string, suffix: string | undefined): { readonly stem: string; readonly extension: string } {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const dot = name.lastIndexOf('.');
  const [whole, extension] = dot <= 0 ? [name, ''] : [name.slice(0, dot), name.slice(dot + 1).toLowerCase()];
  const isSuffixed = suffix !== undefined && suffix !== '' && whole.length > suffix.length && whole.endsWith(suffix);
  return { stem: isSuffixed ? whole.slice(0, -suffix.length) : whole, extension };
}

/**
 * Halves of a Live Photo, a RAW and the AAE get the photo's stem. Edited renditions get Apple's name for them where there is one
 * and an AAE to go with it; else a name that shows what they are, under which they are a photo of their own.
 */
function namesFor(
  { stem: ownStem, parts }: SortedFiles,
  stem: string,
): readonly { readonly path: RelativePath; readonly name: string }[] {
  const number = appleName.exec(stem)?.[1];
  const hasAdjustments = parts.some(({ role, stem: each }) => role === 'adjustments' && !appleOriginal.test(each));
  const used = new Set<string>();
  return parts.map(({ path, role, stem: each, extension }) => {
    const end = extension === '' ? '' : `.${usualExtension[extension] ?? extension.toUpperCase()}`;
    const isEdit = role === 'edited' || role === 'editedVideo';
    let start = stem;
    if (isEdit)
      start = number !== undefined && hasAdjustments && appleEdited.test(each) ? `IMG_E${number}` : `${stem}-edited`;
    else if (role === 'adjustments' && appleOriginal.test(each) && number !== undefined) start = `IMG_O${number}`;
    else if (role === undefined && each !== ownStem) start = each;
    let name = `${start}${end}`;
    for (let count = 2; used.has(name.toLowerCase()); count += 1) name = `${start}-${count}${end}`;
    used.add(name.toLowerCase());
    return { path, name };
  });
}

/** Numbered folders, filled one after the other. No two photos of one folder have a stem in common. */
class Shelf {
  readonly folders: string[] = [];
  readonly #name: string;
  readonly #filesMax: number;
  #files = 0;
  #stems = new Set<string>();

  constructor(name: string, filesMax: number) {
    this.#name = name;
    this.#filesMax = filesMax;
  }

  placeFor({ stem, parts }: SortedFiles): { readonly folder: string; readonly stem: string } {
    if (this.folders.length === 0 || this.#files + parts.length > this.#filesMax) {
      this.folders.push(`${this.#name} ${String(this.folders.length + 1).padStart(3, '0')}`);
      this.#files = 0;
      this.#stems = new Set();
    }
    this.#files += parts.length;
    let free = stem;
    for (let count = 2; this.#stems.has(stemKey(free)); count += 1) free = `${stem}~${count}`;
    this.#stems.add(stemKey(free));
    return { folder: this.folders.at(-1) ?? '', stem: free };
  }
}

/** IMG_E1234 and IMG_O1234 go with IMG_1234, and `IMG_1-edited` with IMG_1: whoever has one has them all. */
function stemKey(stem: string): string {
  const lower = stem.normalize('NFC').toLowerCase();
  return lower.replace(/^img_[eo](?=\d{4,5}(~\d+)?$)/, 'img_').replace(/-edited$/, '');
}
