// The catalogue is the only thing of Keepsake's that is not in the library. Without these tests, losing it could have every
// photo saved a second time, or have a card called saved of which nobody knows.
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import type { Seams } from '../../src/agent/backup.ts';
import { AgentError } from '../../src/domain/errors.ts';
import { backup, expectAllSaved, makeScene, type Scene, writeFile, writePair, writePhoto } from '../fault/scene.ts';
import { walk } from '../support/keepsake.ts';
import {
  catalogOf,
  deleteCatalog,
  deleteSnapshot,
  manifestNames,
  readLog,
  rebuild,
  sourcesFile,
  start,
  statusOf,
  takeCopy,
} from '../support/lost-catalog.ts';
import { makeCatalogOld } from '../support/old-catalog.ts';

/** One file of the source cannot be read. */
const badFile: Seams = {
  wrapSource: (source) => ({
    ...source,
    list: (signal) => source.list(signal),
    open: async (path, offset, signal) => {
      if (path.endsWith('BAD.JPG')) throw new AgentError('SOURCE_READ_FAILED', 'bad', { remedy: 'none' });
      return await source.open(path, offset, signal);
    },
  }),
};

interface UsedScene extends Scene {
  readonly second: string;
}

/** A library with a card that was saved twice, the second time with nothing new, and one of which a file could not be read. */
async function usedLibrary(): Promise<UsedScene> {
  const scene = makeScene();
  const second = join(scene.path, 'second');
  for (const name of ['IMG_1', 'IMG_2', 'IMG_3']) writePhoto(join(scene.source, `DCIM/${name}.JPG`));
  writePair(join(scene.source, 'DCIM/PAIR'));
  writeFile(join(scene.source, 'DCIM/COPY.JPG'), readFileSync(join(scene.source, 'DCIM/IMG_1.JPG')));
  writeFile(join(scene.source, 'notes.txt'), Buffer.from('no photo'));
  writePhoto(join(second, 'OTHER.JPG'));
  writePhoto(join(second, 'BAD.JPG'));
  await backup(scene);
  await backup(scene, { source: second, seams: badFile });
  await backup(scene);
  return { ...scene, second };
}

const imported = { exitCode: 0, report: { imported: 0, duplicates: 0, failed: 0, known: 6, complete: true } };

/** Saving the card again saves nothing, and nothing in the library has changed. */
async function expectNothingAgain(scene: Scene, before: Awaited<ReturnType<typeof walk>>): Promise<void> {
  expect(await backup(scene)).toMatchObject(imported);
  expect(await walk(scene.library)).toEqual(before);
}

describe('The same answers, and nothing saved again, after', () => {
  test.for([
    ['the catalogue was deleted', (scene: Scene) => deleteCatalog(scene)],
    [
      'catalogue and snapshot were deleted',
      (scene: Scene) => {
        deleteCatalog(scene);
        deleteSnapshot(scene);
      },
    ],
    ['the whole home folder was lost', (scene: Scene) => rmSync(join(scene.home, 'state'), { recursive: true })],
    ['nothing at all', () => undefined],
  ] as const)('%s', async ([, lose]) => {
    using scene = await usedLibrary();
    const [status, before] = [await statusOf(scene), await walk(scene.library)];
    expect(status).toMatchObject({ state: 'needsYou', photos: { assets: 5 } });
    lose(scene);
    expect(await rebuild(scene)).toMatchObject({ assets: 5, files: 6, imports: 2, missing: 0, library: scene.library });
    expect(await statusOf(scene)).toEqual(status);
    expect(existsSync(join(scene.library, '.keepsake/catalog-backup/catalog.db'))).toBe(true);
    await expectNothingAgain(scene, before);
  });

  test.for([
    ['cut to half', (path: string) => truncateSync(path, Math.floor(statSync(path).size / 2))],
    ['garbage', (path: string) => writeFileSync(path, 'no database. '.repeat(4000))],
    [
      "another program's",
      (path: string) => {
        writeFileSync(path, '');
        const database = new Database(path);
        database.exec('CREATE TABLE asset (title TEXT)');
        database.close();
      },
    ],
  ] as const)('the catalogue was %s: saving says what to do, and that works', async ([, damage]) => {
    using scene = await usedLibrary();
    const [status, before] = [await statusOf(scene), await walk(scene.library)];
    damage(catalogOf(scene));
    const damaged = statSync(catalogOf(scene)).size;
    const refused = await backup(scene);
    expect(refused).toMatchObject({ exitCode: 3, code: 'CATALOG_DAMAGED' });
    expect(JSON.parse(refused.stdout).error.remedy).toContain('keepsake rebuild');
    expect(await rebuild(scene)).toMatchObject({ assets: 5, files: 6, missing: 0 });
    expect(statSync(`${catalogOf(scene)}.before-rebuild`).size, 'the damaged one is kept').toBe(damaged);
    expect(await statusOf(scene)).toEqual(status);
    await expectNothingAgain(scene, before);
  });

  test('the catalogue was cut to nothing', async () => {
    using scene = await usedLibrary();
    const [status, before] = [await statusOf(scene), await walk(scene.library)];
    truncateSync(catalogOf(scene), 0);
    await start(scene);
    expect(await statusOf(scene)).toEqual(status);
    await expectNothingAgain(scene, before);
  });

  test('an older catalogue took its place, from before photos were saved', async () => {
    using scene = await usedLibrary();
    const putBack = takeCopy(scene, join(scene.path, 'copy'));
    writePhoto(join(scene.source, 'DCIM/LATER.JPG'));
    expect(await backup(scene)).toMatchObject({ report: { imported: 1 } });
    const [status, before] = [await statusOf(scene), await walk(scene.library)];
    putBack();
    expect(await statusOf(scene)).toMatchObject({ state: 'needsYou', needsYou: [{ code: 'CATALOG_OUTDATED' }, {}] });
    await start(scene);
    expect(await statusOf(scene)).toEqual(status);
    expect(await backup(scene)).toMatchObject({ report: { imported: 0, duplicates: 0, known: 7, complete: true } });
    expect(await walk(scene.library)).toEqual(before);
  });

  test('an older catalogue took its place, from before an import that found nothing new', async () => {
    using scene = await usedLibrary();
    const putBack = takeCopy(scene, join(scene.path, 'copy'));
    await backup(scene);
    const status = await statusOf(scene);
    putBack();
    await start(scene);
    expect(await statusOf(scene)).toEqual(status);
  });
});

test('A rebuild is noted in the log, and a matching catalogue is opened without reading a manifest', async () => {
  using scene = await usedLibrary();
  const [name = ''] = manifestNames(scene);
  const path = join(scene.library, '.keepsake/imports', name);
  const whole = readFileSync(path);
  writeFileSync(path, Buffer.alloc(whole.length, 'x')); // reading it would be an error
  expect(await backup(scene)).toMatchObject(imported);
  expect(readLog(scene)).not.toContain('made the catalogue anew');
  writeFileSync(path, whole);
  const putBack = takeCopy(scene, join(scene.path, 'copy'));
  writePhoto(join(scene.source, 'DCIM/LATER.JPG'));
  await backup(scene);
  putBack();
  await backup(scene);
  expect(readLog(scene)).toContain('manifestUnknown');
  expect(readLog(scene)).toContain('made the catalogue anew');
});

test('A catalogue of the first version is brought up to date, not made anew, and keeps its answers', async () => {
  using scene = await usedLibrary();
  const [status, before] = [await statusOf(scene), await walk(scene.library)];
  makeCatalogOld(catalogOf(scene), 1);
  rmSync(sourcesFile(scene)); // that version wrote none
  await start(scene);
  expect(await statusOf(scene)).toEqual(status);
  expect(existsSync(`${catalogOf(scene)}.before-rebuild`)).toBe(false);
  expect(existsSync(sourcesFile(scene))).toBe(true);
  await expectNothingAgain(scene, before);
});

test('A library that was restored from an older copy gets the photos it lacks from the card again', async () => {
  using scene = makeScene();
  writePhoto(join(scene.source, 'FIRST.JPG'));
  await backup(scene);
  const copy = join(scene.path, 'copy of the library');
  cpSync(scene.library, copy, { recursive: true, preserveTimestamps: true });
  writePhoto(join(scene.source, 'SECOND.JPG'));
  await backup(scene);
  rmSync(scene.library, { recursive: true });
  cpSync(copy, scene.library, { recursive: true, preserveTimestamps: true });
  await start(scene);
  expect(await statusOf(scene)).toMatchObject({ photos: { assets: 1 } });
  expect(await backup(scene)).toMatchObject({ report: { imported: 1, known: 1, complete: true } });
  await expectAllSaved(scene.library, await walk(scene.source));
});

test('A manifest that is gone: its source is not called complete, and saving it again makes no second copies', async () => {
  using scene = await usedLibrary();
  const before = await walk(scene.library);
  for (const name of manifestNames(scene)) rmSync(join(scene.library, '.keepsake/imports', name));
  await start(scene);
  const { sources } = (await statusOf(scene)) as { sources: { name: string; complete: boolean }[] };
  expect(sources.map(({ complete }) => complete)).toEqual([false, false]);
  expect(await backup(scene)).toMatchObject({ report: { imported: 5, duplicates: 1, complete: true } });
  expect(await walk(scene.library)).toEqual(before);
});

test('A photo that is gone from the library is counted, its card is no longer complete, and it comes back from it', async () => {
  using scene = await usedLibrary();
  rmSync(join(scene.library, '2024/2024-07-14/IMG_2.JPG'));
  deleteCatalog(scene);
  expect(await rebuild(scene)).toMatchObject({ assets: 4, files: 5, missing: 1 });
  const { sources } = (await statusOf(scene)) as { sources: { name: string; complete: boolean }[] };
  expect(sources.find(({ name }) => name === 'card')).toMatchObject({ complete: false });
  expect(await backup(scene)).toMatchObject({ report: { imported: 1, known: 5, complete: true } });
  const status = await statusOf(scene);
  expect(await rebuild(scene)).toMatchObject({ assets: 5, files: 6, missing: 0 });
  expect(await statusOf(scene), 'the name has gone from one asset to another').toEqual(status);
});

test.for([
  ['deleted', (path: string) => rmSync(path)],
  ['garbage', (path: string) => writeFileSync(path, '{"version":1,"sources":[{"id":7}]}')],
  ['cut off', (path: string) => truncateSync(path, 100)],
  ['a folder', replaceByFolder],
] as const)('What is known of the sources was %s: less is answered, and nothing untrue', async ([what, damage]) => {
  using scene = await usedLibrary();
  const [status, before] = [await statusOf(scene), await walk(scene.library)];
  damage(sourcesFile(scene));
  await start(scene);
  expect(await statusOf(scene), 'the catalogue still knows').toEqual(status);
  expect(existsSync(`${sourcesFile(scene)}.unreadable`)).toBe(what !== 'deleted');
  rmSync(`${sourcesFile(scene)}.unreadable`, { force: true, recursive: true });

  rmSync(sourcesFile(scene));
  damageAnew(sourcesFile(scene), damage);
  deleteCatalog(scene);
  expect(await rebuild(scene)).toMatchObject({ assets: 5, files: 6 });
  const { sources, photos } = (await statusOf(scene)) as { sources: object[]; photos: object };
  expect(photos).toEqual(status['photos']);
  expect(sources).toHaveLength(2);
  for (const source of sources) expect(source).toMatchObject({ complete: false, lastSuccessAt: null, onDevice: 0 });
  expect(existsSync(`${sourcesFile(scene)}.unreadable`)).toBe(what !== 'deleted');
  await expectNothingAgain(scene, before);
});

function replaceByFolder(path: string): void {
  rmSync(path);
  mkdirSync(path);
}

function damageAnew(path: string, damage: (path: string) => unknown): void {
  writeFileSync(path, 'x'.repeat(200));
  damage(path);
}

test('Of two rebuilds the catalogue before the last one is kept', async () => {
  using scene = await usedLibrary();
  await rebuild(scene);
  await rebuild(scene);
  const kept = new Database(`${catalogOf(scene)}.before-rebuild`, { readonly: true });
  expect(kept.prepare('SELECT count(*) AS assets FROM asset').get()).toEqual({ assets: 5 });
  kept.close();
});

test('A folder that is no library is refused, and stays as it was', async () => {
  using scene = makeScene();
  writePhoto(join(scene.library, 'IMG_1.JPG'));
  await expect(rebuild(scene)).rejects.toMatchObject({ code: 'LIBRARY_MISSING' });
  expect(existsSync(join(scene.library, '.keepsake'))).toBe(false);
});

test('A card whose times had shifted is read again at most: nothing of it is saved twice', async () => {
  using scene = makeScene();
  const shift = (path: string, hours: number) => {
    const { mtimeMs } = statSync(path);
    utimesSync(path, (mtimeMs + hours * 3_600_000) / 1000, (mtimeMs + hours * 3_600_000) / 1000);
  };
  const old = ['A', 'B', 'C'].map((name) => join(scene.source, `${name}.JPG`));
  for (const path of old) writePhoto(path);
  await backup(scene);
  for (const path of old) shift(path, 1);
  expect(await backup(scene), 'the catalogue corrects its times').toMatchObject({ report: { known: 3 } });
  writePhoto(join(scene.source, 'NEW.JPG'), 1000, 1.7e9 + 3600);
  await backup(scene);
  const [status, before] = [await statusOf(scene), await walk(scene.library)];
  deleteCatalog(scene);
  await rebuild(scene);
  expect(await statusOf(scene)).toEqual(status);
  expect(await backup(scene)).toMatchObject({ report: { imported: 0, complete: true } });
  expect(await backup(scene)).toMatchObject({ report: { imported: 0, duplicates: 0, known: 4 } });
  expect(await walk(scene.library)).toEqual(before);
});

test('Files known only as copies of others stay known', async () => {
  using scene = makeScene();
  writePhoto(join(scene.source, 'A.JPG'));
  await backup(scene);
  const other = join(scene.path, 'other');
  writeFile(join(other, 'SAME.JPG'), readFileSync(join(scene.source, 'A.JPG')));
  expect(await backup(scene, { source: other })).toMatchObject({ report: { duplicates: 1, imported: 0 } });
  const status = await statusOf(scene);
  deleteCatalog(scene);
  await rebuild(scene);
  expect(await statusOf(scene)).toEqual(status);
  expect(await backup(scene, { source: other })).toMatchObject({ report: { known: 1, duplicates: 0, imported: 0 } });
});
