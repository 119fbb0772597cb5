// How long `backup` takes when there is nothing new among many small files, beside `rsync -a` over the same tree, their start
// included; with warm caches, or with `--cold` after the system was made to forget all files, programs too (Linux, root).
// `node bin/with-node.js bench/nothing-new.ts --files 100000 --rounds 5`

import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Measurement, measure, type ShellCommand, summarize, table } from './measure.ts';
import { place, saveSmallFiles } from './small-files.ts';

const { values: options } = parseArgs({
  options: {
    files: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '5' },
    cold: { type: 'boolean', default: false },
  },
});
const budgetRatio = options.cold ? 1.1 : 2;
const count = Number(options.files);
const mirror = join(place, 'nothing-new-mirror');

const { tree, backup } = await saveSmallFiles(count);
const rsync: ShellCommand = { script: 'rsync -a "$1/" "$2/"', args: [tree, mirror] };
const results = { backup: [] as Measurement[], rsync: [] as Measurement[] };
await measure(backup);
await measure(rsync);
for (let round = 0; round < Number(options.rounds); round += 1) {
  const order = round % 2 === 0 ? (['backup', 'rsync'] as const) : (['rsync', 'backup'] as const);
  for (const name of order) {
    if (options.cold) await dropCaches();
    results[name].push(await measure(name === 'backup' ? backup : rsync));
  }
  const known = (JSON.parse(results.backup.at(-1)?.stdout ?? '') as { imports: { known: number }[] }).imports[0]?.known;
  if (known !== count) throw new Error(`${known} of ${count} files were known`);
}
report();
await rm(mirror, { recursive: true, force: true });

/** proc(5), /proc/sys/vm/drop_caches: pages, folders and inodes, but only what `sync` has written. */
async function dropCaches(): Promise<void> {
  await measure({ script: 'sync', args: [] });
  try {
    await writeFile('/proc/sys/vm/drop_caches', '3');
  } catch (error) {
    throw new Error('--cold needs Linux, and root to make the system forget what it has read', { cause: error });
  }
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
    `nothing new, ${count} files, ${options.cold ? 'cold' : 'warm'} caches: ${median.toFixed(2)}x rsync -a (${min.toFixed(2)} - ${max.toFixed(2)}), ` +
      `budget ≤ ${budgetRatio}x: ${verdict}`,
  );
}
