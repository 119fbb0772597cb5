import { mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { backupJson, incomingNames, temporaryFolder, walk } from '../support/keepsake.ts';
import { createVolume } from '../support/loop-volume.ts';
import { makeJpeg } from '../support/media/jpeg.ts';
import { needRoot } from '../support/requirements.ts';

// Without this, an owner who moved a year to another disk and left a link would find the library shut for good: names
// cannot be published across disks, and every later start would try to finish what cannot be finished.
test('a year that is a link to another disk is refused by name, and nothing is left half done', async (context) => {
  needRoot(context);
  using scratch = temporaryFolder();
  await using disk = await createVolume('tmpfs', 16);
  const [home, card, library] = ['home', 'card', 'library'].map((name) => join(scratch.path, name)) as [
    string,
    string,
    string,
  ];
  for (const folder of [card, library, join(disk.path, '2024')]) mkdirSync(folder);
  for (const year of [2023, 2024]) {
    const path = join(card, `${year}.JPG`);
    writeFileSync(path, makeJpeg({ seed: year, dateTimeOriginal: `${year}-07-14T10:11:12` }));
    utimesSync(path, 1.7e9, 1.7e9);
  }
  symlinkSync(join(disk.path, '2024'), join(library, '2024'));
  for (const attempt of [1, 2]) {
    const { json, exitCode } = await backupJson([card], { home, library });
    expect(exitCode, `attempt ${attempt}`).toBe(4);
    expect(json.imports[0]).toMatchObject({ complete: false, stopped: { code: 'LIBRARY_UNSUITABLE' } });
  }
  rmSync(join(library, '2024'));
  const { json } = await backupJson([card], { home, library });
  expect(json.imports[0]).toMatchObject({ complete: true });
  expect((await walk(library)).map(({ path }) => path)).toEqual([
    '2023/2023-07-14/2023.JPG',
    '2024/2024-07-14/2024.JPG',
  ]);
  expect(await incomingNames(library)).toEqual([]);
});
