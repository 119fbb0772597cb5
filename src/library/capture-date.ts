// Decides when a photo or video was taken from all that is known about its file. Pure; does not read TZ or the clock.
// Promises the best fact in a fixed order of trust, and `undated` rather than a date that only says when a file was
// copied.
import type { AssetKind, CaptureDate, DateBasis, MediaMetadata } from '../domain/media.ts';
import { dateFromFileName } from './metadata/file-name-date.ts';

export interface CaptureFacts {
  readonly metadata: MediaMetadata;
  /**
   * Known to every caller, so that a rule may come to differ; today none does, as `metadata` says which fields it read.
   */
  readonly kind: AssetKind;
  /** Google's sidecar: an instant. */
  readonly sidecarTakenAtMs?: number;
  /** What the list that its phone or Mac keeps says: an instant, and minutes east of UTC at the place of exposure. */
  readonly listed?: { readonly takenAtMs?: number; readonly offsetMinutes?: number };
  /** The last part of the path. */
  readonly fileName: string;
  readonly modifiedAtMs: number;
  /** When this copy of the file was created, and last changed in any way, where the source knows. */
  readonly bornAtMs?: number;
  readonly changedAtMs?: number;
  readonly nowMs: number;
  /** IANA name of the zone in which an instant is shown, and hence of the day it is filed under. */
  readonly timeZone: string;
}

/** Older modification times come from clocks that were never set and from archives that store none. */
const modifiedAtMsMin = Date.UTC(1990, 0, 1);
/** The first photograph that is left to us. */
const listedMsMin = Date.UTC(1826, 0, 1);
/** A clock may run ahead, and a zone be wrong, by this much. */
const aheadMsMax = 24 * 60 * 60 * 1000;
/** A file modified when it was created or moved here was modified by that, not by a camera. */
const copiedWithinMs = 60 * 1000;

/**
 * By falling trust: the file's own local time, its instant, Google's sidecar, the list of the phone or Mac, the name, the
 * modification time. Instants are shown in the zone that the list has for the photo, else in `timeZone`.
 * @throws RangeError if `timeZone` is not known to this runtime: configuration is checked before it comes here.
 */
export function decideCaptureDate(facts: CaptureFacts): CaptureDate {
  const { metadata, timeZone } = facts;
  const { takenAtMs: listedAtMs, offsetMinutes: listedOffset } = facts.listed ?? {};
  if (metadata.takenAt !== undefined) {
    const isZoneListed = metadata.takenAt.offsetMinutes === undefined && listedOffset !== undefined;
    return { ...metadata.takenAt, ...(isZoneListed ? { offsetMinutes: listedOffset, offsetBasis: 'photosList' } : {}) };
  }
  const inItsZone = (instantMs: number, basis: Exclude<DateBasis, 'undated'>): CaptureDate =>
    listedOffset === undefined
      ? shown(instantMs, timeZone, basis)
      : { basis, local: wallClock(instantMs, listedOffset), offsetMinutes: listedOffset, offsetBasis: 'photosList' };
  if (metadata.takenAtUtcMs !== undefined) return inItsZone(metadata.takenAtUtcMs, 'quicktime');
  if (facts.sidecarTakenAtMs !== undefined) return inItsZone(facts.sidecarTakenAtMs, 'sidecar');
  if (listedAtMs !== undefined && listedAtMs >= listedMsMin && listedAtMs <= facts.nowMs + aheadMsMax)
    return inItsZone(listedAtMs, 'photosList');
  const named = dateFromFileName(facts.fileName);
  if (named !== undefined) {
    return 'utcMs' in named ? shown(named.utcMs, timeZone, 'fileName') : { basis: 'fileName', local: named.local };
  }
  return isModificationTrusted(facts) ? shown(facts.modifiedAtMs, timeZone, 'mtime') : { basis: 'undated' };
}

function isModificationTrusted({ modifiedAtMs, bornAtMs, changedAtMs, nowMs }: CaptureFacts): boolean {
  // Written so that NaN is not trusted.
  if (!(modifiedAtMs >= modifiedAtMsMin && modifiedAtMs <= nowMs + aheadMsMax)) return false;
  return [bornAtMs, changedAtMs].every((at) => at === undefined || Math.abs(modifiedAtMs - at) > copiedWithinMs);
}

function shown(instantMs: number, timeZone: string, basis: Exclude<DateBasis, 'undated'>): CaptureDate {
  return { basis, ...showInstant(instantMs, timeZone) };
}

/** The clock on a wall so many minutes east of UTC. */
function wallClock(instantMs: number, offsetMinutes: number): string {
  const text = new Date(Math.floor(instantMs) + offsetMinutes * 60_000).toISOString().slice(0, -1);
  return text.endsWith('.000') ? text.slice(0, -4) : text;
}

/** The wall clock of `timeZone` at `instantMs` (milliseconds since 1970 UTC), and how far it is ahead of UTC then. */
export function showInstant(instantMs: number, timeZone: string): { local: string; offsetMinutes: number } {
  const wholeMs = Math.floor(instantMs);
  const fractionMs = ((wholeMs % 1000) + 1000) % 1000;
  const secondMs = wholeMs - fractionMs;
  const localMs = wallClockMs(secondMs, timeZone);
  const local = new Date(localMs).toISOString().slice(0, 19);
  return {
    local: fractionMs === 0 ? local : `${local}.${String(fractionMs).padStart(3, '0')}`,
    offsetMinutes: Math.round((localMs - secondMs) / 60_000), // Before about 1900 zones were off by odd seconds.
  };
}

/** What the clock on the wall shows, as if it were UTC. */
function wallClockMs(secondMs: number, timeZone: string): number {
  const parts = new Map(
    formatterFor(timeZone)
      .formatToParts(secondMs)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? Number.NaN;
  return Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'));
}

/**
 * Making one costs about 50 microseconds, which an import would pay for each video. Two zones in one process are
 * already rare.
 */
const formatters = new Map<string, Intl.DateTimeFormat>();
const formattersMax = 16;

function formatterFor(timeZone: string): Intl.DateTimeFormat {
  const known = formatters.get(timeZone);
  if (known !== undefined) return known;
  const formatter = new Intl.DateTimeFormat('en-US', {
    timeZone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  if (formatters.size >= formattersMax) formatters.clear();
  formatters.set(timeZone, formatter);
  return formatter;
}
