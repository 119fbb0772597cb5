// What a Photos library says about its own photos: the database that an iPhone, iPad or Mac keeps beside them. All of it is a
// claim of a device that nobody vouches for: bounded and typed by the reader, and compared with the files before it is believed.
// Columns and their meaning: docs/photos-database.md.

/** Where a file of an asset is, as the database says. `unknown`: it says nothing, or something nobody knows. */
export type ClaimedPlace = 'here' | 'iCloudOnly' | 'unknown';

/**
 * Whose photo it is.
 * - `own`: of the person whose library this is, in the Shared Photo Library too.
 * - `sharedAlbum`: a reduced copy of what somebody put into a shared album.
 * - `sharedWithYou`: shown because it came in a message; not in the library.
 */
export type PhotosOrigin = 'own' | 'sharedAlbum' | 'sharedWithYou';

export interface PhotosAsset {
  readonly uuid: string;
  /** Folder as the database has it: `DCIM/100APPLE`, `PhotoData/CPLAssets/group12`, on a Mac a hexadecimal digit. Absent if it has none. */
  readonly folder?: string;
  /** Name of the original's file in that folder. */
  readonly name?: string;
  readonly kind: 'photo' | 'video' | 'unknown';
  readonly origin: PhotosOrigin;
  /** True if it is in the iCloud Shared Photo Library. Absent where the version does not tell. */
  readonly isInSharedLibrary?: boolean;
  /** Of the original, the still of a Live Photo. */
  readonly original: ClaimedPlace;
  /** Of the moving half; absent if this is no Live Photo. */
  readonly pairedVideo?: ClaimedPlace;
  /** Bytes of the original; of a Live Photo without its moving half. */
  readonly originalBytes?: number;
  readonly pairedVideoBytes?: number;
  /** Name at capture: `IMG_3582.HEIC`, also where the file is stored under a UUID. */
  readonly originalName?: string;
  /** Instant of exposure, milliseconds since 1970 UTC. */
  readonly takenAtMs?: number;
  /** Minutes east of UTC at the place of exposure. */
  readonly offsetMinutes?: number;
  /**
   * In "Recently Deleted". Only if both facts say so, the state and the moment: what is left out of a copy is not left out for
   * a single damaged byte.
   */
  readonly trashedAtMs?: number;
  readonly isHidden: boolean;
  readonly isFavorite: boolean;
  /** False for frames of a burst that nobody picked. */
  readonly isShown: boolean;
  /** Photos shows something other than the original. */
  readonly isEdited: boolean;
  /** The takes of one burst have the same. */
  readonly burstId?: string;
  readonly isBurstPick?: boolean;
  /** Live Photo content identifier, upper case. */
  readonly liveId?: string;
  readonly caption?: string;
  /** Titles of the albums it is in, with those of their folders: `Family/Summer 2023`. */
  readonly albums: readonly string[];
}

/** What is true of the whole library. */
export interface PhotosLibraryFacts {
  /** `PLModelVersion`, for the log. */
  readonly modelVersion?: number;
  /** Whether iCloud Photos is on, as its photos say. Absent: they do not tell. */
  readonly usesICloudPhotos?: boolean;
}
