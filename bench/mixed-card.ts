// A card as a family's camera and phone leave it: JPEGs, Live Photos, RAW, videos, screenshots, sidecars. Made once, always
// the same, and kept in a cache folder, since making it takes longer than measuring it.

import { mkdir, open, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeAvi } from '../test/support/media/avi.ts';
import { makeHeic } from '../test/support/media/heic.ts';
import { makeJpeg } from '../test/support/media/jpeg.ts';
import { makePng } from '../test/support/media/png.ts';
import { writeMov } from '../test/support/media/quicktime.ts';
import { makeDng } from '../test/support/media/raw.ts';
import { seededPieces, seededRandom, seededUuid } from '../test/support/media/seeded.ts';
import { makeAae, makeXmp } from '../test/support/media/sidecars.ts';

export interface MixedCard {
  readonly folder: string;
  readonly files: number;
  readonly bytes: number;
}

/** Raised when what is generated changes, so that an older cache is not taken for it. */
const cardVersion = 1;
const megabyte = 1e6;
/** What four gigabytes consist of; other sizes have as many times more or fewer. */
const fullCardGigabytes = 4;
const fullCounts = { jpegs: 260, livePairs: 100, raws: 24, screenshots: 90, oldClips: 4 } as const;
/** Four videos, of these sizes in a full card: a few minutes each, and one long one. */
const fullVideoBytes = [100 * megabyte, 180 * megabyte, 320 * megabyte, 600 * megabyte] as const;

/** The card of `gigabytes` below `cacheFolder`; writes it if it is not there. */
export async function openMixedCard(
  cacheFolder: string,
  gigabytes: number,
  onBuilding: () => void,
): Promise<MixedCard> {
  const place = join(cacheFolder, `mixed-card-v${cardVersion}-${gigabytes}gb`);
  const folder = join(place, 'card');
  const summaryPath = join(place, 'summary.json');
  const known = await readFile(summaryPath, 'utf8').catch(() => undefined); // not there: it is made now
  if (known !== undefined) return { folder, ...(JSON.parse(known) as { files: number; bytes: number }) };
  onBuilding();
  await rm(place, { recursive: true, force: true });
  const summary = await writeCard(folder, gigabytes / fullCardGigabytes);
  await writeFile(`${summaryPath}.new`, JSON.stringify(summary));
  await rename(`${summaryPath}.new`, summaryPath);
  return { folder, ...summary };
}

interface Shot {
  /** `DCIM/101CANON/IMG_0123`, never twice. */
  readonly stem: string;
  /** `YYYY-MM-DDTHH:MM:SS`, local. */
  readonly local: string;
  readonly modifiedAt: Date;
}

async function writeCard(root: string, scale: number): Promise<{ files: number; bytes: number }> {
  const random = seededRandom(`mixed card ${cardVersion}`);
  const writer = new CardWriter(root);
  const shots = shotsOf(random);
  const count = (full: number) => Math.max(1, Math.round(full * scale));
  const between = (low: number, high: number) => Math.round((low + random() * (high - low)) * megabyte);

  for (let index = 0; index < count(fullCounts.jpegs); index += 1) {
    const shot = shots(`${100 + Math.floor(index / 100)}CANON`, 'IMG');
    const fields = {
      dateTimeOriginal: shot.local,
      offset: '+02:00',
      make: 'Canon',
      model: 'Canon EOS R5',
      serial: '42',
    };
    await writer.write(`${shot.stem}.JPG`, shot, makeJpeg({ seed: shot.stem, ...fields }), between(2, 8));
  }
  for (let index = 0; index < count(fullCounts.raws); index += 1) {
    const shot = shots('110CANON', 'RAW');
    const raw = makeDng({ seed: shot.stem, dateTimeOriginal: shot.local, offset: '+02:00', serial: '42' });
    await writer.write(`${shot.stem}.DNG`, shot, raw, between(22, 28));
    await writer.write(`${shot.stem}.xmp`, shot, makeXmp({ date: shot.local, seed: shot.stem }), 0);
  }
  for (let index = 0; index < count(fullCounts.livePairs); index += 1) {
    const shot = shots(`${120 + Math.floor(index / 100)}APPLE`, 'IMG');
    const phone = { make: 'Apple', model: 'iPhone 15', contentIdentifier: seededUuid(shot.stem) };
    const still = { seed: shot.stem, dateTimeOriginal: shot.local, offset: '+02:00', ...phone };
    await writer.write(`${shot.stem}.HEIC`, shot, makeHeic({ ...still, imageBytes: between(1.5, 3) }), 0);
    await writer.writeMovie(`${shot.stem}.MOV`, shot, { mdatBytes: between(2, 5), ...phone });
    if (index % 5 === 0) await writer.write(`${shot.stem}.AAE`, shot, makeAae(shot.stem), 0);
  }
  for (let index = 0; index < count(fullCounts.screenshots); index += 1) {
    const shot = shots('130APPLE', 'IMG');
    const height = 300 + Math.round(random() * 600);
    const screenshot = makePng({ seed: shot.stem, xmpDateCreated: shot.local, width: 1170, height });
    await writer.write(`${shot.stem}.PNG`, shot, screenshot, 0);
  }
  for (const bytes of fullVideoBytes) {
    const shot = shots('140APPLE', 'IMG');
    const mdatBytes = Math.round(bytes * Math.min(1, scale));
    await writer.writeMovie(`${shot.stem}.MOV`, shot, { mdatBytes, make: 'Apple', model: 'iPhone 15' });
  }
  for (let index = 0; index < count(fullCounts.oldClips); index += 1) {
    const shot = shots('150OLD', 'MVI'); // the one kind here that only exiftool can date
    const clip = makeAvi({ seed: shot.stem, dateTimeOriginal: shot.local });
    await writer.write(`${shot.stem}.AVI`, shot, clip, between(8, 12));
  }
  return { files: writer.files, bytes: writer.bytes };
}

/** Shots in bursts: some days with many, then none for days, over about two years. */
function shotsOf(random: () => number): (folder: string, prefix: string) => Shot {
  let timeMs = Date.parse('2023-03-04T08:00:00Z');
  let number = 1000;
  return (folder, prefix) => {
    number += 1;
    timeMs += random() < 0.08 ? (1 + random() * 12) * 24 * 3600 * 1000 : (5 + random() * 600) * 1000;
    const local = new Date(timeMs).toISOString().slice(0, 19);
    return { stem: `DCIM/${folder}/${prefix}_${number}`, local, modifiedAt: new Date(`${local}+02:00`) };
  };
}

class CardWriter {
  readonly #root: string;
  files = 0;
  bytes = 0;

  constructor(root: string) {
    this.#root = root;
  }

  /** `head`, then seeded bytes up to `sizeBytes`: after the end of the picture, where no parser has to go through them. */
  async write(path: string, shot: Shot, head: Buffer, sizeBytes: number): Promise<void> {
    const target = await this.#place(path);
    {
      await using file = await open(target, 'wx');
      await file.writeFile(head);
      for (const piece of seededPieces(path, Math.max(0, sizeBytes - head.length))) await file.writeFile(piece);
    }
    await this.#finish(target, shot, Math.max(sizeBytes, head.length));
  }

  async writeMovie(
    path: string,
    shot: Shot,
    options: { mdatBytes: number; make: string; model: string; contentIdentifier?: string },
  ): Promise<void> {
    const target = await this.#place(path);
    const { sizeBytes } = await writeMov(target, {
      seed: path,
      brand: 'qt  ',
      creationDate: `${shot.local}+0200`,
      createDateUtc: new Date(`${shot.local}+02:00`).toISOString(),
      moovLast: true,
      ...options,
    });
    await this.#finish(target, shot, sizeBytes);
  }

  async #place(path: string): Promise<string> {
    const target = join(this.#root, path);
    await mkdir(dirname(target), { recursive: true });
    return target;
  }

  async #finish(target: string, shot: Shot, sizeBytes: number): Promise<void> {
    await utimes(target, shot.modifiedAt, shot.modifiedAt);
    this.files += 1;
    this.bytes += sizeBytes;
  }
}
