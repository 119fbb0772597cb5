// A Photos library package as a Mac has it, from the media set: the real database of macOS 15.7.2 with its log, and those of its photos
// that the set has, where and under the names that the database says.

import { chmodSync, copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, extname, join } from 'node:path';
import Database from 'better-sqlite3';

export interface LibraryFile {
  /** In the package: `originals/E/UUID_3.mov`. */
  readonly path: string;
  /** The name it had when it was taken: `IMG_3582.MOV`. */
  readonly originalName: string;
  /** In the media set: `dcim/100APPLE/IMG_3582.MOV`. */
  readonly media: string;
  readonly sizeBytes: number;
}

export interface MadePhotosLibrary {
  /** Of the package; ends in `.photoslibrary`. */
  readonly path: string;
  /** What was placed below `originals`, in order of path. */
  readonly files: readonly LibraryFile[];
  /** UUIDs of the assets whose original is not in the media set: as if it were in iCloud only. */
  readonly missing: readonly string[];
}

/** ZRESOURCETYPE of what lies beside an original, and which name that has where it was taken. */
const companions = [
  { type: 3, subtype: 18, ending: '.mov', nameOf: (stem: string) => `${stem}.MOV` },
  { type: 4, subtype: 17, ending: '.cr2', nameOf: (stem: string) => `${stem}.CR2` },
  { type: 5, subtype: 22, ending: '.aae', nameOf: (stem: string) => `${stem.replace('_', '_O')}.AAE` },
] as const;

interface AssetRow {
  readonly key: number;
  readonly uuid: string;
  readonly directory: string;
  readonly filename: string;
  readonly originalName: string;
  readonly sizeBytes: number;
}

/** @param media from `findTestMedia`. */
export function makePhotosLibrary(folder: string, media: string, name = 'Photos Library'): MadePhotosLibrary {
  const path = join(folder, `${name}.photoslibrary`);
  for (const below of ['database', 'originals', 'resources/renders', 'resources/derivatives/masters', 'private'])
    mkdirSync(join(path, below), { recursive: true });
  for (const file of ['Photos.sqlite', 'Photos.sqlite-wal']) {
    copyFileSync(join(media, 'macos_photos', file), join(path, 'database', file));
    chmodSync(join(path, 'database', file), 0o600);
  }
  const { assets, resources } = readDatabase(join(path, 'database'));
  const known = readMediaNames(media);
  const files: LibraryFile[] = [];
  const place = (to: string, originalName: string, sizeBytes: number) => {
    const found = known.find((each) => each.name === originalName && each.sizeBytes === sizeBytes);
    if (found === undefined) return false;
    mkdirSync(dirname(join(path, to)), { recursive: true });
    cpSync(join(media, found.path), join(path, to), { preserveTimestamps: true });
    files.push({ path: to, originalName, media: found.path, sizeBytes });
    return true;
  };
  const missing = assets.flatMap(({ key, uuid, directory, filename, originalName, sizeBytes }) => {
    if (!place(`originals/${directory}/${filename}`, originalName, sizeBytes)) return [uuid];
    const stem = originalName.slice(0, -extname(originalName).length);
    for (const { type, subtype, ending, nameOf } of companions) {
      const resource = resources.find((each) => each.asset === key && each.type === type && each.subtype === subtype);
      if (resource !== undefined)
        place(`originals/${directory}/${uuid}_${type}${ending}`, nameOf(stem), resource.sizeBytes);
    }
    return [];
  });
  return { path, files: files.sort((one, other) => (one.path < other.path ? -1 : 1)), missing };
}

/** From a copy: looking into a database moves what is in its log. */
function readDatabase(folder: string) {
  const copy = mkdtempSync(join(tmpdir(), 'keepsake-library-'));
  try {
    cpSync(folder, copy, { recursive: true });
    const database = new Database(join(copy, 'Photos.sqlite'));
    try {
      return {
        assets: database
          .prepare(
            `SELECT a.Z_PK AS key, a.ZUUID AS uuid, a.ZDIRECTORY AS directory, a.ZFILENAME AS filename,
               x.ZORIGINALFILENAME AS originalName, x.ZORIGINALFILESIZE AS sizeBytes
             FROM ZASSET a JOIN ZADDITIONALASSETATTRIBUTES x ON x.ZASSET = a.Z_PK ORDER BY a.ZUUID`,
          )
          .all() as AssetRow[],
        resources: database
          .prepare(
            `SELECT ZASSET AS asset, ZRESOURCETYPE AS type, ZDATASTORESUBTYPE AS subtype, ZDATALENGTH AS sizeBytes
             FROM ZINTERNALRESOURCE`,
          )
          .all() as { asset: number; type: number; subtype: number; sizeBytes: number }[],
      };
    } finally {
      database.close();
    }
  } finally {
    rmSync(copy, { recursive: true });
  }
}

function readMediaNames(media: string): readonly { path: string; name: string; sizeBytes: number }[] {
  const [, ...lines] = readFileSync(join(media, 'truth.tsv'), 'utf8').trimEnd().split('\n');
  return lines
    .map((line) => line.split('\t')[0] ?? '')
    .filter((path) => path.startsWith('dcim/'))
    .map((path) => ({
      path,
      name: path.slice(path.lastIndexOf('/') + 1),
      sizeBytes: statSync(join(media, path)).size,
    }));
}
