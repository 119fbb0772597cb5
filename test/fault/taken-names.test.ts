import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { incomingNames, walk } from '../support/keepsake.ts';
import { createVolume, type Filesystem, volumePrograms } from '../support/loop-volume.ts';
import { needPrograms, needRoot } from '../support/requirements.ts';
import { atStep, backup, brokenPairs, makeScene, writePair, writePhoto } from './scene.ts';

const theirs = 'a file of another program';

// Without this, a photo could replace a file that another program put there a moment ago, or a pair be torn apart by it.
for (const filesystem of ['ext4', 'exfat'] as const satisfies readonly Filesystem[]) {
  for (const [what, path, nth] of [
    ["a still's name", '2024/2024-07-15/PAIR.HEIC', 1],
    // Of one asset the names are given one after the other, of several at the same time: first each one's first.
    ["a lone photo's name", '2024/2024-07-14/IMG_1.JPG', 2],
    ["a movie's name, its still being published already,", '2024/2024-07-15/PAIR.MOV', 3],
    ['the next suffix too', '2024/2024-07-15/PAIR.MOV', 3],
  ] as const) {
    test(`on ${filesystem}, another program that takes ${what} keeps it, and the whole group gets another`, async (context) => {
      needRoot(context);
      needPrograms(context, ...volumePrograms[filesystem]);
      await using disk = await createVolume(filesystem, 32);
      using scene = makeScene({ library: join(disk.path, 'Photos') });
      writePair(join(scene.source, 'a/PAIR'));
      writePhoto(join(scene.source, 'b/IMG_1.JPG'));
      const truth = await walk(scene.source);
      const takes = [path, ...(what === 'the next suffix too' ? ['2024/2024-07-15/PAIR~2.HEIC'] : [])];
      const seams = atStep('publish', nth, () => {
        for (const each of takes) {
          mkdirSync(dirname(join(scene.library, each)), { recursive: true });
          writeFileSync(join(scene.library, each), theirs, { flag: 'wx' });
        }
      });
      expect(await backup(scene, { seams })).toMatchObject({ exitCode: 0, report: { imported: 3, complete: true } });
      const found = await walk(scene.library);
      expect(found).toHaveLength(3 + takes.length);
      expect(found.filter(({ sizeBytes }) => sizeBytes === theirs.length).map((file) => file.path)).toEqual(
        [...takes].sort(),
      );
      for (const { sha256 } of truth) expect(found.filter((file) => file.sha256 === sha256)).toHaveLength(1);
      expect(brokenPairs(found, truth)).toEqual([]);
      expect(await incomingNames(scene.library)).toEqual([]);
      expect(await backup(scene)).toMatchObject({ exitCode: 0, report: { known: 3, imported: 0 } });
    });
  }
}
