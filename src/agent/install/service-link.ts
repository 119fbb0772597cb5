// What the running agent tells whoever started it at login: ready, how it goes, alive, stopping. In order, one at a time, and
// never in the agent's way; without a service manager it does nothing.

import { notifyServiceManager, type ServiceNews, watchdogIntervalMs } from '../../platform/service-manager.ts';
import type { Environment } from '../paths.ts';

/** How often the agent calls `alive`. */
const tickMs = 60_000;

export interface ServiceLink extends Disposable {
  /** It watches and answers. */
  ready(status: string): void;
  /** One line for whoever looks; of several in a row only the last is told. */
  status(text: string): void;
  /** To be called once a minute from the agent's own loop: an agent that hangs falls silent, and is started again. */
  alive(): void;
  stopping(): void;
  /** Resolves when all that was said so far has been heard, or given up. */
  heard(): Promise<void>;
}

export function openServiceLink(environment: Environment): ServiceLink {
  let told = Promise.resolve();
  let waiting: ServiceNews | undefined;
  const tell = (news: ServiceNews) => {
    // What still waits goes out together: they do not contradict each other, and a newer status takes the older's place.
    const isFirst = waiting === undefined;
    waiting = { ...waiting, ...news };
    if (!isFirst) return;
    told = told.then(async () => {
      const gathered = waiting ?? {};
      waiting = undefined;
      await notifyServiceManager(environment, gathered);
    });
  };
  const intervalMs = watchdogIntervalMs(environment);
  const alive = () => {
    if (intervalMs !== undefined) tell({ watchdog: true });
  };
  // As it is installed, the agent's minute is often enough and there is no other timer. Who shortened the time gets one.
  const timer = intervalMs !== undefined && intervalMs < tickMs ? setInterval(alive, intervalMs) : undefined;
  timer?.unref();
  return {
    alive,
    ready: (status) => tell({ ready: true, status }),
    status: (status) => tell({ status }),
    stopping: () => tell({ stopping: true }),
    heard: () => told,
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
