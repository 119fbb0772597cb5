// Has a process of its own read all of the list of photos: on a slow disk that takes a minute, in which this process could do nothing else,
// and all that it waits for would seem not to answer. A list that is broken cannot take this process with it either.

import { join } from 'node:path';
import process from 'node:process';
import { z } from 'zod';
import type { LibraryId } from '../../domain/ids.ts';
import { BoundedCommands } from '../../platform/bounded-command.ts';
import { errorFromReply } from '../api/protocol.ts';

export interface ListQuestion {
  readonly path: string;
  readonly libraryId: LibraryId;
}

const lookSchema = z.object({
  isWhole: z.boolean(),
  photos: z.number(),
  files: z.number(),
  bytes: z.number(),
  /** When photos were saved last; null: never. */
  newestSaveMs: z.number().nullable(),
});

export type ListLook = z.infer<typeof lookSchema>;

const answerSchema = z.union([
  lookSchema,
  z.object({ error: z.object({ code: z.string(), message: z.string(), remedy: z.string() }) }),
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
  const said = answerSchema.parse(JSON.parse(answer.stdout.toString('utf8')));
  if ('error' in said) throw errorFromReply(said.error);
  return said;
}
