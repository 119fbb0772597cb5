// The thread of `file-thread`: does what each message asks for, in its order, and answers with one message.

import { closeSync, constants, futimesSync, linkSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { assert, assertNever } from '../domain/assert.ts';
import { systemErrorCode } from '../domain/errors.ts';
import { filePermissions, timeForSystem } from './durable-write.ts';

export type FileOperation =
  | {
      readonly kind: 'create';
      readonly path: string;
      readonly bytes: Uint8Array<ArrayBuffer>;
      readonly modifiedAtNs: bigint;
    }
  | { readonly kind: 'close'; readonly descriptor: number }
  | { readonly kind: 'link'; readonly existing: string; readonly path: string }
  | { readonly kind: 'unlink'; readonly path: string };

export type FileOutcome =
  | { readonly value: number }
  /** As Node.js's own errors have them. */
  | { readonly message: string; readonly code?: string; readonly syscall: string };

const port = parentPort;
assert(port !== null, 'file-thread-worker runs as a worker');
port.on('message', (operations: readonly FileOperation[]) => port.postMessage(operations.map(attempt)));

function attempt(operation: FileOperation): FileOutcome {
  try {
    return { value: run(operation) };
  } catch (error) {
    const { message = String(error), syscall = '' } = error as NodeJS.ErrnoException;
    const code = systemErrorCode(error);
    return { message, syscall, ...(code === undefined ? {} : { code }) };
  }
}

/** Returns the descriptor of a file that was created; else 0. */
function run(operation: FileOperation): number {
  switch (operation.kind) {
    case 'create':
      return create(operation);
    case 'close':
      closeSync(operation.descriptor);
      return 0;
    case 'link':
      linkSync(operation.existing, operation.path);
      return 0;
    case 'unlink':
      unlinkSync(operation.path);
      return 0;
    default:
      return assertNever(operation);
  }
}

function create({ path, bytes, modifiedAtNs }: FileOperation & { readonly kind: 'create' }): number {
  try {
    const descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, filePermissions);
    try {
      for (let written = 0; written < bytes.length; ) written += writeSync(descriptor, bytes, written);
      const time = timeForSystem(modifiedAtNs);
      futimesSync(descriptor, time, time);
      return descriptor;
    } catch (error) {
      quietly(() => closeSync(descriptor));
      quietly(() => unlinkSync(path)); // if not even that works it is swept at the next start
      throw error;
    }
  } finally {
    bytes.buffer.transfer(0); // given back at once: this thread's heap is so small that it hardly ever collects
  }
}

/** The failure before it is the one to report. */
function quietly(tidy: () => void): void {
  try {
    tidy();
  } catch {
    // see above
  }
}
