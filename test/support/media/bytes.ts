// The few byte strings that every format here is made of: integers in both orders, ASCII, and ISO/QuickTime boxes.
// Only for building test media: values are trusted, so there is no checking beyond what Buffer itself does.

/** Big-endian integers, as in JPEG, PNG and the ISO formats. */
export function uint16(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  for (const [index, value] of values.entries()) bytes.writeUInt16BE(value, index * 2);
  return bytes;
}

export function uint32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, index * 4);
  return bytes;
}

export function uint64(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 8);
  for (const [index, value] of values.entries()) bytes.writeBigUInt64BE(BigInt(value), index * 8);
  return bytes;
}

/** Little-endian integers, as in RIFF and GIF. */
export function uint16Little(...values: readonly number[]): Buffer {
  return uint16(...values).swap16();
}

export function uint32Little(...values: readonly number[]): Buffer {
  return uint32(...values).swap32();
}

export function bytes(...values: readonly number[]): Buffer {
  return Buffer.from(values);
}

export function ascii(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

export function join(...parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat(parts);
}

/** A box of ISO/IEC 14496-12 (an atom of QuickTime): size, four-character type, content. */
export function box(type: string, ...content: readonly Uint8Array[]): Buffer {
  const body = join(...content);
  return join(uint32(8 + body.length), ascii(type), body);
}

/** A box whose content starts with a version and 24 bits of flags. */
export function fullBox(type: string, options: { version?: number; flags?: number }, ...content: Uint8Array[]): Buffer {
  const { version = 0, flags = 0 } = options;
  return box(type, uint32(version * 0x1000000 + flags), ...content);
}

/** A chunk of RIFF (AVI, WebP): four-character type, little-endian size, content, padded to an even length. */
export function riffChunk(type: string, ...content: readonly Uint8Array[]): Buffer {
  const body = join(...content);
  return join(ascii(type), uint32Little(body.length), body, Buffer.alloc(body.length % 2));
}
