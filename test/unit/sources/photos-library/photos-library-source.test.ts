// In a Photos library a reduced copy lies beside every original, and the parts of a photo lie apart: taken for originals, the copies
// would be kept in their place; not put together, a Live Photo would be two things.
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { mkdir, rm, utimes, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { expect, type TestContext, test } from 'vitest';
import type { AbsolutePath, SourcePath } from '../../../../src/domain/ids.ts';
import { candidateKey } from '../../../../src/library/grouping.ts';
import {
  isPhotosLibrary,
  openPhotosLibrarySource,
} from '../../../../src/sources/photos-library/photos-library-source.ts';
import type { PhotosList, Source, SourceEntry } from '../../../../src/sources/source.ts';
import { describeSource, listAll, readAll } from '../../../contract/source.ts';
import { temporaryFolder } from '../../../support/keepsake.ts';
import { makePhotosLibrary } from '../../../support/photos/photos-library.ts';
import { findTestMedia } from '../../../support/requirements.ts';

const never = new AbortController().signal;
const uuid = '3715655F-9437-4B8E-ADE5-515CD1FD0343';
const nobody = 65_534;
const other = '3EA5C9A0-7E1C-4C0B-9C6A-0123456789AB';

function needMedia(context: TestContext): string {
  return findTestMedia() ?? context.skip('needs the folder of test media');
}

interface EmptyLibrary extends Disposable {
  readonly path: string;
  put(path: string, content?: string): void;
  link(path: string, to: string): void;
}

function emptyLibrary(): EmptyLibrary {
  const scratch = temporaryFolder();
  const path = join(scratch.path, 'Family.photoslibrary');
  const library: EmptyLibrary = {
    path,
    put(below, content = below) {
      mkdirSync(dirname(`${path}/${below}`), { recursive: true });
      writeFileSync(`${path}/${below}`, content);
    },
    link(below, to) {
      mkdirSync(dirname(join(path, below)), { recursive: true });
      symlinkSync(to, join(path, below));
    },
    [Symbol.dispose]: () => scratch[Symbol.dispose](),
  };
  library.put('database/Photos.sqlite', 'a database');
  mkdirSync(join(path, 'originals'));
  return library;
}

/** The suite speaks of the tree of photos: that is `originals`. */
function below(source: Source): Source {
  const prefix = 'originals/';
  return {
    ...source,
    async *list(signal) {
      for await (const entries of source.list(signal))
        yield entries.map((entry): SourceEntry => ({ ...entry, path: entry.path.slice(prefix.length) as SourcePath }));
    },
    open: (path, offsetBytes, signal) => source.open(`${prefix}${path}` as SourcePath, offsetBytes, signal),
  };
}

describeSource('A Photos library as a source', async () => {
  const library = emptyLibrary();
  const at = (path: string) => `${library.path}/originals/${path}`;
  return {
    put: async (path, bytes) => {
      await mkdir(dirname(at(path)), { recursive: true });
      await writeFile(at(path), bytes);
    },
    setModified: (path, ms) => utimes(at(path), new Date(ms), new Date(ms)),
    remove: (path) => rm(at(path)),
    open: async () => below(await openPhotosLibrarySource(library.path)),
    [Symbol.asyncDispose]: async () => library[Symbol.dispose](),
  };
});

function listOf(source: Source): PhotosList {
  if (source.photosList === undefined) throw new Error('it keeps a list');
  return source.photosList;
}

async function pathsOf(source: Source): Promise<readonly string[]> {
  return (await listAll(source)).map(({ kind, path }) => (kind === 'file' ? path : `${kind} ${path}`));
}

test('A real library: every original is shown where the database says, with what belongs to it beside it', async (context) => {
  const media = needMedia(context);
  using scratch = temporaryFolder();
  const library = makePhotosLibrary(scratch.path, media);
  expect([library.files.length, library.missing.length]).toEqual([8, 12]);

  // An edit of the Live Photo, with the reduced copies that Photos makes of everything.
  const live = 'EC19EA1A-FC91-449C-8925-B13D863E2EDB';
  const put = (path: string, from: string) => {
    mkdirSync(dirname(join(library.path, path)), { recursive: true });
    copyFileSync(join(media, from), join(library.path, path));
  };
  put(`resources/renders/E/${live}_1_201_a.heic`, 'dcim/101APPLE/IMG_E1853.HEIC');
  put(`resources/renders/E/${live}_2_100_a.mov`, 'dcim/100APPLE/IMG_3539.MOV');
  put(`resources/renders/E/${live}.plist`, 'dcim/100APPLE/IMG_3582.AAE');
  put(`resources/renders/E/${live}_p.jpeg`, 'dcim/100APPLE/IMG_0728.JPG');
  put(`resources/derivatives/E/${live}_1_105_c.jpeg`, 'dcim/100APPLE/IMG_0728.JPG');
  put(`resources/derivatives/masters/E/${live}_4_5005_c.jpeg`, 'dcim/100APPLE/IMG_0728.JPG');
  put(`resources/derivatives/E/${live}.THM`, 'dcim/100APPLE/IMG_0728.JPG');

  await using source = await openPhotosLibrarySource(library.path);
  expect([source.kind, source.name, source.photosList?.filesBelow]).toEqual([
    'photosLibrary',
    'Photos Library',
    'originals',
  ]);
  const edits = [`${live}-edited.AAE`, `${live}-edited.heic`, `${live}-edited.mov`].map(
    (name) => `originals/E/${name}`,
  );
  const shown = library.files.map(({ path }) => path.replace(/_[345](?=\.)/, ''));
  expect(await pathsOf(source)).toEqual([...shown, ...edits].toSorted());
  expect(shown.filter((path) => path.includes(live))).toEqual(
    ['.heic', '.mov', '.aae'].map((ending) => `originals/E/${live}${ending}`),
  );
  for (const [index, { media: from }] of library.files.entries())
    expect((await readAll(source, shown[index] ?? '', 0, 100_000)).equals(readFileSync(join(media, from)))).toBe(true);
  expect((await readAll(source, edits[1] ?? '')).length).toBe(
    readFileSync(join(media, 'dcim/101APPLE/IMG_E1853.HEIC')).length,
  );
  const keys = new Set(
    [...shown, ...edits].filter((path) => path.includes(live)).map((path) => candidateKey(basename(path))),
  );
  expect(keys, 'all of one photo').toEqual(new Set([live.toLowerCase()]));

  const thumbnails: SourcePath[] = [];
  for await (const paths of listOf(source).thumbnails(never)) thumbnails.push(...paths);
  expect(thumbnails).toEqual([`originals/E/${live}`]);
});

test('Only a package with the database and the folder of originals is a library, and neither may be a link', async () => {
  using library = emptyLibrary();
  expect(await isPhotosLibrary(library.path)).toBe(true);
  symlinkSync(library.path, join(library.path, '../a link'));
  expect(await isPhotosLibrary(join(library.path, '../a link')), 'the owner may have a link to it').toBe(true);

  const changes: readonly (readonly [string, (path: string) => void])[] = [
    ['it is called otherwise', (path) => renameSync(path, path.replace('.photoslibrary', ''))],
    ['no database', (path) => rmSync(join(path, 'database/Photos.sqlite'))],
    [
      'the database is a link',
      (path) => {
        renameSync(join(path, 'database/Photos.sqlite'), join(path, 'database/elsewhere'));
        symlinkSync('elsewhere', join(path, 'database/Photos.sqlite'));
      },
    ],
    [
      'the folder of the database is a link',
      (path) => {
        renameSync(join(path, 'database'), join(path, 'elsewhere'));
        symlinkSync('elsewhere', join(path, 'database'));
      },
    ],
    [
      'the originals are a link',
      (path) => {
        renameSync(join(path, 'originals'), join(path, 'elsewhere'));
        symlinkSync('elsewhere', join(path, 'originals'));
      },
    ],
    [
      'the originals are a file',
      (path) => {
        rmSync(join(path, 'originals'), { recursive: true });
        writeFileSync(join(path, 'originals'), '');
      },
    ],
    ['nothing there', (path) => rmSync(path, { recursive: true })],
  ];
  for (const [what, change] of changes) {
    using changed = emptyLibrary();
    change(changed.path);
    for (const path of [changed.path, changed.path.replace('.photoslibrary', '')]) {
      expect(await isPhotosLibrary(path), what).toBe(false);
      await expect(openPhotosLibrarySource(path), what).rejects.toMatchObject({ code: 'SOURCE_MISSING' });
    }
  }
});

test('Nothing else in the package is ever shown, whatever it is called', async () => {
  using library = emptyLibrary();
  for (const path of [
    `resources/derivatives/3/${uuid}_1_105_c.jpeg`,
    `resources/derivatives/3/${uuid}_1_102_a.jpeg`,
    `resources/derivatives/3/${uuid}.THM`,
    `resources/derivatives/masters/3/${uuid}_4_5005_c.jpeg`,
    `resources/cloudsharing/data/1/${uuid}.JPG`,
    `resources/renders/3/${uuid}_p.jpeg`,
    `resources/renders/3/${uuid}_1_105_c.jpeg`,
    `resources/renders/3/${uuid}_1_102_a.jpeg`,
    `resources/renders/3/${uuid}.jpeg`,
    'resources/renders/IMG_0001.JPG',
    `scopes/cloudsharing/data/1/${uuid}.JPG`,
    `scopes/syndication/originals/3/${uuid}.jpeg`,
    'private/IMG_0001.JPG',
    'external/IMG_0001.JPG',
    'Masters/IMG_0001.JPG',
    'IMG_0001.JPG',
  ])
    library.put(path);
  await using source = await openPhotosLibrarySource(library.path);
  expect(await pathsOf(source)).toEqual([]);
});

test('An edit is shown beside its original, and just so where the original is in iCloud only', async () => {
  using library = emptyLibrary();
  library.put(`originals/3/${uuid}.mov`);
  library.put(`resources/renders/3/${uuid}_2_0_a.mov`);
  library.put(`resources/renders/3/${other}_1_201_a.jpeg`);
  library.put(`resources/renders/3/${other}_2_100_a.mov`);
  library.put(`resources/renders/3/${other}.plist`);
  await using source = await openPhotosLibrarySource(library.path);
  expect(await pathsOf(source)).toEqual([
    `originals/3/${uuid}-edited.mov`,
    `originals/3/${uuid}.mov`,
    `originals/3/${other}-edited.jpeg`,
    `originals/3/${other}-edited.mov`,
    `originals/3/${other}.AAE`,
  ]);
  expect((await readAll(source, `originals/3/${other}-edited.jpeg`)).toString()).toBe(
    `resources/renders/3/${other}_1_201_a.jpeg`,
  );
});

test('A folder of originals is told of as a whole before the next, and edits when all of them are', async () => {
  using library = emptyLibrary();
  for (const digit of ['1', '2', '3'])
    for (let index = 0; index < 300; index += 1) {
      const id = `${digit}000${String(index).padStart(4, '0')}-0000-0000-0000-000000000000`;
      library.put(`originals/${digit}/${id}.heic`);
      library.put(`originals/${digit}/${id}_3.mov`);
      if (index < 5) library.put(`resources/renders/${digit}/${id}_1_201_a.heic`);
    }
  await using source = await openPhotosLibrarySource(library.path);
  const folders: string[] = [];
  const shown: string[] = [];
  for await (const entries of source.list(never)) {
    expect(entries.length).toBeLessThanOrEqual(256);
    for (const { path } of entries) {
      shown.push(path);
      const place = path.includes('-edited.') ? 'edits' : dirname(path);
      if (folders.at(-1) !== place) folders.push(place);
    }
  }
  expect(new Set(shown).size).toBe(1815);
  expect(shown.filter((path) => /000000\.(heic|mov)$/.test(path))).toHaveLength(1800);
  expect([folders.length, folders.at(-1)]).toEqual([4, 'edits']);
});

test('A name that a real file has stays with that file, and the other keeps its own', async () => {
  using library = emptyLibrary();
  for (const path of [
    `originals/3/${uuid}.mov`,
    `originals/3/${uuid}_3.mov`,
    `originals/3/${uuid}_5.aae`,
    `originals/3/${uuid}-edited.jpeg`,
    `originals/4/${uuid}_3.mov`,
    `originals/4/${uuid}_4.mov`,
    `originals/4/${uuid}.AAE`,
    `originals/4/${uuid}-edited.aae`,
    `resources/renders/3/${uuid}_1_201_a.jpeg`,
    `resources/renders/3/${uuid}_2_0_a.mov`,
    `resources/renders/3/${uuid}_2_100_a.mov`,
    `resources/renders/3/${uuid}.plist`,
    `resources/renders/4/${uuid}.plist`,
  ])
    library.put(path);
  await using source = await openPhotosLibrarySource(library.path);
  const contents = new Map<string, string>();
  for (const path of await pathsOf(source)) {
    expect(contents.has(path), path).toBe(false);
    contents.set(path, (await readAll(source, path)).toString());
  }
  expect([...new Set(contents.values())], 'every file is shown once').toHaveLength(13);
  const own = [...contents].filter(([path, content]) => path === content).map(([path]) => path);
  for (const path of [
    `originals/3/${uuid}.mov`,
    `originals/3/${uuid}_3.mov`,
    `originals/3/${uuid}-edited.jpeg`,
    `originals/4/${uuid}.AAE`,
    `originals/4/${uuid}-edited.aae`,
    `resources/renders/3/${uuid}_1_201_a.jpeg`,
    `resources/renders/4/${uuid}.plist`,
  ])
    expect(own).toContain(path);
  expect(contents.get(`originals/3/${uuid}.aae`)).toBe(`originals/3/${uuid}_5.aae`);
  expect(contents.get(`originals/3/${uuid}-edited.AAE`)).toBe(`resources/renders/3/${uuid}.plist`);
});

test('Links are shown as what they are, and nothing outside the library is read', async () => {
  using library = emptyLibrary();
  const outside = join(library.path, '../outside');
  mkdirSync(join(outside, '3'), { recursive: true });
  for (const name of [`${uuid}.heic`, `${uuid}_1_201_a.jpeg`, `3/${uuid}_1_201_a.jpeg`, 'Photos.sqlite'])
    writeFileSync(join(outside, name), 'secret');
  library.link('originals/5', '../../outside');
  library.link(`originals/3/${uuid}.heic`, `../../../outside/${uuid}.heic`);
  library.link(`originals/3/${uuid}_3.mov`, `../../../outside/${uuid}.heic`);
  library.link('resources/renders/5', '../../../outside');
  library.link(`resources/renders/3/${uuid}_1_201_a.jpeg`, `../../../../outside/${uuid}_1_201_a.jpeg`);
  await using source = await openPhotosLibrarySource(library.path);
  const shown = await listAll(source);
  expect(shown.map(({ kind, path }) => `${kind} ${path}`)).toEqual(
    [
      `originals/3/${uuid}.heic`,
      `originals/3/${uuid}_3.mov`,
      'originals/5',
      `resources/renders/3/${uuid}_1_201_a.jpeg`,
    ].map((path) => `notAFile ${path}`),
  );
  for (const { path } of shown)
    await expect(source.open(path, 0, never), path).rejects.toMatchObject({
      code: expect.stringMatching(/^SOURCE_(ENTRY_VANISHED|READ_FAILED)$/),
    });

  for (const folder of ['resources/renders', 'resources']) {
    rmSync(join(library.path, folder), { recursive: true });
    mkdirSync(join(outside, 'renders/3'), { recursive: true });
    writeFileSync(join(outside, `renders/3/${uuid}_1_201_a.jpeg`), 'secret');
    library.link(folder, join(outside, folder === 'resources' ? '' : 'renders'));
    expect((await pathsOf(source)).slice(3), folder).toEqual(['notAFile resources/renders']);
    const inIt = `resources/renders/3/${uuid}_1_201_a.jpeg` as SourcePath;
    await expect(source.open(inIt, 0, never)).rejects.toMatchObject({ code: 'SOURCE_ENTRY_VANISHED' });
  }
});

test('Names with line breaks are put together like others', async () => {
  using library = emptyLibrary();
  for (const path of [`originals/a\nb/${uuid}_3.mov`, `originals/a\nb/c\n.jpg`, `resources/renders/a\nb/${uuid}.plist`])
    library.put(path);
  library.put(`originals/3/${uuid}\n_3.mov`);
  await using source = await openPhotosLibrarySource(library.path);
  expect(await pathsOf(source)).toEqual([
    `originals/3/${uuid}\n_3.mov`,
    `originals/a\nb/${uuid}.AAE`,
    `originals/a\nb/${uuid}.mov`,
    'originals/a\nb/c\n.jpg',
  ]);
  expect((await readAll(source, `originals/a\nb/${uuid}.AAE`)).toString()).toContain('.plist');
});

/** Root may look at everything: as somebody else, for as long as this takes. */
async function asOrdinaryUser<Value>(action: () => Promise<Value>): Promise<Value> {
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(nobody);
  try {
    return await action();
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
}

test('Edits that cannot be looked at are named, and the originals are listed all the same', async () => {
  for (const folder of ['resources/renders/3', 'resources/renders', 'resources']) {
    using library = emptyLibrary();
    library.put(`originals/3/${uuid}.heic`);
    library.put(`resources/renders/3/${uuid}_1_201_a.jpeg`);
    chmodSync(dirname(library.path), 0o755);
    chmodSync(join(library.path, folder), 0);
    const shown = await asOrdinaryUser(async () => {
      await using source = await openPhotosLibrarySource(library.path);
      return await pathsOf(source);
    });
    chmodSync(join(library.path, folder), 0o755);
    expect(shown).toEqual([
      `originals/3/${uuid}.heic`,
      `unreadable ${folder === 'resources' ? 'resources/renders' : folder}`,
    ]);
  }
});

test('A list that may not be read is said to be so, and the photos are saved', async () => {
  for (const path of ['database/Photos.sqlite', 'database/Photos.sqlite-wal', 'database']) {
    using library = emptyLibrary();
    library.put('database/Photos.sqlite-wal');
    library.put(`originals/3/${uuid}.heic`);
    chmodSync(dirname(library.path), 0o755);
    await using source = await openPhotosLibrarySource(library.path);
    chmodSync(join(library.path, path), 0);
    await asOrdinaryUser(async () => {
      await expect(listOf(source).stamp(never)).rejects.toMatchObject({ code: 'PHOTOS_LIST_UNREADABLE' });
      expect(await pathsOf(source)).toEqual([`originals/3/${uuid}.heic`]);
    });
    chmodSync(join(library.path, path), 0o755);
  }
});

test('A library that nobody may look into is not taken for an ordinary folder', async () => {
  using library = emptyLibrary();
  chmodSync(dirname(library.path), 0o755);
  chmodSync(library.path, 0);
  await asOrdinaryUser(async () => {
    await expect(isPhotosLibrary(library.path)).rejects.toMatchObject({ code: 'SOURCE_READ_FAILED' });
  });
  chmodSync(library.path, 0o755);
});

test('A library that goes while it is listed, or is read, is gone as a whole', async () => {
  using library = emptyLibrary();
  for (let index = 0; index < 600; index += 1) library.put(`originals/3/${index}.jpg`);
  await using source = await openPhotosLibrarySource(library.path);
  const listing = async () => {
    for await (const entries of source.list(never))
      if (entries.length > 0) rmSync(library.path, { recursive: true, force: true });
  };
  await expect(listing()).rejects.toMatchObject({ code: 'SOURCE_GONE' });
  await expect(source.open('originals/3/1.jpg' as SourcePath, 0, never)).rejects.toMatchObject({ code: 'SOURCE_GONE' });
});

test('The list is copied as it is, and the library is left as it was', async (context) => {
  const media = needMedia(context);
  using scratch = temporaryFolder();
  const library = makePhotosLibrary(scratch.path, media);
  await using source = await openPhotosLibrarySource(library.path);
  const list = listOf(source);
  const stamp = await list.stamp(never);
  const copy = join(scratch.path, 'copy') as AbsolutePath;
  mkdirSync(copy);
  await list.copyInto(copy, never);
  for (const folder of [copy, join(library.path, 'database')]) {
    expect(readdirSync(folder).sort()).toEqual(['Photos.sqlite', 'Photos.sqlite-wal']);
    for (const name of readdirSync(folder))
      expect(readFileSync(join(folder, name)).equals(readFileSync(join(media, 'macos_photos', name)))).toBe(true);
  }
  expect(await list.stamp(never)).toBe(stamp);
  expect(stamp).toMatch(/^[0-9a-f]{64}$/);
  appendFileSync(join(library.path, 'database/Photos.sqlite-wal'), 'more');
  const later = await list.stamp(never);
  expect(later).not.toBe(stamp);
  rmSync(join(library.path, 'database/Photos.sqlite-wal'));
  expect(await list.stamp(never)).not.toBe(later);
  const space = await list.space(never);
  expect(space?.totalBytes).toBeGreaterThan(space?.freeBytes ?? Number.NaN);
});

test('A list that is no file, or lies behind a link, is refused', async () => {
  const changes: readonly ((path: string) => void)[] = [
    (path) => {
      renameSync(join(path, 'database/Photos.sqlite'), join(path, 'database/elsewhere'));
      symlinkSync('elsewhere', join(path, 'database/Photos.sqlite'));
    },
    (path) => {
      rmSync(join(path, 'database/Photos.sqlite'));
      mkdirSync(join(path, 'database/Photos.sqlite'));
    },
    (path) => symlinkSync('Photos.sqlite', join(path, 'database/Photos.sqlite-wal')),
    (path) => execFileSync('mkfifo', [join(path, 'database/Photos.sqlite-wal')]),
    (path) => {
      renameSync(join(path, 'database'), join(path, 'elsewhere'));
      symlinkSync('elsewhere', join(path, 'database'));
    },
  ];
  for (const change of changes) {
    using library = emptyLibrary();
    library.put(`originals/3/${uuid}.heic`);
    await using source = await openPhotosLibrarySource(library.path);
    change(library.path);
    const copy = join(library.path, '../copy') as AbsolutePath;
    mkdirSync(copy);
    const unreadable = { code: 'PHOTOS_LIST_UNREADABLE' };
    await expect(listOf(source).stamp(never), String(change)).rejects.toMatchObject(unreadable);
    await expect(listOf(source).copyInto(copy, never), String(change)).rejects.toMatchObject(unreadable);
    expect(readdirSync(copy)).toEqual([]);
    expect(await pathsOf(source), 'the photos are there all the same').toEqual([`originals/3/${uuid}.heic`]);
  }
});

test('A list that is missing from now on is missing, and the photos are not', async () => {
  for (const folder of ['database/Photos.sqlite', 'database']) {
    using library = emptyLibrary();
    library.put(`originals/3/${uuid}.heic`);
    await using source = await openPhotosLibrarySource(library.path);
    expect(await listOf(source).stamp(never)).toBeDefined();
    rmSync(join(library.path, folder), { recursive: true });
    expect(await listOf(source).stamp(never)).toBeUndefined();
    const copy = join(library.path, '../copy') as AbsolutePath;
    mkdirSync(copy);
    await expect(listOf(source).copyInto(copy, never)).rejects.toMatchObject({ code: 'PHOTOS_LIST_UNREADABLE' });
    expect(await pathsOf(source)).toEqual([`originals/3/${uuid}.heic`]);
  }
});

test('Thumbnails tell where originals are or were', async () => {
  using library = emptyLibrary();
  const thumbnails = async (source: Source, signal = never) => {
    const all: string[] = [];
    for await (const paths of listOf(source).thumbnails(signal)) all.push(...paths);
    return all.sort();
  };
  await using source = await openPhotosLibrarySource(library.path);
  expect(await thumbnails(source)).toEqual([]);
  for (const name of [`3/${uuid}_4_5005_c.jpeg`, `3/${other}_4_5005_c.heic`, `3/${uuid}_1_105_c.jpeg`, '3/IMG_1.jpeg'])
    library.put(`resources/derivatives/masters/${name}`);
  library.put(`resources/derivatives/3/${uuid}_4_5005_c.jpeg`);
  library.put(`resources/cloudsharing/resources/derivatives/masters/4/${uuid}_4_5005_c.jpeg`);
  expect(await thumbnails(source)).toEqual([`originals/3/${uuid}`, `originals/3/${other}`]);
  await expect(thumbnails(source, AbortSignal.abort(new Error('stop')))).rejects.toThrow('stop');
  renameSync(join(library.path, 'resources/derivatives'), join(library.path, 'elsewhere'));
  library.link('resources/derivatives', '../elsewhere');
  expect(await thumbnails(source)).toEqual([]);
});
