// Whether an agent of this state folder runs, whoever started it, and as which process. Looks without touching: taking the
// agent's lock to see whether it is free would turn away an agent that begins at that moment.

import { readFile, stat } from 'node:fs/promises';
import { connectAgent } from '../api/client.ts';
import { socketPaths } from '../api/socket-path.ts';
import type { Environment, KeepsakePaths } from '../paths.ts';
import { startedAtLogin } from './program.ts';

const endTimeoutMs = 15_000;
const askAgainMs = 100;

/** True if one runs, be it still beginning or hung. */
export async function isAgentThere(paths: KeepsakePaths, environment: Environment): Promise<boolean> {
  if ((await findAgentPid(paths)) !== undefined) return true;
  return await doesAgentAnswer(paths, environment);
}

export async function doesAgentAnswer(paths: KeepsakePaths, environment: Environment): Promise<boolean> {
  for (const path of socketPaths(paths, environment)) {
    const agent = await connectAgent(path).catch(() => 'silent' as const); // it is there, but does not answer in time
    if (agent !== undefined && agent !== 'silent') return true;
  }
  return false;
}

/**
 * The process that holds the agent's lock, by the kernel's own list (proc(5), /proc/locks): `1: POSIX ADVISORY WRITE 4242
 * fe:01:1234 …`, the file by device and inode. Undefined: nobody, or the system has no such list (macOS).
 */
export async function findAgentPid(paths: KeepsakePaths): Promise<number | undefined> {
  if (process.platform !== 'linux') return undefined;
  const facts = await stat(paths.agentLock).catch(() => undefined); // there has never been an agent
  if (facts === undefined) return undefined;
  // By inode alone: btrfs and overlays show another device number there than to stat. Two agents' locks of one number are two
  // in a billion, and the caller that ends a process asks it who it is.
  const pattern = new RegExp(`POSIX +ADVISORY +WRITE +(\\d+) +[0-9a-f]+:[0-9a-f]+:${facts.ino} `);
  return Number(pattern.exec(await readFile('/proc/locks', 'utf8').catch(() => ''))?.[1] ?? 0) || undefined;
}

/**
 * Ends the agent that a desktop started at login, and waits for its end; not one in a terminal. True if one was ended.
 * Linux only.
 */
export async function endAgentOfLogin(paths: KeepsakePaths): Promise<boolean> {
  const pid = await findAgentPid(paths);
  if (pid === undefined || !(await wasStartedAtLogin(pid))) return false;
  process.kill(pid, 'SIGTERM');
  const deadline = performance.now() + endTimeoutMs;
  while ((await findAgentPid(paths)) === pid && performance.now() < deadline) await pause(askAgainMs);
  return (await findAgentPid(paths)) !== pid;
}

/** Linux only. */
export async function wasStartedAtLogin(pid: number): Promise<boolean> {
  const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => ''); // gone, or somebody else's
  return environment.split('\0').includes(`KEEPSAKE_STARTED_BY=${startedAtLogin.KEEPSAKE_STARTED_BY}`);
}

export async function pause(durationMs: number): Promise<void> {
  await new Promise((done) => setTimeout(done, durationMs));
}
