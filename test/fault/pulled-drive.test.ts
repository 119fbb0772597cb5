// Without this, a drive that is pulled while it is copied to, which is how drives are pulled, could keep half a photo under a good
// name, be called copied when it is not, or have its photos written into the empty folder it leaves behind.

import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { contents, copyScene, type MirrorJson } from '../support/copies.ts';
import { createVolume, type LoopVolume, volumePrograms } from '../support/loop-volume.ts';
import { needLinux, needPrograms, needRoot } from '../support/requirements.ts';
import { seededRandom } from '../support/seeded-random.ts';

const seed = Number(process.env['KEEPSAKE_TEST_SEED'] ?? Math.floor(Math.random() * 1e9));
const pulls = { ext4: 40, exfat: 30, ntfs: 30 } as const;
const photosPerRound = 4;
/** Of one round: each file is staged, timed, flushed and published, and each batch has some steps more. */
const stepsPerRound = photosPerRound * 4 + 3;
/** SHA-256 of no bytes. */
const nothing = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const roundMsMax = 300;

/** Pulls at a step, or, in every other round, some time after the beginning: while it is read back, say. */
function pullSometime(volume: LoopVolume, random: () => number, round: number): { step(): void; stop(): void } {
  let left = round % 2 === 0 ? 1 + Math.floor(random() * stepsPerRound) : Number.POSITIVE_INFINITY;
  const timer = round % 2 === 0 ? undefined : setTimeout(() => volume.pull(), random() * roundMsMax);
  return {
    step: () => {
      left -= 1;
      if (left === 0) volume.pull();
    },
    stop: () => clearTimeout(timer),
  };
}

test.for(['ext4', 'exfat', 'ntfs'] as const)(
  `A drive on %s that is pulled at random moments ends as an undisturbed one does (seed ${seed})`,
  async (filesystem, context) => {
    needLinux(context, 'mounts filesystems');
    needRoot(context);
    needPrograms(context, ...volumePrograms[filesystem]);
    const random = seededRandom(seed + pulls[filesystem]);
    using scene = await copyScene({ photos: pulls[filesystem] * photosPerRound, sizeBytes: 40_000 });
    await using volume = await createVolume(filesystem, 120);
    const { root } = await scene.addDrive(volume);
    const saved = new Set(await contents(scene.library));
    let cutOff = 0;
    for (let round = 0; round < pulls[filesystem]; round += 1) {
      const pull = pullSometime(volume, random, round);
      const answer = await scene.json<MirrorJson & { error?: { code: string } }>(['mirror'], {
        seams: { observeStep: () => pull.step() },
      });
      pull.stop();
      volume.pull(); // if it was not by then
      expect(readdirSync(volume.path), 'nothing is written where the drive was').toEqual([]);
      const isDone = answer.exitCode === 0;
      if (!isDone) {
        const code = answer.error?.code ?? answer.copies[0]?.stopped?.code;
        expect(['DRIVE_GONE', 'DRIVE_MISSING'], JSON.stringify(answer)).toContain(code);
        expect([3, 4]).toContain(answer.exitCode);
        cutOff += 1;
      }
      await volume.mount();
      const there = await contents(root);
      const torn = there.filter((line) => !saved.has(line));
      // Without hard links an empty placeholder may wait for the file that is to be renamed over it.
      const isTorn = (line: string) => filesystem !== 'exfat' || !line.startsWith(nothing);
      expect(torn.filter(isTorn), 'what has a name is whole').toEqual([]);
      if (isDone) expect(there.length, 'what was called copied is there').toBe(saved.size);
    }
    expect(await scene.json<MirrorJson>(['mirror'])).toMatchObject({ exitCode: 0, copies: [{ complete: true }] });
    await volume.remount();
    expect(await contents(root)).toEqual(await contents(scene.library));
    expect(await scene.json(['verify', '--all'])).toMatchObject({ exitCode: 0, findings: [] });
    execFileSync('sha256sum', ['-c', '--quiet', '.keepsake/copy.sha256'], { cwd: root });
    process.stdout.write(`seed ${seed}: ${filesystem}, ${pulls[filesystem]} pulls, ${cutOff} cut copying off\n`);
  },
);
