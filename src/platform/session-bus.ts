// The bus on which programs of one desktop session talk to each other (D-Bus). Calls have a time limit, signals are believed only of who
// owns the name they are asked of, and a bus that goes away is an answer, not a crash. Never starts a bus.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { AgentError, isAgentError } from '../domain/errors.ts';

/** A menu or a list of capabilities has some kilobytes. What is larger is not meant for us: the connection ends. */
const messageBytesMax = 4 * 1024 * 1024;
const busName = 'org.freedesktop.DBus';
const busPath = '/org/freedesktop/DBus';
/** No auto-start (D-Bus specification, "Message Format"): asking whether something is there must not start it. */
const noAutoStart = 2;

export interface BusCall {
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly signature?: string;
  readonly body?: readonly unknown[];
  /** Who is asked may be started for it, if the session knows how. */
  readonly mayStart?: boolean;
}

export interface SignalMatch {
  /** A well-known name; signals of anybody else are ignored. */
  readonly sender?: string;
  readonly path?: string;
  readonly interface: string;
  readonly member: string;
  /** Only those whose first value is this text: for what is told of everybody, as of names, we are not woken by all others. */
  readonly firstValue?: string;
}

export interface SessionBus extends AsyncDisposable {
  /** No two buses have the same one, nor has one that was started again (D-Bus specification, GetId). */
  readonly id: string;
  /** The values of the answer. @throws AgentError SESSION_BUS_FAILED for an error, no answer in time, or a bus that went away. */
  call(call: BusCall, options: { readonly timeoutMs: number }): Promise<readonly unknown[]>;
  /** Signals from now on, until it is disposed. @throws AgentError SESSION_BUS_FAILED */
  onSignal(match: SignalMatch, listener: (body: readonly unknown[]) => void): Promise<AsyncDisposable>;
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;
}

type Environment = Readonly<Record<string, string | undefined>>;
type Library = typeof import('dbus-native');
type Message = import('dbus-native').Message;

/**
 * Where the session's bus is: a socket. Undefined: there is none. The library is given no address, since for some kinds of address it
 * starts programs (`unixexec`, `launchd`), and others mean that a bus is to be started (`autolaunch`).
 */
function findSocket(environment: Environment): string | undefined {
  const addresses = environment['DBUS_SESSION_BUS_ADDRESS'];
  if (addresses !== undefined && addresses !== '')
    return addresses
      .split(';')
      .map(socketOf)
      .find((socket) => socket !== undefined);
  const folder = environment['XDG_RUNTIME_DIR'];
  if (folder === undefined || folder === '') return undefined;
  const path = join(folder, 'bus');
  return existsSync(path) ? path : undefined;
}

/** "unix:path=/run/user/1000/bus,guid=…" (D-Bus specification, "Server Addresses"). */
function socketOf(address: string): string | undefined {
  const prefix = 'unix:';
  if (!address.startsWith(prefix)) return undefined;
  const pairs = address.slice(prefix.length).split(',');
  const readValue = (key: string) => pairs.find((pair) => pair.startsWith(`${key}=`))?.slice(key.length + 1);
  try {
    const path = readValue('path');
    if (path !== undefined) return decodeURIComponent(path);
    const abstract = readValue('abstract');
    return abstract === undefined ? undefined : `\0${decodeURIComponent(abstract)}`;
  } catch {
    return undefined; // a "%" that stands for nothing
  }
}

/** Undefined: this session has no bus, or none that answers in time. */
export async function openSessionBus(
  environment: Environment,
  { timeoutMs }: { readonly timeoutMs: number },
): Promise<SessionBus | undefined> {
  const socket = findSocket(environment);
  if (socket === undefined) return undefined;
  const library = (await import('dbus-native')).default as unknown as Library; // where there is no bus, it is not loaded
  let bus: Bus | undefined;
  try {
    bus = new Bus(library, socket);
    await bus.greet(timeoutMs);
    return bus;
  } catch {
    await bus?.[Symbol.asyncDispose]();
    return undefined;
  }
}

/** True if somebody on the bus has this name. @throws AgentError SESSION_BUS_FAILED */
export async function hasOwner(bus: SessionBus, name: string): Promise<boolean> {
  const [owned] = await bus.call(
    {
      ...{ destination: busName, path: busPath, interface: busName },
      member: 'NameHasOwner',
      signature: 's',
      body: [name],
    },
    { timeoutMs: ownerTimeoutMs },
  );
  return owned === true;
}

const ownerTimeoutMs = 5000;

class NoAnswer extends Error {}

/** True if whoever was asked is there, as far as is known, and did not answer in time. */
export function isUnanswered(error: unknown): boolean {
  return isAgentError(error, 'SESSION_BUS_FAILED') && error.cause instanceof NoAnswer;
}

class Bus implements SessionBus {
  readonly #library: Library;
  readonly #client: ReturnType<Library['createClient']>;
  readonly #closed = Promise.withResolvers<void>();
  readonly #listeners = new Set<{
    readonly match: SignalMatch;
    readonly listener: (body: readonly unknown[]) => void;
  }>();
  /** Who has the names whose signals we listen to. */
  readonly #owners = new Map<string, string>();

  #isClosed = false;
  #id = '';

  constructor(library: Library, socket: string) {
    this.#library = library;
    this.#client = library.createClient({
      ...{ socket, maxMessageSize: messageBytesMax, plainValues: true },
      authMethods: ['EXTERNAL'], // never as anybody else
    });
    const { connection } = this.#client;
    // `handlerError`: somebody sent what neither the library nor we can read. Another connection may be luckier.
    for (const event of ['error', 'close', 'end', 'handlerError']) connection.on(event, () => this.#end());
    connection.on('message', (message: Message) => this.#hear(message));
  }

  get id(): string {
    return this.#id;
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Resolves once the bus has answered. */
  async greet(timeoutMs: number): Promise<void> {
    const getId = { destination: busName, path: busPath, interface: busName, member: 'GetId' };
    const [id] = await this.call(getId, { timeoutMs });
    this.#id = String(id);
  }

  async call(call: BusCall, { timeoutMs }: { readonly timeoutMs: number }): Promise<readonly unknown[]> {
    if (this.#isClosed) throw failed(call, 'the bus is gone');
    const answer = Promise.withResolvers<readonly unknown[]>();
    const fail = (cause: unknown) => answer.reject(failed(call, cause));
    // The library's own limit begins when the call is sent, and one that waits for a bus that never greets is not sent.
    const timer = setTimeout(() => fail(new NoAnswer(`no answer within ${timeoutMs} ms`)), timeoutMs);
    const forgotten = new AbortController();
    const { signature, body, mayStart, ...rest } = call;
    try {
      this.#client.invoke(
        {
          ...rest,
          type: this.#library.messageType.methodCall,
          flags: mayStart === true ? 0 : noAutoStart,
          ...(signature === undefined ? {} : { signature, body: [...(body ?? [])] }),
        },
        { signal: forgotten.signal },
        (error, ...values) => {
          if (error === null || error === undefined) answer.resolve(values);
          else fail(error); // also when the connection ends
        },
      );
    } catch (error) {
      fail(error); // values that do not fit the signature
    }
    try {
      return await answer.promise;
    } finally {
      clearTimeout(timer);
      forgotten.abort(); // or the library would keep what is never answered
    }
  }

  async onSignal(match: SignalMatch, listener: (body: readonly unknown[]) => void): Promise<AsyncDisposable> {
    const { sender } = match;
    const entry = { match, listener };
    this.#listeners.add(entry);
    const rules = [ruleOf(match)];
    const hasOwnerToKnow = sender !== undefined && sender !== busName;
    if (hasOwnerToKnow) {
      const ofBus = { sender: busName, path: busPath, interface: busName };
      rules.push(ruleOf({ ...ofBus, member: 'NameOwnerChanged', firstValue: sender }));
    }
    const stop = async () => {
      if (!this.#listeners.delete(entry)) return;
      // Nobody tells us from now on who has it.
      if (sender !== undefined && !this.#isListenedTo(sender)) this.#owners.delete(sender);
      // On a bus that is gone there is nothing to take back.
      await Promise.allSettled(rules.map((rule) => this.#ask('RemoveMatch', rule)));
    };
    try {
      for (const rule of rules) await this.#ask('AddMatch', rule);
      if (hasOwnerToKnow) await this.#learnOwner(sender);
    } catch (error) {
      void stop();
      throw error;
    }
    return { [Symbol.asyncDispose]: stop };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listeners.clear();
    this.#client.connection.stream.end();
    await setImmediate(); // what was sent has gone out
    this.#end();
  }

  /** Whichever side ends it. A socket that is only half closed would keep a process from ending while the bus hangs (measured). */
  #end(): void {
    this.#isClosed = true;
    this.#client.connection.stream.destroy(); // and the library tells all who wait for an answer
    this.#closed.resolve();
  }

  async #ask(member: string, ...body: readonly string[]): Promise<readonly unknown[]> {
    return await this.call(
      { ...{ destination: busName, path: busPath, interface: busName, member }, signature: 's', body },
      { timeoutMs: ownerTimeoutMs },
    );
  }

  async #learnOwner(name: string): Promise<void> {
    const [owner] = await this.#ask('GetNameOwner', name).catch(() => []); // nobody has it yet
    if (typeof owner === 'string' && !this.#owners.has(name)) this.#owners.set(name, owner);
  }

  #hear(message: Message): void {
    if (message.type !== this.#library.messageType.signal) return;
    const body: readonly unknown[] = Array.isArray(message.body) ? message.body : [];
    if (message.sender === busName && message.member === 'NameOwnerChanged') {
      const [name, , owner] = body;
      if (typeof name === 'string' && typeof owner === 'string') {
        if (owner === '') this.#owners.delete(name);
        else if (this.#isListenedTo(name)) this.#owners.set(name, owner);
      }
    }
    for (const { match, listener } of this.#listeners) if (this.#fits(message, match)) listener(body);
  }

  #isListenedTo(name: string): boolean {
    return [...this.#listeners].some(({ match }) => match.sender === name);
  }

  /** Anybody may send us anything: what the rule of the bus lets through is looked at again. */
  #fits(message: Message, { sender, path, interface: wanted, member, firstValue }: SignalMatch): boolean {
    if (message.interface !== wanted || message.member !== member) return false;
    if (path !== undefined && message.path !== path) return false;
    if (firstValue !== undefined && (!Array.isArray(message.body) || message.body[0] !== firstValue)) return false;
    if (sender === undefined) return true;
    return message.sender === (sender === busName ? busName : this.#owners.get(sender));
  }
}

function ruleOf({ sender, path, interface: of, member, firstValue }: SignalMatch): string {
  const parts = { type: 'signal', sender, path, interface: of, member, arg0: firstValue };
  return Object.entries(parts)
    .flatMap(([key, value]) => (value === undefined ? [] : [`${key}='${value}'`]))
    .join(',');
}

function failed({ destination, member }: BusCall, cause: unknown): AgentError {
  return new AgentError('SESSION_BUS_FAILED', `The desktop did not answer (${destination}, ${member}).`, {
    remedy: 'Log out and in again. Your photos are not affected.',
    cause,
  });
}
