// Adopting a family's photos takes hours, in which the lid is closed and the power goes. Without this, a kill could leave
// photos in the catalogue twice, or half of a Live Photo, or have everything read again from the start each time.
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import type { AdoptResult } from '../../src/agent/adopt.ts';
import { describeCatalog, fingerprint } from '../support/adopting.ts';
import { type Answer, finished, projectRoot, temporaryFolder } from '../support/keepsake.ts';
import { deleteCatalog, rebuild, statusOf } from '../support/lost-catalog.ts';
import { makeHeic } from '../support/media/heic.ts';
import { makeJpeg } from '../support/media/jpeg.ts';
import { makeMov } from '../support/media/quicktime.ts';
import { seededUuid } from '../support/media/seeded.ts';
import { makeAae } from '../support/media/sidecars.ts';
import { seededRandom } from '../support/seeded-random.ts';

const seed = Number(process.env['KEEPSAKE_TEST_SEED'] ?? Math.floor(Math.random() * 1e9));
const photos = 300;
const batchFilesMax = 20;
/** The files of one group are recorded together, and the largest one here is a Live Photo with a sidecar. */
const groupFilesMax = 3;
const killsMin = 5;
const script = join(import.meta.dirname, '../support/killable-adoption.ts');
const moments = ['read', 'journal', 'manifest', 'record'] as const;

/** Folders as people name them, with pairs, sidecars, and copies near and far. Returns how many files there are. */
function writeLibrary(library: string): number {
  let files = 0;
  const write = (path: string, content: Buffer) => {
    const full = join(library, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, content);
    utimesSync(full, 1.6e9 + files, 1.6e9 + files);
    files += 1;
  };
  for (let index = 0; index < photos; index += 1) {
    const folder = ['Fotos von früher', 'Handy/Größe L', 'Müll', '2014'][index % 4];
    const stem = `${folder}/IMG_${1000 + index}`;
    const dateTimeOriginal = `2014-07-${10 + (index % 20)}T10:11:12`;
    if (index % 10 === 0) {
      const contentIdentifier = seededUuid(stem);
      write(`${stem}.HEIC`, makeHeic({ seed: stem, make: 'Apple', dateTimeOriginal, contentIdentifier }));
      write(`${stem}.MOV`, makeMov({ seed: stem, brand: 'qt  ', contentIdentifier, mdatBytes: 500 }));
      write(`${stem}.AAE`, makeAae(stem));
      continue;
    }
    const picture = makeJpeg({ seed: stem, dateTimeOriginal, paddingBytes: 200 });
    write(`${stem}.JPG`, picture);
    if (index % 9 === 0) write(`${stem} Kopie.JPG`, picture);
    if (index % 7 === 0) write(`zum Drucken/${index}.jpg`, picture);
  }
  return files;
}

function run(args: readonly string[]): Promise<Answer & { readonly signal: NodeJS.Signals | null }> {
  const env = { ...process.env, NODE_COMPILE_CACHE: join(projectRoot, 'node_modules/.cache/compile') };
  return finished(spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env }));
}

test(`an adoption killed at every step ends as an undisturbed one does, and reads little twice (seed ${seed})`, async () => {
  const random = seededRandom(seed);
  using scratch = temporaryFolder();
  const place = (name: string) => ({ home: join(scratch.path, `${name}-home`), library: join(scratch.path, name) });
  const [killed, calm] = [place('killed'), place('calm')];
  const files = writeLibrary(killed.library);
  cpSync(killed.library, calm.library, { recursive: true, preserveTimestamps: true });
  const before = fingerprint(killed.library);
  const log = join(scratch.path, 'read.log');
  const start = (...moment: readonly string[]) =>
    run([killed.home, killed.library, String(batchFilesMax), log, ...moment]);

  let kills = 0;
  for (const moment of [...moments, ...moments]) {
    const nth = moment === 'read' ? 1 + Math.floor(random() * 60) : 1 + Math.floor(random() * 2);
    const answer = await start(moment, String(nth));
    expect(answer, `killed at ${moment} ${nth}: ${answer.stderr}`).toMatchObject({ signal: 'SIGKILL' });
    kills += 1;
    expect(fingerprint(killed.library)).toEqual(before);
    if (existsSync(join(killed.library, '.keepsake/library.json'))) {
      expect((await statusOf(killed))['needsYou']).toMatchObject([{ code: 'INTERRUPTED' }]);
    }
  }
  expect(kills).toBeGreaterThanOrEqual(killsMin);

  const last = await start();
  expect(last.exitCode, last.stderr).toBe(0);
  const report = JSON.parse(last.stdout) as AdoptResult;
  expect(report).toMatchObject({ found: files, changed: 0, notMedia: 0, deferred: 0, failed: 0, complete: true });
  expect(report.adopted + report.duplicates + report.known).toBe(files);
  expect(fingerprint(killed.library)).toEqual(before);

  const read = readFileSync(log, 'utf8').trimEnd().split('\n').length;
  const again = batchFilesMax + groupFilesMax - 1;
  process.stdout.write(`seed ${seed}: ${files} files, ${kills} kills, ${read} readings begun\n`);
  expect(read).toBeLessThanOrEqual(files + kills * again);

  const undisturbed = await run([calm.home, calm.library, '', join(scratch.path, 'calm.log')]);
  expect(undisturbed.exitCode, undisturbed.stderr).toBe(0);
  expect(describeCatalog(killed)).toEqual(describeCatalog(calm));
  const sources = async (each: typeof killed) => (await statusOf(each))['photos'];
  expect(await sources(killed)).toEqual(await sources(calm));

  // The manifests agree with the files and with the catalogue.
  for (const name of readdirSync(join(killed.library, '.keepsake/imports')).filter((each) =>
    each.endsWith('.sha256'),
  )) {
    execFileSync('sha256sum', ['-c', '--quiet', '--strict', join('.keepsake/imports', name)], { cwd: killed.library });
  }
  deleteCatalog(killed);
  await rebuild(killed);
  expect(describeCatalog(killed)).toEqual(describeCatalog(calm));
});
