// The commands about cards and folders: which there are, and what the owner decides about each.

import { type Command, Option } from 'commander';
import type { DecideRequest, Keepsake } from '../agent/control.ts';
import type { Device } from '../agent/devices.ts';
import { printable } from '../domain/printable.ts';
import type { CliOptions } from './run.ts';
import { describeDevices } from './words.ts';

interface EnrollFlags {
  readonly replaces?: string;
  readonly hidden?: 'save' | 'leave';
  readonly shared?: 'save' | 'leave';
}

/** The question about private photos, with the answer that holds until the owner gives another. */
function describeHidden({ id, hiddenPhotos = 'save' }: Device): string {
  return hiddenPhotos === 'save'
    ? `Photos that are hidden on it are saved too, in a folder "hidden" that only you can open. To leave them out:  keepsake enroll ${id} --hidden leave`
    : `Photos that are hidden on it are not saved. To save them, in a folder that only you can open:  keepsake enroll ${id} --hidden save`;
}

export function addDeviceCommands(program: Command, options: CliOptions, keepsake: Keepsake): void {
  const say = (text: string) => options.stdout.write(`${text}\n`);
  const id = 'an id or name from "keepsake devices"';
  program
    .command('devices')
    .description('list the iPhones, cards and folders that were ever connected')
    .option('--json', 'print one JSON document')
    .action(async (flags: { readonly json?: boolean }) => {
      const devices = await keepsake.devices();
      const lacking = await keepsake.lacking();
      options.stdout.write(
        flags.json ? `${JSON.stringify({ devices, needsYou: lacking })}\n` : describeDevices(devices, lacking),
      );
    });
  program
    .command('enroll')
    .description('save the photos of this card or folder, now and each time it is connected')
    .argument('<ID>', id)
    .option('--replaces <OLD>', 'it takes the place of this one')
    .addOption(new Option('--hidden <CHOICE>', 'photos that are hidden on the iPhone').choices(['save', 'leave']))
    .addOption(new Option('--shared <CHOICE>', 'photos in shared albums of the iPhone').choices(['save', 'leave']))
    .action(async (device: string, flags: EnrollFlags) => {
      const decided = await keepsake.decide({
        ...{ device, decision: 'always', replaces: flags.replaces },
        ...{ hiddenPhotos: flags.hidden, sharedPhotos: flags.shared },
      });
      say(`Photos are saved from "${printable(decided.name)}" each time it is connected while Keepsake runs.`);
      if (decided.kind === 'iphone') say(describeHidden(decided));
      if (decided.connected) say('To save them now, if Keepsake is not running:  keepsake backup');
    });
  const decisions: readonly (readonly [string, DecideRequest['decision'], string, (device: Device) => string])[] = [
    [
      'ignore',
      'never',
      'leave this card or folder alone',
      ({ name }) => `"${printable(name)}" is left alone. What was saved from it stays.`,
    ],
    [
      'retire',
      'retired',
      'this card or folder is no longer in use; what was saved from it stays',
      ({ name }) => `"${printable(name)}" is no longer in use. What was saved from it stays.`,
    ],
  ];
  for (const [command, decision, description, words] of decisions) {
    program
      .command(command)
      .description(description)
      .argument('<ID>', id)
      .action(async (device: string) => void say(words(await keepsake.decide({ device, decision }))));
  }
  program
    .command('rename')
    .description('call this card or folder by another name')
    .argument('<ID>', id)
    .argument('<NAME>', 'the new name')
    .action(async (device: string, name: string) => {
      say(`It is called "${printable((await keepsake.rename(device, name)).name)}" now.`);
    });
}
