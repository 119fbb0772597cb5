// Writes the TIFF structure (TIFF 6.0, section 2) that EXIF, DNG and Apple's maker note share: directories of tagged values.

export type TiffValue =
  | { readonly type: 'byte' | 'short' | 'long' | 'signedLong'; readonly values: readonly number[] }
  | { readonly type: 'ascii'; readonly text: string }
  /** Pairs of numerator and denominator. */
  | { readonly type: 'signedRational'; readonly pairs: readonly (readonly [number, number])[] }
  | { readonly type: 'undefined'; readonly bytes: Uint8Array }
  /** A directory of its own; the value is its offset. */
  | { readonly type: 'directory'; readonly entries: readonly TiffEntry[] }
  /** Bytes outside of any directory (pixels); the value is their offset. */
  | { readonly type: 'strip'; readonly bytes: Uint8Array };

export interface TiffEntry {
  readonly tag: number;
  readonly value: TiffValue;
}

export type ByteOrder = 'big' | 'little';

const typeCodes = { byte: 1, ascii: 2, short: 3, long: 4, undefined: 7, signedLong: 9, signedRational: 10 } as const;

export function asciiEntry(tag: number, text: string): TiffEntry {
  return { tag, value: { type: 'ascii', text } };
}

/** A whole TIFF file: header and first directory. Offsets count from its first byte. */
export function makeTiff(entries: readonly TiffEntry[], order: ByteOrder): Buffer {
  const header = Buffer.alloc(8);
  header.write(order === 'big' ? 'MM' : 'II', 'latin1');
  writeInteger(header, { value: 42, at: 2, sizeBytes: 2, order });
  writeInteger(header, { value: header.length, at: 4, sizeBytes: 4, order });
  return Buffer.concat([header, makeDirectory(entries, { at: header.length, order })]);
}

/** One directory with everything it points to; `at` is where it will lie, counted from what its offsets count from. */
export function makeDirectory(
  entries: readonly TiffEntry[],
  { at, order }: { readonly at: number; readonly order: ByteOrder },
): Buffer {
  // Readers may search by bisection: the specification asks for ascending tags.
  const sorted = entries.toSorted((a, b) => a.tag - b.tag);
  const head = Buffer.alloc(2 + 12 * sorted.length + 4); // The last four bytes stay 0: no next directory.
  const tail: Uint8Array[] = [];
  let tailAt = at + head.length;
  const append = (content: Uint8Array): number => {
    const start = tailAt;
    const padding = content.length % 2; // Offsets must be even.
    tail.push(content, Buffer.alloc(padding));
    tailAt += content.length + padding;
    return start;
  };

  writeInteger(head, { value: sorted.length, at: 0, sizeBytes: 2, order });
  for (const [index, { tag, value }] of sorted.entries()) {
    const encoded = encodeValue(value, order, append, () => tailAt);
    const entryAt = 2 + 12 * index;
    writeInteger(head, { value: tag, at: entryAt, sizeBytes: 2, order });
    writeInteger(head, { value: encoded.typeCode, at: entryAt + 2, sizeBytes: 2, order });
    writeInteger(head, { value: encoded.count, at: entryAt + 4, sizeBytes: 4, order });
    if (encoded.bytes.length <= 4) head.set(encoded.bytes, entryAt + 8);
    else writeInteger(head, { value: append(encoded.bytes), at: entryAt + 8, sizeBytes: 4, order });
  }
  return Buffer.concat([head, ...tail]);
}

interface EncodedValue {
  readonly typeCode: number;
  readonly count: number;
  readonly bytes: Uint8Array;
}

function encodeValue(
  value: TiffValue,
  order: ByteOrder,
  append: (content: Uint8Array) => number,
  nextAt: () => number,
): EncodedValue {
  switch (value.type) {
    case 'ascii': {
      const bytes = Buffer.from(`${value.text}\0`, 'utf8');
      return { typeCode: typeCodes.ascii, count: bytes.length, bytes };
    }
    case 'undefined':
      return { typeCode: typeCodes.undefined, count: value.bytes.length, bytes: value.bytes };
    case 'byte':
      return { typeCode: typeCodes.byte, count: value.values.length, bytes: Buffer.from(value.values) };
    case 'short':
    case 'long':
    case 'signedLong': {
      const sizeBytes = value.type === 'short' ? 2 : 4;
      return {
        typeCode: typeCodes[value.type],
        count: value.values.length,
        bytes: packIntegers(value.values, sizeBytes, order),
      };
    }
    case 'signedRational':
      return {
        typeCode: typeCodes.signedRational,
        count: value.pairs.length,
        bytes: packIntegers(value.pairs.flat(), 4, order),
      };
    case 'directory': {
      const offset = append(makeDirectory(value.entries, { at: nextAt(), order }));
      return { typeCode: typeCodes.long, count: 1, bytes: packIntegers([offset], 4, order) };
    }
    case 'strip':
      return { typeCode: typeCodes.long, count: 1, bytes: packIntegers([append(value.bytes)], 4, order) };
  }
}

function packIntegers(values: readonly number[], sizeBytes: 2 | 4, order: ByteOrder): Buffer {
  const packed = Buffer.alloc(values.length * sizeBytes);
  for (const [index, value] of values.entries()) {
    writeInteger(packed, { value, at: index * sizeBytes, sizeBytes, order });
  }
  return packed;
}

function writeInteger(
  into: Buffer,
  { value, at, sizeBytes, order }: { value: number; at: number; sizeBytes: 2 | 4; order: ByteOrder },
): void {
  const unsigned = value < 0 ? value + 2 ** (8 * sizeBytes) : value; // Two's complement.
  if (order === 'big') into.writeUIntBE(unsigned, at, sizeBytes);
  else into.writeUIntLE(unsigned, at, sizeBytes);
}
