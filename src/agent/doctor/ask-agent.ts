// Asks the agent how things stand, as every command does, but with an end: one that hangs is an answer, too. Notes nothing.

import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { dirname } from 'node:path';
import * as v from 'valibot';
import { systemErrorCode } from '../../domain/errors.ts';
import type { AbsolutePath } from '../../domain/ids.ts';
import type { Status } from '../../domain/status.ts';
import { errorFromReply, lineBytesMax, replySchema } from '../api/protocol.ts';
import { isOurs, socketPaths } from '../api/socket-path.ts';
import { findAgentPid } from '../install/running-agent.ts';
import type { Environment, KeepsakePaths } from '../paths.ts';

export type AgentAnswer =
  | { readonly kind: 'answered'; readonly afterMs: number; readonly status: Status }
  /** It answered that it cannot say. */
  | { readonly kind: 'failed'; readonly afterMs: number; readonly error: Error }
  | { readonly kind: 'silent' }
  | { readonly kind: 'absent' };

/** @throws the signal's reason. */
export async function askAgent(
  paths: KeepsakePaths,
  environment: Environment,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<AgentAnswer> {
  const patience = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  let isSilent = (await findAgentPid(paths)) !== undefined;
  for (const path of socketPaths(paths, environment)) {
    const beganMs = performance.now();
    try {
      if (!(await isOurs(dirname(path)))) continue; // somebody else's ear
      const reply = await askAt(path, patience);
      const afterMs = Math.round(performance.now() - beganMs);
      if (reply instanceof Error) return { kind: 'failed', afterMs, error: reply };
      return { kind: 'answered', afterMs, status: reply };
    } catch (error) {
      signal.throwIfAborted();
      // A socket that one left behind who died is nobody.
      if (!['ENOENT', 'ENOTDIR', 'ECONNREFUSED', 'ENOTSOCK', 'EACCES'].includes(systemErrorCode(error) ?? ''))
        isSilent = true;
    }
  }
  return { kind: isSilent ? 'silent' : 'absent' };
}

async function askAt(socketPath: AbsolutePath, signal: AbortSignal): Promise<Status | Error> {
  const request = httpRequest({ socketPath, path: '/v1/status', method: 'POST', signal });
  request.end('{}');
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.setEncoding('utf8');
  let text = '';
  for await (const chunk of response as AsyncIterable<string>) {
    text += chunk;
    if (text.length > lineBytesMax) throw new Error('it said too much');
  }
  const reply = v.parse(replySchema, JSON.parse(text.trim().split('\n').at(-1) ?? ''));
  if ('error' in reply) return errorFromReply(reply.error);
  if ('result' in reply) return reply.result as Status; // both ends are of one version
  throw new Error('it hung up');
}
