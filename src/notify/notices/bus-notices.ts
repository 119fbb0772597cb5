// Notices as the Desktop Notifications Specification has them (1.2): over the session bus, with buttons, replaced and taken back.
// One at a time, and never more than one that waits for a desktop that hangs.

import type { Notice } from '../../domain/notice.ts';
import { printable } from '../../domain/printable.ts';
import { readSessionEnvironment } from '../../platform/service-manager.ts';
import { isUnanswered, openSessionBus, type SessionBus } from '../../platform/session-bus.ts';
import { cut, defaultAnswerTimeoutMs, type NoticeServiceOptions, type ShownNotice } from './notice-desktop.ts';

const service = 'org.freedesktop.Notifications';
const at = { destination: service, path: '/org/freedesktop/Notifications', interface: service } as const;
const busItself = {
  destination: 'org.freedesktop.DBus',
  path: '/org/freedesktop/DBus',
  interface: 'org.freedesktop.DBus',
} as const;
/** A desktop that hung and comes to shows what it was asked: until then it is waited for, by nobody. After that it counts as lost. */
const lateAnswerMsMax = 24 * 3_600_000;
/** A bus that hangs is not asked again before: each question would hold up what is shown elsewhere. */
const hungBusMs = 60_000;
const openMax = 100;
/** What is taken back at the end is not waited for any longer: a desktop that hangs does it when it comes to. */
const endMsMax = 1000;
/** Of different keys. */
const waitingMax = 50;
const attemptsMax = 2;
const urgencies = { quiet: 0, normal: 1, lasting: 1 } as const;

class Late extends Error {}

/** `frozen`: the desktop is there and does not answer, or is not asked any more. `unreachable`: there is none, or it refuses. */
export type NoticeOutcome = 'shown' | 'frozen' | 'unreachable';

/** Whoever shows notices now, under the name that nobody else on the bus ever has. */
interface Shower {
  readonly owner: string;
  readonly capabilities: ReadonlySet<string>;
}

interface OpenNotice extends ShownNotice {
  readonly notice: Notice;
}

interface WaitingNotice {
  notice: Notice;
  readonly outcome: PromiseWithResolvers<NoticeOutcome>;
}

interface CurrentNotice {
  readonly key: string;
  isTakenBack: boolean;
}

interface Connection {
  readonly bus: SessionBus;
  /** Undefined: to be asked for anew. */
  shower: Shower | undefined;
}

export class BusNotices {
  readonly #options: NoticeServiceOptions;
  readonly #answerTimeoutMs: number;
  #connection: Promise<Connection | undefined> | undefined;
  readonly #open = new Map<string, OpenNotice>();
  /** By key: of each only the newest. */
  readonly #waiting = new Map<string, WaitingNotice>();
  #isShowing = false;
  /** Being shown; also one whose answer a desktop that hangs owes us. */
  #current: CurrentNotice | undefined;
  /** What a desktop that hangs owes us. */
  #owed: Promise<unknown> | undefined;
  #hungBusUntilMs = Number.NEGATIVE_INFINITY;
  /** What was noted last, and when it will have been. */
  #noted = '[]';
  #lastNote = Promise.resolve();
  #isDisposed = false;

  constructor(options: NoticeServiceOptions) {
    this.#options = options;
    this.#answerTimeoutMs = options.answerTimeoutMs ?? defaultAnswerTimeoutMs;
  }

  /** One that is overtaken by a newer one of its key before it was sent has the outcome of that. Never rejects. */
  async tryToShow(notice: Notice): Promise<NoticeOutcome> {
    if (this.#isHung()) return 'frozen';
    const waiting = this.#waiting.get(notice.key);
    if (waiting !== undefined) {
      waiting.notice = notice;
      return await waiting.outcome.promise;
    }
    if (this.#waiting.size >= waitingMax) return 'frozen';
    const outcome = Promise.withResolvers<NoticeOutcome>();
    this.#waiting.set(notice.key, { notice, outcome });
    if (!this.#isShowing) void this.#showWaiting();
    return await outcome.promise;
  }

  /** Never rejects. On a desktop that hangs it goes when that comes to, and is not waited for. */
  async withdraw(key: string): Promise<void> {
    this.#waiting.get(key)?.outcome.resolve('shown'); // nothing of it is missing
    this.#waiting.delete(key);
    if (this.#current?.key === key) this.#current.isTakenBack = true;
    const shown = this.#open.get(key);
    this.#forget(key);
    if (shown === undefined) return;
    const connection = await this.#connection;
    if (connection === undefined) return;
    const closed = close(connection, shown);
    if (!this.#isHung()) await closed;
  }

  /** See `NoticeService`. */
  async takeBackLeftOvers(): Promise<readonly string[]> {
    const left = (await this.#options.memory?.load()) ?? [];
    if (left.length === 0) return [];
    this.#noted = JSON.stringify(left);
    const connection = await this.#connect();
    // What shows notices now may be another, and have given the same numbers to notices of others: those are left alone. It has lost what
    // the one before showed, as a rule; where it has not, a button that does nothing is the lesser evil.
    const owner = connection && (await ownerOf(connection.bus, this.#answerTimeoutMs).catch(() => undefined));
    const ours = left.filter((each) => each.owner === owner && each.bus === connection?.bus.id);
    if (connection !== undefined) await Promise.all(ours.map((each) => close(connection, each, this.#answerTimeoutMs)));
    this.#note();
    return ours.map(({ key }) => key);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const isHung = this.#isHung();
    this.#isDisposed = true;
    const connection = await this.#connection;
    this.#connection = undefined;
    if (connection !== undefined && this.#options.isShortLived !== true) {
      const closed = Promise.all([...this.#open.values()].map((each) => close(connection, each, endMsMax)));
      this.#forget(...this.#open.keys());
      if (!isHung) await closed;
    }
    await connection?.bus[Symbol.asyncDispose]();
    await this.#lastNote;
  }

  async #showWaiting(): Promise<void> {
    this.#isShowing = true;
    for (;;) {
      const [next] = this.#waiting;
      if (next === undefined) break;
      const [key, { notice, outcome }] = next;
      this.#waiting.delete(key);
      if (this.#isHung()) {
        outcome.resolve('frozen');
        continue;
      }
      this.#current = { key, isTakenBack: false };
      outcome.resolve(await this.#show(notice, this.#current));
    }
    this.#isShowing = false;
  }

  async #show(notice: Notice, current: CurrentNotice): Promise<NoticeOutcome> {
    const { clock, log } = this.#options;
    const connection = await this.#connect();
    if (connection === undefined) return this.#isHung() ? 'frozen' : 'unreachable';
    try {
      // A desktop that went while it was asked may have given way to another.
      for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
        connection.shower ??= await this.#findShower(connection);
        if (current.isTakenBack || (await this.#send(connection, connection.shower, notice, current))) return 'shown';
      }
      return this.#isDisposed ? 'frozen' : 'unreachable';
    } catch (error) {
      log.debug({ err: error }, 'a notice could not be shown over the bus');
      if (error instanceof Late || this.#isDisposed) return 'frozen';
      if (!isUnanswered(error)) return 'unreachable';
      this.#hungBusUntilMs = clock.monotonicMs() + hungBusMs;
      return 'frozen';
    }
  }

  async #connect(): Promise<Connection | undefined> {
    this.#connection ??= this.#reachBus();
    const connection = await this.#connection;
    if (connection === undefined) this.#connection = undefined; // there may be one next time
    return connection;
  }

  async #reachBus(): Promise<Connection | undefined> {
    const { clock, log } = this.#options;
    const environment = await readSessionEnvironment(this.#options.environment);
    const beganMs = clock.monotonicMs();
    const connection = await this.#listen(environment).catch((error: unknown) => {
      log.debug({ err: error }, 'the bus of the session cannot be used');
      return undefined;
    });
    if (connection === undefined && clock.monotonicMs() - beganMs >= this.#answerTimeoutMs / 2)
      this.#hungBusUntilMs = clock.monotonicMs() + hungBusMs;
    return connection;
  }

  async #listen(environment: NoticeServiceOptions['environment']): Promise<Connection | undefined> {
    const bus = await openSessionBus(environment, { timeoutMs: this.#answerTimeoutMs });
    if (bus === undefined) return undefined;
    const connection: Connection = { bus, shower: undefined };
    const from = { sender: service, path: at.path, interface: service };
    const ofBus = { sender: busItself.destination, interface: busItself.interface };
    try {
      await bus.onSignal({ ...from, member: 'ActionInvoked' }, ([id, action]) => this.#pressed(id, action));
      await bus.onSignal({ ...from, member: 'NotificationClosed' }, ([id]) => this.#closed(id));
      await bus.onSignal({ ...ofBus, member: 'NameOwnerChanged', firstValue: service }, ([, , owner]) =>
        this.#ownerChanged(connection, owner !== ''),
      );
    } catch (error) {
      await bus[Symbol.asyncDispose]();
      throw error;
    }
    void bus.closed.then(() => {
      this.#connection = undefined;
      this.#owed = undefined;
      this.#forget(...this.#open.keys());
    });
    return connection;
  }

  /** @throws Late, AgentError SESSION_BUS_FAILED */
  async #findShower({ bus }: Connection): Promise<Shower> {
    let owner = await ownerOf(bus, this.#answerTimeoutMs);
    if (owner === undefined) {
      await this.#inTime(
        bus.call({ ...at, member: 'GetCapabilities', mayStart: true }, { timeoutMs: lateAnswerMsMax }),
      );
      owner = await ownerOf(bus, this.#answerTimeoutMs);
    }
    if (owner === undefined) throw new Error('nobody shows notices');
    const call = { ...at, destination: owner, member: 'GetCapabilities' };
    const [list] = await this.#inTime(bus.call(call, { timeoutMs: lateAnswerMsMax }));
    return { owner, capabilities: new Set(Array.isArray(list) ? list.filter((each) => typeof each === 'string') : []) };
  }

  /** False: it was refused, or it is another desktop now. @throws Late */
  async #send(connection: Connection, shower: Shower, notice: Notice, current: CurrentNotice): Promise<boolean> {
    const before = this.#open.get(notice.key);
    const replaced = before?.owner === shower.owner ? before.id : replacesNothing;
    const { capabilities, owner: destination } = shower;
    const isNamed = this.#options.isShortLived !== true;
    const call = { ...notifyCall(notice, { capabilities, replaced, isNamed }), destination };
    const taken = connection.bus.call(call, { timeoutMs: lateAnswerMsMax }).then(
      ([id]) => {
        if (typeof id !== 'number' || connection.shower !== shower) return false;
        const shown = { key: notice.key, id, owner: shower.owner, bus: connection.bus.id, notice };
        this.#open.delete(notice.key);
        if (current.isTakenBack) void close(connection, shown);
        else this.#open.set(notice.key, shown);
        this.#forget(...[...this.#open.keys()].slice(0, -openMax));
        return true;
      },
      (error: unknown) => {
        this.#options.log.debug({ err: error }, 'a notice was refused');
        if (connection.shower === shower) connection.shower = undefined;
        return false;
      },
    );
    return await this.#inTime(taken);
  }

  /** One that is late is waited for by nobody, and is told of by being taken when it comes. @throws Late */
  async #inTime<Value>(answer: Promise<Value>): Promise<Value> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      this.#owed = answer;
      const forget = () => {
        if (this.#owed === answer) this.#owed = undefined;
      };
      answer.then(forget, forget);
      late.reject(new Late('the desktop does not answer'));
    }, this.#answerTimeoutMs);
    try {
      return await Promise.race([answer, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  #isHung(): boolean {
    return this.#isDisposed || this.#owed !== undefined || this.#options.clock.monotonicMs() < this.#hungBusUntilMs;
  }

  #pressed(id: unknown, action: unknown): void {
    const [key, shown] = [...this.#open].find(([, each]) => each.id === id) ?? [];
    const button = shown?.notice.buttons.find((_, index) => actionOf(index) === action);
    // Clicking on the text itself ("default") does nothing: what asks for a yes gets it from a button alone.
    if (key === undefined || button === undefined) return;
    void this.withdraw(key); // some desktops leave it there, to be pressed again
    this.#options.onWish(button.wish);
  }

  #closed(id: unknown): void {
    for (const [key, shown] of this.#open) if (shown.id === id) this.#forget(key);
  }

  #forget(...keys: readonly string[]): void {
    for (const key of keys) this.#open.delete(key);
    this.#note();
  }

  /** Only what has buttons: the rest is as true, or soon gone, whether or not we are there. */
  #note(): void {
    const shown = [...this.#open.values()].filter(({ notice }) => notice.buttons.length > 0);
    const next = shown.map(({ key, id, owner, bus }): ShownNotice => ({ key, id, owner, bus }));
    const text = JSON.stringify(next);
    if (text === this.#noted) return;
    this.#noted = text;
    this.#lastNote = this.#lastNote.then(() => this.#options.memory?.save(next));
  }

  /** The numbers of the one before mean nothing to another: they may be somebody else's there. */
  #ownerChanged(connection: Connection, isThere: boolean): void {
    connection.shower = undefined;
    this.#owed = undefined;
    this.#hungBusUntilMs = Number.NEGATIVE_INFINITY;
    this.#forget(...[...this.#open].flatMap(([key, { notice }]) => (notice.weight === 'lasting' ? [] : [key])));
    if (!isThere) return;
    const questions = [...this.#open];
    this.#forget(...this.#open.keys());
    // What was a question, and was not answered, is asked again, unless that is being done already.
    const isUnderWay = (key: string) => this.#waiting.has(key) || (this.#isShowing && this.#current?.key === key);
    for (const [key, { notice }] of questions) if (!isUnderWay(key)) void this.tryToShow(notice);
  }
}

/** "0" is never the number of a notice (specification, "Notify"). */
const replacesNothing = 0;

function notifyCall(
  notice: Notice,
  {
    capabilities,
    replaced,
    isNamed,
  }: {
    readonly capabilities: ReadonlySet<string>;
    readonly replaced: number;
    readonly isNamed: boolean;
  },
) {
  const { title, body, buttons, weight } = notice;
  const text = cut(printable(body));
  const hints = {
    urgency: ['y', urgencies[weight]],
    ...(isNamed ? { 'desktop-entry': ['s', 'keepsake'] } : {}),
    ...(weight === 'quiet' ? { transient: ['b', true], 'suppress-sound': ['b', true] } : {}),
  };
  return {
    ...{ ...at, member: 'Notify', signature: 'susssasa{sv}i' },
    body: [
      ...['Keepsake', replaced, 'keepsake', cut(printable(title))],
      capabilities.has('body-markup') ? escaped(text) : text,
      capabilities.has('actions') ? buttons.flatMap(({ label }, index) => [actionOf(index), label]) : [],
      Object.entries(hints), // an object of pairs would be guessed at
      weight === 'lasting' ? 0 : -1, // "0: never", "-1: the server decides" (specification, "Notify")
    ],
  };
}

function actionOf(index: number): string {
  return String(index);
}

/** Asked of whose number it is, by the name that nobody gets after them. Never rejects: one that is gone is what was wanted. */
async function close(
  { bus }: Connection,
  { id, owner }: ShownNotice,
  timeoutMs = defaultAnswerTimeoutMs,
): Promise<void> {
  const call = { ...at, destination: owner, member: 'CloseNotification', signature: 'u', body: [id] };
  await bus.call(call, { timeoutMs }).catch(() => undefined);
}

/** @throws AgentError SESSION_BUS_FAILED if the bus itself does not answer. */
async function ownerOf(bus: SessionBus, timeoutMs: number): Promise<string | undefined> {
  const call = { ...busItself, member: 'GetNameOwner', signature: 's', body: [service] };
  try {
    const [owner] = await bus.call(call, { timeoutMs });
    return typeof owner === 'string' ? owner : undefined;
  } catch (error) {
    if (isUnanswered(error)) throw error;
    return undefined; // nobody
  }
}

function escaped(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}
