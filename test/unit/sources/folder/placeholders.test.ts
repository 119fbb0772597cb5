// A file that is only in the cloud and is passed over silently is a photo that nobody knows to be missing; one that is opened
// fills the disk; and a photo that is taken for a placeholder is never saved.
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { SourcePath } from '../../../../src/domain/ids.ts';
import { openFolderSource } from '../../../../src/sources/folder/folder-source.ts';
import { type Described, findNotDownloaded } from '../../../../src/sources/folder/placeholders.ts';
import { listAll } from '../../../contract/source.ts';
import { temporaryFolder } from '../../../support/keepsake.ts';

test("iCloud's stand-ins are named as not downloaded; what only looks like one is a file", async () => {
  using scratch = temporaryFolder();
  const put = (name: string, sizeBytes: number) => writeFileSync(join(scratch.path, name), Buffer.alloc(sizeBytes, 1));
  put('.IMG_0001.HEIC.icloud', 190);
  put('IMG_0002.HEIC.icloud', 190);
  put('.IMG_0003.HEIC.icloud', 100_000);
  put('.icloud', 10);
  await using source = await openFolderSource(scratch.path);
  const listed = await listAll(source);
  expect(listed.map((entry) => [entry.path, entry.kind === 'unreadable' ? entry.error.code : entry.kind])).toEqual([
    ['.IMG_0001.HEIC.icloud', 'SOURCE_ENTRY_NOT_DOWNLOADED'],
    ['.IMG_0003.HEIC.icloud', 'file'],
    ['.icloud', 'file'],
    ['IMG_0002.HEIC.icloud', 'file'],
  ]);
  const [first] = listed;
  expect(first?.kind === 'unreadable' && first.error.remedy).toContain('available offline');
});

test('A file of holes has no blocks and is a file all the same', async () => {
  using scratch = temporaryFolder();
  writeFileSync(join(scratch.path, 'holes.jpg'), '');
  truncateSync(join(scratch.path, 'holes.jpg'), 1_000_000);
  await using source = await openFolderSource(scratch.path);
  expect(await listAll(source)).toMatchObject([{ kind: 'file', path: 'holes.jpg', sizeBytes: 1_000_000 }]);
  expect(await listAll(source)).not.toMatchObject([{ hasNoBlocks: true }]);
});

const file = (path: string, hasNoBlocks: boolean): Described => ({
  kind: 'file',
  path: path as SourcePath,
  sizeBytes: 5_000_000,
  modifiedAtNs: 0n,
  ...(hasNoBlocks ? { hasNoBlocks } : {}),
});

test('On macOS the flag decides, asked only about files without blocks', async () => {
  const asked: string[] = [];
  const entries = [file('a.heic', true), file('b.heic', false), file('c.heic', true)];
  const listed = await findNotDownloaded('/Users/ann/x', entries, async (paths) => {
    asked.push(...paths);
    return paths.map((path) => (path.endsWith('a.heic') ? 0x40000060 : 0x20));
  });
  expect(asked).toEqual(['/Users/ann/x/a.heic', '/Users/ann/x/c.heic']);
  expect(listed.map(({ kind }) => kind)).toEqual(['unreadable', 'file', 'file']);
});

test('Where the flag cannot be read, nothing is certain and all are files', async () => {
  for (const readFlags of [undefined, async () => [], () => Promise.reject(new Error('no stat'))]) {
    const listed = await findNotDownloaded('/x', [file('a.heic', true)], readFlags);
    expect(listed).toEqual([file('a.heic', false)]);
  }
});
