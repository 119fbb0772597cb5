// A drive's trash may hold the last copy of a photo that its owner removed by mistake. It is to go when they say so, and not because
// time has passed and a list says that another disk has it.
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import type { Drive } from '../../../src/copies/drive.ts';
import { copyFolders } from '../../../src/copies/drive-marker.ts';
import { emptyDriveTrash } from '../../../src/copies/empty-trash.ts';
import type { DriveId, RelativePath, RemovalId } from '../../../src/domain/ids.ts';
import type { CopiedFile } from '../../../src/library/catalog/copies-store.ts';
import { trashFolder } from '../../../src/library/library.ts';
import { hashOf, importId, plannedAsset, plannedResource, sampleSource } from '../../contract/sample-plans.ts';
import { type LibraryScene, openLibraryScene } from '../library/library-scene.ts';

const dayMs = 24 * 3600 * 1000;
const removal = { id: '20240801-101112-aaaaaa' as RemovalId, atMs: Date.parse('2024-08-01T10:11:12Z') };
const path = '2024/2024-07-14/IMG_1.JPG' as RelativePath;
const { signal } = new AbortController();

interface Disks extends AsyncDisposable {
  readonly at: LibraryScene;
  readonly one: Drive;
  readonly other: Drive;
  readonly libraryTrash: string;
  trashOn(drive: Drive): string;
  empty(drive: Drive, days: number): Promise<number>;
}

/** A photo in the trash of the library and of two drives, each read back. */
async function openDisks(): Promise<Disks> {
  const at = await openLibraryScene();
  const resource = plannedResource(path);
  at.catalog.beginImport({ importId, source: sampleSource, startedAtMs: 1000 });
  at.catalog.record(importId, [plannedAsset([resource])]);
  at.catalog.copies.markRemoved([resource], removal);
  const put = (file: string) => {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, path);
  };
  const libraryTrash = join(trashFolder(at.library.folders), removal.id, path);
  put(libraryTrash);
  const drive = (name: string): Drive => {
    const folders = copyFolders(join(at.folder, name));
    put(join(folders.trash, removal.id, path));
    const copy: CopiedFile = {
      ...resource,
      isOurs: true,
      copiedAtMs: 1,
      readBackAtMs: removal.atMs,
      removedBy: removal.id,
    };
    at.catalog.copies.recordCopied(name as DriveId, [copy]);
    return {
      ...{ id: name as DriveId, name, folders, fileBytesMax: Number.MAX_SAFE_INTEGER },
      abilities: at.library.abilities,
      assertPresent: async () => undefined,
    };
  };
  return {
    ...{ at, libraryTrash, one: drive('one'), other: drive('other') },
    trashOn: ({ folders }) => join(folders.trash, removal.id, path),
    empty: async (target, days) => {
      const { files } = await emptyDriveTrash({
        ...{ drive: target, copies: at.catalog.copies, signal },
        library: { root: at.root, trash: trashFolder(at.library.folders) },
        nowMs: removal.atMs + days * dayMs,
      });
      return files;
    },
    [Symbol.asyncDispose]: () => at[Symbol.asyncDispose](),
  };
}

test('Before ninety days nothing goes; then all but the last one that is proven', async () => {
  await using disks = await openDisks();
  const { one, other } = disks;
  expect(await disks.empty(one, 89)).toBe(0);
  expect(await disks.empty(one, 91)).toBe(1);
  expect(existsSync(disks.trashOn(one))).toBe(false);
  expect(await disks.empty(other, 91), 'the trash of the library has it').toBe(1);
  expect(existsSync(disks.libraryTrash)).toBe(true);
});

test('What the other places have is read; a list that says so is not enough', async () => {
  await using disks = await openDisks();
  const { one, other } = disks;
  writeFileSync(disks.libraryTrash, 'not what it was');
  expect(await disks.empty(one, 91), 'the other drive was read back').toBe(1);
  expect(await disks.empty(other, 91)).toBe(0);
  rmSync(disks.libraryTrash);
  expect(await disks.empty(other, 10_000)).toBe(0);
  expect(existsSync(disks.trashOn(other))).toBe(true);
});

test('A drive that was read back too long ago, or has something wrong with it, proves nothing', async () => {
  await using disks = await openDisks();
  const { at, one, other } = disks;
  rmSync(disks.libraryTrash);
  expect(await disks.empty(one, 400)).toBe(0);
  at.catalog.copies.setFinding({ place: other.id, path, kind: 'unreadable', foundAtMs: 1 });
  expect(await disks.empty(one, 91)).toBe(0);
});

test('The same bytes in the library, under another name, are enough, if they are right', async () => {
  await using disks = await openDisks();
  const { at, one } = disks;
  rmSync(disks.libraryTrash);
  at.catalog.copies.forgetDrive(disks.other.id);
  at.catalog.record(importId, [plannedAsset([plannedResource('2024/twin.jpg', { bytes: path })])]);
  const twin = join(at.root, '2024/twin.jpg');
  mkdirSync(dirname(twin), { recursive: true });
  writeFileSync(twin, 'a picture by another program');
  expect(await disks.empty(one, 91)).toBe(0);
  writeFileSync(twin, path);
  expect(at.catalog.findOriginal(hashOf(path))).toBeDefined();
  expect(await disks.empty(one, 91)).toBe(1);
});

test("By its owner's word the last one goes too, and does not prove anything any more", async () => {
  await using disks = await openDisks();
  const { at, one, other } = disks;
  rmSync(disks.libraryTrash);
  const stranger = join(one.folders.trash, 'somebody/else.jpg');
  mkdirSync(dirname(stranger), { recursive: true });
  writeFileSync(stranger, 'x');
  at.catalog.copies.noteEmptied(removal.id, removal.atMs + 1);
  expect(at.catalog.copies.provenOn(hashOf(path), { sinceMs: 0 })).toEqual([]);
  expect(await disks.empty(one, 1)).toBe(1);
  expect(await disks.empty(other, 1)).toBe(1);
  expect(readdirSync(other.folders.trash)).toEqual([]);
  expect(existsSync(stranger), 'nobody said that this is to go').toBe(true);
  expect(at.catalog.copies.removedCopies(one.id)).toEqual([]);
});
