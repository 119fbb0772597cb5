// What status says of drives and copies: which drives there are and what they lack, what is overdue and why, how many photos are
// safe. Computed from the catalogue and what is noted of drives and devices; asks no disk.

import type { FindingKind } from '../domain/copies.ts';
import type { ErrorCode } from '../domain/errors.ts';
import type { DriveId, SourceId } from '../domain/ids.ts';
import { findOverdue, type OverdueFacts, type OverdueReport } from '../domain/overdue.ts';
import { describeClockInDoubt, describeOverdue, describeSafety } from '../domain/overdue-words.ts';
import { dayMs, type KnownDrive, type SafetySummary, type SafetyView, summarizeSafety } from '../domain/safety.ts';
import type { DriveStatus, Need } from '../domain/status.ts';
import { drillNote, readDrillNote } from '../jobs/drill-job.ts';
import type { CatalogStore, CatalogSummary } from '../library/catalog/catalog-store.ts';
import type { WaitingFiles } from '../library/catalog/copies-store.ts';
import { shareDisk } from '../platform/disk-identity.ts';
import type { Device } from './devices.ts';
import type { EnrolledDrive } from './drive-register.ts';

/** A drive that is always attached is reached by whatever reaches this computer. */
const alwaysAttachedDays = 21;
/** Folders of missing files that are asked about one by one; beyond, together. */
const askedFoldersMax = 5;

/** Which disk the library was on when it was last copied. */
export const libraryDiskNote = 'libraryDisk';

export interface CopiesFacts {
  readonly catalog: CatalogStore;
  readonly summary: CatalogSummary;
  readonly drives: readonly EnrolledDrive[];
  readonly devices: readonly Device[];
  /** Devices that are known to be connected now. */
  readonly connected: ReadonlySet<string>;
  readonly nowMs: number;
  readonly remembered?: Pick<OverdueFacts, 'awakeSinceMs' | 'datesAheadSinceMs'>;
}

export type OverdueInput = Pick<
  CopiesFacts,
  'catalog' | 'summary' | 'drives' | 'devices' | 'connected' | 'nowMs' | 'remembered'
>;

export interface CopiesStatus {
  readonly drives: readonly DriveStatus[];
  readonly report: OverdueReport;
  readonly safety: SafetySummary;
  readonly needsYou: readonly Need[];
  readonly notes: readonly Need[];
}

export function readCopies(facts: CopiesFacts): CopiesStatus {
  const { catalog, summary, drives, devices, nowMs } = facts;
  const { copies } = catalog;
  const waiting = waitingOf(facts);
  const report = overdueOf(facts, waiting);
  const isOverdue = new Set(
    report.overdue.flatMap((overdue) => ('driveId' in overdue ? [overdue.driveId as string] : [])),
  );
  const safety = summarizeSafety(copies.filesWithCopies(), viewOf(facts));
  const words = describeSafety({
    summary: safety,
    drives,
    usesICloudPhotos: summary.sources.some(({ lastImport }) => lastImport?.counts.photos?.usesICloudPhotos === true),
  });
  return {
    drives: drives.map((drive) => {
      const { lastCopiedAtMs, lastCheckedAtMs } = copies.drive(drive.id);
      return {
        ...{ id: drive.id, name: drive.name, isElsewhere: drive.isElsewhere },
        connected: drive.attachedSince !== undefined,
        lastCopiedAt: instant(lastCopiedAtMs),
        lastCheckedAt: instant(lastCheckedAtMs),
        missing: waiting.get(drive.id)?.files ?? 0,
        overdue: isOverdue.has(drive.id),
        problems: copies.findings(drive.id).filter(({ kind }) => kind !== 'unknown').length,
      };
    }),
    report,
    safety,
    needsYou: [
      ...(report.isClockInDoubt ? [describeClockInDoubt(new Date(nowMs).toISOString().slice(0, 10))] : []),
      ...report.overdue.map(describeOverdue),
      ...lastingNeeds(facts),
    ],
    notes: [
      words.headline,
      ...words.why,
      ...words.suggestions,
      ...words.notes,
      ...drives.flatMap((drive) => noteOfAttached(drive, nowMs)),
      ...devices.flatMap((device) => noteOfSnooze(device, nowMs)),
    ],
  };
}

/** What the overdue function is asked. */
export function overdueOf(
  { catalog, summary, drives, devices, connected, nowMs, remembered }: OverdueInput,
  waitingFor = waitingOf({ catalog, drives }),
): OverdueReport {
  const { copies } = catalog;
  const oldest = copies.oldestProofMs('library');
  return findOverdue({
    nowMs,
    ...remembered,
    ...(oldest === undefined ? {} : { libraryOldestProvenAtMs: oldest }),
    sources: devices.map((device) => {
      const lastSuccessAtMs = summary.sources.find(({ id }) => id === device.id)?.lastSuccessAtMs;
      const { id, name, kind, decision, decidedAt, firstSeenAt, visits = [], snoozedUntil } = device;
      return {
        ...{ id: id as SourceId, name, kind, decision, isConnected: connected.has(id) },
        enrolledAtMs: Date.parse(decidedAt ?? firstSeenAt),
        successesAtMs: lastSuccessAtMs === undefined ? [] : [lastSuccessAtMs],
        visits: visits.map(({ at, code }) => ({ atMs: Date.parse(at), code: code as ErrorCode })),
        ...(snoozedUntil === undefined ? {} : { snoozedUntilMs: Date.parse(snoozedUntil) }),
      };
    }),
    drives: drives.map(({ id, name, isElsewhere, addedAt, lastSeenAt, attachedSince }) => {
      const { lastCopiedAtMs } = copies.drive(id);
      const waiting = waitingFor.get(id);
      const unread = copies.unread(id);
      const proven = copies.oldestProofMs(id);
      return {
        ...{
          id,
          name,
          isElsewhere,
          enrolledAtMs: Date.parse(addedAt),
          lastSeenAtMs: Date.parse(lastSeenAt),
          visits: [],
        },
        ...(lastCopiedAtMs === undefined ? {} : { lastCopiedAtMs }),
        ...(attachedSince === undefined ? {} : { attachedSinceMs: Date.parse(attachedSince) }),
        ...(waiting?.sinceMs === undefined ? {} : { waiting: { files: waiting.files, oldestAtMs: waiting.sinceMs } }),
        ...(unread.oldestAtMs === undefined ? {} : { unread: { files: unread.files, oldestAtMs: unread.oldestAtMs } }),
        ...(proven === undefined ? {} : { oldestProvenAtMs: proven }),
      };
    }),
  });
}

/** What each drive lacks. Asked once: each goes through the whole library. */
function waitingOf({ catalog, drives }: Pick<CopiesFacts, 'catalog' | 'drives'>): ReadonlyMap<DriveId, WaitingFiles> {
  return new Map(drives.map(({ id }) => [id, catalog.copies.waiting(id)]));
}

export function viewOf({ catalog, drives, nowMs }: Pick<CopiesFacts, 'catalog' | 'drives' | 'nowMs'>): SafetyView {
  const libraryDisk = catalog.copies.note(libraryDiskNote) ?? unknownDisk;
  return {
    nowMs,
    library: { diskKey: libraryDisk, medium: 'builtIn' },
    drives: new Map(
      drives.map((drive): [DriveId, KnownDrive] => [
        drive.id,
        {
          ...{ driveId: drive.id, isElsewhere: drive.isElsewhere },
          // A volume over several disks is lost with any of them: it is no second place to the one it shares.
          diskKey: isSharing(drive.diskKey, libraryDisk) ? libraryDisk : drive.diskKey,
          medium: drive.diskKind === 'network' ? 'network' : 'external',
        },
      ]),
    ),
  };
}

/** Two places of which nothing is known count as one; one of which nothing is known, and a disk that is known, as two. */
const unknownDisk = 'unknown';

export function isSharing(one: string, other: string): boolean {
  return one !== unknownDisk && other !== unknownDisk && shareDisk(one, other);
}

/** What is wrong with photos and copies and stays so until the owner answers. */
export function lastingNeeds(facts: Pick<CopiesFacts, 'catalog' | 'drives'>): readonly Need[] {
  return [...needsOfFindings(facts), ...needOfDrill(facts)];
}

function needsOfFindings({ catalog, drives }: Pick<CopiesFacts, 'catalog' | 'drives'>): readonly Need[] {
  const needs: Need[] = [];
  const ofLibrary = catalog.copies.findings('library').filter(({ isAccepted }) => !isAccepted);
  const missing = ofLibrary.filter(({ kind }) => kind === 'missing');
  const byFolder = Map.groupBy(missing, ({ path }) => path.slice(0, Math.max(0, path.lastIndexOf('/'))));
  const asked = [...byFolder].slice(0, askedFoldersMax);
  for (const [folder, files] of asked) needs.push(askAbout(folder, files.length));
  const rest = missing.length - asked.reduce((sum, [, files]) => sum + files.length, 0);
  if (rest > 0) needs.push(askAbout(undefined, rest));
  const damaged = ofLibrary.filter(({ kind }) => kind !== 'missing');
  if (damaged.length > 0) needs.push(aboutDamaged('in your photo folder', damaged));
  for (const { id, name } of drives) {
    const bad = catalog.copies.findings(id).filter(({ kind }) => kind !== 'unknown');
    if (bad.length > 0) needs.push(aboutDamaged(`on the drive "${name}"`, bad));
  }
  return needs;
}

/** Silent unless it failed. */
function needOfDrill({ catalog, drives }: Pick<CopiesFacts, 'catalog' | 'drives'>): readonly Need[] {
  const failed = readDrillNote(catalog.copies.note(drillNote))?.failed ?? [];
  const [first] = failed.filter((failure) => drives.some(({ id }) => id === failure.drive));
  if (first === undefined) return [];
  const name = drives.find(({ id }) => id === first.drive)?.name ?? '';
  return [
    {
      code: 'DRILL_FAILED',
      message: `A trial of giving photos back from the drive "${name}" failed for ${files(failed.length)}, "${first.path}" among them.`,
      remedy: 'To see what else is wrong on it: keepsake verify --all',
    },
  ];
}

function askAbout(folder: string | undefined, amount: number): Need {
  const where = folder === undefined ? 'other folders' : folder === '' ? 'your photo folder' : `the folder "${folder}"`;
  return {
    code: 'FILES_MISSING',
    message: `${files(amount)} left ${where}. Did you remove ${amount === 1 ? 'it' : 'them'}?`,
    remedy: `If you did: keepsake remove --missing${folder === undefined || folder === '' ? '' : ` "${folder}"`}. If not, to get ${amount === 1 ? 'it' : 'them'} back from a copy: keepsake verify --repair`,
  };
}

function aboutDamaged(where: string, bad: readonly { readonly kind: FindingKind }[]): Need {
  return {
    code: 'FILES_DAMAGED',
    message: `${files(bad.length)} ${where} ${bad.length === 1 ? 'is' : 'are'} not as ${bad.length === 1 ? 'it was' : 'they were'} saved.`,
    remedy: 'To put that right from a good copy: keepsake verify --repair',
  };
}

function files(amount: number): string {
  return `${amount.toLocaleString('en')} ${amount === 1 ? 'file' : 'files'}`;
}

function noteOfAttached({ name, attachedSince }: EnrolledDrive, nowMs: number): readonly Need[] {
  if (attachedSince === undefined) return [];
  const days = Math.floor((nowMs - Date.parse(attachedSince)) / dayMs);
  if (days < alwaysAttachedDays) return [];
  return [
    {
      code: 'DRIVE_ALWAYS_ATTACHED',
      message: `The drive "${name}" has been connected for ${days} days.`,
      remedy:
        'A program that damages files on this computer would reach it too. Unplug it between copies, or add a second drive.',
    },
  ];
}

function noteOfSnooze({ name, decision, snoozedUntil }: Device, nowMs: number): readonly Need[] {
  if (decision !== 'always' || snoozedUntil === undefined || Date.parse(snoozedUntil) <= nowMs) return [];
  const until = snoozedUntil.slice(0, 10);
  return [{ code: 'SNOOZED', message: `You are not reminded of "${name}" until ${until}.`, remedy: '' }];
}

function instant(atMs: number | undefined): string | null {
  return atMs === undefined ? null : new Date(atMs).toISOString();
}
