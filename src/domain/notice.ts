// A notification as every desktop can show it: what is so, what to do, and what a click can do about it.

import type { OwnerWish } from './owner-wish.ts';

export interface NoticeButton {
  readonly label: string;
  readonly wish: OwnerWish;
}

export interface Notice {
  /** The same as long as it is about the same thing: a notice of the same key takes the place of the one before. */
  readonly key: string;
  readonly title: string;
  /** Plain text; may be empty. Names in it come from outside, whoever shows it makes them harmless. */
  readonly body: string;
  /** At most three. A desktop without buttons shows the notice without them. */
  readonly buttons: readonly NoticeButton[];
  /**
   * `quiet`: an answer to what the owner just did: no sound, goes away by itself. `normal`: goes away by itself, stays in the list.
   * `lasting`: stays until it is dismissed or withdrawn.
   */
  readonly weight: 'quiet' | 'normal' | 'lasting';
}
