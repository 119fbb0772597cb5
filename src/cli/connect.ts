// Keepsake for one command: through the agent if one runs, since it is the one who writes, else in this process.

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { RemoteKeepsake } from '../agent/api/client.ts';
import { socketPaths } from '../agent/api/socket-path.ts';
import { keepingAwake, keepingAwakeAlone } from '../agent/awake.ts';
import type { Seams } from '../agent/backup.ts';
import { composeKeepsake } from '../agent/compose.ts';
import type { Keepsake } from '../agent/control.ts';
import type { Environment } from '../agent/paths.ts';
import type { AbsolutePath } from '../domain/ids.ts';

/** @throws AgentError AGENT_UNREACHABLE if an agent is there and does not answer. */
export async function connectKeepsake(environment: Environment, seams: Seams | undefined): Promise<Keepsake> {
  const local = composeKeepsake(environment, seams);
  const agent = await findAgent(socketPaths(local.paths, environment));
  if (agent === undefined) return { ...local, ...keepingAwakeAlone(local, environment) };
  const workingFolder = environment['INIT_CWD'] ?? process.cwd();
  // Giving back writes nothing of ours: it needs no turn.
  const { paths, config, setConfig, lacking, restore } = local;
  const both = { paths, config, setConfig, lacking, restore, ...withWorkingFolder(agent, workingFolder) };
  return { ...both, ...keepingAwake(both, environment) };
}

async function findAgent(paths: readonly AbsolutePath[]): Promise<RemoteKeepsake | undefined> {
  for (const path of paths.filter((each) => existsSync(each))) {
    const { connectAgent } = await import('../agent/api/client.ts'); // HTTP: a command without an agent starts quicker without it
    const agent = await connectAgent(path);
    if (agent !== undefined) return agent;
  }
  return undefined;
}

/** The agent has a working folder of its own: names of folders are completed before they are sent. */
function withWorkingFolder(agent: RemoteKeepsake, workingFolder: string): RemoteKeepsake {
  const complete = (library: string | undefined) =>
    library === undefined ? undefined : resolve(workingFolder, library);
  return {
    ...agent,
    status: (library) => agent.status(complete(library)),
    adopt: (wish) =>
      agent.adopt({ ...wish, folder: resolve(workingFolder, wish.folder), library: complete(wish.library) }),
    rebuild: (wish) => agent.rebuild({ ...wish, library: complete(wish.library) }),
    mirror: (wish) =>
      agent.mirror({
        ...wish,
        library: complete(wish.library),
        drives: wish.drives.map((text) => completeIfPath(workingFolder, text)),
      }),
    verify: (wish) => agent.verify({ ...wish, library: complete(wish.library) }),
    drives: (library) => agent.drives(complete(library)),
    addDrive: (wish) =>
      agent.addDrive({ ...wish, path: resolve(workingFolder, wish.path), library: complete(wish.library) }),
    forgetDrive: ({ drive, library }) =>
      agent.forgetDrive({ drive: completeIfPath(workingFolder, drive), library: complete(library) }),
    ejectDrive: ({ drive, library }) =>
      agent.ejectDrive({ drive: completeIfPath(workingFolder, drive), library: complete(library) }),
    remove: (wish) => agent.remove({ ...wish, library: complete(wish.library) }),
    safeToDelete: (wish) => agent.safeToDelete({ ...wish, library: complete(wish.library) }),
    backup: async (request) => {
      const known = request.sources.length === 0 ? [] : await agent.devices();
      const sources = request.sources.map((text) => {
        const folder = resolve(workingFolder, text);
        return !existsSync(folder) && known.some(({ id, name }) => id === text || name === text) ? text : folder;
      });
      return await agent.backup({ ...request, sources, library: complete(request.library) });
    },
  };
}

/** A drive may be named by a path on it. */
function completeIfPath(workingFolder: string, text: string): string {
  const path = resolve(workingFolder, text);
  return text.includes('/') || existsSync(path) ? path : text;
}
