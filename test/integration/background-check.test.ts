// What checks copies at night must not outlive the agent, hold a card up, or take the agent's memory for itself.
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { checkInBackground } from '../../src/agent/background-check.ts';
import { checkCommand } from '../../src/agent/own-program.ts';
import { contents, copyScene, flipBit } from '../support/copies.ts';
import { projectRoot, startKeepsake, temporaryFolder } from '../support/keepsake.ts';
import { patience } from '../support/patience.ts';

const program = { command: process.execPath, args: [join(projectRoot, 'bin/keepsake.js')] };
const environmentOf = (home: string) => ({
  PATH: process.env['PATH'],
  HOME: home,
  KEEPSAKE_HOME: home,
  XDG_RUNTIME_DIR: '',
});

test('A process of its own checks what is due, politely, and says when nothing is due any more', async () => {
  using scene = await copyScene({ photos: 12 });
  const environment = environmentOf(scene.home);
  expect(await checkInBackground({ program, environment }, new AbortController().signal)).toBe(true);
  expect(await scene.json(['verify'])).toMatchObject({ checked: 0 });
  using unchecked = await copyScene({ photos: 12 });
  expect(await unchecked.json(['verify'])).toMatchObject({ checked: 12 });
});

test('It finds what is damaged', async () => {
  using scene = await copyScene({ photos: 3 });
  const photo = (await contents(scene.library)).find((path) => path.includes('.JPG')) ?? '';
  flipBit(join(scene.library, photo.slice(photo.indexOf('  ') + 2)));
  await checkInBackground({ program, environment: environmentOf(scene.home) }, new AbortController().signal);
  const { needsYou } = await scene.json<{ needsYou: readonly { code: string }[] }>(['status']);
  expect(needsYou.map(({ code }) => code)).toContain('FILES_DAMAGED');
});

test('Without a photo folder there is nothing to check, and nothing wrong', async () => {
  using folder = temporaryFolder();
  const environment = environmentOf(folder.path);
  expect(await checkInBackground({ program, environment }, new AbortController().signal)).toBe(true);
});

test('It ends when it is asked to, and is then not done', async () => {
  using folder = temporaryFolder();
  const stop = new AbortController();
  const waits = {
    command: '/bin/sh',
    args: ['-c', `trap 'exit 3' TERM; : > "${join(folder.path, 'begun')}"; while :; do sleep 0.05; done`],
  };
  const checking = checkInBackground({ program: waits, environment: process.env }, stop.signal);
  await vi.waitUntil(() => readdirSync(folder.path).includes('begun'), patience);
  stop.abort();
  expect(await checking).toBe(false);
});

test('It ends when nobody waits for it any more', async () => {
  using scene = await copyScene({ photos: 3 });
  const child = startKeepsake([checkCommand], { home: scene.home }); // its input has ended already
  const [code] = (await once(child, 'exit')) as [number];
  expect([0, 3]).toContain(code);
});

test('One that fails is an error, not an end of what is due', async () => {
  const fails = { command: '/bin/sh', args: ['-c', 'exit 70'] };
  await expect(
    checkInBackground({ program: fails, environment: process.env }, new AbortController().signal),
  ).rejects.toThrow('70');
});
