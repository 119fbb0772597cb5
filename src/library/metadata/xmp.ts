// The two dates of exposure in an XMP packet (XMP part 2: the exif and photoshop namespaces). Pure.
// Promises linear time: it looks for the properties in the text under the prefixes that every known writer uses. An XML
// parser would build a tree of some hundred bytes per element, and these packets come from strangers: one of 16 MB
// ended the process (see `exif`).
import { parseWallClock, type WallClock } from './calendar.ts';

/** Longer packets hold editing histories or depth maps; the properties of the photo itself come first. */
export const xmpBytesMax = 256 * 1024;

/** exif:DateTimeOriginal, else photoshop:DateCreated, with which Apple dates screenshots and agencies their photos. */
export function readXmpDate(packet: string): WallClock | undefined {
  return findDate(packet, 'exif:DateTimeOriginal') ?? findDate(packet, 'photoshop:DateCreated');
}

/** A property is written as an attribute or as an element. */
function findDate(packet: string, property: string): WallClock | undefined {
  const match = new RegExp(`[\\s<]${property}(?:\\s*=\\s*["']|\\s*>\\s*)([^"'<]{1,64})["'<]`).exec(packet);
  return match?.[1] === undefined ? undefined : parseWallClock(match[1]);
}
