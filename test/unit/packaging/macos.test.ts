// Nobody here has a Mac. What can be known without one: that the files are well formed, fit together, and say what macOS will show.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'plist';
import { expect, test } from 'vitest';
import { projectRoot, temporaryFolder } from '../../support/keepsake.ts';
import { needPrograms } from '../../support/requirements.ts';

const folder = join(projectRoot, 'packaging/macos');

test('The app says who it is, hides from the Dock, and says why it asks', (context) => {
  needPrograms(context, 'plistutil');
  const path = join(folder, 'Info.plist');
  using scratch = temporaryFolder();
  execFileSync('plistutil', ['--infile', path, '--outfile', join(scratch.path, 'Info.bin')]); // throws if it is malformed
  const facts = parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  expect(facts).toMatchObject({ CFBundleName: 'Keepsake', CFBundleExecutable: 'Keepsake', LSUIElement: true });
  const reasons = Object.entries(facts).filter(([key]) => key.endsWith('UsageDescription'));
  expect(reasons.map(([key]) => key)).toEqual(
    expect.arrayContaining(['NSRemovableVolumesUsageDescription', 'NSPhotoLibraryUsageDescription']),
  );
  for (const [key, reason] of reasons) expect(reason, key).toMatch(/^Keepsake .*\.$/);
});

test('What starts it is understood by a shell', (context) => {
  needPrograms(context, 'sh');
  expect(execFileSync('sh', ['-n', join(folder, 'launcher.sh')], { encoding: 'utf8' })).toBe('');
});
