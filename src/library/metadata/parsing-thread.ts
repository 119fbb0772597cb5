// Keeps one metadata worker: starts it with the first file, gives it those that wait, several with one message (which costs as much as
// reading a small photo), and replaces it when it hangs or dies.
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

/** They are answered one by one, so that what becomes of one of them is known to be its own. */
const filesPerMessageMax = 16;

export interface ParsingThreadOptions {
  /** How long the worker may take for one file, without the time it needs to start. */
  readonly timeoutMs: number;
  /** A module that speaks as `metadata-worker` does; tests bring one that hangs and one that eats memory. */
  readonly worker?: URL;
}

interface Turn {
  readonly request: ReadRequest;
  readonly signal: AbortSignal;
  readonly resolve: (metadata: MediaMetadata) => void;
  readonly reject: (error: unknown) => void;
}

export function openParsingThread({
  timeoutMs,
  worker: workerUrl = metadataWorkerUrl(),
}: ParsingThreadOptions): ParsingThread {
  let current: Worker | undefined;
  let isClosed = false;
  let isGiving = false;
  const waiting: Turn[] = [];

  async function startWorker(): Promise<Worker> {
    // `execArgv`: the flags that started the process are meant for its own script, and some end a worker at once.
    const worker = new Worker(workerUrl, { name: 'metadata', execArgv: [], resourceLimits });
    worker.unref(); // Idle, it keeps no process alive; while it works, the timer of its deadline does.
    worker.on('error', () => {}); // Who waits for an answer hears of it; without any listener it would end the process.
    worker.on('exit', () => {
      if (current === worker) current = undefined;
    });
    current = worker;
    using answers = new Answers(worker);
    const outcome = await answers.next(startTimeoutMs);
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

  /** Until nothing waits. */
  async function giveAll(): Promise<void> {
    isGiving = true;
    while (waiting.length > 0) {
      const turns = waiting.splice(0, filesPerMessageMax).filter(({ signal }) => !signal.aborted); // their readers know
      try {
        if (turns.length > 0) await give(turns);
      } catch (error) {
        for (const { reject } of turns) reject(error); // whoever was answered already hears nothing of it
      }
    }
    isGiving = false;
  }

  /** @throws if that fails for all that are not answered yet. */
  async function give(turns: readonly Turn[]): Promise<void> {
    assertOpen();
    const worker = current ?? (await startWorker());
    assertOpen();
    using answers = new Answers(worker);
    worker.postMessage(turns.map(({ request }) => request));
    for (const [index, { resolve, reject }] of turns.entries()) {
      const outcome = await answers.next(timeoutMs);
      assertOpen();
      if (outcome.kind !== 'message') {
        discard(worker);
        resolve({});
        waiting.unshift(...turns.slice(index + 1));
        return;
      }
      const reply = outcome.message as WorkerReply;
      if ('metadata' in reply) resolve(reply.metadata);
      else reject(readFailure(reply.failure));
    }
  }

  function assertOpen(): void {
    if (isClosed) throw new Error('the metadata reader is closed');
  }

  return {
    read(request, signal) {
      const { promise, resolve, reject } = Promise.withResolvers<MediaMetadata>();
      waiting.push({ request, signal, resolve, reject });
      if (!isGiving) void giveAll();
      return untilAborted(promise, signal);
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

function readFailure({ message, code }: Extract<WorkerReply, { failure: unknown }>['failure']): Error {
  return Object.assign(
    new Error(`a file's metadata could not be read: ${message}`),
    code === undefined ? {} : { code },
  );
}

type Outcome =
  | { readonly kind: 'message'; readonly message: unknown }
  | { readonly kind: 'ended'; readonly error: Error }
  | { readonly kind: 'timedOut' };

/** What a worker says while this listens. It speaks only when spoken to, so its next message is the next answer. */
class Answers implements Disposable {
  readonly #worker: Worker;
  readonly #outcomes: Outcome[] = [];
  #wake: () => void = () => undefined;

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.on('message', this.#onMessage).on('error', this.#onError).on('exit', this.#onExit);
  }

  /** Waits for whatever comes first. */
  async next(timeoutMs: number): Promise<Outcome> {
    if (this.#outcomes.length === 0) {
      const { promise: deadline, cancel } = after(timeoutMs);
      await Promise.race([new Promise<void>((resolve) => (this.#wake = resolve)), deadline]);
      cancel();
    }
    return this.#outcomes.shift() ?? { kind: 'timedOut' };
  }

  [Symbol.dispose](): void {
    this.#worker.off('message', this.#onMessage).off('error', this.#onError).off('exit', this.#onExit);
  }

  readonly #onMessage = (message: unknown): void => this.#add({ kind: 'message', message });
  readonly #onError = (error: Error): void => this.#add({ kind: 'ended', error });
  readonly #onExit = (): void => this.#add({ kind: 'ended', error: new Error('the metadata worker ended') });

  #add(outcome: Outcome): void {
    this.#outcomes.push(outcome);
    this.#wake();
  }
}
