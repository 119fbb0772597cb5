// What a test needs from the machine it runs on. Missing, the test is skipped with its reason; the reporter turns that into
// a failure under CI=true.

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { TestContext } from 'vitest';

/** Skips unless this process is root: mounting needs it. */
export function needRoot(context: TestContext): void {
  if (process.getuid?.() !== 0) context.skip('needs root, to mount filesystems of its own');
}

/** Skips on other systems. `what` is why only Linux will do. */
export function needLinux(context: TestContext, what: string): void {
  if (process.platform !== 'linux') context.skip(`needs Linux: ${what}`);
}

/** Skips unless all of these programs are installed. */
export function needPrograms(context: TestContext, ...names: readonly string[]): void {
  for (const name of names) {
    try {
      execFileSync('sh', ['-c', `command -v "$1"`, 'sh', name], { stdio: 'ignore' });
    } catch {
      context.skip(`needs the program ${name}`);
    }
  }
}

/** The folder of real media with its truth.tsv: KEEPSAKE_TEST_MEDIA, else ../shared/media beside the project, else undefined. */
export function findTestMedia(): string | undefined {
  const named = process.env['KEEPSAKE_TEST_MEDIA'];
  const folder = named ?? resolve(import.meta.dirname, '../../../shared/media');
  return existsSync(resolve(folder, 'truth.tsv')) ? folder : undefined;
}
