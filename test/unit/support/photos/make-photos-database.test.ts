// Everything that reads a Photos database is tested with made ones. If they were shaped otherwise than real ones, or did not say what a
// test asked for, those tests would prove nothing: so here plain SQL reads them back, and real libraries are laid beside them.

import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import Database from 'better-sqlite3';
import { parseBinary } from 'plist';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../../support/keepsake.ts';
import {
  type DescribedAsset,
  makePhotosDatabase,
  type PhotosDatabaseFiles,
  writePhotosDatabase,
} from '../../../support/photos/make-photos-database.ts';
import type { Generation } from '../../../support/photos/photos-schema.ts';
import { findTestMedia, needPrograms } from '../../../support/requirements.ts';

const generations: readonly Generation[] = ['ios13', 'ios15', 'ios18'];
const liveId = '602FEBB7-4A3F-4B7E-9C0A-0F5B1B6D1F55';
const takenAtMs = Date.parse('2024-07-14T10:11:12.345Z');
const trashedAtMs = Date.parse('2024-08-01T00:00:00Z');

/** One of each kind; the order matters, because with a log only the second half is new in it. */
const assets: readonly DescribedAsset[] = [
  { folder: 'DCIM/100APPLE', name: 'IMG_0001.HEIC', live: liveId, sizeBytes: 123, pairedVideoBytes: 45, takenAtMs },
  { folder: 'DCIM/100APPLE', name: 'IMG_0002.MOV', sizeBytes: 5_000_000_000, offsetSeconds: -18_000, favorite: true },
  { folder: 'DCIM/100APPLE', name: 'IMG_0003.JPG', trashedAtMs, hidden: true, offsetSeconds: null, edited: true },
  {
    folder: 'PhotoData/CPLAssets/group1',
    name: 'A.HEIC',
    originalName: 'IMG_9.HEIC',
    original: 'iCloudOnly',
    live: true,
  },
  { folder: 'DCIM/100APPLE', name: 'IMG_0005.JPG', burstId: 'B', pickType: 20, albums: ['Family/Summer', 'Family'] },
  { folder: 'DCIM/100APPLE', name: 'IMG_0006.JPG', burstId: 'B', pickType: 2, shown: false, albums: [['2019-10/11']] },
  { folder: 'Shared/100CLOUD', name: 'IMG_0001.JPG', savedAssetType: 4, albums: ['With friends'] },
  { folder: 'Syndication', name: 'a.jpg', savedAssetType: 12, caption: 'A caption', takenAtMs: null },
  { folder: 'DCIM/101APPLE', name: 'IMG_0009.MOV', original: 'iCloudOnly', cloud: true, trashedAtMs, edited: true },
  { folder: 'DCIM/101APPLE', name: 'IMG_0010.HEIC', live: true, pairedVideo: 'iCloudOnly', inSharedLibrary: true },
];

describe.each(generations)('the database of %s', (generation) => {
  test.each([false, true])('says of each asset what was asked for (with a log: %s)', (wal) => {
    const files = makePhotosDatabase({ generation, assets, wal });
    expect(files.wal === undefined).toBe(!wal);
    for (const withShm of [false, true]) {
      using opened = open(files, { withShm });
      expect(opened.database.pragma('quick_check', { simple: true })).toBe('ok');
      expect(readAssets(opened.database)).toEqual(expectedRows);
    }
  });

  test('has the rest in its log only', () => {
    const { main } = makePhotosDatabase({ generation, assets, wal: true });
    using opened = open({ main });
    expect(readAssets(opened.database)).toEqual(
      expectedRows.slice(0, 5).map((row) => ({ ...row, trashed: 0, hidden: 0, favorite: 0 })),
    );
  });

  test('tells its version', () => {
    using opened = open(makePhotosDatabase({ generation, assets: [] }));
    const plist = opened.database.prepare('SELECT Z_PLIST FROM Z_METADATA').pluck().get() as Buffer;
    const modelVersion = { ios13: 13703, ios15: 15323, ios18: 18508 }[generation];
    expect(parseBinary(plist)).toMatchObject({ PLModelVersion: modelVersion });
    const { assetTable, joinTable } = namesIn(opened.database);
    const names = {
      ios13: ['ZGENERICASSET', 'Z_26ASSETS'],
      ios15: ['ZASSET', 'Z_27ASSETS'],
      ios18: ['ZASSET', 'Z_30ASSETS'],
    };
    expect([assetTable, joinTable]).toEqual(names[generation]);
  });

  test('has the albums with their folders, the captions, and the flags of its time', () => {
    using opened = open(makePhotosDatabase({ generation, assets }));
    const { database } = opened;
    expect(readAlbums(database)).toEqual([
      { name: 'IMG_0001.JPG', title: 'With friends', kind: 1505, folder: null, cachedCount: 1 },
      { name: 'IMG_0005.JPG', title: 'Family', kind: 2, folder: null, cachedCount: 1 },
      { name: 'IMG_0005.JPG', title: 'Summer', kind: 2, folder: 'Family', cachedCount: 1 },
      { name: 'IMG_0006.JPG', title: '2019-10/11', kind: 2, folder: null, cachedCount: 1 },
    ]);
    const { assetTable } = namesIn(database);
    const captions = database
      .prepare(
        `SELECT a.ZFILENAME AS name, d.ZLONGDESCRIPTION AS caption FROM ZASSETDESCRIPTION d
         JOIN ZADDITIONALASSETATTRIBUTES x ON x.Z_PK = d.ZASSETATTRIBUTES JOIN ${assetTable} a ON a.Z_PK = x.ZASSET`,
      )
      .all();
    expect(captions).toEqual([{ name: 'a.jpg', caption: 'A caption' }]);
    const flag = generation === 'ios18' ? 'ZADJUSTMENTSSTATE' : 'ZHASADJUSTMENTS';
    const edited = database.prepare(`SELECT ZFILENAME FROM ${assetTable} WHERE ${flag} > 0 ORDER BY 1`).pluck().all();
    expect(edited).toEqual(['IMG_0003.JPG', 'IMG_0009.MOV']);
    const hasScope = columnsOf(database, assetTable).has('ZACTIVELIBRARYSCOPEPARTICIPATIONSTATE');
    expect(hasScope).toBe(generation === 'ios18');
  });

  test('says where the moving half of a Live Photo is', () => {
    using opened = open(makePhotosDatabase({ generation, assets }));
    const rows = opened.database
      .prepare(
        `SELECT a.ZFILENAME AS name, r.ZLOCALAVAILABILITY AS here, r.ZDATALENGTH AS bytes FROM ZINTERNALRESOURCE r
         JOIN ${namesIn(opened.database).assetTable} a ON a.Z_PK = r.ZASSET WHERE r.ZDATASTORESUBTYPE = 18 ORDER BY 1`,
      )
      .all();
    expect(rows).toEqual([
      { name: 'A.HEIC', here: -1, bytes: 0 },
      { name: 'IMG_0001.HEIC', here: 1, bytes: 45 },
      { name: 'IMG_0010.HEIC', here: -1, bytes: 0 },
    ]);
  });

  test('has no column that a real library of that time lacks, and of the same type', (context) => {
    using real = openRealLibrary(generation, context);
    using made = open(makePhotosDatabase({ generation, assets }));
    const names = namesIn(made.database);
    const realNames = namesIn(real.database);
    for (const [table, realTable] of [
      [names.assetTable, realNames.assetTable],
      ...['ZADDITIONALASSETATTRIBUTES', 'ZINTERNALRESOURCE', 'ZGENERICALBUM', 'ZASSETDESCRIPTION'].map((name) => [
        name,
        name,
      ]),
      ...['Z_METADATA', 'Z_PRIMARYKEY'].map((name) => [name, name]),
    ] as [string, string][]) {
      const realColumns = columnsOf(real.database, realTable);
      for (const [column, type] of columnsOf(made.database, table)) {
        expect(`${table}.${column} ${realColumns.get(column)}`).toBe(`${table}.${column} ${type}`);
      }
    }
    expect(names.joinTable).toBe(realNames.joinTable);
  });
});

test('what damaged databases say can be asked for, and only in columns that there are', () => {
  const damaged: DescribedAsset = {
    ...{ folder: null, name: null, takenAtMs: null },
    cells: { asset: { ZKIND: 77, ZTRASHEDDATE: 'never' }, attributes: { ZTIMEZONEOFFSET: 1e9 } },
  };
  using opened = open(makePhotosDatabase({ generation: 'ios15', assets: [damaged], wal: true }));
  const row = opened.database.prepare('SELECT ZKIND, ZTRASHEDDATE, ZFILENAME FROM ZASSET').get();
  expect(row).toEqual({ ZKIND: 77, ZTRASHEDDATE: 'never', ZFILENAME: null });
  const misspelt: DescribedAsset = { ...damaged, cells: { asset: { ZKNID: 1 } } };
  expect(() => makePhotosDatabase({ generation: 'ios15', assets: [misspelt] })).toThrow('ZASSET has no column ZKNID');
});

test('the same description makes the same database, with another log beside it', () => {
  const make = () => makePhotosDatabase({ generation: 'ios15', assets });
  expect(make().main.equals(make().main)).toBe(true);
});

test('what is done afterwards is in the files', () => {
  const afterwards = (database: Database.Database) => database.exec('DROP TABLE ZINTERNALRESOURCE');
  for (const wal of [false, true]) {
    using opened = open(makePhotosDatabase({ generation: 'ios15', assets, wal, afterwards }));
    expect(columnsOf(opened.database, 'ZINTERNALRESOURCE').size).toBe(0);
  }
});

const nothing = { trashed: 0, hidden: 0, favorite: 0, burst: null, visibility: 0, liveId: null, kind: 0, subtype: 0 };
const here = { original_local: 1, original_remote: 0 };
const away = { original_local: -1, original_remote: 1 };
const minute = (index: number) => Date.parse('2023-01-01T12:00:00Z') / 1000 + index * 60;

function row(asset: DescribedAsset, index: number, facts: object) {
  return {
    ...{ folder: asset.folder, name: asset.name, originalName: asset.originalName ?? asset.name, bytes: 0 },
    ...{ unix_utc: minute(index), offset: 7200 },
    ...nothing,
    ...here,
    ...facts,
  };
}

const expectedFacts: readonly object[] = [
  { bytes: 123, unix_utc: takenAtMs / 1000, liveId, subtype: 2 },
  { bytes: 5_000_000_000, offset: -18_000, favorite: 1, kind: 1 },
  { trashed: 1, hidden: 1, offset: null },
  { ...away, liveId: expect.stringMatching(/^[0-9A-F-]{36}$/), subtype: 2 },
  { burst: 'B' },
  { burst: 'B', visibility: 2 },
  { original_local: null, original_remote: null, offset: null },
  { unix_utc: null },
  { ...away, kind: 1, trashed: 1 },
  { liveId: expect.stringMatching(/^[0-9A-F-]{36}$/), subtype: 2 },
];
const expectedRows = assets.map((asset, index) => row(asset, index, expectedFacts[index] ?? {}));

/** The query of the fact sheet, with the names that this database has. */
function readAssets(database: Database.Database): unknown[] {
  const rows = database
    .prepare(
      `SELECT a.ZDIRECTORY AS folder, a.ZFILENAME AS name, x.ZORIGINALFILENAME AS originalName, x.ZORIGINALFILESIZE AS bytes,
              a.ZDATECREATED + 978307200 AS unix_utc, x.ZTIMEZONEOFFSET AS offset, a.ZKIND AS kind, a.ZKINDSUBTYPE AS subtype,
              a.ZMEDIAGROUPUUID AS liveId, a.ZTRASHEDSTATE AS trashed, a.ZHIDDEN AS hidden, a.ZFAVORITE AS favorite,
              a.ZAVALANCHEUUID AS burst, a.ZVISIBILITYSTATE AS visibility,
              MAX(CASE WHEN r.ZDATASTORESUBTYPE = 1 THEN r.ZLOCALAVAILABILITY END) AS original_local,
              MAX(CASE WHEN r.ZDATASTORESUBTYPE = 1 THEN r.ZREMOTEAVAILABILITY END) AS original_remote
       FROM ${namesIn(database).assetTable} a
       LEFT JOIN ZADDITIONALASSETATTRIBUTES x ON x.ZASSET = a.Z_PK
       LEFT JOIN ZINTERNALRESOURCE r ON r.ZASSET = a.Z_PK
       GROUP BY a.Z_PK`,
    )
    .all() as { unix_utc: number | null }[];
  // A time near 2023 in seconds has some ten millionths of accuracy.
  return rows.map((one) => ({ ...one, unix_utc: one.unix_utc && Math.round(one.unix_utc * 1000) / 1000 }));
}

function readAlbums(database: Database.Database): unknown[] {
  const { assetTable, joinTable, albumColumn, assetColumn } = namesIn(database);
  return database
    .prepare(
      `SELECT a.ZFILENAME AS name, g.ZTITLE AS title, g.ZKIND AS kind, f.ZTITLE AS folder, g.ZCACHEDCOUNT AS cachedCount
       FROM ${joinTable} j JOIN ZGENERICALBUM g ON g.Z_PK = j.${albumColumn} JOIN ${assetTable} a ON a.Z_PK = j.${assetColumn}
       LEFT JOIN ZGENERICALBUM f ON f.Z_PK = g.ZPARENTFOLDER ORDER BY 1, 2`,
    )
    .all();
}

/** Found as the fact sheet says, by what is there. */
function namesIn(database: Database.Database) {
  const has = (table: string) => columnsOf(database, table).size > 0;
  const number = (entity: string) =>
    database.prepare('SELECT Z_ENT FROM Z_PRIMARYKEY WHERE Z_NAME = ?').pluck().get(entity) as number | undefined;
  const assetTable = has('ZASSET') ? 'ZASSET' : 'ZGENERICASSET';
  const album = number('Album');
  return {
    assetTable,
    joinTable: `Z_${album}ASSETS`,
    albumColumn: `Z_${album}ALBUMS`,
    assetColumn: `Z_${number('Asset') ?? number('GenericAsset')}ASSETS`,
  };
}

function columnsOf(database: Database.Database, table: string): Map<string, string> {
  const rows = database.prepare('SELECT name, type FROM pragma_table_info(?)').raw().all(table) as [string, string][];
  return new Map(rows);
}

interface Opened extends Disposable {
  readonly database: Database.Database;
}

function open(files: PhotosDatabaseFiles, options: { readonly withShm?: boolean } = {}): Opened {
  const scratch = temporaryFolder();
  return openAt(writePhotosDatabase(scratch.path, files, options), scratch);
}

function openAt(path: string, scratch: Disposable): Opened {
  const database = new Database(path);
  return {
    database,
    [Symbol.dispose]: () => {
      database.close();
      scratch[Symbol.dispose]();
    },
  };
}

/** A Mac's of the same model. Of iOS 13 there is none: that of the year after has the same columns, under another table's name. */
const archives = { ios13: 'macos-Cloud-10.16.0', ios15: 'macos-12.0.1', ios18: 'macos-15.4.1' };

function openRealLibrary(generation: Generation, context: Parameters<typeof needPrograms>[0]): Opened {
  needPrograms(context, 'tar', 'xz');
  const media = findTestMedia();
  const archive = media === undefined ? '' : resolve(media, `macos_photos/${archives[generation]}.tar.xz`);
  if (!existsSync(archive)) context.skip('needs the test media');
  const scratch = temporaryFolder();
  execFileSync('tar', ['-xJf', archive, '-C', scratch.path, '--strip-components=1', '--no-same-permissions']);
  const copy = join(scratch.path, 'copy.sqlite');
  copyFileSync(join(scratch.path, 'Photos.sqlite'), copy);
  expect(readFileSync(copy).length).toBeGreaterThan(0);
  return openAt(copy, scratch);
}
