// A consistent copy of the catalogue in the library, in case this computer is lost: for whoever wants to look into it. Nothing
// here reads it: a rebuild needs the manifests, sources.json and the photos only (docs/design.md, "Recovery").

import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type AgentError, isAgentError, systemErrorCode } from '../domain/errors.ts';
import { flushFolder, writeError } from '../platform/durable-write.ts';
import type { CatalogStore } from './catalog/catalog-store.ts';
import type { Library } from './library.ts';

/** @throws AgentError for the library's disk: LIBRARY_GONE, LIBRARY_FULL, LIBRARY_READ_ONLY, LIBRARY_WRITE_FAILED. */
export async function backUpCatalog(library: Library, catalog: CatalogStore): Promise<void> {
  const path = join(library.folders.catalogBackup, 'catalog.db');
  const next = `${path}.new`;
  await rm(next, { force: true });
  try {
    catalog.snapshotTo(next);
    await rename(next, path);
  } catch (error) {
    await rm(next, { force: true }).catch(() => undefined); // the failure below is the one to report
    await library.assertPresent();
    throw snapshotError(error, path);
  }
  await flushFolder(library.folders.catalogBackup);
}

/** SQLite reports trouble with the snapshot, which is on the library's disk, as trouble with the catalogue, which is not. */
function snapshotError(error: unknown, path: string): AgentError {
  const sqliteCode = isAgentError(error, 'STATE_WRITE_FAILED') ? systemErrorCode(error.cause) : undefined;
  if (sqliteCode === undefined) return writeError(error, `"${path}"`);
  const isFailing = sqliteCode.startsWith('SQLITE_IOERR');
  const code = sqliteCode.startsWith('SQLITE_FULL') ? 'ENOSPC' : isFailing ? 'EIO' : 'EROFS';
  return writeError(Object.assign(new Error(sqliteCode, { cause: error }), { code }), `"${path}"`);
}
