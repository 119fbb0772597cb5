// Whether the system lets us into the folders that photos come from and go to. A Mac asks its owner the first time a program
// looks into some of them, and from then on refuses with a plain "not permitted": that is recognised here, with what to do.
// The questions of a Mac were never seen by who wrote this: from Apple's documentation, tried on Linux only.

import { constants } from 'node:fs';
import { access, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AgentError, systemErrorCode } from '../../domain/errors.ts';
import type { Environment } from '../paths.ts';
import { homeFolder } from './program.ts';

/** macOS asks about these, one by one ("Files and Folders" in its settings), and about each removable drive. */
const askedAboutAtHome = ['Pictures', 'Desktop', 'Documents', 'Downloads'];
/** Those that Keepsake may have a reason to look into without being told to. */
const touchedAtHome = ['Pictures', 'Desktop'];
const volumes = '/Volumes';

export interface AccessFailure {
  readonly path: string;
  readonly error: unknown;
}

/**
 * Pure. What a failed access on a Mac means if it is the system's privacy protection that refused: EPERM ("operation not
 * permitted"), where missing rights would be EACCES. Undefined: it is something else, also on any other system.
 */
export function classifyBlockedAccess(
  { path, error }: AccessFailure,
  { platform, home }: { readonly platform: NodeJS.Platform; readonly home: string },
): AgentError | undefined {
  if (platform !== 'darwin' || systemErrorCode(error) !== 'EPERM') return undefined;
  const isDrive = isWithin(path, volumes);
  const isAskedAbout = isDrive || askedAboutAtHome.some((name) => isWithin(path, join(home, name)));
  const isLibrary = path.endsWith('.photoslibrary') || path.includes('.photoslibrary/');
  if (!isAskedAbout && !isLibrary) return undefined;
  const pane = isLibrary ? 'Full Disk Access' : 'Files and Folders';
  return new AgentError('ACCESS_BLOCKED', `This Mac does not let Keepsake look into "${path}".`, {
    remedy:
      `Open System Settings → Privacy & Security → ${pane}, switch on ` +
      `${isDrive ? '"Removable Volumes"' : 'that folder'} for Keepsake (it may be listed as "node"), then start it again.`,
    cause: error,
  });
}

/**
 * Looks into the folders that a Mac asks about, so that it asks now, while somebody is there to answer. Which program it asks
 * for is the one that was started: what `install` does in a terminal is the terminal's; the agent has to look itself.
 * Resolves with what was refused; waits as long as a question stands open, and does nothing on other systems.
 */
export async function touchAskedFolders(
  environment: Environment,
  platform: NodeJS.Platform = process.platform,
): Promise<readonly AgentError[]> {
  if (platform !== 'darwin') return [];
  const home = homeFolder(environment);
  const refused: AgentError[] = [];
  for (const path of [...touchedAtHome.map((name) => join(home, name)), volumes]) {
    const error = await readdir(path).then(
      () => undefined,
      (failure: unknown) => failure,
    );
    const blocked = error === undefined ? undefined : classifyBlockedAccess({ path, error }, { platform, home });
    if (blocked !== undefined) refused.push(blocked);
  }
  return refused;
}

/** Whether the photo folder can be written, or made where it is not there yet. Undefined: it can. */
export async function checkWritable(path: string, environment: Environment): Promise<AgentError | undefined> {
  for (let folder = path; ; folder = dirname(folder)) {
    try {
      await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
      return undefined;
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT' && dirname(folder) !== folder) continue;
      const { platform } = process;
      const blocked = classifyBlockedAccess({ path: folder, error }, { platform, home: homeFolder(environment) });
      return (
        blocked ??
        new AgentError('LIBRARY_READ_ONLY', `"${folder}" cannot be written (${systemErrorCode(error)}).`, {
          remedy: 'Check that you may write there, or choose another photo folder: keepsake config set library FOLDER',
          cause: error,
        })
      );
    }
  }
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
