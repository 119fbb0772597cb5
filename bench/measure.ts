// Runs one command and tells what it took: wall time, processor time, and peak memory of it and all it started.

import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, open, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Measurement {
  readonly wallMs: number;
  /** User and system time of the command and all children it waited for. Kernel threads that write pages back are not in it. */
  readonly cpuMs: number;
  /** High-water marks of the processes alive at once, summed: pages they share count for each. Undefined without /proc. */
  readonly peakBytes: number | undefined;
  readonly stdout: string;
}

export interface ShellCommand {
  /** For `sh`; `"$1"`, `"$2"`, … are `args`. */
  readonly script: string;
  readonly args: readonly string[];
  readonly workingFolder?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

const pollMs = 20;
const stderrCharsMax = 4000;

/** @throws Error with the end of what it said if the command fails. */
export async function measure(command: ShellCommand): Promise<Measurement> {
  const scratch = await mkdtemp(join(tmpdir(), 'keepsake-measure-'));
  try {
    const timesPath = join(scratch, 'times');
    // `times` prints the shell's own times, then its children's: exact, without a program that not every system has.
    const script = `(${command.script}); code=$?; times >"$0"; exit $code`;
    await using stdout = await open(join(scratch, 'stdout'), 'w');
    const beganMs = performance.now();
    const child = spawn('sh', ['-c', script, timesPath, ...command.args], {
      stdio: ['ignore', stdout.fd, 'pipe'],
      cwd: command.workingFolder,
      env: { ...process.env, ...command.environment },
    });
    const memory = new MemoryWatch(child.pid ?? 0);
    let stderr = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-stderrCharsMax);
    });
    let wallMs = 0;
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', () => {
        wallMs = performance.now() - beganMs;
      });
      child.on('close', resolve);
    });
    const peakBytes = memory.stop();
    const output = await readFile(join(scratch, 'stdout'), 'utf8');
    if (code !== 0)
      throw new Error(`"${command.script}" ended with ${code}:\n${stderr}${output.slice(-stderrCharsMax)}`);
    return { wallMs, cpuMs: childTimesMs(await readFile(timesPath, 'utf8')), peakBytes, stdout: output };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Second line of `times`: `0m1.234s 0m0.567s`, user and system. */
function childTimesMs(text: string): number {
  const children = text.trim().split('\n').at(-1) ?? '';
  let totalMs = 0;
  for (const [, minutes, seconds] of children.matchAll(/(\d+)m([\d.]+)s/g)) {
    totalMs += Number(minutes) * 60_000 + Number(seconds) * 1000;
  }
  return totalMs;
}

/**
 * Looks at the processes below one every few milliseconds. The kernel keeps each one's high-water mark, so no peak is missed;
 * that two marks were reached at the same time is assumed, so the sum is at worst too high.
 */
class MemoryWatch {
  readonly #root: number;
  readonly #timer: NodeJS.Timeout;
  #peakBytes = 0;

  constructor(root: number) {
    this.#root = root;
    this.#timer = setInterval(() => {
      this.#peakBytes = Math.max(this.#peakBytes, this.#sumBelow(root));
    }, pollMs);
  }

  stop(): number | undefined {
    clearInterval(this.#timer);
    return this.#peakBytes === 0 ? undefined : this.#peakBytes;
  }

  #sumBelow(pid: number): number {
    let sum = 0;
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      const marked = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
      // The shell around the command is the bench's, not the command's.
      const isOurShell = pid === this.#root || /^Name:\s+sh$/m.test(status);
      if (marked !== undefined && !isOurShell) sum += Number(marked) * 1024;
      for (const task of readdirSync(`/proc/${pid}/task`)) {
        const children = readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim();
        for (const child of children === '' ? [] : children.split(' ')) sum += this.#sumBelow(Number(child));
      }
    } catch {
      // It ended meanwhile, or there is no /proc here: then nothing is known, which `stop` says.
    }
    return sum;
  }
}

/** Regular files below `folder`, without what `skip` names at its top. */
export async function countFiles(folder: string, skip: readonly string[] = []): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const skipped = skip.map((name) => join(folder, name));
  return entries.filter(
    (entry) =>
      entry.isFile() && !skipped.some((path) => entry.parentPath === path || entry.parentPath.startsWith(`${path}/`)),
  ).length;
}

export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function summarize(values: readonly number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const low = sorted[Math.ceil(middle) - 1] ?? Number.NaN;
  const high = sorted[Math.floor(middle)] ?? Number.NaN;
  return { median: (low + high) / 2, min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN };
}

/** A plain-text table, the first column to the left and all others to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ');
  return rows.map(line).join('\n');
}
