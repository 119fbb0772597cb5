// The command `remove` in this process, on a library that other commands have made.

import type { Clock } from '../../src/platform/clock.ts';
import type { StepObserver } from '../../src/platform/durable-write.ts';
import { type Answer, keepsake } from './keepsake.ts';

export interface RemoveCall {
  readonly home: string;
  readonly library: string;
  readonly clock?: Clock;
  readonly observeStep?: StepObserver;
  readonly workingFolder?: string;
  readonly signal?: AbortSignal;
}

export async function remove(call: RemoveCall, args: readonly string[]): Promise<Answer> {
  const { home, library, clock, observeStep, workingFolder = home, signal } = call;
  return await keepsake(['remove', ...args, '--library', library], {
    home,
    environment: { INIT_CWD: workingFolder },
    seams: { ...(clock === undefined ? {} : { clock }), ...(observeStep === undefined ? {} : { observeStep }) },
    ...(signal === undefined ? {} : { signal }),
  });
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
