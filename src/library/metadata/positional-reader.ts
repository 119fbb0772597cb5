// Reading pieces of a file by position, and looking at their bytes. Every parser of containers here stands on these few
// functions.
// Promises that a piece is never longer than asked for, whatever the file claims about itself.

/** Reads at any position. `read` fills `into` from its start and returns how many bytes there were, 0 at the end. */
export interface PositionalReader {
  readonly sizeBytes: number;
  read(into: Uint8Array, position: number): Promise<number>;
}

/** Positions in a file: from `start` up to, not including, `end`. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** The first `bytesMax` bytes of `range`, fewer where it or the file is shorter; in an ArrayBuffer of their own. */
export async function readRange(reader: PositionalReader, range: Range, bytesMax: number): Promise<Uint8Array> {
  const wanted = Math.max(0, Math.min(bytesMax, Math.min(range.end, reader.sizeBytes) - range.start));
  const bytes = new Uint8Array(wanted);
  let filled = 0;
  while (filled < wanted) {
    const count = await reader.read(bytes.subarray(filled), range.start + filled);
    if (count <= 0) break;
    filled += count;
  }
  return filled === wanted ? bytes : bytes.slice(0, filled);
}

/** The part of a file that is a file of its own, such as a preview inside a RAW. */
export function sliceOf(reader: PositionalReader, range: Range): PositionalReader {
  const sizeBytes = Math.max(0, Math.min(range.end, reader.sizeBytes) - range.start);
  return {
    sizeBytes,
    read: (into, position) => reader.read(into.subarray(0, Math.max(0, sizeBytes - position)), range.start + position),
  };
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** One character per byte. */
export function latin1(bytes: Uint8Array, start = 0, length = bytes.length - start): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1', start, start + length);
}
