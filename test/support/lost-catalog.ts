// What can happen to a catalogue behind Keepsake's back, and the ways to look at what came of it.

import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pino } from 'pino';
import { openLibraryCatalog } from '../../src/agent/open-catalog.ts';
import { findPaths } from '../../src/agent/paths.ts';
import { type RebuildResult, rebuildLibrary } from '../../src/agent/rebuild.ts';
import type { AbsolutePath } from '../../src/domain/ids.ts';
import { openKnownLibraries } from '../../src/library/known-libraries.ts';
import { openLibrary } from '../../src/library/library.ts';
import { recoverLibrary } from '../../src/library/recovery.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { keepsake } from './keepsake.ts';

interface Place {
  readonly home: string;
  readonly library: string;
}

const { signal } = new AbortController();
const endings = ['', '-wal', '-shm'];

export function libraryIdOf({ library }: Place): string {
  return JSON.parse(readFileSync(join(library, '.keepsake/library.json'), 'utf8')).id;
}

export function catalogOf(place: Place): string {
  return join(place.home, 'state/catalogs', `${libraryIdOf(place)}.db`);
}

export function deleteCatalog(place: Place): void {
  for (const ending of endings) rmSync(catalogOf(place) + ending, { force: true });
}

export function deleteSnapshot({ library }: Place): void {
  rmSync(join(library, '.keepsake/catalog-backup/catalog.db'));
}

export function sourcesFile({ library }: Place): string {
  return join(library, '.keepsake/sources.json');
}

export function manifestNames({ library }: Place): readonly string[] {
  return readdirSync(join(library, '.keepsake/imports')).filter((name) => name.endsWith('.jsonl'));
}

/** Copies the catalogue as it is now, log included; the returned function puts it in the place of the present one. */
export function takeCopy(place: Place, into: string): () => void {
  mkdirSync(into, { recursive: true });
  const path = catalogOf(place);
  const copied = endings.filter((ending) => existsSync(path + ending));
  for (const ending of copied) copyFileSync(path + ending, join(into, basename(path) + ending));
  return () => {
    deleteCatalog(place);
    for (const ending of copied) copyFileSync(join(into, basename(path) + ending), path + ending);
  };
}

export async function statusOf({ home, library }: Place): Promise<Record<string, unknown>> {
  const answer = await keepsake(['status', '--library', library, '--json'], { home });
  return JSON.parse(answer.stdout);
}

/** What each start does before it saves anything. */
export async function start({ home, library: root }: Place): Promise<void> {
  const paths = findPaths({ KEEPSAKE_HOME: home });
  const log = pino({ level: 'silent' });
  await using library = await openLibrary({
    root: root as AbsolutePath,
    known: openKnownLibraries(paths.knownLibraries),
  });
  using catalog = await openLibraryCatalog({ library, paths, log, signal });
  await recoverLibrary({ library, catalog, clock: systemClock, log, signal });
}

/** The command `rebuild`, below the command line. */
export async function rebuild({ home, library }: Place, stop: AbortSignal = signal): Promise<RebuildResult> {
  return await rebuildLibrary({
    root: library as AbsolutePath,
    paths: findPaths({ KEEPSAKE_HOME: home }),
    settings: { logLevel: 'info' },
    clock: systemClock,
    signal: stop,
  });
}

export function readLog({ home }: Place): string {
  return readFileSync(join(home, 'logs/keepsake.log'), 'utf8');
}
