// Everything that gets into a library passes here: a file that is short, half-named or in another's place is a lost photo.
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { AgentError } from '../../../src/domain/errors.ts';
import type { AbsolutePath } from '../../../src/domain/ids.ts';
import {
  appendLines,
  flushFolder,
  makeFolders,
  publishFile,
  unstageFile,
  writeError,
  writeSmallFile,
} from '../../../src/platform/durable-write.ts';
import { temporaryFolder } from '../../support/keepsake.ts';

interface Scene extends Disposable {
  readonly folder: AbsolutePath;
  /** Where a staged file would be. */
  readonly path: AbsolutePath;
}

function scene(): Scene {
  const scratch = temporaryFolder();
  const folder = scratch.path as AbsolutePath;
  return { folder, path: join(folder, 'a.part') as AbsolutePath, [Symbol.dispose]: () => scratch[Symbol.dispose]() };
}

for (const hardLinks of [true, false]) {
  const way = hardLinks ? 'with hard links' : 'without hard links';

  test(`A staged file gets its final name, ${way}`, async () => {
    using at = scene();
    writeFileSync(at.path, 'photo');
    const final = join(at.folder, 'photo.jpg') as AbsolutePath;
    expect(await publishFile({ staged: at.path, final, hardLinks })).toBe('published');
    expect(readFileSync(final, 'utf8')).toBe('photo');
    await unstageFile(at.path);
    await unstageFile(at.path);
    expect(readdirSync(at.folder)).toEqual(['photo.jpg']);
  });

  test.for([
    ['a file', (path: string) => writeFileSync(path, 'theirs')],
    ['an empty file', (path: string) => writeFileSync(path, '')],
    ['a folder', (path: string) => mkdirSync(path)],
    ['a link', (path: string) => symlinkSync(import.meta.filename, path)],
    ['a link to nowhere', (path: string) => symlinkSync('nowhere', path)],
  ] as const)(`%s that has the name stays as it is, ${way}`, async ([, occupy]) => {
    using at = scene();
    writeFileSync(at.path, 'ours');
    const final = join(at.folder, 'photo.jpg') as AbsolutePath;
    occupy(final);
    const before = await fingerprint(final);
    expect(await publishFile({ staged: at.path, final, hardLinks })).toBe('taken');
    expect(await fingerprint(final)).toBe(before);
    expect(readFileSync(at.path, 'utf8')).toBe('ours');
    expect(existsSync(join(at.folder, 'nowhere'))).toBe(false);
  });

  test(`Of many that want one name at once, exactly one gets it, ${way}`, async () => {
    using at = scene();
    const final = join(at.folder, 'photo.jpg') as AbsolutePath;
    const all = Array.from({ length: 20 }, (_, index) => join(at.folder, `${index}.part`) as AbsolutePath);
    for (const [index, path] of all.entries()) writeFileSync(path, `photo ${index}`);
    const results = await Promise.all(all.map((staged) => publishFile({ staged, final, hardLinks })));
    expect(results.filter((result) => result === 'published')).toHaveLength(1);
    expect(readFileSync(final, 'utf8')).toBe(`photo ${results.indexOf('published')}`);
    const left = all.filter((path) => existsSync(path)).length;
    expect(left, 'the others keep their bytes').toBe(hardLinks ? 20 : 19);
  });

  test(`A folder that is not there is an error, and is not made, ${way}`, async () => {
    using at = scene();
    writeFileSync(at.path, 'ours');
    const final = join(at.folder, 'gone/photo.jpg') as AbsolutePath;
    await expect(publishFile({ staged: at.path, final, hardLinks })).rejects.toMatchObject({ code: 'LIBRARY_GONE' });
    expect(readdirSync(at.folder)).toEqual(['a.part']);
  });
}

async function fingerprint(path: string): Promise<string> {
  const { lstat, readlink, readFile } = await import('node:fs/promises');
  const stats = await lstat(path, { bigint: true });
  const content = stats.isSymbolicLink() ? await readlink(path) : stats.isFile() ? await readFile(path, 'utf8') : '';
  return `${stats.ino} ${stats.mode} ${stats.size} ${stats.mtimeNs} ${content}`;
}

test('Folders are made below the root and named for flushing, the root itself never', async () => {
  using at = scene();
  const root = at.folder;
  const folder = join(root, '2024/2024-07-14') as AbsolutePath;
  expect(await makeFolders({ root, folder })).toEqual([root, join(root, '2024')]);
  expect(await makeFolders({ root, folder })).toEqual([]);
  expect(await makeFolders({ root, folder: root })).toEqual([]);
  const gone = join(root, 'unmounted') as AbsolutePath;
  await expect(makeFolders({ root: gone, folder: join(gone, '2024/x') as AbsolutePath })).rejects.toMatchObject({
    code: 'LIBRARY_GONE',
  });
  expect(existsSync(gone)).toBe(false);
});

test('Two who make the same folders at once both succeed', async () => {
  using at = scene();
  const wish = { root: at.folder, folder: join(at.folder, 'a/b/c/d') as AbsolutePath };
  await Promise.all(Array.from({ length: 10 }, () => makeFolders(wish)));
  expect(statSync(wish.folder).isDirectory()).toBe(true);
});

test.for(['2024', '2024/2024-07-14'])('A file called %s is named as what is in the way', async (name) => {
  using at = scene();
  const path = join(at.folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, 'mine');
  const wish = { root: at.folder, folder: join(at.folder, '2024/2024-07-14') as AbsolutePath };
  await expect(makeFolders(wish)).rejects.toMatchObject({
    code: 'LIBRARY_UNSUITABLE',
    message: expect.stringContaining(path),
  });
  expect(readFileSync(path, 'utf8')).toBe('mine');
});

test('A year that is a link to another place is used', async () => {
  using at = scene();
  mkdirSync(join(at.folder, 'elsewhere'));
  symlinkSync('elsewhere', join(at.folder, '2024'));
  await makeFolders({ root: at.folder, folder: join(at.folder, '2024/x') as AbsolutePath });
  expect(readdirSync(join(at.folder, 'elsewhere'))).toEqual(['x']);
});

test('Lines are added behind whole lines, and a torn one goes first', async () => {
  using at = scene();
  const path = join(at.folder, 'x.jsonl') as AbsolutePath;
  await appendLines(path, ['one'], { firstLine: 'header' });
  await appendLines(path, ['two', 'three'], { firstLine: 'header' });
  expect(readFileSync(path, 'utf8')).toBe('header\none\ntwo\nthree\n');
  truncateSync(path, statSync(path).size - 3);
  await appendLines(path, ['four'], { firstLine: 'header' });
  expect(readFileSync(path, 'utf8')).toBe('header\none\ntwo\nfour\n');
});

test('A file torn within its first line begins anew, with that line', async () => {
  // Without it the manifest had lines but no header, and could not be read again.
  using at = scene();
  const path = join(at.folder, 'x.jsonl') as AbsolutePath;
  for (const torn of ['', 'hea', '\0\0\0\0'.repeat(50_000)]) {
    writeFileSync(path, torn);
    await appendLines(path, ['one'], { firstLine: 'header' });
    expect(readFileSync(path, 'utf8')).toBe('header\none\n');
  }
});

test('A torn line longer than any buffer is cut off as a whole', async () => {
  using at = scene();
  const path = join(at.folder, 'x.jsonl') as AbsolutePath;
  for (const length of [64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, 300_000]) {
    writeFileSync(path, `whole\n${'x'.repeat(length)}`);
    await appendLines(path, ['next']);
    expect(readFileSync(path, 'utf8')).toBe('whole\nnext\n');
  }
});

test('Whoever reads a small file while it is replaced sees the old or the new one, never half', async () => {
  using at = scene();
  const path = join(at.folder, 'state.json') as AbsolutePath;
  const texts = ['a', 'b'].map((letter) => letter.repeat(200_000));
  await writeSmallFile(path, texts[0] ?? '');
  let done = false;
  const writing = (async () => {
    for (let turn = 0; turn < 30; turn += 1) await writeSmallFile(path, texts[turn % 2] ?? '');
    done = true;
  })();
  while (!done) {
    await using handle = await open(path);
    expect(texts).toContain(await handle.readFile('utf8'));
  }
  await writing;
  expect(readdirSync(at.folder)).toEqual(['state.json']);
});

test('A temporary file left by a crash, even a link, is replaced and never written through', async () => {
  using at = scene();
  const precious = join(at.folder, 'precious');
  writeFileSync(precious, 'precious');
  symlinkSync(precious, join(at.folder, 'x.json.new'));
  const path = join(at.folder, 'x.json') as AbsolutePath;
  await writeSmallFile(path, 'text', 0o600);
  linkSync(precious, `${path}.new`);
  await writeSmallFile(path, 'text 2', 0o600);
  expect([readFileSync(path, 'utf8'), readFileSync(precious, 'utf8')]).toEqual(['text 2', 'precious']);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('A small file that cannot be written leaves the old one and nothing else', async () => {
  using at = scene();
  const path = join(at.folder, 'x') as AbsolutePath;
  mkdirSync(path);
  await expect(writeSmallFile(path, 'text')).rejects.toBeInstanceOf(AgentError);
  expect(readdirSync(at.folder)).toEqual(['x']);
});

test('A folder that is not there cannot be flushed', async () => {
  using at = scene();
  await flushFolder(at.folder);
  await expect(flushFolder(join(at.folder, 'none') as AbsolutePath)).rejects.toMatchObject({ code: 'LIBRARY_GONE' });
});

test.for([
  ['ENOSPC', 'LIBRARY_FULL'],
  ['EDQUOT', 'LIBRARY_FULL'],
  ['EROFS', 'LIBRARY_READ_ONLY'],
  ['EACCES', 'LIBRARY_READ_ONLY'],
  ['ENOENT', 'LIBRARY_GONE'],
  ['ENOTCONN', 'LIBRARY_GONE'],
  ['EFBIG', 'FILE_TOO_LARGE'],
  ['EIO', 'LIBRARY_WRITE_FAILED'],
  ['ENAMETOOLONG', 'LIBRARY_WRITE_FAILED'],
] as const)('%s is told as %s', ([errno, code]) => {
  expect(writeError(Object.assign(new Error('x'), { code: errno }), 'A file').code).toBe(code);
});
