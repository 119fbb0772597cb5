// An owner who stopped Keepsake on purpose must not be told that it does not run, and one who forgot must not be left alone with that.
import { expect, test } from 'vitest';
import { judgeStop } from '../../../../src/agent/independent-check/agent-presence.ts';

const dayMs = 86_400_000;
const nowMs = Date.UTC(2026, 10, 25, 12);
const stopped = (daysAgo: number) => `${new Date(nowMs - daysAgo * dayMs).toISOString()}\n`;

test.for([
  ['there is no note', undefined, 100, undefined],
  ['it was stopped today', stopped(0.1), 100, 0],
  ['it was stopped a week ago and the computer was only put to sleep since', stopped(7.5), 100, 7],
  ['the computer was restarted since, and its owner has logged in', stopped(3), 2, undefined],
  ['the note says nothing', '', 100, 0],
  ['the note is of a day that is yet to come', stopped(-2), 1, 0],
] as const)('How long it has been stopped, when %s', ([, note, upDays, days]) => {
  expect(judgeStop(note, { nowMs, upMs: upDays * dayMs })).toBe(days);
});
