// Imports of a whole phone are tested with this one. If its truth were counted wrongly, or a file were not what its name says, they
// would pass for the wrong reason: so here the numbers are those that awk counts in the listing, and each file is looked at.

import { createHash } from 'node:crypto';
import Database from 'better-sqlite3';
import ExifReader from 'exifreader';
import { fileTypeFromBuffer } from 'file-type';
import { expect, type TestContext, test } from 'vitest';
import { PhoneFiles } from '../../../support/iphone/phone-files.ts';
import { temporaryFolder } from '../../../support/keepsake.ts';
import {
  databasePath,
  fillListedPhone,
  findPhoneListing,
  type ListedPhoneOptions,
  readPhoneListing,
} from '../../../support/photos/listed-phone.ts';
import { makePhotosDatabase, writePhotosDatabase } from '../../../support/photos/make-photos-database.ts';

function listedPhone(context: TestContext, options: Omit<ListedPhoneOptions, 'listing'> = {}) {
  const path = findPhoneListing() ?? context.skip('needs the test media');
  const files = new PhoneFiles();
  const listing = readPhoneListing(path);
  return { files, listing, ...fillListedPhone(files, { listing, ...options }) };
}

test('the truth has the numbers that awk counts in the listing', (context) => {
  const { listing, truth } = listedPhone(context, { database: 'none' });
  expect(listing).toHaveLength(615);
  expect(truth.originalFiles.filter((path) => path.startsWith('DCIM/100APPLE/'))).toHaveLength(77);
  expect(truth.originalFiles.filter((path) => path.startsWith('PhotoData/CPLAssets/'))).toHaveLength(70);
  expect(truth.originalFiles).toHaveLength(147);
  expect(truth.thumbnailsWithoutOriginal).toHaveLength(85);
  expect(truth.metadataWithoutOriginal).toHaveLength(75);
  expect(truth.iCloudOnly).toHaveLength(60);
  expect(truth.sharedAlbum).toHaveLength(25);
  expect(truth.edited).toHaveLength(4);
  expect(truth.livePhotos).toEqual([{ still: 'DCIM/100APPLE/IMG_0001.HEIC', movie: 'DCIM/100APPLE/IMG_0001.MOV' }]);
  expect(truth.onDevice).toHaveLength(146);
  expect(truth.trashed).toHaveLength(8);
  expect(truth.hidden).toHaveLength(6);
  expect(new Set([...truth.trashed, ...truth.hidden]).size).toBe(14);
});

test('all paths of the listing are there with their times, and no two files are alike', (context) => {
  const { files, listing } = listedPhone(context, { wal: true });
  expect([...files.paths].sort()).toEqual(listing.map(({ path }) => path).sort());
  for (const { path, modifiedAtMs } of listing) {
    expect(files.file(path)?.modifiedAtNs).toBe(BigInt(modifiedAtMs) * 1_000_000n);
  }
  const hashes = listing.map(({ path }) => createHash('sha256').update(read(files, path)).digest('hex'));
  expect(new Set(hashes).size).toBe(listing.length);
});

test('each photo is what its name says, the small ones too', async (context) => {
  const { files, truth } = listedPhone(context, { database: 'none' });
  const mimes = { heic: 'image/heic', jpg: 'image/jpeg', jpeg: 'image/jpeg', png: 'image/png', mov: 'video/quicktime' };
  const bait = [...truth.thumbnailsWithoutOriginal, ...truth.sharedAlbum];
  for (const path of [...truth.originalFiles, ...bait]) {
    const extension = (/[^.]*$/.exec(path)?.[0] ?? '').toLowerCase();
    const found = await fileTypeFromBuffer(read(files, path));
    expect(`${path} ${found?.mime}`).toBe(`${path} ${mimes[extension as keyof typeof mimes]}`);
  }
  expect((await fileTypeFromBuffer(read(files, 'PhotoData/MISC/PreviewWellImage.tiff')))?.mime).toBe('image/tiff');
});

test('files and database tell the same of the Live Photo', (context) => {
  const { files, truth, database } = listedPhone(context);
  const [{ still, movie } = { still: '', movie: '' }] = truth.livePhotos;
  const rows = query(
    database,
    `${assetRows} WHERE a.ZFILENAME = 'IMG_0001.HEIC' AND a.ZKINDSUBTYPE = 2 GROUP BY a.Z_PK`,
  );
  const [live] = rows;
  const offset = -25_200;
  expect(rows).toHaveLength(1);
  expect(read(files, still).includes(String(live?.liveId))).toBe(true);
  expect(read(files, movie).includes(String(live?.liveId))).toBe(true);
  expect(live).toMatchObject({ bytes: files.file(still)?.sizeBytes, movieBytes: files.file(movie)?.sizeBytes, offset });
  const local = new Date((Number(live?.unix) + offset) * 1000).toISOString().slice(0, 19);
  const written = ExifReader.load(read(files, still)).DateTimeOriginal?.description;
  expect(written).toBe(local.replaceAll('-', ':').replace('T', ' '));
});

test.for([false, true])('the database fits the files (with a log: %s)', (wal, context) => {
  const { files, truth, database } = listedPhone(context, { wal, seed: 'x' });
  const rows = query(database, `${assetRows} GROUP BY a.Z_PK`);
  const pathsOf = (wanted: (row: AssetRow) => boolean) => rows.filter(wanted).map((row) => `${row.folder}/${row.name}`);
  expect(rows).toHaveLength(146 + 60 + 25);
  expect(pathsOf(({ here, type }) => here === 1 && type !== 4)).toEqual(truth.onDevice);
  expect(pathsOf(({ here, remote }) => here === -1 && remote === 1)).toEqual(truth.iCloudOnly);
  expect(pathsOf(({ type, here }) => type === 4 && here === null)).toEqual(truth.sharedAlbum);
  expect(pathsOf(({ trashed }) => trashed === 1).sort()).toEqual([...truth.trashed].sort());
  expect(pathsOf(({ hidden }) => hidden === 1).sort()).toEqual([...truth.hidden].sort());
  expect(pathsOf(({ edited }) => edited === 1).sort()).toEqual([...truth.edited].sort());
  for (const row of rows.filter(({ here }) => here === 1)) {
    expect(row.bytes).toBe(files.file(`${row.folder}/${row.name}`)?.sizeBytes);
  }
  for (const wanted of truth.iCloudOnly) expect(files.file(wanted)).toBeUndefined();
});

test('the database can be left out, or be another', (context) => {
  const without = listedPhone(context, { database: 'none' });
  expect(without.files.paths.filter((path) => path.startsWith(databasePath))).toEqual([]);
  const other = makePhotosDatabase({
    generation: 'ios18',
    assets: [{ folder: 'DCIM/100APPLE', name: 'IMG_0002.HEIC' }],
  });
  const { files } = listedPhone(context, { database: other });
  expect(read(files, databasePath).equals(other.main)).toBe(true);
  expect(files.file(`${databasePath}-wal`)).toBeUndefined();
});

test('another seed chooses others, the same seed the same', (context) => {
  const trashed = (seed: number) => listedPhone(context, { database: 'none', seed }).truth.trashed;
  expect(trashed(1)).toEqual(trashed(1));
  expect(trashed(1)).not.toEqual(trashed(2));
});

function read(files: PhoneFiles, path: string): Buffer {
  const file = files.file(path);
  return file?.read(0, file.sizeBytes) ?? Buffer.alloc(0);
}

interface AssetRow {
  readonly folder: string;
  readonly name: string;
  readonly liveId: string | null;
  readonly bytes: number;
  readonly movieBytes: number | null;
  readonly unix: number;
  readonly offset: number | null;
  readonly type: number;
  readonly trashed: number;
  readonly hidden: number;
  readonly edited: number;
  readonly here: number | null;
  readonly remote: number | null;
}

const assetRows = `
  SELECT a.ZDIRECTORY AS folder, a.ZFILENAME AS name, a.ZMEDIAGROUPUUID AS liveId, x.ZORIGINALFILESIZE AS bytes,
    a.ZDATECREATED + 978307200 AS unix, x.ZTIMEZONEOFFSET AS offset, a.ZSAVEDASSETTYPE AS type, a.ZTRASHEDSTATE AS trashed,
    a.ZHIDDEN AS hidden, a.ZHASADJUSTMENTS AS edited,
    MAX(CASE WHEN r.ZDATASTORESUBTYPE = 1 THEN r.ZLOCALAVAILABILITY END) AS here,
    MAX(CASE WHEN r.ZDATASTORESUBTYPE = 1 THEN r.ZREMOTEAVAILABILITY END) AS remote,
    MAX(CASE WHEN r.ZDATASTORESUBTYPE = 18 THEN r.ZDATALENGTH END) AS movieBytes
  FROM ZASSET a LEFT JOIN ZADDITIONALASSETATTRIBUTES x ON x.ZASSET = a.Z_PK
  LEFT JOIN ZINTERNALRESOURCE r ON r.ZASSET = a.Z_PK`;

function query(files: ReturnType<typeof makePhotosDatabase> | undefined, sql: string): readonly AssetRow[] {
  if (files === undefined) throw new Error('there is no database');
  using scratch = temporaryFolder();
  const database = new Database(writePhotosDatabase(scratch.path, files));
  const rows = database.prepare(sql).all() as AssetRow[];
  database.close();
  return rows;
}
