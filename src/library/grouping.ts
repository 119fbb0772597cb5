// Which files belong together. `candidateKey` proposes by name alone, before a byte is read; `confirmGroup` decides once
// content and metadata are known, and never joins what only shares a name. Pure.

import type { AssetKind, Content, MediaMetadata, ResourceRole } from '../domain/media.ts';
import type { NameParts } from './portable-name.ts';

/** Names that are renditions of another file: Apple's IMG_E1234 (edited) and IMG_O1234 (adjustments of the original). */
const appleRendition = /^(img_)([eo])(\d{4,5})$/;
/** GoPro numbers chapters GX/GH (video) and GL (its small version) alike. */
const goProChapter = /^g[xhl](\d{6})$/;
const googleEdited = /-edited$/;
/** Google cuts the name before `.json` at 46 characters. */
export const googleNameLengthMax = 46;
const googleSupplement = 'supplemental-metadata';
const extensionLengthMax = 10;

const stillExtensions = new Set(
  'jpg jpeg jpe heic heif hif avif png gif webp tif tiff bmp jxl jp2 dng raf nef nrw cr2 cr3 crw arw sr2 srf orf rw2 raw pef srw x3f mrw 3fr iiq insp'.split(
    ' ',
  ),
);
const rawExtensions = new Set('dng raf nef nrw cr2 cr3 crw arw sr2 srf orf rw2 raw pef srw x3f mrw 3fr iiq'.split(' '));
const videoExtensions = new Set('mov mp4 m4v 3gp 3g2 avi mts m2ts mpg mpeg mkv wmv webm insv lrv lrf'.split(' '));

/** `IMG_1.jpg` → stem `IMG_1`, extension `jpg`. No extension: all is stem. */
function splitExtension(name: string): { stem: string; extension: string } {
  const dot = name.lastIndexOf('.');
  if (dot <= 0 || name.length - dot - 1 > extensionLengthMax) return { stem: name, extension: '' };
  return { stem: name.slice(0, dot), extension: name.slice(dot + 1).toLowerCase() };
}

export function extensionOf(name: string): string {
  return splitExtension(name).extension;
}

/** True for a name that says it is a photo or video; what it is, its content decides. */
export function isMediaName(name: string): boolean {
  return isMediaExtension(extensionOf(name));
}

export function isVideoName(name: string): boolean {
  return videoExtensions.has(extensionOf(name));
}

function isMediaExtension(extension: string): boolean {
  return stillExtensions.has(extension) || videoExtensions.has(extension);
}

/** What a sidecar is named after: `IMG_1(1)` and `jpg` for Google's `IMG_1.jpg.supplemental-metadata(1).json`. */
function sidecarSubject(name: string): (NameParts & { readonly extension: string }) | undefined {
  const { stem, extension } = splitExtension(name);
  if (extension !== 'json' && extension !== 'xmp') return undefined;
  // Google counts equal names behind the extension: `name.jpg(1).json` describes `name(1).jpg`.
  const counted = extension === 'json' ? /^(.+)(\(\d+\))$/.exec(stem) : null;
  const [whole, count] = [counted?.[1] ?? stem, counted?.[2] ?? ''];
  const media = splitExtension(extension === 'json' ? stripGoogleSupplement(whole) : whole);
  if (!isMediaExtension(media.extension)) return undefined;
  const tail = `${whole.slice(media.stem.length)}${name.slice(stem.length)}`;
  return { stem: `${media.stem}${count}`, extension: media.extension, tail };
}

/** Removes `.supplemental-metadata`, which Google cuts short to fit. */
function stripGoogleSupplement(name: string): string {
  const dot = name.lastIndexOf('.');
  const end = name.slice(dot + 1).toLowerCase();
  return dot > 0 && end !== '' && googleSupplement.startsWith(end) ? name.slice(0, dot) : name;
}

/**
 * The full name of the file that a sidecar is named after, lower case (`img_1.jpg` for `IMG_1.jpg.xmp`), or undefined if it
 * is named after a stem only (`IMG_1.xmp`, `IMG_1.AAE`).
 */
export function sidecarTarget(name: string): string | undefined {
  const subject = sidecarSubject(name);
  return subject === undefined ? undefined : lowerName(`${subject.stem}.${subject.extension}`);
}

/**
 * The name a file is filed under, split where the suffix of its asset would go: `20240107.jpg.xmp` → `20240107` and
 * `.jpg.xmp`. Google's `IMG_1.jpg(1).json` becomes `IMG_1(1)` and `.jpg.json`, so that it stands beside its photo.
 */
export function nameParts(name: string): NameParts {
  const subject = sidecarSubject(name);
  if (subject !== undefined) return { stem: subject.stem, tail: subject.tail };
  const { stem } = splitExtension(name);
  return { stem, tail: name.slice(stem.length) };
}

/** Files of one folder with the same key may be one asset. */
export function candidateKey(name: string): string {
  const lower = name.normalize('NFC').toLowerCase();
  const stem = splitExtension(sidecarTarget(name) ?? lower).stem;
  const apple = appleRendition.exec(stem);
  if (apple !== null) return `${apple[1]}${apple[3]}`;
  const goPro = goProChapter.exec(stem);
  if (goPro !== null) return `gopro ${goPro[1]}`;
  return stem.replace(googleEdited, '');
}

/** Order within a folder: stills before lone videos before lone sidecars, so that what they join is there already. */
export type CandidateRank = 0 | 1 | 2;

export function candidateRank(name: string): CandidateRank {
  const { extension } = splitExtension(name);
  if (videoExtensions.has(extension)) return 1;
  return extension === 'json' || extension === 'xmp' || extension === 'aae' ? 2 : 0;
}

export function isRawName(name: string): boolean {
  return rawExtensions.has(extensionOf(name));
}

export function isRaw(candidate: { readonly name: string; readonly content: Content }): boolean {
  if (candidate.content.kind !== 'photo') return false;
  const { mime } = candidate.content;
  if (mime === 'image/tiff') return isRawName(candidate.name);
  return mime.startsWith('image/x-') && !['image/x-icon', 'image/x-xcf'].includes(mime);
}

export interface Candidate {
  readonly name: string;
  readonly content: Content;
  readonly metadata: MediaMetadata;
}

export interface GroupMember<C extends Candidate> {
  readonly candidate: C;
  readonly role: ResourceRole;
}

/** One asset as the files of one folder show it. `members[0]` is the primary, with role `original`. */
export interface ConfirmedGroup<C extends Candidate> {
  readonly kind: AssetKind;
  readonly members: readonly GroupMember<C>[];
}

export interface Confirmed<C extends Candidate> {
  readonly groups: readonly ConfirmedGroup<C>[];
  /** Sidecars and edits without their photo here: it may be in the catalogue already. */
  readonly followers: readonly GroupMember<C>[];
  readonly notMedia: readonly C[];
}

/**
 * Decides what the candidates of one key are.
 * - A Live Photo is a still and a video with the same content identifier; a shared name alone is not one.
 * - A RAW goes with the JPEG or HEIC of its stem, unless their times of exposure differ.
 * - THM and LRV go with the video, edits and sidecars with their photo.
 */
export function confirmGroup<C extends Candidate>(candidates: readonly C[]): Confirmed<C> {
  const notMedia = candidates.filter(({ content }) => content.kind === 'other' || content.kind === 'empty');
  const photos = candidates.filter(({ content }) => content.kind === 'photo');
  const videos = candidates.filter(({ content }) => content.kind === 'video');
  const followers: GroupMember<C>[] = [];
  const groups: { kind: AssetKind; members: GroupMember<C>[] }[] = [];

  const mainVideos = videos.filter(({ name }) => !isLowResolution(name));
  const mainPhotos = photos.filter(({ name }) => !(extensionOf(name) === 'thm' && mainVideos.length > 0));
  const isEditOf = (candidate: C, all: readonly C[]) =>
    isEditedName(candidate.name) && all.some(({ name }) => !isEditedName(name));
  const edits = [
    ...mainPhotos.filter((photo) => isEditOf(photo, mainPhotos)),
    ...mainVideos.filter((video) => isEditOf(video, [...mainPhotos, ...mainVideos])),
  ];
  const stills = mainPhotos.filter((photo) => !edits.includes(photo) && !isRaw(photo));
  const raws = mainPhotos.filter((photo) => !edits.includes(photo) && isRaw(photo));

  for (const still of stills) groups.push({ kind: 'photo', members: [{ candidate: still, role: 'original' }] });
  for (const raw of raws) {
    const home = groups.find(({ members }) => {
      const other = members[0]?.candidate;
      return other !== undefined && members.every(({ role }) => role === 'original') && sameExposure(other, raw);
    });
    if (home === undefined) groups.push({ kind: 'photo', members: [{ candidate: raw, role: 'original' }] });
    else home.members.push({ candidate: raw, role: 'alternate' });
  }
  for (const video of mainVideos.filter((candidate) => !edits.includes(candidate))) {
    const id = video.metadata.contentIdentifier;
    const home = groups.find(
      ({ kind, members }) =>
        id !== undefined &&
        kind === 'photo' &&
        members[0]?.candidate.metadata.contentIdentifier === id &&
        !members.some(({ role }) => role === 'pairedVideo'),
    );
    if (home === undefined) groups.push({ kind: 'video', members: [{ candidate: video, role: 'original' }] });
    else home.members.push({ candidate: video, role: 'pairedVideo' });
  }

  const join = (candidate: C, role: ResourceRole, kind?: AssetKind) => {
    const target = sidecarTarget(candidate.name);
    const named = groups.find(({ members }) => members.some((member) => lowerName(member.candidate.name) === target));
    const home =
      named ??
      groups.find(({ kind: groupKind, members }) => groupKind === kind && sameStem(members[0]?.candidate, candidate)) ??
      groups.find(({ kind: groupKind }) => groupKind === kind) ??
      groups[0];
    if (home === undefined) followers.push({ candidate, role });
    else home.members.push({ candidate, role });
  };
  for (const edit of edits) join(edit, edit.content.kind === 'video' ? 'editedVideo' : 'edited', 'photo');
  for (const photo of photos) if (!mainPhotos.includes(photo)) join(photo, 'thumbnail', 'video');
  for (const video of videos) {
    if (mainVideos.includes(video)) continue;
    if (mainVideos.length > 0) join(video, 'lowResolution', 'video');
    else groups.push({ kind: 'video', members: [{ candidate: video, role: 'original' }] });
  }
  for (const candidate of candidates) {
    if (candidate.content.kind === 'sidecar') join(candidate, candidate.content.sidecar, 'photo');
  }
  return { groups, followers, notMedia };
}

function lowerName(name: string): string {
  return name.normalize('NFC').toLowerCase();
}

function sameStem(one: Candidate | undefined, other: Candidate): boolean {
  // Exact on purpose: of two case twins, each sidecar goes with the one that is spelt like it.
  return one !== undefined && splitExtension(one.name).stem === splitExtension(other.name).stem;
}

function isLowResolution(name: string): boolean {
  return ['lrv', 'lrf'].includes(extensionOf(name));
}

/** IMG_E1234.HEIC or photo-edited.jpg: an edit, if what it is an edit of is there too. */
export function isEditedName(name: string): boolean {
  const { stem } = splitExtension(lowerName(name));
  return appleRendition.exec(stem)?.[2] === 'e' || googleEdited.test(stem);
}

/** Cameras write a RAW and its JPEG in the same moment; clocks in the two files may round differently. */
function sameExposure(one: Candidate, other: Candidate): boolean {
  const [first, second] = [one.metadata.takenAt?.local, other.metadata.takenAt?.local];
  if (first === undefined || second === undefined) return true;
  return Math.abs(Date.parse(`${first.slice(0, 19)}Z`) - Date.parse(`${second.slice(0, 19)}Z`)) <= 2000;
}
