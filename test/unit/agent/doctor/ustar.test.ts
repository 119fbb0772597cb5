// Whoever is sent a report has to be able to open it, with whatever program there is.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packTarGz } from '../../../../src/agent/doctor/ustar.ts';
import { temporaryFolder } from '../../../support/keepsake.ts';

const files = [
  { name: 'report/empty.txt', text: '' },
  { name: 'report/one block.txt', text: 'x'.repeat(512) },
  { name: 'report/more.txt', text: `${'line with ü\n'.repeat(5000)}end` },
];

test('What is packed comes out of tar byte for byte, private to whoever unpacks it', () => {
  using folder = temporaryFolder();
  const archive = join(folder.path, 'report.tar.gz');
  writeFileSync(archive, packTarGz(files, { nowMs: 1.77e12 }));
  mkdirSync(join(folder.path, 'out'));
  execFileSync('tar', ['-xzf', archive, '-C', join(folder.path, 'out')]);
  expect(readdirSync(join(folder.path, 'out/report')).sort()).toEqual(['empty.txt', 'more.txt', 'one block.txt']);
  for (const { name, text } of files) expect(readFileSync(join(folder.path, 'out', name), 'utf8')).toBe(text);
  const listed = execFileSync('tar', ['-tvzf', archive], { encoding: 'utf8' });
  expect(listed.match(/^-rw------- 0\/0 /gm)).toHaveLength(files.length);
});

test('Other programs than tar read it, too', () => {
  using folder = temporaryFolder();
  const archive = join(folder.path, 'report.tar.gz');
  writeFileSync(archive, packTarGz(files, { nowMs: 1.77e12 }));
  const script =
    'import sys, tarfile; t = tarfile.open(sys.argv[1]); print([(m.name, m.size, m.isfile(), m.uname) for m in t])';
  expect(execFileSync('python3', ['-c', script, archive], { encoding: 'utf8' }).trim()).toBe(
    "[('report/empty.txt', 0, True, ''), ('report/one block.txt', 512, True, ''), ('report/more.txt', 65003, True, '')]",
  );
});

test('A name too long for the format is refused rather than cut', () => {
  expect(() => packTarGz([{ name: 'n'.repeat(101), text: '' }], { nowMs: 0 })).toThrow();
});
