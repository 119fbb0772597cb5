// A real library with its catalogue in a temporary folder, for tests of what works on the two.
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pino } from 'pino';
import type { AbsolutePath } from '../../../src/domain/ids.ts';
import type { CatalogStore } from '../../../src/library/catalog/catalog-store.ts';
import { openCatalog } from '../../../src/library/catalog/sqlite-catalog.ts';
import { openKnownLibraries } from '../../../src/library/known-libraries.ts';
import { type Library, openLibrary } from '../../../src/library/library.ts';
import { rebuildCatalog } from '../../../src/library/rebuild-catalog.ts';
import { temporaryFolder } from '../../support/keepsake.ts';

export const silentLog = pino({ level: 'silent' });

export interface LibraryScene extends AsyncDisposable {
  readonly folder: string;
  readonly library: Library;
  readonly catalog: CatalogStore;
  readonly root: AbsolutePath;
  write(path: string, bytes: string | Buffer): string;
  /** A second catalogue, made from the manifests alone. */
  rebuilt(): Promise<CatalogStore>;
}

export async function openLibraryScene(): Promise<LibraryScene> {
  const scratch = temporaryFolder();
  const root = join(scratch.path, 'photos') as AbsolutePath;
  const known = openKnownLibraries(join(scratch.path, 'libraries.json') as AbsolutePath);
  const library = await openLibrary({ root, known });
  const catalog = openCatalog({ path: join(scratch.path, 'c.db'), libraryId: library.id });
  let rebuilds = 0;
  const opened: Disposable[] = [];
  return {
    folder: scratch.path,
    library,
    catalog,
    root: library.folders.root,
    write: (path, bytes) => {
      const full = join(scratch.path, path);
      mkdirSync(dirname(full), { recursive: true });
      writeFileSync(full, bytes);
      utimesSync(full, 1.7e9, 1.7e9);
      return full;
    },
    rebuilt: async () => {
      rebuilds += 1;
      const again = openCatalog({ path: join(scratch.path, `rebuilt-${rebuilds}.db`), libraryId: library.id });
      opened.push(again);
      await rebuildCatalog({ library, catalog: again, log: silentLog, signal: new AbortController().signal });
      return again;
    },
    [Symbol.asyncDispose]: async () => {
      for (const each of opened) each[Symbol.dispose]();
      catalog[Symbol.dispose]();
      await library[Symbol.asyncDispose]();
      scratch[Symbol.dispose]();
    },
  };
}
