// A setting that is misread sends photos to another place; a setting written badly takes the owner's others with it.
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { configKeys, loadConfig, parseConfig, setConfigValue } from '../../../src/agent/config.ts';
import { AgentError } from '../../../src/domain/errors.ts';
import type { AbsolutePath } from '../../../src/domain/ids.ts';
import { defaultLayout } from '../../../src/library/layout.ts';
import { temporaryFolder } from '../../support/keepsake.ts';

const everything = `# Where photos go
library = "/photos/ours"   # the big disk
layout = "{YYYY}/{MM}/{name}"
reserve = "1.5 GB"

timeZone = 'Asia/Tokyo'
allowCloudFolder = true
cardRoots = ["/cards"]
watchedFolders = ["/home/a/Camera Uploads", "/b"]
schedule = "30 8 * * 1-5"
logLevel = "debug"
helperUrl = "https://ntfy.sh/keepsake-of-the-millers"
helperCommand = ["/usr/bin/tell-anna", "--quietly"]
helperName = "Anna"
`;

function failureOf(text: string): AgentError {
  try {
    parseConfig('/c.toml', text);
  } catch (error) {
    if (error instanceof AgentError) return error;
    throw error;
  }
  throw new Error(`no failure: ${text}`);
}

test('Every setting is read', () => {
  expect(parseConfig('/c.toml', everything)).toEqual({
    library: '/photos/ours',
    layout: '{YYYY}/{MM}/{name}',
    reserveBytes: 1.5e9,
    timeZone: 'Asia/Tokyo',
    allowCloudFolder: true,
    cardRoots: ['/cards'],
    watchedFolders: ['/home/a/Camera Uploads', '/b'],
    schedule: '30 8 * * 1-5',
    logLevel: 'debug',
    helperUrl: 'https://ntfy.sh/keepsake-of-the-millers',
    helperCommand: ['/usr/bin/tell-anna', '--quietly'],
    helperName: 'Anna',
  });
  for (const key of configKeys) expect(everything).toContain(`${key} = `);
});

test('Without a file, everything has its default', async () => {
  using scratch = temporaryFolder();
  expect(await loadConfig(join(scratch.path, 'none.toml') as AbsolutePath)).toEqual({
    library: undefined,
    layout: defaultLayout,
    reserveBytes: undefined,
    timeZone: 'Europe/Berlin',
    allowCloudFolder: false,
    cardRoots: [],
    watchedFolders: [],
    schedule: '0 12 * * *',
    logLevel: 'info',
    helperUrl: undefined,
    helperCommand: [],
    helperName: undefined,
  });
});

test.for([
  ['0 B', 0],
  ['10GB', 10e9],
  ['2.5 tb', 2.5e12],
  ['512 KB', 512e3],
] as const)('A reserve of %s is %i bytes', ([text, bytes]) => {
  expect(parseConfig('/c.toml', `reserve = "${text}"`).reserveBytes).toBe(bytes);
});

test.for([
  ['a line that is no TOML', '# fine\nlibrary = "/a"\nlayout == 3\n', 3],
  ['a text without its end', 'library = "/a\n', 1],
  ['a setting twice', 'library = "/a"\n\nlibrary = "/b"\n', 3],
  ['an unknown setting', '# x\n\nlibary = "/a"\n', 3],
  ['an unknown table', 'library = "/a"\n[mirror]\nkeep = 3\n', 2],
  ['a relative library', '\nlibrary = "Photos"\n', 2],
  ['a number for a text', 'logLevel = "info"\nreserve = 20\n', 2],
  ['a size without a unit', 'reserve = "20"\n', 1],
  ['a negative size', 'reserve = "-1 GB"\n', 1],
  ['no such zone', 'timeZone = "Europe/Atlantis"\n', 1],
  ['a text for yes or no', 'allowCloudFolder = "yes"\n', 1],
  ['no such level', '# a\n# b\nlogLevel = "loud"\n', 3],
  ['no encryption on the way to somebody else', 'helperUrl = "http://example.org/anna"\n', 1],
  ['no address', '\nhelperUrl = "anna@example.org"\n', 2],
  ['a command line for a shell', 'helperCommand = "tell-anna --now"\n', 1],
  ['a program that depends on where one stands', 'helperCommand = ["./tell-anna"]\n', 1],
  ['a name of two lines', 'helperName = "An\\nna"\n', 1],
  ['Windows line ends', '# a\r\nlogLevel = "loud"\r\n', 2],
] as const)('A mistake names its line and a remedy: %s', ([, text, line]) => {
  const failure = failureOf(text);
  expect(failure.code).toBe('CONFIG_INVALID');
  expect(failure.message).toContain(`in line ${line}:`);
  expect(failure.remedy).not.toMatch(/undefined|^\W*$/);
});

test('A layout that cannot be used is refused when the settings are read, not when a photo is filed', () => {
  expect(failureOf('layout = "../{name}"').code).toBe('CONFIG_INVALID');
});

test('Settings that cannot be read are an error, not the defaults', async () => {
  using scratch = temporaryFolder();
  await expect(loadConfig(scratch.path as AbsolutePath)).rejects.toMatchObject({ code: 'CONFIG_UNREADABLE' });
});

function configFile(text: string): Disposable & { readonly path: AbsolutePath; read(): string } {
  const scratch = temporaryFolder();
  const path = join(scratch.path, 'config.toml') as AbsolutePath;
  writeFileSync(path, text);
  return { path, read: () => readFileSync(path, 'utf8'), [Symbol.dispose]: () => scratch[Symbol.dispose]() };
}

test('Setting one leaves the others, the comments and the order as they were', async () => {
  using file = configFile(everything);
  await setConfigValue(file.path, 'reserve', ['3 GB']);
  expect(file.read()).toBe(everything.replace('"1.5 GB"', '"3 GB"'));
  await setConfigValue(file.path, 'allowCloudFolder', ['false']);
  expect(parseConfig(file.path, file.read())).toMatchObject({
    reserveBytes: 3e9,
    allowCloudFolder: false,
    library: '/photos/ours',
  });
});

test('A setting that is not there yet is added, to a file that is not there yet as well', async () => {
  using scratch = temporaryFolder();
  const path = join(scratch.path, 'config.toml') as AbsolutePath;
  await setConfigValue(path, 'library', ['/a "quoted" \\ path\twith 🙂']);
  await setConfigValue(path, 'logLevel', ['warn']);
  expect(await loadConfig(path)).toMatchObject({ library: '/a "quoted" \\ path\twith 🙂', logLevel: 'warn' });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(scratch.path)).toEqual(['config.toml']);
});

test.for([
  ['library', 'relative', everything],
  ['reserve', 'much', everything],
  ['timeZone', 'Mars', everything],
  ['allowCloudFolder', 'maybe', everything],
  ['logLevel', '', everything],
  ['layout', '{name}', everything],
  ['library', '/a\ufffe\u007f', everything],
  ['library', '/a', '[elsewhere]\nlibrary = "/b"\n'],
  ['library', '/a', 'library = """\n/b\n/c"""\n'],
  ['library', '/a', 'broken =\n'],
  ['library', '/a', "'library' = '/b'\n"],
] as const)('Setting %s to %j that cannot be leaves the file as it was', async ([key, value, text]) => {
  using file = configFile(text);
  await expect(setConfigValue(file.path, key, [value])).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  expect(file.read()).toBe(text);
});

test('Who helps is set and taken back; what their program is given stays as it was written', async () => {
  using file = configFile('');
  await setConfigValue(file.path, 'helperUrl', ['ntfy+https://ntfy.example.org/anna']);
  await setConfigValue(file.path, 'helperCommand', ['tell', '-t', 'an na "x" $HOME', './relative']);
  expect(await loadConfig(file.path)).toMatchObject({
    helperUrl: 'ntfy+https://ntfy.example.org/anna',
    helperCommand: ['tell', '-t', 'an na "x" $HOME', './relative'],
  });
  await setConfigValue(file.path, 'helperUrl', ['']);
  await setConfigValue(file.path, 'helperCommand', []);
  expect(await loadConfig(file.path)).toMatchObject({ helperUrl: undefined, helperCommand: [] });
});

test('A mistake in a setting can be mended by setting it', async () => {
  using file = configFile('library = "/a"\nlogLevel = "loud"\n');
  await setConfigValue(file.path, 'logLevel', ['info']);
  expect(file.read()).toBe('library = "/a"\nlogLevel = "info"\n');
});

test('There is no setting by another name', async () => {
  using file = configFile(everything);
  for (const key of ['', 'Library', 'library ', '__proto__', 'x = 1\nlibrary'])
    await expect(setConfigValue(file.path, key, ['/a'])).rejects.toMatchObject({ code: 'USAGE' });
  expect(file.read()).toBe(everything);
});

test('A file that cannot be replaced stays as it was', async () => {
  using scratch = temporaryFolder();
  const folder = join(scratch.path, 'config.toml.new');
  const path = join(scratch.path, 'config.toml') as AbsolutePath;
  writeFileSync(path, everything);
  mkdirSync(folder); // in the way of the temporary file
  await expect(setConfigValue(path, 'reserve', ['3 GB'])).rejects.toBeInstanceOf(AgentError);
  expect(readFileSync(path, 'utf8')).toBe(everything);
  chmodSync(folder, 0o700);
  expect(existsSync(folder)).toBe(true);
});
