// Without these, photos would be copied only when somebody types a command, which nobody does.

import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { configureAgent, devicesOf, startAgent } from '../support/agent.ts';
import { addPhotos, contents, copyScene } from '../support/copies.ts';
import { keepsake } from '../support/keepsake.ts';
import { createVolume, needVolumes } from '../support/loop-volume.ts';
import { patience } from '../support/patience.ts';

interface DrivesJson {
  readonly drives: readonly { readonly name: string; readonly missing: number; readonly connected: boolean }[];
}

test.for(['ext4', 'exfat', 'ntfs'] as const)(
  'A drive on %s that is attached is copied to and read back without a command, wherever it is mounted',
  async (filesystem, context) => {
    needVolumes(context, filesystem);
    using scene = await copyScene({ photos: 6 });
    await using volume = await createVolume(filesystem, 64);
    await scene.addDrive(volume, '--name', 'Blue drive');
    volume.pull();
    await using agent = await startAgent({ home: scene.home });
    const elsewhere = volume.folder('another place');
    await volume.mount(elsewhere);
    await agent.hears('"Blue drive": 6 files copied');
    await agent.hears('6 files read back from it and were right');
    expect(await contents(join(elsewhere, 'Keepsake/library'))).toEqual(await contents(scene.library));
    volume.pull();
    await agent.hears('The drive "Blue drive" was taken out.');
    expect(readdirSync(elsewhere)).toEqual([]);
    const status = await scene.json<DrivesJson & { photos: { safe: number; assets: number } }>(['status']);
    expect(status).toMatchObject({ drives: [{ connected: false, missing: 0 }], photos: { assets: 6, safe: 6 } });
    expect(await agent.stop()).toBe(0);
  },
);

test('What a card brings is copied to the drive that is attached, after it is saved; a paused agent does neither', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 3 });
  await using card = await createVolume('ext4', 64);
  await using drive = await createVolume('ext4', 64);
  configureAgent(scene.home, { library: scene.library, cardRoots: [dirname(card.path)] });
  const { root } = await scene.addDrive(drive);
  addPhotos(card.path, { from: 3, count: 3 });
  card.announceUuid();
  const [device] = await devicesOf(scene.home);
  await keepsake(['enroll', device?.id ?? ''], { home: scene.home });
  card.pull();
  await scene.run(['pause']);
  await using agent = await startAgent({ home: scene.home });
  await card.mount();
  card.announceUuid();
  await expect.poll(async () => (await devicesOf(scene.home)).some(({ connected }) => connected), patience).toBe(true);
  expect((await scene.json<{ pausedUntil?: null }>(['status'])).pausedUntil).toBe(null);
  expect(await contents(root)).toEqual([]);
  await scene.run(['resume']);
  await agent.hears('3 files saved');
  await agent.hears(/"disk": [36] files copied/, agent.said.indexOf('3 files saved'));
  expect(await contents(root)).toEqual(await contents(scene.library));
  await agent.stop();
});

test('Commands about copies work with and without a running agent', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 3 });
  await using volume = await createVolume('ext4', 64);
  await scene.run(['pause']);
  await using agent = await startAgent({ home: scene.home });
  const { id, root } = await scene.addDrive(volume);
  expect(await scene.json(['mirror', id.slice(0, 8)])).toMatchObject({ exitCode: 0, copies: [{ copied: 3 }] });
  expect(await scene.json(['mirror', volume.path])).toMatchObject({ exitCode: 0, copies: [{ copied: 0 }] });
  expect(await scene.json(['verify', '--all'])).toMatchObject({ exitCode: 0, checked: 6 });
  expect(await scene.json<DrivesJson>(['drives', 'list'])).toMatchObject({ drives: [{ missing: 0, connected: true }] });
  expect(await scene.json(['drives', 'eject', id])).toMatchObject({ exitCode: 0 });
  expect(readdirSync(volume.path)).toEqual([]);
  expect(await scene.json(['mirror'])).toMatchObject({ exitCode: 3, error: { code: 'DRIVE_MISSING' } });
  await volume.mount();
  expect(await contents(root)).toEqual(await contents(scene.library));
  expect(await scene.json(['drives', 'forget', id])).toMatchObject({ exitCode: 0 });
  expect(await scene.json(['mirror'])).toMatchObject({ exitCode: 3, error: { code: 'DRIVE_MISSING' } });
  expect((await contents(root)).length, 'what is on it stays').toBe(3);
  await agent.stop();
});
