// The log is sent to helpers: no name of a photo may be in it. And it must not fill the disk that it lies on.
import { mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openLog } from '../../../src/platform/log.ts';
import { backupJson, temporaryFolder } from '../../support/keepsake.ts';
import { makeJpeg } from '../../support/media/jpeg.ts';

test('The log is private to the owner and kept small by starting new files', async () => {
  using scratch = temporaryFolder();
  const folder = join(scratch.path, 'logs');
  const lines = 14_000;
  {
    await using opened = openLog({ folder, level: 'info' });
    for (let index = 0; index < lines; index += 1) opened.log.info({ index, filler: 'x'.repeat(400) }, 'line');
    opened.log.debug('not at this level');
  }
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  const names = readdirSync(folder);
  const logs = names.filter((name) => !name.endsWith('.txt'));
  expect(logs.length).toBeGreaterThan(1);
  for (const name of logs) {
    const { mode, size } = statSync(join(folder, name));
    expect(mode & 0o777, name).toBe(0o600);
    expect(size, name).toBeLessThan(6e6);
  }
  for (const name of names) expect(statSync(join(folder, name)).mode & 0o022, name).toBe(0);
  const written = logs
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'))
    .filter((line) => line !== '');
  expect(written).toHaveLength(lines);
  for (const line of written.slice(0, 10)) expect(JSON.parse(line)).toMatchObject({ msg: 'line', pid: process.pid });
});

test('A log that cannot be written does not stop what is logged', async () => {
  using scratch = temporaryFolder();
  const folder = join(scratch.path, 'logs');
  mkdirSync(join(folder, 'keepsake.log'), { recursive: true }); // a folder where the file should be
  await using opened = openLog({ folder, level: 'info' });
  opened.log.info('lost');
});

test('A backup with failures, duplicates and other files leaves no name of any of them in the log', async () => {
  using scratch = temporaryFolder();
  const [home, source, library] = [
    join(scratch.path, 'home'),
    join(scratch.path, 'Annas Karte'),
    join(scratch.path, 'Bilder'),
  ];
  const names = [
    'IMG_7391.JPG',
    'Strandtag.jpg',
    'Strandtag Kopie.jpg',
    'Brief an Oma.txt',
    'leer.jpg',
    'IMG_7391.AAE',
    'nirgends',
  ];
  mkdirSync(join(source, 'Sommerferien'), { recursive: true });
  const photo = makeJpeg({ seed: 1, dateTimeOriginal: '2024-07-14T10:11:12' });
  const contents = [makeJpeg({ seed: 2 }), photo, photo, 'text', '', 'no plist', makeJpeg({ seed: 3 })];
  for (const [index, name] of names.entries()) {
    const path = join(source, 'Sommerferien', name);
    writeFileSync(path, contents[index] ?? '');
    utimesSync(path, 1.7e9, 1.7e9);
  }
  await backupJson([source], { home, library });
  await backupJson([source], { home, library });
  const folder = join(home, 'logs');
  const log = readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('');
  expect(log).toContain('import ends');
  const words = [...names, ...names.map((name) => name.split('.')[0] ?? name), 'Sommerferien', 'Annas Karte'];
  for (const word of words) expect(log.toLowerCase()).not.toContain(word.toLowerCase());
});
