// One AFC connection: many requests outstanding, replies matched by number, each reply's bytes put where they are wanted without
// being collected first. When the tunnel dies, or the phone says nothing for too long, all that wait fail at once.

import type { Duplex } from 'node:stream';
import { AgentError } from '../../domain/errors.ts';
import { type AfcOperation, decodeHeader, encodeRequest, headerBytes, protocolError, replies } from './afc-packet.ts';

/** A phone that sends nothing for this long, while something is asked for, has stalled. Reading from iCloud takes it a while. */
const silenceMsMaxUsual = 30_000;
/** For what is not read into a buffer of the caller: a folder of 200,000 names has 4 MB. */
const bodyBytesMax = 16 * 1024 * 1024;

export interface AfcReply {
  readonly operation: number;
  /** What came, if no buffer was given for it; else empty. */
  readonly body: Buffer;
  /** How many bytes came. */
  readonly bytes: number;
}

interface Waiter {
  /** Where the bytes of a data reply go. Undefined: collected. `null`: given up by the caller, and thrown away. */
  target: Uint8Array | undefined | null;
  readonly targetBytes: number;
  readonly resolve: (reply: AfcReply) => void;
  readonly reject: (error: unknown) => void;
}

/** A reply of which the header has come. */
interface Incoming {
  readonly operation: number;
  readonly waiter: Waiter;
  readonly bytes: number;
  filled: number;
  body: Buffer;
}

export class AfcConnection {
  readonly #socket: Duplex & { setTimeout(ms: number): unknown };
  readonly #waiting = new Map<number, Waiter>();
  #nextNumber = 1;
  #isCollecting = false;
  #failure: unknown;
  readonly #header = Buffer.allocUnsafe(headerBytes);
  #headerFilled = 0;
  #reply: Incoming | undefined;

  /**
   * @param socket of the service, after TLS if it wants that. It is this connection's from here on.
   * @param silenceMsMax 30,000 if not given
   */
  constructor(socket: Duplex & { setTimeout(ms: number): unknown }, silenceMsMax = silenceMsMaxUsual) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      try {
        this.#take(chunk);
      } catch (error) {
        this.#fail(error);
      }
    });
    socket.on('timeout', () => {
      if (this.#waiting.size > 0) this.#fail(stalled());
    });
    socket.on('error', (error) => this.#fail(gone(error)));
    socket.on('close', () => this.#fail(gone()));
    socket.setTimeout(silenceMsMax);
  }

  /** How many requests wait for their reply. */
  get outstanding(): number {
    return this.#waiting.size;
  }

  /**
   * Sends a request and waits for its reply. Replies come in the order of the requests.
   * @param options.into where the bytes of a data reply go; a longer reply is a protocol error.
   * @throws AgentError SOURCE_GONE, PHONE_STALLED, PHONE_PROTOCOL, all of which end the connection; the signal's reason, after
   *   which nothing is written into `into` any more.
   */
  async request(
    operation: AfcOperation,
    body: Uint8Array,
    options: { readonly into?: Uint8Array; readonly signal: AbortSignal },
  ): Promise<AfcReply> {
    const { into, signal } = options;
    signal.throwIfAborted();
    if (this.#failure !== undefined) throw this.#failure;
    const number = this.#nextNumber;
    this.#nextNumber += 1;
    const { promise, resolve, reject } = Promise.withResolvers<AfcReply>();
    const waiter: Waiter = { target: into, targetBytes: into?.length ?? bodyBytesMax, resolve, reject };
    this.#waiting.set(number, waiter);
    const abort = () => {
      waiter.target = null;
      reject(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    this.#send(encodeRequest(operation, number, body));
    try {
      return await promise;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  /** Whatever still waits fails with SOURCE_GONE. */
  close(): void {
    this.#socket.destroy();
    this.#fail(gone());
  }

  /** What is asked for in one turn of the event loop goes out together: each write by itself is a record of TLS and a system call. */
  #send(packet: Buffer): void {
    if (!this.#isCollecting) {
      this.#isCollecting = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#isCollecting = false;
        this.#socket.uncork();
      });
    }
    this.#socket.write(packet);
  }

  #take(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#reply === undefined) {
        const count = Math.min(headerBytes - this.#headerFilled, chunk.length - at);
        chunk.copy(this.#header, this.#headerFilled, at, at + count);
        this.#headerFilled += count;
        at += count;
        if (this.#headerFilled < headerBytes) return;
        this.#headerFilled = 0;
        this.#begin();
      } else {
        at += this.#fill(this.#reply, chunk, at);
      }
      if (this.#reply !== undefined && this.#reply.filled === this.#reply.bytes) this.#end(this.#reply);
    }
  }

  #begin(): void {
    const { bodyBytes, packetNumber, operation } = decodeHeader(this.#header);
    const waiter = this.#waiting.get(packetNumber);
    if (waiter === undefined) throw protocolError('it answers a question nobody asked');
    // A status is short whatever was asked for; only data goes into the caller's buffer.
    const isForTarget = waiter.target instanceof Uint8Array && operation === replies.data;
    const bytesMax = isForTarget || waiter.target === null ? waiter.targetBytes : bodyBytesMax;
    if (bodyBytes > bytesMax) throw protocolError(`a reply has ${bodyBytes} bytes`);
    this.#waiting.delete(packetNumber);
    // Collected as it comes, so that a length that lies costs no memory.
    const body =
      isForTarget || waiter.target === null ? noBytes : Buffer.allocUnsafe(Math.min(bodyBytes, firstBodyBytes));
    this.#reply = { operation, waiter, bytes: bodyBytes, filled: 0, body };
  }

  #fill(reply: Incoming, chunk: Buffer, at: number): number {
    const count = Math.min(reply.bytes - reply.filled, chunk.length - at);
    const { target } = reply.waiter;
    if (target !== null) {
      if (target !== undefined && reply.operation === replies.data)
        target.set(chunk.subarray(at, at + count), reply.filled);
      else {
        if (reply.filled + count > reply.body.length) {
          const larger = Buffer.allocUnsafe(
            Math.min(reply.bytes, Math.max(2 * reply.body.length, reply.filled + count)),
          );
          reply.body.copy(larger, 0, 0, reply.filled);
          reply.body = larger;
        }
        chunk.copy(reply.body, reply.filled, at, at + count);
      }
    }
    reply.filled += count;
    return count;
  }

  #end({ operation, waiter, bytes, body }: Incoming): void {
    this.#reply = undefined;
    waiter.resolve({ operation, body: body.subarray(0, Math.min(bytes, body.length)), bytes });
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#socket.destroy();
    const waiting = [...this.#waiting.values(), ...(this.#reply === undefined ? [] : [this.#reply.waiter])];
    this.#waiting.clear();
    this.#reply = undefined;
    for (const waiter of waiting) {
      waiter.target = null;
      waiter.reject(this.#failure);
    }
  }
}

const noBytes = Buffer.alloc(0);
const firstBodyBytes = 64 * 1024;

function gone(cause?: unknown): AgentError {
  return new AgentError('SOURCE_GONE', 'The iPhone is no longer connected.', {
    remedy: 'Connect it again: what is missing is then saved. Nothing was lost.',
    cause,
  });
}

function stalled(): AgentError {
  return new AgentError('PHONE_STALLED', 'The iPhone has stopped answering.', {
    remedy: 'Unplug it, plug it in again and unlock it. Saving then goes on where it stopped.',
  });
}
