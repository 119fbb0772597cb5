// `keepsake remove` that ends itself with SIGKILL when a step is about to begin, as a power cut would. Run as a child:
// killable-removal.ts HOME LIBRARY STEP NTH ARGS… Without a STEP it just does it, and prints its answer.

import { remove } from './removing.ts';

const [home = '', library = '', step = '', nth = '1', ...args] = process.argv.slice(2);
let left = Number(nth);

const answer = await remove(
  {
    home,
    library,
    observeStep: (each) => {
      if (each !== step) return;
      left -= 1;
      if (left === 0) process.kill(process.pid, 'SIGKILL');
    },
  },
  args,
);
process.stdout.write(answer.stdout);
process.stderr.write(answer.stderr);
process.exitCode = answer.exitCode;
