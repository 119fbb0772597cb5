// The library's incoming/ folder: where bytes wait until they are whole, flushed and journalled, and the records that let a
// large file go on where it stopped.

import { createHash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { AbsolutePath, ContentHash, SourceId, SourcePath } from '../domain/ids.ts';
import { unstageFile, writeSmallFile } from '../platform/durable-write.ts';
import type { StagingProgress } from '../platform/stage-file.ts';
import { statOrUndefined } from '../platform/volume.ts';

const stagedEnding = '.part';
const recordEnding = '.resume';
const resumeAgeMsMax = 14 * 24 * 3600 * 1000;
const recordBytesMax = 16 * 1024;

/** Identifies one entry in one state: a changed file gets another staged name. */
export interface StagingIdentity {
  readonly sourceId: SourceId;
  readonly path: SourcePath;
  readonly sizeBytes: number;
  readonly modifiedAtNs: bigint;
}

interface ResumeRecord {
  readonly sourceId: string;
  readonly durableBytes: number;
  readonly headHash: string;
  readonly savedAtMs: number;
}

/** File name in incoming/, always the same for the same entry. */
export function stagedName(identity: StagingIdentity): string {
  const text = JSON.stringify([identity.sourceId, identity.path, identity.sizeBytes, String(identity.modifiedAtNs)]);
  return `${createHash('sha256').update(text).digest('hex').slice(0, 40)}${stagedEnding}`;
}

function recordPath(folder: AbsolutePath, staged: string): AbsolutePath {
  return join(folder, staged.slice(0, -stagedEnding.length) + recordEnding) as AbsolutePath;
}

export async function saveProgress(
  folder: AbsolutePath,
  staged: string,
  progress: StagingProgress & { readonly sourceId: SourceId; readonly savedAtMs: number },
): Promise<void> {
  const record: ResumeRecord = {
    sourceId: progress.sourceId,
    durableBytes: progress.durableBytes,
    headHash: progress.headHash,
    savedAtMs: progress.savedAtMs,
  };
  await writeSmallFile(recordPath(folder, staged), JSON.stringify(record));
}

/** How far an earlier run came with this entry, or undefined. */
export async function loadProgress(folder: AbsolutePath, staged: string): Promise<StagingProgress | undefined> {
  if ((await statOrUndefined(join(folder, staged))) === undefined) return undefined;
  const record = await readRecord(recordPath(folder, staged));
  if (record === undefined) return undefined;
  return { durableBytes: record.durableBytes, headHash: record.headHash as ContentHash };
}

/** A record that is torn, or anyone else's file, is no record: the partial is then copied again from its start. */
async function readRecord(path: AbsolutePath): Promise<ResumeRecord | undefined> {
  const facts = await statOrUndefined(path);
  if (facts === undefined || facts.size > recordBytesMax) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  const record = value as Partial<ResumeRecord> | null;
  const isWhole =
    typeof record?.sourceId === 'string' &&
    Number.isSafeInteger(record.durableBytes) &&
    (record.durableBytes ?? 0) > 0 &&
    typeof record.headHash === 'string' &&
    typeof record.savedAtMs === 'number';
  return isWhole ? (record as ResumeRecord) : undefined;
}

/** Removes the resume record of a file that was published or turned out to be known. */
export async function dropProgress(folder: AbsolutePath, staged: string): Promise<void> {
  await unstageFile(recordPath(folder, staged));
}

/**
 * Removes what no run can use any more: everything but partials with a whole resume record, kept for 14 days, and what
 * `keep` names. `finishedSource`: also the partials of that source, which has just been saved in full.
 */
export async function sweepIncoming(options: {
  readonly folder: AbsolutePath;
  readonly nowMs: number;
  readonly keep?: ReadonlySet<string>;
  readonly finishedSource?: SourceId;
}): Promise<void> {
  const { folder } = options;
  const names = new Set(await readdir(folder));
  for (const name of names) {
    if (options.keep?.has(name) === true) continue;
    const staged = name.endsWith(recordEnding) ? name.slice(0, -recordEnding.length) + stagedEnding : name;
    const isPair = staged.endsWith(stagedEnding) && names.has(staged);
    const record = isPair ? await readRecord(recordPath(folder, staged)) : undefined;
    const isFresh = record !== undefined && Math.abs(options.nowMs - record.savedAtMs) <= resumeAgeMsMax;
    if (isFresh && record.sourceId !== options.finishedSource) continue;
    await rm(join(folder, name), { force: true, recursive: true });
  }
}
