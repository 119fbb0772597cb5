// Anybody in the session may be on the bus, hang, or end it: none of that may hold up or end the program that saves photos.
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { hasOwner, openSessionBus, type SessionBus } from '../../src/platform/session-bus.ts';
import { temporaryFolder } from '../support/keepsake.ts';
import { type Desktop, startDesktop } from '../support/private-desktop.ts';

async function open(desktop: Desktop): Promise<SessionBus> {
  const bus = await openSessionBus(desktop.environment, { timeoutMs: 5000 });
  if (bus === undefined) throw new Error('there is no bus');
  return bus;
}

const echo = { destination: 'org.example.Echo', path: '/', interface: 'org.example.Echo', member: 'Say' } as const;

/** Somebody with the name org.example.Echo, in a process of their own. */
async function startEcho(desktop: Desktop, bus: SessionBus) {
  const child = desktop.start(process.execPath, [join(import.meta.dirname, '../support/bus-echo.ts')]);
  await vi.waitUntil(() => hasOwner(bus, 'org.example.Echo'), { timeout: 10_000 });
  return child;
}

test('A call is answered, and an error is one of ours with a reason', async () => {
  await using desktop = await startDesktop({ display: false });
  await using bus = await open(desktop);
  expect(await hasOwner(bus, 'org.freedesktop.DBus')).toBe(true);
  expect(await hasOwner(bus, 'org.example.Echo')).toBe(false);
  await expect(bus.call({ ...echo, signature: 's', body: ['?'] }, { timeoutMs: 5000 })).rejects.toMatchObject({
    code: 'SESSION_BUS_FAILED',
  });
  await startEcho(desktop, bus);
  expect(await bus.call({ ...echo, signature: 's', body: ['Grüße'] }, { timeoutMs: 5000 })).toEqual(['Grüße']);
  await expect(bus.call({ ...echo, signature: 'u', body: ['no number'] }, { timeoutMs: 5000 })).rejects.toMatchObject({
    code: 'SESSION_BUS_FAILED',
  });
});

test('Who does not answer is given up, and answers again when they come to', async () => {
  await using desktop = await startDesktop({ display: false });
  await using bus = await open(desktop);
  const child = await startEcho(desktop, bus);
  child.kill('SIGSTOP');
  await expect(bus.call({ ...echo, signature: 's', body: ['?'] }, { timeoutMs: 200 })).rejects.toMatchObject({
    code: 'SESSION_BUS_FAILED',
  });
  child.kill('SIGCONT');
  expect(await bus.call({ ...echo, signature: 's', body: ['again'] }, { timeoutMs: 10_000 })).toEqual(['again']);
});

test('A bus that ends is told of, ends what was asked, and takes nothing with it', async () => {
  await using desktop = await startDesktop({ display: false });
  await using bus = await open(desktop);
  const child = await startEcho(desktop, bus);
  child.kill('SIGSTOP');
  const asked = bus.call({ ...echo, signature: 's', body: ['?'] }, { timeoutMs: 60_000 });
  const answer = expect(asked).rejects.toMatchObject({ code: 'SESSION_BUS_FAILED' });
  await desktop.killBus();
  await bus.closed;
  await answer;
  await expect(hasOwner(bus, 'org.example.Echo')).rejects.toMatchObject({ code: 'SESSION_BUS_FAILED' });
  await desktop.startBus();
  await using again = await open(desktop);
  expect(await hasOwner(again, 'org.freedesktop.DBus')).toBe(true);
});

test('A session without a bus has none, and gets none', async () => {
  using folder = temporaryFolder();
  expect(await openSessionBus({ XDG_RUNTIME_DIR: folder.path, DISPLAY: ':99' }, { timeoutMs: 1000 })).toBe(undefined);
  expect(await openSessionBus({ DBUS_SESSION_BUS_ADDRESS: 'autolaunch:' }, { timeoutMs: 1000 })).toBe(undefined);
  const gone = `unix:path=${join(folder.path, 'gone')}`;
  expect(await openSessionBus({ DBUS_SESSION_BUS_ADDRESS: gone }, { timeoutMs: 1000 })).toBe(undefined);
  writeFileSync(join(folder.path, 'bus'), 'no socket');
  expect(await openSessionBus({ XDG_RUNTIME_DIR: folder.path }, { timeoutMs: 1000 })).toBe(undefined);
});

test('A bus that lets in and says nothing is none', async () => {
  using folder = temporaryFolder();
  mkdirSync(folder.path, { recursive: true });
  const server = createServer(() => undefined).listen(join(folder.path, 'bus'));
  try {
    expect(await openSessionBus({ XDG_RUNTIME_DIR: folder.path }, { timeoutMs: 300 })).toBe(undefined);
  } finally {
    server.close();
  }
});

test('A signal is heard from who has the name, and from nobody who pretends to', async () => {
  await using desktop = await startDesktop({ display: false });
  await using bus = await open(desktop);
  const heard: unknown[] = [];
  await using _listening = await bus.onSignal(
    { sender: 'org.example.Echo', interface: 'org.example.Echo', member: 'Said' },
    (body) => heard.push(...body),
  );
  await startEcho(desktop, bus); // the name is taken after we began to listen
  const emit = (text: string) =>
    spawn('busctl', ['--user', 'emit', '/', 'org.example.Echo', 'Said', 's', text], { env: desktop.environment });
  const pretender = emit('pretended');
  await new Promise((done) => pretender.once('exit', done));
  await bus.call({ ...echo, signature: 's', body: ['true'] }, { timeoutMs: 5000 });
  await vi.waitUntil(() => heard.length > 0, { timeout: 5000 });
  expect(heard).toEqual(['true']);
});
