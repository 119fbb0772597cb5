// A library with photos in it and drives for its copies, for tests of what happens between them.

import { mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CallOptions, keepsake, temporaryFolder, walk } from './keepsake.ts';
import type { LoopVolume } from './loop-volume.ts';
import { makeJpeg } from './media/jpeg.ts';
import { seededBytes } from './media/seeded.ts';

export interface CopyScene extends Disposable {
  readonly home: string;
  readonly card: string;
  readonly library: string;
  /** Runs the command on this library. */
  run(
    args: readonly string[],
    options?: Partial<CallOptions>,
  ): Promise<{ exitCode: number; stdout: string; stderr: string }>;
  /** The same, with `--json`, parsed. */
  json<Result>(
    args: readonly string[],
    options?: Partial<CallOptions>,
  ): Promise<Result & { readonly exitCode: number }>;
  /** Adds a drive and returns the folder of its copy. */
  addDrive(volume: Pick<LoopVolume, 'path'>, ...flags: readonly string[]): Promise<{ id: string; root: string }>;
}

export interface MirrorJson {
  readonly copies: readonly {
    readonly driveId: string;
    readonly copied: number;
    readonly adopted: number;
    readonly moved: number;
    readonly removed: number;
    readonly readBack: number;
    readonly failed: number;
    readonly bytes: number;
    readonly complete: boolean;
    readonly failures: readonly { readonly path: string; readonly code: string }[];
    readonly stopped?: { readonly code: string; readonly message: string };
  }[];
}

export interface VerifyJson {
  readonly checked: number;
  readonly ok: number;
  readonly missing: number;
  readonly corrupt: number;
  readonly unreadable: number;
  readonly changed: number;
  readonly unknown: number;
  readonly repaired: number;
  readonly unrepairable: number;
  readonly findings: readonly { readonly drive: string; readonly path: string; readonly kind: string }[];
  readonly withoutGoodCopy: readonly { readonly drive: string; readonly path: string }[];
}

/** Saves `photos` pictures of a card, three a day, each padded to `sizeBytes`. */
export async function copyScene({ photos, sizeBytes = 0 }: { photos: number; sizeBytes?: number }): Promise<CopyScene> {
  const scratch = temporaryFolder();
  const [home, card, library] = ['home', 'card', 'library'].map((name) => join(scratch.path, name)) as [
    string,
    string,
    string,
  ];
  mkdirSync(home);
  writeFileSync(join(home, 'config.toml'), `reserve = "0 B"\nlibrary = ${JSON.stringify(library)}\n`);
  addPhotos(card, { from: 0, count: photos, sizeBytes });
  const run: CopyScene['run'] = async (args, options) => await keepsake(args, { home, ...options });
  const scene: CopyScene = {
    ...{ home, card, library, run },
    json: async (args, options) => {
      const answer = await run([...args, '--json'], options);
      if (answer.stdout === '') throw new Error(answer.stderr);
      return { ...JSON.parse(answer.stdout), exitCode: answer.exitCode };
    },
    addDrive: async ({ path }, ...flags) => {
      const added = await scene.json<{ id: string; root: string }>(['drives', 'add', path, ...flags]);
      if (added.exitCode !== 0) throw new Error(JSON.stringify(added));
      return added;
    },
    [Symbol.dispose]: () => scratch[Symbol.dispose](),
  };
  if (photos > 0) {
    const saved = await run(['backup', card]);
    if (saved.exitCode !== 0) throw new Error(saved.stdout + saved.stderr);
  }
  return scene;
}

/** Pictures with dates of their own, from 1 January 2020 on. */
export function addPhotos(card: string, of: { from: number; count: number; sizeBytes?: number }): void {
  const folder = join(card, 'DCIM/100APPLE');
  mkdirSync(folder, { recursive: true });
  for (let index = of.from; index < of.from + of.count; index += 1) {
    const day = new Date(Date.UTC(2020, 0, 1 + Math.floor(index / 3), 12, index % 60)).toISOString().slice(0, 19);
    const path = join(folder, `IMG_${String(index).padStart(4, '0')}.JPG`);
    const picture = makeJpeg({ seed: index, dateTimeOriginal: day });
    const padding = Math.max(0, (of.sizeBytes ?? 0) - picture.length);
    writeFileSync(path, Buffer.concat([picture, seededBytes(`padding ${index}`, padding)]));
    utimesSync(path, 1.6e9 + index, 1.6e9 + index);
  }
}

/** The photos of a library or of its copy: names and contents, without times, which filesystems keep differently. */
export async function contents(root: string): Promise<readonly string[]> {
  const files = await walk(root);
  return files
    .filter(({ path }) => !path.startsWith('READ ME FIRST.html'))
    .map(({ path, sha256 }) => `${sha256}  ${path}`);
}

/** Changes one bit in the middle of a file and keeps its time, as a disk that forgets does. */
export function flipBit(path: string): void {
  const { atimeMs, mtimeMs } = statSync(path);
  const bytes = readFileSync(path);
  const middle = Math.floor(bytes.length / 2);
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  utimesSync(path, atimeMs / 1000, mtimeMs / 1000);
}
