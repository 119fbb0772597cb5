// How fast photos come from an iPhone, beside `ifuse` + `cp -a` from the same fake phone: over cables of 40 and 400 MB/s with round
// trips of 0 and 1 ms; and how long nothing new takes. The fake's own ceiling is read with our client and thrown away.
// `node bin/with-node.js bench/iphone.ts --rounds 3`. Linux, root, ifuse.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import Database from 'better-sqlite3';
import { openIphoneSource } from '../src/sources/iphone/iphone-source.ts';
import { PairingKeys } from '../src/sources/iphone/pairing-keys.ts';
import { openPhoneFiles } from '../src/sources/iphone/phone.ts';
import { openUsbmux } from '../src/sources/iphone/usbmux.ts';
import { measure, summarize, table } from './measure.ts';
import { keepsake } from './small-files.ts';

const slow = 40e6;
const fast = 400e6;
/** Photos and videos for five seconds and more of their cable, so that starting the program does not decide. */
const sets = [
  { count: 100, sizeBytes: 2_000_000, what: 'photos of 2 MB', cables: [slow] },
  { count: 1000, sizeBytes: 2_000_000, what: 'photos of 2 MB', cables: [fast] },
  { count: 2, sizeBytes: 150_000_000, what: 'videos of 150 MB', cables: [slow] },
  { count: 2, sizeBytes: 1_000_000_000, what: 'videos of 1 GB', cables: [fast] },
  { count: 1000, sizeBytes: 20_000, what: 'files of 20 KB', cables: [slow, fast] },
  { count: 5000, sizeBytes: 20_000, what: 'files of 20 KB', cables: [fast], roundTrips: [1] },
];
const roundTrips = [0, 1];
const manyPhotos = 50_000;

const { values: options } = parseArgs({ options: { rounds: { type: 'string', default: '3' } } });
const rounds = Number(options.rounds);
const scratch = await mkdtemp(join(process.env['KEEPSAKE_BENCH_DIR'] ?? tmpdir(), 'keepsake-iphone-'));
const socket = join(scratch, 'usbmuxd');
const environment = { USBMUXD_SOCKET_ADDRESS: `UNIX:${socket}`, KEEPSAKE_HOME: '', XDG_CONFIG_HOME: scratch };
/** Each round has folders of its own: ext4 makes files twenty times slower where many were deleted in the last minutes (measured). */
let places = 0;
try {
  await bench();
} finally {
  await rm(scratch, { recursive: true, force: true });
}

async function bench(): Promise<void> {
  const rows: string[][] = [['', 'cable', 'round trip', 'keepsake', 'of cable', 'ifuse + cp', 'ratio', 'peak MB']];
  for (const { cables, roundTrips: only, ...set } of sets) {
    for (const bytesPerSecond of cables) {
      for (const roundTripMs of only ?? roundTrips) rows.push(await compare({ ...set, bytesPerSecond, roundTripMs }));
    }
  }
  console.log(`\n${table(rows)}\n`);
  await reportNothingNew();
  await reportCeiling();
}

type Phone = {
  readonly count: number;
  readonly sizeBytes: number;
  readonly roundTripMs: number;
  readonly bytesPerSecond: number;
  readonly hasList?: boolean;
};

async function startPhone(phone: Phone): Promise<AsyncDisposable> {
  const { count, sizeBytes, roundTripMs, bytesPerSecond, hasList } = phone;
  const args = [join(import.meta.dirname, 'fake-phone.ts'), socket, count, sizeBytes, roundTripMs, bytesPerSecond];
  if (hasList === true) args.push('list');
  const child = spawn(process.execPath, args.map(String), { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return {
    [Symbol.asyncDispose]: async () => {
      child.stdin.end();
      await once(child, 'close');
    },
  };
}

/** A library and state of its own, in which photos are saved from the phone. */
async function beginAnew(): Promise<string> {
  places += 1;
  environment.KEEPSAKE_HOME = join(scratch, `home-${places}`);
  await mkdir(environment.KEEPSAKE_HOME);
  const settings = `library = ${JSON.stringify(join(scratch, `library-${places}`))}\nreserve = "0 B"\ncardRoots = []\n`;
  await writeFile(join(environment.KEEPSAKE_HOME, 'config.toml'), settings);
  const listed = await run('"$1" "$2" devices --json', process.execPath, keepsake);
  const id = (JSON.parse(listed.stdout) as { devices: { id: string }[] }).devices[0]?.id ?? '';
  await run('"$1" "$2" enroll "$3"', process.execPath, keepsake, id);
  return id;
}

function run(script: string, ...args: readonly string[]) {
  return measure({ script, args, environment });
}

async function compare(set: Phone & { readonly what: string }): Promise<string[]> {
  await using _phone = await startPhone(set);
  const bytes = set.count * set.sizeBytes;
  const [ours, theirs, peaks]: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round < rounds; round += 1) {
    await beginAnew();
    const saved = await run('"$1" "$2" backup --json && sync -f "$3"', process.execPath, keepsake, scratch);
    const report = (JSON.parse(saved.stdout) as { imports: { imported: number }[] }).imports[0];
    if (report?.imported !== set.count) throw new Error(`${report?.imported} of ${set.count} were saved`);
    ours.push(saved.wallMs);
    peaks.push((saved.peakBytes ?? 0) / 1e6);
    const [mount, copy] = [join(scratch, 'mount'), join(scratch, `copy-${places}`)];
    await mkdir(mount, { recursive: true });
    const script =
      'ifuse "$1" && cp -a "$1/DCIM" "$2"; code=$?; sync -f "$2"; fusermount3 -u "$1" || (sleep 0.2; fusermount3 -u "$1"); exit $code';
    theirs.push((await run(script, mount, copy)).wallMs);
  }
  const [our, their] = [summarize(ours).median, summarize(theirs).median];
  const rate = (ms: number) => `${(bytes / 1e3 / ms).toFixed(0)} MB/s`;
  return [
    `${set.count.toLocaleString('en')} ${set.what}`,
    `${set.bytesPerSecond / 1e6} MB/s`,
    `${set.roundTripMs} ms`,
    `${(our / 1000).toFixed(2)} s, ${rate(our)}`,
    `${((bytes / (set.bytesPerSecond / 1000) / our) * 100).toFixed(0)} %`,
    `${(their / 1000).toFixed(2)} s, ${rate(their)}`,
    `${(their / our).toFixed(1)}x`,
    Math.max(...peaks).toFixed(0),
  ];
}

async function reportNothingNew(): Promise<void> {
  for (const hasList of [false, true]) {
    const phone = { count: manyPhotos, sizeBytes: 2000, roundTripMs: 1, bytesPerSecond: 400e6, hasList };
    await using _phone = await startPhone(phone);
    await beginAnew();
    await run('"$1" "$2" backup --json', process.execPath, keepsake);
    const times: number[] = [];
    let peakBytes = 0;
    for (let round = 0; round < rounds; round += 1) {
      const again = await run('"$1" "$2" backup --json', process.execPath, keepsake);
      const known = (JSON.parse(again.stdout) as { imports: { known: number }[] }).imports[0]?.known;
      if (known !== manyPhotos) throw new Error(`${known} of ${manyPhotos} were known`);
      times.push(again.wallMs / 1000);
      peakBytes = Math.max(peakBytes, again.peakBytes ?? 0);
    }
    const { median, min, max } = summarize(times);
    const spread = `${min.toFixed(2)} - ${max.toFixed(2)}`;
    console.log(
      `nothing new, ${manyPhotos} photos, 1 ms, ${hasList ? 'with a list that has not changed' : 'without a list'}: ${median.toFixed(2)} s (${spread}), start included, ${(peakBytes / 1e6).toFixed(0)} MB, budget ≤ 3 s`,
    );
    if (hasList) await reportChangedList();
  }
}

/** The same once more, after the phone's list was forgotten here: as if it had changed. */
async function reportChangedList(): Promise<void> {
  const folder = join(environment.KEEPSAKE_HOME, 'state/catalogs');
  for (const name of await readdir(folder)) {
    if (!name.endsWith('.db')) continue;
    const database = new Database(join(folder, name));
    database.exec("UPDATE photos_list SET stamp = ''");
    database.close();
  }
  const again = await run('"$1" "$2" backup --json', process.execPath, keepsake);
  console.log(
    `the same with a list that has changed: ${(again.wallMs / 1000).toFixed(2)} s, ${((again.peakBytes ?? 0) / 1e6).toFixed(0)} MB`,
  );
}

/** What the fake itself can deliver, with our client in this process and no disk. */
async function reportCeiling(): Promise<void> {
  const phone = { count: 4, sizeBytes: 300_000_000, roundTripMs: 0, bytesPerSecond: 0 };
  await using _phone = await startPhone(phone);
  const { signal } = new AbortController();
  const usbmux = openUsbmux({ path: socket });
  const [device] = await usbmux.listDevices(signal);
  if (device === undefined) throw new Error('the fake phone is not there');
  const files = await openPhoneFiles({ usbmux, device, keys: new PairingKeys(), signal });
  await using source = openIphoneSource({ udid: device.udid, name: 'ceiling', files });
  const beganMs = performance.now();
  let bytes = 0;
  const into = Buffer.alloc(512 * 1024);
  for await (const entries of source.list(signal)) {
    for (const { path } of entries) {
      await using reader = await source.open(path, 0, signal);
      for (let count = 1; count > 0; bytes += count) count = await reader.read(into, signal);
    }
  }
  console.log(
    `ceiling of the fake phone: ${(bytes / 1e3 / (performance.now() - beganMs)).toFixed(0)} MB/s, TLS 1.3, no disk`,
  );
}
