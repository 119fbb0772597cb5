// Notices through the programs that node-notifier knows: terminal-notifier on macOS, SnoreToast on Windows, notify-send on Linux as the
// second way. Without buttons where those have none. Never waits for long: a program that does not end has shown nothing, or is still
// showing it.

import type { ChildProcess } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import type { Notice } from '../../domain/notice.ts';
import { printable } from '../../domain/printable.ts';
import { readSessionEnvironment, sessionKeys } from '../../platform/service-manager.ts';
import {
  cut,
  defaultAnswerTimeoutMs,
  type NoticeService,
  type NoticeServiceOptions,
  undelivered,
} from './notice-desktop.ts';

/** notify-send that hung is not started again before. */
const hungMs = 60_000;
const urgencies = { quiet: 'low', normal: 'normal', lasting: 'normal' } as const;

type Callback = (error: unknown, response?: unknown, details?: { readonly activationValue?: string }) => void;

/** What is used of node-notifier. */
interface Notifier {
  notify(options: object, callback: Callback): void;
  readonly NotifySend: new (options: object) => { notify(options: object, callback: Callback): void };
}

export class ProgramNotices implements NoticeService {
  readonly #options: NoticeServiceOptions;
  readonly #answerTimeoutMs: number;
  #notifier: Promise<Notifier> | undefined;
  #hungUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: NoticeServiceOptions) {
    this.#options = options;
    this.#answerTimeoutMs = options.answerTimeoutMs ?? defaultAnswerTimeoutMs;
  }

  async show(notice: Notice): Promise<void> {
    this.#notifier ??= import('node-notifier').then(({ default: notifier }) => notifier as unknown as Notifier);
    const notifier = await this.#notifier;
    const platform = this.#options.platform ?? process.platform;
    if (platform === 'linux') return await this.#send(notifier, notice);
    await this.#ask(notifier, notice);
  }

  /** They go away by themselves; what these programs have shown cannot be taken back. */
  async withdraw(): Promise<void> {}

  async takeBackLeftOvers(): Promise<readonly string[]> {
    return [];
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** notify-send ends at once, or hangs with the desktop, and then node-notifier never calls back (measured). */
  async #send(notifier: Notifier, notice: Notice): Promise<void> {
    const { clock } = this.#options;
    if (clock.monotonicMs() < this.#hungUntilMs) throw undelivered('notify-send did not end the last time');
    const session = await readSessionEnvironment(this.#options.environment);
    const sent = Promise.withResolvers<void>();
    const { weight } = notice;
    const options = {
      ...{ ...textsOf(notice, asPlainText), urgency: urgencies[weight], 'app-name': 'Keepsake' },
      ...(weight === 'quiet' ? { hint: 'int:transient:1' } : {}),
      ...(weight === 'lasting' ? { 'expire-time': 0 } : {}),
    };
    const send = () =>
      new notifier.NotifySend({ suppressOsdCheck: true }).notify(options, (error) => {
        // Its callback has '' for success (measured).
        if (error === null || error === undefined || error === '') sent.resolve();
        else sent.reject(undelivered(error));
      });
    const program = startedBy(() => inSession(session, send));
    const timer = setTimeout(() => {
      this.#hungUntilMs = clock.monotonicMs() + hungMs;
      sent.reject(undelivered('notify-send does not end'));
      endWithChildren(program);
    }, this.#answerTimeoutMs);
    try {
      await sent.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * macOS and Windows; by node-notifier's own description, never run by us. The program stays until the notice was clicked, so its end
   * is not waited for; only what it says at once is an error.
   */
  async #ask(notifier: Notifier, notice: Notice): Promise<void> {
    const said = Promise.withResolvers<void>();
    const timer = setTimeout(said.resolve, this.#answerTimeoutMs);
    const { buttons, weight } = notice;
    const options = {
      ...textsOf(notice, (text) => text),
      ...{ sound: false, wait: buttons.length > 0, actions: buttons.map(({ label }) => label) },
      timeout: weight === 'lasting' ? 3600 : 20,
    };
    notifier.notify(options, (error, response, details) => {
      clearTimeout(timer);
      if (error instanceof Error) said.reject(undelivered(error));
      else said.resolve();
      const pressed = buttons.find(({ label }) => label === details?.activationValue || label === response);
      if (pressed !== undefined) this.#options.onWish(pressed.wish);
    });
    await said.promise;
  }
}

type Texts = { readonly title: string; readonly message: string };

function textsOf({ title, body }: Notice, inBody: (text: string) => string): Texts {
  // A text that begins with a dash would be an option of the program.
  const harmless = (text: string) => cut(printable(text)).replace(/^-/, '–');
  return { title: harmless(title), message: harmless(inBody(body)) || ' ' };
}

/**
 * Whether the desktop reads markup is not known here: an escaped "<" would be shown as "&lt;" where it does not, and a bare one would begin
 * a link or a picture where it does. This one is neither.
 */
function asPlainText(text: string): string {
  return text.replace(/</g, '‹');
}

/** node-notifier starts its program, before it returns, with the environment of this process, and takes no other. */
function inSession(session: NoticeServiceOptions['environment'], act: () => void): void {
  const before = { ...process.env };
  for (const key of sessionKeys) if (session[key] !== undefined) process.env[key] = session[key];
  try {
    act();
  } finally {
    for (const key of sessionKeys) {
      if (before[key] === undefined) delete process.env[key];
      else process.env[key] = before[key];
    }
  }
}

/** node-notifier keeps the program that it starts to itself; Node.js tells of each (diagnostics channel "child_process"). */
function startedBy(act: () => void): ChildProcess | undefined {
  let started: ChildProcess | undefined;
  const hear = (message: unknown) => {
    started ??= (message as { readonly process?: ChildProcess }).process;
  };
  subscribe('child_process', hear);
  try {
    act();
  } finally {
    unsubscribe('child_process', hear);
  }
  return started;
}

/** node-notifier starts a shell, which starts the program and waits for it: the shell alone would leave it behind (measured, dash). */
function endWithChildren(shell: ChildProcess | undefined): void {
  if (shell?.pid === undefined || shell.exitCode !== null || shell.signalCode !== null) return;
  for (const child of childrenOf(shell.pid)) {
    try {
      process.kill(child, 'SIGKILL');
    } catch {
      // it has ended in the meantime
    }
  }
  shell.kill('SIGKILL');
}

function childrenOf(id: number): readonly number[] {
  try {
    return readFileSync(`/proc/${id}/task/${id}/children`, 'utf8')
      .split(' ')
      .map(Number)
      .filter((child) => child > 1);
  } catch {
    return []; // a kernel without this list: the program is left to itself
  }
}
