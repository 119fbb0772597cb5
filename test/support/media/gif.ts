// A GIF89a of one flat colour. It carries no date: GIF has nowhere to put one but XMP.
import { ascii, bytes, join, uint16Little } from './bytes.ts';
import { type Seed, seedComment, seededColour } from './seeded.ts';

const side = 8;

export function makeGif({ seed }: { readonly seed: Seed }): Buffer {
  const { red, green, blue } = seededColour(seed);
  return join(
    ascii('GIF89a'),
    uint16Little(side, side),
    bytes(0x91, 0, 0), // A palette of four colours
    bytes(0, 0, 0, red, green, blue, 0, 0, 0, 255, 255, 255),
    bytes(0x21, 0xfe),
    subBlock(ascii(seedComment(seed))),
    bytes(0, 0x2c), // End of the comment; image descriptor
    uint16Little(0, 0, side, side),
    bytes(0, 2), // No palette of its own; codes start at two bits
    subBlock(flatPixels()),
    bytes(0, 0x3b), // End of the pixels; trailer
  );
}

function subBlock(content: Uint8Array): Buffer {
  return join(bytes(content.length), content);
}

/** LZW that never compresses: "clear" before each pair of pixels keeps every code three bits wide. */
function flatPixels(): Buffer {
  const clear = 4;
  const end = 5;
  const pairs = Array.from({ length: (side * side) / 2 }, () => [clear, 1, 1]).flat();
  // Codes are packed from the lowest bit up: write the bits backwards, then cut bytes from the end.
  const bits = [...pairs, end]
    .map((code) => code.toString(2).padStart(3, '0'))
    .reduceRight((all, code) => all + code, '');
  const packed: number[] = [];
  for (let to = bits.length; to > 0; to -= 8) packed.push(Number.parseInt(bits.slice(Math.max(0, to - 8), to), 2));
  return Buffer.from(packed);
}
