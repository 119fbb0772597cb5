// The seam to whatever shows notices on a desktop.

import { AgentError } from '../../domain/errors.ts';
import type { Notice } from '../../domain/notice.ts';
import type { OwnerWish } from '../../domain/owner-wish.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';

export interface NoticeService extends AsyncDisposable {
  /** Resolves when the desktop took it. @throws AgentError NOTICE_UNDELIVERED */
  show(notice: Notice): Promise<void>;
  /** Takes it back, if it is still there. Never rejects. */
  withdraw(key: string): Promise<void>;
  /**
   * What a run before this one left on the screen, because it ended without a word, is taken back: nobody hears its buttons any more.
   * Returns the keys. Takes some seconds with a desktop that hangs; never rejects.
   */
  takeBackLeftOvers(): Promise<readonly string[]>;
  /** Takes back what is still there, unless the process is short-lived: nobody hears of its buttons from then on. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A notice with buttons that is on a screen, so that it can be found again after a crash. */
export interface ShownNotice {
  readonly key: string;
  /** Its number, which means something only to whoever gave it: on this bus, under the name that nobody gets after them. */
  readonly id: number;
  readonly owner: string;
  readonly bus: string;
}

/** Where it is noted what is on the screen. Neither rejects: at worst a question stays there after a crash. */
export interface NoticeMemory {
  load(): Promise<readonly ShownNotice[]>;
  save(shown: readonly ShownNotice[]): Promise<void>;
}

export interface NoticeServiceOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly platform?: NodeJS.Platform;
  readonly clock: Clock;
  readonly log: Log;
  /** Absent: nothing is noted, and nothing is found after a crash. */
  readonly memory?: NoticeMemory;
  /** A button was pressed. */
  readonly onWish: (wish: OwnerWish) => void;
  /** A desktop that takes longer to answer hangs. 5 seconds if it is left out. */
  readonly answerTimeoutMs?: number;
  /**
   * This process ends at once. GNOME and Cinnamon take a notice that names its program away with the connection it came from; such a one
   * does not name it.
   */
  readonly isShortLived?: boolean;
}

export const defaultAnswerTimeoutMs = 5000;
/** More is not read in a notice. */
const textCharsMax = 600;

export function cut(text: string): string {
  const characters = [...text];
  return characters.length <= textCharsMax ? text : `${characters.slice(0, textCharsMax - 1).join('')}…`;
}

export function undelivered(cause: unknown): AgentError {
  return new AgentError('NOTICE_UNDELIVERED', 'This desktop shows no messages of Keepsake right now.', {
    remedy: 'They are in the list of: keepsake status',
    cause,
  });
}
