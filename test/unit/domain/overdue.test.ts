// Without these a phone that was not saved for a month is not missed, or a clock that was wrong for a minute frightens a family.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ErrorCode } from '../../../src/domain/errors.ts';
import type { DriveId, SourceId } from '../../../src/domain/ids.ts';
import { findOverdue, type OverdueFacts, type WatchedDrive, type WatchedSource } from '../../../src/domain/overdue.ts';
import { dayMs } from '../../../src/domain/safety.ts';

const nowMs = Date.UTC(2026, 5, 1, 12);
const hourMs = 3_600_000;
const daysAgo = (days: number) => nowMs - days * dayMs;

function phone(more: Partial<WatchedSource> = {}): WatchedSource {
  return {
    id: 'mum' as SourceId,
    name: "Mum's iPhone",
    kind: 'iphone',
    decision: 'always',
    enrolledAtMs: daysAgo(300),
    successesAtMs: [daysAgo(1)],
    visits: [],
    isConnected: false,
    ...more,
  };
}
function drive(more: Partial<WatchedDrive> = {}): WatchedDrive {
  return {
    id: 'blue' as DriveId,
    name: 'Blue drive',
    isElsewhere: false,
    enrolledAtMs: daysAgo(900),
    visits: [],
    ...more,
  };
}
const look = (facts: Partial<OverdueFacts>) => findOverdue({ nowMs, sources: [], drives: [], ...facts });
const levelOf = (facts: Partial<OverdueFacts>) => look(facts).overdue.map(({ kind, level }) => `${kind} ${level}`);
const phoneLevel = (more: Partial<WatchedSource>) => look({ sources: [phone(more)] }).overdue[0]?.level;

describe('A phone', () => {
  test('is overdue 14 days after the last success, seriously after 30', () => {
    const saved = (atMs: number) => phoneLevel({ successesAtMs: [atMs] });
    expect(saved(daysAgo(14) + 1)).toBeUndefined();
    expect(saved(daysAgo(14))).toBe('remind');
    expect(saved(daysAgo(30) + 1)).toBe('remind');
    expect(saved(daysAgo(30))).toBe('serious');
    expect(look({ sources: [phone({ successesAtMs: [daysAgo(16) + 1] })] }).overdue).toMatchObject([
      { kind: 'phoneNotSaved', key: 'phone:mum', ageDays: 15, since: 'lastSuccess' },
    ]);
  });

  test('that was never saved is counted from its enrolment, also from a second one', () => {
    const never = phone({ enrolledAtMs: daysAgo(20), successesAtMs: [] });
    expect(look({ sources: [never] }).overdue).toMatchObject([{ ageDays: 20, since: 'enrolment' }]);
    const again = phone({ enrolledAtMs: daysAgo(15), successesAtMs: [daysAgo(400)] });
    expect(look({ sources: [again] }).overdue).toMatchObject([{ ageDays: 15, since: 'enrolment', level: 'remind' }]);
  });

  test('that is retired, refused or not decided is never overdue; nor a card, a folder or a library', () => {
    const old = { successesAtMs: [daysAgo(400)] };
    for (const decision of ['retired', 'never', 'ask'] as const)
      expect(phoneLevel({ ...old, decision })).toBeUndefined();
    for (const kind of ['card', 'folder', 'photosLibrary', 'adopted'])
      expect(phoneLevel({ ...old, kind })).toBeUndefined();
  });

  test('is not overdue while its owner is away, and is when the time is over', () => {
    const old = { successesAtMs: [daysAgo(20)] };
    expect(phoneLevel({ ...old, snoozedUntilMs: nowMs + 1 })).toBeUndefined();
    expect(phoneLevel({ ...old, snoozedUntilMs: nowMs })).toBe('remind');
    expect(phoneLevel({ ...old, snoozedUntilMs: Date.UTC(2040, 0) }), 'set by a wrong clock').toBe('remind');
  });

  test('says how often it was here since and what was in the way, the last time first', () => {
    const visit = (days: number, code: ErrorCode) => ({ atMs: daysAgo(days), code });
    const seen = (...visits: ReturnType<typeof visit>[]) =>
      look({ sources: [phone({ successesAtMs: [daysAgo(15)], visits })] }).overdue[0];
    expect(seen()).not.toHaveProperty('visits');
    expect(seen(visit(20, 'PHONE_LOCKED'))).not.toHaveProperty('visits');
    expect(seen(visit(9, 'PHONE_LOCKED'), visit(5, 'PHONE_LOCKED'), visit(1, 'PHONE_LOCKED'))).toMatchObject({
      visits: { count: 3, codes: ['PHONE_LOCKED'] },
    });
    const mixed = [
      visit(1, 'LIBRARY_FULL'),
      visit(9, 'PHONE_LOCKED'),
      visit(5, 'SOURCE_GONE'),
      visit(4, 'PHONE_LOCKED'),
    ];
    expect(seen(...mixed)).toMatchObject({
      visits: { count: 4, codes: ['LIBRARY_FULL', 'PHONE_LOCKED', 'SOURCE_GONE'] },
    });
    const loose = Array.from({ length: 40 }, (_, minutes) => visit(2 - minutes / 1440, 'SOURCE_GONE'));
    expect(seen(...loose, visit(1, 'PHONE_LOCKED')), 'a loose cable is one visit').toMatchObject({
      visits: { count: 2 },
    });
  });
});

describe('A drive', () => {
  test('has photos waiting for 30 days, or for 90 if it is kept elsewhere', () => {
    const waiting = (days: number, isElsewhere: boolean) =>
      levelOf({ drives: [drive({ isElsewhere, waiting: { files: 7, oldestAtMs: daysAgo(days) } })] });
    expect([29, 30, 60].map((days) => waiting(days, false))).toEqual([
      [],
      ['driveWaiting remind'],
      ['driveWaiting serious'],
    ]);
    expect([89, 90, 180].map((days) => waiting(days, true))).toEqual([
      [],
      ['driveWaiting remind'],
      ['driveWaiting serious'],
    ]);
  });

  test('is not blamed for what waited before it was enrolled, or before all was on it', () => {
    const waiting = { files: 7, oldestAtMs: daysAgo(2000) };
    expect(levelOf({ drives: [drive({ waiting, enrolledAtMs: daysAgo(1) })] })).toEqual([]);
    expect(levelOf({ drives: [drive({ waiting, lastCopiedAtMs: daysAgo(3) })] })).toEqual([]);
    expect(levelOf({ drives: [drive({ waiting: { ...waiting, files: 0 } })] })).toEqual([]);
  });

  test('says when it was last here, or why copying did not come to its end', () => {
    const waiting = { files: 7, oldestAtMs: daysAgo(40) };
    const away = drive({ waiting, lastSeenAtMs: daysAgo(50) });
    expect(look({ drives: [away] }).overdue).toMatchObject([{ files: 7, unseenDays: 50, isAttached: false }]);
    const full = drive({ waiting, attachedSinceMs: daysAgo(1), visits: [{ atMs: daysAgo(1), code: 'LIBRARY_FULL' }] });
    const [overdue] = look({ drives: [full] }).overdue;
    expect(overdue).toMatchObject({ isAttached: true, visits: { count: 1, codes: ['LIBRARY_FULL'] } });
    expect(overdue).not.toHaveProperty('unseenDays');
  });

  test('is due for a check after 180 days, or 365 elsewhere; at twice that it no longer counts', () => {
    const proven = (days: number, isElsewhere: boolean) =>
      levelOf({ drives: [drive({ isElsewhere, oldestProvenAtMs: daysAgo(days) })] });
    expect([179, 180, 360, 361].map((days) => proven(days, false))).toEqual([
      [],
      ['driveCheckDue remind'],
      ['driveCheckDue remind'],
      ['driveCheckDue serious'],
    ]);
    expect([364, 365, 730, 731].map((days) => proven(days, true))).toEqual([
      [],
      ['driveCheckDue remind'],
      ['driveCheckDue remind'],
      ['driveCheckDue serious'],
    ]);
    expect(levelOf({ libraryOldestProvenAtMs: daysAgo(179) })).toEqual([]);
    expect(levelOf({ libraryOldestProvenAtMs: daysAgo(180) })).toEqual(['libraryCheckDue remind']);
    expect(levelOf({ libraryOldestProvenAtMs: daysAgo(361) })).toEqual(['libraryCheckDue serious']);
  });

  test('has new copies read back within a day of being attached, in a computer that had the time', () => {
    const unread = { files: 3, oldestAtMs: daysAgo(5) };
    const at = (more: Partial<WatchedDrive>, awakeSinceMs?: number) =>
      levelOf({ drives: [drive({ unread, ...more })], ...(awakeSinceMs === undefined ? {} : { awakeSinceMs }) });
    expect(at({}), 'in a drawer').toEqual([]);
    expect(at({ attachedSinceMs: daysAgo(1) + 1 })).toEqual([]);
    expect(at({ attachedSinceMs: daysAgo(1) })).toEqual(['copiesNotReadBack remind']);
    expect(at({ attachedSinceMs: daysAgo(30) }, nowMs - hourMs + 1), 'slept for a month').toEqual([]);
    expect(at({ attachedSinceMs: daysAgo(30) }, nowMs - hourMs)).toEqual(['copiesNotReadBack remind']);
    expect(at({ attachedSinceMs: daysAgo(9), unread: { files: 1, oldestAtMs: nowMs - hourMs } })).toEqual([]);
  });
});

test('The serious comes first, then what is overdue longest', () => {
  const of = (id: string, days: number) => phone({ id: id as SourceId, successesAtMs: [daysAgo(days)] });
  const drives = [drive({ oldestProvenAtMs: daysAgo(200) })];
  const { overdue } = look({ sources: [of('a', 15), of('b', 31), of('c', 20)], drives });
  expect(overdue.map(({ key }) => key)).toEqual(['phone:b', 'driveCheckDue:blue', 'phone:c', 'phone:a']);
});

describe('A clock', () => {
  const old = phone({ successesAtMs: [daysAgo(20)] });
  const recent = phone({ id: 'dad' as SourceId, successesAtMs: [daysAgo(1)] });

  test('set back a year is in doubt, and nothing is overdue by it', () => {
    const sources = [old, recent];
    const back = nowMs - 365 * dayMs;
    expect(look({ sources, nowMs: back })).toEqual({ isClockInDoubt: true, datesAheadSinceMs: back, overdue: [] });
    expect(look({ sources, nowMs: back + 5 * dayMs, datesAheadSinceMs: back })).toMatchObject({
      isClockInDoubt: true,
      datesAheadSinceMs: back,
      overdue: [],
    });
    const right = look({ sources, datesAheadSinceMs: back });
    expect(right).toMatchObject({ isClockInDoubt: false, overdue: [{ key: 'phone:mum', ageDays: 20 }] });
    expect(right).not.toHaveProperty('datesAheadSinceMs');
  });

  test('a few hours off, or another time zone, is not in doubt', () => {
    expect(look({ sources: [old, recent], nowMs: nowMs - 36 * hourMs }).isClockInDoubt).toBe(false);
  });

  test('that has run on for 14 days is believed: a photo saved in 2040 does not silence it until then', () => {
    const future = phone({ successesAtMs: [Date.UTC(2040, 0)] });
    const sources = [future, old];
    expect(look({ sources })).toMatchObject({ isClockInDoubt: true, datesAheadSinceMs: nowMs, overdue: [] });
    const later = look({ sources, nowMs: nowMs + 14 * dayMs, datesAheadSinceMs: nowMs });
    expect(later).toMatchObject({ isClockInDoubt: false, datesAheadSinceMs: nowMs });
    expect(
      later.overdue.map(({ ageDays }) => ageDays),
      'counted from when it was noticed',
    ).toEqual([34, 14]);
  });

  test('that goes back once more begins anew', () => {
    const back = nowMs - 800 * dayMs;
    expect(look({ sources: [recent], nowMs: back, datesAheadSinceMs: nowMs - 365 * dayMs })).toMatchObject({
      isClockInDoubt: true,
      datesAheadSinceMs: back,
    });
  });

  test('that was behind for one import does not make a phone a year overdue', () => {
    expect(phoneLevel({ successesAtMs: [daysAgo(366), daysAgo(3)] })).toBeUndefined();
  });

  test('is not doubted for a phone that nobody watches', () => {
    const retired = phone({ decision: 'retired', successesAtMs: [Date.UTC(2040, 0)] });
    expect(look({ sources: [retired] }).isClockInDoubt).toBe(false);
  });
});

test('After a month off everything is as old as it is, and not older', () => {
  const facts = {
    sources: [phone({ successesAtMs: [daysAgo(33)] })],
    drives: [
      drive({
        attachedSinceMs: daysAgo(33),
        unread: { files: 3, oldestAtMs: daysAgo(32) },
        waiting: { files: 1, oldestAtMs: daysAgo(32) },
        oldestProvenAtMs: daysAgo(150),
      }),
    ],
    awakeSinceMs: nowMs - 60_000,
  };
  expect(look(facts).overdue.map(({ key, ageDays }) => [key, ageDays])).toEqual([
    ['phone:mum', 33],
    ['driveWaiting:blue', 32],
  ]);
});

const moment = fc.integer({ min: 0, max: 800 * 24 }).map((hours) => nowMs - hours * hourMs);
const anyVisits = fc.array(
  fc.record({ atMs: moment, code: fc.constantFrom<ErrorCode>('PHONE_LOCKED', 'SOURCE_GONE') }),
  {
    maxLength: 6,
  },
);
const anySource: fc.Arbitrary<WatchedSource> = fc.record(
  {
    id: fc.constantFrom('a' as SourceId, 'b' as SourceId, 'c' as SourceId),
    name: fc.constant('iPhone'),
    kind: fc.constantFrom('iphone', 'iphone', 'card', 'folder'),
    decision: fc.constantFrom(
      'always' as const,
      'always' as const,
      'ask' as const,
      'never' as const,
      'retired' as const,
    ),
    enrolledAtMs: moment,
    successesAtMs: fc.array(moment, { maxLength: 3 }),
    visits: anyVisits,
    snoozedUntilMs: fc.integer({ min: -30, max: 30 }).map((days) => nowMs + days * dayMs),
    isConnected: fc.boolean(),
  },
  { requiredKeys: ['id', 'name', 'kind', 'decision', 'enrolledAtMs', 'successesAtMs', 'visits', 'isConnected'] },
);
const anyAmount = fc.record({ files: fc.integer({ min: 0, max: 3 }), oldestAtMs: moment });
const anyDrive: fc.Arbitrary<WatchedDrive> = fc.record(
  {
    id: fc.constantFrom('d' as DriveId, 'e' as DriveId),
    name: fc.constant('Drive'),
    isElsewhere: fc.boolean(),
    enrolledAtMs: moment,
    lastCopiedAtMs: moment,
    lastSeenAtMs: moment,
    attachedSinceMs: moment,
    waiting: anyAmount,
    unread: anyAmount,
    oldestProvenAtMs: moment,
    visits: anyVisits,
  },
  { requiredKeys: ['id', 'name', 'isElsewhere', 'enrolledAtMs', 'visits'] },
);
const anyFacts = fc.record(
  {
    nowMs: fc.constant(nowMs),
    awakeSinceMs: moment,
    sources: fc.uniqueArray(anySource, { selector: ({ id }) => id, maxLength: 3 }),
    drives: fc.uniqueArray(anyDrive, { selector: ({ id }) => id, maxLength: 2 }),
    libraryOldestProvenAtMs: moment,
  },
  { requiredKeys: ['nowMs', 'sources', 'drives'] },
);
/** All that is a success or the beginning of something: what a clock may not lie before. */
const latestOf = ({ sources, drives, libraryOldestProvenAtMs }: OverdueFacts) =>
  Math.max(
    ...sources
      .filter(({ kind, decision }) => kind === 'iphone' && decision === 'always')
      .flatMap(({ enrolledAtMs, successesAtMs }) => [enrolledAtMs, ...successesAtMs]),
    ...drives.flatMap(({ enrolledAtMs, lastCopiedAtMs, waiting, unread, oldestProvenAtMs }) => [
      enrolledAtMs,
      ...[lastCopiedAtMs, waiting?.oldestAtMs, unread?.oldestAtMs, oldestProvenAtMs].filter(
        (each) => each !== undefined,
      ),
    ]),
    libraryOldestProvenAtMs ?? -Infinity,
  );

describe('Whatever the facts are', () => {
  test('ages are whole days, never negative, keys are told apart, and only enrolled phones and drives are named', () => {
    fc.assert(
      fc.property(anyFacts, fc.integer({ min: -900, max: 900 }), fc.option(moment), (facts, days, since) => {
        const at = { ...facts, nowMs: nowMs + days * dayMs, ...(since === null ? {} : { datesAheadSinceMs: since }) };
        const { overdue } = findOverdue(at);
        expect(new Set(overdue.map(({ key }) => key)).size).toBe(overdue.length);
        for (const each of overdue) {
          expect(Number.isInteger(each.ageDays) && each.ageDays >= 1, `${each.ageDays} days`).toBe(true);
          if (each.kind !== 'phoneNotSaved') continue;
          const {
            kind,
            decision,
            snoozedUntilMs = -Infinity,
          } = facts.sources.find(({ id }) => id === each.sourceId) ?? phone({ kind: 'gone' });
          expect([kind, decision]).toEqual(['iphone', 'always']);
          expect(snoozedUntilMs > at.nowMs && snoozedUntilMs <= at.nowMs + 366 * dayMs, 'snoozed').toBe(false);
        }
      }),
    );
  });

  test('a clock before any success says nothing but that', () => {
    fc.assert(
      fc.property(anyFacts, fc.integer({ min: 1, max: 5000 }), (facts, days) => {
        fc.pre(latestOf(facts) > -Infinity);
        const { isClockInDoubt, overdue } = findOverdue({ ...facts, nowMs: latestOf(facts) - days * dayMs - 1 });
        expect([isClockInDoubt, overdue.length]).toEqual([true, 0]);
      }),
    );
  });

  test('what is overdue stays so and grows older by as much as time passes, asleep or awake, until something is done', () => {
    fc.assert(
      fc.property(anyFacts, fc.integer({ min: 0, max: 60 }), (facts, days) => {
        const before = findOverdue(facts).overdue;
        const after = new Map(
          findOverdue({ ...facts, nowMs: nowMs + days * dayMs }).overdue.map((each) => [each.key, each]),
        );
        for (const each of before) {
          const then = after.get(each.key);
          expect(then?.ageDays).toBe(each.ageDays + days);
          if (each.level === 'serious') expect(then?.level).toBe('serious');
        }
      }),
    );
  });

  test('a success now ends it', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const sources = facts.sources.map((source) => ({ ...source, successesAtMs: [...source.successesAtMs, nowMs] }));
        const { overdue } = findOverdue({ ...facts, sources });
        expect(overdue.filter(({ kind }) => kind === 'phoneNotSaved')).toEqual([]);
      }),
    );
  });
});
