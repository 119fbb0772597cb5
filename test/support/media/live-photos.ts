// Live Photos for sample source trees: pairs, and the files that look like pairs but are none.
import { makeHeic } from './heic.ts';
import { makeJpeg } from './jpeg.ts';
import { makeMov } from './quicktime.ts';
import { type Seed, seededUuid } from './seeded.ts';
import type { SampleFile } from './source-tree.ts';

export interface HalfOptions {
  readonly path: string;
  readonly seed: Seed;
  /** `YYYY-MM-DDTHH:MM:SS`, filed under if the half is an asset of its own. */
  readonly local: string;
  readonly contentIdentifier?: string;
  readonly note: string;
}

const offset = '+02:00';
const offsetMinutes = 120;

/** A still that is an asset of its own; JPEG or HEIC by its extension. */
export function stillHalf({ path, seed, local, contentIdentifier, note }: HalfOptions): SampleFile {
  const fields = {
    seed: `${path} ${seed}`,
    dateTimeOriginal: local,
    offset,
    make: 'Apple',
    model: 'iPhone 15',
    ...(contentIdentifier === undefined ? {} : { contentIdentifier }),
  };
  return {
    path,
    content: /\.heic$/i.test(path) ? makeHeic(fields) : makeJpeg(fields),
    expected: { kind: 'filed', local, basis: 'exif', offsetMinutes },
    note,
  };
}

/** A movie that is an asset of its own. */
export function movieHalf({ path, seed, local, contentIdentifier, note }: HalfOptions): SampleFile {
  return {
    path,
    content: makeMov({
      seed: `${path} ${seed}`,
      brand: 'qt  ',
      creationDate: `${local}${offset.replace(':', '')}`,
      createDateUtc: new Date(`${local}${offset}`).toISOString(),
      make: 'Apple',
      model: 'iPhone 15',
      moovLast: true,
      ...(contentIdentifier === undefined ? {} : { contentIdentifier }),
    }),
    expected: { kind: 'filed', local, basis: 'quicktime', offsetMinutes },
    note,
  };
}

export interface PairOptions {
  readonly stillPath: string;
  readonly moviePath: string;
  readonly seed: Seed;
  readonly local: string;
  readonly note: string;
}

/** A still and its video, with an identifier of their own. */
export function livePair({ stillPath, moviePath, seed, local, note }: PairOptions): [SampleFile, SampleFile] {
  const contentIdentifier = seededUuid(`${stillPath} ${seed}`);
  const still = stillHalf({ path: stillPath, seed, local, contentIdentifier, note });
  // The movie starts before the still was taken: its own date may be the second, or the day, before.
  const started = new Date(Date.parse(`${local}Z`) - 2000).toISOString().slice(0, 19);
  const movie = movieHalf({ path: moviePath, seed, local: started, contentIdentifier, note });
  return [
    { ...still, livePairWith: moviePath },
    { ...movie, expected: { kind: 'withAsset', assetPath: stillPath }, livePairWith: stillPath },
  ];
}
