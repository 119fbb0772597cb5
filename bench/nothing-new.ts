// How long `backup` takes when there is nothing new among many small files, beside `rsync -a` over the same tree, both with
// warm caches and their start included. `node bin/with-node.js bench/nothing-new.ts --files 100000 --rounds 5`

import { mkdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { makeJpeg } from '../test/support/media/jpeg.ts';
import { type Measurement, measure, type ShellCommand, summarize, table } from './measure.ts';

const keepsake = fileURLToPath(new URL('../bin/keepsake.js', import.meta.url));
const budgetRatio = 2;
const filesPerFolder = 1000;
const treeVersion = 1;

const { values: options } = parseArgs({
  options: { files: { type: 'string', default: '100000' }, rounds: { type: 'string', default: '5' } },
});
const count = Number(options.files);
const place = join(process.env['KEEPSAKE_BENCH_DIR'] ?? tmpdir(), 'keepsake-bench');
const tree = join(place, `small-files-v${treeVersion}-${count}`);
const [library, home, mirror] = ['library', 'home', 'mirror'].map((name) => join(place, `nothing-new-${name}`));
if (library === undefined || home === undefined || mirror === undefined) throw new Error('three folders have names');

const backup: ShellCommand = {
  script: '"$1" "$2" backup "$3" --library "$4" --json',
  args: [process.execPath, keepsake, tree, library],
  environment: { KEEPSAKE_HOME: home },
};
const rsync: ShellCommand = { script: 'rsync -a "$1/" "$2/"', args: [tree, mirror] };

await writeTree();
for (const folder of [library, home, mirror]) await rm(folder, { recursive: true, force: true });
await mkdir(home);
await writeFile(join(home, 'config.toml'), 'reserve = "0 B"\n');
console.log(`Saving ${count} files for the first time …`);
const first = { backup: await measure(backup), rsync: await measure(rsync) };
console.log(`keepsake ${seconds(first.backup)} s, rsync ${seconds(first.rsync)} s`);
const results = { backup: [] as Measurement[], rsync: [] as Measurement[] };
await measure(backup);
await measure(rsync);
for (let round = 0; round < Number(options.rounds); round += 1) {
  const order = round % 2 === 0 ? (['backup', 'rsync'] as const) : (['rsync', 'backup'] as const);
  for (const name of order) results[name].push(await measure(name === 'backup' ? backup : rsync));
  const known = (JSON.parse(results.backup.at(-1)?.stdout ?? '') as { imports: { known: number }[] }).imports[0]?.known;
  if (known !== count) throw new Error(`${known} of ${count} files were known`);
}
report();
for (const folder of [library, home, mirror]) await rm(folder, { recursive: true, force: true });

/** Tiny pictures, each with its own bytes, in folders of a thousand. Written once. */
async function writeTree(): Promise<void> {
  if ((await stat(tree).catch(() => undefined)) !== undefined) return; // there from an earlier run
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
}

function seconds({ wallMs }: Measurement): string {
  return (wallMs / 1000).toFixed(2);
}

function report(): void {
  const ratios = results.backup.map(({ wallMs }, round) => wallMs / (results.rsync[round]?.wallMs ?? Number.NaN));
  const row = (name: string, measured: readonly Measurement[]) => {
    const wall = summarize(measured.map(({ wallMs }) => wallMs / 1000));
    const cpu = summarize(measured.map(({ cpuMs }) => cpuMs / 1000));
    const peak = Math.max(...measured.map(({ peakBytes }) => peakBytes ?? 0));
    const spread = `${wall.min.toFixed(2)} - ${wall.max.toFixed(2)}`;
    return [name, wall.median.toFixed(2), spread, cpu.median.toFixed(2), (peak / 1e6).toFixed(0)];
  };
  const rows = [row('keepsake backup', results.backup), row('rsync -a', results.rsync)];
  console.log(`\n${table([['', 'seconds', 'spread', 'CPU s', 'peak MB'], ...rows])}\n`);
  const { median, min, max } = summarize(ratios);
  const verdict = median <= budgetRatio ? 'met' : 'not met';
  console.log(
    `nothing new, ${count} files: ${median.toFixed(2)}x rsync -a (${min.toFixed(2)} - ${max.toFixed(2)}), ` +
      `budget ≤ ${budgetRatio}x: ${verdict}`,
  );
}
