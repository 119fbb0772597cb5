// First part of an adoption: lists the folder, and tells by path, size and time what the catalogue has from what is to be
// read. Opens no file. The library is not needed while the folder is listed, which may take long.

import { isUtf8 } from 'node:buffer';
import { lstat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { AgentError } from '../domain/errors.ts';
import type { AbsolutePath, RelativePath, SourcePath } from '../domain/ids.ts';
import { sharedName } from '../library/adoption.ts';
import type { CatalogStore, FiledResource } from '../library/catalog/catalog-store.ts';
import type { Clock } from '../platform/clock.ts';
import { statOrUndefined } from '../platform/volume.ts';
import type { FolderSource } from '../sources/folder/folder-source.ts';
import { bytesFromPath, nameFromBytes } from '../sources/folder/source-path.ts';
import type { AdoptTally } from './adopt-report.ts';
import { EntrySpool, type SpooledEntry } from './entry-spool.ts';
import { settlesAt } from './survey.ts';

/** FAT keeps times to two seconds, and no filesystem is coarser; the catalogue has them as their source gave them. */
const toleranceNs = 2_000_000_000n;
const hourNs = 3_600_000_000_000n;
/** No two zones are further apart than this (UTC-12 to UTC+14). */
const shiftHoursMax = 26n;
/** After this many questions to the catalogue others get a turn: asking is not waiting. */
const questionsPerTurn = 1000;

/** Where an entry of the folder lies in the library. */
export class Place {
  readonly #prefix: string;

  constructor(root: AbsolutePath, folder: AbsolutePath) {
    const parts = relative(root, folder).split('/');
    this.#prefix = parts[0] === '' ? '' : parts.map((part) => `${nameFromBytes(Buffer.from(part))}/`).join('');
  }

  /** As a path of the library seen as a source. */
  sourcePath(path: SourcePath): SourcePath {
    return `${this.#prefix}${path}` as SourcePath;
  }

  /** As the catalogue has it; undefined for a name that is not UTF-8, which no text stands for. */
  libraryPath(path: SourcePath): RelativePath | undefined {
    const bytes = bytesFromPath(this.sourcePath(path));
    return isUtf8(bytes) ? (bytes.toString('utf8') as RelativePath) : undefined;
  }
}

export interface AdoptSurveyOptions {
  readonly source: FolderSource;
  readonly place: Place;
  readonly tally: AdoptTally;
  readonly clock: Clock;
  readonly onListed: (count: number) => void;
  readonly signal: AbortSignal;
}

/** Lists all files. The caller disposes of the spool. @throws what `Source.list` throws. */
export async function listFolder(options: AdoptSurveyOptions): Promise<EntrySpool> {
  const { source, place, tally, clock } = options;
  const spool = new EntrySpool();
  try {
    for await (const entries of source.list(options.signal)) {
      for (const entry of entries) {
        tally.found += 1;
        const path = place.sourcePath(entry.path);
        if (entry.kind === 'notAFile') tally.settle(path, { kind: 'notMedia' });
        else if (entry.kind === 'unreadable') tally.settle(path, { kind: 'failed', error: entry.error });
        else if (place.libraryPath(entry.path) === undefined) tally.settle(path, { kind: 'failed', error: noText() });
        else spool.add({ ...entry, ...settlesAt(entry, clock) });
      }
      options.onListed(tally.found);
    }
    return spool;
  } catch (error) {
    spool[Symbol.dispose]();
    throw error;
  }
}

/** Settles what the catalogue has and returns what has to be read. The caller disposes of the spool. */
export async function sortOut(
  listed: EntrySpool,
  options: {
    readonly root: AbsolutePath;
    readonly catalog: CatalogStore;
    readonly place: Place;
    readonly tally: AdoptTally;
    readonly signal: AbortSignal;
  },
): Promise<EntrySpool> {
  const { root, catalog, place, tally } = options;
  const fresh = new EntrySpool();
  try {
    let questions = 0;
    for (const entry of listed.entries()) {
      questions += 1;
      if (questions % questionsPerTurn === 0) await setImmediate(undefined, { signal: options.signal });
      const path = place.libraryPath(entry.path);
      const filed = path === undefined ? undefined : catalog.findFiled(path);
      // One that was removed, and lies there again: its owner has put it back, or another one in its place.
      if (path === undefined || filed === undefined || filed.removedBy !== undefined) fresh.add(entry);
      else if (!(await isSameFile({ root, path, filed }))) tally.settle(path, { kind: 'failed', error: sharedName() });
      else tally.settle(path, { kind: isAsFiled(entry, filed) ? 'known' : 'changed' });
    }
    return fresh;
  } catch (error) {
    fresh[Symbol.dispose]();
    throw error;
  }
}

/** False if the catalogue means another file, which is still there, whose name differs in case or accents alone. */
async function isSameFile(facts: {
  readonly root: AbsolutePath;
  readonly path: RelativePath;
  readonly filed: FiledResource;
}): Promise<boolean> {
  const { root, path, filed } = facts;
  if (path === filed.path) return true;
  const other = await statOrUndefined(join(root, filed.path));
  if (other === undefined) return true; // the owner has spelt it anew
  const own = await lstat(join(root, path));
  return other.ino === own.ino && other.dev === own.dev;
}

function isAsFiled(entry: SpooledEntry, filed: FiledResource): boolean {
  if (entry.sizeBytes !== filed.sizeBytes) return false;
  const differenceNs = entry.modifiedAtNs - filed.modifiedAtNs;
  const distanceNs = differenceNs < 0n ? -differenceNs : differenceNs;
  if (distanceNs <= toleranceNs) return true;
  // Where no change time is kept (FAT), all times move by whole hours with the zone and the season.
  const beyondHourNs = (distanceNs + toleranceNs) % hourNs;
  return entry.changedAtMs === undefined && distanceNs <= shiftHoursMax * hourNs && beyondHourNs <= 2n * toleranceNs;
}

function noText(): AgentError {
  return new AgentError('NAME_UNSUITABLE', 'The name of a file, or of a folder above it, is not readable text.', {
    remedy: 'Rename it, then run "keepsake adopt" again.',
  });
}
