// Asks a process of its own to try a disk, within a time limit.

import { join } from 'node:path';
import process from 'node:process';
import * as v from 'valibot';
import type { AbsolutePath } from '../../domain/ids.ts';
import { BoundedCommands } from '../../platform/bounded-command.ts';
import { finite } from '../../platform/shapes.ts';

export type TrialStep = 'write' | 'flush' | 'read' | 'link' | 'rename' | 'flush-folder' | 'remove';

export interface TrialQuestion {
  readonly root: AbsolutePath;
  /** What says that it is a library or a copy. Where there is none, nothing is written. Undefined: all of the folder is ours. */
  readonly marker?: AbsolutePath;
  /** Folders of ours; the first one that is there is used. */
  readonly folders: readonly AbsolutePath[];
  /** Whose times are asked along the way. */
  readonly alsoStat: readonly AbsolutePath[];
}

const answerSchema = v.object({
  /** `noFolder`, `noMarker`, `noOwnFolder`: nothing was tried. */
  state: v.picklist(['noFolder', 'noMarker', 'noOwnFolder', 'tried']),
  markerText: v.optional(v.string()),
  /** Where the root is, or would be, without links. */
  realRoot: v.string(),
  /** Of the disk; of the nearest thing above where there is no such folder. */
  freeBytes: finite,
  totalBytes: finite,
  isOnSystemDisk: v.boolean(),
  /** By its rights; false if a file is in the way. */
  isWritable: v.boolean(),
  /** As `alsoStat` was asked; null: it is not there. */
  modifiedMs: v.array(v.nullable(finite)),
  /** The first step that did not work, and what the system said. */
  failed: v.optional(v.picklist(['write', 'flush', 'read', 'link', 'rename', 'flush-folder', 'remove'])),
  code: v.optional(v.string()),
  hardLinks: v.optional(v.boolean()),
});

export type TrialAnswer = v.InferOutput<typeof answerSchema>;

/** `stuck`: the disk does not answer. `failed`: the process that tries could not do its work. */
export async function tryDisk(
  question: TrialQuestion,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<TrialAnswer | 'stuck' | 'failed'> {
  const main = join(import.meta.dirname, import.meta.url.endsWith('.ts') ? 'trial-main.ts' : 'trial-main.js'); // As built.
  const answer = await new BoundedCommands(timeoutMs).run(
    question.root,
    { command: process.execPath, args: ['--max-old-space-size=32', main, JSON.stringify(question)] },
    signal,
  );
  if (answer === 'stuck') return answer;
  if (answer.exitCode !== 0) return 'failed';
  const parsed = v.safeParse(answerSchema, jsonOrNothing(answer.stdout.toString('utf8')));
  return parsed.success ? parsed.output : 'failed';
}

function jsonOrNothing(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
