// What the agent does by itself: notices what arrives and leaves, keeps the schedule, checks copies while nothing else is to be done,
// and reminds. Each part runs until it is told to stop, and is started again if it fails.

import type { AttachedDevice } from '../detect/attached-devices.ts';
import { watchDevices } from '../detect/device-watch.ts';
import { folderHints, mountHints } from '../detect/hints.ts';
import type { AttachedPhone, PhoneEvent } from '../detect/phones.ts';
import { isAgentError } from '../domain/errors.ts';
import type { SourceId } from '../domain/ids.ts';
import { readPower } from '../platform/power.ts';
import { type AgentHub, driveKey, priorities } from './agent-hub.ts';
import { describeTrouble } from './agent-state.ts';
import { checkInBackground, notNow } from './background-check.ts';
import type { DeviceWork } from './device-work.ts';
import type { SeenDevice } from './devices.ts';
import { helperTargets } from './helper/helper-target.ts';
import { remindElsewhere } from './own-program.ts';
import { openSchedule } from './schedule.ts';

/** The one timer of the agent itself; the watch of devices has another. */
const tickMs = 60_000;
/** Below this, on battery, nothing is checked. */
const checkBatteryPercentMin = 50;
/** When nothing was due any more. New copies are checked within a day. */
const checkAgainMs = 6 * 3_600_000;
const remindEveryMs = 3_600_000;

export class Autopilot {
  readonly #hub: AgentHub;
  readonly #work: DeviceWork;
  /** Monotonic. */
  #nextCheckMs = 0;
  #nextHelperMs = 0;

  constructor(hub: AgentHub, work: DeviceWork) {
    this.#hub = hub;
    this.#work = work;
  }

  async takePresentAsYes(): Promise<void> {
    const present = await this.#hub.keepsake.look(this.#hub.signal);
    await this.#hub.keepsake.register.saw(present);
    for (const device of await this.#hub.keepsake.register.list(present)) {
      if (!device.connected || device.decision !== 'ask' || device.kind !== 'card') continue;
      await this.#hub.keepsake.register.decide({ device: device.id, decision: 'always' });
    }
  }

  async watch(stop: AbortSignal): Promise<void> {
    const { watchedFolders } = await this.#hub.keepsake.config();
    const { log } = this.#hub.options;
    const sources = [mountHints({ log }), folderHints(watchedFolders)];
    const hints = {
      listen: async (onHint: () => void, signal: AbortSignal) => {
        await Promise.all(sources.map((source) => source.listen(onHint, signal)));
      },
    };
    await watchDevices(
      {
        ...{ hints, log, clock: this.#hub.keepsake.clock },
        look: async (signal) => [...(await this.#hub.keepsake.look(signal)), ...(await this.#lookForDrives(signal))],
        onEvent: (event) => {
          if (event.kind === 'left') this.#left(event.id);
          else if (event.device.kind === 'drive') this.#driveArrived(event.device);
          else
            void this.#arrived(event.device, event.kind === 'touched').catch((error: unknown) =>
              this.#hub.report(error),
            );
        },
      },
      stop,
    );
  }

  async watchPhones(stop: AbortSignal): Promise<void> {
    const { PhoneWatch } = await import('../detect/phones.ts');
    const onEvent = (event: PhoneEvent) => {
      if (event.kind === 'left') this.#left(event.id);
      else void this.#phoneSeen(event.phone).catch((error: unknown) => this.#hub.report(error));
    };
    const { clock, phones } = this.#hub.keepsake;
    this.#hub.phoneWatch = new PhoneWatch({ ...(await phones.options()), clock, log: this.#hub.log, onEvent });
    await this.#hub.phoneWatch.run(stop);
  }

  async keepSchedule(stop: AbortSignal): Promise<void> {
    const { clock, paths } = this.#hub.keepsake;
    for (;;) {
      await clock.wait(tickMs, stop); // first of all: nothing heavy in the first minute
      this.#hub.options.onTick?.(); // before what may fail: a damaged setting is no reason to be taken for hung
      const { schedule: pattern, timeZone } = await this.#hub.keepsake.config();
      const schedule = await openSchedule({
        path: paths.schedule,
        pattern,
        timeZone,
        nowMs: () => clock.nowMs(),
        log: this.#hub.log,
      });
      if (await schedule.isDue()) {
        for (const device of await this.#hub.devices()) this.#work.wantIfEnrolled(device);
        this.#work.wantCopies();
      }
      await this.#work.serveWishes();
      await this.#remind();
      void this.#tellHelper().catch((error: unknown) => this.#hub.report(error));
      this.#checkSome();
      this.#hub.surfaces.minute();
    }
  }

  async #arrived(seen: AttachedDevice, isOld: boolean): Promise<void> {
    await this.#hub.keepsake.register.saw([seen]);
    this.#hub.tell({ kind: 'arrived', device: seen });
    const device = (await this.#hub.devices()).find(({ id }) => id === seen.id);
    if (device === undefined) return;
    if (device.decision === 'ask' && !isOld) await this.#work.announce(device);
    else this.#work.wantIfEnrolled(device);
    this.#hub.wishes.hurry(); // the drive of the photo folder may be among what arrived
    await this.#work.serveWishes();
  }

  /** As the watch of devices has them: a drive settles, arrives and leaves like a card. */
  async #lookForDrives(signal: AbortSignal): Promise<readonly AttachedDevice[]> {
    const { attached } = await this.#hub.keepsake.seeDrives(signal).catch((error: unknown) => {
      // Trouble with drives must not keep cards from being noticed.
      if (signal.aborted || !isAgentError(error)) throw error;
      this.#hub.log.warn({ code: error.code }, 'drives cannot be looked for');
      return { attached: [] };
    });
    return attached.map(({ drive, root, mount }) => ({
      ...{ id: driveKey(drive.id), kind: 'drive', name: drive.name, root, isRemovable: true },
      ...(mount === undefined ? {} : { mountId: `${mount.id}@${mount.deviceNumber}` }),
    }));
  }

  #driveArrived({ id, name }: AttachedDevice): void {
    this.#hub.drives.set(id, name);
    this.#hub.tell({ kind: 'driveArrived', id, name });
    this.#work.want(id);
  }

  /** New, unlocked, trusted, refused, renamed: whatever it is, it may be a reason to save from it, or to say what it needs. */
  async #phoneSeen({ id, kind, name, model, state, advice }: AttachedPhone): Promise<void> {
    const seen: SeenDevice = { id, kind, name, model, state, ...(advice === undefined ? {} : { advice }) };
    if (state === 'needsCable') {
      this.#left(id); // nobody plugged it in, or its cable was unplugged
      this.#hub.wireless.set(id, seen);
      return;
    }
    this.#hub.wireless.delete(id);
    await this.#hub.keepsake.register.saw([seen]);
    const device = (await this.#hub.keepsake.register.list([seen])).find((each) => each.id === id);
    if (device === undefined) return;
    // What keeps us out concerns only who wants to be let in.
    const { advice: _, ...unasked } = seen;
    this.#hub.tell({
      kind: 'arrived',
      device: device.decision === 'always' ? { ...seen, name: device.name } : unasked,
    });
    if (device.decision === 'always' && advice !== undefined)
      await this.#hub.keepsake.register.noteVisit(id, advice.code);
    const announced = this.#hub.state.announcements.get(id);
    if (device.decision === 'ask') {
      if (announced === undefined || (announced.contents === undefined && state === 'ready'))
        await this.#work.announce(device);
    } else if (state === 'ready') this.#work.wantIfEnrolled(device);
  }

  #left(id: SourceId): void {
    this.#hub.wishes.drop(id);
    const drive = this.#hub.drives.get(id);
    if (drive !== undefined) {
      this.#hub.drives.delete(id);
      this.#hub.tell({ kind: 'driveLeft', id, name: drive });
      return;
    }
    this.#hub.wireless.delete(id);
    const seen = this.#hub.state.connected.get(id);
    if (seen === undefined) return; // it never counted as connected
    this.#hub.tell({ kind: 'left', id, name: seen.name, deviceKind: seen.kind });
  }

  /** Reads a little of what is due to be checked, when nothing else is to be done and the computer has power to spare. */
  #checkSome(): void {
    const { clock } = this.#hub.keepsake;
    const isBusy = this.#hub.queue.size + this.#hub.queue.pending + this.#hub.ejecting > 0;
    if (isBusy || clock.monotonicMs() < this.#nextCheckMs) return;
    this.#hub.checking = new AbortController();
    const signal = AbortSignal.any([this.#hub.signal, this.#hub.checking.signal]);
    const check = async () => {
      if (await this.#hub.keepsake.isPaused()) return;
      const { source, batteryPercent } = await readPower();
      if (source === 'battery' && (batteryPercent ?? 0) < checkBatteryPercentMin) return;
      const { ownProgram: program, environment } = this.#hub.options;
      const isDone = await (program === undefined
        ? this.#hub.keepsake.checkSome(signal)
        : checkInBackground({ program, environment }, signal)
      ).catch((error: unknown) => {
        if (this.#hub.signal.aborted || !signal.aborted) throw error;
        return false; // a card was put in: it goes on later
      });
      this.#nextCheckMs = clock.monotonicMs() + (isDone ? checkAgainMs : 0);
      this.#hub.surfaces.lookAgain();
    };
    this.#hub.checkEnded = this.#hub.enqueue(check, { priority: priorities.look }).catch((error: unknown) => {
      this.#nextCheckMs = clock.monotonicMs() + checkAgainMs;
      if (!isAgentError(error, ...notNow)) this.#hub.report(error);
    });
  }

  /** Who helps with this computer hears of what changed, if the owner wants that. Waits for nobody: it goes over the network. */
  async #tellHelper(): Promise<void> {
    const { clock, paths } = this.#hub.keepsake;
    const settings = await this.#hub.keepsake.config();
    if (helperTargets(settings).length === 0 || clock.monotonicMs() < this.#nextHelperMs) return;
    this.#nextHelperMs = clock.monotonicMs() + remindEveryMs;
    const { environment } = this.#hub.options;
    const [{ tellHelper }, { lookAtRecords }] = await Promise.all([
      import('./helper/tell-helper.ts'),
      import('./independent-check/look-at-records.ts'),
    ]);
    const look = { paths, environment, isThorough: false };
    await tellHelper({
      ...{ paths, environment, settings, clock, signal: this.#hub.signal },
      findFindings: async () => (await lookAtRecords({ ...look, nowMs: clock.nowMs() })).findings,
    });
  }

  /** Tells what is overdue, no more often than is good for anybody. */
  async #remind(): Promise<void> {
    const { clock } = this.#hub.keepsake;
    if (clock.monotonicMs() < this.#hub.nextReminderMs || (await this.#hub.keepsake.isPaused())) return;
    this.#hub.nextReminderMs = clock.monotonicMs() + remindEveryMs;
    const { ownProgram: program, environment } = this.#hub.options;
    const troubles = [...this.#hub.state.troubles].map(describeTrouble);
    const { tell, keys, lookAgainInMs } = await (program === undefined
      ? this.#hub.keepsake.remind(troubles)
      : remindElsewhere({ program, environment, signal: this.#hub.signal }, troubles));
    if (lookAgainInMs !== undefined) this.#hub.nextReminderMs = clock.monotonicMs() + lookAgainInMs;
    this.#hub.tell({ kind: 'reminded', tell, ...(keys === undefined ? {} : { keys }) });
  }
}
