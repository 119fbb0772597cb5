// What is overdue is told in few words to somebody who did not ask: they must be true, and say the one thing to do.
import { describe, expect, test } from 'vitest';
import { type ErrorCode, errorRetry } from '../../../src/domain/errors.ts';
import type { DriveId, SourceId } from '../../../src/domain/ids.ts';
import type { Overdue, VisitsSince } from '../../../src/domain/overdue.ts';
import { describeClockInDoubt, describeOverdue, describeSafety } from '../../../src/domain/overdue-words.ts';
import { type SafetySummary, unsafeReasons } from '../../../src/domain/safety.ts';

type Of<Kind extends Overdue['kind']> = Extract<Overdue, { readonly kind: Kind }>;

function phone(more: Partial<Of<'phoneNotSaved'>> = {}): Overdue {
  return {
    kind: 'phoneNotSaved',
    key: 'phone:mum',
    level: 'remind',
    ageDays: 15,
    sourceId: 'mum' as SourceId,
    name: "Mum's iPhone",
    since: 'lastSuccess',
    isConnected: false,
    ...more,
  };
}
function waiting(more: Partial<Of<'driveWaiting'>> = {}): Overdue {
  return {
    kind: 'driveWaiting',
    key: 'driveWaiting:blue',
    level: 'remind',
    ageDays: 40,
    driveId: 'blue' as DriveId,
    name: 'Blue drive',
    isElsewhere: false,
    isAttached: false,
    files: 1212,
    ...more,
  };
}
function check(more: Partial<Of<'driveCheckDue'>> = {}): Overdue {
  return {
    kind: 'driveCheckDue',
    key: 'driveCheckDue:blue',
    level: 'remind',
    ageDays: 190,
    driveId: 'blue' as DriveId,
    name: 'Blue drive',
    isElsewhere: false,
    isAttached: false,
    ...more,
  };
}
const visits = (count: number, ...codes: [ErrorCode, ...ErrorCode[]]): VisitsSince => ({ count, codes });
const words = (overdue: Overdue) => {
  const { message, remedy } = describeOverdue(overdue);
  return `${message} | ${remedy}`;
};

describe('A phone', () => {
  test.for<[Overdue, string]>([
    [phone(), "Photos from Mum's iPhone were last saved 15 days ago. | Plug it in and unlock it."],
    [
      phone({ visits: visits(3, 'PHONE_LOCKED') }),
      "Photos from Mum's iPhone were last saved 15 days ago. It was here 3 times but locked. | Plug it in and unlock it.",
    ],
    [
      phone({ visits: visits(1, 'PHONE_LOCKED'), isConnected: true }),
      "Photos from Mum's iPhone were last saved 15 days ago. It was here once but locked. | Unlock it.",
    ],
    [
      phone({ since: 'enrolment', ageDays: 20 }),
      "Photos from Mum's iPhone have not been saved since it was added 20 days ago. | Plug it in and unlock it.",
    ],
    [
      phone({ visits: visits(2, 'SOURCE_GONE') }),
      "Photos from Mum's iPhone were last saved in full 15 days ago. It was here twice but unplugged before the end. | Plug it in and leave it connected until all is saved.",
    ],
    [
      phone({ visits: visits(4, 'LIBRARY_FULL', 'PHONE_LOCKED') }),
      "Photos from Mum's iPhone were last saved in full 15 days ago. It was here 4 times, the last time there was no room left in your photo folder. | Make room on the drive with your photo folder. Then plug in the iPhone and unlock it.",
    ],
    [
      phone({ visits: visits(1, 'PHONE_TRUST_DENIED'), isConnected: true }),
      'Photos from Mum\'s iPhone were last saved 15 days ago. It was here once but somebody tapped "Don\'t Trust" on it. | Unplug it, plug it in again, unlock it, tap "Trust" and enter its code.',
    ],
    [
      phone({ visits: visits(1, 'CATALOG_DAMAGED') }),
      "Photos from Mum's iPhone were last saved in full 15 days ago. It was here once but something was in the way. | Open Keepsake: it says what to do.",
    ],
  ])('%#', ([overdue, expected]) => {
    expect(words(overdue)).toBe(expected);
  });
});

describe('A drive', () => {
  test.for<[Overdue, string]>([
    [
      waiting({ unseenDays: 50 }),
      'New photos (1,212 files) have been waiting for Blue drive for 40 days. It was last connected 50 days ago. | Connect the drive. Copying begins by itself.',
    ],
    [
      waiting({ isElsewhere: true, files: 1 }),
      'New photos (1 file) have been waiting for Blue drive for 40 days. | Bring the drive home and connect it. Copying begins by itself.',
    ],
    [
      waiting({ isAttached: true, visits: visits(2, 'DRIVE_FULL') }),
      'New photos (1,212 files) have been waiting for Blue drive for 40 days. It was here twice but full. | Make room on it, or use a larger drive. What is on it stays.',
    ],
    [
      waiting({ isAttached: true }),
      'New photos (1,212 files) have been waiting for Blue drive for 40 days. | Open Keepsake: it says what to do.',
    ],
    [
      check(),
      'Blue drive is due for a check: some copies on it were last checked 190 days ago. | Connect the drive and leave it connected. The check runs by itself.',
    ],
    [
      check({ level: 'serious', ageDays: 361, isElsewhere: true }),
      'Some copies on Blue drive were last checked 361 days ago. That is too long ago to count on them. | Bring the drive home, connect it and leave it connected. The check runs by itself.',
    ],
    [
      check({ isAttached: true }),
      'Blue drive is due for a check: some copies on it were last checked 190 days ago. | Leave the drive connected, and this computer on and plugged in. The check runs by itself.',
    ],
    [
      { kind: 'libraryCheckDue', key: 'libraryCheckDue', level: 'remind', ageDays: 185 },
      'Your photo folder is due for a check: some of it was last checked 185 days ago. | Leave this computer on and plugged in for a night. The check runs by itself.',
    ],
    [
      {
        kind: 'copiesNotReadBack',
        key: 'copiesNotReadBack:blue',
        level: 'remind',
        ageDays: 1,
        driveId: 'blue' as DriveId,
        name: 'Blue drive',
        files: 12,
      },
      '12 files copied to Blue drive have not been checked yet. | Leave the drive connected, and this computer on and plugged in. The check runs by itself.',
    ],
  ])('%#', ([overdue, expected]) => {
    expect(words(overdue)).toBe(expected);
  });
});

const none = { finding: 0, notCopied: 0, oneDisk: 0, notReadBack: 0, notCheckedForLong: 0 };
function summary(more: Partial<SafetySummary> = {}): SafetySummary {
  return {
    assets: 1234,
    safe: 1234,
    notSafe: none,
    byDisks: { none: 0, one: 0, two: 1234, threeOrMore: 0 },
    elsewhere: 0,
    everyAsset: { disks: 2, media: 2, isElsewhere: false },
    ...more,
  };
}
const atHome = { isElsewhere: false };
const away = { isElsewhere: true };

describe('How safe it all is', () => {
  const describeIt = (more: Partial<SafetySummary>, drives = [atHome], usesICloudPhotos = false) =>
    describeSafety({ summary: summary(more), drives, usesICloudPhotos });

  test('All safe, at home: one line, and a suggestion that is no warning', () => {
    expect(describeIt({})).toEqual({
      headline: {
        code: 'ALL_SAFE',
        message: 'All 1,234 photos are safe: each is on at least 2 separate drives.',
        remedy: '',
      },
      why: [],
      suggestions: [
        {
          code: 'NONE_AWAY',
          message: 'There is no copy of your photos away from home.',
          remedy: 'If you like, keep one drive at the home of a relative or friend, for the case of fire or theft.',
        },
      ],
      notes: [],
    });
  });

  test('Also away from home: nothing is left to say', () => {
    const everyAsset = { disks: 3, media: 2, isElsewhere: true };
    const said = describeIt({ elsewhere: 1234, everyAsset }, [atHome, away]);
    expect(said.headline.message).toBe(
      'All 1,234 photos are safe: each is on at least 3 separate drives. One copy is away from home.',
    );
    expect([said.why, said.suggestions, said.notes]).toEqual([[], [], []]);
  });

  test('Not all safe: how many, why, and what helps', () => {
    const notSafe = { ...none, notCopied: 40, finding: 1 };
    const said = describeIt({ safe: 1193, notSafe, elsewhere: 1000 }, [atHome, away]);
    expect(said.headline.message).toBe(
      '1,193 of 1,234 photos are safe, on at least 2 separate drives. 1,000 are also away from home.',
    );
    expect(said.why.map(({ message, remedy }) => `${message} ${remedy}`)).toEqual([
      '1 photo has a problem with a copy. Open Keepsake to see which, and what to do.',
      '40 photos are in your photo folder only. Connect a drive with a copy. New photos are copied by themselves.',
    ]);
    expect(said.suggestions.map(({ message }) => message)).toEqual(['234 photos have no copy away from home yet.']);
    const [first] = describeIt({ safe: 0, notSafe: { ...none, notCopied: 1234 } }, []).why;
    expect(first?.remedy).toBe('Connect an external drive, and add it in Keepsake.');
  });

  test('iCloud is synced, not proven, and not counted', () => {
    expect(describeIt({}, [atHome], true).notes.map(({ message }) => message)).toEqual([
      'iCloud: synced, not proven. It is not counted: a photo deleted on a phone is deleted there too.',
    ]);
  });

  test('Nothing saved is nothing safe', () => {
    const said = describeIt({ assets: 0, safe: 0 }, [], true);
    expect(said).toMatchObject({ headline: { message: 'No photos have been saved yet.' }, suggestions: [], notes: [] });
  });
});

test('No word of ours gets in, nothing is called backed up, and nothing is long', () => {
  const codes = Object.keys(errorRetry) as ErrorCode[];
  const overdue: Overdue[] = [
    { kind: 'libraryCheckDue', key: 'l', level: 'remind', ageDays: 185 },
    ...[false, true].flatMap((is) => [
      ...codes.flatMap((code) => [
        phone({ isConnected: is, visits: visits(3, code) }),
        phone({ isConnected: is, visits: visits(3, code, 'PHONE_LOCKED'), since: 'enrolment' }),
        waiting({ isAttached: is, isElsewhere: is, visits: visits(3, code) }),
      ]),
      check({ isAttached: is }),
      check({ isElsewhere: is, level: 'serious' }),
      waiting({ isElsewhere: is, unseenDays: 0 }),
    ]),
  ];
  const safety = unsafeReasons.flatMap((reason) =>
    [1, 7].flatMap((amount) =>
      [[], [away]].map((drives) =>
        describeSafety({
          summary: summary({ safe: 1, assets: amount + 1, notSafe: { ...none, [reason]: amount } }),
          drives,
          usesICloudPhotos: true,
        }),
      ),
    ),
  );
  const said = [
    ...overdue.map(describeOverdue),
    ...safety.flatMap(({ headline, why, suggestions, notes }) => [headline, ...why, ...suggestions, ...notes]),
    describeClockInDoubt('3 March 2025'),
  ];
  const ours =
    /\b(asset|resource|volume|mirror|ingest|scrub|manifest|catalogue|quarantine|offsite|pairing|sidecar|usbmuxd|udid|database|daemon|sync)(s|ed|ing)?\b/i;
  for (const { code, message, remedy } of said) {
    const text = `${message} ${remedy}`;
    if (code !== 'ICLOUD_NOT_COUNTED') expect(text).not.toMatch(ours);
    expect(text).not.toMatch(/back(ed)? ?up|undefined|NaN|\.\.| {2}/i);
    expect(message).toMatch(/^[A-Z0-9i].*\.$/);
    if (remedy !== '') expect(remedy).toMatch(/^[A-Z].*\.$/);
    expect(text.length).toBeLessThan(300);
  }
});
