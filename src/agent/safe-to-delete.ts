// Whether what was saved from a phone or card could be deleted there. Nothing is taken from memory: every file is read again, in
// the library and on each drive that is connected, and only what was right just now counts. Keepsake itself deletes nothing there.

import { join } from 'node:path';
import { openDrive } from '../copies/drive.ts';
import { judgeFile } from '../copies/judge-file.ts';
import { folderOf, RealFolders } from '../copies/real-folders.ts';
import { AgentError } from '../domain/errors.ts';
import type { AbsolutePath, DriveId, RelativePath, SourceId } from '../domain/ids.ts';
import type { SourceProgress } from '../domain/progress.ts';
import type { PhotosAccount, SourceSummary } from '../library/catalog/catalog-store.ts';
import type { LibraryFile } from '../library/catalog/copies-store.ts';
import { identifyDisk } from '../platform/disk-identity.ts';
import { DiskReader } from '../platform/disk-reread.ts';
import type { Device } from './devices.ts';
import { isSharing } from './drive-status.ts';
import type { Drives } from './drives.ts';
import { type LibraryWorkOptions, type OpenLibraryWork, withLibrary } from './library-work.ts';

/** More are counted only. */
const namedMax = 1000;
/** A photo has to be on so many physical disks. */
const disksMin = 2;

export interface SafeToDeleteWish {
  /** Id or name; undefined: every phone and card. */
  readonly device?: string | undefined;
  readonly library?: string | undefined;
  readonly onProgress: (progress: SourceProgress) => void;
  readonly signal: AbortSignal;
}

export interface DeviceSafety {
  readonly id: string;
  readonly name: string;
  readonly kind: string;
  /** When it was last looked at (ISO 8601, UTC). What came onto it since is not in these numbers. */
  readonly asOf: string | null;
  /** Photos and videos that came from it. */
  readonly photos: number;
  /** Of those: whole, and on two disks, each file read just now. */
  readonly safe: number;
  readonly notSafe: number;
  /** On it, and not in the library. */
  readonly notSaved: number;
  /** False: the last time not all of it was looked at, so what is on it is not known. */
  readonly isLookedAt: boolean;
  /** False only if iCloud Photos is proven to be off: deleting there then deletes nowhere else. */
  readonly deletesElsewhere: boolean;
  /** By the path of its main file in the library. */
  readonly notSafePaths: readonly string[];
}

export interface SafeToDelete {
  readonly devices: readonly DeviceSafety[];
  readonly safe: number;
  readonly notSafe: number;
  readonly notSaved: number;
  /** By name: where copies were read, beside the library. */
  readonly drives: readonly string[];
}

/** @throws AgentError DEVICE_UNKNOWN; as `withLibrary`; LIBRARY_GONE, DRIVE_GONE; the signal's reason. */
export async function safeToDelete(
  options: LibraryWorkOptions & {
    readonly wish: SafeToDeleteWish;
    readonly devices: readonly Device[];
    readonly drives: Drives;
  },
): Promise<SafeToDelete> {
  const { wish, drives, signal } = options;
  return await withLibrary(options, async (open) => {
    const { library, catalog } = open;
    const wanted = chooseSources(catalog.summarize().sources, options.devices, wish.device);
    const places: ReadPlace[] = [
      {
        ...{ place: 'library', root: library.folders.root, diskKey: (await identifyDisk(library.folders.root)).key },
        assertPresent: () => library.assertPresent(),
      },
    ];
    const names: string[] = [];
    using uses = new DisposableStack();
    for (const { drive, root } of (await drives.see(library.id, signal)).attached) {
      uses.use(drives.uses.begin(drive));
      const { id, libraryId, name, diskKey } = drive;
      const opened = await openDrive({ id, libraryId, name, root, forReading: true });
      const folders = new RealFolders(root);
      places.push({ place: id, root, diskKey, folders, assertPresent: () => opened.assertPresent() });
      names.push(name);
    }
    const devices: DeviceSafety[] = [];
    for (const source of wanted) devices.push(await judgeSource(options, open, { source, places }));
    const sum = (of: (device: DeviceSafety) => number) => devices.reduce((total, device) => total + of(device), 0);
    return {
      devices,
      safe: sum(({ safe }) => safe),
      notSafe: sum(({ notSafe }) => notSafe),
      notSaved: sum(({ notSaved }) => notSaved),
      drives: names,
    };
  });
}

interface ReadPlace {
  readonly place: 'library' | DriveId;
  readonly root: AbsolutePath;
  readonly diskKey: string;
  /** Of a drive: what lies behind a link is no copy. */
  readonly folders?: RealFolders;
  assertPresent(): Promise<void>;
}

function chooseSources(
  sources: readonly SourceSummary[],
  devices: readonly Device[],
  text: string | undefined,
): readonly SourceSummary[] {
  const named = sources.map((source) => ({
    ...source,
    name: devices.find(({ id }) => id === source.id)?.name ?? source.name,
  }));
  if (text === undefined) return named.filter(({ kind }) => kind === 'iphone' || kind === 'card');
  const fitting = named.filter(
    ({ id, name }) => id === text || name === text || (text.length >= 4 && id.startsWith(text)),
  );
  const [only] = fitting;
  if (only !== undefined && fitting.length === 1) return [only];
  throw new AgentError(
    'DEVICE_UNKNOWN',
    fitting.length === 0 ? `Nothing was ever saved from "${text}".` : `Several are called "${text}".`,
    { remedy: 'Look at the list and use the id in it: keepsake devices' },
  );
}

async function judgeSource(
  { wish, signal }: { readonly wish: SafeToDeleteWish; readonly signal: AbortSignal },
  { catalog }: OpenLibraryWork,
  { source, places }: { readonly source: SourceSummary; readonly places: readonly ReadPlace[] },
): Promise<DeviceSafety> {
  const { copies } = catalog;
  const reader = new DiskReader();
  const assets = copies.assetsOf(source.id as SourceId);
  const notSafePaths: RelativePath[] = [];
  let [photos, safe, bytes] = [0, 0, 0];
  for (const assetId of assets) {
    signal.throwIfAborted();
    const files = copies.filesOfAsset(assetId).filter(({ removedBy }) => removedBy === undefined);
    if (files.length === 0) continue; // its owner removed it
    photos += 1;
    let isSafe = true;
    for (const file of files) {
      bytes += file.sizeBytes;
      isSafe &&= (await countDisks({ file, places, reader, copies, signal })) >= disksMin;
    }
    if (isSafe) safe += 1;
    else if (notSafePaths.length < namedMax) notSafePaths.push(mainPath(files));
    wish.onProgress({
      ...{ phase: 'saving', files: photos, filesTotal: assets.length, bytes, bytesTotal: bytes },
      ...{ name: files[0]?.path ?? '', sourceName: source.name },
    });
  }
  for (const { assertPresent } of places) await assertPresent();
  const last = source.lastImport;
  const counts = last?.counts;
  // What an import that was cut off did not come to is in none of these.
  const reached = counts === undefined ? 0 : counts.imported + counts.known + counts.duplicates + counts.notMedia;
  const open = counts === undefined ? 0 : Math.max(counts.failed + counts.deferred, counts.found - reached);
  return {
    ...{ id: source.id, name: source.name, kind: source.kind, photos, safe, notSafe: photos - safe, notSafePaths },
    isLookedAt: catalog.isLastImportFinished(source.id),
    asOf: last === undefined ? null : new Date(last.finishedAtMs).toISOString(),
    notSaved: counts?.photos === undefined ? open : notSavedOf(counts.photos, open),
    deletesElsewhere: source.kind === 'iphone' && counts?.photos?.usesICloudPhotos !== false,
  };
}

/** Whatever Photos shows on it and the library does not have: deleting there would lose it, wherever its original is. */
function notSavedOf(photos: PhotosAccount, open: number): number {
  const { onDevice, saved, privateNotSaved, iCloudOnly, unknown } = photos;
  return Math.max(open, onDevice - saved) + privateNotSaved + iCloudOnly + unknown;
}

/** Physical disks that gave this file's bytes just now. */
async function countDisks(of: {
  readonly file: LibraryFile;
  readonly places: readonly ReadPlace[];
  readonly reader: DiskReader;
  readonly copies: OpenLibraryWork['catalog']['copies'];
  readonly signal: AbortSignal;
}): Promise<number> {
  const { file, places, reader, copies, signal } = of;
  const disks = new Set<string>();
  for (const { place, root, diskKey, folders } of places) {
    if (place !== 'library' && copies.copied(place, file.path)?.hash !== file.hash) continue;
    if ((await folders?.standing(folderOf(file.path))) === 'otherwise') continue;
    const kind = await judgeFile(join(root, file.path) as AbsolutePath, { file, reader, signal });
    // One that shares a disk with another place is no further one.
    if (kind === undefined && ![...disks].some((disk) => disk === diskKey || isSharing(disk, diskKey)))
      disks.add(diskKey);
  }
  return disks.size;
}

function mainPath(files: readonly LibraryFile[]): RelativePath {
  return (files.find(({ role }) => role === 'original') ?? files[0])?.path as RelativePath;
}
