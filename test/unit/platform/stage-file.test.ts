// A file that is short, or mixed with another's bytes, is a lost photo that looks saved.
import { existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ByteReader, EntryState } from '../../../src/domain/byte-reader.ts';
import { AgentError } from '../../../src/domain/errors.ts';
import type { AbsolutePath } from '../../../src/domain/ids.ts';
import { durableSteps, hashFile } from '../../../src/platform/durable-write.ts';
import { FlushQueue } from '../../../src/platform/flush-queue.ts';
import {
  BufferPool,
  copyBufferBytes,
  headBytes,
  type StagedFile,
  type StageRequest,
  type StagingProgress,
  stageFile,
} from '../../../src/platform/stage-file.ts';
import { hashOf } from '../../contract/sample-plans.ts';
import { temporaryFolder } from '../../support/keepsake.ts';
import { seededBytes } from '../../support/media/seeded.ts';

const modifiedAtNs = 1_700_000_000_000_000_000n;
const mebibyte = 1024 * 1024;

/** Bytes as a source gives them: as many at a time as it likes. Remembers what was read. */
class MemorySource {
  bytes: Buffer;
  readBytes = 0;
  openOffsets: number[] = [];
  state: EntryState;
  /** Called before each read; may change the bytes, abort or throw. */
  onRead: (position: number) => void = () => undefined;
  readonly #pieceBytes: number;

  constructor(bytes: Buffer, pieceBytes = 100_003) {
    this.bytes = bytes;
    this.state = { sizeBytes: bytes.length, modifiedAtNs };
    this.#pieceBytes = pieceBytes;
  }

  readonly open = async (offsetBytes: number): Promise<ByteReader> => {
    this.openOffsets.push(offsetBytes);
    let position = offsetBytes;
    return {
      read: async (into, signal) => {
        this.onRead(position);
        signal.throwIfAborted();
        const count = this.bytes.copy(into, 0, position, position + Math.min(into.length, this.#pieceBytes));
        position += count;
        this.readBytes += count;
        return count;
      },
      state: async () => this.state,
      [Symbol.asyncDispose]: async () => undefined,
    };
  };
}

/** One for all tests: whatever one leaves in a buffer, the next must not see. */
const buffers = new BufferPool();
const flushes = new FlushQueue();

interface Scene extends Disposable {
  readonly folder: AbsolutePath;
  readonly path: AbsolutePath;
  stage(source: MemorySource, change?: Partial<StageRequest>): Promise<Omit<StagedFile, 'flushed'> | 'refused'>;
}

function scene(): Scene {
  const scratch = temporaryFolder();
  const folder = scratch.path as AbsolutePath;
  const path = join(folder, 'a.part') as AbsolutePath;
  return {
    folder,
    path,
    stage: async (source, change = {}) => {
      const staged = await stageFile({
        path,
        expected: { sizeBytes: source.bytes.length, modifiedAtNs },
        buffers,
        flushes,
        open: source.open,
        observeStep: () => undefined,
        signal: new AbortController().signal,
        ...change,
      });
      if (staged === 'refused') return staged;
      const { flushed, ...facts } = staged;
      await flushed;
      return facts;
    },
    [Symbol.dispose]: () => scratch[Symbol.dispose](),
  };
}

test.for([0, 1, headBytes - 1, headBytes, headBytes + 1, copyBufferBytes, copyBufferBytes + 1, 3 * mebibyte + 17])(
  'A file of %i bytes is staged byte for byte, with the hash of all of it and of its start',
  async (sizeBytes) => {
    using at = scene();
    const bytes = seededBytes(sizeBytes, sizeBytes);
    const staged = await at.stage(new MemorySource(bytes));
    expect(staged).toEqual({
      path: at.path,
      sizeBytes,
      hash: hashOf(bytes),
      headHash: hashOf(bytes.subarray(0, headBytes)),
    });
    expect(readFileSync(at.path).equals(bytes)).toBe(true);
    expect(await hashFile(at.path, new AbortController().signal)).toEqual({ hash: hashOf(bytes), sizeBytes });
  },
);

test.for([1, 7, 65_537])('A source that gives %i bytes at a time is staged as well', async (pieceBytes) => {
  using at = scene();
  const bytes = seededBytes('pieces', pieceBytes === 1 ? 70_000 : 300_000);
  let head = 0;
  const inspectHead = async (start: Uint8Array) => {
    head = start.length;
    return true;
  };
  expect(await at.stage(new MemorySource(bytes, pieceBytes), { inspectHead })).toMatchObject({ hash: hashOf(bytes) });
  expect(head, 'the head is looked at whole, not as the first piece').toBe(bytes.length);
});

test('Files staged at once, some of them refused or stopped, never get bytes of one another', async () => {
  using at = scene();
  const controllers = Array.from({ length: 24 }, () => new AbortController());
  const results = await Promise.allSettled(
    controllers.map(async (controller, index) => {
      const source = new MemorySource(seededBytes(`mixed ${index}`, 100_000 + index * 150_000), 30_011);
      if (index % 4 === 1) source.onRead = (position) => position > 200_000 && controller.abort(new Error('stop'));
      const path = join(at.folder, `${index}.part`) as AbsolutePath;
      const inspectHead = async () => index % 4 !== 2;
      return await at.stage(source, { path, signal: controller.signal, inspectHead });
    }),
  );
  for (const [index, result] of results.entries()) {
    if (index % 4 === 1 && index > 1) expect(result.status).toBe('rejected');
    if (result.status !== 'fulfilled' || result.value === 'refused') continue;
    const bytes = seededBytes(`mixed ${index}`, 100_000 + index * 150_000);
    expect(result.value.hash).toBe(hashOf(bytes));
    expect(readFileSync(result.value.path).equals(bytes)).toBe(true);
  }
  expect(results.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThanOrEqual(18);
});

test('A file that is not wanted leaves nothing, and no step is begun', async () => {
  using at = scene();
  const steps: string[] = [];
  const source = new MemorySource(seededBytes('text', 3 * mebibyte));
  const refuse = { inspectHead: async () => false, observeStep: (step: string) => steps.push(step) };
  expect(await at.stage(source, refuse)).toBe('refused');
  expect([readdirSync(at.folder), steps]).toEqual([[], []]);
  expect(source.readBytes, 'no more is read than looked at').toBeLessThanOrEqual(copyBufferBytes);
});

test('The steps come in the order that recovery relies on', async () => {
  using at = scene();
  const steps: string[] = [];
  await at.stage(new MemorySource(Buffer.from('x')), { observeStep: (step) => steps.push(step) });
  expect(steps).toEqual(['stage', 'times', 'flush-file']);
  expect(durableSteps.slice(0, 3)).toEqual(steps);
});

test.for([
  ['shrank', (source: MemorySource) => (source.bytes = source.bytes.subarray(0, 200_000))],
  ['grew', (source: MemorySource) => (source.bytes = Buffer.concat([source.bytes, Buffer.alloc(9)]))],
  ['has another time', (source: MemorySource) => (source.state = { ...source.state, modifiedAtNs: 1n })],
  ['is larger by now', (source: MemorySource) => (source.state = { ...source.state, sizeBytes: 400_000 })],
] as const)('A file that %s while it is read is not saved, and nothing is left of it', async ([, change]) => {
  using at = scene();
  const source = new MemorySource(seededBytes('changing', 300_000));
  const expected = { sizeBytes: source.bytes.length, modifiedAtNs };
  source.onRead = (position) => {
    if (position > 100_000) {
      source.onRead = () => undefined;
      change(source);
    }
  };
  await expect(at.stage(source, { expected })).rejects.toMatchObject({ code: 'SOURCE_ENTRY_CHANGING' });
  expect(readdirSync(at.folder)).toEqual([]);
});

test('A listing that lied about the size is found out', async () => {
  using at = scene();
  const source = new MemorySource(seededBytes('lie', 1000));
  for (const sizeBytes of [0, 999, 1001, 1e12]) {
    const expected = { sizeBytes, modifiedAtNs };
    await expect(at.stage(source, { expected })).rejects.toMatchObject({ code: 'SOURCE_ENTRY_CHANGING' });
  }
  expect(readdirSync(at.folder)).toEqual([]);
});

test('Stopping midway leaves nothing and says why it stopped', async () => {
  using at = scene();
  const controller = new AbortController();
  const source = new MemorySource(seededBytes('abort', 4 * mebibyte));
  source.onRead = (position) => {
    if (position > 2 * mebibyte) controller.abort(new Error('enough'));
  };
  await expect(at.stage(source, { signal: controller.signal })).rejects.toThrow('enough');
  expect(readdirSync(at.folder)).toEqual([]);
});

test('A read error midway leaves nothing and is passed on as it is', async () => {
  using at = scene();
  const source = new MemorySource(seededBytes('error', 2 * mebibyte));
  const failure = new AgentError('SOURCE_READ_FAILED', 'x', { remedy: 'y' });
  source.onRead = (position) => {
    if (position > mebibyte) throw failure;
  };
  await expect(at.stage(source)).rejects.toBe(failure);
  expect(readdirSync(at.folder)).toEqual([]);
});

test('What has the staged name already is neither overwritten nor removed', async () => {
  using at = scene();
  writeFileSync(at.path, 'someone else');
  await expect(at.stage(new MemorySource(Buffer.from('ours')))).rejects.toBeInstanceOf(AgentError);
  expect(readFileSync(at.path, 'utf8')).toBe('someone else');
});

test.for([
  ['now', 1_700_000_000_123_456_789n],
  ['1970', 0n],
  ['before 1970', -1_000_000_000_001_000_000n],
  ['just before 1970', -1_000_000n],
  ['2040', 2_208_988_800_500_000_000n],
] as const)('The modification time is kept to the microsecond: %s', async ([, ns]) => {
  using at = scene();
  const source = new MemorySource(Buffer.from('x'));
  source.state = { sizeBytes: 1, modifiedAtNs: ns };
  await at.stage(source, { expected: source.state });
  const { mtimeNs } = statSync(at.path, { bigint: true });
  expect(Math.abs(Number(mtimeNs - ns))).toBeLessThan(1000);
});

test('Files are readable to all whom the umask allows, and writable to the owner only', async () => {
  for (const [umask, permissions] of [
    [0o022, 0o644],
    [0o077, 0o600],
  ] as const) {
    using at = scene();
    const before = process.umask(umask);
    try {
      await at.stage(new MemorySource(Buffer.from('x')));
    } finally {
      process.umask(before);
    }
    expect(statSync(at.path).mode & 0o7777).toBe(permissions);
  }
});

/** Stages with checkpoints and stops after `stopBytes`; returns the last checkpoint. */
async function stageAPart(at: Scene, source: MemorySource, stopBytes: number): Promise<StagingProgress> {
  const controller = new AbortController();
  let last: StagingProgress | undefined;
  let reported: (() => void) | undefined;
  source.onRead = (position) => {
    if (position >= stopBytes) controller.abort(new Error('stop'));
  };
  const checkpoints = {
    checkpointBytes: mebibyte,
    onCheckpoint: async (progress: StagingProgress) => {
      last = progress;
      reported?.();
    },
    signal: controller.signal,
  };
  await expect(at.stage(source, checkpoints)).rejects.toThrow('stop');
  source.onRead = () => undefined;
  source.readBytes = 0;
  source.openOffsets = [];
  if (last === undefined) throw new Error('there was no checkpoint');
  return last;
}

test('What a checkpoint promised is on the disk, and going on reads only the rest', async () => {
  using at = scene();
  const bytes = seededBytes('resume', 8 * mebibyte);
  const source = new MemorySource(bytes);
  const progress = await stageAPart(at, source, 6 * mebibyte);
  expect(progress.durableBytes).toBeGreaterThanOrEqual(mebibyte);
  expect(
    readFileSync(at.path).subarray(0, progress.durableBytes).equals(bytes.subarray(0, progress.durableBytes)),
  ).toBe(true);

  const staged = await at.stage(source, { resumeFrom: progress, inspectHead: async () => false });
  expect(staged).toEqual({
    path: at.path,
    sizeBytes: bytes.length,
    hash: hashOf(bytes),
    headHash: hashOf(bytes.subarray(0, headBytes)),
  });
  expect(readFileSync(at.path).equals(bytes)).toBe(true);
  expect(source.openOffsets).toEqual([0, progress.durableBytes - headBytes, progress.durableBytes]);
  expect(source.readBytes).toBe(bytes.length - progress.durableBytes + 2 * headBytes);
});

test('Bytes behind the checkpoint are not believed', async () => {
  using at = scene();
  const bytes = seededBytes('behind', 8 * mebibyte);
  const source = new MemorySource(bytes);
  const progress = await stageAPart(at, source, 6 * mebibyte);
  truncateSync(at.path, progress.durableBytes);
  truncateSync(at.path, 12 * mebibyte); // zeros, and too long
  expect(await at.stage(source, { resumeFrom: progress })).toMatchObject({ hash: hashOf(bytes) });
  expect(readFileSync(at.path).equals(bytes)).toBe(true);
});

test.for([
  ['starts otherwise', (bytes: Buffer) => bytes.writeUInt8((bytes[10] ?? 0) ^ 1, 10), undefined],
  [
    'goes on otherwise',
    (bytes: Buffer, end: number) => bytes.writeUInt8((bytes[end - 10] ?? 0) ^ 1, end - 10),
    undefined,
  ],
  ['has a partial shorter than its record', () => undefined, mebibyte / 2],
] as const)('A file that %s is copied again from its start', async ([, change, partialBytes]) => {
  using at = scene();
  const source = new MemorySource(seededBytes('other', 8 * mebibyte));
  const progress = await stageAPart(at, source, 6 * mebibyte);
  if (partialBytes !== undefined) truncateSync(at.path, partialBytes);
  source.bytes = Buffer.from(source.bytes);
  change(source.bytes, progress.durableBytes);
  expect(await at.stage(source, { resumeFrom: progress })).toMatchObject({ hash: hashOf(source.bytes) });
  expect(readFileSync(at.path).equals(source.bytes)).toBe(true);
});

test('A partial is kept while its source cannot be read, and removed once the file turns out to be changing', async () => {
  using at = scene();
  const source = new MemorySource(seededBytes('kept', 8 * mebibyte));
  const progress = await stageAPart(at, source, 6 * mebibyte);
  source.onRead = () => {
    throw new AgentError('SOURCE_GONE', 'x', { remedy: 'y' });
  };
  await expect(at.stage(source, { resumeFrom: progress })).rejects.toMatchObject({ code: 'SOURCE_GONE' });
  expect(statSync(at.path).size).toBeGreaterThanOrEqual(progress.durableBytes);
  source.onRead = () => undefined;
  source.state = { ...source.state, modifiedAtNs: 5n };
  await expect(at.stage(source, { resumeFrom: progress })).rejects.toMatchObject({ code: 'SOURCE_ENTRY_CHANGING' });
  expect(existsSync(at.path)).toBe(false);
});
