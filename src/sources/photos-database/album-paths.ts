// Titles of the albums with those of their folders. Folders that contain each other, or lie too deep, end the path and nothing else.

import type { DatabaseSync } from 'node:sqlite';
import { albumPathLengthMax, cleanText, isAlbumPath } from './claims.ts';
import { numberOf, type Row, textOf } from './row.ts';
import { number, type Schema, selectFrom, text } from './schema.ts';

/** Beyond, albums are not told of. */
const albumsMax = 20_000;
const titleBytesMax = 1_024;
const folderDepthMax = 16;
const kindUserAlbum = 2;
const kindSharedAlbum = 1505;
const kindFolder = 4000;

export interface AlbumPaths {
  /** None if this is no album of the owner's, or has no title. */
  pathOf(album: number | undefined): readonly [string] | readonly [];
}

interface Entry {
  readonly isAlbum: boolean;
  readonly title: string;
  readonly parent: number | undefined;
}

export function readAlbumPaths(database: DatabaseSync, schema: Schema): AlbumPaths {
  const entries = readEntries(database, schema);
  return {
    pathOf(album) {
      const entry = album === undefined ? undefined : entries.get(album);
      if (entry?.isAlbum !== true || !isAlbumPath(entry.title)) return [];
      const titles = [entry.title];
      let parent = entry.parent;
      for (let depth = 0; depth < folderDepthMax && parent !== undefined; depth += 1) {
        const folder = entries.get(parent);
        if (folder === undefined || folder.isAlbum) break; // the root folder has no title and is not among them
        if (folder.title !== '') titles.unshift(folder.title);
        parent = folder.parent;
      }
      const path = titles.join('/');
      return [path.length <= albumPathLengthMax ? path : entry.title];
    },
  };
}

function readEntries(database: DatabaseSync, { albums }: Schema): ReadonlyMap<number, Entry> {
  const entries = new Map<number, Entry>();
  if (albums === undefined || !['Z_PK', 'ZKIND'].every((column) => albums.columns.has(column))) return entries;
  const isKept = albums.columns.has('ZTRASHEDSTATE') ? 'AND "ZTRASHEDSTATE" IS NOT 1' : '';
  const query = selectFrom(
    albums,
    {
      key: number('Z_PK'),
      kind: number('ZKIND'),
      title: text('ZTITLE', titleBytesMax),
      parent: number('ZPARENTFOLDER'),
    },
    `NOT INDEXED WHERE "ZKIND" IN (${kindUserAlbum}, ${kindSharedAlbum}, ${kindFolder}) ${isKept} LIMIT ${albumsMax}`,
  );
  for (const row of database.prepare(query).iterate() as Iterable<Row>) {
    const key = numberOf(row, 'key');
    if (key === undefined) continue;
    entries.set(key, {
      isAlbum: numberOf(row, 'kind') !== kindFolder,
      title: cleanText(textOf(row, 'title') ?? ''),
      parent: numberOf(row, 'parent'),
    });
  }
  return entries;
}
