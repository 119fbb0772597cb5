// A tree of very many tiny pictures, and a library in which all of them are saved: both are made once and kept for later runs.

import { mkdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { makeJpeg } from '../test/support/media/jpeg.ts';
import { measure, type ShellCommand } from './measure.ts';

const filesPerFolder = 1000;
const treeVersion = 1;
export const keepsake = fileURLToPath(new URL('../bin/keepsake.js', import.meta.url));
export const place = join(process.env['KEEPSAKE_BENCH_DIR'] ?? tmpdir(), 'keepsake-bench');

export interface SavedFiles {
  readonly tree: string;
  readonly library: string;
  /** `KEEPSAKE_HOME`: its settings name the library, and no place where cards are mounted. */
  readonly home: string;
  /** Saves the tree, again or for the first time. */
  readonly backup: ShellCommand;
}

/** The tree, and a library that has all of it. The first time takes minutes. */
export async function saveSmallFiles(count: number): Promise<SavedFiles> {
  const tree = await writeSmallFiles(count);
  const [library, home] = ['library', 'home'].map((name) =>
    join(place, `small-files-v${treeVersion}-${count}-${name}`),
  );
  if (library === undefined || home === undefined) throw new Error('two folders have names');
  const backup: ShellCommand = {
    script: '"$1" "$2" backup "$3" --json',
    args: [process.execPath, keepsake, tree],
    environment: { KEEPSAKE_HOME: home },
  };
  const saved = { tree, library, home, backup };
  const isDone = join(home, 'saved'); // written last: a first run that was interrupted is begun anew
  if ((await stat(isDone).catch(() => undefined)) !== undefined) return saved;
  for (const folder of [library, home]) await rm(folder, { recursive: true, force: true });
  await mkdir(home);
  const settings = ['reserve = "0 B"', 'cardRoots = []', `library = ${JSON.stringify(library)}`];
  await writeFile(join(home, 'config.toml'), `${settings.join('\n')}\n`);
  console.log(`Saving ${count} files for the first time …`);
  const { wallMs } = await measure(backup);
  console.log(`That took ${(wallMs / 1000).toFixed(0)} s.`);
  await writeFile(isDone, '');
  return saved;
}

/** Tiny pictures, each with its own bytes, in folders of a thousand. */
async function writeSmallFiles(count: number): Promise<string> {
  const tree = join(place, `small-files-v${treeVersion}-${count}`);
  if ((await stat(tree).catch(() => undefined)) !== undefined) return tree; // there from an earlier run
  console.log(`Making ${count} files, once …`);
  const unfinished = `${tree}.new`;
  await rm(unfinished, { recursive: true, force: true });
  for (let index = 0; index < count; index += 1) {
    const folder = join(unfinished, 'DCIM', `${100 + Math.floor(index / filesPerFolder)}CANON`);
    if (index % filesPerFolder === 0) await mkdir(folder, { recursive: true });
    const takenAt = new Date(Date.parse('2019-03-04T08:00:00Z') + index * 1_500_000);
    const local = takenAt.toISOString().slice(0, 19);
    const path = join(folder, `IMG_${String(index).padStart(6, '0')}.JPG`);
    await writeFile(path, makeJpeg({ seed: index, dateTimeOriginal: local, make: 'Canon', model: 'Canon EOS R5' }));
    await utimes(path, takenAt, takenAt);
  }
  await rename(unfinished, tree);
  return tree;
}
