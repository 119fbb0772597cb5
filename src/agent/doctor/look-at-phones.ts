// Whether this computer can talk to iPhones, and whether each that is connected lets it in. Asks none of them for trust: that shows a
// question on the phone.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { AgentError, isAgentError } from '../../domain/errors.ts';
import { runCommand } from '../../platform/bounded-command.ts';
import { phoneSourceId } from '../../sources/iphone/iphone-source.ts';
import { identifyPhone, probePhone } from '../../sources/iphone/phone.ts';
import { preferCable, type UsbmuxDevice } from '../../sources/iphone/usbmux.ts';
import { type Check, tryOut } from './check.ts';
import type { DoctorContext } from './context.ts';
import * as words from './words.ts';

/** A hub has some ten places. */
const phonesMax = 16;
/** Of Linux (Documentation/ABI/stable/sysfs-bus-usb). */
const usbFolder = '/sys/bus/usb/devices';
const appleVendor = '05ac';
/** As usbmuxd's own rules for udev have them (39-usbmuxd.rules of Debian's 1.1.1-2): iPhones, iPads and iPods. */
const phoneProducts = /^(?:12[9a][0-9a-f]|8600)$/;

/** @throws the signal's reason. */
export async function lookAtPhones(context: DoctorContext): Promise<readonly Check[]> {
  const { keepsake, signal, limits } = context;
  let found: readonly UsbmuxDevice[] = [];
  const check = await tryOut(
    {
      ...{ id: 'iphones', title: words.titles.iphones, deadlineMs: limits.checkMs },
      look: async (stop) => {
        const { usbmux } = await keepsake.phones.options();
        const pluggedIn = await countPluggedIn(context);
        const version = await readUsbmuxdVersion();
        const versions = version === undefined ? {} : { usbmuxd: version };
        // Who saves from cards only needs none of it.
        const isNeeded = (context.devices ?? []).some(
          ({ kind, decision }) => kind === 'iphone' && decision === 'always',
        );
        const result = isNeeded ? 'fail' : 'advice';
        try {
          found = preferCable(await usbmux.listDevices(stop));
        } catch (error) {
          if (!isAgentError(error, 'USBMUXD_MISSING')) throw error;
          // On Linux it begins with the first iPhone and ends with the last.
          const lacking = await keepsake.phones.lacking();
          if (lacking === undefined && process.platform === 'linux') {
            const details = { pluggedIn, ...versions };
            return pluggedIn > 0
              ? { result, ...words.iphones.notBegun, details }
              : { result: 'pass', ...words.iphones.waiting, details };
          }
          const { code, message, remedy } = lacking ?? error;
          return { result, meaning: message, nextStep: remedy, details: { code, pluggedIn, ...versions } };
        }
        const details = { phones: found.length, pluggedIn, ...versions };
        if (found.filter(({ connection }) => connection === 'usb').length < pluggedIn)
          return { result, ...words.iphones.deaf, details };
        const meant = found.length === 0 ? words.iphones.none : words.iphones.some(found.length);
        return { result: 'pass', ...meant, details };
      },
    },
    signal,
  );
  const phones = await Promise.all(found.slice(0, phonesMax).map((device, at) => lookAtPhone(context, device, at + 1)));
  return [check, ...phones];
}

/** As the system sees them, whether or not anybody can talk to them; 0 where it does not tell. */
async function countPluggedIn({ usbDevices, environment }: DoctorContext): Promise<number> {
  const isElsewhere = (environment['USBMUXD_SOCKET_ADDRESS'] ?? '') !== '';
  const folder = usbDevices ?? (isElsewhere ? undefined : usbFolder);
  if (folder === undefined) return 0;
  const names = await readdir(folder).catch(() => []); // no Linux, or no USB
  const read = async (name: string, fact: string) =>
    (await readFile(join(folder, name, fact), 'utf8').catch(() => '')).trim(); // parts of a device have none
  const isPhone = async (name: string) =>
    (await read(name, 'idVendor')) === appleVendor && phoneProducts.test(await read(name, 'idProduct'));
  return (await Promise.all(names.map(isPhone))).filter(Boolean).length;
}

/** It prints `usbmuxd 1.1.1`. Undefined: not on Linux, or not there. */
async function readUsbmuxdVersion(): Promise<string | undefined> {
  if (process.platform !== 'linux') return undefined;
  const answer = await runCommand('usbmuxd', ['--version']);
  return answer === 'stuck' ? undefined : /^usbmuxd (\d[\w.+-]{0,40})$/m.exec(answer.stdout.toString('utf8'))?.[1];
}

async function lookAtPhone(context: DoctorContext, device: UsbmuxDevice, number: number): Promise<Check> {
  const { keepsake, signal, limits } = context;
  const known = context.devices?.find(({ id }) => id === phoneSourceId(device.udid));
  let name = known?.name;
  const check = await tryOut(
    {
      ...{ id: `iphone-${number}`, title: '', deadlineMs: limits.checkMs },
      look: async (stop) => {
        const asked = { usbmux: (await keepsake.phones.options()).usbmux, device, signal: stop };
        const decision = known?.decision ?? 'unknown';
        try {
          const identity = await identifyPhone(asked);
          name ??= identity.name;
          context.strangers.add(identity.name).add(device.udid);
          await probePhone(asked);
          const { model, systemVersion } = identity;
          return { result: 'pass', ...words.phone.ready, details: { model, systemVersion, decision } };
        } catch (error) {
          if (!(error instanceof AgentError)) throw error;
          const { code, message, remedy } = error;
          // Whose photos are not saved need not let anybody in; one that waits for its owner is as it should be.
          const result = decision === 'always' && !isWaiting(error) ? 'fail' : 'advice';
          return { result, meaning: message, nextStep: remedy, details: { code, decision } };
        }
      },
    },
    signal,
  );
  return { ...check, title: words.phoneTitle(name ?? 'iPhone') };
}

function isWaiting(error: AgentError): boolean {
  return isAgentError(error, 'PHONE_LOCKED', 'PHONE_TRUST_PENDING', 'PHONE_NEEDS_CABLE', 'SOURCE_GONE');
}
