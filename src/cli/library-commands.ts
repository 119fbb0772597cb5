// The commands about a photo folder as a whole: `adopt` makes what lies in it a part of it, `rebuild` makes its catalogue anew.

import type { Command } from 'commander';
import type { Keepsake } from '../agent/control.ts';
import { printable } from '../domain/printable.ts';
import { type ExitCode, exitCodeOfAdoption } from './exit-code.ts';
import { ProgressBar } from './progress-bar.ts';
import type { CliOptions } from './run.ts';
import { count, describeFailures, files, inWords, listNames, noRawDates } from './words.ts';

type AdoptResult = Awaited<ReturnType<Keepsake['adopt']>>;
type RebuildResult = Awaited<ReturnType<Keepsake['rebuild']>>;

interface AdoptFlags {
  readonly library?: string;
  readonly newLibrary?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export function addLibraryCommands(
  program: Command,
  options: CliOptions,
  { keepsake, onExit }: { readonly keepsake: Keepsake; readonly onExit: (code: ExitCode) => void },
): void {
  const show = (value: object, words: string, json: boolean | undefined) =>
    options.stdout.write(json ? `${JSON.stringify(value)}\n` : words);
  program
    .command('adopt')
    .description(
      'make the photos in a folder of your photo folder a part of it, where they are; nothing is moved or renamed',
    )
    .argument('<DIR>', 'the folder; it must lie in your photo folder, or be it')
    .option('--library <DIR>', 'the photo folder for this call')
    .option('--new-library', 'begin a new photo folder where another one was before')
    .option('--dry-run', 'only say what would become part of it')
    .option('--json', 'print one JSON document')
    .action(async (folder: string, flags: AdoptFlags) => {
      const result = await withBar(options, (onProgress) =>
        keepsake.adopt({
          ...{ folder, library: flags.library, onProgress, signal: options.signal },
          ...{ createAnew: flags.newLibrary ?? false, dryRun: flags.dryRun ?? false },
        }),
      );
      show(result, describeAdoption(result), flags.json);
      onExit(exitCodeOfAdoption(result));
    });
  program
    .command('rebuild')
    .description('make the list of saved photos anew from your photo folder; changes no photo')
    .option('--library <DIR>', 'the photo folder for this call')
    .option('--json', 'print one JSON document')
    .action(async ({ library, json }: { readonly library?: string; readonly json?: boolean }) => {
      const result = await keepsake.rebuild({ library, signal: options.signal });
      show(result, describeRebuild(result), json);
    });
}

async function withBar<Result>(
  options: CliOptions,
  work: (onProgress: ProgressBar['show']) => Promise<Result>,
): Promise<Result> {
  using bar = new ProgressBar(options.stderr);
  return await work(bar.show);
}

function describeAdoption(result: AdoptResult): string {
  const { adopted, duplicates, known, changed, notMedia, deferred, failed, bytes, dryRun, stopped } = result;
  const place = printable(result.library);
  const lines: string[] = [];
  if (dryRun) lines.push(`${files(adopted)} (${inWords(bytes)}) would become part of your photo folder ${place}.`);
  else if (adopted + duplicates === 0) lines.push(`Nothing new became part of your photo folder ${place}.`);
  else lines.push(`${files(adopted + duplicates)} (${inWords(bytes)}) became part of your photo folder ${place}.`);
  if (!dryRun && adopted + duplicates > 0) lines.push('  They are where they were, under their own names.');
  if (duplicates > 0) {
    lines.push(`  ${files(duplicates)} of them ${duplicates === 1 ? 'is' : 'are'} the same as another one:`);
    lines.push(...listNames(result.duplicatePaths, duplicates));
  }
  if (known > 0) lines.push(`  ${files(known)} had been part of it before.`);
  if (changed > 0) {
    lines.push(`  ${files(changed)} changed since then. Nothing was done about ${changed === 1 ? 'it' : 'them'}:`);
    lines.push(...listNames(result.changedPaths, changed));
  }
  if (notMedia > 0) {
    lines.push(`  ${files(notMedia)} ${notMedia === 1 ? 'is' : 'are'} neither photo nor video:`);
    lines.push(...listNames(result.notMediaPaths, notMedia));
  }
  if (deferred > 0) lines.push(`  ${files(deferred)} changed while being read. Run this again when that is done.`);
  if (failed > 0)
    lines.push(`  ${files(failed)} could NOT become part of it:`, ...describeFailures(result.failures, failed));
  if (stopped !== undefined) lines.push('', stopped.message, stopped.remedy);
  if (result.missingProgram !== undefined) lines.push(noRawDates);
  return `${lines.join('\n')}\n`;
}

function describeRebuild({ library, assets, missing }: RebuildResult): string {
  const lines = [
    `The list of saved photos was made anew: ${count(assets, 'photo or video', 'photos and videos')} in ${printable(library)}.`,
  ];
  if (missing > 0) {
    lines.push(
      `  ${count(missing, 'file that was saved once is', 'files that were saved once are')} not there any more.`,
      '  If a card or folder still has them, they are saved again the next time.',
    );
  }
  return `${lines.join('\n')}\n`;
}
