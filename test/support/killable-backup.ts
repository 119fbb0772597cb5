// `keepsake backup` that ends itself with SIGKILL at a chosen moment, as a power cut or an impatient owner would. Run as a
// child: killable-backup.ts HOME LIBRARY SOURCE GAP OCCURRENCE. Prints the gap it died in; without one it just saves.

import { writeSync } from 'node:fs';
import { type DurableStep, durableSteps } from '../../src/platform/durable-write.ts';
import type { FolderSource } from '../../src/sources/folder/folder-source.ts';
import { keepsake } from './keepsake.ts';

const [home = '', library = '', source = '', gap = '', occurrenceText = '1'] = process.argv.slice(2);
const [, next] = gap.split('..') as [DurableStep, DurableStep];
let left = Number(occurrenceText);
/** In the gap after `stage` half of the kills come between two steps, half in the middle of a file. */
const isMidFile = gap === 'stage..times' && left % 2 === 0;

function die(): void {
  writeSync(1, `killed in ${gap}\n`);
  process.kill(process.pid, 'SIGKILL');
}

function count(): void {
  left -= 1;
  if (left === 0) die();
}

/** Counts reads that come after the first durable step of the file. */
function wrapSource(folder: FolderSource): FolderSource {
  return {
    ...folder,
    open: async (path, offsetBytes, signal) => {
      const reader = await folder.open(path, offsetBytes, signal);
      let reads = 0;
      return {
        read: (into, readSignal) => {
          reads += 1;
          if (isMidFile && reads > 1) count();
          return reader.read(into, readSignal);
        },
        state: (stateSignal) => reader.state(stateSignal),
        [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose](),
      };
    },
  };
}

if (gap !== '' && !durableSteps.includes(next)) throw new Error(`unknown gap ${gap}`);
await keepsake(['config', 'set', 'reserve', '0 B'], { home });
const answer = await keepsake(['backup', source, '--library', library, '--json'], {
  home,
  seams: {
    wrapSource,
    observeStep: (step) => {
      if (gap !== '' && !isMidFile && step === next) count();
    },
    batchFilesMax: 4,
    checkpointBytes: 64 * 1024,
  },
});
process.stdout.write(answer.stdout);
process.stderr.write(answer.stderr);
process.exitCode = answer.exitCode;
