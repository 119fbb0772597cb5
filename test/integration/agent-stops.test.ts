// Whoever says "Never", "Eject" or "Pause" means now. A stop that comes an hour later, tears a photo, or is held against the phone
// afterwards would teach a family not to trust the buttons.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { runAgent } from '../../src/agent/agent.ts';
import type { AgentEvent } from '../../src/agent/agent-state.ts';
import type { Seams } from '../../src/agent/backup.ts';
import { expectAllSaved, expectOnlyWhole, makeScene, type Scene, writePhoto } from '../fault/scene.ts';
import { configureAgent, devicesOf } from '../support/agent.ts';
import { standIn } from '../support/awake-stand-in.ts';
import { contents, copyScene } from '../support/copies.ts';
import { keepsake, temporaryFolder, walk } from '../support/keepsake.ts';
import { createVolume, needVolumes } from '../support/loop-volume.ts';
import { patience } from '../support/patience.ts';

const photos = 8;
/** So many can be read before the source waits for the test. */
const readBeforeMax = 3;

/** A source that reads some photos and then none, until the test opens it or whoever reads gives up. */
function makeGate() {
  const open = Promise.withResolvers<void>();
  let begun = 0;
  const seams: Seams = {
    wrapSource: (source) => ({
      ...source,
      open: async (path, offsetBytes, signal) => {
        begun += 1;
        if (begun > readBeforeMax) {
          const stopped = new Promise<never>((_, reject) =>
            signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
          );
          await Promise.race([open.promise, stopped]);
        }
        return await source.open(path, offsetBytes, signal);
      },
    }),
  };
  return { seams, open: () => open.resolve(), isReached: () => begun > readBeforeMax };
}

/** An agent in this process, which the command line of this process finds. */
async function startAgent(
  scene: Pick<Scene, 'home'>,
  seams: Seams,
  environment: Readonly<Record<string, string>> = {},
) {
  const events: AgentEvent[] = [];
  const stop = new AbortController();
  const ready = Promise.withResolvers<void>();
  const ended = runAgent(
    {
      environment: {
        ...{ HOME: scene.home, KEEPSAKE_HOME: scene.home, PATH: '/usr/bin:/bin', ...environment },
        USBMUXD_SOCKET_ADDRESS: `UNIX:${scene.home}/no-daemon`,
      },
      ...{ seams, presentMeansYes: false, hasSurfaces: false, onReady: ready.resolve },
      onEvent: (event) => void events.push(event),
    },
    stop.signal,
  );
  await Promise.race([ready.promise, ended]);
  const end = async () => {
    stop.abort(new Error('SIGTERM'));
    await ended;
  };
  return {
    events,
    end,
    hears: async (kind: AgentEvent['kind'], times = 1) => {
      const heard = () => events.filter((event) => event.kind === kind);
      await vi.waitUntil(() => heard().length >= times, patience);
      return heard();
    },
    [Symbol.asyncDispose]: end,
  };
}

interface Standing {
  readonly state: string;
  readonly needsYou: readonly { readonly code: string; readonly message: string }[];
  readonly jobs: readonly { readonly name?: string }[];
  readonly drives: readonly object[];
}

async function statusOf({ home }: Pick<Scene, 'home'>): Promise<Standing> {
  return JSON.parse((await keepsake(['status', '--json'], { home })).stdout) as Standing;
}

async function enrolledFolder(scene: Scene): Promise<string> {
  configureAgent(scene.home, { library: scene.library, cardRoots: [], watchedFolders: [scene.source] });
  for (let index = 0; index < photos; index += 1) writePhoto(join(scene.source, `photo_${index}.jpg`));
  const [folder] = await devicesOf(scene.home);
  await keepsake(['enroll', folder?.id ?? ''], { home: scene.home });
  return folder?.id ?? '';
}

/** What was noted of it that came to nothing. */
async function visitsOf(scene: Scene): Promise<unknown> {
  const [device] = (await devicesOf(scene.home)) as readonly { readonly visits?: unknown }[];
  return device?.visits;
}

test.for(['ignore', 'retire'])(
  '"%s" ends the saving that is under way, keeps what was saved, and says so',
  async (command) => {
    using scene = makeScene();
    const id = await enrolledFolder(scene);
    const gate = makeGate();
    await using agent = await startAgent(scene, gate.seams);
    await vi.waitUntil(gate.isReached, patience);
    expect(await keepsake([command, id], { home: scene.home })).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('What was saved from it stays'),
    });
    const [end] = await agent.hears('importEnded');
    expect(end).toMatchObject({
      isKnown: false,
      result: {
        imports: [{ stopped: { message: 'Saving was stopped, as you wished. What was saved before that stays.' } }],
      },
    });
    const truth = await walk(scene.source);
    await expectOnlyWhole(scene.library, truth);
    expect((await walk(scene.library)).length).toBeLessThan(photos);
    const { state, needsYou, jobs } = await statusOf(scene);
    expect({ needsYou, jobs }).toEqual({ needsYou: [], jobs: [] });
    expect(['idle', 'neverSaved'], 'whether a photo was whole by then').toContain(state);
    expect(await visitsOf(scene)).toBe(undefined);
    gate.open();
    await keepsake(['enroll', id], { home: scene.home });
    await agent.hears('importEnded', 2);
    await expectAllSaved(scene.library, truth);
  },
);

test('What is decided about one folder does not end what is saved from another that was named for once', async () => {
  using scene = makeScene();
  using other = temporaryFolder();
  const id = await enrolledFolder(scene);
  await keepsake(['ignore', id], { home: scene.home });
  configureAgent(scene.home, { library: scene.library, cardRoots: [], watchedFolders: [scene.source, other.path] });
  const gate = makeGate();
  const another = (await devicesOf(scene.home)).find((device) => device.id !== id);
  await using _agent = await startAgent(scene, gate.seams);
  const saving = keepsake(['backup', scene.source], { home: scene.home });
  await vi.waitUntil(gate.isReached, patience);
  expect(await keepsake(['ignore', another?.id ?? ''], { home: scene.home })).toMatchObject({ exitCode: 0 });
  gate.open();
  expect(await saving).toMatchObject({ exitCode: 0 });
  await expectAllSaved(scene.library, await walk(scene.source));
});

test('An agent that is told to stop notes nothing against the device it was saving from', async () => {
  using scene = makeScene();
  await enrolledFolder(scene);
  const gate = makeGate();
  const agent = await startAgent(scene, gate.seams);
  await vi.waitUntil(gate.isReached, patience);
  await agent.end();
  const ends = await agent.hears('importEnded');
  expect(await visitsOf(scene)).toBe(undefined);
  expect(ends).toMatchObject([{ isKnown: true }]);
  expect(agent.events.filter(({ kind }) => kind === 'importFailed')).toEqual([]);
});

test('A pause ends what was begun without being asked for, and it goes on after the pause', async () => {
  using scene = makeScene();
  await enrolledFolder(scene);
  const gate = makeGate();
  await using agent = await startAgent(scene, gate.seams);
  await vi.waitUntil(gate.isReached, patience);
  await keepsake(['pause'], { home: scene.home });
  expect(await agent.hears('importEnded')).toMatchObject([{ isKnown: true }]);
  expect(await visitsOf(scene)).toBe(undefined);
  gate.open();
  await keepsake(['resume'], { home: scene.home });
  await agent.hears('importEnded', 2);
  await expectAllSaved(scene.library, await walk(scene.source));
});

test.for(['through an agent', 'by itself'] as const)(
  'While a typed command saves %s, the computer stays awake, and not afterwards',
  async (how) => {
    using scene = makeScene();
    using desk = temporaryFolder();
    const keeper = standIn(desk.path);
    configureAgent(scene.home, { library: scene.library, cardRoots: [] });
    for (let index = 0; index < photos; index += 1) writePhoto(join(scene.source, `photo_${index}.jpg`));
    const gate = makeGate();
    const environment = { PATH: keeper.path };
    const agent = how === 'by itself' ? undefined : await startAgent(scene, gate.seams, environment);
    const options = { home: scene.home, ...(agent === undefined ? { seams: gate.seams, environment } : {}) };
    const saving = keepsake(['backup', scene.source], options);
    await vi.waitUntil(() => gate.isReached() && keeper.isHeld(), patience);
    if (agent !== undefined) {
      // As any work of the agent: by name, and how far it is.
      expect(agent.events.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['importBegan', 'importProgress']));
      expect(await statusOf(scene)).toMatchObject({ state: 'saving', jobs: [{ name: 'card', filesTotal: photos }] });
    }
    gate.open();
    expect(await saving).toMatchObject({ exitCode: 0 });
    await vi.waitUntil(() => !keeper.isHeld(), patience);
    if (agent !== undefined) expect(await statusOf(scene)).toMatchObject({ jobs: [] });
    await agent?.end();
  },
);

const copied = 60;
/** A stick that is slow, for as long as the test says. */
function makeSlowSeams() {
  let isSlow = true;
  let staged = 0;
  const lock = new Int32Array(new SharedArrayBuffer(4));
  const hurry = () => {
    isSlow = false;
  };
  const seams: Seams = {
    observeStep: (step) => {
      if (step !== 'stage') return;
      staged += 1;
      if (isSlow) Atomics.wait(lock, 0, 0, 100);
    },
  };
  return { seams, staged: () => staged, hurry };
}

/** An agent in the middle of copying to a new drive, slowly. */
async function startCopying() {
  await using stack = new AsyncDisposableStack();
  const scene = stack.use(await copyScene({ photos: copied }));
  const volume = stack.use(await createVolume('ext4', 64));
  await scene.run(['pause']);
  const { root } = await scene.addDrive(volume, '--name', 'Blue drive');
  await scene.run(['resume']);
  const slow = makeSlowSeams();
  const agent = stack.use(await startAgent(scene, slow.seams));
  await vi.waitUntil(() => slow.staged() > 4, patience);
  const all = stack.move();
  return { scene, volume, root, slow, agent, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

test('"Eject" ends what is copied to the drive, and the rest follows when it is back', async (context) => {
  needVolumes(context, 'ext4');
  await using copying = await startCopying();
  const { scene, volume, root, slow, agent } = copying;
  expect(await scene.run(['drives', 'eject', 'Blue drive'])).toMatchObject({
    exitCode: 0,
    stdout: 'You can unplug "Blue drive" now.\n',
  });
  expect(readdirSync(volume.path), 'it is unmounted').toEqual([]);
  expect(slow.staged(), 'in the middle of it').toBeLessThan(copied);
  expect(await agent.hears('copyEnded')).toMatchObject([
    { isKnown: true, report: { stopped: { code: 'INTERRUPTED' } } },
  ]);
  expect(agent.events.filter(({ kind }) => kind === 'copyFailed')).toEqual([]);
  expect((await statusOf(scene)).needsYou).toEqual([]);
  slow.hurry();
  await agent.hears('driveLeft');
  // Paused, so that nothing is written while the test looks.
  await scene.run(['pause']);
  await volume.mount();
  const whole = await contents(scene.library);
  expect(whole, 'nothing torn').toEqual(expect.arrayContaining([...(await contents(root))]));
  await scene.run(['resume']);
  await agent.hears('copyEnded', 2);
  expect(await contents(root)).toEqual(whole);
});

test('A drive that is forgotten is not copied to any more, at once, and what is on it stays', async (context) => {
  needVolumes(context, 'ext4');
  await using copying = await startCopying();
  const { scene, root, slow, agent } = copying;
  expect(await scene.run(['drives', 'forget', 'Blue drive'])).toMatchObject({ exitCode: 0 });
  slow.hurry();
  const message = 'Copying to "Blue drive" was stopped, as you wished. What is on it stays.';
  expect(await agent.hears('copyEnded')).toMatchObject([{ isKnown: true, report: { stopped: { message } } }]);
  const left = await contents(root);
  expect(left.length).toBeLessThan(copied);
  expect(await contents(scene.library)).toEqual(expect.arrayContaining([...left]));
  expect(await statusOf(scene)).toMatchObject({ jobs: [], drives: [] });
});

test('"Eject" does not wait for what is saved from a card', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 3 });
  using other = makeScene();
  await using volume = await createVolume('ext4', 64);
  await scene.addDrive(volume, '--name', 'Blue drive');
  for (let index = 0; index < photos; index += 1) writePhoto(join(other.source, `photo_${index}.jpg`));
  const gate = makeGate();
  await using agent = await startAgent(scene, gate.seams);
  await agent.hears('copyEnded');
  const saving = scene.run(['backup', other.source]);
  await vi.waitUntil(gate.isReached, patience);
  expect(await scene.run(['drives', 'eject', 'Blue drive'])).toMatchObject({ exitCode: 0 });
  expect(readdirSync(volume.path)).toEqual([]);
  gate.open();
  expect(await saving).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(`${photos} files saved`) });
});
