// A desktop of a test's own: a display nobody sees and a bus that nobody else is on. Everything it started ends with it.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { TestContext } from 'vitest';
import { patience } from './patience.ts';
import { needLinux, needPrograms } from './requirements.ts';

/** Skips the test where there is nothing to make a desktop of. */
export function needDesktop(context: TestContext, ...programs: readonly string[]): void {
  needLinux(context, 'desktop');
  needPrograms(context, 'Xvfb', 'dbus-daemon', 'busctl', ...programs);
}

export interface Desktop extends AsyncDisposable {
  /** For programs that are to be on it; changes with `startBus`. */
  readonly environment: Readonly<Record<string, string>>;
  /** Starts a program on it, which ends with it. */
  start(command: string, args?: readonly string[], environment?: Readonly<Record<string, string>>): ChildProcess;
  killBus(): Promise<void>;
  /** At the address it had. */
  startBus(): Promise<void>;
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export async function startDesktop({ display = true, bus = true } = {}): Promise<Desktop> {
  const folder = mkdtempSync(join(tmpdir(), 'keepsake-desktop-'));
  const children: ChildProcess[] = [];
  const environment: Record<string, string> = {
    ...{
      PATH: process.env['PATH'] ?? '',
      HOME: folder,
      XDG_RUNTIME_DIR: folder,
      XDG_CACHE_HOME: join(folder, 'cache'),
    },
    ...{
      XDG_CONFIG_HOME: join(folder, 'config'),
      XDG_DATA_HOME: join(folder, 'data'),
      LC_ALL: 'C.UTF-8',
      NO_AT_BRIDGE: '1',
    },
    ...{ DISPLAY: '', WAYLAND_DISPLAY: '', DBUS_SESSION_BUS_ADDRESS: '', GTK_THEME: 'Adwaita' },
  };
  const start: Desktop['start'] = (command, args = [], more = {}) => {
    const child = spawn(command, [...args], { env: { ...environment, ...more }, stdio: 'ignore', detached: true });
    return keep(child);
  };
  const keep = (child: ChildProcess) => {
    children.push(child);
    running.add(child);
    child.once('exit', () => running.delete(child));
    return child;
  };
  let busProcess: ChildProcess | undefined;
  const desktop: Desktop = {
    environment,
    start,
    killBus: async () => {
      if (busProcess !== undefined) await end(busProcess);
      busProcess = undefined;
    },
    startBus: async () => {
      const path = join(folder, 'bus');
      rmSync(path, { force: true });
      const child = spawn(
        'dbus-daemon',
        ['--session', '--nofork', `--address=unix:path=${path}`, '--print-address=1'],
        {
          ...{ env: { ...environment, DBUS_SESSION_BUS_ADDRESS: '' }, detached: true },
          stdio: ['ignore', 'pipe', 'ignore'],
        },
      );
      busProcess = keep(child);
      await firstLine(child.stdout);
      environment['DBUS_SESSION_BUS_ADDRESS'] = `unix:path=${path}`;
    },
    [Symbol.asyncDispose]: async () => {
      for (const child of children.toReversed()) await end(child);
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  try {
    if (display) {
      const child = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '1024x600x24', '-nolisten', 'tcp'], {
        ...{ env: environment, detached: true },
        stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
      });
      keep(child);
      environment['DISPLAY'] = `:${await firstLine(child.stdio[3] as Readable)}`;
    }
    if (bus) await desktop.startBus();
    return desktop;
  } catch (error) {
    await desktop[Symbol.asyncDispose]();
    throw error;
  }
}

async function firstLine(stream: Readable): Promise<string> {
  stream.setEncoding('utf8');
  let text = '';
  while (!text.includes('\n')) {
    const [piece] = (await once(stream, 'data', { signal: AbortSignal.timeout(patience.timeout) })) as [string];
    text += piece;
  }
  return text.trim();
}

/** With everything it started. */
async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // it has ended
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}
