// A pause that is forgotten, or that a wrong clock makes endless, is the quietest way to lose photos: nothing fails, and nothing
// is saved. One that ends too early copies what its owner wanted to look at first.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { clearPause, readPause, writePause } from '../../../src/agent/pause.ts';
import type { AbsolutePath } from '../../../src/domain/ids.ts';
import { temporaryFolder } from '../../support/keepsake.ts';

const nowMs = Date.UTC(2026, 6, 1, 12);
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

function scene() {
  const scratch = temporaryFolder();
  return { path: join(scratch.path, 'pause.json') as AbsolutePath, [Symbol.dispose]: () => scratch[Symbol.dispose]() };
}

test('Without a note nothing is paused', async () => {
  using at = scene();
  expect(await readPause(at.path, nowMs)).toBeUndefined();
  await clearPause(at.path);
});

test('A pause lasts to its end, to the millisecond, and is over then', async () => {
  using at = scene();
  const untilMs = nowMs + 2 * hourMs;
  await writePause(at.path, { untilMs, nowMs });
  expect(await readPause(at.path, nowMs)).toEqual({ untilMs });
  expect(await readPause(at.path, untilMs - 1)).toEqual({ untilMs });
  expect(await readPause(at.path, untilMs)).toBeUndefined();
  expect(await readPause(at.path, untilMs + 365 * dayMs)).toBeUndefined();
});

test('A pause without an end lasts until it is taken back, whatever the clock does', async () => {
  using at = scene();
  await writePause(at.path, { nowMs });
  for (const days of [-4000, -1, 0, 1, 4000]) expect(await readPause(at.path, nowMs + days * dayMs)).toEqual({});
  await clearPause(at.path);
  await clearPause(at.path);
  expect(await readPause(at.path, nowMs)).toBeUndefined();
});

test('The last one said counts', async () => {
  using at = scene();
  await writePause(at.path, { nowMs });
  await writePause(at.path, { untilMs: nowMs + hourMs, nowMs });
  expect(await readPause(at.path, nowMs)).toEqual({ untilMs: nowMs + hourMs });
  await writePause(at.path, { nowMs });
  expect(await readPause(at.path, nowMs + dayMs)).toEqual({});
});

test('Nobody pauses for more than a year', async () => {
  using at = scene();
  await writePause(at.path, { untilMs: nowMs + 9999 * 7 * dayMs, nowMs });
  expect((await readPause(at.path, nowMs))?.untilMs).toBe(nowMs + 366 * dayMs);
  expect(await readPause(at.path, nowMs + 366 * dayMs)).toBeUndefined();
});

test('A pause that was to end long ago, by a clock that ran ahead for a while, is over once the clock is right', async () => {
  using at = scene();
  const aheadMs = nowMs + 4000 * dayMs;
  await writePause(at.path, { untilMs: aheadMs + 2 * hourMs, nowMs: aheadMs });
  expect(await readPause(at.path, nowMs)).toBeUndefined();
});

test('A clock that is set back a little, or by an hour or two, changes nothing', async () => {
  using at = scene();
  const untilMs = nowMs + 2 * hourMs;
  await writePause(at.path, { untilMs, nowMs });
  for (const backMs of [1000, minuteMs, 2 * hourMs])
    expect(await readPause(at.path, nowMs - backMs)).toEqual({ untilMs });
});

test('A clock that is set back by months does not make months of a pause of two hours', async () => {
  using at = scene();
  await writePause(at.path, { untilMs: nowMs + 2 * hourMs, nowMs });
  for (const days of [30, 180, 365])
    expect(await readPause(at.path, nowMs - days * dayMs), `${days} days`).toBeUndefined();
});

test.for<[string, string]>([
  ['half written', '{"until": nul'],
  ['empty', ''],
  ['a list', '[]'],
  ['without an end in it', '{"since": "2026-07-01T12:00:00.000Z"}'],
  ['with an end that is no time', '{"until": "tomorrow", "since": "2026-07-01T12:00:00.000Z"}'],
])('A note that is %s pauses nothing: photos are saved', async ([, text]) => {
  using at = scene();
  writeFileSync(at.path, text);
  expect(await readPause(at.path, nowMs)).toBeUndefined();
  await writePause(at.path, { untilMs: nowMs + hourMs, nowMs });
  expect(await readPause(at.path, nowMs), 'and it can be paused again').toEqual({ untilMs: nowMs + hourMs });
});
