// The child that reads is not believed, not waited for and not left behind. Children that lie, hang and die are small modules here.

import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openPhotosDatabase } from '../../../../src/sources/photos-database/photos-database.ts';
import { patience } from '../../../support/patience.ts';
import { makePrivateFolder, type PrivateCopy, type ReadAllOptions, readAll } from './private-copy.ts';

const unreadable = expect.objectContaining({ code: 'PHOTOS_LIST_UNREADABLE' });
const asset = {
  ...{ uuid: 'A-1', kind: 'photo', origin: 'own', original: 'here', albums: ['Garden'] },
  ...{ isHidden: false, isFavorite: false, isShown: true, isEdited: false },
};

function writeReader(copy: PrivateCopy, code: string): string {
  const path = join(copy.folder, 'reader.mjs');
  writeFileSync(
    path,
    `const say = (message) => process.stdout.write(typeof message === 'string' ? message : JSON.stringify(message) + '\\n');
     const asset = ${JSON.stringify(asset)};
     ${code}`,
  );
  return path;
}

async function readWith(code: string, options: ReadAllOptions = {}) {
  using copy = makePrivateFolder();
  return await readAll(copy.path, { ...options, readerMain: writeReader(copy, code) });
}

/** A child's number comes to us as the one number that it may tell. */
const tellNumber = 'say({ facts: { modelVersion: process.pid } });';

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('A child that keeps to the rules is believed', async () => {
  const read = await readWith(
    'say({ facts: {} }); say({ assets: [asset] }); say({ assets: [] }); say({ end: { assets: 1 } });',
  );
  expect(read).toEqual({ facts: {}, assets: [asset] });
});

// Without this, bytes of a stranger could reach the agent through a child that they have taken over.
test.for([
  ['nothing', ''],
  ['no JSON', "say('facts\\n')"],
  ['JSON of another kind', "say('null\\n')"],
  ['brackets without end', "say('['.repeat(200000) + '\\n')"],
  ['two messages in one', 'say({ facts: {}, end: { assets: 0 } })'],
  ['facts that nobody asked for', 'say({ facts: { path: "/etc" } })'],
  ['a version that is none', 'say({ facts: { modelVersion: "1" } })'],
  ['assets before the facts', 'say({ assets: [asset] })'],
  ['an asset with one field more', 'say({ facts: {} }); say({ assets: [{ ...asset, path: "/etc" }] })'],
  ['an asset with a field of an object', 'say({ facts: {} }); say({ assets: [{ ...asset, toString: 1 }] })'],
  ['an asset with a field less', 'say({ facts: {} }); say({ assets: [{ ...asset, albums: undefined }] })'],
  ['a name with a path', 'say({ facts: {} }); say({ assets: [{ ...asset, name: "../x" }] })'],
  ['a text that is too long', 'say({ facts: {} }); say({ assets: [{ ...asset, caption: "x".repeat(9000) }] })'],
  ['too many albums', 'say({ facts: {} }); say({ assets: [{ ...asset, albums: Array(51).fill("x") }] })'],
  ['too many assets at a time', 'say({ facts: {} }); say({ assets: Array(257).fill(asset) })'],
  ['a date that is no number', 'say({ facts: {} }); say({ assets: [{ ...asset, takenAtMs: 1e300 }] })'],
  ['no end', 'say({ facts: {} }); say({ assets: [asset] })'],
  ['another number of assets at the end', 'say({ facts: {} }); say({ assets: [asset] }); say({ end: { assets: 2 } })'],
  ['the end without its line', 'say({ facts: {} }); say(\'{"end":{"assets":0}}\')'],
  ['facts twice', 'say({ facts: {} }); say({ facts: {} })'],
  [
    'a line without end',
    'say({ facts: {} }); for (;;) if (!say("x".repeat(65536))) await new Promise((go) => process.stdout.once("drain", go))',
  ],
  ['that it failed', 'say({ failed: "x" })'],
  ['complaints without end', 'process.stderr.write("x".repeat(5e6), () => process.exit(1))'],
  ['that it died', 'process.abort()'],
] as const)('A child that says %s is not believed', async ([, code]) => {
  await expect(readWith(code)).rejects.toEqual(unreadable);
});

test('What a child complained of is in the cause, and only the beginning', async () => {
  const error = await readWith('process.stderr.write("what is wrong".padEnd(1e6), () => process.exit(3))').catch(
    (it) => it,
  );
  expect(error.cause.message).toMatch(/exit code 3: what is wrong/);
  expect(error.cause.message.length).toBeLessThan(5000);
  expect(`${error.message} ${error.remedy}`).not.toMatch(/what is wrong/);
});

test('A child may not read other files, start programs, or see our environment', async () => {
  const { facts } = await readWith(`
    const { readFileSync } = await import('node:fs');
    const { execFileSync } = await import('node:child_process');
    const denied = [() => readFileSync('/etc/passwd'), () => execFileSync('true')].filter((attempt) => {
      try { attempt(); return false } catch (error) { return error.code === 'ERR_ACCESS_DENIED' }
    });
    const isClean = process.env.HOME === undefined && process.env.PATH === undefined;
    say({ facts: { modelVersion: 1 + denied.length + (isClean ? 10 : 0) } }); say({ end: { assets: 0 } });`);
  expect(facts.modelVersion).toBe(13);
});

// Without these, one hostile database would occupy a processor for ever.
test('A child that hangs is ended when its time is up', async () => {
  await expect(readWith('for (;;);', { timeoutMs: 300 })).rejects.toEqual(unreadable);
  await expect(readWith('say({ facts: {} }); setTimeout(() => { for (;;); }, 50)', { timeoutMs: 300 })).rejects.toEqual(
    unreadable,
  );
});

test('The signal ends the child, whatever it does, and is what the caller hears', async () => {
  using copy = makePrivateFolder();
  const reason = new Error('unplugged');
  const readerMain = writeReader(copy, `${tellNumber} for (;;);`);
  const controller = new AbortController();
  await using database = await openPhotosDatabase({ path: copy.path, signal: controller.signal, readerMain });
  const pid = database.facts.modelVersion ?? 0;
  const reading = database.assets()[Symbol.asyncIterator]().next();
  expect(isRunning(pid)).toBe(true);
  controller.abort(reason);
  await expect(reading).rejects.toBe(reason);
  await expect.poll(() => isRunning(pid), patience).toBe(false);

  const hanging = writeReader(copy, 'for (;;);');
  const second = new AbortController();
  const opening = openPhotosDatabase({ path: copy.path, signal: second.signal, readerMain: hanging });
  second.abort(reason);
  await expect(opening).rejects.toBe(reason);
  await expect(openPhotosDatabase({ path: copy.path, signal: second.signal })).rejects.toBe(reason);
});

test('Closing early leaves no process, also between two batches', async () => {
  using copy = makePrivateFolder();
  const readerMain = writeReader(copy, `${tellNumber} say({ assets: [asset] }); for (;;);`);
  const signal = new AbortController().signal;
  const pids: number[] = [];
  {
    await using database = await openPhotosDatabase({ path: copy.path, signal, readerMain });
    pids.push(database.facts.modelVersion ?? 0);
  }
  {
    await using database = await openPhotosDatabase({ path: copy.path, signal, readerMain });
    pids.push(database.facts.modelVersion ?? 0);
    for await (const batch of database.assets()) {
      expect(batch).toEqual([asset]);
      break;
    }
    expect(() => database.assets()).toThrow('already');
  }
  expect(pids.map(isRunning)).toEqual([false, false]);
});

// Without this, a library of hundreds of thousands would be in memory while the caller is busy with the first.
test('A child waits for a caller that is busy', async () => {
  using copy = makePrivateFolder();
  const readerMain = writeReader(
    copy,
    `const { appendFileSync } = await import('node:fs');
     say({ facts: {} });
     for (let batch = 0; batch < 2000; batch += 1) {
       if (!say({ assets: Array(200).fill(asset) })) await new Promise((go) => process.stdout.once('drain', go));
       appendFileSync(${JSON.stringify(join(copy.folder, 'said'))}, 'x');
     }
     say({ end: { assets: 400000 } });`,
  );
  const saidCount = () => statSync(join(copy.folder, 'said'), { throwIfNoEntry: false })?.size ?? 0;
  let before = 0;
  const isSilent = () => {
    const now = saidCount();
    const isStill = now > 0 && now === before;
    before = now;
    return isStill;
  };
  await using database = await openPhotosDatabase({
    path: copy.path,
    signal: new AbortController().signal,
    readerMain,
  });
  let count = 0;
  for await (const batch of database.assets()) {
    if (count === 0) {
      await expect.poll(isSilent, { ...patience, interval: 100 }).toBe(true);
      expect(before).toBeLessThan(50);
    }
    count += batch.length;
  }
  expect(count).toBe(400_000);
});
