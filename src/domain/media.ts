// What a file is, what it is for within its asset, and when it was taken.

/** What a file is, decided by its content; a name only chooses between kinds of sidecar. */
export type Content =
  | { readonly kind: 'photo' | 'video'; readonly mime: string }
  | { readonly kind: 'sidecar'; readonly sidecar: 'adjustments' | 'xmp' | 'googleMetadata' }
  | { readonly kind: 'empty' }
  | { readonly kind: 'other' };

export type AssetKind = 'photo' | 'video';

/**
 * What a resource is for within its asset.
 * - `original`: the primary, as captured. `alternate`: the RAW beside a JPEG. `pairedVideo`: the moving half of a Live Photo.
 * - `edited`: a rendition of an edit (IMG_E1234.HEIC), `editedVideo` its moving half.
 * - the others are sidecars: Apple's adjustments (AAE), XMP, Google's JSON, and a video's THM and LRV.
 */
export type ResourceRole =
  | 'original'
  | 'alternate'
  | 'pairedVideo'
  | 'edited'
  | 'editedVideo'
  | 'adjustments'
  | 'xmp'
  | 'googleMetadata'
  | 'thumbnail'
  | 'lowResolution';

/** Roles whose bytes were captured by a camera: only these are compared across assets for duplicates. */
export function isOriginalRole(role: ResourceRole): boolean {
  return role === 'original' || role === 'alternate' || role === 'pairedVideo';
}

/** How a capture date is known, best first. `photosList`: from what a phone or a Mac's Photos says of it. */
export type DateBasis = 'exif' | 'quicktime' | 'sidecar' | 'photosList' | 'fileName' | 'mtime' | 'undated';

/** When an asset was taken. `local` is wall-clock time at the place of exposure: `YYYY-MM-DDTHH:MM:SS[.fraction]`. */
export type CaptureDate =
  | {
      readonly basis: Exclude<DateBasis, 'undated'>;
      readonly local: string;
      /** Minutes east of UTC, where the file states it or the instant is known. */
      readonly offsetMinutes?: number;
      /** The file does not state the offset; the phone's or Mac's own list does. */
      readonly offsetBasis?: 'photosList';
    }
  | { readonly basis: 'undated' };

/** What a file says of itself. Everything is optional: a file may be empty of metadata, damaged or hostile. */
export interface MediaMetadata {
  /** Wall-clock time of exposure (EXIF DateTimeOriginal, QuickTime CreationDate, AVI IDIT, …), with its offset if stated. */
  readonly takenAt?: { readonly local: string; readonly offsetMinutes?: number; readonly basis: 'exif' | 'quicktime' };
  /** An instant without a zone (QuickTime CreateDate): milliseconds since 1970 UTC. Used only without `takenAt`. */
  readonly takenAtUtcMs?: number;
  /** Apple's Live Photo content identifier, upper case. */
  readonly contentIdentifier?: string;
  readonly make?: string;
  readonly model?: string;
  /** Serial number of the camera body. */
  readonly cameraSerial?: string;
}
