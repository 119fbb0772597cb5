// Small file operations, done one after the other in a thread of their own. Going through Node.js's pool, each costs the main
// thread a wake-up of another one (40 µs, measured on two processors), which for small photos is more than all else together.
// Here one message carries all that was asked for while the last one was answered. A disk that hangs holds that thread, and not us.
//
// Promises what the operations of the system promise: each is done whole or fails with the system's error; none is done twice.

import { fsync } from 'node:fs';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import type { AbsolutePath } from '../domain/ids.ts';
import type { FileOperation, FileOutcome } from './file-thread-worker.ts';
import type { FlushableFile } from './flush-queue.ts';

const flush = promisify(fsync);
/** It holds one small file at a time, and what it was asked. */
const resourceLimits = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 };

export interface FileThread extends AsyncDisposable {
  /**
   * Creates `path` exclusively with these bytes and this modification time, and leaves it open for its flush. If that fails, it is gone again.
   * The bytes are copied before this returns its promise. @throws the system's error.
   */
  create(path: AbsolutePath, bytes: Uint8Array, modifiedAtNs: bigint): Promise<FlushableFile>;
  /** A second name, exclusively. @throws the system's error. */
  link(existing: AbsolutePath, path: AbsolutePath): Promise<void>;
  /** @throws the system's error. */
  unlink(path: AbsolutePath): Promise<void>;
}

interface Waiting {
  readonly operation: FileOperation;
  readonly resolve: (value: number) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Starts the thread with the first operation, and another one if it dies: what it was asked for and what it held open has failed then.
 * Closing waits for what was asked; what follows from that is to be waited for before.
 */
export function openFileThread({
  worker: workerUrl = ownWorkerUrl(),
}: {
  /** A module that speaks as `file-thread-worker` does; tests bring one that dies. */
  readonly worker?: URL;
} = {}): FileThread {
  let worker: Worker | undefined;
  let isClosed = false;
  let waiting: Waiting[] = [];
  /** Those in the message that is on its way: one at a time, so that meanwhile others can gather. */
  let asked: readonly Waiting[] = [];
  let idle: PromiseWithResolvers<void> | undefined;

  const start = (): Worker => {
    const started = new Worker(workerUrl, { name: 'files', execArgv: [], resourceLimits });
    const lost = (error: Error) => lose(started, error);
    started.on('message', take).on('messageerror', lost).on('error', lost);
    started.on('exit', () => lost(ended()));
    return started;
  };
  const send = (): void => {
    if (asked.length > 0 || waiting.length === 0) return;
    asked = waiting;
    waiting = [];
    const operations = asked.map(({ operation }) => operation);
    try {
      worker ??= start();
      worker.ref();
      worker.postMessage(
        operations,
        operations.flatMap((operation) => (operation.kind === 'create' ? [operation.bytes.buffer] : [])),
      );
    } catch (error) {
      lose(worker, error); // there is no thread to be had, for instance
    }
  };
  const take = (outcomes: readonly FileOutcome[]): void => {
    const answered = asked;
    asked = [];
    for (const [index, { resolve, reject }] of answered.entries()) {
      const outcome = outcomes[index];
      if (outcome !== undefined && 'value' in outcome) resolve(outcome.value);
      else reject(Object.assign(new Error(outcome?.message ?? 'no answer'), outcome));
    }
    goOn();
  };
  const lose = (lost: Worker | undefined, error: unknown): void => {
    if (lost !== worker) return;
    worker = undefined;
    void lost?.terminate();
    const failed = asked;
    asked = [];
    for (const { reject } of failed) reject(error);
    goOn();
  };
  const goOn = (): void => {
    // What follows from these answers is asked in this turn, and goes along.
    if (waiting.length > 0) setImmediate(send);
    else {
      worker?.unref();
      idle?.resolve();
    }
  };
  const ask = (operation: FileOperation): Promise<number> =>
    new Promise((resolve, reject) => {
      if (isClosed) return reject(ended());
      waiting.push({ operation, resolve, reject });
      if (waiting.length === 1 && asked.length === 0) setImmediate(send);
    });
  return {
    create: async (path, bytes, modifiedAtNs) => {
      const descriptor = await ask({ kind: 'create', path, bytes: new Uint8Array(bytes), modifiedAtNs });
      // A thread that ends closes what it had open, and the number may then be another file's.
      const owner = worker;
      const assertOpen = () => {
        if (owner === undefined || owner !== worker) throw ended();
      };
      return {
        sync: async () => {
          assertOpen();
          await flush(descriptor);
        },
        close: async () => {
          assertOpen();
          await ask({ kind: 'close', descriptor });
        },
      };
    },
    link: async (existing, path) => {
      await ask({ kind: 'link', existing, path });
    },
    unlink: async (path) => {
      await ask({ kind: 'unlink', path });
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
      if (asked.length > 0 || waiting.length > 0) {
        idle = Promise.withResolvers();
        await idle.promise;
      }
      const last = worker;
      worker = undefined;
      await last?.terminate();
    },
  };
}

function ownWorkerUrl(): URL {
  const file = import.meta.url.endsWith('.ts') ? './file-thread-worker.ts' : './file-thread-worker.js'; // As built.
  return new URL(file, import.meta.url);
}

function ended(): Error {
  return new Error('the thread for files has ended');
}
