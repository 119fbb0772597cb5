// A click that does nothing at all is worse than one that says why.
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { AbsolutePath } from '../../../src/domain/ids.ts';
import { openFolder } from '../../../src/platform/open-folder.ts';
import { temporaryFolder } from '../../support/keepsake.ts';
import { patience } from '../../support/patience.ts';
import { needLinux } from '../../support/requirements.ts';
import { serviceBefore } from '../../support/session-stand-in.ts';

/** An xdg-open of the test's own: writes down what it was told and where it would show it. */
function standIn(folder: string, script = '') {
  const told = join(folder, 'told');
  const program = join(folder, 'xdg-open');
  const note = `printf '%s|%s' "$*" "$DISPLAY" > "${told}.new" && mv "${told}.new" "${told}"`;
  writeFileSync(program, `#!/bin/sh\n${note}\n${script}\n`);
  chmodSync(program, 0o755);
  return {
    path: `${folder}:/usr/bin:/bin`,
    isRun: () => existsSync(told),
    told: async () => {
      await vi.waitUntil(() => existsSync(told), patience);
      return readFileSync(told, 'utf8');
    },
  };
}

test('The folder is handed to the desktop as it is, whatever its name', async () => {
  using folder = temporaryFolder();
  const program = standIn(folder.path);
  const photos = join(folder.path, 'Photos of $HOME "now"') as AbsolutePath;
  await openFolder(photos, { PATH: program.path, DISPLAY: ':7' }, 'linux');
  expect(await program.told()).toBe(`${photos}|:7`);
});

test('A service that is older than the desktop shows it on the desktop that is there', async (context) => {
  needLinux(context, 'nobody else has a service manager that knows of displays');
  using folder = temporaryFolder();
  const program = standIn(folder.path);
  await openFolder('/photos' as AbsolutePath, serviceBefore(folder.path, { DISPLAY: ':8' }), 'linux');
  expect(await program.told()).toBe('/photos|:8');
});

test('Without a display nothing is started that nobody could see, and it is told', async () => {
  using folder = temporaryFolder();
  const program = standIn(folder.path);
  await expect(openFolder('/photos' as AbsolutePath, { PATH: program.path }, 'linux')).rejects.toMatchObject({
    code: 'FOLDER_NOT_SHOWN',
    remedy: 'Open it by hand: /photos',
  });
  expect(program.isRun()).toBe(false);
});

test('A desktop without a program for folders is told of, with the folder to open by hand', async () => {
  using folder = temporaryFolder();
  const refuses = standIn(folder.path, 'exit 3'); // "a required tool could not be found" (xdg-open(1))
  for (const PATH of ['/nowhere', refuses.path])
    await expect(
      openFolder('/photos' as AbsolutePath, { PATH, WAYLAND_DISPLAY: 'wayland-0' }, 'linux'),
    ).rejects.toMatchObject({ code: 'FOLDER_NOT_SHOWN', remedy: 'Open it by hand: /photos' });
});
