// Runs the real command: in this process for what only needs its answers, or as a child for what is about processes.

import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Seams } from '../../src/agent/backup.ts';
import type { BackupResult } from '../../src/agent/control.ts';
import { runCli } from '../../src/cli/run.ts';

export const projectRoot = resolve(import.meta.dirname, '../..');

/** A temporary folder that goes with its scope, also while what a killed process started still writes there: `using home = temporaryFolder()`. */
export function temporaryFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'keepsake-test-'));
  return {
    path,
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }),
  };
}

export interface Answer {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CallOptions {
  /** KEEPSAKE_HOME. */
  readonly home: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly seams?: Seams;
  readonly signal?: AbortSignal;
}

/** Runs the command in this process. */
export async function keepsake(args: readonly string[], options: CallOptions): Promise<Answer> {
  const output = { stdout: '', stderr: '' };
  const exitCode = await runCli({
    args,
    environment: { HOME: options.home, KEEPSAKE_HOME: options.home, ...options.environment },
    stdout: { write: (text) => (output.stdout += text) },
    stderr: { write: (text) => (output.stderr += text) },
    signal: options.signal ?? new AbortController().signal,
    ...(options.seams === undefined ? {} : { seams: options.seams }),
  });
  return { exitCode, ...output };
}

export type ImportJson = BackupResult['imports'][number];

/** `backup … --json` in this process, parsed. A reserve of 0 is set first: tests run on whatever disk there is. */
export async function backupJson(
  sources: readonly string[],
  options: CallOptions & { readonly library: string; readonly flags?: readonly string[] },
): Promise<Answer & { readonly json: { imports: readonly ImportJson[]; error?: { code: string; remedy: string } } }> {
  await keepsake(['config', 'set', 'reserve', '0 B'], { home: options.home });
  const args = ['backup', ...sources, '--library', options.library, '--json', ...(options.flags ?? [])];
  const answer = await keepsake(args, options);
  return { ...answer, json: JSON.parse(answer.stdout) };
}

/** Starts the command as a process of its own, through the launcher, as the owner would. */
export function startKeepsake(args: readonly string[], options: CallOptions): ChildProcess {
  return spawn(process.execPath, [join(projectRoot, 'bin/keepsake.js'), ...args], {
    cwd: projectRoot,
    // Without XDG_RUNTIME_DIR, as in this process: both then find the same agent.
    env: {
      ...process.env,
      XDG_RUNTIME_DIR: '',
      // Nothing is shown on the desktop of whoever runs the tests.
      DISPLAY: '',
      WAYLAND_DISPLAY: '',
      DBUS_SESSION_BUS_ADDRESS: '',
      HOME: options.home,
      KEEPSAKE_HOME: options.home,
      ...options.environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Waits for a child's end and gathers what it printed. */
export async function finished(child: ChildProcess): Promise<Answer & { readonly signal: NodeJS.Signals | null }> {
  const output = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  return await new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', (code, signal) => done({ exitCode: code ?? -1, signal, ...output }));
  });
}

export interface WalkedFile {
  readonly path: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
}

/** Every file below `root` outside `.keepsake`, found and hashed by means of the test's own, sorted by path. */
export async function walk(root: string): Promise<readonly WalkedFile[]> {
  const found: WalkedFile[] = [];
  const visit = async (folder: string): Promise<void> => {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.name === '.keepsake') continue;
      if (entry.isDirectory()) await visit(path);
      else {
        const hash = createHash('sha256');
        await pipeline(createReadStream(path), hash);
        const stats = await lstat(path);
        found.push({
          path: relative(root, path),
          sha256: hash.digest('hex'),
          sizeBytes: stats.size,
          modifiedAtMs: stats.mtimeMs,
        });
      }
    }
  };
  await visit(root);
  return found.sort((one, other) => (one.path < other.path ? -1 : 1));
}

/** What waits in the library's incoming/: empty after a completed run. */
export async function incomingNames(library: string): Promise<readonly string[]> {
  return await readdir(join(library, '.keepsake/incoming'));
}
