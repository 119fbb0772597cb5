// How this process talks to iPhones: which daemon it asks, which phones may be paired, how one becomes a source. What only phones
// need is loaded when there may be one.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { AttachedPhone, PhoneOptions } from '../detect/phones.ts';
import { AgentError } from '../domain/errors.ts';
import type { SourceId } from '../domain/ids.ts';
import { PairingKeys } from '../sources/iphone/pairing-keys.ts';
import { usbmuxAddress } from '../sources/iphone/usbmux-address.ts';
import type { Source } from '../sources/source.ts';
import type { Advice, Device, DeviceRegister } from './devices.ts';
import type { Environment } from './paths.ts';

export interface Phones {
  /** Those that are connected now. Without the daemon there are none. @throws AgentError CONFIG_INVALID; the signal's reason. */
  look(signal: AbortSignal): Promise<readonly AttachedPhone[]>;
  /**
   * One of them as a source. Naming it is consent: a phone that does not know this computer is asked to.
   * @throws AgentError SOURCE_MISSING if it is not connected, PHONE_…
   */
  open(device: Pick<Device, 'id' | 'name' | 'sharedPhotos'>, signal: AbortSignal): Promise<Source>;
  /** For a watch. */
  options(): Promise<PhoneOptions>;
  /** What to install before iPhones can be noticed; undefined: nothing. @throws AgentError CONFIG_INVALID. */
  lacking(): Promise<Advice | undefined>;
  /** With that said of every iPhone that photos are to be saved from. @throws AgentError CONFIG_INVALID. */
  addLacking(devices: readonly Device[]): Promise<readonly Device[]>;
}

/** Where packages put the daemon; udev starts it with the first iPhone and it ends with the last, so its socket comes and goes. */
const daemonFolders = ['/usr/sbin', '/usr/local/sbin', '/sbin', '/usr/bin', '/usr/local/bin'];

export function openPhones(environment: Environment, register: DeviceRegister): Phones {
  const address = () => usbmuxAddress(environment['USBMUXD_SOCKET_ADDRESS']);
  const keys = new PairingKeys();
  const options = async (): Promise<PhoneOptions> => {
    const { openUsbmux } = await import('../sources/iphone/usbmux.ts');
    const mayPair = async (id: SourceId) =>
      (await register.list([])).some((device) => device.id === id && device.decision === 'always');
    return { usbmux: openUsbmux(address()), keys, mayPair };
  };
  /** Asked first of all: on a computer without the daemon nothing is loaded. */
  const mayBeThere = () => {
    const at = address();
    return !('path' in at) || existsSync(at.path);
  };
  const look = async (signal: AbortSignal) => {
    if (!mayBeThere()) return [];
    const { lookForPhones } = await import('../detect/phones.ts');
    return await lookForPhones(await options(), signal);
  };
  const lacking = async () => {
    if (process.platform !== 'linux' || mayBeThere()) return undefined;
    const isUsualPlace = (environment['USBMUXD_SOCKET_ADDRESS'] ?? '') === '';
    if (isUsualPlace && daemonFolders.some((folder) => existsSync(join(folder, 'usbmuxd')))) return undefined;
    const { daemonMissing } = await import('../sources/iphone/usbmux.ts');
    const { code, message, remedy } = daemonMissing();
    return { code, message, remedy };
  };
  return {
    look,
    options,
    lacking,
    addLacking: async (devices) => {
      const isMeant = ({ kind, decision, connected }: Device) =>
        kind === 'iphone' && decision === 'always' && !connected;
      const advice = devices.some(isMeant) ? await lacking() : undefined;
      if (advice === undefined) return devices;
      return devices.map((device) => (isMeant(device) ? { ...device, state: 'noDaemon', advice } : device));
    },
    open: async ({ id, name, sharedPhotos }, signal) => {
      const { openPhone } = await import('../sources/iphone/iphone-source.ts');
      const { usbmux } = await options();
      const source = mayBeThere()
        ? await openPhone({ usbmux, keys, id: id as SourceId, name, listsShared: sharedPhotos === 'save', signal })
        : undefined;
      if (source !== undefined) return source;
      throw new AgentError('SOURCE_MISSING', `"${name}" is not connected.`, {
        remedy: 'Connect it with its cable, then save again.',
      });
    },
  };
}
