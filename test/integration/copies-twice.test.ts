// Without these, a copy that is made again, after something went wrong in between or was changed on purpose, could be called
// complete when it is not, keep a bad file for good, or tear apart what belongs together.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import {
  addPhotos,
  type CopyScene,
  contents,
  copyScene,
  flipBit,
  type MirrorJson,
  type VerifyJson,
} from '../support/copies.ts';
import { createVolume, needVolumes } from '../support/loop-volume.ts';
import { makeJpeg } from '../support/media/jpeg.ts';

const day = '2020/2020-01-01';

interface StatusJson {
  readonly photos: { readonly assets: number; readonly safe: number };
  readonly drives: readonly {
    readonly id: string;
    readonly problems: number;
    readonly lastCopiedAt: string | null;
  }[];
  readonly needsYou: readonly { readonly code: string }[];
}

const statusOf = async (scene: CopyScene) => await scene.json<StatusJson>(['status']);

/** All files below a folder of what is set aside. */
function setAside(root: string, folder: 'versions' | 'quarantine'): readonly string[] {
  const path = join(root, '.keepsake', folder);
  if (!existsSync(path)) return [];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function editedPicture(seed: string): Buffer {
  return Buffer.from(makeJpeg({ seed, dateTimeOriginal: '2020-01-01T12:00:00' }));
}

test('A card of which saving was interrupted is not safe to be emptied', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 3 });
  await using volume = await createVolume('ext4', 50);
  await scene.addDrive(volume);
  addPhotos(scene.card, { from: 3, count: 100, sizeBytes: 20_000 });
  const ending = new AbortController();
  let staged = 0;
  const saved = await scene.run(['backup', scene.card], {
    signal: ending.signal,
    seams: {
      observeStep: (step) => {
        if (step === 'stage') staged += 1;
        if (staged === 20) ending.abort(new Error('enough'));
      },
    },
  });
  expect(saved.exitCode).toBe(130);
  expect(await scene.json(['mirror'])).toMatchObject({ exitCode: 0, copies: [{ complete: true }] });
  const asked = await scene.json<{ safe: number; notSafe: number; notSaved: number }>(['safe-to-delete', 'card']);
  expect(asked).toMatchObject({ exitCode: 2, notSafe: 0 });
  expect(asked.notSaved).toBeGreaterThan(0);
  expect((await scene.run(['safe-to-delete', 'card'])).stdout).toContain('NOT safe to delete');
  expect(await scene.json(['backup', scene.card])).toMatchObject({ exitCode: 0, copies: [{ complete: true }] });
  expect(await scene.json(['safe-to-delete', 'card'])).toMatchObject({ exitCode: 0, safe: 103, notSaved: 0 });
});

test.for(['ext4', 'exfat'] as const)(
  'A copy on %s that is read back with other bytes stays a finding, and is set aside and made anew by the next',
  async (filesystem, context) => {
    needVolumes(context, filesystem);
    using scene = await copyScene({ photos: 3 });
    await using volume = await createVolume(filesystem, 50);
    const { id, root } = await scene.addDrive(volume);
    const path = `${day}/IMG_0001.JPG`;
    let isDone = false;
    const first = await scene.json<MirrorJson>(['mirror'], {
      seams: {
        observeStep: (step) => {
          if (step !== 'unstage' || isDone) return;
          isDone = true;
          flipBit(join(root, path));
          execFileSync('sync');
        },
      },
    });
    expect(isDone).toBe(true);
    expect(first).toMatchObject({
      exitCode: 2,
      copies: [{ readBack: 2, failed: 1, complete: false, failures: [{ path, code: 'DRIVE_READ_FAILED' }] }],
    });
    const bad = await statusOf(scene);
    expect(bad.photos).toMatchObject({ assets: 3, safe: 2 });
    expect(bad.drives).toMatchObject([{ id, problems: 1, lastCopiedAt: null }]);
    const found = await scene.json<VerifyJson>(['verify']);
    expect(found.findings).toEqual([{ drive: id, path, kind: 'corrupt' }]);
    const next = await scene.json<MirrorJson>(['mirror']);
    expect(next).toMatchObject({ exitCode: 0, copies: [{ copied: 1, readBack: 1, failed: 0, complete: true }] });
    expect(await contents(root)).toEqual(await contents(scene.library));
    expect(setAside(root, 'versions'), 'the bad one is kept').toHaveLength(1);
    expect((await statusOf(scene)).photos.safe).toBe(3);
    expect(await scene.json(['verify', '--all'])).toMatchObject({ exitCode: 0, findings: [] });
    execFileSync('sha256sum', ['-c', '--quiet', '.keepsake/copy.sha256'], { cwd: root });
  },
);

test('Edited pictures that their owner means are copied, and the version before stays on the drive; damage is never meant', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 30 });
  await using volume = await createVolume('ext4', 50);
  const { root } = await scene.addDrive(volume);
  await scene.json(['mirror']);
  const pathOf = (index: number) => `2020/2020-01-0${1 + Math.floor(index / 3)}/IMG_000${index}.JPG`;
  const [edited, gone, rotten] = [[0, 1, 2].map(pathOf), [3, 4].map(pathOf), pathOf(5)];
  const before = edited.map((path) => readFileSync(join(root, path)));
  for (const path of edited) writeFileSync(join(scene.library, path), editedPicture(path));
  for (const path of gone) rmSync(join(scene.library, path));
  flipBit(join(scene.library, rotten));
  expect(await scene.json<VerifyJson>(['verify', '--all'])).toMatchObject({ changed: 3, missing: 2, corrupt: 1 });
  expect(await scene.json<MirrorJson>(['mirror'])).toMatchObject({ copies: [{ stopped: { code: 'COPY_BRAKED' } }] });
  const accepted = await scene.json<MirrorJson>(['mirror', '--accept-changes']);
  expect(accepted.copies).toMatchObject([{ copied: 3, readBack: 3 }]);
  for (const path of edited)
    expect(readFileSync(join(root, path)).equals(readFileSync(join(scene.library, path))), path).toBe(true);
  const kept = setAside(root, 'versions').map((path) => readFileSync(path));
  for (const each of before) expect(kept.some((bytes) => bytes.equals(each))).toBe(true);
  for (const path of [...gone, rotten]) expect(existsSync(join(root, path)), `${path} stays`).toBe(true);
  const found = await scene.json<VerifyJson>(['verify', '--all']);
  expect(found.findings.filter(({ kind }) => kind === 'corrupt')).toEqual([
    { drive: 'library', path: rotten, kind: 'corrupt' },
  ]);
  expect(
    found.findings.filter(({ path }) => edited.includes(path)),
    'what is meant is right',
  ).toEqual([]);
  expect((await statusOf(scene)).needsYou.map(({ code }) => code)).toContain('FILES_DAMAGED');
  const card = await scene.json<{ imports: { imported: number }[] }>(['backup', scene.card]);
  expect(card.imports, 'what was edited is not saved a second time').toMatchObject([{ imported: 0 }]);
  expect(await scene.json(['rebuild'])).toMatchObject({ exitCode: 0, assets: 28, files: 28 });
  const anew = await scene.json<VerifyJson>(['verify', '--all']);
  expect(anew.findings.filter(({ drive, path }) => drive === 'library' && path !== rotten)).toEqual([]);
  for (const path of edited) expect(readFileSync(join(scene.library, path)).equals(editedPicture(path))).toBe(true);
});

test('Damage that is there when changes are accepted brakes later copying as if nothing had been accepted', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 30 });
  await using volume = await createVolume('ext4', 50);
  await scene.addDrive(volume);
  await scene.json(['mirror']);
  for (const index of [0, 1]) flipBit(join(scene.library, day, `IMG_000${index}.JPG`));
  await scene.json(['verify', '--all']);
  for (const _ of [1, 2]) {
    expect(await scene.json<MirrorJson>(['mirror', '--accept-changes'])).toMatchObject({
      exitCode: 2,
      copies: [{ copied: 0, stopped: { code: 'COPY_BRAKED' } }],
    });
  }
  expect(await scene.json(['verify', '--repair'])).toMatchObject({ exitCode: 0, repaired: 2 });
  expect(await scene.json(['mirror'])).toMatchObject({ exitCode: 0, copies: [{ complete: true }] });
});

test.for(['corrupt', 'missing'] as const)(
  'A %s file of the library that a drive lacks is missing from the copy, which is not called complete',
  async (kind, context) => {
    needVolumes(context, 'ext4');
    using scene = await copyScene({ photos: 30 });
    await using volume = await createVolume('ext4', 50);
    await scene.addDrive(volume);
    const path = `${day}/IMG_0000.JPG`;
    if (kind === 'corrupt') flipBit(join(scene.library, path));
    else rmSync(join(scene.library, path));
    await scene.json(['verify', '--all']);
    for (const copied of [29, 0]) {
      expect(await scene.json<MirrorJson>(['mirror'])).toMatchObject({
        exitCode: 2,
        copies: [{ copied, failed: 1, complete: false, failures: [{ path, code: 'FILE_CORRUPT' }] }],
      });
      expect((await statusOf(scene)).drives).toMatchObject([{ lastCopiedAt: null }]);
    }
  },
);

test('What was copied when copying was cut off before it was read back is read back by the next, and listed', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 9 });
  await using volume = await createVolume('ext4', 50);
  const { root } = await scene.addDrive(volume);
  await scene.json(['mirror']);
  await scene.run(['pause']);
  addPhotos(scene.card, { from: 9, count: 3 });
  await volume.remount({ readOnly: true });
  await scene.run(['backup', scene.card]);
  await volume.remount();
  const ending = new AbortController();
  const cut = await scene.run(['mirror'], {
    signal: ending.signal,
    seams: { observeStep: (step) => void (step === 'unstage' && ending.abort(new Error('enough'))) },
  });
  expect(cut.exitCode).toBe(130);
  expect(await scene.json<MirrorJson>(['mirror'])).toMatchObject({
    exitCode: 0,
    copies: [{ copied: 0, readBack: 3, failed: 0, complete: true }],
  });
  const list = readFileSync(join(root, '.keepsake/copy.sha256'), 'utf8').trimEnd().split('\n');
  expect(list).toHaveLength(12);
  execFileSync('sha256sum', ['-c', '--quiet', '.keepsake/copy.sha256'], { cwd: root });
  expect(readFileSync(join(root, 'READ ME FIRST.html'), 'utf8')).toMatch(/12 files/);
  expect((await statusOf(scene)).photos).toMatchObject({ assets: 12, safe: 12 });
});

test('A drive that is forgotten proves nothing any more, and is read anew if it is added again', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 3 });
  await using volume = await createVolume('ext4', 50);
  const { id } = await scene.addDrive(volume, '--name', 'Blue');
  await scene.json(['mirror']);
  expect((await statusOf(scene)).photos).toMatchObject({ assets: 3, safe: 3 });
  expect(await scene.json(['drives', 'forget', id])).toMatchObject({ exitCode: 0 });
  expect((await statusOf(scene)).photos).toMatchObject({ assets: 3, safe: 0 });
  expect(await scene.json(['safe-to-delete', 'card'])).toMatchObject({ exitCode: 2, safe: 0 });
  expect(await scene.addDrive(volume, '--name', 'Blue')).toMatchObject({ hadCopy: true });
  expect((await statusOf(scene)).photos.safe, 'nothing of before is believed').toBe(0);
  expect(await scene.json<MirrorJson>(['mirror'])).toMatchObject({
    exitCode: 0,
    copies: [{ copied: 0, adopted: 3, readBack: 3, complete: true }],
  });
  expect((await statusOf(scene)).photos.safe).toBe(3);
});

test('Of two drives of one name, one that is pulled during a check does not keep the other from being checked', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 60 });
  await using one = await createVolume('ext4', 50);
  await using other = await createVolume('ext4', 50);
  const drives = [await scene.addDrive(one, '--name', 'Untitled'), await scene.addDrive(other, '--name', 'Untitled')];
  await scene.json(['mirror']);
  flipBit(join(drives[1]?.root ?? '', `${day}/IMG_0000.JPG`));
  let isPulled = false;
  const clock = {
    nowMs: () => Date.now(),
    monotonicMs: () => {
      // Within the first drive's first files: each of them asks whether the slice is at its end.
      questions += 1;
      if (!isPulled && questions === 80) {
        isPulled = true;
        one.pull();
      }
      return performance.now();
    },
    wait: async () => undefined,
  };
  let questions = 0;
  const found = await scene.json<VerifyJson & { stops: readonly unknown[] }>(['verify', '--all'], { seams: { clock } });
  expect(isPulled).toBe(true);
  expect(found.exitCode).not.toBe(70);
  expect(found.findings).toEqual([{ drive: drives[1]?.id, path: `${day}/IMG_0000.JPG`, kind: 'corrupt' }]);
  expect(found.checked, 'the library and the other drive').toBeGreaterThanOrEqual(120);
});

test('A check of everything ends when the clock is set back while it runs', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 6 });
  await using volume = await createVolume('ext4', 50);
  await scene.addDrive(volume);
  await scene.json(['mirror']);
  for (const asked of [1, 3, 8]) {
    let questions = 0;
    const clock = {
      nowMs: () => {
        questions += 1;
        if (questions > 1000) throw new Error('it checks without end');
        return Date.now() - (questions > asked ? 3_600_000 : 0);
      },
      monotonicMs: () => performance.now(),
      wait: async () => undefined,
    };
    const found = await scene.json<VerifyJson>(['verify', '--all'], { seams: { clock } });
    expect(found, `set back after ${asked} questions`).toMatchObject({
      exitCode: 0,
      checked: 12,
      ok: 12,
      findings: [],
    });
  }
});

test('A photo that is moved to a name that another has but for case is copied as it is, and neither is forgotten', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 60 });
  await using volume = await createVolume('ext4', 50);
  const { root } = await scene.addDrive(volume);
  await scene.json(['mirror']);
  const [from, to] = ['2020/2020-01-02/IMG_0003.JPG', `${day}/img_0000.jpg`];
  const bytes = readFileSync(join(scene.library, from));
  renameSync(join(scene.library, from), join(scene.library, to));
  for (const _ of [1, 2, 3]) expect([0, 2]).toContain((await scene.run(['mirror'])).exitCode);
  for (const path of [to, from])
    expect(readFileSync(join(root, path)).equals(bytes), `${path} is on the drive`).toBe(true);
  const twin = `${day}/IMG_0000.JPG`;
  expect(readFileSync(join(root, twin)).equals(readFileSync(join(scene.library, twin)))).toBe(true);
  expect((await statusOf(scene)).photos.assets, 'both are photos').toBe(60);
  const card = await scene.json<{ imports: { found: number; failed: number }[] }>(['backup', scene.card]);
  expect(card.imports).toMatchObject([{ found: 60, failed: 0 }]);
  expect([0, 2], 'no crash').toContain((await scene.run(['verify', '--all'])).exitCode);
  expect(await scene.json(['verify', '--all', '--repair'])).toMatchObject({ exitCode: 0, unrepairable: 0 });
  expect(readFileSync(join(scene.library, from)).equals(bytes)).toBe(true);
});

test('A folder that was renamed before a check with repair is followed, and its photos are not put back beside it', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 30 });
  await using volume = await createVolume('ext4', 50);
  const { root } = await scene.addDrive(volume);
  await scene.json(['mirror']);
  renameSync(join(scene.library, day), join(scene.library, '2020/2020-01-01 Beach'));
  const before = await contents(scene.library);
  expect(await scene.json<VerifyJson>(['verify', '--all', '--repair'])).toMatchObject({
    ...{ exitCode: 0, missing: 0, repaired: 0, unrepairable: 0 },
  });
  expect(await contents(scene.library)).toEqual(before);
  expect(existsSync(join(scene.library, day))).toBe(false);
  expect(await scene.json<MirrorJson>(['mirror'])).toMatchObject({
    exitCode: 0,
    copies: [{ copied: 0, moved: 3, complete: true }],
  });
  expect(await contents(root)).toEqual(before);
  expect((await statusOf(scene)).photos).toMatchObject({ assets: 30, safe: 30 });
});

test('Edits of equal bytes stay each with its photo when both are moved, and are given back with it', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 0 });
  addPhotos(scene.card, { from: 0, count: 60 });
  for (let index = 0; index < 60; index += 1)
    writeFileSync(
      join(scene.card, 'DCIM/100APPLE', `IMG_${String(index).padStart(4, '0')}.AAE`),
      '<plist>the same edit</plist>',
    );
  expect((await scene.run(['backup', scene.card])).exitCode).toBe(0);
  await using volume = await createVolume('ext4', 50);
  const { root } = await scene.addDrive(volume);
  await scene.json(['mirror']);
  const moves = [
    ['IMG_0000', 'Zoe'],
    ['IMG_0001', 'Anna'],
  ] as const;
  for (const [name, folder] of moves) {
    mkdirSync(join(scene.library, folder));
    for (const extension of ['JPG', 'AAE'])
      renameSync(join(scene.library, day, `${name}.${extension}`), join(scene.library, folder, `${name}.${extension}`));
  }
  expect(await scene.json<MirrorJson>(['mirror'])).toMatchObject({
    exitCode: 0,
    copies: [{ copied: 0, moved: 4, complete: true }],
  });
  expect(await contents(root)).toEqual(await contents(scene.library));
  for (const [name] of moves) {
    const out = join(dirname(scene.home), `out ${name}`);
    expect((await scene.run(['restore', `${name}.JPG`, '--to', out])).exitCode).toBe(0);
    const given = readdirSync(out, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    expect(
      given
        .map((entry) => entry.name)
        .filter((file) => /JPG|AAE/.test(file))
        .sort(),
    ).toEqual([`${name}.AAE`, `${name}.JPG`]);
  }
});

test('A photo that a check found to be cut off is set aside as damage by a repair, also after another copy', async (context) => {
  needVolumes(context, 'ext4');
  using scene = await copyScene({ photos: 30, sizeBytes: 60_000 });
  await using volume = await createVolume('ext4', 50);
  const { root } = await scene.addDrive(volume);
  await scene.json(['mirror']);
  const path = `${day}/IMG_0000.JPG`;
  const whole = readFileSync(join(scene.library, path));
  writeFileSync(join(scene.library, path), whole.subarray(0, 30_000)); // the picture itself is whole: its trailer is not
  const corrupt = [{ drive: 'library', path, kind: 'corrupt' }];
  expect((await scene.json<VerifyJson>(['verify', '--all'])).findings).toEqual(corrupt);
  await scene.json(['mirror']);
  expect((await scene.json<VerifyJson>(['verify'])).findings).toEqual(corrupt);
  expect(await scene.json(['mirror', '--accept-changes']), 'nor is it meant').toMatchObject({
    copies: [{ copied: 0 }],
  });
  expect(readFileSync(join(root, path)).equals(whole)).toBe(true);
  expect(await scene.json(['verify', '--repair'])).toMatchObject({ exitCode: 0, repaired: 1 });
  expect(readdirSync(join(scene.library, day)).sort()).toEqual(['IMG_0000.JPG', 'IMG_0001.JPG', 'IMG_0002.JPG']);
  expect(readFileSync(join(scene.library, path)).equals(whole)).toBe(true);
  const [aside = ''] = setAside(scene.library, 'quarantine');
  expect(readFileSync(aside).length).toBe(30_000);
});
