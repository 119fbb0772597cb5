// The thread in which strangers' files are parsed: it may hang or run out of memory, and is then replaced (see
// `parsing-thread`). Says `{ ready: true }` once, then answers each ReadRequest of a message with one WorkerReply, in order.
import { parentPort } from 'node:worker_threads';
import { assert } from '../../domain/assert.ts';
import { systemErrorCode } from '../../domain/errors.ts';
import type { MediaMetadata } from '../../domain/media.ts';
import { type ReadRequest, readNatively } from './read-natively.ts';

export type WorkerReply =
  | { readonly metadata: MediaMetadata }
  /** The file could not be read; `code` is the system's (`ENOENT`). */
  | { readonly failure: { readonly message: string; readonly code?: string } };

const port = parentPort;
assert(port !== null, 'metadata-worker runs as a worker');
port.on('message', (requests: readonly ReadRequest[]) => void answerAll(requests));
port.postMessage({ ready: true });

async function answerAll(requests: readonly ReadRequest[]): Promise<void> {
  for (const request of requests) port?.postMessage(await answer(request));
}

async function answer(request: ReadRequest): Promise<WorkerReply> {
  try {
    return { metadata: await readNatively(request) };
  } catch (error) {
    const code = systemErrorCode(error);
    return { failure: { message: String(error), ...(code !== undefined && { code }) } };
  }
}
