// What the owner reads about what is overdue, and about how many copies there are and where. Short, calm, what is so and what to do.
// Pure, and worded here for every surface; names come from outside, whoever shows them makes them printable.

import { assertNever } from './assert.ts';
import type { ErrorCode } from './errors.ts';
import type { Overdue, VisitsSince } from './overdue.ts';
import { type SafetySummary, type UnsafeReason, unsafeReasons } from './safety.ts';

/** One thing to say. `remedy` is empty where there is nothing to do. */
export interface Sentence {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
}

export function describeOverdue(overdue: Overdue): Sentence {
  const { kind } = overdue;
  switch (kind) {
    case 'phoneNotSaved':
      return aboutPhone(overdue);
    case 'driveWaiting':
      return aboutWaiting(overdue);
    case 'driveCheckDue':
      return aboutDriveCheck(overdue);
    case 'libraryCheckDue':
      return {
        code: 'CHECK_DUE',
        message: `Your photo folder is due for a check: some of it was last checked ${ago(overdue.ageDays)}.`,
        remedy: `Leave this computer on and plugged in for a night. ${checksByItself}`,
      };
    case 'copiesNotReadBack':
      return {
        code: 'COPIES_NOT_CHECKED',
        message: `${files(overdue.files)} copied to ${overdue.name} ${overdue.files === 1 ? 'has' : 'have'} not been checked yet.`,
        remedy: `Leave the drive connected, and this computer on and plugged in. ${checksByItself}`,
      };
    default:
      return assertNever(kind);
  }
}

/** @param today as the owner reads dates: by the clock that is in doubt. */
export function describeClockInDoubt(today: string): Sentence {
  return {
    code: 'CLOCK_IN_DOUBT',
    message: `This computer says that today is ${today}, but photos were saved later than that. Until its date is right, you are not reminded of anything.`,
    remedy: 'Look at the date and time in the settings of this computer, and let it set them by itself.',
  };
}

const checksByItself = 'The check runs by itself.';
const openKeepsake = 'Open Keepsake: it says what to do.';

type Of<Kind extends Overdue['kind']> = Extract<Overdue, { readonly kind: Kind }>;

function aboutPhone({ name, ageDays, since, isConnected, visits }: Of<'phoneNotSaved'>): Sentence {
  const obstacle = visits === undefined ? undefined : (phoneObstacles[visits.codes[0]] ?? otherObstacle);
  // What was begun and not ended saved some: then only "in full" is true.
  const inFull = visits?.codes.some((code) => !savedNothing.has(code)) === true ? ' in full' : '';
  const fact =
    since === 'lastSuccess'
      ? `Photos from ${name} were last saved${inFull} ${ago(ageDays)}.`
      : `Photos from ${name} have not been saved${inFull} since it was added ${ago(ageDays)}.`;
  const why = visits === undefined || obstacle === undefined ? '' : ` ${visitsInWords(visits, obstacle.but)}`;
  const { away, here } = obstacle ?? locked;
  return { code: 'PHONE_OVERDUE', message: `${fact}${why}`, remedy: isConnected ? here : away };
}

/** What was in the way, as it follows "It was here but"; what helps while it is away, and while it is connected. */
interface Obstacle {
  readonly but: string;
  readonly away: string;
  readonly here: string;
}

const plugAndUnlock = 'Plug it in and unlock it.';
const replug = 'Unplug it, plug it in again and unlock it.';
const plugAndStay = 'Plug it in and leave it connected until all is saved.';
const leaveIt = 'Leave it connected until all is saved.';
const trust = 'unlock it, tap "Trust" and enter its code.';
const thenPlug = 'Then plug in the iPhone and unlock it.';
const thenUnlock = 'Then unlock the iPhone.';
const connectFolder = 'Connect the drive with your photo folder.';
const makeRoom = 'Make room on the drive with your photo folder.';

const locked: Obstacle = { but: 'locked', away: plugAndUnlock, here: 'Unlock it.' };
const pulled: Obstacle = { but: 'unplugged before the end', away: plugAndStay, here: leaveIt };
const interrupted: Obstacle = { but: 'saving was interrupted', away: plugAndStay, here: leaveIt };
const silent: Obstacle = {
  but: 'it stopped answering',
  away: 'Restart it, then plug it in and unlock it.',
  here: 'Unplug it, restart it, then plug it in and unlock it.',
};
const folderAway: Obstacle = {
  but: 'the drive with your photo folder was not connected',
  away: `${connectFolder} ${thenPlug}`,
  here: `${connectFolder} ${thenUnlock}`,
};
const see = (but: string): Obstacle => ({ but, away: openKeepsake, here: openKeepsake });
const unreadable = see('some photos on it could not be read');
const folderClosed = see('your photo folder could not be written to');
const otherObstacle = see('something was in the way');

const phoneObstacles: Partial<Record<ErrorCode, Obstacle>> = {
  PHONE_LOCKED: locked,
  PHONE_TRUST_PENDING: {
    but: 'waiting for somebody to tap "Trust"',
    away: `Plug it in, ${trust}`,
    here: 'Unlock it, tap "Trust" and enter its code.',
  },
  PHONE_TRUST_DENIED: {
    but: 'somebody tapped "Don\'t Trust" on it',
    away: `Plug it in, ${trust}`,
    here: `Unplug it, plug it in again, ${trust}`,
  },
  PHONE_NOT_PAIRED: {
    but: 'it did not know this computer any more',
    away: `Plug it in, ${trust}`,
    here: 'Unlock it, tap "Trust" and enter its code.',
  },
  PHONE_NEEDS_CABLE: { but: 'not on its cable', away: 'Plug it in with its cable and unlock it.', here: plugAndUnlock },
  PHONE_MANAGED: {
    but: 'the company or school that looks after it forbids computers to read from it',
    away: 'Ask them whether they can allow it.',
    here: 'Ask them whether they can allow it.',
  },
  PHONE_IMPOSTOR: see('it could not show that it is the same iPhone'),
  PHONE_BUSY: { but: 'busy', away: plugAndUnlock, here: replug },
  PHONE_STALLED: silent,
  PHONE_PROTOCOL: silent,
  USBMUXD_MISSING: see('this computer lacks a program to talk to iPhones'),
  SOURCE_GONE: pulled,
  SOURCE_MISSING: pulled,
  SOURCE_READ_FAILED: unreadable,
  SOURCE_ENTRY_VANISHED: unreadable,
  SOURCE_ENTRY_CHANGING: unreadable,
  SOURCE_ENTRY_NOT_DOWNLOADED: unreadable,
  SOURCE_TOO_LARGE: unreadable,
  LIBRARY_FULL: {
    but: 'there was no room left in your photo folder',
    away: `${makeRoom} ${thenPlug}`,
    here: `${makeRoom} ${thenUnlock}`,
  },
  LIBRARY_MISSING: folderAway,
  LIBRARY_GONE: folderAway,
  LIBRARY_READ_ONLY: folderClosed,
  LIBRARY_WRITE_FAILED: folderClosed,
  INTERRUPTED: interrupted,
};

/** Visits of these ended before the first photo. */
const savedNothing: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'PHONE_LOCKED',
  'PHONE_TRUST_PENDING',
  'PHONE_TRUST_DENIED',
  'PHONE_NOT_PAIRED',
  'PHONE_NEEDS_CABLE',
  'PHONE_MANAGED',
  'PHONE_IMPOSTOR',
  'PHONE_BUSY',
  'USBMUXD_MISSING',
  'SOURCE_MISSING',
  'LIBRARY_MISSING',
]);

function visitsInWords({ count, codes }: VisitsSince, but: string): string {
  if (codes.length === 1) return `It was here ${times(count)} but ${but}.`;
  return `It was here ${times(count)}, the last time ${but}.`;
}

function aboutWaiting(overdue: Of<'driveWaiting'>): Sentence {
  const { name, files: amount, ageDays, isElsewhere, isAttached, unseenDays, visits } = overdue;
  const seen = unseenDays === undefined ? '' : ` It was last connected ${ago(unseenDays)}.`;
  const obstacle = visits === undefined ? undefined : (driveObstacles[visits.codes[0]] ?? otherDriveObstacle);
  const why = visits === undefined || obstacle === undefined ? seen : ` ${visitsInWords(visits, obstacle.but)}`;
  const connect = isElsewhere ? 'Bring the drive home and connect it.' : 'Connect the drive.';
  const copies = 'Copying begins by itself.';
  return {
    code: 'DRIVE_WAITING',
    message: `New photos (${files(amount)}) have been waiting for ${name} for ${days(ageDays)}.${why}`,
    remedy: obstacle?.remedy ?? (isAttached ? openKeepsake : `${connect} ${copies}`),
  };
}

const otherDriveObstacle = { but: 'not all could be copied', remedy: openKeepsake };
const driveObstacles: Partial<Record<ErrorCode, { readonly but: string; readonly remedy: string }>> = {
  DRIVE_FULL: { but: 'full', remedy: 'Make room on it, or use a larger drive. What is on it stays.' },
  DRIVE_GONE: { but: 'unplugged before the end', remedy: 'Connect it, and leave it connected until all is copied.' },
  DRIVE_READ_ONLY: {
    but: 'it could not be written to',
    remedy: 'See whether the drive has a lock. A worn-out drive also does that.',
  },
  DRIVE_WRITE_FAILED: {
    but: 'writing to it failed',
    remedy: 'Unplug it and plug it in again. If it happens again, it may be wearing out.',
  },
  COPY_BRAKED: { but: 'copying stopped to ask you something', remedy: 'Open Keepsake and answer it.' },
  LIBRARY_MISSING: {
    but: 'your photo folder was not there',
    remedy: 'Connect the drive with your photo folder, then this one.',
  },
  INTERRUPTED: { but: 'copying was interrupted', remedy: 'Connect it, and leave it connected until all is copied.' },
};

function aboutDriveCheck({ name, ageDays, level, isElsewhere, isAttached }: Of<'driveCheckDue'>): Sentence {
  const connect = isElsewhere ? 'Bring the drive home, connect it' : 'Connect the drive';
  return {
    code: 'CHECK_DUE',
    message:
      level === 'serious'
        ? `Some copies on ${name} were last checked ${ago(ageDays)}. That is too long ago to count on them.`
        : `${name} is due for a check: some copies on it were last checked ${ago(ageDays)}.`,
    remedy: isAttached
      ? `Leave the drive connected, and this computer on and plugged in. ${checksByItself}`
      : `${connect} and leave it connected. ${checksByItself}`,
  };
}

export interface SafetyWords {
  /** One line: how many are safe. */
  readonly headline: Sentence;
  /** Why the others are not; nothing to be reminded of before it is overdue. */
  readonly why: readonly Sentence[];
  /** What would be better still, and is nobody's fault. */
  readonly suggestions: readonly Sentence[];
  /** What is good to know. */
  readonly notes: readonly Sentence[];
}

/** The three numbers and what they mean. */
export function describeSafety(of: {
  readonly summary: SafetySummary;
  /** Drives that the library is copied to. */
  readonly drives: readonly { readonly isElsewhere: boolean }[];
  /** A phone or Mac says that it keeps its photos in iCloud. */
  readonly usesICloudPhotos: boolean;
}): SafetyWords {
  const { summary, drives } = of;
  const { assets } = summary;
  return {
    headline: headline(summary),
    why: unsafeReasons.flatMap((reason) => {
      const amount = summary.notSafe[reason];
      return amount === 0 ? [] : [aboutUnsafe({ reason, amount, hasDrive: drives.length > 0 })];
    }),
    suggestions: assets === 0 ? [] : aboutElsewhere(summary, drives),
    notes: of.usesICloudPhotos && assets > 0 ? [aboutICloud] : [],
  };
}

function headline({ assets, safe, everyAsset, elsewhere }: SafetySummary): Sentence {
  if (assets === 0) return { code: 'NO_PHOTOS', message: 'No photos have been saved yet.', remedy: '' };
  const away =
    elsewhere === 0
      ? ''
      : elsewhere === assets
        ? ' One copy is away from home.'
        : ` ${number(elsewhere)} ${elsewhere === 1 ? 'is' : 'are'} also away from home.`;
  if (safe === assets) {
    const all = assets === 1 ? 'Your photo is safe: it is' : `All ${photos(assets)} are safe: each is`;
    return { code: 'ALL_SAFE', message: `${all} on at least ${everyAsset.disks} separate drives.${away}`, remedy: '' };
  }
  const message = `${number(safe)} of ${photos(assets)} ${safe === 1 ? 'is' : 'are'} safe, on at least 2 separate drives.${away}`;
  return { code: 'NOT_ALL_SAFE', message, remedy: '' };
}

function aboutUnsafe(of: {
  readonly reason: UnsafeReason;
  readonly amount: number;
  readonly hasDrive: boolean;
}): Sentence {
  const { reason, amount, hasDrive } = of;
  const these = photos(amount);
  const are = amount === 1 ? 'is' : 'are';
  const have = amount === 1 ? 'has' : 'have';
  const connect = 'Connect the drive with the copy and leave it connected.';
  switch (reason) {
    case 'finding':
      return {
        code: 'COPY_HAS_PROBLEM',
        message: `${these} ${have} a problem with a copy.`,
        remedy: 'Open Keepsake to see which, and what to do.',
      };
    case 'notCopied':
      return {
        code: 'NOT_COPIED',
        message: `${these} ${are} in your photo folder only.`,
        remedy: hasDrive
          ? 'Connect a drive with a copy. New photos are copied by themselves.'
          : 'Connect an external drive, and add it in Keepsake.',
      };
    case 'oneDisk':
      return {
        code: 'ONE_DISK',
        message: `${these} ${have} a copy only on the same disk. If it fails, both are lost.`,
        remedy: 'Add a separate drive.',
      };
    case 'notReadBack':
      return {
        code: 'COPY_NOT_CHECKED',
        message: `${these} ${have} a new copy that was not checked yet.`,
        remedy: `${connect} ${checksByItself}`,
      };
    case 'notCheckedForLong':
      return {
        code: 'CHECK_TOO_OLD',
        message: `${these} ${have} a copy that was last checked too long ago to count on.`,
        remedy: `${connect} ${checksByItself}`,
      };
    default:
      return assertNever(reason);
  }
}

function aboutElsewhere(
  { assets, elsewhere }: SafetySummary,
  drives: readonly { readonly isElsewhere: boolean }[],
): readonly Sentence[] {
  if (elsewhere === assets) return [];
  const missing = assets - elsewhere;
  if (elsewhere > 0 || drives.some(({ isElsewhere }) => isElsewhere)) {
    return [
      {
        code: 'NOT_ALL_AWAY',
        message: `${photos(missing)} ${missing === 1 ? 'has' : 'have'} no copy away from home yet.`,
        remedy: 'They are copied when the drive that is kept away is next connected here.',
      },
    ];
  }
  return [
    {
      code: 'NONE_AWAY',
      message: 'There is no copy of your photos away from home.',
      remedy: 'If you like, keep one drive at the home of a relative or friend, for the case of fire or theft.',
    },
  ];
}

const aboutICloud: Sentence = {
  code: 'ICLOUD_NOT_COUNTED',
  message: 'iCloud: synced, not proven. It is not counted: a photo deleted on a phone is deleted there too.',
  remedy: '',
};

function ago(ageDays: number): string {
  return ageDays === 0 ? 'today' : ageDays === 1 ? 'yesterday' : `${number(ageDays)} days ago`;
}

function days(amount: number): string {
  return amount === 1 ? '1 day' : `${number(amount)} days`;
}

function times(amount: number): string {
  return amount === 1 ? 'once' : amount === 2 ? 'twice' : `${number(amount)} times`;
}

function photos(amount: number): string {
  return amount === 1 ? '1 photo' : `${number(amount)} photos`;
}

function files(amount: number): string {
  return amount === 1 ? '1 file' : `${number(amount)} files`;
}

function number(amount: number): string {
  return amount.toLocaleString('en');
}
