// The command `remove` in this process: its words and reports, on a library that other commands have made.

import { Command } from 'commander';
import { loadConfig } from '../../src/agent/config.ts';
import { openDeviceRegister } from '../../src/agent/devices.ts';
import { openDriveRegister } from '../../src/agent/drive-register.ts';
import { Drives } from '../../src/agent/drives.ts';
import { findPaths } from '../../src/agent/paths.ts';
import { type RemoveWish, removePhotos } from '../../src/agent/remove.ts';
import { addRemoveCommands } from '../../src/cli/remove-commands.ts';
import { isAgentError } from '../../src/domain/errors.ts';
import type { AbsolutePath } from '../../src/domain/ids.ts';
import { type Clock, systemClock } from '../../src/platform/clock.ts';
import type { StepObserver } from '../../src/platform/durable-write.ts';
import type { Answer } from './keepsake.ts';

export interface RemoveCall {
  readonly home: string;
  readonly library: string;
  readonly clock?: Clock;
  readonly observeStep?: StepObserver;
  readonly workingFolder?: string;
  readonly signal?: AbortSignal;
}

export async function remove(call: RemoveCall, args: readonly string[]): Promise<Answer> {
  const { home, library, clock = systemClock, signal = new AbortController().signal } = call;
  const paths = findPaths({ HOME: home, KEEPSAKE_HOME: home });
  const answer = { exitCode: 0, stdout: '', stderr: '' };
  const register = openDeviceRegister(paths.devices, () => clock.nowMs());
  const keepsake = {
    remove: async (wish: RemoveWish) =>
      await removePhotos({
        ...{ wish, root: library as AbsolutePath, paths, clock, sharedLog: undefined, signal },
        settings: await loadConfig(paths.config),
        devices: () => register.list([]),
        drives: new Drives({
          register: openDriveRegister(paths.drives, () => clock.nowMs()),
          nowMs: () => clock.nowMs(),
        }),
        observeStep: call.observeStep ?? (() => undefined),
      }),
  };
  const program = new Command('keepsake').exitOverride();
  const options = {
    args,
    environment: { INIT_CWD: call.workingFolder ?? home },
    stdout: { write: (text: string) => (answer.stdout += text) },
    stderr: { write: (text: string) => (answer.stderr += text) },
    signal,
  };
  addRemoveCommands(program, options, { keepsake, onExit: (code) => (answer.exitCode = code) });
  try {
    await program.parseAsync(['remove', ...args], { from: 'user' });
  } catch (error) {
    if (!isAgentError(error)) throw error;
    answer.exitCode = 1;
    answer.stderr += `${error.message}\n${error.remedy}\n(${error.code})\n`;
  }
  return answer;
}

/** Its report; what went wrong is thrown. */
export async function removeJson<Report>(
  call: RemoveCall,
  args: readonly string[],
): Promise<Report & { exitCode: number }> {
  const answer = await remove(call, [...args, '--json']);
  if (answer.stdout === '') throw new Error(answer.stderr);
  return { ...JSON.parse(answer.stdout), exitCode: answer.exitCode };
}
