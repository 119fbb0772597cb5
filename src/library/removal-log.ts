// .keepsake/removed.jsonl: what the owner removed and took back, written down before it is done, so that a crash can be followed
// to the end and a catalogue made anew knows what is gone on purpose. docs/removal.md describes the lines.

import { truncate } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import type { AbsolutePath, AssetId, ContentHash, RelativePath, RemovalId } from '../domain/ids.ts';
import { appendLines } from '../platform/durable-write.ts';
import { count, instant, integer, textUpTo } from '../platform/shapes.ts';
import { statOrUndefined } from '../platform/volume.ts';
import { type LibraryFolders, ownFolderName } from './library.ts';
import { damagedRecord, newerRecord, wholeLines } from './record-lines.ts';

export const removalLogVersion = 1;
/** Longer ones are split, behind an asset: a crash within a write leaves whole assets, removed or not. */
const lineLengthUsual = 256 * 1024;

/** One file, as it was saved; what lay under its name may have been changed since. */
export interface LoggedFile {
  readonly path: RelativePath;
  readonly hash: ContentHash;
  readonly sizeBytes: number;
  readonly assetId: AssetId;
}

export type RemovalStep =
  | { readonly kind: 'remove'; readonly id: RemovalId; readonly atMs: number; readonly files: readonly LoggedFile[] }
  | { readonly kind: 'takeBack' | 'forget'; readonly id: RemovalId; readonly paths: readonly RelativePath[] }
  /** By the owner's word. */
  | { readonly kind: 'empty'; readonly id: RemovalId; readonly atMs: number }
  /** What the lines before it say is done: the files are where they say. */
  | { readonly kind: 'done' };

export function removalLogPath(folders: LibraryFolders): AbsolutePath {
  return join(folders.own, 'removed.jsonl') as AbsolutePath;
}

/** Undefined for none: nothing was ever removed. */
export async function removalLogBytes(folders: LibraryFolders): Promise<number | undefined> {
  return (await statOrUndefined(removalLogPath(folders)))?.size;
}

/** Returns the size of the file. @throws AgentError as `appendLines`. */
export async function appendRemovalSteps(folders: LibraryFolders, steps: readonly RemovalStep[]): Promise<number> {
  const path = removalLogPath(folders);
  const before = (await removalLogBytes(folders)) ?? 0;
  const lines = steps.flatMap(splitStep).map((step) => JSON.stringify(lineOf(step)));
  try {
    return await appendLines(path, lines, { firstLine: JSON.stringify({ version: removalLogVersion }) });
  } catch (error) {
    // What a full disk took of it must not be carried out later: whoever wished for it is told that it failed.
    await truncate(path, before).catch(() => undefined);
    throw error;
  }
}

function splitStep(step: RemovalStep): readonly RemovalStep[] {
  switch (step.kind) {
    case 'remove': {
      // Whoever calls may know more of a file than the log is to.
      const files = step.files.map(({ path, hash, sizeBytes, assetId }) => ({ path, hash, sizeBytes, assetId }));
      const assets = [...Map.groupBy(files, ({ assetId }) => assetId).values()];
      return inPortions(assets).map((portion) => ({ ...step, files: portion.flat() }));
    }
    case 'takeBack':
    case 'forget':
      return inPortions(step.paths).map((paths) => ({ ...step, paths }));
    case 'empty':
    case 'done':
      return [step];
  }
}

function inPortions<Item>(items: readonly Item[]): readonly (readonly Item[])[] {
  const portions: Item[][] = [];
  let length = lineLengthUsual;
  for (const item of items) {
    const itemLength = JSON.stringify(item).length;
    if (length + itemLength > lineLengthUsual) {
      portions.push([]);
      length = 0;
    }
    portions.at(-1)?.push(item);
    length += itemLength;
  }
  return portions;
}

function lineOf(step: RemovalStep): unknown {
  switch (step.kind) {
    case 'remove':
      return {
        remove: step.id,
        at: new Date(step.atMs).toISOString(),
        files: step.files.map(({ path, hash, sizeBytes: size, assetId: asset }) => ({ path, hash, size, asset })),
      };
    case 'takeBack':
      return { takeBack: step.id, paths: step.paths };
    case 'forget':
      return { forget: step.id, paths: step.paths };
    case 'empty':
      return { empty: step.id, at: new Date(step.atMs).toISOString() };
    case 'done':
      return { done: true };
  }
}

/** A library may come from elsewhere: a name in it must not lead out of it, nor to what is ours. */
const pathSchema = v.pipe(
  textUpTo(4096),
  v.minLength(1),
  v.check(
    (path) =>
      !path.includes('\u0000') &&
      path.split('/').every((part) => part !== '' && part !== '.' && part !== '..') &&
      path.split('/')[0]?.toLowerCase() !== ownFolderName,
  ),
);
const idSchema = v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/));
const lineSchema = v.union([
  v.strictObject({
    remove: idSchema,
    at: instant,
    files: v.array(v.object({ path: pathSchema, hash: v.string(), size: count, asset: v.string() })),
  }),
  v.strictObject({ takeBack: idSchema, paths: v.array(pathSchema) }),
  v.strictObject({ forget: idSchema, paths: v.array(pathSchema) }),
  v.strictObject({ empty: idSchema, at: instant }),
  v.strictObject({ done: v.literal(true) }),
]);
const headerSchema = v.object({ version: integer });

/**
 * What follows the first `fromBytes`, which end with a line. With each step comes where its line begins and ends.
 * @throws AgentError LIBRARY_DAMAGED, LIBRARY_TOO_NEW.
 */
export async function* readRemovalSteps(
  folders: LibraryFolders,
  fromBytes = 0,
): AsyncGenerator<{ readonly step: RemovalStep; readonly beginsAt: number; readonly endsAt: number }> {
  const path = removalLogPath(folders);
  let beginsAt = fromBytes;
  for await (const line of wholeLines(path, fromBytes)) {
    const endsAt = beginsAt + Buffer.byteLength(line) + 1;
    if (beginsAt === 0) assertReadable(path, line);
    else yield { step: parseStep(path, line), beginsAt, endsAt };
    beginsAt = endsAt;
  }
}

function parseJson(path: string, line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw damagedRecord(path, error);
  }
}

function assertReadable(path: string, line: string): void {
  const header = v.safeParse(headerSchema, parseJson(path, line));
  if (!header.success) throw damagedRecord(path, new v.ValiError(header.issues));
  if (header.output.version > removalLogVersion) throw newerRecord(path);
}

function parseStep(path: string, line: string): RemovalStep {
  const parsed = v.safeParse(lineSchema, parseJson(path, line));
  if (!parsed.success) throw damagedRecord(path, new v.ValiError(parsed.issues));
  const { output: data } = parsed;
  if ('remove' in data) {
    const files = data.files.map((file) => ({
      path: file.path as RelativePath,
      hash: file.hash as ContentHash,
      sizeBytes: file.size,
      assetId: file.asset as AssetId,
    }));
    return { kind: 'remove', id: data.remove as RemovalId, atMs: Date.parse(data.at), files };
  }
  if ('takeBack' in data) return { kind: 'takeBack', id: data.takeBack as RemovalId, paths: asPaths(data.paths) };
  if ('forget' in data) return { kind: 'forget', id: data.forget as RemovalId, paths: asPaths(data.paths) };
  if ('empty' in data) return { kind: 'empty', id: data.empty as RemovalId, atMs: Date.parse(data.at) };
  return { kind: 'done' };
}

function asPaths(paths: readonly string[]): readonly RelativePath[] {
  return paths as readonly RelativePath[];
}

/** What was removed and not taken back or forgotten, as the whole of the log says. */
export interface RemovedByLog {
  /** The removal of a file with these bytes under this name. */
  find(path: string, hash: ContentHash): { readonly id: RemovalId; readonly atMs: number } | undefined;
  readonly emptied: readonly { readonly id: RemovalId; readonly atMs: number }[];
  /** Up to here everything is done. */
  readonly doneBytes: number;
}

/** Undefined if there is no log. @throws as `readRemovalSteps`. */
export async function readRemovalLog(folders: LibraryFolders): Promise<RemovedByLog | undefined> {
  if ((await removalLogBytes(folders)) === undefined) return undefined;
  const removed = new FoldedSteps();
  let open: RemovalStep[] = [];
  let [openFrom, doneBytes]: [number | undefined, number] = [undefined, 0];
  for await (const { step, beginsAt, endsAt } of readRemovalSteps(folders)) {
    openFrom ??= beginsAt;
    open.push(step);
    if (step.kind !== 'done') continue;
    for (const each of open) removed.take(each);
    [open, openFrom, doneBytes] = [[], undefined, endsAt];
  }
  // What was being removed is gone from its name, or will be; what was being taken back is not back before that is done.
  for (const each of open) if (each.kind === 'remove') removed.take(each);
  return { find: removed.find, emptied: removed.emptied(), doneBytes: openFrom ?? doneBytes };
}

class FoldedSteps {
  readonly #byFile = new Map<string, { readonly id: RemovalId; readonly atMs: number }>();
  readonly #hashes = new Map<string, ContentHash>();
  readonly #emptied = new Map<RemovalId, number>();

  take(step: RemovalStep): void {
    switch (step.kind) {
      case 'remove':
        for (const { path, hash } of step.files) {
          this.#byFile.set(keyOf(hash, path), { id: step.id, atMs: step.atMs });
          this.#hashes.set(keyOf(step.id, path), hash);
        }
        return;
      case 'takeBack':
      case 'forget':
        for (const path of step.paths) {
          const key = keyOf(this.#hashes.get(keyOf(step.id, path)) ?? '', path);
          if (this.#byFile.get(key)?.id === step.id) this.#byFile.delete(key);
        }
        return;
      case 'empty':
        this.#emptied.set(step.id, step.atMs);
        return;
      case 'done':
    }
  }

  readonly find = (path: string, hash: ContentHash) => this.#byFile.get(keyOf(hash, path));

  emptied(): RemovedByLog['emptied'] {
    return [...this.#emptied].map(([id, atMs]) => ({ id, atMs }));
  }
}

function keyOf(one: string, path: string): string {
  return `${one} ${path}`;
}
