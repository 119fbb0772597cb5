// A card announced before its folders show is saved as empty; one that was swapped unseen would pass for the one before.
import { expect, test } from 'vitest';
import type { AttachedDevice } from '../../../src/detect/attached-devices.ts';
import { Roster, restlessMsMax } from '../../../src/detect/roster.ts';
import type { AbsolutePath, SourceId } from '../../../src/domain/ids.ts';
import { seededRandom } from '../../support/seeded-random.ts';

function device(id: string, more: Partial<AttachedDevice> = {}): AttachedDevice {
  const root = `/media/${id}` as AbsolutePath;
  return {
    id: id as SourceId,
    kind: 'card',
    name: id,
    root,
    isRemovable: true,
    mountId: `${id}-1`,
    listing: '1',
    ...more,
  };
}
const told = ({ events }: ReturnType<Roster['saw']>) =>
  events.map((event) => `${event.kind} ${event.kind === 'left' ? event.id : event.device.id}`);

test('A card is announced once, when a second look two seconds later agrees', () => {
  const roster = new Roster(2000);
  expect(roster.saw([device('a')], 0)).toEqual({ events: [], lookAgainInMs: 2000 });
  expect(roster.saw([device('a')], 1500), 'a hint came early').toEqual({ events: [], lookAgainInMs: 500 });
  expect(told(roster.saw([device('a')], 2000))).toEqual(['arrived a']);
  expect(roster.saw([device('a')], 62_000)).toEqual({ events: [] });
});

test('Folders that show late start the time anew', () => {
  const roster = new Roster(2000);
  roster.saw([device('a', { listing: 'empty' })], 0);
  expect(roster.saw([device('a')], 2000)).toEqual({ events: [], lookAgainInMs: 2000 });
  expect(told(roster.saw([device('a')], 4000))).toEqual(['arrived a']);
});

test('A card that is pulled while it settles is never mentioned', () => {
  const roster = new Roster(2000);
  roster.saw([device('a')], 0);
  expect(roster.saw([], 1000)).toEqual({ events: [] });
  expect(roster.saw([device('a')], 1500), 'and starts anew when it is back').toEqual({
    events: [],
    lookAgainInMs: 2000,
  });
});

test('A card that left and came back between two looks left and arrives', () => {
  const roster = new Roster(2000);
  roster.saw([device('a')], 0);
  roster.saw([device('a')], 2000);
  expect(told(roster.saw([device('a', { mountId: 'a-2' })], 62_000))).toEqual(['left a']);
  expect(told(roster.saw([device('a', { mountId: 'a-2' })], 64_000))).toEqual(['arrived a']);
});

test('Another card at the same place is another card', () => {
  const root = '/media/slot' as AbsolutePath;
  const roster = new Roster(2000);
  roster.saw([device('a', { root })], 0);
  roster.saw([device('a', { root })], 2000);
  expect(told(roster.saw([device('b', { root })], 3000))).toEqual(['left a']);
  expect(told(roster.saw([device('b', { root })], 5000))).toEqual(['arrived b']);
});

test('A watched folder that changes is touched when it has come to rest; a card that changes is not', () => {
  const folder = (listing: string) => [device('f', { kind: 'folder', isRemovable: false, listing })];
  const roster = new Roster(2000);
  roster.saw(folder('1'), 0);
  expect(told(roster.saw(folder('1'), 2000))).toEqual(['arrived f']);
  expect(roster.saw(folder('2'), 60_000)).toEqual({ events: [], lookAgainInMs: 2000 });
  expect(told(roster.saw(folder('3'), 62_000))).toEqual([]);
  expect(told(roster.saw(folder('3'), 64_000))).toEqual(['touched f']);
  expect(roster.saw(folder('3'), 120_000)).toEqual({ events: [] });
  expect(roster.saw(folder('4'), 180_000).lookAgainInMs).toBe(2000);
  expect(roster.saw(folder('3'), 181_000), 'all as it was').toEqual({ events: [] });
  roster.saw([device('c')], 200_000);
  roster.saw([device('c')], 202_000);
  expect(roster.saw([device('c', { listing: '2' })], 204_000)).toEqual({ events: [] });
});

test('A folder that never comes to rest is looked at less and less, and announced after ten minutes all the same', () => {
  const roster = new Roster(2000);
  let nowMs = 0;
  let looks = 0;
  for (;;) {
    looks += 1;
    const decided = roster.saw([device('f', { isRemovable: false, listing: `${looks}` })], nowMs);
    if (decided.events.length > 0) break;
    nowMs += decided.lookAgainInMs ?? Number.NaN;
  }
  expect(nowMs).toBeGreaterThanOrEqual(restlessMsMax);
  expect(looks).toBeLessThan(30);
});

test('Whatever comes and goes: arrived and left take turns for each, and nobody is forgotten', () => {
  const seed = 20261124;
  const random = seededRandom(seed);
  const roster = new Roster(2000);
  const present = new Map<string, string>();
  let there = new Map<string, AttachedDevice>();
  let nowMs = 0;
  const look = () => {
    for (const event of roster.saw([...there.values()], nowMs).events) {
      const id = event.kind === 'left' ? event.id : event.device.id;
      expect(present.has(id), `seed ${seed}: ${event.kind} ${id}`).toBe(event.kind !== 'arrived');
      if (event.kind === 'left') present.delete(id);
      else present.set(id, event.device.mountId ?? '');
    }
  };
  for (let step = 0; step < 3000; step += 1) {
    const id = `card${Math.floor(random() * 5)}`;
    there = new Map(there);
    if (random() < 0.4) there.delete(id);
    else if (random() < 0.5 || !there.has(id)) there.set(id, device(id, { mountId: `${step}`, listing: `${step}` }));
    nowMs += Math.floor(random() * 4000);
    look();
  }
  nowMs += 2000;
  look();
  nowMs += 2000;
  look();
  expect([...present].sort()).toEqual([...there].map(([id, { mountId }]) => [id, mountId]).sort());
});
