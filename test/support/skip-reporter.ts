// Says why a test was skipped; under CI=true a skipped test is a failure, because nobody would ever read the reason there.

import type { Reporter, TestModule } from 'vitest/node';

export default class SkipReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const tally = { passed: 0, failed: 0, skipped: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === 'pending') continue;
        tally[result.state] += 1;
        if (result.state !== 'skipped') continue;
        process.stdout.write(`skipped: ${test.fullName}: ${result.note ?? 'no reason given'}\n`);
      }
    }
    process.stdout.write(`${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped\n`);
    if (tally.skipped > 0 && process.env['CI'] === 'true') {
      process.stdout.write('A skipped test is a failure under CI=true.\n');
      process.exitCode = 1;
    }
  }
}
