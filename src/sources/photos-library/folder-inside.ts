// A folder inside a library package, opened where it stands: a link on the way would lead out of the library.

import type { Stats } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { AgentError, systemErrorCode } from '../../domain/errors.ts';
import { type FolderSource, openFolderSource } from '../folder/folder-source.ts';

/**
 * Undefined: there is nothing of that name. `notAFolder`: a link is, or leads there, or something else is.
 * @param root of the library, without links in it.
 * @throws AgentError SOURCE_READ_FAILED, SOURCE_MISSING (gone since).
 */
export async function openFolderInside(root: string, below: string): Promise<FolderSource | 'notAFolder' | undefined> {
  const place = join(root, below);
  let facts: Stats;
  try {
    facts = await lstat(place);
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw unreadablePlace(place, error);
  }
  if (!facts.isDirectory()) return 'notAFolder';
  const source = await openFolderSource(place);
  return source.root === place ? source : 'notAFolder';
}

/** There is no such file or folder, as against: nobody can say. */
export function isAbsence(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(systemErrorCode(error) ?? '');
}

export function unreadablePlace(place: string, cause: unknown): AgentError {
  const why = systemErrorCode(cause) ?? String(cause);
  return new AgentError('SOURCE_READ_FAILED', `"${place}" could not be looked into (${why}).`, {
    remedy:
      'Make it readable for you, then save again. On a Mac: System Settings, Privacy & Security, Full Disk Access.',
    cause,
  });
}
