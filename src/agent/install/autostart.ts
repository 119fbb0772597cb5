// Start at login where there is no user service manager: by an entry in the list of programs that every desktop starts. It
// brings neither a restart after a crash nor the daily check, and whoever installs it is told so.

import { spawn } from 'node:child_process';
import { rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AgentError } from '../../domain/errors.ts';
import type { Environment, KeepsakePaths } from '../paths.ts';
import type { FoundParts, RemovedParts, SetUp } from './login-way.ts';
import { placeOwnFile, readOwnFile, removeOwnFile } from './own-file.ts';
import { homeFolder, type Program } from './program.ts';
import { renderAutostart } from './render.ts';
import {
  doesAgentAnswer,
  endAgentOfLogin,
  findAgentPid,
  isAgentThere,
  pause,
  wasStartedAtLogin,
} from './running-agent.ts';

/** A start takes half a second; the rest is for a computer that is just being logged in to. */
const startTimeoutMs = 30_000;
const askAgainMs = 100;

interface Surroundings {
  readonly program: Program;
  readonly carried: Readonly<Record<string, string>>;
  readonly environment: Environment;
  readonly paths: KeepsakePaths;
}

/** Desktop Application Autostart Specification 0.5: `$XDG_CONFIG_HOME/autostart`. */
export function autostartFile(environment: Environment): string {
  const named = environment['XDG_CONFIG_HOME'] ?? '';
  const folder = named.startsWith('/') ? named : join(homeFolder(environment), '.config');
  return join(folder, 'autostart/keepsake.desktop');
}

/** @throws AgentError SERVICE_FILE_FAILED, SERVICE_START_FAILED (it is set up then) */
export async function setUpAutostart(surroundings: Surroundings): Promise<SetUp> {
  const { program, carried, environment, paths } = surroundings;
  const placed = await placeOwnFile(autostartFile(environment), renderAutostart({ program, carried }));
  if (placed.isChanged) await endAgentOfLogin(paths); // it may be of an older Keepsake
  if (!(await isAgentThere(paths, environment))) await startNow(surroundings);
  return { isChanged: placed.isChanged, keptAside: placed.keptAside === undefined ? [] : [placed.keptAside] };
}

/** As the desktop will at the next login: it belongs to nobody's terminal and outlives this process. */
async function startNow({ program, carried, environment, paths }: Surroundings): Promise<void> {
  const inherited = Object.entries(environment).filter(([key]) => !/^(npm_|INIT_CWD$|NODE_)/i.test(key));
  const [command, ...args] = program.command;
  const child = spawn(command, [...args, 'agent'], {
    cwd: '/',
    detached: true,
    env: { ...Object.fromEntries(inherited), ...program.environment, ...carried },
    stdio: 'ignore',
  });
  const end = { text: undefined as string | undefined };
  child.once('error', (error) => {
    end.text = error.message;
  });
  child.once('exit', (code, signal) => {
    end.text = `${signal ?? code}`;
  });
  child.unref();
  const deadline = performance.now() + startTimeoutMs;
  while (end.text === undefined && performance.now() < deadline) {
    if (await doesAgentAnswer(paths, environment)) return;
    await pause(askAgainMs);
  }
  const why = end.text ?? 'it does not get ready';
  throw new AgentError('SERVICE_START_FAILED', `Keepsake is set up to start at login, but it did not start (${why}).`, {
    remedy: 'Start it in a terminal window, to see what it says: keepsake agent',
  });
}

export async function readAutostart(surroundings: Surroundings): Promise<FoundParts> {
  const { environment, paths, program, carried } = surroundings;
  const path = autostartFile(environment);
  const { state, text = '' } = await readOwnFile(path);
  const found = await findAgentPid(paths);
  const pid = found !== undefined && (await wasStartedAtLogin(found)) ? found : undefined;
  return {
    files: state === 'missing' ? [] : [{ path, state }],
    isCurrent: text === renderAutostart({ program, carried }),
    // Desktops switch an entry off by one of these two lines.
    isEnabled: state !== 'missing' && !/^(Hidden=true|X-GNOME-Autostart-enabled=false)\s*$/m.test(text),
    dailyCheck: false,
    agent: pid === undefined ? 'stopped' : 'running',
    ...(pid === undefined ? {} : { pid }),
  };
}

export async function removeAutostart(environment: Environment, paths: KeepsakePaths): Promise<RemovedParts> {
  const path = autostartFile(environment);
  const { isRemoved, isLeft, keptAside } = await removeOwnFile(path);
  if (isRemoved) await rmdir(dirname(path)).catch(() => undefined); // others start from there too
  return {
    removed: isRemoved ? [path] : [],
    keptAside: keptAside === undefined ? [] : [keptAside],
    left: isLeft ? [path] : [],
    stopped: isRemoved && (await endAgentOfLogin(paths)),
  };
}
