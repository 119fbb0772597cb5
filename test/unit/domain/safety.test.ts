// A photo that is called safe and is not is deleted from the phone and lost; one called unsafe for ever is a rumour nobody heeds.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AssetId, DriveId } from '../../../src/domain/ids.ts';
import {
  ageMs,
  checkPeriodDays,
  dayMs,
  type FileCopies,
  type FileCopy,
  judgeAsset,
  judgeFile,
  type KnownDrive,
  type SafetyView,
  summarizeSafety,
} from '../../../src/domain/safety.ts';

const nowMs = Date.UTC(2026, 5, 1, 12);
const daysAgo = (days: number) => nowMs - days * dayMs;

function drive(driveId: string, more: Partial<KnownDrive> = {}): KnownDrive {
  return { driveId: driveId as DriveId, diskKey: driveId, medium: 'external', isElsewhere: false, ...more };
}
const drives = [
  drive('blue'),
  drive('red', { isElsewhere: true }),
  drive('second partition of blue', { diskKey: 'blue' }),
  drive('partition beside the library', { diskKey: 'computer', medium: 'builtIn' }),
  drive('nas', { medium: 'network' }),
];
const view: SafetyView = {
  nowMs,
  library: { diskKey: 'computer', medium: 'builtIn' },
  drives: new Map(drives.map((each) => [each.driveId, each])),
};

function copy(driveId: string, more: Partial<FileCopy> = {}): FileCopy {
  return { driveId: driveId as DriveId, copiedAtMs: daysAgo(10), readBackAtMs: daysAgo(10), ...more };
}
function file(copies: readonly FileCopy[], more: Partial<FileCopies> = {}): FileCopies {
  return { savedAtMs: daysAgo(11), copies, ...more };
}
function unread(driveId: string): FileCopy {
  return { driveId: driveId as DriveId, copiedAtMs: daysAgo(10) };
}
const reasonOf = (of: FileCopies) => {
  const safety = judgeFile(of, view);
  return safety.isSafe ? 'safe' : safety.reason;
};

describe('One file', () => {
  test.for<[string, FileCopies, string]>([
    ['in the library only', file([]), 'notCopied'],
    ['and on one drive', file([copy('blue')]), 'safe'],
    ['on a drive that was forgotten', file([copy('forgotten')]), 'notCopied'],
    ['on another partition of the disk of the library', file([copy('partition beside the library')]), 'oneDisk'],
    ['copied, not read back', file([unread('blue')]), 'notReadBack'],
    ['copied, not read back, but checked since', file([{ ...unread('blue'), checkedAtMs: daysAgo(1) }]), 'safe'],
    ['with a problem on the drive', file([copy('blue', { finding: 'corrupt' })]), 'finding'],
    ['with a problem in the library', file([copy('blue')], { finding: 'missing' }), 'finding'],
    ['with a problem on a third copy', file([copy('blue'), copy('red', { finding: 'unreadable' })]), 'safe'],
    ['lost from the library, on two drives', file([copy('blue'), copy('red')], { finding: 'missing' }), 'safe'],
    [
      'lost from the library, on two partitions of one drive',
      file([copy('blue'), copy('second partition of blue')], { finding: 'missing' }),
      'finding',
    ],
    ['with a problem and no copy', file([], { finding: 'corrupt' }), 'finding'],
  ])('%s', ([, of, expected]) => {
    expect(reasonOf(of)).toBe(expected);
  });

  test('A copy counts until twice its period has passed since it was last proven, and not a moment longer', () => {
    const { atHome, elsewhere } = checkPeriodDays;
    for (const [id, limitDays] of [
      ['blue', 2 * atHome],
      ['red', 2 * elsewhere],
    ] as const) {
      const provenAtMs = daysAgo(limitDays);
      const on = (atMs: number) => file([copy(id, { copiedAtMs: atMs, readBackAtMs: atMs })]);
      expect(reasonOf(on(provenAtMs))).toBe('safe');
      expect(reasonOf(on(provenAtMs - 1))).toBe('notCheckedForLong');
    }
    expect([2 * atHome, 2 * elsewhere]).toEqual([360, 730]);
    const old = { savedAtMs: daysAgo(4000) };
    expect(reasonOf(file([copy('blue')], old)), 'the file in the library too').toBe('notCheckedForLong');
    expect(reasonOf(file([copy('blue')], { ...old, checkedAtMs: daysAgo(3) }))).toBe('safe');
  });

  test('Says how each copy stands, and the three numbers of what counts', () => {
    const safety = judgeFile(file([copy('blue'), copy('red'), unread('nas'), copy('forgotten')]), view);
    expect(safety).toMatchObject({ isSafe: true, disks: 3, media: 2, isElsewhere: true });
    expect(safety.copies).toEqual([
      { place: 'library', standing: 'counts' },
      { place: 'blue', standing: 'counts' },
      { place: 'red', standing: 'counts' },
      { place: 'nas', standing: 'notReadBack' },
    ]);
  });

  test('A date of the year 2040 vouches for a copy no longer than from when it was noticed', () => {
    const of = file([copy('blue', { checkedAtMs: Date.UTC(2040, 0) })]);
    expect(judgeFile(of, view).isSafe, 'the clock may be the one that is wrong').toBe(true);
    const later = { ...view, datesAheadSinceMs: nowMs };
    const checked = { ...of, checkedAtMs: nowMs + 400 * dayMs };
    expect(judgeFile(checked, { ...later, nowMs: nowMs + 360 * dayMs }).isSafe).toBe(true);
    expect(judgeFile(checked, { ...later, nowMs: nowMs + 361 * dayMs })).toMatchObject({ reason: 'notCheckedForLong' });
  });

  test('An age is never negative', () => {
    expect(ageMs(nowMs + dayMs, { nowMs })).toBe(0);
    expect(ageMs(nowMs + 400 * dayMs, { nowMs })).toBe(0);
    expect(ageMs(nowMs - 5, { nowMs })).toBe(5);
  });
});

const moment = fc.integer({ min: 0, max: 1000 }).map(daysAgo);
const anyFinding = fc.constantFrom('missing' as const, 'corrupt' as const);
const anyCopy: fc.Arbitrary<FileCopy> = fc.record(
  {
    driveId: fc.constantFrom(...drives.map(({ driveId }) => driveId), 'forgotten' as DriveId),
    copiedAtMs: moment,
    readBackAtMs: moment,
    checkedAtMs: moment,
    finding: anyFinding,
  },
  { requiredKeys: ['driveId', 'copiedAtMs'] },
);
const anyFile: fc.Arbitrary<FileCopies> = fc.record(
  {
    savedAtMs: moment,
    checkedAtMs: moment,
    finding: anyFinding,
    copies: fc.uniqueArray(anyCopy, { selector: ({ driveId }) => driveId, maxLength: 5 }),
  },
  { requiredKeys: ['savedAtMs', 'copies'] },
);

describe('Whatever the copies are', () => {
  test('Safe means: two that are on different disks, without a problem, proven, and not too long ago', () => {
    fc.assert(
      fc.property(anyFile, (of) => {
        const good = of.copies.flatMap(({ driveId, readBackAtMs, checkedAtMs, finding }) => {
          const at = drives.find((each) => each.driveId === driveId);
          const proven = [readBackAtMs, checkedAtMs].filter((each) => each !== undefined);
          const limitMs = (at?.isElsewhere ? 730 : 360) * dayMs;
          return at && !finding && proven.some((each) => nowMs - each <= limitMs) ? [at.diskKey] : [];
        });
        const inLibrary = [of.savedAtMs, of.checkedAtMs].some(
          (each) => each !== undefined && nowMs - each <= 360 * dayMs,
        );
        if (inLibrary && !of.finding) good.push('computer');
        expect(judgeFile(of, view).isSafe).toBe(good.some((one) => good.some((other) => one !== other)));
      }),
    );
  });

  test('A further copy never makes it less safe; a problem, or time, never makes it safer', () => {
    fc.assert(
      fc.property(anyFile, anyCopy, fc.integer({ min: 0, max: 1000 }), (of, another, days) => {
        const { isSafe } = judgeFile(of, view);
        const isLater = judgeFile(of, { ...view, nowMs: nowMs + days * dayMs }).isSafe;
        const hasMore = judgeFile({ ...of, copies: [...of.copies, another] }, view).isSafe;
        const [first, ...others] = of.copies;
        const hasWorse =
          first && judgeFile({ ...of, copies: [{ ...first, finding: 'corrupt' }, ...others] }, view).isSafe;
        if (isSafe) expect(hasMore).toBe(true);
        else expect([isLater, hasWorse ?? false]).toEqual([false, false]);
      }),
    );
  });

  test('A photo is safe when all its files are, and counted once by its first reason', () => {
    const assets = fc.array(fc.array(anyFile, { minLength: 1, maxLength: 4 }), { maxLength: 8 });
    fc.assert(
      fc.property(assets, (all) => {
        const rows = all.flatMap((files, index) => files.map((each) => ({ ...each, assetId: `${index}` as AssetId })));
        const summary = summarizeSafety(rows, view);
        const judged = all.map((files) => files.map((each) => judgeFile(each, view)));
        expect(summary.assets).toBe(all.length);
        expect(summary.safe).toBe(judged.filter((files) => files.every(({ isSafe }) => isSafe)).length);
        const sum = (counts: object) => Object.values(counts).reduce((one: number, other: number) => one + other, 0);
        expect(summary.safe + sum(summary.notSafe)).toBe(all.length);
        expect(sum(summary.byDisks)).toBe(all.length);
        expect(summary.elsewhere).toBe(judged.filter((files) => files.every(({ isElsewhere }) => isElsewhere)).length);
        for (const files of judged) {
          const asset = judgeAsset(files);
          expect(asset.disks).toBe(Math.min(...files.map(({ disks }) => disks)));
          expect(summary.everyAsset.disks).toBeLessThanOrEqual(asset.disks);
          if (!asset.isSafe) expect(files.some((each) => !each.isSafe && each.reason === asset.reason)).toBe(true);
        }
      }),
    );
  });
});

test('A Live Photo whose moving half is not copied is not safe', () => {
  const still = judgeFile(file([copy('blue')]), view);
  const half = judgeFile(file([]), view);
  expect(judgeAsset([still, half])).toMatchObject({ isSafe: false, reason: 'notCopied', disks: 1 });
  expect(judgeAsset([still]).isSafe).toBe(true);
  expect(judgeAsset([]).isSafe, 'nothing proves nothing').toBe(false);
});

test('100,000 files are counted as they come by, without being kept', () => {
  function* rows() {
    for (let index = 0; index < 100_000; index += 1) {
      const copies = index < 50_000 ? [copy('blue'), copy('red')] : index < 99_998 ? [copy('blue')] : [];
      yield { ...file(copies), assetId: `${index >> 1}` as AssetId };
    }
  }
  expect(summarizeSafety(rows(), view)).toEqual({
    assets: 50_000,
    safe: 49_999,
    notSafe: { finding: 0, notCopied: 1, oneDisk: 0, notReadBack: 0, notCheckedForLong: 0 },
    byDisks: { none: 0, one: 1, two: 24_999, threeOrMore: 25_000 },
    elsewhere: 25_000,
    everyAsset: { disks: 1, media: 1, isElsewhere: false },
  });
});

test('An empty library has nothing that is safe', () => {
  expect(summarizeSafety([], view)).toMatchObject({ assets: 0, safe: 0, everyAsset: { disks: 0 } });
});
