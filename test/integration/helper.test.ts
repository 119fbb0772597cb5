// The one who helps is told by us when the owner cannot see it. Without these, they could be told nothing, all day, or too much of what
// is the owner's own.

import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { composeKeepsake } from '../../src/agent/compose.ts';
import { type HelperMessage, helperMessage } from '../../src/agent/helper/helper-message.ts';
import { type HelperTarget, parseHelperUrl } from '../../src/agent/helper/helper-target.ts';
import { noteOfHelper } from '../../src/agent/helper/helper-words.ts';
import { sendToHelper } from '../../src/agent/helper/send-to-helper.ts';
import { findHelperTrouble, type HelperOptions, tellHelper } from '../../src/agent/helper/tell-helper.ts';
import { lookAtRecords } from '../../src/agent/independent-check/look-at-records.ts';
import { configureAgent, devicesOf } from '../support/agent.ts';
import { copyScene } from '../support/copies.ts';
import { makePhoneScene } from '../support/iphone/phone-scene.ts';
import { finished, keepsake, startKeepsake, temporaryFolder } from '../support/keepsake.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { patience } from '../support/patience.ts';
import { type RecordingServer, startRecordingServer } from '../support/recording-server.ts';

const dayMs = 86_400_000;

interface Home {
  readonly path: string;
  /** What the next call finds wrong. */
  wrong: readonly string[];
  readonly clock: ManualClock;
  tell(): ReturnType<typeof tellHelper>;
  options(): Promise<HelperOptions>;
}

/** A Keepsake with these settings, in which things go wrong at the test's wish. */
function makeHome(settings: Readonly<Record<string, unknown>>): Home {
  const folder = temporaryFolder();
  onTestFinished(() => folder[Symbol.dispose]());
  configureAgent(folder.path, { timeZone: 'UTC', ...settings });
  const environment = {
    ...{ HOME: folder.path, KEEPSAKE_HOME: folder.path, PATH: process.env['PATH'] },
    XDG_RUNTIME_DIR: join(folder.path, 'run'),
  };
  const { paths, config } = composeKeepsake(environment);
  const clock = new ManualClock();
  const home: Home = {
    ...{ path: folder.path, wrong: [], clock },
    options: async () => ({
      ...{ paths, environment, clock, settings: await config() },
      signal: new AbortController().signal,
    }),
    tell: async () =>
      await tellHelper({
        ...(await home.options()),
        findFindings: async () =>
          home.wrong.map((code) => ({
            ...{ code, key: `need:${code}`, level: 'serious', isAgents: false },
            ...{ message: 'On the disk "Blue" of Mum', remedy: '/home/mum/Pictures', name: "Mum's iPhone" },
          })),
      }),
  };
  return home;
}

async function server(): Promise<RecordingServer> {
  const started = await startRecordingServer();
  onTestFinished(() => started[Symbol.asyncDispose]());
  return started;
}

function bodies({ received }: RecordingServer): readonly HelperMessage[] {
  return received.map(({ body }) => JSON.parse(body) as HelperMessage);
}

test('Unless the owner set it, nobody is told anything, nobody looks, and nothing is written', async () => {
  const home = makeHome({});
  expect(await tellHelper({ ...(await home.options()), findFindings: () => Promise.reject(new Error('looked')) })).toBe(
    'nobody',
  );
  expect(existsSync(join(home.path, 'state'))).toBe(false);
});

test('An address of its own gets the codes, once for each change and once a month', async () => {
  const there = await server();
  const home = makeHome({ helperUrl: `${there.address}/hook?key=1` });
  expect(await home.tell()).toBe('told');
  expect(await home.tell()).toBe('nothingNew');
  home.wrong = ['CATALOG_DAMAGED'];
  expect(await home.tell()).toBe('told');
  expect(await home.tell()).toBe('nothingNew');
  home.clock.setWall(home.clock.nowMs() + 3 * dayMs);
  home.wrong = [];
  await home.tell();
  home.clock.setWall(home.clock.nowMs() + 31 * dayMs);
  await home.tell();
  expect(bodies(there).map(({ kind, state }) => `${kind} ${state}`)).toEqual([
    'summary ok',
    'change needsYou',
    'change ok',
    'summary ok',
  ]);
  const [, changed] = bodies(there);
  expect(changed).toMatchObject({
    format: 1,
    since: '2026-01-01',
    version: JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')).version,
    facts: [{ code: 'CATALOG_DAMAGED', level: 'serious', days: 0 }],
  });
  expect(there.received[0]).toMatchObject({
    method: 'POST',
    path: '/hook?key=1',
    headers: { 'content-type': 'application/json' },
  });
});

test('A telephone gets a title and sentences', async () => {
  const there = await server();
  const home = makeHome({ helperUrl: `ntfy+${there.address}/topic` });
  home.wrong = ['AGENT_NOT_RUNNING'];
  await home.tell();
  expect(there.received).toMatchObject([
    {
      method: 'POST',
      path: '/topic',
      headers: { title: 'Keepsake: somebody should have a look', tags: 'warning' },
      body: expect.stringMatching(/^Keepsake does not run, since today\.\nKeepsake \d/),
    },
  ]);
});

test('A service that waits for signs of life gets one a day, and is told at once when something is wrong', async () => {
  const there = await server();
  const home = makeHome({ helperUrl: `healthchecks+${there.address}/ping/uuid/` });
  for (let day = 0; day < 3; day += 1) {
    await home.tell();
    await home.tell();
    home.clock.setWall(home.clock.nowMs() + dayMs);
  }
  home.wrong = ['LIBRARY_MISSING'];
  await home.tell();
  home.wrong = [];
  await home.tell();
  expect(there.received.map(({ path }) => path)).toEqual([
    ...['/ping/uuid', '/ping/uuid', '/ping/uuid'],
    ...['/ping/uuid/fail', '/ping/uuid'],
  ]);
});

test('A program gets the message on its input, with what it was given, and no shell reads any of it', async () => {
  const folder = temporaryFolder();
  onTestFinished(() => folder[Symbol.dispose]());
  const [program, out] = [join(folder.path, 'tell'), join(folder.path, 'out')];
  writeFileSync(program, `#!/bin/sh\nprintf '%s|' "$@" > "${out}"\ncat >> "${out}"\nhead -c 100000000 /dev/zero\n`);
  chmodSync(program, 0o700);
  const home = makeHome({ helperCommand: [program, '-t', '$(touch x); "a b"', ''.padEnd(3, '*')] });
  home.wrong = ['AGENT_UNREACHABLE'];
  expect(await home.tell()).toBe('told');
  const [given = '', json = ''] = readFileSync(out, 'utf8').split('|{');
  expect(given).toBe('-t|$(touch x); "a b"|***');
  expect(JSON.parse(`{${json}`)).toMatchObject({ state: 'needsYou', facts: [{ code: 'AGENT_UNREACHABLE' }] });
});

test.for([
  ['reports a fault', '#!/bin/sh\ncat > /dev/null\nexit 3\n', 'PROGRAM_FAILED'],
  ['is not there', undefined, 'PROGRAM_MISSING'],
  ['does not read what it gets', '#!/bin/sh\nexec 0<&-\nexit 1\n', 'PROGRAM_FAILED'],
] as const)('A program that %s is tried again', async ([, script, why]) => {
  const folder = temporaryFolder();
  onTestFinished(() => folder[Symbol.dispose]());
  const program = join(folder.path, 'tell');
  if (script !== undefined) writeFileSync(program, script, { mode: 0o700 });
  const home = makeHome({ helperCommand: [program] });
  expect(await home.tell()).toBe('failed');
  expect(readFileSync(join(home.path, 'state/helper.json'), 'utf8')).toContain(why);
  writeFileSync(program, '#!/bin/sh\ncat > /dev/null\n', { mode: 0o700 });
  expect(await home.tell()).toBe('told');
  expect(await home.tell()).toBe('nothingNew');
});

test('What did not get through is sent at the next call, as things stand then; after a week the owner hears of it', async () => {
  const there = await server();
  const home = makeHome({ helperUrl: there.address, helperName: 'Anna' });
  there.answers((response) => response.writeHead(500).end('a'.repeat(1_000_000)));
  home.wrong = ['CATALOG_DAMAGED'];
  expect(await home.tell()).toBe('failed');
  home.clock.setWall(home.clock.nowMs() + 6 * dayMs);
  expect(await home.tell()).toBe('failed');
  expect(await findHelperTrouble(await home.options())).toEqual([]);
  home.clock.setWall(home.clock.nowMs() + 2 * dayMs);
  home.wrong = ['CATALOG_MISSING'];
  expect(await home.tell()).toBe('failed');
  const [trouble] = await findHelperTrouble(await home.options());
  expect(trouble).toMatchObject({ code: 'HELPER_UNREACHABLE', message: expect.stringMatching(/8 days Anna.*500/) });
  there.answers((response) => response.end());
  expect(await home.tell()).toBe('told');
  expect(await findHelperTrouble(await home.options())).toEqual([]);
  expect(bodies(there).at(-1)?.facts).toMatchObject([{ code: 'CATALOG_MISSING' }]);
});

test('One that takes the call and says nothing is hung up on, and may be interrupted', async () => {
  const there = await server();
  const home = makeHome({ helperUrl: there.address });
  const stop = new AbortController();
  there.answers(() => stop.abort(new Error('the computer is shut down')));
  const options = { ...(await home.options()), signal: stop.signal, findFindings: async () => [] };
  await expect(tellHelper(options)).rejects.toThrow('the computer is shut down');
  there.answers(() => undefined);
  expect(await sendAtMost(300, there.address)).toEqual({ isSent: false, why: 'NO_ANSWER' });
});

test('A program that does not come to an end is ended, with what it started', async () => {
  const folder = temporaryFolder();
  onTestFinished(() => folder[Symbol.dispose]());
  const pidFile = join(folder.path, 'pid');
  const args = ['-c', `sleep 1000 & echo $! > ${pidFile}; wait`];
  expect(await sendAtMost(5000, { kind: 'command', command: '/bin/sh', args })).toEqual({
    isSent: false,
    why: 'PROGRAM_HUNG',
  });
  const pid = Number(readFileSync(pidFile, 'utf8'));
  await expect.poll(() => isRunning(pid), patience).toBe(false);
});

async function sendAtMost(timeoutMs: number, to: string | HelperTarget) {
  const target = typeof to === 'string' ? parseHelperUrl(to) : to;
  if (target === undefined) throw new Error('no address');
  const message = helperMessage({ kind: 'summary', sinceMs: 0, version: '1', facts: [] });
  return await sendToHelper({ target, message, environment: {}, signal: new AbortController().signal, timeoutMs });
}

/** A process that has ended and that nobody has asked about yet does not run. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

test('Nobody there is a failure like any other', async () => {
  const there = await server();
  const home = makeHome({ helperUrl: there.address });
  await there[Symbol.asyncDispose]();
  expect(await home.tell()).toBe('failed');
  expect(readFileSync(join(home.path, 'state/helper.json'), 'utf8')).toContain('NO_CONNECTION');
});

test('It follows the same host to another path, and nobody to another host', async () => {
  const [there, elsewhere] = [await server(), await server()];
  const home = makeHome({ helperUrl: `${there.address}/old` });
  there.answers((response, { path }) =>
    path === '/old' ? response.writeHead(308, { location: '/new' }).end() : response.end(),
  );
  expect(await home.tell()).toBe('told');
  expect(there.received.map(({ path }) => path)).toEqual(['/old', '/new']);
  home.wrong = ['CATALOG_DAMAGED'];
  there.answers((response) => response.writeHead(302, { location: `${elsewhere.address}/` }).end());
  expect(await home.tell()).toBe('failed');
  there.answers((response) => response.writeHead(302, { location: '/old' }).end());
  expect(await home.tell(), 'round and round').toBe('failed');
  expect(elsewhere.received).toEqual([]);
  expect(there.received.length).toBeLessThan(10);
});

test('Two that tell at the same time send once', async () => {
  const there = await server();
  const home = makeHome({ helperUrl: there.address });
  const outcomes = await Promise.all([home.tell(), home.tell(), home.tell()]);
  expect(outcomes.toSorted()).toEqual(['busy', 'busy', 'told']);
  expect(there.received).toHaveLength(1);
});

test('Where the home folder takes nothing, what was told is remembered for the session', async () => {
  const there = await server();
  const home = makeHome({ helperUrl: there.address });
  mkdirSync(join(home.path, 'state/helper.json/in-the-way'), { recursive: true });
  expect(await home.tell()).toBe('told');
  expect(await home.tell()).toBe('nothingNew');
  expect(there.received).toHaveLength(1);
  rmSync(join(home.path, 'state/helper.json'), { recursive: true });
  home.wrong = ['DISK_NEARLY_FULL'];
  expect(await home.tell()).toBe('told');
  expect(await home.tell(), 'and then in its usual place').toBe('nothingNew');
  expect(existsSync(join(home.path, 'state/helper.json'))).toBe(true);
});

test('What can be remembered nowhere is not sent, or it would be sent each hour', async () => {
  const there = await server();
  const home = makeHome({ helperUrl: there.address });
  mkdirSync(join(home.path, 'state/helper.json/in-the-way'), { recursive: true });
  writeFileSync(join(home.path, 'run'), 'not a folder');
  expect(await home.tell()).toBe('unremembered');
  expect(there.received).toEqual([]);
});

test.for([
  ['nothing', ''],
  ['half of it', '{"version":1,"targ'],
  ['of another kind', '[]'],
] as const)('What it remembered is damaged (%s): it is told once more, and then remembered', async ([, text]) => {
  const there = await server();
  const home = makeHome({ helperUrl: there.address });
  mkdirSync(join(home.path, 'state'));
  writeFileSync(join(home.path, 'state/helper.json'), text);
  expect(await home.tell()).toBe('told');
  expect(await home.tell()).toBe('nothingNew');
});

test('Another address is told anew', async () => {
  const [first, second] = [await server(), await server()];
  const home = makeHome({ helperUrl: first.address });
  await home.tell();
  configureAgent(home.path, { helperUrl: second.address });
  expect(await home.tell()).toBe('told');
  expect(second.received).toHaveLength(1);
});

test('Nothing that is sent names a person, a device, a drive, a file or a place', async () => {
  const there = await server();
  await using at = await makePhoneScene({ name: "Grandma Mathilda's iPhone" });
  using scene = await copyScene({ photos: 2 });
  configureAgent(scene.home, {
    ...{ library: scene.library, cardRoots: [], timeZone: 'Europe/Berlin' },
    ...{ helperUrl: there.address, helperName: 'Anna' },
  });
  at.phone.files.addSynthetic('DCIM/100APPLE/IMG_4711.JPG', 60_000, new Date(1.6e12));
  const { environment } = at;
  const [device] = await devicesOf(scene.home, environment);
  await scene.run(['enroll', device?.id ?? ''], { environment });
  await scene.run(['backup', device?.id ?? ''], { environment });
  at.phone.isLocked = true;
  await scene.run(['backup', device?.id ?? ''], { environment });
  at.phone.detach();
  const { paths, register, config } = composeKeepsake({ HOME: scene.home, KEEPSAKE_HOME: scene.home });
  await register.noteVisit(device?.id ?? '', 'PHONE_LOCKED');
  const clock = new ManualClock();
  clock.setWall(Date.now() + 200 * dayMs);
  const inHome = { HOME: scene.home, KEEPSAKE_HOME: scene.home };
  const look = await lookAtRecords({ paths, environment: inHome, nowMs: clock.nowMs(), isThorough: false });
  expect(look.findings.map(({ message }) => message).join()).toContain('Mathilda');
  await tellHelper({
    ...{ paths, environment: inHome, settings: await config(), clock, signal: new AbortController().signal },
    findFindings: async () => look.findings,
  });
  const [{ body = '', headers = {} } = {}] = there.received;
  expect(JSON.parse(body)).toMatchObject({
    state: 'needsYou',
    facts: expect.arrayContaining([{ code: 'PHONE_OVERDUE', level: 'serious', days: 200, because: ['PHONE_LOCKED'] }]),
  });
  const { host: _, ...otherHeaders } = headers; // its port is any number
  const sent = `${body} ${JSON.stringify(otherHeaders)}`;
  // Every name, id and path that our own files know.
  const known = ['devices.json', 'libraries.json', 'drives.json']
    .filter((name) => existsSync(join(paths.state, name)))
    .flatMap((name) => textsIn(JSON.parse(readFileSync(join(paths.state, name), 'utf8'))))
    .filter((text) => text !== 'PHONE_LOCKED');
  expect(known.join()).toContain('Mathilda');
  const words = [
    ...known,
    ...readdirSync(scene.library, { recursive: true, encoding: 'utf8' }),
    scene.home,
    'Anna',
    'IMG_',
  ];
  expect(words.filter((word) => word.length > 3 && sent.includes(word))).toEqual([]);
});

/** And the names of entries that are paths. */
function textsIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) => [...(key.includes('/') ? [key] : []), ...textsIn(each)]);
}

test('The owner is asked, sees what is sent, can try it, and can end it', async () => {
  const there = await server();
  using folder = temporaryFolder();
  const run = async (...args: readonly string[]) => await keepsake(args, { home: folder.path });
  expect(await run('helper')).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining('Does someone help you with the computer?'),
  });
  expect(await run('helper', 'test')).toMatchObject({ exitCode: 1 });
  expect(await run('config', 'set', 'helperUrl', 'anna@example.org')).toMatchObject({ exitCode: 1 });
  await run('config', 'set', 'helperUrl', `healthchecks+${there.address}/uuid`);
  await run('config', 'set', 'helperName', 'Anna');
  expect(await run('helper', 'test')).toMatchObject({ exitCode: 0 });
  expect(there.received).toMatchObject([{ path: '/uuid/log', body: expect.stringContaining('"kind":"test"') }]);
  const shown = await run('helper');
  expect(shown.stdout).toMatch(/Anna is told.*127\.0\.0\.1/);
  expect(shown.stdout).toContain('"state":"ok"');
  expect(shown.stdout, 'the address is a secret').not.toContain('uuid');
  expect(JSON.parse((await run('helper', '--json')).stdout)).toMatchObject({
    targets: [{ kind: 'url', service: 'healthchecks' }],
    lastToldAt: null,
    message: { state: 'ok', facts: [] },
  });
  there.answers((response) => response.writeHead(404).end());
  expect(await run('helper', 'test')).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('404') });
  expect(await run('helper', 'off')).toMatchObject({ exitCode: 0 });
  expect((await run('helper')).stdout).toContain('Does someone help');
});

test('That somebody is told stands in the status, with how to end it', async () => {
  expect(noteOfHelper({ helperUrl: undefined, helperCommand: [], helperName: 'Anna' })).toEqual([]);
  expect(noteOfHelper({ helperUrl: 'https://ntfy.sh/x', helperCommand: [], helperName: 'Anna' })).toMatchObject([
    {
      code: 'HELPER_TOLD',
      message: expect.stringMatching(/^Anna is told/),
      remedy: expect.stringContaining('helper off'),
    },
  ]);
});

test('The daily check tells too, as a process of its own, and not what was told', async () => {
  const there = await server();
  using folder = temporaryFolder();
  configureAgent(folder.path, { helperUrl: there.address });
  for (let time = 0; time < 2; time += 1) {
    const { exitCode, stdout } = await finished(startKeepsake(['check', '--json'], { home: folder.path }));
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '{"ok":true,"findings":[]}\n' });
  }
  expect(bodies(there)).toMatchObject([{ kind: 'summary', state: 'ok' }]);
});
