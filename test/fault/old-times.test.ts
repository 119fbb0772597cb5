import { join } from 'node:path';
import { expect, test } from 'vitest';
import { walk } from '../support/keepsake.ts';
import { createVolume, volumePrograms } from '../support/loop-volume.ts';
import { needPrograms, needRoot } from '../support/requirements.ts';
import { backup, expectAllSaved, makeScene, writePhoto } from './scene.ts';

// Without this, a scanned photo whose file is dated before 1970 would get today's time: a negative number means "now" to utimes.
test('modification times before 1970 and before 1980 are kept, to the millisecond', async (context) => {
  needRoot(context);
  needPrograms(context, ...volumePrograms.ext4);
  await using disk = await createVolume('ext4', 24);
  using scene = makeScene({ library: join(disk.path, 'Photos') });
  const times = [
    '1905-06-07T08:09:10.123Z',
    '1969-12-31T23:59:59.999Z',
    '1970-01-01T00:00:00.000Z',
    '1975-05-05T05:05:05.005Z',
  ];
  for (const [index, time] of times.entries()) writePhoto(join(scene.source, `${index}.JPG`), 1000, new Date(time));
  const truth = await walk(scene.source);
  const kept = truth.map(({ modifiedAtMs }) => modifiedAtMs);
  expect(await backup(scene)).toMatchObject({ exitCode: 0, report: { imported: 4, complete: true } });
  const found = await expectAllSaved(scene.library, truth);
  expect(found.map(({ modifiedAtMs }) => modifiedAtMs)).toEqual(kept);
  expect(await backup(scene)).toMatchObject({ exitCode: 0, report: { known: 4, imported: 0 } });
});
