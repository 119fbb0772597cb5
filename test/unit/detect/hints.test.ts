// A helper program that outlives the agent runs until the machine is switched off, one more for each restart; one that is not
// started again leaves cards unnoticed for a minute, and one that is started again and again burns the battery.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { folderHints, type HintSource, mountHints } from '../../../src/detect/hints.ts';
import type { AbsolutePath } from '../../../src/domain/ids.ts';
import { temporaryFolder } from '../../support/keepsake.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { patience } from '../../support/patience.ts';

const log = pino({ level: 'silent' });

/** Listens until the scope ends. */
function listenTo(source: HintSource) {
  const stop = new AbortController();
  let count = 0;
  let wake: () => void = () => undefined;
  const ended = source.listen(() => {
    count += 1;
    wake();
  }, stop.signal);
  return {
    stop,
    ended,
    /** A hint that comes after this call. */
    next: () => new Promise<void>((resolve) => (wake = resolve)),
    count: () => count,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await ended;
    },
  };
}

/** A program of the test's own in findmnt's place. */
function program(folder: string, script: string): string {
  const path = join(folder, 'findmnt');
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

test('Each line of findmnt is a hint, and an abort ends it', async () => {
  using scratch = temporaryFolder();
  execFileSync('mkfifo', [join(scratch.path, 'news')]);
  const findmnt = program(scratch.path, `echo $$ >${scratch.path}/pid; exec cat ${scratch.path}/news`);
  const heard = listenTo(mountHints({ log, platform: 'linux', findmnt }));
  for (const line of ['mount', 'umount']) {
    const hint = heard.next();
    // The pipe is held open between the lines: its end would be findmnt's.
    if (line === 'mount')
      execFileSync('sh', [
        '-c',
        `(exec 3>${scratch.path}/news; echo mount >&3; exec sleep 600) >/dev/null 2>&1 & echo $! >${scratch.path}/holder`,
      ]);
    else writeFileSync(join(scratch.path, 'news'), 'umount\n');
    await hint;
  }
  const pid = Number(readFileSync(join(scratch.path, 'pid'), 'utf8'));
  expect(existsSync(`/proc/${pid}`)).toBe(true);
  await heard[Symbol.asyncDispose]();
  expect(existsSync(`/proc/${pid}`), 'ended with the listener').toBe(false);
  process.kill(Number(readFileSync(join(scratch.path, 'holder'), 'utf8')));
});

test('findmnt that ends is started again, later and later; its end is a hint, since something may have been missed', async () => {
  using scratch = temporaryFolder();
  const findmnt = program(scratch.path, `echo x >>${scratch.path}/starts; exit 1`);
  const starts = () => readFileSync(join(scratch.path, 'starts'), 'utf8').length / 2;
  const clock = new ManualClock();
  await using heard = listenTo(mountHints({ log, clock, platform: 'linux', findmnt }));
  await clock.resting();
  expect([starts(), heard.count()]).toEqual([1, 1]);
  await clock.advance(999);
  expect(starts()).toBe(1);
  await clock.advance(1);
  await clock.resting();
  expect([starts(), heard.count()]).toEqual([2, 2]);
  await clock.advance(24 * 3_600_000);
  await clock.resting();
  expect(starts(), 'no more than every ten minutes in the end').toBeLessThanOrEqual(2 + 10 + 144);
});

test('Without findmnt there are no hints and no further tries, and the end is as prompt', async () => {
  const clock = new ManualClock();
  const heard = listenTo(mountHints({ log, clock, platform: 'linux', findmnt: '/no/such/findmnt' }));
  heard.stop.abort();
  await heard.ended;
  expect(heard.count()).toBe(0);
});

test('A system without either has no hints at all', async () => {
  await using heard = listenTo(mountHints({ log, platform: 'win32' }));
  expect(heard.count()).toBe(0);
});

test('An abort before the first moment starts nothing that stays', async () => {
  const stop = AbortSignal.abort(new Error('no'));
  await mountHints({ log, platform: 'linux' }).listen(() => undefined, stop);
  await folderHints(['/no/such/folder' as AbsolutePath]).listen(() => undefined, stop);
});

/** Changes the folder until a hint comes: the watcher is ready at some moment, and tells nobody when. */
async function hintFor(heard: ReturnType<typeof listenTo>, change: () => void): Promise<void> {
  const before = heard.count();
  await expect
    .poll(() => {
      change();
      return heard.count();
    }, patience)
    .toBeGreaterThan(before);
}

test('A new photo in a watched folder is a hint', async () => {
  using scratch = temporaryFolder();
  await using heard = listenTo(folderHints([scratch.path as AbsolutePath]));
  let count = 0;
  await hintFor(heard, () => writeFileSync(join(scratch.path, `IMG_${count++}.JPG`), 'x'));
});

test('A watched folder that does not exist yet, goes, and comes back is watched again each time', async () => {
  using scratch = temporaryFolder();
  const folder = join(scratch.path, 'Camera Uploads');
  await using heard = listenTo(folderHints([folder as AbsolutePath]));
  for (let round = 0; round < 3; round += 1) {
    await hintFor(heard, () => {
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder);
    });
    let count = 0;
    // Several: one might be the late news of the folder itself.
    for (let more = 0; more < 8; more += 1) {
      await hintFor(heard, () => writeFileSync(join(folder, `${count++}`), 'x'));
    }
    await hintFor(heard, () => {
      writeFileSync(join(folder, `${count++}`), 'x');
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder);
    });
    rmSync(folder, { recursive: true });
  }
});
