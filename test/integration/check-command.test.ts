// When Keepsake itself has died, this is all that is left to say so. It must find that, say nothing when all is well, and not fall over
// what made Keepsake die.

import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { composeKeepsake } from '../../src/agent/compose.ts';
import { type CheckOptions, runIndependentCheck } from '../../src/agent/independent-check/check.ts';
import { autostartFile } from '../../src/agent/install/autostart.ts';
import { carriedEnvironment, findProgram } from '../../src/agent/install/program.ts';
import { renderAutostart } from '../../src/agent/install/render.ts';
import { AgentError } from '../../src/domain/errors.ts';
import type { Notice } from '../../src/domain/notice.ts';
import { configureAgent, devicesOf, startAgent } from '../support/agent.ts';
import { type CopyScene, copyScene } from '../support/copies.ts';
import { makePhoneScene } from '../support/iphone/phone-scene.ts';
import { finished, keepsake, startKeepsake, temporaryFolder } from '../support/keepsake.ts';
import { createVolume, needVolumes } from '../support/loop-volume.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { startRecorder } from '../support/notification-recorder.ts';
import { startDesktop } from '../support/private-desktop.ts';
import { startRecordingServer } from '../support/recording-server.ts';
import { needLinux, needPrograms } from '../support/requirements.ts';

const dayMs = 86_400_000;

/** As the system's timer does each day, with a desktop that takes everything. */
class Days {
  readonly #home: string;
  readonly #environment: Readonly<Record<string, string>>;
  readonly clock = new ManualClock();
  showNotice: NonNullable<CheckOptions['showNotice']> = async () => undefined;

  constructor(home: string, environment: Readonly<Record<string, string>> = {}) {
    this.#home = home;
    this.#environment = environment;
    // Noon in UTC, so that it is day on any day.
    this.clock.setWall(Math.floor(Date.now() / dayMs) * dayMs + dayMs / 2);
  }

  pass(days: number): void {
    this.clock.setWall(this.clock.nowMs() + days * dayMs);
  }

  async check(): Promise<{ readonly codes: readonly string[]; readonly shown: readonly Notice[] }> {
    const shown: Notice[] = [];
    const { ok, findings } = await runIndependentCheck({
      environment: { HOME: this.#home, KEEPSAKE_HOME: this.#home, ...this.#environment },
      seams: { clock: this.clock },
      signal: new AbortController().signal,
      showNotice: async (notice) => {
        await this.showNotice(notice);
        shown.push(notice);
      },
    });
    const codes = findings.map(({ code }) => code);
    expect(ok).toBe(codes.length === 0);
    for (const { message, remedy } of findings) expect(`${message} ${remedy}`).toMatch(/\w.*\w/);
    return { codes, shown };
  }
}

async function savedScene(photos = 2): Promise<CopyScene> {
  const scene = await copyScene({ photos });
  configureAgent(scene.home, { library: scene.library, cardRoots: [], timeZone: 'UTC' });
  return scene;
}

function catalogOf({ home }: CopyScene): string {
  const id = JSON.parse(readFileSync(join(home, '../library/.keepsake/library.json'), 'utf8')).id;
  return join(home, `state/catalogs/${id}.db`);
}

test('Where nothing was saved yet there is nothing to warn of, without settings as well', async () => {
  using folder = temporaryFolder();
  const home = join(folder.path, 'nothing/here');
  expect(await keepsake(['check', '--json'], { home })).toEqual({
    exitCode: 0,
    stdout: '{"ok":true,"findings":[]}\n',
    stderr: '',
  });
  expect(await keepsake(['check'], { home })).toMatchObject({ exitCode: 0, stdout: 'All is well.\n' });
});

test('When all is well it says so and shows nothing', async () => {
  using scene = await savedScene();
  const days = new Days(scene.home);
  for (let day = 0; day < 3; day += 1) {
    expect(await days.check()).toEqual({ codes: [], shown: [] });
    days.pass(1);
  }
});

test('An agent that runs is well; killed, its absence is found by all that ask, and shown once in three days', async () => {
  using scene = await savedScene();
  const days = new Days(scene.home);
  {
    await using agent = await startAgent({ home: scene.home });
    expect(await days.check()).toEqual({ codes: [], shown: [] });
    await agent.stop('SIGKILL');
  }
  days.pass(1);
  const first = await days.check();
  expect(first).toMatchObject({
    codes: ['AGENT_NOT_RUNNING'],
    shown: [{ key: 'need:AGENT_NOT_RUNNING', title: 'Keepsake', weight: 'normal', buttons: [] }],
  });
  expect(first.shown[0]?.body).toContain('not running');
  for (const [later, isShown] of [
    [2, false],
    [1, true],
  ] as const) {
    days.pass(later);
    const { codes, shown } = await days.check();
    expect(codes).toEqual(['AGENT_NOT_RUNNING']);
    expect(shown.length > 0).toBe(isShown);
  }
  days.pass(20);
  expect(await days.check(), 'nobody seems to want it any more').toEqual({ codes: [], shown: [] });
});

/** Where nothing is shown now: only the answer counts. */
function nightZone(): string {
  return zoneWhereItIs(2);
}

function dayZone(): string {
  return zoneWhereItIs(14);
}

function zoneWhereItIs(hour: number): string {
  const ahead = (hour - new Date().getUTCHours() + 24) % 24;
  const offset = ahead > 14 ? ahead - 24 : ahead;
  return offset < 0 ? `Etc/GMT+${-offset}` : `Etc/GMT-${offset}`; // their signs are the other way round (tzdata, "etcetera")
}

async function answerOf(home: string): Promise<{ readonly exitCode: number; readonly codes: readonly string[] }> {
  const { exitCode, stdout, stderr } = await finished(startKeepsake(['check', '--json'], { home }));
  if (stdout === '') throw new Error(stderr);
  const { ok, findings } = JSON.parse(stdout) as { ok: boolean; findings: readonly { code: string }[] };
  expect(exitCode).toBe(ok ? 0 : 2);
  return { exitCode, codes: findings.map(({ code }) => code) };
}

test('As a process of its own it finds the agent well, hung, well again, and killed', async () => {
  using scene = await savedScene();
  configureAgent(scene.home, { library: scene.library, cardRoots: [], timeZone: nightZone() });
  await using agent = await startAgent({ home: scene.home });
  expect(await answerOf(scene.home)).toEqual({ exitCode: 0, codes: [] });
  agent.child.kill('SIGSTOP');
  expect(await answerOf(scene.home)).toEqual({ exitCode: 2, codes: ['AGENT_UNREACHABLE'] });
  agent.child.kill('SIGCONT');
  expect(await answerOf(scene.home)).toEqual({ exitCode: 0, codes: [] });
  await agent.stop('SIGKILL');
  expect(await answerOf(scene.home)).toEqual({ exitCode: 2, codes: ['AGENT_NOT_RUNNING'] });
});

test('An agent that its owner stopped until the next login is not missed, unless the computer was started since', async () => {
  using scene = await savedScene();
  const days = new Days(scene.home);
  {
    await using agent = await startAgent({ home: scene.home });
    await days.check();
    await agent.stop();
  }
  const { paths } = composeKeepsake({ KEEPSAKE_HOME: scene.home });
  days.pass(1);
  const note = (daysAgo: number) =>
    writeFileSync(paths.stopped, `${new Date(days.clock.nowMs() - daysAgo * dayMs).toISOString()}\n`);
  note(0);
  expect((await days.check()).codes).toEqual([]);
  note(4000);
  expect((await days.check()).codes).toEqual(['AGENT_NOT_RUNNING']);
});

test('What starts at login is missed also if it never ran', async (context) => {
  needLinux(context, 'starts at login by a file of the desktop');
  using folder = temporaryFolder();
  // No service manager is found from here, and what starts at login starts for these folders.
  const environment = { PATH: '/nonexistent', XDG_RUNTIME_DIR: join(folder.path, 'run') };
  const own = { HOME: folder.path, KEEPSAKE_HOME: folder.path, ...environment };
  const [program, carried] = [await findProgram('linux'), carriedEnvironment(own)];
  const days = new Days(folder.path, environment);
  expect((await days.check()).codes).toEqual([]);
  const file = autostartFile(own);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, renderAutostart({ program, carried }));
  expect(await days.check()).toMatchObject({ codes: ['AGENT_NOT_RUNNING'], shown: [{}] });
  writeFileSync(file, renderAutostart({ program, carried: { KEEPSAKE_HOME: '/other' } }));
  expect((await days.check()).codes, 'for other folders than these').toEqual([]);
});

test('A list of photos that is damaged is found, whole or in one place, and so is one that is missing', async () => {
  using scene = await savedScene(300);
  const days = new Days(scene.home);
  const path = catalogOf(scene);
  const whole = readFileSync(path);
  const damages: readonly [string, string, () => void][] = [
    ['overwritten', 'CATALOG_DAMAGED', () => writeFileSync(path, 'no list of photos\n'.repeat(1000))],
    ['cut off', 'CATALOG_DAMAGED', () => truncateSync(path, Math.floor(whole.length / 2))],
    ['torn in the middle', 'CATALOG_DAMAGED', () => writeFileSync(path, torn(whole))],
    ['gone', 'CATALOG_MISSING', () => rmSync(path)],
  ];
  for (const [how, code, damage] of damages) {
    writeFileSync(path, whole);
    damage();
    const { codes } = await days.check();
    expect(codes, how).toEqual([code]);
  }
  writeFileSync(path, whole);
  expect((await days.check()).codes).toEqual([]);
});

/** Zeros in the middle, where a disk has lost a block. */
function torn(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const middle = Math.floor(copy.length / 2 / 4096) * 4096;
  return copy.fill(0, middle, middle + 4096);
}

test('A damaged list is told also while the agent runs: the agent cannot tell it', async () => {
  using scene = await savedScene();
  const days = new Days(scene.home);
  await using _agent = await startAgent({ home: scene.home });
  writeFileSync(catalogOf(scene), 'no list of photos\n'.repeat(1000));
  expect(await days.check()).toMatchObject({ codes: ['CATALOG_DAMAGED'], shown: [{ key: 'need:CATALOG_DAMAGED' }] });
});

test('A photo folder that is not there is found; one that was never begun is not missed', async () => {
  using scene = await savedScene();
  const days = new Days(scene.home);
  renameSync(scene.library, `${scene.library}-elsewhere`);
  expect(await days.check()).toMatchObject({
    codes: ['LIBRARY_MISSING'],
    shown: [{ body: expect.stringContaining(scene.library) }],
  });
  mkdirSync(scene.library); // as the folder of a drive that is not mounted
  expect((await days.check()).codes).toEqual(['LIBRARY_MISSING']);
  configureAgent(scene.home, { library: join(scene.home, 'new'), timeZone: 'UTC' });
  expect((await days.check()).codes).toEqual([]);
});

test('A photo folder on a disk that does not answer is a finding, and holds up nothing', async (context) => {
  needVolumes(context, 'exfat');
  await using disk = await createVolume('exfat', 32);
  using scene = await copyScene({ photos: 0 });
  const library = join(disk.path, 'Photos');
  configureAgent(scene.home, { library, timeZone: nightZone() });
  await scene.run(['backup', scene.card]);
  await disk.remount(); // so that nothing of it is in memory
  const daemon = daemonOf(disk);
  process.kill(daemon, 'SIGSTOP');
  try {
    expect(await answerOf(scene.home)).toEqual({ exitCode: 2, codes: ['LIBRARY_SILENT'] });
  } finally {
    process.kill(daemon, 'SIGCONT');
  }
  expect(await answerOf(scene.home)).toEqual({ exitCode: 0, codes: [] });
});

/** The process that serves it. */
function daemonOf({ path }: { readonly path: string }): number {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const found = pids.find((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(path);
    } catch {
      return false; // it has just ended
    }
  });
  if (found === undefined) throw new Error(`nobody serves ${path}`);
  return Number(found);
}

test('A phone that is overdue is told by the check only where no agent does', async () => {
  await using at = await makePhoneScene({ name: "Mum's iPhone" });
  using scene = await savedScene();
  at.phone.files.addSynthetic('DCIM/100APPLE/IMG_0001.JPG', 60_000, new Date(1.6e12));
  const { environment } = at;
  const [device] = await devicesOf(scene.home, environment);
  await scene.run(['enroll', device?.id ?? ''], { environment });
  await scene.run(['backup', device?.id ?? ''], { environment });
  at.phone.detach();
  const days = new Days(scene.home);
  days.pass(13);
  expect((await days.check()).codes).toEqual([]);
  days.pass(2);
  {
    await using _agent = await startAgent({ home: scene.home, environment });
    expect(await days.check()).toMatchObject({ codes: ['PHONE_OVERDUE'], shown: [] });
  }
  const { codes, shown } = await days.check();
  expect(codes).toEqual(['AGENT_NOT_RUNNING', 'PHONE_OVERDUE']);
  expect(shown.map(({ title }) => title)).toEqual(['Keepsake', "Mum's iPhone"]);
  expect(shown[1]?.body).toMatch(
    /^Photos from Mum's iPhone were last saved 1[45] days ago\. Plug it in and unlock it\.$/,
  );
});

test('An agent that answers but does not remind is not relied on for long', async () => {
  using scene = await savedScene();
  const days = new Days(scene.home);
  const { remind } = composeKeepsake({ HOME: scene.home, KEEPSAKE_HOME: scene.home }, { clock: days.clock });
  await remind();
  days.pass(190); // the photos are due to be checked
  // Within this test it does not come to reminding: that begins after a minute.
  await using _agent = await startAgent({ home: scene.home });
  const shown: boolean[] = [];
  for (let day = 0; day < 5; day += 1) {
    const found = await days.check();
    expect(found.codes).toEqual(['CHECK_DUE']);
    shown.push(found.shown.length > 0);
    days.pass(1);
  }
  expect(shown).toEqual([false, false, false, true, false]);
});

test('What the agent told before it ended is not told again by the check', async () => {
  await using at = await makePhoneScene({ name: "Mum's iPhone" });
  using scene = await savedScene();
  at.phone.files.addSynthetic('DCIM/100APPLE/IMG_0001.JPG', 60_000, new Date(1.6e12));
  const { environment } = at;
  const [device] = await devicesOf(scene.home, environment);
  await scene.run(['enroll', device?.id ?? ''], { environment });
  await scene.run(['backup', device?.id ?? ''], { environment });
  at.phone.detach();
  const days = new Days(scene.home);
  days.pass(20);
  const { remind } = composeKeepsake({ HOME: scene.home, KEEPSAKE_HOME: scene.home }, { clock: days.clock });
  await remind();
  days.clock.setWall(days.clock.nowMs() + 3_600_000);
  expect((await remind()).tell).toHaveLength(1);
  for (const isShown of [false, false, false, true, false]) {
    expect((await days.check()).shown.length > 0).toBe(isShown);
    days.pass(1);
  }
});

test('A pause that has lasted for weeks is spoken of, and while it lasts nobody is reminded', async () => {
  using scene = await savedScene();
  await scene.run(['pause']);
  const days = new Days(scene.home);
  days.pass(13);
  expect((await days.check()).codes).toEqual([]);
  days.pass(200);
  const { codes, shown } = await days.check();
  expect(codes).toEqual(expect.arrayContaining(['PAUSED_FOR_LONG', 'CHECK_DUE']));
  expect(shown.map(({ key }) => key)).toEqual(['need:PAUSED_FOR_LONG']);
});

test('Settings with a mistake are a finding and hide nothing that can be found without them', async () => {
  using scene = await savedScene();
  const days = new Days(scene.home);
  {
    await using agent = await startAgent({ home: scene.home });
    await days.check();
    await agent.stop('SIGKILL');
  }
  writeFileSync(join(scene.home, 'config.toml'), 'library = \n');
  expect((await days.check()).codes).toEqual(['AGENT_NOT_RUNNING', 'CONFIG_INVALID']);
  rmSync(join(scene.home, 'config.toml'));
  mkdirSync(join(scene.home, 'config.toml'));
  expect((await days.check()).codes).toEqual(['AGENT_NOT_RUNNING', 'CONFIG_UNREADABLE']);
});

test.for(['', '{"version":1,', '[]', '{"told":3,"lastLeapMs":"x"}', 'null'])(
  'State files that hold %j are no reason to fall over',
  async (text) => {
    using scene = await savedScene();
    const names = ['check', 'helper', 'reminders', 'notices', 'pause', 'schedule', 'devices', 'drives', 'libraries'];
    for (const name of names) writeFileSync(join(scene.home, `state/${name}.json`), text);
    const days = new Days(scene.home);
    const { codes } = await days.check();
    expect(codes).toEqual(['STATE_DAMAGED', 'STATE_DAMAGED']); // of devices, and of drives
    days.pass(1);
    expect((await days.check()).shown, 'and what was shown is remembered').toEqual([]);
  },
);

test('What nobody thought of is a finding too, and hides nothing else', async () => {
  using scene = await savedScene();
  const days = new Days(scene.home);
  {
    await using agent = await startAgent({ home: scene.home });
    await days.check();
    await agent.stop('SIGKILL');
  }
  const path = catalogOf(scene);
  rmSync(path);
  symlinkSync(path, path); // leads to itself
  expect(await days.check()).toMatchObject({ codes: ['CHECK_FAILED', 'AGENT_NOT_RUNNING'], shown: [{}, {}] });
  const { stderr } = await finished(startKeepsake(['check'], { home: scene.home }));
  expect(stderr, 'for whoever mends it').toContain('ELOOP');
});

test('Two checks at once show a thing once', async () => {
  using scene = await savedScene();
  rmSync(catalogOf(scene));
  const days = new Days(scene.home);
  const all = await Promise.all([days.check(), days.check(), days.check()]);
  expect(all.map(({ codes }) => codes)).toEqual([['CATALOG_MISSING'], ['CATALOG_MISSING'], ['CATALOG_MISSING']]);
  expect(all.flatMap(({ shown }) => shown)).toHaveLength(1);
});

test('A notice that no desktop takes is shown the next day', async () => {
  using scene = await savedScene();
  rmSync(catalogOf(scene));
  const days = new Days(scene.home);
  days.showNotice = async () => {
    throw new AgentError('INTERRUPTED', 'No desktop is there.', { remedy: '' });
  };
  expect((await days.check()).shown).toEqual([]);
  days.pass(1);
  days.showNotice = async () => undefined;
  expect((await days.check()).shown).toHaveLength(1);
  days.pass(1);
  expect((await days.check()).shown).toEqual([]);
});

test('A home folder on a disk that turned read-only is told, once, and its list of photos is not called damaged', async (context) => {
  needVolumes(context, 'ext4');
  await using disk = await createVolume('ext4', 32);
  using scene = await savedScene();
  using runtime = temporaryFolder();
  const home = join(disk.path, 'home');
  cpSync(scene.home, home, { recursive: true });
  await disk.remount({ readOnly: true });
  const days = new Days(home, { XDG_RUNTIME_DIR: runtime.path });
  const { codes, shown } = await days.check();
  expect(codes).toEqual(['STATE_WRITE_FAILED', 'DISK_NEARLY_FULL']); // it is a small disk
  expect(shown.map(({ key }) => key)).toEqual(['need:STATE_WRITE_FAILED', 'need:DISK_NEARLY_FULL']);
  days.pass(1);
  expect((await days.check()).shown).toEqual([]);
  days.pass(2);
  expect((await days.check()).shown).toHaveLength(2);
});

test('On a real desktop its absence is shown, once, by a process that is gone by then', async (context) => {
  needPrograms(context, 'dbus-daemon');
  await using desktop = await startDesktop({ display: false });
  await using recorder = await startRecorder(desktop);
  using scene = await savedScene();
  configureAgent(scene.home, { library: scene.library, timeZone: dayZone() });
  rmSync(catalogOf(scene));
  const { DBUS_SESSION_BUS_ADDRESS = '', XDG_RUNTIME_DIR = '' } = desktop.environment;
  for (let time = 0; time < 2; time += 1) {
    const environment = { DBUS_SESSION_BUS_ADDRESS, XDG_RUNTIME_DIR };
    const { exitCode } = await finished(startKeepsake(['check'], { home: scene.home, environment }));
    expect(exitCode).toBe(2);
  }
  expect(recorder.asked).toMatchObject([
    { title: 'Keepsake', body: expect.stringContaining('list of saved photos'), actions: [] },
  ]);
});

test('Without any desktop it ends all the same, and shows it when there is one', async (context) => {
  needPrograms(context, 'dbus-daemon');
  using scene = await savedScene();
  configureAgent(scene.home, { library: scene.library, timeZone: dayZone() });
  rmSync(catalogOf(scene));
  // Nor a program to show it with.
  const path = { PATH: '/nonexistent' };
  expect(await finished(startKeepsake(['check'], { home: scene.home, environment: path }))).toMatchObject({
    exitCode: 2,
  });
  await using desktop = await startDesktop({ display: false });
  await using recorder = await startRecorder(desktop);
  const { DBUS_SESSION_BUS_ADDRESS = '' } = desktop.environment;
  await finished(startKeepsake(['check'], { home: scene.home, environment: { DBUS_SESSION_BUS_ADDRESS } }));
  expect(recorder.asked).toHaveLength(1);
});

test('The one who helps is told what was found, by the same run', async () => {
  await using there = await startRecordingServer();
  using scene = await savedScene();
  configureAgent(scene.home, { library: scene.library, timeZone: nightZone(), helperUrl: there.address });
  await answerOf(scene.home);
  rmSync(catalogOf(scene));
  await answerOf(scene.home);
  await answerOf(scene.home);
  expect(there.received.map(({ body }) => JSON.parse(body))).toMatchObject([
    { kind: 'summary', state: 'ok' },
    { kind: 'change', state: 'needsYou', facts: [{ code: 'CATALOG_MISSING' }] },
  ]);
});

test('One who cannot be told for a week is a finding; that alone is sent to nobody', async () => {
  await using there = await startRecordingServer();
  using scene = await savedScene();
  configureAgent(scene.home, { library: scene.library, timeZone: 'UTC', helperUrl: there.address, helperName: 'Anna' });
  there.answers((response) => response.writeHead(500).end());
  const days = new Days(scene.home);
  expect((await days.check()).codes).toEqual([]);
  days.pass(8);
  const { codes, shown } = await days.check();
  expect(codes).toEqual(['HELPER_UNREACHABLE']);
  expect(shown[0]?.body).toContain('Anna');
  there.answers((response) => response.end());
  expect((await days.check()).codes).toEqual([]);
  expect(JSON.parse(there.received.at(-1)?.body ?? '')).toMatchObject({ state: 'ok', facts: [] });
});
