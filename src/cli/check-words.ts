// What the owner reads of `check` and `helper` in the terminal.

import { describeForHelper, type HelperMessage } from '../agent/helper/helper-message.ts';
import type { CheckResult } from '../agent/independent-check/check.ts';
import { printable } from '../domain/printable.ts';

export function describeCheck({ ok, findings }: CheckResult): string {
  if (ok) return 'All is well.\n';
  return findings.map(({ message, remedy }) => `${printable(`${message} ${remedy}`.trim())}\n`).join('\n');
}

export const askAboutHelper = `Does someone help you with the computer?

They can be told when photos were not saved for long, or when Keepsake does not run: as a message to their telephone, say. They learn
what is wrong, since when and why. They do not see photos, and no names of people, devices, files or places are sent.

Nobody is told anything unless you set this. Ask them for the address that it should go to, then:
  keepsake config set helperUrl https://ntfy.sh/A-NAME-NOBODY-GUESSES
  keepsake config set helperName THEIR-NAME
  keepsake helper test
`;

export interface ShownHelper {
  readonly name: string | undefined;
  readonly targets: readonly (
    | { readonly kind: 'url'; readonly host: string }
    | { readonly kind: 'command'; readonly program: string }
  )[];
  readonly lastToldAt: string | null;
  readonly message: HelperMessage;
}

export function describeHelper({ name, targets, lastToldAt, message }: ShownHelper): string {
  const who = name === undefined ? 'The person who helps you' : printable(name);
  const { title, text } = describeForHelper(message);
  const ways = targets.map((target) =>
    target.kind === 'url'
      ? `a message by way of ${printable(target.host)}`
      : `the program ${printable(target.program)}`,
  );
  return `${[
    `${who} is told how Keepsake does, through ${ways.join(' and ')}:`,
    'when something is overdue or does not work, when that is over, and once a month.',
    lastToldAt === null ? 'Nothing was sent yet.' : `Something was last sent on ${lastToldAt.slice(0, 10)}.`,
    '',
    'Now it would be this:',
    ...[title, ...text.split('\n'), JSON.stringify(message)].map((line) => `  ${line}`),
    '',
    'To try it: keepsake helper test',
    'To end it: keepsake helper off',
  ].join('\n')}\n`;
}
