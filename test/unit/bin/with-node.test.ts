// Everything is started through this: an exit code that gets lost says "saved" of a backup that failed, and a signal that is
// not passed on leaves a writer running.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { finished, projectRoot, temporaryFolder } from '../../support/keepsake.ts';

const launcher = join(projectRoot, 'bin/with-node.js');
/** Some Node.js that is not the pinned one, as an owner has it; the pinned one where there is no other. */
const otherNodes = ['/usr/bin/node', '/usr/local/bin/node', '/opt/homebrew/bin/node'].filter((path) =>
  existsSync(path),
);
const starters = [...new Set([process.execPath, ...otherNodes])];

function launch(
  node: string,
  args: readonly string[],
  change: { readonly launcher?: string; readonly cwd?: string } = {},
) {
  return spawn(node, [change.launcher ?? launcher, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: change.cwd ?? projectRoot,
  });
}

/** A folder with a script in it, whose name is as awkward as folders get. */
function scripted(code: string): Disposable & { readonly folder: string; readonly script: string } {
  const scratch = temporaryFolder();
  const folder = join(scratch.path, 'a b#c%20d?e');
  mkdirSync(folder);
  const script = join(folder, 'script.mjs');
  writeFileSync(script, code);
  return { folder, script, [Symbol.dispose]: () => scratch[Symbol.dispose]() };
}

for (const node of starters) {
  test(`Started by ${node}, a script runs on the pinned version, with its arguments as they were`, async () => {
    using at = scripted(`console.log(JSON.stringify([process.versions.node, ...process.argv.slice(1)]))`);
    const args = ['with blank', '', '--flag=ü', '$(x) "y"', '*'];
    const { exitCode, stdout, stderr } = await finished(launch(node, [at.script, ...args]));
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toEqual(['26.10.0', at.script, ...args]);
  });

  test(`Started by ${node}, it ends with the code the script ends with`, async () => {
    using at = scripted('process.exitCode = Number(process.argv[2])');
    for (const code of [0, 2, 130])
      expect((await finished(launch(node, [at.script, String(code)]))).exitCode).toBe(code);
    using thrower = scripted('throw new Error("broken")');
    const failed = await finished(launch(node, [thrower.script]));
    expect([failed.exitCode, failed.stderr.includes('broken')]).toEqual([1, true]);
  });

  test(`Started by ${node}, a signal reaches the script, which may end as it likes`, async () => {
    using at = scripted(
      `process.on('SIGTERM', () => { console.log('heard'); process.exit(42); }); setInterval(() => 0, 1000); console.log('ready');`,
    );
    const child = launch(node, [at.script]);
    const end = finished(child);
    await once(child.stdout, 'data');
    child.kill('SIGTERM');
    expect(await end).toMatchObject({ exitCode: 42, stdout: 'ready\nheard\n' });
  });

  test(`Started by ${node}, a script that a signal ended is told as ended by it`, async () => {
    using at = scripted(
      `setInterval(() => 0, 1000); console.log('ready'); process.kill(process.pid, process.argv[2]);`,
    );
    for (const signal of ['SIGTERM', 'SIGKILL'] as const)
      expect(await finished(launch(node, [at.script, signal])), signal).toMatchObject({ signal });
  });
}

test('A relative script is found from the working folder', async () => {
  using at = scripted('console.log(process.cwd())');
  const { exitCode, stdout } = await finished(
    launch(starters.at(-1) ?? process.execPath, ['script.mjs'], { cwd: at.folder }),
  );
  expect([exitCode, stdout.trim()]).toEqual([0, at.folder]);
});

test('Without a script it says how it is used', async () => {
  const { exitCode, stderr } = await finished(launch(process.execPath, []));
  expect([exitCode, stderr]).toEqual([70, 'usage: node bin/with-node.js SCRIPT [ARGS…]\n']);
});

test('Where the pinned version was not installed it says what to do, and runs nothing', async () => {
  using at = scripted('console.log("ran")');
  writeFileSync(join(at.folder, 'package.json'), '{"type":"module"}');
  copyFileSync(launcher, join(at.folder, 'with-node.js'));
  const { exitCode, stdout, stderr } = await finished(
    launch(process.execPath, [at.script], { launcher: join(at.folder, 'with-node.js') }),
  );
  expect([exitCode, stdout]).toEqual([70, '']);
  expect(stderr).toMatch(/not installed\.\nRun "npm ci" again in the Keepsake folder, without --omit=optional\./);
});

test('By a link, as npm installs commands, it works the same', async () => {
  using at = scripted('console.log("ran")');
  symlinkSync(launcher, join(at.folder, 'linked.js'));
  const { exitCode, stdout } = await finished(
    launch(process.execPath, [at.script], { launcher: join(at.folder, 'linked.js') }),
  );
  expect([exitCode, stdout]).toEqual([0, 'ran\n']);
});
