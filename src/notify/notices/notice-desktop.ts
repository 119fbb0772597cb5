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
}

export interface NoticeServiceOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly platform?: NodeJS.Platform;
  readonly clock: Clock;
  readonly log: Log;
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
