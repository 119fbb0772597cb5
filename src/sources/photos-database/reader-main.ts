// The reading child: one Photos database, given as the only argument, is told to the parent on standard output
// (`reader-message`). Started by `reader-process`, which ends it when it takes too long; it has no other way to be stopped,
// because a query of SQLite does not come back to JavaScript.
//
// node:sqlite and not better-sqlite3, which everything else uses: only this one lets a caller lower SQLite's limits and say what a
// statement may do, and it needs no native add-on, so that Node's permission model can be on. `PRAGMA hard_heap_limit` is without
// effect in both (compiled with SQLITE_DEFAULT_MEMSTATUS=0); `limits.length` is what bounds memory.

import { Buffer } from 'node:buffer';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { constants as osConstants, setPriority } from 'node:os';
import { constants, DatabaseSync } from 'node:sqlite';
import type { PhotosAsset } from '../../domain/photos-asset.ts';
import { readAssets, readFacts } from './read-library.ts';
import { batchAssetsMax, batchLengthMax, failureLengthMax, type ReaderMessage } from './reader-message.ts';
import { lookUpSchema, type Schema, tablesOf, UnreadableList } from './schema.ts';

const databaseBytesMax = 16 * 1024 ** 3;
const cacheKibibytes = 2_048;
/** Of any text or blob that SQLite makes or loads, and so of what it may be made to hold at one time. */
const valueBytesMax = 4 * 1024 * 1024;
const sqliteMagic = 'SQLite format 3\0';

async function main(path: string): Promise<void> {
  try {
    setPriority(osConstants.priority.PRIORITY_BELOW_NORMAL); // not the lowest: on a busy machine it would not be done in time
  } catch {
    // a system that does not let it; it then runs as others do
  }
  try {
    await read(path);
  } catch (error) {
    // Whatever it was, the parent is told: it cannot go on without the list either way.
    const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    await send({ failed: reason.slice(0, failureLengthMax) });
  }
  // Without closing the database, which would write its log into the file: the copy stays as it is, for a second look.
  process.exit();
}

async function read(path: string): Promise<void> {
  assertDatabase(path);
  const database = openDatabase(path);
  const schema = lookUpSchema(database);
  assertWhole(database, schema);
  await send({ facts: readFacts(database, schema) });
  let batch: string[] = [];
  let batchLength = 0;
  let count = 0;
  const sendBatch = async (): Promise<void> => {
    if (batch.length > 0) await sendText(`{"assets":[${batch.join(',')}]}`);
    batch = [];
    batchLength = 0;
  };
  for (const asset of readAssets(database, schema)) {
    const text = JSON.stringify(asset satisfies PhotosAsset);
    batch.push(text);
    batchLength += text.length;
    count += 1;
    if (batch.length === batchAssetsMax || batchLength >= batchLengthMax) await sendBatch();
  }
  await sendBatch();
  await send({ end: { assets: count } });
}

/** Looks at the file before SQLite does, which takes an empty one for an empty database. */
function assertDatabase(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    const status = fstatSync(descriptor);
    const magic = Buffer.alloc(sqliteMagic.length);
    if (!status.isFile()) throw new UnreadableList('it is no file');
    if (status.size > databaseBytesMax) throw new UnreadableList(`it has more than ${databaseBytesMax} bytes`);
    readSync(descriptor, magic, 0, magic.length, 0);
    if (magic.toString('latin1') !== sqliteMagic) throw new UnreadableList('it is no SQLite database');
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Opened for writing because only so the log beside it (`-wal`) can be applied without the index that the other side's program
 * kept (`-shm`): in exclusive mode SQLite makes its own, in memory. Nothing is written.
 */
function openDatabase(path: string): DatabaseSync {
  const database = new DatabaseSync(path, {
    allowExtension: false,
    defensive: true,
    limits: { length: valueBytesMax, sqlLength: valueBytesMax, attach: 0, triggerDepth: 0, likePatternLength: 100 },
  });
  const settings = [
    'locking_mode = EXCLUSIVE',
    'query_only = ON',
    'trusted_schema = OFF',
    'cell_size_check = ON',
    'ignore_check_constraints = ON', // they are the database's own expressions, and checking would run them
    'mmap_size = 0',
    `cache_size = -${cacheKibibytes}`,
    'cache_spill = ON',
    'temp_store = FILE',
    'threads = 0',
  ];
  for (const setting of settings) database.exec(`PRAGMA ${setting}`);
  database.setAuthorizer(authorize);
  return database;
}

const functionsAllowed = new Set(['typeof', 'octet_length']);
const pragmasAllowed = new Set(['quick_check', 'table_list', 'table_xinfo']);

/** What the statements of `schema` and `read-library` need; what a schema could smuggle into them is not among it. */
function authorize(
  action: number,
  first: string | null,
  second: string | null,
  _: string | null,
  inner: string | null,
) {
  switch (action) {
    case constants.SQLITE_SELECT:
      return constants.SQLITE_OK;
    case constants.SQLITE_READ:
      return inner === null ? constants.SQLITE_OK : constants.SQLITE_DENY; // inside a view or trigger
    case constants.SQLITE_FUNCTION:
      return functionsAllowed.has(second ?? '') ? constants.SQLITE_OK : constants.SQLITE_DENY;
    case constants.SQLITE_PRAGMA:
      return pragmasAllowed.has(first ?? '') ? constants.SQLITE_OK : constants.SQLITE_DENY;
    default:
      return constants.SQLITE_DENY;
  }
}

/**
 * The tables that are read, with their indexes, and not the whole file: damage elsewhere takes no knowledge away, and the check of
 * a search index (Photos has an R-tree) would run much of SQLite's code on what it holds.
 */
function assertWhole(database: DatabaseSync, schema: Schema): void {
  for (const { name } of tablesOf(schema)) {
    const finding = database.prepare(`PRAGMA quick_check("${name}")`).get()?.['quick_check'];
    if (finding !== 'ok') throw new UnreadableList(`${name} is damaged: ${String(finding)}`);
  }
}

function send(message: ReaderMessage): Promise<void> {
  return sendText(JSON.stringify(message));
}

/** Waits until it is written: what the parent does not take does not pile up here, and the process may end after the last. */
function sendText(line: string): Promise<void> {
  return new Promise((resolve) => process.stdout.write(`${line}\n`, () => resolve()));
}

await main(process.argv[2] ?? '');
