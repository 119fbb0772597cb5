// What the person who helps is told: that something is wrong, which kind of thing, since when and why, in codes; and as a sentence.
// No names, no places, no numbers of photos: what is not in a `HelperFact` cannot be sent. Pure.

import type { OverdueLevel } from '../../domain/overdue.ts';
import type { Finding } from '../finding.ts';

export interface HelperFact {
  /** As in docs/errors.md and docs/helper.md. */
  readonly code: string;
  readonly level: OverdueLevel;
  /** Whole days that it has been so. */
  readonly days: number;
  /** Why, in codes. Absent: unknown, or nothing was in the way but that nobody did it. */
  readonly because?: readonly string[];
}

export interface HelperMessage {
  /** Of this form. */
  readonly format: 1;
  /** `change`: it is not as it was. `summary`: once a month, to say that it still works. `alive`: each day, where somebody counts on it. */
  readonly kind: 'change' | 'summary' | 'alive' | 'test';
  readonly state: HelperState;
  /** The day from which on it was so (UTC). */
  readonly since: string;
  /** Of Keepsake. */
  readonly version: string;
  readonly facts: readonly HelperFact[];
}

export type HelperState = 'ok' | 'needsYou';

/** More is not a list that anybody reads. */
const factsMax = 30;
const becauseMax = 5;
/** Our codes look like this. What does not, such as a name that got into a place for codes, is not sent. */
const codePattern = /^[A-Z][A-Z0-9_]{0,40}$/;

/** @param days that it has been so as far as was noticed, for what does not say itself. */
export function helperFact({ code, level, days: known, because }: Finding, days: number): HelperFact {
  const why = (because ?? []).filter((each) => codePattern.test(each)).slice(0, becauseMax);
  return {
    code: codePattern.test(code) ? code : 'OTHER',
    level,
    days: known ?? days,
    ...(why.length === 0 ? {} : { because: why }),
  };
}

export function helperMessage(of: {
  readonly kind: HelperMessage['kind'];
  readonly sinceMs: number;
  readonly version: string;
  readonly facts: readonly HelperFact[];
}): HelperMessage {
  const { kind, sinceMs, version, facts } = of;
  const state = facts.length === 0 ? 'ok' : 'needsYou';
  const since = new Date(sinceMs).toISOString().slice(0, 10);
  return { format: 1, kind, state, since, version, facts: facts.slice(0, factsMax) };
}

/** For whoever reads it on a telephone. */
export function describeForHelper({ kind, state, since, facts, version }: HelperMessage): {
  readonly title: string;
  readonly text: string;
} {
  const title =
    kind === 'test'
      ? 'Keepsake: this is a test'
      : state === 'needsYou'
        ? 'Keepsake: somebody should have a look'
        : 'Keepsake: all is well';
  const lines = [
    ...(kind === 'test' ? ['This is what a message of Keepsake looks like.'] : []),
    ...facts.map(inWords),
    ...(facts.length === 0 ? [`All has been well since ${since}.`] : []),
    `Keepsake ${version}`,
  ];
  return { title, text: lines.join('\n') };
}

function inWords({ code, days, because }: HelperFact): string {
  const what = phrases[code] ?? `Something needs a look (${code})`;
  const why = because === undefined ? '' : `; in the way: ${because.map(codeInWords).join(', ')}`;
  const since = days === 0 ? 'since today' : days === 1 ? 'for a day' : `for ${days} days`;
  return `${what}, ${since}${why}.`;
}

function codeInWords(code: string): string {
  return code.toLowerCase().replaceAll('_', ' ');
}

const phrases: Readonly<Record<string, string>> = {
  PHONE_OVERDUE: 'The photos of a phone have not all been saved',
  DRIVE_WAITING: 'New photos wait for a drive that is to have a copy',
  CHECK_DUE: 'Saved photos or a copy of them have not been checked for long',
  COPIES_NOT_CHECKED: 'New copies have not been read back',
  FILES_MISSING: 'Files left the photo folder, and nobody has said whether that is right',
  FILES_DAMAGED: 'Files are not as they were saved',
  DRILL_FAILED: 'A trial of giving photos back failed',
  AGENT_NOT_RUNNING: 'Keepsake does not run',
  AGENT_UNREACHABLE: 'Keepsake runs but does not answer',
  CHECK_FAILED: 'It could not be seen whether all is well',
  LIBRARY_MISSING: 'The photo folder is not there',
  LIBRARY_SILENT: 'The disk with the photo folder does not answer',
  LIBRARY_DAMAGED: 'The photo folder cannot be recognised',
  CATALOG_MISSING: 'The list of saved photos is not there',
  CATALOG_DAMAGED: 'The list of saved photos cannot be read',
  CONFIG_INVALID: 'The settings have a mistake in them',
  CONFIG_UNREADABLE: 'The settings cannot be read',
  STATE_DAMAGED: 'What Keepsake knows of devices or drives cannot be read',
  STATE_WRITE_FAILED: 'The disk of the home folder cannot be written',
  DISK_NEARLY_FULL: 'The disk of the home folder is nearly full',
  PAUSED_FOR_LONG: 'It is paused',
  CLOCK_IN_DOUBT: 'The date of the computer seems wrong',
};
