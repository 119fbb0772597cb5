// What the owner sees must not depend on what is broken being readable: that is when they need it.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pino from 'pino';
import { beforeEach, expect, test, vi } from 'vitest';
import { type AgentEvent, calmState } from '../../src/agent/agent-state.ts';
import { findPaths } from '../../src/agent/paths.ts';
import { Surfaces } from '../../src/agent/surfaces.ts';
import { AgentError } from '../../src/domain/errors.ts';
import type { AbsolutePath, SourceId } from '../../src/domain/ids.ts';
import type { Status } from '../../src/domain/status.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { temporaryFolder } from '../support/keepsake.ts';
import { startRecorder } from '../support/notification-recorder.ts';
import { patience } from '../support/patience.ts';
import { type Desktop, needDesktop, startDesktop } from '../support/private-desktop.ts';
import { startHost } from '../support/status-notifier-host.ts';

beforeEach((context) => needDesktop(context));

const id = 'nikon' as SourceId;
const damaged = new AgentError('CATALOG_DAMAGED', 'The list of saved photos is damaged.', { remedy: 'Rebuild it.' });
const allSafe: Status = {
  ...{ state: 'idle', library: '/photos' as AbsolutePath, agent: 'running', sources: [], drives: [], jobs: [] },
  ...{ needsYou: [], notes: [], newDevices: [], undelivered: [] },
  photos: { assets: 5, inLibrary: 5, safe: 5, elsewhere: 0 },
};
const saved = {
  ...{ kind: 'importEnded', id, name: 'NIKON' },
  result: { imports: [{ source: { id, kind: 'card', name: 'NIKON' }, newPhotos: 2, failed: 0, deferred: 0 }] },
} as unknown as AgentEvent;

function run(desktop: Desktop, home: string, readStatus: () => Promise<Status>, clock = systemClock) {
  const stop = new AbortController();
  const events: AgentEvent[] = [];
  const surfaces = new Surfaces({
    ...{ paths: findPaths({ KEEPSAKE_HOME: home }), environment: desktop.environment, clock },
    ...{ log: pino({ level: 'silent' }), readStatus, timeZone: async () => whereItIsNoon() },
    ...{ onEvent: (event: AgentEvent) => void events.push(event), onWish: () => undefined },
  });
  const ended = surfaces.run(stop.signal);
  return {
    surfaces,
    events,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await ended;
    },
  };
}

function whereItIsNoon(): string {
  const hours = 12 - new Date().getUTCHours();
  return hours >= 0 ? `Etc/GMT-${hours}` : `Etc/GMT+${-hours}`;
}

test('A list that cannot be read from the start is what icon and menu say', async () => {
  using folder = temporaryFolder();
  await using desktop = await startDesktop();
  await using host = await startHost(desktop);
  await using _shown = run(desktop, folder.path, () => Promise.reject(damaged));
  const icon = await host.icon();
  await vi.waitUntil(async () => (await icon.text()).startsWith('The list of saved photos is damaged.'), patience);
});

test('What was safe before is not called safe when it cannot be counted, and the end of saving is told all the same', async () => {
  using folder = temporaryFolder();
  await using desktop = await startDesktop();
  await using host = await startHost(desktop);
  await using recorder = await startRecorder(desktop);
  let status: () => Promise<Status> = async () => allSafe;
  await using shown = run(desktop, folder.path, () => status());
  const icon = await host.icon();
  await vi.waitUntil(async () => (await icon.text()).startsWith('All 5 photos are safe'), patience);
  status = () => Promise.reject(new Error('EAGAIN'));
  shown.surfaces.hear({ kind: 'asked', ids: [id] }, calmState); // its owner waits for an answer
  shown.surfaces.hear(saved, calmState);
  await vi.waitUntil(() => recorder.asked.length > 0, patience);
  expect(recorder.asked.map(({ body }) => body)).toEqual([
    'Done. 2 new photos. You can take the card out. Do not erase it yet: its photos are on one drive only.',
  ]);
  await vi.waitUntil(async () => !(await icon.text()).includes('are safe'), patience);
});

const announced = { kind: 'announced', announcement: { id, name: 'NIKON' } } as const;

test('A question goes with the agent, and after a crash it is asked again where nobody hears the one before', async () => {
  using folder = temporaryFolder();
  mkdirSync(join(folder.path, 'state'));
  const noted = join(folder.path, 'state/notices-shown.json');
  await using desktop = await startDesktop({ display: false });
  await using recorder = await startRecorder(desktop);
  const titles = () => [...recorder.open].map(([number, { title }]) => `${number} ${title}`);
  const question = 'NIKON is here for the first time';
  let crashed = '';
  {
    await using shown = run(desktop, folder.path, async () => allSafe);
    shown.surfaces.hear(announced, calmState);
    await vi.waitUntil(() => titles().includes(`1 ${question}`), patience);
    await vi.waitUntil(() => existsSync(noted), patience);
    crashed = readFileSync(noted, 'utf8');
  }
  expect(titles()).toEqual([]);
  {
    await using again = run(desktop, folder.path, async () => allSafe);
    again.surfaces.hear(announced, calmState); // it was asked an hour ago
    again.surfaces.hear({ kind: 'asked', ids: [] }, calmState);
    await vi.waitUntil(() => titles().length > 0, patience);
    expect(titles()).toEqual(['2 Nothing to save from']);
  }
  // As if the first run had ended without a word.
  writeFileSync(noted, crashed);
  recorder.reopen(1);
  await using next = run(desktop, folder.path, async () => allSafe);
  next.surfaces.hear(announced, calmState);
  await vi.waitUntil(() => titles().length > 0 && recorder.asked.length === 3, patience);
  expect(titles()).toEqual([`3 ${question}`]);
});

test('What could not be shown is told until it is shown, or for a week', async () => {
  using folder = temporaryFolder();
  mkdirSync(join(folder.path, 'state'));
  await using desktop = await startDesktop({ display: false });
  let aheadMs = 0;
  const clock = { ...systemClock, nowMs: () => Date.now() + aheadMs };
  await using shown = run(desktop, folder.path, async () => allSafe, clock);
  const undelivered = () => shown.events.flatMap((event) => (event.kind === 'undelivered' ? [event.notices] : []));
  const failure = { code: 'DRIVE_BUSY', message: 'It is in use.', remedy: '' };
  shown.surfaces.hear({ kind: 'refused', failure }, calmState);
  await vi.waitUntil(() => undelivered().at(-1)?.length === 1, patience);
  shown.surfaces.hear({ kind: 'asked', ids: [] }, calmState);
  await vi.waitUntil(() => undelivered().at(-1)?.length === 2, patience);
  await using _recorder = await startRecorder(desktop);
  shown.surfaces.hear({ kind: 'asked', ids: [] }, calmState);
  await vi.waitUntil(() => undelivered().at(-1)?.length === 1, patience);
  const week = 7 * 86_400_000;
  aheadMs = week - 3_600_000;
  shown.surfaces.minute();
  shown.surfaces.hear({ kind: 'asked', ids: [] }, calmState);
  await vi.waitUntil(() => undelivered().length === 4, patience);
  expect(undelivered().at(-1)).toMatchObject([{ message: 'That could not be done: It is in use.' }]);
  aheadMs = week;
  shown.surfaces.minute();
  await vi.waitUntil(() => undelivered().at(-1)?.length === 0, patience);
});

test('A question that comes before there is a desktop to ask it on is asked', async () => {
  using folder = temporaryFolder();
  mkdirSync(join(folder.path, 'state'));
  writeFileSync(join(folder.path, 'state/notices.json'), '{"askedAtMs":{"other":1},"saidNoIcon":true}');
  await using desktop = await startDesktop();
  await using recorder = await startRecorder(desktop);
  await using shown = run(desktop, folder.path, async () => allSafe);
  shown.surfaces.hear({ kind: 'announced', announcement: { id, name: 'NIKON' } }, calmState);
  await vi.waitUntil(() => recorder.asked.length > 0, patience);
  expect(recorder.asked.map(({ title }) => title)).toEqual(['NIKON is here for the first time']);
});
