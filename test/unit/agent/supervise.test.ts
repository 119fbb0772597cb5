// A part that fails must come back, must not take the others with it, and must not fail for weeks unheard.
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { supervise } from '../../../src/agent/supervise.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const log = pino({ level: 'silent' });
const minuteMs = 60_000;

/** A part that fails until it is told to hold. */
function scene() {
  const clock = new ManualClock();
  const stop = new AbortController();
  const troubles: boolean[] = [];
  const part = { runs: 0, holds: false };
  const supervision = supervise(
    {
      name: 'test',
      run: async (signal) => {
        part.runs += 1;
        if (!part.holds) throw new Error('it fails');
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      },
    },
    { clock, log, onTrouble: (isInTrouble) => void troubles.push(isInTrouble) },
    stop.signal,
  );
  return { clock, stop, troubles, part, supervision };
}

test('A part that fails is started again, later and later, and the owner is told once', async () => {
  const { clock, stop, troubles, part, supervision } = scene();
  await supervision.begun;
  await clock.advance(2000);
  expect([part.runs, troubles]).toEqual([2, []]);
  await clock.advance(60 * minuteMs);
  expect(part.runs).toBeLessThan(25);
  expect(troubles).toEqual([true]);
  stop.abort();
  await supervision.ended;
});

test('When it has run for a while the trouble is over', async () => {
  const { clock, stop, troubles, part, supervision } = scene();
  await clock.advance(10_000);
  part.holds = true;
  await clock.advance(9 * minuteMs);
  expect(troubles).toEqual([true]);
  clock.wait(60 * minuteMs, stop.signal).catch(() => undefined); // so that somebody sleeps when the part needs no one to wake it
  await clock.advance(2 * minuteMs);
  expect(troubles).toEqual([true, false]);
  stop.abort();
  await supervision.ended;
});
