// Without this, a kill while photos are given back could leave torn files under their names, half a Live Photo, a second copy of
// what was there already, or folders of ours among the owner's photos.

import { spawn } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { RestoreResult } from '../../src/agent/restore.ts';
import { type Answer, finished, projectRoot } from '../support/keepsake.ts';
import { createVolume, volumePrograms } from '../support/loop-volume.ts';
import { needLinux, needPrograms, needRoot } from '../support/requirements.ts';
import { emptyPlace, familyScene, treeOf, writeOld } from '../support/restoring.ts';
import { seededRandom } from '../support/seeded-random.ts';

const seed = Number(process.env['KEEPSAKE_TEST_SEED'] ?? Math.floor(Math.random() * 1e9));
const killsMin = 20;
const steps = ['stage', 'times', 'flush-file', 'publish', 'flush-folder', 'unstage', 'bytes'] as const;
const emptyHash = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const script = join(import.meta.dirname, '../support/killable-restore.ts');

function runChild(args: readonly string[]): Promise<Answer & { readonly signal: NodeJS.Signals | null }> {
  const env = { ...process.env, NODE_COMPILE_CACHE: join(projectRoot, 'node_modules/.cache/compile') };
  return finished(spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env }));
}

test.for(['ext4', 'exfat'] as const)(
  `A restore to %s that is killed again and again ends as an undisturbed one does (seed ${seed})`,
  async (filesystem, context) => {
    needLinux(context, 'mounts filesystems');
    needRoot(context);
    needPrograms(context, ...volumePrograms.ext4, ...volumePrograms.exfat);
    const random = seededRandom(seed);
    await using drive = await createVolume('ext4', 64);
    await using target = await createVolume(filesystem, 64);
    using place = emptyPlace();
    {
      using scene = await familyScene();
      await scene.addDrive(drive);
      expect(await scene.json(['mirror'])).toMatchObject({ exitCode: 0 });
    }
    const [back, calm] = [join(target.path, 'back'), join(target.path, 'calm')];
    /** The owner has a file of that name, which stays; and the photo stays together under another. */
    const prepare = (to: string) => {
      rmSync(to, { recursive: true, force: true });
      writeOld(to, '2024/2024-07-12/IMG_0002.HEIC', 'mine');
    };
    for (const to of [back, calm]) prepare(to);
    const undisturbed = await runChild([place.home, drive.path, calm]);
    expect(undisturbed.exitCode, undisturbed.stderr).toBe(0);
    const truth = await treeOf(calm);
    const tops = readdirSync(calm);

    const expectAllThere = async (run: Answer) => {
      expect(run.exitCode, run.stderr).toBe(0);
      const result = JSON.parse(run.stdout) as RestoreResult;
      expect(result).toMatchObject({ failed: 0, failures: [] });
      expect(result.restored + result.already).toBe(truth.length - 1);
      expect(await treeOf(back)).toEqual(truth);
      expect(readdirSync(back).filter((name) => name.startsWith('.keepsake'))).toEqual([]);
    };

    let kills = 0;
    let rounds = 0;
    for (let attempt = 0; kills < killsMin && attempt < 3 * killsMin; attempt += 1) {
      const step = steps[Math.floor(random() * steps.length)] ?? 'stage';
      const occurrence = step === 'bytes' ? Math.floor(random() * 2_500_000) : 1 + Math.floor(random() * 4);
      const run = await runChild([place.home, drive.path, back, step, String(occurrence)]);
      if (run.signal !== 'SIGKILL') {
        await expectAllThere(run);
        prepare(back); // there is nothing left to kill: from the beginning
        rounds += 1;
        continue;
      }
      kills += 1;
      // Whatever has a name is whole; on a disk without hard links one may be empty until the next run.
      const names = readdirSync(back).filter((name) => !name.startsWith('.keepsake-restore-'));
      expect(tops).toEqual(expect.arrayContaining(names));
      const there = (await treeOf(back)).filter((line) => !line.startsWith('.keepsake-restore-'));
      for (const line of there)
        if (filesystem === 'ext4' || !line.includes(emptyHash)) expect(truth, `${step} ${occurrence}`).toContain(line);
    }
    process.stdout.write(`seed ${seed}: ${kills} kills in ${rounds + 1} restores to ${filesystem}\n`);
    expect(kills).toBe(killsMin);
    await expectAllThere(await runChild([place.home, drive.path, back]));
  },
);
