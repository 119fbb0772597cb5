// What bash, zsh and fish offer after `keepsake`, written from what the program says of itself. Pure. They offer words that are
// always right: commands, options and files. Devices and drives would have to be asked for, at each press of a key.

import { type HelpPage, optionChoices, optionName, optionValue, runnable } from './program-help.ts';

export const completionFiles = {
  bash: 'keepsake.bash',
  zsh: '_keepsake',
  fish: 'keepsake.fish',
} as const;

/** The names under which --help speaks of something that lies on a disk. */
const pathNames = ['DIR', 'FILE', 'PATH', 'SOURCE', 'DRIVE', 'FOLDER'];

export function renderBash(program: HelpPage): string {
  const words = (page: HelpPage) => [
    ...page.commands.map(({ path }) => path.at(-1) ?? ''),
    ...page.options.map(optionName),
    '--help',
  ];
  const pages = [program, ...groups(program), ...runnable(program)];
  return [
    '# bash completion for keepsake, written when it was built.',
    '_keepsake() {',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: this is bash
    '  local current="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" path="" word',
    '  local index words="" files=""',
    '  for ((index = 1; index < COMP_CWORD; index++)); do',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: this is bash
    '    word="${COMP_WORDS[index]}"',
    '    [[ "$word" == -* ]] && continue',
    '    case "$path $word" in',
    ...pages
      .filter(({ path }) => path.length > 0)
      .map(({ path }) => `      ' ${path.join(' ')}') path=" ${path.join(' ')}" ;;`),
    '    esac',
    '  done',
    '  case "$path:$before" in',
    ...pages.flatMap((page) =>
      page.options.flatMap((option) => {
        const value = optionValue(option);
        if (value === undefined) return [];
        const offered = valueWords(optionChoices(option), value);
        return [`    '${key(page)}:${optionName(option)}') ${offered}; return ;;`];
      }),
    ),
    '  esac',
    '  case "$path" in',
    ...pages.map(
      (page) => `    '${key(page)}') words="${words(page).join(' ')}"${takesFiles(page) ? ' files=yes' : ''} ;;`,
    ),
    '  esac',
    '  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")',
    '  if [[ -n "$files" && "$current" != -* ]]; then',
    '    compopt -o filenames',
    '    mapfile -t -O 0 COMPREPLY < <(compgen -f -- "$current")',
    '  fi',
    '}',
    'complete -F _keepsake keepsake',
    '',
  ].join('\n');
}

function valueWords(choices: readonly string[], value: string): string {
  if (choices.length > 0) return `mapfile -t COMPREPLY < <(compgen -W "${choices.join(' ')}" -- "$current")`;
  if (!pathNames.includes(value)) return 'COMPREPLY=()';
  return 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current")';
}

export function renderZsh(program: HelpPage): string {
  const functions = [program, ...groups(program)].map((group) =>
    [
      `${zshName(group)}() {`,
      '  local curcontext="$curcontext" state line',
      '  local -a commands=(',
      ...group.commands.map(({ path, about }) => `    ${single(`${path.at(-1)}:${about}`)}`),
      '  )',
      "  _arguments -C '(- *)'{-h,--help}'[display help]' '1:command:->command' '*::argument:->argument'",
      '  case "$state" in',
      "    command) _describe -t commands 'command' commands ;;",
      '    argument)',
      '      case "$line[1]" in',
      ...group.commands.map((page) => `        ${page.path.at(-1)}) ${zshCommand(page)} ;;`),
      '      esac ;;',
      '  esac',
      '}',
    ].join('\n'),
  );
  return [
    '#compdef keepsake',
    '# zsh completion for keepsake, written when it was built.',
    ...functions,
    '_keepsake "$@"',
    '',
  ].join('\n');
}

function zshCommand(page: HelpPage): string {
  if (page.commands.length > 0) return zshName(page);
  const options = page.options.map((option) => {
    const value = optionValue(option);
    const choices = optionChoices(option);
    const action = choices.length > 0 ? `(${choices.join(' ')})` : pathNames.includes(value ?? '') ? '_files' : ' ';
    const text = option.text.replaceAll(/[[\]:\\]/g, '\\$&');
    return single(`${optionName(option)}[${text}]${value === undefined ? '' : `:${value}:${action}`}`);
  });
  const files = takesFiles(page) ? [single('*:argument:_files')] : [single('*:argument: ')];
  return ['_arguments', ...options, single('--help[display help]'), ...files].join(' ');
}

export function renderFish(program: HelpPage): string {
  const all = [program, ...groups(program)];
  const lines = all.flatMap((group) => {
    const names = group.commands.map(({ path }) => path.at(-1)).join(' ');
    const isHere =
      group.path.length === 0
        ? '__fish_use_subcommand'
        : `__fish_seen_subcommand_from ${group.path.at(-1)}; and not __fish_seen_subcommand_from ${names}`;
    return group.commands.flatMap((page) => {
      const name = page.path.at(-1) ?? '';
      const within = [...page.path].map((word) => `__fish_seen_subcommand_from ${word}`).join('; and ');
      return [
        `complete -c keepsake -f -n ${fish(isHere)} -a ${name} -d ${fish(page.about)}`,
        ...page.options.map((option) => {
          const value = optionValue(option);
          const choices = optionChoices(option);
          const wants = value === undefined ? '' : choices.length > 0 ? ` -x -a ${fish(choices.join(' '))}` : ' -r';
          return `complete -c keepsake -n ${fish(within)} -l ${optionName(option).slice(2)}${wants} -d ${fish(option.text)}`;
        }),
        ...(takesFiles(page) ? [`complete -c keepsake -F -n ${fish(within)}`] : []),
      ];
    });
  });
  return [
    '# fish completion for keepsake, written when it was built.',
    'complete -c keepsake -f',
    'complete -c keepsake -s h -l help -d "display help"',
    ...lines,
    '',
  ].join('\n');
}

/** Commands that have commands. */
function groups(page: HelpPage): readonly HelpPage[] {
  return page.commands.filter(({ commands }) => commands.length > 0).flatMap((each) => [each, ...groups(each)]);
}

function key({ path }: HelpPage): string {
  return path.length === 0 ? '' : ` ${path.join(' ')}`;
}

function takesFiles(page: HelpPage): boolean {
  return page.arguments.some(({ term }) => pathNames.includes(term.replaceAll(/\W/g, '')));
}

function zshName({ path }: HelpPage): string {
  return ['_keepsake', ...path].join('_').replaceAll('-', '_');
}

function single(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function fish(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
