// Waiting for something that may never answer: for so long, or until the caller gives up.
// Promises to measure by the monotonic clock, and that what is no longer waited for cannot surface as an unhandled
// rejection.

const slices = 4;

/**
 * Resolves after `durationMs` by the monotonic clock, in slices: a machine that wakes from sleep, or an event loop that
 * was busy, has used up one slice at most, and whoever is waited for still gets the others.
 */
export function after(durationMs: number): { promise: Promise<void>; cancel: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  let slicesLeft = slices;
  let timer = setTimeout(tick, durationMs / slices);
  function tick(): void {
    slicesLeft -= 1;
    if (slicesLeft === 0) resolve();
    else timer = setTimeout(tick, durationMs / slices);
  }
  return { promise, cancel: () => clearTimeout(timer) };
}

/** `work`, or a rejection with the signal's reason as soon as there is one; `work` itself runs on. */
export function untilAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  if (signal.aborted) {
    work.catch(() => {}); // Nobody waits for it any more.
    return Promise.reject(signal.reason);
  }
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
