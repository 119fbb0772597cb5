// The commands that make Keepsake start by itself at login, undo that, and say how it stands.

import type { Command } from 'commander';
import type { Keepsake } from '../agent/control.ts';
import type { ExitCode } from './exit-code.ts';
import { describeInstall, describeLoginStatus, describeUninstall } from './install-words.ts';
import type { CliOptions } from './run.ts';

export function addInstallCommands(
  program: Command,
  options: CliOptions,
  { keepsake, onExit }: { readonly keepsake: Keepsake; readonly onExit: (code: ExitCode) => void },
): void {
  const show = (value: object, words: string, json: boolean | undefined) =>
    options.stdout.write(json ? `${JSON.stringify(value)}\n` : words);
  const wish = { environment: options.environment, keepsake };
  program
    .command('install')
    .description('start Keepsake by itself whenever you log in, from now on')
    .option('--status', 'only say how that stands')
    .option('--json', 'print one JSON document')
    .action(async ({ status, json }: { readonly status?: boolean; readonly json?: boolean }) => {
      const { installAtLogin, readLoginStatus } = await import('../agent/install/install.ts'); // other commands start quicker without
      if (status) {
        const found = await readLoginStatus(wish);
        show(found, describeLoginStatus(found), json);
        const runs = found.agent !== 'notRunning' && found.trouble === undefined;
        onExit(found.startsAtLogin && found.isCurrent && runs ? 0 : 2);
        return;
      }
      const result = await installAtLogin(wish);
      show(result, describeInstall(result), json);
    });
  program
    .command('uninstall')
    .description('do not start by itself any more; photos, drives and settings stay')
    .option('--json', 'print one JSON document')
    .action(async ({ json }: { readonly json?: boolean }) => {
      const { uninstallFromLogin } = await import('../agent/install/install.ts');
      const result = await uninstallFromLogin(wish);
      show(result, describeUninstall(result), json);
    });
}
