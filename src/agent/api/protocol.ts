// How a command line talks to the agent: HTTP over a unix socket, POST /v1/METHOD with a JSON body; the answer is lines of
// JSON, any number of `progress` and then one `result` or `error`. Hanging up means: stop that.

import { z } from 'zod';
import { AgentError, type ErrorCode, errorRetry } from '../../domain/errors.ts';

export const requestBytesMax = 1024 * 1024;
/** A report of an import names up to 100,000 files. */
export const lineBytesMax = 256 * 1024 * 1024;

const text = z.string().max(10_000);
const noParameters = z.strictObject({});

/** The parameters of each method. */
export const methodSchemas = {
  backup: z.strictObject({
    sources: z.array(text).max(1000),
    library: text.optional(),
    createAnew: z.boolean(),
    dryRun: z.boolean(),
    mustFit: z.boolean().optional(),
    keepRecentlyDeleted: z.boolean().optional(),
    copies: z.boolean().optional(),
  }),
  status: z.strictObject({ library: text.optional() }),
  adopt: z.strictObject({ folder: text, library: text.optional(), createAnew: z.boolean(), dryRun: z.boolean() }),
  rebuild: z.strictObject({ library: text.optional() }),
  devices: noParameters,
  decide: z.strictObject({
    device: text,
    decision: z.enum(['always', 'never', 'retired']),
    replaces: text.optional(),
    hiddenPhotos: z.enum(['save', 'leave']).optional(),
    sharedPhotos: z.enum(['save', 'leave']).optional(),
  }),
  rename: z.strictObject({ device: text, name: text }),
  mirror: z.strictObject({ drives: z.array(text).max(100), library: text.optional(), acceptChanges: z.boolean() }),
  verify: z.strictObject({ all: z.boolean(), repair: z.boolean(), dryRun: z.boolean(), library: text.optional() }),
  drives: z.strictObject({ library: text.optional() }),
  addDrive: z.strictObject({
    path: text,
    name: text.optional(),
    isElsewhere: z.boolean(),
    library: text.optional(),
  }),
  forgetDrive: z.strictObject({ drive: text, library: text.optional() }),
  ejectDrive: z.strictObject({ drive: text, library: text.optional() }),
  safeToDelete: z.strictObject({ device: text.optional(), library: text.optional() }),
  remove: z.strictObject({
    action: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('remove'), queries: z.array(text).max(1000), dryRun: z.boolean() }),
      z.strictObject({ kind: z.literal('missing'), folder: text.optional(), dryRun: z.boolean() }),
      z.strictObject({ kind: z.literal('undo'), removal: text.optional() }),
      z.strictObject({ kind: z.literal('list') }),
      z.strictObject({ kind: z.literal('emptyTrash') }),
    ]),
    library: text.optional(),
    workingFolder: text.optional(),
  }),
  pause: z.strictObject({ untilMs: z.number().optional() }),
  resume: noParameters,
  snooze: z.strictObject({ device: text, untilMs: z.number() }),
} as const;

export type Method = keyof typeof methodSchemas;

export const replySchema = z.union([
  z.object({ progress: z.unknown() }),
  z.object({ error: z.object({ code: z.string(), message: z.string(), remedy: z.string() }) }),
  z.object({ result: z.unknown() }),
]);

export type Reply =
  | { readonly progress: unknown }
  | { readonly result: unknown }
  | { readonly error: { readonly code: string; readonly message: string; readonly remedy: string } };

/** What an error looks like on the wire. Only expected ones are explained; anything else is ours to mend. */
export function errorReply(error: unknown): Reply {
  if (error instanceof AgentError) {
    const { code, message, remedy } = error;
    return { error: { code, message, remedy } };
  }
  return { error: { code: 'INTERNAL', message: 'Keepsake made a mistake.', remedy: 'Look at its log.' } };
}

/** The other way round. */
export function errorFromReply(reply: {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
}): Error {
  if (!Object.hasOwn(errorRetry, reply.code)) return new Error(reply.message);
  return new AgentError(reply.code as ErrorCode, reply.message, { remedy: reply.remedy });
}
