// The commands about copies: which drives there are, copying to them, checking, and whether photos could be deleted on a phone.

import { type Command, InvalidArgumentError } from 'commander';
import type { Keepsake } from '../agent/control.ts';
import { printable } from '../domain/printable.ts';
import {
  describeDrives,
  describeMirror,
  describeSafeToDelete,
  describeVerify,
  type MirrorResult,
  type VerifyResult,
} from './copy-words.ts';
import { type ExitCode, exitCodeOfCopies, exitCodeOfVerify } from './exit-code.ts';
import { ProgressBar } from './progress-bar.ts';
import type { CliOptions } from './run.ts';

interface CommonFlags {
  readonly library?: string;
  readonly json?: boolean;
}

const dayMs = 86_400_000;
const unitsMs: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: dayMs, w: 7 * dayMs };

export function addCopyCommands(
  program: Command,
  options: CliOptions,
  { keepsake, onExit }: { readonly keepsake: Keepsake; readonly onExit: (code: ExitCode) => void },
): void {
  const show = (value: object, words: string, json: boolean | undefined) =>
    options.stdout.write(json ? `${JSON.stringify(value)}\n` : words);
  addDriveCommands(program, { keepsake, show });
  program
    .command('mirror')
    .description('copy what is new to the drives that are connected, and read it back')
    .argument('[DRIVE...]', 'ids from "keepsake drives list", or paths; none: all that are connected')
    .option('--accept-changes', 'what is gone or changed in your photo folder is as you want it')
    .option('--library <DIR>', 'the photo folder for this call')
    .option('--json', 'print one JSON document')
    .action(async (drives: readonly string[], flags: CommonFlags & { readonly acceptChanges?: boolean }) => {
      let result: MirrorResult;
      {
        using bar = new ProgressBar(options.stderr);
        result = await keepsake.mirror({
          ...{ drives, library: flags.library, acceptChanges: flags.acceptChanges ?? false, signal: options.signal },
          onProgress: bar.show,
        });
      }
      show({ copies: result.copies, unusable: result.unusable }, describeMirror(result), flags.json);
      onExit(exitCodeOfCopies(result.copies));
    });
  program
    .command('verify')
    .description('read your photos and their copies again, and say what is not as it was saved')
    .option('--all', 'everything, whenever it was checked last')
    .option('--repair', 'put right what is bad, from a copy that is good')
    .option('--dry-run', 'with --repair: only say what could be put right')
    .option('--library <DIR>', 'the photo folder for this call')
    .option('--json', 'print one JSON document')
    .action(async (flags: CommonFlags & { all?: boolean; repair?: boolean; dryRun?: boolean }) => {
      let result: VerifyResult;
      {
        using bar = new ProgressBar(options.stderr);
        result = await keepsake.verify({
          ...{ all: flags.all ?? false, repair: flags.repair ?? false, dryRun: flags.dryRun ?? false },
          ...{ library: flags.library, signal: options.signal },
          onProgress: ({ files, bytes, path }) =>
            bar.show({
              ...{ phase: 'looking', files, filesTotal: files, bytes, bytesTotal: bytes },
              ...{ name: path, sourceName: 'your photos and their copies' },
            }),
        });
      }
      show(result, describeVerify(result), flags.json);
      onExit(exitCodeOfVerify(result));
    });
  program
    .command('safe-to-delete')
    .description('say whether what came from a phone or card is safe elsewhere; deletes nothing')
    .argument('[DEVICE]', 'id or name from "keepsake devices"; none: all of them')
    .option('--library <DIR>', 'the photo folder for this call')
    .option('--json', 'print one JSON document')
    .action(async (device: string | undefined, flags: CommonFlags) => {
      using bar = new ProgressBar(options.stderr);
      const result = await keepsake.safeToDelete({
        ...{ device, library: flags.library, onProgress: bar.show, signal: options.signal },
      });
      show(result, describeSafeToDelete(result), flags.json);
      const isKnown = result.devices.every(({ isLookedAt }) => isLookedAt);
      const isYes = isKnown && result.notSafe + result.notSaved === 0 && result.safe > 0;
      onExit(isYes ? 0 : 2);
    });
  addPauseCommands(program, options, keepsake);
}

function addDriveCommands(
  program: Command,
  {
    keepsake,
    show,
  }: { readonly keepsake: Keepsake; readonly show: (value: object, words: string, json: boolean | undefined) => void },
): void {
  const drives = program.command('drives').description('the drives that copies of your photos go to');
  drives
    .command('add')
    .description('copy your photos to a drive from now on')
    .argument('<PATH>', 'the folder under which this computer shows it')
    .option('--name <NAME>', 'what you call it')
    .option('--elsewhere', 'it is kept away from home')
    .option('--library <DIR>', 'the photo folder for this call')
    .option('--json', 'print one JSON document')
    .action(async (path: string, flags: CommonFlags & { readonly name?: string; readonly elsewhere?: boolean }) => {
      const { name, library, elsewhere = false } = flags;
      const added = await keepsake.addDrive({ path, name, library, isElsewhere: elsewhere });
      const words = [
        `Copies of your photos go to "${printable(added.name)}" from now on, into ${printable(added.root)}`,
        ...(added.hadCopy ? ['There is a copy on it already: what is right in it is used.'] : []),
        ...added.notes,
        'They are copied whenever it is connected while Keepsake runs. To copy now: keepsake mirror',
      ];
      show(added, `${words.join('\n')}\n`, flags.json);
    });
  drives
    .command('list')
    .description('which there are and how they stand')
    .option('--library <DIR>', 'the photo folder for this call')
    .option('--json', 'print one JSON document')
    .action(async ({ library, json }: CommonFlags) => {
      const listing = await keepsake.drives(library);
      show(listing, describeDrives(listing), json);
    });
  drives
    .command('forget')
    .description('copy nothing to a drive any more; what is on it stays')
    .argument('<DRIVE>', 'id, name, or a path on it')
    .option('--library <DIR>', 'the photo folder for this call')
    .option('--json', 'print one JSON document')
    .action(async (drive: string, { library, json }: CommonFlags) => {
      const { id, name } = await keepsake.forgetDrive({ drive, library });
      show({ id, name }, `Nothing is copied to "${printable(name)}" any more. What is on it stays.\n`, json);
    });
  drives
    .command('eject')
    .description('make sure that all is written, so that a drive can be unplugged')
    .argument('<DRIVE>', 'id, name, or a path on it')
    .option('--library <DIR>', 'the photo folder for this call')
    .option('--json', 'print one JSON document')
    .action(async (drive: string, { library, json }: CommonFlags) => {
      const { id, name } = await keepsake.ejectDrive({ drive, library });
      show({ id, name }, `You can unplug "${printable(name)}" now.\n`, json);
    });
}

function addPauseCommands(program: Command, options: CliOptions, keepsake: Keepsake): void {
  const nowMs = () => options.seams?.clock?.nowMs() ?? Date.now();
  program
    .command('pause')
    .description('do nothing by itself for a while')
    .argument('[DURATION]', 'such as 30m, 2h or 3d; none: until "keepsake resume"', parseDuration)
    .action(async (durationMs: number | undefined) => {
      const untilMs = durationMs === undefined ? undefined : nowMs() + durationMs;
      await keepsake.pause(untilMs);
      const until = untilMs === undefined ? 'you say' : new Date(untilMs).toLocaleString('en');
      options.stdout.write(`Keepsake does nothing by itself until ${until}. To go on: keepsake resume\n`);
    });
  program
    .command('resume')
    .description('go on after a pause')
    .action(async () => {
      await keepsake.resume();
      options.stdout.write('Keepsake goes on.\n');
    });
  program
    .command('snooze')
    .description('no reminders about a device for a while: holidays, say')
    .argument('<DEVICE>', 'id or name from "keepsake devices"')
    .argument('<DURATION>', 'such as 3d or 2w', parseDuration)
    .action(async (device: string, durationMs: number) => {
      const untilMs = nowMs() + durationMs;
      const { name } = await keepsake.snooze(device, untilMs);
      options.stdout.write(
        `No reminders about "${printable(name)}" until ${new Date(untilMs).toISOString().slice(0, 10)}.\n`,
      );
    });
}

function parseDuration(text: string): number {
  const [, amount = '', unit = ''] = /^(\d{1,4}) ?([mhdw])$/.exec(text) ?? [];
  const durationMs = Number(amount) * (unitsMs[unit] ?? Number.NaN);
  if (durationMs > 0) return durationMs;
  throw new InvalidArgumentError('Write a number and m, h, d or w: 30m, 2h, 3d, 1w.');
}
