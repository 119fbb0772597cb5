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
  const wishes = new Wishes(clock);
  /** Those that are due, each at once in its turn. */
  const beginDue = () => wishes.takeDue().filter((each) => wishes.begin(each));
  return { at, wishes, beginDue };
}

test('A device is taken once, and again only when it was wished for again', () => {
  const { wishes, beginDue } = scene();
  wishes.add(id);
  expect(beginDue()).toEqual([id]);
  expect(beginDue()).toEqual([]);
  wishes.add(id); // something new was put on it while it was being saved from
  expect(beginDue()).toEqual([]);
  wishes.settle(id, undefined);
  expect(beginDue()).toEqual([id]);
  wishes.settle(id, undefined);
  expect(beginDue()).toEqual([]);
});

test('What is wished for again before its turn has come is served once: a disk that sleeps is woken once', () => {
  const { wishes } = scene();
  wishes.add(id);
  expect(wishes.takeDue()).toEqual([id]);
  wishes.add(id);
  expect(wishes.begin(id)).toBe(true);
  wishes.settle(id, undefined);
  expect(wishes.takeDue()).toEqual([]);
});

test('What was dropped before its turn came is not begun, and a wish that took its place is not settled by its end', () => {
  const { wishes } = scene();
  wishes.add(id);
  wishes.takeDue();
  wishes.drop(id);
  expect(wishes.begin(id)).toBe(false);
  wishes.add(id);
  wishes.takeDue();
  wishes.begin(id);
  wishes.drop(id); // its owner said no in the middle of it, and then yes
  wishes.add(id);
  wishes.settle(id, 'INTERRUPTED');
  expect(wishes.takeDue()).toEqual([id]);
});

test('What may pass by itself is tried later and later, an hour apart at most', () => {
  const { at, wishes, beginDue } = scene();
  wishes.add(id);
  const pauses: number[] = [];
  for (let turn = 0; turn < 9; turn += 1) {
    expect(beginDue()).toEqual([id]);
    wishes.settle(id, 'LIBRARY_BUSY');
    const before = at.nowMs;
    while (beginDue().length === 0) at.nowMs += minuteMs;
    wishes.settle(id, undefined);
    pauses.push((at.nowMs - before) / minuteMs);
    if (turn === 0) expect(pauses).toEqual([1]);
    wishes.add(id);
  }
  const { at: later, wishes: failing, beginDue: beginFailing } = scene();
  failing.add(id);
  const growing: number[] = [];
  let before = 0;
  for (let turn = 0; turn < 9; turn += 1) {
    while (beginFailing().length === 0) later.nowMs += minuteMs;
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
  const { at, wishes, beginDue } = scene();
  wishes.add(id);
  beginDue();
  wishes.settle(id, code);
  let waited: number | undefined;
  for (let minute = 1; minute <= 240 && waited === undefined; minute += 1) {
    at.nowMs += minuteMs;
    if (beginDue().length > 0) waited = minute;
  }
  expect(waited).toBe(minutes);
});

test('When something changed, all that wait are due at once, and what was dropped is not', () => {
  const { wishes, beginDue } = scene();
  const other = 'card-2' as SourceId;
  for (const each of [id, other]) wishes.add(each);
  beginDue();
  for (const each of [id, other]) wishes.settle(each, 'LIBRARY_FULL');
  wishes.drop(other);
  wishes.hurry();
  expect(beginDue()).toEqual([id]);
});
