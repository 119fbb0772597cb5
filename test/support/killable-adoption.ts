// `adopt` that ends itself with SIGKILL at a chosen moment, as a power cut or an impatient owner would. Run as a child:
// killable-adoption.ts HOME LIBRARY BATCH LOG MOMENT NTH. MOMENT is a durable step that is about to begin, or `read`: a
// file is under way. Appends to LOG a line for each file whose reading begins. Without a MOMENT it just adopts.

import { appendFileSync } from 'node:fs';
import type { FolderSource } from '../../src/sources/folder/folder-source.ts';
import { adopt } from './adopting.ts';

const [home = '', library = '', batch = '', log = '', moment = '', nth = '1'] = process.argv.slice(2);
let left = Number(nth);

function count(what: string): void {
  if (what !== moment) return;
  left -= 1;
  if (left === 0) process.kill(process.pid, 'SIGKILL');
}

/** Asking a file how it is, as is done again before it is recorded, is no reading. */
function wrapSource(folder: FolderSource): FolderSource {
  return {
    ...folder,
    open: async (path, offsetBytes, signal) => {
      const reader = await folder.open(path, offsetBytes, signal);
      let isRead = false;
      return {
        read: (into, readSignal) => {
          if (!isRead) {
            isRead = true;
            appendFileSync(log, `${path}\n`);
            count('read');
          }
          return reader.read(into, readSignal);
        },
        state: (stateSignal) => reader.state(stateSignal),
        [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose](),
      };
    },
  };
}

const report = await adopt(
  { home, library },
  { seams: { wrapSource, observeStep: count, ...(batch === '' ? {} : { batchFilesMax: Number(batch) }) } },
);
process.stdout.write(JSON.stringify(report));
