// Removing moves the only copy of a photo. A kill between two steps of that must leave it whole under one of its names, its halves
// together, and the next start must know which of the two was meant; also if the catalogue is lost as well.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, type TestContext, test } from 'vitest';
import { contents, copyScene, type MirrorJson } from '../support/copies.ts';
import { finished, type WalkedFile, walk } from '../support/keepsake.ts';
import { createVolume, volumePrograms } from '../support/loop-volume.ts';
import { deleteCatalog, rebuild, start, statusOf } from '../support/lost-catalog.ts';
import { makeAae } from '../support/media/sidecars.ts';
import { removeJson } from '../support/removing.ts';
import { needLinux, needPrograms, needRoot } from '../support/requirements.ts';
import { backup, makeScene, type Scene, writeFile, writePair, writePhoto } from './scene.ts';

const steps = ['journal', 'publish', 'flush-folder', 'unstage', 'manifest', 'record'] as const;
/** Names of the Live Photo that is removed, without their folder. */
const pairNames = ['IMG_1.AAE', 'IMG_1.HEIC', 'IMG_1.MOV'];

function run(script: string, args: readonly string[], home: string) {
  const child = spawn(process.execPath, [join(import.meta.dirname, script), ...args], {
    env: { ...process.env, HOME: home, KEEPSAKE_HOME: home },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return finished(child);
}

async function removeKilledAt(scene: Scene, step: string, nth: number, args: readonly string[]): Promise<boolean> {
  const answer = await run(
    '../support/killable-removal.ts',
    [scene.home, scene.library, step, String(nth), ...args],
    scene.home,
  );
  if (answer.signal === 'SIGKILL') return true;
  expect(answer.exitCode, answer.stderr).toBe(0);
  return false;
}

const nameOf = ({ path }: WalkedFile) => path.slice(path.lastIndexOf('/') + 1);

/** Every photo is whole, in the library or in its trash, and nowhere twice but while its old name had still to go. */
async function inspect(scene: Scene, before: readonly WalkedFile[]) {
  const trash = join(scene.library, '.keepsake/trash');
  const [here, gone] = [await walk(scene.library), existsSync(trash) ? await walk(trash) : []];
  const whole = new Map(before.map((file) => [nameOf(file), file]));
  for (const file of [...here, ...gone]) {
    if (file.sizeBytes === 0) continue; // without hard links: a name that was about to be given
    const { sha256, modifiedAtMs } = whole.get(nameOf(file)) ?? {};
    expect(file, 'whole, with its time').toMatchObject({ sha256, modifiedAtMs });
  }
  const names = new Set([...here, ...gone].filter(({ sizeBytes }) => sizeBytes > 0).map(nameOf));
  expect([...names].sort(), 'nothing is lost').toEqual([...whole.keys()].sort());
  return { here: here.map(nameOf), gone: gone.map(nameOf) };
}

for (const disk of ['hard links', 'exfat'] as const) {
  for (const isCatalogLost of [false, true]) {
    const title = `(${disk}${isCatalogLost ? ', the catalogue lost' : ''})`;
    test(`A removal and an undo killed at any step end as they were meant to, or never were ${title}`, async (context: TestContext) => {
      await using volume = disk === 'exfat' ? await exfat(context) : undefined;
      using scene = makeScene(volume === undefined ? {} : { library: join(volume.path, 'photos') });
      writePair(join(scene.source, 'DCIM/IMG_1'));
      writeFile(join(scene.source, 'DCIM/IMG_1.AAE'), makeAae('one'));
      writePhoto(join(scene.source, 'DCIM/IMG_2.JPG'));
      expect(await backup(scene)).toMatchObject({ exitCode: 0 });
      const before = await walk(scene.library);
      const others = before.map(nameOf).filter((name) => !pairNames.includes(name));
      const goOn = async () => {
        if (isCatalogLost) {
          deleteCatalog(scene);
          await rebuild(scene);
        } else await start(scene);
      };
      let kills = 0;
      for (const step of steps) {
        // Each of them once in full; elsewhere what is different is the disk, or that all is read from it again.
        for (const nth of isCatalogLost || disk === 'exfat' ? [2] : [1, 2, 3]) {
          const isKilled = await removeKilledAt(scene, step, nth, ['IMG_1.HEIC']);
          if (isKilled) {
            kills += 1;
            await inspect(scene, before);
            await goOn();
          }
          const after = await inspect(scene, before);
          const isRemoved = after.here.length === others.length;
          const place = `${step} ${nth}`;
          expect([...after.here].sort(), place).toEqual(isRemoved ? others : before.map(nameOf).sort());
          expect([...after.gone].sort(), place).toEqual(isRemoved ? pairNames : []);
          expect(isRemoved, place).toBe(!isKilled || step !== 'journal');
          expect(await statusOf(scene)).toMatchObject({ photos: { inLibrary: isRemoved ? 1 : 2 } });
          const again = await backup(scene);
          expect(again.report, place).toMatchObject({ imported: 0, found: 4 });
          if (!isRemoved) continue;

          const isUndoKilled = await removeKilledAt(scene, step, nth, ['--undo']);
          if (isUndoKilled) {
            kills += 1;
            await inspect(scene, before);
            await goOn();
            const undone = await inspect(scene, before);
            // Before a word of it is written down it never was.
            if (step === 'journal') {
              expect(undone.gone).toHaveLength(pairNames.length);
              await removeJson(scene, ['--undo']);
            }
          }
          expect(await inspect(scene, before), place).toMatchObject({ gone: [] });
          expect(await walk(scene.library), place).toEqual(before);
          expect(await statusOf(scene)).toMatchObject({ photos: { inLibrary: 2 } });
          expect(await removeJson(scene, ['--list'])).toMatchObject({ removals: [] });
        }
      }
      expect(kills).toBeGreaterThanOrEqual(2);
    });
  }
}

async function exfat(context: TestContext) {
  needVolumes(context);
  return await createVolume('exfat', 50);
}

function needVolumes(context: TestContext): void {
  needLinux(context, 'mounts filesystems');
  needRoot(context);
  needPrograms(context, ...volumePrograms.exfat, ...volumePrograms.ext4);
}

for (const filesystem of ['ext4', 'exfat'] as const) {
  test(`On a drive (${filesystem}) a killed copy goes on with what is to be removed and brought back`, async (context) => {
    needVolumes(context);
    using scene = await copyScene({ photos: 6 });
    await using volume = await createVolume(filesystem, 50);
    const { root } = await scene.addDrive(volume);
    await scene.json(['mirror']);
    const before = await contents(scene.library);
    const mirrorKilledAt = async (step: string, nth: number) => {
      const answer = await run('killed-at-step.ts', [step, String(nth), 'mirror'], scene.home);
      return answer.signal === 'SIGKILL';
    };
    let kills = 0;
    for (const step of ['publish', 'flush-folder', 'unstage'] as const) {
      for (const nth of filesystem === 'ext4' ? [1, 2] : [1]) {
        await removeJson(scene, ['2020-01-01']);
        kills += Number(await mirrorKilledAt(step, nth));
        expect(await scene.json<MirrorJson>(['mirror'])).toMatchObject({ copies: [{ copied: 0, complete: true }] });
        expect(await contents(root)).toEqual(await contents(scene.library));
        expect(await walk(join(root, '.keepsake/trash'))).toHaveLength(3);
        await removeJson(scene, ['--undo']);
        kills += Number(await mirrorKilledAt(step, nth));
        expect(await scene.json<MirrorJson>(['mirror'])).toMatchObject({ copies: [{ copied: 0, complete: true }] });
        expect(await contents(root)).toEqual(before);
        expect(await walk(join(root, '.keepsake/trash'))).toEqual([]);
      }
    }
    expect(kills).toBeGreaterThanOrEqual(filesystem === 'ext4' ? 10 : 3);
  });
}
