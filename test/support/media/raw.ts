// A DNG (DNG 1.4: a little-endian TIFF) of 4 by 4 sensor pixels, with the fields a camera writes.
import { type ExifFields, exifDirectoryEntries, exifImageEntries } from './exif.ts';
import { type Seed, seededBytes } from './seeded.ts';
import { asciiEntry, makeTiff, type TiffEntry, type TiffValue } from './tiff.ts';

export interface DngOptions extends ExifFields {
  readonly seed: Seed;
}

const side = 4;

export function makeDng({ seed, make = 'Canon', model = 'Canon EOS R5', ...rest }: DngOptions): Buffer {
  const fields: ExifFields = { make, model, ...rest };
  const pixels = seededBytes(`pixels ${seed}`, side * side * 2);
  const colorMatrix = [1, 0, 0, 0, 1, 0, 0, 0, 1].map((numerator): [number, number] => [numerator, 1]);
  return makeTiff(
    [
      ...exifImageEntries(fields),
      entry(0x00fe, { type: 'long', values: [0] }), // The full picture
      entry(0x0100, { type: 'long', values: [side] }), // Width
      entry(0x0101, { type: 'long', values: [side] }), // Height
      entry(0x0102, { type: 'short', values: [16] }), // Bits per sample
      entry(0x0103, { type: 'short', values: [1] }), // Not compressed
      entry(0x0106, { type: 'short', values: [32803] }), // Colour filter array
      entry(0x0111, { type: 'strip', bytes: pixels }),
      entry(0x0112, { type: 'short', values: [1] }), // Upright
      entry(0x0115, { type: 'short', values: [1] }), // Samples per pixel
      entry(0x0116, { type: 'long', values: [side] }), // Rows per strip
      entry(0x0117, { type: 'long', values: [pixels.length] }), // Bytes of the strip
      entry(0x828d, { type: 'short', values: [2, 2] }), // Filter pattern: its size and its colours
      entry(0x828e, { type: 'byte', values: [0, 1, 1, 2] }),
      entry(0x8769, { type: 'directory', entries: exifDirectoryEntries(fields) }),
      entry(0xc612, { type: 'byte', values: [1, 4, 0, 0] }), // DNGVersion
      entry(0xc613, { type: 'byte', values: [1, 1, 0, 0] }), // DNGBackwardVersion
      asciiEntry(0xc614, model), // UniqueCameraModel
      entry(0xc621, { type: 'signedRational', pairs: colorMatrix }),
      ...(fields.serial === undefined ? [] : [asciiEntry(0xc62f, fields.serial)]), // CameraSerialNumber
    ],
    'little',
  );
}

function entry(tag: number, value: TiffValue): TiffEntry {
  return { tag, value };
}
