// Opens the catalogue of a library, and makes it from the manifests where this machine has none.

import { chmod, readdir, rename, rm } from 'node:fs/promises';
import type { CatalogStore } from '../library/catalog/catalog-store.ts';
import { openCatalog } from '../library/catalog/sqlite-catalog.ts';
import type { Library } from '../library/library.ts';
import { rebuildCatalog } from '../library/recovery.ts';
import type { Log } from '../platform/log.ts';
import { catalogPath, type KeepsakePaths } from './paths.ts';

/** The library's catalogue; if this machine has none, or an empty one, it is made from the manifests in the library. */
export async function openLibraryCatalog(options: {
  library: Library;
  paths: KeepsakePaths;
  log: Log;
}): Promise<CatalogStore> {
  const { library, paths, log } = options;
  const path = catalogPath(paths, library.id);
  const open = () => openCatalog({ path, libraryId: library.id });
  const catalog = open();
  try {
    await chmod(path, 0o600);
    const names = catalog.isEmpty() ? await readdir(library.folders.imports) : [];
    const manifests = names.filter((name) => name.endsWith('.jsonl')).sort();
    if (manifests.length === 0) return catalog;
    await rebuildBeside(path, { library, manifests, log });
  } catch (error) {
    catalog[Symbol.dispose]();
    throw error;
  }
  catalog[Symbol.dispose]();
  await rename(besidePath(path), path);
  return open();
}

function besidePath(path: string): string {
  return `${path}.rebuilding`;
}

/** Beside, because half a catalogue would look like a whole one at the next start, and photos it lacks be saved twice. */
async function rebuildBeside(
  path: string,
  options: Omit<Parameters<typeof rebuildCatalog>[0], 'catalog'>,
): Promise<void> {
  const beside = besidePath(path);
  for (const ending of ['', '-wal', '-shm']) await rm(`${beside}${ending}`, { force: true }); // of an attempt that failed
  using catalog = openCatalog({ path: beside, libraryId: options.library.id });
  await chmod(beside, 0o600);
  await rebuildCatalog({ ...options, catalog });
}
