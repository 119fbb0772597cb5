// A computer that falls asleep in the middle of the first copy of a life has saved half of it; one that never sleeps again is worse.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import dbus from 'dbus-native';
import pino from 'pino';
import { beforeEach, expect, test, vi } from 'vitest';
import { stayAwake } from '../../src/platform/stay-awake.ts';
import { standIn } from '../support/awake-stand-in.ts';
import { projectRoot, temporaryFolder } from '../support/keepsake.ts';
import { type Desktop, needDesktop, startDesktop } from '../support/private-desktop.ts';

beforeEach((context) => needDesktop(context));

const patience = { timeout: 10_000, interval: 20 };
const log = pino({ level: 'silent' });

/** Who is asked to stay awake, and by which connections. */
async function startPower(desktop: Desktop) {
  const bus = dbus.sessionBus({ busAddress: desktop.environment['DBUS_SESSION_BUS_ADDRESS'] ?? '', plainValues: true });
  bus.connection.on('error', () => undefined);
  const asked: unknown[][] = [];
  const holders = new Set<string>();
  const answer = (names: readonly string[]) => ({
    in: Object.fromEntries(
      names.map((name, index) => [name, ['s', 'u', 's', 'u'][names.length === 2 ? 0 : index] ?? 's']),
    ),
    out: { cookie: 'u' },
    handler: (args: Record<string, unknown>, { sender = '' }) => {
      asked.push(Object.values(args));
      holders.add(sender);
      return asked.length;
    },
  });
  const session = dbus.defineInterface({
    name: 'org.gnome.SessionManager',
    methods: { Inhibit: answer(['app', 'window', 'reason', 'flags']) },
  });
  const power = dbus.defineInterface({
    name: 'org.freedesktop.PowerManagement.Inhibit',
    methods: { Inhibit: answer(['app', 'reason']) },
  });
  bus.exportInterface(session.impl, '/org/gnome/SessionManager', session.descriptor);
  bus.exportInterface(power.impl, '/org/freedesktop/PowerManagement/Inhibit', power.descriptor);
  await bus.requestName('org.gnome.SessionManager', 0);
  await bus.requestName('org.freedesktop.PowerManagement', 0);
  const isHeld = async () => {
    const owned = await Promise.all([...holders].map((name) => bus.getNameOwner(name).catch(() => '')));
    return owned.some((owner) => owner !== '');
  };
  return { asked, isHeld, [Symbol.dispose]: () => void bus.connection.end() };
}

test('Every desktop that is there is asked, for as long as it is needed, and only not to be idle', async () => {
  using folder = temporaryFolder();
  const keeper = standIn(folder.path);
  await using desktop = await startDesktop({ display: false });
  using power = await startPower(desktop);
  {
    const environment = { ...desktop.environment, PATH: keeper.path };
    await using _awake = await stayAwake({ environment, reason: 'Saving photos', log });
    expect(power.asked.toSorted((one, other) => one.length - other.length)).toEqual([
      ['Keepsake', 'Saving photos'],
      ['Keepsake', 0, 'Saving photos', 4],
    ]);
    await vi.waitUntil(keeper.isHeld, patience);
    expect(keeper.told()).toContain('--what=idle\n');
    expect(await power.isHeld()).toBe(true);
  }
  await vi.waitUntil(() => !keeper.isHeld(), patience);
  await vi.waitUntil(async () => !(await power.isHeld()), patience);
});

test('Nothing is left when the program that needed it is killed', async () => {
  using folder = temporaryFolder();
  const keeper = standIn(folder.path);
  await using desktop = await startDesktop({ display: false });
  using power = await startPower(desktop);
  const script = `const { stayAwake } = await import('./src/platform/stay-awake.ts');
    await stayAwake({ environment: process.env, reason: 'r', log: { debug() {} } }); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    ...{ cwd: projectRoot, env: { ...desktop.environment, PATH: keeper.path }, stdio: 'ignore' },
  });
  await vi.waitUntil(() => keeper.isHeld() && power.asked.length === 2, patience);
  child.kill('SIGKILL');
  await once(child, 'exit');
  await vi.waitUntil(() => !keeper.isHeld(), patience);
  await vi.waitUntil(async () => !(await power.isHeld()), patience);
});

test.for(['linux', 'win32'] as const)('Where nobody can be asked (%s), nothing is wrong', async (platform) => {
  await using _awake = await stayAwake({ environment: { PATH: '/nowhere' }, reason: 'r', log, platform });
});
