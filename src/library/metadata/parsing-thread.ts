// Keeps one metadata worker: starts it with the first file, gives it one file at a time, and replaces it when it hangs
// or dies.
// Promises that a file which kills the worker costs only its own metadata, and that closing never waits long. A worker
// that cannot start at all is an error: otherwise a broken installation would quietly file every photo as undated.
import { Worker } from 'node:worker_threads';
import type { MediaMetadata } from '../../domain/media.ts';
import { after, untilAborted } from './deadline.ts';
import type { WorkerReply } from './metadata-worker.ts';
import type { ReadRequest } from './read-natively.ts';

export interface ParsingThread extends AsyncDisposable {
  /**
   * What the worker found; nothing if this file made it hang or die.
   * @throws the signal's reason; an Error with the system's `code` if the file cannot be read; an Error if no worker
   *   can start.
   */
  read(request: ReadRequest, signal: AbortSignal): Promise<MediaMetadata>;
}

/** Loading the parsers takes 50 ms; a disk that has to wake up, some seconds. */
const startTimeoutMs = 30_000;
/** A terminated worker is gone in milliseconds, unless it waits for a disk that does not answer. */
const closeTimeoutMs = 5_000;
/**
 * The largest honest need is that of a large EXIF block, some 30 MB. This limit is the second fence, not the first:
 * what the parsers are given is bounded so that they cannot reach it in one leap, which V8 would answer by ending the
 * process (see `exif`).
 */
const resourceLimits = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 8 };

export interface ParsingThreadOptions {
  /** How long the worker may take for one file, without the time it needs to start. */
  readonly timeoutMs: number;
  /** A module that speaks as `metadata-worker` does; tests bring one that hangs and one that eats memory. */
  readonly worker?: URL;
}

export function openParsingThread({
  timeoutMs,
  worker: workerUrl = metadataWorkerUrl(),
}: ParsingThreadOptions): ParsingThread {
  let current: Worker | undefined;
  let isClosed = false;
  let lastTurn: Promise<unknown> = Promise.resolve();

  async function startWorker(): Promise<Worker> {
    // `execArgv`: the flags that started the process are meant for its own script, and some end a worker at once.
    const worker = new Worker(workerUrl, { name: 'metadata', execArgv: [], resourceLimits });
    worker.unref(); // Idle, it keeps no process alive; while it works, the timer of its deadline does.
    worker.on('error', () => {}); // Who waits for an answer hears of it; without any listener it would end the process.
    worker.on('exit', () => {
      if (current === worker) current = undefined;
    });
    current = worker;
    const outcome = await nextMessage(worker, startTimeoutMs);
    if (outcome.kind === 'message') return worker;
    discard(worker);
    throw new Error('the metadata worker could not start', {
      cause: outcome.kind === 'ended' ? outcome.error : undefined,
    });
  }

  function discard(worker: Worker): void {
    if (current === worker) current = undefined;
    void worker.terminate(); // Not awaited: it may be stuck in a read, and the next file need not wait for that.
  }

  async function takeTurn(request: ReadRequest, signal: AbortSignal): Promise<MediaMetadata> {
    signal.throwIfAborted();
    assertOpen();
    const worker = current ?? (await startWorker());
    assertOpen();
    worker.postMessage(request);
    const outcome = await nextMessage(worker, timeoutMs);
    assertOpen();
    if (outcome.kind === 'message') return metadataOf(outcome.message as WorkerReply);
    discard(worker);
    return {};
  }

  function assertOpen(): void {
    if (isClosed) throw new Error('the metadata reader is closed');
  }

  return {
    read(request, signal) {
      const turn = lastTurn.then(() => takeTurn(request, signal));
      lastTurn = turn.catch(() => {}); // A failure is its own caller's to handle; the next file goes on.
      return untilAborted(turn, signal);
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
      if (current === undefined) return;
      const { promise: deadline, cancel } = after(closeTimeoutMs);
      await Promise.race([current.terminate(), deadline]);
      cancel();
    },
  };
}

function metadataWorkerUrl(): URL {
  const file = import.meta.url.endsWith('.ts') ? './metadata-worker.ts' : './metadata-worker.js'; // As built.
  return new URL(file, import.meta.url);
}

function metadataOf(reply: WorkerReply): MediaMetadata {
  if ('metadata' in reply) return reply.metadata;
  const { message, code } = reply.failure;
  throw Object.assign(new Error(`a file's metadata could not be read: ${message}`), code === undefined ? {} : { code });
}

type Outcome =
  | { readonly kind: 'message'; readonly message: unknown }
  | { readonly kind: 'ended'; readonly error: Error }
  | { readonly kind: 'timedOut' };

/** Waits for whatever comes first. The worker speaks only when spoken to, so its next message is the answer. */
function nextMessage(worker: Worker, timeoutMs: number): Promise<Outcome> {
  return new Promise((resolve) => {
    const settle = (outcome: Outcome): void => {
      cancel();
      worker.off('message', onMessage).off('error', onError).off('exit', onExit);
      resolve(outcome);
    };
    const onMessage = (message: unknown): void => settle({ kind: 'message', message });
    const onError = (error: Error): void => settle({ kind: 'ended', error });
    const onExit = (): void => settle({ kind: 'ended', error: new Error('the metadata worker ended') });
    const { promise: deadline, cancel } = after(timeoutMs);
    void deadline.then(() => settle({ kind: 'timedOut' }));
    worker.on('message', onMessage).on('error', onError).on('exit', onExit);
  });
}
