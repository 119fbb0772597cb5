// Entry of the `keepsake` command: signals in, exit code out. Everything between is cli/run.ts, which tests call as well.

import process from 'node:process';
import { runCli } from './run.ts';

const interrupt = new AbortController();
let interruptedAtMs: number | undefined;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    // The launcher and the terminal may both deliver one Ctrl-C; a second one, later, is an owner who will not wait.
    if (interruptedAtMs !== undefined && performance.now() - interruptedAtMs > 1000) endAtOnce();
    interruptedAtMs ??= performance.now();
    interrupt.abort(new Error(signal));
  });
}

// Whoever reads our output may stop reading (`… | head`). That is not a fault, and what is being saved is saved all the same.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

process.exitCode = await runCli({
  args: process.argv.slice(2),
  environment: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: interrupt.signal,
  ownProgram: { command: process.execPath, args: [...process.execArgv, process.argv[1] ?? ''] },
});

/** Not process.exit: it waits for reads under way (measured), and a disk that hangs is why one presses Ctrl-C again. Shells say 130. */
function endAtOnce(): void {
  process.removeAllListeners('SIGINT');
  process.kill(process.pid, 'SIGINT');
}
