// The commands that look after Keepsake itself: `check`, which the system runs once a day, and `helper`, for whoever helps the owner.
// Neither goes through an agent: they have to work when it does not.

import type { Command } from 'commander';
import { composeKeepsake } from '../agent/compose.ts';
import { helperTargets } from '../agent/helper/helper-target.ts';
import { describeSendFailure } from '../agent/helper/helper-words.ts';
import type { HelperOptions } from '../agent/helper/tell-helper.ts';
import { AgentError } from '../domain/errors.ts';
import { askAboutHelper, describeCheck, describeHelper } from './check-words.ts';
import type { ExitCode } from './exit-code.ts';
import type { CliOptions } from './run.ts';

/** They must not wait for the agent's answer, nor need one. */
export const independentCommands: readonly string[] = ['check', 'helper'];

interface JsonFlag {
  readonly json?: boolean;
}

export function addCheckCommands(
  program: Command,
  options: CliOptions,
  { onExit }: { readonly onExit: (code: ExitCode) => void },
): void {
  const { environment, seams, signal } = options;
  const show = (value: object, words: string, json: boolean | undefined) =>
    options.stdout.write(json ? `${JSON.stringify(value)}\n` : words);
  program
    .command('check')
    .description('look whether Keepsake does its work, and warn if not; the system runs this once a day')
    .option('--json', 'print one JSON document')
    .action(async ({ json }: JsonFlag) => {
      const { runIndependentCheck } = await import('../agent/independent-check/check.ts');
      const { ok, findings, mistakes } = await runIndependentCheck({ environment, seams, signal });
      show({ ok, findings }, describeCheck({ ok, findings }), json);
      for (const mistake of mistakes)
        options.stderr.write(`${mistake instanceof Error ? (mistake.stack ?? mistake.message) : String(mistake)}\n`);
      onExit(ok ? 0 : 2);
    });
  const helper = program.command('helper').description('who is told when something is overdue, and what');
  const prepare = async (): Promise<HelperOptions> => {
    const { paths, config, clock } = composeKeepsake(environment, seams);
    return { paths, environment, settings: await config(), clock, signal };
  };
  helper
    .command('show', { isDefault: true })
    .description('say who it is and what they would be told now')
    .option('--json', 'print one JSON document')
    .action(async ({ json }: JsonFlag) => {
      const known = await prepare();
      const targets = helperTargets(known.settings).map((target) =>
        target.kind === 'url'
          ? { kind: target.kind, service: target.service, host: target.url.host }
          : { kind: target.kind, program: target.command },
      );
      if (targets.length === 0) return void show({ targets }, askAboutHelper, json);
      const { findAllNow } = await import('../agent/independent-check/check.ts');
      const { lastToldAtMs, previewForHelper } = await import('../agent/helper/tell-helper.ts');
      const message = await previewForHelper(known, await findAllNow({ environment, seams, signal }));
      const toldAtMs = await lastToldAtMs(known);
      const lastToldAt = toldAtMs === undefined ? null : new Date(toldAtMs).toISOString();
      const shown = { targets, lastToldAt, message };
      show(shown, describeHelper({ ...shown, name: known.settings.helperName }), json);
    });
  helper
    .command('test')
    .description('send a message now that says that it is a test')
    .option('--json', 'print one JSON document')
    .action(async ({ json }: JsonFlag) => {
      const known = await prepare();
      const { testHelper } = await import('../agent/helper/tell-helper.ts');
      const results = await testHelper(known);
      if (results.length === 0)
        throw new AgentError('USAGE', 'Nobody is told anything yet.', {
          remedy: 'To see how that is set: keepsake helper',
        });
      for (const result of results) {
        if (result.isSent) continue;
        throw new AgentError('HELPER_UNREACHABLE', `The test did not get there: ${describeSendFailure(result.why)}.`, {
          remedy:
            'Check the internet connection of this computer and the address, then try again: keepsake helper test',
          cause: result.why,
        });
      }
      show({ sent: results.length }, 'The test was sent. Ask whether it arrived.\n', json);
    });
  helper
    .command('off')
    .description('nobody is told anything any more')
    .action(async () => {
      const { setConfig } = composeKeepsake(environment, seams);
      await setConfig('helperUrl', ['']);
      await setConfig('helperCommand', []);
      options.stdout.write('Nobody is told anything any more.\n');
    });
}
