// How a Photos database of each generation is laid out: its tables, the numbers of their entities, and those columns that matter to
// somebody who reads photos out of it, with the types of the real ones. A test compares them with databases of real libraries.

export type Generation = 'ios13' | 'ios15' | 'ios18';

/** The one that gave its name to a table of its own, with the number that other tables are named after. */
export interface Entity {
  readonly name: string;
  readonly number: number;
  /** Number of the entity it is a kind of; 0 for none. */
  readonly parent: number;
}

export interface GenerationFacts {
  readonly modelVersion: number;
  readonly assetTable: 'ZASSET' | 'ZGENERICASSET';
  readonly entities: {
    readonly attributes: Entity;
    readonly asset: Entity;
    readonly description: Entity;
    readonly genericAlbum: Entity;
    readonly album: Entity;
    readonly sharedAlbum: Entity;
    readonly folder: Entity;
    readonly resource: Entity;
  };
}

/** From macOS 12.0.1 and 15.4.1; of `ios13` only the numbers of Album and GenericAsset are known, the others are those of macOS 11. */
export const generations: Readonly<Record<Generation, GenerationFacts>> = {
  ios13: {
    modelVersion: 13703,
    assetTable: 'ZGENERICASSET',
    entities: {
      attributes: { name: 'AdditionalAssetAttributes', number: 1, parent: 0 },
      asset: { name: 'GenericAsset', number: 34, parent: 0 },
      description: { name: 'AssetDescription', number: 5, parent: 0 },
      genericAlbum: { name: 'GenericAlbum', number: 25, parent: 0 },
      album: { name: 'Album', number: 26, parent: 25 },
      sharedAlbum: { name: 'CloudSharedAlbum', number: 27, parent: 26 },
      folder: { name: 'Folder', number: 32, parent: 25 },
      resource: { name: 'InternalResource', number: 35, parent: 0 },
    },
  },
  ios15: {
    modelVersion: 15323,
    assetTable: 'ZASSET',
    entities: {
      attributes: { name: 'AdditionalAssetAttributes', number: 1, parent: 0 },
      asset: { name: 'Asset', number: 3, parent: 0 },
      description: { name: 'AssetDescription', number: 5, parent: 0 },
      genericAlbum: { name: 'GenericAlbum', number: 26, parent: 0 },
      album: { name: 'Album', number: 27, parent: 26 },
      sharedAlbum: { name: 'CloudSharedAlbum', number: 28, parent: 27 },
      folder: { name: 'Folder', number: 34, parent: 26 },
      resource: { name: 'InternalResource', number: 37, parent: 0 },
    },
  },
  ios18: {
    modelVersion: 18508,
    assetTable: 'ZASSET',
    entities: {
      attributes: { name: 'AdditionalAssetAttributes', number: 1, parent: 0 },
      asset: { name: 'Asset', number: 3, parent: 0 },
      description: { name: 'AssetDescription', number: 6, parent: 0 },
      genericAlbum: { name: 'GenericAlbum', number: 29, parent: 0 },
      album: { name: 'Album', number: 30, parent: 29 },
      sharedAlbum: { name: 'CloudSharedAlbum', number: 31, parent: 30 },
      folder: { name: 'Folder', number: 38, parent: 29 },
      resource: { name: 'InternalResource', number: 46, parent: 0 },
    },
  },
};

/** Name, type, and the generations that have it if not all do. */
type Column = readonly [
  name: string,
  type: 'INTEGER' | 'FLOAT' | 'TIMESTAMP' | 'VARCHAR' | 'BLOB',
  ...in: Generation[],
];

export interface Table {
  readonly name: string;
  readonly columns: readonly Column[];
}

const assetColumns: readonly Column[] = [
  ['ZACTIVELIBRARYSCOPEPARTICIPATIONSTATE', 'INTEGER', 'ios18'],
  ['ZADJUSTMENTSSTATE', 'INTEGER', 'ios18'],
  ['ZAVALANCHEPICKTYPE', 'INTEGER'],
  ['ZBUNDLESCOPE', 'INTEGER', 'ios15', 'ios18'],
  ['ZCLOUDDELETESTATE', 'INTEGER'],
  ['ZCLOUDISMYASSET', 'INTEGER'],
  ['ZCLOUDLOCALSTATE', 'INTEGER'],
  ['ZCOMPLETE', 'INTEGER'],
  ['ZFAVORITE', 'INTEGER'],
  ['ZHASADJUSTMENTS', 'INTEGER', 'ios13', 'ios15'],
  ['ZHEIGHT', 'INTEGER'],
  ['ZHIDDEN', 'INTEGER'],
  ['ZISDETECTEDSCREENSHOT', 'INTEGER', 'ios18'],
  ['ZKIND', 'INTEGER'],
  ['ZKINDSUBTYPE', 'INTEGER'],
  ['ZORIENTATION', 'INTEGER'],
  ['ZPLAYBACKSTYLE', 'INTEGER'],
  ['ZSAVEDASSETTYPE', 'INTEGER'],
  ['ZTRASHEDREASON', 'INTEGER', 'ios18'],
  ['ZTRASHEDSTATE', 'INTEGER'],
  ['ZVISIBILITYSTATE', 'INTEGER'],
  ['ZWIDTH', 'INTEGER'],
  ['ZADDITIONALATTRIBUTES', 'INTEGER'],
  ['ZADDEDDATE', 'TIMESTAMP'],
  ['ZDATECREATED', 'TIMESTAMP'],
  ['ZDURATION', 'FLOAT'],
  ['ZLATITUDE', 'FLOAT'],
  ['ZLONGITUDE', 'FLOAT'],
  ['ZMODIFICATIONDATE', 'TIMESTAMP'],
  ['ZSORTTOKEN', 'FLOAT'],
  ['ZTRASHEDDATE', 'TIMESTAMP'],
  ['ZAVALANCHEUUID', 'VARCHAR'],
  ['ZCLOUDASSETGUID', 'VARCHAR'],
  ['ZDIRECTORY', 'VARCHAR'],
  ['ZFILENAME', 'VARCHAR'],
  ['ZMEDIAGROUPUUID', 'VARCHAR'],
  ['ZUNIFORMTYPEIDENTIFIER', 'VARCHAR'],
  ['ZUUID', 'VARCHAR'],
];

const attributeColumns: readonly Column[] = [
  ['ZDATECREATEDSOURCE', 'INTEGER', 'ios15', 'ios18'],
  ['ZIMPORTEDBY', 'INTEGER'],
  ['ZINFERREDTIMEZONEOFFSET', 'INTEGER'],
  ['ZORIGINALFILESIZE', 'INTEGER'],
  ['ZORIGINALHEIGHT', 'INTEGER'],
  ['ZORIGINALORIENTATION', 'INTEGER'],
  ['ZORIGINALWIDTH', 'INTEGER'],
  ['ZPTPTRASHEDSTATE', 'INTEGER'],
  ['ZTIMEZONEOFFSET', 'INTEGER'],
  ['ZASSET', 'INTEGER'],
  ['ZASSETDESCRIPTION', 'INTEGER'],
  ['ZCREATORBUNDLEID', 'VARCHAR', 'ios13'],
  ['ZEXIFTIMESTAMPSTRING', 'VARCHAR'],
  ['ZIMPORTEDBYBUNDLEIDENTIFIER', 'VARCHAR', 'ios15', 'ios18'],
  ['ZMASTERFINGERPRINT', 'VARCHAR', 'ios13', 'ios15'],
  ['ZORIGINALFILENAME', 'VARCHAR'],
  ['ZORIGINALSTABLEHASH', 'VARCHAR', 'ios18'],
  ['ZTIMEZONENAME', 'VARCHAR'],
  ['ZTITLE', 'VARCHAR'],
];

const resourceColumns: readonly Column[] = [
  ['ZCLOUDDELETESTATE', 'INTEGER'],
  ['ZCLOUDLOCALSTATE', 'INTEGER'],
  ['ZDATALENGTH', 'INTEGER'],
  ['ZDATASTORECLASSID', 'INTEGER'],
  ['ZDATASTORESUBTYPE', 'INTEGER'],
  ['ZFILEID', 'INTEGER'],
  ['ZLOCALAVAILABILITY', 'INTEGER'],
  ['ZLOCALAVAILABILITYTARGET', 'INTEGER'],
  ['ZPTPTRASHEDSTATE', 'INTEGER'],
  ['ZRECIPEID', 'INTEGER'],
  ['ZREMOTEAVAILABILITY', 'INTEGER'],
  ['ZREMOTEAVAILABILITYTARGET', 'INTEGER'],
  ['ZRESOURCETYPE', 'INTEGER'],
  ['ZTRASHEDSTATE', 'INTEGER'],
  ['ZVERSION', 'INTEGER'],
  ['ZASSET', 'INTEGER'],
  ['ZTRASHEDDATE', 'TIMESTAMP'],
  ['ZCOMPACTUTI', 'VARCHAR', 'ios15', 'ios18'],
  ['ZFINGERPRINT', 'VARCHAR'],
  ['ZSTABLEHASH', 'VARCHAR', 'ios18'],
];

const albumColumns: readonly Column[] = [
  ['ZCACHEDCOUNT', 'INTEGER'],
  ['ZCLOUDDELETESTATE', 'INTEGER'],
  ['ZCLOUDLOCALSTATE', 'INTEGER'],
  ['ZKIND', 'INTEGER'],
  ['ZTRASHEDSTATE', 'INTEGER'],
  ['ZPARENTFOLDER', 'INTEGER'],
  ['Z_FOK_PARENTFOLDER', 'INTEGER'],
  ['ZCREATIONDATE', 'TIMESTAMP'],
  ['ZTRASHEDDATE', 'TIMESTAMP'],
  ['ZTITLE', 'VARCHAR'],
  ['ZUUID', 'VARCHAR'],
];

const descriptionColumns: readonly Column[] = [
  ['ZASSETATTRIBUTES', 'INTEGER'],
  ['ZLONGDESCRIPTION', 'VARCHAR'],
];

export type TableName = 'asset' | 'attributes' | 'resource' | 'album' | 'description';

/** The tables whose rows are entities: besides these columns each has Z_PK, Z_ENT and Z_OPT. */
export function tablesOf(generation: Generation): Readonly<Record<TableName, Table>> {
  return {
    asset: { name: generations[generation].assetTable, columns: assetColumns },
    attributes: { name: 'ZADDITIONALASSETATTRIBUTES', columns: attributeColumns },
    resource: { name: 'ZINTERNALRESOURCE', columns: resourceColumns },
    album: { name: 'ZGENERICALBUM', columns: albumColumns },
    description: { name: 'ZASSETDESCRIPTION', columns: descriptionColumns },
  };
}

/** The table that says which asset is in which album, and its columns. */
export function albumJoin(generation: Generation): { table: string; album: string; asset: string; order: string } {
  const { album, asset } = generations[generation].entities;
  return {
    table: `Z_${album.number}ASSETS`,
    album: `Z_${album.number}ALBUMS`,
    asset: `Z_${asset.number}ASSETS`,
    order: `Z_FOK_${asset.number}ASSETS`,
  };
}

export function hasColumn(column: Column, generation: Generation): boolean {
  const [, , ...only] = column;
  return only.length === 0 || only.includes(generation);
}

/** Statements that make all of it, empty. */
export function schemaSql(generation: Generation): string {
  const tables = tablesOf(generation);
  const entityTables = Object.values(tables).map(({ name, columns }) => {
    const present = columns
      .filter((column) => hasColumn(column, generation))
      .map(([column, type]) => `${column} ${type}`);
    return `CREATE TABLE ${name} ( Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, Z_OPT INTEGER, ${present.join(', ')} )`;
  });
  const join = albumJoin(generation);
  return [
    ...entityTables,
    `CREATE TABLE ${join.table} ( ${join.album} INTEGER, ${join.asset} INTEGER, ${join.order} INTEGER, PRIMARY KEY (${join.album}, ${join.asset}) )`,
    'CREATE TABLE Z_PRIMARYKEY (Z_ENT INTEGER PRIMARY KEY, Z_NAME VARCHAR, Z_SUPER INTEGER, Z_MAX INTEGER)',
    'CREATE TABLE Z_METADATA (Z_VERSION INTEGER PRIMARY KEY, Z_UUID VARCHAR(255), Z_PLIST BLOB)',
    `CREATE INDEX ${tables.asset.name}_DIRECTORY_INDEX ON ${tables.asset.name} (ZDIRECTORY COLLATE BINARY ASC, ZFILENAME COLLATE BINARY ASC)`,
    'CREATE INDEX ZADDITIONALASSETATTRIBUTES_ZASSET_INDEX ON ZADDITIONALASSETATTRIBUTES (ZASSET)',
    'CREATE INDEX ZINTERNALRESOURCE_ZASSET_INDEX ON ZINTERNALRESOURCE (ZASSET)',
    'CREATE INDEX ZGENERICALBUM_ZPARENTFOLDER_INDEX ON ZGENERICALBUM (ZPARENTFOLDER)',
  ].join(';\n');
}
