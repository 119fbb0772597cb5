// What goes wrong here costs a photo: a file of somebody else's overwritten, half a file taken for a whole one, or an answer given
// to the wrong file.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { AbsolutePath } from '../../../src/domain/ids.ts';
import { openFileThread } from '../../../src/platform/file-thread.ts';
import { temporaryFolder } from '../../support/keepsake.ts';
import { createVolume, needVolumes } from '../../support/loop-volume.ts';
import { seededBytes } from '../../support/media/seeded.ts';

const takenAtNs = 1_720_944_000_123_000_000n;

function pathIn(folder: string, name: string): AbsolutePath {
  return join(folder, name) as AbsolutePath;
}

test('Files asked for at once are each made whole, with their own bytes and time, and closed when they are flushed', async () => {
  using folder = temporaryFolder();
  await using thread = openFileThread();
  const photos = Array.from({ length: 100 }, (_, index) => seededBytes(`photo ${index}`, index * 700));
  const files = await Promise.all(
    photos.map((bytes, index) =>
      thread.create(pathIn(folder.path, `${index}`), bytes, takenAtNs + BigInt(index) * 1_000_000_000n),
    ),
  );
  await Promise.all(files.map((file) => file.sync().then(() => file.close())));
  for (const [index, bytes] of photos.entries()) {
    const path = join(folder.path, `${index}`);
    expect(readFileSync(path).equals(bytes), `photo ${index}`).toBe(true);
    expect(Math.round(statSync(path).mtimeMs)).toBe(1_720_944_000_123 + index * 1000);
  }
});

test('The bytes are those of the moment it was asked for: the buffer can be used again at once', async () => {
  using folder = temporaryFolder();
  await using thread = openFileThread();
  const path = pathIn(folder.path, 'photo');
  const buffer = Buffer.from('a photo');
  const made = thread.create(path, buffer, takenAtNs);
  buffer.fill('x');
  await (await made).close();
  expect(readFileSync(path, 'utf8')).toBe('a photo');
});

test('A time before 1970 is kept', async () => {
  using folder = temporaryFolder();
  await using thread = openFileThread();
  const path = pathIn(folder.path, 'photo');
  await (await thread.create(path, Buffer.from('old'), -86_400_000_000_000n * 365n)).close();
  expect(statSync(path).mtimeMs).toBe(-86_400_000 * 365);
});

test('A file that is there is never touched, and the others asked for with it are made', async () => {
  using folder = temporaryFolder();
  await using thread = openFileThread();
  writeFileSync(join(folder.path, 'b'), 'of somebody else');
  const results = await Promise.allSettled(
    ['a', 'b', 'nowhere/c', 'd'].map((name) => thread.create(pathIn(folder.path, name), Buffer.from(name), takenAtNs)),
  );
  expect(results.map((result) => (result.status === 'fulfilled' ? 'made' : result.reason))).toMatchObject([
    'made',
    { code: 'EEXIST', syscall: 'open' },
    { code: 'ENOENT', syscall: 'open' },
    'made',
  ]);
  expect(readFileSync(join(folder.path, 'b'), 'utf8')).toBe('of somebody else');
  expect(readdirSync(folder.path).toSorted()).toEqual(['a', 'b', 'd']);
  for (const result of results) if (result.status === 'fulfilled') await result.value.close();
});

test('What does not fit on the disk leaves nothing behind', async (context) => {
  needVolumes(context, 'ext4');
  await using disk = await createVolume('ext4', 32);
  await using thread = openFileThread();
  const bytes = seededBytes('large', 8_000_000);
  const failures: unknown[] = [];
  let made = 0;
  for (let index = 0; index < 8; index += 1) {
    const file = await thread.create(pathIn(disk.path, `${index}`), bytes, takenAtNs).catch((error: unknown) => {
      failures.push(error);
      return undefined;
    });
    if (file === undefined) continue;
    await file.close();
    made += 1;
  }
  expect(failures[0]).toMatchObject({ code: 'ENOSPC' });
  const names = readdirSync(disk.path).filter((name) => /^\d$/.test(name));
  expect(names).toHaveLength(made);
  for (const name of names) expect(sha(readFileSync(join(disk.path, name)))).toBe(sha(bytes));
});

function sha(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

test('Closing the thread waits for what was asked, and leaves no file open', async () => {
  using folder = temporaryFolder();
  const thread = openFileThread();
  const path = pathIn(folder.path, 'photo');
  const made = thread.create(path, Buffer.from('a photo'), takenAtNs);
  await thread[Symbol.asyncDispose]();
  const file = await made;
  expect(readFileSync(path, 'utf8')).toBe('a photo');
  await expect(file.sync()).rejects.toThrow('has ended');
  await expect(file.close()).rejects.toThrow('has ended');
  await expect(thread.create(pathIn(folder.path, 'late'), Buffer.from('x'), takenAtNs)).rejects.toThrow('has ended');
  expect(existsSync(join(folder.path, 'late'))).toBe(false);
});

const mortal = new URL('./fixtures/mortal-file-worker.ts', import.meta.url);
const stillborn = new URL('./fixtures/stillborn-file-worker.ts', import.meta.url);
const nowhere = (name: string) => name as AbsolutePath;

test('A thread that dies fails what it was asked for and what it held open, and the next one does what comes then', async () => {
  await using thread = openFileThread({ worker: mortal });
  const before = await thread.create(nowhere('before'), Buffer.from('x'), takenAtNs);
  const results = await Promise.allSettled(
    ['a', 'die', 'b'].map((name) => thread.create(nowhere(name), Buffer.from(name), takenAtNs)),
  );
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  const after = await thread.create(nowhere('after'), Buffer.from('x'), takenAtNs);
  // The number may be that of another file by now.
  await expect(before.sync()).rejects.toThrow('has ended');
  await expect(before.close()).rejects.toThrow('has ended');
  await after.close();
});

test('Where no thread can be had, all that is asked fails, and closing does not wait', async () => {
  const thread = openFileThread({ worker: stillborn });
  await expect(thread.unlink(nowhere('a'))).rejects.toThrow('cannot start');
  await expect(thread.create(nowhere('b'), Buffer.from('x'), takenAtNs)).rejects.toThrow('cannot start');
  await thread[Symbol.asyncDispose]();
  const none = openFileThread({ worker: new URL('data:nothing') });
  await expect(none.unlink(nowhere('a'))).rejects.toThrow();
  await none[Symbol.asyncDispose]();
});

test('One that was never used is closed at once', async () => {
  await openFileThread()[Symbol.asyncDispose]();
});
