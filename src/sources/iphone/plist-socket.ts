// Messages over a socket, one at a time: a header with a length, then a plist. The daemon and the phone's lockdown differ in the
// header only. Reads exactly what belongs to a message, so that TLS can begin right behind it.

import type { Duplex } from 'node:stream';
import { AgentError } from '../../domain/errors.ts';
import { protocolError } from './afc-packet.ts';

/** No message of either is larger: a list of all pair records of a computer has some 100 KB. */
const messageBytesMax = 4 * 1024 * 1024;

export interface Framing {
  readonly headerBytes: number;
  /** The length of what follows the header. @throws AgentError PHONE_PROTOCOL */
  readonly bodyBytes: (header: Buffer) => number;
}

/** Reads frames. The socket stays paused between them. */
export class FrameReader {
  readonly #socket: Duplex;
  readonly #framing: Framing;
  #failure: Error | undefined;
  #isEnded = false;
  /** Behind the last frame. */
  #rest: Buffer = Buffer.alloc(0);
  readonly #note = (error: Error) => {
    this.#failure = error;
  };
  readonly #end = () => {
    this.#isEnded = true;
  };

  constructor(socket: Duplex, framing: Framing) {
    this.#socket = socket;
    this.#framing = framing;
    socket.on('error', this.#note);
    socket.on('end', this.#end);
    socket.on('close', this.#end);
  }

  /** Hands the socket on: nobody here listens to it any more. Bytes behind the last frame are in it again. */
  release(): Duplex {
    this.#socket.off('error', this.#note);
    this.#socket.off('end', this.#end);
    this.#socket.off('close', this.#end);
    if (this.#rest.length > 0) this.#socket.unshift(this.#rest);
    return this.#socket;
  }

  /** @throws AgentError SOURCE_GONE at the end of the stream, PHONE_PROTOCOL, PHONE_STALLED after `timeoutMs`; the signal's reason. */
  async next(timeoutMs: number, signal: AbortSignal): Promise<{ readonly header: Buffer; readonly body: Buffer }> {
    const patience = timeoutMs === Number.POSITIVE_INFINITY ? undefined : AbortSignal.timeout(timeoutMs);
    const stop = patience === undefined ? signal : AbortSignal.any([signal, patience]);
    try {
      const header = await this.#read(this.#framing.headerBytes, stop);
      const bodyBytes = this.#framing.bodyBytes(header);
      if (bodyBytes < 0 || bodyBytes > messageBytesMax) throw protocolError(`a message has ${bodyBytes} bytes`);
      return { header, body: bodyBytes === 0 ? Buffer.alloc(0) : await this.#read(bodyBytes, stop) };
    } catch (error) {
      if (patience?.aborted === true && !signal.aborted) throw silent(error);
      throw error;
    }
  }

  async #read(count: number, signal: AbortSignal): Promise<Buffer> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#rest.length >= count) {
        const bytes = this.#rest.subarray(0, count);
        this.#rest = this.#rest.subarray(count);
        return bytes;
      }
      // All there is: a stream that keeps some back says "readable" again and again, and nobody else gets a turn (seen).
      const chunk = this.#socket.read() as Buffer | null;
      if (chunk !== null) this.#rest = Buffer.concat([this.#rest, chunk]);
      else if (this.#isEnded || this.#failure !== undefined || this.#socket.destroyed) throw hungUp(this.#failure);
      else await this.#readable(signal);
    }
  }

  async #readable(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const events = ['readable', 'end', 'close', 'error'] as const;
    for (const event of events) this.#socket.once(event, resolve);
    signal.addEventListener('abort', resolve as () => void, { once: true });
    await promise;
    for (const event of events) this.#socket.off(event, resolve);
    signal.removeEventListener('abort', resolve as () => void);
  }
}

function silent(cause: unknown): AgentError {
  return new AgentError('PHONE_STALLED', 'The iPhone does not answer.', {
    remedy: 'Unplug it, plug it in again and unlock it.',
    cause,
  });
}

function hungUp(cause: unknown): AgentError {
  return new AgentError('SOURCE_GONE', 'The iPhone is no longer connected.', {
    remedy: 'Connect it again: what is missing is then saved. Nothing was lost.',
    cause,
  });
}
