// What Node.js keeps compiled is run the next time, unseen. Kept where somebody else can write, it is their code; kept in an install
// of the system, it is never kept at all, or is left behind when the package goes.
import { execFile } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { projectRoot, temporaryFolder } from '../../support/keepsake.ts';
import { needLinux, needRoot } from '../../support/requirements.ts';

/** The launcher in an install of its own; `where` runs a script with it that says where compiled code is kept. */
function installed(): Disposable & {
  readonly install: string;
  readonly home: string;
  where(environment?: Readonly<Record<string, string>>): Promise<string>;
} {
  const scratch = temporaryFolder();
  const [install, home] = [join(scratch.path, 'install'), join(scratch.path, 'home')];
  for (const folder of [join(install, 'bin'), join(install, 'node_modules'), home])
    mkdirSync(folder, { recursive: true });
  copyFileSync(join(projectRoot, 'bin/with-node.js'), join(install, 'bin/with-node.js'));
  writeFileSync(join(install, 'package.json'), '{"type":"module"}');
  const runtime = dirname(dirname(process.execPath));
  symlinkSync(runtime, join(install, 'node_modules', basename(runtime)));
  writeFileSync(
    join(install, 'where.js'),
    "import { getCompileCacheDir } from 'node:module'; process.stdout.write(String(getCompileCacheDir()));",
  );
  const where = async (environment: Readonly<Record<string, string>> = {}) => {
    const args = [join(install, 'bin/with-node.js'), join(install, 'where.js')];
    const { stdout } = await promisify(execFile)(process.execPath, args, { env: { HOME: home, ...environment } });
    return stdout;
  };
  return { install, home, where, [Symbol.dispose]: () => scratch[Symbol.dispose]() };
}

test('What is installed keeps compiled code with the person who runs it, for nobody else to write to', async (context) => {
  needLinux(context, 'where caches are kept is known of it');
  using at = installed();
  expect(dirname(await at.where())).toBe(join(at.home, '.cache/keepsake/compile'));
  expect(statSync(join(at.home, '.cache/keepsake')).mode & 0o777).toBe(0o700);
  expect(existsSync(join(at.install, 'node_modules/.cache'))).toBe(false);
});

test('It goes where that person keeps caches, if that is an absolute path', async (context) => {
  needLinux(context, 'where caches are kept is known of it');
  using at = installed();
  const elsewhere = join(at.home, 'elsewhere');
  expect(dirname(await at.where({ XDG_CACHE_HOME: elsewhere }))).toBe(join(elsewhere, 'keepsake/compile'));
  expect(dirname(await at.where({ XDG_CACHE_HOME: 'elsewhere' }))).toBe(join(at.home, '.cache/keepsake/compile'));
});

test('A checkout keeps it inside itself', async () => {
  using at = installed();
  mkdirSync(join(at.install, 'src'));
  expect(dirname(await at.where())).toBe(join(at.install, 'node_modules/.cache/compile'));
});

test('Nothing is kept in a folder that others can write to', async (context) => {
  needLinux(context, 'where caches are kept is known of it');
  using at = installed();
  const cache = join(at.home, '.cache/keepsake');
  mkdirSync(cache, { recursive: true });
  chmodSync(cache, 0o777);
  expect(await at.where()).toBe('undefined');
});

test("Run by an administrator in an owner's home, it leaves nothing there", async (context) => {
  needRoot(context);
  needLinux(context, 'where caches are kept is known of it');
  using at = installed();
  chownSync(at.home, 65_534, 65_534);
  expect(await at.where()).toBe('undefined');
  expect(existsSync(join(at.home, '.cache'))).toBe(false);
});

test('A home that cannot be made is no reason not to start', async (context) => {
  needLinux(context, 'where caches are kept is known of it');
  using at = installed();
  expect(await at.where({ HOME: '/proc/nowhere' })).toBe('undefined');
});
