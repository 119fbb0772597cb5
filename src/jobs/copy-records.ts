// What goes to a drive beside the photos: the library's own records, from which a restored library is made; the list for
// `sha256sum -c`; and a page for whoever finds the drive.

import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { replaceRecord } from '../copies/copy-run.ts';
import type { Drive } from '../copies/drive.ts';
import { onDrive } from '../copies/drive-errors.ts';
import { describeCopy } from '../copies/read-me.ts';
import type { AbsolutePath } from '../domain/ids.ts';
import type { CopiesStore } from '../library/catalog/copies-store.ts';
import type { Library } from '../library/library.ts';
import { checksumLine } from '../library/manifest.ts';
import { writeSmallFile } from '../platform/durable-write.ts';
import { statOrUndefined } from '../platform/volume.ts';

/** Of the library's own folder, beside the manifests. */
const recordNames = ['sources.json', 'removed.jsonl'];

export interface RecordsOptions {
  readonly library: Library;
  readonly drive: Drive;
  readonly copies: CopiesStore;
  readonly signal: AbortSignal;
}

/** @throws AgentError for the drive, as any write to it; SOURCE_READ_FAILED, LIBRARY_… for the library. */
export async function copyManifests(options: RecordsOptions): Promise<void> {
  const { library, drive } = options;
  await library.assertPresent();
  for (const name of await readdir(library.folders.imports)) {
    await copyRecord(options, join(library.folders.imports, name), join(drive.folders.imports, name));
  }
  for (const name of recordNames) {
    await copyRecord(options, join(library.folders.own, name), join(drive.folders.own, name));
  }
}

/** Writes the list and the page anew if the drive holds something else than they say. @throws as `copyManifests`. */
export async function listContents(options: RecordsOptions & { readonly nowMs: number }): Promise<void> {
  const { drive, copies, nowMs, signal } = options;
  signal.throwIfAborted();
  await drive.assertPresent();
  const note = `listed ${drive.id}`;
  const contents = copies.contentsMark(drive.id);
  const hasList = (await statOrUndefined(drive.folders.checksums)) !== undefined;
  if (hasList && copies.note(note) === contents) return;
  const lines: string[] = [];
  let bytes = 0;
  for (const file of copies.allCopied(drive.id)) {
    lines.push(checksumLine(file));
    bytes += file.sizeBytes;
  }
  const page = describeCopy({
    ...{ libraryName: basename(drive.folders.root), files: lines.length, bytes },
    day: new Date(nowMs).toISOString().slice(0, 10),
  });
  await onDrive(drive.name, async () => {
    // sha256sum calls an empty list an error.
    if (lines.length === 0) await rm(drive.folders.checksums, { force: true });
    else await writeSmallFile(drive.folders.checksums, lines.join(''));
    await writeSmallFile(drive.folders.readMe, page);
  });
  copies.setNote(note, contents);
}

/** A manifest only grows, so one of the same size and time is the same; sources.json is small, and compared. */
async function copyRecord({ drive, signal }: RecordsOptions, from: string, to: string): Promise<void> {
  const ours = await stat(from).catch(() => undefined);
  if (ours?.isFile() !== true) return;
  const theirs = await onDrive(drive.name, () => statOrUndefined(to));
  if (theirs?.size === ours.size && (await isSameText(from, to))) return;
  await replaceRecord({ from: from as AbsolutePath, to: to as AbsolutePath, drive, signal });
}

/** Records of more than this are compared by their size alone: only manifests get so large, and they only grow. */
const comparedBytesMax = 1024 * 1024;

async function isSameText(one: string, other: string): Promise<boolean> {
  if ((await stat(one)).size > comparedBytesMax) return true;
  const [ours, theirs] = await Promise.all([readFile(one), readFile(other).catch(() => undefined)]);
  return theirs?.equals(ours) === true;
}
