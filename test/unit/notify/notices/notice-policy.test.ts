// Too many notices and the owner stops reading them, so that the one that matters goes by; too few and a phone is unplugged in the
// middle, or a backup stays stopped until the day of the loss.
import { describe, expect, test } from 'vitest';
import type { News } from '../../../../src/domain/news.ts';
import type { Notice } from '../../../../src/domain/notice.ts';
import {
  decideNotices,
  type NoticeState,
  nothingSaid,
  toBeAskedAnew,
} from '../../../../src/notify/notices/notice-policy.ts';

const dayMs = 86_400_000;
const startMs = Date.UTC(2026, 2, 2, 12);
const phone = { id: 'mum', name: "Mum's iPhone", deviceKind: 'iphone' } as const;
const card = { id: 'nikon', name: 'NIKON', deviceKind: 'card' } as const;
const blue = { id: 'drive-blue', name: 'Blue drive', deviceKind: 'drive' } as const;
const locked = { code: 'PHONE_LOCKED', message: "Mum's iPhone is locked.", remedy: 'Unlock it.' };
const trust = { code: 'PHONE_TRUST_PENDING', message: 'It asks whether it may trust.', remedy: 'Tap "Trust".' };
const inICloud = { code: 'ICLOUD_ONLY', message: '340 are only in iCloud.', remedy: 'Have them downloaded.' };
const full = { code: 'LIBRARY_FULL', message: 'There is no room left.', remedy: 'Make room.' };

class Owner {
  state: NoticeState = nothingSaid;
  nowMs = startMs;
  localHour = 12;
  readonly open = new Map<string, Notice>();

  /** What is shown for it. */
  hears(news: News): readonly string[] {
    const { nowMs, localHour } = this;
    const decision = decideNotices(this.state, news, { nowMs, localHour });
    this.state = decision.state;
    for (const key of decision.withdraw) this.open.delete(key);
    for (const notice of decision.show) this.open.set(notice.key, notice);
    return decision.show.map(({ title, body }) => `${title}: ${body}`);
  }

  waits(durationMs: number): this {
    this.nowMs += durationMs;
    return this;
  }

  plugsIn(device: typeof phone | typeof card | typeof blue): this {
    expect(this.hears({ kind: 'arrived', byOwner: true, ...device })).toEqual([]);
    return this;
  }
}

const progress = { kind: 'progress', ...phone, amount: 212, elapsedMs: 6000, leftMs: 12 * 60_000 } as const;
const saved = { kind: 'saved', ...phone, newPhotos: 212, isComplete: true, isAllSafe: false } as const;

describe('What the owner plugs in', () => {
  test('is answered when it takes a while, and at its end, in one place', () => {
    const owner = new Owner().plugsIn(phone);
    expect(owner.hears(progress)).toEqual(["Mum's iPhone: Saving 212 photos, about 12 minutes. Leave it plugged in."]);
    expect(owner.hears({ ...progress, elapsedMs: 60_000, leftMs: 11 * 60_000 })).toEqual([]);
    expect(owner.hears(saved)).toEqual(["Mum's iPhone: Done. 212 new photos. You can unplug the phone."]);
    expect(owner.open.size).toBe(1);
    expect(owner.hears({ ...saved, newPhotos: 3 })).toEqual([]); // the daily look, while it stays connected
  });

  test('is answered by its end alone if it is quick', () => {
    const owner = new Owner().plugsIn(phone);
    expect(owner.hears({ ...progress, leftMs: 20_000 })).toEqual([]);
    expect(owner.hears({ ...saved, newPhotos: 1 })).toEqual([
      "Mum's iPhone: Done. 1 new photo. You can unplug the phone.",
    ]);
  });

  test('for charging, every night, is no reason to say that nothing is new', () => {
    const owner = new Owner().plugsIn(phone);
    expect(owner.hears({ ...saved, newPhotos: 0, lastSuccessAgeMs: dayMs })).toEqual([]);
  });

  test('after some days is told that nothing is new: that is what they wanted to know', () => {
    const owner = new Owner().plugsIn(phone);
    expect(owner.hears({ ...saved, newPhotos: 0, lastSuccessAgeMs: 8 * dayMs })).toEqual([
      "Mum's iPhone: Nothing new on it. You can unplug the phone.",
    ]);
  });

  test('is not told of what was connected when Keepsake started', () => {
    const owner = new Owner();
    owner.hears({ kind: 'arrived', byOwner: false, ...phone });
    expect(owner.hears(progress)).toEqual([]);
    expect(owner.hears(saved)).toEqual([]);
  });

  test('is answered in the evening, and not in the night', () => {
    const owner = new Owner().plugsIn(phone);
    owner.localHour = 22;
    expect(owner.hears(saved)).toHaveLength(1);
    owner.hears({ kind: 'left', id: phone.id });
    owner.plugsIn(phone).localHour = 23;
    expect(owner.hears(saved)).toEqual([]);
  });

  test.for([
    [{}, 'Done. 212 new photos. You can take the card out. Do not erase it yet: its photos are on one drive only.'],
    [{ isComplete: false }, 'Done. 212 new photos. Not everything on it could be saved yet. Do not erase the card.'],
    [
      { isAllSafe: true },
      'Done. 212 new photos. You can take the card out. Its photos are on two drives. To be sure before you erase it: keepsake safe-to-delete',
    ],
  ] as const)('of a card, what may be done with it is said: %o', ([change, body]) => {
    expect(new Owner().plugsIn(card).hears({ ...saved, ...card, ...change })).toEqual([`NIKON: ${body}`]);
  });

  test('is told in its end, and not in a third notice, that photos are only in iCloud', () => {
    const owner = new Owner().plugsIn(phone);
    owner.hears(progress);
    expect(owner.hears({ ...saved, onlyInICloud: inICloud })).toEqual([
      "Mum's iPhone: Done. 212 new photos. You can unplug the phone. 340 are only in iCloud. Have them downloaded.",
    ]);
    expect([...owner.open.values()].map(({ weight }) => weight)).toEqual(['normal']); // to be found again later
    const charged = new Owner().plugsIn(phone);
    expect(charged.hears({ ...saved, newPhotos: 0, lastSuccessAgeMs: dayMs, onlyInICloud: inICloud })).toHaveLength(1);
  });

  test('was there before Keepsake, or is looked at again: only that photos are only in iCloud is told, and by day', () => {
    const owner = new Owner();
    owner.hears({ kind: 'arrived', byOwner: false, ...phone });
    expect(owner.hears({ ...saved, onlyInICloud: inICloud })).toEqual([
      "Mum's iPhone: 340 are only in iCloud. Have them downloaded.",
    ]);
    for (const atNight of [new Owner(), new Owner().plugsIn(phone)]) {
      atNight.localHour = 2;
      expect(atNight.hears({ ...saved, onlyInICloud: inICloud })).toEqual([]);
      atNight.localHour = 7;
      expect(atNight.hears({ kind: 'minute' })).toEqual([expect.stringContaining('340 are only in iCloud.')]);
      expect(atNight.hears({ kind: 'minute' })).toEqual([]);
    }
  });

  test('a drive is answered too, with a button to take it out', () => {
    const owner = new Owner().plugsIn(blue);
    expect(owner.hears({ ...progress, ...blue, amount: 512, leftMs: 100 * 60_000 })).toEqual([
      'Blue drive: Copying 512 files to it, about 2 hours. Leave it plugged in.',
    ]);
    expect(owner.hears({ kind: 'copied', ...blue, files: 512, isComplete: true })).toEqual([
      'Blue drive: Done. All your photos are on it. Eject it before you unplug it.',
    ]);
    expect([...owner.open.values()].flatMap(({ buttons }) => buttons)).toEqual([
      { label: 'Eject', wish: { kind: 'ejectDrive', drive: 'drive-blue' } },
    ]);
    expect(owner.hears({ kind: 'copied', ...blue, files: 3, isComplete: true })).toEqual([]); // the next import's
  });
});

describe('A phone that needs its owner', () => {
  test('is not mentioned while they may be about to unlock it, then once', () => {
    const owner = new Owner().plugsIn(phone);
    expect(owner.hears({ kind: 'waits', ...phone, why: locked })).toEqual([]);
    expect(owner.waits(30_000).hears({ kind: 'minute' })).toEqual([]);
    expect(owner.waits(31_000).hears({ kind: 'minute' })).toEqual(["Mum's iPhone: Mum's iPhone is locked. Unlock it."]);
    expect(owner.waits(600_000).hears({ kind: 'minute' })).toEqual([]);
    expect(owner.hears({ kind: 'waits', ...phone, why: locked })).toEqual([]);
    expect(owner.hears(saved)).toHaveLength(1); // the second answer
    expect(owner.hears({ ...saved, newPhotos: 5 })).toEqual([]);
  });

  test('and was saved from yesterday is left to charge', () => {
    const owner = new Owner().plugsIn(phone);
    owner.hears({ kind: 'waits', ...phone, why: locked, lastSuccessAgeMs: dayMs });
    expect(owner.waits(300_000).hears({ kind: 'minute' })).toEqual([]);
  });

  test('asks a question of its own, which is pointed out at once', () => {
    const owner = new Owner().plugsIn(phone);
    expect(owner.hears({ kind: 'waits', ...phone, why: trust })).toEqual([
      'Mum\'s iPhone: It asks whether it may trust. Tap "Trust".',
    ]);
  });

  test('and is taken away takes that with it', () => {
    const owner = new Owner().plugsIn(phone);
    owner.hears({ kind: 'waits', ...phone, why: trust });
    owner.hears({ kind: 'left', id: phone.id });
    expect([...owner.open.keys()]).toEqual([]);
  });
});

describe('What stops saving', () => {
  test('is told once, however often it is tried, and taken back when it is over', () => {
    const owner = new Owner().plugsIn(phone);
    expect(owner.hears({ kind: 'stopped', ...phone, why: full })).toEqual([
      "Mum's iPhone: There is no room left. Make room.",
    ]);
    for (let hour = 0; hour < 30; hour += 1)
      expect(owner.waits(3_600_000).hears({ kind: 'stopped', ...phone, why: full })).toEqual([]);
    owner.hears({ ...saved, newPhotos: 0 });
    expect([...owner.open.keys()]).toEqual([]);
  });

  test('is told again if it is something else', () => {
    const owner = new Owner().plugsIn(phone);
    owner.hears({ kind: 'stopped', ...phone, why: full });
    expect(owner.hears({ kind: 'stopped', ...phone, why: { ...full, code: 'LIBRARY_MISSING' } })).toHaveLength(1);
  });

  test('by a cable that comes loose again and again is told once', () => {
    const owner = new Owner();
    const gone = { code: 'SOURCE_GONE', message: 'It was unplugged.', remedy: 'Plug it in again.' };
    let told = 0;
    for (let time = 0; time < 20; time += 1) {
      owner.plugsIn(phone);
      told += owner.hears({ kind: 'stopped', ...phone, why: gone }).length;
      owner.hears({ kind: 'left', id: phone.id });
      owner.waits(60_000);
    }
    expect(told).toBe(1);
  });
});

describe('A new device', () => {
  const news = { kind: 'newDevice', ...phone } as const;

  test('asks its question with buttons, and what is on it as soon as that is known', () => {
    const owner = new Owner();
    expect(owner.hears(news)).toEqual([
      "Mum's iPhone is here for the first time: Shall its photos be saved, now and whenever it is plugged in? Nothing is saved before you say so.",
    ]);
    expect([...owner.open.values()].flatMap(({ buttons }) => buttons.map(({ label }) => label))).toEqual([
      'Save its photos',
      'Never',
    ]); // it has to be trusted first, for good
    expect(owner.hears({ ...news, newPhotos: 1234 })).toHaveLength(1);
    expect([...owner.open.values()].flatMap(({ buttons }) => buttons.map(({ label }) => label))).toContain(
      'Only this once',
    );
    expect(owner.open.size).toBe(1);
    owner.hears({ kind: 'decided', id: phone.id, isWanted: true });
    expect(owner.open.size).toBe(0);
  });

  test('is not said to have more or fewer photos than was counted', () => {
    const texts = (change: object) => new Owner().hears({ ...news, newPhotos: 1234, ...change }).join('');
    expect(texts({})).toContain(' There are 1,234 photos on it ');
    expect(texts({ isEstimate: true })).toContain(' There are about 1,234 photos on it ');
  });

  test('that a crash took the question from is asked about again, and no other', () => {
    const owner = new Owner();
    owner.hears(news);
    owner.hears({ ...news, ...card });
    const kept = toBeAskedAnew(owner.state.kept, ['question:mum', 'phone:mum']);
    owner.state = { ...nothingSaid, kept };
    expect(owner.hears(news)).toHaveLength(1);
    expect(owner.hears({ ...news, ...card })).toEqual([]);
  });

  test('and whoever said yes hears what comes of it', () => {
    const owner = new Owner();
    owner.hears({ kind: 'arrived', byOwner: false, ...phone });
    owner.hears(news);
    owner.hears({ kind: 'decided', id: phone.id, isWanted: true });
    expect(owner.hears(saved)).toHaveLength(1);
  });

  test('does not ask each time it is charged', () => {
    const owner = new Owner();
    owner.hears(news);
    owner.hears({ kind: 'left', id: phone.id });
    expect(owner.open.size).toBe(0);
    expect(owner.waits(dayMs).hears(news)).toEqual([]);
    expect(owner.waits(3 * dayMs).hears(news)).toHaveLength(1);
  });

  test('that comes at night asks in the morning, if it is still there', () => {
    const owner = new Owner();
    owner.localHour = 2;
    expect(owner.hears(news)).toEqual([]);
    expect(owner.hears({ kind: 'minute' })).toEqual([]);
    owner.localHour = 7;
    expect(owner.hears({ kind: 'minute' })).toHaveLength(1);
    expect(owner.hears({ kind: 'minute' })).toEqual([]);
    const other = new Owner();
    other.localHour = 2;
    other.hears(news);
    other.hears({ kind: 'left', id: phone.id });
    other.localHour = 7;
    expect(other.hears({ kind: 'minute' })).toEqual([]);
  });
});

describe('What stays wrong', () => {
  const overdue = {
    key: 'phone:mum',
    level: 'remind',
    name: "Mum's iPhone",
    phone: 'mum',
    sentence: {
      code: 'PHONE_OVERDUE',
      message: "Photos from Mum's iPhone were last saved 15 days ago.",
      remedy: 'Plug it in and unlock it.',
    },
  } as const;

  test('is shown with what a click can do, replaced when it is told again, and goes when it is over', () => {
    const owner = new Owner();
    expect(owner.hears({ kind: 'standing', tell: [overdue], keys: [overdue.key] })).toEqual([
      "Mum's iPhone: Photos from Mum's iPhone were last saved 15 days ago. Plug it in and unlock it.",
    ]);
    expect([...owner.open.values()].flatMap(({ buttons }) => buttons)).toEqual([
      { label: 'Remind me in a week', wish: { kind: 'snooze', device: 'mum', days: 7 } },
    ]);
    expect(owner.hears({ kind: 'standing', tell: [], keys: [overdue.key] })).toEqual([]);
    expect(owner.open.size).toBe(1);
    owner.hears({ kind: 'standing', tell: [overdue], keys: [overdue.key] });
    expect(owner.open.size).toBe(1);
    owner.hears({ kind: 'standing', tell: [], keys: [] });
    expect(owner.open.size).toBe(0);
  });
});

describe('Back up now', () => {
  test('with nothing connected is answered with what to do', () => {
    expect(new Owner().hears({ kind: 'asked', ids: [] })).toEqual([
      'Nothing to save from: No iPhone, card or drive that Keepsake knows is connected. Plug one in: it begins by itself.',
    ]);
  });

  test('is answered even if nothing is new and it was saved today', () => {
    const owner = new Owner();
    owner.hears({ kind: 'arrived', byOwner: false, ...phone });
    owner.hears({ kind: 'asked', ids: [phone.id] });
    expect(owner.hears({ ...saved, newPhotos: 0, lastSuccessAgeMs: 1000 })).toHaveLength(1);
  });

  test('is told again what stands in the way', () => {
    const owner = new Owner().plugsIn(phone);
    owner.hears({ kind: 'stopped', ...phone, why: full });
    owner.hears({ kind: 'asked', ids: [phone.id] });
    expect(owner.hears({ kind: 'stopped', ...phone, why: full })).toHaveLength(1);
  });
});

describe('At night', () => {
  test('what stopped is kept for the morning, unless it is over by then', () => {
    const owner = new Owner().plugsIn(phone);
    owner.localHour = 23;
    expect(owner.hears({ kind: 'stopped', ...phone, why: full })).toEqual([]);
    expect(owner.hears({ kind: 'stopped', ...phone, why: full })).toEqual([]);
    owner.localHour = 7;
    expect(owner.hears({ kind: 'minute' })).toEqual(["Mum's iPhone: There is no room left. Make room."]);
    expect(owner.hears({ kind: 'minute' })).toEqual([]);
    expect(owner.hears({ kind: 'stopped', ...phone, why: full })).toEqual([]);
    const lucky = new Owner().plugsIn(phone);
    lucky.localHour = 23;
    lucky.hears({ kind: 'stopped', ...phone, why: full });
    lucky.hears({ kind: 'asked', ids: [phone.id] });
    lucky.hears(saved);
    lucky.localHour = 7;
    expect(lucky.hears({ kind: 'minute' })).toEqual([]);
  });

  test('who clicks is answered', () => {
    const owner = new Owner().plugsIn(phone);
    owner.localHour = 2;
    const busy = { code: 'DRIVE_BUSY', message: 'It is in use.', remedy: 'Close it.' };
    expect(owner.hears({ kind: 'ejected', id: blue.id, name: blue.name, failure: busy })).toHaveLength(1);
    expect(owner.hears({ kind: 'refused', why: busy })).toHaveLength(1);
    expect(owner.hears({ kind: 'asked', ids: [] })).toHaveLength(1);
    owner.hears({ kind: 'asked', ids: [phone.id] });
    expect(owner.hears({ ...saved, newPhotos: 0 })).toHaveLength(1);
  });
});

test('A phone that locks itself in the middle is mentioned, once', () => {
  const owner = new Owner().plugsIn(phone);
  expect(owner.hears(progress)).toHaveLength(1);
  owner.hears({ kind: 'waits', ...phone, why: locked });
  expect(owner.waits(61_000).hears({ kind: 'minute' })).toHaveLength(1);
  expect(owner.waits(61_000).hears({ kind: 'minute' })).toEqual([]);
});

test('A cable that is loose says nothing twice', () => {
  const owner = new Owner();
  const heard: string[] = [];
  for (let time = 0; time < 5; time += 1) {
    owner.plugsIn(phone);
    heard.push(...owner.hears(progress));
    owner.hears({ kind: 'waits', ...phone, why: locked });
    heard.push(...owner.waits(61_000).hears({ kind: 'minute' }));
    owner.hears({ kind: 'left', id: phone.id });
  }
  expect(heard).toHaveLength(2);
});

test('A "Never" is not followed by what is being saved', () => {
  const owner = new Owner().plugsIn(phone);
  owner.hears({ kind: 'decided', id: phone.id, isWanted: false });
  expect(owner.hears(progress)).toEqual([]);
  expect(owner.hears(saved)).toEqual([]);
});

test('That there is no icon is said once, when it has not come for a while, and never again', () => {
  const owner = new Owner();
  expect(owner.hears({ kind: 'icon', isShown: false })).toEqual([]);
  expect(owner.hears({ kind: 'minute' })).toEqual([]);
  expect(owner.waits(600_000).hears({ kind: 'minute' })).toHaveLength(1);
  expect(owner.waits(600_000).hears({ kind: 'minute' })).toEqual([]);
  const next = new Owner();
  next.state = { ...nothingSaid, kept: owner.state.kept };
  next.hears({ kind: 'icon', isShown: false });
  expect(next.waits(dayMs).hears({ kind: 'minute' })).toEqual([]);
  const late = new Owner();
  late.hears({ kind: 'icon', isShown: false });
  late.waits(60_000).hears({ kind: 'icon', isShown: true });
  expect(late.waits(dayMs).hears({ kind: 'minute' })).toEqual([]);
});
