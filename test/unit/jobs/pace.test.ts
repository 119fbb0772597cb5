// A job that reads for hours and does not rest makes the computer unusable; one that rests for nobody takes days.
import { expect, test } from 'vitest';
import { Pacer } from '../../../src/jobs/pace.ts';
import type { Clock } from '../../../src/platform/clock.ts';

/** Time passes only by `work` and by resting. */
function makeClock() {
  const times = { nowMs: 0, restedMs: 0, rests: 0 };
  const clock: Clock = {
    nowMs: () => times.nowMs,
    monotonicMs: () => times.nowMs,
    wait: async (durationMs, signal) => {
      signal.throwIfAborted();
      times.nowMs += durationMs;
      times.restedMs += durationMs;
      times.rests += 1;
    },
  };
  return { clock, times, work: (durationMs: number) => (times.nowMs += durationMs) };
}

const { signal } = new AbortController();

test.for([
  [1, 0],
  [0.5, 1000],
  [0.25, 3000],
])('at a share of %d, a second of reading is followed by %d ms of rest', async ([share = 1, restMs]) => {
  const { clock, times, work } = makeClock();
  const pacer = new Pacer({ pace: () => share, clock, signal });
  for (let file = 0; file < 10; file += 1) {
    work(100);
    await pacer.rest();
  }
  expect(times.restedMs).toBeCloseTo(restMs ?? 0);
});

test('rests too short to be worth it add up', async () => {
  const { clock, times, work } = makeClock();
  const pacer = new Pacer({ pace: () => 0.5, clock, signal });
  for (let file = 0; file < 100; file += 1) {
    work(1);
    await pacer.rest();
  }
  expect(times.restedMs).toBeCloseTo(100);
  expect(times.rests).toBe(20);
});

test('a rest ends when nobody asks for it any more', async () => {
  const { clock, times, work } = makeClock();
  const pacer = new Pacer({ pace: () => (times.restedMs < 500 ? 0.01 : 1), clock, signal });
  work(60_000);
  await pacer.rest();
  expect(times.restedMs).toBe(500);
  work(60_000);
  await pacer.rest();
  expect(times.restedMs, 'nothing is owed from before').toBe(500);
});

test('waiting for something else is no reading', async () => {
  const { clock, times, work } = makeClock();
  const pacer = new Pacer({ pace: () => 0.5, clock, signal });
  work(60_000);
  pacer.skip();
  work(100);
  await pacer.rest();
  expect(times.restedMs).toBeCloseTo(100);
});

test('a share of nothing stands for very little, so that the job comes to its end', async () => {
  const { clock, times, work } = makeClock();
  const pacer = new Pacer({ pace: () => 0, clock, signal });
  work(100);
  await pacer.rest();
  expect(times.restedMs).toBeCloseTo(9900);
});

test('being asked to stop ends a rest', async () => {
  const { clock, work } = makeClock();
  const stopping = new AbortController();
  const pacer = new Pacer({ pace: () => 0.5, clock, signal: stopping.signal });
  work(100);
  stopping.abort(new Error('stop'));
  await expect(pacer.rest()).rejects.toThrow('stop');
});
