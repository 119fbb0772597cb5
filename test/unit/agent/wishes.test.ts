// A wish that is forgotten is a card that stays unsaved; one that is repeated without end wears out card and patience.
import { expect, test } from 'vitest';
import { Wishes } from '../../../src/agent/wishes.ts';
import type { SourceId } from '../../../src/domain/ids.ts';
import type { Clock } from '../../../src/platform/clock.ts';

const id = 'card-1' as SourceId;
const minuteMs = 60_000;

function scene() {
  const at = { nowMs: 0 };
  const clock: Clock = { nowMs: () => at.nowMs, monotonicMs: () => at.nowMs, wait: async () => undefined };
  return { at, wishes: new Wishes(clock) };
}

test('A device is taken once, and again only when it was wished for again', () => {
  const { wishes } = scene();
  wishes.add(id);
  expect(wishes.takeDue()).toEqual([id]);
  expect(wishes.takeDue()).toEqual([]);
  wishes.add(id); // something new was put on it while it was being saved from
  expect(wishes.takeDue()).toEqual([]);
  wishes.settle(id, undefined);
  expect(wishes.takeDue()).toEqual([id]);
  wishes.settle(id, undefined);
  expect(wishes.takeDue()).toEqual([]);
});

test('What may pass by itself is tried later and later, an hour apart at most', () => {
  const { at, wishes } = scene();
  wishes.add(id);
  const pauses: number[] = [];
  for (let turn = 0; turn < 9; turn += 1) {
    expect(wishes.takeDue()).toEqual([id]);
    wishes.settle(id, 'LIBRARY_BUSY');
    const before = at.nowMs;
    while (wishes.takeDue().length === 0) at.nowMs += minuteMs;
    wishes.settle(id, undefined);
    pauses.push((at.nowMs - before) / minuteMs);
    if (turn === 0) expect(pauses).toEqual([1]);
    wishes.add(id);
  }
  const { at: later, wishes: failing } = scene();
  failing.add(id);
  const growing: number[] = [];
  let before = 0;
  for (let turn = 0; turn < 9; turn += 1) {
    while (failing.takeDue().length === 0) later.nowMs += minuteMs;
    growing.push((later.nowMs - before) / minuteMs);
    before = later.nowMs;
    failing.settle(id, 'LIBRARY_WRITE_FAILED');
  }
  expect(growing).toEqual([0, 1, 2, 4, 8, 16, 32, 60, 60]);
});

test.for([
  ['SOURCE_GONE', undefined], // it arrives anew
  ['SOURCE_TOO_LARGE', undefined],
  ['LIBRARY_MISSING', 1],
  ['LIBRARY_FULL', 60],
] as const)('After %s it is tried again after %s minutes', ([code, minutes]) => {
  const { at, wishes } = scene();
  wishes.add(id);
  wishes.takeDue();
  wishes.settle(id, code);
  let waited: number | undefined;
  for (let minute = 1; minute <= 240 && waited === undefined; minute += 1) {
    at.nowMs += minuteMs;
    if (wishes.takeDue().length > 0) waited = minute;
  }
  expect(waited).toBe(minutes);
});

test('When something changed, all that wait are due at once, and what was dropped is not', () => {
  const { wishes } = scene();
  const other = 'card-2' as SourceId;
  for (const each of [id, other]) wishes.add(each);
  wishes.takeDue();
  for (const each of [id, other]) wishes.settle(each, 'LIBRARY_FULL');
  wishes.drop(other);
  wishes.hurry();
  expect(wishes.takeDue()).toEqual([id]);
});
