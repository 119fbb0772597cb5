// Whether the photo folder and the drives with its copies can be written and read, and how much room they have. Each disk is tried by
// a process of its own: one that hangs is an answer, and holds up nothing.

import { copyFolders } from '../../copies/drive-marker.ts';
import type { AbsolutePath } from '../../domain/ids.ts';
import { openKnownLibraries } from '../../library/known-libraries.ts';
import { openRoom } from '../../library/room.ts';
import { nearestExisting } from '../../platform/volume.ts';
import { DriveLook, type FoundCopy } from '../drive-look.ts';
import { type EnrolledDrive, openDriveRegister } from '../drive-register.ts';
import { type Check, type Detail, type Finding, tryOut, within } from './check.ts';
import { type DoctorContext, idIn, isLibraryAway } from './context.ts';
import { type TrialAnswer, tryDisk } from './trial.ts';
import * as words from './words.ts';

/** Below this the list of photos and what belongs to it may not get written any more; as the daily check has it. */
const homeBytesMin = 500e6;
/** A holiday's worth of videos. */
const soonFullBytes = 5e9;

export async function lookAtHome({ keepsake, limits }: DoctorContext, signal: AbortSignal): Promise<Finding> {
  const root = keepsake.paths.state;
  const answer = await tryDisk({ root, folders: [root], alsoStat: [] }, { timeoutMs: limits.diskMs, signal });
  if (answer === 'stuck') return { result: 'fail', ...words.home.silent };
  if (answer === 'failed') return { result: 'fail', ...words.couldNotLook };
  const { freeBytes, failed, code = 'unknown' } = answer;
  const details = { freeBytes, ...detailsOf(answer) };
  if (failed !== undefined) return { result: 'fail', ...words.home.failed(failed, code), details };
  if (answer.state === 'noFolder' && !answer.isWritable) return { result: 'fail', ...words.home.cannotBegin, details };
  return freeBytes < homeBytesMin
    ? { result: 'fail', ...words.home.little(freeBytes), details }
    : { result: 'pass', ...words.home.enough(freeBytes), details };
}

export async function lookAtLibrary(context: DoctorContext): Promise<Finding> {
  const { settings, keepsake } = context;
  const answer = await context.library();
  if (settings === undefined || answer === undefined) return words.withoutSettings;
  if (answer === 'stuck') return { result: 'fail', ...words.library.silent };
  if (answer === 'failed') return { result: 'fail', ...words.couldNotLook };
  const root = settings.library;
  const details = detailsOf(answer);
  switch (answer.state) {
    case 'noFolder':
    case 'noMarker': {
      // By its real path: that is how it is remembered.
      const id = await openKnownLibraries(keepsake.paths.knownLibraries).idAt(answer.realRoot as AbsolutePath);
      if (id !== undefined) return { result: 'fail', ...words.library.missing(root), details };
      return answer.isWritable
        ? { result: 'skipped', ...words.library.notYet(root), details }
        : { result: 'fail', ...words.library.cannotBegin(root), details };
    }
    case 'noOwnFolder':
      return { result: 'fail', ...words.library.damaged, details };
    case 'tried': {
      const { failed, code = 'unknown' } = answer;
      if (failed !== undefined) return { result: 'fail', ...words.library.failed(failed, code), details };
      return idIn(answer.markerText) === undefined
        ? { result: 'fail', ...words.library.damaged, details }
        : { result: 'pass', ...words.library.works, details };
    }
  }
}

function detailsOf(answer: TrialAnswer): Readonly<Record<string, Detail>> {
  const { state, failed, code, hardLinks, isOnSystemDisk } = answer;
  return {
    ...{ state, isOnSystemDisk },
    ...(failed === undefined ? {} : { failed }),
    ...(code === undefined ? {} : { code }),
    ...(hardLinks === undefined ? {} : { hardLinks }),
  };
}

export async function lookAtLibraryRoom(context: DoctorContext): Promise<Finding> {
  const { settings } = context;
  const answer = await context.library();
  if (settings === undefined || answer === undefined) return words.withoutSettings;
  if (typeof answer === 'string' || (await isLibraryAway(context, answer))) return words.withoutLibrary;
  const { freeBytes, totalBytes } = answer;
  const details = { freeBytes, totalBytes };
  if (totalBytes === 0) return { result: 'skipped', ...words.libraryRoom.unknown };
  const room = await openRoom((await nearestExisting(settings.library)) as AbsolutePath, settings.reserveBytes);
  const shortage = await room.shortage(1);
  if (shortage !== undefined)
    return { result: 'fail', ...words.libraryRoom.none(freeBytes, shortage.reserveBytes), details };
  return (await room.shortage(soonFullBytes)) === undefined
    ? { result: 'pass', ...words.libraryRoom.enough(freeBytes), details }
    : { result: 'advice', ...words.libraryRoom.little(freeBytes), details };
}

/** One check, or two for each drive that is connected. @throws the signal's reason. */
export async function lookAtDrives(context: DoctorContext): Promise<readonly Check[]> {
  const { signal, limits, drives } = context;
  // It rests on what the library's disk answers, so it waits longer than that disk may take.
  const single = async (look: () => Promise<Finding>) => [
    await tryOut({ id: 'drives', title: words.titles.drives, deadlineMs: limits.checkMs, look }, signal),
  ];
  if (drives === undefined) {
    return await single(async () => await unreadableRegister(context));
  }
  const enrolled = drives.filter(({ state }) => state === 'enrolled');
  if (enrolled.length === 0) {
    return await single(async () =>
      (await context.libraryId()) === undefined
        ? { result: 'skipped', meaning: words.drive.none.meaning } // nothing to copy yet
        : { result: 'advice', ...words.drive.none },
    );
  }
  // It notes what it finds in memory only. One that cannot tell leaves each drive to be tried where it was seen last.
  const looking = within(limits.diskMs, signal, async (stop) => await new DriveLook().look(enrolled, stop));
  const found = (await looking.catch(() => signal.throwIfAborted())) ?? [];
  const checks = await Promise.all(enrolled.map((drive, at) => lookAtDrive(context, { drive, found, number: at + 1 })));
  return checks.flat();
}

/** @throws AgentError STATE_DAMAGED, which says what is wrong with it. */
async function unreadableRegister({ keepsake }: DoctorContext): Promise<Finding> {
  await openDriveRegister(keepsake.paths.drives, () => 0).all();
  return { result: 'skipped', ...words.couldNotLook }; // it has been put right meanwhile
}

async function lookAtDrive(
  { signal, limits }: DoctorContext,
  {
    drive,
    found,
    number,
  }: { readonly drive: EnrolledDrive; readonly found: readonly FoundCopy[]; readonly number: number },
): Promise<readonly Check[]> {
  const id = `drive-${number}`;
  const copy = found.find(({ marker, root }) => (marker === undefined ? root === drive.root : marker.id === drive.id));
  let answer: TrialAnswer | 'stuck' | 'failed' | undefined;
  const check = await tryOut(
    {
      ...{ id, title: words.driveTitle(drive.name), deadlineMs: 2 * limits.diskMs },
      look: async (stop) => {
        if (copy?.problem !== undefined) {
          const details = { code: copy.problem };
          return { result: 'fail', ...words.drive[copy.problem], details };
        }
        const { root, marker, incoming, own } = copyFolders(copy?.root ?? drive.root);
        answer = await tryDisk(
          { root, marker, folders: [incoming, own], alsoStat: [] },
          { timeoutMs: limits.diskMs, signal: stop },
        );
        return judgeDrive(answer, drive);
      },
    },
    signal,
  );
  if (typeof answer !== 'object' || check.result === 'skipped' || copy?.problem !== undefined) return [check];
  return [check, driveRoom(answer, { id: `${id}-room`, title: words.driveRoomTitle(drive.name) })];
}

function judgeDrive(answer: TrialAnswer | 'stuck' | 'failed', drive: EnrolledDrive): Finding {
  if (answer === 'stuck') return { result: 'fail', ...words.drive.silent };
  if (answer === 'failed') return { result: 'fail', ...words.couldNotLook };
  const details = { ...detailsOf(answer), filesystem: drive.filesystem };
  if (answer.state === 'noFolder' || answer.state === 'noMarker') return { result: 'skipped', ...words.drive.away };
  if (answer.state === 'noOwnFolder') return { result: 'fail', ...words.drive.damaged, details };
  const { failed, code = 'unknown' } = answer;
  if (failed !== undefined) return { result: 'fail', ...words.drive.failed(failed, code), details };
  const id: string | undefined = idIn(answer.markerText);
  if (id === undefined) return { result: 'fail', ...words.drive.damaged, details };
  return id === drive.id
    ? { result: 'pass', ...words.drive.works, details }
    : { result: 'skipped', ...words.drive.away };
}

function driveRoom({ freeBytes, totalBytes }: TrialAnswer, of: { readonly id: string; readonly title: string }): Check {
  const details = { freeBytes, totalBytes };
  if (totalBytes === 0) return { ...of, result: 'skipped', ...words.driveRoom.unknown };
  return freeBytes < soonFullBytes
    ? { ...of, result: 'advice', ...words.driveRoom.little(freeBytes), details }
    : { ...of, result: 'pass', ...words.driveRoom.enough(freeBytes), details };
}
