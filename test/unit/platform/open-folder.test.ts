// A click that does nothing at all is worse than one that says why.
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { AbsolutePath } from '../../../src/domain/ids.ts';
import { openFolder } from '../../../src/platform/open-folder.ts';
import { temporaryFolder } from '../../support/keepsake.ts';

test('The folder is handed to the desktop as it is, whatever its name', async () => {
  using folder = temporaryFolder();
  const program = join(folder.path, 'xdg-open');
  const told = join(folder.path, 'told');
  writeFileSync(program, `#!/bin/sh\nprintf '%s' "$*" > "${told}.new" && mv "${told}.new" "${told}"\n`);
  chmodSync(program, 0o755);
  const photos = join(folder.path, 'Photos of $HOME "now"') as AbsolutePath;
  await openFolder(photos, { PATH: `${folder.path}:/usr/bin:/bin` }, 'linux');
  await vi.waitUntil(() => existsSync(told), { timeout: 10_000 });
  expect(readFileSync(told, 'utf8')).toBe(photos);
});

test('A desktop without a program for folders is told of, with the folder to open by hand', async () => {
  await expect(openFolder('/photos' as AbsolutePath, { PATH: '/nowhere' }, 'linux')).rejects.toMatchObject({
    code: 'FOLDER_NOT_SHOWN',
    remedy: 'Open it by hand: /photos',
  });
});
