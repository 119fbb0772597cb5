// Where the agent of one state folder listens: a unix socket in a folder only its owner can enter, so that the folder's
// permissions are the password. Derived from the state folder, so that whoever uses the same state finds the same agent.

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { lstat, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { AgentError } from '../../domain/errors.ts';
import type { AbsolutePath } from '../../domain/ids.ts';
import type { Environment, KeepsakePaths } from '../paths.ts';

/** sockaddr_un holds 108 bytes with the final zero on Linux, 104 on macOS (unix(7); sys/un.h). */
const pathBytesMax = 103;

/**
 * The usual places, the best first: an agent listens at the first one. Whoever looks for it tries them all, since a shell
 * over ssh or from cron does not know of every one. @throws AgentError AGENT_UNREACHABLE if no path is short enough.
 */
export function socketPaths(
  paths: KeepsakePaths,
  environment: Environment,
): readonly [AbsolutePath, ...AbsolutePath[]] {
  const name = `keepsake-${createHash('sha256').update(paths.state).digest('hex').slice(0, 16)}`;
  const user = process.getuid?.() ?? 0;
  const named = environment['XDG_RUNTIME_DIR'];
  const usual = `/run/user/${user}`; // file-hierarchy(7); of a session that has ended it is not there
  const runtimes = [named === '' ? undefined : named, existsSync(usual) ? usual : undefined];
  const folders = new Set([
    ...runtimes.flatMap((runtime) => (runtime === undefined ? [] : [join(runtime, name)])),
    ...[tmpdir(), '/tmp'].map((temporary) => join(temporary, `${name}-${user}`)),
  ]);
  const fitting = [...folders].map((folder) => join(folder, 'agent.sock') as AbsolutePath).filter(isShort);
  const [first, ...others] = fitting;
  if (first !== undefined) return [first, ...others];
  throw unreachable(`"${tmpdir()}" is too long a name for a connection`, 'Set XDG_RUNTIME_DIR to a shorter folder.');
}

function isShort(path: AbsolutePath): boolean {
  return Buffer.byteLength(path) <= pathBytesMax;
}

/** Makes the socket's folder, or accepts it if nobody else can have put anything there. @throws AgentError AGENT_UNREACHABLE */
export async function prepareSocketFolder(path: AbsolutePath): Promise<void> {
  const folder = dirname(path);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw unreachable(`"${folder}" could not be made (${String(error)})`, 'Check that there is room in it.', error);
  }
  if (await isOurs(folder)) return;
  throw unreachable(`"${folder}" belongs to somebody else or is open to others`, `Remove it: rm -r "${folder}"`);
}

/** True if nobody but this user can have put anything into that folder. */
export async function isOurs(folder: string): Promise<boolean> {
  const facts = await lstat(folder); // not stat: a link could lead to a folder of somebody else
  if (!facts.isDirectory() || (process.getuid !== undefined && facts.uid !== process.getuid())) return false;
  return process.platform === 'win32' || (facts.mode & 0o077) === 0;
}

function unreachable(why: string, remedy: string, cause?: unknown): AgentError {
  return new AgentError('AGENT_UNREACHABLE', `The Keepsake in the background cannot be talked to: ${why}.`, {
    remedy,
    cause,
  });
}
