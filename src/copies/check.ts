// Reads files again, in the library and on drives, those first that were proven longest ago, and notes what is not as it was
// saved. Reads only; stops at any moment and goes on where it was, because each answer is noted as it comes.

import { join } from 'node:path';
import type { FindingKind, Place } from '../domain/copies.ts';
import type { AbsolutePath, RelativePath } from '../domain/ids.ts';
import type { CopiesStore, DueQuery } from '../library/catalog/copies-store.ts';
import type { Clock } from '../platform/clock.ts';
import type { DiskReader } from '../platform/disk-reread.ts';
import { judgeFile, type SavedFile } from './judge-file.ts';
import { folderOf, type RealFolders } from './real-folders.ts';
import { walkTree } from './tree.ts';

export interface CheckedPlace {
  readonly place: Place;
  /** As the owner calls it. */
  readonly name: string;
  readonly root: AbsolutePath;
  /** @throws AgentError LIBRARY_GONE, DRIVE_GONE: of an unplugged disk every file is missing. */
  assertPresent(): Promise<void>;
  /** Of a drive: what lies behind a link is no copy. */
  readonly folders?: RealFolders;
}

export interface FoundFile {
  readonly place: Place;
  readonly path: RelativePath;
  readonly kind: FindingKind;
}

export interface CheckOptions {
  readonly place: CheckedPlace;
  /** Where else the same files lie under the same names. */
  readonly peers: readonly Pick<CheckedPlace, 'root'>[];
  readonly copies: CopiesStore;
  readonly reader: DiskReader;
  readonly clock: Clock;
  /** Files last checked before this moment are due, and those never checked. */
  readonly beforeMs: number;
  /** The latest time that this run has seen: a clock that goes back must not make what it checked due again. */
  readonly latestMs: () => number;
  /** Monotonic: what is not done by then is left for the next time. */
  readonly untilMonotonicMs: number;
  /** Awaited between two files, to leave the disk to others. */
  readonly rest: () => Promise<void>;
  readonly onChecked: (path: string, sizeBytes: number) => void;
  readonly signal: AbortSignal;
}

export interface CheckResult {
  readonly checked: number;
  readonly found: readonly FoundFile[];
  /** True if nothing was due any more. */
  readonly isDone: boolean;
}

/** Noted together: of an unplugged disk nothing may be believed, and that is asked once for each of these. */
const batchFiles = 50;

/** @throws AgentError as `assertPresent`; the signal's reason. What was noted by then stays. */
export async function checkDueFiles(options: CheckOptions): Promise<CheckResult> {
  const { place, copies, clock, beforeMs, untilMonotonicMs, signal } = options;
  const found: FoundFile[] = [];
  let checked = 0;
  for (;;) {
    const due = dueFiles(copies, place.place, { beforeMs, nowMs: options.latestMs(), limit: batchFiles });
    if (due.length === 0) return { checked, found, isDone: true };
    if (clock.monotonicMs() >= untilMonotonicMs) return { checked, found, isDone: false };
    signal.throwIfAborted();
    const batch = await checkBatch(options, due);
    checked += batch.length;
    found.push(...batch.flatMap(({ path, kind }) => (kind === undefined ? [] : [{ place: place.place, path, kind }])));
  }
}

function dueFiles(
  copies: CopiesStore,
  place: Place,
  query: DueQuery,
): readonly (SavedFile & { readonly path: RelativePath })[] {
  return place === 'library' ? copies.dueLibraryFiles(query) : copies.dueCopies(place, query);
}

async function checkBatch(
  { place, peers, copies, reader, clock, latestMs, rest, onChecked, untilMonotonicMs, signal }: CheckOptions,
  due: readonly (SavedFile & { readonly path: RelativePath })[],
): Promise<readonly { readonly path: RelativePath; readonly kind: FindingKind | undefined }[]> {
  const judged: { readonly path: RelativePath; readonly kind: FindingKind | undefined }[] = [];
  for (const file of due) {
    const isBehindLink = (await place.folders?.standing(folderOf(file.path))) === 'otherwise';
    const kind = isBehindLink
      ? 'missing'
      : await judgeFile(join(place.root, file.path) as AbsolutePath, {
          ...{ file, reader, signal },
          peers: peers.map(({ root }) => join(root, file.path) as AbsolutePath),
        });
    judged.push({ path: file.path, kind });
    onChecked(file.path, file.sizeBytes);
    if (clock.monotonicMs() >= untilMonotonicMs) break;
    await rest();
  }
  await place.assertPresent();
  // Never before what this run has seen: noted by a clock that was set back meanwhile, it would be due again at once.
  const nowMs = latestMs();
  const right = judged.filter(({ kind }) => kind === undefined).map(({ path }) => path);
  const bad = judged.filter(({ kind }) => kind !== undefined).map(({ path }) => path);
  for (const { path, kind } of judged) {
    if (kind === undefined) copies.clearFinding(place.place, path);
    else copies.setFinding({ place: place.place, path, kind, foundAtMs: nowMs });
  }
  if (place.place === 'library') copies.noteChecked([...right, ...bad], nowMs);
  else {
    copies.noteCopiedChecked(place.place, right, nowMs);
    copies.noteCopiedBad(place.place, bad, nowMs);
  }
  return judged;
}

/** Files on a drive that Keepsake did not put there. They are named, and left alone. @throws as `checkDueFiles`. */
export async function findUnknownFiles(
  options: Pick<CheckOptions, 'place' | 'copies' | 'clock' | 'signal'>,
): Promise<readonly FoundFile[]> {
  const { place, copies, clock, signal } = options;
  if (place.place === 'library') return []; // what others write there is theirs, and is copied
  const driveId = place.place;
  const unknown: RelativePath[] = [];
  for await (const folder of walkTree(place.root, signal, { links: 'ignore' })) {
    const inFolder = copies.copiedIn(driveId, folder.path.normalize('NFC'));
    const put = new Set(inFolder.map(({ path }) => path.normalize('NFC')));
    for (const path of folder.files.keys()) if (!put.has(path.normalize('NFC'))) unknown.push(path);
  }
  await place.assertPresent();
  const seen = new Set(unknown);
  for (const { path, kind } of copies.findings(driveId)) {
    if (kind === 'unknown' && !seen.has(path)) copies.clearFinding(driveId, path);
  }
  const foundAtMs = clock.nowMs();
  for (const path of unknown) copies.setFinding({ place: driveId, path, kind: 'unknown', foundAtMs });
  return unknown.map((path) => ({ place: driveId, path, kind: 'unknown' }));
}
