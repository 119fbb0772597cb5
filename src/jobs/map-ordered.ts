// Works ahead on a few items at once and hands the results over in order.

/**
 * Runs `work` on up to `concurrency` items at a time and yields the results in the items' order. When the consumer stops or
 * an item fails, no further item is begun and those under way are waited for, so that nothing goes on behind one's back.
 */
export async function* mapOrdered<Item, Result>(
  items: Iterable<Item>,
  concurrency: number,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const running: Promise<Result>[] = [];
  const iterator = items[Symbol.iterator]();
  const begin = () => {
    const next = iterator.next();
    if (next.done === true) return;
    const result = work(next.value);
    result.catch(() => undefined); // thrown where it is awaited below; this only keeps Node.js from calling it unhandled
    running.push(result);
  };
  try {
    for (let count = 0; count < concurrency; count += 1) begin();
    for (let first = running.shift(); first !== undefined; first = running.shift()) {
      const result = await first;
      begin();
      yield result;
    }
  } finally {
    iterator.return?.();
    await Promise.allSettled(running);
  }
}
