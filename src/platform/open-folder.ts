// Shows a folder in the desktop's own program for folders.

import { spawn } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { AgentError, isAgentError, systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath } from '../domain/ids.ts';
import { openSessionBus } from './session-bus.ts';

const programs: Partial<Record<NodeJS.Platform, string>> = {
  linux: 'xdg-open',
  darwin: '/usr/bin/open',
  win32: 'explorer.exe',
};

const answerMsMax = 5000;

/** Resolves when the program was started; what it then does is the desktop's. @throws AgentError FOLDER_NOT_SHOWN */
export async function openFolder(
  folder: AbsolutePath,
  environment: Readonly<Record<string, string | undefined>>,
  platform = process.platform,
): Promise<void> {
  if (platform === 'linux' && (await askDesktop(folder, environment))) return;
  const program = programs[platform];
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  if (program === undefined) throw notShown(folder, undefined);
  // Its own group and no ties to us: what the owner looks at stays when Keepsake ends.
  const child = spawn(program, [folder], { env: { ...environment }, detached: true, stdio: 'ignore', cwd: '/' });
  child.once('spawn', () => {
    child.unref();
    resolve();
  });
  child.once('error', (error) => reject(notShown(folder, error)));
  await promise;
}

/**
 * Over the session bus, the program that shows it is not a child of ours, and does not end with our service (File Manager D-Bus
 * Interface, freedesktop.org). False: nobody offers that here.
 */
async function askDesktop(folder: string, environment: Readonly<Record<string, string | undefined>>): Promise<boolean> {
  await using bus = await openSessionBus(environment, { timeoutMs: answerMsMax });
  if (bus === undefined) return false;
  const name = 'org.freedesktop.FileManager1';
  const call = { destination: name, path: '/org/freedesktop/FileManager1', interface: name, member: 'ShowFolders' };
  try {
    await bus.call(
      { ...call, signature: 'ass', body: [[pathToFileURL(folder).href], ''], mayStart: true },
      { timeoutMs: answerMsMax },
    );
    return true;
  } catch (error) {
    if (isAgentError(error, 'SESSION_BUS_FAILED')) return false;
    throw error;
  }
}

function notShown(folder: string, cause: unknown): AgentError {
  return new AgentError(
    'FOLDER_NOT_SHOWN',
    `Your photo folder could not be opened here (${systemErrorCode(cause) ?? 'no program'}).`,
    {
      remedy: `Open it by hand: ${folder}`,
      cause,
    },
  );
}
