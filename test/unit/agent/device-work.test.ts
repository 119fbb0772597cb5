// A wish that is never settled is never served again: photos of that device would not be saved any more, without a word.
import PQueue from 'p-queue';
import { expect, test } from 'vitest';
import { type AgentHub, driveKey } from '../../../src/agent/agent-hub.ts';
import { type AgentEvent, calmState, foldEvent } from '../../../src/agent/agent-state.ts';
import { DeviceWork } from '../../../src/agent/device-work.ts';
import { Wishes } from '../../../src/agent/wishes.ts';
import { AgentError } from '../../../src/domain/errors.ts';
import type { SourceId } from '../../../src/domain/ids.ts';
import { systemClock } from '../../../src/platform/clock.ts';

const id = 'mum' as SourceId;
const damaged = new AgentError('STATE_DAMAGED', 'It cannot be read.', { remedy: 'Move it away.' });
const full = new AgentError('LIBRARY_FULL', 'There is no room.', { remedy: 'Make room.' });
const report = { source: { id, kind: 'iphone', name: 'Mum' }, imported: 1, failed: 0, deferred: 0, failures: [] };

/** What of the hub is used, with failures where a disk would have them. */
function makeHub(fails: { readonly devices?: Error; readonly backup?: Error; readonly note?: Error }) {
  const events: AgentEvent[] = [];
  const ended = Promise.withResolvers<void>();
  const hub = {
    ...{ signal: new AbortController().signal, drives: new Map(), state: calmState, checking: new AbortController() },
    wishes: new Wishes(systemClock),
    devices: async () => {
      if (fails.devices !== undefined) throw fails.devices;
      return [{ id, name: 'Mum', kind: 'iphone', decision: 'always', connected: true }];
    },
    keepsake: {
      clock: systemClock,
      isPaused: async () => false,
      backup: async () => {
        if (fails.backup !== undefined) throw fails.backup;
        return { imports: [report], copies: [] };
      },
      register: {
        noteVisit: async () => {
          if (fails.note !== undefined) throw fails.note;
        },
        tellsICloudOnly: async () => false,
      },
    },
    enqueue: async (work: () => Promise<unknown>) => {
      await work();
      ended.resolve();
    },
    tell: (event: AgentEvent) => {
      events.push(event);
      hub.state = foldEvent(hub.state, event, 0);
    },
    report: () => undefined,
  };
  return { hub: hub as unknown as AgentHub, events, ended: ended.promise };
}

test.for([
  ['what happened cannot be noted', { note: damaged }, 'importEnded'],
  ['saving fails, and that cannot be noted', { backup: full, note: damaged }, 'importFailed'],
  ['the devices cannot be read', { devices: damaged, note: damaged }, 'importFailed'],
] as const)('When %s, it is told how it ended, and the device is saved from the next time', async ([, fails, end]) => {
  const { hub, events, ended } = makeHub(fails);
  new DeviceWork(hub).want(id);
  await ended;
  expect(events.map(({ kind }) => kind)).toContain(end);
  expect(hub.state.job).toBe(undefined);
  hub.wishes.add(id);
  expect(hub.wishes.takeDue()).toEqual([id]);
});

test('"Back up now" looks at a drive once, although what a phone brings is to be copied to it as well', async () => {
  const { hub } = makeHub({});
  const drive = driveKey('blue');
  const queue = new PQueue({ concurrency: 1 });
  let looks = 0;
  const mirror = async () => {
    looks += 1;
    return { copies: [], unusable: [] };
  };
  const enqueue = (work: () => Promise<unknown>, { priority }: { priority: number }) => queue.add(work, { priority });
  Object.assign(hub.keepsake, { mirror });
  Object.assign(hub, { enqueue, drives: new Map([[drive, 'Blue drive']]) });
  const work = new DeviceWork(hub);
  await work.saveNow();
  await queue.onIdle();
  await work.serveWishes(); // the next minute
  await queue.onIdle();
  expect(looks).toBe(1);
});
