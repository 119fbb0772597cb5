// A service manager that was told of a desktop, and a service that was started before it.

import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The environment of such a service: without display and bus, which only the manager knows. What `told` has is found by asking `systemctl`;
 * programs in `folder` come first.
 */
export function serviceBefore(
  folder: string,
  told: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  const lines = Object.entries(told).filter(([key, value]) => sessionKeys.includes(key) && value !== undefined);
  const text = lines.map(([key, value]) => `'${key}=${value}'`).join(' ');
  const program = join(folder, 'systemctl');
  writeFileSync(program, `#!/bin/sh\n[ "$*" = '--user show-environment' ] && printf '%s\\n' ${text || "''"}\n`);
  chmodSync(program, 0o755);
  return { PATH: `${folder}:/usr/bin:/bin`, HOME: folder, XDG_RUNTIME_DIR: folder, INVOCATION_ID: 'of-a-service' };
}

const sessionKeys = ['DISPLAY', 'WAYLAND_DISPLAY', 'DBUS_SESSION_BUS_ADDRESS'];
