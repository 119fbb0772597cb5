// Everything random in the test media comes from here and is a function of the seed alone, so that a failure repeats.
import { createCipheriv, createHash } from 'node:crypto';

export type Seed = string | number;

/** Filler is made and written in pieces of this size, so that a file of any length needs no more memory. */
const pieceBytesMax = 1024 * 1024;

function digest(seed: Seed): Buffer {
  return createHash('sha256').update(String(seed)).digest();
}

/** `sizeBytes` incompressible bytes in pieces of at most 1 MiB: the key stream of AES-CTR, which is faster than any disk. */
export function* seededPieces(seed: Seed, sizeBytes: number): Generator<Buffer> {
  const key = digest(`filler ${seed}`);
  const stream = createCipheriv('aes-128-ctr', key.subarray(0, 16), key.subarray(16, 32));
  const zeros = Buffer.alloc(Math.min(pieceBytesMax, sizeBytes));
  for (let left = sizeBytes; left > 0; left -= pieceBytesMax) yield stream.update(zeros.subarray(0, left));
}

export function seededBytes(seed: Seed, sizeBytes: number): Buffer {
  return Buffer.concat([...seededPieces(seed, sizeBytes)]);
}

/** A comment to put into a file, so that two seeds never give the same bytes even where the picture is the same. */
export function seedComment(seed: Seed): string {
  return `seed ${digest(seed).toString('hex', 0, 8)}`;
}

export interface Colour {
  readonly red: number;
  readonly green: number;
  readonly blue: number;
}

export function seededColour(seed: Seed): Colour {
  const [red = 0, green = 0, blue = 0] = digest(`colour ${seed}`);
  return { red, green, blue };
}

/** An upper-case UUID, as Apple writes its content identifiers. */
export function seededUuid(seed: Seed): string {
  const bytes = digest(`uuid ${seed}`).subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex').toUpperCase();
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** The same numbers in [0, 1) for the same seed. */
export function seededRandom(seed: Seed): () => number {
  let counter = 0;
  return () => {
    counter += 1;
    return digest(`random ${seed} ${counter}`).readUInt32BE(0) / 2 ** 32;
  };
}
