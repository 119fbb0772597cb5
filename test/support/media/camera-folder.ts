// Sample source trees for tests that import: one that exercises every rule of dates, groups, names and duplicates, and
// one with any number of Live Photos among decoys. Everything lies below DCIM, so that a tree also passes for a card.
import { datedFiles } from './camera-folder-dates.ts';
import { groupedFiles } from './camera-folder-groups.ts';
import { oddlyNamedFiles } from './camera-folder-names.ts';
import { livePair, movieHalf, stillHalf } from './live-photos.ts';
import { type Seed, seededRandom, seededUuid } from './seeded.ts';
import { type SampleFile, type TruthRow, writeSourceTree } from './source-tree.ts';

/**
 * Paths, dates and modification times are always the same; bytes and content identifiers depend on the seed. On a volume
 * that cannot hold some name (case twins, say) that file is left out, and so is its row.
 */
export async function writeCameraFolder(root: string, { seed }: { readonly seed: Seed }): Promise<TruthRow[]> {
  return await writeSourceTree(root, [...datedFiles(seed), ...groupedFiles(seed), ...oddlyNamedFiles(seed)]);
}

/** `count` pairs, with half as many decoys (rounded up) strewn among them. */
export async function writeLivePairs(
  root: string,
  { seed, count = 20 }: { readonly seed: Seed; readonly count?: number },
): Promise<TruthRow[]> {
  const random = seededRandom(`live pairs ${seed}`);
  const order = shuffle(
    [
      ...Array.from({ length: count }, () => 'pair' as const),
      ...Array.from({ length: Math.ceil(count / 2) }, () => 'decoy' as const),
    ],
    random,
  );
  const files = order.flatMap((kind, index) => {
    const place: Place = { index, folder: `DCIM/${100 + Math.floor(index / 8)}APPLE`, seed };
    return kind === 'pair' ? pick(pairs, random)(place) : pick(decoys, random)(place);
  });
  return await writeSourceTree(root, shuffle(files, random));
}

interface Place {
  readonly index: number;
  readonly folder: string;
  readonly seed: Seed;
}

/** Stems are never used twice unless they are the point; days only after two years, so that none lies in the future. */
function shot({ index, folder }: Place, half = 0): { stem: string; local: string } {
  const day = new Date(Date.UTC(2023, 0, 1 + ((index * 2 + half) % 700), 12, 30, index % 60));
  return { stem: `${folder}/IMG_${String(1000 + index * 2 + half)}`, local: day.toISOString().slice(0, 19) };
}

const pairs: readonly ((place: Place) => SampleFile[])[] = [
  (place) => pairOf(place, { still: '.HEIC', movie: '.MOV', note: 'pair: HEIC' }),
  (place) => pairOf(place, { still: '.JPG', movie: '.MOV', note: 'pair: JPEG' }),
  (place) => pairOf(place, { still: '.HEIC', movie: '.mov', note: 'pair: extension in lower case' }),
  (place) => {
    const { stem, local } = shot(place);
    const moviePath = `${shot(place, 1).stem}.MOV`;
    return livePair({ stillPath: `${stem}.HEIC`, moviePath, seed: place.seed, local, note: 'pair: stems differ' });
  },
];

function pairOf(place: Place, { still, movie, note }: { still: string; movie: string; note: string }): SampleFile[] {
  const { stem, local } = shot(place);
  return livePair({ stillPath: stem + still, moviePath: stem + movie, seed: place.seed, local, note });
}

const decoys: readonly ((place: Place) => SampleFile[])[] = [
  (place) => decoyOf(place, { stillIdentifier: 'a', movieIdentifier: 'b', note: 'decoy: identifiers differ' }),
  (place) => decoyOf(place, { note: 'decoy: no identifiers' }),
  (place) => decoyOf(place, { stillIdentifier: 'a', note: 'decoy: only the still has an identifier' }),
  (place) => decoyOf(place, { movieIdentifier: 'b', note: 'decoy: only the movie has an identifier' }),
  (place) => {
    const elsewhere = place.folder.replace('APPLE', 'OTHER');
    return decoyOf(place, { stillIdentifier: 'a', movieIdentifier: 'a', elsewhere, note: 'decoy: two folders' });
  },
  (place) => decoyOf(place, { stillIdentifier: 'a', note: 'decoy: a still without a movie' }).slice(0, 1),
  (place) => decoyOf(place, { movieIdentifier: 'a', note: 'decoy: a movie without a still' }).slice(1),
];

/** A still and a movie of one stem that are two assets, a day apart. */
function decoyOf(
  place: Place,
  options: { stillIdentifier?: string; movieIdentifier?: string; elsewhere?: string; note: string },
): SampleFile[] {
  const { stillIdentifier, movieIdentifier, elsewhere = place.folder, note } = options;
  const { seed } = place;
  const { stem, local } = shot(place);
  const identifier = (name?: string) =>
    name === undefined ? {} : { contentIdentifier: seededUuid(`${stem} ${name} ${seed}`) };
  const moviePath = `${stem.replace(place.folder, elsewhere)}.MOV`;
  return [
    stillHalf({ path: `${stem}.HEIC`, seed, local, note, ...identifier(stillIdentifier) }),
    movieHalf({ path: moviePath, seed, local: shot(place, 1).local, note, ...identifier(movieIdentifier) }),
  ];
}

function pick<T>(choices: readonly T[], random: () => number): T {
  const choice = choices[Math.floor(random() * choices.length)];
  if (choice === undefined) throw new Error('nothing to choose from');
  return choice;
}

/** Fisher and Yates. */
function shuffle<T>(items: readonly T[], random: () => number): T[] {
  const left = [...items];
  const shuffled: T[] = [];
  while (left.length > 0) shuffled.push(...left.splice(Math.floor(random() * left.length), 1));
  return shuffled;
}
