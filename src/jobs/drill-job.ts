// The quarterly drill: some photos, chosen by chance, are given back from each drive into a scratch folder, as a restore would,
// and compared with what was saved. It proves the way back, which no check of a disk does. Whoever calls it speaks of failures only.

import { lstat, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { RestoreTally } from '../copies/restore-report.ts';
import { type GivenFile, type GivenGroup, RestoreRun } from '../copies/restore-run.ts';
import { openRestoreSource, type RestoreSource } from '../copies/restore-source.ts';
import { findTarget, openRestoreTarget } from '../copies/restore-target.ts';
import { isAgentError } from '../domain/errors.ts';
import type { AbsolutePath, AssetId, DriveId, RelativePath } from '../domain/ids.ts';
import type { CatalogStore } from '../library/catalog/catalog-store.ts';
import type { LibraryFile } from '../library/catalog/copies-store.ts';
import { shelfFolders } from '../library/layout.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { count, integer } from '../platform/shapes.ts';
import { readSpace, statOrUndefined } from '../platform/volume.ts';
import { restoreNaming } from './restore-choice.ts';
import { missing } from './restore-job.ts';

/** The name of the note that the catalogue keeps the last drill under. */
export const drillNote = 'drill';
export const drillAssets = 20;
const drillBytesMax = 2 * 1024 ** 3;
/** Of what is free where the scratch folder is. */
const drillSpaceShare = 0.1;
const dayMs = 24 * 60 * 60_000;
const drillEveryMs = 90 * dayMs;
/** After one that failed. */
const drillAgainMs = 7 * dayMs;
const failuresMax = 100;
const scratchPrefix = 'drill-';

export interface DrillFailure {
  readonly drive: DriveId;
  readonly path: string;
  readonly code: string;
}

export interface DrillReport {
  readonly atMs: number;
  /** Given back and right. */
  readonly files: number;
  readonly failed: readonly DrillFailure[];
}

export interface DrillDrive {
  readonly id: DriveId;
  /** Of the copy: `<drive>/Keepsake/<library name>`. */
  readonly root: AbsolutePath;
}

export interface DrillOptions {
  readonly catalog: CatalogStore;
  /** Attached. */
  readonly drives: readonly DrillDrive[];
  /** A folder of ours for what is gone again afterwards. Made if need be. */
  readonly scratch: AbsolutePath;
  readonly clock: Clock;
  readonly log: Log;
  /** From 0 up to 1. */
  readonly random?: () => number;
  readonly assetsPerDrive?: number;
  readonly signal: AbortSignal;
}

const reportSchema = v.object({
  atMs: integer,
  files: count,
  failed: v.array(v.object({ drive: v.string(), path: v.string(), code: v.string() })),
});

/**
 * True if it is time for one: 90 days after the last, 7 after one that failed. `note` is what the catalogue has. One that cannot be
 * read counts as none, and so does one of a time that has not come yet: the clock was wrong then, or is now. Pure.
 */
export function isDrillDue(note: string | undefined, nowMs: number): boolean {
  const last = readDrillNote(note);
  if (last === undefined || last.atMs > nowMs) return true;
  return nowMs - last.atMs >= (last.failed.length > 0 ? drillAgainMs : drillEveryMs);
}

/** The last drill; undefined if there was none, or its note cannot be read. Pure. */
export function readDrillNote(note: string | undefined): DrillReport | undefined {
  if (note === undefined) return undefined;
  try {
    const parsed = v.safeParse(reportSchema, JSON.parse(note));
    if (!parsed.success) return undefined;
    const failed = parsed.output.failed.map(({ drive, ...rest }) => ({ ...rest, drive: drive as DriveId }));
    return { ...parsed.output, failed };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * Runs one drill and records it. Undefined, and nothing recorded, if there was nothing to try it on, or no room for it.
 * A drive that is unplugged meanwhile is left out.
 * @throws AgentError RESTORE_FULL, RESTORE_FAILED for the scratch folder, STATE_WRITE_FAILED; the signal's reason. Nothing is left.
 */
export async function runDrill(options: DrillOptions): Promise<DrillReport | undefined> {
  const { catalog, drives, scratch, clock, log } = options;
  const failed: DrillFailure[] = [];
  let files = 0;
  let isTried = false;
  await mkdir(scratch, { recursive: true, mode: 0o700 });
  await sweepScratch(scratch);
  for (const drive of drives) {
    const result = await drillDrive(options, drive);
    if (result === undefined) continue;
    isTried = true;
    files += result.files;
    failed.push(...result.failed);
  }
  if (!isTried) return undefined;
  const report: DrillReport = { atMs: clock.nowMs(), files, failed: failed.slice(0, failuresMax) };
  catalog.copies.setNote(drillNote, JSON.stringify(report));
  const codes = [...new Set(failed.map(({ code }) => code))];
  if (failed.length > 0) log.warn({ files, failed: failed.length, codes }, 'photos could not be given back in a drill');
  else log.info({ files }, 'photos were given back in a drill');
  return report;
}

async function drillDrive(
  options: DrillOptions,
  drive: DrillDrive,
): Promise<Pick<DrillReport, 'files' | 'failed'> | undefined> {
  const { scratch, signal } = options;
  const wanted = await chooseFiles(options, drive.id);
  if (wanted.length === 0) return undefined;
  const folder = await mkdtemp(join(scratch, scratchPrefix));
  const tally = new RestoreTally();
  try {
    const source = await openRestoreSource({ kind: 'drive', root: drive.root });
    const groups: GivenGroup[] = [];
    for (const files of wanted) groups.push(await lookAt(files, { source, tally }));
    await source.assertPresent(); // of an unplugged drive every file is missing
    await using target = await openRestoreTarget(await findTarget(folder));
    const run = new RestoreRun({
      ...{ source, target, tally, signal },
      naming: restoreNaming,
      plannedStems: new Set(groups.flat().map(({ to }) => restoreNaming.stemKey(to))),
      ownersOnly: shelfFolders.hidden as RelativePath,
      onGiven: () => undefined,
      onProgress: () => undefined,
      observeStep: () => undefined,
    });
    for (const group of groups) await run.give(group);
    await run.finish();
  } catch (error) {
    if (!isAgentError(error, 'DRIVE_GONE')) throw error;
    return undefined;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const failed = tally.failures.map(({ path, code }) => ({ drive: drive.id, path, code }));
  return { files: tally.restored, failed };
}

/** As the files lie there. One that is missing has failed already. */
async function lookAt(
  files: readonly LibraryFile[],
  { source, tally }: { readonly source: RestoreSource; readonly tally: RestoreTally },
): Promise<GivenGroup> {
  const group: GivenFile[] = [];
  for (const { path, modifiedAtNs, hash } of files) {
    const facts = await lstat(join(source.root, path), { bigint: true }).catch(() => undefined);
    if (facts?.isFile() !== true) tally.fail(path, missing(path, source));
    else {
      const { size, mtimeNs } = facts;
      group.push({ path, to: path, sizeBytes: Number(size), seenAtNs: mtimeNs, modifiedAtNs, hashes: [hash] });
    }
  }
  return group;
}

/** By photo, what is on the drive by what was recorded: what is missing there fails. */
async function chooseFiles(options: DrillOptions, driveId: DriveId): Promise<readonly (readonly LibraryFile[])[]> {
  const { catalog, scratch, random = Math.random, assetsPerDrive = drillAssets } = options;
  const { copies } = catalog;
  const { freeBytes } = await readSpace(scratch);
  let room = Math.min(drillBytesMax, freeBytes * drillSpaceShare);
  // Twice as many as are needed: of some files the photo is chosen already, and others are too large.
  const paths = sample(pathsOn(catalog, driveId), 2 * assetsPerDrive, random);
  const chosen = new Set<AssetId>();
  const groups: (readonly LibraryFile[])[] = [];
  for (const path of paths) {
    const assetId = copies.file(path)?.assetId;
    if (assetId === undefined || chosen.has(assetId) || groups.length >= assetsPerDrive) continue;
    chosen.add(assetId);
    const group = copies.filesOfAsset(assetId).filter(({ path: each, hash, removedBy }) => {
      const copied = copies.copied(driveId, each);
      const isThere = copied?.hash === hash && copied.removedBy === undefined && removedBy === undefined;
      return isThere && copies.finding(driveId, each) === undefined; // a finding is known, and told already
    });
    const bytes = group.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    if (group.length === 0 || bytes > room) continue;
    room -= bytes;
    groups.push(group);
  }
  return groups;
}

function* pathsOn({ copies }: CatalogStore, driveId: DriveId): Generator<RelativePath> {
  for (const { path, isOurs } of copies.allCopied(driveId)) if (isOurs) yield path;
}

/** Each with the same chance, gone through once (Vitter, "Random Sampling with a Reservoir", 1985, algorithm R). Exported for tests. */
export function sample<Item>(items: Iterable<Item>, count: number, random: () => number): readonly Item[] {
  const kept: Item[] = [];
  let seen = 0;
  for (const item of items) {
    seen += 1;
    const place = kept.length < count ? kept.length : Math.floor(random() * seen);
    if (place < count) kept[place] = item;
  }
  return kept;
}

/** What a drill that was ended by force left. */
async function sweepScratch(scratch: AbsolutePath): Promise<void> {
  if ((await statOrUndefined(scratch)) === undefined) return;
  for (const name of await readdir(scratch)) {
    if (name.startsWith(scratchPrefix)) await rm(join(scratch, name), { recursive: true, force: true });
  }
}
