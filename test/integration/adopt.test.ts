// Half a family's photos lie in folders that somebody made by hand. Without these tests, making them part of the library could
// move or touch one of them, leave some out without a word, or have a card save them all a second time.
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { AgentError } from '../../src/domain/errors.ts';
import { takeExclusiveLock } from '../../src/platform/exclusive-lock.ts';
import type { FolderSource } from '../../src/sources/folder/folder-source.ts';
import { adopt, describeCatalog, filesByAsset, fingerprint, makeAdoptScene } from '../support/adopting.ts';
import { backupJson, keepsake, walk } from '../support/keepsake.ts';
import { deleteCatalog, statusOf } from '../support/lost-catalog.ts';
import { readManifests } from '../support/manifests.ts';
import { makeHeic } from '../support/media/heic.ts';
import { makeJpeg } from '../support/media/jpeg.ts';
import { makeMov } from '../support/media/quicktime.ts';
import { makeDng } from '../support/media/raw.ts';
import { makeAae, makeXmp } from '../support/media/sidecars.ts';

const date = '2019-08-03T10:11:12';
const contentIdentifier = '12345678-0000-4000-8000-123456789012';
const still = makeHeic({ seed: 'still', make: 'Apple', dateTimeOriginal: date, contentIdentifier });
const movie = makeMov({ seed: 'movie', brand: 'qt  ', contentIdentifier, creationDate: '2019-08-03T10:11:11+0200' });
const photo = (seed: string) => makeJpeg({ seed, dateTimeOriginal: date });

type Scene = ReturnType<typeof makeAdoptScene>;

/** What the tests tell apart, in folders as people name them. */
function writeFamilyFolders(scene: Scene): void {
  scene.write('Fotos/Urlaub Österreich/Müller & Söhne/IMG_0001.HEIC', still);
  scene.write('Fotos/Urlaub Österreich/Müller & Söhne/IMG_0001.MOV', movie);
  scene.write('Fotos/Urlaub Österreich/Müller & Söhne/IMG_0001.AAE', makeAae('one'));
  scene.write('Fotos/Urlaub Österreich/DSC_0001.JPG', photo('raw'));
  scene.write('Fotos/Urlaub Österreich/DSC_0001.DNG', makeDng({ seed: 'raw', dateTimeOriginal: date }));
  scene.write('Fotos/Urlaub Österreich/DSC_0001.xmp', makeXmp({ seed: 'raw' }));
  scene.write('Fotos/Sortiert/Oma.jpg', photo('oma'));
  scene.write('Fotos/zum Drucken/Oma groß.jpg', photo('oma'));
  scene.write('Fotos/top.jpg', photo('top'));
  scene.write('Fotos/Sortiert/Liste.txt', 'no photo');
  scene.write('Fotos/Sortiert/leer.jpg', '');
}

const familyAssets = [
  [
    'adjustments Urlaub Österreich/Müller & Söhne/IMG_0001.AAE',
    'original Urlaub Österreich/Müller & Söhne/IMG_0001.HEIC',
    'pairedVideo Urlaub Österreich/Müller & Söhne/IMG_0001.MOV',
  ],
  [
    'alternate Urlaub Österreich/DSC_0001.DNG',
    'original Urlaub Österreich/DSC_0001.JPG',
    'xmp Urlaub Österreich/DSC_0001.xmp',
  ],
  ['original Sortiert/Oma.jpg', 'original zum Drucken/Oma groß.jpg'],
  ['original top.jpg'],
];

/** One file behaves as `open` says. */
function withFile(name: string, open: FolderSource['open']) {
  return {
    wrapSource: (source: FolderSource): FolderSource => ({
      ...source,
      open: (path, offset, signal) => (path.endsWith(name) ? open : source.open)(path, offset, signal),
    }),
  };
}

async function saveCard(scene: Scene, files: Readonly<Record<string, Buffer>>, card = 'card') {
  for (const [path, content] of Object.entries(files)) scene.write(`${card}/${path}`, content);
  const { json } = await backupJson([join(scene.path, card)], { home: scene.home, library: scene.library });
  return json.imports[0];
}

test('folders of any name become part of the library, photo by photo, and nothing in them is moved or touched', async () => {
  using scene = makeAdoptScene();
  writeFamilyFolders(scene);
  const before = fingerprint(scene.library);
  const report = await scene.adopt();
  expect(report).toMatchObject({ found: 11, adopted: 8, duplicates: 1, known: 0, changed: 0, notMedia: 2, hashed: 9 });
  expect(report).toMatchObject({ deferred: 0, failed: 0, complete: true });
  expect(report.notMediaPaths.toSorted()).toEqual(['Sortiert/Liste.txt', 'Sortiert/leer.jpg']);
  expect(report.duplicatePaths).toEqual(['zum Drucken/Oma groß.jpg']);
  expect(fingerprint(scene.library)).toEqual(before);
  expect(filesByAsset(scene)).toEqual(familyAssets);
  const filed = await readManifests(scene.library);
  expect(filed.map(({ path, hash }) => `${path} ${hash}`).sort()).toEqual(
    (await walk(scene.library))
      .filter(({ path }) => !report.notMediaPaths.includes(path))
      .map(({ path, sha256 }) => `${path} sha256:${sha256}`)
      .sort(),
  );
  for (const { captured } of filed) expect(captured).toMatchObject({ local: date, basis: 'exif' });
});

test('a second adoption reads nothing again but what is no photo', async () => {
  using scene = makeAdoptScene();
  writeFamilyFolders(scene);
  await scene.adopt();
  const catalog = describeCatalog(scene);
  const opened: string[] = [];
  const again = await scene.adopt({
    seams: {
      wrapSource: (source) => ({
        ...source,
        open: (path, offset, signal) => {
          opened.push(path);
          return source.open(path, offset, signal);
        },
      }),
    },
  });
  expect(again).toMatchObject({
    found: 11,
    adopted: 0,
    duplicates: 0,
    known: 9,
    notMedia: 2,
    hashed: 0,
    complete: true,
  });
  expect(opened.toSorted()).toEqual(['Sortiert/Liste.txt', 'Sortiert/leer.jpg']);
  expect(describeCatalog(scene)).toEqual(catalog);
});

test('a dry run says what would be adopted and writes nothing at all, be it a library already or not', async () => {
  using scene = makeAdoptScene();
  writeFamilyFolders(scene);
  // But for what SQLite needs beside the catalogue to read it while others may write: empty, and not in the library.
  const look = () => fingerprint(scene.path, { withOwn: true }).filter((line) => !/\.db-(shm|wal) /.test(line));
  const before = look();
  expect(await scene.adopt({ dryRun: true })).toMatchObject({ dryRun: true, adopted: 9, notMedia: 2, complete: false });
  expect(look()).toEqual(before);
  await scene.adopt();
  scene.write('Fotos/new.jpg', photo('new'));
  const after = look();
  expect(await scene.adopt({ dryRun: true })).toMatchObject({ adopted: 1, known: 9, notMedia: 2 });
  expect(look()).toEqual(after);
});

test('a folder within the library is adopted alone, and the rest later goes on from there', async () => {
  using scene = makeAdoptScene();
  writeFamilyFolders(scene);
  const folder = join(scene.library, 'Urlaub Österreich');
  const part = await scene.adopt({ folder });
  expect(part).toMatchObject({ found: 6, adopted: 6, complete: true });
  expect(await scene.adopt()).toMatchObject({ known: 6, adopted: 2, duplicates: 1, hashed: 3 });
  expect(filesByAsset(scene)).toEqual(familyAssets);
});

test('afterwards a card with half of the photos brings only what the library lacks, and finds the rest by its bytes', async () => {
  using scene = makeAdoptScene();
  for (let index = 0; index < 10; index += 1) scene.write(`Fotos/alt/${index}.jpg`, photo(`${index}`));
  await scene.adopt();
  const before = fingerprint(scene.library).filter((line) => line.startsWith('alt'));
  const card: Record<string, Buffer> = {};
  for (let index = 5; index < 15; index += 1) card[`DCIM/IMG_00${index + 10}.JPG`] = photo(`${index}`);
  expect(await saveCard(scene, card)).toMatchObject({ found: 10, imported: 5, duplicates: 5, complete: true });
  expect(await saveCard(scene, {})).toMatchObject({ found: 10, imported: 0, known: 10 });
  expect(fingerprint(scene.library).filter((line) => line.startsWith('alt'))).toEqual(before);
  expect((await walk(scene.library)).length).toBe(15);
});

test('the moving half and the sidecar that only the card has lie beside the adopted still', async () => {
  using scene = makeAdoptScene();
  scene.write('Fotos/Sommer/Strand.HEIC', still);
  scene.write('Fotos/Wurzel.HEIC', makeHeic({ seed: 'root', dateTimeOriginal: date }));
  await scene.adopt();
  const report = await saveCard(scene, {
    'DCIM/IMG_0001.HEIC': still,
    'DCIM/IMG_0001.MOV': movie,
    'DCIM/IMG_0001.AAE': makeAae('card'),
    'DCIM/IMG_0002.HEIC': makeHeic({ seed: 'root', dateTimeOriginal: date }),
    'DCIM/IMG_0002.AAE': makeAae('root'),
  });
  expect(report).toMatchObject({ imported: 3, duplicates: 2 });
  expect(filesByAsset(scene)).toEqual([
    ['adjustments IMG_0002.AAE', 'original Wurzel.HEIC'],
    ['adjustments Sommer/IMG_0001.AAE', 'original Sommer/Strand.HEIC', 'pairedVideo Sommer/Strand.MOV'],
  ]);
});

test('a card saved in the middle of an adoption is not kept waiting, and what it brought is settled when its turn comes', async () => {
  using scene = makeAdoptScene();
  for (let index = 0; index < 8; index += 1) scene.write(`Fotos/alt/${index}.jpg`, photo(`${index}`));
  scene.write('Fotos/alt/9.HEIC', still);
  scene.write('Fotos/alt/9.MOV', movie);
  let report: Awaited<ReturnType<typeof saveCard>>;
  const adopted = await scene.adopt({
    seams: {
      batchFilesMax: 3,
      wrapSource: (source) => ({
        ...source,
        open: async (path, offset, signal) => {
          if (path === 'alt/4.jpg' && report === undefined) {
            const card = {
              'DCIM/A.JPG': photo('1'),
              'DCIM/B.JPG': photo('7'),
              'DCIM/C.HEIC': still,
              'DCIM/C.MOV': movie,
            };
            report = await saveCard(scene, card);
          }
          return await source.open(path, offset, signal);
        },
      }),
    },
  });
  expect(report).toMatchObject({ imported: 3, duplicates: 1, complete: true });
  expect(adopted).toMatchObject({ adopted: 7, duplicates: 3, complete: true });
  const day = '2019/2019-08-03';
  expect(filesByAsset(scene)).toContainEqual([`original ${day}/B.JPG`, 'original alt/7.jpg']);
  expect(filesByAsset(scene)).toContainEqual([
    ...[`original ${day}/C.HEIC`, `pairedVideo ${day}/C.MOV`, 'original alt/9.HEIC', 'pairedVideo alt/9.MOV'],
  ]);
  expect((await statusOf(scene))['photos']).toMatchObject({ assets: 9 });
  const before = describeCatalog(scene);
  deleteCatalog(scene);
  expect(await saveCard(scene, {})).toMatchObject({ known: 4, imported: 0 });
  expect(describeCatalog(scene)).toEqual(before);
});

test('when the catalogue is lost it is made again from the manifests, with the same answers', async () => {
  using scene = makeAdoptScene();
  writeFamilyFolders(scene);
  await saveCard(scene, { 'DCIM/X.JPG': photo('oma'), 'DCIM/Y.JPG': photo('y') });
  await scene.adopt({ seams: { batchFilesMax: 2 } });
  const before = { catalog: describeCatalog(scene), status: await statusOf(scene) };
  deleteCatalog(scene);
  expect(await scene.adopt()).toMatchObject({ adopted: 0, duplicates: 0, known: 11, hashed: 0, complete: true });
  expect({ catalog: describeCatalog(scene), status: await statusOf(scene) }).toEqual(before);
});

test('status counts adopted photos, and does not speak of them as of a card', async () => {
  using scene = makeAdoptScene();
  writeFamilyFolders(scene);
  await scene.adopt();
  expect(await statusOf(scene)).toMatchObject({
    state: 'idle',
    sources: [],
    needsYou: [],
    jobs: [],
    photos: { assets: 4 },
  });
});

test('a file that changed since it was recorded is named and left alone', async () => {
  using scene = makeAdoptScene();
  const path = scene.write('Fotos/a.jpg', photo('a'));
  const touched = scene.write('Fotos/b.jpg', photo('b'));
  await scene.adopt();
  appendFileSync(path, 'more');
  utimesSync(touched, 1.71e9, 1.71e9);
  const before = describeCatalog(scene);
  const report = await scene.adopt();
  expect(report).toMatchObject({ found: 2, known: 0, changed: 2, adopted: 0, hashed: 0, failed: 0 });
  expect(report.changedPaths.toSorted()).toEqual(['a.jpg', 'b.jpg']);
  expect(describeCatalog(scene)).toEqual(before);
});

test('what a card brought is known, although a disk may keep its time less exactly', async () => {
  using scene = makeAdoptScene();
  await saveCard(scene, { 'DCIM/IMG_1.JPG': photo('1'), 'DCIM/PAIR.HEIC': still, 'DCIM/PAIR.MOV': movie });
  const [first] = (await walk(scene.library)).map(({ path }) => join(scene.library, path));
  const seconds = statSync(first ?? '').mtimeMs / 1000;
  utimesSync(first ?? '', seconds + 1, seconds + 1);
  expect(await scene.adopt()).toMatchObject({ found: 3, known: 3, hashed: 0, complete: true });
});

test('a sidecar or moving half that the owner put beside an imported photo belongs to it', async () => {
  using scene = makeAdoptScene();
  await saveCard(scene, { 'DCIM/IMG_0001.HEIC': still, 'DCIM/IMG_0002.JPG': photo('2') });
  const day = 'Fotos/2019/2019-08-03';
  scene.write(`${day}/Film.MOV`, movie);
  scene.write(`${day}/IMG_0002.xmp`, makeXmp({ seed: '2' }));
  expect(await scene.adopt()).toMatchObject({ known: 2, adopted: 2, complete: true });
  const where = '2019/2019-08-03';
  expect(filesByAsset(scene)).toEqual([
    [`original ${where}/IMG_0002.JPG`, `xmp ${where}/IMG_0002.xmp`],
    [`pairedVideo ${where}/Film.MOV`, `original ${where}/IMG_0001.HEIC`],
  ]);
});

test('a movie adopted alone, twice, becomes the moving half of the still that comes later, and so it is after a rebuild', async () => {
  using scene = makeAdoptScene();
  scene.write('Fotos/a/IMG_0001.MOV', movie);
  scene.write('Fotos/b/Kopie.MOV', movie);
  await scene.adopt();
  scene.write('Fotos/a/IMG_0001.HEIC', still);
  expect(await scene.adopt()).toMatchObject({ adopted: 1, known: 2 });
  expect(filesByAsset(scene)).toEqual([
    ['original a/IMG_0001.HEIC', 'pairedVideo a/IMG_0001.MOV', 'pairedVideo b/Kopie.MOV'],
  ]);
  const before = describeCatalog(scene);
  deleteCatalog(scene);
  await scene.adopt();
  expect(describeCatalog(scene)).toEqual(before);
});

test('a photo that the owner moved is recognised by its bytes', async () => {
  using scene = makeAdoptScene();
  scene.write('Fotos/a.jpg', photo('a'));
  await scene.adopt();
  mkdirSync(join(scene.library, 'Album'));
  renameSync(join(scene.library, 'a.jpg'), join(scene.library, 'Album/Anna.jpg'));
  expect(await scene.adopt()).toMatchObject({ adopted: 0, duplicates: 1, complete: true });
  expect(filesByAsset(scene)).toEqual([['original Album/Anna.jpg', 'original a.jpg']]);
});

test('a still that joins a movie which a card brought in the meantime has it as its moving half after a rebuild too', async () => {
  using scene = makeAdoptScene();
  const folder = '2019/2019-08-03';
  scene.write('Fotos/first.jpg', photo('first'));
  scene.write(`Fotos/${folder}/Strand.HEIC`, still);
  let isSaved = false;
  await scene.adopt({
    seams: {
      batchFilesMax: 1,
      wrapSource: (source) => ({
        ...source,
        open: async (path, offset, signal) => {
          if (path.endsWith('.HEIC') && !isSaved) {
            isSaved = true;
            await saveCard(scene, { 'DCIM/IMG_0001.MOV': movie });
          }
          return await source.open(path, offset, signal);
        },
      }),
    },
  });
  const before = describeCatalog(scene);
  expect(filesByAsset(scene)).toContainEqual([`pairedVideo ${folder}/IMG_0001.MOV`, `original ${folder}/Strand.HEIC`]);
  deleteCatalog(scene);
  await scene.adopt();
  expect(describeCatalog(scene)).toEqual(before);
});

test('a batch whose lines were cut off in the middle by a crash is recorded whole, before a card can come in between', async () => {
  using scene = makeAdoptScene();
  scene.write('Fotos/DSC_0001.JPG', photo('raw'));
  scene.write('Fotos/DSC_0001.DNG', makeDng({ seed: 'raw', dateTimeOriginal: date }));
  const crash = (step: string) => {
    if (step === 'record') throw new Error('crash');
  };
  await expect(scene.adopt({ seams: { observeStep: crash } })).rejects.toThrow('crash');
  const folder = join(scene.library, '.keepsake/imports');
  const manifest = join(folder, readdirSync(folder).find((name) => name.endsWith('.jsonl')) ?? '');
  truncateSync(manifest, statSync(manifest).size - 10);
  expect(await saveCard(scene, { 'DCIM/DSC_0001.JPG': photo('raw') })).toMatchObject({ imported: 0, duplicates: 1 });
  expect(filesByAsset(scene)).toEqual([['alternate DSC_0001.DNG', 'original DSC_0001.JPG']]);
  const lines = await readManifests(scene.library);
  expect(lines.map(({ path }) => path).sort()).toEqual(['DSC_0001.DNG', 'DSC_0001.JPG']);
  expect(new Set(lines.map(({ asset }) => asset.id)).size).toBe(1);
  expect(await scene.adopt()).toMatchObject({ known: 2, hashed: 0, complete: true });
});

test('a file that is written to while it is read waits with its other half, and the others go on', async () => {
  using scene = makeAdoptScene();
  const path = scene.write('Fotos/a/IMG_0001.HEIC', still);
  scene.write('Fotos/a/IMG_0001.MOV', movie);
  scene.write('Fotos/a/z.jpg', photo('z'));
  let isOpened = false;
  const report = await scene.adopt({
    seams: {
      wrapSource: (source) => ({
        ...source,
        open: async (entry, offset, signal) => {
          if (entry === 'a/IMG_0001.MOV' && !isOpened) {
            isOpened = true;
            appendFileSync(join(scene.library, entry), 'more');
          }
          return await source.open(entry, offset, signal);
        },
      }),
    },
  });
  expect(report).toMatchObject({ found: 3, adopted: 1, deferred: 2, failed: 0, complete: false });
  expect(report.failures.map(({ path: each, code }) => `${each} ${code}`).sort()).toEqual([
    'a/IMG_0001.HEIC SOURCE_ENTRY_CHANGING',
    'a/IMG_0001.MOV SOURCE_ENTRY_CHANGING',
  ]);
  expect(filesByAsset(scene)).toEqual([['original a/z.jpg']]);
  utimesSync(join(dirname(path), 'IMG_0001.MOV'), 1.7e9, 1.7e9);
  expect(await scene.adopt()).toMatchObject({ adopted: 2, known: 1, complete: true });
});

test('a file that is written to between being read and being recorded is not recorded with bytes it no longer has', async () => {
  using scene = makeAdoptScene();
  const path = scene.write('Fotos/a.jpg', photo('a'));
  scene.write('Fotos/b.jpg', photo('b'));
  let isAppended = false;
  const report = await scene.adopt({
    seams: {
      wrapSource: (source) => ({
        ...source,
        open: async (entry, offset, signal) => {
          if (entry === 'b.jpg' && !isAppended) {
            isAppended = true;
            appendFileSync(path, 'more');
          }
          return await source.open(entry, offset, signal);
        },
      }),
    },
  });
  expect(report).toMatchObject({ adopted: 1, deferred: 1, complete: false });
  expect(filesByAsset(scene)).toEqual([['original b.jpg']]);
});

test('a file that cannot be read is named, the others are adopted, and status says that something is open', async () => {
  using scene = makeAdoptScene();
  for (const name of ['a', 'b', 'c']) scene.write(`Fotos/${name}.jpg`, photo(name));
  const report = await scene.adopt({
    seams: withFile('b.jpg', async () => {
      throw new AgentError('SOURCE_READ_FAILED', 'A file could not be read (EIO).', { remedy: 'none' });
    }),
  });
  expect(report).toMatchObject({ found: 3, adopted: 2, failed: 1, complete: false });
  expect(report.failures[0]).toMatchObject({ path: 'b.jpg', code: 'SOURCE_READ_FAILED' });
  expect(await statusOf(scene)).toMatchObject({ sources: [], needsYou: [{ code: 'ADOPTION_INCOMPLETE' }] });
  expect(await scene.adopt()).toMatchObject({ adopted: 1, known: 2, complete: true });
  expect(await statusOf(scene)).toMatchObject({ state: 'idle', needsYou: [] });
});

test('links are listed and not followed, out of the library or within it', async () => {
  using scene = makeAdoptScene();
  scene.write('elsewhere/secret.jpg', photo('secret'));
  scene.write('Fotos/a.jpg', photo('a'));
  symlinkSync(join(scene.path, 'elsewhere'), join(scene.library, 'folder'));
  symlinkSync(join(scene.path, 'elsewhere/secret.jpg'), join(scene.library, 'file.jpg'));
  symlinkSync('a.jpg', join(scene.library, 'own.jpg'));
  const before = fingerprint(scene.library);
  const report = await scene.adopt();
  expect(report).toMatchObject({ found: 4, adopted: 1, notMedia: 3, complete: true });
  expect(report.notMediaPaths.toSorted()).toEqual(['file.jpg', 'folder', 'own.jpg']);
  expect(fingerprint(scene.library)).toEqual(before);
});

test('of two names that only case tells apart one is adopted and the other named, each time', async () => {
  using scene = makeAdoptScene();
  scene.write('Fotos/IMG_1.jpg', photo('one'));
  scene.write('Fotos/img_1.JPG', photo('other'));
  if (readdirSync(scene.library).length < 2) return; // this disk takes the two for one
  for (const expected of [{ adopted: 1 }, { adopted: 0, known: 1, hashed: 0 }]) {
    const report = await scene.adopt();
    expect(report).toMatchObject({ ...expected, found: 2, failed: 1, complete: false });
    expect(report.failures[0]).toMatchObject({ code: 'NAME_UNSUITABLE' });
  }
});

test('a name that is no text is named and left; one with a line break is adopted, and sha256sum can check it', async () => {
  using scene = makeAdoptScene();
  scene.write('Fotos/a\nb\\c.jpg', photo('a'));
  execFileSync('sh', [
    '-c',
    `cp "$1" "$(printf '%s/bad\\377.jpg' "$2")"`,
    'sh',
    scene.write('b.jpg', photo('b')),
    scene.library,
  ]);
  const report = await scene.adopt();
  expect(report).toMatchObject({ found: 2, adopted: 1, failed: 1, complete: false });
  expect(report.failures[0]).toMatchObject({ path: 'bad\\xFF.jpg', code: 'NAME_UNSUITABLE' });
  const [list] = readdirSync(join(scene.library, '.keepsake/imports')).filter((name) => name.endsWith('.sha256'));
  execFileSync('sha256sum', ['-c', '--quiet', '--strict', `.keepsake/imports/${list}`], { cwd: scene.library });
});

test('a folder outside of the library is refused with the ways out, and nothing is written', async () => {
  using scene = makeAdoptScene();
  scene.write('Bilder/a.jpg', photo('a'));
  scene.write('Fotos neu/a.jpg', photo('a'));
  const before = fingerprint(scene.path, { withOwn: true });
  for (const name of ['Bilder', 'Fotos neu', '.']) {
    const error = await scene.adopt({ folder: join(scene.path, name) }).catch((each: unknown) => each);
    expect(error).toMatchObject({ code: 'ADOPT_OUTSIDE_LIBRARY' });
    const { remedy } = error as AgentError;
    for (const way of ['Move', 'keepsake config set library', 'keepsake backup']) expect(remedy).toContain(way);
  }
  expect(fingerprint(scene.path, { withOwn: true })).toEqual(before);
  await scene.adopt();
  const own = { folder: join(scene.library, '.keepsake') };
  await expect(scene.adopt(own)).rejects.toMatchObject({ code: 'ADOPT_OUTSIDE_LIBRARY' });
});

test('while it is stopped and gone on with, nothing is read twice but what the last batch held', async () => {
  using scene = makeAdoptScene();
  for (let index = 0; index < 20; index += 1) scene.write(`Fotos/${index + 10}.jpg`, photo(`${index}`));
  const stopping = new AbortController();
  let opened = 0;
  const first = await scene.adopt({
    signal: stopping.signal,
    seams: {
      batchFilesMax: 5,
      observeStep: (step) => {
        if (step === 'record') opened += 1;
        if (opened === 2) stopping.abort();
      },
    },
  });
  expect(first).toMatchObject({ adopted: 10, complete: false, stopped: { code: 'INTERRUPTED' } });
  expect(await scene.adopt()).toMatchObject({ known: 10, adopted: 10, hashed: 10, complete: true });
});

test('an import that another process runs is waited for, and a second adoption at the same time is refused', async () => {
  using scene = makeAdoptScene();
  for (let index = 0; index < 4; index += 1) scene.write(`Fotos/${index}.jpg`, photo(`${index}`));
  let waits = 0;
  let lock: ReturnType<typeof takeExclusiveLock>;
  let refused: unknown;
  const report = await scene.adopt({
    seams: {
      clock: {
        nowMs: () => Date.now(),
        monotonicMs: () => performance.now(),
        wait: async () => {
          waits += 1;
          if (waits === 3) lock?.release();
        },
      },
      batchFilesMax: 2,
      wrapSource: (source) => ({
        ...source,
        open: async (path, offset, signal) => {
          if (path === '3.jpg' && lock === undefined) {
            refused = await adopt(scene).catch((error: unknown) => error);
            lock = takeExclusiveLock(join(scene.library, '.keepsake/lock'));
          }
          return await source.open(path, offset, signal);
        },
      }),
    },
  });
  expect(refused).toMatchObject({ code: 'LIBRARY_BUSY' });
  expect(waits).toBe(3);
  expect(report).toMatchObject({ adopted: 4, complete: true });
});

test('the command saves a card after an adoption as ever', async () => {
  using scene = makeAdoptScene();
  writeFamilyFolders(scene);
  await scene.adopt();
  const answer = await keepsake(['status', '--library', scene.library], { home: scene.home });
  expect(answer.stdout).toContain('4 photos and videos');
});
