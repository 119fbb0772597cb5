// A phone's files over AFC: lists, describes, opens and reads them. There is nothing here that writes. What the phone answers
// is bounded and checked; a name stays bytes until `nameFromBytes` makes a text of it.

import { AgentError } from '../../domain/errors.ts';
import type { AfcConnection, AfcReply } from './afc-connection.ts';
import {
  type AfcOperation,
  afcStatus,
  namesOf,
  numbersBody,
  pairsOf,
  pathBody,
  protocolError,
  replies,
} from './afc-packet.ts';

const readOnly = 1;
const seekSet = 0;
/** Times beyond the year 2200, or before 1900, are no times of photos. */
const timeNsMax = 7_258_118_400_000_000_000n;
const timeNsMin = -2_208_988_800_000_000_000n;

export type AfcFileKind = 'file' | 'folder' | 'link' | 'other';

export interface AfcFileInfo {
  readonly kind: AfcFileKind;
  readonly sizeBytes: number;
  readonly modifiedAtNs: bigint;
  /** iOS 7 and later. */
  readonly bornAtNs: bigint | undefined;
}

/** All methods throw AgentError SOURCE_GONE, PHONE_STALLED, PHONE_PROTOCOL, the signal's reason, and AfcRefusal. */
export interface AfcClient {
  /** The names in a folder, without `.` and `..`, in no particular order. */
  list(path: Uint8Array, signal: AbortSignal): Promise<readonly Buffer[]>;
  info(path: Uint8Array, signal: AbortSignal): Promise<AfcFileInfo>;
  /** Opens for reading and returns the handle, which counts against the phone's limit until it is closed. */
  open(path: Uint8Array, signal: AbortSignal): Promise<bigint>;
  /** Reads from where the last read ended into `into`; fewer bytes than it holds are no end of the file, none are. */
  read(handle: bigint, into: Uint8Array, signal: AbortSignal): Promise<number>;
  seek(handle: bigint, offsetBytes: number, signal: AbortSignal): Promise<void>;
  close(handle: bigint, signal: AbortSignal): Promise<void>;
  /** Free and total bytes of the phone, its block size and model, as text. */
  deviceInfo(signal: AbortSignal): Promise<ReadonlyMap<string, string>>;
}

/** The phone said no to one request; the connection goes on. */
export class AfcRefusal extends Error {
  readonly status: number;

  constructor(operation: AfcOperation, status: number) {
    super(`AFC ${operation} was refused with status ${status}`);
    this.name = 'AfcRefusal';
    this.status = status;
  }
}

export function openAfcClient(connection: AfcConnection): AfcClient {
  const ask = async (
    operation: AfcOperation,
    body: Uint8Array,
    wanted: number,
    signal: AbortSignal,
    into?: Uint8Array,
  ) =>
    expectReply(
      operation,
      wanted,
      await connection.request(operation, body, { signal, ...(into === undefined ? {} : { into }) }),
    );
  return {
    list: async (path, signal) => namesOf((await ask('readFolder', pathBody(path), replies.data, signal)).body),
    info: async (path, signal) => infoOf(pairsOf((await ask('fileInfo', pathBody(path), replies.data, signal)).body)),
    open: async (path, signal) => {
      const body = Buffer.concat([numbersBody(readOnly), pathBody(path)]);
      const reply = await ask('open', body, replies.opened, signal);
      if (reply.body.length < 8) throw protocolError('it opened a file without saying which');
      return reply.body.readBigInt64LE(0);
    },
    read: async (handle, into, signal) => {
      const reply = await connection.request('read', numbersBody(handle, into.length), { into, signal });
      const isEnd = reply.operation === replies.status && statusOf(reply) === afcStatus.endOfData;
      return isEnd ? 0 : expectReply('read', replies.data, reply).bytes;
    },
    seek: async (handle, offsetBytes, signal) => {
      await ask('seek', numbersBody(handle, seekSet, offsetBytes), replies.status, signal);
    },
    close: async (handle, signal) => {
      await ask('close', numbersBody(handle), replies.status, signal);
    },
    deviceInfo: async (signal) => pairsOf((await ask('deviceInfo', new Uint8Array(), replies.data, signal)).body),
  };
}

function expectReply(operation: AfcOperation, wanted: number, reply: AfcReply): AfcReply {
  if (reply.operation === replies.status) {
    const status = statusOf(reply);
    if (status !== afcStatus.ok) throw new AfcRefusal(operation, status);
  }
  // A refusal with status 0 where something else was wanted is as much nonsense as any other kind of reply.
  if (reply.operation !== wanted) throw protocolError(`${operation} was answered with ${reply.operation}`);
  return reply;
}

function statusOf({ body }: AfcReply): number {
  if (body.length < 8) throw protocolError('a status without a number');
  const status = body.readBigUInt64LE(0);
  return status > 0xffffn ? 1 : Number(status);
}

function infoOf(pairs: ReadonlyMap<string, string>): AfcFileInfo {
  const sizeBytes = Number(pairs.get('st_size') ?? '0');
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) throw protocolError('a file has an impossible size');
  const bornAtNs = pairs.get('st_birthtime');
  return {
    kind: kinds[pairs.get('st_ifmt') ?? ''] ?? 'other',
    sizeBytes,
    modifiedAtNs: timeOf(pairs.get('st_mtime')) ?? 0n,
    bornAtNs: timeOf(bornAtNs),
  };
}

const kinds: Readonly<Record<string, AfcFileKind>> = { S_IFREG: 'file', S_IFDIR: 'folder', S_IFLNK: 'link' };

/** Nanoseconds as decimal text: 19 digits, more than a number holds. Undefined for what is no time. */
function timeOf(text: string | undefined): bigint | undefined {
  if (text === undefined || !/^-?\d{1,20}$/.test(text)) return undefined;
  const ns = BigInt(text);
  return ns > timeNsMax || ns < timeNsMin ? undefined : ns;
}

/** What a refusal means for one file. */
export function explainRefusal(refusal: AfcRefusal, what: string): AgentError {
  if (refusal.status === afcStatus.notFound) {
    return new AgentError('SOURCE_ENTRY_VANISHED', `${what} was listed and is no longer there.`, {
      remedy: 'If you did not remove it, save again.',
      cause: refusal,
    });
  }
  return new AgentError('SOURCE_READ_FAILED', `${what} could not be read (the iPhone said ${refusal.status}).`, {
    remedy: 'Unlock the iPhone, open that photo in its Photos app, then save again.',
    cause: refusal,
  });
}
