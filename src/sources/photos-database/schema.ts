// Which tables and columns a Photos library has, looked up and not concluded from a version: numbers of tables changed even within
// one. Every name in a query is one of ours; the database contributes two whole numbers.

import type { DatabaseSync } from 'node:sqlite';
import { numberOf, type Row } from './row.ts';

/** Why a database is not read. For the log. */
export class UnreadableList extends Error {}

export interface Table {
  readonly name: string;
  readonly columns: ReadonlySet<string>;
}

export interface Schema {
  readonly assets: Table;
  readonly attributes: Table | undefined;
  readonly descriptions: Table | undefined;
  readonly resources: Table | undefined;
  readonly albums: Table | undefined;
  readonly albumEntries: AlbumEntries | undefined;
  readonly metadata: Table | undefined;
}

/** Which asset is in which album. */
export interface AlbumEntries {
  readonly table: Table;
  readonly albumColumn: string;
  readonly assetColumn: string;
}

const columnsMax = 2_000;
/** The largest number of an entity seen is 70. */
const entityNumberMax = 9_999;

/** @throws UnreadableList if there is no table of photos, or a view or the like in place of a table. */
export function lookUpSchema(database: DatabaseSync): Schema {
  const assets = findTable(database, 'ZASSET') ?? findTable(database, 'ZGENERICASSET');
  if (assets === undefined) throw new UnreadableList('it has no table of photos');
  if (!assets.columns.has('Z_PK') || !assets.columns.has('ZUUID')) {
    throw new UnreadableList('its table of photos has no numbers or identifiers');
  }
  return {
    assets,
    attributes: findTable(database, 'ZADDITIONALASSETATTRIBUTES'),
    descriptions: findTable(database, 'ZASSETDESCRIPTION'),
    resources: findTable(database, 'ZINTERNALRESOURCE'),
    albums: findTable(database, 'ZGENERICALBUM'),
    albumEntries: findAlbumEntries(database),
    metadata: findTable(database, 'Z_METADATA'),
  };
}

/** As SQLite has understood the schema: what the schema says of itself (`sqlite_schema.type`) can be a lie. */
function findTable(database: DatabaseSync, name: string): Table | undefined {
  const found = database.prepare("SELECT type FROM pragma_table_list(?) WHERE schema = 'main'").get(name);
  if (found === undefined) return undefined;
  if (found['type'] !== 'table') throw new UnreadableList(`${name} is not a table`);
  const columns = database.prepare('SELECT name, hidden FROM pragma_table_xinfo(?) LIMIT ?').all(name, columnsMax);
  // A generated column is an expression of the database's own, which runs when it is read or checked. Photos has none.
  if (columns.some((column) => column['hidden'] !== 0)) throw new UnreadableList(`${name} has a computed column`);
  return { name, columns: new Set(columns.map((column) => String(column['name']))) };
}

/** Every table that is read. */
export function tablesOf(schema: Schema): readonly Table[] {
  const { assets, attributes, descriptions, resources, albums, albumEntries, metadata } = schema;
  return [assets, attributes, descriptions, resources, albums, albumEntries?.table, metadata].filter(
    (table) => table !== undefined,
  );
}

function findAlbumEntries(database: DatabaseSync): AlbumEntries | undefined {
  const entities = findTable(database, 'Z_PRIMARYKEY');
  if (entities === undefined) return undefined;
  const album = entityNumber(database, entities, 'Album');
  const asset = entityNumber(database, entities, 'Asset') ?? entityNumber(database, entities, 'GenericAsset');
  if (album === undefined || asset === undefined) return undefined;
  const table = findTable(database, `Z_${album}ASSETS`);
  const [albumColumn, assetColumn] = [`Z_${album}ALBUMS`, `Z_${asset}ASSETS`];
  if (table === undefined || !table.columns.has(albumColumn) || !table.columns.has(assetColumn)) return undefined;
  return { table, albumColumn, assetColumn };
}

function entityNumber(database: DatabaseSync, entities: Table, name: string): number | undefined {
  const query = selectFrom(entities, { number: number('Z_ENT') }, `WHERE "Z_NAME" = '${name}' LIMIT 1`);
  if (!entities.columns.has('Z_NAME')) return undefined;
  const found = numberOf(database.prepare(query).get() as Row | undefined, 'number');
  return found !== undefined && Number.isInteger(found) && found >= 1 && found <= entityNumberMax ? found : undefined;
}

/** A column to read; `column` is one of our constants. */
interface Selected {
  readonly column: string;
  /** Given the quoted column. */
  readonly expression: (column: string) => string;
}

/** Read only if it is a number; whole numbers beyond 2^53 lose their last digits, and no bound lets them through. */
export function number(column: string): Selected {
  return { column, expression: (it) => `CASE WHEN typeof(${it}) IN ('integer', 'real') THEN CAST(${it} AS REAL) END` };
}

/** Read only if it is text of at most so many bytes: of a longer one, not even its pages are. */
export function text(column: string, bytesMax: number): Selected {
  return {
    column,
    expression: (it) => `CASE WHEN typeof(${it}) = 'text' AND octet_length(${it}) <= ${bytesMax} THEN ${it} END`,
  };
}

export function blob(column: string, bytesMax: number): Selected {
  return {
    column,
    expression: (it) => `CASE WHEN typeof(${it}) = 'blob' AND octet_length(${it}) <= ${bytesMax} THEN ${it} END`,
  };
}

/** The columns under names of ours; one that the table does not have is left out. */
export function columnList(table: Table, selected: Readonly<Record<string, Selected>>): readonly string[] {
  return Object.entries(selected)
    .filter(([, { column }]) => table.columns.has(column))
    .map(([name, { column, expression }]) => `${expression(`"${table.name}"."${column}"`)} AS "${name}"`);
}

export function selectFrom(table: Table, selected: Readonly<Record<string, Selected>>, rest: string): string {
  return `SELECT ${['1', ...columnList(table, selected)].join(', ')} FROM "${table.name}" ${rest}`;
}
