// Writes the database of a Photos library as a phone has it: the shape of a generation, with rows for the assets that a test describes.
// Beside what is asked for each asset has the rows that real ones have (thumbnails, smaller versions, edits), which say something
// else than its original does: who reads the wrong row finds out here.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { buildBinary } from 'plist';
import { seededUuid } from '../media/seeded.ts';
import {
  albumJoin,
  type Entity,
  type Generation,
  generations,
  hasColumn,
  schemaSql,
  type TableName,
  tablesOf,
} from './photos-schema.ts';

/** `noRow`: the database has no row for that file. */
export type DescribedPlace = 'here' | 'iCloudOnly' | 'noRow';

export type Cell = string | number | bigint | Buffer | null;

export interface DescribedAsset {
  /** ZDIRECTORY: `DCIM/100APPLE`. */
  readonly folder: string | null;
  /** ZFILENAME. */
  readonly name: string | null;
  /** Left out: one of its own, the same for the same folder and name. */
  readonly uuid?: string;
  /** Left out: `name`. */
  readonly originalName?: string;
  /** Left out: by the extension of `name`. */
  readonly kind?: 'photo' | 'video';
  /** A Live Photo; `true` for a content identifier of its own. */
  readonly live?: boolean | string;
  /** Bytes of the original; left out, the database knows none and says 0. */
  readonly sizeBytes?: number;
  /** Left out: `here`; of shared albums `noRow`, as real ones have it. */
  readonly original?: DescribedPlace;
  /** Of a Live Photo. Left out: as the original. */
  readonly pairedVideo?: DescribedPlace;
  readonly pairedVideoBytes?: number;
  /** Left out: a minute after the asset before it, from 2023-01-01 on. `null`: the database has none. */
  readonly takenAtMs?: number | null;
  /** Seconds east of UTC. Left out: 7200; of shared albums `null`, as real ones have it. */
  readonly offsetSeconds?: number | null;
  readonly trashedAtMs?: number;
  readonly hidden?: boolean;
  readonly favorite?: boolean;
  /** `false` as a burst's frame that was not picked. */
  readonly shown?: boolean;
  readonly edited?: boolean;
  readonly burstId?: string;
  /** ZAVALANCHEPICKTYPE. */
  readonly pickType?: number;
  /** ZSAVEDASSETTYPE: 3 (left out) local, 4 shared album, 6 by iCloud Photos, 12 shared with you. */
  readonly savedAssetType?: number;
  /** Takes part in iCloud Photos. Left out: whether it came by iCloud or is only there. */
  readonly cloud?: boolean;
  readonly caption?: string;
  /** Titles, those of the folders before it with a `/` between. A title that has one itself: all parts as a list. */
  readonly albums?: readonly (string | readonly string[])[];
  /** Only `ios18` can say so; the others have no column for it. */
  readonly inSharedLibrary?: boolean;
  /** Columns that are to have another value than what is said above, as in a damaged or hostile database. */
  readonly cells?: { readonly [Name in 'asset' | 'attributes' | 'original']?: Readonly<Record<string, Cell>> };
}

export interface PhotosDatabaseOptions {
  readonly generation: Generation;
  readonly assets: readonly DescribedAsset[];
  /**
   * As it is while the Photos app runs: the second half of the assets is in `-wal` only, and there only does it say of the first half
   * which are hidden, favourites or trashed. Old frames, that no longer count, may follow in it.
   */
  readonly wal?: boolean;
  /** Done with the finished database before its files are taken. */
  readonly afterwards?: (database: Database.Database) => void;
}

/** The files as they lie beside each other, `Photos.sqlite` and those named after it. */
export interface PhotosDatabaseFiles {
  readonly main: Buffer;
  readonly wal?: Buffer;
  readonly shm?: Buffer;
}

export function makePhotosDatabase(options: PhotosDatabaseOptions): PhotosDatabaseFiles {
  const folder = mkdtempSync(join(tmpdir(), 'keepsake-photos-'));
  try {
    const path = join(folder, 'Photos.sqlite');
    const database = new Database(path);
    try {
      fill(database, options);
      if (options.wal === true) {
        // Taken while it is open: the last to close would move everything into the main file.
        return {
          main: readFileSync(path),
          wal: readFileSync(`${path}-wal`),
          shm: readFileSync(`${path}-shm`),
        };
      }
      database.pragma('wal_checkpoint(TRUNCATE)');
      return { main: readFileSync(path) };
    } finally {
      database.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Lays the files into a folder and returns the main file's path. Opened read-write they become one file, as any SQLite does it. */
export function writePhotosDatabase(
  folder: string,
  { main, wal, shm }: PhotosDatabaseFiles,
  options: { readonly withShm?: boolean } = {},
): string {
  const path = join(folder, 'Photos.sqlite');
  writeFileSync(path, main);
  if (wal !== undefined) writeFileSync(`${path}-wal`, wal);
  if (shm !== undefined && options.withShm === true) writeFileSync(`${path}-shm`, shm);
  return path;
}

function fill(
  database: Database.Database,
  { generation, assets, wal = false, afterwards }: PhotosDatabaseOptions,
): void {
  database.pragma('page_size = 4096');
  database.pragma('auto_vacuum = INCREMENTAL');
  database.pragma('journal_mode = WAL');
  database.pragma('wal_autocheckpoint = 0');
  database.exec(schemaSql(generation));
  const writer = new Writer(database, generation);
  const early = assets.slice(0, wal ? Math.ceil(assets.length / 2) : assets.length);
  database.transaction(() => {
    writer.addMetadata();
    for (const asset of early) writer.addAsset(wal ? asItWasBefore(asset) : asset);
    writer.updateMaxima();
  })();
  if (wal) {
    // What is written next goes over the beginning of the log, not behind its end.
    database.pragma('wal_checkpoint(RESTART)');
    database.transaction(() => {
      for (const [index, asset] of early.entries()) writer.update(index, asset);
      for (const asset of assets.slice(early.length)) writer.addAsset(asset);
      writer.updateMaxima();
    })();
  }
  afterwards?.(database);
}

function asItWasBefore({ trashedAtMs: _, cells, ...asset }: DescribedAsset): DescribedAsset {
  const { asset: __, ...otherCells } = cells ?? {};
  return { ...asset, hidden: false, favorite: false, cells: otherCells };
}

type Row = Readonly<Record<string, Cell>>;

/** One album, and how many assets it has so far. */
interface Album {
  readonly key: number;
  count: number;
}

class Writer {
  readonly #database: Database.Database;
  readonly #generation: Generation;
  /** Last row id by entity, as Core Data counts: all kinds of albums together. */
  readonly #maxima = new Map<TableName, number>();
  readonly #albums = new Map<string, Album>();
  readonly #statements = new Map<string, Database.Statement>();
  #assetCount = 0;

  constructor(database: Database.Database, generation: Generation) {
    this.#database = database;
    this.#generation = generation;
  }

  get #facts() {
    return generations[this.#generation];
  }

  addMetadata(): void {
    const plist = buildBinary({
      NSStoreType: 'SQLite',
      NSStoreModelVersionHashesVersion: 3,
      NSStoreModelVersionIdentifiers: [''],
      _NSAutoVacuumLevel: '2',
      PLLegacyMigrationState: 2,
      PLModelVersion: this.#facts.modelVersion,
    });
    this.#prepare('INSERT INTO Z_METADATA (Z_VERSION, Z_UUID, Z_PLIST) VALUES (1, ?, ?)').run(
      seededUuid('library'),
      Buffer.from(plist),
    );
    const primaryKey = this.#prepare('INSERT INTO Z_PRIMARYKEY (Z_ENT, Z_NAME, Z_SUPER, Z_MAX) VALUES (?, ?, ?, 0)');
    for (const { name, number, parent } of Object.values(this.#facts.entities)) primaryKey.run(number, name, parent);
    primaryKey.run(16001, 'CHANGE', 0);
    const { folder } = this.#facts.entities;
    const root = this.#insert('album', folder, { ZKIND: 3999, ...albumDefaults, ZUUID: seededUuid('root folder') });
    this.#albums.set(albumKey([]), { key: root, count: 0 });
  }

  addAsset(described: DescribedAsset): void {
    const { entities } = this.#facts;
    const key = this.#assetCount + 1;
    const index = this.#assetCount;
    this.#assetCount += 1;
    const assetRow = { ...assetCells(described, index), ZADDITIONALATTRIBUTES: key };
    this.#insert('asset', entities.asset, { ...assetRow, ...described.cells?.asset });
    const caption = described.caption;
    const description =
      caption === undefined
        ? null
        : this.#insert('description', entities.description, { ZASSETATTRIBUTES: key, ZLONGDESCRIPTION: caption });
    const attributesRow = { ...attributeCells(described, index), ZASSET: key, ZASSETDESCRIPTION: description };
    this.#insert('attributes', entities.attributes, { ...attributesRow, ...described.cells?.attributes });
    for (const resource of resourcesOf(described)) {
      this.#insert('resource', entities.resource, { ...resource, ZASSET: key });
    }
    for (const album of described.albums ?? []) this.#addToAlbum(key, partsOf(album), described);
  }

  /** Writes the row of the asset that was added as number `index` once more. */
  update(index: number, described: DescribedAsset): void {
    const row = { ...assetCells(described, index), ...described.cells?.asset };
    const columns = this.#present('asset', row);
    const set = columns.map((column) => `${column} = ?`).join(', ');
    const values = columns.map((column) => row[column] ?? null);
    this.#prepare(`UPDATE ${this.#facts.assetTable} SET Z_OPT = Z_OPT + 1, ${set} WHERE Z_PK = ?`).run(
      ...values,
      index + 1,
    );
    if (described.trashedAtMs !== undefined) {
      this.#prepare('UPDATE ZINTERNALRESOURCE SET ZTRASHEDSTATE = 1, ZTRASHEDDATE = ? WHERE ZASSET = ?').run(
        appleSeconds(described.trashedAtMs),
        index + 1,
      );
    }
  }

  updateMaxima(): void {
    const { asset, attributes, description, genericAlbum, resource } = this.#facts.entities;
    const ofTable: readonly [TableName, Entity][] = [
      ['asset', asset],
      ['attributes', attributes],
      ['description', description],
      ['album', genericAlbum],
      ['resource', resource],
    ];
    const statement = this.#prepare('UPDATE Z_PRIMARYKEY SET Z_MAX = ? WHERE Z_ENT = ?');
    for (const [table, { number }] of ofTable) statement.run(this.#maxima.get(table) ?? 0, number);
    const count = this.#prepare('UPDATE ZGENERICALBUM SET ZCACHEDCOUNT = ? WHERE Z_PK = ?');
    for (const album of this.#albums.values()) count.run(album.count, album.key);
  }

  #addToAlbum(assetKey: number, parts: readonly string[], { savedAssetType }: DescribedAsset): void {
    const isShared = savedAssetType === 4;
    const album = this.#albumAt(parts, isShared);
    album.count += 1;
    const names = albumJoin(this.#generation);
    this.#prepare(`INSERT INTO ${names.table} (${names.album}, ${names.asset}, ${names.order}) VALUES (?, ?, ?)`).run(
      album.key,
      assetKey,
      1024 * (album.count + 1),
    );
  }

  #albumAt(parts: readonly string[], isShared: boolean): Album {
    const { album, sharedAlbum } = this.#facts.entities;
    if (isShared) return this.#albumNamed(`shared ${albumKey(parts)}`, sharedAlbum, 1505, parts.join('/'), null);
    const parent = this.#folderAt(parts.slice(0, -1));
    return this.#albumNamed(`album ${albumKey(parts)}`, album, 2, parts.at(-1) ?? '', parent.key);
  }

  #folderAt(parts: readonly string[]): Album {
    const known = this.#albums.get(albumKey(parts));
    if (known !== undefined) return known;
    const parent = this.#folderAt(parts.slice(0, -1));
    return this.#albumNamed(albumKey(parts), this.#facts.entities.folder, 4000, parts.at(-1) ?? '', parent.key);
  }

  #albumNamed(name: string, entity: Entity, kind: number, title: string, parent: number | null): Album {
    const known = this.#albums.get(name);
    if (known !== undefined) return known;
    const place = { ZPARENTFOLDER: parent, Z_FOK_PARENTFOLDER: parent === null ? null : 1024 * this.#albums.size };
    const row = { ...albumDefaults, ...place, ZKIND: kind, ZTITLE: title, ZUUID: seededUuid(`album ${name}`) };
    const made = { key: this.#insert('album', entity, row), count: 0 };
    this.#albums.set(name, made);
    return made;
  }

  /** Large libraries are made with it too. */
  #prepare(sql: string): Database.Statement {
    const statement = this.#statements.get(sql) ?? this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  #insert(table: TableName, entity: Entity, row: Row): number {
    const key = (this.#maxima.get(table) ?? 0) + 1;
    this.#maxima.set(table, key);
    const columns = this.#present(table, row);
    const names = ['Z_PK', 'Z_ENT', 'Z_OPT', ...columns];
    const places = names.map(() => '?').join(', ');
    this.#prepare(`INSERT INTO ${tablesOf(this.#generation)[table].name} (${names.join(', ')}) VALUES (${places})`).run(
      key,
      entity.number,
      1,
      ...columns.map((column) => row[column] ?? null),
    );
    return key;
  }

  /** The columns of the row that this generation has. One that no generation has is a mistake of the test's. */
  #present(table: TableName, row: Row): readonly string[] {
    const { name, columns } = tablesOf(this.#generation)[table];
    return Object.keys(row).filter((wanted) => {
      const column = columns.find(([known]) => known === wanted);
      if (column === undefined) throw new Error(`${name} has no column ${wanted}`);
      return hasColumn(column, this.#generation);
    });
  }
}

const albumDefaults: Row = {
  ZCACHEDCOUNT: 0,
  ZCLOUDDELETESTATE: 0,
  ZCLOUDLOCALSTATE: 0,
  ZTRASHEDSTATE: 0,
  ZCREATIONDATE: 593881375.196531,
};

function partsOf(album: string | readonly string[]): readonly string[] {
  return typeof album === 'string' ? album.split('/') : album;
}

function albumKey(parts: readonly string[]): string {
  return JSON.stringify(parts);
}

/** Seconds since 2001, as all dates in it. */
function appleSeconds(ms: number): number {
  return ms / 1000 - 978_307_200;
}

const firstTakenAtMs = Date.parse('2023-01-01T12:00:00Z');
const defaultOffsetSeconds = 7200;

function takenAtMsOf({ takenAtMs }: DescribedAsset, index: number): number | null {
  return takenAtMs === undefined ? firstTakenAtMs + index * 60_000 : takenAtMs;
}

function isVideo({ kind, name }: DescribedAsset): boolean {
  return kind === undefined ? /\.(mov|mp4|m4v|3gp|avi)$/i.test(name ?? '') : kind === 'video';
}

function isFromSharedAlbum({ savedAssetType }: DescribedAsset): boolean {
  return savedAssetType === 4;
}

function isInCloud({ cloud, original, savedAssetType }: DescribedAsset): boolean {
  return cloud ?? (savedAssetType === 6 || original === 'iCloudOnly');
}

function liveIdOf({ live, folder, name }: DescribedAsset): string | null {
  if (live === undefined || live === false) return null;
  return live === true ? seededUuid(`live ${folder}/${name}`) : live;
}

const bundleScope: Readonly<Record<number, number>> = { 4: 2, 12: 3 };

function assetCells(asset: DescribedAsset, index: number): Row {
  const { savedAssetType = 3, edited = false } = asset;
  const takenAtMs = takenAtMsOf(asset, index);
  const taken = takenAtMs === null ? null : appleSeconds(takenAtMs);
  const liveId = liveIdOf(asset);
  const still = liveId === null ? { subtype: 0, style: 1 } : { subtype: 2, style: 3 };
  const { subtype, style } = isVideo(asset) ? { subtype: 0, style: 4 } : still;
  const changed = liveId === null ? 1 : 2; // As on an edited still, and on an edited Live Photo.
  return {
    ZACTIVELIBRARYSCOPEPARTICIPATIONSTATE: asset.inSharedLibrary === true ? 1 : 0,
    ZADJUSTMENTSSTATE: edited ? changed : 0,
    ZAVALANCHEPICKTYPE: asset.pickType ?? 0,
    ZBUNDLESCOPE: bundleScope[savedAssetType] ?? 0,
    ZCLOUDDELETESTATE: 0,
    ZCLOUDISMYASSET: 0,
    ZCLOUDLOCALSTATE: isInCloud(asset) ? 1 : 0,
    ZCOMPLETE: 1,
    ZFAVORITE: asset.favorite === true ? 1 : 0,
    ZHASADJUSTMENTS: edited ? 1 : 0,
    ZHEIGHT: 3024,
    ZHIDDEN: asset.hidden === true ? 1 : 0,
    ZISDETECTEDSCREENSHOT: 0,
    ZKIND: isVideo(asset) ? 1 : 0,
    ZKINDSUBTYPE: subtype,
    ZORIENTATION: 1,
    ZPLAYBACKSTYLE: style,
    ZSAVEDASSETTYPE: savedAssetType,
    ZTRASHEDREASON: 0,
    ZTRASHEDSTATE: asset.trashedAtMs === undefined ? 0 : 1,
    ZVISIBILITYSTATE: asset.shown === false ? 2 : 0,
    ZWIDTH: 4032,
    ZADDEDDATE: taken,
    ZDATECREATED: taken,
    ZDURATION: isVideo(asset) ? 3 : 0,
    ZLATITUDE: -180,
    ZLONGITUDE: -180,
    ZMODIFICATIONDATE: taken,
    ZSORTTOKEN: taken,
    ZTRASHEDDATE: asset.trashedAtMs === undefined ? null : appleSeconds(asset.trashedAtMs),
    ZAVALANCHEUUID: asset.burstId ?? null,
    ZDIRECTORY: asset.folder,
    ZFILENAME: asset.name,
    ZMEDIAGROUPUUID: liveId,
    ZUNIFORMTYPEIDENTIFIER: typeOf(asset.name)?.identifier ?? null,
    ZUUID: asset.uuid ?? seededUuid(`asset ${asset.folder}/${asset.name}`),
  };
}

function attributeCells(asset: DescribedAsset, index: number): Row {
  const takenAtMs = takenAtMsOf(asset, index);
  const offset =
    asset.offsetSeconds === undefined && isFromSharedAlbum(asset)
      ? null
      : asset.offsetSeconds === undefined
        ? defaultOffsetSeconds
        : asset.offsetSeconds;
  return {
    ZDATECREATEDSOURCE: 1,
    ZIMPORTEDBY: 1,
    ZINFERREDTIMEZONEOFFSET: offset,
    ZORIGINALFILESIZE: asset.sizeBytes ?? 0,
    ZORIGINALHEIGHT: 3024,
    ZORIGINALORIENTATION: 1,
    ZORIGINALWIDTH: 4032,
    ZPTPTRASHEDSTATE: 0,
    ZTIMEZONEOFFSET: offset,
    ZEXIFTIMESTAMPSTRING: takenAtMs === null || offset === null ? null : exifTime(takenAtMs + offset * 1000),
    ZORIGINALFILENAME: asset.originalName ?? asset.name,
    ZTIMEZONENAME: offset === null ? null : zoneName(offset),
  };
}

/** `2025:03:11 12:25:11`; null for what no Date can hold, as damaged databases have it. */
function exifTime(localMs: number): string | null {
  const local = new Date(localMs);
  if (Number.isNaN(local.getTime())) return null;
  return local.toISOString().slice(0, 19).replaceAll('-', ':').replace('T', ' ');
}

/** `GMT-0400`. */
function zoneName(offsetSeconds: number): string {
  const minutes = Math.abs(Math.trunc(offsetSeconds / 60));
  const digits = [Math.trunc(minutes / 60), minutes % 60].map((part) => String(part).padStart(2, '0')).join('');
  return `GMT${offsetSeconds < 0 ? '-' : '+'}${digits}`;
}

interface FileType {
  readonly identifier: string;
  /** ZCOMPACTUTI, where a sample showed it. */
  readonly compact?: string;
}

const jpeg: FileType = { identifier: 'public.jpeg', compact: '1' };
const movie: FileType = { identifier: 'com.apple.quicktime-movie', compact: '23' };
const types: Readonly<Record<string, FileType>> = {
  jpg: jpeg,
  jpeg,
  heic: { identifier: 'public.heic', compact: '3' },
  png: { identifier: 'public.png', compact: '6' },
  webp: { identifier: 'org.webmproject.webp' },
  mov: movie,
  mp4: { identifier: 'public.mpeg-4' },
};

function typeOf(name: string | null): FileType | undefined {
  return types[/\.([^.]*)$/.exec(name ?? '')?.[1]?.toLowerCase() ?? ''];
}

/** ZRECIPEID of the versions that Photos makes. */
const recipes = {
  medium: 65741,
  small: 65743,
  thumbnail: 65747,
  editedPhoto: 65938,
  video: 131079,
  editedVideo: 131272,
};
const resourceType = { photo: 0, video: 1, pairedVideo: 3 };

/** The rows as real libraries have them: 11 beta with iCloud, 15.4.1 and 15.7.2 for the edits. */
function resourcesOf(asset: DescribedAsset): readonly Row[] {
  const trashed =
    asset.trashedAtMs === undefined ? {} : { ZTRASHEDSTATE: 1, ZTRASHEDDATE: appleSeconds(asset.trashedAtMs) };
  return [...originalsOf(asset), ...(isFromSharedAlbum(asset) ? sharedVersionsOf(asset) : ownVersionsOf(asset))].map(
    (row) => ({ ...row, ...trashed }),
  );
}

function originalsOf(asset: DescribedAsset): readonly Row[] {
  const { original = isFromSharedAlbum(asset) ? 'noRow' : 'here' } = asset;
  const { pairedVideo = original } = asset;
  const still = placedRow(asset, original, {
    ZRESOURCETYPE: isVideo(asset) ? resourceType.video : resourceType.photo,
    ZDATASTORESUBTYPE: 1,
    ZDATALENGTH: asset.sizeBytes ?? 0,
    ZCOMPACTUTI: typeOf(asset.name)?.compact ?? null,
  });
  const moving = placedRow(asset, pairedVideo, {
    ZRESOURCETYPE: resourceType.pairedVideo,
    ZDATASTORESUBTYPE: 18,
    ZDATALENGTH: asset.pairedVideoBytes ?? 0,
    ZCOMPACTUTI: movie.compact ?? null,
  });
  return [
    ...still.map((row) => ({ ...row, ...asset.cells?.original })),
    ...(liveIdOf(asset) === null || isVideo(asset) ? [] : moving),
  ];
}

function placedRow(asset: DescribedAsset, place: DescribedPlace, row: Row): readonly Row[] {
  if (place === 'noRow') return [];
  return [resource({ ...row, ...inCloud(place === 'iCloudOnly' || isInCloud(asset)), ...at(place === 'here') })];
}

/** Thumbnail, poster, what iCloud offers instead of the original, and the edit: mostly somewhere else than the original is. */
function ownVersionsOf(asset: DescribedAsset): readonly Row[] {
  const cloud = inCloud(isInCloud(asset));
  const isAway = asset.original === 'iCloudOnly';
  const photo = { ZRESOURCETYPE: resourceType.photo, ZCOMPACTUTI: jpeg.compact ?? null };
  const video = { ZRESOURCETYPE: resourceType.video, ZCOMPACTUTI: movie.compact ?? null };
  const rows: Row[] = [
    { ...photo, ...at(true), ZDATASTORESUBTYPE: 0, ZVERSION: 3, ZRECIPEID: recipes.thumbnail, ZDATALENGTH: 100_000 },
  ];
  if (isVideo(asset)) {
    rows.push({
      ...photo,
      ...cloud,
      ...at(true),
      ZDATASTORESUBTYPE: 4,
      ZRECIPEID: recipes.medium,
      ZDATALENGTH: 139_700,
    });
    if (isInCloud(asset)) {
      rows.push({
        ...video,
        ...cloud,
        ...at(false),
        ZDATASTORESUBTYPE: 6,
        ZRECIPEID: recipes.video,
        ZDATALENGTH: 900_000,
      });
    }
  } else if (isInCloud(asset)) {
    rows.push(
      { ...photo, ...cloud, ...at(isAway), ZDATASTORESUBTYPE: 4, ZRECIPEID: recipes.medium, ZDATALENGTH: 675_143 },
      { ...photo, ...cloud, ...at(false), ZDATASTORESUBTYPE: 5, ZRECIPEID: recipes.small, ZDATALENGTH: 64_346 },
    );
  }
  if (asset.edited === true) {
    const edit = { ...cloud, ...at(true), ZVERSION: 2, ZDATALENGTH: 750_000 };
    rows.push(
      isVideo(asset)
        ? { ...video, ...edit, ZDATASTORESUBTYPE: 16, ZRECIPEID: recipes.editedVideo }
        : { ...photo, ...edit, ZDATASTORESUBTYPE: 2, ZRECIPEID: recipes.editedPhoto },
    );
    if (liveIdOf(asset) !== null && !isVideo(asset)) {
      const moving = { ZRESOURCETYPE: resourceType.pairedVideo, ZCOMPACTUTI: movie.compact ?? null };
      rows.push({ ...moving, ...edit, ZDATASTORESUBTYPE: 19, ZRECIPEID: recipes.editedVideo });
    }
  }
  return rows.map(resource);
}

/** Of what is in a shared album there are only reduced versions, and no row of an original. */
function sharedVersionsOf(asset: DescribedAsset): readonly Row[] {
  const shared = { ZDATASTORECLASSID: 2, ZREMOTEAVAILABILITY: 1, ZCOMPACTUTI: jpeg.compact ?? null };
  const photo = { ...shared, ZRESOURCETYPE: resourceType.photo };
  const video = { ...shared, ZRESOURCETYPE: resourceType.video, ZCOMPACTUTI: null };
  const rows: readonly Row[] = isVideo(asset)
    ? [
        { ...photo, ...at(true), ZDATASTORESUBTYPE: 5, ZRECIPEID: recipes.medium },
        { ...video, ...at(false), ZDATASTORESUBTYPE: 8, ZRECIPEID: recipes.video },
      ]
    : [
        { ...photo, ...at(true), ZDATASTORESUBTYPE: 3, ZRECIPEID: recipes.medium },
        { ...photo, ...at(false), ZDATASTORESUBTYPE: 4, ZRECIPEID: recipes.small },
      ];
  return rows.map(resource);
}

function at(isHere: boolean): Row {
  return { ZLOCALAVAILABILITY: isHere ? 1 : -1 };
}

function inCloud(isThere: boolean): Row {
  return { ZREMOTEAVAILABILITY: isThere ? 1 : 0, ZCLOUDLOCALSTATE: isThere ? 3 : 0 };
}

function resource(row: Row): Row {
  return {
    ZCLOUDDELETESTATE: 0,
    ZCLOUDLOCALSTATE: 0,
    ZDATALENGTH: 0,
    ZDATASTORECLASSID: 0,
    ZFILEID: -1,
    ZLOCALAVAILABILITYTARGET: 0,
    ZPTPTRASHEDSTATE: 0,
    ZRECIPEID: 0,
    ZREMOTEAVAILABILITY: 0,
    ZREMOTEAVAILABILITYTARGET: 0,
    ZTRASHEDSTATE: 0,
    ZVERSION: 0,
    ...row,
  };
}
