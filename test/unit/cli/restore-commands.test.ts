// Without these, the command could ask for something else than was typed, or call a restore done that was not.

import { Command } from 'commander';
import { expect, test } from 'vitest';
import type { RestoreResult, RestoreWish } from '../../../src/agent/restore.ts';
import { addRestoreCommands, describeRestore, exitCodeOfRestore } from '../../../src/cli/restore-commands.ts';
import type { AbsolutePath } from '../../../src/domain/ids.ts';

const done: RestoreResult = {
  ...{ restored: 12, already: 0, failed: 0, unproven: 0, perhapsFromMemory: 0, renamed: 0, bytes: 3_000_000 },
  ...{ failures: [], unprovenPaths: [], from: '/drive' as AbsolutePath, to: '/back' as AbsolutePath },
};
const failure = {
  path: 'a.JPG',
  code: 'FILE_CORRUPT',
  message: '"a.JPG" is not as it was saved.',
  remedy: 'Try another.',
};

async function run(
  ...args: readonly string[]
): Promise<{ wish?: RestoreWish; stdout: string; exitCode: number | undefined }> {
  const seen: { wish?: RestoreWish; stdout: string; exitCode: number | undefined } = {
    stdout: '',
    exitCode: undefined,
  };
  const program = new Command('keepsake').exitOverride().configureOutput({ writeErr: () => undefined });
  const options = {
    ...{ args, environment: {}, signal: new AbortController().signal },
    stdout: { write: (text: string) => (seen.stdout += text) },
    stderr: { write: () => undefined },
  };
  const restore = async (wish: RestoreWish) => {
    seen.wish = wish;
    return { ...done, failed: 1, failures: [failure] };
  };
  addRestoreCommands(program, options, { keepsake: { restore }, onExit: (code) => (seen.exitCode = code) });
  await program.parseAsync([...args], { from: 'user' });
  return seen;
}

test('What is typed is what is asked for', async () => {
  expect((await run('restore', '--all', '--to', 'back', '--from', '/mnt/blue')).wish).toMatchObject({
    ...{ queries: [], all: true, to: 'back', from: '/mnt/blue', forApplePhotos: false, dryRun: false },
  });
  const some = await run('restore', '2024-07', 'Mum', '--to', 'back', '--for-apple-photos', '--dry-run', '--json');
  expect(some.wish).toMatchObject({ queries: ['2024-07', 'Mum'], all: false, forApplePhotos: true, dryRun: true });
  expect(some.wish?.from).toBeUndefined();
  expect(JSON.parse(some.stdout)).toMatchObject({ restored: 12, failed: 1, failures: [failure] });
  expect(some.exitCode).toBe(2);
  await expect(run('restore', '--all')).rejects.toThrow(/--to/);
});

test('The exit code tells done, something missing, stopped midway and interrupted apart', () => {
  expect(exitCodeOfRestore(done)).toBe(0);
  expect(exitCodeOfRestore({ ...done, unproven: 3 })).toBe(0);
  expect(exitCodeOfRestore({ ...done, failed: 1 })).toBe(2);
  for (const [code, expected] of [
    ['RESTORE_FULL', 4],
    ['DRIVE_GONE', 4],
    ['INTERRUPTED', 130],
  ] as const)
    expect(exitCodeOfRestore({ ...done, failed: 1, stopped: { ...failure, code } })).toBe(expected);
});

test('The words claim no more than was proven', () => {
  expect(describeRestore(done)).toBe(
    '12 files (3.0 MB) were put into /back.\n  12 files were read back and were what was saved.\n',
  );
  const doubtful = { ...done, unproven: 12, unprovenPaths: ['x.txt'], perhapsFromMemory: 12, already: 1 };
  expect(describeRestore(doubtful)).not.toMatch(/what was saved/);
  expect(describeRestore(doubtful)).toMatch(/Of 12 files nobody noted what they should hold:\n {4}x\.txt/);
  expect(describeRestore({ ...done, perhapsFromMemory: 2 })).toMatch(/2 of them perhaps from this computer's memory/);
  const bad = describeRestore({
    ...done,
    failed: 1,
    failures: [failure],
    stopped: { ...failure, message: 'It is full.' },
  });
  expect(bad).toMatch(/1 file could NOT be given back:\n {4}a\.JPG/);
  expect(bad).toMatch(/It is full\./);
  expect(describeRestore({ ...done, dryRun: true })).toBe('12 files (3.0 MB) would be put into /back.\n');
});
