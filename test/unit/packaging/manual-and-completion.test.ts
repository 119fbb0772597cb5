// A manual that names an option of last year, or a shell that offers a command that is gone, is worse than none.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { renderBash, renderFish, renderZsh } from '../../../packaging/share/completions.ts';
import { renderManPage } from '../../../packaging/share/man-page.ts';
import { type HelpPage, optionName, readHelp, runnable } from '../../../packaging/share/program-help.ts';
import { keepsake, temporaryFolder } from '../../support/keepsake.ts';
import { needPrograms } from '../../support/requirements.ts';

const run = promisify(execFile);
let program: HelpPage;
beforeAll(async () => {
  program = await readHelp();
});

/** The words that the program itself says one can type there. */
async function offered(...path: readonly string[]): Promise<string> {
  using home = temporaryFolder();
  return (await keepsake([...path, '--help'], { home: home.path })).stdout;
}

test('Every command that --help names is known, and every option of it', async () => {
  const named = [...(await offered()).matchAll(/^ {2}([a-z][a-z-]*)/gm)].map(([, name]) => name);
  expect([...program.commands.map(({ path }) => path[0]), 'help']).toEqual(named);
  for (const page of runnable(program)) {
    const help = await offered(...page.path);
    const options = [...help.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map(([, name]) => name);
    expect([page.path, ...page.options.map(optionName), '--help']).toEqual([page.path, ...options]);
    expect(help.replaceAll(/\s+/g, ' ')).toContain(page.about);
  }
});

test('The manual describes every command and option, and man has nothing to say against it', async (context) => {
  needPrograms(context, 'man');
  using scratch = temporaryFolder();
  const text = renderManPage(program, { version: '1.2.3', date: '2026-01-02' });
  const path = `${scratch.path}/keepsake.1`;
  await run('sh', ['-c', 'printf %s "$1" > "$2"', 'sh', text, path]);
  const { stdout, stderr } = await run('man', ['--warnings', '--local-file', path], {
    env: { ...process.env, MANWIDTH: '500', LC_ALL: 'C.UTF-8', MAN_KEEP_FORMATTING: '' },
  });
  expect(stderr).toBe('');
  for (const page of runnable(program)) {
    expect(stdout).toMatch(new RegExp(`^ +${page.path.join(' ')}( |$)`, 'm'));
    for (const option of page.options) expect(stdout, page.path.join(' ')).toContain(option.term);
  }
});

/** What bash offers for a line that ends where the cursor is. */
async function bash(line: string): Promise<readonly string[]> {
  const script = `
    compopt() { :; } # only bash itself may call it, while it completes
    ${renderBash(program)}
    read -r -a COMP_WORDS <<< "$1"
    [[ "$1" == *' ' ]] && COMP_WORDS+=('')
    COMP_CWORD=$(( \${#COMP_WORDS[@]} - 1 ))
    _keepsake
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = await run('bash', ['--norc', '-c', script, 'bash', line], { cwd: '/' });
  expect(stderr).toBe('');
  return stdout.trim().split('\n');
}

test('bash completes commands, their commands, options, choices and files', async (context) => {
  needPrograms(context, 'bash');
  expect(await bash('keepsake ')).toEqual([...program.commands.map(({ path }) => path[0]), '--help']);
  expect(await bash('keepsake resu')).toEqual(['resume']);
  expect(await bash('keepsake drives ')).toEqual(['add', 'list', 'forget', 'eject', '--help']);
  expect(await bash('keepsake drives add --else')).toEqual(['--elsewhere']);
  expect(await bash('keepsake enroll phone --hidden ')).toEqual(['save', 'leave']);
  expect(await bash('keepsake backup /et')).toEqual(['/etc']);
  expect(await bash('keepsake restore --all --to /et')).toEqual(['/etc']);
});

test('What zsh and fish read names every command and option', () => {
  const [zsh, fish] = [renderZsh(program), renderFish(program)];
  for (const page of runnable(program)) {
    const name = page.path.at(-1) ?? '';
    expect(zsh).toContain(`        ${name}) _arguments `);
    expect(fish).toContain(` -a ${name} -d `);
    for (const option of page.options) {
      expect(zsh).toContain(`'${optionName(option)}[`);
      expect(fish).toContain(` -l ${optionName(option).slice(2)}`);
    }
  }
});
