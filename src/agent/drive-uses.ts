// Who reads from a drive and writes to it in this process right now, so that its owner can take it out in the middle of it: copying ends
// soon, with what is whole, and whatever else goes on is waited for, for a while.

import { AgentError } from '../domain/errors.ts';
import type { DriveId } from '../domain/ids.ts';
import { OwnerStop } from '../domain/owner-stop.ts';
import type { DriveUse } from '../jobs/copy-job.ts';

/** What was copied last is still flushed, and a check reads its file to the end: gigabytes, on a slow stick. */
const letGoMsUsual = 2 * 60_000;

interface NamedDrive {
  readonly id: DriveId;
  readonly name: string;
}

interface Use {
  readonly stop: AbortController;
  readonly ended: PromiseWithResolvers<void>;
}

export class DriveUses {
  readonly #uses = new Map<DriveId, Set<Use>>();
  /** Drives that are let go, each with the end of that. */
  readonly #leaving = new Map<DriveId, Promise<void>>();
  readonly #letGoMsMax: number;

  /** @param letGoMsMax how long `letGo` waits for what goes on. */
  constructor(letGoMsMax = letGoMsUsual) {
    this.#letGoMsMax = letGoMsMax;
  }

  /** @throws AgentError INTERRUPTED while the drive is let go. */
  begin({ id, name }: NamedDrive): DriveUse {
    if (this.#leaving.has(id)) {
      throw new AgentError('INTERRUPTED', `"${name}" is being ejected.`, { remedy: goesOn });
    }
    const use: Use = { stop: new AbortController(), ended: Promise.withResolvers() };
    const ofDrive = this.#uses.get(id) ?? new Set();
    this.#uses.set(id, ofDrive.add(use));
    return {
      letGo: use.stop.signal,
      [Symbol.dispose]: () => {
        ofDrive.delete(use);
        use.ended.resolve();
      },
    };
  }

  /**
   * Ends what uses the drive, then does `take` while nobody begins to use it. A second wish for the same is the first one.
   * @throws AgentError DRIVE_BUSY if it is still used after some minutes; the signal's reason; as `take`.
   */
  async letGo(drive: NamedDrive, signal: AbortSignal, take: () => Promise<void>): Promise<void> {
    const underWay = this.#leaving.get(drive.id);
    if (underWay !== undefined) return await underWay;
    const leaving = this.#endUses(drive, signal)
      .then(take)
      .finally(() => this.#leaving.delete(drive.id));
    this.#leaving.set(drive.id, leaving);
    await leaving;
  }

  /** Nothing is to be copied to it any more: that ends soon. */
  endAsForgotten({ id, name }: NamedDrive): void {
    const forgotten = new OwnerStop(`Copying to "${name}" was stopped, as you wished. What is on it stays.`, {
      remedy: 'There is nothing to do.',
    });
    for (const { stop } of this.#uses.get(id) ?? []) stop.abort(forgotten);
  }

  async #endUses({ id, name }: NamedDrive, signal: AbortSignal): Promise<void> {
    const uses = [...(this.#uses.get(id) ?? [])];
    for (const { stop } of uses) stop.abort(takenOut(name));
    const late = AbortSignal.timeout(this.#letGoMsMax);
    const either = AbortSignal.any([signal, late]);
    const isOver = Promise.withResolvers<void>();
    const giveUp = () => isOver.reject(late.aborted ? stillUsed(name) : signal.reason);
    either.addEventListener('abort', giveUp, { once: true });
    try {
      await Promise.race([isOver.promise, Promise.all(uses.map(({ ended }) => ended.promise))]);
    } finally {
      either.removeEventListener('abort', giveUp);
    }
  }
}

const goesOn = 'Copying goes on when it is connected again.';

function takenOut(name: string): OwnerStop {
  return new OwnerStop(`Copying to "${name}" was stopped, because it is to be taken out. What is on it is whole.`, {
    remedy: goesOn,
  });
}

function stillUsed(name: string): AgentError {
  return new AgentError('DRIVE_BUSY', `Keepsake is still reading from "${name}" or writing to it.`, {
    remedy: 'Leave it plugged in, and eject it again in some minutes.',
  });
}
