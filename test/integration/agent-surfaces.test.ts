// The agent as its owner meets it: an icon, a menu, now and then a sentence. A click that does nothing, or a desktop that takes the agent
// with it, would be noticed on the day the photos are gone.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test, vi } from 'vitest';
import { makeScene } from '../fault/scene.ts';
import { configureAgent, devicesOf, startAgent, statusOf } from '../support/agent.ts';
import { standIn } from '../support/awake-stand-in.ts';
import { makePhoneScene } from '../support/iphone/phone-scene.ts';
import { keepsake } from '../support/keepsake.ts';
import { type NotificationRecorder, startRecorder } from '../support/notification-recorder.ts';
import { patience } from '../support/patience.ts';
import { type Desktop, needDesktop, startDesktop } from '../support/private-desktop.ts';
import { type ShownIcon, startHost } from '../support/status-notifier-host.ts';

beforeEach((context) => needDesktop(context));

/** The test's own way to the agent stays the same: only what is shown goes to that desktop. */
function shownOn({ environment }: Desktop): Readonly<Record<string, string>> {
  const { DISPLAY = '', DBUS_SESSION_BUS_ADDRESS = '' } = environment;
  return { DISPLAY, DBUS_SESSION_BUS_ADDRESS };
}

/** Nobody is told anything at night, and tests run at any hour. */
function whereItIsNoon(): string {
  const hours = 12 - new Date().getUTCHours();
  return hours >= 0 ? `Etc/GMT-${hours}` : `Etc/GMT+${-hours}`; // named the other way round than one would think
}

async function menuHas(icon: ShownIcon, text: string | RegExp): Promise<void> {
  let menu = '';
  await vi
    .waitUntil(async () => {
      menu = await icon.text();
      return typeof text === 'string' ? menu.includes(text) : text.test(menu);
    }, patience)
    .catch(() => {
      throw new Error(`waited for ${text} in the menu:\n${menu}`);
    });
}

async function told(recorder: NotificationRecorder, text: string) {
  await vi
    .waitUntil(
      () => [...recorder.open.values()].some(({ title, body }) => `${title}: ${body}`.includes(text)),
      patience,
    )
    .catch(() => {
      throw new Error(`waited for "${text}", but was told:\n${JSON.stringify(recorder.asked, undefined, 2)}`);
    });
  const found = [...recorder.open.values()].find(({ title, body }) => `${title}: ${body}`.includes(text));
  if (found === undefined) throw new Error('it has gone');
  return found;
}

test('A new phone asks with buttons; Back up now saves, Pause pauses, and Stop stops until the next login', async () => {
  using scene = makeScene();
  await using at = await makePhoneScene({ name: "Mum's iPhone" });
  const { phone } = at;
  for (let index = 0; index < 3; index += 1)
    phone.files.addSynthetic(`DCIM/100APPLE/IMG_100${index}.JPG`, 60_000 + index, new Date(1.6e12 + index * 1e8));
  configureAgent(scene.home, { library: scene.library, cardRoots: [], timeZone: whereItIsNoon() });
  await using desktop = await startDesktop();
  await using host = await startHost(desktop);
  await using recorder = await startRecorder(desktop);
  const keeper = standIn(scene.home);
  await using agent = await startAgent({
    home: scene.home,
    environment: { ...at.environment, ...shownOn(desktop), PATH: keeper.path },
  });
  const icon = await host.icon();
  await menuHas(icon, "Mum's iPhone is new. Save its photos…");
  const question = await told(recorder, "Mum's iPhone is here for the first time");
  expect(question.actions.filter((_, index) => index % 2 === 1)).toEqual(['Save its photos', 'Never']);
  expect(readdirSync(scene.home)).not.toContain('library');

  recorder.press(question.id, '0');
  const done = await told(recorder, "Mum's iPhone: Done. 3 new photos. You can unplug the phone.");
  expect(done.hints).toMatchObject({ urgency: 0 });
  expect(keeper.told()).toContain('Photos are being saved');
  await vi.waitUntil(() => !keeper.isHeld(), patience);
  expect([...recorder.open.values()].map(({ title }) => title)).toEqual(["Mum's iPhone"]);
  await menuHas(icon, "Mum's iPhone: saved just now");
  await menuHas(icon, '3 photos are saved, on one drive only');
  expect((await icon.text()).includes('is new')).toBe(false);

  await icon.click('Pause for 1 hour');
  await menuHas(icon, 'Go on now');
  await menuHas(icon, /Paused until \d\d:\d\d/);
  expect(await statusOf(scene.home)).toHaveProperty('pausedUntil');
  phone.files.addSynthetic('DCIM/100APPLE/IMG_2000.JPG', 70_000, new Date(1.65e12));
  await icon.click('Back up now');
  await told(recorder, 'Done. 1 new photo.');
  await icon.click('Go on now');
  await menuHas(icon, 'Pause for 1 hour');
  await icon.click('Back up now');
  await told(recorder, 'Nothing new on it.');
  expect(await statusOf(scene.home)).toMatchObject({ icon: { shown: true }, photos: { assets: 4 } });

  await icon.click('Stop until I log in again');
  await agent.hears('Stopped.');
  await vi.waitUntil(() => agent.child.exitCode !== null, patience);
  expect(agent.child.exitCode).toBe(0); // what starts it at login takes that for wanted
  expect(readdirSync(join(scene.home, 'state'))).toContain('stopped');
});

test('An icon that is killed comes back, and a desktop that ends takes nothing of the agent with it', async () => {
  using scene = makeScene();
  await using at = await makePhoneScene({ name: 'Dad' });
  configureAgent(scene.home, { library: scene.library, cardRoots: [], timeZone: whereItIsNoon() });
  await using desktop = await startDesktop();
  const host = await startHost(desktop);
  await using agent = await startAgent({ home: scene.home, environment: { ...at.environment, ...shownOn(desktop) } });
  const isShown = async () => (await statusOf(scene.home)) as { icon?: { shown: boolean; reason?: { code: string } } };
  await vi.waitUntil(async () => (await isShown()).icon?.shown === true, patience);
  process.kill(pidOf(join(scene.home, 'state/tray/keepsake-tray')), 'SIGKILL');
  await vi.waitUntil(() => host.count() === 0, patience);
  await vi.waitUntil(() => host.count() === 1, patience);

  await desktop.killBus();
  await host[Symbol.asyncDispose]();
  await vi.waitUntil(async () => (await isShown()).icon?.shown === false, patience);
  // Nobody can be shown anything now: what should have been is in the status, and photos are saved.
  phoneAdds(at);
  const [device] = await devicesOf(scene.home);
  await keepsake(['enroll', device?.id ?? ''], { home: scene.home });
  await agent.hears('All photos and videos on it are saved.');
  await vi.waitUntil(
    async () => ((await statusOf(scene.home)) as { undelivered?: { message: string }[] }).undelivered?.length === 1,
    patience,
  );
  const status = (await statusOf(scene.home)) as unknown as { undelivered: { message: string }[] };
  expect(status.undelivered.map(({ message }) => message)).toEqual([
    'Dad: Done. 1 new photo. You can unplug the phone.',
  ]);
  expect(await agent.stop()).toBe(0);
});

test('After a crash a question is asked anew, and the one whose buttons nobody hears any more is gone', async () => {
  using scene = makeScene();
  await using at = await makePhoneScene({ name: 'Dad' });
  phoneAdds(at);
  configureAgent(scene.home, { library: scene.library, cardRoots: [], timeZone: whereItIsNoon() });
  await using desktop = await startDesktop({ display: false });
  await using recorder = await startRecorder(desktop);
  const options = { home: scene.home, environment: { ...at.environment, ...shownOn(desktop) } };
  const noted = () => readFileSync(join(scene.home, 'state/notices-shown.json'), 'utf8');
  const question = 'Dad is here for the first time';
  {
    await using agent = await startAgent(options);
    await told(recorder, question);
    await vi.waitUntil(() => existsSync(join(scene.home, 'state/notices-shown.json')), patience);
    await agent.stop('SIGKILL');
  }
  expect([...recorder.open.keys()]).toEqual([1]);
  {
    await using agent = await startAgent(options);
    await vi.waitUntil(() => !recorder.open.has(1), patience);
    const again = await told(recorder, question);
    expect([...recorder.open.keys()]).toEqual([again.id]);
    recorder.press(again.id, '0');
    await told(recorder, 'Dad: Done. 1 new photo.');
    await vi.waitUntil(() => noted() === '[]\n', patience);
    expect(await agent.stop()).toBe(0);
  }
  expect([...recorder.open.values()]).toEqual([]);
});

function phoneAdds({ phone }: Awaited<ReturnType<typeof makePhoneScene>>): void {
  phone.files.addSynthetic('DCIM/100APPLE/IMG_1000.JPG', 60_000, new Date(1.6e12));
}

function pidOf(program: string): number {
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if (readFileSync(`/proc/${name}/maps`, 'utf8').includes(program)) return Number(name);
    } catch {
      // it has ended in the meantime
    }
  }
  throw new Error('the program does not run');
}
