// Reads a Photos library out of an open database, asset by asset. The tables are read side by side, each in the order of the
// assets, so that only one asset and the albums' titles are in memory.

import { Buffer } from 'node:buffer';
import type { DatabaseSync } from 'node:sqlite';
import type { PhotosAsset, PhotosLibraryFacts } from '../../domain/photos-asset.ts';
import { readAlbumPaths } from './album-paths.ts';
import { assetOfRows, storeSubtypeOriginal, storeSubtypePairedVideo } from './asset-of-rows.ts';
import { albumsPerAssetMax, assetsMax, isModelVersion } from './claims.ts';
import { modelVersionOf } from './model-version.ts';
import { numberOf, type Row, RowsByAsset } from './row.ts';
import { blob, columnList, number, type Schema, selectFrom, text, UnreadableList } from './schema.ts';

const idBytesMax = 256;
const nameBytesMax = 1_024;
const captionBytesMax = 32_000;
const plistBytesMax = 256 * 1024;
/** The original, the moving half, and what nobody knows yet. */
const resourcesPerAssetMax = 8;

export function readFacts(database: DatabaseSync, schema: Schema): PhotosLibraryFacts {
  const modelVersion = readModelVersion(database, schema);
  const usesICloudPhotos = readUsesICloudPhotos(database, schema);
  return {
    ...(modelVersion !== undefined && { modelVersion }),
    ...(usesICloudPhotos !== undefined && { usesICloudPhotos }),
  };
}

function readModelVersion(database: DatabaseSync, { metadata }: Schema): number | undefined {
  if (metadata === undefined) return undefined;
  const query = selectFrom(metadata, { plist: blob('Z_PLIST', plistBytesMax) }, 'LIMIT 1');
  const plist = database.prepare(query).get()?.['plist'];
  if (!(plist instanceof Uint8Array)) return undefined;
  const version = modelVersionOf(Buffer.from(plist.buffer, plist.byteOffset, plist.byteLength));
  return isModelVersion(version) ? version : undefined;
}

/** The table itself is gone through, no index: what an index leaves out must not decide this. */
function readUsesICloudPhotos(database: DatabaseSync, { assets }: Schema): boolean | undefined {
  if (!assets.columns.has('ZCLOUDLOCALSTATE')) return undefined;
  const isOwn = [
    ...(assets.columns.has('ZSAVEDASSETTYPE') ? ['"ZSAVEDASSETTYPE" IS NOT 4 AND "ZSAVEDASSETTYPE" IS NOT 12'] : []),
    ...(assets.columns.has('ZBUNDLESCOPE') ? ['"ZBUNDLESCOPE" IS NOT 2 AND "ZBUNDLESCOPE" IS NOT 3'] : []),
    'TRUE',
  ].join(' AND ');
  const isThere = (condition: string): boolean =>
    database.prepare(`SELECT 1 FROM "${assets.name}" NOT INDEXED WHERE ${condition} LIMIT 1`).get() !== undefined;
  if (isThere(`"ZCLOUDLOCALSTATE" = 1 AND ${isOwn}`)) return true;
  return isThere(isOwn) ? false : undefined;
}

/** @throws UnreadableList after `assetsMax` of them; an Error of SQLite. */
export function* readAssets(database: DatabaseSync, schema: Schema): Generator<PhotosAsset> {
  const attributes = new RowsByAsset(attributeRows(database, schema), 1);
  const resources = new RowsByAsset(resourceRows(database, schema), resourcesPerAssetMax);
  const albumPaths = readAlbumPaths(database, schema);
  const albumEntries = new RowsByAsset(albumRows(database, schema), albumsPerAssetMax);
  let last = Number.NEGATIVE_INFINITY;
  let count = 0;
  for (const asset of assetRows(database, schema)) {
    const key = numberOf(asset, 'key');
    if (key === undefined || key <= last) continue; // only where the key is none, in a table made to be odd
    last = key;
    const found = assetOfRows({
      asset,
      attributes: attributes.take(key)[0],
      resources: resources.take(key),
      albums: [...new Set(albumEntries.take(key).flatMap((row) => albumPaths.pathOf(numberOf(row, 'album'))))],
    });
    if (found === undefined) continue;
    count += 1;
    if (count > assetsMax) throw new UnreadableList(`it has more than ${assetsMax} photos`);
    yield found;
  }
}

function assetRows(database: DatabaseSync, { assets }: Schema): Iterable<Row> {
  const query = selectFrom(
    assets,
    {
      key: number('Z_PK'),
      uuid: text('ZUUID', idBytesMax),
      folder: text('ZDIRECTORY', nameBytesMax),
      name: text('ZFILENAME', nameBytesMax),
      taken: number('ZDATECREATED'),
      kind: number('ZKIND'),
      kindSubtype: number('ZKINDSUBTYPE'),
      savedType: number('ZSAVEDASSETTYPE'),
      scope: number('ZBUNDLESCOPE'),
      sharedLibrary: number('ZACTIVELIBRARYSCOPEPARTICIPATIONSTATE'),
      trashed: number('ZTRASHEDSTATE'),
      trashedAt: number('ZTRASHEDDATE'),
      hidden: number('ZHIDDEN'),
      favorite: number('ZFAVORITE'),
      visibility: number('ZVISIBILITYSTATE'),
      // From iOS 18; before, the other. A library has one of them.
      adjustments: number(assets.columns.has('ZADJUSTMENTSSTATE') ? 'ZADJUSTMENTSSTATE' : 'ZHASADJUSTMENTS'),
      burstId: text('ZAVALANCHEUUID', idBytesMax),
      pickType: number('ZAVALANCHEPICKTYPE'),
      liveId: text('ZMEDIAGROUPUUID', idBytesMax),
    },
    'NOT INDEXED ORDER BY "Z_PK"',
  );
  return rows(database, query);
}

function attributeRows(database: DatabaseSync, { attributes, descriptions }: Schema): Iterable<Row> {
  if (attributes === undefined || !attributes.columns.has('ZASSET')) return [];
  const columns = columnList(attributes, {
    asset: number('ZASSET'),
    originalName: text('ZORIGINALFILENAME', nameBytesMax),
    bytes: number('ZORIGINALFILESIZE'),
    offset: number('ZTIMEZONEOFFSET'),
    title: text('ZTITLE', captionBytesMax),
  });
  const order = `ORDER BY "${attributes.name}"."ZASSET"`;
  if (
    !descriptions?.columns.has('Z_PK') ||
    !descriptions.columns.has('ZLONGDESCRIPTION') ||
    !attributes.columns.has('ZASSETDESCRIPTION')
  ) {
    return rows(database, `SELECT ${columns.join(', ')} FROM "${attributes.name}" ${order}`);
  }
  const description = columnList(descriptions, { description: text('ZLONGDESCRIPTION', captionBytesMax) });
  return rows(
    database,
    `SELECT ${[...columns, ...description].join(', ')} FROM "${attributes.name}" LEFT JOIN "${descriptions.name}"
     ON "${descriptions.name}"."Z_PK" = "${attributes.name}"."ZASSETDESCRIPTION" ${order}`,
  );
}

function resourceRows(database: DatabaseSync, { resources }: Schema): Iterable<Row> {
  if (resources === undefined || !['ZASSET', 'ZDATASTORESUBTYPE'].every((each) => resources.columns.has(each)))
    return [];
  const query = selectFrom(
    resources,
    {
      asset: number('ZASSET'),
      storeSubtype: number('ZDATASTORESUBTYPE'),
      resourceType: number('ZRESOURCETYPE'),
      local: number('ZLOCALAVAILABILITY'),
      remote: number('ZREMOTEAVAILABILITY'),
      bytes: number('ZDATALENGTH'),
    },
    `WHERE "ZDATASTORESUBTYPE" IN (${storeSubtypeOriginal}, ${storeSubtypePairedVideo}) ORDER BY "ZASSET"`,
  );
  return rows(database, query);
}

function albumRows(database: DatabaseSync, { albumEntries }: Schema): Iterable<Row> {
  if (albumEntries === undefined) return [];
  const { table, albumColumn, assetColumn } = albumEntries;
  const query = selectFrom(
    table,
    { asset: number(assetColumn), album: number(albumColumn) },
    `ORDER BY "${assetColumn}", "${albumColumn}"`,
  );
  return rows(database, query);
}

function rows(database: DatabaseSync, query: string): Iterable<Row> {
  return database.prepare(query).iterate();
}
