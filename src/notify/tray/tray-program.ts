// The small program that puts an icon into the tray: the one that comes with the package systray2, started by us and spoken to in its own
// lines of JSON. The package's own code is not used: it cannot start what it installs, ends our process, and loses errors (ADR 12).

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, copyFile, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { AbsolutePath } from '../../domain/ids.ts';

/** Built for these only (package systray2 2.1.4); on Apple silicon macOS runs what is for Intel. */
const programs: Partial<Record<string, string>> = {
  'linux-x64': 'tray_linux_release',
  'darwin-x64': 'tray_darwin_release',
  'darwin-arm64': 'tray_darwin_release',
  'win32-x64': 'tray_windows_release.exe',
};
/** It says that it is ready as soon as it has a window system, or ends. */
const readyMsMax = 10_000;
/** Of one line of it: a click names the item it is for. */
const lineCharsMax = 64 * 1024;
/** What waits for a program that does not read any more. Beyond, it is ended: another one may be luckier. */
const unreadBytesMax = 512 * 1024;

/** One place of the menu, as the program takes it. */
export interface ProgramItem {
  readonly __id: number;
  readonly title: string;
  readonly enabled: boolean;
  readonly hidden: boolean;
  readonly items?: readonly ProgramItem[];
}

export interface ProgramMenu {
  /** PNG, of Windows ICO, in base64. */
  readonly icon: string;
  readonly title: string;
  readonly items: readonly ProgramItem[];
}

/** What it is asked to hide its lines behind. */
export const separatorTitle = '<SEPARATOR>';

/** The program of the package for this machine; undefined: there is none. */
export function findTrayProgram(
  platform: string = process.platform,
  arch: string = process.arch,
): AbsolutePath | undefined {
  const name = programs[`${platform}-${arch}`];
  if (name === undefined) return undefined;
  const manifest = createRequire(import.meta.url).resolve('systray2/package.json');
  return join(dirname(manifest), 'traybin', name) as AbsolutePath;
}

/**
 * A copy that may be run, in a private folder of ours: the package installs it without that right (measured, 2.1.4). One that is not byte
 * for byte the package's is made anew, so that nobody else's code is run.
 */
export async function prepareTrayProgram(program: AbsolutePath, folder: AbsolutePath): Promise<AbsolutePath> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  const own = join(folder, 'keepsake-tray') as AbsolutePath;
  if ((await hashOf(own)) !== (await hashOf(program))) {
    await copyFile(program, `${own}.new`);
    await chmod(`${own}.new`, 0o700);
    await rename(`${own}.new`, own);
  }
  // Each run leaves the file of its icon behind.
  const pictures = join(folder, 'pictures');
  await rm(pictures, { recursive: true, force: true });
  await mkdir(pictures, { mode: 0o700 });
  return own;
}

async function hashOf(path: string): Promise<string | undefined> {
  const bytes = await readFile(path).catch(() => undefined);
  return bytes === undefined ? undefined : createHash('sha256').update(bytes).digest('hex');
}

export interface RunningTray {
  readonly pid: number;
  /** Resolves when it has ended, with what it said last. */
  readonly ended: Promise<{ readonly exitCode: number | null; readonly stderr: string }>;
  setIcon(menu: Pick<ProgramMenu, 'icon' | 'title'>): void;
  setItem(item: ProgramItem): void;
  end(): void;
}

/**
 * Starts it and waits until it shows a menu, whether or not there is a tray. Not ready: it ended or said nothing, see `ended`. An abort
 * ends it, whenever it comes.
 */
export async function startTray(options: {
  readonly program: AbsolutePath;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly menu: ProgramMenu;
  readonly onClick: (id: number) => void;
  readonly signal: AbortSignal;
  readonly readyMs?: number;
}): Promise<{ readonly tray: RunningTray; readonly isReady: boolean }> {
  const { program, environment, menu, onClick, signal, readyMs = readyMsMax } = options;
  const folder = dirname(program);
  const child = spawn(program, [], {
    // The name that hovering shows; its own folder, where it looks for other programs first; and its pictures where nobody else's are.
    ...{ argv0: 'Keepsake', cwd: folder, windowsHide: true, stdio: ['pipe', 'pipe', 'pipe'] },
    env: { ...environment, ...temporaryFolder(join(folder, 'pictures')) },
  });
  const end = () => void child.kill('SIGKILL'); // it keeps nothing, and one that hangs would not hear anything else
  const ended = endOf(child);
  signal.addEventListener('abort', end, { once: true });
  void ended.then(() => signal.removeEventListener('abort', end));
  if (signal.aborted) end();
  child.stdin.on('error', () => undefined); // it has ended: that is heard elsewhere
  const send = (message: unknown) => {
    if (!child.stdin.writable) return;
    child.stdin.write(`${JSON.stringify(message)}\n`);
    if (child.stdin.writableLength > unreadBytesMax) end();
  };
  const ready = Promise.withResolvers<boolean>();
  createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY }).on('line', (line) => {
    const said = parse(line);
    if (said?.type === 'ready') ready.resolve(true);
    else if (said?.type === 'clicked' && typeof said.__id === 'number') onClick(said.__id);
  });
  const timer = setTimeout(() => ready.resolve(false), readyMs);
  void ended.then(() => ready.resolve(false));
  const isReady = await ready.promise;
  clearTimeout(timer);
  const tray: RunningTray = {
    pid: child.pid ?? -1,
    ended,
    setIcon: ({ icon, title }) => send({ type: 'update-menu', menu: { icon, title, tooltip: title, items: [] } }),
    setItem: (item) => send({ type: 'update-item', item: { tooltip: '', ...item }, seq_id: -1 }),
    end,
  };
  if (isReady) send({ ...menu, tooltip: menu.title, items: menu.items.map(withTooltip) });
  return { tray, isReady };
}

/** Where it puts the picture it hands to the panel, by the name that each system has for that. */
function temporaryFolder(path: string): Readonly<Record<string, string>> {
  return { TMPDIR: path, TMP: path, TEMP: path };
}

function withTooltip(item: ProgramItem): object {
  const { items, ...rest } = item;
  return { tooltip: '', ...rest, ...(items === undefined ? {} : { items: items.map(withTooltip) }) };
}

async function endOf(
  child: ChildProcessByStdio<Writable, Readable, Readable>,
): Promise<{ readonly exitCode: number | null; readonly stderr: string }> {
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-lineCharsMax);
  });
  return await new Promise((resolve) => {
    child.once('error', (error) => resolve({ exitCode: null, stderr: error.message }));
    child.once('close', (exitCode) => resolve({ exitCode, stderr }));
  });
}

function parse(line: string): { readonly type?: unknown; readonly __id?: unknown } | undefined {
  if (line.length > lineCharsMax) return undefined;
  try {
    const said: unknown = JSON.parse(line);
    return typeof said === 'object' && said !== null ? said : undefined;
  } catch {
    return undefined; // a warning of a library, not a line of the program
  }
}
