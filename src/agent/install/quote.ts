// Writes a text into the files that start programs so that it is read back as it was: each format has signs of its own that
// would be taken for something else. Pure. Line breaks and control characters never get here (program.ts refuses them).

/**
 * One word of a command line in a unit file: quoted, `%` doubled since units have specifiers (systemd.unit(5)). `$` is left
 * alone: the line has to begin with `:`, which turns off what it would mean (systemd.service(5), "COMMAND LINES").
 */
export function unitWord(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%')}"`;
}

/**
 * `ExecStart=`'s value, of words that are taken as they are. The prefix belongs inside the first word's quotes. A program whose
 * path has quotes or backslashes in it systemd refuses ("contains special characters", 252), however they are written: nice(1)
 * runs those, with nothing added. Not env(1), which would take a path with `=` in it for a variable.
 */
export function unitCommand(words: readonly string[]): string {
  const isRefused = /["'\\]/.test(words[0] ?? '');
  const [first = '', ...others] = isRefused ? ['/usr/bin/nice', '-n', '0', ...words] : words;
  return [unitWord(`:${first}`), ...others.map(unitWord)].join(' ');
}

/** `Environment=` lines. `$` has no meaning there (systemd.exec(5)). */
export function unitEnvironment(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(([key, value]) => `Environment=${unitWord(`${key}=${value}`)}`)
    .join('\n');
}

export function xmlText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/**
 * `Exec=` of a desktop entry: each word quoted with `"`, `` ` ``, `$` and `\` escaped, `%` doubled, and then the whole escaped
 * once more as a value of the file (Desktop Entry Specification 1.5, "The Exec key").
 */
export function desktopCommand(words: readonly string[]): string {
  const quoted = words.map((word) => `"${word.replaceAll(/["`$\\]/g, '\\$&').replaceAll('%', '%%')}"`);
  return quoted.join(' ').replaceAll('\\', '\\\\');
}
