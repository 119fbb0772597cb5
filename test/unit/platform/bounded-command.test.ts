// A program that never answers must cost one process, not one more each minute, and must never hold this one.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { BoundedCommands, runCommand } from '../../../src/platform/bounded-command.ts';
import { projectRoot, temporaryFolder } from '../../support/keepsake.ts';
import { patience } from '../../support/patience.ts';

const never = new AbortController().signal;
const sh = (script: string, ...args: string[]) => ({ command: '/bin/sh', args: ['-c', script, 'sh', ...args] });

test('An answer comes with its exit code, from a clean environment, in the root folder', async () => {
  const answer = await runCommand('/bin/sh', ['-c', 'pwd; echo "$LC_ALL"; exit 3']);
  expect(answer).toMatchObject({ exitCode: 3, stdout: Buffer.from('/\nC\n') });
  expect(await runCommand('/no/such/program', [])).toMatchObject({ exitCode: 127 });
});

test('An answer without end is cut off', async () => {
  expect(await runCommand('/bin/sh', ['-c', 'exec cat /dev/zero'])).toMatchObject({ exitCode: -1 });
});

test('What is stuck is not asked again until it has come loose', async () => {
  using scratch = temporaryFolder();
  const pipe = join(scratch.path, 'pipe');
  const held = join(scratch.path, 'held');
  execFileSync('mkfifo', [pipe, held]);
  const commands = new BoundedCommands(3000); // long enough for a busy machine to start the question, and for it to leave its group
  // It leaves its group, so the kill does not reach it, as one does not reach what hangs in the kernel.
  const question = sh('echo x >>"$2.count"; exec setsid sh -c "read -r _ <$1"', pipe, held);
  expect(await commands.run('a', question, never)).toBe('stuck');
  expect(await commands.run('a', question, never)).toBe('stuck');
  expect(execFileSync('sh', ['-c', `wc -l <${held}.count`], { encoding: 'utf8' }).trim(), 'started once').toBe('1');
  expect(await commands.run('b', sh('echo other'), never), 'others are asked').toMatchObject({ exitCode: 0 });
  execFileSync('sh', ['-c', `echo >${pipe}`]);
  await expect
    .poll(() => commands.run('a', sh('echo back'), never), patience)
    .toMatchObject({ stdout: Buffer.from('back\n') });
});

test('Two who ask at once share one answer, and one who gives up does not take it from the other', async () => {
  using scratch = temporaryFolder();
  const count = join(scratch.path, 'count');
  const commands = new BoundedCommands();
  const stop = new AbortController();
  const first = commands.run('a', sh('echo x >>"$1"; cat "$1"', count), stop.signal);
  const second = commands.run('a', sh('echo x >>"$1"; cat "$1"', count), never);
  stop.abort(new Error('gave up'));
  await expect(first).rejects.toThrow('gave up');
  expect(await second).toMatchObject({ stdout: Buffer.from('x\n') });
});

test('A program that gave up waiting does not stay for the answer', async () => {
  using scratch = temporaryFolder();
  const pipe = join(scratch.path, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const module = pathToFileURL(join(projectRoot, 'src/platform/bounded-command.ts')).href;
  const script = `
    import { BoundedCommands } from ${JSON.stringify(module)};
    const stop = new AbortController();
    const asked = new BoundedCommands(600_000).run('a', { command: 'cat', args: [${JSON.stringify(pipe)}] }, stop.signal);
    stop.abort(new Error('gave up'));
    await asked.catch((error) => console.log(error.message));`;
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
    timeout: patience.timeout, // one that stays ends here, with an error
  });
  expect(output).toBe('gave up\n');
  execFileSync('sh', ['-c', ': >"$1"', 'sh', pipe]); // lets the other one end
});
