// What the agent does about a library and its cards over time: a card that takes another's place, one that was formatted, folders
// that are adopted while cards come and go, a catalogue made anew under it.
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { backup, expectAllSaved, makeScene, type Scene, writePair, writePhoto } from '../fault/scene.ts';
import { configureAgent, devicesOf, startAgent, statusOf } from '../support/agent.ts';
import { keepsake, walk } from '../support/keepsake.ts';
import { createVolume, type LoopVolume, volumePrograms } from '../support/loop-volume.ts';
import { needPrograms, needRoot } from '../support/requirements.ts';

function photograph(card: LoopVolume, names: readonly string[], seed = ''): void {
  for (const name of names) writePhoto(join(card.path, `DCIM/100TEST/${name}${seed}.JPG`), 2000);
}

/** `npm start`: what is in already was put in to be saved. */
async function startSaving(scene: Scene, ...cards: readonly LoopVolume[]) {
  configureAgent(scene.home, { library: scene.library, cardRoots: cards.map(({ path }) => dirname(path)) });
  return await startAgent({ home: scene.home, command: 'start' });
}

test("A card with mostly another one's photos is offered as its successor, and takes its name and place", async (context) => {
  needRoot(context);
  needPrograms(context, ...volumePrograms.ext4);
  using scene = makeScene();
  await using old = await createVolume('ext4', 16);
  await using successor = await createVolume('ext4', 16);
  photograph(old, ['a', 'b', 'c', 'd']);
  old.announceUuid();
  cpSync(join(old.path, 'DCIM'), join(successor.path, 'DCIM'), { recursive: true, preserveTimestamps: true });
  photograph(successor, ['e']);
  successor.pull();
  await using agent = await startSaving(scene, old, successor);
  await agent.hears('All photos and videos on it are saved.');
  const [first] = await devicesOf(scene.home);
  await keepsake(['rename', first?.id ?? '', "Mum's camera"], { home: scene.home });
  old.pull();
  await agent.hears('was taken out');
  await successor.mount();
  successor.announceUuid();
  await agent.hears(`Most of its photos came from "Mum's camera" before`);
  expect(agent.said).toContain('first time: 1 new file (');
  expect(agent.said).toContain('4 are in your photo folder already');
  const second = (await devicesOf(scene.home)).find(({ id }) => id !== first?.id);
  expect(agent.said).toContain(`enroll ${second?.id} --replaces ${first?.id}`);
  await keepsake(['enroll', second?.id ?? '', '--replaces', first?.id ?? ''], { home: scene.home });
  await agent.hears(/"Mum's camera": 1 file saved[\s\S]*All photos and videos on it are saved/);
  await expectAllSaved(scene.library, await walk(join(successor.path, 'DCIM')));
  expect((await statusOf(scene.home)).sources.map(({ name }) => name)).toEqual(["Mum's camera"]);
  expect(await agent.stop()).toBe(0);
});

test('A card that was formatted and used again under the same names loses nothing, old or new', async (context) => {
  needRoot(context);
  needPrograms(context, ...volumePrograms.ext4);
  using scene = makeScene();
  await using card = await createVolume('ext4', 16);
  photograph(card, ['DSC_0001', 'DSC_0002']);
  card.announceUuid();
  await using agent = await startSaving(scene, card);
  await agent.hears('All photos and videos on it are saved.');
  const before = await walk(join(card.path, 'DCIM'));
  card.pull();
  await agent.hears('was taken out');
  // As some cameras do it: the volume stays what it was, its files go, and counting begins anew.
  await card.mount();
  rmSync(join(card.path, 'DCIM'), { recursive: true });
  const path = join(card.path, 'DCIM/100TEST/DSC_0001.JPG');
  writePhoto(path, 3000, 1.71e9);
  card.announceUuid();
  await agent.hears(/1 file saved[\s\S]*All photos and videos on it are saved/);
  const later = await walk(join(card.path, 'DCIM'));
  await expectAllSaved(scene.library, [...before, ...later]);
  expect(await agent.stop()).toBe(0);
});

test('Hostile names of a card neither reach the terminal as they are nor lead anywhere', async (context) => {
  needRoot(context);
  needPrograms(context, ...volumePrograms.ext4);
  using scene = makeScene();
  await using card = await createVolume('ext4', 16);
  photograph(card, ['a']);
  card.pull();
  await using agent = await startSaving(scene, card);
  const hostile = '\u001b[31m..\u202egnp $(rm -rf ~)\nKeepsake: all is well';
  await card.mount(card.folder(hostile));
  card.announceUuid();
  await agent.hears('is connected for the first time: 1 new file');
  expect(agent.said).not.toContain('\u001b[31m');
  expect(agent.said).not.toContain('\nKeepsake: all is well');
  const { stdout } = await keepsake(['devices'], { home: scene.home });
  expect(stdout.split('\n').some((line) => line.startsWith('Keepsake: all is well'))).toBe(false);
  const [device] = await devicesOf(scene.home);
  expect(await keepsake(['backup', device?.id ?? ''], { home: scene.home })).toMatchObject({ exitCode: 0 });
  await expectAllSaved(scene.library, await walk(join(card.path, 'DCIM')));
  expect(
    (await devicesOf(scene.home)).map(({ decision }) => decision),
    'saved once, and not decided',
  ).toEqual(['ask']);
  expect(await agent.stop()).toBe(0);
});

test('A folder is adopted through the agent while a card is saved, and only the other half of the card comes', async (context) => {
  needRoot(context);
  needPrograms(context, ...volumePrograms.ext4);
  using scene = makeScene();
  await using card = await createVolume('ext4', 60);
  const folder = join(scene.library, 'Old archive/Summer, by hand');
  mkdirSync(folder, { recursive: true });
  const names = Array.from({ length: 40 }, (_, index) => `DSC_${index}`);
  photograph(card, names);
  writePair(join(card.path, 'DCIM/100TEST/IMG_1'));
  for (const name of names.slice(0, 20)) {
    cpSync(join(card.path, `DCIM/100TEST/${name}.JPG`), join(folder, `renamed ${name}.jpg`), {
      preserveTimestamps: true,
    });
  }
  const before = await walk(folder);
  const truth = await walk(join(card.path, 'DCIM'));
  card.pull();
  await using agent = await startSaving(scene, card);
  const preview = await keepsake(['adopt', folder, '--dry-run', '--json'], { home: scene.home });
  expect(JSON.parse(preview.stdout)).toMatchObject({ found: 20, adopted: 20, dryRun: true });
  expect(existsSync(join(scene.library, '.keepsake'))).toBe(false);
  const adopting = keepsake(['adopt', folder], { home: scene.home });
  await card.mount();
  card.announceUuid();
  const adopted = await adopting;
  expect(adopted, adopted.stderr).toMatchObject({ exitCode: 0 });
  expect(adopted.stdout).toContain('20 files');
  await agent.hears('is connected for the first time');
  const [device] = await devicesOf(scene.home);
  const enrolled = await keepsake(['backup', device?.id ?? '', '--json'], { home: scene.home });
  expect(JSON.parse(enrolled.stdout).imports[0]).toMatchObject({
    found: 42,
    imported: 22,
    duplicates: 20,
    complete: true,
  });
  await expectAllSaved(scene.library, truth);
  expect(await walk(folder)).toEqual(before);
  expect(await agent.stop()).toBe(0);
});

test('A catalogue that is deleted under the agent, its snapshot too, is made anew by a word: the same answers, nothing again', async () => {
  using scene = makeScene();
  configureAgent(scene.home, { library: scene.library });
  for (const name of ['a', 'b']) writePhoto(join(scene.source, `${name}.jpg`));
  await backup(scene);
  const status = async () => {
    // Why there is no icon is known some time after the start.
    const { agent, icon: _, ...rest } = await statusOf(scene.home);
    expect(agent).toBe('running');
    return rest;
  };
  await using agent = await startAgent({ home: scene.home });
  const before = await status();
  const files = await walk(scene.library);
  const catalogs = join(scene.home, 'state/catalogs');
  for (const name of readdirSync(catalogs)) rmSync(join(catalogs, name));
  rmSync(join(scene.library, '.keepsake/catalog-backup'), { recursive: true });
  expect((await status()).needsYou.map(({ code }) => code)).toEqual(['CATALOG_MISSING']);
  const rebuilt = await keepsake(['rebuild'], { home: scene.home });
  expect(rebuilt).toMatchObject({ exitCode: 0 });
  expect(rebuilt.stdout).toContain('2 photos and videos');
  expect(await status()).toEqual(before);
  const again = await keepsake(['backup', scene.source, '--json'], { home: scene.home });
  expect(JSON.parse(again.stdout).imports[0]).toMatchObject({ imported: 0, known: 2 });
  expect(await walk(scene.library)).toEqual(files);
  expect(await agent.stop()).toBe(0);
});
