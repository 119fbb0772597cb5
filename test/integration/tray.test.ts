// The icon lives in somebody else's panel, through somebody else's program: all of that comes and goes, and the agent must not.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pino from 'pino';
import { beforeEach, expect, test, vi } from 'vitest';
import type { AbsolutePath } from '../../src/domain/ids.ts';
import type { OwnerWish } from '../../src/domain/owner-wish.ts';
import type { IconStatus, Status } from '../../src/domain/status.ts';
import { Tray, type TrayOptions } from '../../src/notify/tray/tray.ts';
import { renderTray } from '../../src/notify/tray/tray-menu.ts';
import { type ProgramMenu, startTray } from '../../src/notify/tray/tray-program.ts';
import type { TrayView } from '../../src/notify/tray/tray-view.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { temporaryFolder } from '../support/keepsake.ts';
import { patience } from '../support/patience.ts';
import { type Desktop, needDesktop, startDesktop } from '../support/private-desktop.ts';
import { startHost } from '../support/status-notifier-host.ts';

beforeEach((context) => needDesktop(context));

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
  stop(): Promise<void>;
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
    stop: async () => {
      stop.abort();
      await ended;
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
  expect(await picture()).toContain(folder.path); // it would be left behind elsewhere
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

const nowMs = Date.UTC(2026, 2, 20, 12);
const daysAgo = (days: number) => new Date(nowMs - days * 86_400_000).toISOString();
const nothingYet: Status = {
  ...{ state: 'neverSaved', library: '/photos' as AbsolutePath, agent: 'running', jobs: [], needsYou: [], notes: [] },
  ...{ sources: [], drives: [], newDevices: [], undelivered: [] },
  photos: { assets: 0, inLibrary: 0, safe: 0, elsewhere: 0 },
};
const safe: Status = {
  ...{ ...nothingYet, state: 'idle', photos: { assets: 8214, inLibrary: 8214, safe: 8214, elsewhere: 0 } },
  sources: [
    {
      ...{ id: 'mum', name: "Mum's iPhone", kind: 'iphone', lastSuccessAt: daysAgo(0.2), complete: true, onDevice: 1 },
      ...{ iCloudOnly: 0, unknown: 0, saved: 1, overdue: false, connected: false },
    },
  ],
  drives: [
    {
      ...{ id: 'blue', name: 'Blue_drive', connected: true, lastCopiedAt: daysAgo(1), lastCheckedAt: daysAgo(2) },
      ...{ missing: 0, isElsewhere: false, problems: 0, overdue: false },
    },
  ],
};
const whileIdle = ['-', 'Pause for 1 hour', 'Pause until tomorrow', 'Open photo folder', '-'];
const family = ["Mum's iPhone: saved today", 'Blue_drive: has everything, checked 2 days ago', 'Eject Blue_drive'];
const stopLine = 'Stop until I log in again';
const states: readonly (readonly [string, Status, readonly string[]])[] = [
  [
    'nothing was saved yet',
    nothingYet,
    [
      ...['No photos have been saved yet', 'Back up now', '-', 'Plug in an iPhone, or put in a camera card'],
      ...[...whileIdle, stopLine],
    ],
  ],
  ['all is safe', safe, ['All 8,214 photos are safe', 'Back up now', '-', ...family, ...whileIdle, stopLine]],
  [
    'photos are saved',
    {
      ...{ ...safe, state: 'saving' },
      jobs: [
        {
          ...{ kind: 'import', source: 'mum', name: "Mum's iPhone", phase: 'saving', files: 120, filesTotal: 212 },
          leftMs: 240_000,
        },
      ],
    },
    [
      ...["Saving from Mum's iPhone: 120 of 212, about 4 minutes left", 'Back up now', '-', ...family],
      ...[...whileIdle, stopLine],
    ],
  ],
  [
    'a device is new',
    {
      ...{ ...safe, state: 'needsYou', newDevices: [{ id: 'anna', name: 'Anna', kind: 'iphone', newFiles: 1204 }] },
      needsYou: [{ code: 'NEW_DEVICE', message: '"Anna" is connected for the first time.', remedy: '' }],
    },
    [
      ...['"Anna" is connected for the first time.', 'Back up now', '-', 'Anna is new (1,204 files). Save its photos…'],
      ...['  Now, and whenever it is plugged in', '  Only this once', '  Never', ...family, ...whileIdle, stopLine],
    ],
  ],
  [
    'a drive is full',
    {
      ...{ ...safe, state: 'needsYou' },
      needsYou: [{ code: 'DRIVE_FULL', message: 'The drive "Blue_drive" is full.', remedy: '' }],
    },
    ['The drive "Blue_drive" is full.', 'Back up now', '-', ...family, ...whileIdle, stopLine],
  ],
  [
    'it is paused',
    { ...safe, pausedUntil: new Date(nowMs + 6 * 3_600_000).toISOString() },
    [...['Paused until 18:00', 'Back up now', '-', ...family, '-', 'Go on now', 'Open photo folder', '-'], stopLine],
  ],
];

test('In each state the menu in the tray reads as it was designed', async () => {
  using folder = temporaryFolder();
  await using desktop = await startDesktop();
  await using host = await startHost(desktop);
  await using shown = runTray(desktop.environment, folder.path);
  await shown.is('shown');
  const icon = await host.icon();
  // There and back: a place that once had something to say must be empty again.
  for (const [name, status, lines] of [...states, ...states.toReversed()]) {
    shown.tray.show(renderTray({ status, nowMs, timeZone: 'UTC' }));
    const wanted = lines.join('\n');
    await vi.waitUntil(async () => (await icon.text()).replaceAll('(-)', '-') === wanted, patience).catch(() => {});
    expect((await icon.text()).replaceAll('(-)', '-'), `while ${name}`).toBe(wanted);
  }
});

test('A click on what has just come to mean another drive does nothing', async () => {
  using folder = temporaryFolder();
  await using desktop = await startDesktop();
  await using host = await startHost(desktop);
  const clock = { ...systemClock, monotonicMs: () => 0 }; // in which no time passes
  await using shown = runTray(desktop.environment, folder.path, { clock });
  const eject = (drive: string) => ({ text: `Eject ${drive}`, wish: { kind: 'ejectDrive', drive } as const });
  shown.tray.show({ ...view, ejects: [eject('blue'), eject('red')] });
  await shown.is('shown');
  const icon = await host.icon();
  await vi.waitUntil(async () => (await icon.text()).includes('Eject blue'), patience);
  shown.tray.show({ ...view, ejects: [eject('red')] });
  await vi.waitUntil(async () => !(await icon.text()).includes('Eject blue'), patience);
  await icon.click('Eject red');
  await icon.click('Back up now');
  await vi.waitUntil(() => shown.wishes.length > 0, patience);
  expect(shown.wishes).toEqual([{ kind: 'saveNow' }]);
});

test('A program that is killed, or ends by itself, is started again within seconds, and leaves nothing behind', async () => {
  using folder = temporaryFolder();
  await using desktop = await startDesktop();
  await using host = await startHost(desktop);
  {
    await using shown = runTray(desktop.environment, folder.path);
    await shown.is('shown');
    // At SIGTERM it ends as if all were well.
    for (const how of ['SIGKILL', 'SIGTERM'] as const) {
      process.kill(pidOf(folder.path), how);
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

test('A panel is what counts, not a list of icons that nobody shows', async () => {
  using folder = temporaryFolder();
  await using desktop = await startDesktop();
  await using host = await startHost(desktop, { hasPanel: false });
  await using shown = runTray(desktop.environment, folder.path);
  await shown.is('ICON_NO_TRAY');
  expect(() => pidOf(folder.path)).toThrow();
  host.panelComes();
  await shown.is('shown');
});

test.for([
  ['GNOME lists them', (owner: string, path: string) => `${owner}@${path}`],
  ['some list only who has them', (owner: string) => owner],
] as const)('It knows its icon in the list of a tray the way %s', async ([, entryOf]) => {
  using folder = temporaryFolder();
  await using desktop = await startDesktop();
  await using _host = await startHost(desktop, { entryOf });
  await using shown = runTray(desktop.environment, folder.path);
  await shown.is('shown');
});

test('A program whose icon does not get into the tray is replaced, but not for ever', async () => {
  using folder = temporaryFolder();
  await using desktop = await startDesktop();
  let isListed = false;
  let registrations = 0;
  await using host = await startHost(desktop, {
    entryOf: (owner, path) => (isListed ? `${owner}${path}` : ''),
    onRegister: () => {
      registrations += 1;
    },
  });
  await using shown = runTray(desktop.environment, folder.path, { clock: impatient(100) });
  await shown.is('ICON_NO_TRAY');
  expect(shown.icons.length).toBeGreaterThan(1); // it went away in between
  const last = pidOf(folder.path);
  expect(registrations).toBeLessThanOrEqual(4);
  isListed = true;
  host.panelComes();
  // One start in fifty on a busy computer never gets to a panel at all (tray.ts), and nobody replaces this one any more.
  const isThere = await vi.waitUntil(() => host.count() === 1, { timeout: 20_000 }).catch(() => false);
  if (!isThere) process.kill(last, 'SIGKILL');
  await shown.is('shown');
  if (isThere) expect(pidOf(folder.path)).toBe(last);
});

test('A bus that ends while there is no panel is told as that, and a new one is found', async () => {
  using folder = temporaryFolder();
  await using desktop = await startDesktop();
  await using shown = runTray(desktop.environment, folder.path, { clock: impatient() });
  await shown.is('ICON_NO_TRAY');
  await desktop.killBus();
  await shown.is('ICON_NO_DESKTOP');
  expect(shown.icons).toHaveLength(2);
  await desktop.startBus();
  await using _host = await startHost(desktop);
  await shown.is('shown');
});

test('A stop while the program starts ends it at once, whatever it was doing', async () => {
  using folder = temporaryFolder();
  await using desktop = await startDesktop();
  await using _host = await startHost(desktop);
  const menu: ProgramMenu = { icon: '', title: 'Keepsake', items: [] };
  await using shown = runTray(desktop.environment, folder.path);
  await vi.waitUntil(() => {
    try {
      return pidOf(folder.path);
    } catch {
      return undefined;
    }
  }, patience);
  await shown.stop(); // the test ends by its limit of time if this does not
  expect(() => pidOf(folder.path)).toThrow();
  const stop = new AbortController();
  const silent = script(folder.path, 'exec sleep 1000');
  const started = startTray({ program: silent, environment: {}, menu, onClick: () => undefined, signal: stop.signal });
  stop.abort();
  expect((await started).isReady).toBe(false);
  await (await started).tray.ended;
});

test('A program that never says that it is ready is given up, and what is no word of its own is passed over', async () => {
  using folder = temporaryFolder();
  const menu: ProgramMenu = { icon: '', title: 'Keepsake', items: [] };
  const common = { environment: { PATH: process.env['PATH'] }, menu, signal: new AbortController().signal };
  const silent = script(folder.path, 'exec sleep 1000');
  const { tray, isReady } = await startTray({ ...common, program: silent, onClick: () => undefined, readyMs: 100 });
  expect(isReady).toBe(false);
  tray.end();
  await tray.ended;

  const clicks: number[] = [];
  const odd = ['Gtk-WARNING', '[1]', 'null', '{"type":"ready"', '{"type":"ready"}', '{"type":"clicked"}', '{"type":7}'];
  const lines = [...odd, '{"type":"clicked","__id":"8"}', '{"type":"clicked","__id":7}'];
  const program = script(folder.path, `printf '%s\\n' ${lines.map((line) => `'${line}'`).join(' ')}`);
  const odder = await startTray({ ...common, program, onClick: (id) => clicks.push(id) });
  expect(odder.isReady).toBe(true);
  expect((await odder.tray.ended).exitCode).toBe(0);
  expect(clicks).toEqual([7]);
});

test('A program that hangs is replaced before what it is told fills the memory', async () => {
  using folder = temporaryFolder();
  await using desktop = await startDesktop();
  await using _host = await startHost(desktop);
  await using shown = runTray(desktop.environment, folder.path);
  await shown.is('shown');
  const hung = pidOf(folder.path);
  process.kill(hung, 'SIGSTOP');
  for (let count = 0; count < 10_000; count += 1) shown.tray.show({ ...view, headline: `${count} `.repeat(20) });
  await shown.is('ICON_ENDED');
  await shown.is('shown');
  expect(pidOf(folder.path)).not.toBe(hung);
});

test('Where the library is missing that the icon needs, it says which one to install', async () => {
  using folder = temporaryFolder();
  await using desktop = await startDesktop();
  await using _host = await startHost(desktop);
  const broken = join(folder.path, 'broken');
  mkdirSync(broken);
  writeFileSync(join(broken, 'libappindicator3.so.1'), ''); // which the loader finds first, and cannot use
  await using shown = runTray({ ...desktop.environment, LD_LIBRARY_PATH: broken }, folder.path);
  await shown.is('ICON_LIBRARY_MISSING');
  expect(shown.icons.at(-1)).toMatchObject({
    reason: { remedy: expect.stringContaining('libayatana-appindicator3-1') },
  });
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

/** In place of the program: what it does in `sh`. */
function script(folder: string, text: string): AbsolutePath {
  const path = join(folder, 'program');
  mkdirSync(join(folder, 'pictures'), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  return path as AbsolutePath;
}

/** Real time, but nobody waits for longer: who looks each minute looks each second. */
function impatient(longestMs = 1000): typeof systemClock {
  return { ...systemClock, wait: (durationMs, signal) => systemClock.wait(Math.min(durationMs, longestMs), signal) };
}
