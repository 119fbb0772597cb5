// A catalogue in memory, made from what lies on a drive (or in a library whose own catalogue is lost): enough to know which files
// are one photo, when and by which device it was taken, and what each file must hold. The drive may be anybody's: what it says is
// checked line by line, and a record that cannot be read costs what it says, never the photos.

import { stat } from 'node:fs/promises';
import { isPathOfPhoto } from '../copies/checksum-list.ts';
import { type AgentError, isAgentError } from '../domain/errors.ts';
import type { AbsolutePath, ContentHash, LibraryId, RelativePath } from '../domain/ids.ts';
import type { CaptureDate, DateBasis, ResourceRole } from '../domain/media.ts';
import type { CatalogStore } from '../library/catalog/catalog-store.ts';
import { openCatalog } from '../library/catalog/sqlite-catalog.ts';
import { type Library, libraryFolders } from '../library/library.ts';
import {
  listManifests,
  type ManifestFile,
  type ManifestHeader,
  readManifest,
  readManifestHeader,
} from '../library/manifest.ts';
import type { PlannedAsset, PlannedResource } from '../library/planned-asset.ts';
import { readRemovalSteps, removalLogBytes } from '../library/removal-log.ts';
import { readHistory } from '../library/source-history.ts';

export interface RecordsOfTree extends Disposable {
  readonly catalog: CatalogStore;
  /** False: it also has the names that files had before they were moved. */
  readonly isUpToDate: boolean;
  /** The owner removed what had these bytes under this name. */
  readonly isRemoved: (path: RelativePath, hash: ContentHash) => boolean;
  /** Records that cannot be read: what they say of photos is not known. */
  readonly failures: readonly { readonly path: string; readonly error: AgentError }[];
  /** Lines that name what is no path of a photo, or are no facts: left out. */
  readonly badLines: number;
}

const linesPerTransaction = 1000;
const linesMax = 5_000_000;
const textLengthMax = 4096;
/** SQLite's integers; nanoseconds from the year 1678 to 2262. */
const nanosecondsMax = 2n ** 63n - 1n;

/**
 * Unlike a rebuild, it keeps what is not there: that is to be named, not forgotten.
 * @throws AgentError LIBRARY_DAMAGED if the folder of the records cannot be read at all; the signal's reason.
 */
export async function readRecordsOf(root: AbsolutePath, signal: AbortSignal): Promise<RecordsOfTree> {
  const catalog = openCatalog({ path: ':memory:', libraryId: 'restored' as LibraryId });
  try {
    const failures: { path: string; error: AgentError }[] = [];
    const tally = { lines: 0, bad: 0 };
    const { imports } = libraryFolders(root);
    for (const { file, header } of await readHeaders(imports, failures)) {
      signal.throwIfAborted();
      try {
        await takeManifest({ catalog, file, header, tally, signal });
      } catch (error) {
        if (!isAgentError(error, 'LIBRARY_DAMAGED', 'LIBRARY_TOO_NEW')) throw error;
        failures.push({ path: `.keepsake/imports/${file.id}.jsonl`, error });
      }
    }
    await takeNames(catalog, root);
    const isRemoved = await readRemoved(root, failures);
    return {
      ...{ catalog, isRemoved, failures, badLines: tally.bad, isUpToDate: false },
      [Symbol.dispose]: () => catalog[Symbol.dispose](),
    };
  } catch (error) {
    catalog[Symbol.dispose]();
    throw error;
  }
}

interface HeadedManifest {
  readonly file: ManifestFile;
  readonly header: ManifestHeader;
}

/** In the order in which the imports were begun: a later line for a name replaces an earlier one's. */
async function readHeaders(
  imports: AbsolutePath,
  failures: { path: string; error: AgentError }[],
): Promise<readonly HeadedManifest[]> {
  if ((await stat(imports).catch(() => undefined)) === undefined) return []; // the photos themselves are what counts
  const headed: HeadedManifest[] = [];
  for (const file of await listManifests(imports)) {
    try {
      const header = await readManifestHeader(file.path);
      if (header !== undefined) headed.push({ file, header });
    } catch (error) {
      if (!isAgentError(error, 'LIBRARY_DAMAGED', 'LIBRARY_TOO_NEW')) throw error;
      failures.push({ path: `.keepsake/imports/${file.id}.jsonl`, error });
    }
  }
  return headed.sort((one, other) => Date.parse(one.header.startedAt) - Date.parse(other.header.startedAt));
}

async function takeManifest(of: {
  readonly catalog: CatalogStore;
  readonly file: ManifestFile;
  readonly header: ManifestHeader;
  readonly tally: { lines: number; bad: number };
  readonly signal: AbortSignal;
}): Promise<void> {
  const { catalog, file, header, tally, signal } = of;
  const { importId, source, startedAt } = header;
  if (!catalog.hasImport(importId)) {
    catalog.beginImport({ importId, source, startedAtMs: Date.parse(startedAt) });
    catalog.closeImport(importId);
  }
  let lines: PlannedAsset[] = [];
  const record = () => {
    signal.throwIfAborted();
    catalog.record(importId, lines);
    lines = [];
  };
  try {
    for await (const { plan } of readManifest(file.path)) {
      tally.lines += 1;
      if (tally.lines > linesMax) break;
      const sound = soundPlan(plan);
      if (sound === undefined) tally.bad += 1;
      else if (sound.resources.length > 0) lines.push(sound); // one without a file names bytes of other lines
      if (lines.length === linesPerTransaction) record();
    }
  } finally {
    if (!signal.aborted) record(); // also what stands before a line that is damaged
  }
}

const roles: ReadonlySet<string> = new Set([
  'original',
  'alternate',
  'pairedVideo',
  'edited',
  'editedVideo',
  'adjustments',
  'xmp',
  'googleMetadata',
  'thumbnail',
  'lowResolution',
] satisfies ResourceRole[]);
const bases: ReadonlySet<string> = new Set([
  'exif',
  'quicktime',
  'sidecar',
  'photosList',
  'fileName',
  'mtime',
] satisfies DateBasis[]);

/** A line of a manifest as it may be believed; undefined for one that no Keepsake wrote. Exported for tests. Pure. */
export function soundPlan(plan: PlannedAsset): PlannedAsset | undefined {
  const { date: _, becomesPairedVideo, liveId, camera, ...facts } = plan;
  const texts: readonly unknown[] = [
    plan.assetId,
    plan.folder,
    plan.stem,
    liveId ?? '',
    camera ?? '',
    becomesPairedVideo ?? '',
  ];
  if (!texts.every(isShortText) || !['photo', 'video'].includes(plan.kind)) return undefined;
  if (!Number.isSafeInteger(plan.suffix) || !plan.resources.every(isSoundResource)) return undefined;
  return {
    ...facts,
    date: soundDate(plan.date),
    ...(liveId === undefined ? {} : { liveId }),
    ...(camera === undefined ? {} : { camera }),
    ...(becomesPairedVideo !== undefined && isPathOfPhoto(becomesPairedVideo) ? { becomesPairedVideo } : {}),
    duplicates: [],
  };
}

function isSoundResource({ role, path, hash, sizeBytes, modifiedAtNs, originalName, entry }: PlannedResource): boolean {
  const texts: readonly unknown[] = [path, originalName, entry.sourceId, entry.path, entry.key, entry.headHash];
  return (
    texts.every(isShortText) &&
    isPathOfPhoto(path) &&
    roles.has(role) &&
    /^sha256:[0-9a-f]{64}$/.test(hash) &&
    [sizeBytes, entry.sizeBytes].every((size) => Number.isSafeInteger(size) && size >= 0) &&
    [modifiedAtNs, entry.modifiedAtNs].every((time) => time <= nanosecondsMax && time >= -nanosecondsMax)
  );
}

function isShortText(text: unknown): boolean {
  return typeof text === 'string' && text.length <= textLengthMax;
}

function soundDate(date: CaptureDate): CaptureDate {
  const given: Partial<Record<'basis' | 'local' | 'offsetMinutes', unknown>> | null = date;
  const isSound =
    typeof given?.basis === 'string' &&
    bases.has(given.basis) &&
    typeof given.local === 'string' &&
    /^\d{4}-\d{2}-\d{2}T[\d:.]{5,30}$/.test(given.local) &&
    (given.offsetMinutes === undefined || Number.isSafeInteger(given.offsetMinutes));
  return isSound ? date : { basis: 'undated' };
}

/** What lies at a path, as a library that is only looked at: nothing is locked, and nothing may be written by it. */
export function viewOfLibrary(root: AbsolutePath, id: LibraryId): Library {
  return {
    id,
    folders: libraryFolders(root),
    abilities: { hardLinks: false, caseSensitive: true },
    assertPresent: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** What the devices were called last. */
async function takeNames(catalog: CatalogStore, root: AbsolutePath): Promise<void> {
  const history = await readHistory(viewOfLibrary(root, 'restored' as LibraryId));
  if (history !== undefined) catalog.restoreHistory(history);
}

/** What the owner removed and did not take back, be it in a trash still or nowhere. */
async function readRemoved(
  root: AbsolutePath,
  failures: { path: string; error: AgentError }[],
): Promise<RecordsOfTree['isRemoved']> {
  const removed = new Set<string>();
  const hashes = new Map<string, ContentHash>();
  const keyOf = (word: string, path: string) => `${word} ${path}`;
  const folders = libraryFolders(root);
  try {
    if ((await removalLogBytes(folders)) === undefined) return () => false;
    for await (const { step } of readRemovalSteps(folders)) {
      if (step.kind === 'remove') {
        for (const { path, hash } of step.files) {
          removed.add(keyOf(hash, path));
          hashes.set(keyOf(step.id, path), hash);
        }
      } else if (step.kind === 'takeBack') {
        for (const path of step.paths) removed.delete(keyOf(hashes.get(keyOf(step.id, path)) ?? '', path));
      }
    }
  } catch (error) {
    if (!isAgentError(error, 'LIBRARY_DAMAGED', 'LIBRARY_TOO_NEW')) throw error;
    failures.push({ path: '.keepsake/removed.jsonl', error });
  }
  return (path, hash) => removed.has(keyOf(hash, path));
}
