import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type DurableStep, durableSteps } from '../../src/platform/durable-write.ts';
import {
  type Answer,
  finished,
  type ImportJson,
  incomingNames,
  keepsake,
  projectRoot,
  temporaryFolder,
  walk,
} from '../support/keepsake.ts';
import { readManifests } from '../support/manifests.ts';
import { makeHeic } from '../support/media/heic.ts';
import { makeJpeg } from '../support/media/jpeg.ts';
import { makeMov } from '../support/media/quicktime.ts';
import { makeDng } from '../support/media/raw.ts';
import { makeAae } from '../support/media/sidecars.ts';
import { seededRandom } from '../support/seeded-random.ts';

const seed = Number(process.env['KEEPSAKE_TEST_SEED'] ?? Math.floor(Math.random() * 1e9));
const importsMin = 40;
const killsMin = 200;
const killsPerGapMin = 5;
const killsPerImport = 5;
const parallel = 2;

type Gap = `${DurableStep}..${DurableStep}`;
const gaps = durableSteps.slice(1).map((step, index) => `${durableSteps[index]}..${step}` as Gap);

const script = join(import.meta.dirname, '../support/killable-backup.ts');

/** A card with what can go wrong in pairs: Live Photos, RAW and JPEG, equal names, duplicates, sidecars, large files. */
function writeCard(root: string, cardSeed: number): ReadonlySet<string> {
  const write = (path: string, content: Buffer, index: number) => {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), content);
    utimesSync(join(root, path), new Date(1.6e12 + index * 1000), new Date(1.6e12 + index * 1000));
  };
  for (let index = 0; index < 6; index += 1) {
    const name = `IMG_000${index}`;
    const contentIdentifier = `0000000${index}-0000-4000-8000-${String(cardSeed).padStart(12, '0')}`;
    const dateTimeOriginal = `2024-07-1${index % 3}T10:11:12`;
    const paddingBytes = index === 2 ? 300_000 : 100;
    write(
      `DCIM/100APPLE/${name}.HEIC`,
      makeHeic({ seed: `${cardSeed} ${name}`, make: 'Apple', dateTimeOriginal, contentIdentifier }),
      index,
    );
    write(
      `DCIM/100APPLE/${name}.MOV`,
      makeMov({ seed: `${cardSeed} ${name}`, brand: 'qt  ', contentIdentifier, mdatBytes: 1000 + paddingBytes }),
      index,
    );
    // The same names again in the next folder, taken the same day: both kept, the whole group with a suffix.
    write(
      `DCIM/101APPLE/${name}.JPG`,
      makeJpeg({ seed: `${cardSeed} other ${name}`, dateTimeOriginal, paddingBytes }),
      index,
    );
    if (index % 2 === 0) write(`DCIM/101APPLE/${name}.AAE`, makeAae(`${cardSeed} ${name}`), index);
    if (index % 3 === 0) {
      const raw = makeDng({ seed: `${cardSeed} ${name}`, dateTimeOriginal });
      write(`DCIM/101APPLE/${name}.DNG`, raw, index);
      write(`DCIM/102APPLE/COPY${index}.DNG`, raw, index);
    }
  }
  write('DCIM/102APPLE/MVI_0001.MOV', makeMov({ seed: `${cardSeed} long`, brand: 'qt  ', mdatBytes: 2_500_000 }), 9);
  return new Set(sums(root));
}

function sums(root: string): readonly string[] {
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.map((file) =>
    execFileSync('sha256sum', ['-b', '--', join(file.parentPath, file.name)], { encoding: 'utf8' }).slice(0, 64),
  );
}

/** What an owner has in the end: every file, and which files make which photo. */
async function describeLibrary(library: string): Promise<unknown> {
  const manifests = await readManifests(library);
  const assets = Map.groupBy(manifests, ({ asset }) => asset.id);
  return {
    files: await walk(library),
    assets: [...assets.values()].map((files) => files.map(({ path, role }) => `${role} ${path}`).sort()).sort(),
    incoming: await incomingNames(library),
  };
}

function runChild(args: readonly string[]): Promise<Answer & { readonly signal: NodeJS.Signals | null }> {
  // As the launcher does: 250 starts are most of this test's time.
  const env = { ...process.env, NODE_COMPILE_CACHE: join(projectRoot, 'node_modules/.cache/compile') };
  return finished(spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env }));
}

interface Tally {
  imports: number;
  readonly kills: Map<Gap, number>;
}

function total(tally: Tally): number {
  return [...tally.kills.values()].reduce((sum, kills) => sum + kills, 0);
}

async function oneImport(importSeed: number, tally: Tally): Promise<void> {
  const random = seededRandom(importSeed);
  using scratch = temporaryFolder();
  const [home, source, library] = ['home', 'card', 'library'].map((name) => join(scratch.path, name)) as [
    string,
    string,
    string,
  ];
  const known = writeCard(source, importSeed % 1e9);
  let killed = 0;
  for (let attempt = 0; killed < killsPerImport && attempt < 20; attempt += 1) {
    // The gap that was hit least so far, so that all get their share.
    const fewest = Math.min(...gaps.map((gap) => tally.kills.get(gap) ?? 0));
    const wanted = gaps.filter((gap) => (tally.kills.get(gap) ?? 0) <= fewest + 1);
    const gap = wanted[Math.floor(random() * wanted.length)] as Gap;
    const occurrence =
      gap === 'stage..times' || gap === 'times..flush-file'
        ? 1 + Math.floor(random() * 6)
        : 1 + Math.floor(random() * 2);
    const run = await runChild([home, library, source, gap, String(occurrence)]);
    if (run.signal !== 'SIGKILL') {
      expect(run.exitCode, run.stderr).toBe(0);
      break; // It finished first: that run does not count, and there is nothing left to kill.
    }
    expect(run.stdout).toContain(`killed in ${gap}`);
    killed += 1;
    tally.kills.set(gap, (tally.kills.get(gap) ?? 0) + 1);
    // However it died: what has a final name is whole, and nothing claims to be complete.
    for (const file of await walk(library))
      expect(known.has(file.sha256), `${gap}: ${file.path} is no file of the card`).toBe(true);
    const status = JSON.parse((await keepsake(['status', '--library', library, '--json'], { home })).stdout);
    for (const each of status.sources) expect(each.complete).toBe(false);
  }
  if (killed === 0) return;
  tally.imports += 1;
  const last = await runChild([home, library, source]);
  expect(last.exitCode, last.stderr).toBe(0);
  const again = await runChild([home, library, source]);
  const report = (JSON.parse(again.stdout) as { imports: ImportJson[] }).imports[0];
  expect(report).toMatchObject({ imported: 0, duplicates: 0, notMedia: 0, complete: true });
  for (const name of readdirSync(join(library, '.keepsake/imports')).filter((each) => each.endsWith('.sha256'))) {
    execFileSync('sha256sum', ['-c', '--quiet', '--strict', join('.keepsake/imports', name)], { cwd: library });
  }
  const undisturbed = join(scratch.path, 'undisturbed');
  const calm = await runChild([join(scratch.path, 'calm-home'), undisturbed, source]);
  expect(calm.exitCode, calm.stderr).toBe(0);
  expect(await describeLibrary(library)).toEqual(await describeLibrary(undisturbed));
}

// Without this, a kill between any two steps could lose a photo, file it twice, tear a Live Photo, or leave a torn file.
test(`imports killed at every step end as undisturbed ones do (seed ${seed})`, async () => {
  const tally: Tally = { imports: 0, kills: new Map() };
  let next = 0;
  const isEnough = () =>
    tally.imports >= importsMin &&
    total(tally) >= killsMin &&
    gaps.every((gap) => (tally.kills.get(gap) ?? 0) >= killsPerGapMin);
  const worker = async () => {
    while (!isEnough() && next < 4 * importsMin) {
      next += 1;
      await oneImport(seed + next, tally);
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  process.stdout.write(`seed ${seed}: ${tally.imports} imports killed ${total(tally)} times: `);
  process.stdout.write(`${gaps.map((gap) => `${gap} ${tally.kills.get(gap) ?? 0}`).join(', ')}\n`);
  expect(tally.imports).toBeGreaterThanOrEqual(importsMin);
  expect(total(tally)).toBeGreaterThanOrEqual(killsMin);
  for (const gap of gaps) expect(tally.kills.get(gap) ?? 0, gap).toBeGreaterThanOrEqual(killsPerGapMin);
});
