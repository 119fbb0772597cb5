// How long the first import of a card takes, beside what else would bring its files onto this disk: `cp -a`, `rsync -a` and
// exiftool filing by date, each with the flush that keepsake does anyway. One run, interleaved, order rotated; only the
// ratios mean anything on another machine. `npm run bench -- --rounds 5 --gigabytes 2`

import { spawnSync } from 'node:child_process';
import { mkdir, open, readdir, rm, statfs, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { countFiles, type Measurement, measure, type ShellCommand, summarize, table } from './measure.ts';
import { type MixedCard, openMixedCard } from './mixed-card.ts';

const keepsake = fileURLToPath(new URL('../bin/keepsake.js', import.meta.url));
const budgetRatio = 1.3;
const budgetPeakBytes = 200e6;
/** Card, one destination at a time, and as much again for what the disk has not given back yet. */
const roomFactor = 3;
const readBuffer = Buffer.alloc(1024 * 1024);

interface Contender {
  readonly name: string;
  readonly command: (card: MixedCard, folders: RoundFolders) => ShellCommand;
  /** How many of the card's files arrived. */
  readonly countArrived: (folders: RoundFolders, stdout: string) => Promise<number>;
}

interface RoundFolders {
  /** Does not exist when the command starts. */
  readonly destination: string;
  /** Empty, for what the command keeps elsewhere. */
  readonly home: string;
}

const reference = 'cp -a + sync';
const contenders: readonly Contender[] = [
  {
    name: 'keepsake backup',
    command: (card, { destination, home }) => ({
      script: '"$1" "$2" backup "$3" --library "$4" --json',
      args: [process.execPath, keepsake, card.folder, destination],
      environment: { KEEPSAKE_HOME: home },
    }),
    countArrived: async ({ destination }, stdout) => {
      const { imports } = JSON.parse(stdout) as { imports: readonly { found: number; imported: number }[] };
      const [report] = imports;
      const files = await countFiles(destination, ['.keepsake']);
      if (report?.found !== files || report.imported !== files) throw new Error(`the report says otherwise: ${stdout}`);
      return files;
    },
  },
  {
    name: reference,
    command: (card, { destination }) => ({
      script: 'cp -a "$1" "$2" && sync -f "$2"',
      args: [card.folder, destination],
    }),
    countArrived: ({ destination }) => countFiles(destination),
  },
  {
    name: 'rsync -a + sync',
    command: (card, { destination }) => ({
      script: 'rsync -a "$1/" "$2/" && sync -f "$2"',
      args: [card.folder, destination],
    }),
    countArrived: ({ destination }) => countFiles(destination),
  },
  {
    name: 'exiftool by date + sync',
    // A later assignment wins where its tag exists; what has no date of its own is filed by its modification time.
    command: (card, { destination, home }) => ({
      script: `exiftool -q -q -r -ext '*' -o . '-Directory<FileModifyDate' '-Directory<CreateDate' \
        '-Directory<DateTimeOriginal' -d "$2/%Y/%Y-%m-%d" "$1" && sync -f "$2"`,
      args: [card.folder, destination],
      workingFolder: home,
    }),
    countArrived: ({ destination }) => countFiles(destination),
  },
];

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    gigabytes: { type: 'string', default: '4' },
    only: { type: 'string', multiple: true },
  },
});

const place = join(process.env['KEEPSAKE_BENCH_DIR'] ?? tmpdir(), 'keepsake-bench');
await mkdir(place, { recursive: true });
const gigabytes = await fittingGigabytes(Number(options.gigabytes));
const card = await openMixedCard(place, gigabytes, () => console.log(`Making a card of ${gigabytes} GB, once …`));
console.log(`${card.files} files, ${(card.bytes / 1e9).toFixed(2)} GB; ${availableParallelism()} processors\n`);
const results = await runRounds(card, chosenContenders(), Number(options.rounds));
report(results);

/** Less than was asked for where the disk has no room for it, and then it says so. */
async function fittingGigabytes(wanted: number): Promise<number> {
  if (!(wanted > 0)) throw new Error('--gigabytes is a number above 0');
  const { bavail, bsize } = await statfs(place);
  const fitting = Math.floor((bavail * bsize) / 1e8 / roomFactor) / 10;
  if (fitting >= wanted) return wanted;
  console.log(
    `There is room for ${fitting} GB only, not for ${wanted}: a small card flatters nobody, but is less certain.`,
  );
  return fitting;
}

function chosenContenders(): readonly Contender[] {
  return contenders.filter(({ name, command }) => {
    const { script } = command({ folder: '', files: 0, bytes: 0 }, { destination: '', home: '' });
    const program = script.split(' ')[0] ?? '';
    const isChosen = options.only === undefined || options.only.some((part) => name.includes(part));
    const isThere = program.startsWith('"') || spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
    if (isChosen && !isThere) console.log(`${program} is not on this machine and is left out.`);
    return isChosen && isThere;
  });
}

async function runRounds(
  card: MixedCard,
  chosen: readonly Contender[],
  rounds: number,
): Promise<ReadonlyMap<string, readonly Measurement[]>> {
  const results = new Map<string, Measurement[]>(chosen.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < chosen.length; turn += 1) {
      const contender = chosen[(round + turn) % chosen.length];
      if (contender === undefined) continue;
      const measurement = await runOnce(card, contender);
      results.get(contender.name)?.push(measurement);
      const seconds = (measurement.wallMs / 1000).toFixed(2);
      console.log(`round ${round + 1}: ${contender.name.padEnd(24)} ${seconds.padStart(7)} s`);
    }
  }
  return results;
}

async function runOnce(card: MixedCard, contender: Contender): Promise<Measurement> {
  const folders = { destination: join(place, 'destination'), home: join(place, 'home') };
  for (const folder of Object.values(folders)) await rm(folder, { recursive: true, force: true });
  await mkdir(folders.home);
  await writeFile(join(folders.home, 'config.toml'), 'reserve = "0 B"\n');
  spawnSync('sync');
  await readAll(card.folder); // each finds the card in the page cache, which is hardest on whoever hashes
  const measurement = await measure(contender.command(card, folders));
  const arrived = await contender.countArrived(folders, measurement.stdout);
  if (arrived !== card.files) throw new Error(`${contender.name}: ${arrived} of ${card.files} files arrived`);
  for (const folder of Object.values(folders)) await rm(folder, { recursive: true, force: true });
  return measurement;
}

async function readAll(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    await using file = await open(join(entry.parentPath, entry.name));
    while ((await file.read(readBuffer)).bytesRead > 0);
  }
}

function report(results: ReadonlyMap<string, readonly Measurement[]>): void {
  const wall = (name: string) => (results.get(name) ?? []).map(({ wallMs }) => wallMs / 1000);
  const references = wall(reference);
  // Round by round: the disk's mood changes from minute to minute and takes both along.
  const ratios = (name: string) => wall(name).map((seconds, round) => seconds / (references[round] ?? Number.NaN));
  const rows = [...results.keys()].map((name) => {
    const [time, ratio] = [summarize(wall(name)), summarize(ratios(name))];
    const cpu = summarize((results.get(name) ?? []).map(({ cpuMs }) => cpuMs / 1000));
    return [
      name,
      time.median.toFixed(2),
      `${time.min.toFixed(2)} - ${time.max.toFixed(2)}`,
      `${ratio.median.toFixed(2)}x`,
      `${ratio.min.toFixed(2)} - ${ratio.max.toFixed(2)}`,
      cpu.median.toFixed(1),
      (peakOf(results, name) / 1e6).toFixed(0),
    ];
  });
  console.log(`\n${table([['', 'seconds', 'spread', 'ratio', 'spread', 'CPU s', 'peak MB'], ...rows])}\n`);
  const [first] = contenders;
  if (first === undefined || wall(first.name).length === 0 || references.length === 0) return;
  const { median } = summarize(ratios(first.name));
  const peak = peakOf(results, first.name);
  console.log(
    table([
      ['budget', 'allowed', 'measured', ''],
      [
        'first import from a card folder, 4 GB mixed, hashed + flushed',
        `≤ ${budgetRatio}x ${reference}`,
        `${median.toFixed(2)}x`,
        median <= budgetRatio ? 'met' : 'not met',
      ],
      [
        'memory while importing',
        `≤ ${budgetPeakBytes / 1e6} MB`,
        `${(peak / 1e6).toFixed(0)} MB`,
        peak <= budgetPeakBytes ? 'met' : 'not met',
      ],
    ]),
  );
}

function peakOf(results: ReadonlyMap<string, readonly Measurement[]>, name: string): number {
  return Math.max(0, ...(results.get(name) ?? []).map(({ peakBytes }) => peakBytes ?? 0));
}
