// Private copies of Photos databases for tests: of the samples, which lie in the media folder and not in the repository, and of
// libraries made here.

import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'vitest';
import type { AbsolutePath } from '../../../../src/domain/ids.ts';
import type { PhotosAsset, PhotosLibraryFacts } from '../../../../src/domain/photos-asset.ts';
import { openPhotosDatabase } from '../../../../src/sources/photos-database/photos-database.ts';
import { findTestMedia, needPrograms } from '../../../support/requirements.ts';

export interface PrivateCopy extends Disposable {
  readonly folder: string;
  readonly path: AbsolutePath;
  readonly logPath: string;
}

export function makePrivateFolder(): PrivateCopy {
  const folder = mkdtempSync(join(tmpdir(), 'keepsake-photos-'));
  return {
    folder,
    path: join(folder, 'Photos.sqlite') as AbsolutePath,
    logPath: join(folder, 'Photos.sqlite-wal'),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** `file` of the media folder: the database itself, or an archive with a folder that holds one. Skips where there is none. */
export function copySample(context: TestContext, file: string): PrivateCopy {
  const media = findTestMedia();
  if (media === undefined) context.skip('needs the folder of test media');
  const samples = join(media, 'macos_photos');
  const copy = makePrivateFolder();
  let from = samples;
  if (file.endsWith('.tar.xz')) {
    needPrograms(context, 'tar', 'xz');
    execFileSync('tar', ['-xf', join(samples, file), '-C', copy.folder]);
    from = join(copy.folder, readdirSync(copy.folder)[0] ?? '');
  }
  for (const name of ['Photos.sqlite', 'Photos.sqlite-wal']) {
    if (!existsSync(join(from, name))) continue;
    copyFileSync(join(from, name), join(copy.folder, name));
    chmodSync(join(copy.folder, name), 0o600);
  }
  if (from !== samples) rmSync(from, { recursive: true });
  return copy;
}

export interface WholeLibrary {
  readonly facts: PhotosLibraryFacts;
  readonly assets: readonly PhotosAsset[];
}

export interface ReadAllOptions {
  readonly timeoutMs?: number;
  readonly readerMain?: string;
}

export async function readAll(path: string, options: ReadAllOptions = {}): Promise<WholeLibrary> {
  await using database = await openPhotosDatabase({
    path: path as AbsolutePath,
    signal: new AbortController().signal,
    ...options,
  });
  const assets: PhotosAsset[] = [];
  for await (const batch of database.assets()) assets.push(...batch);
  return { facts: database.facts, assets };
}
