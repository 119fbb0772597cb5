import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { backupJson, incomingNames, temporaryFolder, walk } from '../support/keepsake.ts';
import { makeJpeg } from '../support/media/jpeg.ts';

// Without this, a folder could be reported as saved while its photos are not in the library.
test('a folder is saved into dated folders, and saving it again finds everything known', async () => {
  using scratch = temporaryFolder();
  const [home, source, library] = ['home', 'card', 'library'].map((name) => join(scratch.path, name)) as [
    string,
    string,
    string,
  ];
  mkdirSync(join(source, 'DCIM'), { recursive: true });
  writeFileSync(join(source, 'DCIM/IMG_0001.JPG'), makeJpeg({ seed: 1, dateTimeOriginal: '2024-07-14T10:11:12' }));
  writeFileSync(join(source, 'DCIM/notes.txt'), 'not a photo');
  utimesSync(join(source, 'DCIM/IMG_0001.JPG'), 1.7e9, 1.7e9); // a file written just now is given time to settle

  const first = await backupJson([source], { home, library });
  expect(first.exitCode).toBe(0);
  expect(first.json.imports[0]).toMatchObject({ found: 2, imported: 1, notMedia: 1, failed: 0, complete: true });
  expect((await walk(library)).map(({ path }) => path)).toEqual(['2024/2024-07-14/IMG_0001.JPG']);
  expect(await incomingNames(library)).toEqual([]);

  const second = await backupJson([source], { home, library });
  expect(second.json.imports[0]).toMatchObject({ found: 2, imported: 0, known: 1, notMedia: 1, complete: true });
});
