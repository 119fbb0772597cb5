import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    // One more than there are processors: much of what is tested is waiting, for disks, children and clocks.
    maxWorkers: availableParallelism() + 1,
    // Tests start real processes, mount real disks and wait for them; a test that needs longer says so itself.
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // One zone for all: a test about zones names its own.
    env: { TZ: 'Europe/Berlin' },
    reporters: ['default', './test/support/skip-reporter.ts'],
  },
});
