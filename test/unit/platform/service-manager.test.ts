// A word that is lost here, or one that is waited for without end, turns a healthy agent into one that is killed and started again.
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openServiceLink } from '../../../src/agent/install/service-link.ts';
import {
  askProgram,
  notifyServiceManager,
  parseEnvironmentBlock,
  readSessionEnvironment,
  watchdogIntervalMs,
} from '../../../src/platform/service-manager.ts';
import { temporaryFolder } from '../../support/keepsake.ts';
import { needLinux } from '../../support/requirements.ts';

/** A systemd-notify of the test's own: writes down what it was told, one call a line. */
function listener(script = 'printf "%s|" "$@" >> "$HEARD"; echo >> "$HEARD"') {
  const folder = temporaryFolder();
  const program = (name: string, text: string) => {
    writeFileSync(join(folder.path, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(folder.path, name), 0o755);
  };
  program('systemd-notify', script);
  const heardFile = join(folder.path, 'heard');
  return {
    program,
    environment: { NOTIFY_SOCKET: '@somebody', PATH: `${folder.path}:/usr/bin:/bin`, HEARD: heardFile },
    heard: () => (existsSync(heardFile) ? readFileSync(heardFile, 'utf8').trim().split('\n') : []),
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

test('News go to whoever started us, in one line; without one nothing is said', async () => {
  using ear = listener();
  await notifyServiceManager({ ...ear.environment, NOTIFY_SOCKET: undefined }, { ready: true });
  await notifyServiceManager(ear.environment, {});
  expect(ear.heard()).toEqual([]);
  await notifyServiceManager(ear.environment, { ready: true, status: 'Two\nlines of "news"' });
  await notifyServiceManager(ear.environment, { watchdog: true });
  await notifyServiceManager(ear.environment, { stopping: true });
  expect(ear.heard()).toEqual(['--ready|--status=Two lines of "news"|', 'WATCHDOG=1|', 'STOPPING=1|']);
});

test('Nobody to say it with is no trouble', async () => {
  using folder = temporaryFolder();
  await notifyServiceManager({ NOTIFY_SOCKET: '@somebody', PATH: folder.path }, { ready: true });
  expect(await askProgram('systemd-notify', [], { environment: { PATH: folder.path }, timeoutMs: 1000 })).toMatchObject(
    {
      exitCode: 127,
    },
  );
});

test('A program that does not end is ended', async () => {
  expect(await askProgram('sleep', ['1000'], { environment: {}, timeoutMs: 100 })).toBe('stuck');
});

test('How often to say "alive" is half of what is allowed, and only for who is meant', () => {
  expect(watchdogIntervalMs({ WATCHDOG_USEC: '600000000' })).toBe(300_000);
  expect(watchdogIntervalMs({ WATCHDOG_USEC: '600000000', WATCHDOG_PID: '42' }, 42)).toBe(300_000);
  expect(watchdogIntervalMs({ WATCHDOG_USEC: '600000000', WATCHDOG_PID: '42' }, 43)).toBeUndefined();
  for (const odd of ['', '0', '-1', 'x', '1e999']) expect(watchdogIntervalMs({ WATCHDOG_USEC: odd })).toBeUndefined();
  expect(watchdogIntervalMs({})).toBeUndefined();
});

test('The agent is heard in order: ready before alive, and of several states only the last', async () => {
  using ear = listener();
  using link = openServiceLink({ ...ear.environment, WATCHDOG_USEC: '600000000' });
  link.ready('watching');
  await link.heard();
  link.status('saving 1 of 9');
  link.status('saving 2 of 9');
  link.alive();
  await link.heard();
  link.stopping();
  await link.heard();
  expect(ear.heard()).toEqual(['--ready|--status=watching|', '--status=saving 2 of 9|WATCHDOG=1|', 'STOPPING=1|']);
});

test('Where nobody counts the silence, "alive" starts no program', async () => {
  using ear = listener();
  using link = openServiceLink(ear.environment);
  link.alive();
  await link.heard();
  expect(ear.heard()).toEqual([]);
});

test('A display that came up after us is found', async (context) => {
  needLinux(context, 'nobody else has a service manager that knows of displays');
  using ear = listener();
  ear.program('systemctl', `printf '%s\\n' HOME=/home/mum DISPLAY=:7 "XAUTHORITY=\\$'/run/a b/it\\\\'s'" SECRET=x`);
  const { PATH } = ear.environment;
  const service = { PATH, HOME: '/home/me', INVOCATION_ID: 'of-a-service' };
  expect(await readSessionEnvironment(service)).toEqual({ ...service, DISPLAY: ':7', XAUTHORITY: "/run/a b/it's" });
  // Who was told of a display is on that one, and what somebody types in a terminal is no service.
  for (const told of [
    { ...service, DISPLAY: ':0' },
    { PATH, HOME: '/home/me' },
  ])
    expect(await readSessionEnvironment(told)).toEqual(told);
  ear.program('systemctl', 'exit 1');
  expect(await readSessionEnvironment(service)).toEqual(service);
});

test('What is no variable is passed over', () => {
  expect(parseEnvironmentBlock('A=1\nB\n=2\n\nC=x=y\nD=')).toEqual({ A: '1', C: 'x=y', D: '' });
});
