// The agent: runs until it is told to stop, notices cards and folders, saves from those the owner said yes to, announces the
// others, and answers the command line. Holds nothing of the library between two imports, so a drive can always be ejected.

import PQueue from 'p-queue';
import type { CopyReport } from '../copies/copy-report.ts';
import type { AttachedDevice } from '../detect/attached-devices.ts';
import { watchDevices } from '../detect/device-watch.ts';
import { folderHints, mountHints } from '../detect/hints.ts';
import type { AttachedPhone, PhoneEvent, PhoneWatch } from '../detect/phones.ts';
import { AgentError, type ErrorCode, isAgentError } from '../domain/errors.ts';
import type { SourceId } from '../domain/ids.ts';
import { unpaced } from '../jobs/pace.ts';
import { type ExclusiveLock, takeExclusiveLock } from '../platform/exclusive-lock.ts';
import { type Log, openLog } from '../platform/log.ts';
import { readPower } from '../platform/power.ts';
import type { LibraryTurn } from './adopt.ts';
import {
  type AgentEvent,
  type AgentPart,
  type Announcement,
  addToStatus,
  calmState,
  foldEvent,
  stopOf,
} from './agent-state.ts';
import { serveApi } from './api/server.ts';
import { socketPaths } from './api/socket-path.ts';
import type { Seams } from './backup.ts';
import { composeKeepsake, type LocalKeepsake } from './compose.ts';
import type {
  AddDriveWish,
  AdoptWish,
  BackupRequest,
  BackupResult,
  DriveWish,
  Keepsake,
  RebuildWish,
} from './control.ts';
import type { MirrorWish, VerifyWish } from './copying.ts';
import type { Device, SeenDevice } from './devices.ts';
import { type Environment, makeStateFolders } from './paths.ts';
import { describePhotos } from './photos-words.ts';
import type { RemoveWish } from './remove.ts';
import type { RestoreWish } from './restore.ts';
import type { SafeToDeleteWish } from './safe-to-delete.ts';
import { openSchedule } from './schedule.ts';
import { type SupervisedPart, supervise } from './supervise.ts';
import { Wishes } from './wishes.ts';

/** The one timer of the agent itself; the watch of devices has another. */
const tickMs = 60_000;
/** After this, what has not ended is left to the system: everything on disk is consistent at any moment. */
const stopTimeoutMs = 4000;
/** Of the time that adopting a folder may read while photos are saved from a card. */
const adoptShareBesideCard = 0.25;
/** Below this, on battery, nothing is checked. */
const checkBatteryPercentMin = 50;
/** When nothing was due any more. New copies are checked within a day. */
const checkAgainMs = 6 * 3_600_000;
const remindEveryMs = 3_600_000;
const priorities = { owner: 3, device: 2, copy: 1, look: 0 } as const;
/** Drives among devices. */
const drivePrefix = 'drive-';

export interface AgentOptions {
  readonly environment: Environment;
  readonly seams?: Seams;
  /** `npm start`: a card that is in already was put in to be saved. */
  readonly presentMeansYes: boolean;
  /** Called for everything that happens, in order. */
  readonly onEvent: (event: AgentEvent) => void;
  /** Called once it watches and answers. */
  readonly onReady: () => void;
}

/**
 * Runs until `signal` aborts, then stops within seconds.
 * @throws AgentError AGENT_RUNNING if this state folder has an agent; CONFIG_…, STATE_… if it cannot begin.
 */
export async function runAgent(options: AgentOptions, signal: AbortSignal): Promise<void> {
  const first = composeKeepsake(options.environment, options.seams);
  const settings = await first.config();
  makeStateFolders(first.paths);
  using _lock = takeAgentLock(first.paths.agentLock);
  await using openedLog = openLog({ folder: first.paths.logs, level: settings.logLevel });
  const { log } = openedLog;
  const keepsake = composeKeepsake(options.environment, options.seams, log);
  const agent = new Agent(keepsake, { ...options, log }, signal);
  log.info('the agent begins');
  if (options.presentMeansYes) await agent.takePresentAsYes();
  const run = (part: SupervisedPart & { readonly name: AgentPart }) =>
    supervise(part, { clock: keepsake.clock, log, onTrouble: (isIt) => agent.isTroubled(part.name, isIt) }, signal);
  const api = run({
    name: 'api',
    run: (stop, onListening) => {
      const [path] = socketPaths(keepsake.paths, options.environment);
      return serveApi({ path, keepsake: agent, log, onListening }, stop);
    },
  });
  const others = [
    run({ name: 'watch', run: (stop) => agent.watch(stop) }),
    run({ name: 'phones', run: (stop) => agent.watchPhones(stop) }),
    run({ name: 'schedule', run: (stop) => agent.keepSchedule(stop) }),
  ];
  await api.begun;
  options.onReady();
  await Promise.all([api, ...others].map(({ ended }) => ended));
  await Promise.race([agent.idle(), keepsake.clock.wait(stopTimeoutMs, AbortSignal.timeout(2 * stopTimeoutMs))]);
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
  readonly #keepsake: LocalKeepsake;
  readonly #options: AgentOptions & { readonly log: Log };
  readonly #signal: AbortSignal;
  readonly #queue = new PQueue({ concurrency: 1 });
  readonly #wishes: Wishes;
  /** Those that are attached and settled, with their names. */
  readonly #drives = new Map<SourceId, string>();
  /** Monotonic. */
  #nextCheckMs = 0;
  #nextReminderMs = 0;
  #checking = new AbortController();
  #phoneWatch: PhoneWatch | undefined;
  #state = calmState;

  constructor(keepsake: LocalKeepsake, options: AgentOptions & { readonly log: Log }, signal: AbortSignal) {
    this.#keepsake = keepsake;
    this.#options = options;
    this.#signal = signal;
    this.#wishes = new Wishes(keepsake.clock);
    signal.addEventListener('abort', () => this.#queue.clear(), { once: true });
  }

  get paths() {
    return this.#keepsake.paths;
  }

  // What others may ask for.

  config() {
    return this.#keepsake.config();
  }

  setConfig(key: string, values: readonly string[]) {
    return this.#keepsake.setConfig(key, values);
  }

  async backup(request: BackupRequest) {
    if (request.dryRun) return await this.#keepsake.backup(request);
    const signal = AbortSignal.any([this.#signal, request.signal]);
    const result = await this.#queue.add(() => this.#keepsake.backup({ ...request, signal }), {
      priority: priorities.owner,
      signal,
    });
    for (const { source } of result.imports) {
      this.#tell({ kind: 'importEnded', id: source.id, name: source.name, result });
    }
    return result;
  }

  async status(library?: string) {
    return addToStatus(await this.#keepsake.status(library), this.#state);
  }

  /** Card after card comes first: it reads slower while one is saved, and gives way between two batches. */
  async adopt(wish: AdoptWish) {
    if (wish.dryRun) return await this.#keepsake.adopt(wish);
    const signal = AbortSignal.any([this.#signal, wish.signal]);
    const turn: LibraryTurn = (work) => this.#queue.add(work, { priority: priorities.look, signal });
    const pace = () => (this.#state.job === undefined ? 1 : adoptShareBesideCard);
    return await this.#keepsake.adopt({ ...wish, signal }, { turn, pace });
  }

  async rebuild(wish: RebuildWish) {
    const signal = AbortSignal.any([this.#signal, wish.signal]);
    return await this.#queue.add(() => this.#keepsake.rebuild({ ...wish, signal }), {
      priority: priorities.owner,
      signal,
    });
  }

  async mirror(wish: MirrorWish) {
    const signal = AbortSignal.any([this.#signal, wish.signal]);
    const result = await this.#queue.add(() => this.#keepsake.mirror({ ...wish, signal }), {
      priority: priorities.owner,
      signal,
    });
    for (const report of result.copies) this.#copyEnded(driveKey(report.driveId), report.driveName, report);
    return result;
  }

  /** In slices, each of which waits its turn: photos are saved meanwhile. */
  async verify(wish: VerifyWish) {
    const signal = AbortSignal.any([this.#signal, wish.signal]);
    const turn: LibraryTurn = (work) => this.#queue.add(work, { priority: priorities.look, signal });
    return await this.#keepsake.verify({ ...wish, signal }, { turn, pace: unpaced });
  }

  async safeToDelete(wish: SafeToDeleteWish) {
    const signal = AbortSignal.any([this.#signal, wish.signal]);
    return await this.#queue.add(() => this.#keepsake.safeToDelete({ ...wish, signal }), {
      priority: priorities.owner,
      signal,
    });
  }

  async remove(wish: RemoveWish) {
    const signal = AbortSignal.any([this.#signal, wish.signal]);
    const result = await this.#queue.add(() => this.#keepsake.remove({ ...wish, signal }), {
      priority: priorities.owner,
      signal,
    });
    this.#wantCopies(); // the copies follow
    return result;
  }

  async restore(wish: RestoreWish) {
    return await this.#keepsake.restore(wish);
  }

  async drives(library?: string) {
    return await this.#keepsake.drives(library);
  }

  async addDrive(wish: AddDriveWish) {
    const added = await this.#keepsake.addDrive(wish);
    this.#wantCopy(added.id);
    return added;
  }

  async forgetDrive(wish: DriveWish) {
    const forgotten = await this.#keepsake.forgetDrive(wish);
    this.#wishes.drop(driveKey(forgotten.id));
    return forgotten;
  }

  /** When nothing is being written to it any more. */
  async ejectDrive(wish: DriveWish) {
    return await this.#queue.add(() => this.#keepsake.ejectDrive(wish), {
      priority: priorities.owner,
      signal: this.#signal,
    });
  }

  async pause(untilMs: number | undefined) {
    await this.#keepsake.pause(untilMs);
  }

  async resume() {
    await this.#keepsake.resume();
    this.#wishes.hurry();
    await this.#serveWishes();
  }

  async snooze(device: string, untilMs: number) {
    return await this.#keepsake.snooze(device, untilMs);
  }

  async devices() {
    const saving = this.#state.job?.id;
    const connected = [...this.#state.connected.values()].map((device) =>
      device.id === saving && device.state !== undefined ? { ...device, state: 'saving' as const } : device,
    );
    return await this.#keepsake.phones.addLacking(await this.#keepsake.register.list(connected));
  }

  lacking() {
    return this.#keepsake.lacking();
  }

  async decide(request: Parameters<Keepsake['decide']>[0]) {
    const device = await this.#keepsake.decide(request);
    const id = device.id as SourceId;
    this.#tell({ kind: 'decided', id });
    if (device.decision !== 'always') this.#wishes.drop(id);
    else if (device.kind === 'iphone')
      this.#phoneWatch?.askAgain(id, this.#signal); // now it may be asked for trust
    else if (device.connected) this.#want(id);
    return device;
  }

  async rename(device: string, name: string) {
    return await this.#keepsake.rename(device, name);
  }

  // What it does by itself.

  async takePresentAsYes(): Promise<void> {
    const present = await this.#keepsake.look(this.#signal);
    await this.#keepsake.register.saw(present);
    for (const device of await this.#keepsake.register.list(present)) {
      if (!device.connected || device.decision !== 'ask' || device.kind !== 'card') continue;
      await this.#keepsake.register.decide({ device: device.id, decision: 'always' });
    }
  }

  async watch(stop: AbortSignal): Promise<void> {
    const { watchedFolders } = await this.#keepsake.config();
    const { log } = this.#options;
    const sources = [mountHints({ log }), folderHints(watchedFolders)];
    const hints = {
      listen: async (onHint: () => void, signal: AbortSignal) => {
        await Promise.all(sources.map((source) => source.listen(onHint, signal)));
      },
    };
    await watchDevices(
      {
        ...{ hints, log, clock: this.#keepsake.clock },
        look: async (signal) => [...(await this.#keepsake.look(signal)), ...(await this.#lookForDrives(signal))],
        onEvent: (event) => {
          if (event.kind === 'left') this.#left(event.id);
          else if (event.device.kind === 'drive') this.#driveArrived(event.device);
          else
            void this.#arrived(event.device, event.kind === 'touched').catch((error: unknown) => this.#report(error));
        },
      },
      stop,
    );
  }

  async watchPhones(stop: AbortSignal): Promise<void> {
    const { PhoneWatch } = await import('../detect/phones.ts');
    const onEvent = (event: PhoneEvent) => {
      if (event.kind === 'left') this.#left(event.id);
      else void this.#phoneSeen(event.phone).catch((error: unknown) => this.#report(error));
    };
    const { clock, phones } = this.#keepsake;
    this.#phoneWatch = new PhoneWatch({ ...(await phones.options()), clock, log: this.#options.log, onEvent });
    await this.#phoneWatch.run(stop);
  }

  async keepSchedule(stop: AbortSignal): Promise<void> {
    const { clock, paths } = this.#keepsake;
    for (;;) {
      await clock.wait(tickMs, stop); // first of all: nothing heavy in the first minute
      const { schedule: pattern, timeZone } = await this.#keepsake.config();
      const schedule = await openSchedule({
        path: paths.schedule,
        pattern,
        timeZone,
        nowMs: () => clock.nowMs(),
        log: this.#options.log,
      });
      if (await schedule.isDue()) {
        for (const device of await this.devices()) this.#wantIfEnrolled(device);
        this.#wantCopies();
      }
      await this.#serveWishes();
      await this.#remind();
      this.#checkSome();
    }
  }

  isTroubled(part: AgentPart, isInTrouble: boolean): void {
    this.#tell({ kind: 'partTroubled', part, isInTrouble });
  }

  /** Resolves when nothing is under way any more. */
  async idle(): Promise<void> {
    await this.#queue.onIdle();
  }

  async #arrived(seen: AttachedDevice, isOld: boolean): Promise<void> {
    await this.#keepsake.register.saw([seen]);
    this.#tell({ kind: 'arrived', device: seen });
    const device = (await this.devices()).find(({ id }) => id === seen.id);
    if (device === undefined) return;
    if (device.decision === 'ask' && !isOld) await this.#announce(device);
    else this.#wantIfEnrolled(device);
    this.#wishes.hurry(); // the drive of the photo folder may be among what arrived
    await this.#serveWishes();
  }

  /** As the watch of devices has them: a drive settles, arrives and leaves like a card. */
  async #lookForDrives(signal: AbortSignal): Promise<readonly AttachedDevice[]> {
    const { attached } = await this.#keepsake.seeDrives(signal).catch((error: unknown) => {
      // Trouble with drives must not keep cards from being noticed.
      if (signal.aborted || !isAgentError(error)) throw error;
      this.#options.log.warn({ code: error.code }, 'drives cannot be looked for');
      return { attached: [] };
    });
    return attached.map(({ drive, root, mount }) => ({
      ...{ id: driveKey(drive.id), kind: 'drive', name: drive.name, root, isRemovable: true },
      ...(mount === undefined ? {} : { mountId: `${mount.id}@${mount.deviceNumber}` }),
    }));
  }

  #driveArrived({ id, name }: AttachedDevice): void {
    this.#drives.set(id, name);
    this.#tell({ kind: 'driveArrived', id, name });
    this.#want(id);
  }

  #wantCopy(id: string): void {
    this.#want(driveKey(id));
  }

  /** Everything new goes to every drive that is attached. */
  #wantCopies(): void {
    for (const id of this.#drives.keys()) this.#want(id);
  }

  /** New, unlocked, trusted, refused, renamed: whatever it is, it may be a reason to save from it, or to say what it needs. */
  async #phoneSeen({ id, kind, name, model, state, advice }: AttachedPhone): Promise<void> {
    const seen: SeenDevice = { id, kind, name, model, state, ...(advice === undefined ? {} : { advice }) };
    await this.#keepsake.register.saw([seen]);
    const device = (await this.#keepsake.register.list([seen])).find((each) => each.id === id);
    if (device === undefined) return;
    // What keeps us out concerns only who wants to be let in.
    const { advice: _, ...unasked } = seen;
    this.#tell({ kind: 'arrived', device: device.decision === 'always' ? { ...seen, name: device.name } : unasked });
    if (device.decision === 'always' && advice !== undefined) await this.#keepsake.register.noteVisit(id, advice.code);
    const announced = this.#state.announcements.get(id);
    if (device.decision === 'ask') {
      if (announced === undefined || (announced.contents === undefined && state === 'ready'))
        await this.#announce(device);
    } else if (state === 'ready') this.#wantIfEnrolled(device);
  }

  #left(id: SourceId): void {
    const drive = this.#drives.get(id);
    if (drive !== undefined) {
      this.#drives.delete(id);
      this.#wishes.drop(id);
      this.#tell({ kind: 'driveLeft', id, name: drive });
      return;
    }
    const seen = this.#state.connected.get(id);
    this.#wishes.drop(id);
    this.#tell({ kind: 'left', id, name: seen?.name ?? id, ...(seen === undefined ? {} : { deviceKind: seen.kind }) });
  }

  async #announce(device: Device): Promise<void> {
    const id = device.id as SourceId;
    if (device.state !== undefined && device.state !== 'ready') {
      this.#tell({ kind: 'announced', announcement: { id, name: device.name } });
      return;
    }
    const result = await this.#queue.add(() => this.#keepsake.backup({ ...this.#quietly(id), dryRun: true }), {
      priority: priorities.look,
      signal: this.#signal,
    });
    const [report] = result.imports;
    if (report === undefined || !this.#state.connected.has(id)) return;
    if (report.stopped !== undefined) throw new Error(`a new device could not be looked at: ${report.stopped.code}`);
    const { files = 0, bytes = 0, mostFrom, isEstimate = false } = report.alike ?? {};
    const other = (await this.devices()).find((each) => each.id === mostFrom);
    const announcement: Announcement = {
      ...{ id, name: device.name },
      contents: {
        newFiles: Math.max(0, report.imported - files),
        newBytes: Math.max(0, report.bytes - bytes),
        knownFiles: report.known + files,
        isEstimate,
      },
      ...(other !== undefined && files > report.imported / 2 ? { replaces: { id: other.id, name: other.name } } : {}),
    };
    this.#tell({ kind: 'announced', announcement });
  }

  #wantIfEnrolled(device: Device): void {
    if (device.decision === 'always' && device.connected) this.#want(device.id as SourceId);
  }

  #want(id: SourceId): void {
    this.#wishes.add(id);
    void this.#serveWishes().catch((error: unknown) => this.#report(error));
  }

  /** While it is paused, nothing is begun; what is wished for waits. */
  async #serveWishes(): Promise<void> {
    if (await this.#keepsake.isPaused()) return;
    const due = this.#wishes.takeDue();
    if (due.length > 0) this.#checking.abort(new Error('photos are to be saved'));
    for (const id of due) {
      const isDrive = isDriveKey(id);
      void this.#queue
        .add(() => (isDrive ? this.#copy(id) : this.#import(id)), {
          // What is new is saved first, and then copied.
          priority: isDrive ? priorities.copy : priorities.device,
          signal: this.#signal,
        })
        .catch((error: unknown) => this.#report(error));
    }
  }

  async #copy(id: SourceId): Promise<void> {
    const name = this.#drives.get(id);
    if (name === undefined) return this.#wishes.drop(id);
    this.#tell({ kind: 'copyBegan', id, name });
    try {
      const { copies } = await this.#keepsake.mirror({
        ...{ drives: [driveIdOf(id)], acceptChanges: false, signal: this.#signal },
        onProgress: ({ driveName, path, ...progress }) =>
          this.#tell({
            kind: 'importProgress',
            id,
            progress: { ...progress, phase: 'saving', name: path, sourceName: driveName },
          }),
      });
      const [report] = copies;
      this.#copyEnded(id, name, report);
      this.#wishes.settle(id, report?.stopped?.code);
    } catch (error) {
      if (!isAgentError(error)) this.#report(error);
      const { code, message, remedy } = isAgentError(error) ? error : mistake(error);
      this.#tell({ kind: 'copyFailed', id, name, failure: { code, message, remedy } });
      this.#wishes.settle(id, code);
    }
  }

  /** What stops it in the same way again is not told again: it is tried each hour. */
  #copyEnded(id: SourceId, name: string, report: CopyReport | undefined): void {
    const code = report?.stopped?.code;
    const isKnown = code !== undefined && this.#state.failures.get(id)?.code === code;
    this.#tell({ kind: 'copyEnded', id, name, ...(report === undefined ? {} : { report }), isKnown });
  }

  /** Reads a little of what is due to be checked, when nothing else is to be done and the computer has power to spare. */
  #checkSome(): void {
    const { clock } = this.#keepsake;
    if (this.#queue.size + this.#queue.pending > 0 || clock.monotonicMs() < this.#nextCheckMs) return;
    const check = async () => {
      if (await this.#keepsake.isPaused()) return;
      const { source, batteryPercent } = await readPower();
      if (source === 'battery' && (batteryPercent ?? 0) < checkBatteryPercentMin) return;
      this.#checking = new AbortController();
      const signal = AbortSignal.any([this.#signal, this.#checking.signal]);
      const isDone = await this.#keepsake.checkSome(signal).catch((error: unknown) => {
        if (this.#signal.aborted || !signal.aborted) throw error;
        return false; // a card was put in: it goes on later
      });
      this.#nextCheckMs = clock.monotonicMs() + (isDone ? checkAgainMs : 0);
    };
    void this.#queue.add(check, { priority: priorities.look, signal: this.#signal }).catch((error: unknown) => {
      this.#nextCheckMs = clock.monotonicMs() + checkAgainMs;
      if (!isAgentError(error, 'LIBRARY_MISSING', 'LIBRARY_GONE', 'DRIVE_GONE', 'LIBRARY_BUSY')) this.#report(error);
    });
  }

  /** Tells what is overdue, no more often than is good for anybody. */
  async #remind(): Promise<void> {
    const { clock } = this.#keepsake;
    if (clock.monotonicMs() < this.#nextReminderMs || (await this.#keepsake.isPaused())) return;
    this.#nextReminderMs = clock.monotonicMs() + remindEveryMs;
    const { sentences, lookAgainInMs } = await this.#keepsake.remind();
    if (lookAgainInMs !== undefined) this.#nextReminderMs = clock.monotonicMs() + lookAgainInMs;
    if (sentences.length > 0) this.#tell({ kind: 'reminded', sentences });
  }

  async #import(id: SourceId): Promise<void> {
    const device = (await this.devices()).find((each) => each.id === id);
    if (device === undefined || !device.connected || device.decision !== 'always') return this.#wishes.drop(id);
    this.#tell({ kind: 'importBegan', id, name: device.name });
    try {
      const result = await this.#keepsake.backup({ ...this.#quietly(id), copies: false });
      this.#tell({ kind: 'importEnded', id, name: device.name, result });
      await this.#noteVisit(id, result);
      if (result.imports.some(({ imported }) => imported > 0)) this.#wantCopies();
      await this.#tellICloudOnly(result).catch((error: unknown) => this.#report(error)); // what was saved is saved
      const stop = stopOf(result.imports);
      this.#askAboutPhone(id, stop?.code);
      this.#wishes.settle(id, stop?.code ?? leftCode(result.imports));
    } catch (error) {
      if (!isAgentError(error)) this.#report(error);
      const failure = isAgentError(error) ? error : mistake(error);
      const { code, message, remedy } = failure;
      await this.#keepsake.register.noteVisit(id, code);
      this.#tell({ kind: 'importFailed', id, name: device.name, failure: { code, message, remedy } });
      this.#askAboutPhone(id, code);
      this.#wishes.settle(id, code);
    }
  }

  /** Why it came to nothing, for the day its photos are overdue. */
  async #noteVisit(id: SourceId, { imports }: BackupResult): Promise<void> {
    const stop = stopOf(imports);
    const isSaved = imports.every(({ failed, deferred }) => failed + deferred === 0);
    if (stop !== undefined || isSaved) await this.#keepsake.register.noteVisit(id, stop?.code);
  }

  async #tellICloudOnly({ imports }: BackupResult): Promise<void> {
    for (const { source, photos, stopped } of imports) {
      if (stopped !== undefined) continue; // there is something nearer to be said
      if (photos?.list !== 'read' || !(await this.#keepsake.register.tellsICloudOnly(source.id, photos.iCloudOnly)))
        continue;
      const needs = describePhotos({ ...source, account: photos }).needsYou.filter(
        ({ code }) => code === 'ICLOUD_ONLY',
      );
      this.#tell({ kind: 'iCloudOnly', id: source.id, needs });
    }
  }

  /** It was locked, or forgot us, while it was saved from: from then on its owner is waited for. */
  #askAboutPhone(id: SourceId, code: string | undefined): void {
    if (code?.startsWith('PHONE_') === true) this.#phoneWatch?.askAgain(id, this.#signal);
  }

  #quietly(id: SourceId): BackupRequest {
    return {
      ...{ sources: [id], createAnew: false, dryRun: false, mustFit: true, signal: this.#signal },
      onProgress: (progress) => this.#tell({ kind: 'importProgress', id, progress }),
    };
  }

  #tell(event: AgentEvent): void {
    this.#state = foldEvent(this.#state, event);
    this.#options.onEvent(event);
  }

  /** What nobody waits for must not be lost, nor end the agent. */
  #report(error: unknown): void {
    if (!this.#signal.aborted) this.#options.log.error({ err: error }, 'something failed in the background');
  }
}

function driveKey(id: string): SourceId {
  return `${drivePrefix}${id}` as SourceId;
}

function isDriveKey(id: SourceId): boolean {
  return id.startsWith(drivePrefix);
}

function driveIdOf(id: SourceId): string {
  return id.slice(drivePrefix.length);
}

function mistake(cause: unknown): AgentError {
  return new AgentError('INTERRUPTED', 'Saving ended because Keepsake made a mistake. What was saved is whole.', {
    remedy: 'Keepsake tries again by itself.',
    cause,
  });
}

/** Why to save from a device again although nothing stopped it. What is only in iCloud is no reason: its owner is told. */
function leftCode(imports: BackupResult['imports']): ErrorCode | undefined {
  const isLeft = imports.some(({ deferred, failures, failed }) => {
    const inCloud = failures.filter(({ code }) => code === 'SOURCE_ENTRY_NOT_DOWNLOADED').length;
    return deferred > 0 || failed > inCloud;
  });
  if (isLeft) return 'SOURCE_ENTRY_CHANGING';
  return imports.some(({ photos }) => photos?.list === 'unreadable') ? 'PHOTOS_LIST_UNREADABLE' : undefined;
}
