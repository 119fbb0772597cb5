// .keepsake/sources.json: what status says of each source and no manifest tells, such as an import that found nothing new.
// Kept in the library so that a catalogue made anew gives the same answers. It is believed only as far as the manifests
// bear it out; one that cannot be read is set aside and reported, and costs these answers, never a photo.

import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath, ImportId, SourceId } from '../domain/ids.ts';
import { writeSmallFile } from '../platform/durable-write.ts';
import type { Log } from '../platform/log.ts';
import { count, instant } from '../platform/shapes.ts';
import { statOrUndefined } from '../platform/volume.ts';
import type { CatalogStore, ImportCounts, SourceHistory } from './catalog/catalog-store.ts';
import type { Library } from './library.ts';

const historyVersion = 1;
const historyBytesMax = 16 * 1024 * 1024;
/** Of more than these the ones saved last are kept: each folder ever named is a source. */
const sourcesMax = 10_000;

const photosSchema = v.object({
  list: v.picklist(['read', 'absent', 'unreadable']),
  onDevice: count,
  saved: count,
  offloaded: count,
  iCloudOnly: count,
  unknown: count,
  iCloudOnlyBytes: count,
  iCloudOnlyUnsized: count,
  bytes: count,
  recentlyDeleted: count,
  recentlyDeletedDaysLeft: v.optional(count),
  recentlyDeletedElsewhere: count,
  privateNotSaved: count,
  sharedNotSaved: count,
  sharedChoice: v.picklist(['save', 'leave', 'ask']),
  keptAfterDeletion: count,
  freeBytes: v.optional(count),
  usesICloudPhotos: v.optional(v.boolean()),
});
const importSchema = v.object({
  id: v.pipe(v.string(), v.minLength(1)),
  startedAt: instant,
  finishedAt: instant,
  complete: v.boolean(),
  counts: v.object({
    found: count,
    imported: count,
    known: count,
    duplicates: count,
    notMedia: count,
    deferred: count,
    failed: count,
    iCloudOnly: count,
    bytes: count,
    photos: v.optional(photosSchema),
  }),
});
const sourceSchema = v.object({
  id: v.pipe(v.string(), v.minLength(1)),
  kind: v.string(),
  name: v.string(),
  lastSuccessAt: v.optional(instant),
  manifests: count,
  lastImport: v.optional(importSchema),
});
const historySchema = v.object({
  version: v.literal(historyVersion),
  sources: v.pipe(v.array(sourceSchema), v.maxLength(sourcesMax)),
});

export function historyPath(library: Library): AbsolutePath {
  return join(library.folders.own, 'sources.json') as AbsolutePath;
}

/** Undefined: there is none, or none that can be read. It stays where it is. */
export async function readHistory(library: Library): Promise<readonly SourceHistory[] | undefined> {
  const text = await readText(historyPath(library));
  return text === undefined ? undefined : parseHistory(text);
}

/**
 * Brings the file up to date with the catalogue: after an import, and at the start, since the last one may have been killed
 * just before. Written only if it would say something else. @throws AgentError as `writeSmallFile`.
 */
export async function keepHistory(options: {
  readonly library: Library;
  readonly catalog: CatalogStore;
  readonly log: Log;
}): Promise<void> {
  const { library, catalog, log } = options;
  const path = historyPath(library);
  const wanted = formatHistory(catalog.sourceHistory());
  const found = await readText(path);
  if (found === wanted) return;
  if (found !== undefined && parseHistory(found) === undefined) {
    log.warn('what was known of the sources cannot be read: set aside, and written anew from the catalogue');
    await rename(path, `${path}.unreadable`);
  }
  await writeSmallFile(path, wanted);
}

/** Undefined for no file. What is too large, or cannot be read by this user, is as good as unreadable: ''. */
async function readText(path: AbsolutePath): Promise<string | undefined> {
  const facts = await statOrUndefined(path);
  if (facts === undefined) return undefined;
  if (!facts.isFile() || facts.size > historyBytesMax) return '';
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    return ''; // EIO, EACCES: what depends on it says so by setting it aside
  }
}

function parseHistory(text: string): readonly SourceHistory[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  const parsed = v.safeParse(historySchema, value);
  if (!parsed.success) return undefined;
  return parsed.output.sources.map(({ lastSuccessAt, lastImport, ...source }) => ({
    ...source,
    id: source.id as SourceId,
    ...(lastSuccessAt === undefined ? {} : { lastSuccessAtMs: Date.parse(lastSuccessAt) }),
    ...(lastImport === undefined
      ? {}
      : {
          lastImport: {
            importId: lastImport.id as ImportId,
            startedAtMs: Date.parse(lastImport.startedAt),
            finishedAtMs: Date.parse(lastImport.finishedAt),
            complete: lastImport.complete,
            counts: lastImport.counts as ImportCounts, // valibot's `optional` allows what JSON cannot hold: a key without a value
          },
        }),
  }));
}

function formatHistory(history: readonly SourceHistory[]): string {
  const newest =
    history.length <= sourcesMax
      ? history
      : history
          .toSorted((one, other) => (other.lastImport?.startedAtMs ?? 0) - (one.lastImport?.startedAtMs ?? 0))
          .slice(0, sourcesMax);
  const sources = newest.map(({ id, kind, name, lastSuccessAtMs, lastImport, manifests }) => ({
    ...{ id, kind, name },
    ...(lastSuccessAtMs === undefined ? {} : { lastSuccessAt: new Date(lastSuccessAtMs).toISOString() }),
    manifests,
    ...(lastImport === undefined
      ? {}
      : {
          lastImport: {
            id: lastImport.importId,
            startedAt: new Date(lastImport.startedAtMs).toISOString(),
            finishedAt: new Date(lastImport.finishedAtMs).toISOString(),
            complete: lastImport.complete,
            counts: lastImport.counts,
          },
        }),
  }));
  return `${JSON.stringify({ version: historyVersion, sources }, undefined, 2)}\n`;
}
