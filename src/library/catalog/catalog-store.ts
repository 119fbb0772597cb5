// What the rest of the program may ask the catalogue and tell it. One catalogue belongs to one library; the files and the
// manifests are the truth, and the catalogue can be made again from them.

import type {
  AssetId,
  ContentHash,
  ImportId,
  LibraryId,
  RelativePath,
  RemovalId,
  SourceId,
  SourcePath,
} from '../../domain/ids.ts';
import type { AssetKind, CaptureDate, ResourceRole } from '../../domain/media.ts';
import type { PlannedAsset } from '../planned-asset.ts';
import type { AssetSearch } from './asset-search.ts';
import type { CopiesStore } from './copies-store.ts';
import type { PhotosStore } from './photos-store.ts';

export interface CatalogSource {
  readonly id: SourceId;
  readonly kind: string;
  readonly name: string;
}

export interface EntryFacts {
  readonly sizeBytes: number;
  readonly modifiedAtNs: bigint;
}

export interface KnownEntry extends EntryFacts {
  readonly headHash: ContentHash;
}

export interface CatalogResource {
  readonly role: ResourceRole;
  readonly path: RelativePath;
  readonly hash: ContentHash;
  readonly sizeBytes: number;
  /** The removal that took it: it is not in the library any more, and its bytes stay known. */
  readonly removedBy?: RemovalId;
}

export interface FiledResource extends CatalogResource {
  readonly assetId: AssetId;
  readonly modifiedAtNs: bigint;
}

export interface CatalogAsset {
  readonly assetId: AssetId;
  readonly kind: AssetKind;
  readonly date: CaptureDate;
  readonly folder: RelativePath;
  readonly stem: string;
  readonly suffix: number;
  readonly liveId?: string;
  readonly camera?: string;
  readonly resources: readonly CatalogResource[];
}

/** Counts of files, as in the command line's contract. */
export interface ImportCounts {
  readonly found: number;
  readonly imported: number;
  readonly known: number;
  readonly duplicates: number;
  readonly notMedia: number;
  readonly deferred: number;
  readonly failed: number;
  readonly iCloudOnly: number;
  readonly bytes: number;
  /** Of a source that keeps a list of its photos. */
  readonly photos?: PhotosAccount;
}

/**
 * What is true of the photos of a phone or a Mac's library after an import, as its owner counts them: a Live Photo is one. Those that are
 * recently deleted or only shared with the owner are in none of the first five. All numbers are whole and safe.
 */
export interface PhotosAccount {
  /** `absent`: it has no list; `unreadable`: what it has cannot be read. The files alone then say what is on the device. */
  readonly list: 'read' | 'absent' | 'unreadable';
  readonly onDevice: number;
  /** Of those on the device: in the library by now. */
  readonly saved: number;
  /** No longer on the device, and saved before they left it. */
  readonly offloaded: number;
  readonly iCloudOnly: number;
  /** The list or a thumbnail says that there is one, and neither its file nor iCloud has been shown to have it. */
  readonly unknown: number;
  /** Of the originals that are only in iCloud, as far as the list has sizes. */
  readonly iCloudOnlyBytes: number;
  /** Of those: without a size. */
  readonly iCloudOnlyUnsized: number;
  /** Of all originals, wherever they are, as far as the list has sizes. */
  readonly bytes: number;
  /** On the device, to be forgotten by it, and in no photo folder of ours. */
  readonly recentlyDeleted: number;
  /** When the first of them is forgotten: days from the import on. */
  readonly recentlyDeletedDaysLeft?: number;
  /** The same, but not on the device: they cannot be had from it. */
  readonly recentlyDeletedElsewhere: number;
  /** Hidden ones that the owner does not want saved. */
  readonly privateNotSaved: number;
  /** In shared albums, and not saved. */
  readonly sharedNotSaved: number;
  readonly sharedChoice: 'save' | 'leave' | 'ask';
  /** In the library, and no longer on the device nor in its list. */
  readonly keptAfterDeletion: number;
  readonly freeBytes?: number;
  readonly usesICloudPhotos?: boolean;
}

export interface FinishedImport {
  readonly finishedAtMs: number;
  readonly counts: ImportCounts;
  /** Every photo the source shows is accounted for. */
  readonly complete: boolean;
  /** Everything that could be had from the source is saved; what is only in iCloud could not. As `complete` if not given. */
  readonly succeeded?: boolean;
}

export interface SourceSummary extends CatalogSource {
  readonly lastSuccessAtMs?: number;
  readonly lastImport?: Omit<FinishedImport, 'succeeded'>;
}

/** What status says of a source and no manifest tells; the library keeps it in a file of its own (`library/source-history`). */
export interface SourceHistory extends CatalogSource {
  readonly lastSuccessAtMs?: number;
  readonly lastImport?: Omit<FinishedImport, 'succeeded'> & {
    readonly importId: ImportId;
    readonly startedAtMs: number;
  };
  /** How many manifests the imports of this source have left. */
  readonly manifests: number;
}

export interface CatalogSummary {
  readonly assets: number;
  readonly resources: number;
  readonly bytes: number;
  readonly sources: readonly SourceSummary[];
}

/** All methods throw AgentError CATALOG_DAMAGED if the file cannot be read, STATE_WRITE_FAILED if it cannot be written. */
export interface CatalogStore extends Disposable {
  readonly libraryId: LibraryId;
  /** What devices say of their own photos. */
  readonly photos: PhotosStore;
  /** Where copies of the library are, how they are, and what was removed. */
  readonly copies: CopiesStore;
  /** Photos by what the owner calls them. */
  readonly search: AssetSearch;

  findEntry(sourceId: SourceId, path: SourcePath): KnownEntry | undefined;
  /**
   * Size and time of all entries of the source below a folder ('': of all there are), however deep; undefined if there are
   * more than `entriesMax`. For a folder of many entries five times as quick as `findEntry` for each (measured 2026-11).
   */
  findEntriesBelow(query: {
    readonly sourceId: SourceId;
    readonly folder: string;
    readonly entriesMax: number;
  }): ReadonlyMap<SourcePath, EntryFacts> | undefined;
  /** A source from which the library has an entry of this size and beginning. */
  findAlike(query: { sizeBytes: number; headHash: ContentHash }): SourceId | undefined;
  /** Adds `shiftNs` to the times of these entries: a FAT card seen from another time zone or after a change to summer time. */
  shiftEntryTimes(sourceId: SourceId, paths: readonly SourcePath[], shiftNs: bigint): void;

  /**
   * The asset that holds these bytes as an original (primary, alternate or paired video); one that the owner removed if no other
   * does. In the next three, too, what is there comes before what was removed.
   */
  findOriginal(hash: ContentHash): AssetId | undefined;
  getAsset(assetId: AssetId): CatalogAsset | undefined;
  /** Assets with a file from this folder of the source under this candidate key. */
  findAssetsByKey(query: { sourceId: SourceId; folder: string; key: string }): readonly AssetId[];
  /** The asset with this Live Photo identifier and a file from this folder of the source. */
  findAssetByLiveId(query: { sourceId: SourceId; folder: string; liveId: string }): AssetId | undefined;
  /** Photos exposed by this camera body in this moment under this stem. */
  findAssetByExposure(query: { camera: string; local: string; stem: string }): AssetId | undefined;
  /** The file of the library at this path, or at one that equals it but for case and accents; also one that was removed. */
  findFiled(path: RelativePath): FiledResource | undefined;
  /** Assets with a file of the library under this folded folder and stem (`stemKeyOf`). */
  findFiledByStem(stemKey: string): readonly AssetId[];
  /** The asset with this Live Photo identifier and a file in this folder of the library. */
  findFiledByLiveId(query: { folder: string; liveId: string }): AssetId | undefined;
  /** True if another asset than `except` has, or had until it was removed, a file with this folded folder and stem. */
  isStemTaken(stemKey: string, except?: AssetId): boolean;
  isPathTaken(path: RelativePath): boolean;

  beginImport(options: { importId: ImportId; source: CatalogSource; startedAtMs: number }): void;
  /** @throws Error if there is no such import. */
  /** Photos and videos that this import brought files of. */
  countAssets(importId: ImportId): number;
  importOrigin(importId: ImportId): { readonly source: CatalogSource; readonly startedAtMs: number };
  finishImport(importId: ImportId, result: FinishedImport): void;
  /** True if anything of this source was saved, or found to be saved already. */
  hasEntriesOf(sourceId: SourceId): boolean;
  /** True if the import of this source that was begun last came to its end, whatever it found. */
  isLastImportFinished(sourceId: SourceId): boolean;
  /** The one that was begun last, whatever its clock said. */
  latestImport(): ImportId | undefined;
  /** Imports that began and never finished: killed, or under way. */
  unfinishedImports(): readonly ImportId[];
  /** Forgets that an import is open, after its manifest was completed. */
  closeImport(importId: ImportId): void;

  /** Durable step `journal`: these are about to be published. */
  journal(importId: ImportId, plans: readonly PlannedAsset[]): void;
  journalled(): readonly { readonly importId: ImportId; readonly plan: PlannedAsset }[];
  /**
   * Durable step `record`: these are published; their journal entries go. One transaction. `manifestBytes` is the size of the
   * import's manifest, all of whose lines are recorded by now; left out, the manifest is read to be sure at the next start.
   */
  record(importId: ImportId, plans: readonly PlannedAsset[], manifestBytes?: number): void;
  /** Takes back journal entries of assets that will not be published. */
  forgetJournal(assetIds: readonly AssetId[]): void;

  hasImport(importId: ImportId): boolean;
  /** The manifests whose lines are recorded, with the size they had then, if that is known. */
  manifests(): ReadonlyMap<ImportId, number | undefined>;
  /** All lines of a manifest of this size are recorded. */
  noteManifest(id: ImportId, sizeBytes: number): void;
  /** In the order of the sources' ids. */
  sourceHistory(): readonly SourceHistory[];
  /** Takes over what a library remembers of its sources. What the catalogue knows of a later import stays. */
  restoreHistory(history: readonly SourceHistory[]): void;

  /** Reads everything: true if no part contradicts another. Takes a second or so for 100,000 photos. */
  isWhole(): boolean;
  isEmpty(): boolean;
  summarize(): CatalogSummary;
  /** Writes a consistent copy to `path`, which must not exist. */
  snapshotTo(path: string): void;
}
