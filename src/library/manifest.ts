// What an import leaves behind in the library: imports/ID.jsonl, one line per file, from which the catalogue can be made
// again, and imports/ID.sha256, derived from it, which `sha256sum -c` checks without us. docs/design.md describes the lines.

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type {
  AbsolutePath,
  AssetId,
  ContentHash,
  ImportId,
  RelativePath,
  SourceId,
  SourcePath,
} from '../domain/ids.ts';
import type { AssetKind, CaptureDate, ResourceRole } from '../domain/media.ts';
import { appendLines, writeSmallFile } from '../platform/durable-write.ts';
import { statOrUndefined } from '../platform/volume.ts';
import type { CatalogSource } from './catalog/catalog-store.ts';
import type { PlannedAsset, SourceEntryRecord } from './planned-asset.ts';
import { damagedRecord, newerRecord, wholeLines } from './record-lines.ts';

export const manifestVersion = 1;
const manifestEnding = '.jsonl';

export interface ManifestHeader {
  readonly version: number;
  readonly importId: ImportId;
  readonly source: CatalogSource;
  readonly startedAt: string;
}

/** One line: one file of the library, or (without `path`) one file of the source whose bytes the library had. */
interface ManifestLine {
  readonly path?: RelativePath;
  readonly originalName?: string;
  readonly role?: ResourceRole;
  readonly size?: number;
  /** Nanoseconds since 1970 UTC. */
  readonly modifiedAtNs?: string;
  readonly hash: ContentHash;
  readonly captured?: CaptureDate;
  readonly asset: {
    readonly id: AssetId;
    readonly kind: AssetKind;
    readonly folder: RelativePath;
    readonly stem: string;
    readonly suffix: number;
    readonly liveId?: string;
    readonly camera?: string;
    readonly becomesPairedVideo?: RelativePath;
  };
  readonly source: {
    readonly id: SourceId;
    readonly path: SourcePath;
    readonly key: string;
    readonly size: number;
    readonly modifiedAtNs: string;
    readonly headHash: ContentHash;
  };
}

export function manifestPath(importsFolder: AbsolutePath, importId: ImportId): AbsolutePath {
  return join(importsFolder, `${importId}${manifestEnding}`) as AbsolutePath;
}

export interface ManifestFile {
  /** The file's name without its ending: the import's id, unless somebody has copied or renamed the file. */
  readonly id: ImportId;
  readonly path: AbsolutePath;
  readonly sizeBytes: number;
}

/**
 * The manifests of a library, by name. Opens none of them: their number does not grow with that of the photos.
 * @throws AgentError LIBRARY_DAMAGED if their folder cannot be read: that is not the same as there being none.
 */
export async function listManifests(importsFolder: AbsolutePath): Promise<readonly ManifestFile[]> {
  const files: ManifestFile[] = [];
  const listed = await readdir(importsFolder).catch((error: unknown) => {
    throw damagedRecord(importsFolder, error);
  });
  for (const name of listed.sort()) {
    if (!name.endsWith(manifestEnding)) continue;
    const path = join(importsFolder, name) as AbsolutePath;
    const facts = await stat(path).catch((error: unknown) => {
      throw damagedRecord(path, error);
    });
    if (!facts.isFile()) continue;
    files.push({ id: name.slice(0, -manifestEnding.length) as ImportId, path, sizeBytes: facts.size });
  }
  return files;
}

/**
 * Durable step `manifest`. The header is written with the first lines, so that an import of nothing leaves no manifest.
 * Returns the manifest's size, which `CatalogStore.record` wants to be told.
 */
export async function appendManifest(
  importsFolder: AbsolutePath,
  header: ManifestHeader,
  plans: readonly PlannedAsset[],
): Promise<number> {
  const path = manifestPath(importsFolder, header.importId);
  return await appendLines(path, plans.flatMap(linesOf), { firstLine: JSON.stringify(header) });
}

function linesOf(plan: PlannedAsset): readonly string[] {
  const { assetId: id, kind, folder, stem, suffix, liveId, camera, becomesPairedVideo } = plan;
  const optional = {
    ...(liveId === undefined ? {} : { liveId }),
    ...(camera === undefined ? {} : { camera }),
    ...(becomesPairedVideo === undefined ? {} : { becomesPairedVideo }),
  };
  const asset = { id, kind, folder, stem, suffix, ...optional };
  const lines: ManifestLine[] = [
    ...plan.resources.map((resource) => ({
      path: resource.path,
      originalName: resource.originalName,
      role: resource.role,
      size: resource.sizeBytes,
      modifiedAtNs: resource.modifiedAtNs.toString(),
      hash: resource.hash,
      captured: plan.date,
      asset,
      source: sourceOf(resource.entry),
    })),
    ...plan.duplicates.map(({ entry, hash }) => ({ hash, asset, source: sourceOf(entry) })),
  ];
  return lines.map((line) => JSON.stringify(line));
}

function sourceOf(entry: SourceEntryRecord): ManifestLine['source'] {
  const { sourceId: id, path, key, sizeBytes: size, headHash } = entry;
  return { id, path, key, size, modifiedAtNs: entry.modifiedAtNs.toString(), headHash };
}

/** A line as the plan it was written from, narrowed to its one file. @throws on a line that lacks what it must have. */
function planOf(line: ManifestLine): PlannedAsset {
  const { asset, source } = line;
  const entry: SourceEntryRecord = {
    sourceId: source.id,
    path: source.path,
    key: source.key,
    sizeBytes: source.size,
    modifiedAtNs: BigInt(source.modifiedAtNs),
    headHash: source.headHash,
  };
  const { id: assetId, ...facts } = asset;
  const texts = [line.hash, assetId, asset.kind, asset.folder, asset.stem, source.id, source.path, source.key];
  const numbers = [asset.suffix, source.size];
  if (![...texts, source.headHash].every((text) => typeof text === 'string')) throw new Error('a text is missing');
  if (!numbers.every((number) => typeof number === 'number')) throw new Error('a number is missing');
  const isFile = line.path !== undefined;
  return {
    ...facts,
    assetId,
    isNew: isFile,
    date: line.captured ?? { basis: 'undated' },
    resources: isFile
      ? [
          {
            role: line.role ?? 'original',
            path: line.path,
            hash: line.hash,
            sizeBytes: line.size ?? source.size,
            modifiedAtNs: BigInt(line.modifiedAtNs ?? source.modifiedAtNs),
            originalName: line.originalName ?? '',
            entry,
            staged: '',
          },
        ]
      : [],
    duplicates: isFile ? [] : [{ entry, hash: line.hash, staged: '' }],
  };
}

/**
 * Reads a manifest line by line. A last line without its newline was cut off by a crash and is left out.
 * @throws AgentError LIBRARY_DAMAGED for any other line that cannot be read, LIBRARY_TOO_NEW for a newer version.
 */
export async function* readManifest(
  path: AbsolutePath,
): AsyncGenerator<{ header: ManifestHeader; plan: PlannedAsset }> {
  let header: ManifestHeader | undefined;
  for await (const line of wholeLines(path)) {
    if (header === undefined) {
      header = headerOf(path, line);
      continue;
    }
    yield { header, plan: parsePlan(path, line) };
  }
}

/** The first line of a manifest; undefined if a crash cut it off within that line, so that nothing in it counts. */
export async function readManifestHeader(path: AbsolutePath): Promise<ManifestHeader | undefined> {
  for await (const line of wholeLines(path)) return headerOf(path, line);
  return undefined;
}

/** What follows the first `fromBytes` of a manifest, which end with a line: what was appended since it had that size. */
export async function* readManifestTail(path: AbsolutePath, fromBytes: number): AsyncGenerator<PlannedAsset> {
  let isHeader = fromBytes === 0;
  for await (const line of wholeLines(path, fromBytes)) {
    if (isHeader) headerOf(path, line);
    else yield parsePlan(path, line);
    isHeader = false;
  }
}

function headerOf(path: string, line: string): ManifestHeader {
  const header = parse(path, line, (text) => JSON.parse(text) as ManifestHeader);
  if (!isHeader(header)) throw damagedRecord(path);
  if (header.version > manifestVersion) throw newerRecord(path);
  return header;
}

function parsePlan(path: string, line: string): PlannedAsset {
  return parse(path, line, (text) => planOf(JSON.parse(text) as ManifestLine));
}

function isHeader(header: ManifestHeader | null): boolean {
  const texts = [header?.importId, header?.source?.id, header?.source?.kind, header?.source?.name];
  return (
    texts.every((text) => typeof text === 'string') &&
    typeof header?.version === 'number' &&
    !Number.isNaN(Date.parse(header.startedAt))
  );
}

function parse<T>(path: string, line: string, read: (line: string) => T): T {
  try {
    return read(line);
  } catch (error) {
    throw damagedRecord(path, error);
  }
}

/** Derives imports/ID.sha256 from the manifest, if there is one. Paths are relative to the library's root. */
export async function writeChecksums(importsFolder: AbsolutePath, importId: ImportId): Promise<void> {
  const path = manifestPath(importsFolder, importId);
  if ((await statOrUndefined(path)) === undefined) return;
  const lines = new Set<string>();
  for await (const { plan } of readManifest(path)) {
    for (const resource of plan.resources) lines.add(checksumLine(resource));
  }
  if (lines.size === 0) return; // sha256sum calls an empty list an error
  await writeSmallFile(join(importsFolder, `${importId}.sha256`) as AbsolutePath, [...lines].join(''));
}

/** As sha256sum writes it: a name with a line break, which only an adopted file can have, is escaped and the line marked. */
export function checksumLine({ hash, path }: { readonly hash: ContentHash; readonly path: string }): string {
  const digits = hash.slice('sha256:'.length);
  if (!/[\n\r]/.test(path)) return `${digits}  ${path}\n`;
  const escaped = path.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r');
  return `\\${digits}  ${escaped}\n`;
}
