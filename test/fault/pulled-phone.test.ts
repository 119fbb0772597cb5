import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { configureAgent, devicesOf } from '../support/agent.ts';
import { makePhoneScene } from '../support/iphone/phone-scene.ts';
import { type ImportJson, keepsake, walk } from '../support/keepsake.ts';
import { writeMov } from '../support/media/quicktime.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { makeScene, megabyte } from './scene.ts';

const seed = Number(process.env['KEEPSAKE_TEST_SEED'] ?? Math.floor(Math.random() * 1e9));
/** 2 GB and 100 pulls with KEEPSAKE_TEST_PHONE=full; a tenth of it otherwise. */
const isFull = process.env['KEEPSAKE_TEST_PHONE'] === 'full';
const size = isFull ? { videoMegabytes: 500, photos: 550, pulls: 100 } : { videoMegabytes: 50, photos: 55, pulls: 25 };
const photoBytes = 2 * megabyte;
const operationRead = 0x0f;
/** docs/iphone.md, "In flight". */
const lostBytesMax = 8 * megabyte;

// Without this, a cable pulled again and again could lose or tear a photo, or make an evening of what is an hour.
test(`an iPhone unplugged ${size.pulls} times ends as an undisturbed one does, and little is read twice (seed ${seed})`, async () => {
  const random = seededRandom(seed);
  using scene = makeScene();
  await using at = await makePhoneScene();
  const { phone, daemon } = at;
  const real = join(scene.path, 'phone/100APPLE');
  mkdirSync(real, { recursive: true });
  for (const name of ['IMG_0500.MOV', 'IMG_0501.MOV']) {
    const mdatBytes = size.videoMegabytes * megabyte;
    await writeMov(join(real, name), {
      seed: name,
      brand: 'qt  ',
      creationDate: '2024-07-14T12:00:00+0200',
      mdatBytes,
    });
  }
  phone.files.addFolder('DCIM', join(scene.path, 'phone'));
  for (let index = 0; index < size.photos; index += 1) {
    const path = `DCIM/10${1 + Math.floor(index / 100)}APPLE/IMG_${1000 + index}.JPG`;
    phone.files.addSynthetic(path, photoBytes + index, new Date(1.6e12 + index * 1e7));
  }
  const dataBytes = phone.files.paths.reduce((sum, path) => sum + (phone.files.file(path)?.sizeBytes ?? 0), 0);
  configureAgent(scene.home, { library: scene.library, cardRoots: [] });
  const home = { home: scene.home, environment: at.environment };
  const id = (await devicesOf(scene.home, at.environment))[0]?.id ?? '';
  await keepsake(['enroll', id], home);
  const save = async () => {
    const answer = await keepsake(['backup', '--json'], home);
    const { imports, error } = JSON.parse(answer.stdout) as { imports?: ImportJson[]; error?: { code: string } };
    return { ...answer, report: imports?.[0], code: error?.code ?? imports?.[0]?.stopped?.code };
  };
  phone.counters.bytesRead = 0;
  const readsPerPull = Math.ceil(dataBytes / (256 * 1024) / size.pulls);
  let pulls = 0;
  for (; pulls < size.pulls; pulls += 1) {
    phone.faults.clear();
    phone.faults.add({ kind: 'detach' }, { operation: operationRead, after: Math.floor(random() * 2 * readsPerPull) });
    const outcome = await save();
    if (outcome.exitCode === 0) break; // it was done before it was pulled
    expect(outcome, outcome.stdout).toMatchObject({ exitCode: 4, code: 'SOURCE_GONE', report: { failed: 0 } });
    daemon.attach(phone);
  }
  phone.faults.clear();
  if (pulls === size.pulls) expect(await save()).toMatchObject({ exitCode: 0, report: { complete: true } });
  const { bytesRead } = phone.counters;
  process.stdout.write(
    `seed ${seed}: ${pulls} pulls, ${(dataBytes / 1e6).toFixed(0)} MB, read ${((bytesRead / dataBytes - 1) * 100).toFixed(1)} % more ` +
      `(${((bytesRead - dataBytes) / megabyte / Math.max(1, pulls)).toFixed(2)} MiB a pull)\n`,
  );
  expect(pulls).toBeGreaterThan(size.pulls / 3);
  expect(bytesRead).toBeLessThanOrEqual(dataBytes + pulls * lostBytesMax);

  using calm = makeScene();
  configureAgent(calm.home, { library: calm.library, cardRoots: [] });
  const calmHome = { home: calm.home, environment: at.environment };
  await devicesOf(calm.home, at.environment);
  await keepsake(['enroll', id], calmHome);
  expect(await keepsake(['backup'], calmHome)).toMatchObject({ exitCode: 0 });
  expect(await walk(scene.library)).toEqual(await walk(calm.library));
});
