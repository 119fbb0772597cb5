// What the owner reads of doctor: what was tried, what came of it, what that means, and one thing to do. Pure.

import type { Finding, Outcome } from './check.ts';
import type { TrialStep } from './trial.ts';

export interface Said {
  readonly meaning: string;
  readonly nextStep?: string;
}

export const titles = {
  runtime: "Keepsake's own program runs",
  database: 'The database works',
  version: 'The age of Keepsake',
  exiftool: 'Dates of rare kinds of files can be read',
  mountWatch: 'Drives and cards are noticed at once',
  iconLibraries: 'What the icon needs is installed',
  settings: 'The settings',
  folders: 'Only you can look into what Keepsake keeps',
  home: 'Your home folder can be written and has room',
  devices: 'What is known of your phones and cards',
  list: 'The list of saved photos',
  listCopy: 'The copy of that list in your photo folder',
  library: 'Your photo folder can be written and read',
  libraryRoom: 'Room for more photos',
  clock: 'The clock of this computer',
  login: 'Keepsake starts when you log in',
  agent: 'Keepsake runs and answers',
  icon: 'The icon',
  notification: 'Messages on the screen',
  iphones: 'This computer can talk to iPhones',
  power: 'This computer stays awake',
  drives: 'Drives with a second copy',
} as const;

export function driveTitle(name: string): string {
  return `The copy on "${name}" can be written and read`;
}

export function driveRoomTitle(name: string): string {
  return `Room on "${name}"`;
}

export function phoneTitle(name: string): string {
  return `"${name}" lets this computer in`;
}

export const noAnswer: Said = {
  meaning: 'This did not answer in time, so Keepsake may be held up by it too.',
  nextStep: 'Restart this computer, then run this again: keepsake doctor',
};

export const couldNotLook: Said = {
  meaning: 'Whether this works could not be found out.',
  nextStep: 'Run this again; if it stays so, send a report to whoever helps you: keepsake doctor --bundle FILE',
};

const settingsFirst: Said = {
  meaning: 'Not tried, because the settings cannot be read.',
};

export const withoutSettings: Finding = { result: 'skipped', ...settingsFirst };

export const withoutLibrary: Finding = {
  result: 'skipped',
  meaning: 'Not tried, because your photo folder cannot be reached.',
};

const installAgain = 'Install Keepsake again. Your photos and settings stay as they are.';

export const runtime = {
  own: (version: string): Said => ({ meaning: `It runs on the Node.js that comes with it (${version}).` }),
  other: (version: string): Said => ({
    meaning: `It runs on another Node.js (${version}) than the one that comes with it, which is not tried together.`,
    nextStep: installAgain,
  }),
  missing: (version: string): Said => ({
    meaning: `The Node.js that should come with Keepsake is not there; it runs on another one (${version}).`,
    nextStep: installAgain,
  }),
};

export const database = {
  works: { meaning: 'A trial database was written and read.' },
  fails: { meaning: 'No database can be opened, so no photos can be saved.', nextStep: installAgain },
  noTemporary: (code: string): Said => ({
    meaning: `Nothing can be kept in this computer's folder for temporary files (${code}), which many programs need.`,
    nextStep: 'Make room on the disk of this computer, then restart it: that empties that folder.',
  }),
};

export const version = {
  recent: (number: string, days: number): Said => ({ meaning: `Keepsake ${number}, from ${ago(days)}.` }),
  old: (number: string, days: number): Said => ({
    meaning: `Keepsake ${number} was put on this computer ${ago(days)}. A newer one may know newer iPhones.`,
    nextStep: 'Install the newest Keepsake. Your photos and settings stay as they are.',
  }),
  unknown: (number: string): Said => ({ meaning: `Keepsake ${number}. From when it is cannot be told.` }),
};

export const exiftool = {
  works: { meaning: 'The program for that runs.' },
  missing: {
    meaning:
      'The program for that does not run. Photos are saved all the same; a few may be filed by the date of their file.',
    nextStep: process.platform === 'linux' ? 'Install it with: sudo apt install perl' : installAgain,
  },
};

export const mountWatch = {
  works: { meaning: 'The program for that is installed.' },
  missing: {
    meaning: 'A small program is not installed, so a drive or card may be noticed a minute late.',
    nextStep: 'Install it with: sudo apt install util-linux',
  },
  notNeeded: { meaning: 'This system tells of them by itself.' },
};

export const iconLibraries = {
  works: { meaning: 'All of it is there.' },
  noProgram: { meaning: 'For this kind of computer there is no icon. Keepsake works without it: keepsake status' },
  missing: (names: string): Said => ({
    meaning: `Keepsake works, but cannot show its icon: ${names} is not installed.`,
    nextStep: 'Install it with: sudo apt install libayatana-appindicator3-1',
  }),
  notNeeded: { meaning: 'The icon needs nothing else here.' },
  unknown: { meaning: 'Whether it is cannot be told here.' },
};

export const settings = {
  valid: { meaning: 'They are understood.' },
  none: { meaning: 'None were changed: the usual ones hold.' },
};

export const folders = {
  none: { meaning: 'Nothing was kept yet.' },
  private: { meaning: 'It belongs to you, and nobody else can look into it.' },
  othersOwn: (path: string): Said => ({
    meaning: `"${path}" belongs to somebody else, so Keepsake may not be able to write there.`,
    nextStep: `Make it yours: sudo chown -R "$(id -un)" "${path}"`,
  }),
  open: (path: string): Said => ({
    meaning: `Others who use this computer can look into "${path}".`,
    nextStep: `Close it to them: chmod go-rwx "${path}"`,
  }),
  notWritable: (path: string): Said => ({
    meaning: `Keepsake cannot write in "${path}", so it cannot save photos.`,
    nextStep: `Give yourself the right to: chmod u+rwx "${path}"`,
  }),
};

export const home = {
  enough: (freeBytes: number): Said => ({ meaning: `${inWords(freeBytes)} are free.` }),
  little: (freeBytes: number): Said => ({
    meaning: `Only ${inWords(freeBytes)} are free on the disk of your home folder. Keepsake needs some of that to save photos.`,
    nextStep: 'Empty the trash of this computer, and remove programs or files that you do not need.',
  }),
  silent: {
    meaning: 'The disk with your home folder does not answer.',
    nextStep: 'Restart this computer.',
  },
  cannotBegin: {
    meaning: 'Keepsake cannot keep its notes in your home folder, so no photos can be saved.',
    nextStep: 'Give yourself the right to write in your home folder.',
  },
  failed: (step: TrialStep, code: string): Said => {
    const meaning = `A small file could not be ${stepWords[step]} where Keepsake keeps its notes (${code}), so no photos can be saved.`;
    if (isFull(code)) return { meaning, nextStep: 'Make room on the disk of your home folder.' };
    // A system that found a fault in its disk goes on without writing to it.
    if (code === 'EROFS')
      return { meaning, nextStep: 'Restart this computer; if it stays so, its disk may be failing.' };
    return isRefused(code)
      ? { meaning, nextStep: 'Give yourself the right to write in your home folder.' }
      : { meaning, nextStep: 'Copy what you need from this computer to another disk: its own may be failing.' };
  },
};

export const devices = {
  readable: (known: number): Said => ({
    meaning: known === 0 ? 'Nothing is known yet.' : `It can be read: ${count(known, 'device', 'devices')}.`,
  }),
};

export const list = {
  whole: (photos: number): Said => ({ meaning: `It is whole, with ${count(photos, 'photo', 'photos')}.` }),
  none: { meaning: 'Nothing was saved yet.' },
  slow: {
    meaning: 'It could not be read in a minute. It may be well; the disk of this computer is slow or busy.',
    nextStep: 'Run this again when this computer has nothing else to do.',
  },
  missing: {
    meaning: 'It is not on this computer. Your photos are not affected.',
    nextStep: 'Have it made anew from your photo folder: keepsake rebuild',
  },
  damaged: {
    meaning: 'It contradicts itself. Your photos are not affected, but new ones cannot be saved.',
    nextStep: 'Have it made anew from your photo folder: keepsake rebuild',
  },
};

export const listCopy = {
  recent: (days: number): Said => ({ meaning: `It is from ${ago(days)}.` }),
  old: (days: number): Said => ({
    meaning: `Photos were saved since, but the copy of the list is from ${ago(days)}.`,
    nextStep: 'Save photos once more: keepsake backup',
  }),
  missing: {
    meaning: 'There is none. It is only a help, should this computer be lost: your photos can be used without it.',
    nextStep: 'It is made when photos are saved next: keepsake backup',
  },
  notYet: { meaning: 'It is made when photos are saved for the first time.' },
};

export const library = {
  works: { meaning: 'A small file was written, read, renamed and removed again.' },
  notYet: (root: string): Said => ({ meaning: `"${root}" is made when photos are saved for the first time.` }),
  cannotBegin: (root: string): Said => ({
    meaning: `Your photo folder is to be "${root}", but nothing can be written there.`,
    nextStep: 'Choose another one: keepsake config set library FOLDER',
  }),
  missing: (root: string): Said => ({
    meaning: `Your photo folder is not at "${root}", where it was.`,
    nextStep: 'Connect the drive that it is on; if you moved it: keepsake config set library FOLDER',
  }),
  damaged: {
    meaning: 'The file by which Keepsake knows your photo folder cannot be read. Your photos are not affected.',
    nextStep: 'Leave the folder as it is and ask for help: keepsake doctor --bundle FILE',
  },
  silent: {
    meaning: 'The disk with your photo folder does not answer.',
    nextStep: 'Unplug that disk and plug it in again, or restart this computer.',
  },
  failed: (step: TrialStep, code: string): Said => {
    const what = `${stepWords[step]} in your photo folder (${code})`;
    if (isFull(code))
      return {
        meaning: `A small file could not be ${what}: its disk is full.`,
        nextStep: 'Make room on that disk, or choose a photo folder on a larger one.',
      };
    if (isRefused(code))
      return {
        meaning: `A small file could not be ${what}: nothing can be changed there.`,
        nextStep: 'Check that you may write to your photo folder and that its disk is not locked or worn out.',
      };
    return {
      meaning: `A small file could not be ${what}: the disk may be failing.`,
      nextStep: 'Copy your photo folder to another disk, and use that one from now on.',
    };
  },
};

export const libraryRoom = {
  enough: (freeBytes: number): Said => ({ meaning: `${inWords(freeBytes)} are free.` }),
  little: (freeBytes: number): Said => ({
    meaning: `${inWords(freeBytes)} are free: that is filled soon.`,
    nextStep: 'Make room on the disk of your photo folder before it is full.',
  }),
  none: (freeBytes: number, reserveBytes: number): Said => ({
    meaning: `${inWords(freeBytes)} are free, and ${inWords(reserveBytes)} are kept free, so no photos are saved any more.`,
    nextStep: 'Make room on the disk of your photo folder, or choose one on a larger drive.',
  }),
  unknown: { meaning: 'This disk does not tell how much room it has.' },
};

export const drive = {
  none: {
    meaning: 'None was added, so there is one copy of your photos only.',
    nextStep: 'Connect a drive and add it: keepsake drives add',
  },
  away: { meaning: 'It is not connected now.' },
  works: library.works,
  silent: {
    meaning: 'It is connected and does not answer.',
    nextStep: 'Unplug that drive and plug it in again; if it stays so, use another one.',
  },
  damaged: {
    meaning: 'Which copy it has cannot be read on it, so it is not used.',
    nextStep: 'Add it again: keepsake drives add. What is right on it is used.',
  },
  impostor: {
    meaning: 'A disk is connected that says that it is this drive, and is another one. It is not used.',
    nextStep: 'If you copied the drive and want to use both: keepsake drives add',
  },
  ambiguous: {
    meaning: 'Two disks are connected that say that they are this drive. Neither is used.',
    nextStep: 'Take one of them out.',
  },
  failed: (step: TrialStep, code: string): Said => {
    const what = `${stepWords[step]} on it (${code})`;
    if (isFull(code))
      return {
        meaning: `A small file could not be ${what}: it is full.`,
        nextStep: 'Make room on it, or use a larger drive.',
      };
    if (isRefused(code))
      return {
        meaning: `A small file could not be ${what}: nothing can be changed there.`,
        nextStep: 'Check its lock; a worn-out drive cannot be written any more, and another one is needed then.',
      };
    return { meaning: `A small file could not be ${what}: the drive may be failing.`, nextStep: 'Use another drive.' };
  },
};

export const driveRoom = {
  enough: (freeBytes: number): Said => ({ meaning: `${inWords(freeBytes)} are free.` }),
  little: (freeBytes: number): Said => ({
    meaning: `Only ${inWords(freeBytes)} are free: new photos may not fit.`,
    nextStep: 'Make room on it, or add a larger drive: keepsake drives add',
  }),
  unknown: libraryRoom.unknown,
};

export const clock = {
  right: { meaning: 'It shows a sensible date.' },
  wrongYear: (date: string): Said => ({
    meaning: `It shows ${date}. With a wrong date, Keepsake cannot tell what is overdue.`,
    nextStep: 'Set date and time of this computer.',
  }),
  behind: (date: string): Said => ({
    meaning: `It shows ${date}, which is before photos were saved last.`,
    nextStep: 'Set date and time of this computer.',
  }),
  notSet: {
    meaning: 'It shows a sensible date, but is not set over the internet, so it may go wrong in time.',
    nextStep: 'Switch on "Automatic Date & Time" in the settings of this computer.',
  },
};

export const login = {
  starts: { meaning: 'It does, and it is up to date.' },
  notSetUp: {
    meaning: 'It does not: nothing is saved by itself unless you start it.',
    nextStep: 'Have it start by itself: keepsake install',
  },
  switchedOff: {
    meaning: 'That was switched off: nothing is saved by itself unless you start it.',
    nextStep: 'Switch it on: keepsake install',
  },
  outdated: {
    meaning: 'How it is started is out of date, or was changed by hand.',
    nextStep: 'Put it right: keepsake install',
  },
  trouble: {
    meaning: 'The last time it was started, it ended by a fault.',
    nextStep: 'Restart this computer; if it stays so, set it up again: keepsake install',
  },
  unsupported: { meaning: 'Keepsake cannot start by itself on this system yet.' },
};

export const agent = {
  answers: (ms: number): Said => ({ meaning: `It answered within ${ms < 1000 ? 'a second' : 'some seconds'}.` }),
  slow: {
    meaning: 'It answered after some seconds only. It may be busy saving photos.',
    nextStep: 'Run this again when it has nothing to do.',
  },
  silent: {
    meaning: 'It is running but does not answer. Photos may not be saved.',
    nextStep: 'Restart this computer.',
  },
  absent: {
    meaning: 'It is not running, so nothing is saved by itself.',
    nextStep: 'Restart this computer; if it does not run then: keepsake install',
  },
  notStarted: {
    meaning: 'It is not running, so nothing is saved by itself.',
    nextStep: 'Have it start by itself: keepsake install',
  },
};

export const icon = {
  shown: { meaning: 'It is shown.' },
  possible: { meaning: 'This desktop has a place for it.' },
  noPlace: {
    meaning: 'This desktop has no place for it. Keepsake works all the same.',
    nextStep: 'Look at how things stand with: keepsake status',
  },
  noDesktop: { meaning: 'No desktop can be reached from here.' },
  notTried: { meaning: 'It cannot be tried on this system; look for it in the bar of your screen.' },
};

export const notification = {
  title: 'Keepsake',
  body: 'This is a trial message from Keepsake.',
  shown: {
    meaning:
      'A trial message was shown for some seconds. If you did not see it, messages are switched off on this computer.',
  },
  refused: {
    meaning: 'This desktop did not take a trial message, so Keepsake cannot remind you of anything.',
    nextStep: 'Log out and in again, then run this again: keepsake doctor',
  },
  noDesktop: { meaning: 'Not tried: no desktop can be reached from here.' },
  quiet: { meaning: 'Not tried, as you asked.' },
};

export const iphones = {
  none: { meaning: 'It can. No iPhone is connected now.' },
  some: (phones: number): Said => ({ meaning: `It can. ${count(phones, 'iPhone is', 'iPhones are')} connected.` }),
  waiting: { meaning: 'What is needed is installed, and begins when an iPhone is connected.' },
  notBegun: {
    meaning: 'An iPhone or iPad is plugged in, but what this computer needs to talk to it has not begun.',
    nextStep: 'Unplug it and plug it in again; if it stays so, restart this computer.',
  },
  deaf: {
    meaning: 'An iPhone or iPad is plugged in, but does not talk to this computer. Another program may be holding it.',
    nextStep: 'Close programs that show its photos, unlock it, then unplug it and plug it in again.',
  },
};

export const phone = {
  ready: { meaning: 'It does: its photos can be read.' },
};

export const power = {
  awake: { meaning: 'It does not go to sleep by itself while it is plugged in.' },
  sleeps: (minutes: number): Said => ({
    meaning: `It goes to sleep ${minutes > 0 ? `after ${count(minutes, 'minute', 'minutes')}` : 'after a while'} without you, also while it is plugged in. Photos are saved only while it is awake.`,
    nextStep: 'If photos are to be saved overnight, switch that off in the power settings of this computer.',
  }),
  unknown: { meaning: 'Whether it goes to sleep by itself cannot be told here.' },
};

const stepWords: Readonly<Record<TrialStep, string>> = {
  write: 'written',
  flush: 'put onto the disk',
  read: 'read back',
  link: 'given a second name safely',
  rename: 'renamed',
  'flush-folder': 'filed',
  remove: 'removed',
};

function isFull(code: string): boolean {
  return ['ENOSPC', 'EDQUOT'].includes(code);
}

function isRefused(code: string): boolean {
  return ['EROFS', 'EACCES', 'EPERM'].includes(code);
}

export const marks: Readonly<Record<Outcome, string>> = { pass: '✓', advice: '!', fail: '✗', skipped: '–' };

const outcomeWords: Readonly<Record<Outcome, string>> = {
  pass: 'good',
  advice: 'could be better',
  fail: 'does not work',
  skipped: 'not tried',
};

/** Of one check: a line, and below it what it means and what to do, unless all is well. */
export function outcomeLine({ title, result }: { readonly title: string; readonly result: Outcome }): string {
  return `${marks[result]} ${title}: ${outcomeWords[result]}`;
}

export function conclusion(results: readonly Outcome[]): string {
  const failed = results.filter((result) => result === 'fail').length;
  const advised = results.filter((result) => result === 'advice').length;
  if (failed > 0) return `${count(failed, 'thing does', 'things do')} not work: begin with the first one.`;
  if (advised > 0) return `Everything works; ${count(advised, 'thing', 'things')} could be better.`;
  return 'Everything works.';
}

export function reportWritten(path: string): string {
  return `A report for whoever helps you is in "${path}". It has no photos, and no names of people, devices, files or places. Look into it before you send it.`;
}

export const reportReadMe = `A report of Keepsake for whoever helps its owner.

doctor.json    what was tried, and what came of it
versions.json  this Keepsake and what it runs on
settings.json  the settings: which are set, without names and folders
state.json     counts and ages of what Keepsake keeps
status.json    how things stand, in numbers
log.txt        the end of the log

There are no photos in it, and no names of people, devices, files or places: "phone-1" is the same iPhone wherever it is named.
The words in "code" are explained in the documentation of Keepsake, under "Errors".
`;

function count(amount: number, one: string, many: string): string {
  return `${amount.toLocaleString('en-US')} ${amount === 1 ? one : many}`;
}

function ago(days: number): string {
  return days <= 0 ? 'today' : days === 1 ? 'yesterday' : `${days} days ago`;
}

function inWords(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.floor(bytes / 1e6)} MB`;
}
