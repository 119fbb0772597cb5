// A package that installs on the computer it was built on says little: what it needs is there already. Here it comes to a Debian
// that has nothing, to a person who has nothing, saves their first photos, is replaced by a newer one, and goes.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { buildDeb, maintainerScript } from '../../packaging/deb/deb-package.ts';
import { type DebianRoot, makeDebianRoot, needDebianRoot } from '../support/debian-root.ts';
import { FakeIphone } from '../support/iphone/fake-iphone.ts';
import { FakeUsbmuxd } from '../support/iphone/fake-usbmuxd.ts';
import { phoneTruth } from '../support/iphone/phone-scene.ts';
import { walk } from '../support/keepsake.ts';
import { makeAvi } from '../support/media/avi.ts';
import { makeJpeg } from '../support/media/jpeg.ts';
import { addDatabase } from '../support/photos/listed-phone.ts';
import { type DescribedAsset, makePhotosDatabase } from '../support/photos/make-photos-database.ts';
import { needPrograms } from '../support/requirements.ts';
import { needUserSession, startUserSession } from '../support/systemd-user.ts';

const run = promisify(execFile);
const person = { name: 'grandma', environment: { USBMUXD_SOCKET_ADDRESS: 'UNIX:/srv/shared/usbmuxd' } };
const library = 'home/grandma/Pictures/Keepsake';
const oldFile = 'usr/lib/keepsake/dist/only-in-the-old-one.js';

interface Computer extends AsyncDisposable {
  readonly debian: DebianRoot;
  readonly phone: FakeIphone;
  /** Everything but people's own, before anything of ours came. */
  readonly before: ReadonlySet<string>;
}

/** Once for all of them, which tell one story. */
let starting: Promise<Computer> | undefined;
let computer: Computer;

beforeEach(async (context) => {
  needDebianRoot(context);
  starting ??= makeComputer();
  computer = await starting;
});
afterAll(async () => {
  await (await starting)?.[Symbol.asyncDispose]();
});

async function makeComputer(): Promise<Computer> {
  await using open = new AsyncDisposableStack();
  const debian = open.use(await makeDebianRoot());
  const daemon = open.use(await FakeUsbmuxd.start({ path: join(debian.shared, 'usbmuxd') }));
  chmodSync(join(debian.shared, 'usbmuxd'), 0o666);
  const phone = new FakeIphone({ name: "Mum's iPhone" });
  phone.answersTrust = 'trusted';
  fillPhone(phone);
  daemon.attach(phone);
  await preparePackages(debian.shared);
  const before = new Set(await allPaths(debian));
  const kept = open.move();
  return { debian, phone, before, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** Ten photos on it, five more that are only in iCloud, and the list that says so. */
function fillPhone(phone: FakeIphone): void {
  const assets = Array.from({ length: 15 }, (_, index): DescribedAsset => {
    const asset = { folder: 'DCIM/100APPLE', name: `IMG_${1000 + index}.JPG`, cloud: true, sizeBytes: 50_000 } as const;
    return index < 10 ? asset : { ...asset, original: 'iCloudOnly' };
  });
  for (let index = 0; index < 10; index += 1) {
    phone.files.addSynthetic(`DCIM/100APPLE/IMG_${1000 + index}.JPG`, 50_000, new Date(1.6e12 + index * 1e8));
  }
  addDatabase(phone.files, makePhotosDatabase({ generation: 'ios18', assets }));
}

/** new.deb as it is built, and old.deb: the same with another version and a file more. */
async function preparePackages(folder: string): Promise<void> {
  const built = await buildDeb({ to: folder, compression: 'quick' });
  await run('mv', [built, join(folder, 'new.deb')]);
  const opened = join(folder, 'opened');
  await run('dpkg-deb', ['--raw-extract', join(folder, 'new.deb'), opened]);
  const control = join(opened, 'DEBIAN/control');
  writeFileSync(control, readFileSync(control, 'utf8').replace(/^Version: .*/m, 'Version: 0.0.9-1'));
  writeFileSync(join(opened, oldFile), '');
  await run('dpkg-deb', ['--root-owner-group', '-Znone', '--build', opened, join(folder, 'old.deb')]);
  rmSync(opened, { recursive: true });
}

/** But people's own, and /tmp, which each start empties. */
async function allPaths({ path }: DebianRoot): Promise<readonly string[]> {
  const others = ['home', 'tmp'].flatMap((name) => ['-not', '-path', `${path}/${name}/*`]);
  const { stdout } = await run('find', [path, '-mindepth', '1', ...others], { maxBuffer: 1e8 });
  return stdout.trim().split('\n');
}

async function apt(...args: readonly string[]) {
  const answer = await computer.debian.run('apt-get', '-q', '-y', '--no-install-recommends', ...args);
  expect(answer.exitCode, answer.stderr).toBe(0);
  return answer.stdout;
}

/** `keepsake ARGS` as the new person. */
async function keepsake(...args: readonly string[]) {
  return await computer.debian.runAs(person, 'keepsake', ...args);
}

async function keepsakeJson(...args: readonly string[]) {
  const { exitCode, stdout, stderr } = await keepsake(...args, '--json');
  return { exitCode, stderr, json: JSON.parse(stdout) };
}

test('apt installs it with what it needs, says how to begin, and begins nothing', async () => {
  const { debian } = computer;
  const said = await apt('install', '/srv/shared/old.deb');
  expect(said).toContain('run this as yourself (without sudo):  keepsake install');
  expect((await debian.run('dpkg', '--verify', 'keepsake')).stdout).toBe('');
  expect(readdirSync(join(debian.path, 'etc/systemd/user'), { recursive: true }).join()).not.toContain('keepsake');
  const folder = '/usr/lib/keepsake/node_modules';
  const programs = [
    `${folder}/node-linux-${process.arch}/bin/node`,
    `${folder}/better-sqlite3/prebuilds/linux-${process.arch}.node`,
    ...(process.arch === 'x64' ? [`${folder}/systray2/traybin/tray_linux_release`] : []),
  ];
  for (const program of programs) {
    expect(await debian.run('ldd', program), program).toMatchObject({
      ...{ exitCode: 0, stdout: expect.not.stringContaining('not found') },
    });
  }
});

test('What is installed belongs to root, and nobody else can write to it', async () => {
  const { stdout } = await computer.debian.run(
    ...(['find', '/usr/lib/keepsake', '/usr/bin/keepsake', '/usr/share/doc/keepsake'] as const),
    ...['(', '-not', '-user', 'root', '-o', '-not', '-group', 'root', '-o', '-perm', '/022', ')'],
  );
  expect(stdout).toBe('');
});

test('systemd finds nothing to complain about in its files, nor does the desktop’s menu call what is not there', async (context) => {
  needPrograms(context, 'systemd-analyze');
  const { path: root, shared } = computer.debian;
  const units = ['keepsake.service', 'keepsake-check.service', 'keepsake-check.timer'];
  for (const unit of units) {
    const text = readFileSync(join(root, 'usr/lib/systemd/user', unit), 'utf8');
    expect(text).not.toMatch(/@\w+@|keepsake-sha256|Written by|at-signs/);
    // Whoever verifies wants to see the program where it is.
    writeFileSync(join(shared, unit), text.replaceAll('/usr/lib/keepsake', join(root, 'usr/lib/keepsake')));
  }
  const verified = await run('systemd-analyze', ['verify', '--user', ...units.map((unit) => join(shared, unit))], {
    env: { ...process.env, XDG_RUNTIME_DIR: shared },
  });
  expect(verified).toEqual({ stdout: '', stderr: '' });
  const desktop = readFileSync(join(root, 'usr/share/applications/keepsake.desktop'), 'utf8');
  const commands = [...desktop.matchAll(/^Exec=(\S+)/gm)].map(([, command = '']) => existsSync(join(root, command)));
  expect(commands).toEqual([true, true]);
});

test('A new person saves a card: photos are dated by what is in them, also by perl', async () => {
  const { debian } = computer;
  await debian.run('useradd', '--create-home', person.name);
  expect(await keepsake('--help')).toMatchObject({ exitCode: 0, stderr: '' });
  const card = join(debian.shared, 'card/DCIM/100CANON');
  mkdirSync(card, { recursive: true });
  writeFileSync(join(card, 'IMG_0001.JPG'), makeJpeg({ seed: 1, dateTimeOriginal: '2024-07-14T10:11:12' }));
  writeFileSync(join(card, 'MVI_0002.AVI'), makeAvi({ seed: 2, dateTimeOriginal: '2009-05-03T12:00:00' }));
  await keepsake('config', 'set', 'reserve', '0 B');
  const { exitCode, stderr, json } = await keepsakeJson('backup', '/srv/shared/card');
  expect({ exitCode, stderr, ...json.imports[0] }).toMatchObject({ exitCode: 0, found: 2, imported: 2, failed: 0 });
  expect((await walk(join(debian.path, library))).map(({ path }) => path)).toEqual([
    '2009/2009-05-03/MVI_0002.AVI',
    '2024/2024-07-14/IMG_0001.JPG',
  ]);
});

test('They save their iPhone for the first time, and hear what is only in iCloud', async () => {
  const { json: found } = await keepsakeJson('devices');
  const id: string = found.devices.find(({ kind }: { kind: string }) => kind === 'iphone').id;
  const { exitCode } = await keepsake('enroll', id);
  expect(exitCode).toBe(0);
  const { json } = await keepsakeJson('backup', id);
  expect(json.imports[0]).toMatchObject({ found: 10, failed: 0, iCloudOnly: 5, complete: false });
  const saved = (await walk(join(computer.debian.path, library))).map(({ sha256 }) => sha256);
  expect(saved).toEqual(
    expect.arrayContaining(
      phoneTruth(computer.phone)
        .filter(({ path }) => path.startsWith('DCIM/'))
        .map(({ sha256 }) => sha256),
    ),
  );
});

test('The agent starts, answers, and ends when it is told to', async () => {
  const agent = computer.debian.startAs(person, 'keepsake', 'agent');
  await once(agent.stdout, 'data');
  const { json } = await keepsakeJson('status');
  expect(json.agent).toBe('running');
  expect(await agent.stop()).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining('Stopped. What was saved is whole.'),
  });
});

test('Its manual can be read and bash completes its commands', async () => {
  const { path } = computer.debian;
  const manual = await run('man', ['--warnings', '--local-file', join(path, 'usr/share/man/man1/keepsake.1.gz')], {
    env: { ...process.env, MANWIDTH: '80', LC_ALL: 'C.UTF-8' },
  });
  expect([manual.stderr, manual.stdout.includes('safe-to-delete')]).toEqual(['', true]);
  const script = '. /usr/share/bash-completion/completions/keepsake; complete -p keepsake';
  expect((await computer.debian.run('bash', '-c', script)).stdout).toBe('complete -F _keepsake keepsake\n');
});

test('A newer one takes its place: photos, settings and records stay, and nothing of the old one', async () => {
  const { debian } = computer;
  const before = (await keepsakeJson('status')).json;
  expect(existsSync(join(debian.path, oldFile))).toBe(true);
  expect(await apt('install', '/srv/shared/new.deb')).not.toContain('It does nothing by itself yet');
  expect(existsSync(join(debian.path, oldFile))).toBe(false);
  expect((await debian.run('dpkg', '--verify', 'keepsake')).stdout).toBe('');
  const after = (await keepsakeJson('status')).json;
  expect(after.photos).toEqual(before.photos);
  expect(after.photos.inLibrary).toBeGreaterThan(0);
  expect((await keepsake('config', 'get', 'reserve')).stdout).toBe('0 B\n');
  const { json } = await keepsakeJson('backup', '/srv/shared/card');
  expect(json.imports[0]).toMatchObject({ found: 2, known: 2, imported: 0 });
});

test('Removed, it leaves nothing but what is its owner’s', async () => {
  const { debian, before } = computer;
  const saved = await walk(join(debian.path, library));
  await apt('purge', 'keepsake');
  const isOurs = (path: string) => /keepsake/i.test(path.slice(debian.path.length));
  expect((await allPaths(debian)).filter((path) => !before.has(path) && isOurs(path))).toEqual([]);
  expect(await walk(join(debian.path, library))).toEqual(saved);
  for (const kept of ['.config/keepsake/config.toml', '.local/share/keepsake/devices.json']) {
    expect(existsSync(join(debian.path, 'home/grandma', kept)), kept).toBe(true);
  }
});

test('lintian, which knows the rules for packages, has nothing to say', async (context) => {
  needPrograms(context, 'lintian');
  const said = await run('lintian', ['--allow-root', join(computer.debian.shared, 'new.deb')]).catch(
    (error: { stdout: string }) => error,
  );
  expect(said.stdout).toBe('');
});

test('An update starts the agents anew that ran, and no others; a removal ends them', async (context) => {
  needUserSession(context);
  await using session = await startUserSession();
  const units = '/usr/lib/systemd/user';
  await session.keepsake('install');
  // In there, that folder is a copy: nobody else sees what comes into it.
  const copy = 'mkdir /run/units && cp -a "$1/." "$2"/keepsake* /run/units && mount --bind /run/units "$1"';
  const home = (await session.run('sh', '-c', 'echo "$HOME"')).stdout.trim();
  await session.runAsRoot('sh', '-ec', copy, 'sh', units, `${home}/.config/systemd/user`);
  await session.systemctl('daemon-reload');
  await session.keepsake('install'); // takes its own files away, since there is a package
  const facts = () => session.unit('keepsake.service', 'FragmentPath', 'ActiveState', 'MainPID');
  const before = await facts();
  expect(before).toMatchObject({ FragmentPath: `${units}/keepsake.service`, ActiveState: 'active' });
  const configure = async (script: 'postinst' | 'prerm', ...args: readonly string[]) => {
    expect(await session.runAsRoot('sh', '-c', maintainerScript(script), script, ...args)).toMatchObject({
      ...{ exitCode: 0, stderr: '' },
    });
  };

  await configure('postinst', 'configure', '0.0.9-1');
  const after = await session.until(facts, ({ ActiveState }) => ActiveState === 'active');
  expect(after['MainPID']).not.toBe(before['MainPID']);

  await session.systemctl('stop', 'keepsake.service');
  await configure('postinst', 'configure', '0.0.9-1');
  expect(await facts()).toMatchObject({ ActiveState: 'inactive' });

  await session.systemctl('start', 'keepsake.service');
  await configure('prerm', 'upgrade', '0.2.0-1');
  expect(await facts()).toMatchObject({ ActiveState: 'active' });
  await configure('prerm', 'remove');
  expect(await facts()).toMatchObject({ ActiveState: 'inactive' });
});
