// How the owner names photos: by day, folder, file name or device. The parser is pure and bounded; what the words mean where they
// could mean two things, such as a folder and a device, the catalogue decides, and a doubt is asked back, never guessed.

import { AgentError } from '../domain/errors.ts';
import type { AssetId, SourceId } from '../domain/ids.ts';
import { adoptedKind } from './adoption.ts';
import type { CatalogAsset, CatalogStore } from './catalog/catalog-store.ts';
import type { LibraryFile } from './catalog/copies-store.ts';
import { movedKind } from './moves.ts';
import { foldName } from './portable-name.ts';

const queryLengthMax = 4096;
export const queriesMax = 1000;
/** Of what the owner wrote, in a message. */
const shownMax = 200;

/** One QUERY of a command line. `text` is as the owner wrote it. */
export type Query =
  /** From the first day to the last, both with it: `YYYY-MM-DD`. */
  | { readonly kind: 'days'; readonly text: string; readonly first: string; readonly last: string }
  | { readonly kind: 'undated'; readonly text: string }
  /** A file or folder, from the library's root on; each part folded, and perhaps with `*` or `?`. */
  | { readonly kind: 'path'; readonly text: string; readonly parts: readonly string[] }
  /** A file's name, folded and perhaps with `*` or `?`; without those perhaps a folder's or a device's. */
  | { readonly kind: 'name'; readonly text: string; readonly pattern: string };

export interface ParseOptions {
  /** The library's root, in each way it may be spelt: absolute paths that begin so are understood. */
  readonly roots?: readonly string[];
}

/** @throws AgentError USAGE for what cannot mean anything. */
export function parseQuery(text: string, { roots = [] }: ParseOptions = {}): Query {
  const words = text.trim();
  if (words === '' || words.length > queryLengthMax || words.includes('\u0000')) throw notUnderstood(text);
  if (foldName(words) === 'undated') return { kind: 'undated', text };
  const days = parseDays(text, words);
  if (days !== undefined) return days;
  const path = words.startsWith('/') ? pathBelow(roots, words) : words;
  if (path === undefined) throw outside(text);
  if (path.includes('/') || path !== words) return { kind: 'path', text, parts: partsOf(text, path) };
  return { kind: 'name', text, pattern: foldName(words) };
}

/** Bounds a whole command line. @throws AgentError USAGE, also for none. */
export function parseQueries(texts: readonly string[], options: ParseOptions = {}): readonly Query[] {
  if (texts.length === 0) {
    throw new AgentError('USAGE', 'Nothing was named.', { remedy: howToName });
  }
  if (texts.length > queriesMax) {
    throw new AgentError('USAGE', `More than ${queriesMax} things were named at once.`, {
      remedy: 'Name the folder they are in, or a day, instead of each file.',
    });
  }
  return texts.map((text) => parseQuery(text, options));
}

const onePeriod = String.raw`(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?`;
const periodPattern = new RegExp(`^${onePeriod}$`);
const rangePattern = new RegExp(`^(${onePeriod})\\.\\.(${onePeriod})$`);

/** Undefined: these are no days. @throws AgentError USAGE for days that there are not. */
function parseDays(text: string, words: string): Query | undefined {
  const range = rangePattern.exec(words);
  const [from, to] = range === null ? [words, words] : [range[1] ?? '', range[5] ?? ''];
  const [first, last] = [parsePeriod(text, from)?.first, parsePeriod(text, to)?.last];
  if (first === undefined || last === undefined) return undefined;
  if (first > last) {
    throw new AgentError('USAGE', `"${shown(text)}" ends before it begins.`, {
      remedy: 'Write the earlier day first: 2024-07-01..2024-07-14',
    });
  }
  return { kind: 'days', text, first, last };
}

function parsePeriod(text: string, words: string): { readonly first: string; readonly last: string } | undefined {
  const [, year, month, day] = periodPattern.exec(words) ?? [];
  if (year === undefined) return undefined;
  const first = `${year}-${month ?? '01'}-${day ?? '01'}`;
  const last = day === undefined ? `${year}-${month ?? '12'}-${daysIn(Number(year), Number(month ?? '12'))}` : first;
  const isDay = new Date(`${first}T00:00:00Z`).toJSON()?.startsWith(first) === true;
  if (isDay) return { first, last };
  throw new AgentError('USAGE', `"${shown(text)}" is not a day, month or year there is.`, { remedy: howToName });
}

function daysIn(year: number, month: number): string {
  return String(new Date(Date.UTC(year, month, 0)).getUTCDate()).padStart(2, '0');
}

/** Undefined: it lies elsewhere. */
function pathBelow(roots: readonly string[], path: string): string | undefined {
  for (const root of roots) {
    const start = root.endsWith('/') ? root : `${root}/`;
    if (path.startsWith(start) || `${path}/` === start) return path.slice(start.length);
  }
  return undefined;
}

/** Empty for the root itself. */
function partsOf(text: string, path: string): readonly string[] {
  const parts = path.split('/').filter((part, index) => part !== '' && !(part === '.' && index === 0));
  if (parts.some((part) => part === '.' || part === '..')) throw notUnderstood(text);
  return parts.map(foldName);
}

/** Whether a file lies in a folder of the library, however deep, or is it. @throws AgentError USAGE */
export function isBelow(folder: string, { roots = [] }: ParseOptions = {}): (path: string) => boolean {
  const words = folder.trim();
  if (words === '' || words.length > queryLengthMax || words.includes('\u0000')) throw notUnderstood(folder);
  const path = words.startsWith('/') ? pathBelow(roots, words) : words;
  if (path === undefined) throw outside(folder);
  const key = partsOf(folder, path).join('/');
  return (each) => key === '' || foldName(each) === key || foldName(each).startsWith(`${key}/`);
}

/** A device that photos came from, by what it is called now. */
export interface NamedDevice {
  readonly id: string;
  readonly name: string;
}

export interface FoundAsset {
  readonly asset: CatalogAsset;
  /** All its files in the library, by path. */
  readonly files: readonly LibraryFile[];
}

/** In the order of their first path. Read as it is gone through: what was removed meanwhile is left out. */
export interface FoundAssets extends Iterable<FoundAsset> {
  readonly count: number;
}

/**
 * What any of the queries names, each asset once.
 * @throws AgentError USAGE for a query that matches nothing, or could mean two things.
 */
export function findAssets(
  catalog: CatalogStore,
  queries: readonly Query[],
  { devices }: { readonly devices: readonly NamedDevice[] },
): FoundAssets {
  const wanted = new Set<AssetId>();
  for (const query of queries) {
    const found = evaluate(catalog, query, devices);
    if (found.length === 0) throw nothing(query);
    for (const id of found) wanted.add(id);
  }
  return foundAssets(
    catalog,
    catalog.search.inOrder().filter((id) => wanted.has(id)),
  );
}

/** Every asset of the library. */
export function allAssets(catalog: CatalogStore): FoundAssets {
  return foundAssets(catalog, catalog.search.inOrder());
}

function foundAssets(catalog: CatalogStore, ids: readonly AssetId[]): FoundAssets {
  return {
    count: ids.length,
    *[Symbol.iterator]() {
      for (const id of ids) {
        const asset = catalog.getAsset(id);
        const files = catalog.copies.filesOfAsset(id).filter(({ removedBy }) => removedBy === undefined);
        if (asset !== undefined && files.length > 0) yield { asset, files };
      }
    },
  };
}

function evaluate(catalog: CatalogStore, query: Query, devices: readonly NamedDevice[]): readonly AssetId[] {
  const { search } = catalog;
  switch (query.kind) {
    case 'days':
      return search.takenBetween(query);
    case 'undated':
      return search.undated();
    case 'path':
      return findByPath(catalog, query.parts);
    case 'name':
      return findByName(catalog, query, devices);
  }
}

function findByPath({ search }: CatalogStore, parts: readonly string[]): readonly AssetId[] {
  if (parts.length === 0) return search.inOrder();
  if (!parts.some(hasWildcard)) return search.at(parts.join('/'));
  // What matches part by part from the beginning is it, or lies in it.
  return search.ofFiles(({ pathKey }) => {
    const own = pathKey.split('/');
    return parts.length <= own.length && parts.every((part, index) => matchesPattern(part, own[index] ?? ''));
  });
}

type NameQuery = Extract<Query, { readonly kind: 'name' }>;

function findByName(catalog: CatalogStore, query: NameQuery, devices: readonly NamedDevice[]): readonly AssetId[] {
  const { search } = catalog;
  const { pattern } = query;
  const named = search.ofFiles(
    ({ pathKey, originalName }) =>
      matchesPattern(pattern, pathKey.slice(pathKey.lastIndexOf('/') + 1)) ||
      matchesPattern(pattern, foldName(originalName)),
  );
  if (hasWildcard(pattern)) return named;
  const isNamed = new Set(named);
  const inFolder = search.at(pattern).filter((id) => !isNamed.has(id));
  const sources = findSources(catalog, query, devices);
  const readings = [
    { found: named, instead: 'For the file, write its folder too, as in 2024/2024-07-14/IMG_1234.HEIC' },
    { found: inFolder, instead: `For the folder, write "${shown(query.text.trim())}/"` },
    { found: sources.flatMap((id) => search.from(id)), instead: 'For the device, use its id from "keepsake devices"' },
  ].filter(({ found }) => found.length > 0);
  const [only] = readings;
  if (readings.length <= 1) return only?.found ?? [];
  throw new AgentError('USAGE', `"${shown(query.text)}" could mean more than one thing.`, {
    remedy: `${readings.map(({ instead }) => instead).join('. ')}.`,
  });
}

/** By id, else by what it is called. @throws AgentError USAGE if several are called so. */
function findSources(catalog: CatalogStore, { text, pattern }: NameQuery, devices: readonly NamedDevice[]): SourceId[] {
  const known = catalog.summarize().sources.filter(({ kind }) => kind !== movedKind && kind !== adoptedKind);
  const everyone = [...devices, ...known];
  const exact = everyone.find(({ id }) => foldName(id) === pattern);
  if (exact !== undefined) return [exact.id as SourceId];
  const called = new Set(everyone.filter(({ name }) => foldName(name.trim()) === pattern).map(({ id }) => id));
  if (called.size > 1) {
    throw new AgentError('USAGE', `Several devices are called "${shown(text)}".`, {
      remedy: 'Use the id of one of them: keepsake devices',
    });
  }
  return [...called].map((id) => id as SourceId);
}

function hasWildcard(pattern: string): boolean {
  return /[*?]/.test(pattern);
}

/**
 * `*` stands for any number of characters, `?` for one. Not by way of a regular expression: one with many `*` could take as long
 * as it likes. This looks at no character more often than the pattern is long.
 */
export function matchesPattern(pattern: string, name: string): boolean {
  let [at, position] = [0, 0];
  let star = -1;
  let resumeAt = 0;
  while (position < name.length) {
    if (pattern[at] === '*') {
      star = at;
      at += 1;
      resumeAt = position;
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === name[position])) {
      at += 1;
      position += 1;
    } else if (star !== -1) {
      at = star + 1;
      resumeAt += 1;
      position = resumeAt;
    } else return false;
  }
  while (pattern[at] === '*') at += 1;
  return at === pattern.length;
}

export const howToName =
  'Photos are named by day, month or year (2024-07-14, 2024-07, 2024), from one to another (2024-07-01..2024-07-14), by folder (2024/2024-07-14), by file name (IMG_1234.HEIC, "IMG_12*"), by device ("Mum\'s iPhone"), or as undated.';

function nothing({ text }: Query): AgentError {
  return new AgentError('USAGE', `No photo or video is named by "${shown(text)}".`, { remedy: howToName });
}

function notUnderstood(text: string): AgentError {
  return new AgentError('USAGE', `"${shown(text)}" names no photos.`, { remedy: howToName });
}

function outside(text: string): AgentError {
  return new AgentError('USAGE', `"${shown(text)}" does not lie in your photo folder.`, { remedy: howToName });
}

function shown(text: string): string {
  return text.length > shownMax ? `${text.slice(0, shownMax)}…` : text;
}
