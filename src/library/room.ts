// How much of the disk stays free. A full system disk breaks more than an import, so a reserve is kept; the owner may choose
// another one.

import { AgentError } from '../domain/errors.ts';
import type { AbsolutePath } from '../domain/ids.ts';
import { isOnSystemVolume, readSpace } from '../platform/volume.ts';

const systemReserveBytesMin = 20e9;
const systemReserveShare = 0.1;
const otherReserveShare = 0.01;
/** When the disk is asked again; and before anything is refused. Asking for each small photo costs as much as writing it. */
const askAgainMs = 1000;
const askAgainBytes = 16 * 1024 * 1024;

/** Room set aside for a file. */
export interface Claim extends Disposable {
  /** So many of its bytes are written: the disk itself counts them from now on. */
  wrote(bytes: number): void;
}

/** Room that is spoken for by files being written counts as taken. */
export interface Room {
  /** Sets `bytes` aside until disposed of. @throws AgentError LIBRARY_FULL if they do not fit above the reserve. */
  claim(bytes: number): Promise<Claim>;
  /** What is missing for `bytes` more, above the reserve; undefined: they fit, or the disk cannot tell. */
  shortage(bytes: number): Promise<Shortage | undefined>;
}

export interface Shortage {
  readonly freeBytes: number;
  readonly reserveBytes: number;
}

/** @param reserveBytes what the owner chose; undefined: max(10 %, 20 GB) on the system disk, 1 % elsewhere. */
export async function openRoom(root: AbsolutePath, reserveBytes: number | undefined): Promise<Room> {
  let known = await readSpace(root);
  let knownAtMs = performance.now();
  const { totalBytes } = known;
  // Some FUSE drivers and network shares cannot tell (measured: fusefat says 0 of 0). Then the write itself has to.
  if (totalBytes === 0) {
    const claim = async () => ({ wrote: () => undefined, [Symbol.dispose]: () => undefined });
    return { claim, shortage: async () => undefined };
  }
  const onSystem = await isOnSystemVolume(root);
  const reserve =
    reserveBytes ??
    (onSystem ? Math.max(systemReserveShare * totalBytes, systemReserveBytesMin) : otherReserveShare * totalBytes);
  let claimed = 0;
  /** Since the disk was asked. */
  let writtenBytes = 0;
  const left = () => known.freeBytes - writtenBytes - claimed;
  const ask = async () => {
    const before = writtenBytes;
    known = await readSpace(root);
    knownAtMs = performance.now();
    writtenBytes -= before; // what was written meanwhile may be in what the disk says: counting it twice is the safer mistake
  };
  /** One claim after the other: of several that do not fit together, the first ones that do are granted. */
  let lastTurn: Promise<unknown> = Promise.resolve();
  const grant = async (bytes: number): Promise<Claim> => {
    const isOld = writtenBytes > askAgainBytes || performance.now() - knownAtMs > askAgainMs;
    if (isOld || left() - bytes < reserve) await ask();
    if (left() - bytes < reserve) {
      const { freeBytes } = known;
      throw new AgentError('LIBRARY_FULL', describeShortage({ freeBytes, reserve, bytes, onSystem }), {
        remedy: 'Make room there, or choose a photo folder on a larger drive, then save again. Nothing was lost.',
      });
    }
    claimed += bytes;
    let unwritten = bytes;
    const give = (count: number) => {
      const given = Math.min(unwritten, count);
      unwritten -= given;
      claimed -= given;
      return given;
    };
    const wrote = (count: number) => {
      writtenBytes += give(count);
    };
    return { wrote, [Symbol.dispose]: () => void give(unwritten) };
  };
  const inTurn = <Result>(work: () => Promise<Result>): Promise<Result> => {
    const turn = lastTurn.then(work);
    lastTurn = turn.catch(() => undefined); // its own caller hears of it
    return turn;
  };
  return {
    shortage: (bytes) =>
      inTurn(async () => {
        await ask();
        return left() - bytes < reserve ? { freeBytes: known.freeBytes, reserveBytes: reserve } : undefined;
      }),
    claim: (bytes) => inTurn(() => grant(bytes)),
  };
}

function describeShortage(facts: { freeBytes: number; reserve: number; bytes: number; onSystem: boolean }): string {
  const disk = facts.onSystem ? 'the disk this computer runs from' : 'the disk of your photo folder';
  return `There is not enough room on ${disk}: ${inMegabytes(facts.freeBytes)} are free, ${inMegabytes(facts.reserve)} of them are kept free, and the next photos need ${inMegabytes(facts.bytes)}.`;
}

export function inMegabytes(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.ceil(bytes / 1e6)} MB`;
}
