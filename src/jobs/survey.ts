// First half of an import: lists the source, tells what the catalogue knows from what is new, and spools the new. Reads no
// photo, except the first bytes of a few whose time alone does not identify them.

import { createHash } from 'node:crypto';
import { AgentError, endsSource } from '../domain/errors.ts';
import type { SourcePath } from '../domain/ids.ts';
import type { CatalogStore, EntryFacts } from '../library/catalog/catalog-store.ts';
import { folderOf } from '../library/catalog/sqlite-catalog.ts';
import type { Clock } from '../platform/clock.ts';
import { digest } from '../platform/durable-write.ts';
import { headBytes } from '../platform/stage-file.ts';
import type { Source, SourceFile } from '../sources/source.ts';
import { EntrySpool } from './entry-spool.ts';
import { mapOrdered } from './map-ordered.ts';
import type { Guidance, PhotosGuide } from './photos-guide.ts';

/** A file changed less than this ago may still be being written, and is looked at again after `settleMs`. */
const freshMs = 10_000;
const settleMs = 2000;
const hourNs = 3_600_000_000_000n;
/** No two zones are further apart than this (UTC-12 to UTC+14). */
const shiftHoursMax = 26n;
/** How many of the shifted entries are compared by their first bytes before the shift is believed. */
const shiftSamples = 8;
/** Where a folder has more known entries below it, each is looked up for itself. These take 10 MB of memory. */
const knownAtOnceMaxUsual = 50_000;
/** First bytes read at once: one after another would wait for the disk each time. */
const headsAtOnce = 8;

export interface Survey extends Disposable {
  readonly found: number;
  readonly known: number;
  readonly notFiles: readonly SourcePath[];
  readonly unreadable: readonly { readonly path: SourcePath; readonly error: AgentError }[];
  readonly spool: EntrySpool;
}

export interface SurveyOptions {
  readonly source: Source;
  readonly catalog: CatalogStore;
  readonly clock: Clock;
  /** What the device's own list knows of each file. */
  readonly guide?: PhotosGuide | undefined;
  /** Whether the catalogue may be told that all times of the source have shifted. */
  readonly correctTimes: boolean;
  readonly onListed: (count: number) => void;
  /** For tests: fewer. */
  readonly knownAtOnceMax?: number;
  readonly signal: AbortSignal;
}

/** @throws what `Source.list` throws. The caller disposes of the survey. */
export async function surveySource(options: SurveyOptions): Promise<Survey> {
  const { source, clock, guide, signal } = options;
  const spool = new EntrySpool();
  try {
    const notFiles: SourcePath[] = [];
    const unreadable: { path: SourcePath; error: AgentError }[] = [];
    const shifts = new ShiftedTimes(options);
    const knownEntries = new KnownEntries(options);
    let found = 0;
    let known = 0;
    const isKnown = (guidance: Guidance | undefined) => {
      known += 1;
      guide?.isSaved(guidance?.counts);
    };
    const isNew = (entry: SourceFile, guidance: Guidance | undefined) =>
      spool.add({ ...entry, ...settlesAt(entry, clock), ...(guidance === undefined ? {} : { guidance }) });
    for await (const entries of source.list(signal)) {
      const doubtful: Doubtful[] = [];
      for (const entry of entries) {
        found += 1;
        if (entry.kind === 'notAFile') notFiles.push(entry.path);
        else if (entry.kind === 'unreadable') unreadable.push({ path: entry.path, error: entry.error });
        else {
          const before = knownEntries.find(entry.path);
          const verdict = before === undefined ? 'new' : compare(entry, before);
          const guidance = guide?.guide(entry, verdict === 'known');
          if (guidance?.leaveOut !== undefined) {
            found -= 1; // it is counted by the guide, as what it is
            continue;
          }
          if (verdict === 'known') {
            isKnown(guidance);
            shifts.sawUnshifted();
          } else if (verdict === 'doubtful') doubtful.push({ entry, guidance });
          else if (verdict === 'new' || before === undefined) isNew(entry, guidance);
          else shifts.add({ entry, guidance }, before);
        }
      }
      const compareHeads = async (each: Doubtful) => ({ ...each, isSame: await hasSameHead(options, each.entry) });
      for await (const { entry, guidance, isSame } of mapOrdered(doubtful, { atOnce: headsAtOnce }, compareHeads)) {
        if (isSame) {
          isKnown(guidance);
          shifts.sawUnshifted();
        } else isNew(entry, guidance);
      }
      options.onListed(found);
    }
    guide?.endListing();
    const shifted = await shifts.decide();
    for (const { guidance } of shifted.known) isKnown(guidance);
    for (const { entry, guidance } of shifted.changed) isNew(entry, guidance);
    return { found, known, notFiles, unreadable, spool, [Symbol.dispose]: () => spool[Symbol.dispose]() };
  } catch (error) {
    spool[Symbol.dispose]();
    throw error;
  }
}

interface Doubtful {
  readonly entry: SourceFile;
  readonly guidance: Guidance | undefined;
}

/** When a file that was changed moments ago is to be looked at again. */
export function settlesAt(entry: SourceFile, clock: Clock): { settlesAtMonotonicMs?: number } {
  const ageMs = clock.nowMs() - Number(entry.modifiedAtNs / 1_000_000n);
  return Math.abs(ageMs) < freshMs ? { settlesAtMonotonicMs: clock.monotonicMs() + settleMs } : {};
}

/** `doubtful`: known if it begins with the same bytes. */
function compare(entry: SourceFile, before: EntryFacts): 'known' | 'new' | 'doubtful' | 'shifted' {
  if (entry.sizeBytes !== before.sizeBytes) return 'new';
  if (entry.modifiedAtNs === before.modifiedAtNs) return isCameraDefaultDate(entry.modifiedAtNs) ? 'doubtful' : 'known';
  const differenceNs = entry.modifiedAtNs - before.modifiedAtNs;
  const isWholeHours = differenceNs % hourNs === 0n;
  const hours = (differenceNs < 0n ? -differenceNs : differenceNs) / hourNs;
  return isWholeHours && hours <= shiftHoursMax ? 'shifted' : 'new';
}

/** A camera whose clock was reset begins again on the first of January: then a name and a time can come twice. */
function isCameraDefaultDate(modifiedAtNs: bigint): boolean {
  const date = new Date(Number(modifiedAtNs) / 1e6);
  // Cameras write local time and cards are read in any zone, so the day before and after count as well.
  const [month, day] = [date.getUTCMonth() + 1, date.getUTCDate()];
  return month === 1 ? day <= 2 : month === 12 && day === 31;
}

/** What the catalogue knows, asked folder by folder: a source is listed so, and nearly everything on it is known. */
class KnownEntries {
  readonly #options: SurveyOptions;
  #folder: string | undefined;
  #below: ReadonlyMap<SourcePath, EntryFacts> | undefined;

  constructor(options: SurveyOptions) {
    this.#options = options;
  }

  find(path: SourcePath): EntryFacts | undefined {
    const found = this.#below?.get(path);
    if (found !== undefined) return found;
    const { catalog, source, knownAtOnceMax: entriesMax = knownAtOnceMaxUsual } = this.#options;
    const folder = folderOf(path);
    if (folder !== this.#folder) {
      this.#folder = folder;
      this.#below = undefined; // let go before the next is read
      this.#below = catalog.findEntriesBelow({ sourceId: source.id, folder, entriesMax });
    }
    return this.#below === undefined ? catalog.findEntry(source.id, path) : this.#below.get(path);
  }
}

/** An entry whose first bytes cannot be read is not known: saving it reports why. */
async function hasSameHead(options: SurveyOptions, entry: SourceFile): Promise<boolean> {
  const before = options.catalog.findEntry(options.source.id, entry.path);
  try {
    await using reader = await options.source.open(entry.path, 0, options.signal);
    const head = Buffer.alloc(Math.min(headBytes, entry.sizeBytes));
    for (let filled = 0; filled < head.length; ) {
      const count = await reader.read(head.subarray(filled), options.signal);
      if (count === 0) return false;
      filled += count;
    }
    return digest(createHash('sha256').update(head)) === before?.headHash;
  } catch (error) {
    if (!(error instanceof AgentError) || endsSource(error)) throw error;
    return false;
  }
}

/**
 * FAT keeps local time, so a card seen from another zone, or after a change to summer time, shows all its times shifted by
 * the same whole hours. If that is what happened the entries are known and their times are corrected.
 */
class ShiftedTimes {
  readonly #options: SurveyOptions;
  readonly #entries: Doubtful[] = [];
  readonly #shifts = new Set<bigint>();
  #sawUnshifted = false;

  constructor(options: SurveyOptions) {
    this.#options = options;
  }

  sawUnshifted(): void {
    this.#sawUnshifted = true;
  }

  add(each: Doubtful, before: EntryFacts): void {
    this.#entries.push(each);
    this.#shifts.add(each.entry.modifiedAtNs - before.modifiedAtNs);
  }

  async decide(): Promise<{ known: readonly Doubtful[]; changed: readonly Doubtful[] }> {
    const entries = this.#entries;
    const [shiftNs] = this.#shifts;
    if (shiftNs === undefined) return { known: [], changed: [] };
    if (this.#shifts.size > 1 || this.#sawUnshifted || !(await this.#samplesAgree()))
      return { known: [], changed: entries };
    if (this.#options.correctTimes) {
      const paths = entries.map(({ entry }) => entry.path);
      this.#options.catalog.shiftEntryTimes(this.#options.source.id, paths, shiftNs);
    }
    return { known: entries, changed: [] };
  }

  async #samplesAgree(): Promise<boolean> {
    const stride = Math.max(1, Math.floor(this.#entries.length / shiftSamples));
    for (let index = 0; index < this.#entries.length; index += stride) {
      const sample = this.#entries[index];
      if (sample !== undefined && !(await hasSameHead(this.#options, sample.entry))) return false;
    }
    return true;
  }
}
