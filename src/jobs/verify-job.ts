// Reads the library and its copies again, and, if wanted, puts right what is bad from a copy that is good. In slices, so that an
// agent can save photos between two of them; what a slice found is noted, and the next one goes on from there.

import { checkDueFiles, findUnknownFiles } from '../copies/check.ts';
import type { Drive } from '../copies/drive.ts';
import { asDriveError } from '../copies/drive-errors.ts';
import { RealFolders } from '../copies/real-folders.ts';
import { type RepairablePlace, repairFile } from '../copies/repair.ts';
import type { FindingKind, Place } from '../domain/copies.ts';
import { type AgentError, isAgentError, systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath, RelativePath } from '../domain/ids.ts';
import { checkPeriodMs } from '../domain/safety.ts';
import type { CatalogStore } from '../library/catalog/catalog-store.ts';
import type { Library } from '../library/library.ts';
import type { Clock } from '../platform/clock.ts';
import { DiskReader } from '../platform/disk-reread.ts';
import { asWriteError, type StepObserver } from '../platform/durable-write.ts';
import type { Log } from '../platform/log.ts';
import { makeImportId } from './import-job.ts';

/** A drive that is open for reading and writing. */
export interface VerifiedDrive {
  readonly drive: Drive;
  readonly isElsewhere: boolean;
}

export interface VerifySliceOptions {
  readonly library: Library;
  readonly catalog: CatalogStore;
  readonly drives: readonly VerifiedDrive[];
  /** Everything last checked before this is due; absent: what is due by the periods of the places. */
  readonly beforeMs?: number | undefined;
  /** How long this slice may take. */
  readonly sliceMs: number;
  readonly rest: () => Promise<void>;
  readonly clock: Clock;
  /** The latest time that this run, of which this is a slice, has seen. */
  readonly latestMs: () => number;
  readonly log: Log;
  readonly onChecked: (path: string, sizeBytes: number) => void;
  readonly signal: AbortSignal;
}

export interface VerifySlice {
  readonly checked: number;
  /** Files found bad in this slice. */
  readonly bad: number;
  /** True if nothing is due any more. */
  readonly isDone: boolean;
  /** Places that could not be read to the end, and why. */
  readonly stops: readonly { readonly drive: Place; readonly name: string; readonly error: AgentError }[];
}

/**
 * Checks for a while. A drive that is pulled ends its own part only.
 * @throws AgentError LIBRARY_GONE; the signal's reason.
 */
export async function verifySlice(options: VerifySliceOptions): Promise<VerifySlice> {
  const { catalog, clock, beforeMs, latestMs, rest, onChecked, signal, log } = options;
  const untilMonotonicMs = clock.monotonicMs() + options.sliceMs;
  const reader = new DiskReader();
  const stops: { readonly drive: Place; readonly name: string; readonly error: AgentError }[] = [];
  let [checked, bad, isDone] = [0, 0, true];
  const places = placesOf(options);
  for (const { place, isElsewhere } of places) {
    const peers = places.map((each) => each.place).filter((each) => each !== place);
    const due = beforeMs ?? clock.nowMs() - checkPeriodMs(isElsewhere);
    try {
      const result = await checkDueFiles({
        ...{
          place,
          peers,
          copies: catalog.copies,
          reader,
          clock,
          latestMs,
          beforeMs: due,
          untilMonotonicMs,
          rest,
          onChecked,
          signal,
        },
      });
      checked += result.checked;
      bad += result.found.length;
      isDone &&= result.isDone;
      if (result.isDone && place.place !== 'library')
        catalog.copies.noteDrive(place.place, { lastCheckedAtMs: clock.nowMs() });
    } catch (error) {
      if (signal.aborted || place.place === 'library' || !isAgentError(error)) throw error;
      stops.push({ drive: place.place, name: place.name, error });
    }
  }
  if (checked > 0) log.info({ checked, bad, isDone }, 'checked files');
  return { checked, bad, isDone, stops };
}

export interface VerifyFinding {
  /** `library`, or the drive's id. */
  readonly drive: Place;
  readonly path: RelativePath;
  readonly kind: FindingKind;
}

export interface VerifyReport {
  readonly checked: number;
  readonly ok: number;
  readonly missing: number;
  readonly corrupt: number;
  readonly unreadable: number;
  readonly changed: number;
  readonly unknown: number;
  readonly repaired: number;
  readonly unrepairable: number;
  /** All that is, or before a repair was, not as it should be at the places that were looked at. */
  readonly findings: readonly VerifyFinding[];
  /** Of those: no good copy was within reach. */
  readonly withoutGoodCopy: readonly VerifyFinding[];
  readonly failures: readonly {
    readonly path: string;
    readonly code: string;
    readonly message: string;
    readonly remedy: string;
  }[];
  readonly dryRun?: true;
}

export interface ConcludeOptions
  extends Pick<VerifySliceOptions, 'library' | 'catalog' | 'drives' | 'clock' | 'log' | 'signal'> {
  readonly checked: number;
  readonly bad: number;
  readonly repair: boolean;
  readonly dryRun: boolean;
  readonly observeStep: StepObserver;
}

/** What was found, after all slices; and the repair. @throws AgentError LIBRARY_GONE, DRIVE_GONE; the signal's reason. */
export async function concludeVerify(options: ConcludeOptions): Promise<VerifyReport> {
  const { catalog, clock, checked, bad, repair, dryRun, observeStep, signal, log } = options;
  const { copies } = catalog;
  const places = placesOf(options);
  for (const { place } of places)
    await findUnknownFiles({ place, copies, clock, signal }).catch(ignoreUnreadable(signal));
  const open = places.flatMap(({ place }) => copies.findings(place.place));
  const count = (kind: FindingKind) => open.filter((finding) => finding.kind === kind).length;
  const withoutGoodCopy: VerifyFinding[] = [];
  const failures: { path: string; code: string; message: string; remedy: string }[] = [];
  let repaired = 0;
  if (repair) {
    const runId = makeImportId(clock.nowMs());
    const reader = new DiskReader();
    const repairing = {
      ...{ copies, reader, clock, runId, dryRun, observeStep, signal },
      places: places.map(({ place }) => place),
    };
    for (const finding of open) {
      if (finding.kind === 'unknown') continue;
      const outcome = await repairFile(repairing, finding);
      if (outcome.kind === 'repaired') repaired += 1;
      else if (outcome.kind === 'noGoodCopy') withoutGoodCopy.push(asVerifyFinding(finding));
      else {
        const { code, message, remedy } = outcome.error;
        failures.push({ path: finding.path, code, message, remedy });
      }
    }
    log.info({ repaired, withoutGoodCopy: withoutGoodCopy.length, failures: failures.length, dryRun }, 'repaired');
  }
  return {
    ...{ checked, ok: Math.max(0, checked - bad) },
    missing: count('missing'),
    corrupt: count('corrupt'),
    unreadable: count('unreadable'),
    changed: count('changed'),
    unknown: count('unknown'),
    ...{ repaired, unrepairable: withoutGoodCopy.length + failures.length },
    ...{ findings: open.map(asVerifyFinding), withoutGoodCopy, failures },
    ...(dryRun ? { dryRun } : {}),
  };
}

/** What is on it is checked file by file; what else may be on it cannot be told then. */
function ignoreUnreadable(signal: AbortSignal): (error: unknown) => undefined {
  return (error) => {
    if (signal.aborted || systemErrorCode(error) === undefined) throw error;
    return undefined;
  };
}

function asVerifyFinding({
  place,
  path,
  kind,
}: {
  place: Place;
  path: RelativePath;
  kind: FindingKind;
}): VerifyFinding {
  return { drive: place, path, kind };
}

function placesOf({
  library,
  drives,
}: Pick<VerifySliceOptions, 'library' | 'drives'>): readonly { place: RepairablePlace; isElsewhere: boolean }[] {
  const { root, own, incoming } = library.folders;
  const ours: RepairablePlace = {
    ...{ place: 'library', name: 'your photo folder', root, incoming, abilities: library.abilities },
    quarantine: `${own}/quarantine` as AbsolutePath,
    assertPresent: () => library.assertPresent(),
    asPlaceError: (error) => asWriteError(error, 'A file in your photo folder'),
  };
  return [
    { place: ours, isElsewhere: false },
    ...drives.map(({ drive, isElsewhere }) => {
      const { folders, id, name, abilities } = drive;
      const place: RepairablePlace = {
        ...{
          place: id,
          name,
          root: folders.root,
          incoming: folders.incoming,
          quarantine: folders.quarantine,
          abilities,
        },
        folders: new RealFolders(folders.root),
        assertPresent: () => drive.assertPresent(),
        asPlaceError: (error) => asDriveError(asWriteError(error, 'A file'), name),
      };
      return { place, isElsewhere };
    }),
  ];
}
