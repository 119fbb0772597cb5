// How long copies take beside the tools that people would use: the first copy of a library to a drive (`rsync -a` + `sync`, and then
// `sha256sum -c` on what it wrote, which is what Keepsake's reading back is), a copy with nothing new (`rsync -a`), and a check
// (`sha256sum -c` on both places). The drives are images on the same disk, mounted; nothing of them is in memory before a check.
// Needs Linux and root. `node bin/with-node.js bench/copies.ts --part first|nothing|check --rounds 3 --gigabytes 4 --files 100000`

import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Measurement, measure, type ShellCommand, summarize, table } from './measure.ts';
import { openMixedCard } from './mixed-card.ts';
import { keepsake, place, saveSmallFiles } from './small-files.ts';

const { values: options } = parseArgs({
  options: {
    part: { type: 'string', default: 'first' },
    rounds: { type: 'string', default: '3' },
    gigabytes: { type: 'string', default: '4' },
    files: { type: 'string', default: '100000' },
  },
});
const rounds = Number(options.rounds);

interface BenchLibrary {
  readonly root: string;
  readonly home: string;
  readonly bytes: number;
}

/** An image on this disk, mounted as a drive. */
class Drive implements Disposable {
  readonly path: string;
  readonly #image: string;

  constructor(name: string, bytes: number) {
    this.path = join(place, name);
    this.#image = `${this.path}.img`;
    mkdirSync(this.path, { recursive: true });
    execFileSync('truncate', ['-s', String(Math.ceil(bytes)), this.#image]);
    execFileSync('mkfs.ext4', ['-q', '-F', '-i', '4096', '-E', 'lazy_itable_init=0,lazy_journal_init=0', this.#image]);
    execFileSync('mount', ['-o', 'loop', this.#image, this.path]);
  }

  [Symbol.dispose](): void {
    execFileSync('umount', [this.path]);
    rmSync(this.#image);
  }
}

function command(home: string, ...args: readonly string[]): ShellCommand {
  return {
    script: '"$@"',
    args: [process.execPath, keepsake, ...args],
    environment: { KEEPSAKE_HOME: home },
  };
}

async function run(home: string, ...args: readonly string[]): Promise<string> {
  return (await measure(command(home, ...args))).stdout;
}

async function mixedLibrary(): Promise<BenchLibrary> {
  const card = await openMixedCard(place, Number(options.gigabytes), () => console.log('Making a card, once …'));
  const [home, root] = [join(place, 'copies-home'), join(place, 'copies-library')];
  rmSync(home, { recursive: true, force: true });
  rmSync(root, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, 'config.toml'), `reserve = "0 B"\nlibrary = ${JSON.stringify(root)}\n`);
  await run(home, 'backup', card.folder);
  return { root, home, bytes: card.bytes };
}

async function forgetEverything(): Promise<void> {
  await measure({ script: 'sync; echo 3 > /proc/sys/vm/drop_caches', args: [] });
}

function row(name: string, measured: readonly Measurement[], reference: readonly Measurement[]): readonly string[] {
  const wall = summarize(measured.map(({ wallMs }) => wallMs / 1000));
  const ratio = summarize(measured.map(({ wallMs }, round) => wallMs / (reference[round]?.wallMs ?? Number.NaN)));
  const cpu = summarize(measured.map(({ cpuMs }) => cpuMs / 1000));
  const peak = Math.max(...measured.map(({ peakBytes }) => peakBytes ?? 0));
  return [
    name,
    wall.median.toFixed(2),
    `${wall.min.toFixed(2)} - ${wall.max.toFixed(2)}`,
    `${ratio.median.toFixed(2)}x`,
    `${ratio.min.toFixed(2)} - ${ratio.max.toFixed(2)}`,
    cpu.median.toFixed(1),
    (peak / 1e6).toFixed(0),
  ];
}

function print(rows: readonly (readonly string[])[]): void {
  console.log(`\n${table([['', 'seconds', 'spread', 'ratio', 'spread', 'CPU s', 'peak MB'], ...rows])}\n`);
}

const rsync = (library: BenchLibrary, drive: Drive): ShellCommand => ({
  script: 'rsync -a --exclude .keepsake "$1/" "$2/rsync/" && sync -f "$2"',
  args: [library.root, drive.path],
});
/** Compares a copy that rsync made with the library's own lists, as its owner would have to. */
const sumsOf = (library: BenchLibrary, folder: string): ShellCommand => ({
  script: 'cd "$2" && cat "$1"/.keepsake/imports/*.sha256 | sha256sum -c --quiet -',
  args: [library.root, folder],
});

async function firstCopy(): Promise<void> {
  const library = await mixedLibrary();
  const results = { ours: [] as Measurement[], rsync: [] as Measurement[], both: [] as Measurement[] };
  for (let round = 0; round < rounds; round += 1) {
    const ours = async () => {
      using drive = new Drive(`drive-ours-${round}`, library.bytes * 1.2 + 2e8);
      await run(library.home, 'drives', 'add', drive.path);
      await measure({ script: 'find "$1" -type f -exec cat {} + > /dev/null', args: [library.root] });
      results.ours.push(await measure(command(library.home, 'mirror', '--json')));
      const copies = (JSON.parse(results.ours.at(-1)?.stdout ?? '') as { copies: { complete: boolean }[] }).copies;
      if (copies.some(({ complete }) => !complete)) throw new Error(results.ours.at(-1)?.stdout);
      await run(library.home, 'drives', 'forget', drive.path);
    };
    const theirs = async () => {
      using drive = new Drive(`drive-rsync-${round}`, library.bytes * 1.2 + 2e8);
      await measure({ script: 'find "$1" -type f -exec cat {} + > /dev/null', args: [library.root] });
      const copied = await measure(rsync(library, drive));
      execFileSync('umount', [drive.path]);
      execFileSync('mount', ['-o', 'loop', `${drive.path}.img`, drive.path]);
      const checked = await measure(sumsOf(library, join(drive.path, 'rsync')));
      results.rsync.push(copied);
      const [wallMs, cpuMs] = [copied.wallMs + checked.wallMs, copied.cpuMs + checked.cpuMs];
      results.both.push({ ...copied, wallMs, cpuMs });
    };
    for (const turn of round % 2 === 0 ? [ours, theirs] : [theirs, ours]) await turn();
  }
  print([
    row('keepsake mirror, read back', results.ours, results.rsync),
    row('rsync -a + sync', results.rsync, results.rsync),
    row('the same + sha256sum -c', results.both, results.rsync),
  ]);
}

async function nothingNew(): Promise<void> {
  const { home, library: root } = await saveSmallFiles(Number(options.files));
  const library = { root, home, bytes: 0 };
  using drive = new Drive('drive-nothing', Number(options.files) * 12e3 + 5e8);
  const added = await run(home, 'drives', 'add', drive.path, '--library', root, '--json');
  await run(home, 'mirror', '--library', root);
  await measure(rsync(library, drive));
  const results = { ours: [] as Measurement[], rsync: [] as Measurement[] };
  for (let round = 0; round < rounds; round += 1) {
    const ours = async () => void results.ours.push(await measure(command(home, 'mirror', '--library', root)));
    const theirs = async () => void results.rsync.push(await measure(rsync(library, drive)));
    for (const turn of round % 2 === 0 ? [ours, theirs] : [theirs, ours]) await turn();
  }
  print([row('keepsake mirror', results.ours, results.rsync), row('rsync -a', results.rsync, results.rsync)]);
  await run(home, 'drives', 'forget', (JSON.parse(added) as { id: string }).id, '--library', root);
}

async function check(): Promise<void> {
  const library = await mixedLibrary();
  using drive = new Drive('drive-check', library.bytes * 1.2 + 2e8);
  const added = await run(library.home, 'drives', 'add', drive.path, '--json');
  const { root: copy } = JSON.parse(added) as { root: string };
  await run(library.home, 'mirror');
  const results = { ours: [] as Measurement[], sums: [] as Measurement[] };
  for (let round = 0; round < rounds; round += 1) {
    const ours = async () => {
      await forgetEverything();
      results.ours.push(await measure(command(library.home, 'verify', '--all')));
    };
    const theirs = async () => {
      await forgetEverything();
      results.sums.push(
        await measure({
          script:
            'for place in "$1" "$2"; do cd "$place" && cat .keepsake/imports/*.sha256 | sha256sum -c --quiet - || exit 1; done',
          args: [library.root, copy],
        }),
      );
    };
    for (const turn of round % 2 === 0 ? [ours, theirs] : [theirs, ours]) await turn();
  }
  print([row('keepsake verify --all', results.ours, results.sums), row('sha256sum -c', results.sums, results.sums)]);
  const bytes = 2 * library.bytes;
  console.log(`${(bytes / 1e6 / summarize(results.ours.map(({ wallMs }) => wallMs / 1000)).median).toFixed(0)} MB/s`);
  await run(library.home, 'drives', 'forget', drive.path);
}

const parts: Readonly<Record<string, () => Promise<void>>> = { first: firstCopy, nothing: nothingNew, check };
const part = parts[options.part];
if (part === undefined) throw new Error(`--part is one of ${Object.keys(parts).join(', ')}`);
await part();
