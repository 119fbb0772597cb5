// keepsake(1), written from what the program says of itself, with the little around it that it does not say. Pure.

import type { HelpPage } from './program-help.ts';

/** `date`: ISO, of the release. */
export function renderManPage(
  program: HelpPage,
  { version, date }: { readonly version: string; readonly date: string },
): string {
  return `${[
    `.TH KEEPSAKE 1 "${date}" "Keepsake ${version}" "User Commands"`,
    ...['.SH NAME', 'keepsake \\- saves the photos of a family from iPhones, camera cards and folders'],
    ...['.SH SYNOPSIS', '.B keepsake', '.I COMMAND', '[\\fIOPTION\\fR...] [\\fIARGUMENT\\fR...]'],
    ...['.SH DESCRIPTION', ...paragraphs(description)],
    ...['.SH COMMANDS', ...program.commands.flatMap(renderCommand)],
    ...['.SH EXIT STATUS', ...exitCodes.flatMap(([code, text]) => ['.TP', `.B ${code}`, roff(text)])],
    ...['.SH ENVIRONMENT', ...variables.flatMap(([name, text]) => ['.TP', `.B ${name}`, roff(text)])],
    ...['.SH FILES', ...files.flatMap(([path, text]) => ['.TP', `.I ${roff(path)}`, roff(text)])],
    ...['.SH SEE ALSO', ...paragraphs(seeAlso)],
  ].join('\n')}\n`;
}

const description = [
  'Keepsake notices iPhones on the cable and camera cards, saves their photos and videos into dated folders of plain files, copies these to your drives, and reads the copies again to prove that they are good. It deletes nothing from a phone or card and changes no original.',
  'Nothing is saved from a phone, card or drive that you have not said yes to. To begin: plug it in, run "keepsake devices", then "keepsake enroll ID".',
  'To have Keepsake start by itself whenever you log in: "keepsake install". To undo that: "keepsake uninstall". Installing or updating the package alone starts nothing.',
];

const exitCodes: readonly (readonly [string, string])[] = [
  ['0', 'Done.'],
  ['1', 'Something is wrong with the command or the settings.'],
  ['2', 'Done, but something failed or is bad, or the truthful answer is no.'],
  ['3', 'It could not start: nothing to save from, a locked phone, no drive, or another Keepsake is at work.'],
  ['4', 'It stopped midway and nothing is lost: run it again.'],
  ['70', 'A fault in Keepsake.'],
  ['130', 'Interrupted; nothing is lost.'],
];

const variables: readonly (readonly [string, string])[] = [
  ['KEEPSAKE_HOME', 'A folder for settings, records and diary, instead of the usual ones.'],
  ['USBMUXD_SOCKET_ADDRESS', 'Where the program that talks to iPhones listens: UNIX:/path or HOST:PORT.'],
  ['XDG_CONFIG_HOME, XDG_DATA_HOME, XDG_STATE_HOME, XDG_CACHE_HOME', 'As everywhere.'],
];

const files: readonly (readonly [string, string])[] = [
  ['~/.config/keepsake/config.toml', 'Settings. "keepsake config path" prints where they are.'],
  ['~/.local/share/keepsake', 'What Keepsake knows of your devices and photos.'],
  ['~/.local/state/keepsake', 'Its diary.'],
  ['~/.cache/keepsake', 'What makes it start quicker. It can be deleted at any time.'],
  ['~/Pictures/Keepsake', 'Your photo folder, unless you chose another one. It can be read without Keepsake.'],
];

const seeAlso = ['In the folder /usr/share/doc/keepsake, or docs of the installed package: install.md, errors.md.'];

function renderCommand(page: HelpPage): readonly string[] {
  if (page.commands.length > 0) return page.commands.flatMap(renderCommand);
  const details = [...page.arguments, ...page.options].flatMap((each) => ['.TP', roff(each.term), sentence(each.text)]);
  return [
    '.TP',
    `.B ${roff([...page.path, withoutOptions(page.usage)].join(' ').trim())}`,
    sentence(page.about),
    ...(details.length === 0 ? [] : ['.RS', ...details, '.RE']),
  ];
}

/** They are listed below it. */
function withoutOptions(usage: string): string {
  return usage.replace('[options]', '').replaceAll(/\s+/g, ' ').trim();
}

function sentence(text: string): string {
  const begun = text.slice(0, 1).toUpperCase() + text.slice(1);
  return roff(/[.)]$/.test(begun) ? begun : `${begun}.`);
}

function paragraphs(texts: readonly string[]): readonly string[] {
  return texts.flatMap((text, index) => (index === 0 ? [roff(text)] : ['.PP', roff(text)]));
}

/** Text that means nothing to roff: its own signs escaped, hyphens that can be copied as such (groff_char(7)). */
function roff(text: string): string {
  const plain = text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll('~', '\\(ti').replaceAll('"', '\\(dq');
  return /^['.]/.test(plain) ? `\\&${plain}` : plain;
}
