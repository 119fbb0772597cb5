import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { configureAgent, devicesOf, startAgent, statusOf } from '../support/agent.ts';
import { incomingNames, keepsake, walk } from '../support/keepsake.ts';
import { createVolume, type LoopVolume, volumePrograms } from '../support/loop-volume.ts';
import { patience } from '../support/patience.ts';
import { needPrograms, needRoot } from '../support/requirements.ts';
import { seededRandom } from '../support/seeded-random.ts';
import {
  backup,
  brokenPairs,
  expectAllSaved,
  expectOnlyWhole,
  makeScene,
  megabyte,
  writePair,
  writePhoto,
} from './scene.ts';

const seed = Number(process.env['KEEPSAKE_TEST_SEED'] ?? Math.floor(Math.random() * 1e9));
const cards = 5;
const pullsPerCard = 10;
/** A card is left alone for two seconds after it appeared; what it takes to save what is new on it follows. */
const pullBetweenMs = [0, 3200] as const;
const slots = ['slot A', 'slot B', 'slot C'];

/** New photos since the last time the card was in: there is always something to be interrupted. */
function shoot(card: LoopVolume, round: number): void {
  const folder = join(card.path, `DCIM/1${String(round).padStart(2, '0')}TEST`);
  for (let index = 0; index < 10; index += 1) writePhoto(join(folder, `DSC_${round}_${index}.JPG`), 0.5 * megabyte);
  writePair(join(folder, `IMG_${round}`), { still: 0.3 * megabyte, movie: 3 * megabyte });
}

/** One card, pulled again and again from an agent that saves from it. Returns how often saving was cut off. */
async function pullOften(random: () => number): Promise<number> {
  using scene = makeScene();
  await using card = await createVolume('ext4', 160);
  configureAgent(scene.home, { library: scene.library, cardRoots: [dirname(card.path)] });
  card.announceUuid();
  shoot(card, 0);
  const [device] = await devicesOf(scene.home);
  await keepsake(['enroll', device?.id ?? ''], { home: scene.home });
  card.pull();
  await using agent = await startAgent({ home: scene.home });
  for (let round = 1; round <= pullsPerCard; round += 1) {
    await card.mount(card.folder(slots[round % slots.length] ?? ''));
    shoot(card, round);
    card.announceUuid();
    const [leastMs, mostMs] = pullBetweenMs;
    await sleep(leastMs + random() * (mostMs - leastMs));
    const truth = await walk(join(card.path, 'DCIM'));
    card.pull();
    if (readdirSync(scene.path).includes('library')) {
      // A pull that nobody noticed yet lets go on what is under way: what has a final name is whole at any moment, and a pair of which
      // one half has its name gets the other one without the card.
      await expectOnlyWhole(scene.library, truth);
      await expect.poll(async () => brokenPairs(await walk(scene.library), truth), patience).toEqual([]);
    }
  }
  const so = agent.said.length;
  await card.mount(card.folder('the last slot'));
  card.announceUuid();
  await agent.hears('All photos and videos on it are saved', so);
  const truth = await walk(join(card.path, 'DCIM'));
  await expectAllSaved(scene.library, truth);
  expect(await incomingNames(scene.library)).toEqual([]);
  expect(await statusOf(scene.home)).toMatchObject({ state: 'idle', needsYou: [], sources: [{ complete: true }] });
  expect(await devicesOf(scene.home), 'it is one card in whatever slot').toHaveLength(1);
  expect(await agent.stop()).toBe(0);

  using calm = makeScene({ source: card.path });
  expect(await backup(calm)).toMatchObject({ exitCode: 0 });
  expect(await walk(scene.library)).toEqual(await walk(calm.library));
  return agent.said.split('is no longer connected').length - 1;
}

// Without this, a card pulled while the agent saves from it, which is how cards are pulled, could lose or tear a photo.
test(`cards pulled from an agent at random moments end as undisturbed ones do (seed ${seed})`, async (context) => {
  needRoot(context);
  needPrograms(context, ...volumePrograms.ext4, 'blkid');
  const cut = await Promise.all(Array.from({ length: cards }, (_, index) => pullOften(seededRandom(seed + index))));
  process.stdout.write(
    `seed ${seed}: ${cards * pullsPerCard} pulls; saving was cut off by ${cut.join(' + ')} of them\n`,
  );
});
