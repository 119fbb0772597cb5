// A small JSON file that one process at a time changes, for those who have to tell of a disk that cannot be written: where the
// state folder takes nothing, what was told is remembered in the session's own folder, which lies in memory on most systems.
// What cannot be read is begun anew: at worst a thing is told once more.

import { mkdir, readFile, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import * as v from 'valibot';
import { AgentError } from '../domain/errors.ts';
import type { AbsolutePath } from '../domain/ids.ts';
import { writeSmallFile } from '../platform/durable-write.ts';
import { type ExclusiveLock, takeExclusiveLock } from '../platform/exclusive-lock.ts';
import { prepareSocketFolder, socketPaths } from './api/socket-path.ts';
import type { Environment, KeepsakePaths } from './paths.ts';

export interface MemoryOptions<Value> {
  readonly paths: KeepsakePaths;
  readonly environment: Environment;
  /** In the state folder; ends in `.json`. */
  readonly path: AbsolutePath;
  readonly schema: v.GenericSchema<unknown, Value>;
}

export interface Memory<Value> extends Disposable {
  /** As it was when it was opened. Undefined: nothing is remembered. */
  readonly value: Value | undefined;
  /** False: it did not go into the state folder. @throws AgentError STATE_WRITE_FAILED if it went nowhere. */
  save(value: Value): Promise<boolean>;
}

/** Undefined: another process has it right now. */
export async function openMemory<Value>(options: MemoryOptions<Value>): Promise<Memory<Value> | undefined> {
  const { paths, path } = options;
  // One that cannot be made is none: on a disk that takes nothing, two at once tell a thing twice.
  const lock = await mkdir(paths.state, { recursive: true, mode: 0o700 })
    .then(() => takeExclusiveLock(path.replace(/\.json$/, '.lock')))
    .catch((): ExclusiveLock => ({ release: () => undefined, [Symbol.dispose]: () => undefined }));
  if (lock === undefined) return undefined;
  return {
    value: await readMemory(options),
    save: async (value) => {
      const text = `${JSON.stringify(value)}\n`;
      const other = otherPath(options);
      try {
        await writeSmallFile(path, text, 0o600);
        if (other !== undefined) await rm(other, { force: true }).catch(() => undefined); // not ours to read either then
        return true;
      } catch (error) {
        if (other !== undefined && (await writeOther(other, text))) return false;
        throw new AgentError('STATE_WRITE_FAILED', `"${path}" could not be written.`, {
          remedy: 'Check that there is room on the disk of your home folder and that you may write there.',
          cause: error,
        });
      }
    },
    [Symbol.dispose]: () => lock.release(),
  };
}

/** Only to look. */
export async function readMemory<Value>(options: MemoryOptions<Value>): Promise<Value | undefined> {
  const other = otherPath(options); // where it exists, it is the later one
  for (const path of [...(other === undefined ? [] : [other]), options.path]) {
    const text = await readFile(path, 'utf8').catch(() => undefined);
    const parsed = v.safeParse(options.schema, parseOrUndefined(text));
    if (parsed.success) return parsed.output;
  }
  return undefined;
}

/** Beside the agent's socket: nobody else can have put anything there. Undefined: there is no such folder here. */
function otherPath({ paths, environment, path }: MemoryOptions<unknown>): AbsolutePath | undefined {
  try {
    return join(dirname(socketPaths(paths, environment)[0]), basename(path)) as AbsolutePath;
  } catch {
    return undefined; // every folder's name is too long for a socket
  }
}

async function writeOther(path: AbsolutePath, text: string): Promise<boolean> {
  try {
    await prepareSocketFolder(path);
    await writeSmallFile(path, text, 0o600);
    return true;
  } catch {
    return false; // the caller says that it went nowhere
  }
}

function parseOrUndefined(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
