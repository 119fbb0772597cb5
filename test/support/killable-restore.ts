// `restore --all` that ends itself with SIGKILL at a chosen moment, as a power cut or an impatient owner would. Run as a child:
// killable-restore.ts HOME FROM TO STEP OCCURRENCE, or STEP "bytes" and how many of them. Without a step it just restores.

import { writeSync } from 'node:fs';
import { restore } from './restoring.ts';

const [home = '', from = '', to = '', step = '', occurrence = '1'] = process.argv.slice(2);
let left = Number(occurrence);

function die(): void {
  writeSync(1, 'killed\n');
  process.kill(process.pid, 'SIGKILL');
}

const result = await restore({
  ...{ home, from, to },
  onProgress: ({ bytes }) => {
    if (step === 'bytes' && bytes >= left) die();
  },
  context: {
    batchFilesMax: 4,
    observeStep: (each) => {
      if (each !== step) return;
      left -= 1;
      if (left === 0) die();
    },
  },
});
process.stdout.write(`${JSON.stringify(result)}\n`);
