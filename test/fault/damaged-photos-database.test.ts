// Photos libraries with seeded damage, as a torn copy, a worn-out card or a stranger makes it. KEEPSAKE_TEST_DAMAGED=1000 for a long
// run; a failure names the seed, and KEEPSAKE_TEST_SEED repeats the run from there.

import {
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { afterAll, expect, type TestContext, test } from 'vitest';
import { isAgentError } from '../../src/domain/errors.ts';
import { parseAsset } from '../../src/sources/photos-database/claims.ts';
import { seededRandom } from '../support/seeded-random.ts';
import {
  copySample,
  makePrivateFolder,
  type PrivateCopy,
  readAll,
} from '../unit/sources/photos-database/private-copy.ts';
import { sampleLibraries } from '../unit/sources/photos-database/sample-tables.ts';

const caseCount = Number(process.env['KEEPSAKE_TEST_DAMAGED'] ?? 40);
const seed = Number(process.env['KEEPSAKE_TEST_SEED'] ?? Math.floor(Math.random() * 1e9));
/** Each case reads some megabytes, in less than a second; this long only a hang takes. */
const readTimeoutMs = 20_000;

const samples: PrivateCopy[] = [];
afterAll(() => {
  for (const sample of samples) sample[Symbol.dispose]();
});

interface Chance {
  /** A whole number from 0 to below `limit`. */
  below(limit: number): number;
}

type Damage = (copy: PrivateCopy, chance: Chance) => void;

const pageBytes = 4096;
const walHeaderBytes = 32;
const frameBytes = 24 + pageBytes;

/** The database or, as often, its log, if there is one with anything in it. */
function pick(copy: PrivateCopy, chance: Chance): string {
  const hasLog = existsSync(copy.logPath) && statSync(copy.logPath).size > walHeaderBytes;
  return hasLog && chance.below(2) === 0 ? copy.logPath : copy.path;
}

function overwrite(path: string, at: number, change: (bytes: Buffer) => void, lengthBytes: number): void {
  const file = openSync(path, 'r+');
  try {
    const bytes = Buffer.alloc(lengthBytes);
    readSync(file, bytes, 0, lengthBytes, at);
    change(bytes);
    writeSync(file, bytes, 0, lengthBytes, at);
  } finally {
    closeSync(file);
  }
}

function flipBits(path: string, chance: Chance, { count, withinBytes }: { count: number; withinBytes: number }): void {
  for (let flipped = 0; flipped < count; flipped += 1) {
    const bit = 1 << chance.below(8);
    overwrite(path, chance.below(withinBytes), (bytes) => bytes.writeUInt8(bytes.readUInt8(0) ^ bit, 0), 1);
  }
}

const damages: Readonly<Record<string, Damage>> = {
  'one bit': (copy, chance) => {
    const path = pick(copy, chance);
    flipBits(path, chance, { count: 1, withinBytes: statSync(path).size });
  },
  'many bits': (copy, chance) => {
    const path = pick(copy, chance);
    flipBits(path, chance, { count: 1 + chance.below(2000), withinBytes: statSync(path).size });
  },
  'bits of the first pages, where the schema is': (copy, chance) =>
    flipBits(copy.path, chance, { count: 1 + chance.below(20), withinBytes: 20 * pageBytes }),
  'bits of one page': (copy, chance) => {
    const page = chance.below(statSync(copy.path).size / pageBytes);
    for (let count = 1 + chance.below(50); count > 0; count -= 1) {
      const at = page * pageBytes + chance.below(pageBytes);
      overwrite(copy.path, at, (bytes) => bytes.writeUInt8(chance.below(256), 0), 1);
    }
  },
  'cut off': (copy, chance) => {
    const path = pick(copy, chance);
    truncateSync(path, chance.below(statSync(path).size));
  },
  'pages of zeros': (copy, chance) => {
    for (let count = 1 + chance.below(8); count > 0; count -= 1) {
      const page = chance.below(statSync(copy.path).size / pageBytes);
      overwrite(copy.path, page * pageBytes, (bytes) => bytes.fill(0), pageBytes);
    }
  },
  'pages in the place of others': (copy, chance) => {
    const whole = readFileSync(copy.path);
    for (let count = 1 + chance.below(4); count > 0; count -= 1) {
      const [from, to] = [chance.below(whole.length / pageBytes), chance.below(whole.length / pageBytes)];
      const page = whole.subarray(from * pageBytes, (from + 1) * pageBytes);
      overwrite(copy.path, to * pageBytes, (bytes) => page.copy(bytes), pageBytes);
    }
  },
  'the log of another library': (copy, chance) => {
    const other = samples[chance.below(samples.length)];
    if (other !== undefined && existsSync(other.logPath)) copyFileSync(other.logPath, copy.logPath);
  },
  'the database of another library': (copy, chance) => {
    const other = samples[chance.below(samples.length)];
    if (other !== undefined) copyFileSync(other.path, copy.path);
  },
  'an older database below the log, some pages from each': (copy, chance) => {
    // Pages of the log that did not all reach the database: what a copy taken during a checkpoint looks like.
    if (!existsSync(copy.logPath)) return;
    const log = readFileSync(copy.logPath);
    for (let at = walHeaderBytes; at + frameBytes <= log.length; at += frameBytes) {
      if (chance.below(2) === 0) continue;
      const page = log.readUInt32BE(at);
      const content = log.subarray(at + frameBytes - pageBytes, at + frameBytes);
      overwrite(copy.path, (page - 1) * pageBytes, (bytes) => content.copy(bytes), pageBytes);
    }
    if (chance.below(2) === 0) rmSync(copy.logPath);
  },
};

function openSamples(context: TestContext): void {
  if (samples.length === 0) samples.push(...sampleLibraries.map(({ file }) => copySample(context, file)));
}

/** Damages a fresh copy. What was done is for the report of a failure. */
async function runCase(caseSeed: number): Promise<{ outcome: 'read' | 'refused'; what: string }> {
  const random = seededRandom(caseSeed);
  const chance: Chance = { below: (limit) => Math.floor(random() * limit) };
  const sample = samples[chance.below(samples.length)] as PrivateCopy;
  using copy = makePrivateFolder();
  copyFileSync(sample.path, copy.path);
  if (existsSync(sample.logPath) && chance.below(4) > 0) copyFileSync(sample.logPath, copy.logPath);
  const names = Object.keys(damages);
  const name = names[chance.below(names.length)] ?? '';
  damages[name]?.(copy, chance);
  const what = `seed ${caseSeed}: ${name}`;
  try {
    const { assets } = await readAll(copy.path, { timeoutMs: readTimeoutMs });
    for (const asset of assets) expect(parseAsset(asset), what).toBe(asset);
    return { outcome: 'read', what };
  } catch (error) {
    if (!isAgentError(error, 'PHOTOS_LIST_UNREADABLE')) throw new Error(what, { cause: error });
    const cause = error.cause instanceof Error ? error.cause.message : '';
    // Refused is right, hung or crashed is not: each would deserve a look.
    expect(cause, what).not.toMatch(/took longer|ended with/);
    return { outcome: 'refused', what: `${what} (${cause})` };
  }
}

// Without this, one damaged byte on a phone could stop the agent, or make it believe what nobody said.
test(
  `Damage of any kind is refused or leaves claims within their bounds (seed ${seed})`,
  async (context) => {
    openSamples(context);
    const outcomes = { read: 0, refused: 0 };
    const waiting = Array.from({ length: caseCount }, (_, index) => seed + index);
    const work = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const { outcome, what } = await runCase(next);
        outcomes[outcome] += 1;
        if (process.env['KEEPSAKE_TEST_DAMAGED'] !== undefined) console.log(outcome, what);
      }
    };
    await Promise.all([work(), work()]);
    expect(outcomes.read + outcomes.refused).toBe(caseCount);
    if (caseCount >= 40) expect(Math.min(outcomes.read, outcomes.refused)).toBeGreaterThan(0); // else nothing was tried
  },
  Math.max(900_000, caseCount * 20_000),
);
