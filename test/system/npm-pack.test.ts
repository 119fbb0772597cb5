// The checkout runs its TypeScript; an install runs what was built from it, where Node.js strips no types and no file of a test lies
// near. What the package leaves out is missed only there: a worker, a template, an icon.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { packForNpm } from '../../packaging/npm/npm-package.ts';
import { FakeIphone } from '../support/iphone/fake-iphone.ts';
import { FakeUsbmuxd } from '../support/iphone/fake-usbmuxd.ts';
import { finished, projectRoot, walk } from '../support/keepsake.ts';
import { makeAvi } from '../support/media/avi.ts';
import { makeJpeg } from '../support/media/jpeg.ts';
import { patience } from '../support/patience.ts';
import { addDatabase } from '../support/photos/listed-phone.ts';
import { makePhotosDatabase } from '../support/photos/make-photos-database.ts';

const run = promisify(execFile);
const scratch = mkdtempSync(join(tmpdir(), 'keepsake-npm-test-'));
const prefix = join(scratch, 'prefix');
const home = join(scratch, 'home');
const installed = join(prefix, 'lib/node_modules/keepsake');
let packed: string;

beforeAll(async () => {
  mkdirSync(home);
  packed = await packForNpm({ to: scratch });
  await installWith(11, prefix);
});
afterAll(() => {
  rmSync(scratch, { recursive: true, force: true });
});

/** As a person would who has some npm and nothing else. */
async function installWith(npm: 10 | 11, into: string): Promise<void> {
  mkdirSync(into, { recursive: true });
  const args = ['--yes', `npm@${npm}`, 'install', '--global', '--prefix', into, '--prefer-offline', packed];
  await run('npx', args, { cwd: scratch, env: environment(), maxBuffer: 1e7 });
}

function environment(): NodeJS.ProcessEnv {
  const { PATH = '', npm_config_cache: cache, npm_config_userconfig: settings } = process.env;
  // Not what `npm test` put in front of it: the Node.js that is pinned here, and npm's settings for this project.
  const path = PATH.split(':').filter((folder) => !folder.includes('node_modules'));
  return {
    ...{ PATH: path.join(':'), HOME: home, LC_ALL: 'C.UTF-8', KEEPSAKE_HOME: '', XDG_RUNTIME_DIR: '' },
    ...(cache === undefined ? {} : { npm_config_cache: cache }),
    ...(settings === undefined ? {} : { npm_config_userconfig: settings }),
  };
}

function start(args: readonly string[], more: Readonly<Record<string, string>> = {}, from = prefix) {
  return spawn(join(from, 'bin/keepsake'), [...args], {
    ...{ cwd: home, env: { ...environment(), ...more }, stdio: ['ignore', 'pipe', 'pipe'] },
  });
}

async function keepsake(args: readonly string[], more: Readonly<Record<string, string>> = {}) {
  return await finished(start(args, more));
}

test('The package holds what runs and what is read, and nothing that was only needed to make it', async () => {
  const { stdout } = await run('tar', ['--list', '--gzip', '--file', packed]);
  const paths = stdout
    .trim()
    .split('\n')
    .map((path) => path.replace('package/', ''));
  expect([...new Set(paths.map((path) => path.split('/')[0]))].sort()).toEqual([
    ...['README.md', 'bin', 'dist', 'docs', 'icons', 'launchd', 'npm-shrinkwrap.json', 'package.json', 'systemd'],
  ]);
  expect(paths.filter((path) => /\.ts$|(^|\/)tests?\//.test(path))).toEqual([]);
  const sources = readdirSync(join(projectRoot, 'src'), { recursive: true, encoding: 'utf8' });
  const expected = sources.filter((path) => path.endsWith('.ts')).map((path) => `dist/${path.replace(/ts$/, 'js')}`);
  expect(paths.filter((path) => /^dist\/(?!share\/)/.test(path)).sort()).toEqual(expected.sort());
});

test('The versions it brings are those that were tested', () => {
  const lock: {
    packages: Record<string, { version?: string; dev?: boolean; devOptional?: boolean; optional?: boolean }>;
  } = JSON.parse(readFileSync(join(projectRoot, 'package-lock.json'), 'utf8'));
  const versions = Object.entries(lock.packages).flatMap(([path, { version, dev, devOptional, optional }]) => {
    const manifest = join(installed, path, 'package.json');
    if (path === '' || dev || devOptional || (optional && !existsSync(manifest))) return [];
    return [{ path, version, there: JSON.parse(readFileSync(manifest, 'utf8')).version }];
  });
  expect(versions.length).toBeGreaterThan(20);
  expect(versions.filter(({ version, there }) => version !== there)).toEqual([]);
  for (const name of ['vitest', 'typescript', '@typescript'])
    expect(existsSync(join(installed, 'node_modules', name)), name).toBe(false);
});

test.for([10, 11] as const)('Installed by npm %i, it runs and says how it is used', async (npm) => {
  const into = npm === 11 ? prefix : join(scratch, `prefix${npm}`);
  if (npm !== 11) await installWith(npm, into);
  const { exitCode, stdout, stderr } = await finished(start(['--help'], {}, into));
  expect([exitCode, stderr, stdout.includes('backup [options] [SOURCE...]')]).toEqual([0, '', true]);
  expect(lstatSync(join(into, 'share/man/man1/keepsake.1')).isSymbolicLink()).toBe(true);
});

test('It saves a folder, each file under its own date, whoever had to read it', async () => {
  const card = join(scratch, 'card/DCIM');
  mkdirSync(card, { recursive: true });
  writeFileSync(join(card, 'IMG_0001.JPG'), makeJpeg({ seed: 1, dateTimeOriginal: '2024-07-14T10:11:12' }));
  writeFileSync(join(card, 'MVI_0002.AVI'), makeAvi({ seed: 2, dateTimeOriginal: '2009-05-03T12:00:00' }));
  await keepsake(['config', 'set', 'reserve', '0 B']);
  expect(await keepsake(['backup', card])).toMatchObject({ exitCode: 0, stderr: '' });
  const library = JSON.parse((await keepsake(['status', '--json'])).stdout);
  expect(library.photos).toMatchObject({ inLibrary: 2 });
  expect((await walk(join(home, 'Pictures/Keepsake'))).map(({ path }) => path)).toEqual([
    '2009/2009-05-03/MVI_0002.AVI',
    '2024/2024-07-14/IMG_0001.JPG',
  ]);
});

test('Its agent notices an iPhone and reads the list on it, by a process of its own', async () => {
  await using daemon = await FakeUsbmuxd.start({ path: join(scratch, 'usbmuxd') });
  const phone = new FakeIphone({ name: "Mum's iPhone" });
  phone.answersTrust = 'trusted';
  phone.files.addSynthetic('DCIM/100APPLE/IMG_1000.JPG', 50_000, new Date(1.6e12));
  const asset = { folder: 'DCIM/100APPLE', cloud: true, sizeBytes: 50_000 } as const;
  const assets = [
    { ...asset, name: 'IMG_1000.JPG' },
    { ...asset, name: 'IMG_1001.JPG', original: 'iCloudOnly' } as const,
  ];
  addDatabase(phone.files, makePhotosDatabase({ generation: 'ios18', assets }));
  daemon.attach(phone);
  const phones = { USBMUXD_SOCKET_ADDRESS: daemon.address };
  const agent = start(['agent'], phones);
  const end = finished(agent);
  try {
    await once(agent.stdout, 'data');
    const id = await vi.waitFor(async () => {
      const { devices } = JSON.parse((await keepsake(['devices', '--json'], phones)).stdout);
      return devices.find(({ kind }: { readonly kind: string }) => kind === 'iphone').id;
    }, patience);
    const { stdout } = await keepsake(['backup', id, '--json'], phones);
    expect(JSON.parse(stdout).imports[0]).toMatchObject({ found: 1, imported: 1, iCloudOnly: 1, failed: 0 });
  } finally {
    agent.kill('SIGTERM');
  }
  expect((await end).exitCode).toBe(0);
});

test('All that it keeps is in its owner’s home: nothing comes into the install', () => {
  expect(existsSync(join(installed, 'node_modules/.cache'))).toBe(false);
  if (process.platform === 'linux') expect(lstatSync(join(home, '.cache/keepsake')).mode & 0o777).toBe(0o700);
});
