// `keepsake mirror` or `keepsake verify --all --repair` that ends itself with SIGKILL at a chosen step. Run as a child:
// killable-copies.ts HOME OCCURRENCE ARGUMENT...

import { keepsake } from './keepsake.ts';

const [home = '', occurrence = '', ...args] = process.argv.slice(2);
let left = Number(occurrence);
const answer = await keepsake(args, {
  home,
  seams: {
    observeStep: () => {
      left -= 1;
      if (left === 0) process.kill(process.pid, 'SIGKILL');
    },
  },
});
process.stdout.write(answer.stdout);
process.stderr.write(answer.stderr);
process.exitCode = answer.exitCode;
