import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    // One more than there are processors: much of what is tested is waiting, for disks, children and clocks.
    maxWorkers: availableParallelism() + 1,
    // Nets for what hangs: tests start real processes and mount real disks, and a busy machine is five times as slow as a quiet one.
    testTimeout: 900_000,
    hookTimeout: 900_000,
    // One zone for all: a test about zones names its own.
    env: { TZ: 'Europe/Berlin' },
    reporters: ['default', './test/support/skip-reporter.ts'],
  },
});
