// Saving from devices and copying to drives, one after the other, for whoever wishes for it: the owner, the schedule, or what arrives.
// Each ends in an event; what fails is wished for again, later and later.

import type { CopyReport } from '../copies/copy-report.ts';
import { type ErrorCode, isAgentError } from '../domain/errors.ts';
import type { SourceId } from '../domain/ids.ts';
import type { SourceProgress } from '../domain/progress.ts';
import { type AgentHub, driveIdOf, driveKey, isDriveKey, mistake, priorities } from './agent-hub.ts';
import { type Announcement, stopOf } from './agent-state.ts';
import type { BackupRequest, BackupResult } from './control.ts';
import type { Device } from './devices.ts';
import { describePhotos } from './photos-words.ts';

/** Before that, a rate says nothing. */
const estimateAfterMs = 3000;

export class DeviceWork {
  readonly #hub: AgentHub;
  /** Asked for, and not saved yet. */
  readonly #once = new Set<SourceId>();

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

  async announce(device: Device): Promise<void> {
    const id = device.id as SourceId;
    if (device.state !== undefined && device.state !== 'ready') {
      this.#hub.tell({ kind: 'announced', announcement: { id, name: device.name } });
      return;
    }
    this.#hub.checking.abort(new Error('somebody waits to be asked'));
    const look = () => this.#hub.keepsake.backup({ ...this.#quietly(id), dryRun: true });
    const result = await this.#hub.enqueue(look, { priority: priorities.look });
    const [report] = result.imports;
    if (report === undefined || !this.#hub.state.connected.has(id)) return;
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
    let name = this.#hub.state.connected.get(id)?.name ?? id;
    let code: string | undefined = 'INTERRUPTED';
    try {
      const device = (await this.#hub.devices()).find((each) => each.id === id);
      if (device === undefined || !device.connected || !(isOnce || device.decision === 'always'))
        return this.#hub.wishes.drop(id);
      name = device.name;
      this.#hub.tell({ kind: 'importBegan', id, name });
      const result = await this.#hub.keepsake.backup({ ...this.#quietly(id), copies: false });
      code = stopOf(result.imports)?.code ?? leftCode(result.imports);
      this.#hub.tell({ kind: 'importEnded', id, name, result });
      this.#hub.nextReminderMs = 0; // what it was overdue for is over
      if (result.imports.some(({ imported }) => imported > 0)) this.wantCopies();
      this.#askAboutPhone(id, stopOf(result.imports)?.code);
      // What was saved is saved, whether or not that can be noted.
      await this.#noteVisit(id, result).catch((error: unknown) => this.#hub.report(error));
      await this.#tellICloudOnly(result).catch((error: unknown) => this.#hub.report(error));
    } catch (error) {
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
    const name = this.#hub.drives.get(id);
    if (name === undefined) return this.#hub.wishes.drop(id);
    this.#hub.tell({ kind: 'copyBegan', id, name });
    try {
      const { copies } = await this.#hub.keepsake.mirror({
        ...{ drives: [driveIdOf(id)], acceptChanges: false, signal: this.#hub.signal },
        onProgress: ({ driveName, path, ...progress }) =>
          this.#isAt(id, { ...progress, phase: 'saving', name: path, sourceName: driveName }),
      });
      const [report] = copies;
      this.copyEnded(id, name, report);
      this.#hub.wishes.settle(id, report?.stopped?.code);
    } catch (error) {
      if (!isAgentError(error)) this.#hub.report(error);
      const { code, message, remedy } = isAgentError(error) ? error : mistake(error);
      this.#hub.tell({ kind: 'copyFailed', id, name, failure: { code, message, remedy } });
      this.#hub.wishes.settle(id, code);
    }
  }

  /** What stops it in the same way again is not told again: it is tried each hour. */
  copyEnded(id: SourceId, name: string, report: CopyReport | undefined): void {
    const code = report?.stopped?.code;
    const isKnown = code !== undefined && this.#hub.state.failures.get(id)?.code === code;
    if (report?.complete === true) this.#hub.nextReminderMs = 0; // likewise
    this.#hub.tell({ kind: 'copyEnded', id, name, ...(report === undefined ? {} : { report }), isKnown });
  }

  /** Why it came to nothing, for the day its photos are overdue. */
  async #noteVisit(id: SourceId, { imports }: BackupResult): Promise<void> {
    const stop = stopOf(imports);
    const isSaved = imports.every(({ failed, deferred }) => failed + deferred === 0);
    if (stop !== undefined || isSaved) await this.#hub.keepsake.register.noteVisit(id, stop?.code);
  }

  async #tellICloudOnly({ imports }: BackupResult): Promise<void> {
    for (const { source, photos, stopped } of imports) {
      if (stopped !== undefined) continue; // there is something nearer to be said
      if (photos?.list !== 'read' || !(await this.#hub.keepsake.register.tellsICloudOnly(source.id, photos.iCloudOnly)))
        continue;
      const needs = describePhotos({ ...source, account: photos }).needsYou.filter(
        ({ code }) => code === 'ICLOUD_ONLY',
      );
      this.#hub.tell({ kind: 'iCloudOnly', id: source.id, name: source.name, needs });
    }
  }

  /** It was locked, or forgot us, while it was saved from: from then on its owner is waited for. */
  #askAboutPhone(id: SourceId, code: string | undefined): void {
    if (code?.startsWith('PHONE_') === true) this.#hub.phoneWatch?.askAgain(id, this.#hub.signal);
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

/** Why to save from a device again although nothing stopped it. What is only in iCloud is no reason: its owner is told. */
function leftCode(imports: BackupResult['imports']): ErrorCode | undefined {
  const isLeft = imports.some(({ deferred, failures, failed }) => {
    const inCloud = failures.filter(({ code }) => code === 'SOURCE_ENTRY_NOT_DOWNLOADED').length;
    return deferred > 0 || failed > inCloud;
  });
  if (isLeft) return 'SOURCE_ENTRY_CHANGING';
  return imports.some(({ photos }) => photos?.list === 'unreadable') ? 'PHOTOS_LIST_UNREADABLE' : undefined;
}
