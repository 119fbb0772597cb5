// A reminder too many and the owner switches them off; one that never comes and the phone is wiped with its photos unsaved.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SourceId } from '../../../src/domain/ids.ts';
import type { Overdue, OverdueLevel, OverdueReport } from '../../../src/domain/overdue.ts';
import {
  decideReminders,
  isQuiet,
  nightHours,
  nothingTold,
  type ReminderState,
} from '../../../src/domain/reminders.ts';
import { dayMs } from '../../../src/domain/safety.ts';

const hourMs = 3_600_000;
const minuteMs = 60_000;
const startMs = Date.UTC(2026, 0, 5, 12);
const noon = 12;

function phone(level: OverdueLevel = 'remind', id = 'mum'): Overdue {
  const sourceId = id as SourceId;
  const [name, ageDays] = ["Mum's iPhone", level === 'serious' ? 30 : 14];
  return {
    kind: 'phoneNotSaved',
    key: `phone:${id}`,
    level,
    ageDays,
    sourceId,
    name,
    since: 'lastSuccess',
    isConnected: false,
  };
}
const report = (...overdue: Overdue[]): OverdueReport => ({ isClockInDoubt: false, overdue });
const inDoubt: OverdueReport = { isClockInDoubt: true, datesAheadSinceMs: startMs, overdue: [] };

/** An owner's computer: looks when it is told to, remembers through JSON only, and looked an hour ago for the first time. */
class Computer {
  nowMs = startMs;
  localHour = noon;
  state: ReminderState = decideReminders({
    report: report(),
    state: nothingTold,
    nowMs: startMs - hourMs,
    localHour: noon,
  }).state;

  look(said: OverdueReport): string[] {
    const { nowMs, localHour } = this;
    const { tell, state } = decideReminders({ report: said, state: this.state, nowMs, localHour });
    this.state = JSON.parse(JSON.stringify(state));
    return tell.map(({ key, level }) => `${key} ${level}`);
  }
  /** Looks each hour, as an agent that is awake does. @returns the hours at which it told. */
  awake(hours: number, said: OverdueReport): number[] {
    const told: number[] = [];
    for (let hour = 0; hour < hours; hour += 1) {
      if (this.look(said).length > 0) told.push(hour);
      this.nowMs += hourMs;
    }
    return told;
  }
}

describe('While the computer is awake', () => {
  test('a thing is told at once, then after 3, 6, 12 and each further 14 days', () => {
    const days = new Computer().awake(24 * 64, report(phone())).map((hours) => hours / 24);
    expect(days).toEqual([0, 3, 9, 21, 35, 49, 63]);
  });

  test('what becomes serious is told at once if 3 days have passed, and begins anew', () => {
    const computer = new Computer();
    computer.awake(24 * 22, report(phone()));
    const days = computer.awake(24 * 14, report(phone('serious'))).map((hours) => hours / 24);
    expect(days, '22 days: told last on day 21').toEqual([2, 5, 11]);
    const late = new Computer();
    late.awake(24 * 26, report(phone()));
    expect(late.look(report(phone('serious')))).toEqual(['phone:mum serious']);
    late.nowMs += 3 * dayMs - 1;
    expect(late.look(report(phone('remind'))), 'and less serious again').toEqual([]);
    late.nowMs += hourMs;
    late.look(report(phone('remind')));
    expect(late.look(report(phone('serious'))), 'is no second rise').toEqual([]);
  });

  test('what has recovered begins anew when it is overdue again, but not within 3 days of when it was told', () => {
    const computer = new Computer();
    expect(computer.look(report(phone()))).toHaveLength(1);
    computer.awake(24, report());
    expect(computer.awake(24 * 4, report(phone())), 'told 24 hours before').toEqual([48]);
    computer.awake(24 * 4, report());
    expect(computer.state.told, 'nothing is kept of it').toEqual({});
    expect(computer.look(report(phone()))).toHaveLength(1);
  });

  test('nobody is told at night; it is told in the morning', () => {
    const computer = new Computer();
    for (computer.localHour of [21, 23, 0, 3, 8]) expect(computer.look(report(phone('serious')))).toEqual([]);
    computer.localHour = 9;
    expect(computer.look(report(phone('serious')))).toEqual(['phone:mum serious']);
  });

  test('each thing has a time of its own', () => {
    const computer = new Computer();
    expect(computer.look(report(phone()))).toEqual(['phone:mum remind']);
    computer.nowMs += hourMs;
    expect(computer.look(report(phone('remind', 'dad'), phone()))).toEqual(['phone:dad remind']);
  });
});

test('Hours that are quiet', () => {
  const quiet = Array.from({ length: 24 }, (_, hour) => hour).filter((hour) => isQuiet(hour, nightHours));
  expect(quiet).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 21, 22, 23]);
  expect([8.99, 9, 20.99, 21].map((hour) => isQuiet(hour, nightHours))).toEqual([true, false, false, true]);
  expect([11, 12, 13, 14].map((hour) => isQuiet(hour, { fromHour: 12, untilHour: 14 }))).toEqual([
    false,
    true,
    true,
    false,
  ]);
  expect(isQuiet(5, { fromHour: 7, untilHour: 7 })).toBe(false);
});

describe('After an absence', () => {
  test('the clock has ten minutes to be set right, and the owner to connect the phone', () => {
    const computer = new Computer();
    computer.awake(24, report());
    computer.nowMs += 30 * dayMs;
    const { lookAgainInMs } = decideReminders({
      report: report(phone()),
      state: computer.state,
      nowMs: computer.nowMs,
      localHour: noon,
    });
    expect(lookAgainInMs).toBe(10 * minuteMs);
    expect(computer.look(report(phone()))).toEqual([]);
    computer.nowMs += 10 * minuteMs;
    expect(computer.look(report(phone()))).toEqual(['phone:mum remind']);
    expect(computer.state).not.toHaveProperty('cameBackAtMs');
  });

  test('the first look of all tells nothing yet', () => {
    const first = { report: report(phone()), nowMs: startMs, localHour: noon, state: nothingTold };
    const { tell, state, lookAgainInMs } = decideReminders(first);
    expect([tell, lookAgainInMs]).toEqual([[], 10 * minuteMs]);
    expect(decideReminders({ ...first, state, nowMs: startMs + 10 * minuteMs }).tell).toHaveLength(1);
  });

  test('a night is no absence', () => {
    const computer = new Computer();
    computer.awake(8, report());
    computer.nowMs += 14 * hourMs;
    expect(computer.look(report(phone()))).toHaveLength(1);
  });

  test('a month off counts as a month', () => {
    const computer = new Computer();
    computer.look(report(phone()));
    computer.nowMs += 31 * dayMs;
    computer.look(report(phone()));
    computer.nowMs += hourMs;
    expect(computer.look(report(phone()))).toHaveLength(1);
  });
});

describe('A clock that is wrong', () => {
  test('is never a reason to remind, nor to forget what was told', () => {
    const computer = new Computer();
    computer.look(report(phone()));
    const { told } = computer.state;
    computer.nowMs += hourMs - 365 * dayMs;
    for (let hour = 0; hour < 48; hour += 1) {
      expect(computer.look(inDoubt)).toEqual([]);
      computer.nowMs += hourMs;
    }
    expect(computer.state.told).toEqual(told);
    expect(computer.state.datesAheadSinceMs, 'is handed to the next look').toBe(startMs);
    computer.nowMs += 365 * dayMs;
    expect(computer.awake(48, report(phone())), 'three days after it was told').toEqual([25]);
    expect(computer.state).not.toHaveProperty('datesAheadSinceMs');
  });

  test.for([5 * dayMs, 365 * dayMs, 5 * hourMs])(
    'set back by %i ms and right again a day later does not remind twice',
    (stepMs) => {
      const computer = new Computer();
      computer.look(report(phone()));
      computer.awake(12, report(phone()));
      computer.nowMs -= stepMs;
      expect(computer.awake(24, report(phone()))).toEqual([]);
      computer.nowMs += stepMs;
      expect(computer.awake(24, report(phone()))).toEqual([]);
      expect(computer.awake(24 * 2, report(phone()))).toHaveLength(1);
    },
  );

  test('set back, and told of something new meanwhile, does not tell it again when it is right', () => {
    const computer = new Computer();
    computer.awake(24, report());
    computer.nowMs -= 5 * dayMs;
    expect(computer.awake(24, report(phone())), 'after ten minutes').toEqual([1]);
    computer.nowMs += 5 * dayMs;
    expect(computer.awake(24 * 2 + 1, report(phone()))).toEqual([]);
    expect(computer.awake(24, report(phone()))).toHaveLength(1);
  });

  test('a year ahead for some minutes does not remind, nor silence, anybody', () => {
    const computer = new Computer();
    computer.look(report(phone()));
    computer.nowMs += hourMs + 365 * dayMs;
    expect(computer.look(report(phone('serious'), phone('serious', 'dad')))).toEqual([]);
    computer.nowMs += 5 * minuteMs - 365 * dayMs;
    expect(computer.awake(24 * 2, report(phone()))).toEqual([]);
    expect(computer.awake(24 * 2, report(phone()))).toHaveLength(1);
  });

  test('a year ahead for days, and told by it, is reminded again in days, not in a year', () => {
    const computer = new Computer();
    computer.look(report());
    computer.nowMs += 365 * dayMs;
    expect(computer.awake(48, report(phone()))).toEqual([1]);
    computer.nowMs -= 365 * dayMs;
    expect(computer.awake(24 * 4, report(phone()))).toHaveLength(1);
  });
});

describe('Whatever happens', () => {
  const step = fc.record({
    hours: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 24 * 40 })),
    mum: fc.constantFrom<OverdueLevel | undefined>('remind', 'remind', 'serious', undefined),
    dad: fc.constantFrom<OverdueLevel | undefined>('remind', undefined, undefined),
    isClockInDoubt: fc.integer({ min: 0, max: 9 }).map((chance) => chance === 0),
  });

  test('nothing is told twice within 3 days, at night or in doubt, nor what is not overdue', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const computer = new Computer();
        const toldAtMs = new Map<string, number>();
        for (const { hours, mum, dad, isClockInDoubt } of steps) {
          computer.nowMs += hours * hourMs;
          computer.localHour = (computer.nowMs / hourMs) % 24;
          const overdue = [...(mum ? [phone(mum)] : []), ...(dad ? [phone(dad, 'dad')] : [])];
          for (const told of computer.look(isClockInDoubt ? inDoubt : report(...overdue))) {
            const key = told.split(' ')[0] ?? '';
            expect(isClockInDoubt || isQuiet(computer.localHour, nightHours)).toBe(false);
            expect(overdue.map((each) => each.key)).toContain(key);
            const sinceMs = computer.nowMs - (toldAtMs.get(key) ?? -Infinity);
            expect(sinceMs).toBeGreaterThanOrEqual(3 * dayMs);
            toldAtMs.set(key, computer.nowMs);
          }
        }
      }),
    );
  });

  test('nothing is silenced for longer than 14 days of being awake, wherever the clock was set to', () => {
    const jump = fc.record({ hours: fc.integer({ min: 1, max: 50 }), days: fc.integer({ min: -4000, max: 4000 }) });
    fc.assert(
      fc.property(fc.array(jump, { maxLength: 5 }), (jumps) => {
        const computer = new Computer();
        for (const { hours, days } of jumps) {
          computer.awake(hours, report(phone('serious')));
          computer.nowMs += days * dayMs;
        }
        expect(computer.awake(24 * 14 + 2, report(phone('serious'))).length).toBeGreaterThanOrEqual(1);
      }),
      { numRuns: 30 },
    );
  });

  test('one jump there and back never makes two reminders within 3 days', () => {
    const times = fc.record({
      before: fc.integer({ min: 1, max: 200 }),
      during: fc.integer({ min: 1, max: 47 }),
      days: fc.integer({ min: 3, max: 4000 }),
    });
    fc.assert(
      fc.property(times, ({ before, during, days }) => {
        const computer = new Computer();
        const told: number[] = [];
        let hoursTrue = 0;
        const awake = (hours: number) => {
          told.push(...computer.awake(hours, report(phone())).map((hour) => hoursTrue + hour));
          hoursTrue += hours;
        };
        awake(before);
        computer.nowMs -= days * dayMs;
        awake(during);
        computer.nowMs += days * dayMs;
        awake(200);
        for (const [index, hour] of told.entries())
          expect(hour - (told[index - 1] ?? -Infinity)).toBeGreaterThanOrEqual(3 * 24);
      }),
      { numRuns: 60 },
    );
  });
});
