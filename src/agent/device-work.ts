// Saving from devices and copying to drives, one after the other, for whoever wishes for it: the owner, the schedule, or what arrives.
// Each ends in an event; what fails is wished for again, later and later.

import type { CopyReport } from '../copies/copy-report.ts';
import { type ErrorCode, isAgentError } from '../domain/errors.ts';
import type { SourceId } from '../domain/ids.ts';
import { OwnerStop } from '../domain/owner-stop.ts';
import type { SourceProgress } from '../domain/progress.ts';
import type { Need } from '../domain/status.ts';
import { type AgentHub, driveIdOf, driveKey, isDriveKey, mistake, priorities } from './agent-hub.ts';
import { type Announcement, isByWish, stopOf } from './agent-state.ts';
import type { BackupRequest, BackupResult } from './control.ts';
import type { Device } from './devices.ts';
import { describePhotos } from './photos-words.ts';

/** The owner answered "Never", or does not use it any more. */
const unwanted = new OwnerStop('Saving was stopped, as you wished. What was saved before that stays.', {
  remedy: 'There is nothing to do.',
});
const paused = new OwnerStop('Saving was stopped for the pause. What was saved is whole.', {
  remedy: 'It goes on after the pause.',
});
/** Before that, a rate says nothing. */
const estimateAfterMs = 3000;

export class DeviceWork {
  readonly #hub: AgentHub;
  /** Asked for, and not saved yet. */
  readonly #once = new Set<SourceId>();
  /** What photos are read from or copied to right now, and how that is asked to end. */
  readonly #underWay = new Map<SourceId, { readonly stop: AbortController; readonly isByItself: boolean }>();

  constructor(hub: AgentHub) {
    this.#hub = hub;
  }

  want(id: SourceId): void {
    this.#hub.wishes.add(id);
    void this.serveWishes().catch((error: unknown) => this.#hub.report(error));
  }

  wantIfEnrolled(device: Device): void {
    if (device.decision === 'always' && device.connected) this.want(device.id as SourceId);
  }

  wantCopy(id: string): void {
    this.want(driveKey(id));
  }

  /** Everything new goes to every drive that is attached. */
  wantCopies(): void {
    for (const id of this.#hub.drives.keys()) this.want(id);
  }

  /** While it is paused, nothing is begun; what is wished for waits. */
  async serveWishes({ isAsked = false }: { readonly isAsked?: boolean } = {}): Promise<void> {
    if (!isAsked && (await this.#hub.keepsake.isPaused())) return;
    const due = this.#hub.wishes.takeDue();
    if (due.length > 0) this.#hub.checking.abort(new Error('photos are to be saved'));
    for (const id of due) {
      const isDrive = isDriveKey(id);
      void this.#hub
        .enqueue(() => (isDrive ? this.#copy(id) : this.#import(id)), {
          // What is new is saved first, and then copied.
          priority: isDrive ? priorities.copy : priorities.device,
        })
        .catch((error: unknown) => this.#hub.report(error));
    }
  }

  /** Also while it is paused: that was said before. */
  async saveNow(): Promise<void> {
    const enrolled = (await this.#hub.devices()).filter(
      ({ decision, connected }) => decision === 'always' && connected,
    );
    const ids = [...enrolled.map(({ id }) => id as SourceId), ...this.#hub.drives.keys()];
    this.#hub.tell({ kind: 'asked', ids });
    for (const id of ids) this.#hub.wishes.add(id);
    await this.serveWishes({ isAsked: true });
  }

  async saveOnce(id: SourceId): Promise<void> {
    if (this.#once.has(id)) return; // clicked twice
    this.#once.add(id);
    try {
      this.#hub.tell({ kind: 'asked', ids: [id] });
      this.#hub.checking.abort(new Error('photos are to be saved'));
      await this.#hub.enqueue(() => this.#import(id, { isOnce: true }), { priority: priorities.device });
    } finally {
      this.#once.delete(id);
    }
  }

  /** What the owner asked for at the command line is work like any other: it is shown, and keeps the computer awake. */
  async follow<Wish extends Followed, Result>(wish: Wish, work: (wish: Wish) => Promise<Result>): Promise<Result> {
    const stop = new AbortController();
    let id: SourceId | undefined;
    const leave = () => {
      if (id === undefined) return;
      this.#underWay.delete(id);
      this.#hub.tell({ kind: 'jobEnded', id });
    };
    const onProgress = (progress: SourceProgress) => {
      const next = idOf(progress);
      if (next !== undefined && next !== id) {
        leave();
        id = next;
        this.#underWay.set(id, { stop, isByItself: false });
        this.#hub.tell({ kind: isDriveKey(id) ? 'copyBegan' : 'importBegan', id, name: progress.sourceName });
      }
      if (next !== undefined) this.#isAt(next, progress);
      wish.onProgress(progress);
    };
    try {
      return await work({ ...wish, onProgress, signal: AbortSignal.any([wish.signal, stop.signal]) });
    } finally {
      leave();
    }
  }

  /**
   * The owner has decided: what is saved from a device that nothing is to be saved from any more ends soon. What was named for once
   * although it is left alone goes on, whatever is decided about others.
   * @param before how things stood. @param decided what the decision was about; it may also have taken the place of another.
   */
  async stopUnwanted(before: readonly Device[], decided: string): Promise<void> {
    if (this.#underWay.size === 0) return;
    for (const { id, decision } of await this.#hub.devices()) {
      if (decision !== 'never' && decision !== 'retired') continue;
      if (id !== decided && before.some((each) => each.id === id && each.decision === decision)) continue;
      this.#underWay.get(id as SourceId)?.stop.abort(unwanted);
    }
  }

  /** What was begun without being asked for ends soon, and goes on after the pause. */
  stopForPause(): void {
    for (const { stop, isByItself } of this.#underWay.values()) if (isByItself) stop.abort(paused);
  }

  async announce(device: Device): Promise<void> {
    const id = device.id as SourceId;
    if (device.state !== undefined && device.state !== 'ready') {
      this.#hub.tell({ kind: 'announced', announcement: { id, name: device.name } });
      return;
    }
    this.#hub.checking.abort(new Error('somebody waits to be asked'));
    const look = () =>
      this.#stoppable(id, { isByItself: false }, async (signal) => {
        const wish = { ...this.#quietly(id), dryRun: true, signal };
        return await this.#hub.keepsake.backup(wish).catch((error: unknown) => {
          if (!signal.aborted) throw error;
          return undefined; // nobody wants to know any more
        });
      });
    const result = await this.#hub.enqueue(look, { priority: priorities.look });
    const [report] = result?.imports ?? [];
    if (report === undefined || !this.#hub.state.connected.has(id)) return;
    const now = (await this.#hub.devices()).find((each) => each.id === id);
    if (now?.decision !== 'ask') return; // it was decided about meanwhile
    if (report.stopped !== undefined) throw new Error(`a new device could not be looked at: ${report.stopped.code}`);
    const { files = 0, bytes = 0, mostFrom, isEstimate = false } = report.alike ?? {};
    const other = (await this.#hub.devices()).find((each) => each.id === mostFrom);
    const announcement: Announcement = {
      ...{ id, name: device.name },
      contents: {
        newFiles: Math.max(0, report.imported - files),
        newPhotos: Math.max(0, Math.round(report.newPhotos * (1 - files / Math.max(1, report.imported)))),
        newBytes: Math.max(0, report.bytes - bytes),
        knownFiles: report.known + files,
        isEstimate,
      },
      ...(other !== undefined && files > report.imported / 2 ? { replaces: { id: other.id, name: other.name } } : {}),
    };
    this.#hub.tell({ kind: 'announced', announcement });
  }

  /** Whatever happens, it is told how it ended, and the wish is settled: one that stayed under way would never be served again. */
  async #import(id: SourceId, { isOnce = false }: { readonly isOnce?: boolean } = {}): Promise<void> {
    if (!isOnce && !this.#hub.wishes.begin(id)) return;
    await this.#stoppable(id, { isByItself: !isOnce }, (signal) => this.#importNow(id, { isOnce, signal }));
  }

  async #importNow(
    id: SourceId,
    { isOnce, signal }: { readonly isOnce: boolean; readonly signal: AbortSignal },
  ): Promise<void> {
    let name = this.#hub.state.connected.get(id)?.name ?? id;
    let code: string | undefined = 'INTERRUPTED';
    try {
      const device = (await this.#hub.devices()).find((each) => each.id === id);
      const isWanted = device?.decision === 'always' || (isOnce && device?.decision === 'ask');
      if (device === undefined || !device.connected || !isWanted) return this.#hub.wishes.drop(id);
      name = device.name;
      this.#hub.tell({ kind: 'importBegan', id, name });
      const result = await this.#hub.keepsake.backup({ ...this.#quietly(id), signal, copies: false });
      code = stopOf(result.imports)?.code ?? leftCode(result.imports);
      const isKnown = isByWish(result.imports) && signal.reason !== unwanted;
      const iCloudOnly = await this.#newsOfICloud(result).catch((error: unknown) => void this.#hub.report(error));
      this.#hub.tell({ kind: 'importEnded', id, name, result, isKnown, ...(iCloudOnly ? { iCloudOnly } : {}) });
      this.#hub.nextReminderMs = 0; // what it was overdue for is over
      if (result.imports.some(({ imported }) => imported > 0)) this.wantCopies();
      this.#askAboutPhone(id, stopOf(result.imports)?.code);
      // What was saved is saved, whether or not that can be noted.
      await this.#noteVisit(id, result).catch((error: unknown) => this.#hub.report(error));
    } catch (error) {
      if (signal.aborted) return this.#hub.tell({ kind: 'jobEnded', id }); // as it was wished
      if (!isAgentError(error)) this.#hub.report(error);
      const failure = isAgentError(error) ? error : mistake(error);
      code = failure.code;
      const { message, remedy } = failure;
      this.#hub.tell({ kind: 'importFailed', id, name, failure: { code, message, remedy } });
      this.#askAboutPhone(id, code);
      await this.#hub.keepsake.register.noteVisit(id, code).catch((cause: unknown) => this.#hub.report(cause));
    } finally {
      this.#hub.wishes.settle(id, code);
    }
  }

  async #copy(id: SourceId): Promise<void> {
    if (!this.#hub.wishes.begin(id)) return;
    const name = this.#hub.drives.get(id);
    if (name === undefined) return this.#hub.wishes.drop(id);
    await this.#stoppable(id, { isByItself: true }, (signal) => this.#copyNow(id, { name, signal }));
  }

  async #copyNow(
    id: SourceId,
    { name, signal }: { readonly name: string; readonly signal: AbortSignal },
  ): Promise<void> {
    this.#hub.tell({ kind: 'copyBegan', id, name });
    try {
      const { copies } = await this.#hub.keepsake.mirror({
        ...{ drives: [driveIdOf(id)], acceptChanges: false, signal },
        onProgress: (progress) => this.#isAt(id, progress),
      });
      const [report] = copies;
      this.copyEnded(id, name, report);
      this.#hub.wishes.settle(id, report?.stopped?.code);
    } catch (error) {
      // As it was wished; or it was ejected a moment ago, and that it left is told for itself.
      if (signal.aborted || isAgentError(error, 'DRIVE_MISSING')) {
        this.#hub.tell({ kind: 'jobEnded', id });
        return this.#hub.wishes.settle(id, signal.aborted ? 'INTERRUPTED' : 'DRIVE_MISSING');
      }
      if (!isAgentError(error)) this.#hub.report(error);
      const { code, message, remedy } = isAgentError(error) ? error : mistake(error);
      this.#hub.tell({ kind: 'copyFailed', id, name, failure: { code, message, remedy } });
      this.#hub.wishes.settle(id, code);
    }
  }

  /** What stops it in the same way again is not told again: it is tried each hour. Nor what its owner wished. */
  copyEnded(id: SourceId, name: string, report: CopyReport | undefined): void {
    const code = report?.stopped?.code;
    const isKnown = code !== undefined && (code === 'INTERRUPTED' || this.#hub.state.failures.get(id)?.code === code);
    if (report?.complete === true) this.#hub.nextReminderMs = 0; // likewise
    this.#hub.tell({ kind: 'copyEnded', id, name, ...(report === undefined ? {} : { report }), isKnown });
  }

  /** Why it came to nothing, for the day its photos are overdue. */
  async #noteVisit(id: SourceId, { imports }: BackupResult): Promise<void> {
    const stop = stopOf(imports);
    if (isByWish(imports)) return; // nothing of the device was in the way
    const isSaved = imports.every(({ failed, deferred }) => failed + deferred === 0);
    if (stop !== undefined || isSaved) await this.#hub.keepsake.register.noteVisit(id, stop?.code);
  }

  /** Undefined: none is only in iCloud, or its owner knows. */
  async #newsOfICloud({ imports }: BackupResult): Promise<Need | undefined> {
    for (const { source, photos, stopped } of imports) {
      if (stopped !== undefined) continue; // there is something nearer to be said
      if (photos?.list !== 'read' || !(await this.#hub.keepsake.register.tellsICloudOnly(source.id, photos.iCloudOnly)))
        continue;
      return describePhotos({ ...source, account: photos }).needsYou.find(({ code }) => code === 'ICLOUD_ONLY');
    }
    return undefined;
  }

  /** It was locked, or forgot us, while it was saved from: from then on its owner is waited for. */
  #askAboutPhone(id: SourceId, code: string | undefined): void {
    if (code?.startsWith('PHONE_') === true) this.#hub.phoneWatch?.askAgain(id, this.#hub.signal);
  }

  /** While it goes on, it ends when its owner wants that. */
  async #stoppable<Result>(
    id: SourceId,
    { isByItself }: { readonly isByItself: boolean },
    work: (signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    const stop = new AbortController();
    this.#underWay.set(id, { stop, isByItself });
    try {
      return await work(AbortSignal.any([this.#hub.signal, stop.signal]));
    } finally {
      this.#underWay.delete(id);
    }
  }

  #quietly(id: SourceId): BackupRequest {
    return {
      ...{ sources: [id], createAnew: false, dryRun: false, mustFit: true, signal: this.#hub.signal },
      onProgress: (progress) => this.#isAt(id, progress),
    };
  }

  /** How far it is, and how long it takes by the rate so far. */
  #isAt(id: SourceId, progress: SourceProgress): void {
    const nowMs = this.#hub.keepsake.clock.monotonicMs();
    if (progress.phase !== 'saving') {
      this.#hub.tell({ kind: 'importProgress', id, progress, elapsedMs: 0 });
      return;
    }
    this.#hub.savingSinceMs ??= nowMs;
    const elapsedMs = nowMs - this.#hub.savingSinceMs;
    const { bytes, bytesTotal } = progress;
    const leftMs = bytes === 0 ? undefined : Math.max(0, (elapsedMs * (bytesTotal - bytes)) / bytes);
    this.#hub.tell({
      ...{ kind: 'importProgress', id, progress, elapsedMs },
      ...(leftMs === undefined || elapsedMs < estimateAfterMs ? {} : { leftMs }),
    });
  }
}

interface Followed {
  readonly onProgress: (progress: SourceProgress) => void;
  readonly signal: AbortSignal;
}

function idOf({ about }: SourceProgress): SourceId | undefined {
  if (about === undefined) return undefined;
  return 'drive' in about ? driveKey(about.drive) : about.source;
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
