// Photos as a family has them, saved and copied to a drive, and `restore` below the command line, for tests of the way back.

import { createHash } from 'node:crypto';
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findPaths } from '../../src/agent/paths.ts';
import { type RestoreContext, type RestoreResult, type RestoreWish, restorePhotos } from '../../src/agent/restore.ts';
import type { AbsolutePath } from '../../src/domain/ids.ts';
import { type CopyScene, copyScene } from './copies.ts';
import { temporaryFolder, type WalkedFile, walk } from './keepsake.ts';
import { makeHeic } from './media/heic.ts';
import { makeJpeg } from './media/jpeg.ts';
import { makeMov } from './media/quicktime.ts';
import { makeDng } from './media/raw.ts';
import { seededUuid } from './media/seeded.ts';
import { makeAae } from './media/sidecars.ts';

export const iPhone = 'Mum’s iPhone';

/** Writes a file below `root` that was last modified a while ago, each at another time, that every filesystem can keep. */
export function writeOld(root: string, path: string, content: Uint8Array | string, fraction = 0): void {
  const full = join(root, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, content);
  const digest = createHash('sha256').update(path).digest();
  const seconds = 1.5e9 + 2 * Math.floor(digest.readUInt32BE(0) / 100) + fraction;
  utimesSync(full, seconds, seconds);
}

/** Live Photos, one of them edited, a RAW with its JPEG, equal names on one day, a video, a sidecar that belongs to nothing. */
export function writeFamily(card: string): void {
  const write = (path: string, content: Uint8Array | string) => writeOld(card, join('DCIM', path), content, 0.25);
  for (let index = 1; index <= 4; index += 1) {
    const name = `IMG_000${index}`;
    const contentIdentifier = seededUuid(name);
    const dateTimeOriginal = `2024-07-1${index}T10:11:12`;
    write(`100APPLE/${name}.HEIC`, makeHeic({ seed: name, make: 'Apple', dateTimeOriginal, contentIdentifier }));
    write(
      `100APPLE/${name}.MOV`,
      makeMov({ seed: name, brand: 'qt  ', contentIdentifier, mdatBytes: 5000 + index * 100_000 }),
    );
    // The same name again, taken the same day: filed with a suffix.
    write(`101APPLE/${name}.JPG`, makeJpeg({ seed: `other ${name}`, dateTimeOriginal }));
  }
  write('100APPLE/IMG_0001.AAE', makeAae('IMG_0001'));
  write(
    '100APPLE/IMG_E0001.HEIC',
    makeHeic({ seed: 'edited', make: 'Apple', dateTimeOriginal: '2024-07-11T10:11:12' }),
  );
  write('102CANON/RAW_1.JPG', makeJpeg({ seed: 'raw', dateTimeOriginal: '2023-12-24T18:00:00' }));
  write('102CANON/RAW_1.DNG', makeDng({ seed: 'raw', dateTimeOriginal: '2023-12-24T18:00:00' }));
  write('102CANON/MVI_1.MOV', makeMov({ seed: 'film', brand: 'qt  ', mdatBytes: 1_500_000 }));
}

/** A library with the family's photos in it and files of another program beside them. */
export async function familyScene(): Promise<CopyScene> {
  const scene = await copyScene({ photos: 0 });
  writeFamily(scene.card);
  const saved = await scene.run(['backup', scene.card]);
  if (saved.exitCode !== 0) throw new Error(saved.stdout + saved.stderr);
  writeOld(scene.library, '2024/2024-07-11/IMG_0001.xmp', '<x:xmpmeta/>');
  writeOld(scene.library, 'notes/ünïcode, [odd] & long.txt', 'from another program');
  return scene;
}

export type Restoring = Partial<Omit<RestoreWish, 'to'>> & {
  readonly to: string;
  readonly home: string;
  readonly root?: string;
  readonly context?: Partial<RestoreContext>;
};

/** Everything, unless told otherwise; what is not named is as on a computer that knows nothing. */
export async function restore({ home, root, context, ...wish }: Restoring): Promise<RestoreResult> {
  return await restorePhotos(
    {
      ...{ queries: [], all: wish.queries === undefined, forApplePhotos: false, dryRun: false },
      ...{ onProgress: () => undefined, signal: new AbortController().signal },
      ...wish,
    },
    {
      root: (root ?? join(home, 'no library')) as AbsolutePath,
      paths: findPaths({ HOME: home, KEEPSAKE_HOME: home }),
      settings: { logLevel: 'error' },
      workingFolder: home,
      findDriveRoot: async () => undefined,
      devices: async () => [],
      ...context,
    },
  );
}

/** A folder to restore to and a home that knows nothing. */
export function emptyPlace(): Disposable & { readonly path: string; readonly home: string; readonly to: string } {
  const scratch = temporaryFolder();
  return {
    path: scratch.path,
    home: join(scratch.path, 'home'),
    to: join(scratch.path, 'back'),
    [Symbol.dispose]: () => scratch[Symbol.dispose](),
  };
}

/** Names, contents and times, as far as any filesystem keeps them: to two seconds. */
export async function treeOf(root: string): Promise<readonly string[]> {
  return (await walk(root)).map(describeFile);
}

function describeFile({ path, sha256, modifiedAtMs }: WalkedFile): string {
  return `${path} ${sha256} ${Math.round(modifiedAtMs)}`;
}
