// A systemd-inhibit that says what it was asked.

import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Holds on, as the real one does, until its input ends. */
export function standIn(folder: string): {
  readonly path: string;
  readonly isHeld: () => boolean;
  readonly told: () => string;
  readonly hasTold: () => boolean;
} {
  const program = join(folder, 'systemd-inhibit');
  const [told, held] = [join(folder, 'told'), join(folder, 'held')];
  writeFileSync(program, `#!/bin/sh\nprintf '%s\\n' "$@" > "${told}"\n: > "${held}"\ncat > /dev/null\nrm "${held}"\n`);
  chmodSync(program, 0o755);
  return {
    path: `${folder}:/usr/bin:/bin`,
    isHeld: () => existsSync(held),
    told: () => readFileSync(told, 'utf8'),
    hasTold: () => existsSync(told) && readFileSync(told, 'utf8').endsWith('cat\n'),
  };
}
