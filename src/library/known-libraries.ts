// Remembers at which paths libraries were, so that the empty folder of an unmounted drive is not taken for a new one.
// One small file in the state folder; a file that cannot be read is kept and reported, not replaced.

import { readFile } from 'node:fs/promises';
import * as v from 'valibot';
import { AgentError, systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath, LibraryId } from '../domain/ids.ts';
import { writeSmallFile } from '../platform/durable-write.ts';
import { recordOf } from '../platform/shapes.ts';

export interface KnownLibraries {
  idAt(root: AbsolutePath): Promise<LibraryId | undefined>;
  remember(root: AbsolutePath, id: LibraryId): Promise<void>;
}

const knownSchema = recordOf(v.string());

/** @param path state/libraries.json; its folder must exist. Methods throw AgentError STATE_DAMAGED, STATE_WRITE_FAILED. */
export function openKnownLibraries(path: AbsolutePath): KnownLibraries {
  return {
    idAt: async (root) => (await load(path))[root] as LibraryId | undefined,
    remember: async (root, id) => {
      const known = await load(path);
      if (known[root] === id) return;
      try {
        await writeSmallFile(path, `${JSON.stringify({ ...known, [root]: id }, undefined, 2)}\n`, 0o600);
      } catch (error) {
        throw new AgentError('STATE_WRITE_FAILED', `"${path}" could not be written.`, {
          remedy:
            'Check that there is room on the disk of your home folder and that you may write there, then save again.',
          cause: error,
        });
      }
    },
  };
}

async function load(path: AbsolutePath): Promise<Record<string, string>> {
  try {
    return v.parse(knownSchema, JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return {};
    throw new AgentError('STATE_DAMAGED', `"${path}" cannot be read.`, {
      remedy: 'Connect the drive of your photo folder, move that file away and save again.',
      cause: error,
    });
  }
}
