// The agent over days: asleep and awake, with a clock that jumps. The files and the library are real; only the time is ours.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { runAgent } from '../../src/agent/agent.ts';
import type { AgentEvent } from '../../src/agent/agent-state.ts';
import { expectAllSaved, makeScene, type Scene, writePhoto } from '../fault/scene.ts';
import { configureAgent, devicesOf } from '../support/agent.ts';
import { keepsake, walk } from '../support/keepsake.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { patience } from '../support/patience.ts';

const hourMs = 3_600_000;
const minuteMs = 60_000;
/** Real time in which an import that should not be would have come. */
const quietMs = 300;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] }); // node-cron asks Date, not our clock
});
afterEach(() => {
  vi.useRealTimers();
});

/** An agent in this process whose clock stands at a quarter past ten UTC of 1 January 2026. */
async function startAgent(scene: Scene) {
  // Three sleep when all is at rest: the watch of devices, that of phones (there is no daemon), and the schedule.
  const clock = new ManualClock({ sleepers: 3, onMove: (nowMs) => vi.setSystemTime(nowMs) });
  clock.setWall(Date.UTC(2026, 0, 1, 10, 15));
  const events: AgentEvent[] = [];
  const stop = new AbortController();
  const ready = Promise.withResolvers<void>();
  const ended = runAgent(
    {
      environment: {
        ...{ HOME: scene.home, KEEPSAKE_HOME: scene.home },
        USBMUXD_SOCKET_ADDRESS: `UNIX:${scene.home}/no-daemon`,
      },
      seams: { clock },
      presentMeansYes: false,
      hasSurfaces: false,
      onReady: ready.resolve,
      onEvent: (event) => void events.push(event),
    },
    stop.signal,
  );
  await Promise.race([ready.promise, ended]);
  return {
    clock,
    /** Waits for imports that what happened leads to; a while, too, where there should be none. How many since last asked. */
    imports: async (expected: number) => {
      await vi.waitFor(() => expect(ends(events)).toBeGreaterThanOrEqual(expected), patience).catch(() => undefined);
      await sleep(quietMs);
      return ends(events.splice(0));
    },
    [Symbol.asyncDispose]: async () => {
      stop.abort(new Error('the test is over'));
      await ended;
    },
  };
}

function ends(events: readonly AgentEvent[]): number {
  return events.filter(({ kind }) => kind === 'importEnded' || kind === 'importFailed').length;
}

/** A watched folder that photos are saved from; new ones appear below it, where no hint comes from. */
async function enrolledFolder(scene: Scene) {
  configureAgent(scene.home, {
    library: scene.library,
    cardRoots: [],
    watchedFolders: [scene.source],
    schedule: '0 12 * * *',
    timeZone: 'Europe/Berlin',
  });
  writePhoto(join(scene.source, 'one/two/a.jpg'));
  const [folder] = await devicesOf(scene.home);
  await keepsake(['enroll', folder?.id ?? ''], { home: scene.home });
}

test('A day without news costs no more than three wake-ups a minute, one for each part that looks by itself', async () => {
  using scene = makeScene();
  configureAgent(scene.home, { library: scene.library, cardRoots: [] });
  await using agent = await startAgent(scene);
  await agent.clock.advance(5 * minuteMs); // the daemon is looked for more often at first
  const before = agent.clock.sleeps;
  await agent.clock.advance(24 * hourMs);
  // And two for each time that something is mounted or taken away on this machine meanwhile, which other tests do. One more a minute would be 1440.
  const mountedElsewhere = 1000;
  expect(agent.clock.sleeps - before).toBeLessThanOrEqual(3 * 24 * 60 + mountedElsewhere);
  expect(await agent.imports(0)).toBe(0);
});

test('What is new deep in a watched folder is saved at noon of the owner, also on the day after, and nothing in between', async () => {
  using scene = makeScene();
  await enrolledFolder(scene);
  await using agent = await startAgent(scene);
  await agent.clock.advance(10 * minuteMs);
  expect(await agent.imports(1), 'it is there at the start').toBe(1);
  writePhoto(join(scene.source, 'one/two/b.jpg'));
  await agent.clock.advance(30 * minuteMs);
  expect(await agent.imports(0), 'five minutes before eleven UTC').toBe(0);
  await agent.clock.advance(10 * minuteMs);
  expect(await agent.imports(1), 'noon in Berlin is eleven UTC').toBe(1);
  await expectAllSaved(scene.library, await walk(scene.source));
  agent.clock.setWall(agent.clock.nowMs() + 23 * hourMs);
  await agent.clock.advance(30 * minuteMs);
  expect(await agent.imports(0), 'not yet').toBe(0);
  await agent.clock.advance(40 * minuteMs);
  expect(await agent.imports(1)).toBe(1);
});

test('What was missed asleep happens once, within a minute or two of waking', async () => {
  using scene = makeScene();
  await enrolledFolder(scene);
  await using agent = await startAgent(scene);
  await agent.clock.advance(10 * minuteMs);
  expect(await agent.imports(1)).toBe(1);
  writePhoto(join(scene.source, 'one/two/b.jpg'));
  agent.clock.setWall(agent.clock.nowMs() + 9 * 24 * hourMs);
  await agent.clock.advance(2 * minuteMs);
  expect(await agent.imports(1)).toBe(1);
  await expectAllSaved(scene.library, await walk(scene.source));
  await agent.clock.advance(20 * minuteMs);
  expect(await agent.imports(0)).toBe(0);
});

test('A clock set back by a year, or ahead and back again, silences nothing', async () => {
  using scene = makeScene();
  await enrolledFolder(scene);
  await using agent = await startAgent(scene);
  await agent.clock.advance(10 * minuteMs);
  expect(await agent.imports(1)).toBe(1);
  agent.clock.setWall(agent.clock.nowMs() - 365 * 24 * hourMs);
  writePhoto(join(scene.source, 'one/two/b.jpg'));
  await agent.clock.advance(hourMs);
  expect(await agent.imports(1)).toBe(1);
  await expectAllSaved(scene.library, await walk(scene.source));
  agent.clock.setWall(agent.clock.nowMs() + 10 * 365 * 24 * hourMs);
  await agent.clock.advance(2 * minuteMs);
  expect(await agent.imports(1), 'it seemed to be due').toBe(1);
  agent.clock.setWall(agent.clock.nowMs() - 10 * 365 * 24 * hourMs);
  writePhoto(join(scene.source, 'one/two/c.jpg'));
  await agent.clock.advance(minuteMs);
  agent.clock.setWall(agent.clock.nowMs() + 24 * hourMs);
  await agent.clock.advance(2 * minuteMs);
  expect(await agent.imports(1)).toBe(1);
  await expectAllSaved(scene.library, await walk(scene.source));
});
