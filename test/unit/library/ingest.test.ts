// Where grouping, matching, naming and publishing meet: the photo that is filed twice, under another's name, or not at all
// goes wrong here. Real files, a real catalogue, in each of the orders in which the halves of an asset can arrive.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import type { AssetId, LibraryId, SourceId, SourcePath } from '../../../src/domain/ids.ts';
import type { CatalogStore } from '../../../src/library/catalog/catalog-store.ts';
import { openCatalog } from '../../../src/library/catalog/sqlite-catalog.ts';
import { backupJson, incomingNames, temporaryFolder, walk } from '../../support/keepsake.ts';
import { writeCameraFolder } from '../../support/media/camera-folder.ts';
import { makeHeic } from '../../support/media/heic.ts';
import { makeJpeg } from '../../support/media/jpeg.ts';
import { makeMov } from '../../support/media/quicktime.ts';
import { makeDng } from '../../support/media/raw.ts';
import { makeAae } from '../../support/media/sidecars.ts';

const local = '2024-07-14T10:11:12';
const day = '2024/2024-07-14';
const identifier = 'AAAAAAAA-BBBB-4CCC-8DDD-EEEEEEEEEEEE';

interface Scene extends Disposable {
  readonly home: string;
  readonly source: string;
  readonly library: string;
  put(path: string, content: Buffer | string): void;
  /** Saves what is there, and says what became of it: `imported known duplicates notMedia failed`. */
  save(source?: string): Promise<string>;
  paths(): Promise<string[]>;
  /** `path=role`, of all assets. */
  assets(): string[][];
  catalogPath(): string;
}

function scene(): Scene {
  const scratch = temporaryFolder();
  const [home, source, library] = ['home', 'card', 'photos'].map((name) => join(scratch.path, name)) as [
    string,
    string,
    string,
  ];
  mkdirSync(source);
  const catalogPath = () =>
    join(home, 'state/catalogs', readdirSync(join(home, 'state/catalogs')).find((name) => name.endsWith('.db')) ?? '');
  return {
    home,
    source,
    library,
    put: (path, content) => {
      const full = join(source, path);
      mkdirSync(dirname(full), { recursive: true });
      writeFileSync(full, content);
      utimesSync(full, 1.7e9, 1.7e9);
    },
    save: async (from = source) => {
      const { json } = await backupJson([from], { home, library });
      const report = json.imports[0];
      if (report === undefined) throw new Error(JSON.stringify(json));
      const { found, imported, known, duplicates, notMedia, deferred, failed } = report;
      expect(found).toBe(imported + known + duplicates + notMedia + deferred + failed);
      expect(await incomingNames(library)).toEqual([]);
      return [imported, known, duplicates, notMedia, failed].join(' ');
    },
    paths: async () => (await walk(library)).map(({ path }) => path),
    assets: () => {
      const database = new Database(catalogPath(), { readonly: true });
      const rows = database
        .prepare<[], { asset_id: string; text: string }>(
          "SELECT asset_id, path || '=' || role AS text FROM resource ORDER BY path",
        )
        .all();
      database.close();
      return [...Map.groupBy(rows, ({ asset_id }) => asset_id).values()].map((group) => group.map(({ text }) => text));
    },
    catalogPath,
    [Symbol.dispose]: () => scratch[Symbol.dispose](),
  };
}

const still = makeHeic({ seed: 'still', dateTimeOriginal: local, contentIdentifier: identifier });
const movie = makeMov({
  seed: 'movie',
  brand: 'qt  ',
  creationDate: '2024-07-13T23:59:59+0200',
  contentIdentifier: identifier,
});
const jpeg = (seed: string | number, at = local) => makeJpeg({ seed, dateTimeOriginal: at });

test('The halves of a Live Photo end up as one, in whichever order they come', async () => {
  const halves = [
    ['D/IMG_1.HEIC', still],
    ['D/IMG_1.MOV', movie],
  ] as const;
  for (const order of [
    [0, 1],
    [1, 0],
  ] as const) {
    using at = scene();
    for (const index of order) {
      const [path, content] = halves[index];
      at.put(path, content);
      await at.save();
    }
    const folder = order[0] === 0 ? day : '2024/2024-07-13'; // the first decides; the other joins it there
    expect(at.assets()).toEqual([[`${folder}/IMG_1.HEIC=original`, `${folder}/IMG_1.MOV=pairedVideo`]]);
    expect(await at.save()).toBe('0 2 0 0 0');
  }
});

test('A Live Photo whose halves have different names is filed under one', async () => {
  using at = scene();
  at.put('D/IMG_1.HEIC', still);
  at.put('D/IMG_9.MOV', movie);
  expect(await at.save()).toBe('2 0 0 0 0');
  expect(at.assets()).toEqual([[`${day}/IMG_1.HEIC=original`, `${day}/IMG_1.MOV=pairedVideo`]]);
});

test('Equal identifiers in two folders are no Live Photo', async () => {
  using at = scene();
  at.put('D/IMG_1.HEIC', still);
  at.put('E/IMG_1.MOV', movie);
  expect(await at.save()).toBe('2 0 0 0 0');
  expect(at.assets()).toHaveLength(2);
});

test('Two photos of one name on one day: both are kept, and each keeps its own sidecar', async () => {
  using at = scene();
  for (const [index, folder] of ['A', 'B', 'C'].entries()) {
    at.put(`${folder}/IMG_1.JPG`, jpeg(index));
    at.put(`${folder}/IMG_1.AAE`, makeAae(index));
  }
  expect(await at.save()).toBe('6 0 0 0 0');
  expect(at.assets()).toEqual(
    ['', '~2', '~3'].map((suffix) => [`${day}/IMG_1${suffix}.AAE=adjustments`, `${day}/IMG_1${suffix}.JPG=original`]),
  );
});

test('Names that differ only in case or in their accents never share a name in the library', async () => {
  using at = scene();
  const names = ['Kö.JPG', 'Ko\u0308.JPG', 'KÖ.jpg', 'kö.jpeg'];
  for (const [index, name] of names.entries()) at.put(`${index}/${name}`, jpeg(index));
  expect(await at.save()).toBe('4 0 0 0 0');
  const folded = (await at.paths()).map((path) =>
    path
      .normalize('NFC')
      .toLowerCase()
      .replace(/\.jpe?g$/, ''),
  );
  expect(new Set(folded).size).toBe(names.length);
});

test("A file of the owner's at the name is left alone", async () => {
  using at = scene();
  mkdirSync(join(at.library, day), { recursive: true });
  for (const name of ['IMG_1.JPG', 'IMG_1~2.JPG']) writeFileSync(join(at.library, day, name), 'mine');
  at.put('IMG_1.JPG', jpeg(1));
  expect(await at.save()).toBe('1 0 0 0 0');
  expect(await at.paths()).toEqual([`${day}/IMG_1.JPG`, `${day}/IMG_1~2.JPG`, `${day}/IMG_1~3.JPG`]);
  expect(readFileSync(join(at.library, day, 'IMG_1.JPG'), 'utf8')).toBe('mine');
});

test('The same bytes under other names, in other folders and from another source are kept once', async () => {
  using at = scene();
  at.put('A/IMG_1.JPG', jpeg(1));
  at.put('A/copy.jpg', jpeg(1));
  at.put('B/IMG_1.JPG', jpeg(1));
  expect(await at.save()).toBe('1 0 2 0 0');
  expect(await at.save()).toBe('0 3 0 0 0');
  const other = join(dirname(at.source), 'other');
  mkdirSync(other);
  copyFileSync(join(at.source, 'A/IMG_1.JPG'), join(other, 'x.jpg'));
  utimesSync(join(other, 'x.jpg'), 1.7e9, 1.7e9);
  expect(await at.save(other)).toBe('0 0 1 0 0');
  expect(await at.paths()).toHaveLength(1);
});

test('Another photo under a name that was saved before is saved too', async () => {
  using at = scene();
  at.put('IMG_1.JPG', jpeg(1));
  await at.save();
  at.put('IMG_1.JPG', jpeg('another, as large'));
  utimesSync(join(at.source, 'IMG_1.JPG'), 1.71e9, 1.71e9);
  expect(await at.save()).toBe('1 0 0 0 0');
  expect(await at.paths()).toEqual([`${day}/IMG_1.JPG`, `${day}/IMG_1~2.JPG`]);
});

test('RAW and JPEG of one moment join over two cards, of another moment they do not', async () => {
  const camera = { make: 'Canon', model: 'EOS', serial: '42' };
  for (const [at2, together] of [
    [local, true],
    ['2023-07-14T10:11:12', false],
  ] as const) {
    using at = scene();
    const second = join(dirname(at.source), 'second');
    at.put('DSC_1.JPG', makeJpeg({ seed: 1, dateTimeOriginal: local, ...camera }));
    await at.save();
    mkdirSync(second);
    writeFileSync(join(second, 'DSC_1.DNG'), makeDng({ seed: 1, dateTimeOriginal: at2, ...camera }));
    utimesSync(join(second, 'DSC_1.DNG'), 1.7e9, 1.7e9);
    expect(await at.save(second)).toBe('1 0 0 0 0');
    expect(at.assets()).toHaveLength(together ? 1 : 2);
  }
});

test('An edit and a sidecar that come later lie beside their photo, with its suffix', async () => {
  using at = scene();
  at.put('A/IMG_1234.JPG', jpeg('a'));
  at.put('B/IMG_1234.JPG', jpeg('b'));
  await at.save();
  at.put('B/IMG_E1234.JPG', jpeg('edit', '2025-01-01T00:00:00'));
  at.put('B/IMG_1234.AAE', makeAae('b'));
  expect(await at.save()).toBe('2 2 0 0 0');
  expect((await at.paths()).filter((path) => path.includes('2025'))).toEqual([]);
  const second = at.assets().find((paths) => paths.some((path) => path.includes('~2.JPG=original')));
  expect(second).toHaveLength(3);
  for (const path of second ?? []) expect(path).toContain('~2.');
});

test('A sidecar without a photo anywhere is reported and not kept, every time', async () => {
  using at = scene();
  at.put('IMG_1.AAE', makeAae(1));
  expect(await at.save()).toBe('0 0 0 1 0');
  expect(await at.save()).toBe('0 0 0 1 0');
  expect(await at.paths()).toEqual([]);
});

test('A THM whose video was saved before goes with it', async () => {
  using at = scene();
  at.put('D/GX010001.MP4', makeMov({ seed: 1, brand: 'mp42', createDateUtc: '2024-07-14T08:00:00Z' }));
  await at.save();
  at.put('D/GX010001.THM', jpeg('thumb'));
  at.put('D/GL010001.LRV', makeMov({ seed: 2, brand: 'mp42', createDateUtc: '2024-07-14T08:00:00Z' }));
  expect(await at.save()).toBe('2 1 0 0 0');
  expect(at.assets()).toEqual([
    [`${day}/GL010001.LRV=lowResolution`, `${day}/GX010001.MP4=original`, `${day}/GX010001.THM=thumbnail`],
  ]);
});

test('A photo removed from the library by hand is not written over by the next of its name', async () => {
  using at = scene();
  at.put('A/IMG_1.JPG', jpeg(1));
  await at.save();
  rmSync(join(at.library, day, 'IMG_1.JPG'));
  at.put('B/IMG_1.JPG', jpeg(2));
  await at.save();
  expect(await at.paths()).toEqual([`${day}/IMG_1~2.JPG`]);
});

test('Seventy files of one stem are all kept', async () => {
  using at = scene();
  const extensions = Array.from({ length: 70 }, (_, index) => `x${index}`);
  for (const extension of extensions) at.put(`IMG_1.${extension}`, jpeg(extension));
  expect(await at.save()).toBe('70 0 0 0 0');
  expect(await at.paths()).toHaveLength(70);
});

function contents(catalog: CatalogStore, database: Database.Database): unknown {
  const ids = database.prepare<[], { id: AssetId }>('SELECT id FROM asset ORDER BY id').all();
  const entries = database
    .prepare<[], { source_id: SourceId; path: SourcePath }>('SELECT source_id, path FROM source_entry ORDER BY path')
    .all();
  return {
    assets: ids.map(({ id }) => catalog.getAsset(id)),
    entries: entries.map(({ source_id, path }) => [path, catalog.findEntry(source_id, path)]),
  };
}

function contentsOf(at: Scene): unknown {
  const path = at.catalogPath();
  const database = new Database(path, { readonly: true });
  const row = database.prepare<[], { id: LibraryId }>('SELECT id FROM library').get();
  using catalog = openCatalog({ path, libraryId: row?.id as LibraryId, readOnly: true });
  const all = contents(catalog, database);
  database.close();
  return all;
}

test('A catalogue made anew from the manifests holds what the lost one held, and nothing is saved twice', async () => {
  using at = scene();
  await writeCameraFolder(at.source, { seed: 'rebuild' });
  await at.save();
  at.put('DCIM/later/IMG_1.HEIC', still);
  await at.save();
  at.put('DCIM/later/IMG_1.MOV', movie);
  at.put('DCIM/later/IMG_1.AAE', makeAae(1));
  await at.save();
  const [before, files] = [contentsOf(at), await walk(at.library)];
  rmSync(join(at.home, 'state/catalogs'), { recursive: true });
  const [imported, , duplicates, , failed] = (await at.save()).split(' ');
  expect([imported, duplicates, failed]).toEqual(['0', '0', '0']);
  expect(contentsOf(at)).toEqual(before);
  expect(await walk(at.library)).toEqual(files);
});

test('A catalogue that could be made anew only in part is not used: nothing is saved twice', async () => {
  // Without it, the second try found half a catalogue, took it for whole, and saved every photo it lacked again.
  using at = scene();
  for (const name of ['a', 'b']) {
    at.put(`${name}.jpg`, jpeg(name));
    await at.save();
  }
  const imports = join(at.library, '.keepsake/imports');
  const last = join(
    imports,
    readdirSync(imports)
      .filter((name) => name.endsWith('.jsonl'))
      .sort()
      .at(-1) ?? '',
  );
  const whole = readFileSync(last);
  writeFileSync(last, `garbage\n${whole}`);
  rmSync(join(at.home, 'state/catalogs'), { recursive: true });
  for (let turn = 0; turn < 2; turn += 1) {
    const { json } = await backupJson([at.source], { home: at.home, library: at.library });
    expect(json.error?.code).toBe('LIBRARY_DAMAGED');
  }
  writeFileSync(last, whole);
  expect(await at.save()).toBe('0 2 0 0 0');
  expect(await at.paths()).toEqual([`${day}/a.jpg`, `${day}/b.jpg`]);
});

test.for([
  ['line ends that only some programs know', 'a\u2028b\u2029c\u0085.jpg'],
  ['a hundred trailing blanks and no ending', `a${' '.repeat(120)}`],
  ['every character that some disk refuses', 'a<>:"\\|?*\n\t\u0001.jpg'],
  ['a device on Windows', 'aux.jpg'],
] as const)('A photo whose name has %s is saved, known the next time, and stops nothing', async ([, name]) => {
  using at = scene();
  at.put(name, jpeg(1));
  at.put('IMG_1.JPG', jpeg(2));
  expect(await at.save()).toBe('2 0 0 0 0');
  expect(await at.save()).toBe('0 2 0 0 0');
  rmSync(join(at.home, 'state/catalogs'), { recursive: true });
  expect(await at.save()).toBe('0 2 0 0 0');
});

test('A photo whose time no clock of ours can hold is saved, and so are the others', async () => {
  using at = scene();
  at.put('IMG_1.JPG', jpeg(1));
  at.put('IMG_2.JPG', jpeg(2));
  utimesSync(join(at.source, 'IMG_1.JPG'), new Date('2400-01-01'), new Date('2400-01-01'));
  expect(await at.save()).toBe('2 0 0 0 0');
  expect(await at.save()).toBe('0 2 0 0 0');
});

test('A file where a folder has to be is named, and once it is gone saving goes on where it stopped', async () => {
  using at = scene();
  mkdirSync(at.library);
  writeFileSync(join(at.library, '2024'), 'mine');
  at.put('IMG_1.JPG', jpeg(1));
  const { json } = await backupJson([at.source], { home: at.home, library: at.library });
  expect(json.imports[0]?.stopped).toMatchObject({
    code: 'LIBRARY_UNSUITABLE',
    message: expect.stringContaining('2024'),
  });
  rmSync(join(at.library, '2024'));
  expect(await at.save()).toBe('0 1 0 0 0');
  expect(await at.paths()).toEqual([`${day}/IMG_1.JPG`]);
});
