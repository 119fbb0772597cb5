// Shows notices on whatever desktop there is. A desktop that is absent, frozen or restarted is an error for whoever shows, and nothing
// more: nobody waits for long, nothing ends.

import type { Notice } from '../../domain/notice.ts';
import { BusNotices } from './bus-notices.ts';
import { type NoticeService, type NoticeServiceOptions, undelivered } from './notice-desktop.ts';
import { ProgramNotices } from './program-notices.ts';

/** Opens nothing before the first notice is shown. */
export function openNoticeService(options: NoticeServiceOptions): NoticeService {
  const programs = new ProgramNotices(options);
  const platform = options.platform ?? process.platform;
  return platform === 'linux' ? new EitherWay(new BusNotices(options), programs) : programs;
}

/** With buttons over the bus; through a program where that fails, but not where the desktop hangs: it would hang too. */
class EitherWay implements NoticeService {
  readonly #bus: BusNotices;
  readonly #programs: ProgramNotices;

  constructor(bus: BusNotices, programs: ProgramNotices) {
    this.#bus = bus;
    this.#programs = programs;
  }

  async show(notice: Notice): Promise<void> {
    const outcome = await this.#bus.tryToShow(notice);
    if (outcome === 'frozen') throw undelivered('the desktop does not answer');
    if (outcome === 'unreachable') await this.#programs.show(notice);
  }

  async withdraw(key: string): Promise<void> {
    await this.#bus.withdraw(key);
  }

  async takeBackLeftOvers(): Promise<readonly string[]> {
    return await this.#bus.takeBackLeftOvers();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#bus[Symbol.asyncDispose]();
  }
}
