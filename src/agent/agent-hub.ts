// What the parts of the agent share: what goes on, who hears of it, and the one queue of everything that needs the library.

import PQueue from 'p-queue';
import type { PhoneWatch } from '../detect/phones.ts';
import { AgentError } from '../domain/errors.ts';
import type { SourceId } from '../domain/ids.ts';
import type { Log } from '../platform/log.ts';
import type { AgentOptions } from './agent.ts';
import { type AgentEvent, calmState, foldEvent } from './agent-state.ts';
import { Awake } from './awake.ts';
import type { LocalKeepsake } from './compose.ts';
import type { SeenDevice } from './devices.ts';
import { readSnapshot } from './own-program.ts';
import { Surfaces } from './surfaces.ts';
import { Wishes } from './wishes.ts';

export const priorities = { owner: 3, device: 2, copy: 1, look: 0 } as const;
/** Drives among devices. */
const drivePrefix = 'drive-';

export interface HubOptions extends AgentOptions {
  readonly log: Log;
  /** The owner clicked; see `Agent.grant`. */
  readonly onWish: ConstructorParameters<typeof Surfaces>[0]['onWish'];
}

export class AgentHub {
  readonly keepsake: LocalKeepsake;
  readonly options: HubOptions;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly queue = new PQueue({ concurrency: 1 });
  readonly wishes: Wishes;
  readonly surfaces: Surfaces;
  /** Those that are attached and settled, with their names. */
  readonly drives = new Map<SourceId, string>();
  /** Phones that are here by Wi-Fi alone. Nothing can be saved from them, so they count as away: they are named where devices are listed. */
  readonly wireless = new Map<SourceId, SeenDevice>();
  /** Ends the check that runs. */
  checking = new AbortController();
  /** Resolves when the last check has let go of everything. */
  checkEnded: Promise<void> = Promise.resolve();
  /** Drives that are being let go: nothing is checked meanwhile. */
  ejecting = 0;
  phoneWatch: PhoneWatch | undefined;
  /** Monotonic. */
  nextReminderMs = 0;
  /** Monotonic: when the first file of the job under way was begun. */
  savingSinceMs: number | undefined;
  state = calmState;
  readonly #awake: Awake;

  constructor(keepsake: LocalKeepsake, options: HubOptions, signal: AbortSignal) {
    this.keepsake = keepsake;
    this.options = options;
    this.log = options.log;
    this.signal = signal;
    const { paths, clock } = keepsake;
    this.wishes = new Wishes(clock);
    this.#awake = new Awake({ environment: options.environment, log: options.log });
    this.surfaces = new Surfaces({
      ...{ paths, clock, environment: options.environment, log: options.log, onWish: options.onWish },
      readStatus: () => {
        const { ownProgram: program, environment } = options;
        return program === undefined ? keepsake.status() : readSnapshot({ program, environment, signal });
      },
      timeZone: async () => (await keepsake.config()).timeZone,
      onEvent: (event) => this.tell(event),
    });
  }

  tell(event: AgentEvent): void {
    this.state = foldEvent(this.state, event, this.keepsake.clock.nowMs());
    if (this.state.job === undefined || event.kind === 'importBegan' || event.kind === 'copyBegan')
      this.savingSinceMs = undefined;
    // While files go over, and not while a device is only looked at.
    this.#awake.need(!this.signal.aborted && this.state.job !== undefined && this.savingSinceMs !== undefined);
    if (this.options.hasSurfaces) this.surfaces.hear(event, this.state);
    this.options.onEvent(event);
  }

  /** What nobody waits for must not be lost, nor end the agent. */
  report(error: unknown): void {
    if (!this.signal.aborted) this.options.log.error({ err: error }, 'something failed in the background');
  }

  /**
   * In its turn. The next one waits until it has really ended: the queue's own way to abort lets the next begin while the one before is
   * still winding down, with the library in its hands.
   * @throws the signal's reason, when its turn has come and it is not wanted any more.
   */
  async enqueue<Result>(
    work: () => Promise<Result>,
    { priority, signal = this.signal }: { readonly priority: number; readonly signal?: AbortSignal },
  ): Promise<Result> {
    const inTurn = async () => {
      signal.throwIfAborted();
      return await work();
    };
    return await this.queue.add(inTurn, { priority });
  }

  /** The owner waits for it: checking makes way. */
  async take<Result>(work: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    this.checking.abort(new Error('the owner asked for something'));
    return await this.enqueue(work, { priority: priorities.owner, signal });
  }

  /** @param besides what else is to be listed as connected. */
  async devices(besides: Iterable<SeenDevice> = []) {
    const saving = this.state.job?.id;
    const connected = [...this.state.connected.values()].map((device) =>
      device.id === saving && device.state !== undefined ? { ...device, state: 'saving' as const } : device,
    );
    return await this.keepsake.phones.addLacking(await this.keepsake.register.list([...connected, ...besides]));
  }

  /** Resolves when nothing is under way any more. */
  async idle(): Promise<void> {
    await this.queue.onIdle();
  }
}

export function driveKey(id: string): SourceId {
  return `${drivePrefix}${id}` as SourceId;
}

export function isDriveKey(id: SourceId): boolean {
  return id.startsWith(drivePrefix);
}

export function driveIdOf(id: SourceId): string {
  return id.slice(drivePrefix.length);
}

export function mistake(cause: unknown): AgentError {
  return new AgentError('INTERRUPTED', 'Saving ended because Keepsake made a mistake. What was saved is whole.', {
    remedy: 'Keepsake tries again by itself.',
    cause,
  });
}
