// The files that start Keepsake, as texts: the templates in systemd/ and launchd/ filled in, each with a mark by which it is
// recognised later as ours and unchanged. Pure but for reading the templates.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Program } from './program.ts';
import { desktopCommand, unitCommand, unitEnvironment, xmlText } from './quote.ts';

export const unitNames = ['keepsake.service', 'keepsake-check.service', 'keepsake-check.timer'] as const;
export type UnitName = (typeof unitNames)[number];
export const launchLabels = ['org.keepsake.agent', 'org.keepsake.check'] as const;
export type LaunchLabel = (typeof launchLabels)[number];

/** Keys that older versions of systemd only grumble about, and since when they are known (systemd.service(5), "History"). */
const keysSince: Readonly<Record<string, number>> = { RestartSteps: 254, RestartMaxDelaySec: 254 };

const sumMark = /keepsake-sha256:([0-9a-f]{64})/;

export interface UnitOptions {
  readonly program: Program;
  /** Besides the program's own: where things are, if not in the usual places. */
  readonly carried?: Readonly<Record<string, string>>;
  /** Of the systemd that will read it; absent: any. */
  readonly systemdVersion?: number;
}

/** A unit file for `systemd --user`. */
export function renderUnit(name: UnitName, { program, carried = {}, systemdVersion }: UnitOptions): string {
  const template = readFileSync(join(program.folder, 'systemd', name), 'utf8');
  const isKnown = (line: string) => {
    const since = keysSince[/^(\w+)=/.exec(line)?.[1] ?? ''];
    return since === undefined || systemdVersion === undefined || systemdVersion >= since;
  };
  const text = template
    .split('\n')
    .filter(isKnown)
    .join('\n')
    .replaceAll('@program@', () => unitCommand(program.command))
    .replaceAll('@environment@', () => unitEnvironment({ ...program.environment, ...carried }));
  return sealed((mark) => `# ${writtenBy(program)} Settings of your own: ${name}.d/NAME.conf\n# ${mark}\n${text}`);
}

/** What a packaged unit has to be told of this owner's environment. */
export function renderDropIn(program: Program, carried: Readonly<Record<string, string>>): string {
  const text = `[Service]\n${unitEnvironment(carried)}\n`;
  return sealed((mark) => `# ${writtenBy(program)}\n# ${mark}\n${text}`);
}

/** A property list for launchd. `logs`: the folder for what the programs print, which has to exist. */
export function renderPlist(
  label: LaunchLabel,
  { program, carried = {}, logs }: UnitOptions & { readonly logs: string },
): string {
  const template = readFileSync(join(program.folder, 'launchd', `${label}.plist`), 'utf8');
  const indented = (lines: readonly string[]) => lines.join('\n    ');
  const variables = Object.entries({ ...program.environment, ...carried }).flatMap(([key, value]) => [
    `<key>${xmlText(key)}</key>`,
    `<string>${xmlText(value)}</string>`,
  ]);
  const text = template
    .replaceAll('@program@', () => indented(program.command.map((word) => `<string>${xmlText(word)}</string>`)))
    .replaceAll('@environment@', () => indented(variables))
    .replaceAll('@logs@', () => xmlText(logs));
  return sealed((mark) => text.replace('<plist ', () => `<!-- ${writtenBy(program)} ${mark} -->\n<plist `));
}

/** A desktop entry for the folder of programs that desktops start at login (Desktop Application Autostart Specification). */
export function renderAutostart({ program, carried = {} }: UnitOptions): string {
  const variables = Object.entries({ ...program.environment, ...carried }).map(([key, value]) => `${key}=${value}`);
  const text = [
    '[Desktop Entry]',
    'Type=Application',
    'Name=Keepsake',
    'Comment=Saves the photos from iPhones and camera cards',
    `Exec=${desktopCommand(['/usr/bin/env', ...variables, ...program.command, 'agent'])}`,
    'Terminal=false',
    'StartupNotify=false',
    'X-GNOME-Autostart-enabled=true',
    '',
  ].join('\n');
  return sealed((mark) => `# ${writtenBy(program)}\n# ${mark}\n${text}`);
}

/** `none`: nobody's mark is in it. `edited`: ours, changed since. */
export function readMark(text: string): 'whole' | 'edited' | 'none' {
  const sum = sumMark.exec(text)?.[1];
  if (sum === undefined) return 'none';
  return sumOf(text.replace(sumMark, 'keepsake-sha256:')) === sum ? 'whole' : 'edited';
}

function writtenBy({ version }: Program): string {
  return `Written by Keepsake ${version} ("keepsake install"), which writes it anew. To remove it: "keepsake uninstall".`;
}

/** The sum is over the whole text with the sum itself left out. */
function sealed(withMark: (mark: string) => string): string {
  const open = withMark('keepsake-sha256:');
  return withMark(`keepsake-sha256:${sumOf(open)}`);
}

function sumOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
