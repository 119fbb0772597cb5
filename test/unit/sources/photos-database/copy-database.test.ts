// A copy of two moments reads like a library with photos missing, swapped or deleted: it must not come about, whenever the phone
// or the Photos app writes.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ByteReader } from '../../../../src/domain/byte-reader.ts';
import { AgentError } from '../../../../src/domain/errors.ts';
import type { AbsolutePath } from '../../../../src/domain/ids.ts';
import {
  copyDatabase,
  copyTriesMax,
  type DatabaseFileName,
  type DatabaseFiles,
  logBytesMax,
  mainBytesMax,
  stampOf,
} from '../../../../src/sources/photos-database/copy-database.ts';
import { temporaryFolder } from '../../../support/keepsake.ts';
import { seededBytes } from '../../../support/media/seeded.ts';

const never = new AbortController().signal;
const main = 'Photos.sqlite';
const log = 'Photos.sqlite-wal';
const unreadable = { code: 'PHOTOS_LIST_UNREADABLE' };

/** Files in memory that others change while they are copied. */
class ChangingFiles implements DatabaseFiles {
  readonly #files = new Map<string, { bytes: Buffer; modifiedAtNs: bigint; saidBytes?: number }>();
  #clock = 0n;
  readonly opened: string[] = [];
  /** Called before each reading of a piece, with how many bytes of the file were read. */
  onRead: (name: DatabaseFileName, position: number) => void = () => undefined;
  /** Called after each look, before it is told of. */
  onDescribe: (name: DatabaseFileName) => void = () => undefined;
  readBytesMax = Number.POSITIVE_INFINITY;

  constructor(files: { readonly main?: Buffer; readonly log?: Buffer }) {
    if (files.main !== undefined) this.put(main, files.main);
    if (files.log !== undefined) this.put(log, files.log);
  }

  bytes(name: string): Buffer {
    return this.#files.get(name)?.bytes ?? Buffer.alloc(0);
  }

  put(name: string, bytes: Buffer, saidBytes = bytes.length): void {
    this.#clock += 1n;
    this.#files.set(name, { bytes, modifiedAtNs: this.#clock, saidBytes });
  }

  remove(name: string): void {
    this.#files.delete(name);
  }

  async describe(name: DatabaseFileName) {
    const file = this.#files.get(name);
    this.onDescribe(name);
    if (file === undefined) return undefined;
    return { sizeBytes: file.saidBytes ?? file.bytes.length, modifiedAtNs: file.modifiedAtNs };
  }

  async open(name: DatabaseFileName, offsetBytes: number): Promise<ByteReader> {
    this.opened.push(name);
    if (!this.#files.has(name)) throw new AgentError('SOURCE_ENTRY_VANISHED', 'gone', { remedy: '' });
    let position = offsetBytes;
    return {
      read: async (into, signal) => {
        signal.throwIfAborted();
        this.onRead(name, position);
        const wanted = Math.min(into.length, this.readBytesMax);
        const count = this.bytes(name).copy(into, 0, position, position + wanted);
        position += count;
        return count;
      },
      state: () => Promise.reject(new Error('not asked')),
      [Symbol.asyncDispose]: async () => undefined,
    };
  }
}

const someMain = seededBytes('main', 2_500_000);
const someLog = seededBytes('log', 1_200_000);

/** `change` happens once, while this part of this file is read for the first time. */
function once(files: ChangingFiles, at: { name: DatabaseFileName; beyond: number }, change: () => void): void {
  let isDone = false;
  files.onRead = (name, position) => {
    if (isDone || name !== at.name || position <= at.beyond) return;
    isDone = true;
    change();
  };
}

function digest(bytes: Buffer): string {
  return `${bytes.length} ${createHash('sha256').update(bytes).digest('hex')}`;
}

function copied(folder: string): Record<string, string> {
  return Object.fromEntries(readdirSync(folder).map((name) => [name, digest(readFileSync(join(folder, name)))]));
}

function scratch() {
  const home = temporaryFolder();
  const folder = join(home.path, 'copy') as AbsolutePath;
  mkdirSync(folder);
  return { folder, [Symbol.dispose]: () => home[Symbol.dispose]() };
}

test.for([
  ['with a log', { main: someMain, log: someLog }],
  ['without a log', { main: someMain }],
  ['with an empty log', { main: someMain, log: Buffer.alloc(0) }],
  ['of no bytes at all', { main: Buffer.alloc(0) }],
] as const)('A database %s is copied as it is, for nobody else to read', async ([, content]) => {
  using home = scratch();
  await copyDatabase(new ChangingFiles(content), home.folder, never);
  expect(copied(home.folder)).toEqual({
    [main]: digest(content.main),
    ...('log' in content ? { [log]: digest(content.log) } : {}),
  });
  expect(statSync(join(home.folder, main)).mode & 0o777).toBe(0o600);
});

test('Reads that bring less than asked for are no end of the file', async () => {
  using home = scratch();
  const files = new ChangingFiles({ main: someMain.subarray(0, 5000), log: someLog.subarray(0, 300) });
  files.readBytesMax = 7;
  const stamp = await stampOf(files, never);
  await copyDatabase(files, home.folder, never);
  expect(copied(home.folder)).toEqual({
    [main]: digest(someMain.subarray(0, 5000)),
    [log]: digest(someLog.subarray(0, 300)),
  });
  files.readBytesMax = 1_000_000;
  expect(await stampOf(files, never)).toBe(stamp);
});

const halfChanged = Buffer.concat([someMain.subarray(0, 1_500_000), seededBytes('other', 1_000_000)]);

test.for<readonly [string, (files: ChangingFiles) => void]>([
  [
    'The main file changes under the hand that copies it',
    (files) => once(files, { name: main, beyond: 1_000_000 }, () => files.put(main, halfChanged)),
  ],
  [
    'The main file changes while the log is copied: pages moved over from the log',
    (files) => once(files, { name: log, beyond: 500_000 }, () => files.put(main, halfChanged)),
  ],
  [
    'The log grows while it is copied',
    (files) =>
      once(files, { name: log, beyond: 500_000 }, () =>
        files.put(log, Buffer.concat([someLog, Buffer.alloc(4000, 7)])),
      ),
  ],
  [
    'The log starts again from its beginning and is no shorter',
    (files) => once(files, { name: log, beyond: 500_000 }, () => files.put(log, seededBytes('new salts', 1_200_000))),
  ],
  [
    'A log appears after the main file was copied',
    (files) => {
      files.remove(log);
      once(files, { name: main, beyond: 1_000_000 }, () => files.put(log, someLog));
    },
  ],
  [
    'The log goes after it was seen: its pages are in the main file by now',
    (files) =>
      once(files, { name: main, beyond: 1_000_000 }, () => {
        files.put(main, halfChanged);
        files.remove(log);
      }),
  ],
  [
    'The main file gets shorter',
    (files) => once(files, { name: main, beyond: 1_000_000 }, () => files.put(main, someMain.subarray(0, 1_100_000))),
  ],
  [
    'The log goes right after it was looked at',
    (files) => {
      let isFirst = true;
      files.onDescribe = (name) => {
        if (name === log && isFirst) files.remove(log);
        if (name === log) isFirst = false;
      };
    },
  ],
])('%s: it is copied again, and the copy is of one moment', async ([, arrange]) => {
  using home = scratch();
  const files = new ChangingFiles({ main: someMain, log: someLog });
  arrange(files);
  await copyDatabase(files, home.folder, never);
  const now = await files.describe(log);
  expect(copied(home.folder)).toEqual({
    [main]: digest(files.bytes(main)),
    ...(now === undefined ? {} : { [log]: digest(files.bytes(log)) }),
  });
});

test('Only times differ, or only the beginning: that is a change too', async () => {
  for (const change of [
    (files: ChangingFiles) => files.put(log, someLog),
    (files: ChangingFiles) => files.bytes(log).writeUInt32BE(1, 16),
    (files: ChangingFiles) => files.bytes(main).writeUInt32BE(1, 24),
  ]) {
    using home = scratch();
    const files = new ChangingFiles({ main: Buffer.from(someMain), log: Buffer.from(someLog) });
    const before = await stampOf(files, never);
    once(files, { name: log, beyond: 500_000 }, () => change(files));
    files.opened.length = 0;
    await copyDatabase(files, home.folder, never);
    expect(files.opened.length, 'twice six files opened').toBe(12);
    expect(await stampOf(files, never)).not.toBe(before);
  }
});

test('What changes all the time is given up, and nothing of it stays', async () => {
  using home = scratch();
  const files = new ChangingFiles({ main: someMain, log: someLog });
  let rounds = 0;
  files.onRead = (name, position) => {
    if (name !== log || position !== someLog.length) return;
    rounds += 1;
    files.put(log, Buffer.from(someLog));
  };
  await expect(copyDatabase(files, home.folder, never)).rejects.toMatchObject(unreadable);
  expect([rounds, readdirSync(home.folder)]).toEqual([copyTriesMax, []]);
});

test('What vanishes each time it is looked for is given up too', async () => {
  using home = scratch();
  const files = new ChangingFiles({});
  files.describe = async () => ({ sizeBytes: 10, modifiedAtNs: 1n });
  await expect(copyDatabase(files, home.folder, never)).rejects.toMatchObject(unreadable);
  expect(files.opened).toHaveLength(copyTriesMax);
  await expect(stampOf(files, never)).rejects.toMatchObject(unreadable);
});

test('None there: no stamp, and nothing to copy', async () => {
  using home = scratch();
  const files = new ChangingFiles({ log: someLog });
  expect(await stampOf(files, never)).toBeUndefined();
  await expect(copyDatabase(files, home.folder, never)).rejects.toMatchObject(unreadable);
});

test.for([
  ['main file', main, mainBytesMax],
  ['log', log, logBytesMax],
] as const)('A %s that is too large is refused without a byte of it being read', async ([, name, bytesMax]) => {
  using home = scratch();
  const files = new ChangingFiles({ main: someMain, log: someLog });
  files.put(name, files.bytes(name), bytesMax + 1);
  await expect(copyDatabase(files, home.folder, never)).rejects.toMatchObject(unreadable);
  await expect(stampOf(files, never)).rejects.toMatchObject(unreadable);
  expect(files.opened).not.toContain(name);
  expect(readdirSync(home.folder)).toEqual([]);
});

test('A file that never ends is copied no further than it was said to go', async () => {
  using home = scratch();
  const files = new ChangingFiles({ main: someMain });
  files.put(main, someMain, 1000);
  let furthest = 0;
  files.onRead = (_, position) => {
    furthest = Math.max(furthest, position);
  };
  await expect(copyDatabase(files, home.folder, never)).rejects.toMatchObject(unreadable);
  expect(furthest).toBeLessThan(1000);
});

test('A stop is heard at every step, and leaves nothing', async () => {
  const count = { describe: 0, read: 0 };
  const counting = new ChangingFiles({ main: someMain, log: someLog });
  counting.onDescribe = () => {
    count.describe += 1;
  };
  counting.onRead = () => {
    count.read += 1;
  };
  using whole = scratch();
  await copyDatabase(counting, whole.folder, never);
  for (let at = 1; at <= count.describe + count.read; at += 1) {
    using home = scratch();
    const files = new ChangingFiles({ main: someMain, log: someLog });
    const controller = new AbortController();
    let step = 0;
    files.onDescribe = () => {
      step += 1;
      if (step === at) controller.abort(new Error('stop'));
      controller.signal.throwIfAborted();
    };
    files.onRead = files.onDescribe;
    await expect(copyDatabase(files, home.folder, controller.signal), String(at)).rejects.toThrow('stop');
    expect(readdirSync(home.folder)).toEqual([]);
  }
});

test.for([
  ['SOURCE_READ_FAILED', 'PHOTOS_LIST_UNREADABLE'],
  ['SOURCE_GONE', 'SOURCE_GONE'],
  ['PHONE_LOCKED', 'PHONE_LOCKED'],
] as const)('Reading ends with %s: it is told as %s', async ([code, told]) => {
  using home = scratch();
  const files = new ChangingFiles({ main: someMain, log: someLog });
  files.onRead = (name, position) => {
    if (name === log && position > 500_000) throw new AgentError(code, 'it broke', { remedy: '' });
  };
  await expect(copyDatabase(files, home.folder, never)).rejects.toMatchObject({ code: told });
  expect(readdirSync(home.folder)).toEqual([]);
  files.onRead = () => {
    throw new AgentError(code, 'it broke', { remedy: '' });
  };
  await expect(stampOf(files, never)).rejects.toMatchObject({ code: told });
});

test('A folder of ours that cannot be written is no fault of the list', async () => {
  using home = scratch();
  const files = new ChangingFiles({ main: someMain });
  writeFileSync(join(home.folder, 'file'), '');
  const notAFolder = join(home.folder, 'file') as AbsolutePath;
  await expect(copyDatabase(files, notAFolder, never)).rejects.toMatchObject({ code: 'ENOTDIR' });
});
