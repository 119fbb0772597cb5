// A schedule that trusts a timer misses what was due while the machine slept; one that makes up for each missed time keeps
// the disk busy all morning.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { isSchedule, openSchedule } from '../../../src/agent/schedule.ts';
import type { AbsolutePath } from '../../../src/domain/ids.ts';
import { temporaryFolder } from '../../support/keepsake.ts';

const hourMs = 3_600_000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

function scene(pattern = '0 12 * * *', timeZone = 'Europe/Berlin') {
  const scratch = temporaryFolder();
  const path = join(scratch.path, 'schedule.json') as AbsolutePath;
  const open = () => openSchedule({ path, pattern, timeZone, nowMs: () => Date.now(), log: pino({ level: 'silent' }) });
  return { path, open, [Symbol.dispose]: () => scratch[Symbol.dispose]() };
}

/** Asks once a minute, as the agent does. */
async function countDue(schedule: { isDue(): Promise<boolean> }, from: string, hours: number): Promise<number> {
  const beganMs = Date.parse(from);
  let due = 0;
  for (let ms = 0; ms < hours * hourMs; ms += 60_000) {
    vi.setSystemTime(beganMs + ms);
    if (await schedule.isDue()) due += 1;
  }
  return due;
}

test('It is due once a day, also on the days when summer time begins and ends', async () => {
  for (const from of ['2026-06-10T00:00:00Z', '2026-03-28T20:00:00Z', '2026-10-24T20:00:00Z']) {
    using at = scene();
    vi.setSystemTime(Date.parse(from));
    expect(await countDue(await at.open(), from, 48), from).toBe(2);
  }
});

test('What was missed asleep or switched off happens once, however often it was missed', async () => {
  using at = scene();
  vi.setSystemTime(Date.parse('2026-06-10T08:00:00Z'));
  expect(await (await at.open()).isDue()).toBe(false);
  vi.setSystemTime(Date.parse('2026-06-20T08:00:00Z'));
  const afterwards = await at.open(); // another process: it was switched off
  expect(await afterwards.isDue()).toBe(true);
  expect(await afterwards.isDue()).toBe(false);
  vi.setSystemTime(Date.parse('2026-06-20T10:00:30Z'));
  expect(await afterwards.isDue(), 'noon of that day').toBe(true);
});

test('It is due when it says so to the owner: noon there, not here', async () => {
  using at = scene('0 12 * * *', 'Pacific/Auckland');
  vi.setSystemTime(Date.parse('2026-06-10T22:00:00Z'));
  const schedule = await at.open();
  vi.setSystemTime(Date.parse('2026-06-10T23:59:00Z'));
  expect(await schedule.isDue()).toBe(false);
  vi.setSystemTime(Date.parse('2026-06-11T00:00:30Z'));
  expect(await schedule.isDue()).toBe(true);
});

test('A clock set back by a year does not silence it, and one set ahead makes it due once', async () => {
  using at = scene();
  vi.setSystemTime(Date.parse('2026-06-10T08:00:00Z'));
  const schedule = await at.open();
  await schedule.isDue();
  expect(await countDue(schedule, '2025-06-10T00:00:00Z', 72)).toBe(3);
  vi.setSystemTime(Date.parse('2030-01-01T00:00:00Z'));
  expect([await schedule.isDue(), await schedule.isDue()]).toEqual([true, false]);
});

test('What cannot be read, or is of another pattern, only costs what was missed', async () => {
  using at = scene();
  vi.setSystemTime(Date.parse('2026-06-10T08:00:00Z'));
  for (const text of [
    '',
    '{}',
    JSON.stringify({ pattern: '* * * * *', timeZone: 'UTC', nextAt: '2020-01-01T00:00:00Z' }),
  ]) {
    writeFileSync(at.path, text);
    expect(await (await at.open()).isDue()).toBe(false);
    expect(readFileSync(at.path, 'utf8')).toContain('"nextAt":"2026-06-10T10:00:00.000Z"');
  }
});

test.for([
  ['0 12 * * *', true],
  ['*/15 8-20 * * 1-5', true],
  ['noon', false],
  ['', false],
  ['0 0 12 * * *', false],
  ['61 * * * *', false],
] as const)('%j is a schedule: %s', ([pattern, expected]) => {
  expect(isSchedule(pattern)).toBe(expected);
});
