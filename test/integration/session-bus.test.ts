// Anybody in the session may be on the bus, hang, or end it: none of that may hold up or end the program that saves photos.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { beforeEach, expect, test, vi } from 'vitest';
import { hasOwner, isUnanswered, openSessionBus, type SessionBus } from '../../src/platform/session-bus.ts';
import { projectRoot, temporaryFolder } from '../support/keepsake.ts';
import { patience } from '../support/patience.ts';
import { type Desktop, needDesktop, startDesktop } from '../support/private-desktop.ts';

beforeEach((context) => needDesktop(context));

async function open(desktop: Desktop): Promise<SessionBus> {
  const bus = await openSessionBus(desktop.environment, { timeoutMs: 5000 });
  if (bus === undefined) throw new Error('there is no bus');
  return bus;
}

const echo = { destination: 'org.example.Echo', path: '/', interface: 'org.example.Echo', member: 'Say' } as const;

/** Somebody with the name org.example.Echo, in a process of their own. */
async function startEcho(desktop: Desktop, bus: SessionBus) {
  const child = desktop.start(process.execPath, [join(import.meta.dirname, '../support/bus-echo.ts')]);
  await vi.waitUntil(() => hasOwner(bus, 'org.example.Echo'), patience);
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
  const failure = await bus.call({ ...echo, signature: 's', body: ['?'] }, { timeoutMs: 200 }).catch((error) => error);
  expect(failure).toMatchObject({ code: 'SESSION_BUS_FAILED' });
  expect(isUnanswered(failure)).toBe(true);
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
  // Kinds of address for which a program would be started.
  const started = join(folder.path, 'started');
  for (const first of ['', 'unix:tmpdir=/tmp;', 'unix:path=%;']) {
    const address = `${first}unixexec:path=/bin/touch,argv1=${started},arg1=${started}`;
    expect(await openSessionBus({ DBUS_SESSION_BUS_ADDRESS: address }, { timeoutMs: 1000 })).toBe(undefined);
  }
  expect(existsSync(started)).toBe(false);
});

test('A bus is found by the addresses that sessions have', async () => {
  await using desktop = await startDesktop({ display: false });
  const { XDG_RUNTIME_DIR: folder = '' } = desktop.environment;
  const environments = [
    { XDG_RUNTIME_DIR: folder },
    { DBUS_SESSION_BUS_ADDRESS: '', XDG_RUNTIME_DIR: folder },
    { DBUS_SESSION_BUS_ADDRESS: `unix:path=${folder}/bus,guid=0123456789abcdef` },
    { DBUS_SESSION_BUS_ADDRESS: `tcp:host=localhost,port=1;unix:path=${folder.replaceAll('-', '%2d')}/bus` },
  ];
  for (const environment of environments) {
    await using bus = await openSessionBus(environment, { timeoutMs: 5000 });
    expect(bus, JSON.stringify(environment)).toBeDefined();
  }
});

test('A bus that lets in and says nothing is none, and is let go of', async () => {
  using folder = temporaryFolder();
  // As a process that hangs: it never closes its end.
  const server = createServer({ allowHalfOpen: true }).listen(join(folder.path, 'bus'));
  const sockets: Socket[] = [];
  server.on('connection', (socket) => sockets.push(socket.on('error', () => undefined).resume()));
  try {
    expect(await openSessionBus({ XDG_RUNTIME_DIR: folder.path }, { timeoutMs: 300 })).toBe(undefined);
    // Whoever only half closes its end keeps it, and its process. Writing to one that is closed is an error.
    await vi.waitUntil(() => {
      sockets[0]?.write('?');
      return sockets[0]?.destroyed;
    }, patience);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});

test('A bus that sends more than a message may have, or no messages at all, is left', async () => {
  using folder = temporaryFolder();
  // "l", a method's answer, version 1, and a body of 64 MiB to come.
  const tooLarge = Buffer.alloc(16);
  tooLarge.write('l\u0002\u0000\u0001', 'latin1');
  tooLarge.writeUInt32LE(64 * 1024 * 1024, 4);
  for (const [index, what] of [tooLarge, Buffer.from('HTTP/1.1 400 Bad Request')].entries()) {
    const path = join(folder.path, `bus${index}`);
    const server = createServer((socket) => {
      socket
        .on('error', () => undefined)
        .on('data', (data) => {
          if (data.includes('AUTH')) socket.write('OK 0123456789abcdef\r\n');
          if (data.includes('BEGIN')) socket.write(what);
        });
    }).listen(path);
    try {
      const environment = { DBUS_SESSION_BUS_ADDRESS: `unix:path=${path}` };
      // Long before the time it would have.
      expect(await openSessionBus(environment, { timeoutMs: 60_000 })).toBe(undefined);
    } finally {
      server.close();
    }
  }
});

test('A process that gave up a bus that hangs ends by itself', async () => {
  await using desktop = await startDesktop({ display: false });
  await using bus = await open(desktop);
  const ofBus = { destination: 'org.freedesktop.DBus', path: '/', interface: 'org.freedesktop.DBus' };
  const question = { ...ofBus, member: 'GetConnectionUnixProcessID', signature: 's', body: [ofBus.destination] };
  const [busProcess] = (await bus.call(question, { timeoutMs: 5000 })) as [number];
  const script = `
    import { openSessionBus } from ${JSON.stringify(join(projectRoot, 'src/platform/session-bus.ts'))};
    const bus = await openSessionBus(process.env, { timeoutMs: 30_000 });
    process.send('open');
    process.once('message', async () => {
      process.disconnect();
      await bus.call({ ...${JSON.stringify(ofBus)}, member: 'GetId' }, { timeoutMs: 100 })
        .catch(() => bus[Symbol.asyncDispose]());
    });`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    ...{ env: desktop.environment, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] },
  });
  try {
    await once(child, 'message');
    process.kill(busProcess, 'SIGSTOP');
    child.send('go');
    expect(await once(child, 'exit', { signal: AbortSignal.timeout(patience.timeout) })).toEqual([0, null]);
  } finally {
    child.kill('SIGKILL');
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
  await vi.waitUntil(() => heard.length > 0, patience);
  expect(heard).toEqual(['true']);
});

test('A signal is heard of the one it is asked for, and no more when nobody listens', async () => {
  await using desktop = await startDesktop({ display: false });
  await using bus = await open(desktop);
  const heard: unknown[] = [];
  const ofNames = { sender: 'org.freedesktop.DBus', interface: 'org.freedesktop.DBus', member: 'NameOwnerChanged' };
  const listening = await bus.onSignal({ ...ofNames, firstValue: 'org.example.Echo' }, ([name]) => heard.push(name));
  const child = await startEcho(desktop, bus); // whose name on the bus is told of too, to those who ask for all
  await vi.waitUntil(() => heard.length > 0, patience);
  expect(heard).toEqual(['org.example.Echo']);
  await listening[Symbol.asyncDispose]();
  child.kill('SIGKILL');
  await vi.waitUntil(async () => !(await hasOwner(bus, 'org.example.Echo')), patience);
  expect(heard).toEqual(['org.example.Echo']);
});
