// Where the agent of one state folder listens: a unix socket in a folder only its owner can enter, so that the folder's
// permissions are the password. Derived from the state folder, so that whoever uses the same state finds the same agent.

import { createHash } from 'node:crypto';
import { lstat, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { AgentError } from '../../domain/errors.ts';
import type { AbsolutePath } from '../../domain/ids.ts';
import type { Environment, KeepsakePaths } from '../paths.ts';

/** sockaddr_un holds 108 bytes with the final zero on Linux, 104 on macOS (unix(7); sys/un.h). */
const pathBytesMax = 103;

/** The first of the usual places where the path is short enough. @throws AgentError AGENT_UNREACHABLE if none is. */
export function socketPath(paths: KeepsakePaths, environment: Environment): AbsolutePath {
  const name = `keepsake-${createHash('sha256').update(paths.state).digest('hex').slice(0, 16)}`;
  const user = process.getuid?.() ?? 0;
  const runtime = environment['XDG_RUNTIME_DIR'];
  const folders = [
    ...(runtime === undefined || runtime === '' ? [] : [join(runtime, name)]),
    join(tmpdir(), `${name}-${user}`),
    join('/tmp', `${name}-${user}`),
  ];
  for (const folder of folders) {
    const path = join(folder, 'agent.sock');
    if (Buffer.byteLength(path) <= pathBytesMax) return path as AbsolutePath;
  }
  throw unreachable(`"${folders[0]}" is too long a name for a connection`, 'Set XDG_RUNTIME_DIR to a shorter folder.');
}

/** Makes the socket's folder, or accepts it if nobody else can have put anything there. @throws AgentError AGENT_UNREACHABLE */
export async function prepareSocketFolder(path: AbsolutePath): Promise<void> {
  const folder = dirname(path);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw unreachable(`"${folder}" could not be made (${String(error)})`, 'Check that there is room in it.', error);
  }
  const facts = await lstat(folder); // not stat: a link could lead to a folder of somebody else
  const isOurs = process.getuid === undefined || facts.uid === process.getuid();
  if (facts.isDirectory() && isOurs && (process.platform === 'win32' || (facts.mode & 0o077) === 0)) return;
  throw unreachable(`"${folder}" belongs to somebody else or is open to others`, `Remove it: rm -r "${folder}"`);
}

function unreachable(why: string, remedy: string, cause?: unknown): AgentError {
  return new AgentError('AGENT_UNREACHABLE', `The Keepsake in the background cannot be talked to: ${why}.`, {
    remedy,
    cause,
  });
}
