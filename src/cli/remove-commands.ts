// The command `remove`: takes photos out of the photo folder, takes that back, lists it, and empties the trash. It asks nothing:
// what it did can be taken back, and only --empty-trash cannot.

import type { Command } from 'commander';
import type { RemoveAction, RemoveResult, RemoveWish } from '../agent/remove.ts';
import { AgentError } from '../domain/errors.ts';
import { printable } from '../domain/printable.ts';
import type { ExitCode } from './exit-code.ts';
import type { CliOptions } from './run.ts';
import { count, describeFailures, files, inWords, listNames } from './words.ts';

interface RemoveFlags {
  readonly library?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly missing?: string | true;
  readonly undo?: string | true;
  readonly list?: boolean;
  readonly emptyTrash?: boolean;
}

export function addRemoveCommands(
  program: Command,
  options: CliOptions,
  {
    keepsake,
    onExit,
  }: {
    readonly keepsake: { remove(wish: RemoveWish): Promise<RemoveResult> };
    readonly onExit: (code: ExitCode) => void;
  },
): void {
  program
    .command('remove')
    .description('take photos out of your photo folder, into its trash; "--undo" takes that back')
    .argument('[QUERY...]', 'days (2024-07-14, 2024-07-01..2024-07-14), folders, file names ("IMG_12*"), devices')
    .option('--dry-run', 'only say what would be removed')
    .option('--missing [FOLDER]', 'say that photos which left your photo folder in a file manager were meant to')
    .option('--undo [REMOVAL]', 'take back the last removal, or the one with this id')
    .option('--list', 'list what was removed')
    .option('--empty-trash', 'delete what was removed, for good, here and on your drives')
    .option('--library <DIR>', 'the photo folder for this call')
    .option('--json', 'print one JSON document')
    .action(async (queries: readonly string[], flags: RemoveFlags) => {
      const result = await keepsake.remove({
        action: actionOf(queries, flags),
        library: flags.library,
        workingFolder: options.environment['INIT_CWD'] ?? process.cwd(),
        signal: options.signal,
      });
      options.stdout.write(flags.json ? `${JSON.stringify(jsonOf(result))}\n` : describeRemoval(result));
      onExit(exitCodeOfRemoval(result));
    });
}

/** @throws AgentError USAGE unless exactly one thing is wished for. */
function actionOf(queries: readonly string[], flags: RemoveFlags): RemoveAction {
  const dryRun = flags.dryRun ?? false;
  const optional = (value: string | true) => (value === true ? undefined : value);
  const wishes: RemoveAction[] = [];
  if (queries.length > 0) wishes.push({ kind: 'remove', queries, dryRun });
  if (flags.missing !== undefined) wishes.push({ kind: 'missing', folder: optional(flags.missing), dryRun });
  if (flags.undo !== undefined) wishes.push({ kind: 'undo', removal: optional(flags.undo) });
  if (flags.list) wishes.push({ kind: 'list' });
  if (flags.emptyTrash) wishes.push({ kind: 'emptyTrash' });
  const [wish] = wishes;
  const isDry = wish?.kind === 'remove' || wish?.kind === 'missing';
  if (wish !== undefined && wishes.length === 1 && (isDry || !dryRun)) return wish;
  throw new AgentError(
    'USAGE',
    wishes.length === 0 ? 'Nothing was named to be removed.' : 'These options do not go together.',
    {
      remedy:
        'Name photos, as in: keepsake remove 2024-07-14. Or use one of --missing, --undo, --list and --empty-trash alone; --dry-run goes with photos and with --missing.',
    },
  );
}

/** The report itself, with the library it is about. */
function jsonOf(result: RemoveResult): object {
  const { library } = result;
  switch (result.kind) {
    case 'removed':
      return { library, ...result.removed };
    case 'takenBack':
      return { library, ...result.takenBack };
    case 'listed':
      return { library, removals: result.removals };
    case 'emptied':
      return { library, ...result.emptied };
  }
}

export function exitCodeOfRemoval(result: RemoveResult): ExitCode {
  const stopped =
    result.kind === 'removed'
      ? result.removed.stopped
      : result.kind === 'takenBack'
        ? result.takenBack.stopped
        : undefined;
  if (stopped !== undefined) return stopped.code === 'INTERRUPTED' ? 130 : 4;
  switch (result.kind) {
    case 'removed':
      return result.removed.failures.length > 0 ? 2 : 0;
    case 'takenBack': {
      const { failures, kept, onDrivesOnly, forgotten } = result.takenBack;
      return failures.length + kept.length + onDrivesOnly.length + forgotten > 0 ? 2 : 0;
    }
    case 'listed':
      return 0;
    case 'emptied':
      return result.emptied.drives.some(({ failure }) => failure !== undefined) ? 2 : 0;
  }
}

export function describeRemoval(result: RemoveResult): string {
  return `${linesOf(result).join('\n')}\n`;
}

function linesOf(result: RemoveResult): readonly string[] {
  switch (result.kind) {
    case 'removed':
      return describeRemoved(result.removed);
    case 'takenBack':
      return describeTakenBack(result.takenBack);
    case 'listed':
      return describeList(result.removals);
    case 'emptied':
      return describeEmptied(result.emptied);
  }
}

type Of<Kind extends RemoveResult['kind']> = Extract<RemoveResult, { readonly kind: Kind }>;

function photos(amount: number): string {
  return count(amount, 'photo or video', 'photos and videos');
}

function were(amount: number): string {
  return amount === 1 ? 'was' : 'were';
}

function describeRemoved(report: Of<'removed'>['removed']): readonly string[] {
  const { dryRun, wereGone, bytes, drives, failures, stopped, trashDays } = report;
  const lines: string[] = [];
  const inTrash = report.files - wereGone;
  if (dryRun) {
    lines.push(`${photos(report.photos)} (${inWords(bytes)}) would be removed from your photo folder:`);
    lines.push(...listNames(report.paths, report.files));
    lines.push('To remove them, run this again without --dry-run.');
    return lines;
  }
  if (report.files === 0) lines.push('Nothing was removed.');
  else if (inTrash === 0) {
    lines.push(
      `${files(wereGone)} had left your photo folder before, and ${were(wereGone)} now removed from the list too.`,
    );
    lines.push(`To take that back: keepsake remove --undo`);
  } else {
    lines.push(`${photos(report.photos)} ${were(report.photos)} removed from your photo folder.`);
    lines.push(`They stay in its trash for ${trashDays} days. To take that back: keepsake remove --undo`);
  }
  if (report.files > 0) {
    if (drives > 0) {
      const theirs = drives === 1 ? 'The copies on a drive go' : `The copies on ${drives} drives go`;
      lines.push(`${theirs} to the trash there the next time ${drives === 1 ? 'it is' : 'each is'} copied to.`);
    }
    lines.push('A phone or card that still has them does not bring them back.');
  }
  if (failures.length > 0) {
    lines.push(`${files(failures.length)} could NOT be removed, and their photos stayed as they were:`);
    lines.push(...describeFailures(failures, failures.length));
  }
  if (stopped !== undefined) lines.push('', stopped.message, stopped.remedy);
  return lines;
}

function describeTakenBack(report: Of<'takenBack'>['takenBack']): readonly string[] {
  const { onDrivesOnly, kept, forgotten, emptiedAt, failures, stopped, removalId } = report;
  const lines: string[] = [];
  if (report.files > 0) {
    const are = report.photos === 1 ? 'is' : 'are';
    lines.push(`${photos(report.photos)} ${are} back in your photo folder, under the names they had.`);
  } else lines.push('Nothing could be put back right now.');
  if (onDrivesOnly.length > 0) {
    lines.push(`${files(onDrivesOnly.length)} ${onDrivesOnly.length === 1 ? 'is' : 'are'} only on a drive:`);
    lines.push(...listNames(onDrivesOnly, onDrivesOnly.length));
    lines.push('  Connect it, then put them back: keepsake verify --repair');
  }
  if (kept.length > 0) {
    lines.push('Another file has one of these names by now, so these photos stay in the trash:');
    lines.push(...listNames(kept, kept.length));
    lines.push(`  Move or rename those files, then: keepsake remove --undo ${removalId}`);
  }
  if (forgotten > 0) {
    const why = emptiedAt === undefined ? '' : ` It was emptied on ${emptiedAt.slice(0, 10)}.`;
    lines.push(
      `${files(forgotten)} ${forgotten === 1 ? 'is' : 'are'} not in the trash any more and cannot be put back.${why}`,
    );
    lines.push('  If a phone or card still has them, they are saved again when it is connected next.');
  }
  if (failures.length > 0) {
    lines.push(`${files(failures.length)} could NOT be put back, and their photos stay in the trash:`);
    lines.push(...describeFailures(failures, failures.length));
  }
  if (stopped !== undefined) lines.push('', stopped.message, stopped.remedy);
  return lines;
}

function describeList(removals: Of<'listed'>['removals']): readonly string[] {
  if (removals.length === 0) return ['Nothing was removed.'];
  const lines = removals.flatMap(({ id, removedAt, photos: amount, bytes, inTrash, keptUntil, emptiedAt }) => {
    const where =
      emptiedAt !== undefined
        ? `deleted on ${emptiedAt.slice(0, 10)}`
        : inTrash === 0
          ? 'not in the trash of your photo folder any more'
          : `in the trash until ${keptUntil.slice(0, 10)} at least`;
    return [`${removedAt.slice(0, 10)}: ${photos(amount)} (${inWords(bytes)}), ${where}`, `  ${printable(id)}`];
  });
  return [...lines, 'To take one back: keepsake remove --undo ID'];
}

function describeEmptied(report: Of<'emptied'>['emptied']): readonly string[] {
  const { drives, drivesLater } = report;
  const lines = [
    report.files === 0
      ? 'The trash of your photo folder is empty.'
      : `${files(report.files)} (${inWords(report.bytes)}) ${were(report.files)} deleted from the trash of your photo folder. That cannot be taken back.`,
  ];
  for (const { name, failure, ...drive } of drives) {
    if (failure !== undefined) lines.push(`"${printable(name)}": ${printable(failure.message)} ${failure.remedy}`);
    else if (drive.files > 0)
      lines.push(`"${printable(name)}": ${files(drive.files)} (${inWords(drive.bytes)}) deleted.`);
  }
  if (drivesLater > 0) {
    lines.push(
      `${count(drivesLater, 'drive has', 'drives have')} copies of it still. They are deleted when it is connected next.`,
    );
  }
  return lines;
}
