// A drive is somebody's: a link in it may lead anywhere, into the library itself too. What lies behind one is no copy, and nothing is
// written through it.

import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { AgentError, systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath } from '../domain/ids.ts';

export type FolderStanding = 'real' | 'absent' | 'otherwise';

/** Looks at each folder below a root once, and remembers those that are real. */
export class RealFolders {
  readonly #root: AbsolutePath;
  readonly #real = new Set<string>(['']);

  constructor(root: AbsolutePath) {
    this.#root = root;
  }

  /** @param folder below the root, '' for the root itself. One that cannot be looked at is for whoever reads or writes in it to name. */
  async standing(folder: string): Promise<FolderStanding> {
    if (this.#real.has(folder)) return 'real';
    const parent = folder.slice(0, Math.max(0, folder.lastIndexOf('/')));
    const above = await this.standing(parent);
    if (above !== 'real') return above;
    try {
      if (!(await lstat(join(this.#root, folder))).isDirectory()) return 'otherwise';
    } catch (error) {
      const code = systemErrorCode(error);
      if (code === undefined) throw error;
      return code === 'ENOENT' ? 'absent' : 'real';
    }
    this.#real.add(folder);
    return 'real';
  }

  /** @throws AgentError FILE_IN_THE_WAY if a link or a file has the name of this folder, or of one above it. */
  async assertNothingInTheWay(folder: string): Promise<void> {
    if ((await this.standing(folder)) !== 'otherwise') return;
    throw new AgentError('FILE_IN_THE_WAY', `On the drive, a link or a file has the name of the folder "${folder}".`, {
      remedy: 'Move or rename it on the drive, then copy again.',
    });
  }
}

export function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}
