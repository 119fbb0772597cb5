// A computer that falls asleep in the middle of the first copy of a life has saved half of it; one that never sleeps again, or that does
// not sleep when its owner says so, is worse.
import { type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import dbus from 'dbus-native';
import pino from 'pino';
import { beforeEach, expect, test, vi } from 'vitest';
import { stayAwake } from '../../src/platform/stay-awake.ts';
import { standIn } from '../support/awake-stand-in.ts';
import { projectRoot, temporaryFolder } from '../support/keepsake.ts';
import { patience } from '../support/patience.ts';
import { type Desktop, needDesktop, startDesktop } from '../support/private-desktop.ts';
import { serviceBefore } from '../support/session-stand-in.ts';

beforeEach((context) => needDesktop(context));

const log = pino({ level: 'silent' });
const reason = 'Saving photos';

interface Parts {
  /** Who is there: names on the bus. */
  readonly names: readonly string[];
  readonly systemd?: string;
  readonly shell?: string;
  /** It takes the question and never answers. */
  readonly isFrozen?: boolean;
}

const both = ['org.gnome.SessionManager', 'org.freedesktop.PowerManagement'];

/** What a desktop is asked, and by which connections. */
async function startPower(desktop: Desktop, { names, systemd, shell, isFrozen = false }: Parts) {
  const bus = dbus.sessionBus({ busAddress: desktop.environment['DBUS_SESSION_BUS_ADDRESS'] ?? '', plainValues: true });
  bus.connection.on('error', () => undefined);
  const asked: unknown[][] = [];
  const holders = new Set<string>();
  const exportOne = (path: string, of: Parameters<typeof dbus.defineInterface>[0]) => {
    const { impl, descriptor } = dbus.defineInterface(of);
    bus.exportInterface(impl, path, descriptor);
  };
  const inhibit = (parameters: Record<string, string>) => ({
    Inhibit: {
      in: parameters,
      out: { cookie: 'u' },
      handler: (args: Record<string, unknown>, { sender = '' }) => {
        asked.push(Object.values(args));
        holders.add(sender);
        return isFrozen ? new Promise<number>(() => undefined) : asked.length;
      },
    },
  });
  exportOne('/org/gnome/SessionManager', {
    name: 'org.gnome.SessionManager',
    methods: inhibit({ app: 's', window: 'u', reason: 's', flags: 'u' }),
  });
  exportOne('/org/freedesktop/PowerManagement/Inhibit', {
    name: 'org.freedesktop.PowerManagement.Inhibit',
    methods: inhibit({ app: 's', reason: 's' }),
  });
  if (systemd !== undefined)
    exportOne('/org/freedesktop/systemd1', {
      name: 'org.freedesktop.systemd1.Manager',
      properties: { Version: { type: 's', get: () => systemd } },
    });
  if (shell !== undefined)
    exportOne('/org/gnome/Shell', {
      name: 'org.gnome.Shell',
      properties: { ShellVersion: { type: 's', get: () => shell } },
    });
  const versions = { 'org.freedesktop.systemd1': systemd, 'org.gnome.Shell': shell };
  const withVersion = Object.entries(versions).flatMap(([name, version]) => (version === undefined ? [] : [name]));
  for (const name of [...names, ...withVersion]) await bus.requestName(name, 0);
  const isHeld = async () => {
    const owned = await Promise.all([...holders].map((name) => bus.getNameOwner(name).catch(() => '')));
    return owned.some((owner) => owner !== '');
  };
  return { asked, isHeld, [Symbol.dispose]: () => void bus.connection.end() };
}

/** A program of its own, which does `body` with `stay`: what `stayAwake` gives. */
function startProgram(body: string, environment: Readonly<Record<string, string>>, stdio: SpawnOptions['stdio']) {
  const script = `import { openSync } from 'node:fs';
    import { stayAwake } from './src/platform/stay-awake.ts';
    const stay = () => stayAwake({ environment: process.env, reason: 'r', log: { debug() {} } });
    ${body}`;
  const limited = ['-c', 'ulimit -n 256; exec "$@"', 'sh', process.execPath, '--input-type=module', '-e', script];
  return spawn('sh', limited, { cwd: projectRoot, env: { ...environment }, stdio });
}

test('Every desktop that is there is asked, for as long as it is needed, and only not to be idle', async () => {
  using folder = temporaryFolder();
  const keeper = standIn(folder.path);
  await using desktop = await startDesktop({ display: false });
  using power = await startPower(desktop, { names: both, systemd: '252.38-1~deb12u1' });
  {
    const environment = { ...desktop.environment, PATH: keeper.path };
    await using awake = await stayAwake({ environment, reason, log });
    expect(power.asked.toSorted((one, other) => one.length - other.length)).toEqual([
      ['Keepsake', reason],
      ['Keepsake', 0, reason, 4],
    ]);
    await vi.waitUntil(keeper.isHeld, patience);
    expect(keeper.told().trim().split('\n')).toEqual([
      ...['--what=idle', '--who=Keepsake', `--why=${reason}`, '--mode=block', 'cat'],
    ]);
    expect(await power.isHeld()).toBe(true);
    await awake[Symbol.asyncDispose]();
  } // and once more: that is no mistake
  await vi.waitUntil(() => !keeper.isHeld(), patience);
  await vi.waitUntil(async () => !(await power.isHeld()), patience);
});

const notSuspended = 4;
const notIdle = 8;
test.for<[string, Omit<Parts, 'names'> & { readonly names?: readonly string[] }, number]>([
  ['GNOME 43, on which logind lets the owner through', { systemd: '252.38-1~deb12u1', shell: '43.9' }, notSuspended],
  ['GNOME 48, on which logind would refuse the owner', { systemd: '257.9-1~deb13u1', shell: '48.4' }, notIdle],
  ['GNOME 50, which lets the owner through itself', { systemd: '259', shell: '50.1' }, notSuspended],
  ['Cinnamon, on which logind would refuse the owner', { systemd: '257', names: ['org.Cinnamon'] }, notIdle],
  ['MATE, which does not tell logind', { systemd: '257', names: ['org.mate.PowerManager'] }, notSuspended],
  ['a desktop of which nothing is known', {}, notIdle],
])('The owner can choose "sleep" all the same: %s', async ([, parts, expected]) => {
  await using desktop = await startDesktop({ display: false });
  using power = await startPower(desktop, { ...parts, names: ['org.gnome.SessionManager', ...(parts.names ?? [])] });
  const environment = { ...desktop.environment, PATH: '/nowhere' };
  await using _awake = await stayAwake({ environment, reason, log });
  expect(power.asked).toEqual([['Keepsake', 0, reason, expected]]);
});

test('KDE is asked once, in the way that lets the screen go dark', async () => {
  using folder = temporaryFolder();
  const keeper = standIn(folder.path);
  await using desktop = await startDesktop({ display: false });
  using power = await startPower(desktop, {
    names: ['org.freedesktop.PowerManagement', 'org.kde.Solid.PowerManagement'],
  });
  const environment = { ...desktop.environment, PATH: keeper.path };
  const awake = await stayAwake({ environment, reason, log });
  expect(power.asked).toEqual([['Keepsake', reason]]);
  await awake[Symbol.asyncDispose]();
  await vi.waitUntil(async () => !(await power.isHeld()), patience);
  expect(keeper.isHeld()).toBe(false);
  expect(keeper.told).toThrow('ENOENT'); // it was never begun
});

test('A service that is older than the desktop asks the desktop that is there now', async () => {
  using folder = temporaryFolder();
  const keeper = standIn(folder.path);
  await using desktop = await startDesktop({ display: false });
  using power = await startPower(desktop, { names: ['org.freedesktop.PowerManagement'] });
  await using _awake = await stayAwake({ environment: serviceBefore(folder.path, desktop.environment), reason, log });
  expect(power.asked).toEqual([['Keepsake', reason]]);
  await vi.waitUntil(keeper.isHeld, patience);
});

test('A desktop that hangs is not waited for, and holds nothing afterwards', async () => {
  using folder = temporaryFolder();
  const keeper = standIn(folder.path);
  await using desktop = await startDesktop({ display: false });
  using power = await startPower(desktop, { names: both, isFrozen: true });
  const asking = stayAwake({ environment: { ...desktop.environment, PATH: keeper.path }, reason, log });
  await vi.waitUntil(keeper.isHeld, patience);
  const awake = await asking;
  expect(power.asked).toHaveLength(2);
  expect(await power.isHeld()).toBe(true); // it may wake up and remember
  await awake[Symbol.asyncDispose]();
  await vi.waitUntil(async () => !(await power.isHeld()), patience);
  await vi.waitUntil(() => !keeper.isHeld(), patience);
});

test('A session that ends in the meantime is no mistake', async () => {
  using folder = temporaryFolder();
  const keeper = standIn(folder.path);
  await using desktop = await startDesktop({ display: false });
  using power = await startPower(desktop, { names: both });
  const awake = await stayAwake({ environment: { ...desktop.environment, PATH: keeper.path }, reason, log });
  expect(power.asked).toHaveLength(2);
  await vi.waitUntil(keeper.isHeld, patience);
  await desktop.killBus();
  expect(keeper.isHeld()).toBe(true);
  await awake[Symbol.asyncDispose]();
  await vi.waitUntil(() => !keeper.isHeld(), patience);
});

test('Nothing is left when the program that needed it is killed', async () => {
  using folder = temporaryFolder();
  const keeper = standIn(folder.path);
  await using desktop = await startDesktop({ display: false });
  using power = await startPower(desktop, { names: both });
  const environment = { ...desktop.environment, PATH: keeper.path };
  const child = startProgram('await stay(); setInterval(() => {}, 1000);', environment, 'ignore');
  try {
    await vi.waitUntil(() => keeper.isHeld() && power.asked.length === 2, patience);
    expect(await power.isHeld()).toBe(true);
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  await vi.waitUntil(() => !keeper.isHeld(), patience);
  await vi.waitUntil(async () => !(await power.isHeld()), patience);
});

const disposed = 'await (await stay())[Symbol.asyncDispose]();';
test.for([
  ['once it is no longer needed, the program that needed it ends by itself', disposed],
  ['a program that can open nothing any more goes on', `try { for (;;) openSync('/dev/null'); } catch {} ${disposed}`],
] as const)('Nothing is in the way: %s', async ([, body]) => {
  using folder = temporaryFolder();
  const keeper = standIn(folder.path);
  await using desktop = await startDesktop({ display: false });
  using _power = await startPower(desktop, { names: both });
  const environment = { ...desktop.environment, PATH: keeper.path };
  const child = startProgram(body, environment, ['ignore', 'ignore', 'pipe']);
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
  const [exitCode] = await once(child, 'close', { signal: AbortSignal.timeout(patience.timeout) }).finally(() =>
    child.kill('SIGKILL'),
  );
  expect({ exitCode, said }).toEqual({ exitCode: 0, said: '' });
});

test.for(['linux', 'win32'] as const)('Where nobody can be asked (%s), nothing is wrong', async (platform) => {
  await using _awake = await stayAwake({ environment: { PATH: '/nowhere' }, reason, log, platform });
});
