// Without these, a drive that is full, locked or worn out could be called a copy, or lose what it had.

import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { contents, copyScene, type MirrorJson } from '../support/copies.ts';
import { createVolume, volumePrograms } from '../support/loop-volume.ts';
import { needLinux, needPrograms, needRoot } from '../support/requirements.ts';

test.for(['ext4', 'exfat'] as const)(
  'A full drive on %s stops with 4, keeps what is whole, and goes on when there is room',
  async (filesystem, context) => {
    needLinux(context, 'mounts filesystems');
    needRoot(context);
    needPrograms(context, ...volumePrograms[filesystem]);
    using scene = await copyScene({ photos: 60, sizeBytes: 400_000 });
    await using volume = await createVolume(filesystem, 32);
    const { root } = await scene.addDrive(volume);
    const ballast = join(volume.path, 'somebody else’s film');
    writeFileSync(ballast, Buffer.alloc(12 * 2 ** 20, 1));
    const full = await scene.json<MirrorJson>(['mirror']);
    expect(full).toMatchObject({ exitCode: 4, copies: [{ complete: false, stopped: { code: 'DRIVE_FULL' } }] });
    expect(full.copies[0]?.copied, 'what fitted is copied').toBeGreaterThan(5);
    const saved = new Set(await contents(scene.library));
    expect((await contents(root)).filter((line) => !saved.has(line))).toEqual([]);
    expect((await contents(root)).length).toBe(full.copies[0]?.copied);
    rmSync(ballast);
    const rest = await scene.json<MirrorJson>(['mirror']);
    expect(rest).toMatchObject({ exitCode: 0, copies: [{ complete: true }] });
    expect((rest.copies[0]?.copied ?? 0) + (full.copies[0]?.copied ?? 0)).toBe(60);
    expect(await contents(root)).toEqual(await contents(scene.library));
  },
);

test('A drive that cannot be written is named for it, and goes on when it can be', async (context) => {
  needLinux(context, 'mounts filesystems');
  needRoot(context);
  needPrograms(context, ...volumePrograms.ext4);
  using scene = await copyScene({ photos: 6 });
  await using volume = await createVolume('ext4', 32);
  const { root } = await scene.addDrive(volume);
  await volume.remount({ readOnly: true });
  const locked = await scene.json<MirrorJson>(['mirror']);
  expect(locked).toMatchObject({ exitCode: 4, copies: [{ copied: 0, stopped: { code: 'DRIVE_READ_ONLY' } }] });
  await volume.remount();
  expect(await scene.json<MirrorJson>(['mirror'])).toMatchObject({ exitCode: 0, copies: [{ copied: 6 }] });
  expect(await contents(root)).toEqual(await contents(scene.library));
});

test('A drive whose disk reports an error while it is copied to keeps what it has', async (context) => {
  needLinux(context, 'mounts filesystems');
  needRoot(context);
  needPrograms(context, ...volumePrograms.ext4);
  using scene = await copyScene({ photos: 20, sizeBytes: 50_000 });
  await using volume = await createVolume('ext4', 64);
  const { root } = await scene.addDrive(volume);
  let steps = 0;
  const worn = await scene.json<MirrorJson>(['mirror'], {
    seams: {
      observeStep: () => {
        steps += 1;
        if (steps === 30) volume.turnReadOnly();
      },
    },
  });
  expect(worn.exitCode).toBe(4);
  expect(worn.copies[0]?.stopped?.code).toMatch(/^DRIVE_(READ_ONLY|GONE|WRITE_FAILED)$/);
  await volume.heal();
  expect(await scene.json<MirrorJson>(['mirror'])).toMatchObject({ exitCode: 0, copies: [{ complete: true }] });
  expect(await contents(root)).toEqual(await contents(scene.library));
  chmodSync(root, 0o755);
});
