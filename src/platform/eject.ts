// Lets the owner take a drive out: writes what is still in memory, unmounts, and turns the drive off where the system can.
// Promises that when it returns the volume is unmounted and complete, and never to use force: who still has a file open is told of.

import { setTimeout as sleep } from 'node:timers/promises';
import { AgentError } from '../domain/errors.ts';
import { BoundedCommands } from './bounded-command.ts';
import { readMounts } from './volume.ts';

/** A slow stick writes 5 MB/s, and a machine holds gigabytes for it: this is what waiting for it may take. */
const ejectTimeoutMs = 10 * 60 * 1000;
const messageCharsMax = 300;
/** Who only looks at a drive, as we do too, is gone in a moment: no owner has to be told of that. Two seconds in all. */
const busyAttempts = 8;
const busyAgainMs = 250;

/** `poweredOff`: it is dark and gone from the system. `unmounted`: it may be pulled, but may still turn. */
export type Ejected = 'poweredOff' | 'unmounted';

export interface EjectRequest {
  readonly mountPoint: string;
  /** `/dev/sdb1`, or what else the mount table says. */
  readonly device: string;
  readonly signal?: AbortSignal;
  readonly commands?: BoundedCommands;
  readonly platform?: NodeJS.Platform;
}

interface Step {
  readonly exitCode: number;
  readonly text: string;
}

/**
 * Already unmounted is done. After an abort, what is under way goes on by itself.
 * @throws AgentError DRIVE_BUSY, DRIVE_EJECT_FAILED; or the signal's reason.
 */
export async function ejectVolume(request: EjectRequest): Promise<Ejected> {
  const commands = request.commands ?? new BoundedCommands(ejectTimeoutMs);
  const signal = request.signal ?? new AbortController().signal;
  const run: Run = async (command, ...args) => {
    // Through a shell only for its `2>&1`: why it failed is told on stderr. 127 is then the shell's "not found".
    const question = { command: '/bin/sh', args: ['-c', 'exec "$@" 2>&1', 'sh', command, ...args] };
    const answer = await commands.run([command, ...args].join('\0'), question, signal);
    if (answer === 'stuck') throw failed(request, 'it does not answer');
    return { exitCode: answer.exitCode, text: answer.stdout.toString('utf8').trim() };
  };
  const runUntilIdle: Run = async (...step) => {
    for (let attempt = 1; ; attempt += 1) {
      const answer = await run(...step);
      if (!isBusy(answer) || attempt === busyAttempts) return answer;
      await sleep(busyAgainMs);
      signal.throwIfAborted();
    }
  };
  if ((request.platform ?? process.platform) === 'darwin') return await ejectOnMac(request, run, runUntilIdle);
  const [place] = await placesOf(request);
  if (place === undefined) return 'unmounted';
  await flush(request, await run('sync', '--file-system', '--', place));
  const byUdisks = isDisk(request.device)
    ? await runUntilIdle('udisksctl', 'unmount', '--no-user-interaction', '--block-device', request.device)
    : undefined;
  if (byUdisks !== undefined && isBusy(byUdisks)) throw busy(request, byUdisks.text);
  // Not installed, not running, not allowed, or not a disk it knows: umount(8) may still do it.
  if (isHere(request, await placesOf(request))) await unmount(request, runUntilIdle);
  const others = await placesOf(request);
  // Shown a second time (a bind mount): the volume is still in use there, and not for us to take away.
  if (others.length > 0) throw busy(request, `still mounted at ${others[0]}`);
  if (byUdisks?.exitCode !== 0) return 'unmounted';
  // Refused for what cannot be turned off, and while another partition of the drive is mounted: ours may be pulled all the same.
  const off = await run('udisksctl', 'power-off', '--no-user-interaction', '--block-device', request.device);
  return off.exitCode === 0 ? 'poweredOff' : 'unmounted';
}

type Run = (command: string, ...args: readonly string[]) => Promise<Step>;

async function unmount(request: EjectRequest, run: Run): Promise<void> {
  const answer = await run('umount', '--', request.mountPoint);
  if (!isHere(request, await placesOf(request))) return;
  throw isBusy(answer) ? busy(request, answer.text) : failed(request, answer.text);
}

/** From diskutil(8) and sync(8); never run on a Mac by us. */
async function ejectOnMac(request: EjectRequest, run: Run, runUntilIdle: Run): Promise<Ejected> {
  await flush(request, await run('/bin/sync'));
  const answer = await runUntilIdle('/usr/sbin/diskutil', 'eject', request.mountPoint);
  if (answer.exitCode === 0) return 'poweredOff';
  // "Volume X on disk4s1 failed to unmount: dissented by PID 123 (/usr/bin/…)"; "… it is in use by process …".
  throw isBusy(answer) ? busy(request, answer.text) : failed(request, answer.text);
}

async function flush(request: EjectRequest, answer: Step): Promise<void> {
  // 127: not there. The system writes everything when it unmounts, too.
  if (answer.exitCode !== 0 && answer.exitCode !== 127) throw failed(request, answer.text);
}

/** Where the volume is mounted. A share's name may also be another mount's: of those only the one that was asked for. */
async function placesOf({ mountPoint, device }: EjectRequest): Promise<readonly string[]> {
  const mounts = await readMounts();
  return mounts
    .filter((mount) => mount.device === device && (isDisk(device) || mount.mountPoint === mountPoint))
    .map((mount) => mount.mountPoint);
}

function isDisk(device: string): boolean {
  return device.startsWith('/dev/') && device !== '/dev/fuse';
}

function isHere({ mountPoint }: EjectRequest, places: readonly string[]): boolean {
  return places.includes(mountPoint);
}

/** The words of umount(8) ("target is busy"), UDisks2 ("…Error.DeviceBusy") and diskutil. Only in English: LC_ALL is C. */
function isBusy(answer: Step): boolean {
  return answer.exitCode !== 0 && /\bbusy\b|DeviceBusy|dissented by|in use by/i.test(answer.text);
}

function busy(request: EjectRequest, why: string): AgentError {
  return new AgentError('DRIVE_BUSY', `Another program is still using the drive at "${request.mountPoint}".`, {
    remedy:
      'Close the windows and programs that show files of this drive, then eject it again. Leave it plugged in until then.',
    cause: new Error(excerpt(why)),
  });
}

function failed(request: EjectRequest, why: string): AgentError {
  return new AgentError('DRIVE_EJECT_FAILED', `The drive at "${request.mountPoint}" could not be ejected.`, {
    remedy: 'Try again in a minute. If it still does not work, shut the computer down before you unplug the drive.',
    cause: new Error(excerpt(why)),
  });
}

/** Another program's words, for the log. */
function excerpt(text: string): string {
  return text
    .replace(/\p{C}+/gu, ' ')
    .trim()
    .slice(0, messageCharsMax);
}
