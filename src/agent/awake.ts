// Keeps the computer awake while photos are saved or copied: for as long as an agent says so, or a command without an agent works. Trouble
// with that never reaches what saves photos.

import type { SourceProgress } from '../domain/progress.ts';
import { type Log, silentLog } from '../platform/log.ts';
import { stayAwake } from '../platform/stay-awake.ts';
import type { Keepsake } from './control.ts';
import type { Environment } from './paths.ts';

export class Awake {
  readonly #options: { readonly environment: Environment; readonly log: Log };
  #held: Promise<AsyncDisposable> | undefined;

  constructor(options: { readonly environment: Environment; readonly log: Log }) {
    this.#options = options;
  }

  /** Takes no time: it is seen to in the background, whose end nobody waits for. */
  need(isNeeded: boolean): void {
    if (isNeeded === (this.#held !== undefined)) return;
    const { log } = this.#options;
    const before = this.#held;
    this.#held = isNeeded ? stayAwake({ ...this.#options, reason: 'Photos are being saved' }) : undefined;
    void before
      ?.then((held) => held[Symbol.asyncDispose]())
      .catch((error: unknown) => log.error({ err: error }, 'the computer may be kept awake for nothing'));
  }
}

/** The same Keepsake for a command that works by itself: it holds the computer awake while files go over, as an agent would. */
export function keepingAwake(keepsake: Keepsake, environment: Environment): Pick<Keepsake, 'backup' | 'mirror'> {
  const whileSaving = async <Wish extends { readonly onProgress: (progress: SourceProgress) => void }, Result>(
    wish: Wish,
    work: (wish: Wish) => Promise<Result>,
  ): Promise<Result> => {
    const awake = new Awake({ environment, log: silentLog() });
    const onProgress = (progress: SourceProgress) => {
      if (progress.phase === 'saving') awake.need(true); // not while a device is only looked at
      wish.onProgress(progress);
    };
    try {
      return await work({ ...wish, onProgress });
    } finally {
      awake.need(false);
    }
  };
  return {
    backup: async (request) =>
      request.dryRun ? await keepsake.backup(request) : await whileSaving(request, keepsake.backup),
    mirror: async (wish) => await whileSaving(wish, keepsake.mirror),
  };
}
