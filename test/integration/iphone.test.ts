// Plugging in an iPhone is all it takes, once its owner said yes: the whole program against a phone that is fake only behind the
// socket. What is asked first is never whether it works, but what it does when it cannot.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { expectAllSaved, makeScene } from '../fault/scene.ts';
import { configureAgent, devicesOf, startAgent, statusOf } from '../support/agent.ts';
import { FakeIphone } from '../support/iphone/fake-iphone.ts';
import { makeImpostor } from '../support/iphone/impostor.ts';
import { makePhoneScene, phoneTruth } from '../support/iphone/phone-scene.ts';
import { keepsake } from '../support/keepsake.ts';
import { patience } from '../support/patience.ts';

async function comesTrue(isTrue: () => Promise<boolean>): Promise<void> {
  await vi.waitUntil(isTrue, { ...patience, interval: 50 });
}

test('An iPhone is announced, trusted, saved, and from then on saved by itself', async () => {
  using scene = makeScene();
  await using at = await makePhoneScene({ name: "Mum's iPhone" });
  const { phone, daemon } = at;
  phone.answersTrust = undefined;
  for (let index = 0; index < 20; index += 1) {
    phone.files.addSynthetic(`DCIM/100APPLE/IMG_${1000 + index}.JPG`, 60_000 + index, new Date(1.6e12 + index * 1e8));
  }
  configureAgent(scene.home, { library: scene.library, cardRoots: [] });
  await using agent = await startAgent({ home: scene.home, environment: at.environment });
  await agent.hears(`"Mum's iPhone" is connected for the first time. Nothing is saved`);
  expect(phone.trust, 'nothing is asked of the phone before its owner says yes to it here').toBe('notAsked');
  const [device] = await devicesOf(scene.home);
  expect(device).toMatchObject({ kind: 'iphone', state: 'notPaired', decision: 'ask' });
  await keepsake(['enroll', device?.id ?? ''], { home: scene.home });
  await agent.hears('Tap "Trust" on the iPhone');
  expect(await devicesOf(scene.home)).toMatchObject([{ state: 'waitingForTrust' }]);
  expect((await statusOf(scene.home)).needsYou.map(({ code }) => code)).toEqual(['PHONE_TRUST_PENDING']);
  expect(existsSync(scene.library)).toBe(false);
  phone.tapTrust();
  await agent.hears('All photos and videos on it are saved.');
  await expectAllSaved(scene.library, phoneTruth(phone));
  expect(await statusOf(scene.home)).toMatchObject({ state: 'idle', needsYou: [], sources: [{ complete: true }] });

  phone.detach();
  await agent.hears('was disconnected');
  phone.files.addSynthetic('DCIM/101APPLE/IMG_2000.JPG', 70_000, new Date(1.65e12));
  phone.counters.bytesRead = 0;
  const so = agent.said.length;
  daemon.attach(phone);
  await agent.hears(/1 file saved[\s\S]*All photos and videos on it are saved/, so);
  expect(phone.counters.bytesRead, 'what is known is not read again').toBe(70_000);
  await expectAllSaved(scene.library, phoneTruth(phone));
  expect(await devicesOf(scene.home), 'it is the same phone').toHaveLength(1);
  expect(await agent.stop()).toBe(0);
});

test('Each state that its owner can do something about is shown, and waited for', async () => {
  using scene = makeScene();
  await using at = await makePhoneScene();
  const { phone, daemon } = at;
  phone.files.addSynthetic('DCIM/100APPLE/IMG_0001.JPG', 60_000, new Date(1.6e12));
  phone.isLocked = true;
  configureAgent(scene.home, { library: scene.library, cardRoots: [] });
  await using agent = await startAgent({ home: scene.home, environment: at.environment });
  await agent.hears('is connected for the first time');
  const id = (await devicesOf(scene.home))[0]?.id ?? '';
  await keepsake(['enroll', id], { home: scene.home });
  const becomes = async (state: string) => {
    await comesTrue(async () => (await devicesOf(scene.home))[0]?.state === state);
    const [shown] = await devicesOf(scene.home);
    if (state !== 'ready') expect(shown?.advice?.remedy, state).toMatch(/\w+/);
  };
  await becomes('locked');
  phone.isLocked = false;
  phone.answersTrust = undefined;
  await becomes('waitingForTrust');
  phone.tapDontTrust();
  await becomes('trustDenied');
  phone.trust = 'notAsked';
  phone.isManaged = true;
  await becomes('managed');
  phone.isManaged = false;
  phone.answersTrust = 'trusted';
  phone.isBusy = true;
  await becomes('busy');
  phone.isBusy = false;
  await becomes('ready');
  await agent.hears('All photos and videos on it are saved.');

  phone.detach();
  await agent.hears('was disconnected');
  phone.answersTrust = undefined;
  phone.forgetComputers();
  daemon.attach(phone);
  await becomes('waitingForTrust');
  phone.tapTrust();
  await becomes('ready');

  expect(await agent.stop()).toBe(0);
});

test('A phone that is here by Wi-Fi alone was not plugged in: it is listed, and nobody is told, asked or reminded of it', async () => {
  using scene = makeScene();
  await using at = await makePhoneScene();
  const { phone, daemon } = at;
  phone.files.addSynthetic('DCIM/100APPLE/IMG_0001.JPG', 60_000, new Date(1.6e12));
  configureAgent(scene.home, { library: scene.library, cardRoots: [] });
  await using agent = await startAgent({ home: scene.home, environment: at.environment });
  await agent.hears('is connected for the first time');
  const id = (await devicesOf(scene.home))[0]?.id ?? '';
  await keepsake(['enroll', id], { home: scene.home });
  await agent.hears('All photos and videos on it are saved.');
  const so = agent.said.length;
  const wireless = new FakeIphone({ name: phone.name, udid: phone.udid, isNetwork: true });
  daemon.attach(wireless);
  phone.detach(); // its cable is pulled; over the air it stays
  await agent.hears('was disconnected', so);
  await comesTrue(async () => (await devicesOf(scene.home))[0]?.state === 'needsCable');
  const [device] = (await devicesOf(scene.home)) as readonly { readonly visits?: unknown }[];
  expect(device).toMatchObject({ advice: { code: 'PHONE_NEEDS_CABLE' } });
  expect(device?.visits).toBe(undefined);
  expect(await statusOf(scene.home)).toMatchObject({ state: 'idle', needsYou: [], sources: [{ connected: false }] });
  wireless.detach();
  daemon.attach(new FakeIphone({ name: 'a guest', isNetwork: true }));
  await comesTrue(async () => (await devicesOf(scene.home))[0]?.connected === false);
  const then = agent.said.length;
  daemon.attach(phone);
  await agent.hears('All photos and videos on it are saved.', then);
  expect(agent.said.slice(so), 'nothing but comings and goings').not.toMatch(/Wi-Fi|a guest|iphone-/);
  expect(await devicesOf(scene.home)).toHaveLength(1);
  expect(await agent.stop()).toBe(0);
});

test('A phone that is being saved from, one that talks nonsense, and one that poses as another are shown as what they are', async () => {
  using scene = makeScene();
  await using at = await makePhoneScene({ tls: '1.2', cable: { bytesPerSecond: 8_000_000 } });
  const { phone, daemon } = at;
  for (let index = 0; index < 20; index += 1)
    phone.files.addSynthetic(`DCIM/101APPLE/IMG_${1000 + index}.JPG`, 1e6 + index, new Date(1.65e12 + index * 1e8));
  configureAgent(scene.home, { library: scene.library, cardRoots: [] });
  await using agent = await startAgent({ home: scene.home, environment: at.environment });
  await agent.hears('is connected for the first time');
  const becomes = async (state: string) =>
    await comesTrue(async () => (await devicesOf(scene.home))[0]?.state === state);
  await keepsake(['enroll', (await devicesOf(scene.home))[0]?.id ?? ''], { home: scene.home });
  await becomes('saving');
  await agent.hears('All photos and videos on it are saved.');
  await becomes('ready');
  await expectAllSaved(scene.library, phoneTruth(phone));

  phone.detach();
  phone.lockdownAnswers.push(...Array.from({ length: 100 }, () => Buffer.from('\0\0\0\u0004text')));
  daemon.attach(phone);
  await becomes('notAnswering');
  phone.lockdownAnswers.length = 0;
  await becomes('ready');

  phone.detach();
  phone.impostor = await makeImpostor();
  daemon.attach(phone);
  await becomes('impostor');
  const { needsYou } = await statusOf(scene.home);
  expect(needsYou).toMatchObject([{ code: 'PHONE_IMPOSTOR', remedy: expect.stringMatching(/\w+/) }]);
  expect(await agent.stop()).toBe(0);
});

test('Without the program that talks to iPhones, what to install is said where an owner looks', async () => {
  using scene = makeScene();
  await using at = await makePhoneScene();
  at.phone.files.addSynthetic('DCIM/100APPLE/IMG_0001.JPG', 60_000, new Date(1.6e12));
  configureAgent(scene.home, { library: scene.library, cardRoots: [] });
  const home = { home: scene.home, environment: at.environment };
  const [device] = await devicesOf(scene.home, at.environment);
  await at.daemon.stop();
  const ask = async (...args: string[]) => (await keepsake(args, home)).stdout;
  expect(await ask('devices')).toContain('cannot talk to iPhones yet. Install it with: sudo apt install usbmuxd.');
  expect(await ask('status'), 'no iPhone is saved from: it is no trouble').not.toContain('usbmuxd');
  await at.daemon.start();
  await keepsake(['backup', device?.id ?? '', '--json'], home);
  await keepsake(['enroll', device?.id ?? ''], home);
  await at.daemon.stop();
  expect(await devicesOf(scene.home, at.environment)).toMatchObject([
    { connected: false, state: 'noDaemon', advice: { code: 'USBMUXD_MISSING' } },
  ]);
  expect(await ask('status')).toContain('Install it with: sudo apt install usbmuxd.');
  expect(JSON.parse(await ask('status', '--json'))).toMatchObject({
    state: 'needsYou',
    needsYou: [{ code: 'USBMUXD_MISSING' }],
  });
});

test('Two iPhones of one name at once are two, told apart by model and id', async () => {
  using scene = makeScene();
  await using at = await makePhoneScene({ name: 'iPhone' });
  const other = new FakeIphone({ name: 'iPhone', productType: 'iPhone12,1' });
  other.answersTrust = 'trusted';
  for (const [index, phone] of [at.phone, other].entries()) {
    phone.files.addSynthetic('DCIM/100APPLE/IMG_0001.JPG', 60_000 + index, new Date(1.6e12 + index * 1e9));
  }
  at.daemon.attach(other);
  configureAgent(scene.home, { library: scene.library, cardRoots: [] });
  const home = { home: scene.home, environment: at.environment };
  const devices = await devicesOf(scene.home, at.environment);
  expect(devices.map(({ name }) => name).sort()).toEqual([
    expect.stringMatching(/^iPhone \(iPhone12,1, \w{4}\)$/),
    expect.stringMatching(/^iPhone \(iPhone15,2, \w{4}\)$/),
  ]);
  for (const { id } of devices) await keepsake(['enroll', id], home);
  const saved = JSON.parse((await keepsake(['backup', '--json'], home)).stdout) as { imports: { imported: number }[] };
  expect(saved.imports.map(({ imported }) => imported)).toEqual([1, 1]);
  await expectAllSaved(scene.library, [...phoneTruth(at.phone), ...phoneTruth(other)]);
});

test('A daemon that comes late, ends and comes back is no trouble', async () => {
  using scene = makeScene();
  await using at = await makePhoneScene();
  at.phone.files.addSynthetic('DCIM/100APPLE/IMG_0001.JPG', 60_000, new Date(1.6e12));
  await at.daemon.stop();
  configureAgent(scene.home, { library: scene.library, cardRoots: [] });
  await using agent = await startAgent({ home: scene.home, environment: at.environment });
  await at.daemon.start();
  await agent.hears('is connected for the first time');
  const so = agent.said.length;
  await at.daemon.stop();
  await agent.hears('was disconnected', so);
  await at.daemon.start();
  await keepsake(['enroll', (await devicesOf(scene.home))[0]?.id ?? ''], { home: scene.home });
  await agent.hears('All photos and videos on it are saved.');
  await expectAllSaved(scene.library, phoneTruth(at.phone));
  expect(await agent.stop()).toBe(0);
});

test('Without an agent a locked phone is an answer, and the others are saved', async () => {
  using scene = makeScene();
  await using at = await makePhoneScene({ name: 'One' });
  const locked = new FakeIphone({ name: 'Two' });
  locked.isLocked = true;
  at.daemon.attach(locked);
  at.phone.files.addSynthetic('DCIM/100APPLE/IMG_0001.JPG', 60_000, new Date(1.6e12));
  configureAgent(scene.home, { library: scene.library, cardRoots: [] });
  const home = { home: scene.home, environment: at.environment };
  for (const { id } of await devicesOf(scene.home, at.environment)) await keepsake(['enroll', id], home);
  const both = await keepsake(['backup', '--json'], home);
  expect(both.exitCode).toBe(4);
  expect(JSON.parse(both.stdout).imports).toMatchObject([
    { source: { name: 'One' }, imported: 1, complete: true },
    { source: { name: 'Two' }, imported: 0, complete: false, stopped: { code: 'PHONE_LOCKED' } },
  ]);
  const two = (await devicesOf(scene.home, at.environment)).find(({ name }) => name === 'Two');
  expect(await keepsake(['backup', two?.id ?? ''], home)).toMatchObject({ exitCode: 3 });
  expect(existsSync(join(scene.library, '2020'))).toBe(true);
});
