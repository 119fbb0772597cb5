// Notices through the programs that node-notifier knows: terminal-notifier on macOS, SnoreToast on Windows, notify-send on Linux as the
// second way. Without buttons where those have none. Never waits for long: a program that does not end has shown nothing, or is still
// showing it.

import type { Notice } from '../../domain/notice.ts';
import { printable } from '../../domain/printable.ts';
import { type NoticeService, type NoticeServiceOptions, undelivered } from './notice-desktop.ts';

/** notify-send ends at once, or hangs with the desktop, without ever calling back (measured). */
const answerMsMax = 5000;
const urgencies = { quiet: 'low', normal: 'normal', lasting: 'normal' } as const;

type Callback = (error: unknown, response?: unknown, details?: { readonly activationValue?: string }) => void;

/** What is used of node-notifier. */
interface Notifier {
  notify(options: object, callback: Callback): void;
  readonly NotifySend: new (options: object) => { notify(options: object, callback: Callback): void };
}

export class ProgramNotices implements NoticeService {
  readonly #options: NoticeServiceOptions;
  #notifier: Promise<Notifier> | undefined;

  constructor(options: NoticeServiceOptions) {
    this.#options = options;
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

  async [Symbol.asyncDispose](): Promise<void> {}

  async #send(notifier: Notifier, notice: Notice): Promise<void> {
    const sent = Promise.withResolvers<void>();
    const timer = setTimeout(() => sent.reject(undelivered('notify-send does not end')), answerMsMax);
    // What it is not told of it leaves out; its callback has '' for success (measured).
    const options = { ...textsOf(notice), urgency: urgencies[notice.weight], 'app-name': 'Keepsake' };
    new notifier.NotifySend({ suppressOsdCheck: true }).notify(options, (error) => {
      if (error === null || error === undefined || error === '') sent.resolve();
      else sent.reject(undelivered(error));
    });
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
    const timer = setTimeout(said.resolve, answerMsMax);
    const { buttons, weight } = notice;
    const options = {
      ...textsOf(notice),
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

function textsOf({ title, body }: Notice): { readonly title: string; readonly message: string } {
  // A text that begins with a dash would be an option of the program.
  const harmless = (text: string) => printable(text).replace(/^-/, '–');
  return { title: harmless(title), message: harmless(body) || ' ' };
}
