// Whether this computer can talk to iPhones, and whether each that is connected lets it in. Asks none of them for trust: that shows a
// question on the phone.

import { AgentError, isAgentError } from '../../domain/errors.ts';
import { phoneSourceId } from '../../sources/iphone/iphone-source.ts';
import { identifyPhone, probePhone } from '../../sources/iphone/phone.ts';
import { preferCable, type UsbmuxDevice } from '../../sources/iphone/usbmux.ts';
import { type Check, tryOut } from './check.ts';
import type { DoctorContext } from './context.ts';
import * as words from './words.ts';

/** A hub has some ten places. */
const phonesMax = 16;

/** @throws the signal's reason. */
export async function lookAtPhones(context: DoctorContext): Promise<readonly Check[]> {
  const { keepsake, signal, limits } = context;
  let found: readonly UsbmuxDevice[] = [];
  const check = await tryOut(
    {
      ...{ id: 'iphones', title: words.titles.iphones, deadlineMs: limits.checkMs },
      look: async (stop) => {
        const { usbmux } = await keepsake.phones.options();
        try {
          found = preferCable(await usbmux.listDevices(stop));
        } catch (error) {
          if (!isAgentError(error, 'USBMUXD_MISSING')) throw error;
          // On Linux it begins with the first iPhone and ends with the last.
          const lacking = await keepsake.phones.lacking();
          if (lacking === undefined && process.platform === 'linux')
            return { result: 'pass', ...words.iphones.waiting };
          const { code, message, remedy } = lacking ?? error;
          // Who saves from cards only needs none of it.
          const isNeeded = (context.devices ?? []).some(
            ({ kind, decision }) => kind === 'iphone' && decision === 'always',
          );
          return { result: isNeeded ? 'fail' : 'advice', meaning: message, nextStep: remedy, details: { code } };
        }
        const meant = found.length === 0 ? words.iphones.none : words.iphones.some(found.length);
        return { result: 'pass', ...meant, details: { phones: found.length } };
      },
    },
    signal,
  );
  const phones = await Promise.all(found.slice(0, phonesMax).map((device, at) => lookAtPhone(context, device, at + 1)));
  return [check, ...phones];
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
