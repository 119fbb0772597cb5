// The one thing to run when something is wrong: it must find what is, not fall over it, change nothing, and give nothing away.

import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { lstat, readdir, readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { composeKeepsake } from '../../src/agent/compose.ts';
import type { Check } from '../../src/agent/doctor/check.ts';
import { type DoctorOptions, openContext } from '../../src/agent/doctor/context.ts';
import { type DoctorResult, diagnose } from '../../src/agent/doctor/doctor.ts';
import { configureAgent, devicesOf, startAgent } from '../support/agent.ts';
import { type CopyScene, copyScene } from '../support/copies.ts';
import { makePhoneScene } from '../support/iphone/phone-scene.ts';
import { type Answer, keepsake, projectRoot, temporaryFolder } from '../support/keepsake.ts';
import { createVolume, needVolumes } from '../support/loop-volume.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { startRecorder } from '../support/notification-recorder.ts';
import { patience } from '../support/patience.ts';
import { needDesktop, startDesktop } from '../support/private-desktop.ts';
import { needLinux, needPrograms } from '../support/requirements.ts';
import { startHost } from '../support/status-notifier-host.ts';

const dayMs = 86_400_000;

interface Diagnosis extends DoctorResult {
  of(id: string): Check;
  /** Those that failed. */
  readonly failed: readonly string[];
}

/** In this process, with no desktop unless the test has one. Every answer is looked at for what all of them promise. */
async function diagnosed(
  home: string,
  {
    environment = {},
    ...more
  }: Partial<Pick<DoctorOptions, 'limits' | 'quiet' | 'usbDevices'>> & {
    readonly environment?: Readonly<Record<string, string>>;
    readonly clock?: ManualClock;
  } = {},
): Promise<Diagnosis> {
  const all = { HOME: home, KEEPSAKE_HOME: home, USBMUXD_SOCKET_ADDRESS: 'UNIX:/nobody', ...environment };
  const { clock, ...options } = more;
  const context = await openContext({
    ...{ keepsake: composeKeepsake(all, clock === undefined ? {} : { clock }), environment: all },
    limits: { checkMs: 60_000, diskMs: 60_000, agentMs: 50_000, listMs: 60_000, messageMs: 0 },
    ...{ signal: new AbortController().signal, ...options },
  });
  const result = await diagnose(context);
  for (const check of result.checks) assertExplained(check);
  expect(result.ok).toBe(result.checks.every((check) => check.result !== 'fail'));
  expect(new Set(result.checks.map(({ id }) => id)).size).toBe(result.checks.length);
  return {
    ...result,
    failed: result.checks.flatMap(({ id, result: outcome }) => (outcome === 'fail' ? [id] : [])),
    of: (id) => {
      const found = result.checks.find((check) => check.id === id);
      if (found === undefined) throw new Error(`no check ${id} in ${result.checks.map((check) => check.id).join(' ')}`);
      return found;
    },
  };
}

/** style.md: what nobody who is not one of us would understand. */
const banned =
  /\b(asset|resource|volume|mirror|ingest|scrub|manifest|catalogu?e|quarantine|offsite|pairing|sidecar|usbmuxd|udid|daemon|d-bus|systemd|socket)(s|ed|ing)?\b/i;

function assertExplained({ id, title, result, meaning, nextStep }: Check): void {
  expect(`${title}: ${meaning}`, id).toMatch(/\w+.*: .*\w+/);
  // One thing to do, and only where there is something to do.
  expect(nextStep !== undefined, `${id}: ${meaning}`).toBe(result === 'fail' || result === 'advice');
  const said = [title, meaning, nextStep?.replace(/apt install \S+/, '') ?? ''].join(' ').replace(/"[^"]*"/g, '');
  expect(said, id).not.toMatch(banned);
}

async function savedScene(photos = 2): Promise<CopyScene> {
  const scene = await copyScene({ photos });
  configureAgent(scene.home, { library: scene.library, cardRoots: [], timeZone: 'UTC' });
  chmodSync(join(scene.home, 'config.toml'), 0o600);
  return scene;
}

/** Names, kinds, rights, sizes, times and contents. Folders without their times: in some a trial file was. */
async function treeOf(root: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const name of ['', ...(await readdir(root, { recursive: true }).catch(() => []))].sort()) {
    const path = join(root, name);
    const facts = await lstat(path).catch(() => undefined);
    if (facts === undefined) continue;
    const content = facts.isFile()
      ? `${facts.mtimeMs} ${createHash('sha256')
          .update(await readFile(path))
          .digest('hex')}`
      : '';
    found.push(`${name} ${facts.mode.toString(8)} ${facts.isFile() ? facts.size : ''} ${content}`);
  }
  return found;
}

test('Where nothing was saved yet nothing is wrong, and nothing is made', async () => {
  using folder = temporaryFolder();
  const home = join(folder.path, 'nothing/here');
  const doctor = await diagnosed(home);
  expect(doctor.failed).toEqual([]);
  for (const id of ['library', 'list', 'list-copy', 'drives', 'notification']) {
    expect(doctor.of(id).result, id).toBe('skipped');
  }
  for (const id of ['runtime', 'database', 'settings', 'folders', 'version', 'library-room']) {
    expect(doctor.of(id).result, id).toBe('pass');
  }
  expect(doctor.of('login')).toMatchObject({ result: 'advice', nextStep: expect.stringContaining('keepsake install') });
  expect(existsSync(join(folder.path, 'nothing'))).toBe(false);
});

test('All is tried on real disks, and not a byte is other than before', async (context) => {
  needVolumes(context, 'ext4', 'exfat');
  await using one = await createVolume('ext4', 32);
  await using other = await createVolume('exfat', 32);
  using scene = await savedScene(4);
  await scene.addDrive(one, '--name', 'Blue');
  await scene.addDrive(other, '--name', 'Red');
  await scene.run(['mirror']);
  const roots = [scene.home, scene.library, one.path, other.path, scene.card];
  const before = await Promise.all(roots.map(treeOf));
  const doctor = await diagnosed(scene.home);
  expect(await Promise.all(roots.map(treeOf))).toEqual(before);
  expect(doctor.failed).toEqual([]);
  expect(doctor.of('library')).toMatchObject({ result: 'pass', details: { state: 'tried', hardLinks: true } });
  expect(doctor.of('list')).toMatchObject({ result: 'pass', details: { photos: 4 } });
  expect(doctor.of('list-copy').result).toBe('pass');
  const drives = doctor.checks.filter(({ id }) => /^drive-\d$/.test(id));
  expect(
    drives.map(({ title, result, details }) => [/"(\w+)"/.exec(title)?.[1], result, details?.['hardLinks']]),
  ).toEqual([
    ['Blue', 'pass', true],
    ['Red', 'pass', false],
  ]);
  // 32 MB are not much.
  expect(doctor.of('drive-1-room')).toMatchObject({ result: 'advice' });
});

test('With settings that have a mistake, that is said, and the rest is tried all the same', async () => {
  using scene = await savedScene();
  writeFileSync(join(scene.home, 'config.toml'), 'library = 3\n');
  const doctor = await diagnosed(scene.home);
  expect(doctor.failed).toEqual(['settings']);
  expect(doctor.of('settings')).toMatchObject({ details: { code: 'CONFIG_INVALID' } });
  expect(doctor.of('library').result).toBe('skipped');
  expect(doctor.of('database').result).toBe('pass');
});

test('A photo folder that is gone, one that cannot begin, and one whose mark is damaged are three things', async () => {
  using scene = await savedScene();
  renameSync(scene.library, `${scene.library}-away`);
  const gone = await diagnosed(scene.home);
  expect(gone.failed).toEqual(['library']);
  mkdirSync(scene.library); // as the empty folder of a drive that is not connected
  const empty = await diagnosed(scene.home);
  expect(empty.of('library')).toMatchObject({ result: 'fail', meaning: expect.stringContaining(scene.library) });
  for (const away of [gone, empty]) {
    // The list is on this computer; what the disk has that is there instead is of no concern.
    expect(away.of('list')).toMatchObject({ result: 'pass', details: { photos: 2 } });
    for (const id of ['list-copy', 'library-room']) {
      expect(away.of(id)).toMatchObject({ result: 'skipped', meaning: expect.stringContaining('cannot be reached') });
    }
  }
  expect(readdirSync(scene.library)).toEqual([]);
  rmSync(scene.library, { recursive: true });
  renameSync(`${scene.library}-away`, scene.library);
  writeFileSync(join(scene.library, '.keepsake/library.json'), '{');
  const damaged = await diagnosed(scene.home);
  expect(damaged.of('library')).toMatchObject({ result: 'fail', nextStep: expect.stringContaining('--bundle') });
  configureAgent(scene.home, { library: join(scene.home, 'config.toml/Photos') });
  const impossible = await diagnosed(scene.home);
  expect(impossible.of('library')).toMatchObject({ result: 'fail', meaning: expect.stringContaining('is to be') });
});

test('A photo folder that cannot be written, and one on a full disk, are found by trying', async (context) => {
  needVolumes(context, 'ext4');
  await using disk = await createVolume('ext4', 32);
  using scene = await copyScene({ photos: 0 });
  const library = join(disk.path, 'Photos');
  configureAgent(scene.home, { library, timeZone: 'UTC' });
  await scene.run(['backup', scene.card]);
  expect((await diagnosed(scene.home)).failed).toEqual([]);
  await disk.remount({ readOnly: true });
  expect((await diagnosed(scene.home)).of('library')).toMatchObject({
    ...{ result: 'fail', details: { failed: 'write', code: 'EROFS' } },
    nextStep: expect.stringContaining('locked'),
  });
  await disk.remount();
  fill(join(disk.path, 'filler'));
  const full = await diagnosed(scene.home);
  expect(await diagnosedElsewhere(scene.home, { TMPDIR: disk.path })).toContainEqual(
    expect.objectContaining({ id: 'database', result: 'fail', nextStep: expect.stringContaining('Make room') }),
  );
  expect(full.of('library')).toMatchObject({ result: 'fail', details: { code: 'ENOSPC' } });
  expect(full.of('library-room').result).toBe('fail');
  expect(readdirSync(join(library, '.keepsake/incoming'))).toEqual([]);
});

test('Where no home for what Keepsake keeps can be made, that is said', async () => {
  using folder = temporaryFolder();
  writeFileSync(join(folder.path, 'file'), '');
  expect((await diagnosed(join(folder.path, 'file/home'))).of('home')).toMatchObject({
    ...{ result: 'fail', meaning: expect.stringContaining('no photos can be saved') },
  });
});

test('A disk of the home folder that is full or has turned read-only is found by writing to it', async (context) => {
  needVolumes(context, 'ext4');
  await using disk = await createVolume('ext4', 32);
  using scene = await savedScene(0);
  const home = join(disk.path, 'home');
  mkdirSync(home);
  configureAgent(home, { library: scene.library, timeZone: 'UTC' });
  await keepsake(['backup', scene.card], { home });
  // What a trial that was killed left there goes with the next one; what is not of a trial stays, however it is called.
  const left = join(home, 'state/probe-0123456789ab-a');
  for (const path of [left, `${left}.jpg`]) {
    writeFileSync(path, '');
    utimesSync(path, 1e9, 1e9);
  }
  // 32 MB are little, too: that is said of a disk that can be written.
  expect((await diagnosed(home)).of('home')).toMatchObject({
    result: 'fail',
    meaning: expect.stringContaining('Only'),
  });
  expect(readdirSync(join(home, 'state')).filter((name) => name.startsWith('probe-'))).toEqual([
    basename(`${left}.jpg`),
  ]);
  fill(join(disk.path, 'filler'));
  expect((await diagnosed(home)).of('home')).toMatchObject({
    ...{ result: 'fail', details: { failed: 'write', code: 'ENOSPC' }, nextStep: expect.stringContaining('Make room') },
  });
  await disk.remount({ readOnly: true });
  expect((await diagnosed(home)).of('home')).toMatchObject({
    ...{ result: 'fail', details: { failed: 'write', code: 'EROFS' }, nextStep: expect.stringContaining('Restart') },
  });
});

/** Until not a byte fits. */
function fill(path: string): void {
  try {
    execFileSync('sh', ['-c', 'dd if=/dev/zero of="$1" bs=64k; dd if=/dev/zero of="$1.2" bs=512', 'sh', path], {
      stdio: 'ignore',
    });
  } catch {
    // that it ends so is what it is for
  }
}

test('A disk that does not answer is a failure of its own, holds up nothing, and lets the command end', async (context) => {
  needVolumes(context, 'exfat', 'ext4');
  await using dead = await createVolume('exfat', 32);
  await using alive = await createVolume('ext4', 32);
  using scene = await savedScene();
  await scene.addDrive(dead, '--name', 'Red');
  await scene.addDrive(alive, '--name', 'Blue');
  using other = await copyScene({ photos: 0 });
  configureAgent(other.home, { library: join(dead.path, 'Photos') });
  await other.run(['backup', other.card]);
  await dead.remount(); // so that nothing of it is in memory
  const daemon = daemonOf(dead);
  process.kill(daemon, 'SIGSTOP');
  try {
    const [ofDrive, ofLibrary] = await Promise.all([diagnosedElsewhere(scene.home), diagnosedElsewhere(other.home)]);
    expect(ofDrive.filter(({ result }) => result === 'fail')).toMatchObject([
      { title: expect.stringContaining('Red'), meaning: expect.stringContaining('does not answer') },
    ]);
    expect(ofDrive.find(({ title }) => /copy on "Blue"/.test(title))).toMatchObject({ result: 'pass' });
    expect(ofLibrary.filter(({ result }) => result === 'fail')).toMatchObject([
      { id: 'library', meaning: expect.stringContaining('does not answer') },
    ]);
    const of = (id: string) => ofLibrary.find((check) => check.id === id)?.result;
    expect(['list', 'list-copy', 'library-room'].map(of)).toEqual(['pass', 'skipped', 'skipped']);
  } finally {
    process.kill(daemon, 'SIGCONT');
  }
  expect((await diagnosed(scene.home)).failed).toEqual([]);
  expect((await diagnosed(other.home)).of('library').result).toBe('pass');
});

/** In a process of its own, which has to come to its end. */
async function diagnosedElsewhere(home: string, its: Readonly<Record<string, string>> = {}): Promise<readonly Check[]> {
  const environment = { HOME: home, KEEPSAKE_HOME: home, USBMUXD_SOCKET_ADDRESS: 'UNIX:/nobody' };
  const limits = { checkMs: 60_000, diskMs: 10_000, agentMs: 50_000, listMs: 60_000, messageMs: 0 };
  const script = `
    import { composeKeepsake } from ${sourceOf('agent/compose.ts')};
    import { openContext } from ${sourceOf('agent/doctor/context.ts')};
    import { diagnose } from ${sourceOf('agent/doctor/doctor.ts')};
    const environment = ${JSON.stringify(environment)};
    const limits = ${JSON.stringify(limits)};
    const signal = new AbortController().signal;
    const keepsake = composeKeepsake(environment);
    console.log(JSON.stringify(await diagnose(await openContext({ keepsake, environment, limits, signal }))));`;
  const args = ['--input-type=module', '--eval', script];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: { ...process.env, ...its } });
  const { checks }: DoctorResult = JSON.parse(stdout);
  for (const check of checks) assertExplained(check);
  return checks;
}

function sourceOf(path: string): string {
  return JSON.stringify(pathToFileURL(join(projectRoot, 'src', path)).href);
}

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

test('A drive that is not connected is no fault; one with a damaged mark, or a link for a folder, is', async (context) => {
  needVolumes(context, 'ext4');
  await using drive = await createVolume('ext4', 32);
  using scene = await savedScene();
  const { root } = await scene.addDrive(drive, '--name', 'Blue');
  const marker = join(root, '.keepsake/copy.json');
  const mark = readFileSync(marker);
  writeFileSync(marker, 'no mark');
  expect((await diagnosed(scene.home)).failed).toEqual(['drive-1']);
  writeFileSync(marker, mark);
  // A link in the place of our folder leads to somewhere else, where nothing may be tried.
  const elsewhere = join(drive.path, 'elsewhere');
  renameSync(join(root, '.keepsake'), elsewhere);
  symlinkSync(elsewhere, join(root, '.keepsake'));
  const linked = await diagnosed(scene.home);
  expect(linked.of('drive-1')).toMatchObject({ result: 'fail', details: { state: 'noOwnFolder' } });
  drive.pull();
  const away = await diagnosed(scene.home);
  expect(away.of('drive-1').result).toBe('skipped');
  expect(away.failed).toEqual([]);
});

test('Lists that cannot be read are found, each by its own check', async () => {
  using scene = await savedScene();
  const state = join(scene.home, 'state');
  writeFileSync(join(state, 'drives.json'), '{');
  expect((await diagnosed(scene.home)).of('drives')).toMatchObject({
    ...{ result: 'fail', details: { code: 'STATE_DAMAGED' } },
  });
  writeFileSync(join(state, 'devices.json'), '[]');
  expect((await diagnosed(scene.home)).of('devices')).toMatchObject({
    ...{ result: 'fail', details: { code: 'STATE_DAMAGED' } },
  });
  const [name] = readdirSync(join(state, 'catalogs')).filter((each) => each.endsWith('.db'));
  writeFileSync(join(state, 'catalogs', name ?? ''), 'no list of photos\n'.repeat(1000));
  const damaged = await diagnosed(scene.home);
  expect(damaged.of('list')).toMatchObject({ result: 'fail', details: { code: 'CATALOG_DAMAGED' } });
  rmSync(join(state, 'catalogs'), { recursive: true });
  expect((await diagnosed(scene.home)).of('list')).toMatchObject({
    ...{ result: 'fail', nextStep: expect.stringContaining('keepsake rebuild') },
  });
});

test('A list that takes long to read is no fault, and what rests on it is tried all the same', async () => {
  using scene = await savedScene();
  const limits = { checkMs: 60_000, diskMs: 60_000, agentMs: 50_000, listMs: 1, messageMs: 0 };
  const doctor = await diagnosed(scene.home, { limits });
  expect(doctor.failed).toEqual([]);
  expect(doctor.of('list')).toMatchObject({ result: 'advice', meaning: expect.stringContaining('in a minute') });
  expect(['clock', 'list-copy', 'library'].map((id) => doctor.of(id).result)).not.toContain('fail');
});

test('Where small programs are not installed, or there is no folder for temporary files, only that is said', async (context) => {
  needLinux(context, 'programs are found by PATH');
  using scene = await savedScene();
  using folder = temporaryFolder();
  writeFileSync(join(folder.path, 'usbmuxd'), '#!/bin/sh\necho usbmuxd 1.1.1\n', { mode: 0o755 });
  const bare = await diagnosedElsewhere(scene.home, { PATH: folder.path });
  expect(bare.filter(({ result }) => result === 'fail')).toEqual([]);
  const of = (id: string) => bare.find((check) => check.id === id);
  expect(of('iphones')?.details).toMatchObject({ usbmuxd: '1.1.1' });
  expect(['mount-watch', 'icon-libraries'].map((id) => of(id)?.result)).not.toContain('pass');
  const cramped = await diagnosedElsewhere(scene.home, { TMPDIR: join(folder.path, 'none') });
  expect(cramped.filter(({ result }) => result === 'fail')).toMatchObject([
    { id: 'database', details: { code: 'ENOENT' }, meaning: expect.stringContaining('temporary files') },
  ]);
  expect(cramped.find(({ id }) => id === 'list')).toMatchObject({ result: 'pass', details: { photos: 2 } });
});

test('Folders that others can look into are advised about, those that cannot be written are a failure', async () => {
  using scene = await savedScene();
  const state = join(scene.home, 'state');
  expect((await diagnosed(scene.home)).of('folders').result).toBe('pass');
  chmodSync(state, 0o755);
  expect((await diagnosed(scene.home)).of('folders')).toMatchObject({
    ...{ result: 'advice', nextStep: expect.stringContaining(`chmod go-rwx "${state}"`) },
  });
  chmodSync(state, 0o500);
  expect((await diagnosed(scene.home)).of('folders').result).toBe('fail');
  chmodSync(state, 0o700);
});

test('A clock of long ago, one before the last save, and a Keepsake of years ago are noticed', async () => {
  using scene = await savedScene();
  const clock = new ManualClock();
  clock.setWall(Date.UTC(1970, 0, 1, 3));
  expect((await diagnosed(scene.home, { clock })).failed).toEqual(['clock']);
  clock.setWall(Date.now() - 3 * dayMs);
  expect((await diagnosed(scene.home, { clock })).of('clock')).toMatchObject({ result: 'fail' });
  clock.setWall(Date.now() + 500 * dayMs);
  const later = await diagnosed(scene.home, { clock });
  expect(later.of('version')).toMatchObject({ result: 'advice', nextStep: expect.stringContaining('newest') });
  expect(later.of('clock').result).not.toBe('fail');
});

test('An agent that runs has answered; one that hangs is a failure, and holds up nothing', async (context) => {
  needLinux(context, 'a stopped agent is known by its lock');
  using scene = await savedScene();
  await using agent = await startAgent({ home: scene.home });
  // One that has only just begun may be slow, which is worth an advice.
  await expect.poll(async () => (await diagnosed(scene.home)).of('agent'), patience).toMatchObject({ result: 'pass' });
  // It has tried to show its icon, and knows why it cannot.
  await expect
    .poll(async () => (await diagnosed(scene.home)).of('icon'), patience)
    .toMatchObject({ result: 'advice', details: { code: expect.any(String) } });
  agent.child.kill('SIGSTOP');
  const limits = { checkMs: 60_000, diskMs: 60_000, agentMs: 300, listMs: 60_000, messageMs: 0 };
  const hung = await diagnosed(scene.home, { limits });
  expect(hung.failed).toEqual(['agent']);
  expect(hung.of('agent').meaning).toContain('does not answer');
  agent.child.kill('SIGCONT');
});

test('A real message is shown and taken back, and the place for the icon is found', async (context) => {
  needPrograms(context, 'dbus-daemon');
  using scene = await savedScene();
  await using desktop = await startDesktop({ display: false });
  const environment = { ...desktop.environment, HOME: scene.home, XDG_RUNTIME_DIR: '' };
  const bare = await diagnosed(scene.home, { environment });
  expect(bare.of('notification').result).toBe('skipped');
  expect(bare.of('icon')).toMatchObject({ result: 'advice', nextStep: expect.stringContaining('keepsake status') });
  expect(
    (await diagnosed(scene.home, { environment: { ...environment, DISPLAY: ':77' } })).of('notification'),
  ).toMatchObject({ result: 'fail', details: { code: 'NOTICE_UNDELIVERED' } });
  await using recorder = await startRecorder(desktop);
  await using host = await startHost(desktop, { hasPanel: false });
  const panelless = await diagnosed(scene.home, { environment, quiet: true });
  expect(panelless.of('icon'), 'a list of icons that nobody shows').toMatchObject({ result: 'advice' });
  host.panelComes();
  const whole = await diagnosed(scene.home, { environment });
  expect(whole.of('notification').result).toBe('pass');
  expect(whole.of('icon').result).toBe('pass');
  expect(recorder.asked.map(({ body, actions }) => ({ body, actions }))).toEqual([
    { body: 'This is a trial message from Keepsake.', actions: [] },
  ]);
  expect(recorder.open.size).toBe(0);
  expect((await diagnosed(scene.home, { environment, quiet: true })).of('notification').result).toBe('skipped');
  expect(recorder.asked).toHaveLength(1);
});

test('A desktop that hangs is a failure of messages, and holds up nothing', async (context) => {
  needDesktop(context, 'dunst');
  using scene = await savedScene(0);
  await using desktop = await startDesktop();
  const dunst = desktop.start('dunst');
  const environment = { ...desktop.environment, HOME: scene.home, XDG_RUNTIME_DIR: '' };
  const works = async () => (await diagnosed(scene.home, { environment })).of('notification').result;
  await expect.poll(works, patience).toBe('pass');
  dunst.kill('SIGSTOP');
  const hung = await diagnosed(scene.home, { environment });
  expect(hung.failed).toEqual(['notification']);
  expect(hung.of('notification').details).toMatchObject({ code: 'NOTICE_UNDELIVERED' });
});

test('Interrupted, it stops at once, and leaves no message on the screen', async (context) => {
  needPrograms(context, 'dbus-daemon');
  using scene = await savedScene(0);
  await using desktop = await startDesktop({ display: false });
  await using recorder = await startRecorder(desktop);
  const stop = new AbortController();
  const environment = { ...desktop.environment, XDG_RUNTIME_DIR: '', USBMUXD_SOCKET_ADDRESS: 'UNIX:/nobody' };
  const answer = keepsake(['doctor'], { home: scene.home, environment, signal: stop.signal });
  await expect.poll(() => recorder.open.size, patience).toBe(1);
  stop.abort(new Error('SIGINT'));
  expect(await answer).toMatchObject({ exitCode: 130, stdout: '' });
  await expect.poll(() => recorder.open.size, patience).toBe(0);
});

test('An iPhone is asked whether it lets us in, and never for trust', async () => {
  await using at = await makePhoneScene({ name: "Mum's iPhone" });
  using scene = await savedScene();
  const { environment } = at;
  const stranger = await diagnosed(scene.home, { environment });
  expect(stranger.of('iphone-1')).toMatchObject({
    ...{ result: 'advice', details: { code: 'PHONE_NOT_PAIRED' } },
    title: expect.stringContaining("Mum's iPhone"),
  });
  expect(at.phone.trust).toBe('notAsked');
  const [device] = await devicesOf(scene.home, environment);
  await scene.run(['enroll', device?.id ?? ''], { environment });
  await scene.run(['backup', device?.id ?? ''], { environment });
  const known = await diagnosed(scene.home, { environment });
  expect([known.of('iphones').result, known.of('iphone-1').result]).toEqual(['pass', 'pass']);
  at.phone.isLocked = true;
  expect((await diagnosed(scene.home, { environment })).of('iphone-1')).toMatchObject({ result: 'advice' });
  at.phone.detach();
  expect((await diagnosed(scene.home, { environment })).of('iphones')).toMatchObject({ details: { phones: 0 } });
});

test('An iPhone that is plugged in, and that nobody can talk to, is noticed', async (context) => {
  needLinux(context, 'it tells what is plugged in');
  using folder = temporaryFolder();
  using scene = await savedScene(0);
  const usbDevices = join(folder.path, 'usb');
  const plug = (name: string, idVendor: string, idProduct: string) => {
    mkdirSync(join(usbDevices, name), { recursive: true });
    writeFileSync(join(usbDevices, name, 'idVendor'), `${idVendor}\n`);
    writeFileSync(join(usbDevices, name, 'idProduct'), `${idProduct}\n`);
  };
  plug('usb1', '1d6b', '0002');
  plug('1-1', '05ac', '024f'); // a keyboard
  plug('1-2', '05ac', '1281'); // an iPhone that is being restored
  mkdirSync(join(usbDevices, '1-1:1.0'));
  await using at = await makePhoneScene({ name: 'iPhone' });
  const { environment } = at;
  plug('1-3', '05ac', '12a8');
  expect((await diagnosed(scene.home, { environment, usbDevices })).of('iphones').result).toBe('pass');
  at.phone.detach(); // but not from its plug
  const advised = await diagnosed(scene.home, { environment, usbDevices });
  expect(advised.of('iphones')).toMatchObject({ result: 'advice', details: { phones: 0, pluggedIn: 1 } });
  at.daemon.attach(at.phone);
  const [device] = await devicesOf(scene.home, environment);
  await scene.run(['enroll', device?.id ?? ''], { environment });
  at.phone.detach();
  const missed = await diagnosed(scene.home, { environment, usbDevices });
  expect(missed.of('iphones')).toMatchObject({ result: 'fail', nextStep: expect.stringContaining('unlock it') });
});

test('In a terminal each thing has a line; what is not well says what it means and one thing to do', async () => {
  using scene = await savedScene();
  const environment = { USBMUXD_SOCKET_ADDRESS: 'UNIX:/nobody' };
  const good = await scene.run(['doctor', '--quiet'], { environment });
  expect(good).toMatchObject({ exitCode: 0, stderr: '' });
  expect(good.stdout).toContain('✓ Your photo folder can be written and read: good\n✓');
  expect(good.stdout).toMatch(/\n! .*: could be better\n {4}\S.*\n {4}→ \S.*\n/);
  expect(good.stdout).toMatch(/\n\nEverything works; \d things? could be better\.\n$/);
  writeFileSync(join(scene.home, 'config.toml'), 'library = 3\n');
  const bad = await scene.run(['doctor', '--quiet'], { environment });
  expect(bad.exitCode).toBe(2);
  expect(bad.stdout).toMatch(/✗ The settings: does not work\n {4}\S.*\n {4}→ \S.*\n[^ ]/);
  expect(bad.stdout).toMatch(/\n\n1 thing does not work: begin with the first one\.\n$/);
  const json = await scene.run(['doctor', '--quiet', '--json'], { environment });
  expect(json.exitCode).toBe(2);
  expect(Object.keys(JSON.parse(json.stdout))).toEqual(['ok', 'version', 'checks']);
});

test('A report has nothing in it that says whose it is', async (context) => {
  needVolumes(context, 'ext4');
  await using at = await makePhoneScene({ name: "Ottilie's iPhone" });
  await using guest = await makePhoneScene({ name: 'Zacharias' });
  at.daemon.attach(guest.phone);
  await using drive = await createVolume('ext4', 32);
  using folder = temporaryFolder();
  const home = join(folder.path, 'Wilhelmine/Privates');
  const library = join(folder.path, 'Wilhelmine/Lieblingsbilder');
  const card = join(folder.path, 'KARTE');
  mkdirSync(home, { recursive: true });
  mkdirSync(join(card, 'DCIM/100APPLE'), { recursive: true });
  writeFileSync(join(card, 'DCIM/100APPLE/Hochzeit.jpg'), Buffer.from([0xff, 0xd8, 0xff, 0xd9]));
  configureAgent(home, {
    ...{ library, cardRoots: [join(folder.path, 'Kartenleser')], timeZone: 'Europe/Vaduz', helperName: 'Kunigunde' },
    ...{ watchedFolders: [join(folder.path, 'Telefonordner')], helperUrl: 'https://ntfy.sh/geheimnis' },
  });
  const environment = { ...at.environment, USER: 'wilhelmine' };
  const run = async (...args: string[]): Promise<Answer> => await keepsake(args, { home, environment });
  at.phone.files.addSynthetic('DCIM/100APPLE/IMG_4711.JPG', 60_000, new Date(1.6e12));
  const phone = (await devicesOf(home, environment)).find(({ name }) => name.startsWith('Ottilie'));
  await run('enroll', phone?.id ?? '');
  await run('backup', phone?.id ?? '', card);
  expect((await run('drives', 'add', drive.path, '--name', 'Rumpelstilz')).exitCode).toBe(0);
  // What a careless line of the log would have in it.
  const careless = { level: 40, path: `${library}/2020/Urlaub.heic`, udid: at.phone.udid, msg: 'a line' };
  mkdirSync(join(home, 'logs'), { recursive: true });
  writeFileSync(join(home, 'logs/keepsake.log'), `${JSON.stringify(careless)}\nWilhelmine war hier\n`, { flag: 'a' });
  writeFileSync(join(home, 'state/libraries.json'), readFileSync(join(home, 'state/libraries.json')));
  await using _agent = await startAgent({ home, environment });
  const archive = join(folder.path, 'report.tar.gz');
  const answer = await run('doctor', '--quiet', '--bundle', archive);
  expect(answer.stdout).toContain(archive);
  expect(answer.stderr).toBe('');
  const unpacked = join(folder.path, 'unpacked');
  mkdirSync(unpacked);
  execFileSync('tar', ['-xzf', archive, '-C', unpacked]);
  const report = join(unpacked, 'keepsake-report');
  const names = readdirSync(report);
  expect(names.toSorted()).toEqual([
    ...['READ ME.txt', 'doctor.json', 'log.txt', 'settings.json', 'state.json', 'status.json', 'versions.json'],
  ]);
  const text = names.map((name) => readFileSync(join(report, name), 'utf8')).join('\n');
  const drives: { drives: { id: string; filesystemUuid?: string }[] } = JSON.parse(
    readFileSync(join(home, 'state/drives.json'), 'utf8'),
  );
  const secrets = [
    ...[
      'Ottilie',
      'Zacharias',
      'Wilhelmine',
      'Privates',
      'Lieblingsbilder',
      'Hochzeit',
      'KARTE',
      'Kartenleser',
      'Vaduz',
    ],
    ...['Kunigunde', 'Telefonordner', 'geheimnis', 'ntfy', 'Rumpelstilz', 'IMG_4711', 'Urlaub', 'war hier'],
    ...[at.phone.udid, guest.phone.udid, ...(await devicesOf(home, environment)).map(({ id }) => id)],
    ...drives.drives.flatMap(({ id, filesystemUuid }) => [id, filesystemUuid ?? id]),
    ...Object.entries(JSON.parse(readFileSync(join(home, 'state/libraries.json'), 'utf8')) as object).flat(),
    ...[folder.path, drive.path, hostname()],
  ];
  for (const secret of secrets) expect(text.toLowerCase(), secret).not.toContain(String(secret).toLowerCase());
  // And it is of use all the same.
  expect(text).toContain('"phone-1"');
  expect(text).toContain('The copy on \\"drive-1\\" can be written and read');
  expect(JSON.parse(readFileSync(join(report, 'status.json'), 'utf8'))).toMatchObject({
    ...{ agent: 'running', photos: { assets: expect.any(Number) } },
    sources: expect.arrayContaining([expect.objectContaining({ id: 'phone-1', kind: 'iphone', saved: 1 })]),
  });
  expect(readFileSync(join(report, 'log.txt'), 'utf8')).toMatch(/"sourceId":"phone-1".*"msg":"import begins"/);
});

test('A report never takes the place of a file, and half of one is not left behind', async () => {
  using scene = await savedScene(0);
  const path = join(scene.home, 'there.tar.gz');
  writeFileSync(path, 'mine');
  const taken = await scene.run(['doctor', '--quiet', '--json', '--bundle', path]);
  expect(taken.exitCode).toBe(1);
  expect(JSON.parse(taken.stdout)).toMatchObject({ error: { code: 'REPORT_NOT_WRITTEN' } });
  expect(readFileSync(path, 'utf8')).toBe('mine');
  const nowhere = await scene.run(['doctor', '--quiet', '--json', '--bundle', join(scene.home, 'no/folder/x')]);
  expect(JSON.parse(nowhere.stdout)).toMatchObject({ error: { code: 'REPORT_NOT_WRITTEN' } });
});
