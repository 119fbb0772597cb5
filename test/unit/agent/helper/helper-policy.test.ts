// Whoever helps stops reading if they are told all day; and if they are told too little, they learn of a dead phone from its owner.
import { expect, test } from 'vitest';
import type { Finding } from '../../../../src/agent/finding.ts';
import {
  changesPerDayMax,
  forgetOver,
  type HelperMemory,
  lookForHelper,
  nobodyTold,
  noteSent,
  nothingSent,
  type TargetMemory,
  whatToSend,
} from '../../../../src/agent/helper/helper-policy.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const startMs = Date.UTC(2026, 10, 1, 11);

function finding(key: string, more: Partial<Finding> = {}): Finding {
  return { key, code: 'X', message: '', remedy: '', level: 'remind', isAgents: true, ...more };
}

/** Somebody who is told everything at once, as the hours pass. */
class Listener {
  memory: HelperMemory = nobodyTold;
  target: TargetMemory = nothingSent;
  readonly heard: string[] = [];
  nowMs = startMs;
  readonly #isAliveWanted: boolean;

  constructor({ isAliveWanted = false } = {}) {
    this.#isAliveWanted = isAliveWanted;
  }

  look(findings: readonly Finding[], { afterMs = hourMs, isDeaf = false } = {}): string | undefined {
    this.nowMs += afterMs;
    const look = lookForHelper(findings, this.memory, this.nowMs);
    this.memory = look.memory;
    this.target = forgetOver(look, this.target);
    const kind = whatToSend(look, this.target, { nowMs: this.nowMs, isAliveWanted: this.#isAliveWanted });
    if (kind === undefined || isDeaf) return kind;
    this.target = noteSent(look, this.target, { kind, nowMs: this.nowMs });
    this.heard.push(kind);
    return kind;
  }
}

test('At first it is said once that it works, then once a month', () => {
  const listener = new Listener();
  for (let hour = 0; hour < 24 * 65; hour += 1) listener.look([]);
  expect(listener.heard).toEqual(['summary', 'summary', 'summary']);
});

test('What becomes wrong is told once, what is added or grows serious too, and that it is over', () => {
  const listener = new Listener();
  listener.look([]);
  expect(listener.look([finding('a')])).toBe('change');
  for (let hour = 0; hour < 100; hour += 1) expect(listener.look([finding('a')])).toBeUndefined();
  expect(listener.look([finding('a'), finding('b')])).toBe('change');
  expect(listener.look([finding('b')]), 'one of two is over').toBeUndefined();
  expect(listener.look([finding('b', { level: 'serious' })], { afterMs: dayMs })).toBe('change');
  expect(listener.look([finding('b')]), 'less serious is no news').toBeUndefined();
  expect(listener.look([], { afterMs: dayMs })).toBe('change');
  expect(listener.look([])).toBeUndefined();
});

test('What goes on has its place in the summary of the month', () => {
  const listener = new Listener();
  listener.look([finding('a')]);
  expect(listener.heard).toEqual(['change']);
  expect(listener.look([finding('a')], { afterMs: 29 * dayMs })).toBeUndefined();
  expect(listener.look([finding('a')], { afterMs: dayMs })).toBe('summary');
});

test('What comes and goes all day is told a few times, and how it ended', () => {
  const listener = new Listener();
  listener.look([]);
  for (let hour = 0; hour < 22; hour += 1) listener.look(hour % 2 === 0 ? [finding('a')] : []);
  expect(listener.heard.filter((kind) => kind === 'change')).toHaveLength(changesPerDayMax);
  listener.look([finding('a')], { afterMs: hourMs });
  expect(listener.look([finding('a')], { afterMs: dayMs })).toBe('change');
});

test('What did not get through is news as long as it is so, and not any more when it is over', () => {
  const listener = new Listener();
  listener.look([]);
  expect(listener.look([finding('a')], { isDeaf: true })).toBe('change');
  expect(listener.look([finding('a')], { isDeaf: true })).toBe('change');
  expect(listener.look([])).toBeUndefined();
  expect(listener.look([finding('a')], { isDeaf: true })).toBe('change');
  expect(listener.look([finding('a')])).toBe('change');
});

test('Where a sign of life is counted on, there is one each day', () => {
  const listener = new Listener({ isAliveWanted: true });
  for (let day = 0; day < 10; day += 1) {
    listener.look([], { afterMs: dayMs });
    expect(listener.look([], { afterMs: 0 }), 'agent and check look at the same time').toBeUndefined();
  }
  expect(listener.heard).toEqual(['summary', ...Array(9).fill('alive')]);
});

test('A clock that is set back by years silences nobody', () => {
  const listener = new Listener({ isAliveWanted: true });
  listener.look([finding('a')]);
  expect(listener.look([finding('a')], { afterMs: -2000 * dayMs })).toBe('summary');
  expect(listener.look([], { afterMs: hourMs })).toBe('change');
  expect(listener.memory.state?.sinceMs).toBe(listener.nowMs);
});

test('Since when it has been so is kept, for the whole and for each', () => {
  const listener = new Listener();
  listener.look([finding('a')]);
  const sinceMs = listener.nowMs;
  listener.look([finding('a'), finding('b')], { afterMs: 5 * dayMs });
  const { facts, sinceMs: since } = lookForHelper([finding('a'), finding('b')], listener.memory, listener.nowMs);
  expect(since).toBe(sinceMs);
  expect(facts.map(({ fact }) => fact.days)).toEqual([5, 0]);
});

test('A drive that is away for a day is nobody’s business yet', () => {
  const listener = new Listener();
  const away = finding('drive', { tellAfterDays: 3 });
  listener.look([]);
  expect(listener.look([away])).toBeUndefined();
  expect(listener.look([away], { afterMs: 2 * dayMs })).toBeUndefined();
  expect(listener.look([away], { afterMs: dayMs })).toBe('change');
});
