// The icon lives in somebody else's panel, through somebody else's program: all of that comes and goes, and the agent must not.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pino from 'pino';
import { beforeEach, expect, test, vi } from 'vitest';
import type { AbsolutePath } from '../../src/domain/ids.ts';
import type { OwnerWish } from '../../src/domain/owner-wish.ts';
import type { IconStatus } from '../../src/domain/status.ts';
import { Tray, type TrayOptions } from '../../src/notify/tray/tray.ts';
import type { TrayView } from '../../src/notify/tray/tray-view.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { temporaryFolder } from '../support/keepsake.ts';
import { type Desktop, needDesktop, startDesktop } from '../support/private-desktop.ts';
import { startHost } from '../support/status-notifier-host.ts';

beforeEach((context) => needDesktop(context));

const patience = { timeout: 15_000, interval: 20 };

const view: TrayView = {
  icon: 'safe',
  headline: 'All 3 photos are safe',
  devices: [{ text: 'Mum_s iPhone & _Co: saved today' }],
  ejects: [],
  newDevices: [],
  saveNow: { text: 'Back up now', wish: { kind: 'saveNow' } },
  pauses: [
    { text: 'Pause for 1 hour', wish: { kind: 'pause', until: 'inAnHour' } },
    { text: 'Pause until tomorrow', wish: { kind: 'pause', until: 'tomorrow' } },
  ],
  openFolder: { text: 'Open photo folder', wish: { kind: 'openPhotoFolder' } },
  stop: { text: 'Stop until I log in again', wish: { kind: 'stop' } },
};

interface Shown extends AsyncDisposable {
  readonly tray: Tray;
  readonly wishes: readonly OwnerWish[];
  readonly icons: readonly IconStatus[];
  /** Waits until this is so. */
  is(wanted: 'shown' | string): Promise<void>;
}

function runTray(
  environment: Readonly<Record<string, string>>,
  folder: string,
  change: Partial<TrayOptions> = {},
): Shown {
  const wishes: OwnerWish[] = [];
  const icons: IconStatus[] = [];
  const tray = new Tray({
    ...{ folder: folder as AbsolutePath, environment, clock: systemClock, log: pino({ level: 'silent' }) },
    onWish: (wish) => wishes.push(wish),
    onIcon: (icon) => icons.push(icon),
    ...change,
  });
  tray.show(view);
  const stop = new AbortController();
  const ended = tray.run(stop.signal);
  const last = () => {
    const icon = icons.at(-1);
    return icon === undefined ? undefined : icon.shown ? 'shown' : icon.reason.code;
  };
  return {
    ...{ tray, wishes, icons },
    is: async (wanted) => {
      await vi
        .waitUntil(() => last() === wanted, patience)
        .catch(() => {
          throw new Error(`waited for ${wanted}, but: ${JSON.stringify(icons)}`);
        });
    },
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await ended;
    },
  };
}

/** The program that shows it. */
function pidOf(folder: string): number {
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if (readFileSync(`/proc/${name}/maps`, 'utf8').includes(join(folder, 'keepsake-tray'))) return Number(name);
    } catch {
      // it has ended in the meantime
    }
  }
  throw new Error('the program does not run');
}

const calmMenu = [
  'All 3 photos are safe',
  'Back up now',
  '(-)',
  'Mum_s iPhone & _Co: saved today',
  '(-)',
  'Pause for 1 hour',
  'Pause until tomorrow',
  'Open photo folder',
  '(-)',
  'Stop until I log in again',
];

test('The icon is in the tray, its menu reads as it should and changes, and a click is a wish', async () => {
  using folder = temporaryFolder();
  await using desktop = await startDesktop();
  await using host = await startHost(desktop);
  await using shown = runTray(desktop.environment, folder.path);
  await shown.is('shown');
  const icon = await host.icon();
  await vi.waitUntil(async () => (await icon.text()).includes('Back up now'), patience);
  expect((await icon.text()).replaceAll('(-)', '-').split('\n')).toEqual(
    calmMenu.map((line) => line.replace('(-)', '-')),
  );
  const picture = () => icon.property('IconName') as Promise<string>;
  const before = readFileSync(await picture());
  expect(before.equals(readFileSync(new URL('../../icons/safe.png', import.meta.url)))).toBe(true);

  shown.tray.show({
    ...view,
    icon: 'needsYou',
    headline: 'Anna is new',
    devices: [],
    newDevices: [
      {
        text: 'Anna is new. Save its photos…',
        choices: [
          { text: 'Now', wish: { kind: 'decide', device: 'a', decision: 'always' } },
          { text: 'Only this once', wish: { kind: 'saveOnce', device: 'a' } },
          { text: 'Never', wish: { kind: 'decide', device: 'a', decision: 'never' } },
        ],
      },
    ],
    pauses: [{ text: 'Go on now', wish: { kind: 'resume' } }],
  });
  await vi.waitUntil(async () => (await icon.text()).includes('Go on now'), patience);
  expect((await icon.text()).replaceAll('(-)', '-').split('\n')).toEqual([
    ...['Anna is new', 'Back up now', '-', 'Anna is new. Save its photos…', '  Now', '  Only this once', '  Never'],
    ...['-', 'Go on now', 'Open photo folder', '-', 'Stop until I log in again'],
  ]);
  const wanted = readFileSync(new URL('../../icons/needsYou.png', import.meta.url));
  await vi.waitUntil(async () => readFileSync(await picture()).equals(wanted), patience);
  await icon.click('Only this once');
  await icon.click('Back up now');
  await icon.click('Anna is new'); // it only says something
  await icon.click('Stop until I log in again');
  await vi.waitUntil(() => shown.wishes.length >= 3, patience);
  expect(shown.wishes).toEqual([{ kind: 'saveOnce', device: 'a' }, { kind: 'saveNow' }, { kind: 'stop' }]);
});

test('A program that is killed is started again within seconds, and leaves nothing behind', async () => {
  using folder = temporaryFolder();
  await using desktop = await startDesktop();
  await using host = await startHost(desktop);
  {
    await using shown = runTray(desktop.environment, folder.path);
    await shown.is('shown');
    for (let time = 0; time < 2; time += 1) {
      process.kill(pidOf(folder.path), 'SIGKILL');
      await shown.is('ICON_ENDED');
      await shown.is('shown');
    }
    expect(readdirSync(join(folder.path, 'pictures')).length).toBeLessThanOrEqual(1);
  }
  await vi.waitUntil(() => host.count() === 0, patience);
  expect(() => pidOf(folder.path)).toThrow();
});

test('A bus that ends takes the icon and nothing else, and a new one brings it back', async () => {
  using folder = temporaryFolder();
  await using desktop = await startDesktop();
  const first = await startHost(desktop);
  await using shown = runTray(desktop.environment, folder.path, { clock: impatient() });
  await shown.is('shown');
  await desktop.killBus();
  await first[Symbol.asyncDispose]();
  await shown.is('ICON_NO_DESKTOP');
  await desktop.startBus();
  await using _second = await startHost(desktop);
  await shown.is('shown');
});

test('A panel that comes later gets the icon, and one that starts again gets it again', async () => {
  using folder = temporaryFolder();
  await using desktop = await startDesktop();
  await using shown = runTray(desktop.environment, folder.path);
  await shown.is('ICON_NO_TRAY');
  const first = await startHost(desktop);
  await shown.is('shown');
  await first[Symbol.asyncDispose]();
  await shown.is('ICON_NO_TRAY');
  await using second = await startHost(desktop);
  await shown.is('shown');
  expect(await (await second.icon()).text()).toContain('Back up now');
});

test.for([
  ['no display', { DISPLAY: '' }, {}, 'ICON_NO_DESKTOP'],
  ['no bus', { DBUS_SESSION_BUS_ADDRESS: '', XDG_RUNTIME_DIR: '' }, {}, 'ICON_NO_DESKTOP'],
  ['a kind of computer without the program', {}, { arch: 'arm64' }, 'ICON_NO_PROGRAM'],
  ['a display that is not there', { DISPLAY: ':99999' }, {}, 'ICON_FAILED'],
] as const)('With %s it says so, and ends when it is told to', async ([, environment, change, code]) => {
  using folder = temporaryFolder();
  await using desktop = await startDesktop();
  await using _host = await startHost(desktop);
  await using shown = runTray({ ...desktop.environment, ...environment }, folder.path, change);
  await shown.is(code);
});

test('A program of somebody else in its place is not run', async () => {
  using folder = temporaryFolder();
  writeFileSync(join(folder.path, 'keepsake-tray'), `#!/bin/sh\n: > "${join(folder.path, 'run')}"\n`, { mode: 0o755 });
  await using desktop: Desktop = await startDesktop();
  await using _host = await startHost(desktop);
  await using shown = runTray(desktop.environment, folder.path);
  await shown.is('shown');
  expect(readdirSync(folder.path)).not.toContain('run');
});

/** Real time, but who looks each minute looks each second. */
function impatient(): typeof systemClock {
  return { ...systemClock, wait: (durationMs, signal) => systemClock.wait(Math.min(durationMs, 1000), signal) };
}
