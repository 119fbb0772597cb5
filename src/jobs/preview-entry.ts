// What a new entry is, told by its first bytes, without saving it.

import { endsSource, isAgentError } from '../domain/errors.ts';
import { identifyContent } from '../library/metadata/content.ts';
import type { FileOutcome } from '../library/staging.ts';
import { headBytes } from '../platform/stage-file.ts';
import type { Source } from '../sources/source.ts';
import type { SpooledEntry } from './entry-spool.ts';

export interface PreviewedEntry {
  /** `imported`: it would be saved, unless its bytes turn out to be known. */
  readonly outcome: FileOutcome;
  /** Its first bytes, as many as are there up to `headBytes`. */
  readonly head: Uint8Array;
}

/** @throws AgentError SOURCE_GONE; the signal's reason. */
export async function previewEntry(
  options: { readonly source: Source; readonly signal: AbortSignal },
  entry: SpooledEntry,
): Promise<PreviewedEntry> {
  const buffer = Buffer.alloc(headBytes);
  try {
    await using reader = await options.source.open(entry.path, 0, options.signal);
    const head = buffer.subarray(0, await reader.read(buffer, options.signal));
    const content = await identifyContent(head, { name: entry.name, sizeBytes: entry.sizeBytes });
    if (content.kind === 'other' || content.kind === 'empty') {
      return { outcome: { kind: 'notMedia', reason: content.kind }, head };
    }
    return { outcome: { kind: 'imported', sizeBytes: entry.sizeBytes }, head };
  } catch (error) {
    if (!isAgentError(error) || endsSource(error)) throw error;
    return { outcome: { kind: 'failed', error }, head: buffer.subarray(0, 0) };
  }
}
