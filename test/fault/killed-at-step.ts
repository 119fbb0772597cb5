// The command in a process that ends itself with SIGKILL when a durable step begins: STEP NTH ARGS… Nothing is closed,
// flushed or caught on the way out.

import { runCli } from '../../src/cli/run.ts';

const [step, nth, ...args] = process.argv.slice(2);
let left = Number(nth);
process.exitCode = await runCli({
  args,
  environment: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: new AbortController().signal,
  seams: {
    observeStep: (each) => {
      if (each !== step) return;
      left -= 1;
      if (left === 0) process.kill(process.pid, 'SIGKILL');
    },
  },
});
