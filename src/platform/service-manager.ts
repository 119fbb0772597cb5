// Talks to whatever starts and watches this process: tells it that we are ready and alive, and asks it short questions. Nothing
// in here throws or waits without a limit: who watches us must never be the reason that we stop.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';

type Environment = Readonly<Record<string, string | undefined>>;

/** systemd-notify itself gives up after 5 s (sd_notify_barrier(3)). */
const notifyTimeoutMs = 10_000;
const questionTimeoutMs = 5000;
const outputBytesMax = 256 * 1024;
const statusCharsMax = 200;
const defaultPath = '/usr/local/bin:/usr/bin:/bin';

/** What can be told, as in sd_notify(3). */
export interface ServiceNews {
  readonly ready?: true;
  /** One line for people; more is cut off. */
  readonly status?: string;
  readonly stopping?: true;
  /** "I am alive." */
  readonly watchdog?: true;
}

/**
 * Tells the service manager, if there is one that listens (NOTIFY_SOCKET); resolves when it has heard, or after 10 s without.
 * Never rejects: a manager that missed it starts us again, which is what it is there for.
 *
 * By systemd-notify, since Node.js has no datagram sockets; and without its `--no-block`, which as an ordinary user loses a
 * quarter to three quarters of what is said: the manager looks for the sender's unit when the sender has ended already
 * (measured 2026-11 with systemd 252, 200 calls each, idle and busy; waiting for it lost none).
 */
export async function notifyServiceManager(environment: Environment, news: ServiceNews): Promise<void> {
  if (!isSet(environment['NOTIFY_SOCKET'])) return;
  const args = [
    ...(news.ready ? ['--ready'] : []),
    ...(news.status === undefined ? [] : [`--status=${oneLine(news.status)}`]),
    ...(news.stopping ? ['STOPPING=1'] : []),
    ...(news.watchdog ? ['WATCHDOG=1'] : []),
  ];
  if (args.length > 0) await askProgram('systemd-notify', args, { environment, timeoutMs: notifyTimeoutMs });
}

/**
 * How often to say "alive": half of how long the service manager stands silence (sd_watchdog_enabled(3)). Undefined: it does
 * not watch, or not this process.
 */
export function watchdogIntervalMs(environment: Environment, pid = process.pid): number | undefined {
  const allowedUs = Number(environment['WATCHDOG_USEC'] ?? '');
  const watched = environment['WATCHDOG_PID'] ?? '';
  if (!Number.isSafeInteger(allowedUs) || allowedUs <= 0) return undefined;
  if (watched !== '' && watched !== String(pid)) return undefined;
  return Math.max(1, Math.floor(allowedUs / 2000));
}

/** What a desktop tells its programs and not us, who were started before it. */
export const sessionKeys = [
  'DISPLAY',
  'WAYLAND_DISPLAY',
  'XAUTHORITY',
  'DBUS_SESSION_BUS_ADDRESS',
  'XDG_CURRENT_DESKTOP',
  'XDG_SESSION_TYPE',
] as const;

/**
 * `environment` with the display and bus of the session that is there now, as far as the service manager was told of them. The one way
 * for whatever is shown: icon, notices, a folder. A service starts at login, before the desktop, and outlives it: whoever needs the
 * desktop asks again before each attempt. Who was told of a display is on that one. Takes 5 s at most; never rejects.
 */
export async function readSessionEnvironment(environment: Environment): Promise<Environment> {
  const isService = isSet(environment['INVOCATION_ID']); // systemd.exec(5)
  if (process.platform !== 'linux' || !isService || isSet(environment['DISPLAY'])) return environment;
  const answer = await askProgram('systemctl', ['--user', 'show-environment'], {
    environment: withRuntimeFolder(environment),
    timeoutMs: questionTimeoutMs,
  });
  if (answer === 'stuck' || answer.exitCode !== 0) return environment;
  const told = parseEnvironmentBlock(answer.stdout);
  const session = sessionKeys.flatMap((key) => (told[key] === undefined ? [] : [[key, told[key]] as const]));
  return { ...environment, ...Object.fromEntries(session) };
}

/** Without one, nothing can be shown in a window on Linux. */
export function hasDisplay(environment: Environment): boolean {
  return isSet(environment['DISPLAY']) || isSet(environment['WAYLAND_DISPLAY']);
}

/** `KEY=value` lines as `systemctl show-environment` prints them: values with odd characters as $'…' (bash(1), QUOTING). */
export function parseEnvironmentBlock(text: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const [, key, value] = /^([A-Za-z_]\w*)=(.*)$/.exec(line) ?? [];
    if (key === undefined || value === undefined) continue;
    const quoted = /^\$'(.*)'$/.exec(value)?.[1];
    found[key] = quoted === undefined ? value : quoted.replace(/\\(.)/g, (_, escaped: string) => unescaped(escaped));
  }
  return found;
}

function unescaped(character: string): string {
  return ({ n: '\n', t: '\t' } as Readonly<Record<string, string>>)[character] ?? character;
}

/** A login over ssh or by sudo may not name it; without it, the user's service manager is not found. */
export function withRuntimeFolder(environment: Environment): Environment {
  if (isSet(environment['XDG_RUNTIME_DIR']) || process.getuid === undefined) return environment;
  const usual = `/run/user/${process.getuid()}`; // file-hierarchy(7)
  return existsSync(usual) ? { ...environment, XDG_RUNTIME_DIR: usual } : environment;
}

export interface ProgramAnswer {
  /** 127 for a program that is not there; -1 for one that was ended by a signal. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program of the system's with this environment (unlike bounded-command, whose questions need none) and waits for its
 * end. `stuck`: it did not end in time, and was killed. Never rejects.
 */
export async function askProgram(
  command: string,
  args: readonly string[],
  { environment, timeoutMs }: { readonly environment: Environment; readonly timeoutMs: number },
): Promise<ProgramAnswer | 'stuck'> {
  const env = { ...environment, PATH: environment['PATH'] ?? defaultPath, LC_ALL: 'C' };
  const options = { env, cwd: '/', encoding: 'utf8', maxBuffer: outputBytesMax } as const;
  const { promise, resolve } = Promise.withResolvers<ProgramAnswer | 'stuck'>();
  let child: ReturnType<typeof execFile> | undefined;
  const timer = setTimeout(() => {
    child?.kill('SIGKILL');
    child?.unref(); // one that even this does not end is not waited for
    resolve('stuck');
  }, timeoutMs);
  try {
    child = execFile(command, [...args], options, (error, stdout, stderr) => {
      resolve({ exitCode: error === null ? 0 : exitCodeOf(error), stdout, stderr });
    });
    // Whoever does not read it any more is no reason for us to end.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end();
  } catch (error) {
    resolve({ exitCode: 127, stdout: '', stderr: String(error) }); // no such name, too many processes
  }
  return await promise.finally(() => clearTimeout(timer));
}

function exitCodeOf({ code }: { readonly code?: string | number | null | undefined }): number {
  if (typeof code === 'number') return code;
  return code === 'ENOENT' || code === 'EACCES' ? 127 : -1;
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '';
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim().slice(0, statusCharsMax);
}
