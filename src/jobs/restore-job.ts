// Gives photos back from the library or a drive: lists what is there and what should be, chooses, plans where each goes, and
// writes what is, byte for byte, what was saved. Reads as the table of contents; run again it goes on where it stopped.

import { type ApplePhotosPlan, type PhotosAsset, planForApplePhotos } from '../copies/apple-photos.ts';
import { describeApplePhotos, listLeftOut, listName, pageName } from '../copies/apple-photos-page.ts';
import { type ChecksumList, readChecksumList } from '../copies/checksum-list.ts';
import { copyFolders } from '../copies/drive-marker.ts';
import { asRestoreError, endsRestore } from '../copies/restore-errors.ts';
import { listStored, type StoredFile, type StoredTree } from '../copies/restore-list.ts';
import { type ApplePhotosFacts, type RestoreReport, RestoreTally } from '../copies/restore-report.ts';
import { elsewhere, type GivenGroup, placeOf, RestoreRun } from '../copies/restore-run.ts';
import type { RestoreSource } from '../copies/restore-source.ts';
import { findTarget, openRestoreTarget, type RestoreTarget } from '../copies/restore-target.ts';
import { writeText } from '../copies/restore-text.ts';
import { AgentError, isAgentError, systemErrorCode } from '../domain/errors.ts';
import type { AssetId, ContentHash, RelativePath } from '../domain/ids.ts';
import type { ImportProgress } from '../domain/progress.ts';
import type { CatalogStore } from '../library/catalog/catalog-store.ts';
import { shelfFolders } from '../library/layout.ts';
import type { NamedDevice, Query } from '../library/query.ts';
import type { StepObserver } from '../platform/durable-write.ts';
import type { Log } from '../platform/log.ts';
import type { RecordsOfTree } from './restore-catalog.ts';
import { choose, groupFiles, restoreNaming } from './restore-choice.ts';

export interface RestoreJobOptions {
  readonly source: RestoreSource;
  readonly records: Omit<RecordsOfTree, typeof Symbol.dispose>;
  /** Undefined: all. */
  readonly queries: readonly Query[] | undefined;
  readonly devices: readonly NamedDevice[];
  /** Absolute. */
  readonly to: string;
  readonly forApplePhotos: boolean;
  readonly dryRun: boolean;
  readonly log?: Log | undefined;
  readonly onProgress: (progress: ImportProgress) => void;
  readonly observeStep: StepObserver;
  /** Smaller in tests. */
  readonly batchFilesMax?: number | undefined;
  readonly signal: AbortSignal;
}

/**
 * What stops it midway is in the report.
 * @throws AgentError for what cannot start: RESTORE_UNSUITABLE, USAGE, DRIVE_READ_FAILED, DRIVE_GONE, LIBRARY_GONE.
 */
export async function restoreFiles(options: RestoreJobOptions): Promise<RestoreReport> {
  const { source, records, forApplePhotos, dryRun, log } = options;
  const root = await findTarget(options.to);
  const tally = new RestoreTally();
  const chosen = choose(await listAll(options, tally), { ...options, catalog: records.catalog });
  const plan = forApplePhotos ? planForApplePhotos(photosOf(records.catalog, chosen.files)) : undefined;
  const groups = plan === undefined ? groupFiles(chosen.files) : placeGroups(plan, chosen.files);
  const facts = plan === undefined ? undefined : factsOf(plan);
  for (const path of chosen.odd) tally.fail(path, notAFile(path, source));
  const ending = { from: source.root, to: root, dryRun, forApplePhotos: facts };
  if (dryRun) {
    for (const file of chosen.absent) tally.fail(file.path, missing(file.path, source));
    for (const file of groups.flat()) {
      tally.restored += 1;
      tally.bytes += file.sizeBytes;
      if (file.hashes.length === 0) tally.doubt(file.path);
    }
    return tally.report(ending);
  }
  let stop: AgentError | undefined;
  const unproven: Unproven[] = [];
  try {
    await using target = await openRestoreTarget(root);
    await giveAll(options, { target, groups, tally, unproven });
    if (plan !== undefined) await writePages(target, plan);
  } catch (error) {
    stop = asStop(error, options.signal);
  }
  // One whose bytes were found under a name that nobody knew was moved there by hand, on the drive.
  const expected = new Set(chosen.absent.map(({ hash }) => hash));
  const found = new Set(unproven.map(({ hash }) => hash).filter((hash) => expected.has(hash)));
  for (const { hash, path } of unproven) if (!found.has(hash)) tally.doubt(path);
  if (stop === undefined)
    for (const file of chosen.absent) if (!found.has(file.hash)) tally.fail(file.path, missing(file.path, source));
  const report = tally.report({ ...ending, stop });
  const { restored, already, failed, bytes, stopped } = report;
  log?.info({ from: source.kind, restored, already, failed, bytes, code: stopped?.code }, 'restored');
  return report;
}

/** A file of which nobody knows what its bytes should be, with what they are. */
interface Unproven {
  readonly path: string;
  readonly hash: ContentHash;
}

/** What lies there and what should, with what is wrong with the records themselves in the tally. */
async function listAll(options: RestoreJobOptions, tally: RestoreTally): Promise<StoredTree> {
  const { source, records, signal, onProgress } = options;
  for (const { path, error } of records.failures) tally.fail(path, error);
  const checksums = source.kind === 'drive' ? await readList(options, tally) : undefined;
  const badLines = records.badLines + (checksums?.badLines ?? 0);
  if (badLines > 0) tally.fail('.keepsake', badRecords(source, badLines, checksums?.refused ?? []));
  const looking = { phase: 'looking', filesTotal: 0, bytes: 0, bytesTotal: 0, name: '' } as const;
  try {
    return await listStored({
      ...{ source, checksums, signal },
      copies: records.catalog.copies,
      isUpToDate: records.isUpToDate,
      isRemoved: records.isRemoved,
      onListed: (files) => onProgress({ ...looking, files }),
    });
  } catch (error) {
    const code = systemErrorCode(error);
    if (signal.aborted || code === undefined) throw error;
    await source.assertPresent();
    throw new AgentError('DRIVE_READ_FAILED', `A folder ${placeOf(source)} cannot be read (${code}).`, {
      remedy: 'Unplug the drive, plug it in again and try once more. If it happens again, use another drive.',
      cause: error,
    });
  }
}

async function readList({ source, signal }: RestoreJobOptions, tally: RestoreTally): Promise<ChecksumList | undefined> {
  const { checksums: path } = copyFolders(source.root);
  const list = await readChecksumList(path, signal);
  if (list === 'none') return undefined;
  if (list !== 'unreadable') return list;
  tally.fail(
    '.keepsake/copy.sha256',
    new AgentError('DRIVE_DAMAGED', `The list of files ${placeOf(source)} cannot be read.`, {
      remedy: 'The photos were compared with what was noted when they were saved instead.',
    }),
  );
  return undefined;
}

async function giveAll(
  options: RestoreJobOptions,
  of: {
    readonly target: RestoreTarget;
    readonly groups: readonly GivenGroup[];
    readonly tally: RestoreTally;
    readonly unproven: Unproven[];
  },
): Promise<void> {
  const { source, onProgress, observeStep, batchFilesMax, signal } = options;
  const { target, groups, tally, unproven } = of;
  const files = groups.flat();
  const bytesTotal = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const run = new RestoreRun({
    ...{ source, target, tally, observeStep, batchFilesMax, signal },
    naming: restoreNaming,
    plannedStems: new Set(files.map(({ to }) => restoreNaming.stemKey(to))),
    ownersOnly: shelfFolders.hidden as RelativePath,
    onGiven: (file, hash) => {
      if (file.hashes.length === 0) unproven.push({ path: file.path, hash });
    },
    onProgress: (far) =>
      onProgress({
        ...{ phase: 'saving', files: far.files, filesTotal: files.length, bytes: far.bytes, bytesTotal },
        name: far.path.slice(far.path.lastIndexOf('/') + 1),
      }),
  });
  for (const group of groups) {
    signal.throwIfAborted();
    await run.give(group);
  }
  await run.finish();
}

function asStop(error: unknown, signal: AbortSignal): AgentError {
  if (signal.aborted) {
    return new AgentError('INTERRUPTED', 'Restoring was stopped.', {
      remedy: 'What is there is whole. Run the same command again: it goes on from here.',
      cause: error,
    });
  }
  if (endsRestore(error) && isAgentError(error)) return error;
  throw error;
}

function photosOf(catalog: CatalogStore, files: readonly StoredFile[]): readonly PhotosAsset[] {
  const { hidden } = shelfFolders;
  const assets: PhotosAsset[] = [];
  const byAsset = Map.groupBy(files, ({ assetId, path }): AssetId | RelativePath => assetId ?? path);
  for (const [key, group] of byAsset) {
    const sorted = group.toSorted((one, other) => rank(one) - rank(other) || (one.path < other.path ? -1 : 1));
    const asset = sorted[0]?.assetId === undefined ? undefined : catalog.getAsset(key as AssetId);
    assets.push({
      takenAt: asset === undefined || asset.date.basis === 'undated' ? undefined : asset.date.local,
      isHidden: sorted.some(({ path }) => path.startsWith(`${hidden}/`)),
      suffix: asset === undefined || asset.suffix === 1 ? undefined : `~${asset.suffix}`,
      files: sorted.map(({ path, role, hashes }) => ({ path, role, hash: hashes[0] })),
    });
  }
  return assets;
}

/** The photo itself comes first. */
function rank({ role }: StoredFile): number {
  return role === 'original' || role === undefined ? 0 : 1;
}

function placeGroups(plan: ApplePhotosPlan, files: readonly StoredFile[]): readonly GivenGroup[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const all = [...plan.groups, ...plan.leftOut.map((each) => [each])];
  return all.map((group) =>
    group.flatMap(({ path, to }) => {
      const file = byPath.get(path);
      return file === undefined ? [] : [{ ...file, to }];
    }),
  );
}

function factsOf({ folders, leftOut, same }: ApplePhotosPlan): ApplePhotosFacts {
  return { folders, notForPhotos: leftOut.length, same: same.length };
}

async function writePages(target: RestoreTarget, plan: ApplePhotosPlan): Promise<void> {
  try {
    await writeText(target, pageName as RelativePath, describeApplePhotos(plan));
    const list = listLeftOut(plan);
    if (list !== undefined) await writeText(target, listName as RelativePath, list);
  } catch (error) {
    throw asRestoreError(error, target.root);
  }
}

export function missing(path: string, source: RestoreSource): AgentError {
  return new AgentError('FILE_CORRUPT', `"${path}" is missing ${placeOf(source)}.`, { remedy: elsewhere });
}

function notAFile(path: string, source: RestoreSource): AgentError {
  return new AgentError(
    'NAME_UNSUITABLE',
    `"${path}" ${placeOf(source)} is no ordinary file, or its name is no text.`,
    {
      remedy: 'It was not given back: photos are never links. Copy it by hand if you need it.',
    },
  );
}

function badRecords(source: RestoreSource, lines: number, refused: readonly string[]): AgentError {
  const example = refused[0] === undefined ? '' : ` The first: "${refused[0]}".`;
  return new AgentError(
    'DRIVE_DAMAGED',
    `${lines} ${lines === 1 ? 'line' : 'lines'} of the records ${placeOf(source)} cannot be understood.${example}`,
    { remedy: 'What they name was left alone. The photos that are known otherwise were given back.' },
  );
}
