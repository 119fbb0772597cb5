// Writes a tree of files to read from, together with the truth about it: what an import of that tree has to do with each.
// The truth says what is right, not how a program reports it; it never reads the program under test.
import { createHash } from 'node:crypto';
import { mkdir, utimes, writeFile } from 'node:fs/promises';
import type { DateBasis } from '../../../src/domain/media.ts';

export type Expected =
  /**
   * An asset of its own (or the primary of a group), filed under this wall-clock time, `YYYY-MM-DDTHH:MM:SS`. No basis
   * where two names for it are equally right (AVI); no offset where the file states none or readers may differ.
   */
  | {
      readonly kind: 'filed';
      readonly local: string;
      readonly basis?: Exclude<DateBasis, 'undated'>;
      readonly offsetMinutes?: number;
    }
  /** The instant is known, its zone is not: the local day depends on the zone the program is told to use. */
  | { readonly kind: 'filedUtc'; readonly utc: string; readonly basis: 'quicktime' | 'sidecar' | 'fileName' }
  /** The file name gives a day but no time; or the modification time stands in (`utc`); or nothing does. */
  | { readonly kind: 'undatedOrFallback'; readonly basis: 'fileName'; readonly day: string }
  | { readonly kind: 'undatedOrFallback'; readonly basis: 'mtime'; readonly utc: string }
  | { readonly kind: 'undatedOrFallback'; readonly basis: 'undated' }
  /** Belongs to the asset whose primary original is `assetPath`, and is filed beside it. */
  | { readonly kind: 'withAsset'; readonly assetPath: string }
  | { readonly kind: 'notMedia'; readonly reason: 'empty' | 'text' | 'orphanSidecar' | 'albumMetadata' }
  /** The same bytes. Which of the two is met first, and so kept, is up to the program. */
  | { readonly kind: 'duplicateOf'; readonly path: string };

/** One file to write. */
export interface SampleFile {
  /** `/`-separated, relative to the root; bytes where the name is not UTF-8. */
  readonly path: string | Buffer;
  readonly content: Buffer;
  /** Modification time, UTC. Without it: some second of February 2025, later than every capture date. */
  readonly modifiedAt?: string;
  readonly expected: Expected;
  readonly livePairWith?: string;
  readonly note: string;
  /** Not every volume can hold it: names that differ only in case or Unicode form, or that are not UTF-8. */
  readonly needs?: 'exactNames' | 'anyBytesInNames';
}

/** One file that was written. */
export interface TruthRow {
  /** As defined for SourcePath in `src/domain/ids.ts`. */
  readonly path: string;
  /** 64 hex digits. */
  readonly sha256: string;
  readonly sizeBytes: number;
  /** Negative before 1970. */
  readonly modifiedAtMs: number;
  readonly expected: Expected;
  /** A program that differs is wrong. As in the truth table of real media; here it holds for every row. */
  readonly strict: true;
  /** The other half of a Live Photo: an original still and its paired video. Edited renditions have none. */
  readonly livePairWith?: string;
  readonly note: string;
}

const defaultModifiedAtMs = Date.parse('2025-02-03T04:05:06Z');

/** Writes the files below `root` (made if missing) and returns a row for each. Refuses to overwrite. */
export async function writeSourceTree(root: string, files: readonly SampleFile[]): Promise<TruthRow[]> {
  const rows: TruthRow[] = [];
  for (const [index, file] of files.entries()) {
    const modifiedAtMs =
      file.modifiedAt === undefined ? defaultModifiedAtMs + index * 1000 : Date.parse(file.modifiedAt);
    const path = Buffer.from(file.path);
    if (!(await tryWrite(Buffer.concat([Buffer.from(`${root}/`), path]), { file, modifiedAtMs }))) continue;
    rows.push({
      path: sourcePathOf(path),
      sha256: createHash('sha256').update(file.content).digest('hex'),
      sizeBytes: file.content.length,
      modifiedAtMs,
      expected: file.expected,
      strict: true,
      ...(file.livePairWith === undefined ? {} : { livePairWith: file.livePairWith }),
      note: file.note,
    });
  }
  return rows;
}

/** False where this volume cannot hold a name that is known to be demanding; there is then no such file, and no row. */
async function tryWrite(
  path: Buffer,
  { file, modifiedAtMs }: { file: SampleFile; modifiedAtMs: number },
): Promise<boolean> {
  await mkdir(path.subarray(0, path.lastIndexOf('/')), { recursive: true });
  try {
    await writeFile(path, file.content, { flag: 'wx' });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (file.needs === 'exactNames' && code === 'EEXIST') return false;
    if (file.needs === 'anyBytesInNames' && (code === 'EILSEQ' || code === 'EINVAL')) return false;
    throw error;
  }
  // Dates, because utimes takes a negative number for "now".
  await utimes(path, new Date(modifiedAtMs), new Date(modifiedAtMs));
  return true;
}

/** The text by which a path of these bytes is known: see SourcePath in `src/domain/ids.ts`. */
export function sourcePathOf(path: Uint8Array): string {
  // A slash is never part of a longer UTF-8 character, so names can be told apart before they are decoded.
  const names = Buffer.from(path).toString('latin1').split('/');
  return names.map((name) => sourceName(Buffer.from(name, 'latin1'))).join('/');
}

function sourceName(name: Buffer): string {
  const whole = decodeUtf8(name);
  if (whole !== undefined) return whole;
  let text = '';
  for (let at = 0; at < name.length; ) {
    const character = characterAt(name, at);
    if (character === undefined) text += escapeByte(name.readUInt8(at));
    else text += character === '\\' ? escapeByte(0x5c) : character;
    at += character === undefined ? 1 : Buffer.byteLength(character);
  }
  return text;
}

function characterAt(name: Buffer, at: number): string | undefined {
  const candidates = [1, 2, 3, 4].map((sizeBytes) => decodeUtf8(name.subarray(at, at + sizeBytes)));
  return candidates.find((character) => character !== undefined);
}

function escapeByte(byte: number): string {
  return `\\x${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined; // Not UTF-8, which is the question.
  }
}
