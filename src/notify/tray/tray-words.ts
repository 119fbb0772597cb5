// What the owner reads in the menu of the icon: one short line each. Names come from outside and are cut and made harmless here.

import { printable } from '../../domain/printable.ts';
import type { DriveStatus, NewDevice, SourceStatus, Status, StatusJob } from '../../domain/status.ts';

const nameCharsMax = 40;
/** What a menu shows in one line on a small screen. */
const lineCharsMax = 90;
const dayMs = 86_400_000;

export const saveNow = 'Back up now';
export const pauseAnHour = 'Pause for 1 hour';
export const pauseTomorrow = 'Pause until tomorrow';
export const goOn = 'Go on now';
export const openFolder = 'Open photo folder';
export const stop = 'Stop until I log in again';
export const once = 'Only this once';
export const never = 'Never';
export const working = 'Saving photos…';
export const nothingYet = 'No photos have been saved yet';
export const howToBegin = 'Plug in an iPhone, or put in a camera card';
export const leaveIt = 'Leave it connected until that is done';

type DeviceJob = Extract<StatusJob, { readonly source: string }>;

export function progress(job: DeviceJob): string {
  const what = job.isCopy === true ? `Copying to ${named(job.name)}` : `Saving from ${named(job.name)}`;
  if (job.phase !== 'saving' || job.filesTotal === undefined || job.filesTotal === 0) return `${what}…`;
  const far = `${number(job.files ?? 0)} of ${number(job.filesTotal)}`;
  return `${what}: ${far}${job.leftMs === undefined ? '' : `, about ${minutes(job.leftMs)} left`}`;
}

export function need(message: string, others: number): string {
  const more = others === 0 ? '' : ` (and ${others} more)`;
  return cut(printable(message), lineCharsMax - more.length) + more;
}

export function paused(
  until: string | null,
  { nowMs, timeZone }: { readonly nowMs: number; readonly timeZone: string },
): string {
  if (until === null) return 'Paused until you say "Go on"';
  const time = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', timeZone }).format(
    Date.parse(until),
  );
  const day = new Intl.DateTimeFormat('en-GB', { weekday: 'long', timeZone });
  const isToday = Date.parse(until) - nowMs < dayMs && day.format(Date.parse(until)) === day.format(nowMs);
  return `Paused until ${isToday ? '' : `${day.format(Date.parse(until))}, `}${time}`;
}

export function allSafe(photos: number): string {
  return photos === 1 ? 'Your photo is safe' : `All ${number(photos)} photos are safe`;
}

export function someSafe({ assets, safe }: Status['photos']): string {
  const saved = assets === 1 ? '1 photo is saved' : `${number(assets)} photos are saved`;
  return safe === 0 ? `${saved}, on one drive only` : `${saved}, ${number(safe)} of them on two drives`;
}

export function source({ name, lastSuccessAt, overdue, connected, kind }: SourceStatus, nowMs: number): string {
  const when = lastSuccessAt === null ? 'not saved yet' : `saved ${ago(Date.parse(lastSuccessAt), nowMs)}`;
  const next = overdue && kind === 'iphone' ? (connected === true ? ' – unlock it' : ' – plug it in') : '';
  return `${named(name)}: ${when}${next}`;
}

export function drive(of: DriveStatus, nowMs: number): string {
  const { name, missing, problems, lastCopiedAt, lastCheckedAt, connected, overdue } = of;
  const next = overdue && !connected ? ' – connect it' : '';
  if (problems > 0) return `${named(name)}: ${files(problems)} with a problem`;
  if (missing > 0) return `${named(name)}: ${files(missing)} ${missing === 1 ? 'waits' : 'wait'} for it${next}`;
  if (lastCopiedAt === null) return `${named(name)}: nothing on it yet${next}`;
  const checked = lastCheckedAt === null ? '' : `, checked ${ago(Date.parse(lastCheckedAt), nowMs)}`;
  return `${named(name)}: has everything${checked}${next}`;
}

export function more(amount: number): string {
  return `and ${amount} more`;
}

export function eject(name: string): string {
  return `Eject ${named(name)}`;
}

export function saveFrom({ name, newFiles, isEstimate }: NewDevice): string {
  const about = isEstimate === true ? 'about ' : '';
  const what = newFiles === undefined || newFiles === 0 ? '' : ` (${about}${files(newFiles)})`;
  return `${named(name)} is new${what}. Save its photos…`;
}

export function always(kind: string): string {
  return kind === 'iphone' ? 'Now, and whenever it is plugged in' : 'Now, and whenever it is put in';
}

function named(name: string): string {
  return cut(printable(name), nameCharsMax);
}

function cut(text: string, charsMax: number): string {
  const characters = [...text];
  return characters.length <= charsMax ? text : `${characters.slice(0, charsMax - 1).join('')}…`;
}

function ago(atMs: number, nowMs: number): string {
  const days = Math.floor((nowMs - atMs) / dayMs);
  if (days <= 0) return nowMs - atMs < 3_600_000 ? 'just now' : 'today';
  return days === 1 ? 'yesterday' : `${number(days)} days ago`;
}

function minutes(durationMs: number): string {
  const amount = Math.round(durationMs / 60_000);
  if (amount < 1) return 'a minute';
  if (amount < 90) return amount === 1 ? '1 minute' : `${amount} minutes`;
  return `${Math.round(amount / 60)} hours`;
}

function files(amount: number): string {
  return amount === 1 ? '1 file' : `${number(amount)} files`;
}

function number(amount: number): string {
  return amount.toLocaleString('en');
}
