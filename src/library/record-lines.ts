// Reads what Keepsake wrote down in the library, line by line: manifests, and the list of what was removed.

import { createReadStream } from 'node:fs';
import { AgentError, systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath } from '../domain/ids.ts';

const lineLengthMax = 1024 * 1024;

/**
 * The lines of a file from byte `start` on. A last one without its newline was cut off by a crash and is left out.
 * @throws AgentError LIBRARY_DAMAGED if it cannot be read, or has a line longer than any of ours.
 */
export async function* wholeLines(path: AbsolutePath, start = 0): AsyncGenerator<string> {
  // Not `node:readline`: it also ends a line at U+2028 and U+2029, which JSON leaves as they are and names may contain.
  let rest = '';
  try {
    for await (const chunk of createReadStream(path, { encoding: 'utf8', start })) {
      const lines = `${rest}${chunk}`.split('\n');
      rest = lines.pop() ?? ''; // what has no newline yet, and at the end of the file never will
      for (const line of lines) {
        if (line.length > lineLengthMax) throw damagedRecord(path);
        yield line;
      }
      if (rest.length > lineLengthMax) throw damagedRecord(path);
    }
  } catch (error) {
    throw systemErrorCode(error) === undefined ? error : damagedRecord(path, error); // a disk that fails, or no right to read
  }
}

export function damagedRecord(path: string, cause?: unknown): AgentError {
  return new AgentError('LIBRARY_DAMAGED', `"${path}" cannot be read. Your photos are not affected.`, {
    remedy: 'Keep that file, and ask for help with it: it says which photos were saved, or removed.',
    cause,
  });
}

export function newerRecord(path: string): AgentError {
  return new AgentError('LIBRARY_TOO_NEW', `"${path}" was written by a newer Keepsake.`, {
    remedy: 'Install the newer Keepsake again. Nothing was changed.',
  });
}
