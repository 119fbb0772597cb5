// Keeps the computer awake while photos are saved or copied: for as long as an agent says so, or a typed command works. Trouble with that
// never reaches what saves photos.

import { type Log, silentLog } from '../platform/log.ts';
import { stayAwake } from '../platform/stay-awake.ts';
import type { Keepsake } from './control.ts';
import type { Environment } from './paths.ts';

/** What a desktop shows of who keeps it awake. */
const saving = 'Photos are being saved';

export class Awake {
  readonly #options: { readonly environment: Environment; readonly log: Log; readonly reason?: string };
  #held: Promise<AsyncDisposable> | undefined;

  constructor(options: { readonly environment: Environment; readonly log: Log; readonly reason?: string }) {
    this.#options = options;
  }

  /** Takes no time: it is seen to in the background, whose end nobody waits for. */
  need(isNeeded: boolean): void {
    if (isNeeded === (this.#held !== undefined)) return;
    const { log } = this.#options;
    const before = this.#held;
    this.#held = isNeeded ? stayAwake({ reason: saving, ...this.#options }) : undefined;
    void before
      ?.then((held) => held[Symbol.asyncDispose]())
      .catch((error: unknown) => log.error({ err: error }, 'the computer may be kept awake for nothing'));
  }
}

/**
 * The same Keepsake for the one who typed a command: the computer stays awake while photos are checked, taken over or given back. An agent
 * sees to that for what it saves and copies, not for these.
 */
export function keepingAwake(
  keepsake: Pick<Keepsake, 'adopt' | 'verify' | 'restore'>,
  environment: Environment,
): Pick<Keepsake, 'adopt' | 'verify' | 'restore'> {
  return {
    adopt: (wish) =>
      whileUnderWay('Photos are being read', wish, environment, (onProgress) =>
        keepsake.adopt({ ...wish, onProgress }),
      ),
    verify: (wish) =>
      whileUnderWay('Photos are being checked', wish, environment, (onProgress) =>
        keepsake.verify({ ...wish, onProgress }),
      ),
    restore: (wish) =>
      whileUnderWay('Photos are being copied back', wish, environment, (onProgress) =>
        keepsake.restore({ ...wish, onProgress }),
      ),
  };
}

/** Without an agent: for what is saved and copied too. */
export function keepingAwakeAlone(keepsake: Keepsake, environment: Environment): Partial<Keepsake> {
  return {
    ...keepingAwake(keepsake, environment),
    backup: (request) =>
      whileUnderWay(saving, request, environment, (onProgress) => keepsake.backup({ ...request, onProgress })),
    mirror: (wish) =>
      whileUnderWay(saving, wish, environment, (onProgress) => keepsake.mirror({ ...wish, onProgress })),
  };
}

/** Not while a device is only looked at, and not for a trial, which is stopped without harm. */
async function whileUnderWay<Progress extends object, Result>(
  reason: string,
  wish: { readonly onProgress: (progress: Progress) => void; readonly dryRun?: boolean },
  environment: Environment,
  work: (onProgress: (progress: Progress) => void) => Promise<Result>,
): Promise<Result> {
  const awake = new Awake({ environment, log: silentLog(), reason });
  try {
    return await work((progress) => {
      if (wish.dryRun !== true && !('phase' in progress && progress.phase === 'looking')) awake.need(true);
      wish.onProgress(progress);
    });
  } finally {
    awake.need(false);
  }
}
