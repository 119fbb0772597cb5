// Which copies of a photo count, and whether it is safe: the one place where that is computed (docs/design.md). From facts and a
// clock only, one file at a time, so that 100,000 of them need no memory. Knows drives and the library; a phone and iCloud never
// count, so there is no way to pass one in.

import { assert } from './assert.ts';
import type { DiskKey, FindingKind, Place } from './copies.ts';
import type { AssetId, DriveId } from './ids.ts';

export const dayMs = 86_400_000;

/** Within so many days every file at a place is read again in full. */
export const checkPeriodDays = { atHome: 180, elsewhere: 365 } as const;
/** A copy that was not proven for so many periods no longer counts. */
const periodsMax = 2;
/** On so many physical disks a photo has to be. */
const disksMin = 2;

/** Within this a moment that lies ahead is the same moment: clocks are set right by seconds, and by hours where a zone was wrong. */
const aheadMsMax = dayMs;

/** The clock, and since when, by that clock, moments were noted that lie ahead of it (`overdue.ts` finds out). */
export interface ClockFacts {
  readonly nowMs: number;
  readonly datesAheadSinceMs?: number;
}

/** True if that moment cannot have been yet: this clock or the one it was noted by is wrong. */
export function isAhead(atMs: number, nowMs: number): boolean {
  return atMs - nowMs > aheadMsMax;
}

/**
 * How long ago that was, never negative. A moment that lies ahead was, at the latest, when that was noticed: its age is counted
 * from there, so that a date of the year 2040 does not vouch for a copy until 2040.
 */
export function ageMs(atMs: number, { nowMs, datesAheadSinceMs }: ClockFacts): number {
  return Math.max(0, nowMs - (isAhead(atMs, nowMs) ? (datesAheadSinceMs ?? nowMs) : atMs));
}

/** Where a place is said to be kept decides how often it is checked. */
export function checkPeriodMs(isElsewhere: boolean): number {
  return dayMs * (isElsewhere ? checkPeriodDays.elsewhere : checkPeriodDays.atHome);
}

/** True if a copy that was last proven that long ago no longer counts. */
export function isTooOld(healthMs: number, isElsewhere: boolean): boolean {
  return healthMs > periodsMax * checkPeriodMs(isElsewhere);
}

/** What a place is, for the "two kinds" of the 3-2-1 rule. */
export type Medium = 'builtIn' | 'external' | 'network';

/** A place whose copies may count. */
export interface KnownPlace {
  /** Two places of one key are lost together. Where disks cannot be told apart, give them one key: they then count once. */
  readonly diskKey: DiskKey;
  readonly medium: Medium;
}

/** A drive whose copies may count. */
export interface KnownDrive extends KnownPlace {
  readonly driveId: DriveId;
  /** Kept away from home. */
  readonly isElsewhere: boolean;
}

/** What copies are judged by. Copies on a drive that is not named here, a forgotten one, never count. */
export interface SafetyView extends ClockFacts {
  readonly library: KnownPlace;
  readonly drives: ReadonlyMap<DriveId, KnownDrive>;
}

/** One file of the library and its copies. */
export interface FileCopies {
  /** When it was saved: published with its hash. */
  readonly savedAtMs: number;
  /** When the library's own file was last read in full and found right. Keep the latest by date: a wrong clock must not age it. */
  readonly checkedAtMs?: number;
  /** What is wrong with the library's own file, as long as it is. */
  readonly finding?: FindingKind;
  readonly copies: readonly FileCopy[];
}

export interface FileCopy {
  readonly driveId: DriveId;
  readonly copiedAtMs: number;
  /** When it was read after copying and found right. Absent: not yet. */
  readonly readBackAtMs?: number;
  readonly checkedAtMs?: number;
  readonly finding?: FindingKind;
}

/** How one copy stands. All but `counts` do not count. */
export type CopyStanding = 'counts' | 'finding' | 'notReadBack' | 'notCheckedForLong';

/**
 * Why a photo is not safe: the first of these that holds.
 * - `finding`: something is wrong with one of its copies.
 * - `notCopied`: it is in the library only.
 * - `oneDisk`: all its copies are on one physical disk.
 * - `notReadBack`: a copy was made and not proven yet.
 * - `notCheckedForLong`: a copy was proven too long ago to count.
 */
export type UnsafeReason = 'finding' | 'notCopied' | 'oneDisk' | 'notReadBack' | 'notCheckedForLong';

export const unsafeReasons = [
  'finding',
  'notCopied',
  'oneDisk',
  'notReadBack',
  'notCheckedForLong',
] as const satisfies UnsafeReason[];

/** The three numbers of 3-2-1, counting only what counts. */
export interface CopyNumbers {
  /** Physical disks. */
  readonly disks: number;
  /** Kinds of them: built in, external, on the network. */
  readonly media: number;
  readonly isElsewhere: boolean;
}

export type Safety = CopyNumbers &
  ({ readonly isSafe: true } | { readonly isSafe: false; readonly reason: UnsafeReason });

export type FileSafety = Safety & {
  readonly copies: readonly { readonly place: Place; readonly standing: CopyStanding }[];
};

/**
 * One file: safe if it is proven on two physical disks, whatever else is the matter with further copies.
 * @returns with how each copy on a known place stands, the library's first.
 */
export function judgeFile(file: FileCopies, view: SafetyView): FileSafety {
  const places = [
    {
      place: 'library' as const,
      known: { ...view.library, isElsewhere: false },
      standing: standingInLibrary(file, view),
    },
    ...file.copies.flatMap((copy) => {
      const known = view.drives.get(copy.driveId);
      return known === undefined ? [] : [{ place: copy.driveId, known, standing: standingOnDrive(copy, known, view) }];
    }),
  ];
  const counting = places.filter(({ standing }) => standing === 'counts');
  const numbers: CopyNumbers = {
    disks: new Set(counting.map(({ known }) => known.diskKey)).size,
    media: new Set(counting.map(({ known }) => known.medium)).size,
    isElsewhere: counting.some(({ known }) => known.isElsewhere),
  };
  const copies = places.map(({ place, standing }) => ({ place, standing }));
  if (numbers.disks >= disksMin) return { ...numbers, isSafe: true, copies };
  const has = (standing: CopyStanding) => places.some((each) => each.standing === standing);
  const reason: UnsafeReason = has('finding')
    ? 'finding'
    : places.length < disksMin
      ? 'notCopied'
      : new Set(places.map(({ known }) => known.diskKey)).size < disksMin
        ? 'oneDisk'
        : has('notReadBack')
          ? 'notReadBack'
          : 'notCheckedForLong';
  return { ...numbers, isSafe: false, reason, copies };
}

function standingInLibrary({ savedAtMs, checkedAtMs, finding }: FileCopies, view: SafetyView): CopyStanding {
  if (finding !== undefined) return 'finding';
  return isTooOld(ageMs(Math.max(savedAtMs, checkedAtMs ?? savedAtMs), view), false) ? 'notCheckedForLong' : 'counts';
}

function standingOnDrive(copy: FileCopy, drive: KnownDrive, view: SafetyView): CopyStanding {
  if (copy.finding !== undefined) return 'finding';
  // A check reads the whole file and compares, so it proves no less than reading back.
  const provenAtMs = Math.max(copy.readBackAtMs ?? -Infinity, copy.checkedAtMs ?? -Infinity);
  if (provenAtMs === -Infinity) return 'notReadBack';
  return isTooOld(ageMs(provenAtMs, view), drive.isElsewhere) ? 'notCheckedForLong' : 'counts';
}

/** A photo is as safe as the least safe of its files: safe when all are. Without files it is not. */
export function judgeAsset(files: readonly Safety[]): Safety {
  const [first, ...others] = files;
  if (first === undefined) return { disks: 0, media: 0, isElsewhere: false, isSafe: false, reason: 'notCopied' };
  return others.reduce(lessSafe, plain(first));
}

function plain(one: Safety): Safety {
  const { disks, media, isElsewhere } = one;
  return one.isSafe
    ? { disks, media, isElsewhere, isSafe: true }
    : { disks, media, isElsewhere, isSafe: false, reason: one.reason };
}

/** What holds for both. */
function lessSafe(one: Safety, other: Safety): Safety {
  const numbers: CopyNumbers = weaker(one, other);
  if (one.isSafe && other.isSafe) return { ...numbers, isSafe: true };
  const reasons = [one, other].flatMap((each) => (each.isSafe ? [] : [each.reason]));
  const reason = unsafeReasons.find((each) => reasons.includes(each));
  assert(reason !== undefined, 'what is not safe has a reason');
  return { ...numbers, isSafe: false, reason };
}

function weaker(one: CopyNumbers, other: CopyNumbers): CopyNumbers {
  return {
    disks: Math.min(one.disks, other.disks),
    media: Math.min(one.media, other.media),
    isElsewhere: one.isElsewhere && other.isElsewhere,
  };
}

export interface SafetySummary {
  readonly assets: number;
  readonly safe: number;
  /** Each asset that is not safe, once: by the first reason that holds for any of its files. */
  readonly notSafe: Readonly<Record<UnsafeReason, number>>;
  /** Assets by the number of physical disks they are proven on. */
  readonly byDisks: { readonly none: number; readonly one: number; readonly two: number; readonly threeOrMore: number };
  /** Assets with a proven copy away from home. */
  readonly elsewhere: number;
  /** What holds for every asset. All zero without assets. */
  readonly everyAsset: CopyNumbers;
}

/** Counts assets from rows, one file each, without keeping them. The rows of one asset have to come one after another. */
export class SafetyTally {
  readonly #view: SafetyView;
  #current: { readonly assetId: AssetId; safety: Safety } | undefined;
  #isFinished = false;
  #assets = 0;
  #safe = 0;
  #elsewhere = 0;
  #weakest: CopyNumbers | undefined;
  readonly #notSafe: Record<UnsafeReason, number> = {
    finding: 0,
    notCopied: 0,
    oneDisk: 0,
    notReadBack: 0,
    notCheckedForLong: 0,
  };
  readonly #byDisks = { none: 0, one: 0, two: 0, threeOrMore: 0 };

  constructor(view: SafetyView) {
    this.#view = view;
  }

  add(file: FileCopies & { readonly assetId: AssetId }): void {
    assert(!this.#isFinished, 'no row comes after the summary');
    const safety = plain(judgeFile(file, this.#view));
    if (this.#current?.assetId === file.assetId) this.#current.safety = lessSafe(this.#current.safety, safety);
    else {
      this.#count();
      this.#current = { assetId: file.assetId, safety };
    }
  }

  /** Ends it: no row may follow. */
  finish(): SafetySummary {
    this.#count();
    this.#current = undefined;
    this.#isFinished = true;
    return {
      assets: this.#assets,
      safe: this.#safe,
      notSafe: { ...this.#notSafe },
      byDisks: { ...this.#byDisks },
      elsewhere: this.#elsewhere,
      everyAsset: this.#weakest ?? { disks: 0, media: 0, isElsewhere: false },
    };
  }

  #count(): void {
    if (this.#current === undefined) return;
    const { safety } = this.#current;
    this.#assets += 1;
    if (safety.isSafe) this.#safe += 1;
    else this.#notSafe[safety.reason] += 1;
    if (safety.isElsewhere) this.#elsewhere += 1;
    this.#byDisks[disksInWords(safety.disks)] += 1;
    this.#weakest = this.#weakest === undefined ? safety : weaker(this.#weakest, safety);
  }
}

function disksInWords(disks: number): keyof SafetySummary['byDisks'] {
  if (disks >= 3) return 'threeOrMore';
  return disks === 2 ? 'two' : disks === 1 ? 'one' : 'none';
}

/** Counts all that is there at once. */
export function summarizeSafety(
  files: Iterable<FileCopies & { readonly assetId: AssetId }>,
  view: SafetyView,
): SafetySummary {
  const tally = new SafetyTally(view);
  for (const file of files) tally.add(file);
  return tally.finish();
}
