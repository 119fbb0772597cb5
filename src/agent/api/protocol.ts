// How a command line talks to the agent: HTTP over a unix socket, POST /v1/METHOD with a JSON body; the answer is lines of
// JSON, any number of `progress` and then one `result` or `error`. Hanging up means: stop that.

import * as v from 'valibot';
import { AgentError, type ErrorCode, errorRetry } from '../../domain/errors.ts';
import { exactly, finite, textUpTo } from '../../platform/shapes.ts';

export const requestBytesMax = 1024 * 1024;
/** A report of an import names up to 100,000 files. */
export const lineBytesMax = 256 * 1024 * 1024;

const text = textUpTo(10_000);
const noParameters = exactly({});

/** The parameters of each method. */
export const methodSchemas = {
  backup: exactly({
    sources: v.pipe(v.array(text), v.maxLength(1000)),
    library: v.optional(text),
    createAnew: v.boolean(),
    dryRun: v.boolean(),
    mustFit: v.optional(v.boolean()),
    keepRecentlyDeleted: v.optional(v.boolean()),
    copies: v.optional(v.boolean()),
  }),
  status: exactly({ library: v.optional(text) }),
  adopt: exactly({ folder: text, library: v.optional(text), createAnew: v.boolean(), dryRun: v.boolean() }),
  rebuild: exactly({ library: v.optional(text) }),
  devices: noParameters,
  decide: exactly({
    device: text,
    decision: v.picklist(['always', 'never', 'retired']),
    replaces: v.optional(text),
    hiddenPhotos: v.optional(v.picklist(['save', 'leave'])),
    sharedPhotos: v.optional(v.picklist(['save', 'leave'])),
  }),
  rename: exactly({ device: text, name: text }),
  mirror: exactly({
    drives: v.pipe(v.array(text), v.maxLength(100)),
    library: v.optional(text),
    acceptChanges: v.boolean(),
  }),
  verify: exactly({ all: v.boolean(), repair: v.boolean(), dryRun: v.boolean(), library: v.optional(text) }),
  drives: exactly({ library: v.optional(text) }),
  addDrive: exactly({
    path: text,
    name: v.optional(text),
    isElsewhere: v.boolean(),
    library: v.optional(text),
  }),
  forgetDrive: exactly({ drive: text, library: v.optional(text) }),
  ejectDrive: exactly({ drive: text, library: v.optional(text) }),
  safeToDelete: exactly({ device: v.optional(text), library: v.optional(text) }),
  remove: exactly({
    action: v.variant('kind', [
      v.strictObject({
        kind: v.literal('remove'),
        queries: v.pipe(v.array(text), v.maxLength(1000)),
        dryRun: v.boolean(),
      }),
      v.strictObject({ kind: v.literal('missing'), folder: v.optional(text), dryRun: v.boolean() }),
      v.strictObject({ kind: v.literal('undo'), removal: v.optional(text) }),
      v.strictObject({ kind: v.literal('list') }),
      v.strictObject({ kind: v.literal('emptyTrash') }),
    ]),
    library: v.optional(text),
    workingFolder: v.optional(text),
  }),
  pause: exactly({ untilMs: v.optional(finite) }),
  resume: noParameters,
  snooze: exactly({ device: text, untilMs: finite }),
} as const;

export type Method = keyof typeof methodSchemas;

export const replySchema = v.union([
  v.object({ progress: v.unknown() }),
  v.object({ error: v.object({ code: v.string(), message: v.string(), remedy: v.string() }) }),
  v.object({ result: v.unknown() }),
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
