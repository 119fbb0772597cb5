// Keeps the icon in the tray: starts the program that shows it when there is a desktop with a tray, starts it again when it ends, and says
// why there is no icon while there is none. Trouble with a desktop ends nothing but the icon.

import { readFile } from 'node:fs/promises';
import type { AbsolutePath } from '../../domain/ids.ts';
import type { OwnerWish } from '../../domain/owner-wish.ts';
import type { IconStatus, Need } from '../../domain/status.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';
import { readSessionEnvironment } from '../../platform/service-manager.ts';
import { hasOwner, openSessionBus, type SessionBus } from '../../platform/session-bus.ts';
import { iconReasons } from './icon-words.ts';
import { changesOf, type Place, placesOf, wishOf } from './tray-places.ts';
import { findTrayProgram, prepareTrayProgram, type RunningTray, startTray } from './tray-program.ts';
import type { TrayIcon, TrayView } from './tray-view.ts';

const watcher = { destination: 'org.kde.StatusNotifierWatcher', path: '/StatusNotifierWatcher' } as const;
const watcherName = watcher.destination;
/** While there is no desktop: it may come. */
const lookAgainMs = 60_000;
const firstPauseMs = 500;
const pauseMsMax = 60_000;
/** A program that ran for this long before it ended is started again at once. */
const steadyMs = 60_000;
const answerMsMax = 5000;
/** An icon takes this long to be in the tray at most, and this often it is looked for. */
const registerTries = 20;
const registerPauseMs = 250;

type Environment = Readonly<Record<string, string | undefined>>;

export interface TrayOptions {
  /** Private, for the program and its pictures. */
  readonly folder: AbsolutePath;
  readonly environment: Environment;
  readonly clock: Clock;
  readonly log: Log;
  readonly onWish: (wish: OwnerWish) => void;
  /** Whether there is an icon; called when that changes. */
  readonly onIcon: (icon: IconStatus) => void;
  readonly platform?: NodeJS.Platform;
  readonly arch?: string;
}

export class Tray {
  readonly #options: TrayOptions;
  #view: TrayView | undefined;
  #places: readonly Place[] = [];
  #shownIcon: TrayIcon | undefined;
  #running: RunningTray | undefined;
  #icon: IconStatus | undefined;
  readonly #pictures = new Map<TrayIcon, string>();
  readonly #firstView = Promise.withResolvers<void>();

  constructor(options: TrayOptions) {
    this.#options = options;
  }

  /** From now on this is what it shows. Only what is different is sent. */
  show(view: TrayView): void {
    this.#view = view;
    this.#firstView.resolve();
    this.#update();
  }

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    await Promise.race([this.#firstView.promise, aborted]);
    let pauseMs = firstPauseMs;
    while (!signal.aborted) {
      const beganMs = clock.monotonicMs();
      const again = await this.#once(signal).catch((error: unknown): Again => {
        log.error({ err: error }, 'the icon failed');
        return { reason: iconReasons.failed, after: 'pause' };
      });
      if (signal.aborted) return;
      this.#tell({ shown: false, reason: again.reason });
      if (clock.monotonicMs() - beganMs > steadyMs) pauseMs = firstPauseMs;
      if (again.after === 'never') return await aborted;
      await clock.wait(again.after === 'look' ? lookAgainMs : pauseMs, signal).catch(() => undefined);
      pauseMs = again.after === 'look' ? firstPauseMs : Math.min(2 * pauseMs, pauseMsMax);
    }
  }

  /** Shows it once, until it ends. */
  async #once(signal: AbortSignal): Promise<Again> {
    const { platform = process.platform, arch = process.arch } = this.#options;
    const program = findTrayProgram(platform, arch);
    if (program === undefined) return { reason: iconReasons.noProgram, after: 'never' };
    if (platform !== 'linux')
      return await this.#runProgram({ program, environment: this.#options.environment, signal });
    const environment = await this.#desktop();
    if (!isSet(environment['DISPLAY']) && !isSet(environment['WAYLAND_DISPLAY']))
      return { reason: iconReasons.noDesktop, after: 'look' };
    // Without one the program would start a bus of its own, with nobody on it (measured).
    await using bus = await openSessionBus(environment, { timeoutMs: answerMsMax });
    if (bus === undefined) return { reason: iconReasons.noDesktop, after: 'look' };
    await this.#awaitTray(bus, signal);
    if (signal.aborted) return { reason: iconReasons.noTray, after: 'pause' };
    return await this.#runProgram({ program, environment, signal, bus });
  }

  /** A service may be older than the desktop: its manager knows what there is now. */
  async #desktop(): Promise<Environment> {
    const { environment } = this.#options;
    const isService = isSet(environment['INVOCATION_ID']) && !isSet(environment['DISPLAY']);
    return isService ? await readSessionEnvironment(environment) : environment;
  }

  /** Resolves when somebody shows icons, the bus is gone, or it is not wanted any more. */
  async #awaitTray(bus: SessionBus, signal: AbortSignal): Promise<void> {
    const come = Promise.withResolvers<void>();
    await using _listening = await bus.onSignal(
      { sender: 'org.freedesktop.DBus', interface: 'org.freedesktop.DBus', member: 'NameOwnerChanged' },
      ([name, , owner]) => {
        if (name === watcherName && owner !== '') come.resolve();
      },
    );
    if (await hasOwner(bus, watcherName)) return;
    this.#tell({ shown: false, reason: iconReasons.noTray });
    signal.addEventListener('abort', () => come.resolve(), { once: true });
    await Promise.race([come.promise, bus.closed]);
  }

  async #runProgram(of: {
    readonly program: AbsolutePath;
    readonly environment: Environment;
    readonly signal: AbortSignal;
    readonly bus?: SessionBus;
  }): Promise<Again> {
    const { environment, signal, bus } = of;
    const view = this.#view;
    if (view === undefined) throw new Error('there is nothing to show yet');
    const program = await prepareTrayProgram(of.program, this.#options.folder);
    const places = placesOf(view, this.#options.platform);
    const { tray, isReady } = await startTray({
      ...{ program, environment },
      menu: { icon: await this.#picture(view.icon), title: 'Keepsake', items: places },
      onClick: (id) => {
        // As it is now: what was clicked may have changed in the meantime.
        const wish = wishOf(this.#places, id);
        if (wish !== undefined) this.#options.onWish(wish);
      },
    });
    const end = () => tray.end();
    signal.addEventListener('abort', end, { once: true });
    try {
      if (!isReady) return await this.#explainEnd(tray);
      this.#places = places;
      this.#shownIcon = view.icon;
      this.#running = tray;
      this.#update(); // what came in the meantime
      void bus?.closed.then(end); // it would go on without ever being seen again
      if (bus === undefined) this.#tell({ shown: true });
      else await this.#watchRegistration(bus, tray);
      await tray.ended;
      return { reason: iconReasons.ended, after: 'pause' };
    } finally {
      this.#running = undefined;
      signal.removeEventListener('abort', end);
      end();
    }
  }

  async #explainEnd(tray: RunningTray): Promise<Again> {
    tray.end();
    const { exitCode, stderr } = await tray.ended;
    this.#options.log.warn({ exitCode, stderr: stderr.slice(0, 500) }, 'the icon could not be shown');
    // 127 is the loader's: a library is not there.
    const isLibrary = exitCode === 127 || /error while loading shared libraries/.test(stderr);
    return { reason: isLibrary ? iconReasons.noLibrary : iconReasons.failed, after: 'pause' };
  }

  /** It is shown when the tray has it in its list; a panel that starts again has a new list. */
  async #watchRegistration(bus: SessionBus, tray: RunningTray): Promise<void> {
    const look = async () => {
      for (let turn = 0; turn < registerTries; turn += 1) {
        if (this.#running !== tray) return;
        const isListed = await isRegistered(bus, tray.pid).catch(() => undefined); // the panel is starting, or hangs
        if (isListed === true) return this.#tell({ shown: true });
        await this.#options.clock
          .wait(registerPauseMs, AbortSignal.timeout(10 * registerPauseMs))
          .catch(() => undefined);
      }
      this.#tell({ shown: false, reason: iconReasons.noTray });
    };
    const onFailure = (error: unknown) =>
      this.#options.log.warn({ err: error }, 'whether the icon is shown is not known');
    await using _restarts = await bus.onSignal(
      { sender: 'org.freedesktop.DBus', interface: 'org.freedesktop.DBus', member: 'NameOwnerChanged' },
      ([name, , owner]) => {
        if (name !== watcherName || this.#running !== tray) return;
        if (owner === '') this.#tell({ shown: false, reason: iconReasons.noTray });
        else void look().catch(onFailure);
      },
    );
    void look().catch(onFailure);
    await Promise.race([tray.ended, bus.closed]);
  }

  #update(): void {
    const tray = this.#running;
    const view = this.#view;
    if (tray === undefined || view === undefined) return;
    const places = placesOf(view, this.#options.platform);
    for (const item of changesOf(this.#places, places)) tray.setItem(item);
    this.#places = places;
    if (view.icon === this.#shownIcon) return;
    this.#shownIcon = view.icon;
    void this.#picture(view.icon).then((icon) => {
      if (this.#shownIcon === view.icon) tray.setIcon({ icon, title: 'Keepsake' });
    });
  }

  /** In base64. */
  async #picture(icon: TrayIcon): Promise<string> {
    const known = this.#pictures.get(icon);
    if (known !== undefined) return known;
    const picture = (await readFile(new URL(`../../../icons/${icon}.png`, import.meta.url))).toString('base64');
    this.#pictures.set(icon, picture);
    return picture;
  }

  #tell(icon: IconStatus): void {
    const before = this.#icon;
    const isSame = before?.shown === icon.shown && reasonOf(before)?.code === reasonOf(icon)?.code;
    this.#icon = icon;
    if (!isSame) this.#options.onIcon(icon);
  }
}

interface Again {
  readonly reason: Need;
  /** `look`: in a minute, whether there is a desktop now. `pause`: soon, then later and later. */
  readonly after: 'pause' | 'look' | 'never';
}

/** Whether the tray lists an icon of this process. */
async function isRegistered(bus: SessionBus, pid: number): Promise<boolean> {
  const get = { ...watcher, interface: 'org.freedesktop.DBus.Properties', member: 'Get', signature: 'ss' };
  const [items] = await bus.call(
    { ...get, body: [watcherName, 'RegisteredStatusNotifierItems'] },
    { timeoutMs: answerMsMax },
  );
  if (!Array.isArray(items)) return false;
  for (const item of items) {
    const owner = String(item).split('/')[0] ?? '';
    const name = 'org.freedesktop.DBus';
    const ask = { destination: name, path: '/org/freedesktop/DBus', interface: name, signature: 's', body: [owner] };
    const [owned] = await bus
      .call({ ...ask, member: 'GetConnectionUnixProcessID' }, { timeoutMs: answerMsMax })
      .catch(() => []); // it has gone in the meantime
    if (owned === pid) return true;
  }
  return false;
}

function reasonOf(icon: IconStatus | undefined): Need | undefined {
  return icon === undefined || icon.shown ? undefined : icon.reason;
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '';
}
