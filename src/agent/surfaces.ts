// What the owner sees of the agent: the icon with its menu, and notices. Hears every event, keeps one snapshot of how things stand, and
// hands on the wishes of those who click. Trouble with a desktop is told in the status and never reaches what saves photos.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { isAgentError } from '../domain/errors.ts';
import type { AbsolutePath } from '../domain/ids.ts';
import type { News } from '../domain/news.ts';
import type { Notice } from '../domain/notice.ts';
import type { OwnerWish } from '../domain/owner-wish.ts';
import type { Need, Status } from '../domain/status.ts';
import type { NoticeMemory, NoticeService } from '../notify/notices/notice-desktop.ts';
import {
  decideNotices,
  type KeptNoticeState,
  type NoticeState,
  nothingSaid,
  toBeAskedAnew,
} from '../notify/notices/notice-policy.ts';
import type { Tray } from '../notify/tray/tray.ts';
import type { Clock } from '../platform/clock.ts';
import { writeSmallFile } from '../platform/durable-write.ts';
import type { Log } from '../platform/log.ts';
import { finite, recordOf } from '../platform/shapes.ts';
import { type AgentEvent, type AgentState, addToStatus, calmState, describeTrouble } from './agent-state.ts';
import { newsOf } from './news.ts';
import type { Environment, KeepsakePaths } from './paths.ts';
import { hourIn } from './reminding.ts';

/** What arrives this soon was there when Keepsake started. */
const settledMs = 10_000;
/** While photos are saved, how far that is changes many times a second. */
const redrawMs = 1000;
/** Ages in the menu grow by themselves. */
const refreshMs = 3_600_000;
const undeliveredMax = 20;
/** After this, what was not shown says nothing any more: what is still so is in the rest of the status. */
const undeliveredMs = 7 * 86_400_000;

const keptSchema = v.object({ askedAtMs: recordOf(finite), saidNoIcon: v.boolean() });
const shownSchema = v.array(v.object({ key: v.string(), id: finite, owner: v.string(), bus: v.string() }));

export interface SurfacesOptions {
  readonly paths: KeepsakePaths;
  readonly environment: Environment;
  readonly clock: Clock;
  readonly log: Log;
  /** As the catalogue has it. */
  readonly readStatus: () => Promise<Status>;
  readonly timeZone: () => Promise<string>;
  readonly onEvent: (event: AgentEvent) => void;
  /** What the owner clicked. */
  readonly onWish: (wish: OwnerWish) => void;
}

export class Surfaces {
  readonly #options: SurfacesOptions;
  readonly #startedMs: number;
  #state: AgentState = calmState;
  #said: NoticeState = nothingSaid;
  #status: Status | undefined;
  #statusReadMs = Number.NEGATIVE_INFINITY;
  #timeZone = 'UTC';
  #notices: NoticeService | undefined;
  #tray: Tray | undefined;
  #render: typeof import('../notify/tray/tray-menu.ts').renderTray | undefined;
  #drawnMs = Number.NEGATIVE_INFINITY;
  /** Nothing is decided before it is known what was said before, and there is somebody to show it. */
  readonly #opened = Promise.withResolvers<void>();
  #lastTurn: Promise<void> = this.#opened.promise;
  /** By key. */
  readonly #undelivered = new Map<string, { readonly need: Need; readonly atMs: number }>();

  constructor(options: SurfacesOptions) {
    this.#options = options;
    this.#startedMs = options.clock.monotonicMs();
  }

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { paths, environment, clock, log, onEvent, onWish } = this.#options;
    const [{ openNoticeService }, { Tray }, { renderTray }] = await Promise.all([
      import('../notify/notices/notice-service.ts'),
      import('../notify/tray/tray.ts'),
      import('../notify/tray/tray-menu.ts'),
    ]);
    await using notices = openNoticeService({ environment, clock, log, onWish, memory: this.#memory() });
    this.#notices = notices;
    this.#render = renderTray;
    this.#said = { ...this.#said, kept: await loadKept(paths.notices) };
    const tray = new Tray({
      ...{ environment, clock, log, onWish, folder: join(paths.state, 'tray') as AbsolutePath },
      onIcon: (icon) => onEvent({ kind: 'iconChanged', icon }),
    });
    this.#tray = tray;
    void Promise.all([this.#refresh(), this.#tidyUp(notices)]).finally(() => this.#opened.resolve());
    try {
      await tray.run(signal);
    } finally {
      this.#tray = undefined;
      this.#notices = undefined;
      await this.#lastTurn;
    }
  }

  /** Something happened; `state` is what it led to. Takes no time. */
  hear(event: AgentEvent, state: AgentState): void {
    const before = this.#state;
    this.#state = state;
    if (event.kind === 'undelivered') return;
    if (event.kind === 'importProgress') {
      const nowMs = this.#options.clock.monotonicMs();
      if (nowMs - this.#drawnMs < redrawMs) return;
      this.#drawnMs = nowMs;
    }
    this.#turn(async () => {
      const ages = this.#status;
      if (changesPhotos(event)) await this.#refresh();
      const news = newsOf(event, {
        wasConnected: 'device' in event && before.connected.has(event.device.id),
        isSettled: this.#options.clock.monotonicMs() - this.#startedMs > settledMs,
        kindOf: (id) => [...state.connected, ...before.connected].find(([key]) => key === id)?.[1].kind,
        lastSuccessAgeMs: (id) => this.#ageOf(ages, id),
        isAllSafe: isAllSafe(this.#status),
      });
      for (const each of news) await this.#tell(each);
      this.#draw();
    });
  }

  /** Something changed that is no event: a name, a pause, a drive that was added. */
  lookAgain(): void {
    this.#turn(() => this.#refresh());
  }

  /** About once a minute. */
  minute(): void {
    this.#turn(async () => {
      if (this.#options.clock.monotonicMs() - this.#statusReadMs > refreshMs) await this.#refresh();
      this.#letUndeliveredGo();
      await this.#tell({ kind: 'minute' });
      this.#draw(); // what waits for its owner is said after a while
    });
  }

  /** One thing after the other, in the order it happened. */
  #turn(act: () => Promise<void>): void {
    this.#lastTurn = this.#lastTurn.then(act).catch((error: unknown) => {
      this.#options.log.error({ err: error }, 'what the owner should see could not be shown');
    });
  }

  async #refresh(): Promise<void> {
    this.#statusReadMs = this.#options.clock.monotonicMs();
    this.#timeZone = await this.#options.timeZone().catch(() => this.#timeZone); // a damaged configuration is told elsewhere
    try {
      this.#status = await this.#options.readStatus();
    } catch (error) {
      if (!isAgentError(error)) this.#options.log.error({ err: error }, 'how things stand could not be read');
      const { code, message, remedy } = isAgentError(error) ? error : describeTrouble('surfaces');
      // The rest stays as it was last known; but nothing is called safe by what was true before.
      const before = this.#status ?? unknownStatus;
      const photos = { ...before.photos, safe: 0, elsewhere: 0 };
      this.#status = { ...before, photos, needsYou: [{ code, message, remedy }] };
    }
    this.#draw();
  }

  #draw(): void {
    if (this.#status === undefined || this.#render === undefined) return;
    const nowMs = this.#options.clock.nowMs();
    const status = addToStatus(this.#status, this.#state, nowMs);
    this.#tray?.show(this.#render({ status, nowMs, timeZone: this.#timeZone }));
  }

  async #tell(news: News): Promise<void> {
    const nowMs = this.#options.clock.nowMs();
    const moment = { nowMs, localHour: hourIn(this.#timeZone, nowMs) };
    const { state, show, withdraw } = decideNotices(this.#said, news, moment);
    const isToBeKept = state.kept !== this.#said.kept;
    this.#said = state;
    if (isToBeKept) await this.#keep(state.kept);
    for (const key of withdraw) {
      this.#undelivered.delete(key);
      await this.#notices?.withdraw(key);
    }
    for (const notice of show) await this.#show(notice);
    if (show.length + withdraw.length > 0) this.#tellUndelivered();
  }

  #tellUndelivered(): void {
    this.#options.onEvent({ kind: 'undelivered', notices: [...this.#undelivered.values()].map(({ need }) => need) });
  }

  #letUndeliveredGo(): void {
    const nowMs = this.#options.clock.nowMs();
    const old = [...this.#undelivered].filter(([, { atMs }]) => Math.abs(nowMs - atMs) >= undeliveredMs);
    for (const [key] of old) this.#undelivered.delete(key);
    if (old.length > 0) this.#tellUndelivered();
  }

  /** After a crash, what is on the screen has nobody who hears its buttons. */
  async #tidyUp(notices: NoticeService): Promise<void> {
    const kept = toBeAskedAnew(this.#said.kept, await notices.takeBackLeftOvers());
    if (Object.keys(kept.askedAtMs).length === Object.keys(this.#said.kept.askedAtMs).length) return;
    this.#said = { ...this.#said, kept };
    await this.#keep(kept);
  }

  #memory(): NoticeMemory {
    const { paths, log } = this.#options;
    return {
      load: () => loadShown(paths.shownNotices),
      save: (shown) =>
        writeSmallFile(paths.shownNotices, `${JSON.stringify(shown)}\n`, 0o600).catch((error: unknown) =>
          log.error({ err: error }, 'what is on the screen could not be noted'),
        ),
    };
  }

  /** Where it cannot be, a question may come once more after a restart; it is asked all the same. */
  async #keep(kept: KeptNoticeState): Promise<void> {
    await writeSmallFile(this.#options.paths.notices, `${JSON.stringify(kept)}\n`, 0o600).catch((error: unknown) =>
      this.#options.log.error({ err: error }, 'what was asked could not be noted'),
    );
  }

  async #show(notice: Notice): Promise<void> {
    const { key, title, body } = notice;
    try {
      if (this.#notices === undefined) return;
      await this.#notices.show(notice);
      this.#undelivered.delete(key);
    } catch (error) {
      if (!isAgentError(error)) throw error;
      this.#options.log.warn({ code: error.code, key }, 'a notice could not be shown');
      this.#undelivered.delete(key);
      const need = { code: error.code, message: `${title}: ${body}`, remedy: '' };
      this.#undelivered.set(key, { need, atMs: this.#options.clock.nowMs() });
      for (const oldest of [...this.#undelivered.keys()].slice(0, -undeliveredMax)) this.#undelivered.delete(oldest);
    }
  }

  #ageOf(status: Status | undefined, id: string): number | undefined {
    const at = status?.sources.find((source) => source.id === id)?.lastSuccessAt;
    return at === undefined || at === null ? undefined : this.#options.clock.nowMs() - Date.parse(at);
  }
}

/** Before anything could be read. */
const unknownStatus: Status = {
  ...{ state: 'needsYou', library: '' as AbsolutePath, agent: 'running', sources: [], drives: [], jobs: [] },
  ...{ needsYou: [], notes: [], newDevices: [], undelivered: [] },
  photos: { assets: 0, inLibrary: 0, safe: 0, elsewhere: 0 },
};

/** What is known of photos, devices and drives is not what it was. */
function changesPhotos({ kind }: AgentEvent): boolean {
  return ['importEnded', 'copyEnded', 'decided', 'driveArrived', 'driveLeft', 'reminded', 'ejected'].includes(kind);
}

function isAllSafe(status: Status | undefined): boolean {
  return status !== undefined && status.photos.assets > 0 && status.photos.safe === status.photos.assets;
}

/** At worst a question is asked once more. */
async function loadKept(path: AbsolutePath): Promise<KeptNoticeState> {
  try {
    return v.parse(keptSchema, JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return nothingSaid.kept;
  }
}

/** At worst a question stays on the screen after a crash. */
async function loadShown(path: AbsolutePath): Promise<v.InferOutput<typeof shownSchema>> {
  try {
    return v.parse(shownSchema, JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return [];
  }
}
