// The check runs once a day, at any hour, and beside an agent that tells the same: each of these is a way to tell too much or nothing.
import { expect, test } from 'vitest';
import type { Finding } from '../../../../src/agent/finding.ts';
import { decideTelling, type TellingFacts, untold } from '../../../../src/agent/independent-check/tell-owner.ts';
import { decideReminders, nothingTold, type ReminderState } from '../../../../src/domain/reminders.ts';

const dayMs = 86_400_000;
const startMs = Date.UTC(2026, 10, 1, 11);

const dead: Finding = {
  ...{ key: 'need:AGENT_NOT_RUNNING', code: 'AGENT_NOT_RUNNING', message: '', remedy: '' },
  ...{ level: 'serious', isAgents: false },
};
const phone: Finding = { ...dead, key: 'phone:1', code: 'PHONE_OVERDUE', level: 'remind', isAgents: true };

function facts(day: number, more: Partial<TellingFacts>): TellingFacts {
  return {
    ...{ findings: [], isAgentWell: false, isPaused: false, isClockInDoubt: false, datesAheadSinceMs: undefined },
    ...{ sinceMs: {}, told: nothingTold, toldByAgent: nothingTold, nowMs: startMs + day * dayMs, localHour: 11 },
    ...more,
  };
}

/** On which of these days something is told, by one check a day. */
function toldOn(days: readonly number[], more: (day: number) => Partial<TellingFacts>): readonly number[] {
  let told: ReminderState = nothingTold;
  return days.filter((day) => {
    const { tell, state } = decideTelling(facts(day, { ...more(day), told }));
    told = JSON.parse(JSON.stringify(state));
    return tell.length > 0;
  });
}

const everyDay = Array.from({ length: 40 }, (_, day) => day);

test('An agent that does not run is told on the first day, and then less and less often', () => {
  expect(toldOn(everyDay, () => ({ findings: [dead] }))).toEqual([0, 3, 9, 21, 35]);
});

test('A computer that is on once a week hears of it each time that it is due', () => {
  expect(toldOn([0, 7, 14, 21, 28, 35], () => ({ findings: [dead] }))).toEqual([0, 7, 14, 28]);
});

test('Nobody is told at night', () => {
  expect(toldOn([0, 1, 2], (day) => ({ findings: [dead], localHour: day < 2 ? 23 : 11 }))).toEqual([2]);
});

test('While the agent is well, what is its own is left to it, and the rest is told', () => {
  const broken = { ...dead, key: 'need:CATALOG_DAMAGED' };
  const { tell } = decideTelling(facts(0, { findings: [phone, broken], isAgentWell: true }));
  expect(tell.map(({ key }) => key)).toEqual(['need:CATALOG_DAMAGED']);
  expect(decideTelling(facts(0, { findings: [phone] })).tell).toEqual([phone]);
});

test('What the agent told before it died is not told again within its time', () => {
  const lookMs = startMs - dayMs - 600_000;
  const look = (state: ReminderState, nowMs: number) =>
    decideReminders({ report: { isClockInDoubt: false, overdue: [phone] }, state, nowMs, localHour: 11 });
  const first = look(nothingTold, lookMs);
  const second = look(first.state, lookMs + 600_000);
  expect(second.tell).toEqual([phone]);
  const toldByAgent = second.state;
  expect(toldOn(everyDay.slice(0, 12), () => ({ findings: [phone], toldByAgent }))).toEqual([2, 8]);
});

test('Two findings of one kind are one thing to tell; the serious come first', () => {
  const { tell } = decideTelling(facts(0, { findings: [phone, dead, { ...dead, message: 'other' }] }));
  expect(tell).toEqual([dead, phone]);
});

test('Who paused it is not reminded, but hears that it is broken', () => {
  const { tell } = decideTelling(facts(0, { findings: [phone, dead], isPaused: true }));
  expect(tell).toEqual([dead]);
});

test('While the clock is in doubt nothing is told', () => {
  expect(decideTelling(facts(0, { findings: [dead], isClockInDoubt: true })).tell).toEqual([]);
});

test('What may be as its owner wants it is told when it has been so for some days', () => {
  const away = { ...dead, tellAfterDays: 3 };
  expect(toldOn(everyDay.slice(0, 8), () => ({ findings: [away], sinceMs: { [away.key]: startMs } }))).toEqual([3, 6]);
});

test('What could not be shown is due again the next day', () => {
  const before = decideTelling(facts(0, { findings: [phone] })).state;
  const { tell, state } = decideTelling(facts(4, { findings: [phone, dead], told: before }));
  expect(tell).toEqual([dead, phone]);
  const after = untold(state, before, [dead.key]);
  expect(decideTelling(facts(5, { findings: [phone, dead], told: after })).tell).toEqual([dead]);
});
