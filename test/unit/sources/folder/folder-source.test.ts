// The folder source reads trees that others made: a hostile one must not lead it out, hang it, or hide a photo from it.
import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdir, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import type { SourcePath } from '../../../../src/domain/ids.ts';
import { openFolderSource } from '../../../../src/sources/folder/folder-source.ts';
import { depthMax } from '../../../../src/sources/source.ts';
import { describeSource, listAll, readAll } from '../../../contract/source.ts';
import { temporaryFolder } from '../../../support/keepsake.ts';
import { needLinux } from '../../../support/requirements.ts';

describeSource('A folder as a source', async () => {
  const scratch = temporaryFolder();
  const at = (path: string) => join(scratch.path, path);
  return {
    put: async (path, bytes) => {
      await mkdir(dirname(`${scratch.path}/${path}`), { recursive: true });
      await writeFile(`${scratch.path}/${path}`, bytes);
    },
    setModified: (path, ms) => utimes(at(path), new Date(ms), new Date(ms)),
    remove: (path) => rm(at(path)),
    open: () => openFolderSource(scratch.path),
    [Symbol.asyncDispose]: async () => scratch[Symbol.dispose](),
  };
});

const never = new AbortController().signal;

test('What is not there, or no folder, is no source', async () => {
  using scratch = temporaryFolder();
  writeFileSync(join(scratch.path, 'file'), '');
  symlinkSync('nowhere', join(scratch.path, 'link'));
  for (const name of ['none', 'file', 'link', 'file/below'])
    await expect(openFolderSource(join(scratch.path, name))).rejects.toMatchObject({ code: 'SOURCE_MISSING' });
});

test('Links and pipes are listed as what they are and never opened', async () => {
  using scratch = temporaryFolder();
  const root = join(scratch.path, 'card');
  mkdirSync(join(root, 'D'), { recursive: true });
  writeFileSync(join(scratch.path, 'outside.jpg'), 'outside');
  mkdirSync(join(scratch.path, 'outside'));
  writeFileSync(join(scratch.path, 'outside/in it.jpg'), 'outside');
  symlinkSync('../../outside.jpg', join(root, 'D/file link.jpg'));
  symlinkSync('../../outside', join(root, 'D/folder link'));
  symlinkSync('..', join(root, 'D/loop'));
  symlinkSync('nowhere', join(root, 'D/dangling'));
  execFileSync('mkfifo', [join(root, 'D/pipe.jpg')]);
  await using source = await openFolderSource(root);
  const listed = await listAll(source);
  expect(listed.map(({ kind, path }) => `${kind} ${path}`)).toEqual(
    ['dangling', 'file link.jpg', 'folder link', 'loop', 'pipe.jpg'].map((name) => `notAFile D/${name}`),
  );
  for (const { path } of listed)
    await expect(source.open(path, 0, never), path).rejects.toMatchObject({
      code: expect.stringMatching(/^SOURCE_(ENTRY_VANISHED|READ_FAILED)$/),
    });
});

test('A link that took the place of a listed file is not followed', async () => {
  using scratch = temporaryFolder();
  mkdirSync(join(scratch.path, 'card'));
  writeFileSync(join(scratch.path, 'secret'), 'secret');
  writeFileSync(join(scratch.path, 'card/a.jpg'), 'a');
  await using source = await openFolderSource(join(scratch.path, 'card'));
  await listAll(source);
  rmSync(join(scratch.path, 'card/a.jpg'));
  symlinkSync('../secret', join(scratch.path, 'card/a.jpg'));
  await expect(source.open('a.jpg' as SourcePath, 0, never)).rejects.toMatchObject({ code: 'SOURCE_ENTRY_VANISHED' });
});

test('The folders that systems keep for themselves are left out, but never a file of such a name', async () => {
  using scratch = temporaryFolder();
  const folders = [
    '.Trashes',
    '.Trash-1000',
    '.Spotlight-V100',
    '$RECYCLE.BIN',
    'System Volume Information',
    '.keepsake',
    'lost+found',
  ];
  for (const name of folders) {
    const top = name === 'lost+found' ? '.' : 'in'; // deeper down that one may be somebody's own
    mkdirSync(join(scratch.path, top, name), { recursive: true });
    writeFileSync(join(scratch.path, top, name, 'x.jpg'), '');
    mkdirSync(join(scratch.path, 'files'), { recursive: true });
    writeFileSync(join(scratch.path, 'files', name), '');
  }
  for (const name of ['.Trash-holiday.jpg', '.hidden.jpg', '.thumbnails'])
    writeFileSync(join(scratch.path, 'files', name), '');
  await using source = await openFolderSource(scratch.path);
  expect((await listAll(source)).map(({ path }) => path)).toEqual(
    [...folders, '.Trash-holiday.jpg', '.hidden.jpg', '.thumbnails'].map((name) => `files/${name}`).sort(),
  );
});

test('Names that are not UTF-8 are listed apart and read as they are', async (context) => {
  needLinux(context, 'elsewhere such names cannot be made');
  using scratch = temporaryFolder();
  const names = [
    Buffer.from('caf\xe9.jpg', 'latin1'),
    Buffer.from('café.jpg'),
    Buffer.from('caf\\xE9.jpg'),
    Buffer.from([0xff]),
    Buffer.from([0xfe]),
  ];
  for (const name of names) writeFileSync(Buffer.concat([Buffer.from(`${scratch.path}/`), name]), name);
  await using source = await openFolderSource(scratch.path);
  const listed = await listAll(source);
  expect(new Set(listed.map(({ path }) => path)).size).toBe(names.length);
  const contents = await Promise.all(listed.map(async ({ path }) => (await readAll(source, path)).toString('hex')));
  expect(contents.sort()).toEqual(names.map((name) => name.toString('hex')).sort());
});

test('Folders nested too deeply are reported, and what lies above them is listed', async () => {
  using scratch = temporaryFolder();
  let folder = scratch.path;
  for (let depth = 0; depth < depthMax + 3; depth += 1) {
    folder = join(folder, 'd');
    mkdirSync(folder);
    writeFileSync(join(folder, 'x.jpg'), '');
  }
  await using source = await openFolderSource(scratch.path);
  const listed = await listAll(source);
  expect(listed.filter(({ kind }) => kind === 'file')).toHaveLength(depthMax);
  expect(listed.filter((entry) => entry.kind === 'unreadable').map(({ error }) => error.code)).toEqual([
    'SOURCE_TOO_LARGE',
  ]);
});

/** Does it as a user who may not read everything: root may. */
async function asOrdinaryUser<T>(action: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return await action();
  process.seteuid?.(65534);
  try {
    return await action();
  } finally {
    process.seteuid?.(0);
  }
}

test('A folder or file that may not be read is reported by name, and the rest is listed and read', async () => {
  using scratch = temporaryFolder();
  const paths = ['open/a.jpg', 'shut/b.jpg', 'secret.jpg'];
  for (const path of paths) {
    mkdirSync(join(scratch.path, dirname(path)), { recursive: true });
    writeFileSync(join(scratch.path, path), path);
  }
  execFileSync('chmod', ['755', scratch.path]);
  execFileSync('chmod', ['000', join(scratch.path, 'shut'), join(scratch.path, 'secret.jpg')]);
  try {
    await asOrdinaryUser(async () => {
      await using source = await openFolderSource(scratch.path);
      const listed = await listAll(source);
      expect(listed.map(({ kind, path }) => `${kind} ${path}`)).toEqual([
        'file open/a.jpg',
        'file secret.jpg',
        'unreadable shut',
      ]);
      expect((await readAll(source, 'open/a.jpg')).toString()).toBe('open/a.jpg');
      await expect(source.open('secret.jpg' as SourcePath, 0, never)).rejects.toMatchObject({
        code: 'SOURCE_READ_FAILED',
        remedy: expect.stringContaining('readable for you'),
      });
    });
  } finally {
    execFileSync('chmod', ['755', join(scratch.path, 'shut')]);
  }
});

test('In a folder that may be listed and not entered, every file is reported by name, and the rest is listed', async () => {
  using scratch = temporaryFolder();
  mkdirSync(join(scratch.path, 'shut'));
  const names = Array.from({ length: 300 }, (_, index) => `${index}.jpg`);
  for (const name of names) writeFileSync(join(scratch.path, 'shut', name), '');
  writeFileSync(join(scratch.path, 'a.jpg'), '');
  execFileSync('chmod', ['755', scratch.path]);
  execFileSync('chmod', ['744', join(scratch.path, 'shut')]);
  if (process.geteuid?.() !== 0) execFileSync('chmod', ['444', join(scratch.path, 'shut')]);
  try {
    await asOrdinaryUser(async () => {
      await using source = await openFolderSource(scratch.path);
      const listed = await listAll(source);
      expect(listed.filter(({ kind }) => kind === 'file').map(({ path }) => path)).toEqual(['a.jpg']);
      const unreadable = listed.filter((entry) => entry.kind === 'unreadable');
      expect(unreadable.map(({ path }) => path).sort()).toEqual(names.map((name) => `shut/${name}`).sort());
      expect(new Set(unreadable.map(({ error }) => error.code))).toEqual(new Set(['SOURCE_READ_FAILED']));
    });
  } finally {
    execFileSync('chmod', ['755', join(scratch.path, 'shut')]);
  }
});

test('What goes while it is listed: single files are reported, the whole source is an error', async () => {
  using scratch = temporaryFolder();
  const root = join(scratch.path, 'card');
  mkdirSync(root);
  const names = Array.from({ length: 1000 }, (_, index) => `${index}.jpg`);
  for (const name of names) writeFileSync(join(root, name), '');
  await using source = await openFolderSource(root);
  let isFirst = true;
  const kept: string[] = [];
  for await (const entries of source.list(never)) {
    if (isFirst)
      for (const name of names) if (Number.parseInt(name, 10) % 2 === 1) rmSync(join(root, name), { force: true });
    if (!isFirst) {
      for (const entry of entries) {
        if (entry.kind === 'unreadable') expect(entry.error.code).toBe('SOURCE_ENTRY_VANISHED');
        else expect(Number.parseInt(entry.path, 10) % 2, entry.path).toBe(0);
      }
    }
    isFirst = false;
    kept.push(...entries.map(({ path }) => path));
  }
  expect(kept).toEqual(expect.arrayContaining(names.filter((name) => Number.parseInt(name, 10) % 2 === 0)));

  isFirst = true;
  const listing = async () => {
    for await (const _ of source.list(never)) {
      if (isFirst) renameSync(root, join(scratch.path, 'pulled'));
      isFirst = false;
    }
  };
  await expect(listing()).rejects.toMatchObject({ code: 'SOURCE_GONE' });
});

test('A source that is gone says so, at listing and at opening, and is not an empty one', async () => {
  using scratch = temporaryFolder();
  const root = join(scratch.path, 'card');
  mkdirSync(root);
  writeFileSync(join(root, 'a.jpg'), 'a');
  await using source = await openFolderSource(root);
  await listAll(source);
  renameSync(root, join(scratch.path, 'pulled'));
  await expect(listAll(source)).rejects.toMatchObject({ code: 'SOURCE_GONE' });
  await expect(source.open('a.jpg' as SourcePath, 0, never)).rejects.toMatchObject({ code: 'SOURCE_GONE' });
});

test('A time that no 64 bits hold is bounded, alike when listed and when open', async () => {
  using scratch = temporaryFolder();
  const path = join(scratch.path, 'a.jpg');
  writeFileSync(path, 'a');
  utimesSync(path, new Date('2400-01-01'), new Date('2400-01-01'));
  await using source = await openFolderSource(scratch.path);
  const [listed] = await listAll(source);
  expect(listed).toMatchObject({ modifiedAtNs: 2n ** 63n - 1n });
  await using reader = await source.open('a.jpg' as SourcePath, 0, never);
  expect((await reader.state(never)).modifiedAtNs).toBe(2n ** 63n - 1n);
});

test('By a link or another spelling it is the same source', async () => {
  using scratch = temporaryFolder();
  mkdirSync(join(scratch.path, 'card/DCIM'), { recursive: true });
  symlinkSync('card', join(scratch.path, 'link'));
  const sources = await Promise.all(
    ['card', 'link', 'card/', 'card/../card', 'link/DCIM/..'].map((path) =>
      openFolderSource(`${scratch.path}/${path}`),
    ),
  );
  expect(new Set(sources.map(({ id }) => id)).size).toBe(1);
  expect(new Set(sources.map(({ name }) => name))).toEqual(new Set(['card']));
  const [first] = sources;
  expect([first?.kind, first?.isVolumeRoot]).toEqual(['folder', false]);
  expect((await openFolderSource(join(scratch.path, 'card/DCIM'))).id).not.toBe(first?.id);
});
