// Has a process of its own read all of the list of photos: on a slow disk that takes a minute, in which this process could do nothing else,
// and all that it waits for would seem not to answer. A list that is broken cannot take this process with it either.

import { join } from 'node:path';
import process from 'node:process';
import * as v from 'valibot';
import type { LibraryId } from '../../domain/ids.ts';
import { BoundedCommands } from '../../platform/bounded-command.ts';
import { finite } from '../../platform/shapes.ts';
import { errorFromReply } from '../api/protocol.ts';

export interface ListQuestion {
  readonly path: string;
  readonly libraryId: LibraryId;
}

const lookSchema = v.object({
  isWhole: v.boolean(),
  photos: finite,
  files: finite,
  bytes: finite,
  /** When photos were saved last; null: never. */
  newestSaveMs: v.nullable(finite),
});

export type ListLook = v.InferOutput<typeof lookSchema>;

const answerSchema = v.union([
  lookSchema,
  v.object({ error: v.object({ code: v.string(), message: v.string(), remedy: v.string() }) }),
]);

/**
 * `stuck`: it took longer.
 * @throws AgentError CATALOG_DAMAGED, CATALOG_TOO_NEW, …; Error if the process that reads fails; the signal's reason.
 */
export async function readList(
  question: ListQuestion,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<ListLook | 'stuck'> {
  const name = import.meta.url.endsWith('.ts') ? 'read-list-main.ts' : 'read-list-main.js'; // As built.
  const args = [join(import.meta.dirname, name), JSON.stringify(question)];
  const answer = await new BoundedCommands(timeoutMs).run(question.path, { command: process.execPath, args }, signal);
  if (answer === 'stuck') return answer;
  if (answer.exitCode !== 0) throw new Error('the process that reads the list failed');
  const said = v.parse(answerSchema, JSON.parse(answer.stdout.toString('utf8')));
  if ('error' in said) throw errorFromReply(said.error);
  return said;
}
