// Reads one file of a phone from front to back, asking for the next pieces before the last ones have come: over a cable with a
// round trip of a millisecond that is the difference between a tenth of its speed and all of it. What is on its way is bounded
// for all readers together, so that little is read twice after a pulled cable, and memory stays small.

import type { ByteReader, EntryState } from '../../domain/byte-reader.ts';
import type { AfcClient } from './afc.ts';

/** One read request. Large enough that requests are few, small enough that several files share the way fairly. */
export const pieceBytes = 256 * 1024;
/** Bytes asked for and not yet handed on, of all files together. docs/iphone.md names it: a pulled cable costs no more. */
export const inFlightBytesMax = 4 * 1024 * 1024;
/** Of one file, so that the next ones can begin before it ends. */
const piecesPerFileMax = 8;
/** At first, if there is more than that; twice as many after each piece. */
const piecesPerFileFirst = 1;
/** The first read of a file: whoever wants to see how it begins, or goes on, needs no more. */
const firstPieceBytes = 64 * 1024;

/** Buffers for pieces: as many as may be in flight, made when they are first needed and used again and again. */
export class PiecePool {
  readonly #free = new Map<number, Buffer[]>();
  readonly #waiting: { readonly sizeBytes: number; readonly resolve: (piece: Buffer) => void }[] = [];
  #usedBytes = 0;

  /** A piece at once, or undefined if too much is in use, or others wait. */
  take(sizeBytes: number): Buffer | undefined {
    return this.#waiting.length > 0 ? undefined : this.#take(sizeBytes);
  }

  /** A piece as soon as there is room for it; first come, first served. */
  async wait(sizeBytes: number): Promise<Buffer> {
    const piece = this.take(sizeBytes);
    return piece ?? (await new Promise<Buffer>((resolve) => this.#waiting.push({ sizeBytes, resolve })));
  }

  giveBack(piece: Buffer): void {
    this.#usedBytes -= piece.length;
    const free = this.#free.get(piece.length);
    if (free === undefined) this.#free.set(piece.length, [piece]);
    else free.push(piece);
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const wanted = this.#take(next.sizeBytes);
      if (wanted === undefined) return;
      this.#waiting.shift();
      next.resolve(wanted);
    }
  }

  #take(sizeBytes: number): Buffer | undefined {
    if (this.#usedBytes + sizeBytes > inFlightBytesMax) return undefined;
    this.#usedBytes += sizeBytes;
    return this.#free.get(sizeBytes)?.pop() ?? Buffer.allocUnsafeSlow(sizeBytes);
  }
}

interface Piece {
  readonly buffer: Buffer;
  /** How many of the bytes that the file should have are hoped for. */
  readonly hopedBytes: number;
  readonly arrived: Promise<number>;
}

/** A piece that has come, of which the first `at` bytes were handed on. */
interface Arrived {
  readonly buffer: Buffer;
  readonly length: number;
  at: number;
}

export interface AfcReaderOptions {
  readonly client: AfcClient;
  readonly handle: bigint;
  readonly pool: PiecePool;
  /** Where it was opened. */
  readonly fromBytes: number;
  /** How many bytes the file should have from there: no more is asked for ahead than that, and once more to see its end. */
  readonly expectedBytes: number;
  /** Asked for `state`. */
  readonly describe: (signal: AbortSignal) => Promise<EntryState>;
  /** Explains a refusal of this file; other errors come through as they are. */
  readonly explain: (error: unknown) => unknown;
  /** Called when the handle was closed, or the connection with it. */
  readonly onClosed: () => void;
}

export class AfcReader implements ByteReader {
  readonly #options: AfcReaderOptions;
  readonly #ahead: Piece[] = [];
  /** Ends what is on its way when the reader is closed before the end. */
  readonly #ended = new AbortController();
  /** Of the bytes that the file should have: those that have come and those that are hoped for. */
  #coveredBytes = 0;
  #current: Arrived | undefined;
  #isAtEnd = false;
  #aheadMax = piecesPerFileFirst;
  readonly #pieceBytes: number;
  #hasAsked = false;
  readonly #isSmall: boolean;
  /**
   * Of a small file: asked for with its bytes, instead of reading once more to see its end. The phone answers in order, so it is how the
   * file was after they were read.
   */
  #stateAhead: Promise<EntryState> | undefined;

  constructor(options: AfcReaderOptions) {
    this.#options = options;
    this.#isSmall = options.expectedBytes <= firstPieceBytes;
    this.#pieceBytes = this.#isSmall ? firstPieceBytes : pieceBytes; // no more of the room than it needs
    this.#askAhead();
    if (this.#isSmall && this.#coveredBytes === options.expectedBytes) {
      this.#stateAhead = options.describe(this.#ended.signal);
      this.#stateAhead.catch(() => undefined); // whoever asks hears of it
    }
  }

  async read(into: Uint8Array, signal: AbortSignal): Promise<number> {
    let filled = 0;
    while (filled < into.length && !this.#isAtEnd) {
      signal.throwIfAborted();
      // What has come is handed on before more is waited for, but not in crumbs: a full buffer costs one write.
      const current = this.#current ?? (await this.#next(signal));
      if (current === undefined) break;
      const count = Math.min(into.length - filled, current.length - current.at);
      into.set(current.buffer.subarray(current.at, current.at + count), filled);
      filled += count;
      current.at += count;
      if (current.at === current.length) {
        this.#current = undefined;
        this.#options.pool.giveBack(current.buffer);
      }
    }
    return filled;
  }

  state(signal: AbortSignal): Promise<EntryState> {
    return this.#stateAhead === undefined ? this.#options.describe(signal) : untilAborted(this.#stateAhead, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort(new Error('the file is closed'));
    const { client, handle, pool, onClosed } = this.#options;
    if (this.#current !== undefined) pool.giveBack(this.#current.buffer);
    for (const { buffer, arrived } of this.#ahead.splice(0)) {
      void arrived.catch(() => undefined).finally(() => pool.giveBack(buffer));
    }
    // Nobody waits for it: what is asked next on this connection is answered after it, and one that is gone has closed it too.
    void client.close(handle, new AbortController().signal).catch(() => undefined);
    onClosed();
  }

  /** The next bytes, or undefined at the end. */
  async #next(signal: AbortSignal): Promise<Arrived | undefined> {
    this.#askAhead();
    if (this.#ahead.length === 0 && (await this.#isAllThere(signal))) {
      this.#isAtEnd = true;
      return undefined;
    }
    if (this.#ahead.length === 0) this.#ask(await this.#options.pool.wait(this.#pieceBytes));
    const piece = this.#ahead.shift();
    if (piece === undefined) return undefined;
    let length: number;
    try {
      length = await untilAborted(piece.arrived, signal);
    } catch (error) {
      void piece.arrived.catch(() => undefined).finally(() => this.#options.pool.giveBack(piece.buffer));
      throw this.#options.explain(error);
    }
    this.#coveredBytes += length - piece.hopedBytes; // short replies leave a rest: reads go on where the last one ended
    if (length === 0) {
      this.#isAtEnd = true;
      this.#options.pool.giveBack(piece.buffer);
      return undefined;
    }
    this.#current = { buffer: piece.buffer, length, at: 0 };
    this.#aheadMax = Math.min(2 * this.#aheadMax, piecesPerFileMax);
    this.#askAhead();
    return this.#current;
  }

  /** By what the phone said after the bytes that have come. False: it has to be read to be known. */
  async #isAllThere(signal: AbortSignal): Promise<boolean> {
    if (this.#stateAhead === undefined) return false;
    const { sizeBytes } = await untilAborted(this.#stateAhead, signal);
    return sizeBytes === this.#options.fromBytes + this.#coveredBytes;
  }

  #askAhead(): void {
    // One byte more than there should be: the end is seen without waiting for it, and a file that grew is noticed.
    const wantedBytes = this.#options.expectedBytes + (this.#isSmall ? 0 : 1);
    while (this.#ahead.length < this.#aheadMax && this.#coveredBytes < wantedBytes) {
      const buffer = this.#options.pool.take(this.#pieceBytes);
      if (buffer === undefined) return;
      this.#ask(buffer);
    }
  }

  #ask(buffer: Buffer): void {
    this.#stateAhead = undefined;
    const wanted = this.#hasAsked ? buffer : buffer.subarray(0, firstPieceBytes);
    this.#hasAsked = true;
    const hopedBytes = Math.min(wanted.length, Math.max(1, this.#options.expectedBytes - this.#coveredBytes));
    this.#coveredBytes += hopedBytes;
    const arrived = this.#options.client.read(this.#options.handle, wanted, this.#ended.signal);
    arrived.catch(() => undefined); // whoever reads on hears of it
    this.#ahead.push({ buffer, hopedBytes, arrived });
  }
}

async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
