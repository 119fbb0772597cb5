// Two writers of one library would hand out the same names; a lock that outlives its holder would stop all saving.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { takeExclusiveLock, waitForExclusiveLock } from '../../../src/platform/exclusive-lock.ts';
import { projectRoot, temporaryFolder } from '../../support/keepsake.ts';

test('One holds it, a second does not get it, and after the first lets go it does', () => {
  using scratch = temporaryFolder();
  const path = join(scratch.path, 'lock');
  {
    using first = takeExclusiveLock(path);
    expect(first).toBeDefined();
    expect(takeExclusiveLock(path)).toBeUndefined();
    expect(takeExclusiveLock(path)).toBeUndefined();
    first?.release();
    first?.release(); // twice does no harm
    using second = takeExclusiveLock(path);
    expect(second).toBeDefined();
  }
  takeExclusiveLock(path)?.release();
  expect(statSync(path).size, 'the file itself means nothing').toBe(0);
});

test('Who waits for it gets it as soon as it is let go, and is told when it is not', async () => {
  using scratch = temporaryFolder();
  const path = join(scratch.path, 'lock');
  const first = takeExclusiveLock(path);
  expect(await waitForExclusiveLock(path, 50)).toBeUndefined();
  const waiting = waitForExclusiveLock(path, 60_000);
  first?.release();
  using second = await waiting;
  expect(second).toBeDefined();
});

test('A holder that is killed frees it', async () => {
  using scratch = temporaryFolder();
  const path = join(scratch.path, 'lock');
  const module = join(projectRoot, 'src/platform/exclusive-lock.ts');
  const script = `const { takeExclusiveLock } = await import(${JSON.stringify(module)});
    const lock = takeExclusiveLock(${JSON.stringify(path)});
    process.stdout.write(lock === undefined ? 'none' : 'held');
    setInterval(() => lock, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    cwd: projectRoot,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said] = await once(child.stdout.setEncoding('utf8'), 'data');
  expect(said).toBe('held');
  expect(takeExclusiveLock(path)).toBeUndefined();
  child.kill('SIGKILL');
  await once(child, 'exit');
  const mine = takeExclusiveLock(path);
  expect(mine).toBeDefined();
  mine?.release();
});

test('A file that is no lock, or a folder that is not there, is an error and not "free"', () => {
  using scratch = temporaryFolder();
  const path = join(scratch.path, 'lock');
  writeFileSync(path, 'not a database, but long enough to be looked at as one. '.repeat(20));
  expect(() => takeExclusiveLock(path)).toThrow();
  expect(() => takeExclusiveLock(join(scratch.path, 'none/lock'))).toThrow();
});
