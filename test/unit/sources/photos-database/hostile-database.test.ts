// A database is what a stranger's device sends. Whatever is in it, the reading ends, says so in one way, and harms nobody.

import { Buffer } from 'node:buffer';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { parseAsset } from '../../../../src/sources/photos-database/claims.ts';
import { ios26, type MadeLibrary, makeLibrary, uuidOf } from './made-library.ts';
import { copySample, makePrivateFolder, readAll } from './private-copy.ts';

const unreadable = expect.objectContaining({ code: 'PHOTOS_LIST_UNREADABLE', retry: 'later' });

async function readSpoiled(library: MadeLibrary, spoil: (database: DatabaseSync) => void) {
  using copy = makePrivateFolder();
  makeLibrary(copy.path, library, { spoil });
  return await readAll(copy.path);
}

test('A column of a wrong type is a claim that is not made', async () => {
  const wrong = [null, 'text', Buffer.from('blob'), 0.5, 1e300, -1, 2n ** 62n];
  const assetColumns = ios26.assetColumns.filter((column) => column !== 'ZUUID');
  const attributes = ['ZORIGINALFILENAME', 'ZORIGINALFILESIZE', 'ZTIMEZONEOFFSET', 'ZTITLE', 'ZASSETDESCRIPTION'];
  const resources = ['ZRESOURCETYPE', 'ZLOCALAVAILABILITY', 'ZREMOTEAVAILABILITY', 'ZDATALENGTH'];
  const albums = ['ZTITLE', 'ZPARENTFOLDER'];
  const all = <Value>(columns: readonly string[], value: Value) =>
    Object.fromEntries(columns.map((column) => [column, value]));
  const { assets } = await (async () => {
    using copy = makePrivateFolder();
    makeLibrary(copy.path, {
      assets: wrong.map((value) => all(assetColumns, value)),
      attributes: wrong.map((value, index) => ({ ...all(attributes, value), ZASSET: index + 1 })),
      resources: wrong.map((value, index) => ({ ...all(resources, value), ZASSET: index + 1, ZDATASTORESUBTYPE: 1 })),
      albums: wrong.map((value, index) => ({ ...all(albums, value), Z_PK: index + 1, ZKIND: 2 })),
      albumEntries: wrong.map((_, index) => [index + 1, index + 1]),
    });
    return await readAll(copy.path);
  })();
  expect(assets.map(({ uuid }) => uuid)).toEqual(wrong.map((_, index) => uuidOf(index + 1)));
  for (const asset of assets) expect(parseAsset(asset)).toEqual(asset);
  const { uuid: _, ...rest } = assets[2] ?? assert('no third asset');
  expect(rest).toEqual({
    ...{ kind: 'unknown', origin: 'own', original: 'unknown', albums: [] },
    ...{ isHidden: false, isFavorite: false, isShown: true, isEdited: false },
  });
});

test('Rows that belong to no asset, to several, or to one that has no identifier are passed over', async () => {
  const { assets } = await readSpoiled(
    {
      assets: [{ ZUUID: 7 }, { ZUUID: '../../etc' }, { ZUUID: 'x'.repeat(65) }, {}],
      attributes: [null, 'x', 1.5, -1, 4, 4, 99, Buffer.from('x')].map((ZASSET, index) => ({
        ...{ ZASSET, ZORIGINALFILENAME: `${index}.HEIC` },
      })),
      resources: [null, 'x', 4, 1e300].map((ZASSET) => ({ ZASSET, ZDATASTORESUBTYPE: 1, ZLOCALAVAILABILITY: 1 })),
    },
    () => {},
  );
  expect(assets).toMatchObject([{ uuid: uuidOf(4), originalName: '4.HEIC', original: 'here' }]);
});

test('SQL in a title is a title', async () => {
  const title = `'); DROP TABLE ZASSET; -- "`;
  const { assets } = await readSpoiled(
    {
      assets: [{}],
      attributes: [{ ZASSET: 1, ZTITLE: title }],
      albums: [{ Z_PK: 1, ZKIND: 2, ZTITLE: title }],
      albumEntries: [[1, 1]],
    },
    () => {},
  );
  expect(assets).toMatchObject([{ caption: title, albums: [title] }]);
});

test('Folders that contain each other, or lie without end, end', async () => {
  const depth = 1000;
  const { assets } = await readSpoiled(
    {
      assets: [{}],
      albums: [
        { Z_PK: 1, ZKIND: 2, ZTITLE: 'A', ZPARENTFOLDER: 2 },
        { Z_PK: 2, ZKIND: 4000, ZTITLE: 'F', ZPARENTFOLDER: 3 },
        { Z_PK: 3, ZKIND: 4000, ZTITLE: 'G', ZPARENTFOLDER: 2 },
        { Z_PK: 4, ZKIND: 2, ZTITLE: 'Own parent', ZPARENTFOLDER: 4 },
        { Z_PK: 5, ZKIND: 2, ZTITLE: 'Deep', ZPARENTFOLDER: 100 },
        { Z_PK: 6, ZKIND: 2, ZTITLE: 'Long', ZPARENTFOLDER: 7 },
        { Z_PK: 7, ZKIND: 4000, ZTITLE: 'l'.repeat(999), ZPARENTFOLDER: 7 },
        ...Array.from({ length: depth }, (_, index) => ({
          ...{ Z_PK: 100 + index, ZKIND: 4000, ZTITLE: `${index}`, ZPARENTFOLDER: 101 + index },
        })),
      ],
      albumEntries: [1, 4, 5, 6].map((album) => [album, 1]),
    },
    () => {},
  );
  const [mutual = '', own, deep = '', long] = assets[0]?.albums ?? [];
  expect([mutual.endsWith('G/F/A'), own, deep.endsWith('/1/0/Deep'), long]).toEqual([true, 'Own parent', true, 'Long']);
  expect(Math.max(mutual.split('/').length, deep.split('/').length)).toBeLessThanOrEqual(17);
});

test('Of very many albums some are told', async () => {
  const albumCount = 300;
  const { assets } = await readSpoiled(
    {
      assets: [{}, {}],
      albums: Array.from({ length: albumCount }, (_, index) => ({ Z_PK: index + 1, ZKIND: 2, ZTITLE: `${index}` })),
      albumEntries: [...Array.from({ length: albumCount }, (_, index) => [index + 1, 1] as const), [1, 2]],
    },
    () => {},
  );
  expect(assets.map(({ albums }) => albums.length)).toEqual([50, 1]);
});

// Without these, a text of many megabytes could fill the memory of the agent or of the child.
function withLargeTexts(lengthBytes: number): MadeLibrary {
  const large = 'x'.repeat(lengthBytes);
  return {
    assets: [
      { ZFILENAME: large, ZDIRECTORY: 'DCIM/100APPLE', ZAVALANCHEUUID: large },
      { ZMEDIAGROUPUUID: Buffer.from(large), ZKIND: 1 },
    ],
    attributes: [{ ZASSET: 1, ZTITLE: large, ZORIGINALFILENAME: large, ZASSETDESCRIPTION: 1 }],
    descriptions: [{ Z_PK: 1, ZLONGDESCRIPTION: large }],
    albums: [{ Z_PK: 1, ZKIND: 2, ZTITLE: large }],
    albumEntries: [[1, 1]],
  };
}

test('Texts and blobs that are too long are not told', async () => {
  for (const lengthBytes of [40_000, 1_000_000, 24_000_000]) {
    const { assets } = await readSpoiled(withLargeTexts(lengthBytes), () => {});
    const [first, second] = assets;
    expect([Object.keys(first ?? {}).sort(), first?.folder, first?.albums, second?.kind]).toEqual([
      [
        'albums',
        'folder',
        'isEdited',
        'isFavorite',
        'isHidden',
        'isShown',
        'kind',
        'original',
        'origin',
        'uuid',
      ].sort(),
      ...['DCIM/100APPLE', [], 'video'],
    ]);
  }
});

const endless = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS Z_PK, i AS ZUUID FROM n';

// Without these, a query of ours would run code of theirs.
test('Anything else in place of a table is refused, also if it is declared to be one', async () => {
  const spoils: readonly ((database: DatabaseSync) => void)[] = [
    (database) => database.exec(`DROP TABLE ZASSET; CREATE VIEW ZASSET AS ${endless}`),
    (database) =>
      database.exec(`DROP TABLE ZADDITIONALASSETATTRIBUTES; CREATE VIEW ZADDITIONALASSETATTRIBUTES AS ${endless}`),
    (database) => database.exec(`DROP TABLE ZGENERICALBUM; CREATE VIEW ZGENERICALBUM AS ${endless}`),
    (database) => database.exec(`DROP TABLE Z_PRIMARYKEY; CREATE VIEW Z_PRIMARYKEY AS ${endless}`),
    (database) => database.exec(`DROP TABLE Z_33ASSETS; CREATE VIEW Z_33ASSETS AS ${endless}`),
    (database) => database.exec('DROP TABLE ZASSET; CREATE VIRTUAL TABLE ZASSET USING fts5(Z_PK, ZUUID)'),
    (database) => {
      database.exec('PRAGMA writable_schema = ON');
      database
        .prepare("UPDATE sqlite_schema SET sql = ? WHERE name = 'ZASSET'")
        .run(`CREATE VIEW ZASSET AS ${endless}`);
    },
    (database) => database.exec('ALTER TABLE ZASSET ADD COLUMN ZHEIGHT AS (zeroblob(900000000))'),
    (database) => database.exec('ALTER TABLE ZASSET DROP COLUMN ZUUID'),
    (database) => database.exec('ALTER TABLE ZASSET RENAME TO ZPHOTOS'),
  ];
  for (const spoil of spoils) await expect(readSpoiled({ assets: [{}] }, spoil)).rejects.toEqual(unreadable);
});

test('Triggers, checks, indexes and statistics of their making do nothing', async () => {
  const { assets } = await readSpoiled({ assets: [{ ZKIND: 0 }], albums: [{ Z_PK: 1, ZKIND: 2 }] }, (database) => {
    database.exec(`CREATE TRIGGER deleting AFTER INSERT ON ZASSET BEGIN DELETE FROM ZASSET; END;
      CREATE TABLE other (x CHECK (length(printf('%.*c', 900000000, 'x')) > 0));
      CREATE VIEW broken AS SELECT * FROM nowhere;
      CREATE VIRTUAL TABLE words USING fts5(word);
      CREATE INDEX computed ON ZASSET (upper(ZUUID)) WHERE ZKIND IS NOT NULL;
      ANALYZE;
      PRAGMA writable_schema = ON;
      UPDATE sqlite_schema SET sql = replace(sql, 'ZFILENAME', 'ZFILENAME CHECK (randomblob(900000000) > 0)')
        WHERE name = 'ZASSET'`);
  });
  expect(assets).toMatchObject([{ uuid: uuidOf(1), kind: 'photo' }]);
});

test('A table without rowid, or with keys that repeat, is read once', async () => {
  const { assets } = await readSpoiled({}, (database) => {
    database.exec(`DROP TABLE ZASSET; CREATE TABLE ZASSET (Z_PK, ZUUID);
      INSERT INTO ZASSET VALUES (2, 'C'), (1, 'A'), (1, 'B'), ('x', 'D'), (NULL, 'E'), (x'00', 'F'), (1.5, 'G')`);
  });
  expect(assets.map(({ uuid }) => uuid)).toEqual(['A', 'G', 'C']);
});

test('What is no database, or none with photos, is refused', async () => {
  const makes: readonly ((path: string) => void)[] = [
    () => {},
    (path) => rmSync(dirname(path), { recursive: true }),
    (path) => writeFileSync(path, ''),
    (path) => writeFileSync(path, 'SQLite format 2\0'),
    (path) => writeFileSync(path, 'SQLite format 3\0'),
    (path) => writeFileSync(path, `SQLite format 3\0${'\0'.repeat(5000)}`),
    (path) => writeFileSync(path, '<html>not found</html>'.repeat(1000)),
    (path) => mkdirSync(path),
    (path) => makeLibrary(path, {}, { spoil: (database) => database.exec('DROP TABLE ZASSET') }),
  ];
  for (const make of makes) {
    using copy = makePrivateFolder();
    make(copy.path);
    await expect(readAll(copy.path)).rejects.toEqual(unreadable);
  }
});

test('A library without photos has none', async () => {
  using copy = makePrivateFolder();
  makeLibrary(copy.path, {});
  expect(await readAll(copy.path)).toEqual({ facts: {}, assets: [] });
});

test('A log of no bytes is as none; a log alone is no database', async (context) => {
  using copy = copySample(context, 'Photos.sqlite');
  const log = readFileSync(copy.logPath);
  writeFileSync(copy.logPath, '');
  expect((await readAll(copy.path)).assets).toHaveLength(18);
  rmSync(copy.path);
  writeFileSync(copy.logPath, log);
  await expect(readAll(copy.path)).rejects.toEqual(unreadable);
  expect(existsSync(copy.path)).toBe(false); // none was made
});

test('The log of another library, and a library cut off, are refused', async (context) => {
  using copy = copySample(context, 'Photos.sqlite');
  using other = copySample(context, 'macos-15.4.1.tar.xz');
  copyFileSync(other.logPath, copy.logPath);
  await expect(readAll(copy.path)).rejects.toEqual(unreadable);
  rmSync(other.logPath);
  truncateSync(other.path, statSync(other.path).size / 2);
  await expect(readAll(other.path)).rejects.toEqual(unreadable);
});

function assert(claim: string): never {
  throw new Error(claim);
}
