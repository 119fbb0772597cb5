// What npm runs before it packs (`prepack`): makes dist/ anew, the program for where Node.js strips no types, and with it the
// manual and what shells complete. Nothing of an older build stays.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { completionFiles, renderBash, renderFish, renderZsh } from '../share/completions.ts';
import { renderManPage } from '../share/man-page.ts';
import { readHelp } from '../share/program-help.ts';

const project = resolve(import.meta.dirname, '../..');
const dist = join(project, 'dist');

rmSync(dist, { recursive: true, force: true });
const compiler = join(project, 'node_modules/typescript/bin/tsc');
execFileSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], { cwd: project, stdio: 'inherit' });
const { version }: { version: string } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'));
const program = await readHelp();
write('share/man/man1/keepsake.1', renderManPage(program, { version, date: releaseDate() }));
write(`share/completions/${completionFiles.bash}`, renderBash(program));
write(`share/completions/${completionFiles.zsh}`, renderZsh(program));
write(`share/completions/${completionFiles.fish}`, renderFish(program));

function write(name: string, text: string): void {
  const path = join(dist, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** The same for the same sources (reproducible-builds.org, SOURCE_DATE_EPOCH); else today. */
function releaseDate(): string {
  const seconds = process.env['SOURCE_DATE_EPOCH'];
  const at = seconds === undefined ? new Date() : new Date(Number(seconds) * 1000);
  return at.toISOString().slice(0, 10);
}
