// A disk filled to its last byte takes more with it than the import; a reserve computed wrongly refuses to save at all.
import { expect, test } from 'vitest';
import type { AbsolutePath } from '../../../src/domain/ids.ts';
import { openRoom } from '../../../src/library/room.ts';
import { isOnSystemVolume, readSpace } from '../../../src/platform/volume.ts';
import { temporaryFolder } from '../../support/keepsake.ts';

/** What other programs on this machine may write or free meanwhile. */
const slackBytes = 2e9;

async function scene() {
  const scratch = temporaryFolder();
  const root = scratch.path as AbsolutePath;
  const { freeBytes, totalBytes } = await readSpace(root);
  return { root, freeBytes, totalBytes, [Symbol.dispose]: () => scratch[Symbol.dispose]() };
}

test('Without a reserve, what fits fits', async () => {
  using at = await scene();
  const room = await openRoom(at.root, 0);
  (await room.claim(Math.max(0, at.freeBytes - slackBytes)))[Symbol.dispose]();
  (await room.claim(0))[Symbol.dispose]();
  await expect(room.claim(at.freeBytes + slackBytes)).rejects.toMatchObject({ code: 'LIBRARY_FULL' });
});

test("The owner's reserve stays free", async () => {
  using at = await scene();
  const half = Math.floor(at.freeBytes / 2);
  const room = await openRoom(at.root, half);
  (await room.claim(half - slackBytes))[Symbol.dispose]();
  const needed = ((half + slackBytes) / 1e9).toFixed(1);
  await expect(room.claim(half + slackBytes)).rejects.toMatchObject({
    code: 'LIBRARY_FULL',
    message: expect.stringMatching(
      new RegExp(
        `\\d GB are free, ${(half / 1e9).toFixed(1)} GB of them are kept free, and the next photos need ${needed} GB`,
      ),
    ),
  });
  const full = await openRoom(at.root, at.freeBytes + slackBytes);
  await expect(full.claim(1)).rejects.toMatchObject({ code: 'LIBRARY_FULL' });
});

test('What is claimed counts as taken until it is released, and a refused claim leaves no trace', async () => {
  using at = await scene();
  const room = await openRoom(at.root, 0);
  const half = Math.floor(at.freeBytes * 0.6);
  const claim = await room.claim(half);
  for (let turn = 0; turn < 5; turn += 1)
    await expect(room.claim(half)).rejects.toMatchObject({ code: 'LIBRARY_FULL' });
  claim[Symbol.dispose]();
  (await room.claim(half))[Symbol.dispose]();
});

test('What is written of a claim is no longer counted, since the disk itself counts it', async () => {
  using at = await scene();
  const room = await openRoom(at.root, 0);
  const most = Math.floor(at.freeBytes * 0.8);
  using claim = await room.claim(most);
  claim.wrote(most / 2);
  claim.wrote(most);
  (await room.claim(most))[Symbol.dispose]();
});

test('Of two claims at the same moment that fit only singly, one is granted', async () => {
  using at = await scene();
  const room = await openRoom(at.root, 0);
  const half = Math.floor(at.freeBytes * 0.6);
  const results = await Promise.allSettled([room.claim(half), room.claim(half)]);
  expect(
    results.map(({ status }) => status),
    'refusing both would save nothing',
  ).toEqual(['fulfilled', 'rejected']);
});

test('By default the system disk keeps a tenth but at least 20 GB, another disk a hundredth', async () => {
  using at = await scene();
  const onSystem = await isOnSystemVolume(at.root);
  const reserve = onSystem ? Math.max(at.totalBytes * 0.1, 20e9) : at.totalBytes * 0.01;
  const room = await openRoom(at.root, undefined);
  const above = at.freeBytes - reserve;
  await expect(room.claim(Math.max(0, above) + slackBytes)).rejects.toMatchObject({ code: 'LIBRARY_FULL' });
  if (above > slackBytes) (await room.claim(above - slackBytes))[Symbol.dispose]();
});
