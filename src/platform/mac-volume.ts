// What macOS knows of a mounted volume, from `diskutil info -plist` (diskutil(8)). Written from its manual and printed
// examples: it was never run on a Mac by us, and what it cannot make out is "unknown", never a guess.

import type { RunCommand } from './bounded-command.ts';

export interface MacVolume {
  /** Also for FAT and exFAT, where macOS derives it from the volume's serial number. */
  readonly uuid: string | undefined;
  /** `disk4s1` */
  readonly deviceId: string;
  readonly mountPoint: string;
  readonly isRemovable: boolean;
  readonly sizeBytes: number | undefined;
  readonly model: string | undefined;
}

/** `stuck` if it does not answer in time; undefined for what is no disk (a network share, a plain folder). */
export async function readMacVolume(path: string, run: RunCommand): Promise<MacVolume | 'stuck' | undefined> {
  const answer = await run('/usr/sbin/diskutil', ['info', '-plist', path]);
  if (answer === 'stuck') return 'stuck';
  return answer.exitCode === 0 ? parseDiskutil(answer.stdout.toString('utf8')) : undefined;
}

/** Parses the flat property list that `diskutil info -plist` prints. */
export function parseDiskutil(text: string): MacVolume | undefined {
  const string = (key: string) =>
    new RegExp(`<key>${key}</key>\\s*<string>([^<]*)</string>`)
      .exec(text)?.[1]
      ?.replace(/&(lt|gt|amp);/g, (_, name) => {
        if (name === 'lt') return '<';
        return name === 'gt' ? '>' : '&';
      });
  const isTrue = (key: string) => new RegExp(`<key>${key}</key>\\s*<true\\s*/>`).test(text);
  const isFalse = (key: string) => new RegExp(`<key>${key}</key>\\s*<false\\s*/>`).test(text);
  const deviceId = string('DeviceIdentifier');
  const mountPoint = string('MountPoint');
  if (deviceId === undefined || mountPoint === undefined || mountPoint === '') return undefined;
  const size = /<key>TotalSize<\/key>\s*<integer>(\d{1,15})<\/integer>/.exec(text)?.[1];
  return {
    uuid: string('VolumeUUID'),
    deviceId,
    mountPoint,
    isRemovable: ['RemovableMedia', 'Ejectable'].some(isTrue) || isFalse('Internal'),
    sizeBytes: size === undefined ? undefined : Number(size),
    model: string('MediaName')?.trim() || undefined,
  };
}
