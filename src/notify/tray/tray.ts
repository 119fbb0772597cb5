// Keeps the icon in the tray: starts the program that shows it when there is a desktop with a tray, starts it again when it ends, and says
// why there is no icon while there is none. Trouble with a desktop ends nothing but the icon.

import { readFile } from 'node:fs/promises';
import type { AbsolutePath } from '../../domain/ids.ts';
import type { OwnerWish } from '../../domain/owner-wish.ts';
import type { IconStatus, Need } from '../../domain/status.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';
import { hasDisplay, readSessionEnvironment } from '../../platform/service-manager.ts';
import { openSessionBus, type SessionBus } from '../../platform/session-bus.ts';
import { iconReasons } from './icon-words.ts';
import { changesOf, Meanings, type Place, placesOf, wishOf } from './tray-places.ts';
import { findTrayProgram, prepareTrayProgram, type RunningTray, startTray } from './tray-program.ts';
import type { TrayIcon, TrayView } from './tray-view.ts';
import { answerMsMax, hasTray, isRegistered, listenForHints, type TrayHints } from './tray-watcher.ts';

/** While there is no desktop: it may come. */
const lookAgainMs = 60_000;
const firstPauseMs = 500;
const pauseMsMax = 60_000;
/** A program that ran for this long before it ended is started again at once. */
const steadyMs = 60_000;
/** An icon is in the tray within a second; after three it is not coming. */
const registerTries = 12;
const registerPauseMs = 250;
/**
 * One start in fifty on a busy computer, the icon never gets there: the answer that there is a tray reaches the program before its menu is
 * made, and it does not ask again (measured 2026-11 on the bus, systray2 2.1.4 with libayatana-appindicator3 0.5.92). Another program gets
 * it there. A tray that keeps no list of its icons is not restarted for forever.
 */
const replacementsMax = 3;

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
  #meanings = new Meanings();
  #shownIcon: TrayIcon | undefined;
  #running: RunningTray | undefined;
  /** Programs that were replaced since an icon was last seen. */
  #replacements = 0;
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
    const aborted = whenAborted(signal);
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
    const environment = await readSessionEnvironment(this.#options.environment);
    if (!hasDisplay(environment)) return { reason: iconReasons.noDesktop, after: 'look' };
    return await this.#inSession(program, environment, signal);
  }

  /** In a session whose bus is there; what happens to the bus explains whatever else goes wrong. */
  async #inSession(program: AbsolutePath, environment: Environment, signal: AbortSignal): Promise<Again> {
    // Without a bus the program would start one of its own, with nobody on it (measured).
    await using bus = await openSessionBus(environment, { timeoutMs: answerMsMax });
    if (bus === undefined) return { reason: iconReasons.noDesktop, after: 'look' };
    const gone = new AbortController();
    void bus.closed.then(() => gone.abort());
    const over = AbortSignal.any([signal, gone.signal]);
    // Whatever is asked of a bus that hangs ends at once.
    over.addEventListener('abort', () => void bus[Symbol.asyncDispose](), { once: true });
    try {
      const session: Session = { bus, hints: await listenForHints(bus) };
      await this.#awaitTray(session, over);
      // Ended with the bus: it would go on without ever being seen again.
      const again = over.aborted ? undefined : await this.#runProgram({ program, environment, signal: over, session });
      if (again !== undefined && !gone.signal.aborted) return again;
    } catch (error) {
      if (!gone.signal.aborted) throw error;
    }
    return { reason: iconReasons.noDesktop, after: 'pause' };
  }

  /** Resolves when somebody shows icons, or the signal aborts. */
  async #awaitTray({ bus, hints }: Session, signal: AbortSignal): Promise<void> {
    const aborted = whenAborted(signal);
    while (!signal.aborted) {
      const hint = Promise.withResolvers<void>();
      hints.once('hint', hint.resolve); // before it is asked, so that nothing is missed in between
      if (await hasTray(bus)) return;
      this.#replacements = 0;
      this.#tell({ shown: false, reason: iconReasons.noTray });
      await Promise.race([hint.promise, aborted]);
    }
  }

  async #runProgram(of: {
    readonly program: AbsolutePath;
    readonly environment: Environment;
    readonly signal: AbortSignal;
    readonly session?: Session;
  }): Promise<Again> {
    const { environment, signal, session } = of;
    const { clock, platform } = this.#options;
    const view = this.#view;
    if (view === undefined) throw new Error('there is nothing to show yet');
    const program = await prepareTrayProgram(of.program, this.#options.folder);
    const places = placesOf(view, platform);
    const meanings = new Meanings();
    const { tray, isReady } = await startTray({
      ...{ program, environment, signal },
      menu: { icon: await this.#picture(view.icon), title: 'Keepsake', items: places },
      onClick: (id) => {
        // As it is now: what was clicked may have changed in the meantime.
        const wish = wishOf(this.#places, id);
        if (wish !== undefined && meanings.isSettled(id, clock.monotonicMs())) this.#options.onWish(wish);
      },
    });
    try {
      if (!isReady) return await this.#explainEnd(tray, signal);
      meanings.note(places, clock.monotonicMs());
      this.#places = places;
      this.#meanings = meanings;
      this.#shownIcon = view.icon;
      this.#running = tray;
      this.#update(); // what came in the meantime
      if (session === undefined) this.#tell({ shown: true });
      else await this.#watchRegistration(session, tray);
      await tray.ended;
      return { reason: iconReasons.ended, after: 'pause' };
    } finally {
      this.#running = undefined;
      tray.end();
    }
  }

  async #explainEnd(tray: RunningTray, signal: AbortSignal): Promise<Again> {
    tray.end();
    const { exitCode, stderr } = await tray.ended;
    if (!signal.aborted)
      this.#options.log.warn({ exitCode, stderr: stderr.slice(0, 500) }, 'the icon could not be shown');
    // 127 is the loader's: a library is not there.
    const isLibrary = exitCode === 127 || /error while loading shared libraries/.test(stderr);
    return { reason: isLibrary ? iconReasons.noLibrary : iconReasons.failed, after: 'pause' };
  }

  /** It is shown when the tray has it in its list; a panel that starts again has a new list. Until it ends. */
  async #watchRegistration({ bus, hints }: Session, tray: RunningTray): Promise<void> {
    let turn = new AbortController();
    const look = () => {
      turn.abort();
      turn = new AbortController();
      void this.#lookForIcon(bus, tray, turn.signal);
    };
    hints.on('hint', look);
    look();
    await tray.ended;
    hints.off('hint', look);
    turn.abort();
  }

  /** Never rejects. */
  async #lookForIcon(bus: SessionBus, tray: RunningTray, signal: AbortSignal): Promise<void> {
    let isListRead = false;
    for (let count = 0; count < registerTries; count += 1) {
      // Who does not answer is starting, or hangs.
      const hasPanel = await hasTray(bus).catch(() => true);
      const isListed = hasPanel ? await isRegistered(bus, tray.pid).catch(() => undefined) : undefined;
      if (signal.aborted) return;
      if (isListed === true || !hasPanel) this.#replacements = 0;
      if (isListed === true) return this.#tell({ shown: true });
      if (!hasPanel) return this.#tell({ shown: false, reason: iconReasons.noTray }); // a hint tells when there is one
      isListRead ||= isListed === false;
      await this.#options.clock.wait(registerPauseMs, signal).catch(() => undefined);
      if (signal.aborted) return;
    }
    if (!isListRead || this.#replacements >= replacementsMax)
      return this.#tell({ shown: false, reason: iconReasons.noTray });
    this.#replacements += 1;
    tray.end();
  }

  #update(): void {
    const tray = this.#running;
    const view = this.#view;
    if (tray === undefined || view === undefined) return;
    const places = placesOf(view, this.#options.platform);
    for (const item of changesOf(this.#places, places)) tray.setItem(item);
    this.#places = places;
    this.#meanings.note(places, this.#options.clock.monotonicMs());
    if (view.icon === this.#shownIcon) return;
    this.#shownIcon = view.icon;
    this.#picture(view.icon)
      .then((icon) => {
        if (this.#shownIcon === view.icon) tray.setIcon({ icon, title: 'Keepsake' });
      })
      .catch((error: unknown) => {
        this.#options.log.error({ err: error }, 'a picture of the icon is missing'); // the menu says the same in words
      });
  }

  /** In base64. */
  async #picture(icon: TrayIcon): Promise<string> {
    const known = this.#pictures.get(icon);
    if (known !== undefined) return known;
    const ending = (this.#options.platform ?? process.platform) === 'win32' ? 'ico' : 'png';
    const picture = (await readFile(new URL(`../../../icons/${icon}.${ending}`, import.meta.url))).toString('base64');
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

interface Session {
  readonly bus: SessionBus;
  readonly hints: TrayHints;
}

function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function reasonOf(icon: IconStatus | undefined): Need | undefined {
  return icon === undefined || icon.shown ? undefined : icon.reason;
}
