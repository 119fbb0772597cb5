// The command line: parses, calls the composition, prints. Results go to stdout, progress and errors to stderr; with --json
// stdout carries exactly one JSON document, errors included.

import { Command, CommanderError, InvalidArgumentError } from 'commander';
import type { Seams } from '../agent/backup.ts';
import { composeKeepsake } from '../agent/compose.ts';
import { configKeys } from '../agent/config.ts';
import type { BackupResult, Keepsake } from '../agent/control.ts';
import { checkCommand, type OwnProgram, remindCommand, snapshotCommand, troublesKey } from '../agent/own-program.ts';
import { AgentError, isAgentError } from '../domain/errors.ts';
import { printable } from '../domain/printable.ts';
import type { Need } from '../domain/status.ts';
import { addCheckCommands, independentCommands } from './check-command.ts';
import { connectKeepsake } from './connect.ts';
import { addCopyCommands } from './copy-commands.ts';
import { addDeviceCommands } from './device-commands.ts';
import { addDoctorCommand } from './doctor-command.ts';
import { type ExitCode, exitCodeOfBackup, exitCodeOfError } from './exit-code.ts';
import { addInstallCommands } from './install-commands.ts';
import { addLibraryCommands } from './library-commands.ts';
import { ProgressBar, type Terminal } from './progress-bar.ts';
import { addRemoveCommands } from './remove-commands.ts';
import { addRestoreCommands } from './restore-commands.ts';
import { agent, start } from './start.ts';
import { describeBackup, describeStatus } from './words.ts';

export interface CliOptions {
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stdout: { write(text: string): unknown };
  readonly stderr: Terminal;
  readonly signal: AbortSignal;
  readonly seams?: Seams;
  /** How this program was started, for what runs in a process of its own. */
  readonly ownProgram?: OwnProgram;
}

interface BackupFlags {
  readonly library?: string;
  readonly newLibrary?: boolean;
  readonly dryRun?: boolean;
  readonly keepRecentlyDeleted?: boolean;
  readonly json?: boolean;
}

/** Runs one command and returns its exit code. Never throws. */
export async function runCli(given: CliOptions): Promise<ExitCode> {
  const json = given.args.includes('--json');
  const options = json ? given : withTypeableCommands(given);
  try {
    return await dispatch(options);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 1;
    if (isAgentError(error)) {
      const { code, message, remedy } = error;
      if (json) printJson(options, { error: { code, message, remedy } });
      else options.stderr.write(`${printable(message)}\n${printable(remedy)}\n(${code})\n`);
      return exitCodeOfError(code);
    }
    if (options.signal.aborted) return 130;
    const details = error instanceof Error ? (error.stack ?? error.message) : String(error);
    if (json) printJson(options, { error: { code: 'INTERNAL', message: 'Keepsake made a mistake.', remedy: '' } });
    options.stderr.write(`Keepsake made a mistake and stopped. Your photos are not affected.\n${details}\n`);
    return 70;
  }
}

/**
 * All our words say `keepsake COMMAND`. From a checkout that has to be typed in another way, and an owner who copies a line is
 * to succeed with it.
 */
function withTypeableCommands(options: CliOptions): CliOptions {
  const { stdout, stderr, environment } = options;
  if (!['start', 'keepsake'].includes(environment['npm_lifecycle_event'] ?? '')) return options;
  const typeable = (text: string) => text.replace(commandInWords, 'npm run -s keepsake -- $1');
  const { isTTY, columns } = stderr;
  return {
    ...options,
    stdout: { write: (text) => stdout.write(typeable(text)) },
    stderr: {
      ...(isTTY === undefined ? {} : { isTTY }),
      ...(columns === undefined ? {} : { columns }),
      write: (text) => stderr.write(typeable(text)),
    },
  };
}

const commandInWords =
  /\bkeepsake (backup|status|devices|enroll|ignore|retire|rename|adopt|rebuild|config|agent|drives|mirror|verify|remove|restore|safe-to-delete|pause|resume|snooze|install|uninstall|check|helper|doctor)\b/g;

async function dispatch(options: CliOptions): Promise<ExitCode> {
  const keepsake = [...independentCommands, 'doctor', checkCommand, snapshotCommand, remindCommand].includes(
    options.args[0] ?? '',
  )
    ? composeKeepsake(options.environment, options.seams)
    : await connectKeepsake(options.environment, options.seams);
  let exitCode: ExitCode = 0;
  const program = new Command('keepsake')
    .description(
      'Saves photos from iPhones, camera cards and folders into dated folders, copies them to your drives, and checks the copies.',
    )
    .exitOverride()
    .configureOutput({
      writeOut: (text) => options.stdout.write(text),
      writeErr: (text) => options.stderr.write(text),
    });
  program
    .command('backup')
    .description('save what is new on the iPhones, cards and folders that photos are saved from, or on those named')
    .argument('[SOURCE...]', 'folders, or ids from "keepsake devices"; none: all that photos are saved from')
    .option('--library <DIR>', 'the photo folder for this call')
    .option('--new-library', 'begin a new photo folder where another one was before')
    .option('--dry-run', 'only say what would be saved')
    .option('--keep-recently-deleted', 'also save what the iPhone has under "Recently Deleted"')
    .option('--json', 'print one JSON document')
    .action(async (sources: readonly string[], flags: BackupFlags) => {
      exitCode = await backup(options, keepsake, sources, flags);
    });
  program
    .command('status')
    .description('say how things stand')
    .option('--library <DIR>', 'the photo folder for this call')
    .option('--json', 'print one JSON document')
    .action(async (flags: { readonly library?: string; readonly json?: boolean }) => {
      const status = await keepsake.status(flags.library);
      if (flags.json) printJson(options, status);
      else options.stdout.write(describeStatus(status));
    });
  addDeviceCommands(program, options, keepsake);
  const onExit = (code: ExitCode) => {
    exitCode = code;
  };
  addLibraryCommands(program, options, { keepsake, onExit });
  addCopyCommands(program, options, { keepsake, onExit });
  addRestoreCommands(program, options, { keepsake, onExit });
  addRemoveCommands(program, options, { keepsake, onExit });
  addInstallCommands(program, options, { keepsake, onExit });
  addCheckCommands(program, options, { onExit });
  addDoctorCommand(program, options, { onExit });
  addConfigCommands(program, options, keepsake);
  program
    .command('agent')
    .description('notice iPhones and cards and save from them, until told to stop')
    .action(async () => {
      exitCode = await agent(options, {
        presentMeansYes: false,
        readyWords: 'Keepsake is watching for iPhones and camera cards.\n',
      });
    });
  program
    .command(checkCommand, { hidden: true })
    .description('what the agent runs to check copies')
    .action(async () => {
      const { checkSome } = await import('../agent/background-check.ts');
      exitCode = await checkSome(composeKeepsake(options.environment, options.seams), options.signal);
    });
  program
    .command(snapshotCommand, { hidden: true })
    .description('what the agent runs to know how things stand')
    .option('--json', 'print one JSON document')
    .action(async () => printJson(options, await keepsake.status()));
  program
    .command(remindCommand, { hidden: true })
    .description('what the agent runs to know what to remind of')
    .option('--json', 'print one JSON document')
    .action(async () => {
      const troubles = JSON.parse(options.environment[troublesKey] ?? '[]') as readonly Need[];
      printJson(options, await composeKeepsake(options.environment, options.seams).remind(troubles));
    });
  program
    .command('start', { hidden: true })
    .description('what `npm start` runs')
    .argument('[SOURCE...]', 'folders to save from')
    .option('--library <DIR>', 'the photo folder for this call')
    .action(async (sources: readonly string[], flags: { readonly library?: string }) => {
      exitCode = await start({ options, keepsake, sources, library: flags.library, backup });
    });
  await program.parseAsync(options.args, { from: 'user' });
  return exitCode;
}

export async function backup(
  options: CliOptions,
  keepsake: Keepsake,
  sources: readonly string[],
  flags: BackupFlags,
): Promise<ExitCode> {
  let result: BackupResult;
  {
    using bar = new ProgressBar(options.stderr);
    result = await keepsake.backup({
      sources,
      library: flags.library,
      createAnew: flags.newLibrary ?? false,
      dryRun: flags.dryRun ?? false,
      keepRecentlyDeleted: flags.keepRecentlyDeleted ?? false,
      onProgress: bar.show,
      signal: options.signal,
    });
  }
  const { imports, copies, copyFailure } = result;
  if (flags.json) printJson(options, { imports, copies, ...(copyFailure === undefined ? {} : { copyFailure }) });
  else options.stdout.write(describeBackup(result));
  return exitCodeOfBackup(result);
}

function addConfigCommands(program: Command, options: CliOptions, keepsake: Keepsake): void {
  const config = program.command('config').description('read and change the settings');
  config
    .command('path')
    .description('print where the settings are')
    .action(() => {
      options.stdout.write(`${keepsake.paths.config}\n`);
    });
  config
    .command('get')
    .description('print one setting, or all of them')
    .argument('[KEY]', `one of: ${configKeys.join(', ')}`)
    .action(async (key: string | undefined) => {
      const values = settingsOf(await keepsake.config());
      if (key === undefined) {
        for (const [name, value] of Object.entries(values)) options.stdout.write(`${name} = ${value}\n`);
        return;
      }
      const value = values[key];
      if (value === undefined) {
        throw new AgentError('USAGE', `There is no setting "${key}".`, {
          remedy: `The settings are: ${configKeys.join(', ')}.`,
        });
      }
      options.stdout.write(`${value}\n`);
    });
  config
    .command('set')
    .description('change one setting')
    .argument('<KEY>', `one of: ${configKeys.join(', ')}`, (key) => {
      if (!configKeys.some((each) => each === key))
        throw new InvalidArgumentError(`The settings are: ${configKeys.join(', ')}.`);
      return key;
    })
    .argument('<VALUE...>', 'the new value; for lists of folders several')
    .action(async (key: string, values: readonly string[]) => {
      await keepsake.setConfig(key, values);
    });
}

function settingsOf(config: Awaited<ReturnType<Keepsake['config']>>): Readonly<Record<string, string>> {
  return {
    library: config.library,
    layout: config.layout,
    reserve: config.reserveBytes === undefined ? 'automatic' : `${config.reserveBytes} B`,
    timeZone: config.timeZone,
    allowCloudFolder: String(config.allowCloudFolder),
    cardRoots: config.cardRoots.join(', '),
    watchedFolders: config.watchedFolders.join(', '),
    schedule: config.schedule,
    logLevel: config.logLevel,
    helperUrl: config.helperUrl ?? '',
    helperCommand: config.helperCommand.join(' '),
    helperName: config.helperName ?? '',
  };
}

export function printJson(options: CliOptions, value: unknown): void {
  options.stdout.write(`${JSON.stringify(value)}\n`);
}
