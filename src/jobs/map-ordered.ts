// Works ahead on a few items at once and hands the results over in order.

export interface MapOrderedLimits<Item> {
  /** Items under way at one time; where they have weights, what those may come to. One item is always begun, whatever its weight. */
  readonly atOnce: number;
  /** 1 for each if not given. */
  readonly weigh?: (item: Item) => number;
  /** Results that may wait to be taken: so long work goes on while the consumer is busy. As many as `atOnce` if not given. */
  readonly waiting?: { readonly max: number; readonly weigh: (item: Item) => number };
}

/**
 * Runs `work` on a few items at a time and yields the results in the items' order. When the consumer stops or an item fails, no
 * further item is begun and those under way are waited for, so that nothing goes on behind one's back.
 */
export async function* mapOrdered<Item, Result>(
  items: Iterable<Item>,
  { atOnce, weigh = () => 1, waiting = { max: atOnce, weigh: () => 1 } }: MapOrderedLimits<Item>,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const results: { readonly result: Promise<Result>; readonly waitingWeight: number }[] = [];
  const iterator = items[Symbol.iterator]();
  let next: IteratorResult<Item, unknown> | undefined;
  let weightUnderWay = 0;
  let underWay = 0;
  /** Of results that are there. */
  let waitingWeight = 0;
  let isStopped = false;
  const keep = (result: Promise<Result>, ownWaitingWeight: number) => {
    result.catch(() => undefined); // thrown where it is awaited below; this only keeps Node.js from calling it unhandled
    results.push({ result, waitingWeight: ownWaitingWeight });
  };
  const attempt = async (item: Item, weight: number, ownWaitingWeight: number) => {
    underWay += 1;
    weightUnderWay += weight;
    try {
      return await work(item);
    } catch (error) {
      isStopped = true;
      throw error;
    } finally {
      underWay -= 1;
      weightUnderWay -= weight;
      waitingWeight += ownWaitingWeight;
      beginMore();
    }
  };
  const beginMore = () => {
    try {
      while (!isStopped && waitingWeight < waiting.max) {
        next ??= iterator.next();
        if (next.done === true) return;
        const weight = weigh(next.value);
        if (underWay > 0 && weightUnderWay + weight > atOnce) return;
        const ownWaitingWeight = waiting.weigh(next.value);
        keep(attempt(next.value, weight, ownWaitingWeight), ownWaitingWeight);
        next = undefined;
      }
    } catch (error) {
      isStopped = true;
      keep(Promise.reject(error), 0); // at its turn, as if it were a result
    }
  };
  try {
    beginMore();
    for (let first = results[0]; first !== undefined; first = results[0]) {
      const result = await first.result;
      results.shift();
      waitingWeight -= first.waitingWeight;
      beginMore();
      yield result;
    }
  } finally {
    isStopped = true;
    iterator.return?.();
    await Promise.allSettled(results.map(({ result }) => result));
  }
}
