// Shows a folder in the desktop's own program for folders.

import { type ChildProcess, spawn } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { AgentError, isAgentError, systemErrorCode } from '../domain/errors.ts';
import type { AbsolutePath } from '../domain/ids.ts';
import { hasDisplay, readSessionEnvironment } from './service-manager.ts';
import { openSessionBus } from './session-bus.ts';

const programs: Partial<Record<NodeJS.Platform, string>> = {
  linux: 'xdg-open',
  darwin: '/usr/bin/open',
  win32: 'explorer.exe',
};

const answerMsMax = 5000;
/** A program that cannot show it says so at once; one that can may go on for as long as it is looked at. */
const refusalMsMax = 2000;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Resolves when the desktop took it, or a program for it was started and did not refuse at once; what it then does is the desktop's. Takes
 * a few seconds at most. @throws AgentError FOLDER_NOT_SHOWN
 */
export async function openFolder(
  folder: AbsolutePath,
  environment: Environment,
  platform = process.platform,
): Promise<void> {
  const session = platform === 'linux' ? await readSessionEnvironment(environment) : environment;
  if (platform === 'linux') {
    if (await askDesktop(folder, session)) return;
    // Where there is nothing to show it on, xdg-open starts a browser for terminals, which nobody sees, and is content.
    if (!hasDisplay(session)) throw notShown(folder, { why: 'no desktop' });
  }
  const program = programs[platform];
  if (program === undefined) throw notShown(folder, { why: 'no program' });
  // Its own group and no ties to us: what the owner looks at stays when Keepsake ends.
  const child = spawn(program, [folder], { env: { ...session }, detached: true, stdio: 'ignore', cwd: '/' });
  child.unref();
  const refusal = await refusalOf(child);
  // explorer.exe ends with 1 whatever it did (read, not tried).
  if (refusal !== undefined && !(platform === 'win32' && refusal.cause === undefined)) throw notShown(folder, refusal);
}

interface Refusal {
  readonly why: string;
  readonly cause?: unknown;
}

/** Undefined: it has done it, or is at it. */
async function refusalOf(child: ChildProcess): Promise<Refusal | undefined> {
  const { promise, resolve } = Promise.withResolvers<Refusal | undefined>();
  child.once('error', (cause) => resolve({ why: systemErrorCode(cause) ?? 'no program', cause }));
  child.once('exit', (code) => resolve(code === 0 ? undefined : { why: 'no program' }));
  const timer = setTimeout(() => resolve(undefined), refusalMsMax);
  return await promise.finally(() => clearTimeout(timer));
}

/**
 * Over the session bus, the program that shows it is not a child of ours, and does not end with our service (File Manager D-Bus
 * Interface, freedesktop.org). False: nobody offers that here.
 */
async function askDesktop(folder: string, environment: Environment): Promise<boolean> {
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

function notShown(folder: string, { why, cause }: Refusal): AgentError {
  return new AgentError('FOLDER_NOT_SHOWN', `Your photo folder could not be opened here (${why}).`, {
    remedy: `Open it by hand: ${folder}`,
    cause,
  });
}
