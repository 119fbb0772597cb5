// Notices as the Desktop Notifications Specification has them (1.2): over the session bus, with buttons, replaced and taken back.

import type { Notice } from '../../domain/notice.ts';
import type { OwnerWish } from '../../domain/owner-wish.ts';
import { printable } from '../../domain/printable.ts';
import { hasOwner, openSessionBus, type SessionBus } from '../../platform/session-bus.ts';
import type { NoticeServiceOptions } from './notice-desktop.ts';

const service = 'org.freedesktop.Notifications';
const at = { destination: service, path: '/org/freedesktop/Notifications', interface: service } as const;
/** A desktop that takes longer hangs. */
const answerMsMax = 5000;
/** It is not asked again before: each question would hold up what is shown elsewhere. */
const frozenMs = 60_000;
/** Of each: more is not read in a notice. */
const textCharsMax = 600;
const openMax = 100;
const urgencies = { quiet: 0, normal: 1, lasting: 1 } as const;

interface OpenNotice {
  readonly id: number;
  readonly notice: Notice;
}

interface Connection extends AsyncDisposable {
  readonly bus: SessionBus;
  /** What the desktop can do. Undefined: to be asked anew, it is another one. */
  capabilities: ReadonlySet<string> | undefined;
}

export class BusNotices {
  readonly #options: NoticeServiceOptions;
  #connection: Promise<Connection | undefined> | undefined;
  readonly #open = new Map<string, OpenNotice>();
  #frozenUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: NoticeServiceOptions) {
    this.#options = options;
  }

  /** `frozen`: the desktop is there and does not answer. `unreachable`: there is none, or it refuses. */
  async tryToShow(notice: Notice): Promise<'shown' | 'frozen' | 'unreachable'> {
    const { clock, log } = this.#options;
    if (clock.monotonicMs() < this.#frozenUntilMs) return 'frozen';
    const connection = await this.#connect();
    if (connection === undefined) return 'unreachable';
    const { bus } = connection;
    const beganMs = clock.monotonicMs();
    try {
      connection.capabilities ??= await this.#askCapabilities(bus);
      const id = await this.#send(bus, notice, connection.capabilities);
      this.#open.delete(notice.key);
      this.#open.set(notice.key, { id, notice });
      for (const oldest of [...this.#open.keys()].slice(0, -openMax)) this.#open.delete(oldest);
      return 'shown';
    } catch (error) {
      log.debug({ err: error }, 'a notice could not be shown over the bus');
      if (clock.monotonicMs() - beganMs < answerMsMax) return 'unreachable';
      this.#frozenUntilMs = clock.monotonicMs() + frozenMs;
      return 'frozen';
    }
  }

  /** Never rejects. */
  async withdraw(key: string): Promise<void> {
    const shown = this.#open.get(key);
    this.#open.delete(key);
    const connection = await this.#connection;
    if (shown === undefined || connection === undefined) return;
    if (this.#options.clock.monotonicMs() < this.#frozenUntilMs) return;
    const call = { ...at, member: 'CloseNotification', signature: 'u', body: [shown.id] };
    // Closed by its owner in the meantime, or gone with the desktop: it is not there, which is what was wanted.
    await connection.bus.call(call, { timeoutMs: answerMsMax }).catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const connection = await this.#connection;
    this.#connection = undefined;
    await connection?.[Symbol.asyncDispose]();
  }

  async #connect(): Promise<Connection | undefined> {
    this.#connection ??= this.#listen().catch((error: unknown) => {
      this.#options.log.debug({ err: error }, 'the bus of the session cannot be used');
      return undefined;
    });
    const connection = await this.#connection;
    if (connection === undefined) this.#connection = undefined; // there may be one next time
    return connection;
  }

  async #listen(): Promise<Connection | undefined> {
    const bus = await openSessionBus(this.#options.environment, { timeoutMs: answerMsMax });
    if (bus === undefined) return undefined;
    const from = { sender: service, path: at.path, interface: service };
    const connection: Connection = {
      bus,
      capabilities: undefined,
      [Symbol.asyncDispose]: () => bus[Symbol.asyncDispose](),
    };
    await bus.onSignal({ ...from, member: 'ActionInvoked' }, ([id, action]) => this.#pressed(id, action));
    await bus.onSignal({ ...from, member: 'NotificationClosed' }, ([id]) => this.#closed(id));
    await bus.onSignal(
      { sender: 'org.freedesktop.DBus', interface: 'org.freedesktop.DBus', member: 'NameOwnerChanged' },
      ([name, , owner]) => {
        if (name === service) void this.#ownerChanged(connection, owner !== '');
      },
    );
    void bus.closed.then(() => {
      this.#connection = undefined;
      this.#open.clear();
    });
    return connection;
  }

  async #askCapabilities(bus: SessionBus): Promise<ReadonlySet<string>> {
    const call = { ...at, member: 'GetCapabilities', mayStart: true };
    const [list] = await bus.call(call, { timeoutMs: answerMsMax });
    return new Set(Array.isArray(list) ? list.filter((each) => typeof each === 'string') : []);
  }

  async #send(bus: SessionBus, notice: Notice, capabilities: ReadonlySet<string>): Promise<number> {
    const { key, title, body, buttons, weight } = notice;
    const text = cut(printable(body));
    const actions = capabilities.has('actions') ? buttons.flatMap(({ label }, index) => [String(index), label]) : [];
    const hints = {
      urgency: ['y', urgencies[weight]],
      'desktop-entry': ['s', 'keepsake'],
      ...(weight === 'quiet' ? { transient: ['b', true], 'suppress-sound': ['b', true] } : {}),
    };
    // "-1: the server decides", "0: never" (specification, "Notify").
    const expiresMs = weight === 'lasting' ? 0 : -1;
    const replaced = this.#open.get(key)?.id ?? 0;
    const [id] = await bus.call(
      {
        ...{ ...at, member: 'Notify', mayStart: true, signature: 'susssasa{sv}i' },
        body: [
          'Keepsake',
          replaced,
          'keepsake',
          cut(printable(title)),
          capabilities.has('body-markup') ? escaped(text) : text,
          actions,
          Object.entries(hints), // an object of pairs would be guessed at
          expiresMs,
        ],
      },
      { timeoutMs: answerMsMax },
    );
    if (typeof id !== 'number') throw new Error('the desktop gave no number for a notice');
    return id;
  }

  #pressed(id: unknown, action: unknown): void {
    const [key, shown] = [...this.#open].find(([, each]) => each.id === id) ?? [];
    const wish: OwnerWish | undefined = shown?.notice.buttons[Number(action)]?.wish;
    // Clicking on the text itself ("default") does nothing: what asks for a yes gets it from a button alone.
    if (key === undefined || wish === undefined) return;
    void this.withdraw(key); // some desktops leave it there, to be pressed again
    this.#options.onWish(wish);
  }

  #closed(id: unknown): void {
    for (const [key, shown] of this.#open) if (shown.id === id) this.#open.delete(key);
  }

  /** The numbers of the one before mean nothing to another: they may be somebody else's there. */
  async #ownerChanged(connection: Connection, isThere: boolean): Promise<void> {
    connection.capabilities = undefined;
    const before = [...this.#open.values()];
    if (!isThere) {
      for (const [key, { notice }] of this.#open) this.#open.set(key, { id: noId, notice });
      return;
    }
    this.#open.clear();
    this.#frozenUntilMs = Number.NEGATIVE_INFINITY;
    // What was a question, and was not answered, is asked again.
    for (const { notice } of before) if (notice.weight === 'lasting') await this.tryToShow(notice);
  }

  /** For the doctor and tests: whether somebody shows notices, without starting them. @throws AgentError SESSION_BUS_FAILED */
  async isThere(): Promise<boolean> {
    const connection = await this.#connect();
    return connection !== undefined && (await hasOwner(connection.bus, service));
  }
}

/** "0" is never one of a notice (specification, "Notify"): it replaces nothing. */
const noId = 0;

function cut(text: string): string {
  const characters = [...text];
  return characters.length <= textCharsMax ? text : `${characters.slice(0, textCharsMax - 1).join('')}…`;
}

function escaped(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}
