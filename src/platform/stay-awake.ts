// Keeps the computer from falling asleep by being idle while photos are saved or copied. Whoever closes the lid or chooses "sleep" means
// it, and is not held up; the screen may go dark. Best effort: never rejects, and nothing is left when this process ends, however it does.

import { spawn } from 'node:child_process';
import type { Log } from './log.ts';
import { openSessionBus, type SessionBus } from './session-bus.ts';

const who = 'Keepsake';
const answerMsMax = 2000;
/** gnome-session's flag for "the computer may not be suspended" (GNOME SessionManager, method Inhibit: 4; idle would be 8). */
const suspendFlag = 4;

export interface StayAwakeOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What the desktop shows for it. */
  readonly reason: string;
  readonly log: Log;
  readonly platform?: NodeJS.Platform;
}

/** From now on until it is disposed. Takes some milliseconds; waits for no desktop that hangs. */
export async function stayAwake(options: StayAwakeOptions): Promise<AsyncDisposable> {
  const platform = options.platform ?? process.platform;
  const child = keeperOf(options, platform);
  const bus = platform === 'linux' ? await inhibitOnBus(options) : undefined;
  return {
    [Symbol.asyncDispose]: async () => {
      if (platform === 'linux')
        child?.stdin.end(); // it ends with its input, in good order
      else child?.kill();
      // What was asked for ends with the connection, on every desktop that has it.
      await bus?.[Symbol.asyncDispose]();
    },
  };
}

/**
 * A program that holds on for as long as it runs. systemd-inhibit(1) asks logind, which a computer without a desktop, and KDE, heed; it
 * ends when its input does, and that is ours. caffeinate(8) ends with the process it is told ("-w"); never run on a Mac by us.
 */
function keeperOf({ environment, reason, log }: StayAwakeOptions, platform: NodeJS.Platform) {
  const commands: Partial<Record<NodeJS.Platform, readonly [string, ...string[]]>> = {
    linux: ['systemd-inhibit', '--what=idle', `--who=${who}`, `--why=${reason}`, '--mode=block', 'cat'],
    darwin: ['/usr/bin/caffeinate', '-i', '-w', String(process.pid)],
  };
  const [command, ...args] = commands[platform] ?? [];
  if (command === undefined) return undefined; // Windows: not yet
  const child = spawn(command, args, { env: { ...environment }, stdio: ['pipe', 'ignore', 'ignore'] });
  child.once('error', (error) => log.debug({ err: error }, 'the computer cannot be asked to stay awake'));
  child.stdin.on('error', () => undefined); // nothing is written to it
  child.unref();
  return child;
}

/** GNOME, Cinnamon, MATE; KDE, Xfce: each desktop that is there. Undefined: there is no bus. */
async function inhibitOnBus({ environment, reason, log }: StayAwakeOptions): Promise<SessionBus | undefined> {
  const bus = await openSessionBus(environment, { timeoutMs: answerMsMax });
  if (bus === undefined) return undefined;
  const session = 'org.gnome.SessionManager';
  const power = 'org.freedesktop.PowerManagement';
  const inhibitor = `${power}.Inhibit`;
  const ask = async (call: Parameters<SessionBus['call']>[0]) =>
    await bus.call(call, { timeoutMs: answerMsMax }).catch((error: unknown) => {
      log.debug({ err: error }, 'a desktop does not know how to stay awake'); // there is mostly one of them
    });
  await Promise.all([
    ask({
      ...{ destination: session, path: '/org/gnome/SessionManager', interface: session, member: 'Inhibit' },
      ...{ signature: 'susu', body: [who, 0, reason, suspendFlag] },
    }),
    ask({
      ...{ destination: power, path: '/org/freedesktop/PowerManagement/Inhibit', interface: inhibitor },
      ...{ member: 'Inhibit', signature: 'ss', body: [who, reason] },
    }),
  ]);
  return bus;
}
