// What every source has to do: an entry that is not listed is a photo that is never saved; a link or pipe that is opened
// leads out of the source, or hangs forever.
import { describe, expect, test } from 'vitest';
import { isAgentError } from '../../src/domain/errors.ts';
import type { SourcePath } from '../../src/domain/ids.ts';
import type { Source, SourceEntry } from '../../src/sources/source.ts';

/** A source over a tree that the suite may fill and change behind its back, as the owner or another program would. */
export interface SourceUnderTest extends AsyncDisposable {
  put(path: string, bytes: Buffer): Promise<void>;
  setModified(path: string, ms: number): Promise<void>;
  remove(path: string): Promise<void>;
  open(): Promise<Source>;
}

const never = new AbortController().signal;

export async function listAll(source: Source, signal: AbortSignal = never): Promise<SourceEntry[]> {
  const all: SourceEntry[] = [];
  for await (const entries of source.list(signal)) all.push(...entries);
  return all.sort((one, other) => (one.path < other.path ? -1 : 1));
}

export async function readAll(source: Source, path: string, offsetBytes = 0, pieceBytes = 1000): Promise<Buffer> {
  await using reader = await source.open(path as SourcePath, offsetBytes, never);
  const pieces: Buffer[] = [];
  for (;;) {
    const into = Buffer.alloc(pieceBytes);
    const count = await reader.read(into, never);
    if (count === 0) return Buffer.concat(pieces);
    pieces.push(into.subarray(0, count));
  }
}

async function codeOf(action: Promise<unknown>): Promise<string> {
  try {
    await action;
  } catch (error) {
    if (isAgentError(error)) return error.code;
    throw error;
  }
  return 'no failure';
}

export function describeSource(name: string, make: () => Promise<SourceUnderTest>): void {
  describe(name, () => {
    test('An empty source lists nothing', async () => {
      await using under = await make();
      await using source = await under.open();
      expect(await listAll(source)).toEqual([]);
    });

    test('Every file below is listed exactly once, with its size and time', async () => {
      await using under = await make();
      const paths = Array.from(
        { length: 1500 },
        (_, index) => `${index % 7 === 0 ? '' : `D${index % 7}/E${index % 3}/`}IMG_${index}.JPG`,
      );
      for (const [index, path] of paths.entries()) await under.put(path, Buffer.alloc(index % 50));
      await under.setModified('IMG_0.JPG', -86_400_000);
      await using source = await under.open();
      const listed = await listAll(source);
      expect(listed.map(({ path }) => path)).toEqual(paths.toSorted());
      const first = listed.find(({ path }) => path === 'IMG_0.JPG');
      expect(first).toMatchObject({ kind: 'file', sizeBytes: 0, modifiedAtNs: -86_400_000_000_000n });
      const total = listed.reduce((sum, entry) => sum + (entry.kind === 'file' ? entry.sizeBytes : 0), 0);
      expect(total).toBe(paths.reduce((sum, _, index) => sum + (index % 50), 0));
    });

    test('Odd names are listed by a text under which they can be opened', async () => {
      await using under = await make();
      const names = [
        'a b.jpg',
        'ü\u2028.jpg',
        '\'"$(x).jpg',
        '..jpg',
        '...',
        ' ',
        '\\x41.jpg',
        'a\\b.jpg',
        '%41.jpg',
        '-rf',
        'new\nline.jpg',
        '🙂',
      ];
      for (const name of names) await under.put(`D/${name}`, Buffer.from(name));
      await using source = await under.open();
      const listed = await listAll(source);
      expect(listed).toHaveLength(names.length);
      const contents = await Promise.all(listed.map(async ({ path }) => (await readAll(source, path)).toString()));
      expect(contents.sort()).toEqual(names.toSorted());
    });

    test('Listing begins to deliver before everything was looked at, and can be left early', async () => {
      await using under = await make();
      for (let index = 0; index < 1000; index += 1) await under.put(`D/${index}`, Buffer.alloc(0));
      await using source = await under.open();
      for await (const entries of source.list(never)) {
        if (entries.length === 0) continue;
        expect(entries.length).toBeLessThan(1000);
        break;
      }
      expect(await listAll(source), 'and it can be listed again').toHaveLength(1000);
    });

    test('Listing stops when asked to, with the reason given', async () => {
      await using under = await make();
      for (let index = 0; index < 600; index += 1) await under.put(`D/${index}`, Buffer.alloc(0));
      await using source = await under.open();
      const controller = new AbortController();
      const listing = async () => {
        for await (const entries of source.list(controller.signal))
          if (entries.length > 0) controller.abort(new Error('enough'));
      };
      await expect(listing()).rejects.toThrow('enough');
      await expect(listAll(source, AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
    });

    test('A file is read from any offset to its end', async () => {
      await using under = await make();
      const bytes = Buffer.from(Array.from({ length: 10_000 }, (_, index) => index % 251));
      await under.put('a', bytes);
      await using source = await under.open();
      for (const offset of [0, 1, 999, 9999, 10_000, 20_000]) {
        expect((await readAll(source, 'a', offset)).equals(bytes.subarray(offset)), String(offset)).toBe(true);
        expect((await readAll(source, 'a', offset, 20_000)).equals(bytes.subarray(offset))).toBe(true);
      }
    });

    test('Two readers of one file do not disturb each other', async () => {
      await using under = await make();
      await under.put('a', Buffer.from('0123456789'));
      await using source = await under.open();
      await using one = await source.open('a' as SourcePath, 0, never);
      await using other = await source.open('a' as SourcePath, 5, never);
      const into = Buffer.alloc(2);
      const read = async (reader: typeof one) => into.toString('utf8', 0, await reader.read(into, never));
      expect([await read(one), await read(other), await read(one), await read(other)]).toEqual([
        '01',
        '56',
        '23',
        '78',
      ]);
    });

    test('An open file says how it is now, not how it was listed', async () => {
      await using under = await make();
      await under.put('a', Buffer.from('short'));
      await under.setModified('a', 1_600_000_000_000);
      await using source = await under.open();
      await using reader = await source.open('a' as SourcePath, 0, never);
      expect(await reader.state(never)).toEqual({ sizeBytes: 5, modifiedAtNs: 1_600_000_000_000_000_000n });
      await under.put('a', Buffer.from('longer by now'));
      await under.setModified('a', 1_600_000_001_000);
      expect(await reader.state(never)).toEqual({ sizeBytes: 13, modifiedAtNs: 1_600_000_001_000_000_000n });
    });

    test('A file that vanished is told as such, and the others can still be read', async () => {
      await using under = await make();
      await under.put('D/a', Buffer.from('a'));
      await under.put('D/b', Buffer.from('b'));
      await using source = await under.open();
      await listAll(source);
      await under.remove('D/a');
      expect(await codeOf(source.open('D/a' as SourcePath, 0, never))).toBe('SOURCE_ENTRY_VANISHED');
      expect(await codeOf(source.open('D/b/below' as SourcePath, 0, never))).toBe('SOURCE_ENTRY_VANISHED');
      expect(await codeOf(source.open('D' as SourcePath, 0, never)), 'a folder is no file').toMatch(
        /^SOURCE_(ENTRY_VANISHED|READ_FAILED)$/,
      );
      expect((await readAll(source, 'D/b')).toString()).toBe('b');
    });

    test('Opening and reading stop when asked to', async () => {
      await using under = await make();
      await under.put('a', Buffer.from('a'));
      await using source = await under.open();
      const stopped = AbortSignal.abort(new Error('stop'));
      await expect(source.open('a' as SourcePath, 0, stopped)).rejects.toThrow('stop');
      await using reader = await source.open('a' as SourcePath, 0, never);
      await expect(reader.read(Buffer.alloc(1), stopped)).rejects.toThrow('stop');
      await expect(reader.state(stopped)).rejects.toThrow('stop');
    });

    test('It is the same source every time', async () => {
      await using under = await make();
      await using one = await under.open();
      await under.put('a', Buffer.from('a'));
      await using other = await under.open();
      expect([other.id, other.kind, other.name]).toEqual([one.id, one.kind, one.name]);
      expect(one.id).toMatch(/^[a-z]+-[0-9a-f]+$/);
    });
  });
}
