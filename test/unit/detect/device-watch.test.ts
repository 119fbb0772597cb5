// The watch runs for months. One that looks too often drains a battery, one that stops looking saves nothing any more, and one
// that outlives its end is a second agent.
import { pino } from 'pino';
import { expect, test } from 'vitest';
import type { AttachedDevice } from '../../../src/detect/attached-devices.ts';
import { type DeviceEvent, watchDevices } from '../../../src/detect/device-watch.ts';
import type { HintSource } from '../../../src/detect/hints.ts';
import type { AbsolutePath, SourceId } from '../../../src/domain/ids.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const log = pino({ level: 'silent' });
const card: AttachedDevice = {
  id: 'card-1' as SourceId,
  kind: 'card',
  name: 'EOS',
  root: '/media/EOS' as AbsolutePath,
  isRemovable: true,
  mountId: '1',
  listing: '1',
};

interface World {
  readonly clock: ManualClock;
  readonly events: readonly DeviceEvent[];
  readonly stop: AbortController;
  looks: number;
  attached: readonly AttachedDevice[];
  hint: () => void;
  /** The hints were told to end. */
  heard: boolean;
  beforeLook: () => Promise<void>;
}

/** A watch over a world that the test changes. */
function watchWorld(
  options: { readonly listen?: HintSource['listen']; readonly onEvent?: (event: DeviceEvent) => void } = {},
) {
  const clock = new ManualClock();
  const stop = new AbortController();
  const events: DeviceEvent[] = [];
  const scene: World = {
    ...{ clock, events, stop },
    looks: 0,
    attached: [],
    hint: () => undefined,
    heard: false,
    beforeLook: async () => undefined,
  };
  const hints: HintSource = {
    listen:
      options.listen ??
      (async (onHint, signal) => {
        scene.hint = onHint;
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        scene.heard = true;
      }),
  };
  const look = async () => {
    scene.looks += 1;
    await scene.beforeLook();
    return scene.attached;
  };
  const onEvent = options.onEvent ?? ((event: DeviceEvent) => void events.push(event));
  const ended = watchDevices({ look, hints, clock, log, onEvent }, stop.signal);
  ended.catch(() => undefined); // each test asks for it
  return Object.assign(scene, { ended });
}

test('24 hours without news: a look a minute, and nothing else', async () => {
  const world = watchWorld();
  await world.clock.advance(24 * 3_600_000);
  expect(world.looks).toBeLessThanOrEqual(1441);
  expect(world.looks).toBeGreaterThanOrEqual(1440);
  expect(world.events).toEqual([]);
  world.stop.abort(new Error('enough'));
  await expect(world.ended).rejects.toThrow('enough');
});

test('What is there at the start is announced two seconds later', async () => {
  const world = watchWorld();
  world.attached = [card];
  await world.clock.advance(1999);
  expect(world.events).toEqual([]);
  await world.clock.advance(1);
  expect(world.events).toEqual([{ kind: 'arrived', device: card }]);
  await world.clock.advance(600_000);
  expect(world.events).toHaveLength(1);
});

test('A hint is answered at once, not at the next minute', async () => {
  const world = watchWorld();
  await world.clock.advance(10_000);
  world.attached = [card];
  world.hint();
  await world.clock.advance(2000);
  expect(world.events.map(({ kind }) => kind)).toEqual(['arrived']);
  world.attached = [];
  world.hint();
  await world.clock.advance(250);
  expect(world.events[1]).toEqual({ kind: 'left', id: card.id });
});

test('Without any hint a card is noticed within a minute, and its leaving too', async () => {
  const world = watchWorld();
  await world.clock.advance(10_000);
  world.attached = [card];
  await world.clock.advance(62_000);
  expect(world.events.map(({ kind }) => kind)).toEqual(['arrived']);
  world.attached = [];
  await world.clock.advance(60_000);
  expect(world.events.map(({ kind }) => kind)).toEqual(['arrived', 'left']);
});

test('A hint that comes during a look is worth another look', async () => {
  const world = watchWorld();
  await world.clock.resting();
  const before = world.looks;
  world.beforeLook = async () => {
    world.beforeLook = async () => undefined;
    world.hint(); // the look has begun: what it returns may be older than this
  };
  world.hint();
  await world.clock.advance(1000);
  expect(world.looks - before).toBe(2);
});

test('A storm of hints is a few looks', async () => {
  const world = watchWorld();
  await world.clock.resting();
  const before = world.looks;
  for (let count = 0; count < 1000; count += 1) {
    world.hint();
    await world.clock.advance(1);
  }
  expect(world.looks - before).toBeLessThanOrEqual(6);
});

test('An abort ends everything, also during a look', async () => {
  const world = watchWorld();
  await world.clock.resting();
  const reason = new Error('the agent stops');
  world.beforeLook = async () => world.stop.abort(reason);
  world.hint();
  await world.clock.advance(0).catch(() => undefined);
  const until = world.clock.advance(250);
  await expect(world.ended).rejects.toBe(reason);
  expect(world.heard, 'the hints were ended too').toBe(true);
  void until.catch(() => undefined);
  const { looks } = world;
  world.hint();
  expect(world.looks).toBe(looks);
});

test('A look that fails ends the watch with its error, for the supervisor, and the hints with it', async () => {
  const world = watchWorld();
  await world.clock.resting();
  world.beforeLook = async () => {
    throw new Error('no mount table');
  };
  void world.clock.advance(60_000);
  await expect(world.ended).rejects.toThrow('no mount table');
  expect(world.heard).toBe(true);
});

test('Hints that fail end it likewise; hints that merely end are done without', async () => {
  const failing = watchWorld({
    listen: async () => {
      throw new Error('a fault');
    },
  });
  await expect(failing.ended).rejects.toThrow('a fault');
  const ending = watchWorld({ listen: async () => undefined });
  ending.attached = [card];
  await ending.clock.advance(2000);
  expect(ending.events).toHaveLength(1);
});

test('What is aborted already does not begin', async () => {
  let looks = 0;
  const look = async () => {
    looks += 1;
    return [];
  };
  const hints = { listen: async () => undefined };
  const options = { look, hints, clock: new ManualClock(), log, onEvent: () => undefined };
  await expect(watchDevices(options, AbortSignal.abort(new Error('late')))).rejects.toThrow('late');
  expect(looks).toBe(0);
});
