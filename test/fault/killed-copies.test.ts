// Without these, a power cut while copying or repairing could leave half a file under a good name, lose the one that was there, or
// be taken for a copy.

import { spawn } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { contents, copyScene, flipBit, type MirrorJson } from '../support/copies.ts';
import { finished, projectRoot, walk } from '../support/keepsake.ts';
import { createVolume, volumePrograms } from '../support/loop-volume.ts';
import { needLinux, needPrograms, needRoot } from '../support/requirements.ts';
import { seededRandom } from '../support/seeded-random.ts';

const seed = Number(process.env['KEEPSAKE_TEST_SEED'] ?? Math.floor(Math.random() * 1e9));
const script = join(import.meta.dirname, '../support/killable-copies.ts');
const rounds = 12;
const stepsPerRound = 4 * 4 + 3;

async function killed(home: string, occurrence: number, ...args: readonly string[]): Promise<boolean> {
  const child = spawn(process.execPath, [script, home, String(occurrence), ...args], {
    cwd: projectRoot,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const { signal, exitCode, stderr } = await finished(child);
  if (signal === null && exitCode === 70) throw new Error(stderr);
  return signal === 'SIGKILL';
}

test.for(['ext4', 'exfat'] as const)(
  `Copying to %s that is killed at random steps ends as undisturbed copying does (seed ${seed})`,
  async (filesystem, context) => {
    needLinux(context, 'mounts filesystems');
    needRoot(context);
    needPrograms(context, ...volumePrograms[filesystem]);
    const random = seededRandom(seed);
    using scene = await copyScene({ photos: rounds * 4, sizeBytes: 20_000 });
    await using volume = await createVolume(filesystem, 64);
    const { root } = await scene.addDrive(volume);
    const saved = new Set(await contents(scene.library));
    let kills = 0;
    for (let round = 0; round < rounds; round += 1) {
      if (await killed(scene.home, 1 + Math.floor(random() * stepsPerRound), 'mirror')) kills += 1;
      const torn = (await contents(root)).filter((line) => !saved.has(line));
      // Without hard links an empty placeholder may wait for the file that is to be renamed over it.
      expect(torn.filter((line) => !(filesystem === 'exfat' && line.startsWith('e3b0c44298fc')))).toEqual([]);
    }
    expect(kills).toBeGreaterThan(3);
    expect(await scene.json<MirrorJson>(['mirror'])).toMatchObject({ exitCode: 0, copies: [{ complete: true }] });
    expect(await contents(root)).toEqual(await contents(scene.library));
    expect(readdirSync(join(root, '.keepsake/incoming'))).toEqual([]);
    expect(await scene.json(['verify', '--all'])).toMatchObject({ exitCode: 0, findings: [] });
  },
);

test.for(['ext4', 'exfat'] as const)(
  `A repair on %s that is killed on its way loses nothing, and is completed by the next one`,
  async (filesystem, context) => {
    needLinux(context, 'mounts filesystems');
    needRoot(context);
    needPrograms(context, ...volumePrograms[filesystem]);
    using scene = await copyScene({ photos: 6 });
    await using volume = await createVolume(filesystem, 64);
    const { root } = await scene.addDrive(volume);
    await scene.run(['mirror']);
    const whole = await walk(scene.library);
    const [inLibrary, gone, onDrive] = [
      '2020/2020-01-01/IMG_0000.JPG',
      '2020/2020-01-01/IMG_0001.JPG',
      '2020/2020-01-02/IMG_0003.JPG',
    ];
    let isKilled = true;
    for (let step = 1; isKilled; step += filesystem === 'ext4' ? 2 : 5) {
      flipBit(join(scene.library, inLibrary));
      rmSync(join(scene.library, gone));
      flipBit(join(root, onDrive));
      isKilled = await killed(scene.home, step, 'verify', '--all', '--repair');
      const healed = await scene.json<{ exitCode: number; unrepairable: number }>(['verify', '--all', '--repair']);
      expect(healed, `killed at step ${step}`).toMatchObject({ exitCode: 0, unrepairable: 0 });
      expect(await walk(scene.library), `killed at step ${step}`).toEqual(whole);
      expect(await contents(root)).toEqual(await contents(scene.library));
      expect(step).toBeLessThan(60);
    }
  },
);
