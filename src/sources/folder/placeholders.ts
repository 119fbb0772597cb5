// Files that are listed but whose bytes are only with a cloud service. Opening one would make the service download it, all of
// them in the end, onto a disk that may have no room. They are named as not saved instead. Only what is certain counts: a
// photo that is taken for a placeholder would never be saved.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { AgentError } from '../../domain/errors.ts';
import type { SourcePath } from '../../domain/ids.ts';
import type { SourceEntry } from '../source.ts';

/** iCloud's stand-in is a property list of some 200 bytes. */
const standInBytesMax = 4096;
/** SF_DATALESS, sys/stat.h of macOS: "file is dataless object". */
const datalessFlag = 0x40000000;
const statTimeoutMs = 10_000;

export type Described =
  | (SourceEntry & { readonly hasNoBlocks?: boolean })
  | { readonly kind: 'folder'; readonly path: SourcePath };

/**
 * Turns what is not downloaded into `unreadable` with SOURCE_ENTRY_NOT_DOWNLOADED.
 *
 * Certain are `.NAME.icloud` stand-ins (on any system: a copied one has no photo in it either) and macOS's own "dataless"
 * flag. Node's stat does not show that flag, so `stat(1)` is asked, about files that have a size and no blocks. No blocks
 * alone proves nothing: holes, compression, small files kept in the inode and FUSE drivers have that too. On Linux neither
 * Dropbox nor OneDrive leaves placeholders: what is not synchronised is not listed.
 */
export async function findNotDownloaded(
  root: string,
  entries: readonly Described[],
  readFlags: typeof readMacFlags | undefined = process.platform === 'darwin' ? readMacFlags : undefined,
): Promise<readonly Exclude<Described, { hasNoBlocks: true }>[]> {
  const suspects = entries.filter((entry) => entry.kind === 'file' && entry.hasNoBlocks && entry.sizeBytes > 0);
  const flags =
    suspects.length === 0 ? undefined : await readFlags?.(suspects.map(({ path }) => join(root, path))).catch(() => []);
  const dataless = new Set(suspects.filter((_, index) => ((flags?.[index] ?? 0) & datalessFlag) !== 0));
  return entries.map((entry) => {
    if (entry.kind !== 'file') return entry;
    if (dataless.has(entry) || isStandIn(entry.path, entry.sizeBytes)) return notDownloaded(entry.path);
    if (entry.hasNoBlocks === undefined) return entry;
    const { hasNoBlocks, ...file } = entry;
    return file;
  });
}

function isStandIn(path: string, sizeBytes: number): boolean {
  return sizeBytes <= standInBytesMax && path.endsWith('.icloud') && /(^|\/)\.[^/]+\.icloud$/.test(path);
}

function notDownloaded(path: SourcePath): SourceEntry {
  const error = new AgentError('SOURCE_ENTRY_NOT_DOWNLOADED', 'A file is not on this computer, only in the cloud.', {
    remedy: 'Make it available offline in the app it comes from (in Finder: Download Now), then save again.',
  });
  return { kind: 'unreadable', path, error };
}

/** st_flags of each path, in order (stat(1) of macOS). Asking does not download. Never run on a Mac by us. */
async function readMacFlags(paths: readonly string[]): Promise<readonly number[]> {
  const { stdout } = await promisify(execFile)('/usr/bin/stat', ['-f', '%Xf', ...paths], { timeout: statTimeoutMs });
  const lines = stdout.trim().split('\n');
  // One that vanished in between has no line: then it is not known which line is whose.
  return lines.length === paths.length ? lines.map((line) => Number.parseInt(line, 16)) : [];
}
