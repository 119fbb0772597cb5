// Without this, one hostile file would hang an import for ever or end the agent, and the photos after it would wait.
import { expect, test } from 'vitest';
import { openParsingThread } from '../../../../src/library/metadata/parsing-thread.ts';

const unruly = new URL('./fixtures/unruly-worker.ts', import.meta.url);
const stillborn = new URL('./fixtures/stillborn-worker.ts', import.meta.url);
const never = new AbortController().signal;

function request(path: string) {
  return { path, native: 'jpeg', sizeBytes: 1 } as const;
}

test('A worker that hangs is replaced, and only the file it hung on goes without metadata', async () => {
  await using thread = openParsingThread({ timeoutMs: 3000, worker: unruly });
  expect(await thread.read(request('before'), never)).toEqual({ make: 'before' });
  const startedAt = performance.now();
  expect(await thread.read(request('hang'), never)).toEqual({});
  expect(performance.now() - startedAt).toBeGreaterThan(2900);
  expect(await thread.read(request('after'), never)).toEqual({ make: 'after' });
});

test.for(['eat memory', 'leave', 'throw'])('A worker that dies (%s) is replaced in the same way', async (path) => {
  await using thread = openParsingThread({ timeoutMs: 20_000, worker: unruly });
  expect(await thread.read(request(path), never)).toEqual({});
  expect(await thread.read(request('after'), never)).toEqual({ make: 'after' });
});

test('Files given at once are answered one by one, each with its own metadata', async () => {
  await using thread = openParsingThread({ timeoutMs: 3000, worker: unruly });
  const answers = await Promise.all(['a', 'hang', 'b', 'leave', 'c'].map((path) => thread.read(request(path), never)));
  expect(answers).toEqual([{ make: 'a' }, {}, { make: 'b' }, {}, { make: 'c' }]);
});

test('A worker that cannot start is an error, not an import full of undated photos', async () => {
  await using thread = openParsingThread({ timeoutMs: 400, worker: stillborn });
  await expect(thread.read(request('a'), never)).rejects.toThrow('could not start');
});

test('An aborted read ends at once with the reason of the signal, and the next file is still answered', async () => {
  await using thread = openParsingThread({ timeoutMs: 3000, worker: unruly });
  const controller = new AbortController();
  const reason = new Error('unplugged');
  const read = thread.read(request('hang'), controller.signal);
  const queued = thread.read(request('queued'), controller.signal);
  controller.abort(reason);
  await expect(read).rejects.toBe(reason);
  await expect(queued).rejects.toBe(reason);
  expect(await thread.read(request('after'), never)).toEqual({ make: 'after' });
});

test('Closing while a file is being parsed fails that read instead of answering "no metadata"', async () => {
  const thread = openParsingThread({ timeoutMs: 60_000, worker: unruly });
  await thread.read(request('started'), never);
  const read = expect(thread.read(request('hang'), never)).rejects.toThrow('closed');
  await new Promise(setImmediate); // Let its turn begin.
  await thread[Symbol.asyncDispose]();
  await read;
  await expect(thread.read(request('late'), never)).rejects.toThrow('closed');
});
