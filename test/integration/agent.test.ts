// The agent as an owner has it: a process of its own, real disks that come and go, and the command line beside it.
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { expectAllSaved, makeScene, megabyte, writePair, writePhoto } from '../fault/scene.ts';
import { configureAgent, devicesOf, startAgent, statusOf } from '../support/agent.ts';
import { finished, keepsake, startKeepsake, temporaryFolder, walk } from '../support/keepsake.ts';
import { createVolume, type LoopVolume, volumePrograms } from '../support/loop-volume.ts';
import { needPrograms, needRoot } from '../support/requirements.ts';

/** A card with photos on it, not mounted yet, as a desktop would find it. */
async function createCard(photos: number, seed = 'card'): Promise<LoopVolume> {
  const card = await createVolume('ext4', 24);
  for (let index = 1; index <= photos; index += 1)
    writePhoto(join(card.path, `DCIM/100TEST/${seed}_${index}.JPG`), 2000);
  writePair(join(card.path, `DCIM/100TEST/${seed}_LIVE`));
  return card;
}

const placesOf = (...cards: readonly LoopVolume[]) => cards.map(({ path }) => dirname(path));

async function idOfOnlyCard(home: string): Promise<string> {
  const [device] = await devicesOf(home);
  if (device === undefined) throw new Error('no device is known');
  return device.id;
}

async function comesTrue(isTrue: () => Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await sleep(100);
}

test('A card is announced, and saved from only once the owner says so, from then on by itself', async (context) => {
  needRoot(context);
  needPrograms(context, ...volumePrograms.ext4);
  using scene = makeScene({});
  await using card = await createCard(5);
  const truth = await walk(join(card.path, 'DCIM'));
  card.pull();
  configureAgent(scene.home, { library: scene.library, cardRoots: placesOf(card) });
  await using agent = await startAgent({ home: scene.home });

  await card.mount();
  card.announceUuid();
  await agent.hears('is connected for the first time: 7 new files');
  expect(existsSync(scene.library), 'nothing is made unasked').toBe(false);
  expect(await statusOf(scene.home)).toMatchObject({ agent: 'running', needsYou: [{ code: 'NEW_DEVICE' }] });
  expect(await devicesOf(scene.home)).toMatchObject([{ decision: 'ask', connected: true }]);

  const enrolled = await keepsake(['enroll', await idOfOnlyCard(scene.home)], { home: scene.home });
  expect(enrolled).toMatchObject({ exitCode: 0 });
  await agent.hears('All photos and videos on it are saved.');
  await agent.hears('Do not format this card');
  await expectAllSaved(scene.library, truth);
  expect(await statusOf(scene.home)).toMatchObject({
    state: 'idle',
    needsYou: [],
    sources: [{ complete: true, connected: true }],
  });

  card.pull();
  await agent.hears('was taken out');
  const so = agent.said.length;
  await card.mount(card.folder('another reader'));
  card.announceUuid();
  writePhoto(join(card.path, 'DCIM/100TEST/LATER.JPG'), 2000);
  await agent.hears(/1 file saved[\s\S]*All photos and videos on it are saved/, so);
  await expectAllSaved(scene.library, await walk(join(card.path, 'DCIM')));
  expect(await devicesOf(scene.home), 'it is the same card').toHaveLength(1);
  expect(await agent.stop()).toBe(0);
  expect(agent.said).toContain('Stopped. What was saved is whole.');
});

test('A card the owner said no to is left alone, and one that is retired as well', async (context) => {
  needRoot(context);
  needPrograms(context, ...volumePrograms.ext4);
  using scene = makeScene({});
  await using card = await createCard(1);
  card.announceUuid();
  configureAgent(scene.home, { library: scene.library, cardRoots: placesOf(card) });
  await using agent = await startAgent({ home: scene.home });
  await agent.hears('is connected for the first time');
  const id = await idOfOnlyCard(scene.home);
  for (const decision of ['ignore', 'retire']) {
    expect(await keepsake([decision, id], { home: scene.home })).toMatchObject({ exitCode: 0 });
    expect(await statusOf(scene.home)).toMatchObject({ needsYou: [] });
    const so = agent.said.length;
    card.pull();
    await agent.hears('was taken out', so);
    await card.mount();
    card.announceUuid();
    await comesTrue(async () => (await devicesOf(scene.home))[0]?.connected === true);
    expect(agent.said.slice(so)).not.toContain('first time');
    expect(await statusOf(scene.home)).toMatchObject({ jobs: [], needsYou: [] });
    expect(existsSync(scene.library)).toBe(false);
  }
  expect(await keepsake(['backup'], { home: scene.home })).toMatchObject({ exitCode: 3 });
});

test('Three cards at once are all saved, each as itself', async (context) => {
  needRoot(context);
  needPrograms(context, ...volumePrograms.ext4);
  using scene = makeScene({});
  await using one = await createCard(3, 'one');
  await using two = await createCard(4, 'two');
  await using three = await createCard(5, 'three');
  const cards = [one, two, three];
  for (const card of cards) card.announceUuid();
  configureAgent(scene.home, { library: scene.library, cardRoots: placesOf(...cards) });
  // `npm start`: what is in already was put in to be saved.
  await using agent = await startAgent({ home: scene.home, command: 'start' });
  await agent.hears(/(All photos and videos on it are saved[\s\S]*){3}/);
  const truth = await Promise.all(cards.map((card) => walk(join(card.path, 'DCIM'))));
  await expectAllSaved(scene.library, truth.flat());
  expect((await devicesOf(scene.home)).map(({ decision }) => decision)).toEqual(['always', 'always', 'always']);
  expect((await statusOf(scene.home)).photos.assets).toBe(15);
  expect(await agent.stop('SIGINT')).toBe(0);
  expect(agent.said).toContain('This stops when you close the window.');
});

test('One agent at a time; the command line asks it, and works without it', async () => {
  using scene = makeScene({});
  configureAgent(scene.home, { library: scene.library });
  writePhoto(join(scene.source, 'a.jpg'));
  await using agent = await startAgent({ home: scene.home });
  const second = await finished(startKeepsake(['agent'], { home: scene.home }));
  expect([second.exitCode, second.stderr]).toEqual([3, expect.stringContaining('AGENT_RUNNING')]);
  const viaAgent = await keepsake(['backup', scene.source, '--json'], { home: scene.home });
  expect([viaAgent.exitCode, JSON.parse(viaAgent.stdout).imports[0].imported]).toEqual([0, 1]);
  await agent.hears('1 file saved');
  writePhoto(join(scene.source, 'b.jpg'));
  expect(await agent.stop('SIGKILL')).toBe(null);
  expect(await statusOf(scene.home), 'its socket is still there').toMatchObject({ agent: 'notRunning' });
  const alone = await keepsake(['backup', scene.source, '--json'], { home: scene.home });
  expect([alone.exitCode, JSON.parse(alone.stdout).imports[0].imported]).toEqual([0, 1]);
  await using third = await startAgent({ home: scene.home });
  expect(await statusOf(scene.home)).toMatchObject({ agent: 'running', photos: { assets: 2 } });
  expect(await third.stop()).toBe(0);
});

test('What does not fit is not begun, and the answer names the way out', async (context) => {
  needRoot(context);
  needPrograms(context, ...volumePrograms.ext4);
  using scene = makeScene({});
  await using disk = await createVolume('ext4', 16);
  await using card = await createCard(4);
  for (let index = 1; index <= 5; index += 1)
    writePhoto(join(card.path, `DCIM/100TEST/BIG_${index}.JPG`), 3 * megabyte);
  card.announceUuid();
  const library = join(disk.path, 'Photos');
  configureAgent(scene.home, { library, cardRoots: placesOf(card) });
  await using agent = await startAgent({ home: scene.home, command: 'start' });
  await agent.hears(/need 16 MB, and there is room for \d+ MB[\s\S]*on a larger drive/);
  expect((await walk(library)).map(({ path }) => path)).toEqual([]);
  expect((await statusOf(scene.home)).needsYou.map(({ code }) => code)).toContain('LIBRARY_TOO_SMALL');
});

test('A library whose disk goes away while saving and comes back gets the rest by itself', async (context) => {
  needRoot(context);
  needPrograms(context, ...volumePrograms.ext4);
  using scene = makeScene({});
  await using disk = await createVolume('ext4', 60);
  await using card = await createCard(3);
  card.announceUuid();
  const library = join(disk.path, 'Photos');
  configureAgent(scene.home, { library, cardRoots: placesOf(card) });
  await using agent = await startAgent({ home: scene.home, command: 'start' });
  await agent.hears('All photos and videos on it are saved.');
  card.pull();
  await agent.hears('was taken out');
  disk.pull();
  await card.mount();
  card.announceUuid();
  writePhoto(join(card.path, 'DCIM/100TEST/LATER.JPG'), 2000);
  await agent.hears('could not be saved from');
  expect((await statusOf(scene.home).catch(() => ({ needsYou: [] }))).needsYou.map(({ code }) => code)).toContain(
    'LIBRARY_MISSING',
  );
  const so = agent.said.length;
  await disk.mount();
  // The next card that is put in is a reason to try again, as the next minute would be.
  await using other = await createCard(1, 'other');
  void other;
  await keepsake(['backup', await idOfOnlyCard(scene.home)], { home: scene.home });
  await agent.hears('1 file saved', so);
  await expectAllSaved(library, await walk(join(card.path, 'DCIM')));
});

test('A watched folder is a source like a card, once the owner says so, and what is new in it is noticed', async () => {
  using scene = makeScene({});
  configureAgent(scene.home, { library: scene.library, watchedFolders: [scene.source] });
  writePhoto(join(scene.source, 'a.jpg'));
  await using agent = await startAgent({ home: scene.home });
  await agent.hears('is connected for the first time: 1 new file');
  await keepsake(['enroll', await idOfOnlyCard(scene.home)], { home: scene.home });
  await agent.hears('1 file saved');
  const so = agent.said.length;
  writePhoto(join(scene.source, 'b.jpg'));
  await agent.hears('1 file saved', so);
  await expectAllSaved(scene.library, await walk(scene.source));
});

test('Without an agent cards are listed, decided about and saved from as well', async (context) => {
  needRoot(context);
  needPrograms(context, ...volumePrograms.ext4);
  using scene = makeScene({});
  await using card = await createCard(2);
  card.announceUuid();
  configureAgent(scene.home, { library: scene.library, cardRoots: placesOf(card) });
  const home = { home: scene.home };
  expect(await keepsake(['backup'], home)).toMatchObject({ exitCode: 3 });
  expect((await keepsake(['devices'], home)).stdout).toContain('not decided yet, connected');
  const id = await idOfOnlyCard(scene.home);
  expect(await keepsake(['enroll', 'nonsense'], home)).toMatchObject({ exitCode: 1 });
  expect((await keepsake(['rename', id, "Mum's camera"], home)).stdout).toContain(`"Mum's camera"`);
  expect(await keepsake(['enroll', "Mum's camera"], home)).toMatchObject({ exitCode: 0 });
  const saved = await keepsake(['backup', '--json'], home);
  expect(JSON.parse(saved.stdout).imports).toMatchObject([
    { source: { name: "Mum's camera" }, imported: 4, complete: true },
  ]);
  card.pull();
  expect(await keepsake(['backup'], home)).toMatchObject({ exitCode: 3 });
  expect(await keepsake(['backup', id], home), 'it is known, and not there').toMatchObject({ exitCode: 3 });
});

test('A damaged list of devices or a setting with a mistake is told, not papered over', async () => {
  using scratch = temporaryFolder();
  configureAgent(scratch.path, { schedule: 'at noon' });
  expect(await finished(startKeepsake(['agent'], { home: scratch.path }))).toMatchObject({ exitCode: 1 });
  rmSync(join(scratch.path, 'config.toml'));
  expect(await keepsake(['devices'], { home: scratch.path })).toMatchObject({ exitCode: 0 });
  mkdirSync(join(scratch.path, 'state'), { recursive: true });
  writeFileSync(join(scratch.path, 'state/devices.json'), '{');
  expect(await keepsake(['devices'], { home: scratch.path })).toMatchObject({ exitCode: 3 });
});
