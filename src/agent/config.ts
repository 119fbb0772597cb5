// The owner's configuration: one TOML file, every key optional, every mistake an error that names its line and what to write.

import { readFile } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import * as v from 'valibot';
import { AgentError, systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath } from '../domain/ids.ts';
import { defaultLayout, parseLayout } from '../library/layout.ts';
import { writeSmallFile } from '../platform/durable-write.ts';
import { textUpTo } from '../platform/shapes.ts';
import { type HelperSettings, helperUrlAdvice, parseHelperUrl } from './helper/helper-target.ts';
import { isSchedule } from './schedule.ts';

const sizePattern = /^(\d+(?:\.\d+)?) ?(B|KB|MB|GB|TB)$/i;
/** Each is looked at once a minute. */
const foldersMax = 50;
const commandPartsMax = 50;
const commandPartCharsMax = 4000;
const commandAdvice =
  'write a program with its full path and what it is given, such as ["/usr/bin/tell-anna", "--quietly"]';
const helperNameCharsMax = 60;
const defaultSchedule = '0 12 * * *';
const sizeUnits: Readonly<Record<string, number>> = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };

function folderList() {
  const advice = 'write full paths in brackets, such as ["/home/anna/Dropbox/Camera Uploads"]';
  const folder = v.pipe(v.string(), v.check(isAbsolute, advice));
  const bounded = v.pipe(v.array(v.unknown(), advice), v.maxLength(foldersMax, `name ${foldersMax} folders at most`));
  return v.pipe(bounded, v.array(folder)); // that there are too many is said before what is wrong with one
}

const commandPart = v.pipe(textUpTo(commandPartCharsMax, commandAdvice), v.minLength(1, commandAdvice));
/** A program and what it is given. None: nobody. */
const helperCommand = v.pipe(
  v.array(v.unknown(), commandAdvice),
  v.maxLength(commandPartsMax, commandAdvice),
  v.array(commandPart),
  // Where it is looked for must not depend on the folder that somebody started Keepsake in.
  v.check(([program = '']) => isAbsolute(program) || !program.includes('/'), commandAdvice),
);

/** A text that is right, or what to write instead. */
function textThat(isRight: (text: string) => boolean, advice: string) {
  return v.optional(v.pipe(v.string(), v.check(isRight, advice)));
}

const configSchema = v.strictObject({
  library: textThat(isAbsolute, 'write the full path, beginning with "/"'),
  layout: v.optional(v.string()),
  reserve: textThat((text) => sizePattern.test(text), 'write a size such as "20 GB"'),
  timeZone: textThat(isTimeZone, 'write a time zone such as "Europe/Berlin"'),
  allowCloudFolder: v.optional(v.boolean('write true or false')),
  cardRoots: v.optional(folderList()),
  watchedFolders: v.optional(folderList()),
  schedule: textThat(isSchedule, 'write minute, hour, day, month and weekday, such as "0 12 * * *"'),
  logLevel: v.optional(v.picklist(['debug', 'info', 'warn', 'error'], 'write "debug", "info", "warn" or "error"')),
  helperUrl: textThat((text) => text === '' || parseHelperUrl(text) !== undefined, helperUrlAdvice),
  helperCommand: v.optional(helperCommand),
  helperName: v.optional(
    v.pipe(
      textUpTo(helperNameCharsMax, `write a name of ${helperNameCharsMax} letters at most`),
      v.check((name) => !/\p{Cc}/u.test(name), 'write a name without line breaks'),
    ),
  ),
});

export type ConfigKey = keyof v.InferOutput<typeof configSchema>;
export const configKeys = Object.keys(configSchema.entries) as readonly ConfigKey[];

/** Of whoever helps the owner, nothing is set unless they want it. */
export interface Config extends HelperSettings {
  /** Undefined: the default place. */
  readonly library: AbsolutePath | undefined;
  readonly layout: string;
  /** Bytes kept free on the library's disk; undefined: max(10 %, 20 GB) on the system disk, 1 % elsewhere. */
  readonly reserveBytes: number | undefined;
  /** IANA name. */
  readonly timeZone: string;
  readonly allowCloudFolder: boolean;
  /** Folders below which cards are mounted, besides the usual ones. */
  readonly cardRoots: readonly AbsolutePath[];
  /** Folders that are sources without being cards, such as the one a phone's app fills. */
  readonly watchedFolders: readonly AbsolutePath[];
  /** When the agent looks at everything again: five fields as crontab(5) has them. */
  readonly schedule: string;
  readonly logLevel: string;
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }) !== undefined;
  } catch {
    return false; // RangeError: no such zone
  }
}

/** @throws AgentError CONFIG_UNREADABLE, CONFIG_INVALID. A file that is not there is an empty one. */
export async function loadConfig(path: AbsolutePath): Promise<Config> {
  return parseConfig(path, await readConfigText(path));
}

async function readConfigText(path: AbsolutePath): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return '';
    throw new AgentError(
      'CONFIG_UNREADABLE',
      `The configuration "${path}" cannot be read (${systemErrorCode(error)}).`,
      {
        remedy: 'Make that file readable for you.',
        cause: error,
      },
    );
  }
}

/** @throws AgentError CONFIG_INVALID, naming the line and what to write instead. */
export function parseConfig(path: string, text: string): Config {
  const values = readValues(path, text);
  const layout = values.layout ?? defaultLayout;
  parseLayout(layout);
  return {
    library: values.library as AbsolutePath | undefined,
    layout,
    reserveBytes: values.reserve === undefined ? undefined : parseSize(values.reserve),
    timeZone: values.timeZone ?? systemTimeZone(),
    allowCloudFolder: values.allowCloudFolder ?? false,
    cardRoots: (values.cardRoots ?? []) as AbsolutePath[],
    watchedFolders: (values.watchedFolders ?? []) as AbsolutePath[],
    schedule: values.schedule ?? defaultSchedule,
    logLevel: values.logLevel ?? 'info',
    // Empty is how it is taken back: a line is never removed from the owner's file.
    helperUrl: values.helperUrl || undefined,
    helperCommand: values.helperCommand ?? [],
    helperName: values.helperName?.trim() || undefined,
  };
}

function readValues(path: string, text: string): v.InferOutput<typeof configSchema> {
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const why = error.message.split('\n')[0]?.replace(/^Invalid TOML document: /, '') ?? '';
    throw invalid(path, error.line, why, 'Correct that line, or remove it.', error);
  }
  const result = v.safeParse(configSchema, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const key = String(issue.path?.[0].key ?? '');
  if (issue.type === 'strict_object') {
    throw invalid(
      path,
      lineOf(text, key),
      `there is no setting "${key}"`,
      `Remove it. The settings are: ${configKeys.join(', ')}.`,
    );
  }
  const advice =
    issue.kind === 'schema' && !issue.message.startsWith('write') ? 'write a text in quotes' : issue.message;
  throw invalid(path, lineOf(text, key), `"${key}" is not understood`, `For "${key}", ${advice}.`);
}

function invalid(path: string, line: number, why: string, remedy: string, cause?: unknown): AgentError {
  return new AgentError('CONFIG_INVALID', `The configuration "${path}" has a mistake in line ${line}: ${why}.`, {
    remedy,
    cause,
  });
}

function lineOf(text: string, key: string): number {
  const index = text.split('\n').findIndex((line) => keyOfLine(line) === key || line.trim() === `[${key}]`);
  return index === -1 ? 1 : index + 1;
}

function keyOfLine(line: string): string | undefined {
  return /^\s*"?([A-Za-z0-9_-]+)"?\s*=/.exec(line)?.[1];
}

function parseSize(text: string): number {
  const match = sizePattern.exec(text);
  return Number(match?.[1]) * (sizeUnits[match?.[2]?.toUpperCase() ?? ''] ?? 1);
}

function systemTimeZone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone ?? 'UTC';
}

/** Keys that hold several folders. */
export const listKeys: readonly string[] = ['cardRoots', 'watchedFolders'] satisfies ConfigKey[];

function literalOf(key: string, values: readonly string[]): string {
  // TOML's basic strings are escaped as JSON's are (toml.io, v1.0.0, "String").
  if (listKeys.includes(key) || key === 'helperCommand')
    return `[${values.map((value) => JSON.stringify(value)).join(', ')}]`;
  const [text = '', ...rest] = values;
  if (rest.length > 0) {
    throw new AgentError('USAGE', `"${key}" takes one value.`, { remedy: 'Put a value with blanks in quotes.' });
  }
  return key === 'allowCloudFolder' && /^(true|false)$/.test(text) ? text : JSON.stringify(text);
}

/**
 * Sets one key and leaves the rest of the file, comments included, as it was.
 * @throws AgentError CONFIG_INVALID if the value cannot be; nothing is written then.
 */
export async function setConfigValue(path: AbsolutePath, key: string, values: readonly string[]): Promise<void> {
  if (!configKeys.some((each) => each === key)) {
    throw new AgentError('USAGE', `There is no setting "${key}".`, {
      remedy: `The settings are: ${configKeys.join(', ')}.`,
    });
  }
  const line = `${key} = ${literalOf(key, values)}`;
  const lines = (await readConfigText(path)).split('\n');
  const index = lines.findIndex((each) => keyOfLine(each) === key);
  if (index === -1) lines.unshift(line);
  else lines[index] = line;
  const next = lines.join('\n');
  parseConfig(path, next);
  try {
    await writeSmallFile(path, next.endsWith('\n') ? next : `${next}\n`, 0o600);
  } catch (error) {
    throw new AgentError('STATE_WRITE_FAILED', `The settings "${path}" could not be written.`, {
      remedy: 'Check that there is room on the disk of your home folder and that you may write there.',
      cause: error,
    });
  }
}
