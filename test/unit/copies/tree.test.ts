// A walk that leaves something out leaves it off every drive without a word; one that follows every link never ends, or takes
// another disk's photos for the library's. Times that are compared too strictly make every copy look changed twice a year, and
// too loosely hide a change.

import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isSameTime, walkTree } from '../../../src/copies/tree.ts';
import type { AbsolutePath, RelativePath } from '../../../src/domain/ids.ts';
import { temporaryFolder } from '../../support/keepsake.ts';
import { needLinux } from '../../support/requirements.ts';

const unlimited = new AbortController().signal;

function write(root: string, ...paths: readonly string[]): void {
  for (const path of paths) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), path);
  }
}

/** All files and all that is odd, each folder's in the order of the walk. */
async function walk(root: string): Promise<{ folders: string[]; files: string[]; odd: string[] }> {
  const found = { folders: [] as string[], files: [] as string[], odd: [] as string[] };
  for await (const { path, files, odd } of walkTree(root as AbsolutePath, unlimited)) {
    found.folders.push(path);
    found.files.push(...[...files.keys()].sort());
    found.odd.push(...odd);
  }
  return found;
}

describe('A walk', () => {
  test('tells names, sizes and times of all files, each folder before those in it', async () => {
    using scratch = temporaryFolder();
    write(scratch.path, 'a.jpg', '2024/b.jpg', '2024/07/c.jpg', '2024/07/ünïcode 📷.jpg', '2025/d.jpg');
    utimesSync(join(scratch.path, 'a.jpg'), new Date(-86_400_000), new Date(-86_400_000));
    mkdirSync(join(scratch.path, 'empty'));
    const { folders, files, odd } = await walk(scratch.path);
    expect(folders).toEqual(['', '2024', '2024/07', '2025', 'empty']);
    expect(files).toEqual(['a.jpg', '2024/b.jpg', '2024/07/c.jpg', '2024/07/ünïcode 📷.jpg', '2025/d.jpg']);
    expect(odd).toEqual([]);
    const root = (await walkTree(scratch.path as AbsolutePath, unlimited).next()).value;
    const expected = { path: 'a.jpg', sizeBytes: 5, modifiedAtNs: -86_400_000_000_000n };
    expect(root?.files.get('a.jpg' as RelativePath)).toEqual(expected);
  });

  test('leaves out what is Keepsake’s own, at the top only, and what desktops litter everywhere', async () => {
    using scratch = temporaryFolder();
    write(scratch.path, '.keepsake/library.json', 'READ ME FIRST.html', '2024/READ ME FIRST.html', '2024/.keepsake/x');
    const clutter = ['.DS_Store', '._a.jpg', 'Thumbs.db', 'THUMBS.DB', 'desktop.ini', '.nfs000123', '.fuse_hidden0001'];
    const ofDisks = ['.Spotlight-V100', '.Trashes', '.fseventsd', '$RECYCLE.BIN', 'System Volume Information'];
    for (const name of clutter) write(scratch.path, name, `2024/${name}`);
    for (const name of [...ofDisks, 'lost+found', '.Trash-1000']) write(scratch.path, `${name}/x.jpg`);
    write(scratch.path, '2024/.hidden.jpg', '2024/_a.jpg', '2024/Thumbs.db.jpg', '.Trash-mine/x.jpg');
    const { files, odd } = await walk(scratch.path);
    expect(files.sort()).toEqual([
      '.Trash-mine/x.jpg',
      '2024/.hidden.jpg',
      '2024/.keepsake/x',
      '2024/READ ME FIRST.html',
      '2024/Thumbs.db.jpg',
      '2024/_a.jpg',
    ]);
    expect(odd).toEqual([]);
  });

  test('names what is neither file nor folder, and does not wait for it', async () => {
    using scratch = temporaryFolder();
    write(scratch.path, '2024/a.jpg');
    execFileSync('mkfifo', [join(scratch.path, '2024/pipe.jpg')]);
    symlinkSync('a.jpg', join(scratch.path, '2024/link to a file.jpg'));
    symlinkSync('nowhere', join(scratch.path, '2024/link to nothing'));
    const { files, odd } = await walk(scratch.path);
    expect(files).toEqual(['2024/a.jpg']);
    expect(odd.sort()).toEqual(['2024/link to a file.jpg', '2024/link to nothing', '2024/pipe.jpg']);
  });

  test('names files and folders whose names are no text, and goes on beside them', async (context) => {
    needLinux(context, 'names that are not UTF-8');
    using scratch = temporaryFolder();
    write(scratch.path, '2024/a.jpg');
    const bytes = (...parts: readonly (string | number)[]) =>
      Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from([part]))));
    writeFileSync(bytes(scratch.path, '/2024/caf', 0xe9, '.jpg'), 'latin 1');
    mkdirSync(bytes(scratch.path, '/2024/caf', 0xe9));
    writeFileSync(bytes(scratch.path, '/2024/caf', 0xe9, '/in it.jpg'), 'in a folder');
    const { files, odd } = await walk(scratch.path);
    expect(files).toEqual(['2024/a.jpg']);
    expect(odd.sort()).toEqual(['2024/caf\uFFFD', '2024/caf\uFFFD.jpg']);
  });

  test('follows a link to a folder elsewhere on the same disk', async () => {
    using scratch = temporaryFolder();
    const library = join(scratch.path, 'library');
    write(scratch.path, 'library/2024/a.jpg', 'years/2023/b.jpg');
    symlinkSync(join(scratch.path, 'years/2023'), join(library, '2023'));
    expect(await walk(library)).toMatchObject({ files: ['2023/b.jpg', '2024/a.jpg'], odd: [] });
  });

  test('goes to a folder once, however many links lead to it, also where they lead in circles', async () => {
    using scratch = temporaryFolder();
    const library = join(scratch.path, 'library');
    write(scratch.path, 'library/2024/07/a.jpg', 'years/2023/b.jpg', 'years/2023/best/c.jpg');
    for (const name of ['2022', '2023']) symlinkSync(join(scratch.path, 'years/2023'), join(library, name));
    symlinkSync('..', join(scratch.path, 'years/2023/best/up'));
    symlinkSync('.', join(scratch.path, 'years/2023/best/self'));
    const { files, odd } = await walk(library);
    expect(files.filter((path) => path.endsWith('b.jpg'))).toEqual(['2022/b.jpg']);
    expect(odd).toContain('2023');
    expect(files.filter((path) => path.endsWith('a.jpg'))).toEqual(['2024/07/a.jpg']);
  });

  test('does not go round through a link to a folder that it is in', async () => {
    using scratch = temporaryFolder();
    write(scratch.path, '2024/07/a.jpg', '2024/b.jpg');
    symlinkSync('../..', join(scratch.path, '2024/07/up'));
    symlinkSync('.', join(scratch.path, '2024/self'));
    const { files } = await walk(scratch.path);
    expect(files.sort()).toEqual(['2024/07/a.jpg', '2024/b.jpg']);
  });

  test('takes a folder from its own place, not a second time from a link beside it', async () => {
    using scratch = temporaryFolder();
    write(scratch.path, '2024/07/a.jpg', '2024/b.jpg');
    symlinkSync('2024/07', join(scratch.path, '1 best of'));
    symlinkSync('2024', join(scratch.path, 'all of it'));
    const { files } = await walk(scratch.path);
    expect(files.sort()).toEqual(['2024/07/a.jpg', '2024/b.jpg']);
  });

  test('does not follow a link to another disk, and names it', async (context) => {
    needLinux(context, 'a second filesystem at a known place');
    using scratch = temporaryFolder();
    write(scratch.path, '2024/a.jpg');
    symlinkSync('/proc/self', join(scratch.path, '2023'));
    expect(await walk(scratch.path)).toMatchObject({ files: ['2024/a.jpg'], odd: ['2023'] });
  });

  test('leaves nothing out in silence that lies very deep', async () => {
    using scratch = temporaryFolder();
    const folder = (depth: number) => Array.from({ length: depth }, () => 'd').join('/');
    write(scratch.path, `${folder(60)}/a.jpg`, `${folder(80)}/b.jpg`);
    const { files, odd } = await walk(scratch.path);
    expect(files).toContain(`${folder(60)}/a.jpg`);
    if (!files.includes(`${folder(80)}/b.jpg`)) expect(odd, 'the folder that was not gone into').toHaveLength(1);
  });

  test('of a folder that is not there finds nothing, and stops when it is told to', async () => {
    using scratch = temporaryFolder();
    expect(await walk(join(scratch.path, 'nowhere'))).toEqual({ folders: [''], files: [], odd: [] });
    write(scratch.path, 'a/1.jpg', 'b/2.jpg');
    const stop = new AbortController();
    const steps = walkTree(scratch.path as AbsolutePath, stop.signal);
    await steps.next();
    stop.abort(new Error('enough'));
    await expect(steps.next()).rejects.toThrow('enough');
  });
});

describe('Two times', () => {
  const secondNs = 1_000_000_000n;
  const hourNs = 3600n * secondNs;
  const time = fc.bigInt({ min: -(10n ** 18n), max: 4n * 10n ** 18n });
  const hours = fc.bigInt({ min: 0n, max: 26n });
  const coarse = fc.bigInt({ min: -2n * secondNs, max: 2n * secondNs });

  test('are the same or not whichever is named first', () => {
    fc.assert(
      fc.property(time, time, fc.boolean(), hours, coarse, (one, far, isNear, apart, rest) => {
        const other = isNear ? one + apart * hourNs + rest : far;
        expect(isSameTime(one, other)).toBe(isSameTime(other, one));
      }),
    );
  });

  test('are the same up to the two seconds that FAT keeps, and by whole hours up to those of all zones', () => {
    fc.assert(
      fc.property(time, hours, coarse, fc.boolean(), (one, apart, rest, isBefore) => {
        expect(isSameTime(one, one)).toBe(true);
        expect(isSameTime(one, one + (isBefore ? -apart : apart) * hourNs + rest)).toBe(true);
      }),
    );
  });

  test('are not the same by half hours, by minutes, or by more than a day and two hours', () => {
    const between = fc.bigInt({ min: 2n * secondNs + 1n, max: hourNs - 2n * secondNs - 1n });
    fc.assert(
      fc.property(time, hours, between, (one, apart, rest) => {
        expect(isSameTime(one, one + apart * hourNs + rest)).toBe(false);
        expect(isSameTime(one, one + (27n + apart * 1000n) * hourNs)).toBe(false);
      }),
    );
    expect(isSameTime(0n, hourNs / 2n)).toBe(false);
    expect(isSameTime(0n, 2n * secondNs + 1n)).toBe(false);
    expect(isSameTime(0n, 365n * 24n * hourNs)).toBe(false);
  });
});
