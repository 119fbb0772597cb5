// What the owner reads about the person who helps, on every surface. Pure.

import type { Need } from '../../domain/status.ts';
import type { HelperSettings } from './helper-target.ts';

/** In `status`, as long as somebody is told: nobody is watched without knowing it. */
export function noteOfHelper({ helperUrl, helperCommand, helperName }: HelperSettings): readonly Need[] {
  if (helperUrl === undefined && helperCommand.length === 0) return [];
  const who = helperName ?? 'The person who helps you';
  return [
    {
      code: 'HELPER_TOLD',
      message: `${who} is told when something is overdue or does not work; never which photos there are, nor any name.`,
      remedy: 'To end that: keepsake helper off. To see what is sent: keepsake helper',
    },
  ];
}

export function helperUnreachable(of: {
  readonly name: string | undefined;
  readonly days: number;
  readonly why: string;
}): Need {
  const who = of.name ?? 'the person who helps you';
  return {
    code: 'HELPER_UNREACHABLE',
    message: `For ${of.days} days ${who} could not be told how things stand: ${describeSendFailure(of.why)}.`,
    remedy: 'Ask whether the address is still right. To try it: keepsake helper test. To end it: keepsake helper off',
  };
}

/** As it follows a colon. */
export function describeSendFailure(why: string): string {
  const status = /^ANSWER_(\d+)$/.exec(why)?.[1];
  if (status !== undefined) return `that address does not take it (it answers ${status})`;
  return failures[why] ?? 'it did not get there';
}

const failures: Readonly<Record<string, string>> = {
  NO_CONNECTION: 'that address cannot be reached from here',
  NO_ANSWER: 'that address does not answer',
  REDIRECTED: 'that address leads to somebody else',
  PROGRAM_MISSING: 'the program for that cannot be started',
  PROGRAM_FAILED: 'the program for that reports a fault',
  PROGRAM_HUNG: 'the program for that does not come to an end',
};
