// A daemon and a phone for a test, on a socket of their own.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { temporaryFolder } from '../keepsake.ts';
import { FakeIphone, type FakeIphoneOptions } from './fake-iphone.ts';
import { FakeUsbmuxd } from './fake-usbmuxd.ts';

export interface PhoneScene extends AsyncDisposable {
  readonly daemon: FakeUsbmuxd;
  readonly phone: FakeIphone;
  /** A folder of the test's own. */
  readonly path: string;
  /** For programs that are to find the phone. */
  readonly environment: Readonly<Record<string, string>>;
}

/** The phone is attached; its owner taps Trust as soon as it asks, unless the test says otherwise before. */
export async function makePhoneScene(options: FakeIphoneOptions = {}): Promise<PhoneScene> {
  const scratch = temporaryFolder();
  const daemon = await FakeUsbmuxd.start({ path: join(scratch.path, 'usbmuxd') });
  const phone = new FakeIphone(options);
  phone.answersTrust = 'trusted';
  daemon.attach(phone);
  return {
    ...{ daemon, phone, path: scratch.path },
    environment: { USBMUXD_SOCKET_ADDRESS: daemon.address },
    [Symbol.asyncDispose]: async () => {
      await daemon[Symbol.asyncDispose]();
      scratch[Symbol.dispose]();
    },
  };
}

/** What a library must hold of it: each file of its photo folders, by its bytes. */
export function phoneTruth(phone: FakeIphone): readonly { readonly path: string; readonly sha256: string }[] {
  return phone.files.paths.flatMap((path) => {
    const file = phone.files.file(path);
    if (file === undefined || file.kind !== 'file') return [];
    return [{ path, sha256: createHash('sha256').update(file.read(0, file.sizeBytes)).digest('hex') }];
  });
}
