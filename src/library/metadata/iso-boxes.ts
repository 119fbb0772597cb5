// Walks the boxes that MOV, MP4, HEIC, AVIF, JPEG XL and CR3 are made of (ISO/IEC 14496-12, 4.2; Apple calls them
// atoms).
// Promises to end on any bytes: every step moves forward, and one file is worth only so many steps.
import { latin1, type PositionalReader, type Range, readRange, viewOf } from './positional-reader.ts';

/** Headers looked at in one file. A movie has some tens before and inside `moov`; a HEIC one or two per tile. */
export const boxCountMax = 4096;

export interface BoxFile {
  readonly reader: PositionalReader;
  boxesLeft: number;
}

/** `start` and `end` enclose the content without the header, cut to the enclosing box and the file. */
export interface Box extends Range {
  readonly type: string;
  /** The box claims to go on where its parent or the file ends. */
  readonly isCut: boolean;
}

export function openBoxes(reader: PositionalReader): BoxFile {
  return { reader, boxesLeft: boxCountMax };
}

/** The boxes in `range`, until it ends, the file's budget is spent, or a header makes no sense. */
export async function* boxes(file: BoxFile, range: Range): AsyncGenerator<Box> {
  const end = Math.min(range.end, file.reader.sizeBytes);
  let position = range.start;
  while (position + 8 <= end && file.boxesLeft > 0) {
    file.boxesLeft -= 1;
    const header = await readRange(file.reader, { start: position, end }, 16);
    if (header.length < 8) return;
    const { headerBytes, sizeBytes } = boxSize(header, end - position);
    if (sizeBytes < headerBytes) return;
    const next = Math.min(position + sizeBytes, end);
    yield { type: latin1(header, 4, 4), start: position + headerBytes, end: next, isCut: position + sizeBytes > end };
    position = next;
  }
}

function boxSize(header: Uint8Array, remainingBytes: number): { headerBytes: number; sizeBytes: number } {
  const view = viewOf(header);
  const sizeBytes = view.getUint32(0);
  if (sizeBytes === 0) return { headerBytes: 8, sizeBytes: remainingBytes }; // To the end.
  if (sizeBytes !== 1) return { headerBytes: 8, sizeBytes };
  // Beyond 2^53 the number is inexact, but so much larger than any file that it is cut all the same.
  return { headerBytes: 16, sizeBytes: header.length < 16 ? 0 : Number(view.getBigUint64(8)) };
}
