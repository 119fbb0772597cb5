// What the icon and its menu show, as a fixed set of places: no desktop lets items be added to a menu that is open, so each place is
// there from the start, and hidden while it has nothing to say.

import type { OwnerWish } from '../../domain/owner-wish.ts';

/** By shape as well as by colour, see docs/tray.md. `resting`: nothing needs the owner, and not everything is proven safe yet. */
export type TrayIcon = 'safe' | 'resting' | 'working' | 'needsYou' | 'problem';

export const deviceLinesMax = 10;
export const ejectLinesMax = 4;
export const newDevicesMax = 4;

export interface TrayLine {
  readonly text: string;
  /** Absent: it only says something. */
  readonly wish?: OwnerWish;
}

export interface TrayView {
  readonly icon: TrayIcon;
  /** What is going on, in one line. */
  readonly headline: string;
  /** One for each phone and drive, or how to begin where nothing is known. At most `deviceLinesMax`. */
  readonly devices: readonly TrayLine[];
  /** Drives that can be taken out. At most `ejectLinesMax`. */
  readonly ejects: readonly TrayLine[];
  /** Nobody has decided about these. At most `newDevicesMax`, three choices each. */
  readonly newDevices: readonly { readonly text: string; readonly choices: readonly TrayLine[] }[];
  readonly saveNow: TrayLine;
  /** Two while it is not paused, one while it is. */
  readonly pauses: readonly TrayLine[];
  readonly openFolder: TrayLine;
  readonly stop: TrayLine;
}
