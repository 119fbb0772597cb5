// What the owner reads of the independent check, where no other part of Keepsake has words for it already.

import type { Need } from '../../domain/status.ts';

/** @param days since it was last seen running, if that is known. */
export function agentNotRunning(days: number | undefined): Need {
  const since = days === undefined || days === 0 ? '' : ` It last ran ${ago(days)}.`;
  return {
    code: 'AGENT_NOT_RUNNING',
    message: `Keepsake is not running, so no photos are saved by themselves.${since}`,
    remedy: 'Restart this computer. If it still does not run, type in a terminal: keepsake install',
  };
}

/** The owner stopped it until the next login, which has not come since. */
export function agentStoppedForLong(days: number): Need {
  return {
    code: 'AGENT_NOT_RUNNING',
    message: `You stopped Keepsake ${ago(days)}, and it has not been running since.`,
    remedy: 'To have it run again, log out of this computer and log in again.',
  };
}

export const agentSilent: Need = {
  code: 'AGENT_UNREACHABLE',
  message: 'Keepsake is running but does not answer. Photos may not be saved.',
  remedy: 'Restart this computer.',
};

export function pausedForLong(days: number): Need {
  return {
    code: 'PAUSED_FOR_LONG',
    message: `Keepsake has been paused for ${days} days: nothing is saved by itself.`,
    remedy: 'To go on: keepsake resume',
  };
}

export function diskNearlyFull(freeBytes: number): Need {
  return {
    code: 'DISK_NEARLY_FULL',
    message: `The disk of your home folder is nearly full: ${Math.floor(freeBytes / 1e6)} MB are left. Keepsake needs some of that to go on saving photos.`,
    remedy: 'Empty the trash of this computer, and remove programs or files that you do not need.',
  };
}

export const checkFailed: Need = {
  code: 'CHECK_FAILED',
  message: 'Keepsake could not see whether all is well with it.',
  remedy: 'To look at everything, one thing after the other: keepsake doctor',
};

export const stateNotWritable: Need = {
  code: 'STATE_WRITE_FAILED',
  message: 'Keepsake cannot write in your home folder, so it cannot save photos.',
  remedy:
    'Restart this computer. If you see this again, its disk is full or may be failing: ask somebody to look at it.',
};

export function libraryMissing(root: string, isOnDrive: boolean): Need {
  return {
    code: 'LIBRARY_MISSING',
    message: `Your photo folder is not at "${root}".`,
    remedy: isOnDrive
      ? 'Connect the drive that it is on.'
      : 'If you moved it, tell Keepsake where it is now: keepsake config set library FOLDER',
  };
}

export const librarySilent: Need = {
  code: 'LIBRARY_SILENT',
  message: 'The disk with your photo folder does not answer.',
  remedy: 'Unplug that disk and plug it in again, or restart this computer.',
};

export const listMissing: Need = {
  code: 'CATALOG_MISSING',
  message: 'The list of saved photos is not on this computer. Your photos are not affected.',
  remedy: 'It is made anew from your photo folder when photos are saved next, or by: keepsake rebuild',
};

export const listDamaged: Need = {
  code: 'CATALOG_DAMAGED',
  message: 'The list of saved photos cannot be read. Your photos are not affected, but new ones cannot be saved.',
  remedy: 'To have it made anew from your photo folder: keepsake rebuild',
};

function ago(days: number): string {
  return days === 0 ? 'today' : days === 1 ? 'yesterday' : `${days} days ago`;
}
