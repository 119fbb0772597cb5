// The agent: runs until it is told to stop, notices cards and folders, saves from those the owner said yes to, announces the
// others, and answers the command line. Holds nothing of the library between two imports, so a drive can always be ejected.

import { assertNever } from '../domain/assert.ts';
import { AgentError, isAgentError } from '../domain/errors.ts';
import type { SourceId } from '../domain/ids.ts';
import { morningAfter } from '../domain/morning.ts';
import type { OwnerWish } from '../domain/owner-wish.ts';
import { dayMs } from '../domain/safety.ts';
import { unpaced } from '../jobs/pace.ts';
import { type ExclusiveLock, takeExclusiveLock } from '../platform/exclusive-lock.ts';
import { openLog } from '../platform/log.ts';
import { openFolder } from '../platform/open-folder.ts';
import type { LibraryTurn } from './adopt.ts';
import { AgentHub, driveIdOf, driveKey, isDriveKey, mistake, priorities } from './agent-hub.ts';
import { type AgentEvent, type AgentPart, addToStatus, isByWish } from './agent-state.ts';
import { serveApi } from './api/server.ts';
import { socketPaths } from './api/socket-path.ts';
import { Autopilot } from './autopilot.ts';
import type { Seams } from './backup.ts';
import { composeKeepsake } from './compose.ts';
import type { AddDriveWish, AdoptWish, BackupRequest, DriveWish, Keepsake, RebuildWish } from './control.ts';
import type { MirrorResult, MirrorWish, VerifyWish } from './copying.ts';
import { DeviceWork } from './device-work.ts';
import type { OwnProgram } from './own-program.ts';
import { type Environment, makeStateFolders } from './paths.ts';
import type { RemoveWish } from './remove.ts';
import type { RestoreWish } from './restore.ts';
import type { SafeToDeleteWish } from './safe-to-delete.ts';
import { type SupervisedPart, supervise } from './supervise.ts';

/** After this, what has not ended is left to the system: everything on disk is consistent at any moment. */
const stopTimeoutMs = 4000;
/** Of the time that adopting a folder may read while photos are saved from a card. */
const adoptShareBesideCard = 0.25;

export interface AgentOptions {
  readonly environment: Environment;
  readonly seams?: Seams;
  /** `npm start`: a card that is in already was put in to be saved. */
  readonly presentMeansYes: boolean;
  /** Called for everything that happens, in order. */
  readonly onEvent: (event: AgentEvent) => void;
  /** Called once it watches and answers. */
  readonly onReady: () => void;
  /** Called each minute in which it is alive. */
  readonly onTick?: () => void;
  /** To run the background check in a process of its own. Absent: it runs in this one. */
  readonly ownProgram?: OwnProgram;
  /** An icon and notices. */
  readonly hasSurfaces: boolean;
}

/**
 * Runs until `stopSignal` aborts, or its owner stops it by a click; then stops within seconds.
 * @throws AgentError AGENT_RUNNING if this state folder has an agent; CONFIG_…, STATE_… if it cannot begin.
 */
export async function runAgent(options: AgentOptions, stopSignal: AbortSignal): Promise<void> {
  const first = composeKeepsake(options.environment, options.seams);
  const settings = await first.config();
  makeStateFolders(first.paths);
  using _lock = takeAgentLock(first.paths.agentLock);
  await using openedLog = openLog({ folder: first.paths.logs, level: settings.logLevel });
  const { log } = openedLog;
  const keepsake = composeKeepsake(options.environment, options.seams, log);
  const byOwner = new AbortController();
  const signal = AbortSignal.any([stopSignal, byOwner.signal]);
  const hub = new AgentHub(keepsake, { ...options, log, onWish: (wish) => void agent.grant(wish) }, signal);
  const work = new DeviceWork(hub);
  const agent = new Agent(hub, work, () => byOwner.abort(new Error('the owner stopped it')));
  const autopilot = new Autopilot(hub, work);
  log.info('the agent begins');
  await keepsake.noteStopped(false);
  if (options.presentMeansYes) await autopilot.takePresentAsYes();
  const run = (part: SupervisedPart & { readonly name: AgentPart }) =>
    supervise(
      part,
      {
        ...{ clock: keepsake.clock, log },
        onTrouble: (isInTrouble) => hub.tell({ kind: 'partTroubled', part: part.name, isInTrouble }),
      },
      signal,
    );
  const api = run({
    name: 'api',
    run: (stop, onListening) => {
      const [path] = socketPaths(keepsake.paths, options.environment);
      return serveApi({ path, keepsake: agent, log, onListening }, stop);
    },
  });
  const others = [
    run({ name: 'watch', run: (stop) => autopilot.watch(stop) }),
    run({ name: 'phones', run: (stop) => autopilot.watchPhones(stop) }),
    run({ name: 'schedule', run: (stop) => autopilot.keepSchedule(stop) }),
  ];
  await api.begun;
  options.onReady();
  // Last: photos come before what is shown of them.
  if (options.hasSurfaces) others.push(run({ name: 'surfaces', run: (stop) => hub.surfaces.run(stop) }));
  await Promise.all([api, ...others].map(({ ended }) => ended));
  const isIdle = new AbortController(); // a timer that goes on would keep this process
  const patience = keepsake.clock.wait(stopTimeoutMs, isIdle.signal).catch(() => undefined);
  await Promise.race([hub.idle(), patience]);
  isIdle.abort();
  log.info('the agent ends');
}

function takeAgentLock(path: string): ExclusiveLock {
  const lock = takeExclusiveLock(path);
  if (lock !== undefined) return lock;
  throw new AgentError('AGENT_RUNNING', 'Keepsake is running already.', {
    remedy: 'There is nothing to do. To see how things stand: keepsake status',
  });
}

class Agent implements Keepsake {
  readonly #hub: AgentHub;
  readonly #work: DeviceWork;
  readonly #stop: () => void;

  constructor(hub: AgentHub, work: DeviceWork, stop: () => void) {
    this.#hub = hub;
    this.#work = work;
    this.#stop = stop;
  }

  get paths() {
    return this.#hub.keepsake.paths;
  }

  // What others may ask for.

  config() {
    return this.#hub.keepsake.config();
  }

  setConfig(key: string, values: readonly string[]) {
    return this.#hub.keepsake.setConfig(key, values);
  }

  async backup(request: BackupRequest) {
    if (request.dryRun) return await this.#hub.keepsake.backup(request);
    const signal = AbortSignal.any([this.#hub.signal, request.signal]);
    const work = () => this.#work.follow({ ...request, signal }, this.#hub.keepsake.backup);
    const result = await this.#hub.take(work, signal);
    for (const report of result.imports) {
      const { id, name } = report.source;
      const isKnown = isByWish([report]);
      this.#hub.tell({ kind: 'importEnded', id, name, result: { ...result, imports: [report] }, isKnown });
    }
    this.#tellCopies(result.copies);
    this.#hub.nextReminderMs = 0; // what was overdue may be over
    return result;
  }

  async status(library?: string) {
    const { keepsake, state } = this.#hub;
    return addToStatus(await keepsake.status(library), state, keepsake.clock.nowMs());
  }

  /** Card after card comes first: it reads slower while one is saved, and gives way between two batches. */
  async adopt(wish: AdoptWish) {
    if (wish.dryRun) return await this.#hub.keepsake.adopt(wish);
    const signal = AbortSignal.any([this.#hub.signal, wish.signal]);
    const turn: LibraryTurn = (work) => this.#hub.enqueue(work, { priority: priorities.look, signal });
    const pace = () => (this.#hub.state.job === undefined ? 1 : adoptShareBesideCard);
    const adopted = await this.#hub.keepsake.adopt({ ...wish, signal }, { turn, pace });
    this.#hub.surfaces.lookAgain();
    return adopted;
  }

  async rebuild(wish: RebuildWish) {
    const signal = AbortSignal.any([this.#hub.signal, wish.signal]);
    const rebuilt = await this.#hub.take(() => this.#hub.keepsake.rebuild({ ...wish, signal }), signal);
    this.#hub.surfaces.lookAgain();
    return rebuilt;
  }

  async mirror(wish: MirrorWish) {
    const signal = AbortSignal.any([this.#hub.signal, wish.signal]);
    const work = () => this.#work.follow({ ...wish, signal }, this.#hub.keepsake.mirror);
    const result = await this.#hub.take(work, signal);
    this.#tellCopies(result.copies);
    return result;
  }

  #tellCopies(copies: MirrorResult['copies']): void {
    for (const report of copies) this.#work.copyEnded(driveKey(report.driveId), report.driveName, report);
  }

  /** In slices, each of which waits its turn: photos are saved meanwhile. */
  async verify(wish: VerifyWish) {
    const signal = AbortSignal.any([this.#hub.signal, wish.signal]);
    const turn: LibraryTurn = (work) => this.#hub.enqueue(work, { priority: priorities.look, signal });
    const verified = await this.#hub.keepsake.verify({ ...wish, signal }, { turn, pace: unpaced });
    this.#hub.surfaces.lookAgain();
    return verified;
  }

  async safeToDelete(wish: SafeToDeleteWish) {
    const signal = AbortSignal.any([this.#hub.signal, wish.signal]);
    return await this.#hub.take(() => this.#hub.keepsake.safeToDelete({ ...wish, signal }), signal);
  }

  async remove(wish: RemoveWish) {
    const signal = AbortSignal.any([this.#hub.signal, wish.signal]);
    const result = await this.#hub.take(() => this.#hub.keepsake.remove({ ...wish, signal }), signal);
    this.#work.wantCopies(); // the copies follow
    this.#hub.surfaces.lookAgain();
    return result;
  }

  async restore(wish: RestoreWish) {
    return await this.#hub.keepsake.restore(wish);
  }

  async drives(library?: string) {
    return await this.#hub.keepsake.drives(library);
  }

  async addDrive(wish: AddDriveWish) {
    const added = await this.#hub.keepsake.addDrive(wish);
    this.#work.wantCopy(added.id);
    this.#hub.surfaces.lookAgain();
    return added;
  }

  async forgetDrive(wish: DriveWish) {
    const turn: LibraryTurn = (work) => this.#hub.take(work, this.#hub.signal);
    const forgotten = await this.#hub.keepsake.forgetDrive(wish, { turn });
    this.#hub.wishes.drop(driveKey(forgotten.id));
    this.#hub.surfaces.lookAgain();
    return forgotten;
  }

  /** Waits for no other work: what is copied to it ends, and goes on when it is back. */
  async ejectDrive(wish: DriveWish) {
    this.#hub.ejecting += 1;
    try {
      this.#hub.checking.abort(new Error('a drive is to be taken out'));
      await this.#hub.checkEnded;
      return await this.#hub.keepsake.ejectDrive(wish);
    } finally {
      this.#hub.ejecting -= 1;
    }
  }

  async pause(untilMs: number | undefined) {
    await this.#hub.keepsake.pause(untilMs);
    this.#work.stopForPause();
    this.#hub.surfaces.lookAgain();
  }

  async resume() {
    await this.#hub.keepsake.resume();
    this.#hub.surfaces.lookAgain();
    this.#hub.wishes.hurry();
    await this.#work.serveWishes();
  }

  async snooze(device: string, untilMs: number) {
    const snoozed = await this.#hub.keepsake.snooze(device, untilMs);
    this.#hub.nextReminderMs = 0; // its notice goes
    return snoozed;
  }

  devices() {
    return this.#hub.devices(this.#hub.wireless.values());
  }

  lacking() {
    return this.#hub.keepsake.lacking();
  }

  async decide(request: Parameters<Keepsake['decide']>[0]) {
    const before = await this.#hub.devices();
    const device = await this.#hub.keepsake.decide(request);
    const id = device.id as SourceId;
    this.#hub.tell({ kind: 'decided', id, isWanted: device.decision === 'always' });
    await this.#work.stopUnwanted(before, id);
    if (device.decision !== 'always') this.#hub.wishes.drop(id);
    else if (device.kind === 'iphone')
      this.#hub.phoneWatch?.askAgain(id, this.#hub.signal); // now it may be asked for trust
    else if (device.connected) this.#work.want(id);
    return device;
  }

  async rename(device: string, name: string) {
    const renamed = await this.#hub.keepsake.rename(device, name);
    this.#hub.surfaces.lookAgain();
    return renamed;
  }

  /** A click. What cannot be done is told where it was clicked. */
  async grant(wish: OwnerWish): Promise<void> {
    try {
      await this.#grant(wish);
    } catch (error) {
      if (!isAgentError(error)) this.#hub.report(error);
      const { code, message, remedy } = isAgentError(error) ? error : mistake(error);
      this.#hub.tell({ kind: 'refused', failure: { code, message, remedy } });
    }
  }

  async #grant(wish: OwnerWish): Promise<void> {
    const { clock } = this.#hub.keepsake;
    switch (wish.kind) {
      case 'saveNow':
        return await this.#work.saveNow();
      case 'decide':
        return void (await this.decide(wish));
      case 'saveOnce':
        return await this.#work.saveOnce(wish.device as SourceId);
      case 'snooze':
        return void (await this.snooze(wish.device, clock.nowMs() + wish.days * dayMs));
      case 'pause': {
        const { timeZone } = await this.#hub.keepsake.config();
        const nowMs = clock.nowMs();
        return await this.pause(wish.until === 'tomorrow' ? morningAfter(nowMs, timeZone) : nowMs + 3_600_000);
      }
      case 'resume':
        return await this.resume();
      case 'ejectDrive':
        return await this.#eject(isDriveKey(wish.drive as SourceId) ? driveIdOf(wish.drive as SourceId) : wish.drive);
      case 'openPhotoFolder':
        return await openFolder((await this.config()).library, this.#hub.options.environment);
      case 'stop':
        await this.#hub.keepsake.noteStopped(true);
        return this.#stop();
      default:
        return assertNever(wish);
    }
  }

  async #eject(drive: string): Promise<void> {
    const id = driveKey(drive);
    const name = this.#hub.drives.get(id) ?? drive;
    try {
      await this.ejectDrive({ drive });
      this.#hub.tell({ kind: 'ejected', id, name });
    } catch (error) {
      if (!isAgentError(error)) throw error;
      const { code, message, remedy } = error;
      this.#hub.tell({ kind: 'ejected', id, name, failure: { code, message, remedy } });
    }
  }
}
