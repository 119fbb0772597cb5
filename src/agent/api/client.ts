// The agent, as seen from a command line: the same `Keepsake`, asked through the socket.

import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { dirname } from 'node:path';
import * as v from 'valibot';
import { AgentError, isAgentError, systemErrorCode } from '../../domain/errors.ts';
import type { AbsolutePath } from '../../domain/ids.ts';
import type { Status } from '../../domain/status.ts';
import type { AdoptResult } from '../adopt.ts';
import type { BackupResult, DriveListing, Keepsake } from '../control.ts';
import type { MirrorResult, VerifyResult } from '../copying.ts';
import type { Device } from '../devices.ts';
import type { AddedDrive } from '../drives.ts';
import type { RebuildResult } from '../rebuild.ts';
import type { RemoveResult } from '../remove.ts';
import type { SafeToDelete } from '../safe-to-delete.ts';
import { errorFromReply, lineBytesMax, type Method, replySchema } from './protocol.ts';
import { isOurs } from './socket-path.ts';

/** What the agent answers itself; the rest stays with who asks. */
export type RemoteKeepsake = Pick<Keepsake, Method>;

type NamedDrive = Awaited<ReturnType<Keepsake['ejectDrive']>>;

/** Both ends are of one version: what the agent sends as progress is what the caller takes. */
type OnProgress = (progress: unknown) => void;

/** An agent that has just started on an old computer may be busy for seconds; one that hangs answers never. */
const connectTimeoutMs = 6_000;

/** The agent at this socket, or undefined if none is there. A socket left behind by one that died is none. */
export async function connectAgent(path: AbsolutePath): Promise<RemoteKeepsake | undefined> {
  try {
    // Somebody else's ear in a folder that all can write to is none of ours, whatever its name.
    if (!(await isOurs(dirname(path)))) return undefined;
    await call(path, 'devices', {}, { signal: AbortSignal.timeout(connectTimeoutMs) });
  } catch (error) {
    if (['ENOENT', 'ECONNREFUSED', 'ENOTSOCK', 'EACCES'].includes(systemErrorCode(error) ?? '')) return undefined;
    if (isAgentError(error, 'AGENT_UNREACHABLE')) throw error;
    if (!isAgentError(error)) throw silent(error);
    // It is there; what it cannot do it says again when asked for it.
  }
  return {
    backup: async ({ onProgress, signal, ...request }) =>
      (await call(path, 'backup', request, { signal, onProgress: onProgress as OnProgress })) as BackupResult,
    adopt: async ({ onProgress, signal, ...wish }) =>
      (await call(path, 'adopt', wish, { signal, onProgress: onProgress as OnProgress })) as AdoptResult,
    rebuild: async ({ signal, ...wish }) => (await call(path, 'rebuild', wish, { signal })) as RebuildResult,
    status: async (library) => (await call(path, 'status', { library })) as Status,
    devices: async () => (await call(path, 'devices', {})) as readonly Device[],
    decide: async (request) => (await call(path, 'decide', request)) as Device,
    rename: async (device, name) => (await call(path, 'rename', { device, name })) as Device,
    mirror: async ({ onProgress, signal, ...wish }) =>
      (await call(path, 'mirror', wish, { signal, onProgress: onProgress as OnProgress })) as MirrorResult,
    verify: async ({ onProgress, signal, ...wish }) =>
      (await call(path, 'verify', wish, { signal, onProgress: onProgress as OnProgress })) as VerifyResult,
    drives: async (library) => (await call(path, 'drives', { library })) as DriveListing,
    addDrive: async (wish) => (await call(path, 'addDrive', wish)) as AddedDrive,
    forgetDrive: async (wish) => (await call(path, 'forgetDrive', wish)) as NamedDrive,
    ejectDrive: async (wish) => (await call(path, 'ejectDrive', wish)) as NamedDrive,
    safeToDelete: async ({ onProgress, signal, ...wish }) =>
      (await call(path, 'safeToDelete', wish, { signal, onProgress: onProgress as OnProgress })) as SafeToDelete,
    remove: async ({ signal, ...wish }) => (await call(path, 'remove', wish, { signal })) as RemoveResult,
    pause: async (untilMs) => void (await call(path, 'pause', { untilMs })),
    resume: async () => void (await call(path, 'resume', {})),
    snooze: async (device, untilMs) => (await call(path, 'snooze', { device, untilMs })) as Device,
  };
}

function silent(cause: unknown): AgentError {
  return new AgentError('AGENT_UNREACHABLE', 'The Keepsake in the background does not answer.', {
    remedy: 'Stop it and start it again: npm start',
    cause,
  });
}

async function call(
  path: AbsolutePath,
  method: Method,
  parameters: unknown,
  options: { readonly signal?: AbortSignal; readonly onProgress?: OnProgress } = {},
): Promise<unknown> {
  const request = httpRequest({
    socketPath: path,
    path: `/v1/${method}`,
    method: 'POST',
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  request.end(JSON.stringify(parameters));
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  if (response.statusCode !== 200) throw silent(`answered ${response.statusCode}`);
  for await (const line of linesOf(response)) {
    const reply = v.parse(replySchema, JSON.parse(line));
    if ('error' in reply) throw errorFromReply(reply.error);
    if ('result' in reply) return reply.result;
    options.onProgress?.(reply.progress);
  }
  throw silent('hung up');
}

/** Lines end at a newline only: JSON may hold what others take for one (U+2028). */
async function* linesOf(response: IncomingMessage): AsyncGenerator<string> {
  response.setEncoding('utf8');
  let rest = '';
  for await (const chunk of response as AsyncIterable<string>) {
    const searchedTo = rest.length;
    rest += chunk;
    if (rest.length > lineBytesMax) throw silent('said too much');
    for (let end = rest.indexOf('\n', searchedTo); end !== -1; end = rest.indexOf('\n')) {
      yield rest.slice(0, end);
      rest = rest.slice(end + 1);
    }
  }
}
