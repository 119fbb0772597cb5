// Keeps the computer from falling asleep by being idle while photos are saved or copied. Whoever closes the lid or chooses "sleep" means
// it, and is not held up; the screen may go dark where the desktop can tell the two apart. Best effort: never rejects, waits for no desktop
// that hangs, and nothing is left when this process ends, however it does.

import { spawn } from 'node:child_process';
import type { Log } from './log.ts';
import { readSessionEnvironment } from './service-manager.ts';
import { type BusCall, hasOwner, openSessionBus, type SessionBus } from './session-bus.ts';

const who = 'Keepsake';
const answerMsMax = 5000;
/** org.gnome.SessionManager.xml of gnome-session, method Inhibit: what is not to happen. */
const flags = { suspend: 4, idle: 8 } as const;
const sessionManager = 'org.gnome.SessionManager';
const powerManagement = 'org.freedesktop.PowerManagement';

export interface StayAwakeOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What the desktop shows for it. */
  readonly reason: string;
  readonly log: Log;
  readonly platform?: NodeJS.Platform;
}

/** From now on until it is disposed, which can be done twice. Takes some milliseconds; with a desktop that hangs, some seconds at most. */
export async function stayAwake(options: StayAwakeOptions): Promise<AsyncDisposable> {
  const held = new AsyncDisposableStack();
  const platform = options.platform ?? process.platform;
  try {
    if (platform === 'linux') await holdOnLinux(held, options);
    // caffeinate(8): "-w" ends it with us. Never run on a Mac by us.
    if (platform === 'darwin') hold(held, ['/usr/bin/caffeinate', '-i', '-w', String(process.pid)], options);
    // Windows: not yet.
  } catch (error) {
    sayWhyNot(options.log, error); // no descriptor left, say: the photos go over all the same
  }
  return held;
}

/**
 * systemd-inhibit(1) asks logind, and holds on for as long as "cat" runs; that ends when its input does, and that is ours, also when we are
 * killed. GNOME, Cinnamon, MATE and Xfce do not look at what logind was asked; computers without a desktop, and small ones, have nothing else.
 * KDE is not asked twice: to it logind's "idle" means that the screen stays lit as well (powerdevil 5.27 and 6.7, powerdevilpolicyagent.cpp),
 * and what it is asked over the bus does not (powerdevilfdoconnector.cpp).
 */
async function holdOnLinux(held: AsyncDisposableStack, of: StayAwakeOptions): Promise<void> {
  const { reason, log } = of;
  const environment = await readSessionEnvironment(of.environment);
  const options = { ...of, environment };
  const bus = await openSessionBus(environment, { timeoutMs: answerMsMax }).catch((error: unknown) => {
    sayWhyNot(log, error);
    return undefined;
  });
  // What a desktop was asked for ends with the connection, on all of them: gsm-inhibitor.c, csm-manager.c, xfpm-inhibit.c, PolicyAgent.
  if (bus !== undefined) held.use(bus);
  if (bus === undefined || !(await isThere(bus, 'org.kde.Solid.PowerManagement')))
    hold(held, ['systemd-inhibit', '--what=idle', `--who=${who}`, `--why=${reason}`, '--mode=block', 'cat'], options);
  if (bus !== undefined) await askDesktops(bus, options);
}

async function askDesktops(bus: SessionBus, { reason, log }: StayAwakeOptions): Promise<void> {
  const ask = async (name: string, callFor: () => Promise<Omit<BusCall, 'destination' | 'member'>>) => {
    if (!(await isThere(bus, name))) return;
    await bus
      .call({ destination: name, member: 'Inhibit', ...(await callFor()) }, { timeoutMs: answerMsMax })
      .catch((error: unknown) => sayWhyNot(log, error));
  };
  await Promise.all([
    // GNOME, Cinnamon, MATE
    ask(sessionManager, async () => ({
      ...{ path: '/org/gnome/SessionManager', interface: sessionManager, signature: 'susu' },
      body: [who, 0, reason, (await canStillChooseSleep(bus)) ? flags.suspend : flags.idle],
    })),
    // KDE and Xfce. Xfce knows but one thing, and keeps the screen lit with it (xfpm-power.c, inhibited_by_some_means_changed).
    ask(powerManagement, async () => ({
      ...{ path: '/org/freedesktop/PowerManagement/Inhibit', interface: `${powerManagement}.Inhibit` },
      ...{ signature: 'ss', body: [who, reason] },
    })),
  ]);
}

/** Who is not there is not started for it, and a bus that went away has nobody. */
async function isThere(bus: SessionBus, name: string): Promise<boolean> {
  return await hasOwner(bus, name).catch(() => false);
}

/**
 * True if the owner can choose "sleep" while the desktop was told not to suspend. GNOME before 50 and Cinnamon (there even for shutting
 * down) hand that on to logind as a lock of mode "block" (gsm-systemd.c; csm-systemd.c), which logind since systemd 257 holds against the
 * owner too (org.freedesktop.login1(5); systemd pull request 37975). Where that is so, or is not known, the desktop is told not to be idle
 * instead: the screen stays lit, and who locks it is not helped; but nobody's "sleep" does nothing. MATE hands nothing on.
 */
async function canStillChooseSleep(bus: SessionBus): Promise<boolean> {
  const [isMate, shell, systemd] = await Promise.all([
    isThere(bus, 'org.mate.PowerManager'),
    readVersion(bus, { path: '/org/gnome/Shell', of: 'org.gnome.Shell', property: 'ShellVersion' }),
    // The owner's own manager of programs comes in one package with logind.
    readVersion(bus, {
      path: '/org/freedesktop/systemd1',
      of: 'org.freedesktop.systemd1.Manager',
      property: 'Version',
    }),
  ]);
  return isMate || shell >= 50 || systemd < 257;
}

/** The first number of it; NaN: not known. */
async function readVersion(
  bus: SessionBus,
  { path, of, property }: { readonly path: string; readonly of: string; readonly property: string },
): Promise<number> {
  const get = {
    path,
    interface: 'org.freedesktop.DBus.Properties',
    member: 'Get',
    signature: 'ss',
    body: [of, property],
  };
  const [version] = await bus
    .call({ ...get, destination: of.replace('.Manager', '') }, { timeoutMs: answerMsMax })
    .catch(() => []); // it is not there
  return Number.parseInt(String(version), 10);
}

/** A program that holds on for as long as it runs. */
function hold(
  held: AsyncDisposableStack,
  [command, ...args]: readonly [string, ...string[]],
  { environment, log }: StayAwakeOptions,
): void {
  const child = spawn(command, args, { env: { ...environment }, stdio: ['pipe', 'ignore', 'ignore'] });
  child.once('error', (error) => sayWhyNot(log, error));
  child.stdin.on('error', () => undefined); // nothing is written to it
  child.unref();
  held.defer(() => {
    child.stdin.end();
    if (command !== 'systemd-inhibit') child.kill(); // that one ends with its input, in good order
  });
}

function sayWhyNot(log: Log, error: unknown): void {
  log.debug({ err: error }, 'the computer cannot be asked to stay awake');
}
