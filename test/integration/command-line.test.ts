import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { configureAgent, startAgent } from '../support/agent.ts';
import { finished, keepsake, projectRoot, startKeepsake, temporaryFolder, walk } from '../support/keepsake.ts';
import { makeJpeg } from '../support/media/jpeg.ts';

const run = promisify(execFile);

function writePhoto(folder: string, name = 'IMG_0001.JPG'): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), makeJpeg({ seed: name, dateTimeOriginal: '2024-07-14T10:11:12' }));
  utimesSync(join(folder, name), 1.7e9, 1.7e9);
}

// Without these, scripts and people could not rely on what the command says and how it ends.
test('the command works through npm from another folder, with relative paths', async () => {
  using scratch = temporaryFolder();
  writePhoto(join(scratch.path, 'card'));
  const npm = (...args: readonly string[]) =>
    run('npm', ['--prefix', projectRoot, 'run', '-s', 'keepsake', '--', ...args], {
      cwd: scratch.path,
      env: { ...process.env, KEEPSAKE_HOME: 'home', HOME: scratch.path },
    });
  await npm('config', 'set', 'reserve', '0 B');
  await npm('config', 'set', 'library', 'photos');
  const { stdout } = await npm('backup', 'card');
  expect(stdout).toContain('1 file saved');
  expect((await walk(join(scratch.path, 'photos'))).map(({ path }) => path)).toEqual(['2024/2024-07-14/IMG_0001.JPG']);
  expect(existsSync(join(scratch.path, 'home/config.toml'))).toBe(true);
});

test('with --json even an error is one JSON document on stdout, with its code, remedy and exit code', async () => {
  using scratch = temporaryFolder();
  const child = startKeepsake(['backup', join(scratch.path, 'nowhere'), '--json'], { home: scratch.path });
  const { exitCode, stdout } = await finished(child);
  expect(exitCode).toBe(3);
  expect(JSON.parse(stdout)).toMatchObject({
    error: { code: 'SOURCE_MISSING', remedy: expect.stringContaining('connect') },
  });
});

test.each([
  { args: ['backup'], exitCode: 3, code: 'SOURCE_MISSING' },
  { args: ['backup', 'CARD', '--library', 'CARD/photos'], exitCode: 1, code: 'LIBRARY_OVERLAPS_SOURCE' },
  { args: ['backup', 'CARD', '--library', 'Dropbox/photos'], exitCode: 1, code: 'LIBRARY_IN_CLOUD_FOLDER' },
  { args: ['config', 'get', 'colour'], exitCode: 1, code: 'USAGE' },
  { args: ['frobnicate'], exitCode: 1, code: '' },
])('"keepsake $args" ends with $exitCode $code and makes nothing', async ({ args, exitCode, code }) => {
  using scratch = temporaryFolder();
  writePhoto(join(scratch.path, 'CARD'));
  const environment = { INIT_CWD: scratch.path };
  const answer = await keepsake(args, { home: join(scratch.path, 'home'), environment });
  expect(answer.exitCode).toBe(exitCode);
  expect(answer.stderr).toContain(code);
  expect(answer.stdout).toBe('');
  expect((await walk(scratch.path)).map(({ path }) => path)).toEqual(['CARD/IMG_0001.JPG']);
});

test('a mistake in the settings names its line and what to write', async () => {
  using scratch = temporaryFolder();
  writeFileSync(join(scratch.path, 'config.toml'), '# mine\nlayout = "{YYYY}/{name}"\nreserve = "lots"\n');
  const answer = await keepsake(['backup', scratch.path], { home: scratch.path });
  expect(answer.exitCode).toBe(1);
  expect(answer.stderr).toMatch(/line 3.*\n.*"20 GB".*\n\(CONFIG_INVALID\)/);
});

test('a dry run says what would be saved and makes nothing, not even the photo folder', async () => {
  using scratch = temporaryFolder();
  writePhoto(join(scratch.path, 'card'));
  const library = join(scratch.path, 'photos');
  const args = ['backup', join(scratch.path, 'card'), '--library', library, '--dry-run', '--json'];
  const answer = await keepsake(args, { home: join(scratch.path, 'home') });
  expect(JSON.parse(answer.stdout).imports[0]).toMatchObject({
    found: 1,
    imported: 1,
    known: 0,
    dryRun: true,
    complete: false,
  });
  expect(existsSync(library)).toBe(false);
  expect(existsSync(join(scratch.path, 'home'))).toBe(false);
});

test('the status before and after saving is one snapshot that claims nothing unproven', async () => {
  using scratch = temporaryFolder();
  writePhoto(join(scratch.path, 'card'));
  const call = { home: join(scratch.path, 'home') };
  await keepsake(['config', 'set', 'reserve', '0 B'], call);
  await keepsake(['config', 'set', 'library', join(scratch.path, 'photos')], call);
  const before = JSON.parse((await keepsake(['status', '--json'], call)).stdout);
  expect(before).toMatchObject({ state: 'neverSaved', sources: [], photos: { assets: 0, inLibrary: 0, safe: 0 } });
  await keepsake(['backup', join(scratch.path, 'card')], call);
  const after = JSON.parse((await keepsake(['status', '--json'], call)).stdout);
  expect(after).toMatchObject({
    state: 'idle',
    sources: [{ name: 'card', kind: 'folder', complete: true, onDevice: 1, iCloudOnly: 0, unknown: 0, overdue: false }],
    photos: { assets: 1, inLibrary: 1, safe: 0 },
    drives: [],
    jobs: [],
    needsYou: [],
  });
  expect(Date.parse(after.sources[0].lastSuccessAt)).toBeGreaterThan(Date.now() - 60_000);
});

test('the log names no photo', async () => {
  using scratch = temporaryFolder();
  writePhoto(join(scratch.path, 'card/DCIM'), 'Grandmother at the beach.JPG');
  const call = { home: join(scratch.path, 'home') };
  await keepsake(['config', 'set', 'reserve', '0 B'], call);
  await keepsake(['backup', join(scratch.path, 'card'), '--library', join(scratch.path, 'photos')], call);
  const log = readFileSync(join(scratch.path, 'home/logs/keepsake.log'), 'utf8');
  expect(log).toContain('import ends');
  expect(log).not.toContain('Grandmother');
});

test('npm start says where photos go and what it watches, until its window is closed', async () => {
  using scratch = temporaryFolder();
  configureAgent(scratch.path, { cardRoots: [] });
  await using agent = await startAgent({ home: scratch.path, command: 'start' });
  expect(agent.said).toContain('Your photos go to:');
  expect(agent.said).toContain('This stops when you close the window.');
  expect(await agent.stop('SIGHUP')).toBe(0);
});

test('From a checkout the commands that are shown are the ones to type; in JSON they stay as they are', async () => {
  using scratch = temporaryFolder();
  const environment = { npm_lifecycle_event: 'keepsake' };
  const spoken = await keepsake(['status'], { home: scratch.path, environment });
  expect(spoken.stdout).toContain('npm run -s keepsake -- backup FOLDER');
  const failed = await keepsake(['enroll', 'nobody'], { home: scratch.path, environment });
  expect(failed.stderr).toContain('npm run -s keepsake -- devices');
  expect((await keepsake(['status'], { home: scratch.path })).stdout).toContain('To begin: keepsake backup FOLDER');
});
