// `keepsake doctor`: says what works and what does not, one line for each thing, and with --bundle writes a report for whoever helps.
// Goes through no agent: it has to work when that does not.

import { resolve } from 'node:path';
import type { Command } from 'commander';
import { composeKeepsake } from '../agent/compose.ts';
import type { DoctorResult } from '../agent/doctor/doctor.ts';
import { conclusion, outcomeLine, reportWritten } from '../agent/doctor/words.ts';
import { printable } from '../domain/printable.ts';
import type { ExitCode } from './exit-code.ts';
import type { CliOptions } from './run.ts';

interface DoctorFlags {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly bundle?: string;
}

/** 0: everything works, perhaps with advice; 2: something does not. */
export function addDoctorCommand(
  program: Command,
  options: CliOptions,
  { onExit }: { readonly onExit: (code: ExitCode) => void },
): void {
  program
    .command('doctor')
    .description('try whether everything works, and say what to do where it does not')
    .option('--quiet', 'show no trial message on the screen')
    .option('--bundle <FILE>', 'also write a report for whoever helps you, without photos, names and places')
    .option('--json', 'print one JSON document')
    .action(async ({ json, quiet = false, bundle }: DoctorFlags) => {
      const { environment, seams, signal } = options;
      const { openContext } = await import('../agent/doctor/context.ts');
      const { diagnose } = await import('../agent/doctor/doctor.ts');
      const { assertFree, makeBundle, writeBundle } = await import('../agent/doctor/bundle.ts');
      const file = bundle === undefined ? undefined : resolve(environment['INIT_CWD'] ?? process.cwd(), bundle);
      if (file !== undefined) await assertFree(file);
      const keepsake = composeKeepsake(environment, seams);
      const context = await openContext({ keepsake, environment, signal, quiet });
      const result = await diagnose(context);
      if (file !== undefined) await writeBundle(file, await makeBundle(context, result));
      const words = `${describeDoctor(result)}${file === undefined ? '' : `\n${printable(reportWritten(file))}\n`}`;
      const document = { ...result, ...(file === undefined ? {} : { report: file }) };
      options.stdout.write(json ? `${JSON.stringify(document)}\n` : words);
      onExit(result.ok ? 0 : 2);
    });
}

export function describeDoctor({ checks }: Pick<DoctorResult, 'checks'>): string {
  const lines = checks.flatMap((check) => {
    const { result, meaning, nextStep } = check;
    const more = result === 'pass' ? [] : [meaning, ...(nextStep === undefined ? [] : [`→ ${nextStep}`])];
    return [outcomeLine(check), ...more.map((line) => `    ${line}`)].map(printable);
  });
  return `${[...lines, '', conclusion(checks.map(({ result }) => result))].join('\n')}\n`;
}
