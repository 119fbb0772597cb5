// Forty days of one family as they read them: two phones, two drives, nights, a holiday, a crash. Each rule may be right alone, and
// the whole still nag; so what they are shown is kept as text, to be read by a person, and held to the promises.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { DriveId, SourceId } from '../../src/domain/ids.ts';
import type { News, Standing } from '../../src/domain/news.ts';
import { findOverdue, type Visit } from '../../src/domain/overdue.ts';
import { describeOverdue } from '../../src/domain/overdue-words.ts';
import { decideReminders, nightHours, nothingTold, type ReminderState } from '../../src/domain/reminders.ts';
import { dayMs } from '../../src/domain/safety.ts';
import {
  answerQuietHours,
  decideNotices,
  type NoticeState,
  nothingSaid,
} from '../../src/notify/notices/notice-policy.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
/** A Monday, midnight; the family lives in UTC. */
const startMs = Date.UTC(2026, 2, 2);
const days = 40;

interface Shown {
  readonly atMs: number;
  readonly key: string;
  readonly text: string;
  /** What stays wrong, rather than an answer. */
  readonly isStanding: boolean;
}

interface Phone {
  readonly id: SourceId;
  readonly name: string;
  newPhotos: number;
  lastSuccessMs: number;
  visits: Visit[];
  isHere: boolean;
}

interface Drive {
  readonly id: DriveId;
  readonly name: string;
  readonly isElsewhere: boolean;
  lastCopiedMs: number;
  lastSeenMs: number;
  waitingSinceMs: number | undefined;
  isHere: boolean;
}

/** The computer, the agent on it, and the family. */
class Home {
  nowMs = startMs;
  readonly shown: Shown[] = [];
  readonly open = new Set<string>();
  /** Overdue, awake and by day, since then; told or not. */
  readonly overdueSince = new Map<string, number>();
  readonly late: string[] = [];
  readonly mum: Phone = phoneOf('mum', "Mum's iPhone", startMs - 2 * dayMs);
  readonly dad: Phone = phoneOf('dad', "Dad's iPhone", startMs - dayMs);
  readonly blue: Drive = driveOf('blue', 'Blue drive', { isElsewhere: false, copiedMs: startMs - 3 * dayMs });
  readonly red: Drive = driveOf('red', 'Red drive', { isElsewhere: true, copiedMs: startMs - 80 * dayMs });
  #said: NoticeState = nothingSaid;
  #reminders: ReminderState = nothingTold;

  get hour(): number {
    return Math.floor((this.nowMs - startMs) / hourMs) % 24;
  }

  hear(news: News): void {
    const { state, show, withdraw } = decideNotices(this.#said, news, { nowMs: this.nowMs, localHour: this.hour });
    this.#said = state;
    for (const key of withdraw) this.open.delete(key);
    for (const { key, title, body } of show) {
      this.open.add(key);
      const isStanding = news.kind === 'standing';
      this.shown.push({ atMs: this.nowMs, key, text: `${title}: ${body}`, isStanding });
    }
  }

  /** What is in memory is gone; what was stored is not. */
  crash(): void {
    this.#said = { ...nothingSaid, kept: this.#said.kept };
    for (const { id, name, isHere } of [this.mum, this.dad])
      if (isHere) this.hear({ kind: 'arrived', byOwner: false, id, name, deviceKind: 'iphone' });
  }

  plugIn(
    phone: Phone,
    { isLocked = false, minutes = 2 }: { readonly isLocked?: boolean; readonly minutes?: number } = {},
  ) {
    phone.isHere = true;
    const about = { id: phone.id, name: phone.name, deviceKind: 'iphone' } as const;
    this.hear({ kind: 'arrived', byOwner: true, ...about });
    const lastSuccessAgeMs = this.nowMs - phone.lastSuccessMs;
    if (isLocked) {
      phone.visits.push({ atMs: this.nowMs, code: 'PHONE_LOCKED' });
      const why = { code: 'PHONE_LOCKED', message: 'It is locked.', remedy: 'Unlock it, and its photos are saved.' };
      this.hear({ kind: 'waits', ...about, why, lastSuccessAgeMs });
      return;
    }
    if (phone.newPhotos > 0)
      this.hear({ kind: 'progress', ...about, amount: phone.newPhotos, elapsedMs: 6000, leftMs: minutes * minuteMs });
    this.hear({
      kind: 'saved',
      ...about,
      newPhotos: phone.newPhotos,
      isComplete: true,
      isAllSafe: false,
      lastSuccessAgeMs,
    });
    if (phone.newPhotos > 0) for (const drive of [this.blue, this.red]) drive.waitingSinceMs ??= this.nowMs;
    Object.assign(phone, { newPhotos: 0, lastSuccessMs: this.nowMs, visits: [] });
    if (this.blue.isHere) this.copyTo(this.blue);
  }

  unplug(phone: Phone): void {
    phone.isHere = false;
    this.hear({ kind: 'left', id: phone.id });
  }

  attach(drive: Drive): void {
    drive.isHere = true;
    const about = { id: `drive-${drive.id}`, name: drive.name, deviceKind: 'drive' } as const;
    this.hear({ kind: 'arrived', byOwner: true, ...about });
    this.copyTo(drive);
  }

  copyTo(drive: Drive): void {
    const files = drive.waitingSinceMs === undefined ? 0 : 40;
    const about = { id: `drive-${drive.id}`, name: drive.name, deviceKind: 'drive' } as const;
    this.hear({ kind: 'copied', ...about, files, isComplete: true });
    Object.assign(drive, { lastCopiedMs: this.nowMs, lastSeenMs: this.nowMs, waitingSinceMs: undefined });
  }

  detach(drive: Drive): void {
    Object.assign(drive, { isHere: false, lastSeenMs: this.nowMs });
    this.hear({ kind: 'left', id: `drive-${drive.id}` });
  }

  /** What the agent does each hour that the computer is awake. */
  lookAround(): void {
    const { nowMs } = this;
    const report = findOverdue({
      nowMs,
      libraryOldestProvenAtMs: nowMs - 30 * dayMs,
      sources: [this.mum, this.dad].map(({ id, name, lastSuccessMs, visits, isHere }) => ({
        ...{ id, name, kind: 'iphone', decision: 'always' as const, enrolledAtMs: startMs - 300 * dayMs },
        ...{ successesAtMs: [lastSuccessMs], visits, isConnected: isHere },
      })),
      drives: [this.blue, this.red].map((drive) => ({
        ...{ id: drive.id, name: drive.name, isElsewhere: drive.isElsewhere, enrolledAtMs: startMs - 300 * dayMs },
        ...{ visits: [], lastCopiedAtMs: drive.lastCopiedMs, lastSeenAtMs: drive.lastSeenMs },
        ...(drive.isHere ? { attachedSinceMs: nowMs - hourMs } : {}),
        ...(drive.waitingSinceMs === undefined ? {} : { waiting: { files: 40, oldestAtMs: drive.waitingSinceMs } }),
      })),
    });
    const facts: Standing[] = report.overdue.map((overdue) => ({
      ...{ key: overdue.key, level: overdue.level, sentence: describeOverdue(overdue) },
      ...('name' in overdue ? { name: overdue.name } : {}),
      ...(overdue.kind === 'phoneNotSaved' ? { phone: overdue.sourceId } : {}),
    }));
    const { tell, state } = decideReminders({
      ...{ report: { ...report, overdue: facts }, state: this.#reminders, nowMs, localHour: this.hour },
    });
    this.#reminders = state;
    this.hear({ kind: 'standing', tell, keys: facts.map(({ key }) => key) });
    this.hear({ kind: 'minute' });
    this.#judge(facts.map(({ key }) => key));
  }

  /** Each is told within a day of being awake. */
  #judge(keys: readonly string[]): void {
    for (const key of [...this.overdueSince.keys()]) if (!keys.includes(key)) this.overdueSince.delete(key);
    for (const key of keys) {
      const sinceMs = this.overdueSince.get(key) ?? this.nowMs;
      this.overdueSince.set(key, sinceMs);
      const isTold = this.shown.some((each) => each.key === key && each.isStanding);
      if (!isTold && this.nowMs - sinceMs > dayMs) this.late.push(key);
    }
  }
}

function phoneOf(id: string, name: string, lastSuccessMs: number): Phone {
  return { id: id as SourceId, name, newPhotos: 0, lastSuccessMs, visits: [], isHere: false };
}

function driveOf(id: string, name: string, of: { readonly isElsewhere: boolean; readonly copiedMs: number }): Drive {
  const { isElsewhere, copiedMs } = of;
  return {
    ...{ id: id as DriveId, name, isElsewhere, lastCopiedMs: copiedMs, lastSeenMs: copiedMs, isHere: false },
    waitingSinceMs: copiedMs + dayMs,
  };
}

/** Who does what in which hour. */
function live(home: Home, day: number, hour: number): void {
  const { mum, dad, blue, red } = home;
  if (hour === 12) {
    mum.newPhotos += day % 3 === 0 ? 14 : 0;
    dad.newPhotos += day % 2 === 0 ? 3 : 0;
  }
  // Dad charges his at the computer, each night.
  if (hour === 20) home.plugIn(dad, { minutes: 0.2 });
  if (hour === 8 && dad.isHere) home.unplug(dad);
  // Mum saves hers on Sundays for two weeks; then she forgets, and once she leaves it locked.
  if (hour === 15 && (day === 6 || day === 13)) home.plugIn(mum, { minutes: 12 });
  if (hour === 16 && mum.isHere) home.unplug(mum);
  if (hour === 11 && day === 30) home.plugIn(mum, { isLocked: true });
  if (hour === 15 && day === 36) home.plugIn(mum, { minutes: 20 });
  // The blue drive on Saturdays, until it is left in a drawer.
  if (hour === 10 && (day === 5 || day === 12)) home.attach(blue);
  if (hour === 13 && blue.isHere) home.detach(blue);
  // The red one is fetched when they were reminded of it for a while.
  if (hour === 17 && day === 33) home.attach(red);
  if (hour === 19 && red.isHere) home.detach(red);
}

function isAwake(day: number, hour: number): boolean {
  const isHoliday = day >= 19 && day < 24;
  return !isHoliday && hour >= 7 && hour < 23;
}

test('Forty days of a family are a short text, and none of it too much or too late', async () => {
  const home = new Home();
  for (let day = 0; day < days; day += 1) {
    for (let hour = 0; hour < 24; hour += 1) {
      home.nowMs = startMs + day * dayMs + hour * hourMs;
      if (!isAwake(day, hour)) continue;
      if (day === 17 && hour === 14) home.crash();
      live(home, day, hour);
      home.nowMs += 5 * minuteMs;
      home.lookAround();
    }
  }
  const lines = home.shown.map(({ atMs, text }) => {
    const passedMs = atMs - startMs;
    const clock = new Date(atMs).toISOString().slice(11, 16);
    return `day ${String(Math.floor(passedMs / dayMs)).padStart(2)}  ${clock}  ${text}`;
  });
  await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot(join(import.meta.dirname, 'notices-forty-days.txt'));
  expect(home.late).toEqual([]);
  const standing = home.shown.filter(({ isStanding }) => isStanding);
  expect(standing.length).toBeGreaterThan(4);
  for (const { atMs, key, text } of home.shown) {
    const hour = new Date(atMs).getUTCHours();
    const { fromHour, untilHour } = key.startsWith('visit:') ? answerQuietHours : nightHours;
    expect(hour >= untilHour && hour < fromHour, text).toBe(true);
  }
  for (const { atMs, key } of standing) {
    const soon = standing.filter((each) => each.key === key && each.atMs > atMs && each.atMs - atMs < 3 * dayMs);
    expect(soon.map(({ text }) => text)).toEqual([]);
  }
  // Dad plugs his in each night: he hears of it when there were new photos, and of nothing else.
  const ofDad = home.shown.filter(({ text }) => text.startsWith("Dad's iPhone"));
  expect(ofDad.every(({ text }) => / new photos?\./.test(text) || text.includes('Saving'))).toBe(true);
});
