// The agent's ear: serves `Keepsake` on its unix socket, to whoever may enter the socket's folder. What arrives is checked
// before it is believed, bounded, and one bad request harms nobody else.

import { rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import * as v from 'valibot';
import type { AbsolutePath } from '../../domain/ids.ts';
import type { Log } from '../../platform/log.ts';
import type { Keepsake } from '../control.ts';
import { errorReply, type Method, methodSchemas, type Reply, requestBytesMax } from './protocol.ts';
import { prepareSocketFolder } from './socket-path.ts';

const requestTimeoutMs = 10_000;
const connectionsMax = 64;

export interface ApiServerOptions {
  readonly path: AbsolutePath;
  readonly keepsake: Keepsake;
  readonly log: Log;
  readonly onListening?: () => void;
}

/**
 * Listens until `signal` aborts; requests under way are then told to stop. The caller holds the agent's lock, so a socket
 * that is there already was left behind by an agent that died. @throws AgentError AGENT_UNREACHABLE; system errors of listening.
 */
export async function serveApi(options: ApiServerOptions, signal: AbortSignal): Promise<void> {
  const { path, log } = options;
  await prepareSocketFolder(path);
  await rm(path, { force: true });
  const server = createServer((request, response) => {
    void answer(options.keepsake, request, response, signal).catch((error: unknown) => {
      log.error({ err: error }, 'a request could not be answered');
      response.destroy();
    });
  });
  server.maxConnections = connectionsMax;
  server.requestTimeout = requestTimeoutMs;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.on('error', reject);
  signal.addEventListener('abort', () => resolve(), { once: true });
  if (signal.aborted) resolve();
  // Nobody can be faster than the folder's permissions: it is 0700 before the socket exists.
  server.listen(path, options.onListening);
  try {
    await promise;
  } finally {
    server.close();
    server.closeAllConnections();
    await rm(path, { force: true });
  }
}

async function answer(
  keepsake: Keepsake,
  request: IncomingMessage,
  response: ServerResponse,
  stopping: AbortSignal,
): Promise<void> {
  const method = request.method === 'POST' ? /^\/v1\/(\w+)$/.exec(request.url ?? '')?.[1] : undefined;
  if (method === undefined || !Object.hasOwn(methodSchemas, method)) return refuse(response, 404);
  const body = await readBody(request);
  if (body === undefined) return refuse(response, 413);
  const hungUp = new AbortController();
  response.on('close', () => hungUp.abort(new Error('whoever asked has gone')));
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  const send = (reply: Reply) => {
    // Progress is only worth sending while it is read; the last line always is.
    if (!('progress' in reply) || response.writableLength === 0) response.write(`${JSON.stringify(reply)}\n`);
  };
  try {
    const signal = AbortSignal.any([stopping, hungUp.signal]);
    send({ result: await call(keepsake, method as Method, JSON.parse(body), { signal, send }) });
  } catch (error) {
    send(errorReply(error));
  }
  response.end();
}

async function call(
  keepsake: Keepsake,
  method: Method,
  body: unknown,
  { signal, send }: { readonly signal: AbortSignal; readonly send: (reply: Reply) => void },
): Promise<unknown> {
  const onProgress = (progress: unknown) => send({ progress });
  switch (method) {
    case 'backup':
      return await keepsake.backup({ ...v.parse(methodSchemas.backup, body), onProgress, signal });
    case 'status':
      return await keepsake.status(v.parse(methodSchemas.status, body).library);
    case 'adopt':
      return await keepsake.adopt({ ...v.parse(methodSchemas.adopt, body), onProgress, signal });
    case 'rebuild':
      return await keepsake.rebuild({ ...v.parse(methodSchemas.rebuild, body), signal });
    case 'devices':
      v.parse(methodSchemas.devices, body);
      return await keepsake.devices();
    case 'decide':
      return await keepsake.decide(v.parse(methodSchemas.decide, body));
    case 'rename': {
      const { device, name } = v.parse(methodSchemas.rename, body);
      return await keepsake.rename(device, name);
    }
    case 'mirror':
      return await keepsake.mirror({ ...v.parse(methodSchemas.mirror, body), onProgress, signal });
    case 'verify':
      return await keepsake.verify({ ...v.parse(methodSchemas.verify, body), onProgress, signal });
    case 'drives':
      return await keepsake.drives(v.parse(methodSchemas.drives, body).library);
    case 'addDrive':
      return await keepsake.addDrive(v.parse(methodSchemas.addDrive, body));
    case 'forgetDrive':
      return await keepsake.forgetDrive(v.parse(methodSchemas.forgetDrive, body));
    case 'ejectDrive':
      return await keepsake.ejectDrive(v.parse(methodSchemas.ejectDrive, body));
    case 'safeToDelete':
      return await keepsake.safeToDelete({ ...v.parse(methodSchemas.safeToDelete, body), onProgress, signal });
    case 'remove':
      return await keepsake.remove({ ...v.parse(methodSchemas.remove, body), signal });
    case 'pause':
      return (await keepsake.pause(v.parse(methodSchemas.pause, body).untilMs)) ?? {};
    case 'resume':
      v.parse(methodSchemas.resume, body);
      return (await keepsake.resume()) ?? {};
    case 'snooze': {
      const { device, untilMs } = v.parse(methodSchemas.snooze, body);
      return await keepsake.snooze(device, untilMs);
    }
  }
}

function refuse(response: ServerResponse, statusCode: number): void {
  response.writeHead(statusCode, { connection: 'close' }).end();
}

/** Undefined: more than is allowed. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > requestBytesMax) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
