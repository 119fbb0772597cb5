// Why there is no icon, for status and doctor.

import type { Need } from '../../domain/status.ts';

const allTheSame = 'Photos are saved all the same.';

export const iconReasons = {
  noDesktop: {
    code: 'ICON_NO_DESKTOP',
    message: `There is no icon because nobody is logged in to a desktop here. ${allTheSame}`,
    remedy: '',
  },
  noTray: {
    code: 'ICON_NO_TRAY',
    message: `This desktop has no place for icons of programs. ${allTheSame}`,
    remedy: 'On GNOME, install the extension "AppIndicator and KStatusNotifierItem Support". Else use: keepsake status',
  },
  noProgram: {
    code: 'ICON_NO_PROGRAM',
    message: `Keepsake has no icon for this kind of computer yet. ${allTheSame}`,
    remedy: 'To see how things stand: keepsake status',
  },
  noLibrary: {
    code: 'ICON_LIBRARY_MISSING',
    message: `A small library that the icon needs is not installed. ${allTheSame}`,
    remedy: 'Install it: sudo apt install libayatana-appindicator3-1',
  },
  ended: {
    code: 'ICON_ENDED',
    message: `The icon went away. ${allTheSame}`,
    remedy: 'It comes back by itself in a moment.',
  },
  failed: {
    code: 'ICON_FAILED',
    message: `The icon could not be shown. ${allTheSame}`,
    remedy: 'It is tried again by itself. To see how things stand: keepsake status',
  },
} as const satisfies Readonly<Record<string, Need>>;
