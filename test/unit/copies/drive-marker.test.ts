// A mark comes from a disk that anybody may have written to. One that is believed too much lets a copy go to the wrong disk or
// takes Keepsake down with it; one that is believed too little makes a new drive of an old one, and copies everything again.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  copyFolders,
  copyFormatVersion,
  type DriveMarker,
  markerLengthMax,
  parseMarker,
  readMarker,
  writeMarker,
} from '../../../src/copies/drive-marker.ts';
import { isAgentError } from '../../../src/domain/errors.ts';
import type { DriveId, LibraryId } from '../../../src/domain/ids.ts';
import { temporaryFolder } from '../../support/keepsake.ts';
import { needLinux } from '../../support/requirements.ts';

const folders = copyFolders('/media/blue/Keepsake/Photos');
const good = {
  id: '1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed',
  libraryId: '9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d',
  formatVersion: copyFormatVersion,
  name: 'Blue drive',
  filesystemUuid: '2f1c4a6e-0000-4000-8000-0123456789ab',
  addedAt: '2026-11-25T10:00:00.000Z',
};

/** The code it is refused with, or `taken`. */
function codeOf(text: string): string {
  try {
    parseMarker(folders, text);
    return 'taken';
  } catch (error) {
    if (isAgentError(error)) return error.code;
    throw error;
  }
}

/** A copy with this as its mark, on a disk of the test's own. */
function markedFolder(write: (path: string) => void) {
  const scratch = temporaryFolder();
  const made = copyFolders(join(scratch.path, 'Keepsake/Photos'));
  mkdirSync(made.own, { recursive: true });
  write(made.marker);
  return { folders: made, [Symbol.dispose]: () => scratch[Symbol.dispose]() };
}

test('All that is Keepsake’s in a copy lies below its own folder, but for the page for whoever finds it', () => {
  const { root, readMe, ...rest } = folders;
  expect(relative(root, readMe)).toBe('READ ME FIRST.html');
  for (const path of Object.values(rest)) expect(relative(root, path)).toMatch(/^\.keepsake(\/[\w.]+)?$/);
  expect(new Set(Object.values(folders)).size).toBe(Object.keys(folders).length);
});

test('A mark that was written is read back as it was, whatever the drive is called', async () => {
  const marks = fc.record(
    {
      id: fc.stringMatching(/^[\w-]{1,64}$/).map((id) => id as DriveId),
      libraryId: fc.stringMatching(/^[\w-]{1,64}$/).map((id) => id as LibraryId),
      name: fc.string({ unit: 'grapheme', maxLength: 50 }),
      addedAt: fc
        .date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) })
        .map((date) => date.toISOString()),
      filesystemUuid: fc.stringMatching(/^[0-9A-Fa-f-]{4,36}$/),
    },
    { requiredKeys: ['id', 'libraryId', 'name', 'addedAt'] },
  );
  using marked = markedFolder(() => undefined);
  await fc.assert(
    fc.asyncProperty(marks, async (mark: DriveMarker) => {
      await writeMarker(marked.folders, mark);
      expect(await readMarker(marked.folders)).toEqual(mark);
    }),
    { numRuns: 30 },
  );
});

test('What a later version adds to a mark of this version is passed over', () => {
  expect(codeOf(JSON.stringify({ ...good, colour: 'blue', nested: { deep: [1] } }))).toBe('taken');
  const { filesystemUuid: _, ...withoutUuid } = good;
  expect(codeOf(JSON.stringify(withoutUuid))).toBe('taken');
});

test('A mark of a newer version is not guessed at', () => {
  expect(codeOf(JSON.stringify({ ...good, formatVersion: copyFormatVersion + 1 }))).toBe('DRIVE_TOO_NEW');
  expect(codeOf(JSON.stringify({ ...good, formatVersion: Number.MAX_SAFE_INTEGER }))).toBe('DRIVE_TOO_NEW');
});

describe('No mark is', () => {
  test.for<[string, string]>([
    ['nothing', ''],
    ['no JSON', 'not json'],
    ['half of one', JSON.stringify(good).slice(0, 50)],
    ['zeros, as a crash leaves them', '\0'.repeat(300)],
    ['a list', JSON.stringify([good])],
    ['null', 'null'],
    ['text in quotes', JSON.stringify('good')],
    ['an object without anything', '{}'],
    ['an id that leads elsewhere', JSON.stringify({ ...good, id: '../../../etc' })],
    ['an absolute id', JSON.stringify({ ...good, id: '/etc/passwd' })],
    ['an id with a dot', JSON.stringify({ ...good, id: '..' })],
    ['an empty id', JSON.stringify({ ...good, id: '' })],
    ['a long id', JSON.stringify({ ...good, id: 'a'.repeat(65) })],
    ['an id that is a number', JSON.stringify({ ...good, id: 7 })],
    ['an id with a line break', JSON.stringify({ ...good, id: 'abc\n' })],
    ['a library id that leads elsewhere', JSON.stringify({ ...good, libraryId: '../x' })],
    ['version 0', JSON.stringify({ ...good, formatVersion: 0 })],
    ['version 1.5', JSON.stringify({ ...good, formatVersion: 1.5 })],
    ['a version in words', JSON.stringify({ ...good, formatVersion: '1' })],
    ['a name of many letters', JSON.stringify({ ...good, name: 'x'.repeat(201) })],
    ['a name that is an object', JSON.stringify({ ...good, name: { toString: 'x' } })],
    ['a UUID of many letters', JSON.stringify({ ...good, filesystemUuid: 'x'.repeat(201) })],
    ['a UUID that is null', JSON.stringify({ ...good, filesystemUuid: null })],
    ['a day of no calendar', JSON.stringify({ ...good, addedAt: '2026-02-31T10:00:00.000Z' })],
    ['a number with a thousand digits', `{"formatVersion": ${'9'.repeat(1000)}}`],
    ['nested without end', '['.repeat(30_000)],
    ['longer than any mark', JSON.stringify({ ...good, more: 'x'.repeat(markerLengthMax) })],
  ])('%s', ([, text]) => {
    expect(codeOf(text)).toBe('DRIVE_DAMAGED');
  });

  test('anything else that is not the form of one; and nothing makes reading it fail in another way', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
        expect(codeOf(text)).toBe('DRIVE_DAMAGED');
      }),
    );
    const part = fc.constantFrom(...Object.keys(good));
    fc.assert(
      fc.property(part, fc.jsonValue(), (key, value) => {
        expect(codeOf(JSON.stringify({ ...good, [key]: value }))).toMatch(/^(taken|DRIVE_DAMAGED|DRIVE_TOO_NEW)$/);
      }),
    );
  });

  test('one that puts itself into every object', () => {
    expect(codeOf(JSON.stringify(good).replace('{', '{"__proto__": {"isAdmin": true}, '))).toBe('taken');
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  });
});

describe('On a disk', () => {
  test('no mark is none, also where a file is in the place of the folder', async () => {
    using scratch = temporaryFolder();
    expect(await readMarker(copyFolders(join(scratch.path, 'nowhere')))).toBeUndefined();
    writeFileSync(join(scratch.path, 'file'), '');
    expect(await readMarker(copyFolders(join(scratch.path, 'file')))).toBeUndefined();
  });

  test('a folder in the place of the mark is a damaged one, and what is damaged stays as it is', async () => {
    using folder = markedFolder((path) => mkdirSync(path));
    await expect(readMarker(folder.folders)).rejects.toMatchObject({ code: 'DRIVE_DAMAGED' });
    using text = markedFolder((path) => writeFileSync(path, 'half a ma'));
    await expect(readMarker(text.folders)).rejects.toMatchObject({ code: 'DRIVE_DAMAGED' });
    expect(readFileSync(text.folders.marker, 'utf8')).toBe('half a ma');
  });

  test('a link that leads in a circle is a damaged mark', async () => {
    using marked = markedFolder((path) => symlinkSync('copy.json', path));
    await expect(readMarker(marked.folders)).rejects.toMatchObject({ code: 'DRIVE_DAMAGED' });
  });

  test('a mark of many megabytes is refused without reading it all', async (context) => {
    needLinux(context, 'it tells how much a process has read');
    using marked = markedFolder((path) => {
      writeFileSync(path, JSON.stringify(good));
      truncateSync(path, 200 * 2 ** 20);
    });
    const before = await bytesRead();
    await expect(readMarker(marked.folders)).rejects.toMatchObject({ code: 'DRIVE_DAMAGED' });
    expect((await bytesRead()) - before).toBeLessThan(4 * 2 ** 20);
  });

  test('a pipe in the place of the mark is not waited for', async () => {
    using marked = markedFolder((path) => execFileSync('mkfifo', [path]));
    const answer = await Promise.race([
      readMarker(marked.folders).then(
        () => 'taken',
        (error: unknown) => (isAgentError(error) ? error.code : String(error)),
      ),
      new Promise<string>((resolve) => setTimeout(resolve, 30_000, 'still waiting').unref()),
    ]);
    if (answer === 'still waiting') await (await open(marked.folders.marker, 'w')).close(); // lets go of who waits
    expect(answer).toBe('DRIVE_DAMAGED');
    expect(dirname(marked.folders.marker)).toBe(marked.folders.own);
  });
});

/** By this process, so far, from whatever file. */
async function bytesRead(): Promise<number> {
  return Number(/^rchar: (\d+)/m.exec(await readFile('/proc/self/io', 'utf8'))?.[1]);
}
