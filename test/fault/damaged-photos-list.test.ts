// An iPhone whose own list of photos is damaged in some way, seeded: all that is on the phone is saved as it is without a list, whatever
// the list says or does. KEEPSAKE_TEST_DAMAGED=1000 for a long run; KEEPSAKE_TEST_SEED repeats one.
import { expect, test } from 'vitest';
import { configureAgent, devicesOf } from '../support/agent.ts';
import { makePhoneScene, type PhoneScene } from '../support/iphone/phone-scene.ts';
import { type ImportJson, keepsake } from '../support/keepsake.ts';
import { readManifests } from '../support/manifests.ts';
import { makeHeic } from '../support/media/heic.ts';
import { makeJpeg } from '../support/media/jpeg.ts';
import { makeMov } from '../support/media/quicktime.ts';
import { addDatabase } from '../support/photos/listed-phone.ts';
import {
  type DescribedAsset,
  makePhotosDatabase,
  type PhotosDatabaseFiles,
} from '../support/photos/make-photos-database.ts';
import { type Generation, generations } from '../support/photos/photos-schema.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { makeScene } from './scene.ts';

const caseCount = Number(process.env['KEEPSAKE_TEST_DAMAGED'] ?? 24);
const seed = Number(process.env['KEEPSAKE_TEST_SEED'] ?? Math.floor(Math.random() * 1e9));
const pageBytes = 4096;

/** Photos in DCIM and from iCloud, a Live Photo, a video, one that is only in iCloud. Nothing that may be left out. */
function fill(at: PhoneScene): readonly DescribedAsset[] {
  const { files } = at.phone;
  const assets: DescribedAsset[] = [];
  for (let index = 0; index < 8; index += 1) {
    const isCloud = index % 2 === 1;
    const name = isCloud ? `3A1B2C3D-0000-4000-8000-00000000000${index}.JPG` : `IMG_000${index}.JPG`;
    const folder = isCloud ? 'PhotoData/CPLAssets/group1' : 'DCIM/100APPLE';
    const bytes = makeJpeg({ seed: index, dateTimeOriginal: `2024-07-1${index}T10:11:12` });
    files.addBytes(`${folder}/${name}`, bytes);
    assets.push({ folder, name, originalName: `IMG_100${index}.JPG`, sizeBytes: bytes.length, albums: ['Summer'] });
  }
  const contentIdentifier = '11111111-2222-4333-8444-555555555555';
  const still = makeHeic({ seed: 'live', dateTimeOriginal: '2024-07-20T10:11:12', make: 'Apple', contentIdentifier });
  files.addBytes('DCIM/100APPLE/IMG_0100.HEIC', still);
  files.addBytes(
    'DCIM/100APPLE/IMG_0100.MOV',
    makeMov({ seed: 'live', brand: 'qt  ', contentIdentifier, mdatBytes: 2000 }),
  );
  assets.push({ folder: 'DCIM/100APPLE', name: 'IMG_0100.HEIC', live: contentIdentifier, sizeBytes: still.length });
  assets.push({ folder: 'DCIM/100APPLE', name: 'IMG_0200.HEIC', original: 'iCloudOnly', sizeBytes: 2e6 });
  return assets;
}

type Damage = (files: PhotosDatabaseFiles, random: (limit: number) => number) => PhotosDatabaseFiles;

const flip = (bytes: Buffer, count: number, random: (limit: number) => number): Buffer => {
  const damaged = Buffer.from(bytes);
  for (let flipped = 0; flipped < count; flipped += 1) {
    const at = random(damaged.length);
    damaged.writeUInt8(damaged.readUInt8(at) ^ (1 << random(8)), at);
  }
  return damaged;
};

const damages: readonly Damage[] = [
  (files, random) => ({ ...files, main: flip(files.main, 1 + random(3), random) }),
  (files, random) => ({ ...files, main: flip(files.main, 200, random) }),
  (files, random) => (files.wal === undefined ? files : { ...files, wal: flip(files.wal, 1 + random(50), random) }),
  (files, random) => ({ ...files, main: files.main.subarray(0, random(files.main.length)) }),
  (files, random) =>
    files.wal === undefined ? files : { ...files, wal: files.wal.subarray(0, random(files.wal.length)) },
  ({ main }) => ({ main }), // the log is missing
  (files, random) => ({ ...files, wal: flip(Buffer.alloc(32 + (24 + pageBytes) * 3, 7), 9, random) }),
  (files, random) => {
    const main = Buffer.from(files.main);
    const page = random(Math.floor(main.length / pageBytes));
    return {
      ...files,
      main: main.fill(0, page * pageBytes, Math.min(main.length, (page + 1 + random(3)) * pageBytes)),
    };
  },
  ({ main, wal }) => (wal === undefined ? { main } : { main: wal, wal: main }),
];

async function importOnce(at: PhoneScene): Promise<{ report: ImportJson; saved: readonly string[] }> {
  using scene = makeScene();
  configureAgent(scene.home, { library: scene.library, cardRoots: [], timeZone: 'Europe/Berlin' });
  const [device] = await devicesOf(scene.home, at.environment);
  const { stdout, stderr } = await keepsake(['backup', device?.id ?? '', '--json'], {
    home: scene.home,
    environment: at.environment,
  });
  const [report] = (JSON.parse(stdout) as { imports: ImportJson[] }).imports;
  if (report === undefined) throw new Error(stderr);
  const filed = await readManifests(scene.library);
  return { report, saved: filed.map(({ hash, size, source }) => `${source.path} ${size} ${hash}`).sort() };
}

test(`whatever is wrong with a phone's list, its photos are saved as without one (${caseCount} cases from seed ${seed})`, async () => {
  await using at = await makePhoneScene();
  const assets = fill(at);
  const without = await importOnce(at);
  expect(without.report).toMatchObject({ imported: 10, failed: 0, photos: { list: 'absent' } });
  const good = (Object.keys(generations) as Generation[]).flatMap((generation) =>
    [true, false].map((wal) => makePhotosDatabase({ generation, assets, wal })),
  );
  const outcomes = new Map<string, number>();
  for (let index = 0; index < caseCount; index += 1) {
    const random = seededRandom(seed + index);
    const below = (limit: number) => Math.floor(random() * limit);
    const damage = damages[index % damages.length] as Damage;
    const files = damage(good[below(good.length)] as PhotosDatabaseFiles, below);
    at.phone.files.remove('PhotoData/Photos.sqlite-wal');
    addDatabase(at.phone.files, files);
    const { report, saved } = await importOnce(at);
    const title = `seed ${seed + index}, damage ${index % damages.length}`;
    expect(saved, title).toEqual(without.saved);
    const { photos } = report;
    expect(report, title).toMatchObject({ imported: 10, failed: 0, deferred: 0 });
    expect(photos?.saved, title).toBeLessThanOrEqual(photos?.onDevice ?? 0);
    if (report.complete) expect([photos?.list, photos?.iCloudOnly, photos?.unknown], title).toEqual(['read', 0, 0]);
    outcomes.set(photos?.list ?? '', (outcomes.get(photos?.list ?? '') ?? 0) + 1);
  }
  process.stdout.write(`seed ${seed}: ${[...outcomes].map(([list, times]) => `${list} ${times}`).join(', ')}\n`);
}, 3_600_000);
