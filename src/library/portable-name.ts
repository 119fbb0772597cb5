// Names that every filesystem takes, made once, when a photo is filed: copies then need no mapping of their own. The name
// as it was is kept in the manifest. Pure.

/** A file name in two parts; a suffix like `~2` goes between them, the same one for all files of an asset. */
export interface NameParts {
  /** `IMG_1234`, `IMG_E1234` */
  readonly stem: string;
  /** `.HEIC`, `.jpg.xmp` */
  readonly tail: string;
}

/** Filesystems stop at 255 bytes; this leaves room for the tail and for a suffix. */
const stemBytesMax = 200;
const tailBytesMax = 48;
/** Refused by Windows, exFAT or FAT, or a separator somewhere. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
const forbiddenCharacters = /[<>:"/\\|?*\u0000-\u001f\u007f]/g;
/** Names of devices on Windows, whatever follows a dot (Microsoft, "Naming Files, Paths, and Namespaces"). */
const deviceName = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?=\.|$)/i;

/** Writes a character as the `%XX` of its UTF-8 bytes. */
function escapeCharacter(character: string): string {
  return [...Buffer.from(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
}

/** Windows drops dots and blanks at a name's end. */
function escapeEnd(text: string): string {
  return text.replace(/[. ]+$/, (end) => [...end].map(escapeCharacter).join(''));
}

/** Cuts at a character's end so that at most `bytesMax` bytes are left. */
function cutToBytes(text: string, bytesMax: number): string {
  if (Buffer.byteLength(text) <= bytesMax) return text;
  let bytes = 0;
  let kept = '';
  for (const { segment } of new Intl.Segmenter('en', { granularity: 'grapheme' }).segment(text)) {
    bytes += Buffer.byteLength(segment);
    if (bytes > bytesMax) break;
    kept += segment;
  }
  return kept;
}

function cutStartToBytes(text: string, bytesMax: number): string {
  const characters = [...text]; // by character: half of one is not Unicode
  while (Buffer.byteLength(characters.join('')) > bytesMax) characters.shift();
  return characters.join('');
}

/**
 * Makes both parts portable: NFC, forbidden characters and what is not Unicode as `%XX`, no trailing dot or blank, no
 * leading dot (it would hide the photo), no device name, at most 255 bytes together with a suffix.
 */
export function makePortable(parts: NameParts): NameParts {
  const clean = (text: string) =>
    text
      .normalize('NFC')
      .toWellFormed()
      .replace(forbiddenCharacters, escapeCharacter)
      .replaceAll('\ufffd', '%EF%BF%BD');
  let stem = cutToBytes(clean(parts.stem), stemBytesMax);
  let tail = cutStartToBytes(clean(parts.tail), tailBytesMax);
  // Escaping makes it longer, so it is cut again: within an escape, if at all, and so not back to a dot or blank.
  if (tail === '') stem = cutToBytes(escapeEnd(stem), stemBytesMax);
  else tail = escapeEnd(tail);
  if (stem.startsWith('.') || stem === '') stem = `_${stem}`;
  return { stem: stem.replace(deviceName, '$&_'), tail };
}

/** For filesystems that refuse letters they do not know (some drivers of FAT): everything but ASCII as `%XX` too. */
export function makeAscii(parts: NameParts): NameParts {
  const plain = (text: string) => text.replace(/[^\x20-\x7e]/gu, escapeCharacter);
  return {
    stem: cutToBytes(plain(parts.stem), stemBytesMax),
    tail: cutStartToBytes(plain(parts.tail), tailBytesMax),
  };
}

/** The name with its suffix: nothing for 1, `~2` for 2. */
export function joinName(parts: NameParts, suffix: number): string {
  return suffix === 1 ? `${parts.stem}${parts.tail}` : `${parts.stem}~${suffix}${parts.tail}`;
}

/** How names are compared: filesystems that ignore case or normalisation must not see two of ours as one. */
export function foldName(name: string): string {
  // Upper and lower case once each: `ß` and `SS`, `ſ` and `s` are one name to some filesystems and two to others.
  return name.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC');
}
