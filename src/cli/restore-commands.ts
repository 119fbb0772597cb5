// The command `restore`: gives photos back from the photo folder or from a drive, into a folder of the owner's choice.

import type { Command } from 'commander';
import type { RestoreProgress, RestoreResult, RestoreWish } from '../agent/restore.ts';
import { printable } from '../domain/printable.ts';
import type { ExitCode } from './exit-code.ts';
import { ProgressBar } from './progress-bar.ts';
import type { CliOptions } from './run.ts';
import { count, describeFailures, files, inWords, listNames } from './words.ts';

interface RestoreFlags {
  readonly all?: boolean;
  readonly to: string;
  readonly from?: string;
  readonly forApplePhotos?: boolean;
  readonly dryRun?: boolean;
  readonly library?: string;
  readonly json?: boolean;
}

export function addRestoreCommands(
  program: Command,
  options: CliOptions,
  {
    keepsake,
    onExit,
  }: {
    readonly keepsake: { restore(wish: RestoreWish): Promise<RestoreResult> };
    readonly onExit: (code: ExitCode) => void;
  },
): void {
  program
    .command('restore')
    .description('give photos back from your photo folder or from a drive, each compared with what was saved')
    .argument('[QUERY...]', 'a day, month or year, a folder, a file name, or a device')
    .option('--all', 'everything')
    .requiredOption('--to <DIR>', 'the folder to put them into; nothing in it is overwritten')
    .option('--from <DRIVE>', 'a drive by its id or by the folder it is shown under; none: your photo folder')
    .option('--for-apple-photos', 'put them into folders that Apple Photos and iCloud.com take')
    .option('--dry-run', 'only say what would be given back')
    .option('--library <DIR>', 'the photo folder for this call')
    .option('--json', 'print one JSON document')
    .action(async (queries: readonly string[], flags: RestoreFlags) => {
      const { to, from, library } = flags;
      const result = await withBar(options, (onProgress) =>
        keepsake.restore({
          ...{ queries, to, from, library, onProgress, signal: options.signal },
          ...{ all: flags.all ?? false, forApplePhotos: flags.forApplePhotos ?? false, dryRun: flags.dryRun ?? false },
        }),
      );
      options.stdout.write(flags.json ? `${JSON.stringify(result)}\n` : describeRestore(result));
      onExit(exitCodeOfRestore(result));
    });
}

/** 2: something was not given back. What cannot be proven was given back, and is said. */
export function exitCodeOfRestore({ stopped, failed }: RestoreResult): ExitCode {
  if (stopped !== undefined) return stopped.code === 'INTERRUPTED' ? 130 : 4;
  return failed > 0 ? 2 : 0;
}

export function describeRestore(result: RestoreResult): string {
  const { restored, already, failed, unproven, renamed, perhapsFromMemory, bytes, dryRun, forApplePhotos } = result;
  const place = printable(result.to);
  const lines: string[] = [];
  if (dryRun) lines.push(`${files(restored)} (${inWords(bytes)}) would be put into ${place}.`);
  else if (restored > 0) lines.push(`${files(restored)} (${inWords(bytes)}) ${were(restored)} put into ${place}.`);
  else lines.push(`Nothing new was put into ${place}.`);
  if (already > 0) lines.push(`  ${files(already)} ${were(already)} there already.`);
  if (renamed > 0)
    lines.push(`  ${files(renamed)} got another name, because another file there has theirs. It was left as it is.`);
  const proven = restored - unproven;
  if (!dryRun && proven > 0) {
    const how = perhapsFromMemory > 0 ? `, ${perhapsFromMemory} of them perhaps from this computer's memory` : '';
    lines.push(`  ${files(proven)} ${were(proven)} read back and ${were(proven)} what was saved${how}.`);
  }
  if (unproven > 0) {
    lines.push(`  Of ${files(unproven)} nobody noted what ${unproven === 1 ? 'it' : 'they'} should hold:`);
    lines.push(...listNames(result.unprovenPaths, unproven));
  }
  if (failed > 0)
    lines.push(`  ${files(failed)} could NOT be given back:`, ...describeFailures(result.failures, failed));
  if (forApplePhotos !== undefined) lines.push(...describeFolders(forApplePhotos));
  if (result.stopped !== undefined) lines.push('', result.stopped.message, result.stopped.remedy);
  return `${lines.join('\n')}\n`;
}

function describeFolders({ folders, notForPhotos }: NonNullable<RestoreResult['forApplePhotos']>): readonly string[] {
  return [
    `  They are in ${count(folders.length, 'folder', 'folders')} for Photos. What to do with them is in "READ ME FIRST.html" there.`,
    ...(notForPhotos === 0 ? [] : [`  ${files(notForPhotos)} that Photos cannot take are in "Not for Photos".`]),
  ];
}

function were(amount: number): string {
  return amount === 1 ? 'was' : 'were';
}

async function withBar<Result>(
  options: CliOptions,
  work: (onProgress: (progress: RestoreProgress) => void) => Promise<Result>,
): Promise<Result> {
  using bar = new ProgressBar(options.stderr);
  return await work(bar.show);
}
