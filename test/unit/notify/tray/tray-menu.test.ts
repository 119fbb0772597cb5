// Many owners look at the icon and nothing else: it may not say "safe" one photo too early, nor cry wolf.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AbsolutePath } from '../../../../src/domain/ids.ts';
import type { DriveStatus, SourceStatus, Status } from '../../../../src/domain/status.ts';
import { renderTray } from '../../../../src/notify/tray/tray-menu.ts';
import { changesOf, flatten, Meanings, placesOf, wishOf } from '../../../../src/notify/tray/tray-places.ts';
import { separatorTitle } from '../../../../src/notify/tray/tray-program.ts';

const nowMs = Date.UTC(2026, 2, 20, 12);
const dayMs = 86_400_000;
const daysAgo = (days: number) => new Date(nowMs - days * dayMs).toISOString();

const calm: Status = {
  ...{ state: 'idle', library: '/photos' as AbsolutePath, agent: 'running', sources: [], drives: [], jobs: [] },
  ...{ needsYou: [], notes: [], newDevices: [], undelivered: [] },
  photos: { assets: 1234, inLibrary: 1234, safe: 1234, elsewhere: 0 },
};
const mum: SourceStatus = {
  ...{ id: 'mum', name: "Mum's iPhone", kind: 'iphone', lastSuccessAt: daysAgo(0.1), complete: true, onDevice: 1 },
  ...{ iCloudOnly: 0, unknown: 0, saved: 1, overdue: false, connected: false },
};
const blue: DriveStatus = {
  ...{ id: 'blue', name: 'Blue drive', connected: false, lastCopiedAt: daysAgo(3), lastCheckedAt: daysAgo(3) },
  ...{ missing: 0, overdue: false, isElsewhere: false, problems: 0 },
};
const need = (code: string) => ({ code, message: `About ${code}.`, remedy: 'Do it.' });

function show(change: Partial<Status>, timeZone = 'UTC') {
  const view = renderTray({ status: { ...calm, ...change }, nowMs, timeZone });
  const lines = [
    view.headline,
    ...view.newDevices.flatMap(({ text, choices }) => [text, ...choices.map((each) => `  ${each.text}`)]),
    ...[...view.devices, ...view.ejects, ...view.pauses].map(({ text }) => text),
  ];
  return { icon: view.icon, lines };
}

const pauses = ['Pause for 1 hour', 'Pause until tomorrow'];

test.for([
  ['everything is proven', {}, 'safe', 'All 1,234 photos are safe'],
  [
    'one photo is not',
    { photos: { ...calm.photos, safe: 1233 } },
    'resting',
    '1,234 photos are saved, 1,233 of them on two drives',
  ],
  [
    'there is one drive',
    { photos: { ...calm.photos, safe: 0 } },
    'resting',
    '1,234 photos are saved, on one drive only',
  ],
  [
    'nothing was saved yet',
    { photos: { assets: 0, inLibrary: 0, safe: 0, elsewhere: 0 } },
    'resting',
    'No photos have been saved yet',
  ],
  ['something is to be done', { needsYou: [need('PHONE_OVERDUE')] }, 'needsYou', 'About PHONE_OVERDUE.'],
  [
    'something threatens photos',
    { needsYou: [need('PHONE_OVERDUE'), need('DRIVE_FULL'), need('X')] },
    'problem',
    'About DRIVE_FULL. (and 2 more)',
  ],
  ['photos left their folder', { needsYou: [need('FILES_MISSING')] }, 'problem', 'About FILES_MISSING.'],
  ['something nobody knows is to be done', { needsYou: [need('LATER_CODE')] }, 'needsYou', 'About LATER_CODE.'],
  ['it is paused', { pausedUntil: new Date(nowMs + 6 * 3_600_000).toISOString() }, 'resting', 'Paused until 18:00'],
  [
    'it is paused until tomorrow',
    { pausedUntil: new Date(nowMs + 18 * 3_600_000).toISOString() },
    'resting',
    'Paused until Saturday, 06:00',
  ],
  ['it is paused for good', { pausedUntil: null }, 'resting', 'Paused until you say "Go on"'],
] as const)('While %s, that is what icon and first line say', ([, change, icon, headline]) => {
  const shown = show(change as Partial<Status>);
  expect([shown.icon, shown.lines[0]]).toEqual([icon, headline]);
});

test('While photos are saved, how far it is', () => {
  const job = {
    kind: 'import',
    source: 'mum',
    name: "Mum's iPhone",
    phase: 'saving',
    files: 120,
    filesTotal: 212,
  } as const;
  const state = 'saving' as const;
  expect(show({ state, jobs: [{ ...job, leftMs: 240_000 }] })).toMatchObject({
    icon: 'working',
    lines: [
      "Saving from Mum's iPhone: 120 of 212, about 4 minutes left",
      'Leave it connected until that is done',
      ...pauses,
    ],
  });
  expect(show({ state, jobs: [{ ...job, isCopy: true, name: 'Blue drive' }] }).lines[0]).toBe(
    'Copying to Blue drive: 120 of 212',
  );
  expect(show({ state, jobs: [{ kind: 'import', source: 'mum', name: 'Mum' }] }).lines[0]).toBe('Saving from Mum…');
  expect(show({ state, jobs: [{ kind: 'import', importId: 'x' }] }).lines[0]).toBe('Saving photos…');
  expect(show({ state, needsYou: [need('LIBRARY_FULL')] }).icon).toBe('problem');
});

test('A line for each phone and drive says its age, and what helps', () => {
  const sources = [
    mum,
    { ...mum, name: 'Dad', lastSuccessAt: daysAgo(15), overdue: true },
    { ...mum, name: 'New', lastSuccessAt: null },
    { ...mum, name: 'NIKON', kind: 'card', connected: false },
    { ...mum, name: 'CANON', kind: 'card', connected: true, lastSuccessAt: daysAgo(0.01) },
  ];
  const drives = [
    blue,
    { ...blue, name: 'Red', connected: true, missing: 212, lastCopiedAt: daysAgo(40) },
    { ...blue, name: 'Old', overdue: true, missing: 1 },
    { ...blue, name: 'Bad', problems: 3 },
    { ...blue, name: 'Fresh', lastCopiedAt: null, lastCheckedAt: null },
  ];
  expect(show({ sources, drives }).lines.slice(1)).toEqual([
    "Mum's iPhone: saved today",
    'Dad: saved 15 days ago – plug it in',
    'New: not saved yet',
    'CANON: saved just now',
    'Blue drive: has everything, checked 3 days ago',
    'Red: 212 files wait for it',
    'Old: 1 file waits for it – connect it',
    'Bad: 3 files with a problem',
    'Fresh: nothing on it yet',
    'Eject Red',
    ...pauses,
  ]);
});

test('A device nobody has decided about asks what to do', () => {
  const { lines } = show({ newDevices: [{ id: 'x', name: 'Anna', kind: 'iphone', newFiles: 1200 }] });
  expect(lines.slice(1, 5)).toEqual([
    'Anna is new (1,200 files). Save its photos…',
    '  Now, and whenever it is plugged in',
    '  Only this once',
    '  Never',
  ]);
  const guessed = show({ newDevices: [{ id: 'x', name: 'NIKON', kind: 'card', newFiles: 1200, isEstimate: true }] });
  expect(guessed.lines[1]).toBe('NIKON is new (about 1,200 files). Save its photos…');
});

test('Where nothing is known, it says how to begin', () => {
  expect(show({ sources: [], drives: [] }).lines[1]).toBe('Plug in an iPhone, or put in a camera card');
});

test('A mark of a menu in a name is shown as it is', () => {
  const named = { ...mum, name: 'A_B & C' };
  const lines = (platform: NodeJS.Platform) =>
    placesOf(renderTray({ status: { ...calm, sources: [named] }, nowMs, timeZone: 'UTC' }), platform).map(
      ({ title }) => title,
    );
  expect(lines('linux')).toContain('A__B & C: saved today');
  expect(lines('win32')).toContain('A_B && C: saved today');
  expect(lines('darwin')).toContain('A_B & C: saved today');
});

test('Who clicks just when a place comes to mean another drive meant the one before', () => {
  const red = { ...blue, id: 'red', name: 'Red', connected: true };
  const places = (drives: readonly DriveStatus[]) =>
    placesOf(renderTray({ status: { ...calm, drives }, nowMs, timeZone: 'UTC' }), 'linux');
  const both = places([{ ...blue, connected: true }, red]);
  const first = both.find(({ title }) => title === 'Eject Blue drive')?.__id ?? -1;
  const meanings = new Meanings();
  meanings.note(both, 0);
  expect(meanings.isSettled(first, 0)).toBe(true);
  meanings.note(places([]), 1000);
  const left = places([red]);
  meanings.note(left, 1000);
  expect(wishOf(left, first)).toEqual({ kind: 'ejectDrive', drive: 'red' });
  expect(meanings.isSettled(first, 1400)).toBe(false);
  meanings.note(left, 1450);
  expect(meanings.isSettled(first, 1500)).toBe(true);
});

const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), fc.constant('_a_&\u202eb\n\u0007'.repeat(20)));
const status: fc.Arbitrary<Status> = fc.record({
  state: fc.constantFrom('neverSaved', 'saving', 'needsYou', 'idle'),
  library: fc.constant('/photos' as AbsolutePath),
  agent: fc.constant('running' as const),
  sources: fc.array(
    fc.record({ name: text }).map((change) => ({ ...mum, ...change })),
    { maxLength: 20 },
  ),
  drives: fc.array(
    fc.record({ name: text, connected: fc.boolean() }).map((change) => ({ ...blue, ...change })),
    { maxLength: 20 },
  ),
  jobs: fc.constant([]),
  needsYou: fc.array(fc.record({ code: fc.constantFrom('X', 'DRIVE_FULL'), message: text, remedy: text }), {
    maxLength: 3,
  }),
  notes: fc.constant([]),
  newDevices: fc.array(fc.record({ id: text, name: text, kind: fc.constant('card') }), { maxLength: 10 }),
  undelivered: fc.constant([]),
  photos: fc
    .tuple(fc.nat(5), fc.nat(5))
    .map(([one, other]) => ({ assets: Math.max(one, other), safe: Math.min(one, other), inLibrary: 0, elsewhere: 0 })),
});

describe('Whatever there is', () => {
  test('nothing is called safe that was not proven, or while something is to be done', () => {
    fc.assert(
      fc.property(status, (each) => {
        const { icon } = renderTray({ status: each, nowMs, timeZone: 'UTC' });
        if (icon !== 'safe') return;
        expect(each.photos.assets).toBeGreaterThan(0);
        expect(each.photos.safe).toBe(each.photos.assets);
        expect(each.needsYou).toEqual([]);
      }),
    );
  });

  test('the menu has the same places, short lines without control characters, and a click only where one is shown', () => {
    const places = (each: Status) => placesOf(renderTray({ status: each, nowMs, timeZone: 'UTC' }), 'linux');
    const usual = flatten(places(calm)).map(({ __id }) => __id);
    expect(new Set(usual).size).toBe(usual.length);
    fc.assert(
      fc.property(status, (each) => {
        const all = flatten(places(each));
        expect(all.map(({ __id }) => __id)).toEqual(usual);
        for (const { __id, title, hidden, enabled, wish } of all) {
          expect([...title.replaceAll('__', '_')].length).toBeLessThan(100);
          // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
          expect(title).not.toMatch(/[\u0000-\u001f\u202a-\u202e]/);
          if (hidden) expect(wishOf(places(each), __id)).toBe(undefined);
          if (wish !== undefined) expect(enabled).toBe(true);
        }
      }),
    );
  });

  test('the lines between the parts of the menu have something between them', () => {
    fc.assert(
      fc.property(status, (each) => {
        const shown = placesOf(renderTray({ status: each, nowMs, timeZone: 'UTC' }), 'linux').filter(
          ({ hidden }) => !hidden,
        );
        const parts = shown.map(({ title }) => (title === separatorTitle ? '|' : 'x')).join('');
        expect(parts).toMatch(/^x+(\|x+)+$/);
      }),
    );
  });

  test('what is sent makes one menu into the other, and nothing is sent twice', () => {
    fc.assert(
      fc.property(status, status, (one, other) => {
        const [before, after] = [one, other].map((each) =>
          placesOf(renderTray({ status: each, nowMs, timeZone: 'UTC' }), 'linux'),
        ) as [ReturnType<typeof placesOf>, ReturnType<typeof placesOf>];
        const changes = new Map(changesOf(before, after).map((item) => [item.__id, item]));
        const made = flatten(before).map(({ __id, title, enabled, hidden }) => ({
          __id,
          title,
          enabled,
          hidden,
          ...changes.get(__id),
        }));
        expect(made).toEqual(
          flatten(after).map(({ __id, title, enabled, hidden }) => ({ __id, title, enabled, hidden })),
        );
        expect(changesOf(after, after)).toEqual([]);
      }),
    );
  });
});
