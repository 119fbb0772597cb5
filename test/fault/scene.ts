// What every fault test needs: a home, a source and a library in a temporary folder, photos to save, one call of the
// command, and the oracle that says whether the library is sound. The oracle reads files, never the program's answers.

import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  utimesSync,
  watch,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import type { Seams } from '../../src/agent/backup.ts';
import type { DurableStep } from '../../src/platform/durable-write.ts';
import {
  type Answer,
  finished,
  type ImportJson,
  incomingNames,
  keepsake,
  projectRoot,
  startKeepsake,
  temporaryFolder,
  type WalkedFile,
  walk,
} from '../support/keepsake.ts';
import { makeHeic } from '../support/media/heic.ts';
import { makeJpeg } from '../support/media/jpeg.ts';
import { makeMov } from '../support/media/quicktime.ts';
import { seededUuid } from '../support/media/seeded.ts';

export const megabyte = 2 ** 20;

export interface Scene extends Disposable {
  readonly path: string;
  readonly home: string;
  readonly source: string;
  readonly library: string;
}

/** Folders of a test's own. The library may be put elsewhere: on a volume. No room is kept free unless asked for. */
export function makeScene(options: { library?: string; source?: string; reserve?: 'default' } = {}): Scene {
  const scratch = temporaryFolder();
  const home = join(scratch.path, 'home');
  mkdirSync(home);
  if (options.reserve !== 'default') writeFileSync(join(home, 'config.toml'), 'reserve = "0 B"\n');
  const source = options.source ?? join(scratch.path, 'card');
  mkdirSync(source, { recursive: true });
  return {
    path: scratch.path,
    home,
    source,
    library: options.library ?? join(scratch.path, 'library'),
    [Symbol.dispose]: () => scratch[Symbol.dispose](),
  };
}

/** Writes a file whose time lies in the past: one that was changed a moment ago would be given time to settle. */
export function writeFile(path: string, content: Uint8Array, modifiedAt: number | Date = 1.7e9): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  utimesSync(path, modifiedAt, modifiedAt);
  return createHash('sha256').update(content).digest('hex');
}

/** A photo of its own bytes, taken on 14 July 2024. Returns its hash. */
export function writePhoto(path: string, sizeBytes = 1000, modifiedAt?: number | Date): string {
  const content = makeJpeg({ seed: path, dateTimeOriginal: '2024-07-14T10:11:12', paddingBytes: sizeBytes });
  return writeFile(path, content, modifiedAt);
}

/** A Live Photo: `STEM.HEIC` and `STEM.MOV`. */
export function writePair(stem: string, sizes: { still?: number; movie?: number } = {}): void {
  const contentIdentifier = seededUuid(stem);
  const still = makeHeic({
    seed: stem,
    dateTimeOriginal: '2024-07-15T10:11:12',
    make: 'Apple',
    model: 'iPhone 15',
    contentIdentifier,
    imageBytes: sizes.still ?? 500,
  });
  const movie = makeMov({
    seed: stem,
    brand: 'qt  ',
    creationDate: '2024-07-15T10:11:11+0200',
    contentIdentifier,
    mdatBytes: sizes.movie ?? 1000,
  });
  writeFile(`${stem}.HEIC`, still);
  writeFile(`${stem}.MOV`, movie);
}

export type Outcome = Answer & {
  /** The one import that ran, if it came to that. */
  readonly report: ImportJson | undefined;
  /** Why it could not start, or what stopped it. */
  readonly code: string | undefined;
};

export interface RunOptions {
  readonly flags?: readonly string[];
  readonly seams?: Seams;
  readonly signal?: AbortSignal;
  readonly environment?: Readonly<Record<string, string>>;
  readonly source?: string;
}

function backupArguments(scene: Scene, options: RunOptions): readonly string[] {
  return ['backup', options.source ?? scene.source, '--library', scene.library, '--json', ...(options.flags ?? [])];
}

/** `backup --json` in this process. */
export async function backup(scene: Scene, options: RunOptions = {}): Promise<Outcome> {
  const { seams, signal } = options;
  return outcomeOf(
    await keepsake(backupArguments(scene, options), {
      home: scene.home,
      ...(seams === undefined ? {} : { seams }),
      ...(signal === undefined ? {} : { signal }),
    }),
  );
}

/** None of them outlives this test run, even if its test runs out of time. */
const children = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

/** `backup --json` as a process of its own. */
export function startBackup(scene: Scene, options: RunOptions = {}): ChildProcess {
  const { environment } = options;
  const child = startKeepsake(backupArguments(scene, options), {
    home: scene.home,
    ...(environment === undefined ? {} : { environment }),
  });
  children.add(child);
  child.once('close', () => children.delete(child));
  return child;
}

export async function backupAsProcess(scene: Scene, options: RunOptions = {}): Promise<Outcome> {
  return outcomeOf(await finished(startBackup(scene, options)));
}

/**
 * `backup --json` as a process to which permissions apply as to any user. It stays root, without root's right to pass over
 * them: another user might not be allowed into the folder that this project lies in.
 */
export async function backupWithoutPrivilege(scene: Scene, options: RunOptions = {}): Promise<Outcome> {
  const command = [process.execPath, join(projectRoot, 'bin/keepsake.js'), ...backupArguments(scene, options)];
  const child = spawn('setpriv', ['--bounding-set=-dac_override,-dac_read_search', '--inh-caps=-all', ...command], {
    env: { ...process.env, HOME: scene.home, KEEPSAKE_HOME: scene.home },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return outcomeOf(await finished(child));
}

export function outcomeOf(answer: Answer): Outcome {
  if (answer.stdout === '') return { ...answer, report: undefined, code: undefined };
  const json = JSON.parse(answer.stdout) as { imports?: readonly ImportJson[]; error?: { code: string } };
  const report = json.imports?.[0];
  return { ...answer, report, code: json.error?.code ?? report?.stopped?.code };
}

/** Runs a backup in a process that kills itself with SIGKILL when `step` begins for the `nth` time (from 1). */
export async function backupKilledAt(scene: Scene, step: DurableStep, nth = 1): Promise<void> {
  const script = join(import.meta.dirname, 'killed-at-step.ts');
  const child = spawn(process.execPath, [script, step, String(nth), ...backupArguments(scene, {})], {
    env: { ...process.env, HOME: scene.home, KEEPSAKE_HOME: scene.home },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const answer = await finished(child);
  expect(answer, `killed before ${step}`).toMatchObject({ signal: 'SIGKILL' });
}

/** Resolves when a file of this ending lies in the library's incoming/. Rejects when `signal` is aborted first. */
export async function appears(library: string, ending: '.part' | '.resume', signal?: AbortSignal): Promise<void> {
  const folder = join(library, '.keepsake/incoming');
  mkdirSync(folder, { recursive: true });
  await new Promise<void>((resolve, reject) => {
    const watcher = watch(folder, () => look());
    const look = () => {
      if (!readdirSync(folder).some((name) => name.endsWith(ending))) return;
      watcher.close();
      resolve();
    };
    signal?.addEventListener('abort', () => {
      watcher.close();
      reject(signal.reason);
    });
    look();
  });
}

/** Calls `action` when `step` begins for the `nth` time (from 1). */
export function atStep(step: DurableStep, nth: number, action: () => void): Pick<Seams, 'observeStep'> {
  let count = 0;
  return {
    observeStep: (each) => {
      if (each !== step) return;
      count += 1;
      if (count === nth) action();
    },
  };
}

/** Takes all the room on the disk that holds `path`; returns when the system has said so. */
export function fillUp(path: string, leaveBytes = 0): void {
  const file = openSync(path, 'w');
  const block = Buffer.alloc(256 * 1024, 1);
  let written = 0;
  try {
    for (let size = block.length; size >= 1; ) {
      try {
        written += writeSync(file, block, 0, size);
        fsyncSync(file);
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
        size = Math.floor(size / 4);
      }
    }
  } finally {
    closeSync(file);
  }
  if (leaveBytes > 0) truncateTo(path, Math.max(0, written - leaveBytes));
}

function truncateTo(path: string, sizeBytes: number): void {
  const file = openSync(path, 'r+');
  try {
    ftruncateSync(file, sizeBytes);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** What the oracle has to know of a file of the source. */
type TrueFile = Pick<WalkedFile, 'path' | 'sha256'>;

function hashes(files: readonly TrueFile[]): readonly string[] {
  return files.map(({ sha256 }) => sha256).sort();
}

/**
 * What is in the library is whole, is from the source, and is there once. `placeholders` lets empty files pass: several photos get
 * their names at once, and without hard links a kill can meet any of them between its placeholder and its rename. The next run has to
 * end that, so this is for the moment after a kill only.
 */
export async function expectOnlyWhole(
  library: string,
  truth: readonly TrueFile[],
  options: { readonly placeholders?: boolean } = {},
): Promise<readonly WalkedFile[]> {
  const found = (await walk(library)).filter(({ sizeBytes }) => options.placeholders !== true || sizeBytes > 0);
  const wanted = new Set(hashes(truth));
  expect(found.filter(({ sha256 }) => !wanted.has(sha256)).map(({ path }) => path)).toEqual([]);
  expect(new Set(hashes(found)).size, 'files that are in the library twice').toBe(found.length);
  return found;
}

/** All of the source is in the library, whole and once, and nothing waits in incoming/. */
export async function expectAllSaved(library: string, truth: readonly TrueFile[]): Promise<readonly WalkedFile[]> {
  const found = await expectOnlyWhole(library, truth);
  expect(hashes(found)).toEqual([...new Set(hashes(truth))].sort());
  expect(await incomingNames(library)).toEqual([]);
  return found;
}

/** The stems of pairs of which only one half is in the library. */
export function brokenPairs(found: readonly WalkedFile[], truth: readonly TrueFile[]): readonly string[] {
  const stemOf = (path: string) => path.replace(/\.[^.]+$/, '');
  const pairs = truth.filter(({ path }) => path.endsWith('.HEIC'));
  const has = (sha256: string | undefined) => found.find((each) => each.sha256 === sha256);
  return pairs
    .filter((still) => {
      const movie = truth.find(({ path }) => path === `${stemOf(still.path)}.MOV`);
      const [one, other] = [has(still.sha256), has(movie?.sha256)];
      if (one === undefined && other === undefined) return false;
      return one === undefined || other === undefined || stemOf(one.path) !== stemOf(other.path);
    })
    .map(({ path }) => path);
}
