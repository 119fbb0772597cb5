// Photos libraries made for a test, with the tables and columns of a version of iOS, and anything at all in them. Columns have no
// declared type unless the test says so: then SQLite keeps whatever is put in.

import { DatabaseSync, type SQLInputValue } from 'node:sqlite';

export type Values = Readonly<Record<string, SQLInputValue>>;

export interface MadeLibrary {
  readonly assets?: readonly Values[];
  readonly attributes?: readonly Values[];
  readonly descriptions?: readonly Values[];
  readonly resources?: readonly Values[];
  readonly albums?: readonly Values[];
  /** Pairs of album and asset. */
  readonly albumEntries?: readonly (readonly [album: number, asset: number])[];
}

export interface Layout {
  readonly assetTable: string;
  readonly assetEntity: string;
  /** Numbers of the entities Album and Asset. */
  readonly album: number;
  readonly asset: number;
  readonly assetColumns: readonly string[];
}

const assetColumnsCommon = [
  ...['ZUUID', 'ZDIRECTORY', 'ZFILENAME', 'ZDATECREATED', 'ZKIND', 'ZKINDSUBTYPE', 'ZSAVEDASSETTYPE', 'ZTRASHEDSTATE'],
  ...['ZTRASHEDDATE', 'ZHIDDEN', 'ZFAVORITE', 'ZVISIBILITYSTATE', 'ZAVALANCHEUUID', 'ZAVALANCHEPICKTYPE'],
  ...['ZMEDIAGROUPUUID', 'ZCLOUDLOCALSTATE'],
];

export const ios13: Layout = {
  assetTable: 'ZGENERICASSET',
  assetEntity: 'GenericAsset',
  album: 26,
  asset: 34,
  assetColumns: [...assetColumnsCommon, 'ZHASADJUSTMENTS'],
};

export const ios26: Layout = {
  assetTable: 'ZASSET',
  assetEntity: 'Asset',
  album: 33,
  asset: 3,
  assetColumns: [...assetColumnsCommon, 'ZADJUSTMENTSSTATE', 'ZBUNDLESCOPE', 'ZACTIVELIBRARYSCOPEPARTICIPATIONSTATE'],
};

const otherTables: Readonly<Record<string, readonly string[]>> = {
  ZADDITIONALASSETATTRIBUTES: [
    ...['ZASSET', 'ZORIGINALFILENAME', 'ZORIGINALFILESIZE', 'ZTIMEZONEOFFSET', 'ZTITLE', 'ZASSETDESCRIPTION'],
  ],
  ZASSETDESCRIPTION: ['ZLONGDESCRIPTION'],
  ZINTERNALRESOURCE: [
    ...['ZASSET', 'ZDATASTORESUBTYPE', 'ZRESOURCETYPE', 'ZLOCALAVAILABILITY', 'ZREMOTEAVAILABILITY', 'ZDATALENGTH'],
  ],
  ZGENERICALBUM: ['ZKIND', 'ZTITLE', 'ZPARENTFOLDER', 'ZTRASHEDSTATE'],
};

/** An identifier for each number. */
export function uuidOf(key: number): string {
  return `00000000-0000-4000-8000-${String(key).padStart(12, '0')}`;
}

/** `spoil` gets the database when all is in it, with nothing forbidden. */
export function makeLibrary(
  path: string,
  library: MadeLibrary,
  { layout = ios26, spoil = () => {} }: { layout?: Layout; spoil?: (database: DatabaseSync) => void } = {},
): void {
  const database = new DatabaseSync(path, { defensive: false, allowExtension: false });
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; BEGIN');
  const { assetTable, album, asset } = layout;
  for (const [table, columns] of [[assetTable, layout.assetColumns] as const, ...Object.entries(otherTables)]) {
    database.exec(`CREATE TABLE ${table} (Z_PK INTEGER PRIMARY KEY, ${columns.join(', ')})`);
  }
  database.exec('CREATE INDEX RESOURCE_ASSET ON ZINTERNALRESOURCE (ZASSET)');
  database.exec('CREATE TABLE Z_METADATA (Z_VERSION INTEGER PRIMARY KEY, Z_UUID, Z_PLIST)');
  database.exec('CREATE TABLE Z_PRIMARYKEY (Z_ENT INTEGER PRIMARY KEY, Z_NAME)');
  insert(database, 'Z_PRIMARYKEY', [
    { Z_ENT: album, Z_NAME: 'Album' },
    { Z_ENT: asset, Z_NAME: layout.assetEntity },
  ]);
  database.exec(`CREATE TABLE Z_${album}ASSETS (Z_${album}ALBUMS, Z_${asset}ASSETS)`);
  const assets = library.assets ?? [];
  insert(
    database,
    assetTable,
    assets.map((values, index) => ({ Z_PK: index + 1, ZUUID: uuidOf(index + 1), ...values })),
  );
  insert(database, 'ZADDITIONALASSETATTRIBUTES', library.attributes ?? []);
  insert(database, 'ZASSETDESCRIPTION', library.descriptions ?? []);
  insert(database, 'ZINTERNALRESOURCE', library.resources ?? []);
  insert(database, 'ZGENERICALBUM', library.albums ?? []);
  insert(
    database,
    `Z_${album}ASSETS`,
    (library.albumEntries ?? []).map(([inAlbum, key]) => ({
      [`Z_${album}ALBUMS`]: inAlbum,
      [`Z_${asset}ASSETS`]: key,
    })),
  );
  database.exec('COMMIT');
  spoil(database);
  database.close();
}

function insert(database: DatabaseSync, table: string, rows: readonly Values[]): void {
  for (const row of rows) {
    const columns = Object.keys(row);
    const marks = columns.map(() => '?').join(', ');
    database.prepare(`INSERT INTO ${table} (${columns.join(', ')}) VALUES (${marks})`).run(...Object.values(row));
  }
}
