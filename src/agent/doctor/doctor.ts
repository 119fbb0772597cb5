// `keepsake doctor`: tries everything that Keepsake rests on by doing it, all at the same time, and says of each what came of it.
// Changes nothing: what it writes is one small file on each disk, which it removes again.

import { type Check, type Finding, isOk, tryOut } from './check.ts';
import type { DoctorContext } from './context.ts';
import * as desktop from './look-at-desktop.ts';
import * as disks from './look-at-disks.ts';
import { lookAtPhones } from './look-at-phones.ts';
import * as program from './look-at-program.ts';
import * as records from './look-at-records.ts';
import { titles } from './words.ts';

/** JSON keys as `doctor --json` prints them. */
export interface DoctorResult {
  /** Nothing failed; there may be advice. */
  readonly ok: boolean;
  readonly version: string;
  readonly checks: readonly Check[];
}

/**
 * In the order in which they are shown: what the others rest on comes first. Takes at most some 45 s where a disk hangs, 80 s where the
 * list of photos is not read sooner. @throws the signal's reason.
 */
export async function diagnose(context: DoctorContext): Promise<DoctorResult> {
  const { limits, signal } = context;
  const check = async (
    id: string,
    title: string,
    look: (context: DoctorContext, signal: AbortSignal) => Promise<Finding>,
    deadlineMs = limits.checkMs,
  ): Promise<readonly Check[]> => [
    await tryOut({ id, title, deadlineMs, look: async (stop) => await look(context, stop) }, signal),
  ];
  // What rests on the list waits for it: that it takes long is for its own check to say.
  const listMs = limits.checkMs + limits.listMs;
  const groups = await Promise.all([
    check('runtime', titles.runtime, program.lookAtRuntime),
    check('database', titles.database, program.lookAtDatabase),
    check('settings', titles.settings, records.lookAtSettings),
    check('folders', titles.folders, records.lookAtFolders),
    check('home', titles.home, disks.lookAtHome),
    check('clock', titles.clock, records.lookAtClock, listMs),
    check('library', titles.library, disks.lookAtLibrary),
    check('library-room', titles.libraryRoom, disks.lookAtLibraryRoom),
    check('devices', titles.devices, records.lookAtDevices),
    check('list', titles.list, records.lookAtList, listMs),
    check('list-copy', titles.listCopy, records.lookAtListCopy, listMs),
    disks.lookAtDrives(context),
    lookAtPhones(context),
    check('login', titles.login, desktop.lookAtLogin),
    check('agent', titles.agent, desktop.lookAtAgent),
    check('icon', titles.icon, desktop.lookAtIcon),
    check('icon-libraries', titles.iconLibraries, program.lookAtIconLibraries),
    check('notification', titles.notification, desktop.lookAtNotification),
    check('mount-watch', titles.mountWatch, program.lookAtMountWatch),
    check('exiftool', titles.exiftool, program.lookAtExiftool),
    check('power', titles.power, desktop.lookAtPower),
    check('version', titles.version, program.lookAtVersion),
  ]);
  const checks = groups.flat();
  return { ok: isOk(checks), version: await program.readVersion(), checks };
}
