// After a crash this decides what becomes of photos that were half-way in: one step too many overwrites another program's
// file, one too few forgets a photo that the source may no longer have.
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import type { SourcePath } from '../../../src/domain/ids.ts';
import type { Library } from '../../../src/library/library.ts';
import { appendManifest, manifestPath, manifestVersion, readManifest } from '../../../src/library/manifest.ts';
import type { PlannedAsset, PlannedResource } from '../../../src/library/planned-asset.ts';
import { recoverLibrary, unpublish } from '../../../src/library/recovery.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import {
  duplicateOf,
  hashOf,
  importId,
  plannedAsset,
  plannedResource,
  sampleSource,
  sourceId,
} from '../../contract/sample-plans.ts';
import { walk } from '../../support/keepsake.ts';
import { type LibraryScene, openLibraryScene, silentLog } from './library-scene.ts';

const day = '2024/2024-07-14';
const startedAt = new Date(1000).toISOString();

/** A crash after `journal`, with an import under way. */
async function crashed(...plans: readonly PlannedAsset[]): Promise<LibraryScene> {
  const at = await openLibraryScene();
  at.catalog.beginImport({ importId, source: sampleSource, startedAtMs: 1000 });
  at.catalog.journal(importId, plans);
  return at;
}

function stage(at: LibraryScene, { staged }: { staged: string }, bytes: string): void {
  writeFileSync(join(at.library.folders.incoming, staged), bytes);
}

function publish(at: LibraryScene, resource: PlannedResource, bytes: string = resource.path): void {
  const path = join(at.root, resource.path);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
}

function link(at: LibraryScene, resource: PlannedResource): void {
  mkdirSync(dirname(join(at.root, resource.path)), { recursive: true });
  linkSync(join(at.library.folders.incoming, resource.staged), join(at.root, resource.path));
}

async function recover(at: LibraryScene, change: { readonly hardLinks?: boolean } = {}): Promise<void> {
  const library: Library = { ...at.library, abilities: { ...at.library.abilities, ...change } };
  await recoverLibrary({
    library,
    catalog: at.catalog,
    clock: systemClock,
    log: silentLog,
    signal: new AbortController().signal,
  });
}

/** Everything that may not change when recovery runs again. */
async function snapshot(at: LibraryScene, plans: readonly PlannedAsset[]): Promise<unknown> {
  const { imports, incoming } = at.library.folders;
  return {
    files: await walk(at.root),
    manifests: readdirSync(imports)
      .sort()
      .map((name) => [name, readFileSync(join(imports, name), 'utf8')]),
    incoming: readdirSync(incoming),
    assets: plans.map(({ assetId }) => at.catalog.getAsset(assetId)),
    open: [at.catalog.journalled(), at.catalog.unfinishedImports()],
  };
}

/** Recovers twice, expects the second time to change nothing and nothing to be left open, and returns the library's files. */
async function recoverTwice(
  at: LibraryScene,
  plans: readonly PlannedAsset[],
  change: { readonly hardLinks?: boolean } = {},
): Promise<string[]> {
  await recover(at, change);
  const once = await snapshot(at, plans);
  await recover(at, change);
  expect(await snapshot(at, plans)).toEqual(once);
  expect(once).toMatchObject({ incoming: [], open: [[], []] });
  await expectConsistent(at, plans);
  return (await walk(at.root)).map(({ path }) => path);
}

/** What the catalogue and the manifest name is there, byte for byte. */
async function expectConsistent(at: LibraryScene, plans: readonly PlannedAsset[]): Promise<void> {
  const files = new Map((await walk(at.root)).map(({ path, sha256 }) => [path, `sha256:${sha256}`]));
  for (const { assetId } of plans)
    for (const { path, hash } of at.catalog.getAsset(assetId)?.resources ?? [])
      expect(files.get(path), path).toBe(hash);
  const manifest = manifestPath(at.library.folders.imports, importId);
  if (!existsSync(manifest)) return;
  for await (const { plan } of readManifest(manifest))
    for (const { path, hash } of plan.resources) expect(files.get(path), path).toBe(hash);
}

function entryOf(at: LibraryScene, resource: { readonly entry: { readonly path: SourcePath } }) {
  return at.catalog.findEntry(sourceId, resource.entry.path);
}

function pair(): { plan: PlannedAsset; still: PlannedResource; movie: PlannedResource } {
  const still = plannedResource(`${day}/IMG_1.HEIC`);
  const movie = plannedResource(`${day}/IMG_1.MOV`, { role: 'pairedVideo' });
  return { plan: plannedAsset([still, movie], { liveId: 'L' }), still, movie };
}

for (const hardLinks of [true, false]) {
  const way = hardLinks ? 'with hard links' : 'without hard links';

  test(`Staged and journalled only: everything is published, ${way}`, async () => {
    const { plan, still, movie } = pair();
    await using at = await crashed(plan);
    for (const resource of [still, movie]) stage(at, resource, resource.path);
    expect(await recoverTwice(at, [plan], { hardLinks })).toEqual([still.path, movie.path]);
    expect(at.catalog.getAsset(plan.assetId)?.resources).toHaveLength(2);
    expect(entryOf(at, still)).toBeDefined();
  });

  test(`The still has its name and the video not yet: the video gets it, ${way}`, async () => {
    const { plan, still, movie } = pair();
    await using at = await crashed(plan);
    stage(at, still, still.path);
    stage(at, movie, movie.path);
    if (hardLinks) link(at, still);
    else {
      publish(at, still);
      rmSync(join(at.library.folders.incoming, still.staged));
    }
    expect(await recoverTwice(at, [plan], { hardLinks })).toEqual([still.path, movie.path]);
  });

  test(`Everything is published, nothing recorded: it is recorded, ${way}`, async () => {
    const { plan, still, movie } = pair();
    await using at = await crashed(plan);
    for (const resource of [still, movie]) publish(at, resource);
    expect(await recoverTwice(at, [plan], { hardLinks })).toEqual([still.path, movie.path]);
    expect(at.catalog.getAsset(plan.assetId)?.liveId).toBe('L');
  });

  test(`A foreign file has the name: it stays, and our photo is saved again later, ${way}`, async () => {
    const { plan, still, movie } = pair();
    await using at = await crashed(plan);
    for (const resource of [still, movie]) stage(at, resource, resource.path);
    publish(at, still, 'x'.repeat(still.path.length)); // even of the same length
    await recoverTwice(at, [plan], { hardLinks });
    expect(readFileSync(join(at.root, still.path), 'utf8')).toBe('x'.repeat(still.path.length));
    expect(entryOf(at, still), 'not known: a later import saves it').toBeUndefined();
    expect(entryOf(at, movie)).toBeDefined();
    expect(at.catalog.findOriginal(still.hash)).toBeUndefined();
  });
}

test('An empty placeholder of ours makes way for the photo', async () => {
  const { plan, still, movie } = pair();
  await using at = await crashed(plan);
  for (const resource of [still, movie]) stage(at, resource, resource.path);
  publish(at, still, '');
  expect(await recoverTwice(at, [plan], { hardLinks: false })).toEqual([still.path, movie.path]);
  expect(readFileSync(join(at.root, still.path), 'utf8')).toBe(still.path);
});

test('A placeholder whose bytes are lost does not stay behind as an empty photo', async () => {
  const plan = plannedAsset([plannedResource(`${day}/a.jpg`)]);
  await using at = await crashed(plan);
  publish(at, plan.resources[0] as PlannedResource, '');
  expect(await recoverTwice(at, [plan], { hardLinks: false })).toEqual([]);
  expect(at.catalog.getAsset(plan.assetId)).toBeUndefined();
});

test.for(['', 'other'])('An adopted file that is "%s" by now stays as it is and is not recorded', async (bytes) => {
  const resource: PlannedResource = { ...plannedResource('Sommer/a.jpg'), isInPlace: true };
  const plan = plannedAsset([resource]);
  await using at = await crashed(plan);
  publish(at, resource, bytes);
  for (const hardLinks of [false, true]) await recover(at, { hardLinks });
  expect(readFileSync(join(at.root, resource.path), 'utf8')).toBe(bytes);
  expect(at.catalog.getAsset(plan.assetId)).toBeUndefined();
});

test('An adopted file that is as it was is recorded, and one that is gone is not made', async () => {
  const [there, gone] = ['a.jpg', 'Sommer/b.jpg'].map((path) => ({
    ...plannedResource(path),
    isInPlace: true as const,
  }));
  const plans = [there, gone].map((resource) => plannedAsset([resource as PlannedResource]));
  await using at = await crashed(...plans);
  publish(at, there as PlannedResource);
  await recover(at);
  expect(plans.map(({ assetId }) => at.catalog.getAsset(assetId)?.resources.length)).toEqual([1, undefined]);
  expect(existsSync(join(at.root, 'Sommer'))).toBe(false);
});

test.for(['a link to a file', 'a link to nowhere', 'a folder'] as const)('%s that has the name stays', async (what) => {
  const resource = plannedResource(`${day}/a.jpg`);
  const plan = plannedAsset([resource]);
  await using at = await crashed(plan);
  stage(at, resource, resource.path);
  const path = join(at.root, resource.path);
  mkdirSync(dirname(path), { recursive: true });
  const target = at.write('elsewhere.jpg', resource.path); // the very same bytes, outside
  if (what === 'a folder') mkdirSync(path);
  else symlinkSync(what === 'a link to a file' ? target : 'nowhere', path);
  await recover(at);
  await recover(at);
  expect(at.catalog.findOriginal(resource.hash)).toBeUndefined();
  expect([existsSync(target), readdirSync(dirname(path))]).toEqual([true, ['a.jpg']]);
  expect(at.catalog.journalled()).toEqual([]);
});

test('Neither staged nor published: nothing is recorded, and the entry is new again', async () => {
  const { plan, still } = pair();
  await using at = await crashed(plan);
  expect(await recoverTwice(at, [plan])).toEqual([]);
  expect([at.catalog.getAsset(plan.assetId), entryOf(at, still)]).toEqual([undefined, undefined]);
  expect(readdirSync(at.library.folders.imports)).toEqual([]);
});

test.for([
  ['shorter', (bytes: string) => bytes.slice(1)],
  ['of the same length but other', (bytes: string) => `X${bytes.slice(1)}`],
] as const)('A staged file that is %s than journalled is never published', async ([, spoil]) => {
  const resource = plannedResource(`${day}/a.jpg`);
  const plan = plannedAsset([resource]);
  await using at = await crashed(plan);
  stage(at, resource, spoil(resource.path));
  expect(await recoverTwice(at, [plan])).toEqual([]);
  expect(entryOf(at, resource)).toBeUndefined();
});

test('A duplicate is known only if the bytes it repeats are in the library', async () => {
  const resource = plannedResource(`${day}/IMG_1.JPG`, { bytes: 'same' });
  const copy = duplicateOf('IMG_E1.JPG', 'same');
  const plan = plannedAsset([resource], { duplicates: [copy] });
  {
    await using at = await crashed(plan);
    expect(await recoverTwice(at, [plan])).toEqual([]);
    expect(entryOf(at, copy), 'its bytes are nowhere').toBeUndefined();
  }
  {
    await using at = await crashed(plan);
    stage(at, resource, 'same');
    expect(await recoverTwice(at, [plan])).toEqual([resource.path]);
    expect(entryOf(at, copy)).toBeDefined();
  }
});

test('A duplicate of a photo that was recorded before is known', async () => {
  const before = plannedAsset([plannedResource(`${day}/a.jpg`, { bytes: 'same' })]);
  const copy = duplicateOf('b.jpg', 'same');
  await using at = await crashed();
  at.catalog.record(importId, [before]);
  at.catalog.journal(importId, [plannedAsset([], { assetId: before.assetId, isNew: false, duplicates: [copy] })]);
  await recover(at);
  expect(entryOf(at, copy)).toBeDefined();
});

test('A manifest that was written before the crash gets no line twice, and a torn one is completed', async () => {
  const [one, two] = ['a', 'b'].map((name) => plannedAsset([plannedResource(`${day}/${name}.jpg`)])) as [
    PlannedAsset,
    PlannedAsset,
  ];
  for (const cut of [0, 1, 50]) {
    await using at = await crashed(one, two);
    for (const { resources } of [one, two]) publish(at, resources[0] as PlannedResource);
    const { imports } = at.library.folders;
    await appendManifest(imports, { version: manifestVersion, importId, source: sampleSource, startedAt }, [one, two]);
    const path = manifestPath(imports, importId);
    const whole = readFileSync(path, 'utf8');
    writeFileSync(path, whole.slice(0, whole.length - cut));
    await recoverTwice(at, [one, two]);
    expect(readFileSync(path, 'utf8').split('\n').length).toBe(whole.split('\n').length);
    expect(readFileSync(path.replace('.jsonl', '.sha256'), 'utf8').split('\n')).toHaveLength(3);
  }
});

test('A manifest cut within its first line is begun anew by recovery', async () => {
  const plan = plannedAsset([plannedResource(`${day}/a.jpg`)]);
  await using at = await crashed(plan);
  publish(at, plan.resources[0] as PlannedResource);
  writeFileSync(manifestPath(at.library.folders.imports, importId), '{"version":1,"im');
  await recoverTwice(at, [plan]);
  expect(at.catalog.getAsset(plan.assetId)).toBeDefined();
});

test('What nobody refers to goes from incoming, and nothing else of the library changes', async () => {
  await using at = await crashed();
  writeFileSync(join(at.library.folders.incoming, 'stray.part'), 'x');
  mkdirSync(join(at.root, day), { recursive: true });
  writeFileSync(join(at.root, day, 'of the owner.txt'), '');
  expect(await recoverTwice(at, [])).toEqual([`${day}/of the owner.txt`]);
});

test('Taking back what was published never removes a file that is not ours', async () => {
  const resource = plannedResource(`${day}/a.jpg`);
  await using at = await crashed();
  stage(at, resource, 'ours');
  publish(at, resource, 'theirs');
  await unpublish(at.library, [resource]);
  expect(readFileSync(join(at.root, resource.path), 'utf8')).toBe('theirs');
  rmSync(join(at.root, resource.path));
  link(at, resource);
  await unpublish(at.library, [resource]);
  expect(existsSync(join(at.root, resource.path))).toBe(false);
  expect(readFileSync(join(at.library.folders.incoming, resource.staged), 'utf8')).toBe('ours');
});

test('A library that is gone is told, and nothing is forgotten', async () => {
  const { plan, still, movie } = pair();
  await using at = await crashed(plan);
  for (const resource of [still, movie]) stage(at, resource, resource.path);
  const gone: Library = { ...at.library, assertPresent: () => Promise.reject(new Error('gone')) };
  const options = {
    library: gone,
    catalog: at.catalog,
    clock: systemClock,
    log: silentLog,
    signal: new AbortController().signal,
  };
  await expect(recoverLibrary(options)).rejects.toThrow('gone');
  expect(at.catalog.journalled()).toHaveLength(1);
  expect(await recoverTwice(at, [plan])).toEqual([still.path, movie.path]);
});

// Making the catalogue anew

async function record(at: LibraryScene, ...plans: readonly PlannedAsset[]): Promise<void> {
  for (const { resources } of plans) for (const resource of resources) publish(at, resource, resource.path);
  await appendManifest(
    at.library.folders.imports,
    { version: manifestVersion, importId, source: sampleSource, startedAt },
    plans,
  );
  at.catalog.record(importId, plans);
}

test('A photo that is gone from the library is new again in the catalogue made anew, and so is its duplicate', async () => {
  await using at = await crashed();
  const lost = plannedAsset([plannedResource(`${day}/lost.jpg`)]);
  const kept = plannedAsset([plannedResource(`${day}/kept.jpg`)]);
  const copies = [lost, kept].map(({ assetId, resources }, index) =>
    plannedAsset([], {
      assetId,
      isNew: false,
      duplicates: [duplicateOf(`copy${index}.jpg`, resources[0]?.path ?? '')],
    }),
  );
  await record(at, lost, kept, ...copies);
  rmSync(join(at.root, `${day}/lost.jpg`));
  const again = await at.rebuilt();
  const isKnown = (name: string) => again.findEntry(sourceId, `DCIM/${name}.jpg` as SourcePath) !== undefined;
  expect(['lost', 'copy0', 'kept', 'copy1'].map(isKnown)).toEqual([false, false, true, true]);
  expect(again.findOriginal(hashOf(`${day}/lost.jpg`))).toBeUndefined();
});

test('An identifier that an asset learned later is there in the catalogue made anew', async () => {
  await using at = await crashed();
  const raw = plannedAsset([plannedResource(`${day}/a.NEF`)]);
  const { assetId } = raw;
  await record(
    at,
    raw,
    plannedAsset([plannedResource(`${day}/a.HEIC`, { role: 'alternate' })], { assetId, isNew: false, liveId: 'L' }),
  );
  expect((await at.rebuilt()).getAsset(assetId)).toEqual(at.catalog.getAsset(assetId));
});
