// Adopts folders in this process the way the command does, below the command line, and takes the fingerprints by which a
// test can tell that nothing was moved, renamed or written to.

import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { type AdoptRequest, type AdoptResult, adoptFolder } from '../../src/agent/adopt.ts';
import { findPaths } from '../../src/agent/paths.ts';
import type { AbsolutePath } from '../../src/domain/ids.ts';
import { temporaryFolder } from './keepsake.ts';
import { catalogOf } from './lost-catalog.ts';

export interface AdoptScene extends Disposable {
  readonly path: string;
  readonly home: string;
  readonly library: string;
  /** Writes below the scene a file that was last modified a while ago. */
  write(path: string, content: string | Uint8Array, modifiedAt?: number): string;
  /** All of the scene's library if no folder is named. */
  adopt(options?: Partial<Omit<AdoptRequest, 'root' | 'paths'>>): Promise<AdoptResult>;
}

export function makeAdoptScene(): AdoptScene {
  const scratch = temporaryFolder();
  const [home, library] = [join(scratch.path, 'home'), join(scratch.path, 'Fotos')];
  mkdirSync(library);
  return {
    path: scratch.path,
    home,
    library,
    write: (path, content, modifiedAt = 1.7e9) => {
      const full = join(scratch.path, path);
      mkdirSync(dirname(full), { recursive: true });
      writeFileSync(full, content);
      utimesSync(full, modifiedAt, modifiedAt);
      return full;
    },
    adopt: (options = {}) => adopt({ home, library }, options),
    [Symbol.dispose]: () => scratch[Symbol.dispose](),
  };
}

export async function adopt(
  { home, library }: { readonly home: string; readonly library: string },
  options: Partial<Omit<AdoptRequest, 'root' | 'paths'>> = {},
): Promise<AdoptResult> {
  return await adoptFolder({
    folder: library,
    root: library as AbsolutePath,
    settings: { timeZone: 'Europe/Berlin', allowCloudFolder: false, logLevel: 'error' },
    paths: findPaths({ HOME: home, KEEPSAKE_HOME: home }),
    dryRun: false,
    onProgress: () => undefined,
    signal: new AbortController().signal,
    ...options,
  });
}

/** Every file, folder and link: what it is, which inode, its time, its bytes. Ours (`.keepsake` at the top) only if asked for. */
export function fingerprint(root: string, options: { readonly withOwn?: boolean } = {}): readonly string[] {
  const lines: string[] = [];
  const visit = (folder: string) => {
    for (const name of readdirSync(join(root, folder)).sort()) {
      const path = folder === '' ? name : `${folder}/${name}`;
      if (path === '.keepsake' && options.withOwn !== true) continue;
      const facts = lstatSync(join(root, path), { bigint: true });
      const start = `${path} ${facts.ino} ${facts.mode}`;
      if (facts.isDirectory()) {
        // A library gets its `.keepsake`, which is a change of the folder that it lies in.
        lines.push(start);
        visit(path);
      } else if (facts.isSymbolicLink()) lines.push(`${start} -> ${readlinkSync(join(root, path))}`);
      else if (!facts.isFile()) lines.push(start);
      else {
        const sha256 = createHash('sha256')
          .update(readFileSync(join(root, path)))
          .digest('hex');
        lines.push(`${start} ${facts.nlink} ${facts.mtimeNs} ${facts.size} ${sha256}`);
      }
    }
  };
  visit('');
  return lines;
}

/** What the catalogue says of each asset, without ids, read by means of the test's own. */
export function describeCatalog(place: { readonly home: string; readonly library: string }): readonly unknown[] {
  using database = openDatabase(catalogOf(place));
  const assets = database.all('SELECT * FROM asset');
  const resources = database.all('SELECT * FROM resource ORDER BY path');
  return assets
    .map(({ id, captured_local, date_basis, kind, folder, stem, suffix, live_id, camera }) => ({
      ...{ kind, captured_local, date_basis, folder, stem, suffix, live_id, camera },
      files: resources
        .filter(({ asset_id }) => asset_id === id)
        .map(({ role, path, hash, size_bytes, modified_at_ns }) =>
          [role, path, hash, size_bytes, modified_at_ns].join(' '),
        ),
    }))
    .sort((one, other) => ((one.files[0] ?? '') < (other.files[0] ?? '') ? -1 : 1));
}

/** `role path` of each file, asset by asset. */
export function filesByAsset(place: {
  readonly home: string;
  readonly library: string;
}): readonly (readonly string[])[] {
  using database = openDatabase(catalogOf(place));
  const resources = database.all('SELECT asset_id, role, path FROM resource ORDER BY path');
  return [...Map.groupBy(resources, ({ asset_id }) => asset_id).values()]
    .map((files) => files.map(({ role, path }) => `${role} ${path}`))
    .sort();
}

function openDatabase(path: string): Disposable & { all(sql: string): readonly Record<string, unknown>[] } {
  const database = new Database(path, { readonly: true });
  database.defaultSafeIntegers(true);
  return {
    all: (sql) => database.prepare<[], Record<string, unknown>>(sql).all(),
    [Symbol.dispose]: () => database.close(),
  };
}
