// Takes out of a text what would say whose it is: names of people, devices and drives, folders and files, numbers of devices. The same
// thing gets the same stand-in everywhere (`phone-1`), so that whoever helps can follow it. What looks like such a thing is taken out
// too, known or not: rather too much than too little. Pure.

/** A thing with a stand-in of its own, and all that it is called. */
export interface KnownThing {
  readonly standIn: string;
  /** Names and ids. Words of a name of several are taken out on their own, too. */
  readonly names: readonly string[];
}

export interface Known {
  readonly things: readonly KnownThing[];
  /** Folders of the owner's, as full paths: each of their parts is taken out. */
  readonly paths: readonly string[];
  /** What may stand in quotes besides: words of ours. */
  readonly plainQuotes?: readonly string[];
}

/** Too short to tell a name from a word. */
const wordCharsMin = 3;
const nameCharsMin = 2;
/** Names are said in quotes, and these too. */
const plainQuotes = new Set(['Automatic Date & Time', 'Trust', "Don't Trust", 'Apple Devices', 'Recently Deleted']);
/** Words of names and paths that say nothing of anybody, and without which a report could not be read. */
const plainWords = new Set(
  (
    'agent,and,backup,bin,camera,card,catalogs,config,copies,copy,data,desktop,device,disk,documents,doctor,' +
    'downloads,drive,drives,etc,external,folder,home,incoming,ipad,iphone,keepsake,lib,library,local,localhost,logs,' +
    'max,media,mini,mnt,opt,phone,photo,photos,pictures,plus,pro,roaming,root,run,share,src,stand,state,stick,the,' +
    'tmp,usb,user,users,usr,var,volume,volumes,with'
  ).split(','),
);

export interface Redactor {
  text(text: string): string;
  /** Of a device, a drive, an import: known or not, its stand-in is all that is left of it. */
  id(id: string): string;
}

export function openRedactor(known: Known): Redactor {
  const exact: [name: string, standIn: string][] = [];
  const words = new Map<string, string>();
  const learnWords = (text: string, standIn: string) => {
    for (const word of text.split(/[^\p{L}\p{N}]+/u)) {
      const isPlain = plainWords.has(word.toLowerCase()) || /^\d{1,4}$/.test(word);
      if (word.length >= wordCharsMin && !isPlain)
        words.set(word.toLowerCase(), words.get(word.toLowerCase()) ?? standIn);
    }
  };
  for (const { standIn, names } of known.things) {
    for (const given of names) {
      const name = given.normalize('NFC');
      if (name.length < nameCharsMin || plainWords.has(name.toLowerCase())) continue;
      exact.push([name, standIn]);
      learnWords(name, standIn);
    }
  }
  const paths = known.paths.map((path) => path.normalize('NFC')).filter((path) => path.length > 1);
  for (const path of paths) learnWords(path, 'folder');
  // With whatever lies below: it is as much the owner's.
  const knownPaths = paths
    .toSorted((one, other) => other.length - one.length)
    .map((path) => new RegExp(`${quoteForPattern(path)}(?![\\p{L}\\p{N}])(?:[/\\\\][^\\s"'<>;,)]*)?`, 'giu'));
  exact.sort(([one], [other]) => other.length - one.length); // a name within another one comes after it
  const numbers = new Map<string, string>();
  const numbered = (found: string, kind: string) => {
    const key = found.toLowerCase();
    if (!numbers.has(key)) numbers.set(key, `${kind}-${numbers.size + 1}`);
    return numbers.get(key) ?? kind;
  };
  const text = (given: string): string => {
    let result = given.normalize('NFC');
    const hide = (pattern: RegExp, kind: string) =>
      result.replace(pattern, (found) => standInOf(found, kind, numbered));
    for (const pattern of [...quotedPaths, ...knownPaths]) result = hide(pattern, 'path');
    for (const [name, standIn] of exact) result = replaceAll(result, name, standIn);
    for (const [pattern, kind] of patterns) result = hide(pattern, kind);
    result = result.replace(/(["“])([^"“”\n]*)(["”])/g, (found, _open, inner: string) =>
      isHarmless(inner) || known.plainQuotes?.includes(inner) ? found : '"…"',
    );
    return result.replace(/[\p{L}\p{N}]+/gu, (word) => words.get(word.toLowerCase()) ?? word);
  };
  const id = (given: string): string => {
    const standIn = exact.find(([name]) => name.toLowerCase() === given.toLowerCase())?.[1];
    return standIn ?? numbered(given, 'id');
  };
  return { text, id };
}

/** A stand-in, or words of ours. */
function isHarmless(quoted: string): boolean {
  return plainQuotes.has(quoted) || /^(?:folder|user|computer|[a-z]+-\d+)$/.test(quoted);
}

/** In quotes it may have blanks in it. */
const quotedPaths = [/"(?:~|\/|[A-Za-z]:\\)[^"\n]*"/g, /'(?:~|\/|[A-Za-z]:\\)[^'\n]*'/g];

/** Whatever looks like something of somebody's. In this order: an address has a path in it, a path a file. */
const patterns: readonly (readonly [RegExp, string])[] = [
  [/\b[a-z][a-z0-9+.-]*:\/\/[^\s"'<>]+/gi, 'address'],
  [/[\w.+-]+@[\w-]+(?:\.[\w-]+)+/g, 'address'],
  [/(?<![\w<.)])(?:~\/|\/(?=[\p{L}\p{N}._-])|[A-Za-z]:\\)[^\s"'`,;:)\]}]+/gu, 'path'],
  [/(?<![\w-])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![\w-])/gi, 'id'],
  [/(?<![\w-])[0-9a-f]{8}-[0-9a-f]{16}(?![\w-])/gi, 'id'],
  [/(?<![\w])[0-9a-f]{2}(?::[0-9a-f]{2}){5}(?![\w])/gi, 'address'],
  [/(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])/g, 'address'],
  [/(?<![\w-])[a-z]+-[0-9a-f]{12}(?![\w-])/gi, 'id'],
  [/(?<![\w-])(?=[\w-]*\d)[0-9a-z]{16,}(?![\w-])/gi, 'id'],
  [/(?<![\w-])[0-9A-F]{4}-[0-9A-F]{4}(?![\w-])/g, 'id'],
  [
    /[\p{L}\p{N}_~()-]+\.(?:jpe?g|heic|heif|png|gif|tiff?|dng|raw|cr[23]|nef|arw|raf|orf|rw2|mov|mp4|m4v|avi|mts|aae|xmp|webp)\b/giu,
    'file',
  ],
];

function standInOf(found: string, kind: string, numbered: (found: string, kind: string) => string): string {
  if (kind !== 'path') return numbered(found, kind);
  const quote = /^["']/.exec(found)?.[0] ?? '';
  return `${quote}${numbered(found.replaceAll(/["']/g, ''), kind)}${quote}`;
}

/** Whatever the case, since FAT and macOS do not keep it. A name of letters alone is not taken out of the middle of a word. */
function replaceAll(text: string, name: string, standIn: string): string {
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}])${quoteForPattern(name)}(?![\\p{L}\\p{N}])`, 'giu');
  return text.replace(pattern, () => standIn);
}

function quoteForPattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
