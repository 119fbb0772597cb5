// The thread of `file-thread`: does what each message asks for, in its order, and answers with one message.

import { closeSync, constants, futimesSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { assert } from '../domain/assert.ts';
import { systemErrorCode } from '../domain/errors.ts';
import { filePermissions, timeForSystem } from './durable-write.ts';

export type FileOperation =
  | {
      readonly kind: 'create';
      readonly path: string;
      readonly bytes: Uint8Array<ArrayBuffer>;
      readonly modifiedAtNs: bigint;
    }
  | { readonly kind: 'close'; readonly descriptor: number };

export type FileOutcome =
  | { readonly value: number }
  /** As Node.js's own errors have them. */
  | { readonly message: string; readonly code: string; readonly syscall: string };

const port = parentPort;
assert(port !== null, 'file-thread-worker runs as a worker');
port.on('message', (operations: readonly FileOperation[]) => port.postMessage(operations.map(attempt)));

function attempt(operation: FileOperation): FileOutcome {
  try {
    return { value: run(operation) };
  } catch (error) {
    const { message = String(error), syscall = '' } = error as NodeJS.ErrnoException;
    return { message, syscall, code: systemErrorCode(error) ?? '' };
  }
}

/** Returns the file's descriptor. */
function run(operation: FileOperation): number {
  if (operation.kind === 'create') return create(operation);
  closeSync(operation.descriptor);
  return operation.descriptor;
}

function create({ path, bytes, modifiedAtNs }: FileOperation & { readonly kind: 'create' }): number {
  const descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, filePermissions);
  try {
    for (let written = 0; written < bytes.length; ) written += writeSync(descriptor, bytes, written);
    const time = timeForSystem(modifiedAtNs);
    futimesSync(descriptor, time, time);
    return descriptor;
  } catch (error) {
    for (const tidy of [() => closeSync(descriptor), () => unlinkSync(path)]) {
      try {
        tidy();
      } catch {
        // the failure before it is the one to report; what is left is swept at the next start
      }
    }
    throw error;
  }
}
