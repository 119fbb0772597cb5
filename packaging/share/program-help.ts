// The commands and options of `keepsake`, read from what it answers to --help, so that its manual and what shells complete cannot
// say anything else than the program itself. Hidden commands are not among them.

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCli } from '../../src/cli/run.ts';

export interface Described {
  /** As --help shows it: `--library <DIR>`, `SOURCE`. */
  readonly term: string;
  readonly text: string;
}

export interface HelpPage {
  /** `['drives', 'add']`; empty for the program itself. */
  readonly path: readonly string[];
  /** What follows the name: `[options] <PATH>`. */
  readonly usage: string;
  readonly about: string;
  readonly arguments: readonly Described[];
  /** Without --help, which all have. */
  readonly options: readonly Described[];
  readonly commands: readonly HelpPage[];
}

/** @throws Error if --help is not built as expected: a newer commander, say */
export async function readHelp(path: readonly string[] = []): Promise<HelpPage> {
  const { about, usage, sections } = parseHelp(await askForHelp(path));
  const names = (sections.get('Commands') ?? []).map(({ term }) => term.split(' ')[0] ?? '');
  const commands: HelpPage[] = [];
  for (const name of names) {
    if (name !== 'help') commands.push(await readHelp([...path, name]));
  }
  return {
    ...{ path, about, commands },
    usage: usage.slice(['keepsake', ...path].join(' ').length).trim(),
    arguments: sections.get('Arguments') ?? [],
    options: (sections.get('Options') ?? []).filter(({ term }) => term !== '-h, --help'),
  };
}

/** All pages that describe something one can run, in the order of --help. */
export function runnable(page: HelpPage): readonly HelpPage[] {
  return page.commands.flatMap((each) => (each.commands.length === 0 ? [each] : runnable(each)));
}

/** `--library` of `--library <DIR>`. */
export function optionName({ term }: Described): string {
  return /--[\w-]+/.exec(term)?.[0] ?? term;
}

/** `DIR` of `--library <DIR>`; undefined: it takes none. */
export function optionValue({ term }: Described): string | undefined {
  return /[<[]([\w.]+)[>\]]/.exec(term)?.[1];
}

/** What its value may be, if only one of a few. */
export function optionChoices({ text }: Described): readonly string[] {
  const choices = /\(choices: ([^)]*)\)/.exec(text)?.[1] ?? '';
  return [...choices.matchAll(/"([^"]+)"/g)].map(([, choice]) => choice ?? '');
}

async function askForHelp(path: readonly string[]): Promise<string> {
  let said = '';
  const exitCode = await runCli({
    args: [...path, '--help'],
    // A home that is not there: nothing of whoever builds this may be seen in it, no agent be asked.
    environment: { KEEPSAKE_HOME: join(tmpdir(), 'keepsake-no-home', `${process.pid}`) },
    stdout: { write: (text) => (said += text) },
    stderr: { write: (text) => (said += text) },
    signal: new AbortController().signal,
  });
  if (exitCode !== 0) throw new Error(`keepsake ${path.join(' ')} --help ended with ${exitCode}: ${said}`);
  return said;
}

/** Reads what commander writes: paragraphs, and sections of indented terms, each followed by a text that goes on below itself. */
function parseHelp(help: string): {
  readonly usage: string;
  readonly about: string;
  readonly sections: ReadonlyMap<string, Described[]>;
} {
  const [first = '', ...paragraphs] = help.trimEnd().split(/\n\n+/);
  if (!first.startsWith('Usage: ')) throw new Error(`This is not how --help begins:\n${help}`);
  const sections = new Map<string, Described[]>();
  let about = '';
  for (const paragraph of paragraphs) {
    const [title = '', ...lines] = paragraph.split('\n');
    if (/^\w+:$/.test(title)) sections.set(title.slice(0, -1), parseTerms(lines));
    else about = [about, title, ...lines].filter((line) => line !== '').join(' ');
  }
  return { usage: oneLine(first.slice('Usage: '.length)), about, sections };
}

function parseTerms(lines: readonly string[]): Described[] {
  const found: { term: string; text: string }[] = [];
  for (const line of lines) {
    const begins = /^ {2}(\S+(?: \S+)*)(?: {2,}(.*))?$/.exec(line);
    const last = found.at(-1);
    if (begins !== null) found.push({ term: begins[1] ?? '', text: begins[2] ?? '' });
    else if (last !== undefined) last.text = oneLine(`${last.text} ${line}`);
  }
  return found;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}
