// Without these, a pause could go on unseen, a phone that nobody connects any more could be forgotten, and an owner who is told
// of every card in a drawer would stop reading.

import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, type TestContext, test } from 'vitest';
import { composeKeepsake } from '../../src/agent/compose.ts';
import { configureAgent, devicesOf } from '../support/agent.ts';
import { addPhotos, type CopyScene, copyScene } from '../support/copies.ts';
import { makePhoneScene, type PhoneScene } from '../support/iphone/phone-scene.ts';
import { createVolume, volumePrograms } from '../support/loop-volume.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { needLinux, needPrograms, needRoot } from '../support/requirements.ts';

const dayMs = 86_400_000;

interface StatusJson {
  readonly state: string;
  readonly sources: readonly { readonly name: string; readonly kind: string; readonly overdue: boolean }[];
  readonly drives: readonly { readonly name: string; readonly overdue: boolean }[];
  readonly pausedUntil?: string | null;
  readonly needsYou: readonly { readonly code: string; readonly message: string; readonly remedy: string }[];
  readonly notes: readonly { readonly code: string; readonly message: string }[];
}

/** `status --json` on a day so many days from now. */
async function statusIn(scene: CopyScene, days: number, environment = {}): Promise<StatusJson> {
  const clock = new ManualClock();
  clock.setWall(Date.now() + days * dayMs);
  return await scene.json<StatusJson>(['status'], { environment, seams: { clock } });
}

/** Days are counted from here, also if midnight passes. */
const beganAtMs = Date.now();

/** What the agent would tell now, on a day so many days from now, at noon in UTC. */
async function toldIn(scene: CopyScene, days: number, environment = {}): Promise<readonly string[]> {
  const clock = new ManualClock();
  clock.setWall(Math.floor(beganAtMs / dayMs + days) * dayMs + dayMs / 2);
  const { remind } = composeKeepsake({ HOME: scene.home, KEEPSAKE_HOME: scene.home, ...environment }, { clock });
  return (await remind()).tell.map(({ sentence }) => sentence.message);
}

function needVolumes(context: TestContext): void {
  needLinux(context, 'mounts filesystems');
  needRoot(context);
  needPrograms(context, ...volumePrograms.ext4);
}

/** A phone called "Mum's iPhone" whose photos were just saved, and away by now. */
async function savedPhone(at: PhoneScene): Promise<CopyScene> {
  const scene = await copyScene({ photos: 0 });
  configureAgent(scene.home, { library: scene.library, cardRoots: [], timeZone: 'UTC' });
  at.phone.files.addSynthetic('DCIM/100APPLE/IMG_0001.JPG', 60_000, new Date(1.6e12));
  const { environment } = at;
  const [device] = await devicesOf(scene.home, environment);
  await scene.run(['enroll', device?.id ?? ''], { environment });
  const saved = await scene.run(['backup', device?.id ?? ''], { environment });
  if (saved.exitCode !== 0) throw new Error(saved.stdout + saved.stderr);
  at.phone.detach();
  return scene;
}

test('A pause is kept, shown, and taken back; commands do what they are asked all the same', async () => {
  using scene = await copyScene({ photos: 1 });
  const paused = async () => (await scene.json<StatusJson>(['status'])).pausedUntil;
  expect(await paused()).toBeUndefined();
  const endless = await scene.run(['pause']);
  expect(endless).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('keepsake resume') });
  expect(await paused()).toBe(null);
  expect((await scene.run(['status'])).stdout, 'in words too').toMatch(/pause/i);
  addPhotos(scene.card, { from: 1, count: 1 });
  expect(await scene.json(['backup', scene.card])).toMatchObject({ exitCode: 0, imports: [{ imported: 1 }] });

  const before = Date.now();
  expect(await scene.run(['pause', '2h'])).toMatchObject({ exitCode: 0 });
  const until = Date.parse((await paused()) ?? '');
  expect(until - before).toBeGreaterThanOrEqual(7_200_000);
  expect(until - before).toBeLessThan(7_260_000);
  expect((await statusIn(scene, 0.08)).pausedUntil).toBeDefined();
  expect((await statusIn(scene, 0.09)).pausedUntil, 'after 2 hours and 10 minutes').toBeUndefined();
  expect(await scene.run(['resume'])).toMatchObject({ exitCode: 0, stdout: 'Keepsake goes on.\n' });
  expect(await paused()).toBeUndefined();
  expect(await scene.run(['resume']), 'once more is no mistake').toMatchObject({ exitCode: 0 });
  for (const wrong of ['soon', '0h', '-1h', '2y', '1.5h', '99999d']) {
    expect(await scene.run(['pause', wrong]), wrong).toMatchObject({ exitCode: 1 });
    expect(await paused()).toBeUndefined();
  }
});

test('While it is paused nothing goes to a drive by itself, and what waits goes when it is asked for', async (context) => {
  needVolumes(context);
  using scene = await copyScene({ photos: 3 });
  await using drive = await createVolume('ext4', 32);
  await scene.addDrive(drive);
  await scene.run(['pause', '1d']);
  addPhotos(scene.card, { from: 3, count: 1 });
  expect(await scene.json(['backup', scene.card])).toMatchObject({ exitCode: 0, copies: [] });
  expect(await scene.json(['mirror'])).toMatchObject({ exitCode: 0, copies: [{ copied: 4 }] });
});

test('A phone is overdue after two weeks, but not while its owner wants silence, nor once it is retired', async () => {
  await using at = await makePhoneScene({ name: "Mum's iPhone" });
  using scene = await savedPhone(at);
  expect(await statusIn(scene, 13, at.environment)).toMatchObject({
    state: 'idle',
    needsYou: [],
    sources: [{ overdue: false }],
  });
  const late = await statusIn(scene, 15, at.environment);
  expect(late).toMatchObject({ state: 'needsYou', sources: [{ name: "Mum's iPhone", overdue: true }] });
  expect(late.needsYou).toMatchObject([
    { message: expect.stringMatching(/Mum's iPhone.* 15 days/), remedy: expect.stringMatching(/\w+/) },
  ]);
  const [device] = await devicesOf(scene.home);
  expect(await scene.run(['snooze', "Mum's iPhone", '3w'])).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining(`No reminders about "Mum's iPhone" until `),
  });
  const quiet = await statusIn(scene, 15, at.environment);
  expect(quiet).toMatchObject({ needsYou: [], sources: [{ overdue: false }] });
  expect(quiet.notes.map(({ code }) => code)).toContain('SNOOZED');
  expect(await statusIn(scene, 22, at.environment), 'holidays are over').toMatchObject({
    sources: [{ overdue: true }],
  });
  expect(await scene.run(['snooze', 'nobody', '3d'])).toMatchObject({ exitCode: 1 });
  await scene.run(['retire', device?.id ?? '']);
  expect(await statusIn(scene, 100, at.environment)).toMatchObject({ needsYou: [] });
});

test('What is overdue is told within a day, and then once in three days at most', async () => {
  await using at = await makePhoneScene({ name: "Mum's iPhone" });
  using scene = await savedPhone(at);
  const days: number[] = [];
  for (let day = 1; day <= 40; day += 1) if ((await toldIn(scene, day, at.environment)).length > 0) days.push(day);
  expect(days[0], 'after two weeks, within a day').toBeGreaterThanOrEqual(14);
  expect(days[0]).toBeLessThanOrEqual(15);
  for (const [index, day] of days.slice(1).entries()) expect(day - (days[index] ?? 0)).toBeGreaterThanOrEqual(3);
  expect(days.length).toBeGreaterThan(2);
});

test('A clock that is a year behind makes nothing overdue, and is what is spoken of', async () => {
  await using at = await makePhoneScene({ name: "Mum's iPhone" });
  using scene = await savedPhone(at);
  const status = await statusIn(scene, -365, at.environment);
  expect(status.sources).toMatchObject([{ overdue: false }]);
  expect(status.needsYou).toHaveLength(1);
  expect(status.needsYou[0]?.message).toMatch(/clock|date/i);
  expect(await toldIn(scene, -365, at.environment)).toEqual([]);
  expect(await statusIn(scene, 1, at.environment), 'and set right, all is as it was').toMatchObject({
    state: 'idle',
    needsYou: [],
  });
});

test('A card is never overdue, however long nobody puts it in', async (context) => {
  needVolumes(context);
  using scene = await copyScene({ photos: 0 });
  await using card = await createVolume('ext4', 32);
  mkdirSync(join(card.path, 'DCIM'));
  addPhotos(card.path, { from: 0, count: 2 });
  expect(await scene.json(['backup', card.path])).toMatchObject({ exitCode: 0 });
  card.pull();
  for (const days of [15, 31, 400]) {
    const status = await statusIn(scene, days);
    expect(status.sources).toMatchObject([{ kind: 'card', overdue: false }]);
    expect(status.needsYou.filter(({ message }) => /card|disk"/.test(message))).toEqual([]);
    expect((await toldIn(scene, days)).filter((message) => message.includes('disk"'))).toEqual([]);
  }
});

test('A drive that photos wait for is overdue after a month, one kept elsewhere after three', async (context) => {
  needVolumes(context);
  using scene = await copyScene({ photos: 3 });
  await using near = await createVolume('ext4', 32);
  await using far = await createVolume('ext4', 32);
  await scene.addDrive(near, '--name', 'Near');
  await scene.addDrive(far, '--name', 'Far', '--elsewhere');
  await scene.json(['mirror']);
  for (const drive of [near, far]) drive.pull();
  expect((await statusIn(scene, 100)).drives, 'nothing waits').toMatchObject([{ overdue: false }, { overdue: false }]);
  addPhotos(scene.card, { from: 3, count: 1 });
  await scene.json(['backup', scene.card]);
  for (const [days, isNearLate, isFarLate] of [
    [29, false, false],
    [31, true, false],
    [91, true, true],
  ] as const) {
    expect((await statusIn(scene, days)).drives, `${days} days`).toMatchObject([
      { name: 'Near', overdue: isNearLate },
      { name: 'Far', overdue: isFarLate },
    ]);
  }
});

test('A drive that is never unplugged is spoken of after weeks: what damages files here reaches it too', async (context) => {
  needVolumes(context);
  using scene = await copyScene({ photos: 1 });
  await using drive = await createVolume('ext4', 32);
  await scene.addDrive(drive, '--name', 'Blue');
  await scene.json(['mirror']);
  const isSaid = async (days: number) =>
    (await statusIn(scene, days)).notes.some(({ code }) => code === 'DRIVE_ALWAYS_ATTACHED');
  expect(await isSaid(20)).toBe(false);
  expect(await isSaid(22)).toBe(true);
  drive.pull();
  await scene.json(['status']);
  expect(readFileSync(join(scene.home, 'state/drives.json'), 'utf8')).not.toContain('attachedSince');
  await drive.mount();
  expect(await isSaid(0)).toBe(false);
});
